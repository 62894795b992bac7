//! Who is at the other end of a request: the address, whether the browser speaks https, its cookies, and where its forms come from.
//!
//! What a proxy says counts only where `[server] trusted_proxies` has its address. Over https the cookies are `__Host-` ones: no
//! other host can set them, and they never travel in the clear.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::ConnectInfo,
    http::{
        Extensions, HeaderMap, HeaderValue,
        header::{COOKIE, HOST, ORIGIN},
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{config::Config, seal::Seal};

/// The session's cookie.
pub(super) const SESSION: &str = "loa";
/// The cookie of a browser in which nobody has signed in yet: forms before signing in are bound to it.
pub(super) const DOOR: &str = "loa-door";
/// What ties the answer of the `OpenID` provider to the browser that asked.
pub(super) const FLOW: &str = "loa-flow";

/// The other end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct Caller {
    /// Its address; none: the request came over no connection (tests).
    pub address: Option<IpAddr>,
    /// The browser speaks https, to us or to a proxy before us.
    pub https: bool,
    /// Host and port that the browser asked for.
    host: String,
}

impl Caller {
    /// Reads the connection and the headers.
    pub fn of(extensions: &Extensions, headers: &HeaderMap, config: &Config) -> Self {
        let peer = extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip().to_canonical());
        let trusted = |address: &IpAddr| config.server.trusted_proxies.contains(address);
        let proxied = peer.as_ref().is_some_and(trusted);
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut address = peer;
        if proxied {
            // From the right: each proxy adds whom it was asked by; the first that is none of ours is the browser.
            let chain =
                headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()).collect::<Vec<_>>().join(",");
            for hop in chain.rsplit(',').map(str::trim).filter(|hop| !hop.is_empty()) {
                let Ok(hop) = hop.parse::<IpAddr>() else { break };
                address = Some(hop.to_canonical());
                if !trusted(&hop) {
                    break;
                }
            }
        }
        let first = |name: &str| text(name).split(',').next().unwrap_or_default().trim().to_ascii_lowercase();
        let forwarded_host = if proxied { first("x-forwarded-host") } else { String::new() };
        let host = if forwarded_host.is_empty() { text(HOST.as_str()).to_ascii_lowercase() } else { forwarded_host };
        let https = proxied && first("x-forwarded-proto") == "https" || is_https_at(config, &host);
        Self { address, https, host }
    }

    /// The address as text; empty where there is none.
    pub fn address_text(&self) -> String {
        self.address.map(|address| address.to_string()).unwrap_or_default()
    }

    /// The full name of a cookie.
    fn cookie_name(&self, name: &str) -> String {
        if self.https { format!("__Host-{name}") } else { name.to_string() }
    }

    /// What a cookie holds.
    pub fn cookie(&self, headers: &HeaderMap, name: &str) -> Option<String> {
        let name = self.cookie_name(name);
        headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(';'))
            .filter_map(|cookie| cookie.trim().split_once('='))
            .find(|(key, value)| *key == name && !value.is_empty())
            .map(|(_, value)| value.to_string())
    }

    /// A `Set-Cookie` that lasts as long as the browser runs, or for so many seconds. An empty value takes the cookie away.
    pub fn set_cookie(&self, name: &str, value: &str, seconds: Option<i64>) -> HeaderValue {
        let secure = if self.https { "; Secure" } else { "" };
        let seconds = if value.is_empty() { Some(0) } else { seconds };
        let age = seconds.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
        let text = format!("{}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{age}", self.cookie_name(name));
        // Names and values are ours: letters of base64.
        HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("loa=; Path=/; Max-Age=0"))
    }

    /// Whether a form may come from where the browser says that it comes from. Browsers that say nothing are judged by the form's
    /// token alone.
    pub fn is_own_form(&self, headers: &HeaderMap) -> bool {
        let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
        if let Some(site) = text("sec-fetch-site") {
            return matches!(site, "same-origin" | "none");
        }
        match text(ORIGIN.as_str()) {
            // `null`: our own pages send no referrer, and over plain http some browsers then name no origin either.
            None | Some("null") => true,
            Some(origin) => origin
                .split_once("://")
                .is_some_and(|(scheme, host)| host.eq_ignore_ascii_case(&self.host) && (scheme == "https") == self.https),
        }
    }
}

/// Whether the console's own address, as loa.toml says it, is this host by https.
fn is_https_at(config: &Config, host: &str) -> bool {
    config
        .console_url()
        .strip_prefix("https://")
        .is_some_and(|rest| rest.split('/').next().unwrap_or_default().eq_ignore_ascii_case(host))
}

/// The token that forms of this browser carry: nobody else can make it, and it ends with the cookie that it is bound to.
pub(super) fn csrf(seal: &Seal, cookie: &str) -> String {
    URL_SAFE_NO_PAD.encode(&seal.mac("csrf", cookie.as_bytes())[..24])
}

/// Whether that is a place of ours, to which one may be sent after signing in.
pub(super) fn local_path(next: &str) -> Option<&str> {
    let well = next.starts_with('/')
        && !next.starts_with("//")
        && !next.contains(|c: char| c == '\\' || c.is_control() || c.is_whitespace())
        && !next.starts_with("/sign-");
    well.then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(proxies: &[&str], url: &str) -> Config {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("loa.toml");
        std::fs::write(&file, format!("[server]\ntrusted_proxies = {proxies:?}\n[sign_in]\nurl = \"{url}\"\n")).unwrap();
        Config::read(Some(&file), &std::collections::BTreeMap::new()).unwrap()
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn caller(peer: &str, pairs: &[(&'static str, &str)], config: &Config) -> Caller {
        let mut extensions = Extensions::new();
        extensions.insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 4000)));
        Caller::of(&extensions, &headers(pairs), config)
    }

    #[test]
    fn only_a_trusted_proxy_says_who_asks_and_by_https() {
        let said = [("x-forwarded-for", "203.0.113.9, 198.51.100.7, 10.0.0.6"), ("x-forwarded-proto", "https"), ("host", "loa")];
        let far = caller("198.51.100.99", &said, &settings(&["10.0.0.5"], "http://loa"));
        assert_eq!((far.address, far.https), (Some("198.51.100.99".parse().unwrap()), false));
        let near = caller("10.0.0.5", &said, &settings(&["10.0.0.5", "10.0.0.6"], "http://loa"));
        assert_eq!((near.address, near.https), (Some("198.51.100.7".parse().unwrap()), true));
        let nonsense = caller("10.0.0.5", &[("x-forwarded-for", "1.2.3.4, nobody")], &settings(&["10.0.0.5"], "http://loa"));
        assert_eq!(nonsense.address, Some("10.0.0.5".parse().unwrap()));
    }

    #[test]
    fn cookies_over_https_are_the_hosts_own() {
        let server = settings(&[], "https://loa.example.vn");
        let own = caller("203.0.113.9", &[("host", "loa.example.vn")], &server);
        let set = own.set_cookie(SESSION, "abc", None);
        assert_eq!(set.to_str().unwrap(), "__Host-loa=abc; Path=/; HttpOnly; SameSite=Lax; Secure");
        assert_eq!(own.cookie(&headers(&[("cookie", "loa=evil; __Host-loa=abc")]), SESSION).as_deref(), Some("abc"));
        let near = caller("127.0.0.1", &[("host", "127.0.0.1:8080")], &server);
        assert_eq!(near.set_cookie(SESSION, "", None).to_str().unwrap(), "loa=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
    }

    #[test]
    fn forms_of_other_sites_are_not_ours() {
        let own = caller("127.0.0.1", &[("host", "loa.local:8080")], &settings(&[], "http://loa"));
        for (pairs, ours) in [
            (vec![], true),
            (vec![("sec-fetch-site", "same-origin")], true),
            (vec![("sec-fetch-site", "cross-site")], false),
            (vec![("sec-fetch-site", "same-site")], false),
            (vec![("origin", "http://loa.local:8080")], true),
            (vec![("origin", "http://evil.example.com")], false),
            (vec![("origin", "https://loa.local:8080")], false),
            (vec![("origin", "null")], true),
        ] {
            assert_eq!(own.is_own_form(&headers(&pairs)), ours, "{pairs:?}");
        }
    }

    #[test]
    fn one_is_sent_to_places_of_ours_alone() {
        assert_eq!(local_path("/campaigns?state=draft"), Some("/campaigns?state=draft"));
        for elsewhere in
            ["//evil.example.com", "https://evil.example.com", "/\\evil.example.com", "", "campaigns", "/a\nb", "/sign-in"]
        {
            assert_eq!(local_path(elsewhere), None, "{elsewhere}");
        }
    }
}
