//! Outlets in the console, and the console of those who act for one: what they see, what they answer, what they count, and what is not
//! theirs.

mod answers;
mod many;
mod outlets;
mod scene;
mod users;
mod walls;
