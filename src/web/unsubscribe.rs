//! `/u/{token}`: where whoever gets messages refuses them, for good or for some months, on one channel or on all; and takes
//! that back.
//!
//! What enters is the token of a link (channel and keyed hash of an address: nothing personal) and a choice; what leaves
//! is a refusal in `consent`, with the words that stood on the page. A GET changes nothing, because mail scanners
//! follow links. A POST with the body of RFC 8058 refuses awareness at once; the form lets the person choose. Other channels
//! are offered where the list knows one person by this address; which they are, the page does not say, and an address that
//! several share speaks for none of them. What can go wrong: a token that is not ours (a friendly 404), or the database
//! (503; nothing was changed).

use axum::{
    Router,
    body::Bytes,
    extract::{self, DefaultBodyLimit, Path},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use chrono::Months;
use minijinja::context;
use providers::Channel;

use super::{Shared, State, reader::Reader};
use crate::{
    consent::{self, Said, Scope},
    db::Result,
    dispatch::read_unsubscribe_token,
    phrase,
    request::deadline,
    transaction,
    words::{self, Lang, Phrase},
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

/// For how many months messages may be put off.
const MONTHS: [u32; 4] = [1, 3, 6, 12];

/// What a POST asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    /// A mail program's button.
    OneClick,
    /// The form.
    Refuse(Refusal),
    /// The form's way back.
    TakeBack {
        /// On every channel.
        everywhere: bool,
    },
}

/// What the form refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Refusal {
    scope: Scope,
    /// For so long; none: for good.
    months: Option<u32>,
    /// On every channel, where the form asked.
    everywhere: Option<bool>,
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
        let everywhere = field("where").map(|value| value == "all");
        match (field("action").as_deref()?, field("scope")) {
            ("undo", _) => Some(Self::TakeBack { everywhere: false }),
            ("undo-all", _) => Some(Self::TakeBack { everywhere: true }),
            ("stop", Some(scope)) => {
                let months = match field("months").as_deref() {
                    None | Some("") => None,
                    Some(text) => Some(text.parse().ok().filter(|months| MONTHS.contains(months))?),
                };
                Some(Self::Refuse(Refusal { scope: Scope::from_name(&scope)?, months, everywhere }))
            }
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
    /// Where the channel is asked apart.
    awareness: Phrase,
    all: Phrase,
    /// Where it is not.
    awareness_here: Phrase,
    all_here: Phrase,
    undo: Phrase,
    undo_all: Phrase,
    here: Phrase,
    everywhere: Phrase,
}

impl Buttons {
    fn of(channel: Channel) -> Self {
        let name = channel_name(channel);
        let (vi, en) = (&name.vi, &name.en);
        Self {
            awareness: phrase!("Ngừng tin tuyên truyền định kỳ", "Stop regular advice"),
            all: phrase!("Ngừng mọi tin, kể cả cảnh báo khẩn", "Stop every message, urgent warnings included"),
            awareness_here: phrase!("Ngừng tin tuyên truyền định kỳ qua {vi}", "Stop regular advice by {en}"),
            all_here: phrase!(
                "Ngừng mọi tin qua {vi}, kể cả cảnh báo khẩn",
                "Stop every message by {en}, urgent warnings included"
            ),
            undo: phrase!("Nhận lại tin qua {vi}", "Receive messages by {en} again"),
            undo_all: phrase!("Nhận lại tin qua mọi kênh", "Receive messages on every channel again"),
            here: phrase!("Chỉ qua {vi}", "Only by {en}"),
            everywhere: phrase!(
                "Qua mọi kênh mà chúng tôi có địa chỉ của quý vị",
                "On every channel for which we have your address"
            ),
        }
    }

    /// What a person chose, in the words of the page.
    fn wording(&self, refusal: Refusal, lang: Lang) -> String {
        let (what, on) = match (refusal.scope, refusal.everywhere) {
            (Scope::Awareness, None) => (&self.awareness_here, None),
            (Scope::All, None) => (&self.all_here, None),
            (Scope::Awareness, Some(everywhere)) => (&self.awareness, Some(everywhere)),
            (Scope::All, Some(everywhere)) => (&self.all, Some(everywhere)),
        };
        let on = on.map(|everywhere| if everywhere { &self.everywhere } else { &self.here });
        let span = refusal.months.map(span);
        let words = [Some(what), on, span.as_ref()];
        words.into_iter().flatten().map(|words| words.text(lang)).collect::<Vec<_>>().join(" · ")
    }
}

/// For how long.
fn span(months: u32) -> Phrase {
    match months {
        1 => phrase!("Trong 1 tháng", "For 1 month"),
        _ => phrase!("Trong {months} tháng", "For {months} months"),
    }
}

/// When so many months from now are over: at the end of that day.
fn months_ahead(months: u32, now: i64) -> i64 {
    let today = deadline::last_day(now + 1);
    deadline::end_of(today.checked_add_months(Months::new(months)).unwrap_or(today))
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
        Wish::TakeBack { .. } => state.measures.taken_back.increment(1),
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
    let everywhere = matches!(wish, Wish::Refuse(Refusal { everywhere: Some(true), .. }) | Wish::TakeBack { everywhere: true });
    let mut ways = vec![(channel, address)];
    if everywhere {
        ways.extend(consent::other_ways(db, channel, address).await?);
    }
    let wording = match wish {
        Wish::OneClick => format!("{}={}", ONE_CLICK.0, ONE_CLICK.1),
        Wish::Refuse(refusal) => buttons.wording(refusal, lang),
        Wish::TakeBack { everywhere: true } => buttons.undo_all.text(lang).to_string(),
        Wish::TakeBack { everywhere: false } => buttons.undo.text(lang).to_string(),
    };
    let said = Said { source: LINK, wording: &wording, at };
    transaction!(db, |tx| {
        for (channel, address) in &ways {
            match wish {
                Wish::OneClick => consent::refuse(tx, *channel, *address, Scope::Awareness, said).await?,
                Wish::Refuse(Refusal { scope, months: None, .. }) => consent::refuse(tx, *channel, *address, scope, said).await?,
                Wish::Refuse(Refusal { scope, months: Some(months), .. }) => {
                    consent::pause(tx, *channel, *address, scope, months_ahead(months, at), said).await?
                }
                Wish::TakeBack { .. } => consent::take_back(tx, *channel, *address, said).await?,
            };
        }
        Ok(())
    })
}

/// How an address stands, and the other ways to its person.
struct Standing {
    refuses: Option<Scope>,
    /// When that becomes less by itself.
    until: Option<i64>,
    /// There are other channels,
    others: bool,
    /// and something is refused there, too.
    others_refuse: bool,
}

async fn look(state: &Shared, channel: Channel, address: i64) -> Result<Standing> {
    let (db, now) = (&state.parts.db, state.parts.clock.millis());
    let standing = consent::standing(db, channel, &[address]).await?.remove(&address).unwrap_or_default();
    let others = consent::other_ways(db, channel, address).await?;
    let mut others_refuse = false;
    for (channel, address) in &others {
        others_refuse |= !consent::refused(db, *channel, &[*address], now).await?.is_empty();
    }
    Ok(Standing { refuses: standing.refuses(now), until: standing.until(now), others: !others.is_empty(), others_refuse })
}

/// How things stand, and what can be done about it. `done`: right after a choice.
async fn page(state: &Shared, status: StatusCode, lang: Lang, channel: Channel, address: i64, done: bool) -> Response {
    let standing = match look(state, channel, address).await {
        Ok(standing) => standing,
        Err(error) => {
            tracing::error!(%error, %channel, "an unsubscribe page could not be shown");
            return state.pages.unavailable(lang);
        }
    };
    let buttons = Buttons::of(channel);
    let spans: Vec<_> = MONTHS.iter().map(|months| context! { months, text => span(*months).text(lang) }).collect();
    let values = context! {
        channel => channel_name(channel).text(lang),
        refused => standing.refuses.map(Scope::name),
        until => standing.until.map(|until| words::date(deadline::last_day(until), lang)),
        others => standing.others,
        others_refuse => standing.others_refuse,
        done,
        again => status == StatusCode::BAD_REQUEST,
        spans,
        awareness => if standing.others { &buttons.awareness } else { &buttons.awareness_here }.text(lang),
        all => if standing.others { &buttons.all } else { &buttons.all_here }.text(lang),
        awareness_here => buttons.awareness_here.text(lang),
        all_here => buttons.all_here.text(lang),
        undo => buttons.undo.text(lang),
        undo_all => buttons.undo_all.text(lang),
        here => buttons.here.text(lang),
        everywhere => buttons.everywhere.text(lang),
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
        let refusal = Refusal { scope: Scope::Awareness, months: None, everywhere: None };
        for (form, wanted) in [
            ("action=stop&scope=awareness", refusal),
            ("action=stop&scope=awareness&months=&where=here", Refusal { everywhere: Some(false), ..refusal }),
            ("action=stop&scope=all", Refusal { scope: Scope::All, ..refusal }),
            ("action=stop&scope=awareness&months=3&where=all", Refusal { months: Some(3), everywhere: Some(true), ..refusal }),
        ] {
            assert_eq!(read(FORM, form), Some(Wish::Refuse(wanted)), "{form}");
        }
        assert_eq!(read(FORM, "action=undo"), Some(Wish::TakeBack { everywhere: false }));
        assert_eq!(read(FORM, "action=undo-all"), Some(Wish::TakeBack { everywhere: true }));
        for nothing in [
            "",
            "scope=all",
            "action=stop",
            "action=stop&scope=everything",
            "action=stop&scope=all&months=2",
            "List-Unsubscribe=Yes",
        ] {
            assert_eq!(read(FORM, nothing), None, "{nothing}");
        }
    }

    #[test]
    fn months_end_with_a_day_in_viet_nam() {
        let at = |text: &str| chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis();
        assert_eq!(months_ahead(1, at("2027-01-31T08:00:00+07:00")), at("2027-03-01T00:00:00+07:00"));
        assert_eq!(months_ahead(12, at("2026-11-22T23:30:00+07:00")), at("2027-11-23T00:00:00+07:00"));
    }
}
