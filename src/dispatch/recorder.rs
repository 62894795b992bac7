//! The recorder: takes what became of claimed rows from all lanes and writes it, many in one transaction.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use providers::Channel;
use tokio::sync::{mpsc, oneshot};

use super::Shared;
use crate::{
    consent::{self, Said, Scope},
    delivery::{
        State, Why,
        record::{self, Judged, Outcome, Recorded},
    },
    transaction,
};

/// Rows in one transaction at most.
const BATCH: usize = 1_000;
/// How long the first of a batch waits for others.
const GATHER: Duration = Duration::from_millis(20);
/// How long to wait before a failed transaction is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// A row with its outcome, and the address for a refusal that the gateway told us of.
#[derive(Debug)]
pub struct Verdict {
    /// What became of the row.
    pub judged: Judged,
    /// Channel number and keyed hash of the address.
    pub address: (i16, i64),
}

enum Given {
    Verdict(Verdict),
    /// Somebody waits until everything before this is written.
    Mark(oneshot::Sender<()>),
}

/// Where lanes give their verdicts.
#[derive(Clone)]
pub struct Verdicts(mpsc::Sender<Given>);

impl Verdicts {
    /// Gives a verdict, once there is room.
    pub async fn give(&self, verdict: Verdict) {
        // The recorder outlives every lane.
        let _ = self.0.send(Given::Verdict(verdict)).await;
    }

    /// Waits until every verdict that was given before is written.
    pub async fn written(&self) {
        let (mark, written) = oneshot::channel();
        if self.0.send(Given::Mark(mark)).await.is_ok() {
            // A recorder that ends has written all.
            let _ = written.await;
        }
    }
}

/// Writes verdicts.
pub struct Recorder {
    shared: Arc<Shared>,
    verdicts: mpsc::Receiver<Given>,
    held: Vec<Verdict>,
    /// Who waits for those that are held.
    marks: Vec<oneshot::Sender<()>>,
}

impl Recorder {
    /// The recorder and the end that lanes give their verdicts to.
    pub fn new(shared: Arc<Shared>) -> (Self, Verdicts) {
        let (sender, verdicts) = mpsc::channel(4 * BATCH);
        (Self { shared, verdicts, held: Vec::new(), marks: Vec::new() }, Verdicts(sender))
    }

    /// Verdicts that wait to be written.
    pub fn waiting(&self) -> usize {
        self.held.len() + self.verdicts.len()
    }

    /// Waits for verdicts and writes a batch of them. None: every lane is gone and everything is written.
    /// A transaction that fails keeps its verdicts for the next step.
    pub async fn step(&mut self) -> Option<Recorded> {
        if self.held.is_empty() {
            let given = self.verdicts.recv().await?;
            self.gather(given).await;
        }
        match self.write().await {
            Ok(recorded) => {
                let wrote = !self.held.is_empty();
                self.held.clear();
                for mark in self.marks.drain(..) {
                    // Whoever waited may have gone.
                    let _ = mark.send(());
                }
                if wrote {
                    self.shared.work.notify_waiters();
                }
                Some(recorded)
            }
            Err(error) => {
                tracing::error!(%error, verdicts = self.held.len(), "could not record what became of messages; trying again");
                tokio::time::sleep(PAUSE).await;
                Some(Recorded::default())
            }
        }
    }

    /// Takes what comes within a moment after `given`; at a mark somebody waits, and it ends at once.
    async fn gather(&mut self, mut given: Given) {
        let gathered = tokio::time::sleep(GATHER);
        tokio::pin!(gathered);
        loop {
            match given {
                Given::Verdict(verdict) => self.held.push(verdict),
                Given::Mark(mark) => {
                    self.marks.push(mark);
                    return;
                }
            }
            if self.held.len() >= BATCH {
                return;
            }
            given = tokio::select! {
                biased;
                next = self.verdicts.recv() => match next {
                    Some(next) => next,
                    None => return,
                },
                () = &mut gathered => return,
            };
        }
    }

    async fn write(&self) -> crate::db::Result<Recorded> {
        if self.held.is_empty() {
            return Ok(Recorded::default());
        }
        let shared = &self.shared;
        let judged: Vec<Judged> = self.held.iter().map(|v| v.judged.clone()).collect();
        let plans = shared.active.plans();
        let now = shared.clock.millis();
        let refused = self.refused().await?;
        transaction!(shared.db, |tx| {
            for (channel, address, wording) in &refused {
                let said = Said { source: "gateway", wording, at: now };
                consent::refuse(tx, *channel, *address, Scope::All, said).await?;
            }
            record::record(tx, shared.epoch(), &plans, &judged, now).await
        })
    }

    /// Refusals that gateways told us of, and that are not known yet: channel, keyed hash of the address, their words.
    async fn refused(&self) -> crate::db::Result<Vec<(Channel, i64, &str)>> {
        let mut told = BTreeMap::new();
        for verdict in &self.held {
            let Outcome::Ended { state: State::Skipped, why: Why::OptedOut, detail } = &verdict.judged.outcome else { continue };
            let Some(channel) = Channel::from_number(i64::from(verdict.address.0)) else { continue };
            let known = consent::standing(&self.shared.db, channel, &[verdict.address.1]).await?;
            if known.get(&verdict.address.1).and_then(|standing| standing.lasting) != Some(Scope::All) {
                told.insert((channel, verdict.address.1), detail.as_str());
            }
        }
        Ok(told.into_iter().map(|((channel, address), wording)| (channel, address, wording)).collect())
    }
}
