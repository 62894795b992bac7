//! The order that an address names, in the eyes of whoever asks for it; looked for before anything of a form is taken.

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use super::page_of;
use crate::{
    relay::{By, Eyes, Order, order},
    user::Right,
    web::{
        Shared, State,
        console::{
            fault::Fault,
            visitor::{Visitor, see_other},
        },
    },
    words::Phrase,
};

/// Somebody of the office, and an order that they see.
pub(super) struct Seen {
    pub visitor: Visitor,
    pub order: Order,
}

/// The same, who may write orders.
pub(super) struct Writer(pub Seen);

/// What of an address names the order.
#[derive(Deserialize)]
struct Named {
    identifier: String,
}

impl FromRequestParts<State> for Seen {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Response> {
        let visitor = Visitor::from_request_parts(parts, state).await?;
        visitor.needs(Right::ReadOrders).map_err(Fault::into_response)?;
        let path = Path::<Named>::from_request_parts(parts, state).await;
        let Path(Named { identifier }) = path.map_err(IntoResponse::into_response)?;
        let (db, now) = (&state.0.parts.db, state.0.parts.clock.millis());
        let found = order::by_identifier(db, &identifier, Eyes::Office(&visitor.user.departments), now).await;
        let order = found.map_err(|error| Fault::Db(error).into_response())?;
        Ok(Self { order: order.ok_or_else(|| Fault::NotFound.into_response())?, visitor })
    }
}

impl FromRequestParts<State> for Writer {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Response> {
        let seen = Seen::from_request_parts(parts, state).await?;
        seen.visitor.needs(Right::WriteOrders).map_err(Fault::into_response)?;
        Ok(Self(seen))
    }
}

impl Seen {
    pub fn eyes(&self) -> Eyes<'_> {
        Eyes::Office(&self.visitor.user.departments)
    }

    /// Who does something with the order.
    pub fn by(&self, state: &Shared) -> By<'_> {
        By { actor: &self.visitor.actor, eyes: self.eyes(), now: state.parts.clock.millis() }
    }

    /// It is done: back to the order's page, which says so.
    pub async fn done(&self, words: &Phrase) -> Result<Response, Fault> {
        self.visitor.flash(words).await?;
        Ok(see_other(&page_of(&self.order)))
    }
}
