//! `/audience`: whom the office can write to, by list, area and group; the lists that came in; and under it, lists to be taken in
//! ([`uploads`]), one person ([`person`]), what people ask ([`requests`]), and whom nothing is sent to ([`refusals`]).
//!
//! Figures are those of the last count, with its time: no page goes over the people. Who is on a list of a department that the visitor
//! does not see is in no figure and on no page.

mod entry;
mod person;
mod refusals;
mod requests;
mod uploads;

use axum::{
    Router,
    extract::{self, Query},
    response::Response,
    routing::{get, post},
};
use minijinja::{Value, context, value::Serde};
use serde::{Deserialize, Serialize};
use serde_json::json;

pub(super) use uploads::slow_routes;

use super::{
    Named,
    fault::Fault,
    form::Fields,
    visitor::{Visitor, see_other},
};
use crate::{
    audience::{
        figure::{self, Cut, People},
        list::{self, Owners},
        place::Places,
    },
    audit, intake, phrase, request, transaction,
    user::{self, Right},
    web::{Shared, State},
};

pub(super) const TEMPLATES: &[Named] = &[
    ("audience/overview", include_str!("../templates/console/audience/overview.html")),
    ("audience/groups", include_str!("../templates/console/audience/groups.html")),
    ("audience/upload", include_str!("../templates/console/audience/upload.html")),
    ("audience/tabs", include_str!("../templates/console/audience/tabs.html")),
    ("audience/refusals", include_str!("../templates/console/audience/refusals.html")),
    ("audience/suppressed", include_str!("../templates/console/audience/suppressed.html")),
    ("audience/blocked", include_str!("../templates/console/audience/blocked.html")),
    ("people/search", include_str!("../templates/console/people/search.html")),
    ("people/person", include_str!("../templates/console/people/person.html")),
    ("people/erase", include_str!("../templates/console/people/erase.html")),
    ("people/requests", include_str!("../templates/console/people/requests.html")),
    ("people/request", include_str!("../templates/console/people/request.html")),
];

/// Imports on one page.
const IMPORTS: i64 = 20;

pub(super) fn routes() -> Router<State> {
    Router::new()
        .route("/audience", get(overview))
        .route("/audience/groups", get(groups))
        .route("/audience/owner", post(give))
        .merge(uploads::routes())
        .merge(person::routes())
        .merge(requests::routes())
        .merge(refusals::routes())
}

/// The lists, and those of them that a visitor does not see.
struct Seen {
    owners: Owners,
    visitor: Visitor,
}

impl Seen {
    async fn by(state: &Shared, visitor: &Visitor) -> Result<Self, Fault> {
        Ok(Self { owners: list::owners(&state.parts.db).await?, visitor: visitor.clone() })
    }

    fn hidden(&self) -> Vec<&str> {
        self.owners.hidden(|owner| self.visitor.user.departments.sees(owner))
    }

    /// Nothing if the visitor sees whoever is on this list.
    fn list(&self, source: &str) -> Result<(), Fault> {
        self.visitor.sees(self.owners.of(source))
    }
}

/// A line of figures.
#[derive(Serialize)]
struct Line {
    name: String,
    label: String,
    owner: String,
    #[serde(flatten)]
    people: People,
}

/// Something to be shown, for a template.
fn shown<T: Serialize>(value: &T) -> Value {
    Value::from(Serde(value))
}

#[derive(Deserialize)]
struct Wanted {
    /// The province whose wards are shown.
    #[serde(default)]
    province: String,
    /// Imports with a lower number.
    before: Option<i64>,
}

async fn overview(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Fault> {
    visitor.needs(Right::ReadAudience)?;
    let db = &state.parts.db;
    let seen = Seen::by(&state, &visitor).await?;
    let hidden = seen.hidden();
    let lists = figure::read(db, Cut::List, "", &hidden).await?;
    let cut = if wanted.province.is_empty() { Cut::Province } else { Cut::Ward };
    let areas = figure::read(db, cut, &wanted.province, &hidden).await?;
    let places = Places::built_in();
    let area = |code: &str| match (code, cut) {
        ("", _) => visitor.lang.pick("(chưa rõ địa bàn)", "(no area)").to_string(),
        (code, Cut::Ward) => places.name(code).unwrap_or(code).to_string(),
        (code, _) => places.full_name(code).unwrap_or_else(|| code.to_string()),
    };
    let mut areas: Vec<Line> = areas
        .by_name
        .iter()
        .map(|(code, people)| Line { name: code.clone(), label: area(code), owner: String::new(), people: *people })
        .collect();
    areas.sort_by(|one, other| other.people.people.cmp(&one.people.people).then_with(|| one.label.cmp(&other.label)));
    let of_list = |(source, people): (&String, &People)| Line {
        name: source.clone(),
        label: source.clone(),
        owner: seen.owners.of(source).to_string(),
        people: *people,
    };
    let by_list: Vec<Line> = lists.by_name.iter().map(of_list).collect();
    let imports = list::imports(db, wanted.before.unwrap_or(i64::MAX), &hidden, IMPORTS + 1).await?;
    let older = usize::try_from(IMPORTS).ok().and_then(|most| imports.get(most - 1).filter(|_| imports.len() > most));
    let shown_imports: Vec<_> = imports.iter().take(usize::try_from(IMPORTS).unwrap_or(20)).collect();
    let uploads = uploads::open(&state, &visitor).await?;
    let departments: Vec<String> = user::departments(db).await?.into_iter().map(|department| department.name).collect();
    let mine: Vec<&String> = departments.iter().filter(|name| visitor.user.departments.sees(name)).collect();
    let values = context! {
        tab => "overview",
        counted_at => lists.at,
        sum => shown(&lists.sum()),
        lists => shown(&by_list),
        province => &wanted.province,
        province_name => places.full_name(&wanted.province),
        areas => shown(&areas),
        imports => shown(&shown_imports),
        older => older.map(|one| one.id),
        uploads => shown(&uploads),
        departments => shown(&mine),
        requests => shown(&request::queue(db, state.parts.clock.millis()).await?),
        may_write => visitor.can(Right::WriteAudience),
        may_read_person => visitor.can(Right::ReadPerson),
        most_mib => intake::LARGEST / 1024 / 1024,
    };
    Ok(state.view(&visitor, "audience/overview", values))
}

async fn groups(extract::State(State(state)): extract::State<State>, visitor: Visitor) -> Result<Response, Fault> {
    visitor.needs(Right::ReadAudience)?;
    let seen = Seen::by(&state, &visitor).await?;
    let figures = figure::read(&state.parts.db, Cut::Group, "", &seen.hidden()).await?;
    let lines: Vec<Line> = figures
        .by_name
        .iter()
        .map(|(name, people)| Line { name: name.clone(), label: name.clone(), owner: String::new(), people: *people })
        .collect();
    let values = context! { tab => "groups", counted_at => figures.at, groups => shown(&lines), may_read_person => visitor.can(Right::ReadPerson) };
    Ok(state.view(&visitor, "audience/groups", values))
}

/// Gives a list to a department.
async fn give(extract::State(State(state)): extract::State<State>, visitor: Visitor, fields: Fields) -> Result<Response, Fault> {
    visitor.needs(Right::WriteAudience)?;
    let (source, owner) = (fields.get("source"), fields.get("owner"));
    let seen = Seen::by(&state, &visitor).await?;
    seen.list(source)?;
    visitor.sees(owner)?;
    let known = user::departments(&state.parts.db).await?;
    let lists = figure::read(&state.parts.db, Cut::List, "", &seen.hidden()).await?;
    if !lists.by_name.contains_key(source) || !(owner.is_empty() || known.iter().any(|department| department.name == owner)) {
        return Err(Fault::Invalid(phrase!("Không có đơn vị hoặc danh sách này.", "There is no such department or list.")));
    }
    let (before, after) = (json!({ "owner": seen.owners.of(source) }), json!({ "owner": owner }));
    let now = state.parts.clock.millis();
    transaction!(state.parts.db, |tx| {
        list::give(tx, source, owner).await?;
        audit::record(tx, &visitor.actor, "audience.owner", source, Some(&before), Some(&after), now).await
    })?;
    visitor
        .flash(&phrase!("Đã đổi đơn vị quản lý danh sách {source}.", "The list {source} belongs to another department now."))
        .await?;
    Ok(see_other("/audience"))
}
