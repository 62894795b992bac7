//! `loa send`: makes a run now.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;

use super::{Globals, Mistake, check::texts, no_such_campaign, outlook};
use crate::{
    account::{self, standing},
    active::{Active, RunState},
    app, approval,
    audience::{
        count::{Count, count},
        segment::compile_audience,
    },
    campaign::{Condition, Segments, Source},
    config::Config,
    db::Db,
    delivery::State,
    message::review,
    phrase, preview,
    run::{self, RunError},
    tally,
    words::Phrase,
};

/// Make a run of a campaign now; `loa serve` sends it
#[derive(clap::Args)]
pub struct Args {
    /// The campaign
    campaign: String,
    /// Say whom it would go to, and make nothing
    #[arg(long)]
    dry_run: bool,
    /// Only to these people, by ref: a test, which needs no approval and counts in no figure
    #[arg(long, value_name = "REF", num_args = 1..)]
    to: Vec<String>,
    /// Follow it until nothing is left to send
    #[arg(long)]
    wait: bool,
}

/// Makes the run, and follows it where asked to.
pub async fn run(args: Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    let config = globals.settings()?;
    let holidays = Globals::holidays(&config)?;
    let library = globals.library(&config).await;
    let Some(source) = library.campaigns.get(&args.campaign) else {
        return Err(no_such_campaign(&args.campaign, &config, &library).into());
    };
    let opened = app::open(&config).await?;
    let db = &opened.db;
    let now = globals.clock.now();
    warn_of_refusals(globals, &config, source)?;
    if args.dry_run {
        return dry_run(globals, &config, db, source, &library.segments).await;
    }
    if args.to.is_empty() {
        if !approval::approved(db, &config, source).await? {
            return Err(RunError::NotApproved(args.campaign).into());
        }
        somebody(db, source, &library.segments, now.timestamp_millis()).await?;
    } else {
        known_people(db, &args.to).await?;
    }
    let (segments, recipients, by) = (&library.segments_text, &args.to, globals.whoever());
    let action = if recipients.is_empty() { "campaign.send" } else { "campaign.test" };
    let asked = run::make::Asked { source, segments, recipients, once: None, by: Some((&by, action)) };
    let run = run::make::asked(db, &asked, &holidays, now).await?;
    if globals.json && !args.wait {
        Globals::print_json(&json!({ "run": run, "campaign": args.campaign }))?;
    } else if !globals.json {
        let made = phrase!("Đã tạo đợt gửi số {run}.", "Made run {run}.");
        writeln!(io::stdout(), "{}", made.text(globals.lang))?;
    }
    if args.wait { follow(globals, &config, db, run).await } else { Ok(ExitCode::SUCCESS) }
}

/// Says which accounts would not take this campaign's texts today: what goes to them is rejected, not sent. And which channels none
/// serves: what goes there waits.
fn warn_of_refusals(globals: &Globals, config: &Config, source: &Source) -> anyhow::Result<()> {
    let file = config.campaigns_dir.join(format!("{}.toml", source.campaign.slug));
    let templates = texts::compile(source, &file, &config.office, None)?;
    let today = globals.clock.now().with_timezone(&source.campaign.timezone()).date_naive();
    let days = vec![vec![today]; source.campaign.messages.len()];
    for refusal in review::refusals(&templates, &source.campaign, &config.accounts, &days) {
        let (id, lang) = (&source.campaign.messages[refusal.message].id, &refusal.lang);
        writeln!(io::stderr(), "⚠ {id} ({lang}): {}", refusal.phrase().text(globals.lang))?;
    }
    for channel in review::unserved(&source.campaign, &config.accounts) {
        writeln!(io::stderr(), "⚠ {}", review::without_account(channel).text(globals.lang))?;
    }
    Ok(())
}

/// Refs that nobody has are a mistake, before anything is made.
async fn known_people(db: &Db, refs: &[String]) -> anyhow::Result<()> {
    for one in refs {
        if !preview::recipient::exists(db, one).await? {
            let words = phrase!("không có người nhận `{one}` trong danh sách", "there is no recipient `{one}` in the list");
            return Err(Mistake(words).into());
        }
    }
    Ok(())
}

/// A run for nobody is a mistake: a list without groups, or one that was not imported yet.
async fn somebody(db: &Db, source: &Source, segments: &Segments, now: i64) -> anyhow::Result<()> {
    if addressed(db, source, segments, now).await?.people > 0 {
        return Ok(());
    }
    let (slug, names) = (&source.campaign.slug, source.campaign.audience.segments.join(" "));
    Err(Mistake(phrase!(
        "danh sách không có ai thuộc đối tượng của `{slug}`: xem `loa audience count {names}`",
        "nobody in the list is in the audience of `{slug}`: see `loa audience count {names}`"
    ))
    .into())
}

/// Whom a run would go to.
async fn addressed(db: &Db, source: &Source, segments: &Segments, now: i64) -> anyhow::Result<Count> {
    let lookup = |slug: &str| -> Option<&Condition> { segments.get(slug).map(|s| &s.condition) };
    let audience = compile_audience(&source.campaign.audience, &lookup, db.engine(), 1, now)?;
    Ok(count(db, &audience, now).await?)
}

async fn dry_run(globals: &Globals, config: &Config, db: &Db, source: &Source, segments: &Segments) -> anyhow::Result<ExitCode> {
    let now = globals.clock.millis();
    let people = addressed(db, source, segments, now).await?;
    let outlook = outlook::of_campaign(db, config, source, segments, globals.clock.now()).await?;
    if globals.json {
        Globals::print_json(&json!({
            "campaign": source.campaign.slug, "people": people.people, "sms": people.phone, "email": people.email, "chat": people.chat,
            "outlook": outlook.as_ref().map(outlook::Told::json),
        }))?;
    } else {
        let text = phrase!(
            "{0}: {1} người; có số điện thoại {2}, thư điện tử {3}, tài khoản chat {4}. Chưa tạo gì.",
            "{0}: {1} people; with a phone {2}, e-mail {3}, chat {4}. Nothing was made.",
            source.campaign.title,
            people.people,
            people.phone,
            people.email,
            people.chat
        );
        writeln!(io::stdout(), "{}", text.text(globals.lang))?;
        if let Some(outlook) = outlook.filter(|_| !config.accounts.is_empty()) {
            writeln!(io::stdout(), "{}", outlook::sentence(&outlook).text(globals.lang))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Looks at a run's progress between two at what it waits for.
const WAITS: u64 = 4;

/// What a run has left to send, and what was sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Progress {
    people: i64,
    waiting: i64,
    doubtful: i64,
    taken: i64,
    failed: i64,
}

async fn progress(db: &Db, run: i64) -> anyhow::Result<Progress> {
    let mut progress = Progress::default();
    for (key, count) in tally::of_runs(db, &[run]).await? {
        progress.people += count.n;
        match State::from_number(key.state) {
            State::Pending | State::Submitting => progress.waiting += count.n,
            State::InDoubt => progress.doubtful += count.n,
            State::Accepted | State::Enroute | State::Delivered | State::Seen => progress.taken += count.n,
            state if state.has_failed() => progress.failed += count.n,
            _ => {}
        }
    }
    Ok(progress)
}

/// Says once of each account that waits for a person, so that nobody waits for it in silence.
async fn tell_of_stopped(globals: &Globals, db: &Db, told: &mut BTreeSet<i64>) -> anyhow::Result<()> {
    for (name, row) in standing::rows(db).await? {
        if let Some(why) = row.paused.as_deref().filter(|_| told.insert(row.id)) {
            let text = phrase!(
                "\nTài khoản {name} đã dừng ({why}): xử lý xong thì chạy `loa accounts --resume {name}`.",
                "\nThe account {name} is paused ({why}): once it is mended, run `loa accounts --resume {name}`."
            );
            writeln!(io::stderr(), "{}", text.text(globals.lang))?;
        }
    }
    Ok(())
}

/// Says what a run waits for, each thing once: nobody is to take a run that stands still for one that hangs.
async fn tell_of_waits(
    globals: &Globals,
    config: &Config,
    active: &Active,
    db: &Db,
    run: i64,
    told: &mut BTreeSet<&'static str>,
) -> anyhow::Result<()> {
    active.refresh().await?;
    let Some(run) = active.get(run) else { return Ok(()) };
    let now = globals.clock.millis();
    let lines = outlook::lines(db, config, globals.clock.now()).await?;
    for wait in run::wait::of(db, &run, &lines, now).await? {
        if wait.stands_still() && told.insert(wait.name()) {
            let Phrase { vi, en } = wait.phrase(now);
            let text = phrase!("\nĐang chờ: {vi}.", "\nIt waits: {en}.");
            writeln!(io::stderr(), "{}", text.text(globals.lang))?;
        }
    }
    Ok(())
}

/// Shows how a run goes on until nothing is left to send.
async fn follow(globals: &Globals, config: &Config, db: &Db, run: i64) -> anyhow::Result<ExitCode> {
    let live = io::stderr().is_terminal() && !globals.json;
    let (mut told, mut waits) = (BTreeSet::new(), BTreeSet::new());
    let phones = config.accounts.iter().any(account::reaches_phones);
    let active = Active::new(db.clone(), config.office.clone()).reaching_phones(phones);
    for turn in 0_u64.. {
        let row = run::command::get(db, run).await?;
        let now = progress(db, run).await?;
        if live {
            let text = phrase!(
                "\rChờ gửi {0} · cổng gửi đã nhận {1} · không đến được {2} · chưa rõ {3}   ",
                "\rwaiting {0} · taken {1} · failed {2} · in doubt {3}   ",
                now.waiting,
                now.taken,
                now.failed,
                now.doubtful
            );
            write!(io::stderr(), "{}", text.text(globals.lang))?;
        }
        if now.waiting > 0 && !globals.json {
            tell_of_stopped(globals, db, &mut told).await?;
            // Not at once: what goes in a moment waits for nothing.
            if turn % WAITS == WAITS - 1 {
                tell_of_waits(globals, config, &active, db, run, &mut waits).await?;
            }
        }
        let sent = row.state() != RunState::FanningOut && now.waiting == 0 && now.doubtful == 0;
        if sent || row.settled_at.is_some() {
            if live {
                writeln!(io::stderr())?;
            }
            if globals.json {
                Globals::print_json(&json!({
                    "run": run, "state": row.state().name(), "taken": now.taken, "failed": now.failed, "deliveries": now.people,
                }))?;
            }
            return Ok(if row.state() == RunState::Aborted { ExitCode::FAILURE } else { ExitCode::SUCCESS });
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Ok(ExitCode::FAILURE)
}
