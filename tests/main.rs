//! Loa's stories, each through a front door, on both engines. One binary: each further one is another link.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, reason = "a test says what is wrong by failing")]

mod helpers;
mod stories {
    mod audience;
}
