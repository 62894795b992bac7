//! The record of who did what: one chain, in which every change of an entry is found.

use loa::{
    audit::{self, Actor, Broken, Filter, Head, Via},
    db::Db,
    transaction,
};
use serde_json::json;

use super::world::World;

async fn record(db: &Db, action: &str, now: i64) {
    let actor =
        Actor { user: Some(7), name: "Lê Thị Mẫu".into(), from: Some("203.0.113.9".parse().unwrap()), via: Via::Console };
    let (before, after) = (json!({ "state": "draft\u{0}" }), json!({ "state": "approved" }));
    let done = transaction!(db, |tx| audit::record(tx, &actor, action, "nhan-dien 100%", Some(&before), Some(&after), now).await);
    done.unwrap();
}

async fn broken(world: &World, kept: &[Head]) -> Option<Broken> {
    audit::verify(&world.db, kept).await.unwrap().broken
}

async fn whatever_is_done_to_an_entry_is_found(world: &World) {
    let empty = audit::head(&world.db).await.unwrap();
    assert_eq!((empty.seq, broken(world, &[]).await), (0, None));
    for n in 1..=5 {
        record(&world.db, "campaign.approve", n * 1000).await;
    }
    let whole = audit::verify(&world.db, &[]).await.unwrap();
    assert_eq!((whole.entries, whole.broken.clone()), (5, None));
    assert_eq!(audit::head(&world.db).await.unwrap(), whole.head);
    assert_eq!(broken(world, std::slice::from_ref(&whole.head)).await, None);

    world.sql("UPDATE audit SET who = 'Nobody' WHERE seq = 3").await;
    assert_eq!(broken(world, &[]).await, Some(Broken::Altered(3)));
    world.sql("UPDATE audit SET who = 'Lê Thị Mẫu' WHERE seq = 3").await;
    assert_eq!(broken(world, &[]).await, None);
    for column in ["at = at + 1", "address = ''", "after_json = NULL", "via = 2", "console_user = NULL", "subject = 'x'"] {
        let (name, _) = column.split_once(' ').unwrap();
        world.sql("CREATE TABLE saved AS SELECT * FROM audit WHERE seq = 2").await;
        world.sql(&format!("UPDATE audit SET {column} WHERE seq = 2")).await;
        assert_eq!(broken(world, &[]).await, Some(Broken::Altered(2)), "{column}");
        world.sql(&format!("UPDATE audit SET {name} = (SELECT {name} FROM saved) WHERE seq = 2")).await;
        world.sql("DROP TABLE saved").await;
    }
    assert_eq!(broken(world, &[]).await, None);

    // Its last entries cut off: the end that stands beside them is another.
    world.sql("CREATE TABLE saved AS SELECT * FROM audit WHERE seq > 3").await;
    world.sql("DELETE FROM audit WHERE seq > 3").await;
    assert_eq!(broken(world, &[]).await, Some(Broken::CutOff { last: 3, was: 5 }));
    // The end put right as well, by whoever can: an end that was kept elsewhere is another.
    world.sql("UPDATE audit_head SET seq = 3, hash = (SELECT hash FROM audit WHERE seq = 3)").await;
    assert_eq!(broken(world, &[]).await, None);
    assert_eq!(broken(world, std::slice::from_ref(&whole.head)).await, Some(Broken::CutOff { last: 3, was: 5 }));
    // And written on from there.
    record(&world.db, "campaign.approve", 9_000).await;
    record(&world.db, "campaign.approve", 9_000).await;
    assert_eq!(broken(world, &[]).await, None);
    assert_eq!(broken(world, std::slice::from_ref(&whole.head)).await, Some(Broken::Rewritten(5)));

    world.sql("DELETE FROM audit WHERE seq = 2").await;
    assert_eq!(broken(world, &[]).await, Some(Broken::Missing(2)));
}

async fn it_is_one_chain_whoever_writes_at_once(world: &World) {
    let writers: Vec<_> = (0..20)
        .map(|n| {
            let db = world.db.clone();
            tokio::spawn(async move { record(&db, "run.pause", n).await })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let chain = audit::verify(&world.db, &[]).await.unwrap();
    assert_eq!((chain.entries, chain.broken), (20, None));
}

async fn entries_are_found_by_who_what_and_when(world: &World) {
    record(&world.db, "campaign.approve", 1_000).await;
    record(&world.db, "user.add", 2_000).await;
    record(&world.db, "campaign.submit", 3_000).await;
    let of = async |filter: Filter| {
        let found = audit::list(&world.db, &filter, None, 10).await.unwrap();
        found.iter().map(|entry| entry.seq).collect::<Vec<_>>()
    };
    let text = |text: &str| Some(text.to_string());
    assert_eq!(of(Filter::default()).await, [3, 2, 1]);
    assert_eq!(of(Filter { action: text("campaign."), ..Filter::default() }).await, [3, 1]);
    assert_eq!(of(Filter { action: text("campaign_"), ..Filter::default() }).await, Vec::<i64>::new());
    assert_eq!(of(Filter { subject: text("100%"), ..Filter::default() }).await, [3, 2, 1]);
    assert_eq!(of(Filter { subject: text("1%0"), ..Filter::default() }).await, Vec::<i64>::new());
    assert_eq!(of(Filter { who: text("Lê Thị Mẫu"), from: Some(2_000), until: Some(3_000), ..Filter::default() }).await, [2]);
    assert_eq!(of(Filter { who: text("Ai đó"), ..Filter::default() }).await, Vec::<i64>::new());
    let earlier = audit::list(&world.db, &Filter::default(), Some(3), 1).await.unwrap();
    assert_eq!(earlier.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [2]);
}

on_both_engines!(
    whatever_is_done_to_an_entry_is_found,
    it_is_one_chain_whoever_writes_at_once,
    entries_are_found_by_who_what_and_when,
);
