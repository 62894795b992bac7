//! Two Loas over loopback: a department's orders become drafts of a partner's, are approved, sent through a stand-in gateway, and what the
//! partner's rows say comes back as the department's report.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::Path,
    time::{Duration, Instant},
};

use loa::{
    app::{self, App, Options},
    audience::import::{self, Order as List},
    audit::Actor,
    campaign::Holidays,
    clock::Clock,
    config::Config,
    db::Db,
    edition, on,
    outlet::{Kind, Way, Written},
    relay::{
        By, Eyes, State,
        count::{self, Cut, Figures, Selection},
        follow::{self, Cancelled},
        order::{self, Filter},
        partner, recount,
    },
    run::make,
    sandbox::{
        self, Behaviour, Sandbox,
        partner::{Member, Options as Plays, Partner},
    },
    seal::Seal,
    upstream::order as taken,
    user::{self, New, Right, Role, api_token},
    words::Lang,
};
use sqlx::AssertSqlSafe;
use tempfile::TempDir;

use crate::helpers::orders::{self, written};

const TEXT: &str = "So VHTTDL: Khong doc ma OTP cho bat ky ai. Nghi lua dao: goi 156.";

const CAMPAIGN: &str = r#"title = "Cảnh báo: giả danh ngân hàng"
kind = "warning"
owner = "Sở Văn hóa, Thể thao và Du lịch"
basis = { number = "338/KH-UBND", date = 2025-12-12, authority = "UBND thành phố", document = "cong-van.pdf" }

[channels]
use = ["relay"]

[relay]
partners = ["viettel"]
sender = "So VHTTDL"
areas = ["01"]
audience = "Mọi thuê bao tại Hà Nội"
sms = "So VHTTDL: Không đọc mã OTP cho bất kỳ ai. Nghi lừa đảo: gọi 156."
valid_for = "1d"
payment = "free"
"#;

/// How long what a running Loa does by itself may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// A Loa with its files; it runs between [`Side::start`] and [`Side::stop`].
struct Side {
    folder: TempDir,
    config: Config,
    app: Option<App>,
}

impl Side {
    fn new(settings: &str, files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        std::fs::create_dir(dir.join("campaigns")).unwrap();
        std::fs::write(dir.join("loa.key"), "07".repeat(32)).unwrap();
        std::fs::write(dir.join("stand-in.secret"), "stand-in").unwrap();
        for (name, text) in files {
            std::fs::write(dir.join(name), text).unwrap();
        }
        let text = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\n[database]\nurl = \"sqlite:loa.db\"\n[approval]\nrequired = false\n{settings}"
        );
        let file = dir.join("loa.toml");
        std::fs::write(&file, text).unwrap();
        let config = Config::read(Some(&file), &BTreeMap::new()).unwrap_or_else(|problems| panic!("{problems}"));
        Self { folder, config, app: None }
    }

    fn dir(&self) -> &Path {
        self.folder.path()
    }

    async fn start(&mut self) {
        let options = Options { cadence: false, ..Options::default() };
        self.app = Some(App::start(self.config.clone(), Clock::system(), Holidays::built_in(), options).await.unwrap());
    }

    async fn stop(&mut self) {
        self.app.take().unwrap().stop().await.unwrap();
    }

    fn app(&self) -> &App {
        self.app.as_ref().unwrap()
    }

    fn db(&self) -> &Db {
        &self.app().db
    }

    fn now(&self) -> i64 {
        self.app().clock.millis()
    }

    fn url(&self) -> String {
        format!("http://{}", self.app().address.unwrap())
    }

    async fn number(&self, query: &str) -> i64 {
        let query = query.to_string();
        on!(self.db().read, |pool, _sql| sqlx::query_scalar(AssertSqlSafe(query)).fetch_one(pool).await).unwrap()
    }

    async fn sql(&self, statement: &str) {
        let statement = statement.to_string();
        on!(self.db().write, |pool, _sql| sqlx::query(AssertSqlSafe(statement)).execute(pool).await.map(|_| ())).unwrap();
    }

    /// Looks again until the query gives 1: for what a running Loa does by itself.
    async fn until(&self, what: &str, query: &str) {
        let begun = Instant::now();
        while self.number(query).await != 1 {
            assert!(begun.elapsed() < PATIENCE, "not yet: {what}: {:?}", self.told().await);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What a partner's Loa says of the orders that it took in.
    async fn told(&self) -> Vec<String> {
        let all = taken::list(self.db(), 10).await.unwrap();
        all.into_iter().map(|one| format!("{} {:?} {:?}", one.identifier, one.state, one.trouble)).collect()
    }
}

/// A department that asks Viettel, which fetches its orders, and the token of Viettel's user.
async fn department() -> (Side, String) {
    asking("viettel", None).await
}

/// A department that asks one outlet, and the token of that one's user. With an address, orders are pushed there.
async fn asking(outlet: &str, url: Option<String>) -> (Side, String) {
    let campaign = CAMPAIGN.replace("[\"viettel\"]", &format!("[\"{outlet}\"]"));
    let mut side = Side::new(
        &format!("[relay]\nsender = \"so-vhttdl.example.vn\"\nname = \"Sở VHTTDL\"\nprivate = [\"{outlet}\"]\n"),
        &[("campaigns/gia-danh.toml", campaign.as_str()), ("campaigns/cong-van.pdf", "%PDF-1.4")],
    );
    side.start().await;
    let (app, now) = (side.app(), side.now());
    let way = if url.is_some() { Way::Push } else { Way::Pull };
    let sender = "viettel.example.vn".into();
    orders::add(&app.db, &app.seal, Written { url, sender, ..written(outlet, Kind::Carrier, way) }, now).await;
    let token = partner_token(&app.db, &app.seal, outlet, now).await;
    (side, token)
}

/// A token of a user who acts for an outlet, and lends nothing else.
async fn partner_token(db: &Db, seal: &Seal, outlet: &str, now: i64) -> String {
    let actor = Actor::command("Lan");
    let new = New {
        email: "doi-tac@example.vn".into(),
        name: "Đối tác".into(),
        roles: [Role::Partner].into_iter().collect(),
        every_department: true,
        departments: Vec::new(),
    };
    let id = partner::add(db, &new, Some(outlet), &actor, now).await.unwrap().unwrap();
    let user = user::find(db, id).await.unwrap().unwrap();
    let lends = api_token::New {
        name: "Loa của Viettel",
        rights: [Right::AnswerOrders].into_iter().collect(),
        ends_at: now + 86_400_000,
    };
    api_token::make(db, seal, &user, &lends, &actor, now).await.unwrap().0
}

/// The department's run, and the one order of it.
async fn ask(department: &Side) -> i64 {
    let library = department.app().library.read().unwrap().clone();
    let source = &library.campaigns["gia-danh"];
    let asked = make::Asked { source, segments: &library.segments_text, recipients: &[], once: None, by: None };
    let run = make::asked(department.db(), &asked, &Holidays::built_in(), department.app().clock.now()).await.unwrap();
    let filter = Filter { run: Some(run), ..Filter::default() };
    let orders = order::list(department.db(), &filter, Eyes::All, 10, department.now()).await.unwrap();
    assert_eq!(orders.len(), 1);
    orders[0].id
}

/// Viettel's own Loa, which takes orders from there; its gateway is a stand-in that sends so many a second.
async fn carrier(url: &str, token: &str, stand_ins: &Sandbox, rate: u32) -> Side {
    let http = stand_ins.http_addr().unwrap();
    let settings = format!(
        r#"[upstream]
url = "{url}"
token = {{ file = "token.secret" }}
department = "Viettel"
segment = "thue-bao"
allow_private = true
[[account]]
name = "kannel"
gateway = "kannel"
channel = "sms"
url = "http://{http}"
allow_private = true
rate = "{rate}/s"
window = 4
username = "viettel"
password = {{ file = "stand-in.secret" }}
sender = "SO VHTTDL"
"#
    );
    let segments = "[thue-bao]\ntitle = \"Thuê bao trả trước\"\ngroups = [\"tra-truoc\"]\n";
    let mut side = Side::new(&settings, &[("campaigns/segments.toml", segments), ("token.secret", token)]);
    // Stories do not wait for a minute.
    side.config.upstream.as_mut().unwrap().every = Duration::from_millis(100);
    let list = people();
    let path = side.dir().join("thue-bao.csv");
    std::fs::write(&path, list).unwrap();
    let opened = app::open(&side.config).await.unwrap();
    let order = List { path, source: "thue-bao".into(), replace: false, lang: Lang::Vi };
    let summary = import::import(&opened.db, &opened.seal, &Clock::system(), &order, |_| {}).await.unwrap();
    assert_eq!((summary.added, summary.rejected), (44, 0));
    opened.db.close().await;
    side.start().await;
    side
}

impl Side {
    /// Somebody approves the draft that waits.
    async fn approve(&self) {
        let waiting = edition::waiting(self.db()).await.unwrap();
        let [one] = waiting.as_slice() else { panic!("{waiting:?} {:?}", self.told().await) };
        let actor = Actor::command("Trưởng phòng");
        edition::approve(self.db(), one.id, &one.hash, "", &actor, None, self.now()).await.unwrap();
    }
}

/// 40 subscribers in Hà Nội, of whom some fail; 3 in Thành phố Hồ Chí Minh, and one who pays by the month.
fn people() -> String {
    let mut list = "ref,name,phone,area,groups\n".to_string();
    for n in 0..43 {
        // The stand-in's magic endings: refused for good, undelivered.
        let ending = match n {
            0 | 1 => 1,
            2..5 => 4,
            _ => 10_000 + n,
        };
        let area = if n < 40 { "01" } else { "79" };
        writeln!(list, "tb-{n},Thuê bao {n},09{n:03}{ending:05},{area},tra-truoc").unwrap();
    }
    list.push_str("tb-99,Thuê bao 99,0912399999,01,tra-sau\n");
    list
}

async fn state(department: &Side, id: i64) -> State {
    order::one(department.db(), id, Eyes::All, department.now()).await.unwrap().unwrap().state
}

async fn figures(department: &Side, order: i64) -> Figures {
    let selection = Selection { order: Some(order), ..Selection::default() };
    let all = count::figures(department.db(), &selection, Cut::All, Eyes::All).await.unwrap();
    all.values().next().copied().unwrap_or_default()
}

/// What the partner's rows say: targeted, delivered, failed.
async fn rows(partner: &Side) -> [i64; 3] {
    let of = |states: &str| format!("SELECT count(*) FROM delivery WHERE state IN ({states}) AND area = '01'");
    [
        partner.number("SELECT count(*) FROM delivery WHERE area = '01'").await,
        partner.number(&of("5, 6")).await,
        partner.number(&of("7, 8, 9")).await,
    ]
}

/// Nothing that the department keeps differs from what came.
async fn is_sound(department: &Side) {
    let found = department.db().snapshot(async |tx| recount::recount(tx).await).await.unwrap();
    assert_eq!(found.wrong, []);
}

async fn stand_ins() -> Sandbox {
    let behaviour = Behaviour { delay: Duration::ZERO..=Duration::from_millis(20), ..Behaviour::default() };
    Sandbox::start(sandbox::Options { behaviour, ..sandbox::Options::default() }).await.unwrap()
}

const REPORTED: &str = "SELECT count(*) FROM relay_report WHERE final";

/// Looks again until the department has the final report: the partner need not wait for its minute.
async fn until_reported(department: &Side, partner: &Side) {
    let begun = Instant::now();
    while department.number(REPORTED).await == 0 {
        assert!(begun.elapsed() < PATIENCE, "no final report: {:?}", partner.told().await);
        partner.sql("UPDATE upstream_order SET next_at = 0 WHERE state < 4").await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_becomes_a_draft_and_what_was_sent_comes_back_as_its_report() {
    let (mut department, token) = department().await;
    let stand_ins = stand_ins().await;
    let mut partner = carrier(&department.url(), &token, &stand_ins, 1_000).await;
    let order = ask(&department).await;

    partner.until("the draft waits", "SELECT count(*) FROM upstream_order WHERE state = 1 AND answered_at IS NOT NULL").await;
    assert_eq!(state(&department, order).await, State::Acknowledged);
    assert_eq!(partner.number("SELECT count(*) FROM run").await, 0, "nobody has approved it");
    // A process that ends in between leaves everything where it was.
    partner.stop().await;
    partner.start().await;
    partner.approve().await;
    partner.until("everything was sent", "SELECT count(*) FROM run WHERE settled_at IS NOT NULL").await;
    until_reported(&department, &partner).await;

    assert_eq!(partner.number("SELECT count(*) FROM upstream_order").await, 1, "taken in once");
    assert_eq!(partner.number("SELECT count(*) FROM run").await, 1, "one round was ordered");
    let sent = stand_ins.taken();
    assert!(sent.iter().all(|message| message.text == TEXT), "{sent:?}");
    assert_eq!(sent.len(), 38, "two numbers are none; nobody elsewhere, nobody of another segment");
    let [targeted, delivered, failed] = rows(&partner).await;
    assert_eq!([targeted, delivered, failed], [40, 35, 5]);
    let figures = figures(&department, order).await;
    assert_eq!((figures.targeted, figures.submitted, figures.pending), (targeted, 40, Some(0)));
    assert_eq!((figures.delivered, figures.failed), (Some(delivered), Some(failed)));
    assert_eq!(state(&department, order).await, State::Reported);
    is_sound(&department).await;

    // A late receipt takes something back: the final report is corrected, and both are kept.
    partner.sql("UPDATE delivery SET state = 7 WHERE id = (SELECT min(id) FROM delivery WHERE state = 5 AND area = '01')").await;
    let begun = Instant::now();
    while department.number("SELECT count(*) FROM relay_report WHERE reason IS NOT NULL").await == 0 {
        assert!(begun.elapsed() < PATIENCE, "no correction: {:?}", partner.told().await);
        partner.sql("UPDATE upstream_order SET next_at = 0 WHERE state < 4").await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let corrected = self::figures(&department, order).await;
    assert_eq!((corrected.delivered, corrected.failed), (Some(34), Some(6)));
    is_sound(&department).await;
    partner.stop().await;
    department.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_stops_what_goes_and_what_went_is_reported() {
    let (mut department, token) = department().await;
    let stand_ins = stand_ins().await;
    // So slow that it is under way when the Cancel comes.
    let mut partner = carrier(&department.url(), &token, &stand_ins, 2).await;
    let order = ask(&department).await;
    partner.until("the draft waits", "SELECT count(*) FROM upstream_order WHERE state = 1 AND answered_at IS NOT NULL").await;
    partner.approve().await;
    partner.until("some were sent", "SELECT count(*) >= 2 FROM delivery WHERE state IN (3, 4, 5, 7)").await;

    let actor = Actor::command("Lan");
    let by = By { actor: &actor, eyes: Eyes::All, now: department.now() };
    let cancel = match follow::cancel(department.db(), order, "Sai nội dung", &by).await.unwrap().unwrap() {
        Cancelled::Asked(cancel) => cancel,
        Cancelled::AtOnce(order) => panic!("{order:?}"),
    };
    partner.until("the run is stopped", "SELECT count(*) FROM run WHERE state = 3").await;
    department
        .until("the Cancel holds", &format!("SELECT count(*) FROM relay_order WHERE id = {} AND state = 3", cancel.id))
        .await;
    assert_eq!(state(&department, order).await, State::Cancelled);
    until_reported(&department, &partner).await;

    let sent = i64::try_from(stand_ins.taken().len()).unwrap();
    let refused = partner.number("SELECT count(*) FROM delivery WHERE state = 9").await;
    assert!(sent + refused < 40, "the rest was never sent");
    let figures = figures(&department, order).await;
    assert_eq!((figures.targeted, figures.submitted), (40, sent + refused));
    assert_eq!(partner.number("SELECT count(*) FROM delivery WHERE state = 13").await, 40 - sent - refused);
    assert_eq!(state(&department, order).await, State::Cancelled, "a report after it changes no more than its counts");
    is_sound(&department).await;
    partner.stop().await;
    department.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_somebody_changed_is_not_sent_and_a_cancelled_draft_is_gone() {
    let (mut department, token) = department().await;
    let stand_ins = stand_ins().await;
    let mut partner = carrier(&department.url(), &token, &stand_ins, 1_000).await;
    let order = ask(&department).await;
    partner.until("the draft waits", "SELECT count(*) FROM upstream_order WHERE state = 1 AND answered_at IS NOT NULL").await;

    let slug = taken::list(partner.db(), 1).await.unwrap().remove(0).campaign;
    let draft = edition::latest(partner.db(), &slug).await.unwrap().unwrap();
    let changed = draft.text.replace("goi 156", "goi 5656");
    let (actor, now) = (Actor::command("Ai đó"), partner.now());
    edition::save(partner.db(), &slug, &changed, draft.version, &actor, now).await.unwrap();
    let library = partner.app().library.read().unwrap().clone();
    edition::submit(partner.db(), &library, true, (&slug, draft.version + 1), "", &actor, now).await.unwrap();
    partner.approve().await;
    partner.until("it is told", "SELECT count(*) FROM upstream_order WHERE trouble <> ''").await;
    assert_eq!(partner.number("SELECT count(*) FROM run").await, 0);

    let lan = Actor::command("Lan");
    let by = By { actor: &lan, eyes: Eyes::All, now: department.now() };
    follow::cancel(department.db(), order, "Không cần nữa", &by).await.unwrap().unwrap();
    partner.until("the draft is archived", "SELECT count(*) FROM archived").await;
    department.until("the Cancel is acknowledged", "SELECT count(*) FROM relay_order WHERE step = 2 AND state = 3").await;
    assert_eq!(state(&department, order).await, State::Cancelled);
    assert!(stand_ins.taken().is_empty());
    assert_eq!(department.number("SELECT count(*) FROM relay_report").await, 0, "nothing was sent, and nothing is owed");
    partner.stop().await;
    department.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_carrier_that_is_wrong_and_says_all_twice_is_counted_once() {
    const OUTLET: &str = "viettel-wrong-twice-falls-doubtful";
    let stand_in = Partner::start(Plays::new(Clock::system())).await.unwrap();
    let url = format!("http://{}/{OUTLET}", stand_in.address().unwrap());
    let (mut department, token) = asking(OUTLET, Some(url)).await;
    stand_in.plays(Member { outlet: OUTLET.into(), token, pulls: false, habits: std::collections::BTreeSet::new() });
    stand_in.works_for(&department.url());
    let order = ask(&department).await;
    // It has the order and says that something broke: the department does not know, and whoever answers has it.
    department.until("it was pushed", "SELECT count(*) FROM relay_event WHERE happening = 'push_in_doubt'").await;
    while stand_in.step().await > 0 {}

    let said = stand_in.said();
    let of = |what: &str| said.iter().filter(|one| one.what == what).map(|one| one.status).collect::<Vec<_>>();
    let went = |status: &u16| (200..300).contains(status);
    assert!(of("acknowledge").iter().chain(&of("begin")).chain(&of("correct")).all(went), "{said:?}");
    let reports = of("report");
    assert_eq!(reports.len(), 5, "{said:?}");
    assert_eq!(reports.iter().filter(|status| **status == 422).count(), 2, "what did not add up, and what fell: {said:?}");
    let repeated: Vec<(u16, u16)> =
        said.windows(2).filter(|pair| pair[1].what == "again").map(|pair| (pair[0].status, pair[1].status)).collect();
    assert_eq!(repeated.len(), 8, "{said:?}");
    assert!(repeated.iter().all(|(first, again)| went(first) == went(again)), "{repeated:?}");
    assert_eq!(department.number("SELECT count(*) FROM relay_report").await, 4, "each once");
    assert_eq!(state(&department, order).await, State::Reported);
    let last: serde_json::Value = serde_json::from_str(&said.last().unwrap().body).unwrap();
    let line = &last["areas"][0];
    let figures = figures(&department, order).await;
    assert_eq!(Some(figures.targeted), line["targeted"].as_i64());
    assert_eq!((figures.delivered, figures.failed), (line["delivered"].as_i64(), line["failed"].as_i64()));
    is_sound(&department).await;
    stand_in.stop().await;
    department.stop().await;
}
