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
    extract::{DefaultBodyLimit, FromRequestParts, Path},
    http::request::Parts,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::Deserialize;

use super::{
    Named,
    fault::Fault,
    orders,
    visitor::{Visitor, see_other},
};
use crate::{
    outlet::{self, Outlet},
    relay::{By, Eyes, Order, Refusal, order},
    user::Right,
    web::{Shared, State},
    words::Phrase,
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
        .layer(DefaultBodyLimit::max(orders::LARGEST))
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
    /// Their eyes: their outlet's orders, and no others.
    const fn eyes(&self) -> Eyes<'static> {
        Eyes::Outlet(self.outlet)
    }

    /// Who does something with an order.
    fn by(&self, state: &Shared) -> By<'_> {
        By { actor: &self.visitor.actor, eyes: self.eyes(), now: state.parts.clock.millis() }
    }

    /// Their outlet.
    async fn outlet(&self, state: &Shared) -> Result<Outlet, Fault> {
        outlet::find(&state.parts.db, &state.parts.seal, self.outlet).await?.ok_or(Fault::NotFound)
    }
}

/// Somebody who acts for an outlet, and the order of it that the address names.
pub(super) struct Asked {
    pub own: Own,
    pub order: Order,
}

/// The same, once they have the order: what it says is shown and answered from then on.
pub(super) struct Had(pub Asked);

/// What of an address names the order.
#[derive(Deserialize)]
struct Identified {
    identifier: String,
}

impl FromRequestParts<State> for Asked {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Response> {
        let own = Own::from_request_parts(parts, state).await?;
        let path = Path::<Identified>::from_request_parts(parts, state).await;
        let Path(Identified { identifier }) = path.map_err(IntoResponse::into_response)?;
        let (db, now) = (&state.0.parts.db, state.0.parts.clock.millis());
        let found = order::by_identifier(db, &identifier, own.eyes(), now).await;
        let order = found.map_err(|error| Fault::Db(error).into_response())?;
        Ok(Self { order: order.ok_or_else(|| Fault::NotFound.into_response())?, own })
    }
}

impl FromRequestParts<State> for Had {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Response> {
        let asked = Asked::from_request_parts(parts, state).await?;
        if asked.order.handed_at.is_none() {
            return Err(orders::refused(Refusal::NotHandedOver).into_response());
        }
        Ok(Self(asked))
    }
}

impl Asked {
    /// It is done: back to the order's page, which says so.
    async fn done(&self, words: &Phrase) -> Result<Response, Fault> {
        self.own.visitor.flash(words).await?;
        Ok(see_other(&page_of(&self.order)))
    }
}

/// The page of an order.
fn page_of(order: &Order) -> String {
    format!("{BEGIN}/{}", order.identifier)
}
