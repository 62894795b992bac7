//! Sends one mail of the office's own to one place: by the mail account that `[notify]` names, within its rate and daily quota.

use providers::{Address, Channel, Content, Email, Outgoing, Scope, SendError};

use std::sync::Arc;

use crate::{
    account::{self, Account, Accounts},
    clock::Clock,
    db::{Db, Result},
    delivery::slot,
};

/// What sends.
#[derive(Clone, Copy)]
pub(super) struct Courier<'a> {
    pub db: &'a Db,
    pub clock: &'a Clock,
    pub accounts: &'a Accounts,
    /// By which account; none: the first that can.
    pub by: Option<&'a str>,
}

/// Why a place did not get a mail.
pub(super) enum Refused {
    /// And will not.
    ForGood(String),
    /// It is tried again: this place takes none for now, and others may.
    Busy(String),
    /// It is tried again: nobody gets any for now.
    ForNow(String),
}

impl Courier<'_> {
    /// By which account a mail goes now; none: none can.
    pub fn account(&self) -> Option<Arc<Account>> {
        let (ticks, now) = (self.clock.ticks(), self.clock.millis());
        let mut mail = self.accounts.all().iter().filter(|account| account.config.channel == Channel::Email);
        mail.find(|account| {
            self.by.is_none_or(|name| account.config.name == name)
                && account.is_usable(ticks)
                && account.throttle().rests(now).is_none()
        })
        .cloned()
    }

    /// Sends one mail to one place. `reference` is the same when it is sent again.
    pub async fn send(
        &self,
        account: &Account,
        reference: String,
        to: &str,
        mail: &Email,
    ) -> Result<std::result::Result<(), Refused>> {
        let may = account::take_one(self.db, account, self.clock.now()).await?;
        if !may {
            return Ok(Err(Refused::ForNow(format!("the account {} may not send any more today", account.config.name))));
        }
        let reserved = slot::reserve(self.db, account.id, account.config.rate, 1..=1).await?;
        // A loop of its own waits here: nobody else does.
        tokio::time::sleep(reserved.wait).await;
        let outgoing = Outgoing {
            reference,
            to: Address::new(to),
            content: Content::Email(Box::new(mail.clone())),
            expires: None,
            callback: None,
        };
        let answer = account.provider.send(std::slice::from_ref(&outgoing)).await.into_iter().next();
        Ok(match answer {
            Some(Ok(_)) => Ok(()),
            // Bytes left and no answer came: told twice is worse than told perhaps.
            Some(Err(SendError::InDoubt { detail, .. } | SendError::Reject { detail, .. } | SendError::OptedOut { detail })) => {
                Err(Refused::ForGood(detail))
            }
            Some(Err(SendError::Retry { detail, scope: Scope::Message | Scope::Domain, .. })) => Err(Refused::Busy(detail)),
            Some(Err(SendError::Retry { detail, .. } | SendError::Misconfigured { detail })) => Err(Refused::ForNow(detail)),
            None => Err(Refused::ForNow("the adapter gave no answer".into())),
        })
    }
}
