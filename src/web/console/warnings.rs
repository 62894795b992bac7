//! Warnings in three steps and one approval: a pattern, its blanks with whom it is for, and what it will come to; then somebody
//! else's approval sends it at once. Corrections of runs are written in the same way.
//!
//! What enters: forms of people who may write campaigns. What leaves: a draft of an ordinary campaign beside a request to send it
//! when approved ([`crate::run::warning`]); pages. What can go wrong is told beside its field, and what was typed is kept.

mod correct;
mod estimate;
mod show;
mod typed;
mod write;

use axum::{
    Router,
    routing::{get, post},
};

pub(in crate::web) use estimate::Estimates;

use super::Named;
use crate::web::State;

pub(super) const TEMPLATES: &[Named] = &[
    ("console/warnings/choose", include_str!("../templates/console/warnings/choose.html")),
    ("console/warnings/write", include_str!("../templates/console/warnings/write.html")),
    ("console/warnings/show", include_str!("../templates/console/warnings/show.html")),
];

pub(super) fn routes() -> Router<State> {
    Router::new()
        .route("/warnings", post(write::make))
        .route("/warnings/new", get(write::new))
        .route("/warnings/{slug}", get(show::show))
        .route("/warnings/{slug}/submit", post(show::submit))
        .route("/runs/{id}/correct", get(correct::write).post(correct::make))
}
