//! What can be told, and in which words.

use chrono::{DateTime, SecondsFormat};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

/// A type of event. The names are a promise to programs. `optout.received` says how many, never who.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[schema(as = EventType)]
pub enum Type {
    /// A run was made and will be sent.
    #[serde(rename = "run.started")]
    RunStarted,
    /// Nothing is left to do or to wait for in a run.
    #[serde(rename = "run.settled")]
    RunSettled,
    /// A run stands still by itself.
    #[serde(rename = "run.held")]
    RunHeld,
    /// A person paused or ended a run.
    #[serde(rename = "run.stopped")]
    RunStopped,
    /// A version waits for approval.
    #[serde(rename = "campaign.submitted")]
    CampaignSubmitted,
    /// A version was approved.
    #[serde(rename = "campaign.approved")]
    CampaignApproved,
    /// A version was sent back to its writer.
    #[serde(rename = "campaign.returned")]
    CampaignReturned,
    /// An account waits for a person.
    #[serde(rename = "account.paused")]
    AccountPaused,
    /// It goes on.
    #[serde(rename = "account.resumed")]
    AccountResumed,
    /// A period's figures were closed.
    #[serde(rename = "period.closed")]
    PeriodClosed,
    /// People refused messages: counts alone.
    #[serde(rename = "optout.received")]
    OptoutReceived,
}

impl Type {
    /// All, in the order in which they are listed.
    pub const ALL: [Self; 11] = [
        Self::RunStarted,
        Self::RunSettled,
        Self::RunHeld,
        Self::RunStopped,
        Self::CampaignSubmitted,
        Self::CampaignApproved,
        Self::CampaignReturned,
        Self::AccountPaused,
        Self::AccountResumed,
        Self::PeriodClosed,
        Self::OptoutReceived,
    ];

    /// The name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RunStarted => "run.started",
            Self::RunSettled => "run.settled",
            Self::RunHeld => "run.held",
            Self::RunStopped => "run.stopped",
            Self::CampaignSubmitted => "campaign.submitted",
            Self::CampaignApproved => "campaign.approved",
            Self::CampaignReturned => "campaign.returned",
            Self::AccountPaused => "account.paused",
            Self::AccountResumed => "account.resumed",
            Self::PeriodClosed => "period.closed",
            Self::OptoutReceived => "optout.received",
        }
    }

    /// The type of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|of| of.name() == name)
    }
}

/// What an endpoint gets that is tried out.
pub(super) const TEST: &str = "webhook.test";

/// The stored list; a name that a later version wrote is passed over.
pub(super) fn types(stored: &str) -> Vec<Type> {
    let names: Vec<String> = serde_json::from_str(stored).unwrap_or_default();
    names.iter().filter_map(|name| Type::from_name(name)).collect()
}

/// What is posted.
pub(super) fn body(of: &str, at: i64, data: &Value) -> String {
    let at = DateTime::from_timestamp_millis(at).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Millis, true);
    json!({ "type": of, "timestamp": at, "data": data }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for of in Type::ALL {
            assert_eq!(Type::from_name(of.name()), Some(of));
            assert_eq!(serde_json::to_value(of).unwrap(), of.name());
        }
        assert_eq!(types(r#"["run.held","later.thing","period.closed"]"#), [Type::RunHeld, Type::PeriodClosed]);
        assert_eq!(types("broken"), []);
    }

    #[test]
    fn a_body_says_what_when_and_of_what() {
        assert_eq!(
            body("run.started", 1_793_000_000_123, &json!({ "run": 7 })),
            r#"{"type":"run.started","timestamp":"2026-10-26T07:33:20.123Z","data":{"run":7}}"#
        );
    }
}
