//! An order of which nobody knows whether it got there: officers are told so, and what to do.

use std::collections::BTreeSet;

use loa::{
    notice::{Kind as Notice, find},
    relay::attention,
};

use super::{
    FAILED, MINUTE, order_to, outlet_at,
    partner::{Partner, Say},
    pushed, pusher, settings,
};
use crate::engines::world::World;

async fn a_server_that_always_breaks_is_told_of_with_what_to_do(world: &World) {
    let partner = Partner::start().await;
    let viettel = outlet_at(world, "viettel", &partner.address(), None).await;
    let ground = find::Ground { db: world.db.clone(), clock: world.clock.clone(), config: settings(), served: BTreeSet::new() };
    let told = async || {
        let found = find::all(&ground).await.unwrap();
        found.into_iter().filter(|one| one.kind == Notice::OrderUnpushed).map(|one| one.says.vi).collect::<Vec<_>>()
    };
    let mut pusher = pusher(world);
    order_to(world, &viettel).await;
    partner.says(Say::Status(503, ""));
    assert_eq!(pushed(&mut pusher).await, FAILED);
    world.advance(10 * MINUTE).await;
    assert_eq!(told().await, ["Đơn vị viettel: máy chủ chưa nhận 1 yêu cầu (HTTP 503)"]);
    partner.says(Say::Status(500, ""));
    assert_eq!(pushed(&mut pusher).await, FAILED);
    let says = "Đơn vị viettel: máy chủ chưa nhận 1 yêu cầu (HTTP 500); 1 yêu cầu có thể đã tới nơi: hãy hỏi đơn vị";
    assert_eq!(told().await, [says]);
    // What a later try comes to takes the doubt away no more than it does on the order's page.
    world.advance(MINUTE).await;
    partner.says(Say::Status(503, ""));
    assert_eq!(pushed(&mut pusher).await, FAILED);
    order_to(world, &viettel).await;
    partner.says(Say::Status(403, ""));
    assert_eq!(pushed(&mut pusher).await, FAILED);
    let [matter] = &attention::matters(&world.db, world.now()).await.unwrap()[..] else { panic!("one thing to do") };
    assert_eq!((matter.orders, matter.doubts), (2, 1));
}

on_both_engines!(a_server_that_always_breaks_is_told_of_with_what_to_do);
