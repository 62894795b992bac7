//! What came to a mailbox for bounces and says nothing of an attempt: counted by kind, nothing more.

use std::collections::BTreeMap;

use providers::Leftover;
use serde::Serialize;

use crate::{
    db::{Db, Result, Sql, Tx, affected},
    on, within,
};

static COUNT: Sql = Sql::new(
    r"INSERT INTO leftover (account, kind, n, last_at)
      SELECT account, kind, n, $2 FROM :rows($1; account BIGINT, kind SMALLINT, n BIGINT) AS v WHERE true ORDER BY account, kind
      ON CONFLICT (account, kind) DO UPDATE SET n = leftover.n + excluded.n, last_at = excluded.last_at",
);

/// Counts mails, each with the account whose mailbox it came to.
pub(super) async fn count(tx: &mut Tx, came: &[(i64, Leftover)], now: i64) -> Result<()> {
    #[derive(Serialize)]
    struct Counted {
        account: i64,
        kind: i16,
        n: i64,
    }
    if came.is_empty() {
        return Ok(());
    }
    let mut counts: BTreeMap<(i64, i16), i64> = BTreeMap::new();
    for (account, kind) in came {
        *counts.entry((*account, *kind as i16)).or_default() += 1;
    }
    let counted = counts.into_iter().map(|((account, kind), n)| Counted { account, kind, n });
    let list = crate::db::list(&counted.collect::<Vec<_>>());
    within!(tx, |c, sql| sqlx::query(sql(&COUNT)).bind(&list).bind(now).execute(c).await.map(affected))?;
    Ok(())
}

static READ: Sql = Sql::new(r"SELECT kind, CAST(sum(n) AS BIGINT) FROM leftover GROUP BY kind ORDER BY kind");

/// How many came so far, by kind.
pub async fn read(db: &Db) -> Result<Vec<(Leftover, i64)>> {
    let rows: Vec<(i16, i64)> = on!(db.read, |pool, sql| sqlx::query_as(sql(&READ)).fetch_all(pool).await)?;
    Ok(rows.into_iter().filter_map(|(kind, n)| Some((Leftover::from_number(kind)?, n))).collect())
}
