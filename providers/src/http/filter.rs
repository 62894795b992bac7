//! The filters and tests of the expression language: what may follow `|` and `is`.
//!
//! Digests, signatures and tokens that filters make from secrets are noted in [`Private`], so that a gateway's answer
//! which repeats one is cleaned of it as it is of the secrets themselves.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{Arc, Mutex, PoisonError},
};

use base64::Engine as _;
use chrono::{DateTime, FixedOffset};
use hmac::{Hmac, KeyInit as _, Mac as _};
use minijinja::{
    Environment, Error, ErrorKind, State, Value, filters, tests,
    value::{Object, ValueKind},
};
use sha2::{Digest as _, Sha256};

use super::expression::to_text;

/// What may follow `|`.
pub(super) const FILTERS: &[&str] = &[
    "base64",
    "date",
    "default",
    "digits",
    "e164",
    "first",
    "float",
    "hmac_sha256",
    "int",
    "join",
    "jwt",
    "keyed",
    "last",
    "length",
    "lower",
    "national",
    "replace",
    "sha256",
    "split",
    "string",
    "tojson",
    "trim",
    "upper",
];

/// What may follow `is`.
pub(super) const TESTS: &[&str] =
    &["defined", "endingwith", "mapping", "none", "number", "sequence", "startingwith", "string", "undefined"];

/// Under which name an expression's scope holds its [`Private`]; no expression can write it.
pub(super) const PRIVATE: &str = " private";

/// Vietnam has been seven hours ahead of UTC, all year, since 1975.
const VIETNAM: i32 = 7 * 3600;

/// Shorter made values are no secrets, and hiding them would tear words apart.
const SHORTEST_HIDDEN: usize = 8;

/// What filters need beside their arguments, for one exchange.
pub(super) struct Private {
    key: [u8; 32],
    made: Mutex<Vec<String>>,
}

impl std::fmt::Debug for Private {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Private")
    }
}

impl Object for Private {}

impl Private {
    /// `key`: of the digests that stand for addresses.
    pub(super) fn new(key: [u8; 32]) -> Arc<Self> {
        Arc::new(Self { key, made: Mutex::default() })
    }

    /// Remembers something that no error may repeat.
    pub(super) fn hide(&self, value: &str) {
        if value.len() >= SHORTEST_HIDDEN {
            let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
            if !made.iter().any(|known| known == value) {
                made.push(value.to_owned());
            }
        }
    }

    /// What no error may repeat.
    pub(super) fn hidden(&self) -> Vec<String> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Gives an environment the filters and tests of the lists above.
pub(super) fn add_to(env: &mut Environment<'static>) {
    env.add_filter("base64", base64);
    env.add_filter("date", date);
    env.add_filter("default", filters::default);
    env.add_filter("digits", digits);
    env.add_filter("e164", e164);
    env.add_filter("first", filters::first);
    env.add_filter("float", filters::float);
    env.add_filter("hmac_sha256", hmac_sha256);
    env.add_filter("int", filters::int);
    env.add_filter("join", filters::join);
    env.add_filter("jwt", jwt);
    env.add_filter("keyed", keyed);
    env.add_filter("last", filters::last);
    env.add_filter("length", filters::length);
    env.add_filter("lower", filters::lower);
    env.add_filter("national", national);
    env.add_filter("replace", filters::replace);
    env.add_filter("sha256", sha256);
    env.add_filter("split", split);
    env.add_filter("string", filters::string);
    env.add_filter("tojson", |value: &Value| serde_json::to_string(value).unwrap_or_default());
    env.add_filter("trim", filters::trim);
    env.add_filter("upper", filters::upper);
    env.add_test("defined", tests::is_defined);
    env.add_test("endingwith", tests::is_endingwith);
    env.add_test("mapping", tests::is_mapping);
    env.add_test("none", tests::is_none);
    env.add_test("number", tests::is_number);
    env.add_test("sequence", tests::is_sequence);
    env.add_test("startingwith", tests::is_startingwith);
    env.add_test("string", tests::is_string);
    env.add_test("undefined", tests::is_undefined);
}

/// `+84901234567` as `84901234567`: E.164 without its plus.
fn digits(phone: &str) -> String {
    phone.trim_start_matches('+').to_owned()
}

/// `84901234567`, `0901234567` or `+84901234567` as `+84901234567`: what a gateway calls a person by.
pub(super) fn e164(phone: &str) -> String {
    match phone.strip_prefix('0') {
        Some(rest) if !rest.starts_with('0') => format!("+84{rest}"),
        Some(rest) => format!("+{}", rest.trim_start_matches('0')),
        None => format!("+{}", phone.trim_start_matches('+')),
    }
}

/// `+84901234567` as `0901234567`; a foreign number with the international prefix `00`.
fn national(phone: &str) -> String {
    match phone.strip_prefix("+84") {
        Some(rest) => format!("0{rest}"),
        None => format!("00{}", phone.trim_start_matches('+')),
    }
}

/// The pieces of a text between separators.
fn split(text: &str, separator: &str) -> Vec<String> {
    text.split(separator).map(str::to_owned).collect()
}

/// Unix seconds as Vietnamese local time, written as strftime says: `now|date('%Y%m%d%H%M%S')`.
fn date(seconds: i64, format: &str) -> Result<String, Error> {
    let zone = FixedOffset::east_opt(VIETNAM).ok_or_else(|| wrong("no such zone"))?;
    let at = DateTime::from_timestamp(seconds, 0).ok_or_else(|| wrong("no such time"))?.with_timezone(&zone);
    let mut out = String::new();
    write!(out, "{}", at.format(format)).map_err(|_| wrong("`date` cannot read its format"))?;
    Ok(out)
}

/// Standard Base64 with padding, of the text's UTF-8.
fn base64(state: &State<'_, '_>, value: &Value) -> Result<String, Error> {
    Ok(noted(state, base64::engine::general_purpose::STANDARD.encode(text(value)?)))
}

/// SHA-256 in small hexadecimal digits.
fn sha256(state: &State<'_, '_>, value: &Value) -> Result<String, Error> {
    Ok(noted(state, hex(&Sha256::digest(text(value)?))))
}

/// HMAC-SHA256 (RFC 2104) in small hexadecimal digits, or in Base64.
fn hmac_sha256(state: &State<'_, '_>, value: &Value, key: &Value, encoding: Option<&str>) -> Result<String, Error> {
    let digest = mac(text(key)?.as_bytes(), text(value)?.as_bytes())?;
    let out = match encoding {
        None | Some("hex") => hex(&digest),
        Some("base64") => base64::engine::general_purpose::STANDARD.encode(digest),
        Some(_) => return Err(wrong("`hmac_sha256` writes 'hex' or 'base64'")),
    };
    Ok(noted(state, out))
}

/// A JSON Web Token (RFC 7519) signed with HS256: claims, key and what its header holds beside `alg` and `typ`.
fn jwt(state: &State<'_, '_>, claims: &Value, key: &Value, header: Option<&Value>) -> Result<String, Error> {
    let mut head = BTreeMap::from([("alg".to_owned(), "HS256".into()), ("typ".to_owned(), "JWT".into())]);
    if let Some(header) = header {
        match serde_json::to_value(header) {
            Ok(serde_json::Value::Object(more)) => head.extend(more),
            _ => return Err(wrong("the header of `jwt` is a table: {'cty': '…'}")),
        }
    }
    if claims.kind() != ValueKind::Map {
        return Err(wrong("`jwt` signs a table: {'iss': …}|jwt(…)"));
    }
    let base64 = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let part = |json: Result<Vec<u8>, serde_json::Error>| json.map(|json| base64.encode(json)).map_err(|_| wrong("no JSON"));
    let signed = format!("{}.{}", part(serde_json::to_vec(&head))?, part(serde_json::to_vec(claims))?);
    let signature = base64.encode(mac(text(key)?.as_bytes(), signed.as_bytes())?);
    Ok(noted(state, format!("{signed}.{signature}")))
}

/// A phone number's stand-in in the ids of messages: 64 bits of a digest keyed by this installation and the account, so
/// that no number is stored in the clear and none can be found by trying.
fn keyed(state: &State<'_, '_>, phone: &Value) -> Result<String, Error> {
    let private = state.lookup(PRIVATE).ok_or_else(|| wrong("`keyed` has no key here"))?;
    let private = private.downcast_object_ref::<Private>().ok_or_else(|| wrong("`keyed` has no key here"))?;
    let phone = text(phone)?;
    if phone.is_empty() {
        return Err(wrong("a value is missing"));
    }
    Ok(keyed_digest(&private.key, &phone))
}

/// What the filter `keyed` makes of a phone number under this key.
pub fn keyed_digest(key: &[u8; 32], phone: &str) -> String {
    mac(key, e164(phone).as_bytes()).map_or_else(|_| String::new(), |digest| hex(&digest[..8]))
}

fn mac(key: &[u8], data: &[u8]) -> Result<[u8; 32], Error> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(|_| wrong("the key cannot be used"))?;
    mac.update(data);
    Ok(mac.finalize().into_bytes().into())
}

/// Small hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// A filter's argument as text; one that is missing is an error, never an empty key.
fn text(value: &Value) -> Result<String, Error> {
    to_text(value).ok_or_else(|| wrong("a value is missing"))
}

fn noted(state: &State<'_, '_>, made: String) -> String {
    if let Some(private) = state.lookup(PRIVATE)
        && let Some(private) = private.downcast_object_ref::<Private>()
    {
        private.hide(&made);
    }
    made
}

fn wrong(why: &'static str) -> Error {
    Error::new(ErrorKind::InvalidOperation, why)
}
