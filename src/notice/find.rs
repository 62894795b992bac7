//! Causes of notices as they stand now: one function a part of the system, each over a few rows. What cannot be read makes the
//! whole look fail, so that no notice ends because its cause could not be looked for.

use std::collections::BTreeSet;

use chrono::{Days, NaiveDate};
use chrono_tz::Asia::Ho_Chi_Minh;
use serde::Deserialize;

use super::{Found, Kind};
use crate::{
    account::{
        ZALO, standing,
        trouble::{Cause, Trouble},
    },
    active::{RunRow, RunState, run_columns},
    approval::submission,
    bulletin::{self, Standing},
    clock::Clock,
    config::Config,
    db::{Db, Result, Sql, disk::Room},
    delivery::State,
    intake, on,
    period::{Calendar, Span},
    phrase,
    relay::attention::{self, Cause as Wants, Matter},
    request,
    run::wait,
    tally::{self, Count},
    words::{self, Lang, Phrase},
};

/// Days before which it is said that something lapses: each time anew.
const STAGES: [i64; 3] = [1, 7, 30];
/// Of a hundred of a day's quota, so much is nearly all.
const NEARLY: u64 = 90;
/// An account that fails for longer needs somebody.
const FAILING: i64 = 10 * 60_000;
/// A doubt that should have been settled so long ago.
const OLD_DOUBT: i64 = 3_600_000;
/// For so long after it settled a run's failures are told of.
const TOLD: i64 = 3 * 24 * 3_600_000;
/// Of a hundred messages that should have arrived, so many did not: that is many; and at least so many in all.
const MANY: i64 = 20;
const AT_LEAST: i64 = 20;
/// A request that is due within this is due soon.
const SOON: i64 = 2 * 24 * 3_600_000;
/// How long Zalo's refresh tokens are good.
const REFRESH_DAYS: u64 = 90;

/// What is looked at.
#[derive(Clone)]
pub struct Ground {
    /// The database.
    pub db: Db,
    /// The clock.
    pub clock: Clock,
    /// The settings.
    pub config: Config,
    /// The routes that some account serves.
    pub served: BTreeSet<i16>,
}

/// Every cause that stands now.
pub async fn all(ground: &Ground) -> Result<Vec<Found>> {
    let now = ground.clock.millis();
    let today = ground.clock.now().with_timezone(&Ho_Chi_Minh).date_naive();
    let mut found = accounts(ground, today, now).await?;
    found.extend(templates(ground, today));
    found.extend(tokens(ground, today).await?);
    found.extend(room(ground));
    found.extend(runs(ground, now).await?);
    found.extend(doubts(&ground.db, now).await?);
    found.extend(requests(&ground.db, now).await?);
    found.extend(lists(&ground.db).await?);
    found.extend(approvals(&ground.db, now).await?);
    found.extend(period(ground, today).await?);
    found.extend(bulletins(ground).await?);
    found.extend(upstream(ground).await?);
    found.extend(attention::matters(&ground.db, now).await?.into_iter().map(order));
    Ok(found)
}

/// For whoever has the right, of no department.
fn of(key: String, kind: Kind, says: Phrase, page: &str) -> Found {
    Found { key, kind, says, page: page.to_string(), owner: String::new(), for_user: None, urgent: false }
}

async fn accounts(ground: &Ground, today: NaiveDate, now: i64) -> Result<Vec<Found>> {
    let rows = standing::rows(&ground.db).await?;
    let mut found = Vec::new();
    for account in &ground.config.accounts {
        let name = &account.name;
        let Some(row) = rows.get(name) else { continue };
        let page = format!("/accounts/{name}");
        let has = |cause: Cause| row.troubles.iter().find(|trouble| trouble.cause() == cause);
        let told = |trouble: &Trouble| {
            let told = trouble.told(row.pace);
            let (vi, en) = (told.vi, told.en);
            phrase!("Tài khoản {name}: {vi}", "Account {name}: {en}")
        };
        if row.paused.is_some() {
            let state = standing::state(Some(row));
            let (vi, en) = (state.vi, state.en);
            let says = phrase!("Tài khoản {name}: {vi}", "Account {name}: {en}");
            found.push(Found { urgent: true, ..of(format!("account/{name}/paused"), Kind::AccountPaused, says, &page) });
        } else if let Some(failing) = has(Cause::Failing).filter(|trouble| trouble.began_at + FAILING <= now) {
            found.push(of(format!("account/{name}/failing"), Kind::AccountPaused, told(failing), &page));
        }
        let used = u64::try_from(row.used_on(&today.to_string())).unwrap_or(0);
        if let Some(out) = has(Cause::Quota).or_else(|| has(Cause::GatewayQuota)) {
            found.push(of(format!("account/{name}/quota/{today}"), Kind::QuotaLow, told(out), &page));
        } else if let Some(daily) = account.daily.filter(|daily| used * 100 >= daily * NEARLY) {
            let says = phrase!(
                "Tài khoản {name}: hôm nay đã dùng {used}/{daily} tin của hạn mức ngày",
                "Account {name}: {used} of today's {daily} messages are used"
            );
            found.push(of(format!("account/{name}/quota/{today}"), Kind::QuotaLow, says, &page));
        }
        if let Some(gone) = has(Cause::Funds) {
            found.push(Found { urgent: true, ..of(format!("account/{name}/funds"), Kind::BalanceLow, told(gone), &page) });
        } else if let Some(low) = has(Cause::LowBalance) {
            found.push(of(format!("account/{name}/balance"), Kind::BalanceLow, told(low), &page));
        }
        if let Some(token) = has(Cause::Token) {
            found.push(Found { urgent: true, ..of(format!("account/{name}/token"), Kind::TokenLapses, told(token), &page) });
        }
    }
    Ok(found)
}

/// The stage that a last day is in, and the days left; none: it is far.
fn stage(last: NaiveDate, today: NaiveDate) -> Option<(i64, i64)> {
    let left = (last - today).num_days();
    STAGES.into_iter().find(|stage| left <= *stage).map(|stage| (stage, left))
}

fn templates(ground: &Ground, today: NaiveDate) -> Vec<Found> {
    let mut found = Vec::new();
    for account in &ground.config.accounts {
        for template in &account.templates {
            let Some((last, (stage, left))) = template.through.and_then(|last| Some((last, stage(last, today)?))) else {
                continue;
            };
            // A wording that lapsed and has a successor under its name is replaced.
            let replaced = account.templates.iter().any(|other| {
                other.name == template.name
                    && other.from.is_some_and(|from| from <= last + Days::new(1))
                    && other.through.is_none_or(|through| through > last)
            });
            // For a month after it lapsed; then nobody waits for it any more.
            if replaced || left < -STAGES[2] {
                continue;
            }
            let (account, name) = (&account.name, &template.name);
            let (vi, en) = (words::date(last, Lang::Vi), words::date(last, Lang::En));
            let says = if left < 0 {
                phrase!(
                    "Mẫu tin {name} của tài khoản {account} đã hết hạn ngày {vi}: đăng ký lại với nhà mạng",
                    "The wording {name} of the account {account} lapsed after {en}: register it again"
                )
            } else {
                phrase!(
                    "Mẫu tin {name} của tài khoản {account} hết hạn sau ngày {vi} (còn {left} ngày)",
                    "The wording {name} of the account {account} lapses after {en} ({left} days left)"
                )
            };
            let stage = if left < 0 { 0 } else { stage };
            let key = format!("template/{account}/{name}/{last}/{stage}");
            found.push(Found {
                urgent: stage <= 1 && left >= 0,
                ..of(key, Kind::TemplateLapses, says, &format!("/accounts/{account}"))
            });
        }
    }
    found
}

static TOKENS: Sql = Sql::new(r"SELECT account, begins_at FROM token WHERE begins_at > 0 ORDER BY account");

/// Tokens that nobody renewed for long: the refresh token lapses with them.
async fn tokens(ground: &Ground, today: NaiveDate) -> Result<Vec<Found>> {
    let rows: Vec<(String, i64)> = on!(ground.db.read, |pool, sql| sqlx::query_as(sql(&TOKENS)).fetch_all(pool).await)?;
    let is_ours = |name: &str| ground.config.accounts.iter().any(|account| account.name == name && account.gateway == ZALO);
    Ok(rows
        .into_iter()
        .filter(|(account, _)| is_ours(account))
        .filter_map(|(account, begins_at)| {
            let begun = chrono::DateTime::from_timestamp_millis(begins_at)?.with_timezone(&Ho_Chi_Minh).date_naive();
            let last = begun.checked_add_days(Days::new(REFRESH_DAYS))?;
            let (stage, left) = stage(last, today)?;
            let (vi, en) = (words::date(last, Lang::Vi), words::date(last, Lang::En));
            let says = phrase!(
                "Token của tài khoản {account} hết hạn ngày {vi} (còn {left} ngày) nếu không được gia hạn",
                "The token of the account {account} lapses on {en} ({left} days left) unless it is renewed"
            );
            let page = format!("/accounts/{account}");
            let key = format!("token/{account}/{last}/{stage}");
            Some(Found { urgent: stage <= 1, ..of(key, Kind::TokenLapses, says, &page) })
        })
        .collect())
}

fn room(ground: &Ground) -> Option<Found> {
    let room = Room::of(&ground.config.database_url).filter(|room| room.is_little())?;
    // To a tenth, so that it is not said anew with every megabyte.
    let (gib, tenth) = (room.free >> 30, ((room.free & ((1 << 30) - 1)) * 10) >> 30);
    let says = phrase!(
        "Ổ đĩa chứa cơ sở dữ liệu chỉ còn trống {gib},{tenth} GiB",
        "Only {gib}.{tenth} GiB are free on the database's disk"
    );
    Some(Found { urgent: room.is_gone(), ..of("disk".into(), Kind::DiskFilling, says, "/accounts") })
}

static UNDER_WAY: Sql =
    Sql::new(concat!("SELECT ", run_columns!(), " FROM run WHERE settled_at IS NULL ORDER BY kind DESC, id DESC LIMIT 200"));

static LATELY: Sql = Sql::new(concat!(
    "SELECT ",
    run_columns!(),
    " FROM run WHERE settled_at > $1 AND id > $2 AND origin < 2 ORDER BY id DESC LIMIT 200"
));

static NEWEST: Sql = Sql::new(r"SELECT coalesce(max(id), 0) FROM run");

static BODY: Sql = Sql::new(r"SELECT body FROM definition WHERE hash = $1");

/// Runs that may have settled lately are among the last so many.
const LAST: i64 = 500;

/// What a notice says of a run's campaign.
#[derive(Deserialize, Default)]
struct Campaign {
    title: String,
    owner: Option<String>,
}

async fn campaign(db: &Db, run: &RunRow) -> Result<Campaign> {
    let body: Option<String> =
        on!(db.read, |pool, sql| sqlx::query_scalar(sql(&BODY)).bind(&run.definition).fetch_optional(pool).await)?;
    let read = body.and_then(|body| toml::from_str(&body).ok());
    Ok(read.unwrap_or_else(|| Campaign { title: run.campaign.clone(), owner: None }))
}

async fn runs(ground: &Ground, now: i64) -> Result<Vec<Found>> {
    let db = &ground.db;
    let mut found = Vec::new();
    let mut unserved = wait::unserved(db, &ground.served).await?;
    let under_way: Vec<RunRow> = on!(db.read, |pool, sql| sqlx::query_as(sql(&UNDER_WAY)).fetch_all(pool).await)?;
    for run in &under_way {
        if let Some(routes) = unserved.remove(&run.id) {
            let Campaign { title, owner } = campaign(db, run).await?;
            let (id, vi, en) = (run.id, wait::names(&routes, Lang::Vi), wait::names(&routes, Lang::En));
            let Phrase { vi: then_vi, en: then_en } = wait::remedy();
            let says = phrase!(
                "Đợt {id} ({title}) có tin đến {vi} mà chưa có tài khoản nào gửi được: {then_vi}",
                "Run {id} ({title}) has messages to {en}, where no account sends: {then_en}"
            );
            let (key, page) = (format!("run/{id}/unserved"), format!("/runs/{id}"));
            found.push(Found { owner: owner.unwrap_or_default(), urgent: true, ..of(key, Kind::RunUnserved, says, &page) });
        }
        let sends = matches!(run.state(), RunState::FanningOut | RunState::Sending);
        let overdue = sends && !run.paused && run.finish_at.is_some_and(|by| by < now);
        let Some(why) = run.held.as_deref().or(overdue.then_some("")).filter(|_| sends) else { continue };
        let Campaign { title, owner } = campaign(db, run).await?;
        let id = run.id;
        let (key, kind, says) = if run.held.is_some() {
            let says = phrase!("Đợt {id} ({title}) đang đứng: {why}", "Run {id} ({title}) stands still: {why}");
            (format!("run/{id}/held"), Kind::RunHeld, says)
        } else {
            let says = phrase!(
                "Đợt {id} ({title}) đã quá giờ phải gửi xong mà vẫn còn tin chờ",
                "Run {id} ({title}) should be done by now, and messages still wait"
            );
            (format!("run/{id}/overdue"), Kind::RunOverdue, says)
        };
        let urgent = run.kind == 1;
        found.push(Found { owner: owner.unwrap_or_default(), urgent, ..of(key, kind, says, &format!("/runs/{id}")) });
    }
    let newest: i64 = on!(db.read, |pool, sql| sqlx::query_scalar(sql(&NEWEST)).fetch_one(pool).await)?;
    let lately: Vec<RunRow> =
        on!(db.read, |pool, sql| { sqlx::query_as(sql(&LATELY)).bind(now - TOLD).bind(newest - LAST).fetch_all(pool).await })?;
    let ids: Vec<i64> = lately.iter().map(|run| run.id).collect();
    let tallies = tally::of_runs(db, &ids).await?;
    for run in lately {
        let (mut failed, mut meant) = (Count::default(), Count::default());
        for (key, count) in tallies.iter().filter(|(key, _)| key.run == run.id) {
            match State::from_number(key.state) {
                State::Skipped | State::Cancelled => continue,
                State::Undelivered | State::Expired | State::Rejected | State::Unknown | State::Lapsed => failed += *count,
                _ => {}
            }
            meant += *count;
        }
        if failed.n < AT_LEAST || failed.n * 100 < meant.n * MANY {
            continue;
        }
        let Campaign { title, owner } = campaign(db, &run).await?;
        let (id, failed, meant) = (run.id, failed.n, meant.n);
        let numbers = |lang| (words::number(failed, lang), words::number(meant, lang));
        let ((failed_vi, meant_vi), (failed_en, meant_en)) = (numbers(Lang::Vi), numbers(Lang::En));
        let says = phrase!(
            "Đợt {id} ({title}) đã xong nhưng {failed_vi} trong {meant_vi} lượt tin không đến được",
            "Run {id} ({title}) is over, and {failed_en} of {meant_en} messages did not arrive"
        );
        let key = format!("run/{id}/failed");
        found.push(Found { owner: owner.unwrap_or_default(), ..of(key, Kind::RunFailed, says, &format!("/runs/{id}")) });
    }
    Ok(found)
}

static DOUBTS: Sql =
    Sql::new(r"SELECT count(*) FROM (SELECT 1 FROM delivery WHERE state = 2 AND next_at < $1 LIMIT 100000) AS old");

async fn doubts(db: &Db, now: i64) -> Result<Option<Found>> {
    let old: i64 = on!(db.read, |pool, sql| sqlx::query_scalar(sql(&DOUBTS)).bind(now - OLD_DOUBT).fetch_one(pool).await)?;
    if old == 0 {
        return Ok(None);
    }
    let says = phrase!(
        "{old} lượt tin chưa rõ kết quả đã quá một giờ mà chưa đối chiếu xong",
        "{old} messages have been in doubt for more than an hour"
    );
    Ok(Some(of("doubts".into(), Kind::DoubtsUnresolved, says, "/runs")))
}

/// What others published and somebody must see to, and sources that cannot be read.
/// What keeps a department's orders from being carried out.
async fn upstream(ground: &Ground) -> Result<Vec<Found>> {
    let Some(settings) = &ground.config.upstream else { return Ok(Vec::new()) };
    let troubles = crate::upstream::troubles(&ground.db, settings).await?;
    let told = |(order, campaign, says): (Option<String>, String, Phrase)| {
        let page = if campaign.is_empty() { "/campaigns".to_string() } else { format!("/campaigns/{campaign}") };
        let (vi, en) = (says.vi, says.en);
        let (key, says) = match order {
            Some(order) => (format!("upstream/{order}"), phrase!("Yêu cầu {order}: {vi}", "Order {order}: {en}")),
            None => ("upstream".to_string(), phrase!("[upstream]: {vi}", "[upstream]: {en}")),
        };
        Found { owner: settings.department.clone(), ..of(key, Kind::UpstreamTrouble, says, &page) }
    };
    Ok(troubles.into_iter().map(told).collect())
}

async fn bulletins(ground: &Ground) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    for one in bulletin::open(&ground.db).await? {
        let (id, title, publisher) = (one.id, &one.title, &one.publisher);
        let page = format!("/bulletins/{id}");
        let sent = matches!(one.standing(), Standing::Sent(_));
        if one.standing() == Standing::Waiting {
            let says = phrase!(
                "Bản tin của {publisher} chờ hoàn thiện để gửi: {title}",
                "A bulletin of {publisher} waits to be finished and sent: {title}"
            );
            let key = format!("bulletin/{id}/waiting");
            let urgent = matches!(one.kind(), bulletin::Kind::Alert | bulletin::Kind::Update);
            found.push(Found { owner: one.owner.clone(), urgent, ..of(key, Kind::BulletinWaiting, says, &page) });
        }
        if let Some(changed) = one.changed_at.filter(|_| one.is_changed()) {
            let says = if sent {
                phrase!(
                    "{publisher} đã sửa hoặc thu hồi bản tin mà cảnh báo đã gửi dựa vào: {title}",
                    "{publisher} changed or withdrew a bulletin whose warning was sent: {title}"
                )
            } else {
                phrase!("{publisher} đã sửa hoặc thu hồi bản tin: {title}", "{publisher} changed or withdrew a bulletin: {title}")
            };
            let key = format!("bulletin/{id}/changed/{changed}");
            found.push(Found { owner: one.owner.clone(), urgent: sent, ..of(key, Kind::BulletinChanged, says, &page) });
        }
    }
    let named = |name: &str| ground.config.bulletins.iter().any(|one| one.name == name);
    for source in bulletin::poll::sources(&ground.db).await? {
        let Some(trouble) = source.trouble().filter(|_| source.failures >= bulletin::poll::PATIENT && named(&source.name)) else {
            continue;
        };
        let (name, vi, en) = (&source.name, trouble.vi, trouble.en);
        let says = phrase!("Nguồn tin {name}: {vi}", "The source of bulletins {name}: {en}");
        let key = format!("bulletin-source/{name}");
        found.push(Found { owner: source.owner, ..of(key, Kind::BulletinSource, says, "/bulletins") });
    }
    Ok(found)
}

static DUE_SOON: Sql = Sql::new(
    r"SELECT count(*) FROM request WHERE state = 0 AND due_at > $1 AND (answered_at IS NOT NULL OR answer_by > $1)
        AND (due_at <= $2 OR (answered_at IS NULL AND answer_by <= $2))",
);

async fn requests(db: &Db, now: i64) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    let request::Queue { overdue, .. } = request::queue(db, now).await?;
    if overdue > 0 {
        let says = phrase!(
            "{overdue} yêu cầu của người dân về dữ liệu cá nhân đã quá hạn",
            "{overdue} requests about people's data are overdue"
        );
        found.push(Found { urgent: true, ..of("requests/overdue".into(), Kind::RequestDue, says, "/requests") });
    }
    let soon: i64 =
        on!(db.read, |pool, sql| sqlx::query_scalar(sql(&DUE_SOON)).bind(now).bind(now + SOON).fetch_one(pool).await)?;
    if soon > 0 {
        let says = phrase!(
            "{soon} yêu cầu của người dân về dữ liệu cá nhân đến hạn trong hai ngày tới",
            "{soon} requests about people's data are due within two days"
        );
        found.push(of("requests/soon".into(), Kind::RequestDue, says, "/requests"));
    }
    Ok(found)
}

static RETURNED: Sql = Sql::new(
    r"SELECT s.id, s.slug, s.title, s.owner, s.sent_by FROM submission s
      WHERE s.state = 2 AND s.sent_by IS NOT NULL AND s.decided_at > $1
        AND NOT EXISTS (SELECT 1 FROM submission l WHERE l.slug = s.slug AND l.id > s.id) ORDER BY s.id",
);

/// For so long a campaign that came back is told of (milliseconds).
const TOLD_RETURNED: i64 = 30 * 24 * 3_600_000;

/// Campaigns that wait to be approved or reviewed, and those that came back to their writer.
async fn approvals(db: &Db, now: i64) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    for one in submission::waiting(db).await? {
        let (id, title) = (one.id, &one.title);
        let says = phrase!("Chiến dịch “{title}” chờ phê duyệt", "The campaign “{title}” waits to be approved");
        let (key, page, urgent) = (format!("approval/{id}/waiting"), format!("/approvals/{id}"), one.kind == 1);
        found.push(Found { owner: one.owner, urgent, ..of(key, Kind::ApprovalWaiting, says, &page) });
    }
    for one in submission::to_review(db).await? {
        let (id, title) = (one.id, &one.title);
        let says = phrase!(
            "Chiến dịch “{title}” được duyệt khẩn bởi một người, chờ xem lại",
            "The campaign “{title}” was approved in an emergency by one person: review it"
        );
        let (key, page) = (format!("approval/{id}/review"), format!("/approvals/{id}"));
        found.push(Found { owner: one.owner, ..of(key, Kind::EmergencyReview, says, &page) });
    }
    let returned: Vec<(i64, String, String, String, Option<i64>)> =
        on!(db.read, |pool, sql| { sqlx::query_as(sql(&RETURNED)).bind(now - TOLD_RETURNED).fetch_all(pool).await })?;
    for (id, slug, title, owner, for_user) in returned {
        let says = phrase!("Chiến dịch “{title}” bị trả lại, cần sửa", "The campaign “{title}” came back to be mended");
        let key = format!("approval/{id}/returned");
        found.push(Found { owner, for_user, ..of(key, Kind::ApprovalReturned, says, &format!("/campaigns/{slug}")) });
    }
    Ok(found)
}

static CLOSED: Sql = Sql::new(r"SELECT count(*) FROM closing WHERE period = $1 AND department = ''");

static RAN: Sql =
    Sql::new(r"SELECT count(*) FROM (SELECT id FROM run WHERE date >= $1 AND date <= $2 AND origin < 2 LIMIT 1) AS one");

/// Last month, if anything ran in it and nobody closed its figures.
async fn period(ground: &Ground, today: NaiveDate) -> Result<Option<Found>> {
    let calendar = Calendar::of(&ground.config.reporting);
    let Some(over) = calendar.containing(Span::Month, today).and_then(|month| calendar.previous(&month)) else { return Ok(None) };
    let key = over.key();
    let closed: i64 = on!(ground.db.read, |pool, sql| sqlx::query_scalar(sql(&CLOSED)).bind(&key).fetch_one(pool).await)?;
    let (from, through) = (over.from.to_string(), over.through.to_string());
    let ran: i64 =
        on!(ground.db.read, |pool, sql| sqlx::query_scalar(sql(&RAN)).bind(&from).bind(&through).fetch_one(pool).await)?;
    if closed > 0 || ran == 0 {
        return Ok(None);
    }
    let title = over.title();
    let (vi, en) = (title.vi, title.en);
    let says = phrase!("{vi} đã hết mà chưa chốt số liệu", "{en} is over, and its figures are not closed");
    Ok(Some(of(format!("period/{key}"), Kind::PeriodToClose, says, "/periods")))
}

/// Uploaded lists that wait for whoever uploaded them.
async fn lists(db: &Db) -> Result<Vec<Found>> {
    let waiting = intake::waiting(db).await?;
    Ok(waiting
        .into_iter()
        .map(|upload| {
            let (id, title) = (upload.id, &upload.title);
            let says = match upload.state() {
                intake::State::Failed => phrase!("Danh sách {title} không nhập được", "The list {title} could not be imported"),
                _ => phrase!(
                    "Danh sách {title} đã kiểm tra xong, chờ xác nhận nhập",
                    "The list {title} was checked and waits to be confirmed"
                ),
            };
            let key = format!("upload/{id}/{}", upload.state);
            Found { for_user: upload.by_user, ..of(key, Kind::ListChecked, says, &format!("/audience/uploads/{id}")) }
        })
        .collect())
}

/// Relay orders that want something.
fn order(matter: Matter) -> Found {
    let Matter { cause, key, owner, orders, outlet, slug, title, identifier, urgent, said } = matter;
    let (run, n) = (key, orders);
    let (more_vi, more_en) = if n > 1 {
        (format!("{n} đơn vị, trong đó có {outlet},"), format!("{n} outlets, {outlet} among them,"))
    } else {
        (outlet.clone(), outlet.clone())
    };
    let many = format!("/orders?run={run}");
    let (name, kind, says, page) = match cause {
        Wants::Overdue => {
            let says = phrase!(
                "Đợt {run} ({title}): {more_vi} quá hạn báo cáo",
                "Run {run} ({title}): the reports of {more_en} are overdue"
            );
            ("overdue", Kind::OrderOverdue, says, format!("{many}&overdue=1"))
        }
        Wants::Refused => {
            let says = phrase!("Đợt {run} ({title}): {more_vi} từ chối thực hiện", "Run {run} ({title}): {more_en} refused");
            ("refused", Kind::OrderRefused, says, format!("{many}&state=refused"))
        }
        Wants::ToHand => {
            let says = phrase!(
                "Đợt {run} ({title}): {more_vi} chưa được giao yêu cầu, cần gửi văn bản",
                "Run {run} ({title}): {more_en} must be handed the order on paper"
            );
            ("to-hand", Kind::OrderToHand, says, format!("{many}&state=approved"))
        }
        Wants::Unpushed => {
            let why = |lang| if said.is_empty() { String::new() } else { format!(" ({})", words::said(said.clone(), lang)) };
            let (vi, en) = (why(Lang::Vi), why(Lang::En));
            let says =
                phrase!("{outlet}: máy chủ chưa nhận {n} yêu cầu{vi}", "{outlet}: its server has not taken {n} orders{en}");
            ("unpushed", Kind::OrderUnpushed, says, format!("/orders?outlet={slug}&state=approved"))
        }
        Wants::Unfetched => {
            let says = phrase!(
                "{outlet}: chưa lấy {n} yêu cầu đã sẵn sàng hơn một giờ",
                "{outlet}: has not fetched {n} orders that have been ready for more than an hour"
            );
            ("unfetched", Kind::OrderUnpushed, says, format!("/orders?outlet={slug}&state=approved"))
        }
        Wants::Drafted => {
            let says = phrase!(
                "Bản sửa đổi yêu cầu “{title}” gửi {outlet} chờ phê duyệt",
                "The Update of the order “{title}” to {outlet} waits to be approved"
            );
            ("drafted", Kind::OrderApproval, says, format!("/orders/{identifier}"))
        }
    };
    Found { owner: owner.clone(), urgent, ..of(format!("order/{key}/{name}/{owner}"), kind, says, &page) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lapses_is_said_at_thirty_seven_and_one() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let at = |today: &str| stage(day("2026-12-31"), day(today)).map(|(stage, _)| stage);
        assert_eq!(at("2026-11-30"), None);
        assert_eq!(at("2026-12-01"), Some(30));
        assert_eq!(at("2026-12-23"), Some(30));
        assert_eq!(at("2026-12-24"), Some(7));
        assert_eq!(at("2026-12-30"), Some(1));
        assert_eq!(at("2026-12-31"), Some(1));
    }
}
