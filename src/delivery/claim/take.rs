//! The transaction of a claim: of what was looked at, the rows that are still as they looked become the caller's, as far as slots,
//! budget and what may go to one person allow.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use super::{
    super::{
        Counted, State, Why, advert, contact, end, id_list,
        slot::{Reserved, micros},
    },
    Candidate, Claimed, Limit, Prepared, Request,
    look::{Fate, Look, Room, Seen},
};
use crate::{
    db::{Result, Sql, Tx, affected, alike},
    tally, within,
};

static SPEND: Sql = Sql::new(r"UPDATE account SET tat = $2, day = $3, used = $4 WHERE id = $1");

static ADDRESS_TAKEN: Sql = Sql::new(r"SELECT EXISTS (SELECT 1 FROM delivery WHERE run = $1 AND address = $2)");

// `state + 0`, here and below: such a row is found by its key. With the bare column an engine may walk the partial index
// of that state instead, with statistics from when it was all but empty, once for every row of the list. `updated_at` grows with
// every change of a row: one that is as old as it looked is as it looked.
static SUBMIT: Sql = Sql::new(
    r"UPDATE delivery SET state = 1, owner = $2, account = $3, updated_at = v.claimed_at, parts = v.parts, price = v.price, address = v.address,
             reason = CASE delivery.reason WHEN 33 THEN 0 ELSE delivery.reason END
      FROM :rows($1; id BIGINT, looked_at BIGINT, claimed_at BIGINT, parts SMALLINT, price BIGINT, address BIGINT) AS v
      WHERE delivery.id = v.id AND delivery.state + 0 = 0 AND delivery.updated_at = v.looked_at RETURNING delivery.id",
);

// The same for rows that become alike, and whose addresses are what they were: their index is left alone.
static SUBMIT_ALIKE: Sql = Sql::new(
    r"UPDATE delivery SET state = 1, owner = $2, account = $3, updated_at = $5, parts = $6, price = $7,
             reason = CASE reason WHEN 33 THEN 0 ELSE reason END
      WHERE id IN :ids($1) AND state + 0 = 0 AND updated_at = $4 RETURNING id",
);

static DEFER: Sql = Sql::new(
    r"UPDATE delivery SET next_at = v.next_at, reason = 33
      FROM :rows($1; id BIGINT, next_at BIGINT) AS v WHERE delivery.id = v.id AND delivery.state + 0 = 0",
);

#[derive(Serialize)]
struct Submitted {
    id: i64,
    looked_at: i64,
    claimed_at: i64,
    parts: i16,
    price: i64,
    address: i64,
    /// It is another one than at fan-out.
    #[serde(skip)]
    moved: bool,
}

#[derive(Serialize)]
struct Deferred {
    id: i64,
    next_at: i64,
}

/// What a claim's transaction did.
pub(super) struct Taken {
    /// Rows that are the caller's now, by their deliveries' ids.
    pub(super) rows: HashMap<i64, Claimed<()>>,
    pub(super) exhausted: bool,
    pub(super) limit: Limit,
    pub(super) reserved: Option<Reserved>,
}

impl Taken {
    pub(super) fn nothing(limit: Limit) -> Self {
        Self { rows: HashMap::new(), exhausted: limit == Limit::None, limit, reserved: None }
    }
}

/// Takes of what was seen as much as there is room for.
pub(super) async fn take<T>(tx: &mut Tx, request: &Request<'_>, room: &Room, look: &Look<T>) -> Result<Taken> {
    if look.seen.is_empty() {
        return Ok(Taken::nothing(Limit::None));
    }
    let most = usize::try_from(room.limit).unwrap_or(usize::MAX).min(look.seen.len());
    let Sifted { chosen, deferred, ended, limit, left_over, mut changes } = sift(tx, request, room, &look.seen[..most]).await?;
    if !deferred.is_empty() {
        let list = crate::db::list(&deferred);
        within!(tx, |c, sql| sqlx::query(sql(&DEFER)).bind(&list).execute(c).await.map(affected))?;
    }
    end::end_pending(tx, request.plan, &ended, request.now, &mut changes).await?;
    let rows = submit(tx, request, &chosen, &mut changes).await?;
    let parts = rows.iter().map(|row| i64::from(row.slot_parts)).sum();
    let slots = if rows.is_empty() { 0 } else { request.slots_of(rows.len(), parts) };
    let rows: HashMap<i64, Claimed<()>> = rows.into_iter().map(|row| (row.claimed.id, row.claimed)).collect();
    let reserved = if rows.is_empty() { None } else { spend(tx, request, room, &rows, slots).await? };
    tally::apply(tx, request.epoch, changes).await?;
    // Rows that are deferred or ended use up no slot: only messages on their way do.
    let limit = if limit == Limit::None && slots >= room.available { Limit::Rate } else { limit };
    let whole = most == look.seen.len() && rows.len() == chosen.len();
    Ok(Taken { exhausted: look.all && whole && !left_over, rows, limit, reserved })
}

/// What becomes of the candidates.
struct Sifted<'a> {
    chosen: Vec<Chosen<'a>>,
    deferred: Vec<Deferred>,
    ended: Vec<end::End>,
    /// What held some back.
    limit: Limit,
    /// A message of more parts than slots are free stayed.
    left_over: bool,
    /// What the deferred ones change in the tallies: nothing but that something moved.
    changes: tally::Changes,
}

/// A candidate that goes.
struct Chosen<'a> {
    candidate: &'a Candidate,
    /// Keyed hash of its address.
    hash: i64,
    /// What it takes of the slots.
    slot_parts: i16,
    /// Parts and price that it adds to the row's.
    cost: (i16, i64),
}

/// Looks at each candidate: who has to wait, what fits.
async fn sift<'a, T>(tx: &mut Tx, request: &Request<'_>, room: &Room, seen: &'a [Seen<T>]) -> Result<Sifted<'a>> {
    let run = request.plan.run;
    let candidates = || seen.iter().map(|seen| &seen.candidate);
    let mut too_soon =
        if request.counts_as_contact { contact::too_soon(tx, request, candidates()).await? } else { HashMap::new() };
    if request.plan.advertising {
        too_soon.extend(advert::too_many(tx, request, candidates()).await?);
    }
    let mut left = match request.budget {
        Some(budget) => budget - tally::spent(tx, run).await?,
        None => i64::MAX,
    };
    let mut sifted = Sifted {
        chosen: Vec::new(),
        deferred: Vec::new(),
        ended: Vec::new(),
        limit: Limit::None,
        left_over: false,
        changes: tally::Changes::default(),
    };
    let mut new_addresses = HashSet::new();
    let mut all_parts = 0_i64;
    for Seen { candidate, fate } in seen {
        if let Some(next_at) = too_soon.get(&candidate.id) {
            sifted.deferred.push(Deferred { id: candidate.id, next_at: *next_at });
            // It enters what it leaves: kept figures, which tell reasons, see by it that something moved.
            let own = Counted {
                id: candidate.id,
                account: candidate.pinned,
                state: State::Pending.number(),
                parts: candidate.parts,
                price: candidate.price,
            };
            own.becomes(&own, &mut sifted.changes);
            continue;
        }
        let mut ends = |state, why, detail| sifted.ended.push(end::End { id: candidate.id, state, why, detail });
        let prepared = match fate {
            Fate::May(prepared) => prepared,
            Fate::Ends(state, why) => {
                ends(*state, *why, None);
                continue;
            }
        };
        let hash = match goes_to(tx, run, candidate, &mut new_addresses).await? {
            Ok(hash) => hash,
            Err((state, why)) => {
                ends(state, why, None);
                continue;
            }
        };
        let (parts, price) = match prepared {
            Prepared::Send { parts, price, .. } => (*parts, *price),
            Prepared::Reject { reason, detail } => {
                ends(State::Rejected, Why::Gateway(*reason), Some(detail.clone()));
                continue;
            }
        };
        let slot_parts = parts.max(1);
        let with_it = request.slots_of(sifted.chosen.len() + 1, all_parts + i64::from(slot_parts));
        // A message of more parts than slots are free goes when it is the first: its last slots lie further ahead.
        if with_it > room.available && !sifted.chosen.is_empty() {
            sifted.left_over = true;
            continue;
        }
        let cost = if candidate.pinned == 0 { (parts, price) } else { (0, 0) };
        if cost.1 > left {
            sifted.limit = Limit::Budget;
            continue;
        }
        left -= cost.1;
        all_parts += i64::from(slot_parts);
        sifted.chosen.push(Chosen { candidate, hash, slot_parts, cost });
    }
    Ok(sifted)
}

/// The keyed hash of the address that a candidate goes to, or how and why it ends.
async fn goes_to(
    tx: &mut Tx,
    run: i64,
    candidate: &Candidate,
    new_addresses: &mut HashSet<i64>,
) -> Result<std::result::Result<i64, (State, Why)>> {
    let Some(hash) = candidate.hash else { return Ok(Err((State::Skipped, Why::NoAddress))) };
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

impl Chosen<'_> {
    fn submitted(&self, now: i64) -> Submitted {
        let Candidate { id, updated_at, address, .. } = *self.candidate;
        Submitted {
            id,
            looked_at: updated_at,
            claimed_at: now.max(updated_at + 1),
            parts: self.candidate.parts + self.cost.0,
            price: self.candidate.price + self.cost.1,
            address: self.hash,
            moved: address != Some(self.hash),
        }
    }
}

/// A row that is the caller's.
struct Own {
    claimed: Claimed<()>,
    slot_parts: i16,
}

/// Writes down who owns the rows now: those that are still as they looked.
async fn submit(tx: &mut Tx, request: &Request<'_>, chosen: &[Chosen<'_>], changes: &mut tally::Changes) -> Result<Vec<Own>> {
    let rows: Vec<Submitted> = chosen.iter().map(|one| one.submitted(request.now)).collect();
    let (kinds, mut apart) =
        alike(rows.iter().filter(|row| !row.moved), |row| (row.looked_at, row.claimed_at, row.parts, row.price));
    apart.extend(rows.iter().filter(|row| row.moved));
    let mut taken = HashSet::with_capacity(rows.len());
    for ((looked_at, claimed_at, parts, price), rows) in kinds {
        let list = id_list(rows.iter().map(|row| row.id));
        let ids: Vec<i64> = within!(tx, |c, sql| {
            sqlx::query_scalar(sql(&SUBMIT_ALIKE))
                .bind(&list)
                .bind(request.epoch)
                .bind(request.account)
                .bind(looked_at)
                .bind(claimed_at)
                .bind(parts)
                .bind(price)
                .fetch_all(c)
                .await
        })?;
        taken.extend(ids);
    }
    if !apart.is_empty() {
        let list = crate::db::list(&apart);
        let ids: Vec<i64> = within!(tx, |c, sql| {
            sqlx::query_scalar(sql(&SUBMIT)).bind(&list).bind(request.epoch).bind(request.account).fetch_all(c).await
        })?;
        taken.extend(ids);
    }
    let own = chosen.iter().zip(&rows).filter(|(one, _)| taken.contains(&one.candidate.id));
    Ok(own.map(|(one, row)| one.becomes(request, row, changes)).collect())
}

impl Chosen<'_> {
    /// It goes.
    fn becomes(&self, request: &Request<'_>, row: &Submitted, changes: &mut tally::Changes) -> Own {
        let candidate = self.candidate;
        let before = Counted {
            id: candidate.id,
            account: candidate.pinned,
            state: State::Pending.number(),
            parts: candidate.parts,
            price: candidate.price,
        };
        let after =
            Counted { account: request.account, state: State::Submitting.number(), parts: row.parts, price: row.price, ..before };
        before.becomes(&after, changes);
        if self.cost != (0, 0) {
            let count = tally::Count { n: 1, parts: i64::from(self.cost.0), price: self.cost.1 };
            changes.billed(request.account, request.route, row.claimed_at, count);
        }
        let claimed = Claimed {
            id: candidate.id,
            owner: request.epoch,
            claimed_at: row.claimed_at,
            attempt: candidate.attempt,
            repeat: candidate.pinned != 0,
            tries: candidate.tries,
            doubts: candidate.doubts,
            cost: self.cost,
            row: (row.parts, row.price),
            account: request.account,
            route: request.route,
            address: self.hash,
            payload: (),
        };
        Own { claimed, slot_parts: self.slot_parts }
    }
}

/// Writes down what the rows use up of the account's rate and quota, and of what may go to one person. The slots beyond the
/// caller's own.
async fn spend(
    tx: &mut Tx,
    request: &Request<'_>,
    room: &Room,
    rows: &HashMap<i64, Claimed<()>>,
    slots: i64,
) -> Result<Option<Reserved>> {
    if request.counts_as_contact {
        contact::take(tx, request.plan.run, rows.keys().copied(), request.now).await?;
    }
    if request.plan.advertising {
        advert::take(tx, rows.values(), request.now).await?;
    }
    let n = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    let more = (slots - i64::try_from(request.slots).unwrap_or(i64::MAX)).max(0);
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
