//! `/runs`: the runs, newest first, by campaign, state, origin and date; page by page.

use axum::{
    extract::{self, Query},
    response::Response,
};
use minijinja::{Value, context, value::Serde};
use serde::Deserialize;

use crate::{
    active::{Origin, RunRow, RunState, run_columns},
    db::{Result, Sql},
    on,
    user::Right,
    web::{
        Shared, State,
        card::Card,
        console::{fault::Fault, visitor::Visitor},
        overview,
    },
};

/// Runs on a page.
const PAGE: usize = 30;
/// Rows read at once where some of them are other departments', and how often at most for one page.
const BATCH: i64 = 200;
const BATCHES: usize = 20;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Filter {
    campaign: String,
    state: String,
    origin: String,
    from: String,
    through: String,
    /// Only runs with a lower number.
    before: Option<i64>,
}

/// The words for a run's standing in a filter, and the rows that they mean: state, and whether it stands still.
const STATES: [(&str, Option<i16>, Option<bool>); 7] = [
    ("fanning_out", Some(RunState::FanningOut as i16), Some(false)),
    ("sending", Some(RunState::Sending as i16), Some(false)),
    ("paused", None, Some(true)),
    ("held", None, Some(true)),
    ("settled", Some(RunState::Settled as i16), None),
    ("aborted", Some(RunState::Aborted as i16), None),
    ("missed", Some(RunState::Missed as i16), None),
];

static LIST: Sql = Sql::new(concat!(
    "SELECT ",
    run_columns!(),
    " FROM run WHERE id < $1 AND campaign = coalesce($2, campaign) AND state = coalesce(CAST($3 AS SMALLINT), state)
         AND (CAST($4 AS SMALLINT) IS NULL OR CASE WHEN state < 2 AND (paused OR held IS NOT NULL) THEN 1 ELSE 0 END = $4)
         AND origin = coalesce(CAST($5 AS SMALLINT), origin) AND date >= $6 AND date <= $7 ORDER BY id DESC LIMIT $8"
));

impl Filter {
    fn given(text: &str) -> Option<&str> {
        Some(text.trim()).filter(|text| !text.is_empty())
    }

    async fn rows(&self, shared: &Shared, before: i64) -> Result<Vec<RunRow>> {
        let standing = STATES.iter().find(|(name, ..)| *name == self.state);
        let halted = standing.and_then(|(_, _, halted)| *halted).map(i16::from);
        let origin = match self.origin.as_str() {
            "schedule" => Some(Origin::Schedule as i16),
            "manual" => Some(Origin::Manual as i16),
            "test" => Some(Origin::Test as i16),
            _ => None,
        };
        on!(shared.parts.db.read, |pool, sql| sqlx::query_as(sql(&LIST))
            .bind(before)
            .bind(Self::given(&self.campaign))
            .bind(standing.and_then(|(_, state, _)| *state))
            .bind(halted)
            .bind(origin)
            .bind(Self::given(&self.from).unwrap_or(""))
            .bind(Self::given(&self.through).unwrap_or("9999"))
            .bind(BATCH)
            .fetch_all(pool)
            .await)
    }

    /// A row of the right state may yet be paused by a person, or held by itself.
    fn fits(&self, row: &RunRow) -> bool {
        match self.state.as_str() {
            "paused" => row.paused,
            "held" => !row.paused,
            _ => true,
        }
    }

    /// The rest of the address of another page of the same list.
    fn address(&self, before: i64) -> String {
        let mut address = form_urlencoded::Serializer::new(String::new());
        let fields = [
            ("campaign", &self.campaign),
            ("state", &self.state),
            ("origin", &self.origin),
            ("from", &self.from),
            ("through", &self.through),
        ];
        for (name, value) in fields.into_iter().filter(|(_, value)| !value.trim().is_empty()) {
            address.append_pair(name, value.trim());
        }
        address.append_pair("before", &before.to_string());
        format!("/runs?{}", address.finish())
    }
}

/// What this visitor sees of it, and whether more follows.
async fn page(shared: &Shared, visitor: &Visitor, filter: &Filter) -> Result<(Vec<RunRow>, bool)> {
    let mut page = Vec::new();
    let mut before = filter.before.unwrap_or(i64::MAX);
    for _ in 0..BATCHES {
        let rows = filter.rows(shared, before).await?;
        let Some(last) = rows.last().map(|row| row.id) else { return Ok((page, false)) };
        let full = i64::try_from(rows.len()).is_ok_and(|n| n == BATCH);
        let heads = shared.titles.of(&shared.parts.db, &rows).await?;
        let sees = |row: &RunRow| heads.get(&row.definition).is_none_or(|head| visitor.user.departments.sees(&head.owner));
        page.extend(rows.into_iter().filter(|row| filter.fits(row) && sees(row)));
        if page.len() > PAGE {
            page.truncate(PAGE);
            return Ok((page, true));
        }
        if !full {
            return Ok((page, false));
        }
        before = last;
    }
    let more = !page.is_empty();
    Ok((page, more))
}

pub(super) async fn show(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Query(filter): Query<Filter>,
) -> std::result::Result<Response, Fault> {
    visitor.needs(Right::ReadCampaigns)?;
    let (rows, more) = page(&state, &visitor, &filter).await?;
    let next = rows.last().filter(|_| more).map(|row| filter.address(row.id));
    let kin: Vec<(i64, Option<i64>, i16)> = rows.iter().map(|row| (row.id, row.parent, row.kin)).collect();
    let runs: Vec<Card> = overview::views(&state, rows).await?.into_iter().map(Card::of).collect();
    let chosen = [&filter.campaign, &filter.state, &filter.origin, &filter.from, &filter.through];
    Ok(state.view(
        &visitor,
        "console/runs/list",
        context! {
            runs => Value::from(Serde(&runs)),
            corrections => kin.iter().filter(|(_, _, kin)| *kin == 2).map(|(id, ..)| *id).collect::<Vec<_>>(),
            retries => kin.iter().filter(|(_, _, kin)| *kin == 1).map(|(id, ..)| *id).collect::<Vec<_>>(),
            states => STATES.iter().map(|(name, ..)| *name).collect::<Vec<_>>(),
            filtered => chosen.iter().any(|value| !value.trim().is_empty()),
            campaign => filter.campaign, chosen_state => filter.state, origin => filter.origin, from => filter.from, through => filter.through,
            next => next, paged => filter.before.is_some(),
        },
    ))
}
