//! Orders are pushed to a partner's server: the same signed document until it is taken, by one node alone, and what it answers holds.

mod answers;
mod by_itself;
mod documents;
mod doubts;
mod partner;
mod tries;

use std::collections::BTreeMap;

use loa::{
    cap::{self, Alert, MsgType},
    config::Config,
    outlet::{Kind, Outlet, Way, Written},
    relay::{
        Content,
        hand::{self, Push},
        order,
        push::{Finished, Pusher},
    },
};
use providers::exchange::Exchange;

use crate::{
    engines::world::{HOUR, World},
    helpers::{
        orders::{self, written},
        signers::signing,
    },
};

const MINUTE: i64 = 60_000;

/// The settings of an office that signs, and may reach `viettel` inside.
fn settings() -> Config {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("loa.toml");
    let office = "[relay]\nsender = \"so.example.vn\"\nname = \"Sở\"\nprivate = [\"viettel\"]\n";
    std::fs::write(&file, office.to_string() + &signing("stranger")).unwrap();
    Config::read(Some(&file), &BTreeMap::new()).unwrap_or_else(|problems| panic!("{problems}"))
}

fn pusher(world: &World) -> Pusher {
    let exchange = Exchange::new(None, None).unwrap();
    Pusher::new(&settings(), world.db.clone(), world.clock.clone(), world.seal.clone(), exchange)
}

/// What becomes of all that is to be pushed now.
async fn pushed(pusher: &mut Pusher) -> Finished {
    pusher.step().await.unwrap();
    pusher.finish().await
}

const TAKEN: Finished = Finished { taken: 1, failed: 0 };
const FAILED: Finished = Finished { taken: 0, failed: 1 };
const NONE: Finished = Finished { taken: 0, failed: 0 };

/// A carrier whose server is there.
async fn outlet_at(world: &World, slug: &str, url: &str, certificate: Option<String>) -> Outlet {
    let written = written(slug, Kind::Carrier, Way::Push);
    world.outlet(Written { url: Some(url.into()), certificate, sender: format!("{slug}.example.vn"), ..written }).await
}

/// What an order says at least, for a day.
fn plain(world: &World) -> Content {
    let (report_by, expires_at) = (Some(world.now() + 48 * HOUR), world.now() + 24 * HOUR);
    Content { report_by, expires_at, ..orders::content(Kind::Carrier, world.now()) }
}

/// An approved order of a run of its own.
async fn order_to(world: &World, outlet: &Outlet) -> i64 {
    world.order_to(outlet, plain(world)).await
}

async fn push(world: &World, id: i64) -> Push {
    hand::push(&world.db, id).await.unwrap().unwrap()
}

async fn happened(world: &World, id: i64, what: &str) -> Vec<String> {
    let events = order::events(&world.db, id).await.unwrap();
    events.into_iter().filter(|event| event.happening == what).map(|event| event.detail).collect()
}

/// What an outlet says of the document that it got.
fn reply_to(document: &[u8], msg_type: MsgType, note: Option<&str>) -> Alert {
    let order = cap::read("order.xml", document).unwrap();
    Alert {
        identifier: "tra-loi-1".into(),
        sender: "viettel.example.vn".into(),
        msg_type,
        references: vec![order.reference()],
        note: note.map(str::to_string),
        infos: vec![],
        ..order
    }
}
