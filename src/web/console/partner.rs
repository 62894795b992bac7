//! `/partner`: the console of those who pass texts on. They see the orders of their own outlet and nothing else of the office.
//!
//! What enters: requests of users who act for an outlet ([`Own`]). What leaves: what is asked of it ([`list`], [`show`]), the files of an
//! order ([`files`]), and what was answered, done and counted, which the relay judges and records. Looking at a list hands nothing over: whoever
//! opens an order says so by a button, since from then on the office knows that they have it. What can go wrong: it does not fit the
//! order's state, and the page says why; another outlet's order is none.

mod confirm;
mod files;
mod list;
mod report;
mod show;

use axum::{
    Router,
    extract::{DefaultBodyLimit, FromRequestParts},
    http::request::Parts,
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use minijinja::{Value, context};

use super::{
    Named,
    fault::Fault,
    orders::{self, typed::Wrong},
    visitor::Visitor,
};
use crate::{
    outlet::{self, Outlet},
    relay::{By, Eyes, Order, order, paper},
    user::Right,
    web::{Shared, State},
    words::Lang,
};

pub(super) const TEMPLATES: &[Named] = &[
    ("partner/list", include_str!("../templates/console/partner/list.html")),
    ("partner/show", include_str!("../templates/console/partner/show.html")),
    ("partner/confirm", include_str!("../templates/console/partner/confirm.html")),
    ("partner/report", include_str!("../templates/console/partner/report.html")),
    ("partner/parts", include_str!("../templates/console/partner/parts.html")),
];

/// Where somebody begins who acts for an outlet and does nothing else.
pub(super) const BEGIN: &str = "/partner/orders";

/// The largest form with evidence in it.
const LARGEST: usize = paper::MAX_BYTES + 512 * 1024;

pub(super) fn routes() -> Router<State> {
    Router::new()
        .route("/partner/orders", get(list::show))
        .route("/partner/orders/{identifier}", get(show::show))
        .route("/partner/orders/{identifier}/open", post(show::open))
        .route("/partner/orders/{identifier}/acknowledge", post(show::acknowledge))
        .route("/partner/orders/{identifier}/refuse", post(show::refuse))
        .route("/partner/orders/{identifier}/begin", post(show::begin))
        .route("/partner/orders/{identifier}/files/{name}", get(files::file))
        .route("/partner/orders/{identifier}/papers/{hash}", get(files::paper))
}

/// Evidence comes up, perhaps over a slow line.
pub(super) fn slow_routes() -> Router<State> {
    Router::new()
        .route("/partner/orders/{identifier}/confirm", post(confirm::take))
        .route("/partner/orders/{identifier}/report", get(report::ask).post(report::take))
        .route("/partner/orders/{identifier}/report/table", post(report::bring))
        .layer(DefaultBodyLimit::max(LARGEST))
}

/// Somebody who may answer orders, and the outlet that they act for; none: they were given none, or it was removed. Asked before anything
/// of a form is taken.
pub(super) struct Partner {
    pub visitor: Visitor,
    pub outlet: Option<i64>,
}

impl FromRequestParts<State> for Partner {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Response> {
        let visitor = Visitor::from_request_parts(parts, state).await?;
        visitor.needs(Right::AnswerOrders).map_err(Fault::into_response)?;
        let outlet = outlet::user_outlet(&state.0.parts.db, visitor.user.id).await;
        Ok(Self { outlet: outlet.map_err(|error| Fault::Db(error).into_response())?, visitor })
    }
}

/// The same with an outlet: without one there are no orders.
pub(super) struct Own {
    pub visitor: Visitor,
    pub outlet: i64,
}

impl FromRequestParts<State> for Own {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Response> {
        let Partner { visitor, outlet } = Partner::from_request_parts(parts, state).await?;
        Ok(Self { outlet: outlet.ok_or_else(|| Fault::NotFound.into_response())?, visitor })
    }
}

impl Own {
    /// An order of theirs.
    async fn order(&self, state: &Shared, identifier: &str) -> Result<Order, Fault> {
        let now = state.parts.clock.millis();
        let found = order::by_identifier(&state.parts.db, identifier, Eyes::Outlet(self.outlet), now).await?;
        found.ok_or(Fault::NotFound)
    }

    /// The same, once they have it: what it says is shown and answered from then on.
    async fn had(&self, state: &Shared, identifier: &str) -> Result<Order, Fault> {
        let order = self.order(state, identifier).await?;
        if order.handed_at.is_some() { Ok(order) } else { Err(orders::refused(crate::relay::Refusal::NotHandedOver)) }
    }

    /// Who does something with an order.
    fn by(&self, state: &Shared) -> By<'_> {
        By { actor: &self.visitor.actor, eyes: Eyes::Outlet(self.outlet), now: state.parts.clock.millis() }
    }

    /// Their outlet.
    async fn outlet(&self, state: &Shared) -> Result<Outlet, Fault> {
        outlet::find(&state.parts.db, &state.parts.seal, self.outlet).await?.ok_or(Fault::NotFound)
    }
}

/// The page of an order.
fn page_of(order: &Order) -> String {
    format!("{BEGIN}/{}", order.identifier)
}

/// The errors of a form for the summary above it and beside its fields.
fn errors(wrong: &Wrong, lang: Lang) -> (Vec<Value>, Value) {
    let text = |words: &crate::words::Phrase| words.capital().text(lang).to_string();
    let list = wrong.iter().map(|(field, words)| context! { field, text => text(words) }).collect();
    // The first word on a field stands beside it.
    let first = wrong.iter().rev().map(|(field, words)| (field.clone(), text(words)));
    (list, Value::from(first.collect::<std::collections::BTreeMap<_, _>>()))
}
