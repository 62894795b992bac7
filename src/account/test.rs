//! Tests of an account that a person makes from the console: of its connection, or a message to an address that they type. How many is
//! limited, and each is written down; the address is not.

use std::time::Duration;

use providers::{Address, Channel, Chat, Content, Email, Outgoing, text};

use super::{Account, take_one};
use crate::{
    audience::{
        address::{self, BadChat, ChatService},
        who,
    },
    clock::Clock,
    db::{Db, DbError, Result, Sql, Tx, affected},
    delivery::slot,
    on, phrase,
    seal::Seal,
    token, within,
    words::Phrase,
};

/// Tests of an account that may be made within an hour.
const MOST: i64 = 20;
const HOUR: i64 = 3_600_000;
/// How long a test waits for its turn at the account's rate.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest text that is taken.
pub const LONGEST: usize = 500;
/// Parts of a text message at most.
const PARTS: u16 = 4;

/// What was tested. The numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
pub enum Kind {
    /// Whether the account can sign in.
    Connection = 1,
    /// Whether a message goes.
    Message = 2,
}

/// A test, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Tested {
    /// Who made it.
    pub by_whom: String,
    /// When, unix milliseconds.
    pub at: i64,
    /// See [`Kind`].
    pub kind: i16,
    /// Whether it went well.
    pub ok: bool,
    /// The gateway's words.
    pub said: String,
}

/// Why a message cannot be tried.
#[derive(Debug)]
pub enum NotTried {
    /// The address is none of this account's.
    Address(Phrase),
    /// The text cannot be sent.
    Text(Phrase),
    /// Not now.
    Now(Phrase),
    /// The database's error.
    Db(DbError),
}

impl From<DbError> for NotTried {
    fn from(error: DbError) -> Self {
        Self::Db(error)
    }
}

static LATELY: Sql = Sql::new(r"SELECT count(*) FROM account_test WHERE account = $1 AND at > $2");

/// Whether one more test may be made now.
pub async fn may(db: &Db, account: &str, now: i64) -> Result<bool> {
    let lately: i64 =
        on!(db.read, |pool, sql| sqlx::query_scalar(sql(&LATELY)).bind(account).bind(now - HOUR).fetch_one(pool).await)?;
    Ok(lately < MOST)
}

static KEEP: Sql = Sql::new(r"INSERT INTO account_test (account, by_whom, at, kind, ok, said) VALUES ($1, $2, $3, $4, $5, $6)");

static FORGET: Sql = Sql::new(r"DELETE FROM account_test WHERE account = $1 AND at < $2");

/// Writes a test down.
pub async fn keep(tx: &mut Tx, account: &str, tested: &Tested) -> Result<()> {
    within!(tx, |c, sql| {
        sqlx::query(sql(&KEEP))
            .bind(account)
            .bind(&tested.by_whom)
            .bind(tested.at)
            .bind(tested.kind)
            .bind(tested.ok)
            .bind(&tested.said)
            .execute(c)
            .await
            .map(affected)
    })?;
    let old = tested.at - 90 * 24 * HOUR;
    within!(tx, |c, sql| sqlx::query(sql(&FORGET)).bind(account).bind(old).execute(c).await.map(affected))?;
    Ok(())
}

static LATEST: Sql =
    Sql::new(r"SELECT by_whom, at, kind, ok, said FROM account_test WHERE account = $1 ORDER BY id DESC LIMIT 10");

/// The latest tests of an account.
pub async fn latest(db: &Db, account: &str) -> Result<Vec<Tested>> {
    on!(db.read, |pool, sql| sqlx::query_as(sql(&LATEST)).bind(account).fetch_all(pool).await)
}

/// An address as a person typed it, if it is one of this account's channel.
pub fn address(account: &Account, typed: &str) -> std::result::Result<String, Phrase> {
    let typed = typed.trim();
    let channel = account.config.channel;
    if channel == Channel::Chat {
        let service = account.groups.iter().find_map(|group| ChatService::from_number(i64::from(*group)));
        return address::chat(service.unwrap_or(ChatService::Zalo), typed).map_err(BadChat::phrase);
    }
    let (found, plain) = who::plain(typed)?;
    if found == channel {
        return Ok(plain);
    }
    Err(match channel {
        Channel::Email => phrase!("tài khoản này gửi thư: ghi một địa chỉ thư", "this account sends mails: write a mail address"),
        _ => phrase!("tài khoản này gửi tin nhắn: ghi một số di động", "this account sends texts: write a mobile number"),
    })
}

/// Sends a text to an address, within the account's rate and quota. What the gateway said, or how it refused. `once`: a number that
/// no other test has.
pub async fn send(
    db: &Db,
    seal: &Seal,
    clock: &Clock,
    account: &Account,
    to: &str,
    words: &str,
    once: i64,
) -> std::result::Result<std::result::Result<String, String>, NotTried> {
    let content = content(account.config.channel, words).map_err(NotTried::Text)?;
    if !account.is_usable(clock.ticks()) || !take_one(db, account, clock.now()).await? {
        return Err(NotTried::Now(phrase!(
            "tài khoản đang nghỉ, đã dừng hoặc hết hạn mức ngày: chưa gửi gì",
            "the account rests, is paused, or its day is used up: nothing was sent"
        )));
    }
    let reserved = slot::reserve(db, account.id, account.config.rate, 1..=1).await?;
    if reserved.wait > PATIENCE {
        return Err(NotTried::Now(phrase!(
            "tài khoản đang bận gửi hết tốc độ: thử lại sau ít phút",
            "the account is busy at its full rate: try again in a few minutes"
        )));
    }
    tokio::time::sleep(reserved.wait).await;
    let outgoing = Outgoing {
        reference: token::encode(once, 0, |bytes| seal.mac("test", bytes)),
        to: Address::new(to),
        content,
        expires: None,
        callback: None,
    };
    Ok(match account.provider.send(std::slice::from_ref(&outgoing)).await.into_iter().next() {
        Some(Ok(accepted)) => Ok(accepted.ids.join(", ")),
        Some(Err(error)) => Err(error.to_string()),
        None => Err("the adapter gave no answer".to_string()),
    })
}

fn content(channel: Channel, words: &str) -> std::result::Result<Content, Phrase> {
    let words = words.trim();
    if words.is_empty() || words.chars().count() > LONGEST {
        return Err(phrase!("nội dung thử có từ 1 đến {LONGEST} ký tự", "a test's text has 1 to {LONGEST} characters"));
    }
    Ok(match channel {
        Channel::Sms => Content::Sms(text::sms(words, false, PARTS).map_err(|error| Phrase::from(error.to_string()))?),
        Channel::Chat => Content::Chat(Chat { text: Some(words.to_string()), ..Chat::default() }),
        Channel::Email => {
            let escaped = words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            let subject: String = words.lines().next().unwrap_or_default().chars().take(100).collect();
            Content::Email(Box::new(Email {
                to_name: None,
                html: format!(
                    "<!doctype html><html lang=\"vi\"><head><meta charset=\"utf-8\"><title>Loa</title></head><body><p>{escaped}</p></body></html>"
                ),
                subject,
                text: words.to_string(),
                attachments: Vec::new(),
                pictures: Vec::new(),
                unsubscribe_url: None,
                list: None,
                language: "vi".to_string(),
                urgent: false,
            }))
        }
    })
}
