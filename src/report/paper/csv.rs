//! Figures as comma-separated values (RFC 4180), in UTF-8 with the byte order mark that Excel needs. Names of columns are
//! English in every language and do not change.

use super::super::{Cut, Fate, Figures, Line};
use crate::{
    audience::formula::guarded,
    delivery::State,
    phrase,
    words::{Lang, Phrase},
};

/// One record a line, the total first.
pub fn csv(total: &Figures, by: Option<Cut>, lines: &[Line], lang: Lang) -> Result<Vec<u8>, csv::Error> {
    let mut out = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer("\u{feff}".as_bytes().to_vec());
    let heading = ["line", "key", "name", "people", "people_confirmed", "people_presumed", "people_not_reached"];
    let heading =
        heading.into_iter().map(str::to_string).chain(Fate::not_reached().map(|fate| format!("people_{}", fate.name())));
    let states = State::ALL.map(|state| format!("deliveries_{}", state.name()));
    let heading = heading.chain(["deliveries".to_string()]).chain(states).chain(["parts", "cost"].map(str::to_string));
    out.write_record(heading.collect::<Vec<_>>())?;
    out.write_record(record("total", "", &phrase!("Tổng", "Total"), total, lang))?;
    for line in lines {
        out.write_record(record(by.map_or("", Cut::name), &line.key, &line.name, &line.figures, lang))?;
    }
    out.into_inner().map_err(|error| error.into_error().into())
}

fn record(line: &str, key: &str, name: &Phrase, figures: &Figures, lang: Lang) -> Vec<String> {
    let (people, deliveries) = (&figures.people, &figures.deliveries);
    let counts = [people.addressed(), people.of(Fate::Confirmed), people.of(Fate::Presumed), people.not_reached()].into_iter();
    let counts = counts.chain(Fate::not_reached().map(|fate| people.of(fate)));
    let counts = counts.chain([deliveries.total()]).chain(State::ALL.map(|state| deliveries.of(state)));
    let counts = counts.chain([deliveries.parts, deliveries.cost]).map(|n| n.to_string());
    // Names are what somebody wrote: none of them runs in a spreadsheet.
    [line, key, name.text(lang)].map(|cell| guarded(cell).into_owned()).into_iter().chain(counts).collect()
}
