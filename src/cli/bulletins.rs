//! `loa bulletins`: what others published, and the drafts that were made of it. Sources are looked at, and documents read, with the same
//! result as by `loa serve` and on the console's pages.

use std::{
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use rand::Rng as _;
use serde_json::{Value, json};

use super::{Globals, Mistake, audience::opened, table};
use crate::{
    app,
    bulletin::{
        self, Became, Bulletin, Read, Standing, paste,
        poll::{Looked, Poller},
    },
    config::Config,
    db::Db,
    document::{Problem, suggestion},
    phrase,
    user::Scope,
    words::{self, Lang, Phrase},
};

/// What the authorities publish: look at the sources, read a document, list what waits
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Show what waits for an officer
    List {
        /// Also what nobody need do anything about: the latest
        #[arg(long)]
        all: bool,
    },
    /// Look at the sources of loa.toml now
    Poll {
        /// One of them alone
        source: Option<String>,
    },
    /// Read a document (CAP, RSS, Atom or a text) and make drafts of what is in it
    Read {
        /// The document
        file: PathBuf,
        /// Who published it
        #[arg(long, value_name = "NAME")]
        source: String,
        /// Whose drafts they become; without it the source's in loa.toml, else the office
        #[arg(long, value_name = "NAME")]
        department: Option<String>,
        /// Of a text: its title; without it, its first line
        #[arg(long, value_name = "TITLE", default_value = "")]
        title: String,
        /// Of several bulletins: the one of this name; may be repeated
        #[arg(long = "item", value_name = "NAME")]
        items: Vec<String>,
        /// Of several bulletins: all of them
        #[arg(long, conflicts_with = "items")]
        all: bool,
        /// Only show what is in it
        #[arg(long)]
        dry_run: bool,
        /// Who does it; without it, the name under which you are signed in on this machine
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
    },
}

pub async fn run(args: Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    let config = globals.settings()?;
    let (db, _) = opened(&config).await?;
    let done = match args.what {
        What::List { all } => list(&db, all, globals).await?,
        What::Poll { source } => poll(&db, &config, source.as_deref(), globals).await?,
        What::Read { file, source, department, title, items, all, dry_run, by } => {
            let brought = Brought { file, source, department, title, items, all, dry_run, by };
            read(&db, &config, brought, globals).await?;
            ExitCode::SUCCESS
        }
    };
    db.close().await;
    Ok(done)
}

fn why(standing: Standing, lang: Lang) -> String {
    match standing {
        Standing::Noted(why) | Standing::Refused(why) => {
            format!("{}: {}", standing.label().text(lang), why.words().text(lang))
        }
        _ => standing.label().text(lang).to_string(),
    }
}

fn told(one: &Bulletin) -> Value {
    json!({
        "id": one.id, "source": one.source, "publisher": one.publisher, "title": one.title, "link": one.link, "at": one.at,
        "seen_at": one.seen_at, "seen_by": one.seen_by, "department": one.owner, "state": one.standing().name(),
        "signature": one.signature().name(), "draft": one.campaign, "changed": one.is_changed(), "reason": one.reason,
    })
}

/// The most that are listed.
const MOST: usize = 200;

async fn list(db: &Db, all: bool, globals: &Globals) -> anyhow::Result<ExitCode> {
    let rows = if all { bulletin::list(db, &Scope::everything(), None, MOST).await?.0 } else { bulletin::open(db).await? };
    if globals.json {
        Globals::print_json(&rows.iter().map(told).collect())?;
        return Ok(ExitCode::SUCCESS);
    }
    let lang = globals.lang;
    if rows.is_empty() {
        let none = if all {
            phrase!("Chưa có bản tin nào.", "There are no bulletins yet.")
        } else {
            phrase!("Không có bản tin nào chờ xử lý.", "No bulletin waits for anybody.")
        };
        writeln!(io::stdout(), "{}", none.text(lang))?;
        return Ok(ExitCode::SUCCESS);
    }
    let heading = match lang {
        Lang::Vi => ["Số", "Phát hành", "Nguồn", "Bản tin", "Trạng thái", "Bản nháp"],
        Lang::En => ["No.", "Published", "Source", "Bulletin", "State", "Draft"],
    };
    let row = |one: &Bulletin| {
        let changed = if one.is_changed() { lang.pick(" (nguồn đã sửa)", " (changed by its source)") } else { "" };
        vec![
            one.id.to_string(),
            words::moment(one.at.unwrap_or(one.seen_at), lang),
            one.source.clone(),
            one.title.clone(),
            format!("{}{changed}", why(one.standing(), lang)),
            one.campaign.clone().unwrap_or_default(),
        ]
    };
    write!(io::stdout(), "{}", table::render(&heading, &rows.iter().map(row).collect::<Vec<_>>()))?;
    Ok(ExitCode::SUCCESS)
}

/// Exit code 1 where a source could not be read.
async fn poll(db: &Db, config: &Config, source: Option<&str>, globals: &Globals) -> anyhow::Result<ExitCode> {
    let names = || config.bulletins.iter().map(|one| one.name.as_str());
    if names().next().is_none() {
        let words =
            phrase!("loa.toml chưa khai báo nguồn nào: thêm [[bulletins]]", "loa.toml names no source: add [[bulletins]]");
        return Err(Mistake(words).into());
    }
    if let Some(name) = source.filter(|name| !names().any(|one| one == *name)) {
        let nearest = suggestion(name, names());
        return Err(Mistake(phrase!("không có nguồn `{name}`", "there is no source `{name}`").then(&nearest)).into());
    }
    let exchange = app::exchange(config)?;
    let poller = Poller::new(config, db.clone(), globals.clock.clone(), exchange, Box::new(|| rand::rng().random()));
    let all = poller.now(source).await?;
    let failed = all.iter().any(|looked| looked.trouble.is_some());
    if globals.json {
        let one = |looked: &Looked| {
            json!({
                "source": looked.source, "unchanged": looked.unchanged, "drafts": looked.drafts, "noted": looked.noted,
                "refused": looked.refused, "changed": looked.changed, "trouble": looked.trouble.as_ref().map(|told| told.text(globals.lang)),
            })
        };
        Globals::print_json(&all.iter().map(one).collect())?;
    } else {
        for looked in &all {
            let Looked { source, drafts, noted, refused, changed, .. } = looked;
            let words = match &looked.trouble {
                Some(Phrase { vi, en }) => phrase!("{source}: {vi}", "{source}: {en}"),
                None if looked.unchanged => phrase!("{source}: không có gì mới", "{source}: nothing new"),
                None => phrase!(
                    "{source}: {drafts} bản nháp mới, {noted} ghi nhận, {refused} không nhận, {changed} đã sửa",
                    "{source}: {drafts} new drafts, {noted} noted, {refused} refused, {changed} changed"
                ),
            };
            writeln!(io::stdout(), "{}", words.text(globals.lang))?;
        }
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What the command line says of a document.
struct Brought {
    file: PathBuf,
    source: String,
    department: Option<String>,
    title: String,
    items: Vec<String>,
    all: bool,
    dry_run: bool,
    by: Option<String>,
}

async fn read(db: &Db, config: &Config, brought: Brought, globals: &Globals) -> anyhow::Result<()> {
    let name = brought.file.display().to_string();
    let wrong = |words: Phrase| anyhow::Error::from(crate::document::Problems::from(Problem::of(&name, words)));
    let document =
        std::fs::read(&brought.file).map_err(|error| wrong(phrase!("không đọc được", "cannot be read").because(&error)))?;
    let source = brought.source.trim();
    if source.is_empty() {
        return Err(Mistake(phrase!("ghi nguồn: --source TÊN", "name its source: --source NAME")).into());
    }
    let pinned = paste::pinned(config, source);
    let now = globals.clock.millis();
    let all = paste::read(&document, &brought.title, source, pinned.as_ref(), now).map_err(|error| wrong(error.words()))?;
    if brought.dry_run {
        return shown(&all, now, globals);
    }
    let chosen: Vec<Read> = if brought.all || (all.len() == 1 && brought.items.is_empty()) {
        all
    } else if brought.items.is_empty() {
        let count = all.len();
        return Err(Mistake(phrase!(
            "tài liệu có {count} bản tin: xem bằng --dry-run, rồi chọn bằng --item TÊN hoặc --all",
            "there are {count} bulletins in it: look with --dry-run, then choose with --item NAME or --all"
        ))
        .into());
    } else {
        if let Some(unknown) = brought.items.iter().find(|item| all.iter().all(|one| one.guid != **item)) {
            return Err(
                Mistake(phrase!("tài liệu không có bản tin `{unknown}`", "there is no bulletin `{unknown}` in it")).into()
            );
        }
        all.into_iter().filter(|one| brought.items.contains(&one.guid)).collect()
    };
    let of_source = config.bulletins.iter().find(|one| one.name == source).map(|one| one.department.clone());
    let office = config.office.fields.get("name").cloned().unwrap_or_default();
    let owner = brought.department.or(of_source).filter(|name| !name.is_empty()).unwrap_or(office);
    let actor = globals.actor(brought.by)?;
    let channels = paste::channels(config);
    let latest_last: Vec<Read> = chosen.into_iter().rev().collect();
    let became = paste::take(db, (&owner, source), &latest_last, &channels, &actor, now).await?;
    let both = latest_last.iter().zip(&became);
    if globals.json {
        let one = |(read, became): (&Read, &Became)| {
            let (id, what, draft) = outcome(became);
            json!({ "id": id, "item": read.guid, "title": read.title, "became": what, "draft": draft })
        };
        Globals::print_json(&both.map(one).collect())?;
        return Ok(());
    }
    for (read, became) in both {
        let (id, title) = (outcome(became).0, &read.title);
        let words = match became {
            Became::Draft(_, slug) => phrase!("{id}. {title}: bản nháp {slug}", "{id}. {title}: the draft {slug}"),
            Became::Noted(_, why) => {
                let Phrase { vi, en } = why.words();
                phrase!("{id}. {title}: chỉ ghi nhận ({vi})", "{id}. {title}: only noted ({en})")
            }
            Became::Refused(_, why) => {
                let Phrase { vi, en } = why.words();
                phrase!("{id}. {title}: không nhận ({vi})", "{id}. {title}: refused ({en})")
            }
            Became::Changed(_) => phrase!("{id}. {title}: đã có, nội dung đã sửa", "{id}. {title}: known, and changed"),
            Became::Known(_) => phrase!("{id}. {title}: đã có", "{id}. {title}: known"),
        };
        writeln!(io::stdout(), "{}", words.text(globals.lang))?;
    }
    Ok(())
}

fn outcome(became: &Became) -> (i64, &'static str, Option<&str>) {
    match became {
        Became::Draft(id, slug) => (*id, "draft", Some(slug)),
        Became::Noted(id, _) => (*id, "noted", None),
        Became::Refused(id, _) => (*id, "refused", None),
        Became::Changed(id) => (*id, "changed", None),
        Became::Known(id) => (*id, "known", None),
    }
}

/// What is in a document, before anything is made of it.
fn shown(all: &[Read], now: i64, globals: &Globals) -> anyhow::Result<()> {
    let lang = globals.lang;
    if globals.json {
        let one = |read: &Read| {
            json!({
                "item": read.guid, "title": read.title, "body": read.body, "publisher": read.publisher, "link": read.link, "at": read.at,
                "signature": read.signature.name(), "caution": paste::caution(read, now).map(|why| why.words().text(lang).to_string()),
                "remark": read.remark.as_ref().map(|remark| remark.text(lang)),
            })
        };
        Globals::print_json(&all.iter().map(one).collect())?;
        return Ok(());
    }
    let heading = match lang {
        Lang::Vi => ["Tên", "Phát hành", "Nơi ban hành", "Bản tin", "Chữ ký số", "Lưu ý"],
        Lang::En => ["Name", "Published", "Publisher", "Bulletin", "Signature", "Mind"],
    };
    let row = |read: &Read| {
        vec![
            read.guid.clone(),
            read.at.map(|at| words::moment(at, lang)).unwrap_or_default(),
            read.publisher.clone(),
            read.title.clone(),
            read.signature.label().text(lang).to_string(),
            paste::caution(read, now).map(|why| why.words().text(lang).to_string()).unwrap_or_default(),
        ]
    };
    write!(io::stdout(), "{}", table::render(&heading, &all.iter().map(row).collect::<Vec<_>>()))?;
    Ok(())
}
