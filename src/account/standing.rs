//! How accounts stand by their rows: whether they send, what ails them since when, what is used of their quotas; and their
//! settings as people read them. What enters is the database alone, so that whoever looks need not be the process that sends.

use std::collections::BTreeMap;

use super::trouble::{self, Cause, Trouble};
use crate::{
    config::{Price, Rate},
    db::{Db, Result, Sql},
    document::describe_duration,
    on, phrase,
    words::{Lang, Phrase, minute},
};

/// What the database knows of an account.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Row {
    /// Its number.
    pub id: i64,
    /// Its name in loa.toml.
    pub name: String,
    /// The local day that `used` counts.
    day: String,
    used: i64,
    /// Why a person must mend it; none: it is not paused.
    pub paused: Option<String>,
    /// Since when, unix milliseconds.
    pub paused_at: Option<i64>,
    /// Thousandths of its rate.
    pub pace: i64,
    /// Đồng, as its gateway last said.
    pub balance: Option<i64>,
    /// When it said so, unix milliseconds.
    pub balance_at: Option<i64>,
    /// What ails it now.
    #[sqlx(skip)]
    pub troubles: Vec<Trouble>,
}

impl Row {
    /// Of a day's quota.
    pub fn used_on(&self, day: &str) -> i64 {
        if self.day == day { self.used } else { 0 }
    }

    /// Whether it still sends, but will stop unless a person does something about its token or its money.
    pub fn needs_somebody(&self) -> bool {
        let urgent = |trouble: &Trouble| matches!(trouble.cause(), Cause::Token | Cause::Funds | Cause::LowBalance);
        self.paused.is_none() && self.troubles.iter().any(urgent)
    }

    /// Whether anything but its day's quota keeps it from sending.
    pub fn is_able(&self) -> bool {
        let unable =
            |trouble: &Trouble| matches!(trouble.cause(), Cause::Stopped | Cause::Failing | Cause::GatewayQuota | Cause::Funds);
        self.paused.is_none() && !self.troubles.iter().any(unable)
    }
}

static ROWS: Sql = Sql::new(
    r"SELECT id, name, day, used, paused, paused_at, CAST(pace AS BIGINT) AS pace, balance, balance_at FROM account ORDER BY id",
);

/// The accounts' rows by name: those that ever sent.
pub async fn rows(db: &Db) -> Result<BTreeMap<String, Row>> {
    let mut rows: Vec<Row> = on!(db.read, |pool, sql| sqlx::query_as(sql(&ROWS)).fetch_all(pool).await)?;
    for trouble in trouble::present(db).await? {
        if let Some(row) = rows.iter_mut().find(|row| row.id == trouble.account) {
            row.troubles.push(trouble);
        }
    }
    Ok(rows.into_iter().map(|row| (row.name.clone(), row)).collect())
}

/// How an account stands, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It sends.
    Well,
    /// It sends, but something ails it.
    Ailing,
    /// It sends nothing until it is better by itself.
    Resting,
    /// A person must mend it.
    Paused,
}

impl Standing {
    /// How an account with this row stands; none: it never sent.
    pub fn of(row: Option<&Row>) -> Self {
        match row {
            Some(row) if row.paused.is_some() => Self::Paused,
            Some(row) if !row.is_able() => Self::Resting,
            Some(row) if !row.troubles.is_empty() => Self::Ailing,
            _ => Self::Well,
        }
    }

    /// The name in the API and in style sheets.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Well => "well",
            Self::Ailing => "ailing",
            Self::Resting => "resting",
            Self::Paused => "paused",
        }
    }

    /// What people call it.
    pub fn phrase(self) -> Phrase {
        match self {
            Self::Well => phrase!("hoạt động", "works"),
            Self::Ailing => phrase!("cần để ý", "needs a look"),
            Self::Resting => phrase!("tạm nghỉ", "rests"),
            Self::Paused => phrase!("đã dừng", "paused"),
        }
    }
}

/// Whether an account may send, or what ails it since when.
pub fn state(row: Option<&Row>) -> Phrase {
    let Some(row) = row else { return phrase!("hoạt động", "works") };
    // An account that was paused before troubles were kept has no row among them.
    let paused = row.paused.as_deref().filter(|_| !row.troubles.iter().any(|t| t.cause() == Cause::Stopped)).map(|why| match row
        .paused_at
        .map(minute)
    {
        Some(at) => phrase!("đã dừng từ {at}: {why}", "paused since {at}: {why}"),
        None => phrase!("đã dừng: {why}", "paused: {why}"),
    });
    let told = row.troubles.iter().map(|trouble| trouble.told(row.pace));
    let all: Vec<Phrase> = paused.into_iter().chain(told).collect();
    if all.is_empty() {
        return phrase!("hoạt động", "works");
    }
    let join = |pick: fn(&Phrase) -> &str| all.iter().map(pick).collect::<Vec<_>>().join("; ");
    Phrase { vi: join(|phrase| &phrase.vi), en: join(|phrase| &phrase.en) }
}

/// A rate as loa.toml has it.
pub fn rate(rate: Rate) -> String {
    let per = match rate.per.as_secs() {
        1 => "s".to_string(),
        60 => "m".to_string(),
        3600 => "h".to_string(),
        _ => describe_duration(rate.per),
    };
    format!("{}/{per}", rate.count)
}

/// A price a part, by carrier.
pub fn price(price: &Price, lang: Lang) -> String {
    let own = price.by_carrier.iter().map(|(carrier, price)| format!("{carrier} {price}"));
    let rest = if price.by_carrier.is_empty() {
        price.default.to_string()
    } else {
        format!("{} {}", lang.pick("khác", "other"), price.default)
    };
    own.chain([rest]).collect::<Vec<_>>().join(", ")
}
