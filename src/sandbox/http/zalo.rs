//! Zalo: tokens whose refresh token is good once, templates with parameters, a daily quota, the state of messages, and signed
//! webhooks. Errors come with HTTP 200 and a code.
//!
//! A refresh token that the stand-in did not give is taken once where it begins with `consent`, as if a person had just
//! consented. Beside [`MAGIC`](crate::sandbox::behaviour::MAGIC), an address that ends in `00` and one of [`CODES`] is refused with that
//! code.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    body::Bytes,
    extract::{ConnectInfo, Query, State},
    http::HeaderMap,
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{Form, Line, answer, json as reply, text, unavailable};
use crate::sandbox::{
    Gateway,
    behaviour::Refusal,
    exchange::{Exchange, Submission, Verdict},
    receipt::Call,
};

/// Codes that an address forces by its last five digits, such as `…00144`.
pub const CODES: [i64; 12] = [-108, -114, -133, -139, -144, -147, -213, -230, -234, -244, -248, -131];

/// What an app may ask in a minute, as the answers' headers say.
const A_MINUTE: u32 = 4_000;

/// How the stand-in for Zalo behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Habits {
    /// The app: its id is the user of the credentials expected, where any are.
    pub app_id: String,
    /// The Official Account.
    pub oa_id: String,
    /// What signs webhooks where [`Signature::oa_secret`] is so.
    pub oa_secret: String,
    /// How webhooks are signed.
    pub signature: Signature,
    /// How long an access token is good, whatever it is told to be.
    pub token_life: Duration,
    /// How many messages an access token is good for; none: any number.
    pub token_sends: Option<u32>,
    /// Template messages to phone numbers a day.
    pub quota: u32,
    /// Templates by id, each with its parameters: name, whether it is required, characters at most.
    pub templates: BTreeMap<String, Vec<(String, bool, usize)>>,
    /// Whether people open what arrives: a second webhook says so, of messages to user ids.
    pub seen: bool,
}

/// A documented way of signing webhooks: sources disagree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature {
    /// The first term is the Official Account's id, not the app's.
    pub oa_id: bool,
    /// The timestamp is a header's, not the body's.
    pub header: bool,
    /// The Official Account's secret, not the app's.
    pub oa_secret: bool,
}

impl Default for Habits {
    fn default() -> Self {
        let parameter = |name: &str, required, longest| (name.to_owned(), required, longest);
        let warning = vec![parameter("ten", true, 30), parameter("noi_dung", true, 200), parameter("lien_he", false, 30)];
        Self {
            app_id: "1000000001".into(),
            oa_id: "2000000002".into(),
            oa_secret: "oa-secret".into(),
            signature: Signature { oa_id: false, header: false, oa_secret: true },
            token_life: Duration::from_hours(25),
            token_sends: None,
            quota: 1_000_000,
            templates: BTreeMap::from([("100001".to_owned(), warning)]),
            seen: false,
        }
    }
}

/// What the stand-in for Zalo knows.
#[derive(Debug, Default)]
pub(in crate::sandbox) struct Desk(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// Access tokens: when each was given (unix milliseconds), and messages sent with it.
    access: HashMap<String, (i64, u32)>,
    refresh: HashSet<String>,
    used: HashSet<String>,
    renewals: Renewals,
    /// Template messages of the day.
    sent: u32,
    /// By message id: whether it arrived.
    states: HashMap<String, bool>,
}

/// How often tokens were asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Renewals {
    /// Pairs given.
    pub given: u32,
    /// Refresh tokens refused, used ones above all.
    pub refused: u32,
    /// Messages refused because of their access token.
    pub stale: u32,
}

impl Desk {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(in crate::sandbox) fn renewals(&self) -> Renewals {
        self.known().renewals
    }

    /// Makes every access token end now: what was sent with one is asked for another.
    pub(in crate::sandbox) fn expire(&self) {
        self.known().access.clear();
    }
}

/// `POST /v4/oa/access_token`.
pub(super) async fn token(State(exchange): State<Arc<Exchange>>, headers: HeaderMap, body: Bytes) -> Response {
    let form = Form::of(&body);
    let secret = headers.get("secret_key").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if form.get("grant_type") != "refresh_token" {
        return no(-14003, "Invalid grant type");
    }
    if !exchange.admits(Gateway::Zalo, form.get("app_id"), secret) {
        return no(-14004, "Invalid app secret key");
    }
    let given = form.get("refresh_token");
    let (now, number) = (exchange.now().timestamp_millis(), exchange.next_number());
    let mut known = exchange.zalo.known();
    let fresh = known.refresh.remove(given) || (given.starts_with("consent") && !known.used.contains(given));
    if !fresh {
        known.renewals.refused += 1;
        return no(-14014, "Invalid refresh token");
    }
    known.used.insert(given.to_owned());
    let (access, refresh) = (format!("access-{number:x}"), format!("refresh-{number:x}"));
    known.access.insert(access.clone(), (now, 0));
    known.refresh.insert(refresh.clone());
    known.renewals.given += 1;
    reply(200, &json!({ "access_token": access, "refresh_token": refresh, "expires_in": "90000" }))
}

/// What a call is answered whose token is not good; `sends`: a good one is used up a little.
fn refused(exchange: &Exchange, headers: &HeaderMap, sends: bool) -> Option<Response> {
    let token = headers.get("access_token").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let rules = exchange.rules();
    let habits = &rules.behaviour.zalo;
    let (now, life) = (exchange.now().timestamp_millis(), i64::try_from(habits.token_life.as_millis()).unwrap_or(i64::MAX));
    let mut known = exchange.zalo.known();
    let good = known.access.get_mut(token).is_some_and(|(given, sent)| {
        let good = (0..life).contains(&(now - *given)) && habits.token_sends.is_none_or(|most| *sent < most);
        *sent += u32::from(good && sends);
        good
    });
    if good {
        return None;
    }
    known.renewals.stale += 1;
    Some(no(-216, "Access token has expired"))
}

/// `POST /message/template`: to a phone number.
pub(super) async fn to_phone(
    State(exchange): State<Arc<Exchange>>,
    ConnectInfo(line): ConnectInfo<Line>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Some(refused) = refused(&exchange, &headers, true) {
        return refused;
    }
    let Ok(request) = serde_json::from_slice::<Value>(&body) else { return no(-100, "Invalid body") };
    let (phone, tracking) = (text(&request, "phone"), text(&request, "tracking_id"));
    if !phone.starts_with("84") || !super::is_mobile(&phone) {
        return no(-108, "Phone number is invalid");
    }
    if let Some(code) = forced(&phone) {
        return no(code, "refused by its number");
    }
    if tracking.is_empty() || tracking.len() > 48 {
        return no(-1123, "tracking_id is invalid");
    }
    let rules = exchange.rules();
    let habits = &rules.behaviour.zalo;
    let content = match filled(habits, &request) {
        Ok(content) => content,
        Err((code, words)) => return no(code, &words),
    };
    if exchange.zalo.known().sent >= habits.quota {
        return no(-144, "OA has reached its daily quota");
    }
    let message = Submission {
        gateway: Gateway::Zalo,
        to: &phone,
        reference: Some(tracking.as_str()),
        text: &content,
        mail: None,
        parts: 1,
        once: false,
    };
    let arrives = AtomicBool::new(true);
    let hook = |number, arrived| {
        arrives.store(arrived, Ordering::Relaxed);
        let message = json!({ "delivery_time": exchange.now().timestamp_millis().to_string(), "msg_id": Gateway::Zalo.id(number), "tracking_id": tracking });
        let call = webhook(&exchange, habits, "user_received_message", &phone, &message);
        // Of what does not arrive Zalo says nothing.
        call.filter(|_| arrived).into_iter().collect()
    };
    let verdict = exchange.submit(message, hook).await;
    let mut left = 0;
    if let Verdict::Taken(number) = verdict {
        let mut known = exchange.zalo.known();
        known.sent += 1;
        left = habits.quota.saturating_sub(known.sent);
        if exchange.record().remembers() {
            known.states.insert(Gateway::Zalo.id(number), arrives.load(Ordering::Relaxed));
        }
    }
    let quota = json!({ "dailyQuota": habits.quota.to_string(), "remainingQuota": left.to_string() });
    worded(
        &exchange,
        &verdict,
        &line,
        |id, now| json!({ "msg_id": id, "sent_time": now.to_string(), "sending_mode": "1", "quota": quota }),
    )
}

/// `POST /v3.0/oa/message/template`: to a user id.
pub(super) async fn to_user(
    State(exchange): State<Arc<Exchange>>,
    ConnectInfo(line): ConnectInfo<Line>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Some(refused) = refused(&exchange, &headers, true) {
        return refused;
    }
    let Ok(request) = serde_json::from_slice::<Value>(&body) else { return no(-201, "Invalid body") };
    match filled(&exchange.rules().behaviour.zalo, &request) {
        Ok(content) => say(&exchange, &line, &text(&request, "user_id"), &content).await,
        Err((code, words)) => no(code, &words),
    }
}

/// `POST /v3.0/oa/message/cs`: free text to a user id.
pub(super) async fn consult(
    State(exchange): State<Arc<Exchange>>,
    ConnectInfo(line): ConnectInfo<Line>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Some(refused) = refused(&exchange, &headers, true) {
        return refused;
    }
    let Ok(request) = serde_json::from_slice::<Value>(&body) else { return no(-201, "Invalid body") };
    let content = text(&request["message"], "text");
    if content.is_empty() || content.chars().count() > 2_000 {
        return no(-210, "Parameter text exceeds its limit");
    }
    say(&exchange, &line, &text(&request["recipient"], "user_id"), &content).await
}

async fn say(exchange: &Arc<Exchange>, line: &Line, user: &str, content: &str) -> Response {
    if user.is_empty() {
        return no(-201, "user_id is invalid");
    }
    if let Some(code) = forced(user) {
        return no(code, "refused by its number");
    }
    let rules = exchange.rules();
    let habits = &rules.behaviour.zalo;
    let message =
        Submission { gateway: Gateway::Zalo, to: user, reference: None, text: content, mail: None, parts: 1, once: false };
    let hook = |number, arrived: bool| {
        let id = Gateway::Zalo.id(number);
        let received = webhook(exchange, habits, "user_received_message", user, &json!({ "msg_id": id }));
        let seen = webhook(exchange, habits, "user_seen_message", user, &json!({ "msg_ids": [id] })).filter(|_| habits.seen);
        received.into_iter().chain(seen).filter(|_| arrived).collect()
    };
    let verdict = exchange.submit(message, hook).await;
    worded(exchange, &verdict, line, |id, _| json!({ "message_id": id, "user_id": user }))
}

/// `GET /message/status`.
pub(super) async fn status(
    State(exchange): State<Arc<Exchange>>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    if let Some(refused) = refused(&exchange, &headers, false) {
        return refused;
    }
    let id = query.get("message_id").map(String::as_str).unwrap_or_default();
    let status = exchange.zalo.known().states.get(id).map_or(-1, |arrived| i32::from(*arrived));
    yes(&json!({ "delivery_time": "", "status": status, "message": "" }))
}

/// `GET /message/quota`.
pub(super) async fn quota(State(exchange): State<Arc<Exchange>>, headers: HeaderMap) -> Response {
    if let Some(refused) = refused(&exchange, &headers, false) {
        return refused;
    }
    let quota = exchange.rules().behaviour.zalo.quota;
    let left = quota.saturating_sub(exchange.zalo.known().sent);
    yes(&json!({ "dailyQuota": quota.to_string(), "remainingQuota": left.to_string() }))
}

/// `GET /template/info/v2`.
pub(super) async fn template(
    State(exchange): State<Arc<Exchange>>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    if let Some(refused) = refused(&exchange, &headers, false) {
        return refused;
    }
    let id = query.get("template_id").map(String::as_str).unwrap_or_default();
    let rules = exchange.rules();
    let Some(parameters) = rules.behaviour.zalo.templates.get(id) else { return no(-109, "Template is invalid") };
    let list: Vec<Value> = parameters
        .iter()
        .map(|(name, required, longest)| {
            json!({ "name": name, "require": required, "type": "STRING", "maxLength": longest, "minLength": 0, "acceptNull": !required })
        })
        .collect();
    yes(
        &json!({ "templateId": id, "templateName": "Cảnh báo", "status": "ENABLE", "listParams": list, "templateQuality": "HIGH" }),
    )
}

/// A template message's text, as the record has it, or why it is refused.
fn filled(habits: &Habits, request: &Value) -> Result<String, (i64, String)> {
    let (id, data) = (text(request, "template_id"), &request["template_data"]);
    let Some(parameters) = habits.templates.get(&id) else { return Err((-109, "Template is invalid".to_owned())) };
    for (name, required, longest) in parameters {
        let value = text(data, name);
        if *required && value.is_empty() {
            return Err((-1122, format!("Template data missing: {name}")));
        }
        if value.chars().count() > *longest {
            return Err((-1121, format!("Template data invalid: {name}")));
        }
    }
    Ok(format!("{id} {data}"))
}

/// A signed webhook; none: nowhere to send it.
fn webhook(exchange: &Exchange, habits: &Habits, event: &str, to: &str, message: &Value) -> Option<Call> {
    let url = exchange.receipts_to(Gateway::Zalo)?;
    let stamp = exchange.now().timestamp_millis().to_string();
    let body = json!({
        "sender": { "id": habits.oa_id }, "recipient": { "id": to }, "event_name": event, "message": message,
        "app_id": habits.app_id, "timestamp": stamp,
    });
    Some(signed(exchange, habits, url, &body, &stamp))
}

/// A webhook with any body, signed as the habits say.
fn signed(exchange: &Exchange, habits: &Habits, url: String, body: &Value, stamp: &str) -> Call {
    let body = body.to_string();
    let app_secret = exchange.expected(Gateway::Zalo).map_or("app-secret", |expected| expected.secret.as_str());
    let Signature { oa_id, header, oa_secret } = habits.signature;
    let mut digest = Sha256::new();
    digest.update(if oa_id { &habits.oa_id } else { &habits.app_id });
    digest.update(&body);
    digest.update(stamp);
    digest.update(if oa_secret { &habits.oa_secret } else { app_secret });
    let mac = crate::seal::hex(&digest.finalize());
    let mut headers = vec![("X-ZEvent-Signature", format!("mac={mac}"))];
    if header {
        headers.push(("X-ZEvent-Timestamp", stamp.to_owned()));
    }
    Call { url, body: Some(body), headers }
}

/// Puts a webhook about something else than a message on its way: what a person does in Zalo.
pub(in crate::sandbox) async fn tell(exchange: &Exchange, mut body: Value) {
    let Some(url) = exchange.receipts_to(Gateway::Zalo) else { return };
    let rules = exchange.rules();
    let habits = &rules.behaviour.zalo;
    let stamp = exchange.now().timestamp_millis().to_string();
    body["timestamp"] = stamp.clone().into();
    body["app_id"] = habits.app_id.clone().into();
    let call = signed(exchange, habits, url, &body, &stamp);
    exchange.caller.later(vec![call], Duration::ZERO, rules.behaviour.retry, Arc::clone(exchange.tally(Gateway::Zalo))).await;
}

/// The answer to a message.
fn worded(exchange: &Exchange, verdict: &Verdict, line: &Line, data: impl FnOnce(&str, i64) -> Value) -> Response {
    match verdict {
        Verdict::Taken(number) => yes(&data(&Gateway::Zalo.id(*number), exchange.now().timestamp_millis())),
        Verdict::Cut => line.cut(),
        Verdict::Repeat | Verdict::Broken => answer(500, "text/plain", "Internal Server Error".into()),
        Verdict::Refused(refusal) => match refusal {
            Refusal::NoSuchAddress => no(-118, "Zalo account does not exist"),
            Refusal::Blocked => no(-141, "User has refused messages of this OA"),
            Refusal::Content => no(-248, "The content violates the platform's policy"),
            Refusal::Funds => no(-115, "Out of funds"),
            Refusal::Later => unavailable(),
            Refusal::Throttled(_) => no(-32, "Your application reach limit call api"),
        },
    }
}

/// The code that an address forces.
fn forced(to: &str) -> Option<i64> {
    let ending = to.get(to.len().checked_sub(5)?..)?.strip_prefix("00")?;
    ending.parse::<i64>().ok().map(|code| -code).filter(|code| CODES.contains(code))
}

fn yes(data: &Value) -> Response {
    let limits = [("X-RateLimit-Limit", A_MINUTE.to_string()), ("X-RateLimit-Remain", (A_MINUTE - 1).to_string())];
    (limits, reply(200, &json!({ "error": 0, "message": "Success", "data": data }))).into_response()
}

fn no(code: i64, message: &str) -> Response {
    reply(200, &json!({ "error": code, "message": message }))
}
