//! The documents that leave: what follows names what it follows, and others find them right.

use loa::{
    audit::Actor,
    cap::{self, MsgType},
    config::Config,
    relay::{
        Basis, Content, State, Status, follow,
        issue::{Letterhead, Unissued, issue},
        order,
        push::Pusher,
    },
};
use providers::exchange::Exchange;

use super::{
    NONE, TAKEN, order_to, outlet_at,
    partner::{Partner, Say},
    plain, pushed, pusher, reply_to, settings,
};
use crate::{
    engines::world::World,
    helpers::{judges, signers::STRANGER},
};

async fn an_update_names_the_earlier_one_as_it_named_itself(world: &World) {
    let partner = Partner::start().await;
    let viettel = outlet_at(world, "viettel", &partner.address(), None).await;
    let id = order_to(world, &viettel).await;
    let ack = Say::Reply(200, |got| cap::write(&reply_to(got, MsgType::Ack, None)).unwrap());
    partner.says(ack);
    assert_eq!(pushed(&mut pusher(world)).await, TAKEN);
    let (writer, approver) = (Actor::command("Lan"), Actor::command("Minh"));
    let content = Content { rounds: 2, ..world.order(id).await.content };
    let update = follow::update(&world.db, id, &content, "Thêm một đợt", &world.by(&writer)).await.unwrap().unwrap();
    assert_eq!(pushed(&mut pusher(world)).await, NONE, "nobody has approved it");
    assert_eq!(issue(&world.db, &update, &Letterhead::of(&settings())).await.unwrap(), Err(Unissued::Drafted));
    order::approve(&world.db, update.id, &world.by(&approver)).await.unwrap().unwrap();

    // The office calls itself otherwise by now.
    let config = Config { relay: loa::config::Relay { sender: Some("moi.example.vn".into()), ..settings().relay }, ..settings() };
    let exchange = Exchange::new(None, None).unwrap();
    let mut renamed = Pusher::new(&config, world.db.clone(), world.clock.clone(), world.seal.clone(), exchange);
    partner.says(ack);
    assert_eq!(pushed(&mut renamed).await, TAKEN);
    let [_, second] = &partner.got()[..] else { panic!("two documents") };
    let second = cap::read("update.xml", &second.body).unwrap();
    assert_eq!((second.sender.as_str(), second.references[0].sender.as_str()), ("moi.example.vn", "so.example.vn"));
    assert_eq!((world.order(update.id).await.state, world.order(id).await.state), (State::Acknowledged, State::Superseded));
}

/// Whatever an order says, and whatever follows it, the bytes that leave are judged by others.
async fn every_document_that_leaves_holds_before_other_judges(world: &World) {
    let partner = Partner::start().await;
    let viettel = outlet_at(world, "viettel", &partner.address(), None).await;
    let long = Content {
        title: "Cảnh báo <khẩn> & “giả danh” ]]> công an".into(),
        warning: true,
        app: Some("Không đọc mã OTP.\r\n\tNghi bị lừa: 156 & 5656 <!-- -->".into()),
        material: Some("Đọc trên loa\u{a0}phường, 2 lần\u{2028}một ngày: &amp; 𠮷".into()),
        rounds: 3,
        window: Some(("08:00".into(), "20:00".into())),
        max_rate: Some(500),
        areas: vec!["79".into(), "00004".into()],
        audience: Some("Mọi thuê bao > 18 tuổi".into()),
        contract: Some("15/2026/HĐ-VT".into()),
        basis: Some(Basis {
            number: "12/UBND-VX".into(),
            date: "2026-10-01".into(),
            authority: "UBND tỉnh \"mẫu\"".into(),
            signer: None,
            document: None,
        }),
        ..plain(world)
    };
    let bare = Content { sms: None, sender_name: None, areas: vec![], report_by: None, ..plain(world) };
    let others = [Status::Exercise, Status::Test].map(|status| Content { status, ..plain(world) });
    let mut pusher = pusher(world);
    for content in [bare, long].into_iter().chain(others) {
        let ack = Say::Reply(200, |got| cap::write(&reply_to(got, MsgType::Ack, None)).unwrap());
        let id = world.order_to(&viettel, content).await;
        partner.says(ack);
        assert_eq!(pushed(&mut pusher).await, TAKEN);
        let (writer, approver) = (Actor::command("Lan"), Actor::command("Minh"));
        let content = Content { rounds: 4, ..world.order(id).await.content };
        let update = follow::update(&world.db, id, &content, "Thêm <một> đợt", &world.by(&writer)).await.unwrap().unwrap();
        order::approve(&world.db, update.id, &world.by(&approver)).await.unwrap().unwrap();
        partner.says(ack);
        assert_eq!(pushed(&mut pusher).await, TAKEN);
        follow::cancel(&world.db, update.id, "Sai & thừa", &world.by(&writer)).await.unwrap().unwrap();
        partner.says(ack);
        assert_eq!(pushed(&mut pusher).await, TAKEN);
        assert_eq!(world.order(update.id).await.state, State::Cancelled);
    }
    let got = partner.got();
    assert_eq!(got.len(), 12);
    for one in got {
        judges::hold(&one.body, STRANGER);
    }
}

on_both_engines!(an_update_names_the_earlier_one_as_it_named_itself, every_document_that_leaves_holds_before_other_judges);
