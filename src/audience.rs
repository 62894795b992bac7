//! Recipients: lists come in ([`import`]), addresses are sealed, segments become SQL ([`segment`]), and what is known
//! about people leaves again ([`export`]) or is forgotten ([`erase`]). Who is never to be written to is another list ([`block`]).
//!
//! A recipient is a row with a stable reference. Its addresses are sealed bytes, found by their keyed hash; everything else
//! is plain, because segments select by it. Who is retired from a list keeps a row, and gets nothing.

pub mod address;
pub mod block;
pub mod column;
pub mod count;
pub mod erase;
pub mod export;
pub mod figure;
pub mod formula;
pub mod import;
pub mod key;
pub mod list;
pub mod phone;
pub mod place;
pub mod reach;
pub(crate) mod row;
pub mod segment;
pub mod who;
