//! A chat user who is known by a phone number: found on the list, they are written to by their user id from then on.
//!
//! What enters is what a person told their chat service; what leaves is a chat address on the rows of those who have this number
//! and no chat address yet. A list's own user id stays: it was somebody's decision.

use crate::{
    audience::address::{self, ChatService},
    db::{Result, Sql, Tx, affected},
    seal::{Kind, Seal},
    within,
};

static LINK: Sql = Sql::new(
    r"UPDATE recipient SET chat = $2, chat_hash = $3, chat_service = $4, updated_at = $5
      WHERE phone_hash = $1 AND chat_hash IS NULL AND state = 0",
);

/// A user id of Zalo and the phone number that it belongs to, sealed.
#[derive(Debug, Clone)]
pub struct Link {
    phone: i64,
    user: i64,
    sealed: Vec<u8>,
}

impl Link {
    /// None: that is no user id.
    pub(super) fn new(seal: &Seal, user: &str, phone: &str) -> Option<Self> {
        let user = address::chat(ChatService::Zalo, user).ok()?;
        let (phone, sealed) = (seal.hash(Kind::Phone, phone), seal.seal(Kind::Chat, &user));
        Some(Self { phone, user: seal.hash(Kind::Chat, &user), sealed })
    }

    /// Writes it down where it is not known. The same link twice changes nothing.
    pub async fn keep(&self, tx: &mut Tx, now: i64) -> Result<()> {
        within!(tx, |c, sql| {
            sqlx::query(sql(&LINK))
                .bind(self.phone)
                .bind(&self.sealed)
                .bind(self.user)
                .bind(ChatService::Zalo as i16)
                .bind(now)
                .execute(c)
                .await
                .map(affected)
        })?;
        Ok(())
    }
}
