//! Whoever reads a page: a [`Visitor`] has signed in, a [`Stranger`] has not.
//!
//! A handler that takes a `Visitor` is reached by signed-in people alone; all others are sent to `/sign-in`, and from there back. What
//! a visitor may do is asked by [`Visitor::needs`], whose campaigns they see by `visitor.user.departments`.

use axum::{
    extract::FromRequestParts,
    http::{
        Method, StatusCode,
        header::{ACCEPT, LOCATION, SET_COOKIE, USER_AGENT},
        request::Parts,
    },
    response::{IntoResponse as _, Response},
};
use minijinja::Value;

use super::{
    door::{self, Caller},
    fault::Fault,
    nav,
    view::{Flash, Frame},
};
use crate::{
    audit::{Actor, Via},
    db::Db,
    notice::{self, Reader as Notices},
    user::{Right, Secret, User, session},
    web::{
        Shared, State,
        reader::{self, Reader},
    },
    words::{Lang, Phrase},
};

/// Somebody who has signed in.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// Who.
    pub user: User,
    /// In which language they read.
    pub lang: Lang,
    /// The same for the record of who did what.
    pub actor: Actor,
    /// The number of their session.
    pub session: i64,
    /// What their forms carry.
    pub csrf: String,
    /// What the step before has to say.
    pub flash: Option<Flash>,
    /// Notices in their inbox that they have not read; counted where a page is shown.
    pub unread: usize,
    /// The page's address, without what stands after `?`.
    pub path: String,
    db: Db,
}

impl Visitor {
    /// Whether they may do it.
    pub const fn can(&self, right: Right) -> bool {
        self.user.can(right)
    }

    /// Nothing if they may do it.
    pub const fn needs(&self, right: Right) -> Result<(), Fault> {
        if self.user.can(right) { Ok(()) } else { Err(Fault::Forbidden) }
    }

    /// Nothing if they are of the office: whoever acts for an outlet and does nothing else is not.
    pub fn is_of_office(&self) -> Result<(), Fault> {
        if nav::is_partner_alone(|right| self.can(right)) { Err(Fault::Forbidden) } else { Ok(()) }
    }

    /// Nothing if they see what belongs to this owner; else there is no such thing for them.
    pub fn sees(&self, owner: &str) -> Result<(), Fault> {
        if self.user.departments.sees(owner) { Ok(()) } else { Err(Fault::NotFound) }
    }

    /// Leaves word for the next page: it is done.
    pub async fn flash(&self, words: &Phrase) -> Result<(), Fault> {
        self.leave(true, words).await
    }

    /// Leaves word for the next page: this should be looked at.
    pub async fn warn(&self, words: &Phrase) -> Result<(), Fault> {
        self.leave(false, words).await
    }

    async fn leave(&self, good: bool, words: &Phrase) -> Result<(), Fault> {
        let flash = Flash { good, text: words.text(self.lang).to_string() };
        let word = serde_json::to_string(&flash).map_err(anyhow::Error::from)?;
        Ok(session::leave_word(&self.db, self.session, &word).await?)
    }
}

/// To another page, after something was done.
pub fn see_other(to: &str) -> Response {
    // Addresses are ours; what is no header value (a slug with other letters) is written as an address writes it.
    let encoded: String =
        to.bytes().map(|b| if b.is_ascii_graphic() { char::from(b).to_string() } else { format!("%{b:02X}") }).collect();
    (StatusCode::SEE_OTHER, [(LOCATION, encoded)]).into_response()
}

impl FromRequestParts<State> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, State(state): &State) -> Result<Self, Response> {
        // Several extractors of one handler ask.
        if let Some(visitor) = parts.extensions.get::<Self>() {
            return Ok(visitor.clone());
        }
        let caller = Caller::of(&parts.extensions, &parts.headers, &state.parts.config);
        let now = state.parts.clock.millis();
        let cookie = caller.cookie(&parts.headers, door::SESSION);
        let resumed = match &cookie {
            Some(secret) => {
                session::resume(&state.parts.db, secret, now).await.map_err(|error| Fault::Db(error).into_response())?
            }
            None => None,
        };
        let (Some(secret), Some((session, user))) = (cookie, resumed) else { return Err(turned_away(parts, "/sign-in")) };
        if !session.complete {
            return Err(turned_away(parts, "/sign-in/code"));
        }
        let lang = match reader::chosen(parts.uri.query().unwrap_or_default()).or(user.lang) {
            Some(lang) => lang,
            None => reads(parts).await,
        };
        let (flash, unread) = if shows_a_page(parts) {
            let flash = taken(state, &session).await.map_err(Fault::into_response)?;
            let theirs = Notices { user: user.id, may: &|right| user.can(right), sees: &|owner| user.departments.sees(owner) };
            let unread = notice::unread(&state.parts.db, &theirs).await.map_err(|error| Fault::Db(error).into_response())?;
            (flash, unread.all)
        } else {
            (None, 0)
        };
        let visitor = Self {
            lang,
            actor: Actor { user: Some(user.id), name: user.name.clone(), from: caller.address, via: Via::Console },
            session: session.id,
            csrf: door::csrf(&state.parts.seal, &secret),
            flash,
            unread,
            path: parts.uri.path().to_string(),
            db: state.parts.db.clone(),
            user,
        };
        parts.extensions.insert(visitor.clone());
        Ok(visitor)
    }
}

async fn reads(parts: &mut Parts) -> Lang {
    // It has a language for everybody.
    Reader::from_request_parts(parts, &()).await.map(|Reader(lang)| lang).unwrap_or_default()
}

/// Whether what is asked for is a page that a person will look at: not a script's request, nor a stream.
fn shows_a_page(parts: &Parts) -> bool {
    let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    parts.method == Method::GET
        && matches!(text("sec-fetch-dest"), "" | "document")
        && !text(ACCEPT.as_str()).starts_with("text/event-stream")
}

async fn taken(state: &Shared, session: &session::Session) -> Result<Option<Flash>, Fault> {
    let Some(word) = &session.flash else { return Ok(None) };
    session::take_word(&state.parts.db, session.id, word).await?;
    Ok(serde_json::from_str(word).ok())
}

/// To where one signs in, and from there back; a script learns that it is signed out.
fn turned_away(parts: &Parts, to: &str) -> Response {
    if parts.method == Method::GET && !shows_a_page(parts) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let back = parts.uri.path_and_query().map(axum::http::uri::PathAndQuery::as_str).filter(|_| parts.method == Method::GET);
    match back.and_then(door::local_path).filter(|back| *back != "/") {
        Some(back) => {
            let next: String = form_urlencoded::byte_serialize(back.as_bytes()).collect();
            see_other(&format!("{to}?next={next}"))
        }
        None => see_other(to),
    }
}

/// Somebody who has not signed in, on a page with a form: the form is bound to a cookie of their browser.
#[derive(Debug, Clone)]
pub(super) struct Stranger {
    pub lang: Lang,
    pub caller: Caller,
    /// What their forms carry.
    pub csrf: String,
    /// The browser's name for itself.
    pub agent: String,
    /// What binds them, where the browser has nothing of it yet.
    cookie: Option<String>,
}

impl FromRequestParts<State> for Stranger {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, State(state): &State) -> Result<Self, Response> {
        let caller = Caller::of(&parts.extensions, &parts.headers, &state.parts.config);
        let bound = [door::SESSION, door::DOOR].into_iter().find_map(|name| caller.cookie(&parts.headers, name));
        let (secret, cookie) = if let Some(secret) = bound {
            (secret, None)
        } else {
            let secret = Secret::new(&state.parts.seal).0;
            (secret.clone(), Some(secret))
        };
        let agent = parts.headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default().to_string();
        Ok(Self { lang: reads(parts).await, caller, csrf: door::csrf(&state.parts.seal, &secret), agent, cookie })
    }
}

impl Stranger {
    /// Them in the record, under a name that they are known by from now on.
    pub fn actor(&self, user: Option<&User>) -> Actor {
        Actor {
            user: user.map(|user| user.id),
            name: user.map(|user| user.name.clone()).unwrap_or_default(),
            from: self.caller.address,
            via: Via::Console,
        }
    }
}

impl Shared {
    /// A page for somebody who has signed in. `values` are the template's own.
    pub(in crate::web) fn view(&self, visitor: &Visitor, name: &str, values: Value) -> Response {
        self.view_as(StatusCode::OK, visitor, name, values)
    }

    /// The same with another status: a form that is shown again with what is wrong with it is 422.
    pub(in crate::web) fn view_as(&self, status: StatusCode, visitor: &Visitor, name: &str, values: Value) -> Response {
        self.pages.console(status, name, &Frame::of(visitor), values)
    }

    /// A page for somebody who has not signed in.
    pub(super) fn view_outside(&self, status: StatusCode, stranger: &Stranger, name: &str, values: Value) -> Response {
        let frame = Frame { csrf: stranger.csrf.clone(), ..Frame::stranger(stranger.lang) };
        let mut response = self.pages.console(status, name, &frame, values);
        if let Some(cookie) = &stranger.cookie {
            response.headers_mut().append(SET_COOKIE, stranger.caller.set_cookie(door::DOOR, cookie, None));
        }
        response
    }
}
