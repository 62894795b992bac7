//! Loa.
pub mod active;
pub mod audience;
pub mod campaign;
pub mod clock;
pub mod config;
pub mod consent;
pub mod db;
pub mod delivery;
pub mod document;
pub mod health;
pub mod limit;
pub mod message;
pub mod retry;
pub mod seal;
pub mod tally;
pub mod words;
