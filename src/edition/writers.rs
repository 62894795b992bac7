//! Who wrote at what is to be approved: none of them decides about it.
//!
//! Everybody counts who saved a version since somebody else released one, who wrote a text that it is a copy of, or who wrote at the
//! segments that it names. An emergency approval that nobody has looked at yet released nothing in this sense: one person alone
//! would have ended their own part in it.

use std::collections::BTreeSet;

use super::segments;
use crate::{
    approval::submission::Writer,
    campaign::{Campaign, Library, Segments},
    db::{Result, Sql, Tx},
    within,
};

static LAST_APPROVED: Sql = Sql::new(
    r"SELECT s.version, s.decided_at, d.body, d.segments FROM submission s JOIN definition d ON d.hash = s.hash
      WHERE s.slug = $1 AND s.state = 1 AND coalesce(s.was_right, NOT s.emergency) ORDER BY s.id DESC LIMIT 1",
);

// A copy's first text is another campaign's. Where that one was released, somebody else has read it already.
static WRITERS: Sql = Sql::new(
    r"SELECT DISTINCT e.made_by, e.made_name FROM edition e
      WHERE (e.slug = $1 AND ((e.version > $2 AND e.version <= $3) OR e.version = $3
                              OR e.text = (SELECT l.text FROM edition l WHERE l.slug = $1 AND l.version = $3)))
         OR (e.slug <> $1
             AND e.text IN (SELECT o.text FROM edition o
                            WHERE o.slug = $1 AND ((o.version > $2 AND o.version <= $3) OR o.version = $3))
             AND NOT EXISTS (SELECT 1 FROM submission s
                             WHERE s.slug = e.slug AND s.version >= e.version AND s.state = 1
                               AND coalesce(s.was_right, NOT s.emergency)))",
);

#[derive(sqlx::FromRow)]
struct Approved {
    version: Option<i64>,
    decided_at: Option<i64>,
    body: String,
    segments: String,
}

impl Approved {
    /// The segments that it named, and those that these named.
    fn named(&self, slug: &str) -> BTreeSet<String> {
        let Ok(campaign) = Campaign::parse(slug, slug, &self.body) else { return BTreeSet::new() };
        let segments = Segments::parse("segments.toml", &self.segments).unwrap_or_default();
        Library { segments, ..Library::default() }.segments_of(&campaign)
    }
}

/// Everybody who wrote at a version of a campaign, or at the segments that it names, since somebody else released one.
pub(super) async fn of(tx: &mut Tx, library: &Library, campaign: &Campaign, version: i64) -> Result<BTreeSet<Writer>> {
    let slug = &campaign.slug;
    let last: Option<Approved> = within!(tx, |c, sql| sqlx::query_as(sql(&LAST_APPROVED)).bind(slug).fetch_optional(c).await)?;
    let approved = last.as_ref().and_then(|last| last.version).unwrap_or(0);
    let rows: Vec<(Option<i64>, String)> =
        within!(tx, |c, sql| { sqlx::query_as(sql(&WRITERS)).bind(slug).bind(approved).bind(version).fetch_all(c).await })?;
    let mut writers: BTreeSet<Writer> = rows.into_iter().map(|(user, name)| Writer { user, name }).collect();
    // A segment that is named for the first time was read by nobody who released this campaign, however old it is.
    let before = last.as_ref().map(|last| last.named(slug)).unwrap_or_default();
    let (known, new): (BTreeSet<_>, BTreeSet<_>) =
        library.segments_of(campaign).into_iter().partition(|named| before.contains(named));
    let since = last.and_then(|last| last.decided_at).unwrap_or(0);
    writers.extend(segments::writers(tx, &known, since).await?);
    writers.extend(segments::writers(tx, &new, 0).await?);
    Ok(writers)
}
