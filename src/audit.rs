//! Who did what: a record that only grows, each entry chained to the one before it by its hash.
//!
//! What enters: an [`Actor`], an action such as `campaign.approve`, what it was done to, and how that was before and is after; in
//! the transaction that does it, so that neither happens without the other. No secret and nothing personal of a recipient may
//! stand in it. What leaves: entries to read ([`list`]), and whether the chain holds ([`verify`]).
//!
//! An entry's hash is SHA-256 over the hash before it and the entry (see [`Entry::text`]): whoever has an export can check it with
//! no key of ours (docs/decisions/0019-sign-in-and-the-audit-chain.md). The chain's end stands in a row of its own, which also is
//! the lock that keeps it one chain on several nodes; cutting entries off leaves it unmatched. Whoever rewrites all of that is
//! found by an earlier end that was kept elsewhere: the log has one each day, and `loa audit verify --head` takes it.

mod chain;
mod label;
mod list;

pub use chain::{Broken, Chain, Head, head, verify};
pub use label::{AREAS, key, label, means};
pub use list::{CSV_HEAD, Entry, Filter, list};

use std::net::IpAddr;

use serde_json::Value;

use crate::{
    db::{Result, Sql, Tx, affected},
    within,
};

/// By which door something was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// A page.
    Console,
    /// `/api/v1`.
    Api,
    /// The command line of this machine.
    Command,
}

impl Via {
    const ALL: [Self; 3] = [Self::Console, Self::Api, Self::Command];

    /// Its name in exports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Console => "console",
            Self::Api => "api",
            Self::Command => "command",
        }
    }

    fn of(number: i64) -> Self {
        usize::try_from(number).ok().and_then(|at| Self::ALL.get(at).copied()).unwrap_or(Self::Command)
    }
}

/// Who does something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// Among the console's users; none: somebody at this machine's keyboard, or Loa itself.
    pub user: Option<i64>,
    /// As it is shown.
    pub name: String,
    /// From which address; none: from this machine.
    pub from: Option<IpAddr>,
    /// By which door.
    pub via: Via,
}

impl Actor {
    /// Somebody at this machine's keyboard.
    pub fn command(name: impl Into<String>) -> Self {
        Self { user: None, name: name.into(), from: None, via: Via::Command }
    }
}

/// The longest subject that is kept, in characters.
const SUBJECT: usize = 300;

static LOCK: Sql = Sql::new(r"SELECT h.seq, h.hash FROM audit_head h WHERE h.one = 1 :lock(h)");

static APPEND: Sql = Sql::new(
    r"INSERT INTO audit (seq, at, console_user, who, via, address, action, subject, before_json, after_json, hash)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
);

static MOVE_HEAD: Sql = Sql::new(r"UPDATE audit_head SET seq = $1, hash = $2 WHERE one = 1");

/// Records that `actor` did `action` to `subject`, which was `before` and is `after`. Call it last in the transaction that does it:
/// from here to its commit nobody else records.
pub async fn record(
    tx: &mut Tx,
    actor: &Actor,
    action: &str,
    subject: &str,
    before: Option<&Value>,
    after: Option<&Value>,
    now: i64,
) -> Result<()> {
    let (last, previous): (i64, Vec<u8>) = within!(tx, |c, sql| sqlx::query_as(sql(&LOCK)).fetch_one(c).await)?;
    let entry = Entry {
        seq: last + 1,
        at: now,
        user: actor.user,
        who: plain(&actor.name),
        via: actor.via as i64,
        address: actor.from.map(|from| from.to_string()).unwrap_or_default(),
        action: plain(action),
        subject: plain(subject),
        before: before.map(Value::to_string),
        after: after.map(Value::to_string),
        hash: Vec::new(),
    };
    let hash = chain::hash(&previous, &entry);
    within!(tx, |c, sql| {
        sqlx::query(sql(&APPEND))
            .bind(entry.seq)
            .bind(entry.at)
            .bind(entry.user)
            .bind(&entry.who)
            .bind(entry.via)
            .bind(&entry.address)
            .bind(&entry.action)
            .bind(&entry.subject)
            .bind(&entry.before)
            .bind(&entry.after)
            .bind(&hash[..])
            .execute(c)
            .await
            .map(affected)
    })?;
    within!(tx, |c, sql| sqlx::query(sql(&MOVE_HEAD)).bind(entry.seq).bind(&hash[..]).execute(c).await.map(affected))?;
    Ok(())
}

/// One line that both engines take: no control characters, not endless.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SUBJECT).collect()
}
