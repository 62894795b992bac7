//! Adapters to the outside world: one trait, [`Provider`], and one adapter a file.
//!
//! What enters is a rendered message, an address and a reference ([`Outgoing`]); what leaves is a judgement
//! ([`Accepted`] or [`SendError`]). An adapter judges and sends. It never sleeps, retries, limits its rate or
//! touches a database, and it knows nothing of campaigns or of the person behind an address: the loop that calls
//! it obeys the judgement. Nothing here imports the `loa` crate.
//!
//! [`Provider`] is the contract. Around it, each in a file of its own: whom a message goes to (`address`), what it is (`message`), what
//! came of it (`judgement`, `event`), what a gateway can do (`abilities`) and what is registered there (`template`). The adapters:
//! [`http`] for gateways described as data ([`gateways`]), [`smtp`], [`smpp`] and [`zalo`].
//!
//! Personal data: an [`Address`] prints masked; the plain text is had only through [`Address::expose`].

mod abilities;
mod address;
pub mod bounce;
mod event;
pub mod exchange;
pub mod gateways;
pub mod http;
mod judgement;
mod keys;
mod message;
mod network;
mod provider;
mod retry_after;
pub mod smpp;
pub mod smtp;
mod template;
pub mod text;
pub mod webhook;
pub mod zalo;

pub use abilities::{Abilities, Batch, Poll, Slot};
pub use address::{Address, Channel, mask};
pub use event::{
    About, Acknowledge, Arrival, Callback, CallbackError, Event, Handle, Inbound, Leftover, Receipt, ReceiptState, Reply,
    StatusError,
};
pub use judgement::{Accepted, Reason, Scope, SendError};
pub use message::{Attachment, Chat, Content, Email, Outgoing, Picture, Sms};
pub use provider::Provider;
pub use template::{Parameter, Template};
