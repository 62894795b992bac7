//! A transaction that the engine ended by itself, as SQLite does when the disk is full, takes no later one with it.

use loa::{
    db::{DbError, Result, Sql},
    transaction, within,
};

use super::world::World;

static ROLLBACK: Sql = Sql::new(r"ROLLBACK");
static KEEP: Sql = Sql::new(r"INSERT INTO meta (key, value) VALUES ('kept', '1')");

on_both_engines!(the_next_transaction_works);

async fn the_next_transaction_works(world: &World) {
    let lost: Result<()> = transaction!(world.db, |tx| {
        within!(tx, |c, sql| sqlx::query(sql(&ROLLBACK)).execute(c).await.map(loa::db::affected))?;
        Err(DbError::Refused("the disk is full".into()))
    });
    assert_eq!(lost.unwrap_err().to_string(), "the disk is full");
    let kept: Result<()> = transaction!(world.db, |tx| {
        within!(tx, |c, sql| sqlx::query(sql(&KEEP)).execute(c).await.map(loa::db::affected))?;
        Ok(())
    });
    kept.unwrap();
    assert_eq!(world.number("SELECT count(*) FROM meta WHERE key = 'kept'").await, 1);
}
