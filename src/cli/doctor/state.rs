//! What the database says: whether it opens, fits the program and the key, and what in it waits for a person.

use std::{collections::BTreeSet, time::Duration};

use super::{Findings, Globals, bulletins, console, relay};
use crate::{
    account::{self, standing},
    active::RunRow,
    audience::{
        block,
        key::{self, KeyError},
    },
    config::Config,
    db::{Db, Result, Schema, Sql},
    on, phrase,
    request::{self, Queue},
    run::{self, wait},
    words::Lang,
};

/// A doubt that is still open so long after it should have been settled.
const OLD_DOUBT: Duration = Duration::from_hours(1);
/// A receipt usually follows its answer within seconds.
const OLD_RECEIPT: Duration = Duration::from_hours(1);
/// Clocks of two machines that are looked after differ by less.
const CLOCK_DIFFERENCE: Duration = Duration::from_secs(30);
/// The first day on which this program ran anywhere, in unix milliseconds: a clock before it was never set.
const BEFORE_LOA: i64 = 1_767_225_600_000;
/// Runs that are looked at, the latest first.
const RUNS: i64 = 1_000;

static DOUBTS: Sql = Sql::new(r"SELECT count(*), coalesce(min(next_at), 0) FROM delivery WHERE state = 2 AND next_at < $1");

static RECEIPTS: Sql = Sql::new(r"SELECT count(*), coalesce(min(received_at), 0) FROM receipt WHERE status = 0");

static CLOCK: Sql = Sql::new(r"SELECT :now_us, coalesce(max(created_at), 0) FROM run");

/// Looks at the database, if there is one.
pub(super) async fn look(config: &Config, globals: &Globals, findings: &mut Findings) {
    let found = match Db::find(&config.database_url).await {
        Ok(found) => found,
        Err(error) => {
            findings.bad(
                "database",
                phrase!("không mở được cơ sở dữ liệu: {error}", "the database cannot be opened: {error}"),
                phrase!("kiểm tra [database] url, máy chủ và mật khẩu", "check [database] url, the server and the password"),
            );
            return;
        }
    };
    let Some(db) = found else {
        findings.warn(
            "database",
            phrase!("chưa có cơ sở dữ liệu", "there is no database yet"),
            phrase!(
                "`loa audience import DANH_SACH.csv` hoặc `loa serve` sẽ tạo",
                "`loa audience import LIST.csv` or `loa serve` makes it"
            ),
        );
        return;
    };
    if let Err(error) = look_into(&db, config, globals, findings).await {
        findings.bad(
            "database",
            phrase!("không đọc được cơ sở dữ liệu: {error}", "the database cannot be read: {error}"),
            phrase!("phục hồi từ bản sao lưu nếu tệp bị hỏng", "if the file is damaged, restore your backup"),
        );
    }
    db.close().await;
}

async fn look_into(db: &Db, config: &Config, globals: &Globals, findings: &mut Findings) -> Result<()> {
    match db.schema().await? {
        Schema::Current => findings.well("database", phrase!("cơ sở dữ liệu đọc được", "the database can be read")),
        Schema::Missing | Schema::Behind(_) => {
            findings.warn(
                "database",
                phrase!("cơ sở dữ liệu chưa theo phiên bản này", "the database's schema is behind this version"),
                phrase!("sao lưu rồi chạy `loa migrate`", "make a backup, then run `loa migrate`"),
            );
            return Ok(());
        }
        Schema::Ahead => {
            findings.bad(
                "database",
                phrase!("cơ sở dữ liệu thuộc một phiên bản loa mới hơn", "the database belongs to a later version of loa"),
                phrase!("cài lại phiên bản mới", "install that version again"),
            );
            return Ok(());
        }
    }
    if let Some(journal) = db.journal().await?.filter(|journal| journal != "wal") {
        findings.warn(
            "journal",
            phrase!(
                "nhật ký SQLite là {journal}, không phải wal: đọc và ghi sẽ chờ nhau",
                "SQLite's journal is {journal}, not wal: readers and writers wait for each other"
            ),
            phrase!("chạy `loa serve` một lần: nó đặt lại", "run `loa serve` once: it sets it"),
        );
    }
    fitting_key(db, config, findings).await?;
    clock(db, globals, findings).await?;
    accounts_in_trouble(db, config, findings).await?;
    runs(db, findings).await?;
    unserved(db, config, findings).await?;
    blocked(db, findings).await?;
    requested(db, globals, findings).await?;
    relay::look(db, config, globals, findings).await?;
    bulletins::look(db, config, globals, findings).await?;
    console::people(db, findings).await?;
    console::notified(db, config, globals, findings).await?;
    waiting(db, globals, findings).await
}

async fn fitting_key(db: &Db, config: &Config, findings: &mut Findings) -> Result<()> {
    let Some(current) = &config.server.key else { return Ok(()) };
    match key::find(db, current, &config.server.previous_keys).await {
        Ok(Some(_)) => findings.well("key-fits", phrase!("khóa mở được cơ sở dữ liệu", "the key opens the database")),
        Ok(None) => {}
        Err(KeyError::Db(error)) => return Err(error),
        Err(KeyError::Foreign) => findings.bad(
            "key-fits",
            phrase!("khóa không phải của cơ sở dữ liệu này", "the key is not this database's"),
            phrase!(
                "đặt lại khóa cũ vào [server] key, hoặc thêm vào previous_keys",
                "give the key it was used with, as key or among previous_keys"
            ),
        ),
    }
    Ok(())
}

async fn clock(db: &Db, globals: &Globals, findings: &mut Findings) -> Result<()> {
    let (database_us, latest): (i64, i64) = on!(db.read, |pool, sql| sqlx::query_as(sql(&CLOCK)).fetch_one(pool).await)?;
    let now = globals.clock.millis();
    let set = phrase!("bật đồng bộ giờ (NTP): timedatectl set-ntp true", "switch on NTP: timedatectl set-ntp true");
    let most = millis(CLOCK_DIFFERENCE);
    if now < BEFORE_LOA || latest > now + most {
        let time = globals.clock.now().format("%Y-%m-%d %H:%M UTC");
        findings.bad("clock", phrase!("đồng hồ máy này chạy lùi: {time}", "this machine's clock is behind: {time}"), set);
    } else if (database_us / 1000 - now).abs() > most {
        let apart = (database_us / 1000 - now).abs() / 1000;
        findings.bad(
            "clock",
            phrase!("đồng hồ lệch máy chủ cơ sở dữ liệu {apart} giây", "the clock is {apart} s apart from the database's"),
            set,
        );
    } else {
        findings.well("clock", phrase!("đồng hồ đúng", "the clock is right"));
    }
    Ok(())
}

async fn accounts_in_trouble(db: &Db, config: &Config, findings: &mut Findings) -> Result<()> {
    let rows = standing::rows(db).await?;
    for account in &config.accounts {
        let Some(row) = rows.get(&account.name).filter(|row| row.paused.is_some() || row.needs_somebody()) else { continue };
        let (name, state) = (&account.name, standing::state(Some(row)));
        let mut says = phrase!("tài khoản {name}: ", "account {name}: ");
        says.vi.push_str(&state.vi);
        says.en.push_str(&state.en);
        if row.paused.is_none() {
            let mend = phrase!("làm như trên, trước khi tài khoản phải dừng", "do as it says before the account has to stop");
            findings.warn("account-trouble", says, mend);
            continue;
        }
        findings.bad(
            "account-paused",
            says,
            phrase!(
                "sửa nguyên nhân, thử bằng `loa accounts --test {name}`, rồi `loa accounts --resume {name}`",
                "mend the cause, try `loa accounts --test {name}`, then `loa accounts --resume {name}`"
            ),
        );
    }
    Ok(())
}

async fn runs(db: &Db, findings: &mut Findings) -> Result<()> {
    let runs = match run::command::list(db, None, RUNS).await {
        Ok(runs) => runs,
        Err(run::RunError::Db(error)) => return Err(error),
        // Listing asks nothing of any one run.
        Err(_) => return Ok(()),
    };
    for RunRow { id, campaign, held, paused, .. } in runs.iter().filter(|run| run.settled_at.is_none()) {
        if let Some(why) = held {
            findings.warn(
                "run-held",
                phrase!("đợt {id} ({campaign}) đang đứng: {why}", "run {id} ({campaign}) stands still: {why}"),
                phrase!("xử lý nguyên nhân rồi chạy `loa resume {id}`", "mend the cause, then `loa resume {id}`"),
            );
        } else if *paused {
            findings.warn(
                "run-paused",
                phrase!("đợt {id} ({campaign}) đang tạm dừng", "run {id} ({campaign}) is paused"),
                phrase!(
                    "gửi tiếp: `loa resume {id}`; dừng hẳn: `loa abort {id}`",
                    "`loa resume {id}` goes on, `loa abort {id}` ends it"
                ),
            );
        }
    }
    Ok(())
}

/// Runs with messages to where no account of loa.toml sends.
async fn unserved(db: &Db, config: &Config, findings: &mut Findings) -> Result<()> {
    // A description that cannot be read is told of elsewhere.
    let Ok(known) = account::gateways(config.gateways_dir.as_deref()) else { return Ok(()) };
    let served: BTreeSet<i16> = config.accounts.iter().filter_map(|one| account::routes(one, &known).ok()).flatten().collect();
    for (id, routes) in wait::unserved(db, &served).await? {
        let (vi, en) = (wait::names(&routes, Lang::Vi), wait::names(&routes, Lang::En));
        findings.bad(
            "run-unserved",
            phrase!(
                "đợt {id} có tin đến {vi} mà chưa có tài khoản nào gửi được",
                "run {id} has messages to {en}, where no account sends"
            ),
            wait::remedy(),
        );
    }
    Ok(())
}

/// Lists of those never to be written to whose import broke off: both editions bind until it is complete.
async fn blocked(db: &Db, findings: &mut Findings) -> Result<()> {
    for list in block::lists(db).await?.iter().filter(|list| list.finished_at.is_none()) {
        let name = &list.name;
        findings.warn(
            "block-list",
            phrase!("danh sách không được gửi `{name}` nhập dở dang", "the import of the list `{name}` broke off"),
            phrase!(
                "nhập lại: loa audience block TỆP --source {name}",
                "import it again: loa audience block FILE --source {name}"
            ),
        );
    }
    Ok(())
}

/// People's requests about their data: late ones break the law.
async fn requested(db: &Db, globals: &Globals, findings: &mut Findings) -> Result<()> {
    let Queue { open, overdue } = request::queue(db, globals.clock.millis()).await?;
    if overdue > 0 {
        findings.bad(
            "requests",
            phrase!(
                "{overdue} yêu cầu của người dân về dữ liệu đã quá hạn, trong {open} yêu cầu đang chờ",
                "{overdue} of {open} open requests about people's data are overdue"
            ),
            phrase!("xem và giải quyết: loa requests", "see and settle them: loa requests"),
        );
    } else if open > 0 {
        findings.well(
            "requests",
            phrase!(
                "{open} yêu cầu của người dân về dữ liệu đang chờ, chưa quá hạn",
                "{open} requests about people's data are waiting, none is overdue"
            ),
        );
    }
    Ok(())
}

async fn waiting(db: &Db, globals: &Globals, findings: &mut Findings) -> Result<()> {
    let now = globals.clock.millis();
    let (doubts, since): (i64, i64) =
        on!(db.read, |pool, sql| sqlx::query_as(sql(&DOUBTS)).bind(now - millis(OLD_DOUBT)).fetch_one(pool).await)?;
    if doubts > 0 {
        let hours = (now - since) / 3_600_000;
        findings.warn(
            "doubts",
            phrase!(
                "{doubts} lượt tin chưa rõ kết quả, lâu nhất {hours} giờ",
                "{doubts} deliveries in doubt, for up to {hours} h"
            ),
            phrase!("chạy `loa serve`: nó đối chiếu và kết luận", "run `loa serve`: it settles them"),
        );
    }
    let (receipts, since): (i64, i64) = on!(db.read, |pool, sql| sqlx::query_as(sql(&RECEIPTS)).fetch_one(pool).await)?;
    if receipts > 0 && since < now - millis(OLD_RECEIPT) {
        let hours = (now - since) / 3_600_000;
        findings.warn(
            "receipts",
            phrase!(
                "{receipts} báo phát chưa khớp với tin nào, lâu nhất {hours} giờ",
                "{receipts} receipts match nothing yet, for up to {hours} h"
            ),
            phrase!(
                "kiểm tra `loa serve` đang chạy, và địa chỉ báo phát thuộc đúng tài khoản (loa accounts --callback TÊN)",
                "check that `loa serve` runs, and that the gateway reports to the right account (loa accounts --callback NAME)"
            ),
        );
    }
    Ok(())
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
