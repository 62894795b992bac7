//! What the carrier sends of itself: receipts, and what phones write. Each waits until it is due, goes out on any bind of its
//! client that receives, and is repeated until the client says yes; without a bind it is kept.
//!
//! One lock for all of it, taken once for a batch of PDUs and never held across a wait.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BinaryHeap, HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::BytesMut;
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use super::{line::Line, wire};
use crate::sandbox::{
    receipt::Pace,
    taken::{Tally, one},
};

/// Deliveries that one bind may leave unanswered.
const WINDOW: usize = 1_000;
/// Deliveries kept for a client that is not bound; beyond them the oldest is lost.
const KEPT: usize = 1_000_000;
/// How long a client may take to answer one.
const ANSWER: Duration = Duration::from_secs(10);
/// How often one is sent to a client that refuses it, or does not answer.
const TRIES: u8 = 5;

/// One `deliver_sm`, written but for its sequence number.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) frame: Box<[u8]>,
    /// Whether it is a receipt, and so counted.
    pub(super) receipt: bool,
    pub(super) tries: u8,
}

impl Delivery {
    pub(super) fn new(frame: &[u8], receipt: bool) -> Self {
        Self { frame: frame.into(), receipt, tries: 0 }
    }
}

/// A delivery with its time.
struct Due {
    at: Instant,
    number: u64,
    client: Arc<str>,
    delivery: Delivery,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    /// The heap gives the greatest first: the earliest.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

/// A bind that receives.
struct Receiver {
    line: Arc<Line>,
    unanswered: HashMap<u32, (Instant, Delivery)>,
}

#[derive(Default)]
struct Client {
    receivers: Vec<Receiver>,
    queue: VecDeque<Delivery>,
    next: usize,
}

#[derive(Default)]
struct State {
    clients: BTreeMap<Arc<str>, Client>,
    waiting: BinaryHeap<Due>,
    /// Who last sent from a name or number.
    senders: HashMap<Arc<str>, Arc<str>>,
    /// For whoever binds first.
    unclaimed: Vec<Delivery>,
    number: u64,
    hurried: bool,
}

pub(super) struct Post {
    state: Mutex<State>,
    tally: Arc<Tally>,
    /// The earliest time may have changed.
    sooner: Notify,
    /// Something was answered, given up or taken away.
    changed: Notify,
}

impl Post {
    pub(super) fn new(tally: Arc<Tally>) -> Self {
        Self { state: Mutex::default(), tally, sooner: Notify::new(), changed: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on this bind receives what is for its client, beginning with what was kept.
    pub(super) fn bind(&self, client: &Arc<str>, line: Arc<Line>) {
        let mut state = self.state();
        let unclaimed = std::mem::take(&mut state.unclaimed);
        let owner = state.clients.entry(Arc::clone(client)).or_default();
        owner.queue.extend(unclaimed);
        owner.receivers.push(Receiver { line, unanswered: HashMap::new() });
        owner.pump();
    }

    /// This bind is gone: what it left unanswered goes out on another, or is kept.
    pub(super) fn unbind(&self, client: &Arc<str>, line: &Arc<Line>) {
        let mut state = self.state();
        if let Some(owner) = state.clients.get_mut(client) {
            let gone = owner.receivers.iter().position(|receiver| Arc::ptr_eq(&receiver.line, line));
            if let Some(gone) = gone {
                let mut left: Vec<_> = owner.receivers.swap_remove(gone).unanswered.into_iter().collect();
                left.sort_unstable_by_key(|(sequence, _)| *sequence);
                left.into_iter().rev().for_each(|(_, (_, delivery))| owner.queue.push_front(delivery));
                owner.pump();
            }
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// Sends these, each after its time; at once where that is nothing.
    pub(super) fn send(&self, client: &Arc<str>, deliveries: impl IntoIterator<Item = (Duration, Delivery)>) {
        let mut state = self.state();
        let now = Instant::now();
        let mut later = false;
        let State { clients, waiting, number, hurried, .. } = &mut *state;
        let owner = clients.entry(Arc::clone(client)).or_default();
        for (after, delivery) in deliveries {
            if after.is_zero() || *hurried {
                owner.queue.push_back(delivery);
            } else {
                *number += 1;
                waiting.push(Due { at: now + after, number: *number, client: Arc::clone(client), delivery });
                later = true;
            }
        }
        let lost = owner.pump();
        drop(state);
        self.lose(lost);
        if later {
            self.sooner.notify_one();
        }
    }

    /// This client sends from this name or number.
    pub(super) fn sends_from(&self, client: &Arc<str>, name: &str) {
        let mut state = self.state();
        if state.senders.get(name).is_none_or(|known| known != client) {
            state.senders.insert(name.into(), Arc::clone(client));
        }
    }

    /// Sends what a phone wrote to whoever sends from there, else to any client, else to the first that comes.
    pub(super) fn say(&self, to: &str, deliveries: Vec<Delivery>) {
        let mut state = self.state();
        let client = state.senders.get(to).cloned().or_else(|| {
            let bound = state.clients.iter().find(|(_, client)| !client.receivers.is_empty());
            bound.map(|(name, _)| Arc::clone(name))
        });
        match client.and_then(|client| state.clients.get_mut(&client)) {
            Some(owner) => {
                owner.queue.extend(deliveries);
                owner.pump();
            }
            None => state.unclaimed.extend(deliveries),
        }
    }

    /// The client's answers on one bind: which sequence number, and whether yes. A refused one is repeated after `retry`.
    pub(super) fn answered(&self, client: &Arc<str>, line: &Arc<Line>, answers: &[(u32, bool)], retry: Duration) {
        if answers.is_empty() {
            return;
        }
        let (mut receipts, mut lost) = (0, 0);
        let mut state = self.state();
        let State { clients, waiting, number, .. } = &mut *state;
        if let Some(owner) = clients.get_mut(client) {
            if let Some(receiver) = owner.receivers.iter_mut().find(|receiver| Arc::ptr_eq(&receiver.line, line)) {
                for (sequence, yes) in answers {
                    let Some((_, mut delivery)) = receiver.unanswered.remove(sequence) else { continue };
                    delivery.tries += 1;
                    if *yes {
                        receipts += u64::from(delivery.receipt);
                    } else if delivery.tries >= TRIES {
                        lost += u64::from(delivery.receipt);
                    } else {
                        *number += 1;
                        let at = Instant::now() + retry;
                        waiting.push(Due { at, number: *number, client: Arc::clone(client), delivery });
                    }
                }
            }
            lost += owner.pump();
        }
        drop(state);
        self.tally.receipts.fetch_add(receipts, std::sync::atomic::Ordering::Relaxed);
        self.lose(lost);
        self.sooner.notify_one();
        self.changed.notify_waiters();
    }

    /// How what is outstanding goes out from now on.
    pub(super) fn pace(&self, pace: Pace) {
        let mut state = self.state();
        state.hurried = pace != Pace::Due;
        let mut lost = 0;
        match pace {
            Pace::Due => {}
            Pace::AtOnce => {
                while let Some(due) = state.waiting.pop() {
                    state.clients.entry(due.client).or_default().queue.push_back(due.delivery);
                }
                lost = state.clients.values_mut().map(Client::pump).sum();
            }
            Pace::Never => lost = state.clear(),
        }
        drop(state);
        self.lose(lost);
        self.changed.notify_waiters();
    }

    /// What is still here when the carrier ends is lost.
    pub(super) fn end(&self) {
        let lost = self.state().clear();
        self.lose(lost);
        self.changed.notify_waiters();
    }

    /// Waits until nothing is due or unanswered; what is kept for a client that is not bound does not count.
    pub(super) async fn settled(&self) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Registered before the look, so that no change falls between the two.
            changed.as_mut().enable();
            if self.state().is_idle() {
                return;
            }
            changed.await;
        }
    }

    /// Sends what becomes due, and repeats what is not answered, until dropped.
    pub(super) async fn run(&self) {
        loop {
            let next = self.turn();
            tokio::select! {
                () = sleep_until(next) => {}
                () = self.sooner.notified() => {}
            }
        }
    }

    /// Sends what is due now. Gives the time of the next turn.
    fn turn(&self) -> Instant {
        let now = Instant::now();
        let mut state = self.state();
        let mut lost = 0;
        while state.waiting.peek().is_some_and(|due| due.at <= now) {
            let Some(due) = state.waiting.pop() else { break };
            state.clients.entry(due.client).or_default().queue.push_back(due.delivery);
        }
        for owner in state.clients.values_mut() {
            lost += owner.repeat(now);
            lost += owner.pump();
        }
        let patience = now + ANSWER / 10;
        let next = state.waiting.peek().map_or(patience, |due| due.at.min(patience));
        drop(state);
        self.lose(lost);
        self.changed.notify_waiters();
        next
    }

    fn lose(&self, count: u64) {
        for _ in 0..count {
            one(&self.tally.receipts_lost);
        }
    }
}

impl State {
    fn is_idle(&self) -> bool {
        self.waiting.is_empty()
            && self.clients.values().all(|client| {
                client.receivers.is_empty()
                    || client.queue.is_empty() && client.receivers.iter().all(|receiver| receiver.unanswered.is_empty())
            })
    }

    /// Drops everything. Gives the number of receipts among it.
    fn clear(&mut self) -> u64 {
        let waiting = self.waiting.drain().filter(|due| due.delivery.receipt).count();
        let rest: usize = self
            .clients
            .values_mut()
            .map(|client| {
                let queued = client.queue.drain(..).filter(|delivery| delivery.receipt).count();
                let unanswered = client.receivers.iter_mut().flat_map(|receiver| receiver.unanswered.drain());
                queued + unanswered.filter(|(_, (_, delivery))| delivery.receipt).count()
            })
            .sum();
        (waiting + rest) as u64
    }
}

impl Client {
    /// Sends as much of the queue as the binds have room for, to one after the other. Gives the number of receipts lost.
    fn pump(&mut self) -> u64 {
        let mut lost = 0;
        if self.receivers.is_empty() {
            while self.queue.len() > KEPT {
                lost += u64::from(self.queue.pop_front().is_some_and(|delivery| delivery.receipt));
            }
            return lost;
        }
        let mut batches = vec![BytesMut::new(); self.receivers.len()];
        let now = Instant::now();
        while !self.queue.is_empty() {
            let count = self.receivers.len();
            let turn = (0..count).map(|n| (self.next + n) % count);
            let Some(chosen) = turn.into_iter().find(|n| self.receivers[*n].unanswered.len() < WINDOW) else { break };
            let (receiver, Some(mut delivery)) = (&mut self.receivers[chosen], self.queue.pop_front()) else { break };
            self.next = (chosen + 1) % count;
            let sequence = receiver.line.sequence();
            wire::renumber(&mut delivery.frame, sequence);
            batches[chosen].extend_from_slice(&delivery.frame);
            receiver.unanswered.insert(sequence, (now, delivery));
        }
        for (receiver, batch) in self.receivers.iter().zip(batches) {
            receiver.line.write(&batch);
        }
        lost
    }

    /// Puts what was not answered for too long back at the head. Gives the number of receipts given up.
    fn repeat(&mut self, now: Instant) -> u64 {
        let mut lost = 0;
        for receiver in &mut self.receivers {
            let late = receiver.unanswered.extract_if(|_, (sent, _)| now.saturating_duration_since(*sent) >= ANSWER);
            for (_, (_, mut delivery)) in late {
                delivery.tries += 1;
                if delivery.tries < TRIES {
                    self.queue.push_front(delivery);
                } else {
                    lost += u64::from(delivery.receipt);
                }
            }
        }
        lost
    }
}
