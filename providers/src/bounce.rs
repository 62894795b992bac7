//! Bounces: what mail servers send back, from a mailbox of the account, made into events.
//!
//! What enters is mails: of a Maildir, or of a folder read by IMAP. What leaves is [`Event`]s, in arrivals that are
//! acknowledged once they are committed; only then is a mail marked as handled, so that none is lost and what is read twice
//! says the same. What can go wrong is the mailbox, which is asked again at its interval; a mail that nobody understands is
//! counted and left where people can read it.
//!
//! Which attempt a mail speaks of is told by the address that it came back to ([`TaggedAddress`]) or by the Message-ID of the mail that
//! it quotes: both hold the attempt's reference, whose MAC is for the application to verify.

mod dsn;
mod imap;
mod maildir;
mod names;
mod plain;
mod read;
mod settings;
mod status;

use std::{collections::VecDeque, time::Duration};

use tokio::{
    sync::{Mutex, oneshot},
    time::timeout,
};

pub use names::Names;
pub use read::{Report, Verdict, read};
pub use settings::{ImapSettings, Place, Settings};

use self::{imap::Imap, maildir::Maildir};
use crate::{
    About, Acknowledge, Arrival, Event, Leftover, Reason, Receipt, ReceiptState,
    smtp::{BuildError, TaggedAddress},
};

/// Mails in one arrival at most.
const TOGETHER: usize = 50;
/// Octets of a mail that are looked at: what a report says stands at its beginning.
const LONGEST: usize = 256 << 10;
/// For connecting, and for one command.
const PATIENCE: Duration = Duration::from_mins(1);

/// Why a mailbox could not be read, in words for the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct MailboxFault(String);

impl MailboxFault {
    fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// What a mail is called in its mailbox: the name of its file, or its UID.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Key {
    File(String),
    Uid(u32),
}

/// A mailbox of either kind.
enum Source {
    Maildir(Maildir),
    Imap(Box<Imap>),
}

impl Source {
    /// Mails that were not marked yet, at most [`TOGETHER`].
    async fn unread(&mut self) -> Result<Vec<(Key, Vec<u8>)>, MailboxFault> {
        match self {
            Self::Maildir(maildir) => maildir.unread().await,
            Self::Imap(imap) => imap.unread().await,
        }
    }

    /// Marks these as handled.
    async fn mark(&mut self, keys: &[Key]) -> Result<(), MailboxFault> {
        match self {
            Self::Maildir(maildir) => maildir.mark(keys).await,
            Self::Imap(imap) => imap.mark(keys).await,
        }
    }

    /// Waits until there may be more.
    async fn wait(&mut self, every: Duration) {
        match self {
            Self::Maildir(_) => tokio::time::sleep(every).await,
            Self::Imap(imap) => imap.wait(every).await,
        }
    }
}

/// The mailbox of one account.
pub(crate) struct Bounces {
    names: Names,
    every: Duration,
    state: Mutex<State>,
}

struct State {
    source: Source,
    /// Handed over, and whether it was committed is not told yet.
    handed: Option<(oneshot::Receiver<()>, Vec<Key>)>,
    /// Committed, and not marked yet.
    committed: VecDeque<Key>,
    /// What was wrong last: said once, not at every try.
    fault: Option<String>,
}

impl Bounces {
    /// Opens nothing yet. `address` and `domain`: how the account's mails name their attempts.
    pub(crate) fn new(settings: Settings, address: Option<TaggedAddress>, domain: &str) -> Result<Self, BuildError> {
        let source = match settings.place {
            Place::Maildir(path) => Source::Maildir(Maildir::new(path)),
            Place::Imap(imap) => Source::Imap(Box::new(Imap::new(*imap)?)),
        };
        let state = State { source, handed: None, committed: VecDeque::new(), fault: None };
        Ok(Self { names: Names::new(address, domain), every: settings.every, state: Mutex::new(state) })
    }

    /// Waits for mails that say something. Dropping the future loses nothing.
    pub(crate) async fn next(&self) -> Arrival {
        let state = &mut *self.state.lock().await;
        loop {
            let read = match state.settle().await {
                Ok(()) => state.source.unread().await,
                Err(fault) => Err(fault),
            };
            match read {
                Ok(mails) if mails.is_empty() => state.fault = None,
                Ok(mails) => {
                    state.fault = None;
                    let events = mails.iter().map(|(_, mail)| self.event(mail)).collect();
                    let (acknowledge, committed) = Acknowledge::new();
                    state.handed = Some((committed, mails.into_iter().map(|(key, _)| key).collect()));
                    return Arrival { events, acknowledge };
                }
                Err(MailboxFault(fault)) => {
                    if state.fault.as_ref() != Some(&fault) {
                        tracing::warn!(fault, "the mailbox for bounces cannot be read; it is tried again and again");
                        state.fault = Some(fault);
                    }
                }
            }
            state.source.wait(self.every).await;
        }
    }

    /// What a mail says.
    fn event(&self, mail: &[u8]) -> Event {
        let Report { verdict, reference } = read(mail, &self.names);
        let receipt = |state, reason, detail| move |about| Event::Receipt(Receipt { about, state, reason, detail, at: None });
        let about = reference.map(About::Reference).ok_or(Event::Leftover(Leftover::Stranger));
        let told = match verdict {
            Verdict::Failed { reason, detail } => about.map(receipt(ReceiptState::Undelivered, Some(reason), detail)),
            Verdict::Delayed { detail } => about.map(receipt(ReceiptState::Enroute, None, detail)),
            Verdict::Relayed => about.map(receipt(ReceiptState::Accepted, None, "relayed".into())),
            Verdict::Delivered => about.map(receipt(ReceiptState::Delivered, None, String::new())),
            // Whoever complains of it has it.
            Verdict::Complaint { detail } => about.map(receipt(ReceiptState::Delivered, Some(Reason::Complaint), detail)),
            Verdict::AutoReply => Ok(Event::Leftover(Leftover::AutoReply)),
            Verdict::Challenge => Ok(Event::Leftover(Leftover::Challenge)),
            Verdict::Unclear => Ok(Event::Leftover(Leftover::Unclear)),
        };
        told.unwrap_or_else(|stranger| stranger)
    }

    /// Whether the mailbox can be read now; the text is for a person.
    pub(crate) async fn test(&self) -> Result<String, MailboxFault> {
        let state = &mut *self.state.lock().await;
        match &mut state.source {
            Source::Maildir(maildir) => maildir.test().await,
            Source::Imap(imap) => imap.test().await,
        }
    }

    /// Marks what was committed last, and says goodbye.
    pub(crate) async fn close(&self) {
        let state = &mut *self.state.lock().await;
        if let Err(fault) = state.settle().await {
            tracing::warn!(%fault, "some bounces are read again by the next process, which changes nothing");
        }
        if let Source::Imap(imap) = &mut state.source {
            imap.leave().await;
        }
    }
}

impl State {
    /// Marks what is committed.
    async fn settle(&mut self) -> Result<(), MailboxFault> {
        if let Some((committed, keys)) = &mut self.handed {
            // Dropped without a word, it was not stored: it comes again, as it is not marked.
            if committed.await.is_ok() {
                self.committed.extend(keys.drain(..));
            }
            self.handed = None;
        }
        if !self.committed.is_empty() {
            self.source.mark(self.committed.make_contiguous()).await?;
            self.committed.clear();
        }
        Ok(())
    }
}

/// A step of the network, in its time.
async fn in_time<T, E: std::fmt::Display>(what: &str, step: impl Future<Output = Result<T, E>>) -> Result<T, MailboxFault> {
    match timeout(PATIENCE, step).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(MailboxFault::new(format!("{what}: {error}"))),
        Err(_) => Err(MailboxFault::new(format!("{what}: no answer within {PATIENCE:?}"))),
    }
}

#[cfg(test)]
mod tests;
