//! Over HTTP: receipts are committed before they are answered, refusals are taken, and machines learn how things stand.

use std::{collections::BTreeMap, sync::Arc};

use loa::{
    account::{Accounts, callback_secret, gateways},
    active::Active,
    audience::import,
    campaign::{Holidays, Library},
    config::{Bounces, Config},
    consent::{self, Scope},
    delivery::State as Delivery,
    dispatch::unsubscribe_token,
    on,
    receipt::{self, Appender, Matcher, Stored},
    request,
    run::make,
    seal::Kind,
    tally::{self, Count, Key},
    web::{self, Parts, State},
};
use providers::Channel;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, header, redirect};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};

use crate::helpers::{Ground, grounds};

const SETTINGS: &str = r#"
[office]
name = "Sở VHTTDL <Mẫu>"
hotline = "156"

[[account]]
name = "kannel"
gateway = "kannel"
channel = "sms"
rate = "10/s"
url = "http://127.0.0.1:9"
allow_private = true
username = "loa"
password = { env = "PASSWORD" }
sender = "LOA"

[[account]]
name = "speedsms"
gateway = "speedsms"
channel = "sms"
rate = "10/s"
url = "http://127.0.0.1:9"
allow_private = true
token = { env = "PASSWORD" }
sender = "LOA"

[[account]]
name = "signed"
gateway = "signed"
channel = "sms"
rate = "10/s"
url = "http://127.0.0.1:9"
allow_private = true
webhook_secret = { env = "PASSWORD" }
"#;

/// A gateway that also proves itself by a header.
const SIGNED: &str = r#"
title   = "Signed"
channel = "sms"

[settings]
webhook_secret = { about = "what it sends along", secret = true }

[send]
path  = "/send"
reads = "text"
query = { to = "{{ to }}", text = "{{ text }}" }

[[send.answer]]
when = "status == 200"
then = "accepted"

[callback]
reads     = "query"
code      = "item.state"
reference = "item.reference"
secret    = { header = "X-Webhook-Secret", setting = "webhook_secret" }
reply     = { status = 202, type = "application/json", body = "{}" }

[[callback.event]]
code  = "1"
state = "delivered"
"#;

/// Both sides, listening on loopback.
struct House {
    ground: Ground,
    state: State,
    active: Arc<Active>,
    client: Client,
    private: String,
    public: String,
    leave: Vec<oneshot::Sender<()>>,
    servers: Vec<JoinHandle<()>>,
}

impl House {
    /// A house whose receipts are committed as they come.
    async fn open(ground: Ground) -> Self {
        let (house, mut appender) = Self::open_without_appender(ground).await;
        tokio::spawn(async move { while appender.step().await.is_some() {} });
        house
    }

    async fn open_without_appender(ground: Ground) -> (Self, Appender) {
        // A second test finds it installed.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let file = ground.folder.path().join("loa.toml");
        std::fs::write(&file, SETTINGS).unwrap();
        let described = ground.folder.path().join("gateways");
        std::fs::create_dir(&described).unwrap();
        std::fs::write(described.join("signed.toml"), SIGNED).unwrap();
        let env = BTreeMap::from([("PASSWORD".to_string(), "not-a-secret".to_string())]);
        let config = Config::read(Some(&file), &env).map_err(|p| format!("{p:?}")).unwrap();
        let accounts = Accounts::build(&config, &gateways(Some(&described)).unwrap(), &ground.db, &ground.seal, &ground.clock)
            .await
            .unwrap();
        let active = Arc::new(Active::new(ground.db.clone(), config.office.clone()));
        let (db, clock, seal) = (ground.db.clone(), ground.clock.clone(), ground.seal.clone());
        let matcher = Matcher { db, clock, node: 0, active: Arc::clone(&active), seal, bounces: Bounces::default() };
        let ear = loa::reply::Ear::new(ground.seal.clone(), &loa::config::OptOut::default());
        let (inbox, appender) = receipt::inbox(matcher, ear);
        let recorder = web::recorder().unwrap();
        let parts = Parts {
            db: ground.db.clone(),
            clock: ground.clock.clone(),
            seal: ground.seal.clone(),
            accounts: Arc::new(accounts),
            inbox,
            active: Arc::clone(&active),
            config: config.clone(),
            library: Arc::default(),
            shelf: Arc::new(loa::edition::Shelf::new("campaigns".as_ref())),
            gateways: Arc::new(gateways(Some(&described)).unwrap()),
            holidays: loa::campaign::Holidays::default(),
            work: Arc::default(),
            metrics: recorder.handle(),
        };
        let state = metrics::with_local_recorder(&recorder, || State::new(parts));
        let client = Client::builder().redirect(redirect::Policy::none()).no_proxy().build().unwrap();
        let mut house = Self {
            private: String::new(),
            public: String::new(),
            ground,
            client,
            leave: Vec::new(),
            servers: Vec::new(),
            state: state.clone(),
            active,
        };
        house.private = house.listen(web::private(state.clone())).await;
        house.public = house.listen(web::public(state)).await;
        (house, appender)
    }

    async fn listen(&mut self, router: axum::Router) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (leave, left) = oneshot::channel();
        let serving = web::serve(listener, router, async {
            let _ = left.await;
        });
        self.servers.push(tokio::spawn(async { serving.await.unwrap() }));
        self.leave.push(leave);
        format!("http://{address}")
    }

    fn ask(&self, method: Method, base: &str, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{base}{path}"))
    }

    async fn get(&self, path: &str) -> (StatusCode, String) {
        let answer = self.ask(Method::GET, &self.private, path).send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    fn callback(&self, account: &str) -> String {
        format!("/receipts/{account}/{}", callback_secret(&self.ground.seal, account))
    }

    /// Puts rows as they might have become.
    async fn set(&self, statement: &'static str) {
        on!(self.ground.db.write, |pool, _sql| sqlx::query(statement).execute(pool).await.map(|_| ())).unwrap();
    }

    async fn receipts(&self) -> Vec<(String, i16)> {
        const ROWS: &str = "SELECT reference, state FROM receipt ORDER BY id";
        on!(self.ground.db.read, |pool, _sql| sqlx::query_as(ROWS).fetch_all(pool).await).unwrap()
    }

    async fn refused(&self, channel: Channel, address: i64) -> Option<Scope> {
        consent::refused(&self.ground.db, channel, &[address], self.ground.clock.millis()).await.unwrap().get(&address).copied()
    }

    async fn said(&self, channel: Channel, address: i64) -> Vec<(String, String)> {
        let events = consent::history(&self.ground.db, channel, address).await.unwrap();
        events.into_iter().map(|event| (event.source, event.wording)).collect()
    }
}

fn header_of<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers().get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
}

#[tokio::test]
async fn a_receipt_is_stored_before_it_is_answered_by_either_method() {
    for ground in grounds().await {
        let house = House::open(ground).await;
        for (method, base, reference) in [
            (Method::GET, &house.public, "erste"),
            (Method::POST, &house.public, "zweite"),
            (Method::GET, &house.private, "dritte"),
        ] {
            let path = format!("{}?state=1&words=ok&reference={reference}", house.callback("kannel"));
            let answer = house.ask(method, base, &path).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK);
            let stored = house.receipts().await;
            assert_eq!(stored.last(), Some(&(reference.to_string(), Delivery::Delivered.number())));
        }
    }
}

#[tokio::test]
async fn nobody_learns_which_accounts_there_are() {
    for ground in grounds().await {
        let house = House::open(ground).await;
        let secret = callback_secret(&house.ground.seal, "kannel");
        let strangers = [
            format!("/receipts/kannel/{}?state=1&reference=x", secret.replace(|c: char| c.is_ascii_digit(), "f")),
            format!("/receipts/speedsms/{secret}?state=1&reference=x"),
            format!("/receipts/nobody/{secret}?state=1&reference=x"),
            format!("/receipts/nobody/{}?state=1&reference=x", callback_secret(&house.ground.seal, "")),
            "/receipts/kannel/x?state=1&reference=x".to_string(),
        ];
        let mut answers = Vec::new();
        for path in strangers {
            let answer = house.ask(Method::GET, &house.public, &path).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
            answers.push(answer.text().await.unwrap());
        }
        assert!(answers.windows(2).all(|two| two[0] == two[1]), "{answers:?}");
        // A probe by HEAD is no callback.
        let probe = format!("{}?state=1&reference=x", house.callback("kannel"));
        let probed = house.ask(Method::HEAD, &house.public, &probe).send().await.unwrap();
        assert_eq!(probed.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(house.receipts().await, []);
    }
}

#[tokio::test]
async fn what_is_no_callback_is_refused_and_stores_nothing() {
    for ground in grounds().await {
        let house = House::open(ground).await;
        let to = house.callback("kannel");
        let nothing = house.ask(Method::GET, &house.public, &to).send().await.unwrap();
        assert_eq!(nothing.status(), StatusCode::BAD_REQUEST);
        assert!(nothing.text().await.unwrap().contains("unexpected shape"));
        let nonsense = house.ask(Method::POST, &house.public, &house.callback("speedsms")).body("{{{").send().await.unwrap();
        assert_eq!(nonsense.status(), StatusCode::BAD_REQUEST);
        let huge = house.ask(Method::POST, &house.public, &to).body(vec![b'x'; 300 * 1024]).send().await.unwrap();
        assert_eq!(huge.status(), StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(house.receipts().await, []);
    }
}

#[tokio::test]
async fn a_signature_that_does_not_fit_is_forbidden_and_the_gateway_gets_the_answer_it_expects() {
    for ground in grounds().await {
        let house = House::open(ground).await;
        let path = format!("{}?state=1&reference=x", house.callback("signed"));
        for signature in ["", "someone-else"] {
            let forged =
                house.ask(Method::POST, &house.public, &path).header("X-Webhook-Secret", signature).send().await.unwrap();
            assert_eq!(forged.status(), StatusCode::FORBIDDEN);
        }
        assert_eq!(house.receipts().await, []);
        let genuine =
            house.ask(Method::POST, &house.public, &path).header("X-Webhook-Secret", "not-a-secret").send().await.unwrap();
        assert_eq!((genuine.status(), header_of(&genuine, "content-type")), (StatusCode::ACCEPTED, "application/json"));
        assert_eq!(genuine.text().await.unwrap(), "{}");
        assert_eq!(house.receipts().await.len(), 1);
    }
}

#[tokio::test]
async fn a_message_from_a_person_is_answered_and_makes_no_receipt() {
    for ground in grounds().await {
        let house = House::open(ground).await;
        let inbound = serde_json::json!({ "type": "sms", "phone": "84901234567", "content": "TC" });
        let answer = house.ask(Method::POST, &house.public, &house.callback("speedsms")).json(&inbound).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(house.receipts().await, []);
        let address = house.ground.seal.hash(loa::seal::Kind::Phone, "+84901234567");
        assert_eq!(house.refused(Channel::Sms, address).await, Some(Scope::Awareness), "before it was answered");
        assert_eq!(house.said(Channel::Sms, address).await, [("reply".to_string(), "TC".to_string())]);
        let (_, metrics) = house.get("/metrics").await;
        assert!(metrics.contains("loa_inbound_messages_total{account=\"speedsms\"} 1"), "{metrics}");
        assert!(!metrics.contains("901234567"));
    }
}

#[tokio::test]
async fn what_cannot_be_stored_is_to_be_repeated() {
    for ground in grounds().await {
        let house = House::open(ground).await;
        house.ground.db.close().await;
        let path = format!("{}?state=1&reference=x", house.callback("kannel"));
        let answer = house.ask(Method::GET, &house.public, &path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        let token = unsubscribe_token(&house.ground.seal, Channel::Email, 7);
        let answer =
            house.ask(Method::POST, &house.public, &format!("/u/{token}")).form(&[("action", "undo")]).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(house.get("/").await.0, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(house.get("/readyz").await.0, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(house.get("/healthz").await.0, StatusCode::OK);
        let (status, metrics) = house.get("/metrics").await;
        assert_eq!(status, StatusCode::OK);
        assert!(metrics.contains("\nloa_database_up 0\n"), "{metrics}");
        assert!(metrics.contains("loa_callbacks_refused_total{account=\"kannel\",why=\"not_stored\"} 1"), "{metrics}");
    }
}

#[tokio::test]
async fn at_the_end_what_was_begun_is_answered() {
    for ground in grounds().await {
        let (mut house, mut appender) = House::open_without_appender(ground).await;
        let path = format!("{}?state=1&reference=last", house.callback("kannel"));
        let mut gateway = TcpStream::connect(house.public.trim_start_matches("http://")).await.unwrap();
        let head = format!("POST {path} HTTP/1.1\r\nHost: loa\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n");
        gateway.write_all(head.as_bytes()).await.unwrap();
        let mut go_on = [0; "HTTP/1.1 100 Continue\r\n\r\n".len()];
        gateway.read_exact(&mut go_on).await.unwrap();
        // The handler is reading now.
        house.state.leave();
        for leave in house.leave.drain(..) {
            leave.send(()).unwrap();
        }
        gateway.write_all(b"x").await.unwrap();
        assert_eq!(appender.step().await, Some(Stored::default()), "forged");
        let mut answer = String::new();
        gateway.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        for server in house.servers.drain(..) {
            server.await.unwrap();
        }
        assert!(house.client.get(&house.private).send().await.is_err(), "nobody listens any more");
    }
}

#[tokio::test]
async fn looking_at_an_unsubscribe_link_changes_nothing() {
    for ground in grounds().await {
        let house = House::open(ground).await;
        let path = format!("/u/{}", unsubscribe_token(&house.ground.seal, Channel::Email, -42));
        for method in [Method::GET, Method::HEAD] {
            for query in ["", "?scope=all&action=stop", "?List-Unsubscribe=One-Click", "?lang=en&done"] {
                let answer = house.ask(method.clone(), &house.public, &format!("{path}{query}")).send().await.unwrap();
                assert_eq!(answer.status(), StatusCode::OK);
            }
        }
        assert_eq!(house.said(Channel::Email, -42).await, []);
    }
}

#[tokio::test]
async fn one_click_ends_the_regular_advice_and_leaves_warnings() {
    for ground in grounds().await {
        let house = House::open(ground).await;
        let path = format!("/u/{}", unsubscribe_token(&house.ground.seal, Channel::Email, 42));
        let post = || house.ask(Method::POST, &house.public, &path);
        let answer = post().form(&[("List-Unsubscribe", "One-Click")]).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "no redirect: mail programs follow none");
        assert_eq!(house.refused(Channel::Email, 42).await, Some(Scope::Awareness));
        let parts = "--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b--\r\n";
        let multipart = post().header(header::CONTENT_TYPE, "multipart/form-data; boundary=b").body(parts);
        assert_eq!(multipart.send().await.unwrap().status(), StatusCode::OK);
        let words = ("link".to_string(), "List-Unsubscribe=One-Click".to_string());
        assert_eq!(house.said(Channel::Email, 42).await, [words.clone(), words]);
        assert_eq!(house.refused(Channel::Sms, 42).await, None, "another channel is another matter");
    }
}

#[tokio::test]
async fn the_form_refuses_as_much_as_was_chosen_and_takes_it_back() {
    for ground in grounds().await {
        let house = House::open(ground).await;
        let path = format!("/u/{}?lang=vi", unsubscribe_token(&house.ground.seal, Channel::Sms, 9));
        let post =
            async |fields: &[(&str, &str)]| house.ask(Method::POST, &house.public, &path).form(fields).send().await.unwrap();
        let page = async || house.ask(Method::GET, &house.public, &path).send().await.unwrap().text().await.unwrap();
        let fresh = page().await;
        assert!(fresh.contains("value=\"awareness\" checked"), "{fresh}");
        assert!(fresh.contains("Sở VHTTDL &lt;Mẫu&gt;"), "{fresh}");

        let answer = post(&[("action", "stop"), ("scope", "awareness")]).await;
        assert_eq!((answer.status(), header_of(&answer, "location")), (StatusCode::SEE_OTHER, "?lang=vi&done"));
        assert_eq!(house.refused(Channel::Sms, 9).await, Some(Scope::Awareness));
        assert!(page().await.contains("cảnh báo khẩn vẫn được gửi"));

        post(&[("action", "stop"), ("scope", "all")]).await;
        assert_eq!(house.refused(Channel::Sms, 9).await, Some(Scope::All));
        let all = page().await;
        assert!(all.contains("Đã ngừng mọi tin") && all.contains("value=\"undo\""), "{all}");

        post(&[("action", "undo")]).await;
        assert_eq!(house.refused(Channel::Sms, 9).await, None);
        let said: Vec<String> = house.said(Channel::Sms, 9).await.into_iter().map(|(_, wording)| wording).collect();
        assert_eq!(
            said,
            [
                "Ngừng tin tuyên truyền định kỳ qua tin nhắn SMS",
                "Ngừng mọi tin qua tin nhắn SMS, kể cả cảnh báo khẩn",
                "Nhận lại tin qua tin nhắn SMS",
            ]
        );
        assert!(said[..2].iter().all(|words| fresh.contains(words)), "what is recorded stood on the page");

        let nonsense = post(&[("scope", "everything")]).await;
        assert_eq!(nonsense.status(), StatusCode::BAD_REQUEST);
        assert!(nonsense.text().await.unwrap().contains("Chưa có gì được thay đổi"));
        assert_eq!(house.said(Channel::Sms, 9).await.len(), 3);
    }
}

#[tokio::test]
async fn the_form_offers_other_channels_and_months_without_saying_which_there_are() {
    for ground in grounds().await {
        let list = "ref,name,phone,email\na,An,0901111111,an@example.vn\nb,Bình,0902222222,b@example.vn\nc,Chi,0902222222,\n";
        let file = ground.folder.path().join("list.csv");
        std::fs::write(&file, list).unwrap();
        let order = import::Order { path: file, source: "ds".into(), replace: false, lang: loa::words::Lang::Vi };
        import::import(&ground.db, &ground.seal, &ground.clock, &order, |_| {}).await.unwrap();
        let house = House::open(ground).await;
        let hash = |kind, plain: &str| house.ground.seal.hash(kind, plain);
        let (email, phone) = (hash(Kind::Email, "an@example.vn"), hash(Kind::Phone, "+84901111111"));
        let path = |channel, address| format!("/u/{}?lang=vi", unsubscribe_token(&house.ground.seal, channel, address));
        let own = path(Channel::Email, email);
        let post =
            async |fields: &[(&str, &str)]| house.ask(Method::POST, &house.public, &own).form(fields).send().await.unwrap();
        let (_, fresh) = house.get(&own).await;
        keep_page("fresh", &fresh);
        assert!(fresh.contains("Qua kênh nào?") && fresh.contains("<label for=\"months\">"), "{fresh}");
        assert!(!fresh.contains("example.vn") && !fresh.contains("SMS") && !fresh.contains("0901"), "{fresh}");
        assert!(house.said(Channel::Email, email).await.is_empty(), "looking changes nothing");

        // For three months, everywhere: it is 2 November 2026.
        let wish = [("action", "stop"), ("scope", "awareness"), ("months", "3"), ("where", "all")];
        assert_eq!(post(&wish).await.status(), StatusCode::SEE_OTHER);
        let (_, paused) = house.get(&format!("{own}&done")).await;
        keep_page("paused", &paused);
        assert!(paused.replace("&#x2f;", "/").contains("02/02/2027") && paused.contains("value=\"undo-all\""), "{paused}");
        for (channel, address) in [(Channel::Email, email), (Channel::Sms, phone)] {
            assert_eq!(house.refused(channel, address).await, Some(Scope::Awareness));
            let words = "Ngừng tin tuyên truyền định kỳ · Qua mọi kênh mà chúng tôi có địa chỉ của quý vị · Trong 3 tháng";
            assert_eq!(house.said(channel, address).await, [("link".to_string(), words.to_string())]);
            assert!(words.split(" · ").all(|part| fresh.contains(part)), "what is recorded stood on the page");
        }
        // Back on this channel alone, and then on all.
        post(&[("action", "undo")]).await;
        assert_eq!(
            (house.refused(Channel::Email, email).await, house.refused(Channel::Sms, phone).await.is_some()),
            (None, true)
        );
        let (_, back) = house.get(&format!("{own}&done")).await;
        keep_page("back", &back);
        assert!(back.contains("Qua kênh khác vẫn còn ngừng"), "{back}");
        post(&[("action", "undo-all")]).await;
        assert_eq!(house.refused(Channel::Sms, phone).await, None);
        post(&[("action", "stop"), ("scope", "all"), ("where", "here"), ("months", "")]).await;
        assert_eq!(
            (house.refused(Channel::Email, email).await, house.refused(Channel::Sms, phone).await),
            (Some(Scope::All), None)
        );
        let (_, all) = house.get(&own).await;
        keep_page("all", &all);
        // Nonsense changes nothing.
        let wrong = post(&[("action", "stop"), ("scope", "all"), ("months", "1000")]).await;
        assert_eq!(wrong.status(), StatusCode::BAD_REQUEST);
        keep_page("wrong", &wrong.text().await.unwrap());

        // A phone that two share speaks for itself alone.
        let shared = hash(Kind::Phone, "+84902222222");
        let (_, page) = house.get(&path(Channel::Sms, shared)).await;
        assert!(!page.contains("Qua kênh nào?"), "{page}");
        house.ask(Method::POST, &house.public, &path(Channel::Sms, shared)).form(&wish).send().await.unwrap();
        assert_eq!(house.refused(Channel::Email, hash(Kind::Email, "b@example.vn")).await, None);
    }
}

/// For whoever wants to look at a page: `LOA_PAGES` names a folder.
fn keep_page(name: &str, html: &str) {
    if let Ok(folder) = std::env::var("LOA_PAGES") {
        std::fs::write(format!("{folder}/{name}.html"), html).unwrap();
    }
}

#[tokio::test]
async fn late_requests_are_told_on_the_status_page() {
    for ground in grounds().await {
        let house = House::open(ground).await;
        let (db, seal, now) = (&house.ground.db, &house.ground.seal, house.ground.clock.millis());
        let mut new = request::New {
            kind: request::Kind::Access,
            subject: request::Subject::Address(Channel::Sms, 1),
            until: None,
            received_at: now,
            by: "Lan",
            note: "",
        };
        assert!(!house.get("/").await.1.contains("loa requests"));
        request::take_in(db, seal, &loa::campaign::Holidays::built_in(), &new, now).await.unwrap();
        assert!(house.get("/").await.1.contains("1 yêu cầu của người dân về dữ liệu đang chờ"));
        new.received_at = now - 30 * 86_400_000;
        request::take_in(db, seal, &loa::campaign::Holidays::built_in(), &new, now).await.unwrap();
        let (_, page) = house.get("/").await;
        keep_page("status", &page);
        assert!(page.contains("1 yêu cầu của người dân về dữ liệu đã quá hạn"), "{page}");
    }
}

#[tokio::test]
async fn a_broken_link_is_told_kindly() {
    for ground in grounds().await {
        let house = House::open(ground).await;
        let token = unsubscribe_token(&house.ground.seal, Channel::Email, 42);
        for broken in [&token[..23], "x", &token.replace(|c: char| c.is_ascii_digit(), "z")] {
            for method in [Method::GET, Method::POST] {
                let request =
                    house.ask(method, &house.public, &format!("/u/{broken}")).form(&[("List-Unsubscribe", "One-Click")]);
                let answer = request.send().await.unwrap();
                assert_eq!(answer.status(), StatusCode::NOT_FOUND);
                assert!(answer.text().await.unwrap().contains("Liên kết này không dùng được"));
            }
        }
    }
}

#[tokio::test]
async fn pages_speak_the_readers_language_and_load_nothing() {
    for ground in grounds().await {
        let house = House::open(ground).await;
        let path = format!("/u/{}", unsubscribe_token(&house.ground.seal, Channel::Chat, 1));
        let english =
            house.ask(Method::GET, &house.public, &path).header(header::ACCEPT_LANGUAGE, "en-GB,vi;q=0.5").send().await.unwrap();
        let policy = header_of(&english, "content-security-policy").to_string();
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        for (name, value) in [
            ("cache-control", "no-store"),
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("x-robots-tag", "noindex, nofollow"),
            ("content-language", "en"),
        ] {
            assert_eq!(header_of(&english, name), value, "{name}");
        }
        let text = english.text().await.unwrap();
        assert!(text.contains("<html lang=\"en\">") && text.contains("Which messages should stop?"), "{text}");
        assert!(!text.contains("src=") && !text.contains("<script") && !text.contains("style=\""), "{text}");
        let vietnamese = house.ask(Method::GET, &house.public, &format!("{path}?lang=vi")).header(header::ACCEPT_LANGUAGE, "en");
        assert!(vietnamese.send().await.unwrap().text().await.unwrap().contains("<html lang=\"vi\">"));
    }
}

#[tokio::test]
async fn the_internet_sees_receipts_and_unsubscribe_pages_alone() {
    for ground in grounds().await {
        let house = House::open(ground).await;
        for path in ["/", "/metrics", "/readyz", "/healthz", "/api/v1/runs", "/receipts/kannel"] {
            let answer = house.ask(Method::GET, &house.public, path).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
            assert_eq!(header_of(&answer, "x-content-type-options"), "nosniff");
        }
    }
}

#[tokio::test]
async fn a_process_is_ready_while_its_database_is_migrated_and_it_stays() {
    for ground in grounds().await {
        let house = House::open(ground).await;
        assert_eq!(house.get("/readyz").await, (StatusCode::OK, "ready\n".into()));
        house.set("DELETE FROM _sqlx_migrations").await;
        let (status, why) = house.get("/readyz").await;
        assert_eq!((status, why.contains("loa migrate")), (StatusCode::SERVICE_UNAVAILABLE, true), "{why}");
        house.state.leave();
        assert_eq!(house.get("/readyz").await, (StatusCode::SERVICE_UNAVAILABLE, "shutting down\n".into()));
        assert_eq!(house.get("/healthz").await.0, StatusCode::OK);
    }
}

/// A run of a shipped campaign, with these tallies (channel, state, deliveries).
async fn run_with(house: &House, slug: &str, tallies: &[(Channel, Delivery, i64)]) -> i64 {
    let (library, problems) = Library::read("campaigns".as_ref());
    assert!(problems.is_empty());
    let (db, clock) = (&house.ground.db, &house.ground.clock);
    let (source, segments) = (&library.campaigns[slug], library.segments_text.as_str());
    let asked = make::Asked { source, segments, recipients: &[], once: None, by: None };
    let run = make::asked(db, &asked, &Holidays::default(), clock.now()).await.unwrap();
    let keys: Vec<_> = tallies
        .iter()
        .map(|(channel, state, n)| {
            (Key { run, channel: *channel as i16, account: 0, state: state.number() }, Count { n: *n, parts: *n, price: 300 * n })
        })
        .collect();
    loa::transaction!(db, |tx| {
        let mut changes = tally::Changes::default();
        for (key, count) in &keys {
            changes.enter(*key, *count);
        }
        tally::apply(tx, 1, changes).await
    })
    .unwrap();
    run
}

#[tokio::test]
async fn the_status_page_and_its_twin_show_the_same_counts() {
    for ground in grounds().await {
        let house = House::open(ground).await;
        let (_, empty) = house.get("/").await;
        assert!(empty.contains("Không có đợt gửi nào đang chạy."), "{empty}");
        let tallies = [
            (Channel::Sms, Delivery::Pending, 1_000),
            (Channel::Sms, Delivery::Delivered, 12_345),
            (Channel::Email, Delivery::Accepted, 655),
            (Channel::Chat, Delivery::Skipped, 6_000),
        ];
        let run = run_with(&house, "nhan-dien-lua-dao", &tallies).await;
        house.active.hold(run, "giữ vì <b>ngân sách</b>").await.unwrap();

        let (_, listing) = house.get("/").await;
        assert!(listing.contains("Đã lập 20.000 lượt tin") && !listing.contains("95%</strong>"), "{listing}");
        house.set("UPDATE run SET state = 1").await;

        let (status, page) = house.get("/").await;
        assert_eq!(status, StatusCode::OK);
        for words in [
            "Chờ gửi",
            "Đã đến người nhận",
            "Cổng gửi đã nhận",
            "12.345",
            "95%",
            "19.000 / 20.000",
            "Đang giữ lại",
            "kannel",
            "Hoạt động",
        ] {
            assert!(page.contains(words), "{words} is missing: {page}");
        }
        assert!(page.contains("giữ vì &lt;b&gt;ngân sách&lt;&#x2f;b&gt;"), "{page}");
        assert!(page.contains("http-equiv=\"refresh\""));
        let (_, english) = house.get("/?lang=en&refresh=off").await;
        assert!(
            english.contains("12,345") && english.contains("pending") && !english.contains("http-equiv=\"refresh\""),
            "{english}"
        );

        let (_, json) = house.get("/api/v1/runs").await;
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        let first = &json["runs"][0];
        assert_eq!(first["id"], run);
        assert_eq!(first["counts"]["sms"], serde_json::json!({ "delivered": 12_345, "pending": 1_000 }));
        assert_eq!(
            (&first["deliveries"], &first["unfinished"], &first["price"]),
            (&20_000.into(), &1_000.into(), &6_000_000.into())
        );
        assert_eq!(json["next"], serde_json::Value::Null);
        let (_, earlier) = house.get(&format!("/api/v1/runs?before={run}&limit=1")).await;
        assert_eq!(earlier, r#"{"runs":[],"next":null}"#);
    }
}

/// Reads Prometheus's text format 0.0.4: every sample by its name and labels. Panics at a line that is none.
fn samples(text: &str) -> BTreeMap<String, f64> {
    let mut samples = BTreeMap::new();
    let mut declared = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.split(' ');
            if words.next() == Some("TYPE") {
                let name = words.next().unwrap();
                assert!(!declared.contains(&name), "{name} is declared twice");
                declared.push(name);
                assert!(["counter", "gauge", "histogram"].contains(&words.next().unwrap()), "{line}");
            }
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        let name = series.split('{').next().unwrap();
        let family = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
        assert!(declared.contains(&name) || family.is_some_and(|family| declared.contains(&family)), "{line}");
        assert!(samples.insert(series.to_string(), value.parse().unwrap()).is_none(), "{series} stands twice");
    }
    samples
}

#[tokio::test]
async fn a_scrape_tells_counts_health_and_lags() {
    for ground in grounds().await {
        let house = House::open(ground).await;
        run_with(
            &house,
            "canh-bao-ung-dung-gia",
            &[(Channel::Sms, Delivery::Delivered, 7), (Channel::Email, Delivery::Pending, 3)],
        )
        .await;
        // Two people who could have been sent to 90 and 30 seconds ago, and one whose turn comes.
        house
            .set(
                "INSERT INTO delivery (id, run, address, segments, owner, account, price, next_at, updated_at, route, message,
                                       state, reason, attempt, tries, doubts, parts, area)
                 SELECT (r.id * 68719476736) + v.n * 16 + 1, r.id, v.n, 0, 0, 0, 0, r.created_at + v.after, r.created_at, 16, 0,
                        0, 0, 1, 0, 0, 0, '01'
                 FROM run r, (SELECT 1 AS n, -30000 AS after UNION ALL SELECT 2, -90000 UNION ALL SELECT 3, 60000) AS v",
            )
            .await;
        let early = "INSERT INTO receipt (account, handle, state, reason, detail, received_at, status)
                     SELECT 1, 'early', 5, 0, '', max(created_at), 0 FROM run";
        house.ground.execute(early).await;
        house.active.refresh().await.unwrap();
        for reference in ["a", "b"] {
            let path = format!("{}?state=1&reference={reference}", house.callback("kannel"));
            house.ask(Method::GET, &house.public, &path).send().await.unwrap();
        }
        house.ask(Method::GET, &house.public, "/receipts/nobody/x").send().await.unwrap();
        let (_, text) = house.get("/metrics").await;
        let samples = samples(&text);
        for (series, value) in [
            ("loa_database_up", 1.0),
            ("loa_deliveries{channel=\"sms\",state=\"delivered\"}", 7.0),
            ("loa_deliveries{channel=\"email\",state=\"pending\"}", 3.0),
            ("loa_deliveries{channel=\"chat\",state=\"pending\"}", 0.0),
            ("loa_runs{state=\"fanning_out\"}", 1.0),
            ("loa_account{account=\"kannel\",channel=\"sms\",condition=\"usable\"}", 1.0),
            ("loa_account{account=\"kannel\",channel=\"sms\",condition=\"stopped\"}", 0.0),
            ("loa_receipts_taken_total{account=\"kannel\"}", 2.0),
            ("loa_receipts_unmatched", 1.0),
            ("loa_callbacks_refused_total{account=\"\",why=\"unknown\"}", 1.0),
            ("loa_callback_seconds_count", 2.0),
            ("loa_dispatch_lag_seconds{kind=\"warning\"}", 90.0),
            ("loa_dispatch_lag_seconds{kind=\"awareness\"}", 0.0),
        ] {
            assert_eq!(samples.get(series), Some(&value), "{series}\n{text}");
        }
    }
}
