//! An officer has an order pushed again at once; what does not wait to be pushed is not, and it is said why.

use loa::{
    outlet::{Kind, Way},
    relay::{
        Content, Refusal, answer, follow,
        hand::{self, Pushed},
        order,
    },
};

use super::{World, content, outlet_of, somebody};
use crate::helpers::orders::DAY;

async fn an_order_is_pushed_again_at_once_where_it_waits_for_that(world: &World) {
    let viettel = outlet_of(world, "viettel", Kind::Carrier, Way::Push).await;
    let school = outlet_of(world, "truong", Kind::School, Way::Hand).await;
    let actor = somebody();
    let again = async |id| hand::retry(&world.db, id, &world.by(&actor)).await.unwrap().map(drop);
    let told = async |id| {
        let events = order::events(&world.db, id).await.unwrap();
        events.iter().filter(|event| event.happening == "push_again").count()
    };
    let id = world.order_to(&viettel, content(world)).await;
    assert_eq!((again(id).await, told(id).await), (Ok(()), 0), "it is due already");
    assert_eq!(hand::claim(&world.db, 10, world.now()).await.unwrap().len(), 1);
    hand::pushed(&world.db, id, &Pushed::Rejected("404".into()), world.now()).await.unwrap().unwrap();
    assert_eq!(hand::claim(&world.db, 10, world.now()).await.unwrap(), []);
    assert_eq!((again(id).await, told(id).await), (Ok(()), 1));
    assert_eq!(hand::claim(&world.db, 10, world.now()).await.unwrap().len(), 1);
    hand::pushed(&world.db, id, &Pushed::Rejected("404".into()), world.now()).await.unwrap().unwrap();

    let run = world.order(id).await.run;
    world.sql(&format!("UPDATE run SET paused = true WHERE id = {run}")).await;
    assert_eq!(again(id).await, Err(Refusal::Stopped));
    world.sql(&format!("UPDATE run SET paused = false WHERE id = {run}")).await;
    let paper = world.order_to(&school, content(world)).await;
    assert_eq!(again(paper).await, Err(Refusal::NotPushed), "nothing goes there by itself");
    let taken = world.order_to(&viettel, content(world)).await;
    answer::acknowledge(&world.db, taken, "", &world.by(&actor)).await.unwrap().unwrap();
    assert_eq!(again(taken).await, Err(Refusal::NotPushed));
    let changed = Content { title: "Bản sửa".into(), ..content(world) };
    let update = follow::update(&world.db, taken, &changed, "", &world.by(&actor)).await.unwrap().unwrap().id;
    assert_eq!(again(update).await, Err(Refusal::NotApproved));
    world.advance(2 * DAY).await;
    assert_eq!((again(id).await, told(id).await), (Err(Refusal::Expired), 1));
}

on_both_engines!(an_order_is_pushed_again_at_once_where_it_waits_for_that);
