//! Who is in the list: how many people, by list, place, group and segment; and what was imported.

use std::time::Duration;

use axum::{
    extract,
    response::{IntoResponse as _, Response},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    answer::{List, moment},
    caller::Caller,
    figures::Counting,
    input::{Name, Paging, Query, Slug},
    problem::{Kind, Problem},
};
use crate::{
    audience::{
        count::count,
        figure::{self, Cut},
        list,
        place::Places,
        segment::compile,
    },
    campaign::Condition,
    edition::Owners,
    phrase,
    user::Right,
    web::{State, console::desk::Reading},
};

/// How long a request waits for a count.
const PATIENCE: Duration = Duration::from_secs(10);
const MINUTE: i64 = 60_000;

pub(super) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(figures)).routes(routes!(imports)).routes(routes!(segments)).routes(routes!(segment))
}

/// By what people are counted.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AudienceCut)]
enum By {
    #[default]
    List,
    Province,
    Ward,
    Group,
}

/// How to count.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// By what.
    #[serde(default)]
    #[param(inline, default = "list")]
    by: By,
    /// The province whose wards are counted, by its code: for `by=ward`, and for nothing else.
    province: Option<String>,
}

/// How many people are in the lists that the caller sees.
#[derive(Debug, Serialize, ToSchema)]
struct Audience {
    /// When they were counted; null: they were not yet.
    at: Option<DateTime<Utc>>,
    /// Line by line.
    lines: Vec<AudienceLine>,
}

/// One line.
#[derive(Debug, Serialize, ToSchema)]
struct AudienceLine {
    /// What programs know it by: a list's or group's name, a place's code; empty: no place is known.
    key: String,
    /// What people read.
    name: String,
    /// The department that a list belongs to; empty: nobody's.
    owner: String,
    /// All of them. Somebody in two groups is in both lines.
    #[schema(minimum = 0)]
    people: i64,
    /// With a phone number.
    #[schema(minimum = 0)]
    phone: i64,
    /// With a mail address.
    #[schema(minimum = 0)]
    email: i64,
    /// With a chat id.
    #[schema(minimum = 0)]
    chat: i64,
}

#[utoipa::path(get, path = "/audience", tag = "audience", operation_id = "count_audience",
    summary = "Có bao nhiêu người nhận | How many people there are",
    description = "As counted in the background after the last change.", params(Wanted),
    responses((status = 200, description = "The counts", body = Audience),
        (status = 422, description = "A province without `by=ward`, or the other way round")))]
async fn figures(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Query(wanted): Query<Wanted>,
) -> Result<axum::Json<Audience>, Problem> {
    caller.needs(Right::ReadAudience)?;
    let db = &state.parts.db;
    let lists = caller.lists(db).await?;
    let (cut, within) = match (wanted.by, &wanted.province) {
        (By::Ward, Some(province)) => (Cut::Ward, province.as_str()),
        (By::Ward, None) | (_, Some(_)) => {
            let words =
                phrase!("nêu tỉnh, thành phố khi `by=ward`, và chỉ khi đó", "name a province for `by=ward`, and only then");
            return Err(Problem::at_odds("province", words));
        }
        (By::List, None) => (Cut::List, ""),
        (By::Province, None) => (Cut::Province, ""),
        (By::Group, None) => (Cut::Group, ""),
    };
    let counted = figure::read(db, cut, within, &lists.hidden()).await?;
    let places = Places::built_in();
    let name = |key: &str| match cut {
        Cut::Province => places.full_name(key).unwrap_or_else(|| key.to_string()),
        Cut::Ward => places.name(key).unwrap_or(key).to_string(),
        Cut::List | Cut::Group => key.to_string(),
    };
    let lines = counted.by_name.into_iter().map(|(key, people)| AudienceLine {
        name: name(&key),
        owner: if cut == Cut::List { lists.owner(&key).to_string() } else { String::new() },
        people: people.people,
        phone: people.phone,
        email: people.email,
        chat: people.chat,
        key,
    });
    Ok(axum::Json(Audience { at: (counted.at > 0).then(|| moment(counted.at)), lines: lines.collect() }))
}

/// A list that was taken in.
#[derive(Debug, Serialize, ToSchema)]
struct Import {
    /// Its number.
    #[schema(minimum = 1)]
    id: i64,
    /// The list.
    source: String,
    /// Whoever it no longer named was retired.
    replaces: bool,
    /// Rows dealt with.
    #[schema(minimum = 0)]
    rows: i64,
    /// Of these, refused.
    #[schema(minimum = 0)]
    rejected: i64,
    /// People who were not known before.
    #[schema(minimum = 0)]
    added: i64,
    /// When it began.
    began_at: DateTime<Utc>,
    /// When it was done; null: it goes on, or broke off.
    ended_at: Option<DateTime<Utc>>,
}

#[utoipa::path(get, path = "/imports", tag = "audience", operation_id = "list_imports",
    summary = "Các lần nhập danh sách | The imports", description = "The latest first.", params(Paging),
    responses((status = 200, description = "A page of those whose list the caller sees", body = List<Import>)))]
async fn imports(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Query(paging): Query<Paging>,
) -> Result<List<Import>, Problem> {
    caller.needs(Right::ReadAudience)?;
    let (before, limit) = paging.window()?;
    let db = &state.parts.db;
    let rows = list::imports(db, before, &caller.lists(db).await?.hidden(), limit).await?;
    let items = rows.into_iter().map(|row| Import {
        id: row.id,
        source: row.source,
        replaces: row.replaces,
        rows: row.rows,
        rejected: row.rejected,
        added: row.added,
        began_at: moment(row.started_at),
        ended_at: row.finished_at.map(moment),
    });
    Ok(List::page(items.collect(), limit, "/api/v1/imports", |import| import.id))
}

/// A segment of the list.
#[derive(Debug, Serialize, ToSchema)]
struct Segment {
    /// Its name in campaigns.
    slug: String,
    /// What people call it.
    title: String,
}

/// A segment, and how many people it is now.
#[derive(Debug, Serialize, ToSchema)]
struct CountedSegment {
    /// Its name in campaigns.
    slug: String,
    /// What people call it.
    title: String,
    /// When it was counted.
    at: DateTime<Utc>,
    /// How many people it is.
    count: Counted,
}

/// People who are active in their lists.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PeopleCount)]
struct Counted {
    /// All of them, each once.
    #[schema(minimum = 0)]
    people: i64,
    /// With a phone number.
    #[schema(minimum = 0)]
    phone: i64,
    /// With a mail address.
    #[schema(minimum = 0)]
    email: i64,
    /// With a chat id.
    #[schema(minimum = 0)]
    chat: i64,
    /// With an address that refuses messages.
    #[schema(minimum = 0)]
    refused: i64,
}

#[utoipa::path(get, path = "/segments", tag = "audience", operation_id = "list_segments",
    summary = "Các nhóm người nhận | The segments",
    responses((status = 200, description = "Those that the caller sees", body = List<Segment>)))]
async fn segments(caller: Caller, extract::State(State(state)): extract::State<State>) -> Result<List<Segment>, Problem> {
    caller.needs(Right::ReadAudience)?;
    let library = state.parts.library.read().map(|library| library.clone()).unwrap_or_default();
    let one = |segment: &crate::campaign::Segment| Segment { slug: segment.slug.clone(), title: segment.title.clone() };
    let owners = Owners::read(&state.parts.db).await?;
    let seen = library.segments.iter().filter(|segment| owners.shows(&caller.user.departments, &segment.slug));
    Ok(List::whole(seen.map(one).collect()))
}

#[utoipa::path(get, path = "/segments/{slug}", tag = "audience", operation_id = "count_segment",
    summary = "Một nhóm có bao nhiêu người | How many people a segment is",
    description = "Counted when asked, at most once a minute. Where the list holds millions that takes a while: 202 says to ask again.", params(Slug),
    responses((status = 200, description = "The segment as it stood then", body = CountedSegment),
        (status = 202, description = "It is being counted", body = Counting, headers(("Retry-After" = u16, description = "Seconds")))))]
async fn segment(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Name(slug): Name,
) -> Result<Response, Problem> {
    caller.needs(Right::ReadAudience)?;
    let library = state.parts.library.read().map(|library| library.clone()).unwrap_or_default();
    let segment = library.segments.get(&slug).ok_or_else(Problem::not_found)?;
    caller.sees(Owners::read(&state.parts.db).await?.of(&slug))?;
    let (db, now) = (&state.parts.db, state.parts.clock.millis());
    let lookup = |slug: &str| library.segments.get(slug).map(|segment| &segment.condition);
    let whole = Condition { segments: vec![slug.clone()], ..Condition::default() };
    // Within a minute the question is the same, and so is its answer: however many ask, the list is gone over once.
    let compiled = compile(&whole, &lookup, db.engine(), 1, now - now.rem_euclid(MINUTE)).map_err(anyhow::Error::from)?;
    let (asked, of) = (db.clone(), compiled.clone());
    let counting = async move { count(&asked, &of, now).await };
    match state.desk.people.ask(compiled, now, PATIENCE, counting).await {
        Reading::Counting => Ok(Counting::now().into_response()),
        Reading::Failed => {
            let words = phrase!("không đếm được: hãy thử lại sau", "it could not be counted: try again later");
            Err(Problem { retry_after: Some(5), ..Problem::new(Kind::Unavailable, words) })
        }
        Reading::Counted(counted, at) => {
            let count = Counted {
                people: counted.people,
                phone: counted.phone,
                email: counted.email,
                chat: counted.chat,
                refused: counted.refused,
            };
            let segment = CountedSegment { slug, title: segment.title.clone(), at: moment(at), count };
            Ok(axum::Json(segment).into_response())
        }
    }
}
