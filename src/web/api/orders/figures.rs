//! Counts that outlets reported, of one kind of outlets at a time: carriers count subscribers, and the others people of their own. Neither is
//! ever added to the other, or to counts of people.

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
    /// Of outlets of this kind. Unless said, that of the outlet that is asked for or asks; else carriers.
    #[param(inline, value_type = Option<TheKinds>)]
    kind: Option<String>,
}

/// What outlets are.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes a parameter")]
enum TheKinds {
    Carrier,
    Agency,
    School,
    Radio,
    Press,
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
    /// Carriers': subscribers, and not people: one person may be several carriers' subscriber.
    Subscribers,
    /// The others': people, as each of them counts its own.
    People,
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
    /// Of which outlets.
    kind: Kind,
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
    /// Subscribers, or people, each once a run, outlet and area, however many rounds and updates.
    subscribers: Option<i64>,
    /// The same as they were targeted, once for each round.
    targeted: Option<i64>,
    /// Sent, once for each round.
    submitted: Option<i64>,
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
        // Who said that it is done and counted nothing reported no zeros.
        let counted = |n| (figures.lines > 0).then_some(n);
        Self {
            orders: figures.orders,
            subscribers: counted(figures.subscribers),
            targeted: counted(figures.targeted),
            submitted: counted(figures.submitted),
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

fn kind(name: Option<&str>) -> Result<Option<Kind>, Problem> {
    let Some(name) = name else { return Ok(None) };
    let words = || phrase!("một trong carrier, agency, school, radio, press", "one of carrier, agency, school, radio, press");
    Kind::named(name).map(Some).ok_or_else(|| Problem::parameter("kind", words()))
}

#[utoipa::path(get, path = "/orders/figures", tag = "orders", operation_id = "count_orders",
    summary = "Số liệu do đơn vị phối hợp báo cáo | What outlets counted",
    description = "Of the reports that count, of one kind of outlets; exercises and tests stay out. Never to be added to each other, or to counts of \
people.",
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
    let named = match &asked.outlet {
        None => None,
        Some(slug) => outlet::by_slug(db, &state.parts.seal, slug).await?,
    };
    // To an outlet there is no other.
    let named = named.filter(|outlet| sight.outlet().is_none_or(|own| own == outlet.id));
    let whose = match (&named, sight.outlet()) {
        (None, Some(own)) => outlet::find(db, &state.parts.seal, own).await?.map(|outlet| outlet.kind),
        (named, _) => named.as_ref().map(|outlet| outlet.kind),
    };
    let kind = kind(asked.kind.as_deref())?.or(whose).unwrap_or(Kind::Carrier);
    // No outlet has this number: there is nothing of one that is not there.
    let outlet = asked.outlet.as_ref().map(|_| named.map_or(0, |outlet| outlet.id));
    let (campaign, kinds) = (asked.campaign, Some(kind));
    let selection = Selection { from: asked.from, through: asked.through, campaign, run, outlet, order: None, kind: kinds };
    let at = moment(state.parts.clock.millis());
    let total = count::figures(db, &selection, Cut::All, sight.eyes()).await?.remove("").unwrap_or_default();
    let split = match by {
        None => BTreeMap::new(),
        Some(cut) => count::figures(db, &selection, cut, sight.eyes()).await?,
    };
    let mut lines = Vec::with_capacity(split.len());
    for (key, figures) in split {
        let (key, name) = called(&state, &sight, by, key).await?;
        lines.push(Line { key, name, counts: figures.into() });
    }
    let unit = if kind == Kind::Carrier { Unit::Subscribers } else { Unit::People };
    Ok(axum::Json(Shown { reported_by: Reporter::Outlet, unit, kind, at, total: total.into(), lines }))
}

/// The key of a line and its name for people.
async fn called(state: &Shared, sight: &Sight<'_>, by: Option<Cut>, key: String) -> Result<(String, String), Problem> {
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
