//! What changed without anybody asking for a decision: a file that was edited, or a segment under an approved campaign.
//!
//! Such a content waits for approval by itself, while what was approved goes on.

use std::collections::BTreeSet;

use super::{in_force, writers};
use crate::{
    approval::{
        self, Standing,
        submission::{self, New},
    },
    audit::{Actor, Via},
    campaign::Library,
    db::{Db, Result},
    transaction,
};

/// Asks for a decision about everything in the library that is not released, once; ends what waits of files that are gone. How
/// many contents were put forward. For where approval is required.
pub async fn watch(db: &Db, library: &Library, now: i64) -> Result<usize> {
    let versions: std::collections::BTreeMap<String, i64> = in_force(db).await?.into_iter().collect();
    let mut put = 0;
    for source in library.campaigns.values() {
        if approval::is_released(db, &source.hash).await? {
            continue;
        }
        let slug = &source.campaign.slug;
        let version = if library.edited.contains(slug) { versions.get(slug).copied() } else { None };
        let new = transaction!(db, |tx| {
            let last = submission::latest(tx, slug).await?;
            let known = last.as_ref().is_some_and(|last| last.hash == source.hash && last.standing() != Standing::Superseded);
            // What a person sent of the console is not superseded by what nobody sent.
            let busy = last.is_some_and(|last| last.standing() == Standing::Waiting && last.version.is_some());
            if known || (busy && version.is_some()) {
                return Ok(false);
            }
            let writers = match version {
                Some(version) => writers::of(tx, library, &source.campaign, version).await?,
                None => BTreeSet::new(),
            };
            let new = New { source, segments: &library.segments_text, version, writers, sender: None, note: "" };
            submission::submit(tx, &new, now).await?;
            Ok(true)
        })?;
        put += usize::from(new);
    }
    for waiting in submission::waiting(db).await?.iter().filter(|waiting| waiting.version.is_none()) {
        if !library.is_provisioned(&waiting.slug) {
            let nobody = Actor { user: None, name: String::new(), from: None, via: Via::Command };
            transaction!(db, |tx| submission::drop_waiting(tx, &waiting.slug, Standing::Superseded, &nobody, now).await)?;
        }
    }
    Ok(put)
}
