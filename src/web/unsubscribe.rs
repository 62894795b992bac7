//! `/u/{token}`: where whoever gets messages refuses them, and takes that back.
//!
//! What enters is the token of a link (channel and keyed hash of an address: nothing personal) and a choice; what leaves
//! is a refusal in `consent`, with the words that stood on the button. A GET changes nothing, because mail scanners
//! follow links. A POST with the body of RFC 8058 refuses awareness at once; the form lets the person choose. What can
//! go wrong: a token that is not ours (a friendly 404), or the database (503; nothing was changed).

use axum::{
    Router,
    body::Bytes,
    extract::{self, DefaultBodyLimit, Path},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use minijinja::context;
use providers::Channel;

use super::{Shared, State, reader::Reader};
use crate::{
    consent::{self, Said, Scope},
    db::Result,
    dispatch::read_unsubscribe_token,
    phrase, transaction,
    words::{Lang, Phrase},
};

/// The largest form: a few short fields.
const BODY_LIMIT: usize = 16 * 1024;
/// The `source` of these events.
const LINK: &str = "link";
/// RFC 8058, section 3.1: what a mail program posts.
const ONE_CLICK: (&str, &str) = ("List-Unsubscribe", "One-Click");

pub(super) fn routes() -> Router<State> {
    Router::new().route("/u/{token}", get(show).post(act).layer(DefaultBodyLimit::max(BODY_LIMIT)))
}

/// What a POST asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    /// A mail program's button.
    OneClick,
    /// The form.
    Refuse(Scope),
    /// The form's way back.
    TakeBack,
}

impl Wish {
    /// Reads a form, or the same as `multipart/form-data`, which RFC 8058 allows.
    fn read(headers: &HeaderMap, body: &[u8]) -> Option<Self> {
        let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if media_type.to_ascii_lowercase().starts_with("multipart/form-data") {
            return is_multipart_one_click(&String::from_utf8_lossy(body)).then_some(Self::OneClick);
        }
        let field = |name: &str| form_urlencoded::parse(body).find(|(key, _)| key == name).map(|(_, value)| value);
        if field(ONE_CLICK.0).is_some_and(|value| value == ONE_CLICK.1) {
            return Some(Self::OneClick);
        }
        match (field("action").as_deref(), field("scope")) {
            (Some("undo"), _) => Some(Self::TakeBack),
            (Some("stop"), Some(scope)) => Scope::from_name(&scope).map(Self::Refuse),
            _ => None,
        }
    }
}

/// One part whose name and value are those of RFC 8058.
fn is_multipart_one_click(body: &str) -> bool {
    let (name, value) = (format!("name=\"{}\"", ONE_CLICK.0), ONE_CLICK.1);
    body.split_once(&name).is_some_and(|(_, rest)| rest.trim_start().starts_with(value))
}

/// The page's questions and buttons for a channel: what is shown is what is recorded.
struct Buttons {
    awareness: Phrase,
    all: Phrase,
    undo: Phrase,
}

impl Buttons {
    fn of(channel: Channel) -> Self {
        let name = channel_name(channel);
        let (vi, en) = (&name.vi, &name.en);
        Self {
            awareness: phrase!("Ngừng tin tuyên truyền định kỳ qua {vi}", "Stop regular advice by {en}"),
            all: phrase!("Ngừng mọi tin qua {vi}, kể cả cảnh báo khẩn", "Stop every message by {en}, urgent warnings included"),
            undo: phrase!("Nhận lại tin qua {vi}", "Receive messages by {en} again"),
        }
    }
}

fn channel_name(channel: Channel) -> Phrase {
    match channel {
        Channel::Sms => phrase!("tin nhắn SMS", "SMS"),
        Channel::Email => phrase!("e-mail", "e-mail"),
        Channel::Chat => phrase!("ứng dụng trò chuyện", "chat app"),
    }
}

async fn show(
    extract::State(State(state)): extract::State<State>,
    Path(token): Path<String>,
    Reader(lang): Reader,
    extract::RawQuery(query): extract::RawQuery,
) -> Response {
    let Some((channel, address)) = read_unsubscribe_token(&state.parts.seal, &token) else { return no_such_link(&state, lang) };
    let done = form_urlencoded::parse(query.unwrap_or_default().as_bytes()).any(|(key, _)| key == "done");
    page(&state, StatusCode::OK, lang, channel, address, done).await
}

async fn act(
    extract::State(State(state)): extract::State<State>,
    Path(token): Path<String>,
    Reader(lang): Reader,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some((channel, address)) = read_unsubscribe_token(&state.parts.seal, &token) else { return no_such_link(&state, lang) };
    let Some(wish) = Wish::read(&headers, &body) else {
        // Not a form of ours: nothing was said, so the page asks again.
        return page(&state, StatusCode::BAD_REQUEST, lang, channel, address, false).await;
    };
    if let Err(error) = record(&state, channel, address, wish, lang).await {
        tracing::error!(%error, %channel, "a refusal could not be recorded: the person is asked to try again");
        return state.pages.unavailable(lang);
    }
    match wish {
        Wish::TakeBack => state.measures.taken_back.increment(1),
        Wish::OneClick | Wish::Refuse(_) => state.measures.refused.increment(1),
    }
    tracing::info!(%channel, ?wish, "recorded what somebody said on the unsubscribe page");
    if wish == Wish::OneClick {
        // RFC 8058, section 3.2: a redirect would not be followed.
        return "unsubscribed\n".into_response();
    }
    // Relative, so that it holds behind any proxy; and a reload asks again instead of acting again.
    let location = HeaderValue::from_static(lang.pick("?lang=vi&done", "?lang=en&done"));
    (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response()
}

async fn record(state: &Shared, channel: Channel, address: i64, wish: Wish, lang: Lang) -> Result<()> {
    let (db, at) = (&state.parts.db, state.parts.clock.millis());
    let buttons = Buttons::of(channel);
    let said = |wording| Said { source: LINK, wording, at };
    match wish {
        Wish::OneClick => {
            consent::record(db, channel, address, Scope::Awareness, said("List-Unsubscribe=One-Click")).await?;
        }
        Wish::Refuse(scope) => {
            let button = if scope == Scope::All { &buttons.all } else { &buttons.awareness };
            consent::record(db, channel, address, scope, said(button.text(lang))).await?;
        }
        Wish::TakeBack => {
            let said = said(buttons.undo.text(lang));
            transaction!(db, |tx| consent::take_back(tx, channel, address, said).await)?;
        }
    }
    Ok(())
}

/// How things stand, and what can be done about it. `done`: right after a choice.
async fn page(state: &Shared, status: StatusCode, lang: Lang, channel: Channel, address: i64, done: bool) -> Response {
    let refused = match consent::refused(&state.parts.db, channel, &[address], state.parts.clock.millis()).await {
        Ok(refused) => refused.get(&address).copied(),
        Err(error) => {
            tracing::error!(%error, %channel, "an unsubscribe page could not be shown");
            return state.pages.unavailable(lang);
        }
    };
    let buttons = Buttons::of(channel);
    let values = context! {
        channel => channel_name(channel).text(lang),
        refused => refused.map(Scope::name),
        done,
        again => status == StatusCode::BAD_REQUEST,
        awareness => buttons.awareness.text(lang),
        all => buttons.all.text(lang),
        undo => buttons.undo.text(lang),
    };
    state.pages.show(status, "unsubscribe", lang, values)
}

fn no_such_link(state: &Shared, lang: Lang) -> Response {
    state.pages.notice(
        StatusCode::NOT_FOUND,
        lang,
        &phrase!("Liên kết này không dùng được", "This link does not work"),
        &phrase!(
            "Liên kết có thể đã bị cắt ngắn khi sao chép. Vui lòng mở lại từ đúng tin đã nhận; chưa có gì được thay đổi.",
            "It may have been cut short when it was copied. Please open it again from the message itself; nothing was changed."
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(media_type: &'static str, body: &str) -> Option<Wish> {
        Wish::read(&HeaderMap::from_iter([(header::CONTENT_TYPE, media_type.parse().unwrap())]), body.as_bytes())
    }

    const FORM: &str = "application/x-www-form-urlencoded";

    #[test]
    fn one_click_comes_in_both_encodings() {
        assert_eq!(read(FORM, "List-Unsubscribe=One-Click"), Some(Wish::OneClick));
        let parts = "--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b--\r\n";
        assert_eq!(read("multipart/form-data; boundary=b", parts), Some(Wish::OneClick));
        assert_eq!(read("multipart/form-data; boundary=b", &parts.replace("One-Click", "Two")), None);
    }

    #[test]
    fn the_form_says_what_it_wants() {
        assert_eq!(read(FORM, "action=stop&scope=awareness"), Some(Wish::Refuse(Scope::Awareness)));
        assert_eq!(read(FORM, "action=stop&scope=all"), Some(Wish::Refuse(Scope::All)));
        assert_eq!(read(FORM, "action=undo"), Some(Wish::TakeBack));
        for nothing in ["", "scope=all", "action=stop", "action=stop&scope=everything", "List-Unsubscribe=Yes"] {
            assert_eq!(read(FORM, nothing), None, "{nothing}");
        }
    }
}
