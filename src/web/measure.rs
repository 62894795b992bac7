//! What the web counts as it goes. Gauges are asked of the database when somebody scrapes ([`super::scrape`]).

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use metrics::{Counter, Histogram, Unit, counter, describe_counter, describe_histogram, histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

/// From a commit on an idle machine to the time-out of a patient gateway, in seconds.
const COMMIT_BUCKETS: [f64; 9] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.0, 10.0];
const COMMIT: &str = "loa_callback_seconds";
const TAKEN: &str = "loa_receipts_taken_total";
const REFUSED: &str = "loa_callbacks_refused_total";
const INBOUND: &str = "loa_inbound_messages_total";
const CONSENT: &str = "loa_consent_events_total";

/// Callbacks after which the histogram's samples are gathered into buckets, so that they take no memory where nobody
/// scrapes.
const GATHER_EVERY: u64 = 4_096;

/// A recorder with the buckets of this program. Install it once a process (`metrics::set_global_recorder`), before
/// [`super::State::new`]; its handle goes into [`super::Parts`].
pub fn recorder() -> Result<PrometheusRecorder, BuildError> {
    Ok(PrometheusBuilder::new().set_buckets_for_metric(Matcher::Full(COMMIT.into()), &COMMIT_BUCKETS)?.build_recorder())
}

/// Counters of the whole process.
pub(super) struct Measures {
    handle: PrometheusHandle,
    commit: Histogram,
    callbacks: AtomicU64,
    /// Callbacks to no account, or with a wrong secret.
    pub strangers: Counter,
    /// Refusals by link.
    pub refused: Counter,
    /// Refusals taken back by link.
    pub taken_back: Counter,
}

impl Measures {
    pub fn new(handle: PrometheusHandle) -> Self {
        describe_counter!(TAKEN, "Receipts committed, by account");
        describe_counter!(REFUSED, "Callbacks that were not taken, by account and why");
        describe_counter!(INBOUND, "Messages from people, by the account that they came by");
        describe_counter!(CONSENT, "Refusals and their taking back on the unsubscribe page");
        describe_histogram!(COMMIT, Unit::Seconds, "From a callback's arrival to its commit");
        Self {
            handle,
            commit: histogram!(COMMIT),
            callbacks: AtomicU64::new(0),
            strangers: counter!(REFUSED, "account" => "", "why" => "unknown"),
            refused: counter!(CONSENT, "action" => "refused"),
            taken_back: counter!(CONSENT, "action" => "taken_back"),
        }
    }

    /// A callback was committed.
    pub fn committed(&self, within: Duration) {
        self.commit.record(within);
        if self.callbacks.fetch_add(1, Ordering::Relaxed) % GATHER_EVERY == GATHER_EVERY - 1 {
            self.handle.run_upkeep();
        }
    }

    /// All that was counted, as Prometheus reads it.
    pub fn render(&self) -> String {
        self.handle.render()
    }
}

/// Counters of one account's callbacks.
pub(super) struct AccountMeasures {
    /// Receipts committed.
    pub taken: Counter,
    /// Callbacks whose signature does not fit.
    pub forged: Counter,
    /// Callbacks of an unexpected shape, or too large.
    pub malformed: Counter,
    /// Callbacks that could not be stored.
    pub unstored: Counter,
    /// Messages from people.
    pub inbound: Counter,
}

impl AccountMeasures {
    pub fn new(account: &str) -> Self {
        let refused = |why: &'static str| counter!(REFUSED, "account" => account.to_string(), "why" => why);
        Self {
            taken: counter!(TAKEN, "account" => account.to_string()),
            forged: refused("forged"),
            malformed: refused("malformed"),
            unstored: refused("not_stored"),
            inbound: counter!(INBOUND, "account" => account.to_string()),
        }
    }
}
