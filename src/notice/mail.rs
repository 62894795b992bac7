//! Mails that tell of notices: one for all that is new, at most every so often, at once for what is urgent.
//!
//! What enters is what stands and no mail has told of; what leaves is a numbered mail ([`Post::step`]) to each place of
//! `[notify] email`, through a mail account's adapter, within that account's rate and daily quota. Of several nodes one makes a mail: the
//! number is a key. One that broke off is sent on by whichever node comes first once its time is over, to those who have not got it; its reference
//! is the same, so that a mail program knows a repeat. What can go wrong: the account does not send; it is tried again for a day, and
//! `loa doctor` says so.

use std::{fmt::Write as _, sync::Arc, time::Duration};

use chrono::{DateTime, NaiveTime, Utc};
use chrono_tz::Asia::Ho_Chi_Minh;
use providers::Email;
use serde::Serialize;

use super::{
    Kind,
    courier::{Courier, Refused},
};
use crate::{
    account::{Account, Accounts},
    clock::Clock,
    config::{Config, Notify},
    db::{Db, Result, Sql, affected},
    on, phrase,
    seal::Seal,
    token, transaction, within,
    words::{self, Lang, Phrase, minute},
};

/// For so long nobody else sends a mail that somebody is about to send (milliseconds).
const LEASE: i64 = 120_000;
/// From one try to the next, doubled each time up to an hour.
const AGAIN: i64 = 60_000;
const LONGEST: i64 = 3_600_000;
/// A mail is tried for so long.
const GIVE_UP: i64 = 24 * 3_600_000;
/// How often it is looked whether there is a mail to send.
const IDLE: Duration = Duration::from_secs(10);
/// Notices that one mail lists; the others stand in the console.
const LISTED: i64 = 50;
/// The purpose of the MAC in references of these mails.
const PURPOSE: &str = "digest";

/// Sends them.
pub struct Post {
    /// The database.
    pub db: Db,
    /// The clock.
    pub clock: Clock,
    /// Signs references.
    pub seal: Seal,
    /// Whom to tell, and how.
    pub notify: Notify,
    /// The accounts.
    pub accounts: Arc<Accounts>,
    /// What the office is called.
    pub office: String,
    /// Where the console is, for links; none: the mail names pages alone.
    pub console: Option<String>,
}

impl Post {
    /// As the settings say.
    pub fn new(config: &Config, db: &Db, clock: &Clock, seal: &Seal, accounts: &Arc<Accounts>) -> Self {
        let office = ["short", "name"].iter().find_map(|key| config.office.fields.get(*key)).cloned();
        Self {
            db: db.clone(),
            clock: clock.clone(),
            seal: seal.clone(),
            notify: config.notify.clone(),
            accounts: Arc::clone(accounts),
            office: office.unwrap_or_else(|| "Loa".to_string()),
            console: Some(config.console_url()),
        }
    }
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Posted {
    /// Mails that a server took.
    pub sent: usize,
    /// How long the next step may wait.
    pub wait: Duration,
}

static LAST: Sql = Sql::new(r"SELECT number, made_at FROM digest ORDER BY number DESC LIMIT 1");

static OF_DAY: Sql = Sql::new(r"SELECT count(*) FROM digest WHERE made_at >= $1");

static NEW: Sql = Sql::new(r"SELECT id, kind, urgent FROM notice WHERE digest IS NULL AND ended_at IS NULL ORDER BY id");

static MAKE: Sql =
    Sql::new(r"INSERT INTO digest (number, state, made_at, next_at, tries, left_to, detail) VALUES ($1, 0, $2, $3, 0, $4, '')");

static TELL: Sql = Sql::new(
    r"UPDATE notice SET digest = $1 WHERE digest IS NULL AND ended_at IS NULL AND id IN (SELECT id FROM :rows($2; id BIGINT) AS l)",
);

static DUE: Sql = Sql::new(
    r"SELECT number, made_at, next_at, tries, left_to FROM digest WHERE state = 0 AND next_at <= $1 ORDER BY number LIMIT 1",
);

static TAKE: Sql = Sql::new(r"UPDATE digest SET next_at = $3 WHERE number = $1 AND next_at = $2 AND state = 0");

static TOLD: Sql =
    Sql::new(r"SELECT vi, en, page, urgent, began_at FROM notice WHERE digest = $1 ORDER BY urgent DESC, id LIMIT $2");

static HOW_MANY: Sql = Sql::new(r"SELECT count(*) FROM notice WHERE digest = $1");

static GOT: Sql = Sql::new(r"UPDATE digest SET left_to = $2 WHERE number = $1");

static SENT: Sql = Sql::new(r"UPDATE digest SET state = 1, sent_at = $2, detail = $3 WHERE number = $1");

static LATER: Sql = Sql::new(r"UPDATE digest SET state = $2, tries = tries + 1, next_at = $3, detail = $4 WHERE number = $1");

/// A mail that is due.
#[derive(sqlx::FromRow)]
struct Due {
    number: i64,
    made_at: i64,
    next_at: i64,
    tries: i16,
    left_to: String,
}

/// A notice as a mail tells of it.
#[derive(sqlx::FromRow)]
struct Told {
    vi: String,
    en: String,
    page: String,
    urgent: bool,
    began_at: i64,
}

impl Post {
    /// Makes a mail if one is due, and sends what is to be sent.
    pub async fn step(&self) -> Result<Posted> {
        let mut posted = Posted { sent: 0, wait: IDLE };
        if self.notify.email.is_empty() {
            return Ok(posted);
        }
        self.make().await?;
        let now = self.clock.millis();
        let due: Option<Due> = on!(self.db.read, |pool, sql| sqlx::query_as(sql(&DUE)).bind(now).fetch_optional(pool).await)?;
        let Some(due) = due else { return Ok(posted) };
        let taken = on!(self.db.write, |pool, sql| {
            sqlx::query(sql(&TAKE)).bind(due.number).bind(due.next_at).bind(now + LEASE).execute(pool).await.map(affected)
        })?;
        if taken == 1 {
            posted.sent = self.send(&due).await?;
        }
        Ok(posted)
    }

    /// Makes the next mail, unless it is too early or there is nothing new.
    async fn make(&self) -> Result<()> {
        let now = self.clock.millis();
        let new: Vec<(i64, i16, bool)> = on!(self.db.read, |pool, sql| sqlx::query_as(sql(&NEW)).fetch_all(pool).await)?;
        let is_told = |kind: i16| {
            // What only its one reader has to know stands in the console.
            Kind::from_number(kind).is_some_and(|kind| kind != Kind::ListChecked && !self.notify.mute.contains(kind.name()))
        };
        let new: Vec<(i64, bool)> =
            new.into_iter().filter(|(_, kind, _)| is_told(*kind)).map(|(id, _, urgent)| (id, urgent)).collect();
        if new.is_empty() {
            return Ok(());
        }
        let urgent = new.iter().any(|(_, urgent)| *urgent);
        let every = i64::try_from(self.notify.every.as_millis()).unwrap_or(i64::MAX);
        let begins = day_begins(self.clock.now());
        let notices = crate::db::list(&new.iter().map(|(id, _)| One { id: *id }).collect::<Vec<_>>());
        let to = serde_json::to_string(&self.notify.email).unwrap_or_default();
        if !urgent && self.notify.is_quiet(local(self.clock.now())) {
            return Ok(());
        }
        transaction!(self.db, |tx| {
            let last: Option<(i64, i64)> = within!(tx, |c, sql| sqlx::query_as(sql(&LAST)).fetch_optional(c).await)?;
            let (number, made_at) = last.unwrap_or((0, i64::MIN / 2));
            // A clock that was set back must not silence anything.
            let early = !urgent && (made_at..made_at.saturating_add(every)).contains(&now);
            let today: i64 = within!(tx, |c, sql| sqlx::query_scalar(sql(&OF_DAY)).bind(begins).fetch_one(c).await)?;
            if early || today >= self.notify.daily {
                return Ok(());
            }
            // Somebody else who makes this number loses, looks again, and finds nothing new.
            let told =
                within!(tx, |c, sql| sqlx::query(sql(&TELL)).bind(number + 1).bind(&notices).execute(c).await.map(affected))?;
            if told > 0 {
                within!(tx, |c, sql| {
                    sqlx::query(sql(&MAKE)).bind(number + 1).bind(now).bind(now).bind(&to).execute(c).await.map(affected)
                })?;
            }
            Ok(())
        })
    }

    /// Sends a mail to whoever has not got it. How many servers took it.
    async fn send(&self, due: &Due) -> Result<usize> {
        let mut left: Vec<String> = serde_json::from_str(&due.left_to).unwrap_or_default();
        let mail = self.mail(due).await?;
        let (mut sent, mut said) = (0, String::new());
        let Some(account) = self.courier().account() else {
            self.later(due, "no mail account can send now").await?;
            return Ok(0);
        };
        let mut waiting = std::mem::take(&mut left);
        waiting.reverse();
        while let Some(place) = waiting.pop() {
            match self.one(due, &account, &place, &mail).await? {
                Ok(()) => sent += 1,
                Err(Refused::ForGood(detail)) => said = detail,
                Err(Refused::Busy(detail) | Refused::ForNow(detail)) => {
                    said = detail;
                    left.push(place);
                }
            }
            let rest: Vec<&String> = left.iter().chain(waiting.iter().rev()).collect();
            let rest = serde_json::to_string(&rest).unwrap_or_default();
            on!(self.db.write, |pool, sql| {
                sqlx::query(sql(&GOT)).bind(due.number).bind(&rest).execute(pool).await.map(affected)
            })?;
        }
        if left.is_empty() {
            let now = self.clock.millis();
            on!(self.db.write, |pool, sql| {
                sqlx::query(sql(&SENT)).bind(due.number).bind(now).bind(&said).execute(pool).await.map(affected)
            })?;
        } else {
            self.later(due, &said).await?;
        }
        Ok(sent)
    }

    async fn later(&self, due: &Due, why: &str) -> Result<()> {
        let now = self.clock.millis();
        let state: i16 = if now - due.made_at >= GIVE_UP { 2 } else { 0 };
        let wait = AGAIN.saturating_mul(1 << due.tries.clamp(0, 10)).min(LONGEST);
        tracing::warn!(mail = due.number, why, "a mail of notices could not be sent");
        on!(self.db.write, |pool, sql| {
            sqlx::query(sql(&LATER)).bind(due.number).bind(state).bind(now + wait).bind(why).execute(pool).await.map(affected)
        })?;
        Ok(())
    }

    fn courier(&self) -> Courier<'_> {
        Courier { db: &self.db, clock: &self.clock, accounts: &self.accounts, by: self.notify.account.as_deref() }
    }

    /// Sends one mail to one place.
    async fn one(&self, due: &Due, account: &Account, to: &str, mail: &Email) -> Result<std::result::Result<(), Refused>> {
        let place = self.notify.email.iter().position(|one| one == to).and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX);
        let reference = token::encode(due.number, place, |bytes| self.seal.mac(PURPOSE, bytes));
        self.courier().send(account, reference, to, mail).await
    }

    async fn mail(&self, due: &Due) -> Result<Email> {
        let told: Vec<Told> =
            on!(self.db.read, |pool, sql| { sqlx::query_as(sql(&TOLD)).bind(due.number).bind(LISTED).fetch_all(pool).await })?;
        let all: i64 = on!(self.db.read, |pool, sql| sqlx::query_scalar(sql(&HOW_MANY)).bind(due.number).fetch_one(pool).await)?;
        Ok(self.composed(&told, all))
    }

    /// The mail: a line a notice, and where it is dealt with.
    fn composed(&self, told: &[Told], all: i64) -> Email {
        let lang = self.notify.lang;
        let urgent = told.iter().any(|one| one.urgent);
        let office = &self.office;
        let subject = match told {
            [one] if all == 1 => one.text(lang).to_string(),
            _ => {
                let n = words::number(all, lang);
                phrase!("{n} việc cần để ý", "{n} things to look at").text(lang).to_string()
            }
        };
        let mark = if urgent { lang.pick("[KHẨN] ", "[URGENT] ") } else { "" };
        let (mut text, mut rows) = (String::new(), String::new());
        // Writing into a text cannot fail.
        for one in told {
            let at = minute(one.began_at);
            let link = self.console.as_ref().map_or_else(|| one.page.clone(), |base| format!("{base}{}", one.page));
            let star = if one.urgent { "! " } else { "- " };
            let _ = writeln!(text, "{star}{} ({at})\n  {link}", one.text(lang));
            let shown = if self.console.is_some() { format!("<a href=\"{0}\">{0}</a>", escaped(&link)) } else { escaped(&link) };
            let weight = if one.urgent { "bold" } else { "normal" };
            let _ = write!(
                rows,
                "<li style=\"margin:0 0 12px\"><span style=\"font-weight:{weight}\">{}</span><br>\
                 <span style=\"color:#555\">{at} · {shown}</span></li>",
                escaped(one.text(lang))
            );
        }
        let more = all - i64::try_from(told.len()).unwrap_or(all);
        let rest = if more > 0 {
            phrase!("Và {more} việc khác trong hộp việc.", "And {more} more in the inbox.")
        } else {
            Phrase::default()
        };
        let why = phrase!(
            "Thư này do Loa của {office} tự gửi; đổi nơi nhận ở mục [notify] của loa.toml.",
            "Loa of {office} sent this by itself; [notify] in loa.toml says to whom."
        );
        let (rest, why) = (rest.text(lang), why.text(lang));
        let text = format!("{text}{rest}\n{why}\n");
        let html = format!(
            "<!doctype html><html lang=\"{}\"><head><meta charset=\"utf-8\"><title>{title}</title></head>\
             <body style=\"font-family:sans-serif;line-height:1.5\"><ul style=\"padding-left:20px\">{rows}</ul><p>{}</p>\
             <p style=\"color:#555\">{}</p></body></html>",
            lang.pick("vi", "en"),
            escaped(rest),
            escaped(why),
            title = escaped(&subject),
        );
        Email {
            to_name: None,
            subject: one_line(&format!("{mark}{subject}")),
            text,
            html,
            attachments: Vec::new(),
            pictures: Vec::new(),
            unsubscribe_url: None,
            list: None,
            language: lang.pick("vi", "en").to_string(),
            urgent,
        }
    }
}

impl Told {
    fn text(&self, lang: Lang) -> &str {
        lang.pick(&self.vi, &self.en)
    }
}

#[derive(Serialize)]
struct One {
    id: i64,
}

fn local(now: DateTime<Utc>) -> NaiveTime {
    now.with_timezone(&Ho_Chi_Minh).time()
}

fn day_begins(now: DateTime<Utc>) -> i64 {
    let local = now.with_timezone(&Ho_Chi_Minh);
    let since = local.time().signed_duration_since(NaiveTime::MIN).num_milliseconds();
    now.timestamp_millis() - since
}

pub(super) fn one_line(text: &str) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(150).collect()
}

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Mails that could not be sent, for whoever looks after the machine.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Failing {
    /// How many.
    pub mails: i64,
    /// Since when, unix milliseconds.
    pub since: i64,
    /// What went wrong with the last of them.
    pub detail: String,
}

static FAILING: Sql = Sql::new(
    r"SELECT count(*) AS mails, coalesce(min(made_at), 0) AS since,
             coalesce((SELECT d.detail FROM digest d WHERE (d.state = 2 OR d.tries > 0 AND d.state = 0) AND d.made_at > $1 ORDER BY d.number DESC LIMIT 1), '') AS detail
      FROM digest WHERE (state = 2 OR tries > 0 AND state = 0) AND made_at > $1",
);

/// Mails of the last week that were given up or are tried again; none: all went.
pub async fn failing(db: &Db, now: i64) -> Result<Option<Failing>> {
    let found: Failing =
        on!(db.read, |pool, sql| { sqlx::query_as(sql(&FAILING)).bind(now - 7 * 24 * 3_600_000).fetch_one(pool).await })?;
    Ok(Some(found).filter(|found| found.mails > 0))
}
