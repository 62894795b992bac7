//! Who may sign in to the console, what they may do, and whose campaigns they see.
//!
//! What enters: names, passwords, codes and links, of which nothing is trusted. What leaves: a [`User`] with [`Role`]s, [`Rights`]
//! and departments ([`Scope`]), by a session ([`session`]) or an API token ([`api_token`]). What can go wrong: the database; and
//! what a person may not do ([`Refused`]), such as taking the last administrator away.
//!
//! Passwords are kept as argon2id ([`password`]); whatever else is secret only as SHA-256, because it is long and random; the
//! second factor's key is sealed ([`second_factor`]). Every change is recorded in [`audit`] by the transaction that makes it.

pub mod api_token;
mod department;
pub mod invitation;
pub mod openid;
pub mod password;
mod role;
pub mod second_factor;
pub mod session;
pub mod throttle;

pub use department::{Department, Scope, add_department, departments, remove_department, rename_department};
pub use role::{Right, Rights, Role, Roles};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::{
    audit::{self, Actor},
    db::{Db, Result, Sql, Tx, affected},
    on, phrase,
    seal::Seal,
    transaction, within,
    words::{Lang, Phrase},
};

/// The colours of somebody's pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// As the system has it.
    #[default]
    Auto,
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

impl Theme {
    /// Its name in forms and in the page's head.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// The theme of this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Auto, Self::Light, Self::Dark].into_iter().find(|theme| theme.name() == name)
    }
}

/// Somebody who may sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its number.
    pub id: i64,
    /// What they sign in with, in lower case.
    pub email: String,
    /// As it is shown and recorded.
    pub name: String,
    /// What they are.
    pub roles: Roles,
    /// What they may do here and now: what the roles give, or less by an API token.
    pub rights: Rights,
    /// Whose campaigns, audiences and figures they see.
    pub departments: Scope,
    /// The language they chose; none: the browser's.
    pub lang: Option<Lang>,
    /// The colours they chose.
    pub theme: Theme,
    /// Whether they can sign in with a password.
    pub has_password: bool,
    /// Whether they are asked for a code as well.
    pub has_second_factor: bool,
    /// Whether an account at the `OpenID` provider is theirs.
    pub has_subject: bool,
    /// When they came, in unix milliseconds.
    pub created_at: i64,
    /// When they last signed in.
    pub signed_in_at: Option<i64>,
    /// Since when they may not sign in any more.
    pub disabled_at: Option<i64>,
}

impl User {
    /// Whether they may do it.
    pub const fn can(&self, right: Right) -> bool {
        self.rights.has(right)
    }
}

/// What a person asked for and cannot have. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is no such user.
    #[error("there is no such user")]
    NoSuchUser,
    /// Another user signs in with this address.
    #[error("another user has this e-mail address")]
    Taken,
    /// Nobody would be left who could manage users.
    #[error("nobody would be left to manage users")]
    LastAdministrator,
    /// There is no such department.
    #[error("there is no such department")]
    NoSuchDepartment,
    /// There is a department of this name.
    #[error("there is a department of this name")]
    DepartmentTaken,
}

impl Refused {
    /// The same for people.
    pub fn words(self) -> Phrase {
        match self {
            Self::NoSuchUser => phrase!("không có người dùng này", "there is no such user"),
            Self::Taken => {
                phrase!("địa chỉ e-mail này đã có người dùng khác", "another user has this e-mail address already")
            }
            Self::LastAdministrator => phrase!(
                "đây là người quản trị cuối cùng còn hoạt động: hãy giao vai trò quản trị cho người khác trước",
                "this is the last administrator who can sign in: make somebody else one first"
            ),
            Self::NoSuchDepartment => phrase!("không có đơn vị này", "there is no such department"),
            Self::DepartmentTaken => phrase!("đã có đơn vị mang tên này", "there is a department of this name already"),
        }
    }
}

/// A secret that is given out once: 32 random bytes as text for cookies, links and headers. Only its hash is kept.
#[derive(Clone)]
pub struct Secret(pub String);

impl Secret {
    /// A new one.
    pub fn new(seal: &Seal) -> Self {
        Self(URL_SAFE_NO_PAD.encode(seal.random::<32>()))
    }

    /// What is kept of it.
    pub fn hash(&self) -> [u8; 32] {
        hash(&self.0)
    }
}

/// What is kept of a secret. It is long and random: nobody can try them all, so one round is enough.
fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// An e-mail address as it is kept and compared; none: it is not one.
pub fn email(text: &str) -> Option<String> {
    let text = text.trim().to_lowercase();
    let well = text.len() <= 200
        && !text.contains(|c: char| c.is_whitespace() || c.is_control())
        && text.split_once('@').is_some_and(|(local, host)| !local.is_empty() && host.len() > 2 && !host.contains('@'));
    well.then_some(text)
}

/// A person's name as it is kept; none: it is empty or endless.
pub fn name(text: &str) -> Option<String> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    (!text.is_empty() && text.chars().count() <= 100 && !text.contains(char::is_control)).then_some(text)
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    email: String,
    name: String,
    roles: i64,
    every_department: bool,
    lang: Option<String>,
    theme: String,
    password_at: Option<i64>,
    second_factor: bool,
    known_elsewhere: bool,
    created_at: i64,
    signed_in_at: Option<i64>,
    disabled_at: Option<i64>,
}

impl Row {
    fn user(self, departments: Scope) -> User {
        let roles = Roles::from_bits(self.roles);
        User {
            id: self.id,
            email: self.email,
            name: self.name,
            roles,
            rights: roles.rights(),
            departments,
            lang: match self.lang.as_deref() {
                Some("vi") => Some(Lang::Vi),
                Some("en") => Some(Lang::En),
                _ => None,
            },
            theme: Theme::named(&self.theme).unwrap_or_default(),
            has_password: self.password_at.is_some(),
            has_second_factor: self.second_factor,
            has_subject: self.known_elsewhere,
            created_at: self.created_at,
            signed_in_at: self.signed_in_at,
            disabled_at: self.disabled_at,
        }
    }
}

macro_rules! user_columns {
    () => {
        "id, email, name, roles, every_department, lang, theme, password_at, totp IS NOT NULL AS second_factor,
         subject IS NOT NULL AS known_elsewhere, created_at, signed_in_at, disabled_at"
    };
}

static ANY: Sql = Sql::new(r"SELECT count(*) FROM (SELECT id FROM console_user WHERE disabled_at IS NULL LIMIT 1) AS one");
static FIND: Sql = Sql::new(concat!("SELECT ", user_columns!(), " FROM console_user WHERE id = $1"));
static LIST: Sql = Sql::new(concat!("SELECT ", user_columns!(), " FROM console_user ORDER BY disabled_at IS NOT NULL, name, id"));
static BY_EMAIL: Sql = Sql::new(r"SELECT id FROM console_user WHERE email = $1");

/// Whether anybody may sign in: as soon as somebody may, nothing is sent without an approval, and `/` asks to sign in.
pub async fn any(db: &Db) -> Result<bool> {
    let one: i64 = on!(db.read, |pool, sql| sqlx::query_scalar(sql(&ANY)).fetch_one(pool).await)?;
    Ok(one > 0)
}

/// The user of this number.
pub async fn find(db: &Db, id: i64) -> Result<Option<User>> {
    let row: Option<Row> = on!(db.read, |pool, sql| sqlx::query_as(sql(&FIND)).bind(id).fetch_optional(pool).await)?;
    match row {
        Some(row) => {
            let scope = department::scope(db, row.id, row.every_department).await?;
            Ok(Some(row.user(scope)))
        }
        None => Ok(None),
    }
}

/// The user who signs in with this address.
pub async fn by_email(db: &Db, email: &str) -> Result<Option<User>> {
    let id: Option<i64> = on!(db.read, |pool, sql| sqlx::query_scalar(sql(&BY_EMAIL)).bind(email).fetch_optional(pool).await)?;
    match id {
        Some(id) => find(db, id).await,
        None => Ok(None),
    }
}

/// All users: those who may sign in first.
pub async fn list(db: &Db) -> Result<Vec<User>> {
    let rows: Vec<Row> = on!(db.read, |pool, sql| sqlx::query_as(sql(&LIST)).fetch_all(pool).await)?;
    let mut scopes = department::scopes(db).await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let scope = scopes.of(row.id, row.every_department);
            row.user(scope)
        })
        .collect())
}

/// Whoever is to be added.
#[derive(Debug, Clone)]
pub struct New {
    /// As [`email`] gives it.
    pub email: String,
    /// As [`name`] gives it.
    pub name: String,
    /// What they are.
    pub roles: Roles,
    /// Whether they see all departments.
    pub every_department: bool,
    /// Numbers of their departments.
    pub departments: Vec<i64>,
}

static ADD: Sql = Sql::new(
    r"INSERT INTO console_user (email, name, roles, every_department, theme, totp_step, created_at)
      VALUES ($1, $2, $3, $4, 'auto', 0, $5) ON CONFLICT (email) DO NOTHING RETURNING id",
);

/// Adds a user, who can sign in once a password is set or the `OpenID` provider knows the address.
pub async fn add(db: &Db, new: &New, actor: &Actor, now: i64) -> Result<std::result::Result<i64, Refused>> {
    transaction!(db, |tx| add_within(tx, new, actor, now).await)
}

/// The same, in a transaction of the caller's, who has more to write about them; refused, it wrote nothing.
pub async fn add_within(tx: &mut Tx, new: &New, actor: &Actor, now: i64) -> Result<std::result::Result<i64, Refused>> {
    if !department::exist(tx, &new.departments).await? {
        return Ok(Err(Refused::NoSuchDepartment));
    }
    let id: Option<i64> = within!(tx, |c, sql| {
        sqlx::query_scalar(sql(&ADD))
            .bind(&new.email)
            .bind(&new.name)
            .bind(new.roles.bits())
            .bind(new.every_department)
            .bind(now)
            .fetch_optional(c)
            .await
    })?;
    let Some(id) = id else { return Ok(Err(Refused::Taken)) };
    let names = department::join(tx, id, &new.departments).await?;
    let after = json!({ "name": new.name, "roles": new.roles.names(), "departments": seen(new.every_department, &names) });
    audit::record(tx, actor, "user.add", &new.email, None, Some(&after), now).await?;
    Ok(Ok(id))
}

/// Departments in a record.
fn seen(every: bool, names: &[String]) -> serde_json::Value {
    if every { json!("all") } else { json!(names) }
}

/// What an administrator sets.
#[derive(Debug, Clone)]
pub struct Change {
    /// As [`name`] gives it.
    pub name: String,
    /// What they are.
    pub roles: Roles,
    /// Whether they see all departments.
    pub every_department: bool,
    /// Numbers of their departments.
    pub departments: Vec<i64>,
}

static LOCK: Sql = Sql::new(concat!("SELECT ", user_columns!(), " FROM console_user u WHERE id = $1 :lock(u)"));
static CHANGE: Sql = Sql::new(r"UPDATE console_user SET name = $2, roles = $3, every_department = $4 WHERE id = $1");
static DISABLE: Sql = Sql::new(r"UPDATE console_user SET disabled_at = $2 WHERE id = $1");

/// Sets name, roles and departments; from its commit on, also for sessions that are open.
pub async fn change(db: &Db, id: i64, to: &Change, actor: &Actor, now: i64) -> Result<std::result::Result<(), Refused>> {
    transaction!(db, |tx| change_within(tx, id, to, actor, now).await)
}

/// The same, in a transaction of the caller's, who has more to write about them; refused, it wrote nothing.
pub async fn change_within(
    tx: &mut Tx,
    id: i64,
    to: &Change,
    actor: &Actor,
    now: i64,
) -> Result<std::result::Result<(), Refused>> {
    let Some(row) = lock(tx, id).await? else { return Ok(Err(Refused::NoSuchUser)) };
    if !to.roles.has(Role::Administrator) && is_last(tx, &row).await? {
        return Ok(Err(Refused::LastAdministrator));
    }
    if !department::exist(tx, &to.departments).await? {
        return Ok(Err(Refused::NoSuchDepartment));
    }
    let were = department::of(tx, id).await?;
    within!(tx, |c, sql| {
        sqlx::query(sql(&CHANGE))
            .bind(id)
            .bind(&to.name)
            .bind(to.roles.bits())
            .bind(to.every_department)
            .execute(c)
            .await
            .map(affected)
    })?;
    let are = department::join(tx, id, &to.departments).await?;
    let before = json!({
        "name": row.name, "roles": Roles::from_bits(row.roles).names(), "departments": seen(row.every_department, &were),
    });
    let after = json!({ "name": to.name, "roles": to.roles.names(), "departments": seen(to.every_department, &are) });
    if before != after {
        audit::record(tx, actor, "user.change", &row.email, Some(&before), Some(&after), now).await?;
    }
    Ok(Ok(()))
}

/// Ends somebody's sessions, tokens and links, and lets them sign in no more; or lets them again.
pub async fn disable(db: &Db, id: i64, disabled: bool, actor: &Actor, now: i64) -> Result<std::result::Result<(), Refused>> {
    transaction!(db, |tx| {
        let Some(row) = lock(tx, id).await? else { return Ok(Err(Refused::NoSuchUser)) };
        if row.disabled_at.is_some() == disabled {
            return Ok(Ok(()));
        }
        if disabled && is_last(tx, &row).await? {
            return Ok(Err(Refused::LastAdministrator));
        }
        within!(tx, |c, sql| sqlx::query(sql(&DISABLE)).bind(id).bind(disabled.then_some(now)).execute(c).await.map(affected))?;
        if disabled {
            session::end_all(tx, id, None).await?;
            api_token::revoke_all(tx, id, now).await?;
            invitation::end_all(tx, id).await?;
        }
        let action = if disabled { "user.disable" } else { "user.enable" };
        audit::record(tx, actor, action, &row.email, None, None, now).await?;
        Ok(Ok(()))
    })
}

async fn lock(tx: &mut Tx, id: i64) -> Result<Option<Row>> {
    within!(tx, |c, sql| sqlx::query_as(sql(&LOCK)).bind(id).fetch_optional(c).await)
}

static OTHERS: Sql = Sql::new(r"SELECT u.id, u.roles FROM console_user u WHERE u.disabled_at IS NULL ORDER BY u.id :lock(u)");

/// Whether nobody could manage users without this one. It locks them all, so that two administrators cannot take each other's
/// role at once.
async fn is_last(tx: &mut Tx, row: &Row) -> Result<bool> {
    if row.disabled_at.is_some() || !Roles::from_bits(row.roles).has(Role::Administrator) {
        return Ok(false);
    }
    let active: Vec<(i64, i64)> = within!(tx, |c, sql| sqlx::query_as(sql(&OTHERS)).fetch_all(c).await)?;
    Ok(!active.iter().any(|(id, roles)| *id != row.id && Roles::from_bits(*roles).has(Role::Administrator)))
}

static PREFER: Sql = Sql::new(r"UPDATE console_user SET name = $2, lang = $3, theme = $4 WHERE id = $1");

/// What people set for themselves: their name, their language (none: the browser's) and their colours.
pub async fn prefer(db: &Db, user: &User, name: &str, lang: Option<Lang>, theme: Theme, actor: &Actor, now: i64) -> Result<()> {
    transaction!(db, |tx| {
        within!(tx, |c, sql| {
            sqlx::query(sql(&PREFER))
                .bind(user.id)
                .bind(name)
                .bind(lang.map(|lang| lang.pick("vi", "en")))
                .bind(theme.name())
                .execute(c)
                .await
                .map(affected)
        })?;
        if name != user.name {
            let (before, after) = (json!({ "name": user.name }), json!({ "name": name }));
            audit::record(tx, actor, "user.rename", &user.email, Some(&before), Some(&after), now).await?;
        }
        Ok(())
    })
}

static SIGNED_IN: Sql = Sql::new(r"UPDATE console_user SET signed_in_at = $2 WHERE id = $1");

/// Notes that somebody signed in, with everything that was asked.
pub async fn signed_in(tx: &mut Tx, id: i64, now: i64) -> Result<()> {
    within!(tx, |c, sql| sqlx::query(sql(&SIGNED_IN)).bind(id).bind(now).execute(c).await.map(affected))?;
    Ok(())
}

static BY_SUBJECT: Sql = Sql::new(r"SELECT id FROM console_user WHERE subject = $1");
static LINK: Sql = Sql::new(r"UPDATE console_user SET subject = $2 WHERE id = $1 AND subject IS NULL AND disabled_at IS NULL");

/// Whose account at the `OpenID` provider this is: linked before by its subject, or now by an e-mail address that the provider has
/// verified. None: nobody was invited with it.
pub async fn by_subject(db: &Db, subject: &str, verified_email: Option<&str>, from: &Actor, now: i64) -> Result<Option<User>> {
    let known: Option<i64> =
        on!(db.read, |pool, sql| sqlx::query_scalar(sql(&BY_SUBJECT)).bind(subject).fetch_optional(pool).await)?;
    if let Some(id) = known {
        return find(db, id).await;
    }
    let invited = match verified_email {
        Some(email) => by_email(db, email).await?,
        None => None,
    };
    let Some(user) = invited.filter(|user| user.disabled_at.is_none()) else { return Ok(None) };
    let actor = Actor { user: Some(user.id), name: user.name.clone(), ..from.clone() };
    let linked = transaction!(db, |tx| {
        let linked = within!(tx, |c, sql| sqlx::query(sql(&LINK)).bind(user.id).bind(subject).execute(c).await.map(affected))?;
        if linked == 1 {
            audit::record(tx, &actor, "user.link", &user.email, None, None, now).await?;
        }
        Ok(linked)
    })?;
    // Another account of the provider is theirs already: whoever has this one now, it is not the person who linked the first.
    Ok((linked == 1).then_some(user))
}
