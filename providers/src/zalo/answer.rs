//! Zalo's answers: errors come with HTTP 200 and a code, which is judged here by its class.
//!
//! What enters is a complete answer; what leaves is its `data`, or what its refusal means. The classes follow Zalo's lists of
//! error codes for template messages (ZBS) and for Official Accounts; a code that neither lists is a refusal of that message.

use std::time::Duration;

use chrono::{DateTime, Days, FixedOffset, NaiveTime, TimeDelta, TimeZone as _, Utc};
use serde_json::Value;

use crate::{Reason, Scope, SendError, http::answer::Answer};

/// Why an answer is no yes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum No {
    /// Judged.
    Judged(SendError),
    /// The access token is no longer good: renew it once, then ask again.
    StaleToken(String),
}

/// From this hour on (Viet Nam) promotion templates are taken again.
const MORNING: u32 = 6;

/// Viet Nam's time, which has no summer.
const VIET_NAM: i32 = 7 * 3600;

/// The answer's body, where Zalo says yes.
pub(super) fn read(answer: &Answer, now: DateTime<Utc>) -> Result<Value, No> {
    let status = answer.status;
    let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
    let code = body.as_ref().and_then(|body| code(&body["error"]));
    if let (Some(body), Some(code)) = (body, code) {
        return if code == 0 { Ok(body) } else { Err(judge(code, &words(&body), now)) };
    }
    let later = |scope, after| {
        let (reason, detail) = (Reason::Unreachable, format!("HTTP {status} without a code"));
        No::Judged(SendError::Retry { after, scope, reason, detail })
    };
    Err(match status {
        429 => later(Scope::Pace, retry_after(answer)),
        // Nobody behind the front took it.
        503 => later(Scope::Account, retry_after(answer)),
        400..=499 => No::Judged(SendError::Misconfigured { detail: format!("HTTP {status}: is the address Zalo's?") }),
        _ => {
            No::Judged(SendError::InDoubt { ids: Vec::new(), detail: format!("HTTP {status} with an answer that says nothing") })
        }
    })
}

/// What Zalo says in words.
pub(super) fn words(body: &Value) -> String {
    body["message"].as_str().or_else(|| body["error_name"].as_str()).unwrap_or_default().to_owned()
}

/// A code, written as a number or as text.
pub(super) fn code(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()))
}

fn retry_after(answer: &Answer) -> Option<Duration> {
    let text = answer.headers.get(::http::header::RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

/// What a code means. `-32` and `-223` stand for several things, which only the words tell apart.
pub(super) fn judge(code: i64, message: &str, now: DateTime<Utc>) -> No {
    let said = message.to_lowercase();
    let about = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let detail = if message.is_empty() { format!("error {code}") } else { format!("error {code}: {message}") };
    let retry = |scope, reason, after| SendError::Retry { after, scope, reason, detail: detail.clone() };
    let reject = |reason| SendError::Reject { reason, detail: detail.clone() };
    let tomorrow = Some(until(now, 0));
    No::Judged(match code {
        -216 | -220 | -124 => return No::StaleToken(detail),
        -105..=-101 | -135 | -1351 | -136 | -137 | -219 | -242 | -1241 => SendError::Misconfigured { detail },
        -32 | -223 if about(&["quota", "daily", "hạn mức"]) => retry(Scope::Account, Reason::Quota, tomorrow),
        -32 => retry(Scope::Pace, Reason::Quota, None),
        -223 if about(&["rate", "limit", "too many"]) => retry(Scope::Pace, Reason::Quota, None),
        // The Official Account's own day; a template's concerns the campaigns that use it, and nobody else.
        -144 | -211 => retry(Scope::Account, Reason::Quota, tomorrow),
        -147 => retry(Scope::Message, Reason::Quota, tomorrow),
        -133 | -234 => retry(Scope::Message, Reason::Other, Some(until(now, MORNING))),
        -115 => retry(Scope::Account, Reason::Funds, None),
        -141 => SendError::OptedOut { detail },
        -108 | -118 => reject(Reason::NoSuchAddress),
        -139 | -244 | -119 => reject(Reason::Blocked),
        -114 | -213 | -227 | -230 => reject(Reason::Unreachable),
        -109 | -1121 | -1122 | -131 | -146 => reject(Reason::Template),
        -248 => reject(Reason::Content),
        _ => reject(Reason::Other),
    })
}

/// How long it is until this hour in Viet Nam comes next.
fn until(now: DateTime<Utc>, hour: u32) -> Duration {
    let left = || {
        let local = now.with_timezone(&FixedOffset::east_opt(VIET_NAM)?);
        let time = NaiveTime::from_hms_opt(hour, 0, 0)?;
        let today = local.date_naive();
        let day = if local.time() < time { today } else { today.checked_add_days(Days::new(1))? };
        let then = local.timezone().from_local_datetime(&day.and_time(time)).single()?;
        (then.with_timezone(&Utc) - now + TimeDelta::seconds(1)).to_std().ok()
    };
    left().unwrap_or(Duration::from_hours(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 23:30 in Viet Nam.
    fn night() -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 11, 2, 16, 30, 0).unwrap()
    }

    fn judged(code: i64, message: &str) -> SendError {
        match judge(code, message, night()) {
            No::Judged(error) => error,
            No::StaleToken(_) => panic!("{code}"),
        }
    }

    #[test]
    fn each_class_ends_as_it_should() {
        for code in [-216, -220, -124] {
            assert!(matches!(judge(code, "", night()), No::StaleToken(_)), "{code}");
        }
        for code in [-101, -102, -103, -104, -105, -135, -1351, -136, -137, -219, -242, -1241] {
            assert!(matches!(judged(code, ""), SendError::Misconfigured { .. }), "{code}");
        }
        for code in [-108, -114, -118, -119, -139, -213, -227, -230, -244, -109, -1121, -1122, -131, -146, -248, -999] {
            assert!(matches!(judged(code, ""), SendError::Reject { .. }), "{code}");
        }
        assert!(matches!(judged(-141, ""), SendError::OptedOut { .. }));
    }

    #[test]
    fn what_waits_waits_until_its_hour() {
        let waits = |code, message: &str| match judged(code, message) {
            SendError::Retry { after, scope, reason, .. } => (after.map(|after| after.as_secs()), scope, reason),
            other => panic!("{code}: {other:?}"),
        };
        let half_an_hour = Some(30 * 60 + 1);
        assert_eq!(waits(-144, ""), (half_an_hour, Scope::Account, Reason::Quota));
        assert_eq!(waits(-147, ""), (half_an_hour, Scope::Message, Reason::Quota));
        assert_eq!(waits(-133, ""), (Some(6 * 3600 + 30 * 60 + 1), Scope::Message, Reason::Other));
        assert_eq!(waits(-115, ""), (None, Scope::Account, Reason::Funds));
        // One code, two meanings.
        assert_eq!(waits(-32, "Your application reach limit call api"), (None, Scope::Pace, Reason::Quota));
        assert_eq!(waits(-32, "OA exceeded daily quota"), (half_an_hour, Scope::Account, Reason::Quota));
        assert_eq!(waits(-223, "out of quota"), (half_an_hour, Scope::Account, Reason::Quota));
        assert!(matches!(judged(-223, "attachment is invalid"), SendError::Reject { .. }));
    }

    #[test]
    fn only_a_code_of_zero_is_a_yes() {
        let read = |status, body: &str| {
            read(&Answer { status, headers: ::http::HeaderMap::new(), body: body.as_bytes().to_vec() }, night())
        };
        assert!(read(200, r#"{"error":0,"data":{}}"#).is_ok());
        assert!(read(200, r#"{"error":"0","data":{}}"#).is_ok());
        assert!(matches!(read(200, r#"{"error":-118}"#), Err(No::Judged(SendError::Reject { .. }))));
        for (status, body) in [(200, "<html>"), (200, "{}"), (500, ""), (502, "<html>")] {
            assert!(matches!(read(status, body), Err(No::Judged(SendError::InDoubt { .. }))), "{status}");
        }
        assert!(matches!(read(503, ""), Err(No::Judged(SendError::Retry { .. }))));
        assert!(matches!(read(404, "not found"), Err(No::Judged(SendError::Misconfigured { .. }))));
    }
}
