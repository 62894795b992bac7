//! What ails the accounts, and what did: in plain words, and for machines.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;

use chrono::TimeZone as _;
use chrono_tz::Asia::Ho_Chi_Minh;
use serde_json::json;

use super::{Globals, database, named, rows, table};
use crate::{
    account::trouble::{self, Cause, Trouble},
    config::Config,
    phrase,
    words::{Lang, Phrase},
};

/// As many changes as anybody reads.
const MOST: i64 = 200;

/// What a cause is.
fn name(cause: Cause) -> Phrase {
    match cause {
        Cause::Stopped => phrase!("đã dừng, chờ người xử lý", "paused, waits for a person"),
        Cause::Failing => phrase!("lỗi liên tiếp, đang thử lại", "fails repeatedly, tries again"),
        Cause::Quota => phrase!("hết hạn mức ngày", "its day's quota is used up"),
        Cause::GatewayQuota => phrase!("cổng báo hết hạn mức", "the gateway says its quota is used up"),
        Cause::Funds => phrase!("hết tiền", "out of money"),
        Cause::Slow => phrase!("báo phát chậm, tin mới đi đường khác", "receipts come late, new messages go elsewhere"),
        Cause::Throttled => phrase!("cổng đòi gửi chậm lại", "its gateway asked it to slow down"),
        Cause::LowBalance => phrase!("sắp hết tiền", "money is running out"),
    }
}

fn time(at: i64) -> String {
    Ho_Chi_Minh.timestamp_millis_opt(at).single().map(|at| at.format("%H:%M %d/%m/%Y").to_string()).unwrap_or_default()
}

/// What ails an account now, since when and why. (Writing into a String cannot fail.)
pub(super) fn present(trouble: &Trouble, pace: i64) -> Phrase {
    let (what, since) = (name(trouble.cause()), time(trouble.began_at));
    let mut told = Phrase { vi: format!("{} từ {since}", what.vi), en: format!("{} since {since}", what.en) };
    if trouble.cause() == Cause::Throttled {
        let percent = pace / 10;
        let _ = write!(told.vi, ", đang ở {percent} % tốc độ");
        let _ = write!(told.en, ", at {percent} % of its rate");
    }
    if !trouble.takers.is_empty() {
        let _ = write!(told.vi, ", thay bằng {}", trouble.takers);
        let _ = write!(told.en, ", {} instead", trouble.takers);
    }
    for text in [&mut told.vi, &mut told.en] {
        if !trouble.why.is_empty() {
            let _ = write!(text, ": {}", trouble.why);
        }
    }
    told
}

/// A trouble as programs see it.
pub(super) fn as_json(trouble: &Trouble, account: &str) -> serde_json::Value {
    json!({
        "account": account, "cause": trouble.cause().name(), "began_at": trouble.began_at, "why": trouble.why,
        "instead": trouble.takers.split(", ").filter(|name| !name.is_empty()).collect::<Vec<_>>(),
        "ended_at": trouble.ended_at, "how": trouble.how,
    })
}

/// Shows what ailed an account, or all of them (no name), the latest first.
pub(super) async fn show(name_of: &str, config: &Config, globals: &Globals) -> anyhow::Result<ExitCode> {
    if !name_of.is_empty() {
        named(config, name_of)?;
    }
    let Some(db) = database(config).await? else { return nothing(globals) };
    let known = rows(&db).await?;
    let account = known.get(name_of).map(|row| row.id);
    let history = match account {
        None if !name_of.is_empty() => Vec::new(),
        account => trouble::history(&db, account.unwrap_or(0), MOST).await?,
    };
    db.close().await;
    let name = |id: i64| known.values().find(|row| row.id == id).map_or("", |row| row.name.as_str());
    if globals.json {
        Globals::print_json(&history.iter().map(|one| as_json(one, name(one.account))).collect())?;
        return Ok(ExitCode::SUCCESS);
    }
    if history.is_empty() {
        return nothing(globals);
    }
    let heading = match globals.lang {
        Lang::Vi => ["Từ", "Đến", "Tài khoản", "Việc", "Thay bằng", "Lý do"],
        Lang::En => ["From", "Until", "Account", "What", "Instead", "Why"],
    };
    let lines: Vec<Vec<String>> = history
        .iter()
        .map(|one| {
            vec![
                time(one.began_at),
                one.ended_at.map_or_else(|| globals.lang.pick("nay", "now").to_string(), time),
                name(one.account).to_string(),
                self::name(one.cause()).text(globals.lang).to_string(),
                one.takers.clone(),
                one.why.clone(),
            ]
        })
        .collect();
    write!(io::stdout(), "{}", table::render(&heading, &lines))?;
    Ok(ExitCode::SUCCESS)
}

fn nothing(globals: &Globals) -> anyhow::Result<ExitCode> {
    if globals.json {
        Globals::print_json(&json!([]))?;
    } else {
        writeln!(
            io::stdout(),
            "{}",
            globals.lang.pick("Chưa có gì xảy ra với tài khoản nào.", "Nothing has ailed any account.")
        )?;
    }
    Ok(ExitCode::SUCCESS)
}
