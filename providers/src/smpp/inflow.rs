//! What came by itself, made into events: receipts with their keys, late answers, and messages from people, whose parts are
//! put together again.
//!
//! Nothing is answered before it is committed, parts of an unfinished message neither. A carrier that waits for the answer
//! to one part before it says the next, or loses one, is not waited for: after [`UNFINISHED`] what came is handed over.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::mpsc,
    time::{Instant, sleep, sleep_until},
};

use super::{
    deliver::{Delivered, Piece, Place, Report},
    ids::{Found, Keys},
    session::{Came, Unanswered},
};
use crate::{About, Acknowledge, Address, Arrival, Event, Inbound, Receipt};

/// Events in one arrival at most: as many as a connection may leave unanswered, so that one commit is enough for them.
const TOGETHER: usize = super::session::UNANSWERED;
/// Events that came together, from which on a carrier says many at once: then more of them are waited for.
const SWARM: usize = 16;
/// How long. A carrier whose window for deliveries is smaller than that is not kept waiting.
const GATHER: Duration = Duration::from_millis(10);
/// How long a message waits for its missing parts.
const UNFINISHED: Duration = Duration::from_secs(5);
/// Unfinished messages at once, at most: beyond, the oldest is handed over as it is.
const MESSAGES: usize = 64;

/// What a message from a person is known by until it is whole: from, to, reference and number of parts.
type Whole = (String, String, u16, u8);

struct Unfinished {
    parts: BTreeMap<u8, String>,
    unanswered: Vec<Unanswered>,
    until: Instant,
}

/// The events of an account, in the order in which they came.
pub(super) struct Inflow {
    came: mpsc::UnboundedReceiver<Came>,
    fresh: Vec<Came>,
    unfinished: HashMap<Whole, Unfinished>,
    ready: Vec<Event>,
    unanswered: Vec<Unanswered>,
    keys: Arc<Mutex<Keys>>,
    account: String,
}

impl Inflow {
    pub(super) fn new(came: mpsc::UnboundedReceiver<Came>, keys: Arc<Mutex<Keys>>, account: String) -> Self {
        Self { came, fresh: Vec::new(), unfinished: HashMap::new(), ready: Vec::new(), unanswered: Vec::new(), keys, account }
    }

    /// Waits for the next arrival. None: nothing will come any more. Cancelling loses nothing.
    pub(super) async fn next(&mut self) -> Option<Arrival> {
        loop {
            // Also what a call had gathered that was cancelled.
            for came in std::mem::take(&mut self.fresh) {
                self.take(came);
            }
            if !self.ready.is_empty() {
                return Some(self.arrival());
            }
            let deadline = self.unfinished.values().map(|message| message.until).min();
            let waited = async {
                match deadline {
                    Some(until) => sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                received = self.came.recv_many(&mut self.fresh, TOGETHER) => {
                    if received == 0 {
                        self.give_up(|_| true);
                        return if self.ready.is_empty() { None } else { Some(self.arrival()) };
                    }
                    if (SWARM..TOGETHER).contains(&received) {
                        sleep(GATHER).await;
                        while self.fresh.len() < TOGETHER && let Ok(more) = self.came.try_recv() {
                            self.fresh.push(more);
                        }
                    }
                }
                () = waited => {}
            }
            let now = Instant::now();
            self.give_up(|message| message.until <= now);
        }
    }

    /// Drops what was not handed over: the carrier is asked to repeat it.
    pub(super) fn refuse_rest(&mut self) {
        self.came.close();
        while self.came.try_recv().is_ok() {}
        self.fresh.clear();
        self.unfinished.clear();
        self.ready.clear();
        self.unanswered.clear();
    }

    fn arrival(&mut self) -> Arrival {
        let (acknowledge, committed) = Acknowledge::new();
        let unanswered = std::mem::take(&mut self.unanswered);
        tokio::spawn(async move {
            // Dropped without a commit, each is answered with a temporary fault.
            if committed.await.is_ok() {
                unanswered.into_iter().for_each(Unanswered::committed);
            }
        });
        Arrival { events: std::mem::take(&mut self.ready), acknowledge }
    }

    fn take(&mut self, came: Came) {
        match came {
            Came::Delivery(Delivered::Receipt(report), unanswered) => self.receipt(report, unanswered),
            Came::Delivery(Delivered::Message(piece), unanswered) => self.message(piece, unanswered),
            Came::Accepted(late, id) => {
                let mut ids = late.before;
                ids.extend(id.map(|id| self.keys().of_response(&id)));
                self.ready.push(Event::Accepted { reference: late.reference, ids });
            }
        }
    }

    fn keys(&self) -> std::sync::MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn receipt(&mut self, report: Report, unanswered: Unanswered) {
        let Report { id, state, reason, detail, at } = report;
        let found = id.as_deref().map(|id| self.keys().of_receipt(id));
        let key = match found {
            Some(Found::Key(key)) => key,
            Some(Found::Decided(key, mode)) => {
                let detail = format!("receipts write ids in another base than responses: set ids = \"{mode}\"");
                tracing::warn!(host = self.account, "{detail}");
                self.ready.push(Event::Account { detail });
                key
            }
            // Dropped: the carrier repeats it, and by then it may be clear.
            Some(Found::Ambiguous) => return,
            None => {
                // Repeated, it would have no id either.
                let detail = format!("a receipt without an id: {detail}");
                self.ready.push(Event::Account { detail });
                self.unanswered.push(unanswered);
                return;
            }
        };
        self.ready.push(Event::Receipt(Receipt { about: About::Id(key), state, reason, detail, at }));
        self.unanswered.push(unanswered);
    }

    fn message(&mut self, piece: Piece, unanswered: Unanswered) {
        let Piece { from, to, text, place } = piece;
        let Some(Place { reference, total, number }) = place else {
            self.ready.push(inbound(from, to, text));
            self.unanswered.push(unanswered);
            return;
        };
        let whole = (from, to, reference, total);
        if !self.unfinished.contains_key(&whole) && self.unfinished.len() >= MESSAGES {
            let oldest = self.unfinished.values().map(|message| message.until).min();
            self.give_up(|message| Some(message.until) == oldest);
        }
        let message = self.unfinished.entry(whole.clone()).or_insert_with(|| Unfinished {
            parts: BTreeMap::new(),
            unanswered: Vec::new(),
            until: Instant::now() + UNFINISHED,
        });
        message.parts.insert(number, text);
        message.unanswered.push(unanswered);
        if message.parts.len() == usize::from(total)
            && let Some(message) = self.unfinished.remove(&whole)
        {
            self.hand_over(whole, message);
        }
    }

    fn give_up(&mut self, over: impl Fn(&Unfinished) -> bool) {
        let mut over: Vec<(Whole, Unfinished)> = self.unfinished.extract_if(|_, message| over(message)).collect();
        over.sort_by_key(|(_, message)| message.until);
        for (whole, message) in over {
            self.hand_over(whole, message);
        }
    }

    fn hand_over(&mut self, (from, to, ..): Whole, message: Unfinished) {
        // No name is made of the reference: phones count it up to 255, and two people soon share one.
        let text: String = message.parts.into_values().collect();
        self.ready.push(inbound(from, to, text));
        self.unanswered.extend(message.unanswered);
    }
}

fn inbound(from: String, to: String, text: String) -> Event {
    Event::Inbound(Inbound { from: Address::new(from), to: Some(to).filter(|to| !to.is_empty()), text, id: None })
}
