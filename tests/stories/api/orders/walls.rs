//! Nobody's program sees another outlet's orders, and the office's tokens open nothing on the Internet's side.

use loa::{
    cap::{self, MsgType},
    user::Role,
};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::{Road, answer, bad, good, report};
use crate::stories::api::token;

#[tokio::test(flavor = "multi_thread")]
async fn another_outlet_s_order_is_not_there() {
    let road = Road::open().await;
    let identifier = road.order("viettel").await;
    road.fetched(&identifier).await;
    let scan = road.outside(&road.viettel, Method::POST, &format!("/orders/{identifier}/papers?name=a.pdf"));
    let paper = good(scan.header("content-type", "application/pdf").body("%PDF-1.7 a")).await["hash"].clone();
    let mut with_paper = report(&identifier, 1, [10, 9, 8, 0], None);
    with_paper["evidence"] = paper.clone();
    good(road.outside(&road.viettel, Method::POST, &format!("/orders/{identifier}/reports")).json(&with_paper)).await;
    let paper = paper.as_str().unwrap();
    assert_eq!(
        road.outside(&road.viettel, Method::GET, &format!("/orders/{identifier}/papers/{paper}")).send().await.unwrap().status(),
        200
    );

    // Each address, as it is described: with a program of another outlet, on both sides, and with what would be right for its own.
    let document: Value =
        road.client.get(format!("{}/api/openapi.json?lang=en", road.office.url)).send().await.unwrap().json().await.unwrap();
    let office_alone = [
        "approve_order",
        "withdraw_order",
        "cancel_order",
        "update_order",
        "push_order_again",
        "hand_order_over",
        "close_order",
        "reopen_order",
    ];
    let (mut hidden, mut forbidden) = (0, 0);
    for (path, item) in document["paths"].as_object().unwrap() {
        if !path.starts_with("/orders/{identifier}") {
            continue;
        }
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            let path = path.replace("{identifier}", &identifier).replace("{hash}", paper);
            let path = if id == "bring_order_paper" { format!("{path}?name=b.pdf") } else { path };
            let method: Method = method.to_ascii_uppercase().parse().unwrap();
            let mine = |request: RequestBuilder| match id {
                "bring_order_paper" => request.header("content-type", "application/pdf").body("%PDF-1.7 b"),
                "report_on_order" => request.json(&report(&identifier, 2, [10, 10, 9, 0], None)),
                "refuse_order" | "withdraw_order" | "cancel_order" | "reopen_order" => request.json(&json!({ "why": "x" })),
                "approve_order" => request.json(&json!({ "hash": "x" })),
                "update_order" => request.json(&json!({ "note": "x", "rounds": 3 })),
                "hand_order_over" => request.json(&json!({ "how": "x" })),
                "close_order" => request.json(&json!({})),
                _ => request,
            };
            let within = bad(mine(road.inside(&road.vina, method.clone(), &path))).await.0;
            if office_alone.contains(&id) {
                assert_eq!(within, 403, "{id}");
                assert_eq!(bad(mine(road.inside(&road.viettel, method.clone(), &path))).await.0, 403, "{id}");
                // Out there it is not even an address.
                let gone = mine(road.outside(&road.viettel, method, &path)).send().await.unwrap().status();
                assert!([404, 405].contains(&gone.as_u16()), "{id}: {gone}");
                forbidden += 1;
            } else {
                assert_eq!(within, 404, "{id}");
                assert_eq!(bad(mine(road.outside(&road.vina, method.clone(), &path))).await.0, 404, "{id}");
                // The office's own tokens open nothing on the Internet's side, however right they are inside.
                assert_eq!(bad(mine(road.outside(&road.all, method, &path))).await.0, 403, "{id}");
                hidden += 1;
            }
        }
    }
    assert_eq!((hidden, forbidden), (10, 8));
    assert_eq!(road.state(&identifier).await, "reported_partly", "nothing of it did anything");

    // Lists and feeds have nothing of it, whatever is asked for.
    for path in ["/orders", "/orders?outlet=viettel", "/orders?campaign=qua-viettel"] {
        assert_eq!(good(road.outside(&road.vina, Method::GET, path)).await["items"], json!([]), "{path}");
    }
    let feed = road.outside(&road.vina, Method::GET, "/orders/feed").send().await.unwrap().text().await.unwrap();
    assert!(!feed.contains(&identifier), "{feed}");
    // Nor is it told what another outlet is: one that is there is like one that is not.
    road.office.outlet("truong-mau", "Trường Mẫu", "school");
    let figures = async |outlet: &str| {
        let shown = good(road.inside(&road.vina, Method::GET, &format!("/orders/figures?outlet={outlet}"))).await;
        ["kind", "unit", "total", "lines"].map(|field| shown[field].clone())
    };
    let school = figures("truong-mau").await;
    assert_eq!((&school[1], &school), (&json!("subscribers"), &figures("khong-co").await));
    // An Ack of another's order, by its right name.
    let asked = road.fetched(&identifier).await;
    let ack = cap::write(&answer(&asked, "vina.example.vn", MsgType::Ack, None)).unwrap();
    let post = |secret: &str, body: String| {
        road.outside(secret, Method::POST, "/orders/answers").header("content-type", "application/cap+xml").body(body)
    };
    assert_eq!(bad(post(&road.vina, ack)).await.0, 404);

    // A paper that was brought for another's order is nobody else's evidence, and is not shown to them for having named it.
    let own = road.order("vina").await;
    let mut borrowed = report(&own, 1, [10, 9, 8, 0], None);
    borrowed["evidence"] = json!(paper);
    let (status, errors) = bad(road.outside(&road.vina, Method::POST, &format!("/orders/{own}/reports")).json(&borrowed)).await;
    assert_eq!((status, &errors[0]["pointer"]), (422, &json!("/evidence")));
    assert_eq!(bad(road.outside(&road.vina, Method::GET, &format!("/orders/{own}/papers/{paper}"))).await.0, 404);
    let (status, errors) =
        bad(road.outside(&road.vina, Method::POST, &format!("/orders/{identifier}/reports")).json(&borrowed)).await;
    assert_eq!((status, &errors), (404, &Value::Null));

    // Nothing else of the API is out there, and whoever acts for no outlet sees none.
    for path in ["/runs", "/outlets", "/orders/figures", "/me", "/users"] {
        let gone = road.outside(&road.viettel, Method::GET, path).send().await.unwrap();
        assert_eq!(gone.status(), 404, "{path}");
    }
    let nobody = token(&road.office, "nobody@example.vn", &[Role::Partner]).await;
    assert_eq!(bad(road.outside(&nobody, Method::GET, "/orders")).await.0, 403);
    assert_eq!(road.client.get(format!("{}/api/v1/orders", road.outside)).send().await.unwrap().status(), 401);
    for path in ["/outlets", "/campaigns", "/runs"] {
        assert_eq!(bad(road.inside(&road.viettel, Method::GET, path)).await.0, 403, "{path}");
    }
}
