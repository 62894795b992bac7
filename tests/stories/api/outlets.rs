//! Outlets as programs write them.

use loa::{
    audit::Actor,
    user::{self, Role, api_token},
};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::{Desk, now, problem};

fn wanted() -> Value {
    json!({ "slug": "viettel", "title": "Viettel Đồng Nai", "kind": "carrier", "way": "push", "url": "https://relay.example.vn/cap",
        "contact": "truc.ban@example.vn", "areas": ["79", "01"], "sender": "viettel.example.vn" })
}

async fn wrong(request: RequestBuilder) -> (u16, Value) {
    let (status, _, errors) = problem(request.send().await.unwrap()).await;
    (status, errors[0]["pointer"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn outlets_are_written_changed_and_let_rest() {
    let desk = Desk::open(0).await;
    let made = desk.post("/outlets", wanted()).await;
    assert_eq!((made.status().as_u16(), made.headers()["location"].to_str().unwrap()), (201, "/api/v1/outlets/viettel"));
    let made: Value = made.json().await.unwrap();
    assert_eq!(
        (&made["contact"], &made["areas"], &made["active"]),
        (&json!("t…@example.vn"), &json!(["01", "79"]), &json!(true))
    );
    assert_eq!(problem(desk.post("/outlets", wanted()).await).await.0, 409, "another has this slug");

    let with = |field: &str, value: Value| {
        let mut wanted = wanted();
        wanted["slug"] = json!("khac");
        wanted[field] = value;
        desk.request(Method::POST, "/outlets").json(&wanted)
    };
    for (field, value) in [
        ("slug", json!("Khác")),
        ("title", json!(" ")),
        ("url", json!("http://example.vn/")),
        ("certificate", json!("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----")),
        ("contact", json!("truc")),
        ("areas", json!(["99"])),
        ("department", json!("Sở Không Có")),
        ("sender", json!("a b")),
        ("kind", json!("cinema")),
        ("more", json!(1)),
    ] {
        assert_eq!(wrong(with(field, value)).await, (422, json!(format!("/{field}"))), "{field}");
    }

    let path = "/outlets/viettel";
    let tag = desk.request(Method::GET, path).send().await.unwrap().headers()["etag"].to_str().unwrap().to_string();
    let mut change = wanted();
    change.as_object_mut().unwrap().retain(|field, _| field != "slug" && field != "contact");
    change["title"] = json!("Viettel");
    let put = |tag: Option<&str>| {
        let request = desk.request(Method::PUT, path).json(&change);
        tag.map_or_else(|| request.try_clone().unwrap(), |tag| request.try_clone().unwrap().header("if-match", tag))
    };
    assert_eq!(problem(put(None).send().await.unwrap()).await.0, 428);
    let changed: Value = put(Some(&tag)).send().await.unwrap().json().await.unwrap();
    assert_eq!((&changed["title"], &changed["contact"]), (&json!("Viettel"), &json!("t…@example.vn")), "its contact stays");
    assert_eq!(problem(put(Some(&tag)).send().await.unwrap()).await.0, 412);

    let rests: Value = desk.request(Method::POST, "/outlets/viettel/disable").send().await.unwrap().json().await.unwrap();
    assert_eq!(rests["active"], false);
    assert_eq!(desk.get("/outlets?active=true").await["items"], json!([]));
    assert_eq!(desk.get("/outlets?kind=carrier").await["items"].as_array().unwrap().len(), 1);
    desk.request(Method::POST, "/outlets/viettel/enable").send().await.unwrap().error_for_status().unwrap();

    // Whoever may only look does only that, and what belongs to another department is not there.
    let (db, seal, actor) = (desk.office.db().await, desk.office.seal().await, Actor::command("test"));
    let [here, there] = ["Sở Ở Đây", "Sở Ở Kia"];
    for name in [here, there] {
        user::add_department(&db, name, &actor, now()).await.unwrap().unwrap();
    }
    let all = user::departments(&db).await.unwrap();
    let number = all.iter().find(|one| one.name == here).unwrap().id;
    let new = user::New {
        email: "day@example.vn".into(),
        name: "day".into(),
        roles: [Role::Officer].into_iter().collect(),
        every_department: false,
        departments: vec![number],
    };
    let id = user::add(&db, &new, &actor, now()).await.unwrap().unwrap();
    let officer = user::find(&db, id).await.unwrap().unwrap();
    let lend = async |rights: &[user::Right]| {
        let rights = rights.iter().copied().collect();
        let lent = api_token::New { name: "test", rights, ends_at: now() + 3_600_000 };
        api_token::make(&db, &seal, &officer, &lent, &actor, now()).await.unwrap().0
    };
    let looker = lend(&[user::Right::ReadOrders]).await;
    let writer = lend(&[user::Right::ReadOrders, user::Right::ManageOutlets]).await;
    db.close().await;
    let theirs = json!({ "slug": "truong-kia", "title": "Trường", "kind": "school", "way": "hand", "department": there });
    assert_eq!(desk.post("/outlets", theirs.clone()).await.status(), 201);
    let ask = |secret: &str, method: Method, path: &str| desk.request_by(secret, method, path);
    assert_eq!(wrong(ask(&looker, Method::POST, "/outlets").json(&wanted())).await.0, 403);
    assert_eq!(wrong(ask(&looker, Method::DELETE, path)).await.0, 403);
    for (method, path) in [
        (Method::GET, "/outlets/truong-kia"),
        (Method::DELETE, "/outlets/truong-kia"),
        (Method::POST, "/outlets/truong-kia/disable"),
    ] {
        assert_eq!(wrong(ask(&writer, method, path)).await.0, 404, "{path}");
    }
    let mut reaching = theirs;
    reaching["slug"] = json!("truong-khac");
    assert_eq!(wrong(ask(&writer, Method::POST, "/outlets").json(&reaching)).await, (422, json!("/department")));
    // What is everybody's is not taken from everybody by somebody of one department.
    let stands = ask(&writer, Method::GET, path).send().await.unwrap();
    let tag = stands.headers()["etag"].to_str().unwrap().to_string();
    let mut taking = change.clone();
    taking["department"] = json!(here);
    let taken = ask(&writer, Method::PUT, path).header("if-match", &tag).json(&taking);
    assert_eq!(wrong(taken).await, (422, json!("/department")));
    assert_eq!(desk.get(path).await["department"], "");
    let seen: Value = ask(&writer, Method::GET, "/outlets").send().await.unwrap().json().await.unwrap();
    assert_eq!(seen["items"].as_array().unwrap().len(), 1, "{seen}");

    assert_eq!(desk.request(Method::DELETE, path).send().await.unwrap().status(), 204);
    assert_eq!(problem(desk.request(Method::GET, path).send().await.unwrap()).await.0, 404);
    desk.office.loa(&["audit", "verify"]);
}
