//! The console's audience, accounts and inbox, over HTTP: a list comes in by its columns, one person is masked until somebody asks, an
//! account is tested and paused, and what somebody should know arrives once, by page and by mail.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use chrono::{TimeZone as _, Utc};
use loa::{
    account::{Accounts, gateways},
    active::Active,
    audience::{
        figure::{self, Cut},
        import, list,
    },
    audit::{self, Actor},
    clock::Clock,
    config::{Bounces, Config},
    intake::{self, Intake},
    notice::{self, find, mail::Post},
    on, receipt,
    sandbox::{Options, Sandbox},
    transaction,
    user::{self, Right, Role, Roles, session},
    web::{self, Parts, State},
};
use reqwest::{Client, StatusCode, header, redirect};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::helpers::{Ground, grounds};

fn settings(sandbox: &Sandbox) -> String {
    let (http, smtp) = (sandbox.http_addr().unwrap(), sandbox.smtp_addr().unwrap().port());
    format!(
        r#"
[office]
short = "SO MAU"

[notify]
email = ["truc@example.vn"]
every = "15m"

[[account]]
name = "kannel"
gateway = "kannel"
channel = "sms"
rate = "100/s"
url = "http://{http}"
allow_private = true
username = "loa"
password = {{ env = "PASSWORD" }}
sender = "LOA"

[[account.template]]
name = "otp"
pattern = "Canh bao {{1:100}}"
through = 2026-11-20

[[account]]
name = "thu"
gateway = "smtp"
rate = "100/s"
host = "127.0.0.1"
port = {smtp}
tls = "none"
allow_private = true
from = "Loa <loa@example.vn>"
"#
    )
}

struct Console {
    ground: Ground,
    config: Config,
    accounts: Arc<Accounts>,
    intake: Intake,
    client: Client,
    base: String,
    sandbox: Sandbox,
}

/// Somebody signed in.
struct Person<'c> {
    console: &'c Console,
    cookie: String,
    csrf: String,
}

impl Console {
    async fn open(ground: Ground) -> Self {
        // A second test finds it installed.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let sandbox = Sandbox::start(Options { smpp: None, ..Options::default() }).await.unwrap();
        let file = ground.folder.path().join("loa.toml");
        std::fs::write(&file, settings(&sandbox)).unwrap();
        let env = BTreeMap::from([
            ("PASSWORD".to_string(), "not-a-secret".to_string()),
            ("LOA_DATABASE__URL".to_string(), ground.url.clone()),
        ]);
        let config = Config::read(Some(&file), &env).map_err(|p| format!("{p:?}")).unwrap();
        let known = gateways(None).unwrap();
        let accounts = Arc::new(Accounts::build(&config, &known, &ground.db, &ground.seal, &ground.clock).await.unwrap());
        let active = Arc::new(Active::new(ground.db.clone(), config.office.clone()));
        let (db, clock, seal) = (ground.db.clone(), ground.clock.clone(), ground.seal.clone());
        let matcher = receipt::Matcher { db, clock, node: 0, active: Arc::clone(&active), seal, bounces: Bounces::default() };
        let ear = loa::reply::Ear::new(ground.seal.clone(), &loa::config::OptOut::default());
        let (inbox, _appender) = receipt::inbox(matcher, ear);
        let recorder = web::recorder().unwrap();
        let parts = Parts {
            db: ground.db.clone(),
            clock: ground.clock.clone(),
            seal: ground.seal.clone(),
            accounts: Arc::clone(&accounts),
            inbox,
            active,
            config: config.clone(),
            library: Arc::default(),
            shelf: Arc::new(loa::edition::Shelf::new("campaigns".as_ref())),
            gateways: Arc::new(known),
            holidays: loa::campaign::Holidays::built_in(),
            work: Arc::default(),
            metrics: recorder.handle(),
        };
        let state = metrics::with_local_recorder(&recorder, || State::new(parts));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { web::serve(listener, web::private(state), std::future::pending()).await.unwrap() });
        let client = Client::builder().redirect(redirect::Policy::none()).no_proxy().build().unwrap();
        let (db, seal, clock) = (ground.db.clone(), ground.seal.clone(), ground.clock.clone());
        let intake = Intake { db, seal, clock, folder: intake::folder(&config) };
        Self { ground, config, accounts, intake, client, base, sandbox }
    }

    async fn department(&self, name: &str) -> i64 {
        let actor = Actor::command("test");
        user::add_department(&self.ground.db, name, &actor, self.ground.clock.millis()).await.unwrap().unwrap()
    }

    /// Adds somebody with these roles and departments (none: all), and signs them in.
    async fn sign_in(&self, name: &str, roles: &[Role], departments: &[i64]) -> Person<'_> {
        let (db, now) = (&self.ground.db, self.ground.clock.millis());
        let new = user::New {
            email: format!("{name}@example.vn"),
            name: name.to_string(),
            roles: roles.iter().copied().collect::<Roles>(),
            every_department: departments.is_empty(),
            departments: departments.to_vec(),
        };
        let id = user::add(db, &new, &Actor::command("test"), now).await.unwrap().unwrap();
        let seal = &self.ground.seal;
        let secret = transaction!(db, |tx| session::begin(tx, seal, id, true, "", "test", now).await).unwrap();
        let mut person = Person { console: self, cookie: format!("loa={}", secret.0), csrf: String::new() };
        let (_, page) = person.get("/inbox").await;
        person.csrf = page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_string();
        person
    }

    async fn audited(&self) -> Vec<(String, String)> {
        let rows: Vec<(String, String)> = on!(self.ground.db.read, |pool, _sql| {
            sqlx::query_as("SELECT action, subject FROM audit ORDER BY seq").fetch_all(pool).await
        })
        .unwrap();
        audit::verify(&self.ground.db, &[]).await.unwrap();
        rows
    }

    /// Where its accounts send.
    fn served(&self) -> BTreeSet<i16> {
        self.accounts.all().iter().flat_map(|account| account.routes()).collect()
    }

    fn files(&self) -> usize {
        std::fs::read_dir(intake::folder(&self.config)).map_or(0, Iterator::count)
    }
}

impl Person<'_> {
    async fn get(&self, path: &str) -> (StatusCode, String) {
        let console = self.console;
        let answer =
            console.client.get(format!("{}{path}", console.base)).header(header::COOKIE, &self.cookie).send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    /// Where a form led, and the page that it answered with, if it did not lead on.
    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> (StatusCode, String, String) {
        let console = self.console;
        let fields: Vec<(&str, &str)> = [("csrf", self.csrf.as_str())].into_iter().chain(fields.iter().copied()).collect();
        let request = console.client.post(format!("{}{path}", console.base)).header(header::COOKIE, &self.cookie);
        let answer = request.form(&fields).send().await.unwrap();
        let to = answer.headers().get(header::LOCATION).map(|to| to.to_str().unwrap().to_string()).unwrap_or_default();
        (answer.status(), to, answer.text().await.unwrap())
    }

    async fn upload(&self, name: &str, bytes: &str, fields: &[(&str, &str)]) -> (StatusCode, String) {
        let console = self.console;
        let mut body = String::new();
        for (key, value) in [("csrf", self.csrf.as_str())].iter().chain(fields) {
            body.extend(["--cut\r\nContent-Disposition: form-data; name=\"", key, "\"\r\n\r\n", value, "\r\n"]);
        }
        body.extend(["--cut\r\nContent-Disposition: form-data; name=\"file\"; filename=\"", name, "\"\r\n"]);
        body.extend(["Content-Type: text/csv\r\n\r\n", bytes, "\r\n--cut--\r\n"]);
        let request = console.client.post(format!("{}/audience/uploads", console.base)).header(header::COOKIE, &self.cookie);
        let answer = request.header(header::CONTENT_TYPE, "multipart/form-data; boundary=cut").body(body).send().await.unwrap();
        (answer.status(), answer.headers().get(header::LOCATION).map(|to| to.to_str().unwrap().to_string()).unwrap_or_default())
    }
}

const LIST: &str = "Mã,Họ tên gọi,Liên hệ,Tỉnh,Nhóm\nA1,Nguyễn Thị Mẫu,0901234567,Hà Nội,nguoi-cao-tuoi\nA2,Trần Văn Thử,0912345678,Hà Nội,\nA3,Lê Sai,12,Hà Nội,\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_list_comes_in_by_its_columns_and_nothing_is_written_before() {
    for ground in grounds().await {
        let console = Console::open(ground).await;
        let officer = console.sign_in("lan", &[Role::Officer], &[]).await;
        let (status, page) = officer.upload("can-bo.csv", LIST, &[("kind", "audience")]).await;
        assert_eq!(status, StatusCode::SEE_OTHER);
        assert!(console.intake.step().await.unwrap());
        let (_, text) = officer.get(&page).await;
        // No column says that it holds addresses: the guess is said to be no use, and the cells stand there masked.
        assert!(text.contains("không thấy cột địa chỉ nào"), "{text}");
        assert!(text.contains("09******67") && !text.contains("0901234567") && !text.contains("Nguyễn Thị"), "{text}");
        let check = format!("{page}/check");
        let said = |contact: &'static str| {
            vec![
                ("source", "can-bo"),
                ("mode", "replace"),
                ("basis", "consent"),
                ("basis_source", "phiếu 2026"),
                ("column-0", "ref"),
                ("column-1", "name"),
                ("column-2", contact),
                ("column-3", "province"),
                ("column-4", "groups"),
            ]
        };
        let (status, _, text) = officer.post(&check, &said("-")).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(text.contains("Chọn ít nhất một cột"), "{text}");
        let (status, to, _) = officer.post(&check, &said("phone")).await;
        assert_eq!((status, to.as_str()), (StatusCode::SEE_OTHER, page.as_str()));
        assert!(console.intake.step().await.unwrap());
        let (_, text) = officer.get(&page).await;
        assert!(text.contains("<td class=\"n\">4</td><td>Liên hệ</td>"), "the refused row by line and column: {text}");
        assert_eq!(console.ground.number("SELECT count(*) FROM recipient").await, 0, "nothing is written yet");
        assert_eq!(console.files(), 1);

        let (status, ..) = officer.post(&format!("{page}/confirm"), &[]).await;
        assert_eq!(status, StatusCode::SEE_OTHER);
        assert!(console.intake.step().await.unwrap());
        assert_eq!(
            console.ground.number("SELECT count(*) FROM recipient WHERE state = 0 AND consent_basis = 'consent'").await,
            2
        );
        assert_eq!(console.files(), 1, "the list is gone, its refused rows wait");
        let rejected = format!("{page}/rejected");
        let (status, _, text) = officer.post(&rejected, &[]).await;
        assert!(status == StatusCode::OK && text.contains("Lê Sai"), "{status} {text}");
        assert_eq!(officer.post(&rejected, &[]).await.0, StatusCode::CONFLICT, "once");
        assert_eq!(console.files(), 0);
        // Twice confirmed is once.
        assert_eq!(officer.post(&format!("{page}/confirm"), &[]).await.0, StatusCode::CONFLICT);

        // Counted in the background, shown by list and by province.
        assert!(figure::count(&console.ground.db, console.ground.clock.millis()).await.unwrap());
        assert_eq!(figure::read(&console.ground.db, Cut::List, "", &[]).await.unwrap().sum().people, 2);
        let (_, text) = officer.get("/audience").await;
        assert!(text.contains("can-bo") && text.contains("Hà Nội"), "{text}");
        assert!(officer.get("/audience/groups").await.1.contains("nguoi-cao-tuoi"));
        let actions: Vec<String> = console.audited().await.into_iter().map(|(action, _)| action).collect();
        for action in ["audience.upload", "audience.confirm", "audience.import", "audience.rejected"] {
            assert!(actions.iter().any(|one| one == action), "{action}: {actions:?}");
        }
        // Whoever may only read figures brings nothing.
        let manager = console.sign_in("minh", &[Role::Manager], &[]).await;
        assert_eq!(manager.upload("x.csv", LIST, &[]).await.0, StatusCode::FORBIDDEN);
        assert_eq!(manager.get("/audience").await.0, StatusCode::FORBIDDEN);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_are_known_by_what_stands_in_them() {
    let list = "Danh sách hội viên 2026,,,\nSTT,Tên hội viên,Số máy,Liên hệ qua thư\n1,Nguyễn Thị Mẫu,0901 234 567,mau@example.vn\n2,Trần Văn Thử,+84 912.345.678,thu@example.vn\n";
    for ground in grounds().await {
        let console = Console::open(ground).await;
        let officer = console.sign_in("lan", &[Role::Officer], &[]).await;
        let (_, page) = officer.upload("hoi-vien.csv", list, &[]).await;
        assert!(console.intake.step().await.unwrap());
        let (_, text) = officer.get(&page).await;
        assert!(
            text.contains("<option value=\"phone\" selected>") && text.contains("<option value=\"email\" selected>"),
            "{text}"
        );
        assert!(!text.contains("Danh sách hội viên 2026"), "a title is no header: {text}");
        assert_eq!(officer.post(&format!("{page}/confirm"), &[]).await.0, StatusCode::SEE_OTHER);
        assert!(console.intake.step().await.unwrap());
        assert_eq!(console.ground.number("SELECT count(*) FROM recipient WHERE email_hash IS NOT NULL").await, 2);
    }
}

/// Puts two people on a list.
async fn listed(console: &Console, source: &str, rows: &str) {
    let path = console.ground.folder.path().join(format!("{source}.csv"));
    std::fs::write(&path, format!("ref,name,phone,email\n{rows}")).unwrap();
    let order = import::Order { path, source: source.into(), replace: false, lang: loa::words::Lang::Vi };
    import::import(&console.ground.db, &console.ground.seal, &console.ground.clock, &order, |_| {}).await.unwrap();
}

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
        // Nor are they taken over by a file that names them.
        let (_, page) = own.upload("lay.csv", "ref,phone\nB1,0912345678\n", &[("source", "van-hoa")]).await;
        assert!(console.intake.step().await.unwrap());
        assert_eq!(own.post(&format!("{page}/confirm"), &[]).await.0, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(!console.intake.step().await.unwrap());
        assert_eq!(console.ground.number("SELECT count(*) FROM recipient WHERE source = 'y-te'").await, 1);
        // Nor is a list of theirs brought anew, nor one that binds everybody.
        let (status, _) = own.upload("y-te.csv", "ref,phone\nB2,0912345679\n", &[("source", "y-te")]).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        let (status, _) = own.upload("chan.csv", "0912345678\n", &[("kind", "block"), ("source", "chan")]).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
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
        assert_eq!(text.matches("<tr><td>").count(), 1, "{text}");
        assert!(text.contains(">A1<") && !text.contains("?at="), "{text}");
        let all = console.sign_in("mo", &[Role::Officer], &[]).await;
        let (_, text) = all.get("/audience/refusals").await;
        assert_eq!(text.matches("<tr><td>").count(), 50, "{text}");
        let next = text.split("href=\"").find_map(|rest| rest.split('"').next().filter(|to| to.contains("?at="))).unwrap();
        let (_, text) = all.get(&next.replace("&amp;", "&").replace("&#x2f;", "/")).await;
        assert_eq!(text.matches("<tr><td>").count(), 22, "{text}");
        assert!(text.contains(">A1<") && text.contains(">B1<"), "{text}");

        let other = console.sign_in("mai", &[Role::Officer], &[health]).await;
        assert_eq!(other.get(&page).await.0, StatusCode::NOT_FOUND);
        assert!(other.get("/audience").await.1.contains("y-te"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_tested_and_paused_with_a_reason() {
    for ground in grounds().await {
        let console = Console::open(ground).await;
        let administrator = console.sign_in("an", &[Role::Administrator], &[]).await;
        let (status, text) = administrator.get("/accounts").await;
        assert!(status == StatusCode::OK && text.contains("kannel") && text.contains("thu"), "{text}");
        assert!(administrator.get("/gateways").await.1.contains("esms"));
        let bad = administrator.post("/accounts/kannel/send", &[("to", "mau@example.vn"), ("text", "Thu")]).await;
        assert!(bad.0 == StatusCode::UNPROCESSABLE_ENTITY && bad.2.contains("ghi một số di động"), "{}", bad.2);
        let (status, ..) = administrator.post("/accounts/kannel/send", &[("to", "0901234567"), ("text", "Tin thu")]).await;
        assert_eq!(status, StatusCode::SEE_OTHER);
        let taken = console.sandbox.taken();
        assert_eq!((taken.len(), taken[0].text.as_str()), (1, "Tin thu"));
        let (_, text) = administrator.get("/accounts/kannel").await;
        assert!(text.contains("tin thử") && !text.contains("901234567"), "{text}");
        assert!(text.contains("otp") && text.contains("2026-11-20"), "its wording: {text}");

        let (status, _, text) = administrator.post("/accounts/kannel/pause", &[("why", "")]).await;
        assert!(status == StatusCode::UNPROCESSABLE_ENTITY && text.contains("Ghi lý do dừng"), "{text}");
        assert_eq!(administrator.post("/accounts/kannel/pause", &[("why", "đổi hợp đồng")]).await.0, StatusCode::SEE_OTHER);
        let (status, ..) = administrator.post("/accounts/kannel/send", &[("to", "0901234567"), ("text", "Tin thu")]).await;
        assert_eq!(status, StatusCode::CONFLICT, "it is paused");
        assert_eq!(console.sandbox.taken().len(), 1);
        assert!(administrator.get("/accounts/kannel").await.1.contains("an: đổi hợp đồng"));
        assert_eq!(administrator.post("/accounts/kannel/resume", &[]).await.0, StatusCode::SEE_OTHER);
        assert_eq!(administrator.post("/accounts/kannel/resume", &[]).await.0, StatusCode::CONFLICT);
        // Twenty tests in an hour.
        console
            .ground
            .execute(&"INSERT INTO account_test (account, by_whom, at, kind, ok, said) SELECT account, by_whom, at, kind, ok, said FROM account_test;".repeat(5))
            .await;
        assert_eq!(administrator.post("/accounts/kannel/test", &[]).await.0, StatusCode::TOO_MANY_REQUESTS);
        let actions: Vec<String> = console.audited().await.into_iter().map(|(action, _)| action).collect();
        for action in ["account.test_send", "account.pause", "account.resume"] {
            assert!(actions.iter().any(|one| one == action), "{action}: {actions:?}");
        }
        // An officer looks, and acts on nothing.
        let officer = console.sign_in("lan", &[Role::Officer], &[]).await;
        assert!(!officer.get("/accounts/kannel").await.1.contains("/accounts/kannel/pause"));
        assert_eq!(officer.post("/accounts/kannel/pause", &[("why", "x")]).await.0, StatusCode::FORBIDDEN);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_should_know_is_told_once_and_ends_by_itself() {
    for ground in grounds().await {
        let console = Console::open(ground).await;
        let (db, seal) = (console.ground.db.clone(), console.ground.seal.clone());
        let (clock, hands) = Clock::manual(Utc.with_ymd_and_hms(2026, 11, 2, 1, 0, 0).unwrap());
        let look = find::Ground { db: db.clone(), clock: clock.clone(), config: console.config.clone(), served: console.served() };
        // Two nodes, as far as mails go.
        let node = || Post::new(&console.config, &db, &clock, &seal, &console.accounts);
        let (one, other) = (node(), node());
        let step = async || {
            let found = find::all(&look).await.unwrap();
            let changed = notice::reconcile(&db, &found, clock.millis()).await.unwrap();
            let (a, b) = tokio::join!(one.step(), other.step());
            (changed, a.unwrap().sent + b.unwrap().sent)
        };
        let mails = || console.sandbox.taken().into_iter().filter_map(|taken| taken.mail).count();

        // The wording lapses in eighteen days: said at thirty.
        let (changed, sent) = step().await;
        assert_eq!((changed.begun, sent, mails()), (1, 1, 1));
        assert_eq!(step().await, (notice::Changed::default(), 0), "the same cause is told of once");

        // Within a quarter of an hour nothing goes but what is urgent.
        hands.advance(std::time::Duration::from_mins(1));
        console.ground.execute("INSERT INTO request (kind, state, received_at, answer_by, due_at) VALUES (1, 0, 1, 9000000000000, 1793600000000)").await;
        let (changed, sent) = step().await;
        assert_eq!((changed.begun, sent, mails()), (1, 0, 1));
        let account = console.accounts.named("kannel").unwrap();
        loa::account::pause(&db, account.id, Some("sai mật khẩu"), clock.millis()).await.unwrap();
        let (changed, sent) = step().await;
        assert_eq!((changed.begun, sent, mails()), (1, 1, 2), "at once, with what waited");
        let mail = console.sandbox.taken().into_iter().filter_map(|taken| taken.mail).next_back().unwrap();
        let mail = String::from_utf8_lossy(&mail).into_owned();
        assert!(mail.contains("To: ") && mail.contains("truc@example.vn"), "{mail}");

        // An officer has all three; each reads for themselves.
        let officer = console.sign_in("lan", &[Role::Officer], &[]).await;
        let (_, text) = officer.get("/inbox").await;
        assert!(text.contains("sai mật khẩu") && text.contains("hết hạn sau ngày 20&#x2f;11&#x2f;2026"), "{text}");
        let ids: Vec<String> =
            text.split("name=\"notice\" value=\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_string()).collect();
        assert_eq!(officer.post("/inbox/read", &[("notice", &ids[0])]).await.0, StatusCode::SEE_OTHER);
        let may = |_: Right| true;
        let unread = async |user| {
            let reader = notice::Reader { user, may: &may, sees: &|_| true };
            notice::unread(&db, &reader).await.unwrap().all
        };
        let lan = console.ground.number("SELECT id FROM console_user WHERE email = 'lan@example.vn'").await;
        assert_eq!((unread(lan).await, unread(999).await), (2, 3));
        // A manager has no rights to people's requests.
        let manager = console.sign_in("minh", &[Role::Manager], &[]).await;
        assert!(!manager.get("/inbox").await.1.contains("dữ liệu cá nhân"));

        // The cause ends, and the notice by itself. At seven days the wording is told of anew.
        loa::account::pause(&db, account.id, None, clock.millis()).await.unwrap();
        hands.advance(std::time::Duration::from_hours(11 * 24));
        let (changed, sent) = step().await;
        assert_eq!(
            (changed.begun, changed.ended, sent, mails()),
            (2, 3, 1, 3),
            "lapses in seven days, overdue in place of due soon"
        );
        assert!(officer.get("/inbox?show=over").await.1.contains("sai mật khẩu"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_was_not_sent_is_tried_again_and_doctor_says_so() {
    for ground in grounds().await {
        let console = Console::open(ground).await;
        let (db, seal) = (console.ground.db.clone(), console.ground.seal.clone());
        let (clock, hands) = Clock::manual(Utc.with_ymd_and_hms(2026, 11, 2, 1, 0, 0).unwrap());
        let look = find::Ground { db: db.clone(), clock: clock.clone(), config: console.config.clone(), served: console.served() };
        let post = Post::new(&console.config, &db, &clock, &seal, &console.accounts);
        let found = find::all(&look).await.unwrap();
        notice::reconcile(&db, &found, clock.millis()).await.unwrap();
        let mail = console.accounts.named("thu").unwrap();
        loa::account::pause(&db, mail.id, Some("bảo trì"), clock.millis()).await.unwrap();
        console.accounts.refresh(&db, clock.now()).await.unwrap();
        assert_eq!(post.step().await.unwrap().sent, 0);
        let failing = notice::mail::failing(&db, clock.millis()).await.unwrap().unwrap();
        assert_eq!(failing.mails, 1);
        loa::account::pause(&db, mail.id, None, clock.millis()).await.unwrap();
        console.accounts.refresh(&db, clock.now()).await.unwrap();
        assert_eq!(post.step().await.unwrap().sent, 0, "not before its time");
        hands.advance(std::time::Duration::from_secs(61));
        assert_eq!(post.step().await.unwrap().sent, 1);
        assert_eq!(notice::mail::failing(&db, clock.millis()).await.unwrap(), None);
    }
}
