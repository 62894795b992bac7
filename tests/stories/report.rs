//! Reports over rows that are known: every figure, what adds up to what, and the page that people read.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use loa::{
    delivery::State,
    report::{Cut, Fate, Report, Selection, each_unreached, report, unreached},
    verify::{Rule, verify},
};
use proptest::{
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use crate::{
    folder::Folder,
    helpers::{Ground, grounds},
};

/// 2026-11-02 01:00 UTC, as the grounds' clock has it.
const NOW: i64 = 1_793_581_200_000;
const HOUR: i64 = 3_600_000;

const BODY: &str = r#"
title = "Nhận diện lừa đảo trực tuyến"
kind = "awareness"
owner = "Sở Văn hóa, Thể thao và Du lịch"
basis = { number = "1607/BTTTT-CATTT", date = 2024-04-26, authority = "Bộ TT&TT" }
[audience]
segments = ["can-bo", "nguoi-cao-tuoi"]
goal = 0.5
[channels]
use = ["sms", "email"]
[[message]]
id = "otp"
sms = "Khong cung cap ma OTP"
email = { subject = "OTP", body = "OTP" }
[[message]]
id = "goi-gia"
sms = "Canh giac cuoc goi gia"
email = { subject = "G", body = "G" }
"#;

/// The same campaign later, with its segments and messages the other way round.
const TURNED: &str = r#"
title = "Nhận diện lừa đảo trực tuyến"
kind = "awareness"
owner = "Sở Văn hóa, Thể thao và Du lịch"
basis = { number = "1607/BTTTT-CATTT", date = 2024-04-26, authority = "Bộ TT&TT" }
[audience]
segments = ["nguoi-cao-tuoi", "can-bo"]
goal = 0.5
[channels]
use = ["sms", "email"]
[[message]]
id = "goi-gia"
sms = "Canh giac cuoc goi gia"
email = { subject = "G", body = "G" }
[[message]]
id = "otp"
sms = "Khong cung cap ma OTP"
email = { subject = "OTP", body = "OTP" }
"#;

const SEGMENTS: &str = r#"
[can-bo]
title = "Cán bộ, công chức"
groups = ["can-bo"]
[nguoi-cao-tuoi]
title = "Người cao tuổi"
born_before = 1966-01-01
"#;

/// A delivery as a story writes it down.
#[derive(Debug, Clone)]
struct Row {
    run: i64,
    person: i64,
    channel: i64,
    carrier: i64,
    account: i64,
    state: State,
    reason: i64,
    area: Option<&'static str>,
    segments: i64,
    message: i64,
    parts: i64,
    price: i64,
    hours_ago: i64,
}

/// A text message to a Viettel phone in Ba Đình, accepted by an account that sends receipts.
fn sms(run: i64, person: i64, state: State) -> Row {
    Row {
        run,
        person,
        channel: 1,
        carrier: 1,
        account: 1,
        state,
        reason: 0,
        area: Some("00004"),
        segments: 1,
        message: 0,
        parts: 1,
        price: 300,
        hours_ago: 1,
    }
}

impl Row {
    fn mail(self) -> Self {
        Self { channel: 2, carrier: 0, account: 2, price: 0, ..self }
    }

    fn unsent(self, reason: i64) -> Self {
        Self { account: 0, reason, parts: 0, price: 0, ..self }
    }
}

/// Two accounts that send receipts and one that does not; three runs and a test; people 1 to 20.
async fn scene(ground: &Ground) {
    ground
        .execute(
            "INSERT INTO account (id, name, channel, receipts, tat, day, used) VALUES (1, 'viettel', 1, true, 0, '', 0);
             INSERT INTO account (id, name, channel, receipts, tat, day, used) VALUES (2, 'thu', 2, true, 0, '', 0);
             INSERT INTO account (id, name, channel, receipts, tat, day, used) VALUES (3, 'im-lang', 1, false, 0, '', 0)",
        )
        .await;
    for (hash, campaign, body) in [("h1", "nhan-dien", BODY), ("h2", "nhan-dien", TURNED), ("h3", "khac", BODY)] {
        let (body, segments) = (body.replace('\'', "''"), SEGMENTS.replace('\'', "''"));
        ground
            .execute(&format!(
                "INSERT INTO definition (hash, campaign, body, segments, created_at) VALUES ('{hash}', '{campaign}', '{body}', '{segments}', 0)"
            ))
            .await;
    }
    for (id, campaign, definition, date, origin) in [
        (1, "nhan-dien", "h1", "2026-10-05", 0),
        (2, "nhan-dien", "h2", "2026-10-12", 0),
        (3, "khac", "h3", "2026-10-12", 1),
        (4, "nhan-dien", "h2", "2026-10-12", 2),
    ] {
        ground
            .execute(&format!(
                "INSERT INTO run (id, campaign, occurrence, origin, kind, definition, date, turn, message, recipients, state, paused,
                                  due_at, expires_at, fan_cursor, fan_top, created_at)
                 VALUES ({id}, '{campaign}', '{date}-{id}', {origin}, 1, '{definition}', '{date}', 0, 'otp', '[]', 1, false, 0, 0, 40, 40, 0)"
            ))
            .await;
    }
    for person in 1..=20 {
        ground
            .execute(&format!(
                "INSERT INTO recipient (id, ref, source, import, state, carrier, attributes, chat_service, updated_at)
                 VALUES ({person}, 'nd-{person:03}', 'tay', 1, 0, 1, '{{}}', 0, 0);
                 INSERT INTO membership (recipient, grp) VALUES ({person}, '{}')",
                if person % 2 == 0 { "to-2" } else { "to-1" }
            ))
            .await;
    }
}

/// Writes rows, and the tallies that belong to them.
async fn write(ground: &Ground, rows: &[Row]) {
    for row in rows {
        let id = row.run << 36 | row.person << 4 | row.channel;
        let area = row.area.map_or_else(|| "NULL".to_string(), |area| format!("'{area}'"));
        ground
            .execute(&format!(
                "INSERT INTO delivery (id, run, segments, owner, account, price, updated_at, route, message, state, reason, attempt,
                                       tries, doubts, parts, area)
                 VALUES ({id}, {}, {}, 0, {}, {}, {}, {}, {}, {}, {}, 1, 0, 0, {}, {area})",
                row.run,
                row.segments,
                row.account,
                row.price,
                NOW - row.hours_ago * HOUR,
                row.channel << 4 | row.carrier,
                row.message,
                row.state.number(),
                row.reason,
                row.parts,
            ))
            .await;
    }
    ground
        .execute(
            "DELETE FROM tally;
             INSERT INTO tally (run, channel, account, state, node, n, parts, price)
             SELECT run, CAST(id & 15 AS SMALLINT), account, state, 1, count(*), sum(parts), sum(price) FROM delivery
             GROUP BY run, id & 15, account, state",
        )
        .await;
}

/// One person of every kind.
fn everybody() -> Vec<Row> {
    use State::{
        Accepted, Cancelled, Delivered, Enroute, Expired, InDoubt, Lapsed, Pending, Rejected, Seen, Skipped, Undelivered, Unknown,
    };
    vec![
        // 1 failed by SMS and was reached by mail; 2 was reached twice, in two places.
        Row { reason: 2, ..sms(1, 1, Undelivered) },
        sms(1, 1, Seen).mail(),
        sms(1, 2, Delivered),
        Row { area: Some("32248"), segments: 2, message: 1, ..sms(2, 2, Delivered) },
        // 3 and 4 are presumed: no receipts, and a mail of three days ago; 5's mail is too young.
        Row { account: 3, price: 250, ..sms(1, 3, Accepted) },
        Row { hours_ago: 72, ..sms(1, 4, Accepted).mail() },
        Row { hours_ago: 71, ..sms(1, 5, Enroute).mail() },
        sms(1, 6, Pending).unsent(0),
        sms(1, 7, InDoubt),
        sms(1, 8, Unknown),
        sms(1, 9, Skipped).unsent(21),
        Row { reason: 1, parts: 0, price: 0, ..sms(1, 10, Rejected) },
        Row { reason: 9, ..sms(1, 11, Expired) },
        Row { area: None, ..sms(1, 12, Lapsed).unsent(0) },
        sms(1, 13, Cancelled).unsent(0),
        Row { area: Some("32248"), ..sms(1, 14, Skipped).unsent(20) },
        Row { area: Some("01"), segments: 0, ..sms(1, 15, Skipped).unsent(22) },
        // A month of the other campaign, and a test that counts nowhere.
        Row { parts: 2, price: 600, segments: 3, ..sms(3, 10, Delivered) },
        sms(4, 16, Delivered),
        sms(4, 12, Delivered),
    ]
}

fn of(campaign: &str) -> Selection {
    Selection { campaign: Some(campaign.to_string()), ..Selection::default() }
}

async fn count(ground: &Ground, selection: &Selection, by: Option<Cut>) -> Report {
    report(&ground.db, selection, by, NOW).await.unwrap()
}

/// Key → people addressed, confirmed, deliveries, cost.
fn lines(report: &Report) -> BTreeMap<&str, (i64, i64, i64, i64)> {
    let figures = |line: &loa::report::Line| {
        let (people, deliveries) = (line.figures.people, line.figures.deliveries);
        (people.addressed(), people.of(Fate::Confirmed), deliveries.total(), deliveries.cost)
    };
    report.lines.iter().map(|line| (line.key.as_str(), figures(line))).collect()
}

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
async fn verification_catches_a_tally_that_was_tampered_with_and_rows_that_may_not_be() {
    for ground in grounds().await {
        scene(&ground).await;
        write(&ground, &everybody()).await;
        let found = verify(&ground.db).await.unwrap();
        assert!(found.is_clean(), "{found:?}");
        assert_eq!((found.deliveries, found.runs), (20, 4));

        ground.execute("UPDATE tally SET price = price + 1 WHERE run = 1 AND channel = 1 AND state = 5").await;
        let found = verify(&ground.db).await.unwrap();
        assert_eq!(found.differences.len(), 1);
        assert_eq!((found.differences[0].tally.price, found.differences[0].rows.price), (301, 300));

        ground.execute("DELETE FROM tally WHERE run = 2").await;
        assert_eq!(verify(&ground.db).await.unwrap().differences.len(), 2);

        ground
            .execute(&format!(
                "UPDATE delivery SET state = 1, owner = 7 WHERE run = 3;
                 UPDATE delivery SET owner = 9 WHERE run = 2;
                 UPDATE delivery SET route = 33 WHERE id = {};
                 UPDATE run SET fan_cursor = 14 WHERE id = 1;
                 UPDATE run SET settled_at = 1 WHERE id = 1;
                 UPDATE delivery SET parts = -1 WHERE run = 4;
                 UPDATE delivery SET reason = 0 WHERE reason = 21;
                 INSERT INTO contact (recipient, run, at) VALUES (17, 1, 0);
                 UPDATE run SET kind = 0 WHERE id = 3;
                 INSERT INTO tally (run, channel, account, state, node, n, parts, price) VALUES (99, 1, 0, 0, 1, 0, 0, 0)",
                1_i64 << 36 | 2 << 4 | 1
            ))
            .await;
        let broken: BTreeMap<Rule, i64> =
            verify(&ground.db).await.unwrap().findings.iter().map(|finding| (finding.rule, finding.count)).collect();
        let expected = Rule::ALL.map(|rule| (rule, if matches!(rule, Rule::SettledIsDone | Rule::CostsCounted) { 2 } else { 1 }));
        assert_eq!(broken, BTreeMap::from(expected));
    }
}

/// Rows at random: at most one a run, person and channel.
fn rows() -> impl Strategy<Value = Vec<Row>> {
    let areas = prop::sample::select(vec![None, Some("00004"), Some("32248"), Some("01")]);
    let one = (
        (1_i64..=4, 1_i64..=8, 1_i64..=3),
        prop::sample::select(State::ALL.to_vec()),
        areas,
        (0_i64..4, 0_i64..2, 0_i64..=3),
        0_i64..100,
    );
    prop::collection::vec(one, 0..40).prop_map(|all| {
        let mut seen = BTreeSet::new();
        all.into_iter()
            .filter(|((run, person, channel), ..)| seen.insert((*run, *person, *channel)))
            .map(|((run, person, channel), state, area, (segments, message, account), hours_ago)| {
                let reason = match state {
                    State::Skipped => 20 + hours_ago % 6,
                    state if state.has_failed() => hours_ago % 11,
                    _ => 0,
                };
                let carrier = if channel == 2 { 0 } else { 1 + hours_ago % 2 };
                Row {
                    run,
                    person,
                    channel,
                    carrier,
                    account,
                    state,
                    reason,
                    area,
                    segments,
                    message,
                    parts: 1 + account,
                    price: hours_ago,
                    hours_ago,
                }
            })
            .collect()
    })
}

/// Everybody's fate, worked out the plain way.
fn fates(rows: &[Row]) -> BTreeMap<i64, Fate> {
    let mut fates: BTreeMap<i64, Fate> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.run != 4) {
        let presumed = row.account == 3 || (row.channel == 2 && row.hours_ago >= 72);
        let fate = match row.state {
            State::Delivered | State::Seen => Fate::Confirmed,
            State::Accepted | State::Enroute if presumed => Fate::Presumed,
            State::Accepted | State::Enroute | State::Pending | State::Submitting => Fate::Waiting,
            State::InDoubt => Fate::InDoubt,
            State::Unknown => Fate::Unknown,
            State::Rejected | State::Undelivered | State::Expired => Fate::Failed,
            State::Skipped if row.reason == 21 => Fate::SharedAddress,
            State::Skipped if row.reason == 20 => Fate::OptedOut,
            State::Skipped if matches!(row.reason, 22 | 25) => Fate::NoAddress,
            State::Skipped | State::Lapsed | State::Cancelled => Fate::Unsent,
        };
        let best = fates.entry(row.person).or_insert(fate);
        *best = fate.min(*best);
    }
    fates
}

#[tokio::test]
async fn whatever_the_rows_are_the_figures_add_up() {
    const CUTS: [Cut; 8] =
        [Cut::Channel, Cut::Area, Cut::Segment, Cut::Group, Cut::Carrier, Cut::Account, Cut::Message, Cut::Reason];
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    for ground in grounds().await {
        scene(&ground).await;
        for _ in 0..12 {
            let rows = rows().new_tree(&mut runner).unwrap().current();
            ground.execute("DELETE FROM delivery").await;
            write(&ground, &rows).await;
            let fates = fates(&rows);
            let counted = count(&ground, &Selection::default(), None).await.total;
            for fate in Fate::ALL {
                let expected = fates.values().filter(|one| **one == fate).count();
                assert_eq!(counted.people.of(fate), i64::try_from(expected).unwrap(), "{fate:?} of {rows:?}");
            }
            assert_eq!(
                counted.people.addressed(),
                counted.people.of(Fate::Confirmed) + counted.people.of(Fate::Presumed) + counted.people.not_reached()
            );
            let real: Vec<&Row> = rows.iter().filter(|row| row.run != 4).collect();
            assert_eq!(counted.deliveries.total(), i64::try_from(real.len()).unwrap());
            assert_eq!(counted.deliveries.cost, real.iter().map(|row| row.price).sum::<i64>());
            let gaps = unreached(&ground.db, &Selection::default(), NOW).await.unwrap();
            assert_eq!(gaps.iter().map(|gap| gap.people).sum::<i64>(), counted.people.not_reached());
            for by in CUTS {
                let lines = count(&ground, &Selection::default(), Some(by)).await.lines;
                let sum = |of: &dyn Fn(&loa::report::Figures) -> i64| lines.iter().map(|line| of(&line.figures)).sum::<i64>();
                if by.parts_deliveries() {
                    assert_eq!(sum(&|f| f.deliveries.total()), counted.deliveries.total(), "{by:?}");
                    assert_eq!(sum(&|f| f.deliveries.parts), counted.deliveries.parts, "{by:?}");
                    assert_eq!(sum(&|f| f.deliveries.cost), counted.deliveries.cost, "{by:?}");
                }
                for fate in Fate::ALL {
                    let people = sum(&|f| f.people.of(fate));
                    if by.parts_people() {
                        assert_eq!(people, counted.people.of(fate), "{by:?} {fate:?}");
                    }
                }
                // Whoever a line counts as reached was reached.
                assert!(
                    lines.iter().all(|l| l.figures.people.of(Fate::Confirmed) <= counted.people.of(Fate::Confirmed)),
                    "{by:?}"
                );
            }
        }
    }
}

/// A folder from which `loa` is run on the ground's database.
struct Office<'g>(Folder, &'g Ground);

impl<'g> Office<'g> {
    /// The machine's clock is not the ground's: what is to be old is as old as can be, what is to be new is yet to come.
    async fn of(ground: &'g Ground) -> Self {
        let (old, new) = (1_i64 << 36 | 4 << 4 | 2, 1_i64 << 36 | 5 << 4 | 2);
        ground
            .execute(&format!(
                "UPDATE delivery SET updated_at = 0 WHERE id = {old}; UPDATE delivery SET updated_at = 9999999999999 WHERE id = {new}"
            ))
            .await;
        Self(Folder::new().with("campaigns/segments.toml", SEGMENTS), ground)
    }

    fn with_goals(self, goals: &str) -> Self {
        Self(self.0.with("campaigns/goals.toml", goals), self.1)
    }

    fn loa(&self, arguments: &[&str]) -> crate::folder::Ended {
        self.0.loa_with(arguments, &[("LOA_DATABASE__URL", &self.1.url)])
    }
}

/// The page without the line that says when it was counted.
fn timeless(page: &str) -> String {
    page.lines()
        .filter(|line| !line.starts_with("Nguồn") && !line.starts_with("Source"))
        .fold(String::new(), |all, line| all + line + "\n")
}

#[tokio::test]
async fn the_page_adds_up_before_the_readers_eyes() {
    for ground in grounds().await {
        scene(&ground).await;
        write(&ground, &everybody()).await;
        let office = Office::of(&ground).await;
        insta::allow_duplicates! {
            let page = office.loa(&["report", "--campaign", "nhan-dien", "--by", "area"]);
            assert_eq!((page.code, page.err.as_str()), (0, ""));
            insta::assert_snapshot!(timeless(&page.out), @r"
            Chiến dịch:   Nhận diện lừa đảo trực tuyến (nhan-dien)
            Căn cứ:       1607/BTTTT-CATTT
            Kỳ:           tất cả
            Đợt gửi:      2 (2 chưa xong, số liệu còn thay đổi)

            Số người được tiếp cận (mỗi người tính một lần)
              Có xác nhận                                                  2   13,3 %
              Chưa có xác nhận                                             2   13,3 %
              Chưa tiếp cận được                                          11   73,3 %
              ──────────────────────────────────────────────────────────────
              Số người cần tiếp cận                                       15
              Mục tiêu 50 %: có xác nhận 13,3 % (chưa đạt); chưa có xác nhận 13,3 %

            Vì sao chưa tiếp cận được
              Đang chờ gửi hoặc chờ báo nhận                               2
              Chưa rõ kết quả (đang đối chiếu)                             1
              Không xác định được kết quả                                  1
              Dùng chung số, người khác nhận thay                          1
              Gửi không thành công                                         2
              Chưa gửi: quá hạn hoặc đã hủy                                2
              Từ chối nhận tin                                             1
              Không có địa chỉ nhận tin                                    1
              ──────────────────────────────────────────────────────────────
              Chưa tiếp cận được                                          11

            Lượt tin
              Chờ gửi                                                      1
              Chưa rõ kết quả (đang đối chiếu)                             1
              Cổng gửi đã nhận                                             2
              Nhà mạng đang chuyển                                         1
              Đã đến máy, đến người nhận                                   2
              Đã xem                                                       1
              Không đến được                                               1
              Hết hạn ở nhà mạng                                           1
              Bị cổng gửi từ chối                                          1
              Không xác định được kết quả                                  1
              Không gửi                                                    3
              Quá hạn, chưa gửi                                            1
              Đã hủy trước khi gửi                                         1
              ──────────────────────────────────────────────────────────────
              Tổng số lượt tin                                            17
              Số tin quy đổi                                              10
              Chi phí (đồng)                                           2.050

            Theo tỉnh, thành phố
            Tỉnh, thành phố           Số người  Có xác nhận   Tỷ lệ  Chưa xác nhận  Chưa tiếp cận  Lượt tin  Đã đến  Đang xử lý  Thất bại  Không rõ  Không gửi  Quy đổi  Chi phí (đ)
            Thành phố Hà Nội                12            1   8,3 %              2              9        14       2           5         3         1          3        9        1.750
            Tỉnh Cà Mau                      2            1  50,0 %              0              1         2       1           0         0         0          1        1          300
            (chưa rõ địa bàn)                1            0   0,0 %              0              1         1       0           0         0         0          1        0            0
            Tổng (mỗi người một lần)        15            2  13,3 %              2             11        17       3           5         3         1          5       10        2.050

            Có xác nhận: có báo nhận là tin đã đến hoặc đã xem. Chưa có xác nhận: cổng gửi đã nhận nhưng không báo lại,
            hoặc thư điện tử không bị trả lại trong 72 giờ. Hai số này không cộng với nhau. Tin gửi thử không tính.
            Số người = có xác nhận + chưa xác nhận + chưa tiếp cận. Lượt tin = đã đến + đang xử lý + thất bại + không rõ + không gửi.
            Người đã chuyển địa bàn được tính ở nơi của đợt gửi mới nhất; lượt tin được tính ở nơi đã gửi.
            ");
            let page = office.loa(&["report", "--campaign", "nhan-dien", "--by", "channel", "--lang", "en"]);
            insta::assert_snapshot!(timeless(&page.out), @r"
            Campaign:     Nhận diện lừa đảo trực tuyến (nhan-dien)
            Basis:        1607/BTTTT-CATTT
            Period:       all
            Runs:         2 (2 going on: their figures still change)

            People reached (each counted once)
              Confirmed                                                    2   13.3 %
              Presumed                                                     2   13.3 %
              Not reached                                                 11   73.3 %
              ──────────────────────────────────────────────────────────────
              People addressed                                            15
              Goal 50 %: confirmed 13.3 % (not met); presumed 13.3 %

            Why not reached
              Waiting to be sent or for a receipt                          2
              In doubt                                                     1
              Unknown                                                      1
              Shared address: somebody else got it                         1
              Failed                                                       2
              Unsent: lapsed or cancelled                                  2
              Opted out                                                    1
              No address                                                   1
              ──────────────────────────────────────────────────────────────
              Not reached                                                 11

            Deliveries
              pending                                                      1
              in_doubt                                                     1
              accepted                                                     2
              enroute                                                      1
              delivered                                                    2
              seen                                                         1
              undelivered                                                  1
              expired                                                      1
              rejected                                                     1
              unknown                                                      1
              skipped                                                      3
              lapsed                                                       1
              cancelled                                                    1
              ──────────────────────────────────────────────────────────────
              All deliveries                                              17
              Parts billed                                                10
              Cost (đồng)                                              2,050

            By channel
            Channel                   People  Confirmed   Share  Presumed  Not reached  Deliveries  Arrived  Under way  Failed  Unknown  Not sent  Parts  Cost (đ)
            SMS                           13          1   7.6 %         1           11          14        2          3       3        1         5      7     2,050
            E-mail                         3          1  33.3 %         1            1           3        1          2       0        0         0      3         0
            Total (each person once)      15          2  13.3 %         2           11          17        3          5       3        1         5     10     2,050

            Confirmed: a receipt says that a message arrived or was seen. Presumed: a gateway that sends no receipts took it,
            or a mail did not bounce within 72 hours. The two are never added up. Test sends count nowhere.
            People = confirmed + presumed + not reached. Deliveries = arrived + under way + failed + unknown + not sent.
            A person may be in several lines: the lines' people do not add up to the total.
            ");
            let page = office.loa(&["report", "--campaign", "nhan-dien", "--unreached"]);
            insta::assert_snapshot!(page.out, @r"
            Địa bàn                           Lý do                                Số người
            01 Thành phố Hà Nội               Đang chờ gửi hoặc chờ báo nhận              2
            01 Thành phố Hà Nội               Chưa rõ kết quả (đang đối chiếu)            1
            01 Thành phố Hà Nội               Dùng chung số, người khác nhận thay         1
            01 Thành phố Hà Nội               Hết hạn ở nhà mạng                          1
            01 Thành phố Hà Nội               Không có địa chỉ nhận tin                   1
            01 Thành phố Hà Nội               Không xác định được kết quả                 1
            01 Thành phố Hà Nội               Số hoặc địa chỉ không tồn tại               1
            01 Thành phố Hà Nội               Đã hủy trước khi gửi                        1
            96 Tỉnh Cà Mau                    Từ chối nhận tin                            1
            (chưa rõ địa bàn)                 Quá hạn, chưa gửi                           1
            Tổng số người chưa tiếp cận được                                             11

            `--format csv` liệt kê từng người theo mã (ref), không có địa chỉ.
            ");
            let page = office.loa(&["report", "--unreached", "--by", "reason", "--lang", "en"]);
            insta::assert_snapshot!(page.out, @r"
            Reason                                People
            Waiting to be sent or for a receipt        2
            In doubt                                   1
            Opted out                                  1
            Shared address: somebody else got it       1
            Unknown                                    1
            cancelled before it was sent               1
            expired at the carrier                     1
            lapsed unsent                              1
            no address                                 1
            Everybody not reached                     10

            `--format csv` lists each person by ref, without addresses.
            ");
        }
    }
}

#[tokio::test]
async fn programs_get_the_same_figures() {
    for ground in grounds().await {
        scene(&ground).await;
        write(&ground, &everybody()).await;
        let office = Office::of(&ground).await;
        let json = office.loa(&["report", "--campaign", "nhan-dien", "--by", "area", "--json"]).json();
        assert_eq!(json["people"]["addressed"], 15);
        assert_eq!(json["people"]["shared_address"], 1);
        assert_eq!(json["deliveries"]["in_doubt"], 1);
        assert_eq!(json["lines"][0]["key"], "01");
        assert_eq!(json["campaign"]["goal"], 0.5);

        let csv = office.loa(&["report", "--campaign", "nhan-dien", "--by", "area", "--format", "csv"]).out;
        let rows: Vec<&str> = csv.strip_prefix('\u{feff}').unwrap().split("\r\n").collect();
        assert!(
            rows[0].starts_with("line,key,name,people,people_confirmed,people_presumed,people_not_reached,people_waiting,"),
            "{csv}"
        );
        assert!(rows[1].starts_with("total,,Tổng,15,2,2,11,"), "{csv}");
        assert!(rows[2].starts_with("area,01,Thành phố Hà Nội,12,1,2,9,"), "{csv}");

        let csv = office.loa(&["report", "--campaign", "nhan-dien", "--unreached", "--format", "csv"]).out;
        assert_eq!(csv.lines().count(), 12);
        assert!(csv.contains("nd-010,00004,\"Phường Ba Đình, Thành phố Hà Nội\",failed,no-such-address\r\n"), "{csv}");
    }
}

#[tokio::test]
async fn a_goal_counts_the_people_of_its_areas_and_period_against_the_population() {
    let goals = r#"
[[goal]]
title = "85% người dân được tiếp cận"
basis = "338/KH-UBND"
from = 2026-10-01
through = 2026-10-11
value = 0.85
population = { "01" = 40 }
source = "Cơ quan thống kê"
as_of = 2026-01-01
[[goal]]
title = "Cả hai nơi"
from = 2026-01-01
through = 2026-12-31
value = 0.02
population = { "01" = 40, "32248" = 60 }
source = "Cơ quan thống kê"
[[goal]]
title = "Sau này"
from = 2999-01-01
through = 2999-12-31
value = 0.5
population = { "01" = 40 }
source = "Cơ quan thống kê"
"#;
    for ground in grounds().await {
        scene(&ground).await;
        write(&ground, &everybody()).await;
        let office = Office::of(&ground).await.with_goals(goals);
        let report = office.loa(&["report", "--campaign", "nhan-dien", "--json"]).json();
        let goals: Vec<_> = report["goals"]
            .as_array()
            .unwrap()
            .iter()
            .map(|goal| (&goal["population"], &goal["confirmed"], &goal["presumed"]))
            .collect();
        // Person 2 was in Hà Nội on the 5th and in Cà Mau on the 12th, which is after the first goal's period.
        assert_eq!(goals, [(&40.into(), &2.into(), &2.into()), (&100.into(), &2.into(), &2.into())]);
        assert_eq!(report["goals"][0]["share_confirmed"], 0.05);

        let of = |arguments: &[&str]| office.loa(arguments).json()["goals"].as_array().unwrap().len();
        assert_eq!(of(&["report", "--from", "2999-01-01", "--through", "2999-12-31", "--json"]), 1, "only the last");
        assert_eq!(of(&["report", "--from", "2026-10-12", "--through", "2026-12-31", "--json"]), 1, "the first is over");
        assert_eq!(of(&["report", "--through", "2026-12-31", "--area", "96", "--json"]), 1, "nothing of Hà Nội alone");
        // A ward's report does not make a province's goal smaller.
        let ward = office.loa(&["report", "--campaign", "nhan-dien", "--area", "00004", "--json"]).json();
        assert_eq!((&ward["people"]["addressed"], &ward["goals"][0]["confirmed"]), (&12.into(), &2.into()));

        let page = office.loa(&["report", "--campaign", "nhan-dien"]).out;
        let block: Vec<&str> = page.split("\n\n").filter(|block| block.starts_with("Mục tiêu trên dân số")).collect();
        insta::allow_duplicates! {
            insta::assert_snapshot!(block.join("\n\n"), @r"
            Mục tiêu trên dân số, 01/10/2026 – 11/10/2026
              85% người dân được tiếp cận
              Căn cứ: 338/KH-UBND
              Có xác nhận                                                  2    5,0 %
              Chưa có xác nhận                                             2    5,0 %
              ──────────────────────────────────────────────────────────────
              Dân số của mục tiêu                                         40
              Mục tiêu 85 % dân số được tiếp cận, có xác nhận: chưa đạt
              Nguồn dân số: Cơ quan thống kê (ngày 01/01/2026)

            Mục tiêu trên dân số, 01/01/2026 – 31/12/2026
              Cả hai nơi
              Có xác nhận                                                  2    2,0 %
              Chưa có xác nhận                                             2    2,0 %
              ──────────────────────────────────────────────────────────────
              Dân số của mục tiêu                                        100
              Mục tiêu 2 % dân số được tiếp cận, có xác nhận: đạt
              Nguồn dân số: Cơ quan thống kê
            ");
        }
        assert!(page.contains("chỉ đo bằng khảo sát") && !page.contains("trang bị kiến thức"), "{page}");
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

#[tokio::test]
async fn a_persons_mistakes_are_named() {
    let ground = grounds().await.remove(0);
    scene(&ground).await;
    let office = Office::of(&ground).await;
    let told = |arguments: &[&str]| {
        let ended = office.loa(arguments);
        assert_eq!(ended.code, 2, "{}", ended.out);
        ended.err
    };
    assert_eq!(told(&["report", "--campaign", "nhan-dein"]), "lỗi: không có chiến dịch `nhan-dein`.\n");
    assert!(told(&["report", "--area", "99999"]).contains("không có địa bàn `99999`"));
    assert!(told(&["report", "--from", "2026-10-02", "--through", "2026-10-01"]).contains("đứng trước ngày đầu"));
    assert!(told(&["report", "--unreached", "--by", "carrier"]).contains("--unreached"));
}
