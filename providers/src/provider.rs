//! The contract between an adapter and whoever calls it.

use std::time::Duration;

use async_trait::async_trait;

use crate::{
    Abilities, Accepted, Arrival, Callback, CallbackError, Event, Handle, Outgoing, Receipt, Reply, SendError, StatusError,
    Template,
};

/// An adapter: one account on one gateway.
///
/// The contract, which `providers/tests/contract.rs` holds for every adapter:
/// - `send` returns one judgement for each message, in order, and does not panic on any answer of the gateway;
/// - success means that the gateway definitely took the message;
/// - [`SendError::Retry`], [`SendError::Reject`], [`SendError::OptedOut`] and [`SendError::Misconfigured`] mean that it definitely did not;
///   everything else, a time-out or a broken connection after the first byte of a message was written above all, is [`SendError::InDoubt`];
/// - it may be called concurrently; it ends by itself (each adapter has a time-out); a dropped future leaves its messages in doubt.
#[async_trait]
pub trait Provider: Send + Sync {
    /// Sends, and judges the gateway's answers. Same length and order out as in.
    async fn send(&self, batch: &[Outgoing]) -> Vec<Result<Accepted, SendError>>;

    /// How far the account's slots are apart at its present pace, told before each send: for an adapter that spends several
    /// slots on one message ([`Slot::Part`](crate::Slot::Part)) and must not spend them at once.
    fn space(&self, _slots: Duration) {}

    /// Asks the gateway what became of these, where it can be asked.
    async fn status(&self, _sent: &[Handle]) -> Result<Vec<Receipt>, StatusError> {
        Err(StatusError::Unsupported)
    }

    /// Reads a callback: raw body, headers and query in; events and what to answer the gateway out.
    fn callback(&self, _callback: &Callback) -> Result<(Vec<Event>, Reply), CallbackError> {
        Err(CallbackError::Unsupported)
    }

    /// Waits for what comes by itself over a standing connection, which this call keeps up: it returns when something came,
    /// and is called again at once. `None`, at once and always: this gateway keeps no connection.
    ///
    /// Dropping the future loses nothing; what was handed over and not acknowledged comes again.
    async fn events(&self) -> Option<Arrival> {
        None
    }

    /// Ends standing connections in order. Nothing is sent afterwards.
    async fn close(&self) {}

    /// What this gateway can do.
    fn can(&self) -> Abilities;

    /// Checks credentials and connection without sending anything; the text is for a person.
    async fn test(&self) -> Result<String, SendError>;

    /// What is left of the account's prepaid money, in whole đồng. `None`, at once: this gateway cannot be asked.
    async fn balance(&self) -> Option<Result<i64, SendError>> {
        None
    }

    /// What an account needs by and by without anything being sent, such as a token that is renewed before it expires: called
    /// every minute or so, and judges nothing.
    async fn upkeep(&self) {}

    /// What the gateway knows of a registered template. `None`, at once: it knows no templates, or cannot be asked.
    async fn template(&self, _id: &str) -> Option<Result<Template, SendError>> {
        None
    }
}
