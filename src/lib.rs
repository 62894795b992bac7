//! Loa.
pub mod campaign;
pub mod clock;
pub mod config;
pub mod db;
pub mod sandbox;
