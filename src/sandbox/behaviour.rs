//! What a stand-in does with a message: the knobs ([`Behaviour`]) and the pure decision ([`Behaviour::fate`]).
//!
//! The decision depends on the seed, the gateway, the address, the text (of a mail: its subject; of an SMPP message in parts: how
//! many there are, so that all of them share one fate) and how often the same message
//! was already put off: never on the sender's references, nor on the order in which messages arrive. Two runs with one seed
//! therefore end alike, however the sender schedules, and a number that does not exist stays so for that text.
//!
//! Some addresses force an outcome, whatever the knobs say; see [`MAGIC`].

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    ops::RangeInclusive,
    time::Duration,
};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use serde::Serialize;

use super::{Gateway, smpp::Habits, zalo};

/// How the stand-ins behave. Shares are 0…1; the default takes everything at once and confirms it.
#[derive(Debug, Clone, PartialEq)]
pub struct Behaviour {
    /// Time before an answer.
    pub latency: RangeInclusive<Duration>,
    /// Share refused at submission for good, with the different codes that each gateway has.
    pub fail: f64,
    /// Share told to come back later; the next try is drawn anew. HTTP gateways say it of the whole account.
    pub later: f64,
    /// Share whose connection is closed after the request was read, without an answer.
    pub cut: f64,
    /// Of those cut: the share that was taken nevertheless.
    pub cut_taken: f64,
    /// Share accepted without any receipt.
    pub silent: f64,
    /// Of those with a receipt: the share whose receipt reports failure.
    pub undelivered: f64,
    /// Of those with a receipt: the share whose receipts are sent twice.
    pub duplicate: f64,
    /// Of those with a receipt: the share whose receipt comes before the answer.
    pub early: f64,
    /// Time from the answer to the receipt. A wide range reorders receipts.
    pub delay: RangeInclusive<Duration>,
    /// Between two tries of a receipt that was not answered with 200.
    pub retry: Duration,
    /// Submissions a second that each gateway takes; what exceeds it is told to wait.
    pub throttle: Option<u32>,
    /// Of those that arrive: the share that the recipient answers. Over SMPP only: the other stand-ins have no way back.
    pub replies: f64,
    /// What carriers differ in over SMPP.
    pub smpp: Habits,
    /// How long FPT's tokens are good, whatever they are told to be.
    pub token_life: Duration,
    /// What is Zalo's own.
    pub zalo: zalo::Habits,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            latency: Duration::ZERO..=Duration::ZERO,
            fail: 0.0,
            later: 0.0,
            cut: 0.0,
            cut_taken: 0.5,
            silent: 0.0,
            undelivered: 0.0,
            duplicate: 0.0,
            early: 0.0,
            delay: Duration::ZERO..=Duration::ZERO,
            retry: Duration::from_secs(1),
            throttle: None,
            replies: 0.0,
            smpp: Habits::default(),
            token_life: Duration::from_hours(1),
            zalo: zalo::Habits::default(),
        }
    }
}

/// Why a message is refused; each gateway says it in its own codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No such number, mailbox or chat: for good.
    NoSuchAddress,
    /// Cannot be served just now: another try may succeed.
    Later,
    /// The recipient or a filter blocks the sender: for good.
    Blocked,
    /// The text is not allowed: for good.
    Content,
    /// The account has no money left.
    Funds,
    /// Too many submissions; how long to wait.
    Throttled(Duration),
}

/// What the recipient's side will say of a message that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// A receipt says that it arrived.
    Delivered,
    /// A receipt says that it did not.
    Undelivered,
    /// No receipt comes: by the knobs, or because the gateway has none or nowhere to send it.
    Silent,
}

/// The receipts of a message that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// What they say.
    pub outcome: Outcome,
    /// How often each is sent.
    pub copies: u8,
    /// Whether they come before the answer.
    pub early: bool,
    /// How long after the answer they come.
    pub delay: Duration,
    /// Whether the recipient answers.
    pub reply: bool,
}

/// What becomes of one submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is answered with a no.
    Refuse(Refusal),
    /// It is not taken, and the connection is closed without an answer.
    Lose,
    /// It is taken.
    Take {
        /// Whether the sender is told so, or finds the connection closed.
        answered: bool,
        /// Which receipts follow.
        plan: Plan,
    },
}

/// An outcome that an address forces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Magic {
    /// Refused for good: no such address.
    NoSuch,
    /// Told to come back later, every time.
    Later,
    /// Taken; no receipt.
    Silent,
    /// Taken; the receipt reports failure.
    Undelivered,
    /// Taken; the receipt comes twice.
    Twice,
    /// Taken; the receipt comes before the answer.
    Early,
    /// Taken, but the connection is closed without an answer, every time.
    Cut,
    /// Not taken, and the connection is closed without an answer, every time.
    Lost,
    /// Told that there are too many submissions, every time.
    Throttled,
    /// Refused for good: blocked.
    Blocked,
    /// Refused: no money left.
    Funds,
    /// Refused for good: the text.
    Content,
    /// Told to come back later the first time; taken after that.
    LaterOnce,
    /// The connection is closed the first time and the message not taken; taken after that.
    LostOnce,
    /// Taken; over SMPP the recipient answers that they want no more.
    Reply,
}

/// The addresses that force an outcome: a phone number or chat id by its last five digits, a mail address by the word after
/// the last `+` of its local part (`an+later@example.com`). Made-up residents never have one.
pub const MAGIC: [(u32, &str, Magic); 15] = [
    (1, "nosuch", Magic::NoSuch),
    (2, "later", Magic::Later),
    (3, "silent", Magic::Silent),
    (4, "undelivered", Magic::Undelivered),
    (5, "twice", Magic::Twice),
    (6, "early", Magic::Early),
    (7, "cut", Magic::Cut),
    (8, "lost", Magic::Lost),
    (9, "throttled", Magic::Throttled),
    (10, "blocked", Magic::Blocked),
    (11, "funds", Magic::Funds),
    (12, "content", Magic::Content),
    (13, "lateronce", Magic::LaterOnce),
    (14, "lostonce", Magic::LostOnce),
    (15, "reply", Magic::Reply),
];

/// The outcome that this address forces, if any.
pub fn magic(to: &str) -> Option<Magic> {
    if let Some((local, _)) = to.rsplit_once('@') {
        let (_, word) = local.rsplit_once('+')?;
        return MAGIC.iter().find(|(_, name, _)| word.eq_ignore_ascii_case(name)).map(|&(.., magic)| magic);
    }
    let ending: u32 = to.get(to.len().checked_sub(5)?..)?.parse().ok()?;
    MAGIC.iter().find(|&&(digits, ..)| digits == ending).map(|&(.., magic)| magic)
}

/// What a fate hangs on: see the head of this file.
pub fn key(seed: u64, gateway: Gateway, to: &str, text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (seed, gateway, to, text).hash(&mut hasher);
    hasher.finish()
}

impl Behaviour {
    /// How long the answer takes, and what becomes of the message with this [`key`] that was put off `tries` times already.
    pub fn fate(&self, key: u64, to: &str, tries: u32) -> (Duration, Fate) {
        let mut rng = StdRng::seed_from_u64(key.wrapping_add(u64::from(tries).wrapping_mul(0x9E37_79B9_7F4A_7C15)));
        // Every draw is made whether it is used or not, so that turning one knob does not reshuffle the others.
        let latency = within(&self.latency, rng.random());
        let (fail, why, cut, cut_taken) = (rng.random::<f64>(), rng.random_range(0..3), rng.random::<f64>(), rng.random::<f64>());
        let (silent, undelivered) = (rng.random::<f64>(), rng.random::<f64>());
        let (duplicate, early, later) = (rng.random::<f64>(), rng.random::<f64>(), rng.random::<f64>());
        let mut plan = Plan {
            outcome: Outcome::Delivered,
            copies: if duplicate < self.duplicate { 2 } else { 1 },
            early: early < self.early,
            delay: within(&self.delay, rng.random()),
            reply: rng.random::<f64>() < self.replies,
        };
        if let Some(magic) = magic(to) {
            return (latency, forced(magic, plan, tries));
        }
        if silent < self.silent {
            plan.outcome = Outcome::Silent;
        } else if undelivered < self.undelivered {
            plan.outcome = Outcome::Undelivered;
        }
        let fate = if fail < self.fail {
            Fate::Refuse([Refusal::NoSuchAddress, Refusal::Blocked, Refusal::Content][why])
        } else if later < self.later {
            Fate::Refuse(Refusal::Later)
        } else if cut < self.cut {
            if cut_taken < self.cut_taken { Fate::Take { answered: false, plan } } else { Fate::Lose }
        } else {
            Fate::Take { answered: true, plan }
        };
        (latency, fate)
    }
}

fn forced(magic: Magic, plan: Plan, tries: u32) -> Fate {
    let take = |outcome| Fate::Take { answered: true, plan: Plan { outcome, ..plan } };
    match magic {
        Magic::NoSuch => Fate::Refuse(Refusal::NoSuchAddress),
        Magic::Blocked => Fate::Refuse(Refusal::Blocked),
        Magic::Funds => Fate::Refuse(Refusal::Funds),
        Magic::Content => Fate::Refuse(Refusal::Content),
        Magic::Throttled => Fate::Refuse(Refusal::Throttled(Duration::from_secs(1))),
        Magic::Later => Fate::Refuse(Refusal::Later),
        Magic::LaterOnce if tries == 0 => Fate::Refuse(Refusal::Later),
        Magic::Lost => Fate::Lose,
        Magic::LostOnce if tries == 0 => Fate::Lose,
        Magic::LaterOnce | Magic::LostOnce => take(Outcome::Delivered),
        Magic::Cut => Fate::Take { answered: false, plan },
        Magic::Silent => take(Outcome::Silent),
        Magic::Undelivered => take(Outcome::Undelivered),
        Magic::Twice => Fate::Take { answered: true, plan: Plan { copies: 2, ..plan } },
        Magic::Early => Fate::Take { answered: true, plan: Plan { early: true, ..plan } },
        Magic::Reply => Fate::Take { answered: true, plan: Plan { reply: true, ..plan } },
    }
}

fn within(range: &RangeInclusive<Duration>, share: f64) -> Duration {
    *range.start() + range.end().saturating_sub(*range.start()).mul_f64(share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_come_out_as_set() {
        let behaviour = Behaviour { fail: 0.1, cut: 0.05, silent: 0.2, undelivered: 0.25, ..Behaviour::default() };
        let fates: Vec<Fate> = (0..20_000_u32)
            .map(|n| behaviour.fate(key(7, Gateway::Esms, "84901234567", &n.to_string()), "84901234567", 0).1)
            .collect();
        let share =
            |of: &dyn Fn(&Fate) -> bool| f64::from(u32::try_from(fates.iter().filter(|f| of(f)).count()).unwrap()) / 20_000.0;
        let near = |a: f64, b: f64| (a - b).abs() < 0.01;
        assert!(near(share(&|f| matches!(f, Fate::Refuse(_))), 0.1));
        assert!(near(share(&|f| matches!(f, Fate::Lose)), 0.9 * 0.025));
        assert!(near(share(&|f| matches!(f, Fate::Take { answered: false, .. })), 0.9 * 0.025));
        let outcome = |is| move |f: &Fate| matches!(f, Fate::Take { plan, .. } if plan.outcome == is);
        assert!(near(share(&outcome(Outcome::Silent)), 0.9 * 0.975 * 0.2));
        assert!(near(share(&outcome(Outcome::Undelivered)), 0.9 * 0.975 * 0.8 * 0.25));
    }

    #[test]
    fn one_seed_gives_one_fate_and_another_try_a_new_draw() {
        let behaviour = Behaviour { later: 0.5, ..Behaviour::default() };
        let fate = |seed, tries| {
            (0..64)
                .map(|n| behaviour.fate(key(seed, Gateway::Smtp, "a@example.com", &format!("{n}")), "a@example.com", tries).1)
                .collect::<Vec<_>>()
        };
        assert_eq!(fate(1, 0), fate(1, 0));
        assert_ne!(fate(1, 0), fate(2, 0));
        assert_ne!(fate(1, 0), fate(1, 1));
    }

    #[test]
    fn magic_addresses_are_told_by_their_ending() {
        assert_eq!(magic("84901200007"), Some(Magic::Cut));
        assert_eq!(magic("+84901200007"), magic("0901200007"));
        assert_eq!(magic("an+NoSuch@example.com"), Some(Magic::NoSuch));
        assert_eq!(magic("0901234567"), None);
        assert_eq!(magic("an@example.com"), None);
        assert_eq!(magic("ăn"), None);
        let fate = |tries| Behaviour::default().fate(0, "0901200013", tries).1;
        assert_eq!(fate(0), Fate::Refuse(Refusal::Later));
        assert!(matches!(fate(1), Fate::Take { answered: true, .. }));
    }
}
