//! The draft of a bulletin is made: a campaign with suggested texts, and the wish to send it as soon as it is approved. What enters is a
//! row, or what a row was just made of; what leaves is the draft's name. What can go wrong is only the database.
//!
//! A row has one draft at most: it names it, in the same transaction.

use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{Bulletin, Read, Signature, draft, take::Taking};
use crate::{
    audit::{self, Actor},
    campaign::pattern::{self, Frame},
    clock::local,
    db::{Db, DbError, Result, Sql, Tx, affected},
    edition::{self, Draft, Saved},
    run::warning,
    seal::hex,
    transaction, within,
};

/// What a draft is made of.
pub(super) struct Making<'a> {
    guid: &'a str,
    says: draft::Bulletin<'a>,
    signature: Signature,
}

impl<'a> Making<'a> {
    pub(super) fn of(read: &'a Read) -> Self {
        let says = draft::Bulletin {
            publisher: &read.publisher,
            title: &read.title,
            body: &read.body,
            link: read.link.as_deref(),
            at: read.at,
        };
        Self { guid: &read.guid, says, signature: read.signature }
    }
}

/// The characters of a title in what is said to a version.
const SHORT: usize = 120;
/// Names that are tried for a draft: another campaign may have the first.
const NAMES: usize = 20;

static DRAFTED: Sql = Sql::new(
    r"UPDATE bulletin SET state = 1, why = 0, campaign = $2, made_title = title, made_body = body WHERE id = $1 AND campaign IS NULL",
);

/// The draft of a row, and the wish to send it as soon as it is approved. Its name.
pub(super) async fn make(tx: &mut Tx, taking: Taking<'_>, id: i64, making: &Making<'_>) -> Result<String> {
    let says = making.says;
    let frame = Frame { owner: taking.owner, channels: taking.channels, ..Frame::default() };
    let text = pattern::campaign(&frame, &draft::texts(says));
    let short: String = says.title.chars().take(SHORT).collect();
    let comment = format!("Từ bản tin của {}: {short}", says.publisher);
    let stem = stem(taking, making.guid);
    for nth in 1..=NAMES {
        let slug = if nth == 1 { stem.clone() } else { format!("{stem}-{nth}") };
        let draft = Draft { slug: &slug, text: &text, base: 0, comment: &comment };
        if let Saved::Conflict(_) = edition::save_within(tx, draft, taking.actor, taking.now).await? {
            continue;
        }
        warning::ask(tx, &slug, None, None, &taking.actor.name, taking.now).await?;
        let done = within!(tx, |c, sql| sqlx::query(sql(&DRAFTED)).bind(id).bind(&slug).execute(c).await.map(affected))?;
        if done != 1 {
            return Err(DbError::Refused(format!("bulletin {id} has a draft already")));
        }
        let after = json!({
            "draft": slug, "source": taking.source, "title": says.title, "link": says.link, "signature": making.signature.name(),
        });
        audit::record(tx, taking.actor, "bulletin.draft", &id.to_string(), None, Some(&after), taking.now).await?;
        return Ok(slug);
    }
    Err(DbError::Refused(format!("there is no free name for the draft of bulletin {id}")))
}

/// The day, and what tells this bulletin from all others.
fn stem(taking: Taking<'_>, guid: &str) -> String {
    let day = local(taking.now).format("%y%m%d");
    let digest = Sha256::digest(format!("{}\n{}\n{guid}", taking.owner, taking.source));
    format!("ban-tin-{day}-{}", hex(&digest[..4]))
}

#[derive(sqlx::FromRow)]
struct Kept {
    guid: String,
    source: String,
    owner: String,
    publisher: String,
    title: String,
    body: String,
    link: Option<String>,
    at: Option<i64>,
    signature: i16,
}

static KEPT: Sql = Sql::new(
    r"SELECT b.guid, b.source, b.owner, b.publisher, b.title, b.body, b.link, b.at, b.signature FROM bulletin b
      WHERE b.id = $1 AND b.state = 0 AND b.campaign IS NULL :lock(b)",
);

/// Makes a draft of a bulletin that was only noted: somebody wants it. None: it is no longer so.
pub async fn promote(db: &Db, bulletin: &Bulletin, channels: &[&'static str], actor: &Actor, now: i64) -> Result<Option<String>> {
    if !bulletin.may_be_promoted() {
        return Ok(None);
    }
    transaction!(db, |tx| {
        let kept: Option<Kept> = within!(tx, |c, sql| sqlx::query_as(sql(&KEPT)).bind(bulletin.id).fetch_optional(c).await)?;
        let Some(kept) = kept else { return Ok(None) };
        let taking = Taking { owner: &kept.owner, source: &kept.source, actor, brought: true, channels, now };
        let says = draft::Bulletin {
            publisher: &kept.publisher,
            title: &kept.title,
            body: &kept.body,
            link: kept.link.as_deref(),
            at: kept.at,
        };
        let making = Making { guid: &kept.guid, says, signature: Signature::from_number(kept.signature) };
        make(tx, taking, bulletin.id, &making).await.map(Some)
    })
}
