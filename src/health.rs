//! How an account does, as one process sees it: pure. Failures of the account open its circuit, a probe after a pause half-opens
//! it, a success closes it. How fast it may go is beside it, in [`throttle`].
//!
//! Its moments are [`Ticks`]: a machine's clock that is set neither opens nor closes a circuit.

pub mod throttle;

use std::time::Duration;

use crate::clock::Ticks;

/// Consecutive failures of the account that open its circuit. Doubts count, too.
const FAILURES: u32 = 5;
/// The first pause; each further one twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_mins(2);
/// So many pauses, each twice as long, are two minutes: what fails no longer than that is expected back.
const BRIEF: u32 = 6;
/// The pause of an account whose quota or balance is used up, unless the gateway says how long.
const EMPTY_PAUSE: Duration = Duration::from_mins(5);
/// How soon somebody who waits for another's probe asks again.
const PROBE: Duration = Duration::from_millis(500);

/// What an account may do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permit {
    /// Send.
    Open,
    /// Send one message, to see whether it works again.
    Probe,
    /// Nothing until then.
    WaitUntil(Ticks),
    /// Nothing until a person mends it.
    Stopped,
}

/// The circuit of one account.
#[derive(Debug, Clone, Default)]
pub struct Circuit {
    failures: u32,
    pauses: u32,
    until: Ticks,
    probing: bool,
    stopped: Option<String>,
}

impl Circuit {
    /// What the account may do at `now`. Asking for a probe reserves it: the next caller waits for its answer.
    pub fn permit(&mut self, now: Ticks) -> Permit {
        if self.stopped.is_some() {
            return Permit::Stopped;
        }
        if now < self.until {
            return Permit::WaitUntil(self.until);
        }
        if self.failures < FAILURES {
            return Permit::Open;
        }
        if self.probing {
            return Permit::WaitUntil(now.after(PROBE));
        }
        self.probing = true;
        Permit::Probe
    }

    /// A message was judged, so the account works. Whether the circuit was open.
    pub fn succeeded(&mut self) -> bool {
        let was_open = self.failures >= FAILURES;
        self.failures = 0;
        self.pauses = 0;
        self.probing = false;
        was_open
    }

    /// The gateway has nothing left for the account: its quota or balance is used up. Whether the circuit was closed.
    pub fn emptied(&mut self, now: Ticks, after: Option<Duration>) -> bool {
        let opens = self.failures < FAILURES;
        self.failures = self.failures.max(FAILURES);
        self.probing = false;
        self.until = self.until.max(now.after(after.unwrap_or(EMPTY_PAUSE)));
        opens
    }

    /// The account failed or left a message in doubt. `after` is the gateway's own word. Whether that opened the circuit.
    pub fn failed(&mut self, now: Ticks, after: Option<Duration>) -> bool {
        let was_open = self.failures >= FAILURES;
        self.failures = self.failures.saturating_add(1);
        self.probing = false;
        if let Some(after) = after {
            self.until = self.until.max(now.after(after));
        }
        if self.failures >= FAILURES {
            let pause = FIRST_PAUSE.saturating_mul(2u32.saturating_pow(self.pauses.min(10))).min(LONGEST_PAUSE);
            // Many sends in flight fail together: they are one failure of the account, so its pause grows once.
            if now >= self.until {
                self.pauses += 1;
                self.until = now.after(pause);
            }
        }
        !was_open && self.failures >= FAILURES
    }

    /// The reserved probe was not used (nothing was there to send).
    pub fn probe_unused(&mut self) {
        self.probing = false;
    }

    /// Only a person can mend this.
    pub fn stop(&mut self, why: String) {
        self.stopped = Some(why);
    }

    /// A person mended it.
    pub fn mended(&mut self) {
        *self = Self::default();
    }

    /// Why it is stopped, if it is.
    pub fn stopped(&self) -> Option<&str> {
        self.stopped.as_deref()
    }

    /// Whether messages should go elsewhere, where they can.
    pub fn is_usable(&self, now: Ticks) -> bool {
        self.stopped.is_none() && now >= self.until && self.failures < FAILURES
    }

    /// Whether somebody who plans may count on it: it is usable, or has failed for no more than two minutes.
    pub fn is_likely(&self, now: Ticks) -> bool {
        self.is_usable(now) || self.stopped.is_none() && (1..=BRIEF).contains(&self.pauses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: i64) -> Ticks {
        Ticks::at(millis)
    }

    #[test]
    fn a_passing_failure_stands_in_no_plans_way_and_a_lasting_one_does() {
        let mut circuit = Circuit::default();
        let mut now = 0;
        for _ in 0..FAILURES {
            circuit.failed(at(now), None);
        }
        assert!(!circuit.is_usable(at(now)) && circuit.is_likely(at(now)));
        while circuit.is_likely(at(now)) {
            now += 2_000;
            assert!(now < 600_000, "what fails for ten minutes is counted on");
            if circuit.permit(at(now)) == Permit::Probe {
                circuit.failed(at(now), None);
            }
        }
        assert!(now > 60_000, "given up after {now} ms");
        circuit.succeeded();
        assert!(circuit.is_likely(at(now + 120_000)));
        circuit.emptied(at(now), None);
        assert!(!circuit.is_likely(at(now)), "an empty purse is no passing failure");
        circuit.mended();
        circuit.stop("wrong password".into());
        assert!(!circuit.is_likely(at(now)));
    }

    #[test]
    fn opens_after_repeated_failures_probes_once_and_closes() {
        let mut circuit = Circuit::default();
        for _ in 0..FAILURES {
            assert_eq!(circuit.permit(at(0)), Permit::Open);
            circuit.failed(at(0), None);
        }
        assert_eq!(circuit.permit(at(0)), Permit::WaitUntil(at(2000)));
        assert_eq!(circuit.permit(at(2000)), Permit::Probe);
        assert!(matches!(circuit.permit(at(2000)), Permit::WaitUntil(_)), "one probe at a time");
        circuit.failed(at(2000), None);
        assert_eq!(circuit.permit(at(3000)), Permit::WaitUntil(at(6000)), "the pause grows");
        assert_eq!(circuit.permit(at(6000)), Permit::Probe);
        circuit.succeeded();
        assert_eq!(circuit.permit(at(6000)), Permit::Open);
    }

    #[test]
    fn a_hundred_failures_at_once_are_one_pause() {
        let mut circuit = Circuit::default();
        for _ in 0..100 {
            circuit.failed(at(0), None);
        }
        assert_eq!(circuit.permit(at(1)), Permit::WaitUntil(at(2000)));
    }

    #[test]
    fn the_gateways_word_pauses_at_once() {
        let mut circuit = Circuit::default();
        circuit.failed(at(0), Some(Duration::from_secs(30)));
        assert_eq!(circuit.permit(at(1)), Permit::WaitUntil(at(30_000)));
        assert!(!circuit.is_usable(at(1)));
        assert_eq!(circuit.permit(at(30_000)), Permit::Open);
    }

    #[test]
    fn what_is_used_up_is_asked_again_after_a_longer_pause() {
        let mut circuit = Circuit::default();
        assert!(circuit.emptied(at(0), None));
        assert!(!circuit.emptied(at(1_000), None), "it is open already");
        assert_eq!(circuit.permit(at(1)), Permit::WaitUntil(at(301_000)));
        assert_eq!(circuit.permit(at(301_000)), Permit::Probe);
        assert!(circuit.succeeded());
        assert!(!circuit.succeeded());
    }

    #[test]
    fn only_a_person_ends_a_stop() {
        let mut circuit = Circuit::default();
        circuit.stop("wrong password".into());
        circuit.succeeded();
        assert_eq!(circuit.permit(Ticks::MAX), Permit::Stopped);
        circuit.mended();
        assert_eq!(circuit.permit(at(0)), Permit::Open);
    }
}
