//! What somebody of the office should see to, put together by run or by outlet: thousands of schools that owe a report are one thing to do.

use crate::{
    db::{Db, Result, Sql},
    on,
    relay::Content,
};

/// A server that took nothing for so long needs somebody (milliseconds).
const FAILING: i64 = 10 * 60_000;
/// What a program should have fetched by now (milliseconds).
const UNFETCHED: i64 = 3_600_000;

/// Why somebody should look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// Reports of a run's orders are late.
    Overdue,
    /// Outlets of a run refused.
    Refused,
    /// Outlets of a run are to be handed their orders by a person.
    ToHand,
    /// An outlet's server does not take its orders.
    Unpushed,
    /// An outlet's program does not fetch its orders.
    Unfetched,
    /// An order is written and waits to be approved.
    Drafted,
}

/// Orders that want the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matter {
    /// Why.
    pub cause: Cause,
    /// The run; of [`Cause::Unpushed`] and [`Cause::Unfetched`] the outlet; of [`Cause::Drafted`] the order.
    pub key: i64,
    /// Their department.
    pub owner: String,
    /// How many they are.
    pub orders: i64,
    /// The first of their outlets, for people.
    pub outlet: String,
    /// The same outlet's name in files.
    pub slug: String,
    /// What the first of them is about.
    pub title: String,
    /// What the first of them is called in CAP.
    pub identifier: String,
    /// Whether one of them is a warning.
    pub urgent: bool,
    /// What the outlet's server said.
    pub said: String,
    /// How many may have got there all the same. A first try that is under way is no doubt yet.
    pub doubts: i64,
}

#[derive(sqlx::FromRow)]
struct Row {
    key: i64,
    orders: i64,
    first: i64,
    warnings: i64,
    doubts: i64,
}

#[derive(sqlx::FromRow)]
struct First {
    owner: String,
    title: String,
    slug: String,
    content: String,
    identifier: String,
    said: String,
}

/// Orders, grouped by what stands in `$key`: how many, the first, how many are warnings, which the engines tell by other words, and how
/// many may have been taken.
macro_rules! matters {
    ($key:expr, $rest:expr) => {
        concat!(
            "SELECT ",
            $key,
            " AS key, count(*) AS orders, min(o.id) AS first,
                    count(CASE WHEN CAST(:text(o.content, 'warning') AS TEXT) IN ('true', '1') THEN 1 END) AS warnings,
                    count(CASE WHEN p.doubted OR p.doubt AND p.last <> '' THEN 1 END) AS doubts
             FROM relay_order o JOIN outlet t ON t.id = o.outlet LEFT JOIN run r ON r.id = o.run
             LEFT JOIN relay_push p ON p.relay_order = o.id
             WHERE ",
            $rest,
            " GROUP BY ",
            $key,
            ", o.owner ORDER BY ",
            $key,
            ", o.owner LIMIT 200"
        )
    };
}

// The signs keep SQLite from walking all orders in the order of the groups, instead of the few that matter. No stopped run holds its
// Cancels (step 2) back.
static OVERDUE: Sql = Sql::new(matters!("+o.run", "o.overdue_since <= $1"));
static REFUSED: Sql = Sql::new(matters!("+o.run", "o.state = 4 AND o.made_at <= $1"));
static TO_HAND: Sql = Sql::new(matters!(
    "+o.run",
    "o.state = 1 AND t.way = 2 AND o.expires_at > $1 AND (o.step = 2 OR NOT coalesce(r.paused OR r.state = 3, false))"
));
static UNPUSHED: Sql = Sql::new(matters!(
    "+o.outlet",
    "o.state = 1 AND t.way = 0 AND o.expires_at > $1 AND (p.rejected OR p.began_at <= $2)
       AND (o.step = 2 OR NOT coalesce(r.paused OR r.state = 3, false))"
));
static UNFETCHED_NOW: Sql = Sql::new(matters!(
    "+o.outlet",
    "o.state = 1 AND t.way = 1 AND o.expires_at > $1 AND o.sent_at <= $2
       AND (o.step = 2 OR NOT coalesce(r.paused OR r.state = 3, false))"
));
static DRAFTED: Sql = Sql::new(matters!("+o.id", "o.state = 0 AND o.expires_at > $1"));

static FIRST: Sql = Sql::new(
    r"SELECT o.owner, t.title, t.slug, o.content, o.identifier, coalesce(p.last, '') AS said
      FROM relay_order o JOIN outlet t ON t.id = o.outlet LEFT JOIN relay_push p ON p.relay_order = o.id WHERE o.id = $1",
);

/// All that stands now.
pub async fn matters(db: &Db, now: i64) -> Result<Vec<Matter>> {
    let causes = [
        (Cause::Overdue, &OVERDUE, None),
        (Cause::Refused, &REFUSED, None),
        (Cause::ToHand, &TO_HAND, None),
        (Cause::Unpushed, &UNPUSHED, Some(now - FAILING)),
        (Cause::Unfetched, &UNFETCHED_NOW, Some(now - UNFETCHED)),
        (Cause::Drafted, &DRAFTED, None),
    ];
    let mut found = Vec::new();
    for (cause, statement, before) in causes {
        let rows: Vec<Row> = on!(db.read, |pool, sql| {
            let query = sqlx::query_as(sql(statement)).bind(now);
            match before {
                Some(before) => query.bind(before).fetch_all(pool).await,
                None => query.fetch_all(pool).await,
            }
        })?;
        for Row { key, orders, first, warnings, doubts } in rows {
            let one: Option<First> =
                on!(db.read, |pool, sql| sqlx::query_as(sql(&FIRST)).bind(first).fetch_optional(pool).await)?;
            let Some(First { owner, title, slug, content, identifier, said }) = one else { continue };
            let content = Content::parse(&content)?;
            found.push(Matter {
                cause,
                key,
                owner,
                orders,
                outlet: title,
                slug,
                title: content.title,
                identifier,
                urgent: warnings > 0,
                said,
                doubts,
            });
        }
    }
    Ok(found)
}
