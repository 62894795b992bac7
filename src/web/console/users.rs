//! `/users` and `/departments`: who may sign in, what they may do, and whose campaigns they see. For administrators.

mod departments;
mod one;

use std::collections::BTreeMap;

use axum::{
    Router, extract,
    response::Response,
    routing::{get, post},
};
use minijinja::{Value, context};

use super::{
    Named,
    fault::Fault,
    form::{Fields, Mistakes},
    visitor::Visitor,
    when::moment,
};
use crate::{
    outlet::{self, Outlet},
    phrase,
    relay::partner::Unfit,
    user::{self, Department, Refused, Right, Role, Roles, User},
    web::{Shared, State},
    words::Lang,
};

pub(super) const TEMPLATES: &[Named] = &[
    ("console/users/list", include_str!("../templates/console/users/list.html")),
    ("console/users/new", include_str!("../templates/console/users/new.html")),
    ("console/users/one", include_str!("../templates/console/users/one.html")),
    ("console/users/fields", include_str!("../templates/console/users/fields.html")),
    ("console/users/link", include_str!("../templates/console/users/link.html")),
    ("console/users/departments", include_str!("../templates/console/users/departments.html")),
];

pub(super) fn routes() -> Router<State> {
    Router::new()
        .route("/users", get(list).post(one::add))
        .route("/users/new", get(one::ask))
        .route("/users/{id}", get(one::show).post(one::change))
        .route("/users/{id}/invite", post(one::invite))
        .route("/users/{id}/disable", post(one::disable))
        .route("/users/{id}/enable", post(one::enable))
        .route("/users/{id}/two-factor/off", post(one::remove_second_factor))
        .route("/departments", get(departments::show).post(departments::add))
        .route("/departments/{id}", post(departments::rename))
        .route("/departments/{id}/remove", post(departments::remove))
}

impl From<Refused> for Fault {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::NoSuchUser | Refused::NoSuchDepartment => Self::NotFound,
            other => Self::Conflict(other.words()),
        }
    }
}

fn role_labels(roles: Roles, lang: Lang) -> Vec<String> {
    roles.iter().map(|role| role.label().text(lang).to_string()).collect()
}

fn standing(user: &User, lang: Lang) -> (&'static str, &'static str) {
    if user.disabled_at.is_some() {
        (lang.pick("đã khóa", "disabled"), "bad")
    } else if !user.has_password && !user.has_subject {
        (lang.pick("chưa nhận lời mời", "invited"), "amber")
    } else {
        (lang.pick("đang hoạt động", "active"), "good")
    }
}

async fn list(extract::State(State(state)): extract::State<State>, visitor: Visitor) -> Result<Response, Fault> {
    visitor.needs(Right::ManageUsers)?;
    let lang = visitor.lang;
    let db = &state.parts.db;
    let acting = outlet::of_users(db).await?;
    let outlets: BTreeMap<i64, String> =
        outlet::without_contacts(db).await?.into_iter().map(|outlet| (outlet.id, outlet.title)).collect();
    let users: Vec<Value> = user::list(db)
        .await?
        .iter()
        .map(|user| {
            let (standing, tone) = standing(user, lang);
            context! {
                id => user.id,
                name => user.name.clone(),
                email => user.email.clone(),
                roles => role_labels(user.roles, lang),
                everything => user.departments.is_everything(),
                departments => user.departments.names().map(str::to_string).collect::<Vec<_>>(),
                outlet => acting.get(&user.id).and_then(|id| outlets.get(id)),
                second_factor => user.has_second_factor,
                signed_in => user.signed_in_at.map(|at| moment(at, lang)),
                standing => standing,
                tone => tone,
            }
        })
        .collect();
    Ok(state.view(&visitor, "console/users/list", context! { users => users }))
}

/// What a form about a user says.
#[derive(Debug, Default)]
struct Entered {
    name: String,
    email: String,
    roles: Vec<String>,
    everything: bool,
    departments: Vec<String>,
    /// The slug of the outlet that a partner acts for.
    outlet: String,
}

impl Entered {
    fn of_form(fields: &Fields) -> Self {
        let all = |name: &str| fields.all(name).map(str::to_string).collect();
        Self {
            name: fields.get("name").to_string(),
            email: fields.get("email").to_string(),
            roles: all("role"),
            everything: fields.get("scope") == "all",
            departments: all("department"),
            outlet: fields.get("outlet").to_string(),
        }
    }

    fn of_user(user: &User, departments: &[Department], outlet: Option<&Outlet>) -> Self {
        let mine: Vec<&str> = user.departments.names().collect();
        let theirs = departments.iter().filter(|department| mine.contains(&department.name.as_str()));
        Self {
            name: user.name.clone(),
            email: user.email.clone(),
            roles: user.roles.names().into_iter().map(str::to_string).collect(),
            everything: user.departments.is_everything(),
            departments: theirs.map(|department| department.id.to_string()).collect(),
            outlet: outlet.map(|outlet| outlet.slug.clone()).unwrap_or_default(),
        }
    }

    /// Whether they are a partner and nothing else: what departments see is not theirs.
    fn is_partner_alone(&self) -> bool {
        self.roles().iter().all(|role| role == Role::Partner) && !self.roles.is_empty()
    }

    /// The slug of their outlet, also where its name was typed; as typed where there is none of that name.
    fn outlet<'o>(&'o self, outlets: &'o [Outlet]) -> Option<&'o str> {
        let typed = Some(self.outlet.as_str()).filter(|typed| !typed.is_empty())?;
        let mut called = outlets.iter().filter(|outlet| outlet.title == typed);
        let by_title = called.next().filter(|_| called.next().is_none()).map(|outlet| outlet.slug.as_str());
        let by_slug = outlets.iter().find(|outlet| outlet.slug == typed).map(|outlet| outlet.slug.as_str());
        Some(by_slug.or(by_title).unwrap_or(typed))
    }

    fn roles(&self) -> Roles {
        self.roles.iter().filter_map(|name| Role::named(name)).collect()
    }

    fn departments(&self) -> Vec<i64> {
        self.departments.iter().filter_map(|id| id.parse().ok()).collect()
    }

    /// What is wrong with it, but for the address.
    fn mistakes(&self) -> Mistakes {
        let mut mistakes = Mistakes::default();
        if user::name(&self.name).is_none() {
            mistakes.add("name", phrase!("Nhập họ tên, nhiều nhất 100 ký tự", "Enter the name, at most 100 characters"));
        }
        if self.roles().is_empty() {
            mistakes.add("role", phrase!("Chọn ít nhất một vai trò", "Choose at least one role"));
        }
        if self.roles().has(Role::Partner) && self.outlet.is_empty() {
            mistakes.add("outlet", Unfit::NoOutlet.words().capital());
        }
        if !self.everything && self.departments().is_empty() && !self.is_partner_alone() {
            mistakes.add(
                "department",
                phrase!("Chọn ít nhất một đơn vị, hoặc cho xem tất cả", "Choose at least one department, or let them see all"),
            );
        }
        mistakes
    }

    fn values(&self, departments: &[Department], outlets: &[Outlet], mistakes: &Mistakes, lang: Lang) -> Value {
        let options =
            |role: Role| context! { value => role.name(), label => role.label().text(lang), why => role.about().text(lang) };
        context! {
            name => self.name.clone(),
            email => self.email.clone(),
            chosen_roles => self.roles.clone(),
            scope => if self.everything { "all" } else { "some" },
            chosen_departments => self.departments.clone(),
            roles => Role::ALL.map(options).to_vec(),
            departments => departments.iter().map(|d| context! { value => d.id.to_string(), label => d.name.clone(), why => "" }).collect::<Vec<_>>(),
            outlet => self.outlet.clone(),
            outlets => outlets.iter().map(|outlet| context! { slug => outlet.slug.clone(), title => outlet.title.clone() }).collect::<Vec<_>>(),
            mistakes => mistakes.list(lang),
            errors => mistakes.by_field(lang),
        }
    }
}

/// A link's page: shown at once and not by way of another page, because only its hash is kept.
fn link_page(state: &Shared, visitor: &Visitor, user: &User, secret: &str, until: i64) -> Response {
    let values = context! {
        id => user.id,
        name => user.name.clone(),
        link => format!("{}/invitation/{secret}", state.parts.config.console_url()),
        until => moment(until, visitor.lang),
    };
    state.view(visitor, "console/users/link", values)
}
