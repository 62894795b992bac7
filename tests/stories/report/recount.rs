//! Every figure of a report against a second count of the same rows, written the plain way: people by fate, deliveries by
//! state, parts and đồng, of every line of every cut, and who was not reached; for rows made up by chance, for every kind of
//! selection, before and after receipts that come when the period is closed.

use std::collections::{BTreeMap, BTreeSet};

use loa::{
    audience::place::Places,
    audit::Actor,
    delivery::{State, Why},
    period::{Calendar, Period},
    report::{
        Cut, Fate, Figures, Measure, Selection, Sheet,
        closing::{self, Request, adjustments},
        kept::{self, count_now},
        route,
    },
    transaction,
    verify::verify,
};
use proptest::{
    strategy::{Strategy, ValueTree as _},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use super::{
    NOW, Row,
    kept::{keeper, settle},
    scene,
    whatever_the_rows::rows,
    write,
};
use crate::helpers::{Ground, grounds};

/// People by fate, deliveries by state, parts, đồng.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Figure {
    people: BTreeMap<&'static str, i64>,
    deliveries: BTreeMap<&'static str, i64>,
    parts: i64,
    cost: i64,
}

impl Figure {
    fn of(figures: &Figures) -> Self {
        let (people, deliveries) = (&figures.people, &figures.deliveries);
        Self {
            people: Fate::ALL.into_iter().map(|fate| (fate.name(), people.of(fate))).filter(|(_, n)| *n != 0).collect(),
            deliveries: State::ALL
                .into_iter()
                .map(|state| (state.name(), deliveries.of(state)))
                .filter(|(_, n)| *n != 0)
                .collect(),
            parts: deliveries.parts,
            cost: deliveries.cost,
        }
    }

    fn meet(&mut self, row: &Row) {
        *self.deliveries.entry(row.state.name()).or_default() += 1;
        self.parts += row.parts;
        self.cost += row.price;
    }
}

/// What a row alone says of its person.
pub(super) fn fate(row: &Row) -> Fate {
    let presumed = row.account == 3 || (row.channel == 2 && row.hours_ago >= 72);
    match row.state {
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
    }
}

/// Why: a stored reason's number, or one past all of them for what the state itself says.
fn cause(row: &Row) -> i64 {
    match row.state {
        State::Accepted | State::Enroute | State::Delivered | State::Seen => 0,
        State::Lapsed => 1_000,
        State::Cancelled => 1_001,
        _ => i64::from(Why::from_number(i16::try_from(row.reason).unwrap()).number()),
    }
}

fn cause_name(number: i64) -> String {
    match number {
        0 => "none".to_string(),
        1_000 => "lapsed".to_string(),
        1_001 => "cancelled".to_string(),
        reason => Why::from_number(i16::try_from(reason).unwrap()).name().to_string(),
    }
}

/// A place's rank where somebody has several in one run: wards before provinces, those before none.
fn rank(area: Option<&'static str>) -> (usize, &'static str) {
    area.map_or((0, ""), |area| (area.len(), area))
}

/// A second count.
struct Recount<'r> {
    rows: Vec<&'r Row>,
    several: bool,
    by_ward: bool,
}

impl<'r> Recount<'r> {
    fn of(rows: &'r [Row], selection: &Selection) -> Self {
        let date = |run: i64| if run == 1 { "2026-10-05" } else { "2026-10-12" };
        let runs: BTreeSet<i64> = [1, 2, 3]
            .into_iter()
            .filter(|run| selection.run.is_none_or(|only| only == *run))
            .filter(|run| selection.campaign.as_deref().is_none_or(|slug| slug == campaign(*run)))
            .filter(|run| selection.only.as_ref().is_none_or(|only| only.contains(campaign(*run))))
            .filter(|run| selection.from.is_none_or(|from| date(*run) >= from.to_string().as_str()))
            .filter(|run| selection.through.is_none_or(|through| date(*run) <= through.to_string().as_str()))
            .collect();
        let there = |area: Option<&str>| match (selection.area.as_deref(), area) {
            (None, _) => true,
            (Some(wanted), Some(area)) => area == wanted || Places::built_in().province_of(area) == Some(wanted),
            (Some(_), None) => false,
        };
        Self {
            several: runs.iter().map(|run| campaign(*run)).collect::<BTreeSet<_>>().len() > 1,
            by_ward: selection.area.is_some(),
            rows: rows.iter().filter(|row| runs.contains(&row.run) && there(row.area)).collect(),
        }
    }

    fn place(&self, area: Option<&'static str>) -> String {
        let province = |area: &'static str| Places::built_in().province_of(area).unwrap_or(area);
        area.map_or("none", |area| if self.by_ward { area } else { province(area) }).to_string()
    }

    /// The lines that a row is in.
    fn lines(&self, by: Cut, row: &Row) -> Vec<String> {
        let turned = row.run == 2;
        let one = |line: &str| vec![line.to_string()];
        match by {
            Cut::Campaign => one(campaign(row.run)),
            Cut::Channel => one(["", "sms", "email", "chat"][usize::try_from(row.channel).unwrap()]),
            Cut::Area => vec![self.place(row.area)],
            Cut::Segment => {
                let names = if turned { ["nguoi-cao-tuoi", "can-bo"] } else { ["can-bo", "nguoi-cao-tuoi"] };
                let own: Vec<String> =
                    (0..2).filter(|bit| row.segments >> bit & 1 == 1).map(|bit| names[bit].to_string()).collect();
                if own.is_empty() { one("none") } else { own }
            }
            Cut::Group => one(if row.person % 2 == 0 { "to-2" } else { "to-1" }),
            Cut::Carrier => vec![route(row.channel << 4 | row.carrier).0],
            Cut::Account => one(["none", "viettel", "thu", "im-lang"][usize::try_from(row.account).unwrap()]),
            Cut::Message => {
                let names = if turned { ["goi-gia", "otp"] } else { ["otp", "goi-gia"] };
                let name = names[usize::try_from(row.message).unwrap()];
                vec![if self.several { format!("{}/{name}", campaign(row.run)) } else { name.to_string() }]
            }
            Cut::Reason => vec![cause_name(cause(row))],
        }
    }

    fn people(&self) -> BTreeMap<i64, Vec<&Row>> {
        let mut people: BTreeMap<i64, Vec<&Row>> = BTreeMap::new();
        for row in &self.rows {
            people.entry(row.person).or_default().push(row);
        }
        people
    }

    fn total(&self) -> Figure {
        let mut figure = Figure::default();
        for row in &self.rows {
            figure.meet(row);
        }
        for own in self.people().values() {
            *figure.people.entry(best(own).0.name()).or_default() += 1;
        }
        figure
    }

    fn cut(&self, by: Cut) -> BTreeMap<String, Figure> {
        let mut lines: BTreeMap<String, Figure> = BTreeMap::new();
        for row in &self.rows {
            for line in self.lines(by, row) {
                lines.entry(line).or_default().meet(row);
            }
        }
        for own in self.people().values() {
            let counted: BTreeMap<String, Fate> = match by {
                Cut::Area => BTreeMap::from([(self.place(latest(own)), best(own).0)]),
                Cut::Reason => BTreeMap::from([(cause_name(best(own).1), best(own).0)]),
                _ => {
                    let mut counted = BTreeMap::new();
                    for row in own {
                        for line in self.lines(by, row) {
                            let known = counted.entry(line).or_insert_with(|| fate(row));
                            *known = fate(row).min(*known);
                        }
                    }
                    counted
                }
            };
            for (line, fate) in counted {
                *lines.entry(line).or_default().people.entry(fate.name()).or_default() += 1;
            }
        }
        lines
    }

    /// Place, fate, cause → people.
    fn gaps(&self) -> BTreeMap<(String, &'static str, String), i64> {
        let mut gaps = BTreeMap::new();
        for own in self.people().values() {
            let (fate, cause) = best(own);
            if !matches!(fate, Fate::Confirmed | Fate::Presumed) {
                *gaps.entry((self.place(latest(own)), fate.name(), cause_name(cause))).or_default() += 1;
            }
        }
        gaps
    }

    fn measure(&self, measure: Measure) -> i64 {
        let total = self.total();
        let people = |fate: Fate| total.people.get(fate.name()).copied().unwrap_or(0);
        let all: i64 = total.people.values().sum();
        let states = |states: &[State]| states.iter().filter_map(|state| total.deliveries.get(state.name())).sum::<i64>();
        match measure {
            Measure::Addressed => all,
            Measure::Confirmed => people(Fate::Confirmed),
            Measure::Presumed => people(Fate::Presumed),
            Measure::NotReached => all - people(Fate::Confirmed) - people(Fate::Presumed),
            Measure::Deliveries => total.deliveries.values().sum(),
            Measure::Arrived => states(&[State::Delivered, State::Seen]),
            Measure::Parts => total.parts,
            Measure::Cost => total.cost,
            Measure::CostEach => match people(Fate::Confirmed) {
                0 => 0,
                people => (total.cost + people - 1) / people,
            },
            // Nothing was ordered here.
            Measure::RelaySubscribers
            | Measure::RelaySubmitted
            | Measure::RelayDelivered
            | Measure::RelayFailed
            | Measure::RelayCost => 0,
        }
    }

    /// The same; none where there is nothing to divide by.
    fn known(&self, measure: Measure) -> Option<i64> {
        (measure != Measure::CostEach || self.measure(Measure::Confirmed) > 0).then(|| self.measure(measure))
    }

    /// Whether a sheet says the same, to the last figure.
    fn holds(&self, sheet: &Sheet, what: &str) {
        assert_eq!(Figure::of(&sheet.total), self.total(), "{what}");
        for by in Cut::ALL {
            let lines: BTreeMap<String, Figure> =
                sheet.lines(by).iter().map(|line| (line.key.clone(), Figure::of(&line.figures))).collect();
            assert_eq!(lines, self.cut(by), "{what} by {by:?}");
        }
        let gaps: BTreeMap<_, _> = sheet
            .gaps
            .iter()
            .map(|gap| {
                let place = gap.area.clone().unwrap_or_else(|| "none".into());
                ((place, gap.outcome.fate.name(), gap.outcome.cause.name().to_string()), gap.people)
            })
            .collect();
        assert_eq!(gaps, self.gaps(), "{what}");
        for measure in Measure::ALL {
            assert_eq!(measure.of(sheet).unwrap_or(0), self.measure(measure), "{what}: {measure:?}");
        }
    }
}

fn campaign(run: i64) -> &'static str {
    if run == 3 { "khac" } else { "nhan-dien" }
}

/// The best of a person's rows.
fn best(rows: &[&Row]) -> (Fate, i64) {
    rows.iter().map(|row| (fate(row), cause(row))).min().unwrap()
}

/// Where the latest run found a person.
fn latest(rows: &[&Row]) -> Option<&'static str> {
    let run = rows.iter().map(|row| row.run).max().unwrap();
    rows.iter().filter(|row| row.run == run).map(|row| row.area).max_by_key(|area| rank(*area)).unwrap()
}

fn selections() -> Vec<Selection> {
    let day = |day: &str| Some(day.parse().unwrap());
    vec![
        Selection::default(),
        Selection { campaign: Some("nhan-dien".into()), ..Selection::default() },
        Selection { area: Some("01".into()), ..Selection::default() },
        Selection { area: Some("32248".into()), campaign: Some("nhan-dien".into()), ..Selection::default() },
        Selection { from: day("2026-10-06"), through: day("2026-10-31"), ..Selection::default() },
        Selection { only: Some(["khac".to_string()].into()), ..Selection::default() },
        Selection { run: Some(2), ..Selection::default() },
    ]
}

fn runner() -> TestRunner {
    TestRunner::new_with_rng(Config::default(), TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

/// The rows instead of all that were there; tallies have changed `times` times since.
async fn put(ground: &Ground, rows: &[Row], times: i64) {
    ground.execute("DELETE FROM delivery").await;
    write(ground, rows).await;
    ground.execute(&format!("UPDATE tally SET changes = {times}")).await;
}

#[tokio::test]
async fn every_figure_is_what_a_second_count_gives() {
    let mut runner = runner();
    for ground in grounds().await {
        scene(&ground).await;
        for _ in 0..10 {
            let rows = rows().new_tree(&mut runner).unwrap().current();
            put(&ground, &rows, 1).await;
            for selection in selections() {
                let sheet = count_now(&ground.db, &selection, NOW).await.unwrap();
                Recount::of(&rows, &selection).holds(&sheet, &format!("{selection:?} of {rows:?}"));
            }
        }
    }
}

fn october() -> Period {
    let reporting = loa::config::Reporting { month_starts: 1, week_starts: chrono::Weekday::Mon, ..Default::default() };
    Calendar::of(&reporting).parse("2026-10").unwrap()
}

/// What comes in after a period was closed: receipts for what was under way, a retry of what failed, a correction in a run of its own.
fn later(rows: &[Row]) -> Vec<Row> {
    let mut rows: Vec<Row> = rows.to_vec();
    for row in &mut rows {
        let (state, parts, price) = match row.state {
            State::Accepted | State::Enroute if row.person % 2 == 0 => (State::Delivered, row.parts, row.price),
            State::InDoubt => (State::Undelivered, row.parts, row.price),
            State::Rejected if row.account > 0 => (State::Accepted, row.parts * 2, row.price * 2),
            state => (state, row.parts, row.price),
        };
        *row = Row { state, parts, price, reason: if state == row.state { row.reason } else { 0 }, ..row.clone() };
    }
    let got: BTreeSet<i64> =
        rows.iter().filter(|row| row.run == 1 && fate(row) == Fate::Confirmed).map(|row| row.person).collect();
    let corrected: BTreeSet<(i64, i64)> = rows.iter().filter(|row| row.run == 3).map(|row| (row.person, row.channel)).collect();
    let more = got.into_iter().filter(|person| !corrected.contains(&(*person, 1)));
    rows.extend(more.map(|person| super::sms(3, person, State::Delivered)));
    rows
}

#[tokio::test]
async fn what_is_closed_is_the_count_of_then_and_adjustments_are_the_count_of_now_less_it() {
    let mut runner = runner();
    for ground in grounds().await {
        scene(&ground).await;
        let (mut keeper, _clock, hand) = keeper(&ground);
        let (period, selection) = (october(), Selection::of(&october()));
        kept::want(&ground.db, &selection, NOW).await.unwrap();
        let (mut times, mut corrects) = (0, None);
        for _ in 0..4 {
            let before = rows().new_tree(&mut runner).unwrap().current();
            times += 1;
            put(&ground, &before, times).await;
            hand.advance(std::time::Duration::from_mins(1));
            settle(&mut keeper).await;
            let now = kept::look(&ground.db, &selection, NOW).await.unwrap().0.unwrap();
            assert!(now.fresh);
            let by = Actor::command("Trần Thị Mẫu");
            let corrects_now = corrects.map(|id| (id, "đếm lại"));
            let request = Request {
                period: &period,
                department: "",
                selection: &selection,
                seen: now.sheet.at,
                by: &by,
                corrects: corrects_now,
                today: "2026-11-02".parse().unwrap(),
                now: NOW,
            };
            let closed = transaction!(ground.db, |tx| Ok(closing::close(tx, &request).await)).unwrap().unwrap();
            corrects = Some(closed.id);
            Recount::of(&before, &selection).holds(&closed.sheet, &format!("closed: {before:?}"));

            let after = later(&before);
            times += 1;
            put(&ground, &after, times).await;
            hand.advance(std::time::Duration::from_mins(1));
            settle(&mut keeper).await;
            let now = kept::look(&ground.db, &selection, NOW).await.unwrap().0.unwrap().sheet;
            Recount::of(&after, &selection).holds(&now, &format!("after: {after:?}"));
            let held = closing::latest(&ground.db, "2026-10", "").await.unwrap().unwrap();
            assert_eq!(held.sheet, closed.sheet, "what was signed stays");
            let (then, since) = (Recount::of(&before, &selection), Recount::of(&after, &selection));
            let expected: Vec<closing::Adjusted> = Measure::ALL
                .into_iter()
                .map(|measure| (measure, then.known(measure), since.known(measure)))
                .filter(|(_, closed, now)| closed != now)
                .collect();
            assert_eq!(adjustments(&held.sheet, &now), expected);
        }
        let found = verify(&ground.db).await.unwrap();
        assert_eq!((found.wrong_figures, found.broken_closings, found.differences), (vec![], vec![], vec![]));
    }
}
