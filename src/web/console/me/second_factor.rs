//! `/me/two-factor`: the second factor set up by QR code or by key, taken away, and its recovery codes.
//!
//! The new key travels in the form, sealed with its owner's number and an end, until a code proves that an authenticator has it.

use std::fmt::Write as _;

use axum::{extract, response::Response};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use minijinja::{Value, context};
use qrcode::{Color, EcLevel, QrCode};

use super::proves;
use crate::{
    phrase,
    seal::Seal,
    user::second_factor::{self, Key, Proven},
    web::{
        Shared, State,
        console::{
            fault::Fault,
            form::{Fields, Mistakes},
            visitor::{Visitor, see_other},
        },
    },
};

/// How long a new key waits for its first code (milliseconds).
const WAITS: i64 = 30 * 60 * 1000;
/// White modules around a QR code (ISO/IEC 18004, 9.1).
const QUIET: usize = 4;

/// A key as a form carries it.
fn carried(seal: &Seal, user: i64, key: &Key, now: i64) -> String {
    URL_SAFE_NO_PAD.encode(seal.seal_token(&format!("{user} {} {}", now + WAITS, key.text())))
}

/// The key of a form; none: it is not ours, another's, or its time is over.
fn uncarried(seal: &Seal, user: i64, text: &str, now: i64) -> Option<Key> {
    let text = seal.open_token(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    let mut parts = text.split(' ');
    let (whose, ends, key) = (parts.next()?, parts.next()?, parts.next()?);
    (whose.parse() == Ok(user) && ends.parse::<i64>().is_ok_and(|ends| ends > now)).then(|| Key::read(key)).flatten()
}

/// A QR code as what an SVG's path draws, and how wide it is in modules.
fn drawn(text: &str) -> Option<(String, usize)> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let width = code.width();
    let dark = code.to_colors().into_iter().enumerate().filter(|(_, color)| *color == Color::Dark);
    let path = dark.fold(String::new(), |mut path, (at, _)| {
        let _ = write!(path, "M{} {}h1v1h-1z", at % width + QUIET, at / width + QUIET);
        path
    });
    Some((path, width + 2 * QUIET))
}

fn page(state: &Shared, visitor: &Visitor, key: &Key, mistakes: &Mistakes) -> Response {
    let now = state.parts.clock.millis();
    let office = &state.parts.config.office.fields;
    let issuer =
        office.get("short").or_else(|| office.get("name")).map_or_else(|| "Loa".to_string(), |name| format!("Loa {name}"));
    let qr = drawn(&key.address(&issuer, &visitor.user.email));
    let spaced: Vec<String> = key.text().as_bytes().chunks(4).map(|four| String::from_utf8_lossy(four).into_owned()).collect();
    let values = context! {
        on => visitor.user.has_second_factor,
        by_code => !visitor.user.has_password,
        key => spaced.join(" "),
        carried => carried(&state.parts.seal, visitor.user.id, key, now),
        qr => qr.as_ref().map(|(path, _)| path.clone()),
        qr_width => qr.map(|(_, width)| width),
        mistakes => mistakes.list(visitor.lang),
        errors => mistakes.by_field(visitor.lang),
    };
    state.view_as(mistakes.status(), visitor, "console/me/second_factor", values)
}

pub async fn show(extract::State(State(state)): extract::State<State>, visitor: Visitor) -> Response {
    page(&state, &visitor, &Key::new(&state.parts.seal), &Mistakes::default())
}

/// The codes, shown once: not by way of another page, because they are kept nowhere.
fn codes_page(state: &Shared, visitor: &Visitor, codes: Vec<String>) -> Response {
    state.view(visitor, "console/me/codes", context! { codes => Value::from(codes) })
}

pub async fn enrol(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    fields: Fields,
) -> Result<Response, Fault> {
    if visitor.user.has_second_factor {
        return Ok(see_other("/me/two-factor"));
    }
    let (seal, now) = (&state.parts.seal, state.parts.clock.millis());
    let mut mistakes = Mistakes::default();
    let Some(key) = uncarried(seal, visitor.user.id, fields.get("key"), now) else {
        mistakes
            .add("code", phrase!("Mã QR đã quá hạn: hãy quét mã mới dưới đây", "The QR code is over: scan the new one below"));
        return Ok(page(&state, &visitor, &Key::new(seal), &mistakes));
    };
    let Some(step) = key.step(fields.get("code"), 0, now) else {
        mistakes.add(
            "code",
            phrase!(
                "Mã không đúng. Kiểm tra giờ trên điện thoại rồi nhập mã đang hiện.",
                "The code is wrong. Check the phone's clock, and enter the code that it shows now."
            ),
        );
        return Ok(page(&state, &visitor, &key, &mistakes));
    };
    let proven = Proven { key: &key, step, session: visitor.session };
    let codes = second_factor::enrol(&state.parts.db, seal, &visitor.user, proven, &visitor.actor, now).await?;
    Ok(codes_page(&state, &visitor, codes))
}

pub async fn remove(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    fields: Fields,
) -> Result<Response, Fault> {
    let mistakes = proves(&state, &visitor, fields.raw("current"), "current").await?;
    if !mistakes.is_empty() {
        return Ok(page(&state, &visitor, &Key::new(&state.parts.seal), &mistakes));
    }
    second_factor::remove(&state.parts.db, &visitor.user, &visitor.actor, state.parts.clock.millis()).await?;
    visitor.warn(&phrase!("Đã tắt xác thực hai lớp.", "Two-factor sign-in is off.")).await?;
    Ok(see_other("/me"))
}

pub async fn renew(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    fields: Fields,
) -> Result<Response, Fault> {
    if !visitor.user.has_second_factor {
        return Err(Fault::NotFound);
    }
    let mistakes = proves(&state, &visitor, fields.raw("current"), "current").await?;
    if !mistakes.is_empty() {
        return Ok(page(&state, &visitor, &Key::new(&state.parts.seal), &mistakes));
    }
    let (db, seal, now) = (&state.parts.db, &state.parts.seal, state.parts.clock.millis());
    Ok(codes_page(&state, &visitor, second_factor::renew_recovery(db, seal, &visitor.user, &visitor.actor, now).await?))
}
