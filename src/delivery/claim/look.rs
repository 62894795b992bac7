//! The look of a claim: what is due on a route, what could forbid each message, what its account may take. What may go is rendered.

use super::{
    super::{State, Why, slot},
    Candidate, Limit, Prepared, Request,
};
use crate::{
    consent::agreement,
    db::{Result, Sql, Tx},
    health::throttle::Throttle,
    within,
};

static LEASE: Sql = Sql::new(r"SELECT lease_until FROM epoch e WHERE id = $1 AND NOT ended :share(e)");

static ACCOUNT: Sql = Sql::new(
    r"SELECT tat, day, used, paused IS NOT NULL, CAST(pace AS BIGINT), rests_until, :now_us FROM account a WHERE id = $1 :lock(a)",
);

static RUN: Sql = Sql::new(r"SELECT state, paused OR held IS NOT NULL, expires_at FROM run WHERE id = $1");

static RUN_LOCKED: Sql = Sql::new(r"SELECT state, paused OR held IS NOT NULL, expires_at FROM run r WHERE id = $1 :lock(r)");

// `c.id + 0`: as in `consent::agreement::basis`. Route 51 is chat by phone number (`BY_PHONE`); a refusal of either address on
// chat holds for both.
static CANDIDATES: Sql = Sql::new(
    r"SELECT d.id, d.address, d.account AS pinned, d.updated_at, d.attempt, d.tries, d.doubts, d.message, d.parts, d.price,
             r.state AS recipient_state, r.name, r.lang, r.area, r.attributes,
             CAST(d.route & 15 AS SMALLINT) AS carrier,
             CASE d.id & 15 WHEN 1 THEN r.phone WHEN 2 THEN r.email ELSE CASE d.route WHEN 51 THEN r.phone ELSE r.chat END END AS sealed,
             CASE d.id & 15 WHEN 1 THEN r.phone_hash WHEN 2 THEN r.email_hash ELSE CASE d.route WHEN 51 THEN ~r.phone_hash ELSE r.chat_hash END END AS hash,
             r.silent_until > $3
               OR EXISTS (SELECT 1 FROM opt_out o WHERE o.channel = d.id & 15 AND (o.scope >= $6 OR (o.passing >= $6 AND o.until > $3))
                     AND o.address = CASE d.id & 15 WHEN 1 THEN r.phone_hash WHEN 2 THEN r.email_hash ELSE CASE d.route WHEN 51 THEN ~r.phone_hash ELSE r.chat_hash END END)
               OR d.id & 15 = 3 AND EXISTS (SELECT 1 FROM opt_out o WHERE o.channel = 3 AND (o.scope >= $6 OR (o.passing >= $6 AND o.until > $3))
                     AND o.address = CASE d.route WHEN 51 THEN r.chat_hash ELSE ~r.phone_hash END) AS refused,
             EXISTS (SELECT 1 FROM block b WHERE b.channel = d.id & 15 AND b.binds >= $9
                     AND b.address = CASE d.id & 15 WHEN 1 THEN r.phone_hash WHEN 2 THEN r.email_hash ELSE CASE d.route WHEN 51 THEN ~r.phone_hash ELSE r.chat_hash END END)
               OR d.route = 51 AND EXISTS (SELECT 1 FROM block b WHERE b.channel = 1 AND b.binds >= $9 AND b.address = r.phone_hash) AS blocked,
             EXISTS (SELECT 1 FROM suppression s WHERE s.channel = d.id & 15
                     AND s.address = CASE d.id & 15 WHEN 1 THEN r.phone_hash WHEN 2 THEN r.email_hash ELSE CASE d.route WHEN 51 THEN ~r.phone_hash ELSE r.chat_hash END END) AS suppressed,
             CASE WHEN $10 THEN coalesce((SELECT CASE WHEN c.given THEN c.basis ELSE '' END FROM consent c
                                          WHERE c.recipient = r.id AND c.channel = d.id & 15 ORDER BY c.id + 0 DESC LIMIT 1), r.consent_basis)
                  END AS consent_basis,
             $8 AND EXISTS (SELECT 1 FROM delivery other WHERE other.id >= d.id - (d.id & 15) AND other.id < d.id - (d.id & 15) + 16
                            AND other.state IN (5, 6)) AS reached
      FROM delivery d JOIN recipient r ON r.id = (d.id >> 4) & 4294967295
      WHERE d.run = $1 AND d.route = $2 AND d.state = 0 AND d.next_at <= $3 AND (d.account = $4 OR d.account = $5)
      ORDER BY d.next_at LIMIT $7 :skip_locked(d)",
);

/// What could be claimed, in the order of its turn.
pub(super) struct Look<T> {
    /// The rows.
    pub(super) seen: Vec<Seen<T>>,
    /// Nothing more is due.
    pub(super) all: bool,
}

/// A row that could be claimed.
pub(super) struct Seen<T> {
    pub(super) candidate: Candidate,
    pub(super) fate: Fate<T>,
}

/// What becomes of a candidate whose turn it is.
pub(super) enum Fate<T> {
    May(Prepared<T>),
    /// It may not be sent.
    Ends(State, Why),
}

/// Looks at what is due and at everything that could forbid it, and renders what may go. Also: what the account may take.
pub(super) async fn look<T>(
    tx: &mut Tx,
    request: &Request<'_>,
    mut prepare: impl FnMut(&Candidate) -> Prepared<T>,
) -> Result<(Look<T>, std::result::Result<Room, Limit>)> {
    let room = match room(tx, request).await? {
        Ok(room) => room,
        Err(limit) => return Ok((Look { seen: Vec::new(), all: false }, Err(limit))),
    };
    let candidates = candidates(tx, request, room.limit).await?;
    let all = i64::try_from(candidates.len()).unwrap_or(i64::MAX) < room.limit;
    let wants_consent = request.plan.wants_consent(request.now);
    let seen = candidates.into_iter().map(|candidate| {
        let fate = match forbids(wants_consent, &candidate) {
            Some((state, why)) => Fate::Ends(state, why),
            None => Fate::May(prepare(&candidate)),
        };
        Seen { candidate, fate }
    });
    Ok((Look { seen: seen.collect(), all }, Ok(room)))
}

/// What an account may take now.
pub(super) struct Room {
    pub(super) tat: i64,
    pub(super) now_us: i64,
    /// When the first free slot is, on the database's clock.
    pub(super) first_slot: i64,
    /// A slot's length in microseconds.
    pub(super) period: i64,
    /// Slots that are free or held by the caller.
    pub(super) available: i64,
    /// Of the day's quota.
    pub(super) used: i64,
    /// Rows at most.
    pub(super) limit: i64,
}

/// Looks at the lease, the run and the account. Otherwise: what forbids a claim.
pub(super) async fn room(tx: &mut Tx, request: &Request<'_>) -> Result<std::result::Result<Room, Limit>> {
    let lease: Option<i64> = within!(tx, |c, sql| sqlx::query_scalar(sql(&LEASE)).bind(request.epoch).fetch_optional(c).await)?;
    if lease.is_none_or(|until| until <= request.now) {
        return Ok(Err(Limit::Lease));
    }
    let run_sql = if request.budget.is_some() { &RUN_LOCKED } else { &RUN };
    let (state, halted, expires): (i16, bool, i64) =
        within!(tx, |c, sql| sqlx::query_as(sql(run_sql)).bind(request.plan.run).fetch_one(c).await)?;
    if state > 1 || halted || expires <= request.now {
        return Ok(Err(Limit::Run));
    }
    let (tat, day, used, paused, pace, rests_until, now_us): (i64, String, i64, bool, i64, i64, i64) =
        within!(tx, |c, sql| sqlx::query_as(sql(&ACCOUNT)).bind(request.account).fetch_one(c).await)?;
    let throttle = Throttle { pace, rests_until, ..Throttle::default() };
    if paused || throttle.rests(request.now).is_some() {
        return Ok(Err(Limit::Account));
    }
    let used = if day == request.day { used } else { 0 };
    let quota = request.daily.map_or(i64::MAX, |daily| i64::try_from(daily).unwrap_or(i64::MAX) - used);
    if quota <= 0 {
        return Ok(Err(Limit::Quota));
    }
    let (first_slot, free, period) = slot::slots(tat, now_us, request.rate, pace);
    let available = free.saturating_add(i64::try_from(request.slots).unwrap_or(i64::MAX));
    let limit = i64::try_from(request.limit).unwrap_or(i64::MAX).min(available.saturating_mul(request.batch())).min(quota);
    if limit <= 0 {
        return Ok(Err(Limit::Rate));
    }
    Ok(Ok(Room { tat, now_us, first_slot, period, available, used, limit }))
}

async fn candidates(tx: &mut Tx, request: &Request<'_>, limit: i64) -> Result<Vec<Candidate>> {
    within!(tx, |c, sql| {
        sqlx::query_as(sql(&CANDIDATES))
            .bind(request.plan.run)
            .bind(request.route)
            .bind(request.now)
            .bind(request.account)
            .bind(if request.pinned_only { request.account } else { 0 })
            .bind(request.plan.silencing_scope())
            .bind(limit)
            .bind(request.plan.first && request.plan.order.len() > 1)
            .bind(request.plan.blocking_scope())
            .bind(request.plan.wants_consent(request.now))
            .fetch_all(c)
            .await
    })
}

/// How and why a candidate ends that may not be written to.
fn forbids(wants_consent: bool, candidate: &Candidate) -> Option<(State, Why)> {
    let agreed = || candidate.consent_basis.as_deref().is_some_and(agreement::has_agreed);
    let why = [
        (candidate.hash.is_none() || candidate.recipient_state != 0, Why::NoAddress),
        (candidate.refused, Why::OptedOut),
        (candidate.blocked, Why::DoNotCall),
        (candidate.suppressed, Why::Suppressed),
        (wants_consent && !agreed(), Why::NoConsent),
        (candidate.reached, Why::Reached),
    ];
    why.into_iter().find(|(so, _)| *so).map(|(_, why)| (State::Skipped, why))
}
