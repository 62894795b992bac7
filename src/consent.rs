//! stub
#![allow(missing_docs, clippy::all, clippy::pedantic, unused)]
use crate::db::{Db, Result};
use providers::Channel;
#[derive(Clone, Copy)]
#[repr(i16)]
pub enum Scope { Awareness = 1, All = 2 }
pub struct Event { pub id: i64, pub channel: Channel, pub address: i64, pub scope: Option<Scope> }
pub async fn since(db: &Db, id: i64) -> Result<Vec<Event>> { Ok(vec![]) }
