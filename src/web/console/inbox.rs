//! `/inbox`: what somebody should know of or do something about, as far as it is theirs; marked as read by each for themselves.

use axum::{
    Router,
    extract::{self, Query},
    response::Response,
    routing::{get, post},
};
use minijinja::{Value, context, value::Serde};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::{
    Named,
    fault::Fault,
    form::Fields,
    visitor::{Visitor, see_other},
};
use crate::{
    notice::{self, Notice, Reader},
    phrase,
    user::Right,
    web::State,
};

pub(super) const TEMPLATES: &[Named] = &[("inbox/list", include_str!("../templates/console/inbox/list.html"))];

pub(super) fn routes() -> Router<State> {
    Router::new().route("/inbox", get(list)).route("/inbox/read", post(read))
}

#[derive(Deserialize)]
struct Wanted {
    /// `over`: what is over.
    #[serde(default)]
    show: String,
}

fn line(notice: &Notice, visitor: &Visitor) -> Json {
    json!({
        "id": notice.id, "text": notice.text(visitor.lang), "page": notice.page, "urgent": notice.urgent,
        "kind": notice.kind().map(notice::Kind::name), "began_at": notice.began_at, "ended_at": notice.ended_at,
        "read": notice.is_read,
    })
}

async fn list(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Fault> {
    visitor.is_of_office()?;
    let over = wanted.show == "over";
    let user = &visitor.user;
    let reader = Reader { user: user.id, may: &|right: Right| user.can(right), sees: &|owner| user.departments.sees(owner) };
    let notices = notice::list(&state.parts.db, &reader, over).await?;
    let lines: Vec<Json> = notices.iter().map(|notice| line(notice, &visitor)).collect();
    let unread = notices.iter().any(|notice| !notice.is_read);
    Ok(state.view(&visitor, "inbox/list", context! { over, notices => Value::from(Serde(&lines)), unread }))
}

/// Marks what the form names as read: one notice, or all that its page showed.
async fn read(extract::State(State(state)): extract::State<State>, visitor: Visitor, fields: Fields) -> Result<Response, Fault> {
    visitor.is_of_office()?;
    let ids: Vec<i64> = fields.all("notice").filter_map(|id| id.parse().ok()).collect();
    let user = &visitor.user;
    let reader = Reader { user: user.id, may: &|right: Right| user.can(right), sees: &|owner| user.departments.sees(owner) };
    let marked = notice::mark(&state.parts.db, &reader, &ids, state.parts.clock.millis()).await?;
    if marked > 1 {
        visitor.flash(&phrase!("Đã đánh dấu {marked} việc là đã đọc.", "{marked} are marked as read.")).await?;
    }
    Ok(see_other("/inbox"))
}
