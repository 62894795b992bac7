//! The other road to people: relay orders to outlets, and the counts that they report.
//!
//! What enters: a run whose campaign orders something ([`ask`], [`make`]), what officers and outlets do with its orders ([`order`], [`hand`],
//! [`answer`], [`follow`]) and what outlets count ([`report`]). What leaves: orders as they stand ([`Order`]), who is to be chased
//! ([`chase`]) and figures ([`count`]), which are in subscribers as outlets report them and are never added to counts of people.
//!
//! An order is a row, frozen when it is made ([`Content`]); a later one that updates or cancels it is a row of its own. What may happen
//! to it is one pure function ([`State::on`]); every change is conditional on the row's state and version, adds an event that is never
//! changed, and is recorded in [`crate::audit`] by the same transaction. What can go wrong: something does not fit ([`Refusal`],
//! [`report::Rejected`]), and the database.

pub mod answer;
pub mod ask;
pub mod attention;
pub mod carried;
pub mod chase;
mod content;
pub mod count;
pub mod document;
pub mod enlist;
pub mod follow;
pub mod hand;
pub mod heard;
pub mod issue;
pub mod make;
pub mod order;
pub mod owed;
pub mod paper;
pub mod partner;
pub mod push;
pub mod recount;
mod refusal;
pub mod report;
pub mod revise;
pub mod sheet;
mod state;
pub mod waiting;

pub use content::{Basis, Content, Sms, Status};
pub use order::{Event, Order, Step};
pub use refusal::Refusal;
pub use state::{Happening, State};

use crate::{audit::Actor, db::Result, user::Scope};

/// Whose eyes look at orders.
#[derive(Debug, Clone, Copy)]
pub enum Eyes<'a> {
    /// Everybody's: a command at this machine, or a loop.
    All,
    /// Those of somebody of these departments.
    Office(&'a Scope),
    /// Those of an outlet: its own orders, once they may go out.
    Outlet(i64),
}

/// Who does something, with whose eyes, and when.
#[derive(Debug, Clone, Copy)]
pub struct By<'a> {
    /// As the record keeps it.
    pub actor: &'a Actor,
    /// What they see: an order that they do not see is none.
    pub eyes: Eyes<'a>,
    /// Unix milliseconds.
    pub now: i64,
}

/// What somebody tried with an order: the outcome, or why not.
pub type Tried<T> = Result<std::result::Result<T, Refusal>>;

/// Loa itself, in the record of who did what.
pub fn loa() -> Actor {
    Actor::command("loa")
}
