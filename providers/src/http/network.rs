//! The connection side of an HTTP account: one client, its resolver, and what a broken exchange means.
//!
//! No redirect is followed and nothing is sent twice. A request that waits in the queue of a pooled connection which
//! the gateway closes meanwhile is moved to another connection by hyper, and only then: hyper hands a request back
//! for that only while its dispatcher has not taken it, before its first byte is encoded (`TrySendError::message`).
//! reqwest's own retries are switched off. Idle connections are dropped after [`IDLE`], sooner than gateways close
//! them, so that few requests meet a closing connection, the one case in which a doubt could be needless.

use std::{net::SocketAddr, time::Duration};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::{answer::Answer, request::Rendered};
use crate::{Reason, Scope, SendError, network::is_private};

/// Answers longer than this are not read to their end.
pub const LONGEST_ANSWER: usize = 256 * 1024;

/// Idle connections live this long; Apache's default, the shortest of the usual ones, is five seconds.
const IDLE: Duration = Duration::from_secs(4);

/// Idle connections kept, as many as the largest window that an account may sensibly have.
const POOL: usize = 512;

/// How an account reaches its gateway.
#[derive(Clone)]
pub struct Network {
    /// Whether the gateway may be on a loopback or private address.
    pub allow_private: bool,
    /// A proxy for all requests; it then resolves the gateway's name, and only literal addresses are checked here.
    pub proxy: Option<String>,
    /// Certificates (PEM) that are trusted beside the system's.
    pub ca_pem: Option<Vec<u8>>,
    /// For one exchange, from the name's resolution to the answer's last byte; a connection must stand after half of it.
    pub timeout: Duration,
}

impl std::fmt::Debug for Network {
    /// Without the proxy's address, which may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network")
            .field("allow_private", &self.allow_private)
            .field("proxy", &self.proxy.is_some())
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl Default for Network {
    fn default() -> Self {
        Self { allow_private: false, proxy: None, ca_pem: None, timeout: Duration::from_secs(30) }
    }
}

/// Builds the account's client; the error names no secret.
pub(crate) fn client(network: Network, secure: bool) -> Result<reqwest::Client, String> {
    // A second installation fails, which is as good: some provider is there.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("loa/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .retry(reqwest::retry::never())
        .no_proxy()
        .http1_only()
        .tcp_nodelay(true)
        .timeout(network.timeout)
        .connect_timeout(network.timeout / 2)
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(POOL)
        .dns_resolver(GuardedResolver { allow_private: network.allow_private || network.proxy.is_some() });
    let certificates = match network.ca_pem {
        Some(pem) => reqwest::Certificate::from_pem_bundle(&pem).map_err(|_| "the CA file holds no readable certificate")?,
        None => Vec::new(),
    };
    let proxy_is_secure = network.proxy.as_deref().is_some_and(|proxy| proxy.starts_with("https:"));
    builder = if secure || proxy_is_secure {
        builder.tls_certs_merge(certificates)
    } else {
        // Plain HTTP needs no certificates, and a small machine may have none: do not load the system's.
        builder.tls_certs_only(certificates)
    };
    if let Some(proxy) = network.proxy {
        builder = builder.proxy(reqwest::Proxy::all(proxy).map_err(|_| "the proxy's address cannot be read")?);
    }
    builder.build().map_err(|error| format!("no HTTP client could be made: {}", innermost(&error.without_url())))
}

/// Two clients for addresses that people write: one that reaches nothing inside, and one for what is meant to be inside, past any proxy.
#[derive(Debug, Clone)]
pub(crate) struct Clients {
    guarded: reqwest::Client,
    free: reqwest::Client,
}

impl Clients {
    /// With the proxy and the certificates of this network.
    pub(crate) fn new(proxy: Option<&str>, ca_pem: Option<&[u8]>, timeout: Duration) -> Result<Self, String> {
        let of = |allow_private: bool| {
            let proxy = proxy.map(str::to_owned).filter(|_| !allow_private);
            client(Network { allow_private, proxy, ca_pem: ca_pem.map(<[u8]>::to_vec), timeout }, true)
        };
        Ok(Self { guarded: of(false)?, free: of(true)? })
    }

    /// The one for an address that may or may not be inside.
    pub(crate) const fn for_address(&self, allow_private: bool) -> &reqwest::Client {
        if allow_private { &self.free } else { &self.guarded }
    }
}

/// Sends a request once and reads its answer to the end, within bounds.
pub(crate) async fn exchange(client: &reqwest::Client, request: Rendered) -> Result<Answer, SendError> {
    let sent = client.request(request.method, request.url).headers(request.headers).body(request.body).send().await;
    let mut response = sent.map_err(broken)?;
    let status = response.status().as_u16();
    let headers = std::mem::take(response.headers_mut());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        if body.len() + chunk.len() > LONGEST_ANSWER {
            let detail = format!("HTTP {status} with an answer longer than {LONGEST_ANSWER} bytes");
            return Err(SendError::InDoubt { ids: Vec::new(), detail });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status, headers, body })
}

/// What an exchange without a complete answer means for its message.
pub(crate) fn broken(error: reqwest::Error) -> SendError {
    let error = error.without_url();
    if let Some(refused) = find::<PrivateAddress>(&error) {
        return SendError::Misconfigured { detail: refused.to_string() };
    }
    if error.is_builder() {
        return SendError::Misconfigured { detail: format!("the request cannot be built: {}", innermost(&error)) };
    }
    // Name resolution, TCP and TLS handshakes and a proxy's CONNECT all come before the request's first byte.
    if error.is_connect() {
        let what = if error.is_timeout() { "time-out".to_owned() } else { innermost(&error) };
        let detail = format!("no connection: {what}");
        return SendError::Retry { after: None, scope: Scope::Account, reason: Reason::Unreachable, detail };
    }
    let what = if error.is_timeout() { "no answer in time".to_owned() } else { innermost(&error) };
    SendError::InDoubt { ids: Vec::new(), detail: format!("the exchange broke off: {what}") }
}

/// The error at the bottom of a chain: what happened, without the layers' remarks.
fn innermost(error: &reqwest::Error) -> String {
    let mut error: &dyn std::error::Error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

fn find<E: std::error::Error + 'static>(error: &reqwest::Error) -> Option<&E> {
    let mut error: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(this) = error {
        if let Some(found) = this.downcast_ref::<E>() {
            return Some(found);
        }
        error = this.source();
    }
    None
}

/// A gateway's name led to an address inside.
#[derive(Debug, thiserror::Error)]
#[error("{host} is a loopback or private address: say `allow_private = true` if that is meant")]
pub(super) struct PrivateAddress {
    pub(super) host: String,
}

/// Refuses names that lead to addresses inside. What it returns is what is connected to: no second look-up can differ.
struct GuardedResolver {
    allow_private: bool,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let public: Vec<SocketAddr> =
                found.iter().copied().filter(|address| allow_private || !is_private(address.ip())).collect();
            if public.is_empty() && !found.is_empty() {
                return Err(PrivateAddress { host: name.as_str().to_owned() }.into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}
