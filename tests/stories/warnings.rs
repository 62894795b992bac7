//! The console's runs and warnings, over HTTP, while messages go to scripted gateways: what leaves after a stop, who gets a text again,
//! who gets a correction, and that a warning goes out with one approval.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use loa::{
    approval::{decision, submission},
    audit::{Actor, Via},
    config::{Config, Limits},
    delivery::State as Delivery,
    edition::Shelf,
    receipt,
    run::{command, pulse, warning},
    user::{self, Role},
    web::{self, Parts, State},
};
use providers::{Accepted, Channel, Reason, SendError};
use reqwest::{Client, StatusCode, header};
use tokio::sync::oneshot;

use super::dispatch::{Process, Scripted, configured, count, saying};
use crate::{
    engines::world::{EVERYBODY, World},
    helpers::console,
};

/// Everybody's pages, listening on loopback, beside a process that is stepped.
pub(super) struct House {
    state: State,
    pub(super) base: String,
    pub(super) client: Client,
    config: Config,
    _leave: oneshot::Sender<()>,
    _folder: tempfile::TempDir,
}

/// Somebody's browser.
pub(super) struct Browser<'h> {
    pub(super) house: &'h House,
    pub(super) cookie: String,
    actor: Actor,
}

impl House {
    pub(super) async fn open(world: &World, process: &Process<'_>) -> Self {
        // A second test finds it installed.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let campaigns = folder.path().join("campaigns");
        std::fs::create_dir(&campaigns).unwrap();
        std::fs::write(campaigns.join("segments.toml"), EVERYBODY).unwrap();
        let file = folder.path().join("loa.toml");
        std::fs::write(&file, "[server]\npublic_url = \"https://canhbao.example.vn\"\n[office]\nname = \"Sở Mẫu\"\nshort = \"So Mau\"\nhotline = \"156\"\n").unwrap();
        let mut config = Config::read(Some(&file), &BTreeMap::new()).map_err(|p| format!("{p:?}")).unwrap();
        config.campaigns_dir = campaigns.clone();
        config.accounts = vec![configured("sms", Channel::Sms)];
        let (inbox, mut appender) = receipt::inbox(world.matcher(), world.ear());
        tokio::spawn(async move { while appender.step().await.is_some() {} });
        let recorder = web::recorder().unwrap();
        let parts = Parts {
            db: world.db.clone(),
            clock: world.clock.clone(),
            seal: world.seal.clone(),
            accounts: Arc::clone(&process.shared.accounts),
            inbox,
            active: Arc::clone(&world.active),
            config: config.clone(),
            library: Arc::default(),
            shelf: Arc::new(Shelf::new(&campaigns)),
            gateways: Arc::new(loa::account::gateways(None).unwrap()),
            holidays: loa::campaign::Holidays::default(),
            work: Arc::default(),
            metrics: recorder.handle(),
        };
        let state = metrics::with_local_recorder(&recorder, || State::new(parts));
        let (listener, base) = console::place().await;
        let (leave, left) = oneshot::channel();
        let serving = web::serve(listener, web::private(state.clone()), async {
            let _ = left.await;
        });
        tokio::spawn(async { serving.await.unwrap() });
        Self { state, base, client: console::client(), config, _leave: leave, _folder: folder }
    }

    /// Signs somebody in who sees all departments, or those of these names alone.
    pub(super) async fn browser(&self, world: &World, name: &str, role: Role, departments: Option<&[&str]>) -> Browser<'_> {
        let (db, now, by) = (&world.db, world.now(), Actor::command("test"));
        let mut numbers = Vec::new();
        for department in departments.unwrap_or_default() {
            numbers.push(user::add_department(db, department, &by, now).await.unwrap().unwrap());
        }
        let (id, cookie) = console::signed_in(db, &world.seal, name, &[role], &numbers, now).await;
        let actor = Actor { user: Some(id), name: name.to_string(), from: None, via: Via::Console };
        Browser { house: self, cookie, actor }
    }
}

impl Browser<'_> {
    pub(super) async fn get(&self, path: &str) -> (StatusCode, String) {
        let request = self.house.client.get(format!("{}{path}", self.house.base)).header(header::COOKIE, &self.cookie);
        let answer = request.send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    /// The page, which must be there.
    pub(super) async fn page(&self, path: &str) -> String {
        let (status, text) = self.get(path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {text}");
        text
    }

    /// Sends a form with the token of the reader's pages.
    pub(super) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> (StatusCode, String) {
        let page = self.page("/runs").await;
        let token = page.split_once("name=\"csrf\" value=\"").unwrap().1.split_once('"').unwrap().0.to_string();
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.append_pair("csrf", &token).extend_pairs(fields);
        let request = self
            .house
            .client
            .post(format!("{}{path}", self.house.base))
            .header(header::COOKIE, &self.cookie)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body.finish());
        let answer = request.send().await.unwrap();
        let to = answer.headers().get(header::LOCATION).map(|to| to.to_str().unwrap().to_string());
        let status = answer.status();
        (status, to.unwrap_or(answer.text().await.unwrap()))
    }

    /// Sends a form that must be taken; where it leads.
    pub(super) async fn done(&self, path: &str, fields: &[(&str, &str)]) -> String {
        let (status, to) = self.post(path, fields).await;
        assert_eq!(status, StatusCode::SEE_OTHER, "{path}: {to}");
        to
    }
}

async fn recorded(world: &World, action: &str) -> i64 {
    world.number(&format!("SELECT count(*) FROM audit WHERE action = '{action}'")).await
}

fn addresses(gateway: &Scripted) -> Vec<String> {
    gateway.handed.lock().unwrap().iter().map(|(to, _)| to.clone()).collect()
}

async fn after_a_stop_nothing_leaves(world: &World) {
    world.crowd(60).await;
    let gateway = Scripted::new();
    let account = loa::config::Account { window: 10, ..configured("sms", Channel::Sms) };
    let mut process = Process::new(world, Limits::default(), vec![(account, &gateway)]).await;
    let house = House::open(world, &process).await;
    let approver = house.browser(world, "Dung", Role::Approver, None).await;
    let run = world.fanned_out(&saying("Mot.", "warning", "")).await;
    let other = world.fanned_out(&saying("Hai.", "awareness", "")).await;
    let answering = gateway.hold().await;
    process.step().await;
    tokio::task::yield_now().await;
    let flying = gateway.handed.lock().unwrap().len();
    assert!((1..60).contains(&flying));

    let page = approver.page(&format!("/stop?run={run}")).await;
    assert!(page.contains("DỪNG TẤT CẢ (2 đợt)"), "{page}");
    assert_eq!(approver.done("/stop", &[("run", "all")]).await, "/stop");
    drop(answering);
    process.settle().await;
    assert_eq!(gateway.handed.lock().unwrap().len(), flying, "nothing left after the stop, on a window that was full");
    assert_eq!(count(world, run, Delivery::Pending).await, 60 - flying);
    let page = approver.page("/stop").await;
    assert!(page.contains("Dung") && page.contains(&format!(">{}<", 60 - flying)), "{page}");
    assert!(page.contains(&format!("data-label=\"Không thu hồi được\">{flying}<")), "{page}");
    assert_eq!((recorded(world, "run.stop").await, command::get(&world.db, other).await.unwrap().paused), (1, true));

    // A person lets one of them go on; the other one stays.
    approver.done("/stop/resume", &[("run", &run.to_string())]).await;
    process.settle().await;
    assert_eq!((count(world, run, Delivery::Accepted).await, count(world, other, Delivery::Pending).await), (60, 60));
    assert_eq!(recorded(world, "run.resume").await, 1);

    let manager = house.browser(world, "Hoa", Role::Manager, None).await;
    let (status, _) = manager.get("/stop").await;
    assert_eq!(status, StatusCode::FORBIDDEN, "who only reads cannot stop");
}

async fn a_run_is_paused_resumed_and_aborted_on_its_page(world: &World) {
    world.crowd(3).await;
    let gateway = Scripted::new();
    let mut process = Process::with_sms(world, &gateway).await;
    let house = House::open(world, &process).await;
    let officer = house.browser(world, "Lan", Role::Officer, None).await;
    let run = world.fanned_out(&saying("Mot.", "awareness", "")).await;
    let path = |what: &str| format!("/runs/{run}{what}");
    assert_eq!(officer.done(&path("/pause"), &[]).await, path(""));
    let page = officer.page(&path("")).await;
    assert!(page.contains("Gửi tiếp") && page.contains("đã tạm dừng, chờ người cho gửi tiếp"), "{page}");
    process.settle().await;
    assert!(addresses(&gateway).is_empty());
    officer.done(&path("/resume"), &[]).await;
    officer.done(&path("/pause"), &[]).await;
    let asked = officer.page(&path("/abort")).await;
    assert!(asked.contains("Dừng hẳn đợt gửi này?") && asked.contains(">3<"), "{asked}");
    officer.done(&path("/abort"), &[]).await;
    process.settle().await;
    assert_eq!((addresses(&gateway).len(), count(world, run, Delivery::Cancelled).await), (0, 3));
    let (status, told) = officer.post(&path("/resume"), &[]).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(told.contains("đã dừng hẳn: không thay đổi được nữa"), "{told}");
    assert_eq!((recorded(world, "run.pause").await, recorded(world, "run.abort").await), (2, 1));

    // Without a token nothing happens; another department's run is not there.
    let bare = house.client.post(format!("{}/stop", house.base)).header(header::COOKIE, &officer.cookie).send().await.unwrap();
    assert!(bare.status().is_client_error());
    user::add_department(&world.db, "Sở Thông tin", &Actor::command("test"), world.now()).await.unwrap().unwrap();
    let stranger = house.browser(world, "Minh", Role::Officer, Some(&["Sở Y tế"])).await;
    assert_eq!(stranger.get(&path("")).await.0, StatusCode::NOT_FOUND);
    assert!(!stranger.page("/runs").await.contains(&path("")));
    assert!(officer.page("/runs?state=aborted&origin=manual").await.contains(&path("")));
    assert!(officer.page("/runs?state=sending").await.contains("Không có đợt gửi nào khớp"));
}

async fn a_retry_goes_to_whom_it_failed_and_a_correction_to_whom_it_did_not(world: &World) {
    world.crowd(5).await;
    let gateway = Scripted::new();
    let mut turn = 0;
    gateway.answers(move |_| {
        turn += 1;
        match turn {
            1 => Err(SendError::Reject { reason: Reason::NoSuchAddress, detail: "no subscriber".into() }),
            2 => Err(SendError::InDoubt { ids: Vec::new(), detail: "timed out".into() }),
            _ => Ok(Accepted::default()),
        }
    });
    let mut process = Process::with_sms(world, &gateway).await;
    let house = House::open(world, &process).await;
    let officer = house.browser(world, "Lan", Role::Officer, None).await;
    let run = world.fanned_out(&saying("Sai so dien thoai.", "awareness", "")).await;
    process.settle().await;
    let first = addresses(&gateway);
    assert_eq!(first.len(), 5);
    process.advance(600_000).await;
    world.settle(loa::delivery::close::Settle::Unknown).await;
    process.settle().await;
    let page = officer.page(&format!("/runs/{run}")).await;
    assert!(page.contains("Số hoặc địa chỉ không tồn tại") && page.contains("no subscriber"), "{page}");
    assert!(!page.contains(&first[0]) && page.contains("*****"), "addresses are masked");

    let asked = officer.page(&format!("/runs/{run}/retry")).await;
    assert!(asked.contains("value=\"rejected\" checked") && asked.contains("value=\"unknown\">"), "{asked}");
    let form = [("nth", "1"), ("state", "rejected")];
    let to = officer.done(&format!("/runs/{run}/retry"), &form).await;
    assert_eq!(officer.done(&format!("/runs/{run}/retry"), &form).await, to, "a double click makes one");
    gateway.handed.lock().unwrap().clear();
    process.settle().await;
    assert_eq!(addresses(&gateway), first[..1]);
    assert!(officer.page(&to).await.contains("Gửi lại của đợt"));

    // The first text was wrong: whoever got it, or may have, is told. The one who only got the second try is not of this run.
    let asked = officer.page(&format!("/runs/{run}/correct")).await;
    assert!(asked.contains("<strong>4</strong>") && asked.contains("So Mau DINH CHINH"), "{asked}");
    let fields = [("title", "Đính chính số điện thoại"), ("sms", "So Mau DINH CHINH: so dung la 156.")];
    let (status, told) = officer.post(&format!("/runs/{run}/correct"), &[("title", "x"), ("sms", " ")]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(told.contains("hãy viết tin nhắn SMS"), "{told}");
    let draft = officer.done(&format!("/runs/{run}/correct"), &fields).await;
    let shown = counted(&officer, &draft).await;
    assert!(shown.contains("so dung la 156") && shown.contains("Lượt tin đính chính"), "{shown}");
    assert!(shown.contains("1.200 đ") && shown.contains("1 phần mỗi tin") && shown.contains("xong khoảng"), "{shown}");
    gateway.handed.lock().unwrap().clear();
    approve(world, &officer, &house, &draft).await;
    process.settle().await;
    let corrected: BTreeSet<String> = addresses(&gateway).into_iter().collect();
    assert_eq!(corrected, first[1..].iter().cloned().collect::<BTreeSet<_>>());
    assert_eq!(gateway.handed.lock().unwrap().len(), 4);
}

/// The page of a draft with its count, which is made beside it: it is there at the latest when one looks again.
async fn counted(officer: &Browser<'_>, draft: &str) -> String {
    let mut shown = officer.page(draft).await;
    for _ in 0..200 {
        if !shown.contains("Đang đếm") {
            break;
        }
        shown = officer.page(draft).await;
    }
    shown
}

/// Sends a draft for approval, and approves it as somebody else.
async fn approve(world: &World, officer: &Browser<'_>, house: &House, draft: &str) {
    officer.done(&format!("{draft}/submit"), &[("note", "gấp")]).await;
    assert!(officer.page(draft).await.contains("Chờ phê duyệt"));
    assert!(warning::send_approved(&world.db, world.now()).await.unwrap().is_empty(), "nothing goes before");
    let approver = house.browser(world, "Dung", Role::Approver, None).await;
    let slug = draft.strip_prefix("/warnings/").unwrap();
    let waiting = &submission::of_campaign(&world.db, slug).await.unwrap()[0];
    let asked = approver.page(&format!("/approvals/{}", waiting.id)).await;
    assert!(asked.contains("Phê duyệt là gửi ngay"), "{asked}");
    decision::approve(&world.db, waiting.id, &waiting.hash, "", &approver.actor, None, world.now()).await.unwrap();
    assert_eq!(warning::send_approved(&world.db, world.now()).await.unwrap().len(), 1);
    assert!(warning::send_approved(&world.db, world.now()).await.unwrap().is_empty(), "once");
}

async fn a_warning_takes_three_steps_and_one_approval(world: &World) {
    world.crowd(4).await;
    let gateway = Scripted::new();
    let mut process = Process::with_sms(world, &gateway).await;
    let house = House::open(world, &process).await;
    let officer = house.browser(world, "Lan", Role::Officer, None).await;
    let choose = officer.page("/warnings/new").await;
    assert!(choose.contains("value=\"phat-nguoi\"") && choose.contains("value=\"blank\""), "{choose}");
    let form = officer.page("/warnings/new?pattern=phat-nguoi").await;
    assert!(form.contains("name=\"blank-cach\"") && form.contains("[[cach]] gia CSGT"), "{form}");

    let sms = "CANH BAO: ke gian [[cach]] gia CSGT bao phat nguoi. Tra cuu tai csgt.vn.";
    let wrong =
        [("pattern", "phat-nguoi"), ("title", "Phạt nguội"), ("sms", sms), ("channels", "sms"), ("blank-cach", "{{ x }}")];
    let (status, told) = officer.post("/warnings", &wrong).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(told.contains("không được có dấu ngoặc nhọn") && told.contains("hãy chọn gửi cho ai"), "{told}");
    assert!(told.contains("Tra cuu tai csgt.vn"), "what was typed is kept");

    // What no account serves would wait until it lapses: it is not ticked, and told of at its field if somebody does.
    assert!(form.contains("value=\"sms\" checked") && !form.contains("value=\"chat\" checked"), "{form}");
    let unserved =
        [("pattern", "phat-nguoi"), ("title", "Phạt nguội"), ("chat", "Chào"), ("channels", "chat"), ("blank-cach", "x")];
    let (status, told) = officer.post("/warnings", &unserved).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(told.contains("id=\"channels-error\"") && told.contains("chưa có tài khoản nào gửi được"), "{told}");

    let right = [
        ("pattern", "phat-nguoi"),
        ("title", "Phạt nguội"),
        ("sms", sms),
        ("channels", "sms"),
        ("blank-cach", "nhan tin Zalo"),
        ("segments", "moi-nguoi"),
        ("owner", "Sở Mẫu"),
    ];
    let draft = officer.done("/warnings", &right).await;
    let shown = counted(&officer, &draft).await;
    assert!(shown.contains("ke gian nhan tin Zalo gia CSGT"), "{shown}");
    assert!(shown.contains("1.200 đ") && shown.contains("1 phần mỗi tin"), "four people at 300 đồng: {shown}");
    approve(world, &officer, &house, &draft).await;
    process.settle().await;
    assert_eq!(gateway.texts(), vec!["CANH BAO: ke gian nhan tin Zalo gia CSGT bao phat nguoi. Tra cuu tai csgt.vn."; 4]);
    let run = warning::get(&world.db, draft.strip_prefix("/warnings/").unwrap()).await.unwrap().unwrap().run.unwrap();
    assert!(officer.page(&draft).await.contains(&format!("/runs/{run}/after")));
    // What the public is told of it.
    let (status, feed) = officer.get("/warnings.atom").await;
    assert!(status == StatusCode::OK && feed.contains(&format!("/warnings/loa-{run}-")), "{feed}");
    let told = officer.page(&draft).await;
    for address in
        ["canhbao.example.vn/genuine", "canhbao.example.vn/warnings.atom", &format!("canhbao.example.vn/warnings/loa-{run}-")]
    {
        assert!(told.contains(address), "{address}: {told}");
    }

    pulse::take(&world.db, world.now()).await.unwrap();
    let after = officer.page(&format!("/runs/{run}/after")).await;
    assert!(after.contains("5 phút (đến lúc này)") && after.contains("1.200 đ"), "{after}");
    assert_eq!(house.config.accounts.len(), 1);
}

async fn who_watches_sees_it_go_and_end(world: &World) {
    world.crowd(3).await;
    let gateway = Scripted::new();
    let mut process = Process::with_sms(world, &gateway).await;
    let house = House::open(world, &process).await;
    let officer = house.browser(world, "Lan", Role::Officer, None).await;
    let run = world.fanned_out(&saying("Mot.", "warning", "")).await;
    let watch = async || {
        let request = house.client.get(format!("{}/runs/{run}/live", house.base)).header(header::COOKIE, &officer.cookie);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "text/event-stream");
        answer
    };
    let mut watching = watch().await;
    let first = String::from_utf8(watching.chunk().await.unwrap().unwrap().to_vec()).unwrap();
    assert!(first.starts_with("event: progress\ndata: ") && first.contains("Chờ gửi"), "{first}");
    process.settle().await;
    assert!(command::get(&world.db, run).await.unwrap().settled_at.is_some());
    // The stream ends by itself once the run has settled: what is left of it is its last words.
    let rest = watching.text().await.unwrap();
    assert!(rest.contains("event: over\ndata: ") && rest.contains("Cổng gửi đã nhận"), "{rest}");
    assert!(!officer.page(&format!("/runs/{run}")).await.contains("data-live"));

    // Nor is anything told to somebody who is signed out meanwhile.
    let second = world.fanned_out(&saying("Hai.", "warning", "")).await;
    let other = house.browser(world, "Mai", Role::Officer, None).await;
    let request = house.client.get(format!("{}/runs/{second}/live", house.base)).header(header::COOKIE, &other.cookie);
    let mut watching = request.send().await.unwrap();
    watching.chunk().await.unwrap().unwrap();
    world.sql("DELETE FROM session WHERE id = (SELECT max(id) FROM session)").await;
    let ended = async { while watching.chunk().await.unwrap().is_some() {} };
    tokio::time::timeout(std::time::Duration::from_secs(30), ended).await.expect("nobody is told any more");

    // And when the process ends.
    let request = house.client.get(format!("{}/runs/{second}/live", house.base)).header(header::COOKIE, &officer.cookie);
    let mut watching = request.send().await.unwrap();
    watching.chunk().await.unwrap().unwrap();
    house.state.leave();
    while watching.chunk().await.unwrap().is_some() {}
}

on_both_engines!(
    after_a_stop_nothing_leaves,
    a_run_is_paused_resumed_and_aborted_on_its_page,
    a_retry_goes_to_whom_it_failed_and_a_correction_to_whom_it_did_not,
    a_warning_takes_three_steps_and_one_approval,
    who_watches_sees_it_go_and_end,
);
