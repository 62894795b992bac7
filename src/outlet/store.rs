//! Outlets in the database.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Kind, Outlet, Refused, Way, Written, masked};
use crate::{
    audit::{self, Actor},
    db::{Db, DbError, Result, Sql, Tx, affected, list as bound},
    on, phrase,
    seal::{self, Seal},
    transaction, within,
};

/// What an order may be done to or with: the outcome, or why not.
type Tried<T> = Result<std::result::Result<T, Refused>>;

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    slug: String,
    title: String,
    kind: i16,
    way: i16,
    url: Option<String>,
    certificate: Option<String>,
    contact: Option<Vec<u8>>,
    areas: String,
    owner: String,
    sender: String,
    active: bool,
    created_at: i64,
    changed_at: i64,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Area {
    code: String,
}

impl Row {
    /// `seal` opens the contact to mask it; none: it is left out.
    fn outlet(self, seal: Option<&Seal>) -> Result<Outlet> {
        let unreadable = || DbError::Refused(format!("outlet {} cannot be read by this version", self.id));
        let areas: Vec<Area> = serde_json::from_str(&self.areas).map_err(|_| unreadable())?;
        Ok(Outlet {
            kind: Kind::from_number(self.kind).ok_or_else(unreadable)?,
            way: Way::from_number(self.way).ok_or_else(unreadable)?,
            contact: seal.zip(self.contact.as_deref()).map(|(seal, sealed)| shown(seal, sealed)),
            areas: areas.into_iter().map(|area| area.code).collect(),
            id: self.id,
            slug: self.slug,
            title: self.title,
            url: self.url,
            certificate: self.certificate,
            owner: self.owner,
            sender: self.sender,
            active: self.active,
            created_at: self.created_at,
            changed_at: self.changed_at,
        })
    }
}

/// A contact's mailbox as it is shown. A key that does not fit says so where the mailbox is needed; a page of outlets is not the place.
fn shown(seal: &Seal, sealed: &[u8]) -> String {
    seal.open(seal::Kind::Email, sealed).map_or_else(|_| "…".to_string(), |mailbox| masked(&mailbox))
}

macro_rules! outlet_columns {
    () => {
        "t.id, t.slug, t.title, t.kind, t.way, t.url, t.certificate, t.contact, t.areas, t.owner, t.sender, t.active, t.created_at,
         t.changed_at"
    };
}

static LIST: Sql = Sql::new(concat!("SELECT ", outlet_columns!(), " FROM outlet t ORDER BY t.kind, t.title, t.id"));
static FIND: Sql = Sql::new(concat!("SELECT ", outlet_columns!(), " FROM outlet t WHERE t.id = $1"));
static BY_SLUG: Sql = Sql::new(concat!("SELECT ", outlet_columns!(), " FROM outlet t WHERE t.slug = $1"));
static LOCK: Sql = Sql::new(concat!("SELECT ", outlet_columns!(), " FROM outlet t WHERE t.slug = $1 :lock(t)"));
static NAMED: Sql = Sql::new(concat!(
    "SELECT ",
    outlet_columns!(),
    " FROM outlet t WHERE t.slug IN (SELECT n.slug FROM :rows($1; slug TEXT) AS n) OR t.kind IN (SELECT k.kind FROM :rows($2; kind SMALLINT) AS k)
      ORDER BY t.id :share(t)"
));

/// All outlets; their contacts are left out.
pub async fn without_contacts(db: &Db) -> Result<Vec<Outlet>> {
    let rows: Vec<Row> = on!(db.read, |pool, sql| sqlx::query_as(sql(&LIST)).fetch_all(pool).await)?;
    rows.into_iter().map(|row| row.outlet(None)).collect()
}

static CONTACTS_OF: Sql = Sql::new(
    r"SELECT t.id, t.contact FROM outlet t WHERE t.contact IS NOT NULL AND t.id IN (SELECT v.id FROM :rows($1; id BIGINT) AS v)",
);

/// Puts the contacts in that were left out, masked: of the outlets that are shown, and of no others.
pub async fn with_contacts(db: &Db, seal: &Seal, outlets: &mut [Outlet]) -> Result<()> {
    #[derive(serde::Serialize)]
    struct Id {
        id: i64,
    }
    let ids = bound(&outlets.iter().map(|outlet| Id { id: outlet.id }).collect::<Vec<_>>());
    let sealed: Vec<(i64, Vec<u8>)> =
        on!(db.read, |pool, sql| sqlx::query_as(sql(&CONTACTS_OF)).bind(&ids).fetch_all(pool).await)?;
    let sealed: BTreeMap<i64, Vec<u8>> = sealed.into_iter().collect();
    for outlet in outlets {
        outlet.contact = sealed.get(&outlet.id).map(|sealed| shown(seal, sealed));
    }
    Ok(())
}

/// The outlet of this number.
pub async fn find(db: &Db, seal: &Seal, id: i64) -> Result<Option<Outlet>> {
    let row: Option<Row> = on!(db.read, |pool, sql| sqlx::query_as(sql(&FIND)).bind(id).fetch_optional(pool).await)?;
    row.map(|row| row.outlet(Some(seal))).transpose()
}

/// The outlet of this name.
pub async fn by_slug(db: &Db, seal: &Seal, slug: &str) -> Result<Option<Outlet>> {
    // No database takes it, and addresses may have it.
    if slug.contains('\0') {
        return Ok(None);
    }
    let row: Option<Row> = on!(db.read, |pool, sql| sqlx::query_as(sql(&BY_SLUG)).bind(slug).fetch_optional(pool).await)?;
    row.map(|row| row.outlet(Some(seal))).transpose()
}

/// The outlets of these names and those of these kinds, within a transaction; their contacts are left out.
pub async fn within_by_slug(tx: &mut Tx, slugs: &[String], kinds: &[Kind]) -> Result<Vec<Outlet>> {
    #[derive(serde::Serialize)]
    struct Slug<'a> {
        slug: &'a str,
    }
    #[derive(serde::Serialize)]
    struct OfKind {
        kind: i16,
    }
    let slugs = bound(&slugs.iter().map(|slug| Slug { slug }).collect::<Vec<_>>());
    let kinds = bound(&kinds.iter().map(|kind| OfKind { kind: *kind as i16 }).collect::<Vec<_>>());
    let rows: Vec<Row> = within!(tx, |c, sql| sqlx::query_as(sql(&NAMED)).bind(&slugs).bind(&kinds).fetch_all(c).await)?;
    rows.into_iter().map(|row| row.outlet(None)).collect()
}

static CONTACT: Sql = Sql::new(r"SELECT contact FROM outlet WHERE id = $1 AND contact IS NOT NULL");

/// The contact's mailbox: for the mail to it alone. None: there is none, or no key opens it.
pub async fn contact(db: &Db, seal: &Seal, id: i64) -> Result<Option<String>> {
    let sealed: Option<Vec<u8>> =
        on!(db.read, |pool, sql| sqlx::query_scalar(sql(&CONTACT)).bind(id).fetch_optional(pool).await)?;
    Ok(sealed.and_then(|sealed| seal.open(seal::Kind::Email, &sealed).ok()))
}

static CONTACTS: Sql = Sql::new(r"SELECT id, contact FROM outlet WHERE contact IS NOT NULL");

/// The mailboxes of all contacts by their outlet: to see whether a list says something new. Never shown.
pub async fn contacts(db: &Db, seal: &Seal) -> Result<BTreeMap<i64, String>> {
    let sealed: Vec<(i64, Vec<u8>)> = on!(db.read, |pool, sql| sqlx::query_as(sql(&CONTACTS)).fetch_all(pool).await)?;
    let opened = sealed.into_iter().filter_map(|(id, sealed)| Some((id, seal.open(seal::Kind::Email, &sealed).ok()?)));
    Ok(opened.collect())
}

static ADD: Sql = Sql::new(
    r"INSERT INTO outlet (slug, title, kind, way, url, certificate, contact, areas, owner, sender, active, created_at, changed_at)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, true, $11, $11) ON CONFLICT (slug) DO NOTHING RETURNING id",
);

fn areas(written: &Written) -> String {
    bound(&written.areas.iter().map(|code| Area { code: code.clone() }).collect::<Vec<_>>())
}

/// What the record of who did what keeps: no mailbox, only whether there is one.
fn recorded(outlet: &Written, contact: bool) -> Value {
    json!({
        "title": outlet.title, "kind": outlet.kind.name(), "way": outlet.way.name(), "url": outlet.url,
        "certificate": outlet.certificate.as_deref().map(|pem| seal::hex(&<sha2::Sha256 as sha2::Digest>::digest(pem.as_bytes()))),
        "contact": contact, "areas": outlet.areas, "owner": outlet.owner, "sender": outlet.sender,
    })
}

/// Adds an outlet that was [`Written::checked`], in a transaction of the caller's; its number.
pub async fn add(tx: &mut Tx, seal: &Seal, new: &Written, actor: &Actor, now: i64) -> Tried<i64> {
    let mailbox = new.contact.as_deref().filter(|mailbox| !mailbox.is_empty());
    let sealed = mailbox.map(|mailbox| seal.seal(seal::Kind::Email, mailbox));
    let id: Option<i64> = within!(tx, |c, sql| sqlx::query_scalar(sql(&ADD))
        .bind(&new.slug)
        .bind(&new.title)
        .bind(new.kind as i16)
        .bind(new.way as i16)
        .bind(&new.url)
        .bind(&new.certificate)
        .bind(&sealed)
        .bind(areas(new))
        .bind(&new.owner)
        .bind(&new.sender)
        .bind(now)
        .fetch_optional(c)
        .await)?;
    let Some(id) = id else { return Ok(Err(Refused::Taken)) };
    audit::record(tx, actor, "outlet.add", &new.slug, None, Some(&recorded(new, sealed.is_some())), now).await?;
    Ok(Ok(id))
}

static CHANGE: Sql = Sql::new(
    r"UPDATE outlet SET title = $2, kind = $3, way = $4, url = $5, certificate = $6, contact = $7, areas = $8, owner = $9, sender = $10,
                        changed_at = $11
      WHERE id = $1",
);

/// Changes the outlet of `to.slug`, which was [`Written::checked`], in a transaction of the caller's.
pub async fn change(tx: &mut Tx, seal: &Seal, to: &Written, actor: &Actor, now: i64) -> Tried<()> {
    let row: Option<Row> = within!(tx, |c, sql| sqlx::query_as(sql(&LOCK)).bind(&to.slug).fetch_optional(c).await)?;
    let Some(row) = row else { return Ok(Err(Refused::NoSuchOutlet)) };
    let had = row.contact.clone();
    let sealed = match to.contact.as_deref() {
        None => had.clone(),
        Some("") => None,
        Some(mailbox) => Some(seal.seal(seal::Kind::Email, mailbox)),
    };
    let (had_contact, keeps_contact) = (had.is_some(), sealed.is_some());
    let open = |sealed: &Option<Vec<u8>>| sealed.as_deref().and_then(|sealed| seal.open(seal::Kind::Email, sealed).ok());
    let same_contact = to.contact.is_none() || had_contact == keeps_contact && open(&had) == open(&sealed);
    let id = row.id;
    let before = Written::from(row.outlet(None)?);
    if before == (Written { contact: None, ..to.clone() }) && same_contact {
        return Ok(Ok(()));
    }
    if before.kind != to.kind {
        // A carrier counts subscribers, and a school people: what was counted would turn into the other.
        let orders: i64 = within!(tx, |c, sql| sqlx::query_scalar(sql(&HAS_ORDERS)).bind(id).fetch_one(c).await)?;
        if orders > 0 {
            let why = phrase!(
                "đơn vị đã có yêu cầu nên không đổi loại được: hãy thêm một đơn vị khác",
                "there are orders to this outlet, so its kind stays: add another outlet"
            );
            return Ok(Err(Refused::Field("kind", why)));
        }
    }
    within!(tx, |c, sql| sqlx::query(sql(&CHANGE))
        .bind(id)
        .bind(&to.title)
        .bind(to.kind as i16)
        .bind(to.way as i16)
        .bind(&to.url)
        .bind(&to.certificate)
        .bind(&sealed)
        .bind(areas(to))
        .bind(&to.owner)
        .bind(&to.sender)
        .bind(now)
        .execute(c)
        .await
        .map(affected))?;
    let (before, after) = (recorded(&before, had_contact), recorded(to, keeps_contact));
    audit::record(tx, actor, "outlet.change", &to.slug, Some(&before), Some(&after), now).await?;
    Ok(Ok(()))
}

static SET_ACTIVE: Sql = Sql::new(r"UPDATE outlet SET active = $2, changed_at = $3 WHERE id = $1");

/// Lets it rest, or lets it get orders again.
pub async fn set_active(db: &Db, slug: &str, active: bool, actor: &Actor, now: i64) -> Tried<()> {
    transaction!(db, |tx| {
        let row: Option<Row> = within!(tx, |c, sql| sqlx::query_as(sql(&LOCK)).bind(slug).fetch_optional(c).await)?;
        let Some(row) = row else { return Ok(Err(Refused::NoSuchOutlet)) };
        if row.active != active {
            within!(tx, |c, sql| sqlx::query(sql(&SET_ACTIVE))
                .bind(row.id)
                .bind(active)
                .bind(now)
                .execute(c)
                .await
                .map(affected))?;
            let action = if active { "outlet.enable" } else { "outlet.disable" };
            audit::record(tx, actor, action, slug, None, None, now).await?;
        }
        Ok(Ok(()))
    })
}

static HAS_ORDERS: Sql = Sql::new(r"SELECT count(*) FROM relay_order WHERE outlet = $1");
static REMOVE: Sql = Sql::new(r"DELETE FROM outlet WHERE id = $1");
static LET_GO: Sql = Sql::new(r"UPDATE console_user SET outlet = NULL WHERE outlet = $1");

/// Removes an outlet that never got an order.
pub async fn remove(db: &Db, slug: &str, actor: &Actor, now: i64) -> Tried<()> {
    transaction!(db, |tx| {
        let row: Option<Row> = within!(tx, |c, sql| sqlx::query_as(sql(&LOCK)).bind(slug).fetch_optional(c).await)?;
        let Some(row) = row else { return Ok(Err(Refused::NoSuchOutlet)) };
        let orders: i64 = within!(tx, |c, sql| sqlx::query_scalar(sql(&HAS_ORDERS)).bind(row.id).fetch_one(c).await)?;
        if orders > 0 {
            return Ok(Err(Refused::HasOrders));
        }
        within!(tx, |c, sql| sqlx::query(sql(&LET_GO)).bind(row.id).execute(c).await.map(affected))?;
        within!(tx, |c, sql| sqlx::query(sql(&REMOVE)).bind(row.id).execute(c).await.map(affected))?;
        audit::record(tx, actor, "outlet.remove", slug, None, None, now).await?;
        Ok(Ok(()))
    })
}

static OF_USER: Sql = Sql::new(r"SELECT outlet FROM console_user WHERE id = $1 AND outlet IS NOT NULL");
static USERS: Sql = Sql::new(r"SELECT id FROM console_user WHERE outlet = $1 AND disabled_at IS NULL ORDER BY id");

/// The outlet whose orders a user of the console sees; none: nobody's.
pub async fn user_outlet(db: &Db, user: i64) -> Result<Option<i64>> {
    on!(db.read, |pool, sql| sqlx::query_scalar(sql(&OF_USER)).bind(user).fetch_optional(pool).await)
}

/// The users of the console who act for an outlet.
pub async fn users(db: &Db, outlet: i64) -> Result<Vec<i64>> {
    on!(db.read, |pool, sql| sqlx::query_scalar(sql(&USERS)).bind(outlet).fetch_all(pool).await)
}

static OF_USERS: Sql = Sql::new(r"SELECT id, outlet FROM console_user WHERE outlet IS NOT NULL");

/// The outlets for which users of the console act, by user.
pub async fn of_users(db: &Db) -> Result<BTreeMap<i64, i64>> {
    let rows: Vec<(i64, i64)> = on!(db.read, |pool, sql| sqlx::query_as(sql(&OF_USERS)).fetch_all(pool).await)?;
    Ok(rows.into_iter().collect())
}

static LOCK_USER: Sql = Sql::new(r"SELECT u.outlet FROM console_user u WHERE u.id = $1 :lock(u)");
static SET_OF_USER: Sql = Sql::new(r"UPDATE console_user SET outlet = $2 WHERE id = $1");

/// Lets a user act for an outlet, or for none, in a transaction of the caller's, who saw that the user exists.
pub async fn set_user_outlet(tx: &mut Tx, user: i64, outlet: Option<&str>, actor: &Actor, now: i64) -> Tried<()> {
    let id = match outlet {
        None => None,
        Some(slug) => {
            let row: Option<Row> = within!(tx, |c, sql| sqlx::query_as(sql(&LOCK)).bind(slug).fetch_optional(c).await)?;
            match row {
                Some(row) => Some(row.id),
                None => return Ok(Err(Refused::NoSuchOutlet)),
            }
        }
    };
    let was: Option<Option<i64>> = within!(tx, |c, sql| sqlx::query_scalar(sql(&LOCK_USER)).bind(user).fetch_optional(c).await)?;
    if was == Some(id) {
        return Ok(Ok(()));
    }
    within!(tx, |c, sql| sqlx::query(sql(&SET_OF_USER)).bind(user).bind(id).execute(c).await.map(affected))?;
    let after = json!({ "user": user, "outlet": outlet });
    audit::record(tx, actor, "user.outlet", outlet.unwrap_or_default(), None, Some(&after), now).await?;
    Ok(Ok(()))
}

static SEALED: Sql = Sql::new(r"SELECT t.id, t.contact FROM outlet t WHERE t.contact IS NOT NULL ORDER BY t.id :lock(t)");
static RESEAL: Sql = Sql::new(r"UPDATE outlet SET contact = $2 WHERE id = $1");

/// Seals every contact anew, after a rotation.
pub async fn reseal(tx: &mut Tx, seal: &Seal) -> Result<()> {
    let sealed: Vec<(i64, Vec<u8>)> = within!(tx, |c, sql| sqlx::query_as(sql(&SEALED)).fetch_all(c).await)?;
    for (id, sealed) in sealed {
        let broken = |error: seal::SealError| DbError::Refused(format!("the contact of outlet {id}: {error}"));
        let anew = seal.seal(seal::Kind::Email, &seal.open(seal::Kind::Email, &sealed).map_err(broken)?);
        within!(tx, |c, sql| sqlx::query(sql(&RESEAL)).bind(id).bind(&anew).execute(c).await.map(affected))?;
    }
    Ok(())
}

static RENAMED: Sql = Sql::new(r"UPDATE outlet SET owner = $2 WHERE owner = $1");

/// Hands a department's outlets over to the name that it has now.
pub async fn renamed(tx: &mut Tx, was: &str, is: &str) -> Result<()> {
    within!(tx, |c, sql| sqlx::query(sql(&RENAMED)).bind(was).bind(is).execute(c).await.map(affected)).map(drop)
}
