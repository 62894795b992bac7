//! A database in which weekly runs to everybody have settled for months, and one is under way.
//!
//! The first run is fanned out as every run is. The others are copies of its rows under their own numbers, each with outcomes as
//! carriers give them; tallies are counted from the rows, so that `loa verify` finds no difference. That takes a minute where sending
//! ten million messages would take ten.

use chrono::TimeDelta;

use super::super::ground::Ground;
use crate::{
    active::Origin,
    campaign::Holidays,
    run::make::{self, New},
};

/// What was made.
pub struct Filled {
    /// The latest settled run.
    pub settled: i64,
    /// The one that is being sent: paused, so that it stays so.
    pub under_way: i64,
}

/// An outcome for each row that waits: 90 of 100 delivered, the others as they come. `$n` spreads them anew in each run.
const OUTCOME: &str = "CASE WHEN state <> 0 THEN state
      WHEN (id / 16 * 37 + {run} * 13) % 100 < 90 THEN 5 WHEN (id / 16 * 37 + {run} * 13) % 100 < 94 THEN 7
      WHEN (id / 16 * 37 + {run} * 13) % 100 < 96 THEN 9 WHEN (id / 16 * 37 + {run} * 13) % 100 < 99 THEN 3 ELSE 10 END";

/// Makes as many runs as hold about so many deliveries; at least two.
pub async fn fill(ground: &Ground, deliveries: u64) -> anyhow::Result<Filled> {
    let runs = i64::try_from((deliveries / ground.people.max(1)).max(2))?;
    let (first, _) = ground.fan_out("sms").await?;
    let account = ground.know_accounts().await?;
    let mut last = first;
    for number in 1..runs {
        let due = ground.clock.now() - TimeDelta::weeks(runs - 1 - number);
        let run = copy(ground, first, due).await?;
        if number < runs - 1 {
            settle(ground, run, account, due.timestamp_millis()).await?;
        } else {
            ground.execute(&format!("UPDATE run SET state = 1, paused = true, fan_cursor = fan_top WHERE id = {run}")).await?;
        }
        count(ground, run).await?;
        last = run;
    }
    let due = ground.clock.now() - TimeDelta::weeks(runs - 1);
    settle(ground, first, account, due.timestamp_millis()).await?;
    ground
        .execute(&format!(
            "UPDATE run SET due_at = {at}, created_at = {at}, expires_at = {at} + 86400000, date = '{}', paused = false WHERE id = {first}",
            due.date_naive(),
            at = due.timestamp_millis(),
        ))
        .await?;
    count(ground, first).await?;
    // What the engine would have gathered by itself over months.
    ground.execute("ANALYZE").await?;
    Ok(Filled { settled: last - 1, under_way: last })
}

/// A run of its own with the rows of another, all waiting.
async fn copy(ground: &Ground, of: i64, due: chrono::DateTime<chrono::Utc>) -> anyhow::Result<i64> {
    let source = ground.campaign("sms")?;
    let date = due.date_naive();
    let new = New {
        source,
        segments: ground.segments(),
        occurrence: date.to_string(),
        date,
        due,
        origin: Origin::Schedule,
        recipients: &[],
        missed: false,
        turn: source.campaign.turn(due, &Holidays::built_in()),
    };
    let run = make::make(&ground.db, &new, due.timestamp_millis()).await?;
    let run = run.ok_or_else(|| anyhow::anyhow!("the run of {date} exists already"))?;
    ground
        .execute(&format!(
            "INSERT INTO delivery (id, run, address, segments, owner, account, price, next_at, updated_at, route, message, state,
                                   reason, attempt, tries, doubts, parts, area)
             SELECT id + {shift}, {run}, address, segments, owner, account, price, next_at, {at}, route, message, state, reason,
                    attempt, tries, doubts, parts, area
             FROM delivery WHERE id >= {from} AND id < {to} ORDER BY id",
            shift = (run - of) << 36,
            at = due.timestamp_millis(),
            from = of << 36,
            to = (of + 1) << 36,
        ))
        .await?;
    Ok(run)
}

/// Everything that waits in a run has become something.
async fn settle(ground: &Ground, run: i64, account: i64, at: i64) -> anyhow::Result<()> {
    let outcome = OUTCOME.replace("{run}", &run.to_string());
    ground
        .execute(&format!(
            "UPDATE delivery SET state = {outcome}, account = {account}, price = 300, parts = 1, next_at = NULL, updated_at = {at} + 60000
             WHERE id >= {} AND id < {} AND state = 0",
            run << 36,
            (run + 1) << 36,
        ))
        .await?;
    ground
        .execute(&format!("UPDATE run SET state = 2, fan_cursor = fan_top, settled_at = {at} + 3600000 WHERE id = {run}"))
        .await?;
    Ok(())
}

/// A run's tallies, from its rows.
async fn count(ground: &Ground, run: i64) -> anyhow::Result<()> {
    ground.execute(&format!("DELETE FROM tally WHERE run = {run}")).await?;
    ground
        .execute(&format!(
            "INSERT INTO tally (run, channel, account, state, node, n, parts, price)
             SELECT run, CAST(id & 15 AS SMALLINT), account, state, 0, count(*), sum(parts), CAST(sum(price) AS BIGINT)
             FROM delivery WHERE id >= {} AND id < {} GROUP BY run, id & 15, account, state",
            run << 36,
            (run + 1) << 36,
        ))
        .await?;
    Ok(())
}
