//! The record of what the stand-ins took: one JSON object a line, written before the sender gets its answer, so that no answer
//! exists that the record lacks. Tests compare it with the database: it is the evidence that nothing was lost or doubled.
//!
//! It holds whole addresses: it is a stand-in's own log of made-up people, readable by its owner only.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use serde::Serialize;

use super::{Gateway, behaviour::Outcome};

/// A message that a stand-in took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Taken {
    /// When, in unix milliseconds.
    pub at: i64,
    /// Which stand-in.
    pub gateway: Gateway,
    /// The whole address as it came over the wire.
    pub to: String,
    /// The sender's reference: request id, or Message-ID without angle brackets. None where the gateway takes none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The id that the stand-in gave it; over SMPP those of its parts, in order, with commas between.
    pub id: String,
    /// Of a mail: its subject as it came over the wire; else the text.
    pub text: String,
    /// SMS parts, counted by the stand-in itself; 1 elsewhere.
    pub parts: u16,
    /// Octets of the text, or of the mail with its headers.
    pub length: usize,
    /// The first 16 hexadecimal digits of the SHA-256 over those octets.
    pub digest: String,
    /// What the receipts say.
    pub outcome: Outcome,
    /// Whether the sender was told; if not, its connection was closed without an answer.
    pub answered: bool,
    /// The mail as it came, dots unstuffed: kept in memory only, and only where messages are remembered.
    #[serde(skip)]
    pub mail: Option<Arc<[u8]>>,
}

impl Taken {
    /// The address as a sender's records have it: a phone number in E.164 whatever form the gateway wanted; else as it came.
    pub fn address(&self) -> String {
        match self.gateway {
            Gateway::Smtp | Gateway::Telegram => self.to.clone(),
            // A number, not a user id.
            Gateway::Zalo if !(self.to.len() == 11 && self.to.starts_with("84")) => self.to.clone(),
            _ => {
                let digits = self.to.strip_prefix('+').unwrap_or(&self.to);
                digits.strip_prefix('0').map_or_else(|| format!("+{digits}"), |national| format!("+84{national}"))
            }
        }
    }
}

/// Where taken messages are put down.
#[derive(Debug)]
pub(super) struct Record {
    file: Option<Mutex<File>>,
    memory: Option<Mutex<Vec<Taken>>>,
}

impl Record {
    /// Appends to `file` (made with mode 0600) and keeps messages in memory if `remember`.
    pub(super) fn open(file: Option<&Path>, remember: bool) -> io::Result<Self> {
        let file = file.map(open_private).transpose()?.map(Mutex::new);
        Ok(Self { file, memory: remember.then(Mutex::default) })
    }

    /// Puts these down. After an error none of them must be acknowledged.
    pub(super) fn put(&self, taken: Vec<Taken>) -> io::Result<()> {
        if taken.is_empty() {
            return Ok(());
        }
        if let Some(file) = &self.file {
            let mut lines = Vec::with_capacity(256 * taken.len());
            for one in &taken {
                serde_json::to_writer(&mut lines, one)?;
                lines.push(b'\n');
            }
            // One write: whole lines, even when the process is killed.
            file.lock().unwrap_or_else(PoisonError::into_inner).write_all(&lines)?;
        }
        if let Some(memory) = &self.memory {
            memory.lock().unwrap_or_else(PoisonError::into_inner).extend(taken);
        }
        Ok(())
    }

    pub(super) fn remembers(&self) -> bool {
        self.memory.is_some()
    }

    pub(super) fn taken(&self) -> Vec<Taken> {
        self.memory.as_ref().map(|m| m.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap_or_default()
    }
}

fn open_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// What happened so far, of one stand-in or of all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Messages taken, answered or not: as many as the log has lines.
    pub taken: u64,
    /// Of those, the ones whose sender got no answer.
    pub unanswered: u64,
    /// Submissions refused, throttled ones included.
    pub refused: u64,
    /// Submissions not taken whose connection was closed without an answer.
    pub lost: u64,
    /// Submissions answered as a repeat of one taken before.
    pub repeats: u64,
    /// Receipts that were answered with 200, or over SMPP with a yes; repeated ones included.
    pub receipts: u64,
    /// Receipts given up after five tries, or dropped at the end.
    pub receipts_lost: u64,
    /// Messages in parts of which some never came; none of them counts as taken.
    pub incomplete: u64,
}

/// The same, while it is being counted.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) taken: AtomicU64,
    pub(super) unanswered: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) lost: AtomicU64,
    pub(super) repeats: AtomicU64,
    pub(super) receipts: AtomicU64,
    pub(super) receipts_lost: AtomicU64,
}

impl Tally {
    pub(super) fn add_to(&self, counts: &mut Counts) {
        let read = |n: &AtomicU64| n.load(Ordering::Relaxed);
        counts.taken += read(&self.taken);
        counts.unanswered += read(&self.unanswered);
        counts.refused += read(&self.refused);
        counts.lost += read(&self.lost);
        counts.repeats += read(&self.repeats);
        counts.receipts += read(&self.receipts);
        counts.receipts_lost += read(&self.receipts_lost);
    }
}

/// Counts one up.
pub(super) fn one(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
