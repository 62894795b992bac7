//! Cuts: the lines that a report is split into, and the statements that count them.
//!
//! Two statements a cut: people by what became of them, deliveries by state. Both number their lines; what a number means
//! is looked up afterwards ([`super::name`]), so that the counting groups by integers alone.
//!
//! `$1` is the runs, each with the time before which a mail that did not bounce counts as having arrived; `$2` the places
//! that count (`[]`: all); `$3`, where there is one, what a stored key means, since it may mean another thing in each run.

use crate::db::Sql;

/// What a report is split by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Cut {
    /// SMS, mail, chat.
    Channel,
    /// Provinces; wards where the report is of one province.
    Area,
    /// The campaign's segments, as they were when the run was made.
    Segment,
    /// Groups, as they are today.
    Group,
    /// Carriers of SMS, and the other channels beside them.
    Carrier,
    /// The accounts that sent.
    Account,
    /// Messages of the rotation.
    Message,
    /// Why deliveries, and people, stand where they stand.
    Reason,
}

impl Cut {
    /// Whether everybody is in one line only, so that the lines' people add up to the total.
    pub const fn parts_people(self) -> bool {
        matches!(self, Self::Area | Self::Reason)
    }

    /// Whether every delivery is in one line only.
    pub const fn parts_deliveries(self) -> bool {
        !matches!(self, Self::Segment | Self::Group)
    }

    /// The statement that counts deliveries.
    pub(super) const fn deliveries(self) -> &'static Sql {
        match self {
            Self::Channel => &DELIVERIES_BY_CHANNEL,
            Self::Area => &DELIVERIES_BY_AREA,
            Self::Segment => &DELIVERIES_BY_SEGMENT,
            Self::Group => &DELIVERIES_BY_GROUP,
            Self::Carrier => &DELIVERIES_BY_CARRIER,
            Self::Account => &DELIVERIES_BY_ACCOUNT,
            Self::Message => &DELIVERIES_BY_MESSAGE,
            Self::Reason => &DELIVERIES_BY_REASON,
        }
    }

    /// The statement that counts people; none where [`PEOPLE`] says it already.
    pub(super) const fn people(self) -> Option<&'static Sql> {
        match self {
            Self::Channel => Some(&PEOPLE_BY_CHANNEL),
            Self::Segment => Some(&PEOPLE_BY_SEGMENT),
            Self::Group => Some(&PEOPLE_BY_GROUP),
            Self::Carrier => Some(&PEOPLE_BY_CARRIER),
            Self::Account => Some(&PEOPLE_BY_ACCOUNT),
            Self::Message => Some(&PEOPLE_BY_MESSAGE),
            Self::Area | Self::Reason => None,
        }
    }
}

// Deliveries of a run lie beside each other in the primary key; SQLite has no index on the run itself.
macro_rules! rows {
    ($join:expr) => {
        concat!(
            "FROM :rows($1; run BIGINT, unbounced BIGINT) AS x
             JOIN delivery d ON d.run = x.run AND d.id >= x.run << 36 AND d.id < (x.run + 1) << 36 ",
            $join,
            " WHERE (CAST($2 AS TEXT) = '[]' OR d.area IN (SELECT area FROM :rows($2; area TEXT) AS places))"
        )
    };
}

macro_rules! person {
    () => {
        "(d.id >> 4) & 4294967295"
    };
}

// See `Cause`.
macro_rules! cause {
    () => {
        "CASE WHEN d.state IN (3, 4, 5, 6) THEN 0 WHEN d.state = 12 THEN 27 WHEN d.state = 13 THEN 28 ELSE d.reason END"
    };
}

// Fate × 32 + cause: the least one of a person's deliveries is the best. See `Fate`.
macro_rules! rank {
    () => {
        concat!(
            "CAST(32 * CASE WHEN d.state IN (5, 6) THEN 0
                            WHEN d.state IN (3, 4) THEN
                              CASE WHEN d.account IN (SELECT a.id FROM account a WHERE NOT a.receipts) THEN 1
                                   WHEN d.id & 15 = 2 AND d.updated_at <= x.unbounced THEN 1
                                   ELSE 2 END
                            WHEN d.state IN (0, 1) THEN 2
                            WHEN d.state = 2 THEN 3
                            WHEN d.state = 10 THEN 4
                            WHEN d.state IN (7, 8, 9) THEN 6
                            WHEN d.state = 11 AND d.reason = 21 THEN 5
                            WHEN d.state = 11 AND d.reason = 20 THEN 8
                            WHEN d.state = 11 AND d.reason IN (22, 25) THEN 9
                            ELSE 7 END + ",
            cause!(),
            " AS BIGINT)"
        )
    };
}

// A place in one number: see `place_of`.
macro_rules! place {
    () => {
        "CASE length(d.area) WHEN 5 THEN 100000 + CAST(d.area AS INTEGER) WHEN 2 THEN 1000 + CAST(d.area AS INTEGER) ELSE 0 END"
    };
}

/// The place that a number of the statements stands for; none: not known.
pub(super) fn place_of(number: i64) -> Option<String> {
    match number {
        100_000.. => Some(format!("{:05}", number - 100_000)),
        1_000.. => Some(format!("{:02}", number - 1_000)),
        _ => None,
    }
}

/// A person is where their latest run found them.
macro_rules! people {
    () => {
        concat!(
            "SELECT ",
            person!(),
            " AS recipient, max((d.run << 18) | ",
            place!(),
            ") & 262143 AS place, min(",
            rank!(),
            ") AS best ",
            rows!(""),
            " GROUP BY ",
            person!()
        )
    };
}

/// Everybody once, by place and by what became of them.
pub(super) static PEOPLE: Sql =
    Sql::new(concat!("SELECT place, best, count(*) FROM (", people!(), ") AS person GROUP BY place, best"));

/// Everybody who was not reached: ref, place, rank.
pub(super) static UNREACHED: Sql = Sql::new(concat!(
    "SELECT r.ref, person.place, person.best FROM (",
    people!(),
    ") AS person JOIN recipient r ON r.id = person.recipient
     WHERE person.best >= 64 ORDER BY person.recipient"
));

macro_rules! people_by {
    ($key:expr, $join:expr) => {
        Sql::new(concat!(
            "SELECT line, best, count(*) FROM (SELECT ",
            person!(),
            " AS recipient, CAST(",
            $key,
            " AS BIGINT) AS line, min(",
            rank!(),
            ") AS best ",
            rows!($join),
            " GROUP BY ",
            person!(),
            ", CAST(",
            $key,
            " AS BIGINT)) AS person GROUP BY line, best"
        ))
    };
}

macro_rules! deliveries_by {
    ($key:expr, $join:expr) => {
        Sql::new(concat!(
            "SELECT CAST(",
            $key,
            " AS BIGINT), d.state, count(*), CAST(sum(d.parts) AS BIGINT), CAST(sum(d.price) AS BIGINT) ",
            rows!($join),
            " GROUP BY CAST(",
            $key,
            " AS BIGINT), d.state"
        ))
    };
}

macro_rules! by_message {
    () => {
        "LEFT JOIN :rows($3; run BIGINT, message SMALLINT, line BIGINT) AS k ON k.run = d.run AND k.message = d.message"
    };
}

macro_rules! by_segment {
    () => {
        "LEFT JOIN :rows($3; run BIGINT, bit BIGINT, line BIGINT) AS k ON k.run = d.run AND d.segments & k.bit <> 0"
    };
}

macro_rules! by_group {
    () => {
        "LEFT JOIN membership m ON m.recipient = (d.id >> 4) & 4294967295
         LEFT JOIN :rows($3; grp TEXT, line BIGINT) AS k ON k.grp = m.grp"
    };
}

static DELIVERIES_BY_CHANNEL: Sql = deliveries_by!("d.id & 15", "");
static DELIVERIES_BY_AREA: Sql = deliveries_by!(place!(), "");
static DELIVERIES_BY_SEGMENT: Sql = deliveries_by!("coalesce(k.line, -1)", by_segment!());
static DELIVERIES_BY_GROUP: Sql = deliveries_by!("coalesce(k.line, -1)", by_group!());
static DELIVERIES_BY_CARRIER: Sql = deliveries_by!("d.route", "");
static DELIVERIES_BY_ACCOUNT: Sql = deliveries_by!("d.account", "");
static DELIVERIES_BY_MESSAGE: Sql = deliveries_by!("coalesce(k.line, -1)", by_message!());
static DELIVERIES_BY_REASON: Sql = deliveries_by!(cause!(), "");

static PEOPLE_BY_CHANNEL: Sql = people_by!("d.id & 15", "");
static PEOPLE_BY_SEGMENT: Sql = people_by!("coalesce(k.line, -1)", by_segment!());
static PEOPLE_BY_GROUP: Sql = people_by!("coalesce(k.line, -1)", by_group!());
static PEOPLE_BY_CARRIER: Sql = people_by!("d.route", "");
static PEOPLE_BY_ACCOUNT: Sql = people_by!("d.account", "");
static PEOPLE_BY_MESSAGE: Sql = people_by!("coalesce(k.line, -1)", by_message!());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_come_back() {
        assert_eq!(place_of(0), None);
        assert_eq!(place_of(1_001).as_deref(), Some("01"));
        assert_eq!(place_of(100_004).as_deref(), Some("00004"));
        assert_eq!(place_of(132_248).as_deref(), Some("32248"));
    }
}
