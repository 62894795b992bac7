//! The console: where departments work and managers look. Pages made on the server; each works without script, and a script of our
//! own only makes some of them livelier.
//!
//! What enters: requests of signed-in people ([`visitor`]); a form counts only with the token that its page carried ([`form`]).
//! What leaves: pages ([`view`]), or why there is none ([`fault`]). What can go wrong: no right, another department's, somebody else was faster,
//! the database; then a page says so, and nothing was changed.
//!
//! An area is a file: its `routes()`, its `TEMPLATES`, and, where it has any, its `SCRIPTS`. They are put together here.

mod accounts;
pub(super) mod approvals;
mod audience;
mod audit;
mod bulletins;
mod calendar;
pub(super) mod campaigns;
pub(super) mod desk;
mod difference;
pub(super) mod door;
pub(super) mod fault;
pub(super) mod form;
mod home;
mod inbox;
mod me;
mod nav;
mod orders;
mod outlets;
mod partner;
mod periods;
mod reach;
mod reconcile;
mod runs;
mod segments;
mod sign_in;
pub(super) mod statics;
mod users;
pub(super) mod view;
pub(super) mod visitor;
pub(super) mod warnings;
mod when;
mod writing;

use axum::{Router, middleware};

use super::State;

/// A template's or a script's name, and its text.
pub(super) type Named = (&'static str, &'static str);

/// The templates of all areas.
pub(super) const TEMPLATES: &[&[Named]] = &[
    view::TEMPLATES,
    home::TEMPLATES,
    sign_in::TEMPLATES,
    me::TEMPLATES,
    users::TEMPLATES,
    audit::TEMPLATES,
    campaigns::TEMPLATES,
    approvals::TEMPLATES,
    calendar::TEMPLATES,
    writing::TEMPLATES,
    segments::TEMPLATES,
    warnings::TEMPLATES,
    bulletins::TEMPLATES,
    runs::TEMPLATES,
    audience::TEMPLATES,
    accounts::TEMPLATES,
    inbox::TEMPLATES,
    orders::TEMPLATES,
    outlets::TEMPLATES,
    partner::TEMPLATES,
    reach::TEMPLATES,
    periods::TEMPLATES,
    reconcile::TEMPLATES,
];

/// The scripts of all areas: ES modules.
pub(super) const SCRIPTS: &[&[Named]] = &[view::SCRIPTS, reach::SCRIPTS, runs::SCRIPTS, writing::SCRIPTS];

/// All pages of the console.
pub(super) fn routes(state: &State) -> Router<State> {
    Router::new()
        .merge(statics::routes())
        .merge(home::routes())
        .merge(sign_in::routes())
        .merge(me::routes())
        .merge(users::routes())
        .merge(audit::routes())
        .merge(campaigns::routes())
        .merge(approvals::routes())
        .merge(calendar::routes())
        .merge(writing::routes())
        .merge(segments::routes())
        .merge(warnings::routes())
        .merge(bulletins::routes())
        .merge(runs::routes())
        .merge(audience::routes())
        .merge(accounts::routes())
        .merge(inbox::routes())
        .merge(orders::routes())
        .merge(outlets::routes())
        .merge(partner::routes())
        .merge(reach::routes())
        .merge(periods::routes())
        .merge(reconcile::routes())
        .layer(middleware::from_fn_with_state(state.clone(), fault::explain))
}

/// Pages that take longer than others: what comes up to them is large.
pub(super) fn slow_routes(state: &State) -> Router<State> {
    audience::slow_routes()
        .merge(orders::slow_routes())
        .merge(partner::slow_routes())
        .layer(middleware::from_fn_with_state(state.clone(), fault::explain))
}
