//! What a stopped run, and an outlet that rests, hold back of relay orders; and how urgent what is held up is.

use loa::{
    audit::Actor,
    outlet::{self, Kind, Way},
    relay::{
        Content, Eyes, Refusal, State, answer,
        attention::{self, Cause},
        follow::{self, Cancelled},
        hand, order, waiting,
    },
    transaction,
};

use super::world::World;
use crate::helpers::orders::{self, written};

const HOUR: i64 = 3_600_000;

async fn a_cancel_goes_out_though_its_run_was_stopped(world: &World) {
    let actor = Actor::command("Lan");
    let mut cancels = Vec::new();
    for (slug, way) in [("viettel", Way::Push), ("vinaphone", Way::Pull), ("mobifone", Way::Hand)] {
        let outlet = world.outlet(written(slug, Kind::Carrier, way)).await;
        let id = world.order_to(&outlet, orders::content(Kind::Carrier, world.now())).await;
        answer::acknowledge(&world.db, id, "", &world.by(&actor)).await.unwrap().unwrap();
        let held = world.order_to(&outlet, orders::content(Kind::Carrier, world.now())).await;
        world.sql("UPDATE run SET state = 3").await;
        let corrected = Content { expires_at: world.now() + 48 * HOUR, ..orders::content(Kind::Carrier, world.now()) };
        let update = follow::update(&world.db, id, &corrected, "", &world.by(&actor)).await.unwrap();
        assert_eq!(update.unwrap_err(), Refusal::Stopped, "it would be held back for ever");
        let Cancelled::Asked(cancel) = follow::cancel(&world.db, id, "Sai nội dung", &world.by(&actor)).await.unwrap().unwrap()
        else {
            panic!("the outlet has it")
        };
        assert_eq!((cancel.stopped, world.order(held).await.stopped), (false, true));
        assert!(
            order::one(&world.db, cancel.id, Eyes::Outlet(outlet.id), world.now()).await.unwrap().is_some(),
            "{slug} sees it"
        );
        assert!(order::one(&world.db, held, Eyes::Outlet(outlet.id), world.now()).await.unwrap().is_none());
        assert_eq!(hand::by_hand(&world.db, held, "x", &world.by(&actor)).await.unwrap(), Err(Refusal::Stopped));
        cancels.push(cancel.id);
    }
    world.advance(2 * HOUR).await;
    let wanted = attention::matters(&world.db, world.now()).await.unwrap();
    let wanted: Vec<(Cause, i64)> = wanted.into_iter().map(|matter| (matter.cause, matter.orders)).collect();
    assert_eq!(wanted, [(Cause::ToHand, 1), (Cause::Unfetched, 1)]);
    let claimed = hand::claim(&world.db, 10, world.now()).await.unwrap();
    assert_eq!(claimed.iter().map(|order| order.id).collect::<Vec<_>>(), [cancels[0]], "it is pushed");
    for id in &cancels {
        let order = hand::by_hand(&world.db, *id, "công văn 12", &world.by(&actor)).await.unwrap().unwrap();
        assert_eq!(order.state, State::HandedOver);
    }
    world.is_sound().await;
}

async fn a_stop_takes_no_cancel_back(world: &World) {
    let actor = Actor::command("Lan");
    let outlet = world.outlet(written("mobifone", Kind::Carrier, Way::Hand)).await;
    let id = world.order_to(&outlet, orders::content(Kind::Carrier, world.now())).await;
    let run = world.order(id).await.run;
    assert_eq!(waiting::unsent(&world.db, run).await.unwrap(), 1);
    answer::acknowledge(&world.db, id, "", &world.by(&actor)).await.unwrap().unwrap();
    let asked = follow::cancel(&world.db, id, "Sai nội dung", &world.by(&actor)).await.unwrap().unwrap();
    let Cancelled::Asked(cancel) = asked else { panic!("the outlet has it") };
    assert_eq!(waiting::unsent(&world.db, run).await.unwrap(), 0);
    let by = world.by(&actor);
    let withdrawn = transaction!(world.db, |tx| order::withdraw_run(tx, run, "dừng hẳn", &by).await).unwrap();
    assert_eq!((withdrawn, world.order(cancel.id).await.state), (0, State::Approved));
}

async fn what_was_ordered_before_an_outlet_rested_still_goes_to_it(world: &World) {
    let viettel = world.outlet(written("viettel", Kind::Carrier, Way::Push)).await;
    let id = world.order_to(&viettel, orders::content(Kind::Carrier, world.now())).await;
    outlet::set_active(&world.db, "viettel", false, &Actor::command("Lan"), world.now()).await.unwrap().unwrap();
    let claimed = hand::claim(&world.db, 10, world.now()).await.unwrap();
    assert_eq!(claimed.iter().map(|order| order.id).collect::<Vec<_>>(), [id]);
}

async fn a_warning_is_urgent_whatever_else_its_outlet_has_not_taken(world: &World) {
    let viettel = world.outlet(written("viettel", Kind::Carrier, Way::Pull)).await;
    let awareness = orders::content(Kind::Carrier, world.now());
    world.order_to(&viettel, awareness.clone()).await;
    world.advance(2 * HOUR).await;
    let urgent = async || {
        let matters = attention::matters(&world.db, world.now()).await.unwrap();
        matters.into_iter().map(|matter| (matter.cause, matter.orders, matter.urgent)).collect::<Vec<_>>()
    };
    assert_eq!(urgent().await, [(Cause::Unfetched, 1, false)]);
    world.order_to(&viettel, Content { warning: true, ..awareness }).await;
    world.advance(2 * HOUR).await;
    assert_eq!(urgent().await, [(Cause::Unfetched, 2, true)]);
}

on_both_engines!(
    a_cancel_goes_out_though_its_run_was_stopped,
    a_stop_takes_no_cancel_back,
    what_was_ordered_before_an_outlet_rested_still_goes_to_it,
    a_warning_is_urgent_whatever_else_its_outlet_has_not_taken,
);
