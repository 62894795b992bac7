//! The chain's hashes: made, and checked from the first entry to the last.

use sha2::{Digest as _, Sha256};

use super::Entry;
use crate::{
    db::{Db, Result, Sql, Tx},
    on, within,
};

/// Entries that are read at once.
const BATCH: i64 = 1_000;

/// The end of the chain: what to keep elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The last entry's number; 0: there is none.
    pub seq: i64,
    /// Its hash.
    pub hash: [u8; 32],
}

/// Where the record was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Broken {
    /// This entry, or the one before it, does not say what it said when it was written.
    Altered(i64),
    /// There is no entry of this number, and there are later ones.
    Missing(i64),
    /// The record ends with this entry, and once was longer.
    CutOff {
        /// The last entry that is there.
        last: i64,
        /// The last one that there was.
        was: i64,
    },
    /// The entries fit each other, but not the end that was kept: somebody wrote them anew.
    Rewritten(i64),
}

/// What [`verify`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// Entries that fit.
    pub entries: i64,
    /// The chain's end as the entries give it.
    pub head: Head,
    /// The first break; none: it holds.
    pub broken: Option<Broken>,
}

/// SHA-256 over the hash before it and the entry.
pub(super) fn hash(previous: &[u8], entry: &Entry) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(previous);
    digest.update(entry.text().as_bytes());
    digest.finalize().into()
}

static HEAD: Sql = Sql::new(r"SELECT seq, hash FROM audit_head WHERE one = 1");

static FORWARD: Sql = Sql::new(
    r"SELECT seq, at, console_user, who, via, address, action, subject, before_json, after_json, hash
      FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2",
);

/// The end of the chain, to be kept where the database's keeper cannot reach.
pub async fn head(db: &Db) -> Result<Head> {
    let (seq, hash): (i64, Vec<u8>) = on!(db.read, |pool, sql| sqlx::query_as(sql(&HEAD)).fetch_one(pool).await)?;
    Ok(Head { seq, hash: fixed(&hash) })
}

async fn head_in(tx: &mut Tx) -> Result<Option<Head>> {
    let row: Option<(i64, Vec<u8>)> = within!(tx, |c, sql| sqlx::query_as(sql(&HEAD)).fetch_optional(c).await)?;
    Ok(row.map(|(seq, hash)| Head { seq, hash: fixed(&hash) }))
}

fn fixed(bytes: &[u8]) -> [u8; 32] {
    bytes.try_into().unwrap_or_default()
}

/// Recomputes the whole chain in one snapshot, and holds it against its end and against ends that were `kept` elsewhere.
pub async fn verify(db: &Db, kept: &[Head]) -> Result<Chain> {
    db.snapshot(async |tx| {
        let mut head = Head { seq: 0, hash: [0; 32] };
        let broken = loop {
            let batch: Vec<Entry> =
                within!(tx, |c, sql| sqlx::query_as(sql(&FORWARD)).bind(head.seq).bind(BATCH).fetch_all(c).await)?;
            if batch.is_empty() {
                break None;
            }
            if let Some(broken) = batch.iter().find_map(|entry| follow(&mut head, entry, kept)) {
                break Some(broken);
            }
        };
        let broken = match broken {
            Some(broken) => Some(broken),
            None => ends(&head, head_in(tx).await?.as_ref(), kept),
        };
        Ok(Chain { entries: head.seq, head, broken })
    })
    .await
}

/// Goes on to the next entry, or says what is wrong with it.
fn follow(head: &mut Head, entry: &Entry, kept: &[Head]) -> Option<Broken> {
    if entry.seq != head.seq + 1 {
        return Some(Broken::Missing(head.seq + 1));
    }
    let hash = hash(&head.hash, entry);
    if hash[..] != entry.hash[..] {
        return Some(Broken::Altered(entry.seq));
    }
    *head = Head { seq: entry.seq, hash };
    kept.iter().any(|kept| kept.seq == head.seq && kept.hash != head.hash).then_some(Broken::Rewritten(head.seq))
}

/// Whether the entries end where they ended.
fn ends(head: &Head, row: Option<&Head>, kept: &[Head]) -> Option<Broken> {
    let longest = kept.iter().map(|kept| kept.seq).chain(row.map(|row| row.seq)).max().unwrap_or_default();
    if longest > head.seq {
        return Some(Broken::CutOff { last: head.seq, was: longest });
    }
    // Entries without the row, or beyond it, were not written by us.
    (row != Some(head)).then_some(Broken::Rewritten(head.seq))
}
