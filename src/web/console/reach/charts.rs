//! The charts of a page of figures: bars by line, places as tiles, and the line through the last periods.

use minijinja::{Value, context};

use super::{Around, figures::look, wanted::Wanted};
use crate::{
    audience::place::Places,
    phrase,
    report::{Cut, Fate, Line, Sheet},
    web::{
        State,
        chart::{self, Bar, Part, Point, Tile},
        console::{fault::Fault, visitor::Visitor},
    },
    words::{self, Lang},
};

/// Periods on the line.
const TREND: usize = 6;

pub(super) fn line_chart(sheet: &Sheet, by: Cut, wanted: &Wanted, lang: Lang) -> String {
    let title = by.title(wanted.selection.area.is_some()).0;
    let (vi, en) = (&title.vi, &title.en);
    let name =
        phrase!("{vi}: số người có xác nhận, chưa có xác nhận, chưa tiếp cận", "{en}: people confirmed, presumed, not reached");
    let name = name.text(lang);
    let mut lines: Vec<&Line> = sheet.lines(by).iter().collect();
    lines.sort_by_key(|line| std::cmp::Reverse(line.figures.people.addressed()));
    let bars: Vec<Bar> = lines
        .into_iter()
        .map(|line| {
            let people = &line.figures.people;
            let confirmed = people.of(Fate::Confirmed);
            Bar {
                name: line.name.text(lang).to_string(),
                parts: vec![
                    Part { class: "reached", value: confirmed },
                    Part { class: "sent", value: people.of(Fate::Presumed) },
                    Part { class: "unsent", value: people.not_reached() },
                ],
                note: words::share(confirmed, people.addressed(), lang),
            }
        })
        .collect();
    chart::bars(name, &bars)
}

fn mille(part: i64, whole: i64) -> Option<i64> {
    (whole > 0).then(|| i64::try_from(i128::from(part) * 1_000 / i128::from(whole)).unwrap_or(1_000))
}

/// A place's name without its kind, which would fill a tile.
fn bare(name: &str) -> &str {
    ["Thành phố ", "Tỉnh ", "Phường ", "Xã ", "Đặc khu "].iter().find_map(|kind| name.strip_prefix(kind)).unwrap_or(name)
}

/// Places as tiles: provinces as on a map; the wards of the one that is asked for row by row.
pub(super) fn map(sheet: &Sheet, wanted: &Wanted, lang: Lang) -> Option<String> {
    let province = wanted.selection.area.as_deref();
    if province.is_some_and(|code| code.len() != 2) {
        return None;
    }
    let people = sheet.people_by_place(province);
    let places = Places::built_in();
    let codes: Vec<&str> = province.map_or_else(|| places.provinces().collect(), |province| places.wards_of(province).collect());
    let tile = |(at, code): (usize, &str)| {
        let counted = people.get(&Some(code.to_string())).copied().unwrap_or_default();
        let (confirmed, all) = (counted.of(Fate::Confirmed), counted.addressed());
        let name = places.name(code).unwrap_or(code);
        let share = words::share(confirmed, all, lang);
        let (n, m) = (words::number(confirmed, lang), words::number(all, lang));
        let label = match all {
            0 => phrase!("{name}: không có ai cần tiếp cận", "{name}: nobody to be reached"),
            _ => phrase!("{name}: {share}, {n} trên {m} người có xác nhận", "{name}: {share}, {n} of {m} people confirmed"),
        };
        Tile {
            at: chart::place_of(code).filter(|_| province.is_none()).unwrap_or((at % 7, at / 7)),
            name: bare(name).to_string(),
            note: share,
            value: mille(confirmed, all),
            label: label.text(lang).to_string(),
            href: wanted.with("/reach", |asked| asked.area = code.to_string()),
        }
    };
    let tiles: Vec<Tile> = codes.into_iter().enumerate().map(tile).collect();
    let heading = if province.is_some() {
        phrase!("Tỷ lệ tiếp cận có xác nhận theo xã, phường", "Share confirmed by ward")
    } else {
        phrase!("Tỷ lệ tiếp cận có xác nhận theo tỉnh, thành phố", "Share confirmed by province")
    };
    Some(chart::grid(heading.text(lang), &tiles))
}

/// The last periods of the same span, and the line through them.
pub(super) async fn trend(
    state: &State,
    visitor: &Visitor,
    wanted: &Wanted,
    around: &Around,
    lang: Lang,
) -> Result<Option<Value>, Fault> {
    let Some(own) = wanted.period else { return Ok(None) };
    let mut periods = vec![own];
    while periods.len() < TREND {
        let Some(before) = periods.last().and_then(|last| wanted.calendar.previous(last)) else { break };
        periods.push(before);
    }
    periods.reverse();
    let (mut points, mut rows) = (Vec::new(), Vec::new());
    for period in periods {
        let sheet = if period == own {
            Some(around.shown.sheet.clone())
        } else if let Some((_, shown)) = around.before.as_ref().filter(|(before, _)| *before == period) {
            Some(shown.compared().clone())
        } else {
            look(state, visitor, Some(&period), &wanted.in_period(&period)).await?.map(|shown| shown.compared().clone())
        };
        let people = sheet.map(|sheet| sheet.total.people);
        let share =
            |fate: Fate| people.map_or_else(|| "…".to_string(), |people| words::share(people.of(fate), people.addressed(), lang));
        points.push(Point {
            name: period.short(lang),
            value: people.and_then(|people| mille(people.of(Fate::Confirmed), people.addressed())),
            note: share(Fate::Confirmed),
        });
        rows.push(context! {
            title => period.title().text(lang), href => wanted.with("/reach", |asked| asked.period = period.key()),
            people => people.map_or_else(|| "…".to_string(), |people| words::number(people.addressed(), lang)),
            confirmed => share(Fate::Confirmed), presumed => share(Fate::Presumed),
        });
    }
    let goal =
        around.shown.sheet.subject.as_ref().filter(|_| wanted.selection.campaign.is_some()).and_then(|subject| subject.goal);
    #[expect(clippy::cast_possible_truncation, reason = "a share of 0 to 1")]
    let goal = goal.map(|goal| (goal * 1_000.0) as i64);
    let title = phrase!("Tỷ lệ tiếp cận có xác nhận qua các kỳ", "Share confirmed, period by period");
    Ok(Some(
        context! { chart => Value::from_safe_string(chart::trend(title.text(lang), &points, goal)), rows, goal => goal.is_some() },
    ))
}
