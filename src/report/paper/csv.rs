//! Figures as comma-separated values (RFC 4180), in UTF-8 with the byte order mark that Excel needs. Names of columns are
//! English in every language and do not change.
//!
//! What outlets reported has lines and columns of its own (`relay_…`): no sum over a column joins it with people or messages. What is
//! not known is empty.

use super::super::{
    Cut, Fate, Figures, Line,
    relayed::{self, Relayed},
};
use crate::{
    audience::formula::guarded,
    delivery::State,
    phrase, relay,
    words::{Lang, Phrase},
};

/// One record a line, the total first.
pub fn csv(
    total: &Figures,
    by: Option<Cut>,
    lines: &[Line],
    relayed: Option<&Relayed>,
    lang: Lang,
) -> Result<Vec<u8>, csv::Error> {
    let mut out = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer("\u{feff}".as_bytes().to_vec());
    let names = ["line", "key", "name"].map(str::to_string);
    let counts = counts();
    out.write_record(names.into_iter().chain(counts.clone()).chain(relayed_names()))?;
    let own = |line: &str, key: &str, name: &Phrase, figures: &Figures| {
        let reported = relayed_names().map(|_| String::new());
        named(line, key, name.text(lang)).into_iter().chain(numbers(figures)).chain(reported).collect::<Vec<_>>()
    };
    out.write_record(own("total", "", &phrase!("Tổng", "Total"), total))?;
    for line in lines {
        out.write_record(own(by.map_or("", Cut::name), &line.key, &line.name, &line.figures))?;
    }
    if let Some(relayed) = relayed.filter(|relayed| !relayed.is_empty()) {
        let reported = |line: &str, key: &str, name: &str, figures: &relay::count::Figures| {
            let blank = counts.iter().map(|_| String::new());
            named(line, key, name).into_iter().chain(blank).chain(reported(figures)).collect::<Vec<_>>()
        };
        let all = relay::count::Cut::All;
        out.write_record(reported(relayed::named(all), "", relayed::label().text(lang), &relayed.total))?;
        for (cut, lines) in relayed.splits().chain([(relay::count::Cut::Kind, relayed.others.as_slice())]) {
            for line in lines {
                out.write_record(reported(relayed::named(cut), &line.key, &line.name, &line.figures))?;
            }
        }
    }
    out.into_inner().map_err(|error| error.into_error().into())
}

/// Names are what somebody wrote: none of them runs in a spreadsheet.
fn named(line: &str, key: &str, name: &str) -> [String; 3] {
    [line, key, name].map(|cell| guarded(cell).into_owned())
}

/// The columns of people and messages.
fn counts() -> Vec<String> {
    let people = ["people", "people_confirmed", "people_presumed", "people_not_reached"].map(str::to_string).into_iter();
    let people = people.chain(Fate::not_reached().map(|fate| format!("people_{}", fate.name())));
    let states = State::ALL.map(|state| format!("deliveries_{}", state.name()));
    people.chain(["deliveries".to_string()]).chain(states).chain(["parts", "cost"].map(str::to_string)).collect()
}

fn numbers(figures: &Figures) -> Vec<String> {
    let (people, deliveries) = (&figures.people, &figures.deliveries);
    let counts = [people.addressed(), people.of(Fate::Confirmed), people.of(Fate::Presumed), people.not_reached()].into_iter();
    let counts = counts.chain(Fate::not_reached().map(|fate| people.of(fate)));
    let counts = counts.chain([deliveries.total()]).chain(State::ALL.map(|state| deliveries.of(state)));
    counts.chain([deliveries.parts, deliveries.cost]).map(|n| n.to_string()).collect()
}

/// The columns of what outlets reported.
fn relayed_names() -> impl Iterator<Item = String> {
    std::iter::once("relay_orders").chain(relayed::columns().into_iter().map(|(_, name, _)| name)).map(str::to_string)
}

fn reported(figures: &relay::count::Figures) -> Vec<String> {
    let counts = relayed::columns().into_iter().map(|(_, _, of)| of(figures));
    std::iter::once(Some(figures.orders)).chain(counts).map(|n| n.map(|n| n.to_string()).unwrap_or_default()).collect()
}
