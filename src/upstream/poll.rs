//! Looking at the department's feed: what is new there is taken in, once.
//!
//! One node looks at a time. What cannot be read is told of and asked for again; a department that does not answer is asked ever more
//! rarely.

use super::{
    LEASE, Upstream, asked, millis, order, read,
    wire::{self, Feed, Trouble},
};
use crate::{
    cap::{self, feed, signature},
    db::{Db, Result, Sql, affected},
    on, phrase,
    words::Phrase,
};

/// The longest wait between two looks at a department that does not answer (milliseconds).
const LONGEST: i64 = 15 * 60_000;
/// Documents that cannot be had before no other is asked for: each may take as long as an exchange does.
const MOST_LOST: usize = 3;

/// What a look came to.
#[derive(Debug, Default)]
struct Looked {
    taken: usize,
    /// The feed's.
    tag: Option<String>,
    /// Which order could not be read last, and why.
    unread: String,
}

/// How looking there goes.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Poll {
    /// When the department is asked again, unix milliseconds.
    pub next_at: i64,
    /// Failures in a row.
    pub failures: i64,
    /// When it answered last.
    pub seen_at: Option<i64>,
    /// What the last look came to; empty: all was well.
    pub last: String,
}

static POLL: Sql = Sql::new(r"SELECT next_at, failures, seen_at, last FROM upstream_poll WHERE url = $1");

/// How looking there goes; none: nobody has looked yet.
pub async fn poll(db: &Db, url: &str) -> Result<Option<Poll>> {
    on!(db.read, |pool, sql| sqlx::query_as(sql(&POLL)).bind(url).fetch_optional(pool).await)
}

static BEGIN: Sql = Sql::new(
    r"INSERT INTO upstream_poll (url, etag, next_at, failures, seen_at, last) VALUES ($1, NULL, 0, 0, NULL, '') ON CONFLICT (url) DO NOTHING",
);

static CLAIM: Sql = Sql::new(r"UPDATE upstream_poll SET next_at = $2 WHERE url = $1 AND next_at <= $3");

static TAG: Sql = Sql::new(r"SELECT etag FROM upstream_poll WHERE url = $1 AND etag IS NOT NULL");

static WELL: Sql =
    Sql::new(r"UPDATE upstream_poll SET etag = $2, next_at = $3, failures = 0, seen_at = $4, last = $5 WHERE url = $1");

static ILL: Sql = Sql::new(r"UPDATE upstream_poll SET next_at = $2, failures = failures + 1, last = $3 WHERE url = $1");

impl Upstream {
    /// Asks the department what there is, if it is time to. How many orders were taken in.
    pub(super) async fn look(&self) -> Result<usize> {
        let (db, url, now) = (&self.db, &self.settings.url, self.clock.millis());
        // Looked at first without writing: most of the time it is not time yet, and SQLite has one writer.
        match poll(db, url).await? {
            Some(poll) if poll.next_at > now => return Ok(0),
            Some(_) => {}
            None => {
                on!(db.write, |pool, sql| sqlx::query(sql(&BEGIN)).bind(url).execute(pool).await.map(affected))?;
            }
        }
        let claimed = on!(db.write, |pool, sql| sqlx::query(sql(&CLAIM))
            .bind(url)
            .bind(now + LEASE)
            .bind(now)
            .execute(pool)
            .await
            .map(affected))?;
        if claimed == 0 {
            return Ok(0);
        }
        let tag: Option<String> = on!(db.read, |pool, sql| sqlx::query_scalar(sql(&TAG)).bind(url).fetch_optional(pool).await)?;
        match self.take_all(tag.as_deref()).await? {
            Ok(Looked { taken, tag, unread }) => {
                // What could not be read is asked for again: no tag says that all of it is known.
                let tag = tag.filter(|_| unread.is_empty());
                let next = self.clock.millis() + millis(self.settings.every);
                on!(db.write, |pool, sql| sqlx::query(sql(&WELL))
                    .bind(url)
                    .bind(&tag)
                    .bind(next)
                    .bind(now)
                    .bind(&unread)
                    .execute(pool)
                    .await
                    .map(affected))?;
                Ok(taken)
            }
            Err(trouble) => {
                let failures = poll(db, url).await?.map_or(0, |poll| poll.failures);
                let wait =
                    millis(self.settings.every).saturating_mul(1 << failures.clamp(0, 10)).min(LONGEST).max(asked(&trouble));
                tracing::warn!(%trouble, "the department's Loa does not hand out its orders");
                on!(db.write, |pool, sql| sqlx::query(sql(&ILL))
                    .bind(url)
                    .bind(self.clock.millis() + wait)
                    .bind(trouble.to_string())
                    .execute(pool)
                    .await
                    .map(affected))?;
                Ok(0)
            }
        }
    }

    /// Takes in what the feed has and is not known. What cannot be had keeps nothing else waiting.
    async fn take_all(&self, tag: Option<&str>) -> Result<std::result::Result<Looked, Trouble>> {
        let (body, tag) = match self.wire.feed(tag).await {
            Ok(Feed::Unchanged) => return Ok(Ok(Looked { tag: tag.map(str::to_string), ..Looked::default() })),
            Ok(Feed::New(body, tag)) => (body, tag),
            Err(trouble) => return Ok(Err(trouble)),
        };
        let items = match feed::items(&body) {
            Ok(items) => items,
            Err(error) => return Ok(Err(Trouble::Later(error.to_string(), None))),
        };
        let mut looked = Looked { tag, ..Looked::default() };
        let mut lost = Vec::new();
        for item in items {
            let Some(identifier) = item.document.as_deref().or(item.link.as_deref()).and_then(wire::identifier) else { continue };
            if order::is_known(&self.db, &identifier).await? {
                continue;
            }
            let document = match self.wire.document(&identifier).await {
                Ok(document) => document,
                // It was taken back since, or the department cannot write it: it is asked for again, and no other waits for it.
                Err(Trouble::Refused(why)) => {
                    tracing::warn!(order = identifier, why, "the department does not hand out an order");
                    looked.unread = format!("{identifier}: {why}");
                    continue;
                }
                Err(trouble) => {
                    lost.push(trouble);
                    if lost.len() == MOST_LOST {
                        break;
                    }
                    continue;
                }
            };
            match self.read(&identifier, &document) {
                Ok(asked) => {
                    let now = self.clock.millis();
                    looked.taken += usize::from(order::take(&self.db, &asked, &document, &self.actor, now).await?);
                }
                Err(why) => {
                    tracing::error!(order = identifier, why = why.en, "an order cannot be taken in");
                    looked.unread = format!("{identifier}: {}", why.vi);
                }
            }
        }
        Ok(lost.pop().map_or(Ok(looked), Err))
    }

    /// What a document asks: of a department whose certificate is pinned, only what its signature vouches for.
    fn read(&self, identifier: &str, document: &[u8]) -> std::result::Result<read::Asked, Phrase> {
        let alert = match &self.certificate {
            Some(pinned) => {
                let pinned = std::slice::from_ref(pinned);
                signature::verify(document, pinned, self.clock.millis()).map_err(|error| error.words())?.alert
            }
            None => cap::read("", document)
                .map_err(|problems| phrase!("văn bản CAP sai: {problems}", "the CAP document is wrong: {problems}"))?,
        };
        let asked = read::read(&alert)?;
        if asked.identifier != identifier {
            return Err(phrase!("văn bản mang tên khác", "the document has another name"));
        }
        Ok(asked)
    }
}
