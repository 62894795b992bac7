//! Reconciliation (*đối soát*): a carrier's invoice held against what each account was given to send, by carrier and day.
//!
//! What enters: an invoice's file ([`invoice`]) and [`crate::tally::billed`]. What leaves: lines with both sides and their
//! difference, and what people agreed or disputed. Loa's own side is never changed by an invoice. What can go wrong: a file
//! that was imported before, a line that there is not, the database.

mod import;
pub mod invoice;
mod reported;
mod verdict;

use std::collections::{BTreeMap, BTreeSet};

use providers::Channel;
use serde::Serialize;

use crate::{
    audience::{address::ChatService, formula::guarded, phone::Carrier},
    db::{Db, DbError, Result, Sql},
    on, phrase,
    tally::billed,
    words::Phrase,
};
pub use import::{New, import};
pub use reported::{Reported, reported};
pub use verdict::{Word, say, say_of_line};

/// What people say of an invoice, or of one of its lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nobody said anything yet.
    Open,
    /// It is right.
    Agreed,
    /// It is not, and the comment says why.
    Disputed,
}

impl Verdict {
    /// Every verdict.
    pub const ALL: [Self; 3] = [Self::Open, Self::Agreed, Self::Disputed];

    const fn from_number(number: i16) -> Self {
        match number {
            1 => Self::Agreed,
            2 => Self::Disputed,
            _ => Self::Open,
        }
    }

    /// The name in files and forms.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Agreed => "agreed",
            Self::Disputed => "disputed",
        }
    }

    /// The verdict of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.name() == name)
    }

    /// What people read.
    pub fn label(self) -> Phrase {
        match self {
            Self::Open => phrase!("Chưa kết luận", "Open"),
            Self::Agreed => phrase!("Đã thống nhất", "Agreed"),
            Self::Disputed => phrase!("Không thống nhất", "Disputed"),
        }
    }
}

/// What a line is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Key {
    /// The account's name.
    pub account: String,
    /// The carrier's name in files; empty: all that the account serves.
    pub carrier: String,
    /// The local day, ISO 8601.
    pub day: String,
}

/// Parts and đồng.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Amount {
    /// Parts.
    pub parts: i64,
    /// Đồng.
    pub cost: i64,
}

impl std::ops::AddAssign for Amount {
    fn add_assign(&mut self, other: Self) {
        self.parts += other.parts;
        self.cost += other.cost;
    }
}

impl Amount {
    /// This less that.
    #[must_use]
    pub const fn less(self, other: Self) -> Self {
        Self { parts: self.parts - other.parts, cost: self.cost - other.cost }
    }

    /// Whether it is as good as `other`: each number within so many per mille of the larger.
    fn is_near(self, other: Self, per_mille: i64) -> bool {
        let near = |a: i64, b: i64| i128::from((a - b).abs()) * 1_000 <= i128::from(per_mille) * i128::from(a.abs().max(b.abs()));
        near(self.parts, other.parts) && near(self.cost, other.cost)
    }
}

/// Both sides of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// What it is about.
    #[serde(flatten)]
    pub key: Key,
    /// What the carrier bills.
    pub invoiced: Amount,
    /// What Loa gave it to send.
    pub counted: Amount,
    /// Whether the two are within the tolerance.
    pub near: bool,
    /// What people said.
    pub verdict: Verdict,
    /// Why.
    pub comment: String,
}

/// An invoice, without its lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Invoice {
    /// Its number here.
    pub id: i64,
    /// Its name: the file's, unless said.
    pub name: String,
    /// Its first day.
    pub from: String,
    /// Its last day.
    pub through: String,
    /// The accounts that it bills.
    pub accounts: Vec<String>,
    /// Per mille by which the sides may differ.
    pub tolerance: i64,
    /// What people said of it as a whole.
    pub verdict: Verdict,
    /// Why.
    pub comment: String,
    /// When it was imported, unix milliseconds.
    pub imported_at: i64,
    /// By whom.
    pub by: String,
    /// Who said so.
    pub decided_by: Option<String>,
}

/// An invoice and its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reconciled {
    /// The invoice.
    pub invoice: Invoice,
    /// Both sides, by account, carrier and day.
    pub lines: Vec<Line>,
}

impl Reconciled {
    /// All lines together: the carrier's side, and Loa's.
    pub fn total(&self) -> (Amount, Amount) {
        let (mut invoiced, mut counted) = (Amount::default(), Amount::default());
        for line in &self.lines {
            invoiced += line.invoiced;
            counted += line.counted;
        }
        (invoiced, counted)
    }

    /// Lines that differ by more than the tolerance and that nobody agreed to.
    pub fn differing(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|line| !line.near && line.verdict != Verdict::Agreed)
    }
}

/// Why an invoice was not taken, or a word on it not written.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The same file is there already, under this number.
    #[error("imported before as {0}")]
    Before(i64),
    /// It bills an account that there never was.
    #[error("no account {0}")]
    NoAccount(String),
    /// There is no such invoice or line.
    #[error("no such invoice")]
    Missing,
    /// A dispute needs a reason.
    #[error("no comment")]
    NoComment,
    /// An invoice cannot be agreed while lines of it are disputed.
    #[error("disputed lines")]
    StillDisputed,
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl ReconcileError {
    /// What people read.
    pub fn words(&self) -> Phrase {
        match self {
            Self::Before(id) => {
                phrase!("tệp này đã được nhập, là bảng đối soát số {id}", "this file was imported before, as reconciliation {id}")
            }
            Self::NoAccount(name) => phrase!("không có tài khoản gửi `{name}`", "there is no account `{name}`"),
            Self::Missing => phrase!("không có bảng đối soát này", "there is no such reconciliation"),
            Self::NoComment => phrase!("hãy ghi rõ vì sao không thống nhất", "say why it is disputed"),
            Self::StillDisputed => {
                phrase!("còn dòng không thống nhất: xử lý các dòng đó trước", "some lines are disputed: settle those first")
            }
            Self::Db(_) => {
                phrase!("cơ sở dữ liệu đang bận; chưa có gì được thay đổi", "the database is busy; nothing was changed")
            }
        }
    }
}

macro_rules! invoice_columns {
    () => {
        "id, name, day_from, day_to, accounts, tolerance, state, comment, imported_at, by_whom, decided_by"
    };
}

static GET: Sql = Sql::new(concat!("SELECT ", invoice_columns!(), " FROM invoice WHERE id = $1"));

static LIST: Sql = Sql::new(concat!("SELECT ", invoice_columns!(), " FROM invoice ORDER BY id DESC LIMIT $1"));

static LINES: Sql = Sql::new(r"SELECT account, carrier, day, parts, amount, state, comment FROM invoice_line WHERE invoice = $1");

type Row = (i64, String, String, String, String, i64, i16, String, i64, String, Option<String>);

fn read((id, name, from, through, accounts, tolerance, state, comment, imported_at, by, decided_by): Row) -> Invoice {
    let accounts = serde_json::from_str(&accounts).unwrap_or_default();
    let verdict = Verdict::from_number(state);
    Invoice { id, name, from, through, accounts, tolerance, verdict, comment, imported_at, by, decided_by }
}

/// The latest invoices, the newest first.
pub async fn invoices(db: &Db, most: i64) -> Result<Vec<Invoice>> {
    let rows: Vec<Row> = on!(db.read, |pool, sql| sqlx::query_as(sql(&LIST)).bind(most).fetch_all(pool).await)?;
    Ok(rows.into_iter().map(read).collect())
}

/// The carrier or the chat service of a route, as files call it; empty for mail.
fn carrier(route: i16) -> &'static str {
    let group = i64::from(route & 15);
    match Channel::from_number(i64::from(route >> 4)) {
        Some(Channel::Sms) => Carrier::from_number(group).map_or("", Carrier::name),
        Some(Channel::Chat) => ChatService::from_number(group).map_or("", ChatService::name),
        _ => "",
    }
}

/// One invoice with both sides of every line; none: there is no such invoice.
pub async fn reconciled(db: &Db, id: i64) -> Result<Option<Reconciled>> {
    let row: Option<Row> = on!(db.read, |pool, sql| sqlx::query_as(sql(&GET)).bind(id).fetch_optional(pool).await)?;
    let Some(invoice) = row.map(read) else { return Ok(None) };
    let rows: Vec<(String, String, String, i64, i64, i16, String)> =
        on!(db.read, |pool, sql| sqlx::query_as(sql(&LINES)).bind(id).fetch_all(pool).await)?;
    let mut lines: BTreeMap<Key, Line> = BTreeMap::new();
    let line = |key: Key| Line {
        key,
        invoiced: Amount::default(),
        counted: Amount::default(),
        near: false,
        verdict: Verdict::Open,
        comment: String::new(),
    };
    // Accounts that are billed without telling carriers apart.
    let mut whole = BTreeSet::new();
    for (account, carrier, day, parts, cost, state, comment) in rows {
        if carrier.is_empty() {
            whole.insert(account.clone());
        }
        let key = Key { account, carrier, day };
        let (invoiced, verdict) = (Amount { parts, cost }, Verdict::from_number(state));
        lines.insert(key.clone(), Line { invoiced, verdict, comment, ..line(key) });
    }
    for (account, route, day, count) in billed::between(db, &invoice.from, &invoice.through).await? {
        if !invoice.accounts.contains(&account) {
            continue;
        }
        let carrier = if whole.contains(&account) { "" } else { carrier(route) }.to_string();
        let key = Key { account, carrier, day };
        let own = lines.entry(key.clone()).or_insert_with(|| line(key));
        own.counted += Amount { parts: count.parts, cost: count.price };
    }
    let near = |line: Line| Line { near: line.invoiced.is_near(line.counted, invoice.tolerance), ..line };
    let lines = lines.into_values().map(near).collect();
    Ok(Some(Reconciled { invoice, lines }))
}

/// A reconciliation as CSV: one line each, both sides, the difference and what was said.
pub fn csv(reconciled: &Reconciled) -> std::result::Result<Vec<u8>, csv::Error> {
    // Excel needs the byte order mark.
    let mut out = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer("\u{feff}".as_bytes().to_vec());
    out.write_record([
        "account",
        "carrier",
        "day",
        "parts_invoiced",
        "parts_counted",
        "parts_difference",
        "cost_invoiced",
        "cost_counted",
        "cost_difference",
        "within_tolerance",
        "verdict",
        "comment",
    ])?;
    for line in &reconciled.lines {
        let difference = line.invoiced.less(line.counted);
        let numbers =
            [line.invoiced.parts, line.counted.parts, difference.parts, line.invoiced.cost, line.counted.cost, difference.cost];
        let words = [&line.key.account, &line.key.carrier, &line.key.day].map(|cell| guarded(cell).into_owned()).into_iter();
        let said = [line.near.to_string(), line.verdict.name().to_string(), guarded(&line.comment).into_owned()];
        out.write_record(words.chain(numbers.map(|n| n.to_string())).chain(said))?;
    }
    out.into_inner().map_err(|error| error.into_error().into())
}

/// Per cent with at most one decimal, in per mille.
pub fn per_mille(text: &str) -> Option<i64> {
    let text = text.trim().trim_end_matches('%').trim();
    let (whole, tenth) = text.split_once([',', '.']).unwrap_or((text, "0"));
    let (whole, tenth): (i64, i64) = (whole.parse().ok()?, tenth.parse().ok()?);
    ((0..=100).contains(&whole) && (0..=9).contains(&tenth)).then_some(whole * 10 + tenth)
}
