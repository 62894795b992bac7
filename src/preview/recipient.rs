//! One person of the list, as messages see them; of addresses only what may be shown.

use providers::{Channel, mask};

use crate::{
    audience::place::Places,
    db::{Db, DbError, Result, Sql},
    message::Person,
    on,
    seal::{Kind, Seal},
};

/// A person, with masked addresses.
#[derive(Debug)]
pub struct Recipient {
    /// What texts may say of them.
    pub person: Person,
    addresses: Vec<(Channel, String)>,
}

impl Recipient {
    /// The masked address on a channel.
    pub fn address(&self, channel: Channel) -> Option<&str> {
        self.addresses.iter().find(|(on, _)| *on == channel).map(|(_, masked)| masked.as_str())
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    name: Option<String>,
    lang: Option<String>,
    area: Option<String>,
    attributes: String,
    phone: Option<Vec<u8>>,
    email: Option<Vec<u8>>,
    chat: Option<Vec<u8>>,
}

static FIND: Sql =
    Sql::new(r"SELECT name, lang, area, attributes, phone, email, chat FROM recipient WHERE ref = $1 AND state = 0");

/// Whether an active person has this reference.
pub async fn exists(db: &Db, reference: &str) -> Result<bool> {
    static KNOWN: Sql = Sql::new(r"SELECT count(*) FROM recipient WHERE ref = $1 AND state = 0");
    let known: i64 = on!(db.read, |pool, sql| sqlx::query_scalar(sql(&KNOWN)).bind(reference).fetch_one(pool).await)?;
    Ok(known > 0)
}

/// The active person with this reference.
pub async fn find(db: &Db, seal: &Seal, reference: &str) -> Result<Option<Recipient>> {
    let found: Option<Row> = on!(db.read, |pool, sql| sqlx::query_as(sql(&FIND)).bind(reference).fetch_optional(pool).await)?;
    let Some(row) = found else { return Ok(None) };
    let mut addresses = Vec::new();
    for (channel, sealed) in [(Channel::Sms, row.phone), (Channel::Email, row.email), (Channel::Chat, row.chat)] {
        if let Some(sealed) = sealed {
            let plain = seal.open(Kind::of(channel), &sealed).map_err(|error| DbError::Refused(error.to_string()))?;
            addresses.push((channel, mask(&plain)));
        }
    }
    let person = Person {
        name: row.name,
        area_name: row.area.as_deref().and_then(|code| Places::built_in().full_name(code)),
        lang: row.lang,
        attributes: serde_json::from_str(&row.attributes).unwrap_or_default(),
    };
    Ok(Some(Recipient { person, addresses }))
}
