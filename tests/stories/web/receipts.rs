//! Receipts: committed before they are answered, and taken from whoever proves to be the gateway.

use loa::{account::callback_secret, consent::Scope, delivery::State as Delivery, dispatch::unsubscribe_token, receipt::Stored};
use providers::Channel;
use reqwest::{Method, StatusCode};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{House, header_of};
use crate::helpers::grounds;

#[tokio::test]
async fn a_receipt_is_stored_before_it_is_answered_by_either_method() {
    for ground in grounds().await {
        let house = House::open(ground).await;
        for (method, base, reference) in [
            (Method::GET, &house.public, "erste"),
            (Method::POST, &house.public, "zweite"),
            (Method::GET, &house.private, "dritte"),
        ] {
            let path = format!("{}?state=1&words=ok&reference={reference}", house.callback("kannel"));
            let answer = house.ask(method, base, &path).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK);
            let stored = house.receipts().await;
            assert_eq!(stored.last(), Some(&(reference.to_string(), Delivery::Delivered.number())));
        }
    }
}

#[tokio::test]
async fn nobody_learns_which_accounts_there_are() {
    for ground in grounds().await {
        let house = House::open(ground).await;
        let secret = callback_secret(&house.ground.seal, "kannel");
        let strangers = [
            format!("/receipts/kannel/{}?state=1&reference=x", secret.replace(|c: char| c.is_ascii_digit(), "f")),
            format!("/receipts/speedsms/{secret}?state=1&reference=x"),
            format!("/receipts/nobody/{secret}?state=1&reference=x"),
            format!("/receipts/nobody/{}?state=1&reference=x", callback_secret(&house.ground.seal, "")),
            "/receipts/kannel/x?state=1&reference=x".to_string(),
        ];
        let mut answers = Vec::new();
        for path in strangers {
            let answer = house.ask(Method::GET, &house.public, &path).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
            answers.push(answer.text().await.unwrap());
        }
        assert!(answers.windows(2).all(|two| two[0] == two[1]), "{answers:?}");
        // A probe by HEAD is no callback.
        let probe = format!("{}?state=1&reference=x", house.callback("kannel"));
        let probed = house.ask(Method::HEAD, &house.public, &probe).send().await.unwrap();
        assert_eq!(probed.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(house.receipts().await, []);
    }
}

#[tokio::test]
async fn what_is_no_callback_is_refused_and_stores_nothing() {
    for ground in grounds().await {
        let house = House::open(ground).await;
        let to = house.callback("kannel");
        let nothing = house.ask(Method::GET, &house.public, &to).send().await.unwrap();
        assert_eq!(nothing.status(), StatusCode::BAD_REQUEST);
        assert!(nothing.text().await.unwrap().contains("unexpected shape"));
        let nonsense = house.ask(Method::POST, &house.public, &house.callback("speedsms")).body("{{{").send().await.unwrap();
        assert_eq!(nonsense.status(), StatusCode::BAD_REQUEST);
        let huge = house.ask(Method::POST, &house.public, &to).body(vec![b'x'; 300 * 1024]).send().await.unwrap();
        assert_eq!(huge.status(), StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(house.receipts().await, []);
    }
}

#[tokio::test]
async fn a_signature_that_does_not_fit_is_forbidden_and_the_gateway_gets_the_answer_it_expects() {
    for ground in grounds().await {
        let house = House::open(ground).await;
        let path = format!("{}?state=1&reference=x", house.callback("signed"));
        for signature in ["", "someone-else"] {
            let forged =
                house.ask(Method::POST, &house.public, &path).header("X-Webhook-Secret", signature).send().await.unwrap();
            assert_eq!(forged.status(), StatusCode::FORBIDDEN);
        }
        assert_eq!(house.receipts().await, []);
        let genuine =
            house.ask(Method::POST, &house.public, &path).header("X-Webhook-Secret", "not-a-secret").send().await.unwrap();
        assert_eq!((genuine.status(), header_of(&genuine, "content-type")), (StatusCode::ACCEPTED, "application/json"));
        assert_eq!(genuine.text().await.unwrap(), "{}");
        assert_eq!(house.receipts().await.len(), 1);
    }
}

#[tokio::test]
async fn a_message_from_a_person_is_answered_and_makes_no_receipt() {
    for ground in grounds().await {
        let house = House::open(ground).await;
        let inbound = serde_json::json!({ "type": "sms", "phone": "84901234567", "content": "TC" });
        let answer = house.ask(Method::POST, &house.public, &house.callback("speedsms")).json(&inbound).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(house.receipts().await, []);
        let address = house.ground.seal.hash(loa::seal::Kind::Phone, "+84901234567");
        assert_eq!(house.refused(Channel::Sms, address).await, Some(Scope::Awareness), "before it was answered");
        assert_eq!(house.said(Channel::Sms, address).await, [("reply".to_string(), "TC".to_string())]);
        let (_, metrics) = house.get("/metrics").await;
        assert!(metrics.contains("loa_inbound_messages_total{account=\"speedsms\"} 1"), "{metrics}");
        assert!(!metrics.contains("901234567"));
    }
}

#[tokio::test]
async fn what_cannot_be_stored_is_to_be_repeated() {
    for ground in grounds().await {
        let house = House::open(ground).await;
        house.ground.db.close().await;
        let path = format!("{}?state=1&reference=x", house.callback("kannel"));
        let answer = house.ask(Method::GET, &house.public, &path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        let token = unsubscribe_token(&house.ground.seal, Channel::Email, 7);
        let answer =
            house.ask(Method::POST, &house.public, &format!("/u/{token}")).form(&[("action", "undo")]).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(house.get("/").await.0, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(house.get("/readyz").await.0, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(house.get("/healthz").await.0, StatusCode::OK);
        let (status, metrics) = house.get("/metrics").await;
        assert_eq!(status, StatusCode::OK);
        assert!(metrics.contains("\nloa_database_up 0\n"), "{metrics}");
        assert!(metrics.contains("loa_callbacks_refused_total{account=\"kannel\",why=\"not_stored\"} 1"), "{metrics}");
    }
}

#[tokio::test]
async fn at_the_end_what_was_begun_is_answered() {
    for ground in grounds().await {
        let (mut house, mut appender) = House::open_without_appender(ground).await;
        let path = format!("{}?state=1&reference=last", house.callback("kannel"));
        let mut gateway = TcpStream::connect(house.public.trim_start_matches("http://")).await.unwrap();
        let head = format!("POST {path} HTTP/1.1\r\nHost: loa\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n");
        gateway.write_all(head.as_bytes()).await.unwrap();
        let mut go_on = [0; "HTTP/1.1 100 Continue\r\n\r\n".len()];
        gateway.read_exact(&mut go_on).await.unwrap();
        // The handler is reading now.
        house.state.leave();
        for leave in house.leave.drain(..) {
            leave.send(()).unwrap();
        }
        gateway.write_all(b"x").await.unwrap();
        assert_eq!(appender.step().await, Some(Stored::default()), "forged");
        let mut answer = String::new();
        gateway.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        for server in house.servers.drain(..) {
            server.await.unwrap();
        }
        assert!(house.client.get(&house.private).send().await.is_err(), "nobody listens any more");
    }
}
