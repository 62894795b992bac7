//! The lock file of an embedded database: one process sends at a time.

use std::fs::{File, TryLockError};
use std::path::PathBuf;

use anyhow::Context as _;

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
        let file = File::create(&path).with_context(|| format!("the lock file {} cannot be made", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => {
                anyhow::bail!(
                    "another process already serves this database (its lock is {}): an embedded database has one",
                    path.display()
                )
            }
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("the lock file {} cannot be locked", path.display()))
            }
        }
    }
}
