//! A partner's server: it takes documents, and says what it was told to.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};

/// What it says to one request.
#[derive(Clone, Copy)]
pub enum Say {
    /// A status and a body.
    Status(u16, &'static str),
    /// A status, and when to come again.
    Later(u16, &'static str),
    /// A status, and a body made of what it got.
    Reply(u16, fn(&[u8]) -> String),
    /// The same, once it is let ([`Partner::go_on`]).
    Held(u16, fn(&[u8]) -> String),
    /// It hangs up.
    Nothing,
}

/// A request that it got.
#[derive(Clone)]
pub struct Got {
    /// In small letters.
    pub head: String,
    pub body: Vec<u8>,
}

struct Shared {
    says: Mutex<VecDeque<Say>>,
    got: Mutex<Vec<Got>>,
    held: Semaphore,
}

pub struct Partner {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Partner {
    /// It takes everything, unless it is told otherwise.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared { says: Mutex::default(), got: Mutex::default(), held: Semaphore::new(0) });
        let serving = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((wire, _)) = listener.accept().await {
                tokio::spawn(serve(wire, Arc::clone(&serving)));
            }
        });
        Self { address, shared }
    }

    pub fn address(&self) -> String {
        format!("http://{}/cap", self.address)
    }

    pub fn says(&self, say: Say) {
        self.shared.says.lock().unwrap().push_back(say);
    }

    /// Lets one answer go that is held.
    pub fn go_on(&self) {
        self.shared.held.add_permits(1);
    }

    pub fn got(&self) -> Vec<Got> {
        self.shared.got.lock().unwrap().clone()
    }
}

async fn serve(mut wire: TcpStream, shared: Arc<Shared>) {
    let mut read = Vec::new();
    let end = loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if wire.read_buf(&mut read).await.unwrap() == 0 {
            return;
        }
    };
    let head = String::from_utf8_lossy(&read[..end]).to_lowercase();
    let length: usize = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()).unwrap().parse().unwrap();
    while read.len() < end + length {
        assert_ne!(wire.read_buf(&mut read).await.unwrap(), 0);
    }
    let body = read[end..].to_vec();
    shared.got.lock().unwrap().push(Got { head, body: body.clone() });
    let say = shared.says.lock().unwrap().pop_front().unwrap_or(Say::Status(200, ""));
    let (status, said, later) = match say {
        Say::Status(status, said) => (status, said.to_string(), String::new()),
        Say::Later(status, after) => (status, String::new(), format!("retry-after: {after}\r\n")),
        Say::Reply(status, of) => (status, of(&body), String::new()),
        Say::Held(status, of) => {
            shared.held.acquire().await.unwrap().forget();
            (status, of(&body), String::new())
        }
        Say::Nothing => return,
    };
    let answer = format!("HTTP/1.1 {status} X\r\n{later}content-length: {}\r\nconnection: close\r\n\r\n{said}", said.len());
    wire.write_all(answer.as_bytes()).await.unwrap();
}
