//! How an order gets to its outlet: pushed by one node at a time, until it is taken or over.

use loa::{
    outlet::{Kind, Way},
    relay::{
        Refusal, State,
        hand::{self, Pushed},
        order,
    },
};

use super::{World, content, outlet_of, somebody, state};
use crate::helpers::orders::DAY;

async fn a_push_is_claimed_by_one_and_says_the_same_at_every_try(world: &World) {
    let viettel = outlet_of(world, "viettel", Kind::Carrier, Way::Push).await;
    let id = world.order_to(&viettel, content(world)).await;
    let (first, second) = tokio::join!(hand::claim(&world.db, 10, world.now()), hand::claim(&world.db, 10, world.now()));
    let claimed = first.unwrap().len() + second.unwrap().len();
    assert_eq!(claimed, 1);
    assert_eq!(hand::freeze(&world.db, id, b"<alert/>").await.unwrap(), b"<alert/>");
    assert_eq!(hand::freeze(&world.db, id, b"<other/>").await.unwrap(), b"<alert/>");

    // While it is on its way nobody knows; then it is certain that it did not get there.
    let actor = somebody();
    let withdraw = async || order::withdraw(&world.db, id, "nhầm", &world.by(&actor)).await.unwrap();
    assert_eq!(withdraw().await, Err(Refusal::InDoubt));
    hand::pushed(&world.db, id, &Pushed::Failed("no connection".into()), world.now()).await.unwrap().unwrap();
    assert!(!world.order(id).await.in_doubt);

    // Nobody knows what became of it: it may be with the outlet, whatever later tries come to.
    world.advance(15_000).await;
    assert_eq!(hand::claim(&world.db, 10, world.now()).await.unwrap().len(), 1);
    hand::pushed(&world.db, id, &Pushed::InDoubt("no answer".into()), world.now()).await.unwrap().unwrap();
    assert_eq!(withdraw().await, Err(Refusal::InDoubt));
    assert_eq!(hand::claim(&world.db, 10, world.now()).await.unwrap(), []);
    world.advance(30_000).await;
    assert_eq!(hand::claim(&world.db, 10, world.now()).await.unwrap().len(), 1);
    hand::pushed(&world.db, id, &Pushed::Failed("503".into()), world.now()).await.unwrap().unwrap();
    let push = hand::push(&world.db, id).await.unwrap().unwrap();
    assert_eq!((push.tries, push.doubt, push.next_at, push.last.as_str()), (3, true, world.now() + 60_000, "503"));
    assert_eq!(withdraw().await, Err(Refusal::InDoubt));

    // What the server will say no to again waits for somebody, who may have it tried at once.
    world.advance(60_000).await;
    assert_eq!(hand::claim(&world.db, 10, world.now()).await.unwrap().len(), 1);
    hand::retry(&world.db, id, &world.by(&actor)).await.unwrap().unwrap();
    assert_eq!(hand::claim(&world.db, 10, world.now()).await.unwrap(), [], "a try is under way");
    hand::pushed(&world.db, id, &Pushed::Rejected("404".into()), world.now()).await.unwrap().unwrap();
    let push = hand::push(&world.db, id).await.unwrap().unwrap();
    assert_eq!((push.rejected, push.doubt, push.next_at), (true, true, world.now() + 30 * 60_000));
    hand::retry(&world.db, id, &world.by(&actor)).await.unwrap().unwrap();

    // A stopped run's orders stay; a crash of whoever claimed one is over with its lease.
    let run = world.order(id).await.run;
    world.sql(&format!("UPDATE run SET paused = true WHERE id = {run}")).await;
    assert_eq!(hand::claim(&world.db, 10, world.now()).await.unwrap(), []);
    world.sql(&format!("UPDATE run SET paused = false WHERE id = {run}")).await;
    assert_eq!(hand::claim(&world.db, 10, world.now()).await.unwrap().len(), 1);
    world.advance(hand::LEASE).await;
    assert_eq!(hand::claim(&world.db, 10, world.now()).await.unwrap().len(), 1);
    let handed = hand::pushed(&world.db, id, &Pushed::Taken, world.now()).await.unwrap().unwrap();
    assert_eq!((handed.state, handed.handed_at, handed.in_doubt), (State::HandedOver, Some(world.now()), false));
    assert_eq!(hand::claim(&world.db, 10, world.now()).await.unwrap(), []);
    assert_eq!(world.number("SELECT count(*) FROM relay_push").await, 0);
    world.is_sound().await;
}

async fn what_expires_before_anybody_has_it_is_over(world: &World) {
    let (viettel, school) =
        (outlet_of(world, "viettel", Kind::Carrier, Way::Push).await, outlet_of(world, "truong", Kind::School, Way::Hand).await);
    let (doubted, left) = (world.order_to(&viettel, content(world)).await, world.order_to(&school, content(world)).await);
    world.advance(2 * DAY - 1).await;
    assert_eq!(hand::claim(&world.db, 10, world.now()).await.unwrap().len(), 1);
    assert_eq!(hand::lapse(&world.db, world.now()).await.unwrap(), 0);
    // Whoever claimed it is gone, and its claim is over.
    world.advance(hand::LEASE).await;
    let actor = somebody();
    assert_eq!(hand::by_hand(&world.db, left, "văn bản", &world.by(&actor)).await.unwrap(), Err(Refusal::Expired));
    assert_eq!(hand::lapse(&world.db, world.now()).await.unwrap(), 2);
    assert_eq!(state(world, left).await, State::Cancelled);
    assert_eq!(state(world, doubted).await, State::HandedOver, "the outlet may have it, so its report is owed");
    assert_eq!(hand::lapse(&world.db, world.now()).await.unwrap(), 0);
    world.is_sound().await;
}

on_both_engines!(a_push_is_claimed_by_one_and_says_the_same_at_every_try, what_expires_before_anybody_has_it_is_over);
