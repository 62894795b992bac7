//! How many people a condition means: compiled SQL comes in, people and reachable people leave.

use providers::Channel;
use sqlx::AssertSqlSafe;

use super::{phone::Carrier, segment::Compiled};
use crate::{
    bound,
    campaign::{AdvertisingRule, Campaign, Kind, Law},
    consent::{agreement, refusing},
    db::{Db, Result},
    on,
};

/// People who are active in their lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, sqlx::FromRow)]
pub struct Count {
    /// All of them, each once.
    pub people: i64,
    /// With a phone number.
    pub phone: i64,
    /// With a mail address.
    pub email: i64,
    /// With a chat id.
    pub chat: i64,
    /// With an address that refuses messages.
    pub refused: i64,
    /// With an address on a list that binds every message.
    pub blocked: i64,
    /// With an address on a list that binds advertising alone, such as the do-not-call register.
    pub no_advertising: i64,
}

/// What keeps people from a campaign's text messages, as the run itself will see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The smallest scope of a refusal that counts.
    scope: i16,
    /// The smallest number of a list's [`Binds`](super::block::Binds) that counts.
    binds: i16,
    /// They must have agreed.
    consent: bool,
    /// The moment, unix milliseconds.
    now: i64,
}

impl Bounds {
    /// Of a campaign, by the law of this moment (unix milliseconds).
    pub fn of(campaign: &Campaign, now: i64) -> Self {
        let advertising = campaign.law == Law::Advertising;
        Self {
            // Whoever refuses awareness still gets warnings; whoever refuses all gets nothing.
            scope: if campaign.kind == Kind::Warning { 2 } else { 1 },
            binds: if advertising { 1 } else { 2 },
            consent: advertising && AdvertisingRule::at(now).is_none_or(|rule| rule.consent),
            now,
        }
    }
}

/// Counts the active people for whom a compiled condition holds, as they stand at `now` (unix milliseconds). Its placeholders
/// begin at `$1`.
pub async fn count(db: &Db, condition: &Compiled, now: i64) -> Result<Count> {
    // The text holds no value of a file: `segment` binds them all.
    let whose = |of: &str| {
        let (sms, email, chat) = (Channel::Sms as i16, Channel::Email as i16, Channel::Chat as i16);
        format!(
            "(({of}.channel = {sms} AND {of}.address = r.phone_hash) OR ({of}.channel = {email} AND {of}.address = r.email_hash)
              OR ({of}.channel = {chat} AND {of}.address = r.chat_hash))"
        )
    };
    let bound = whose("b");
    let refuses =
        [(Channel::Sms, "r.phone_hash"), (Channel::Email, "r.email_hash"), (Channel::Chat, "r.chat_hash, ~r.phone_hash")]
            .map(|(channel, hash)| refusing(channel as i16, hash, 1, &now.to_string()))
            .join(" OR ");
    let text = format!(
        "SELECT count(*) AS people, count(r.phone_hash) AS phone, count(r.email_hash) AS email, count(r.chat_hash) AS chat,
                count(CASE WHEN r.silent_until > {now} OR {refuses} THEN 1 END) AS refused,
                count(CASE WHEN EXISTS (SELECT 1 FROM block b WHERE b.binds = 2 AND {bound}) THEN 1 END) AS blocked,
                count(CASE WHEN EXISTS (SELECT 1 FROM block b WHERE b.binds = 1 AND {bound}) THEN 1 END) AS no_advertising
         FROM recipient r WHERE r.state = 0 AND {}",
        condition.text
    );
    on!(db.read, |pool, _sql| bound!(sqlx::query_as::<_, Count>(AssertSqlSafe(text)), condition.binds).fetch_one(pool).await)
}

/// Phone numbers by carrier, each number once, of the active people for whom a condition holds: of those whom nothing keeps
/// from such messages, and who have no address on any of the channels `before`, which would be tried first. The condition's
/// placeholders begin at `$1`.
pub async fn phones(db: &Db, condition: &Compiled, bounds: Bounds, before: &[Channel]) -> Result<Vec<(Carrier, i64)>> {
    let absent: String = before
        .iter()
        .map(|channel| match channel {
            Channel::Sms => " AND r.phone_hash IS NULL",
            Channel::Email => " AND r.email_hash IS NULL",
            Channel::Chat => " AND r.chat_hash IS NULL",
        })
        .collect();
    let Bounds { scope, binds, consent, now } = bounds;
    let sms = Channel::Sms as i16;
    let agreed = if consent { format!(" AND {}", agreement::agreed("r.id", sms, "r.consent_basis")) } else { String::new() };
    let refuses = refusing(sms, "r.phone_hash", scope, &now.to_string());
    let text = format!(
        "SELECT CAST(r.carrier AS BIGINT), count(DISTINCT r.phone_hash) FROM recipient r
         WHERE r.state = 0 AND r.phone_hash IS NOT NULL{absent}{agreed}
         AND r.silent_until <= {now} AND NOT {refuses}
         AND NOT EXISTS (SELECT 1 FROM block b WHERE b.channel = {sms} AND b.address = r.phone_hash AND b.binds >= {binds})
         AND {} GROUP BY r.carrier ORDER BY r.carrier",
        condition.text
    );
    let rows: Vec<(i64, i64)> =
        on!(db.read, |pool, _sql| bound!(sqlx::query_as(AssertSqlSafe(text)), condition.binds).fetch_all(pool).await)?;
    Ok(rows.into_iter().map(|(carrier, people)| (Carrier::from_number(carrier).unwrap_or(Carrier::Unknown), people)).collect())
}
