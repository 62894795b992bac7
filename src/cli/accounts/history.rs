//! What ails the accounts, and what did: in plain words, and for machines.

use std::io::{self, Write as _};
use std::process::ExitCode;

use serde_json::json;

use super::{Globals, database, named, table};
use crate::{
    account::{
        standing::rows,
        trouble::{self, Trouble},
    },
    config::Config,
    words::{Lang, minute},
};

/// As many changes as anybody reads.
const MOST: i64 = 200;

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
                minute(one.began_at),
                one.ended_at.map_or_else(|| globals.lang.pick("nay", "now").to_string(), minute),
                name(one.account).to_string(),
                one.cause().phrase().text(globals.lang).to_string(),
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
