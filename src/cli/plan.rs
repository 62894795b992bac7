//! `loa plan`: the next due times, with the message whose turn it is.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use chrono::{DateTime, Datelike as _, Duration, NaiveDate, NaiveTime, TimeZone as _, Utc};
use chrono_tz::Tz;
use serde_json::json;

use super::{Globals, day, no_such_campaign, table};
use crate::{
    campaign::{Campaign, Holidays, Occurrence, OnHoliday},
    phrase,
    words::{Lang, weekday},
};

/// Show the next due times and the message of each
#[derive(clap::Args)]
pub struct Args {
    /// Only this campaign
    campaign: Option<String>,
    /// From this day on (2026-10-01 or 01/10/2026); without it, from now on
    #[arg(long, value_name = "DATE", value_parser = day)]
    from: Option<NaiveDate>,
    /// How many
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
    count: u16,
}

/// One line of the plan.
struct Line<'c> {
    campaign: &'c Campaign,
    zone: Tz,
    occurrence: Occurrence,
    message: Option<&'c str>,
    /// Messages for particular segments.
    instead: Vec<(&'c str, String)>,
}

pub async fn run(args: Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    let config = globals.settings()?;
    let holidays = Globals::holidays(&config)?;
    let library = globals.library(&config).await;
    if let Some(slug) = args.campaign.as_deref().filter(|slug| !library.campaigns.contains_key(*slug)) {
        return Err(no_such_campaign(slug, &config, &library).into());
    }
    let chosen = library.campaigns.values().map(|source| &source.campaign);
    let chosen = chosen.filter(|campaign| args.campaign.as_ref().is_none_or(|slug| *slug == campaign.slug));
    let now = globals.clock.now();
    let count = usize::from(args.count);
    let mut lines: Vec<Line<'_>> = chosen.flat_map(|campaign| lines(campaign, &args, now, &holidays)).collect();
    lines.sort_by(|a, b| (a.occurrence.due, &a.campaign.slug).cmp(&(b.occurrence.due, &b.campaign.slug)));
    lines.truncate(count);
    if globals.json {
        Globals::print_json(&lines.iter().map(|line| line.json(&holidays)).collect())?;
    } else if lines.is_empty() {
        writeln!(io::stdout(), "{}", globals.lang.pick("Không có đợt gửi nào sắp tới.", "Nothing is due."))?;
    } else {
        let rows: Vec<Vec<String>> = lines.iter().map(|line| line.cells(&holidays, globals.lang)).collect();
        let heading = match globals.lang {
            Lang::Vi => ["Thứ", "Ngày", "Giờ", "Chiến dịch", "Tin", "Tin riêng cho nhóm", "Giai đoạn", "Ghi chú"],
            Lang::En => ["Weekday", "Date", "Time", "Campaign", "Message", "For segments", "Phase", "Notes"],
        };
        write!(io::stdout(), "{}", table::render(&heading, &rows))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The next occurrences of one campaign.
fn lines<'c>(campaign: &'c Campaign, args: &Args, now: DateTime<Utc>, holidays: &'c Holidays) -> Vec<Line<'c>> {
    let Some(cadence) = &campaign.cadence else { return Vec::new() };
    let zone = cadence.timezone;
    let after = args.from.map_or(now, |from| {
        let midnight = zone.from_local_datetime(&from.and_time(NaiveTime::MIN)).earliest();
        midnight.map_or_else(|| from.and_time(NaiveTime::MIN).and_utc(), |at| at.with_timezone(&Utc)) - Duration::milliseconds(1)
    });
    let mut turn = None;
    campaign
        .occurrences(after, holidays)
        .take(usize::from(args.count))
        .map(|occurrence| {
            let nth = turn.map_or_else(|| campaign.turn(occurrence.due, holidays), |before: u64| before + 1);
            turn = Some(nth);
            let id = |index: usize| campaign.messages[index].id.as_str();
            let message = campaign.message_for(occurrence.date, nth).map(id);
            let instead = campaign.messages_for_segments(occurrence.date, nth);
            let instead = instead.into_iter().map(|(index, segments)| (id(index), segments.join(", "))).collect();
            Line { campaign, zone, occurrence, message, instead }
        })
        .collect()
}

impl Line<'_> {
    fn cells(&self, holidays: &Holidays, lang: Lang) -> Vec<String> {
        let local = self.occurrence.due.with_timezone(&self.zone);
        let time = if self.zone == Tz::Asia__Ho_Chi_Minh {
            local.format("%H:%M").to_string()
        } else {
            format!("{} {}", local.format("%H:%M"), self.zone.name())
        };
        vec![
            weekday(local.weekday(), lang).to_string(),
            shown(self.occurrence.date),
            time,
            self.campaign.slug.clone(),
            self.message.unwrap_or(lang.pick("(không có tin)", "(none)")).to_string(),
            self.instead.iter().map(|(id, segments)| format!("{id}: {segments}")).collect::<Vec<_>>().join("; "),
            self.campaign.period.phase_on(self.occurrence.date).unwrap_or_default().to_string(),
            self.notes(holidays, lang).join("; "),
        ]
    }

    fn notes(&self, holidays: &Holidays, lang: Lang) -> Vec<String> {
        let date = self.occurrence.date;
        let mut notes = Vec::new();
        if let Some(name) = holidays.name(date) {
            notes.push(name.to_string());
        }
        if let Some(from) = self.occurrence.moved_from {
            let (day, name) = (shown(from), holidays.name(from).unwrap_or_default());
            notes.push(phrase!("dời từ {day} ({name})", "moved from {day} ({name})").text(lang).to_string());
        }
        let minds = self.campaign.cadence.as_ref().is_some_and(|cadence| cadence.holidays != OnHoliday::Send);
        if minds && !holidays.knows(date.year()) {
            let year = date.year();
            notes.push(phrase!("chưa có lịch nghỉ lễ năm {year}", "no holidays are known for {year}").text(lang).to_string());
        }
        notes
    }

    fn json(&self, holidays: &Holidays) -> serde_json::Value {
        let local = self.occurrence.due.with_timezone(&self.zone);
        let instead: Vec<_> = self.instead.iter().map(|(id, segments)| json!({ "message": id, "segments": segments })).collect();
        json!({
            "campaign": self.campaign.slug, "key": self.occurrence.key, "due": local.to_rfc3339(), "date": self.occurrence.date,
            "message": self.message, "for_segments": instead, "phase": self.campaign.period.phase_on(self.occurrence.date),
            "holiday": holidays.name(self.occurrence.date), "moved_from": self.occurrence.moved_from,
        })
    }
}

fn shown(date: NaiveDate) -> String {
    date.format("%d/%m/%Y").to_string()
}
