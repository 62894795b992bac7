//! Text messages over SMPP 3.4: one account on one carrier, over standing connections that are kept up.
//!
//! What enters is a [`Sms`](crate::Sms) and a number; what leaves is the carrier's answer to each of its parts, judged by
//! `smpp/status.rs`, and later, through [`Provider::events`], receipts, late answers and what people write.
//! `docs/smpp.md` explains every setting and every error.
//!
//! What can go wrong: no connection stands, so nothing was sent; the carrier refuses, so the message was not taken; no answer
//! comes, or a later part is refused after an earlier one was taken: in doubt. The parts of a message go one after another,
//! so that a refusal of the first one costs nothing, and no closer than the account's slots. A part that the carrier only
//! finds too early goes again when its connection no longer holds.

mod bind;
mod charset;
mod deliver;
mod ids;
mod inflow;
mod line;
mod parts;
mod pdu;
mod session;
mod settings;
mod spacing;
mod status;

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU16, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures::future::join_all;
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, sleep, timeout, timeout_at},
};

use self::{
    inflow::Inflow,
    line::{Dial, Line, NoPlace, Tcp},
    parts::Part,
    pdu::{Envelope, Role},
    session::{Answer, Came, End, Late},
    spacing::Spacing,
    status::Verdict,
};
use crate::{
    Abilities, Accepted, Arrival, Content, Outgoing, Provider, Reason, Scope, SendError, Slot,
    network::{self, TrustFault},
};

pub use crate::keys::KeyError;
pub use settings::{Bind, Charset, Ids, Jitter, KEYS, Long, Now, Numbering, Settings, Surroundings, Validity};
pub use status::Verdict as CodeMeaning;

/// What SMPP can do, whoever the carrier is.
pub const ABILITIES: Abilities = Abilities { slot: Slot::Part, receipts: true, echoes_reference: false, ..Abilities::LEAST };

/// How long the end may take: for the last answers, and for the answer to unbind.
const FAREWELL: Duration = Duration::from_secs(12);
/// How long a part waits to be tried again where an earlier part of its message was taken.
const AGAIN: Duration = Duration::from_secs(1);
/// For how long such a part is tried again: the pauses of a carrier that is too busy six times in a row.
const PATIENCE: Duration = Duration::from_secs(65);

/// Why a gateway could not be built from its settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// Neither the system nor `ca_file` gave a trusted certificate.
    #[error("no trusted certificates were found: {0}")]
    NoTrust(String),
    /// The PEM file holds something else.
    #[error("ca_file holds no certificate in PEM form: {0}")]
    BadPem(String),
    /// A host with blanks or control characters.
    #[error("host holds a character that no name has")]
    BadHost,
}

/// An account on a carrier's SMPP server.
pub struct SmppGateway {
    settings: Arc<Settings>,
    line: Arc<Line>,
    spacing: Spacing,
    keys: Arc<Mutex<ids::Keys>>,
    inflow: tokio::sync::Mutex<Inflow>,
    came: Mutex<Option<mpsc::UnboundedSender<Came>>>,
    keepers: Mutex<Vec<JoinHandle<()>>>,
    started: AtomicBool,
    /// Of the next long message.
    reference: AtomicU16,
}

impl SmppGateway {
    /// Checks the settings and loads the trusted certificates; connects to nobody yet.
    pub fn new(settings: Settings) -> Result<Self, BuildError> {
        if settings.host.is_empty() || !settings.host.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(BuildError::BadHost);
        }
        let tls = network::tls(settings.tls, settings.ca_pem.as_deref()).map_err(|fault| match fault {
            TrustFault::None(why) => BuildError::NoTrust(why),
            TrustFault::BadPem(why) => BuildError::BadPem(why),
        })?;
        let tcp = Tcp {
            host: settings.host.clone(),
            port: settings.port,
            allow_private: settings.allow_private,
            tls: settings.tls.then(|| Arc::new(tls)),
        };
        Ok(Self::over(settings, Arc::new(tcp)))
    }

    fn over(settings: Settings, dial: Arc<dyn Dial>) -> Self {
        let settings = Arc::new(settings);
        let keys = Arc::new(Mutex::new(ids::Keys::new(settings.ids)));
        let (sender, came) = mpsc::unbounded_channel();
        let begin = ((settings.jitter)().clamp(0.0, 1.0) * f64::from(u16::MAX)).round();
        Self {
            line: Arc::new(Line::new(Arc::clone(&settings), dial)),
            spacing: Spacing::default(),
            inflow: tokio::sync::Mutex::new(Inflow::new(came, Arc::clone(&keys), settings.host.clone())),
            came: Mutex::new(Some(sender)),
            keepers: Mutex::new(Vec::new()),
            started: AtomicBool::new(false),
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and u16::MAX")]
            reference: AtomicU16::new(begin as u16),
            settings,
            keys,
        }
    }

    /// Opens the connections, the first time.
    fn start(&self) {
        if self.started.swap(true, Ordering::AcqRel) || self.line.is_closing() {
            return;
        }
        let Some(came) = self.came.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        let keep = |link| tokio::spawn(Arc::clone(&self.line).keep(link, came.clone()));
        *self.keepers.lock().unwrap_or_else(PoisonError::into_inner) = (0..self.line.len()).map(keep).collect();
    }

    async fn send_one(&self, outgoing: &Outgoing) -> Result<Accepted, SendError> {
        let Content::Sms(sms) = &outgoing.content else {
            return Err(SendError::Misconfigured { detail: "SMPP carries text messages only".into() });
        };
        let reject = |reason, detail: &dyn std::fmt::Display| SendError::Reject { reason, detail: detail.to_string() };
        let validity = self.validity(outgoing.expires)?;
        let to = outgoing.to.expose().trim_start_matches('+');
        let envelope = Envelope::new(&self.settings, to, &validity).map_err(|pdu::Unfit(field)| match field {
            "destination" => reject(Reason::NoSuchAddress, &"the number does not fit its field"),
            field => SendError::Misconfigured { detail: format!("{field} does not fit its field") },
        })?;
        // Each message has its own: a phone tells messages of one sender apart by it.
        let reference = self.reference.fetch_add(1, Ordering::Relaxed);
        let parts = parts::parts(&self.settings, sms, reference).map_err(|fault| reject(Reason::Content, &fault))?;
        self.start();
        self.submit_all(&outgoing.reference, &envelope, &parts).await
    }

    async fn submit_all(&self, reference: &str, envelope: &Envelope, parts: &[Part]) -> Result<Accepted, SendError> {
        let mut taken = Taken::default();
        for (at, part) in parts.iter().enumerate() {
            let last = at + 1 == parts.len();
            let patience = Instant::now() + PATIENCE;
            loop {
                let late = Late { reference: reference.to_owned(), before: taken.ids.clone(), last };
                match self.submit(envelope, part, late).await {
                    Ok(id) => {
                        taken.parts += 1;
                        taken.ids.extend(id);
                        break;
                    }
                    // Nothing of the message is out: it is all as if it had not been sent.
                    Err(fault) if taken.parts == 0 => return Err(fault.judged()),
                    Err(fault) => match fault.again_in() {
                        Some(wait) if Instant::now() + wait < patience => sleep(wait).await,
                        _ => return Err(taken.in_doubt(parts.len(), fault)),
                    },
                }
            }
        }
        Ok(Accepted { ids: taken.ids })
    }

    /// Submits one part when its turn comes; its key, where the carrier gives an id.
    async fn submit(&self, envelope: &Envelope, part: &Part, late: Late) -> Result<Option<String>, Fault> {
        let mut deadline = Instant::now() + self.settings.timeout;
        let (session, place) = match timeout_at(deadline, self.line.place()).await {
            Ok(found) => found.map_err(Fault::NoPlace)?,
            Err(_) => {
                return Err(Fault::NoPlace(NoPlace::Down("no place in the window came free in time".into(), Duration::ZERO)));
            }
        };
        let link = place.link();
        deadline += self.spacing.turn().await;
        // Those in front of it may have been too many.
        if let Some(held) = self.line.held(link) {
            return Err(Fault::NoPlace(held));
        }
        let queued = session.submit(late, place, |sequence| pdu::submit(envelope, part, sequence));
        let mut answered = match queued {
            Ok(Some(answered)) => answered,
            Ok(None) => return Err(Fault::NoPlace(NoPlace::Down("the connection has just ended".into(), Duration::ZERO))),
            Err(pdu::Unfit(field)) => return Err(Fault::Unfit(field)),
        };
        let answer = if let Ok(answer) = timeout_at(deadline, &mut answered).await {
            answer.ok()
        } else {
            // From here on the answer is a late one, except if it came this very moment.
            answered.close();
            answered.try_recv().ok()
        };
        match answer {
            Some(Answer::Said(status::OK, id)) => {
                self.line.took(link);
                Ok(id.map(|id| self.keys.lock().unwrap_or_else(PoisonError::into_inner).of_response(&id)))
            }
            Some(Answer::Said(code, _)) => {
                let (verdict, words) = status::verdict(&self.settings, code);
                let pause = if verdict == Verdict::Pace { self.line.hold(link, &words) } else { Duration::ZERO };
                Err(Fault::Refused(status::refused(&self.settings, code, pause)))
            }
            Some(Answer::Unsent) => Err(Fault::NoPlace(NoPlace::Down("the connection ended before".into(), Duration::ZERO))),
            Some(Answer::Lost) => Err(Fault::Doubt("the connection ended before the answer")),
            None => Err(Fault::Doubt("no answer in time")),
        }
    }

    /// `validity_period` (SMPP 3.4, section 7.1.1); empty: the carrier's own.
    fn validity(&self, expires: Option<DateTime<Utc>>) -> Result<String, SendError> {
        let now = (self.settings.now)();
        let cap = self.settings.max_validity.and_then(|cap| chrono::TimeDelta::from_std(cap).ok()).map(|cap| now + cap);
        let Some(until) = expires.into_iter().chain(cap).min().filter(|_| self.settings.validity != Validity::None) else {
            return Ok(String::new());
        };
        let left = (until - now).num_seconds();
        if left <= 0 {
            return Err(SendError::Reject { reason: Reason::Expired, detail: "its time was over before it was sent".into() });
        }
        if self.settings.validity == Validity::Absolute {
            return Ok(until.format("%y%m%d%H%M%S000+").to_string());
        }
        // Days have two digits.
        let left = left.min(99 * 86_400);
        let (days, hours, minutes, seconds) = (left / 86_400, left / 3600 % 24, left / 60 % 60, left % 60);
        Ok(format!("0000{days:02}{hours:02}{minutes:02}{seconds:02}000R"))
    }
}

/// Parts that the carrier has.
#[derive(Default)]
struct Taken {
    parts: usize,
    ids: Vec<String>,
}

impl Taken {
    fn in_doubt(self, all: usize, fault: Fault) -> SendError {
        let why = match fault {
            Fault::Doubt(why) => why.to_owned(),
            fault => fault.judged().to_string(),
        };
        SendError::InDoubt { ids: self.ids, detail: format!("{} of {all} parts were taken; then {why}", self.parts) }
    }
}

/// Why a part was not taken, or perhaps not.
enum Fault {
    /// It was not sent.
    NoPlace(NoPlace),
    /// A text does not fit its field.
    Unfit(&'static str),
    /// The carrier refused it.
    Refused(SendError),
    /// Nobody knows.
    Doubt(&'static str),
}

impl Fault {
    /// When the part may be tried again without doubt, where that is so.
    fn again_in(&self) -> Option<Duration> {
        match self {
            Self::NoPlace(NoPlace::Held(_, left)) => Some(*left),
            Self::NoPlace(NoPlace::Down(_, left)) => Some((*left).max(AGAIN)),
            Self::Refused(SendError::Retry { after, .. }) => Some(after.unwrap_or(AGAIN).max(AGAIN)),
            Self::NoPlace(NoPlace::Stopped(_)) | Self::Unfit(_) | Self::Refused(_) | Self::Doubt(_) => None,
        }
    }

    /// What it means for a message of which no part was taken.
    fn judged(self) -> SendError {
        let unreachable = |detail, left: Duration| SendError::Retry {
            after: Some(left).filter(|left| *left > Duration::ZERO),
            scope: Scope::Account,
            reason: Reason::Unreachable,
            detail,
        };
        match self {
            Self::NoPlace(NoPlace::Held(detail, left)) => {
                SendError::Retry { after: Some(left), scope: Scope::Pace, reason: Reason::Other, detail }
            }
            Self::NoPlace(NoPlace::Down(why, left)) => unreachable(why, left),
            Self::NoPlace(NoPlace::Stopped(why)) => SendError::Misconfigured { detail: why },
            Self::Unfit(field) => SendError::Misconfigured { detail: format!("{field} does not fit its field") },
            Self::Refused(error) => error,
            Self::Doubt(why) => SendError::InDoubt { ids: Vec::new(), detail: why.to_owned() },
        }
    }
}

#[async_trait]
impl Provider for SmppGateway {
    async fn send(&self, batch: &[Outgoing]) -> Vec<Result<Accepted, SendError>> {
        join_all(batch.iter().map(|outgoing| self.send_one(outgoing))).await
    }

    fn space(&self, slots: Duration) {
        self.spacing.set(slots);
    }

    async fn events(&self) -> Option<Arrival> {
        self.start();
        self.inflow.lock().await.next().await
    }

    /// Answers what must be answered, unbinds every connection, and ends.
    async fn close(&self) {
        self.line.close();
        // What was not handed over is the carrier's to repeat. A call of `events` still under way ends by itself.
        self.came.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Ok(mut inflow) = self.inflow.try_lock() {
            inflow.refuse_rest();
        }
        let keepers = std::mem::take(&mut *self.keepers.lock().unwrap_or_else(PoisonError::into_inner));
        let aborts: Vec<_> = keepers.iter().map(JoinHandle::abort_handle).collect();
        if timeout(FAREWELL, join_all(keepers)).await.is_err() {
            aborts.iter().for_each(tokio::task::AbortHandle::abort);
        }
    }

    fn can(&self) -> Abilities {
        ABILITIES
    }

    async fn test(&self) -> Result<String, SendError> {
        let secured = if self.settings.tls { "encrypted" } else { "not encrypted" };
        let place = format!("{}:{}", self.settings.host, self.settings.port);
        // Another connection beside those that stand could be one more than the carrier allows.
        let (up, all) = (self.line.up(), self.line.len());
        if up > 0 {
            return Ok(format!("{place} is bound: {up} of {all} connections; {secured}"));
        }
        let roles = match self.settings.bind {
            Bind::Transceiver => &[Role::Transceiver][..],
            Bind::Pair => &[Role::Transmitter, Role::Receiver],
        };
        for role in roles {
            let bound = self.line.open(*role).await.map_err(|end| match end {
                End::Setup(detail) => SendError::Misconfigured { detail },
                End::Lost(detail) => SendError::Retry { after: None, scope: Scope::Account, reason: Reason::Unreachable, detail },
                End::Closed => SendError::Misconfigured { detail: "the account is closing".into() },
            })?;
            bound.unbind().await;
        }
        let how = match self.settings.bind {
            Bind::Transceiver => "bound and unbound as a transceiver",
            Bind::Pair => "bound and unbound as a transmitter and as a receiver",
        };
        Ok(format!("{place}: {how}; {secured}"))
    }
}

impl Drop for SmppGateway {
    fn drop(&mut self) {
        for keeper in self.keepers.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            keeper.abort();
        }
    }
}

#[cfg(test)]
mod tests;
