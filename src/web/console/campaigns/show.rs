//! `/campaigns/{slug}`: what runs, what waits, the texts, the next due times, the runs, and what the visitor can do.

use axum::{
    extract::{self, Path},
    response::Response,
};
use minijinja::{Value, context, value::Serde};
use serde::Serialize;

use super::{describe, subject::Subject, texts};
use crate::{
    approval::{Standing, Submission},
    audience::column,
    campaign::Source,
    edition,
    relay::waiting::Of,
    run::command,
    user::Right,
    web::{
        Shared, State,
        console::{fault::Fault, orders, visitor::Visitor, when},
    },
    words::{self, Lang},
};

/// Due times and runs on the page.
const NEXT: usize = 5;
const RUNS: i64 = 10;
const VERSIONS: usize = 6;

/// A decision, as its history shows it.
#[derive(Debug, Serialize)]
pub(super) struct Decision {
    pub id: i64,
    pub version: Option<i64>,
    pub state: &'static str,
    pub standing: String,
    pub sent: String,
    pub sender: String,
    pub note: String,
    pub decided: Option<String>,
    pub decider: String,
    pub instead_of: Option<String>,
    pub comment: String,
    pub emergency: bool,
    pub was_right: Option<bool>,
    pub reviewed: bool,
    pub reviewer: String,
    pub review: String,
}

impl Decision {
    pub fn of(one: &Submission, lang: Lang) -> Self {
        let state = match one.standing() {
            Standing::Waiting => "waiting",
            Standing::Approved => "approved",
            Standing::Returned => "returned",
            Standing::Withdrawn => "withdrawn",
            Standing::Superseded => "superseded",
        };
        Self {
            id: one.id,
            version: one.version,
            state,
            standing: one.standing().phrase().text(lang).to_string(),
            sent: when::moment(one.sent_at, lang),
            sender: one.sent_name.clone(),
            note: one.note.clone(),
            decided: one.decided_at.map(|at| when::moment(at, lang)),
            decider: one.decided_name.clone().unwrap_or_default(),
            instead_of: one.instead_of.clone(),
            comment: one.comment.clone(),
            emergency: one.emergency,
            was_right: one.was_right,
            reviewed: one.reviewed_at.is_some(),
            reviewer: one.reviewed_name.clone().unwrap_or_default(),
            review: one.review.clone(),
        }
    }
}

/// A version, as a list shows it.
#[derive(Debug, Serialize)]
pub(super) struct VersionRow {
    pub version: i64,
    pub by: String,
    pub at: String,
    pub comment: String,
    /// Whether it is in force.
    pub active: bool,
    pub state: &'static str,
    pub standing: String,
}

/// Every version with how it stands, newest first.
pub(super) async fn versions(state: &Shared, subject: &Subject, lang: Lang) -> Result<Vec<VersionRow>, Fault> {
    let editions = edition::versions(&state.parts.db, &subject.slug).await?;
    let row = |edition: edition::Edition| {
        let submission = edition::standing_of(&subject.submissions, edition.version);
        let decision = submission.map(|one| Decision::of(one, lang));
        VersionRow {
            version: edition.version,
            by: edition.made_name,
            at: when::moment(edition.at, lang),
            comment: edition.comment,
            active: subject.in_force == Some(edition.version) && subject.archived_at.is_none(),
            state: decision.as_ref().map_or("draft", |decision| decision.state),
            standing: decision.map_or_else(|| lang.pick("Bản nháp", "Draft").to_string(), |decision| decision.standing),
        }
    };
    Ok(editions.into_iter().map(row).collect())
}

pub(super) async fn show(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(slug): Path<String>,
) -> Result<Response, Fault> {
    let subject = Subject::of(&state, &visitor, &slug).await?;
    let lang = visitor.lang;
    let versions = versions(&state, &subject, lang).await?;
    // Where nothing is in force, the page is of the latest version.
    let draft = match (&subject.latest, subject.source()) {
        (Some(latest), None) => Some(edition::source(&state.parts.db, &subject.library, &slug, latest.version).await),
        _ => None,
    };
    let (source, problems): (Option<&Source>, Vec<String>) = match &draft {
        Some(Ok(source)) => (Some(source), Vec::new()),
        Some(Err(edition::SubmitError::Broken(problems))) => {
            let line = |problem: &crate::document::Problem| match problem.line {
                0 => problem.message.text(lang).to_string(),
                line => format!("{} {line}: {}", lang.pick("dòng", "line"), problem.message.text(lang)),
            };
            (None, problems.0.iter().map(line).collect())
        }
        _ => (subject.source(), Vec::new()),
    };
    let title = source.map(|source| source.campaign.title.clone());
    let title = title.or_else(|| subject.latest.as_ref().map(|latest| latest.title.clone())).filter(|title| !title.is_empty());
    let known = column::known(&state.parts.db).await?;
    let (texts, faults) = match source.map(|source| texts::messages(&state, source, known.as_ref(), lang)) {
        Some(Ok(texts)) => (texts, Vec::new()),
        Some(Err(faults)) => (Vec::new(), faults),
        None => (Vec::new(), Vec::new()),
    };
    let runs = command::list(&state.parts.db, Some(&slug), RUNS).await.map_err(anyhow::Error::from)?;
    let runs: Vec<Value> = runs
        .iter()
        .map(|run| {
            let day = run.date.parse().map_or_else(|_| run.date.clone(), |day| words::date(day, lang));
            context! { id => run.id, day, message => &run.message, state => run.state().name(), test => run.is_test(), warning => run.kind == 1 }
        })
        .collect();
    let waiting = subject.waiting();
    let latest = subject.latest.as_ref().filter(|_| !subject.is_provisioned());
    let files: Vec<String> = match latest {
        Some(latest) => edition::attachments(&state.parts.db, &slug, latest.version).await?.into_keys().collect(),
        None => source.map(|source| source.attachments.keys().cloned().collect()).unwrap_or_default(),
    };
    let newer = latest.filter(|latest| subject.in_force.is_some_and(|version| latest.version > version));
    let values = context! {
        slug => &slug, title => title.unwrap_or_else(|| slug.clone()),
        warning => source.map_or_else(|| subject.latest.as_ref().is_some_and(|latest| latest.kind == 1), |source| source.campaign.kind as i16 == 1),
        provisioned => subject.is_provisioned(), hidden => subject.library.hidden.contains(&slug),
        archived => subject.archived_at.map(|at| when::moment(at, lang)),
        in_force => subject.in_force, live => subject.source().is_some(), released => subject.released, required => subject.required,
        latest => latest.map(|latest| latest.version), newer => newer.map(|newer| newer.version),
        latest_state => versions.first().map(|version| version.state),
        facts => Value::from(Serde(source.map(|source| describe::facts(&source.campaign, &subject.library, lang)).unwrap_or_default())),
        next => source.filter(|_| subject.source().is_some()).map(|source| next(&state, source, lang)).unwrap_or_default(),
        texts => Value::from(Serde(&texts)), faults, problems, runs, files,
        text => source.map(|source| source.text.clone()).or_else(|| subject.latest.as_ref().map(|latest| latest.text.clone())),
        versions => Value::from(Serde(versions.iter().take(VERSIONS).collect::<Vec<_>>())), all_versions => versions.len(),
        waiting => waiting.map(|one| Value::from(Serde(Decision::of(one, lang)))),
        last => subject.submissions.first().map(|one| Value::from(Serde(Decision::of(one, lang)))),
        may_withdraw => waiting.is_some_and(|one| one.sent_by == visitor.actor.user || one.is_written_by(&visitor.actor)),
        may_write => visitor.can(Right::WriteCampaigns), may_run => visitor.can(Right::Run),
        relayed => orders::told(&state, &visitor, Of::Campaign(&slug)).await?,
    };
    Ok(state.view(&visitor, "campaigns/show", values))
}

/// The next due times, with the message whose turn it is.
fn next(state: &Shared, source: &Source, lang: Lang) -> Vec<Value> {
    let campaign = &source.campaign;
    let holidays = &state.parts.holidays;
    let mut turn = None;
    campaign
        .occurrences(state.parts.clock.now(), holidays)
        .take(NEXT)
        .map(|occurrence| {
            let nth = turn.map_or_else(|| campaign.turn(occurrence.due, holidays), |before: u64| before + 1);
            turn = Some(nth);
            let message = campaign.message_for(occurrence.date, nth).map(|index| campaign.messages[index].id.as_str());
            context! {
                due => when::due(occurrence.due, campaign.timezone(), lang), message,
                holiday => holidays.name(occurrence.date),
                moved_from => occurrence.moved_from.map(|day| words::date(day, lang)),
            }
        })
        .collect()
}
