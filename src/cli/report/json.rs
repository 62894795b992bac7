//! A report for programs.

use serde_json::{Map, Value, json};

use crate::{
    relay::count::Figures,
    report::{
        Fate, Report, Target,
        relayed::{self, Relayed},
    },
    words::Lang,
};

/// Confirmed and presumed stand side by side, each with its share of the population; they are never added up.
fn goal(target: &Target) -> Value {
    let (goal, population) = (&target.goal, target.population());
    let (confirmed, presumed) = (target.people.of(Fate::Confirmed), target.people.of(Fate::Presumed));
    #[expect(clippy::cast_precision_loss, reason = "people, not atoms")]
    let share = |people: i64| people as f64 / population.max(1) as f64;
    json!({
        "title": goal.title, "basis": goal.basis, "from": goal.from, "through": goal.through, "value": goal.value,
        "areas": goal.population, "population": population, "source": goal.source, "as_of": goal.as_of,
        "confirmed": confirmed, "presumed": presumed, "share_confirmed": share(confirmed), "share_presumed": share(presumed),
    })
}

/// A report.
pub(super) fn report(report: &Report, lang: Lang) -> Value {
    let lines: Vec<_> = report
        .lines
        .iter()
        .map(|line| {
            let (people, deliveries) = (line.figures.people, line.figures.deliveries);
            json!({ "key": line.key, "name": line.name.text(lang), "people": people, "deliveries": deliveries })
        })
        .collect();
    json!({
        "at": instant(report.at), "selection": report.selection, "campaign": report.subject, "runs": report.runs,
        "people": report.total.people, "deliveries": report.total.deliveries, "by": report.by, "lines": lines,
        "relayed": report.relayed.as_ref().map(relayed),
        "goals": report.targets.iter().map(goal).collect::<Vec<_>>(),
    })
}

/// What outlets reported, apart from people and messages; what nobody counts is null.
fn relayed(reported: &Relayed) -> Value {
    let counts = |figures: &Figures| {
        let counts = relayed::columns()
            .into_iter()
            .map(|(_, name, of)| (name.trim_start_matches("relay_").to_string(), of(figures).into()));
        let all = std::iter::once(("orders".to_string(), figures.orders.into())).chain(counts);
        Value::Object(all.collect())
    };
    let line = |line: &relayed::Line| json!({ "key": line.key, "name": line.name, "counts": counts(&line.figures) });
    let by: Map<String, Value> = reported
        .splits()
        .map(|(cut, lines)| (relayed::named(cut).trim_start_matches("relay_").to_string(), lines.iter().map(line).collect()))
        .collect();
    json!({
        "reported_by": "carrier", "unit": "subscribers", "orders": reported.orders, "total": counts(&reported.total), "by": by,
        "others": reported.others.iter().map(line).collect::<Vec<_>>(),
        "kinds": reported.kinds, "silent": reported.silent, "more_silent": reported.more_silent,
    })
}

/// A moment, RFC 3339.
pub(super) fn instant(millis: i64) -> Option<String> {
    Some(chrono::DateTime::from_timestamp_millis(millis)?.to_rfc3339_opts(chrono::SecondsFormat::Millis, true))
}
