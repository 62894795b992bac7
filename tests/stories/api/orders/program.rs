//! An outlet's program takes an order, answers and reports, as the guide shows it.

use std::{fs, process::Command};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use loa::cap::{self, signature};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Road, bad, good, header, moment, report};
use crate::{
    helpers::{
        peer,
        signers::{SIGNER, certificate},
    },
    stories::api::now,
};

#[tokio::test(flavor = "multi_thread")]
async fn an_outlet_s_program_takes_an_order_and_reports_on_it() {
    let road = Road::open().await;
    let identifier = road.order("viettel").await;
    let at = |rest: &str| format!("/orders/{identifier}{rest}");
    let ask = |method: Method, rest: &str| road.outside(&road.viettel, method, &at(rest));

    let listed = good(road.outside(&road.viettel, Method::GET, "/orders?state=approved")).await;
    let one = &listed["items"][0];
    assert_eq!(
        (&one["identifier"], &one["campaign"], &one["made_by"]),
        (&json!(identifier), &Value::Null, &Value::Null),
        "{one}"
    );
    assert_eq!(one["content"]["sms"]["text"], "Khong cung cap ma OTP.");

    // The feed, as a bearer and as a reader that knows only passwords; nothing else is opened by a password.
    let feed = road.outside(&road.viettel, Method::GET, "/orders/feed").send().await.unwrap();
    assert_eq!((feed.status().as_u16(), header(&feed, "content-type").as_str()), (200, "application/atom+xml"));
    let tag = header(&feed, "etag");
    let items = cap::feed::items(feed.text().await.unwrap().as_bytes()).unwrap();
    assert!(items.len() == 1 && items[0].document.as_ref().unwrap().ends_with(&at("/document")), "{items:?}");
    let same = road.outside(&road.viettel, Method::GET, "/orders/feed").header("if-none-match", &tag).send().await.unwrap();
    assert_eq!((same.status().as_u16(), header(&same, "etag")), (304, tag));
    let basic = format!("Basic {}", STANDARD.encode(format!("reader:{}", road.viettel)));
    let by_password =
        |path: &str| road.client.get(format!("{}/api/v1{path}", road.outside)).header("authorization", &basic).send();
    assert_eq!(by_password("/orders/feed").await.unwrap().status(), 200);
    assert_eq!(by_password("/orders").await.unwrap().status(), 401);
    let stranger = road.client.get(format!("{}/api/v1/orders/feed", road.outside)).send().await.unwrap();
    let asked: Vec<_> = stranger.headers().get_all("www-authenticate").iter().map(|value| value.to_str().unwrap()).collect();
    assert!(stranger.status() == 401 && asked.iter().any(|one| one.starts_with("Basic")), "{asked:?}");

    // Looking takes nothing over, fetching does; and it is one document, signed.
    assert_eq!(ask(Method::HEAD, "/document").send().await.unwrap().status(), 200);
    assert_eq!(road.state(&identifier).await, "approved");
    let first = ask(Method::GET, "/document").send().await.unwrap();
    assert_eq!(header(&first, "content-type"), "application/cap+xml");
    let tag = header(&first, "etag");
    let document = first.bytes().await.unwrap();
    assert_eq!(signature::verify(&document, &[certificate("signer")], now()).unwrap().alert.identifier, identifier);
    assert_eq!(road.state(&identifier).await, "handed_over");
    assert_eq!(ask(Method::GET, "/document").send().await.unwrap().bytes().await.unwrap(), document);
    assert_eq!(ask(Method::GET, "/document").header("if-none-match", tag).send().await.unwrap().status(), 304);

    let done = good(ask(Method::POST, "/acknowledge").json(&json!({ "note": "Phiếu 7" }))).await;
    assert_eq!(done["state"], "acknowledged");
    assert_eq!(good(ask(Method::POST, "/begin")).await["state"], "sending");
    let (status, _) = bad(ask(Method::POST, "/refuse").json(&json!({ "why": "muộn rồi" }))).await;
    assert_eq!(status, 409);

    let send = |body: Value| ask(Method::POST, "/reports").json(&body);
    let first = report(&identifier, 1, [100, 90, 60, 20], None);
    assert_eq!(good(send(first.clone())).await["repeated"], false);
    assert_eq!(good(send(first)).await["repeated"], true);
    let (status, errors) = bad(send(report(&identifier, 2, [100, 90, 80, 20], None))).await;
    assert_eq!((status, &errors[0]["pointer"]), (422, &json!("/areas/0/submitted")));
    let (status, errors) = bad(send(report(&identifier, 2, [100, 80, 60, 20], None))).await;
    assert_eq!((status, &errors[0]["pointer"]), (422, &json!("/areas/0/submitted")), "{errors}");
    let lower = good(send(report(&identifier, 2, [100, 80, 60, 20], Some("đếm trùng")))).await;
    assert_eq!(lower["order"]["state"], "reported_partly");
    let (status, errors) = bad(send(report("loa-0-vina-0", 3, [100, 90, 80, 0], None))).await;
    assert_eq!((status, &errors[0]["pointer"]), (422, &json!("/order")));
    let mut odd = report(&identifier, 3, [1, 1, 1, 0], None);
    odd["areas"][0]["delivered"] = json!("x");
    let (status, errors) = bad(send(odd)).await;
    assert_eq!((status, &errors[0]["pointer"]), (422, &json!("/areas/0/delivered")));

    // A table, with what is about the whole in the address; what is wrong with one is told by line.
    let table = |query: &str, text: &str| {
        ask(Method::POST, &format!("/reports?{query}")).header("content-type", "text/csv").body(text.to_string())
    };
    let about = format!("sequence=3&final=true&as_of={}", moment());
    let (status, errors) = bad(table(&about, "Mã địa bàn,Vòng,Thuê bao mục tiêu,Đã gửi,Thành công\n01,1,100,90,95\n")).await;
    assert_eq!((status, &errors[0]["line"]), (422, &json!(2)), "{errors}");
    let early = "sequence=3&final=true&as_of=2026-01-01T00:00:00Z";
    let (status, errors) = bad(table(early, "code,round,targeted,submitted,delivered,pending\n01,1,100,90,85,0\n")).await;
    assert_eq!((status, &errors[0]["parameter"]), (422, &json!("as_of")), "{errors}");
    let taken = good(table(&about, "Mã địa bàn,Vòng,Thuê bao mục tiêu,Đã gửi,Thành công,Đang chờ\n01,1,100,90,85,0\n")).await;
    assert_eq!((&taken["order"]["state"], &taken["sequence"]), (&json!("reported"), &json!(3)));
    let (status, _) = bad(send(report(&identifier, 4, [100, 90, 86, 0], None))).await;
    assert_eq!(status, 409, "its final report came");

    let kept = good(ask(Method::GET, "/reports")).await;
    let counts: Vec<_> = kept["items"].as_array().unwrap().iter().map(|one| (&one["sequence"], &one["counts"])).collect();
    assert_eq!(counts, [(&json!(3), &json!(true)), (&json!(2), &json!(false)), (&json!(1), &json!(false))]);
    assert!(kept["items"].as_array().unwrap().iter().all(|one| one["by"].is_null()), "{kept}");
    let to_office = good(road.inside(&road.all, Method::GET, &at("/reports"))).await;
    assert!(to_office["items"].as_array().unwrap().iter().all(|one| one["by"].is_string()), "{to_office}");
    let events = good(ask(Method::GET, "/events")).await;
    let happened: Vec<_> = events["items"].as_array().unwrap().iter().filter_map(|one| one["happening"].as_str()).collect();
    assert!(happened.starts_with(&["hand_over", "acknowledge", "begin", "report"]), "{happened:?}");

    // In subscribers, and by whom they were counted.
    let figures = good(road.inside(&road.all, Method::GET, "/orders/figures?by=area")).await;
    assert_eq!((&figures["reported_by"], &figures["unit"]), (&json!("outlet"), &json!("subscribers")));
    assert_eq!(figures["total"]["delivered"], 85);
    assert_eq!((&figures["lines"][0]["key"], &figures["lines"][0]["counts"]["submitted"]), (&json!("01"), &json!(90)));
    for (by, key) in [("order", identifier.as_str()), ("outlet", "viettel"), ("round", "1")] {
        let figures = good(road.inside(&road.all, Method::GET, &format!("/orders/figures?by={by}&outlet=viettel"))).await;
        assert_eq!(figures["lines"][0]["key"], key, "{figures}");
    }
    // Of schools it is another table, and who counts nothing reports no zeros.
    let schools = good(road.inside(&road.all, Method::GET, "/orders/figures?kind=school")).await;
    assert_eq!((&schools["unit"], &schools["total"]["orders"]), (&json!("people"), &json!(0)));
    assert_eq!(schools["total"]["submitted"], json!(null));
    let nothing = good(road.inside(&road.vina, Method::GET, "/orders/figures")).await;
    assert_eq!((&nothing["total"]["orders"], &nothing["lines"]), (&json!(0), &json!([])));
    for path in [
        "/orders?run=0",
        "/orders?outlet=none&state=done",
        "/orders/figures?run=-1",
        "/orders/figures?by=day",
        "/orders/figures?kind=bank",
        "/orders/progress?run=0",
    ] {
        assert_eq!(bad(road.inside(&road.all, Method::GET, path)).await.0, 400, "{path}");
    }
    let progress = good(road.inside(&road.all, Method::GET, "/orders/progress?campaign=qua-viettel")).await;
    assert_eq!((&progress["items"][0]["kind"], &progress["items"][0]["reported"]), (&json!("carrier"), &json!(1)));
    road.office.loa(&["verify"]);
    road.office.loa(&["audit", "verify"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_guide_for_carriers_shows_works() {
    let road = Road::open().await;
    let identifier = road.order("viettel").await;
    let folder = tempfile::tempdir().unwrap();
    fs::copy(SIGNER, folder.path().join("office.pem")).unwrap();
    let guide = fs::read_to_string("docs/relay-api.md").unwrap();
    let blocks: Vec<&str> = guide.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(blocks.len() >= 9, "{}", blocks.len());
    for block in blocks {
        let script = format!("set -e\n{}", block.replace("curl -sS", "curl -sS --fail-with-body --noproxy '*'"));
        let script = script.replace("xmlsec1 --verify", &format!("{} --verify", peer("LOA_TEST_XMLSEC")));
        let done = Command::new("bash")
            .current_dir(folder.path())
            .args(["-c", &script])
            .env("LOA", &road.outside)
            .env("TOKEN", &road.viettel)
            .env("ORDER", &identifier)
            .env("SENDER", "viettel.example.vn")
            .output()
            .unwrap();
        let (said, complained) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        assert!(done.status.success(), "{block}\n{said}{complained}");
        if block.contains("If-None-Match") {
            assert_eq!(said.trim(), "304");
        }
    }
    let one = good(road.inside(&road.all, Method::GET, &format!("/orders/{identifier}"))).await;
    assert_eq!(one["state"], "reported");
    let figures = good(road.inside(&road.all, Method::GET, "/orders/figures")).await;
    assert_eq!(figures["total"]["delivered"], 861_000);
}
