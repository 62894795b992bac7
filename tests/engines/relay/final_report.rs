//! What may follow an order that its outlet has reported on finally.

use loa::{
    outlet::{Kind, Way},
    relay::{
        Content, Refusal, State, answer,
        follow::{self, Cancelled},
        order,
        report::Report,
    },
};

use super::{World, content, line, outlet_of, reported, somebody, state, take};

async fn text_messages_that_are_all_out_are_neither_updated_nor_cancelled(world: &World) {
    let viettel = outlet_of(world, "viettel", Kind::Carrier, Way::Hand).await;
    let id = world.order_to(&viettel, content(world)).await;
    let actor = somebody();
    let by = world.by(&actor);
    let changed = Content { title: "Bản sửa".into(), ..content(world) };
    take(world, id, &reported(world, 1, vec![line("01", 1, [10, 5, 5])])).await.unwrap();
    let update = follow::update(&world.db, id, &changed, "", &by).await.unwrap().unwrap().id;
    let last = Report { last: true, ..reported(world, 2, vec![line("01", 1, [10, 10, 9])]) };
    take(world, id, &last).await.unwrap();
    assert_eq!(order::approve(&world.db, update, &by).await.unwrap(), Err(Refusal::Done), "it came too late");
    order::withdraw(&world.db, update, "muộn", &by).await.unwrap().unwrap();
    assert_eq!(follow::update(&world.db, id, &changed, "", &by).await.unwrap(), Err(Refusal::Done));
    assert_eq!(follow::cancel(&world.db, id, "sai", &by).await.unwrap(), Err(Refusal::Done));
    assert_eq!(state(world, id).await, State::Reported);

    // It was not the last after all: what is still to be sent can be withdrawn.
    let correction = Report { correction: Some("còn một đợt".into()), sequence: 3, last: false, ..last };
    take(world, id, &correction).await.unwrap();
    assert!(matches!(follow::cancel(&world.db, id, "sai", &by).await.unwrap(), Ok(Cancelled::Asked(_))));
    world.is_sound().await;
}

async fn what_stays_after_it_was_passed_on_is_withdrawn_all_the_same(world: &World) {
    let viettel = outlet_of(world, "viettel", Kind::Carrier, Way::Hand).await;
    let actor = somebody();
    let by = world.by(&actor);
    let staying = [
        Content { warning: true, ..content(world) },
        Content { app: Some("Không đọc mã OTP.".into()), ..content(world) },
        Content { material: Some("Không đọc mã OTP.".into()), ..content(world) },
    ];
    for content in staying {
        let id = world.order_to(&viettel, content.clone()).await;
        let last = Report { last: true, ..reported(world, 1, vec![line("01", 1, [10, 10, 9])]) };
        take(world, id, &last).await.unwrap();
        let update = Content { title: "Bản sửa".into(), ..content };
        let update = follow::update(&world.db, id, &update, "", &by).await.unwrap().unwrap().id;
        order::withdraw(&world.db, update, "thôi", &by).await.unwrap().unwrap();
        let Cancelled::Asked(cancel) = follow::cancel(&world.db, id, "sai", &by).await.unwrap().unwrap() else { panic!() };
        answer::acknowledge(&world.db, cancel.id, "đã gỡ", &by).await.unwrap().unwrap();
        assert_eq!(state(world, id).await, State::Cancelled);
    }
    world.is_sound().await;
}

on_both_engines!(
    text_messages_that_are_all_out_are_neither_updated_nor_cancelled,
    what_stays_after_it_was_passed_on_is_withdrawn_all_the_same,
);
