//! A run whose messages are all sent, or that has none: what it asks of outlets may wait for longer, and is stopped all the same.

use loa::{
    outlet::{Kind, Way},
    relay::{
        Eyes, Refusal, State, answer,
        hand::{self, Pushed},
        order, waiting,
    },
    run::{
        RunError,
        command::{self, By, Change},
    },
    transaction,
};

use super::{World, content, outlet_of, somebody, state};
use crate::{engines::world::by_sms, helpers::orders::DAY};

async fn a_stop_holds_what_a_settled_run_asks_of_outlets(world: &World) {
    let mut asked = Vec::new();
    for (slug, way) in [("viettel", Way::Push), ("vina", Way::Pull), ("mobi", Way::Hand)] {
        asked.push((outlet_of(world, slug, Kind::Carrier, way).await, content(world)));
    }
    let run = world.run(&by_sms()).await;
    let orders = world.ask(run, "", &asked).await;
    world.sql(&format!("UPDATE run SET state = 2, settled_at = 1 WHERE id = {run}")).await;
    let who = By { name: "Lan", at: world.now() };
    let stop = async || transaction!(world.db, |tx| command::stop(tx, |_| true, Some(who)).await).unwrap();
    let change = async |how| {
        let changed = transaction!(world.db, |tx| command::change(tx, run, how, Some(who)).await).unwrap();
        changed.map(|changed| changed.differs())
    };
    let over = |changed: Result<bool, RunError>| matches!(changed, Err(RunError::Over { .. }));
    assert_eq!(waiting::unsent_of_all(&world.db).await.unwrap().into_iter().collect::<Vec<_>>(), [(run, 3)]);
    assert_eq!(stop().await, [run]);
    assert_eq!(
        command::stoppable(&world.db).await.unwrap().iter().map(|row| (row.id, row.paused)).collect::<Vec<_>>(),
        [(run, true)]
    );
    assert_eq!((stop().await, change(Change::Pause).await.unwrap()), (vec![], false), "stopping twice is stopping once");

    // By no way does it leave, and nobody sees it.
    let actor = somebody();
    assert_eq!(hand::claim(&world.db, 10, world.now()).await.unwrap(), []);
    for (id, (outlet, _)) in orders.iter().zip(&asked) {
        assert!(order::one(&world.db, *id, Eyes::Outlet(outlet.id), world.now()).await.unwrap().is_none());
        assert_eq!(hand::by_hand(&world.db, *id, "công văn", &world.by(&actor)).await.unwrap(), Err(Refusal::Stopped));
    }
    assert!(change(Change::Resume).await.unwrap());
    assert_eq!(hand::claim(&world.db, 10, world.now()).await.unwrap().len(), 1);
    for id in &orders {
        answer::acknowledge(&world.db, *id, "", &world.by(&actor)).await.unwrap().unwrap();
    }
    assert_eq!(stop().await, [0; 0], "outlets have all of it");
    for how in [Change::Pause, Change::Resume, Change::Abort] {
        assert!(over(change(how).await), "{how:?}");
    }

    // What stands still is taken back for good.
    let run = world.run(&by_sms()).await;
    let orders = world.ask(run, "", &asked).await;
    world.sql(&format!("UPDATE run SET state = 2, settled_at = 1 WHERE id = {run}")).await;
    assert_eq!(stop().await, [run]);
    let aborted = transaction!(world.db, |tx| command::change(tx, run, Change::Abort, Some(who)).await).unwrap();
    assert!(aborted.is_ok());
    for id in orders {
        assert_eq!(state(world, id).await, State::Cancelled);
    }
    world.is_sound().await;
}

async fn what_may_have_arrived_is_pushed_no_more_once_its_run_is_aborted(world: &World) {
    let viettel = outlet_of(world, "viettel", Kind::Carrier, Way::Push).await;
    let id = world.order_to(&viettel, content(world)).await;
    let run = world.order(id).await.run;
    world.sql(&format!("UPDATE run SET state = 2, settled_at = 1 WHERE id = {run}")).await;
    assert_eq!(hand::claim(&world.db, 10, world.now()).await.unwrap().len(), 1);
    hand::pushed(&world.db, id, &Pushed::InDoubt("HTTP 500".into()), world.now()).await.unwrap().unwrap();
    let who = By { name: "Lan", at: world.now() };
    let aborted = transaction!(world.db, |tx| command::change(tx, run, Change::Abort, Some(who)).await).unwrap();
    assert!(aborted.unwrap().differs());
    world.advance(DAY).await;
    let order = world.order(id).await;
    assert_eq!((order.state, order.stopped), (State::Approved, true), "the outlet may have it");
    assert_eq!(hand::claim(&world.db, 10, world.now()).await.unwrap(), []);
    world.advance(DAY).await;
    assert_eq!(hand::lapse(&world.db, world.now()).await.unwrap(), 1);
    assert_eq!(state(world, id).await, State::HandedOver, "its report is owed");
    world.is_sound().await;
}

on_both_engines!(
    a_stop_holds_what_a_settled_run_asks_of_outlets,
    what_may_have_arrived_is_pushed_no_more_once_its_run_is_aborted,
);
