//! The stand-in mail server: ESMTP (RFC 5321) with PIPELINING, 8BITMIME, SMTPUTF8, ENHANCEDSTATUSCODES, SIZE and AUTH.
//!
//! One message is taken per recipient. Forced refusals are spoken at RCPT, drawn ones after the mail, when its Message-ID is known.
//! A mail that is cut off gets no answer to its final dot. Where there is a Maildir for
//! bounces, mails whose receipt would report failure are reported there.

use std::{io, sync::Arc, time::Duration};

use smtp_proto::{
    AUTH_LOGIN, AUTH_PLAIN, EXT_8BIT_MIME, EXT_AUTH, EXT_ENHANCED_STATUS_CODES, EXT_PIPELINING, EXT_SIZE, EXT_SMTP_UTF8,
    EhloResponse, Error, Request,
    request::receiver::{DataReceiver, RequestReceiver},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

use self::headers::Headers;
use super::{
    Gateway,
    behaviour::{Magic, Refusal, magic},
    exchange::{Exchange, Submission, Verdict},
    receipt::Call,
};

mod bounce;
mod headers;

/// The largest mail taken, in octets.
const LARGEST: usize = 25 << 20;
/// Recipients of one mail at most; RFC 5321, section 4.5.3.1.8, asks for no fewer.
const RECIPIENTS: usize = 100;
/// How long a mail that is being written may go on after the sandbox was told to stop.
const GRACE: Duration = Duration::from_secs(5);

/// Serves until told to stop; then every mail in hand is answered first.
pub(super) async fn serve(listener: TcpListener, exchange: Arc<Exchange>, mut stopping: watch::Receiver<bool>) {
    let mut sessions = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            // An error means that the sandbox is gone.
            _ = stopping.wait_for(|stopping| *stopping) => break,
            Some(_) = sessions.join_next() => continue,
        };
        match accepted {
            Ok((stream, _)) => {
                let session = Session::new(stream, Arc::clone(&exchange), stopping.clone());
                sessions.spawn(session.run());
            }
            // The caller hung up already, or file descriptors ran out: those of ended sessions come back.
            Err(_) => tokio::task::yield_now().await,
        }
    }
    while sessions.join_next().await.is_some() {}
}

/// The future's value; none if the sandbox is stopped first, and `grace` has passed since.
async fn until_stopped<T>(stopping: &mut watch::Receiver<bool>, grace: Duration, future: impl Future<Output = T>) -> Option<T> {
    let stopped = async {
        // An error means that the sandbox is gone.
        let _ = stopping.wait_for(|stopping| *stopping).await;
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        biased;
        value = future => Some(value),
        () = stopped => None,
    }
}

/// What the next octets are.
enum Expecting {
    Command,
    /// The rest of an AUTH exchange; with LOGIN, after the user's name.
    Plain,
    LoginUser,
    LoginPassword(String),
    Mail(DataReceiver),
}

/// Whether the connection goes on.
#[derive(PartialEq)]
enum Next {
    Go,
    /// The answers are flushed, then it is closed.
    Close,
    /// It is closed without another octet.
    Cut,
}

struct Session {
    stream: TcpStream,
    exchange: Arc<Exchange>,
    stopping: watch::Receiver<bool>,
    out: String,
    expecting: Expecting,
    signed_in: bool,
    /// Of the mail that is being given, where bounces go.
    sender: Option<String>,
    recipients: Vec<String>,
    mail: Vec<u8>,
}

impl Session {
    fn new(stream: TcpStream, exchange: Arc<Exchange>, stopping: watch::Receiver<bool>) -> Self {
        Self {
            stream,
            exchange,
            stopping,
            out: String::new(),
            expecting: Expecting::Command,
            signed_in: false,
            sender: None,
            recipients: Vec::new(),
            mail: Vec::new(),
        }
    }

    async fn run(mut self) {
        // The peer's going away ends the session, whatever the error is called.
        let _ = self.converse().await;
    }

    async fn converse(&mut self) -> io::Result<()> {
        self.stream.set_nodelay(true)?;
        self.say("220 sandbox.loa.example ESMTP");
        let (mut requests, mut line) = (RequestReceiver::default(), Vec::new());
        let mut octets = vec![0; 16 << 10];
        loop {
            self.flush().await?;
            let grace = if matches!(self.expecting, Expecting::Command) { Duration::ZERO } else { GRACE };
            let read = self.stream.read(&mut octets);
            let Some(count) = until_stopped(&mut self.stopping, grace, read).await else {
                self.say("421 4.3.2 The sandbox is being stopped");
                return self.flush().await;
            };
            let count = count?;
            if count == 0 {
                return Ok(());
            }
            let mut input = octets[..count].iter();
            match self.digest(&mut requests, &mut line, &mut input).await? {
                Next::Go => {}
                Next::Close => return self.flush().await,
                Next::Cut => return Ok(()),
            }
        }
    }

    async fn digest(
        &mut self,
        requests: &mut RequestReceiver,
        line: &mut Vec<u8>,
        input: &mut std::slice::Iter<'_, u8>,
    ) -> io::Result<Next> {
        while !input.as_slice().is_empty() {
            let next = match &mut self.expecting {
                Expecting::Mail(receiver) => {
                    let ended = receiver.ingest(input, &mut self.mail);
                    let too_large = self.mail.len() > LARGEST;
                    if too_large {
                        // What follows is still read, but not kept.
                        self.mail.truncate(LARGEST + 1);
                    }
                    if !ended {
                        continue;
                    }
                    self.expecting = Expecting::Command;
                    if too_large {
                        self.say("552 5.3.4 The mail is larger than announced");
                        self.reset();
                        Next::Go
                    } else {
                        // With pipelining, what came before the dot is answered even if the dot is not.
                        self.flush().await?;
                        self.take().await
                    }
                }
                Expecting::Command => match requests.ingest(input) {
                    Ok(request) => self.command(request),
                    Err(Error::NeedsMoreData { .. }) => continue,
                    Err(Error::UnknownCommand) => self.go("500 5.5.1 Command unknown"),
                    Err(Error::ResponseTooLong) => {
                        self.say("500 5.5.6 Line too long");
                        Next::Close
                    }
                    Err(Error::InvalidSenderAddress) => self.go("553 5.1.7 The sender's address is malformed"),
                    Err(Error::InvalidRecipientAddress) => self.go("553 5.1.3 The recipient's address is malformed"),
                    Err(error) => self.go(&format!("501 5.5.4 {error}")),
                },
                Expecting::Plain | Expecting::LoginUser | Expecting::LoginPassword(_) => {
                    let rest = input.as_slice();
                    let Some(end) = rest.iter().position(|&octet| octet == b'\n') else {
                        line.extend_from_slice(rest);
                        *input = [].iter();
                        continue;
                    };
                    line.extend_from_slice(&rest[..end]);
                    *input = rest[end + 1..].iter();
                    let answer = String::from_utf8_lossy(&std::mem::take(line)).trim().to_owned();
                    self.authenticate(&answer)
                }
            };
            if next != Next::Go {
                return Ok(next);
            }
        }
        Ok(Next::Go)
    }

    fn command(&mut self, request: Request<std::borrow::Cow<'_, str>>) -> Next {
        match request {
            Request::Ehlo { .. } => {
                self.reset();
                self.say_capabilities();
                Next::Go
            }
            Request::Helo { .. } => {
                self.reset();
                self.go("250 sandbox.loa.example")
            }
            Request::Auth { mechanism: AUTH_PLAIN, initial_response } => {
                self.expecting = Expecting::Plain;
                if initial_response.is_empty() { self.go("334 ") } else { self.authenticate(&initial_response) }
            }
            Request::Auth { mechanism: AUTH_LOGIN, initial_response } => {
                self.expecting = Expecting::LoginUser;
                // base64 of "Username:".
                if initial_response.is_empty() { self.go("334 VXNlcm5hbWU6") } else { self.authenticate(&initial_response) }
            }
            Request::Auth { .. } => self.go("504 5.5.4 This mechanism is not offered"),
            Request::Mail { .. } if !self.signed_in && self.exchange.expects_credentials(Gateway::Smtp) => {
                self.go("530 5.7.0 Authentication required")
            }
            Request::Mail { from } if from.size > LARGEST => self.go("552 5.3.4 The mail is too large"),
            Request::Mail { from } => {
                self.reset();
                self.sender = Some(from.address.into_owned());
                self.go("250 2.1.0 Sender ok")
            }
            Request::Rcpt { .. } if self.sender.is_none() => self.go("503 5.5.1 MAIL first"),
            Request::Rcpt { .. } if self.recipients.len() >= RECIPIENTS => self.go("452 4.5.3 Too many recipients"),
            Request::Rcpt { to } => match magic(&to.address) {
                Some(Magic::NoSuch) => self.go(reply(Refusal::NoSuchAddress)),
                Some(Magic::Later) => self.go(reply(Refusal::Later)),
                Some(Magic::Blocked) => self.go(reply(Refusal::Blocked)),
                _ => {
                    self.recipients.push(to.address.into_owned());
                    self.go("250 2.1.5 Recipient ok")
                }
            },
            Request::Data if self.recipients.is_empty() => self.go("554 5.5.1 No valid recipients"),
            Request::Data => {
                self.expecting = Expecting::Mail(DataReceiver::new());
                self.go("354 End with <CRLF>.<CRLF>")
            }
            Request::Rset => {
                self.reset();
                self.go("250 2.0.0 Ok")
            }
            Request::Noop { .. } => self.go("250 2.0.0 Ok"),
            Request::Vrfy { .. } => self.go("252 2.0.0 Not told; try to send"),
            Request::Quit => {
                self.say("221 2.0.0 Bye");
                Next::Close
            }
            other => self.go(&format!("502 5.5.1 {} is not offered", other.name())),
        }
    }

    fn authenticate(&mut self, answer: &str) -> Next {
        let expecting = std::mem::replace(&mut self.expecting, Expecting::Command);
        let Some(decoded) = decode(answer) else { return self.go("501 5.5.2 This is not base64") };
        let (user, password) = match expecting {
            Expecting::LoginUser => {
                self.expecting = Expecting::LoginPassword(decoded);
                // base64 of "Password:".
                return self.go("334 UGFzc3dvcmQ6");
            }
            Expecting::LoginPassword(user) => (user, decoded),
            Expecting::Plain | Expecting::Command | Expecting::Mail(_) => {
                // RFC 4616: authorisation identity, user, password.
                let mut fields = decoded.split('\0').skip(1).map(str::to_owned);
                (fields.next().unwrap_or_default(), fields.next().unwrap_or_default())
            }
        };
        self.signed_in = self.exchange.admits(Gateway::Smtp, &user, &password);
        self.go(if self.signed_in { "235 2.7.0 Signed in" } else { "535 5.7.8 Wrong user or password" })
    }

    async fn take(&mut self) -> Next {
        let mail: Arc<[u8]> = std::mem::take(&mut self.mail).into();
        let headers = Headers::of(&mail);
        let (mut taken, mut refused) = (None, None);
        // The null sender's mails are bounces themselves: nobody is told of theirs.
        let sender = self.sender.take().filter(|sender| !sender.is_empty());
        let back = self.exchange.receipts_to(Gateway::Smtp).zip(sender);
        for to in std::mem::take(&mut self.recipients) {
            let message = Submission {
                gateway: Gateway::Smtp,
                to: &to,
                reference: headers.message_id.as_deref(),
                text: &headers.subject,
                mail: Some(&mail),
                parts: 1,
                once: false,
            };
            let now = self.exchange.now();
            let bounces = |number, arrived: bool| {
                let back = back.as_ref().filter(|_| !arrived);
                let call = back.map(|(url, sender)| {
                    let report = bounce::report(number, sender, &to, headers.message_id.as_deref(), now);
                    Call { url: url.clone(), body: Some(report), headers: Vec::new() }
                });
                call.into_iter().collect()
            };
            match self.exchange.submit(message, bounces).await {
                Verdict::Taken(number) => taken = Some(number),
                Verdict::Refused(refusal) => refused = Some(refusal),
                Verdict::Repeat | Verdict::Broken => refused = Some(Refusal::Later),
                Verdict::Cut => return Next::Cut,
            }
        }
        self.reset();
        match (taken, refused) {
            (Some(number), _) => self.go(&format!("250 2.0.0 Ok: queued as {}", Gateway::Smtp.id(number))),
            (None, refused) => self.go(reply(refused.unwrap_or(Refusal::Later))),
        }
    }

    fn reset(&mut self) {
        self.sender = None;
        self.recipients.clear();
        self.mail.clear();
    }

    fn say(&mut self, line: &str) {
        self.out.push_str(line);
        self.out.push_str("\r\n");
    }

    fn go(&mut self, line: &str) -> Next {
        self.say(line);
        Next::Go
    }

    fn say_capabilities(&mut self) {
        let mut ehlo = EhloResponse::new("sandbox.loa.example");
        ehlo.capabilities = EXT_PIPELINING | EXT_8BIT_MIME | EXT_SMTP_UTF8 | EXT_ENHANCED_STATUS_CODES | EXT_SIZE | EXT_AUTH;
        ehlo.auth_mechanisms = AUTH_PLAIN | AUTH_LOGIN;
        ehlo.size = LARGEST;
        let mut lines = Vec::new();
        // Writing to memory cannot fail, and what is written is ASCII.
        let _ = ehlo.write(&mut lines);
        self.out.push_str(&String::from_utf8_lossy(&lines));
    }

    async fn flush(&mut self) -> io::Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        self.stream.write_all(self.out.as_bytes()).await?;
        self.out.clear();
        Ok(())
    }
}

const fn reply(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::NoSuchAddress => "550 5.1.1 No such mailbox here",
        Refusal::Later => "451 4.3.0 Try again later",
        Refusal::Blocked => "550 5.7.1 Refused by the recipient's policy",
        Refusal::Content => "554 5.6.0 Refused for its content",
        Refusal::Funds => "552 5.2.2 The mailbox is full",
        Refusal::Throttled(_) => "451 4.7.0 Too many mails, slow down",
    }
}

fn decode(base64: &str) -> Option<String> {
    use base64::Engine as _;
    let octets = base64::engine::general_purpose::STANDARD.decode(base64).ok()?;
    String::from_utf8(octets).ok()
}
