//! The throttled rate of an account, in its row: all nodes go as slowly as the gateway asked any one of them to.

use std::time::Duration;

use super::trouble::{self, Cause};
use crate::{
    db::{Db, Result, Sql, Tx, affected},
    health::throttle::{FULL, Throttle},
    on, transaction, within,
};

static READ: Sql =
    Sql::new(r"SELECT CAST(pace AS BIGINT), pace_at, rests_until, CAST(rests AS BIGINT) FROM account a WHERE id = $1 :lock(a)");

static WRITE: Sql = Sql::new(r"UPDATE account SET pace = $2, pace_at = $3, rests_until = $4, rests = $5 WHERE id = $1");

static THROTTLED: Sql = Sql::new(r"SELECT id FROM account WHERE pace < 1000 ORDER BY id");

async fn read(tx: &mut Tx, account: i64) -> Result<Throttle> {
    let (pace, changed_at, rests_until, rests): (i64, i64, i64, i64) =
        within!(tx, |c, sql| sqlx::query_as(sql(&READ)).bind(account).fetch_one(c).await)?;
    Ok(Throttle { pace, changed_at, rests_until, rests })
}

async fn write(tx: &mut Tx, account: i64, throttle: Throttle) -> Result<()> {
    within!(tx, |c, sql| sqlx::query(sql(&WRITE))
        .bind(account)
        .bind(i16::try_from(throttle.pace).unwrap_or(1_000))
        .bind(throttle.changed_at)
        .bind(throttle.rests_until)
        .bind(i16::try_from(throttle.rests).unwrap_or(1))
        .execute(c)
        .await
        .map(affected))?;
    Ok(())
}

/// The gateway complained of an account's pace; `worked_at`: when it last took a message, as far as this node knows. How it
/// stands now, and whether that is a change.
pub async fn slow_down(
    db: &Db,
    account: i64,
    after: Option<Duration>,
    worked_at: i64,
    why: &str,
    now: i64,
) -> Result<(Throttle, bool)> {
    transaction!(db, |tx| {
        let was = read(tx, account).await?.recovered(now);
        let Some(slower) = was.throttled(now, after, worked_at) else { return Ok((was, false)) };
        write(tx, account, slower).await?;
        trouble::begin(tx, account, Cause::Throttled, why, "", now).await?;
        Ok((slower, true))
    })
}

/// Gives back what time gives back. The accounts that are at their full rate again.
pub(super) async fn recover(db: &Db, now: i64) -> Result<Vec<i64>> {
    let throttled: Vec<i64> = on!(db.read, |pool, sql| sqlx::query_scalar(sql(&THROTTLED)).fetch_all(pool).await)?;
    let mut recovered = Vec::new();
    for account in throttled {
        let full = transaction!(db, |tx| {
            let was = read(tx, account).await?;
            let faster = was.recovered(now);
            if faster != was {
                write(tx, account, faster).await?;
            }
            Ok(faster.pace == FULL && trouble::end(tx, account, Cause::Throttled, "", now).await?)
        })?;
        if full {
            recovered.push(account);
        }
    }
    Ok(recovered)
}
