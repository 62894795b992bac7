//! `loa webhooks`: which programs are told what happened, by the Standard Webhooks convention.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use serde_json::json;

use super::{Globals, Mistake, audience::opened, table};
use crate::{
    audit, phrase, transaction,
    webhook::{self, Type, Wanted},
    words::{Lang, minute},
};

/// List, add, try out or remove the programs that are told what happened
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
    /// Who does it; without it, the name under which you are signed in on this machine
    #[arg(long, value_name = "NAME", global = true)]
    by: Option<String>,
}

#[derive(clap::Subcommand)]
enum What {
    /// Show them, and how they stand
    List,
    /// Add one; its secret is printed this once
    Add {
        /// Where it listens
        url: String,
        /// What people call it; its address, unless said
        #[arg(long, value_name = "TITLE")]
        title: Option<String>,
        /// What it is told, such as run.settled; everything, unless said
        #[arg(long = "event", value_name = "TYPE")]
        events: Vec<String>,
        /// It may be on a loopback or private address
        #[arg(long)]
        allow_private: bool,
    },
    /// Tell one alone that it is being tried out; `loa serve` sends it
    Test {
        /// Its number
        id: i64,
    },
    /// Remove one and forget what it was told
    Remove {
        /// Its number
        id: i64,
    },
}

pub async fn run(args: Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    let config = globals.settings()?;
    let (db, seal) = opened(&config).await?;
    let now = globals.clock.millis();
    let say = |words: &crate::words::Phrase| writeln!(io::stdout(), "{}", words.text(globals.lang));
    let unknown = |id: i64| Mistake(phrase!("không có webhook số {id}", "there is no webhook {id}"));
    match args.what {
        What::List => {
            let all = webhook::list(&db).await?;
            if globals.json {
                let one = |webhook: &webhook::Webhook| {
                    let events: Vec<_> = webhook.events.iter().map(|of| of.name()).collect();
                    json!({
                        "id": webhook.id, "title": webhook.title, "url": webhook.url, "events": events,
                        "failing_since": webhook.failing_since, "disabled_at": webhook.disabled_at, "disabled_why": webhook.disabled_why,
                    })
                };
                Globals::print_json(&all.iter().map(one).collect())?;
            } else {
                let heading = match globals.lang {
                    Lang::Vi => ["Số", "Tên", "Địa chỉ", "Sự kiện", "Tình trạng"],
                    Lang::En => ["No.", "Title", "Address", "Events", "State"],
                };
                let rows: Vec<Vec<String>> = all.iter().map(|webhook| row(webhook, globals.lang)).collect();
                write!(io::stdout(), "{}", table::render(&heading, &rows))?;
            }
        }
        What::Add { url, title, events, allow_private } => {
            let actor = globals.actor(args.by)?;
            let events = if events.is_empty() { Type::ALL.to_vec() } else { types(&events)? };
            let title = title.unwrap_or_else(|| url.chars().take_while(|c| *c != '?').take(80).collect());
            let wanted = Wanted { title, url, events, allow_private };
            wanted.check().map_err(|unfit| Mistake(unfit.to_string().into()))?;
            let secret = webhook::fresh_secret();
            let id = transaction!(db, |tx| {
                let id = webhook::add(tx, &seal, &wanted, &secret, &actor.name, now).await?;
                if let Some(id) = id {
                    audit::record(tx, &actor, "webhook.add", &id.to_string(), None, Some(&wanted.told()), now).await?;
                }
                Ok(id)
            })?;
            let most = webhook::MOST;
            let id = id.ok_or_else(|| Mistake(phrase!("nhiều nhất {most} webhook", "at most {most} webhooks")))?;
            let secret = secret.expose();
            if globals.json {
                Globals::print_json(&json!({ "id": id, "secret": secret }))?;
            } else {
                say(&phrase!(
                    "Đã thêm webhook số {id}. Khóa ký, chỉ hiện lần này: {secret}",
                    "Added webhook {id}. Its secret, shown this once: {secret}"
                ))?;
            }
        }
        What::Test { id } => {
            let made = transaction!(db, |tx| {
                match webhook::get(tx, id).await? {
                    Some(found) if found.disabled_at.is_none() => webhook::test(tx, id, now).await.map(Some),
                    _ => Ok(None),
                }
            })?;
            made.ok_or_else(|| unknown(id))?;
            say(&phrase!("Sẽ gửi thử khi `loa serve` đang chạy.", "It is told as soon as `loa serve` runs."))?;
        }
        What::Remove { id } => {
            let actor = globals.actor(args.by)?;
            let removed = transaction!(db, |tx| {
                let Some(before) = webhook::get(tx, id).await? else { return Ok(false) };
                webhook::remove(tx, id).await?;
                let before = before.wanted().told();
                audit::record(tx, &actor, "webhook.remove", &id.to_string(), Some(&before), None, now).await?;
                Ok(true)
            })?;
            if !removed {
                return Err(unknown(id).into());
            }
            say(&phrase!("Đã gỡ webhook số {id}.", "Removed webhook {id}."))?;
        }
    }
    db.close().await;
    Ok(ExitCode::SUCCESS)
}

fn types(names: &[String]) -> Result<Vec<Type>, Mistake> {
    let one = |name: &String| {
        Type::from_name(name).ok_or_else(|| {
            let known = Type::ALL.map(Type::name).join(", ");
            Mistake(phrase!("không có sự kiện `{name}`; có: {known}", "there is no event `{name}`; there are: {known}"))
        })
    };
    names.iter().map(one).collect()
}

fn row(webhook: &webhook::Webhook, lang: Lang) -> Vec<String> {
    let events = if webhook.events.len() == Type::ALL.len() {
        lang.pick("tất cả", "all").to_string()
    } else {
        webhook.events.iter().map(|of| of.name()).collect::<Vec<_>>().join(" ")
    };
    let state = match (webhook.disabled_at, webhook.failing_since) {
        (Some(at), _) => phrase!(
            "đã tắt từ {0}: {1}",
            "disabled since {0}: {1}",
            minute(at),
            webhook.disabled_why.as_deref().unwrap_or_default()
        ),
        (None, Some(at)) => phrase!("không nhận được từ {0}", "takes nothing since {0}", minute(at)),
        (None, None) => phrase!("hoạt động", "well"),
    };
    vec![webhook.id.to_string(), webhook.title.clone(), webhook.url.clone(), events, state.text(lang).to_string()]
}
