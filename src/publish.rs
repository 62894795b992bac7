//! What the office tells the public: its warnings, as CAP documents and a feed of them; and every text that it sent, so that whoever got
//! one can see whether it is real.
//!
//! What enters: runs as they went, orders as outlets have them, and their frozen definitions; never a delivery, and nothing of a person.
//! What leaves: documents that are frozen when they are first asked for ([`document`]), the feed ([`Publisher::feed`]) and the texts
//! ([`Publisher::texts`]). Tests, exercises, and what was stopped before anybody got it are not told. What can go wrong: the database.
//!
//! It is looked at what changed every few seconds, and only when somebody asks.

mod alert;
mod board;
mod form;
mod text;
mod went;

use std::sync::Arc;

use tokio::sync::Mutex;

pub use board::{Document, document, identifier};
pub use text::{Sent, Texts, What};

use crate::{
    cap::{
        self, Alert, Time,
        feed::{self, About, Entry, Published},
    },
    config::Config,
    db::{Db, Result},
    relay::issue::Letterhead,
};

/// Between two looks at what changed (milliseconds).
const EVERY: i64 = 5_000;
/// Warnings that the feed holds at most: the latest.
const MOST: i64 = 100;

/// What it takes to look.
#[derive(Debug, Clone, Copy)]
pub struct Ground<'a> {
    /// The database.
    pub db: &'a Db,
    /// Who sends.
    pub config: &'a Config,
    /// The same on documents.
    pub letterhead: &'a Letterhead,
    /// Unix milliseconds.
    pub now: i64,
}

/// Where this Loa publishes; none: it does not, because its settings say so, or the world does not reach it.
pub fn address(config: &Config) -> Option<&str> {
    config.server.public_url.as_deref().filter(|_| config.relay.publish).map(|url| url.trim_end_matches('/'))
}

/// Keeps what was made until something changes.
#[derive(Debug, Default)]
pub struct Publisher(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    looked: Option<i64>,
    went: went::WentOut,
    board: board::Board,
    feed: Option<Feed>,
    forms: text::Forms,
    texts: Option<(u64, Arc<Texts>)>,
}

#[derive(Debug)]
struct Feed {
    /// The latest document that it was made with.
    latest: i64,
    made: Arc<Published>,
}

impl Publisher {
    /// The feed of warnings; `address` is [`address`]'s.
    pub async fn feed(&self, ground: &Ground<'_>, address: &str) -> Result<Arc<Published>> {
        let mut held = self.0.lock().await;
        let held = &mut *held;
        if !held.is_fresh(ground.now) || held.feed.is_none() {
            held.look(ground).await?;
            held.board.tell(ground, &held.went).await?;
            let latest = board::latest(ground.db).await?;
            if held.feed.as_ref().is_none_or(|feed| feed.latest != latest) {
                held.feed = Some(Feed { latest, made: Arc::new(made(ground, address).await?) });
            }
        }
        match &held.feed {
            Some(feed) if feed.made.until.is_none_or(|until| ground.now < until) => Ok(Arc::clone(&feed.made)),
            // One of its warnings has ended.
            old => {
                let latest = old.as_ref().map_or(0, |feed| feed.latest);
                let made = Arc::new(made(ground, address).await?);
                held.feed = Some(Feed { latest, made: Arc::clone(&made) });
                Ok(made)
            }
        }
    }

    /// Every text that went out.
    pub async fn texts(&self, ground: &Ground<'_>) -> Result<Arc<Texts>> {
        let mut held = self.0.lock().await;
        let held = &mut *held;
        if !held.is_fresh(ground.now) {
            held.look(ground).await?;
            // The next one who asks for the feed finds it told.
            held.board.tell(ground, &held.went).await?;
        }
        match &held.texts {
            Some((version, texts)) if *version == held.went.version => Ok(Arc::clone(texts)),
            _ => {
                let texts = Arc::new(held.forms.texts(ground.db, ground.config, &held.went).await?);
                held.texts = Some((held.went.version, Arc::clone(&texts)));
                Ok(texts)
            }
        }
    }
}

impl Held {
    /// A clock that was set back makes nothing fresh.
    fn is_fresh(&self, now: i64) -> bool {
        self.looked.is_some_and(|at| (at..at + EVERY).contains(&now))
    }

    async fn look(&mut self, ground: &Ground<'_>) -> Result<()> {
        self.went.look(ground.db, ground.now).await?;
        self.looked = Some(ground.now);
        Ok(())
    }
}

/// The feed of what is kept.
async fn made(ground: &Ground<'_>, address: &str) -> Result<Published> {
    let documents = board::shown(ground.db, MOST, ground.now).await?;
    let alerts: Vec<(String, Alert)> = documents
        .into_iter()
        .filter_map(|(identifier, document)| {
            // Ours, and read when it was written.
            let alert = cap::read(&identifier, &document).ok()?;
            Some((format!("{address}/warnings/{identifier}.cap"), alert))
        })
        .collect();
    let entries: Vec<Entry<'_>> = alerts.iter().map(|(address, alert)| Entry { address, alert }).collect();
    let issuer = ground.letterhead.issuer();
    let author = if issuer.name.is_empty() { issuer.sender } else { issuer.name };
    let about = About {
        address: format!("{address}/warnings.atom"),
        title: format!("Cảnh báo của {author}"),
        author: author.to_string(),
        language: "vi".to_string(),
        since: Time::new(&chrono::DateTime::UNIX_EPOCH),
    };
    Ok(feed::publish(&about, &entries, ground.now))
}
