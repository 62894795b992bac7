//! What is worked out beside the requests that ask for it: counts over the whole list.
//!
//! At a million people a count takes seconds, and a page has milliseconds. Whoever asks a [`Counter`] gets an answer at once: the
//! count with its time, or that it is being counted. Asked again, it is there. What can go wrong is only the database: then it is
//! counted anew the next time.

use std::{
    collections::VecDeque,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::{Semaphore, watch};

use crate::{
    audience::{count::Count, segment::Compiled},
    db,
    preview::estimate::{Numbers, Question},
};

/// Answers that are kept.
const KEPT: usize = 64;
/// A count that is older than this (milliseconds) is counted again.
const FRESH: i64 = 60_000;
/// Nothing is counted for longer.
const LONGEST: Duration = Duration::from_mins(2);
/// Counts at once: pages and sending need the database too.
const AT_ONCE: usize = 2;

/// What the console works out on the side.
pub(in crate::web) struct Desk {
    /// Phone numbers that a message would go to.
    pub numbers: Counter<Question, Numbers>,
    /// People that a condition means.
    pub people: Counter<Compiled, Count>,
    /// The groups that there are.
    pub groups: Counter<(), Vec<String>>,
}

impl Default for Desk {
    fn default() -> Self {
        let gate = Arc::new(Semaphore::new(AT_ONCE));
        Self { numbers: Counter::new(&gate, FRESH), people: Counter::new(&gate, FRESH), groups: Counter::new(&gate, FRESH) }
    }
}

/// Answers by their questions.
pub(in crate::web) struct Counter<K, V> {
    entries: Mutex<VecDeque<Entry<K, V>>>,
    gate: Arc<Semaphore>,
    fresh: i64,
}

struct Entry<K, V> {
    question: K,
    asked_at: i64,
    /// The one before, while this one is counted.
    before: Option<(V, i64)>,
    answer: watch::Receiver<Option<Answer<V>>>,
}

/// None inside: it could not be counted.
type Answer<V> = Option<V>;

/// Where an answer will be told, when it was asked for, and the one before.
type Entered<V> = (watch::Receiver<Option<Answer<V>>>, i64, Option<(V, i64)>);

/// What is known of a count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) enum Reading<V> {
    /// The count, and when it was asked for (unix milliseconds).
    Counted(V, i64),
    /// It is under way.
    Counting,
    /// It could not be counted.
    Failed,
}

impl<K: PartialEq, V: Clone + Send + Sync + 'static> Counter<K, V> {
    fn new(gate: &Arc<Semaphore>, fresh: i64) -> Self {
        Self { entries: Mutex::default(), gate: Arc::clone(gate), fresh }
    }

    /// The answer, for which nobody waits longer than `patience`. `count` finds it where it is not known or too old.
    pub async fn ask(
        &self,
        question: K,
        now: i64,
        patience: Duration,
        count: impl Future<Output = db::Result<V>> + Send + 'static,
    ) -> Reading<V> {
        let (mut answer, asked_at, before) = self.enter(question, now, count);
        // The sender is gone only with the runtime.
        let ready = tokio::time::timeout(patience, answer.wait_for(Option::is_some)).await;
        match ready.ok().and_then(Result::ok).and_then(|found| found.clone()) {
            Some(Some(value)) => Reading::Counted(value, asked_at),
            Some(None) => before.map_or(Reading::Failed, |(value, at)| Reading::Counted(value, at)),
            None => before.map_or(Reading::Counting, |(value, at)| Reading::Counted(value, at)),
        }
    }

    fn enter(&self, question: K, now: i64, count: impl Future<Output = db::Result<V>> + Send + 'static) -> Entered<V> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let place = entries.iter().position(|entry| entry.question == question);
        let mut before = None;
        if let Some(entry) = place.and_then(|place| entries.remove(place)) {
            let known = entry.answer.borrow().clone();
            let failed = matches!(known, Some(None));
            if known.is_none() || (!failed && now - entry.asked_at < self.fresh) {
                let found = (entry.answer.clone(), entry.asked_at, entry.before.clone());
                entries.push_back(entry);
                return found;
            }
            before = known.flatten().map(|value| (value, entry.asked_at)).or(entry.before);
        }
        let (tell, answer) = watch::channel(None);
        let gate = Arc::clone(&self.gate);
        tokio::spawn(async move {
            let counted = tokio::time::timeout(LONGEST, async {
                let _permit = gate.acquire().await;
                count.await
            });
            let value = match counted.await {
                Ok(Ok(value)) => Some(value),
                Ok(Err(error)) => {
                    tracing::warn!(%error, "a count for a page failed");
                    None
                }
                Err(_) => {
                    tracing::warn!("a count for a page took too long");
                    None
                }
            };
            // Nobody is waiting any more: it is kept for the next.
            let _ = tell.send(Some(value));
        });
        entries.push_back(Entry { question, asked_at: now, before: before.clone(), answer: answer.clone() });
        while entries.len() > KEPT {
            entries.pop_front();
        }
        (answer, now, before)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn nobody_waits_for_a_count_and_it_is_there_when_asked_again() {
        let counter: Counter<&str, u32> = Counter::new(&Arc::new(Semaphore::new(1)), FRESH);
        let (finish, finished) = oneshot::channel();
        let slow = async move {
            let _ = finished.await;
            Ok(7)
        };
        assert_eq!(counter.ask("a", 0, Duration::ZERO, slow).await, Reading::Counting);
        finish.send(()).unwrap();
        let never = |why: &'static str| async move { panic!("{why}") };
        assert_eq!(counter.ask("a", 10, LONGEST, never("it is being counted")).await, Reading::Counted(7, 0));
        assert_eq!(counter.ask("a", FRESH - 1, LONGEST, never("it is fresh")).await, Reading::Counted(7, 0));
        let stuck = std::future::pending();
        assert_eq!(counter.ask("a", FRESH, Duration::ZERO, stuck).await, Reading::Counted(7, 0), "the old one, with its time");
    }

    #[tokio::test]
    async fn a_failure_is_told_and_counted_again() {
        let counter: Counter<&str, u32> = Counter::new(&Arc::new(Semaphore::new(1)), FRESH);
        let tries = Arc::new(AtomicU32::new(0));
        let fails = |tries: Arc<AtomicU32>| async move {
            tries.fetch_add(1, Ordering::Relaxed);
            Err(db::DbError::Refused("no".into()))
        };
        for _ in 0..2 {
            assert_eq!(counter.ask("a", 0, LONGEST, fails(Arc::clone(&tries))).await, Reading::Failed);
        }
        assert_eq!(tries.load(Ordering::Relaxed), 2);
        assert_eq!(counter.ask("a", 0, LONGEST, async { Ok(1) }).await, Reading::Counted(1, 0));
    }
}
