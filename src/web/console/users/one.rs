//! One user: added, changed, invited, helped with a forgotten password, disabled.

use axum::{
    extract::{self, Path},
    response::Response,
};
use minijinja::context;

use super::{Entered, link_page, role_labels, standing};
use crate::{
    phrase,
    user::{self, Change, New, Refused, Right, User, invitation, second_factor},
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

async fn new_page(state: &Shared, visitor: &Visitor, entered: &Entered, mistakes: &Mistakes) -> Result<Response, Fault> {
    let departments = user::departments(&state.parts.db).await?;
    let values = entered.values(&departments, mistakes, visitor.lang);
    Ok(state.view_as(mistakes.status(), visitor, "console/users/new", values))
}

pub async fn ask(extract::State(State(state)): extract::State<State>, visitor: Visitor) -> Result<Response, Fault> {
    visitor.needs(Right::ManageUsers)?;
    let entered = Entered { everything: true, ..Entered::default() };
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
    let id = match user::add(db, &new, &visitor.actor, now).await? {
        Ok(id) => id,
        Err(refused @ (Refused::Taken | Refused::NoSuchDepartment)) => {
            mistakes.add(if refused == Refused::Taken { "email" } else { "department" }, refused.words());
            return new_page(&state, &visitor, &entered, &mistakes).await;
        }
        Err(refused) => return Err(refused.into()),
    };
    give_link(&state, &visitor, &found(&state, id).await?).await
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
        ..entered.values(&departments, mistakes, visitor.lang)
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
    let entered = Entered::of_user(&user, &user::departments(&state.parts.db).await?);
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
    match user::change(&state.parts.db, id, &to, &visitor.actor, state.parts.clock.millis()).await? {
        Ok(()) => {
            visitor.flash(&phrase!("Đã lưu.", "Saved.")).await?;
            Ok(see_other(&format!("/users/{id}")))
        }
        Err(refused @ (Refused::LastAdministrator | Refused::NoSuchDepartment)) => {
            mistakes.add(if refused == Refused::LastAdministrator { "role" } else { "department" }, refused.words());
            page(&state, &visitor, &user, &entered, &mistakes).await
        }
        Err(refused) => Err(refused.into()),
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
