//! A database of the first schema, with what an office had in it, goes on under this program.

use std::{path::Path, sync::Arc};

use chrono::{TimeZone as _, Utc};
use loa::{
    active::Active,
    audience::column,
    clock::Clock,
    config::{Bounces, SecretKey},
    db::{Db, Engine, Pool, Schema},
    delivery::State,
    on,
    receipt::Matcher,
    seal::Seal,
    verify::{Rule, verify},
};
use sqlx::migrate::Migrator;

use super::{postgres, world::office};

/// The schema as it was with the migrations up to this number.
async fn schema_of(db: &Db, last: &str) {
    let folder = tempfile::tempdir().unwrap();
    let engine = if db.engine() == Engine::Sqlite { "sqlite" } else { "postgres" };
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(engine);
    for file in std::fs::read_dir(all).unwrap().map(|file| file.unwrap()) {
        if file.file_name().to_str().unwrap()[..4] <= *last {
            std::fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
        }
    }
    let migrations = Migrator::new(folder.path()).await.unwrap();
    match &db.write {
        Pool::Sqlite(pool) => migrations.run(pool).await.unwrap(),
        Pool::Postgres(pool) => migrations.run(pool).await.unwrap(),
    }
}

async fn sql(db: &Db, text: &str) {
    on!(db.write, |pool, _sql| sqlx::query(sqlx::AssertSqlSafe(text.to_string())).execute(pool).await.map(drop)).unwrap();
}

async fn numbers(db: &Db, text: &str) -> Vec<i64> {
    on!(db.read, |pool, _sql| sqlx::query_scalar(sqlx::AssertSqlSafe(text.to_string())).fetch_all(pool).await).unwrap()
}

async fn upgrade(db: &Db) {
    schema_of(db, "0001").await;
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
        // People with columns of their own: two in the list, one who is retired, and what is left of one who was erased.
        "INSERT INTO recipient (ref, source, import, state, carrier, attributes, chat_service, updated_at)
         VALUES ('a', 'l', 1, 0, 0, '{\"to\":\"3\",\"quay\":\"\"}', 0, 1), ('b', 'l', 1, 0, 0, '{}', 0, 1),
                ('c', 'l', 1, 1, 0, '{\"to\":\"4\"}', 0, 1), ('d', '', 1, 2, 0, '{\"ho\":\"5\"}', 0, 1)",
    ] {
        sql(db, text).await;
    }
    // Users of before there were outlets.
    schema_of(db, "0019").await;
    sql(
        db,
        "INSERT INTO console_user (email, name, roles, every_department, theme, totp_step, created_at)
         VALUES ('an@example.vn', 'An', 1, TRUE, 'auto', 0, 1)",
    )
    .await;
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

    assert_eq!(numbers(db, "SELECT count(*) FROM console_user WHERE outlet IS NULL").await, [1]);
    assert_eq!(column::names(db).await.unwrap(), ["quay", "to"]);
    assert_eq!(numbers(db, "SELECT people FROM list_column ORDER BY name").await, [1, 2], "who is retired has it still");
    let found = verify(db).await.unwrap();
    assert!(found.findings.iter().all(|finding| finding.rule != Rule::ColumnsCounted), "{:?}", found.findings);

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
