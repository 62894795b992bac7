//! Campaigns: the list, one campaign with its texts and history, its versions and how they differ, and what people do with them.
//!
//! A campaign of a file is shown and read-only. Every page is of the visitor's departments alone: another's campaign does not
//! exist for them.

mod change;
mod describe;
mod import;
mod ledger;
mod show;
mod subject;
pub(super) mod texts;
mod versions;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    routing::{get, post},
};

use super::Named;
use crate::web::State;

pub(super) use change::{all_its_own, archived};
pub(super) use describe::facts;

pub(super) const TEMPLATES: &[Named] = &[
    ("campaigns/list", include_str!("../templates/console/campaigns/list.html")),
    ("campaigns/show", include_str!("../templates/console/campaigns/show.html")),
    ("campaigns/texts", include_str!("../templates/console/campaigns/texts.html")),
    ("campaigns/difference", include_str!("../templates/console/campaigns/difference.html")),
    ("campaigns/versions", include_str!("../templates/console/campaigns/versions.html")),
    ("campaigns/version", include_str!("../templates/console/campaigns/version.html")),
    ("campaigns/import", include_str!("../templates/console/campaigns/import.html")),
    ("campaigns/clone", include_str!("../templates/console/campaigns/clone.html")),
];

/// An attachment with the form around it.
const UPLOAD_LIMIT: usize = 6 * 1024 * 1024;

pub(super) fn routes() -> Router<State> {
    Router::new()
        .route("/campaigns", get(ledger::list))
        .route("/campaigns/import", get(import::page).post(import::take))
        .route("/campaigns/{slug}", get(show::show))
        .route("/campaigns/{slug}/export", get(versions::export))
        .route("/campaigns/{slug}/versions", get(versions::list))
        .route("/campaigns/{slug}/versions/{version}", get(versions::show))
        .route("/campaigns/{slug}/restore", post(versions::restore))
        .route("/campaigns/{slug}/files/{name}", get(versions::file))
        .route("/campaigns/{slug}/attach", post(change::attach).layer(DefaultBodyLimit::max(UPLOAD_LIMIT)))
        .route("/campaigns/{slug}/detach", post(change::detach))
        .route("/campaigns/{slug}/clone", get(change::clone_page).post(change::clone))
        .route("/campaigns/{slug}/submit", post(change::submit))
        .route("/campaigns/{slug}/withdraw", post(change::withdraw))
        .route("/campaigns/{slug}/archive", post(change::archive))
        .route("/campaigns/{slug}/unarchive", post(change::unarchive))
}
