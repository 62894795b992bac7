//! When messages will be sent, for people: the accounts as the database knows them, and times in words.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context as _;
use chrono::{DateTime, NaiveDate, Timelike as _};
use chrono_tz::Asia::Ho_Chi_Minh;
use providers::{Abilities, Channel, Slot};
use serde_json::json;

use crate::{
    account::{
        standing::{self, Row},
        self,
        forecast::{Line, Outlook, Work, forecast},
    },
    active::Active,
    audience::{
        count::{Bounds, count, phones},
        phone::Carrier,
        segment::{Compiled, compile_audience},
    },
    campaign::{Campaign, Condition, Kind, Policy, Segments, Source},
    config::Config,
    db::Db,
    limit,
    message::Templates,
    phrase, run,
    words::{self, Lang, Phrase},
};

/// Nobody plans further ahead than this (milliseconds).
pub(super) const FAR: i64 = 60 * 24 * 3_600_000;
const MINUTE: i64 = 60_000;

/// The accounts of loa.toml as they stand now: at their present pace, with what is left of their day's quotas.
pub(super) async fn lines(db: &Db, config: &Config, now: DateTime<chrono::Utc>) -> anyhow::Result<Vec<Line>> {
    let rows = standing::rows(db).await?;
    let gateways = account::gateways(config.gateways_dir.as_deref())?;
    let today = limit::quota_day(now);
    config
        .accounts
        .iter()
        .map(|one| {
            let row = rows.get(&one.name);
            let routes = account::routes(one, &gateways).context("an account cannot be read")?;
            // What else a gateway can do, only its adapter knows, which needs its secrets: the least is assumed.
            let slot = if one.gateway == "smpp" { Slot::Part } else { Slot::Send };
            let abilities = Abilities { slot, ..Abilities::LEAST };
            let used = row.map_or(0, |row| u64::try_from(row.used_on(&today)).unwrap_or(0));
            let line = Line::of(one, routes, abilities, row.map_or(1_000, |row| row.pace), used);
            Ok(Line { able: row.is_none_or(Row::is_able), ..line })
        })
        .collect()
}

/// What a run of a campaign would have to send at first, by route.
pub(super) async fn first_work(
    db: &Db,
    campaign: &Campaign,
    segments: &Segments,
    parts: u16,
    now: i64,
) -> anyhow::Result<Vec<Work>> {
    let lookup = |slug: &str| -> Option<&Condition> { segments.get(slug).map(|s| &s.condition) };
    let audience = compile_audience(&campaign.audience, &lookup, db.engine(), 1, now)?;
    let warning = campaign.kind == Kind::Warning;
    let bounds = Bounds::of(campaign, now);
    let hours = campaign.sending.hours.filter(|_| !warning).map(|(from, until)| account::forecast::Hours {
        from: from.into(),
        until: until.into(),
        zone: campaign.timezone(),
    });
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
        let people = count(db, &narrowed, now).await?;
        let people = if *channel == Channel::Email { people.email } else { people.chat };
        // Which chat service a person uses is told apart only when the run is made: the first one stands for all.
        let group = i16::from(*channel == Channel::Chat);
        work.push(piece(*channel as i16 * 16 + group, people));
    }
    work.retain(|piece| piece.messages > 0);
    Ok(work)
}

const fn hash(channel: Channel) -> &'static str {
    match channel {
        Channel::Sms => "r.phone_hash",
        Channel::Email => "r.email_hash",
        Channel::Chat => "r.chat_hash",
    }
}

/// When a run of a campaign would be done if it were made now, behind and beside the runs that are under way; none: it has
/// nothing to send.
pub(super) async fn of_campaign(
    db: &Db,
    config: &Config,
    source: &Source,
    segments: &Segments,
    now: DateTime<chrono::Utc>,
) -> anyhow::Result<Option<Told>> {
    let templates = Templates::compile(&source.campaign, &config.office, None, &BTreeMap::new());
    let longest = |templates: &Templates| (0..source.campaign.messages.len()).map(|i| templates.typical_parts(i)).max();
    // A text that cannot be rendered is what `loa check` tells of.
    let parts = templates.ok().as_ref().and_then(longest).unwrap_or(1);
    let phones = config.accounts.iter().any(account::reaches_phones);
    let active = Active::new(db.clone(), config.office.clone()).reaching_phones(phones);
    active.refresh().await?;
    let mut work = run::outlook::work(db, &active.runs()).await?;
    work.extend(first_work(db, &source.campaign, segments, parts, now.timestamp_millis()).await?);
    Ok(of_run(0, &lines(db, config, now).await?, &work, now.timestamp_millis()))
}

/// What becomes of one run's work beside all others'.
#[derive(Debug)]
pub(super) struct Told {
    now: i64,
    routes: Vec<(i16, Outlook)>,
}

/// Follows all work, and picks out one run's.
pub(super) fn of_run(run: i64, lines: &[Line], work: &[Work], now: i64) -> Option<Told> {
    let outlooks = forecast(lines, work, now, now + FAR);
    let routes: Vec<(i16, Outlook)> =
        work.iter().zip(outlooks).filter(|(piece, _)| piece.run == run).map(|(piece, outlook)| (piece.route, outlook)).collect();
    (!routes.is_empty()).then_some(Told { now, routes })
}

impl Told {
    /// When everything is sent; none: some of it never is as things stand.
    pub(super) fn done_at(&self) -> Option<i64> {
        self.routes.iter().map(|(_, outlook)| outlook.done_at).try_fold(self.now, |last, at| Some(last.max(at?)))
    }

    /// `xong khoảng 10:40 hôm nay; Viettel cần 2 giờ 10 phút`.
    pub(super) fn told(&self) -> Phrase {
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

    pub(super) fn json(&self) -> serde_json::Value {
        let routes: Vec<_> = self
            .routes
            .iter()
            .map(|(route, outlook)| json!({ "route": route_name(*route, Lang::En), "done_at": outlook.done_at, "left": outlook.left }))
            .collect();
        json!({ "done_at": self.done_at(), "routes": routes })
    }
}

/// The carrier, or the channel where there are none.
fn route_name(route: i16, lang: Lang) -> String {
    let channel = Channel::from_number(i64::from(route >> 4)).unwrap_or(Channel::Sms);
    match Carrier::from_number(i64::from(route & 15)).filter(|_| channel == Channel::Sms) {
        Some(carrier) => words::carrier(carrier.name(), lang).to_string(),
        None => words::channel(channel.name(), lang).to_string(),
    }
}

/// A moment as people say it: `10:40 hôm nay`, `08:15 ngày mai`, `09:00 ngày 24/11/2026`.
pub(super) fn moment(at: i64, now: i64, lang: Lang) -> String {
    let local = |at: i64| DateTime::from_timestamp_millis(at).unwrap_or_default().with_timezone(&Ho_Chi_Minh);
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
pub(super) fn span(millis: i64, lang: Lang) -> String {
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
pub(super) fn sentence(told: &Told) -> Phrase {
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
