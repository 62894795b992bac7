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
/// The same, and one more that tells whether another page follows.
const AND_ONE: i64 = 31;

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

/// Why a run that is not over stands still: not at all, by a person, by itself.
const GOES: Option<i16> = Some(0);
const PAUSED: Option<i16> = Some(1);
const HELD: Option<i16> = Some(2);

/// The words for a run's standing in a filter, and the rows that they mean: state, and why it stands still.
const STATES: [(&str, Option<i16>, Option<i16>); 7] = [
    ("fanning_out", Some(RunState::FanningOut as i16), GOES),
    ("sending", Some(RunState::Sending as i16), GOES),
    ("paused", None, PAUSED),
    ("held", None, HELD),
    ("settled", Some(RunState::Settled as i16), None),
    ("aborted", Some(RunState::Aborted as i16), None),
    ("missed", Some(RunState::Missed as i16), None),
];

static LIST: Sql = Sql::new(concat!(
    "SELECT ",
    run_columns!(),
    " FROM run WHERE id < $1 AND campaign = coalesce($2, campaign) AND state = coalesce(CAST($3 AS SMALLINT), state)
         AND (CAST($4 AS SMALLINT) IS NULL
              OR CASE WHEN state >= 2 THEN 0 WHEN paused THEN 1 WHEN held IS NOT NULL THEN 2 ELSE 0 END = CAST($4 AS SMALLINT))
         AND origin = coalesce(CAST($5 AS SMALLINT), origin) AND date >= $6 AND date <= $7
         AND (CAST($8 AS SMALLINT) = 1 OR definition IN (SELECT hash FROM :rows($9; hash TEXT) AS seen))
       ORDER BY id DESC LIMIT $10"
));

impl Filter {
    fn given(text: &str) -> Option<&str> {
        Some(text.trim()).filter(|text| !text.is_empty())
    }

    /// Of the runs that this visitor sees: a page, and one more where another follows.
    async fn rows(&self, shared: &Shared, visitor: &Visitor) -> Result<Vec<RunRow>> {
        // No name and no day has a NUL, and not every database takes one.
        if [&self.campaign, &self.from, &self.through].iter().any(|text| text.contains('\0')) {
            return Ok(Vec::new());
        }
        let (db, departments) = (&shared.parts.db, &visitor.user.departments);
        let everything = departments.is_everything();
        let seen = if everything { "[]".into() } else { shared.titles.seen_by(db, departments).await? };
        let standing = STATES.iter().find(|(name, ..)| *name == self.state);
        let halted = standing.and_then(|(_, _, halted)| *halted);
        let origin = match self.origin.as_str() {
            "schedule" => Some(Origin::Schedule as i16),
            "manual" => Some(Origin::Manual as i16),
            "test" => Some(Origin::Test as i16),
            _ => None,
        };
        on!(db.read, |pool, sql| sqlx::query_as(sql(&LIST))
            .bind(self.before.unwrap_or(i64::MAX))
            .bind(Self::given(&self.campaign))
            .bind(standing.and_then(|(_, state, _)| *state))
            .bind(halted)
            .bind(origin)
            .bind(Self::given(&self.from).unwrap_or(""))
            .bind(Self::given(&self.through).unwrap_or("9999"))
            .bind(i16::from(everything))
            .bind(&seen)
            .bind(AND_ONE)
            .fetch_all(pool)
            .await)
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

pub(super) async fn show(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Query(filter): Query<Filter>,
) -> std::result::Result<Response, Fault> {
    visitor.needs(Right::ReadCampaigns)?;
    let mut rows = filter.rows(&state, &visitor).await?;
    let more = rows.len() > PAGE;
    rows.truncate(PAGE);
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
