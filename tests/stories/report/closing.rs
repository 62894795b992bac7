//! Closed periods: what was signed stays, what comes later is an adjustment, and a hand in the database shows.

use chrono::{NaiveDate, Weekday};
use loa::{
    audit::Actor,
    config::Reporting,
    delivery::State,
    period::{Calendar, Period},
    report::{
        Measure, Selection,
        closing::{self, CloseError, Closing, Request, adjustments},
        kept,
    },
    transaction,
    verify::verify,
};

use super::{
    NOW,
    kept::{keeper, settle},
    scene, sms, write,
};
use crate::helpers::{Ground, grounds};

fn october() -> Period {
    let reporting = Reporting { month_starts: 1, week_starts: Weekday::Mon, ..Reporting::default() };
    Calendar::of(&reporting).parse("2026-10").unwrap()
}

/// Tries to close October on a day, with figures counted at `seen`.
async fn close(ground: &Ground, seen: i64, corrects: Option<(i64, &str)>, today: &str) -> Result<Closing, CloseError> {
    let (period, selection) = (october(), Selection::of(&october()));
    let today: NaiveDate = today.parse().unwrap();
    let by = Actor::command("Trần Thị Mẫu");
    let request = Request { period: &period, department: "", selection: &selection, seen, by: &by, corrects, today, now: NOW };
    let done = transaction!(ground.db, |tx| Ok(closing::close(tx, &request).await));
    done.unwrap()
}

#[tokio::test]
async fn what_is_closed_stays_and_later_receipts_are_adjustments() {
    for ground in grounds().await {
        scene(&ground).await;
        write(&ground, &[sms(1, 1, State::Delivered), sms(1, 2, State::Accepted)]).await;
        let (mut keeper, _clock, hand) = keeper(&ground);
        let selection = Selection::of(&october());
        assert!(matches!(close(&ground, NOW, None, "2026-11-02").await, Err(CloseError::Recounted)), "nothing was counted");
        kept::want(&ground.db, &selection, NOW).await.unwrap();
        settle(&mut keeper).await;
        assert!(matches!(close(&ground, NOW, None, "2026-10-31").await, Err(CloseError::NotOver)));
        assert!(matches!(close(&ground, NOW - 1, None, "2026-11-01").await, Err(CloseError::Recounted)));
        let closed = close(&ground, NOW, None, "2026-11-01").await.unwrap();
        assert_eq!(closing::latest(&ground.db, "2026-10", "").await.unwrap().as_ref(), Some(&closed));
        assert!(matches!(close(&ground, NOW, None, "2026-11-02").await, Err(CloseError::Closed)), "there is no way back");

        // A receipt comes a day later.
        ground
            .execute(
                "UPDATE delivery SET state = 5 WHERE state = 3;
                 UPDATE tally SET changes = changes + 1, n = 0, parts = 0, price = 0 WHERE run = 1 AND state = 3;
                 UPDATE tally SET changes = changes + 1, n = 2, parts = 2, price = 600 WHERE run = 1 AND state = 5",
            )
            .await;
        hand.advance(std::time::Duration::from_mins(1));
        settle(&mut keeper).await;
        let now = kept::look(&ground.db, &selection, NOW).await.unwrap().0.unwrap().sheet;
        let held = closing::latest(&ground.db, "2026-10", "").await.unwrap().unwrap();
        assert_eq!(held, closed);
        let expected =
            [(Measure::Confirmed, 1, 2), (Measure::NotReached, 1, 0), (Measure::Arrived, 1, 2), (Measure::CostEach, 600, 300)]
                .map(|(measure, closed, now)| (measure, Some(closed), Some(now)));
        assert_eq!(adjustments(&held.sheet, &now), expected);

        // A correction says why, and of which closing.
        let seen = now.at;
        assert!(matches!(close(&ground, seen, Some((closed.id, "  ")), "2026-11-03").await, Err(CloseError::NoReason)));
        assert!(matches!(close(&ground, seen, Some((closed.id + 1, "x")), "2026-11-03").await, Err(CloseError::Closed)));
        let corrected = close(&ground, seen, Some((closed.id, "Nhà mạng báo muộn")), "2026-11-03").await.unwrap();
        assert_eq!((corrected.supersedes, corrected.reason.as_str()), (Some(closed.id), "Nhà mạng báo muộn"));
        assert_eq!(closing::list(&ground.db, "", 9).await.unwrap(), [corrected.clone(), closed.clone()]);
        assert_ne!(corrected.hash, closed.hash);
        let found = verify(&ground.db).await.unwrap();
        assert_eq!(found.broken_closings, Vec::<i64>::new());

        // A hand in the database shows: in the figures, in who signed, and where a closing or its record is gone.
        ground.execute(&format!("UPDATE closing SET by_whom = 'Ai khác' WHERE id = {}", corrected.id)).await;
        assert_eq!(verify(&ground.db).await.unwrap().broken_closings, [corrected.id]);
        ground.execute(&format!("UPDATE closing SET body = replace(body, '[[1,', '[[2,') WHERE id = {}", closed.id)).await;
        assert_eq!(verify(&ground.db).await.unwrap().broken_closings, [closed.id, corrected.id]);
        ground.execute(&format!("DELETE FROM closing WHERE id = {}", corrected.id)).await;
        assert_eq!(verify(&ground.db).await.unwrap().broken_closings, [closed.id, corrected.id]);
        ground.execute(&format!("UPDATE closing SET body = replace(body, '[[2,', '[[1,') WHERE id = {}", closed.id)).await;
        assert_eq!(verify(&ground.db).await.unwrap().broken_closings, [corrected.id]);
        ground.execute("DELETE FROM audit WHERE action = 'period.close'").await;
        assert_eq!(verify(&ground.db).await.unwrap().broken_closings, [closed.id], "nobody signed it");
        assert_eq!(closing::of_periods(&ground.db, &["2026-10".into(), "2026-09".into()], "").await.unwrap().len(), 1);
        assert_eq!(closing::of_periods(&ground.db, &["2026-10".into()], "Sở Y tế").await.unwrap(), []);
    }
}
