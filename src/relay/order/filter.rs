//! Orders in a list: which ones, and page by page.

use super::{Order, Row, orders};
use crate::{
    db::{Db, Result, Sql},
    on,
    relay::{Eyes, State},
};

/// Orders that one page of a list holds at most.
const PAGE: i64 = 200;

/// Which orders a list shows. What is none restricts nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this campaign.
    pub campaign: Option<String>,
    /// Of this run.
    pub run: Option<i64>,
    /// Of this outlet.
    pub outlet: Option<i64>,
    /// In this state.
    pub state: Option<State>,
    /// Whose report is late.
    pub overdue: bool,
    /// Those before this number.
    pub before: Option<i64>,
}

/// A page of a list; what `$first` says first is found by an index of its own.
macro_rules! sifted {
    ($first:expr) => {
        orders!(concat!(
            "WHERE ",
            $first,
            " o.id < coalesce($1, 9223372036854775807) AND o.campaign = coalesce($2, o.campaign) AND o.run = coalesce($3, o.run)
              AND o.outlet = coalesce($4, o.outlet) AND o.state = coalesce($5, o.state) AND (NOT $6 OR o.overdue_since IS NOT NULL)
              ORDER BY o.id DESC LIMIT $7"
        ))
    };
}

static LIST: Sql = Sql::new(sifted!(""));
static LIST_OF_RUN: Sql = Sql::new(sifted!("o.run = $3 AND"));
static LIST_OF_OUTLET: Sql = Sql::new(sifted!("o.outlet = $4 AND"));
static LIST_OF_CAMPAIGN: Sql = Sql::new(sifted!("o.campaign = $2 AND"));
static LIST_LATE: Sql = Sql::new(sifted!("o.id IN (SELECT l.id FROM relay_order l WHERE l.overdue_since IS NOT NULL) AND"));
static LIST_IN_STATE: Sql = Sql::new(sifted!("o.state = $5 AND"));

impl Filter {
    /// The statement of the page whose index leaves the fewest to look at; `outlet`: whose alone.
    fn statement(&self, outlet: Option<i64>) -> &'static Sql {
        match (self.run, outlet, &self.campaign, self.overdue, self.state) {
            (Some(_), ..) => &LIST_OF_RUN,
            (_, Some(_), ..) => &LIST_OF_OUTLET,
            (_, _, Some(_), ..) => &LIST_OF_CAMPAIGN,
            (.., true, _) => &LIST_LATE,
            (.., Some(_)) => &LIST_IN_STATE,
            _ => &LIST,
        }
    }
}

/// The orders of a list that those eyes see, the latest first; at most `most` of them. What they do not see is passed over.
pub async fn list(db: &Db, filter: &Filter, eyes: Eyes<'_>, most: usize, now: i64) -> Result<Vec<Order>> {
    let mut found = Vec::new();
    let mut before = filter.before;
    let outlet = match eyes {
        // Another's are not even looked at.
        Eyes::Outlet(own) if filter.outlet.is_some_and(|wanted| wanted != own) => return Ok(found),
        Eyes::Outlet(own) => Some(own),
        _ => filter.outlet,
    };
    if filter.campaign.as_ref().is_some_and(|campaign| campaign.contains('\0')) {
        return Ok(found);
    }
    let page = filter.statement(outlet);
    loop {
        let rows: Vec<Row> = on!(db.read, |pool, sql| sqlx::query_as(sql(page))
            .bind(before)
            .bind(&filter.campaign)
            .bind(filter.run)
            .bind(outlet)
            .bind(filter.state.map(|state| state as i16))
            .bind(filter.overdue)
            .bind(PAGE)
            .fetch_all(pool)
            .await)?;
        let whole = rows.len() < usize::try_from(PAGE).unwrap_or(usize::MAX);
        for row in rows {
            let order = row.order()?;
            before = Some(order.id);
            if eyes.see(&order, now) {
                found.push(order);
                if found.len() >= most {
                    return Ok(found);
                }
            }
        }
        if whole {
            return Ok(found);
        }
    }
}
