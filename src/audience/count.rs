//! How many people a condition means: compiled SQL comes in, people and reachable people leave.

use sqlx::AssertSqlSafe;

use super::segment::Compiled;
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
