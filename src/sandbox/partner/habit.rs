//! What a stand-in will say of an order, as its habits have it.

use std::collections::{BTreeSet, VecDeque};

use serde::Serialize;

use super::{counts::Fault, document::Document};

/// What a partner does otherwise than it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Habit {
    /// Its first report does not add up; the next one does.
    Wrong,
    /// It says everything twice.
    Twice,
    /// It takes something back without saying so, and corrects it once it is told.
    Falls,
    /// It reports nothing until it is hurried.
    Late,
    /// It takes orders and says nothing.
    Silent,
    /// It says no.
    Refuses,
    /// Of a pushed order it says first that something broke, though it has it.
    Doubtful,
}

impl Habit {
    /// Every one, by the word in names and options.
    pub const ALL: [(&'static str, Self); 7] = [
        ("wrong", Self::Wrong),
        ("twice", Self::Twice),
        ("falls", Self::Falls),
        ("late", Self::Late),
        ("silent", Self::Silent),
        ("refuses", Self::Refuses),
        ("doubtful", Self::Doubtful),
    ];

    /// Those that an outlet's name asks for: `viettel-wrong-twice`.
    pub fn of_name(outlet: &str) -> BTreeSet<Self> {
        let named = |word: &str| Self::ALL.iter().find(|(name, _)| *name == word).map(|(_, habit)| *habit);
        outlet.split('-').filter_map(named).collect()
    }
}

/// What comes next of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Acknowledge,
    Refuse,
    Begin,
    /// The report after so many steps.
    Report {
        step: u32,
        fault: Fault,
        last: bool,
    },
    /// What was said last, once more.
    Again,
}

/// Everything that will be said of an order.
pub(super) fn plan(document: &Document, habits: &BTreeSet<Habit>, steps: u32) -> VecDeque<Act> {
    let mut acts = Vec::new();
    if habits.contains(&Habit::Silent) {
        return VecDeque::new();
    }
    if habits.contains(&Habit::Refuses) {
        acts.push(Act::Refuse);
    } else {
        acts.push(Act::Acknowledge);
        if !document.is_cancel {
            acts.push(Act::Begin);
            if habits.contains(&Habit::Wrong) {
                acts.push(Act::Report { step: 1, fault: Fault::Sum, last: false });
            }
            for step in 1..=steps {
                let last = step == steps;
                if last && step > 1 && habits.contains(&Habit::Falls) {
                    acts.push(Act::Report { step: step - 1, fault: Fault::Falls, last: false });
                    acts.push(Act::Report { step: step - 1, fault: Fault::Corrected, last: false });
                }
                acts.push(Act::Report { step, fault: Fault::None, last });
            }
        }
    }
    let twice = habits.contains(&Habit::Twice);
    acts.into_iter().flat_map(|act| std::iter::once(act).chain(twice.then_some(Act::Again))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(cancel: bool) -> Document {
        Document { identifier: "a".into(), earlier: None, is_cancel: cancel, areas: vec!["01".into()], rounds: 1, parts: 1 }
    }

    #[test]
    fn habits_stand_in_an_outlets_name() {
        assert_eq!(Habit::of_name("viettel-wrong-twice"), BTreeSet::from([Habit::Wrong, Habit::Twice]));
        assert_eq!(Habit::of_name("viettel"), BTreeSet::new());
    }

    #[test]
    fn a_plan_says_what_its_habits_ask_for() {
        let plan = |habits: &[Habit], cancel| Vec::from(plan(&document(cancel), &habits.iter().copied().collect(), 2));
        let report = |step, fault, last| Act::Report { step, fault, last };
        let (fine, end) = (report(1, Fault::None, false), report(2, Fault::None, true));
        assert_eq!(plan(&[], false), [Act::Acknowledge, Act::Begin, fine, end]);
        assert_eq!(plan(&[], true), [Act::Acknowledge]);
        assert_eq!(plan(&[Habit::Silent], false), []);
        assert_eq!(plan(&[Habit::Refuses, Habit::Twice], false), [Act::Refuse, Act::Again]);
        let all = plan(&[Habit::Wrong, Habit::Falls], false);
        let [wrong, falls, corrects] = [Fault::Sum, Fault::Falls, Fault::Corrected].map(|fault| report(1, fault, false));
        assert_eq!(all[2..], [wrong, fine, falls, corrects, end]);
    }
}
