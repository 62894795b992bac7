//! `/`: what waits for whoever signed in, what is being sent, and where to begin. While nobody can sign in at all it is the status page.

use axum::{
    Router,
    extract::{self, FromRequestParts as _, Query, Request},
    response::{IntoResponse as _, Response},
    routing::get,
};
use minijinja::{Value, context, value::Serde};
use serde::{Deserialize, Serialize};

use super::{
    Named,
    fault::Fault,
    partner, runs,
    visitor::{Visitor, see_other},
};
use crate::{
    account::trouble,
    notice::{self, Reader as Notices},
    user::{self, Right},
    web::{Shared, State, accounts, card::Card, overview, reader::Reader, status},
};

/// Runs under way on the page.
const UNDER_WAY: usize = 12;
/// Notices on the page; the inbox has all.
const NOTICES: usize = 6;

pub(super) const TEMPLATES: &[Named] = &[("console/home", include_str!("../templates/console/home.html"))];

pub(super) fn routes() -> Router<State> {
    Router::new().route("/", get(show))
}

#[derive(Deserialize)]
struct Switches {
    /// `off`: the status page does not load itself again.
    refresh: Option<String>,
}

async fn show(
    extract::State(State(state)): extract::State<State>,
    Reader(lang): Reader,
    Query(switches): Query<Switches>,
    request: Request,
) -> Result<Response, Response> {
    if !user::any(&state.parts.db).await.map_err(|error| Fault::Db(error).into_response())? {
        return Ok(status::show(&state, lang, switches.refresh.as_deref() != Some("off")).await);
    }
    let (mut parts, _) = request.into_parts();
    let visitor = Visitor::from_request_parts(&mut parts, &State(state.clone())).await?;
    if visitor.is_of_office().is_err() {
        return Ok(see_other(partner::BEGIN));
    }
    page(&state, &visitor).await.map_err(Fault::into_response)
}

/// A notice as the page shows it.
#[derive(Serialize)]
struct Waiting {
    text: String,
    page: String,
    urgent: bool,
}

async fn page(state: &Shared, visitor: &Visitor) -> Result<Response, Fault> {
    let db = &state.parts.db;
    let theirs =
        Notices { user: visitor.user.id, may: &|right| visitor.can(right), sees: &|owner| visitor.user.departments.sees(owner) };
    let all = notice::list(db, &theirs, false).await?;
    let more = all.len().saturating_sub(NOTICES);
    let waiting = all.into_iter().take(NOTICES).map(|notice| Waiting {
        text: notice.text(visitor.lang).to_string(),
        page: notice.page.clone(),
        urgent: notice.urgent,
    });
    let waiting: Vec<_> = waiting.collect();
    let runs = if visitor.can(Right::ReadCampaigns) { under_way(state, visitor).await? } else { Vec::new() };
    let ailing = if visitor.can(Right::ReadAccounts) { ailing(state, visitor).await? } else { Vec::new() };
    let may = context! {
        warn => visitor.can(Right::WriteCampaigns),
        write => visitor.can(Right::WriteCampaigns),
        read => visitor.can(Right::ReadCampaigns),
        approve => visitor.can(Right::Approve),
        import => visitor.can(Right::WriteAudience),
        reach => visitor.can(Right::ReadReach),
        users => visitor.can(Right::ManageUsers),
    };
    let values = context! { waiting => Value::from(Serde(&waiting)), more, runs => Value::from(Serde(&runs)), ailing => Value::from(Serde(&ailing)), may };
    Ok(state.view(visitor, "console/home", values))
}

/// The runs under way of departments that the visitor sees.
async fn under_way(state: &Shared, visitor: &Visitor) -> Result<Vec<Card>, Fault> {
    let mut rows = runs::under_way(state, visitor).await?;
    rows.truncate(UNDER_WAY);
    Ok(overview::views(state, rows).await?.into_iter().map(Card::of).collect())
}

/// An account that does not do what it should.
#[derive(Serialize)]
struct Ailing {
    name: String,
    condition: accounts::Condition,
    troubles: Vec<String>,
}

async fn ailing(state: &Shared, visitor: &Visitor) -> Result<Vec<Ailing>, Fault> {
    let troubles = trouble::present(&state.parts.db).await?;
    let all = accounts::all(&state.parts.accounts, state.parts.clock.ticks(), &troubles, visitor.lang);
    let ails = |view: &accounts::AccountView| view.condition != accounts::Condition::Usable || !view.troubles.is_empty();
    let told = |view: accounts::AccountView| {
        let troubles = if view.troubles.is_empty() { view.why.into_iter().collect() } else { view.troubles };
        Ailing { name: view.name, condition: view.condition, troubles }
    };
    Ok(all.into_iter().filter(ails).map(told).collect())
}
