//! Counts that outlets reported. They are in subscribers, and never added to counts of people.

use std::collections::BTreeMap;

use axum::extract;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{run_of, sight::Sight};
use crate::{
    audience::place::Places,
    outlet::{self, Kind},
    phrase,
    relay::{
        count::{self, Cut, Figures, Progress, Selection},
        order,
    },
    user::Right,
    web::{
        Shared, State,
        api::{
            answer::{List, moment},
            caller::Caller,
            input::Query,
            problem::Problem,
        },
    },
};

pub(super) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(figures)).routes(routes!(progress))
}

/// Of what.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Asked {
    /// Split by this.
    #[param(inline, value_type = Option<TheCuts>)]
    by: Option<String>,
    /// Orders of runs for this day or later ones: an order counts where its run does.
    from: Option<NaiveDate>,
    /// Orders of runs for this day or earlier ones.
    through: Option<NaiveDate>,
    /// Of this campaign.
    #[param(pattern = "^[^\\u0000]*$")]
    campaign: Option<String>,
    /// Of this run.
    #[param(minimum = 1)]
    run: Option<i64>,
    /// Of this outlet.
    #[param(pattern = "^[^\\u0000]*$")]
    outlet: Option<String>,
}

/// By what figures are split.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes a parameter")]
enum TheCuts {
    Order,
    Outlet,
    Area,
    Round,
}

/// Who counted.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Reporter {
    /// The outlets themselves: nobody else has counted.
    Outlet,
}

/// In what.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Unit {
    /// Subscribers, and not people: one person may be several carriers' subscriber.
    Subscribers,
}

/// Counts of orders, as outlets reported them. They are never added to counts of people.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderFigures)]
struct Shown {
    /// Who counted.
    #[schema(inline)]
    reported_by: Reporter,
    /// In what.
    #[schema(inline)]
    unit: Unit,
    /// When they were read.
    at: DateTime<Utc>,
    /// All of it.
    total: Counts,
    /// The same, line by line.
    lines: Vec<Line>,
}

/// Counts: what no outlet counts is null.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderCounts)]
struct Counts {
    /// Orders that were reported on.
    orders: i64,
    /// Subscribers, each once a run, outlet and area, however many rounds and updates.
    subscribers: i64,
    /// Subscribers targeted, once for each round.
    targeted: i64,
    /// Sent, once for each round.
    submitted: i64,
    /// Arrived.
    delivered: Option<i64>,
    /// Did not arrive.
    failed: Option<i64>,
    /// Not known yet.
    pending: Option<i64>,
    /// Converted messages.
    parts: Option<i64>,
    /// Đồng.
    cost: Option<i64>,
}

impl From<Figures> for Counts {
    fn from(figures: Figures) -> Self {
        Self {
            orders: figures.orders,
            subscribers: figures.subscribers,
            targeted: figures.targeted,
            submitted: figures.submitted,
            delivered: figures.delivered,
            failed: figures.failed,
            pending: figures.pending,
            parts: figures.parts,
            cost: figures.cost,
        }
    }
}

/// One line.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderFiguresLine)]
struct Line {
    /// An order's identifier, an outlet's or a place's code, or a round's number.
    key: String,
    /// What people read.
    name: String,
    /// Its counts.
    counts: Counts,
}

fn cut(name: Option<&str>) -> Result<Option<Cut>, Problem> {
    Ok(Some(match name {
        None => return Ok(None),
        Some("order") => Cut::Order,
        Some("outlet") => Cut::Outlet,
        Some("area") => Cut::Area,
        Some("round") => Cut::Round,
        Some(_) => {
            let words = phrase!("một trong order, outlet, area, round", "one of order, outlet, area, round");
            return Err(Problem::parameter("by", words));
        }
    }))
}

#[utoipa::path(get, path = "/orders/figures", tag = "orders", operation_id = "count_orders",
    summary = "Số liệu do đơn vị phối hợp báo cáo | What outlets counted",
    description = "Of the reports that count; exercises and tests stay out. In subscribers: never to be added to counts of people.",
    params(Asked),
    responses((status = 200, description = "The figures", body = Shown), (status = 422, description = "The last day is before the first")))]
async fn figures(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Query(asked): Query<Asked>,
) -> Result<axum::Json<Shown>, Problem> {
    let sight = Sight::of(&state, &caller, Right::ReadOrders).await?;
    let (by, run) = (cut(asked.by.as_deref())?, run_of(asked.run)?);
    if asked.from.zip(asked.through).is_some_and(|(from, through)| through < from) {
        return Err(Problem::at_odds("through", phrase!("ngày cuối đứng trước ngày đầu", "the last day is before the first")));
    }
    let db = &state.parts.db;
    let outlet = match &asked.outlet {
        None => None,
        // No outlet has this number: there is nothing of one that is not there.
        Some(slug) => Some(outlet::by_slug(db, &state.parts.seal, slug).await?.map_or(0, |outlet| outlet.id)),
    };
    let selection = Selection { from: asked.from, through: asked.through, campaign: asked.campaign, run, outlet, order: None };
    let at = moment(state.parts.clock.millis());
    let total = count::figures(db, &selection, Cut::All, sight.eyes()).await?.remove("").unwrap_or_default();
    let split = match by {
        None => BTreeMap::new(),
        Some(cut) => count::figures(db, &selection, cut, sight.eyes()).await?,
    };
    let mut lines = Vec::with_capacity(split.len());
    for (key, figures) in split {
        let (key, name) = named(&state, &sight, by, key).await?;
        lines.push(Line { key, name, counts: figures.into() });
    }
    Ok(axum::Json(Shown { reported_by: Reporter::Outlet, unit: Unit::Subscribers, at, total: total.into(), lines }))
}

/// The key of a line and its name for people.
async fn named(state: &Shared, sight: &Sight<'_>, by: Option<Cut>, key: String) -> Result<(String, String), Problem> {
    let (db, seal) = (&state.parts.db, &state.parts.seal);
    Ok(match by {
        Some(Cut::Order) => {
            let id = key.parse().unwrap_or_default();
            match order::one(db, id, sight.eyes(), state.parts.clock.millis()).await? {
                Some(order) => (order.identifier, order.content.title),
                None => (key.clone(), key),
            }
        }
        Some(Cut::Outlet) => {
            let title = outlet::by_slug(db, seal, &key).await?.map(|outlet| outlet.title);
            (key.clone(), title.unwrap_or(key))
        }
        Some(Cut::Area) => {
            let name = Places::built_in().full_name(&key);
            (key.clone(), name.unwrap_or(key))
        }
        _ => (key.clone(), key),
    })
}

/// How far the orders of a kind of outlets are.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderProgress)]
struct Far {
    /// `carrier`, `agency`, `school`, `radio` or `press`.
    kind: Kind,
    /// Outlets that have an order; exercises and tests stay out.
    asked: i64,
    /// That took it, or more.
    taken: i64,
    /// That reported at last: for schools and agencies, that it is done.
    reported: i64,
    /// That refused.
    refused: i64,
    /// Whose report is late.
    overdue: i64,
}

/// Of what.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Whose {
    /// Of this campaign.
    #[param(pattern = "^[^\\u0000]*$")]
    campaign: Option<String>,
    /// Of this run.
    #[param(minimum = 1)]
    run: Option<i64>,
}

#[utoipa::path(get, path = "/orders/progress", tag = "orders", operation_id = "read_order_progress",
    summary = "Tiến độ thực hiện | How far outlets are",
    description = "By their kinds: who has not confirmed yet is the difference.", params(Whose),
    responses((status = 200, description = "Of each kind that was asked", body = List<Far>)))]
async fn progress(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Query(whose): Query<Whose>,
) -> Result<List<Far>, Problem> {
    let sight = Sight::of(&state, &caller, Right::ReadOrders).await?;
    let kinds = count::progress(&state.parts.db, whose.campaign.as_deref(), run_of(whose.run)?, sight.eyes()).await?;
    let far = kinds.into_iter().filter_map(|(kind, Progress { asked, taken, reported, refused, overdue })| {
        Some(Far { kind: Kind::from_number(kind)?, asked, taken, reported, refused, overdue })
    });
    Ok(List::whole(far.collect()))
}
