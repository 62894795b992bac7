//! `/me`: what everybody sets for themselves: name, language, colours, password, second factor, sessions, API tokens.

mod second_factor;
mod tokens;

use axum::{
    Router,
    extract::{self, Path},
    response::Response,
    routing::{get, post},
};
use minijinja::{Value, context};

use super::{
    Named,
    fault::Fault,
    form::{Fields, Mistakes},
    visitor::{Visitor, see_other},
    when::moment,
};
use crate::{
    audit, phrase, transaction,
    user::{
        self, Theme, User, api_token, password,
        session::{self, Session},
        throttle::{self, Subject},
    },
    web::{Shared, State},
    words::Lang,
};

pub(super) const TEMPLATES: &[Named] = &[
    ("console/me/page", include_str!("../templates/console/me/page.html")),
    ("console/me/password", include_str!("../templates/console/me/password.html")),
    ("console/me/second_factor", include_str!("../templates/console/me/second_factor.html")),
    ("console/me/codes", include_str!("../templates/console/me/codes.html")),
    ("console/me/tokens", include_str!("../templates/console/me/tokens.html")),
];

pub(super) fn routes() -> Router<State> {
    Router::new()
        .route("/me", get(show).post(prefer))
        .route("/me/password", get(show_password).post(change_password))
        .route("/me/sessions/end", post(end_others))
        .route("/me/sessions/{id}/end", post(end_session))
        .route("/me/two-factor", get(second_factor::show).post(second_factor::enrol))
        .route("/me/two-factor/off", post(second_factor::remove))
        .route("/me/two-factor/codes", post(second_factor::renew))
        .route("/me/tokens", get(tokens::show).post(tokens::make))
        .route("/me/tokens/{id}/revoke", post(tokens::revoke))
}

fn session_value(session: &Session, visitor: &Visitor) -> Value {
    context! {
        id => session.id,
        here => session.id == visitor.session,
        address => session.address.clone(),
        agent => browser(&session.agent),
        begun => moment(session.created_at, visitor.lang),
        seen => moment(session.seen_at, visitor.lang),
    }
}

/// A browser as people call it, out of what it calls itself.
fn browser(agent: &str) -> String {
    let named = [
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("coc_coc", "Cốc Cốc"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ];
    let system = [
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS", "macOS"),
        ("Linux", "Linux"),
    ];
    let find = |list: &[(&str, &'static str)]| list.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name);
    match (find(&named), find(&system)) {
        (Some(name), Some(system)) => format!("{name}, {system}"),
        (Some(name), None) => name.to_string(),
        _ => agent.chars().take(40).collect(),
    }
}

async fn page(state: &Shared, visitor: &Visitor, fields: &Fields, mistakes: &Mistakes) -> Result<Response, Fault> {
    let (db, now, lang) = (&state.parts.db, state.parts.clock.millis(), visitor.lang);
    let sessions: Vec<Value> =
        session::list(db, visitor.user.id, now).await?.iter().map(|session| session_value(session, visitor)).collect();
    let left = user::second_factor::recovery_left(db, visitor.user.id).await?;
    let typed = |name: &str, else_: &str| if fields.has(name) { fields.get(name).to_string() } else { else_.to_string() };
    let chosen = visitor.user.lang.map_or("", |lang| lang.pick("vi", "en"));
    let values = context! {
        name => typed("name", &visitor.user.name),
        email => visitor.user.email.clone(),
        language => typed("lang", chosen),
        theme => typed("theme", visitor.user.theme.name()),
        roles => visitor.user.roles.iter().map(|role| role.label().text(lang).to_string()).collect::<Vec<_>>(),
        departments => visitor.user.departments.names().map(str::to_string).collect::<Vec<_>>(),
        everything => visitor.user.departments.is_everything(),
        has_password => visitor.user.has_password,
        has_second_factor => visitor.user.has_second_factor,
        codes_left => left,
        sessions => sessions,
        mistakes => mistakes.list(lang),
        errors => mistakes.by_field(lang),
    };
    Ok(state.view_as(mistakes.status(), visitor, "console/me/page", values))
}

async fn show(extract::State(State(state)): extract::State<State>, visitor: Visitor) -> Result<Response, Fault> {
    page(&state, &visitor, &Fields::default(), &Mistakes::default()).await
}

async fn prefer(
    extract::State(State(state)): extract::State<State>,
    mut visitor: Visitor,
    fields: Fields,
) -> Result<Response, Fault> {
    let mut mistakes = Mistakes::default();
    let name = user::name(fields.get("name"));
    if name.is_none() {
        mistakes.add("name", phrase!("Nhập tên của bạn, nhiều nhất 100 ký tự", "Enter your name, at most 100 characters"));
    }
    let lang = match fields.get("lang") {
        "vi" => Some(Lang::Vi),
        "en" => Some(Lang::En),
        _ => None,
    };
    let Some(theme) = Theme::named(fields.get("theme")) else {
        mistakes.add("theme", phrase!("Chọn một trong các giao diện", "Choose one of the colours"));
        return page(&state, &visitor, &fields, &mistakes).await;
    };
    let Some(name) = name else { return page(&state, &visitor, &fields, &mistakes).await };
    let now = state.parts.clock.millis();
    user::prefer(&state.parts.db, &visitor.user, &name, lang, theme, &visitor.actor, now).await?;
    visitor.lang = lang.unwrap_or(visitor.lang);
    visitor.flash(&phrase!("Đã lưu.", "Saved.")).await?;
    Ok(see_other("/me"))
}

/// Whether they are who signed in: the password again, or a code where they have none. What is wrong stands beside `field`.
async fn proves(state: &Shared, visitor: &Visitor, typed: &str, field: &'static str) -> Result<Mistakes, Fault> {
    let (db, seal, now) = (&state.parts.db, &state.parts.seal, state.parts.clock.millis());
    let mut mistakes = Mistakes::default();
    let subject = if visitor.user.has_password { Subject::Account(&visitor.user.email) } else { Subject::Code(visitor.user.id) };
    if throttle::attempt(db, seal, &[subject], now).await?.is_err() {
        mistakes.add(field, phrase!("Đã thử quá nhiều lần: vui lòng đợi ít phút", "Too many attempts: please wait some minutes"));
        return Ok(mistakes);
    }
    let right = if visitor.user.has_password {
        password::right(db, &visitor.user.email, typed).await?.is_some_and(|proof| proof.user == visitor.user.id)
    } else {
        transaction!(db, |tx| user::second_factor::take(tx, seal, visitor.user.id, typed, now).await)?.is_some()
    };
    if right {
        transaction!(db, |tx| throttle::right(tx, seal, &[subject]).await)?;
    } else if visitor.user.has_password {
        mistakes.add(field, phrase!("Mật khẩu hiện tại không đúng", "That is not your current password"));
    } else {
        mistakes.add(field, phrase!("Mã không đúng", "The code is wrong"));
    }
    Ok(mistakes)
}

fn password_page(state: &Shared, visitor: &Visitor, mistakes: &Mistakes) -> Response {
    let values = context! {
        shortest => password::SHORTEST, email => visitor.user.email.clone(),
        mistakes => mistakes.list(visitor.lang), errors => mistakes.by_field(visitor.lang),
    };
    state.view_as(mistakes.status(), visitor, "console/me/password", values)
}

async fn show_password(extract::State(State(state)): extract::State<State>, visitor: Visitor) -> Result<Response, Fault> {
    if !visitor.user.has_password {
        return Err(Fault::NotFound);
    }
    Ok(password_page(&state, &visitor, &Mistakes::default()))
}

async fn change_password(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    fields: Fields,
) -> Result<Response, Fault> {
    if !visitor.user.has_password {
        return Err(Fault::NotFound);
    }
    let mut mistakes = Mistakes::of_new_password(&fields, &visitor.user);
    if mistakes.is_empty() {
        mistakes = proves(&state, &visitor, fields.raw("current"), "current").await?;
    }
    if !mistakes.is_empty() {
        return Ok(password_page(&state, &visitor, &mistakes));
    }
    let (db, now) = (&state.parts.db, state.parts.clock.millis());
    let hash = password::hash(fields.raw("password"), &state.parts.seal).await?;
    password::change(db, &visitor.user, &hash, Some(visitor.session), &visitor.actor, now).await?;
    let done = phrase!(
        "Đã đổi mật khẩu. Các phiên đăng nhập khác của bạn đã kết thúc.",
        "Your password is changed. Your other sessions have ended."
    );
    // Programs go on: whoever fears for the password should look whether all of these are theirs.
    match api_token::list(db, visitor.user.id).await?.iter().filter(|token| token.ends_at > now).count() {
        0 => visitor.flash(&done).await?,
        tokens => {
            let more = phrase!(
                "{tokens} mã truy cập API của bạn vẫn dùng được: xem lại ở mục “Mã truy cập API”.",
                "{tokens} API tokens of yours go on: look at them under “API tokens”."
            );
            visitor.warn(&done.then(&more)).await?;
        }
    }
    Ok(see_other("/me"))
}

async fn end_session(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(id): Path<i64>,
    _fields: Fields,
) -> Result<Response, Fault> {
    let now = state.parts.clock.millis();
    let ended = transaction!(state.parts.db, |tx| {
        let ended = session::end(tx, visitor.user.id, id).await?;
        if ended {
            audit::record(tx, &visitor.actor, "user.session-end", &visitor.user.email, None, None, now).await?;
        }
        Ok(ended)
    })?;
    if !ended {
        return Err(Fault::NotFound);
    }
    if id != visitor.session {
        visitor.flash(&phrase!("Phiên đăng nhập đó đã kết thúc.", "That session has ended.")).await?;
    }
    Ok(see_other("/me"))
}

async fn end_others(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    _fields: Fields,
) -> Result<Response, Fault> {
    let now = state.parts.clock.millis();
    transaction!(state.parts.db, |tx| {
        session::end_all(tx, visitor.user.id, Some(visitor.session)).await?;
        audit::record(tx, &visitor.actor, "user.session-end", &visitor.user.email, None, None, now).await
    })?;
    visitor.flash(&phrase!("Các phiên đăng nhập khác đã kết thúc.", "Your other sessions have ended.")).await?;
    Ok(see_other("/me"))
}

impl Mistakes {
    /// What is wrong with a new password that was typed twice (`password`, `again`).
    pub(super) fn of_new_password(fields: &Fields, user: &User) -> Self {
        let mut mistakes = Self::default();
        if let Err(weak) = password::check(fields.raw("password"), &user.email, &user.name) {
            mistakes.add("password", weak.words());
        } else if fields.raw("password") != fields.raw("again") {
            mistakes.add("again", phrase!("hai lần nhập mật khẩu không giống nhau", "the two passwords are not the same"));
        }
        mistakes
    }
}
