//! API tokens: what programs show instead of signing in. Made by a user, for some of the user's own rights, until a day.
//!
//! Only a token's hash is kept, so it is shown once. Whoever made it lends it no more than they have themselves at the time it is
//! used: a role that is taken away is taken from the tokens as well. A program may lend of its own token in turn ([`lend`]): less,
//! for no longer, and until its own is taken back. So one that leaked ends with all that was made of it.

use serde_json::json;

use super::{Right, Rights, Secret, User, find as find_user, hash};
use crate::{
    audit::{self, Actor},
    db::{Db, DbError, Result, Sql, Tx, affected},
    on,
    seal::Seal,
    transaction, within,
};

/// What every token begins with, so that a leaked one is recognised.
pub const PREFIX: &str = "loa_";
/// How exactly it is kept when a token was last used (milliseconds).
const USED_EVERY: i64 = 60 * 1000;

/// A token of somebody's, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct ApiToken {
    /// Its number.
    pub id: i64,
    /// Whose it is.
    #[sqlx(rename = "console_user")]
    pub user: i64,
    /// What it is for.
    pub name: String,
    /// See [`ApiToken::rights`].
    rights: i64,
    /// When it was made.
    pub created_at: i64,
    /// When it ends.
    pub ends_at: i64,
    /// When it was last used, to the minute.
    pub used_at: Option<i64>,
    /// When it was taken back.
    pub revoked_at: Option<i64>,
}

impl ApiToken {
    /// What it may be used for.
    pub const fn rights(&self) -> Rights {
        Rights::from_bits(self.rights)
    }
}

/// A token to be made.
#[derive(Debug, Clone, Copy)]
pub struct New<'a> {
    /// What it is for.
    pub name: &'a str,
    /// What it may be used for.
    pub rights: Rights,
    /// When it ends.
    pub ends_at: i64,
}

/// Whoever showed a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bearer {
    /// Who made it, with no more rights than it lends.
    pub user: User,
    /// The token.
    pub token: ApiToken,
}

macro_rules! token_columns {
    () => {
        "id, console_user, name, rights, created_at, ends_at, used_at, revoked_at"
    };
}

/// A token, and those that were made by it, by those, and so on.
macro_rules! family {
    () => {
        "WITH RECURSIVE family(id) AS (
            SELECT id FROM api_token WHERE id = $1 UNION SELECT t.id FROM api_token t JOIN family f ON t.made_by = f.id
         ) "
    };
}

static FIND: Sql =
    Sql::new(concat!("SELECT ", token_columns!(), " FROM api_token WHERE hash = $1 AND ends_at > $2 AND revoked_at IS NULL"));
static USED: Sql = Sql::new(r"UPDATE api_token SET used_at = $2 WHERE id = $1");
static LIST: Sql = Sql::new(concat!(
    "SELECT ",
    token_columns!(),
    " FROM api_token WHERE console_user = $1 AND revoked_at IS NULL ORDER BY id DESC"
));
static FAMILY: Sql = Sql::new(concat!(
    family!(),
    "SELECT ",
    token_columns!(),
    " FROM api_token WHERE id IN (SELECT id FROM family) AND revoked_at IS NULL ORDER BY id DESC"
));
static OWNER: Sql = Sql::new(r"SELECT u.id FROM console_user u WHERE u.id = $1 AND u.disabled_at IS NULL :lock(u)");
static HOLDS: Sql = Sql::new(r"SELECT count(*) FROM api_token WHERE id = $1 AND ends_at > $2 AND revoked_at IS NULL");
static MAKE: Sql = Sql::new(
    r"INSERT INTO api_token (hash, console_user, name, rights, created_at, ends_at, made_by)
      VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id",
);
static REVOKE: Sql = Sql::new(concat!(
    family!(),
    "UPDATE api_token SET revoked_at = $3 WHERE id IN (SELECT id FROM family) AND console_user = $2 AND revoked_at IS NULL
     RETURNING id, name"
));
static REVOKE_ALL: Sql = Sql::new(r"UPDATE api_token SET revoked_at = $2 WHERE console_user = $1 AND revoked_at IS NULL");

/// Whoever shows this secret: its maker, with the rights that the token lends and the maker still has. None: there is no such
/// token, it ended or was taken back, or its maker may not sign in any more.
pub async fn find(db: &Db, secret: &str, now: i64) -> Result<Option<Bearer>> {
    if !secret.starts_with(PREFIX) {
        return Ok(None);
    }
    let token: Option<ApiToken> =
        on!(db.read, |pool, sql| { sqlx::query_as(sql(&FIND)).bind(&hash(secret)[..]).bind(now).fetch_optional(pool).await })?;
    let Some(token) = token else { return Ok(None) };
    let Some(mut user) = find_user(db, token.user).await?.filter(|user| user.disabled_at.is_none()) else { return Ok(None) };
    if token.used_at.is_none_or(|used| now - used >= USED_EVERY) {
        on!(db.write, |pool, sql| sqlx::query(sql(&USED)).bind(token.id).bind(now).execute(pool).await.map(affected))?;
    }
    user.rights = user.rights.and(token.rights());
    Ok(Some(Bearer { user, token }))
}

/// Makes one; its secret, to be shown once. Rights that the user does not have are left out.
pub async fn make(db: &Db, seal: &Seal, user: &User, new: &New<'_>, actor: &Actor, now: i64) -> Result<Secret> {
    let kept = write(db, seal, user, None, new, actor, now).await?;
    Ok(kept.0)
}

/// Makes one by another token, which lends no more than it has, for no longer than it holds, and until it is taken back. Its secret,
/// and what was made.
pub async fn lend(
    db: &Db,
    seal: &Seal,
    bearer: &User,
    by: &ApiToken,
    new: &New<'_>,
    actor: &Actor,
    now: i64,
) -> Result<(Secret, ApiToken)> {
    let new = New { ends_at: new.ends_at.min(by.ends_at), ..*new };
    write(db, seal, bearer, Some(by.id), &new, actor, now).await
}

async fn write(
    db: &Db,
    seal: &Seal,
    user: &User,
    made_by: Option<i64>,
    new: &New<'_>,
    actor: &Actor,
    now: i64,
) -> Result<(Secret, ApiToken)> {
    let New { name, rights, ends_at } = *new;
    let secret = Secret(format!("{PREFIX}{}", Secret::new(seal).0));
    let rights = rights.and(user.rights);
    let id = transaction!(db, |tx| {
        // Whoever is disabled, or whose token is taken back, at this moment leaves no new one behind.
        let owner = locked(tx, user.id).await?;
        let holds: i64 = match made_by {
            Some(by) => within!(tx, |c, sql| sqlx::query_scalar(sql(&HOLDS)).bind(by).bind(now).fetch_one(c).await)?,
            None => 1,
        };
        if !owner || holds == 0 {
            return Err(DbError::Refused("whoever makes a token may not sign in any more".to_string()));
        }
        let id: i64 = within!(tx, |c, sql| {
            sqlx::query_scalar(sql(&MAKE))
                .bind(&secret.hash()[..])
                .bind(user.id)
                .bind(name)
                .bind(rights.bits())
                .bind(now)
                .bind(ends_at)
                .bind(made_by)
                .fetch_one(c)
                .await
        })?;
        let names: Vec<_> = rights.iter().map(Right::name).collect();
        let after = json!({ "token": id, "name": name, "rights": names, "ends_at": ends_at, "made_by": made_by });
        audit::record(tx, actor, "token.make", &user.email, None, Some(&after), now).await?;
        Ok(id)
    })?;
    let (user, name) = (user.id, name.to_string());
    let token = ApiToken { id, user, name, rights: rights.bits(), created_at: now, ends_at, used_at: None, revoked_at: None };
    Ok((secret, token))
}

/// Locks whoever owns tokens: what is made and what is taken back of them goes one after the other. False: they may not sign in.
async fn locked(tx: &mut Tx, user: i64) -> Result<bool> {
    let found: Option<i64> = within!(tx, |c, sql| sqlx::query_scalar(sql(&OWNER)).bind(user).fetch_optional(c).await)?;
    Ok(found.is_some())
}

/// A token and those that were made by it, as far as they were not taken back, the latest first.
pub async fn family(db: &Db, token: i64) -> Result<Vec<ApiToken>> {
    on!(db.read, |pool, sql| sqlx::query_as(sql(&FAMILY)).bind(token).fetch_all(pool).await)
}

/// Somebody's tokens that were not taken back, the latest first; those that ended are among them.
pub async fn list(db: &Db, user: i64) -> Result<Vec<ApiToken>> {
    on!(db.read, |pool, sql| sqlx::query_as(sql(&LIST)).bind(user).fetch_all(pool).await)
}

/// Takes one of somebody's tokens back, and those that were made by it. False: there is none of this number among theirs.
pub async fn revoke(db: &Db, user: &User, id: i64, actor: &Actor, now: i64) -> Result<bool> {
    transaction!(db, |tx| {
        locked(tx, user.id).await?;
        let gone: Vec<(i64, String)> =
            within!(tx, |c, sql| { sqlx::query_as(sql(&REVOKE)).bind(id).bind(user.id).bind(now).fetch_all(c).await })?;
        let Some((_, name)) = gone.iter().find(|(gone, _)| *gone == id) else { return Ok(false) };
        let mut made: Vec<i64> = gone.iter().map(|(gone, _)| *gone).filter(|gone| *gone != id).collect();
        made.sort_unstable();
        let mut before = json!({ "token": id, "name": name });
        if !made.is_empty() {
            before["made"] = json!(made);
        }
        audit::record(tx, actor, "token.revoke", &user.email, Some(&before), None, now).await?;
        Ok(true)
    })
}

/// Takes all of somebody's tokens back.
pub(super) async fn revoke_all(tx: &mut Tx, user: i64, now: i64) -> Result<()> {
    within!(tx, |c, sql| sqlx::query(sql(&REVOKE_ALL)).bind(user).bind(now).execute(c).await.map(affected))?;
    Ok(())
}
