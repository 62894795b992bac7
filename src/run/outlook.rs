//! What the runs under way still have to send, as the forecast sees it.

use std::sync::Arc;

use serde::Serialize;

use crate::{
    account::forecast::{Hours, Work},
    active::ActiveRun,
    db::{Db, Result, Sql},
    on,
};

static PENDING: Sql = Sql::new(
    r"SELECT run, route, CAST(count(*) AS BIGINT) FROM delivery
      WHERE state = 0 AND run IN (SELECT run FROM :rows($1; run BIGINT) AS wanted) GROUP BY run, route ORDER BY run, route",
);

/// What these runs have to send, by route. A run that stands still has nothing: it is in nobody's way.
pub async fn work(db: &Db, runs: &[Arc<ActiveRun>]) -> Result<Vec<Work>> {
    #[derive(Serialize)]
    struct Run {
        run: i64,
    }
    let going: Vec<&Arc<ActiveRun>> = runs.iter().filter(|run| !run.row.paused && run.row.held.is_none()).collect();
    let list = crate::db::list(&going.iter().map(|run| Run { run: run.row.id }).collect::<Vec<_>>());
    let rows: Vec<(i64, i16, i64)> = on!(db.read, |pool, sql| sqlx::query_as(sql(&PENDING)).bind(&list).fetch_all(pool).await)?;
    Ok(rows
        .into_iter()
        .filter_map(|(id, route, n)| {
            let run = going.iter().find(|run| run.row.id == id)?;
            Some(Work { messages: u64::try_from(n).unwrap_or(0), route, ..like(run) })
        })
        .collect())
}

/// A piece of a run's work, without messages.
fn like(run: &ActiveRun) -> Work {
    let campaign = &run.frozen.campaign;
    let message = campaign.messages.iter().position(|message| message.id == run.row.message).unwrap_or(0);
    let hours = campaign.sending.hours.filter(|_| !run.is_warning());
    Work {
        run: run.row.id,
        warning: run.is_warning(),
        route: 0,
        messages: 0,
        parts: run.frozen.templates.typical_parts(message),
        hours: hours.map(|(from, until)| Hours { from: from.into(), until: until.into(), zone: campaign.timezone() }),
    }
}
