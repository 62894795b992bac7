//! The suite: what [`providers::Provider`] promises, held against every adapter.
//!
//! Every test below runs against every row of [`ADAPTERS`].

use std::{sync::Arc, time::Duration};

use providers::{Outgoing, Provider, Reason, Scope, SendError, http::Network};

use super::{
    adapters::{ADAPTERS, Adapter, Class, Protocol},
    gateway::{PHONE, SECRET, loopback},
    server::{Behaviour, SHORT, answer, closed_port, tls_server},
};

fn class(error: &SendError) -> Class {
    match error {
        SendError::Retry { scope, reason, .. } => Class::Later(*scope, *reason),
        SendError::Reject { reason, .. } => Class::Rejected(*reason),
        SendError::OptedOut { .. } => Class::OptedOut,
        SendError::Misconfigured { .. } => Class::Misconfigured,
        SendError::InDoubt { .. } => Class::InDoubt,
    }
}

const UNREACHABLE: Class = Class::Later(Scope::Account, Reason::Unreachable);

impl Adapter {
    /// Sends one message and names the class of what went wrong; no error may hold a secret or the address.
    async fn refusal(&self, url: &str, network: Network) -> Class {
        let message = (self.message)("text");
        let account = (self.account)(url, network);
        let mut results = account.send(std::slice::from_ref(&message)).await;
        assert_eq!(results.len(), 1, "{}", self.name);
        let error = results.remove(0).expect_err(self.name);
        let printed = format!("{error} {error:?}");
        for private in [SECRET, PHONE, &PHONE[1..], &PHONE[3..], message.to.expose()] {
            assert!(!printed.contains(private), "{}: {printed}", self.name);
        }
        class(&error)
    }

    /// The class of what comes of a gateway that behaves like this, and how many requests it got.
    async fn meets(&self, behaviour: Behaviour, network: Network) -> (Class, usize) {
        let server = self.protocol.serve(behaviour).await;
        let class = self.refusal(&self.protocol.url(server.address), network).await;
        (class, server.requests().len())
    }
}

/// The adapters that speak HTTP, for what only HTTP knows.
fn http() -> impl Iterator<Item = &'static Adapter> {
    ADAPTERS.iter().filter(|adapter| adapter.protocol == Protocol::Http)
}

fn short() -> Network {
    Network { timeout: SHORT, ..loopback() }
}

#[tokio::test]
async fn a_definite_yes_is_accepted() {
    for adapter in ADAPTERS {
        let server = adapter.protocol.serve(Behaviour::Answer(adapter.accepts.0, adapter.accepts.1.into())).await;
        let account = (adapter.account)(&adapter.protocol.url(server.address), loopback());
        let results = account.send(&[(adapter.message)("text")]).await;
        assert!(matches!(results.as_slice(), [Ok(_)]), "{}: {results:?}", adapter.name);
        assert_eq!(server.requests().len(), 1, "{}", adapter.name);
    }
}

#[tokio::test]
async fn every_class_of_answer_is_told_apart() {
    for adapter in ADAPTERS {
        for (status, body, expected) in adapter.answers {
            let (class, requests) = adapter.meets(Behaviour::Answer(*status, (*body).into()), loopback()).await;
            assert_eq!((class, requests), (*expected, 1), "{}: {status} {body}", adapter.name);
        }
    }
}

#[tokio::test]
async fn no_connection_means_not_sent() {
    for adapter in ADAPTERS {
        let url = adapter.protocol.url(closed_port().await);
        assert_eq!(adapter.refusal(&url, loopback()).await, UNREACHABLE, "{}", adapter.name);
        assert_eq!(
            adapter.refusal(&adapter.protocol.url("no-such-host.invalid"), loopback()).await,
            UNREACHABLE,
            "{}",
            adapter.name
        );
    }
}

#[tokio::test]
async fn a_failed_handshake_means_not_sent() {
    for adapter in ADAPTERS {
        let (address, _, task) = tls_server("").await;
        let url = adapter.protocol.secure_url(format!("localhost:{}", address.port()));
        assert_eq!(adapter.refusal(&url, loopback()).await, UNREACHABLE, "{}: untrusted", adapter.name);
        task.abort();
        // A gateway that speaks no TLS at all, and one that never finishes the handshake.
        let plain = adapter.protocol.serve(Behaviour::Answer(200, String::new())).await;
        let url = adapter.protocol.secure_url(format!("localhost:{}", plain.address.port()));
        assert_eq!(adapter.refusal(&url, short()).await, UNREACHABLE, "{}: not TLS", adapter.name);
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = adapter.protocol.secure_url(format!("localhost:{}", silent.local_addr().unwrap().port()));
        assert_eq!(adapter.refusal(&url, short()).await, UNREACHABLE, "{}: stalled", adapter.name);
    }
}

#[tokio::test]
async fn a_trusted_certificate_is_accepted() {
    for adapter in http().filter(|adapter| adapter.accepts.0 == 200) {
        let (address, pem, task) = tls_server(adapter.accepts.1).await;
        let network = Network { ca_pem: Some(pem.into_bytes()), ..loopback() };
        let account = (adapter.account)(&adapter.protocol.secure_url(format!("localhost:{}", address.port())), network);
        let results = account.send(&[(adapter.message)("text")]).await;
        assert!(matches!(results.as_slice(), [Ok(_)]), "{}: {results:?}", adapter.name);
        task.abort();
    }
}

#[tokio::test]
async fn silence_is_a_doubt() {
    for adapter in ADAPTERS {
        assert_eq!(adapter.meets(Behaviour::Silent, short()).await, (Class::InDoubt, 1), "{}", adapter.name);
    }
    for adapter in http() {
        let mut most = answer(adapter.accepts.0, adapter.accepts.1, "close").into_bytes();
        most.pop();
        assert_eq!(adapter.meets(Behaviour::Stall(most), short()).await, (Class::InDoubt, 1), "{}", adapter.name);
    }
}

#[tokio::test]
async fn a_broken_exchange_is_a_doubt_and_is_not_repeated() {
    for adapter in ADAPTERS {
        for (what, behaviour) in adapter.protocol.breaks(adapter.accepts) {
            let met = adapter.meets(behaviour, loopback()).await;
            assert_eq!(met, (Class::InDoubt, 1), "{}: {what}", adapter.name);
        }
        let (class, _) = adapter.meets(Behaviour::Slam, loopback()).await;
        assert!(matches!(class, Class::InDoubt | UNREACHABLE), "{}: {class:?}", adapter.name);
    }
}

#[tokio::test]
async fn a_yes_in_the_wrong_format_is_a_doubt() {
    for adapter in http() {
        for body in ["", "<html>OK</html>", "{\"ok\":", "\u{0}\u{1}", "null", "[]", "100"] {
            let met = adapter.meets(Behaviour::Answer(200, body.into()), loopback()).await;
            assert_eq!(met, (Class::InDoubt, 1), "{}: {body:?}", adapter.name);
        }
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    for adapter in http() {
        let target = adapter.protocol.serve(Behaviour::Answer(adapter.accepts.0, adapter.accepts.1.into())).await;
        let head = format!("HTTP/1.1 307 X\r\nlocation: {}/\r\ncontent-length: 0\r\n\r\n", target.url());
        let (class, requests) = adapter.meets(Behaviour::Raw(head.into_bytes()), loopback()).await;
        assert_ne!(class, UNREACHABLE, "{}", adapter.name);
        assert_eq!((requests, target.requests().len()), (1, 0), "{}", adapter.name);
    }
}

#[tokio::test]
async fn a_pooled_connection_that_breaks_is_a_doubt_and_is_not_repeated() {
    for adapter in ADAPTERS {
        let server = adapter.protocol.serve(Behaviour::KeepThenReset(adapter.accepts.0, adapter.accepts.1.into())).await;
        let account = (adapter.account)(&adapter.protocol.url(server.address), loopback());
        let message = (adapter.message)("text");
        assert!(account.send(std::slice::from_ref(&message)).await[0].is_ok(), "{}", adapter.name);
        let second = account.send(std::slice::from_ref(&message)).await.remove(0).expect_err(adapter.name);
        assert_eq!(class(&second), Class::InDoubt, "{}: {second}", adapter.name);
        assert_eq!((server.requests().len(), server.connections()), (2, 1), "{}", adapter.name);
    }
}

#[tokio::test]
async fn a_connection_that_closed_while_idle_is_no_doubt() {
    for adapter in http() {
        // The answer promises to keep the connection, and the server then closes it.
        let bytes = answer(adapter.accepts.0, adapter.accepts.1, "keep-alive").into_bytes();
        let server = adapter.protocol.serve(Behaviour::Raw(bytes)).await;
        let account = (adapter.account)(&adapter.protocol.url(server.address), loopback());
        for n in 1..=3 {
            let results = account.send(&[(adapter.message)("text")]).await;
            assert!(results[0].is_ok(), "{}: send {n}: {results:?}", adapter.name);
        }
        assert_eq!((server.requests().len(), server.connections()), (3, 3), "{}", adapter.name);
    }
}

#[tokio::test]
async fn order_and_length_are_kept() {
    for adapter in ADAPTERS {
        let server = adapter.protocol.serve(Behaviour::KeepAlive(adapter.accepts.0, adapter.accepts.1.into())).await;
        let account = (adapter.account)(&adapter.protocol.url(server.address), loopback());
        assert!(account.send(&[]).await.is_empty(), "{}", adapter.name);
        let batch: Vec<Outgoing> = (0..7).map(|n| (adapter.message)(&format!("number-{n}"))).collect();
        let results = account.send(&batch).await;
        assert_eq!(results.len(), 7, "{}", adapter.name);
        assert!(results.iter().all(Result::is_ok), "{}: {results:?}", adapter.name);
        let requests = server.requests();
        for n in 0..7 {
            let seen = requests.iter().filter(|request| request.contains(&format!("number-{n}"))).count();
            assert_eq!(seen, 1, "{}: number-{n}", adapter.name);
        }
    }
}

#[tokio::test]
async fn it_may_be_called_concurrently() {
    for adapter in ADAPTERS {
        let server = adapter.protocol.serve(Behaviour::KeepAlive(adapter.accepts.0, adapter.accepts.1.into())).await;
        let account: Arc<dyn Provider> = Arc::from((adapter.account)(&adapter.protocol.url(server.address), loopback()));
        let calls = (0..40).map(|n| {
            let (account, message) = (Arc::clone(&account), (adapter.message)(&format!("call-{n}")));
            tokio::spawn(async move { account.send(&[message]).await })
        });
        for call in futures::future::join_all(calls).await {
            assert!(call.unwrap()[0].is_ok(), "{}", adapter.name);
        }
        assert_eq!(server.requests().len(), 40, "{}", adapter.name);
    }
}

#[tokio::test]
async fn it_ends_by_itself() {
    for adapter in ADAPTERS {
        let server = adapter.protocol.serve(Behaviour::Silent).await;
        let account = (adapter.account)(&adapter.protocol.url(server.address), short());
        let message = (adapter.message)("text");
        let sent = tokio::time::timeout(Duration::from_secs(10), account.send(std::slice::from_ref(&message))).await;
        assert!(sent.is_ok(), "{} does not end", adapter.name);
        let tested = tokio::time::timeout(Duration::from_secs(10), account.test()).await;
        assert!(matches!(tested, Ok(Err(_))), "{}: {tested:?}", adapter.name);
    }
}
