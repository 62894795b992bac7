//! Claims: a process takes rows for one account, and everything that could forbid a send is looked at once more.
//!
//! A claim is small (it bounds what a crash leaves in doubt) and commits before any byte leaves. In its transaction it
//! checks the process's lease, the run's state, the account's slots and quota, the person's refusals, caps and spacing,
//! and the run's budget.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use providers::Slot;
use serde::Serialize;

use super::{Counted, Plan, State, Why, advert, channel_of, contact, end, slot};
use crate::{
    config::Rate,
    consent,
    db::{Result, Sql, Tx, affected},
    tally, within,
};

/// A row that could be claimed, with what is needed to render its message.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Candidate {
    /// The delivery.
    pub id: i64,
    /// Keyed hash of the address at fan-out, or at the last attempt.
    pub address: Option<i64>,
    /// The account that alone may repeat the attempt; 0: a new attempt.
    pub pinned: i64,
    /// When the row last changed.
    pub updated_at: i64,
    /// The attempt's number.
    pub attempt: i16,
    /// Tries so far.
    pub tries: i16,
    /// Times in doubt so far.
    pub doubts: i16,
    /// Index of the message in the definition.
    pub message: i16,
    /// Parts of earlier attempts that may be billed.
    pub parts: i16,
    /// Their price.
    pub price: i64,
    /// The recipient's state: 0 active.
    pub recipient_state: i16,
    /// The recipient's name.
    pub name: Option<String>,
    /// The recipient's language.
    pub lang: Option<String>,
    /// The recipient's area code, today.
    pub area: Option<String>,
    /// The recipient's attributes, a JSON object of strings.
    pub attributes: String,
    /// The carrier group of the route.
    pub carrier: i16,
    /// The sealed address, today.
    pub sealed: Option<Vec<u8>>,
    /// Its keyed hash, today.
    pub hash: Option<i64>,
    /// The person refuses this.
    pub refused: bool,
    /// The address is on a list that binds this.
    pub blocked: bool,
    /// What the list says of why this person may be written to.
    pub consent_basis: Option<String>,
    /// Under `first`: another channel reached the person while this attempt was with its gateway.
    pub reached: bool,
}

/// What the caller makes of a candidate: the message on its way, or why there is none.
#[derive(Debug)]
pub enum Prepared<T> {
    /// Send this.
    Send {
        /// Parts that the carrier will count.
        parts: i16,
        /// Đồng for them.
        price: i64,
        /// The rendered message.
        payload: T,
    },
    /// It cannot be rendered for this person.
    Reject {
        /// In the fixed list.
        reason: providers::Reason,
        /// For the officer, without personal data.
        detail: String,
    },
}

/// A claimed row: this process owns it until it records what became of it.
#[derive(Debug)]
pub struct Claimed<T> {
    /// The delivery.
    pub id: i64,
    /// The epoch that owns it.
    pub owner: i64,
    /// When it was claimed (unix milliseconds). It grows with every claim of a row, whatever the clocks of the nodes say,
    /// so it tells this claim from every other one of the same row.
    pub claimed_at: i64,
    /// The attempt's number.
    pub attempt: i16,
    /// A doubted attempt, repeated unchanged.
    pub repeat: bool,
    /// Tries before this one.
    pub tries: i16,
    /// Times in doubt before this one.
    pub doubts: i16,
    /// Parts and price of this attempt (zero for a repeat: they are on the row already).
    pub cost: (i16, i64),
    /// Parts and price on the row, this attempt's included.
    pub row: (i16, i64),
    /// The account's id.
    pub account: i64,
    /// Keyed hash of the address it goes to.
    pub address: i64,
    /// The rendered message.
    pub payload: T,
}

/// What to claim.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// How the run sends.
    pub plan: &'a Plan,
    /// The claiming process.
    pub epoch: i64,
    /// The claiming account.
    pub account: i64,
    /// The account's rate.
    pub rate: Rate,
    /// The account's daily quota.
    pub daily: Option<u64>,
    /// The local day that the quota counts.
    pub day: &'a str,
    /// The route.
    pub route: i16,
    /// Only attempts that this account alone may repeat.
    pub pinned_only: bool,
    /// Rows at most.
    pub limit: usize,
    /// What a slot is spent on.
    pub slot: Slot,
    /// Messages that one send may carry.
    pub batch: usize,
    /// Slots that the caller still holds from earlier claims.
    pub slots: usize,
    /// Now, unix milliseconds.
    pub now: i64,
    /// Awareness messages per person within a time.
    pub cap: Option<(u32, Duration)>,
    /// Between two awareness messages to one person.
    pub spacing: Option<Duration>,
    /// Tests take no contact.
    pub counts_as_contact: bool,
    /// Đồng for the run.
    pub budget: Option<i64>,
}

/// Why nothing, or not everything, was claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// The limit asked for was reached, or all that is due was taken.
    None,
    /// No more slots of the account's rate for now.
    Rate,
    /// The day's quota is used up.
    Quota,
    /// A person must mend the account first.
    Account,
    /// The next message would exceed the run's budget.
    Budget,
    /// The run is paused, aborted or over.
    Run,
    /// This process's lease is gone: it must register anew.
    Lease,
}

/// What a claim took.
#[derive(Debug)]
pub struct Claim<T> {
    /// Rows that this process now owns.
    pub claimed: Vec<Claimed<T>>,
    /// Rows that were looked at.
    pub seen: usize,
    /// Nothing more of this run and route is due.
    pub exhausted: bool,
    /// What held it back.
    pub limit: Limit,
    /// Slots taken beyond those that the caller held: how far from now (the reply's arrival) the first one is, and how many.
    pub reserved: Option<(Duration, u32)>,
}

impl Request<'_> {
    /// Messages that a slot carries at most.
    fn batch(&self) -> i64 {
        match self.slot {
            Slot::Send => i64::try_from(self.batch.max(1)).unwrap_or(1),
            Slot::Part => 1,
        }
    }

    /// Slots that these messages take, all their parts counted.
    fn slots_of(&self, messages: usize, parts: i64) -> i64 {
        match self.slot {
            Slot::Send => i64::try_from(messages.div_ceil(self.batch.max(1))).unwrap_or(i64::MAX),
            Slot::Part => parts,
        }
    }
}

static LEASE: Sql = Sql::new(r"SELECT lease_until FROM epoch e WHERE id = $1 AND NOT ended :share(e)");

static ACCOUNT: Sql = Sql::new(r"SELECT tat, day, used, paused IS NOT NULL, :now_us FROM account a WHERE id = $1 :lock(a)");

static SPEND: Sql = Sql::new(r"UPDATE account SET tat = $2, day = $3, used = $4 WHERE id = $1");

static RUN: Sql = Sql::new(r"SELECT state, paused OR held IS NOT NULL, expires_at FROM run WHERE id = $1");

static RUN_LOCKED: Sql = Sql::new(r"SELECT state, paused OR held IS NOT NULL, expires_at FROM run r WHERE id = $1 :lock(r)");

static CANDIDATES: Sql = Sql::new(
    r"SELECT d.id, d.address, d.account AS pinned, d.updated_at, d.attempt, d.tries, d.doubts, d.message, d.parts, d.price,
             r.state AS recipient_state, r.name, r.lang, r.area, r.attributes,
             CAST(d.route & 15 AS SMALLINT) AS carrier,
             CASE d.id & 15 WHEN 1 THEN r.phone WHEN 2 THEN r.email ELSE r.chat END AS sealed,
             CASE d.id & 15 WHEN 1 THEN r.phone_hash WHEN 2 THEN r.email_hash ELSE r.chat_hash END AS hash,
             EXISTS (SELECT 1 FROM opt_out o WHERE o.channel = d.id & 15 AND o.scope >= $6
                     AND o.address = CASE d.id & 15 WHEN 1 THEN r.phone_hash WHEN 2 THEN r.email_hash ELSE r.chat_hash END) AS refused,
             EXISTS (SELECT 1 FROM block b WHERE b.channel = d.id & 15 AND b.binds >= $9
                     AND b.address = CASE d.id & 15 WHEN 1 THEN r.phone_hash WHEN 2 THEN r.email_hash ELSE r.chat_hash END) AS blocked,
             r.consent_basis,
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
    r"UPDATE delivery SET state = 1, owner = $2, account = $3, updated_at = v.claimed_at, parts = v.parts, price = v.price, address = v.address
      FROM :rows($1; id BIGINT, claimed_at BIGINT, parts SMALLINT, price BIGINT, address BIGINT) AS v
      WHERE delivery.id = v.id AND delivery.state + 0 = 0",
);

static DEFER: Sql = Sql::new(
    r"UPDATE delivery SET next_at = v.next_at
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
pub async fn claim<T>(
    tx: &mut Tx,
    request: &Request<'_>,
    mut prepare: impl FnMut(&Candidate) -> Prepared<T>,
) -> Result<Claim<T>> {
    let nothing = |limit| Claim { claimed: Vec::new(), seen: 0, exhausted: limit == Limit::None, limit, reserved: None };
    let run = request.plan.run;

    let lease: Option<i64> = within!(tx, |c, sql| sqlx::query_scalar(sql(&LEASE)).bind(request.epoch).fetch_optional(c).await)?;
    if lease.is_none_or(|until| until <= request.now) {
        return Ok(nothing(Limit::Lease));
    }
    let run_sql = if request.budget.is_some() { &RUN_LOCKED } else { &RUN };
    let (state, halted, expires): (i16, bool, i64) =
        within!(tx, |c, sql| sqlx::query_as(sql(run_sql)).bind(run).fetch_one(c).await)?;
    if state > 1 || halted || expires <= request.now {
        return Ok(nothing(Limit::Run));
    }

    let (tat, day, used, paused, now_us): (i64, String, i64, bool, i64) =
        within!(tx, |c, sql| sqlx::query_as(sql(&ACCOUNT)).bind(request.account).fetch_one(c).await)?;
    let used = if day == request.day { used } else { 0 };
    let quota = request.daily.map_or(i64::MAX, |daily| i64::try_from(daily).unwrap_or(i64::MAX) - used);
    if paused {
        return Ok(nothing(Limit::Account));
    }
    if quota <= 0 {
        return Ok(nothing(Limit::Quota));
    }
    let (first_slot, free, period) = slot::slots(tat, now_us, request.rate);
    let held = i64::try_from(request.slots).unwrap_or(i64::MAX);
    let available = free.saturating_add(held);
    let limit = i64::try_from(request.limit).unwrap_or(i64::MAX).min(available.saturating_mul(request.batch())).min(quota);
    if limit <= 0 {
        return Ok(nothing(Limit::Rate));
    }

    let candidates: Vec<Candidate> = within!(tx, |c, sql| {
        sqlx::query_as(sql(&CANDIDATES))
            .bind(run)
            .bind(request.route)
            .bind(request.now)
            .bind(request.account)
            .bind(if request.pinned_only { request.account } else { 0 })
            .bind(request.plan.silencing_scope())
            .bind(limit)
            .bind(request.plan.first && request.plan.order.len() > 1)
            .bind(request.plan.blocking_scope())
            .fetch_all(c)
            .await
    })?;
    let seen = candidates.len();
    let mut exhausted = i64::try_from(seen).unwrap_or(i64::MAX) < limit;
    if seen == 0 {
        return Ok(nothing(Limit::None));
    }

    let mut deferred =
        if request.counts_as_contact { contact::too_soon(tx, request, &candidates).await? } else { HashMap::new() };
    if request.plan.advertising {
        deferred.extend(advert::too_many(tx, request, &candidates).await?);
    }
    let wants_consent = request.plan.wants_consent(request.now);
    let mut left = match request.budget {
        Some(budget) => budget - tally::spent(tx, run).await?,
        None => i64::MAX,
    };

    let mut changes = tally::Changes::default();
    let mut limit_hit = Limit::None;
    let (mut claimed, mut submitted, mut later, mut ended) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut new_addresses = HashSet::new();
    let (mut needed, mut all_parts) = (0_i64, 0_i64);
    for candidate in candidates {
        if let Some(next_at) = deferred.get(&candidate.id) {
            later.push(Deferred { id: candidate.id, next_at: *next_at });
            continue;
        }
        let ending = |state, why| end::End { id: candidate.id, state, why, detail: None };
        let Some(hash) = candidate.hash.filter(|_| candidate.recipient_state == 0) else {
            ended.push(ending(State::Skipped, Why::NoAddress));
            continue;
        };
        if candidate.refused {
            ended.push(ending(State::Skipped, Why::OptedOut));
            continue;
        }
        if candidate.blocked {
            ended.push(ending(State::Skipped, Why::DoNotCall));
            continue;
        }
        if wants_consent && !candidate.consent_basis.as_deref().is_some_and(consent::has_agreed) {
            ended.push(ending(State::Skipped, Why::NoConsent));
            continue;
        }
        if candidate.reached {
            ended.push(ending(State::Skipped, Why::Reached));
            continue;
        }
        if candidate.address != Some(hash) {
            // Text, address, account and reference of a doubted attempt stay fixed: another address cannot settle it.
            if candidate.pinned != 0 {
                ended.push(ending(State::Unknown, Why::AddressChanged));
                continue;
            }
            let taken: bool =
                within!(tx, |c, sql| sqlx::query_scalar(sql(&ADDRESS_TAKEN)).bind(run).bind(hash).fetch_one(c).await)?;
            if taken || !new_addresses.insert(hash) {
                ended.push(ending(State::Skipped, Why::SameAddress));
                continue;
            }
        }
        let (parts, price, payload) = match prepare(&candidate) {
            Prepared::Send { parts, price, payload } => (parts, price, payload),
            Prepared::Reject { reason, detail } => {
                ended.push(end::End {
                    id: candidate.id,
                    state: State::Rejected,
                    why: Why::Gateway(reason),
                    detail: Some(detail),
                });
                continue;
            }
        };
        let with_it = request.slots_of(claimed.len() + 1, all_parts + i64::from(parts.max(1)));
        // A message of more parts than slots are free goes when it is the first: its last slots lie further ahead.
        if with_it > available && !claimed.is_empty() {
            exhausted = false;
            continue;
        }
        let repeat = candidate.pinned != 0;
        let cost = if repeat { (0, 0) } else { (parts, price) };
        if cost.1 > left {
            limit_hit = Limit::Budget;
            continue;
        }
        left -= cost.1;
        needed = with_it;
        all_parts += i64::from(parts.max(1));
        let before = Counted {
            id: candidate.id,
            account: candidate.pinned,
            state: State::Pending.number(),
            parts: candidate.parts,
            price: candidate.price,
        };
        let row = (candidate.parts + cost.0, candidate.price + cost.1);
        let after = Counted { account: request.account, state: State::Submitting.number(), parts: row.0, price: row.1, ..before };
        before.becomes(&after, &mut changes);
        let claimed_at = request.now.max(candidate.updated_at + 1);
        submitted.push(Submitted { id: candidate.id, claimed_at, parts: row.0, price: row.1, address: Some(hash) });
        claimed.push(Claimed {
            id: candidate.id,
            owner: request.epoch,
            claimed_at,
            attempt: candidate.attempt,
            repeat,
            tries: candidate.tries,
            doubts: candidate.doubts,
            cost,
            row,
            account: request.account,
            address: hash,
            payload,
        });
    }

    if !later.is_empty() {
        let list = crate::db::list(&later);
        within!(tx, |c, sql| sqlx::query(sql(&DEFER)).bind(&list).execute(c).await.map(affected))?;
    }
    end::end_pending(tx, request.plan, &ended, request.now, &mut changes).await?;
    let mut reserved = None;
    if !claimed.is_empty() {
        let list = crate::db::list(&submitted);
        within!(tx, |c, sql| {
            sqlx::query(sql(&SUBMIT)).bind(&list).bind(request.epoch).bind(request.account).execute(c).await.map(affected)
        })?;
        if request.counts_as_contact {
            contact::take(tx, run, &claimed, request.now).await?;
        }
        if request.plan.advertising {
            advert::take(tx, &claimed, request.now).await?;
        }
        let n = i64::try_from(claimed.len()).unwrap_or(i64::MAX);
        let more = (needed - held).max(0);
        let tat = if more > 0 { first_slot + more * period } else { tat };
        within!(tx, |c, sql| {
            sqlx::query(sql(&SPEND))
                .bind(request.account)
                .bind(tat)
                .bind(request.day)
                .bind(used + n)
                .execute(c)
                .await
                .map(affected)
        })?;
        if more > 0 {
            let wait = Duration::from_micros(u64::try_from(first_slot - now_us).unwrap_or(0));
            reserved = Some((wait, u32::try_from(more).unwrap_or(u32::MAX)));
        }
    }
    // Rows that are deferred or ended use up no slot: only messages on their way do.
    if limit_hit == Limit::None && needed >= available {
        limit_hit = Limit::Rate;
    }
    tally::apply(tx, request.epoch, changes).await?;
    Ok(Claim { claimed, seen, exhausted, limit: limit_hit, reserved })
}

impl<T> Claimed<T> {
    /// The channel's number.
    pub const fn channel(&self) -> i16 {
        channel_of(self.id)
    }

    /// The row, and its message apart.
    pub fn split(self) -> (Claimed<()>, T) {
        let Self { id, owner, claimed_at, attempt, repeat, tries, doubts, cost, row, account, address, payload } = self;
        let row = Claimed { id, owner, claimed_at, attempt, repeat, tries, doubts, cost, row, account, address, payload: () };
        (row, payload)
    }
}
