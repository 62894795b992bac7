//! Exchanges with other systems that are no gateways: feeds that are polled, documents that are fetched or handed over.
//!
//! What enters is an [`Ask`]; what leaves is a [`Reply`], whatever its status. What can go wrong is a [`Failure`], which tells whether
//! the other side may have had it. Redirects are not followed, so that no token goes elsewhere; answers are read within bounds; an
//! address inside is refused unless it is said that it is meant. Nothing is repeated here: the loop that calls it does that.

use std::time::Duration;

use ::http::{HeaderMap, HeaderName};
use bytes::Bytes;
pub use reqwest::Method;

use crate::{
    SendError,
    http::network::{Clients, broken},
    retry_after::retry_after,
    webhook::check_address,
};

/// How long one exchange may take, from the name's resolution to the answer's last byte.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is asked of another system.
#[derive(Debug, Clone)]
pub struct Ask<'a> {
    /// GET or POST.
    pub method: Method,
    /// Where.
    pub address: &'a str,
    /// It may be inside.
    pub allow_private: bool,
    /// Names and values.
    pub headers: &'a [(&'static str, &'a str)],
    /// What is handed over.
    pub body: Option<Bytes>,
    /// Bytes of the longest answer.
    pub most: usize,
}

impl<'a> Ask<'a> {
    /// Asks for what is at an address.
    pub const fn get(address: &'a str, allow_private: bool, most: usize) -> Self {
        Self { method: Method::GET, address, allow_private, headers: &[], body: None, most }
    }
}

/// What was answered.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Reply {
    /// A header, where it is one and a text.
    pub fn header(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// How long the other side asks to be left alone, at `now` (unix milliseconds); none: it does not say.
    pub fn retry_after(&self, now: i64) -> Option<Duration> {
        retry_after(&self.headers, now)
    }

    /// Any of 2xx.
    pub const fn is_success(&self) -> bool {
        self.status >= 200 && self.status < 300
    }
}

/// Why there is no answer. It names no address and no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Nothing reached the other side.
    #[error("{0}")]
    NotSent(String),
    /// It may have.
    #[error("{0}")]
    InDoubt(String),
}

/// Asks, over the network that the settings describe.
#[derive(Debug, Clone)]
pub struct Exchange(Clients);

impl Exchange {
    /// With the proxy and the certificates of this network.
    pub fn new(proxy: Option<&str>, ca_pem: Option<&[u8]>) -> Result<Self, String> {
        Clients::new(proxy, ca_pem, PATIENCE).map(Self)
    }

    /// Asks once.
    pub async fn ask(&self, ask: Ask<'_>) -> Result<Reply, Failure> {
        check_address(ask.address, ask.allow_private).map_err(|error| Failure::NotSent(error.to_string()))?;
        let client = self.0.for_address(ask.allow_private);
        let mut request = client.request(ask.method, ask.address);
        for (name, value) in ask.headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = ask.body {
            request = request.body(body);
        }
        let mut response = request.send().await.map_err(told)?;
        let status = response.status().as_u16();
        let headers = std::mem::take(response.headers_mut());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(told)? {
            if body.len() + chunk.len() > ask.most {
                return Err(Failure::InDoubt(format!("HTTP {status} with an answer longer than {} bytes", ask.most)));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Reply { status, headers, body: body.into() })
    }
}

fn told(error: reqwest::Error) -> Failure {
    match broken(error) {
        SendError::InDoubt { detail, .. } => Failure::InDoubt(detail),
        SendError::Retry { detail, .. } | SendError::Misconfigured { detail, .. } => Failure::NotSent(detail),
        other => Failure::InDoubt(format!("{other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_leads_inside_is_not_asked_unless_it_is_meant() {
        let exchange = Exchange::new(None, None).unwrap();
        for address in ["http://127.0.0.1:9/", "https://localhost/", "https://[::1]/", "file:///etc/passwd"] {
            let asked = exchange.ask(Ask::get(address, false, 10)).await;
            assert!(matches!(asked, Err(Failure::NotSent(_))), "{address}: {asked:?}");
        }
    }

    #[tokio::test]
    async fn an_answer_is_read_within_bounds_and_no_redirect_is_followed() {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/feed", server.local_addr().unwrap());
        let serving = tokio::spawn(async move {
            let answers = [
                "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:9/\r\ncontent-length: 2\r\nretry-after: 7\r\nconnection: close\r\n\r\nhi",
                "HTTP/1.1 200 OK\r\ncontent-length: 11\r\nconnection: close\r\n\r\nhello world",
            ];
            let mut asked = Vec::new();
            for answer in answers {
                let (mut wire, _) = server.accept().await.unwrap();
                let mut head = vec![0; 2_000];
                let n = wire.read(&mut head).await.unwrap();
                asked.push(String::from_utf8_lossy(&head[..n]).to_lowercase());
                wire.write_all(answer.as_bytes()).await.unwrap();
            }
            asked
        });
        let exchange = Exchange::new(None, None).unwrap();
        let headers = [("authorization", "Bearer x")];
        let reply = exchange.ask(Ask { headers: &headers, ..Ask::get(&address, true, 10) }).await.unwrap();
        assert_eq!((reply.status, &reply.body[..], reply.retry_after(0)), (302, &b"hi"[..], Some(Duration::from_secs(7))));
        let long = exchange.ask(Ask::get(&address, true, 10)).await;
        assert!(matches!(long, Err(Failure::InDoubt(_))), "{long:?}");
        assert!(serving.await.unwrap()[0].contains("authorization: bearer x"));
    }
}
