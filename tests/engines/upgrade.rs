//! A database of the first schema, with what an office had in it, goes on under this program.

use std::{path::Path, sync::Arc};

use chrono::{TimeZone as _, Utc};
use loa::{
    active::Active,
    clock::Clock,
    config::{Bounces, SecretKey},
    db::{Db, Engine, Pool, Schema},
    delivery::State,
    on,
    receipt::Matcher,
    seal::Seal,
};
use sqlx::migrate::Migrator;

use super::{postgres, world::office};

/// The schema before every later migration.
async fn first_schema(db: &Db) {
    let folder = tempfile::tempdir().unwrap();
    let engine = if db.engine() == Engine::Sqlite { "sqlite" } else { "postgres" };
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(engine).join("0001_main.sql");
    std::fs::copy(file, folder.path().join("0001_main.sql")).unwrap();
    let first = Migrator::new(folder.path()).await.unwrap();
    match &db.write {
        Pool::Sqlite(pool) => first.run(pool).await.unwrap(),
        Pool::Postgres(pool) => first.run(pool).await.unwrap(),
    }
}

async fn sql(db: &Db, text: &str) {
    on!(db.write, |pool, _sql| sqlx::query(sqlx::AssertSqlSafe(text.to_string())).execute(pool).await.map(drop)).unwrap();
}

async fn numbers(db: &Db, text: &str) -> Vec<i64> {
    on!(db.read, |pool, _sql| sqlx::query_scalar(sqlx::AssertSqlSafe(text.to_string())).fetch_all(pool).await).unwrap()
}

async fn upgrade(db: &Db) {
    first_schema(db).await;
    assert!(matches!(db.schema().await.unwrap(), Schema::Behind(1..)));
    // A receipt by the gateway's id that waits, one that was applied, and the message that both are of.
    for text in [
        "INSERT INTO account (id, name, channel, receipts, tat, day, used, paused, paused_at) VALUES (7, 'sms', 1, TRUE, 5, '2026-11-01', 3, 'no money', 9)",
        "INSERT INTO delivery (id, run, address, segments, owner, account, price, next_at, updated_at, route, message, state, reason, attempt, tries, doubts, parts, area)
         VALUES (4294967297, 1, 11, 0, 0, 7, 300, NULL, 1, 16, 0, 3, 0, 1, 1, 0, 1, NULL)",
        "INSERT INTO handle (account, id, delivery, attempt, part, parts, state, reason, at) VALUES (7, 'g-1', 4294967297, 1, 0, 1, 3, 0, 1)",
        "INSERT INTO receipt (account, reference, handle, state, reason, detail, received_at, status) VALUES (7, NULL, 'g-1', 4, 0, '', 1, 1)",
        "INSERT INTO receipt (account, reference, handle, state, reason, detail, received_at, status) VALUES (7, NULL, 'g-1', 5, 0, '', 2, 0)",
        "INSERT INTO opt_out (channel, address, scope, at) VALUES (1, 12, 2, 1)",
        "INSERT INTO consent_event (channel, address, action, at, source, wording) VALUES (1, 12, 2, 1, 'page', '')",
    ] {
        sql(db, text).await;
    }
    db.migrate().await.unwrap();
    assert_eq!(db.schema().await.unwrap(), Schema::Current);
    db.migrate().await.unwrap();

    assert_eq!(
        numbers(db, "SELECT CAST(pace + poll_at + rests_until + used + tat AS BIGINT) FROM account").await,
        [1_000 + 3 + 5]
    );
    assert_eq!(numbers(db, "SELECT count(*) FROM account WHERE paused = 'no money' AND balance IS NULL").await, [1]);
    assert_eq!(numbers(db, "SELECT count(*) FROM receipt WHERE ids IS NULL").await, [2]);
    assert_eq!(numbers(db, "SELECT count(*) FROM opt_out WHERE address = 12 AND scope = 2").await, [1]);
    assert_eq!(numbers(db, "SELECT count(*) FROM meta WHERE key = 'moved_at'").await, [1]);

    // What waited is matched by this program.
    let (clock, _) = Clock::manual(Utc.with_ymd_and_hms(1970, 1, 1, 0, 1, 0).unwrap());
    let seal = Seal::new(&SecretKey(Arc::new(secrecy::SecretBox::new(Box::new([7; 32])))), &[]);
    let active = Arc::new(Active::new(db.clone(), office()));
    let matcher = Matcher { db: db.clone(), clock, node: 1, active, seal, bounces: Bounces::default() };
    let step = matcher.step(0).await.unwrap();
    assert_eq!((step.seen, step.applied), (1, 1));
    let state = i64::from(State::Delivered.number());
    assert_eq!(numbers(db, "SELECT CAST(state AS BIGINT) FROM delivery").await, [state]);
}

#[tokio::test]
async fn a_sqlite_file_of_the_first_schema_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(&format!("sqlite:{}", folder.path().join("loa.db").display())).await.unwrap();
    upgrade(&db).await;
    db.close().await;
}

#[tokio::test]
async fn a_postgres_database_of_the_first_schema_goes_on() {
    let (db, name) = postgres::empty().await;
    upgrade(&db).await;
    db.close().await;
    postgres::drop(&name).await;
}
