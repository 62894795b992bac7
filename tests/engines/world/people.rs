//! People of the list, told apart by the hashes of their addresses.

use loa::{on, seal::Kind};

use super::{CARRIER, World};

/// A person to be put into the list. Addresses are told apart by their hashes alone.
#[derive(Clone, Copy, Default)]
pub struct Person {
    pub phone: Option<i64>,
    pub email: Option<i64>,
    pub chat: Option<i64>,
    pub group: Option<&'static str>,
}

pub const fn phone(hash: i64) -> Person {
    Person { phone: Some(hash), email: None, chat: None, group: None }
}

/// Hashes from here on are of addresses at another domain.
pub const ELSEWHERE: i64 = 10_000;

fn mail_of(hash: i64) -> String {
    format!("p{hash}@{}", if hash < ELSEWHERE { "example.com" } else { "elsewhere.example" })
}

impl Person {
    pub const fn email(self, hash: i64) -> Self {
        Self { email: Some(hash), ..self }
    }
    pub const fn chat(self, hash: i64) -> Self {
        Self { chat: Some(hash), ..self }
    }
    pub const fn of(self, group: &'static str) -> Self {
        Self { group: Some(group), ..self }
    }
}

impl World {
    /// Puts people into the list; their numbers.
    pub async fn people(&self, people: &[Person]) -> Vec<i64> {
        let mut ids = Vec::new();
        for person in people {
            let id: i64 = on!(self.db.write, |pool, _sql| {
                sqlx::query_scalar(
                "INSERT INTO recipient (ref, source, import, state, carrier, attributes, phone, phone_hash, email, email_hash,
                                        chat, chat_hash, chat_service, updated_at)
                 SELECT 'p' || (coalesce(max(id), 0) + 1), 'list', 1, 0, $1, '{}', $2, $3, $4, $5, $6, $7, $8, 0 FROM recipient
                 RETURNING id"
            )
            .bind(CARRIER)
            .bind(person.phone.map(|h| self.seal.seal(Kind::Phone, &format!("+84{}", 900_000_000 + h))))
            .bind(person.phone)
            .bind(person.email.map(|h| self.seal.seal(Kind::Email, &mail_of(h))))
            .bind(person.email)
            .bind(person.chat.map(|h| self.seal.seal(Kind::Chat, &h.to_string())))
            .bind(person.chat)
            .bind(i16::from(person.chat.is_some()))
            .fetch_one(pool)
            .await
            })
            .unwrap();
            if let Some(group) = person.group {
                self.sql(&format!("INSERT INTO membership (recipient, grp) VALUES ({id}, '{group}')")).await;
            }
            ids.push(id);
        }
        ids
    }

    /// `n` people with phones of their own.
    pub async fn crowd(&self, n: i64) -> Vec<i64> {
        let people: Vec<Person> = (1..=n).map(|i| phone(1_000_000 + i)).collect();
        self.people(&people).await
    }
}
