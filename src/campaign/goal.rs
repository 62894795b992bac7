//! `campaigns/goals.toml`: shares of a population to reach, which is larger than the list of recipients.

#![expect(
    clippy::unnecessary_wraps,
    reason = "a reader returns an option whether or not it can fail: that is what sections call"
)]

use std::collections::BTreeMap;

use chrono::NaiveDate;

use crate::{
    document::{Problems, Section, Value, decode},
    phrase,
};

/// All goals, in the file's order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Goals(pub Vec<Goal>);

/// One goal.
#[derive(Debug, Clone, PartialEq)]
pub struct Goal {
    /// For people.
    pub title: String,
    /// The document that sets it.
    pub basis: Option<String>,
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub through: NaiveDate,
    /// Share of the population, 0…1.
    pub value: f64,
    /// People by province or ward code.
    pub population: BTreeMap<String, i64>,
    /// Where the population's figures come from.
    pub source: String,
    /// Their date.
    pub as_of: Option<NaiveDate>,
}

impl Goals {
    /// Reads the file.
    pub fn parse(file: &str, text: &str) -> Result<Self, Problems> {
        decode(file, text, |root| Some(Self(root.optional("goal", |v| v.list(|one| one.section(goal))).unwrap_or_default())))
    }
}

fn goal(section: &mut Section<'_>) -> Option<Goal> {
    let title = section.required("title", |v| v.line());
    let basis = section.optional("basis", |v| v.line());
    let from = section.required("from", |v| v.date());
    let through = section.required("through", |v| {
        let through = v.date()?;
        match from {
            Some(from) if through < from => v.refuse(
                phrase!("ngày cuối {through} đứng trước ngày đầu {from}", "the last day, {through}, is before the first, {from}"),
                phrase!("đặt `through` từ {from} trở đi", "set `through` to {from} or later"),
            ),
            _ => Some(through),
        }
    });
    let value = section.required("value", |v| v.number(0.0..=1.0));
    let population = section.required("population", |v| v.section(population));
    let source = section.required("source", |v| v.line());
    let as_of = section.optional("as_of", |v| v.date());
    Some(Goal {
        title: title?,
        basis,
        from: from?,
        through: through?,
        value: value?,
        population: population?,
        source: source?,
        as_of,
    })
}

fn population(section: &mut Section<'_>) -> Option<BTreeMap<String, i64>> {
    let mut people = BTreeMap::new();
    for (code, value) in section.rest() {
        if !matches!(code.len(), 2 | 5) || !code.bytes().all(|b| b.is_ascii_digit()) {
            section.refuse_key::<()>(
                code,
                phrase!("`{code}` không phải mã địa bàn", "`{code}` is not an area code"),
                phrase!("\"01\" là tỉnh, thành phố; \"00004\" là xã, phường", "\"01\" for a province, \"00004\" for a ward"),
            );
        }
        people.extend(Value::integer(&value, 1..=200_000_000).map(|count| (code.to_string(), count)));
    }
    Some(people)
}
