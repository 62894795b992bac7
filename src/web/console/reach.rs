//! `/reach`: whom the campaigns reached, for managers: a period against the last and against the goal, by every cut, down to
//! the rows; a one-page answer to sign; and the same as files.
//!
//! What enters: which period, which campaign, which place; whose departments the visitor is of. What leaves: pages made from
//! kept figures ([`kept`]), each shown with the time for which it holds. A selection that nobody looked at before is counted
//! in the background, and the page says so. What can go wrong is only the database.

mod figures;
mod files;
mod rows;

use std::collections::BTreeMap;

use axum::{
    Router,
    extract::{self, Query},
    response::Response,
    routing::get,
};
use chrono::NaiveDate;
use minijinja::{Value, context, value::Serde};
use serde::{Deserialize, Serialize};

pub(super) use figures::{Shown, department, look, today};

use super::{Named, fault::Fault, visitor::Visitor};
use crate::{
    audience::place::Places,
    period::{Calendar, Period, Span},
    phrase,
    report::{self, Cut, Fate, Figures, Measure, Selection, Sheet, paper, target::Target},
    user::Right,
    web::{
        State,
        chart::{self, Bar, Part, Point, Tile},
    },
    words::{self, Lang},
};

pub(super) const TEMPLATES: &[Named] = &[
    ("reach/show", include_str!("../templates/console/reach/show.html")),
    ("reach/answer", include_str!("../templates/console/reach/answer.html")),
    ("reach/rows", include_str!("../templates/console/reach/rows.html")),
];

pub(super) fn routes() -> Router<State> {
    Router::new()
        .route("/reach", get(show))
        .route("/reach/answer", get(answer))
        .route("/reach/rows", get(rows::show))
        .route("/reach/export/{file}", get(files::export))
}

/// Periods on the line.
const TREND: usize = 6;

/// What a page is asked for.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct Asked {
    /// A period's key; empty: this quarter, unless days are given.
    period: String,
    /// Days instead of a period.
    from: String,
    through: String,
    campaign: String,
    /// A place's code.
    area: String,
    by: String,
}

/// What it means.
pub(super) struct Wanted {
    pub asked: Asked,
    pub calendar: Calendar,
    pub period: Option<Period>,
    /// The local day.
    pub today: NaiveDate,
    pub selection: Selection,
    /// Campaigns that the visitor may choose from: slug and title.
    pub campaigns: Vec<(String, String)>,
    pub by: Cut,
    /// People who live in a place, where a goal says so.
    pub populations: BTreeMap<String, i64>,
}

impl Wanted {
    /// Reads what was asked; what cannot be is told, and nothing is guessed.
    pub(super) async fn of(state: &State, visitor: &Visitor, asked: Asked) -> Result<Self, Fault> {
        visitor.needs(Right::ReadReach)?;
        let calendar = Calendar::of(&state.0.parts.config.reporting);
        let day = |text: &str| match text {
            "" => Ok(None),
            text => text.parse::<NaiveDate>().map(Some).map_err(|_| {
                Fault::Invalid(phrase!(
                    "`{text}` không phải ngày, ví dụ 2026-10-01.",
                    "`{text}` is not a day, such as 2026-10-01."
                ))
            }),
        };
        let (from, through) = (day(&asked.from)?, day(&asked.through)?);
        if let (Some(from), Some(through)) = (from, through)
            && through < from
        {
            return Err(Fault::Invalid(phrase!("Ngày cuối đứng trước ngày đầu.", "The last day is before the first.")));
        }
        let key = asked.period.trim();
        let period = if !key.is_empty() {
            Some(calendar.parse(key).ok_or_else(|| {
                Fault::Invalid(phrase!(
                    "Không có kỳ `{key}`: viết 2026, 2026-H1, 2026-Q4, 2026-10 hoặc 2026-W47.",
                    "There is no period `{key}`: write 2026, 2026-H1, 2026-Q4, 2026-10 or 2026-W47."
                ))
            })?)
        } else if from.is_none() && through.is_none() {
            calendar.containing(Span::Quarter, today(state))
        } else {
            None
        };
        let area = Some(asked.area.clone()).filter(|area| !area.is_empty());
        if area.as_deref().is_some_and(|area| Places::built_in().name(area).is_none()) {
            return Err(Fault::NotFound);
        }
        let (campaigns, only) = report::seen_by(&state.0.parts.db, &visitor.user.departments).await?;
        let campaign = Some(asked.campaign.clone()).filter(|slug| !slug.is_empty());
        if campaign.as_ref().is_some_and(|slug| campaigns.iter().all(|(known, _)| known != slug)) {
            // Another department's, or none: which of the two is not told.
            return Err(Fault::NotFound);
        }
        let (from, through) = period.map_or((from, through), |period| (Some(period.from), Some(period.through)));
        // A campaign that is seen needs no list of all that are.
        let only = only.filter(|_| campaign.is_none());
        let by = Cut::named(&asked.by).unwrap_or(if campaign.is_some() { Cut::Area } else { Cut::Campaign });
        let selection = Selection { campaign, from, through, area, only, run: None };
        let goals = state.0.parts.library.read().map(|library| library.goals.0.clone()).unwrap_or_default();
        let populations = goals.into_iter().flat_map(|goal| goal.population).collect();
        Ok(Self { asked, calendar, period, today: today(state), selection, campaigns, by, populations })
    }

    /// The same for another period.
    fn in_period(&self, period: &Period) -> Selection {
        Selection { from: Some(period.from), through: Some(period.through), ..self.selection.clone() }
    }

    fn previous(&self) -> Option<Period> {
        self.period.and_then(|period| self.calendar.previous(&period))
    }

    /// This page's address with one thing changed.
    fn with(&self, path: &str, change: impl FnOnce(&mut Asked)) -> String {
        let mut asked = self.asked.clone();
        if let Some(period) = &self.period {
            asked.period = period.key();
        }
        change(&mut asked);
        address(path, &asked)
    }
}

/// A path with what is asked of it.
fn address(path: &str, asked: &Asked) -> String {
    let fields = [
        ("period", &asked.period),
        ("from", &asked.from),
        ("through", &asked.through),
        ("campaign", &asked.campaign),
        ("area", &asked.area),
        ("by", &asked.by),
    ];
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in fields.into_iter().filter(|(_, value)| !value.is_empty()) {
        query.append_pair(name, value);
    }
    let query = query.finish();
    if query.is_empty() { path.to_string() } else { format!("{path}?{query}") }
}

/// What a page needs beside the sheet.
struct Around {
    shown: Shown,
    before: Option<(Period, Shown)>,
    /// Goals, with how far they are reached; none: being counted.
    targets: Vec<Target>,
}

async fn around(state: &State, visitor: &Visitor, wanted: &Wanted) -> Result<Option<Around>, Fault> {
    let Some(shown) = look(state, visitor, wanted.period.as_ref(), &wanted.selection).await? else { return Ok(None) };
    let before = match wanted.previous() {
        None => None,
        Some(period) => look(state, visitor, Some(&period), &wanted.in_period(&period)).await?.map(|shown| (period, shown)),
    };
    let targets = figures::targets(state, visitor, wanted, &shown).await?;
    Ok(Some(Around { shown, before, targets }))
}

async fn show(
    extract::State(state): extract::State<State>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let wanted = Wanted::of(&state, &visitor, asked).await?;
    let lang = visitor.lang;
    let frame = heading(&wanted, lang);
    let Some(around) = around(&state, &visitor, &wanted).await? else {
        return Ok(state.0.view(&visitor, "reach/show", context! { counting => true, ..frame }));
    };
    let trend = trend(&state, &visitor, &wanted, &around, lang).await?;
    let Around { shown, before, targets } = &around;
    let sheet = &shown.sheet;
    let lines: Vec<Value> = sheet.lines(wanted.by).iter().map(|line| line_value(line, before.as_ref(), &wanted, lang)).collect();
    let gaps = gaps(sheet, lang);
    let segment = wanted.selection.campaign.as_ref().map(|slug| {
        let days = wanted.selection.from.map_or(365, |from| (today(&state) - from).num_days().clamp(1, 3_650) + 1);
        format!("/segments/new?unreached={slug}&within={days}d")
    });
    let values = context! {
        counting => false,
        counted => moment(sheet.at, lang),
        stale => !shown.fresh && shown.closing.is_none(),
        runs => Value::from(Serde(&sheet.runs)),
        closing => shown.closing.as_ref().map(|closing| context! {
            id => closing.id, by => &closing.by, at => moment(closing.closed_at, lang), hash => &closing.hash, period => &closing.period,
        }),
        adjusted => adjustments(shown, lang),
        summary => summary(sheet, before.as_ref().map(|(_, shown)| &shown.sheet), lang),
        before => before.as_ref().map(|(period, shown)| context! {
            title => period.title().text(lang), days => period.days(lang), closed => shown.closing.is_some(),
        }),
        before_missing => wanted.previous().is_some() && before.is_none(),
        goal => goal_of(sheet, lang),
        targets => targets.iter().map(|target| target_value(target, lang)).collect::<Vec<_>>(),
        // Columns that would be empty are left out.
        has_before => lines.iter().any(|line| line.get_attr("share_before").is_ok_and(|share| share.is_true())),
        has_population => lines.iter().any(|line| line.get_attr("of_population").is_ok_and(|share| share.is_true())),
        lines => lines,
        parts_people => wanted.by.parts_people(),
        parts_deliveries => wanted.by.parts_deliveries(),
        drills => wanted.by != Cut::Group,
        chart => Value::from_safe_string(line_chart(sheet, wanted.by, &wanted, lang)),
        map => map(sheet, &wanted, lang).map(Value::from_safe_string),
        places => places(sheet, &wanted, lang),
        trend => trend,
        gaps => gaps,
        segment => segment,
        rows => wanted.with("/reach/rows", |asked| asked.by = String::new()),
        answer => wanted.with("/reach/answer", |asked| asked.by = String::new()),
        docx => wanted.with("/reach/export/bao-cao.docx", |asked| asked.by = String::new()),
        xlsx => wanted.with("/reach/export/bao-cao.xlsx", |asked| asked.by = String::new()),
        csv => wanted.with("/reach/export/bao-cao.csv", |asked| asked.by = wanted.by.name().to_string()),
        ..frame
    };
    Ok(state.0.view(&visitor, "reach/show", values))
}

/// What every page of these figures begins with.
fn heading(wanted: &Wanted, lang: Lang) -> Value {
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
    let areas: Vec<Value> = Places::built_in()
        .provinces()
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

pub(super) fn moment(millis: i64, lang: Lang) -> String {
    let at = chrono::DateTime::from_timestamp_millis(millis).unwrap_or_default().with_timezone(&chrono_tz::Asia::Ho_Chi_Minh);
    let (time, day) = (at.format("%H:%M"), words::date(at.date_naive(), lang));
    phrase!("{time} ngày {day}", "{time} on {day}").text(lang).to_string()
}

/// The measures, now and before.
pub(super) fn summary(sheet: &Sheet, before: Option<&Sheet>, lang: Lang) -> Vec<Value> {
    let number = |n: Option<i64>| n.map_or_else(|| "–".to_string(), |n| words::number(n, lang));
    paper::summary(sheet, before, lang)
        .into_iter()
        .map(|row| {
            context! {
                key => row.measure.name(), label => row.measure.label().text(lang), now => number(row.now), share => row.share,
                before => number(row.before), share_before => row.share_before,
                change => row.change.map_or_else(|| "–".to_string(), |n| paper::signed(n, lang)),
                main => matches!(row.measure, Measure::Confirmed | Measure::Presumed | Measure::NotReached | Measure::CostEach),
            }
        })
        .collect()
}

pub(super) fn adjustments(shown: &Shown, lang: Lang) -> Vec<Value> {
    let row = |(measure, closed, now): &(Measure, i64, i64)| {
        context! { label => measure.label().text(lang), closed => words::number(*closed, lang), now => words::number(*now, lang),
        change => paper::signed(now - closed, lang) }
    };
    shown.adjusted.iter().map(row).collect()
}

/// A campaign's goal over its own audience.
fn goal_of(sheet: &Sheet, lang: Lang) -> Option<Value> {
    let goal = sheet.subject.as_ref()?.goal.filter(|_| sheet.selection.campaign.is_some())?;
    let people = &sheet.total.people;
    #[expect(clippy::cast_precision_loss, reason = "people, not atoms")]
    let met = people.addressed() > 0 && people.of(Fate::Confirmed) as f64 >= goal * people.addressed() as f64;
    let share = |fate| words::share(people.of(fate), people.addressed(), lang);
    Some(context! { value => percent(goal, lang), confirmed => share(Fate::Confirmed), presumed => share(Fate::Presumed), met })
}

fn percent(share: f64, lang: Lang) -> String {
    format!("{} %", (share * 1_000.0).round() / 10.0).replace('.', lang.pick(",", "."))
}

fn target_value(target: &Target, lang: Lang) -> Value {
    let (goal, population) = (&target.goal, target.population());
    let share = |fate| words::share(target.people.of(fate), population, lang);
    context! {
        title => &goal.title, basis => &goal.basis, from => words::date(goal.from, lang), through => words::date(goal.through, lang),
        value => percent(goal.value, lang), population => words::number(population, lang), source => &goal.source,
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

fn line_value(line: &crate::report::Line, before: Option<&(Period, Shown)>, wanted: &Wanted, lang: Lang) -> Value {
    let then = before.and_then(|(_, shown)| shown.sheet.lines(wanted.by).iter().find(|then| then.key == line.key));
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
fn gaps(sheet: &Sheet, lang: Lang) -> Vec<Value> {
    let mut by_why: BTreeMap<(String, &'static str), i64> = BTreeMap::new();
    for gap in &sheet.gaps {
        let why = gap.outcome.why();
        *by_why.entry((why.text(lang).to_string(), gap.outcome.fate.name())).or_default() += gap.people;
    }
    let mut rows: Vec<_> = by_why.into_iter().collect();
    rows.sort_by_key(|(_, people)| std::cmp::Reverse(*people));
    let all = sheet.total.people.not_reached();
    rows.into_iter()
        .map(|((why, fate), people)| context! { why, fate, people => words::number(people, lang), share => words::share(people, all, lang) })
        .collect()
}

fn line_chart(sheet: &Sheet, by: Cut, wanted: &Wanted, lang: Lang) -> String {
    let title = by.title(wanted.selection.area.is_some()).0;
    let (vi, en) = (&title.vi, &title.en);
    let name =
        phrase!("{vi}: số người có xác nhận, chưa có xác nhận, chưa tiếp cận", "{en}: people confirmed, presumed, not reached");
    let name = name.text(lang);
    let mut lines: Vec<&crate::report::Line> = sheet.lines(by).iter().collect();
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
fn map(sheet: &Sheet, wanted: &Wanted, lang: Lang) -> Option<String> {
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
        let label = phrase!("{name}: {share}, {n} trên {m} người có xác nhận", "{name}: {share}, {n} of {m} people confirmed");
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

/// The table behind the map: places with people.
fn places(sheet: &Sheet, wanted: &Wanted, lang: Lang) -> Vec<Value> {
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

/// The last periods of the same span, and the line through them.
async fn trend(state: &State, visitor: &Visitor, wanted: &Wanted, around: &Around, lang: Lang) -> Result<Option<Value>, Fault> {
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
            Some(shown.sheet.clone())
        } else {
            look(state, visitor, Some(&period), &wanted.in_period(&period)).await?.map(|shown| shown.sheet)
        };
        let people = sheet.map(|sheet| sheet.total.people);
        let share =
            |fate: Fate| people.map_or_else(|| "…".to_string(), |people| words::share(people.of(fate), people.addressed(), lang));
        points.push(Point {
            name: period.key(),
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

/// The page to sign: in Vietnamese, as it leaves the house.
async fn answer(
    extract::State(state): extract::State<State>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let wanted = Wanted::of(&state, &visitor, asked).await?;
    let Some(around) = around(&state, &visitor, &wanted).await? else {
        return Ok(state.0.view(&visitor, "reach/show", context! { counting => true, ..heading(&wanted, visitor.lang) }));
    };
    let department = department(&visitor);
    let paper = files::paper(&state, &wanted, &around, &department);
    let values = context! {
        office_name => paper.office_name(), superior => &paper.reporting.superior, number => paper.number(), place => paper.place_and_day(),
        subject => paper.subject(), sentences => paper.sentences(), source => paper.source(), recipients => &paper.reporting.recipients,
        summary => summary(paper.sheet, paper.before.map(|(_, sheet)| sheet), Lang::Vi),
        before => paper.before.map(|(period, _)| period.title().vi),
        back => wanted.with("/reach", |_| {}),
        docx => wanted.with("/reach/export/bao-cao.docx", |asked| asked.by = String::new()),
    };
    Ok(state.0.view(&visitor, "reach/answer", values))
}
