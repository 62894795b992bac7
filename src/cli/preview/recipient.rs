//! One person of the list, as messages see them; of addresses only what may be shown.

use anyhow::Context as _;
use providers::{Channel, mask};

use crate::{
    audience::{key, place::Places},
    cli::Mistake,
    config::Config,
    db::{Db, Sql},
    message::Person,
    on, phrase,
    seal::Kind,
    words::Phrase,
};

/// A person, with masked addresses.
pub(super) struct Recipient {
    pub(super) person: Person,
    addresses: Vec<(Channel, String)>,
}

impl Recipient {
    /// The masked address on a channel.
    pub(super) fn address(&self, channel: Channel) -> Option<&str> {
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

/// The active person with this reference.
pub(super) async fn find(db: Option<&Db>, config: &Config, reference: &str) -> anyhow::Result<Recipient> {
    let unknown = || Mistake(phrase!("không có ai mang mã `{reference}`", "nobody has the reference `{reference}`"));
    let db = db.ok_or_else(unknown)?;
    let Some(current) = &config.server.key else {
        return Err(Mistake(phrase!("chưa có khóa: chạy `loa init`", "there is no key yet: run `loa init`")).into());
    };
    let found: Option<Row> = on!(db.read, |pool, sql| sqlx::query_as(sql(&FIND)).bind(reference).fetch_optional(pool).await)?;
    let row = found.ok_or_else(unknown)?;
    let seal = match key::find(db, current, &config.server.previous_keys).await {
        Err(error @ key::KeyError::Foreign) => return Err(Mistake(Phrase::from(error.to_string())).into()),
        found => found?.context("the database has people and no root key")?,
    };
    let mut addresses = Vec::new();
    for (channel, sealed) in [(Channel::Sms, row.phone), (Channel::Email, row.email), (Channel::Chat, row.chat)] {
        if let Some(sealed) = sealed {
            addresses.push((channel, mask(&seal.open(Kind::of(channel), &sealed)?)));
        }
    }
    let person = Person {
        name: row.name,
        area_name: row.area.as_deref().and_then(|code| Places::built_in().full_name(code)),
        lang: row.lang,
        attributes: serde_json::from_str(&row.attributes).unwrap_or_default(),
    };
    Ok(Recipient { person, addresses })
}
