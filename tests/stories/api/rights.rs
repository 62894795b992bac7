//! What a token may do, and what it may not: never more than its maker, never longer than the one that made it.

use chrono::{Days, Utc};
use loa::{
    approval::delegation,
    audit::Actor,
    user::{self, Right, Role, api_token},
};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Desk, definition, now, problem, token};

#[tokio::test(flavor = "multi_thread")]
async fn what_a_program_lends_of_its_token_ends_with_it() {
    let desk = Desk::open(0).await;
    let lend = json!({ "name": "con", "rights": ["read_campaigns"], "days": 366 });
    let made: Value = desk.post("/tokens", lend.clone()).await.json().await.unwrap();
    let (child, id) = (made["secret"].as_str().unwrap(), made["id"].as_i64().unwrap());
    let ends: chrono::DateTime<Utc> = serde_json::from_value(made["ends_at"].clone()).unwrap();
    assert!(ends.timestamp_millis() <= now() + 3_600_000, "no longer than the one that made it: {made}");
    let mine = desk.get("/tokens").await["items"].clone();
    assert_eq!(mine.as_array().unwrap().len(), 2, "{mine}");
    let own = mine.as_array().unwrap().iter().map(|one| one["id"].as_i64().unwrap()).find(|one| *one != id).unwrap();

    // Whoever has the lesser one alone sees and ends nothing of the other.
    let ask = |method: Method, path: &str| desk.request_by(child, method, path);
    let theirs: Value = ask(Method::GET, "/tokens").send().await.unwrap().json().await.unwrap();
    assert_eq!((theirs["items"].as_array().unwrap().len(), &theirs["items"][0]["id"]), (1, &json!(id)), "{theirs}");
    assert_eq!(problem(ask(Method::DELETE, &format!("/tokens/{own}")).send().await.unwrap()).await.0, 404);
    let more = json!({ "name": "hơn", "rights": ["run"] });
    assert_eq!(problem(ask(Method::POST, "/tokens").json(&more).send().await.unwrap()).await.0, 403);
    let grandchild: Value = ask(Method::POST, "/tokens").json(&lend).send().await.unwrap().json().await.unwrap();
    let grandchild = grandchild["secret"].as_str().unwrap();
    assert_eq!(desk.request_by(grandchild, Method::GET, "/me").send().await.unwrap().status(), 200);

    assert_eq!(desk.request(Method::DELETE, &format!("/tokens/{id}")).send().await.unwrap().status(), 204);
    for secret in [child, grandchild] {
        assert_eq!(desk.request_by(secret, Method::GET, "/me").send().await.unwrap().status(), 401);
    }
    desk.get("/me").await;
    // Nobody is made who belongs nowhere.
    let nowhere = json!({ "email": "x@example.vn", "name": "X", "roles": ["officer"] });
    let (status, _, errors) = problem(desk.post("/users", nowhere).await).await;
    assert_eq!((status, &errors[0]["pointer"]), (422, &json!("/departments")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delegate_decides_by_a_token_that_stands_for_them() {
    let desk = Desk::open(0).await;
    let save = desk.request(Method::PUT, "/campaigns/thu-api").header("if-none-match", "*");
    let saved = save.json(&json!({ "text": definition("Thử API") })).send().await.unwrap();
    assert_eq!((saved.status().as_u16(), saved.headers()["location"].to_str().unwrap()), (201, "/api/v1/campaigns/thu-api"));
    let asked: Value = desk.post("/campaigns/thu-api/submissions", json!({})).await.json().await.unwrap();
    let path = format!("/submissions/{}", asked["submission"]);
    let hash = desk.get(&path).await["hash"].clone();

    token(&desk.office, "vang@example.vn", &[Role::Approver]).await;
    let whole = token(&desk.office, "thay@example.vn", &[Role::Officer]).await;
    let (db, seal, actor) = (desk.office.db().await, desk.office.seal().await, Actor::command("test"));
    let of = async |email: &str| user::by_email(&db, email).await.unwrap().unwrap();
    let (away, delegate) = (of("vang@example.vn").await, of("thay@example.vn").await);
    let rights = [Right::ReadCampaigns, Right::WriteCampaigns].into_iter().collect();
    let lesser = api_token::New { name: "ít hơn", rights, ends_at: now() + 3_600_000 };
    let lesser = api_token::make(&db, &seal, &delegate, &lesser, &actor, now()).await.unwrap().0;
    let approve =
        |secret: &str| desk.request_by(secret, Method::POST, &format!("{path}/approve")).json(&json!({ "hash": hash })).send();
    assert_eq!(problem(approve(&whole).await.unwrap()).await.0, 403, "nobody is away yet");
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
    assert_eq!(problem(approve(&lesser).await.unwrap()).await.0, 403, "made for less than to stand for its user");
    let done: Value = approve(&whole).await.unwrap().json().await.unwrap();
    assert_eq!(
        (&done["state"], &done["instead_of"], &done["decided_by"]),
        (&json!("approved"), &json!("vang"), &json!("thay")),
        "{done}"
    );
}
