//! Recipients: lists come in, addresses are sealed, segments become SQL.

pub mod address;
pub mod import;
pub mod key;
pub mod phone;
pub mod place;
pub mod segment;
