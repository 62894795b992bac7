//! `loa runs`: the runs, how far each is, and how fast it goes.

use std::{
    collections::BTreeMap,
    io::{self, Write as _},
    process::ExitCode,
};

use chrono::NaiveDate;
use serde_json::json;

use super::{Globals, Mistake, outlook, table};
use crate::{
    account,
    active::{Active, RunRow, RunState},
    audit,
    config::Config,
    db::Db,
    delivery::State,
    phrase,
    run::{
        self, RunError,
        command::{self, By, Change, Changed},
        wait::{Wait, What},
    },
    tally, transaction,
    words::{self, Lang},
};

/// List the runs: how far each is, and how fast it goes
#[derive(clap::Args)]
pub struct Args {
    /// Only this campaign's
    campaign: Option<String>,
    /// How many, the latest first
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    count: u16,
}

/// A run with its tallies.
struct Progress {
    row: RunRow,
    /// Deliveries by state.
    states: [i64; State::ALL.len()],
    /// Đồng.
    cost: i64,
    /// Unix milliseconds.
    now: i64,
    /// When everything that waits is sent, where something does.
    outlook: Option<outlook::Told>,
    /// Outside its hours: when they begin.
    opens_at: Option<i64>,
    /// What it waits for, beside what goes on.
    waits: Vec<Wait>,
}

pub async fn run(args: Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    let config = globals.settings()?;
    let db = globals.database(&config).await?;
    let rows = command::list(&db, args.campaign.as_deref(), i64::from(args.count)).await?;
    let tallies = tally::of_runs(&db, &rows.iter().map(|row| row.id).collect::<Vec<_>>()).await?;
    let mut runs: BTreeMap<i64, Progress> = BTreeMap::new();
    for row in rows {
        runs.insert(
            row.id,
            Progress {
                row,
                states: [0; State::ALL.len()],
                cost: 0,
                now: globals.clock.millis(),
                outlook: None,
                opens_at: None,
                waits: Vec::new(),
            },
        );
    }
    for (key, count) in tallies {
        if let Some(run) = runs.get_mut(&key.run) {
            run.states[State::from_number(key.state) as usize] += count.n;
            run.cost += count.price;
        }
    }
    if runs.values().any(|run| run.row.settled_at.is_none()) {
        outlooks(&mut runs, &db, &config, globals).await?;
    }
    let runs: Vec<Progress> = runs.into_values().rev().collect();
    if globals.json {
        Globals::print_json(&runs.iter().map(Progress::json).collect())?;
    } else if runs.is_empty() {
        writeln!(io::stdout(), "{}", globals.lang.pick("Chưa có đợt gửi nào.", "There are no runs yet."))?;
    } else {
        let heading = match globals.lang {
            Lang::Vi => ["Số", "Chiến dịch", "Ngày", "Trạng thái", "Lượt tin", "Đã xử lý", "Đã đến", "Tin/giây", "Chi phí (đ)"],
            Lang::En => ["Run", "Campaign", "Date", "State", "Deliveries", "Done", "Arrived", "Per s", "Cost (đ)"],
        };
        let rows: Vec<Vec<String>> = runs.iter().map(|run| run.cells(globals.lang)).collect();
        write!(io::stdout(), "{}", table::with_figures(&heading, &rows, 4))?;
        write!(io::stdout(), "{}", noted(&runs, globals.lang))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What stands below the table: sentences, which a column would break into single words.
fn noted(runs: &[Progress], lang: Lang) -> String {
    let told = runs.iter().map(|run| (run.row.id, run.notes(lang))).filter(|(_, notes)| !notes.is_empty());
    let lines: String =
        told.map(|(id, notes)| table::paragraph(phrase!("Đợt {id}: {notes}", "Run {id}: {notes}").text(lang))).collect();
    if lines.is_empty() { lines } else { format!("\n{lines}") }
}

/// When each run under way is done, beside all others.
async fn outlooks(runs: &mut BTreeMap<i64, Progress>, db: &Db, config: &Config, globals: &Globals) -> anyhow::Result<()> {
    let now = globals.clock.millis();
    let phones = config.accounts.iter().any(account::reaches_phones);
    let active = Active::new(db.clone(), config.office.clone()).reaching_phones(phones);
    active.refresh().await?;
    let work = run::outlook::work(db, &active.runs()).await?;
    let lines = outlook::lines(db, config, globals.clock.now()).await?;
    for run in active.runs() {
        if let Some(progress) = runs.get_mut(&run.row.id) {
            progress.outlook = outlook::of_run(run.row.id, &lines, &work, now);
            let waits = progress.outlook.is_some() || run.row.state() == RunState::FanningOut;
            progress.opens_at = run.opens_at(now).filter(|_| waits);
            progress.waits = run::wait::of(db, &run, &lines, now).await?;
        }
    }
    Ok(())
}

impl Progress {
    fn of(&self, states: &[State]) -> i64 {
        states.iter().map(|state| self.states[*state as usize]).sum()
    }

    fn total(&self) -> i64 {
        self.states.iter().sum()
    }

    /// Deliveries that nothing more is to be done about, except wait.
    fn done(&self) -> i64 {
        self.total() - self.of(&[State::Pending, State::Submitting, State::InDoubt])
    }

    /// Deliveries that a gateway has answered for.
    fn sent(&self) -> i64 {
        use State::{Accepted, Delivered, Enroute, Expired, Rejected, Seen, Undelivered, Unknown};
        self.of(&[Accepted, Enroute, Delivered, Seen, Undelivered, Expired, Rejected, Unknown])
    }

    /// Deliveries a second since the run was due, until it settled. None before anything was sent.
    fn rate(&self) -> Option<i64> {
        let millis = self.row.settled_at.unwrap_or(self.now) - self.row.due_at.max(self.row.created_at);
        (millis > 0 && self.sent() > 0).then(|| self.sent() * 1_000 / millis)
    }

    fn cells(&self, lang: Lang) -> Vec<String> {
        let number = |n| words::number(n, lang);
        let listed = match self.row.state() {
            RunState::FanningOut => {
                format!("{} ({})", number(self.total()), words::share(self.row.fan_cursor, self.row.fan_top, lang))
            }
            _ => number(self.total()),
        };
        vec![
            self.row.id.to_string(),
            self.row.campaign.clone(),
            self.row.date.parse::<NaiveDate>().map_or_else(|_| self.row.date.clone(), |day| words::date(day, lang)),
            words::run_state(state(&self.row), lang).to_string(),
            listed,
            words::share(self.done(), self.total(), lang),
            words::share(self.of(&[State::Delivered, State::Seen]), self.total(), lang),
            self.rate().map(number).unwrap_or_default(),
            number(self.cost),
        ]
    }

    fn notes(&self, lang: Lang) -> String {
        let test = self.row.is_test().then(|| lang.pick("gửi thử", "test"));
        let done = self.outlook.as_ref().filter(|_| self.row.held.is_none() && !self.row.paused);
        let done = done.map(|outlook| outlook.told().text(lang).to_string());
        // The state's own column says that a person paused it.
        let waits = self.waits.iter().filter(|wait| wait.stands_still() && wait.what != What::Paused);
        let waits = waits.map(|wait| wait.phrase(self.now).text(lang).to_string());
        // Of a run whose definition cannot be read nothing else is known.
        let held = self.row.held.iter().filter(|_| self.waits.is_empty()).cloned();
        test.into_iter().map(str::to_string).chain(held).chain(waits).chain(done).collect::<Vec<_>>().join("; ")
    }

    fn json(&self) -> serde_json::Value {
        let mut value = as_json(&self.row);
        let states: serde_json::Map<String, serde_json::Value> =
            State::ALL.into_iter().map(|state| (state.name().to_string(), self.states[state as usize].into())).collect();
        value["deliveries"] = self.total().into();
        value["done"] = self.done().into();
        value["states"] = states.into();
        value["per_second"] = self.rate().into();
        value["cost"] = self.cost.into();
        value["outlook"] = self.outlook.as_ref().map(outlook::Told::json).into();
        value["opens_at"] = self.opens_at.into();
        value["waits"] = self.waits.iter().map(|wait| wait.json(self.now)).collect();
        value
    }
}

/// Changes a run in the name of whoever is signed in on this machine, and records it.
pub(super) async fn change(db: &Db, run: i64, how: Change, globals: &Globals) -> anyhow::Result<RunRow> {
    let (actor, now) = (globals.whoever(), globals.clock.millis());
    let by = By { name: &actor.name, at: now };
    let changed: Result<Changed, RunError> = transaction!(db, |tx| {
        let changed = command::change(tx, run, how, Some(by)).await?;
        if let Ok(changed) = changed.as_ref()
            && changed.differs()
        {
            let (before, after) = (changed.before.recorded(), changed.after.recorded());
            audit::record(tx, &actor, how.action(), &format!("run {run}"), Some(&before), Some(&after), now).await?;
        }
        Ok(changed)
    })?;
    Ok(changed.map_err(refusal)?.after)
}

/// What a run is in a word: a person's pause, and why it stands still by itself, go before how far it is.
fn state(row: &RunRow) -> &'static str {
    match row.state() {
        RunState::FanningOut | RunState::Sending if row.paused => "paused",
        RunState::FanningOut | RunState::Sending if row.held.is_some() => "held",
        other => other.name(),
    }
}

/// A run as programs see it.
pub(super) fn as_json(row: &RunRow) -> serde_json::Value {
    let origin = match row.origin {
        0 => "schedule",
        1 => "manual",
        _ => "test",
    };
    json!({
        "run": row.id, "campaign": row.campaign, "occurrence": row.occurrence, "date": row.date, "origin": origin,
        "state": state(row), "held": row.held, "message": row.message,
        "due_at": row.due_at, "expires_at": row.expires_at, "settled_at": row.settled_at,
    })
}

/// What a person asked of a run that cannot be done, in their language.
pub(super) fn refusal(error: RunError) -> anyhow::Error {
    match error {
        RunError::NoSuchRun(run) => {
            Mistake(phrase!("không có đợt gửi {run}: `loa runs` liệt kê các đợt", "there is no run {run}: `loa runs` lists them"))
                .into()
        }
        RunError::Over { run, state, .. } => {
            let (vi, en) = (words::run_state(state, Lang::Vi).to_lowercase(), words::run_state(state, Lang::En));
            Mistake(phrase!("đợt gửi {run} {vi}: không thay đổi được nữa", "run {run} is {en}: it cannot be changed any more"))
                .into()
        }
        other => other.into(),
    }
}
