//! Who is let in and what each may do: invitations, roles, departments, and pages that turn one away.

use std::time::Duration;

use loa::{
    audit::{self, Filter},
    user::{Role, invitation},
};
use reqwest::StatusCode;
use serde_json::Value;

use super::desk::{Desk, PASSWORD};
use crate::helpers::grounds;

#[tokio::test]
async fn an_invited_person_sets_a_password_once() {
    for desk in Desk::all().await {
        desk.user("an@example.vn", &[Role::Administrator]).await;
        let administrator = desk.signed_in("an@example.vn").await;
        let fields =
            [("name", "Bình"), ("email", "binh@example.vn"), ("role", "officer"), ("role", "approver"), ("scope", "all")];
        let wrong = administrator.post_from("/users/new", "/users", &[("name", "Bình"), ("email", "x"), ("scope", "some")]).await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(wrong.text.contains("Chọn ít nhất một vai trò") && wrong.text.contains("href=\"#email\""), "{}", wrong.text);
        assert!(wrong.text.contains("value=\"Bình\""), "what was typed is kept");
        let made = administrator.post_from("/users/new", "/users", &fields).await;
        let link = made.between("invitation&#x2f;", "<").to_string();
        let link = format!("/invitation/{link}");
        let browser = desk.browser();
        assert!(browser.get(&link).await.text.contains("Bình"));
        let short = browser.post(&link, &[("password", "ngắn"), ("again", "ngắn")]).await;
        assert_eq!(short.status, StatusCode::UNPROCESSABLE_ENTITY);
        let done = browser.post(&link, &[("password", PASSWORD), ("again", PASSWORD)]).await;
        assert_eq!((done.status, done.location.as_str()), (StatusCode::SEE_OTHER, "/"));
        let me = browser.get("/me").await.text;
        assert!(me.contains("Cán bộ soạn tin, Người phê duyệt"), "{me}");
        assert_eq!(desk.browser().get(&link).await.status, StatusCode::NOT_FOUND, "good once");
        desk.signed_in("binh@example.vn").await;
        let taken = administrator.post_from("/users/new", "/users", &fields).await;
        assert!(taken.text.contains("đã có người dùng khác"), "{}", taken.text);
        let reset = administrator.post_from("/users/2", "/users/2/invite", &[]).await;
        let reset = format!("/invitation/{}", reset.between("invitation&#x2f;", "<"));
        desk.hands.advance(Duration::from_millis(u64::try_from(invitation::FORGOTTEN).unwrap()));
        assert_eq!(desk.browser().get(&reset).await.status, StatusCode::NOT_FOUND, "over");
        // The record has who did it, and nothing of the links.
        let entries = audit::list(&desk.ground.db, &Filter::default(), None, 100).await.unwrap();
        let text = entries.iter().map(audit::Entry::text).collect::<String>();
        assert!(text.contains("user.invite") && text.contains("user.reset") && !text.contains(&link["/invitation/".len()..]));
        assert!(audit::verify(&desk.ground.db, &[]).await.unwrap().broken.is_none());
    }
}

#[tokio::test]
async fn each_does_what_ones_role_allows() {
    for desk in Desk::all().await {
        for (email, role) in [
            ("an@example.vn", Role::Administrator),
            ("binh@example.vn", Role::Officer),
            ("chi@example.vn", Role::Approver),
            ("dung@example.vn", Role::Manager),
            ("em@example.vn", Role::Partner),
        ] {
            desk.user(email, &[role]).await;
        }
        for (email, status) in [
            ("an@example.vn", StatusCode::OK),
            ("binh@example.vn", StatusCode::FORBIDDEN),
            ("chi@example.vn", StatusCode::FORBIDDEN),
            ("dung@example.vn", StatusCode::FORBIDDEN),
            ("em@example.vn", StatusCode::FORBIDDEN),
        ] {
            let browser = desk.signed_in(email).await;
            for path in ["/users", "/users/1", "/users/new", "/departments", "/audit", "/audit/export.csv", "/audit/export.jsonl"]
            {
                assert_eq!(browser.get(path).await.status, status, "{email} {path}");
            }
            for path in ["/users", "/users/1", "/users/1/disable", "/users/1/invite", "/departments", "/departments/1/remove"] {
                let answer = browser.post_from("/me", path, &[]).await;
                assert_eq!(
                    answer.status == StatusCode::FORBIDDEN,
                    status == StatusCode::FORBIDDEN,
                    "{email} {path} {}",
                    answer.status
                );
            }
            assert_eq!(browser.get("/me").await.status, StatusCode::OK);
        }
    }
}

#[tokio::test]
async fn an_administrator_keeps_departments_and_reads_the_record() {
    for desk in Desk::all().await {
        desk.user("an@example.vn", &[Role::Administrator]).await;
        let browser = desk.signed_in("an@example.vn").await;
        assert_eq!(browser.post("/departments", &[("name", "Sở Văn hóa")]).await.status, StatusCode::SEE_OTHER);
        let twice = browser.post("/departments", &[("name", "sở văn hóa")]).await;
        assert!(
            twice.text.contains("đã có đơn vị mang tên này") || twice.text.contains("Đã có đơn vị mang tên này"),
            "{}",
            twice.text
        );
        let last = browser.post("/users/1", &[("name", "An"), ("role", "officer"), ("scope", "all")]).await;
        assert_eq!(last.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(last.text.contains("gười quản trị cuối cùng"), "{}", last.text);
        let change = [("name", "An"), ("role", "administrator"), ("scope", "some"), ("department", "1")];
        assert_eq!(browser.post("/users/1", &change).await.status, StatusCode::SEE_OTHER);
        let page = browser.get("/audit?action=user.change").await.text;
        assert!(page.contains("Sửa vai trò, đơn vị") && page.contains("<ins>Sở Văn hóa</ins>"), "{page}");
        assert!(!page.contains("Thêm đơn vị</td>"), "{page}");
        // An address that no page makes is told by a page.
        for (path, status) in [("/users/abc", 400), ("/audit?before=x", 400), ("/audit?who=%00", 404), ("/departments/1", 405)] {
            let answer = browser.get(path).await;
            assert_eq!(answer.status.as_u16(), status, "{path}");
            assert!(answer.text.contains("<h1"), "{path}: {}", answer.text);
        }
        assert_eq!(browser.post("/departments", &[("name", "Sở\0 Xây dựng")]).await.status, StatusCode::SEE_OTHER);
        let csv = browser.get("/audit/export.csv").await.text;
        assert!(csv.starts_with("\u{feff}seq,at,who,via,from,action,subject,before,after,hash\r\n"), "{csv}");
        assert!(csv.contains(",department.add,Sở Văn hóa,"), "{csv}");
        let lines = browser.get("/audit/export.jsonl?action=department.").await.text;
        let entry: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
        assert_eq!((entry["action"].as_str(), entry["who"].as_str()), (Some("department.add"), Some("An")));
        assert_eq!(entry["from"], "127.0.0.1");
        // A department's lists go with its name.
        loa::transaction!(desk.ground.db, |tx| loa::audience::list::give(tx, "hoi-vien", "Sở Văn hóa").await).unwrap();
        let renamed = browser.post_from("/departments", "/departments/1", &[("name", "Sở Văn hóa và Thể thao")]).await;
        assert_eq!(renamed.status, StatusCode::SEE_OTHER, "{}", renamed.text);
        assert!(browser.get("/departments").await.text.contains("nay ai cũng thấy"));
        let owners = loa::audience::list::owners(&desk.ground.db).await.unwrap();
        assert_eq!(owners.of("hoi-vien"), "Sở Văn hóa và Thể thao");
    }
}

#[tokio::test]
async fn what_goes_wrong_leads_back_to_all_the_rest() {
    let ground = grounds().await.remove(0);
    let desk = Desk::open(ground, "").await;
    desk.user("an@example.vn", &[Role::Manager]).await;
    let (browser, stranger) = (desk.signed_in("an@example.vn").await, desk.browser());
    for (path, status) in
        [("/users", 403), ("/runs/7", 404), ("/nothing/like/it", 404), ("/users/abc", 400), ("/departments/1", 405)]
    {
        let page = browser.get(path).await;
        assert_eq!(page.status.as_u16(), status, "{path}");
        assert!(page.text.contains("<nav class=\"side\"") && page.text.contains("Đăng xuất"), "{path}: {}", page.text);
        assert_eq!(page.text.matches("<h1").count(), 1, "{path}: {}", page.text);
    }
    assert!(browser.get("/users?lang=en").await.text.contains("You may not do this"));
    let page = stranger.get("/nothing/like/it").await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    assert!(!page.text.contains("<nav"), "{}", page.text);
}
