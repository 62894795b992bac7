//! `loa demo`: everything on one machine. Made-up residents are imported, the shipped campaigns run through stand-in
//! gateways on loopback, receipts come back, and the figures are shown, recounted, and held against the stand-ins' log. Then the
//! console waits for whoever wants to try it, with users of its own.

mod authority;
mod compare;
mod office;
mod partners;
mod people;

use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use chrono::Timelike as _;
use serde_json::json;

use super::{Globals, log, serve::stop_asked};
use crate::{
    app::{App, Options},
    audience::import::{Order, import},
    campaign::Library,
    clock::Clock,
    db::Sql,
    delivery::State,
    on, phrase,
    report::{self, Cut, Selection},
    run,
    sandbox::{self, Sandbox},
    tally,
    words::{self, Lang, Phrase, number},
};

use authority::Authority;
use compare::compare;

/// Run the main job on made-up people through stand-in gateways on this machine
#[derive(clap::Args)]
pub struct Args {
    /// How many made-up residents
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..=5_000_000))]
    recipients: u64,
    /// Messages a second that each stand-in account may be sent
    #[arg(long, value_name = "R", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: u32,
    /// End when everything is sent, instead of leaving the pages running
    #[arg(long)]
    exit: bool,
    /// Where its files go; what an earlier demo left there is replaced
    #[arg(long, value_name = "FOLDER", default_value = "loa-demo")]
    dir: PathBuf,
    /// One seed, the same people and the same fates
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

static RUNS: Sql = Sql::new(r"SELECT count(*) FROM run");

/// A clock within the hours in which awareness may be sent: now, or nine o'clock of this day.
fn daytime(clock: &Clock) -> Clock {
    let local = clock.now().with_timezone(&chrono_tz::Asia::Ho_Chi_Minh);
    if (8..20).contains(&local.hour()) {
        return clock.clone();
    }
    let nine = local.date_naive().and_hms_opt(9, 0, 0).and_then(|at| at.and_local_timezone(local.timezone()).single());
    nine.map_or_else(|| clock.clone(), |at| Clock::showing(at.to_utc()))
}

/// Runs the demo.
pub async fn run(args: Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    // Its gateways fail now and then, as real ones do: that is shown on the pages, not between these lines.
    log::start(Some("error"));
    let globals = &Globals { clock: daytime(&globals.clock), ..globals.clone() };
    let lang = globals.lang;
    let begun = Instant::now();
    office::prepare(&args).with_context(|| format!("the folder {} cannot be prepared", args.dir.display()))?;
    let stand_ins = office::stand_ins(&args).await?;
    let carriers = partners::start(&globals.clock, args.seed).await?;
    let authority = Authority::start(&globals.clock).await?;
    let config = office::config(&args, &stand_ins, &authority)?;
    let opened = crate::app::open(&config).await?;

    say(
        &phrase!(
            "Nhập danh sách {0} người (hư cấu)…",
            "Importing a list of {0} made-up people…",
            number(count_of(args.recipients), lang)
        ),
        globals,
    )?;
    let order = Order { path: args.dir.join("residents.csv"), source: "demo".into(), replace: false, lang };
    let summary = import(&opened.db, &opened.seal, &globals.clock, &order, |_| {}).await?;
    opened.db.close().await;
    let imported = begun.elapsed();
    say(
        &phrase!(
            "Đã nhập {0} người trong {1} giây ({2} dòng bị từ chối).",
            "Imported {0} people in {1} s ({2} rows refused).",
            number(count_of(summary.added), lang),
            words::seconds(imported, lang),
            summary.rejected
        ),
        globals,
    )?;

    let holidays = Globals::holidays(&config)?;
    let options = Options { cadence: false, ..Options::default() };
    let app = App::start(config.clone(), globals.clock.clone(), holidays.clone(), options).await?;
    if let Some(account) = app.accounts.named("speedsms")
        && let Some(url) = &account.callback
    {
        stand_ins.send_receipts_to(sandbox::Gateway::Speedsms, url);
    }
    let library = app.library.read().map(|l| l.clone()).unwrap_or_default();
    let (visitors, talk) = match app.address {
        Some(address) if !args.exit => {
            let url = format!("http://{address}");
            partners::outlets(&app, &carriers).await?;
            let people = people::add(&app, &library).await?;
            let talk = partners::talk(&app, carriers, &url).await?;
            authority::look(&app, &config).await?;
            (Some((people, url)), Some(talk))
        }
        _ => (None, None),
    };
    if let Some((people, url)) = &visitors {
        people::introduce(&mut out(globals), people, url, lang)?;
    }
    let sending = Instant::now();
    let runs = make_runs(&app, &library, &holidays, talk.is_some(), globals).await?;
    watch(&app, &stand_ins, &runs, lang).await?;
    let sent_in = sending.elapsed();

    let agreed = figures(&app, &stand_ins, &runs, sent_in, globals).await?;
    if let Some((people, url)) = &visitors {
        people::first_steps(&mut out(globals), people, url, lang)?;
    }
    if !args.exit {
        stop_asked().await?;
    }
    drop(talk);
    app.stop().await?;
    stand_ins.stop(sandbox::Outstanding::Drop).await;
    Ok(if agreed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A count as [`number`] takes it.
fn count_of(n: impl TryInto<i64>) -> i64 {
    n.try_into().unwrap_or(i64::MAX)
}

/// So many in so long, a second.
fn rate(n: i64, span: Duration) -> i64 {
    i64::try_from(i128::from(n) * 1000 / i128::try_from(span.as_millis().max(1)).unwrap_or(1)).unwrap_or(i64::MAX)
}

/// Where words go: beside the data, where those are asked for.
fn out(globals: &Globals) -> Box<dyn io::Write> {
    if globals.json { Box::new(io::stderr()) } else { Box::new(io::stdout()) }
}

fn say(words: &Phrase, globals: &Globals) -> io::Result<()> {
    writeln!(out(globals), "{}", words.text(globals.lang))
}

async fn make_runs(
    app: &App,
    library: &Library,
    holidays: &crate::campaign::Holidays,
    carriers: bool,
    globals: &Globals,
) -> anyhow::Result<Vec<(i64, String)>> {
    let mut runs = Vec::new();
    // Carriers are asked where there are some, and somebody to see what they answer.
    for source in library.campaigns.values().filter(|source| carriers || !source.campaign.is_relay_alone()) {
        let now = globals.clock.now();
        let asked = run::make::Asked { source, segments: &library.segments_text, recipients: &[], once: None, by: None };
        let run = run::make::asked(&app.db, &asked, holidays, now).await?;
        runs.push((run, source.campaign.title.clone()));
    }
    app.wake().await?;
    Ok(runs)
}

/// Shows how the runs go on until nothing is left to send and every receipt that will come has been joined.
async fn watch(app: &App, stand_ins: &Sandbox, runs: &[(i64, String)], lang: Lang) -> anyhow::Result<()> {
    let live = io::stderr().is_terminal();
    let ids: Vec<i64> = runs.iter().map(|(id, _)| *id).collect();
    let begun = Instant::now();
    let mut quiet = 0;
    loop {
        tokio::time::sleep(Duration::from_millis(250)).await;
        let (mut all, mut waiting, mut arrived) = (0i64, 0i64, 0i64);
        for (key, count) in tally::of_runs(&app.db, &ids).await? {
            all += count.n;
            match State::from_number(key.state) {
                State::Pending | State::Submitting => waiting += count.n,
                state if state.is_confirmed() => arrived += count.n,
                _ => {}
            }
        }
        if live {
            let progress = phrase!(
                "\r{0} lượt tin · chờ gửi {1} · đã đến {2} · {3} lượt/giây   ",
                "\r{0} deliveries · waiting {1} · arrived {2} · {3} a second   ",
                number(all, lang),
                number(waiting, lang),
                number(arrived, lang),
                number(rate(all - waiting, begun.elapsed()), lang)
            );
            write!(io::stderr(), "{}", progress.text(lang))?;
            io::stderr().flush()?;
        }
        let fanned = app.active.runs().iter().all(|run| run.row.state != crate::active::RunState::FanningOut as i16);
        if fanned && all > 0 && waiting == 0 {
            stand_ins.settled().await;
            // A receipt may still be the next channel's turn: it is over when three looks find nothing new.
            quiet += 1;
            if quiet >= 3 {
                break;
            }
        } else {
            quiet = 0;
        }
    }
    if live {
        writeln!(io::stderr())?;
    }
    Ok(())
}

/// Shows the figures, recounts them, and holds them against the stand-ins' log. True: everything agrees.
async fn figures(
    app: &App,
    stand_ins: &Sandbox,
    runs: &[(i64, String)],
    sent_in: Duration,
    globals: &Globals,
) -> anyhow::Result<bool> {
    let lang = globals.lang;
    let ids: Vec<i64> = runs.iter().map(|(id, _)| *id).collect();
    let tallies = tally::of_runs(&app.db, &ids).await?;
    let taken = stand_ins.taken();
    let differences = tally::differences(&app.db).await?;
    let compared = compare(&app.db, &app.seal, &taken).await?;
    // What a visitor sends from the console is on its way while this looks.
    let all: i64 = on!(app.db.read, |pool, sql| sqlx::query_scalar(sql(&RUNS)).fetch_one(pool).await)?;
    let compared = (all == count_of(runs.len())).then_some(compared);
    let agreed = differences.is_empty() && compared.is_none_or(|compared| compared.wrong() == 0);
    let deliveries: i64 = tallies.values().map(|c| c.n).sum();
    if globals.json {
        Globals::print_json(&json!({
            "deliveries": deliveries,
            "seconds": sent_in.as_secs_f64(),
            "taken_by_stand_ins": taken.len(),
            "accepted": compared.map(|compared| compared.accepted),
            "in_doubt": compared.map(|compared| compared.doubtful),
            "differences": differences.len() + compared.map_or(0, |compared| compared.wrong()),
        }))?;
        return Ok(agreed);
    }
    let page = report::report(&app.db, &Selection::default(), Some(Cut::Channel), globals.clock.millis()).await?;
    write!(io::stdout(), "\n{}\n", super::report::page::report(&page, lang))?;
    say(
        &phrase!(
            "Gửi xong trong {0} giây: {1} lượt mỗi giây.",
            "Sent in {0} s: {1} deliveries a second.",
            words::seconds(sent_in, lang),
            number(rate(deliveries, sent_in), lang)
        ),
        globals,
    )?;
    let held = match compared {
        Some(compared) => phrase!(
            "Đối chiếu: cổng giả ghi {0} tin; cơ sở dữ liệu ghi {1} tin cổng đã nhận, {2} tin chưa rõ kết quả; trùng {3}, thiếu {4}, thừa {5}.",
            "Compared: the stand-ins logged {0} messages; the database holds {1} as taken and {2} in doubt; doubled {3}, missing {4}, unknown {5}.",
            number(count_of(taken.len()), lang),
            number(compared.accepted, lang),
            number(compared.doubtful, lang),
            compared.doubled,
            compared.missing,
            compared.foreign
        ),
        None => phrase!(
            "Không đối chiếu với cổng giả: đã có thêm đợt gửi từ trang quản lý.",
            "Not compared with the stand-ins' log: something was sent from the console meanwhile."
        ),
    };
    say(&held, globals)?;
    let verified = if differences.is_empty() {
        phrase!("Kiểm đếm lại từng dòng: khớp.", "Recounted from the rows: no difference.")
    } else {
        phrase!("Kiểm đếm lại: {0} chỗ lệch!", "Recounted: {0} differences!", differences.len())
    };
    say(&verified, globals)?;
    Ok(agreed)
}
