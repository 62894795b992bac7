//! Links by which somebody sets a password: a new user's invitation, or an administrator's help for one who forgot it.
//!
//! A link is good once and for a limited time; only its hash is kept. A new one ends the earlier ones.

use super::{Refused, Secret, User, find, hash, password, session, signed_in};
use crate::{
    audit::{self, Actor},
    db::{Db, Result, Sql, Tx, affected},
    on,
    seal::Seal,
    transaction, within,
};

/// How long an invitation is good (milliseconds): a week.
pub const INVITED: i64 = 7 * 24 * 60 * 60 * 1000;
/// How long a link for a forgotten password is good: a day.
pub const FORGOTTEN: i64 = 24 * 60 * 60 * 1000;

static MAKE: Sql =
    Sql::new(r"INSERT INTO invitation (hash, console_user, reset, created_at, ends_at, by_whom) VALUES ($1, $2, $3, $4, $5, $6)");
static END_ALL: Sql = Sql::new(r"DELETE FROM invitation WHERE console_user = $1");
static FIND: Sql = Sql::new(r"SELECT console_user, reset FROM invitation WHERE hash = $1 AND ends_at > $2");
static USE: Sql = Sql::new(r"DELETE FROM invitation WHERE hash = $1 AND ends_at > $2 RETURNING console_user");
static CLEAN: Sql = Sql::new(r"DELETE FROM invitation WHERE ends_at <= $1");

/// A link's secret for this user, who may then set a password. `reset`: they had one and forgot it.
pub async fn make(
    db: &Db,
    seal: &Seal,
    user: i64,
    reset: bool,
    actor: &Actor,
    now: i64,
) -> Result<std::result::Result<Secret, Refused>> {
    let Some(user) = find(db, user).await?.filter(|user| user.disabled_at.is_none()) else { return Ok(Err(Refused::NoSuchUser)) };
    let secret = Secret::new(seal);
    transaction!(db, |tx| {
        end_all(tx, user.id).await?;
        within!(tx, |c, sql| {
            sqlx::query(sql(&MAKE))
                .bind(&secret.hash()[..])
                .bind(user.id)
                .bind(reset)
                .bind(now)
                .bind(now + if reset { FORGOTTEN } else { INVITED })
                .bind(&actor.name)
                .execute(c)
                .await
                .map(affected)
        })?;
        audit::record(tx, actor, if reset { "user.reset" } else { "user.invite" }, &user.email, None, None, now).await
    })?;
    Ok(Ok(secret))
}

/// Whom a link is for, and whether they had a password before; none: it was used, it ended, or it never was.
pub async fn whose(db: &Db, secret: &str, now: i64) -> Result<Option<(User, bool)>> {
    let found: Option<(i64, bool)> =
        on!(db.read, |pool, sql| { sqlx::query_as(sql(&FIND)).bind(&hash(secret)[..]).bind(now).fetch_optional(pool).await })?;
    let Some((id, reset)) = found else { return Ok(None) };
    Ok(find(db, id).await?.filter(|user| user.disabled_at.is_none()).map(|user| (user, reset)))
}

/// What whoever followed a link chose.
#[derive(Debug, Clone, Copy)]
pub struct Chosen<'a> {
    /// Whom the link is for.
    pub user: &'a User,
    /// Their new password's hash.
    pub hash: &'a str,
    /// With which browser.
    pub agent: &'a str,
    /// What its cookie held, if anybody had signed in there: that session ends.
    pub before: Option<&'a str>,
}

/// Uses a link up: sets the password (its hash) and begins a session. Where a second factor is set up, it is still asked for: a
/// link alone, which passed through other hands, is not enough. None: somebody was faster, or the time was over.
pub async fn accept(db: &Db, seal: &Seal, secret: &str, chosen: &Chosen<'_>, actor: &Actor, now: i64) -> Result<Option<Secret>> {
    let Chosen { user, hash: password, agent, before } = *chosen;
    transaction!(db, |tx| {
        let used: Option<i64> =
            within!(tx, |c, sql| { sqlx::query_scalar(sql(&USE)).bind(&hash(secret)[..]).bind(now).fetch_optional(c).await })?;
        if used != Some(user.id) {
            return Ok(None);
        }
        password::set(tx, user, password, None, actor, now).await?;
        if let Some(before) = before {
            session::drop_secret(tx, before).await?;
        }
        let complete = !user.has_second_factor;
        let address = actor.from.map(|from| from.to_string()).unwrap_or_default();
        let begun = session::begin(tx, seal, user.id, complete, &address, agent, now).await?;
        if complete {
            signed_in(tx, user.id, now).await?;
        }
        Ok(Some(begun))
    })
}

/// Ends somebody's links.
pub(super) async fn end_all(tx: &mut Tx, user: i64) -> Result<()> {
    within!(tx, |c, sql| sqlx::query(sql(&END_ALL)).bind(user).execute(c).await.map(affected))?;
    Ok(())
}

/// Forgets links whose time is over. How many they were.
pub async fn clean(db: &Db, now: i64) -> Result<u64> {
    on!(db.write, |pool, sql| sqlx::query(sql(&CLEAN)).bind(now).execute(pool).await.map(affected))
}
