//! How long first receipts take, and how much an account sent lately: from counts that all nodes write a minute at a time, so
//! that reading them costs the same whatever was sent.

use std::collections::BTreeMap;

use crate::{
    db::{Db, Result, Sql},
    on,
    tally::prompt::{STEPS, minute},
};

/// Receipts that are looked at: those of the last quarter of an hour (minutes).
pub const WINDOW: i64 = 15;

/// What an account did lately.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lately {
    /// Messages that it took in the last whole minute.
    pub last_minute: i64,
    /// First receipts within [`WINDOW`].
    pub receipts: i64,
    /// Half of them came within so long (milliseconds); none: there were none, or it is longer than any step.
    pub median: Option<i64>,
    /// Of a hundred, ninety-five came within so long.
    pub most: Option<i64>,
}

static SENT: Sql = Sql::new(r"SELECT account, CAST(sum(sent) AS BIGINT) FROM account_minute WHERE minute = $1 GROUP BY account");

static DELAYS: Sql = Sql::new(
    r"SELECT account, step, CAST(sum(n) AS BIGINT) FROM account_delay WHERE minute >= $1 GROUP BY account, step ORDER BY account, step",
);

/// What the accounts did lately, by number.
pub async fn lately(db: &Db, now: i64) -> Result<BTreeMap<i64, Lately>> {
    let sent: Vec<(i64, i64)> = on!(db.read, |pool, sql| sqlx::query_as(sql(&SENT)).bind(minute(now) - 1).fetch_all(pool).await)?;
    let delays: Vec<(i64, i16, i64)> =
        on!(db.read, |pool, sql| sqlx::query_as(sql(&DELAYS)).bind(minute(now) - WINDOW).fetch_all(pool).await)?;
    let mut of: BTreeMap<i64, Vec<(i16, i64)>> = BTreeMap::new();
    for (account, step, n) in delays {
        of.entry(account).or_default().push((step, n));
    }
    let mut lately: BTreeMap<i64, Lately> = of
        .into_iter()
        .map(|(account, steps)| {
            let receipts = steps.iter().map(|(_, n)| n).sum();
            (account, Lately { last_minute: 0, receipts, median: within(&steps, 50), most: within(&steps, 95) })
        })
        .collect();
    for (account, n) in sent {
        lately.entry(account).or_default().last_minute = n;
    }
    Ok(lately)
}

/// Within how long so many of a hundred came: the end of the step in which the last of them lies.
fn within(steps: &[(i16, i64)], of_hundred: i64) -> Option<i64> {
    let all: i64 = steps.iter().map(|(_, n)| n).sum();
    let mut so_far = 0;
    let (step, _) = steps.iter().find(|(_, n)| {
        so_far += n;
        so_far * 100 >= all * of_hundred
    })?;
    usize::try_from(*step).ok().and_then(|step| STEPS.get(step)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_lies_in_the_step_of_its_last_receipt() {
        let steps = [(1, 50), (3, 45), (5, 5)];
        assert_eq!(within(&steps, 50), Some(STEPS[1]));
        assert_eq!(within(&steps, 51), Some(STEPS[3]));
        assert_eq!(within(&steps, 95), Some(STEPS[3]));
        assert_eq!(within(&steps, 96), Some(STEPS[5]));
        assert_eq!(within(&[], 50), None);
        assert_eq!(within(&[(i16::try_from(STEPS.len()).unwrap(), 1)], 50), None, "longer than any step");
    }
}
