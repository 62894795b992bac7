//! Caps and spacing: how often a person is written to, over all campaigns. One contact a person and run, whatever the
//! channels; taken with the claim, given back where nothing was sent.

use std::{collections::HashMap, time::Duration};

use serde::Serialize;

use super::{
    claim::{Candidate, Request},
    id_list, recipient_of, run_of,
};
use crate::{
    db::{Engine, Result, Sql, Tx, affected},
    within,
};

static PEOPLE: Sql = Sql::new(r"SELECT id FROM recipient r WHERE id IN :ids($1) ORDER BY id :lock(r)");

static CONTACTS: Sql = Sql::new(
    r"SELECT c.recipient, c.run, c.at FROM contact c
      WHERE c.recipient IN :ids($1) AND (c.at > $2 OR c.run = $3) ORDER BY c.recipient, c.at",
);

static TAKE_CONTACT: Sql = Sql::new(
    r"INSERT INTO contact (recipient, run, at) SELECT id, $2, $3 FROM :ids($1) AS v WHERE true ON CONFLICT (recipient, run) DO NOTHING",
);

// Rows of one person and run differ in the last four bits only.
static GIVE_BACK: Sql = Sql::new(
    r"DELETE FROM contact WHERE (recipient, run) IN (SELECT recipient, run FROM :rows($1; recipient BIGINT, run BIGINT) AS v)
      AND NOT EXISTS (SELECT 1 FROM delivery d
                      WHERE d.id >= (contact.run << 36) + (contact.recipient << 4) AND d.id < (contact.run << 36) + (contact.recipient << 4) + 16
                      AND (d.state IN (1, 2, 3, 4, 5, 6, 7, 8, 10) OR d.doubts > 0))",
);

/// Which candidates exceed the cap or the spacing, and when they no longer will. Locks the people's rows, so that two
/// nodes cannot both find the same person free.
pub(super) async fn too_soon<'a>(
    tx: &mut Tx,
    request: &Request<'_>,
    candidates: impl Iterator<Item = &'a Candidate> + Clone,
) -> Result<HashMap<i64, i64>> {
    let window = request.cap.map_or(Duration::ZERO, |(_, per)| per).max(request.spacing.unwrap_or_default());
    if window.is_zero() {
        return Ok(HashMap::new());
    }
    let people = id_list(candidates.clone().map(|c| recipient_of(c.id)));
    // An embedded database has one writer: nobody else is looking.
    if tx.engine() == Engine::Postgres {
        within!(tx, |c, sql| sqlx::query(sql(&PEOPLE)).bind(&people).execute(c).await.map(affected))?;
    }
    let since = request.now - millis(window);
    let rows: Vec<(i64, i64, i64)> = within!(tx, |c, sql| {
        sqlx::query_as(sql(&CONTACTS)).bind(&people).bind(since).bind(request.plan.run).fetch_all(c).await
    })?;
    let mut contacts: HashMap<i64, Vec<(i64, i64)>> = HashMap::new();
    for (recipient, run, at) in rows {
        contacts.entry(recipient).or_default().push((run, at));
    }
    Ok(candidates
        .filter_map(|candidate| {
            let made = contacts.get(&recipient_of(candidate.id))?;
            // One a person and run, whatever the channels: the fall-back of a message is not another message.
            if made.iter().any(|(run, _)| *run == request.plan.run) {
                return None;
            }
            let times: Vec<i64> = made.iter().map(|(_, at)| *at).collect();
            free_from(&times, request.now, request.cap, request.spacing).map(|at| (candidate.id, at))
        })
        .collect())
}

/// From when on a person may be written to again, given the times of earlier messages (ascending); none: now.
fn free_from(times: &[i64], now: i64, cap: Option<(u32, Duration)>, spacing: Option<Duration>) -> Option<i64> {
    let spaced = spacing.and_then(|spacing| times.last().map(|last| last + millis(spacing)));
    let capped = cap.and_then(|(most, per)| {
        let recent: Vec<i64> = times.iter().copied().filter(|at| at + millis(per) > now).collect();
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        // Free again once so many have left the window that fewer than `most` are in it.
        recent.len().checked_sub(most).and_then(|over| recent.get(over)).map(|at| at + millis(per))
    });
    spaced.max(capped).filter(|at| *at > now)
}

/// Takes one contact with everybody whose row was claimed.
pub(super) async fn take(tx: &mut Tx, run: i64, claimed: impl Iterator<Item = i64>, now: i64) -> Result<()> {
    let list = id_list(claimed.map(recipient_of));
    within!(tx, |c, sql| sqlx::query(sql(&TAKE_CONTACT)).bind(&list).bind(run).bind(now).execute(c).await.map(affected))?;
    Ok(())
}

/// Gives back the contacts of people to whom nothing was sent in the end.
pub(super) async fn give_back(tx: &mut Tx, ids: impl Iterator<Item = i64>) -> Result<()> {
    #[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
    struct Contact {
        recipient: i64,
        run: i64,
    }
    let contacts: Vec<Contact> = ids.map(|id| Contact { recipient: recipient_of(id), run: run_of(id) }).collect();
    if contacts.is_empty() {
        return Ok(());
    }
    let list = crate::db::list(&contacts);
    within!(tx, |c, sql| sqlx::query(sql(&GIVE_BACK)).bind(&list).execute(c).await.map(affected))?;
    Ok(())
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000;

    #[test]
    fn caps_and_spacing_say_when() {
        let cap = Some((3, Duration::from_hours(7 * 24)));
        let spacing = Some(Duration::from_hours(20));
        assert_eq!(free_from(&[], 10 * DAY, cap, spacing), None);
        assert_eq!(free_from(&[10 * DAY - 1000], 10 * DAY, None, spacing), Some(10 * DAY - 1000 + 20 * 3_600_000));
        assert_eq!(free_from(&[5 * DAY, 6 * DAY], 10 * DAY, cap, spacing), None);
        assert_eq!(
            free_from(&[5 * DAY, 6 * DAY, 7 * DAY], 10 * DAY, cap, spacing),
            Some(12 * DAY),
            "when the first leaves the week"
        );
        assert_eq!(free_from(&[4 * DAY, 5 * DAY, 6 * DAY, 7 * DAY], 10 * DAY, cap, None), Some(12 * DAY), "two must leave");
    }
}
