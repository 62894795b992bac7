//! One person's page, and whose people nobody else sees.

use loa::{
    audience::{figure, list},
    on, transaction,
    user::Role,
};
use reqwest::StatusCode;
use serde_json::Value;

use super::{Console, listed};
use crate::helpers::grounds;

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_masked_until_somebody_asks_and_erased_once_it_is_meant() {
    for ground in grounds().await {
        let console = Console::open(ground).await;
        listed(&console, "ds", "A1,Nguyễn Thị Mẫu,0901234567,mau@example.vn\nA2,Nguyễn Thị Mẫu,0912345678,\n").await;
        let officer = console.sign_in("lan", &[Role::Officer], &[]).await;
        let (status, to, _) = officer.post("/people", &[("who", "0901 234 567")]).await;
        assert_eq!((status, to.starts_with("/people/")), (StatusCode::SEE_OTHER, true), "one person by an exact number");
        let (status, _, text) = officer.post("/people", &[("who", "Nguyễn Thị Mẫu")]).await;
        assert!(status == StatusCode::OK && text.contains(">A1<") && text.contains(">A2<"), "{text}");
        assert_eq!(officer.post("/people", &[("who", "Không Có Ai")]).await.0, StatusCode::NOT_FOUND);

        let (_, text) = officer.get(&to).await;
        assert!(text.contains("+8490*****67") && !text.contains("+84901234567") && !text.contains("Nguyễn"), "{text}");
        let before = console.audited().await.len();
        let (status, _, text) = officer.post(&format!("{to}/show"), &[]).await;
        assert!(status == StatusCode::OK && text.contains("+84901234567"), "{text}");
        let audited = console.audited().await;
        assert_eq!(audited.len(), before + 1);
        assert_eq!(audited.last().unwrap().0, "person.show");

        // What was typed stands there again beside what is wrong with it; and what is left out takes nothing back.
        let wrong = [("refusal_channel", "sms"), ("scope", "all"), ("refusal_wording", "gọi <điện>"), ("until", "2020-01-01")];
        let (status, _, text) = officer.post(&format!("{to}/refusal"), &wrong).await;
        assert!(status == StatusCode::UNPROCESSABLE_ENTITY && text.contains("Ngày kết thúc đã qua"), "{text}");
        assert!(text.contains("value=\"gọi &lt;điện&gt;\"") && text.contains("value=\"2020-01-01\""), "{text}");
        let (status, ..) = officer.post(&format!("{to}/refusal"), &[("refusal_channel", "sms")]).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(console.ground.number("SELECT count(*) FROM consent_event").await, 0);

        let refusal = [("refusal_channel", "sms"), ("scope", "all"), ("refusal_wording", "gọi điện")];
        assert_eq!(officer.post(&format!("{to}/refusal"), &refusal).await.0, StatusCode::SEE_OTHER);
        assert_eq!(console.ground.number("SELECT count(*) FROM opt_out WHERE scope = 2").await, 1);
        assert!(officer.get("/audience/refusals").await.1.contains(">A1<"));
        let request = [("kind", "deletion"), ("note", "gửi đơn")];
        let (status, number, _) = officer.post(&format!("{to}/request"), &request).await;
        assert_eq!(status, StatusCode::SEE_OTHER);
        assert!(officer.get("/requests").await.1.contains("Xóa dữ liệu"));
        assert_eq!(officer.post(&format!("{number}/close"), &[]).await.0, StatusCode::CONFLICT, "a deletion is done by erasing");

        let erase = format!("{to}/erase");
        let (status, _, text) = officer.post(&erase, &[("confirm", "A2"), ("reason", "")]).await;
        assert!(
            status == StatusCode::UNPROCESSABLE_ENTITY && text.contains("Gõ lại đúng mã") && text.contains("Ghi lý do"),
            "{text}"
        );
        assert_eq!(console.ground.number("SELECT count(*) FROM recipient WHERE state = 2").await, 0);
        let (status, ..) = officer.post(&erase, &[("confirm", "A1"), ("reason", "theo đơn")]).await;
        assert_eq!(status, StatusCode::SEE_OTHER);
        assert_eq!(console.ground.number("SELECT count(*) FROM recipient WHERE state = 2").await, 1);
        assert_eq!(console.ground.number("SELECT count(*) FROM request WHERE state = 0").await, 0, "it settled the request");
        assert_eq!(officer.get(&to).await.0, StatusCode::NOT_FOUND);
        let kept: String = on!(console.ground.db.read, |pool, _sql| {
            sqlx::query_scalar("SELECT after_json FROM audit WHERE action = 'person.erase'").fetch_one(pool).await
        })
        .unwrap();
        let kept: Value = serde_json::from_str(&kept).unwrap();
        assert_eq!((&kept["reason"], &kept["requests"]), (&"theo đơn".into(), &1.into()));
        let manager = console.sign_in("minh", &[Role::Manager], &[]).await;
        assert_eq!(manager.get("/people").await.0, StatusCode::FORBIDDEN);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_departments_people_are_on_no_page() {
    for ground in grounds().await {
        let console = Console::open(ground).await;
        let (culture, health) = (console.department("Sở Văn hóa").await, console.department("Sở Y tế").await);
        listed(&console, "van-hoa", "A1,Nguyễn Một,0901234567,\n").await;
        listed(&console, "y-te", "B1,Trần Hai,0912345678,\n").await;
        transaction!(console.ground.db, |tx| list::give(tx, "van-hoa", "Sở Văn hóa").await).unwrap();
        transaction!(console.ground.db, |tx| list::give(tx, "y-te", "Sở Y tế").await).unwrap();
        figure::count(&console.ground.db, console.ground.clock.millis()).await.unwrap();
        let own = console.sign_in("lan", &[Role::Officer], &[culture]).await;
        let (_, text) = own.get("/audience").await;
        assert!(text.contains("van-hoa") && !text.contains("y-te"), "{text}");
        assert_eq!(own.post("/people", &[("who", "B1")]).await.0, StatusCode::NOT_FOUND);
        let theirs = console.ground.number("SELECT id FROM recipient WHERE ref = 'B1'").await;
        for path in [format!("/people/{theirs}"), format!("/people/{theirs}/erase")] {
            assert_eq!(own.get(&path).await.0, StatusCode::NOT_FOUND, "{path}");
        }
        for step in ["show", "copy", "refusal", "erase"] {
            let (status, ..) = own.post(&format!("/people/{theirs}/{step}"), &[("confirm", "B1"), ("reason", "x")]).await;
            assert_eq!(status, StatusCode::NOT_FOUND, "{step}");
        }
        // Whoever is asked takes a request in, and is told whose it is now instead of shown somebody else's person.
        let asked = [("who", "0912345678"), ("kind", "access")];
        let (status, to, _) = own.post("/requests", &asked).await;
        assert_eq!((status, to.as_str()), (StatusCode::SEE_OTHER, "/requests"));
        assert!(own.get("/requests").await.1.contains("Đơn vị quản lý danh sách có người này sẽ xử lý tiếp"));
        let number = console.ground.number("SELECT max(id) FROM request").await;
        assert_eq!(own.get(&format!("/requests/{number}")).await.0, StatusCode::NOT_FOUND);
        // Nor are they taken over by a file that names them.
        let (_, page) = own.upload("lay.csv", "ref,phone\nB1,0912345678\n", &[("source", "van-hoa")]).await;
        assert!(console.intake.step().await.unwrap());
        assert_eq!(own.post(&format!("{page}/confirm"), &[]).await.0, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(!console.intake.step().await.unwrap());
        assert_eq!(console.ground.number("SELECT count(*) FROM recipient WHERE source = 'y-te'").await, 1);
        // Not even where they came onto that list after the file was checked.
        let (_, late) = own.upload("muon.csv", "ref,phone\nA9,0901234568\nB9,0912345670\n", &[("source", "van-hoa")]).await;
        assert!(console.intake.step().await.unwrap());
        listed(&console, "y-te", "B9,Lê Chín,0912345670,\n").await;
        assert_eq!(own.post(&format!("{late}/confirm"), &[]).await.0, StatusCode::SEE_OTHER);
        assert!(console.intake.step().await.unwrap());
        assert!(own.get(&late).await.1.contains("nay thuộc danh sách của đơn vị khác"));
        assert_eq!(console.ground.number("SELECT count(*) FROM recipient WHERE ref = 'B9' AND source = 'y-te'").await, 1);
        assert_eq!(console.ground.number("SELECT count(*) FROM recipient WHERE ref = 'A9'").await, 0);
        // Nor is a list of theirs brought anew, nor one that binds everybody.
        let (status, _) = own.upload("y-te.csv", "ref,phone\nB2,0912345679\n", &[("source", "y-te")]).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        let (status, _) = own.upload("chan.csv", "0912345678\n", &[("kind", "block"), ("source", "chan")]).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        // Nor one that could not be taken in taken in by somebody else after all.
        let everybody = console.sign_in("moi", &[Role::Officer], &[]).await;
        let (_, broken) = everybody.upload("chan.xlsx", "PK\u{3}\u{4} none", &[("kind", "block"), ("source", "chan")]).await;
        assert!(console.intake.step().await.unwrap());
        assert_eq!(own.post(&format!("{broken}/check"), &[("source", "chan")]).await.0, StatusCode::CONFLICT);
        assert!(!console.intake.step().await.unwrap());
        let removed = own.post("/audience/blocked/remove", &[("name", "chan"), ("confirm", "chan")]).await;
        assert_eq!(removed.0, StatusCode::FORBIDDEN);
        // Refusals of more of their people than a page holds leave room for the department's own; of whom nobody lists, nobody of
        // one department knows.
        let hash = |phone: &str| console.ground.seal.hash(loa::seal::Kind::Phone, phone);
        let refuses =
            |address: i64, at: i64| format!("INSERT INTO opt_out (channel, address, scope, at) VALUES (1, {address}, 2, {at});");
        console.ground.execute(&(refuses(hash("+84901234567"), 1) + &refuses(hash("+84912345678"), 2))).await;
        console.ground.execute(&(10..80).map(|at| refuses(at, at)).collect::<String>()).await;
        let (_, text) = own.get("/audience/refusals").await;
        assert_eq!(text.matches("<tr role=\"row\"><td").count(), 1, "{text}");
        assert!(text.contains(">A1<") && !text.contains("?at="), "{text}");
        let all = console.sign_in("mo", &[Role::Officer], &[]).await;
        let (_, text) = all.get("/audience/refusals").await;
        assert_eq!(text.matches("<tr role=\"row\"><td").count(), 50, "{text}");
        let next = text.split("href=\"").find_map(|rest| rest.split('"').next().filter(|to| to.contains("?at="))).unwrap();
        let (_, text) = all.get(&next.replace("&amp;", "&").replace("&#x2f;", "/")).await;
        assert_eq!(text.matches("<tr role=\"row\"><td").count(), 22, "{text}");
        assert!(text.contains(">A1<") && text.contains(">B1<"), "{text}");

        let other = console.sign_in("mai", &[Role::Officer], &[health]).await;
        assert_eq!(other.get(&page).await.0, StatusCode::NOT_FOUND);
        assert!(other.get("/audience").await.1.contains("y-te"));
    }
}
