//! Signing in, over HTTP, as people and as whoever would like to be them.

mod by_provider;
pub(super) mod desk;
mod forms;
mod me;
mod provider;
mod roles;
mod second_factor;
mod session;
