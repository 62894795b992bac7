//! Whose turn it is: warnings before everything else, fair shares between runs of the same kind. Pure, in memory.

use std::collections::HashMap;

/// A run that could be claimed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) run: i64,
    pub(super) warning: bool,
}

/// What each run was given by one lane. Who was given least is next, so a small run never waits for a huge one to
/// finish; who comes new starts where the least served one stands, so it neither waits nor overtakes by its absence.
#[derive(Debug, Default)]
pub(super) struct Turns {
    served: HashMap<i64, u64>,
}

impl Turns {
    /// The runs in the order of their turns.
    pub(super) fn order(&mut self, candidates: &[Waiting]) -> Vec<i64> {
        self.served.retain(|run, _| candidates.iter().any(|c| c.run == *run));
        let least = self.served.values().copied().min().unwrap_or(0);
        for candidate in candidates {
            self.served.entry(candidate.run).or_insert(least);
        }
        let mut order: Vec<&Waiting> = candidates.iter().collect();
        order.sort_by_key(|c| (!c.warning, self.served.get(&c.run).copied().unwrap_or(0), c.run));
        order.into_iter().map(|c| c.run).collect()
    }

    /// A run was given `n` messages.
    pub(super) fn served(&mut self, run: i64, n: usize) {
        *self.served.entry(run).or_insert(0) += u64::try_from(n).unwrap_or(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn awareness(run: i64) -> Waiting {
        Waiting { run, warning: false }
    }

    #[test]
    fn a_small_run_does_not_wait_for_a_huge_one() {
        let mut turns = Turns::default();
        for _ in 0..1000 {
            let first = turns.order(&[awareness(1)])[0];
            turns.served(first, 100);
        }
        let mut given = [0, 0];
        for _ in 0..10 {
            let first = turns.order(&[awareness(1), awareness(2)])[0];
            turns.served(first, 100);
            given[usize::try_from(first - 1).unwrap()] += 1;
        }
        assert_eq!(given, [5, 5]);
    }

    #[test]
    fn a_warning_goes_first_however_much_it_was_given() {
        let mut turns = Turns::default();
        turns.served(9, 1_000_000);
        let order = turns.order(&[awareness(1), Waiting { run: 9, warning: true }]);
        assert_eq!(order, [9, 1]);
    }
}
