//! The stand-ins' log held against the database: every message that was taken stands there, once.

use std::collections::BTreeMap;

use providers::http::keyed_digest;

use crate::{
    account::handle_key,
    db::{Db, Sql},
    delivery::{Reference, State},
    on,
    sandbox::{Gateway, Taken},
    seal::Seal,
};

/// The stand-ins' log against the database.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Compared {
    /// Deliveries that the database holds as taken.
    pub(super) accepted: i64,
    /// Those that it holds as in doubt or unknown.
    pub(super) doubtful: i64,
    /// Deliveries that the log has more than once.
    pub(super) doubled: usize,
    /// Taken by the database, not in the log.
    pub(super) missing: usize,
    /// In the log, not taken by the database.
    pub(super) foreign: usize,
}

impl Compared {
    /// How much of it does not agree.
    pub(super) const fn wrong(&self) -> usize {
        self.doubled + self.missing + self.foreign
    }
}

static SENT: Sql = Sql::new(
    r"SELECT id, doubts, state FROM delivery WHERE (state IN (2, 3, 4, 5, 6, 7, 8, 10) OR doubts > 0) AND id > $1 ORDER BY id LIMIT 10000",
);

static HANDLES: Sql = Sql::new(r"SELECT id, delivery, attempt FROM handle");

/// Every message that a stand-in took stands in the database as taken or in doubt, once; and none more stands there.
pub(super) async fn compare(db: &Db, seal: &Seal, taken: &[Taken]) -> anyhow::Result<Compared> {
    let handles: Vec<(String, i64, i16)> = on!(db.read, |pool, sql| sqlx::query_as(sql(&HANDLES)).fetch_all(pool).await)?;
    let handles: BTreeMap<String, i64> = handles.into_iter().map(|(id, delivery, _)| (id, delivery)).collect();
    let mut logged: BTreeMap<i64, usize> = BTreeMap::new();
    // Of a gateway that does not take our reference, a message whose answer was lost has no name: one of the doubts is it, be it
    // of a delivery that is still in doubt or of one that was sent anew since.
    let (mut nameless, mut unaccounted, mut doubts) = (0usize, 0usize, 0usize);
    for one in taken {
        let reference = one.reference.as_deref().map(|text| text.split('@').next().unwrap_or(text));
        let delivery = reference
            .and_then(|text| Reference::decode(text, seal))
            .map(|reference| reference.delivery)
            .or_else(|| one.id.split(',').find_map(|id| handles.get(id).copied()))
            .or_else(|| {
                // One id for all numbers of a request, each told apart by its keyed digest. The demo's account is called so.
                let key = (one.gateway == Gateway::Speedsms).then(|| handle_key(seal, "speedsms"))?;
                handles.get(&format!("{}:{}", one.id, keyed_digest(&key, &one.address()))).copied()
            });
        match delivery {
            Some(delivery) => *logged.entry(delivery).or_default() += 1,
            // Answers leave together: of all numbers of a request, of all that came over a connection at a time. Where one was cut
            // off, those taken before the cut have no name either.
            None if !one.answered || matches!(one.gateway, Gateway::Speedsms | Gateway::Smpp) => nameless += 1,
            None => unaccounted += 1,
        }
    }
    let mut compared = Compared { doubled: logged.values().filter(|n| **n > 1).count(), ..Compared::default() };
    let mut known = 0;
    let mut after = 0;
    loop {
        let rows: Vec<(i64, i16, i16)> = on!(db.read, |pool, sql| sqlx::query_as(sql(&SENT)).bind(after).fetch_all(pool).await)?;
        let Some(last) = rows.last() else { break };
        after = last.0;
        for (id, doubted, state) in rows {
            let is_logged = logged.contains_key(&id);
            known += usize::from(is_logged);
            let doubted = usize::try_from(doubted).unwrap_or(0);
            match State::from_number(state) {
                State::InDoubt | State::Unknown => {
                    compared.doubtful += 1;
                    doubts += doubted.saturating_sub(usize::from(is_logged));
                }
                // It was in doubt, and was then not sent anew after all.
                State::Pending | State::Submitting | State::Rejected | State::Skipped | State::Lapsed | State::Cancelled => {
                    doubts += doubted;
                }
                _ => {
                    doubts += doubted;
                    compared.accepted += 1;
                    compared.missing += usize::from(!is_logged);
                }
            }
        }
    }
    compared.foreign = logged.len() - known + unaccounted + nameless.saturating_sub(doubts);
    Ok(compared)
}
