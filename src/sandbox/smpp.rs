//! The stand-in carrier: an SMPP 3.4 message centre. Clients bind, submit and get receipts; phones answer ([`Carrier::say`]).
//!
//! What enters is `submit_sm`, in one part or several by any of the three ways to send a long text; what leaves is an answer a
//! part and, where asked for, a receipt a part, on whichever bind of the same `system_id` receives. A message is put down in the
//! record once its last part is taken, before that part's answer. [`Habits`] says in what carriers differ.
//!
//! One task reads a connection and answers everything that one read brought in one go; one writes it; one for the whole carrier
//! keeps the time ([`post`]).

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio::{net::TcpListener, sync::watch, task::JoinSet};

use self::{assembly::Assembly, post::Post, session::Session};
use super::{Gateway, exchange::Exchange, receipt::Pace};

mod assembly;
mod line;
mod post;
mod receipt;
mod session;
mod text;
mod wire;

#[cfg(test)]
mod tests;

/// How ids are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Ids {
    /// Opaque, with leading zeros, a hyphen, and letters in both cases.
    String,
    /// Hexadecimal, in answers and receipts.
    #[default]
    Hex,
    /// Decimal, in answers and receipts.
    Decimal,
    /// Answers in hexadecimal, receipts in decimal.
    HexDecimal,
    /// Answers in decimal, receipts in hexadecimal.
    DecimalHex,
}

impl Ids {
    /// The id of a number as the answer has it, and as the receipts have it.
    fn of(self, number: u64) -> (String, String) {
        let (string, hex, decimal) = (format!("00{number:x}-Vn"), format!("{number:X}"), number.to_string());
        match self {
            Self::String => (string.clone(), string),
            Self::Hex => (hex.clone(), hex),
            Self::Decimal => (decimal.clone(), decimal),
            Self::HexDecimal => (hex, decimal),
            Self::DecimalHex => (decimal, hex),
        }
    }
}

/// Where a receipt says what it is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Receipts {
    /// In its TLVs and its text.
    #[default]
    Both,
    /// In its TLVs; its text is empty.
    Tlv,
    /// In its text.
    Text,
}

/// What carriers differ in.
#[derive(Debug, Clone, PartialEq)]
pub struct Habits {
    /// How ids are written.
    pub ids: Ids,
    /// Where a receipt says what it is about.
    pub receipts: Receipts,
    /// Whether the receipt of a message in UCS-2 is itself in UCS-2.
    pub ucs2_receipts: bool,
    /// Of the submissions told to come back later: the share told that the queue is full (`ESME_RMSGQFUL`) instead of that this
    /// message cannot be served (`ESME_RX_T_APPN`).
    pub queue_full: f64,
    /// Whether a refusal is nothing but its header.
    pub bare_errors: bool,
    /// After so many submissions over all connections, the connection of the last one breaks off: answers and receipts that were
    /// not written yet are gone with it.
    pub disconnect_every: Option<NonZeroU32>,
    /// After so long without a word, the client is asked whether it is there; after as long again, it is cut off.
    pub idle: Duration,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            ids: Ids::default(),
            receipts: Receipts::default(),
            ucs2_receipts: false,
            queue_full: 0.0,
            bare_errors: false,
            disconnect_every: None,
            idle: Duration::from_secs(30),
        }
    }
}

/// What phones answer when they answer: that they want no more, in the spellings that people use.
pub const REPLIES: [&str; 6] = ["TC", "TU CHOI", "từ chối", "HUY TC", "Từ chối nhận tin", "tc"];

/// How long what is outstanding may take after the sandbox was told to stop.
const GRACE: Duration = Duration::from_secs(5);

/// The carrier behind all connections.
pub(super) struct Carrier {
    exchange: Arc<Exchange>,
    post: Post,
    assembly: Assembly,
    /// Submissions since the last disconnect.
    submissions: AtomicU32,
    /// Numbers the texts in parts that phones write.
    texts: AtomicU8,
}

impl Carrier {
    pub(super) fn new(exchange: Arc<Exchange>) -> Self {
        let post = Post::new(Arc::clone(exchange.tally(Gateway::Smpp)));
        Self { exchange, post, assembly: Assembly::default(), submissions: AtomicU32::new(0), texts: AtomicU8::new(0) }
    }

    /// A phone writes.
    pub(super) fn say(&self, from: &str, to: &str, text: &str) {
        self.post.say(to, receipt::said(from, to, text, self.texts.fetch_add(1, Ordering::Relaxed)));
    }

    pub(super) fn incomplete(&self) -> u64 {
        self.assembly.incomplete()
    }

    pub(super) fn pace(&self, pace: Pace) {
        self.post.pace(pace);
    }

    pub(super) async fn settled(&self) {
        self.post.settled().await;
    }

    /// Whether this submission is one after which its connection breaks off.
    fn breaks_off(&self, every: Option<NonZeroU32>) -> bool {
        every.is_some_and(|every| (self.submissions.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(every.get()))
    }
}

/// Serves until told to stop; then what is outstanding goes out, and every client is told to go.
pub(super) async fn serve(listener: TcpListener, carrier: Arc<Carrier>, mut stopping: watch::Receiver<bool>) {
    let (closing, closed) = watch::channel(false);
    let mut sessions = JoinSet::new();
    let told = stopping.clone();
    let serving = async {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                // An error means that the sandbox is gone.
                _ = stopping.wait_for(|stopping| *stopping) => break,
                Some(_) = sessions.join_next() => continue,
            };
            match accepted {
                Ok((stream, _)) => {
                    let session = Session::new(Arc::clone(&carrier), told.clone(), closed.clone());
                    sessions.spawn(session.run(stream));
                }
                // The caller hung up already, or file descriptors ran out: those of ended sessions come back.
                Err(_) => tokio::task::yield_now().await,
            }
        }
        let _ = tokio::time::timeout(GRACE, carrier.post.settled()).await;
    };
    tokio::select! {
        () = serving => {}
        () = carrier.post.run() => {}
    }
    closing.send_replace(true);
    while sessions.join_next().await.is_some() {}
    carrier.post.end();
}
