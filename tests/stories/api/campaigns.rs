//! Campaigns and their runs.

use std::collections::BTreeSet;

use loa::user::Role;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Desk, definition, problem, token};

#[tokio::test(flavor = "multi_thread")]
async fn a_campaign_is_written_approved_by_another_and_sent_once() {
    let desk = Desk::open(40).await;
    let text = definition("Thử API");
    let checked = desk.post("/check", json!({ "campaign": "thu-api", "text": "title = 7\n" })).await;
    let checked: Value = checked.json().await.unwrap();
    assert_eq!((&checked["ok"], &checked["problems"][0]["line"]), (&json!(false), &json!(1)), "{checked}");

    let save = |path: &str, text: &str| desk.request(Method::PUT, path).json(&json!({ "text": text }));
    assert_eq!(save("/campaigns/thu-api", &text).send().await.unwrap().status(), 428);
    let made = save("/campaigns/thu-api", &text).header("if-none-match", "*").send().await.unwrap();
    assert_eq!((made.status(), made.headers()["etag"].to_str().unwrap()), (StatusCode::CREATED, "\"1\""));
    let stale = save("/campaigns/thu-api", &definition("Khác")).header("if-match", "\"7\"").send().await.unwrap();
    assert_eq!(problem(stale).await.1, "/api#changed");
    let second = save("/campaigns/thu-api", &definition("Thử API 2")).header("if-match", "\"1\"").send().await.unwrap();
    assert_eq!(second.status(), 200);
    let toml = desk.request(Method::GET, "/campaigns/thu-api").header("accept", "application/toml").send().await.unwrap();
    assert_eq!(toml.headers()["etag"], "\"2\"");
    assert_eq!(toml.text().await.unwrap(), definition("Thử API 2"));
    assert_eq!(desk.get("/campaigns/thu-api/versions").await["items"].as_array().unwrap().len(), 2);

    let submitted = desk.post("/campaigns/thu-api/submissions", json!({ "note": "xin duyệt" })).await;
    assert_eq!(submitted.status(), 201);
    let number = submitted.json::<Value>().await.unwrap()["submission"].clone();
    // Campaigns of files wait as well.
    let all = desk.get("/submissions").await;
    let waiting = all["items"].as_array().unwrap().iter().find(|one| one["id"] == number).unwrap().clone();
    assert_eq!((&waiting["campaign"], &waiting["version"]), (&json!("thu-api"), &json!(2)));
    let decision = json!({ "hash": waiting["hash"] });
    let path = format!("/submissions/{}/approve", waiting["id"]);
    // Nobody approves their own.
    assert_eq!(problem(desk.post(&path, decision.clone()).await).await.0, 403);
    let start = json!({ "campaign": "thu-api" });
    let early = desk.request(Method::POST, "/runs").header("idempotency-key", "early").json(&start).send().await.unwrap();
    assert_eq!(early.status().as_u16() / 100, 4);
    let other = token(&desk.office, "other@example.vn", &[Role::Approver]).await;
    let approved = desk.request_by(&other, Method::POST, &path).json(&decision).send().await.unwrap();
    assert_eq!(approved.status(), 200, "{:?}", approved.text().await);

    // The same key makes the same run, and a different request under it none.
    let run = async |key: &str, body: &Value| {
        desk.request(Method::POST, "/runs").header("idempotency-key", key).json(body).send().await.unwrap()
    };
    let first = run("k-1", &start).await;
    assert_eq!(first.status(), 201, "{:?}", first.text().await);
    let first: Value = first.json().await.unwrap();
    let again = run("k-1", &start).await;
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    assert_eq!(again.json::<Value>().await.unwrap()["id"], first["id"]);
    assert_eq!(problem(run("k-1", &json!({ "campaign": "khac" })).await).await.1, "/api#idempotency-key-reused");
    let (one, other) = tokio::join!(run("k-2", &start), run("k-2", &start));
    let statuses = BTreeSet::from([one.status().as_u16(), other.status().as_u16()]);
    assert!(statuses.is_subset(&BTreeSet::from([201, 409])), "{statuses:?}");
    assert_eq!(desk.get("/runs").await["runs"].as_array().unwrap().len(), 2);

    // Where the answer was lost with its process, the run is found again by its key.
    let db = desk.office.db().await;
    loa::on!(db.write, |pool, _sql| sqlx::query("DELETE FROM idempotency").execute(pool).await.map(|_| ())).unwrap();
    db.close().await;
    let found: Value = run("k-1", &start).await.json().await.unwrap();
    assert_eq!(found["id"], first["id"]);

    let id = first["id"].as_i64().unwrap();
    let stopped: Value = desk.post("/stop", json!({})).await.json().await.unwrap();
    assert!(stopped["runs"].as_array().unwrap().len() <= 2);
    let aborted = desk.request(Method::POST, &format!("/runs/{id}/abort")).send().await.unwrap();
    assert!([200, 409].contains(&aborted.status().as_u16()));
    let audit = desk.get("/audit?limit=200").await;
    let actions: BTreeSet<&str> =
        audit["items"].as_array().unwrap().iter().filter_map(|entry| entry["action"].as_str()).collect();
    assert!(
        actions.is_superset(&BTreeSet::from(["campaign.save", "campaign.submit", "campaign.approve", "run.start", "run.stop"])),
        "{actions:?}"
    );
    assert!(audit["items"].as_array().unwrap().iter().any(|entry| entry["via"] == "api"));
}
