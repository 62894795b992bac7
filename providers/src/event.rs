//! What comes back from a gateway: receipts, messages from people, late answers; called back, asked for, or over a
//! standing connection.

use chrono::{DateTime, Utc};
use tokio::sync::oneshot;

use crate::{Address, Reason};

/// A sent attempt that its gateway can be asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handle {
    /// The attempt's reference.
    pub reference: String,
    /// The gateway's ids, where it gave any.
    pub ids: Vec<String>,
    /// When it was sent.
    pub sent_at: DateTime<Utc>,
}

/// What a gateway says about an attempt afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Which attempt (or part of it) this is about.
    pub about: About,
    /// What became of it.
    pub state: ReceiptState,
    /// Why, where it failed; [`Reason::Complaint`] where it arrived and was reported as unwanted.
    pub reason: Option<Reason>,
    /// The gateway's own words or code, without addresses.
    pub detail: String,
    /// The gateway's own time, where it gives one.
    pub at: Option<DateTime<Utc>>,
}

/// How a receipt names its attempt.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum About {
    /// By our reference, which the gateway echoes.
    Reference(String),
    /// By the gateway's own id (of one part, where there are several).
    Id(String),
}

/// The states that a receipt can report, in the order of what they outweigh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReceiptState {
    /// Refused after having been accepted for processing.
    Rejected,
    /// Taken: settles a doubt.
    Accepted,
    /// On its way.
    Enroute,
    /// Its validity ended at the carrier.
    Expired,
    /// It will not arrive.
    Undelivered,
    /// On the phone, or in the mailbox.
    Delivered,
    /// Opened by the person.
    Seen,
}

/// Raw callback of a gateway.
#[derive(Debug, Clone)]
pub struct Callback {
    /// GET or POST.
    pub method: ::http::Method,
    /// The raw query string, without `?`.
    pub query: String,
    /// All headers.
    pub headers: ::http::HeaderMap,
    /// The raw body, so that a signature can be verified.
    pub body: bytes::Bytes,
}

/// What a callback, or a stream of events, tells us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// About an attempt.
    Receipt(Receipt),
    /// An answer to a send that came after its judgement had to be [`SendError::InDoubt`](crate::SendError::InDoubt): the
    /// gateway took it after all.
    Accepted {
        /// The attempt's reference.
        reference: String,
        /// The gateway's ids, one a part and in order.
        ids: Vec<String>,
    },
    /// A message from a person.
    Inbound(Inbound),
    /// A person ended it with a button of their service's: they want no more from this sender.
    Left {
        /// Who.
        from: Address,
        /// The service's word for it, such as `unfollow`.
        how: String,
    },
    /// A mail to the address for bounces that says nothing of an attempt: it is counted.
    Leftover(Leftover),
    /// A person told their service that these two are theirs, and the account takes their word for it.
    Known {
        /// Their user id.
        user: Address,
        /// Their phone number, as the service writes it.
        phone: Address,
    },
    /// About the account: its quota, its balance, a template's state.
    Account {
        /// The gateway's words, for the log.
        detail: String,
    },
}

/// What a mail to the address for bounces is, if it is none that counts. The numbers are stored: never renumber.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Leftover {
    /// A machine answers for somebody who is away.
    AutoReply = 1,
    /// A filter wants us to prove that we are people.
    Challenge = 2,
    /// Nobody knows: people's own answers, advertising.
    Unclear = 3,
    /// A bounce that names no attempt of ours.
    Stranger = 4,
}

impl Leftover {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::AutoReply, Self::Challenge, Self::Unclear, Self::Stranger];

    /// The name in commands and exports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AutoReply => "auto-reply",
            Self::Challenge => "challenge",
            Self::Unclear => "unclear",
            Self::Stranger => "stranger",
        }
    }

    /// What has this stored number.
    pub fn from_number(number: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|leftover| *leftover as i16 == number)
    }
}

/// A message from a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inbound {
    /// From whom: E.164 for a phone.
    pub from: Address,
    /// The number or name that they wrote to, where the gateway says it.
    pub to: Option<String>,
    /// What they wrote.
    pub text: String,
    /// The gateway's id of the message, by which a repeated one is known again.
    pub id: Option<String>,
}

/// What to answer the gateway once the events are committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Media type of the body.
    pub content_type: &'static str,
    /// Body.
    pub body: String,
}

impl Default for Reply {
    fn default() -> Self {
        Self { status: 200, content_type: "text/plain", body: "OK".into() }
    }
}

/// Why a callback was not understood. It is answered with 4xx and logged without addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallbackError {
    /// A signature or secret does not fit.
    #[error("the callback's signature does not fit: {0}")]
    Forged(String),
    /// It has not the shape that the gateway's description declares.
    #[error("the callback has an unexpected shape: {0}")]
    Malformed(String),
    /// This gateway sends none.
    #[error("this gateway sends no callbacks")]
    Unsupported,
}

/// Why a gateway could not be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatusError {
    /// This gateway cannot be asked.
    #[error("this gateway cannot be asked about sent messages")]
    Unsupported,
    /// It could not be reached, or answered nonsense.
    #[error("status query failed: {0}")]
    Failed(String),
}

/// What came over a standing connection.
#[derive(Debug)]
pub struct Arrival {
    /// In the order in which they came.
    pub events: Vec<Event>,
    /// To be called once they are committed.
    pub acknowledge: Acknowledge,
}

/// Tells the adapter that an arrival is committed, so that it answers its gateway. Dropped without, the gateway is asked to
/// repeat what it said.
#[derive(Debug)]
pub struct Acknowledge(oneshot::Sender<()>);

impl Acknowledge {
    /// An acknowledgement, and where it shows: an error there means that it was dropped.
    pub fn new() -> (Self, oneshot::Receiver<()>) {
        let (sender, receiver) = oneshot::channel();
        (Self(sender), receiver)
    }

    /// The events are committed.
    pub fn committed(self) {
        // An adapter that is gone has nobody to answer.
        let _ = self.0.send(());
    }
}
