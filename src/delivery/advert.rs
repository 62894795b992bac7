//! Advertising to one address: never more of it within a day than its law allows, over all campaigns (NĐ 91/2020/NĐ-CP: three
//! messages to a number, three mails to an address in 24 hours). Taken with the claim, given back where nothing was sent.

use std::collections::{BTreeSet, HashMap};

use serde::Serialize;

use super::{
    channel_of,
    claim::{Candidate, Claimed, Request},
    id_list,
};
use crate::{
    campaign::AdvertisingRule,
    db::{Result, Sql, Tx, affected},
    within,
};

#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct Address {
    channel: i16,
    address: i64,
}

fn addresses(of: impl Iterator<Item = (i64, i64)>) -> String {
    let distinct: BTreeSet<Address> = of.map(|(id, address)| Address { channel: channel_of(id), address }).collect();
    crate::db::list(&distinct.into_iter().collect::<Vec<_>>())
}

// Everybody who shares the address: two nodes cannot both find it free.
static LOCK: Sql = Sql::new(
    r"SELECT id FROM recipient r WHERE id IN (
        SELECT x.id FROM :rows($1; channel SMALLINT, address BIGINT) AS v JOIN recipient x ON x.phone_hash = v.address WHERE v.channel = 1
        UNION SELECT x.id FROM :rows($1; channel SMALLINT, address BIGINT) AS v JOIN recipient x ON x.email_hash = v.address WHERE v.channel = 2)
      ORDER BY id :lock(r)",
);

static MADE: Sql = Sql::new(
    r"SELECT a.address, a.delivery, a.at FROM advert a
      JOIN :rows($1; channel SMALLINT, address BIGINT) AS v ON a.channel = v.channel AND a.address = v.address
      WHERE a.at > $2 ORDER BY a.at",
);

static TAKE: Sql = Sql::new(
    r"INSERT INTO advert (channel, address, delivery, at)
      SELECT channel, address, delivery, $2 FROM :rows($1; channel SMALLINT, address BIGINT, delivery BIGINT) AS v WHERE true
      ON CONFLICT (channel, address, delivery) DO UPDATE SET at = excluded.at",
);

static GIVE_BACK: Sql = Sql::new(
    r"DELETE FROM advert WHERE delivery IN :ids($1)
      AND NOT EXISTS (SELECT 1 FROM delivery d
                      WHERE d.id = advert.delivery AND (d.state IN (1, 2, 3, 4, 5, 6, 7, 8, 10) OR d.doubts > 0))",
);

static FORGET: Sql = Sql::new(r"DELETE FROM advert WHERE at < $1");

/// Which candidates would be one too many for their address, and when they no longer will. All go by one channel.
pub(super) async fn too_many<'a>(
    tx: &mut Tx,
    request: &Request<'_>,
    candidates: impl Iterator<Item = &'a Candidate> + Clone,
) -> Result<HashMap<i64, i64>> {
    let Some((rule, most)) = AdvertisingRule::at(request.now).and_then(|rule| Some((rule, rule.most(request.route >> 4)?)))
    else {
        return Ok(HashMap::new());
    };
    let per = i64::try_from(rule.per.as_millis()).unwrap_or(i64::MAX / 4);
    let list = addresses(candidates.clone().filter_map(|c| Some((c.id, c.hash?))));
    within!(tx, |c, sql| sqlx::query(sql(&LOCK)).bind(&list).execute(c).await.map(affected))?;
    let made: Vec<(i64, i64, i64)> =
        within!(tx, |c, sql| sqlx::query_as(sql(&MADE)).bind(&list).bind(request.now - per).fetch_all(c).await)?;
    let mut times: HashMap<i64, Vec<(i64, i64)>> = HashMap::new();
    for (address, delivery, at) in made {
        times.entry(address).or_default().push((delivery, at));
    }
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    Ok(candidates
        .filter_map(|candidate| {
            // The attempt before of the same message is not another message.
            let others: Vec<i64> = times
                .get(&candidate.hash?)?
                .iter()
                .filter(|(delivery, _)| *delivery != candidate.id)
                .map(|(_, at)| *at)
                .collect();
            others.len().checked_sub(most).and_then(|over| others.get(over)).map(|at| (candidate.id, at + per))
        })
        .collect())
}

/// Takes one of each claimed row's address.
pub(super) async fn take<'a>(tx: &mut Tx, claimed: impl Iterator<Item = &'a Claimed<()>>, now: i64) -> Result<()> {
    #[derive(Serialize)]
    struct Taken {
        channel: i16,
        address: i64,
        delivery: i64,
    }
    let taken: Vec<Taken> = claimed.map(|c| Taken { channel: channel_of(c.id), address: c.address, delivery: c.id }).collect();
    let list = crate::db::list(&taken);
    within!(tx, |c, sql| sqlx::query(sql(&TAKE)).bind(&list).bind(now).execute(c).await.map(affected))?;
    // Nothing counts for longer than a month under any rule.
    let month = 31 * 24 * 3_600_000;
    within!(tx, |c, sql| sqlx::query(sql(&FORGET)).bind(now - month).execute(c).await.map(affected))?;
    Ok(())
}

/// Gives back what was not sent in the end.
pub(super) async fn give_back(tx: &mut Tx, ids: impl Iterator<Item = i64>) -> Result<()> {
    let list = id_list(ids);
    if list == "[]" {
        return Ok(());
    }
    within!(tx, |c, sql| sqlx::query(sql(&GIVE_BACK)).bind(&list).execute(c).await.map(affected))?;
    Ok(())
}
