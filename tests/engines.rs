//! The store's suite: every scenario runs on SQLite and on PostgreSQL, from an empty schema of its own.
//!
//! After each scenario every tally is recounted from its rows, and every delivery must be in a legal state.

/// Makes two tests of each `async fn name(world: &World)`: one an engine.
macro_rules! on_both_engines {
    ($($name:ident),+ $(,)?) => { $(
        mod $name {
            #[test]
            fn on_sqlite() {
                crate::engines::world::play(loa::db::Engine::Sqlite, super::$name);
            }
            #[test]
            fn on_postgres() {
                crate::engines::world::play(loa::db::Engine::Postgres, super::$name);
            }
        }
    )+ };
}

mod again;
mod audit;
mod bounces;
mod claims;
mod columns;
mod doubts;
mod editions;
mod fall_back;
mod fan_out;
mod lost_transaction;
mod people;
mod plans;
mod postgres;
mod publish;
mod publish_updates;
mod receipts;
mod records;
mod relay;
mod relay_stops;
mod retention;
mod runs;
mod schema;
mod statements;
mod tokens;
mod upgrade;
mod upstream;
mod users;
pub mod world;
