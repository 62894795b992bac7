//! How many people a segment means, finished or not; and the groups of the list, which its form offers.

use std::time::Duration;

use axum::{
    extract,
    response::{Html, IntoResponse as _, Response},
};
use minijinja::{Value, context};

use super::{Hand, Said, TEXT_LIMIT, Work, library, typed_work};
use crate::{
    audience::{count, segment::compile},
    campaign::{Library, Segment},
    db::Sql,
    edition::segments::is_of_file,
    on, phrase,
    user::Right,
    web::{
        Shared, State,
        console::{desk::Reading, fault::Fault, form::Fields, visitor::Visitor, when},
    },
    words::Lang,
};

/// How long a page waits for a count that nearly is there; and a part of a page that a script asks for.
pub(super) const PAGE: Duration = Duration::from_millis(20);
const PART: Duration = Duration::from_millis(250);

/// How many people it means, as a part of a page.
pub(super) async fn show(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    typed: Fields,
) -> Result<Response, Fault> {
    visitor.needs(Right::ReadAudience)?;
    let mut work = typed_work(&typed, typed.get("slug").to_string());
    if work.body.len() > TEXT_LIMIT {
        return Err(Fault::TooLarge(phrase!("Nhóm quá dài.", "The segment is too long.")));
    }
    work.take_in(&typed, &mut Said::default());
    let library = library(&state).await?;
    let count = counted(&state, &library, &work, visitor.lang, PART).await;
    let all = context! { lang => visitor.lang.pick("vi", "en"), count => count };
    let html = state.pages.render("segments/count_part", all).map_err(anyhow::Error::from)?;
    Ok(Html(html).into_response())
}

/// The values of the template `segments/count`.
pub(super) async fn counted(state: &Shared, library: &Library, work: &Work, lang: Lang, patience: Duration) -> Value {
    let segments = if work.hand == Hand::Fixed && is_of_file(library, &work.slug) {
        library.segments.clone()
    } else {
        // A title that is not yet written changes no count.
        let text = work.text().replacen("title = \"\"", "title = \"-\"", 1);
        match library.with_segment(work.name(), &text) {
            Ok(segments) => segments,
            Err(_) => return context! { state => "unfinished" },
        }
    };
    let db = &state.parts.db;
    let now = state.parts.clock.millis();
    let lookup = |slug: &str| segments.get(slug).map(|segment: &Segment| &segment.condition);
    // Within a minute the question is the same, and so is its answer.
    let compiled =
        lookup(work.name()).and_then(|condition| compile(condition, &lookup, db.engine(), 1, now - now.rem_euclid(60_000)).ok());
    let Some(compiled) = compiled else { return context! { state => "unfinished" } };
    let (asked, of) = (db.clone(), compiled.clone());
    let counting = async move { count::count(&asked, &of, now).await };
    match state.desk.people.ask(compiled, now, patience, counting).await {
        Reading::Counting => context! { state => "counting" },
        Reading::Failed => context! { state => "failed" },
        Reading::Counted(count, at) => context! {
            state => "counted", people => count.people, phone => count.phone, email => count.email, chat => count.chat,
            refused => count.refused, blocked => count.blocked, at => when::moment(at, lang),
        },
    }
}

static GROUPS: Sql = Sql::new(r"SELECT DISTINCT grp FROM membership ORDER BY grp LIMIT 500");

/// The groups of the list, as far as they are known by now.
pub(super) async fn groups(state: &Shared) -> Vec<String> {
    let db = state.parts.db.clone();
    let asked = async move { on!(db.read, |pool, sql| sqlx::query_scalar::<_, String>(sql(&GROUPS)).fetch_all(pool).await) };
    match state.desk.groups.ask((), state.parts.clock.millis(), PAGE, asked).await {
        Reading::Counted(groups, _) => groups,
        Reading::Counting | Reading::Failed => Vec::new(),
    }
}
