//! What outlets report: taken if it adds up, kept as it came, and asked for when it is late.

use loa::{
    outlet::{Kind, Way},
    relay::{
        Eyes, Refusal, State, answer, chase,
        count::{self, Cut, Selection},
        hand, order, paper,
        report::{self, Rejected, Report},
    },
    transaction,
};

use super::{World, content, line, outlet_of, reported, somebody, take};
use crate::helpers::orders::DAY;

async fn reports_add_up_and_are_kept(world: &World) {
    let viettel = outlet_of(world, "viettel", Kind::Carrier, Way::Hand).await;
    let id = world.order_to(&viettel, content(world)).await;
    let first = reported(world, 1, vec![line("79", 1, [100, 80, 70]), line("01", 1, [50, 50, 50])]);
    let taken = take(world, id, &first).await.unwrap();
    assert_eq!((taken.order.state, taken.repeated), (State::ReportedPartly, false));
    assert!(taken.order.handed_at.is_some() && taken.order.answered_at.is_some(), "whoever counts had it");
    let again = take(world, id, &first).await.unwrap();
    assert_eq!((again.report, again.repeated), (taken.report, true));
    let other = Report { as_of: first.as_of + 1, ..first.clone() };
    assert!(matches!(take(world, id, &other).await, Err(Rejected::Faults(_))), "another of the same sequence");
    assert_eq!(report::next_sequence(&world.db, id).await.unwrap(), 2);

    let lower = reported(world, 2, vec![line("79", 1, [100, 80, 60]), line("01", 1, [50, 50, 50])]);
    let Err(Rejected::Faults(faults)) = take(world, id, &lower).await else { panic!() };
    assert_eq!((faults.len(), faults[0].field, faults[0].area.as_deref()), (1, "delivered", Some("79")));
    let rejected = order::events(&world.db, id).await.unwrap();
    assert_eq!(rejected.iter().filter(|event| event.happening == "report_rejected").count(), 2);
    take(world, id, &lower).await.unwrap_err();
    assert_eq!(order::events(&world.db, id).await.unwrap(), rejected, "the same once more is told once");

    let last = Report {
        last: true,
        ..reported(world, 2, vec![line("79", 1, [100, 80, 75]), line("01", 1, [50, 50, 50]), line("79", 2, [90, 90, 80])])
    };
    assert_eq!(take(world, id, &last).await.unwrap().order.state, State::Reported);
    let after = reported(world, 3, last.counts.clone());
    assert_eq!(take(world, id, &after).await, Err(Rejected::Refused(Refusal::Final)));
    assert_eq!(take(world, id, &first).await.unwrap().report, taken.report, "the same once more, however late");

    // A correction needs evidence that is there, lowers what was wrong, and both are kept.
    let actor = somebody();
    let nowhere = Report { correction: Some("đếm trùng".into()), evidence: Some("ab".into()), last: true, ..lower.clone() };
    let correction = Report { sequence: 3, ..nowhere };
    let Err(Rejected::Faults(faults)) = take(world, id, &correction).await else { panic!() };
    assert_eq!(faults[0].field, "evidence");
    let hash =
        transaction!(world.db, |tx| paper::keep(tx, "cv.pdf", "application/pdf", b"%PDF", &world.by(&actor)).await).unwrap();
    let correction = Report { evidence: Some(hash.clone()), ..correction };
    assert_eq!(take(world, id, &correction).await.unwrap().order.state, State::Reported);
    assert_eq!(paper::bytes(&world.db, &hash).await.unwrap().as_deref(), Some(&b"%PDF"[..]));
    let kept = report::all(&world.db, id).await.unwrap();
    assert_eq!(kept.iter().map(|kept| kept.report.sequence).collect::<Vec<_>>(), [3, 2, 1]);
    assert_eq!(kept[0].report.correction.as_deref(), Some("đếm trùng"));
    let all = count::figures(&world.db, &Selection::default(), Cut::All, Eyes::All).await.unwrap();
    assert_eq!((all[""].targeted, all[""].delivered), (150, Some(110)), "the correction alone counts");

    order::close(&world.db, id, "", &world.by(&actor)).await.unwrap().unwrap();
    let late = Report { sequence: 4, ..correction.clone() };
    assert_eq!(take(world, id, &late).await, Err(Rejected::Refused(Refusal::Closed)));
    order::reopen(&world.db, id, "còn sai", &world.by(&actor)).await.unwrap().unwrap();
    assert_eq!(take(world, id, &late).await.unwrap().order.state, State::Reported);
    world.is_sound().await;
}

/// A program that is broken, or means to, leaves no more behind than somebody can look through.
async fn rejected_reports_fill_no_page(world: &World) {
    let viettel = outlet_of(world, "viettel", Kind::Carrier, Way::Pull).await;
    let id = world.order_to(&viettel, content(world)).await;
    let sends = async |n: i64| {
        let bad = reported(world, 1, vec![line("01", 1, [n, n + 1, 0])]);
        assert!(matches!(take(world, id, &bad).await, Err(Rejected::Faults(_))));
    };
    for n in 0..120 {
        sends(n).await;
    }
    let rejected = async || {
        let events = order::events(&world.db, id).await.unwrap();
        events.iter().filter(|event| event.happening == "report_rejected").count()
    };
    assert_eq!(rejected().await, 100);
    world.advance(DAY).await;
    sends(1).await;
    assert_eq!(rejected().await, 101, "another day, another program");
}

async fn late_reports_are_chased_once_a_day(world: &World) {
    let viettel = outlet_of(world, "viettel", Kind::Carrier, Way::Hand).await;
    let (late, done) = (world.order_to(&viettel, content(world)).await, world.order_to(&viettel, content(world)).await);
    let actor = somebody();
    for id in [late, done] {
        hand::by_hand(&world.db, id, "công văn", &world.by(&actor)).await.unwrap().unwrap();
    }
    let last = Report { last: true, ..reported(world, 1, vec![line("01", 1, [10, 10, 9])]) };
    take(world, done, &last).await.unwrap();
    world.advance(3 * DAY - 1).await;
    assert_eq!(chase::mark(&world.db, world.now()).await.unwrap(), 0);
    world.advance(1).await;
    assert_eq!(chase::mark(&world.db, world.now()).await.unwrap(), 1);
    assert_eq!(chase::mark(&world.db, world.now()).await.unwrap(), 0);
    assert_eq!(order::overdue(&world.db).await.unwrap(), 1);
    let due = chase::due(&world.db, 10, world.now()).await.unwrap();
    assert_eq!(due.iter().map(|order| order.id).collect::<Vec<_>>(), [late]);
    assert_eq!(chase::due(&world.db, 10, world.now()).await.unwrap(), [], "one node alone");
    chase::done(&world.db, &due[0], false, world.now()).await.unwrap();
    let due = chase::due(&world.db, 10, world.now()).await.unwrap();
    assert_eq!(due.len(), 1, "the mail did not go out");
    answer::begin(&world.db, late, "", &world.by(&actor)).await.unwrap().unwrap();
    chase::done(&world.db, &due[0], true, world.now()).await.unwrap();
    world.is_sound().await;
    world.advance(chase::EVERY - 1).await;
    assert_eq!(chase::due(&world.db, 10, world.now()).await.unwrap(), []);
    world.advance(1).await;
    assert_eq!(chase::due(&world.db, 10, world.now()).await.unwrap().len(), 1);
    // A report that is not the last leaves it late; the last one ends that.
    take(world, late, &reported(world, 1, vec![line("01", 1, [10, 10, 9])])).await.unwrap();
    assert!(world.order(late).await.is_overdue());
    take(world, late, &Report { last: true, ..reported(world, 2, vec![line("01", 1, [10, 10, 9])]) }).await.unwrap();
    assert!(!world.order(late).await.is_overdue());
    world.is_sound().await;
}

on_both_engines!(reports_add_up_and_are_kept, rejected_reports_fill_no_page, late_reports_are_chased_once_a_day);
