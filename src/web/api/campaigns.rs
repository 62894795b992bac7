//! Campaigns: what is written, what runs.

use axum::extract;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{answer::List, caller::Caller, problem::Problem};
use crate::{user::Right, web::State};

pub(super) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(list))
}

/// A campaign.
#[derive(Debug, Serialize, ToSchema)]
struct Campaign {
    /// Its name in addresses and files.
    slug: String,
    /// What people call it.
    title: String,
    /// The department that it belongs to.
    owner: String,
}

#[utoipa::path(get, path = "/campaigns", tag = "campaigns", operation_id = "list_campaigns",
    summary = "Danh sách chiến dịch | The campaigns",
    responses((status = 200, description = "Those that the caller sees, by name", body = List<Campaign>)))]
async fn list(caller: Caller, extract::State(State(state)): extract::State<State>) -> Result<List<Campaign>, Problem> {
    caller.needs(Right::ReadCampaigns)?;
    let library = state.parts.library.read().map(|library| library.clone()).unwrap_or_default();
    let seen = library.campaigns.values().map(|source| &source.campaign);
    let seen = seen.filter(|campaign| caller.user.departments.sees(&campaign.owner));
    let one = |campaign: &crate::campaign::Campaign| Campaign {
        slug: campaign.slug.clone(),
        title: campaign.title.clone(),
        owner: campaign.owner.clone(),
    };
    Ok(List::whole(seen.map(one).collect()))
}
