//! Receipts on their way back: each is called in at most five tries until the receiver answers 200, as real gateways do.
//!
//! At most [`OUTSTANDING`] wait at a time (a stand-in that is called faster than its receipts are taken then answers more slowly,
//! instead of growing) and at most [`CALLING`] are in flight.

use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::sync::{Semaphore, watch};

use super::taken::{Tally, one};

const OUTSTANDING: u32 = 50_000;
const CALLING: usize = 256;
const TRIES: u32 = 5;

/// What begins the address of a receipt that is a mail into a Maildir.
pub(super) const MAILDIR: &str = "maildir:";

/// One callback: a POST of JSON where there is a body, else a GET. To a Maildir the body is a mail.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) url: String,
    pub(super) body: Option<String>,
    pub(super) headers: Vec<(&'static str, String)>,
}

/// How receipts go out from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// When they are due.
    Due,
    /// At once: the stand-in is being stopped.
    AtOnce,
    /// Not at all.
    Never,
}

/// Calls receivers back.
#[derive(Debug)]
pub(super) struct Caller {
    client: reqwest::Client,
    outstanding: Arc<Semaphore>,
    calling: Semaphore,
    pace: watch::Sender<Pace>,
}

impl Caller {
    pub(super) fn new() -> anyhow::Result<Self> {
        // Another part of the process may have installed it already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .pool_max_idle_per_host(CALLING)
            .tcp_nodelay(true)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(10))
            .build()?;
        Ok(Self {
            client,
            outstanding: Arc::new(Semaphore::new(OUTSTANDING as usize)),
            calling: Semaphore::new(CALLING),
            pace: watch::Sender::new(Pace::Due),
        })
    }

    /// Calls once, in order, before the answer. Gives back what was not answered with 200.
    pub(super) async fn now(&self, calls: Vec<Call>, tally: &Tally) -> Vec<Call> {
        let mut left = Vec::new();
        for call in calls {
            if self.call(&call).await {
                one(&tally.receipts);
            } else {
                left.push(call);
            }
        }
        left
    }

    /// Calls after `delay`, in order; returns once they are queued.
    pub(super) async fn later(self: &Arc<Self>, calls: Vec<Call>, delay: Duration, retry: Duration, tally: Arc<Tally>) {
        // The semaphore is never closed.
        let Ok(permit) = Arc::clone(&self.outstanding).acquire_owned().await else { return };
        let caller = Arc::clone(self);
        tokio::spawn(async move {
            caller.pause(delay).await;
            for call in calls {
                // Boxed: a receipt that still waits then holds little more than its address.
                one(if Box::pin(caller.insist(&call, retry)).await { &tally.receipts } else { &tally.receipts_lost });
            }
            drop(permit);
        });
    }

    /// Waits until no receipt is outstanding.
    pub(super) async fn settled(&self) {
        // The semaphore is never closed.
        let _ = self.outstanding.acquire_many(OUTSTANDING).await;
    }

    pub(super) fn pace(&self, pace: Pace) {
        self.pace.send_replace(pace);
    }

    async fn insist(&self, call: &Call, retry: Duration) -> bool {
        for attempt in 0..TRIES {
            if attempt > 0 {
                self.pause(retry).await;
            }
            if *self.pace.borrow() == Pace::Never {
                return false;
            }
            if self.call(call).await {
                return true;
            }
        }
        false
    }

    async fn call(&self, call: &Call) -> bool {
        let Ok(_permit) = self.calling.acquire().await else { return false };
        if let Some(maildir) = call.url.strip_prefix(MAILDIR) {
            return deliver(Path::new(maildir), call.body.as_deref().unwrap_or_default()).await.is_ok();
        }
        let mut request = match &call.body {
            Some(body) => self.client.post(&call.url).header("content-type", "application/json").body(body.clone()),
            None => self.client.get(&call.url),
        };
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        match request.send().await {
            // The body is read so that the connection can be used again.
            Ok(answer) => answer.status() == 200 && answer.bytes().await.is_ok(),
            Err(_) => false,
        }
    }

    async fn pause(&self, time: Duration) {
        if time.is_zero() {
            return;
        }
        let mut pace = self.pace.subscribe();
        let stopping = pace.wait_for(|pace| *pace != Pace::Due);
        let _ = tokio::time::timeout(time, stopping).await;
    }
}

/// Makes the Maildirs among where receipts go, so that they can be looked into before anything bounced.
pub(super) async fn make_maildirs(receipts_to: &std::collections::BTreeMap<super::Gateway, String>) -> io::Result<()> {
    for maildir in receipts_to.values().filter_map(|url| url.strip_prefix(MAILDIR)) {
        for folder in ["tmp", "new", "cur"] {
            tokio::fs::create_dir_all(Path::new(maildir).join(folder)).await?;
        }
    }
    Ok(())
}

/// Puts a mail into a Maildir: written aside, then moved, so that nobody reads half of it.
async fn deliver(maildir: &Path, mail: &str) -> io::Result<()> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let second = crate::clock::Clock::system().now().timestamp();
    let name = format!("{second}.P{}Q{}.sandbox", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let aside = maildir.join("tmp").join(&name);
    tokio::fs::write(&aside, mail).await?;
    tokio::fs::rename(aside, maildir.join("new").join(name)).await
}
