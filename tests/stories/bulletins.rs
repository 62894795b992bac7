//! What others publish becomes drafts: sources on loopback that are well, slow, wrong, hostile or changed; documents that officers bring;
//! and nothing twice.

mod command;
mod corpora;
mod pages;
mod polling;
mod server;
mod warnings;

use std::{collections::BTreeMap, fs};

use loa::{
    bulletin::{
        self, Bulletin,
        poll::{Looked, Poller},
    },
    cap::{Alert, Area, Category, Certainty, Info, MsgType, Scope, Severity, Status, Time, Urgency},
    config::Config,
    notice::{self, find::Ground},
    user,
};
use providers::exchange::Exchange;

use self::server::Server;
use crate::{
    engines::world::World,
    helpers::{
        orders::DAY,
        signers::{SIGNER, STRANGER},
    },
};

const MINUTE: i64 = 60_000;

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
