//! The campaign that a page is of: what is in force of it, what the console has, and what waits.

use std::sync::Arc;

use crate::{
    approval::{self, Standing, Submission, submission},
    campaign::{Library, Source},
    document::is_slug,
    edition::{self, Edition},
    phrase,
    user::Right,
    web::{
        Shared,
        console::{fault::Fault, visitor::Visitor},
    },
};

/// One campaign as its reader may see it.
pub(super) struct Subject {
    pub slug: String,
    pub library: Arc<Library>,
    /// The console's latest version.
    pub latest: Option<Edition>,
    /// The console's version that is in force.
    pub in_force: Option<i64>,
    pub archived_at: Option<i64>,
    /// Newest first.
    pub submissions: Vec<Submission>,
    /// Whether nothing runs without an approval.
    pub required: bool,
    /// Whether what is in force is released as it is.
    pub released: bool,
}

impl Subject {
    /// Reads it. There is none, or it is another department's: not found.
    pub async fn of(state: &Shared, visitor: &Visitor, slug: &str) -> Result<Self, Fault> {
        visitor.needs(Right::ReadCampaigns)?;
        if !is_slug(slug) {
            return Err(Fault::NotFound);
        }
        let db = &state.parts.db;
        let library = state.parts.shelf.library(db).await?;
        let latest = edition::latest(db, slug).await?;
        let source = library.campaigns.get(slug);
        if latest.is_none() && source.is_none() {
            return Err(Fault::NotFound);
        }
        for owner in latest.iter().map(|latest| &latest.owner).chain(source.map(|source| &source.campaign.owner)) {
            visitor.sees(owner)?;
        }
        let in_force = edition::in_force(db).await?.into_iter().find(|(one, _)| one == slug).map(|(_, version)| version);
        let archived_at = edition::archived(db).await?.into_iter().find(|(one, _)| one == slug).map(|(_, at)| at);
        let required = approval::is_required(db, &state.parts.config).await?;
        let released = match source {
            Some(source) => !required || approval::is_released(db, &source.hash).await?,
            None => false,
        };
        let submissions = submission::of_campaign(db, slug).await?;
        Ok(Self { slug: slug.to_string(), latest, in_force, archived_at, submissions, required, released, library })
    }

    /// What runs, or would once it is approved.
    pub fn source(&self) -> Option<&Source> {
        self.library.campaigns.get(&self.slug)
    }

    /// Whether a file defines it.
    pub fn is_provisioned(&self) -> bool {
        self.library.is_provisioned(&self.slug)
    }

    /// What waits for a decision.
    pub fn waiting(&self) -> Option<&Submission> {
        self.submissions.first().filter(|submission| submission.standing() == Standing::Waiting)
    }

    /// The console's latest version, to be changed: by whoever may write, and not where a file defines the campaign.
    pub fn to_change(&self, visitor: &Visitor) -> Result<&Edition, Fault> {
        visitor.needs(Right::WriteCampaigns)?;
        if self.is_provisioned() {
            return Err(Fault::Conflict(phrase!(
                "Chiến dịch này do tệp {0}.toml trên máy chủ quy định: chỉ sửa được ở đó.",
                "This campaign is defined by the file {0}.toml on the server: it can only be changed there.",
                self.slug
            )));
        }
        self.latest.as_ref().ok_or(Fault::NotFound)
    }
}
