//! The orders of one's outlet: what is overdue, what is new, what is under way, and what is done.

use axum::{
    extract::{self, Query},
    response::Response,
};
use minijinja::{Value, context};
use serde::Deserialize;

use super::{Own, Partner, page_of};
use crate::{
    outlet::{Kind, Way},
    relay::{
        Eyes, Order, State as Stands, Status, Step,
        order::{self, Filter},
        owed,
    },
    web::{
        State,
        console::{fault::Fault, when::moment},
    },
    words::Lang,
};

/// Orders that are done, on one page.
const DONE: usize = 30;

#[derive(Deserialize)]
pub struct Wanted {
    /// Orders that are done, before this number.
    before: Option<i64>,
}

/// How an order is shown in one word, and in which tone.
pub(super) fn standing(order: &Order, lang: Lang) -> (String, &'static str) {
    if order.is_overdue() {
        return (lang.pick("Quá hạn báo cáo", "Report overdue").to_string(), "bad");
    }
    match order.state {
        // What the office calls approved or handed over is new here until it is answered.
        Stands::Approved => (lang.pick("Mới", "New").to_string(), "amber"),
        Stands::HandedOver => (lang.pick("Đã xem, chưa trả lời", "Seen, not answered").to_string(), "amber"),
        state => {
            let tone = if matches!(state, Stands::Reported | Stands::Closed) { "good" } else { "" };
            (state.label().text(lang).to_string(), tone)
        }
    }
}

fn line(order: &Order, lang: Lang) -> Value {
    let (standing, tone) = standing(order, lang);
    context! {
        page => page_of(order), identifier => &order.identifier, title => &order.content.title, standing, tone,
        step => (order.step != Step::Alert).then(|| order.step.label().text(lang).to_string()),
        status => (order.status != Status::Actual).then(|| order.status.label().text(lang).to_string()),
        warning => order.content.warning, report_by => order.report_by.map(|at| moment(at, lang)),
        expires => moment(order.expires_at, lang), sent => order.sent_at.map(|at| moment(at, lang)),
    }
}

pub async fn show(
    extract::State(State(state)): extract::State<State>,
    Partner { visitor, outlet }: Partner,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Fault> {
    let Some(outlet) = outlet else {
        return Ok(state.view(&visitor, "partner/list", context! { nobody => true }));
    };
    let own = Own { visitor, outlet };
    let (db, lang, now) = (&state.parts.db, own.visitor.lang, state.parts.clock.millis());
    let about = own.outlet(&state).await?;
    let open = if wanted.before.is_none() { owed::of(db, outlet, now).await? } else { Vec::new() };
    let (overdue, rest): (Vec<Order>, Vec<Order>) = open.into_iter().partition(Order::is_overdue);
    let (new, going): (Vec<Order>, Vec<Order>) =
        rest.into_iter().partition(|order| matches!(order.state, Stands::Approved | Stands::HandedOver));
    let mut done = done(db, outlet, wanted.before, now).await?;
    let more = done.len() > DONE;
    done.truncate(DONE);
    let lines = |orders: &[Order]| orders.iter().map(|order| line(order, lang)).collect::<Vec<_>>();
    let values = context! {
        nobody => false, outlet => &about.title, active => about.active, carrier => about.kind == Kind::Carrier,
        by_program => about.way != Way::Hand,
        overdue => lines(&overdue), new => lines(&new), going => lines(&going), done => lines(&done),
        first => wanted.before.is_none(), next => done.last().filter(|_| more).map(|order| format!("/partner/orders?before={}", order.id)),
    };
    Ok(state.view(&own.visitor, "partner/list", values))
}

/// Orders on which nothing is owed, the latest first; one more than a page has, where there are more.
async fn done(db: &crate::db::Db, outlet: i64, before: Option<i64>, now: i64) -> Result<Vec<Order>, Fault> {
    let mut found = Vec::new();
    let mut before = before;
    loop {
        let filter = Filter { before, ..Filter::default() };
        let orders = order::list(db, &filter, Eyes::Outlet(outlet), DONE + 1, now).await?;
        let whole = orders.len() <= DONE;
        before = orders.last().map(|order| order.id);
        found.extend(orders.into_iter().filter(|order| !owed::is_open(order)));
        if whole || found.len() > DONE {
            return Ok(found);
        }
    }
}
