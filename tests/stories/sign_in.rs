//! Signing in, over HTTP, as people and as whoever would like to be them.

pub(super) mod desk;
mod provider;

use std::time::Duration;

use chrono::{TimeZone as _, Utc};
use loa::{
    audit::{self, Filter},
    outlet, transaction,
    user::{Role, invitation, second_factor},
};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::helpers::grounds;
use desk::{Answer, Browser, Desk, PASSWORD};
use provider::Provider;

async fn actions(desk: &Desk) -> Vec<String> {
    let entries = audit::list(&desk.ground.db, &Filter::default(), None, 100).await.unwrap();
    entries.into_iter().rev().map(|entry| format!("{} {}", entry.action, entry.subject)).collect()
}

#[tokio::test]
async fn one_signs_in_goes_where_one_wanted_and_signs_out() {
    for desk in Desk::all().await {
        desk.user("an@example.vn", &[Role::Administrator]).await;
        let browser = desk.browser();
        let turned = browser.get("/users?sort=name").await;
        assert_eq!((turned.status, turned.location.as_str()), (StatusCode::SEE_OTHER, "/sign-in?next=%2Fusers%3Fsort%3Dname"));
        let before = browser.get(&turned.location).await;
        assert_eq!(before.between("name=\"next\" value=\"", "\""), "/users?sort=name".replace('/', "&#x2f;"));
        let answer = browser.post(&turned.location, &[]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "a form without its fields");
        let fields = [("email", " An@Example.vn "), ("password", PASSWORD), ("next", "/users?sort=name")];
        let answer = browser.post("/sign-in", &fields).await;
        assert_eq!((answer.status, answer.location.as_str()), (StatusCode::SEE_OTHER, "/users?sort=name"));
        let page = browser.get("/users").await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.text.contains("Người an") && page.text.contains("an@example.vn"), "{}", page.text);
        assert_eq!(browser.get("/sign-in?next=//evil.example.com").await.location, "/", "signed in already");
        let out = browser.post_from("/me", "/sign-out", &[]).await;
        assert_eq!((out.status, out.location.as_str()), (StatusCode::SEE_OTHER, "/sign-in"));
        assert_eq!(browser.get("/users").await.status, StatusCode::SEE_OTHER);
        assert!(actions(&desk).await.contains(&"user.sign-in an@example.vn".to_string()));
    }
}

#[tokio::test]
async fn whoever_guesses_learns_nothing_and_waits() {
    for desk in Desk::all().await {
        desk.user("an@example.vn", &[Role::Officer]).await;
        let browser = desk.browser();
        let of = async |email: &str, password: &str| browser.post("/sign-in", &[("email", email), ("password", password)]).await;
        let plain = |answer: &Answer, email: &str| {
            answer.text.replace(answer.token(), "").replace(&email.replace('@', "&#x40;"), "").replace(email, "")
        };
        let (known, unknown) = (of("an@example.vn", "sai").await, of("ai@example.vn", "sai").await);
        assert_eq!(known.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(plain(&known, "an@example.vn"), plain(&unknown, "ai@example.vn"), "the same words");
        for _ in 0..5 {
            of("an@example.vn", "sai").await;
            of("ai@example.vn", "sai").await;
        }
        let (known, unknown) = (of("an@example.vn", PASSWORD).await, of("ai@example.vn", PASSWORD).await);
        assert_eq!((known.status, unknown.status), (StatusCode::TOO_MANY_REQUESTS, StatusCode::TOO_MANY_REQUESTS));
        assert_eq!(plain(&known, "an@example.vn"), plain(&unknown, "ai@example.vn"));
        desk.hands.advance(Duration::from_secs(31));
        assert_eq!(of("an@example.vn", PASSWORD).await.status, StatusCode::SEE_OTHER);
    }
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions() {
    for desk in Desk::all().await {
        desk.user("an@example.vn", &[Role::Officer]).await;
        let (here, there) = (desk.signed_in("an@example.vn").await, desk.signed_in("an@example.vn").await);
        let change = async |current: &str, password: &str, again: &str| {
            here.post("/me/password", &[("current", current), ("password", password), ("again", again)]).await
        };
        for (current, password, again, says) in [
            ("sai", "một câu khác hẳn dài", "một câu khác hẳn dài", "Mật khẩu hiện tại không đúng"),
            (PASSWORD, "ngắn", "ngắn", "ít nhất 12 ký tự"),
            (PASSWORD, "một câu khác hẳn dài", "một câu khác hẳn", "không giống nhau"),
        ] {
            let answer = change(current, password, again).await;
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
            assert!(answer.text.contains(says), "{says}: {}", answer.text);
            assert!(!answer.text.contains("khác hẳn"), "a password is never shown again");
        }
        here.post("/me/tokens", &[("name", "Báo cáo"), ("right", "read_reach"), ("ends", "2026-12-31")]).await;
        let answer = change(PASSWORD, "một câu khác hẳn dài", "một câu khác hẳn dài").await;
        assert_eq!((answer.status, answer.location.as_str()), (StatusCode::SEE_OTHER, "/me"));
        let page = here.get("/me").await;
        assert!(page.text.contains("Đã đổi mật khẩu"), "{}", page.text);
        assert!(page.text.contains("1 mã truy cập API của bạn vẫn dùng được"), "{}", page.text);
        assert!(!here.get("/me").await.text.contains("Đã đổi mật khẩu"), "it is said once");
        assert_eq!(there.get("/me").await.status, StatusCode::SEE_OTHER);
        desk.hands.advance(Duration::from_mins(61));
        assert_eq!(here.get("/me").await.status, StatusCode::SEE_OTHER, "an hour without a request");
    }
}

#[tokio::test]
async fn one_ends_ones_sessions_elsewhere() {
    for desk in Desk::all().await {
        desk.user("an@example.vn", &[Role::Officer]).await;
        desk.user("binh@example.vn", &[Role::Officer]).await;
        let (here, there, other) = (
            desk.signed_in("an@example.vn").await,
            desk.signed_in("an@example.vn").await,
            desk.signed_in("binh@example.vn").await,
        );
        // Sessions are numbered as they began; another's is not there for one.
        assert_eq!(here.post_from("/me", "/me/sessions/3/end", &[]).await.status, StatusCode::NOT_FOUND);
        assert_eq!(here.post_from("/me", "/me/sessions/2/end", &[]).await.status, StatusCode::SEE_OTHER);
        assert_eq!(there.get("/me").await.status, StatusCode::SEE_OTHER);
        assert_eq!((here.get("/me").await.status, other.get("/me").await.status), (StatusCode::OK, StatusCode::OK));
    }
}

#[tokio::test]
async fn a_form_of_another_site_changes_nothing() {
    for desk in Desk::all().await {
        desk.user("an@example.vn", &[Role::Officer]).await;
        let browser = desk.signed_in("an@example.vn").await;
        let token = browser.get("/me").await.token().to_string();
        let other = desk.signed_in("an@example.vn").await.get("/me").await.token().to_string();
        let fields = [("name", "Kẻ khác"), ("theme", "dark"), ("lang", "")];
        let send = async |token: &str, headers: &[(&str, &str)]| browser.post_with("/me", token, &fields, headers).await.status;
        assert_eq!(send("", &[]).await, StatusCode::FORBIDDEN);
        assert_eq!(send(&other, &[]).await, StatusCode::FORBIDDEN, "a token belongs to its session");
        assert_eq!(send(&token, &[("sec-fetch-site", "cross-site")]).await, StatusCode::FORBIDDEN);
        assert_eq!(send(&token, &[("sec-fetch-site", "same-site")]).await, StatusCode::FORBIDDEN);
        assert_eq!(send(&token, &[("origin", "https://evil.example.com")]).await, StatusCode::FORBIDDEN);
        assert!(!browser.get("/me").await.text.contains("Kẻ khác"));
        assert_eq!(send(&token, &[("sec-fetch-site", "same-origin")]).await, StatusCode::SEE_OTHER);
        let page = browser.get("/me").await.text;
        assert!(page.contains("Kẻ khác") && page.contains("data-theme=\"dark\""), "{page}");
        // Nor does one sign in by another site's form.
        let stranger = desk.browser();
        let signed_in = stranger.post_with("/sign-in", "x", &[("email", "an@example.vn"), ("password", PASSWORD)], &[]).await;
        assert_eq!(signed_in.status, StatusCode::FORBIDDEN);
    }
}

/// Every address of the console that takes a form, as the router's source has it.
fn posts(folder: &std::path::Path, found: &mut std::collections::BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            posts(&path, found);
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ").replace(".route( \"", ".route(\"");
        for route in text.split(".route(\"").skip(1) {
            let (address, rest) = route.split_once('"').unwrap();
            let handlers =
                [" .merge(", " .layer(", " }"].into_iter().filter_map(|end| rest.find(end)).min().unwrap_or(rest.len());
            if rest[..handlers].contains("post(") {
                found.insert(address.to_string());
            }
        }
    }
}

/// Else a partner's pages would turn the user away before they look at a form.
async fn acts_for_an_outlet(desk: &Desk, user: i64) {
    let written = outlet::Written {
        slug: "viettel".into(),
        title: "Viettel Hà Nội".into(),
        kind: outlet::Kind::Carrier,
        way: outlet::Way::Hand,
        url: None,
        certificate: None,
        contact: None,
        areas: vec!["01".into()],
        owner: String::new(),
        sender: String::new(),
    };
    let (db, seal, actor, now) = (&desk.ground.db, &desk.ground.seal, audit::Actor::command("test"), desk.clock.millis());
    let written = written.checked(|code| code == "01").unwrap();
    transaction!(db, |tx| {
        outlet::add(tx, seal, &written, &actor, now).await?.unwrap();
        outlet::set_user_outlet(tx, user, Some("viettel"), &actor, now).await
    })
    .unwrap()
    .unwrap();
}

#[tokio::test]
async fn no_address_takes_a_form_without_its_pages_token() {
    let desk = Desk::open(grounds().await.remove(0), "").await;
    let user = desk.user("an@example.vn", &Role::ALL).await;
    acts_for_an_outlet(&desk, user.id).await;
    let browser = desk.signed_in("an@example.vn").await;
    let mut addresses = std::collections::BTreeSet::new();
    posts("src/web/console".as_ref(), &mut addresses);
    assert!(addresses.len() > 50, "{addresses:?}");
    for address in addresses {
        let path: String = address
            .split('{')
            .enumerate()
            .map(|(n, part)| {
                let rest = part.split_once('}').map_or(part, |(_, rest)| rest);
                if n == 0 { part.to_string() } else { format!("1{rest}") }
            })
            .collect();
        let mut answer = browser.post_with(&path, "", &[], &[]).await;
        if answer.status == StatusCode::BAD_REQUEST {
            // A form with files.
            answer = browser.post_parts(&path).await;
        }
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}: {}", answer.text);
        assert!(answer.text.contains("Trang này đã cũ"), "{path}: {}", answer.text);
    }
}

/// Turns the second factor on; its key and recovery codes.
async fn enrolled(desk: &Desk, browser: &Browser) -> (second_factor::Key, Vec<String>) {
    let page = browser.get("/me/two-factor").await;
    assert!(page.text.contains("<svg role=\"img\""), "{}", page.text);
    let key = second_factor::Key::read(page.between("<code>", "</code>")).unwrap();
    let (token, carried) = (page.token().to_string(), page.between("name=\"key\" value=\"", "\"").to_string());
    let now = second_factor::step_of(desk.clock.millis());
    let wrong = browser.post_with("/me/two-factor", &token, &[("key", &carried), ("code", &key.code(now + 9))], &[]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let done = browser.post_with("/me/two-factor", &token, &[("key", &carried), ("code", &key.code(now))], &[]).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text);
    let codes = done.text.split("<li><code>").skip(1).map(|rest| rest.split_once('<').unwrap().0.to_string()).collect();
    (key, codes)
}

#[tokio::test]
async fn a_second_factor_is_asked_for_and_each_code_is_good_once() {
    for desk in Desk::all().await {
        desk.user("an@example.vn", &[Role::Administrator]).await;
        let (key, codes) = enrolled(&desk, &desk.signed_in("an@example.vn").await).await;
        assert_eq!(codes.len(), 10);
        let code = |desk: &Desk| key.code(second_factor::step_of(desk.clock.millis()));
        let used = code(&desk);
        let browser = desk.signed_in("an@example.vn").await;
        assert_eq!(browser.get("/users").await.location, "/sign-in/code?next=%2Fusers", "half a session opens nothing");
        let half = browser.cookies.lock().unwrap()["loa"].clone();
        let again = browser.post("/sign-in/code", &[("code", &used)]).await;
        assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY, "the step that turned it on is used up");
        desk.hands.advance(Duration::from_secs(30));
        let done = browser.post("/sign-in/code", &[("code", &code(&desk)), ("next", "/users")]).await;
        assert_eq!((done.status, done.location.as_str()), (StatusCode::SEE_OTHER, "/users"));
        assert_eq!(browser.get("/users").await.status, StatusCode::OK);
        assert_ne!(browser.cookies.lock().unwrap()["loa"], half, "the half session's secret opens nothing more");

        let lost = desk.signed_in("an@example.vn").await;
        let done = lost.post("/sign-in/code", &[("code", &codes[0])]).await;
        assert_eq!((done.status, done.location.as_str()), (StatusCode::SEE_OTHER, "/me"));
        let again = desk.signed_in("an@example.vn").await;
        assert_eq!(again.post("/sign-in/code", &[("code", &codes[0])]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        for _ in 0..6 {
            again.post("/sign-in/code", &[("code", "000000")]).await;
        }
        assert_eq!(again.post("/sign-in/code", &[("code", &codes[1])]).await.status, StatusCode::TOO_MANY_REQUESTS);
        let off = lost.post_from("/me/two-factor", "/me/two-factor/off", &[("current", "sai")]).await;
        assert_eq!(off.status, StatusCode::UNPROCESSABLE_ENTITY);
        let off = lost.post_from("/me/two-factor", "/me/two-factor/off", &[("current", PASSWORD)]).await;
        assert_eq!(off.status, StatusCode::SEE_OTHER);
        desk.signed_in("an@example.vn").await.get("/users").await;
    }
}

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
async fn a_token_is_made_shown_once_and_revoked() {
    for desk in Desk::all().await {
        let user = desk.user("an@example.vn", &[Role::Manager]).await;
        let browser = desk.signed_in("an@example.vn").await;
        let wrong = browser.post("/me/tokens", &[("name", ""), ("right", "approve"), ("ends", "2020-01-01")]).await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(wrong.text.contains("Chọn ít nhất một quyền"), "a right that one does not have is none");
        let fields = [("name", "Báo cáo"), ("right", "read_reach"), ("right", "manage_users"), ("ends", "2026-12-31")];
        let made = browser.post("/me/tokens", &fields).await;
        let secret = made.between("<code>loa_", "<").to_string();
        let secret = format!("loa_{secret}");
        assert!(!browser.get("/me/tokens").await.text.contains(&secret));
        let find = async || loa::user::api_token::find(&desk.ground.db, &secret, desk.clock.millis()).await.unwrap();
        let bearer = find().await.unwrap();
        assert_eq!(bearer.user.rights.iter().map(loa::user::Right::name).collect::<Vec<_>>(), ["read_reach"]);
        assert_eq!(bearer.user.id, user.id);
        assert_eq!(browser.post_from("/me/tokens", "/me/tokens/1/revoke", &[]).await.status, StatusCode::SEE_OTHER);
        assert_eq!(find().await, None);
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

#[tokio::test]
async fn a_code_is_worth_nothing_once_its_half_session_is_over() {
    for desk in Desk::all().await {
        let user = desk.user("an@example.vn", &[Role::Officer]).await;
        let whole = desk.signed_in("an@example.vn").await;
        let elsewhere = desk.signed_in("an@example.vn").await;
        let (key, codes) = enrolled(&desk, &whole).await;
        assert_eq!(elsewhere.get("/me").await.status, StatusCode::SEE_OTHER, "it began without a code");
        assert_eq!(whole.get("/me").await.status, StatusCode::OK);
        desk.hands.advance(Duration::from_secs(30));
        // Two copies of one half session at once, each with a code that is right: one of them becomes a whole one.
        let half = desk.signed_in("an@example.vn").await;
        let copy = desk.browser();
        *copy.cookies.lock().unwrap() = half.cookies.lock().unwrap().clone();
        let token = half.get("/sign-in/code").await.token().to_string();
        let code = key.code(second_factor::step_of(desk.clock.millis()));
        let (by_code, by_recovery) = ([("code", code.as_str())], [("code", codes[0].as_str())]);
        let (one, other) = tokio::join!(
            half.post_with("/sign-in/code", &token, &by_code, &[]),
            copy.post_with("/sign-in/code", &token, &by_recovery, &[]),
        );
        let mut ways = [one.location, other.location];
        ways.sort();
        assert!(ways == ["/", "/sign-in"] || ways == ["/me", "/sign-in"], "{ways:?}");
        // Nor does a half session outlive its password.
        let half = desk.signed_in("an@example.vn").await;
        let token = half.get("/sign-in/code").await.token().to_string();
        let hash = loa::user::password::hash("một câu khác hẳn dài", &desk.ground.seal).await.unwrap();
        let actor = loa::audit::Actor::command("test");
        loa::user::password::change(&desk.ground.db, &user, &hash, None, &actor, desk.clock.millis()).await.unwrap();
        let late = half.post_with("/sign-in/code", &token, &[("code", codes[1].as_str())], &[]).await;
        assert_eq!(late.location, "/sign-in");
        assert_eq!(half.get("/me").await.status, StatusCode::SEE_OTHER);
    }
}

/// A desk at which one signs in by the provider.
async fn with_provider() -> (Desk, Provider) {
    let ground = grounds().await.remove(0);
    let provider = Provider::start().await;
    let settings = format!(
        "[sign_in]\nurl = \"{{url}}\"\n[sign_in.oidc]\nname = \"Cổng dịch vụ\"\nissuer = \"{}\"\nclient_id = \"loa\"\nclient_secret = {{ env = \"OIDC_SECRET\" }}\n",
        provider.issuer
    );
    let desk = Desk::open(ground, &settings).await;
    desk.hands.set(Utc.timestamp_opt(1_793_588_400, 0).unwrap());
    (desk, provider)
}

/// Goes to the provider and comes back with what it says; `changed` are claims that are not as they should be.
async fn round(browser: &Browser, provider: &Provider, changed: &[(&'static str, Value)]) -> Answer {
    let off = browser.get("/sign-in/oidc?next=/me/tokens").await;
    let (endpoint, query) = off.location.split_once('?').unwrap();
    assert_eq!(endpoint, format!("{}/authorize", provider.issuer));
    let asked: std::collections::BTreeMap<String, String> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    assert_eq!((asked["code_challenge_method"].as_str(), asked["scope"].as_str()), ("S256", "openid email profile"));
    let mut claims = vec![("nonce", json!(asked["nonce"]))];
    claims.extend(changed.iter().cloned());
    *provider.said.lock().unwrap() = provider::Said { claims, challenge: asked["code_challenge"].clone() };
    browser.get(&format!("{}?code=the-code&state={}", asked["redirect_uri"], asked["state"])).await
}

#[tokio::test]
async fn one_signs_in_by_the_provider_that_knows_ones_address() {
    let (desk, provider) = with_provider().await;
    desk.user("an@example.vn", &[Role::Manager]).await;
    let browser = desk.browser();
    assert!(browser.get("/sign-in").await.text.contains("Cổng dịch vụ"));
    let back = round(&browser, &provider, &[]).await;
    assert_eq!((back.status, back.location.as_str()), (StatusCode::SEE_OTHER, "/me/tokens"), "{}", back.text);
    assert_eq!(browser.get("/me/tokens").await.status, StatusCode::OK);
    // From now on it is the provider's number that counts.
    let moved = round(&desk.browser(), &provider, &[("email", json!("elsewhere@example.com"))]).await;
    assert_eq!(moved.status, StatusCode::SEE_OTHER);
    let other = round(&desk.browser(), &provider, &[("sub", json!("43"))]).await;
    assert_eq!(other.status, StatusCode::FORBIDDEN, "another account with the same address");
    for (changed, status) in [
        (("nonce", json!("x")), StatusCode::UNPROCESSABLE_ENTITY),
        (("aud", json!("other")), StatusCode::UNPROCESSABLE_ENTITY),
        (("iss", json!("https://evil.example.com")), StatusCode::UNPROCESSABLE_ENTITY),
        (("exp", json!(1_793_588_000)), StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        assert_eq!(round(&desk.browser(), &provider, std::slice::from_ref(&changed)).await.status, status, "{changed:?}");
    }
    // An answer that another browser fetched, and one for nobody's question.
    let off = desk.browser();
    off.get("/sign-in/oidc").await;
    let stolen = off.get("/sign-in/oidc/back?code=the-code&state=x").await;
    assert_eq!(stolen.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(desk.browser().get("/sign-in/oidc/back?code=the-code&state=x").await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn the_provider_lets_nobody_in_who_was_not_invited() {
    let (desk, provider) = with_provider().await;
    desk.user("binh@example.vn", &[Role::Manager]).await;
    assert_eq!(round(&desk.browser(), &provider, &[]).await.status, StatusCode::FORBIDDEN);
    let unverified = [("email", json!("binh@example.vn")), ("email_verified", json!(false))];
    assert_eq!(round(&desk.browser(), &provider, &unverified).await.status, StatusCode::FORBIDDEN);
    assert_eq!(round(&desk.browser(), &provider, &unverified[..1]).await.status, StatusCode::SEE_OTHER);
}
