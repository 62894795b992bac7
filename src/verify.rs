//! Verification: recounts every tally from the rows, and looks for rows that no transaction should ever have left.
//!
//! What leaves is a [`Verification`], read over one snapshot, so that it holds while Loa is sending. A difference or a
//! finding is a fault of the program or a hand in the database, never of the moment.

use serde::Serialize;

use crate::{
    db::{Db, Result, Sql},
    phrase, relay,
    report::{closing, kept},
    tally::{self, Difference, billed},
    within,
    words::Phrase,
};

/// A rule that every database must keep at any moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// What is being sent is owned by a process that has not ended.
    OwnersLive,
    /// What is not being sent is owned by nobody.
    OthersUnowned,
    /// A delivery's number says its run and its channel.
    KeysAgree,
    /// A delivery's run exists.
    RunsExist,
    /// Nobody beyond a run's cursor has a delivery yet.
    WithinCursor,
    /// A run that has left its fan-out has gone through its whole list.
    FannedOut,
    /// Nothing is left to do in a settled run.
    SettledIsDone,
    /// Whoever is just being sent something by an awareness run has a contact, which caps count.
    ContactsKept,
    /// Whoever has a contact has a delivery of that run.
    ContactsFounded,
    /// What was skipped has a reason.
    SkipsExplained,
    /// Parts and đồng are never below zero.
    CostsCounted,
    /// As many people have each of the list's own columns as were counted.
    ColumnsCounted,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 12] = [
        Self::OwnersLive,
        Self::OthersUnowned,
        Self::KeysAgree,
        Self::RunsExist,
        Self::WithinCursor,
        Self::FannedOut,
        Self::SettledIsDone,
        Self::ContactsKept,
        Self::ContactsFounded,
        Self::SkipsExplained,
        Self::CostsCounted,
        Self::ColumnsCounted,
    ];

    /// What a breach means to people.
    pub fn breach(self) -> Phrase {
        match self {
            Self::OwnersLive => {
                phrase!("lượt tin đang gửi thuộc về tiến trình đã kết thúc", "deliveries being sent by a process that has ended")
            }
            Self::OthersUnowned => {
                phrase!("lượt tin không còn đang gửi nhưng vẫn có tiến trình giữ", "deliveries owned without being sent")
            }
            Self::KeysAgree => {
                phrase!("lượt tin có số không khớp đợt gửi hoặc kênh", "deliveries whose number belies their run or channel")
            }
            Self::RunsExist => phrase!("lượt tin của đợt gửi không tồn tại", "deliveries of runs that do not exist"),
            Self::WithinCursor => {
                phrase!("đợt gửi có lượt tin vượt quá chỗ đã lập danh sách", "runs with deliveries beyond their cursor")
            }
            Self::FannedOut => phrase!("đợt gửi chưa lập hết danh sách", "runs that left a part of their list out"),
            Self::SettledIsDone => {
                phrase!("lượt tin còn dở trong đợt gửi đã xong", "deliveries still to be sent or cleared up in settled runs")
            }
            Self::ContactsKept => {
                phrase!(
                    "lượt tin đang gửi nhưng không tính vào giới hạn số tin",
                    "deliveries being sent without a contact that caps count"
                )
            }
            Self::ContactsFounded => {
                phrase!("lần liên hệ không có lượt tin nào", "contacts without any delivery")
            }
            Self::SkipsExplained => phrase!("lượt tin không gửi mà không rõ lý do", "deliveries skipped without a reason"),
            Self::ColumnsCounted => {
                phrase!("cột riêng của danh sách có số người không khớp", "columns of the list whose people were miscounted")
            }
            Self::CostsCounted => phrase!("lượt tin có số phần hoặc chi phí âm", "deliveries with parts or cost below zero"),
        }
    }

    const fn statement(self) -> &'static Sql {
        match self {
            Self::OwnersLive => &OWNERS_LIVE,
            Self::OthersUnowned => &OTHERS_UNOWNED,
            Self::KeysAgree => &KEYS_AGREE,
            Self::RunsExist => &RUNS_EXIST,
            Self::WithinCursor => &WITHIN_CURSOR,
            Self::FannedOut => &FANNED_OUT,
            Self::SettledIsDone => &SETTLED_IS_DONE,
            Self::ContactsKept => &CONTACTS_KEPT,
            Self::ContactsFounded => &CONTACTS_FOUNDED,
            Self::SkipsExplained => &SKIPS_EXPLAINED,
            Self::CostsCounted => &COSTS_COUNTED,
            Self::ColumnsCounted => &COLUMNS_COUNTED,
        }
    }
}

// Each: how many breach the rule, and one of them.
static OWNERS_LIVE: Sql = Sql::new(
    r"SELECT count(*), min(d.id) FROM delivery d
      WHERE d.state = 1 AND NOT EXISTS (SELECT 1 FROM epoch e WHERE e.id = d.owner AND NOT e.ended)",
);

static OTHERS_UNOWNED: Sql = Sql::new(r"SELECT count(*), min(id) FROM delivery WHERE state <> 1 AND owner <> 0");

static KEYS_AGREE: Sql = Sql::new(r"SELECT count(*), min(id) FROM delivery WHERE id >> 36 <> run OR id & 15 <> route >> 4");

static RUNS_EXIST: Sql = Sql::new(
    r"SELECT count(*), min(run) FROM (SELECT DISTINCT run FROM tally UNION SELECT DISTINCT run FROM delivery) AS named
      WHERE NOT EXISTS (SELECT 1 FROM run r WHERE r.id = named.run)",
);

static WITHIN_CURSOR: Sql = Sql::new(
    r"SELECT count(*), min(r.id) FROM run r WHERE EXISTS
      (SELECT 1 FROM delivery d WHERE d.id >= (r.id << 36) + ((r.fan_cursor + 1) << 4) AND d.id < (r.id + 1) << 36)",
);

static FANNED_OUT: Sql =
    Sql::new(r"SELECT count(*), min(id) FROM run WHERE fan_cursor > fan_top OR state IN (1, 2) AND fan_cursor < fan_top");

static SETTLED_IS_DONE: Sql = Sql::new(
    r"SELECT count(*), min(d.id) FROM run r
      JOIN delivery d ON d.run = r.id AND d.id >= r.id << 36 AND d.id < (r.id + 1) << 36
      WHERE r.settled_at IS NOT NULL AND d.state IN (0, 1, 2)",
);

static CONTACTS_KEPT: Sql = Sql::new(
    r"SELECT count(*), min(d.id) FROM run r
      JOIN delivery d ON d.run = r.id AND d.id >= r.id << 36 AND d.id < (r.id + 1) << 36
      WHERE r.kind = 0 AND r.origin <> 2 AND d.state IN (1, 2)
      AND NOT EXISTS (SELECT 1 FROM contact c WHERE c.recipient = (d.id >> 4) & 4294967295 AND c.run = d.run)",
);

static CONTACTS_FOUNDED: Sql = Sql::new(
    r"SELECT count(*), min(c.recipient) FROM contact c WHERE NOT EXISTS
      (SELECT 1 FROM delivery d WHERE d.id >= (c.run << 36) + (c.recipient << 4) AND d.id < (c.run << 36) + (c.recipient << 4) + 16)",
);

static SKIPS_EXPLAINED: Sql = Sql::new(r"SELECT count(*), min(id) FROM delivery WHERE state = 11 AND reason = 0");

static COSTS_COUNTED: Sql = Sql::new(r"SELECT count(*), min(id) FROM delivery WHERE parts < 0 OR price < 0");

static COLUMNS_COUNTED: Sql = Sql::new(
    r"SELECT count(*), max(coalesce(l.people, 0)) FROM
      (SELECT k.key AS name, count(*) AS people FROM recipient r CROSS JOIN :each(r.attributes) AS k WHERE r.state < 2 GROUP BY k.key) c
      FULL JOIN list_column l ON l.name = c.name WHERE coalesce(c.people, 0) <> coalesce(l.people, 0)",
);

static ROWS: Sql = Sql::new(r"SELECT (SELECT count(*) FROM delivery), (SELECT count(*) FROM run), (SELECT count(*) FROM tally)");

/// A rule that is broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which.
    pub rule: Rule,
    /// How often.
    pub count: i64,
    /// The number of one such delivery, run or recipient; of a column, how many people were counted.
    pub example: i64,
}

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// Deliveries that were counted.
    pub deliveries: i64,
    /// Their runs.
    pub runs: i64,
    /// Tallies that they were compared with.
    pub tallies: i64,
    /// Tallies that differ from their rows.
    pub differences: Vec<Difference>,
    /// Routes whose days, which invoices are held against, differ from their deliveries.
    pub billed: Vec<billed::Difference>,
    /// Rules that are broken.
    pub findings: Vec<Finding>,
    /// Kept figures that were compared: of runs, and of what people look at.
    pub kept: i64,
    /// Selections (JSON) whose kept figures are wrong.
    pub wrong_figures: Vec<String>,
    /// Closings of periods that were changed after they were signed, that are gone, or that nobody signed in the record.
    pub broken_closings: Vec<i64>,
    /// Relay orders, recounted from their reports.
    pub relay: relay::recount::Recount,
}

impl Verification {
    /// Whether nothing is wrong.
    pub const fn is_clean(&self) -> bool {
        self.differences.is_empty()
            && self.billed.is_empty()
            && self.findings.is_empty()
            && self.wrong_figures.is_empty()
            && self.broken_closings.is_empty()
            && self.relay.wrong.is_empty()
    }
}

/// Recounts and checks everything, over one snapshot.
pub async fn verify(db: &Db) -> Result<Verification> {
    db.snapshot(async |tx| {
        let (deliveries, runs, tallies): (i64, i64, i64) = within!(tx, |c, sql| sqlx::query_as(sql(&ROWS)).fetch_one(c).await)?;
        let differences = tally::differences_within(tx).await?;
        let billed = billed::differences(tx).await?;
        let mut findings = Vec::new();
        for rule in Rule::ALL {
            let (count, example): (i64, Option<i64>) =
                within!(tx, |c, sql| sqlx::query_as(sql(rule.statement())).fetch_one(c).await)?;
            if count > 0 {
                findings.push(Finding { rule, count, example: example.unwrap_or(0) });
            }
        }
        let (kept, wrong_figures) = kept::wrong(tx).await?;
        let broken_closings = closing::broken(tx).await?;
        let relay = relay::recount::recount(tx).await?;
        Ok(Verification { deliveries, runs, tallies, differences, billed, findings, kept, wrong_figures, broken_closings, relay })
    })
    .await
}
