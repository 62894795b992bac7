//! Loa.
pub mod campaign;
pub mod cli;
pub mod clock;
pub mod config;
pub mod db;
pub mod document;
pub mod words;
