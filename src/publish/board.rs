//! The documents that the public is told by, frozen as they were first made: the same bytes each time, whatever the settings, the key or
//! this program say later. What enters: what went out. What leaves: rows of `publication`, each made once however many nodes look.
//! What can go wrong: the database; a warning that cannot be said or signed stays unpublished, and the log says so.

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};

use super::{
    Ground,
    alert::{self, Heading, Said, Step},
    went::{Went, WentOut},
};
use crate::{
    cap::{self, Reference, Time},
    db::{Db, DbError, Result, Sql, Tx, affected},
    definition, on,
    relay::{self, Content},
    seal::hex,
    transaction, within,
};

static MARKS: Sql = Sql::new(r"SELECT mark FROM publication");

static LATEST: Sql = Sql::new(r"SELECT coalesce(max(id), 0) FROM publication");

// The run that a warning began with is the lock of its documents.
static LOCK: Sql = Sql::new(r"SELECT r.id FROM run r WHERE r.id = $1 :lock(r)");

static CHAIN: Sql = Sql::new(r"SELECT mark, identifier, sender, sent_at, ends_at FROM publication WHERE chain = $1 ORDER BY id");

static KEEP: Sql = Sql::new(
    r"INSERT INTO publication (mark, identifier, chain, sender, sent_at, ends_at, document, made_at)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (mark) DO NOTHING",
);

static STANDING: Sql =
    Sql::new(r"SELECT identifier, document FROM publication WHERE ends_at > $1 ORDER BY sent_at DESC, id DESC LIMIT $2");

static ENDED: Sql =
    Sql::new(r"SELECT identifier, document FROM publication WHERE ends_at <= $1 ORDER BY ends_at DESC, id DESC LIMIT $2");

static ONE: Sql = Sql::new(r"SELECT document, sent_at FROM publication WHERE identifier = $1");

static OF_RUN: Sql = Sql::new(r"SELECT identifier FROM publication WHERE mark = $1");

/// Something that the public is to be told.
#[derive(Debug)]
struct News<'w> {
    /// What it tells of: once told, it is told.
    mark: String,
    /// The run that the warning began with.
    chain: i64,
    went: &'w Went,
    at: i64,
    what: What<'w>,
}

#[derive(Debug, Clone, Copy)]
enum What<'w> {
    /// A run went out.
    Run,
    /// Its orders say something else now.
    Order(&'w Content, i64),
    /// It was stopped or withdrawn.
    End,
}

/// A document as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Document {
    /// The signed bytes.
    pub document: Vec<u8>,
    /// CAP's `sent`, unix milliseconds.
    pub sent_at: i64,
}

/// The document of this identifier.
pub async fn document(db: &Db, identifier: &str) -> Result<Option<Document>> {
    // Anybody may ask for anything: what is no name of ours does not even reach the database, which would refuse some of it.
    if !identifier.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte)) {
        return Ok(None);
    }
    on!(db.read, |pool, sql| sqlx::query_as(sql(&ONE)).bind(identifier).fetch_optional(pool).await)
}

/// What the document of a run's warning is called; none: there is none yet.
pub async fn identifier(db: &Db, run: i64) -> Result<Option<String>> {
    on!(db.read, |pool, sql| sqlx::query_scalar(sql(&OF_RUN)).bind(mark(run)).fetch_optional(pool).await)
}

/// What the document of a run tells of.
fn mark(run: i64) -> String {
    format!("run {run}")
}

/// What was told already, and what could not be.
#[derive(Debug, Default)]
pub(super) struct Board {
    told: Option<BTreeSet<String>>,
    version: Option<u64>,
}

impl Board {
    /// Tells what is new.
    pub async fn tell(&mut self, ground: &Ground<'_>, went: &WentOut) -> Result<()> {
        if self.version == Some(went.version) {
            return Ok(());
        }
        if self.told.is_none() {
            let marks: Vec<String> = on!(ground.db.read, |pool, sql| sqlx::query_scalar(sql(&MARKS)).fetch_all(pool).await)?;
            self.told = Some(marks.into_iter().collect());
        }
        let told = self.told.get_or_insert_default();
        for news in news(went) {
            if told.contains(&news.mark) {
                continue;
            }
            if let Err(why) = tell(ground, &news).await? {
                tracing::error!(run = news.went.run.id, why, "a warning could not be published");
            }
            // What cannot be said today is not tried again every few seconds; the next start does.
            told.insert(news.mark);
        }
        self.version = Some(went.version);
        Ok(())
    }
}

/// All that there is to be told of warnings, the earliest first.
fn news(went: &WentOut) -> Vec<News<'_>> {
    let all = went.all();
    let mut news = Vec::new();
    for one in all.values().filter(|one| one.run.is_warning()) {
        let run = &one.run;
        // The same text again to whom it failed is no other warning.
        if run.again().is_some_and(|parent| all.contains_key(&parent)) {
            continue;
        }
        let chain = went.first_warning(run);
        let of = |mark: String, at, what| News { mark, chain, went: one, at, what };
        news.push(of(mark(run.id), run.created_at, What::Run));
        for order in one.orders.iter().filter(|order| order.step == relay::Step::Update) {
            let content = &order.content;
            let sms = content.sms.as_ref().map(|sms| sms.text.as_str());
            let said = format!("{:?}", (&content.title, sms, &content.app, &content.material));
            let mark = format!("run {} says {}", run.id, hex(&Sha256::digest(said)[..16]));
            if !news.iter().any(|known: &News<'_>| known.mark == mark) {
                news.push(of(mark, order.sent_at, What::Order(content, order.expires_at)));
            }
        }
        let corrected = |at: i64| all.values().any(|other| other.run.corrects() == Some(run.id) && other.run.created_at <= at);
        if let Some(at) = one.withdrawn_at().filter(|at| !corrected(*at)) {
            news.push(of(format!("run {} ended", run.id), at, What::End));
        }
    }
    news.sort_by_key(|one| one.at);
    news
}

/// What came before, of the same warning.
#[derive(Debug, sqlx::FromRow)]
struct Earlier {
    mark: String,
    identifier: String,
    sender: String,
    sent_at: i64,
    ends_at: i64,
}

/// Freezes a document. The inner error says why there is none.
async fn tell(ground: &Ground<'_>, news: &News<'_>) -> Result<std::result::Result<(), String>> {
    let run = &news.went.run;
    let ends_at = news.went.ends_at();
    let said = match news.what {
        What::Run => {
            let kept = match definition::kept(ground.db, &run.definition).await {
                Ok(kept) => kept,
                Err(DbError::Refused(why)) => return Ok(Err(why)),
                Err(error) => return Err(error),
            };
            let (message, config) = (run.message.clone(), ground.config.clone());
            let made = tokio::task::spawn_blocking(move || alert::of_run(&kept, &message, ends_at, &config)).await;
            match made {
                Ok(said) => said,
                Err(error) => return Ok(Err(error.to_string())),
            }
        }
        What::Order(content, expires_at) => alert::of_order(content, expires_at, ground.config),
        What::End => match definition::campaign(ground.db, &run.definition).await {
            Ok(campaign) => alert::of_end(&campaign.title, ground.config),
            Err(DbError::Refused(why)) => return Ok(Err(why)),
            Err(error) => return Err(error),
        },
    };
    transaction!(ground.db, |tx| keep(tx, ground, news, &said).await)
}

async fn keep(tx: &mut Tx, ground: &Ground<'_>, news: &News<'_>, said: &Said) -> Result<std::result::Result<(), String>> {
    let run = &news.went.run;
    let _: Option<i64> = within!(tx, |c, sql| sqlx::query_scalar(sql(&LOCK)).bind(news.chain).fetch_optional(c).await)?;
    let earlier: Vec<Earlier> = within!(tx, |c, sql| sqlx::query_as(sql(&CHAIN)).bind(news.chain).fetch_all(c).await)?;
    if earlier.iter().any(|one| one.mark == news.mark) {
        return Ok(Ok(()));
    }
    let step = match news.what {
        What::End if earlier.is_empty() => return Ok(Ok(())),
        What::End => Step::Cancel,
        _ if earlier.is_empty() => Step::Alert,
        _ => Step::Update,
    };
    // A database that was begun anew counts its runs from one again: the second in which it was made tells them apart.
    let base = format!("loa-{}-{:x}", run.id, run.created_at.div_euclid(1_000));
    let nth = earlier.iter().filter(|one| one.identifier == base || one.identifier.starts_with(&format!("{base}."))).count();
    let identifier = if nth == 0 { base } else { format!("{base}.{nth}") };
    // Nothing is sent before what it references.
    let sent_at = earlier.iter().map(|one| one.sent_at).fold(news.at, i64::max);
    let sent_at = sent_at - sent_at.rem_euclid(1_000);
    let ends_at = match step {
        Step::Cancel => earlier.iter().map(|one| one.ends_at).fold(sent_at, i64::max),
        Step::Alert | Step::Update => said.expires_at,
    };
    let references = earlier
        .iter()
        .map(|one| Reference { sender: one.sender.clone(), identifier: one.identifier.clone(), sent: Time::local(one.sent_at) })
        .collect();
    let issuer = ground.letterhead.issuer();
    let sender = issuer.sender.to_string();
    let heading = Heading { issuer, identifier: identifier.clone(), sent_at, step, references };
    let alert = alert::alert(heading, said);
    let document = match cap::write(&alert) {
        Ok(document) => document,
        Err(problems) => return Ok(Err(problems.to_string())),
    };
    let document = match ground.letterhead.sign(document) {
        Ok(document) => document,
        Err(error) => return Ok(Err(error.to_string())),
    };
    within!(tx, |c, sql| {
        sqlx::query(sql(&KEEP))
            .bind(&news.mark)
            .bind(&identifier)
            .bind(news.chain)
            .bind(&sender)
            .bind(sent_at)
            .bind(ends_at)
            .bind(document.as_bytes())
            .bind(ground.now)
            .execute(c)
            .await
            .map(affected)
    })?;
    Ok(Ok(()))
}

/// The number of the latest document: while it stays, the feed changes by time alone.
pub(super) async fn latest(db: &Db) -> Result<i64> {
    on!(db.read, |pool, sql| sqlx::query_scalar(sql(&LATEST)).fetch_one(pool).await)
}

/// Documents that hold still, the latest first and no more than `most`; and a few that ended last, by which the feed knows when it changed.
pub(super) async fn shown(db: &Db, most: i64, now: i64) -> Result<Vec<(String, Vec<u8>)>> {
    const ENDED_ONES: i64 = 5;
    let mut shown: Vec<(String, Vec<u8>)> =
        on!(db.read, |pool, sql| sqlx::query_as(sql(&STANDING)).bind(now).bind(most).fetch_all(pool).await)?;
    let ended: Vec<(String, Vec<u8>)> =
        on!(db.read, |pool, sql| sqlx::query_as(sql(&ENDED)).bind(now).bind(ENDED_ONES).fetch_all(pool).await)?;
    shown.extend(ended);
    Ok(shown)
}
