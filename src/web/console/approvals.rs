//! Approvals: what waits, one page with all that is needed to decide (also on a phone), what one person released alone and
//! somebody else has to look at, and who stands in for whom.
//!
//! Nobody decides about their own work; that, and whether it still is what the page showed, is asked again in the transaction
//! that decides.

mod delegates;

use std::collections::BTreeMap;

use axum::{
    Router,
    extract::{self, Path},
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use minijinja::{Value, context, value::Serde};
use serde::{Deserialize, Serialize};

use super::{
    Named, campaigns, difference,
    fault::Fault,
    form::Form,
    orders,
    visitor::{Visitor, see_other},
    when,
};
use crate::{
    approval::{self, Power, Refusal, Standing, Submission, power, submission},
    audience::column,
    campaign::{Library, Segments},
    definition, edition, phrase,
    run::warning,
    user::Right,
    web::{Shared, State},
    words::{Lang, Phrase},
};

/// Decisions that the list still shows, and among how many of all departments they are looked for.
const DECIDED: usize = 20;
const LOOKED_THROUGH: i64 = 500;

pub(super) const TEMPLATES: &[Named] = &[
    ("approvals/list", include_str!("../templates/console/approvals/list.html")),
    ("approvals/show", include_str!("../templates/console/approvals/show.html")),
    ("approvals/delegates", include_str!("../templates/console/approvals/delegates.html")),
];

pub(super) fn routes() -> Router<State> {
    Router::new()
        .route("/approvals", get(list))
        .route("/approvals/delegates", get(delegates::show).post(delegates::make))
        .route("/approvals/delegates/{id}/end", post(delegates::end))
        .route("/approvals/{id}", get(show))
        .route("/approvals/{id}/approve", post(approve))
        .route("/approvals/{id}/return", post(give_back))
        .route("/approvals/{id}/emergency", post(emergency))
        .route("/approvals/{id}/review", post(review))
}

/// Why a decision was not made, as a page says it.
pub(in crate::web) fn refused(refusal: Refusal) -> Fault {
    match refusal {
        Refusal::Db(error) => Fault::Db(error),
        Refusal::Unknown(_) => Fault::NotFound,
        Refusal::Over(_) | Refusal::Another | Refusal::NothingToReview => Fault::Conflict(refusal.phrase()),
        _ => Fault::Invalid(refusal.phrase()),
    }
}

/// A line of the list.
#[derive(Debug, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a word of its own on the page")]
struct Row {
    id: i64,
    slug: String,
    title: String,
    owner: String,
    warning: bool,
    version: Option<i64>,
    sender: String,
    writers: Vec<String>,
    at: String,
    /// Whether the reader wrote at it.
    own: bool,
    standing: String,
    approved: bool,
    decider: String,
    instead_of: Option<String>,
    decided: Option<String>,
    comment: String,
    emergency: bool,
    was_right: Option<bool>,
}

impl Row {
    fn of(one: Submission, visitor: &Visitor) -> Self {
        Self {
            id: one.id,
            warning: one.kind == 1,
            version: one.version,
            writers: one.writers().into_iter().map(|writer| writer.name).collect(),
            at: when::moment(one.sent_at, visitor.lang),
            own: one.is_written_by(&visitor.actor),
            standing: one.standing().phrase().text(visitor.lang).to_string(),
            approved: one.standing() == Standing::Approved,
            decider: one.decided_name.unwrap_or_default(),
            decided: one.decided_at.map(|at| when::moment(at, visitor.lang)),
            sender: one.sent_name,
            slug: one.slug,
            title: one.title,
            owner: one.owner,
            instead_of: one.instead_of,
            comment: one.comment,
            emergency: one.emergency,
            was_right: one.was_right,
        }
    }
}

async fn list(extract::State(State(state)): extract::State<State>, visitor: Visitor) -> Result<Response, Fault> {
    visitor.needs(Right::ReadCampaigns)?;
    let db = &state.parts.db;
    let rows = |found: Vec<Submission>| -> Vec<Row> {
        let seen = found.into_iter().filter(|one| visitor.user.departments.sees(&one.owner));
        seen.map(|one| Row::of(one, &visitor)).collect()
    };
    let mut decided = rows(submission::decided(db, LOOKED_THROUGH).await?);
    decided.truncate(DECIDED);
    let delegations = power::held(&state.parts.db, visitor.user.id, state.parts.clock.millis()).await?;
    let values = context! {
        waiting => Value::from(Serde(rows(submission::waiting(db).await?))),
        to_review => Value::from(Serde(rows(submission::to_review(db).await?))),
        decided => Value::from(Serde(decided)),
        required => approval::is_required(db, &state.parts.config).await?,
        may_approve => visitor.can(Right::Approve) || !delegations.is_empty(),
        instead_of => delegations.into_iter().map(|held| held.approver_name).collect::<Vec<_>>(),
    };
    Ok(state.view(&visitor, "approvals/list", values))
}

/// A submission of a campaign that the visitor sees.
async fn one(state: &Shared, visitor: &Visitor, id: i64) -> Result<Submission, Fault> {
    visitor.needs(Right::ReadCampaigns)?;
    let found = submission::get(&state.parts.db, id).await.map_err(refused)?;
    visitor.sees(&found.owner)?;
    Ok(found)
}

async fn show(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(id): Path<i64>,
) -> Result<Response, Fault> {
    let found = one(&state, &visitor, id).await?;
    page(&state, &visitor, &found, None).await
}

/// What a decision lacks, said beside its field; what was typed stays.
struct Lack {
    field: &'static str,
    why: Phrase,
    verdict: String,
    comment: String,
}

impl Lack {
    /// The reason that some decisions need.
    fn reason(field: &'static str, comment: String) -> Self {
        Self { field, why: Refusal::Silent.phrase(), verdict: String::new(), comment }
    }
}

async fn page(state: &Shared, visitor: &Visitor, found: &Submission, lack: Option<Lack>) -> Result<Response, Fault> {
    let (db, lang) = (&state.parts.db, visitor.lang);
    let kept = definition::kept(db, &found.hash).await?;
    let segments = Segments::parse("segments.toml", &kept.segments).unwrap_or_default();
    let library = Library { segments, segments_text: kept.segments.clone(), ..Library::default() };
    // What it changes is told against what was approved last before it.
    let before = before(state, found).await?;
    let (lines, segment_lines, files) = match &before {
        Some(before) => (
            difference::between(&before.source.text, &kept.source.text),
            difference::between(&before.segments, &kept.segments),
            files(&before.source.attachments, &kept.source.attachments),
        ),
        None => (Vec::new(), Vec::new(), files(&BTreeMap::new(), &kept.source.attachments)),
    };
    let known = column::known(&state.parts.db).await?;
    let (texts, faults) = match campaigns::texts::messages(state, &kept.source, known.as_ref(), lang) {
        Ok(texts) => (texts, Vec::new()),
        Err(faults) => (Vec::new(), faults),
    };
    let campaign = &kept.source.campaign;
    let next = campaign.occurrences(state.parts.clock.now(), &state.parts.holidays).next();
    let waiting = found.standing() == Standing::Waiting;
    let own = found.is_written_by(&visitor.actor);
    let power = Power::of(&state.parts.db, &visitor.user, found, state.parts.clock.millis()).await?;
    let stands_in = power.as_ref().and_then(Power::stands_in).map(|held| held.approver_name.clone());
    let review = found.emergency && found.reviewed_at.is_none();
    let warning = warning::get(db, &found.slug).await?;
    // Of an emergency that is looked at afterwards, what of it is still on its way.
    let going: Vec<i64> =
        state.parts.active.runs().iter().filter(|run| run.row.definition == found.hash).map(|run| run.row.id).collect();
    let decider = found.decided_by == visitor.actor.user;
    let values = context! {
        id => found.id, slug => &found.slug, title => &found.title, owner => &found.owner, warning => found.kind == 1,
        number => found.version, hash => &found.hash, note => &found.note,
        writers => found.writers().into_iter().map(|writer| writer.name).collect::<Vec<_>>(),
        sender => &found.sent_name, sent => when::moment(found.sent_at, lang),
        waiting, standing => found.standing().phrase().text(lang), approved => found.standing() == Standing::Approved,
        decider => &found.decided_name, decided => found.decided_at.map(|at| when::moment(at, lang)),
        instead_of => &found.instead_of, comment => &found.comment, emergency => found.emergency,
        reviewer => &found.reviewed_name, reviewed => found.reviewed_at.map(|at| when::moment(at, lang)),
        was_right => found.was_right, review => &found.review,
        facts => Value::from(Serde(campaigns::facts(campaign, &library, lang))),
        next => next.map(|next| when::due(next.due, campaign.timezone(), lang)),
        texts => Value::from(Serde(&texts)), faults, before => before.is_some(),
        asks => orders::foreseen(state, campaign, lang).await?,
        lines => Value::from(Serde(&lines)), segment_lines => Value::from(Serde(&segment_lines)), files,
        text => &kept.source.text,
        estimate => found.estimate.as_deref().and_then(|estimate| told(estimate, lang)),
        goes_at_once => waiting && warning.as_ref().is_some_and(|warning| warning.run.is_none()),
        corrects => warning.as_ref().and_then(|warning| warning.parent), going,
        own, stands_in,
        may_decide => waiting && !own && power.is_some(),
        may_hurry => waiting && own && found.kind == 1 && visitor.can(Right::Approve),
        may_review => review && !decider && !own && visitor.can(Right::Approve),
        // A page that somebody is typing on is not loaded again.
        refresh => waiting && found.estimate.is_none() && lack.is_none(),
        wrong => context! {
            field => lack.as_ref().map_or("", |lack| lack.field),
            text => lack.as_ref().map(|lack| lack.why.capital().text(lang).to_string()).unwrap_or_default(),
            verdict => lack.as_ref().map_or("", |lack| lack.verdict.as_str()),
            comment => lack.as_ref().map_or("", |lack| lack.comment.as_str()),
        },
    };
    let status = if lack.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok(state.view_as(status, visitor, "approvals/show", values))
}

/// The content that was approved last before a submission; none: it is the first.
async fn before(state: &Shared, found: &Submission) -> Result<Option<definition::Kept>, Fault> {
    let db = &state.parts.db;
    let earlier = submission::of_campaign(db, &found.slug).await?;
    let earlier = earlier.into_iter().filter(|one| one.id < found.id && one.standing() == Standing::Approved);
    let hash = match earlier.filter(|one| one.was_right != Some(false)).map(|one| one.hash).next() {
        Some(hash) => Some(hash),
        // Approved at the machine itself.
        None if found.standing() == Standing::Waiting => approval::last_released(db, &found.slug).await?,
        None => None,
    };
    match hash.filter(|hash| *hash != found.hash) {
        Some(hash) => Ok(Some(definition::kept(db, &hash).await?)),
        None => Ok(None),
    }
}

/// Files that came, went or changed.
fn files(before: &BTreeMap<String, Vec<u8>>, after: &BTreeMap<String, Vec<u8>>) -> Vec<Value> {
    let names = after.keys().chain(before.keys().filter(|name| !after.contains_key(*name)));
    let kind = |name: &String| match (before.get(name), after.get(name)) {
        (None, _) => "added",
        (_, None) => "removed",
        (old, new) if old == new => "same",
        _ => "changed",
    };
    names.map(|name| context! { name, kind => kind(name) }).collect()
}

/// What was counted, with its time.
fn told(estimate: &str, lang: Lang) -> Option<Value> {
    let counted: serde_json::Value = serde_json::from_str(estimate).ok()?;
    let at = when::moment(counted["at"].as_i64()?, lang);
    Some(context! { at, ..Value::from(Serde(counted)) })
}

/// A decision.
#[derive(Debug, Deserialize)]
struct Decide {
    /// The content that the page showed.
    hash: String,
    #[serde(default)]
    comment: String,
}

impl Decide {
    fn comment(&self) -> String {
        self.comment.trim().chars().take(2_000).collect()
    }
}

async fn approve(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(id): Path<i64>,
    Form(decide): Form<Decide>,
) -> Result<Response, Fault> {
    let found = one(&state, &visitor, id).await?;
    let (db, now) = (&state.parts.db, state.parts.clock.millis());
    let power = Power::of(db, &visitor.user, &found, now).await?.ok_or(Fault::Forbidden)?;
    let comment = decide.comment();
    edition::approve(db, id, &decide.hash, &comment, &visitor.actor, power.stands_in(), now).await.map_err(refused)?;
    state.parts.shelf.look(db).await?;
    let title = &found.title;
    visitor.flash(&phrase!("Đã phê duyệt “{title}”.", "“{title}” is approved.")).await?;
    Ok(see_other("/approvals"))
}

async fn give_back(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(id): Path<i64>,
    Form(decide): Form<Decide>,
) -> Result<Response, Fault> {
    let found = one(&state, &visitor, id).await?;
    let (db, now) = (&state.parts.db, state.parts.clock.millis());
    let power = Power::of(db, &visitor.user, &found, now).await?.ok_or(Fault::Forbidden)?;
    let comment = decide.comment();
    match edition::return_(db, id, &decide.hash, &comment, &visitor.actor, power.stands_in(), now).await {
        Err(Refusal::Silent) => return page(&state, &visitor, &found, Some(Lack::reason("comment", comment))).await,
        done => done.map_err(refused)?,
    };
    let title = &found.title;
    visitor.flash(&phrase!("Đã trả lại “{title}” để sửa.", "“{title}” is returned.")).await?;
    Ok(see_other("/approvals"))
}

/// One person alone: for a warning that cannot wait.
async fn emergency(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(id): Path<i64>,
    Form(decide): Form<Decide>,
) -> Result<Response, Fault> {
    let found = one(&state, &visitor, id).await?;
    visitor.needs(Right::Approve)?;
    let (db, now) = (&state.parts.db, state.parts.clock.millis());
    let reason = decide.comment();
    match edition::approve_in_emergency(db, id, &decide.hash, &reason, &visitor.actor, now).await {
        Err(Refusal::Silent) => return page(&state, &visitor, &found, Some(Lack::reason("reason", reason))).await,
        done => done.map_err(refused)?,
    };
    state.parts.shelf.look(db).await?;
    visitor
        .warn(&phrase!(
            "Đã phê duyệt khẩn. Một người phê duyệt khác sẽ xem lại sau.",
            "Released in an emergency. Another approver looks at it afterwards."
        ))
        .await?;
    Ok(see_other(&format!("/campaigns/{}", found.slug)))
}

/// What another approver found of it afterwards.
#[derive(Debug, Deserialize)]
struct Review {
    /// `right` or `wrong`.
    #[serde(default)]
    verdict: String,
    #[serde(default)]
    comment: String,
}

async fn review(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(id): Path<i64>,
    Form(review): Form<Review>,
) -> Result<Response, Fault> {
    let found = one(&state, &visitor, id).await?;
    visitor.needs(Right::Approve)?;
    let comment: String = review.comment.trim().chars().take(2_000).collect();
    let was_right = match review.verdict.as_str() {
        "right" => true,
        "wrong" => false,
        _ => {
            let why = phrase!("hãy chọn đúng hay không đúng", "please say whether it was right");
            let lack = Lack { field: "verdict", why, verdict: String::new(), comment };
            return page(&state, &visitor, &found, Some(lack)).await;
        }
    };
    let (db, now) = (&state.parts.db, state.parts.clock.millis());
    match edition::review(db, id, was_right, &comment, &visitor.actor, now).await {
        Err(Refusal::Silent) => {
            let lack = Lack { verdict: review.verdict, ..Lack::reason("comment", comment) };
            return page(&state, &visitor, &found, Some(lack)).await;
        }
        done => done.map_err(refused)?,
    };
    state.parts.shelf.look(db).await?;
    visitor.flash(&phrase!("Đã ghi kết quả xem lại.", "The review is recorded.")).await?;
    Ok(see_other("/approvals"))
}
