//! What a provider's judgement means for the message and for its account.

use std::time::Duration;

use providers::{Accepted, Reason, Scope, SendError};

use super::millis;
use crate::{
    delivery::{State, Why, record::Outcome},
    retry,
};

/// How long an attempt in doubt waits for a receipt before it is settled.
pub const DOUBT_WAIT: Duration = Duration::from_mins(1);

/// What the account is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// It works.
    Works,
    /// It failed, or left a message in doubt.
    Failed {
        /// The gateway's own word on how long to wait.
        after: Option<Duration>,
        /// Its words.
        detail: String,
    },
    /// Its quota or its money is used up.
    Emptied {
        /// Which of them.
        reason: Reason,
        /// The gateway's own word on how long to wait.
        after: Option<Duration>,
        /// Its words.
        detail: String,
    },
    /// It was faster than its gateway takes messages.
    Throttled {
        /// The gateway's own word on how long to wait.
        after: Option<Duration>,
        /// Its words.
        detail: String,
    },
    /// A person must mend it.
    Stop(String),
}

/// What surrounds a send.
#[derive(Debug, Clone, Copy)]
pub struct Situation {
    /// Now (unix milliseconds).
    pub now: i64,
    /// When the run is over (unix milliseconds).
    pub expires_at: i64,
    /// Tries of the message before this one.
    pub tries: i16,
    /// From when on silence counts as failure, if it does.
    pub silent_at: Option<i64>,
    /// Whether the gateway's ids must be kept.
    pub keep_ids: bool,
    /// A random number in 0…1.
    pub jitter: f64,
}

/// Judges one answer.
pub fn judge(answer: Result<Accepted, SendError>, situation: &Situation) -> (Outcome, Effect) {
    let now = situation.now;
    match answer {
        Ok(Accepted { ids }) => {
            let ids = if situation.keep_ids || ids.len() > 1 { ids } else { Vec::new() };
            (Outcome::Accepted { ids, silent_at: situation.silent_at }, Effect::Works)
        }
        Err(SendError::Retry { after, scope: Scope::Account, reason, detail }) => {
            let effect = match reason {
                Reason::Quota | Reason::Funds => Effect::Emptied { reason, after, detail },
                _ => Effect::Failed { after, detail },
            };
            (Outcome::PutBack { next_at: now }, effect)
        }
        Err(SendError::Retry { after, scope: Scope::Pace, detail, .. }) => {
            (Outcome::PutBack { next_at: now }, Effect::Throttled { after, detail })
        }
        // That its domain has enough for now is heard besides, and binds the domain's other messages.
        Err(SendError::Retry { after, scope: Scope::Message | Scope::Domain, reason, detail }) => {
            let tries = situation.tries + 1;
            let next_at = now + millis(retry::wait(tries, after, situation.jitter));
            let why = Why::Gateway(reason);
            if tries >= retry::MOST_TRIES || next_at >= situation.expires_at {
                (Outcome::Ended { state: State::Rejected, why, detail }, Effect::Works)
            } else {
                (Outcome::Later { why, detail, next_at }, Effect::Works)
            }
        }
        Err(SendError::Reject { reason, detail }) => {
            (Outcome::Ended { state: State::Rejected, why: Why::Gateway(reason), detail }, Effect::Works)
        }
        Err(SendError::OptedOut { detail }) => {
            (Outcome::Ended { state: State::Skipped, why: Why::OptedOut, detail }, Effect::Works)
        }
        Err(SendError::Misconfigured { detail }) => (Outcome::PutBack { next_at: now }, Effect::Stop(detail)),
        Err(SendError::InDoubt { ids, detail }) => {
            let failed = Effect::Failed { after: None, detail: detail.clone() };
            (Outcome::InDoubt { ids, settle_at: now + millis(DOUBT_WAIT), detail }, failed)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SITUATION: Situation =
        Situation { now: 1_000_000, expires_at: 90_000_000, tries: 0, silent_at: Some(5), keep_ids: false, jitter: 0.5 };

    fn later(scope: Scope) -> Result<Accepted, SendError> {
        Err(SendError::Retry { after: None, scope, reason: Reason::Unreachable, detail: "busy".into() })
    }

    #[test]
    fn an_accounts_failure_uses_up_no_try() {
        let busy = || "busy".to_string();
        let put_back = Outcome::PutBack { next_at: 1_000_000 };
        let failed = Effect::Failed { after: None, detail: busy() };
        assert_eq!(judge(later(Scope::Account), &SITUATION), (put_back.clone(), failed));
        let throttled = Effect::Throttled { after: None, detail: busy() };
        assert_eq!(judge(later(Scope::Pace), &SITUATION), (put_back.clone(), throttled));
        let funds = Err(SendError::Retry { after: None, scope: Scope::Account, reason: Reason::Funds, detail: busy() });
        let emptied = Effect::Emptied { reason: Reason::Funds, after: None, detail: busy() };
        assert_eq!(judge(funds, &SITUATION), (put_back, emptied));
    }

    #[test]
    fn a_message_is_tried_six_times_and_only_while_its_run_lasts() {
        for tries in 0..5 {
            assert!(matches!(judge(later(Scope::Message), &Situation { tries, ..SITUATION }).0, Outcome::Later { .. }));
        }
        let last = judge(later(Scope::Message), &Situation { tries: 5, ..SITUATION }).0;
        assert!(matches!(last, Outcome::Ended { state: State::Rejected, .. }));
        let over = judge(later(Scope::Message), &Situation { expires_at: 1_001_000, ..SITUATION }).0;
        assert!(matches!(over, Outcome::Ended { state: State::Rejected, .. }));
    }

    #[test]
    fn ids_are_kept_only_where_they_are_needed() {
        let one = || Ok(Accepted { ids: vec!["a".into()] });
        let kept = |answer, keep_ids| match judge(answer, &Situation { keep_ids, ..SITUATION }).0 {
            Outcome::Accepted { ids, .. } => ids.len(),
            other => panic!("{other:?}"),
        };
        assert_eq!(kept(one(), false), 0);
        assert_eq!(kept(one(), true), 1);
        assert_eq!(kept(Ok(Accepted { ids: vec!["a".into(), "b".into()] }), false), 2);
    }

    #[test]
    fn a_doubt_counts_against_the_account() {
        let answer = Err(SendError::InDoubt { ids: Vec::new(), detail: "time-out".into() });
        assert_eq!(judge(answer, &SITUATION).1, Effect::Failed { after: None, detail: "time-out".into() });
    }
}
