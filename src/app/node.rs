//! This process among those that share its database.

use std::time::Duration;

use crate::{
    db::{Db, Sql},
    on,
};

/// How far a node's clock may be from the database's.
const SKEW: Duration = Duration::from_secs(10);

static DATABASE_TIME: Sql = Sql::new(r"SELECT :now_us");

/// Nodes that share a database need one time: a node that is ahead would take its neighbours for dead.
pub(super) async fn same_time(db: &Db, now: i64) -> anyhow::Result<()> {
    let theirs: i64 = on!(db.read, |pool, sql| sqlx::query_scalar(sql(&DATABASE_TIME)).fetch_one(pool).await)?;
    let skew = Duration::from_micros((theirs - now * 1000).unsigned_abs());
    anyhow::ensure!(
        skew <= SKEW,
        "this machine's clock is {} s from the database's: nodes that share a database need one time (NTP)",
        skew.as_secs()
    );
    Ok(())
}

/// The machine's name and process number, for people who look at the epochs.
pub(super) fn name() -> String {
    let host = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    format!("{}/{}", host.trim(), std::process::id())
}
