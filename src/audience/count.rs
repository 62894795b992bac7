//! How many people a condition means: compiled SQL comes in, people and reachable people leave.

use providers::Channel;
use sqlx::AssertSqlSafe;

use super::{phone::Carrier, segment::Compiled};
use crate::{
    bound,
    db::{Db, Result},
    on,
};

/// People who are active in their lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// All of them, each once.
    pub people: i64,
    /// With a phone number.
    pub phone: i64,
    /// With a mail address.
    pub email: i64,
    /// With a chat id.
    pub chat: i64,
}

/// Counts the active people for whom a compiled condition holds. Its placeholders begin at `$1`.
pub async fn count(db: &Db, condition: &Compiled) -> Result<Count> {
    // The text holds no value of a file: `segment` binds them all.
    let text = format!(
        "SELECT count(*), count(r.phone_hash), count(r.email_hash), count(r.chat_hash) FROM recipient r WHERE r.state = 0 AND {}",
        condition.text
    );
    let (people, phone, email, chat) =
        on!(db.read, |pool, _sql| bound!(sqlx::query_as::<_, (i64, i64, i64, i64)>(AssertSqlSafe(text)), condition.binds)
            .fetch_one(pool)
            .await)?;
    Ok(Count { people, phone, email, chat })
}

/// Phone numbers by carrier, each number once, of the active people for whom a condition holds: of those who do not
/// refuse such messages, stand on no list that binds everything, and who have no address on any of the channels `before`, which would be tried first. The
/// condition's placeholders begin at `$1`.
pub async fn phones(db: &Db, condition: &Compiled, warning: bool, before: &[Channel]) -> Result<Vec<(Carrier, i64)>> {
    let absent: String = before
        .iter()
        .map(|channel| match channel {
            Channel::Sms => " AND r.phone_hash IS NULL",
            Channel::Email => " AND r.email_hash IS NULL",
            Channel::Chat => " AND r.chat_hash IS NULL",
        })
        .collect();
    // Whoever refuses awareness still gets warnings; whoever refuses all gets nothing.
    let (sms, scope) = (Channel::Sms as i16, if warning { 2 } else { 1 });
    let text = format!(
        "SELECT CAST(r.carrier AS BIGINT), count(DISTINCT r.phone_hash) FROM recipient r
         WHERE r.state = 0 AND r.phone_hash IS NOT NULL{absent}
         AND NOT EXISTS (SELECT 1 FROM opt_out o WHERE o.channel = {sms} AND o.address = r.phone_hash AND o.scope >= {scope})
         AND NOT EXISTS (SELECT 1 FROM block b WHERE b.channel = {sms} AND b.address = r.phone_hash AND b.binds = 2)
         AND {} GROUP BY r.carrier ORDER BY r.carrier",
        condition.text
    );
    let rows: Vec<(i64, i64)> =
        on!(db.read, |pool, _sql| bound!(sqlx::query_as(AssertSqlSafe(text)), condition.binds).fetch_all(pool).await)?;
    Ok(rows.into_iter().map(|(carrier, people)| (Carrier::from_number(carrier).unwrap_or(Carrier::Unknown), people)).collect())
}
