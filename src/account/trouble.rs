//! Troubles: what ails an account, from when to when. The open ones say how it stands, the closed ones are its history.
//!
//! A trouble of a cause stands once for an account (the unique key decides), so whichever node notices first writes it, and the
//! others find it there. What leaves besides the row: a line in the log.

use std::fmt::Write as _;

use crate::{
    db::{Db, Result, Sql, Tx, affected},
    on, phrase, within,
    words::{Phrase, minute},
};

/// How long closed troubles are kept.
const KEPT: i64 = 90 * 24 * 3_600_000;

/// What ails an account. The numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i16)]
pub enum Cause {
    /// A person must mend it.
    Stopped = 1,
    /// It failed repeatedly: a probe tells when it works again.
    Failing = 2,
    /// Its day's quota by loa.toml is used up.
    Quota = 3,
    /// The gateway says that its quota is used up.
    GatewayQuota = 4,
    /// Its money is used up.
    Funds = 5,
    /// Its receipts come late.
    Slow = 6,
    /// It was faster than its gateway takes messages.
    Throttled = 7,
    /// Its money is running out: a warning, nothing moves.
    LowBalance = 8,
    /// Its token cannot be renewed: a person must consent again before it ends. A warning, until then.
    Token = 9,
}

impl Cause {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 9] = [
        Self::Stopped,
        Self::Failing,
        Self::Quota,
        Self::GatewayQuota,
        Self::Funds,
        Self::Slow,
        Self::Throttled,
        Self::LowBalance,
        Self::Token,
    ];

    /// The name in exports and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Failing => "failing",
            Self::Quota => "quota",
            Self::GatewayQuota => "gateway_quota",
            Self::Funds => "funds",
            Self::Slow => "slow",
            Self::Throttled => "throttled",
            Self::LowBalance => "low_balance",
            Self::Token => "token",
        }
    }

    /// What people call it.
    pub fn phrase(self) -> Phrase {
        match self {
            Self::Stopped => phrase!("đã dừng, chờ người xử lý", "paused, waits for a person"),
            Self::Failing => phrase!("lỗi liên tiếp, đang thử lại", "fails repeatedly, tries again"),
            Self::Quota => phrase!("hết hạn mức ngày", "its day's quota is used up"),
            Self::GatewayQuota => phrase!("cổng báo hết hạn mức", "the gateway says its quota is used up"),
            Self::Funds => phrase!("hết tiền", "out of money"),
            Self::Slow => phrase!("báo phát chậm, tin mới đi đường khác", "receipts come late, new messages go elsewhere"),
            Self::Throttled => phrase!("cổng đòi gửi chậm lại", "its gateway asked it to slow down"),
            Self::LowBalance => phrase!("sắp hết tiền", "money is running out"),
            Self::Token => phrase!(
                "không gia hạn được token: cần người cấp quyền lại, rồi nhập bằng `loa accounts --token TÊN`",
                "its token cannot be renewed: a person must consent again, then enter it with `loa accounts --token NAME`"
            ),
        }
    }

    /// The cause with this number.
    pub fn from_number(number: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| *cause as i16 == number)
    }

    /// Whether messages go elsewhere meanwhile, where they can.
    pub const fn moves(self) -> bool {
        !matches!(self, Self::Throttled | Self::LowBalance | Self::Token)
    }
}

/// A trouble as it is kept. Times are unix milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Trouble {
    /// The account's id.
    pub account: i64,
    /// See [`Cause`].
    pub cause: i16,
    /// Since when.
    pub began_at: i64,
    /// Why, in the gateway's words or in figures.
    pub why: String,
    /// The accounts that messages went to instead, at that moment; empty: nobody, or no need.
    pub takers: String,
    /// Until when; none: still.
    pub ended_at: Option<i64>,
    /// Why it ended.
    pub how: String,
}

impl Trouble {
    /// What it is.
    pub fn cause(&self) -> Cause {
        Cause::from_number(self.cause).unwrap_or(Cause::Failing)
    }

    /// What ails an account now, since when and why; `pace`: thousandths of its rate. (Writing into a String cannot fail.)
    pub fn told(&self, pace: i64) -> Phrase {
        let (what, since) = (self.cause().phrase(), minute(self.began_at));
        let mut told = Phrase { vi: format!("{} từ {since}", what.vi), en: format!("{} since {since}", what.en) };
        if self.cause() == Cause::Throttled {
            let percent = pace / 10;
            let _ = write!(told.vi, ", đang ở {percent} % tốc độ");
            let _ = write!(told.en, ", at {percent} % of its rate");
        }
        if !self.takers.is_empty() {
            let _ = write!(told.vi, ", thay bằng {}", self.takers);
            let _ = write!(told.en, ", {} instead", self.takers);
        }
        if !self.why.is_empty() {
            for text in [&mut told.vi, &mut told.en] {
                let _ = write!(text, ": {}", self.why);
            }
        }
        told
    }
}

static BEGIN: Sql = Sql::new(
    r"INSERT INTO trouble (account, cause, began_at, why, takers, ended_at, how) VALUES ($1, $2, $3, $4, $5, NULL, '')
      ON CONFLICT (account, cause) WHERE ended_at IS NULL DO NOTHING",
);

static END: Sql = Sql::new(r"UPDATE trouble SET ended_at = $3, how = $4 WHERE account = $1 AND cause = $2 AND ended_at IS NULL");

static PRESENT: Sql = Sql::new(
    r"SELECT account, cause, began_at, why, takers, ended_at, how FROM trouble WHERE ended_at IS NULL ORDER BY account, cause",
);

static HISTORY: Sql = Sql::new(
    r"SELECT account, cause, began_at, why, takers, ended_at, how FROM trouble WHERE account = $1 OR $1 = 0 ORDER BY id DESC LIMIT $2",
);

static PRUNE: Sql = Sql::new(r"DELETE FROM trouble WHERE ended_at < $1");

/// A trouble begins, within a transaction of the caller's. True: it was not there.
pub async fn begin(tx: &mut Tx, account: i64, cause: Cause, why: &str, takers: &str, now: i64) -> Result<bool> {
    let begun = within!(tx, |c, sql| sqlx::query(sql(&BEGIN))
        .bind(account)
        .bind(cause as i16)
        .bind(now)
        .bind(why)
        .bind(takers)
        .execute(c)
        .await
        .map(affected))?;
    Ok(begun > 0)
}

/// A trouble ends, within a transaction of the caller's. True: it was there.
pub async fn end(tx: &mut Tx, account: i64, cause: Cause, how: &str, now: i64) -> Result<bool> {
    let ended = within!(tx, |c, sql| sqlx::query(sql(&END))
        .bind(account)
        .bind(cause as i16)
        .bind(now)
        .bind(how)
        .execute(c)
        .await
        .map(affected))?;
    Ok(ended > 0)
}

/// What ails all accounts now.
pub async fn present(db: &Db) -> Result<Vec<Trouble>> {
    on!(db.read, |pool, sql| sqlx::query_as(sql(&PRESENT)).fetch_all(pool).await)
}

/// The same within a transaction.
pub(super) async fn present_within(tx: &mut Tx) -> Result<Vec<Trouble>> {
    within!(tx, |c, sql| sqlx::query_as(sql(&PRESENT)).fetch_all(c).await)
}

/// What ailed an account (0: any), the latest first.
pub async fn history(db: &Db, account: i64, most: i64) -> Result<Vec<Trouble>> {
    on!(db.read, |pool, sql| sqlx::query_as(sql(&HISTORY)).bind(account).bind(most).fetch_all(pool).await)
}

/// Forgets what ended long ago.
pub(super) async fn prune(db: &Db, now: i64) -> Result<()> {
    on!(db.write, |pool, sql| sqlx::query(sql(&PRUNE)).bind(now - KEPT).execute(pool).await.map(affected))?;
    Ok(())
}
