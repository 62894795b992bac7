//! Updates and Cancels, what is closed and opened again, and what the earlier order takes then.

use std::collections::BTreeSet;

use loa::{
    audit::Actor,
    outlet::{Kind, Outlet, Way},
    relay::{
        By, Content, Eyes, Refusal, State, Status, Step, answer, carried, count,
        follow::{self, Cancelled},
        hand, order,
        report::{Rejected, Report},
    },
};

use super::{World, content, line, outlet_of, reported, somebody, state, take};

async fn updates_and_cancels_follow_what_was_acknowledged(world: &World) {
    let viettel = outlet_of(world, "viettel", Kind::Carrier, Way::Hand).await;
    let id = world.order_to(&viettel, content(world)).await;
    let actor = Actor { user: Some(1), ..somebody() };
    let approver = Actor { user: Some(2), ..somebody() };
    let by = world.by(&actor);
    hand::by_hand(&world.db, id, "công văn 12", &by).await.unwrap().unwrap();
    let changed = Content { status: Status::Test, title: "Bản sửa".into(), ..content(world) };
    assert_eq!(follow::update(&world.db, id, &changed, "", &by).await.unwrap(), Err(Refusal::NotAcknowledged));
    assert_eq!(follow::cancel(&world.db, id, "sai số liệu", &by).await.unwrap(), Err(Refusal::NotAcknowledged));
    answer::acknowledge(&world.db, id, "", &by).await.unwrap().unwrap();
    assert_eq!(follow::cancel(&world.db, id, " ", &by).await.unwrap(), Err(Refusal::NoReason));

    let update = follow::update(&world.db, id, &changed, "sửa câu 2", &by).await.unwrap().unwrap();
    assert_eq!((update.state, update.step, update.serial, update.earlier), (State::Drafted, Step::Update, 1, Some(id)));
    assert_eq!(update.content.status, Status::Actual, "an order stays what it is");
    assert!(update.identifier.ends_with(".1"));
    assert_eq!(follow::cancel(&world.db, id, "x", &by).await.unwrap(), Err(Refusal::Followed));
    assert!(order::one(&world.db, update.id, Eyes::Outlet(viettel.id), world.now()).await.unwrap().is_none(), "a draft");
    assert_eq!(order::approve(&world.db, update.id, &by).await.unwrap(), Err(Refusal::OwnWriting));
    assert_eq!(hand::by_hand(&world.db, update.id, "x", &by).await.unwrap(), Err(Refusal::NotApproved));
    order::approve(&world.db, update.id, &By { actor: &approver, ..by }).await.unwrap().unwrap();
    assert_eq!(state(world, id).await, State::Acknowledged, "it holds until the outlet took the other one");
    // An answer says that it was handed over.
    answer::acknowledge(&world.db, update.id, "", &by).await.unwrap().unwrap();
    assert_eq!((state(world, id).await, state(world, update.id).await), (State::Superseded, State::Acknowledged));
    assert_eq!(answer::refuse(&world.db, update.id, "thôi", &by).await.unwrap(), Err(Refusal::Acknowledged));
    assert_eq!(follow::update(&world.db, id, &changed, "", &by).await.unwrap(), Err(Refusal::Superseded));

    // A Cancel that is refused leaves things as they are; another may follow.
    let Cancelled::Asked(cancel) = follow::cancel(&world.db, update.id, "thôi", &by).await.unwrap().unwrap() else { panic!() };
    assert_eq!((cancel.state, cancel.step, cancel.report_by), (State::Approved, Step::Cancel, None));
    assert_eq!(answer::begin(&world.db, cancel.id, "", &by).await.unwrap(), Err(Refusal::IsCancel));
    assert_eq!(state(world, cancel.id).await, State::Approved, "nothing was written");
    answer::refuse(&world.db, cancel.id, "đã gửi rồi", &by).await.unwrap().unwrap();
    assert_eq!(state(world, update.id).await, State::Acknowledged);
    let Cancelled::Asked(cancel) = follow::cancel(&world.db, update.id, "thôi", &by).await.unwrap().unwrap() else { panic!() };
    assert_eq!(cancel.serial, 3);
    answer::acknowledge(&world.db, cancel.id, "", &by).await.unwrap().unwrap();
    assert_eq!(state(world, update.id).await, State::Cancelled);
    // What was sent before counts.
    take(world, update.id, &reported(world, 1, vec![line("01", 1, [10, 3, 3])])).await.unwrap();
    assert_eq!(state(world, update.id).await, State::Cancelled);

    // Nobody has it: at once.
    let other = world.order_to(&viettel, content(world)).await;
    let done = follow::cancel(&world.db, other, "nhầm", &by).await.unwrap().unwrap();
    assert!(matches!(done, Cancelled::AtOnce(order) if order.state == State::Cancelled));
    world.is_sound().await;
}

/// An order that its outlet took, with an Update of it that goes out.
async fn updated(world: &World, outlet: &Outlet, title: &str) -> (i64, i64) {
    let id = world.order_to(outlet, content(world)).await;
    answer::acknowledge(&world.db, id, "", &world.by(&somebody())).await.unwrap().unwrap();
    (id, update_of(world, id, title).await)
}

async fn update_of(world: &World, id: i64, title: &str) -> i64 {
    let content = Content { title: title.into(), ..content(world) };
    let update = follow::update(&world.db, id, &content, "", &world.by(&somebody())).await.unwrap().unwrap().id;
    order::approve(&world.db, update, &world.by(&somebody())).await.unwrap().unwrap();
    update
}

/// An outlet that thinks again takes what it refused, but never two in the place of one.
async fn what_was_refused_returns_while_nothing_else_follows(world: &World) {
    let viettel = outlet_of(world, "viettel", Kind::Carrier, Way::Hand).await;
    let actor = somebody();
    let by = world.by(&actor);
    let (id, first) = updated(world, &viettel, "Bản sửa 1").await;
    answer::refuse(&world.db, first, "quá dài", &by).await.unwrap().unwrap();
    let second = update_of(world, id, "Bản sửa 2").await;
    assert_eq!(answer::acknowledge(&world.db, first, "", &by).await.unwrap(), Err(Refusal::Followed));
    answer::acknowledge(&world.db, second, "", &by).await.unwrap().unwrap();
    assert_eq!(answer::acknowledge(&world.db, first, "", &by).await.unwrap(), Err(Refusal::Superseded));
    let states = [state(world, id).await, state(world, first).await, state(world, second).await];
    assert_eq!(states, [State::Superseded, State::Refused, State::Acknowledged]);

    // Nothing else came: it takes the earlier one's place after all.
    let (id, update) = updated(world, &viettel, "Bản sửa").await;
    answer::refuse(&world.db, update, "quá dài", &by).await.unwrap().unwrap();
    answer::acknowledge(&world.db, update, "thôi được", &by).await.unwrap().unwrap();
    assert_eq!((state(world, id).await, state(world, update).await), (State::Superseded, State::Acknowledged));

    // Withdrawn meanwhile: an Update that was refused does not bring it back.
    let (id, update) = updated(world, &viettel, "Bản sửa").await;
    answer::refuse(&world.db, update, "quá dài", &by).await.unwrap().unwrap();
    let Cancelled::Asked(cancel) = follow::cancel(&world.db, id, "thôi", &by).await.unwrap().unwrap() else { panic!() };
    answer::acknowledge(&world.db, cancel.id, "", &by).await.unwrap().unwrap();
    assert_eq!(answer::acknowledge(&world.db, update, "", &by).await.unwrap(), Err(Refusal::Cancelled));
    world.is_sound().await;
}

async fn an_update_of_what_has_ended_is_not_approved(world: &World) {
    let viettel = outlet_of(world, "viettel", Kind::Carrier, Way::Hand).await;
    let actor = somebody();
    let by = world.by(&actor);
    let changed = Content { title: "Bản sửa".into(), ..content(world) };
    for (ends, refusal) in [(true, Refusal::Refused), (false, Refusal::Closed)] {
        let id = world.order_to(&viettel, content(world)).await;
        answer::acknowledge(&world.db, id, "", &by).await.unwrap().unwrap();
        let update = follow::update(&world.db, id, &changed, "", &by).await.unwrap().unwrap();
        if ends {
            answer::refuse(&world.db, id, "không làm được", &by).await.unwrap().unwrap();
        } else {
            order::close(&world.db, id, "đủ", &by).await.unwrap().unwrap();
        }
        assert_eq!(order::approve(&world.db, update.id, &by).await.unwrap(), Err(refusal));
        assert_eq!(state(world, update.id).await, State::Drafted);
    }
    world.is_sound().await;
}

async fn what_is_opened_again_stands_where_it_stood(world: &World) {
    let viettel = outlet_of(world, "viettel", Kind::Carrier, Way::Hand).await;
    let actor = somebody();
    let by = world.by(&actor);
    let (taken, refused) = (world.order_to(&viettel, content(world)).await, world.order_to(&viettel, content(world)).await);
    answer::acknowledge(&world.db, taken, "", &by).await.unwrap().unwrap();
    answer::refuse(&world.db, refused, "không", &by).await.unwrap().unwrap();
    let told = async || {
        let runs = [world.order(taken).await.run, world.order(refused).await.run];
        let carried = carried::of_runs(&world.db, &runs).await.unwrap();
        let progress = count::progress(&world.db, None, Some(runs[1]), Eyes::All).await.unwrap();
        let progress = progress[&(Kind::Carrier as i16)];
        (carried.iter().map(|one| one.run).collect::<BTreeSet<i64>>(), progress.taken, progress.refused)
    };
    let before = told().await;
    assert_eq!(before, (BTreeSet::from([world.order(taken).await.run]), 0, 1));
    for (id, stood) in [(taken, State::Acknowledged), (refused, State::Refused)] {
        order::close(&world.db, id, "đủ", &by).await.unwrap().unwrap();
        assert_eq!(told().await, before, "closing it is the office's doing");
        order::reopen(&world.db, id, "chưa đủ", &by).await.unwrap().unwrap();
        assert_eq!(state(world, id).await, stood);
        order::close(&world.db, id, "đủ", &by).await.unwrap().unwrap();
    }
    world.is_sound().await;
}

/// An Update that is acknowledged takes the place of what was closed meanwhile, too; then there is nothing to open again.
async fn what_is_closed_is_replaced_all_the_same(world: &World) {
    let viettel = outlet_of(world, "viettel", Kind::Carrier, Way::Hand).await;
    let actor = somebody();
    let by = world.by(&actor);
    let (id, update) = updated(world, &viettel, "Bản sửa").await;
    let last = Report { last: true, ..reported(world, 1, vec![line("01", 1, [10, 10, 9])]) };
    take(world, id, &last).await.unwrap();
    order::close(&world.db, id, "", &by).await.unwrap().unwrap();
    assert_eq!(follow::cancel(&world.db, id, "x", &by).await.unwrap(), Err(Refusal::Closed));
    answer::acknowledge(&world.db, update, "", &by).await.unwrap().unwrap();
    assert_eq!(state(world, id).await, State::Superseded, "one text holds, and not two");
    assert_eq!(order::reopen(&world.db, id, "x", &by).await.unwrap(), Err(Refusal::NotClosed));
    assert_eq!(order::close(&world.db, id, "x", &by).await.unwrap(), Err(Refusal::Superseded));
    world.is_sound().await;
}

/// After the final report only corrections, whatever became of the order.
async fn what_was_withdrawn_takes_reports_by_the_same_rules(world: &World) {
    let viettel = outlet_of(world, "viettel", Kind::Carrier, Way::Hand).await;
    let actor = somebody();
    let by = world.by(&actor);
    let (id, update) = updated(world, &viettel, "Bản sửa").await;
    answer::acknowledge(&world.db, update, "", &by).await.unwrap().unwrap();
    let counted = |sequence, n| reported(world, sequence, vec![line("01", 1, [100, n, n])]);
    let corrected = |report: Report| Report { correction: Some("đếm lại".into()), ..report };
    let refused = async |report: Report| match take(world, id, &report).await {
        Err(Rejected::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(corrected(counted(1, 5))).await, Refusal::NothingReported);
    take(world, id, &counted(1, 5)).await.unwrap();
    take(world, id, &Report { last: true, ..counted(2, 6) }).await.unwrap();
    assert_eq!(refused(counted(3, 7)).await, Refusal::Final);
    take(world, id, &corrected(Report { last: true, ..counted(3, 4) })).await.unwrap();
    assert_eq!(state(world, id).await, State::Superseded);
    world.is_sound().await;
}

on_both_engines!(
    updates_and_cancels_follow_what_was_acknowledged,
    what_was_refused_returns_while_nothing_else_follows,
    an_update_of_what_has_ended_is_not_approved,
    what_is_opened_again_stands_where_it_stood,
    what_is_closed_is_replaced_all_the_same,
    what_was_withdrawn_takes_reports_by_the_same_rules,
);
