//! What is done about a request: answered, closed, refused, or what it silenced lifted; each step is written down.

use providers::Channel;

use super::{Action, FOR_EVER, Kind, SOURCE, State, remember};
use crate::{
    consent::{self, Said, Scope},
    db::{Db, DbError, Result, Sql, Tx, affected},
    seal::Seal,
    transaction, within,
};

/// Why a step is not possible.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// There is none of this number.
    #[error("there is no request {0}")]
    Unknown(i64),
    /// It was closed before.
    #[error("request {0} is closed")]
    Closed(i64),
    /// A deletion is done by erasing the person.
    #[error("request {0} asks for deletion: erase the person")]
    NotErased(i64),
    /// Nothing is silenced by it, or no more.
    #[error("request {0} silences nothing")]
    Silent(i64),
    /// The database's error, or a note that the key does not open.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// What to do about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The person was answered: it is in hand.
    Answer,
    /// It is done, and the person knows.
    Close,
    /// It is not done, and the person knows why.
    Refuse,
    /// What it silenced may be written to again, at the person's wish.
    Lift,
}

static STANDING: Sql = Sql::new(
    r"SELECT q.kind, q.state, q.recipient, q.channel, q.address, q.until, r.state AS person FROM request q
      LEFT JOIN recipient r ON r.id = q.recipient WHERE q.id = $1 :lock(q)",
);

static ANSWER: Sql = Sql::new(r"UPDATE request SET answered_at = coalesce(answered_at, $2) WHERE id = $1");

static CLOSE: Sql =
    Sql::new(r"UPDATE request SET state = $3, answered_at = coalesce(answered_at, $2), closed_at = $2 WHERE id = $1");

static LIFT: Sql = Sql::new(r"UPDATE request SET until = $2 WHERE id = $1");

static RESUME: Sql = Sql::new(
    r"UPDATE recipient SET silent_until = coalesce((SELECT max(q.until) FROM request q WHERE q.recipient = $1 AND q.state <> 2), 0)
      WHERE id = $1",
);

static OTHERS: Sql =
    Sql::new(r"SELECT coalesce(max(until), 0) FROM request WHERE channel = $1 AND address = $2 AND state <> 2 AND until > $3");

static WITHDRAWN: Sql =
    Sql::new(r"SELECT EXISTS (SELECT 1 FROM request WHERE channel = $1 AND address = $2 AND kind = $3 AND state <> 2)");

#[derive(sqlx::FromRow)]
struct Standing {
    kind: i16,
    state: i16,
    recipient: Option<i64>,
    channel: Option<i16>,
    address: Option<i64>,
    until: Option<i64>,
    person: Option<i16>,
}

/// Takes a step and writes it down.
pub async fn step(db: &Db, seal: &Seal, id: i64, step: Step, by: &str, note: &str, now: i64) -> std::result::Result<(), Refused> {
    transaction!(db, |tx| step_within(tx, seal, id, step, by, note, now).await)?
}

/// The same within a transaction of the caller's; what is refused has changed nothing.
pub async fn step_within(
    tx: &mut Tx,
    seal: &Seal,
    id: i64,
    step: Step,
    by: &str,
    note: &str,
    now: i64,
) -> Result<std::result::Result<(), Refused>> {
    let sealed = (!note.is_empty()).then(|| seal.seal_text(note));
    let found: Option<Standing> = within!(tx, |c, sql| sqlx::query_as(sql(&STANDING)).bind(id).fetch_optional(c).await)?;
    let Some(request) = found else { return Ok(Err(Refused::Unknown(id))) };
    if let Err(refused) = request.allows(id, step, now) {
        return Ok(Err(refused));
    }
    let action = match step {
        Step::Answer => {
            within!(tx, |c, sql| sqlx::query(sql(&ANSWER)).bind(id).bind(now).execute(c).await.map(affected))?;
            Action::Answered
        }
        Step::Close | Step::Refuse => {
            let (state, action) =
                if step == Step::Close { (State::Done, Action::Done) } else { (State::Refused, Action::Refused) };
            within!(tx, |c, sql| {
                sqlx::query(sql(&CLOSE)).bind(id).bind(now).bind(state as i16).execute(c).await.map(affected)
            })?;
            action
        }
        Step::Lift => {
            within!(tx, |c, sql| sqlx::query(sql(&LIFT)).bind(id).bind(now).execute(c).await.map(affected))?;
            Action::Lifted
        }
    };
    if matches!(step, Step::Lift | Step::Refuse) && request.until.is_some() {
        request.resume(tx, now).await?;
    }
    remember(tx, id, action, now, by, sealed.as_deref()).await?;
    Ok(Ok(()))
}

impl Standing {
    fn allows(&self, id: i64, step: Step, now: i64) -> std::result::Result<(), Refused> {
        let open = self.state == State::Open as i16;
        match step {
            Step::Lift if self.until.is_none_or(|until| until <= now) || self.state == State::Refused as i16 => {
                Err(Refused::Silent(id))
            }
            Step::Answer | Step::Close | Step::Refuse if !open => Err(Refused::Closed(id)),
            // Somebody whom no list names has nothing to be erased.
            Step::Close if self.kind == Kind::Deletion as i16 && self.person.is_some_and(|state| state != 2) => {
                Err(Refused::NotErased(id))
            }
            _ => Ok(()),
        }
    }

    /// What this request silenced may be written to again, as far as no other one silences it.
    async fn resume(&self, tx: &mut Tx, now: i64) -> Result<()> {
        if let Some(person) = self.recipient {
            within!(tx, |c, sql| sqlx::query(sql(&RESUME)).bind(person).execute(c).await.map(affected))?;
        }
        let channel = self.channel.and_then(|channel| Channel::from_number(i64::from(channel)));
        if let (Some(channel), Some(address)) = (channel, self.address) {
            let others: i64 = within!(tx, |c, sql| {
                sqlx::query_scalar(sql(&OTHERS)).bind(channel as i16).bind(address).bind(now).fetch_one(c).await
            })?;
            let said = Said { source: SOURCE, wording: "", at: now };
            // One of those others may be for good, too.
            let lasting = self.until == Some(FOR_EVER) && others < FOR_EVER;
            consent::resume(tx, channel, address, others, lasting, said).await?;
            let withdrawn: bool = within!(tx, |c, sql| {
                let query = sqlx::query_scalar(sql(&WITHDRAWN)).bind(channel as i16).bind(address);
                query.bind(Kind::Withdrawal as i16).fetch_one(c).await
            })?;
            if lasting && withdrawn {
                consent::refuse(tx, channel, address, Scope::Awareness, said).await?;
            }
        }
        Ok(())
    }
}
