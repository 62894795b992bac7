//! Campaigns and segments written by form, over HTTP and without script: mistakes beside their fields, what people will get of it, a
//! test that arrives, a count that is right.

use std::time::{Duration, Instant};

use loa::{audit::Actor, db::Db, edition, on, sandbox::Behaviour, user::Role};
use reqwest::{
    Client, StatusCode,
    header::{CONTENT_SECURITY_POLICY, COOKIE, LOCATION},
};

use crate::helpers::{console, fill::Fill, office::Office};

struct Officer {
    client: Client,
    url: String,
    cookie: String,
}

impl Officer {
    async fn of(office: &Office, db: &Db, role: Role) -> Self {
        let (seal, now) = (office.seal().await, loa::clock::Clock::system().millis());
        let (_, cookie) = console::signed_in(db, &seal, &format!("{role:?}"), &[role], &[], now).await;
        Self { client: console::client(), url: office.url.clone(), cookie }
    }

    async fn get(&self, path: &str) -> (StatusCode, String) {
        let answer = self.client.get(format!("{}{path}", self.url)).header(COOKIE, &self.cookie).send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    async fn form(&self, path: &str) -> Fill {
        let (status, page) = self.get(path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {page}");
        Fill::of(&page, "writing")
    }

    /// Sends a form: status, where it leads, the page.
    async fn send(&self, path: &str, fill: &Fill) -> (StatusCode, String, String) {
        let request = self.client.post(format!("{}{path}", self.url)).header(COOKIE, &self.cookie).form(&fill.0);
        let answer = request.send().await.unwrap();
        let to = answer.headers().get(LOCATION).map(|to| to.to_str().unwrap().to_string()).unwrap_or_default();
        (answer.status(), to, answer.text().await.unwrap())
    }
}

async fn office() -> (Office, Db) {
    let mut office = Office::prepare(Behaviour::default()).await;
    office.import(40);
    office.serve();
    let db = office.db().await;
    (office, db)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_campaign_is_written_by_form_looked_at_tested_and_saved() {
    let (office, db) = office().await;
    let officer = Officer::of(&office, &db, Role::Officer).await;
    let path = "/campaigns/new";

    // What is wrong stands beside its field, and what was typed is kept.
    let form = officer.get(path).await.1;
    assert!(form.contains("<option value=\"relay\">Yêu cầu qua đơn vị phối hợp</option>"), "{form}");
    let fill = officer.form(path).await;
    let fill = fill
        .set("title", "Mã OTP là chìa khóa")
        .set("owner", "Phòng Văn hóa")
        .set("sending.budget", "nhiều lắm")
        .set("cadence.every", "week")
        .set("message.0.sms.text", "Chào {{ name }}: không đọc mã OTP.")
        .tick("audience.segments", "toan-dan")
        .press("save");
    let (status, _, page) = officer.send(path, &fill).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{page}");
    for field in ["sending.budget", "cadence.on.week", "cadence.at"] {
        assert!(page.contains(&format!("id=\"{field}-error\"")), "{field}: {page}");
        assert!(page.contains(&format!("href=\"#{field}\"")), "{field}");
    }
    let fill = Fill::of(&page, "writing");
    assert_eq!((fill.get("sending.budget"), fill.get("title")), ("nhiều lắm", "Mã OTP là chìa khóa"));

    // A message and a language come by buttons.
    let (_, _, page) = officer.send(path, &fill.press("add-message")).await;
    let fill = Fill::of(&page, "writing");
    let (_, _, page) = officer.send(path, &fill.set("language:1", "en").press("add-language:1")).await;
    let fill = Fill::of(&page, "writing");
    let fill = fill
        .set("sending.budget", "5.000.000")
        .set("cadence.at", "08:30")
        .set("sending.hours", "00:00-24:00")
        .tick("cadence.on.week", "mon")
        .tick("channels.use", "email")
        .set("message.1.sms.text", "Lần hai: không đọc mã OTP.")
        .set("message.1.lang.en.sms.text", "Again: khong doc ma OTP.")
        .set("message.1.email.subject", "Tiêu đề")
        .set("message.1.email.body", "Kính gửi **{{ name }}**,\r\n\r\nXin chú ý.")
        .set("look-at", "1");

    // Both spellings of the text, its parts, and the mail in a frame of its own.
    let looked = fill.clone().set("look-at", "0");
    let (status, _, part) = officer.send("/campaigns/preview", &looked).await;
    assert_eq!(status, StatusCode::OK, "{part}");
    for words in ["Chao Nguyen Thi Thanh Huong: khong doc ma OTP.", "Chào Nguyễn Thị Thanh Hương", "1 phần", "UCS-2", "SO VHTTDL"]
    {
        assert!(part.contains(words), "{words}: {part}");
    }
    assert!(!part.contains("<html"), "it is a part of a page");
    // What nobody would get is told: a column that the list lacks, a text of a channel that is not used.
    let begun = Instant::now();
    let doubtful = looked.set("message.0.sms.text", "Chao {{ biet_danh }}.").set("message.0.chat.text", "Chào bạn.");
    loop {
        let (_, _, part) = officer.send("/campaigns/preview", &doubtful).await;
        assert!(part.contains("chưa chọn ở phần Kênh"), "{part}");
        if part.contains("không người nhận nào có trường biet_danh") {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{part}");
    }
    let (_, _, page) = officer.send(path, &fill.clone().set("message.1.id", "thu-hai").press("preview")).await;
    let frame = page.split("iframe sandbox=\"\" src=\"").nth(1).unwrap_or_else(|| panic!("{page}")).split('"').next().unwrap();
    let answer = officer.client.get(format!("{}{frame}", officer.url)).header(COOKIE, &officer.cookie).send().await.unwrap();
    let policy = answer.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap().to_string();
    assert!(policy.contains("sandbox") && policy.contains("default-src 'none'"), "{policy}");
    assert!(answer.text().await.unwrap().contains("<strong>Nguyễn Thị Thanh Hương</strong>"));

    // Saved, it is what was typed, and its name comes from its title.
    let fill = fill.press("save");
    let (status, to, page) = officer.send(path, &fill).await;
    assert_eq!((status, to.as_str()), (StatusCode::SEE_OTHER, "/campaigns/ma-otp-la-chia-khoa"), "{page}");
    let saved = edition::latest(&db, "ma-otp-la-chia-khoa").await.unwrap().unwrap();
    assert!(saved.text.contains("budget = 5_000_000") && saved.text.contains("[message.lang.en"), "{}", saved.text);
    assert!(saved.text.contains("on = \"mon\""), "{}", saved.text);

    // A test goes to those of the list who are named, before any approval.
    let reference: String = on!(db.read, |pool, _sql| sqlx::query_scalar(
        "SELECT ref FROM recipient WHERE phone IS NOT NULL AND state = 0 ORDER BY id LIMIT 1"
    )
    .fetch_one(pool)
    .await)
    .unwrap();
    let path = "/campaigns/ma-otp-la-chia-khoa/edit";
    let (status, _, page) = officer.send(path, &officer.form(path).await.set("to", "khong-co-ai").press("test")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("id=\"to-error\""), "{page}");
    let (status, to, page) = officer.send(path, &officer.form(path).await.set("to", &reference).press("test")).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "{page}");
    assert!(to.starts_with("/runs/"), "{to}");
    let begun = Instant::now();
    while !office.stand_ins.taken().iter().any(|taken| format!("{taken:?}").contains("khong doc ma OTP")) {
        assert!(begun.elapsed() < Duration::from_secs(30), "{}", office.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(office.stand_ins.taken().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_to_carriers_is_written_by_form() {
    let (office, db) = office().await;
    let officer = Officer::of(&office, &db, Role::Officer).await;
    let path = "/campaigns/new";
    let fill = officer
        .form(path)
        .await
        .set("title", "Qua nhà mạng")
        .set("owner", "Phòng Văn hóa")
        .set("channels.use", "relay")
        .set("relay.partners", "viettel\r\nmobifone")
        .set("relay.sender", "Phong VH")
        .set("relay.areas", "01\r\n00004")
        .set("relay.audience", "Mọi thuê bao")
        .set("relay.sms", "Không đọc mã OTP.")
        .set("relay.payment", "contract");
    // What carriers will count, before anything is finished.
    let (status, _, part) = officer.send("/campaigns/preview", &fill).await;
    assert_eq!(status, StatusCode::OK, "{part}");
    for words in
        ["Phong VH", "Khong doc ma OTP.", "GSM · 1 phần · 17 ký tự", "SHA-256", "Số người nhận do đơn vị phối hợp báo cáo"]
    {
        assert!(part.contains(words), "{words}: {part}");
    }
    let (status, _, page) = officer.send(path, &fill.press("save")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{page}");
    for field in ["basis.authority", "relay.contract"] {
        assert!(page.contains(&format!("id=\"{field}-error\"")), "{field}: {page}");
    }
    let fill = Fill::of(&page, "writing")
        .set("basis.number", "12/UBND-VX")
        .set("basis.date", "2026-11-01")
        .set("basis.authority", "UBND thành phố")
        .set("basis.document", "cong-van.pdf")
        .set("relay.contract", "15/2026/HĐ");
    assert_eq!((fill.get("channels.use"), fill.get("relay.areas")), ("relay", "01\r\n00004"));

    // The scan is uploaded beside a draft; then an area that is counted twice is all that is wrong.
    let (status, to, page) = officer.send(path, &fill.press("draft")).await;
    assert_eq!((status, to.as_str()), (StatusCode::SEE_OTHER, "/campaigns/qua-nha-mang"), "{page}");
    let by = Actor::command("thử");
    let now = loa::clock::Clock::system().millis();
    edition::attach(&db, ("qua-nha-mang", 1), "cong-van.pdf", b"%PDF-1.7 made up", &by, now).await.unwrap();
    let path = "/campaigns/qua-nha-mang/edit";
    let (status, _, page) = officer.send(path, &officer.form(path).await.press("save")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{page}");
    assert!(page.contains("id=\"relay.areas-error\""), "{page}");
    let (status, _, page) = officer.send(path, &Fill::of(&page, "writing").set("relay.areas", "01").press("save")).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "{page}");
    let saved = edition::latest(&db, "qua-nha-mang").await.unwrap().unwrap();
    for line in ["use = [\"relay\"]", "[relay]", "areas = [\"01\"]", "payment = \"contract\"", "document = \"cong-van.pdf\""] {
        assert!(saved.text.contains(line), "{line}: {}", saved.text);
    }
    let (status, page) = officer.get("/campaigns/qua-nha-mang").await;
    assert_eq!(status, StatusCode::OK);
    for words in ["viettel; mobifone", "Thành phố Hà Nội", "theo hợp đồng 15", "SMS qua nhà mạng"] {
        assert!(page.contains(words), "{words}: {page}");
    }

    // Whoever approves it sees whom a run will ask, and which names are none.
    office.outlet("viettel", "Viettel Hà Nội", "carrier");
    let token = page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let fields = [("csrf", token), ("version", &saved.version.to_string()), ("note", "")];
    let request = officer.client.post(format!("{}/campaigns/qua-nha-mang/submit", officer.url)).header(COOKIE, &officer.cookie);
    assert_eq!(request.form(&fields).send().await.unwrap().status(), StatusCode::SEE_OTHER);
    let (_, page) = officer.get("/campaigns/qua-nha-mang").await;
    let waits = page.split("href=\"/approvals/").nth(1).unwrap_or_else(|| panic!("{page}")).split('"').next().unwrap();
    let (_, page) = officer.get(&format!("/approvals/{waits}")).await;
    for words in ["Sẽ yêu cầu đơn vị nào", "Nhà mạng (1): Viettel Hà Nội", "nên không nhận được yêu cầu: mobifone"]
    {
        assert!(page.contains(words), "{words}: {page}");
    }

    // Nobody of the list gets anything that could be tested.
    let (status, _, page) = officer.send(path, &officer.form(path).await.set("to", "toi").press("test")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{page}");
    assert!(page.contains("id=\"to-error\"") && page.contains("chỉ gửi qua đơn vị phối hợp"), "{page}");
    assert_eq!(office.number("SELECT count(*) FROM run").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_campaign_is_written_as_a_file_too_and_nobody_overwrites_another() {
    let (office, db) = office().await;
    let officer = Officer::of(&office, &db, Role::Officer).await;
    let text = std::fs::read_to_string("campaigns/nhan-dien-lua-dao.toml").unwrap();
    edition::save(&db, "hang-tuan", &text, 0, &Actor::command("thử"), 1).await.unwrap();
    let path = "/campaigns/hang-tuan/edit";

    // A form that nobody touched changes not a letter.
    let untouched = officer.form(path).await;
    let (status, _, page) = officer.send(path, &untouched.clone().press("save")).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "{page}");
    assert_eq!(edition::latest(&db, "hang-tuan").await.unwrap().unwrap().version, 1);

    // As a file, broken: it is kept, and its line is told.
    let (_, _, page) = officer.send(path, &untouched.clone().press("text")).await;
    let as_text = Fill::of(&page, "writing");
    assert_eq!(as_text.get("text").replace("\r\n", "\n"), text);
    let (status, _, page) = officer.send(path, &as_text.clone().set("text", "title = \n").press("save")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("id=\"text-error\"") && page.contains("TOML"), "{page}");
    let comment = text.replacen("title =", "# ghi chú của tôi\ntitle =", 1);
    let (_, _, page) = officer.send(path, &as_text.set("text", &comment).press("form")).await;
    let fill = Fill::of(&page, "writing").set("title", "Tên mới");

    // Somebody else was faster: told, and nothing typed is lost.
    edition::save(&db, "hang-tuan", &text.replace("85", "8"), 1, &Actor::command("người khác"), 2).await.unwrap();
    let (status, _, page) = officer.send(path, &fill.press("save")).await;
    assert_eq!(status, StatusCode::CONFLICT, "{page}");
    assert!(page.contains("người khác"), "{page}");
    let (status, _, page) = officer.send(path, &Fill::of(&page, "writing").press("save")).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "{page}");
    let saved = edition::latest(&db, "hang-tuan").await.unwrap().unwrap();
    assert_eq!((saved.version, saved.title.as_str()), (3, "Tên mới"));
    assert!(saved.text.contains("# ghi chú của tôi\ntitle = \"Tên mới\""), "{}", &saved.text[..300]);

    // What a file defines, and what one may not, is not written here.
    assert_eq!(officer.get("/campaigns/nhan-dien-lua-dao/edit").await.0, StatusCode::CONFLICT);
    assert_eq!(officer.get("/campaigns/khong-co/edit").await.0, StatusCode::NOT_FOUND);
    let manager = Officer::of(&office, &db, Role::Manager).await;
    assert_eq!(manager.get("/campaigns/new").await.0, StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_is_put_together_and_counted() {
    let (office, db) = office().await;
    let officer = Officer::of(&office, &db, Role::Officer).await;
    let born: i64 = on!(db.read, |pool, _sql| sqlx::query_scalar(
        "SELECT count(*) FROM recipient WHERE state = 0 AND born IS NOT NULL AND born < '1980-01-01'"
    )
    .fetch_one(pool)
    .await)
    .unwrap();
    assert!(born > 0 && born < 40, "{born}");
    let fill = officer.form("/segments/new").await.set("title", "Sinh trước 1980").set("born_before", "01/01/1980");
    let begun = Instant::now();
    loop {
        let (status, _, part) = officer.send("/segments/count", &fill).await;
        assert_eq!(status, StatusCode::OK);
        if part.contains(&format!("<dd>{born}</dd>")) {
            break;
        }
        assert!(part.contains("Đang đếm") && begun.elapsed() < Duration::from_secs(20), "{part}");
    }

    // Places are found by name, conditions come by buttons, a mistake stands beside its field.
    let (_, _, page) = officer.send("/segments/new", &fill.set("area-search", "Hà Nội").press("add-area:")).await;
    assert!(page.contains("value=\"01\" checked"), "{page}");
    let (_, _, page) = officer.send("/segments/new", &Fill::of(&page, "writing").press("add-choice")).await;
    let fill = Fill::of(&page, "writing").set("any.0.lang", "en").set("not.reached.campaign", "nhan-dien-lua-da");
    let (status, _, page) = officer.send("/segments/new", &fill.set("not.reached.within", "30d").press("save")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("id=\"not.reached.campaign-error\"") && page.contains("nhan-dien-lua-dao"), "{page}");
    let fill = Fill::of(&page, "writing").set("not.reached.campaign", "nhan-dien-lua-dao").press("save");
    let (status, to, page) = officer.send("/segments/new", &fill).await;
    assert_eq!((status, to.as_str()), (StatusCode::SEE_OTHER, "/segments/sinh-truoc-1980"), "{page}");
    let saved = edition::segments::latest(&db, "sinh-truoc-1980").await.unwrap().unwrap().text.unwrap();
    assert!(saved.contains("born_before = 1980-01-01") && saved.contains("areas = [\"01\"]"), "{saved}");

    // One of the file is read-only, one of the console is listed and can be taken away.
    let (_, page) = officer.get("/segments/toan-dan").await;
    assert!(page.contains("segments.toml") && !page.contains("class=\"writing\""), "{page}");
    let (_, page) = officer.get("/segments").await;
    assert!(page.contains("Sinh trước 1980") && page.contains(">nhan-dien-lua-dao</a>"), "{page}");
    let path = "/segments/sinh-truoc-1980";
    let (status, to, page) = officer.send(path, &officer.form(path).await.press("remove")).await;
    assert_eq!((status, to.as_str()), (StatusCode::SEE_OTHER, "/segments"), "{page}");
}
