//! `loa verify`: recounts every tally from the rows, and checks what must hold at any moment.

use std::{
    io::{self, Write as _},
    process::ExitCode,
    time::Duration,
};

use super::{Globals, table};
use crate::{
    delivery::State,
    phrase, report,
    tally::{Count, Difference},
    verify::{Verification, verify},
    words::{self, Lang, Phrase},
};

/// Differences that are shown; `--json` shows all.
const SHOWN: usize = 20;

/// Recount every tally from the rows and check what must always hold; exits 1 on any difference
#[derive(clap::Args)]
pub struct Args {}

pub async fn run(_args: Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    let db = globals.database(&globals.settings()?).await?;
    let started = globals.clock.millis();
    let found = verify(&db).await?;
    let took = Duration::from_millis(u64::try_from(globals.clock.millis() - started).unwrap_or(0));
    if globals.json {
        let mut value = serde_json::to_value(&found)?;
        value["ok"] = found.is_clean().into();
        value["seconds"] = took.as_secs_f64().into();
        Globals::print_json(&value)?;
    } else {
        print(&found, took, globals.lang)?;
    }
    Ok(if found.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print(found: &Verification, took: Duration, lang: Lang) -> io::Result<()> {
    let mut out = io::stdout();
    if !found.differences.is_empty() {
        let heading = match lang {
            Lang::Vi => ["Đợt gửi", "Kênh", "Tài khoản", "Trạng thái", "Số đếm (tin/phần/đ)", "Từ các dòng (tin/phần/đ)"],
            Lang::En => ["Run", "Channel", "Account", "State", "Tally (n/parts/đ)", "Rows (n/parts/đ)"],
        };
        let rows: Vec<Vec<String>> = found.differences.iter().take(SHOWN).map(|one| cells(one, lang)).collect();
        write!(out, "{}", table::with_figures(&heading, &rows, 4))?;
        if let Some(more) = found.differences.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            writeln!(out, "{}", phrase!("… và {more} chỗ khác", "… and {more} more").text(lang))?;
        }
    }
    for one in &found.billed {
        let (_, route) = report::route(i64::from(one.route));
        let route = route.text(lang);
        let count = |parts: i64, price: i64| format!("{} / {}", words::number(parts, lang), words::number(price, lang));
        let (days, rows) = (count(one.parts, one.price), count(one.row_parts, one.row_price));
        let told = phrase!(
            "số theo ngày để đối soát của {route}: {days} (phần/đ), từ các dòng: {rows}",
            "what invoices of {route} are held against is {days} (parts/đ), and its rows come to {rows}"
        );
        writeln!(out, "✗ {}", told.text(lang))?;
    }
    for finding in &found.findings {
        let (breach, count, example) = (finding.rule.breach(), words::number(finding.count, lang), finding.example);
        let (breach, such_as) = (breach.text(lang), lang.pick("ví dụ số", "for example number"));
        writeln!(out, "✗ {count} {breach} ({such_as} {example})")?;
    }
    for selection in &found.wrong_figures {
        let told = phrase!("số liệu lưu sẵn bị sai: {selection}", "kept figures are wrong: {selection}");
        writeln!(out, "✗ {}", told.text(lang))?;
    }
    for closing in &found.broken_closings {
        let told = phrase!(
            "số liệu đã chốt (số {closing}) bị sửa hoặc xóa sau khi ký",
            "closing {closing} was changed or removed after it was signed"
        );
        writeln!(out, "✗ {}", told.text(lang))?;
    }
    for wrong in &found.relay.wrong {
        let (order, what) = (wrong.order, wrong.fault.words());
        let told = phrase!("yêu cầu nhắn tin số {order}: {}", "relay order {order}: {}", what.text(lang));
        writeln!(out, "✗ {}", told.text(lang))?;
    }
    let (n, runs, tallies) =
        (words::number(found.deliveries, lang), words::number(found.runs, lang), words::number(found.tallies, lang));
    let seconds = words::seconds(took, lang);
    let counted = phrase!(
        "Đã đếm lại {n} lượt tin của {runs} đợt gửi và so với {tallies} số đếm trong {seconds} giây",
        "Counted {n} deliveries of {runs} runs against {tallies} tallies in {seconds} s"
    );
    let relayed = if found.relay.orders == 0 {
        Phrase::default()
    } else {
        let (orders, reports) = (words::number(found.relay.orders, lang), words::number(found.relay.reports, lang));
        phrase!("; {orders} yêu cầu nhắn tin, {reports} báo cáo của chúng", "; {orders} relay orders, {reports} reports on them")
    };
    let (differences, findings) = (
        found.differences.len() + found.billed.len(),
        found.findings.len() + found.wrong_figures.len() + found.broken_closings.len() + found.relay.wrong.len(),
    );
    let end = if found.is_clean() {
        phrase!("không có sai lệch.", "no difference.")
    } else {
        phrase!(
            "{differences} số đếm sai lệch, {findings} quy tắc bị vi phạm.",
            "{differences} tallies differ, {findings} rules are broken."
        )
    };
    let mark = if found.is_clean() { "✓" } else { "✗" };
    writeln!(out, "{mark} {}{}: {}", counted.text(lang), relayed.text(lang), end.text(lang))
}

fn cells(one: &Difference, lang: Lang) -> Vec<String> {
    let channel = providers::Channel::from_number(i64::from(one.key.channel)).map_or("", providers::Channel::name);
    let count = |c: Count| [c.n, c.parts, c.price].map(|n| words::number(n, lang)).join(" / ");
    vec![
        one.key.run.to_string(),
        words::channel(channel, lang).to_string(),
        one.key.account.to_string(),
        words::delivery_state(State::from_number(one.key.state).name(), channel == "chat", lang).to_string(),
        count(one.tally),
        count(one.rows),
    ]
}
