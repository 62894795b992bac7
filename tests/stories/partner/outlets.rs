//! The office's pages of outlets.

use loa::{
    audit::Actor,
    outlet,
    user::{self, Change, Role},
};
use reqwest::StatusCode;

use super::scene::Scene;
use crate::stories::sign_in::desk::{Browser, Desk};

const PEM: &[u8] = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

async fn officer(desk: &Desk) -> Browser {
    desk.user("soan@example.vn", &[Role::Officer]).await;
    desk.signed_in("soan@example.vn").await
}

/// What a form of a new outlet says.
const MOBIFONE: [(&str, &str); 9] = [
    ("slug", "mobifone"),
    ("title", "MobiFone"),
    ("kind", "carrier"),
    ("way", "push"),
    ("url", "https://relay.example.vn/cap"),
    ("areas", "Hà Nội\n79 – Thành phố Hồ Chí Minh"),
    ("contact", "truc.ban@example.vn"),
    ("owner", ""),
    ("sender", ""),
];

fn with<'a>(fields: &[(&'a str, &'a str)], more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut all: Vec<(&str, &str)> = fields.to_vec();
    all.retain(|(name, _)| !more.iter().any(|(other, _)| name == other));
    all.extend(more);
    all
}

#[tokio::test]
async fn an_outlet_is_written_seen_masked_rested_and_removed() {
    for desk in Desk::all().await {
        let browser = officer(&desk).await;
        let add = async |more: &[(&str, &str)], files: &[(&str, &str, &[u8])]| {
            browser.post_files("/outlets/new", "/outlets", &with(&MOBIFONE, more), files).await
        };
        for (field, wrong) in [
            ("slug", "Mobi Fone"),
            ("slug", "import"),
            ("title", ""),
            ("kind", "bank"),
            ("way", "pigeon"),
            ("url", "http://relay.example.vn/"),
            ("areas", "Atlantis"),
            ("contact", "truc"),
            ("owner", "Sở không có"),
            ("sender", "a b"),
        ] {
            let answer = add(&[(field, wrong)], &[]).await;
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}");
            assert!(answer.text.contains(&format!("href=\"#{field}\"")), "{field}: {}", answer.text);
        }
        let broken = add(&[], &[("certificate_file", "a.pem", PEM)]).await;
        assert!(broken.status == StatusCode::UNPROCESSABLE_ENTITY && broken.text.contains("#certificate"), "{}", broken.text);
        let added = add(&[], &[]).await;
        assert_eq!((added.status, added.location.as_str()), (StatusCode::SEE_OTHER, "/outlets/mobifone"), "{}", added.text);
        assert_eq!(add(&[], &[]).await.status, StatusCode::UNPROCESSABLE_ENTITY, "there is one of that name");
        let page = browser.get("/outlets/mobifone").await.text;
        assert!(page.contains("t…") && !page.contains("truc.ban"), "{page}");
        assert!(page.contains("01 – Thành phố Hà Nội"), "{page}");
        let list = browser.get("/outlets?q=mobi").await.text;
        assert!(list.contains("MobiFone") && !list.contains("truc.ban"), "{list}");
        assert!(!browser.get("/outlets?kind=school").await.text.contains("href=\"/outlets/mobifone\""));

        // What is left empty stays; a page that is older than a change says so.
        let seen = browser.get("/outlets/mobifone").await.between("name=\"seen\" value=\"", "\"").to_string();
        desk.hands.advance(std::time::Duration::from_secs(1));
        let change = with(&MOBIFONE, &[("title", "MobiFone Tổng công ty"), ("contact", ""), ("seen", &seen)]);
        let changed = browser.post_files("/outlets/mobifone", "/outlets/mobifone", &change, &[]).await;
        assert_eq!(changed.status, StatusCode::SEE_OTHER, "{}", changed.text);
        let again = browser.post_files("/outlets/mobifone", "/outlets/mobifone", &change, &[]).await;
        assert_eq!(again.status, StatusCode::CONFLICT);
        let (db, seal) = (&desk.ground.db, &desk.ground.seal);
        let kept = outlet::by_slug(db, seal, "mobifone").await.unwrap().unwrap();
        assert_eq!(kept.title, "MobiFone Tổng công ty");
        assert_eq!(outlet::contact(db, seal, kept.id).await.unwrap().as_deref(), Some("truc.ban@example.vn"));

        browser.post_from("/outlets/mobifone", "/outlets/mobifone/disable", &[]).await;
        assert!(browser.get("/outlets/mobifone").await.text.contains("Đang tạm ngừng"));
        browser.post_from("/outlets/mobifone", "/outlets/mobifone/enable", &[]).await;
        let removed = browser.post_from("/outlets/mobifone", "/outlets/mobifone/remove", &[]).await;
        assert_eq!(removed.location, "/outlets");
        assert_eq!(browser.get("/outlets/mobifone").await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn who_has_orders_is_not_removed_and_who_only_reads_writes_nothing() {
    for scene in Scene::all().await {
        let browser = officer(&scene.desk).await;
        let list = browser.get("/outlets").await.text;
        assert!(list.contains("Đơn vị viettel") && list.contains("Đơn vị truong-a"), "{list}");
        let answer = browser.post_from("/outlets/viettel", "/outlets/viettel/remove", &[]).await;
        assert!(answer.status == StatusCode::CONFLICT && answer.text.contains("chỉ có thể tạm ngừng"), "{}", answer.text);
        assert!(browser.get("/outlets/viettel").await.text.contains("Người viettel"));

        scene.desk.user("xem@example.vn", &[Role::Manager]).await;
        let manager = scene.desk.signed_in("xem@example.vn").await;
        let page = manager.get("/outlets/viettel").await;
        assert!(page.status == StatusCode::OK && !page.text.contains("action=\"/outlets/viettel/disable\""), "{}", page.text);
        for path in ["/outlets/new", "/outlets/import"] {
            assert_eq!(manager.get(path).await.status, StatusCode::FORBIDDEN, "{path}");
        }
        for path in ["/outlets/viettel/disable", "/outlets/viettel/remove", "/outlets/import/take"] {
            assert_eq!(manager.post_from("/me", path, &[]).await.status, StatusCode::FORBIDDEN, "{path}");
        }
        for path in ["/outlets", "/outlets/viettel", "/outlets/import"] {
            assert_eq!(manager.post_files("/me", path, &MOBIFONE, &[]).await.status, StatusCode::FORBIDDEN, "{path}");
        }
    }
}

#[tokio::test]
async fn another_departments_outlet_is_none() {
    for desk in Desk::all().await {
        let browser = officer(&desk).await;
        let (db, actor, now) = (&desk.ground.db, Actor::command("test"), desk.clock.millis());
        let health = user::add_department(db, "Sở Y tế", &actor, now).await.unwrap().unwrap();
        user::add_department(db, "Sở Giáo dục", &actor, now).await.unwrap().unwrap();
        let added = browser.post_files("/outlets/new", "/outlets", &with(&MOBIFONE, &[("owner", "Sở Giáo dục")]), &[]).await;
        assert_eq!(added.status, StatusCode::SEE_OTHER, "{}", added.text);
        browser.post_files("/outlets/new", "/outlets", &with(&MOBIFONE, &[("slug", "chung")]), &[]).await;

        let other = desk.user("y-te@example.vn", &[Role::Officer]).await;
        let change = Change { name: other.name.clone(), roles: other.roles, every_department: false, departments: vec![health] };
        user::change(db, other.id, &change, &actor, now).await.unwrap().unwrap();
        let other = desk.signed_in("y-te@example.vn").await;
        assert!(!other.get("/outlets").await.text.contains("mobifone"));
        assert_eq!(other.get("/outlets/mobifone").await.status, StatusCode::NOT_FOUND);
        let answer = other.post_files("/me", "/outlets/mobifone", &MOBIFONE, &[]).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        assert_eq!(other.post_from("/me", "/outlets/mobifone/disable", &[]).await.status, StatusCode::NOT_FOUND);
        // What is everybody's stays so.
        let seen = other.get("/outlets/chung").await.between("name=\"seen\" value=\"", "\"").to_string();
        let grab = with(&MOBIFONE, &[("slug", "chung"), ("owner", "Sở Y tế"), ("seen", &seen)]);
        let answer = other.post_files("/outlets/chung", "/outlets/chung", &grab, &[]).await;
        assert!(answer.status == StatusCode::UNPROCESSABLE_ENTITY && answer.text.contains("#owner"), "{}", answer.text);
        let list = b"ma,ten,loai\nmobifone,Khac,carrier\n";
        let preview = other.post_files("/outlets/import", "/outlets/import", &[("owner", "")], &[("file", "a.csv", list)]).await;
        assert!(preview.text.contains("Không có gì để nhập"), "{}", preview.text);
    }
}

const SCHOOLS: &str = "Mã,Tên trường,Loại,Địa bàn,Email\ntruong-1,Trường THCS Lê Lợi,Trường học,Hà Nội,mot@example.vn\n\
    truong-2,Trường THPT Chu Văn An,Trường học,01,hai@example.vn\ntruong-3,Trường Ba,Trường học,Atlantis,\n";

#[tokio::test]
async fn a_list_of_schools_is_shown_before_it_is_taken() {
    for desk in Desk::all().await {
        let browser = officer(&desk).await;
        let bring = async |list: &str| {
            let files: &[(&str, &str, &[u8])] = &[("file", "truong.csv", list.as_bytes())];
            browser.post_files("/outlets/import", "/outlets/import", &[("kind", ""), ("owner", "")], files).await
        };
        let none = bring("a,b\n1,2\n").await;
        assert!(none.status == StatusCode::UNPROCESSABLE_ENTITY && none.text.contains("id=\"file-error\""), "{}", none.text);
        let preview = bring(SCHOOLS).await;
        assert_eq!(preview.status, StatusCode::OK);
        assert!(preview.text.contains("Atlantis") && preview.text.contains("truong-2"), "{}", preview.text);
        assert!(!preview.text.contains("hai@example.vn"), "mailboxes are in no page");
        assert_eq!(desk.ground.number("SELECT count(*) FROM outlet").await, 0, "nothing is written yet");
        let list = preview.between("name=\"list\" value=\"", "\"").to_string();
        // Only whoever brought it takes it in.
        desk.user("khac@example.vn", &[Role::Officer]).await;
        let other = desk.signed_in("khac@example.vn").await;
        assert_eq!(other.post_from("/me", "/outlets/import/take", &[("list", &list)]).await.status, StatusCode::CONFLICT);
        let taken = browser.post_from("/outlets/import", "/outlets/import/take", &[("list", &list)]).await;
        assert_eq!((taken.status, taken.location.as_str()), (StatusCode::SEE_OTHER, "/outlets"));
        assert_eq!(desk.ground.number("SELECT count(*) FROM outlet").await, 2);
        // Sent again, what is there already is left as it is.
        browser.post_from("/outlets/import", "/outlets/import/take", &[("list", &list)]).await;
        assert!(browser.get("/outlets").await.text.contains("2 dòng không nhập được"));
        assert_eq!(desk.ground.number("SELECT count(*) FROM outlet").await, 2);
        // The same list once more changes nothing; another mailbox does.
        assert!(bring(SCHOOLS).await.text.contains("Không có gì để nhập"));
        let changed = bring(&SCHOOLS.replace("mot@", "muoi@")).await;
        let list = changed.between("name=\"list\" value=\"", "\"").to_string();
        desk.hands.advance(std::time::Duration::from_mins(61));
        let again = desk.signed_in("soan@example.vn").await;
        let over = again.post_from("/outlets/import", "/outlets/import/take", &[("list", &list)]).await;
        assert_eq!(over.status, StatusCode::CONFLICT, "its time is over");
    }
}
