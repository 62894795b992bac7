//! Who was not reached and why, listed while others write.

use loa::report::{Fate, each_unreached, unreached};

use super::{NOW, count, everybody, of, scene, write};
use crate::helpers::grounds;

#[tokio::test]
async fn an_officer_learns_who_was_not_reached_and_why() {
    for ground in grounds().await {
        scene(&ground).await;
        write(&ground, &everybody()).await;
        let gaps = unreached(&ground.db, &of("nhan-dien"), NOW).await.unwrap();
        assert_eq!(gaps.iter().map(|gap| gap.people).sum::<i64>(), 11);
        assert!(gaps.iter().any(|gap| gap.area.as_deref() == Some("96") && gap.outcome.fate == Fate::OptedOut));
        let mut listed = Vec::new();
        let mut take = |missed: loa::report::Missed| {
            listed.push((missed.reference, missed.outcome.cause.name()));
            Ok(())
        };
        each_unreached(&ground.db, &of("nhan-dien"), NOW, &mut take).await.unwrap();
        assert_eq!(listed.len(), 11);
        assert!(listed.contains(&("nd-010".to_string(), "no-such-address")));
        assert!(listed.iter().all(|(reference, _)| reference != "nd-001"), "{listed:?}");
    }
}

#[tokio::test]
async fn who_reports_or_verifies_never_holds_up_who_writes() {
    for ground in grounds().await {
        scene(&ground).await;
        write(&ground, &everybody()).await;
        // A list that is being taken is a report under way: its snapshot is open.
        let mut listed = 0;
        let (db, url) = (ground.db.clone(), ground.url.clone());
        let mut take = |_| {
            listed += 1;
            if listed == 1 {
                let written = std::thread::scope(|scope| {
                    let writer = || {
                        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                        runtime.block_on(async {
                            let other = loa::db::Db::open(&url).await.unwrap();
                            let write = async {
                                loa::transaction!(other, |tx| {
                                    loa::within!(tx, |c, _sql| sqlx::query("UPDATE delivery SET state = 5")
                                        .execute(c)
                                        .await
                                        .map(loa::db::affected))
                                })
                            };
                            let written = tokio::time::timeout(std::time::Duration::from_secs(20), write).await;
                            other.close().await;
                            written.expect("the writer waits for nobody").unwrap()
                        })
                    };
                    scope.spawn(writer).join().unwrap()
                });
                assert_eq!(written, 20);
            }
            Ok(())
        };
        each_unreached(&db, &of("nhan-dien"), NOW, &mut take).await.unwrap();
        assert_eq!(listed, 11, "as it was when the report began");
        assert_eq!(count(&ground, &of("nhan-dien"), None).await.total.people.not_reached(), 0);
    }
}
