//! The demo's authority: it publishes one warning (CAP 1.2), as a national authority does, and Loa makes a draft of it. All that it
//! says is made up.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Context as _;
use axum::{Router, http::header::CONTENT_TYPE, routing::get};
use chrono::{SecondsFormat, TimeDelta};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{
    app::{self, App},
    bulletin::poll::Poller,
    cap,
    clock::Clock,
    config::Config,
};

/// What it publishes, without the times.
const WARNING: &str = include_str!("warning.cap");
/// Where.
const PATH: &str = "/canh-bao.cap";

/// The authority's server. Dropped, it is gone.
pub(super) struct Authority {
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl Authority {
    /// Publishes the warning, as of an hour ago.
    pub(super) async fn start(clock: &Clock) -> anyhow::Result<Self> {
        let now = clock.now().with_timezone(&chrono_tz::Asia::Ho_Chi_Minh);
        let at = |after: i64| (now + TimeDelta::hours(after)).to_rfc3339_opts(SecondsFormat::Secs, false);
        let document = WARNING.replace("{sent}", &at(-1)).replace("{expires}", &at(72));
        let answer = move || {
            let document = document.clone();
            async move { ([(CONTENT_TYPE, cap::MEDIA_TYPE)], document) }
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("the stand-in authority cannot listen")?;
        let address = listener.local_addr()?;
        let router = Router::new().route(PATH, get(answer));
        let server = tokio::spawn(async move {
            // An error means that the stand-in is gone.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { address, server })
    }

    /// What the demo's settings say of it: `[[bulletins]]`.
    pub(super) fn settings(&self) -> String {
        let address = self.address;
        format!("[[bulletins]]\nname = \"co-quan-mau\"\nurl = \"http://{address}{PATH}\"\nallow_private = true\n")
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Looks at it once: its warning is a draft from then on, which waits for an officer.
pub(super) async fn look(app: &App, config: &Config) -> anyhow::Result<()> {
    let exchange = app::exchange(config)?;
    let poller = Poller::new(config, app.db.clone(), app.clock.clone(), exchange, Box::new(|| 0.0));
    for looked in poller.now(None).await? {
        if let Some(trouble) = looked.trouble {
            tracing::warn!(source = looked.source, "the stand-in authority cannot be read: {trouble}");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_publishes_is_a_warning_by_the_book() {
        let document = WARNING.replace("{sent}", "2026-11-22T08:00:00+07:00").replace("{expires}", "2026-11-25T09:00:00+07:00");
        let alert = cap::read("warning.cap", document.as_bytes()).unwrap();
        assert!(cap::rules("warning.cap", &alert).is_empty());
    }
}
