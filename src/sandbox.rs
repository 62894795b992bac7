//! Stand-in gateways on loopback: an SMTP server, a carrier that speaks SMPP, and the HTTP gateways eSMS, SpeedSMS, VNPT,
//! VietGuys, Kannel, FPT, Stringee, Viettel, Zalo and Telegram on one port. `loa sandbox`, `loa demo` and the tests use them.
//!
//! What enters is what a sender would send to the real gateway; what leaves is an answer in that gateway's own shape, receipts
//! called back later, and a record of every message taken ([`Taken`]), written before the answer. [`Behaviour`] says how many are
//! refused, silent, doubled, cut off; some addresses force an outcome ([`behaviour::MAGIC`]).
//!
//! No message leaves the machine unless a receipt address lies outside it. Several sandboxes may live in one process.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use serde::Serialize;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

pub mod behaviour;
mod exchange;
mod http;
pub mod partner;
mod parts;
mod receipt;
pub mod residents;
pub mod smpp;
mod smtp;
mod taken;

pub use self::{
    behaviour::{Behaviour, Outcome},
    http::zalo,
    taken::{Counts, Taken},
};
use self::{exchange::Exchange, receipt::Pace, smpp::Carrier, taken::Record};

/// The gateways that the sandbox stands in for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Gateway {
    /// Mail.
    Smtp,
    /// eSMS, customer care: `POST /MainService.svc/json/SendMultipleMessage_V4_post_json/`.
    Esms,
    /// SpeedSMS: `POST /index.php/sms/send`.
    Speedsms,
    /// VNPT: `POST /smsmarketing/api`.
    Vnpt,
    /// VietGuys: `POST /api/index.php`.
    Vietguys,
    /// Kannel's sendsms: `GET /cgi-bin/sendsms`.
    Kannel,
    /// Telegram: `POST /bot<token>/sendMessage`.
    Telegram,
    /// A carrier, over SMPP 3.4.
    Smpp,
    /// eSMS, advertising: `POST /MainService.svc/json/SendMultipleSMSBrandname_json/`.
    #[serde(rename = "esms-bulk")]
    EsmsBulk,
    /// FPT: `POST /oauth2/token`, then `POST /api/push-brandname-otp`.
    Fpt,
    /// Stringee: `POST /v1/sms`.
    Stringee,
    /// Viettel: `POST /bulkapi` (SOAP).
    Viettel,
    /// Zalo: `POST /message/template` and the like.
    Zalo,
}

impl Gateway {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Smtp,
        Self::Esms,
        Self::Speedsms,
        Self::Vnpt,
        Self::Vietguys,
        Self::Kannel,
        Self::Telegram,
        Self::Smpp,
        Self::EsmsBulk,
        Self::Fpt,
        Self::Stringee,
        Self::Viettel,
        Self::Zalo,
    ];

    /// Whether signing in takes a user name beside the secret.
    const fn has_users(self) -> bool {
        !matches!(self, Self::Speedsms | Self::Telegram)
    }

    /// Whether what became of a message is told to those who ask, and to nobody else.
    const fn is_polled(self) -> bool {
        matches!(self, Self::EsmsBulk)
    }

    /// How this gateway writes the id of its message with this number.
    fn id(self, number: u64) -> String {
        match self {
            Self::Esms | Self::EsmsBulk => format!("{number:032x}"),
            Self::Smtp | Self::Kannel | Self::Smpp => format!("{number:x}"),
            Self::Zalo => format!("{number:020x}"),
            Self::Speedsms | Self::Vnpt | Self::Vietguys | Self::Telegram | Self::Fpt | Self::Stringee | Self::Viettel => {
                number.to_string()
            }
        }
    }
}

/// What a stand-in expects of those who sign in. SpeedSMS and Telegram have a secret only: the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user, or eSMS's `ApiKey`.
    pub user: String,
    /// The password, token, or eSMS's `SecretKey`.
    pub secret: String,
}

/// A Maildir, as [`Options::receipts_to`] has it.
pub fn maildir(path: &std::path::Path) -> String {
    format!("{}{}", receipt::MAILDIR, path.display())
}

/// How to start a [`Sandbox`].
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the SMTP server listens (port 0: any free one); none: it does not.
    pub smtp: Option<SocketAddr>,
    /// Where the HTTP gateways listen; none: they do not.
    pub http: Option<SocketAddr>,
    /// Where the SMPP carrier listens; none: it does not.
    pub smpp: Option<SocketAddr>,
    /// The knobs.
    pub behaviour: Behaviour,
    /// Appends every taken message to this file, one JSON object a line, mode 0600.
    pub log: Option<PathBuf>,
    /// Keeps every taken message in memory for [`Sandbox::taken`]: for tests, not for millions.
    pub remember: bool,
    /// Where receipts go, for gateways that are told so once (SpeedSMS; eSMS where a request names no `CallbackUrl`). Of SMTP:
    /// where bounces go, by [`maildir`].
    pub receipts_to: BTreeMap<Gateway, String>,
    /// The credentials expected; of gateways not named here any that are not empty are good, and SMTP asks for none.
    pub credentials: BTreeMap<Gateway, Credentials>,
    /// One seed, one fate for each message.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            smtp: Some(any),
            http: Some(any),
            smpp: Some(any),
            behaviour: Behaviour::default(),
            log: None,
            remember: true,
            receipts_to: BTreeMap::new(),
            credentials: BTreeMap::new(),
            seed: 1,
        }
    }
}

/// What becomes of receipts that are still on their way when the sandbox stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outstanding {
    /// They are sent at once, with their usual tries.
    Deliver,
    /// They are dropped, and counted as lost.
    Drop,
}

/// How long requests in hand may take after [`Sandbox::stop`], before their connections are closed.
const GRACE: Duration = Duration::from_secs(10);

/// Running stand-ins. Dropped without [`Sandbox::stop`], they serve no more, and nobody waits for what is in hand.
pub struct Sandbox {
    exchange: Arc<Exchange>,
    smtp: Option<SocketAddr>,
    http: Option<SocketAddr>,
    smpp: Option<SocketAddr>,
    carrier: Arc<Carrier>,
    stopping: watch::Sender<bool>,
    servers: Vec<JoinHandle<()>>,
}

impl Sandbox {
    /// Opens the log, binds the ports and serves. Fails where one of these cannot be had.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let record = Record::open(options.log.as_deref(), options.remember).with_context(|| match &options.log {
            Some(path) => format!("the sandbox's log {} cannot be opened", path.display()),
            None => "the sandbox's record cannot be made".to_owned(),
        })?;
        receipt::make_maildirs(&options.receipts_to).await.context("the Maildir for bounces cannot be made")?;
        let exchange =
            Arc::new(Exchange::new(options.seed, options.behaviour, options.credentials, options.receipts_to, record)?);
        let stopping = watch::Sender::new(false);
        let carrier = Arc::new(Carrier::new(Arc::clone(&exchange)));
        let mut sandbox = Self { exchange, smtp: None, http: None, smpp: None, carrier, stopping, servers: Vec::new() };
        if let Some(at) = options.smtp {
            let listener = bind(at).await?;
            sandbox.smtp = Some(listener.local_addr()?);
            let server = smtp::serve(listener, Arc::clone(&sandbox.exchange), sandbox.stopping.subscribe());
            sandbox.servers.push(tokio::spawn(server));
        }
        if let Some(at) = options.http {
            let listener = bind(at).await?;
            sandbox.http = Some(listener.local_addr()?);
            let server = http::serve(listener, Arc::clone(&sandbox.exchange), sandbox.stopping.subscribe());
            sandbox.servers.push(tokio::spawn(server));
        }
        if let Some(at) = options.smpp {
            let listener = bind(at).await?;
            sandbox.smpp = Some(listener.local_addr()?);
            let server = smpp::serve(listener, Arc::clone(&sandbox.carrier), sandbox.stopping.subscribe());
            sandbox.servers.push(tokio::spawn(server));
        }
        Ok(sandbox)
    }

    /// Where the SMTP server listens.
    pub fn smtp_addr(&self) -> Option<SocketAddr> {
        self.smtp
    }

    /// Where the HTTP gateways listen.
    pub fn http_addr(&self) -> Option<SocketAddr> {
        self.http
    }

    /// Where the SMPP carrier listens.
    pub fn smpp_addr(&self) -> Option<SocketAddr> {
        self.smpp
    }

    /// A phone writes to a number or name over SMPP: it goes to the client that last sent from there, else to any, and waits
    /// until one is bound to receive it.
    pub fn say(&self, from: &str, to: &str, text: &str) {
        self.carrier.say(from, to, text);
    }

    /// How often Zalo's tokens were asked for.
    pub fn zalo_renewals(&self) -> zalo::Renewals {
        self.exchange.zalo.renewals()
    }

    /// Every access token of Zalo's ends now.
    pub fn zalo_expire(&self) {
        self.exchange.zalo.expire();
    }

    /// What a person or the platform does in Zalo, as a webhook's body; its time and signature are added.
    pub async fn zalo_tell(&self, body: serde_json::Value) {
        http::zalo::tell(&self.exchange, body).await;
    }

    /// Changes the knobs for submissions from now on.
    pub fn behave(&self, behaviour: Behaviour) {
        self.exchange.behave(behaviour);
    }

    /// Says where this gateway's receipts go from now on: for senders whose address is known only once they run.
    pub fn send_receipts_to(&self, gateway: Gateway, url: impl Into<String>) {
        self.exchange.send_receipts_to(gateway, url.into());
    }

    /// Everything taken so far, in order; empty unless [`Options::remember`].
    pub fn taken(&self) -> Vec<Taken> {
        self.exchange.record().taken()
    }

    /// What happened so far, over all gateways.
    pub fn counts(&self) -> Counts {
        Counts { incomplete: self.carrier.incomplete(), ..self.exchange.counts(&Gateway::ALL) }
    }

    /// What happened so far on one gateway.
    pub fn counts_of(&self, gateway: Gateway) -> Counts {
        let incomplete = if gateway == Gateway::Smpp { self.carrier.incomplete() } else { 0 };
        Counts { incomplete, ..self.exchange.counts(&[gateway]) }
    }

    /// Waits until every receipt was sent, or given up; over SMPP those kept for a client that is not bound are not waited for.
    pub async fn settled(&self) {
        self.exchange.caller.settled().await;
        self.carrier.settled().await;
    }

    /// Takes nothing new, answers what is in hand, sends or drops the outstanding receipts, and gives the last counts.
    pub async fn stop(self, outstanding: Outstanding) -> Counts {
        self.stopping.send_replace(true);
        let pace = match outstanding {
            Outstanding::Deliver => Pace::AtOnce,
            Outstanding::Drop => Pace::Never,
        };
        self.exchange.caller.pace(pace);
        self.carrier.pace(pace);
        for mut server in self.servers {
            // A peer that never ends its request is left behind.
            if tokio::time::timeout(GRACE, &mut server).await.is_err() {
                server.abort();
            }
        }
        self.exchange.caller.settled().await;
        Counts { incomplete: self.carrier.incomplete(), ..self.exchange.counts(&Gateway::ALL) }
    }
}

async fn bind(at: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(at).await.with_context(|| format!("the sandbox cannot listen on {at}"))
}

#[cfg(test)]
mod tests;
