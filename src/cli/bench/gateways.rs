//! The real adapters end to end, from the claim to the recorded answer, each held against a bare client of the same server.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{
    Bench,
    figure::{Figure, rate},
    ground::{Ground, Store},
};
use crate::{account::StandIns, app::Part};

/// Requests in flight.
pub const WINDOW: usize = 64;
/// Mail connections, of the account and of `smtp-source`.
const SESSIONS: usize = 16;

/// The eSMS account at this server.
pub fn esms(server: SocketAddr) -> String {
    format!(
        r#"
[[account]]
name = "esms"
gateway = "esms"
channel = "sms"
url = "http://{server}"
allow_private = true
rate = "100000/s"
window = {WINDOW}
price = 300
api_key = {{ env = "LOA_BENCH_SECRET" }}
secret_key = {{ env = "LOA_BENCH_SECRET" }}
sender = "SO VHTTDL"
"#
    )
}

/// A server that answers every request as eSMS answers a message that it takes.
pub async fn server() -> anyhow::Result<(SocketAddr, tokio::task::JoinHandle<()>)> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let router = Router::new().fallback(|| async { Json(json!({ "CodeResult": "100", "SMSID": "7f" })) });
    let serving = tokio::spawn(async move {
        // It ends with the measurement.
        let _ = axum::serve(listener, router).await;
    });
    Ok((address, serving))
}

/// A client without proxies and redirects, which keeps its connections.
pub fn client() -> anyhow::Result<reqwest::Client> {
    // A second installation fails, which is as good: some provider is there.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Ok(reqwest::Client::builder().no_proxy().pool_max_idle_per_host(WINDOW).timeout(Duration::from_secs(30)).build()?)
}

/// Sends `n` requests, as many at a time as a window holds; every answer must be a success.
pub async fn requests(
    n: u64,
    request: impl Fn(u64) -> reqwest::RequestBuilder + Clone + Send + 'static,
) -> anyhow::Result<Duration> {
    let next = Arc::new(AtomicU64::new(0));
    let mut senders = JoinSet::new();
    let begun = Instant::now();
    for _ in 0..WINDOW {
        let (next, request) = (Arc::clone(&next), request.clone());
        senders.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= n {
                    return anyhow::Ok(());
                }
                request(number).send().await?.error_for_status()?.bytes().await?;
            }
        });
    }
    while let Some(ended) = senders.join_next().await {
        ended??;
    }
    Ok(begun.elapsed())
}

/// Texts through the HTTP adapter.
pub async fn http(bench: &Bench) -> anyhow::Result<Figure> {
    let (address, serving) = server().await?;
    let ground = Ground::new(&bench.folder, "http", Store::Sqlite, bench.size.texts, &esms(address), &bench.clock).await?;
    let client = client()?;
    let body = json!({
        "ApiKey": "stand-in", "SecretKey": "stand-in", "Phone": "0901234567", "Brandname": "SO VHTTDL", "SmsType": "2",
        "Content": "SO VHTTDL: Nguyen Van An, khong cung cap ma OTP cho bat ky ai. Bao tin nhan lua dao: 156 hoac 5656",
        "IsUnicode": "0", "Sandbox": "0", "RequestId": "0123456789abcdefghijklmn", "CallbackUrl": "",
    });
    let mut pairs = Vec::new();
    for _ in 0..bench.size.samples {
        let (run, _) = ground.fan_out("sms").await?;
        let app = ground.start(&[Part::Schedule, Part::Dispatch], StandIns::default()).await?;
        let (sent, took) = ground.send(&app, run).await?;
        app.stop().await?;
        let bare = requests(sent, bare_post(&client, address, &body)).await?;
        pairs.push((rate(sent, took), rate(sent, bare)));
    }
    ground.close().await?;
    serving.abort();
    Ok(Figure::against("http", "texts/s", "bare reqwest to the same server", &pairs))
}

fn bare_post(
    client: &reqwest::Client,
    address: SocketAddr,
    body: &Value,
) -> impl Fn(u64) -> reqwest::RequestBuilder + Clone + Send + 'static {
    let (client, url, body) = (client.clone(), format!("http://{address}/"), body.clone());
    move |_| client.post(&url).json(&body)
}

/// Mails through the SMTP adapter into Postfix's `smtp-sink`: unsigned, and with each kind of DKIM key.
pub async fn mails(bench: &Bench, sink: &str, source: &Path) -> anyhow::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for (name, key) in [("mail", None), ("mail_rsa", Some("LOA_BENCH_RSA")), ("mail_ed25519", Some("LOA_BENCH_ED25519"))] {
        figures.push(mail(bench, sink, source, name, key).await?);
    }
    Ok(figures)
}

/// `key`: the variable with the key that signs.
async fn mail(bench: &Bench, sink: &str, source: &Path, name: &str, key: Option<&str>) -> anyhow::Result<Figure> {
    let signed = key.map_or_else(String::new, |key| {
        format!("[[account.dkim]]\ndomain = \"so-vhttdl.example\"\nselector = \"bench\"\nkey = {{ env = \"{key}\" }}\n")
    });
    let address: SocketAddr = sink.parse().context("LOA_TEST_SMTP_SINK is no address")?;
    let account = format!(
        r#"
[[account]]
name = "mail"
gateway = "smtp"
channel = "email"
host = "{}"
port = {}
tls = "none"
allow_private = true
rate = "100000/s"
window = {SESSIONS}
from = "Sở VHTTDL <canh-bao@so-vhttdl.example>"
{signed}"#,
        address.ip(),
        address.port()
    );
    let ground = Ground::new(&bench.folder, name, Store::Sqlite, bench.size.mails, &account, &bench.clock).await?;
    let kept = std::env::var_os("LOA_TEST_SMTP_MAILS").map(std::path::PathBuf::from);
    let size = || kept.as_ref().and_then(|file| std::fs::metadata(file).ok()).map(|about| about.len());
    let mut pairs = Vec::new();
    for _ in 0..bench.size.samples {
        let (run, _) = ground.fan_out("email").await?;
        let app = ground.start(&[Part::Schedule, Part::Dispatch], StandIns::default()).await?;
        let before = size();
        let (sent, took) = ground.send(&app, run).await?;
        app.stop().await?;
        // Mails of the same length, as the sink kept them.
        let length = size().zip(before).map_or(6_000, |(after, before)| (after - before) / sent.max(1));
        let (source, sink) = (source.to_path_buf(), sink.to_string());
        let bare = tokio::task::spawn_blocking(move || smtp_source(&source, &sink, sent, length)).await??;
        pairs.push((rate(sent, took), rate(sent, bare)));
    }
    ground.close().await?;
    Ok(Figure::against(name, "mails/s", "smtp-source into the same smtp-sink", &pairs))
}

/// Postfix's own load generator: `n` mails of `length` bytes over as many connections, which it keeps.
fn smtp_source(program: &Path, sink: &str, n: u64, length: u64) -> anyhow::Result<Duration> {
    let begun = Instant::now();
    let ended = Command::new(program)
        .args(["-d", "-s", &SESSIONS.to_string(), "-m", &n.to_string(), "-l", &length.to_string()])
        .args(["-f", "canh-bao@so-vhttdl.example", "-t", "ai-do@example.com", sink])
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{} cannot be started", program.display()))?;
    let took = begun.elapsed();
    anyhow::ensure!(ended.status.success(), "smtp-source: {}", String::from_utf8_lossy(&ended.stderr).trim());
    Ok(took)
}
