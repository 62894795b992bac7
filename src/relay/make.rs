//! Makes orders: one for each outlet of a run, in the transaction that makes the run, so that neither is there without the other, and
//! exactly once, because run, outlet and serial are a key.

use serde_json::json;

use super::{
    By, Content, Order, State, Status, Step,
    content::digest,
    order::{event, said},
};
use crate::{
    audit,
    db::{Result, Sql, Tx},
    outlet::Outlet,
    within,
};

/// A run whose orders are to be made.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// Its number.
    pub run: i64,
    /// Its campaign's slug.
    pub campaign: &'a str,
    /// Its campaign's department.
    pub owner: &'a str,
}

/// The row of an order to be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    pub run: Run<'a>,
    pub outlet: i64,
    pub slug: &'a str,
    pub step: Step,
    pub serial: i16,
    pub earlier: Option<i64>,
    pub state: State,
    pub content: &'a Content,
    pub note: &'a str,
}

impl<'a> Row<'a> {
    /// One to the same outlet, of the same run.
    pub(super) fn of(earlier: &'a Order, content: &'a Content) -> Self {
        Self {
            run: Run { run: earlier.run, campaign: &earlier.campaign, owner: &earlier.owner },
            outlet: earlier.outlet,
            slug: &earlier.outlet_slug,
            step: Step::Alert,
            serial: earlier.serial,
            earlier: None,
            state: State::Approved,
            content,
            note: "",
        }
    }
}

/// What CAP documents call an order: its run, its outlet, the second in which it was made (a database that was begun anew counts its
/// runs from one again), and what follows it counted on.
fn identifier(row: &Row<'_>, now: i64) -> String {
    let first = format!("loa-{}-{}-{:x}", row.run.run, row.slug, now.div_euclid(1_000));
    if row.serial == 0 { first } else { format!("{first}.{}", row.serial) }
}

static INSERT: Sql = Sql::new(
    r"INSERT INTO relay_order (run, outlet, serial, campaign, owner, step, earlier, status, identifier, state, version, content, hash,
                               note, made_by, made_user, made_at, sent_at, expires_at, report_by)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, $11, $12, $13, $14, $15, $16, $17, $18, $19)
      ON CONFLICT (run, outlet, serial) DO NOTHING RETURNING id",
);

/// Makes one order. None: there is one already.
pub(super) async fn insert(tx: &mut Tx, row: &Row<'_>, by: &By<'_>) -> Result<Option<i64>> {
    let (content, now) = (row.content.json(), by.now);
    let id: Option<i64> = within!(tx, |c, sql| sqlx::query_scalar(sql(&INSERT))
        .bind(row.run.run)
        .bind(row.outlet)
        .bind(row.serial)
        .bind(row.run.campaign)
        .bind(row.run.owner)
        .bind(row.step as i16)
        .bind(row.earlier)
        .bind(row.content.status as i16)
        .bind(identifier(row, now))
        .bind(row.state as i16)
        .bind(&content)
        .bind(digest(&content))
        .bind(said(row.note))
        .bind(said(&by.actor.name))
        .bind(by.actor.user)
        .bind(now)
        .bind((row.state == State::Approved).then_some(now - now.rem_euclid(1_000)))
        .bind(row.content.expires_at)
        .bind(row.content.report_by)
        .fetch_optional(c)
        .await)?;
    if let Some(id) = id {
        event(tx, id, if row.step == Step::Alert { "make" } else { row.step.name() }, row.state, by, row.note).await?;
    }
    Ok(id)
}

/// Makes the orders of a run in the transaction that makes it: one for each outlet and what it is asked. What was approved with the
/// campaign is approved (`approved`). The numbers of those that are new; asked again, none.
pub async fn orders(tx: &mut Tx, run: &Run<'_>, asked: &[(Outlet, Content)], approved: bool, by: &By<'_>) -> Result<Vec<i64>> {
    let mut made = Vec::with_capacity(asked.len());
    for (outlet, content) in asked {
        let row = Row {
            run: *run,
            outlet: outlet.id,
            slug: &outlet.slug,
            step: Step::Alert,
            serial: 0,
            earlier: None,
            state: if approved { State::Approved } else { State::Drafted },
            content,
            note: "",
        };
        made.extend(insert(tx, &row, by).await?);
    }
    if !made.is_empty() {
        let status = asked.first().map_or(Status::Actual, |(_, content)| content.status);
        let after = json!({ "run": run.run, "orders": made.len(), "status": status.name() });
        audit::record(tx, by.actor, "order.make", run.campaign, None, Some(&after), by.now).await?;
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::super::content::sample;
    use super::*;

    #[test]
    fn an_identifier_is_its_own_whatever_the_slugs() {
        let content = sample();
        let of = |slug, serial, run| {
            let run = Run { run, campaign: "c", owner: "" };
            let row = Row {
                run,
                outlet: 1,
                slug,
                step: Step::Alert,
                serial,
                earlier: None,
                state: State::Approved,
                content: &content,
                note: "",
            };
            identifier(&row, 1_793_000_000_999)
        };
        assert_eq!(of("viettel", 0, 17), "loa-17-viettel-6adf0240");
        assert_eq!(of("viettel", 1, 17), "loa-17-viettel-6adf0240.1");
        assert_ne!(of("viettel-1", 0, 17), of("viettel", 1, 17));
        assert!(!of("a-b", 2, 3).contains([' ', ',', '<', '&']));
    }
}
