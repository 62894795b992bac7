//! Answers that are owed: whoever refuses by text is told so once (NĐ 91/2020/NĐ-CP: at once, and without advertising).
//!
//! A row of `confirmation` is the promise: owed, with its gateway, and then accepted, not sent, or unknown. It is claimed in
//! a transaction of its own before any byte leaves, and never goes back to owed unless its gateway definitely did not take
//! it: so nobody is told twice, and what a crash leaves with a gateway ends as unknown. The same person is told the same
//! thing once a day at most, so two machines that answer each other soon fall silent.

use std::time::Duration;

use providers::Channel;

use super::{Heard, Meaning};
use crate::{
    config::Office,
    db::{Db, Result, Sql, Tx, affected},
    on, transaction, within,
    words::minute,
};

/// For so long the same person is not told the same thing again; and so long is an answer worth sending.
const QUIET: Duration = Duration::from_hours(24);
/// Rows that one look finds.
pub const BATCH: usize = 16;

/// How far a confirmation is. The numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
pub enum State {
    /// To be sent.
    Owed = 0,
    /// Committed before any byte leaves.
    Submitting = 1,
    /// The gateway took it.
    Accepted = 2,
    /// Nothing was sent, and nothing will be.
    NotSent = 3,
    /// Perhaps it was sent: it is not repeated.
    Unknown = 4,
}

impl State {
    /// The state with this stored number.
    pub const fn from_number(number: i16) -> Self {
        match number {
            0 => Self::Owed,
            1 => Self::Submitting,
            2 => Self::Accepted,
            3 => Self::NotSent,
            _ => Self::Unknown,
        }
    }

    /// The name in exports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Owed => "owed",
            Self::Submitting => "submitting",
            Self::Accepted => "accepted",
            Self::NotSent => "not-sent",
            Self::Unknown => "unknown",
        }
    }
}

/// A confirmation that is due.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Due {
    /// Its number.
    pub id: i64,
    /// The account by which the message came.
    pub account: i64,
    /// Channel number.
    pub channel: i16,
    /// Sealed address.
    pub sender: Vec<u8>,
    /// See [`Meaning`].
    pub meaning: i16,
    /// Tries before this one.
    pub tries: i16,
    /// When the message came.
    pub at: i64,
    /// The person's language, where a list has them.
    pub lang: Option<String>,
    /// Their carrier group, where a list has them.
    pub carrier: Option<i16>,
}

impl Due {
    /// Until when it is worth sending.
    pub fn expires_at(&self) -> i64 {
        self.at + millis(QUIET)
    }

    /// What it says, in the person's language.
    pub fn text(&self, office: &Office) -> String {
        let english = self.lang.as_deref().is_some_and(|lang| !lang.starts_with("vi"));
        wording(Meaning::from_number(self.meaning), office, english, self.at)
    }
}

/// What a person is told.
fn wording(meaning: Meaning, office: &Office, english: bool, at: i64) -> String {
    let opt_out = &office.opt_out;
    let own = match (meaning, english) {
        (Meaning::TakesBack, true) => &opt_out.resumed_en,
        (Meaning::TakesBack, false) => &opt_out.resumed,
        (_, true) => &opt_out.refused_en,
        (_, false) => &opt_out.refused,
    };
    let built_in = match (meaning, english) {
        (Meaning::TakesBack, true) => "{office}: you will get our messages again, as asked for at {time}.",
        (Meaning::TakesBack, false) => "{office}: đã ghi nhận yêu cầu nhận lại tin lúc {time}.",
        (_, true) => "{office}: your refusal came at {time}; we send you no more from now on. To get messages again: {resume}.",
        (_, false) => "{office}: đã nhận yêu cầu từ chối lúc {time} và ngừng gửi tin từ lúc đó. Nhận lại: {resume}.",
    };
    let name = ["short", "name"].iter().find_map(|key| office.fields.get(*key)).map_or("Loa", String::as_str);
    let resume = match (opt_out.resume.first(), &opt_out.number, english) {
        (Some(word), Some(number), false) => format!("soạn {word} gửi {number}"),
        (Some(word), Some(number), true) => format!("text {word} to {number}"),
        (Some(word), None, false) => format!("trả lời {word}"),
        (Some(word), None, true) => format!("reply {word}"),
        (None, ..) => String::new(),
    };
    let text = own.as_deref().unwrap_or(built_in);
    let text = text.replace("{time}", &minute(at));
    text.replace("{resume}", &resume).replace("{office}", name)
}

static OWE: Sql = Sql::new(
    r"INSERT INTO confirmation (account, channel, address, sender, meaning, state, owner, tries, next_at, at)
      SELECT $1, $2, $3, $4, $5, 0, 0, 0, CAST($6 AS BIGINT), CAST($6 AS BIGINT)
      WHERE NOT EXISTS (SELECT 1 FROM confirmation WHERE channel = $2 AND address = $3 AND meaning = $5 AND at > $7)",
);

/// Owes a confirmation, unless the person was told the same within a day.
pub(super) async fn owe(tx: &mut Tx, heard: &Heard, address: i64, now: i64) -> Result<()> {
    within!(tx, |c, sql| {
        sqlx::query(sql(&OWE))
            .bind(heard.account)
            .bind(heard.channel as i16)
            .bind(address)
            .bind(&heard.sender)
            .bind(heard.meaning as i16)
            .bind(now)
            .bind(now - millis(QUIET))
            .execute(c)
            .await
            .map(affected)
    })?;
    Ok(())
}

static DUE: Sql = Sql::new(
    r"SELECT q.id, q.account, q.channel, q.sender, q.meaning, q.tries, q.at,
             (SELECT max(r.lang) FROM recipient r WHERE q.channel = 1 AND r.phone_hash = q.address AND r.state = 0) AS lang,
             (SELECT max(r.carrier) FROM recipient r WHERE q.channel = 1 AND r.phone_hash = q.address AND r.state = 0) AS carrier
      FROM confirmation q WHERE q.state = 0 AND q.next_at <= $1 AND q.sender IS NOT NULL ORDER BY q.next_at, q.id LIMIT $2",
);

/// Confirmations that are due, the longest first.
pub async fn due(db: &Db, now: i64) -> Result<Vec<Due>> {
    on!(db.read, |pool, sql| sqlx::query_as(sql(&DUE))
        .bind(now)
        .bind(i64::try_from(BATCH).unwrap_or(i64::MAX))
        .fetch_all(pool)
        .await)
}

static LEASE: Sql = Sql::new(r"SELECT lease_until FROM epoch e WHERE id = $1 AND NOT ended :share(e)");

static QUOTA: Sql = Sql::new(r"SELECT day, used, paused IS NOT NULL FROM account a WHERE id = $1 :lock(a)");

static USE: Sql = Sql::new(r"UPDATE account SET day = $2, used = $3 WHERE id = $1");

static CLAIM: Sql =
    Sql::new(r"UPDATE confirmation SET state = 1, owner = $2, account = $3, tries = tries + 1 WHERE id = $1 AND state + 0 = 0");

/// What claims a confirmation.
#[derive(Debug, Clone, Copy)]
pub struct Claimer<'a> {
    /// The claiming process.
    pub epoch: i64,
    /// The account by which it goes.
    pub account: i64,
    /// The account's daily quota.
    pub daily: Option<u64>,
    /// The local day that the quota counts.
    pub day: &'a str,
    /// Now, unix milliseconds.
    pub now: i64,
}

/// Takes a confirmation, to be sent at once, and one of the account's day. False: somebody else has it, or the account or
/// this process may not send now.
pub async fn claim(db: &Db, id: i64, by: Claimer<'_>) -> Result<bool> {
    transaction!(db, |tx| {
        let lease: Option<i64> = within!(tx, |c, sql| sqlx::query_scalar(sql(&LEASE)).bind(by.epoch).fetch_optional(c).await)?;
        if lease.is_none_or(|until| until <= by.now) {
            return Ok(false);
        }
        let (day, used, paused): (String, i64, bool) =
            within!(tx, |c, sql| sqlx::query_as(sql(&QUOTA)).bind(by.account).fetch_one(c).await)?;
        let used = if day == by.day { used } else { 0 };
        if paused || by.daily.is_some_and(|daily| used >= i64::try_from(daily).unwrap_or(i64::MAX)) {
            return Ok(false);
        }
        let taken = within!(tx, |c, sql| {
            sqlx::query(sql(&CLAIM)).bind(id).bind(by.epoch).bind(by.account).execute(c).await.map(affected)
        })?;
        if taken == 1 {
            within!(tx, |c, sql| {
                sqlx::query(sql(&USE)).bind(by.account).bind(by.day).bind(used + 1).execute(c).await.map(affected)
            })?;
        }
        Ok(taken == 1)
    })
}

/// What became of a claimed confirmation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// In this state; why, without addresses.
    In(State, String),
    /// Not taken: again from then on.
    Again(i64),
}

static END: Sql = Sql::new(
    r"UPDATE confirmation SET state = $3, detail = $4, done_at = $5, sender = NULL WHERE id = $1 AND owner = $2 AND state + 0 IN (0, 1)",
);

static AGAIN: Sql =
    Sql::new(r"UPDATE confirmation SET state = 0, owner = 0, next_at = $3 WHERE id = $1 AND owner = $2 AND state + 0 = 1");

/// Records what became of a confirmation of `owner`: this process's epoch, or 0 for one that nobody claimed. What was
/// taken from it meanwhile stays as it is.
pub async fn record(db: &Db, id: i64, owner: i64, ended: &Ended, now: i64) -> Result<()> {
    on!(db.write, |pool, sql| {
        match ended {
            Ended::In(state, detail) => {
                let detail = (!detail.is_empty()).then_some(detail);
                sqlx::query(sql(&END)).bind(id).bind(owner).bind(*state as i16).bind(detail).bind(now).execute(pool).await
            }
            Ended::Again(next_at) => sqlx::query(sql(&AGAIN)).bind(id).bind(owner).bind(*next_at).execute(pool).await,
        }
        .map(affected)
    })?;
    Ok(())
}

static DEFER: Sql = Sql::new(r"UPDATE confirmation SET next_at = $2 WHERE id = $1 AND state + 0 = 0 AND next_at < $2");

/// Looks at a confirmation again only from then on, so that one whose account cannot send now stands in nobody's way.
pub async fn defer(db: &Db, id: i64, next_at: i64) -> Result<()> {
    on!(db.write, |pool, sql| sqlx::query(sql(&DEFER)).bind(id).bind(next_at).execute(pool).await.map(affected))?;
    Ok(())
}

static DISOWN: Sql = Sql::new(
    r"UPDATE confirmation SET state = 4, done_at = $1, sender = NULL
      WHERE state = 1 AND owner <> $2 AND owner IN (SELECT id FROM epoch WHERE ended OR lease_until <= $1)",
);

/// What lapsed processes had with a gateway is unknown for good. How many that were.
pub async fn disown(db: &Db, own: i64, now: i64) -> Result<u64> {
    on!(db.write, |pool, sql| sqlx::query(sql(&DISOWN)).bind(now).bind(own).execute(pool).await.map(affected))
}

/// The reference of a confirmation, which is none of a delivery's.
pub fn reference(seal: &crate::seal::Seal, due: &Due) -> String {
    crate::token::encode(due.id, u8::try_from(due.tries).unwrap_or(u8::MAX), |bytes| seal.mac("confirmation", bytes))
}

/// The channel of a confirmation.
pub fn channel(due: &Due) -> Option<Channel> {
    Channel::from_number(i64::from(due.channel))
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use providers::text;

    use super::*;
    use crate::config::OptOut;

    fn office(number: Option<&str>) -> Office {
        let fields = BTreeMap::from([("short".to_string(), "SO VHTTDL".to_string())]);
        Office { fields, opt_out: OptOut { number: number.map(str::to_string), ..OptOut::default() } }
    }

    /// 2 November 2026, 08:00 in Viet Nam.
    const AT: i64 = 1_793_581_200_000;

    #[test]
    fn a_person_is_told_since_when_and_how_to_take_it_back() {
        assert_eq!(
            text::unaccented(&wording(Meaning::Refuses, &office(Some("5656")), false, AT)),
            "SO VHTTDL: da nhan yeu cau tu choi luc 08:00 02/11/2026 va ngung gui tin tu luc do. Nhan lai: soan HUY TC gui 5656."
        );
        assert_eq!(
            wording(Meaning::Refuses, &office(None), true, AT),
            "SO VHTTDL: your refusal came at 08:00 02/11/2026; we send you no more from now on. To get messages again: reply HUY TC."
        );
        assert_eq!(
            wording(Meaning::TakesBack, &office(None), false, AT),
            "SO VHTTDL: đã ghi nhận yêu cầu nhận lại tin lúc 08:00 02/11/2026."
        );
    }

    #[test]
    fn the_built_in_wordings_take_one_part() {
        for meaning in [Meaning::Refuses, Meaning::TakesBack] {
            for english in [false, true] {
                let sms = text::sms(&wording(meaning, &office(Some("5656")), english, AT), true, 2).unwrap();
                assert_eq!(sms.parts, 1, "{}", sms.text);
            }
        }
    }
}
