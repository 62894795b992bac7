//! The console: where departments work and managers look. Pages made on the server; each works without script, and a script of our
//! own only makes some of them livelier.
//!
//! What enters: requests of signed-in people ([`visitor`]); a form counts only with the token that its page carried ([`form`]).
//! What leaves: pages ([`view`]), or why there is none ([`fault`]). What can go wrong: no right, another department's, somebody else was faster,
//! the database; then a page says so, and nothing was changed.
//!
//! An area is a file: its `routes()`, its `TEMPLATES`, and, where it has any, its `SCRIPTS`. They are put together here.

mod audit;
mod door;
pub(super) mod fault;
pub(super) mod form;
mod home;
mod me;
mod nav;
mod runs;
mod sign_in;
pub(super) mod statics;
mod users;
pub(super) mod view;
pub(super) mod visitor;
mod when;

use axum::{Router, middleware};

use super::State;

/// A template's or a script's name, and its text.
pub(super) type Named = (&'static str, &'static str);

/// The templates of all areas.
pub(super) const TEMPLATES: &[&[Named]] =
    &[view::TEMPLATES, home::TEMPLATES, sign_in::TEMPLATES, me::TEMPLATES, users::TEMPLATES, audit::TEMPLATES, runs::TEMPLATES];

/// The scripts of all areas: ES modules.
pub(super) const SCRIPTS: &[&[Named]] = &[view::SCRIPTS, runs::SCRIPTS];

/// All pages of the console.
pub(super) fn routes(state: &State) -> Router<State> {
    Router::new()
        .merge(statics::routes())
        .merge(home::routes())
        .merge(sign_in::routes())
        .merge(me::routes())
        .merge(users::routes())
        .merge(audit::routes())
        .merge(runs::routes())
        .layer(middleware::from_fn_with_state(state.clone(), fault::explain))
}
