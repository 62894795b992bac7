//! What a lane has rendered and waits to send.

use std::{collections::VecDeque, sync::Arc};

use providers::{Abilities, Content, Outgoing, Slot};

use super::domains::Pass;
use crate::{active::ActiveRun, delivery::claim::Claimed};

/// A rendered message that waits for its slot.
pub(super) struct Ready {
    pub(super) run: Arc<ActiveRun>,
    pub(super) claimed: Claimed<()>,
    pub(super) outgoing: Outgoing,
    /// Where its domain has a gate: counted as on its way until this is dropped.
    pub(super) pass: Option<Pass>,
}

/// Messages in the order in which they were claimed.
pub(super) struct Queue {
    abilities: Abilities,
    waiting: VecDeque<Ready>,
}

impl Queue {
    /// An empty queue before a gateway that can do this.
    pub(super) fn new(abilities: Abilities) -> Self {
        Self { abilities, waiting: VecDeque::new() }
    }

    pub(super) fn push(&mut self, ready: Ready) {
        self.waiting.push_back(ready);
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes everything.
    pub(super) fn take_all(&mut self) -> VecDeque<Ready> {
        std::mem::take(&mut self.waiting)
    }

    /// Slots that the next send takes: a message of several parts may need several.
    pub(super) fn next_slots(&self) -> usize {
        self.waiting.front().map_or(1, |ready| slots_of(self.abilities.slot, &ready.outgoing))
    }

    /// Slots that all that waits takes, at best.
    pub(super) fn all_slots(&self) -> usize {
        Self::slots_of_all(self.abilities, &self.waiting)
    }

    /// Slots that these take, at best, before a gateway that can do this.
    pub(super) fn slots_of_all<'a>(
        abilities: Abilities,
        ready: impl IntoIterator<Item = &'a Ready, IntoIter: ExactSizeIterator>,
    ) -> usize {
        let ready = ready.into_iter();
        match abilities.slot {
            Slot::Send => ready.len().div_ceil(abilities.batch.most.max(1)),
            Slot::Part => ready.map(|ready| slots_of(abilities.slot, &ready.outgoing)).sum(),
        }
    }

    /// Takes the first, and those behind it that may go in the same send, `most` at most.
    pub(super) fn take_batch(&mut self, most: usize) -> Vec<Ready> {
        let Some(first) = self.waiting.pop_front() else { return Vec::new() };
        let mut batch = vec![first];
        if most > 1 && self.abilities.batch.same_content {
            let mut others = VecDeque::with_capacity(self.waiting.len());
            for ready in std::mem::take(&mut self.waiting) {
                if batch.len() < most && ready.outgoing.content == batch[0].outgoing.content {
                    batch.push(ready);
                } else {
                    others.push_back(ready);
                }
            }
            self.waiting = others;
        } else {
            let more = (most.max(1) - 1).min(self.waiting.len());
            batch.extend(self.waiting.drain(..more));
        }
        batch
    }
}

/// Slots that a message takes where it goes alone.
fn slots_of(slot: Slot, outgoing: &Outgoing) -> usize {
    match (slot, &outgoing.content) {
        (Slot::Part, Content::Sms(sms)) => usize::from(sms.parts.max(1)),
        _ => 1,
    }
}
