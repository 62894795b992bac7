//! The ground of every command that works with the database: it is opened, brought up to date, and keyed.

use anyhow::Context as _;

use super::key;
use crate::{
    audience::{self, key::KeyError},
    config::Config,
    db::{Db, Schema},
    phrase,
    seal::Seal,
    words::Phrase,
};

/// Why an application cannot be opened or started here, in words for the person at the keyboard.
#[derive(Debug, thiserror::Error)]
#[error("{words}")]
pub struct Refusal {
    /// What is in the way.
    pub words: Phrase,
    /// Whether the settings are wrong, rather than the moment.
    pub mistake: bool,
}

impl Refusal {
    pub(super) fn now(words: Phrase) -> Self {
        Self { words, mistake: false }
    }

    fn of_settings(words: Phrase) -> Self {
        Self { words, mistake: true }
    }
}

/// What a command without loops needs: the database, opened, migrated and keyed.
pub struct Opened {
    /// The database.
    pub db: Db,
    /// Keys.
    pub seal: Seal,
}

/// Opens the configured database, brings its schema up to date, and loads the keys, making a key file where there is none.
pub async fn open(config: &Config) -> anyhow::Result<Opened> {
    let key = key::ensure(config)?;
    let db = Db::open(&config.database_url).await.context("the database cannot be opened")?;
    if db.schema().await? == Schema::Ahead {
        return Err(Refusal::of_settings(phrase!(
            "cơ sở dữ liệu thuộc một phiên bản loa mới hơn: cài lại phiên bản ấy",
            "the database belongs to a later version of loa: install that one again"
        ))
        .into());
    }
    db.migrate().await.context("the database cannot be brought up to date")?;
    let seal = match audience::key::load(&db, &key, &config.server.previous_keys).await {
        Err(KeyError::Foreign) => {
            return Err(Refusal::of_settings(phrase!(
                "khóa trong [server] không phải của cơ sở dữ liệu này: đặt lại khóa cũ vào key hoặc previous_keys",
                "[server] key does not fit this database: give the key it was used with, as key or among previous_keys"
            ))
            .into());
        }
        loaded => loaded?,
    };
    Ok(Opened { db, seal })
}
