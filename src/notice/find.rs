//! Causes of notices as they stand now: one function a part of the system, each over a few rows; those of [`accounts`], [`orders`] and
//! [`bulletins`] in files of their own. What cannot be read makes the whole look fail, so that no notice ends because its cause could not
//! be looked for.

mod accounts;
mod bulletins;
mod orders;

use std::collections::BTreeSet;

use chrono::NaiveDate;
use serde::Deserialize;

use super::{Found, Kind};
use crate::{
    active::{RunRow, RunState, run_columns},
    approval::submission,
    clock::Clock,
    config::Config,
    db::{Db, Result, Sql, disk::Room},
    delivery::State,
    intake, on,
    period::{Calendar, Span},
    phrase,
    relay::attention,
    request,
    run::wait,
    tally::{self, Count},
    words::{self, Lang, Phrase},
};

/// A doubt that should have been settled so long ago.
const OLD_DOUBT: i64 = 3_600_000;
/// For so long after it settled a run's failures are told of.
const TOLD: i64 = 3 * 24 * 3_600_000;
/// Of a hundred messages that should have arrived, so many did not: that is many; and at least so many in all.
const MANY: i64 = 20;
const AT_LEAST: i64 = 20;
/// A request that is due within this is due soon.
const SOON: i64 = 2 * 24 * 3_600_000;

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
    let today = ground.clock.today();
    let mut found = accounts::all(ground, today, now).await?;
    found.extend(accounts::templates(ground, today));
    found.extend(accounts::tokens(ground, today).await?);
    found.extend(room(ground));
    found.extend(runs(ground, now).await?);
    found.extend(doubts(&ground.db, now).await?);
    found.extend(requests(&ground.db, now).await?);
    found.extend(lists(&ground.db).await?);
    found.extend(approvals(&ground.db, now).await?);
    found.extend(period(ground, today).await?);
    found.extend(bulletins::all(ground).await?);
    found.extend(orders::upstream(ground).await?);
    found.extend(attention::matters(&ground.db, now).await?.into_iter().map(orders::order));
    Ok(found)
}

/// For whoever has the right, of no department.
fn of(key: String, kind: Kind, says: Phrase, page: &str) -> Found {
    Found { key, kind, says, page: page.to_string(), owner: String::new(), for_user: None, urgent: false }
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
