//! The steps from a claim to what is recorded of it.

use std::time::Duration;

use loa::{
    config::Rate,
    delivery::{
        Plan, State, Why,
        claim::{self, Claim, Claimed, Prepared, Request},
        close,
        record::{self, Judged, Outcome, Recorded},
    },
    transaction,
};

use super::{CARRIER, EMAIL, World};

pub fn judged(claimed: &Claimed<()>, outcome: Outcome) -> Judged {
    Judged::of(claimed, outcome)
}

pub fn accepted() -> Outcome {
    Outcome::Accepted { ids: Vec::new(), silent_at: None }
}

pub fn rejected() -> Outcome {
    Outcome::Ended {
        state: State::Rejected,
        why: Why::Gateway(providers::Reason::NoSuchAddress),
        detail: "no such number".into(),
    }
}

/// In doubt, and to be settled at once.
pub fn in_doubt() -> Outcome {
    Outcome::InDoubt { ids: Vec::new(), settle_at: 0, detail: "timed out".into() }
}

pub fn later(next_at: i64) -> Outcome {
    Outcome::Later { why: Why::Gateway(providers::Reason::Unreachable), detail: "busy".into(), next_at }
}

impl World {
    /// A claim that asks for all that there is of a channel.
    pub fn request<'a>(&self, plan: &'a Plan, channel: i16) -> Request<'a> {
        let group = match channel {
            EMAIL => 0,
            _ => CARRIER,
        };
        Request {
            plan,
            epoch: self.epoch,
            account: self.account,
            rate: Rate { count: 100_000, per: Duration::from_secs(1) },
            daily: None,
            day: "2026-11-02",
            route: channel << 4 | group,
            pinned_only: false,
            limit: 1000,
            slot: providers::Slot::Send,
            batch: 1,
            slots: 0,
            now: self.now(),
            cap: None,
            spacing: None,
            counts_as_contact: true,
            budget: None,
        }
    }

    pub async fn claim_as(&self, request: &Request<'_>) -> Claim<()> {
        self.claim_long(request, 1).await
    }

    /// The same where every message takes so many parts.
    pub async fn claim_long(&self, request: &Request<'_>, parts: i16) -> Claim<()> {
        claim::claim(&self.db, request, |_| Prepared::Send { parts, price: 300, payload: () }).await.unwrap()
    }

    /// Claims everything that is due on a channel of a run.
    pub async fn claim(&self, run: i64, channel: i16) -> Vec<Claimed<()>> {
        let plan = self.plan(run);
        self.claim_as(&self.request(&plan, channel)).await.claimed
    }

    /// Claims and records the same outcome for all.
    pub async fn send(&self, run: i64, channel: i16, outcome: &Outcome) -> usize {
        let claimed = self.claim(run, channel).await;
        self.record(claimed.iter().map(|c| judged(c, outcome.clone())).collect()).await.written
    }

    pub async fn record(&self, judged: Vec<Judged>) -> Recorded {
        self.record_by(self.epoch, judged).await
    }

    pub async fn record_by(&self, epoch: i64, judged: Vec<Judged>) -> Recorded {
        let (plans, now) = (self.active.plans(), self.now());
        transaction!(self.db, |tx| record::record(tx, epoch, &plans, &judged, now).await).unwrap()
    }

    /// Settles every doubt that is due in the same way.
    pub async fn settle(&self, how: close::Settle) -> usize {
        let (plans, now) = (self.active.plans(), self.now());
        transaction!(self.db, |tx| {
            let due = close::doubts(tx, now, 1000).await?;
            let settled: Vec<_> = due.into_iter().map(|doubt| (doubt, how)).collect();
            close::settle(tx, self.epoch, &plans, &settled, now).await?;
            Ok(settled.len())
        })
        .unwrap()
    }
}
