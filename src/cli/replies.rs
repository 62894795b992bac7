//! `loa replies`: what people wrote back, for the officer who answers for it. Senders stay masked.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use chrono::TimeZone as _;
use chrono_tz::Asia::Ho_Chi_Minh;
use serde_json::json;

use super::{Globals, Mistake, existing::database, table};
use crate::{
    audience::key,
    phrase,
    reply::{
        Meaning,
        confirmation::State,
        read::{self, Message},
    },
    words::{Lang, Phrase, one_line},
};

/// Read what people wrote back; refusals take effect by themselves
#[derive(clap::Args)]
pub struct Args {
    /// Refusals as well, with how far each one's confirmation is
    #[arg(long, conflicts_with = "forget")]
    all: bool,
    /// How many, the latest first
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=10_000), conflicts_with = "forget")]
    count: u16,
    /// Delete this message; what it refused stands
    #[arg(long, value_name = "NUMBER")]
    forget: Option<i64>,
}

pub async fn run(args: Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    let config = globals.settings()?;
    let db = database(&config).await?;
    if let Some(id) = args.forget {
        let gone = match &db {
            Some(db) => read::forget(db, id).await?,
            None => false,
        };
        if !gone {
            return Err(Mistake(phrase!("không có tin nào mang số {id}", "there is no message number {id}")).into());
        }
        writeln!(io::stdout(), "{}", phrase!("Đã xóa tin số {id}.", "Deleted message {id}.").text(globals.lang))?;
        return Ok(ExitCode::SUCCESS);
    }
    let messages = match (&db, &config.server.key) {
        (Some(db), Some(current)) => {
            let seal = key::find(db, current, &config.server.previous_keys).await;
            match seal.map_err(|error| Mistake(Phrase::from(error.to_string())))? {
                Some(seal) => read::messages(db, &seal, 0, args.all, i64::from(args.count)).await?,
                None => Vec::new(),
            }
        }
        _ => Vec::new(),
    };
    if globals.json {
        Globals::print_json(&messages.iter().map(as_json).collect())?;
    } else if messages.is_empty() {
        let words = phrase!("Chưa có ai nhắn lại điều gì cần đọc.", "Nobody has written anything to be read.");
        writeln!(io::stdout(), "{}", words.text(globals.lang))?;
    } else {
        let heading = match globals.lang {
            Lang::Vi => ["Số", "Lúc", "Tài khoản", "Người gửi", "Nội dung", "Xác nhận"],
            Lang::En => ["No.", "At", "Account", "From", "Message", "Confirmed"],
        };
        let rows: Vec<Vec<String>> = messages.iter().map(|message| cells(message, globals.lang)).collect();
        write!(io::stdout(), "{}", table::render(&heading, &rows))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn cells(message: &Message, lang: Lang) -> Vec<String> {
    let at = Ho_Chi_Minh.timestamp_millis_opt(message.at).single().map(|at| at.format("%d/%m/%Y %H:%M").to_string());
    let said = match message.meaning {
        // On one line: what strangers write must not draw on the terminal.
        Meaning::Other => one_line(message.text.as_deref().unwrap_or_default()),
        Meaning::Refuses => lang.pick("(từ chối nhận tin)", "(refuses messages)").to_string(),
        Meaning::TakesBack => lang.pick("(nhận tin trở lại)", "(takes messages again)").to_string(),
    };
    let confirmed = message.confirmation.map(|state| state_words(state).text(lang).to_string()).unwrap_or_default();
    vec![message.id.to_string(), at.unwrap_or_default(), message.account.clone(), message.sender.clone(), said, confirmed]
}

fn state_words(state: State) -> Phrase {
    match state {
        State::Owed => phrase!("chờ gửi", "to be sent"),
        State::Submitting => phrase!("đang gửi", "being sent"),
        State::Accepted => phrase!("cổng gửi đã nhận", "taken by the gateway"),
        State::NotSent => phrase!("không gửi được", "not sent"),
        State::Unknown => phrase!("không rõ, không gửi lại", "unknown, not repeated"),
    }
}

fn as_json(message: &Message) -> serde_json::Value {
    json!({
        "id": message.id,
        "at": message.at,
        "account": message.account,
        "from": message.sender,
        "meaning": message.meaning.name(),
        "text": message.text,
        "confirmation": message.confirmation.map(State::name),
    })
}
