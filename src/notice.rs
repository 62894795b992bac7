//! Notices: what somebody should know of or do something about, in the console and by mail.
//!
//! What enters is how things stand ([`find`]); what leaves is one row a cause, which begins when the cause is first seen and ends by itself when
//! it is seen no more ([`reconcile`]), however many nodes look: the unique key of what stands decides. Each user marks it as read
//! for themselves, and sees what their rights and departments let them see. Mails tell of what is new ([`mail`]).
//!
//! A notice names campaigns, accounts and numbers, never a person. What can go wrong is only the database.

mod courier;
pub mod find;
pub mod mail;
pub mod remind;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    db::{Db, Result, Sql, affected},
    on, transaction,
    user::Right,
    within,
    words::{Lang, Phrase},
};

/// How long notices that are over are kept (milliseconds).
const KEPT: i64 = 90 * 24 * 3_600_000;
/// Notices that one list shows.
const SHOWN: usize = 300;
/// Notices that are looked through for those of one reader: more than ninety days leave.
const LOOKED_AT: i64 = 20_000;

/// What a notice is about. The numbers are stored; the names stand in `[notify] mute`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i16)]
pub enum Kind {
    /// A campaign waits for somebody to approve it.
    ApprovalWaiting = 1,
    /// A campaign came back to its writer with a comment.
    ApprovalReturned = 2,
    /// An account waits for a person, or has failed for a while.
    AccountPaused = 3,
    /// An account's daily quota is used up, or nearly.
    QuotaLow = 4,
    /// An account's money is used up, or nearly.
    BalanceLow = 5,
    /// A registered wording lapses soon.
    TemplateLapses = 6,
    /// A gateway's token lapses soon, or cannot be renewed.
    TokenLapses = 7,
    /// The database's disk fills.
    DiskFilling = 8,
    /// A run stands still by itself.
    RunHeld = 9,
    /// A run should be done by now.
    RunOverdue = 10,
    /// Many of a run's messages did not arrive.
    RunFailed = 11,
    /// Messages have been in doubt for long.
    DoubtsUnresolved = 12,
    /// A person's request about their data is due.
    RequestDue = 13,
    /// What was approved in an emergency is to be reviewed.
    EmergencyReview = 14,
    /// A period is over and its figures are not closed.
    PeriodToClose = 15,
    /// An uploaded list was gone through.
    ListChecked = 16,
    /// A run has messages to where no account sends.
    RunUnserved = 17,
    /// Outlets owe reports of a run's orders.
    OrderOverdue = 18,
    /// Orders cannot be pushed to an outlet.
    OrderUnpushed = 19,
    /// Outlets refused orders of a run.
    OrderRefused = 20,
    /// An Update of an order waits for somebody to approve it.
    OrderApproval = 21,
    /// Orders of a run are to be handed over by a person.
    OrderToHand = 22,
    /// A draft that was made of a bulletin waits for somebody to finish it.
    BulletinWaiting = 23,
    /// A source changed, updated or cancelled what was made a warning.
    BulletinChanged = 24,
    /// A source of bulletins cannot be read.
    BulletinSource = 25,
    /// A department's order cannot be carried out or reported, or its Loa does not answer.
    UpstreamTrouble = 26,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 26] = [
        Self::ApprovalWaiting,
        Self::ApprovalReturned,
        Self::AccountPaused,
        Self::QuotaLow,
        Self::BalanceLow,
        Self::TemplateLapses,
        Self::TokenLapses,
        Self::DiskFilling,
        Self::RunHeld,
        Self::RunOverdue,
        Self::RunFailed,
        Self::DoubtsUnresolved,
        Self::RequestDue,
        Self::EmergencyReview,
        Self::PeriodToClose,
        Self::ListChecked,
        Self::RunUnserved,
        Self::OrderOverdue,
        Self::OrderUnpushed,
        Self::OrderRefused,
        Self::OrderApproval,
        Self::OrderToHand,
        Self::BulletinWaiting,
        Self::BulletinChanged,
        Self::BulletinSource,
        Self::UpstreamTrouble,
    ];

    /// The kind with this stored number.
    pub fn from_number(number: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as i16 == number)
    }

    /// The name in settings, the API and style sheets.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ApprovalWaiting => "approval-waiting",
            Self::ApprovalReturned => "approval-returned",
            Self::AccountPaused => "account-paused",
            Self::QuotaLow => "quota-low",
            Self::BalanceLow => "balance-low",
            Self::TemplateLapses => "template-lapses",
            Self::TokenLapses => "token-lapses",
            Self::DiskFilling => "disk-filling",
            Self::RunHeld => "run-held",
            Self::RunOverdue => "run-overdue",
            Self::RunFailed => "run-failed",
            Self::DoubtsUnresolved => "doubts-unresolved",
            Self::RequestDue => "request-due",
            Self::EmergencyReview => "emergency-review",
            Self::PeriodToClose => "period-to-close",
            Self::ListChecked => "list-checked",
            Self::RunUnserved => "run-unserved",
            Self::OrderOverdue => "order-overdue",
            Self::OrderUnpushed => "order-unpushed",
            Self::OrderRefused => "order-refused",
            Self::OrderApproval => "order-approval",
            Self::OrderToHand => "order-to-hand",
            Self::BulletinWaiting => "bulletin-waiting",
            Self::BulletinChanged => "bulletin-changed",
            Self::BulletinSource => "bulletin-source",
            Self::UpstreamTrouble => "upstream-trouble",
        }
    }

    /// Whoever has this right sees it.
    pub const fn right(self) -> Right {
        match self {
            Self::ApprovalWaiting | Self::EmergencyReview | Self::OrderApproval => Right::Approve,
            Self::ApprovalReturned
            | Self::RunHeld
            | Self::RunUnserved
            | Self::RunOverdue
            | Self::RunFailed
            | Self::DoubtsUnresolved => Right::ReadCampaigns,
            Self::AccountPaused
            | Self::QuotaLow
            | Self::BalanceLow
            | Self::TemplateLapses
            | Self::TokenLapses
            | Self::DiskFilling => Right::ReadAccounts,
            Self::RequestDue => Right::ReadPerson,
            Self::PeriodToClose => Right::ClosePeriods,
            Self::ListChecked => Right::WriteAudience,
            Self::OrderOverdue | Self::OrderUnpushed | Self::OrderRefused | Self::OrderToHand => Right::WriteOrders,
            Self::BulletinWaiting | Self::BulletinChanged | Self::BulletinSource | Self::UpstreamTrouble => Right::WriteCampaigns,
        }
    }
}

/// A cause that was seen to stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The cause: the same one has the same key whenever it is looked for.
    pub key: String,
    /// What it is about.
    pub kind: Kind,
    /// What to tell people.
    pub says: Phrase,
    /// Where in the console it is dealt with.
    pub page: String,
    /// The department that it is for; empty: any.
    pub owner: String,
    /// The one user whom it is for; none: whoever has the right.
    pub for_user: Option<i64>,
    /// It cannot wait for the next mail.
    pub urgent: bool,
}

/// A notice as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Notice {
    /// Its number.
    pub id: i64,
    /// See [`Kind`].
    pub kind: i16,
    /// What it says, in Vietnamese.
    pub vi: String,
    /// And in English.
    pub en: String,
    /// Where it is dealt with.
    pub page: String,
    /// The department that it is for; empty: any.
    pub owner: String,
    /// The one user whom it is for.
    pub for_user: Option<i64>,
    /// Whether it cannot wait.
    pub urgent: bool,
    /// Since when, unix milliseconds.
    pub began_at: i64,
    /// Until when; none: the cause stands.
    pub ended_at: Option<i64>,
    /// Whether the user who asks has read it.
    pub is_read: bool,
}

impl Notice {
    /// What it is about; none: a later version of Loa wrote it.
    pub fn kind(&self) -> Option<Kind> {
        Kind::from_number(self.kind)
    }

    /// What it says.
    pub fn text(&self, lang: Lang) -> &str {
        lang.pick(&self.vi, &self.en)
    }
}

/// Who asks for notices: what decides which are theirs.
pub struct Reader<'a> {
    /// The user.
    pub user: i64,
    /// Whether they have a right.
    pub may: &'a (dyn Fn(Right) -> bool + Sync),
    /// Whether they see a department.
    pub sees: &'a (dyn Fn(&str) -> bool + Sync),
}

impl Reader<'_> {
    fn is_theirs(&self, kind: i16, owner: &str, for_user: Option<i64>) -> bool {
        let Some(kind) = Kind::from_number(kind) else { return false };
        match for_user {
            Some(user) => user == self.user,
            None => (self.may)(kind.right()) && (owner.is_empty() || (self.sees)(owner)),
        }
    }
}

#[derive(sqlx::FromRow)]
struct Standing {
    id: i64,
    key: String,
    vi: String,
    en: String,
    urgent: bool,
}

static STANDING: Sql = Sql::new(r"SELECT id, key, vi, en, urgent FROM notice WHERE ended_at IS NULL ORDER BY id");

// What comes back soon after it ended is the same cause still: no second mail tells of it.
static BEGIN: Sql = Sql::new(
    r"INSERT INTO notice (key, kind, vi, en, page, owner, for_user, urgent, began_at, digest)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, (SELECT max(n.digest) FROM notice n WHERE n.key = $1 AND n.ended_at > $10))
      ON CONFLICT (key) WHERE ended_at IS NULL DO NOTHING",
);

static END: Sql = Sql::new(r"UPDATE notice SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL");

static REWORD: Sql = Sql::new(r"UPDATE notice SET vi = $2, en = $3, urgent = $4 WHERE id = $1");

static FORGET: Sql = Sql::new(r"DELETE FROM notice WHERE ended_at < $1");

static FORGET_READ: Sql = Sql::new(r"DELETE FROM notice_read WHERE notice NOT IN (SELECT id FROM notice)");

/// For so long after it ended a cause that comes back is told of in no further mail (milliseconds).
const SOON: i64 = 30 * 60_000;

/// What a look at all causes changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Changed {
    /// Notices that began.
    pub begun: u64,
    /// Notices that ended.
    pub ended: u64,
}

/// Begins a notice for each cause that stands and has none, and ends those whose cause is gone.
pub async fn reconcile(db: &Db, found: &[Found], now: i64) -> Result<Changed> {
    let standing: Vec<Standing> = on!(db.read, |pool, sql| sqlx::query_as(sql(&STANDING)).fetch_all(pool).await)?;
    let known: BTreeMap<&str, &Standing> = standing.iter().map(|one| (one.key.as_str(), one)).collect();
    let wanted: BTreeMap<&str, &Found> = found.iter().map(|one| (one.key.as_str(), one)).collect();
    let begins: Vec<&Found> = wanted.values().filter(|one| !known.contains_key(one.key.as_str())).copied().collect();
    let ends: Vec<i64> = standing.iter().filter(|one| !wanted.contains_key(one.key.as_str())).map(|one| one.id).collect();
    let reworded: Vec<(i64, &Found)> = standing
        .iter()
        .filter_map(|one| Some((one, *wanted.get(one.key.as_str())?)))
        .filter(|(one, found)| (&one.vi, &one.en, one.urgent) != (&found.says.vi, &found.says.en, found.urgent))
        .map(|(one, found)| (one.id, found))
        .collect();
    if begins.is_empty() && ends.is_empty() && reworded.is_empty() {
        return Ok(Changed::default());
    }
    transaction!(db, |tx| {
        let mut changed = Changed::default();
        for one in &begins {
            changed.begun += within!(tx, |c, sql| {
                sqlx::query(sql(&BEGIN))
                    .bind(&one.key)
                    .bind(one.kind as i16)
                    .bind(&one.says.vi)
                    .bind(&one.says.en)
                    .bind(&one.page)
                    .bind(&one.owner)
                    .bind(one.for_user)
                    .bind(one.urgent)
                    .bind(now)
                    .bind(now - SOON)
                    .execute(c)
                    .await
                    .map(affected)
            })?;
        }
        for id in &ends {
            changed.ended += within!(tx, |c, sql| sqlx::query(sql(&END)).bind(id).bind(now).execute(c).await.map(affected))?;
        }
        for (id, found) in &reworded {
            within!(tx, |c, sql| {
                let query = sqlx::query(sql(&REWORD)).bind(id).bind(&found.says.vi).bind(&found.says.en).bind(found.urgent);
                query.execute(c).await.map(affected)
            })?;
        }
        if changed.ended > 0 {
            within!(tx, |c, sql| sqlx::query(sql(&FORGET)).bind(now - KEPT).execute(c).await.map(affected))?;
            within!(tx, |c, sql| sqlx::query(sql(&FORGET_READ)).execute(c).await.map(affected))?;
        }
        Ok(changed)
    })
}

static LIST: Sql = Sql::new(
    r"SELECT n.id, n.kind, n.vi, n.en, n.page, n.owner, n.for_user, n.urgent, n.began_at, n.ended_at,
             EXISTS (SELECT 1 FROM notice_read r WHERE r.notice = n.id AND r.user_id = $1) AS is_read
      FROM notice n WHERE (n.ended_at IS NULL) <> $2 ORDER BY n.urgent DESC, n.id DESC LIMIT $3",
);

/// The notices that stand and are for somebody, the urgent ones first, then the latest; with `over`, those that are over.
pub async fn list(db: &Db, reader: &Reader<'_>, over: bool) -> Result<Vec<Notice>> {
    let all: Vec<Notice> = on!(db.read, |pool, sql| {
        sqlx::query_as(sql(&LIST)).bind(reader.user).bind(over).bind(LOOKED_AT).fetch_all(pool).await
    })?;
    Ok(all.into_iter().filter(|one| reader.is_theirs(one.kind, &one.owner, one.for_user)).take(SHOWN).collect())
}

static UNREAD: Sql = Sql::new(
    r"SELECT kind, owner, for_user, urgent FROM notice n WHERE ended_at IS NULL
      AND NOT EXISTS (SELECT 1 FROM notice_read r WHERE r.notice = n.id AND r.user_id = $1)",
);

/// How many notices somebody has not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Unread {
    /// All of them.
    pub all: usize,
    /// Of these, urgent.
    pub urgent: usize,
}

/// How many stand and are not read: what the header of every page shows.
pub async fn unread(db: &Db, reader: &Reader<'_>) -> Result<Unread> {
    let rows: Vec<(i16, String, Option<i64>, bool)> =
        on!(db.read, |pool, sql| sqlx::query_as(sql(&UNREAD)).bind(reader.user).fetch_all(pool).await)?;
    let theirs = rows.iter().filter(|(kind, owner, for_user, _)| reader.is_theirs(*kind, owner, *for_user));
    Ok(theirs.fold(Unread::default(), |unread, (.., urgent)| Unread {
        all: unread.all + 1,
        urgent: unread.urgent + usize::from(*urgent),
    }))
}

static MARK: Sql = Sql::new(
    r"INSERT INTO notice_read (user_id, notice, at) SELECT CAST($1 AS BIGINT), n.id, CAST($3 AS BIGINT) FROM notice n
      JOIN :rows($2; id BIGINT) AS l ON l.id = n.id WHERE true ON CONFLICT (user_id, notice) DO NOTHING",
);

/// Marks notices as read by a user; of those, the ones that are for them.
pub async fn mark(db: &Db, reader: &Reader<'_>, notices: &[i64], now: i64) -> Result<u64> {
    #[derive(Serialize)]
    struct One {
        id: i64,
    }
    let theirs = list(db, reader, false).await?;
    let wanted: Vec<One> = theirs.iter().map(|one| one.id).filter(|id| notices.contains(id)).map(|id| One { id }).collect();
    let list = crate::db::list(&wanted);
    on!(db.write, |pool, sql| sqlx::query(sql(&MARK)).bind(reader.user).bind(&list).bind(now).execute(pool).await.map(affected))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::NOTICES;

    #[test]
    fn settings_know_every_kind() {
        let mut names = Kind::ALL.map(Kind::name);
        let mut known = NOTICES;
        names.sort_unstable();
        known.sort_unstable();
        assert_eq!(names, known);
        assert!(Kind::ALL.into_iter().all(|kind| Kind::from_number(kind as i16) == Some(kind)));
    }
}
