//! What a report counts: people by what became of them, and deliveries by state. Everything adds up: people are those
//! confirmed, those presumed and those not reached; deliveries are the sum of their states.

use serde::{Serialize, Serializer, ser::SerializeMap as _};

use crate::{
    delivery::{State, Why},
    phrase,
    words::{self, Phrase},
};

/// What became of a person over all runs of a report: the best of all their deliveries, the first of these that fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Fate {
    /// A receipt says that a message arrived or was seen.
    Confirmed = 0,
    /// Taken by a gateway on an account that sends no receipts, or a mail that did not bounce within 72 hours.
    Presumed = 1,
    /// Not sent yet, or no receipt yet.
    Waiting = 2,
    /// In doubt, being cleared up.
    InDoubt = 3,
    /// In doubt for good.
    Unknown = 4,
    /// Somebody else got the one text for their common address (*dùng chung số*).
    SharedAddress = 5,
    /// Rejected, undelivered or expired at the carrier.
    Failed = 6,
    /// Lapsed or cancelled before it was sent.
    Unsent = 7,
    /// The person refuses, is on a list of those never to be written to, or did not agree to advertising.
    OptedOut = 8,
    /// No address for any channel used, or no text for the channels with one.
    NoAddress = 9,
}

impl Fate {
    /// Every fate, by number.
    pub const ALL: [Self; 10] = [
        Self::Confirmed,
        Self::Presumed,
        Self::Waiting,
        Self::InDoubt,
        Self::Unknown,
        Self::SharedAddress,
        Self::Failed,
        Self::Unsent,
        Self::OptedOut,
        Self::NoAddress,
    ];

    /// Those of people who were not reached.
    pub fn not_reached() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|fate| !fate.is_reached())
    }

    /// Whether the person was reached, for certain or presumably.
    pub const fn is_reached(self) -> bool {
        matches!(self, Self::Confirmed | Self::Presumed)
    }

    /// The name in exports and the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Presumed => "presumed",
            Self::Waiting => "waiting",
            Self::InDoubt => "in_doubt",
            Self::Unknown => "unknown",
            Self::SharedAddress => "shared_address",
            Self::Failed => "failed",
            Self::Unsent => "unsent",
            Self::OptedOut => "opted_out",
            Self::NoAddress => "no_address",
        }
    }

    /// What people read.
    pub fn label(self) -> Phrase {
        match self {
            Self::Confirmed => phrase!("có xác nhận", "confirmed"),
            Self::Presumed => phrase!("chưa có xác nhận", "presumed"),
            Self::Waiting => phrase!("đang chờ gửi hoặc chờ báo nhận", "waiting to be sent or for a receipt"),
            Self::InDoubt => phrase!("chưa rõ kết quả (đang đối chiếu)", "in doubt"),
            Self::Unknown => phrase!("không xác định được kết quả", "unknown"),
            Self::SharedAddress => phrase!("dùng chung số, người khác nhận thay", "shared address: somebody else got it"),
            Self::Failed => phrase!("gửi không thành công", "failed"),
            Self::Unsent => phrase!("chưa gửi: quá hạn hoặc đã hủy", "unsent: lapsed or cancelled"),
            Self::OptedOut => phrase!("từ chối nhận tin", "opted out"),
            Self::NoAddress => phrase!("không có địa chỉ nhận tin", "no address"),
        }
    }
}

/// Why a delivery, or the best one of a person, stands where it stands. Besides the stored reasons there are two that
/// the state itself says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// A stored reason.
    Why(Why),
    /// Its time was over before it was sent.
    Lapsed,
    /// Its run was aborted before it was sent.
    Cancelled,
}

impl Cause {
    /// Number of [`Cause::Lapsed`]; stored reasons are smaller.
    const LAPSED: i64 = 1_000;
    /// Number of [`Cause::Cancelled`].
    const CANCELLED: i64 = 1_001;

    /// The cause with this number.
    pub fn from_number(number: i64) -> Self {
        match number {
            Self::LAPSED => Self::Lapsed,
            Self::CANCELLED => Self::Cancelled,
            other => Self::Why(Why::from_number(i16::try_from(other).unwrap_or(i16::MAX))),
        }
    }

    /// The number that a line of this cause has; 0 where there is no particular reason.
    pub(super) fn number(self) -> i64 {
        match self {
            Self::Lapsed => Self::LAPSED,
            Self::Cancelled => Self::CANCELLED,
            Self::Why(why) => i64::from(why.number()),
        }
    }

    /// The name in exports and the API; `none` where there is no particular reason.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lapsed => "lapsed",
            Self::Cancelled => "cancelled",
            Self::Why(Why::Nothing) => "none",
            Self::Why(why) => why.name(),
        }
    }

    /// What people read.
    pub fn label(self) -> Phrase {
        Phrase {
            vi: words::reason(self.name(), words::Lang::Vi).to_string(),
            en: words::reason(self.name(), words::Lang::En).to_string(),
        }
    }
}

/// What became of one person, and why. The better one is the smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// What became of them.
    pub fate: Fate,
    /// Why.
    pub cause: Cause,
}

impl Outcome {
    /// Why somebody was not reached: the reason where one was given, else what became of them.
    pub fn why(self) -> Phrase {
        let given = self.cause.name() != "none";
        match self.fate {
            Fate::Failed | Fate::Unsent | Fate::NoAddress if given => self.cause.label(),
            fate => fate.label().capital(),
        }
    }

    /// Of a delivery in this state, for the stored reason; `presumed`, see [`crate::audience::reach`].
    pub(super) fn of(state: State, reason: i64, presumed: bool) -> Self {
        let why = Why::from_number(i16::try_from(reason).unwrap_or(i16::MAX));
        let fate = match state {
            State::Delivered | State::Seen => Fate::Confirmed,
            State::Accepted | State::Enroute if presumed => Fate::Presumed,
            State::Accepted | State::Enroute | State::Pending | State::Submitting => Fate::Waiting,
            State::InDoubt => Fate::InDoubt,
            State::Unknown => Fate::Unknown,
            State::Undelivered | State::Expired | State::Rejected => Fate::Failed,
            State::Skipped => match why {
                Why::SameAddress => Fate::SharedAddress,
                Why::OptedOut | Why::DoNotCall | Why::NoConsent => Fate::OptedOut,
                Why::NoAddress | Why::NoText | Why::Suppressed => Fate::NoAddress,
                _ => Fate::Unsent,
            },
            State::Lapsed | State::Cancelled => Fate::Unsent,
        };
        let cause = match state {
            State::Accepted | State::Enroute | State::Delivered | State::Seen => Cause::Why(Why::Nothing),
            State::Lapsed => Cause::Lapsed,
            State::Cancelled => Cause::Cancelled,
            _ => Cause::Why(why),
        };
        Self { fate, cause }
    }
}

impl Ord for Outcome {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.fate, self.cause.number()).cmp(&(other.fate, other.cause.number()))
    }
}

impl PartialOrd for Outcome {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// People, each counted once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct People([i64; Fate::ALL.len()]);

impl People {
    /// Counts so many more.
    pub fn add(&mut self, fate: Fate, people: i64) {
        self.0[fate as usize] += people;
    }

    /// How many had this fate.
    pub const fn of(&self, fate: Fate) -> i64 {
        self.0[fate as usize]
    }

    /// Everybody who was to be reached.
    pub fn addressed(&self) -> i64 {
        self.0.iter().sum()
    }

    /// Everybody who was not reached, for certain or presumably.
    pub fn not_reached(&self) -> i64 {
        Fate::not_reached().map(|fate| self.of(fate)).sum()
    }

    /// Whether those confirmed are at least this share of so many.
    #[expect(clippy::cast_precision_loss, reason = "people, not atoms")]
    pub fn meet(&self, goal: f64, whole: i64) -> bool {
        whole > 0 && self.of(Fate::Confirmed) as f64 >= goal * whole as f64
    }
}

impl People {
    /// The counts in the order of [`Fate::ALL`], as they are kept.
    pub(super) const fn numbers(&self) -> [i64; Fate::ALL.len()] {
        self.0
    }

    /// What [`People::numbers`] wrote; fates that were not known then count nobody.
    pub(super) fn of_numbers(numbers: &[i64]) -> Self {
        let mut people = Self::default();
        people.0.iter_mut().zip(numbers).for_each(|(count, kept)| *count = *kept);
        people
    }
}

impl std::ops::AddAssign for People {
    fn add_assign(&mut self, other: Self) {
        for (count, more) in self.0.iter_mut().zip(other.0) {
            *count += more;
        }
    }
}

impl Serialize for People {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("addressed", &self.addressed())?;
        map.serialize_entry("confirmed", &self.of(Fate::Confirmed))?;
        map.serialize_entry("presumed", &self.of(Fate::Presumed))?;
        map.serialize_entry("not_reached", &self.not_reached())?;
        for fate in Fate::not_reached() {
            map.serialize_entry(fate.name(), &self.of(fate))?;
        }
        map.end()
    }
}

/// Deliveries by state, with what they cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Deliveries {
    by_state: [i64; State::ALL.len()],
    /// Parts of all attempts that are or may be billed.
    pub parts: i64,
    /// Đồng for them, at the price that each was sent at.
    pub cost: i64,
}

impl Deliveries {
    /// Counts so many more.
    pub fn add(&mut self, state: State, deliveries: i64, parts: i64, cost: i64) {
        self.by_state[state as usize] += deliveries;
        self.parts += parts;
        self.cost += cost;
    }

    /// How many are in this state.
    pub const fn of(&self, state: State) -> i64 {
        self.by_state[state as usize]
    }

    /// All of them.
    pub fn total(&self) -> i64 {
        self.by_state.iter().sum()
    }

    /// Delivered or seen.
    pub const fn confirmed(&self) -> i64 {
        self.of(State::Delivered) + self.of(State::Seen)
    }

    /// Rejected, undelivered or expired.
    pub const fn failed(&self) -> i64 {
        self.of(State::Rejected) + self.of(State::Undelivered) + self.of(State::Expired)
    }
}

impl Deliveries {
    /// Parts, cost, and the counts in the order of [`State::ALL`], as they are kept.
    pub(super) fn numbers(&self) -> Vec<i64> {
        [self.parts, self.cost].into_iter().chain(self.by_state).collect()
    }

    /// What [`Deliveries::numbers`] wrote.
    pub(super) fn of_numbers(numbers: &[i64]) -> Self {
        let at = |at: usize| numbers.get(at).copied().unwrap_or(0);
        let mut deliveries = Self { parts: at(0), cost: at(1), ..Self::default() };
        deliveries.by_state.iter_mut().zip(numbers.iter().skip(2)).for_each(|(count, kept)| *count = *kept);
        deliveries
    }
}

impl std::ops::AddAssign for Deliveries {
    fn add_assign(&mut self, other: Self) {
        for (count, more) in self.by_state.iter_mut().zip(other.by_state) {
            *count += more;
        }
        self.parts += other.parts;
        self.cost += other.cost;
    }
}

impl Serialize for Deliveries {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("total", &self.total())?;
        for state in State::ALL {
            map.serialize_entry(state.name(), &self.of(state))?;
        }
        map.serialize_entry("parts", &self.parts)?;
        map.serialize_entry("cost", &self.cost)?;
        map.end()
    }
}

/// People and deliveries of one line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// People, each once.
    pub people: People,
    /// Messages.
    pub deliveries: Deliveries,
}

impl std::ops::AddAssign for Figures {
    fn add_assign(&mut self, other: Self) {
        self.people += other.people;
        self.deliveries += other.deliveries;
    }
}
