//! The description, the routes and what is told of what is wrong; and the guide.

use std::{collections::BTreeSet, process::Command};

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::{Desk, problem};

#[tokio::test(flavor = "multi_thread")]
async fn the_document_and_the_routes_are_one() {
    let desk = Desk::open(0).await;
    let document: Value =
        desk.client.get(format!("{}/api/openapi.json?lang=en", desk.office.url)).send().await.unwrap().json().await.unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let mut ids = BTreeSet::new();
    let mut operations = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        let named = ["slug", "name", "period", "channel", "identifier", "hash"]
            .into_iter()
            .fold(path.clone(), |path, name| path.replace(&format!("{{{name}}}"), "none"));
        let filled = named.replace("{id}", "999").replace("{delivery}", "999");
        assert!(!filled.contains('{'), "{path}");
        let described: BTreeSet<&str> = item.as_object().unwrap().keys().map(String::as_str).collect();
        for method in ["get", "put", "post", "delete", "patch"] {
            let asked: Method = method.to_ascii_uppercase().parse().unwrap();
            // Without a token: whatever is there says so first, and nothing is done.
            let request = desk.client.request(asked, format!("{}/api/v1{filled}", desk.office.url));
            // What is not there does nothing with a token either; a stranger may not ask so much at once.
            let by_stranger = described.contains(method) || method == "patch";
            let request = if by_stranger { request } else { request.bearer_auth(&desk.token) };
            let response = request.send().await.unwrap();
            let status = response.status();
            if described.contains(method) {
                operations += 1;
                assert_eq!(status, 401, "{method} {path}");
                let operation = &item[method];
                assert!(ids.insert(operation["operationId"].as_str().unwrap().to_string()), "{operation}");
                assert!(operation["summary"].as_str().is_some_and(|text| !text.contains('|')), "{operation}");
                assert!(operation["responses"].as_object().unwrap().contains_key("401"));
            } else {
                assert_eq!(status, 405, "{method} {path}");
                assert!(response.headers().contains_key("allow"));
                assert_eq!(problem(response).await.1, "/api#method-not-allowed");
            }
        }
    }
    assert!(operations > 40, "{operations}");
    // Whatever a schema is called by is there.
    let text = document.to_string();
    for (at, _) in text.match_indices("\"#/components/") {
        let reference = text[at + 2..].split('"').next().unwrap();
        assert!(document.pointer(reference).is_some(), "{reference}");
    }
    let page = desk.client.get(format!("{}/api", desk.office.url)).send().await.unwrap();
    assert_eq!(page.status(), 200);
    let page = page.text().await.unwrap();
    assert!(ids.iter().all(|id| page.contains(&format!("id=\"{id}\""))), "{page}");
    assert!(page.contains("Các đợt gửi") && !page.contains(" | The runs"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_told_where_it_is() {
    let desk = Desk::open(0).await;
    let ask = |method: Method, path: &str| desk.request(method, path);
    let send = async |request: RequestBuilder| problem(request.send().await.unwrap()).await;

    let stranger = desk.client.get(format!("{}/api/v1/runs", desk.office.url));
    assert_eq!(send(stranger.try_clone().unwrap()).await.0, 401);
    assert_eq!(send(stranger.bearer_auth("loa_nonsense")).await.1, "/api#unauthenticated");
    assert_eq!(send(ask(Method::GET, "/nothing")).await.1, "/api#not-found");
    assert_eq!(send(ask(Method::GET, "/runs/abc")).await.1, "/api#not-found");
    assert_eq!(
        send(ask(Method::GET, "/runs?limit=0")).await,
        (400, "/api#bad-request".into(), json!([{ "detail": "from 1 to 200", "parameter": "limit" }]))
    );
    let (status, _, errors) = send(ask(Method::GET, "/runs?befor=3")).await;
    assert_eq!((status, &errors[0]["parameter"]), (400, &json!("befor")));
    let (status, _, errors) = send(ask(Method::GET, "/runs?before=x")).await;
    assert_eq!((status, &errors[0]["parameter"]), (400, &json!("before")));
    assert_eq!(send(ask(Method::GET, "/runs").header("accept", "image/png")).await.1, "/api#not-acceptable");
    assert_eq!(send(ask(Method::POST, "/tokens").body("{}")).await.0, 415);
    assert_eq!(send(ask(Method::POST, "/tokens").header("content-type", "application/json").body("{")).await.0, 400);
    let big = "x".repeat(2 * 1024 * 1024);
    assert_eq!(send(ask(Method::POST, "/check").json(&json!({ "campaign": "a", "text": big }))).await.1, "/api#too-large");
    let (status, of, errors) = send(ask(Method::POST, "/tokens").json(&json!({ "name": "a", "rights": ["fly"] }))).await;
    assert_eq!((status, of.as_str(), &errors[0]["pointer"]), (422, "/api#invalid", &json!("/rights/0")));
    let (status, _, errors) = send(ask(Method::POST, "/tokens").json(&json!({ "name": "a", "rights": [], "more": 1 }))).await;
    assert_eq!((status, &errors[0]["pointer"]), (422, &json!("/more")));
    let (status, _, errors) = send(ask(Method::POST, "/runs").json(&json!({ "campaign": "a" }))).await;
    assert_eq!((status, &errors[0]["header"]), (400, &json!("Idempotency-Key")));

    // In the caller's language, and never more than a token lends.
    let vietnamese = desk.request(Method::GET, "/nothing").header("accept-language", "vi").send().await.unwrap();
    assert!(vietnamese.headers()["ratelimit"].to_str().unwrap().contains("r="), "{vietnamese:?}");
    let lesser: Value =
        desk.post("/tokens", json!({ "name": "reader", "rights": ["read_campaigns"] })).await.json().await.unwrap();
    let lesser = lesser["secret"].as_str().unwrap();
    let stop = desk.request_by(lesser, Method::POST, "/stop");
    assert_eq!(send(stop).await.1, "/api#forbidden");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_guide_shows_works() {
    let desk = Desk::open(30).await;
    let db = desk.office.db().await;
    let reference: String = loa::on!(db.read, |pool, _sql| sqlx::query_scalar(
        "SELECT min(ref) FROM recipient WHERE state = 0 AND phone IS NOT NULL"
    )
    .fetch_one(pool)
    .await)
    .unwrap();
    db.close().await;
    let guide = std::fs::read_to_string("docs/api.md").unwrap();
    let blocks: Vec<&str> = guide.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(blocks.len() >= 6);
    for block in blocks {
        // A curl that fails fails the block; so does each before the last.
        let script = format!("set -e\n{}", block.replace("curl -sS", "curl -sS --fail-with-body --noproxy '*'"));
        let done = Command::new("sh")
            .args(["-c", &script])
            .env("LOA", &desk.office.url)
            .env("TOKEN", &desk.token)
            .env("REF", &reference)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&done.stdout);
        assert!(done.status.success(), "{block}\n{said}{}", String::from_utf8_lossy(&done.stderr));
        assert!(!said.is_empty(), "{block}");
    }
}
