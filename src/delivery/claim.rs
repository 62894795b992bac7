//! Claims: a process takes rows for one account, and everything that could forbid a send is looked at once more.
//!
//! A claim is small (it bounds what a crash leaves in doubt) and commits before any byte leaves. In its transaction it
//! checks the process's lease, the run's state, the account's slots and quota, the person's refusals, caps and spacing,
//! and the run's budget.

mod request;

use std::collections::{HashMap, HashSet};

use serde::Serialize;

pub use request::{Candidate, Claim, Claimed, Limit, Prepared, Request};

use super::{
    Counted, State, Why, advert, contact, end,
    slot::{self, Reserved, micros},
};
use crate::{
    consent::agreement,
    db::{Result, Sql, Tx, affected},
    health::throttle::Throttle,
    tally, within,
};

static LEASE: Sql = Sql::new(r"SELECT lease_until FROM epoch e WHERE id = $1 AND NOT ended :share(e)");

static ACCOUNT: Sql = Sql::new(
    r"SELECT tat, day, used, paused IS NOT NULL, CAST(pace AS BIGINT), rests_until, :now_us FROM account a WHERE id = $1 :lock(a)",
);

static SPEND: Sql = Sql::new(r"UPDATE account SET tat = $2, day = $3, used = $4 WHERE id = $1");

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

static ADDRESS_TAKEN: Sql = Sql::new(r"SELECT EXISTS (SELECT 1 FROM delivery WHERE run = $1 AND address = $2)");

// `state + 0`, here and below: such a row is found by its key. With the bare column an engine may walk the partial index
// of that state instead, with statistics from when it was all but empty, once for every row of the list.
static SUBMIT: Sql = Sql::new(
    r"UPDATE delivery SET state = 1, owner = $2, account = $3, updated_at = v.claimed_at, parts = v.parts, price = v.price, address = v.address,
             reason = CASE delivery.reason WHEN 33 THEN 0 ELSE delivery.reason END
      FROM :rows($1; id BIGINT, claimed_at BIGINT, parts SMALLINT, price BIGINT, address BIGINT) AS v
      WHERE delivery.id = v.id AND delivery.state + 0 = 0",
);

static DEFER: Sql = Sql::new(
    r"UPDATE delivery SET next_at = v.next_at, reason = 33
      FROM :rows($1; id BIGINT, next_at BIGINT) AS v WHERE delivery.id = v.id AND delivery.state + 0 = 0",
);

#[derive(Serialize)]
struct Submitted {
    id: i64,
    claimed_at: i64,
    parts: i16,
    price: i64,
    address: Option<i64>,
}

#[derive(Serialize)]
struct Deferred {
    id: i64,
    next_at: i64,
}

/// Claims rows of one run and route for one account. `prepare` renders: it is called inside the transaction, only
/// computes, and sees each candidate at most once a call (a lost deadlock calls the whole body again).
pub async fn claim<T>(tx: &mut Tx, request: &Request<'_>, prepare: impl FnMut(&Candidate) -> Prepared<T>) -> Result<Claim<T>> {
    let nothing = |limit| Claim { claimed: Vec::new(), seen: 0, exhausted: limit == Limit::None, limit, reserved: None };
    let room = match room(tx, request).await? {
        Ok(room) => room,
        Err(limit) => return Ok(nothing(limit)),
    };
    let candidates = candidates(tx, request, room.limit).await?;
    let seen = candidates.len();
    if seen == 0 {
        return Ok(nothing(Limit::None));
    }
    let mut taken = sift(tx, request, &room, candidates, prepare).await?;

    if !taken.deferred.is_empty() {
        let list = crate::db::list(&taken.deferred);
        within!(tx, |c, sql| sqlx::query(sql(&DEFER)).bind(&list).execute(c).await.map(affected))?;
    }
    end::end_pending(tx, request.plan, &taken.ended, request.now, &mut taken.changes).await?;
    let reserved = if taken.claimed.is_empty() { None } else { take(tx, request, &room, &taken).await? };
    // Rows that are deferred or ended use up no slot: only messages on their way do.
    let limit = if taken.limit == Limit::None && taken.slots >= room.available { Limit::Rate } else { taken.limit };
    let exhausted = i64::try_from(seen).unwrap_or(i64::MAX) < room.limit && !taken.left_over;
    tally::apply(tx, request.epoch, taken.changes).await?;
    Ok(Claim { claimed: taken.claimed, seen, exhausted, limit, reserved })
}

/// What an account may take now.
struct Room {
    tat: i64,
    now_us: i64,
    /// When the first free slot is, on the database's clock.
    first_slot: i64,
    /// A slot's length in microseconds.
    period: i64,
    /// Slots that are free or held by the caller.
    available: i64,
    /// Of the day's quota.
    used: i64,
    /// Rows at most.
    limit: i64,
}

/// Looks at the lease, the run and the account. Otherwise: what forbids a claim.
async fn room(tx: &mut Tx, request: &Request<'_>) -> Result<std::result::Result<Room, Limit>> {
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

/// What becomes of the candidates.
struct Taken<T> {
    claimed: Vec<Claimed<T>>,
    submitted: Vec<Submitted>,
    deferred: Vec<Deferred>,
    ended: Vec<end::End>,
    /// Slots that the claimed ones take.
    slots: i64,
    /// What held some back.
    limit: Limit,
    /// A message of more parts than slots are free stayed.
    left_over: bool,
    changes: tally::Changes,
}

/// Looks at each candidate: who may not be written to, who has to wait, what fits.
async fn sift<T>(
    tx: &mut Tx,
    request: &Request<'_>,
    room: &Room,
    candidates: Vec<Candidate>,
    mut prepare: impl FnMut(&Candidate) -> Prepared<T>,
) -> Result<Taken<T>> {
    let run = request.plan.run;
    let mut too_soon =
        if request.counts_as_contact { contact::too_soon(tx, request, &candidates).await? } else { HashMap::new() };
    if request.plan.advertising {
        too_soon.extend(advert::too_many(tx, request, &candidates).await?);
    }
    let wants_consent = request.plan.wants_consent(request.now);
    let mut left = match request.budget {
        Some(budget) => budget - tally::spent(tx, run).await?,
        None => i64::MAX,
    };
    let mut taken = Taken {
        claimed: Vec::new(),
        submitted: Vec::new(),
        deferred: Vec::new(),
        ended: Vec::new(),
        slots: 0,
        limit: Limit::None,
        left_over: false,
        changes: tally::Changes::default(),
    };
    let mut new_addresses = HashSet::new();
    let mut all_parts = 0_i64;
    for candidate in candidates {
        if let Some(next_at) = too_soon.get(&candidate.id) {
            taken.deferred.push(Deferred { id: candidate.id, next_at: *next_at });
            // It enters what it leaves: kept figures, which tell reasons, see by it that something moved.
            let own = Counted {
                id: candidate.id,
                account: candidate.pinned,
                state: State::Pending.number(),
                parts: candidate.parts,
                price: candidate.price,
            };
            own.becomes(&own, &mut taken.changes);
            continue;
        }
        let hash = match may_go(tx, run, wants_consent, &candidate, &mut new_addresses).await? {
            Ok(hash) => hash,
            Err((state, why)) => {
                taken.ended.push(end::End { id: candidate.id, state, why, detail: None });
                continue;
            }
        };
        let (parts, price, payload) = match prepare(&candidate) {
            Prepared::Send { parts, price, payload } => (parts, price, payload),
            Prepared::Reject { reason, detail } => {
                let (state, why) = (State::Rejected, Why::Gateway(reason));
                taken.ended.push(end::End { id: candidate.id, state, why, detail: Some(detail) });
                continue;
            }
        };
        let with_it = request.slots_of(taken.claimed.len() + 1, all_parts + i64::from(parts.max(1)));
        // A message of more parts than slots are free goes when it is the first: its last slots lie further ahead.
        if with_it > room.available && !taken.claimed.is_empty() {
            taken.left_over = true;
            continue;
        }
        let cost = if candidate.pinned == 0 { (parts, price) } else { (0, 0) };
        if cost.1 > left {
            taken.limit = Limit::Budget;
            continue;
        }
        left -= cost.1;
        taken.slots = with_it;
        all_parts += i64::from(parts.max(1));
        taken.add(request, &candidate, hash, cost, payload);
    }
    Ok(taken)
}

/// Whether a candidate may be written to: the keyed hash of its address, or how and why it ends.
async fn may_go(
    tx: &mut Tx,
    run: i64,
    wants_consent: bool,
    candidate: &Candidate,
    new_addresses: &mut HashSet<i64>,
) -> Result<std::result::Result<i64, (State, Why)>> {
    let Some(hash) = candidate.hash.filter(|_| candidate.recipient_state == 0) else {
        return Ok(Err((State::Skipped, Why::NoAddress)));
    };
    if candidate.refused {
        return Ok(Err((State::Skipped, Why::OptedOut)));
    }
    if candidate.blocked {
        return Ok(Err((State::Skipped, Why::DoNotCall)));
    }
    if candidate.suppressed {
        return Ok(Err((State::Skipped, Why::Suppressed)));
    }
    if wants_consent && !candidate.consent_basis.as_deref().is_some_and(agreement::has_agreed) {
        return Ok(Err((State::Skipped, Why::NoConsent)));
    }
    if candidate.reached {
        return Ok(Err((State::Skipped, Why::Reached)));
    }
    if candidate.address != Some(hash) {
        // Text, address, account and reference of a doubted attempt stay fixed: another address cannot settle it.
        if candidate.pinned != 0 {
            return Ok(Err((State::Unknown, Why::AddressChanged)));
        }
        let taken: bool = within!(tx, |c, sql| sqlx::query_scalar(sql(&ADDRESS_TAKEN)).bind(run).bind(hash).fetch_one(c).await)?;
        if taken || !new_addresses.insert(hash) {
            return Ok(Err((State::Skipped, Why::SameAddress)));
        }
    }
    Ok(Ok(hash))
}

impl<T> Taken<T> {
    /// One more goes.
    fn add(&mut self, request: &Request<'_>, candidate: &Candidate, hash: i64, cost: (i16, i64), payload: T) {
        let before = Counted {
            id: candidate.id,
            account: candidate.pinned,
            state: State::Pending.number(),
            parts: candidate.parts,
            price: candidate.price,
        };
        let row = (candidate.parts + cost.0, candidate.price + cost.1);
        let after = Counted { account: request.account, state: State::Submitting.number(), parts: row.0, price: row.1, ..before };
        before.becomes(&after, &mut self.changes);
        let claimed_at = request.now.max(candidate.updated_at + 1);
        if cost != (0, 0) {
            let count = tally::Count { n: 1, parts: i64::from(cost.0), price: cost.1 };
            self.changes.billed(request.account, request.route, claimed_at, count);
        }
        self.submitted.push(Submitted { id: candidate.id, claimed_at, parts: row.0, price: row.1, address: Some(hash) });
        self.claimed.push(Claimed {
            id: candidate.id,
            owner: request.epoch,
            claimed_at,
            attempt: candidate.attempt,
            repeat: candidate.pinned != 0,
            tries: candidate.tries,
            doubts: candidate.doubts,
            cost,
            row,
            account: request.account,
            route: request.route,
            address: hash,
            payload,
        });
    }
}

/// Writes down who owns the rows now, and what they use up of the account's rate and quota. The slots beyond the caller's own.
async fn take<T>(tx: &mut Tx, request: &Request<'_>, room: &Room, taken: &Taken<T>) -> Result<Option<Reserved>> {
    let list = crate::db::list(&taken.submitted);
    within!(tx, |c, sql| {
        sqlx::query(sql(&SUBMIT)).bind(&list).bind(request.epoch).bind(request.account).execute(c).await.map(affected)
    })?;
    if request.counts_as_contact {
        contact::take(tx, request.plan.run, &taken.claimed, request.now).await?;
    }
    if request.plan.advertising {
        advert::take(tx, &taken.claimed, request.now).await?;
    }
    let n = i64::try_from(taken.claimed.len()).unwrap_or(i64::MAX);
    let more = (taken.slots - i64::try_from(request.slots).unwrap_or(i64::MAX)).max(0);
    let tat = if more > 0 { room.first_slot + more * room.period } else { room.tat };
    within!(tx, |c, sql| {
        sqlx::query(sql(&SPEND))
            .bind(request.account)
            .bind(tat)
            .bind(request.day)
            .bind(room.used + n)
            .execute(c)
            .await
            .map(affected)
    })?;
    Ok((more > 0).then(|| Reserved {
        wait: micros(room.first_slot - room.now_us),
        n: u32::try_from(more).unwrap_or(u32::MAX),
        period: micros(room.period),
    }))
}
