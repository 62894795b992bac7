//! `loa accounts --token`: a refresh token that a person got by consenting again takes the place of one that is used up or
//! refused.
//!
//! What enters is a line of standard input, so that the token stands in no history of commands; what leaves is the sealed token in
//! the database, and an account that goes on. What can go wrong: the account's gateway has no such tokens, there is no database,
//! or the line is empty: then nothing is changed.

use std::{
    io::{self, BufRead as _, Write as _},
    process::ExitCode,
};

use secrecy::SecretString;
use serde_json::json;

use super::{Globals, Mistake, base, rows};
use crate::{
    account::{self, tokens},
    config::{self, Config},
    phrase, transaction,
};

/// Letters of a refresh token, at most: Zalo's have some hundreds.
const LONGEST: usize = 4_096;

pub(super) async fn enter(account: &config::Account, config: &Config, globals: &Globals) -> anyhow::Result<ExitCode> {
    let name = &account.name;
    if account.gateway != account::ZALO {
        let gateway = &account.gateway;
        return Err(Mistake(phrase!(
            "tài khoản `{name}` dùng cổng `{gateway}`, không có refresh token: lệnh này chỉ dành cho `zalo`",
            "the account `{name}` is on `{gateway}`, which has no refresh token: this is for `zalo` only"
        ))
        .into());
    }
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    let token = line.trim();
    if token.is_empty() || token.len() > LONGEST || token.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(Mistake(phrase!(
            "không có refresh token trên dòng nhập: dán đúng một dòng, ví dụ `loa accounts --token {name} < token.txt`",
            "no refresh token was entered: give it as one line, such as `loa accounts --token {name} < token.txt`"
        ))
        .into());
    }
    let Some((db, seal)) = base(config).await? else {
        return Err(Mistake(phrase!(
            "cơ sở dữ liệu chưa được tạo: chạy `loa migrate` hoặc `loa serve` trước",
            "there is no database yet: run `loa migrate` or `loa serve` first"
        ))
        .into());
    };
    let now = globals.clock.millis();
    tokens::enter(&db, &seal, name, &SecretString::from(token), now).await?;
    let paused = rows(&db).await?.remove(name).filter(|row| row.paused.is_some());
    let after = json!({ "resumed": paused.is_some() });
    transaction!(db, |tx| {
        if let Some(row) = &paused {
            account::pause_within(tx, row.id, None, now).await?;
        }
        globals.record(tx, None, "account.token", name, &after).await
    })?;
    db.close().await;
    if globals.json {
        Globals::print_json(&json!({ "account": name, "entered": true, "resumed": paused.is_some() }))?;
    } else {
        let words = if paused.is_some() {
            phrase!("{name}: đã nhận refresh token, gửi tiếp.", "{name}: the refresh token is taken, it goes on.")
        } else {
            phrase!("{name}: đã nhận refresh token.", "{name}: the refresh token is taken.")
        };
        writeln!(io::stdout(), "{}", words.text(globals.lang))?;
    }
    Ok(ExitCode::SUCCESS)
}
