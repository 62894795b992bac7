//! Runs: how they stand, and what people do to them.

use axum::{
    extract,
    http::{HeaderValue, header::LINK},
    response::{IntoResponse as _, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    answer::created,
    caller::{Caller, Onlooker},
    frame::Once,
    input::{Id, Json, Name, Number, Paging, Query, Slug},
    problem::{Kind, Problem},
};
use crate::{
    active::RunRow,
    approval,
    audience::{count::count, segment::compile_audience, who},
    audit,
    definition::Kept,
    delivery::{self, Kin},
    edition::{self, SubmitError},
    phrase,
    run::{
        RunError, again,
        command::{self, By, Change},
        make,
    },
    transaction,
    user::Right,
    web::{
        Shared, State,
        overview::{self, RunView},
    },
};

pub(super) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list, start))
        .routes(routes!(read))
        .routes(routes!(test))
        .routes(routes!(pause))
        .routes(routes!(resume))
        .routes(routes!(abort))
        .routes(routes!(retry))
        .routes(routes!(stop))
}

/// A page of runs.
#[derive(Debug, Serialize, ToSchema)]
struct Runs {
    /// The newest first.
    runs: Vec<RunView>,
    /// The `before` of the next page; null at the end.
    next: Option<i64>,
}

#[utoipa::path(get, path = "/runs", tag = "runs", operation_id = "list_runs",
    summary = "Các đợt gửi | The runs", description = "The newest first. Open while there is no user of the console.", params(Paging),
    responses((status = 200, description = "A page of runs", body = Runs)))]
async fn list(
    Onlooker(caller): Onlooker,
    extract::State(State(state)): extract::State<State>,
    Query(paging): Query<Paging>,
) -> Result<Response, Problem> {
    if let Some(caller) = &caller {
        caller.needs(Right::ReadCampaigns)?;
    }
    let (before, limit) = paging.window()?;
    let db = &state.parts.db;
    let rows = overview::rows(db, before, limit).await?;
    let full = i64::try_from(rows.len()).is_ok_and(|count| count == limit);
    // Another department's runs are left out, so a page may be shorter than it could be; the next one goes on all the same.
    let next = rows.last().filter(|_| full).map(|run| run.id);
    let heads = state.titles.of(db, &rows).await?;
    let owner = |row: &RunRow| heads.get(&row.definition).map(|head| head.owner.as_str()).unwrap_or_default();
    let sees = |row: &RunRow| caller.as_ref().is_none_or(|caller| caller.user.departments.sees(owner(row)));
    let visible: Vec<RunRow> = rows.iter().filter(|row| sees(row)).cloned().collect();
    let runs = overview::views(&state, visible).await?;
    let mut response = axum::Json(Runs { runs, next }).into_response();
    if let Some(link) =
        next.and_then(|next| HeaderValue::from_str(&format!("</api/v1/runs?before={next}&limit={limit}>; rel=\"next\"")).ok())
    {
        response.headers_mut().insert(LINK, link);
    }
    Ok(response)
}

/// A run that the caller sees.
async fn seen(state: &Shared, caller: &Caller, id: i64) -> Result<RunRow, Problem> {
    caller.needs(Right::ReadCampaigns)?;
    let row = command::get(&state.parts.db, id).await?;
    let heads = state.titles.of(&state.parts.db, std::slice::from_ref(&row)).await?;
    caller.sees(heads.get(&row.definition).map(|head| head.owner.as_str()).unwrap_or_default())?;
    Ok(row)
}

async fn view(state: &Shared, id: i64) -> Result<RunView, Problem> {
    let row = command::get(&state.parts.db, id).await?;
    overview::views(state, vec![row]).await?.pop().ok_or_else(Problem::not_found)
}

#[utoipa::path(get, path = "/runs/{id}", tag = "runs", operation_id = "read_run",
    summary = "Một đợt gửi | One run", params(Id),
    responses((status = 200, description = "As it stands", body = RunView)))]
async fn read(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Number(id): Number,
) -> Result<axum::Json<RunView>, Problem> {
    seen(&state, &caller, id).await?;
    Ok(axum::Json(view(&state, id).await?))
}

/// A run to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Start {
    /// The campaign: as it is in force, to its whole audience, now.
    #[schema(example = "nhan-dien-lua-dao")]
    campaign: String,
}

/// A test of a campaign.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Test {
    /// The references of whoever gets it: one to twenty people of the list.
    #[schema(min_items = 1, max_items = 20)]
    recipients: Vec<String>,
    /// The console's version; the definition as it runs, unless said.
    #[schema(minimum = 1, nullable = false)]
    version: Option<i64>,
}

/// What makes a run the only one of its request, also where the first answer was lost: the key is part of it.
fn occurrence(caller: &Caller, once: &Once) -> String {
    let hash = Sha256::digest(format!("{}/{}", caller.key(), once.0));
    format!("request:{}", crate::seal::hex(&hash[..16]))
}

/// Makes the run that a request asks for, or finds the one that it made.
async fn make_once(
    state: &Shared,
    caller: &Caller,
    once: &Once,
    kept: &Kept,
    recipients: &[String],
) -> Result<Response, Problem> {
    let action = if recipients.is_empty() { "run.start" } else { "run.test" };
    let occurrence = occurrence(caller, once);
    let asked = make::Asked {
        source: &kept.source,
        segments: &kept.segments,
        recipients,
        once: Some(&occurrence),
        by: Some((&caller.actor, action)),
    };
    let run = make::asked(&state.parts.db, &asked, &state.parts.holidays, state.parts.clock.now()).await?;
    take_effect(state).await?;
    Ok(created(&format!("/api/v1/runs/{run}"), &view(state, run).await?))
}

/// The gates of this node open and close at once; other nodes look four times a second.
async fn take_effect(state: &Shared) -> Result<(), Problem> {
    state.parts.active.refresh().await?;
    state.parts.work.notify_waiters();
    Ok(())
}

/// The key of a request after which something is sent.
fn needed(once: Option<extract::Extension<Once>>) -> Result<Once, Problem> {
    let words = phrase!(
        "gửi `Idempotency-Key`: nhờ đó yêu cầu lặp lại không gửi tin hai lần",
        "send `Idempotency-Key`: with it, a request that is repeated sends nothing twice"
    );
    once.map(|extract::Extension(once)| once).ok_or_else(|| Problem::header(Kind::BadRequest, "Idempotency-Key", words))
}

#[utoipa::path(post, path = "/runs", tag = "runs", operation_id = "start_run",
    summary = "Cho gửi ngay | Send a campaign now",
    description = "As it is in force. The same key makes the same run, however often it is asked for.", request_body = Start,
    responses((status = 201, description = "The run", body = RunView),
        (status = 409, description = "It is not approved, nobody is in its audience, or no message fits the day")))]
async fn start(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    once: Option<extract::Extension<Once>>,
    Json(start): Json<Start>,
) -> Result<Response, Problem> {
    caller.needs(Right::Run)?;
    let once = needed(once)?;
    let db = &state.parts.db;
    let library = state.parts.shelf.library(db).await?;
    let unknown = || Problem::field("/campaign", phrase!("không có chiến dịch này", "there is no such campaign"));
    let source = library.campaigns.get(&start.campaign).ok_or_else(unknown)?;
    if !caller.user.departments.sees(&source.campaign.owner) {
        return Err(unknown());
    }
    let released = approval::released(db, &state.parts.config, &library).await?;
    let kept = released.into_iter().find(|kept| kept.source.campaign.slug == start.campaign);
    let kept = kept.ok_or(RunError::NotApproved(start.campaign))?;
    // What was approved may be another department's still.
    if !caller.user.departments.sees(&kept.source.campaign.owner) {
        return Err(unknown());
    }
    let now = state.parts.clock.millis();
    let lookup = |slug: &str| library.segments.get(slug).map(|segment| &segment.condition);
    let audience = compile_audience(&kept.source.campaign.audience, &lookup, db.engine(), 1, now).map_err(anyhow::Error::from)?;
    // What is relayed reaches people of others.
    if kept.source.campaign.channels.relay.is_none() && count(db, &audience, now).await?.people == 0 {
        return Err(Problem::conflict(phrase!(
            "danh sách không có ai thuộc đối tượng của chiến dịch này",
            "nobody in the list is in the audience of this campaign"
        )));
    }
    make_once(&state, &caller, &once, &kept, &[]).await
}

#[utoipa::path(post, path = "/campaigns/{slug}/tests", tag = "runs", operation_id = "test_campaign",
    summary = "Gửi thử | Send a test",
    description = "To a few people of the lists that the caller sees. A test counts in no figure, and needs no approval: the token lends `run`.",
    params(Slug), request_body = Test,
    responses((status = 201, description = "The run", body = RunView), (status = 409, description = "No message fits the day")))]
async fn test(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Name(slug): Name,
    once: Option<extract::Extension<Once>>,
    Json(test): Json<Test>,
) -> Result<Response, Problem> {
    caller.needs(Right::WriteCampaigns)?;
    // People get it: what lets a campaign go out lets its test go out.
    caller.needs(Right::Run)?;
    let once = needed(once)?;
    let db = &state.parts.db;
    let library = state.parts.shelf.library(db).await?;
    let source = match test.version {
        Some(version) => match edition::source(db, &library, &slug, version).await {
            Ok(source) => source,
            Err(SubmitError::Db(error)) => return Err(error.into()),
            Err(SubmitError::Broken(problems)) => return Err(Problem::definition("", &problems)),
            Err(_) => return Err(Problem::not_found()),
        },
        None => library.campaigns.get(&slug).ok_or_else(Problem::not_found)?.clone(),
    };
    caller.sees(&source.campaign.owner)?;
    if !(1..=20).contains(&test.recipients.len()) {
        return Err(Problem::field("/recipients", phrase!("từ 1 đến 20 người", "1 to 20 people")));
    }
    let lists = caller.lists(db).await?;
    for (at, reference) in test.recipients.iter().enumerate() {
        let known = who::reference(db, reference).await?.is_some_and(|one| one.active && lists.sees(&one.source));
        if !known {
            let words = phrase!("danh sách không có người này", "there is nobody of this reference in the list");
            return Err(Problem::field(&format!("/recipients/{at}"), words));
        }
    }
    let kept = Kept { source, segments: library.segments_text.clone() };
    make_once(&state, &caller, &once, &kept, &test.recipients).await
}

async fn change(state: &Shared, caller: &Caller, id: i64, how: Change) -> Result<axum::Json<RunView>, Problem> {
    // Whoever may stop everything may stop one run; only who runs campaigns lets it go on or ends it.
    if how != Change::Pause || !caller.user.can(Right::Stop) {
        caller.needs(Right::Run)?;
    }
    seen(state, caller, id).await?;
    let now = state.parts.clock.millis();
    let by = By { name: &caller.actor.name, at: now };
    transaction!(state.parts.db, |tx| {
        let changed = command::change(tx, id, how, Some(by)).await?;
        if let Ok(changed) = &changed
            && changed.differs()
        {
            let (before, after) = (recorded(&changed.before), recorded(&changed.after));
            audit::record(tx, &caller.actor, how.action(), &format!("run {id}"), Some(&before), Some(&after), now).await?;
        }
        Ok(changed)
    })??;
    take_effect(state).await?;
    Ok(axum::Json(view(state, id).await?))
}

/// A run in the record of who did what.
fn recorded(row: &RunRow) -> serde_json::Value {
    json!({ "campaign": row.campaign, "state": row.state().name(), "paused": row.paused, "held": row.held })
}

#[utoipa::path(post, path = "/runs/{id}/pause", tag = "runs", operation_id = "pause_run",
    summary = "Tạm dừng | Pause", description = "It stands still until it is resumed. Of one that has settled, orders that no outlet has yet are held back.", params(Id),
    responses((status = 200, description = "As it stands now", body = RunView), (status = 409, description = "It is over")))]
async fn pause(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Number(id): Number,
) -> Result<axum::Json<RunView>, Problem> {
    change(&state, &caller, id, Change::Pause).await
}

#[utoipa::path(post, path = "/runs/{id}/resume", tag = "runs", operation_id = "resume_run",
    summary = "Gửi tiếp | Resume", description = "Also where it stood still by itself.", params(Id),
    responses((status = 200, description = "As it stands now", body = RunView), (status = 409, description = "It is over")))]
async fn resume(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Number(id): Number,
) -> Result<axum::Json<RunView>, Problem> {
    change(&state, &caller, id, Change::Resume).await
}

#[utoipa::path(post, path = "/runs/{id}/abort", tag = "runs", operation_id = "abort_run",
    summary = "Dừng hẳn | Abort", description = "What is unsent is cancelled; what gateways have is beyond recall.", params(Id),
    responses((status = 200, description = "As it stands now", body = RunView), (status = 409, description = "It is over")))]
async fn abort(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Number(id): Number,
) -> Result<axum::Json<RunView>, Problem> {
    change(&state, &caller, id, Change::Abort).await
}

/// A second try.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Again {
    /// What the run left in these states: `undelivered`, `expired`, `rejected`, `lapsed`, `cancelled` or `unknown`.
    #[schema(min_items = 1)]
    states: Vec<String>,
}

#[utoipa::path(post, path = "/runs/{id}/retry", tag = "runs", operation_id = "retry_run",
    summary = "Gửi lại cho ai chưa nhận được | Send it again to those whom it failed",
    description = "A run that is over. Nobody who was reached meanwhile gets it twice.", params(Id), request_body = Again,
    responses((status = 201, description = "The new run", body = RunView),
        (status = 409, description = "It is not over, or nobody is left")))]
async fn retry(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Number(id): Number,
    Json(asked): Json<Again>,
) -> Result<Response, Problem> {
    caller.needs(Right::Run)?;
    seen(&state, &caller, id).await?;
    let mut states = Vec::new();
    for (at, name) in asked.states.iter().enumerate() {
        let known = || Kin::RETRIED.map(delivery::State::name).join(", ");
        states.push(Kin::RETRIED.into_iter().find(|state| state.name() == name).ok_or_else(|| {
            let known = known();
            Problem::field(&format!("/states/{at}"), phrase!("một trong {known}", "one of {known}"))
        })?);
    }
    if states.is_empty() {
        return Err(Problem::field("/states", phrase!("nêu ít nhất một trạng thái", "name at least one state")));
    }
    let db = &state.parts.db;
    let nth = again::children(db, id).await?.len() + 1;
    let retry = again::retry(db, id, &states, u32::try_from(nth).unwrap_or(u32::MAX)).await?;
    let now = state.parts.clock.millis();
    let made: Result<again::Made, RunError> = transaction!(db, |tx| {
        let made = retry.make(tx, now).await?;
        if let Ok(again::Made { run, is_new: true }) = made {
            let after = json!({ "run": run, "states": asked.states });
            audit::record(tx, &caller.actor, "run.retry", &format!("run {id}"), None, Some(&after), now).await?;
        }
        Ok(made)
    })?;
    let run = made?.run;
    take_effect(&state).await?;
    Ok(created(&format!("/api/v1/runs/{run}"), &view(&state, run).await?))
}

/// What the big stop stopped.
#[derive(Debug, Serialize, ToSchema)]
struct Stopped {
    /// The runs that stand still now.
    runs: Vec<i64>,
}

#[utoipa::path(post, path = "/stop", tag = "runs", operation_id = "stop_all",
    summary = "Dừng khẩn cấp tất cả | Stop everything",
    description = "Every run that the caller sees stands still within a second, on all nodes, until it is resumed; so do orders of settled runs that \
no outlet has yet.",
    responses((status = 200, description = "What stands still now", body = Stopped)))]
async fn stop(caller: Caller, extract::State(State(state)): extract::State<State>) -> Result<axum::Json<Stopped>, Problem> {
    caller.needs(Right::Stop)?;
    let db = &state.parts.db;
    let rows = command::stoppable(db).await?;
    let heads = state.titles.of(db, &rows).await?;
    let owner = |row: &RunRow| heads.get(&row.definition).map(|head| head.owner.as_str()).unwrap_or_default();
    let seen: Vec<i64> = rows.iter().filter(|row| caller.user.departments.sees(owner(row))).map(|row| row.id).collect();
    // A run that was made meanwhile is stopped, too, by whoever sees all departments.
    let everything = caller.user.departments.is_everything();
    let now = state.parts.clock.millis();
    let by = By { name: &caller.actor.name, at: now };
    let runs = transaction!(db, |tx| {
        let runs = command::stop(tx, |run| everything || seen.contains(&run), Some(by)).await?;
        let after = json!({ "runs": runs, "everything": everything });
        audit::record(tx, &caller.actor, "run.stop", "runs", None, Some(&after), now).await?;
        Ok(runs)
    })?;
    take_effect(&state).await?;
    Ok(axum::Json(Stopped { runs }))
}
