//! Each described gateway through the front door: the binary, 2,000 people, a stand-in that judges by itself. Tokens that
//! end in the middle, batches with refused numbers, receipts that only asking brings: nothing lost, doubled or mistaken for
//! another's.

mod chat;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpListener,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use loa::{
    db::Db,
    delivery::State,
    on,
    sandbox::{Behaviour, Credentials, Gateway, Options, Outcome, Outstanding, Sandbox},
};

use crate::{
    folder::Folder,
    helpers::{Owned, free_port},
};

const PEOPLE: usize = 2_000;

/// Each person's number: endings between 21111 and 23110 force nothing on the stand-in.
fn phone(person: usize) -> String {
    format!("+849031{:05}", 21_111 + person)
}

struct Office {
    folder: Folder,
}

impl Office {
    /// An office with one account on this gateway, called like it.
    fn open(gateway: &str, settings: &str, file: Option<String>, http: std::net::SocketAddr) -> Self {
        let rows: Vec<String> = (0..PEOPLE).map(|person| format!("N{person},{}", phone(person))).collect();
        let list = format!("ref,phone\n{}\n", rows.join("\n"));
        let port = free_port();
        let config = format!(
            "[paths]\ngateways = \"gateways\"\n[server]\nlisten = \"127.0.0.1:{port}\"\npublic_url = \"http://127.0.0.1:{port}\"\n[database]\nurl = \"sqlite:loa.db\"\n\
             [[account]]\nname = \"{gateway}\"\ngateway = \"{gateway}\"\nchannel = \"sms\"\nurl = \"http://{http}\"\n\
             allow_private = true\nrate = \"1000/s\"\nwindow = 40\nprice = 300\nsender = \"SO\"\n{settings}"
        );
        let campaign = "title = \"Thử\"\nkind = \"awareness\"\nowner = \"Sở\"\n[audience]\nsegments = [\"moi-nguoi\"]\n\
                        [channels]\nuse = [\"sms\"]\n[sending]\nhours = \"00:00-24:00\"\n[[message]]\nid = \"otp\"\n\
                        sms = \"SO: Khong cung cap ma OTP & mat khau <cho ai>.\"\n";
        let folder = Folder::new()
            .with("loa.toml", &config)
            .with("loa.key", &"01".repeat(32))
            .with("list.csv", &list)
            .with("campaigns/segments.toml", "[moi-nguoi]\ntitle = \"Mọi người\"\n")
            .with("campaigns/thu.toml", campaign)
            .with("gateways/README", "descriptions of this office's own");
        let folder = match file {
            Some(text) => folder.with(&format!("gateways/{gateway}.toml"), &text),
            None => folder,
        };
        Self { folder }
    }

    fn loa(&self, arguments: &[&str]) -> String {
        let ended = self
            .folder
            .loa_with(arguments, &[("GATEWAY_SECRET", "s3cret-key"), ("GATEWAY_USER", "the-user"), ("LOA_LANG", "en")]);
        assert_eq!(ended.code, 0, "loa {arguments:?}: {}{}", ended.out, ended.err);
        ended.out
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("serve.log")).unwrap_or_default()
    }

    fn serve(&self) -> Owned {
        let log = std::fs::File::create(self.folder.path().join("serve.log")).unwrap();
        let mut child = Command::new(assert_cmd::cargo::cargo_bin!("loa"))
            .current_dir(self.folder.path())
            .env_clear()
            .envs([("GATEWAY_SECRET", "s3cret-key"), ("GATEWAY_USER", "the-user"), ("LOA_LANG", "en"), ("LOA_LOG", "info")])
            .arg("serve")
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("http://"), "{line}{}", self.log());
        Owned(child)
    }

    /// What became of each person's message.
    async fn states(&self) -> BTreeMap<String, State> {
        let db = Db::find(&format!("sqlite:{}", self.folder.path().join("loa.db").display())).await.unwrap().unwrap();
        let query = "SELECT r.ref, d.state FROM delivery d JOIN recipient r ON r.id = (d.id >> 4) & 4294967295";
        let rows: Vec<(String, i16)> =
            on!(db.read, |pool, _sql| sqlx::query_as(sqlx::AssertSqlSafe(query)).fetch_all(pool).await).unwrap();
        db.close().await;
        rows.into_iter().map(|(person, state)| (person, State::from_number(state))).collect()
    }

    /// The address that a gateway is to call.
    fn callback(&self, account: &str) -> String {
        let told = self.loa(&["accounts", "--callback", account]);
        told.split_whitespace().find(|word| word.starts_with("http")).unwrap().to_owned()
    }

    async fn until(&self, what: &str, fits: impl Fn(&BTreeMap<String, State>) -> bool) -> BTreeMap<String, State> {
        let begun = Instant::now();
        loop {
            let states = self.states().await;
            if fits(&states) {
                return states;
            }
            let mut counts: BTreeMap<State, usize> = BTreeMap::new();
            for state in states.values() {
                *counts.entry(*state).or_default() += 1;
            }
            assert!(begun.elapsed() < Duration::from_secs(100), "{what}: {counts:?}\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

fn is(states: &BTreeMap<String, State>, state: State) -> BTreeSet<&str> {
    states.iter().filter(|(_, known)| **known == state).map(|(person, _)| person.as_str()).collect()
}

/// Who is called how on the wire.
fn people() -> BTreeMap<String, String> {
    (0..PEOPLE).map(|person| (phone(person), format!("N{person}"))).collect()
}

async fn stand_in(gateway: Gateway, behaviour: Behaviour) -> Sandbox {
    let credentials = Credentials { user: "the-user".into(), secret: "s3cret-key".into() };
    Sandbox::start(Options { smtp: None, behaviour, credentials: [(gateway, credentials)].into(), ..Options::default() })
        .await
        .unwrap()
}

/// Sends to everybody and holds the stand-in's record against what Loa says of each person.
async fn sent(gateway: Gateway, office: &Office, sandbox: &Sandbox, done: impl Fn(&BTreeMap<String, State>) -> bool) {
    office.loa(&["audience", "import", "list.csv"]);
    office.loa(&["send", "thu"]);
    let serve = office.serve();
    if gateway == Gateway::Speedsms {
        sandbox.send_receipts_to(gateway, office.callback("speedsms"));
    }
    let states = office.until("everything comes to its end", |states| states.len() == PEOPLE && done(states)).await;
    let people = people();
    let mut taken: BTreeMap<&str, Outcome> = BTreeMap::new();
    for one in sandbox.taken() {
        let person = people.get(&one.address()).unwrap();
        assert_eq!(taken.insert(person, one.outcome), None, "{person} got it twice");
        assert_eq!(one.text, "SO: Khong cung cap ma OTP & mat khau <cho ai>.");
    }
    for (person, state) in &states {
        let outcome = taken.get(person.as_str());
        let fits = match state {
            State::Accepted => outcome.is_some(),
            State::Delivered => outcome == Some(&Outcome::Delivered),
            State::Undelivered => outcome == Some(&Outcome::Undelivered),
            State::Rejected => outcome.is_none(),
            _ => false,
        };
        assert!(fits, "{person}: {state:?}, and the stand-in says {outcome:?}");
    }
    assert!(Command::new("kill").args(["-TERM", &serve.0.id().to_string()]).status().unwrap().success());
    let mut serve = serve;
    assert!(serve.0.wait().unwrap().success());
    office.loa(&["verify"]);
    let log = office.log();
    assert!(!log.contains("s3cret-key") && !log.contains("+849031"), "{log}");
}

fn ended(states: &BTreeMap<String, State>) -> bool {
    states.values().all(|state| !matches!(state, State::Pending | State::Submitting | State::InDoubt))
}

/// Some of the texts are refused, for the number or for the content.
fn picky() -> Behaviour {
    Behaviour { fail: 0.03, latency: Duration::from_millis(1)..=Duration::from_millis(8), ..Behaviour::default() }
}

const SECRET: &str = "{ env = \"GATEWAY_SECRET\" }";

#[tokio::test(flavor = "multi_thread")]
async fn fpt_with_tokens_that_end_in_the_middle() {
    let behaviour = Behaviour {
        token_life: Duration::from_millis(600),
        latency: Duration::from_millis(1)..=Duration::from_millis(8),
        ..Behaviour::default()
    };
    let sandbox = stand_in(Gateway::Fpt, behaviour).await;
    let office =
        Office::open("fpt", &format!("client_id = \"the-user\"\nclient_secret = {SECRET}\n"), None, sandbox.http_addr().unwrap());
    assert!(office.loa(&["accounts", "--test", "fpt"]).contains("signed in"));
    sent(Gateway::Fpt, &office, &sandbox, ended).await;
    assert_eq!(sandbox.taken().len(), PEOPLE);
    sandbox.stop(Outstanding::Drop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stringee_in_batches_of_which_some_are_refused() {
    let sandbox = stand_in(Gateway::Stringee, picky()).await;
    let office =
        Office::open("stringee", &format!("sid = \"the-user\"\nkey_secret = {SECRET}\n"), None, sandbox.http_addr().unwrap());
    sent(Gateway::Stringee, &office, &sandbox, ended).await;
    let states = office.states().await;
    assert!(!is(&states, State::Rejected).is_empty() && is(&states, State::Accepted).len() == sandbox.taken().len());
    sandbox.stop(Outstanding::Drop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn viettel_by_soap() {
    let sandbox = stand_in(Gateway::Viettel, Behaviour::default()).await;
    let settings = format!("username = \"the-user\"\ncp_code = \"CP\"\npassword = {SECRET}\n");
    let office = Office::open("viettel", &settings, None, sandbox.http_addr().unwrap());
    sent(Gateway::Viettel, &office, &sandbox, ended).await;
    assert_eq!(sandbox.taken().len(), PEOPLE);
    sandbox.stop(Outstanding::Drop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn speedsms_in_batches_with_receipts_for_each_number() {
    let behaviour = Behaviour { undelivered: 0.1, duplicate: 0.1, early: 0.05, ..Behaviour::default() };
    let sandbox = stand_in(Gateway::Speedsms, behaviour).await;
    let office = Office::open("speedsms", &format!("token = {SECRET}\n"), None, sandbox.http_addr().unwrap());
    sent(Gateway::Speedsms, &office, &sandbox, |states| {
        states.values().all(|state| matches!(state, State::Delivered | State::Undelivered | State::Rejected))
    })
    .await;
    assert_eq!(sandbox.taken().len(), PEOPLE);
    sandbox.stop(Outstanding::Drop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn esms_advertising_whose_receipts_only_asking_brings() {
    let behaviour = Behaviour { undelivered: 0.1, ..Behaviour::default() };
    let sandbox = stand_in(Gateway::EsmsBulk, behaviour).await;
    let (_, file) = providers::gateways::built_in().iter().find(|(name, _)| *name == "esms-bulk").unwrap();
    let sooner = file.replace("every   = \"10m\"", "every   = \"10s\"").replace("after   = \"10m\"", "after   = \"1s\"");
    assert_ne!(*file, sooner);
    let settings = format!("api_key = {{ env = \"GATEWAY_USER\" }}\nsecret_key = {SECRET}\n");
    let office = Office::open("esms-bulk", &settings, Some(sooner), sandbox.http_addr().unwrap());
    sent(Gateway::EsmsBulk, &office, &sandbox, |states| ended(states) && is(states, State::Delivered).len() > PEOPLE * 4 / 5)
        .await;
    let arrived = sandbox.taken().iter().filter(|one| one.outcome == Outcome::Delivered).count();
    assert_eq!(is(&office.states().await, State::Delivered).len(), arrived);
    sandbox.stop(Outstanding::Drop).await;
}

/// A gateway of a test's own: status and body of its answer to each request, and what it was asked.
fn scripted(answer: impl Fn(&str) -> (u16, String) + Send + 'static) -> (std::net::SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, requests) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(Vec::new())));
    let log = Arc::clone(&requests);
    // It ends with the test's process.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
            let complete = |request: &[u8]| {
                let Some(end) = request.windows(4).position(|window| window == b"\r\n\r\n") else { return false };
                let head = String::from_utf8_lossy(&request[..end]).to_lowercase();
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
                request.len() >= end + 4 + length.unwrap_or(0)
            };
            while !complete(&request) {
                let n = stream.read(&mut buffer).unwrap();
                request.extend_from_slice(&buffer[..n]);
            }
            let request = String::from_utf8(request).unwrap();
            let (status, body) = answer(&request);
            log.lock().unwrap().push(request);
            let head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
            stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
        }
    });
    (address, requests)
}

/// The body of a request.
fn body(request: &str) -> serde_json::Value {
    serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_how_to_describe_a_gateway_and_it_works() {
    let page = include_str!("../../docs/gateways.md");
    let blocks: Vec<&str> = page.split("```toml\n").skip(1).take(2).map(|rest| rest.split("```").next().unwrap()).collect();
    let [description, account] = blocks.as_slice() else { panic!("the page has lost its example") };
    let (address, requests) = scripted(|request| {
        let balance = request.starts_with("GET /v1/balance?key=s3cret-key ");
        let answer = if balance { r#"{"balance":125000}"# } else { r#"{"code":"0","message_id":"m-1"}"# };
        (200, answer.into())
    });
    let port = free_port();
    let account = account.replace("{ env = \"EXAMPLE_KEY\" }", SECRET);
    let config = format!(
        "{account}url = \"http://{address}\"\nallow_private = true\n[server]\nlisten = \"127.0.0.1:{port}\"\n\
         public_url = \"http://127.0.0.1:{port}\"\n[database]\nurl = \"sqlite:loa.db\"\n"
    );
    let office = Office::open("kannel", "", None, address);
    let folder = office.folder.with("loa.toml", &config).with("gateways/example.toml", description);
    let office = Office { folder: folder.with("list.csv", "ref,phone\nN1,+84903121111\n") };

    office.loa(&["check", "gateways/example.toml"]);
    let tested = office.loa(&["accounts", "--test", "example"]);
    assert_eq!(tested, "✓ example: Example SMS: signed in, balance 125000 VND\n");

    office.loa(&["audience", "import", "list.csv"]);
    let callback = office.callback("example");
    office.loa(&["send", "thu"]);
    let _serve = office.serve();
    office.until("it is sent", |states| is(states, State::Accepted).len() == 1).await;
    let sent = requests.lock().unwrap().iter().find(|request| request.starts_with("POST /v1/messages ")).unwrap().clone();
    let body = body(&sent);
    assert_eq!((&body["to"], &body["from"], &body["key"]), (&"84903121111".into(), &"SO VHTTDL".into(), &"s3cret-key".into()));
    // Another test may have installed it already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let told = reqwest::get(format!("{callback}?status=1&ref={}", body["ref"].as_str().unwrap())).await.unwrap();
    assert_eq!(told.status(), 200);
    office.until("its receipt is joined", |states| is(states, State::Delivered).len() == 1).await;
}
