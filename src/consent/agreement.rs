//! Agreements: who may be written to for what reason, by person and channel, and every word about it.
//!
//! What enters is a word of a list (for all channels, channel 0) or of an officer (for one channel): the legal basis, where
//! it comes from, what the person agreed to, and when. Rows are only ever added, so the table is its own history; of a
//! channel the last one holds, and where a channel has none, the list's ([`agreed`]). Records are kept for good (NĐ
//! 91/2020/NĐ-CP, at least a year); an erasure takes what was written and leaves basis, time and the address's keyed hash.

use providers::Channel;

use crate::{
    db::{Db, Result, Sql, Tx, affected},
    on, within,
};

/// What a basis says of somebody who agreed, and did not merely fall under a duty to inform, as SQL. NĐ 91/2020/NĐ-CP:
/// advertising wants this agreement.
pub const AGREED: &str = "'consent', 'Consent', 'opt-in', 'dong y', 'Dong y', 'dong-y', 'đồng ý', 'Đồng ý', 'ĐỒNG Ý'";

/// Whether a basis is an agreement.
pub fn has_agreed(basis: &str) -> bool {
    AGREED.split(", ").any(|agreed| agreed.trim_matches('\'') == basis)
}

/// SQL: the basis on which a person may be written to over a channel: the channel's own last word, else the list's. Empty
/// where it was withdrawn. `person` and `list` are SQL: the recipient's number and its `consent_basis`.
///
/// `id + 0`: the few rows of a person are sorted; by the bare column an engine may walk the whole table backwards instead.
pub fn basis(person: &str, channel: i16, list: &str) -> String {
    format!(
        "coalesce((SELECT CASE WHEN c.given THEN c.basis ELSE '' END FROM consent c
                   WHERE c.recipient = {person} AND c.channel = {channel} ORDER BY c.id + 0 DESC LIMIT 1), {list}, '')"
    )
}

/// SQL: whether a person agreed to messages over a channel, as [`basis`] and [`AGREED`] say.
pub fn agreed(person: &str, channel: i16, list: &str) -> String {
    format!("{} IN ({AGREED})", basis(person, channel, list))
}

/// One word about a person's agreement.
#[derive(Debug, Clone, Copy)]
pub struct Word<'a> {
    /// The person agreed, or withdrew.
    pub given: bool,
    /// The legal basis: `consent`, `public-duty`…; see [`AGREED`].
    pub basis: &'a str,
    /// Where it comes from: a form, a counter, a request.
    pub source: &'a str,
    /// What the person agreed to, or said.
    pub wording: &'a str,
    /// When the person said so, unix milliseconds.
    pub at: i64,
    /// Who wrote it down.
    pub by: &'a str,
}

/// One entry of a person's history.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Entry {
    /// Ascending.
    pub id: i64,
    /// Channel number; 0: all of them, the list's word.
    pub channel: i16,
    /// The person agreed, or withdrew.
    pub given: bool,
    /// The legal basis.
    pub basis: String,
    /// Where it comes from.
    pub source: String,
    /// What the person agreed to, or said.
    pub wording: String,
    /// When the person said so, unix milliseconds.
    pub at: i64,
    /// When it was written down.
    pub recorded_at: i64,
    /// By whom; for a list, its name.
    pub by_whom: String,
}

static RECORD: Sql = Sql::new(
    r"INSERT INTO consent (recipient, channel, given, basis, source, wording, address, at, recorded_at, by_whom)
      SELECT r.id, CAST($2 AS SMALLINT), $3, $4, $5, $6, CASE CAST($2 AS SMALLINT) WHEN 1 THEN r.phone_hash WHEN 2 THEN r.email_hash ELSE coalesce(r.chat_hash, ~r.phone_hash) END, $7, $8, $9
      FROM recipient r WHERE r.id = $1",
);

/// Writes down a word about a channel. It holds from now on, whatever a list says.
pub async fn record(tx: &mut Tx, recipient: i64, channel: Channel, word: Word<'_>, now: i64) -> Result<()> {
    within!(tx, |c, sql| {
        sqlx::query(sql(&RECORD))
            .bind(recipient)
            .bind(channel as i16)
            .bind(word.given)
            .bind(word.basis)
            .bind(word.source)
            .bind(word.wording)
            .bind(word.at)
            .bind(now)
            .bind(word.by)
            .execute(c)
            .await
            .map(affected)
    })?;
    Ok(())
}

static HISTORY: Sql = Sql::new(
    r"SELECT id, channel, given, basis, source, wording, at, recorded_at, by_whom FROM consent WHERE recipient = $1 ORDER BY id",
);

/// Everything ever written down about a person's agreement, oldest first.
pub async fn history(db: &Db, recipient: i64) -> Result<Vec<Entry>> {
    on!(db.read, |pool, sql| sqlx::query_as(sql(&HISTORY)).bind(recipient).fetch_all(pool).await)
}
