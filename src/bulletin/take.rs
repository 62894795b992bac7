//! A bulletin becomes a row, and where it concerns us a draft, in one transaction. What enters is what was read and how its source is
//! looked at; what leaves is what became of it ([`Became`]). What can go wrong is only the database.
//!
//! At most once: a row is unique by department, source and name, and by department and CAP reference; the draft stands in the same
//! transaction, so that two nodes, two sources or a second upload make one.

use serde_json::json;

use super::{
    Kind, Read, Signature, State, Why,
    make::{Making, make},
    pack,
};
use crate::{
    audit::{self, Actor},
    db::{DbError, Result, Sql, Tx, affected},
    phrase, within,
    words::Phrase,
};

/// The first look at a source makes drafts of what is no older than so many days,
pub const FIRST_DAYS: i64 = 3;
/// and of so many at most.
pub const FIRST_MOST: usize = 10;
/// Every later look makes so many drafts at most,
pub const MOST_AT_ONCE: usize = 20;
/// and none of what was written longer ago.
pub const OLD_DAYS: i64 = 30;

/// For whom, from where and by whom bulletins are taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taking<'a> {
    /// The department whose drafts they become.
    pub owner: &'a str,
    pub source: &'a str,
    pub actor: &'a Actor,
    /// Whether somebody brought them; else they were found by looking.
    pub brought: bool,
    /// The channels that some account serves.
    pub channels: &'a [&'static str],
    pub now: i64,
}

/// What is to be made of one, where nothing in it says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    Draft,
    /// A person wants a draft, also of what no longer holds.
    Insist,
    Note(Why),
}

/// What became of a bulletin: with its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Became {
    /// A draft of this name.
    Draft(i64, String),
    /// A row that is only noted.
    Noted(i64, Why),
    /// A row that says why it is not believed.
    Refused(i64, Why),
    /// It was there, and says something else now.
    Changed(i64),
    /// It was there.
    Known(i64),
}

#[derive(sqlx::FromRow)]
struct There {
    id: i64,
    hash: String,
    state: i16,
    why: i16,
}

static THERE: Sql = Sql::new(
    r"SELECT b.id, b.hash, b.state, b.why FROM bulletin b WHERE b.owner = $1 AND b.source = $2 AND b.guid = $3 :lock(b)",
);

static BY_ALERT: Sql = Sql::new(r"SELECT b.id FROM bulletin b WHERE b.owner = $1 AND b.alert = $2");

static HOLDER: Sql = Sql::new(
    r"SELECT b.id, b.title, b.body, b.signature FROM bulletin b WHERE b.owner = $1 AND b.alert = $2 AND b.id <> $3 :lock(b)",
);

static YIELD: Sql = Sql::new(r"UPDATE bulletin SET alert = NULL WHERE id = $1");

static INSERT: Sql = Sql::new(
    r"INSERT INTO bulletin (owner, source, guid, state, why, seen_at, seen_by, publisher, title, body, link, at, hash, raw, alert, kind,
                            signature, remark, earlier, made_title, made_body, decided_by, reason)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, '', '', '', '')
      ON CONFLICT DO NOTHING RETURNING id",
);

static CHANGE: Sql = Sql::new(
    r"UPDATE bulletin SET publisher = $2, title = $3, body = $4, link = $5, at = $6, hash = $7, raw = $8, alert = $9, kind = $10,
                          signature = $11, remark = $12, earlier = coalesce($13, earlier), state = $14, why = $15,
                          changed_at = coalesce($16, changed_at)
      WHERE id = $1",
);

static TELL: Sql = Sql::new(r"UPDATE bulletin SET changed_at = $2 WHERE id = $1 AND state = 1");

static DOUBT: Sql = Sql::new(r"UPDATE bulletin SET changed_at = coalesce($2, changed_at), remark = $3, hash = $4 WHERE id = $1");

/// Takes one in.
pub(super) async fn take(tx: &mut Tx, taking: Taking<'_>, read: &Read, wish: Wish) -> Result<Became> {
    // Whoever else inserts it meanwhile is waited for by the unique keys, and then found.
    for _ in 0..2 {
        let there: Option<There> = within!(tx, |c, sql| {
            sqlx::query_as(sql(&THERE)).bind(taking.owner).bind(taking.source).bind(&read.guid).fetch_optional(c).await
        })?;
        if let Some(there) = there {
            return again(tx, taking, read, wish, &there).await;
        }
        if let Some(became) = insert(tx, taking, read, wish).await? {
            return Ok(became);
        }
    }
    Err(DbError::Refused(format!("the bulletin `{}` could not be kept", read.guid)))
}

/// What is to be made of it.
fn judged(read: &Read, wish: Wish, repeated: bool, now: i64) -> (State, Option<Why>) {
    if let Some(why) = read.disbelief() {
        return (State::Refused, Some(why));
    }
    if repeated {
        return (State::Noted, Some(Why::Repeated));
    }
    let idle = read.idle(now);
    match wish {
        Wish::Insist if idle.is_none_or(|why| matches!(why, Why::Over | Why::NotActual)) => (State::Drafted, None),
        Wish::Note(why) => (State::Noted, Some(idle.unwrap_or(why))),
        _ => idle.map_or((State::Drafted, None), |why| (State::Noted, Some(why))),
    }
}

async fn by_alert(tx: &mut Tx, owner: &str, alert: &str) -> Result<Option<i64>> {
    within!(tx, |c, sql| sqlx::query_scalar(sql(&BY_ALERT)).bind(owner).bind(alert).fetch_optional(c).await)
}

/// Which bulletin has the name of this one's alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holder {
    Nobody,
    /// This one says so already.
    Known(i64),
    /// This one had it and said something else, and nobody had signed it.
    Impostor(i64),
}

impl Holder {
    const fn known(self) -> Option<i64> {
        if let Self::Known(id) = self { Some(id) } else { None }
    }

    const fn anyone(self) -> Option<i64> {
        if let Self::Known(id) | Self::Impostor(id) = self { Some(id) } else { None }
    }
}

#[derive(sqlx::FromRow)]
struct Holding {
    id: i64,
    title: String,
    body: String,
    signature: i16,
}

/// Who has an alert's name, besides `own`. Anybody may write any name: what the pinned certificate signed takes its name from another
/// that nobody signed and that says something else, so that nobody keeps a true warning away by a false one.
async fn holder(tx: &mut Tx, taking: Taking<'_>, read: &Read, alert: &str, own: i64) -> Result<Holder> {
    let held: Option<Holding> =
        within!(tx, |c, sql| { sqlx::query_as(sql(&HOLDER)).bind(taking.owner).bind(alert).bind(own).fetch_optional(c).await })?;
    let Some(Holding { id, title, body, signature }) = held else { return Ok(Holder::Nobody) };
    let outranked = read.signature == Signature::Verified && Signature::from_number(signature) != Signature::Verified;
    if !outranked || (title == read.title && body == read.body) {
        return Ok(Holder::Known(id));
    }
    within!(tx, |c, sql| sqlx::query(sql(&YIELD)).bind(id).execute(c).await.map(affected))?;
    within!(tx, |c, sql| sqlx::query(sql(&TELL)).bind(id).bind(taking.now).execute(c).await.map(affected))?;
    let after = json!({ "source": taking.source, "title": read.title, "signature": read.signature.name() });
    audit::record(tx, taking.actor, "bulletin.change", &id.to_string(), None, Some(&after), taking.now).await?;
    Ok(Holder::Impostor(id))
}

/// The latest of the bulletins that this one is about.
async fn earlier(tx: &mut Tx, owner: &str, read: &Read) -> Result<Option<i64>> {
    let mut latest = None;
    for reference in read.references() {
        latest = latest.max(by_alert(tx, owner, &reference).await?);
    }
    Ok(latest)
}

/// A new row. None: somebody else has just inserted it.
async fn insert(tx: &mut Tx, taking: Taking<'_>, read: &Read, wish: Wish) -> Result<Option<Became>> {
    let mut alert = read.reference();
    let holder = match &alert {
        // What is not believed takes nobody's place.
        Some(reference) if read.disbelief().is_none() => holder(tx, taking, read, reference, 0).await?,
        _ => Holder::Nobody,
    };
    let repeated = holder.known();
    if repeated.is_some() || read.disbelief().is_some() {
        alert = None;
    }
    let (state, why) = judged(read, wish, repeated.is_some(), taking.now);
    let about = if state == State::Refused { None } else { earlier(tx, taking.owner, read).await? };
    // A draft is made of the row below.
    let first = if state == State::Drafted { State::Noted } else { state };
    let id: Option<i64> = within!(tx, |c, sql| {
        sqlx::query_scalar(sql(&INSERT))
            .bind(taking.owner)
            .bind(taking.source)
            .bind(&read.guid)
            .bind(first as i16)
            .bind(why.map_or(0, |why| why as i16))
            .bind(taking.now)
            .bind(if taking.brought { taking.actor.name.as_str() } else { "" })
            .bind(&read.publisher)
            .bind(&read.title)
            .bind(&read.body)
            .bind(&read.link)
            .bind(read.at)
            .bind(&read.hash)
            .bind(&read.raw)
            .bind(&alert)
            .bind(read.kind() as i16)
            .bind(read.signature as i16)
            .bind(read.remark.as_ref().map(pack).unwrap_or_default())
            .bind(holder.anyone().or(about))
            .fetch_optional(c)
            .await
    })?;
    let Some(id) = id else { return Ok(None) };
    let became = match (state, why) {
        (State::Drafted, _) => {
            let slug = make(tx, taking, id, &Making::of(read)).await?;
            Became::Draft(id, slug)
        }
        (State::Refused, why) => {
            let why = why.unwrap_or(Why::Signature);
            let after = json!({ "source": taking.source, "title": read.title, "why": why.words().en });
            audit::record(tx, taking.actor, "bulletin.refuse", &id.to_string(), None, Some(&after), taking.now).await?;
            Became::Refused(id, why)
        }
        (_, why) => Became::Noted(id, why.unwrap_or(Why::Older)),
    };
    if let Some(about) = about.filter(|about| repeated.is_none() && *about != id) {
        overtaken(tx, taking, read, (id, about)).await?;
    }
    Ok(Some(became))
}

/// Tells whoever looks at the earlier one that its source said something else since.
async fn overtaken(tx: &mut Tx, taking: Taking<'_>, read: &Read, (id, about): (i64, i64)) -> Result<()> {
    within!(tx, |c, sql| sqlx::query(sql(&TELL)).bind(about).bind(taking.now).execute(c).await.map(affected))?;
    let action = if read.kind() == Kind::Cancel { "bulletin.cancelled" } else { "bulletin.updated" };
    let after = json!({ "source": taking.source, "by": id, "title": read.title, "signature": read.signature.name() });
    audit::record(tx, taking.actor, action, &about.to_string(), None, Some(&after), taking.now).await
}

/// It was there.
async fn again(tx: &mut Tx, taking: Taking<'_>, read: &Read, wish: Wish, there: &There) -> Result<Became> {
    let (id, was) = (there.id, State::from_number(there.state));
    let same = there.hash == read.hash;
    let unmade = matches!(was, State::Noted | State::Refused);
    if same && !(was == State::Refused && read.disbelief().is_none()) && !(was == State::Noted && wish == Wish::Insist) {
        return Ok(Became::Known(id));
    }
    if let Some(why) = read.disbelief() {
        if same {
            return Ok(Became::Known(id));
        }
        // What was believed stays as it was; that its source serves another version under its name is told.
        let Phrase { vi, en } = why.words();
        let remark = phrase!(
            "nguồn đưa bản sửa đổi không đáng tin: {vi}",
            "its source serves a changed version that is not believed: {en}"
        );
        let told = (!unmade).then_some(taking.now);
        within!(tx, |c, sql| {
            sqlx::query(sql(&DOUBT)).bind(id).bind(told).bind(pack(&remark)).bind(&read.hash).execute(c).await.map(affected)
        })?;
        let after = json!({ "source": taking.source, "title": read.title, "why": en });
        audit::record(tx, taking.actor, "bulletin.refuse", &id.to_string(), None, Some(&after), taking.now).await?;
        return Ok(Became::Changed(id));
    }
    let mut alert = read.reference();
    let holder = match &alert {
        Some(reference) => holder(tx, taking, read, reference, id).await?,
        None => Holder::Nobody,
    };
    let other = holder.known();
    if other.is_some() {
        alert = None;
    }
    let (wanted, why) = judged(read, wish, other.is_some(), taking.now);
    let drafted = unmade && wanted == State::Drafted;
    let state = if drafted || !unmade { was } else { wanted };
    let why = why.filter(|_| unmade).map_or(there.why, |why| why as i16);
    let about = earlier(tx, taking.owner, read).await?.filter(|about| *about != id);
    let told = (!unmade && !same).then_some(taking.now);
    within!(tx, |c, sql| {
        sqlx::query(sql(&CHANGE))
            .bind(id)
            .bind(&read.publisher)
            .bind(&read.title)
            .bind(&read.body)
            .bind(&read.link)
            .bind(read.at)
            .bind(&read.hash)
            .bind(&read.raw)
            .bind(&alert)
            .bind(read.kind() as i16)
            .bind(read.signature as i16)
            .bind(read.remark.as_ref().map(pack).unwrap_or_default())
            .bind(holder.anyone().or(about))
            .bind(state as i16)
            .bind(why)
            .bind(told)
            .execute(c)
            .await
            .map(affected)
    })?;
    if drafted {
        let slug = make(tx, taking, id, &Making::of(read)).await?;
        return Ok(Became::Draft(id, slug));
    }
    let after = json!({ "source": taking.source, "title": read.title });
    audit::record(tx, taking.actor, "bulletin.change", &id.to_string(), None, Some(&after), taking.now).await?;
    if let Some(about) = about {
        overtaken(tx, taking, read, (id, about)).await?;
    }
    Ok(Became::Changed(id))
}
