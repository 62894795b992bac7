//! Officers' pages: a document is brought, looked at, finished as a draft or put aside.

use std::fmt::Write as _;

use loa::{
    bulletin, cap, edition,
    run::warning,
    user::{self, Role},
};
use reqwest::{StatusCode, header};

use super::{alert, audited};
use crate::{
    engines::world::World,
    stories::{
        dispatch::{Process, Scripted},
        warnings::{Browser, House},
    },
};

async fn officers_see_bring_finish_and_dismiss(world: &World) {
    world.crowd(3).await;
    let gateway = Scripted::new();
    let process = Process::with_sms(world, &gateway).await;
    let house = House::open(world, &process).await;
    for name in ["Sở Y tế", "Sở Thông tin"] {
        user::add_department(&world.db, name, &loa::audit::Actor::command("test"), world.now()).await.unwrap().unwrap();
    }
    let officer = house.browser(world, "Lan", Role::Officer, None).await;
    assert!(officer.page("/bulletins").await.contains("Không có bản tin nào chờ xử lý"));

    // A text: seen first, and nothing is kept before somebody says so.
    let text = "Cảnh báo: <script>alert(1)</script> giả danh\nKhông chuyển tiền cho ai.";
    let fields = [("source", "Công an tỉnh"), ("owner", "Sở Thông tin"), ("text", text)];
    let preview = brought(&officer, &fields).await;
    assert!(preview.contains("Cảnh báo: &lt;script&gt;alert(1)&lt;&#x2f;script&gt; giả danh"), "{preview}");
    assert!(!preview.contains("<script>alert"), "what a source writes is text");
    assert_eq!(world.number("SELECT count(*) FROM bulletin").await, 0);
    let form = taken(&preview);
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let page = officer.done("/bulletins", &form).await;
    let id: i64 = page.strip_prefix("/bulletins/").unwrap().parse().unwrap();
    assert_eq!(officer.done("/bulletins", &form).await, page, "a double click makes one");
    assert_eq!((audited(world, "bulletin.draft").await, world.number("SELECT count(*) FROM edition").await), (1, 1));
    let shown = officer.page(&page).await;
    assert!(shown.contains("Lan nhập") && shown.contains("Hoàn thiện bản nháp") && !shown.contains("<script>alert"), "{shown}");
    let one = bulletin::one(&world.db, id).await.unwrap().unwrap();
    let slug = one.campaign.clone().unwrap();
    let draft = edition::latest(&world.db, &slug).await.unwrap().unwrap();
    assert_eq!((draft.owner.as_str(), draft.made_name.as_str()), ("Sở Thông tin", "Lan"), "who brings it writes it");
    assert!(officer.page("/bulletins").await.contains("Bản nháp chờ hoàn thiện"));
    let unready = officer.page(&format!("/warnings/{slug}")).await;
    let to_the_form = format!("href=\"/campaigns/{slug}/edit\"");
    assert!(unready.contains("Chưa gửi được") && unready.contains(&to_the_form), "nobody is chosen yet: {unready}");
    let (status, _) = officer.post(&format!("/warnings/{slug}/submit"), &[]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(officer.page(&format!("/campaigns/{slug}/edit")).await.contains("giả danh"));

    // Nor does it go with a blank in it, whoever it is for.
    let blank = draft.text.replace("segments = []", "segments = [\"moi-nguoi\"]").replace("cho ai.", "cho ai. [[còn nữa]]");
    edition::save(&world.db, &slug, &blank, 1, &loa::audit::Actor::command("test"), world.now()).await.unwrap();
    let (status, told) = officer.post(&format!("/warnings/{slug}/submit"), &[]).await;
    assert!(status == StatusCode::UNPROCESSABLE_ENTITY && told.contains("[[còn nữa]]"), "{told}");

    // As it came: text for keeping, never a page.
    let raw = house
        .client
        .get(format!("{}/bulletins/{id}/raw", house.base))
        .header(header::COOKIE, &officer.cookie)
        .send()
        .await
        .unwrap();
    assert_eq!(raw.headers()[header::CONTENT_TYPE], "text/plain; charset=utf-8");
    assert_eq!(raw.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    assert!(raw.headers()[header::CONTENT_DISPOSITION].to_str().unwrap().starts_with("attachment"));

    // Rights, departments, and the form's token.
    let stranger = house.browser(world, "Minh", Role::Officer, Some(&["Sở Khác"])).await;
    assert_eq!(stranger.get(&page).await.0, StatusCode::NOT_FOUND);
    assert_eq!(stranger.get(&format!("{page}/raw")).await.0, StatusCode::NOT_FOUND);
    assert_eq!(stranger.post(&format!("{page}/dismiss"), &[("reason", "x")]).await.0, StatusCode::NOT_FOUND);
    assert!(!stranger.page("/bulletins?show=all").await.contains("giả danh"));
    assert_eq!(stranger.post("/bulletins", &form).await.0, StatusCode::UNPROCESSABLE_ENTITY, "another department's name");
    let approver = house.browser(world, "Dung", Role::Approver, None).await;
    assert!(
        approver.page(&page).await.contains("Không chuyển tiền") && !approver.page(&page).await.contains("Hoàn thiện bản nháp")
    );
    for path in ["/bulletins", &format!("{page}/dismiss"), &format!("{page}/draft"), &format!("{page}/look")] {
        assert_eq!(approver.post(path, &form).await.0, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(approver.get("/bulletins/new").await.0, StatusCode::FORBIDDEN);
    let bare =
        house.client.post(format!("{}{page}/dismiss", house.base)).header(header::COOKIE, &officer.cookie).send().await.unwrap();
    assert!(bare.status().is_client_error());

    // It does not concern us: with a reason, once; its draft is put away.
    let (status, told) = officer.post(&format!("{page}/dismiss"), &[("reason", " ")]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(told.contains("Ghi lý do bỏ qua"), "{told}");
    officer.done(&format!("{page}/dismiss"), &[("reason", "Không ở địa bàn")]).await;
    assert_eq!(officer.post(&format!("{page}/dismiss"), &[("reason", "x")]).await.0, StatusCode::CONFLICT);
    let shown = officer.page(&page).await;
    assert!(shown.contains("Đã bỏ qua") && shown.contains("Không ở địa bàn"), "{shown}");
    assert_eq!((audited(world, "bulletin.dismiss").await, audited(world, "campaign.archive").await), (1, 1));
    assert!(warning::get(&world.db, &slug).await.unwrap().is_none());
    assert!(officer.page("/bulletins").await.contains("Không có bản tin nào chờ xử lý"));

    // What cannot be read is told beside its field, and what was typed is kept.
    for (text, why) in [
        ("<!DOCTYPE x><rss/>", "DOCTYPE"),
        ("<html></html>", "phải Atom, RSS hay CAP"),
        (" ", "dán nội dung"),
        ("<rss><channel/></rss>", "không có mục nào"),
    ] {
        let told = brought(&officer, &[("source", "Nguồn kỳ lạ"), ("owner", "Sở Thông tin"), ("text", text)]).await;
        assert!(told.contains(why) && told.contains("value=\"Nguồn kỳ lạ\""), "{why}: {told}");
    }
    let told = brought(&officer, &[("source", ""), ("owner", "Sở Lạ"), ("text", "x")]).await;
    assert!(told.contains("id=\"source-error\"") && told.contains("id=\"owner-error\""), "{told}");

    // Of a feed somebody chooses; what is over can be had all the same.
    let mut over = alert(world, "x1", "Hết hạn mà vẫn cần");
    over.infos[0].expires = Some(over.sent);
    let document = cap::write(&over).unwrap();
    let preview = brought(&officer, &[("source", "ncsc"), ("owner", "Sở Thông tin"), ("text", &document)]).await;
    assert!(preview.contains("đã hết hiệu lực"), "{preview}");
    let form = taken(&preview);
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(
        officer.post("/bulletins", &form[..form.len() - 1]).await.0,
        StatusCode::UNPROCESSABLE_ENTITY,
        "nothing is chosen"
    );
    let page = officer.done("/bulletins", &form).await;
    assert!(officer.page(&page).await.contains("Đồng Nai"), "where it holds");
}

/// Brings a document; the page that answers.
async fn brought(officer: &Browser<'_>, fields: &[(&str, &str)]) -> String {
    let page = officer.page("/bulletins/new").await;
    let token = page.split_once("name=\"csrf\" value=\"").unwrap().1.split_once('"').unwrap().0.to_string();
    let mut body = String::new();
    for (name, value) in std::iter::once(("csrf", token.as_str())).chain(fields.iter().copied()) {
        write!(body, "--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").unwrap();
    }
    body.push_str("--x--\r\n");
    let request = officer
        .house
        .client
        .post(format!("{}/bulletins/preview", officer.house.base))
        .header(header::COOKIE, &officer.cookie)
        .header(header::CONTENT_TYPE, "multipart/form-data; boundary=x")
        .body(body);
    request.send().await.unwrap().text().await.unwrap()
}

/// The form of a preview, with every bulletin chosen: those come last.
fn taken(preview: &str) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for name in ["source", "owner", "title", "document", "item"] {
        for (_, rest) in
            preview.match_indices(&format!("name=\"{name}\" value=\"")).map(|(at, found)| preview.split_at(at + found.len()))
        {
            let value = rest.split_once('"').unwrap().0.replace("&#x2f;", "/").replace("&amp;", "&");
            fields.push((name.to_string(), value));
        }
    }
    assert!(fields.last().is_some_and(|(name, _)| name == "item"), "{preview}");
    fields
}

on_both_engines!(officers_see_bring_finish_and_dismiss);
