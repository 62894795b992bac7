//! Lists that programs bring: gone through, described, confirmed, thrown away.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::{Desk, problem};

const LIST: &str = "ref,phone,trạng thái\nhv-1,0901 234 567,mới\nhv-2,0901 234 568,cũ\nhv-3,12,cũ\n";

fn bring(desk: &Desk, path: &str, body: impl Into<reqwest::Body>) -> RequestBuilder {
    desk.request(Method::POST, path).header("content-type", "text/csv").body(body)
}

async fn read(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_brought_described_and_confirmed_as_on_the_page() {
    let desk = Desk::open(20).await;
    let response = bring(&desk, "/uploads?name=hoi-vien.csv", LIST).send().await.unwrap();
    let location = response.headers()["location"].to_str().unwrap().to_string();
    assert_eq!(response.status(), 201);
    let brought: Value = response.json().await.unwrap();
    let id = &brought["id"];
    assert_eq!(location, format!("/api/v1/uploads/{id}"));
    assert_eq!(
        (&brought["list"], &brought["kind"], &brought["name"]),
        (&json!("hoi-vien"), &json!("audience"), &json!("hoi-vien.csv"))
    );
    let path = format!("/uploads/{id}");

    desk.office.until("it is gone through", "SELECT count(*) FROM upload WHERE state = 1").await;
    let checked = desk.get(&path).await;
    assert_eq!(
        (&checked["state"], &checked["outcome"]["rows"], &checked["outcome"]["refused"]),
        (&json!("checked"), &json!(3), &json!(1))
    );
    assert!(!checked.to_string().contains("0901 234 567"), "cells are masked: {checked}");
    let holds: Vec<&Value> = checked["columns"].as_array().unwrap().iter().map(|column| &column["holds"]).collect();
    assert_eq!(holds[..2], ["ref", "phone"], "{checked}");

    let wrong = json!({ "list": "", "basis": "consent", "columns": ["ref", "-", "-"] });
    let (status, of, errors) = problem(desk.request(Method::PUT, &path).json(&wrong).send().await.unwrap()).await;
    let pointers: Vec<&Value> = errors.as_array().unwrap().iter().map(|error| &error["pointer"]).collect();
    assert_eq!((status, of.as_str()), (422, "/api#invalid"));
    assert_eq!(pointers, ["/list", "/basis_source", "/columns"], "{errors}");
    let nowhere = json!({ "list": "hoi-vien", "department": "Không có", "columns": ["ref", "phone", "-"] });
    let (status, _, errors) = problem(desk.request(Method::PUT, &path).json(&nowhere).send().await.unwrap()).await;
    assert_eq!((status, &errors[0]["pointer"]), (422, &json!("/department")));
    let said = json!({ "list": "Hội viên", "basis": "public_task", "columns": ["ref", "phone", "-"] });
    let (status, said) = read(desk.request(Method::PUT, &path).json(&said)).await;
    assert_eq!((status, &said["list"], &said["columns"][2]["holds"]), (200, &json!("Hội viên"), &json!("-")), "{said}");

    desk.office.until("it is gone through anew", "SELECT count(*) FROM upload WHERE state = 1").await;
    assert_eq!(
        desk.office.number("SELECT count(*) FROM recipient WHERE source = 'Hội viên'").await,
        0,
        "nothing of it counts yet"
    );
    assert_eq!(desk.post(&format!("{path}/confirm"), json!({})).await.status(), 200);
    desk.office.until("it is taken in", "SELECT count(*) FROM upload WHERE state = 3").await;
    assert_eq!(desk.office.number("SELECT count(*) FROM recipient WHERE source = 'Hội viên'").await, 2);
    assert_eq!(desk.get("/imports").await["items"][0]["source"], "Hội viên");
    assert_eq!(problem(desk.post(&format!("{path}/confirm"), json!({})).await).await.1, "/api#conflict");

    // However many ask, a segment is counted once a minute.
    let (one, other) = tokio::join!(desk.get("/segments/toan-dan"), desk.get("/segments/toan-dan"));
    assert_eq!((&one["at"], &one["count"]), (&other["at"], &other["count"]));
    assert!(one["count"]["people"].as_i64().unwrap() >= 20, "{one}");

    // The refused rows are given out once, also to whoever says that they mean the same request.
    let fetch = || desk.request(Method::POST, &format!("{path}/refused-rows")).header("idempotency-key", "rows").send();
    let rows = fetch().await.unwrap();
    assert_eq!((rows.status().as_u16(), rows.headers()["content-type"].to_str().unwrap()), (200, "text/csv; charset=utf-8"));
    assert!(rows.text().await.unwrap().contains("hv-3"));
    assert_eq!(problem(fetch().await.unwrap()).await.1, "/api#conflict");
    let actions = desk.get("/audit?limit=200").await.to_string();
    for action in ["audience.upload", "audience.confirm", "audience.rejected"] {
        assert!(actions.contains(action), "{action}: {actions}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_list_is_told_and_one_under_a_key_comes_once() {
    let desk = Desk::open(0).await;
    let send = async |request: RequestBuilder| problem(request.send().await.unwrap()).await;
    let wrong = desk.request(Method::POST, "/uploads?name=a.csv").header("content-type", "image/png").body(LIST);
    assert_eq!(send(wrong).await.0, 415);
    assert_eq!(send(bring(&desk, "/uploads?name=a.csv", "")).await.0, 422);
    let (status, _, errors) = send(bring(&desk, "/uploads", LIST)).await;
    assert_eq!(status, 400, "{errors}");
    let (status, _, errors) = send(bring(&desk, "/uploads?name=a.csv&knd=block", LIST)).await;
    assert_eq!((status, &errors[0]["parameter"]), (400, &json!("knd")));
    assert_eq!(send(desk.client.post(format!("{}/api/v1/uploads?name=a.csv", desk.office.url)).body(LIST)).await.0, 401);
    assert_eq!(desk.office.number("SELECT count(*) FROM upload").await, 0);

    // Longer than other bodies may be, and so long that it is not held.
    let long = LIST.to_string() + &"hv-9,0901 234 569,cũ\n".repeat(100_000);
    assert!(long.len() > 2 * 1024 * 1024);
    let keyed = |body: &str| bring(&desk, "/uploads?name=dai.csv", body.to_string()).header("idempotency-key", "dai");
    let (status, first) = read(keyed(&long)).await;
    assert_eq!(status, 201, "{first}");
    let again = keyed(&long).send().await.unwrap();
    assert_eq!((again.status().as_u16(), again.headers()["idempotent-replayed"].to_str().unwrap()), (201, "true"));
    assert_eq!(again.json::<Value>().await.unwrap()["id"], first["id"]);
    assert_eq!(send(keyed(LIST)).await.1, "/api#idempotency-key-reused");
    assert_eq!(desk.office.number("SELECT count(*) FROM upload").await, 1);
    let path = format!("/uploads/{}", first["id"]);
    assert_eq!(desk.request(Method::DELETE, &path).send().await.unwrap().status(), 204);
    assert_eq!(send(desk.request(Method::DELETE, &path)).await.1, "/api#conflict");
    assert_eq!(desk.get("/uploads").await["items"], json!([]));
}
