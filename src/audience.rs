//! stub
pub mod segment;
