//! The list's own columns: which there are, and how many people have each.
//!
//! Texts may name them, and every page that shows a text asks for them; at a million people reading them off the rows takes seconds. So they
//! are counted as rows change: whoever changes what people have tells the [`Change`] in the same transaction. Nothing can go wrong but the database;
//! `loa verify` counts them anew.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::{
    db::{Db, Result, Sql, Tx},
    on, within,
};

static ANYBODY: Sql = Sql::new(r"SELECT count(*) FROM (SELECT 1 FROM recipient WHERE state = 0 LIMIT 1) anybody");

static NAMES: Sql = Sql::new(r"SELECT name FROM list_column WHERE people > 0 ORDER BY name");

/// The columns that somebody has who is not erased, in the order of their names.
pub async fn names(db: &Db) -> Result<Vec<String>> {
    on!(db.read, |pool, sql| sqlx::query_scalar(sql(&NAMES)).fetch_all(pool).await)
}

/// The same for whoever holds texts against them; none while nobody is in the list, since then nothing is known.
pub async fn known(db: &Db) -> Result<Option<BTreeSet<String>>> {
    let anybody: i64 = on!(db.read, |pool, sql| sqlx::query_scalar(sql(&ANYBODY)).fetch_one(pool).await)?;
    if anybody == 0 { Ok(None) } else { Ok(Some(names(db).await?.into_iter().collect())) }
}

/// How many people more, or fewer, have each column.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Change(BTreeMap<String, i64>);

impl Change {
    /// Somebody has these attributes (a JSON object) from now on.
    pub(super) fn gains(&mut self, attributes: &str) {
        self.by(attributes, 1);
    }

    /// Somebody had them until now.
    pub(super) fn loses(&mut self, attributes: &str) {
        self.by(attributes, -1);
    }

    fn by(&mut self, attributes: &str, people: i64) {
        // Most lists have none.
        if attributes == "{}" {
            return;
        }
        if let Ok(Value::Object(attributes)) = serde_json::from_str(attributes) {
            for (name, _) in attributes {
                *self.0.entry(name).or_default() += people;
            }
        }
    }
}

// In the order of their names, whoever changes them at the same time.
static APPLY: Sql = Sql::new(
    r"INSERT INTO list_column (name, people) SELECT name, people FROM :rows($1; name TEXT, people BIGINT) AS l
    WHERE true ORDER BY name
    ON CONFLICT (name) DO UPDATE SET people = list_column.people + excluded.people",
);

/// Counts a change, in the transaction that makes it.
pub(super) async fn apply(tx: &mut Tx, change: &Change) -> Result<()> {
    let rows: Vec<Value> = (change.0.iter().filter(|(_, people)| **people != 0))
        .map(|(name, people)| json!({ "name": name, "people": people }))
        .collect();
    if !rows.is_empty() {
        let rows = Value::Array(rows).to_string();
        within!(tx, |c, sql| sqlx::query(sql(&APPLY)).bind(&rows).execute(c).await.map(|done| done.rows_affected()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_keeps_is_no_change() {
        let mut change = Change::default();
        change.loses(r#"{"quầy":"3","tổ":"1"}"#);
        change.gains(r#"{"tổ":"2","hộ":"7"}"#);
        change.gains("{}");
        assert_eq!(change.0, BTreeMap::from([("hộ".into(), 1), ("quầy".into(), -1), ("tổ".into(), 0)]));
    }
}
