//! People are found and counted by segments.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use chrono::NaiveDate;
use loa::{
    audience::{
        count::{Count, count},
        segment::{SegmentError, compile},
    },
    campaign::{Condition, Reached},
    consent::{self, Said, Scope},
};
use providers::Channel;

use super::import_text;
use crate::helpers::grounds;

fn condition(change: impl FnOnce(&mut Condition)) -> Condition {
    let mut condition = Condition::default();
    change(&mut condition);
    condition
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn segments_mean_the_same_people_on_both_engines() {
    let day = |y, m, d| NaiveDate::from_ymd_opt(y, m, d).unwrap();
    for ground in grounds().await {
        let list = "\
ref,phone,email,area,groups,born,lang,nghe
a,0901111111,,00004,can-bo;to-truong,1950,vi,giáo viên
b,0902222222,b@example.vn,01,can-bo,2000-01-01,en,y tá
c,,c@example.vn,91,hoc-sinh,,,
d,0904444444,,26740,,1960-05-05,,O'Brien
";
        import_text(&ground, "list.csv", list).await.unwrap();
        // Runs of the campaign: 1 lately, 2 long ago, 3 a test, 4 of another one. Account 1 sends receipts, account 2 none.
        let now = ground.clock.millis();
        let old = now - 40 * 86_400_000;
        let mut scene = String::from(
            "INSERT INTO account (name, channel, receipts, tat, day, used) VALUES ('one', 1, TRUE, 0, '', 0), ('two', 1, FALSE, 0, '', 0);",
        );
        let person = |reference: &str| format!("(SELECT id FROM recipient WHERE ref = '{reference}')");
        for (run, campaign, origin, at) in [
            (1, "otp", 0, now),
            (2, "otp", 0, old),
            (3, "otp", 2, now),
            (4, "khac", 0, now),
            (5, "thu", 0, now),
            (6, "tre", 0, now - 11 * 86_400_000),
        ] {
            write!(scene, "INSERT INTO run (id, campaign, occurrence, origin, kind, definition, date, turn, message, recipients, state, paused, due_at, \
                 expires_at, fan_cursor, fan_top, created_at) \
                 VALUES ({run}, '{campaign}', '{run}', {origin}, 0, '', '', 0, '', '[]', 2, FALSE, {at}, {at}, 0, 0, {at});").unwrap();
        }
        for (run, reference, account, state, at) in [
            (1, "a", 1, 5, now),
            (1, "b", 1, 3, now),
            (1, "c", 2, 4, now),
            (2, "d", 1, 6, old),
            (3, "d", 1, 5, now),
            (4, "b", 1, 5, now),
            (6, "a", 1, 5, now - 9 * 86_400_000),
        ] {
            write!(scene, "INSERT INTO delivery (id, run, segments, owner, account, price, updated_at, route, message, state, reason, attempt, tries, doubts, parts) \
                 SELECT (CAST({run} AS BIGINT) << 36) + ({} << 4) + 1, {run}, 0, 0, {account}, 0, {at}, 16, 0, {state}, 0, 1, 1, 0, 1;",
                person(reference)).unwrap();
        }
        // Mails of run 5, on an account that sends receipts: b's is 72 hours old to the millisecond, c's one millisecond less.
        for (reference, age) in [("b", 72 * 3_600_000), ("c", 72 * 3_600_000 - 1)] {
            let (at, id) = (now - age, person(reference));
            write!(scene, "INSERT INTO delivery (id, run, segments, owner, account, price, updated_at, route, message, state, reason, attempt, tries, doubts, parts) \
                 SELECT (CAST(5 AS BIGINT) << 36) + ({id} << 4) + 2, 5, 0, 0, 1, 0, {at}, 32, 0, 3, 0, 1, 1, 0, 1;").unwrap();
        }
        ground.execute(&scene).await;

        let segments = BTreeMap::from([
            ("can-bo", condition(|c| c.groups = strings(&["can-bo"]))),
            ("tuoi-cao", condition(|c| c.born_before = Some(day(1961, 1, 1)))),
            ("vong", condition(|c| c.segments = strings(&["vong"]))),
        ]);
        let lookup = |slug: &str| segments.get(slug);
        let reached = |days: u64| Some(Reached { campaign: "otp".into(), within: Duration::from_secs(days * 86_400) });
        let mailed = |days: u64| Some(Reached { campaign: "thu".into(), within: Duration::from_secs(days * 86_400) });
        let late = |days: u64| Some(Reached { campaign: "tre".into(), within: Duration::from_secs(days * 86_400) });
        let not = |change: fn(&mut Condition)| condition(|c| c.not = Some(Box::new(condition(change))));
        for (what, condition, people) in [
            ("everybody", Condition::default(), "abcd"),
            ("groups", condition(|c| c.groups = strings(&["to-truong", "hoc-sinh"])), "ac"),
            ("a province and its wards", condition(|c| c.areas = strings(&["01"])), "ab"),
            ("a ward", condition(|c| c.areas = strings(&["00004", "26740"])), "ad"),
            ("born before", condition(|c| c.born_before = NaiveDate::from_ymd_opt(1960, 5, 5)), "a"),
            (
                "not born before: whoever's year is unknown too",
                not(|c| c.born_before = NaiveDate::from_ymd_opt(1961, 1, 1)),
                "bc",
            ),
            ("born after", condition(|c| c.born_after = NaiveDate::from_ymd_opt(1960, 5, 4)), "bd"),
            ("lang, Vietnamese where none is named", condition(|c| c.lang = strings(&["vi"])), "acd"),
            (
                "attributes",
                condition(|c| c.attributes = BTreeMap::from([("nghe".into(), strings(&["giáo viên", "O'Brien"]))])),
                "ad",
            ),
            ("an attribute that nobody has", condition(|c| c.attributes = BTreeMap::from([("x".into(), strings(&["y"]))])), ""),
            ("not an attribute", not(|c| c.attributes = BTreeMap::from([("nghe".into(), strings(&["y tá"]))])), "acd"),
            ("reached: delivered, or accepted where no receipts come", condition(|c| c.reached = reached(30)), "ac"),
            ("reached: a mail that did not bounce for 72 hours", condition(|c| c.reached = mailed(30)), "b"),
            ("a mail's moment is its acceptance", condition(|c| c.reached = mailed(3)), "b"),
            ("a mail of less than 72 hours is not presumed yet", condition(|c| c.reached = mailed(2)), ""),
            ("a receipt that came after the run's end", condition(|c| c.reached = late(10)), "a"),
            ("reached longer ago, tests aside", condition(|c| c.reached = reached(60)), "acd"),
            (
                "any",
                condition(|c| c.any = vec![condition(|c| c.areas = strings(&["91"])), condition(|c| c.lang = strings(&["en"]))]),
                "bc",
            ),
            ("segments", condition(|c| c.segments = strings(&["can-bo", "tuoi-cao"])), "abd"),
            (
                "all that must hold",
                condition(|c| {
                    c.segments = strings(&["can-bo"]);
                    c.areas = strings(&["01"]);
                    c.not = Some(Box::new(condition(|c| c.lang = strings(&["en"]))));
                }),
                "a",
            ),
        ] {
            let compiled = compile(&condition, &lookup, ground.db.engine(), 1, now).unwrap();
            let mut found = String::new();
            for reference in ["a", "b", "c", "d"] {
                let mut one = compiled.clone();
                one.text = format!("{} AND r.ref = '{reference}'", one.text);
                if count(&ground.db, &one, 0).await.unwrap().people == 1 {
                    found.push_str(reference);
                }
            }
            assert_eq!(found, people, "{what} on {:?}", ground.db.engine());
        }
        let all = compile(&Condition::default(), &lookup, ground.db.engine(), 1, now).unwrap();
        assert_eq!(
            count(&ground.db, &all, 0).await.unwrap(),
            Count { people: 4, phone: 3, email: 2, chat: 0, ..Count::default() }
        );
        // Whoever refuses, or stands on a list, is counted apart.
        let phone = ground.number("SELECT min(phone_hash) FROM recipient WHERE phone_hash IS NOT NULL").await;
        consent::record(&ground.db, Channel::Sms, phone, Scope::Awareness, Said { source: "link", wording: "", at: 1 })
            .await
            .unwrap();
        let counted = count(&ground.db, &all, 0).await.unwrap();
        assert_eq!((counted.phone, counted.refused, counted.blocked, counted.no_advertising), (3, 1, 0, 0));
        let compile = |slug: &str| compile(&condition(|c| c.segments = strings(&[slug])), &lookup, ground.db.engine(), 1, now);
        assert_eq!(compile("khong-co"), Err(SegmentError::Unknown("khong-co".into())));
        assert_eq!(compile("vong"), Err(SegmentError::Circular("vong".into())));
    }
}
