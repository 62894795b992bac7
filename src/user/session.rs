//! Sessions: what a browser's cookie stands for. Only the hash of the cookie's secret is kept.
//!
//! A session ends after an hour without a request, after twelve in all, when its owner signs out, changes the password, or is
//! disabled. Until the second factor was given it is not [`Session::complete`] and opens nothing but the page that asks for it.

use super::{Secret, User, find, hash};
use crate::{
    db::{Db, Result, Sql, Tx, affected},
    on,
    seal::Seal,
    within,
};

/// Without a request, a session ends after this long (milliseconds).
pub const IDLE: i64 = 60 * 60 * 1000;
/// After this long it ends in any case.
pub const LONGEST: i64 = 12 * 60 * 60 * 1000;
/// For so long the second factor may be given.
const HALF: i64 = 10 * 60 * 1000;
/// How exactly it is kept when the last request came.
const SEEN_EVERY: i64 = 60 * 1000;
/// The longest name of a browser that is kept, in characters.
const AGENT: usize = 200;

/// A session that has not ended.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Session {
    /// Its number, by which its owner ends it.
    pub id: i64,
    /// Whose it is.
    #[sqlx(rename = "console_user")]
    pub user: i64,
    /// Whether everything that was asked was given.
    pub complete: bool,
    /// When they signed in.
    pub created_at: i64,
    /// When the last request came, to the minute.
    pub seen_at: i64,
    /// When it ends in any case.
    pub ends_at: i64,
    /// From which address they signed in.
    pub address: String,
    /// With which browser.
    pub agent: String,
    /// What the next page says, once.
    pub flash: Option<String>,
}

macro_rules! session_columns {
    () => {
        "id, console_user, complete, created_at, seen_at, ends_at, address, agent, flash"
    };
}

static BEGIN: Sql = Sql::new(
    r"INSERT INTO session (hash, console_user, complete, created_at, seen_at, ends_at, address, agent)
      VALUES ($1, $2, $3, $4, $4, $5, $6, $7)",
);

/// Begins one; its secret, for the cookie.
pub async fn begin(tx: &mut Tx, seal: &Seal, user: i64, complete: bool, address: &str, agent: &str, now: i64) -> Result<Secret> {
    let secret = Secret::new(seal);
    let agent: String = agent.chars().filter(|c| !c.is_control()).take(AGENT).collect();
    within!(tx, |c, sql| {
        sqlx::query(sql(&BEGIN))
            .bind(&secret.hash()[..])
            .bind(user)
            .bind(complete)
            .bind(now)
            .bind(now + if complete { LONGEST } else { HALF })
            .bind(address)
            .bind(&agent)
            .execute(c)
            .await
            .map(affected)
    })?;
    Ok(secret)
}

static RESUME: Sql =
    Sql::new(concat!("SELECT ", session_columns!(), " FROM session WHERE hash = $1 AND ends_at > $2 AND seen_at > $3"));
static SEEN: Sql = Sql::new(r"UPDATE session SET seen_at = $2 WHERE id = $1");

/// The session that a cookie stands for, and whose it is; none: there is none, it ended, or they may not sign in any more.
pub async fn resume(db: &Db, secret: &str, now: i64) -> Result<Option<(Session, User)>> {
    let found: Option<Session> = on!(db.read, |pool, sql| {
        sqlx::query_as(sql(&RESUME)).bind(&hash(secret)[..]).bind(now).bind(now - IDLE).fetch_optional(pool).await
    })?;
    let Some(session) = found else { return Ok(None) };
    let Some(user) = find(db, session.user).await?.filter(|user| user.disabled_at.is_none()) else { return Ok(None) };
    if now - session.seen_at >= SEEN_EVERY {
        on!(db.write, |pool, sql| sqlx::query(sql(&SEEN)).bind(session.id).bind(now).execute(pool).await.map(affected))?;
    }
    Ok(Some((session, user)))
}

static HOLDS: Sql = Sql::new(r"SELECT console_user FROM session WHERE id = $1 AND complete AND ends_at > $2 AND seen_at > $3");

/// Whose session this is, with what they may do by now; none: it ended, or they may not sign in any more. For what goes on after its
/// request was answered; it counts as no request.
pub async fn holds(db: &Db, id: i64, now: i64) -> Result<Option<User>> {
    let user: Option<i64> =
        on!(db.read, |pool, sql| sqlx::query_scalar(sql(&HOLDS)).bind(id).bind(now).bind(now - IDLE).fetch_optional(pool).await)?;
    let Some(user) = user else { return Ok(None) };
    Ok(find(db, user).await?.filter(|user| user.disabled_at.is_none()))
}

static LIST: Sql = Sql::new(concat!(
    "SELECT ",
    session_columns!(),
    " FROM session WHERE console_user = $1 AND complete AND ends_at > $2 AND seen_at > $3 ORDER BY seen_at DESC, id DESC"
));

/// Somebody's sessions, the one used last first.
pub async fn list(db: &Db, user: i64, now: i64) -> Result<Vec<Session>> {
    on!(db.read, |pool, sql| sqlx::query_as(sql(&LIST)).bind(user).bind(now).bind(now - IDLE).fetch_all(pool).await)
}

static END: Sql = Sql::new(r"DELETE FROM session WHERE id = $1 AND console_user = $2");
static END_ALL: Sql = Sql::new(r"DELETE FROM session WHERE console_user = $1 AND id <> $2");
static CLEAN: Sql = Sql::new(r"DELETE FROM session WHERE ends_at <= $1 OR seen_at <= $2");

/// Ends one of somebody's sessions. False: there is none of this number among theirs.
pub async fn end(tx: &mut Tx, user: i64, id: i64) -> Result<bool> {
    let ended = within!(tx, |c, sql| sqlx::query(sql(&END)).bind(id).bind(user).execute(c).await.map(affected))?;
    Ok(ended > 0)
}

static DROP: Sql = Sql::new(r"DELETE FROM session WHERE hash = $1");

/// Ends the session that a cookie stands for, whatever it is.
pub async fn drop_secret(tx: &mut Tx, secret: &str) -> Result<()> {
    within!(tx, |c, sql| sqlx::query(sql(&DROP)).bind(&hash(secret)[..]).execute(c).await.map(affected))?;
    Ok(())
}

/// Ends all of somebody's sessions but this one. How many they were.
pub async fn end_all(tx: &mut Tx, user: i64, but: Option<i64>) -> Result<u64> {
    within!(tx, |c, sql| sqlx::query(sql(&END_ALL)).bind(user).bind(but.unwrap_or(0)).execute(c).await.map(affected))
}

/// Forgets sessions that ended by themselves. How many they were.
pub async fn clean(db: &Db, now: i64) -> Result<u64> {
    on!(db.write, |pool, sql| sqlx::query(sql(&CLEAN)).bind(now).bind(now - IDLE).execute(pool).await.map(affected))
}

static LEAVE_WORD: Sql = Sql::new(r"UPDATE session SET flash = $2 WHERE id = $1");
static TAKE_WORD: Sql = Sql::new(r"UPDATE session SET flash = NULL WHERE id = $1 AND flash = $2");

/// Leaves word for the next page.
pub async fn leave_word(db: &Db, id: i64, word: &str) -> Result<()> {
    on!(db.write, |pool, sql| sqlx::query(sql(&LEAVE_WORD)).bind(id).bind(word).execute(pool).await.map(affected))?;
    Ok(())
}

/// The next page has said it.
pub async fn take_word(db: &Db, id: i64, word: &str) -> Result<()> {
    on!(db.write, |pool, sql| sqlx::query(sql(&TAKE_WORD)).bind(id).bind(word).execute(pool).await.map(affected))?;
    Ok(())
}
