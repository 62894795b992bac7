//! Relay orders in the store: made once with their run, handed over by each way, answered, followed, reported and counted.

use loa::{
    audit::Actor,
    outlet::{Kind, Outlet, Way, Written},
    relay::{
        By, Content, Eyes, State,
        report::{self, Count, Rejected, Report, Taken},
    },
};

use super::world::World;
use crate::helpers::orders::{self, written};

mod crossing;
mod delegates;
mod figures;
mod final_report;
mod follow_up;
mod hand_over;
mod outlets;
mod papers;
mod push_again;
mod reports;
mod runs;
mod sequences;
mod settled;
mod walls;

fn province(code: &str) -> Option<&'static str> {
    match code {
        "01" | "00004" => Some("01"),
        "79" => Some("79"),
        _ => None,
    }
}

fn somebody() -> Actor {
    Actor::command("Lan")
}

fn of_outlet<'a>(world: &World, actor: &'a Actor, outlet: &Outlet) -> By<'a> {
    By { actor, eyes: Eyes::Outlet(outlet.id), now: world.now() }
}

async fn outlet_of(world: &World, slug: &str, kind: Kind, way: Way) -> Outlet {
    world.outlet(Written { contact: Some("truc.ban@example.vn".into()), ..written(slug, kind, way) }).await
}

/// Two rounds of an SMS in two provinces.
fn content(world: &World) -> Content {
    Content { rounds: 2, areas: vec!["01".into(), "79".into()], ..orders::content(Kind::Carrier, world.now()) }
}

async fn state(world: &World, id: i64) -> State {
    world.order(id).await.state
}

/// A line of an outlet that counts converted messages as well.
fn line(area: &str, round: u16, counts: [i64; 3]) -> Count {
    Count { parts: Some(counts[1]), ..orders::line(area, round, counts) }
}

fn reported(world: &World, sequence: i64, counts: Vec<Count>) -> Report {
    Report { sequence, as_of: world.now(), last: false, correction: None, evidence: None, counts }
}

async fn take(world: &World, id: i64, report: &Report) -> Result<Taken, Rejected> {
    let actor = somebody();
    report::take(&world.db, id, report, province, &world.by(&actor)).await.unwrap()
}
