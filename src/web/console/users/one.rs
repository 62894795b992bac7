//! One user: added, changed, invited, helped with a forgotten password, disabled.

use axum::{
    extract::{self, Path, Query},
    response::Response,
};
use minijinja::context;

use super::{Entered, link_page, role_labels, standing};
use crate::{
    outlet::{self, Outlet},
    phrase,
    relay::partner::{self, Unfit},
    user::{self, Change, New, Refused, Right, Role, User, invitation, second_factor},
    web::{
        Shared, State,
        console::{
            fault::Fault,
            form::{Fields, Mistakes},
            visitor::{Visitor, see_other},
            when::moment,
        },
    },
};

async fn found(state: &Shared, id: i64) -> Result<User, Fault> {
    user::find(&state.parts.db, id).await?.ok_or(Fault::NotFound)
}

/// The outlet that a user acts for.
async fn own(state: &Shared, user: &User) -> Result<Option<Outlet>, Fault> {
    match outlet::user_outlet(&state.parts.db, user.id).await? {
        Some(id) => Ok(outlet::find(&state.parts.db, &state.parts.seal, id).await?),
        None => Ok(None),
    }
}

async fn new_page(state: &Shared, visitor: &Visitor, entered: &Entered, mistakes: &Mistakes) -> Result<Response, Fault> {
    let departments = user::departments(&state.parts.db).await?;
    let outlets = outlet::without_contacts(&state.parts.db).await?;
    let values = entered.values(&departments, &outlets, mistakes, visitor.lang);
    Ok(state.view_as(mistakes.status(), visitor, "console/users/new", values))
}

/// With what a link may say: an outlet's page offers to add who acts for it.
#[derive(serde::Deserialize)]
pub struct Meant {
    #[serde(default)]
    outlet: String,
}

pub async fn ask(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Query(Meant { outlet }): Query<Meant>,
) -> Result<Response, Fault> {
    visitor.needs(Right::ManageUsers)?;
    let roles = if outlet.is_empty() { Vec::new() } else { vec![Role::Partner.name().to_string()] };
    let entered = Entered { everything: outlet.is_empty(), outlet, roles, ..Entered::default() };
    new_page(&state, &visitor, &entered, &Mistakes::default()).await
}

/// Adds a user, and shows the link by which they set a password.
pub async fn add(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    fields: Fields,
) -> Result<Response, Fault> {
    visitor.needs(Right::ManageUsers)?;
    let entered = Entered::of_form(&fields);
    let mut mistakes = entered.mistakes();
    let email = user::email(&entered.email);
    if email.is_none() {
        mistakes.add(
            "email",
            phrase!("Nhập một địa chỉ e-mail, ví dụ an@so.example.vn", "Enter an e-mail address such as an@office.example.com"),
        );
    }
    let (Some(email), Some(name), true) = (email, user::name(&entered.name), mistakes.is_empty()) else {
        return new_page(&state, &visitor, &entered, &mistakes).await;
    };
    let (db, now) = (&state.parts.db, state.parts.clock.millis());
    let new =
        New { email, name, roles: entered.roles(), every_department: entered.everything, departments: entered.departments() };
    let outlets = outlet::without_contacts(db).await?;
    let id = match partner::add(db, &new, entered.outlet(&outlets), &visitor.actor, now).await? {
        Ok(id) => id,
        Err(unfit) => {
            mistakes.add(field(&unfit)?, unfit.words());
            return new_page(&state, &visitor, &entered, &mistakes).await;
        }
    };
    give_link(&state, &visitor, &found(&state, id).await?).await
}

/// Beside which field it is told why somebody is not written.
fn field(unfit: &Unfit) -> Result<&'static str, Fault> {
    match unfit {
        Unfit::User(Refused::Taken) => Ok("email"),
        Unfit::User(Refused::NoSuchDepartment) => Ok("department"),
        Unfit::User(Refused::LastAdministrator) => Ok("role"),
        Unfit::User(refused) => Err((*refused).into()),
        Unfit::Outlet(_) | Unfit::NoOutlet => Ok("outlet"),
    }
}

async fn give_link(state: &Shared, visitor: &Visitor, user: &User) -> Result<Response, Fault> {
    let (db, seal, now) = (&state.parts.db, &state.parts.seal, state.parts.clock.millis());
    let reset = user.has_password;
    let secret = invitation::make(db, seal, user.id, reset, &visitor.actor, now).await?.map_err(Fault::from)?;
    let until = now + if reset { invitation::FORGOTTEN } else { invitation::INVITED };
    Ok(link_page(state, visitor, user, &secret.0, until))
}

async fn page(state: &Shared, visitor: &Visitor, user: &User, entered: &Entered, mistakes: &Mistakes) -> Result<Response, Fault> {
    let departments = user::departments(&state.parts.db).await?;
    let outlets = outlet::without_contacts(&state.parts.db).await?;
    let acts_for = own(state, user).await?;
    let (standing, tone) = standing(user, visitor.lang);
    let values = context! {
        id => user.id,
        title => user.name.clone(),
        email => user.email.clone(),
        role_labels => role_labels(user.roles, visitor.lang),
        standing => standing,
        tone => tone,
        disabled => user.disabled_at.is_some(),
        has_password => user.has_password,
        second_factor => user.has_second_factor,
        linked => user.has_subject,
        created => moment(user.created_at, visitor.lang),
        signed_in => user.signed_in_at.map(|at| moment(at, visitor.lang)),
        oneself => user.id == visitor.user.id,
        is_partner => user.roles.has(Role::Partner),
        acts_for => acts_for.map(|outlet| context! { slug => outlet.slug, title => outlet.title, active => outlet.active }),
        may_see_outlets => visitor.can(Right::ReadOrders),
        ..entered.values(&departments, &outlets, mistakes, visitor.lang)
    };
    Ok(state.view_as(mistakes.status(), visitor, "console/users/one", values))
}

pub async fn show(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(id): Path<i64>,
) -> Result<Response, Fault> {
    visitor.needs(Right::ManageUsers)?;
    let user = found(&state, id).await?;
    let acts_for = own(&state, &user).await?;
    let entered = Entered::of_user(&user, &user::departments(&state.parts.db).await?, acts_for.as_ref());
    page(&state, &visitor, &user, &entered, &Mistakes::default()).await
}

pub async fn change(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(id): Path<i64>,
    fields: Fields,
) -> Result<Response, Fault> {
    visitor.needs(Right::ManageUsers)?;
    let user = found(&state, id).await?;
    let entered = Entered::of_form(&fields);
    let mut mistakes = entered.mistakes();
    let (Some(name), true) = (user::name(&entered.name), mistakes.is_empty()) else {
        return page(&state, &visitor, &user, &entered, &mistakes).await;
    };
    let to = Change { name, roles: entered.roles(), every_department: entered.everything, departments: entered.departments() };
    let (db, now) = (&state.parts.db, state.parts.clock.millis());
    let outlets = outlet::without_contacts(db).await?;
    match partner::change(db, id, &to, entered.outlet(&outlets), &visitor.actor, now).await? {
        Ok(()) => {
            visitor.flash(&phrase!("Đã lưu.", "Saved.")).await?;
            Ok(see_other(&format!("/users/{id}")))
        }
        Err(unfit) => {
            mistakes.add(field(&unfit)?, unfit.words());
            page(&state, &visitor, &user, &entered, &mistakes).await
        }
    }
}

pub async fn invite(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(id): Path<i64>,
    _fields: Fields,
) -> Result<Response, Fault> {
    visitor.needs(Right::ManageUsers)?;
    let user = found(&state, id).await?;
    give_link(&state, &visitor, &user).await
}

async fn set_disabled(state: &Shared, visitor: &Visitor, id: i64, disabled: bool) -> Result<Response, Fault> {
    visitor.needs(Right::ManageUsers)?;
    let now = state.parts.clock.millis();
    user::disable(&state.parts.db, id, disabled, &visitor.actor, now).await?.map_err(Fault::from)?;
    let words = if disabled {
        phrase!(
            "Đã khóa: mọi phiên, mã truy cập và đường dẫn của người này đã kết thúc.",
            "Disabled: their sessions, tokens and links have ended."
        )
    } else {
        phrase!("Người này đăng nhập lại được.", "They can sign in again.")
    };
    // Whoever disabled themselves has no session left to say it in.
    if !(disabled && id == visitor.user.id) {
        visitor.flash(&words).await?;
    }
    Ok(see_other(&format!("/users/{id}")))
}

pub async fn disable(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(id): Path<i64>,
    _fields: Fields,
) -> Result<Response, Fault> {
    set_disabled(&state, &visitor, id, true).await
}

pub async fn enable(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(id): Path<i64>,
    _fields: Fields,
) -> Result<Response, Fault> {
    set_disabled(&state, &visitor, id, false).await
}

/// For somebody who lost the phone and the recovery codes. Not for oneself: that is asked for by password on `/me`.
pub async fn remove_second_factor(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(id): Path<i64>,
    _fields: Fields,
) -> Result<Response, Fault> {
    visitor.needs(Right::ManageUsers)?;
    let user = found(&state, id).await?;
    if user.id == visitor.user.id || !user.has_second_factor {
        return Err(Fault::NotFound);
    }
    second_factor::remove(&state.parts.db, &user, &visitor.actor, state.parts.clock.millis()).await?;
    visitor.flash(&phrase!("Đã gỡ xác thực hai lớp của người này.", "Their second factor is taken away.")).await?;
    Ok(see_other(&format!("/users/{id}")))
}
