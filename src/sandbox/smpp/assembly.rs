//! Messages in parts: put together whichever connection each part comes over, and in whichever order.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use super::text::Place;
use crate::sandbox::behaviour::Outcome;

/// Which message a part belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) client: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) reference: u16,
    pub(super) total: u8,
}

/// One part that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) text: String,
    pub(super) id: String,
    pub(super) outcome: Outcome,
    pub(super) answered: bool,
}

/// What a part makes of its message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Put {
    /// Others are still to come.
    Waiting,
    /// This part was there already; the later one counts.
    Repeated,
    /// The message is whole.
    Whole(Part),
}

/// Messages of which some parts are still to come.
#[derive(Debug, Default)]
pub(super) struct Assembly(Mutex<HashMap<Key, Vec<Option<Part>>>>);

impl Assembly {
    /// Puts a part in its place.
    pub(super) fn put(&self, key: &Key, place: Place, part: Part) -> Put {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let parts = open.entry(key.clone()).or_insert_with(|| vec![None; usize::from(place.total)]);
        let Some(slot) = parts.get_mut(usize::from(place.number) - 1) else { return Put::Waiting };
        if slot.replace(part).is_some() {
            return Put::Repeated;
        }
        if parts.iter().any(Option::is_none) {
            return Put::Waiting;
        }
        let parts: Vec<Part> = open.remove(key).unwrap_or_default().into_iter().flatten().collect();
        Put::Whole(whole(&parts))
    }

    /// How many messages lack a part.
    pub(super) fn incomplete(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len() as u64
    }
}

/// The message of these parts: it arrived if all did, and its sender was told if told of all.
fn whole(parts: &[Part]) -> Part {
    let any = |outcome| parts.iter().any(|part| part.outcome == outcome);
    let outcome = if any(Outcome::Undelivered) {
        Outcome::Undelivered
    } else if any(Outcome::Silent) {
        Outcome::Silent
    } else {
        Outcome::Delivered
    };
    let ids: Vec<&str> = parts.iter().map(|part| part.id.as_str()).collect();
    Part {
        text: parts.iter().map(|part| part.text.as_str()).collect(),
        id: ids.join(","),
        outcome,
        answered: parts.iter().all(|part| part.answered),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_whole_once_every_part_came_in_any_order() {
        let assembly = Assembly::default();
        let key = |reference| Key { client: "loa".into(), from: "SO".into(), to: "84".into(), reference, total: 3 };
        let part = |text: &str, outcome| Part { text: text.into(), id: text.to_uppercase(), outcome, answered: true };
        let put = |reference, number, outcome| {
            let text = ["a", "b", "c"][usize::from(number) - 1];
            assembly.put(&key(reference), Place { reference, total: 3, number }, part(text, outcome))
        };
        assert_eq!(put(1, 3, Outcome::Delivered), Put::Waiting);
        assert_eq!(put(2, 1, Outcome::Delivered), Put::Waiting);
        assert_eq!(put(1, 1, Outcome::Undelivered), Put::Waiting);
        assert_eq!(put(1, 1, Outcome::Undelivered), Put::Repeated);
        assert_eq!(
            put(1, 2, Outcome::Silent),
            Put::Whole(Part { text: "abc".into(), id: "A,B,C".into(), outcome: Outcome::Undelivered, answered: true })
        );
        assert_eq!(assembly.incomplete(), 1);
    }
}
