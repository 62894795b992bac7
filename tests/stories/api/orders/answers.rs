//! Answers in CAP.

use loa::cap::{self, Alert, MsgType, signature};
use reqwest::Method;
use serde_json::json;

use super::{Road, answer, bad, good, header};
use crate::helpers::signers::{certificate, key, pem};

#[tokio::test(flavor = "multi_thread")]
async fn an_outlet_answers_by_documents_of_which_only_what_is_signed_counts() {
    let road = Road::open().await;
    let post = |body: String| {
        let request = road.outside(&road.viettel, Method::POST, "/orders/answers");
        request.header("content-type", "application/cap+xml").body(body)
    };
    // Without a certificate the token vouches for it.
    let identifier = road.order("viettel").await;
    let asked = road.fetched(&identifier).await;
    let write = |alert: &Alert| cap::write(alert).unwrap();
    let wrong = answer(&asked, "vina.example.vn", MsgType::Ack, None);
    assert_eq!(bad(post(write(&wrong))).await.0, 422, "another sent it");
    assert_eq!(bad(post(write(&asked))).await.0, 422, "it is no answer");
    let mut elsewhere = answer(&asked, "viettel.example.vn", MsgType::Ack, None);
    elsewhere.references[0].identifier = "loa-0-viettel-0".into();
    assert_eq!(bad(post(write(&elsewhere))).await.0, 404);
    let (status, errors) =
        bad(post("<!DOCTYPE alert [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><alert>&a;</alert>".into())).await;
    assert!(status == 422 && errors[0]["line"].is_number(), "{status} {errors}");
    let no = answer(&asked, "viettel.example.vn", MsgType::Error, Some("Không đúng thẩm quyền"));
    assert_eq!(good(post(write(&no))).await["state"], "refused");
    let yes = answer(&asked, "viettel.example.vn", MsgType::Ack, None);
    assert_eq!(good(post(write(&yes))).await["state"], "acknowledged");
    assert_eq!(bad(road.outside(&road.viettel, Method::POST, "/orders/answers").body("x")).await.0, 415);

    // With one, its signature must hold, and nothing beside it is read.
    let path = "/outlets/viettel";
    let before = road.inside(&road.all, Method::GET, path).send().await.unwrap();
    let tag = header(&before, "etag");
    let pinned = json!({ "title": "Viettel", "kind": "carrier", "way": "pull", "sender": "viettel.example.vn",
        "certificate": pem("signer") });
    good(road.inside(&road.all, Method::PUT, path).header("if-match", tag).json(&pinned)).await;
    let identifier = road.order("viettel").await;
    let asked = road.fetched(&identifier).await;
    let plain = write(&answer(&asked, "viettel.example.vn", MsgType::Ack, None));
    assert_eq!(bad(post(plain.clone())).await.0, 422, "it is not signed");
    let signed = signature::sign(&plain, &key("signer"), &certificate("signer")).unwrap();
    assert_eq!(bad(post(signed.replace("<msgType>Ack", "<msgType>Error"))).await.0, 422, "it was changed after it was signed");
    assert_eq!(road.state(&identifier).await, "handed_over");
    assert_eq!(good(post(signed)).await["state"], "acknowledged");
}
