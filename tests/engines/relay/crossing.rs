//! What crosses: a withdrawal and a push, a try and the end of an order's time, and answers that come at once.

use loa::{
    db::{Engine, Sql},
    outlet::{Kind, Way},
    relay::{
        By, Eyes, Refusal, State, answer, follow,
        hand::{self, Pushed},
        order,
    },
    within,
};

use super::{World, content, outlet_of, somebody, state};
use crate::helpers::orders::DAY;

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
async fn a_withdrawal_sees_the_push_that_it_waited_for(world: &World) {
    let viettel = outlet_of(world, "viettel", Kind::Carrier, Way::Push).await;
    for abort in [false, true] {
        let id = world.order_to(&viettel, content(world)).await;
        let run = world.order(id).await.run;
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
    world.is_sound().await;
}

/// A try that was under way when the order expired tells whether anybody has it.
async fn a_try_under_way_is_waited_for_when_an_order_expires(world: &World) {
    let viettel = outlet_of(world, "viettel", Kind::Carrier, Way::Push).await;
    let id = world.order_to(&viettel, content(world)).await;
    world.advance(2 * DAY - 1).await;
    assert_eq!(hand::claim(&world.db, 10, world.now()).await.unwrap().len(), 1);
    world.advance(1).await;
    assert_eq!(hand::lapse(&world.db, world.now()).await.unwrap(), 0, "it is known soon");
    hand::pushed(&world.db, id, &Pushed::Failed("no connection".into()), world.now()).await.unwrap().unwrap();
    assert_eq!(hand::lapse(&world.db, world.now()).await.unwrap(), 1);
    assert_eq!(state(world, id).await, State::Cancelled, "nobody ever had it, and nobody owes a report");
    world.is_sound().await;
}

async fn only_one_follows_whoever_asks_at_once(world: &World) {
    let viettel = outlet_of(world, "viettel", Kind::Carrier, Way::Hand).await;
    let id = world.order_to(&viettel, content(world)).await;
    let actor = somebody();
    answer::acknowledge(&world.db, id, "", &world.by(&actor)).await.unwrap().unwrap();
    let tries: Vec<_> = (0..6)
        .map(|n| {
            let (db, content, now) = (world.db.clone(), content(world), world.now());
            tokio::spawn(async move {
                let actor = somebody();
                let by = By { actor: &actor, eyes: Eyes::All, now };
                if n % 2 == 0 {
                    follow::update(&db, id, &content, "", &by).await.unwrap().map(drop)
                } else {
                    follow::cancel(&db, id, "x", &by).await.unwrap().map(drop)
                }
            })
        })
        .collect();
    let mut done = 0;
    for tried in tries {
        match tried.await.unwrap() {
            Ok(()) => done += 1,
            Err(refusal) => assert_eq!(refusal, Refusal::Followed),
        }
    }
    assert_eq!(done, 1);
    world.is_sound().await;
}

async fn a_stale_version_changes_nothing(world: &World) {
    let viettel = outlet_of(world, "viettel", Kind::Carrier, Way::Hand).await;
    let id = world.order_to(&viettel, content(world)).await;
    let answers: Vec<_> = (0..8)
        .map(|n| {
            let (db, now) = (world.db.clone(), world.now());
            tokio::spawn(async move {
                let actor = somebody();
                let by = By { actor: &actor, eyes: Eyes::All, now };
                match n % 2 {
                    0 => answer::acknowledge(&db, id, "", &by).await.unwrap().is_ok(),
                    _ => answer::begin(&db, id, "", &by).await.unwrap().is_ok(),
                }
            })
        })
        .collect();
    for answer in answers {
        assert!(answer.await.unwrap());
    }
    let order = world.order(id).await;
    assert_eq!(order.state, State::Sending);
    let events = order::events(&world.db, id).await.unwrap();
    let moves = i64::try_from(events.len()).unwrap() - 1;
    assert_eq!(order.version, moves, "each change is one event: {events:?}");
    world.is_sound().await;
}

on_both_engines!(
    a_withdrawal_sees_the_push_that_it_waited_for,
    a_try_under_way_is_waited_for_when_an_order_expires,
    only_one_follows_whoever_asks_at_once,
    a_stale_version_changes_nothing,
);
