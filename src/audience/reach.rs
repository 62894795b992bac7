//! Whom a delivery reached: the one definition that segments ([`super::segment`]) and reports share.
//!
//! Confirmed: a receipt says that it arrived or was seen. Presumed: a gateway took it on an account that sends no
//! receipts, or it is a mail that has not bounced for [`UNBOUNCED`]. In both cases the moment of reach is when the row
//! last changed: a mail arrived when it was accepted, even though that is presumed only three days later.

use std::time::Duration;

/// How long a mail must not have bounced to count as having arrived, presumably. A mail of exactly that age counts.
pub const UNBOUNCED: Duration = Duration::from_hours(72);

/// The last moment (unix milliseconds) at which a mail can have been accepted to count as having arrived at `now`.
pub fn unbounced(now: i64) -> i64 {
    now.saturating_sub(i64::try_from(UNBOUNCED.as_millis()).unwrap_or(i64::MAX))
}

/// SQL over `delivery d`: whether it reached the person for certain (delivered, seen).
macro_rules! confirmed {
    () => {
        "d.state IN (5, 6)"
    };
}

/// SQL over `delivery d`: whether it presumably reached the person (accepted or on its way, on an account that sends no
/// receipts; or a mail, channel 2, whose row last changed at `unbounced` or before).
macro_rules! presumed {
    ($unbounced:expr) => {
        concat!(
            "(d.state IN (3, 4) AND (d.account IN (SELECT a.id FROM account a WHERE NOT a.receipts)
              OR d.id & 15 = 2 AND d.updated_at <= ",
            $unbounced,
            "))"
        )
    };
}

pub(crate) use {confirmed, presumed};
