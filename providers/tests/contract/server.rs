//! A tiny loopback server: it takes one HTTP request a connection, shows its bytes and behaves as it is told.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// What the server does once it has read a request.
#[derive(Debug, Clone)]
pub enum Behaviour {
    /// Answers with this status and body, and closes.
    Answer(u16, String),
    /// Answers with these bytes as they are, and closes.
    Raw(Vec<u8>),
    /// Answers as this says, given the request and how many there were before it; keeps the connection.
    Script(fn(&str, usize) -> (u16, String)),
    /// Answers, and keeps the connection for the next request.
    KeepAlive(u16, String),
    /// Answers the first request of a connection as if it kept it, and resets the connection at the second.
    KeepThenReset(u16, String),
    /// Says nothing until the client goes away.
    Silent,
    /// Answers with these bytes and then says nothing more until the client goes away.
    Stall(Vec<u8>),
    /// Ends the connection without a word (a TCP reset).
    Reset,
    /// Ends the connection before it reads anything.
    Slam,
}

/// A running server; it stops when it is dropped.
pub struct Server {
    pub address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Server {
    /// Starts a server that behaves like this, always.
    pub async fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(AtomicUsize::new(0));
        let (log, count) = (Arc::clone(&requests), Arc::clone(&connections));
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, behaviour.clone(), Arc::clone(&log)));
            }
        });
        Self { address, requests, connections, task }
    }

    /// Its address as a URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests so far, whole: head and body.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// Connections so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, behaviour: Behaviour, log: Arc<Mutex<Vec<String>>>) {
    if matches!(behaviour, Behaviour::Slam) {
        reset(&stream);
        return;
    }
    let mut served = 0;
    while let Some(request) = read_request(&mut stream).await {
        let before = {
            let mut log = log.lock().unwrap();
            log.push(request.clone());
            log.len() - 1
        };
        served += 1;
        match &behaviour {
            Behaviour::Answer(status, body) => {
                let _ = stream.write_all(answer(*status, body, "close").as_bytes()).await;
                let _ = stream.shutdown().await;
                return;
            }
            Behaviour::Raw(bytes) => {
                let _ = stream.write_all(bytes).await;
                let _ = stream.shutdown().await;
                return;
            }
            Behaviour::Script(script) => {
                let (status, body) = script(&request, before);
                let _ = stream.write_all(answer(status, &body, "keep-alive").as_bytes()).await;
            }
            Behaviour::KeepAlive(status, body) => {
                let _ = stream.write_all(answer(*status, body, "keep-alive").as_bytes()).await;
            }
            Behaviour::KeepThenReset(status, body) if served == 1 => {
                let _ = stream.write_all(answer(*status, body, "keep-alive").as_bytes()).await;
            }
            Behaviour::Stall(bytes) => {
                let _ = stream.write_all(bytes).await;
                let _ = stream.read(&mut [0; 1]).await;
                return;
            }
            Behaviour::Silent => {
                let _ = stream.read(&mut [0; 1]).await;
                return;
            }
            Behaviour::KeepThenReset(..) | Behaviour::Reset | Behaviour::Slam => {
                reset(&stream);
                return;
            }
        }
    }
}

/// A close that sends RST instead of FIN.
fn reset(stream: &TcpStream) {
    let _ = stream.set_zero_linger();
}

/// The bytes of an answer.
pub fn answer(status: u16, body: &str, connection: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: {connection}\r\n\r\n{body}")
}

/// One request, to the end of its body; none at the end of the connection.
pub async fn read_request(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let read = stream.read(&mut chunk).await.ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&chunk[..read]);
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4) else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
        if bytes.len() >= end + length {
            return Some(String::from_utf8(bytes).unwrap());
        }
    }
}

/// A port on which nobody listens.
pub async fn closed_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// A server that speaks TLS with a self-signed certificate for `localhost`; its certificate as PEM comes with it.
pub async fn tls_server(body: &str) -> (SocketAddr, String, JoinHandle<()>) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let body = body.to_owned();
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            if read_request(&mut stream).await.is_some() {
                let _ = stream.write_all(answer(200, &body, "close").as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        }
    });
    (address, made.cert.pem(), task)
}

/// Short, for tests that wait for a time-out.
pub const SHORT: Duration = Duration::from_millis(400);
