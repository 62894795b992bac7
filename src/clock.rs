//! Injected time. Everything that asks what time it is, or waits, asks a [`Clock`]; tests hold a [`ManualClock`].

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};
use std::time::Duration;

use chrono::{DateTime, NaiveDate, SecondsFormat, TimeZone as _, Utc};
use chrono_tz::{Asia::Ho_Chi_Minh, Tz};

/// A moment (unix milliseconds) as the clocks of Viet Nam show it.
pub fn local(millis: i64) -> DateTime<Tz> {
    DateTime::from_timestamp_millis(millis).unwrap_or_default().with_timezone(&Ho_Chi_Minh)
}

/// The same as programs read it (RFC 3339), to the millisecond.
pub fn rfc3339(millis: i64) -> String {
    local(millis).to_rfc3339_opts(SecondsFormat::Millis, false)
}

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

    /// This moment by a clock that never goes back, whatever is done to the machine's.
    pub fn ticks(&self) -> Ticks {
        static BEGIN: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
        Ticks(match &self.0 {
            Source::System | Source::Shifted(_) => i64::try_from(BEGIN.elapsed().as_millis()).unwrap_or(i64::MAX),
            Source::Manual(millis) => millis.load(Ordering::SeqCst),
        })
    }

    /// The day that it is in Viet Nam.
    pub fn today(&self) -> NaiveDate {
        local(self.millis()).date_naive()
    }

    /// Now, to the millisecond.
    pub fn now(&self) -> DateTime<Utc> {
        Utc.timestamp_millis_opt(self.millis()).single().unwrap_or_default()
    }
}

/// A moment of [`Clock::ticks`]: milliseconds since some moment before this process began. Only the span between two of them
/// means anything, and only within this process; it is no time of day, and never stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Ticks(i64);

impl Ticks {
    /// Later than every pause ends.
    pub const MAX: Self = Self(i64::MAX);

    /// So many milliseconds after that moment: for tests and for what has no clock.
    pub const fn at(millis: i64) -> Self {
        Self(millis)
    }

    /// So much later.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long it is until `later`: no time where that is past.
    pub fn until(self, later: Self) -> Duration {
        Duration::from_millis(u64::try_from(later.0.saturating_sub(self.0)).unwrap_or(0))
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
