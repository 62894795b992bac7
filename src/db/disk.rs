//! The disk that the embedded database is on: which file it is, and how much room is left there. What a server has is not known.

use std::path::{Path, PathBuf};

/// Bytes: below this a campaign to a million people may not fit any more, journal and all.
const LITTLE: u64 = 2 * 1024 * 1024 * 1024;
/// Bytes: below this writing is about to fail.
const GONE: u64 = 200 * 1024 * 1024;

/// How much room there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Bytes that we may still write.
    pub free: u64,
}

/// The file of the embedded database at `url`; none: it is a server, or in memory.
pub fn embedded(url: &str) -> Option<PathBuf> {
    let file = url.strip_prefix("sqlite:")?.trim_start_matches("//").split('?').next()?;
    Some(PathBuf::from(file)).filter(|file| !file.starts_with(":memory:"))
}

/// The folder that the embedded database at `url` lies in.
pub fn folder(url: &str) -> Option<PathBuf> {
    let file = embedded(url)?;
    Some(file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_path_buf())
}

impl Room {
    /// The room beside the embedded database at `url`; none where that cannot be known.
    pub fn of(url: &str) -> Option<Self> {
        Self::at(&folder(url)?)
    }

    /// The room in a folder; none where that cannot be known.
    pub fn at(folder: &Path) -> Option<Self> {
        free(folder).map(|free| Self { free })
    }

    /// Whether it is time to make more.
    pub const fn is_little(self) -> bool {
        self.free < LITTLE
    }

    /// Whether writing is about to fail.
    pub const fn is_gone(self) -> bool {
        self.free < GONE
    }
}

#[cfg(unix)]
fn free(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

#[cfg(not(unix))]
fn free(_folder: &Path) -> Option<u64> {
    None
}
