//! The office's programs have an order pushed again; and whoever stands in for an approver who is away approves an Update.

use std::time::{Duration, Instant};

use chrono::Days;
use loa::{
    approval::delegation,
    audit::Actor,
    user::{self, Right, Role, api_token},
};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Road, bad, good, header};
use crate::stories::api::{now, token};

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_pushed_again_at_once() {
    let road = Road::open().await;
    let path = "/outlets/viettel";
    let before = road.inside(&road.all, Method::GET, path).send().await.unwrap();
    let outlet = json!({ "title": "Viettel", "kind": "carrier", "way": "push", "url": "http://127.0.0.1:9/cap", "sender": "viettel.example.vn" });
    good(road.inside(&road.all, Method::PUT, path).header("if-match", header(&before, "etag")).json(&outlet)).await;
    let identifier = road.order("viettel").await;
    let again = |secret: &str, identifier: &str| road.inside(secret, Method::POST, &format!("/orders/{identifier}/push"));
    // The address lies inside, and the settings do not say that this is meant: it is tried again in half an hour.
    let begun = Instant::now();
    let refused = async |times: usize| loop {
        let events = good(road.inside(&road.all, Method::GET, &format!("/orders/{identifier}/events"))).await;
        let of = |what: &str| events["items"].as_array().unwrap().iter().filter(|one| one["happening"] == what).count();
        if of("push_rejected") == times {
            break of("push_again");
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "{events}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(refused(1).await, 0);
    assert_eq!(good(again(&road.all, &identifier)).await["state"], "approved");
    assert_eq!(refused(2).await, 1, "not after half an hour");

    assert_eq!(bad(again(&road.viettel, &identifier)).await.0, 403, "that is the office's");
    road.fetched(&identifier).await;
    assert_eq!(bad(again(&road.all, &identifier)).await.0, 409, "the outlet has it");
    let fetched_by_its_program = road.order("vina").await;
    assert_eq!(bad(again(&road.all, &fetched_by_its_program)).await.0, 409, "nothing is pushed there");
    assert_eq!(bad(again(&road.all, "loa-0-viettel-0")).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delegate_approves_an_update_by_a_token_that_stands_for_them() {
    let road = Road::open().await;
    let first = road.order("viettel").await;
    road.fetched(&first).await;
    good(road.outside(&road.viettel, Method::POST, &format!("/orders/{first}/acknowledge"))).await;
    let drafted = road.office_does(&format!("/orders/{first}/updates"), json!({ "note": "Thêm một đợt", "rounds": 3 })).await;
    let path = format!("/orders/{}/approve", drafted["identifier"].as_str().unwrap());

    token(&road.office, "vang@example.vn", &[Role::Approver]).await;
    let whole = token(&road.office, "thay@example.vn", &[Role::Officer]).await;
    let (db, seal, actor) = (road.office.db().await, road.office.seal().await, Actor::command("test"));
    let of = async |email: &str| user::by_email(&db, email).await.unwrap().unwrap();
    let (away, delegate) = (of("vang@example.vn").await, of("thay@example.vn").await);
    let rights = [Right::ReadOrders, Right::WriteOrders].into_iter().collect();
    let lesser = api_token::New { name: "ít hơn", rights, ends_at: now() + 3_600_000 };
    let lesser = api_token::make(&db, &seal, &delegate, &lesser, &actor, now()).await.unwrap().0;
    let approve = |secret: &str| road.inside(secret, Method::POST, &path).json(&json!({ "hash": drafted["hash"] }));
    assert_eq!(bad(approve(&whole)).await.0, 403, "nobody is away yet");
    let today = loa::clock::Clock::system().now().date_naive();
    let new = delegation::New {
        approver: (away.id, &away.name),
        delegate: (delegate.id, &delegate.name),
        from: today - Days::new(1),
        through: today + Days::new(1),
        reason: "nghỉ phép",
    };
    delegation::make(&db, new, &actor, now()).await.unwrap();
    db.close().await;
    assert_eq!(bad(approve(&lesser)).await.0, 403, "made for less than to stand for its user");
    let done: Value = good(approve(&whole)).await;
    assert_eq!((&done["state"], &done["step"]), (&json!("approved"), &json!("update")), "{done}");
    let record: Value = serde_json::from_str(&road.office.loa(&["audit", "list", "--json"])).unwrap();
    let approved = record.as_array().unwrap().iter().find(|one| one["action"] == "order.approve").unwrap();
    assert!(approved.to_string().contains("vang"), "it says in whose place: {approved}");
}
