//! How runs went, minute by minute: their tallies at the end of each minute, kept for a year and a half (`crate::retention`).
//!
//! What enters: the clock; tallies are read, never deliveries. What leaves: a [`Beat`] a run and minute, and from these the pace and what
//! was reached when. Several nodes may look at once: they write the same.

use crate::{
    db::{Db, Result, Sql, affected},
    on,
};

/// How long after it settled a run's receipts are still watched minute by minute (milliseconds).
const WATCHED: i64 = 2 * 3_600_000;
const MINUTE: i64 = 60_000;

/// A run at the end of a minute, or now, if the minute is not over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct Beat {
    /// Unix time in minutes.
    pub minute: i64,
    /// Deliveries that a gateway took, or may have.
    pub sent: i64,
    /// Delivered or seen.
    pub reached: i64,
    /// Failed: rejected, undelivered, expired, unknown.
    pub failed: i64,
    /// Not sent yet, on their way to the gateway, or in doubt.
    pub waiting: i64,
    /// Đồng.
    pub price: i64,
}

// States: 3 accepted, 4 enroute, 5 delivered, 6 seen, 7 undelivered, 8 expired, 9 rejected, 10 unknown. A minute in which nothing
// changed has no row.
static TAKE: Sql = Sql::new(
    r"WITH present AS (
        SELECT t.run, CAST(sum(CASE WHEN t.state IN (3, 4, 5, 6, 7, 8, 10) THEN t.n ELSE 0 END) AS BIGINT) AS sent,
               CAST(sum(CASE WHEN t.state IN (5, 6) THEN t.n ELSE 0 END) AS BIGINT) AS reached,
               CAST(sum(CASE WHEN t.state IN (7, 8, 9, 10) THEN t.n ELSE 0 END) AS BIGINT) AS failed,
               CAST(sum(CASE WHEN t.state IN (0, 1, 2) THEN t.n ELSE 0 END) AS BIGINT) AS waiting, CAST(sum(t.price) AS BIGINT) AS price
        FROM tally t WHERE t.run IN (SELECT id FROM run WHERE settled_at IS NULL UNION ALL SELECT id FROM run WHERE settled_at > $2)
        GROUP BY t.run
      )
      INSERT INTO pulse (run, minute, sent, reached, failed, waiting, price)
      SELECT run, $1, sent, reached, failed, waiting, price FROM present n
      WHERE NOT EXISTS (SELECT 1 FROM pulse p WHERE p.run = n.run AND p.minute = (SELECT max(l.minute) FROM pulse l WHERE l.run = n.run)
                        AND p.sent = n.sent AND p.reached = n.reached AND p.failed = n.failed AND p.waiting = n.waiting
                        AND p.price = n.price)
      ON CONFLICT (run, minute) DO UPDATE
      SET sent = excluded.sent, reached = excluded.reached, failed = excluded.failed, waiting = excluded.waiting, price = excluded.price",
);

static OF: Sql = Sql::new(
    r"SELECT minute, sent, reached, failed, waiting, price FROM pulse WHERE run = $1 AND minute >= $2 ORDER BY minute LIMIT $3",
);

static LATEST: Sql =
    Sql::new(r"SELECT minute, sent, reached, failed, waiting, price FROM pulse WHERE run = $1 ORDER BY minute DESC LIMIT $2");

static FIRST: Sql = Sql::new(r"SELECT min(minute) FROM pulse WHERE run = $1 AND sent > 0");

static LAST: Sql = Sql::new(
    r"SELECT min(minute) FROM pulse WHERE run = $1 AND sent = (SELECT max(sent) FROM pulse WHERE run = $1 AND sent > 0)",
);

/// Notes how every run under way, or settled lately, stands.
pub async fn take(db: &Db, now: i64) -> Result<u64> {
    on!(db.write, |pool, sql| sqlx::query(sql(&TAKE))
        .bind(now.div_euclid(MINUTE))
        .bind(now - WATCHED)
        .execute(pool)
        .await
        .map(affected))
}

/// A run's minutes from one on, at most so many.
pub async fn of(db: &Db, run: i64, from: i64, most: i64) -> Result<Vec<Beat>> {
    on!(db.read, |pool, sql| sqlx::query_as(sql(&OF)).bind(run).bind(from).bind(most).fetch_all(pool).await)
}

/// A run's latest minutes, at most so many, in their order.
pub async fn latest(db: &Db, run: i64, most: i64) -> Result<Vec<Beat>> {
    let mut beats: Vec<Beat> = on!(db.read, |pool, sql| sqlx::query_as(sql(&LATEST)).bind(run).bind(most).fetch_all(pool).await)?;
    beats.reverse();
    Ok(beats)
}

/// The minutes (unix time) in which the first and the last message of a run were sent; none: none was.
pub async fn span(db: &Db, run: i64) -> Result<Option<(i64, i64)>> {
    let first: Option<i64> = on!(db.read, |pool, sql| sqlx::query_scalar(sql(&FIRST)).bind(run).fetch_one(pool).await)?;
    let last: Option<i64> = on!(db.read, |pool, sql| sqlx::query_scalar(sql(&LAST)).bind(run).fetch_one(pool).await)?;
    Ok(first.zip(last))
}

/// How a run stood so many minutes after its first one; the last that is known, if that time has not come.
pub fn after(beats: &[Beat], minutes: i64) -> Option<Beat> {
    let first = beats.iter().find(|beat| beat.sent > 0)?.minute;
    beats.iter().take_while(|beat| beat.minute <= first + minutes).last().copied()
}

/// Messages that left in each minute: what `sent` grew by, failures apart that no gateway took. From the first minute in which one
/// left to the last; a minute in between that has no beat sent none.
pub fn pace(beats: &[Beat]) -> Vec<(i64, i64)> {
    let mut before = 0;
    let grown = beats.iter().map(|beat| {
        let more = (beat.sent - before).max(0);
        before = before.max(beat.sent);
        (beat.minute, more)
    });
    let grown: Vec<(i64, i64)> = grown.filter(|(_, more)| *more > 0).collect();
    let (Some((first, _)), Some((last, _))) = (grown.first(), grown.last()) else { return Vec::new() };
    let mut pace: Vec<(i64, i64)> = (*first..=*last).map(|minute| (minute, 0)).collect();
    for (minute, more) in &grown {
        if let Some(slot) = usize::try_from(minute - first).ok().and_then(|at| pace.get_mut(at)) {
            slot.1 = *more;
        }
    }
    pace
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn beat(minute: i64, sent: i64, reached: i64) -> Beat {
        Beat { minute, sent, reached, failed: 0, waiting: 0, price: 0 }
    }

    #[test]
    fn minutes_count_from_the_first_message() {
        let beats = [beat(7, 0, 0), beat(8, 100, 10), beat(10, 300, 200), beat(13, 300, 290), beat(14, 300, 300)];
        assert_eq!(after(&beats, 5).map(|beat| beat.reached), Some(290));
        assert_eq!(after(&beats, 0).map(|beat| beat.reached), Some(10));
        assert_eq!(after(&beats, 60).map(|beat| beat.reached), Some(300));
        assert_eq!(after(&beats[..1], 5), None);
        assert_eq!(pace(&beats), [(8, 100), (9, 0), (10, 200)]);
        assert_eq!(pace(&beats[..1]), []);
    }
}
