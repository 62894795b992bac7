//! Whose a webhook is and what it says, and when tokens are renewed, against a Zalo of a few lines on a socket.

use std::{
    collections::BTreeMap,
    sync::{Mutex, atomic::AtomicUsize},
};

use chrono::{DateTime, TimeDelta, TimeZone as _, Utc};
use sha2::{Digest as _, Sha256};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::*;
use crate::{Address, Inbound, http::Network};

/// A pair that lives in memory, with the lease as the database has it.
#[derive(Default)]
struct Store {
    pair: Mutex<Option<Pair>>,
    leased: Mutex<bool>,
    alarms: Mutex<Vec<String>>,
    /// So many commits fail.
    broken: AtomicUsize,
    /// What a person enters while a pair is being renewed.
    entered: Mutex<Option<Pair>>,
}

#[async_trait]
impl TokenStore for Store {
    async fn load(&self, seed: Option<&SecretString>) -> Result<Option<Pair>, StoreError> {
        let mut pair = self.pair.lock().unwrap();
        if pair.is_none() {
            *pair = seed.map(|seed| Pair {
                version: 0,
                access: None,
                refresh: seed.clone(),
                from: DateTime::UNIX_EPOCH,
                until: DateTime::UNIX_EPOCH,
            });
        }
        Ok(pair.clone())
    }

    async fn lease(&self, version: i64) -> Result<Turn, StoreError> {
        let mut leased = self.leased.lock().unwrap();
        let current = self.pair.lock().unwrap().as_ref().map(|pair| pair.version);
        if *leased || current != Some(version) {
            return Ok(Turn::Theirs);
        }
        *leased = true;
        if let Some(entered) = self.entered.lock().unwrap().take() {
            *self.pair.lock().unwrap() = Some(entered);
        }
        Ok(Turn::Ours)
    }

    async fn commit(&self, version: i64, next: &Pair) -> Result<bool, StoreError> {
        if self.broken.load(Ordering::Relaxed) > 0 {
            self.broken.fetch_sub(1, Ordering::Relaxed);
            return Err(StoreError("away".into()));
        }
        let mut pair = self.pair.lock().unwrap();
        *self.leased.lock().unwrap() = false;
        let current = pair.as_ref().is_some_and(|pair| pair.version == version);
        if current {
            *pair = Some(next.clone());
        }
        Ok(current)
    }

    async fn release(&self, version: i64, why: Option<&str>) -> Result<bool, StoreError> {
        *self.leased.lock().unwrap() = false;
        let current = self.pair.lock().unwrap().as_ref().is_some_and(|pair| pair.version == version);
        self.alarms.lock().unwrap().extend(why.filter(|_| current).map(str::to_owned));
        Ok(current)
    }

    async fn wait(&self, version: i64) -> Result<(), StoreError> {
        while *self.leased.lock().unwrap() && self.pair.lock().unwrap().as_ref().is_some_and(|pair| pair.version == version) {
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}

/// A Zalo that gives `access-N` for `refresh-N-1`, each once, and takes messages with the last one; and what it was asked.
#[derive(Default)]
struct Zalo {
    given: Mutex<u32>,
    /// Access tokens before this one are stale.
    good: Mutex<u32>,
    asked: Mutex<Vec<(String, String)>>,
    /// What its answers say is left of the minute.
    remain: Mutex<Option<i64>>,
}

impl Zalo {
    fn answer(&self, head: &str, body: &str) -> Value {
        let path = head.split(' ').nth(1).unwrap().to_owned();
        self.asked.lock().unwrap().push((path.clone(), body.to_owned()));
        let header = |name: &str| {
            head.lines().find_map(|line| line.strip_prefix(&format!("{name}: "))).unwrap_or_default().trim().to_owned()
        };
        if path == "/v4/oa/access_token" {
            let mut given = self.given.lock().unwrap();
            if !body.ends_with(&format!("refresh_token=refresh-{given}")) || header("secret_key") != "app-secret" {
                return json!({ "error": -14014, "message": "Invalid refresh token" });
            }
            *given += 1;
            return json!({ "access_token": format!("access-{given}"), "refresh_token": format!("refresh-{given}"), "expires_in": "90000" });
        }
        let token: u32 = header("access_token").trim_start_matches("access-").parse().unwrap_or(0);
        if token < *self.good.lock().unwrap() {
            return json!({ "error": -216, "message": "Access token has expired" });
        }
        if let Some(id) = path.strip_prefix("/message/status?message_id=") {
            return json!({ "error": 0, "data": { "status": match id { "came" => 1, "comes" => 0, _ => -1 } } });
        }
        json!({ "error": 0, "data": { "msg_id": "m1", "quota": { "remainingQuota": "9" } } })
    }

    async fn listen(self: &Arc<Self>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let zalo = Arc::clone(self);
        tokio::spawn(async move {
            loop {
                let (mut wire, _) = listener.accept().await.unwrap();
                let zalo = Arc::clone(&zalo);
                tokio::spawn(async move {
                    let mut read = Vec::new();
                    loop {
                        let mut some = [0; 4096];
                        let n = wire.read(&mut some).await.unwrap_or(0);
                        read.extend_from_slice(&some[..n]);
                        let text = String::from_utf8_lossy(&read).into_owned();
                        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                        let length = head.to_lowercase().lines().find_map(|l| l.strip_prefix("content-length: ")?.parse().ok());
                        if n == 0 || body.len() >= length.unwrap_or(0) {
                            let answer = zalo.answer(head, body).to_string();
                            let remain = zalo.remain.lock().unwrap().map(|n| format!("X-RateLimit-Remain: {n}\r\n"));
                            let head = format!(
                                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n{}connection: close\r\n\r\n",
                                answer.len(),
                                remain.unwrap_or_default()
                            );
                            let _ = wire.write_all(format!("{head}{answer}").as_bytes()).await;
                            return;
                        }
                    }
                });
            }
        });
        address
    }

    fn renewals(&self) -> usize {
        self.asked.lock().unwrap().iter().filter(|(path, _)| path == "/v4/oa/access_token").count()
    }
}

fn settings(url: &str, now: Now) -> Settings {
    let url = url.to_owned();
    Settings {
        app_id: "app".into(),
        secret: "app-secret".into(),
        oa_id: "oa".into(),
        oa_secret: Some("oa-secret".into()),
        refresh_token: Some("refresh-0".into()),
        addresses: Addresses { account: url.clone(), template: url.clone(), token: url },
        proof: false,
        development: false,
        trust_numbers: false,
        network: Network { allow_private: true, ..Network::default() },
        now,
    }
}

fn noon() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 2, 5, 0, 0).unwrap()
}

/// A clock that a test moves.
fn clock() -> (Arc<Mutex<DateTime<Utc>>>, Now) {
    let at = Arc::new(Mutex::new(noon()));
    let own = Arc::clone(&at);
    (at, Arc::new(move || *own.lock().unwrap()))
}

fn message(to: &str, chat: Chat) -> Outgoing {
    Outgoing { reference: "ref1".into(), to: Address::new(to), content: Content::Chat(chat), expires: None, callback: None }
}

fn templated() -> Chat {
    Chat { text: Some("Chào".into()), template: Some("7".into()), data: BTreeMap::from([("ten".to_owned(), "An".to_owned())]) }
}

#[tokio::test]
async fn a_recipient_decides_which_way_a_message_goes() {
    let (zalo, store) = (Arc::new(Zalo::default()), Arc::new(Store::default()));
    let gateway = ZaloGateway::new(settings(&zalo.listen().await, clock().1), store).unwrap();
    let text = Chat { text: Some("Chào".into()), ..Chat::default() };
    let batch = [
        message("+84901234567", templated()),
        message("4318657068771012646", templated()),
        message("4318657068771012646", text.clone()),
    ];
    for (one, path, body) in [
        (
            &batch[0],
            "/message/template",
            json!({ "phone": "84901234567", "template_id": "7", "template_data": { "ten": "An" }, "tracking_id": "ref1" }),
        ),
        (
            &batch[1],
            "/v3.0/oa/message/template",
            json!({ "user_id": "4318657068771012646", "template_id": "7", "template_data": { "ten": "An" } }),
        ),
        (
            &batch[2],
            "/v3.0/oa/message/cs",
            json!({ "recipient": { "user_id": "4318657068771012646" }, "message": { "text": "Chào" } }),
        ),
    ] {
        let sent = gateway.send(std::slice::from_ref(one)).await.remove(0);
        assert_eq!(sent, Ok(Accepted { ids: vec!["m1".into()] }));
        let (asked, said) = zalo.asked.lock().unwrap().last().cloned().unwrap();
        assert_eq!((asked.as_str(), serde_json::from_str::<Value>(&said).unwrap()), (path, body));
    }
    let refused = gateway.send(&[message("+84901234567", text)]).await.remove(0);
    assert!(matches!(refused, Err(SendError::Reject { reason: Reason::Template, .. })), "{refused:?}");
    let long = Chat { text: Some("a".repeat(2_001)), ..Chat::default() };
    let refused = gateway.send(&[message("4318657068771012646", long)]).await.remove(0);
    assert!(matches!(refused, Err(SendError::Reject { reason: Reason::Content, .. })), "{refused:?}");
}

#[tokio::test]
async fn a_minute_that_is_used_up_is_waited_out() {
    let (zalo, store) = (Arc::new(Zalo::default()), Arc::new(Store::default()));
    let (at, now) = clock();
    let gateway = ZaloGateway::new(settings(&zalo.listen().await, now), store).unwrap();
    let batch = [message("+84901234567", templated())];
    *zalo.remain.lock().unwrap() = Some(1);
    *at.lock().unwrap() += TimeDelta::seconds(20);
    assert!(gateway.send(&batch).await.remove(0).is_ok());
    *zalo.remain.lock().unwrap() = Some(0);
    assert!(gateway.send(&batch).await.remove(0).is_ok(), "the last one was taken");
    let asked = zalo.asked.lock().unwrap().len();
    let refused = gateway.send(&batch).await.remove(0);
    let Err(SendError::Retry { after, scope: Scope::Pace, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!((after, zalo.asked.lock().unwrap().len()), (Some(Duration::from_secs(40)), asked), "nothing was asked");
    *at.lock().unwrap() += TimeDelta::seconds(40);
    *zalo.remain.lock().unwrap() = None;
    assert!(gateway.send(&batch).await.remove(0).is_ok());
}

#[tokio::test]
async fn a_token_that_ends_is_renewed_once_for_all_who_wait() {
    let (zalo, store) = (Arc::new(Zalo::default()), Arc::new(Store::default()));
    let url = zalo.listen().await;
    // Two nodes on one store.
    let nodes: Vec<_> = (0..2)
        .map(|_| Arc::new(ZaloGateway::new(settings(&url, clock().1), Arc::clone(&store) as Arc<dyn TokenStore>).unwrap()))
        .collect();
    let all = |n: usize| {
        let nodes = nodes.clone();
        async move {
            let sends = (0..n).map(|i| {
                let node = Arc::clone(&nodes[i % 2]);
                tokio::spawn(async move { node.send(&[message("+84901234567", templated())]).await.remove(0) })
            });
            for sent in futures::future::join_all(sends).await {
                assert!(sent.unwrap().is_ok());
            }
        }
    };
    all(20).await;
    assert_eq!(zalo.renewals(), 1);
    *zalo.good.lock().unwrap() = 2;
    all(20).await;
    assert_eq!(zalo.renewals(), 2, "one renewal, whoever was refused");
}

#[tokio::test]
async fn a_token_is_renewed_early_and_a_failure_alarms_while_the_old_one_is_used() {
    let (zalo, store) = (Arc::new(Zalo::default()), Arc::new(Store::default()));
    let (at, now) = clock();
    let gateway = ZaloGateway::new(settings(&zalo.listen().await, now), Arc::clone(&store) as Arc<dyn TokenStore>).unwrap();
    let send = async || gateway.send(&[message("+84901234567", templated())]).await.remove(0);
    assert!(send().await.is_ok());
    *at.lock().unwrap() = noon() + TimeDelta::hours(19);
    gateway.upkeep().await;
    assert_eq!(zalo.renewals(), 1);
    *at.lock().unwrap() = noon() + TimeDelta::hours(20);
    gateway.upkeep().await;
    assert_eq!(zalo.renewals(), 2, "without anything being sent");

    // Zalo knows nothing of this pair any more.
    *zalo.given.lock().unwrap() = 9;
    *at.lock().unwrap() = noon() + TimeDelta::hours(41);
    assert!(send().await.is_ok() && send().await.is_ok(), "the old one is good for hours");
    let alarms = store.alarms.lock().unwrap().clone();
    assert!(alarms.len() == 1 && alarms[0].contains("loa accounts --token"), "{alarms:?}");
    *at.lock().unwrap() = noon() + TimeDelta::hours(46);
    let stopped = send().await;
    assert!(matches!(&stopped, Err(SendError::Misconfigured { detail }) if detail.contains("consent again")), "{stopped:?}");
}

#[tokio::test]
async fn a_pair_that_could_not_be_stored_is_stored_before_it_is_used() {
    let (zalo, store) = (Arc::new(Zalo::default()), Arc::new(Store::default()));
    store.broken.store(2, Ordering::Relaxed);
    let gateway = ZaloGateway::new(settings(&zalo.listen().await, clock().1), Arc::clone(&store) as Arc<dyn TokenStore>).unwrap();
    for _ in 0..2 {
        let sent = gateway.send(&[message("+84901234567", templated())]).await.remove(0);
        assert!(matches!(sent, Err(SendError::Retry { scope: Scope::Account, .. })), "{sent:?}");
        assert!(!zalo.asked.lock().unwrap().iter().any(|(path, _)| path == "/message/template"), "not used before it is stored");
    }
    assert!(gateway.send(&[message("+84901234567", templated())]).await.remove(0).is_ok());
    assert_eq!((zalo.renewals(), store.pair.lock().unwrap().as_ref().unwrap().version), (1, 1), "and not asked for twice");
}

#[tokio::test]
async fn a_token_entered_while_the_old_one_is_refused_is_used_and_alarms_nobody() {
    let (zalo, store) = (Arc::new(Zalo::default()), Arc::new(Store::default()));
    let pair = |version, refresh: &str| {
        let (from, until) = (DateTime::UNIX_EPOCH, DateTime::UNIX_EPOCH);
        Pair { version, access: None, refresh: refresh.into(), from, until }
    };
    *store.pair.lock().unwrap() = Some(pair(4, "used up"));
    *store.entered.lock().unwrap() = Some(pair(5, "refresh-0"));
    let gateway = ZaloGateway::new(settings(&zalo.listen().await, clock().1), Arc::clone(&store) as Arc<dyn TokenStore>).unwrap();
    let send = async || gateway.send(&[message("+84901234567", templated())]).await.remove(0);
    let refused = send().await;
    assert!(matches!(refused, Err(SendError::Retry { scope: Scope::Account, .. })), "the account is not stopped: {refused:?}");
    assert!(send().await.is_ok());
    assert!(store.alarms.lock().unwrap().is_empty());
}

#[tokio::test]
async fn only_an_arrival_is_news_where_zalo_is_asked() {
    let zalo = Arc::new(Zalo::default());
    let gateway = ZaloGateway::new(settings(&zalo.listen().await, clock().1), Arc::new(Store::default())).unwrap();
    let handle = |id: &str| Handle { reference: "ref1".into(), ids: vec![id.into()], sent_at: noon() };
    let told = gateway.status(&["came", "comes", "unknown"].map(handle)).await.unwrap();
    let about: Vec<_> = told.iter().map(|receipt| (&receipt.about, receipt.state)).collect();
    assert_eq!(about, [(&About::Id("came".into()), ReceiptState::Delivered)]);
}

/// A webhook signed in one of the documented ways.
fn callback(body: &Value, first: &str, header: bool, secret: &str) -> Callback {
    let stamp = "1602560967477";
    let mut body = body.clone();
    if !header {
        body["timestamp"] = stamp.into();
    }
    let body = body.to_string();
    let mac = hex(&Sha256::digest(format!("{first}{body}{stamp}{secret}")));
    let mut headers = HeaderMap::new();
    headers.insert("X-ZEvent-Signature", HeaderValue::from_str(&format!("mac={mac}")).unwrap());
    if header {
        headers.insert("X-ZEvent-Timestamp", HeaderValue::from_static(stamp));
    }
    Callback { method: ::http::Method::POST, query: String::new(), headers, body: body.into() }
}

fn reader() -> ZaloGateway {
    ZaloGateway::new(settings("http://127.0.0.1:1", clock().1), Arc::new(Store::default())).unwrap()
}

fn heard(body: &Value) -> Vec<Event> {
    reader().callback(&callback(body, "app", false, "oa-secret")).unwrap().0
}

#[test]
fn every_documented_way_of_signing_is_known_and_no_other() {
    let body = json!({ "event_name": "follow", "follower": { "id": "1" } });
    let gateway = reader();
    for first in ["app", "oa"] {
        for header in [false, true] {
            for secret in ["oa-secret", "app-secret"] {
                let read = gateway.callback(&callback(&body, first, header, secret));
                assert!(read.is_ok(), "{first} {header} {secret}: {read:?}");
            }
        }
    }
    let mut changed = callback(&body, "app", false, "oa-secret");
    changed.body = changed.body.iter().map(|byte| if *byte == b'1' { b'2' } else { *byte }).collect::<Vec<u8>>().into();
    let mut unsigned = callback(&body, "app", false, "oa-secret");
    unsigned.headers.clear();
    for forged in [changed, unsigned, callback(&body, "app", false, "guess"), callback(&body, "", false, "oa-secret")] {
        assert!(matches!(gateway.callback(&forged), Err(CallbackError::Forged(_))));
    }
}

#[test]
fn a_received_message_means_one_thing_or_the_other() {
    let receipt = |about, state, at: Option<i64>| {
        let at = at.and_then(DateTime::from_timestamp_millis);
        vec![Event::Receipt(Receipt { about, state, reason: None, detail: String::new(), at })]
    };
    let received = |message: Value| {
        heard(
            &json!({ "event_name": "user_received_message", "sender": { "id": "oa" }, "recipient": { "id": "84901234567" }, "message": message }),
        )
    };
    let by_template = received(json!({ "delivery_time": "1602960467432", "msg_id": "15a0", "tracking_id": "ref1" }));
    assert_eq!(by_template, receipt(About::Reference("ref1".into()), ReceiptState::Delivered, Some(1_602_960_467_432)));
    assert_eq!(received(json!({ "msg_id": "15a0" })), receipt(About::Id("15a0".into()), ReceiptState::Delivered, None));
    let seen = heard(&json!({ "event_name": "user_seen_message", "message": { "msg_ids": ["a", "b"] } }));
    assert_eq!(seen.len(), 2);
    assert!(seen.iter().all(|event| matches!(event, Event::Receipt(Receipt { state: ReceiptState::Seen, .. }))));
}

#[test]
fn what_people_do_is_told_apart() {
    let text = json!({ "event_name": "user_send_text", "sender": { "id": "431" }, "recipient": { "id": "oa" }, "message": { "text": "TC", "msg_id": "m9" } });
    let said = Inbound { from: Address::new("431"), to: Some("oa".into()), text: "TC".into(), id: Some("m9".into()) };
    assert_eq!(heard(&text), [Event::Inbound(said)]);
    assert_eq!(
        heard(&json!({ "event_name": "unfollow", "follower": { "id": "431" } })),
        [Event::Left { from: Address::new("431"), how: "unfollow".into() }]
    );
    assert_eq!(heard(&json!({ "event_name": "follow", "follower": { "id": "431" } })), []);
    let info = json!({ "event_name": "user_submit_info", "sender": { "id": "431" }, "info": { "phone": "84901234567" } });
    assert_eq!(heard(&info), [], "anybody may type in anybody's number");
    let trusting = Settings { trust_numbers: true, ..settings("http://127.0.0.1:1", clock().1) };
    let trusting = ZaloGateway::new(trusting, Arc::new(Store::default())).unwrap();
    let known = Event::Known { user: Address::new("431"), phone: Address::new("84901234567") };
    assert_eq!(trusting.callback(&callback(&info, "app", false, "oa-secret")).unwrap().0, [known]);
    for (body, words) in [
        (
            json!({ "event_name": "change_oa_daily_quota", "oaId": "oa", "quota": { "prev_value": 500, "new_value": 1000 } }),
            "1000 (it was 500)",
        ),
        (
            json!({ "event_name": "change_template_status", "template_id": 7, "status": { "prev_value": "ENABLE", "new_value": "DISABLE" }, "reason": "x" }),
            "template 7: its state is now DISABLE",
        ),
        (
            json!({ "event_name": "change_template_quality", "template_id": "7", "quality": { "new_value": "LOW" } }),
            "its quality is now LOW",
        ),
    ] {
        assert!(matches!(&heard(&body)[..], [Event::Account { detail }] if detail.contains(words)), "{body}");
    }
    let rated = heard(
        &json!({ "event_name": "user_feedback", "message": { "rate": 2, "note": "…", "tracking_id": "ref1", "submit_time": "1616673095659" } }),
    );
    assert!(
        matches!(&rated[..], [Event::Receipt(Receipt { state: ReceiptState::Seen, .. }), Event::Account { .. }]),
        "{rated:?}"
    );
}

#[test]
fn the_proof_is_an_hmac_of_the_token() {
    // `printf token | openssl dgst -sha256 -hmac secret`
    assert_eq!(proof(&"token".into(), &"secret".into()), "e941110e3d2bfe82621f0e3e1434730d7305d106c5f68c87165d0b27a4611a4a");
}
