//! Refused rows, each with its reasons, in a file beside the list.

use std::{
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
};

use super::{ImportError, Problem, header::Header};
use crate::{audience::formula::guarded, words::Lang};

/// Where the refused rows of this list go.
pub(super) fn rejected_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(".rejected.csv");
    PathBuf::from(name)
}

/// The file of refused rows: the list's own columns, then where and why. Only its owner may read it.
pub(super) struct Rejections<'a> {
    path: &'a Path,
    columns: usize,
    names: Vec<String>,
    writer: Option<csv::Writer<File>>,
    lang: Lang,
}

impl<'a> Rejections<'a> {
    pub(super) fn new(path: &'a Path, header: &Header, lang: Lang) -> Result<Self, ImportError> {
        // What an earlier import of this file refused is settled anew.
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(rejected_error(path, error)),
            _ => Ok(Self { path, columns: header.names.len(), names: header.names.clone(), writer: None, lang }),
        }
    }

    /// One more, with every reason.
    pub(super) fn add(&mut self, line: u64, cells: &[String], problems: &[Problem]) -> Result<(), ImportError> {
        let path = self.path;
        let mut writer = match self.writer.take() {
            Some(writer) => writer,
            None => self.begin()?,
        };
        let columns: Vec<&str> = problems.iter().map(|problem| problem.column.as_str()).collect();
        let reasons: Vec<&str> = problems.iter().map(|problem| problem.reason.text(self.lang)).collect();
        let own = (0..self.columns).map(|at| cells.get(at).map_or("", String::as_str));
        let (line, columns, reasons) = (line.to_string(), columns.join("; "), reasons.join("; "));
        let why = [line.as_str(), &columns, &reasons];
        let guarded = own.chain(why).map(|cell| guarded(cell).into_owned().into_bytes());
        let written = writer.write_record(guarded).map_err(|error| rejected_error(path, error.into()));
        self.writer = Some(writer);
        written
    }

    fn begin(&self) -> Result<csv::Writer<File>, ImportError> {
        let mut file = private_file(self.path).map_err(|error| rejected_error(self.path, error))?;
        // Excel takes a file without it for the machine's old encoding.
        file.write_all("\u{feff}".as_bytes()).map_err(|error| rejected_error(self.path, error))?;
        let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(file);
        let names = self.names.iter().map(String::as_str).chain(match self.lang {
            Lang::Vi => ["_dong", "_cot", "_ly_do"],
            Lang::En => ["_line", "_column", "_reason"],
        });
        let names = names.map(|name| guarded(name).into_owned().into_bytes());
        writer.write_record(names).map_err(|error| rejected_error(self.path, error.into()))?;
        Ok(writer)
    }

    pub(super) fn finish(self) -> Result<(), ImportError> {
        match self.writer {
            Some(mut writer) => writer.flush().map_err(|error| rejected_error(self.path, error)),
            None => Ok(()),
        }
    }
}

fn rejected_error(path: &Path, error: std::io::Error) -> ImportError {
    ImportError::Rejected { path: path.to_path_buf(), error }
}

/// A new, empty file that only its owner may read and write.
pub(crate) fn private_file(path: &Path) -> std::io::Result<File> {
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    // The mode above is for a new file; one that was there keeps its own.
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(file)
}
