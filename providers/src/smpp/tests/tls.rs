//! Over TLS on loopback: real sockets, real certificates.

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivatePkcs8KeyDer},
};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::{carrier::Peer, *};

/// A carrier on loopback under a certificate of its own: where it listens, the certificate, and how it takes a connection.
async fn secured() -> (u16, String, impl AsyncFn() -> std::io::Result<Peer>) {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let tls = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::clone(made.cert.der())], key.into())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let accept = async move || Ok(Peer::over(acceptor.accept(listener.accept().await?.0).await?));
    (port, made.cert.pem(), accept)
}

fn gateway_to(port: u16, ca_pem: &str) -> Arc<SmppGateway> {
    let surroundings = Surroundings { ca_pem: Some(ca_pem.into()), ..surroundings(10) };
    let keys = keys(&format!("host = \"127.0.0.1\"\nport = {port}\ntls = \"implicit\""));
    Arc::new(SmppGateway::new(Settings::from_keys(&keys, &secrets(), surroundings).unwrap()).unwrap())
}

#[tokio::test]
async fn everything_goes_through_tls_where_that_is_set() {
    let (port, certificate, accept) = secured().await;
    let gateway = gateway_to(port, &certificate);
    let sent = send(&gateway, &"x".repeat(200));
    let mut peer = accept().await.unwrap();
    peer.take_bind().await;
    peer.take("p1").await;
    peer.take("p2").await;
    assert_eq!(sent.await.unwrap(), ids(&["p1", "p2"]));
    peer.receipt(1, "id:p1 sub:001 dlvrd:001 stat:DELIVRD err:000 text:").await;
    assert_eq!(gateway.events().await.unwrap().events.len(), 1);
    let said = gateway.test().await.unwrap();
    assert_eq!(said, format!("127.0.0.1:{port} is bound: 1 of 1 connections; encrypted"));
}

#[tokio::test]
async fn a_certificate_that_nobody_trusts_gets_no_password() {
    let (port, _, accept) = secured().await;
    let another = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap().cert.pem();
    let sent = send(&gateway_to(port, &another), "a");
    assert!(accept().await.is_err(), "the gateway must hang up");
    let SendError::Misconfigured { detail } = sent.await.unwrap().unwrap_err() else { panic!() };
    assert!(detail.starts_with("TLS with 127.0.0.1 failed: "), "{detail}");
}
