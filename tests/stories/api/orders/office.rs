//! The office's programs follow orders up: withdrawn, updated, cancelled, handed over and reported on paper.

use loa::cap::MsgType;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Road, bad, good, header, report};

#[tokio::test(flavor = "multi_thread")]
async fn the_office_follows_its_orders_up() {
    let road = Road::open().await;
    let why = json!({ "why": "Sai nội dung" });
    // Nobody has it: it is gone at once.
    let early = road.order("viettel").await;
    assert_eq!(road.office_does(&format!("/orders/{early}/cancel"), why.clone()).await["state"], "cancelled");
    assert_eq!(bad(road.outside(&road.viettel, Method::GET, &format!("/orders/{early}"))).await.0, 404, "it never reached them");
    let other = road.order("viettel").await;
    let (status, errors) =
        bad(road.inside(&road.all, Method::POST, &format!("/orders/{other}/withdraw")).json(&json!({ "why": " " }))).await;
    assert_eq!((status, &errors[0]["pointer"]), (422, &json!("/why")));
    assert_eq!(road.office_does(&format!("/orders/{other}/withdraw"), why.clone()).await["state"], "cancelled");

    // An Update waits for the acknowledgement of what it updates, and for another's approval.
    let first = road.order("viettel").await;
    road.fetched(&first).await;
    let change = json!({ "note": "Đổi lời", "sms": "Không đọc mã OTP.", "unaccented": true });
    let update = || road.inside(&road.all, Method::POST, &format!("/orders/{first}/updates"));
    assert_eq!(bad(update().json(&change)).await.0, 409);
    good(road.outside(&road.viettel, Method::POST, &format!("/orders/{first}/acknowledge"))).await;
    let (status, errors) = bad(update().json(&json!({ "note": "x", "areas": ["99"] }))).await;
    assert_eq!((status, &errors[0]["pointer"]), (422, &json!("/areas")));
    assert_eq!(bad(update().json(&json!({ "note": "x" }))).await.0, 422, "nothing changes");
    let drafted = good(update().json(&change)).await;
    let second = drafted["identifier"].as_str().unwrap();
    assert_eq!((&drafted["state"], &drafted["earlier"]), (&json!("drafted"), &json!(first)));
    assert_eq!(drafted["content"]["sms"]["text"], "Khong doc ma OTP.");
    assert_eq!(
        bad(road.outside(&road.viettel, Method::GET, &format!("/orders/{second}"))).await.0,
        404,
        "not before it is approved"
    );
    let approve = |secret: &str, hash: &Value| {
        road.inside(secret, Method::POST, &format!("/orders/{second}/approve")).json(&json!({ "hash": hash }))
    };
    assert_eq!(bad(approve(&road.all, &drafted["hash"])).await.0, 403, "who wrote it does not approve it");
    assert_eq!(bad(approve(&road.other, &json!("0"))).await.0, 409);
    assert_eq!(good(approve(&road.other, &drafted["hash"])).await["state"], "approved");
    let document = road.fetched(second).await;
    assert_eq!((document.msg_type, document.references[0].identifier.as_str()), (MsgType::Update, first.as_str()));
    assert_eq!(road.state(&first).await, "acknowledged", "it holds until the Update is taken");
    good(road.outside(&road.viettel, Method::POST, &format!("/orders/{second}/acknowledge"))).await;
    assert_eq!(road.state(&first).await, "superseded");

    let asked = road.office_does(&format!("/orders/{second}/cancel"), why.clone()).await;
    assert_eq!((&asked["step"], &asked["state"]), (&json!("cancel"), &json!("approved")));
    let third = asked["identifier"].as_str().unwrap();
    road.fetched(third).await;
    good(road.outside(&road.viettel, Method::POST, &format!("/orders/{third}/acknowledge"))).await;
    assert_eq!(road.state(second).await, "cancelled");

    // By hand, and from paper: the paper is kept, and the report names it.
    let paper = road.order("vina").await;
    let at = |rest: &str| format!("/orders/{paper}{rest}");
    assert_eq!(road.office_does(&at("/hand-over"), json!({ "how": "Bà Trúc ký nhận" })).await["state"], "handed_over");
    assert_eq!(road.office_does(&at("/acknowledge"), json!({ "note": "qua điện thoại" })).await["state"], "acknowledged");
    let counted = report(&paper, 1, [50, 40, 30, 0], None);
    let (status, errors) = bad(road.inside(&road.all, Method::POST, &at("/reports")).json(&counted)).await;
    assert_eq!((status, &errors[0]["pointer"]), (422, &json!("/evidence")));
    let scan = |name: &str, body: &'static str| {
        let path = at(&format!("/papers?name={name}"));
        road.inside(&road.all, Method::POST, &path).header("content-type", "application/octet-stream").body(body)
    };
    assert_eq!(bad(scan("a.pdf", "MZ not a paper")).await.0, 422);
    let kept = good(scan("bao-cao.pdf", "%PDF-1.7 Báo cáo")).await;
    let again = good(scan("lan-hai.pdf", "%PDF-1.7 Báo cáo")).await;
    assert_eq!((&again["hash"], &again["name"]), (&kept["hash"], &json!("lan-hai.pdf")), "once, whatever others called it");
    let hash = kept["hash"].as_str().unwrap();
    let mut with_paper = counted;
    with_paper["evidence"] = json!(hash);
    good(road.inside(&road.all, Method::POST, &at("/reports")).json(&with_paper)).await;
    let shown = road.inside(&road.all, Method::GET, &at(&format!("/papers/{hash}"))).send().await.unwrap();
    assert!(header(&shown, "content-disposition").starts_with("attachment"), "{shown:?}");
    assert_eq!(shown.text().await.unwrap(), "%PDF-1.7 Báo cáo");
    assert_eq!(road.office_does(&at("/close"), json!({ "why": "Đã đối chiếu" })).await["state"], "closed");
    let mut late = report(&paper, 2, [50, 41, 30, 0], None);
    late["evidence"] = json!(hash);
    assert_eq!(bad(road.inside(&road.all, Method::POST, &at("/reports")).json(&late)).await.0, 409, "it is closed");
    assert_eq!(road.office_does(&at("/reopen"), why).await["state"], "reported_partly");
    road.office.loa(&["verify"]);
    road.office.loa(&["audit", "verify"]);
}
