//! Who is in the list: segments, and how many people they are.

use axum::extract;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{answer::List, caller::Caller, input::Name, problem::Problem};
use crate::{
    audience::{count::count, segment::compile},
    campaign::Condition,
    user::Right,
    web::State,
};

pub(super) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(segments)).routes(routes!(segment))
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
    /// How many people it is.
    count: People,
}

/// People who are active in their lists.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PeopleCount)]
struct People {
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

/// A segment's name.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "describes a parameter")]
struct Slug {
    /// The segment's name.
    slug: String,
}

#[utoipa::path(get, path = "/segments", tag = "audience", operation_id = "list_segments",
    summary = "Các nhóm người nhận | The segments",
    responses((status = 200, description = "All of them", body = List<Segment>)))]
async fn segments(caller: Caller, extract::State(State(state)): extract::State<State>) -> Result<List<Segment>, Problem> {
    caller.needs(Right::ReadAudience)?;
    let library = state.parts.library.read().map(|library| library.clone()).unwrap_or_default();
    let one = |segment: &crate::campaign::Segment| Segment { slug: segment.slug.clone(), title: segment.title.clone() };
    Ok(List::whole(library.segments.iter().map(one).collect()))
}

#[utoipa::path(get, path = "/segments/{slug}", tag = "audience", operation_id = "count_segment",
    summary = "Một nhóm có bao nhiêu người | How many people a segment is",
    description = "Counted when asked: that takes seconds where the list holds millions.", params(Slug),
    responses((status = 200, description = "The segment as it stands", body = CountedSegment)))]
async fn segment(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Name(slug): Name,
) -> Result<axum::Json<CountedSegment>, Problem> {
    caller.needs(Right::ReadAudience)?;
    let library = state.parts.library.read().map(|library| library.clone()).unwrap_or_default();
    let segment = library.segments.get(&slug).ok_or_else(Problem::not_found)?;
    let (db, now) = (&state.parts.db, state.parts.clock.millis());
    let lookup = |slug: &str| library.segments.get(slug).map(|segment| &segment.condition);
    let whole = Condition { segments: vec![slug.clone()], ..Condition::default() };
    let compiled = compile(&whole, &lookup, db.engine(), 1, now).map_err(anyhow::Error::from)?;
    let counted = count(db, &compiled, now).await?;
    let count = People {
        people: counted.people,
        phone: counted.phone,
        email: counted.email,
        chat: counted.chat,
        refused: counted.refused,
    };
    Ok(axum::Json(CountedSegment { slug, title: segment.title.clone(), count }))
}
