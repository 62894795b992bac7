//! People, of whom each sees those of their own departments, and masked.

use loa::{
    audit::Actor,
    user::{self, Role},
};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Desk, now, problem, token_of};

#[tokio::test(flavor = "multi_thread")]
async fn people_are_found_by_post_and_shown_masked() {
    let desk = Desk::open(30).await;
    let db = desk.office.db().await;
    let seal = desk.office.seal().await;
    let (id, phone): (i64, Vec<u8>) = loa::on!(db.read, |pool, _sql| sqlx::query_as(
        "SELECT id, phone FROM recipient WHERE phone IS NOT NULL ORDER BY id LIMIT 1"
    )
    .fetch_one(pool)
    .await)
    .unwrap();
    db.close().await;
    let phone = seal.open(loa::seal::Kind::Phone, &phone).unwrap();
    let found: Value = desk.post("/people/find", json!({ "phone": phone })).await.json().await.unwrap();
    assert!(found["items"].as_array().unwrap().iter().any(|person| person["id"] == id), "{found}");
    let person = desk.get(&format!("/people/{id}")).await.to_string();
    assert!(!person.contains(&phone) && person.contains("***"), "{person}");
    let (status, _, errors) = problem(desk.post("/people/find", json!({ "phone": "12" })).await).await;
    assert_eq!((status, &errors[0]["pointer"]), (422, &json!("/phone")));
    assert_eq!(problem(desk.post("/people/find", json!({})).await).await.0, 422);
    assert_eq!(desk.request(Method::DELETE, &format!("/people/{id}")).send().await.unwrap().status(), 204);
    assert_eq!(desk.request(Method::GET, &format!("/people/{id}")).send().await.unwrap().status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_on_another_departments_list_is_not_there() {
    let desk = Desk::open(20).await;
    let (db, actor) = (desk.office.db().await, Actor::command("test"));
    let mut departments = Vec::new();
    for name in ["Sở Văn hóa", "Công an tỉnh"] {
        departments.push(user::add_department(&db, name, &actor, now()).await.unwrap().unwrap());
    }
    let (person, reference): (i64, String) = loa::on!(db.read, |pool, _sql| sqlx::query_as(
        "SELECT id, ref FROM recipient WHERE phone IS NOT NULL AND state = 0 ORDER BY id LIMIT 1"
    )
    .fetch_one(pool)
    .await)
    .unwrap();
    loa::transaction!(db, |tx| loa::audience::list::give(tx, "residents", "Công an tỉnh").await).unwrap();
    let mut tokens = Vec::new();
    for department in departments {
        let new = user::New {
            email: format!("can-bo-{department}@example.vn"),
            name: "Cán bộ".into(),
            roles: [Role::Officer].into_iter().collect(),
            every_department: false,
            departments: vec![department],
        };
        tokens.push(token_of(&desk.office, &new).await);
    }
    db.close().await;
    for (token, sees) in tokens.iter().zip([false, true]) {
        let ask = |method: Method, path: &str| desk.request_by(token, method, path);
        let status = ask(Method::GET, &format!("/people/{person}")).send().await.unwrap().status();
        assert_eq!(status == 200, sees, "{status}");
        let refusal = json!({ "channel": "sms", "scope": "awareness" });
        let refused = ask(Method::POST, &format!("/people/{person}/refusals")).json(&refusal).send().await.unwrap();
        assert_eq!(refused.status(), if sees { 204 } else { 404 });
        // A test of a campaign goes to nobody else either, and goes by who may send.
        let tested = ask(Method::POST, "/campaigns/nhan-dien-lua-dao/tests").header("idempotency-key", "thu");
        let tested = tested.json(&json!({ "recipients": [reference] })).send().await.unwrap().status();
        assert_eq!(tested, if sees { 201 } else { 422 });
        let imports: Value = ask(Method::GET, "/imports").send().await.unwrap().json().await.unwrap();
        assert_eq!(imports["items"].as_array().unwrap().len(), usize::from(sees), "{imports}");
        if sees {
            let path = format!("/people/{person}/refusals");
            let standing: Value = ask(Method::GET, &path).send().await.unwrap().json().await.unwrap();
            assert_eq!(standing["items"][0]["lasting"], "awareness", "{standing}");
            assert_eq!(ask(Method::DELETE, &format!("{path}/sms")).send().await.unwrap().status(), 204);
            let standing: Value = ask(Method::GET, &path).send().await.unwrap().json().await.unwrap();
            assert_eq!(standing["items"], json!([]));
        }
    }
}
