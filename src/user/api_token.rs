//! API tokens: what programs show instead of signing in. Made by a user, for some of the user's own rights, until a day.
//!
//! Only a token's hash is kept, so it is shown once. Whoever made it lends it no more than they have themselves at the time it is
//! used: a role that is taken away is taken from the tokens as well.

use serde_json::json;

use super::{Rights, Secret, User, find as find_user, hash};
use crate::{
    audit::{self, Actor},
    db::{Db, Result, Sql, Tx, affected},
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
    /// Its number.
    pub token: i64,
    /// What it is for.
    pub name: String,
}

macro_rules! token_columns {
    () => {
        "id, console_user, name, rights, created_at, ends_at, used_at, revoked_at"
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
static MAKE: Sql = Sql::new(
    r"INSERT INTO api_token (hash, console_user, name, rights, created_at, ends_at) VALUES ($1, $2, $3, $4, $5, $6) RETURNING id",
);
static REVOKE: Sql =
    Sql::new(r"UPDATE api_token SET revoked_at = $3 WHERE id = $1 AND console_user = $2 AND revoked_at IS NULL RETURNING name");
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
    Ok(Some(Bearer { user, token: token.id, name: token.name }))
}

/// Makes one; its secret, to be shown once. Rights that the user does not have are left out.
pub async fn make(db: &Db, seal: &Seal, user: &User, new: &New<'_>, actor: &Actor, now: i64) -> Result<Secret> {
    let New { name, rights, ends_at } = *new;
    let secret = Secret(format!("{PREFIX}{}", Secret::new(seal).0));
    let rights = rights.and(user.rights);
    transaction!(db, |tx| {
        let id: i64 = within!(tx, |c, sql| {
            sqlx::query_scalar(sql(&MAKE))
                .bind(&secret.hash()[..])
                .bind(user.id)
                .bind(name)
                .bind(rights.bits())
                .bind(now)
                .bind(ends_at)
                .fetch_one(c)
                .await
        })?;
        let names: Vec<_> = rights.iter().map(super::Right::name).collect();
        let after = json!({ "token": id, "name": name, "rights": names, "ends_at": ends_at });
        audit::record(tx, actor, "token.make", &user.email, None, Some(&after), now).await
    })?;
    Ok(secret)
}

/// Somebody's tokens that were not taken back, the latest first; those that ended are among them.
pub async fn list(db: &Db, user: i64) -> Result<Vec<ApiToken>> {
    on!(db.read, |pool, sql| sqlx::query_as(sql(&LIST)).bind(user).fetch_all(pool).await)
}

/// Takes one of somebody's tokens back. False: there is none of this number among theirs.
pub async fn revoke(db: &Db, user: &User, id: i64, actor: &Actor, now: i64) -> Result<bool> {
    transaction!(db, |tx| {
        let name: Option<String> =
            within!(tx, |c, sql| { sqlx::query_scalar(sql(&REVOKE)).bind(id).bind(user.id).bind(now).fetch_optional(c).await })?;
        let Some(name) = name else { return Ok(false) };
        let before = json!({ "token": id, "name": name });
        audit::record(tx, actor, "token.revoke", &user.email, Some(&before), None, now).await?;
        Ok(true)
    })
}

/// Takes all of somebody's tokens back.
pub(super) async fn revoke_all(tx: &mut Tx, user: i64, now: i64) -> Result<()> {
    within!(tx, |c, sql| sqlx::query(sql(&REVOKE_ALL)).bind(user).bind(now).execute(c).await.map(affected))?;
    Ok(())
}
