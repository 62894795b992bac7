//! `loa accounts`: what messages leave by, how much of the day's quota is used, what ails whom since when, and what did. Tests a
//! connection without sending anything, and lets a paused account go on.

mod history;
mod token;

use std::{
    collections::BTreeMap,
    io::{self, Write as _},
    process::ExitCode,
};

use providers::smtp::DkimKey;
use serde_json::json;

use super::{Globals, Mistake, existing::database, table};
use crate::{
    account::{
        self,
        standing::{Row, Standing, price, rate, rows, state},
    },
    audience::key,
    config::{self, Config},
    db::Db,
    document::suggestion,
    phrase,
    seal::Seal,
    transaction,
    words::{Lang, Phrase, number},
};

/// List the accounts that messages leave by; test one, or let a paused one go on
#[derive(clap::Args)]
#[command(group(clap::ArgGroup::new("what").args(["test", "resume", "callback", "dns", "token", "history"])))]
pub struct Args {
    /// Check this account's credentials and connection; nothing is sent
    #[arg(long, value_name = "NAME")]
    test: Option<String>,
    /// Let this paused account send again
    #[arg(long, value_name = "NAME")]
    resume: Option<String>,
    /// Print the address to which this account's gateway reports receipts: whoever knows it can report
    #[arg(long, value_name = "NAME")]
    callback: Option<String>,
    /// Print the DNS records by which receivers check this account's signatures (DKIM)
    #[arg(long, value_name = "NAME")]
    dns: Option<String>,
    /// Enter the refresh token that a person got for this account by consenting again (a line of standard input), and let the
    /// account go on
    #[arg(long, value_name = "NAME")]
    token: Option<String>,
    /// Show what ailed the accounts, or this one, the latest first
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "")]
    history: Option<String>,
}

pub async fn run(args: Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    let config = globals.settings_with_secrets()?;
    if let Some(name) = args.history {
        return history::show(&name, &config, globals).await;
    }
    if let Some(name) = args.dns {
        return dns(named(&config, &name)?, globals);
    }
    if let Some(name) = args.token {
        return token::enter(named(&config, &name)?, &config, globals).await;
    }
    match (args.test, args.resume, args.callback) {
        (Some(name), _, _) => test(named(&config, &name)?, &config, globals).await,
        (_, Some(name), _) => resume(named(&config, &name)?, &config, globals).await,
        (_, _, Some(name)) => callback(named(&config, &name)?, &config, globals).await,
        _ => list(&config, globals).await,
    }
}

fn named<'c>(config: &'c Config, name: &str) -> Result<&'c config::Account, Mistake> {
    config.accounts.iter().find(|account| account.name == name).ok_or_else(|| {
        let known = suggestion(name, config.accounts.iter().map(|account| account.name.as_str()));
        Mistake(phrase!("không có tài khoản `{name}`", "there is no account `{name}`").then(&known))
    })
}

async fn test(account: &config::Account, config: &Config, globals: &Globals) -> anyhow::Result<ExitCode> {
    // A second installation fails, which is as good: some provider is there.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let gateways = account::gateways(config.gateways_dir.as_deref())?;
    // Tokens are kept in the database: a test that got a pair elsewhere would use up the one refresh token that is good.
    let base = if account.gateway == account::ZALO { base(config).await? } else { None };
    let known = base.as_ref().map(|(db, seal)| (db, seal));
    let provider = account::provider(account, config, &gateways, &globals.clock, known)?;
    let tested = provider.test().await;
    if let Some((db, _)) = base {
        db.close().await;
    }
    let name = &account.name;
    if globals.json {
        let (well, said) = match &tested {
            Ok(said) => (true, said.clone()),
            Err(error) => (false, error.to_string()),
        };
        Globals::print_json(&json!({ "account": name, "ok": well, "said": said }))?;
    } else {
        match &tested {
            Ok(said) => writeln!(io::stdout(), "✓ {name}: {said}")?,
            Err(error) => writeln!(io::stderr(), "✗ {name}: {error}")?,
        }
    }
    Ok(if tested.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn dns(account: &config::Account, globals: &Globals) -> anyhow::Result<ExitCode> {
    let name = &account.name;
    if account.dkim.is_empty() {
        return Err(Mistake(phrase!(
            "tài khoản `{name}` chưa có khóa DKIM: thêm [[account.dkim]] (xem docs/email.md)",
            "the account `{name}` has no DKIM keys: add [[account.dkim]] (see docs/email.md)"
        ))
        .into());
    }
    let mut records = Vec::new();
    for source in &account.dkim {
        records.push(DkimKey::new(&source.domain, &source.selector, &source.key)?.record());
    }
    if globals.json {
        let records = records.iter().map(|(name, content)| json!({ "name": name, "type": "TXT", "content": content }));
        Globals::print_json(&records.collect())?;
    } else {
        for (name, content) in &records {
            writeln!(io::stdout(), "{name} TXT {content}")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The database and its seal, where both are there.
pub(super) async fn base(config: &Config) -> anyhow::Result<Option<(Db, Seal)>> {
    let (Some(current), Some(db)) = (&config.server.key, database(config).await?) else { return Ok(None) };
    match key::find(&db, current, &config.server.previous_keys).await {
        Err(error @ key::KeyError::Foreign) => Err(Mistake(Phrase::from(error.to_string())).into()),
        found => Ok(found?.map(|seal| (db, seal))),
    }
}

async fn resume(account: &config::Account, config: &Config, globals: &Globals) -> anyhow::Result<ExitCode> {
    let name = &account.name;
    let db = database(config).await?;
    let row = match &db {
        Some(db) => rows(db).await?.remove(name),
        None => None,
    };
    let why = match (&db, &row) {
        (Some(db), Some(Row { id, paused: Some(why), .. })) => {
            let (now, after) = (globals.clock.millis(), json!({ "was_paused": why }));
            transaction!(db, |tx| {
                account::pause_within(tx, *id, None, now).await?;
                globals.record(tx, None, "account.resume", name, &after).await
            })?;
            Some(why.as_str())
        }
        _ => None,
    };
    if globals.json {
        Globals::print_json(&json!({ "account": name, "resumed": why.is_some(), "was_paused": why }))?;
    } else {
        let words = match &why {
            Some(why) => phrase!("{name}: gửi tiếp (đã dừng vì: {why}).", "{name}: goes on (it was paused: {why})."),
            None => phrase!("{name}: không bị dừng.", "{name}: was not paused."),
        };
        writeln!(io::stdout(), "{}", words.text(globals.lang))?;
    }
    if let Some(db) = db {
        db.close().await;
    }
    Ok(ExitCode::SUCCESS)
}

async fn callback(account: &config::Account, config: &Config, globals: &Globals) -> anyhow::Result<ExitCode> {
    let name = &account.name;
    if account.gateway == account::SMPP {
        return Err(Mistake(phrase!(
            "tài khoản `{name}` nối qua SMPP: báo phát về trên chính kết nối ấy, không cần địa chỉ nào",
            "the account `{name}` is on SMPP: receipts come back over its connection, and need no address"
        ))
        .into());
    }
    let Some(public) = &config.server.public_url else {
        return Err(Mistake(phrase!(
            "chưa có `public_url` trong [server]: cổng gửi không biết báo về đâu",
            "[server] has no `public_url`: no gateway can reach this machine"
        ))
        .into());
    };
    let gateways = account::gateways(config.gateways_dir.as_deref())?;
    let provider = account::provider(account, config, &gateways, &globals.clock, None)?;
    if !account.receipts || !provider.can().receipts {
        return Err(Mistake(phrase!("tài khoản `{name}` không có báo phát", "no receipts come for the account `{name}`")).into());
    }
    if config.server.key.is_none() {
        return Err(Mistake(phrase!("chưa có khóa: chạy `loa init`", "there is no key yet: run `loa init`")).into());
    }
    // The address depends on the database's root: one that is not begun yet has no address to give.
    let Some((db, seal)) = base(config).await? else {
        return Err(Mistake(phrase!(
            "cơ sở dữ liệu chưa được tạo: chạy `loa migrate` hoặc `loa serve` trước",
            "there is no database yet: run `loa migrate` or `loa serve` first"
        ))
        .into());
    };
    let address = format!("{}/receipts/{name}/{}", public.trim_end_matches('/'), account::callback_secret(&seal, name));
    if globals.json {
        Globals::print_json(&json!({ "account": name, "callback": address }))?;
    } else {
        writeln!(io::stdout(), "{address}")?;
    }
    db.close().await;
    Ok(ExitCode::SUCCESS)
}

async fn list(config: &Config, globals: &Globals) -> anyhow::Result<ExitCode> {
    let db = database(config).await?;
    let known = match &db {
        Some(db) => rows(db).await?,
        None => BTreeMap::new(),
    };
    if let Some(db) = db {
        db.close().await;
    }
    let today = globals.clock.today().to_string();
    let used = |account: &config::Account| known.get(&account.name).map_or(0, |row| row.used_on(&today));
    let mut accounts: Vec<&config::Account> = config.accounts.iter().collect();
    accounts.sort_by_key(|account| (account.channel as i16, account.priority));
    if globals.json {
        let list = accounts.iter().map(|account| as_json(account, used(account), known.get(&account.name)));
        Globals::print_json(&list.collect())?;
        return Ok(ExitCode::SUCCESS);
    }
    if accounts.is_empty() {
        let words = phrase!(
            "Chưa có tài khoản gửi tin: thêm [[account]] vào loa.toml; `loa gateways` liệt kê các cổng.",
            "There are no accounts: add [[account]] to loa.toml; `loa gateways` lists the gateways."
        );
        writeln!(io::stdout(), "{}", words.text(globals.lang))?;
        return Ok(ExitCode::SUCCESS);
    }
    let heading = match globals.lang {
        Lang::Vi => [
            "Tài khoản",
            "Kênh",
            "Cổng",
            "Tốc độ",
            "Cùng lúc",
            "Hôm nay",
            "Giá (đồng/phần)",
            "Ưu tiên",
            "Phần",
            "Số dư (đ)",
            "Nhà mạng",
            "Tình trạng",
        ],
        Lang::En => [
            "Account",
            "Channel",
            "Gateway",
            "Rate",
            "Window",
            "Today",
            "Price (đ/part)",
            "Priority",
            "Weight",
            "Balance (đ)",
            "Carriers",
            "State",
        ],
    };
    let rows: Vec<Vec<String>> =
        accounts.iter().map(|account| cells(account, used(account), known.get(&account.name), globals.lang)).collect();
    let mut out = table::render(&heading, &rows);
    for account in accounts {
        let row = known.get(&account.name);
        if Standing::of(row) != Standing::Well {
            out.push_str(&table::paragraph(&format!("{}: {}", account.name, state(row).text(globals.lang))));
        }
    }
    write!(io::stdout(), "{out}")?;
    Ok(ExitCode::SUCCESS)
}

fn cells(account: &config::Account, used: i64, row: Option<&Row>, lang: Lang) -> Vec<String> {
    let today = account.daily.map_or_else(|| used.to_string(), |daily| format!("{used}/{daily}"));
    vec![
        account.name.clone(),
        account.channel.name().to_string(),
        account.gateway.clone(),
        rate(account.rate),
        account.window.to_string(),
        today,
        price(&account.price, lang),
        account.priority.to_string(),
        if account.weight == 1 { String::new() } else { account.weight.to_string() },
        row.and_then(|row| row.balance).map(|left| number(left, lang)).unwrap_or_default(),
        account.carriers.join(", "),
        Standing::of(row).phrase().text(lang).to_string(),
    ]
}

fn as_json(account: &config::Account, used: i64, row: Option<&Row>) -> serde_json::Value {
    json!({
        "name": account.name, "channel": account.channel.name(), "gateway": account.gateway, "rate": rate(account.rate),
        "window": account.window, "daily": account.daily, "used_today": used,
        "price": { "default": account.price.default, "by_carrier": account.price.by_carrier },
        "priority": account.priority, "carriers": account.carriers, "receipts": account.receipts,
        "paused": row.and_then(|row| row.paused.as_deref()), "paused_at": row.and_then(|row| row.paused_at),
        "weight": account.weight, "pace_permille": row.map(|row| row.pace), "balance": row.and_then(|row| row.balance),
        "troubles": row.map(|row| row.troubles.iter().map(|t| history::as_json(t, &account.name)).collect::<Vec<_>>()),
    })
}
