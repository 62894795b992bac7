//! What is not theirs: other outlets' orders, and the office.

use loa::{outlet, relay::State, user::Role};
use reqwest::StatusCode;

use super::scene::Scene;
use crate::helpers::orders::{MATERIAL, TEXT};

/// Pages of the office, one of each area.
const OFFICE: [&str; 25] = [
    "/campaigns",
    "/campaigns/new",
    "/campaigns/chien-dich",
    "/approvals",
    "/runs",
    "/runs/1",
    "/calendar",
    "/audience",
    "/audience/groups",
    "/people",
    "/requests",
    "/segments",
    "/reach",
    "/periods",
    "/reconcile",
    "/accounts",
    "/users",
    "/users/new",
    "/departments",
    "/audit",
    "/warnings/new",
    "/stop",
    "/inbox",
    "/outlets",
    "/outlets/viettel",
];

#[tokio::test]
async fn a_partner_lands_on_its_orders_and_sees_nothing_of_the_office() {
    for scene in Scene::all().await {
        let carrier = scene.signed_in("viettel").await;
        let home = carrier.get("/").await;
        assert_eq!((home.status, home.location.as_str()), (StatusCode::SEE_OTHER, "/partner/orders"));
        let list = carrier.get("/partner/orders").await;
        assert_eq!(list.status, StatusCode::OK);
        let own = scene.order_of("viettel").await.identifier;
        assert!(list.text.contains(&own) && list.text.contains("Mới, chờ trả lời"), "{}", list.text);
        for other in ["truong-a", "truong-b"] {
            assert!(!list.text.contains(&scene.order_of(other).await.identifier), "{other}");
        }
        for word in ["Chiến dịch", "Hộp việc", "Tổng quan", "Đợt gửi", "Người nhận"] {
            assert!(!list.text.contains(word), "{word}: {}", list.text);
        }
        for page in OFFICE {
            let answer = carrier.get(page).await;
            assert!(
                matches!(answer.status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND),
                "{page} answers with {}",
                answer.status
            );
        }
        assert_eq!(carrier.get("/campaigns").await.status, StatusCode::FORBIDDEN);
        for page in ["/me", "/me/tokens"] {
            assert_eq!(carrier.get(page).await.status, StatusCode::OK, "{page}");
        }
        // The office has pages of its own.
        scene.desk.user("soan@example.vn", &[Role::Officer]).await;
        let officer = scene.desk.signed_in("soan@example.vn").await;
        assert_eq!(officer.get("/partner/orders").await.status, StatusCode::FORBIDDEN);
        assert_eq!(officer.get(&scene.page_of("viettel").await).await.status, StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn another_outlets_order_is_none_on_every_way() {
    for scene in Scene::all().await {
        let (own, other) = (scene.page_of("truong-a").await, scene.page_of("truong-b").await);
        let school = scene.signed_in("truong-a").await;
        for rest in ["", "/report", "/files/order.xml", "/files/sheet.docx", "/files/report.xlsx", "/papers/00"] {
            assert_eq!(school.get(&format!("{other}{rest}")).await.status, StatusCode::NOT_FOUND, "{rest}");
        }
        for rest in ["/open", "/acknowledge", "/refuse", "/begin"] {
            let answer = school.post_from("/me", &format!("{other}{rest}"), &[("why", "x"), ("note", "x")]).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{rest}");
        }
        for rest in ["/confirm", "/report", "/report/table"] {
            let answer = school.post_files("/me", &format!("{other}{rest}"), &[("sequence", "1")], &[]).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{rest}");
        }
        let untouched = scene.order_of("truong-b").await;
        assert_eq!((untouched.state, untouched.handed_at), (State::Approved, None));
        // What the office does with orders is no partner's either.
        let identifier = own.rsplit('/').next().unwrap();
        for rest in ["approve", "hand-over", "withdraw", "cancel", "close", "reopen"] {
            let answer = school.post_from("/me", &format!("/orders/{identifier}/{rest}"), &[("why", "x")]).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{rest}");
        }
        // A form without its page's token does nothing.
        let answer = school.post_with(&format!("{own}/open"), "stale", &[], &[]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert_eq!(scene.order_of("truong-a").await.handed_at, None);
    }
}

#[tokio::test]
async fn a_partner_of_no_outlet_is_told_so() {
    for scene in Scene::all().await {
        scene.partner("mo-coi", None).await;
        let nobody = scene.signed_in("mo-coi").await;
        let page = nobody.get("/partner/orders").await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.text.contains("chưa được gắn với đơn vị phối hợp nào"), "{}", page.text);
        assert_eq!(nobody.get(&scene.page_of("viettel").await).await.status, StatusCode::NOT_FOUND);
        // Whose outlet is removed is of none.
        let db = &scene.desk.ground.db;
        scene.desk.ground.execute("DELETE FROM relay_event; DELETE FROM relay_order").await;
        let actor = loa::audit::Actor::command("test");
        let school = scene.signed_in("truong-a").await;
        outlet::remove(db, "truong-a", &actor, scene.now()).await.unwrap().unwrap();
        assert!(school.get("/partner/orders").await.text.contains("chưa được gắn với đơn vị phối hợp nào"));
    }
}

#[tokio::test]
async fn what_an_order_says_is_shown_once_it_is_taken_and_looking_takes_nothing() {
    for scene in Scene::all().await {
        let (page, carrier) = (scene.page_of("viettel").await, scene.signed_in("viettel").await);
        for _ in 0..2 {
            let before = carrier.get(&page).await;
            assert!(before.text.contains("Nhận và xem nội dung") && !before.text.contains(TEXT), "{}", before.text);
        }
        for file in ["order.xml", "sheet.docx", "report.xlsx"] {
            assert_eq!(carrier.get(&format!("{page}/files/{file}")).await.status, StatusCode::CONFLICT, "{file}");
        }
        assert_eq!(scene.order_of("viettel").await.state, State::Approved);
        assert_eq!(carrier.post_from(&page, &format!("{page}/open"), &[]).await.location, page);
        let order = scene.order_of("viettel").await;
        assert_eq!((order.state, order.handed_at), (State::HandedOver, Some(scene.now())));
        let after = carrier.get(&page).await;
        let digest = &order.content.sms.as_ref().unwrap().sha256;
        assert!(after.text.contains(TEXT) && after.text.contains(digest) && after.text.contains("GSM 03.38"), "{}", after.text);
        assert!(!after.text.contains("Trần Thị Soạn"), "who of the office made it is the office's");
        let (document, sheet, book) = (
            carrier.get(&format!("{page}/files/order.xml")).await,
            carrier.get(&format!("{page}/files/sheet.docx")).await,
            carrier.get(&format!("{page}/files/report.xlsx")).await,
        );
        assert!(document.text.contains("<alert") && document.text.contains(&order.identifier), "{}", document.text);
        assert!(sheet.text.starts_with("PK") && book.text.starts_with("PK"));
        assert_eq!(carrier.get(&format!("{page}/files/loa.db")).await.status, StatusCode::NOT_FOUND);
        let school = scene.signed_in("truong-a").await;
        let its = scene.page_of("truong-a").await;
        school.post_from(&its, &format!("{its}/open"), &[]).await;
        assert!(school.get(&its).await.text.contains(MATERIAL));
    }
}
