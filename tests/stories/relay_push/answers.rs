//! What comes back with a push.

use loa::{
    audit::Actor,
    cap::{self, MsgType},
    relay::{State, answer},
};

use super::{
    happened, order_to, outlet_at,
    partner::{Partner, Say},
    pushed, pusher, reply_to,
};
use crate::{
    engines::world::World,
    helpers::signers::{pem, signed},
};

async fn what_comes_back_with_a_push_holds_if_it_is_believed(world: &World) {
    let partner = Partner::start().await;
    let viettel = outlet_at(world, "viettel", &partner.address(), Some(pem("signer"))).await;
    let mut pusher = pusher(world);
    let mut answered = async |say: Say| {
        let id = order_to(world, &viettel).await;
        partner.says(say);
        pushed(&mut pusher).await;
        (id, world.order(id).await)
    };

    let (_, order) =
        answered(Say::Reply(200, |got| signed(&reply_to(got, MsgType::Ack, Some("Sẽ gửi tối nay")), "signer"))).await;
    assert_eq!((order.state, order.handed_at), (State::Acknowledged, Some(world.now())));

    let (id, order) = answered(Say::Reply(422, |got| signed(&reply_to(got, MsgType::Error, Some("Sai mẫu")), "signer"))).await;
    assert_eq!(order.state, State::Refused);
    assert_eq!(happened(world, id, "refuse").await, ["Sai mẫu"]);

    // Unsigned, of a stranger, and of another order: the order got there, and the answer is none.
    let unsigned = Say::Reply(200, |got| cap::write(&reply_to(got, MsgType::Ack, None)).unwrap());
    let forged = Say::Reply(200, |got| signed(&reply_to(got, MsgType::Ack, None), "stranger"));
    let other = Say::Reply(200, |got| {
        let mut ack = reply_to(got, MsgType::Ack, None);
        ack.references[0].identifier.push('x');
        signed(&ack, "signer")
    });
    for say in [unsigned, forged, other] {
        let (id, order) = answered(say).await;
        assert_eq!(order.state, State::HandedOver);
        assert_eq!(happened(world, id, "answer_unfit").await.len(), 1);
    }
    // What a program of the web says beside 200 is no answer to the order.
    let (id, order) = answered(Say::Status(200, "<html>ok</html>")).await;
    assert_eq!((order.state, happened(world, id, "answer_unfit").await.len()), (State::HandedOver, 0));

    // Whoever has no certificate is believed by the connection.
    world.sql("UPDATE outlet SET certificate = NULL").await;
    let (_, order) = answered(Say::Reply(200, |got| cap::write(&reply_to(got, MsgType::Ack, None)).unwrap())).await;
    assert_eq!(order.state, State::Acknowledged);
}

/// While the server thinks about its answer, somebody of the outlet answers on its page.
async fn an_answer_that_does_not_hold_is_noted_as_the_order_stands(world: &World) {
    let partner = Partner::start().await;
    let viettel = outlet_at(world, "viettel", &partner.address(), Some(pem("signer"))).await;
    let id = order_to(world, &viettel).await;
    partner.says(Say::Held(200, |got| cap::write(&reply_to(got, MsgType::Ack, None)).unwrap()));
    let mut pusher = pusher(world);
    pusher.step().await.unwrap();
    while partner.got().is_empty() {
        tokio::task::yield_now().await;
    }
    let actor = Actor::command("Lan");
    answer::begin(&world.db, id, "", &world.by(&actor)).await.unwrap().unwrap();
    partner.go_on();
    pusher.finish().await;
    assert_eq!((world.order(id).await.state, happened(world, id, "answer_unfit").await.len()), (State::Sending, 1));
    // Its events say where it stands.
    world.is_sound().await;
}

on_both_engines!(what_comes_back_with_a_push_holds_if_it_is_believed, an_answer_that_does_not_hold_is_noted_as_the_order_stands);
