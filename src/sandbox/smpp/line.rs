//! The writing side of a connection: whoever has something to say appends it, and one task writes all that has gathered.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU32, Ordering},
};

use bytes::BytesMut;
use tokio::{io::AsyncWriteExt as _, net::tcp::OwnedWriteHalf, sync::Notify};

/// Octets that may wait before the session stops reading: a client that reads nothing is answered nothing.
const FULL: usize = 8 << 20;

#[derive(Debug, Default)]
struct Buffer {
    octets: BytesMut,
    /// No more comes; what is here is still written.
    ended: bool,
    /// The peer is gone: nothing is kept.
    broken: bool,
}

#[derive(Debug, Default)]
pub(super) struct Line {
    buffer: Mutex<Buffer>,
    more: Notify,
    less: Notify,
    sequence: AtomicU32,
}

impl Line {
    fn buffer(&self) -> MutexGuard<'_, Buffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next number of a request of ours: 1 to 0x7FFFFFFF (v3.4, section 5.1.4).
    pub(super) fn sequence(&self) -> u32 {
        self.sequence.fetch_add(1, Ordering::Relaxed) % 0x7FFF_FFFF + 1
    }

    /// Appends whole PDUs.
    pub(super) fn write(&self, octets: &[u8]) {
        if octets.is_empty() {
            return;
        }
        let mut buffer = self.buffer();
        if !buffer.broken && !buffer.ended {
            buffer.octets.extend_from_slice(octets);
            drop(buffer);
            self.more.notify_one();
        }
    }

    /// What is here is written, then the writing side is closed.
    pub(super) fn end(&self) {
        self.buffer().ended = true;
        self.more.notify_one();
    }

    /// Nothing more is written, not even what is here.
    pub(super) fn break_off(&self) {
        let mut buffer = self.buffer();
        buffer.broken = true;
        buffer.octets.clear();
        drop(buffer);
        self.more.notify_one();
        self.less.notify_one();
    }

    /// Waits until there is room.
    pub(super) async fn room(&self) {
        while self.buffer().octets.len() > FULL {
            self.less.notified().await;
        }
    }

    /// Writes until ended or broken.
    pub(super) async fn run(&self, mut to: OwnedWriteHalf) {
        loop {
            let (octets, ended, broken) = {
                let mut buffer = self.buffer();
                (buffer.octets.split(), buffer.ended, buffer.broken)
            };
            if broken {
                // Dropped without a farewell.
                to.forget();
                return;
            }
            if octets.is_empty() {
                if ended {
                    // The peer may be gone already.
                    let _ = to.shutdown().await;
                    return;
                }
                self.more.notified().await;
                continue;
            }
            self.less.notify_one();
            if to.write_all(&octets).await.is_err() {
                self.break_off();
            }
        }
    }
}
