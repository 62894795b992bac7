//! Injected time. Everything that asks what time it is, or waits, asks a [`Clock`]; tests hold a [`ManualClock`].

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};
use std::time::Duration;

use chrono::{DateTime, TimeZone as _, Utc};

/// The time of day and the passing of time.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Shifted(i64),
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's clock.
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that shows `at` now and goes on from there: the demo's day never falls outside sending hours.
    pub fn showing(at: DateTime<Utc>) -> Self {
        Self(Source::Shifted(at.timestamp_millis() - Self::system().millis()))
    }

    /// A clock that stands still at `at` until its [`ManualClock`] is moved.
    pub fn manual(at: DateTime<Utc>) -> (Self, ManualClock) {
        let millis = Arc::new(AtomicI64::new(at.timestamp_millis()));
        (Self(Source::Manual(Arc::clone(&millis))), ManualClock(millis))
    }

    /// Now, in unix milliseconds: the unit of every stored time.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    pub fn millis(&self) -> i64 {
        match &self.0 {
            Source::System => Utc::now().timestamp_millis(),
            Source::Shifted(by) => Utc::now().timestamp_millis() + by,
            Source::Manual(millis) => millis.load(Ordering::SeqCst),
        }
    }

    /// Milliseconds that have passed since some moment before this process began: it never goes back, whatever is done to the
    /// machine's clock. For spans within one process, never to be stored.
    pub fn ticks(&self) -> i64 {
        static BEGIN: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
        match &self.0 {
            Source::System | Source::Shifted(_) => i64::try_from(BEGIN.elapsed().as_millis()).unwrap_or(i64::MAX),
            Source::Manual(millis) => millis.load(Ordering::SeqCst),
        }
    }

    /// Now, to the millisecond.
    pub fn now(&self) -> DateTime<Utc> {
        Utc.timestamp_millis_opt(self.millis()).single().unwrap_or_default()
    }
}

/// Moves a manual [`Clock`].
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::SeqCst);
    }

    /// Sets the clock.
    pub fn set(&self, at: DateTime<Utc>) {
        self.0.store(at.timestamp_millis(), Ordering::SeqCst);
    }
}
