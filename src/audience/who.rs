//! Of whom somebody speaks: a phone number, a mail address, a reference or a name comes in, as a person wrote it; people leave. No
//! error repeats an address.

use providers::Channel;
use unicode_normalization::UnicodeNormalization as _;

use super::{address, list::names, phone};
use crate::{
    db::{Db, Result, Sql},
    on, phrase,
    seal::{Kind, Seal},
    words::Phrase,
};

/// A phone number or a mail address as a person wrote it: its channel and its plain form.
pub fn plain(text: &str) -> std::result::Result<(Channel, String), Phrase> {
    if !text.contains('@') && text.chars().any(char::is_alphabetic) {
        return Err(phrase!(
            "đây không phải số điện thoại, cũng không phải địa chỉ thư",
            "this is neither a phone number nor a mail address"
        ));
    }
    if text.contains('@') {
        address::email(text).map(|plain| (Channel::Email, plain)).map_err(address::BadEmail::phrase)
    } else {
        phone::normalise(text).map(|plain| (Channel::Sms, plain)).map_err(phone::BadPhone::phrase)
    }
}

/// Somebody of the list, by what is no secret about them.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Listed {
    /// The row's number.
    pub id: i64,
    /// The list's reference.
    pub reference: String,
    /// Which list.
    pub source: String,
    /// Full name.
    pub name: Option<String>,
    /// Area code.
    pub area: Option<String>,
    /// Whether they are on their list, and not retired from it.
    pub active: bool,
}

macro_rules! listed {
    () => {
        "SELECT id, ref AS reference, source, name, area, state = 0 AS active FROM recipient "
    };
}

static BY_NUMBER: Sql = Sql::new(concat!(listed!(), "WHERE id = $1 AND state < 2"));
static BY_REFERENCE: Sql = Sql::new(concat!(listed!(), "WHERE ref = $1 AND state < 2"));
static BY_PHONE: Sql = Sql::new(concat!(listed!(), "WHERE phone_hash = $1 AND state < 2 ORDER BY id LIMIT 20"));
static BY_EMAIL: Sql = Sql::new(concat!(listed!(), "WHERE email_hash = $1 AND state < 2 ORDER BY id LIMIT 20"));
static BY_NAME: Sql = Sql::new(concat!(
    listed!(),
    "WHERE name = $1 AND state < 2 AND source NOT IN (SELECT source FROM :rows($2; source TEXT) AS hidden) ORDER BY id LIMIT 51"
));

/// The person of this number; none: there is none, or they were erased.
pub async fn number(db: &Db, id: i64) -> Result<Option<Listed>> {
    on!(db.read, |pool, sql| sqlx::query_as(sql(&BY_NUMBER)).bind(id).fetch_optional(pool).await)
}

/// The person with this reference; none: nobody has it, or they were erased.
pub async fn reference(db: &Db, reference: &str) -> Result<Option<Listed>> {
    on!(db.read, |pool, sql| sqlx::query_as(sql(&BY_REFERENCE)).bind(reference).fetch_optional(pool).await)
}

/// Whoever is meant by an exact phone number, mail address, reference or name: twenty people, of a name fifty and one more to say
/// that there are more. Whoever is on a `hidden` list is left out.
pub async fn find(db: &Db, seal: &Seal, text: &str, hidden: &[&str]) -> Result<Vec<Listed>> {
    let mut found = look_for(db, seal, text, hidden).await?;
    found.retain(|one| !hidden.contains(&one.source.as_str()));
    Ok(found)
}

async fn look_for(db: &Db, seal: &Seal, text: &str, hidden: &[&str]) -> Result<Vec<Listed>> {
    let text: String = text.split_whitespace().collect::<Vec<_>>().join(" ").nfc().collect();
    if text.is_empty() {
        return Ok(Vec::new());
    }
    if let Ok((channel, plain)) = plain(&text) {
        let hash = seal.hash(Kind::of(channel), &plain);
        let statement = if channel == Channel::Email { &BY_EMAIL } else { &BY_PHONE };
        let found: Vec<Listed> = on!(db.read, |pool, sql| sqlx::query_as(sql(statement)).bind(hash).fetch_all(pool).await)?;
        if !found.is_empty() {
            return Ok(found);
        }
    }
    let found: Vec<Listed> = on!(db.read, |pool, sql| sqlx::query_as(sql(&BY_REFERENCE)).bind(&text).fetch_all(pool).await)?;
    if !found.is_empty() {
        return Ok(found);
    }
    let hidden = names(hidden);
    on!(db.read, |pool, sql| sqlx::query_as(sql(&BY_NAME)).bind(&text).bind(&hidden).fetch_all(pool).await)
}
