//! What a run waits for, and until when: so that one that stands still does not look like one that hangs.
//!
//! What enters: a run under way, the accounts as they are, the clock. What leaves: [`Wait`]s in words, the most telling first. Costs a
//! few look-ups in the index of pending deliveries for each route, whatever the size of the run.

use std::collections::{BTreeMap, BTreeSet};

use providers::Channel;
use serde::Serialize;
use serde_json::json;

use super::outlook::{moment, route_name};
use crate::{
    account::{forecast::Line, trouble::Cause},
    active::{ActiveRun, OVER_BUDGET, RunState},
    audience::address::ChatService,
    clock::local,
    db::{Db, Result, Sql},
    delivery::{self, Why},
    on, phrase,
    words::{self, Lang, Phrase},
};

/// Pending deliveries are counted up to here; more are "more than" this.
const COUNTED: i64 = 10_000;

/// Something that a run waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A person paused it.
    Paused,
    /// Its budget is used up: a person raises it or aborts.
    Budget,
    /// It stands still by itself, with these words.
    Held(String),
    /// Its people are being listed: so many thousandths of the list are looked through.
    Listing(i64),
    /// Its hours of sending, or the law's.
    Hours,
    /// No account of loa.toml serves these routes.
    NoAccount(BTreeSet<i16>),
    /// Accounts that cannot send now, with why.
    Accounts(BTreeSet<i16>, BTreeMap<String, Phrase>),
    /// People who got other messages lately: spacing and caps. So many, or more where there are more than are counted.
    TooSoon(i64),
    /// Messages whose gateway asked for another try later.
    Retry,
    /// Its turn on the accounts' rates: it is being sent.
    Rate,
    /// Deliveries in doubt.
    Doubt,
    /// Silence: who has no receipt by then gets the next channel.
    Silence,
    /// A correction: people who turn out to have got the other text.
    Followed,
}

/// What a run waits for, and until when (unix milliseconds), where that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// What.
    pub what: What,
    /// Until when.
    pub until: Option<i64>,
}

impl Wait {
    const fn of(what: What, until: Option<i64>) -> Self {
        Self { what, until }
    }

    /// The name in exports and the API.
    pub const fn name(&self) -> &'static str {
        match self.what {
            What::Paused => "paused",
            What::Budget => "budget",
            What::Held(_) => "held",
            What::Listing(_) => "listing",
            What::Hours => "hours",
            What::NoAccount(_) => "no_account",
            What::Accounts(..) => "accounts",
            What::TooSoon(_) => "too_soon",
            What::Retry => "retry",
            What::Rate => "rate",
            What::Doubt => "doubt",
            What::Silence => "silence",
            What::Followed => "followed",
        }
    }

    /// Whether nothing of the run goes on before: what people should be told unasked.
    pub const fn stands_still(&self) -> bool {
        !matches!(self.what, What::Rate | What::Listing(_))
    }

    /// Whether it lasts until somebody does something about it.
    pub fn wants_somebody(&self) -> bool {
        match &self.what {
            What::Paused | What::Budget | What::Held(_) | What::NoAccount(_) => true,
            What::Accounts(..) => self.until.is_none(),
            _ => false,
        }
    }

    /// The account that it waits for, if it is one alone.
    pub fn account(&self) -> Option<&str> {
        match &self.what {
            What::Accounts(_, accounts) if accounts.len() == 1 => accounts.keys().next().map(String::as_str),
            _ => None,
        }
    }

    /// In words, as a clause.
    pub fn phrase(&self, now: i64) -> Phrase {
        let told = match &self.what {
            What::Paused => phrase!("đã tạm dừng, chờ người cho gửi tiếp", "paused, waits for a person to resume it"),
            What::Budget => phrase!(
                "tin tiếp theo sẽ vượt kinh phí của đợt, chờ người quyết định",
                "the next message would exceed its budget, waits for a person"
            ),
            What::Held(why) => phrase!("tự dừng lại: {why}", "stands still by itself: {why}"),
            What::Listing(share) => {
                let (vi, en) = (words::share(*share, 1_000, Lang::Vi), words::share(*share, 1_000, Lang::En));
                phrase!("đang lập danh sách người nhận ({vi})", "its people are being listed ({en})")
            }
            What::Hours => phrase!("ngoài giờ gửi", "outside its hours of sending"),
            What::NoAccount(routes) => {
                let (vi, en) = (names(routes, Lang::Vi), names(routes, Lang::En));
                let Phrase { vi: then_vi, en: then_en } = remedy();
                phrase!("chưa có tài khoản nào gửi được đến {vi}: {then_vi}", "no account sends to {en}: {then_en}")
            }
            What::Accounts(routes, accounts) => {
                let (vi, en) = (names(routes, Lang::Vi), names(routes, Lang::En));
                let why = |lang| {
                    let told = accounts.iter().map(|(name, why)| format!("{name} ({})", why.text(lang)));
                    told.collect::<Vec<_>>().join(", ")
                };
                let (why_vi, why_en) = (why(Lang::Vi), why(Lang::En));
                phrase!("tin đến {vi} chờ tài khoản {why_vi}", "messages to {en} wait for the account {why_en}")
            }
            What::TooSoon(n) => {
                let count = |lang: Lang| {
                    let more = if *n > COUNTED { lang.pick("hơn ", "more than ") } else { "" };
                    format!("{more}{}", words::number((*n).min(COUNTED), lang))
                };
                let (vi, en) = (count(Lang::Vi), count(Lang::En));
                phrase!(
                    "{vi} tin chờ vì người nhận vừa nhận tin khác (giãn cách và số tin mỗi người trong [limits])",
                    "{en} messages wait because their people got others lately (spacing and cap in [limits])"
                )
            }
            What::Retry => phrase!("cổng gửi bảo thử lại sau", "a gateway asked for another try later"),
            What::Rate => phrase!("đang gửi theo tốc độ của các tài khoản", "being sent at the accounts' rates"),
            What::Doubt => phrase!("đối chiếu các tin chưa rõ kết quả", "messages in doubt are being settled"),
            What::Silence => phrase!(
                "chờ báo phát; ai chưa có thì chuyển sang kênh tiếp theo",
                "waits for receipts; whoever has none gets the next channel"
            ),
            What::Followed => phrase!(
                "còn theo dõi ai nhận tin cũ muộn để gửi đính chính",
                "still follows up whoever gets the earlier text late"
            ),
        };
        let Some(until) = self.until else { return told };
        let (vi, en) = (moment(until, now, Lang::Vi), moment(until, now, Lang::En));
        Phrase { vi: format!("{}: đến {vi}", told.vi), en: format!("{}: until {en}", told.en) }
    }

    /// As programs see it.
    pub fn json(&self, now: i64) -> serde_json::Value {
        json!({ "what": self.name(), "until": self.until, "text": self.phrase(now).en })
    }
}

/// What to do about messages that no account serves.
pub fn remedy() -> Phrase {
    phrase!(
        "thêm tài khoản cho kênh này vào loa.toml rồi khởi động lại, hoặc dừng hẳn đợt gửi",
        "add one to loa.toml and start Loa again, or abort the run"
    )
}

/// To where messages go, by route: `Viettel, VinaPhone, Telegram`.
pub fn names(routes: &BTreeSet<i16>, lang: Lang) -> String {
    let name = |route: &i16| match Channel::from_number(i64::from(route >> 4)) {
        Some(Channel::Chat) => {
            let service = ChatService::from_number(i64::from(route & 15));
            let name = service.map_or("chat", |service| match service {
                // Whom one finds by their phone number there.
                ChatService::ZaloPhone => ChatService::Zalo.name(),
                service => service.name(),
            });
            words::carrier(name, lang).to_string()
        }
        Some(Channel::Email) => lang.pick("hộp thư điện tử", "mailboxes").to_string(),
        _ => route_name(*route, lang),
    };
    let mut names: Vec<String> = routes.iter().map(name).collect();
    names.dedup();
    names.join(", ")
}

/// A route's earliest pending deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
struct Next {
    route: i16,
    /// Of all; none: nothing is pending.
    first: Option<i64>,
    /// Of those that are not due.
    later: Option<i64>,
    /// Why that one waits.
    reason: Option<i16>,
}

static NEXT: Sql = Sql::new(
    r"SELECT w.route, (SELECT min(d.next_at) FROM delivery d WHERE d.state = 0 AND d.run = $1 AND d.route = w.route) AS first,
             (SELECT min(d.next_at) FROM delivery d WHERE d.state = 0 AND d.run = $1 AND d.route = w.route AND d.next_at > $3) AS later,
             (SELECT d.reason FROM delivery d WHERE d.state = 0 AND d.run = $1 AND d.route = w.route AND d.next_at > $3
              ORDER BY d.next_at LIMIT 1) AS reason
      FROM :rows($2; route SMALLINT) AS w ORDER BY w.route",
);

static LATER: Sql = Sql::new(
    r"SELECT count(*) FROM (SELECT 1 FROM delivery d WHERE d.state = 0 AND d.run = $1 AND d.route = $2 AND d.next_at > $3 LIMIT $4) AS later",
);

static DOUBT: Sql =
    Sql::new(r"SELECT min(next_at) FROM delivery WHERE state = 2 AND next_at IS NOT NULL AND id >= $1 AND id < $2");

static SILENT: Sql = Sql::new(r"SELECT min(next_at) FROM delivery WHERE run = $1 AND state IN (3, 4) AND next_at IS NOT NULL");

static OBSTACLES: Sql = Sql::new(
    r"SELECT a.name, t.cause, t.why, a.rests_until FROM account a JOIN trouble t ON t.account = a.id AND t.ended_at IS NULL",
);

static UNSERVED: Sql = Sql::new(
    r"SELECT r.id, w.route FROM run r CROSS JOIN :rows($1; route SMALLINT) AS w
      WHERE r.settled_at IS NULL AND r.state < 2 AND NOT r.paused AND r.held IS NULL
        AND EXISTS (SELECT 1 FROM delivery d WHERE d.state = 0 AND d.run = r.id AND d.route = w.route)
      ORDER BY r.id, w.route",
);

/// A route, to be bound.
#[derive(Serialize)]
struct Route {
    route: i16,
}

/// Every route that these channels have.
fn routes(channels: &[Channel]) -> impl Iterator<Item = Route> {
    channels.iter().flat_map(|channel| (0..16).map(|group| Route { route: delivery::route(*channel, group) }))
}

/// The runs that are to go on and have messages to where no account sends, and to where that is. `served`: where accounts do.
pub async fn unserved(db: &Db, served: &BTreeSet<i16>) -> Result<BTreeMap<i64, BTreeSet<i16>>> {
    let list = crate::db::list(&routes(&Channel::ALL).filter(|one| !served.contains(&one.route)).collect::<Vec<_>>());
    let rows: Vec<(i64, i16)> = on!(db.read, |pool, sql| sqlx::query_as(sql(&UNSERVED)).bind(&list).fetch_all(pool).await)?;
    let mut unserved: BTreeMap<i64, BTreeSet<i16>> = BTreeMap::new();
    for (run, route) in rows {
        unserved.entry(run).or_default().insert(route);
    }
    Ok(unserved)
}

/// What keeps an account from sending, and until when.
type Obstacles = BTreeMap<String, (Phrase, Option<i64>)>;

/// When a run next has doubts to settle; none: there are none.
pub async fn doubts_settle(db: &Db, run: i64) -> Result<Option<i64>> {
    let (from, to) = (delivery::first_of(run), delivery::first_of(run + 1));
    on!(db.read, |pool, sql| sqlx::query_scalar(sql(&DOUBT)).bind(from).bind(to).fetch_one(pool).await)
}

/// What a run waits for, beside what goes on. `lines`: the accounts as they are.
pub async fn of(db: &Db, run: &ActiveRun, lines: &[Line], now: i64) -> Result<Vec<Wait>> {
    if let Some(wait) = of_itself(run, now) {
        let mut waits = vec![wait];
        // Hours come by themselves; an account to where none sends does not.
        if waits[0].what == What::Hours {
            let next = next(db, run, now).await?;
            let missing = of_routes(&next, lines, &Obstacles::new(), now);
            waits.extend(missing.into_iter().filter(|wait| matches!(wait.what, What::NoAccount(_))));
        }
        return Ok(waits);
    }
    let mut waits = Vec::new();
    if run.row.state() == RunState::FanningOut {
        let share = if run.row.fan_top > 0 { run.row.fan_cursor * 1_000 / run.row.fan_top } else { 0 };
        waits.push(Wait::of(What::Listing(share), None));
    }
    let next = next(db, run, now).await?;
    let obstacles = obstacles(db, now).await?;
    waits.extend(of_routes(&next, lines, &obstacles, now));
    let soonest = |reason: fn(i16) -> bool| next.iter().filter(|n| n.reason.is_some_and(reason)).filter_map(|n| n.later).min();
    if let Some(until) = soonest(|reason| reason == Why::TooSoon.number()) {
        let mut n = 0;
        for route in next.iter().filter(|n| n.reason == Some(Why::TooSoon.number())) {
            let later: i64 = on!(db.read, |pool, sql| sqlx::query_scalar(sql(&LATER))
                .bind(run.row.id)
                .bind(route.route)
                .bind(now)
                .bind(COUNTED + 1)
                .fetch_one(pool)
                .await)?;
            n += later;
        }
        waits.push(Wait::of(What::TooSoon(n), Some(until)));
    }
    if let Some(until) = soonest(|reason| reason != Why::TooSoon.number()) {
        waits.push(Wait::of(What::Retry, Some(until)));
    }
    if let Some(until) = doubts_settle(db, run.row.id).await? {
        waits.push(Wait::of(What::Doubt, (until > now).then_some(until)));
    }
    if waits.is_empty() && run.plan.silent_after.is_some() {
        let until: Option<i64> =
            on!(db.read, |pool, sql| sqlx::query_scalar(sql(&SILENT)).bind(run.row.id).fetch_one(pool).await)?;
        waits.extend(until.map(|until| Wait::of(What::Silence, Some(until.max(now)))));
    }
    if waits.is_empty() {
        waits.extend(run.row.follow_until.filter(|until| *until > now).map(|until| Wait::of(What::Followed, Some(until))));
    }
    // What goes on is said last.
    waits.sort_by_key(|wait| !wait.stands_still());
    Ok(waits)
}

/// What makes the whole run stand still.
fn of_itself(run: &ActiveRun, now: i64) -> Option<Wait> {
    if run.row.state() == RunState::Aborted {
        return None;
    }
    if run.row.paused {
        return Some(Wait::of(What::Paused, None));
    }
    match run.row.held.as_deref() {
        Some(OVER_BUDGET) => return Some(Wait::of(What::Budget, None)),
        Some(why) => return Some(Wait::of(What::Held(why.to_string()), None)),
        None => {}
    }
    run.opens_at(now).map(|at| Wait::of(What::Hours, Some(at)))
}

async fn next(db: &Db, run: &ActiveRun, now: i64) -> Result<Vec<Next>> {
    let list = crate::db::list(&routes(&run.plan.order).collect::<Vec<_>>());
    let found: Vec<Next> =
        on!(db.read, |pool, sql| sqlx::query_as(sql(&NEXT)).bind(run.row.id).bind(&list).bind(now).fetch_all(pool).await)?;
    Ok(found.into_iter().filter(|next| next.first.is_some()).collect())
}

async fn obstacles(db: &Db, now: i64) -> Result<Obstacles> {
    let rows: Vec<(String, i16, String, i64)> = on!(db.read, |pool, sql| sqlx::query_as(sql(&OBSTACLES)).fetch_all(pool).await)?;
    let mut obstacles = Obstacles::new();
    for (name, cause, why, rests_until) in rows {
        let Some(cause) = Cause::from_number(cause) else { continue };
        let until = match cause {
            Cause::Quota => Some(midnight(now)),
            Cause::Failing | Cause::Throttled => Some(rests_until).filter(|until| *until > now),
            Cause::Stopped | Cause::GatewayQuota | Cause::Funds => None,
            Cause::Slow | Cause::LowBalance | Cause::Token => continue,
        };
        let Phrase { vi, en } = cause.phrase();
        let told = if why.is_empty() { phrase!("{vi}", "{en}") } else { phrase!("{vi}: {why}", "{en}: {why}") };
        obstacles.entry(name).or_insert((told, until));
    }
    Ok(obstacles)
}

/// When quotas begin anew.
fn midnight(now: i64) -> i64 {
    const DAY: i64 = 24 * 3_600_000;
    now - i64::from(chrono::Timelike::num_seconds_from_midnight(&local(now))) * 1_000 - now.rem_euclid(1_000) + DAY
}

/// What messages that are due wait for: their turn, or an account that can send.
fn of_routes(next: &[Next], lines: &[Line], obstacles: &Obstacles, now: i64) -> Vec<Wait> {
    let (mut unserved, mut stuck, mut going) = (BTreeSet::new(), BTreeSet::new(), false);
    let mut waited_for = BTreeMap::new();
    let mut until: Option<i64> = None;
    for route in next.iter().filter(|next| next.first.is_some_and(|at| at <= now)).map(|next| next.route) {
        let serving: Vec<&Line> = lines.iter().filter(|line| line.routes.contains(&route)).collect();
        let can = |line: &&&Line| line.able && line.daily.is_none_or(|daily| line.used < daily);
        if serving.is_empty() {
            unserved.insert(route);
        } else if serving.iter().any(|line| can(&line)) {
            going = true;
        } else {
            stuck.insert(route);
            for line in serving {
                let used_up = line.able.then(|| (Cause::Quota.phrase(), Some(midnight(now))));
                let unknown = || (phrase!("chưa gửi được", "cannot send now"), None);
                let (why, at) = obstacles.get(&line.name).cloned().or(used_up).unwrap_or_else(unknown);
                until = [until, at].into_iter().flatten().min();
                waited_for.insert(line.name.clone(), why);
            }
        }
    }
    let mut waits = Vec::new();
    if !unserved.is_empty() {
        waits.push(Wait::of(What::NoAccount(unserved), None));
    }
    if !stuck.is_empty() {
        waits.push(Wait::of(What::Accounts(stuck, waited_for), until));
    }
    if going {
        waits.push(Wait::of(What::Rate, None));
    }
    waits
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use providers::Abilities;

    use super::*;

    const NOW: i64 = 1_795_312_800_000; // 09:00 on 22 November 2026

    fn line(name: &str, routes: &[i16]) -> Line {
        Line {
            name: name.into(),
            routes: routes.iter().copied().collect(),
            able: true,
            priority: 1,
            period: Duration::from_millis(10),
            abilities: Abilities::LEAST,
            daily: None,
            used: 0,
        }
    }

    fn due(route: i16) -> Next {
        Next { route, first: Some(NOW), later: None, reason: None }
    }

    #[test]
    fn whoever_can_send_is_waited_for_by_rate_alone() {
        let lines = [
            line("a", &[17]),
            Line { able: false, ..line("b", &[17, 18]) },
            Line { daily: Some(5), used: 5, ..line("c", &[18]) },
        ];
        let waits = of_routes(&[due(17)], &lines, &Obstacles::new(), NOW);
        assert_eq!(waits, [Wait::of(What::Rate, None)]);

        let obstacles = Obstacles::from([("b".to_string(), (Cause::Stopped.phrase(), None))]);
        let waits = of_routes(&[due(18), due(19)], &lines, &obstacles, NOW);
        let told: Vec<String> = waits.iter().map(|wait| wait.phrase(NOW).vi).collect();
        assert!(told[0].starts_with("chưa có tài khoản nào gửi được đến VinaPhone: thêm tài khoản"), "{told:?}");
        // The one waits for somebody, the other for midnight.
        assert_eq!(waits.iter().map(Wait::wants_somebody).collect::<Vec<_>>(), [true, false]);
        assert_eq!(
            told[1], "tin đến MobiFone chờ tài khoản b (đã dừng, chờ người xử lý), c (hết hạn mức ngày): đến 00:00 ngày mai",
            "{told:?}"
        );
    }

    #[test]
    fn where_messages_go_has_a_name() {
        let all = |lang| names(&BTreeSet::from([17, 32, 49, 50, 51]), lang);
        assert_eq!(all(Lang::Vi), "Viettel, hộp thư điện tử, Zalo, Telegram, Zalo");
        assert_eq!(all(Lang::En), "Viettel, mailboxes, Zalo, Telegram, Zalo");
    }

    #[test]
    fn what_is_not_due_asks_for_no_account() {
        let later = Next { first: Some(NOW + 1), later: Some(NOW + 1), reason: Some(33), ..due(17) };
        assert_eq!(of_routes(&[later], &[], &Obstacles::new(), NOW), []);
        let told = Wait::of(What::TooSoon(10_001), Some(NOW + 6_000_000)).phrase(NOW);
        assert!(told.vi.starts_with("hơn 10.000 tin chờ vì người nhận vừa nhận tin khác"), "{}", told.vi);
        assert!(told.vi.ends_with(": đến 10:40 hôm nay"), "{}", told.vi);
    }
}
