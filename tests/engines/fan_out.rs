//! An audience becomes deliveries: everyone one row, nobody two.

use loa::{
    consent::{self, Said, Scope},
    delivery::{State, Why, fan_out},
    transaction,
};
use providers::Channel;

use super::world::{CHAT, EMAIL, EVERYBODY, Person, Row, SMS, World, by_sms, campaign, one_after_the_other, phone};

async fn refuse(world: &World, channel: Channel, address: i64, scope: Scope) {
    let said = Said { source: "link", wording: "no more", at: world.now() };
    consent::record(&world.db, channel, address, scope, said).await.unwrap();
}

async fn the_first_usable_channel_is_taken(world: &World) {
    let nobody = Person::default();
    let people = world.people(&[phone(1).chat(2), phone(3).email(4), nobody.email(5), nobody]).await;
    let run = world.fanned_out(&one_after_the_other()).await;
    let found = world.states(run).await;
    assert_eq!(
        found,
        [
            (people[0], CHAT, State::Pending),
            (people[1], SMS, State::Pending),
            (people[2], EMAIL, State::Pending),
            (people[3], CHAT, State::Skipped),
        ]
    );
    assert_eq!(world.row(run, people[3], CHAT).await.why(), Why::NoAddress);
}

async fn every_usable_channel_is_taken_at_once(world: &World) {
    let people = world.people(&[phone(1).email(2).chat(3), phone(4), Person::default()]).await;
    let run = world.fanned_out(&campaign("warning", "use = [\"sms\", \"chat\", \"email\"]", "")).await;
    assert_eq!(
        world.states(run).await,
        [
            (people[0], SMS, State::Pending),
            (people[0], EMAIL, State::Pending),
            (people[0], CHAT, State::Pending),
            (people[1], SMS, State::Pending),
            (people[2], SMS, State::Skipped),
        ]
    );
}

async fn refusals_bind_by_their_scope(world: &World) {
    let people = world.people(&[phone(1).email(11), phone(2), phone(3), phone(4).email(14)]).await;
    refuse(world, Channel::Sms, 1, Scope::Awareness).await;
    refuse(world, Channel::Sms, 2, Scope::Awareness).await;
    refuse(world, Channel::Sms, 3, Scope::All).await;
    let by_mail_next = "use = [\"sms\", \"email\"]\npolicy = \"first\"";
    let advice = world.fanned_out(&campaign("awareness", by_mail_next, "")).await;
    assert_eq!(
        world.states(advice).await,
        [
            (people[0], EMAIL, State::Pending),
            (people[1], SMS, State::Skipped),
            (people[2], SMS, State::Skipped),
            (people[3], SMS, State::Pending),
        ]
    );
    assert_eq!(world.row(advice, people[1], SMS).await.why(), Why::OptedOut);
    let warning = world.fanned_out(&campaign("warning", by_mail_next, "")).await;
    assert_eq!(
        world.states(warning).await,
        [
            (people[0], SMS, State::Pending),
            (people[1], SMS, State::Pending),
            (people[2], SMS, State::Skipped),
            (people[3], SMS, State::Pending),
        ]
    );
}

async fn a_shared_phone_gets_one_text(world: &World) {
    let people = world.people(&[phone(7), phone(7), phone(8), phone(7)]).await;
    let run = world.run(&by_sms()).await;
    let (plan, row) = (world.plan(run), world.active.get(run).unwrap());
    let audience = row.frozen.audience(&row.row, world.db.engine(), world.now()).unwrap();
    // The first three in one chunk, the last in the next.
    for (after, through) in [(0, people[2]), (people[2], people[3])] {
        let chunk = fan_out::Chunk { after, through, due: world.now(), now: world.now() };
        transaction!(world.db, |tx| fan_out::chunk(tx, world.epoch, &plan, &audience, &chunk).await).unwrap();
    }
    let skipped: Vec<i64> = world.rows(run).await.iter().filter(|r| r.why() == Why::SameAddress).map(Row::recipient).collect();
    assert_eq!(skipped, [people[1], people[3]]);
    assert_eq!(world.claim(run, SMS).await.len(), 2);
}

async fn a_chunk_made_again_makes_nothing_twice(world: &World) {
    let people = world.people(&[phone(1).email(2), phone(1), phone(3), Person::default()]).await;
    for text in [by_sms(), one_after_the_other(), campaign("warning", "use = [\"sms\", \"email\"]", "")] {
        let run = world.run(&text).await;
        let (plan, row) = (world.plan(run), world.active.get(run).unwrap());
        let audience = row.frozen.audience(&row.row, world.db.engine(), world.now()).unwrap();
        let chunk = fan_out::Chunk { after: 0, through: people[3], due: world.now(), now: world.now() };
        let mut made = Vec::new();
        for _ in 0..3 {
            transaction!(world.db, |tx| fan_out::chunk(tx, world.epoch, &plan, &audience, &chunk).await).unwrap();
            made.push(world.rows(run).await);
            world.claim(run, SMS).await;
        }
        assert!(made[0].len() >= 4);
        assert_eq!(made[1].len(), made[0].len());
        assert_eq!(made[2].len(), made[0].len());
        world.check().await;
    }
}

async fn a_fan_out_goes_on_where_it_stopped(world: &World) {
    let people = world.crowd(3).await;
    // Numbers far apart: several chunks.
    world.sql(&format!("UPDATE recipient SET id = id + 25000 WHERE id = {}", people[2])).await;
    let run = world.run(&by_sms()).await;
    let runner = world.runner();
    assert!(runner.step().await.unwrap(), "one chunk of three");
    assert_eq!(world.rows(run).await.len(), 2);
    loa::run::command::pause(&world.db, run).await.unwrap();
    world.step().await;
    assert_eq!(world.rows(run).await.len(), 2, "paused");
    loa::run::command::resume(&world.db, run).await.unwrap();
    world.step().await;
    assert_eq!(world.rows(run).await.len(), 3);
    assert_eq!(world.active.get(run).unwrap().row.state, 1, "it sends");
}

const GROUPS: &str =
    "[can-bo]\ntitle = \"Cán bộ\"\ngroups = [\"can-bo\"]\n\n[giao-vien]\ntitle = \"Giáo viên\"\ngroups = [\"giao-vien\"]\n";

async fn segments_mark_rows_and_choose_messages(world: &World) {
    let people = world.people(&[phone(1).of("can-bo"), phone(2).of("giao-vien"), phone(3)]).await;
    let text = by_sms().replace("[\"moi-nguoi\"]", "[\"can-bo\", \"giao-vien\"]")
        + "\n[[message]]\nid = \"lop-hoc\"\nfor = [\"giao-vien\"]\nsms = \"Thay co nhac hoc sinh.\"\n";
    let run = world.run_with(&text, GROUPS, &[]).await;
    world.step().await;
    let rows: Vec<(i64, i64, i16)> = world.rows(run).await.iter().map(|r| (r.recipient(), r.segments, r.message)).collect();
    assert_eq!(rows, [(people[0], 0b01, 0), (people[1], 0b10, 1)]);
}

async fn a_test_goes_to_the_named_only(world: &World) {
    let people = world.crowd(3).await;
    let run = world.run_with(&by_sms(), EVERYBODY, &[format!("p{}", people[1])]).await;
    world.step().await;
    assert_eq!(world.states(run).await, [(people[1], SMS, State::Pending)]);
}

async fn what_goes_by_relay_alone_goes_to_nobody_of_the_list(world: &World) {
    world.people(&[phone(1).email(2).chat(3), phone(4)]).await;
    let run = world.fanned_out(RELAYED).await;
    assert!(world.rows(run).await.is_empty());
    // Beside another channel it changes nothing for the list.
    let both = by_sms().replace("use = [\"sms\"]", "use = [\"sms\", \"relay\"]").replace(
        "owner = ",
        &format!("{}owner = ", RELAYED.lines().find(|line| line.starts_with("basis")).unwrap().to_owned() + "\n"),
    ) + RELAYED.split_inclusive("[channels]\nuse = [\"relay\"]\n").nth(1).unwrap();
    let run = world.fanned_out(&both).await;
    assert_eq!(world.rows(run).await.len(), 2);
}

/// For carriers alone.
const RELAYED: &str = r#"title = "Qua nhà mạng"
kind = "awareness"
owner = "Sở Thông tin"
basis = { number = "1", date = 2026-11-01, authority = "UBND", document = "cong-van.pdf" }

[channels]
use = ["relay"]

[relay]
partners = ["viettel"]
sender = "So TTTT"
areas = ["01"]
audience = "Mọi thuê bao"
sms = "Khong cung cap ma OTP."
payment = "free"
"#;

on_both_engines!(
    the_first_usable_channel_is_taken,
    every_usable_channel_is_taken_at_once,
    refusals_bind_by_their_scope,
    a_shared_phone_gets_one_text,
    a_chunk_made_again_makes_nothing_twice,
    a_fan_out_goes_on_where_it_stopped,
    segments_mark_rows_and_choose_messages,
    a_test_goes_to_the_named_only,
    what_goes_by_relay_alone_goes_to_nobody_of_the_list,
);
