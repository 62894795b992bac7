//! The contract that every adapter keeps, and the tests of gateways described as data.
//!
//! One binary for the crate. `contract/suite.rs` holds the suite; an adapter joins it with one row in `contract/adapters.rs`.

// A panic is how a test reports.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "contract/adapters.rs"]
mod adapters;
#[path = "contract/blocks.rs"]
mod blocks;
#[path = "contract/built_in.rs"]
mod built_in;
#[path = "contract/callbacks.rs"]
mod callbacks;
#[path = "contract/faults.rs"]
mod faults;
#[path = "contract/gateway.rs"]
mod gateway;
#[path = "contract/judgement.rs"]
mod judgement;
#[path = "contract/server.rs"]
mod server;
#[path = "contract/suite.rs"]
mod suite;
