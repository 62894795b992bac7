//! Kept figures: counted in the background, as exact as if they were counted when asked for, and known to be old when they are.

use chrono::{TimeZone as _, Utc, Weekday};
use loa::{
    clock::{Clock, ManualClock},
    config::Reporting,
    delivery::State,
    period::Calendar,
    report::{
        Cut, Fate, Selection,
        kept::{self, Keeper, count_now},
    },
    verify::verify,
};

use super::{HOUR, NOW, everybody, scene, sms, write};
use crate::helpers::{Ground, grounds};

/// A keeper, and its clock.
pub(super) fn keeper(ground: &Ground) -> (Keeper, Clock, ManualClock) {
    let (clock, hand) = Clock::manual(Utc.timestamp_millis_opt(NOW).unwrap());
    let reporting = Reporting { month_starts: 1, week_starts: Weekday::Mon, ..Reporting::default() };
    (Keeper::new(ground.db.clone(), clock.clone(), Calendar::of(&reporting)), clock, hand)
}

/// Steps until nothing is left to count.
pub(super) async fn settle(keeper: &mut Keeper) -> usize {
    let mut counted = 0;
    while keeper.step().await.unwrap() {
        counted += 1;
        assert!(counted < 100, "it never ends");
    }
    counted
}

#[tokio::test]
async fn kept_figures_are_those_that_counting_gives() {
    for ground in grounds().await {
        scene(&ground).await;
        write(&ground, &everybody()).await;
        let (mut keeper, clock, _hand) = keeper(&ground);
        let october = Selection { campaign: Some("nhan-dien".into()), ..Selection::default() };
        assert_eq!(kept::look(&ground.db, &october, NOW).await.unwrap(), (None, true));
        kept::want(&ground.db, &october, NOW).await.unwrap();
        // Three runs that are no tests, two quarters, and what was asked for.
        assert_eq!(settle(&mut keeper).await, 6);
        for selection in [october, Selection { run: Some(1), ..Selection::default() }] {
            let (kept, unwritten) = kept::look(&ground.db, &selection, NOW).await.unwrap();
            let kept = kept.unwrap();
            assert!(kept.fresh && !unwritten);
            assert_eq!(kept.sheet, count_now(&ground.db, &selection, clock.millis()).await.unwrap());
            assert_eq!(kept.sheet.cuts.len(), Cut::ALL.len());
        }
    }
}

#[tokio::test]
async fn a_receipt_makes_them_old_until_they_are_counted_again() {
    for ground in grounds().await {
        scene(&ground).await;
        write(&ground, &[sms(1, 1, State::Accepted), sms(1, 2, State::Delivered)]).await;
        let (mut keeper, _clock, hand) = keeper(&ground);
        let all = Selection { run: Some(1), ..Selection::default() };
        settle(&mut keeper).await;
        let id = 1_i64 << 36 | 1 << 4 | 1;
        ground
            .execute(&format!(
                "UPDATE delivery SET state = 5 WHERE id = {id};
                 UPDATE tally SET n = 0, parts = 0, price = 0, changes = changes + 1 WHERE run = 1 AND state = 3;
                 UPDATE tally SET n = 2, parts = 2, price = 600, changes = changes + 1 WHERE run = 1 AND state = 5"
            ))
            .await;
        let kept = kept::look(&ground.db, &all, NOW).await.unwrap().0.unwrap();
        assert!(!kept.fresh);
        assert_eq!(kept.sheet.total.people.of(Fate::Confirmed), 1);
        // Not at once: counting takes a share of the machine.
        assert_eq!(settle(&mut keeper).await, 0);
        hand.advance(std::time::Duration::from_secs(6));
        settle(&mut keeper).await;
        let kept = kept::look(&ground.db, &all, NOW).await.unwrap().0.unwrap();
        assert!(kept.fresh);
        assert_eq!(kept.sheet.total.people.of(Fate::Confirmed), 2);
    }
}

#[tokio::test]
async fn a_mail_turns_presumed_by_time_alone() {
    for ground in grounds().await {
        scene(&ground).await;
        write(&ground, &[sms(1, 1, State::Accepted).mail()]).await;
        let (mut keeper, _clock, hand) = keeper(&ground);
        let all = Selection { run: Some(1), ..Selection::default() };
        settle(&mut keeper).await;
        let kept = kept::look(&ground.db, &all, NOW).await.unwrap().0.unwrap();
        assert_eq!((kept.fresh, kept.sheet.total.people.of(Fate::Waiting)), (true, 1));
        let turns = NOW + 71 * HOUR;
        assert_eq!(kept.sheet.turns_at, Some(turns));
        assert!(kept::look(&ground.db, &all, turns - 1).await.unwrap().0.unwrap().fresh);
        assert!(!kept::look(&ground.db, &all, turns).await.unwrap().0.unwrap().fresh);
        hand.advance(std::time::Duration::from_hours(71));
        settle(&mut keeper).await;
        let kept = kept::look(&ground.db, &all, turns).await.unwrap().0.unwrap();
        assert_eq!((kept.fresh, kept.sheet.total.people.of(Fate::Presumed)), (true, 1));
    }
}

#[tokio::test]
async fn verification_finds_kept_figures_that_are_wrong() {
    for ground in grounds().await {
        scene(&ground).await;
        write(&ground, &[sms(1, 1, State::Delivered)]).await;
        ground.execute("UPDATE run SET state = 2, settled_at = 5, fan_cursor = 40 WHERE id = 1").await;
        let (mut keeper, ..) = keeper(&ground);
        settle(&mut keeper).await;
        let found = verify(&ground.db).await.unwrap();
        assert!(found.is_clean(), "{found:?}");
        // Three runs and two quarters.
        assert_eq!(found.kept, 5);
        ground.execute("CREATE TABLE untouched AS SELECT * FROM figure").await;
        for tampered in [
            "body = replace(body, '\"total\":[[1,', '\"total\":[[7,') WHERE run = 1",
            "body = replace(body, '\"total\":[[1,', '\"total\":[[7,') WHERE run IS NULL",
            "body = '{}' WHERE run = 1",
            "selection = replace(selection, '\"run\":1', '\"run\":3') WHERE run = 1",
            "turns_at = 5 WHERE run = 1",
            "counted_at = counted_at - 1 WHERE run = 1",
        ] {
            ground.execute(&format!("UPDATE figure SET {tampered}")).await;
            let found = verify(&ground.db).await.unwrap();
            assert_eq!(found.wrong_figures.len(), 1, "{tampered}: {found:?}");
            assert!(!found.is_clean());
            ground.execute("DELETE FROM figure; INSERT INTO figure SELECT * FROM untouched").await;
        }
        assert!(verify(&ground.db).await.unwrap().is_clean());
    }
}
