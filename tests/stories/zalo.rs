//! Zalo against its stand-in, through the front door: the token ends in the middle of ten thousand sends on two nodes, and it is
//! renewed once; nobody is left out, nobody gets it twice, whether by user id or by phone number.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    ops::Deref,
    time::{Duration, Instant},
};

use loa::{
    delivery::State,
    sandbox::{Behaviour, Gateway, Options, Outstanding, Sandbox, zalo},
    seal::Kind,
};
use serde_json::json;

use crate::{
    folder::Folder,
    helpers::{Ground, free_port, grounds, home::Home},
};

const HALF: usize = 5_000;
/// Messages that a token is good for: it ends in the middle.
const TOKEN: u32 = 6_000;

/// Chat ids and numbers beyond those that force an outcome.
fn user(i: usize) -> String {
    format!("4318657068771{:06}", 120_000 + i)
}

fn of_user(i: usize) -> String {
    format!("09031{:05}", 20_000 + i)
}

fn phone(i: usize) -> String {
    format!("09034{:05}", 20_000 + i)
}

/// A number as the stand-in's record has it.
fn e164(phone: &str) -> String {
    format!("+84{}", &phone[1..])
}

struct Office<'g> {
    home: Home,
    ground: &'g Ground,
}

impl Deref for Office<'_> {
    type Target = Home;

    fn deref(&self) -> &Home {
        &self.home
    }
}

impl<'g> Office<'g> {
    fn open(ground: &'g Ground, gateway: std::net::SocketAddr, list: &str) -> Self {
        let settings = format!(
            "[server]\nkey = {{ file = \"loa.key\" }}\n[[account]]\nname = \"zalo\"\ngateway = \"zalo\"\nurl = \"http://{gateway}\"\nallow_private = true\nrate = \"5000/s\"\n\
             window = 50\nprice = {{ zalo = 100, zalo-phone = 300 }}\napp_id = \"1000000001\"\noa_id = \"2000000002\"\n\
             secret = {{ env = \"ZALO_SECRET\" }}\noa_secret = {{ env = \"ZALO_OA_SECRET\" }}\nrefresh_token = {{ env = \"ZALO_TOKEN\" }}\ntrust_numbers = true\n"
        );
        let campaign = "title = \"Cảnh báo\"\nkind = \"awareness\"\nowner = \"Sở\"\n[audience]\nsegments = [\"moi-nguoi\"]\n\
             [channels]\nuse = [\"chat\"]\n[sending]\nhours = \"00:00-24:00\"\n[[message]]\nid = \"otp\"\n\
             chat = { template = \"100001\", data = { ten = \"{{ name }}\", noi_dung = \"Không đọc mã OTP cho ai.\" } }\n";
        let folder = Folder::new()
            .with("loa.toml", &settings)
            .with("loa.key", &"01".repeat(32))
            .with("list.csv", list)
            .with("campaigns/segments.toml", "[moi-nguoi]\ntitle = \"Mọi người\"\n")
            .with("campaigns/tin.toml", campaign);
        let address = format!("127.0.0.1:{}", free_port());
        let url = format!("http://{address}");
        let words = [
            ("LOA_DATABASE__URL", ground.url.as_str()),
            ("LOA_SERVER__PUBLIC_URL", url.as_str()),
            ("LOA_SERVER__LISTEN", address.as_str()),
            ("ZALO_SECRET", "app-secret"),
            ("ZALO_OA_SECRET", "oa-secret"),
            ("ZALO_TOKEN", "consent-1"),
        ];
        Self { home: Home::new(folder, &words), ground }
    }

    /// Enters a refresh token as an officer does.
    fn enter(&self, token: &str) {
        let ended = self.reading(&["accounts", "--token", "zalo"], &format!("{token}\n"));
        assert_eq!(ended.code, 0, "{}", ended.err);
    }

    /// Looks again until it fits; what is looked at changes by itself, in other processes.
    async fn until(&self, what: &str, fits: impl AsyncFn() -> bool) {
        let begun = Instant::now();
        while !fits().await {
            let logs = || ["a", "b"].map(|name| self.folder.log(name)).concat();
            assert!(begun.elapsed() < Duration::from_mins(4), "{what}\n{}", logs());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn count(&self, run: i64, states: &[State]) -> i64 {
        let states: Vec<String> = states.iter().map(|s| s.number().to_string()).collect();
        self.ground.number(&format!("SELECT count(*) FROM delivery WHERE run = {run} AND state IN ({})", states.join(","))).await
    }
}

/// Somebody at this number refuses messages on chat.
async fn refuses(ground: &Ground, phone: &str) {
    let hash = !ground.seal.hash(Kind::Phone, &e164(phone));
    ground.execute(&format!("INSERT INTO opt_out (channel, address, scope, at) VALUES (3, {hash}, 1, 0)")).await;
}

async fn ten_thousand(ground: &Ground, nodes: usize) {
    let habits = zalo::Habits { token_sends: Some(TOKEN), ..zalo::Habits::default() };
    let behaviour = Behaviour { zalo: habits, ..Behaviour::default() };
    let sandbox = Sandbox::start(Options { smtp: None, smpp: None, behaviour, ..Options::default() }).await.unwrap();

    // The same numbers as some who have a user id, before them and after them on the list.
    let twins = 0..10;
    let mut list = String::from("ref,name,phone,zalo_id\n");
    for i in 0..5 {
        writeln!(list, "T{i},Nguyễn An,{},", of_user(i)).unwrap();
    }
    for i in 0..HALF {
        writeln!(list, "U{i},Trần Bình,{},{}", of_user(i), user(i)).unwrap();
        writeln!(list, "P{i},Lê Cúc,{},", phone(i)).unwrap();
    }
    for i in 5..10 {
        writeln!(list, "T{i},Nguyễn An,{},", of_user(i)).unwrap();
    }
    // Taken, and the answer is lost on the way: the webhook tells.
    let cut: Vec<String> = (5..9).map(|i| format!("0903{i}00007")).collect();
    for (i, phone) in cut.iter().enumerate() {
        writeln!(list, "C{i},Phạm Dung,{phone},").unwrap();
    }
    let office = Office::open(ground, sandbox.http_addr().unwrap(), &list);
    office.loa(&["audience", "import", "list.csv"]);
    // One who has a user id besides, and one who has not.
    let (with_id, without) = (HALF - 1, HALF - 2);
    refuses(ground, &of_user(with_id)).await;
    refuses(ground, &phone(without)).await;

    let run = office.send("tin");
    let a = office.node("a", "schedule,dispatch,web");
    sandbox.send_receipts_to(Gateway::Zalo, office.loa(&["accounts", "--callback", "zalo"]).trim());
    let b = (nodes > 1).then(|| office.node("b", "dispatch"));
    let open = [State::Pending, State::Submitting, State::InDoubt, State::Accepted, State::Enroute];
    let fanned = || async { ground.number(&format!("SELECT count(*) FROM delivery WHERE run = {run}")).await };
    let people = i64::try_from(2 * HALF + twins.len() + cut.len()).unwrap();
    office.until("everybody has a row", async || fanned().await == people).await;
    office.until("everything has arrived", async || office.count(run, &open).await == 0).await;
    if nodes > 1 {
        // Who fans out has made them, so the other's pending ones are those that it claimed.
        let claimed = format!("SELECT CAST(-min(n) AS BIGINT) FROM tally WHERE run = {run} AND state = 0");
        let claimed = ground.number(&claimed).await;
        assert!(claimed > 0 && claimed < people, "both nodes took part: {claimed}");
    }
    a.end();
    if let Some(b) = b {
        b.end();
    }

    // The token to begin with got a pair, and the pair that ended in the middle the next one: nobody asked twice.
    let renewals = sandbox.zalo_renewals();
    assert_eq!((renewals.given, renewals.refused), (2, 0), "{renewals:?}\n{}{}", office.folder.log("a"), office.folder.log("b"));
    assert!(renewals.stale > 0, "some were refused for their token, and sent again");

    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    for one in sandbox.taken() {
        *taken.entry(one.address()).or_default() += 1;
    }
    let expected: BTreeSet<String> = (0..HALF)
        .filter(|i| *i != with_id && !twins.contains(i))
        .map(user)
        .chain((0..HALF).filter(|i| *i != without).map(|i| e164(&phone(i))))
        .chain(cut.iter().map(|phone| e164(phone)))
        .collect();
    for address in &expected {
        assert_eq!(taken.remove(address), Some(1), "{address}");
    }
    // One number, one person: by user id or by phone, never both.
    for i in twins.clone() {
        let (by_id, by_phone) = (taken.remove(&user(i)), taken.remove(&e164(&of_user(i))));
        assert_eq!(by_id.unwrap_or(0) + by_phone.unwrap_or(0), 1, "{i}: {by_id:?} {by_phone:?}");
    }
    assert_eq!(taken, BTreeMap::new(), "nobody else");

    assert_eq!(office.count(run, &[State::Delivered]).await, people - 10 - 2);
    assert_eq!(office.count(run, &[State::Skipped]).await, 10 + 2);
    let by_phone =
        ground.number(&format!("SELECT count(*) FROM delivery WHERE run = {run} AND route = 51 AND price = 300")).await;
    assert!(by_phone >= i64::try_from(HALF).unwrap(), "{by_phone}");
    office.loa(&["verify"]);
    sandbox.stop(Outstanding::Drop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_ends_in_the_middle_on_two_nodes() {
    let ground = grounds().await.pop().unwrap();
    assert!(ground.url.starts_with("postgres"), "several nodes need a server: run through `make test`");
    ten_thousand(&ground, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_ends_in_the_middle_on_one_node() {
    let ground = grounds().await.remove(0);
    ten_thousand(&ground, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_must_consent_again_is_told_and_what_a_person_says_is_heard() {
    let ground = &grounds().await[0];
    let sandbox = Sandbox::start(Options { smtp: None, smpp: None, ..Options::default() }).await.unwrap();
    let list = format!("ref,name,phone,zalo_id\nU,An,{},{}\nP,Bình,{},\nX,Cúc,0903500144,\n", of_user(0), user(0), phone(0));
    let office = Office::open(ground, sandbox.http_addr().unwrap(), &list);
    // Nothing is asked of Zalo where the answer could not be kept: this uses up the token to begin with, and keeps the pair.
    office.loa(&["audience", "import", "list.csv"]);
    let tested = office.loa(&["accounts", "--test", "zalo"]);
    assert!(tested.contains("1000000 of the day's 1000000"), "{tested}");
    office.loa(&["accounts", "--test", "zalo"]);
    assert_eq!(sandbox.zalo_renewals().given, 1, "the second test had the pair of the first");

    // What a registered template wants is compared with what the campaign fills in, where it stands.
    office.loa(&["check", "--online"]);
    let wrong = "title = \"Sai\"\nkind = \"awareness\"\nowner = \"Sở\"\n[audience]\nsegments = [\"moi-nguoi\"]\n\
         [channels]\nuse = [\"chat\"]\n[[message]]\nid = \"otp\"\n\
         chat = { template = \"100001\", data = { ten = \"{{ name }} ở xa, rất xa, xa lắm, xa lắc, xa lơ\", noi_dug = \"Không\" } }\n\
         [[message]]\nid = \"khac\"\nchat = { template = \"7\" }\n";
    office.folder.write("campaigns/sai.toml", wrong.as_bytes());
    office.loa(&["check"]);
    let checked = office.ended(&["check", "--online", "--json"]);
    std::fs::remove_file(office.folder.path().join("campaigns/sai.toml")).unwrap();
    let checked = checked.json();
    let problems: Vec<_> = checked["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["field"].as_str().unwrap(), one["line"].as_u64().unwrap(), one["message"].as_str().unwrap()))
        .collect();
    for (field, line, words) in [
        ("message.chat.data.ten", 10, "takes 30 characters"),
        ("message.chat.data", 10, "needs the parameter `noi_dung`"),
        ("message.chat.data.noi_dug", 10, "has no parameter `noi_dug`"),
        ("message.chat.template", 13, "-109"),
    ] {
        let found = problems.iter().any(|(of, at, said)| *of == field && *at == line && said.contains(words));
        assert!(found, "{field}: {problems:?}");
    }
    assert_eq!(problems.len(), 4, "{problems:?}");

    // The pair is lost, as by a crash between Zalo's answer and our commit.
    ground.execute("UPDATE token SET version = version + 1, access = NULL, ends_at = 0, lease_until = 1").await;
    let used = sandbox.zalo_renewals().given;
    office.enter("not-good");
    let a = office.node("a", "schedule,dispatch,web");
    let callback = office.loa(&["accounts", "--callback", "zalo"]).trim().to_string();
    sandbox.send_receipts_to(Gateway::Zalo, callback);
    let run = office.send("tin");
    let paused = "SELECT count(*) FROM account WHERE paused LIKE '%consent again%--token%'";
    office.until("the account is paused", async || ground.number(paused).await == 1).await;
    assert_eq!(ground.number("SELECT count(*) FROM trouble WHERE ended_at IS NULL AND cause = 9").await, 1);
    assert_eq!((sandbox.taken().len(), sandbox.zalo_renewals().given), (0, used));

    // A person consents again.
    office.enter("consent-2");
    office.until("it goes on", async || office.count(run, &[State::Delivered]).await == 2).await;
    assert_eq!(ground.number("SELECT count(*) FROM trouble WHERE ended_at IS NULL AND cause IN (1, 9)").await, 0);

    // Whose number makes Zalo say that the day's quota is used up waits, and the account with it.
    let waits = "SELECT count(*) FROM trouble WHERE cause = 4";
    office.until("the quota is used up", async || ground.number(waits).await > 0).await;
    assert_eq!(office.count(run, &[State::Pending]).await, 1);

    // What people do in Zalo.
    let text = |words: &str, id: &str| json!({ "sender": { "id": user(0) }, "recipient": { "id": "2000000002" }, "event_name": "user_send_text", "message": { "text": words, "msg_id": id } });
    sandbox.zalo_tell(text("Tin này thật không?", "m1")).await;
    sandbox.zalo_tell(text("Tin này thật không?", "m1")).await;
    let stranger = json!({ "follower": { "id": user(77) }, "event_name": "unfollow", "oa_id": "2000000002" });
    sandbox.zalo_tell(stranger.clone()).await;
    sandbox.zalo_tell(stranger).await;
    let known = json!({ "sender": { "id": user(1) }, "info": { "phone": e164(&phone(0))[1..], "name": "Bình" }, "event_name": "user_submit_info" });
    sandbox.zalo_tell(known).await;
    sandbox.zalo_tell(json!({ "event_name": "change_oa_daily_quota", "oaId": "2000000002", "quota": { "prev_value": 500, "new_value": 1_000 } })).await;
    sandbox.settled().await;
    assert_eq!(sandbox.counts_of(Gateway::Zalo).receipts_lost, 0);
    assert_eq!(ground.number("SELECT count(*) FROM inbound WHERE meaning = 0").await, 1, "once, however often it is said");
    let left = ground.seal.hash(Kind::Chat, &user(77));
    assert_eq!(
        ground.number(&format!("SELECT count(*) FROM opt_out WHERE channel = 3 AND address = {left} AND scope = 1")).await,
        1
    );
    assert_eq!(ground.number("SELECT count(*) FROM consent_event WHERE wording = 'unfollow'").await, 1);
    assert_eq!(ground.number("SELECT count(*) FROM confirmation").await, 0, "nobody is written to who left");
    let linked = ground.seal.hash(Kind::Chat, &user(1));
    assert_eq!(ground.number(&format!("SELECT count(*) FROM recipient WHERE ref = 'P' AND chat_hash = {linked}")).await, 1);
    let log = office.folder.log("a");
    assert!(log.contains("is now 1000 (it was 500)"), "{log}");
    assert_eq!(log.matches("Zalo signs its webhooks this way").count(), 1, "{log}");
    assert!(!log.contains(&user(0)) && !log.contains("903420000"), "{log}");

    // Nobody else can say any of this.
    let client = reqwest::Client::new();
    let address = office.loa(&["accounts", "--callback", "zalo"]).trim().to_string();
    let forged = client.post(address).header("X-ZEvent-Signature", "mac=00").body("{\"timestamp\":\"1\"}").send().await.unwrap();
    assert_eq!(forged.status(), 403);
    a.end();
    office.loa(&["verify"]);
    sandbox.stop(Outstanding::Drop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_message_to_a_number_is_asked_about() {
    let ground = &grounds().await[0];
    let sandbox = Sandbox::start(Options { smtp: None, smpp: None, ..Options::default() }).await.unwrap();
    // No webhook comes for any of them: one arrived all the same, one did not, and of user ids Zalo's question says nothing.
    let (arrived, missing, by_id) = ("0903500003", "0903500004", "4318657068771000003");
    let people = format!("ref,name,phone,zalo_id\nL,An,{missing},\nU,Bình,,{by_id}\nA,Cúc,{arrived},\n");
    let office = Office::open(ground, sandbox.http_addr().unwrap(), &people);
    office.loa(&["audience", "import", "list.csv"]);
    let a = office.node("a", "schedule,dispatch,web");
    sandbox.send_receipts_to(Gateway::Zalo, office.loa(&["accounts", "--callback", "zalo"]).trim());
    let run = office.send("tin");
    office.until("all are taken", async || office.count(run, &[State::Accepted]).await == 3).await;
    sandbox.settled().await;
    assert_eq!(office.count(run, &[State::Accepted]).await, 3, "nothing has come by itself");

    // Eleven minutes later.
    ground.execute("UPDATE delivery SET updated_at = updated_at - 660000; UPDATE account SET poll_at = 0").await;
    office.until("nobody asked", async || office.count(run, &[State::Delivered]).await == 1).await;
    // On chat a number has a keyed hash of its own.
    let (delivered, hash) = (State::Delivered.number(), !ground.seal.hash(Kind::Phone, &e164(arrived)));
    let whose = format!("SELECT count(*) FROM delivery WHERE state = {delivered} AND address = {hash}");
    assert_eq!(ground.number(&whose).await, 1);
    assert_eq!(office.count(run, &[State::Accepted]).await, 2, "what is not known stays so");
    assert_eq!(sandbox.taken().len(), 3, "nobody gets it twice");
    a.end();
    office.loa(&["verify"]);
    sandbox.stop(Outstanding::Drop).await;
}
