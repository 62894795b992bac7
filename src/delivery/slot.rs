//! Slots: an account's rate, shared exactly by all nodes through its row and the database's clock.

use std::{ops::RangeInclusive, time::Duration};

use crate::{
    config::Rate,
    db::{Db, Result, Sql},
    health::throttle::FULL,
    limit::Bucket,
    on,
};

/// A slot's length. Whatever second one looks at, the slots used in it lie within that second and the
/// [`LATENESS`](crate::limit::LATENESS) before it: no more than the rate's, on all nodes together. It is what the local
/// bucket refills in, so that neither runs away from the other; rounded up to the microsecond.
pub fn period(rate: Rate) -> Duration {
    let nanos = Bucket::of(rate).period.as_nanos();
    Duration::from_micros(u64::try_from(nanos.div_ceil(1000)).unwrap_or(u64::MAX).max(1))
}

/// A slot's length in microseconds at `pace` thousandths of the rate.
fn period_us(rate: Rate, pace: i64) -> i64 {
    i64::try_from(period(rate).as_micros()).unwrap_or(i64::MAX / 4).saturating_mul(FULL) / pace.clamp(1, FULL)
}

/// Slots that are reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reserved {
    /// How far from now, the reply's arrival, the first one is.
    pub wait: Duration,
    /// How many.
    pub n: u32,
    /// From one to the next.
    pub period: Duration,
}

static RESERVE: Sql = Sql::new(
    r"UPDATE account SET tat = CASE WHEN tat > :now_us AND tat <= :now_us + CAST($3 AS BIGINT) * 1000 / pace THEN tat ELSE :now_us END
                               + CAST($2 AS BIGINT) * 1000 / pace
      WHERE id = $1 RETURNING tat - CAST($2 AS BIGINT) * 1000 / pace - :now_us, CAST(pace AS BIGINT)",
);

/// Reserves slots of an account's rate, as throttled as it is, `n` of them, in place of some whose time passed unused.
pub async fn reserve(db: &Db, account: i64, rate: Rate, n: RangeInclusive<u32>) -> Result<Reserved> {
    let period = period_us(rate, FULL);
    // No further ahead than a claim would: what waits longer is reserved when its time is nearer.
    let horizon = u32::try_from(HORIZON_US / period + 1).unwrap_or(u32::MAX);
    let n = horizon.clamp(*n.start(), *n.end());
    let span = i64::from(n) * period;
    let far = FAR_AHEAD_US + 2 * period;
    let (wait, pace): (i64, i64) =
        on!(db.write, |pool, sql| { sqlx::query_as(sql(&RESERVE)).bind(account).bind(span).bind(far).fetch_one(pool).await })?;
    Ok(Reserved { wait: micros(wait), n, period: micros(period_us(rate, pace)) })
}

static RESERVE_DOMAIN: Sql = Sql::new(
    r"INSERT INTO domain_slot (account, domain, tat) VALUES ($1, $2, :now_us + CAST($3 AS BIGINT))
      ON CONFLICT (account, domain) DO UPDATE
      SET tat = CASE WHEN domain_slot.tat > :now_us AND domain_slot.tat <= :now_us + CAST($4 AS BIGINT) THEN domain_slot.tat ELSE :now_us END
                + CAST($3 AS BIGINT)
      RETURNING tat - CAST($3 AS BIGINT) - :now_us",
);

/// The same for one domain of an account's recipients, at `pace` thousandths of its rate: `n` slots at most, and at least one.
pub async fn reserve_domain(db: &Db, domain: (i64, &str), rate: Rate, pace: i64, n: u32) -> Result<Reserved> {
    let period = period_us(rate, pace);
    let n = u32::try_from(HORIZON_US / period + 1).unwrap_or(u32::MAX).clamp(1, n.max(1));
    let (span, far) = (i64::from(n) * period, FAR_AHEAD_US + 2 * period);
    let wait: i64 = on!(db.write, |pool, sql| {
        sqlx::query_scalar(sql(&RESERVE_DOMAIN)).bind(domain.0).bind(domain.1).bind(span).bind(far).fetch_one(pool).await
    })?;
    Ok(Reserved { wait: micros(wait), n, period: micros(period) })
}

pub(super) fn micros(n: i64) -> Duration {
    Duration::from_micros(u64::try_from(n).unwrap_or(0))
}

/// Slots are reserved for half a second ahead.
const HORIZON_US: i64 = 500_000;
/// Reserved this far ahead, with a slot of a slow rate beyond: the database's clock was set back since.
const FAR_AHEAD_US: i64 = 60_000_000;

/// Free slots of a rate, `pace` thousandths of it, within the next half second, and the time of the first, on the database's clock in microseconds.
/// A clock that was set back does not hold the account up until it has caught up again.
pub(super) fn slots(tat: i64, now_us: i64, rate: Rate, pace: i64) -> (i64, i64, i64) {
    let period = period_us(rate, pace);
    let far = now_us + FAR_AHEAD_US + 2 * period;
    let first = if tat > far { now_us } else { tat.max(now_us) };
    let free = if first > now_us + HORIZON_US { 0 } else { (now_us + HORIZON_US - first) / period + 1 };
    (first, free, period)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_never_exceed_half_a_second() {
        let rate = Rate { count: 100, per: Duration::from_secs(1) };
        assert_eq!(slots(0, 1_000_000, rate, FULL), (1_000_000, 50, 10_101));
        assert_eq!(slots(1_400_000, 1_000_000, rate, FULL), (1_400_000, 10, 10_101));
        assert_eq!(slots(1_600_000, 1_000_000, rate, FULL).1, 0);
        assert_eq!(slots(3_600_000_000, 1_000_000, rate, FULL), (1_000_000, 50, 10_101), "the clock was set back by an hour");
        assert_eq!(slots(0, 1_000_000, rate, 500), (1_000_000, 25, 20_202), "at half its pace");
        let slow = Rate { count: 1, per: Duration::from_mins(1) };
        assert_eq!(slots(0, 1_000_000, slow, FULL).1, 1);
    }
}
