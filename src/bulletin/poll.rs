//! Sources are looked at, each when it is due. What enters is `[[bulletins]]`; what leaves is rows and drafts ([`super::take`]), and
//! when each source is looked at next. What can go wrong is a source: then nothing of it is believed read, and it is asked again after
//! a while that doubles up to six hours, later where it asks for that.
//!
//! A look is claimed by a lease in the source's row, so that of several nodes one looks; should it die, another goes on when the lease
//! is over. What was taken twice over would be taken once: that is [`super::take`]'s, not the lease's.

mod source;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
    time::Duration,
};

use providers::exchange::Exchange;
use reqwest::Url;

pub use source::{Source, sources};

use super::{
    Became, State, Why,
    fetch::{self, Fetched, Lost, Wanted},
    pack,
    paste::channels,
    read::{self, Read},
    take::{FIRST_DAYS, FIRST_MOST, MOST_AT_ONCE, OLD_DAYS, Taking, Wish, take},
};
use crate::{
    audit::Actor,
    cap::{self, Certificate, feed},
    clock::Clock,
    config::{BulletinSource, Config},
    db::{Db, Result, Sql},
    on, phrase, transaction,
    words::Phrase,
};

/// How long a node may look: no longer than [`PATIENCE`], and then write down what it saw.
const LEASE: i64 = 5 * 60_000;
/// How long a source has, with all documents that it leads to.
const PATIENCE: Duration = Duration::from_mins(2);
/// The first wait after a failure, and the longest.
const FIRST_WAIT: i64 = 60_000;
const LONGEST_WAIT: i64 = 6 * 3_600_000;
/// The longest that a source may ask to be left alone.
const LONGEST_ASKED: i64 = 24 * 3_600_000;
/// After so many failures in a row somebody is told, and a bulletin whose CAP document cannot be had is taken without it.
pub const PATIENT: i64 = 3;
/// CAP documents that cannot be had before no other is asked for.
const MOST_LOST: usize = 2;
/// Bulletins of one transaction.
const CHUNK: usize = 50;
const DAY: i64 = 24 * 3_600_000;

static KNOWN: Sql = Sql::new(
    r"SELECT b.guid, b.hash, b.state FROM bulletin b
      WHERE b.owner = $1 AND b.source = $2 AND b.guid IN (SELECT text FROM :texts($3) AS v)",
);

/// What a look at a source came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Looked {
    /// The source.
    pub source: String,
    /// It says what it said before.
    pub unchanged: bool,
    /// Drafts that were made.
    pub drafts: usize,
    /// Bulletins that were only noted.
    pub noted: usize,
    /// Those that are not believed.
    pub refused: usize,
    /// Those that say something else now.
    pub changed: usize,
    /// What went wrong.
    pub trouble: Option<Phrase>,
}

/// Which sources are looked at.
#[derive(Debug, Clone, Copy)]
enum Asked<'a> {
    /// Those that are due.
    Due,
    /// Every one.
    All,
    /// The one of this name.
    One(&'a str),
}

/// What was read of a source.
struct Answer {
    looked: Looked,
    /// None: it is to be read whole the next time, too.
    marks: Option<(Option<String>, Option<String>)>,
}

/// Looks at the sources.
pub struct Poller {
    db: Db,
    clock: Clock,
    exchange: Exchange,
    sources: Vec<(BulletinSource, Option<Certificate>)>,
    channels: Vec<&'static str>,
    jitter: Box<dyn Fn() -> f64 + Send + Sync>,
    /// Those that this process has looked at: the first time it reads them whole, since its settings may be others.
    seen: Mutex<BTreeSet<String>>,
}

impl Poller {
    /// Of the sources that these settings name, over this network. `jitter`: from 0 to 1.
    pub fn new(config: &Config, db: Db, clock: Clock, exchange: Exchange, jitter: Box<dyn Fn() -> f64 + Send + Sync>) -> Self {
        // The settings were checked: each certificate is one.
        let pinned = |one: &BulletinSource| one.certificate.as_ref().and_then(|pem| Certificate::from_pem(pem.as_bytes()).ok());
        let office = config.office.fields.get("name").cloned().unwrap_or_default();
        let owned = |one: &BulletinSource| {
            let department = if one.department.is_empty() { office.clone() } else { one.department.clone() };
            BulletinSource { department, ..one.clone() }
        };
        let sources = config.bulletins.iter().map(|one| (owned(one), pinned(one))).collect();
        Self { db, clock, exchange, sources, channels: channels(config), jitter, seen: Mutex::default() }
    }

    /// Looks at every source that is due. What each look came to.
    pub async fn step(&self) -> Result<Vec<Looked>> {
        self.look_at(Asked::Due).await
    }

    /// Looks at every source now, or at the one of this name: somebody asks for it.
    pub async fn now(&self, name: Option<&str>) -> Result<Vec<Looked>> {
        self.look_at(name.map_or(Asked::All, Asked::One)).await
    }

    async fn look_at(&self, asked: Asked<'_>) -> Result<Vec<Looked>> {
        if self.sources.is_empty() {
            return Ok(Vec::new());
        }
        // Looked at first without writing: most of the time nothing is due, and SQLite has one writer.
        let known: BTreeMap<String, Source> = sources(&self.db).await?.into_iter().map(|one| (one.name.clone(), one)).collect();
        let mut all = Vec::new();
        for (config, pinned) in &self.sources {
            let now = self.clock.millis();
            let wanted = match asked {
                Asked::Due => known.get(&config.name).is_none_or(|source| source.next_at <= now),
                Asked::All => true,
                Asked::One(name) => name == config.name,
            };
            if !wanted {
                continue;
            }
            let (is_new, due) = (!known.contains_key(&config.name), if matches!(asked, Asked::Due) { now } else { i64::MAX });
            if let Some(source) = source::claim(&self.db, config, is_new, due, now + LEASE).await? {
                all.push(self.look(config, pinned.as_ref(), source).await?);
            }
        }
        Ok(all)
    }

    /// Looks at a source that is claimed, and writes down how that went.
    async fn look(&self, config: &BulletinSource, pinned: Option<&Certificate>, mut source: Source) -> Result<Looked> {
        let lease = source.next_at;
        let first_here = self.seen.lock().map_or(true, |mut seen| seen.insert(config.name.clone()));
        if source.url != config.url || source.owner != config.department {
            // Another source, or another's: what is there now is not news.
            source.url.clone_from(&config.url);
            source.owner.clone_from(&config.department);
            source.first_at = None;
            source.etag = None;
            source.modified = None;
        } else if first_here {
            source.etag = None;
            source.modified = None;
        }
        let answer = match tokio::time::timeout(PATIENCE, self.read(config, pinned, &source)).await {
            Ok(answer) => answer?,
            Err(_) => Err(Lost { detail: "it took too long".to_string(), after: None }),
        };
        let now = self.clock.millis();
        let (looked, next) = match answer {
            Ok(Answer { looked, marks: Some((etag, modified)) }) => {
                (source.etag, source.modified) = (etag, modified);
                source.first_at = source.first_at.or(Some(now));
                source.read_at = Some(now);
                source.failures = 0;
                source.last = String::new();
                (looked, now + self.spread(millis(config.every)))
            }
            failed => {
                let (looked, after) = match failed {
                    Ok(Answer { looked, .. }) => (looked, None),
                    Err(Lost { detail, after }) => {
                        let trouble = phrase!("không đọc được: {detail}", "it cannot be read: {detail}");
                        (Looked { source: config.name.clone(), trouble: Some(trouble), ..Looked::default() }, after)
                    }
                };
                source.failures += 1;
                source.last = looked.trouble.as_ref().map(pack).unwrap_or_default();
                let wait = self.spread(wait(source.failures, millis(config.every)));
                let asked = after.map_or(0, |after| millis(after).min(LONGEST_ASKED));
                (looked, now + wait.max(asked))
            }
        };
        source.next_at = next;
        source::finish(&self.db, &source, lease).await?;
        if looked.drafts + looked.refused + looked.changed > 0 {
            let Looked { drafts, refused, changed, .. } = looked;
            tracing::info!(source = config.name, drafts, refused, changed, "bulletins came in");
        }
        if let Some(trouble) = &looked.trouble {
            tracing::warn!(source = config.name, failures = source.failures, "a source of bulletins cannot be read: {trouble}");
        }
        Ok(looked)
    }

    /// Within a tenth of it, so that nodes and offices do not all ask at once.
    fn spread(&self, wait: i64) -> i64 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a tenth of some hours")]
        let more = (wait as f64 / 10.0 * (self.jitter)()) as i64;
        wait + more
    }

    async fn read(&self, config: &BulletinSource, pinned: Option<&Certificate>, source: &Source) -> Result<Heard<Answer>> {
        let now = self.clock.millis();
        let wanted = Wanted {
            address: &config.url,
            allow_private: config.allow_private,
            etag: source.etag.as_deref(),
            modified: source.modified.as_deref(),
            most: feed::MAX_BYTES,
            now,
        };
        let mut looked = Looked { source: config.name.clone(), ..Looked::default() };
        let (bytes, marks) = match fetch::get(&self.exchange, wanted).await {
            Ok(Fetched::Unchanged) => {
                looked.unchanged = true;
                let marks = Some((source.etag.clone(), source.modified.clone()));
                return Ok(Ok(Answer { looked, marks }));
            }
            Ok(Fetched::Document { bytes, etag, modified }) => (bytes, (etag, modified)),
            Err(lost) => return Ok(Err(lost)),
        };
        let (name, certificate) = (config.name.clone(), pinned.cloned());
        // A large feed takes a while, and no loop waits for it.
        let read = tokio::task::spawn_blocking(move || read::feed(&bytes, &name, certificate.as_ref(), now)).await;
        let items = match read {
            Ok(Ok(items)) => items,
            Ok(Err(unreadable)) => {
                looked.trouble = Some(unreadable.words());
                return Ok(Ok(Answer { looked, marks: None }));
            }
            Err(_) => return Ok(Err(Lost { detail: "reading it broke off".to_string(), after: None })),
        };
        let mut wishes = self.wishes(config, source, items, now).await?;
        let missing = self.complete(config, pinned, &mut wishes, source.failures, now).await;
        let actor = Actor::command("loa");
        let taking = Taking {
            owner: &config.department,
            source: &config.name,
            actor: &actor,
            brought: false,
            channels: &self.channels,
            now,
        };
        for chunk in wishes.chunks(CHUNK) {
            let became = transaction!(self.db, |tx| {
                let mut all = Vec::with_capacity(chunk.len());
                for (read, wish) in chunk {
                    all.push(take(tx, taking, read, *wish).await?);
                }
                Ok(all)
            })?;
            for became in became {
                match became {
                    Became::Draft(..) => looked.drafts += 1,
                    Became::Noted(..) => looked.noted += 1,
                    Became::Refused(..) => looked.refused += 1,
                    Became::Changed(_) => looked.changed += 1,
                    Became::Known(_) => {}
                }
            }
        }
        looked.trouble = missing;
        let marks = looked.trouble.is_none().then_some(marks);
        Ok(Ok(Answer { looked, marks }))
    }

    /// What is new or changed, the oldest first, with what is to be made of each.
    async fn wishes(&self, config: &BulletinSource, source: &Source, items: Vec<Read>, now: i64) -> Result<Vec<(Read, Wish)>> {
        let guids: Vec<&str> = items.iter().map(|item| item.guid.as_str()).collect();
        let guids = crate::db::list(&guids);
        let known: Vec<(String, String, i16)> = on!(self.db.read, |pool, sql| {
            sqlx::query_as(sql(&KNOWN)).bind(&config.department).bind(&config.name).bind(&guids).fetch_all(pool).await
        })?;
        let known: BTreeMap<&str, (&str, i16)> =
            known.iter().map(|(guid, hash, state)| (guid.as_str(), (hash.as_str(), *state))).collect();
        let first = source.first_at.is_none();
        let (days, most) = if first { (FIRST_DAYS, FIRST_MOST) } else { (OLD_DAYS, MOST_AT_ONCE) };
        let mut drafts = 0;
        let mut wishes = Vec::new();
        let mut seen = BTreeSet::new();
        // Feeds have their latest items first.
        for item in items {
            if !seen.insert(item.guid.clone()) {
                continue;
            }
            let state = match known.get(item.guid.as_str()) {
                Some((hash, state)) if *hash == item.hash && *state != State::Refused as i16 => continue,
                Some((_, state)) => Some(*state),
                None => None,
            };
            let since = |days: i64| item.at.map(|at| at >= now - days * DAY);
            let is_news = match state {
                // What was put aside once is news only if it says so itself.
                Some(state) if state == State::Noted as i16 => since(FIRST_DAYS) == Some(true),
                Some(_) => true,
                None if first => since(days) == Some(true),
                None => since(days) != Some(false),
            };
            let wish = if !is_news {
                Wish::Note(Why::Older)
            } else if drafts >= most {
                Wish::Note(Why::Many)
            } else {
                drafts += usize::from(state.is_none_or(|state| state == State::Noted as i16));
                Wish::Draft
            };
            wishes.push((item, wish));
        }
        wishes.reverse();
        Ok(wishes)
    }

    /// Fetches the CAP documents that items lead to. What cannot be had is left for the next look, a few times; then the item is taken as
    /// the feed has it. What went wrong, if something is left.
    async fn complete(
        &self,
        config: &BulletinSource,
        pinned: Option<&Certificate>,
        wishes: &mut Vec<(Read, Wish)>,
        failures: i64,
        now: i64,
    ) -> Option<Phrase> {
        let (mut missing, mut lost) = (None, 0);
        let mut left = BTreeSet::new();
        for (read, wish) in wishes.iter_mut() {
            let Some(address) = read.document.clone().filter(|_| *wish == Wish::Draft) else { continue };
            let wanted = Wanted {
                address: &address,
                allow_private: config.allow_private && same_server(&config.url, &address),
                etag: None,
                modified: None,
                most: cap::MAX_BYTES,
                now,
            };
            // A server that does not answer is not asked for every document: the others' time would be gone.
            let answer = if lost < MOST_LOST { Some(fetch::get(&self.exchange, wanted).await) } else { None };
            let why = match answer {
                Some(Ok(Fetched::Document { bytes, .. })) => {
                    read.complete(&bytes, pinned, now);
                    continue;
                }
                Some(Ok(Fetched::Unchanged)) => "HTTP 304".to_string(),
                Some(Err(lost)) => lost.detail,
                None => "as those before it".to_string(),
            };
            lost += 1;
            if failures + 1 < PATIENT {
                left.insert(read.guid.clone());
                missing = Some(phrase!("không tải được một văn bản CAP: {why}", "a CAP document cannot be fetched: {why}"));
            } else {
                read.give_up(&why);
            }
        }
        wishes.retain(|(read, _)| !left.contains(&read.guid));
        missing
    }
}

/// What a look came to, or why it came to nothing.
type Heard<T> = std::result::Result<T, Lost>;

fn same_server(one: &str, other: &str) -> bool {
    let server = |address: &str| {
        let url = Url::parse(address).ok()?;
        Some((url.host_str()?.to_string(), url.port_or_known_default()))
    };
    server(one).is_some_and(|one| server(other) == Some(one))
}

/// How long to wait after so many failures: a minute, then twice as long each time.
fn wait(failures: i64, every: i64) -> i64 {
    let doublings = u32::try_from(failures - 1).unwrap_or(20).min(20);
    FIRST_WAIT.saturating_mul(1 << doublings).min(LONGEST_WAIT.max(every))
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_six_hours() {
        let waits: Vec<i64> = (1..=11).map(|failures| wait(failures, 15 * 60_000) / 60_000).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360]);
        assert_eq!(wait(1_000, DAY), DAY, "never more often than while all is well");
        assert_eq!(wait(i64::MAX, 60_000), LONGEST_WAIT);
    }

    #[test]
    fn a_server_is_a_host_and_its_port() {
        assert!(same_server("http://10.0.0.1:8/a", "http://10.0.0.1:8/b"));
        assert!(same_server("https://example.vn/a", "https://example.vn:443/b"));
        for other in ["http://10.0.0.1:9/a", "http://10.0.0.2:8/a", "x"] {
            assert!(!same_server("http://10.0.0.1:8/a", other), "{other}");
        }
    }
}
