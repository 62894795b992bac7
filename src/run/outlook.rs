//! What runs have to send, as the forecast sees it, and when they are done, for people.

use std::{sync::Arc, time::Duration};

use chrono::{NaiveDate, Timelike as _};
use providers::Channel;
use serde::Serialize;
use serde_json::json;
use sqlx::AssertSqlSafe;

use crate::{
    account::forecast::{Hours, Line, Outlook, Work, forecast},
    active::ActiveRun,
    audience::{
        count::{Bounds, count, phones},
        phone::Carrier,
        segment::{Compiled, SegmentError, compile_audience},
    },
    bound,
    campaign::{Campaign, Condition, Kind, Policy, Segments},
    clock::local,
    db::{Db, DbError, Result, Sql},
    delivery::{Kin, first_of},
    on, phrase,
    words::{self, Lang, Phrase},
};

/// Nobody plans further ahead than this (milliseconds).
pub const FAR: i64 = 60 * 24 * 3_600_000;
const MINUTE: i64 = 60_000;

static PENDING: Sql = Sql::new(
    r"SELECT run, route, CAST(count(*) AS BIGINT) FROM delivery
      WHERE state = 0 AND run IN (SELECT run FROM :rows($1; run BIGINT) AS wanted) GROUP BY run, route ORDER BY run, route",
);

/// What these runs have to send, by route. A run that stands still has nothing: it is in nobody's way.
pub async fn work(db: &Db, runs: &[Arc<ActiveRun>]) -> Result<Vec<Work>> {
    #[derive(Serialize)]
    struct Run {
        run: i64,
    }
    let going: Vec<&Arc<ActiveRun>> = runs.iter().filter(|run| !run.row.paused && run.row.held.is_none()).collect();
    let list = crate::db::list(&going.iter().map(|run| Run { run: run.row.id }).collect::<Vec<_>>());
    let rows: Vec<(i64, i16, i64)> = on!(db.read, |pool, sql| sqlx::query_as(sql(&PENDING)).bind(&list).fetch_all(pool).await)?;
    Ok(rows
        .into_iter()
        .filter_map(|(id, route, n)| {
            let run = going.iter().find(|run| run.row.id == id)?;
            Some(Work { messages: u64::try_from(n).unwrap_or(0), route, ..like(run) })
        })
        .collect())
}

/// A piece of a run's work, without messages.
fn like(run: &ActiveRun) -> Work {
    let campaign = &run.frozen.campaign;
    let message = campaign.messages.iter().position(|message| message.id == run.row.message).unwrap_or(0);
    let hours = hours(campaign).filter(|_| !run.is_warning() && !run.row.is_test());
    Work {
        run: run.row.id,
        warning: run.is_warning(),
        route: 0,
        messages: 0,
        parts: run.frozen.templates.typical_parts(message),
        hours,
    }
}

/// Why an audience cannot be counted.
#[derive(Debug, thiserror::Error)]
pub enum AudienceError {
    /// A segment that it names is not there, or refers to itself.
    #[error(transparent)]
    Segment(#[from] SegmentError),
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// What a run of a campaign would have to send at first, by route.
pub async fn first_work(
    db: &Db,
    campaign: &Campaign,
    segments: &Segments,
    parts: u16,
    now: i64,
) -> std::result::Result<Vec<Work>, AudienceError> {
    let lookup = |slug: &str| -> Option<&Condition> { segments.get(slug).map(|s| &s.condition) };
    let audience = compile_audience(&campaign.audience, &lookup, db.engine(), 1, now)?;
    let warning = campaign.kind == Kind::Warning;
    let bounds = Bounds::of(campaign, now);
    let hours = hours(campaign).filter(|_| !warning);
    let piece =
        |route: i16, messages: i64| Work { run: 0, warning, route, messages: u64::try_from(messages).unwrap_or(0), parts, hours };
    let mut work = Vec::new();
    for (place, channel) in campaign.channels.order.iter().enumerate() {
        let before: &[Channel] = if campaign.channels.policy == Policy::First { &campaign.channels.order[..place] } else { &[] };
        if *channel == Channel::Sms {
            let carriers = phones(db, &audience, bounds, before).await?;
            work.extend(carriers.into_iter().map(|(carrier, people)| piece(Channel::Sms as i16 * 16 + carrier as i16, people)));
            continue;
        }
        let absent: String = before.iter().map(|channel| [" AND ", hash(*channel), " IS NULL"].concat()).collect();
        let narrowed = Compiled { text: format!("({}{absent})", audience.text), binds: audience.binds.clone() };
        if *channel == Channel::Chat {
            let services = chats(db, &narrowed).await?;
            work.extend(services.into_iter().map(|(service, people)| piece(Channel::Chat as i16 * 16 + service, people)));
            continue;
        }
        work.push(piece(*channel as i16 * 16, count(db, &narrowed, now).await?.email));
    }
    work.retain(|piece| piece.messages > 0);
    Ok(work)
}

static GOT: Sql = Sql::new(
    r"SELECT route, CAST(count(*) AS BIGINT) FROM delivery
      WHERE id >= $1 AND id < $2 AND state IN (SELECT state FROM :rows($3; state SMALLINT) AS got) GROUP BY route ORDER BY route",
);

/// What a correction of a run would have to send, by route: to whoever got that run's text or may have got it, over the same channel.
/// At a million people this takes seconds.
pub async fn correction_work(db: &Db, campaign: &Campaign, parent: i64, parts: u16) -> Result<Vec<Work>> {
    #[derive(Serialize)]
    struct State {
        state: i16,
    }
    let got = crate::db::list(&Kin::GOT.map(|state| State { state: state.number() }));
    let rows: Vec<(i16, i64)> = on!(db.read, |pool, sql| {
        sqlx::query_as(sql(&GOT)).bind(first_of(parent)).bind(first_of(parent + 1)).bind(&got).fetch_all(pool).await
    })?;
    let warning = campaign.kind == Kind::Warning;
    let hours = hours(campaign).filter(|_| !warning);
    let piece = |(route, n): (i16, i64)| Work { run: 0, warning, route, messages: u64::try_from(n).unwrap_or(0), parts, hours };
    Ok(rows.into_iter().map(piece).collect())
}

/// When a campaign is sent, of a day.
fn hours(campaign: &Campaign) -> Option<Hours> {
    let (from, until) = campaign.sending.hours?;
    Some(Hours { from: from.into(), until: until.into(), zone: campaign.timezone() })
}

/// The active people of a condition who have a chat address, by the service's number.
async fn chats(db: &Db, condition: &Compiled) -> Result<Vec<(i16, i64)>> {
    // The text holds no value of a file: `segment` binds them all.
    let text = format!(
        "SELECT CAST(r.chat_service AS SMALLINT), count(*) FROM recipient r
         WHERE r.state = 0 AND r.chat_hash IS NOT NULL AND {} GROUP BY r.chat_service ORDER BY r.chat_service",
        condition.text
    );
    on!(db.read, |pool, _sql| bound!(sqlx::query_as(AssertSqlSafe(text)), condition.binds).fetch_all(pool).await)
}

const fn hash(channel: Channel) -> &'static str {
    match channel {
        Channel::Sms => "r.phone_hash",
        Channel::Email => "r.email_hash",
        Channel::Chat => "r.chat_hash",
    }
}

/// What becomes of one run's work beside all others'.
#[derive(Debug)]
pub struct Told {
    now: i64,
    routes: Vec<(i16, Outlook)>,
}

/// Follows all work, and picks out one run's.
pub fn of_run(run: i64, lines: &[Line], work: &[Work], now: i64) -> Option<Told> {
    let outlooks = forecast(lines, work, now, now + FAR);
    let routes: Vec<(i16, Outlook)> =
        work.iter().zip(outlooks).filter(|(piece, _)| piece.run == run).map(|(piece, outlook)| (piece.route, outlook)).collect();
    (!routes.is_empty()).then_some(Told { now, routes })
}

impl Told {
    /// When everything is sent; none: some of it never is as things stand.
    pub fn done_at(&self) -> Option<i64> {
        self.routes.iter().map(|(_, outlook)| outlook.done_at).try_fold(self.now, |last, at| Some(last.max(at?)))
    }

    /// `xong khoảng 10:40 hôm nay; Viettel cần 2 giờ 10 phút`.
    pub fn told(&self) -> Phrase {
        let stuck: Vec<i16> =
            self.routes.iter().filter(|(_, outlook)| outlook.done_at.is_none()).map(|(route, _)| *route).collect();
        if let Some(route) = stuck.first() {
            let (vi, en) = (route_name(*route, Lang::Vi), route_name(*route, Lang::En));
            return Phrase {
                vi: format!("chưa biết khi nào xong: {vi} không có tài khoản nào gửi được"),
                en: format!("nobody knows when it is done: no account can send to {en}"),
            };
        }
        let Some(done_at) = self.done_at() else { return Phrase::default() };
        let (vi, en) = (moment(done_at, self.now, Lang::Vi), moment(done_at, self.now, Lang::En));
        let mut told = Phrase { vi: format!("xong khoảng {vi}"), en: format!("done at about {en}") };
        // Where all are done at about the same time, as when the hours begin, nobody is the last.
        let first = self.routes.iter().filter_map(|(_, outlook)| outlook.done_at).min().unwrap_or(done_at);
        let last = self.routes.iter().filter(|_| done_at - first >= MINUTE).max_by_key(|(_, outlook)| outlook.done_at);
        if let Some((route, outlook)) = last {
            let needs = outlook.done_at.unwrap_or(self.now) - self.now;
            let (vi, en) = (route_name(*route, Lang::Vi), route_name(*route, Lang::En));
            told.vi = format!("{}; {vi} cần {}", told.vi, span(needs, Lang::Vi));
            told.en = format!("{}; {en} needs {}", told.en, span(needs, Lang::En));
        }
        told
    }

    /// As programs see it.
    pub fn json(&self) -> serde_json::Value {
        let routes: Vec<_> = self
            .routes
            .iter()
            .map(|(route, outlook)| json!({ "route": route_name(*route, Lang::En), "done_at": outlook.done_at, "left": outlook.left }))
            .collect();
        json!({ "done_at": self.done_at(), "routes": routes })
    }
}

/// The carrier, or the channel where there are none.
pub fn route_name(route: i16, lang: Lang) -> String {
    let channel = Channel::from_number(i64::from(route >> 4)).unwrap_or(Channel::Sms);
    match Carrier::from_number(i64::from(route & 15)).filter(|_| channel == Channel::Sms) {
        Some(carrier) => words::carrier(carrier.name(), lang).to_string(),
        None => words::channel(channel.name(), lang).to_string(),
    }
}

/// A moment as people say it: `10:40 hôm nay`, `08:15 ngày mai`, `09:00 ngày 24/11/2026`.
pub fn moment(at: i64, now: i64, lang: Lang) -> String {
    let (then, today) = (local(at), local(now).date_naive());
    let time = format!("{:02}:{:02}", then.hour(), then.minute());
    let day: NaiveDate = then.date_naive();
    let named = if day == today {
        lang.pick("hôm nay", "today").to_string()
    } else if Some(day) == today.succ_opt() {
        lang.pick("ngày mai", "tomorrow").to_string()
    } else {
        format!("{}{}", lang.pick("ngày ", "on "), words::date(day, lang))
    };
    format!("{time} {named}")
}

/// A span as people say it: `2 giờ 10 phút`; under a minute `chưa đến 1 phút`.
pub fn span(millis: i64, lang: Lang) -> String {
    let minutes = Duration::from_millis(millis.unsigned_abs()).as_secs().div_ceil(60);
    if millis < 60_000 {
        return lang.pick("chưa đến 1 phút", "less than a minute").to_string();
    }
    let (days, hours, minutes) = (minutes / 1_440, minutes / 60 % 24, minutes % 60);
    let units = [(days, "ngày", "d"), (hours, "giờ", "h"), (minutes, "phút", "min")];
    let said = units.into_iter().filter(|(n, ..)| *n > 0).take(2).map(|(n, vi, en)| format!("{n} {}", lang.pick(vi, en)));
    said.collect::<Vec<_>>().join(" ")
}

/// `xong khoảng …` as a sentence of its own.
pub fn sentence(told: &Told) -> Phrase {
    let Phrase { vi, en } = told.told();
    phrase!("Nếu gửi bây giờ: {vi}.", "If it is sent now: {en}.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_as_people_say_them() {
        let now = 1_795_312_800_000; // 09:00 on 22 November 2026
        assert_eq!(moment(now + 6_000_000, now, Lang::Vi), "10:40 hôm nay");
        assert_eq!(moment(now + 86_400_000, now, Lang::Vi), "09:00 ngày mai");
        assert_eq!(moment(now + 2 * 86_400_000, now, Lang::En), "09:00 on 2026-11-24");
        assert_eq!(span(7_800_000, Lang::Vi), "2 giờ 10 phút");
        assert_eq!(span(59_000, Lang::Vi), "chưa đến 1 phút");
        assert_eq!(span(90_000_000, Lang::En), "1 d 1 h");
    }

    #[test]
    fn the_last_carrier_is_named() {
        let outlook = |done_at| Outlook { done_at, left: 0 };
        let now = 1_795_312_800_000;
        let told = Told { now, routes: vec![(17, outlook(Some(now + 7_800_000))), (18, outlook(Some(now + 60_000)))] };
        assert_eq!(told.told().vi, "xong khoảng 11:10 hôm nay; Viettel cần 2 giờ 10 phút");
        let together = Told { now, routes: vec![(17, outlook(Some(now + 7_800_000))), (18, outlook(Some(now + 7_790_000)))] };
        assert_eq!(together.told().vi, "xong khoảng 11:10 hôm nay");
        let never = Told { now, routes: vec![(17, outlook(None))] };
        assert!(never.told().vi.starts_with("chưa biết khi nào xong: Viettel"), "{}", never.told().vi);
    }
}
