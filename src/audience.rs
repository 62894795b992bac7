//! Recipients: lists come in, addresses are sealed, segments become SQL.

pub mod place;
pub mod segment;
