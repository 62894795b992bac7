//! Campaigns and segments that are written in the console.
//!
//! What enters: the same TOML as a file, saved by a person on top of the version that they saw. What leaves: numbered versions
//! ([`Edition`]), none of which is ever changed; one of them, the approved one, is in force, and [`Shelf`] puts it beside the
//! files. What can go wrong: somebody else saved meanwhile ([`Saved::Conflict`], with theirs); a text that cannot be released is
//! refused when it is submitted, with its [`Problems`], never when it is saved: a draft may be unfinished.
//!
//! A version is a draft until it is submitted; `approval` knows what became of it since.

mod file;
mod owners;
pub mod segments;
mod shelf;
mod watch;
mod writers;

pub use file::{attach, attachments, detach, is_file_name, sheet};
pub use owners::{Owners, renamed};
pub use shelf::{Look, Shelf, written};
pub use watch::watch;

pub use crate::approval::{
    decision::{approve, approve_in_emergency, return_, review, withdraw},
    submission::{to_review, waiting},
};

use serde_json::json;

use crate::{
    approval::{
        Standing, decision,
        submission::{self, New, Submission},
    },
    audit::{self, Actor},
    campaign::{Campaign, Kind, Library, SmsBody, Source, pattern::Texts},
    db::{Db, DbError, Result, Sql, Tx, affected},
    document::{Problem, Problems, is_slug},
    on, phrase, transaction, within,
};

/// The longest text of a campaign, in bytes.
pub const TEXT_LIMIT: usize = 256 * 1024;

/// As much as lists show of what an unfinished text says of itself, in characters.
const HEAD_LIMIT: usize = 200;

/// What no campaign can be named: the files beside campaigns, and the pages below `/campaigns`.
const OWN_NAMES: &[&str] = &["segments", "goals", "new", "import", "preview"];

/// A campaign as it was saved.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Edition {
    /// The campaign.
    pub slug: String,
    /// From 1.
    pub version: i64,
    /// The same TOML as a file; it may be unfinished.
    pub text: String,
    /// What the text says of itself, as far as it could be read.
    pub title: String,
    /// The department that owns it; empty: none.
    pub owner: String,
    /// 0 awareness, 1 warning.
    pub kind: i16,
    /// Who saved it.
    pub made_by: Option<i64>,
    /// Their name.
    pub made_name: String,
    /// What they said to it.
    pub comment: String,
    /// When, unix milliseconds.
    pub at: i64,
}

/// What became of a save.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Saved {
    /// It is this version now.
    Done(i64),
    /// It says what the latest version says.
    Unchanged(i64),
    /// Somebody else saved meanwhile: theirs.
    Conflict(Box<Edition>),
}

/// What is saved.
#[derive(Debug, Clone, Copy)]
pub struct Draft<'a> {
    /// The campaign.
    pub slug: &'a str,
    /// The text.
    pub text: &'a str,
    /// The version that the writer saw; 0: a new campaign.
    pub base: i64,
    /// What they say to it.
    pub comment: &'a str,
}

/// Why a version was not submitted.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// There is no such version.
    #[error("there is no version {1} of `{0}`")]
    Unknown(String, i64),
    /// It could not run: what is wrong with it.
    #[error("{0}")]
    Broken(Problems),
    /// It is what waits already.
    #[error("it waits for approval already")]
    Waiting,
    /// A file of the same name is in force.
    #[error("a file defines this campaign")]
    Provisioned,
    /// It was archived.
    #[error("the campaign is archived")]
    Archived,
}

macro_rules! edition_columns {
    () => {
        "e.slug, e.version, e.text, e.title, e.owner, e.kind, e.made_by, e.made_name, e.comment, e.at"
    };
}

static LATEST: Sql =
    Sql::new(concat!("SELECT ", edition_columns!(), " FROM edition e WHERE e.slug = $1 ORDER BY e.version DESC LIMIT 1"));

static GET: Sql = Sql::new(concat!("SELECT ", edition_columns!(), " FROM edition e WHERE e.slug = $1 AND e.version = $2"));

static VERSIONS: Sql =
    Sql::new(concat!("SELECT ", edition_columns!(), " FROM edition e WHERE e.slug = $1 ORDER BY e.version DESC LIMIT 500"));

static ALL: Sql = Sql::new(concat!(
    "SELECT ",
    edition_columns!(),
    " FROM edition e WHERE e.version = (SELECT max(l.version) FROM edition l WHERE l.slug = e.slug) ORDER BY e.slug"
));

static INSERT: Sql = Sql::new(
    r"INSERT INTO edition (slug, version, text, title, owner, kind, made_by, made_name, comment, at)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
);

static IN_FORCE: Sql = Sql::new(
    r"SELECT s.slug, s.version FROM submission s
      WHERE s.id IN (SELECT max(l.id) FROM submission l
                     WHERE l.state = 1 AND l.version IS NOT NULL AND coalesce(l.was_right, true) GROUP BY l.slug)
        AND NOT EXISTS (SELECT 1 FROM archived a WHERE a.slug = s.slug)",
);

static ARCHIVE: Sql = Sql::new(r"INSERT INTO archived (slug, at) VALUES ($1, $2) ON CONFLICT (slug) DO NOTHING");

static UNARCHIVE: Sql = Sql::new(r"DELETE FROM archived WHERE slug = $1");

static IS_ARCHIVED: Sql = Sql::new(r"SELECT count(*) FROM archived WHERE slug = $1");

static ARCHIVED: Sql = Sql::new(r"SELECT slug, at FROM archived ORDER BY slug");

/// Saves a campaign's text on top of the version that its writer saw (0: a new campaign). Its attachments stay.
pub async fn save(db: &Db, slug: &str, text: &str, base_version: i64, actor: &Actor, now: i64) -> Result<Saved> {
    save_draft(db, Draft { slug, text, base: base_version, comment: "" }, actor, now).await
}

/// The same, with what the writer says to it.
pub async fn save_draft(db: &Db, draft: Draft<'_>, actor: &Actor, now: i64) -> Result<Saved> {
    refuse_impossible(&draft)?;
    transaction!(db, |tx| save_within(tx, draft, actor, now).await)
}

/// The same within a transaction: with whatever the draft is made of.
pub async fn save_within(tx: &mut Tx, draft: Draft<'_>, actor: &Actor, now: i64) -> Result<Saved> {
    refuse_impossible(&draft)?;
    match latest_within(tx, draft.slug).await? {
        Some(latest) if latest.version != draft.base => Ok(Saved::Conflict(Box::new(latest))),
        None if draft.base != 0 => Err(DbError::Refused(format!("there is no version {} of `{}`", draft.base, draft.slug))),
        Some(latest) if latest.text == draft.text => Ok(Saved::Unchanged(latest.version)),
        latest => {
            let version = insert(tx, &draft, latest.as_ref(), actor, now).await?;
            file::carry(tx, draft.slug, draft.base, version).await?;
            let (before, after) = (json!({ "version": draft.base }), json!({ "version": version, "comment": draft.comment }));
            let before = latest.is_some().then_some(&before);
            audit::record(tx, actor, "campaign.save", draft.slug, before, Some(&after), now).await?;
            Ok(Saved::Done(version))
        }
    }
}

/// What a form should have refused beside its field.
fn refuse_impossible(draft: &Draft<'_>) -> Result<()> {
    if !is_slug(draft.slug) || OWN_NAMES.contains(&draft.slug) {
        return Err(DbError::Refused(format!("`{}` cannot name a campaign", draft.slug)));
    }
    if draft.text.len() > TEXT_LIMIT || draft.text.contains('\0') {
        return Err(DbError::Refused(format!("the text of `{}` is too long, or not a text", draft.slug)));
    }
    Ok(())
}

/// Whether a name can be a campaign's in the console, and why not.
pub fn check_slug(library: &Library, slug: &str) -> std::result::Result<(), crate::words::Phrase> {
    if !is_slug(slug) {
        return Err(phrase!(
            "mã chiến dịch chỉ gồm a-z, 0-9 và dấu gạch nối, nhiều nhất 60 ký tự",
            "a campaign is named with a-z, 0-9 and hyphens, at most 60 characters"
        ));
    }
    if OWN_NAMES.contains(&slug) {
        return Err(phrase!(
            "Loa dùng riêng mã {slug}: hãy chọn mã khác",
            "Loa keeps the name {slug} for itself: choose another"
        ));
    }
    if library.is_provisioned(slug) {
        return Err(phrase!("tệp {slug}.toml đã dùng mã này", "the file {slug}.toml has this name already"));
    }
    Ok(())
}

async fn insert(tx: &mut Tx, draft: &Draft<'_>, latest: Option<&Edition>, actor: &Actor, now: i64) -> Result<i64> {
    let head = Head::of(draft.text, latest);
    let version = draft.base + 1;
    within!(tx, |c, sql| {
        sqlx::query(sql(&INSERT))
            .bind(draft.slug)
            .bind(version)
            .bind(draft.text)
            .bind(&head.title)
            .bind(&head.owner)
            .bind(head.kind)
            .bind(actor.user)
            .bind(&actor.name)
            .bind(draft.comment)
            .bind(now)
            .execute(c)
            .await
            .map(affected)
    })?;
    Ok(version)
}

/// What a text says of itself, however unfinished it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Its title; the slug stands for an empty one.
    pub title: String,
    /// The department that owns it.
    pub owner: String,
    /// 0 awareness, 1 warning.
    pub kind: i16,
}

impl Head {
    /// What can be read of a text; what cannot stays as it was.
    pub fn of(text: &str, before: Option<&Edition>) -> Self {
        let table = toml::from_str::<toml::Table>(text).ok();
        let short = |text: &str| text.trim().chars().take(HEAD_LIMIT).collect::<String>();
        let line = |key: &str| table.as_ref().and_then(|table| table.get(key)?.as_str().map(short));
        let old = |of: fn(&Edition) -> &str| before.map(of).unwrap_or_default().to_string();
        let kind = match line("kind").as_deref() {
            Some("warning") => Kind::Warning as i16,
            Some(_) => Kind::Awareness as i16,
            None => before.map_or(Kind::Awareness as i16, |edition| edition.kind),
        };
        Self {
            title: line("title").unwrap_or_else(|| old(|edition| &edition.title)),
            owner: line("owner").unwrap_or_else(|| old(|edition| &edition.owner)),
            kind,
        }
    }
}

/// The latest version of a campaign; none: the console does not know it.
pub async fn latest(db: &Db, slug: &str) -> Result<Option<Edition>> {
    on!(db.read, |pool, sql| sqlx::query_as(sql(&LATEST)).bind(slug).fetch_optional(pool).await)
}

async fn latest_within(tx: &mut Tx, slug: &str) -> Result<Option<Edition>> {
    within!(tx, |c, sql| sqlx::query_as(sql(&LATEST)).bind(slug).fetch_optional(c).await)
}

/// One version.
pub async fn get(db: &Db, slug: &str, version: i64) -> Result<Option<Edition>> {
    on!(db.read, |pool, sql| sqlx::query_as(sql(&GET)).bind(slug).bind(version).fetch_optional(pool).await)
}

/// Every version of a campaign, newest first.
pub async fn versions(db: &Db, slug: &str) -> Result<Vec<Edition>> {
    on!(db.read, |pool, sql| sqlx::query_as(sql(&VERSIONS)).bind(slug).fetch_all(pool).await)
}

/// The latest version of every campaign of the console, archived ones too.
pub async fn all(db: &Db) -> Result<Vec<Edition>> {
    on!(db.read, |pool, sql| sqlx::query_as(sql(&ALL)).fetch_all(pool).await)
}

/// The versions that are in force: each campaign's that was approved last, unless it is archived.
pub async fn in_force(db: &Db) -> Result<Vec<(String, i64)>> {
    on!(db.read, |pool, sql| sqlx::query_as(sql(&IN_FORCE)).fetch_all(pool).await)
}

/// Campaigns that were archived, and when.
pub async fn archived(db: &Db) -> Result<Vec<(String, i64)>> {
    on!(db.read, |pool, sql| sqlx::query_as(sql(&ARCHIVED)).fetch_all(pool).await)
}

/// What a version would be if it ran, or everything that is wrong with it.
pub async fn source(db: &Db, library: &Library, slug: &str, version: i64) -> std::result::Result<Source, SubmitError> {
    let Some(sheet) = sheet(db, slug, version).await? else { return Err(SubmitError::Unknown(slug.to_string(), version)) };
    library.source(slug, &sheet).map_err(SubmitError::Broken)
}

/// Asks for approval of a version. Where none is needed (`required` is false), it is in force at once.
pub async fn submit(
    db: &Db,
    library: &Library,
    required: bool,
    (slug, version): (&str, i64),
    note: &str,
    actor: &Actor,
    now: i64,
) -> std::result::Result<i64, SubmitError> {
    if library.is_provisioned(slug) {
        return Err(SubmitError::Provisioned);
    }
    let source = source(db, library, slug, version).await?;
    if let Some(phrase) = day_is_over(&source, now) {
        return Err(SubmitError::Broken(Problem::of(&format!("{slug}.toml"), phrase).into()));
    }
    if let Some(phrase) = open_blank(&source.campaign) {
        return Err(SubmitError::Broken(Problem::of(&format!("{slug}.toml"), phrase).into()));
    }
    let sent = transaction!(db, |tx| {
        let archived: i64 = within!(tx, |c, sql| sqlx::query_scalar(sql(&IS_ARCHIVED)).bind(slug).fetch_one(c).await)?;
        if archived > 0 {
            return Ok(Err(SubmitError::Archived));
        }
        let waiting = submission::waiting_for(tx, slug).await?;
        if waiting.is_some_and(|waiting| waiting.hash == source.hash && waiting.version == Some(version)) {
            return Ok(Err(SubmitError::Waiting));
        }
        let writers = writers::of(tx, library, &source.campaign, version).await?;
        let new = New {
            source: &source,
            segments: &library.segments_text,
            version: Some(version),
            writers,
            sender: Some(actor),
            note: note.trim(),
        };
        let id = submission::submit(tx, &new, now).await?;
        let after = json!({ "submission": id, "version": version, "hash": source.hash, "note": note.trim() });
        audit::record(tx, actor, "campaign.submit", slug, None, Some(&after), now).await?;
        if !required {
            decision::approve_unasked(tx, id, actor, now).await?;
        }
        Ok(Ok(id))
    });
    sent?
}

/// A campaign whose period is over would be approved for nothing.
fn day_is_over(source: &Source, now: i64) -> Option<crate::words::Phrase> {
    let campaign = &source.campaign;
    let today = chrono::DateTime::from_timestamp_millis(now)?.with_timezone(&campaign.timezone()).date_naive();
    let through = campaign.period.through.filter(|through| *through < today)?;
    Some(phrase!("thời gian của chiến dịch đã hết ngày {through}", "the campaign's period ended on {through}"))
}

/// A blank that still stands in a warning: a pattern's, a correction's, or what a bulletin had too much of for a text message.
fn open_blank(campaign: &Campaign) -> Option<crate::words::Phrase> {
    if campaign.kind != Kind::Warning {
        return None;
    }
    let text = |text: Option<&String>| text.cloned().unwrap_or_default();
    let bodies = campaign.messages.iter().flat_map(|message| std::iter::once(&message.body).chain(message.lang.values()));
    let (_, name) = bodies
        .flat_map(|body| {
            let sms = match &body.sms {
                Some(SmsBody::Text { text, .. }) => text.clone(),
                _ => String::new(),
            };
            let texts = Texts {
                title: campaign.title.clone(),
                sms,
                chat: text(body.chat.as_ref().and_then(|chat| chat.text.as_ref())),
                subject: text(body.email.as_ref().map(|mail| &mail.subject)),
                // In a mail `[[1]](…)` may be a link.
                body: String::new(),
            };
            texts.open()
        })
        .next()?;
    Some(phrase!("chỗ trống [[{name}]] chưa được điền", "the blank [[{name}]] is not filled in"))
}

/// Takes a campaign of the console out of force for good; what waits of it is withdrawn. False: it was archived before.
pub async fn archive(tx: &mut Tx, slug: &str, actor: &Actor, now: i64) -> Result<bool> {
    let done = within!(tx, |c, sql| sqlx::query(sql(&ARCHIVE)).bind(slug).bind(now).execute(c).await.map(affected))?;
    if done == 1 {
        submission::drop_waiting(tx, slug, Standing::Withdrawn, actor, now).await?;
        decision::mark(tx).await?;
        audit::record(tx, actor, "campaign.archive", slug, None, None, now).await?;
    }
    Ok(done == 1)
}

/// Takes an archived campaign back: its approved version is in force again. False: it is not archived.
pub async fn unarchive(db: &Db, slug: &str, actor: &Actor, now: i64) -> Result<bool> {
    transaction!(db, |tx| {
        let done = within!(tx, |c, sql| sqlx::query(sql(&UNARCHIVE)).bind(slug).execute(c).await.map(affected))?;
        if done == 1 {
            decision::mark(tx).await?;
            audit::record(tx, actor, "campaign.unarchive", slug, None, None, now).await?;
        }
        Ok(done == 1)
    })
}

/// Where a version stands, by what was decided about it; none: a draft.
pub fn standing_of(submissions: &[Submission], version: i64) -> Option<&Submission> {
    submissions.iter().find(|submission| submission.version == Some(version))
}
