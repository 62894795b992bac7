//! What every page of figures begins with: the period and its neighbours, what else may be chosen, the cuts.

use chrono::NaiveDate;
use minijinja::{Value, context, value::Serde};

use super::wanted::Wanted;
use crate::{
    audience::place::Places,
    period::{Period, Span},
    report::{Cut, Selection},
    words::{self, Lang},
};

/// What every page of these figures begins with.
pub(super) fn heading(wanted: &Wanted, lang: Lang) -> Value {
    let (title, column) = wanted.by.title(wanted.selection.area.is_some());
    let cuts: Vec<Value> = Cut::ALL
        .into_iter()
        .filter(|cut| *cut != Cut::Campaign || wanted.selection.campaign.is_none())
        .map(|cut| {
            context! { href => format!("{}#by", wanted.with("/reach", |asked| asked.by = cut.name().to_string())),
            label => cut.title(wanted.selection.area.is_some()).0.text(lang), current => cut == wanted.by }
        })
        .collect();
    let step = |period: Option<Period>| {
        period.map(|period| context! { href => wanted.with("/reach", |asked| asked.period = period.key()), title => period.title().text(lang) })
    };
    let spans: Vec<Value> = wanted.period.map_or_else(Vec::new, |own| {
        let same = |span| wanted.calendar.containing(span, own.through.min(wanted.today).max(own.from));
        Span::ALL
            .into_iter()
            .filter_map(|span| Some((span, same(span)?)))
            .map(|(span, period)| {
                context! { href => wanted.with("/reach", |asked| asked.period = period.key()), label => span.label().text(lang), current => span == own.span }
            })
            .collect()
    });
    let ward = wanted.selection.area.as_deref().filter(|code| code.len() != 2);
    let mut codes: Vec<&str> = Places::built_in().provinces().collect();
    codes.extend(ward);
    let areas: Vec<Value> = codes
        .into_iter()
        .map(|code| context! { value => code, label => Places::built_in().name(code).unwrap_or(code) })
        .collect();
    let campaigns: Vec<Value> = wanted.campaigns.iter().map(|(slug, title)| context! { value => slug, label => title }).collect();
    context! {
        asked => Value::from(Serde(&wanted.asked)),
        period_key => wanted.period.map(|period| period.key()).unwrap_or_default(),
        period => wanted.period.map(|period| context! { title => period.title().text(lang), days => period.days(lang) }),
        days => days(&wanted.selection, lang),
        previous => step(wanted.previous()),
        next => step(wanted.period.and_then(|period| wanted.calendar.next(&period))),
        spans, areas, campaigns, cuts,
        area_name => wanted.selection.area.as_deref().and_then(|code| Places::built_in().full_name(code)),
        everywhere => wanted.with("/reach", |asked| asked.area = String::new()),
        campaign_title => wanted.selection.campaign.as_ref().and_then(|slug| wanted.campaigns.iter().find(|(known, _)| known == slug)).map(|(_, title)| title),
        cut_title => title.text(lang),
        cut_column => column.text(lang),
    }
}

fn days(selection: &Selection, lang: Lang) -> String {
    let day = |day: Option<NaiveDate>| day.map_or_else(|| "…".to_string(), |day| words::date(day, lang));
    format!("{} – {}", day(selection.from), day(selection.through))
}
