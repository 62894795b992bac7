//! Rows made up by chance: whatever they are, the figures add up and the tallies agree.

use std::collections::{BTreeMap, BTreeSet};

use loa::{
    delivery::State,
    report::{Cut, Fate, Selection, Sheet, kept::count_now, unreached},
};
use proptest::{
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use super::{NOW, Row, count, recount::fate, scene, write};
use crate::helpers::grounds;

/// Rows at random: at most one a run, person and channel.
pub(super) fn rows() -> impl Strategy<Value = Vec<Row>> {
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
        let fate = fate(row);
        let best = fates.entry(row.person).or_insert(fate);
        *best = fate.min(*best);
    }
    fates
}

#[tokio::test]
async fn whatever_the_rows_are_the_figures_add_up() {
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
            let sheet = count_now(&ground.db, &Selection::default(), NOW).await.unwrap();
            assert_eq!(sheet.total, counted);
            assert_eq!(Sheet::read(&sheet.write()).as_ref(), Some(&sheet), "what is kept comes back");
            for by in Cut::ALL {
                let lines = count(&ground, &Selection::default(), Some(by)).await.lines;
                // What pages show, counted for all cuts at once, is what each report counts by itself.
                assert_eq!(sheet.lines(by), lines, "{by:?}");
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
