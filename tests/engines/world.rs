//! A database of one's own with people, accounts and runs in it, and the steps that a process takes with them.

mod campaigns;
mod orders;
mod people;
mod receipts;
mod rows;
mod sending;

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use chrono::{TimeZone as _, Utc};
use futures::FutureExt as _;
use loa::{
    active::Active,
    clock::{Clock, ManualClock},
    config::SecretKey,
    db::{Db, Engine, affected},
    epoch, on,
    seal::Seal,
};
use providers::Channel;

use super::postgres;

pub use campaigns::{EVERYBODY, by_sms, campaign, office, one_after_the_other, source};
pub use people::{ELSEWHERE, Person, phone};
pub use receipts::said;
pub use rows::Row;
pub use sending::{accepted, in_doubt, judged, later, rejected};

pub const SMS: i16 = Channel::Sms as i16;
pub const EMAIL: i16 = Channel::Email as i16;
pub const CHAT: i16 = Channel::Chat as i16;
pub const HOUR: i64 = 3_600_000;

/// The one carrier group that people here have, unless a test says otherwise.
const CARRIER: i16 = 1;

pub struct World {
    pub db: Db,
    pub clock: Clock,
    pub hands: ManualClock,
    pub seal: Seal,
    pub active: Arc<Active>,
    /// This process.
    pub epoch: i64,
    /// Account 1 of the database: SMS.
    pub account: i64,
    /// Where PostgreSQL keeps it, to be removed afterwards; none: a folder that removes itself.
    name: Option<String>,
    _folder: tempfile::TempDir,
}

impl World {
    pub async fn open(engine: Engine) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (db, name) = match engine {
            Engine::Sqlite => {
                let db = Db::open(&format!("sqlite:{}", folder.path().join("loa.db").display())).await.unwrap();
                db.migrate().await.unwrap();
                (db, None)
            }
            Engine::Postgres => {
                let (db, name) = postgres::fresh().await;
                (db, Some(name))
            }
        };
        let (clock, hands) = Clock::manual(Utc.with_ymd_and_hms(2026, 11, 2, 3, 0, 0).unwrap());
        let seal = Seal::new(&SecretKey(Arc::new(secrecy::SecretBox::new(Box::new([7; 32])))), &[]);
        let active = Arc::new(Active::new(db.clone(), office()));
        let epoch = epoch::register(&db, "here", clock.millis()).await.unwrap();
        let mut world = Self { db, clock, hands, seal, active, epoch, account: 0, name, _folder: folder };
        world.account = world.account_for("sms", Channel::Sms).await;
        world
    }

    pub fn now(&self) -> i64 {
        self.clock.millis()
    }

    /// Time passes, and the process goes on living.
    pub async fn advance(&self, millis: i64) {
        self.hands.advance(Duration::from_millis(millis.unsigned_abs()));
        let until = self.now() + i64::try_from(epoch::LEASE.as_millis()).unwrap();
        self.sql(&format!("UPDATE epoch SET lease_until = {until} WHERE id = {}", self.epoch)).await;
    }

    pub async fn account_for(&self, name: &str, channel: Channel) -> i64 {
        on!(self.db.write, |pool, _sql| sqlx::query_scalar(
            "INSERT INTO account (name, channel, receipts, tat, day, used) VALUES ($1, $2, true, 0, '', 0)
             ON CONFLICT (name) DO UPDATE SET channel = excluded.channel RETURNING id"
        )
        .bind(name)
        .bind(channel as i16)
        .fetch_one(pool)
        .await)
        .unwrap()
    }

    /// Runs a statement of the test's own.
    pub async fn sql(&self, text: &str) -> u64 {
        on!(self.db.write, |pool, _sql| sqlx::query(sqlx::AssertSqlSafe(text.to_string())).execute(pool).await.map(affected))
            .unwrap()
    }

    pub async fn number(&self, text: &str) -> i64 {
        on!(self.db.read, |pool, _sql| sqlx::query_scalar(sqlx::AssertSqlSafe(text.to_string())).fetch_one(pool).await).unwrap()
    }

    /// Runs a statement that a test needs to set its scene.
    pub async fn execute(&self, text: &str) {
        on!(self.db.write, |pool, _sql| sqlx::query(sqlx::AssertSqlSafe(text.to_string())).execute(pool).await.map(|_| ()))
            .unwrap();
    }

    pub async fn close(self) {
        self.db.close().await;
        if let Some(name) = &self.name {
            postgres::drop(name).await;
        }
    }
}

/// Plays a scenario in a world of its own, then checks what it leaves.
pub fn play(engine: Engine, scenario: impl AsyncFnOnce(&World)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let world = World::open(engine).await;
        let played = AssertUnwindSafe(async {
            scenario(&world).await;
            world.check().await;
        });
        let outcome = played.catch_unwind().await;
        world.close().await;
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
    });
}
