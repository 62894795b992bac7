//! Relay orders: what outlets are asked to pass on, what they answered, and what they counted.
//!
//! What enters: requests of the office's tokens and of outlets' (a user with the right `answer_orders`, who acts for one outlet). What
//! leaves: orders as they stand ([`told`]), to whoever sees them ([`sight`]), the documents that outlets take ([`feed`]), answers taken down
//! ([`answers`]), reports judged ([`reports`]) and papers kept ([`papers`]), what the office does with its orders ([`office`]), and figures
//! ([`figures`]). What can go wrong: another outlet's order is no order at all (404), its state does not allow it (409), or what was sent
//! does not add up (422).
//!
//! [`partner_routes`] and [`slow_routes`] are what outlets need. The Internet's side serves these and nothing else, and to tokens that
//! lend `answer_orders` alone ([`partners_only`]).

mod answers;
mod feed;
mod figures;
mod held;
mod office;
mod papers;
mod reports;
mod sight;
mod told;

use axum::{
    extract::{self, Request},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    answer::{List, versioned},
    caller::Caller,
    input::{Paging, Query},
    problem::{Kind, Problem},
};
use crate::{
    outlet, phrase,
    relay::{
        self,
        order::{self, Filter},
    },
    user::Right,
    web::State,
};
use sight::{Sight, ToRead};
use told::{Happened, Told};

pub(super) use feed::{PATH as FEED, challenge};

/// What an outlet's program needs.
pub(super) fn partner_routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .merge(feed::routes())
        .merge(answers::routes())
        .routes(routes!(read))
        .routes(routes!(events))
        .merge(reports::routes())
        .merge(papers::routes())
}

/// The same of what may be large: reports and papers.
pub(super) fn slow_routes() -> OpenApiRouter<State> {
    reports::slow_routes().merge(papers::slow_routes())
}

/// What the office's programs need besides.
pub(super) fn office_routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().merge(office::routes()).merge(figures::routes())
}

/// Around what outlets need on the Internet's side: only their tokens open it. One that could do more has no business there, and its
/// holder is told so before it is used again.
pub(super) async fn partners_only(request: Request, next: Next) -> Response {
    let more = request.extensions().get::<Caller>().is_some_and(|caller| {
        let mut rights = caller.user.rights.iter();
        rights.any(|right| right != Right::AnswerOrders)
    });
    if more {
        let words = phrase!(
            "phía Internet chỉ nhận token có duy nhất quyền `answer_orders`",
            "the Internet's side takes tokens that lend `answer_orders` alone"
        );
        return Problem::new(Kind::Forbidden, words).into_response();
    }
    next.run(request).await
}

/// An order's name.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "describes a parameter")]
struct Named {
    /// Its name in CAP.
    #[param(example = "loa-17-viettel-6adf0240")]
    identifier: String,
}

/// Which orders.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Which {
    /// Of this campaign.
    #[param(pattern = "^[^\\u0000]*$")]
    campaign: Option<String>,
    /// Of this run.
    #[param(minimum = 1)]
    run: Option<i64>,
    /// Of this outlet.
    #[param(pattern = "^[^\\u0000]*$")]
    outlet: Option<String>,
    /// In this state.
    #[param(inline, value_type = Option<relay::State>)]
    state: Option<String>,
    /// Those alone whose final report is late.
    overdue: Option<bool>,
    /// Only those of a lower number: the `next` of the answer before leads there.
    #[param(minimum = 1)]
    before: Option<i64>,
    /// At most so many.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<i64>,
}

impl Which {
    /// The list's address with what narrows it.
    fn path(&self) -> String {
        let run = self.run.map(|run| run.to_string());
        let told = [
            ("campaign", self.campaign.as_deref()),
            ("run", run.as_deref()),
            ("outlet", self.outlet.as_deref()),
            ("state", self.state.as_deref()),
            ("overdue", self.overdue.map(|overdue| if overdue { "true" } else { "false" })),
        ];
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(told.into_iter().filter_map(|(name, value)| Some((name, value?))));
        let query = query.finish();
        if query.is_empty() { "/api/v1/orders".to_string() } else { format!("/api/v1/orders?{query}") }
    }
}

/// The run of a parameter.
fn run_of(run: Option<i64>) -> Result<Option<i64>, Problem> {
    match run {
        Some(..1) => Err(Problem::parameter("run", phrase!("là một số từ 1", "a number from 1"))),
        other => Ok(other),
    }
}

/// The state of a parameter.
fn state_of(name: Option<&str>) -> Result<Option<relay::State>, Problem> {
    let Some(name) = name else { return Ok(None) };
    let known = || relay::State::ALL.map(relay::State::name).join(", ");
    let wrong = || {
        let known = known();
        Problem::parameter("state", phrase!("một trong {known}", "one of {known}"))
    };
    relay::State::named(name).map(Some).ok_or_else(wrong)
}

#[utoipa::path(get, path = "/orders", tag = "orders", operation_id = "list_orders",
    summary = "Danh sách yêu cầu | The orders",
    description = "The latest first: for the office, those of its departments; for an outlet, its own, once they may go out.", params(Which),
    responses((status = 200, description = "A page of orders", body = List<Told>)))]
async fn list(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Query(which): Query<Which>,
) -> Result<List<Told>, Problem> {
    let sight = Sight::of(&state, &caller, Right::ReadOrders).await?;
    let (before, limit) = Paging { before: which.before, limit: which.limit }.window()?;
    let (db, now) = (&state.parts.db, state.parts.clock.millis());
    let (run, standing) = (run_of(which.run)?, state_of(which.state.as_deref())?);
    let outlet = match &which.outlet {
        None => None,
        Some(slug) => match outlet::by_slug(db, &state.parts.seal, slug).await? {
            Some(outlet) => Some(outlet.id),
            None => return Ok(List::whole(Vec::new())),
        },
    };
    let filter = Filter {
        campaign: which.campaign.clone(),
        run,
        outlet,
        state: standing,
        overdue: which.overdue.unwrap_or_default(),
        before: Some(before),
    };
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut told = Vec::new();
    for order in order::list(db, &filter, sight.eyes(), most, now).await? {
        told.push(sight.tell(&state, order).await?);
    }
    Ok(List::page(told, limit, &which.path(), |order| order.id))
}

#[utoipa::path(get, path = "/orders/{identifier}", tag = "orders", operation_id = "read_order",
    summary = "Một yêu cầu | One order", description = "Looking at it hands nothing over: fetching its document does.", params(Named),
    responses((status = 200, description = "As it stands", body = Told, headers(("ETag" = String, description = "Its version")))))]
async fn read(ToRead(at): ToRead, extract::State(State(state)): extract::State<State>) -> Result<Response, Problem> {
    let version = at.order.version.to_string();
    let told = at.sight().tell(&state, at.order.clone()).await?;
    Ok(versioned(axum::Json(told).into_response(), &version))
}

#[utoipa::path(get, path = "/orders/{identifier}/events", tag = "orders", operation_id = "list_order_events",
    summary = "Diễn biến của một yêu cầu | What happened to an order", params(Named),
    responses((status = 200, description = "All of it, the first first", body = List<Happened>)))]
async fn events(ToRead(at): ToRead, extract::State(State(state)): extract::State<State>) -> Result<List<Happened>, Problem> {
    let events = order::events(&state.parts.db, at.order.id).await?;
    Ok(List::whole(events.into_iter().filter_map(|event| at.sight().tell_event(event)).collect()))
}
