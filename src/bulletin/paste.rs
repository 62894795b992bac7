//! Documents that somebody brings: pasted, uploaded, or named on the command line. What enters is CAP, RSS or Atom, or a text with its
//! source named; what leaves is what would be made of it ([`read()`]), and then, of what somebody chose, the same rows and drafts as of
//! a source that was looked at ([`take()`]). What can go wrong: [`Unreadable`]; and the database.

use super::{
    Became, Read, Unreadable, Why,
    read::{self, MAX_BYTES},
    take::{self, Taking, Wish},
};
use crate::{
    audit::Actor,
    cap::Certificate,
    config::Config,
    db::{Db, Result, Sql},
    on, transaction,
};

/// The channels for which drafts are written: those that some account serves; every one, where none does.
pub fn channels(config: &Config) -> Vec<&'static str> {
    const ALL: [&str; 3] = ["sms", "chat", "email"];
    let served = |name: &&str| config.accounts.iter().any(|account| account.channel.name() == *name);
    let served: Vec<&'static str> = ALL.into_iter().filter(served).collect();
    if served.is_empty() { ALL.to_vec() } else { served }
}

/// The certificate that is pinned for a source of this name.
pub fn pinned(config: &Config, source: &str) -> Option<Certificate> {
    let pem = config.bulletins.iter().find(|one| one.name == source)?.certificate.as_ref()?;
    Certificate::from_pem(pem.as_bytes()).ok()
}

/// What a document says: XML by its first letter, else a text. `title` is a text's, and may be empty: then its first line is.
pub fn read(
    document: &[u8],
    title: &str,
    source: &str,
    pinned: Option<&Certificate>,
    now: i64,
) -> std::result::Result<Vec<Read>, Unreadable> {
    if document.len() > MAX_BYTES {
        return Err(Unreadable::TooLarge);
    }
    // Bytes that begin a text in UTF-16, in which XML may be written.
    let marked = document.starts_with(&[0xff, 0xfe]) || document.starts_with(&[0xfe, 0xff]);
    let inner = document.strip_prefix(b"\xef\xbb\xbf").unwrap_or(document).trim_ascii_start();
    if marked || inner.starts_with(b"<") {
        // A declaration stands first, whatever was pasted before it.
        let all = read::feed(if marked { document } else { inner }, source, pinned, now)?;
        return if all.is_empty() { Err(Unreadable::Empty) } else { Ok(all) };
    }
    let text = std::str::from_utf8(inner).map_err(|_| Unreadable::NoText)?;
    Ok(vec![read::text(title, text, source)?])
}

/// Why no draft would be made of it, even if somebody chose it; none: one would.
pub fn hindrance(read: &Read, now: i64) -> Option<Why> {
    read.disbelief().or_else(|| read.idle(now).filter(|why| !matches!(why, Why::Over | Why::NotActual)))
}

/// What somebody should know before they choose it.
pub fn caution(read: &Read, now: i64) -> Option<Why> {
    read.disbelief().or_else(|| read.idle(now))
}

static KNOWN: Sql = Sql::new(
    r"SELECT b.guid, b.id FROM bulletin b
      WHERE b.owner = $1 AND b.source = $2 AND b.guid IN (SELECT text FROM :texts($3) AS v)",
);

/// Those that are there already, by their names: their numbers.
pub async fn known(db: &Db, owner: &str, source: &str, all: &[Read]) -> Result<std::collections::BTreeMap<String, i64>> {
    let guids: Vec<&str> = all.iter().map(|read| read.guid.as_str()).collect();
    let guids = crate::db::list(&guids);
    let rows: Vec<(String, i64)> =
        on!(db.read, |pool, sql| sqlx::query_as(sql(&KNOWN)).bind(owner).bind(source).bind(&guids).fetch_all(pool).await)?;
    Ok(rows.into_iter().collect())
}

/// Takes in what somebody chose, all of it or nothing, and says what became of each.
pub async fn take(
    db: &Db,
    (owner, source): (&str, &str),
    chosen: &[Read],
    channels: &[&'static str],
    actor: &Actor,
    now: i64,
) -> Result<Vec<Became>> {
    let taking = Taking { owner, source, actor, brought: true, channels, now };
    transaction!(db, |tx| {
        let mut all = Vec::with_capacity(chosen.len());
        for read in chosen {
            all.push(take::take(tx, taking, read, Wish::Insist).await?);
        }
        Ok(all)
    })
}
