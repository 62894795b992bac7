//! When messages will be sent: rate × quota × people, followed through nights and midnights. Pure.
//!
//! What enters: the accounts as [`Line`]s, what waits to be sent as [`Work`]. What leaves: when each piece of work is done, and what
//! is left of it at the end of the time looked at. Messages are followed as a flow from one change to the next (a piece is done, a
//! quota is used up, hours begin or end, a day begins), by the rules that the dispatcher keeps: warnings first, equal shares
//! between runs, the lowest priority number that can send, slots by part or by send.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, Timelike as _};
use chrono_tz::{Asia::Ho_Chi_Minh, Tz};
use providers::{Abilities, Slot};

use super::{Account, Accounts, trouble::Cause};
use crate::{clock::Ticks, config, delivery::slot, health::throttle::FULL};

/// An account as the forecast sees it.
#[derive(Debug, Clone)]
pub struct Line {
    /// Its name.
    pub name: String,
    /// The routes that it serves.
    pub routes: BTreeSet<i16>,
    /// Whether it can send, or soon will: its day's quota apart.
    pub able: bool,
    /// Lower first.
    pub priority: u32,
    /// From one slot of its rate to the next, as throttled as it is.
    pub period: Duration,
    /// What a slot is spent on, and how many messages one send carries.
    pub abilities: Abilities,
    /// Messages a day.
    pub daily: Option<u64>,
    /// Of today's.
    pub used: u64,
}

impl Line {
    /// An account by its settings, at `pace` thousandths of its rate.
    pub fn of(
        config: &config::Account,
        routes: impl IntoIterator<Item = i16>,
        abilities: Abilities,
        pace: i64,
        used: u64,
    ) -> Self {
        let exact = slot::period(config.rate).as_nanos() * u128::from(FULL.unsigned_abs())
            / u128::from(pace.clamp(1, FULL).unsigned_abs());
        let period = Duration::from_nanos(u64::try_from(exact).unwrap_or(u64::MAX));
        Self {
            name: config.name.clone(),
            routes: routes.into_iter().collect(),
            able: true,
            priority: config.priority,
            period,
            abilities,
            daily: config.daily,
            used,
        }
    }
}

/// Hours of sending, in minutes of the local day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hours {
    /// The first minute.
    pub from: u32,
    /// The first minute after.
    pub until: u32,
    /// Where.
    pub zone: Tz,
}

impl Hours {
    fn minute(self, at: i64) -> u32 {
        let local = DateTime::from_timestamp_millis(at).unwrap_or_default().with_timezone(&self.zone);
        local.num_seconds_from_midnight() / 60
    }

    fn are_open(self, at: i64) -> bool {
        (self.from..self.until).contains(&self.minute(at))
    }

    /// When they next begin or end, to the full minute.
    fn next_change(self, at: i64) -> i64 {
        let minute = self.minute(at);
        let wait = match minute {
            m if m < self.from => self.from - m,
            m if m < self.until => self.until - m,
            m => 24 * 60 - m + self.from,
        };
        (at.div_euclid(60_000) + i64::from(wait)) * 60_000
    }
}

/// Messages of one run on one route that wait to be sent.
#[derive(Debug, Clone)]
pub struct Work {
    /// The run.
    pub run: i64,
    /// Its messages go before every awareness run's.
    pub warning: bool,
    /// Channel and carrier group.
    pub route: i16,
    /// How many.
    pub messages: u64,
    /// Parts of each.
    pub parts: u16,
    /// Within these hours alone.
    pub hours: Option<Hours>,
}

/// What becomes of a piece of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outlook {
    /// When its last message goes (unix milliseconds); none: not within the time looked at.
    pub done_at: Option<i64>,
    /// What is left then.
    pub left: u64,
}

/// A piece of work on its way.
struct Piece<'w> {
    work: &'w Work,
    left: f64,
    done_at: Option<i64>,
}

/// More changes than any real set of accounts and runs meets in its time.
const MOST_CHANGES: usize = 100_000;
/// Less than this of a message is none.
const NOTHING: f64 = 1e-3;

/// Follows the work from `from` to `until` (unix milliseconds). One outlook a piece, in order.
pub fn forecast(lines: &[Line], work: &[Work], from: i64, until: i64) -> Vec<Outlook> {
    let mut pieces: Vec<Piece<'_>> = work
        .iter()
        .map(|work| Piece { work, left: float(work.messages), done_at: (work.messages == 0).then_some(from) })
        .collect();
    let mut quotas: Vec<f64> =
        lines.iter().map(|line| line.daily.map_or(f64::INFINITY, |daily| float(daily.saturating_sub(line.used)))).collect();
    let midnight = Hours { from: 0, until: 24 * 60, zone: Ho_Chi_Minh };
    let since = |at: i64| float(u64::try_from(at - from).unwrap_or(0));
    // Milliseconds since `from`: fast accounts send many messages in one.
    let mut elapsed = 0.0;
    for _ in 0..MOST_CHANGES {
        let now = from + ceil(elapsed - 0.999);
        if now >= until || pieces.iter().all(|piece| piece.done_at.is_some()) {
            break;
        }
        let flows = flows(lines, &quotas, &pieces, now);
        let of_piece = |i: usize| total(flows.iter().filter(|flow| flow.piece == i));
        let of_line = |j: usize| total(flows.iter().filter(|flow| flow.line == j));
        let day_begins = since(midnight.next_change(now));
        let mut next = since(until);
        if lines.iter().any(|line| line.daily.is_some()) {
            next = next.min(day_begins);
        }
        for (i, piece) in pieces.iter().enumerate().filter(|(_, piece)| piece.done_at.is_none()) {
            next = piece.work.hours.map_or(next, |hours| next.min(since(hours.next_change(now))));
            next = next.min(elapsed + piece.left / of_piece(i));
        }
        for (j, quota) in quotas.iter().enumerate().filter(|(j, _)| of_line(*j) > 0.0) {
            next = next.min(elapsed + quota / of_line(j));
        }
        let passed = (next - elapsed).max(0.0);
        for (i, piece) in pieces.iter_mut().enumerate().filter(|(_, piece)| piece.done_at.is_none()) {
            piece.left = (piece.left - of_piece(i) * passed).max(0.0);
            piece.done_at = (piece.left < NOTHING).then(|| from + ceil(next));
        }
        for (j, quota) in quotas.iter_mut().enumerate() {
            *quota = (*quota - of_line(j) * passed).max(0.0);
        }
        elapsed = next;
        if elapsed >= day_begins {
            quotas = lines.iter().map(|line| line.daily.map_or(f64::INFINITY, float)).collect();
        }
    }
    pieces
        .iter()
        .map(|piece| Outlook {
            done_at: piece.done_at,
            // A slot is a little longer than its rate says: that makes no message late.
            left: if piece.done_at.is_some() { 0 } else { u64::try_from(ceil(piece.left - 0.5)).unwrap_or(0).max(1) },
        })
        .collect()
}

/// So much of a piece goes over a line: messages a millisecond.
struct Flow {
    line: usize,
    piece: usize,
    rate: f64,
}

/// Of nothing 0.0, where a plain sum would be -0.0: what is left is divided by it.
fn total<'f>(flows: impl Iterator<Item = &'f Flow>) -> f64 {
    flows.fold(0.0, |total, flow| total + flow.rate)
}

/// What flows at a moment, until something changes.
fn flows(lines: &[Line], quotas: &[f64], pieces: &[Piece<'_>], now: i64) -> Vec<Flow> {
    let can = |j: usize| lines[j].able && quotas[j] >= NOTHING;
    let mut flows = Vec::new();
    for (j, line) in lines.iter().enumerate().filter(|(j, _)| can(*j)) {
        let is_best = |route: i16| {
            let better = |(k, other): (usize, &Line)| can(k) && other.priority < line.priority && other.routes.contains(&route);
            line.routes.contains(&route) && !lines.iter().enumerate().any(better)
        };
        let waits = |piece: &&Piece<'_>| {
            piece.done_at.is_none() && is_best(piece.work.route) && piece.work.hours.is_none_or(|hours| hours.are_open(now))
        };
        let warnings = pieces.iter().filter(waits).any(|piece| piece.work.warning);
        // A lane takes a run's routes one after the other, and the runs in turn.
        let mut of_runs: BTreeMap<i64, usize> = BTreeMap::new();
        for (i, piece) in pieces.iter().enumerate().filter(|(_, piece)| waits(piece) && piece.work.warning == warnings) {
            let first = of_runs.entry(piece.work.run).or_insert(i);
            if piece.work.route < pieces[*first].work.route {
                *first = i;
            }
        }
        let slots = 1.0 / line.period.as_secs_f64().max(1e-9) / 1_000.0 / float(u64::try_from(of_runs.len()).unwrap_or(1));
        flows.extend(of_runs.into_values().map(|piece| {
            let messages = match line.abilities.slot {
                Slot::Part => 1.0 / f64::from(pieces[piece].work.parts.max(1)),
                Slot::Send => float(u64::try_from(line.abilities.batch.most).unwrap_or(1).max(1)),
            };
            Flow { line: j, piece, rate: slots * messages }
        }));
    }
    flows
}

#[expect(clippy::cast_precision_loss, reason = "messages and milliseconds of any real run are far below 2^52")]
const fn float(n: u64) -> f64 {
    n as f64
}

/// Rounded up; without bound where there is none.
#[expect(clippy::cast_possible_truncation, reason = "bounded before")]
fn ceil(n: f64) -> i64 {
    if n.is_nan() || n > 1e15 { 1 << 60 } else { (n - 1e-4).max(0.0).ceil() as i64 }
}

impl Accounts {
    /// The accounts as they are at `ticks`.
    pub fn lines(&self, ticks: Ticks) -> Vec<Line> {
        let line = |account: &Account| {
            let line = Line::of(&account.config, account.routes(), account.abilities, account.throttle().pace, account.used());
            Line { able: account.has_trouble(Cause::Quota) || account.is_likely(ticks), ..line }
        };
        self.all.iter().map(|account| line(account)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{TimeZone as _, Utc};
    use proptest::prelude::*;

    /// Exactly so many slots a second.
    fn line(name: &str, per_second: u32) -> Line {
        Line {
            name: name.into(),
            routes: BTreeSet::from([17, 18]),
            able: true,
            priority: 1,
            period: Duration::from_secs(1) / per_second,
            abilities: Abilities::LEAST,
            daily: None,
            used: 0,
        }
    }

    fn work(run: i64, messages: u64) -> Work {
        Work { run, warning: false, route: 17, messages, parts: 1, hours: None }
    }

    /// So many o'clock in Hà Nội, on the second of November.
    fn clock(hour: u32, minute: u32) -> i64 {
        Ho_Chi_Minh.with_ymd_and_hms(2026, 11, 2, hour, minute, 0).unwrap().timestamp_millis()
    }

    const DAY: i64 = 24 * 3_600_000;

    fn done(lines: &[Line], work: &[Work], from: i64) -> Vec<Option<i64>> {
        forecast(lines, work, from, from + 10 * DAY).into_iter().map(|outlook| outlook.done_at.map(|at| at - from)).collect()
    }

    #[test]
    fn people_by_rate_and_parts() {
        assert_eq!(done(&[line("a", 10)], &[work(1, 36_000)], clock(8, 0)), [Some(3_600_000)]);
        let by_part = Line { abilities: Abilities { slot: Slot::Part, ..Abilities::LEAST }, ..line("a", 10) };
        let long = Work { parts: 3, ..work(1, 36_000) };
        assert_eq!(done(&[by_part], std::slice::from_ref(&long), clock(8, 0)), [Some(3 * 3_600_000)]);
        assert_eq!(done(&[line("a", 10)], &[long], clock(8, 0)), [Some(3_600_000)], "a request carries all its parts");
        assert_eq!(done(&[line("a", 10), line("b", 30)], &[work(1, 36_000)], clock(8, 0)), [Some(900_000)]);
        assert_eq!(done(&[], &[work(1, 1)], clock(8, 0)), [None], "nobody carries it");
    }

    #[test]
    fn a_quota_goes_on_the_next_day() {
        let small = Line { daily: Some(1_000), used: 400, ..line("a", 10) };
        let outlook = done(&[small], &[work(1, 700)], clock(23, 0));
        assert_eq!(outlook, [Some(3_600_000 + 10_000)], "600 today, 100 after midnight");
        let second = Line { priority: 2, ..line("b", 1) };
        let small = Line { daily: Some(600), ..line("a", 10) };
        assert_eq!(done(&[small, second], &[work(1, 700)], clock(8, 0)), [Some(160_000)], "the next one takes over");
    }

    #[test]
    fn nights_are_waited_out() {
        let hours = Some(Hours { from: 8 * 60, until: 20 * 60, zone: Ho_Chi_Minh });
        let daily = Work { hours, ..work(1, 36_000) };
        assert_eq!(
            done(&[line("a", 10)], &[daily], clock(19, 30)),
            [Some(13 * 3_600_000)],
            "half an hour each side of the night"
        );
    }

    #[test]
    fn warnings_go_first_and_runs_share() {
        let warning = Work { warning: true, ..work(2, 600) };
        assert_eq!(done(&[line("a", 10)], &[work(1, 600), warning], clock(8, 0)), [Some(120_000), Some(60_000)]);
        assert_eq!(done(&[line("a", 10)], &[work(1, 600), work(2, 300)], clock(8, 0)), [Some(90_000), Some(60_000)]);
    }

    #[test]
    fn what_is_left_at_the_end_is_told_by_route() {
        let only = Line { routes: BTreeSet::from([17]), ..line("a", 1) };
        let elsewhere = Work { route: 18, ..work(1, 50) };
        let now = clock(8, 0);
        let outlook = forecast(&[only], &[work(1, 100), elsewhere], now, now + 30_000);
        assert_eq!(outlook, [Outlook { done_at: None, left: 70 }, Outlook { done_at: None, left: 50 }]);
        assert_eq!(Utc.timestamp_millis_opt(now).unwrap().to_rfc3339(), "2026-11-02T01:00:00+00:00");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn more_work_never_ends_earlier_and_nothing_is_lost(
            a in 1u64..100_000, b in 1u64..100_000, rate in 1u32..500, daily in prop::option::of(1u64..50_000), minutes in 1i64..5_000
        ) {
            let line = Line { daily, ..line("a", rate) };
            let (from, until) = (clock(9, 0), clock(9, 0) + minutes * 60_000);
            let alone = forecast(std::slice::from_ref(&line), &[work(1, a)], from, until)[0];
            let both = forecast(&[line], &[work(1, a), work(2, b)], from, until);
            prop_assert!(both[0].left >= alone.left);
            prop_assert!(alone.left <= a && both[1].left <= b);
            prop_assert_eq!(alone.done_at.is_some(), alone.left == 0);
            if let (Some(alone), Some(both)) = (alone.done_at, both[0].done_at) {
                prop_assert!(both >= alone);
            }
        }
    }
}
