//! Whose the console's segments are: who sees one, and who may change it.
//!
//! What enters: who asks, by their departments. What leaves: whether a segment exists for them, and whether something of another
//! department goes by it. A segment of a file, and one that no department owns, is everybody's.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    campaign::{Campaign, Library},
    db::{Db, Result, Sql, Tx, affected},
    on,
    user::Scope,
    within,
};

static OWNERS: Sql = Sql::new(
    r"SELECT e.slug, e.owner FROM segment_edition e
      WHERE e.text IS NOT NULL AND e.owner <> ''
        AND e.version = (SELECT max(l.version) FROM segment_edition l WHERE l.slug = e.slug)",
);

static RENAMED: Sql = Sql::new(r"UPDATE segment_edition SET owner = $2 WHERE owner = $1");

/// Hands a department's segments over to the name that it has now.
pub async fn renamed(tx: &mut Tx, was: &str, is: &str) -> Result<()> {
    within!(tx, |c, sql| sqlx::query(sql(&RENAMED)).bind(was).bind(is).execute(c).await.map(affected)).map(drop)
}

/// The departments that own segments, by segment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owners(BTreeMap<String, String>);

impl Owners {
    /// As they are now.
    pub async fn read(db: &Db) -> Result<Self> {
        let rows: Vec<(String, String)> = on!(db.read, |pool, sql| sqlx::query_as(sql(&OWNERS)).fetch_all(pool).await)?;
        Ok(Self(rows.into_iter().collect()))
    }

    /// The department that owns a segment; empty: all do.
    pub fn of(&self, segment: &str) -> &str {
        self.0.get(segment).map_or("", String::as_str)
    }

    /// Whether a segment exists for somebody.
    pub fn shows(&self, scope: &Scope, segment: &str) -> bool {
        scope.sees(self.of(segment))
    }

    /// The first segment of a campaign that its writer does not see: another department's.
    pub fn hidden(&self, scope: &Scope, library: &Library, campaign: &Campaign) -> Option<String> {
        library.segments_of(campaign).into_iter().find(|segment| !self.shows(scope, segment))
    }

    /// Whether a campaign or a segment of another department goes by this one, be it through a third.
    pub fn is_used_by_others(&self, scope: &Scope, library: &Library, segment: &str) -> bool {
        let (mut open, mut seen) = (vec![segment.to_string()], BTreeSet::new());
        while let Some(one) = open.pop() {
            for user in library.users_of(&one) {
                let others = match user.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                    Some(above) => {
                        if seen.insert(above.to_string()) {
                            open.push(above.to_string());
                        }
                        !self.shows(scope, above)
                    }
                    None => library.campaigns.get(&user).is_some_and(|source| !scope.sees(&source.campaign.owner)),
                };
                if others {
                    return true;
                }
            }
        }
        false
    }
}
