//! Connections of our own: to a name's public addresses only, without delay, secured with what this process trusts.
//!
//! What enters is a host and a port; what leaves is a [`Wire`]. What can go wrong is an [`Unreached`]: either a person must
//! mend it, or it may work later.

use std::{
    error::Error as StdError,
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

/// What bytes go over: plain or secured.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Unpin + Send + Sync + fmt::Debug {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + Sync + fmt::Debug> Wire for T {}

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unreached {
    /// A person must mend it: a forbidden address, a certificate.
    Setup(String),
    /// It may work later.
    Lost(String),
}

/// Why nothing can be trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TrustFault {
    /// There are no certificates.
    None(String),
    /// The PEM file holds something else.
    BadPem(String),
}

/// Connects to the first address of the host that answers, and is public where it must be.
pub(crate) async fn connect(host: &str, port: u16, allow_private: bool) -> Result<TcpStream, Unreached> {
    let found =
        tokio::net::lookup_host((host, port)).await.map_err(|error| Unreached::Lost(format!("{host} was not found: {error}")))?;
    let mut last = None;
    let mut forbidden = false;
    for address in found {
        if !allow_private && is_private(address.ip()) {
            forbidden = true;
            continue;
        }
        match TcpStream::connect(address).await {
            Ok(tcp) => {
                // Without it every small write waits for the acknowledgement of the one before.
                tcp.set_nodelay(true).map_err(|error| Unreached::Lost(error.to_string()))?;
                return Ok(tcp);
            }
            Err(error) => last = Some(error),
        }
    }
    Err(match last {
        Some(error) => Unreached::Lost(format!("{host}:{port}: {error}")),
        None if forbidden => {
            Unreached::Setup(format!("{host} is a loopback or private address: allow_private = true permits it"))
        }
        None => Unreached::Lost(format!("{host} has no address")),
    })
}

/// The client side of TLS on a connection; the certificate must name the host.
pub(crate) async fn secured<T>(host: &str, tls: &Arc<ClientConfig>, wire: T) -> Result<Box<dyn Wire>, Unreached>
where
    T: Wire + 'static,
{
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| Unreached::Setup(format!("{host} cannot be the name in a certificate")))?;
    match TlsConnector::from(Arc::clone(tls)).connect(name, wire).await {
        Ok(secure) => Ok(Box::new(secure)),
        // What rustls itself says no to (certificate, protocol) stays so; a connection that breaks may come back.
        Err(error) if error.get_ref().is_some_and(<dyn StdError + Send + Sync>::is::<rustls::Error>) => {
            Err(Unreached::Setup(format!("TLS with {host} failed: {error}")))
        }
        Err(error) => Err(Unreached::Lost(format!("TLS with {host} failed: {error}"))),
    }
}

/// What is trusted: the system's certificates and those of the PEM file; loaded only where they are `needed`, as a small
/// machine may have none. With ring named here: nothing depends on which provider a process has installed.
pub(crate) fn tls(needed: bool, ca_pem: Option<&[u8]>) -> Result<ClientConfig, TrustFault> {
    let mut roots = RootCertStore::empty();
    if needed {
        let native = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(native.certs);
        if let Some(pem) = ca_pem {
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate = certificate.map_err(|error| TrustFault::BadPem(error.to_string()))?;
                roots.add(certificate).map_err(|error| TrustFault::BadPem(error.to_string()))?;
            }
        }
        if roots.is_empty() {
            let why: Vec<String> = native.errors.iter().map(ToString::to_string).collect();
            return Err(TrustFault::None(why.join("; ")));
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| TrustFault::None(error.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Whether an address is not one of the public Internet (IANA's special-purpose registries).
pub(crate) fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_private_v4(v4),
        IpAddr::V6(v6) => is_private_v6(v6),
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    a == 0
        || address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_multicast()
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (b == 18 || b == 19))
        || address.is_documentation()
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    if let Some(v4) = address.to_ipv4_mapped() {
        return is_private_v4(v4);
    }
    let segments = address.segments();
    // 64:ff9b::/96 (NAT64) leads to the IPv4 address in its last two words.
    if segments[..6] == [0x64, 0xff9b, 0, 0, 0, 0] {
        let [.., a, b, c, d] = address.octets();
        return is_private_v4(Ipv4Addr::new(a, b, c, d));
    }
    // 2002::/16 (6to4) leads to the IPv4 address after it.
    if segments[0] == 0x2002 {
        let [_, _, a, b, c, d, ..] = address.octets();
        return is_private_v4(Ipv4Addr::new(a, b, c, d));
    }
    // Public addresses are 2000::/3, but for 2001::/23 (Teredo and other protocols), 2001:db8::/32 and 3fff::/20 (documentation).
    match segments {
        [0x2001, second, ..] => second < 0x200 || second == 0xdb8,
        [0x3fff, second, ..] => second < 0x1000,
        [first, ..] => first & 0xe000 != 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_leads_inside_is_private_however_it_is_written() {
        for inside in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2002:a9fe:a9fe::1",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            "2001:db8::1",
            "3fff::1",
            "fe80::1",
            "fc00::1",
            "ff02::1",
        ] {
            assert!(is_private(inside.parse().unwrap()), "{inside}");
        }
        for outside in
            ["1.1.1.1", "203.162.4.191", "2606:4700::1111", "2001:dc8::1", "64:ff9b::1.1.1.1", "2002:101:101::1", "3fff:1000::1"]
        {
            assert!(!is_private(outside.parse().unwrap()), "{outside}");
        }
    }
}
