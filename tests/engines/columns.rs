//! The list's own columns are counted as the list changes, whichever way it does.

use loa::{
    audience::{
        column, erase,
        import::{self, Order},
    },
    verify::{Rule, verify},
    words::Lang,
};

use super::world::World;

on_both_engines!(columns_are_counted_as_lists_change);

async fn bring(world: &World, source: &str, text: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list.csv");
    std::fs::write(&path, text).unwrap();
    let order = Order { path, source: source.into(), replace: false, lang: Lang::Vi };
    import::import(&world.db, &world.seal, &world.clock, &order, |_| {}).await.unwrap();
}

async fn known(world: &World) -> Option<Vec<String>> {
    let found = verify(&world.db).await.unwrap();
    assert!(found.findings.iter().all(|finding| finding.rule != Rule::ColumnsCounted), "{:?}", found.findings);
    column::known(&world.db).await.unwrap().map(|names| names.into_iter().collect())
}

fn names(of: &[&str]) -> Vec<String> {
    of.iter().map(|name| (*name).to_string()).collect()
}

async fn columns_are_counted_as_lists_change(world: &World) {
    assert_eq!(known(world).await, None, "nobody is in the list");
    bring(world, "a", "ref,phone,quay,to\nx-1,0900000001,3,1\nx-2,0900000002,,2\n").await;
    assert_eq!(known(world).await, Some(names(&["quay", "to"])));
    // The same once more changes nothing, and a list without columns of its own leaves them alone.
    bring(world, "a", "ref,phone,quay,to\nx-1,0900000001,3,1\nx-2,0900000002,,2\n").await;
    bring(world, "a", "ref,phone\nx-1,0900000003\nx-3,0900000004\n").await;
    assert_eq!(known(world).await, Some(names(&["quay", "to"])));
    // One person loses a column and gets another, in another list; who is named twice has what the later row says.
    bring(world, "b", "ref,phone,ho\nx-2,0900000002,7\nx-4,0900000005,8\nx-4,0900000005,9\n").await;
    assert_eq!(known(world).await, Some(names(&["ho", "quay", "to"])));
    assert!(erase::erase(&world.db, "x-1", "tests", world.now()).await.unwrap().is_some());
    assert_eq!(known(world).await, Some(names(&["ho"])), "the only one who had them is forgotten");
    world.sql("UPDATE list_column SET people = people + 1").await;
    let found = verify(&world.db).await.unwrap();
    assert!(found.findings.iter().any(|finding| finding.rule == Rule::ColumnsCounted), "a miscount is told");
}
