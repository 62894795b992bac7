//! Entries of the record, the latest first, by who, what and when.

use serde_json::{Value, json};

use super::Via;
use crate::{
    db::{Db, Result, Sql},
    on,
    seal::hex,
};

/// One thing that somebody did.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Entry {
    /// Its number: 1, 2, 3 … without a gap.
    pub seq: i64,
    /// When, in unix milliseconds.
    pub at: i64,
    /// Which user of the console.
    #[sqlx(rename = "console_user")]
    pub user: Option<i64>,
    /// Their name then.
    pub who: String,
    /// By which door: see [`Entry::via`].
    pub(super) via: i64,
    /// From which address; empty: from the machine itself.
    pub address: String,
    /// What, such as `campaign.approve`.
    pub action: String,
    /// To what.
    pub subject: String,
    /// How it was: JSON.
    #[sqlx(rename = "before_json")]
    pub before: Option<String>,
    /// How it is: JSON.
    #[sqlx(rename = "after_json")]
    pub after: Option<String>,
    /// See [`super::verify`].
    pub hash: Vec<u8>,
}

impl Entry {
    /// By which door.
    pub fn via(&self) -> Via {
        Via::of(self.via)
    }

    /// What the hash covers, beside the one before it: a JSON list in this order, as compact as JSON is.
    pub fn text(&self) -> String {
        json!([
            self.seq,
            self.at,
            self.user,
            self.who,
            self.via().name(),
            self.address,
            self.action,
            self.subject,
            self.before,
            self.after
        ])
        .to_string()
    }

    /// The entry as a line of a spreadsheet's file. Cells that a spreadsheet would compute are texts.
    pub fn csv(&self) -> String {
        let at = chrono::DateTime::from_timestamp_millis(self.at)
            .unwrap_or_default()
            .to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        let seq = self.seq.to_string();
        let (before, after) = (self.before.as_deref().unwrap_or_default(), self.after.as_deref().unwrap_or_default());
        let cells = [
            &seq,
            &at,
            &self.who,
            self.via().name(),
            &self.address,
            &self.action,
            &self.subject,
            before,
            after,
            &hex(&self.hash),
        ];
        let mut line = cells.map(cell).join(",");
        line.push_str("\r\n");
        line
    }

    /// The entry as an export has it.
    pub fn json(&self) -> Value {
        let read = |text: &Option<String>| text.as_ref().and_then(|text| serde_json::from_str::<Value>(text).ok());
        json!({
            "seq": self.seq,
            "at": chrono::DateTime::from_timestamp_millis(self.at).map(|at| at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)),
            "user": self.user,
            "who": self.who,
            "via": self.via().name(),
            "from": self.address,
            "action": self.action,
            "subject": self.subject,
            "before": read(&self.before),
            "after": read(&self.after),
            "hashed": self.text(),
            "hash": hex(&self.hash),
        })
    }
}

/// The heading of [`Entry::csv`].
pub const CSV_HEAD: &str = "seq,at,who,via,from,action,subject,before,after,hash\r\n";

/// A cell (RFC 4180): what begins like a formula begins with an apostrophe.
fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if formula { format!("'{text}") } else { text.to_string() };
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

/// Which entries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// By this person alone.
    pub who: Option<String>,
    /// Actions that begin with this, such as `campaign` or `campaign.approve`.
    pub action: Option<String>,
    /// Whose subject has this in it.
    pub subject: Option<String>,
    /// Not earlier than this.
    pub from: Option<i64>,
    /// Earlier than this.
    pub until: Option<i64>,
}

static LIST: Sql = Sql::new(
    r"SELECT seq, at, console_user, who, via, address, action, subject, before_json, after_json, hash
      FROM audit
      WHERE seq < $1 AND who = coalesce($2, who) AND action LIKE $3 ESCAPE '!' AND subject LIKE $4 ESCAPE '!' AND at >= $5 AND at < $6
      ORDER BY seq DESC LIMIT $7",
);

/// The latest entries before `before` (none: the latest of all), at most so many.
pub async fn list(db: &Db, filter: &Filter, before: Option<i64>, most: i64) -> Result<Vec<Entry>> {
    let action = format!("{}%", literal(filter.action.as_deref().unwrap_or_default()));
    let subject = format!("%{}%", literal(filter.subject.as_deref().unwrap_or_default()));
    on!(db.read, |pool, sql| sqlx::query_as(sql(&LIST))
        .bind(before.unwrap_or(i64::MAX))
        .bind(&filter.who)
        .bind(&action)
        .bind(&subject)
        .bind(filter.from.unwrap_or(i64::MIN))
        .bind(filter.until.unwrap_or(i64::MAX))
        .bind(most)
        .fetch_all(pool)
        .await)
}

/// A text in a pattern, as it is.
fn literal(text: &str) -> String {
    text.chars().filter(|c| *c != '\0').fold(String::new(), |mut out, c| {
        if matches!(c, '%' | '_' | '!') {
            out.push('!');
        }
        out.push(c);
        out
    })
}
