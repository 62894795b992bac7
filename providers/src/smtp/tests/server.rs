//! A mail server on loopback that answers by a script and remembers what it was told.

use std::sync::{Arc, Mutex};

use rustls::{ServerConfig, pki_types::PrivatePkcs8KeyDer};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

/// What the server does when its turn comes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Answer {
    /// Says this; `\r\n` is added.
    Say(&'static str),
    /// Closes the connection without a word.
    HangUp,
    /// Says this and closes the connection.
    SayAndHangUp(&'static str),
    /// Says nothing and keeps the connection.
    Silence,
    /// During the content only: reads this many bytes and closes the connection.
    ReadAndHangUp,
}

use Answer::{HangUp, ReadAndHangUp, Say, SayAndHangUp, Silence};

/// Answers a `MAIL FROM` line after so many mails on this connection.
pub(super) type MailFrom = fn(&str, usize) -> Answer;

/// Answers a `RCPT TO` line.
pub(super) type Rcpt = fn(&str) -> Answer;

/// One server's behaviour; by default it takes everything.
#[derive(Debug, Clone, Copy)]
pub(super) struct Script {
    pub(super) greeting: Answer,
    pub(super) ehlo: Answer,
    pub(super) starttls: Answer,
    pub(super) auth: Answer,
    /// Asked with the sender and the number of mails that this connection took before.
    pub(super) mail: MailFrom,
    pub(super) rcpt: Rcpt,
    pub(super) data: Answer,
    pub(super) end: Answer,
    pub(super) rset: Answer,
    pub(super) implicit_tls: bool,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            greeting: Say("220 test ESMTP"),
            ehlo: Say("250-test\r\n250-PIPELINING\r\n250-SIZE 50000000\r\n250-STARTTLS\r\n250-AUTH LOGIN PLAIN\r\n250 8BITMIME"),
            starttls: Say("220 2.0.0 go ahead"),
            auth: Say("235 2.7.0 welcome"),
            mail: |_, _| Say("250 2.1.0 Ok"),
            rcpt: |_| Say("250 2.1.5 Ok"),
            data: Say("354 go on"),
            end: Say("250 2.0.0 Ok: queued as 4WxYz"),
            rset: Say("250 2.0.0 Ok"),
            implicit_tls: false,
        }
    }
}

/// What a server saw.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) connections: usize,
    pub(super) open: usize,
    pub(super) most_open: usize,
    pub(super) commands: Vec<String>,
    pub(super) mails: Vec<Vec<u8>>,
}

/// A running server.
pub(super) struct Server {
    pub(super) port: u16,
    pub(super) certificate: String,
    seen: Arc<Mutex<Seen>>,
}

impl Server {
    pub(super) async fn start(script: Script) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key.into())
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        let seen = Arc::new(Mutex::new(Seen::default()));
        let log = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let (log, acceptor) = (Arc::clone(&log), acceptor.clone());
                {
                    let mut seen = log.lock().unwrap();
                    seen.connections += 1;
                    seen.open += 1;
                    seen.most_open = seen.most_open.max(seen.open);
                }
                tokio::spawn(async move {
                    let talk = Talk { script, seen: Arc::clone(&log), acceptor: acceptor.clone() };
                    if script.implicit_tls {
                        if let Ok(tls) = acceptor.accept(tcp).await {
                            talk.run(Box::new(tls), true).await;
                        }
                    } else {
                        talk.run(Box::new(tcp), true).await;
                    }
                    log.lock().unwrap().open -= 1;
                });
            }
        });
        Self { port, certificate: made.cert.pem(), seen }
    }

    pub(super) fn seen<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&self.seen.lock().unwrap())
    }
}

trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

struct Talk {
    script: Script,
    seen: Arc<Mutex<Seen>>,
    acceptor: TlsAcceptor,
}

impl Talk {
    /// Boxed because STARTTLS continues the talk on another stream.
    fn run(self, stream: Box<dyn Wire>, greet: bool) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            let mut stream = BufReader::new(stream);
            if greet && !say(&mut stream, self.script.greeting).await {
                return;
            }
            let mut taken = 0;
            loop {
                let mut line = String::new();
                if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                    return;
                }
                let line = line.trim_end();
                self.seen.lock().unwrap().commands.push(line.to_owned());
                let word = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
                let answer = match word.as_str() {
                    "EHLO" => self.script.ehlo,
                    "STARTTLS" => {
                        if !say(&mut stream, self.script.starttls).await {
                            return;
                        }
                        let acceptor = self.acceptor.clone();
                        if let Ok(tls) = acceptor.accept(stream.into_inner()).await {
                            self.run(Box::new(tls), false).await;
                        }
                        return;
                    }
                    "AUTH" if line == "AUTH LOGIN" => {
                        for prompt in ["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"] {
                            say(&mut stream, Say(prompt)).await;
                            let mut line = String::new();
                            let _ = stream.read_line(&mut line).await;
                            self.seen.lock().unwrap().commands.push(line.trim_end().to_owned());
                        }
                        self.script.auth
                    }
                    "AUTH" => self.script.auth,
                    "MAIL" => (self.script.mail)(line, taken),
                    "RCPT" => (self.script.rcpt)(line),
                    "DATA" => {
                        let refused = self
                            .seen
                            .lock()
                            .unwrap()
                            .commands
                            .iter()
                            .rev()
                            .nth(1)
                            .is_some_and(|rcpt| matches!((self.script.rcpt)(rcpt), Say(text) if !text.starts_with('2')));
                        let answer = if refused { Say("554 5.5.1 no valid recipients") } else { self.script.data };
                        if !say(&mut stream, answer).await {
                            return;
                        }
                        if !matches!(answer, Say(text) if text.starts_with('3')) {
                            continue;
                        }
                        if matches!(self.script.end, ReadAndHangUp) {
                            let _ = stream.fill_buf().await;
                            return;
                        }
                        let Some(mail) = content(&mut stream).await else { return };
                        taken += 1;
                        self.seen.lock().unwrap().mails.push(mail);
                        self.script.end
                    }
                    "RSET" => self.script.rset,
                    "QUIT" => SayAndHangUp("221 2.0.0 bye"),
                    _ => Say("250 2.0.0 Ok"),
                };
                if !say(&mut stream, answer).await {
                    return;
                }
            }
        })
    }
}

/// Reads up to the final dot and takes the doubled dots off.
async fn content<S: AsyncRead + Unpin>(stream: &mut BufReader<S>) -> Option<Vec<u8>> {
    let mut mail = Vec::new();
    loop {
        let mut line = Vec::new();
        if stream.read_until(b'\n', &mut line).await.ok()? == 0 {
            return None;
        }
        if line == b".\r\n" {
            return Some(mail);
        }
        mail.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
    }
}

/// False where the connection is over.
async fn say<S: AsyncWrite + Unpin>(stream: &mut S, answer: Answer) -> bool {
    match answer {
        Say(text) | SayAndHangUp(text) => {
            let written = stream.write_all(format!("{text}\r\n").as_bytes()).await.is_ok() && stream.flush().await.is_ok();
            written && matches!(answer, Say(_))
        }
        Silence => true,
        HangUp | ReadAndHangUp => false,
    }
}
