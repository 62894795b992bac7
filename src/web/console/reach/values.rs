//! Figures as templates take them: written for people, in their language.

use std::collections::BTreeMap;

use minijinja::{Value, context};

use super::wanted::Wanted;
use crate::{
    audience::place::Places,
    phrase,
    reconcile::Reported,
    relay,
    report::{
        Cut, Fate, Figures, Line, Measure, Sheet, Target,
        closing::Adjusted,
        paper,
        relayed::{self, Relayed},
    },
    words::{self, Lang, Phrase},
};

/// The measures, now and before.
pub(in crate::web::console) fn summary(sheet: &Sheet, before: Option<&Sheet>, lang: Lang) -> Vec<Value> {
    let number = |n: Option<i64>| n.map_or_else(|| "–".to_string(), |n| words::number(n, lang));
    paper::summary(sheet, before, lang)
        .into_iter()
        .map(|row| {
            context! {
                key => row.measure.name(), label => row.measure.label().text(lang), now => number(row.now), share => row.share,
                before => number(row.before), share_before => row.share_before,
                change => row.change.map_or_else(|| "–".to_string(), |n| paper::signed(n, lang)),
            }
        })
        .collect()
}

/// What a manager is asked first: whom, whom not, for how much, and against the period before.
pub(super) fn tiles(sheet: &Sheet, before: Option<&Sheet>, lang: Lang) -> Vec<Value> {
    let first = |row: &paper::Row| !matches!(row.measure, Measure::Deliveries | Measure::Arrived | Measure::Parts);
    // Against a period without anybody every figure is a rise.
    let before = before.filter(|before| before.total.people.addressed() > 0);
    let rows = paper::summary(sheet, before, lang).into_iter().filter(first);
    rows.map(|row| {
        let change = row.change.map(|n| {
            let n = paper::signed(n, lang);
            phrase!("{n} so với kỳ trước", "{n} against before").text(lang).to_string()
        });
        let note: Vec<String> = row.share.into_iter().chain(change).collect();
        context! {
            label => row.measure.label().text(lang), note => note.join(" · "),
            now => row.now.map_or_else(|| "–".to_string(), |n| words::number(n, lang)),
        }
    })
    .collect()
}

/// The figures as shares of everybody on the list, whom no campaign may have been for.
pub(super) fn listed(sheet: &Sheet, people: i64, at: i64, lang: Lang) -> Value {
    let share = |fate| words::share(sheet.total.people.of(fate), people, lang);
    context! {
        people => words::number(people, lang), at => words::moment(at, lang), confirmed => share(Fate::Confirmed), presumed => share(Fate::Presumed),
    }
}

/// What a carrier billed, beside what it was given to send.
pub(super) fn reported(one: &Reported, lang: Lang) -> Value {
    let n = |n: i64| words::number(n, lang);
    context! {
        account => &one.account, carrier => one.carrier_name(lang), days => n(one.days),
        parts => n(one.invoiced.parts), cost => n(one.invoiced.cost), own_parts => n(one.counted.parts), own_cost => n(one.counted.cost),
    }
}

pub(in crate::web::console) fn adjustments(adjusted: &[Adjusted], lang: Lang) -> Vec<Value> {
    let row = |(measure, closed, now): &Adjusted| {
        context! { label => measure.label().text(lang), closed => relayed::shown(*closed, lang), now => relayed::shown(*now, lang),
        change => paper::signed(now.unwrap_or(0) - closed.unwrap_or(0), lang) }
    };
    adjusted.iter().map(row).collect()
}

/// What outlets reported, in tables of its own: whose figures are never among those of people.
pub(super) fn relayed_value(reported: &Relayed, lang: Lang) -> Value {
    let columns = relayed::columns();
    let line = |name: &str, figures: &relay::count::Figures| {
        let cells: Vec<String> = columns.iter().map(|(_, _, of)| relayed::shown(of(figures), lang)).collect();
        context! { name, orders => words::number(figures.orders, lang), cells }
    };
    let split = |cut: relay::count::Cut, title: &Phrase, column: &Phrase, lines: &[relayed::Line]| {
        let lines: Vec<Value> = lines.iter().map(|of| line(&of.name, &of.figures)).collect();
        let columns: Vec<String> = relayed::names(cut).iter().map(|name| name.text(lang).to_string()).collect();
        context! { title => title.text(lang), column => column.text(lang), columns, lines }
    };
    let splits: Vec<Value> = reported
        .splits()
        .map(|(cut, lines)| {
            let (title, column) = relayed::title(cut);
            split(cut, &title, &column, lines)
        })
        .collect();
    let kinds: Vec<Value> = reported
        .kinds
        .iter()
        .map(|far| {
            let n = |n: i64| words::number(n, lang);
            context! {
                label => far.kind.label().text(lang), asked => n(far.asked), done => n(far.done), share => words::share(far.done, far.asked, lang),
                refused => n(far.refused), overdue => n(far.overdue),
            }
        })
        .collect();
    let silent: Vec<Value> = reported
        .silent
        .iter()
        .map(|one| {
            context! {
                outlet => &one.outlet, kind => one.kind.label().text(lang), campaign => &one.campaign, state => one.state.label().text(lang),
                overdue => one.overdue,
            }
        })
        .collect();
    let others = (!reported.others.is_empty()).then(|| {
        let kind = relay::count::Cut::Kind;
        split(kind, &relayed::others(), &relayed::title(kind).1, &reported.others)
    });
    context! {
        label => relayed::label().text(lang),
        carriers => reported.orders + reported.total.orders > 0, total => line(lang.pick("Tổng", "Total"), &reported.total),
        orders => words::number(reported.orders, lang), splits, others, kinds,
        all_silent => words::number(i64::try_from(silent.len()).unwrap_or(0) + reported.more_silent, lang),
        more_silent => reported.more_silent, silent,
    }
}

/// A campaign's goal over its own audience.
pub(super) fn goal_of(sheet: &Sheet, lang: Lang) -> Option<Value> {
    let goal = sheet.subject.as_ref()?.goal.filter(|_| sheet.selection.campaign.is_some())?;
    let people = &sheet.total.people;
    let met = people.meet(goal, people.addressed());
    let share = |fate| words::share(people.of(fate), people.addressed(), lang);
    Some(
        context! { value => words::per_cent(goal, lang), confirmed => share(Fate::Confirmed), presumed => share(Fate::Presumed), met },
    )
}

pub(super) fn target_value(target: &Target, lang: Lang) -> Value {
    let (goal, population) = (&target.goal, target.population());
    let share = |fate| words::share(target.people.of(fate), population, lang);
    context! {
        title => &goal.title, basis => &goal.basis, from => words::date(goal.from, lang), through => words::date(goal.through, lang),
        value => words::per_cent(goal.value, lang), population => words::number(population, lang), source => &goal.source,
        confirmed => words::number(target.people.of(Fate::Confirmed), lang), presumed => words::number(target.people.of(Fate::Presumed), lang),
        share_confirmed => share(Fate::Confirmed), share_presumed => share(Fate::Presumed), met => target.is_met(),
    }
}

fn figure_values(figures: &Figures, lang: Lang) -> Value {
    let (people, deliveries) = (&figures.people, &figures.deliveries);
    let n = |n: i64| words::number(n, lang);
    let confirmed = people.of(Fate::Confirmed);
    let each = if confirmed == 0 {
        "–".to_string()
    } else {
        n(deliveries.cost / confirmed + i64::from(deliveries.cost % confirmed != 0))
    };
    context! {
        people => n(people.addressed()), confirmed => n(confirmed), share => words::share(confirmed, people.addressed(), lang),
        presumed => n(people.of(Fate::Presumed)), not_reached => n(people.not_reached()), deliveries => n(deliveries.total()),
        arrived => n(deliveries.confirmed()), failed => n(deliveries.failed()), parts => n(deliveries.parts), cost => n(deliveries.cost), each,
    }
}

pub(super) fn line_value(line: &Line, before: Option<&Sheet>, wanted: &Wanted, lang: Lang) -> Value {
    let then = before.and_then(|before| before.lines(wanted.by).iter().find(|then| then.key == line.key));
    let population = wanted.populations.get(&line.key).filter(|_| wanted.by == Cut::Area);
    let open = match wanted.by {
        Cut::Area if wanted.selection.area.is_none() && line.key.len() == 2 => {
            Some(wanted.with("/reach", |asked| asked.area.clone_from(&line.key)))
        }
        Cut::Campaign if wanted.campaigns.iter().any(|(slug, _)| *slug == line.key) => Some(wanted.with("/reach", |asked| {
            asked.campaign.clone_from(&line.key);
            asked.by = String::new();
        })),
        _ => None,
    };
    let drill = wanted.with("/reach/rows", |asked| asked.by = wanted.by.name().to_string());
    let key: String = form_urlencoded::byte_serialize(line.key.as_bytes()).collect();
    context! {
        name => line.name.text(lang), href => open, rows => format!("{drill}&line={key}"),
        figures => figure_values(&line.figures, lang),
        share_before => then.map(|then| words::share(then.figures.people.of(Fate::Confirmed), then.figures.people.addressed(), lang)),
        of_population => population.map(|population| words::share(line.figures.people.of(Fate::Confirmed), *population, lang)),
    }
}

/// Why people were not reached: the most first, all places together.
pub(super) fn gaps(sheet: &Sheet, wanted: &Wanted, lang: Lang) -> Vec<Value> {
    let mut by_why: BTreeMap<(String, &'static str, Option<&'static str>), i64> = BTreeMap::new();
    for gap in &sheet.gaps {
        let (why, fate) = (gap.outcome.why(), gap.outcome.fate);
        // Where the reason says why, its rows are those of that reason.
        let cause = (why != fate.label().capital()).then(|| gap.outcome.cause.name());
        *by_why.entry((why.text(lang).to_string(), fate.name(), cause)).or_default() += gap.people;
    }
    let mut rows: Vec<_> = by_why.into_iter().collect();
    rows.sort_by_key(|(_, people)| std::cmp::Reverse(*people));
    let all = sheet.total.people.not_reached();
    let row = |((why, fate, cause), people): ((String, &'static str, Option<&'static str>), i64)| {
        let path =
            wanted.with("/reach/rows", |asked| asked.by = cause.map_or_else(String::new, |_| Cut::Reason.name().to_string()));
        let join = if path.contains('?') { '&' } else { '?' };
        let line = cause.map(|cause| format!("&line={cause}")).unwrap_or_default();
        let href = format!("{path}{join}fate={fate}{line}");
        context! { why, href, people => words::number(people, lang), share => words::share(people, all, lang) }
    };
    rows.into_iter().map(row).collect()
}

/// The table behind the map: places with people.
pub(super) fn places(sheet: &Sheet, wanted: &Wanted, lang: Lang) -> Vec<Value> {
    let province = wanted.selection.area.as_deref().filter(|code| code.len() == 2);
    let people = sheet.people_by_place(province);
    people
        .into_iter()
        .map(|(code, people)| {
            let name = code.as_deref().and_then(|code| Places::built_in().full_name(code));
            context! {
                name => name.unwrap_or_else(|| lang.pick("(chưa rõ địa bàn)", "(not known)").to_string()),
                people => words::number(people.addressed(), lang),
                confirmed => words::number(people.of(Fate::Confirmed), lang),
                share => words::share(people.of(Fate::Confirmed), people.addressed(), lang),
                presumed => words::number(people.of(Fate::Presumed), lang),
                not_reached => words::number(people.not_reached(), lang),
            }
        })
        .collect()
}
