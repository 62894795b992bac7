//! Loa.
pub mod active;
pub mod audience;
pub mod campaign;
pub mod clock;
pub mod config;
pub mod consent;
pub mod db;
pub mod delivery;
pub mod health;
pub mod limit;
pub mod retry;
pub mod seal;
pub mod tally;
