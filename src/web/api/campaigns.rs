//! Campaigns: what is written, in which versions, and what is in force; and what is asked for approval.

use axum::{
    extract,
    http::{
        HeaderMap, HeaderValue,
        header::{ACCEPT, CONTENT_TYPE, IF_MATCH, IF_NONE_MATCH, VARY},
    },
    response::{IntoResponse as _, Response},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    answer::{List, created, moment, versioned},
    caller::Caller,
    input::{Json, Name, Slug, at_most},
    problem::{Kind, Problem},
    submissions::Submission,
};
use crate::{
    approval::{self, Standing, submission},
    edition::{self, Draft, Edition, Owners, Saved, SubmitError},
    phrase,
    user::Right,
    web::{Shared, State},
};

/// The longest comment, in characters.
const LONGEST: usize = 1000;

pub(super) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(read, save))
        .routes(routes!(versions))
        .routes(routes!(copy))
        .routes(routes!(submit))
}

/// A campaign of the list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CampaignLine)]
struct Line {
    /// Its name in addresses and files.
    slug: String,
    /// What people call it.
    title: String,
    /// The department that it belongs to.
    owner: String,
    /// `awareness` or `warning`.
    kind: &'static str,
    /// A file on the server defines it: it can only be changed there.
    provisioned: bool,
    /// The console's latest version; null: it has none.
    version: Option<i64>,
    /// Whether it runs, as it is or as it was approved last.
    in_force: bool,
}

/// A campaign as it is written.
#[derive(Debug, Serialize, ToSchema)]
struct Campaign {
    /// Its name in addresses and files.
    slug: String,
    /// What people call it.
    title: String,
    /// The department that it belongs to.
    owner: String,
    /// `awareness` or `warning`.
    kind: &'static str,
    /// A file on the server defines it: it can only be changed there.
    provisioned: bool,
    /// The version that `text` is of; null: a file's.
    version: Option<i64>,
    /// The console's version that is in force.
    version_in_force: Option<i64>,
    /// Whether it runs, as it is or as it was approved last.
    in_force: bool,
    /// The definition, as TOML.
    text: String,
    /// What waits for a decision.
    waiting: Option<Submission>,
}

/// A version.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CampaignVersion)]
struct AVersion {
    /// Its number.
    version: i64,
    /// Who wrote it.
    by: String,
    /// What they said to it.
    comment: String,
    /// When.
    at: DateTime<Utc>,
}

/// A text to be saved.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewText {
    /// The definition, as TOML. An unfinished one can be saved; what is submitted must be well.
    #[schema(max_length = 200_000)]
    text: String,
    /// What to say to it.
    #[serde(default)]
    #[schema(max_length = 1000)]
    comment: String,
}

/// What was saved.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SavedVersion)]
struct NewVersion {
    /// The version that says so.
    version: i64,
}

/// A copy to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Copy {
    /// The copy's name in addresses and files.
    #[schema(pattern = "^[a-z0-9-]{1,64}$", example = "nhan-dien-lua-dao-2")]
    slug: String,
}

/// A version to be approved.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Ask {
    /// Which; the latest one, unless said.
    #[schema(minimum = 1, nullable = false)]
    version: Option<i64>,
    /// What to say to whoever approves.
    #[serde(default)]
    #[schema(max_length = 1000)]
    note: String,
}

/// The number of what waits.
#[derive(Debug, Serialize, ToSchema)]
struct Asked {
    /// By which it is approved or returned.
    #[schema(minimum = 1)]
    submission: i64,
}

fn kind(number: i16) -> &'static str {
    if number == 1 { "warning" } else { "awareness" }
}

/// A campaign that the caller sees: what a file or the console has of it.
async fn found(state: &Shared, caller: &Caller, slug: &str) -> Result<Campaign, Problem> {
    let db = &state.parts.db;
    let library = state.parts.shelf.library(db).await?;
    let source = library.campaigns.get(slug);
    let latest = edition::latest(db, slug).await?.filter(|_| !library.is_provisioned(slug));
    for owner in latest.iter().map(|latest| &latest.owner).chain(source.map(|source| &source.campaign.owner)) {
        caller.sees(owner)?;
    }
    let version_in_force = edition::in_force(db).await?.into_iter().find(|(one, _)| one == slug).map(|(_, version)| version);
    let released = approval::released(db, &state.parts.config, &library).await?;
    let waiting = submission::of_campaign(db, slug).await?.into_iter().next();
    let waiting = waiting.filter(|one| one.standing() == Standing::Waiting).map(Submission::from);
    let in_force = released.iter().any(|kept| kept.source.campaign.slug == slug);
    let (provisioned, slug) = (library.is_provisioned(slug), slug.to_string());
    match (latest, source) {
        (Some(Edition { version, text, title, owner, kind: number, .. }), _) => Ok(Campaign {
            slug,
            title,
            owner,
            kind: kind(number),
            provisioned,
            version: Some(version),
            version_in_force,
            in_force,
            text,
            waiting,
        }),
        (None, Some(source)) => Ok(Campaign {
            slug,
            title: source.campaign.title.clone(),
            owner: source.campaign.owner.clone(),
            kind: kind(source.campaign.kind as i16),
            provisioned,
            version: None,
            version_in_force,
            in_force,
            text: source.text.clone(),
            waiting,
        }),
        (None, None) => Err(Problem::not_found()),
    }
}

#[utoipa::path(get, path = "/campaigns", tag = "campaigns", operation_id = "list_campaigns",
    summary = "Danh sách chiến dịch | The campaigns",
    responses((status = 200, description = "Those that the caller sees, by name", body = List<Line>)))]
async fn list(caller: Caller, extract::State(State(state)): extract::State<State>) -> Result<List<Line>, Problem> {
    caller.needs(Right::ReadCampaigns)?;
    let db = &state.parts.db;
    let library = state.parts.shelf.library(db).await?;
    let released = approval::released(db, &state.parts.config, &library).await?;
    let runs = |slug: &str| released.iter().any(|kept| kept.source.campaign.slug == slug);
    let mut lines: Vec<Line> = edition::all(db)
        .await?
        .into_iter()
        .filter(|edition| !library.is_provisioned(&edition.slug))
        .map(|edition| Line {
            in_force: runs(&edition.slug),
            kind: kind(edition.kind),
            slug: edition.slug,
            title: edition.title,
            owner: edition.owner,
            provisioned: false,
            version: Some(edition.version),
        })
        .collect();
    for (slug, source) in &library.campaigns {
        if !lines.iter().any(|line| line.slug == *slug) {
            lines.push(Line {
                slug: slug.clone(),
                title: source.campaign.title.clone(),
                owner: source.campaign.owner.clone(),
                kind: kind(source.campaign.kind as i16),
                provisioned: library.is_provisioned(slug),
                version: None,
                in_force: runs(slug),
            });
        }
    }
    lines.retain(|line| {
        let source = library.campaigns.get(&line.slug).map(|source| &source.campaign.owner);
        std::iter::once(&line.owner).chain(source).all(|owner| caller.user.departments.sees(owner))
    });
    lines.sort_by(|one, other| one.slug.cmp(&other.slug));
    Ok(List::whole(lines))
}

#[utoipa::path(get, path = "/campaigns/{slug}", tag = "campaigns", operation_id = "read_campaign",
    summary = "Một chiến dịch | One campaign",
    description = "With `Accept: application/toml` the definition alone. `ETag` is the version for `If-Match`.", params(Slug),
    responses((status = 200, description = "As it is written", content((Campaign = "application/json"), (String = "application/toml")),
        headers(("ETag" = String, description = "The version that was read")))))]
async fn read(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Name(slug): Name,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.needs(Right::ReadCampaigns)?;
    let campaign = found(&state, &caller, &slug).await?;
    let version = campaign.version.unwrap_or(0).to_string();
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut response = if accept.split(',').any(|range| range.trim().starts_with("application/toml")) {
        ([(CONTENT_TYPE, HeaderValue::from_static("application/toml; charset=utf-8"))], campaign.text).into_response()
    } else {
        axum::Json(campaign).into_response()
    };
    response.headers_mut().insert(VARY, HeaderValue::from_static("accept"));
    Ok(versioned(response, &version))
}

/// The version that a writer saw: `If-Match` with its `ETag`, or `If-None-Match: *` for a new campaign.
fn base(headers: &HeaderMap) -> Result<i64, Problem> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    match (text(IF_MATCH), text(IF_NONE_MATCH)) {
        (Some(tag), None) => tag.trim_matches('"').parse().map_err(|_| {
            Problem::header(Kind::Changed, "If-Match", phrase!("không có phiên bản này", "there is no such version"))
        }),
        (None, Some("*")) => Ok(0),
        _ => {
            let words = phrase!(
                "gửi `If-Match` với `ETag` đã đọc, hoặc `If-None-Match: *` cho chiến dịch mới",
                "send `If-Match` with the `ETag` that was read, or `If-None-Match: *` for a new campaign"
            );
            Err(Problem::header(Kind::PreconditionRequired, "If-Match", words))
        }
    }
}

fn provisioned(slug: &str) -> Problem {
    Problem::conflict(phrase!(
        "chiến dịch này do tệp {slug}.toml trên máy chủ quy định: chỉ sửa được ở đó",
        "this campaign is defined by the file {slug}.toml on the server: it can only be changed there"
    ))
}

/// Saves a text as the next version of a campaign.
async fn keep(state: &Shared, caller: &Caller, draft: Draft<'_>) -> Result<(i64, bool), Problem> {
    let db = &state.parts.db;
    if draft.text.len() > edition::TEXT_LIMIT || draft.text.contains('\0') {
        let most = edition::TEXT_LIMIT / 1024;
        return Err(Problem::field("/text", phrase!("nhiều nhất {most} KiB văn bản", "at most {most} KiB of text")));
    }
    let library = state.parts.shelf.library(db).await?;
    if library.is_provisioned(draft.slug) {
        return Err(provisioned(draft.slug));
    }
    let latest = edition::latest(db, draft.slug).await?;
    match &latest {
        Some(latest) => caller.sees(&latest.owner)?,
        None => edition::check_slug(&library, draft.slug).map_err(|words| Problem::new(Kind::Invalid, words))?,
    }
    // Nobody gives a campaign to a department that they do not see.
    let head = edition::Head::of(draft.text, latest.as_ref());
    if !caller.user.departments.sees(&head.owner) {
        return Err(Problem::field("/text", phrase!("`owner` là một đơn vị khác", "`owner` is another department")));
    }
    match edition::save_draft(db, draft, &caller.actor, state.parts.clock.millis()).await? {
        Saved::Done(version) => Ok((version, version == 1)),
        Saved::Unchanged(version) => Ok((version, false)),
        Saved::Conflict(theirs) => {
            let (version, name) = (theirs.version, &theirs.made_name);
            Err(Problem::header(
                Kind::Changed,
                "If-Match",
                phrase!("{name} đã lưu phiên bản {version}: hãy đọc lại", "{name} saved version {version}: read it again"),
            ))
        }
    }
}

#[utoipa::path(put, path = "/campaigns/{slug}", tag = "campaigns", operation_id = "save_campaign",
    summary = "Lưu một phiên bản | Save a version",
    description = "`If-Match` names the version that was read; `If-None-Match: *` makes a new campaign. Nothing is sent before it is approved.",
    params(Slug,
        ("If-Match" = Option<String>, Header, description = "The `ETag` that was read"),
        ("If-None-Match" = Option<String>, Header, description = "`*`: there is none yet")),
    request_body = NewText,
    responses((status = 200, description = "The version that says so", body = NewVersion),
        (status = 201, description = "It is new", body = NewVersion),
        (status = 409, description = "A file on the server defines it"),
        (status = 412, description = "Somebody saved another version in between"),
        (status = 428, description = "Say which version was read")))]
async fn save(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Name(slug): Name,
    headers: HeaderMap,
    Json(new): Json<NewText>,
) -> Result<Response, Problem> {
    caller.needs(Right::WriteCampaigns)?;
    at_most("/comment", &new.comment, LONGEST)?;
    let draft = Draft { slug: &slug, text: &new.text, base: base(&headers)?, comment: &new.comment };
    let (version, is_new) = keep(&state, &caller, draft).await?;
    let saved = NewVersion { version };
    let response = if is_new { created(&format!("/api/v1/campaigns/{slug}"), &saved) } else { axum::Json(saved).into_response() };
    Ok(versioned(response, &version.to_string()))
}

#[utoipa::path(get, path = "/campaigns/{slug}/versions", tag = "campaigns", operation_id = "list_campaign_versions",
    summary = "Các phiên bản | The versions", params(Slug),
    responses((status = 200, description = "The newest first", body = List<AVersion>)))]
async fn versions(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Name(slug): Name,
) -> Result<List<AVersion>, Problem> {
    caller.needs(Right::ReadCampaigns)?;
    found(&state, &caller, &slug).await?;
    let versions = edition::versions(&state.parts.db, &slug).await?.into_iter();
    let one = |edition: Edition| AVersion {
        version: edition.version,
        by: edition.made_name,
        comment: edition.comment,
        at: moment(edition.at),
    };
    Ok(List::whole(versions.map(one).collect()))
}

#[utoipa::path(post, path = "/campaigns/{slug}/copies", tag = "campaigns", operation_id = "copy_campaign",
    summary = "Nhân bản | Copy a campaign", params(Slug), request_body = Copy,
    responses((status = 201, description = "A new campaign with the same text", body = NewVersion),
        (status = 409, description = "There is one of this name"), (status = 412, description = "There is one of this name")))]
async fn copy(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Name(slug): Name,
    Json(copy): Json<Copy>,
) -> Result<Response, Problem> {
    caller.needs(Right::WriteCampaigns)?;
    let campaign = found(&state, &caller, &slug).await?;
    let draft = Draft { slug: &copy.slug, text: &campaign.text, base: 0, comment: "" };
    let (version, _) = keep(&state, &caller, draft).await?;
    let response = created(&format!("/api/v1/campaigns/{}", copy.slug), &NewVersion { version });
    Ok(versioned(response, &version.to_string()))
}

#[utoipa::path(post, path = "/campaigns/{slug}/submissions", tag = "campaigns", operation_id = "submit_campaign",
    summary = "Trình phê duyệt | Ask for approval",
    description = "Where nothing needs an approval, it is in force at once.", params(Slug), request_body = Ask,
    responses((status = 201, description = "It waits for somebody else's decision", body = Asked),
        (status = 409, description = "It waits already, or a file defines it")))]
async fn submit(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Name(slug): Name,
    Json(ask): Json<Ask>,
) -> Result<Response, Problem> {
    caller.needs(Right::WriteCampaigns)?;
    at_most("/note", &ask.note, LONGEST)?;
    let campaign = found(&state, &caller, &slug).await?;
    let db = &state.parts.db;
    let Some(version) = ask.version.or(campaign.version).filter(|_| !campaign.provisioned) else {
        return Err(provisioned(&slug));
    };
    let library = state.parts.shelf.library(db).await?;
    let required = approval::is_required(db, &state.parts.config).await?;
    let now = state.parts.clock.millis();
    if let Ok(source) = edition::source(db, &library, &slug, version).await
        && let Some(segment) = Owners::read(db).await?.hidden(&caller.user.departments, &library, &source.campaign)
    {
        let words = phrase!("nhóm {segment} là của đơn vị khác", "the segment {segment} is another department's");
        return Err(Problem::conflict(words));
    }
    let sent = edition::submit(db, &library, required, (&slug, version), &ask.note, &caller.actor, now).await;
    let submission = sent.map_err(|error| match error {
        SubmitError::Db(error) => error.into(),
        SubmitError::Unknown(..) => Problem::field("/version", phrase!("không có phiên bản này", "there is no such version")),
        SubmitError::Broken(problems) => Problem::definition("", &problems),
        SubmitError::Waiting => Problem::conflict(phrase!("phiên bản này đang chờ phê duyệt", "it waits for approval already")),
        SubmitError::Provisioned => provisioned(&slug),
        SubmitError::Archived => Problem::conflict(phrase!(
            "chiến dịch đã lưu trữ: bỏ lưu trữ trước",
            "it is archived: take it out of the archive first"
        )),
    })?;
    if !required {
        state.parts.shelf.look(db).await?;
        state.parts.work.notify_waiters();
    }
    Ok(created(&format!("/api/v1/submissions/{submission}"), &Asked { submission }))
}
