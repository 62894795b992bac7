//! The library that everything runs by: the files, and the console's editions that are in force beside them.
//!
//! Whoever needs it looks ([`Shelf::look`]): the folder's names, sizes and times and the console's mark say whether anything
//! changed, and only then is it read again. A broken file keeps its last good version. What can go wrong is only the database.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, RwLock},
    time::SystemTime,
};

use tokio::sync::Mutex;

use super::{file, in_force, segments};
use crate::{
    campaign::{Library, Written},
    db::{Db, Result, Sql},
    document::Problems,
    on,
};

static MARK: Sql = Sql::new(r"SELECT mark FROM edition_mark WHERE one = 1");

/// The library, read again when it changed.
#[derive(Debug)]
pub struct Shelf {
    dir: PathBuf,
    kept: Mutex<Kept>,
    cell: Arc<RwLock<Library>>,
}

#[derive(Debug, Default)]
struct Kept {
    seen: Option<Seen>,
    look: Look,
}

/// What the library was when it was looked at.
#[derive(Debug, Clone, Default)]
pub struct Look {
    /// The definitions.
    pub library: Arc<Library>,
    /// What is wrong with others.
    pub problems: Arc<Problems>,
    /// How often it changed since the start: another number, another library.
    pub turn: u64,
}

/// What changes when a definition does: files by name, size and time, and the console's mark.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    files: Vec<(PathBuf, u64, Option<SystemTime>)>,
    mark: i64,
}

impl Shelf {
    /// A shelf over a folder; nothing is read yet.
    pub fn new(dir: &Path) -> Self {
        Self { dir: dir.to_path_buf(), kept: Mutex::default(), cell: Arc::default() }
    }

    /// The library as it was looked at last, for whoever cannot wait.
    pub fn cell(&self) -> Arc<RwLock<Library>> {
        Arc::clone(&self.cell)
    }

    /// The library as it is now.
    pub async fn look(&self, db: &Db) -> Result<Look> {
        let mut kept = self.kept.lock().await;
        let mark: i64 = on!(db.read, |pool, sql| sqlx::query_scalar(sql(&MARK)).fetch_one(pool).await)?;
        let seen = Seen { files: fingerprint(&self.dir), mark };
        if kept.seen.as_ref() != Some(&seen) {
            let written = written(db).await?;
            let mut library = Library::clone(&kept.look.library);
            let problems = library.reread(&self.dir, &written);
            if !problems.is_empty() {
                tracing::warn!(problems = problems.len(), "some definitions are broken: `loa check` shows where");
            }
            if let Ok(mut cell) = self.cell.write() {
                cell.clone_from(&library);
            }
            let turn = kept.look.turn + 1;
            *kept = Kept { seen: Some(seen), look: Look { library: library.into(), problems: problems.into(), turn } };
        }
        Ok(kept.look.clone())
    }

    /// The library as it is now.
    pub async fn library(&self, db: &Db) -> Result<Arc<Library>> {
        Ok(self.look(db).await?.library)
    }
}

/// What the console has in force.
pub async fn written(db: &Db) -> Result<Written> {
    let mut written = Written::default();
    for (slug, version) in in_force(db).await? {
        if let Some(sheet) = file::sheet(db, &slug, version).await? {
            written.campaigns.insert(slug, sheet);
        }
    }
    let of = |segment: segments::SegmentEdition| Some((segment.slug, segment.text?));
    written.segments = segments::all(db).await?.into_iter().filter_map(of).collect();
    Ok(written)
}

/// Names, sizes and times of the definition files: what changes when one is edited.
fn fingerprint(dir: &Path) -> Vec<(PathBuf, u64, Option<SystemTime>)> {
    let mut files: Vec<_> = std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let about = entry.metadata().ok()?;
            Some((entry.path(), about.len(), about.modified().ok()))
        })
        .collect();
    files.sort();
    files
}
