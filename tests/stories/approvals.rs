//! Four eyes, over HTTP: what an officer writes runs once somebody else approved it, and goes on while the edited one waits.

use std::time::{Duration, Instant};

use loa::{
    audit::Actor,
    db::Db,
    edition,
    sandbox::Behaviour,
    seal::Seal,
    user::{self, Role},
};
use reqwest::{
    Client, StatusCode,
    header::{CONTENT_TYPE, COOKIE, LOCATION},
};

use crate::helpers::{console, office::Office};

const CAMPAIGN: &str = "title = \"Mã OTP\"\nkind = \"awareness\"\nowner = \"Phòng Văn hóa\"\n[audience]\nsegments = [\"toan-dan\"]\n\
                        [channels]\nuse = [\"sms\"]\n[[message]]\nid = \"otp\"\nsms = \"Khong doc ma OTP cho bat ky ai.\"\n";

/// Somebody with a browser.
struct Person {
    client: Client,
    url: String,
    cookie: String,
    id: i64,
}

/// What a page answered.
struct Answer {
    status: StatusCode,
    /// Where it leads.
    to: String,
    text: String,
}

impl Person {
    async fn new(office: &Office, db: &Db, seal: &Seal, name: &str, roles: &[Role], departments: &[i64]) -> Self {
        let now = loa::clock::Clock::system().millis();
        let (id, cookie) = console::signed_in(db, seal, name, roles, departments, now).await;
        Self { client: console::client(), url: office.url.clone(), cookie, id }
    }

    async fn get(&self, path: &str) -> Answer {
        self.answer(self.client.get(format!("{}{path}", self.url))).await
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> Answer {
        let answer = request.header(COOKIE, &self.cookie).send().await.unwrap();
        let to = answer.headers().get(LOCATION).map(|to| to.to_str().unwrap().to_string()).unwrap_or_default();
        Answer { status: answer.status(), to, text: answer.text().await.unwrap() }
    }

    /// What every page's forms carry.
    async fn token(&self) -> String {
        let page = self.get("/approvals").await.text;
        between(&page, "name=\"csrf\" value=\"", "\"")
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let token = self.token().await;
        let mut all = vec![("csrf", token.as_str())];
        all.extend(fields);
        self.answer(self.client.post(format!("{}{path}", self.url)).form(&all)).await
    }

    /// A form with files; a field named `file` is one.
    async fn upload(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let token = self.token().await;
        let mut body = String::new();
        for (name, value) in [("csrf", token.as_str())].iter().chain(fields) {
            let file = if *name == "file" { "; filename=\"anh.png\"" } else { "" };
            let head = format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n");
            body.extend([&head, *value, "\r\n"]);
        }
        body += "--x--\r\n";
        let request = self.client.post(format!("{}{path}", self.url)).header(CONTENT_TYPE, "multipart/form-data; boundary=x");
        self.answer(request.body(body)).await
    }

    /// Puts a text in as a campaign's next version.
    async fn write(&self, slug: &str, text: &str) {
        let done = self.upload("/campaigns/import", &[("slug", slug), ("text", text), ("replace", "on")]).await;
        assert_eq!(
            (done.status, done.to.as_str()),
            (StatusCode::SEE_OTHER, format!("/campaigns/{slug}").as_str()),
            "{}",
            done.text
        );
    }

    /// Sends a version for approval, and gives the address of what waits.
    async fn submit(&self, slug: &str, version: &str) -> String {
        let done = self.post(&format!("/campaigns/{slug}/submit"), &[("version", version), ("note", "Xin duyệt")]).await;
        assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text);
        let page = self.get(&format!("/campaigns/{slug}")).await.text;
        format!("/approvals/{}", between(&page, "href=\"/approvals/", "\""))
    }

    /// Decides about what the page shows.
    async fn decide(&self, address: &str, how: &str, comment: &str) -> Answer {
        let page = self.get(address).await.text;
        let hash = between(&page, "name=\"hash\" value=\"", "\"");
        self.post(&format!("{address}/{how}"), &[("hash", &hash), ("comment", comment)]).await
    }
}

/// What stands between two marks; nothing where the first is not there.
fn between(text: &str, before: &str, after: &str) -> String {
    let rest = text.split_once(before).map_or("", |(_, rest)| rest);
    rest.split_once(after).map_or("", |(found, _)| found).to_string()
}

/// Waits for what a loop of the server does.
async fn in_time(what: impl AsyncFn() -> bool) {
    let begun = Instant::now();
    while !what().await {
        assert!(begun.elapsed() < Duration::from_secs(30), "it never happened");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// An office that serves, with so many people on its list, and its two departments.
async fn two_departments(people: u64) -> (Office, Db, Seal, [i64; 2]) {
    let mut office = Office::prepare(Behaviour::default()).await;
    office.import(people);
    office.serve();
    let (db, seal) = (office.db().await, office.seal().await);
    let by = Actor::command("thử");
    let department = async |name: &str| user::add_department(&db, name, &by, 0).await.unwrap().unwrap();
    let departments = [department("Phòng Văn hóa").await, department("Phòng Kinh tế").await];
    (office, db, seal, departments)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_writes_another_releases() {
    let (office, db, seal, [ours, theirs]) = two_departments(30).await;
    let person = async |name: &str, roles: &[Role], of: &[i64]| Person::new(&office, &db, &seal, name, roles, of).await;
    let lan = person("Lan", &[Role::Officer], &[ours]).await;
    let tuan = person("Tuan", &[Role::Officer], &[ours]).await;
    let minh = person("Minh", &[Role::Approver], &[ours]).await;
    let hoa = person("Hoa", &[Role::Officer, Role::Approver], &[]).await;
    let khac = person("Khac", &[Role::Officer, Role::Approver], &[theirs]).await;
    let binh = person("Binh", &[Role::Manager], &[]).await;

    // As soon as the console has a user, what files define waits too; its writer is unknown, so anybody with the right decides.
    in_time(async || minh.get("/approvals").await.text.contains("tệp trên máy chủ")).await;
    let list = minh.get("/approvals").await.text;
    let of_file = format!("/approvals/{}", between(list.split_once("Đang chờ").unwrap().1, "href=\"/approvals/", "\""));
    in_time(async || minh.get(&of_file).await.text.contains("Người nhận</dt>")).await;
    assert_eq!(binh.decide(&of_file, "approve", "").await.status, StatusCode::FORBIDDEN);
    assert_eq!(minh.decide(&of_file, "approve", "đồng ý").await.status, StatusCode::SEE_OTHER);
    assert!(minh.get(&of_file).await.text.contains("Đã phê duyệt"));

    // A draft is not seen by another department, cannot be approved by its writer, and does not run.
    lan.write("otp-moi", CAMPAIGN).await;
    assert_eq!(khac.get("/campaigns/otp-moi").await.status, StatusCode::NOT_FOUND);
    assert!(!khac.get("/campaigns").await.text.contains("otp-moi") && tuan.get("/campaigns").await.text.contains("otp-moi"));
    let waiting = lan.submit("otp-moi", "1").await;
    assert_eq!(khac.get(&waiting).await.status, StatusCode::NOT_FOUND);
    let page = minh.get(&waiting).await.text;
    for seen in ["Khong doc ma OTP", "Lan", "Xin duyệt", "tất cả đều mới"] {
        assert!(page.contains(seen), "{seen}: {page}");
    }
    assert!(!lan.get(&waiting).await.text.contains("name=\"hash\""), "an officer decides nothing");
    assert_eq!(
        office.command().args(["send", "otp-moi", "--dry-run"]).status().unwrap().code(),
        Some(2),
        "it is in no library yet"
    );

    // Returned with a comment, mended, approved.
    let lacking = minh.decide(&waiting, "return", "").await;
    assert_eq!(lacking.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(lacking.text.contains("id=\"comment-error\"") && lacking.text.contains("Khong doc ma OTP"), "{}", lacking.text);
    assert_eq!(minh.decide(&waiting, "return", "Ghi rõ số 156").await.status, StatusCode::SEE_OTHER);
    assert!(lan.get("/campaigns/otp-moi").await.text.contains("Ghi rõ số 156"));
    let second = CAMPAIGN.replace("cho bat ky ai.", "cho bat ky ai. Bao 156.");
    lan.write("otp-moi", &second).await;
    let waiting = lan.submit("otp-moi", "2").await;
    let stale = minh.post(&format!("{waiting}/approve"), &[("hash", "another"), ("comment", "")]).await;
    assert_eq!(stale.status, StatusCode::CONFLICT);
    assert_eq!(minh.decide(&waiting, "approve", "").await.status, StatusCode::SEE_OTHER);
    let page = lan.get("/campaigns/otp-moi").await.text;
    assert!(page.contains("Đang áp dụng") && page.contains("Bao 156"), "{page}");
    assert!(office.loa(&["send", "otp-moi", "--dry-run"]).contains("Mã OTP"));

    // What came after the page that one ticks a box on is told of before it is replaced.
    let late = [("slug", "otp-moi"), ("text", CAMPAIGN), ("replace", "on"), ("base", "1")];
    let late = lan.upload("/campaigns/import", &late).await;
    assert!(late.status == StatusCode::UNPROCESSABLE_ENTITY && late.text.contains("vừa lưu bản 2"), "{}", late.text);
    assert!(late.text.contains("name=\"base\" value=\"2\""), "{}", late.text);

    // The approved one goes on while the edited one waits; both are told apart, in words and not by colour alone.
    lan.write("otp-moi", &second.replace("156", "5656")).await;
    let waiting = lan.submit("otp-moi", "3").await;
    let page = minh.get(&waiting).await.text;
    assert!(page.contains("<mark>") && page.contains("5656") && page.contains("</span>bớt"), "{page}");
    assert_eq!(edition::in_force(&db).await.unwrap(), [("otp-moi".to_string(), 2)]);
    let export = binh.get("/campaigns/otp-moi/export").await;
    assert_eq!((export.status, export.text.as_str()), (StatusCode::OK, second.as_str()));

    // While Minh is away, Tuan decides; but not for what Tuan wrote.
    let day = loa::clock::Clock::system().now().with_timezone(&chrono_tz::Asia::Ho_Chi_Minh).date_naive();
    assert_eq!(tuan.decide(&waiting, "approve", "").await.status, StatusCode::FORBIDDEN);
    let (tuan_id, minh_id, day) = (tuan.id.to_string(), minh.id.to_string(), day.to_string());
    let mut fields = vec![("approver", minh_id.as_str()), ("delegate", tuan_id.as_str()), ("from", &day), ("through", &day)];
    assert_eq!(minh.post("/approvals/delegates", &fields).await.status, StatusCode::UNPROCESSABLE_ENTITY, "a reason is needed");
    fields.push(("reason", "đi công tác"));
    // Nobody of another department, who would never see what waits, and is not shown here.
    let stranger = khac.id.to_string();
    let elsewhere: Vec<_> =
        fields.iter().map(|(name, value)| (*name, if *name == "delegate" { stranger.as_str() } else { *value })).collect();
    let refused = minh.post("/approvals/delegates", &elsewhere).await;
    assert!(refused.status == StatusCode::UNPROCESSABLE_ENTITY && !refused.text.contains(">Khac<"), "{}", refused.text);
    assert_eq!(tuan.post("/approvals/delegates", &fields).await.status, StatusCode::FORBIDDEN);
    assert_eq!(minh.post("/approvals/delegates", &fields).await.status, StatusCode::SEE_OTHER);
    tuan.write("cua-tuan", &CAMPAIGN.replace("Mã OTP", "Của Tuấn")).await;
    let own = tuan.submit("cua-tuan", "1").await;
    let page = tuan.get(&own).await.text;
    assert!(page.contains("Bạn đã soạn nội dung này") && !page.contains("name=\"hash\""), "{page}");
    assert!(tuan.get(&waiting).await.text.contains("Bạn quyết định thay"));
    assert!(!khac.get("/approvals/delegates").await.text.contains("đi công tác"));
    // Who manages users sets anybody's delegate, but not themselves.
    let quan = person("Quan", &[Role::Administrator], &[]).await;
    let own = quan.id.to_string();
    let grabbed: Vec<_> =
        fields.iter().map(|(name, value)| (*name, if *name == "delegate" { own.as_str() } else { *value })).collect();
    assert_eq!(quan.post("/approvals/delegates", &grabbed).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(tuan.decide(&waiting, "approve", "").await.status, StatusCode::SEE_OTHER);
    assert!(minh.get("/approvals").await.text.contains("(thay Minh)"));
    assert_eq!(edition::in_force(&db).await.unwrap(), [("otp-moi".to_string(), 3)]);

    // One person alone: only a warning, only with a reason, and somebody else looks at it afterwards.
    let urgent = CAMPAIGN.replace("awareness", "warning").replace("Mã OTP", "Khẩn");
    hoa.write("khan", &urgent).await;
    let waiting = hoa.submit("khan", "1").await;
    let page = hoa.get(&waiting).await.text;
    let hash = between(&page, "name=\"hash\" value=\"", "\"");
    let own = hoa.post(&format!("{waiting}/approve"), &[("hash", &hash), ("comment", "")]).await;
    assert_eq!(own.status, StatusCode::UNPROCESSABLE_ENTITY, "nobody approves their own work");
    assert_eq!(hoa.decide(&waiting, "emergency", "").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(hoa.decide(&waiting, "emergency", "đang lan nhanh").await.status, StatusCode::SEE_OTHER);
    assert!(minh.get("/approvals").await.text.contains("Phê duyệt khẩn cần xem lại (1)"));
    let undecided = minh.post(&format!("{waiting}/review"), &[("verdict", ""), ("comment", "sai số máy")]).await;
    assert_eq!(undecided.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(undecided.text.contains("id=\"verdict-error\"") && undecided.text.contains("sai số máy"), "{}", undecided.text);
    let review = [("verdict", "wrong"), ("comment", "sai số máy")];
    assert_eq!(hoa.post(&format!("{waiting}/review"), &review).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(minh.post(&format!("{waiting}/review"), &review).await.status, StatusCode::SEE_OTHER);
    assert!(!edition::in_force(&db).await.unwrap().iter().any(|(slug, _)| slug == "khan"));

    // Attachments, a clone, the archive, and the calendar.
    let attached = lan.upload("/campaigns/otp-moi/attach", &[("base", "3"), ("file", "PNG")]).await;
    assert_eq!(attached.status, StatusCode::SEE_OTHER, "{}", attached.text);
    assert_eq!(lan.get("/campaigns/otp-moi/files/anh.png").await.text, "PNG");
    // What is there already, and what is a page's address, names no campaign, by whichever way it comes.
    for taken in ["khan", "new", "preview", "segments"] {
        let clone = lan.post("/campaigns/otp-moi/clone", &[("new_slug", taken)]).await;
        let import = lan.upload("/campaigns/import", &[("slug", taken), ("text", CAMPAIGN)]).await;
        assert_eq!(
            (clone.status, import.status),
            (StatusCode::UNPROCESSABLE_ENTITY, StatusCode::UNPROCESSABLE_ENTITY),
            "{taken}"
        );
    }
    assert_eq!(lan.post("/campaigns/otp-moi/clone", &[("new_slug", "otp-moi-2")]).await.to, "/campaigns/otp-moi-2");
    assert_eq!(edition::attachments(&db, "otp-moi-2", 2).await.unwrap().len(), 1);
    assert_eq!(binh.post("/campaigns/otp-moi/archive", &[]).await.status, StatusCode::FORBIDDEN);
    assert_eq!(lan.post("/campaigns/otp-moi/archive", &[]).await.status, StatusCode::SEE_OTHER);
    let archived = lan.post("/campaigns/otp-moi/submit", &[("version", "4")]).await;
    assert!(archived.status == StatusCode::CONFLICT && archived.text.contains("đã lưu trữ"), "{}", archived.text);
    assert!(edition::in_force(&db).await.unwrap().is_empty());
    for path in [
        "/campaigns?state=archived",
        "/calendar",
        "/calendar?month=2027-02",
        "/campaigns/otp-moi/versions",
        "/campaigns/otp-moi/versions/2?against=1",
        "/campaigns/otp-moi-2/clone",
        "/campaigns/import",
        "/approvals/delegates",
    ] {
        let page = hoa.get(path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        assert!(page.text.contains("</html>"), "{path}");
    }
    let chain = loa::audit::verify(&db, &[]).await.unwrap();
    assert!(chain.broken.is_none(), "{chain:?}");
    drop(office);
}

/// A segment is its department's: nobody else sees it, names it, or changes what another department goes by.
#[tokio::test(flavor = "multi_thread")]
async fn a_segment_is_its_departments() {
    let (office, db, seal, [ours, theirs]) = two_departments(10).await;
    let person = async |name: &str, roles: &[Role], of: &[i64]| Person::new(&office, &db, &seal, name, roles, of).await;
    let lan = person("Lan", &[Role::Officer], &[ours]).await;
    let khac = person("Khac", &[Role::Officer], &[theirs]).await;
    let hoa = person("Hoa", &[Role::Approver], &[]).await;
    let segment = |slug: &'static str, owner: &'static str, base: &'static str, press: &'static str| {
        [
            ("slug", slug),
            ("owner", owner),
            ("base", base),
            ("title", "Người cao tuổi"),
            ("view", "form"),
            ("text", ""),
            ("do", press),
        ]
    };

    let made = lan.post("/segments/new", &segment("cua-van-hoa", "Phòng Văn hóa", "0", "save")).await;
    assert_eq!((made.status, made.to.as_str()), (StatusCode::SEE_OTHER, "/segments/cua-van-hoa"), "{}", made.text);
    let given = lan.post("/segments/new", &segment("cho-ho", "Phòng Kinh tế", "0", "save")).await;
    assert!(given.status == StatusCode::UNPROCESSABLE_ENTITY && given.text.contains("id=\"owner-error\""), "{}", given.text);
    assert_eq!(khac.get("/segments/cua-van-hoa").await.status, StatusCode::NOT_FOUND);
    assert!(!khac.get("/segments").await.text.contains("cua-van-hoa") && lan.get("/segments").await.text.contains("cua-van-hoa"));
    assert!(!khac.get("/campaigns/new").await.text.contains("cua-van-hoa"));
    for press in ["save", "remove"] {
        let done = khac.post("/segments/cua-van-hoa", &segment("cua-van-hoa", "Phòng Kinh tế", "1", press)).await;
        assert_eq!(done.status, StatusCode::NOT_FOUND);
    }
    let taken = khac.post("/segments/new", &segment("cua-van-hoa", "Phòng Kinh tế", "0", "save")).await;
    assert!(taken.status == StatusCode::CONFLICT && !taken.text.contains("(Lan)"), "{}", taken.text);

    // Named in a text all the same, it goes to nobody.
    let text = CAMPAIGN.replace("Phòng Văn hóa", "Phòng Kinh tế");
    khac.write("lay-cua-ho", &text.replace("toan-dan", "cua-van-hoa")).await;
    let refused = khac.post("/campaigns/lay-cua-ho/submit", &[("version", "1")]).await;
    assert!(refused.status == StatusCode::UNPROCESSABLE_ENTITY && refused.text.contains("đơn vị khác"), "{}", refused.text);

    // One that all share is changed by anybody, until another department goes by it.
    assert_eq!(lan.post("/segments/new", &segment("chung", "", "0", "save")).await.status, StatusCode::SEE_OTHER);
    assert_eq!(khac.get("/segments/chung").await.status, StatusCode::OK);
    khac.write("dung-chung", &text.replace("toan-dan", "chung")).await;
    let waiting = khac.submit("dung-chung", "1").await;
    assert_eq!(hoa.decide(&waiting, "approve", "").await.status, StatusCode::SEE_OTHER);
    assert!(lan.get("/segments/chung").await.text.contains("Một đơn vị khác đang dùng nhóm này"));
    for press in ["save", "remove"] {
        let done = lan.post("/segments/chung", &segment("chung", "Phòng Văn hóa", "1", press)).await;
        assert_eq!(done.status, StatusCode::CONFLICT, "{}", done.text);
    }
    assert_eq!(khac.get("/segments/chung").await.status, StatusCode::OK);
}
