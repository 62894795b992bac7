//! The orders of a run or a campaign, for their pages; and `/runs/{id}/orders`: which outlets of a run have not confirmed.

use axum::{
    extract::{self, Path, Query},
    response::Response,
};
use minijinja::{Value, context};
use serde::Deserialize;

use super::list::line;
use crate::{
    campaign::Campaign,
    outlet::Kind,
    relay::{
        Eyes, ask,
        count::{self, Cut, Figures, Progress, Selection},
        waiting::{self, Of},
    },
    user::Right,
    web::{
        Shared, State,
        console::{fault::Fault, visitor::Visitor},
    },
    words::Lang,
};

/// Outlets on a page.
const PAGE: i64 = 100;

/// How far the outlets of a kind are.
fn progress(kind: Kind, of: Progress, lang: Lang) -> Value {
    let share = if of.asked > 0 { of.reported * 100 / of.asked } else { 0 };
    context! {
        kind => kind.name(), label => kind.label().text(lang), asked => of.asked, taken => of.taken, reported => of.reported,
        refused => of.refused, overdue => of.overdue, share,
        // Every school, every agency: that is what such orders are for.
        everybody => matches!(kind, Kind::School | Kind::Agency),
    }
}

/// What outlets reported, for a page; of what nobody counts, nothing.
fn figures(of: Figures) -> Value {
    context! {
        orders => of.orders, counted => of.lines > 0, subscribers => of.subscribers, targeted => of.targeted, submitted => of.submitted, delivered => of.delivered,
        failed => of.failed, pending => of.pending, parts => of.parts, cost => of.cost,
    }
}

/// The orders of a campaign or a run, as their pages show them; none: there are none, or the visitor does not read orders.
pub(in crate::web::console) async fn told(state: &Shared, visitor: &Visitor, of: Of<'_>) -> Result<Option<Value>, Fault> {
    if !visitor.can(Right::ReadOrders) {
        return Ok(None);
    }
    let (db, lang, eyes) = (&state.parts.db, visitor.lang, Eyes::Office(&visitor.user.departments));
    let Some(status) = waiting::status(db, of, eyes).await? else { return Ok(None) };
    let (campaign, run) = match of {
        Of::Run(run) => (None, Some(run)),
        Of::Campaign(campaign) => (Some(campaign), None),
    };
    let progressed = count::progress(db, campaign, run, eyes).await?;
    let kinds: Vec<Value> = progressed
        .into_iter()
        .filter_map(|(number, of)| Kind::from_number(number).map(|kind| progress(kind, of, lang)))
        .collect();
    let selection = Selection { campaign: campaign.map(str::to_string), run, ..Selection::default() };
    let mut counted = count::figures(db, &selection, Cut::Kind, eyes).await?;
    let carriers = counted.remove(Kind::Carrier.name());
    let others = counted
        .into_iter()
        .filter_map(|(name, of)| Kind::named(&name).map(|kind| context! { label => kind.label().text(lang), ..figures(of) }));
    let href = match of {
        Of::Run(run) => format!("/orders?run={run}"),
        Of::Campaign(campaign) => format!("/orders?campaign={campaign}"),
    };
    Ok(Some(context! {
        kinds, carriers => carriers.map(figures), others => others.collect::<Vec<_>>(), href, confirmed => run.map(|run| format!("/runs/{run}/orders")),
        status => (!status.counts()).then(|| status.phrase().text(lang).to_string()),
    }))
}

/// Outlets that a page names; of more it says how many.
const NAMED: usize = 12;

/// Whom a run of a campaign would ask, for whoever decides about it: how many of each kind, which, and which names are none; none: nobody.
pub(in crate::web::console) async fn foreseen(state: &Shared, campaign: &Campaign, lang: Lang) -> Result<Option<Value>, Fault> {
    let Some(whom) = ask::foreseen(&state.parts.db, campaign).await? else { return Ok(None) };
    let kinds = Kind::ALL.into_iter().filter_map(|kind| {
        let of: Vec<&str> =
            whom.asked.iter().filter(|(outlet, _)| outlet.kind == kind).map(|(outlet, _)| outlet.title.as_str()).collect();
        (!of.is_empty()).then(|| {
            let names = of.iter().take(NAMED).copied().collect::<Vec<_>>().join("; ");
            context! { label => kind.label().text(lang), count => of.len(), names, more => of.len().saturating_sub(NAMED) }
        })
    });
    let kinds: Vec<Value> = kinds.collect();
    Ok(Some(context! { count => whom.asked.len(), kinds, missing => whom.missing }))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    /// A kind of outlets.
    kind: String,
    /// Only orders with a higher number.
    after: i64,
}

pub(super) async fn show(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(run): Path<i64>,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    visitor.needs(Right::ReadOrders)?;
    let (db, now, lang) = (&state.parts.db, state.parts.clock.millis(), visitor.lang);
    let eyes = Eyes::Office(&visitor.user.departments);
    // The orders of a run are of its department: who sees none of them does not learn that there are any.
    let Some(relayed) = told(&state, &visitor, Of::Run(run)).await? else { return Err(Fault::NotFound) };
    let kind = Kind::named(&asked.kind);
    let mut missing = waiting::unconfirmed(db, run, kind, asked.after, eyes, PAGE + 1, now).await?;
    let page = usize::try_from(PAGE).unwrap_or(usize::MAX);
    let more = missing.len() > page;
    missing.truncate(page);
    let address = |after: i64| format!("/runs/{run}/orders?kind={}&after={after}", kind.map_or("", Kind::name));
    let next = missing.last().filter(|_| more).map(|last| address(last.id));
    let kinds: Vec<Value> = std::iter::once(context! { value => "", label => lang.pick("Tất cả", "All") })
        .chain(Kind::ALL.into_iter().map(|kind| context! { value => kind.name(), label => kind.label().text(lang) }))
        .collect();
    let values = context! {
        run, relayed, missing => missing.iter().map(|order| line(order, lang)).collect::<Vec<_>>(), next, kinds,
        kind => kind.map_or("", Kind::name), paged => asked.after > 0, first => format!("/runs/{run}/orders?kind={}", kind.map_or("", Kind::name)),
    };
    Ok(state.view(&visitor, "orders/run", values))
}
