//! The database where it is there already, for commands that look and never make one.

use anyhow::Context as _;

use super::Mistake;
use crate::{
    config::Config,
    db::{Db, Schema},
    phrase,
};

/// The database, if it is there and has tables to read.
pub async fn database(config: &Config) -> anyhow::Result<Option<Db>> {
    let Some(db) = Db::find(&config.database_url).await.context("the database cannot be opened")? else { return Ok(None) };
    match db.schema().await? {
        Schema::Current => Ok(Some(db)),
        Schema::Missing => {
            db.close().await;
            Ok(None)
        }
        Schema::Behind(_) => {
            Err(Mistake(phrase!("cơ sở dữ liệu cần nâng cấp: chạy `loa migrate`", "run `loa migrate` first")).into())
        }
        Schema::Ahead => Err(Mistake(phrase!(
            "cơ sở dữ liệu thuộc một phiên bản loa mới hơn",
            "the database belongs to a later version of loa"
        ))
        .into()),
    }
}
