//! `/calendar`: what is due in a month, by day, with holidays: a table for wide screens, and the same as a list.

use std::collections::BTreeMap;

use axum::{
    Router,
    extract::{self, Query},
    response::Response,
    routing::get,
};
use chrono::{DateTime, Datelike as _, Days, Months, NaiveDate, NaiveTime, TimeZone as _, Utc, Weekday};
use chrono_tz::Asia::Ho_Chi_Minh;
use minijinja::{Value, context, value::Serde};
use serde::{Deserialize, Serialize};

use super::{Named, fault::Fault, visitor::Visitor, when};
use crate::{
    approval,
    campaign::{Campaign, Holidays},
    user::Right,
    web::State,
    words::{self, Lang},
};

pub(super) const TEMPLATES: &[Named] = &[("calendar/month", include_str!("../templates/console/calendar/month.html"))];

pub(super) fn routes() -> Router<State> {
    Router::new().route("/calendar", get(show))
}

#[derive(Debug, Deserialize)]
struct Which {
    /// `2026-11`; none: this month.
    month: Option<String>,
}

/// A day of the month, or beside it.
#[derive(Debug, Serialize)]
struct DayView {
    number: u32,
    /// `Thứ Hai 23/11/2026`.
    long: String,
    outside: bool,
    today: bool,
    /// Whether offices are closed.
    off: bool,
    holiday: Option<String>,
    due: Vec<Due>,
}

/// Something that is due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Due {
    at: String,
    slug: String,
    title: String,
    warning: bool,
    message: Option<String>,
    /// The day that it was moved from because of a holiday.
    moved_from: Option<String>,
    past: bool,
    #[serde(skip)]
    instant: i64,
}

async fn show(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Query(Which { month }): Query<Which>,
) -> Result<Response, Fault> {
    visitor.needs(Right::ReadCampaigns)?;
    let lang = visitor.lang;
    let now = state.parts.clock.millis();
    let today = when::day_of(now);
    let first = month.and_then(|month| format!("{month}-01").parse::<NaiveDate>().ok()).unwrap_or(today);
    // Nobody plans beyond what the calendar's rules can be worked out for in no time.
    let first = first.clamp(today - Months::new(120), today + Months::new(120)).with_day(1).unwrap_or(today);
    let library = state.parts.shelf.library(&state.parts.db).await?;
    let released = approval::released(&state.parts.db, &state.parts.config, &library).await?;
    let campaigns = released.iter().map(|kept| &kept.source.campaign);
    let seen: Vec<&Campaign> = campaigns.filter(|campaign| visitor.user.departments.sees(&campaign.owner)).collect();
    let weeks = weeks(&seen, first, today, now, &state.parts.holidays, lang);
    let link = |month: Option<NaiveDate>| month.map(|month| month.format("%Y-%m").to_string());
    let month = |first: NaiveDate| match lang {
        Lang::Vi => format!("tháng {} năm {}", first.month(), first.year()),
        Lang::En => first.format("%B %Y").to_string(),
    };
    let heads: Vec<&str> = [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri, Weekday::Sat, Weekday::Sun]
        .into_iter()
        .map(|day| words::weekday(day, lang))
        .collect();
    let waiting = library.campaigns.values().filter(|source| visitor.user.departments.sees(&source.campaign.owner));
    let waiting = waiting.filter(|source| !released.iter().any(|kept| kept.source.campaign.slug == source.campaign.slug)).count();
    let values = context! {
        month => month(first), heads, weeks => Value::from(Serde(&weeks)),
        previous => link(first.checked_sub_months(Months::new(1))), next => link(first.checked_add_months(Months::new(1))),
        previous_name => first.checked_sub_months(Months::new(1)).map(month), next_name => first.checked_add_months(Months::new(1)).map(month),
        is_this => first.year() == today.year() && first.month() == today.month(),
        knows => state.parts.holidays.knows(first.year()), year => first.year(), waiting,
        any => weeks.iter().flatten().any(|day| !day.outside && !day.due.is_empty()),
    };
    Ok(state.view(&visitor, "calendar/month", values))
}

/// The weeks that a month lies in, from Monday to Sunday.
fn weeks(
    campaigns: &[&Campaign],
    first: NaiveDate,
    today: NaiveDate,
    now: i64,
    holidays: &Holidays,
    lang: Lang,
) -> Vec<Vec<DayView>> {
    let start = first - Days::new(first.weekday().num_days_from_monday().into());
    let after = first + Months::new(1);
    let end = after + Days::new(u64::from((7 - after.weekday().num_days_from_monday()) % 7));
    let mut due = due(campaigns, start, end, now, holidays, lang);
    let days: Vec<NaiveDate> = start.iter_days().take_while(|day| *day < end).collect();
    days.chunks(7)
        .map(|week| {
            let view = |day: &NaiveDate| DayView {
                number: day.day(),
                long: format!("{} {}", words::weekday(day.weekday(), lang), words::date(*day, lang)),
                outside: day.month() != first.month(),
                today: *day == today,
                off: !holidays.is_workday(*day),
                holiday: holidays.name(*day).map(str::to_string),
                due: due.remove(day).unwrap_or_default(),
            };
            week.iter().map(view).collect()
        })
        .collect()
}

/// What is due from one day until another, by Vietnam's day, in order of time.
fn due(
    campaigns: &[&Campaign],
    start: NaiveDate,
    end: NaiveDate,
    now: i64,
    holidays: &Holidays,
    lang: Lang,
) -> BTreeMap<NaiveDate, Vec<Due>> {
    let mut days: BTreeMap<NaiveDate, Vec<Due>> = BTreeMap::new();
    let (from, until) = (midnight(start) - chrono::Duration::milliseconds(1), midnight(end));
    for campaign in campaigns {
        let mut turn = None;
        for occurrence in campaign.occurrences(from, holidays).take_while(|occurrence| occurrence.due < until).take(MOST) {
            let nth = turn.map_or_else(|| campaign.turn(occurrence.due, holidays), |before: u64| before + 1);
            turn = Some(nth);
            let local = occurrence.due.with_timezone(&Ho_Chi_Minh);
            days.entry(local.date_naive()).or_default().push(Due {
                at: local.format("%H:%M").to_string(),
                slug: campaign.slug.clone(),
                title: campaign.title.clone(),
                warning: campaign.kind as i16 == 1,
                message: campaign.message_for(occurrence.date, nth).map(|index| campaign.messages[index].id.clone()),
                moved_from: occurrence.moved_from.map(|day| words::date(day, lang)),
                past: occurrence.due.timestamp_millis() < now,
                instant: occurrence.due.timestamp_millis(),
            });
        }
    }
    for due in days.values_mut() {
        due.sort_by(|a, b| (a.instant, &a.slug).cmp(&(b.instant, &b.slug)));
    }
    days
}

/// Of one campaign in one month: more than three a day nobody reads.
const MOST: usize = 130;

fn midnight(day: NaiveDate) -> DateTime<Utc> {
    let local = Ho_Chi_Minh.from_local_datetime(&day.and_time(NaiveTime::MIN)).earliest();
    local.map_or_else(|| day.and_time(NaiveTime::MIN).and_utc(), |at| at.with_timezone(&Utc))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_has_whole_weeks_and_what_is_due_on_its_days() {
        let text = "title = \"Thu hai\"\nkind = \"awareness\"\nowner = \"So\"\n[cadence]\nevery = \"week\"\non = \"mon\"\nat = \"08:30\"\n\
                    holidays = \"next-workday\"\n[audience]\nsegments = [\"a\"]\n[channels]\nuse = [\"sms\"]\n\
                    [[message]]\nid = \"x\"\nsms = \"a\"\n[[message]]\nid = \"y\"\nsms = \"b\"\n";
        let campaign = Campaign::parse("tuan.toml", "tuan", text).unwrap();
        let day = |month, day| NaiveDate::from_ymd_opt(2026, month, day).unwrap();
        let now = midnight(day(11, 10)).timestamp_millis();
        let weeks = weeks(&[&campaign], day(11, 1), day(11, 10), now, &Holidays::built_in(), Lang::Vi);
        assert_eq!(weeks.len(), 6, "1 November 2026 is a Sunday, the 30th a Monday");
        assert!(weeks.iter().all(|week| week.len() == 7));
        let due: Vec<_> = weeks.iter().flatten().filter(|day| !day.outside && !day.due.is_empty()).collect();
        assert_eq!(due.iter().map(|day| day.number).collect::<Vec<_>>(), [2, 9, 16, 23, 30]);
        let told: Vec<_> =
            due.iter().flat_map(|day| &day.due).map(|due| (due.at.as_str(), due.message.as_deref(), due.past)).collect();
        assert_eq!(told.iter().map(|(at, ..)| *at).collect::<Vec<_>>(), ["08:30"; 5]);
        assert_eq!(told.iter().map(|(.., past)| *past).collect::<Vec<_>>(), [true, true, false, false, false]);
        assert_ne!(told[0].1, told[1].1, "messages take turns");
        assert!(weeks.iter().flatten().any(|day| day.today && day.number == 10));
    }
}
