//! Where deliveries go, as pages may show it: addresses masked (`+8490*****12`).
//!
//! What enters: deliveries' numbers. What leaves: the addresses that their people have today; one that is gone is left out. What can go
//! wrong is only the database.

use std::collections::BTreeMap;

use providers::Channel;

use super::{BY_PHONE, channel_of, id_list};
use crate::{
    db::{Db, Result, Sql},
    on,
    seal::{Kind, Seal},
};

// Route 51 is chat by phone number: see `BY_PHONE`.
static SEALED: Sql = Sql::new(
    r"SELECT d.id, d.route,
             CASE d.id & 15 WHEN 1 THEN r.phone WHEN 2 THEN r.email ELSE CASE d.route WHEN 51 THEN r.phone ELSE r.chat END END
      FROM delivery d JOIN recipient r ON r.id = (d.id >> 4) & 4294967295
      WHERE d.id IN :ids($1)",
);

/// The masked addresses of these deliveries, by number.
pub async fn masked(db: &Db, seal: &Seal, deliveries: impl IntoIterator<Item = i64>) -> Result<BTreeMap<i64, String>> {
    let list = id_list(deliveries);
    let rows: Vec<(i64, i16, Option<Vec<u8>>)> =
        on!(db.read, |pool, sql| sqlx::query_as(sql(&SEALED)).bind(&list).fetch_all(pool).await)?;
    let shown = |(id, route, sealed): (i64, i16, Option<Vec<u8>>)| {
        let kind = match Channel::from_number(i64::from(channel_of(id))) {
            Some(Channel::Sms) => Kind::Phone,
            Some(Channel::Email) => Kind::Email,
            _ if route == BY_PHONE => Kind::Phone,
            _ => Kind::Chat,
        };
        Some((id, providers::mask(&seal.open(kind, &sealed?).ok()?)))
    };
    Ok(rows.into_iter().filter_map(shown).collect())
}
