//! The lock file of an embedded database: one process sends at a time.

use std::fs::{File, TryLockError};
use std::path::PathBuf;

use anyhow::Context as _;

use super::Refusal;
use crate::phrase;

/// Held as long as the process serves; the system lets it go however the process ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock beside an embedded database; none is needed for a server's.
    pub fn take(database_url: &str) -> anyhow::Result<Option<Self>> {
        let Some(database) = database_url.strip_prefix("sqlite:") else { return Ok(None) };
        let path = PathBuf::from(format!("{}.lock", database.trim_start_matches("//")));
        let shown = path.display();
        let file = File::create(&path).map_err(|error| {
            Refusal::now(phrase!("không tạo được tệp khóa {shown}", "the lock file {shown} cannot be made").because(&error))
        })?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Err(Refusal::now(phrase!(
                "`loa serve` khác đang chạy trên cơ sở dữ liệu này ({shown}): SQLite chỉ cho một",
                "another process already serves this database (its lock is {shown}): an embedded database has one"
            ))
            .into()),
            Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("the lock file {shown} cannot be locked")),
        }
    }
}
