//! One connection to a mail server: opened, secured, signed in, and driven through one transaction after another.
//!
//! lettre builds our mails, but its connection does not say how far a failed transaction came, and that is what
//! tells a mail that may be tried again from one in doubt. Here the stage is a value that outlives the attempt, even
//! one that is cut off by a time-out. It also sends MAIL, RCPT and DATA in one write where the server offers
//! PIPELINING (RFC 2920): two round trips a mail instead of four.

use std::{io, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use futures::FutureExt as _;
use rustls::ClientConfig;
use secrecy::ExposeSecret as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{
    mime::Mail,
    reply::{Reply, scrubbed},
    settings::{Settings, Tls},
};
use crate::network::{self, Unreached, Wire};

/// How far an attempt came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Looking the host up, connecting, securing.
    Connect,
    /// Waiting for the greeting, or the answer to EHLO or STARTTLS.
    Hello,
    /// Signing in.
    Auth,
    /// The sender: `MAIL FROM`.
    Mail,
    /// The recipient: `RCPT TO`.
    Rcpt,
    /// Asking to hand over: `DATA`, up to the last byte before the final dot.
    Data,
    /// The final dot was begun: from here on only an answer tells.
    Final,
}

/// Why an attempt ended without a yes.
#[derive(Debug)]
pub(super) enum Fault {
    /// The server said no.
    Refused(Stage, Reply),
    /// No answer that could be understood: broken off, or nonsense.
    Lost(Stage, String),
    /// A person must mend it: certificate, missing STARTTLS, no way to sign in, a forbidden address.
    Setup(String),
    /// This server cannot carry this mail: nothing of it was said.
    Unfit(String),
}

/// An open connection.
pub(super) struct Connection {
    wire: Box<dyn Wire>,
    unread: Vec<u8>,
    offers: Offers,
    usable: bool,
    half_open: bool,
}

/// What the server offered in answer to EHLO.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "a set of keywords, each offered or not")]
struct Offers {
    pipelining: bool,
    size: bool,
    utf8: bool,
    starttls: bool,
    plain: bool,
    login: bool,
}

/// A server that says more than this in one reply is not a mail server.
const LONGEST_REPLY: usize = 64 * 1024;

impl Connection {
    /// Connects, secures and signs in. `stage` tells how far it came.
    pub(super) async fn open(settings: &Settings, tls: &Arc<ClientConfig>, stage: &mut Stage) -> Result<Self, Fault> {
        *stage = Stage::Connect;
        let tcp = connect(settings).await?;
        let wire: Box<dyn Wire> = if settings.tls == Tls::Implicit { secured(settings, tls, tcp).await? } else { Box::new(tcp) };
        let mut connection = Self { wire, unread: Vec::new(), offers: Offers::default(), usable: true, half_open: false };
        *stage = Stage::Hello;
        connection.expect(Stage::Hello, 200).await?;
        connection.hello(settings).await?;
        if settings.tls == Tls::StartTls {
            connection = connection.upgraded(settings, tls, stage).await?;
        }
        if let Some(username) = &settings.username {
            *stage = Stage::Auth;
            connection.sign_in(username, settings).await?;
        }
        Ok(connection)
    }

    async fn hello(&mut self, settings: &Settings) -> Result<(), Fault> {
        let name = settings.hello_name.as_deref().unwrap_or_else(|| settings.from.domain());
        let reply = self.ask(Stage::Hello, &format!("EHLO {name}\r\n"), 200).await?;
        self.offers = Offers::from(&reply);
        Ok(())
    }

    async fn upgraded(mut self, settings: &Settings, tls: &Arc<ClientConfig>, stage: &mut Stage) -> Result<Self, Fault> {
        if !self.offers.starttls {
            return Err(Fault::Setup("the server offers no STARTTLS".into()));
        }
        self.ask(Stage::Hello, "STARTTLS\r\n", 200).await?;
        // What came before the handshake was not secured and must not be read as if it were (CVE-2011-0411).
        if !self.unread.is_empty() {
            return Err(Fault::Setup("the server, or someone on the way, spoke out of turn before STARTTLS".into()));
        }
        *stage = Stage::Connect;
        let wire = secured(settings, tls, self.wire).await?;
        *stage = Stage::Hello;
        let mut secure = Self { wire, unread: Vec::new(), offers: Offers::default(), usable: true, half_open: false };
        secure.hello(settings).await?;
        Ok(secure)
    }

    async fn sign_in(&mut self, username: &str, settings: &Settings) -> Result<(), Fault> {
        let password = settings.password.as_ref().map_or("", |password| password.expose_secret());
        if self.offers.plain {
            let proof = BASE64.encode(format!("\0{username}\0{password}"));
            self.ask(Stage::Auth, &format!("AUTH PLAIN {proof}\r\n"), 200).await?;
        } else if self.offers.login {
            self.ask(Stage::Auth, "AUTH LOGIN\r\n", 300).await?;
            self.ask(Stage::Auth, &format!("{}\r\n", BASE64.encode(username)), 300).await?;
            self.ask(Stage::Auth, &format!("{}\r\n", BASE64.encode(password)), 200).await?;
        } else {
            return Err(Fault::Setup("the server offers neither AUTH PLAIN nor AUTH LOGIN on this connection".into()));
        }
        Ok(())
    }

    /// Hands one mail over. `stage` tells how far it came, also when this future is dropped half-way.
    pub(super) async fn transact(&mut self, mail: &Mail, stage: &mut Stage) -> Result<Reply, Fault> {
        if mail.needs_utf8 && !self.offers.utf8 {
            return Err(Fault::Unfit(
                "the address has letters outside ASCII before the @, and the server offers no SMTPUTF8".into(),
            ));
        }
        // A future dropped half-way leaves replies unread: only a finished transaction makes the connection usable.
        self.usable = false;
        if self.half_open {
            // A server that cannot even reset is treated as one that has hung up: nothing of this mail was said yet.
            *stage = Stage::Mail;
            let reset = self.ask(Stage::Mail, "RSET\r\n", 200).await;
            reset.map_err(|_| Fault::Lost(Stage::Mail, "the server did not reset".into()))?;
            self.half_open = false;
        }
        let result = self.transaction(mail, stage).await;
        match &result {
            Ok(_) => self.usable = true,
            Err(Fault::Refused(at, reply)) => {
                self.usable = !reply.ends_connection();
                // The reset waits for the next mail: a server slow to answer it must not change this judgement.
                self.half_open = matches!(at, Stage::Rcpt | Stage::Data);
            }
            Err(_) => {}
        }
        result
    }

    async fn transaction(&mut self, mail: &Mail, stage: &mut Stage) -> Result<Reply, Fault> {
        let size = if self.offers.size { format!(" SIZE={}", mail.size) } else { String::new() };
        // Its headers hold the address as it is: eight bits a letter (RFC 6531, section 3.6).
        let utf8 = if mail.needs_utf8 { " BODY=8BITMIME SMTPUTF8" } else { "" };
        let sender = format!("MAIL FROM:<{}>{size}{utf8}\r\n", mail.from);
        let recipient = format!("RCPT TO:<{}>\r\n", mail.to);
        *stage = Stage::Mail;
        if self.offers.pipelining {
            self.write(Stage::Mail, format!("{sender}{recipient}DATA\r\n").as_bytes()).await?;
            let mut replies = [const { None }; 3];
            for (slot, at) in replies.iter_mut().zip([Stage::Mail, Stage::Rcpt, Stage::Data]) {
                *stage = at;
                let reply = self.reply(at).await?;
                if reply.code == 421 {
                    return Err(Fault::Refused(at, reply));
                }
                *slot = Some(reply);
            }
            Self::judge_opening(replies)?;
        } else {
            self.ask(Stage::Mail, &sender, 200).await?;
            *stage = Stage::Rcpt;
            self.ask(Stage::Rcpt, &recipient, 200).await?;
            *stage = Stage::Data;
            self.ask(Stage::Data, "DATA\r\n", 300).await?;
        }
        self.content(mail, stage).await?;
        self.expect(Stage::Final, 200).await
    }

    /// Takes the first refusal of MAIL, RCPT and DATA, whose answers were all read.
    fn judge_opening(replies: [Option<Reply>; 3]) -> Result<(), Fault> {
        let [mail, rcpt, data] = replies;
        let go_ahead = data.as_ref().is_some_and(|reply| reply.code == 354);
        for (stage, class, reply) in [(Stage::Mail, 200, mail), (Stage::Rcpt, 200, rcpt), (Stage::Data, 300, data)] {
            let Some(reply) = reply else { continue };
            if let Err(fault) = expected(stage, class, reply) {
                // The server refused the recipient and waits for the content all the same: only hanging up ends that.
                return Err(match fault {
                    Fault::Refused(stage, reply) if go_ahead => Fault::Refused(stage, reply.hung_up()),
                    fault => fault,
                });
            }
        }
        Ok(())
    }

    /// Writes the content and the final dot, and keeps count: while not a byte of the dot was handed to the system,
    /// the server cannot have the mail.
    async fn content(&mut self, mail: &Mail, stage: &mut Stage) -> Result<(), Fault> {
        let mut written = 0;
        while written < mail.content.len() {
            match self.wire.write(&mail.content[written..]).await {
                Ok(0) => return Err(Fault::Lost(*stage, "the connection was closed".into())),
                Ok(more) => written += more,
                Err(error) => return Err(lost(*stage, &error)),
            }
            if written > mail.before_dot() {
                *stage = Stage::Final;
            }
        }
        self.wire.flush().await.map_err(|error| lost(*stage, &error))
    }

    /// Whether the connection can carry another mail: its last transaction ended cleanly, and the server has neither
    /// hung up nor said anything since. Costs no round trip.
    pub(super) fn is_ready(&mut self) -> bool {
        self.usable && self.unread.is_empty() && self.wire.read_u8().now_or_never().is_none()
    }

    /// Whether its last transaction ended cleanly.
    pub(super) const fn is_usable(&self) -> bool {
        self.usable
    }

    /// Says good-bye.
    pub(super) async fn quit(mut self) {
        // The answer changes nothing: all mails were answered before.
        let _ = self.ask(Stage::Mail, "QUIT\r\n", 200).await;
    }

    async fn ask(&mut self, stage: Stage, command: &str, class: u16) -> Result<Reply, Fault> {
        self.write(stage, command.as_bytes()).await?;
        self.expect(stage, class).await
    }

    async fn expect(&mut self, stage: Stage, class: u16) -> Result<Reply, Fault> {
        expected(stage, class, self.reply(stage).await?)
    }

    async fn write(&mut self, stage: Stage, bytes: &[u8]) -> Result<(), Fault> {
        self.wire.write_all(bytes).await.map_err(|error| lost(stage, &error))?;
        self.wire.flush().await.map_err(|error| lost(stage, &error))
    }

    async fn reply(&mut self, stage: Stage) -> Result<Reply, Fault> {
        loop {
            match Reply::take(&mut self.unread) {
                Ok(Some(reply)) => return Ok(reply),
                Ok(None) if self.unread.len() > LONGEST_REPLY => {
                    return Err(Fault::Lost(stage, "the server's reply does not end".into()));
                }
                Ok(None) => {}
                Err(nonsense) => return Err(Fault::Lost(stage, nonsense)),
            }
            match self.wire.read_buf(&mut self.unread).await {
                Ok(0) => return Err(Fault::Lost(stage, "the server hung up".into())),
                Ok(_) => {}
                Err(error) => return Err(lost(stage, &error)),
            }
        }
    }
}

impl From<&Reply> for Offers {
    fn from(reply: &Reply) -> Self {
        let mut offers = Self::default();
        for line in reply.lines() {
            let line = line.to_ascii_uppercase().replace('=', " ");
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("PIPELINING") => offers.pipelining = true,
                Some("SIZE") => offers.size = true,
                Some("SMTPUTF8") => offers.utf8 = true,
                Some("STARTTLS") => offers.starttls = true,
                Some("AUTH") => {
                    for word in words {
                        offers.plain |= word == "PLAIN";
                        offers.login |= word == "LOGIN";
                    }
                }
                _ => {}
            }
        }
        offers
    }
}

/// The reply, if it is of the class hoped for; a refusal if it is 4xx or 5xx; nonsense otherwise.
fn expected(stage: Stage, class: u16, reply: Reply) -> Result<Reply, Fault> {
    match reply.code / 100 * 100 {
        code if code == class => Ok(reply),
        400 | 500 => Err(Fault::Refused(stage, reply)),
        _ => Err(Fault::Lost(stage, format!("the server answered out of turn: {}", reply.words()))),
    }
}

fn lost(stage: Stage, error: &io::Error) -> Fault {
    Fault::Lost(stage, scrubbed(&error.to_string()))
}

async fn connect(settings: &Settings) -> Result<TcpStream, Fault> {
    network::connect(&settings.host, settings.port, settings.allow_private).await.map_err(unreached)
}

async fn secured<T>(settings: &Settings, tls: &Arc<ClientConfig>, wire: T) -> Result<Box<dyn Wire>, Fault>
where
    T: Wire + 'static,
{
    network::secured(&settings.host, tls, wire).await.map_err(unreached)
}

fn unreached(fault: Unreached) -> Fault {
    match fault {
        Unreached::Setup(why) => Fault::Setup(why),
        Unreached::Lost(why) => Fault::Lost(Stage::Connect, scrubbed(&why)),
    }
}
