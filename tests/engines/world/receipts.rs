//! The steps from what a gateway reports to the delivery that it joins.

use std::sync::Arc;

use loa::{
    config::{Bounces, OptOut},
    delivery::{self},
    receipt::{self, Incoming, Matcher},
    reply::Ear,
};
use providers::{About, Receipt, ReceiptState};

use super::World;

pub fn said(about: About, state: ReceiptState) -> Receipt {
    Receipt { about, state, reason: None, detail: String::new(), at: None }
}

impl World {
    pub fn matcher(&self) -> Matcher {
        Matcher {
            db: self.db.clone(),
            clock: self.clock.clone(),
            node: self.epoch,
            active: Arc::clone(&self.active),
            seal: self.seal.clone(),
            bounces: Bounces::default(),
        }
    }

    /// Hears the built-in words.
    pub fn ear(&self) -> Ear {
        Ear::new(self.seal.clone(), &OptOut::default())
    }

    /// Stores receipts as a callback would.
    pub async fn append(&self, receipts: Vec<Receipt>) {
        let (inbox, mut appender) = receipt::inbox(self.matcher(), self.ear());
        let incoming = receipts.into_iter().map(|receipt| Incoming::receipt(self.account, receipt)).collect();
        let (stored, _) = tokio::join!(inbox.append(incoming), appender.step());
        stored.unwrap();
    }

    /// Stores an answer that came after its attempt fell in doubt.
    pub async fn append_late(&self, delivery: i64, attempt: i16, ids: &[&str]) {
        let (inbox, mut appender) = receipt::inbox(self.matcher(), self.ear());
        let reference = delivery::Reference { delivery, attempt }.encode(&self.seal);
        let late = Incoming::accepted(self.account, reference, ids.iter().map(ToString::to_string).collect());
        let (stored, _) = tokio::join!(inbox.append(vec![late]), appender.step());
        stored.unwrap();
    }

    /// Stores receipts and joins them.
    pub async fn hear(&self, receipts: Vec<Receipt>) -> receipt::Matched {
        self.append(receipts).await;
        self.matcher().step(0).await.unwrap()
    }

    pub fn of_attempt(&self, delivery: i64, attempt: i16, state: ReceiptState) -> Receipt {
        said(About::Reference(delivery::Reference { delivery, attempt }.encode(&self.seal)), state)
    }
}
