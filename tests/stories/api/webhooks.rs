//! What programs are told, signed, until they are gone.

use std::time::Duration;

use axum::{Router, http::HeaderMap, routing::post};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::{Method, StatusCode};
use ring::hmac;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::mpsc};

use super::{Desk, now, problem};

/// What an endpoint was told: the headers and the body.
type Heard = (HeaderMap, String);

/// A program that listens, and its address.
async fn listener() -> (String, mpsc::UnboundedReceiver<Heard>) {
    let (tell, told) = mpsc::unbounded_channel();
    let take = move |headers: HeaderMap, body: String| {
        let tell = tell.clone();
        async move { tell.send((headers, body)).unwrap() }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/hook", post(take))).await });
    (url, told)
}

async fn heard(told: &mut mpsc::UnboundedReceiver<Heard>) -> Heard {
    tokio::time::timeout(Duration::from_mins(1), told.recv()).await.expect("nothing came").unwrap()
}

/// The message's id and what it says, if one of its signatures is by this secret (Standard Webhooks 1.0.0, "Verifying").
fn verified((headers, body): &Heard, secret: &str) -> Option<(String, Value)> {
    let header = |name: &str| headers[name].to_str().unwrap();
    let (id, second) = (header("webhook-id"), header("webhook-timestamp"));
    assert!((second.parse::<i64>().unwrap() - now() / 1000).abs() < 60, "{second}");
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), format!("{id}.{second}.{body}").as_bytes());
    let mine = format!("v1,{}", STANDARD.encode(signature.as_ref()));
    let signed = header("webhook-signature").split(' ').any(|theirs| theirs == mine);
    signed.then(|| (id.to_string(), serde_json::from_str(body).unwrap()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_is_told_what_happened_and_can_trust_it() {
    let desk = Desk::open(30).await;
    let (url, mut told) = listener().await;
    let mut wanted =
        json!({ "title": "Bảng theo dõi", "url": format!("{url}?key=khoa-bi-mat"), "events": ["run.started", "run.stopped"] });
    let (status, _, errors) = problem(desk.post("/webhooks", wanted.clone()).await).await;
    assert_eq!((status, &errors[0]["pointer"]), (422, &json!("/url")), "an address inside is not meant by accident");
    wanted["allow_private"] = true.into();
    let made: Value = desk.post("/webhooks", wanted).await.json().await.unwrap();
    let (id, secret) = (made["id"].as_i64().unwrap(), made["secret"].as_str().unwrap().to_string());

    assert_eq!(desk.post(&format!("/webhooks/{id}/test"), json!({})).await.status(), 202);
    let first = heard(&mut told).await;
    let (message, said) = verified(&first, &secret).expect("signed");
    assert_eq!(said["type"], "webhook.test");
    assert!(verified(&first, "whsec_bm90LXRoZS1zZWNyZXQ=").is_none());
    let delivery = desk.get(&format!("/webhooks/{id}/deliveries")).await["items"][0].clone();
    assert_eq!(delivery["message_id"], json!(message));
    let again = format!("/webhooks/{id}/deliveries/{}/again", delivery["id"]);
    assert_eq!(desk.post(&again, json!({})).await.status(), 202);
    assert_eq!(verified(&heard(&mut told).await, &secret).unwrap().0, message, "the same message under the same id");

    // A new secret signs beside the one before.
    let rotated: Value = desk.post(&format!("/webhooks/{id}/secret"), json!({})).await.json().await.unwrap();
    let fresh = rotated["secret"].as_str().unwrap();
    desk.office.loa(&["approve", "ma-otp", "--by", "Lê Văn Duyệt"]);
    desk.office.loa(&["send", "ma-otp"]);
    let started = heard(&mut told).await;
    let (_, said) = verified(&started, &secret).expect("the former secret still signs");
    assert_eq!(verified(&started, fresh).expect("the new one as well").1, said);
    assert_eq!((&said["type"], &said["data"]["campaign"]), (&json!("run.started"), &json!("ma-otp")), "{said}");
    let run = said["data"]["run"].as_i64().unwrap();
    // Whoever listens hears of nothing else.
    let paused = desk.post(&format!("/runs/{run}/abort"), json!({})).await.status();
    if paused == 200 {
        let (_, said) = verified(&heard(&mut told).await, fresh).unwrap();
        assert_eq!((&said["type"], &said["data"]["how"]), (&json!("run.stopped"), &json!("aborted")), "{said}");
    }
    assert_eq!(desk.request(Method::DELETE, &format!("/webhooks/{id}")).send().await.unwrap().status(), 204);
    assert!(told.try_recv().is_err());
    let audit = desk.get("/audit?limit=200").await.to_string();
    assert!(audit.contains("webhook.add") && audit.contains(&url) && !audit.contains("khoa-bi-mat"), "{audit}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_gone_is_disabled_and_the_record_says_so() {
    let desk = Desk::open(0).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let gone = Router::new().route("/hook", post(async || StatusCode::GONE));
    tokio::spawn(async move { axum::serve(listener, gone).await });
    let wanted = json!({ "title": "Đã gỡ", "url": url, "events": ["run.started"], "allow_private": true });
    let made: Value = desk.post("/webhooks", wanted).await.json().await.unwrap();
    let id = &made["id"];
    assert_eq!(desk.post(&format!("/webhooks/{id}/test"), json!({})).await.status(), 202);
    desk.office.until("it is disabled", "SELECT count(*) FROM webhook WHERE disabled_at IS NOT NULL").await;
    let audit = desk.get("/audit").await;
    let entry = audit["items"].as_array().unwrap().iter().find(|entry| entry["action"] == "webhook.disable");
    let entry = entry.unwrap_or_else(|| panic!("{audit}"));
    assert_eq!((&entry["subject"], &entry["who"]), (&json!(id.to_string()), &json!("loa")));
    assert!(entry["after"]["why"].as_str().unwrap().contains("410"), "{entry}");
    let enabled: Value = desk.post(&format!("/webhooks/{id}/enable"), json!({})).await.json().await.unwrap();
    assert_eq!(enabled["disabled_at"], Value::Null);
}
