//! `/metrics`, as Prometheus reads it: what the process counted, and what the database holds at this moment.
//!
//! Every question to the database reads tallies or the head of a partial index: a scrape costs the same at a million
//! deliveries as at ten. A database that does not answer costs the gauges, not the counters; `loa_database_up` says so.

use std::{collections::BTreeMap, fmt::Write as _};

use axum::{
    Router, extract,
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
    routing::get,
};
use providers::Channel;
use serde::Serialize;

use super::{
    Shared, State,
    accounts::{self, Condition},
};
use crate::{
    account::trouble::Cause,
    active::RunState,
    db::{Result, Sql},
    delivery, on,
    words::Lang,
};

pub(super) fn routes() -> Router<State> {
    Router::new().route("/metrics", get(scrape))
}

async fn scrape(extract::State(State(state)): extract::State<State>) -> Response {
    let mut out = Exposition(state.measures.render());
    process(&mut out, &state);
    account_gauges(&mut out, &state);
    let stored = Stored::read(&state).await;
    out.gauge("loa_database_up", "Whether the database answers", [(&[][..], u8::from(stored.is_ok()).into())]);
    match stored {
        Ok(stored) => stored.write(&mut out, state.parts.clock.millis()),
        Err(error) => tracing::warn!(%error, "a scrape could not ask the database"),
    }
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], out.0).into_response()
}

static DELIVERIES: Sql = Sql::new(r"SELECT channel, state, CAST(sum(n) AS BIGINT) FROM tally GROUP BY channel, state");

static RUNS: Sql = Sql::new(r"SELECT state, count(*) FROM run GROUP BY state");

static STILL: Sql = Sql::new(
    r"SELECT CAST(coalesce(sum(CASE WHEN paused THEN 1 ELSE 0 END), 0) AS BIGINT),
             CAST(coalesce(sum(CASE WHEN held IS NOT NULL THEN 1 ELSE 0 END), 0) AS BIGINT)
      FROM run WHERE settled_at IS NULL",
);

static WAITING: Sql = Sql::new(
    r"SELECT (SELECT count(*) FROM receipt WHERE status = 0),
             (SELECT received_at FROM receipt WHERE status = 0 ORDER BY id LIMIT 1)",
);

static NEXT: Sql = Sql::new(
    r"SELECT v.warning, min((SELECT min(d.next_at) FROM delivery d WHERE d.state = 0 AND d.run = v.run AND d.route = v.route))
      FROM :rows($1; run BIGINT, route SMALLINT, warning SMALLINT) AS v GROUP BY v.warning",
);

/// What the database holds. Times are unix milliseconds.
struct Stored {
    deliveries: BTreeMap<(i16, i16), i64>,
    runs: BTreeMap<i16, i64>,
    paused: i64,
    held: i64,
    unmatched: i64,
    oldest_unmatched: Option<i64>,
    /// By kind (0 awareness, 1 warning): since when the longest waiting delivery of an open run may be sent.
    due: BTreeMap<i16, i64>,
}

impl Stored {
    async fn read(state: &Shared) -> Result<Self> {
        let db = &state.parts.db;
        let deliveries: Vec<(i16, i16, i64)> = on!(db.read, |pool, sql| sqlx::query_as(sql(&DELIVERIES)).fetch_all(pool).await)?;
        let runs: Vec<(i16, i64)> = on!(db.read, |pool, sql| sqlx::query_as(sql(&RUNS)).fetch_all(pool).await)?;
        let (paused, held): (i64, i64) = on!(db.read, |pool, sql| sqlx::query_as(sql(&STILL)).fetch_one(pool).await)?;
        let (unmatched, oldest_unmatched): (i64, Option<i64>) =
            on!(db.read, |pool, sql| sqlx::query_as(sql(&WAITING)).fetch_one(pool).await)?;
        let routes = crate::db::list(&open_routes(state));
        let due: Vec<(i16, Option<i64>)> =
            on!(db.read, |pool, sql| sqlx::query_as(sql(&NEXT)).bind(&routes).fetch_all(pool).await)?;
        Ok(Self {
            deliveries: deliveries.into_iter().map(|(channel, state, n)| ((channel, state), n)).collect(),
            runs: runs.into_iter().collect(),
            paused,
            held,
            unmatched,
            oldest_unmatched,
            due: due.into_iter().filter_map(|(kind, at)| Some((kind, at?))).collect(),
        })
    }

    fn write(&self, out: &mut Exposition, now: i64) {
        let states = Channel::ALL.into_iter().flat_map(|channel| delivery::State::ALL.map(|state| (channel, state)));
        let deliveries: Vec<_> = states
            .map(|(channel, state)| {
                let n = self.deliveries.get(&(channel as i16, state.number())).copied().unwrap_or(0);
                ([("channel", channel.name()), ("state", state.name())], n)
            })
            .collect();
        out.gauge("loa_deliveries", "Deliveries by channel and state", deliveries.iter().map(|(l, n)| (&l[..], *n)));
        let runs: Vec<_> = (0..=RunState::Missed as i16)
            .map(|number| ([("state", RunState::from_number(number).name())], self.runs.get(&number).copied().unwrap_or(0)))
            .collect();
        out.gauge("loa_runs", "Runs by state", runs.iter().map(|(l, n)| (&l[..], *n)));
        out.gauge("loa_runs_paused", "Runs under way that a person paused", [(&[][..], self.paused)]);
        out.gauge("loa_runs_held", "Runs under way that stand still by themselves", [(&[][..], self.held)]);
        out.gauge("loa_receipts_unmatched", "Receipts that wait for their attempt", [(&[][..], self.unmatched)]);
        let age = self.oldest_unmatched.map_or(0, |at| seconds(now - at));
        out.gauge("loa_receipts_unmatched_age_seconds", "Age of the oldest of them", [(&[][..], age)]);
        let lags = [("awareness", 0), ("warning", 1)]
            .map(|(kind, number)| ([("kind", kind)], self.due.get(&number).map_or(0, |at| seconds(now - at))));
        let help = "How long the longest waiting delivery of an open run could have been sent by now";
        out.gauge("loa_dispatch_lag_seconds", help, lags.iter().map(|(l, n)| (&l[..], *n)));
    }
}

#[derive(Serialize)]
struct OpenRoute {
    run: i64,
    route: i16,
    warning: i16,
}

/// Where an open run may have something to send.
fn open_routes(state: &Shared) -> Vec<OpenRoute> {
    let now = state.parts.clock.millis();
    let mut routes: Vec<i16> = state.parts.accounts.all().iter().flat_map(|account| account.routes()).collect();
    routes.sort_unstable();
    routes.dedup();
    let runs = state.parts.active.runs();
    let open = runs.iter().filter(|run| run.is_open(now));
    open.flat_map(|run| routes.iter().map(|route| OpenRoute { run: run.row.id, route: *route, warning: run.row.kind })).collect()
}

fn account_gauges(out: &mut Exposition, state: &Shared) {
    let all = accounts::all(&state.parts.accounts, state.parts.clock.ticks(), &[], Lang::En);
    let conditions = [
        (Condition::Usable, "usable"),
        (Condition::Resting, "resting"),
        (Condition::OutOfQuota, "out_of_quota"),
        (Condition::Stopped, "stopped"),
    ];
    let rows: Vec<_> = all
        .iter()
        .flat_map(|account| {
            conditions.map(|(condition, name)| {
                let labels = [("account", account.name.as_str()), ("channel", account.channel), ("condition", name)];
                (labels, i64::from(account.condition == condition))
            })
        })
        .collect();
    out.gauge("loa_account", "How each account does: 1 at its condition", rows.iter().map(|(l, n)| (&l[..], *n)));
    let accounts = state.parts.accounts.all();
    let troubles: Vec<_> = accounts
        .iter()
        .flat_map(|account| {
            Cause::ALL.map(|cause| {
                let labels = [("account", account.config.name.as_str()), ("cause", cause.name())];
                (labels, i64::from(account.has_trouble(cause)))
            })
        })
        .collect();
    out.gauge("loa_account_trouble", "What ails each account: 1 where it stands", troubles.iter().map(|(l, n)| (&l[..], *n)));
    let paces: Vec<_> = accounts.iter().map(|a| ([("account", a.config.name.as_str())], a.throttle().pace)).collect();
    out.gauge("loa_account_pace", "Thousandths of its rate that each account may use", paces.iter().map(|(l, n)| (&l[..], *n)));
}

fn process(out: &mut Exposition, state: &Shared) {
    out.gauge("loa_build_info", "The version that runs", [(&[("version", env!("CARGO_PKG_VERSION"))][..], 1)]);
    let started = seconds(state.started);
    out.gauge("process_start_time_seconds", "When the process started, unix seconds", [(&[][..], started)]);
    // Only Linux has these files.
    if let Some(bytes) = resident_bytes() {
        out.gauge("process_resident_memory_bytes", "Memory in use", [(&[][..], bytes)]);
    }
    if let Some(open) = std::fs::read_dir("/proc/self/fd").ok().and_then(|files| i64::try_from(files.count()).ok()) {
        out.gauge("process_open_fds", "Open file descriptors", [(&[][..], open)]);
    }
}

fn resident_bytes() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<i64>().ok().map(|kib| kib * 1024)
}

fn seconds(millis: i64) -> i64 {
    (millis / 1_000).max(0)
}

/// Text in Prometheus's format 0.0.4.
struct Exposition(String);

type Labels<'a> = &'a [(&'a str, &'a str)];

impl Exposition {
    fn gauge<'a>(&mut self, name: &str, help: &str, samples: impl IntoIterator<Item = (Labels<'a>, i64)>) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} gauge");
        for (labels, value) in samples {
            let labels: Vec<String> = labels.iter().map(|(key, value)| format!("{key}=\"{}\"", escape(value))).collect();
            let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            let _ = writeln!(self.0, "{name}{labels} {value}");
        }
    }
}

fn escape(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}
