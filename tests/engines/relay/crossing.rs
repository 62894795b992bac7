//! What crosses: a withdrawal and a push, answers that come after others, closing and opening again while the outlet goes on.

use std::collections::BTreeSet;

use loa::{
    db::{Engine, Sql},
    outlet::{Kind, Outlet, Way},
    relay::{
        By, Content, Eyes, Refusal, State, answer, carried, count,
        follow::{self, Cancelled},
        hand::{self, Pushed},
        order,
        report::{Rejected, Report},
    },
    within,
};

use super::{DAY, World, by, content, get, is_sound, line, order_to, outlet_of, reported, somebody, state, take};

static HOLD: Sql = Sql::new(r"SELECT o.id FROM relay_order o WHERE o.id = $1 :lock(o)");
static CLAIM: Sql = Sql::new(
    r"INSERT INTO relay_push (relay_order, next_at, tries, doubt, doubted, rejected, began_at, last)
      VALUES ($1, $2, 1, true, false, false, $2, '')",
);

/// Whether somebody waits for a row that another holds. SQLite has one writer, who needs no row.
async fn somebody_waits(world: &World) -> bool {
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    world.db.engine() == Engine::Sqlite || world.number(waits).await > 0
}

/// Whoever withdraws while another node claims the push sees the claim: the document may be on its way.
pub async fn a_withdrawal_sees_the_push_that_it_waited_for(world: &World) {
    let viettel = outlet_of(world, "viettel", Kind::Carrier, Way::Push).await;
    for abort in [false, true] {
        let id = order_to(world, &viettel, content(world)).await;
        let run = get(world, id).await.run;
        let mut node = world.db.begin().await.unwrap();
        within!(&mut node, |c, sql| sqlx::query(sql(&HOLD)).bind(id).execute(c).await.map(drop)).unwrap();
        within!(&mut node, |c, sql| sqlx::query(sql(&CLAIM)).bind(id).bind(world.now()).execute(c).await.map(drop)).unwrap();
        let (db, now) = (world.db.clone(), world.now());
        let withdrawal = tokio::spawn(async move {
            let actor = somebody();
            let by = By { actor: &actor, eyes: Eyes::All, now };
            if abort {
                let withdrawn = loa::transaction!(db, |tx| order::withdraw_run(tx, run, "dừng", &by).await).unwrap();
                assert_eq!(withdrawn, 0, "it may be on its way");
            } else {
                assert_eq!(order::withdraw(&db, id, "nhầm", &by).await.unwrap().map(drop), Err(Refusal::InDoubt));
            }
        });
        tokio::task::yield_now().await;
        while !somebody_waits(world).await {
            assert!(!withdrawal.is_finished(), "it waited for nobody");
            tokio::task::yield_now().await;
        }
        match node {
            loa::db::Tx::Sqlite(tx) => tx.commit().await.unwrap(),
            loa::db::Tx::Postgres(tx) => tx.commit().await.unwrap(),
        }
        withdrawal.await.unwrap();
        assert_eq!(state(world, id).await, State::Approved);
    }
    is_sound(world).await;
}

/// A try that was under way when the order expired tells whether anybody has it.
pub async fn a_try_under_way_is_waited_for_when_an_order_expires(world: &World) {
    let viettel = outlet_of(world, "viettel", Kind::Carrier, Way::Push).await;
    let id = order_to(world, &viettel, content(world)).await;
    world.advance(2 * DAY - 1).await;
    assert_eq!(hand::claim(&world.db, 10, world.now()).await.unwrap().len(), 1);
    world.advance(1).await;
    assert_eq!(hand::lapse(&world.db, world.now()).await.unwrap(), 0, "it is known soon");
    hand::pushed(&world.db, id, &Pushed::Failed("no connection".into()), world.now()).await.unwrap().unwrap();
    assert_eq!(hand::lapse(&world.db, world.now()).await.unwrap(), 1);
    assert_eq!(state(world, id).await, State::Cancelled, "nobody ever had it, and nobody owes a report");
    is_sound(world).await;
}

/// An order that its outlet took, with an Update of it that goes out.
async fn updated(world: &World, outlet: &Outlet, title: &str) -> (i64, i64) {
    let id = order_to(world, outlet, content(world)).await;
    answer::acknowledge(&world.db, id, "", &by(world, &somebody())).await.unwrap().unwrap();
    (id, update_of(world, id, title).await)
}

async fn update_of(world: &World, id: i64, title: &str) -> i64 {
    let content = Content { title: title.into(), ..content(world) };
    let update = follow::update(&world.db, id, &content, "", &by(world, &somebody())).await.unwrap().unwrap().id;
    order::approve(&world.db, update, &by(world, &somebody())).await.unwrap().unwrap();
    update
}

/// An outlet that thinks again takes what it refused, but never two in the place of one.
pub async fn what_was_refused_returns_while_nothing_else_follows(world: &World) {
    let viettel = outlet_of(world, "viettel", Kind::Carrier, Way::Hand).await;
    let actor = somebody();
    let by = by(world, &actor);
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
    is_sound(world).await;
}

pub async fn an_update_of_what_has_ended_is_not_approved(world: &World) {
    let viettel = outlet_of(world, "viettel", Kind::Carrier, Way::Hand).await;
    let actor = somebody();
    let by = by(world, &actor);
    let changed = Content { title: "Bản sửa".into(), ..content(world) };
    for (ends, refusal) in [(true, Refusal::Refused), (false, Refusal::Closed)] {
        let id = order_to(world, &viettel, content(world)).await;
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
    is_sound(world).await;
}

pub async fn what_is_opened_again_stands_where_it_stood(world: &World) {
    let viettel = outlet_of(world, "viettel", Kind::Carrier, Way::Hand).await;
    let actor = somebody();
    let by = by(world, &actor);
    let (taken, refused) = (order_to(world, &viettel, content(world)).await, order_to(world, &viettel, content(world)).await);
    answer::acknowledge(&world.db, taken, "", &by).await.unwrap().unwrap();
    answer::refuse(&world.db, refused, "không", &by).await.unwrap().unwrap();
    let told = async || {
        let runs = [get(world, taken).await.run, get(world, refused).await.run];
        let carried = carried::of_runs(&world.db, &runs).await.unwrap();
        let progress = count::progress(&world.db, None, Some(runs[1]), Eyes::All).await.unwrap();
        let progress = progress[&(Kind::Carrier as i16)];
        (carried.iter().map(|one| one.run).collect::<BTreeSet<i64>>(), progress.taken, progress.refused)
    };
    let before = told().await;
    assert_eq!(before, (BTreeSet::from([get(world, taken).await.run]), 0, 1));
    for (id, stood) in [(taken, State::Acknowledged), (refused, State::Refused)] {
        order::close(&world.db, id, "đủ", &by).await.unwrap().unwrap();
        assert_eq!(told().await, before, "closing it is the office's doing");
        order::reopen(&world.db, id, "chưa đủ", &by).await.unwrap().unwrap();
        assert_eq!(state(world, id).await, stood);
        order::close(&world.db, id, "đủ", &by).await.unwrap().unwrap();
    }
    is_sound(world).await;
}

/// An Update that is acknowledged takes the place of what was closed meanwhile, too; then there is nothing to open again.
pub async fn what_is_closed_is_replaced_all_the_same(world: &World) {
    let viettel = outlet_of(world, "viettel", Kind::Carrier, Way::Hand).await;
    let actor = somebody();
    let by = by(world, &actor);
    let (id, update) = updated(world, &viettel, "Bản sửa").await;
    let last = Report { last: true, ..reported(world, 1, vec![line("01", 1, [10, 10, 9])]) };
    take(world, id, &last).await.unwrap();
    order::close(&world.db, id, "", &by).await.unwrap().unwrap();
    assert_eq!(follow::cancel(&world.db, id, "x", &by).await.unwrap(), Err(Refusal::Closed));
    answer::acknowledge(&world.db, update, "", &by).await.unwrap().unwrap();
    assert_eq!(state(world, id).await, State::Superseded, "one text holds, and not two");
    assert_eq!(order::reopen(&world.db, id, "x", &by).await.unwrap(), Err(Refusal::NotClosed));
    assert_eq!(order::close(&world.db, id, "x", &by).await.unwrap(), Err(Refusal::Superseded));
    is_sound(world).await;
}

/// After the final report only corrections, whatever became of the order.
pub async fn what_was_withdrawn_takes_reports_by_the_same_rules(world: &World) {
    let viettel = outlet_of(world, "viettel", Kind::Carrier, Way::Hand).await;
    let actor = somebody();
    let by = by(world, &actor);
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
    is_sound(world).await;
}
