//! What others publish becomes drafts: sources on loopback that are well, slow, wrong, hostile or changed; documents that officers bring;
//! and nothing twice.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    extract::{Request, State as Held},
    http::{HeaderName, HeaderValue},
    response::{IntoResponse as _, Response},
};
use loa::{
    bulletin::{
        self, Bulletin, Signature, Standing, Why,
        poll::{Looked, Poller},
    },
    cap::{
        self, Alert, Area, Category, Certainty, Info, MsgType, Scope, Severity, Status, Time, Urgency,
        signature::{Key, sign},
    },
    config::Config,
    edition,
    notice::{self, find::Ground},
    run::warning,
    user::{self, Role},
};
use providers::exchange::Exchange;
use reqwest::{StatusCode, header};

use super::{
    dispatch::{Process, Scripted},
    warnings::{Browser, House},
};
use crate::engines::world::{HOUR, World};

const KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/cap/signer.key.pem");
const SIGNER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/cap/signer.pem");
const STRANGER_KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/cap/stranger.key.pem");
const STRANGER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/cap/stranger.pem");
const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * HOUR;

/// What a server answers: by path.
#[derive(Clone, Default)]
struct Page {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

/// What a server was asked: the path, and the headers.
type Asked = (String, BTreeMap<String, String>);

/// A server on loopback that says what it is told to, and remembers what it was asked.
#[derive(Clone, Default)]
struct Server {
    pages: Arc<Mutex<BTreeMap<String, Page>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
    address: String,
}

async fn answer(Held(server): Held<Server>, request: Request) -> Response {
    let path = request.uri().path().to_string();
    let headers = request.headers().iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_string())).collect();
    server.asked.lock().unwrap().push((path.clone(), headers));
    let page = server.pages.lock().unwrap().get(&path).cloned();
    let Some(page) = page else { return StatusCode::NOT_FOUND.into_response() };
    let etag = page.headers.iter().find(|(name, _)| *name == "etag").map(|(_, value)| value.clone());
    if etag.is_some() && request.headers().get("if-none-match").map(|value| value.to_str().unwrap().to_string()) == etag {
        return StatusCode::NOT_MODIFIED.into_response();
    }
    let mut response = page.body.into_response();
    *response.status_mut() = StatusCode::from_u16(page.status).unwrap();
    for (name, value) in page.headers {
        response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_str(&value).unwrap());
    }
    response
}

impl Server {
    async fn open() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self { address: format!("http://{}", listener.local_addr().unwrap()), ..Self::default() };
        let router = Router::new().fallback(answer).with_state(server.clone());
        tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
        server
    }

    fn says(&self, path: &str, status: u16, headers: &[(&'static str, &str)], body: impl Into<Vec<u8>>) {
        let headers = headers.iter().map(|(name, value)| (*name, (*value).to_string())).collect();
        self.pages.lock().unwrap().insert(path.to_string(), Page { status, headers, body: body.into() });
    }

    /// The feed, under a new mark.
    fn feed(&self, body: &str) {
        let etag = format!("\"{}\"", self.count());
        self.says("/feed", 200, &[("etag", &etag), ("last-modified", "Mon, 02 Nov 2026 01:00:00 GMT")], body);
    }

    fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    fn last(&self) -> Asked {
        self.asked.lock().unwrap().last().unwrap().clone()
    }
}

/// An item of RSS, so long ago.
fn item(world: &World, guid: &str, title: &str, text: &str, ago: i64) -> String {
    let at = chrono::DateTime::from_timestamp_millis(world.now() - ago).unwrap().to_rfc2822();
    format!(
        "<item><guid isPermaLink=\"false\">{guid}</guid><title>{title}</title><description><![CDATA[<p>{text}</p>]]></description>\
         <pubDate>{at}</pubDate><link>https://example.vn/{guid}</link></item>"
    )
}

fn rss(items: &[String]) -> String {
    format!("<rss version=\"2.0\"><channel><title>Trung tâm Giám sát</title>{}</channel></rss>", items.concat())
}

/// Settings with one source; `more`: further keys of it.
fn settings(server: &Server, more: &str) -> Config {
    let folder = tempfile::tempdir().unwrap();
    for file in [SIGNER, STRANGER] {
        fs::copy(file, folder.path().join(file.rsplit('/').next().unwrap())).unwrap();
    }
    let file = folder.path().join("loa.toml");
    let text = format!(
        "[office]\nname = \"Sở Mẫu\"\n[[bulletins]]\nname = \"ncsc\"\nurl = \"{}/feed\"\nallow_private = true\n{more}\n",
        server.address
    );
    fs::write(&file, text).unwrap();
    Config::read(Some(&file), &BTreeMap::new()).map_err(|problems| format!("{problems:?}")).unwrap()
}

fn poller(world: &World, config: &Config) -> Poller {
    let exchange = Exchange::new(None, None).unwrap();
    Poller::new(config, world.db.clone(), world.clock.clone(), exchange, Box::new(|| 0.5))
}

/// One look at the one source, which must be due.
async fn looked(poller: &Poller) -> Looked {
    let mut all = poller.step().await.unwrap();
    assert_eq!(all.len(), 1, "the source is due");
    all.remove(0)
}

async fn all(world: &World) -> Vec<Bulletin> {
    bulletin::list(&world.db, &user::Scope::everything(), None, 100).await.unwrap().0
}

async fn by_title(world: &World, title: &str) -> Bulletin {
    all(world).await.into_iter().find(|one| one.title == title).unwrap_or_else(|| panic!("there is no {title}"))
}

async fn source(world: &World) -> bulletin::poll::Source {
    bulletin::poll::sources(&world.db).await.unwrap().remove(0)
}

async fn told(world: &World, config: &Config) -> Vec<(notice::Kind, String)> {
    let ground =
        Ground { db: world.db.clone(), clock: world.clock.clone(), config: config.clone(), served: std::iter::empty().collect() };
    let found = notice::find::all(&ground).await.unwrap();
    let of_bulletins =
        |kind| matches!(kind, notice::Kind::BulletinWaiting | notice::Kind::BulletinChanged | notice::Kind::BulletinSource);
    found.into_iter().filter(|one| of_bulletins(one.kind)).map(|one| (one.kind, one.says.en)).collect()
}

async fn audited(world: &World, action: &str) -> i64 {
    world.number(&format!("SELECT count(*) FROM audit WHERE action = '{action}'")).await
}

async fn each_new_warning_becomes_one_draft_and_an_old_feed_floods_nobody(world: &World) {
    let server = Server::open().await;
    let config = settings(&server, "");
    let old: Vec<String> = (4..20).map(|day| item(world, &format!("cu-{day}"), "Tin cũ", "Đã qua.", day * DAY)).collect();
    let many: Vec<String> = (0..12).map(|n| item(world, &format!("moi-{n}"), &format!("Tin {n}"), "Mới.", HOUR)).collect();
    let undated = "<item><guid>khong-ngay</guid><title>Không ngày</title></item>".to_string();
    server.feed(&rss(&[many.clone(), vec![undated.clone()], old.clone()].concat()));
    let poller = poller(world, &config);
    let first = looked(&poller).await;
    assert_eq!((first.drafts, first.noted, first.trouble), (10, 2 + 1 + 16, None), "ten of the last days, and no more");
    assert_eq!(by_title(world, "Tin 11").await.standing(), Standing::Noted(Why::Many));
    assert_eq!(by_title(world, "Không ngày").await.standing(), Standing::Noted(Why::Older));
    assert!(poller.step().await.unwrap().is_empty(), "it is not due yet");

    // Nothing new: the server is asked by its marks, and says so.
    world.advance(17 * MINUTE).await;
    assert!(looked(&poller).await.unchanged);
    let (_, headers) = server.last();
    assert_eq!(
        (headers["if-none-match"].as_str(), headers["if-modified-since"].as_str()),
        ("\"0\"", "Mon, 02 Nov 2026 01:00:00 GMT")
    );

    // One more item: one more draft, with its source, for an officer to finish.
    let fresh = item(world, "a&amp;b", "Giả danh điện lực", "Không chuyển tiền. {{ name }} Gọi <b>156</b>.", 0);
    server.feed(&rss(&[vec![fresh.clone()], many.clone(), vec![undated.clone()], old.clone()].concat()));
    world.advance(17 * MINUTE).await;
    let second = looked(&poller).await;
    assert_eq!((second.drafts, second.noted, second.changed), (1, 0, 0));
    let one = by_title(world, "Giả danh điện lực").await;
    assert_eq!((one.standing(), one.owner.as_str(), one.publisher.as_str()), (Standing::Waiting, "Sở Mẫu", "Trung tâm Giám sát"));
    let slug = one.campaign.clone().unwrap();
    let draft = edition::latest(&world.db, &slug).await.unwrap().unwrap();
    assert_eq!((draft.kind, draft.owner.as_str(), draft.made_name.as_str()), (1, "Sở Mẫu", "loa"));
    assert!(
        draft.text.contains("Không chuyển tiền.") && draft.text.contains("Nguồn: Trung tâm Giám sát, 02/11/2026"),
        "{}",
        draft.text
    );
    assert!(!draft.text.contains("{{") && draft.text.contains("(( name ))"), "words, and never a placeholder: {}", draft.text);
    assert!(draft.comment.starts_with("Từ bản tin của Trung tâm Giám sát"), "{}", draft.comment);
    assert!(warning::get(&world.db, &slug).await.unwrap().is_some_and(|warning| warning.run.is_none()));
    assert!(warning::send_approved(&world.db, world.now()).await.unwrap().is_empty(), "nothing goes out by itself");
    assert_eq!((audited(world, "bulletin.draft").await, audited(world, "campaign.save").await), (11, 11));
    assert!(told(world, &config).await.iter().any(|(kind, says)| *kind == notice::Kind::BulletinWaiting
        && says == "A bulletin of Trung tâm Giám sát waits to be finished and sent: Giả danh điện lực"));

    // The same items in another order, dates and marks: nothing.
    server.feed(&rss(&[old, vec![undated, fresh], many].concat()));
    world.advance(17 * MINUTE).await;
    let third = looked(&poller).await;
    assert_eq!((third.drafts, third.noted, third.changed, third.unchanged), (0, 0, 0, false));
    assert_eq!(audited(world, "bulletin.draft").await, 11);
}

async fn of_two_nodes_one_looks_and_nothing_comes_twice(world: &World) {
    let server = Server::open().await;
    let config = settings(&server, "");
    let items: Vec<String> = (0..8).map(|n| item(world, &format!("g{n}"), &format!("Tin {n}"), "Mới.", HOUR)).collect();
    server.feed(&rss(&items));
    let (one, other) = (poller(world, &config), poller(world, &config));
    let (first, second) = tokio::join!(one.step(), other.step());
    assert_eq!(first.unwrap().len() + second.unwrap().len(), 1, "a look is claimed");
    assert_eq!(server.count(), 1);
    assert_eq!(all(world).await.len(), 8);

    // Both look all the same, as when a lease ran out while its node was only slow.
    let items: Vec<String> = (0..16).map(|n| item(world, &format!("g{n}"), &format!("Tin {n}"), "Mới.", HOUR)).collect();
    server.feed(&rss(&items));
    let (first, second) = tokio::join!(one.now(None), other.now(None));
    let made: usize = first.unwrap().iter().chain(&second.unwrap()).map(|looked| looked.drafts).sum();
    assert_eq!((made, all(world).await.len()), (8, 16));
    assert_eq!(world.number("SELECT count(DISTINCT campaign) FROM bulletin").await, 16);
    assert_eq!(world.number("SELECT count(*) FROM edition").await, 16);
    assert_eq!(world.number("SELECT count(*) FROM warning").await, 16);
}

async fn a_source_that_fails_is_asked_ever_more_rarely_and_somebody_is_told(world: &World) {
    let server = Server::open().await;
    let config = settings(&server, "every = \"10m\"");
    let poller = poller(world, &config);
    let begun = world.now();
    server.says("/feed", 500, &[], "");
    for wait in [63, 126] {
        let failed = looked(&poller).await;
        assert_eq!(failed.trouble.unwrap().en, "it cannot be read: HTTP 500");
        let now = world.now();
        assert_eq!(source(world).await.next_at, now + wait * 1_000, "a minute, doubled, and a twentieth of it");
        assert!(poller.step().await.unwrap().is_empty());
        world.advance(wait * 1_000).await;
    }
    assert!(told(world, &config).await.is_empty(), "twice is nothing to tell of");
    server.says("/feed", 503, &[("retry-after", "7200")], "");
    looked(&poller).await;
    assert_eq!(source(world).await.next_at, world.now() + 2 * HOUR, "as it asked");
    assert_eq!(
        told(world, &config).await,
        [(notice::Kind::BulletinSource, "The source of bulletins ncsc: it cannot be read: HTTP 503".to_string())]
    );
    world.advance(2 * HOUR).await;
    // An answer that is no feed is a failure, too: its mark is not kept.
    server.says("/feed", 200, &[("etag", "\"x\"")], "<html><body>Bảo trì</body></html>");
    let failed = looked(&poller).await;
    assert!(failed.trouble.unwrap().en.contains("neither Atom nor RSS nor CAP"), "told what it is");
    assert_eq!(source(world).await.failures, 4);
    world.advance(HOUR).await;
    server.feed(&rss(&[item(world, "a", "Tin", "Mới.", 0)]));
    let well = looked(&poller).await;
    assert_eq!((well.drafts, well.trouble), (1, None));
    assert!(!server.last().1.contains_key("if-none-match"), "nothing was known of it");
    let source = source(world).await;
    assert_eq!((source.failures, source.trouble(), source.next_at), (0, None, world.now() + 630_000));
    assert!(source.first_at.unwrap() > begun && told(world, &config).await.len() == 1);
}

async fn what_is_hostile_is_refused_and_harms_nobody(world: &World) {
    let server = Server::open().await;
    let config = settings(&server, "");
    let poller = poller(world, &config);
    let bomb = "<?xml version=\"1.0\"?><!DOCTYPE rss [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;\">]>\
                <rss><channel><item><title>&b;</title></item></channel></rss>";
    let outside = "<?xml version=\"1.0\"?><!DOCTYPE rss [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><rss><channel><item><title>&x;</title></item></channel></rss>";
    let deep = format!("<rss><channel><item>{}</item></channel></rss>", "<a>".repeat(100_000));
    let huge = format!("<rss><channel><title>{}</title></channel></rss>", "x".repeat(5 * 1024 * 1024));
    for (body, why) in [
        (bomb, "DOCTYPE"),
        (outside, "DOCTYPE"),
        (deep.as_str(), "too many elements"),
        (huge.as_str(), "longer than"),
        ("\u{0}\u{1}", "neither Atom"),
        ("", "neither Atom"),
    ] {
        server.says("/feed", 200, &[], body);
        let failed = poller.now(None).await.unwrap().remove(0);
        let said = failed.trouble.unwrap_or_else(|| panic!("{why}")).en;
        assert!(said.contains(why), "{why}: {said}");
    }
    assert!(all(world).await.is_empty());

    // What may lie inside is the server that was named, and no other that it leads to.
    let other = Server::open().await;
    other.feed(&rss(&[item(world, "b", "Bên trong", "Bí mật.", 0)]));
    for to in [
        format!("{}/feed", other.address),
        "http://169.254.169.254/latest".to_string(),
        "file:///etc/passwd".to_string(),
        "https://localhost/".to_string(),
    ] {
        server.says("/feed", 302, &[("location", to.as_str())], "");
        let failed = poller.now(None).await.unwrap().remove(0);
        assert!(failed.trouble.is_some(), "{to}");
    }
    server.says("/feed", 302, &[("location", "/feed")], "");
    assert!(poller.now(None).await.unwrap()[0].trouble.as_ref().unwrap().en.contains("more than 3 times"));
    assert_eq!((other.count(), all(world).await.len()), (0, 0));
    server.says("/feed", 301, &[("location", "/moi")], "");
    server.says("/moi", 200, &[], rss(&[item(world, "c", "<![CDATA[<script>alert(1)</script> [[x]]]]>", "", 0)]));
    assert_eq!(poller.now(None).await.unwrap()[0].drafts, 1, "on the same server it is followed");
    let item = &all(world).await[0];
    assert!(!item.title.contains("script"), "{}", item.title);

    // A document that an item leads to is asked for by the same rules.
    let entry = format!(
        "<feed><title>x</title><entry><id>e</id><title>Ngắn</title><updated>{}</updated><link type='application/cap+xml' href='{}/feed'/></entry></feed>",
        chrono::DateTime::from_timestamp_millis(world.now()).unwrap().to_rfc3339(),
        other.address
    );
    for _ in 0..3 {
        server.says("/feed", 200, &[], entry.clone());
        poller.now(None).await.unwrap();
    }
    assert_eq!(other.count(), 0, "nobody inside was asked");
    let given_up = by_title(world, "Ngắn").await;
    assert!(given_up.remark().unwrap().en.contains("could not be fetched"), "taken in the end as the feed has it");
}

/// A public warning.
fn alert(world: &World, identifier: &str, headline: &str) -> Alert {
    let time = |at: i64| {
        let at = chrono::DateTime::from_timestamp_millis(at).unwrap();
        Time::new(&at.with_timezone(&chrono::FixedOffset::east_opt(7 * 3_600).unwrap()))
    };
    let mut info =
        Info::new(Category::Security, "Lừa đảo trực tuyến", (Urgency::Immediate, Severity::Severe, Certainty::Observed));
    info.language = Some("vi-VN".to_string());
    info.expires = Some(time(world.now() + DAY));
    info.sender_name = Some("Cục An toàn thông tin".to_string());
    info.headline = Some(headline.to_string());
    info.description = Some("Kẻ gian giả danh công an.".to_string());
    info.instruction = Some("Gọi 156.".to_string());
    info.areas = vec![Area { description: "Đồng Nai".to_string(), ..Area::default() }];
    Alert {
        identifier: identifier.to_string(),
        sender: "ncsc.example.vn".to_string(),
        sent: time(world.now()),
        status: Status::Actual,
        msg_type: MsgType::Alert,
        source: None,
        scope: Scope::Public,
        restriction: None,
        addresses: Vec::new(),
        codes: Vec::new(),
        note: None,
        references: Vec::new(),
        incidents: Vec::new(),
        infos: vec![info],
    }
}

fn signed(alert: &Alert, key: &str, certificate: &str) -> String {
    let key = Key::from_pem(&fs::read(key).unwrap()).unwrap();
    let certificate = cap::Certificate::from_pem(&fs::read(certificate).unwrap()).unwrap();
    sign(&cap::write(alert).unwrap(), &key, &certificate).unwrap()
}

async fn only_what_the_pinned_certificate_signed_becomes_a_draft(world: &World) {
    let server = Server::open().await;
    let config = settings(&server, "certificate = \"signer.pem\"");
    let poller = poller(world, &config);
    let at = chrono::DateTime::from_timestamp_millis(world.now()).unwrap().to_rfc3339();
    let entry = |id: &str| {
        format!(
            "<entry><id>{id}</id><title>{id}</title><updated>{at}</updated><link type='application/cap+xml' href='{}/{id}'/></entry>",
            server.address
        )
    };
    let right = signed(&alert(world, "a1", "Đúng chữ ký"), KEY, SIGNER);
    server.says("/dung", 200, &[], right.clone());
    server.says("/la", 200, &[], signed(&alert(world, "a2", "Người khác ký"), STRANGER_KEY, STRANGER));
    server.says("/sua", 200, &[], signed(&alert(world, "a3", "Bị sửa"), KEY, SIGNER).replace("Gọi 156", "Gọi 0900"));
    server.says("/khong", 200, &[], cap::write(&alert(world, "a4", "Không ký")).unwrap());
    let feed = format!("<feed><title>NCSC</title>{}{}{}{}</feed>", entry("dung"), entry("la"), entry("sua"), entry("khong"));
    server.feed(&feed);
    let first = looked(&poller).await;
    assert_eq!((first.drafts, first.refused), (1, 3));
    let good = by_title(world, "Đúng chữ ký").await;
    assert_eq!((good.standing(), good.signature()), (Standing::Waiting, Signature::Verified));
    for (title, why, signature) in [
        ("Người khác ký", Why::Signature, Signature::Wrong),
        ("Bị sửa", Why::Signature, Signature::Wrong),
        ("Không ký", Why::Unsigned, Signature::None),
    ] {
        let one = by_title(world, title).await;
        assert_eq!((one.standing(), one.signature(), &one.campaign), (Standing::Refused(why), signature, &None), "{title}");
    }
    assert_eq!(audited(world, "bulletin.refuse").await, 3);

    // Nobody puts another warning under the name of one that was believed.
    server.says("/dung", 200, &[], signed(&alert(world, "a1", "Giả mạo"), STRANGER_KEY, STRANGER));
    server.feed(&feed.replace(
        &format!("<id>dung</id><title>dung</title><updated>{at}"),
        "<id>dung</id><title>dung</title><updated>2026-11-02T02:59:00Z",
    ));
    world.advance(17 * MINUTE).await;
    looked(&poller).await;
    let still = by_title(world, "Đúng chữ ký").await;
    assert!(still.is_changed() && still.remark().unwrap().en.contains("not believed"), "{still:?}");
    assert!(bulletin::said(&world.db, still.id).await.unwrap().unwrap().raw.contains("Đúng chữ ký"));

    // Once it is signed as it should be, a refused one becomes a draft.
    server.says("/khong", 200, &[], signed(&alert(world, "a4", "Không ký"), KEY, SIGNER));
    server.feed(&feed);
    world.advance(17 * MINUTE).await;
    looked(&poller).await;
    assert_eq!(by_title(world, "Không ký").await.standing(), Standing::Waiting);
}

/// Anybody may write a false warning under the name of the true one, and be faster: the signed one becomes a draft all the same.
async fn nobody_keeps_a_signed_warning_away_by_taking_its_name(world: &World) {
    let server = Server::open().await;
    let config = settings(&server, "certificate = \"signer.pem\"");
    let poller = poller(world, &config);
    let actor = loa::audit::Actor::command("Lan");
    let bring = async |source: &str, alert: &Alert| {
        let document = cap::write(alert).unwrap();
        let read = bulletin::paste::read(document.as_bytes(), "", source, None, world.now()).unwrap();
        let taken = bulletin::paste::take(&world.db, ("Sở Mẫu", source), &read, &["sms"], &actor, world.now()).await;
        taken.unwrap().remove(0)
    };
    let genuine = alert(world, "a1", "Cảnh báo thật");
    let fake = alert(world, "a1", "Gọi 0900 để nhận lại tiền");
    assert!(matches!(bring("bao", &fake).await, bulletin::Became::Draft(..)));
    server.feed(&signed(&genuine, KEY, SIGNER));
    assert_eq!(looked(&poller).await.drafts, 1);
    let (right, wrong) = (by_title(world, "Cảnh báo thật").await, by_title(world, "Gọi 0900 để nhận lại tiền").await);
    assert_eq!((right.standing(), right.signature(), right.earlier), (Standing::Waiting, Signature::Verified, Some(wrong.id)));
    assert!(wrong.is_changed() && !right.is_changed(), "whoever works on the false one is told");
    // The name is the signed one's from then on; and what says the same is the same, whoever brought it first.
    assert!(matches!(bring("trang-tin", &fake).await, bulletin::Became::Noted(_, Why::Repeated)));
    world.advance(17 * MINUTE).await;
    let second = alert(world, "a2", "Cảnh báo hai");
    assert!(matches!(bring("bao", &second).await, bulletin::Became::Draft(..)));
    server.feed(&signed(&second, KEY, SIGNER));
    let look = looked(&poller).await;
    assert_eq!((look.drafts, look.noted), (0, 1));
}

async fn what_a_source_changes_updates_or_cancels_is_told(world: &World) {
    let server = Server::open().await;
    let config = settings(&server, "");
    let poller = poller(world, &config);
    server.feed(&rss(&[item(world, "a", "Tin a", "Bản đầu.", 0)]));
    looked(&poller).await;
    let one = by_title(world, "Tin a").await;
    let slug = one.campaign.clone().unwrap();
    server.feed(&rss(&[item(world, "a", "Tin a", "Bản sửa.", 0)]));
    world.advance(17 * MINUTE).await;
    assert_eq!(looked(&poller).await.changed, 1);
    let changed = bulletin::one(&world.db, one.id).await.unwrap().unwrap();
    assert!(changed.is_changed() && changed.standing() == Standing::Waiting);
    let said = bulletin::said(&world.db, one.id).await.unwrap().unwrap();
    assert_eq!((said.body.as_str(), said.made_body.as_str()), ("Bản sửa.", "Bản đầu."), "what the draft was made of stays");
    let draft = edition::latest(&world.db, &slug).await.unwrap().unwrap();
    assert!(draft.version == 1 && draft.text.contains("Bản đầu."), "nobody's draft is changed under their hands");
    assert!(told(world, &config).await.iter().any(|(kind, _)| *kind == notice::Kind::BulletinChanged));
    assert!(bulletin::look(&world.db, one.id, &loa::audit::Actor::command("Lan"), world.now()).await.unwrap());
    assert!(!told(world, &config).await.iter().any(|(kind, _)| *kind == notice::Kind::BulletinChanged));
    assert!(!bulletin::look(&world.db, one.id, &loa::audit::Actor::command("Lan"), world.now()).await.unwrap(), "seen already");

    // CAP says which one it takes the place of, or withdraws.
    let first = alert(world, "w1", "Bản một");
    server.feed(&cap::write(&first).unwrap());
    world.advance(17 * MINUTE).await;
    assert_eq!(looked(&poller).await.drafts, 1);
    let update = Alert { msg_type: MsgType::Update, references: vec![first.reference()], ..alert(world, "w2", "Bản hai") };
    server.feed(&cap::write(&update).unwrap());
    world.advance(17 * MINUTE).await;
    assert_eq!(looked(&poller).await.drafts, 1, "an update is to be sent, too");
    let (earlier, later) = (by_title(world, "Bản một").await, by_title(world, "Bản hai").await);
    assert_eq!((later.earlier, later.kind()), (Some(earlier.id), bulletin::Kind::Update));
    assert!(earlier.is_changed() && !later.is_changed());
    let cancel = Alert {
        msg_type: MsgType::Cancel,
        references: vec![update.reference()],
        note: Some("Nhầm địa bàn".to_string()),
        ..alert(world, "w3", "Thu hồi")
    };
    server.feed(&cap::write(&cancel).unwrap());
    world.advance(17 * MINUTE).await;
    let withdrawn = looked(&poller).await;
    assert_eq!((withdrawn.drafts, withdrawn.noted), (0, 1), "nobody is warned by a cancellation");
    let (later, cancelled) = (by_title(world, "Bản hai").await, by_title(world, "Thu hồi").await);
    assert_eq!((cancelled.standing(), cancelled.earlier), (Standing::Noted(Why::Withdraws), Some(later.id)));
    assert!(later.is_changed() && !cancelled.may_be_promoted());
    assert_eq!((audited(world, "bulletin.updated").await, audited(world, "bulletin.cancelled").await), (1, 1));

    // Exercises and what is over warn nobody; the same warning by another name is the same.
    let exercise =
        Alert { status: Status::Exercise, note: Some("Diễn tập".to_string()), ..alert(world, "w4", "Diễn tập") };
    let mut over = alert(world, "w5", "Đã hết hạn");
    over.infos[0].expires = over.infos[0].effective.or(Some(over.sent));
    let at = chrono::DateTime::from_timestamp_millis(world.now()).unwrap().to_rfc3339();
    let entries: Vec<String> = [&exercise, &over, &first]
        .iter()
        .enumerate()
        .map(|(n, alert)| {
            let document = cap::write(alert).unwrap();
            let (_, body) = document.split_once("?>").unwrap();
            format!(
                "<entry><id>e{n}</id><title>x</title><updated>{at}</updated><content type='text/xml'>{body}</content></entry>"
            )
        })
        .collect();
    server.feed(&format!("<feed><title>x</title>{}</feed>", entries.concat()));
    world.advance(17 * MINUTE).await;
    let idle = looked(&poller).await;
    assert_eq!((idle.drafts, idle.noted), (0, 3));
    assert_eq!(by_title(world, "Diễn tập").await.standing(), Standing::Noted(Why::NotActual));
    assert_eq!(by_title(world, "Đã hết hạn").await.standing(), Standing::Noted(Why::Over));
    let repeated = all(world).await.into_iter().find(|one| one.standing() == Standing::Noted(Why::Repeated)).unwrap();
    assert_eq!(repeated.earlier, Some(earlier.id));
}

async fn officers_see_bring_finish_and_dismiss(world: &World) {
    world.crowd(3).await;
    let gateway = Scripted::new();
    let process = Process::with_sms(world, &gateway).await;
    let house = House::open(world, &process).await;
    for name in ["Sở Y tế", "Sở Thông tin"] {
        user::add_department(&world.db, name, &loa::audit::Actor::command("test"), world.now()).await.unwrap().unwrap();
    }
    let officer = house.browser(world, "Lan", Role::Officer, None).await;
    assert!(officer.page("/bulletins").await.contains("Không có bản tin nào chờ xử lý"));

    // A text: seen first, and nothing is kept before somebody says so.
    let text = "Cảnh báo: <script>alert(1)</script> giả danh\nKhông chuyển tiền cho ai.";
    let fields = [("source", "Công an tỉnh"), ("owner", "Sở Thông tin"), ("text", text)];
    let preview = brought(&officer, &fields).await;
    assert!(preview.contains("Cảnh báo: &lt;script&gt;alert(1)&lt;&#x2f;script&gt; giả danh"), "{preview}");
    assert!(!preview.contains("<script>alert"), "what a source writes is text");
    assert_eq!(world.number("SELECT count(*) FROM bulletin").await, 0);
    let form = taken(&preview);
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let page = officer.done("/bulletins", &form).await;
    let id: i64 = page.strip_prefix("/bulletins/").unwrap().parse().unwrap();
    assert_eq!(officer.done("/bulletins", &form).await, page, "a double click makes one");
    assert_eq!((audited(world, "bulletin.draft").await, world.number("SELECT count(*) FROM edition").await), (1, 1));
    let shown = officer.page(&page).await;
    assert!(shown.contains("Lan nhập") && shown.contains("Hoàn thiện bản nháp") && !shown.contains("<script>alert"), "{shown}");
    let one = bulletin::one(&world.db, id).await.unwrap().unwrap();
    let slug = one.campaign.clone().unwrap();
    let draft = edition::latest(&world.db, &slug).await.unwrap().unwrap();
    assert_eq!((draft.owner.as_str(), draft.made_name.as_str()), ("Sở Thông tin", "Lan"), "who brings it writes it");
    assert!(officer.page("/bulletins").await.contains("Bản nháp chờ hoàn thiện"));
    let unready = officer.page(&format!("/warnings/{slug}")).await;
    let to_the_form = format!("href=\"/campaigns/{slug}/edit\"");
    assert!(unready.contains("Chưa gửi được") && unready.contains(&to_the_form), "nobody is chosen yet: {unready}");
    let (status, _) = officer.post(&format!("/warnings/{slug}/submit"), &[]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(officer.page(&format!("/campaigns/{slug}/edit")).await.contains("giả danh"));

    // Nor does it go with a blank in it, whoever it is for.
    let blank = draft.text.replace("segments = []", "segments = [\"moi-nguoi\"]").replace("cho ai.", "cho ai. [[còn nữa]]");
    edition::save(&world.db, &slug, &blank, 1, &loa::audit::Actor::command("test"), world.now()).await.unwrap();
    let (status, told) = officer.post(&format!("/warnings/{slug}/submit"), &[]).await;
    assert!(status == StatusCode::UNPROCESSABLE_ENTITY && told.contains("[[còn nữa]]"), "{told}");

    // As it came: text for keeping, never a page.
    let raw = house
        .client
        .get(format!("{}/bulletins/{id}/raw", house.base))
        .header(header::COOKIE, &officer.cookie)
        .send()
        .await
        .unwrap();
    assert_eq!(raw.headers()[header::CONTENT_TYPE], "text/plain; charset=utf-8");
    assert_eq!(raw.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    assert!(raw.headers()[header::CONTENT_DISPOSITION].to_str().unwrap().starts_with("attachment"));

    // Rights, departments, and the form's token.
    let stranger = house.browser(world, "Minh", Role::Officer, Some(&["Sở Khác"])).await;
    assert_eq!(stranger.get(&page).await.0, StatusCode::NOT_FOUND);
    assert_eq!(stranger.get(&format!("{page}/raw")).await.0, StatusCode::NOT_FOUND);
    assert_eq!(stranger.post(&format!("{page}/dismiss"), &[("reason", "x")]).await.0, StatusCode::NOT_FOUND);
    assert!(!stranger.page("/bulletins?show=all").await.contains("giả danh"));
    assert_eq!(stranger.post("/bulletins", &form).await.0, StatusCode::UNPROCESSABLE_ENTITY, "another department's name");
    let approver = house.browser(world, "Dung", Role::Approver, None).await;
    assert!(
        approver.page(&page).await.contains("Không chuyển tiền") && !approver.page(&page).await.contains("Hoàn thiện bản nháp")
    );
    for path in ["/bulletins", &format!("{page}/dismiss"), &format!("{page}/draft"), &format!("{page}/look")] {
        assert_eq!(approver.post(path, &form).await.0, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(approver.get("/bulletins/new").await.0, StatusCode::FORBIDDEN);
    let bare =
        house.client.post(format!("{}{page}/dismiss", house.base)).header(header::COOKIE, &officer.cookie).send().await.unwrap();
    assert!(bare.status().is_client_error());

    // It does not concern us: with a reason, once; its draft is put away.
    let (status, told) = officer.post(&format!("{page}/dismiss"), &[("reason", " ")]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(told.contains("Ghi lý do bỏ qua"), "{told}");
    officer.done(&format!("{page}/dismiss"), &[("reason", "Không ở địa bàn")]).await;
    assert_eq!(officer.post(&format!("{page}/dismiss"), &[("reason", "x")]).await.0, StatusCode::CONFLICT);
    let shown = officer.page(&page).await;
    assert!(shown.contains("Đã bỏ qua") && shown.contains("Không ở địa bàn"), "{shown}");
    assert_eq!((audited(world, "bulletin.dismiss").await, audited(world, "campaign.archive").await), (1, 1));
    assert!(warning::get(&world.db, &slug).await.unwrap().is_none());
    assert!(officer.page("/bulletins").await.contains("Không có bản tin nào chờ xử lý"));

    // What cannot be read is told beside its field, and what was typed is kept.
    for (text, why) in [
        ("<!DOCTYPE x><rss/>", "DOCTYPE"),
        ("<html></html>", "phải Atom, RSS hay CAP"),
        (" ", "dán nội dung"),
        ("<rss><channel/></rss>", "không có mục nào"),
    ] {
        let told = brought(&officer, &[("source", "Nguồn kỳ lạ"), ("owner", "Sở Thông tin"), ("text", text)]).await;
        assert!(told.contains(why) && told.contains("value=\"Nguồn kỳ lạ\""), "{why}: {told}");
    }
    let told = brought(&officer, &[("source", ""), ("owner", "Sở Lạ"), ("text", "x")]).await;
    assert!(told.contains("id=\"source-error\"") && told.contains("id=\"owner-error\""), "{told}");

    // Of a feed somebody chooses; what is over can be had all the same.
    let mut over = alert(world, "x1", "Hết hạn mà vẫn cần");
    over.infos[0].expires = Some(over.sent);
    let document = cap::write(&over).unwrap();
    let preview = brought(&officer, &[("source", "ncsc"), ("owner", "Sở Thông tin"), ("text", &document)]).await;
    assert!(preview.contains("đã hết hiệu lực"), "{preview}");
    let form = taken(&preview);
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(
        officer.post("/bulletins", &form[..form.len() - 1]).await.0,
        StatusCode::UNPROCESSABLE_ENTITY,
        "nothing is chosen"
    );
    let page = officer.done("/bulletins", &form).await;
    assert!(officer.page(&page).await.contains("Đồng Nai"), "where it holds");
}

/// Brings a document; the page that answers.
async fn brought(officer: &Browser<'_>, fields: &[(&str, &str)]) -> String {
    let page = officer.page("/bulletins/new").await;
    let token = page.split_once("name=\"csrf\" value=\"").unwrap().1.split_once('"').unwrap().0.to_string();
    let mut body = String::new();
    for (name, value) in std::iter::once(("csrf", token.as_str())).chain(fields.iter().copied()) {
        write!(body, "--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").unwrap();
    }
    body.push_str("--x--\r\n");
    let request = officer
        .house
        .client
        .post(format!("{}/bulletins/preview", officer.house.base))
        .header(header::COOKIE, &officer.cookie)
        .header(header::CONTENT_TYPE, "multipart/form-data; boundary=x")
        .body(body);
    request.send().await.unwrap().text().await.unwrap()
}

/// The form of a preview, with every bulletin chosen: those come last.
fn taken(preview: &str) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for name in ["source", "owner", "title", "document", "item"] {
        for (_, rest) in
            preview.match_indices(&format!("name=\"{name}\" value=\"")).map(|(at, found)| preview.split_at(at + found.len()))
        {
            let value = rest.split_once('"').unwrap().0.replace("&#x2f;", "/").replace("&amp;", "&");
            fields.push((name.to_string(), value));
        }
    }
    assert!(fields.last().is_some_and(|(name, _)| name == "item"), "{preview}");
    fields
}

/// Every feed of a folder.
fn feeds(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            feeds(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "xml") {
            found.push(path);
        }
    }
}

/// What a feed's author expects of its first item: `Expect: not bozo and entries[0]['title'] == 'Item 1 title'`.
fn expected(text: &str) -> Option<(&str, &str)> {
    let (_, rest) = text.split_once("not bozo and entries[0]['")?;
    let (field, rest) = rest.split_once("'] == ")?;
    let rest = rest.lines().next()?.trim().trim_start_matches('u');
    let value =
        rest.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')).or_else(|| rest.strip_prefix('"')?.strip_suffix('"'))?;
    // Markup, escapes and conditions are others' business.
    (!value.is_empty() && !value.contains(['<', '&', '\\', '\'', '"'])).then_some((field, value))
}

/// The feeds that another reader is tested with (feedparser, on PyPI): what its authors expect of title, link and text is what Loa reads;
/// and none of the two thousand, however wrong, harms it.
#[test]
fn feeds_of_others_are_read_as_their_authors_expect() {
    let tests = std::path::Path::new(&crate::helpers::peer("LOA_TEST_CAP_SAMPLES")).join("feedparser/tests");
    let mut found = Vec::new();
    feeds(&tests, &mut found);
    found.sort();
    let (mut held, mut refused, mut differing) = (0, BTreeMap::new(), Vec::new());
    for file in &found {
        let document = fs::read(file).unwrap();
        let read = bulletin::paste::read(&document, "", "x", None, 0);
        let name = file.strip_prefix(&tests).unwrap().display().to_string();
        let all = match read {
            Ok(all) => all,
            Err(why) => {
                *refused
                    .entry(format!("{why:?}").chars().take_while(char::is_ascii_alphabetic).collect::<String>())
                    .or_insert(0) += 1;
                continue;
            }
        };
        let text = String::from_utf8_lossy(&document);
        let Some((field, want)) = expected(&text).filter(|_| name.starts_with("wellformed")) else { continue };
        let is = match field {
            "title" => all[0].title.as_str(),
            "link" => all[0].link.as_deref().unwrap_or_default(),
            "description" | "summary" => all[0].body.as_str(),
            _ => continue,
        };
        if is.split_whitespace().eq(want.split_whitespace()) {
            held += 1;
        } else {
            differing.push(name);
        }
    }
    assert_eq!(found.len(), 2_242);
    assert!(held > 100, "{held}");
    assert!(refused.values().sum::<i32>() < 1_200, "most are feeds with something in them: {refused:?}");
    // Links that are no addresses by themselves; prefixes in the place of names; base 64 that nobody uses.
    let known = [
        "wellformed/base/http_item_link_base_content_location.xml",
        "wellformed/base/http_item_link_base_docuri.xml",
        "wellformed/namespace/rss1.0withModulesNoDefNSLocalNameClash.xml",
        "wellformed/namespace/rss2.0NSwithModulesNoDefNSLocalNameClash.xml",
        "wellformed/sanitize/entry_summary_script_base64.xml",
    ];
    differing.retain(|name| !known.contains(&name.as_str()));
    assert_eq!(differing, Vec::<String>::new());
}

/// The command does what the page does.
#[tokio::test(flavor = "multi_thread")]
async fn the_command_reads_looks_and_lists() {
    let office = crate::helpers::office::Office::prepare(loa::sandbox::Behaviour::default()).await;
    let server = Server::open().await;
    let mut config = fs::read_to_string(office.dir().join("loa.toml")).unwrap();
    let url = format!("{}/feed", server.address);
    write!(config, "[[bulletins]]\nname = \"ncsc\"\nurl = \"{url}\"\nallow_private = true\n").unwrap();
    fs::write(office.dir().join("loa.toml"), config).unwrap();
    fs::write(office.dir().join("tin.txt"), "Giả danh điện lực\nKhông chuyển tiền.").unwrap();
    office.loa(&["migrate"]);
    let read = ["bulletins", "read", "tin.txt", "--source", "Công an tỉnh", "--by", "Lan"];
    let preview = office.loa(&[&read[..], &["--dry-run", "--json"]].concat());
    assert!(preview.contains("Giả danh điện lực") && preview.contains("\"signature\": \"none\""), "{preview}");
    assert_eq!(office.loa(&["bulletins", "list", "--all", "--json"]), "[]\n", "it was only looked at");
    let first = office.loa(&read);
    assert!(first.contains("1. Giả danh điện lực: bản nháp ban-tin-"), "{first}");
    assert_eq!(office.loa(&read), "1. Giả danh điện lực: đã có\n");
    let listed = office.loa(&["bulletins", "list", "--json"]);
    assert!(listed.contains("Công an tỉnh") && listed.contains("\"state\": \"waiting\""), "{listed}");

    let two = "<rss><channel><title>x</title><item><guid>a</guid><title>Một</title></item><item><guid>b</guid><title>Hai</title></item></channel></rss>";
    fs::write(office.dir().join("hai.xml"), two).unwrap();
    let unclear = office.command().args(["bulletins", "read", "hai.xml", "--source", "x", "--by", "Lan"]).output().unwrap();
    assert_eq!(unclear.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&unclear.stderr).contains("có 2 bản tin"), "{unclear:?}");
    let one = office.loa(&["bulletins", "read", "hai.xml", "--source", "x", "--by", "Lan", "--item", "b"]);
    assert!(one.contains("Hai: bản nháp") && !one.contains("Một"), "{one}");

    let doctor = || {
        let said = office.command().args(["doctor", "--lang", "en"]).output().unwrap();
        String::from_utf8_lossy(&said.stdout).into_owned()
    };
    assert!(doctor().contains("! the source of bulletins ncsc was never read"), "{}", doctor());
    server.says("/feed", 200, &[], "<html/>");
    let failed = office.command().args(["bulletins", "poll"]).output().unwrap();
    assert_eq!(failed.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&failed.stdout).contains("ncsc: không phải Atom, RSS hay CAP"), "{failed:?}");
    assert!(doctor().contains("✗ the source of bulletins ncsc: "), "{}", doctor());
    server.says("/feed", 200, &[], two);
    assert_eq!(office.loa(&["bulletins", "poll", "ncsc"]), "ncsc: 0 bản nháp mới, 2 ghi nhận, 0 không nhận, 0 đã sửa\n");
    assert!(doctor().contains("✓ the source of bulletins ncsc was read at "), "{}", doctor());
    let unknown = office.command().args(["bulletins", "poll", "ncsx"]).output().unwrap();
    assert!(unknown.status.code() == Some(2) && String::from_utf8_lossy(&unknown.stderr).contains("ncsc"), "{unknown:?}");
}

on_both_engines!(
    each_new_warning_becomes_one_draft_and_an_old_feed_floods_nobody,
    of_two_nodes_one_looks_and_nothing_comes_twice,
    a_source_that_fails_is_asked_ever_more_rarely_and_somebody_is_told,
    what_is_hostile_is_refused_and_harms_nobody,
    only_what_the_pinned_certificate_signed_becomes_a_draft,
    nobody_keeps_a_signed_warning_away_by_taking_its_name,
    what_a_source_changes_updates_or_cancels_is_told,
    officers_see_bring_finish_and_dismiss,
);
