//! Everybody is counted once, and the lines of a cut are named as each run had them.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use loa::{
    delivery::State,
    report::{Cut, Fate, Selection},
};

use super::{Row, count, everybody, lines, of, scene, sms, write};
use crate::helpers::grounds;

#[tokio::test]
async fn everybody_is_counted_once_by_the_best_that_became_of_them() {
    for ground in grounds().await {
        scene(&ground).await;
        write(&ground, &everybody()).await;
        let counted = count(&ground, &of("nhan-dien"), None).await;
        let people = counted.total.people;
        assert_eq!(people.addressed(), 15);
        assert_eq!(
            Fate::ALL.map(|fate| people.of(fate)),
            // confirmed, presumed, waiting, in doubt, unknown, shared, failed, unsent, opted out, no address
            [2, 2, 2, 1, 1, 1, 2, 2, 1, 1]
        );
        let deliveries = counted.total.deliveries;
        assert_eq!((deliveries.total(), deliveries.confirmed(), deliveries.failed()), (17, 3, 3));
        assert_eq!((deliveries.parts, deliveries.cost), (10, 6 * 300 + 250));
        assert_eq!((counted.runs.total, counted.runs.open), (2, 2));
        assert_eq!(counted.subject.unwrap().goal, Some(0.5));

        let all = count(&ground, &Selection::default(), None).await;
        assert_eq!(all.total.people.of(Fate::Confirmed), 3, "the other campaign reached person 10");
        assert_eq!(all.total.people.addressed(), 15, "and addressed nobody new");
        assert_eq!(all.subject, None);
    }
}

#[tokio::test]
async fn both_days_of_a_period_are_in_it() {
    let day = |day| NaiveDate::from_ymd_opt(2026, 10, day);
    for ground in grounds().await {
        scene(&ground).await;
        write(&ground, &everybody()).await;
        for (from, through, runs) in [(5, 5, 1), (5, 12, 3), (6, 11, 0), (12, 12, 2), (13, 31, 0)] {
            let selection = Selection { from: day(from), through: day(through), ..Selection::default() };
            assert_eq!(count(&ground, &selection, None).await.runs.total, runs, "{from} to {through}");
        }
        let none = count(&ground, &Selection { from: day(13), ..Selection::default() }, Some(Cut::Area)).await;
        assert_eq!((none.total.people.addressed(), none.lines.len()), (0, 0));
    }
}

#[tokio::test]
async fn cuts_name_their_lines_as_each_run_had_them() {
    for ground in grounds().await {
        scene(&ground).await;
        write(&ground, &everybody()).await;
        let campaign = of("nhan-dien");
        let cut = async |by| count(&ground, &campaign, Some(by)).await;

        let channels = cut(Cut::Channel).await;
        assert_eq!(lines(&channels), BTreeMap::from([("sms", (13, 1, 14, 2_050)), ("email", (3, 1, 3, 0))]));
        let carriers = cut(Cut::Carrier).await;
        assert_eq!(lines(&carriers), BTreeMap::from([("sms:viettel", (13, 1, 14, 2_050)), ("email", (3, 1, 3, 0))]));
        let accounts = cut(Cut::Account).await;
        assert_eq!(
            lines(&accounts),
            BTreeMap::from([
                ("viettel", (6, 1, 7, 1_800)),
                ("thu", (3, 1, 3, 0)),
                ("im-lang", (1, 0, 1, 250)),
                ("none", (6, 0, 6, 0))
            ])
        );
        // The first segment of one definition is the second of the other.
        let segments = cut(Cut::Segment).await;
        assert_eq!(lines(&segments), BTreeMap::from([("can-bo", (14, 2, 16, 2_050)), ("none", (1, 0, 1, 0))]));
        let messages = cut(Cut::Message).await;
        assert_eq!(lines(&messages), BTreeMap::from([("otp", (15, 2, 17, 2_050))]));
        let groups = cut(Cut::Group).await;
        assert_eq!(lines(&groups), BTreeMap::from([("to-1", (8, 1, 9, 1_150)), ("to-2", (7, 1, 8, 900))]));
        // Person 2 counts where the later run found them; each delivery where it went.
        let areas = cut(Cut::Area).await;
        assert_eq!(lines(&areas), BTreeMap::from([("01", (12, 1, 14, 1_750)), ("96", (2, 1, 2, 300)), ("none", (1, 0, 1, 0))]));
        assert_eq!(areas.lines.last().unwrap().key, "none");
        let reasons = cut(Cut::Reason).await;
        let people: BTreeMap<_, _> = lines(&reasons).into_iter().map(|(key, line)| (key, (line.0, line.2))).collect();
        assert_eq!(
            people,
            BTreeMap::from([
                ("none", (8, 9)),
                ("unreachable", (0, 1)),
                ("no-such-address", (1, 1)),
                ("expired", (1, 1)),
                ("opted-out", (1, 1)),
                ("same-address", (1, 1)),
                ("no-address", (1, 1)),
                ("lapsed", (1, 1)),
                ("cancelled", (1, 1)),
            ])
        );

        // Several campaigns: the same id in another one is another message.
        let all = count(&ground, &Selection::default(), Some(Cut::Message)).await;
        assert_eq!(lines(&all), BTreeMap::from([("nhan-dien/otp", (15, 2, 17, 2_050)), ("khac/otp", (1, 1, 1, 600))]));
        let all = count(&ground, &Selection::default(), Some(Cut::Segment)).await;
        assert_eq!(lines(&all)["nguoi-cao-tuoi"], (1, 1, 1, 600));
    }
}

#[tokio::test]
async fn a_province_is_split_by_ward() {
    for ground in grounds().await {
        scene(&ground).await;
        write(&ground, &everybody()).await;
        let selection = Selection { area: Some("01".to_string()), ..of("nhan-dien") };
        let counted = count(&ground, &selection, Some(Cut::Area)).await;
        assert_eq!(lines(&counted), BTreeMap::from([("00004", (12, 2, 13, 1_750)), ("01", (1, 0, 1, 0))]));
        assert_eq!(counted.total.deliveries.total(), 14);
        let channels = count(&ground, &selection, Some(Cut::Channel)).await;
        assert_eq!(channels.lines.iter().map(|line| line.figures.deliveries.total()).sum::<i64>(), 14);
    }
}

#[tokio::test]
async fn people_far_apart_are_all_counted() {
    for ground in grounds().await {
        scene(&ground).await;
        // The last of one window of people and the first of the next, and one far beyond with nobody between.
        let far = [32_767, 32_768, 32_769, 70_000, 4_000_000_000];
        let rows: Vec<Row> =
            far.iter().flat_map(|person| [sms(1, *person, State::Seen), sms(3, *person, State::Rejected)]).collect();
        write(&ground, &rows).await;
        for by in [Cut::Segment, Cut::Group, Cut::Message, Cut::Area] {
            let counted = count(&ground, &Selection::default(), Some(by)).await;
            assert_eq!((counted.total.people.of(Fate::Confirmed), counted.total.people.addressed()), (5, 5));
            assert_eq!(counted.total.deliveries.total(), 10);
            assert_eq!(counted.lines.iter().map(|line| line.figures.deliveries.total()).sum::<i64>(), 10, "{by:?}");
        }
    }
}
