//! What people do to uploaded lists, whichever door they come by: bring one, say what its columns hold, have it taken in, throw it away,
//! and fetch its refused rows once.
//!
//! What enters is who does it and when ([`Clerk`]). Each change is one transaction with its entry in the record; the work itself is done in
//! the background ([`super::Intake`]). Whether they may change audiences at all is the door's to ask; whose lists they touch is asked
//! here, of the lists as they stand. What can go wrong is a [`ClerkError`]: nothing was changed then, and no file is left behind.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde_json::json;
use tempfile::NamedTempFile;

use super::{
    Kind, NAME, New, Outcome, SPOOLED, Said, Settings, State, Upload, Wrong, bring, confirm, fetch, one, open, recheck,
    rejected_path,
    said::{another, bad_name, guessed, list_name, only_department, own_name},
    throw_away,
};
use crate::{
    audience::{
        import::{self, ImportError, Look, ReadError, Reading},
        list::{self, Owners},
    },
    audit::{self, Actor},
    db::{Db, DbError, disk::Room},
    phrase,
    seal::{self, Seal},
    transaction,
    user::{self, User},
    words::{Lang, Phrase},
};

/// The longest name of a file that is kept.
const LONGEST_TITLE: usize = 100;
/// Lists of one person that may wait at once: each is a file on the disk.
const WAITING: usize = 20;

/// Why something was not done to a list.
#[derive(Debug, thiserror::Error)]
pub enum ClerkError {
    /// There is no such list, or it is not theirs: which of the two is not told.
    #[error("no such list")]
    NotThere,
    /// It binds every department, and they do not see them all.
    #[error("it binds every department")]
    BindsAll,
    /// It is being worked on, over, or was changed meanwhile.
    #[error("it is busy")]
    Busy,
    /// Its refused rows were fetched already.
    #[error("its refused rows are gone")]
    Fetched,
    /// The file has nothing in it.
    #[error("the file is empty")]
    Empty,
    /// So many lists of theirs wait already.
    #[error("{0} lists wait already")]
    TooMany(usize),
    /// No room is left on the disk.
    #[error("the disk is full")]
    NoRoom,
    /// The name is none for a list.
    #[error("the name is no list's")]
    BadName,
    /// The name is a list's that they do not see.
    #[error("the name is taken")]
    Taken(String),
    /// There is no such department, or they are not of it.
    #[error("no such department")]
    NoDepartment,
    /// The file names people of another department's list.
    #[error("it names people of another department's list")]
    Foreign,
    /// What was said is not right yet.
    #[error("what was said is not right")]
    Wrong(Box<Wrong>),
    /// The file is no list.
    #[error(transparent)]
    NotAList(ImportError),
    /// The file could not be kept.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A thread died.
    #[error(transparent)]
    Broken(#[from] tokio::task::JoinError),
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl ClerkError {
    /// What to tell whoever asked, as a sentence.
    pub fn phrase(&self) -> Phrase {
        match self {
            Self::NotThere => phrase!("Không có danh sách tải lên này.", "There is no such uploaded list."),
            Self::BindsAll => phrase!(
                "Danh sách không gửi có hiệu lực với mọi đơn vị: chỉ người xem được mọi đơn vị mới thay đổi được.",
                "Such a list binds every department: only who sees them all may change it."
            ),
            Self::Busy => phrase!(
                "Danh sách này đang được xử lý hoặc đã kết thúc: tải lại trang để xem.",
                "This list is being worked on, or is over: load the page again."
            ),
            Self::Fetched => phrase!(
                "Các dòng lỗi đã được tải về hoặc đã hết hạn giữ.",
                "The refused rows were fetched already, or are kept no longer."
            ),
            Self::Empty => phrase!("Chưa chọn tệp nào, hoặc tệp trống.", "No file was chosen, or it is empty."),
            Self::TooMany(n) => phrase!(
                "Đang có {n} danh sách của bạn chờ xử lý: nhập hoặc bỏ bớt rồi tải lên tiếp.",
                "{n} lists of yours wait already: take some in or throw them away first."
            ),
            Self::NoRoom => phrase!(
                "Ổ đĩa của máy chủ gần đầy: báo người quản trị trước khi tải danh sách lên.",
                "The server's disk is nearly full: tell an administrator before you upload a list."
            ),
            Self::BadName => bad_name(),
            Self::Taken(source) => another(source),
            Self::NoDepartment => phrase!("Không có đơn vị này.", "There is no such department."),
            Self::Foreign => phrase!(
                "Tệp có người thuộc danh sách của đơn vị khác: bỏ các dòng đó, hoặc thống nhất với đơn vị quản lý.",
                "The file names people of another department's list: take those rows out, or agree with that department."
            ),
            Self::Wrong(wrong) => wrong.mistakes.first().map(|mistake| mistake.says.clone()).unwrap_or_default(),
            // Without the name that it has here.
            Self::NotAList(ImportError::Read(ReadError::Io { error, .. })) => {
                phrase!("không đọc được tệp", "the file cannot be read").because(error)
            }
            Self::NotAList(error) => error.phrase(),
            Self::Io(error) => Phrase::from(error.to_string()),
            Self::Broken(error) => Phrase::from(error.to_string()),
            Self::Db(error) => Phrase::from(error.to_string()),
        }
    }
}

/// A list on its way in.
pub struct Brought {
    /// Its file, [spooled](spool).
    pub file: NamedTempFile,
    /// What its machine calls the file.
    pub title: String,
    /// People to write to, or addresses never to be written to.
    pub kind: Kind,
    /// Which of the office's lists it is; empty: the one that is called as the file.
    pub source: String,
    /// Of addresses never to be written to: whether every campaign is bound, not advertising alone.
    pub everything: bool,
    /// In which language its refused rows say why.
    pub lang: Lang,
}

/// A file on its way up: beside the database, where there is room for lists, and whence one that is kept need not be copied. Its owner
/// alone reads it.
pub fn spool(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)?;
    tempfile::Builder::new().prefix(SPOOLED).tempfile_in(folder)
}

/// Handles uploaded lists for somebody.
pub struct Clerk<'a> {
    db: &'a Db,
    seal: &'a Seal,
    folder: PathBuf,
    user: &'a User,
    actor: &'a Actor,
    owners: Owners,
    now: i64,
}

impl<'a> Clerk<'a> {
    /// For this user, who is recorded as `actor`. `folder`: see [`super::folder`].
    pub async fn of(
        (db, seal): (&'a Db, &'a Seal),
        folder: PathBuf,
        (user, actor): (&'a User, &'a Actor),
        now: i64,
    ) -> Result<Self, DbError> {
        Ok(Self { owners: list::owners(db).await?, db, seal, folder, user, actor, now })
    }

    /// Whether they see whoever is on one of the office's lists.
    fn sees(&self, source: &str) -> bool {
        self.user.departments.sees(self.owners.of(source))
    }

    /// Whether they may see an uploaded list: of a list that they see, or their own.
    fn is_theirs(&self, upload: &Upload) -> bool {
        let settings = upload.settings();
        upload.by_user == Some(self.user.id) || self.user.departments.sees(&settings.owner) && self.sees(&settings.source)
    }

    /// The lists under way that they may see, the latest first.
    pub async fn open(&self) -> Result<Vec<Upload>, ClerkError> {
        let mut all = open(self.db).await?;
        all.retain(|upload| self.is_theirs(upload));
        Ok(all)
    }

    /// One of them, or one that is over.
    pub async fn find(&self, id: i64) -> Result<Upload, ClerkError> {
        one(self.db, id).await?.filter(|upload| self.is_theirs(upload)).ok_or(ClerkError::NotThere)
    }

    /// Keeps a file and has it gone through; one of addresses never to be written to is taken in at once. Gives its number.
    pub async fn bring(&self, brought: Brought) -> Result<i64, ClerkError> {
        let Brought { file, title, kind, source, everything, lang } = brought;
        let block = kind == Kind::Block;
        if block && !self.user.departments.is_everything() {
            return Err(ClerkError::BindsAll);
        }
        if file.as_file().metadata()?.len() == 0 {
            return Err(ClerkError::Empty);
        }
        let title: String = title.chars().filter(|c| !c.is_control()).take(LONGEST_TITLE).collect();
        let source = if source.is_empty() { own_name(&title) } else { list_name(&source).ok_or(ClerkError::BadName)? };
        if !block && !self.sees(&source) {
            return Err(ClerkError::Taken(source));
        }
        let waiting = open(self.db).await?;
        let waiting = waiting.iter().filter(|one| one.finished_at.is_none() && one.by_user == Some(self.user.id)).count();
        if waiting >= WAITING {
            return Err(ClerkError::TooMany(waiting));
        }
        if Room::at(&self.folder).is_some_and(Room::is_gone) {
            return Err(ClerkError::NoRoom);
        }
        let name = seal::hex(&self.seal.random::<NAME>());
        let target = self.folder.join(&name);
        let look = looked_at(file, &target, block).await?;
        // A list that is there stays its department's.
        let owner = Some(self.owners.of(&source)).filter(|owner| !owner.is_empty()).unwrap_or_else(|| only_department(self.user));
        let settings = Settings {
            owner: owner.to_string(),
            source,
            everything,
            lang: lang.pick("vi", "en").to_string(),
            reading: Reading { mapping: look.as_ref().and_then(guessed), basis: None },
            ..Settings::default()
        };
        let new = New {
            kind,
            file: &name,
            title: &title,
            by: (Some(self.user.id), &self.user.name),
            settings: &settings,
            look: look.as_ref(),
            state: if block { State::Confirmed } else { State::Checking },
        };
        let told = json!({ "file": title, "kind": kind, "source": settings.source });
        let kept = transaction!(self.db, |tx| {
            let id = bring(tx, &new, self.now).await?;
            audit::record(tx, self.actor, "audience.upload", &format!("upload:{id}"), None, Some(&told), self.now).await?;
            Ok(id)
        });
        // A file of which no row tells would lie there until it is swept.
        if kept.is_err() {
            let _ = fs::remove_file(&target);
        }
        Ok(kept?)
    }

    /// Has a list gone through anew, as is said now.
    pub async fn say(&self, upload: &Upload, said: Said<'_>) -> Result<(), ClerkError> {
        // Of addresses never to be written to there is nothing to be said: they were taken in at once, by whoever may.
        if upload.kind() == Kind::Block {
            return Err(ClerkError::Busy);
        }
        let settings = said.settings(upload, &self.owners, |source| self.sees(source)).map_err(ClerkError::Wrong)?;
        let known = user::departments(self.db).await?;
        let is_one = settings.owner.is_empty() || known.iter().any(|department| department.name == settings.owner);
        if !is_one || !self.user.departments.sees(&settings.owner) {
            return Err(ClerkError::NoDepartment);
        }
        let changed = transaction!(self.db, |tx| recheck(tx, upload.id, &settings, self.now).await)?;
        if changed { Ok(()) } else { Err(ClerkError::Busy) }
    }

    /// Of the people who come over from other lists: how many from each that they see, and how many from all others, who cannot be taken
    /// over.
    pub fn moved<'o>(&self, outcome: &'o Outcome) -> (Vec<(&'o str, u64)>, u64) {
        let (theirs, foreign): (Vec<_>, Vec<_>) =
            outcome.moved.iter().map(|(source, n)| (source.as_str(), *n)).partition(|(source, _)| self.sees(source));
        (theirs, foreign.into_iter().map(|(_, n)| n).sum())
    }

    /// Has a list taken in as it was checked.
    pub async fn confirm(&self, upload: &Upload) -> Result<(), ClerkError> {
        let (settings, outcome) = (upload.settings(), upload.outcome().ok_or(ClerkError::Busy)?);
        // Both may have become another department's since it was checked.
        if !self.sees(&settings.source) || !self.user.departments.sees(&settings.owner) {
            return Err(ClerkError::NotThere);
        }
        if self.moved(&outcome).1 > 0 {
            return Err(ClerkError::Foreign);
        }
        let told = json!({
            "upload": upload.id, "rows": outcome.rows, "added": outcome.added, "updated": outcome.updated, "retired": outcome.retired,
            "replace": settings.replace, "basis": settings.reading.basis.as_ref().map(|basis| &basis.basis),
        });
        let confirmed = transaction!(self.db, |tx| {
            let confirmed = confirm(tx, upload).await?;
            if confirmed {
                audit::record(tx, self.actor, "audience.confirm", &settings.source, None, Some(&told), self.now).await?;
            }
            Ok(confirmed)
        })?;
        if confirmed { Ok(()) } else { Err(ClerkError::Busy) }
    }

    /// Throws a list away that nobody began to take in.
    pub async fn throw_away(&self, upload: &Upload) -> Result<(), ClerkError> {
        let id = upload.id;
        let file = transaction!(self.db, |tx| {
            let file = throw_away(tx, id, self.now).await?;
            if file.is_some() {
                audit::record(tx, self.actor, "audience.drop", &format!("upload:{id}"), None, None, self.now).await?;
            }
            Ok(file)
        })?;
        let path = self.folder.join(file.ok_or(ClerkError::Busy)?);
        if let Err(error) = tokio::task::spawn_blocking(move || fs::remove_file(path)).await? {
            tracing::warn!(upload = id, %error, "an uploaded list was thrown away, and its file not found");
        }
        Ok(())
    }

    /// A list's refused rows, once: whoever fetches them has them.
    pub async fn rejected(&self, upload: &Upload) -> Result<tokio::fs::File, ClerkError> {
        let id = upload.id;
        let path = rejected_path(&self.folder, &upload.file);
        let file = tokio::fs::File::open(&path).await.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => ClerkError::Fetched,
            _ => ClerkError::Io(error),
        })?;
        let first = transaction!(self.db, |tx| {
            let first = fetch(tx, id).await?.is_some();
            if first {
                audit::record(tx, self.actor, "audience.rejected", &format!("upload:{id}"), None, None, self.now).await?;
            }
            Ok(first)
        })?;
        if !first {
            return Err(ClerkError::Fetched);
        }
        // The file that is open outlives its name.
        if let Err(error) = tokio::fs::remove_file(&path).await {
            tracing::error!(upload = id, %error, "refused rows that were fetched could not be removed");
        }
        Ok(file)
    }
}

/// Puts a file where it waits, and looks at its columns; one of addresses has none to be said. No file is left of what is no list.
async fn looked_at(file: NamedTempFile, target: &Path, block: bool) -> Result<Option<Look>, ClerkError> {
    let target = target.to_path_buf();
    let looked = tokio::task::spawn_blocking(move || {
        file.persist(&target).map_err(|error| error.error)?;
        let look = if block { Ok(None) } else { import::look(&target).map(Some) };
        if look.is_err() {
            let _ = fs::remove_file(&target);
        }
        Ok::<_, io::Error>(look)
    });
    looked.await??.map_err(ClerkError::NotAList)
}
