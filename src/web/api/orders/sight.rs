//! Whose eyes a caller has for orders, and what they see of one. Somebody of the office sees their departments' orders; an outlet's user
//! those of that outlet alone, and nothing of what the office keeps to itself.

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use serde::Deserialize;

use super::told::{Happened, Told};
use crate::{
    outlet, phrase,
    relay::{By, Event, Eyes, Order, Refusal, Tried, order},
    user::Right,
    web::{
        Shared, State,
        api::{
            caller::Caller,
            problem::{Kind, Problem},
        },
    },
};

/// A caller, and whose eyes they have.
#[derive(Debug, Clone, Copy)]
pub struct Sight<'c> {
    caller: &'c Caller,
    /// The outlet that they act for; none: they are of the office.
    outlet: Option<i64>,
}

impl<'c> Sight<'c> {
    /// Of somebody of the office who has this right, or of an outlet's user.
    pub async fn of(state: &Shared, caller: &'c Caller, office: Right) -> Result<Self, Problem> {
        match caller.needs(office) {
            Ok(()) => Ok(Self { caller, outlet: None }),
            Err(problem) if !caller.user.can(Right::AnswerOrders) => Err(problem),
            Err(_) => Self::partner(state, caller).await,
        }
    }

    /// Of an outlet's user.
    pub async fn partner(state: &Shared, caller: &'c Caller) -> Result<Self, Problem> {
        caller.needs(Right::AnswerOrders)?;
        let words = phrase!(
            "người dùng của token này chưa được gắn với đơn vị phối hợp nào",
            "the user of this token acts for no outlet"
        );
        let outlet = outlet::user_outlet(&state.parts.db, caller.user.id).await?;
        let outlet = outlet.ok_or_else(|| Problem::new(Kind::Forbidden, words))?;
        Ok(Self { caller, outlet: Some(outlet) })
    }

    /// Of somebody of the office alone.
    pub fn office(caller: &'c Caller, right: Right) -> Result<Self, Problem> {
        caller.needs(right)?;
        Ok(Self { caller, outlet: None })
    }

    /// The outlet that they act for; none: they are of the office.
    pub const fn outlet(&self) -> Option<i64> {
        self.outlet
    }

    /// What they see.
    pub const fn eyes(&self) -> Eyes<'c> {
        match self.outlet {
            Some(outlet) => Eyes::Outlet(outlet),
            None => Eyes::Office(&self.caller.user.departments),
        }
    }

    /// Who does it, with whose eyes, now.
    pub fn by(&self, state: &Shared) -> By<'c> {
        By { actor: &self.caller.actor, eyes: self.eyes(), now: state.parts.clock.millis() }
    }

    /// The order of this name; what they do not see is not there.
    pub async fn order(&self, state: &Shared, identifier: &str) -> Result<Order, Problem> {
        let now = state.parts.clock.millis();
        let found = order::by_identifier(&state.parts.db, identifier, self.eyes(), now).await?;
        found.ok_or_else(Problem::not_found)
    }

    /// As the API tells it.
    pub async fn tell(&self, state: &Shared, order: Order) -> Result<Told, Problem> {
        let (db, now) = (&state.parts.db, state.parts.clock.millis());
        let earlier = match order.earlier {
            Some(earlier) => order::one(db, earlier, self.eyes(), now).await?.map(|one| one.identifier),
            None => None,
        };
        let told = Told::of(order, earlier);
        Ok(if self.outlet.is_some() { told.for_outlets() } else { told })
    }

    /// What happened to an order; none: they are not told of it.
    pub fn tell_event(&self, event: Event) -> Option<Happened> {
        let told = Happened::of(event)?;
        if self.outlet.is_some() { told.for_outlets() } else { Some(told) }
    }

    /// What came of something that was tried with an order: it as it stands now.
    pub async fn done(&self, state: &Shared, tried: Tried<Order>) -> Result<axum::Json<Told>, Problem> {
        Ok(axum::Json(self.tell(state, tried??).await?))
    }
}

/// A caller, and an order that they see: the one that the address names, looked for before the body is read.
pub struct Addressed {
    pub caller: Caller,
    outlet: Option<i64>,
    pub order: Order,
}

/// Whoever may read the order: the office, or its outlet.
pub struct ToRead(pub Addressed);

/// Whoever may answer it and report on it: its outlet, or the office, which types in what the outlet said otherwise.
pub struct ToAnswer(pub Addressed);

/// Whoever may do with it what the office does.
pub struct ToWrite(pub Addressed);

impl Addressed {
    async fn find(parts: &mut Parts, web: &State, office: Right, outlets: bool) -> Result<Self, Problem> {
        let (caller, state) = (Caller::from_request_parts(parts, web).await?, &web.0);
        let sight = if outlets { Sight::of(state, &caller, office).await? } else { Sight::office(&caller, office)? };
        let path = Path::<Identified>::from_request_parts(parts, web).await;
        let Path(Identified { identifier }) = path.map_err(|_| Problem::not_found())?;
        if identifier.contains('\0') {
            return Err(Problem::not_found());
        }
        let (order, outlet) = (sight.order(state, &identifier).await?, sight.outlet);
        Ok(Self { caller, outlet, order })
    }

    /// Their eyes.
    pub const fn sight(&self) -> Sight<'_> {
        Sight { caller: &self.caller, outlet: self.outlet }
    }

    /// Who does it, with whose eyes, now.
    pub fn by(&self, state: &Shared) -> By<'_> {
        self.sight().by(state)
    }

    /// What came of it: the order as it stands now.
    pub async fn done(&self, state: &Shared, tried: Tried<Order>) -> Result<axum::Json<Told>, Problem> {
        self.sight().done(state, tried).await
    }
}

/// What of an address names the order.
#[derive(Deserialize)]
struct Identified {
    identifier: String,
}

impl FromRequestParts<State> for ToRead {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Problem> {
        Addressed::find(parts, state, Right::ReadOrders, true).await.map(Self)
    }
}

impl FromRequestParts<State> for ToAnswer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Problem> {
        Addressed::find(parts, state, Right::WriteOrders, true).await.map(Self)
    }
}

impl FromRequestParts<State> for ToWrite {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Problem> {
        Addressed::find(parts, state, Right::WriteOrders, false).await.map(Self)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NoSuchOrder => Self::not_found(),
            Refusal::NoReason => Self::field("/why", refusal.words()),
            Refusal::OwnWriting | Refusal::WritingOfTheApprover => Self::new(Kind::Forbidden, refusal.words()),
            other => Self::conflict(other.words()),
        }
    }
}
