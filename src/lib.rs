//! Loa.
pub mod audience;
pub mod campaign;
pub mod clock;
pub mod config;
pub mod consent;
pub mod db;
pub mod seal;
