//! What the public is told of orders that an Update changed: where it is for, and that the earlier text no longer holds.

use std::collections::BTreeMap;

use loa::{
    audit::Actor,
    cap::{self, Alert, feed},
    config::Config,
    genuine::Verdict,
    outlet::{Kind, Outlet, Way},
    publish::{self, Ground, Publisher, Texts},
    relay::{
        Content, Sms, answer,
        carried::{self, Seen},
        follow,
        issue::Letterhead,
        order,
    },
};

use super::world::{World, campaign};
use crate::helpers::orders::{self, written};

const EARLIER: &str = "Ke gian gia danh cong an, khong chuyen tien cho ai.";
const LATER: &str = "Ke gian gia danh ngan hang, khong cai ung dung la.";

/// An office that publishes, as one process knows it.
struct Desk {
    config: Config,
    letterhead: Letterhead,
    publisher: Publisher,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("loa.toml");
        std::fs::write(
            &file,
            "[server]\npublic_url = \"https://canhbao.example.vn\"\n\n[relay]\nsender = \"so-mau.example.vn\"\n",
        )
        .unwrap();
        let config = Config::read(Some(&file), &BTreeMap::new()).unwrap_or_else(|problems| panic!("{problems}"));
        Self { letterhead: Letterhead::of(&config), config, publisher: Publisher::default() }
    }

    fn ground<'a>(&'a self, world: &'a World) -> Ground<'a> {
        Ground { db: &world.db, config: &self.config, letterhead: &self.letterhead, now: world.now() }
    }

    /// What stands in the feed a while later.
    async fn alerts(&self, world: &World) -> Vec<Alert> {
        world.advance(6_000).await;
        let address = publish::address(&self.config).unwrap();
        let published = self.publisher.feed(&self.ground(world), address).await.unwrap();
        let mut alerts = Vec::new();
        for item in feed::items(published.document.as_bytes()).unwrap() {
            let name = item.id.rsplit('/').next().unwrap().strip_suffix(".cap").unwrap();
            let document = publish::document(&world.db, name).await.unwrap().unwrap().document;
            alerts.push(cap::read("x", &document).unwrap());
        }
        alerts
    }

    /// When a text that went out was corrected or withdrawn.
    fn withdrawn(texts: &Texts, text: &str) -> Option<i64> {
        match texts.index.find(text, None) {
            Verdict::Genuine { original, .. } => texts.sent(original).unwrap().withdrawn,
            other => panic!("{other:?}"),
        }
    }
}

async fn an_update_is_told_with_all_its_areas_and_ends_the_earlier_text(world: &World) {
    let (desk, actor) = (Desk::new(), Actor::command("Lan"));
    let mut asked: Vec<(Outlet, Content)> = Vec::new();
    for (slug, area) in [("viettel", "01"), ("vinaphone", "79")] {
        let outlet = world.outlet(written(slug, Kind::Carrier, Way::Pull)).await;
        let content = orders::content(Kind::Carrier, world.now());
        asked.push((outlet, Content { sms: Some(Sms::new(EARLIER, "gsm", 1)), areas: vec![area.into()], ..content }));
    }
    let run = world.run(&campaign("warning", "use = [\"sms\"]", "valid_for = \"24h\"")).await;
    let made = world.ask(run, "", &asked).await;
    for id in &made {
        answer::acknowledge(&world.db, *id, "", &world.by(&actor)).await.unwrap().unwrap();
    }
    let carried = carried::of_runs(&world.db, &[run]).await.unwrap();
    let [one] = &carried[..] else { panic!("the same text: {carried:?}") };
    assert_eq!((one.outlets, one.standing, one.content.areas.join(" ")), (2, 2, "01 79".to_string()));
    assert_eq!(desk.alerts(world).await.len(), 1);
    let texts = desk.publisher.texts(&desk.ground(world)).await.unwrap();
    assert_eq!(Desk::withdrawn(&texts, EARLIER), None);

    world.advance(1_000).await;
    for (id, (_, content)) in made.iter().zip(&asked) {
        let changed = Content { sms: Some(Sms::new(LATER, "gsm", 1)), ..content.clone() };
        let update = follow::update(&world.db, *id, &changed, "", &world.by(&actor)).await.unwrap().unwrap();
        order::approve(&world.db, update.id, &world.by(&actor)).await.unwrap().unwrap();
        answer::acknowledge(&world.db, update.id, "", &world.by(&actor)).await.unwrap().unwrap();
    }
    let told = desk.alerts(world).await;
    let [update] = &told[..] else { panic!("the Update alone: {told:?}") };
    let areas: Vec<&str> = update.infos[0].areas.iter().map(|area| area.geocodes[0].value.as_str()).collect();
    assert_eq!((update.infos[0].description.as_deref(), areas), (Some(LATER), vec!["01", "79"]));
    let texts = desk.publisher.texts(&desk.ground(world)).await.unwrap();
    assert!(Desk::withdrawn(&texts, EARLIER).is_some(), "whoever kept the earlier text is told that it was corrected");
    assert_eq!(Desk::withdrawn(&texts, LATER), None);
}

async fn an_event_that_another_node_committed_late_is_looked_at(world: &World) {
    let outlet = world.outlet(written("viettel", Kind::Carrier, Way::Hand)).await;
    let order = world.order_to(&outlet, orders::content(Kind::Carrier, world.now())).await;
    let run = world.order(order).await.run;
    let event = async |id: i64| {
        let columns = "id, relay_order, at, happening, state, by_whom, via, detail";
        world
            .sql(&format!("INSERT INTO relay_event ({columns}) VALUES ({id}, {order}, 0, 'chased', 1, '', 'command', '')"))
            .await;
    };
    let (seen, runs) = carried::changed(&world.db, Seen::default()).await.unwrap();
    assert_eq!(runs, [run]);
    event(50).await;
    let (seen, runs) = carried::changed(&world.db, seen).await.unwrap();
    assert_eq!(runs, [run]);
    assert_eq!(carried::changed(&world.db, seen).await.unwrap(), (seen, vec![]), "nothing happened");
    // Its number was given out before that one's.
    event(49).await;
    let (seen, runs) = carried::changed(&world.db, seen).await.unwrap();
    assert_eq!(runs, [run]);
    assert_eq!(carried::changed(&world.db, seen).await.unwrap(), (seen, vec![]));
}

on_both_engines!(
    an_update_is_told_with_all_its_areas_and_ends_the_earlier_text,
    an_event_that_another_node_committed_late_is_looked_at,
);
