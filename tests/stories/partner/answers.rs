//! What they answer and count.

use loa::{
    outlet::Kind,
    relay::{
        By, Content, Eyes, State, Status,
        follow::{self, Cancelled},
        order, paper, report,
    },
};
use reqwest::StatusCode;

use super::scene::Scene;
use crate::{
    helpers::{fill::Fill, orders::DAY},
    stories::sign_in::desk::Browser,
};

/// The form that is sent to an address, as it stands on its page.
async fn form(browser: &Browser, page: &str, action: &str) -> Vec<(String, String)> {
    // Pages write a slash of an address in another way.
    let text = browser.get(page).await.text.replace("&#x2f;", "/");
    let start = text.find(&format!("action=\"{action}\"")).unwrap_or_else(|| panic!("no form for {action} in\n{text}"));
    let form = format!("class=\"it\"{}", &text[start..]);
    Fill::of(&form, "it").0.into_iter().filter(|(name, _)| name != "csrf" && name != "document").collect()
}

fn set(fields: &mut Vec<(String, String)>, name: &str, value: &str) {
    fields.retain(|(field, _)| field != name);
    fields.push((name.to_string(), value.to_string()));
}

async fn send(browser: &Browser, page: &str, action: &str, fields: &[(String, String)]) -> crate::stories::sign_in::desk::Answer {
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    browser.post_files(page, action, &fields, &[]).await
}

#[tokio::test]
async fn a_carrier_takes_counts_corrects_and_finishes() {
    for scene in Scene::all().await {
        let (page, carrier) = (scene.page_of("viettel").await, scene.signed_in("viettel").await);
        carrier.post_from(&page, &format!("{page}/open"), &[]).await;
        carrier.post_from(&page, &format!("{page}/acknowledge"), &[]).await;
        assert_eq!(scene.order_of("viettel").await.state, State::Acknowledged);
        carrier.post_from(&page, &format!("{page}/begin"), &[]).await;
        assert_eq!(scene.order_of("viettel").await.state, State::Sending);
        let to = format!("{page}/report");
        let mut fields = form(&carrier, &to, &to).await;
        set(&mut fields, "targeted-0", "1.000");
        set(&mut fields, "submitted-0", "1.200");
        let answer = send(&carrier, &to, &to, &fields).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.text.contains("id=\"targeted-0-error\"") && answer.text.contains("1.200"), "{}", answer.text);
        set(&mut fields, "submitted-0", "900");
        set(&mut fields, "delivered-0", "800");
        let answer = send(&carrier, &to, &to, &fields).await;
        assert_eq!((answer.status, answer.location.as_str()), (StatusCode::SEE_OTHER, page.as_str()), "{}", answer.text);
        assert_eq!(scene.order_of("viettel").await.state, State::ReportedPartly);
        // Sent again it is the same report.
        assert_eq!(send(&carrier, &to, &to, &fields).await.status, StatusCode::SEE_OTHER);
        assert!(carrier.get(&page).await.text.contains("Báo cáo này đã có từ trước"));

        // The form begins with what was reported; what falls is told beside its field, unless it corrects.
        let mut fields = form(&carrier, &to, &to).await;
        assert!(fields.contains(&("submitted-0".to_string(), "900".to_string())), "{fields:?}");
        set(&mut fields, "delivered-0", "700");
        let answer = send(&carrier, &to, &to, &fields).await;
        assert!(answer.text.contains("id=\"delivered-0-error\""), "{}", answer.text);
        set(&mut fields, "corrects", "1");
        let answer = send(&carrier, &to, &to, &fields).await;
        assert!(answer.text.contains("id=\"reason-error\""), "{}", answer.text);
        set(&mut fields, "reason", "đếm nhầm thuê bao đã hủy");
        set(&mut fields, "last", "1");
        let answer = send(&carrier, &to, &to, &fields).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
        let order = scene.order_of("viettel").await;
        assert_eq!(order.state, State::Reported);
        let kept = report::all(&scene.desk.ground.db, order.id).await.unwrap();
        assert_eq!((kept.len(), kept[0].report.counts[0].delivered), (2, Some(700)));
        let text = carrier.get(&page).await.text;
        assert!(text.contains("đếm nhầm thuê bao đã hủy") && text.contains("Người viettel"), "{text}");
        assert!(carrier.get("/partner/orders").await.text.contains("Đã xong"));
    }
}

#[tokio::test]
async fn what_was_withdrawn_is_folded_away_and_a_final_report_of_it_is_only_corrected() {
    for scene in Scene::all().await {
        let (page, carrier) = (scene.page_of("viettel").await, scene.signed_in("viettel").await);
        for action in ["open", "acknowledge", "begin"] {
            carrier.post_from(&page, &format!("{page}/{action}"), &[]).await;
        }
        assert!(carrier.get(&page).await.text.contains("gửi đúng nguyên văn"));
        let (order, actor) = (scene.order_of("viettel").await, loa::audit::Actor::command("test"));
        let office = By { actor: &actor, eyes: Eyes::All, now: scene.now() };
        let asked = follow::cancel(&scene.desk.ground.db, order.id, "Văn bản đã thay", &office).await.unwrap();
        let Ok(Cancelled::Asked(cancel)) = asked else { panic!("the outlet has it, and is asked") };
        let of_it = format!("/partner/orders/{}", cancel.identifier);
        carrier.post_from(&of_it, &format!("{of_it}/open"), &[]).await;
        carrier.post_from(&of_it, &format!("{of_it}/acknowledge"), &[]).await;
        assert!(carrier.get(&of_it).await.text.contains("Phiếu thu hồi (.docx)"));
        assert_eq!(carrier.get(&format!("{of_it}/files/sheet.docx")).await.status, StatusCode::OK);

        let withdrawn = carrier.get(&page).await.text;
        for told in ["Nội dung: không gửi nữa", cancel.identifier.as_str(), "Lý do: Văn bản đã thay", "Báo cáo số liệu"]
        {
            assert!(withdrawn.contains(told), "{told}: {withdrawn}");
        }
        assert!(!withdrawn.contains("gửi đúng nguyên văn"), "{withdrawn}");
        // What was done before is reported all the same; once that is final it is corrected.
        let to = format!("{page}/report");
        let mut fields = form(&carrier, &to, &to).await;
        for (name, value) in [("targeted-0", "1.000"), ("submitted-0", "900"), ("last", "1")] {
            set(&mut fields, name, value);
        }
        let answer = send(&carrier, &to, &to, &fields).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
        let finished = carrier.get(&page).await.text;
        assert!(finished.contains("Đính chính báo cáo") && !finished.contains("Báo cáo số liệu"), "{finished}");
        assert!(form(&carrier, &to, &to).await.contains(&("corrects".to_string(), "1".to_string())), "it begins as a correction");
    }
}

#[tokio::test]
async fn counts_come_as_a_table_or_not_at_all() {
    for scene in Scene::all().await {
        let (page, carrier) = (scene.page_of("viettel").await, scene.signed_in("viettel").await);
        carrier.post_from(&page, &format!("{page}/open"), &[]).await;
        let (from, to) = (format!("{page}/report"), format!("{page}/report/table"));
        let none = carrier.post_files(&from, &to, &[], &[]).await;
        assert_eq!(none.status, StatusCode::UNPROCESSABLE_ENTITY);
        let wrong = b"code,round,targeted,submitted\n01,1,10,12\n79,1,5,5\n";
        let answer = carrier.post_files(&from, &to, &[], &[("table", "bao-cao.csv", wrong)]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.text.contains("dòng 2") || answer.text.contains("Dòng 2"), "{}", answer.text);
        assert_eq!(scene.desk.ground.number("SELECT count(*) FROM relay_report").await, 0, "nothing of it is taken");
        let right = b"code,round,targeted,submitted,delivered\n01,1,10,9,8\n";
        let answer = carrier.post_files(&from, &to, &[], &[("table", "bao-cao.csv", right)]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
        assert_eq!(scene.desk.ground.number("SELECT CAST(sum(delivered) AS BIGINT) FROM relay_count").await, 8);
    }
}

#[tokio::test]
async fn a_school_confirms_on_one_screen_with_evidence() {
    for scene in Scene::all().await {
        let (page, school) = (scene.page_of("truong-a").await, scene.signed_in("truong-a").await);
        school.post_from(&page, &format!("{page}/open"), &[]).await;
        let to = format!("{page}/confirm");
        let fields = form(&school, &page, &to).await;
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let bare = school.post_files(&page, &to, &fields, &[]).await;
        assert_eq!(bare.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(bare.text.contains("id=\"document-error\""), "{}", bare.text);
        let odd = school.post_files(&page, &to, &fields, &[("document", "trang.html", b"<script>")]).await;
        assert!(odd.status == StatusCode::UNPROCESSABLE_ENTITY && odd.text.contains("Không nhận loại tệp này"), "{}", odd.text);

        // What was brought is kept while the rest is put right; nobody else's paper is named by its hash.
        let with = |more: &[(&'static str, &'static str)]| -> Vec<(&str, &str)> {
            let mut fields = fields.clone();
            fields.retain(|(name, _)| !more.iter().any(|(other, _)| name == other));
            fields.extend(more);
            fields
        };
        let photo: &[u8] = b"\xff\xd8\xff made up";
        let sent = with(&[("targeted", "500"), ("submitted", "nhiều")]);
        let wrong = school.post_files(&page, &to, &sent, &[("document", "anh.jpg", photo)]).await;
        assert!(wrong.text.contains("id=\"submitted-error\"") && wrong.text.contains("anh.jpg"), "{}", wrong.text);
        let planned = school.post_files(&page, &to, &with(&[("targeted", "500"), ("submitted", "")]), &[]).await;
        assert!(
            planned.text.contains("id=\"submitted-error\""),
            "for whom it was to be done is not for whom it was: {}",
            planned.text
        );
        let many = school.post_files(&page, &to, &with(&[("targeted", "500"), ("submitted", "700")]), &[]).await;
        let told = many.between("id=\"targeted-error\">", "<");
        assert!(told.contains("thực hiện 700") && !told.contains("huê bao"), "a school has no subscribers: {told}");
        let carried = wrong.between("name=\"brought\" value=\"", "\"").to_string();
        let other = scene.signed_in("truong-b").await;
        let others = scene.page_of("truong-b").await;
        other.post_from(&others, &format!("{others}/open"), &[]).await;
        let hash = loa::seal::hex(&<sha2::Sha256 as sha2::Digest>::digest(photo));
        assert!(paper::one(&scene.desk.ground.db, &hash).await.unwrap().is_some());
        for brought in [carried.as_str(), hash.as_str()] {
            let fields = form(&other, &others, &format!("{others}/confirm")).await;
            let mut fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            fields.push(("brought", brought));
            let answer = other.post_files(&others, &format!("{others}/confirm"), &fields, &[]).await;
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "another's evidence");
        }
        let mut sent = with(&[("targeted", "500"), ("submitted", "480"), ("note", "Chào cờ thứ Hai")]);
        sent.push(("brought", carried.as_str()));
        for _ in 0..2 {
            let done = school.post_files(&page, &to, &sent, &[]).await;
            assert_eq!((done.status, done.location.as_str()), (StatusCode::SEE_OTHER, page.as_str()), "{}", done.text);
        }
        let order = scene.order_of("truong-a").await;
        assert_eq!(order.state, State::Reported);
        let kept = report::all(&scene.desk.ground.db, order.id).await.unwrap();
        assert_eq!(kept.len(), 1, "sent twice, it is one");
        let count = &kept[0].report.counts[0];
        assert_eq!((count.area.as_str(), count.targeted, count.submitted), ("01", 500, 480));
        assert_eq!(kept[0].report.evidence.as_deref(), Some(hash.as_str()));
        let events = order::events(&scene.desk.ground.db, order.id).await.unwrap();
        assert!(events.iter().any(|event| event.happening == "begin" && event.detail == "Chào cờ thứ Hai"), "{events:?}");
        assert_eq!(school.get(&format!("{page}/papers/{hash}")).await.status, StatusCode::OK);
        assert_eq!(other.get(&format!("{others}/papers/{hash}")).await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_refusal_says_why() {
    for scene in Scene::all().await {
        let (page, school) = (scene.page_of("truong-a").await, scene.signed_in("truong-a").await);
        let early = school.post_from(&page, &format!("{page}/refuse"), &[("why", "x")]).await;
        assert_eq!(early.status, StatusCode::CONFLICT, "it was not opened yet");
        school.post_from(&page, &format!("{page}/open"), &[]).await;
        let bare = school.post_from(&page, &format!("{page}/refuse"), &[("why", " ")]).await;
        assert!(bare.status == StatusCode::UNPROCESSABLE_ENTITY && bare.text.contains("id=\"why-error\""), "{}", bare.text);
        school.post_from(&page, &format!("{page}/refuse"), &[("why", "Trường đang nghỉ hè")]).await;
        assert_eq!(scene.order_of("truong-a").await.state, State::Refused);
        let text = school.get(&page).await.text;
        assert!(text.contains("Trường đang nghỉ hè") && text.contains("Từ chối thực hiện"), "{text}");
        // They think again.
        school.post_from(&page, &format!("{page}/acknowledge"), &[]).await;
        assert_eq!(scene.order_of("truong-a").await.state, State::Acknowledged);
    }
}

#[tokio::test]
async fn what_is_overdue_comes_first_and_an_exercise_says_so() {
    for scene in Scene::all().await {
        let (page, school) = (scene.page_of("truong-a").await, scene.signed_in("truong-a").await);
        school.post_from(&page, &format!("{page}/open"), &[]).await;
        let overdue = scene.order_of("truong-a").await;
        scene
            .desk
            .ground
            .execute(&format!("UPDATE relay_order SET overdue_since = {} WHERE id = {}", scene.now(), overdue.id))
            .await;
        let outlet = loa::outlet::find(&scene.desk.ground.db, &scene.desk.ground.seal, overdue.outlet).await.unwrap().unwrap();
        let exercise = Content {
            status: Status::Exercise,
            title: "Diễn tập tháng 11".into(),
            report_by: Some(scene.now() + DAY),
            ..scene.content(Kind::School)
        };
        let new = scene.order(&outlet, exercise).await;
        let list = school.get("/partner/orders").await.text;
        let at = |words: &str| list.find(words).unwrap_or_else(|| panic!("no {words} in {list}"));
        assert!(at(&overdue.identifier) < at(&new.identifier), "{list}");
        assert!(list.contains("Quá hạn báo cáo") && list.contains("Diễn tập"), "{list}");
        let page = format!("/partner/orders/{}", new.identifier);
        assert!(school.get(&page).await.text.contains("KHÔNG gửi tới người dân"));
    }
}
