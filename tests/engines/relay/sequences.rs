//! Random sequences of reports against the store, and against a model of the rules that knows nothing of the program: what is taken and
//! what is not, what counts in the end, by every cut; and a recount that finds nothing.
//!
//! `LOA_SEQUENCES=10000` tries as many; a failure names its seed.

use std::collections::{BTreeMap, BTreeSet};

use loa::{
    db::Engine,
    outlet::{Kind, Way},
    relay::{
        Eyes,
        count::{self, Cut, Figures, Selection},
        report::{self, Count, Report},
    },
};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

use super::{World, content, outlet_of, province, take};
use crate::{engines::world::by_sms, helpers::orders};

/// Orders of one run.
const OUTLETS: usize = 5;

/// What is known of an order without asking the program.
#[derive(Default)]
struct Model {
    kept: Vec<Report>,
}

impl Model {
    fn newest(&self) -> Option<&Report> {
        self.kept.last()
    }

    /// Whether a report came before, as it is.
    fn has(&self, report: &Report) -> bool {
        self.kept.iter().any(|kept| sorted(kept) == sorted(report))
    }

    /// Whether a report is to be taken, by the rules as an officer would read them out.
    fn takes(&self, report: &Report, now: i64) -> bool {
        let corrects = report.correction.is_some();
        let stands = match self.newest() {
            None => !corrects,
            Some(newest) => !newest.last || corrects,
        };
        let later = self.newest().is_none_or(|newest| {
            report.sequence > newest.sequence && (corrects || report.as_of >= newest.as_of && grows(newest, report))
        });
        let reasoned = report.correction.as_ref().is_none_or(|reason| !reason.trim().is_empty());
        let dated = (now..=now + 600_000).contains(&report.as_of);
        stands && later && reasoned && dated && report.sequence > 0 && adds_up(report)
    }
}

fn sorted(report: &Report) -> Report {
    let mut report = report.clone();
    report.counts.sort_by_key(|count| (count.area.clone(), count.round));
    report
}

fn adds_up(report: &Report) -> bool {
    let keys: BTreeSet<(&str, u16)> = report.counts.iter().map(|count| (count.area.as_str(), count.round)).collect();
    let line = |count: &Count| {
        let all =
            [Some(count.targeted), Some(count.submitted), count.delivered, count.failed, count.pending, count.parts, count.cost];
        let known: i128 = [count.delivered, count.failed, count.pending].into_iter().flatten().map(i128::from).sum();
        all.into_iter().flatten().all(|n| (0..=999_999_999_999).contains(&n))
            && known <= i128::from(count.submitted)
            && count.submitted <= count.targeted
            && ["01", "00004", "79"].contains(&count.area.as_str())
            && (1..=2).contains(&count.round)
            && !(count.area == "00004" && keys.contains(&("01", count.round)))
    };
    !report.counts.is_empty() && keys.len() == report.counts.len() && report.counts.iter().all(line)
}

fn grows(newest: &Report, report: &Report) -> bool {
    newest.counts.iter().all(|was| {
        let is = report.counts.iter().find(|is| (&is.area, is.round) == (&was.area, was.round));
        is.is_some_and(|is| {
            let never_falls = [
                (Some(was.targeted), Some(is.targeted)),
                (Some(was.submitted), Some(is.submitted)),
                (was.delivered, is.delivered),
                (was.failed, is.failed),
                (was.parts, is.parts),
                (was.cost, is.cost),
            ];
            never_falls.into_iter().all(|(was, is)| was.is_none() || is >= was)
        })
    })
}

/// A line that adds up more often than not.
fn line(rng: &mut StdRng) -> Count {
    let area = ["01", "01", "79", "79", "00004", "31", ""][rng.random_range(0..7)];
    let mut some = |most: i64| rng.random_range(0..most);
    let (delivered, failed, pending) = (some(20), some(5), some(5));
    let submitted = delivered + failed + pending + some(3);
    let round = u16::try_from(1 + some(2)).unwrap();
    let targeted = submitted + some(10);
    let counted = orders::line(area, round, [targeted, submitted, delivered]);
    let mut count = Count { failed: Some(failed), pending: Some(pending), parts: Some(submitted), ..counted };
    match rng.random_range(0..30) {
        0 => count.delivered = Some(count.submitted + 1),
        1 => count.submitted = count.targeted + 1,
        2 => count.failed = Some(-1),
        3 => count.targeted = i64::MAX,
        4 => count.round = 3,
        5 | 6 => (count.delivered, count.failed, count.pending) = (None, None, None),
        7 => count.cost = Some(rng.random_range(0..1_000)),
        _ => {}
    }
    count
}

/// What somebody sends next.
fn next(rng: &mut StdRng, model: &Model, now: i64) -> Report {
    let newest = model.newest();
    if let Some(kept) = newest.filter(|_| rng.random_bool(0.1)) {
        // The same again: the newest, or an earlier one.
        let nth = rng.random_range(0..model.kept.len());
        return if rng.random_bool(0.5) { kept.clone() } else { model.kept[nth].clone() };
    }
    let mut counts = match newest {
        Some(newest) if rng.random_bool(0.75) => newest.counts.clone(),
        _ => (0..rng.random_range(0..4)).map(|_| line(rng)).collect(),
    };
    for count in &mut counts {
        let more = rng.random_range(0..5);
        count.targeted = count.targeted.saturating_add(more);
        count.submitted += more.min(count.targeted - count.submitted).max(0);
        count.parts = count.parts.map(|parts| parts + more);
        if let Some(pending) = count.pending.filter(|pending| *pending > 0 && rng.random_bool(0.5)) {
            count.pending = Some(pending - 1);
            count.delivered = count.delivered.map(|delivered| delivered + 1);
        }
        if rng.random_bool(0.04) {
            count.failed = count.failed.map(|failed| failed - 1);
        }
    }
    if rng.random_bool(0.15) {
        counts.push(line(rng));
    }
    if !counts.is_empty() && rng.random_bool(0.05) {
        counts.remove(rng.random_range(0..counts.len()));
    }
    let last = newest.map_or(0, |newest| newest.sequence);
    let step = if rng.random_bool(0.85) { 1 } else { rng.random_range(-2..4) };
    let since = newest.map_or(now, |newest| newest.as_of);
    Report {
        sequence: last + step,
        as_of: if rng.random_bool(0.95) {
            since + rng.random_range(0..1_000)
        } else {
            now + rng.random_range(-1_000_000..1_000_000)
        },
        last: rng.random_bool(0.1),
        correction: match rng.random_range(0..10) {
            0 | 1 => Some("đếm nhầm".into()),
            2 => Some(" ".into()),
            _ => None,
        },
        evidence: None,
        counts,
    }
}

/// The figures of what counts, added up the plain way.
fn figures(orders: &[(String, i64, &Model)], name: impl Fn(&str, &Count) -> Option<String>) -> BTreeMap<String, Figures> {
    let mut named: BTreeMap<String, Figures> = BTreeMap::new();
    for (outlet, _, model) in orders {
        let Some(newest) = model.newest() else { continue };
        let mut subscribers: BTreeMap<(String, &str), [i64; 2]> = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for count in &newest.counts {
            let Some(name) = name(outlet, count) else { continue };
            let figures = named.entry(name.clone()).or_default();
            figures.orders += i64::from(seen.insert(name.clone()));
            figures.lines += 1;
            figures.targeted += count.targeted;
            figures.submitted += count.submitted;
            for (sum, n) in [
                (&mut figures.delivered, count.delivered),
                (&mut figures.failed, count.failed),
                (&mut figures.pending, count.pending),
                (&mut figures.parts, count.parts),
                (&mut figures.cost, count.cost),
            ] {
                if let Some(n) = n {
                    *sum = Some(sum.unwrap_or(0) + n);
                }
            }
            let place = province(&count.area).unwrap();
            subscribers.entry((name, place)).or_default()[usize::from(count.round) - 1] += count.targeted;
        }
        for ((name, _), [first, second]) in subscribers {
            named.get_mut(&name).unwrap().subscribers += first.max(second);
        }
    }
    named
}

async fn whatever_is_sent_the_store_keeps_the_rules(world: &World) {
    let wanted = std::env::var("LOA_SEQUENCES").ok().and_then(|n| n.parse::<usize>().ok());
    let sequences = wanted.unwrap_or(if world.db.engine() == Engine::Sqlite { 200 } else { 50 });
    let mut outlets = Vec::new();
    for n in 0..OUTLETS {
        outlets.push(outlet_of(world, &format!("mang-{n}"), Kind::Carrier, Way::Hand).await);
    }
    let asked: Vec<_> = outlets.iter().map(|outlet| (outlet.clone(), content(world))).collect();
    let mut all: Vec<(String, i64, Model)> = Vec::new();
    while all.len() < sequences {
        let run = world.run(&by_sms()).await;
        let made = world.ask(run, "", &asked).await;
        all.extend(made.into_iter().zip(&outlets).map(|(id, outlet)| (outlet.slug.clone(), id, Model::default())));
    }
    let (mut taken, mut repeated, mut refused) = (0, 0, 0);
    for (seed, (_, id, model)) in (0_u64..).zip(&mut all) {
        let mut rng = StdRng::seed_from_u64(seed);
        for _ in 0..rng.random_range(1..8) {
            let report = next(&mut rng, model, world.now());
            let (again, fits) = (model.has(&report), model.takes(&report, world.now()));
            let came = take(world, *id, &report).await.map(|taken| taken.repeated);
            match (came, again, fits) {
                (Ok(true), true, _) => repeated += 1,
                (Ok(false), false, true) => {
                    taken += 1;
                    model.kept.push(sorted(&report));
                }
                (Err(_), false, false) => refused += 1,
                (came, ..) => {
                    panic!("seed {seed}: {came:?} where again {again}, fits {fits}: {report:?} after {:?}", model.newest())
                }
            }
        }
        // What counts is the newest, and all of it is kept as it came, the newest first.
        let kept: Vec<Report> = report::all(&world.db, *id).await.unwrap().into_iter().map(|kept| kept.report).collect();
        assert!(kept.iter().rev().eq(&model.kept), "seed {seed}");
    }
    assert!(taken > sequences && repeated > 0 && refused > sequences / 4, "{taken} taken, {repeated} again, {refused} refused");
    let of: Vec<(String, i64, &Model)> = all.iter().map(|(outlet, id, model)| (outlet.clone(), *id, model)).collect();
    let counted = async |cut| count::figures(&world.db, &Selection::default(), cut, Eyes::All).await.unwrap();
    assert_eq!(counted(Cut::All).await, figures(&of, |_, _| Some(String::new())));
    assert_eq!(counted(Cut::Outlet).await, figures(&of, |outlet, _| Some(outlet.to_string())));
    assert_eq!(counted(Cut::Round).await, figures(&of, |_, count| Some(count.round.to_string())));
    assert_eq!(counted(Cut::Province).await, figures(&of, |_, count| province(&count.area).map(str::to_string)));
    for (_, id, model) in of.iter().take(40) {
        let one = Selection { order: Some(*id), ..Selection::default() };
        let is = count::figures(&world.db, &one, Cut::All, Eyes::All).await.unwrap();
        assert_eq!(is, figures(&[(String::new(), *id, *model)], |_, _| Some(String::new())));
    }
    world.is_sound().await;
}

on_both_engines!(whatever_is_sent_the_store_keeps_the_rules);
