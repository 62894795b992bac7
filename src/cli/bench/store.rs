//! Fan-out and the engine on one store, each held against the same rows moved by bare SQL.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use providers::Provider;
use sqlx::AssertSqlSafe;

use super::{
    Bench,
    figure::{Figure, rate},
    ground::{Ground, Store},
    instant::InstantGateway,
};
use crate::{
    account::StandIns,
    app::Part,
    db::{Engine, affected},
    on, transaction, within,
};

/// Rows that the bare loop claims and marks in one transaction: as many as a lane of this window claims.
const BATCH: i64 = 1_000;

/// The account that the engine is measured with: only the provider is not real.
pub const ACCOUNT: &str = r#"
[[account]]
name = "instant"
gateway = "kannel"
channel = "sms"
url = "http://127.0.0.1:9"
allow_private = true
rate = "100000/s"
window = 500
price = 300
receipts = "none"
username = "bench"
password = { env = "LOA_BENCH_SECRET" }
sender = "SO VHTTDL"
"#;

/// The account's adapter.
pub fn stand_in(gateway: &Arc<InstantGateway>) -> StandIns {
    let provider: Arc<dyn Provider> = Arc::clone(gateway) as Arc<dyn Provider>;
    StandIns(BTreeMap::from([("instant".to_string(), provider)]))
}

/// Import, fan-out and engine on a store.
pub async fn measure(bench: &Bench, store: Store) -> anyhow::Result<Vec<Figure>> {
    let engine = store.name();
    let ground = Ground::new(&bench.folder, "store", store, bench.size.people, ACCOUNT, &bench.clock).await?;
    let (mut fan_outs, mut sends) = (Vec::new(), Vec::new());
    for _ in 0..bench.size.samples {
        let (run, fanned_in) = ground.fan_out("sms").await?;
        let inserted_in = raw_insert(&ground, run).await?;
        fan_outs.push((rate(ground.people, fanned_in), rate(ground.people, inserted_in)));

        let app = ground.start(&[Part::Schedule, Part::Dispatch], stand_in(&Arc::default())).await?;
        let (sent, took) = ground.send(&app, run).await?;
        app.stop().await?;
        let (moved, raw) = raw_loop(&ground).await?;
        sends.push((rate(sent, took), rate(moved, raw)));
    }
    let imported = Figure::of("import", "rows/s", &[rate(ground.people, ground.imported_in)]).on(engine);
    ground.close().await?;
    Ok(vec![
        imported,
        Figure::against("fan_out", "rows/s", "bulk insert of the same rows", &fan_outs).on(engine),
        Figure::against("engine", "deliveries/s", "bare claim and mark of the same rows", &sends).on(engine),
    ])
}

/// The run's rows into an empty table with the same indexes, in one statement.
async fn raw_insert(ground: &Ground, run: i64) -> anyhow::Result<Duration> {
    ground.execute("DROP TABLE IF EXISTS raw_delivery").await?;
    for statement in copy_of_the_table(ground).await? {
        ground.execute(&statement).await?;
    }
    let begun = Instant::now();
    ground.execute(&format!("INSERT INTO raw_delivery SELECT * FROM delivery WHERE run = {run}")).await?;
    Ok(begun.elapsed())
}

async fn copy_of_the_table(ground: &Ground) -> anyhow::Result<Vec<String>> {
    if ground.engine() == Engine::Postgres {
        return Ok(vec!["CREATE TABLE raw_delivery (LIKE delivery INCLUDING ALL)".into()]);
    }
    let schema = "SELECT sql FROM sqlite_master WHERE tbl_name = 'delivery' AND sql IS NOT NULL ORDER BY type DESC";
    let made: Vec<String> =
        on!(ground.db.read, |pool, _sql| sqlx::query_scalar(AssertSqlSafe(schema.to_string())).fetch_all(pool).await)?;
    Ok(made.into_iter().map(|statement| statement.replace("delivery", "raw_delivery")).collect())
}

/// Claims and marks every pending row of the copy, a batch and two transactions at a time. How many, and how long it took.
async fn raw_loop(ground: &Ground) -> anyhow::Result<(u64, Duration)> {
    #[derive(serde::Serialize)]
    struct Id {
        id: i64,
    }
    let spell = |text: &str| ground.engine().spell(text);
    let claim = spell(
        "UPDATE raw_delivery SET state = 1, owner = 1, updated_at = $2
         WHERE id IN (SELECT id FROM raw_delivery WHERE state = 0 LIMIT $1) AND state + 0 = 0 RETURNING id",
    );
    let mark = spell(
        "UPDATE raw_delivery SET state = 3, owner = 0, updated_at = $2
         WHERE id IN (SELECT id FROM :rows($1; id BIGINT) AS wanted) AND state + 0 = 1 AND owner + 0 = 1",
    );
    let begun = Instant::now();
    let mut moved = 0;
    loop {
        let now = ground.clock.millis();
        let claimed: Vec<i64> = transaction!(ground.db, |tx| {
            let claim = AssertSqlSafe(claim.clone());
            within!(tx, |c, _sql| sqlx::query_scalar(claim).bind(BATCH).bind(now).fetch_all(c).await)
        })?;
        if claimed.is_empty() {
            return Ok((moved, begun.elapsed()));
        }
        let list = crate::db::list(&claimed.iter().map(|id| Id { id: *id }).collect::<Vec<_>>());
        moved += transaction!(ground.db, |tx| {
            let mark = AssertSqlSafe(mark.clone());
            within!(tx, |c, _sql| sqlx::query(mark).bind(&list).bind(now).execute(c).await.map(affected))
        })?;
    }
}
