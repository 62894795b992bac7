//! Zalo's webhooks: whose they are, and what they say.
//!
//! A webhook is signed by a plain SHA-256 (no HMAC) over the id of the app or of the Official Account, the raw body, a timestamp
//! and a secret. Zalo's pages and others' programs disagree on three of these, so every documented variant is tried, always all
//! of them and in constant time; which one fits is logged once.
//!
//! Zalo repeats what was not answered with 200 within two seconds; a repeated event says what the first one said, and changes
//! nothing.

use std::sync::Mutex;

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

use super::Settings;
use crate::{
    About, Address, Callback, CallbackError, Event, Inbound, Receipt, ReceiptState, Reply,
    http::{filter::hex, words::named},
};

/// `mac=<hex>`, some say only `<hex>`.
const SIGNATURE: &str = "x-zevent-signature";
const TIMESTAMP: &str = "x-zevent-timestamp";

/// Which of the documented ways a webhook is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Variant {
    first: &'static str,
    timestamp: &'static str,
    secret: &'static str,
}

/// Reads an account's webhooks.
#[derive(Debug, Default)]
pub(super) struct Webhooks {
    seen: Mutex<Option<Variant>>,
}

impl Webhooks {
    /// Proves a webhook, and says what it tells.
    pub(super) fn read(&self, settings: &Settings, callback: &Callback) -> Result<(Vec<Event>, Reply), CallbackError> {
        let malformed = |what: &str| CallbackError::Malformed(what.to_owned());
        let body: Value = serde_json::from_slice(&callback.body).map_err(|_| malformed("its body is no JSON"))?;
        let variant = verify(settings, callback, &body)?;
        let mut seen = self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if *seen != Some(variant) {
            let Variant { first, timestamp, secret } = variant;
            tracing::info!(oa = settings.oa_id, first, timestamp, secret, "Zalo signs its webhooks this way");
            *seen = Some(variant);
        }
        drop(seen);
        let name = body["event_name"].as_str().ok_or_else(|| malformed("it has no event_name"))?;
        Ok((events(name, &body, settings), Reply::default()))
    }
}

/// Which variant fits.
fn verify(settings: &Settings, callback: &Callback, body: &Value) -> Result<Variant, CallbackError> {
    let header = |name: &str| callback.headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let given = header(SIGNATURE).ok_or_else(|| CallbackError::Forged(format!("there is no header {SIGNATURE}")))?;
    let given = given.strip_prefix("mac=").unwrap_or(given).trim().to_ascii_lowercase();
    let firsts = [("app_id", settings.app_id.as_str()), ("oa_id", settings.oa_id.as_str())];
    let stamps = [("body", text(&body["timestamp"])), ("header", header(TIMESTAMP).map(str::to_owned))];
    let secrets: [(&str, Option<&SecretString>); 2] =
        [("oa_secret", settings.oa_secret.as_ref()), ("secret", Some(&settings.secret))];
    let mut found = None;
    for (first, id) in firsts {
        for (timestamp, stamp) in &stamps {
            for (secret, key) in secrets {
                let (Some(stamp), Some(key)) = (stamp, key) else { continue };
                let mut digest = Sha256::new();
                digest.update(id.as_bytes());
                digest.update(&callback.body);
                digest.update(stamp.as_bytes());
                digest.update(key.expose_secret().as_bytes());
                let fits: Choice = hex(&digest.finalize()).as_bytes().ct_eq(given.as_bytes());
                if bool::from(fits) && found.is_none() {
                    found = Some(Variant { first, timestamp, secret });
                }
            }
        }
    }
    found.ok_or_else(|| CallbackError::Forged(format!("no documented way of signing gives what {SIGNATURE} holds")))
}

/// What an event says. One that says nothing to us is answered and forgotten.
fn events(name: &str, body: &Value, settings: &Settings) -> Vec<Event> {
    let message = &body["message"];
    match name {
        "user_received_message" => receipts(message, ReceiptState::Delivered),
        "user_seen_message" => receipts(message, ReceiptState::Seen),
        "user_feedback" => {
            // Whoever rates a message has seen it. Who it is, and what they wrote, is not said in a way that could be kept.
            let mut events = receipts(message, ReceiptState::Seen);
            if let Some(rate) = text(&message["rate"]) {
                events.push(Event::Account { detail: format!("a person rated a template message {rate} of 5") });
            }
            events
        }
        "user_send_text" => {
            let (Some(from), Some(words)) = (text(&body["sender"]["id"]), message["text"].as_str()) else { return Vec::new() };
            let to = text(&body["recipient"]["id"]).or_else(|| Some(settings.oa_id.clone()));
            let id = text(&message["msg_id"]).and_then(named);
            vec![Event::Inbound(Inbound { from: Address::new(from), to, text: words.to_owned(), id })]
        }
        "unfollow" => {
            let who = text(&body["follower"]["id"]).or_else(|| text(&body["user_id"]));
            who.map(|from| Event::Left { from: Address::new(from), how: "unfollow".into() }).into_iter().collect()
        }
        // The number is what somebody typed into a form, their own or not.
        "user_submit_info" if settings.trust_numbers => {
            let (user, phone) = (text(&body["sender"]["id"]), text(&body["info"]["phone"]));
            let known = user.zip(phone);
            known.map(|(user, phone)| Event::Known { user: Address::new(user), phone: Address::new(phone) }).into_iter().collect()
        }
        "change_oa_daily_quota" => account(&format!("the daily quota of template messages is now {}", change(&body["quota"]))),
        "change_template_status" => account(&format!(
            "template {}: its state is now {}{}",
            word(&body["template_id"]),
            change(&body["status"]),
            text(&body["reason"]).map(|reason| format!(" ({reason})")).unwrap_or_default()
        )),
        "change_template_quality" => {
            account(&format!("template {}: its quality is now {}", word(&body["template_id"]), change(&body["quality"])))
        }
        "change_template_quota" => {
            account(&format!("template {}: its daily quota is now {}", word(&body["template_id"]), change(&body["quota"])))
        }
        _ => Vec::new(),
    }
}

/// A template's receipt names our reference; an Official Account's the ids of its messages.
fn receipts(message: &Value, state: ReceiptState) -> Vec<Event> {
    let at = ["delivery_time", "submit_time"].iter().find_map(|key| instant(&message[*key]));
    let reference = text(&message["tracking_id"]).and_then(named).map(About::Reference);
    let one = text(&message["msg_id"]).and_then(named).map(About::Id);
    let several = message["msg_ids"].as_array().into_iter().flatten();
    let about: Vec<About> = match reference.or(one) {
        Some(about) => vec![about],
        None => several.filter_map(text).filter_map(named).map(About::Id).collect(),
    };
    let receipt = |about| Event::Receipt(Receipt { about, state, reason: None, detail: String::new(), at });
    about.into_iter().map(receipt).collect()
}

fn account(detail: &str) -> Vec<Event> {
    let detail = detail.split(|c: char| c.is_whitespace() || c.is_control()).collect::<Vec<_>>().join(" ");
    vec![Event::Account { detail: detail.chars().take(200).collect() }]
}

/// `{"prev_value":…,"new_value":…}`, or the new value alone.
fn change(value: &Value) -> String {
    match (text(&value["prev_value"]), text(&value["new_value"])) {
        (Some(before), Some(now)) => format!("{now} (it was {before})"),
        (None, Some(now)) => now,
        _ => word(value),
    }
}

fn word(value: &Value) -> String {
    text(value).unwrap_or_else(|| "?".into())
}

/// A text, or a number as text: every id is a text, and some come as numbers all the same.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Unix milliseconds.
fn instant(value: &Value) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(text(value)?.parse().ok()?)
}
