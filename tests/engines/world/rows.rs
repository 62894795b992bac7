//! What stands on the rows of deliveries, and what must hold for it.

use loa::{
    delivery::{self, State, Why},
    on, tally,
};

use super::World;

/// What stands on a delivery's row.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Row {
    pub id: i64,
    pub run: i64,
    pub address: Option<i64>,
    pub segments: i64,
    pub owner: i64,
    pub account: i64,
    pub price: i64,
    pub next_at: Option<i64>,
    pub message: i16,
    pub state: i16,
    pub reason: i16,
    pub attempt: i16,
    pub tries: i16,
    pub doubts: i16,
    pub parts: i16,
}

impl Row {
    pub fn state(&self) -> State {
        State::from_number(self.state)
    }
    pub fn why(&self) -> Why {
        Why::from_number(self.reason)
    }
    pub fn recipient(&self) -> i64 {
        delivery::recipient_of(self.id)
    }
    pub fn channel(&self) -> i16 {
        delivery::channel_of(self.id)
    }
}

/// What holds for a row in each state.
fn is_legal(row: &Row) -> bool {
    let owned = row.owner != 0 && row.account != 0 && row.attempt > 0;
    let sane = row.parts >= 0 && row.price >= 0 && row.doubts >= 0 && row.attempt >= 1 && row.tries >= 0;
    sane && match row.state() {
        State::Pending => row.owner == 0 && row.next_at.is_some() && (row.account == 0 || row.doubts > 0),
        State::Submitting => owned,
        State::InDoubt => row.owner == 0 && row.account != 0 && row.next_at.is_some() && row.doubts > 0,
        State::Accepted | State::Enroute => row.owner == 0,
        State::Skipped => row.owner == 0 && row.next_at.is_none() && row.reason != 0,
        State::Lapsed | State::Cancelled => row.owner == 0 && row.next_at.is_none() && row.account == 0,
        _ => row.owner == 0 && row.next_at.is_none(),
    }
}

impl World {
    pub async fn rows(&self, run: i64) -> Vec<Row> {
        on!(self.db.read, |pool, _sql| sqlx::query_as(
            "SELECT id, run, address, segments, owner, account, price, next_at, message, state, reason, attempt, tries, doubts, parts
             FROM delivery WHERE run = $1 ORDER BY id"
        )
        .bind(run)
        .fetch_all(pool)
        .await)
        .unwrap()
    }

    pub async fn row(&self, run: i64, recipient: i64, channel: i16) -> Row {
        let rows = self.rows(run).await;
        rows.into_iter().find(|r| r.recipient() == recipient && r.channel() == channel).expect("the delivery exists")
    }

    /// Each delivery of the run: person, channel, state.
    pub async fn states(&self, run: i64) -> Vec<(i64, i16, State)> {
        self.rows(run).await.iter().map(|r| (r.recipient(), r.channel(), r.state())).collect()
    }

    /// Every tally agrees with its rows, and every row with itself.
    pub async fn check(&self) {
        assert_eq!(tally::differences(&self.db).await.unwrap(), []);
        let unbilled = "SELECT count(*) FROM (SELECT route FROM (SELECT route, parts, price FROM billed
                          UNION ALL SELECT route, -parts, -price FROM delivery) AS both_sides
                        GROUP BY route HAVING sum(parts) <> 0 OR sum(price) <> 0) AS differing";
        assert_eq!(self.number(unbilled).await, 0, "what is billed by day is what the rows cost");
        let runs: Vec<i64> =
            on!(self.db.read, |pool, _sql| sqlx::query_scalar("SELECT id FROM run ORDER BY id").fetch_all(pool).await).unwrap();
        for run in runs {
            for row in self.rows(run).await {
                assert!(is_legal(&row), "{row:?}");
            }
        }
        let strays = "SELECT count(*) FROM attempt a LEFT JOIN delivery d ON d.id = a.delivery
                      WHERE d.id IS NULL OR a.attempt > d.attempt";
        assert_eq!(self.number(strays).await, 0, "attempts that never were");
        let hidden = "SELECT count(*) FROM attempt a JOIN delivery d ON d.id = a.delivery
                      WHERE a.state = 2 AND a.attempt < d.attempt AND d.state IN (9, 11, 12, 13)";
        assert_eq!(self.number(hidden).await, 0, "what was in doubt ends as not sent");
    }
}
