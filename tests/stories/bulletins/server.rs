//! A server on loopback that says what it is told to, and remembers what it was asked.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    extract::{Request, State as Held},
    http::{HeaderName, HeaderValue},
    response::{IntoResponse as _, Response},
};
use reqwest::StatusCode;

/// What a server answers: by path.
#[derive(Clone, Default)]
struct Page {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

/// What a server was asked: the path, and the headers.
pub type Asked = (String, BTreeMap<String, String>);

#[derive(Clone, Default)]
pub struct Server {
    pages: Arc<Mutex<BTreeMap<String, Page>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
    pub address: String,
}

async fn answer(Held(server): Held<Server>, request: Request) -> Response {
    let path = request.uri().path().to_string();
    let headers = request.headers().iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_string())).collect();
    server.asked.lock().unwrap().push((path.clone(), headers));
    let page = server.pages.lock().unwrap().get(&path).cloned();
    let Some(page) = page else { return StatusCode::NOT_FOUND.into_response() };
    let etag = page.headers.iter().find(|(name, _)| *name == "etag").map(|(_, value)| value.clone());
    if etag.is_some() && request.headers().get("if-none-match").map(|value| value.to_str().unwrap().to_string()) == etag {
        return StatusCode::NOT_MODIFIED.into_response();
    }
    let mut response = page.body.into_response();
    *response.status_mut() = StatusCode::from_u16(page.status).unwrap();
    for (name, value) in page.headers {
        response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_str(&value).unwrap());
    }
    response
}

impl Server {
    pub async fn open() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self { address: format!("http://{}", listener.local_addr().unwrap()), ..Self::default() };
        let router = Router::new().fallback(answer).with_state(server.clone());
        tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
        server
    }

    pub fn says(&self, path: &str, status: u16, headers: &[(&'static str, &str)], body: impl Into<Vec<u8>>) {
        let headers = headers.iter().map(|(name, value)| (*name, (*value).to_string())).collect();
        self.pages.lock().unwrap().insert(path.to_string(), Page { status, headers, body: body.into() });
    }

    /// The feed, under a new mark.
    pub fn feed(&self, body: &str) {
        let etag = format!("\"{}\"", self.count());
        self.says("/feed", 200, &[("etag", &etag), ("last-modified", "Mon, 02 Nov 2026 01:00:00 GMT")], body);
    }

    pub fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    pub fn last(&self) -> Asked {
        self.asked.lock().unwrap().last().unwrap().clone()
    }
}
