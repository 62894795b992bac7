//! Claims: a process takes rows for one account, and everything that could forbid a send is looked at once more.
//!
//! A claim is small (it bounds what a crash leaves in doubt) and commits before any byte leaves. It looks at the person's
//! refusals, and renders; then its transaction checks the process's lease, the run's state, the account's slots and quota,
//! caps and spacing and the run's budget, and takes the rows that nobody changed since the look.

mod look;
mod request;
mod take;

use std::time::{Duration, Instant};

use look::{Fate, Seen, look, room};
pub use request::{Candidate, Claim, Claimed, Limit, Prepared, Request};
use take::{Taken, take};

use crate::{
    db::{Db, Result},
    transaction,
};

/// What was looked at is looked at again in the transaction, where it had to wait longer than this for its beginning.
const FRESH: Duration = Duration::from_secs(1);

/// Claims rows of one run and route for one account. `prepare` renders and only computes; it may see a candidate again.
///
/// Where one transaction at a time writes, it holds up everybody: it only marks what was looked at and rendered a moment before,
/// as far as that is still as it was. Where rows are locked one by one, the look locks them.
pub async fn claim<T>(db: &Db, request: &Request<'_>, mut prepare: impl FnMut(&Candidate) -> Prepared<T>) -> Result<Claim<T>> {
    let turn = db.turn().await;
    let mut before = None;
    if turn.is_some() {
        let at = Instant::now();
        let (look, room) = look(&mut db.view().await?, request, &mut prepare).await?;
        if let Err(limit) = room {
            return Ok(Claim::nothing(limit));
        }
        if look.seen.is_empty() {
            return Ok(Claim::nothing(Limit::None));
        }
        before = Some((at, look));
    }
    let (look, taken) = transaction!(db, |tx| {
        let (look, room) = match before.take_if(|(at, _)| at.elapsed() < FRESH) {
            Some((_, look)) => (look, room(tx, request).await?),
            None => look(tx, request, &mut prepare).await?,
        };
        let taken = match room {
            Ok(room) => take(tx, request, &room, &look).await?,
            Err(limit) => Taken::nothing(limit),
        };
        Ok((look, taken))
    })?;
    let seen = look.seen.len();
    let mut rows = taken.rows;
    let claimed = look.seen.into_iter().filter_map(|Seen { candidate, fate }| match (rows.remove(&candidate.id), fate) {
        (Some(row), Fate::May(Prepared::Send { payload, .. })) => Some(row.with(payload)),
        _ => None,
    });
    Ok(Claim { claimed: claimed.collect(), seen, exhausted: taken.exhausted, limit: taken.limit, reserved: taken.reserved })
}
