//! What carriers billed of each account, beside what it was given to send on the same days.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Amount, Key, carrier};
use crate::{
    db::{Db, Result, Sql},
    on,
    tally::billed,
    words::{self, Lang},
};

/// What a carrier billed of one account, beside what it was given to send on the same days. The two are never added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reported {
    /// The account's name.
    pub account: String,
    /// The carrier's name in files; empty: all that the account serves.
    pub carrier: String,
    /// Days that were billed.
    pub days: i64,
    /// What the carrier says.
    pub invoiced: Amount,
    /// What Loa counted.
    pub counted: Amount,
}

impl Reported {
    /// What people call the carrier.
    pub fn carrier_name(&self, lang: Lang) -> &str {
        if self.carrier.is_empty() { lang.pick("(tất cả)", "(all)") } else { words::carrier(&self.carrier, lang) }
    }
}

// Of a day that two invoices bill, the later one holds.
static REPORTED: Sql = Sql::new(
    r"SELECT account, carrier, day, parts, amount FROM invoice_line
      WHERE day >= $1 AND day <= $2 AND (parts <> 0 OR amount <> 0) ORDER BY invoice",
);

/// What carriers billed from one day to another, both included and written `2026-10-01`, by account and carrier.
pub async fn reported(db: &Db, from: &str, through: &str) -> Result<Vec<Reported>> {
    let rows: Vec<(String, String, String, i64, i64)> =
        on!(db.read, |pool, sql| sqlx::query_as(sql(&REPORTED)).bind(from).bind(through).fetch_all(pool).await)?;
    let mut lines: BTreeMap<Key, (Amount, Amount)> = BTreeMap::new();
    for (account, carrier, day, parts, cost) in rows {
        lines.insert(Key { account, carrier, day }, (Amount { parts, cost }, Amount::default()));
    }
    if lines.is_empty() {
        return Ok(Vec::new());
    }
    for (account, route, day, count) in billed::between(db, from, through).await? {
        let own = Key { account, carrier: carrier(route).to_string(), day };
        let key = if lines.contains_key(&own) { own } else { Key { carrier: String::new(), ..own } };
        if let Some((_, counted)) = lines.get_mut(&key) {
            *counted += Amount { parts: count.parts, cost: count.price };
        }
    }
    let mut reported: BTreeMap<(String, String), Reported> = BTreeMap::new();
    for (Key { account, carrier, .. }, (invoiced, counted)) in lines {
        let nothing = || {
            let (account, carrier) = (account.clone(), carrier.clone());
            Reported { account, carrier, days: 0, invoiced: Amount::default(), counted: Amount::default() }
        };
        let one = reported.entry((account.clone(), carrier.clone())).or_insert_with(nothing);
        one.days += 1;
        one.invoiced += invoiced;
        one.counted += counted;
    }
    Ok(reported.into_values().collect())
}
