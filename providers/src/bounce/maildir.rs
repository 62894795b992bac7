//! A Maildir: mails are files in `new/` until somebody has seen them, then in `cur/` with letters after their name.
//!
//! A mail counts as handled once its name in `cur/` ends in flags with an `S` (seen). So a mail that another program moved to
//! `cur/` without reading it is still taken: an IMAP server does that whenever a client looks at the folder.

use std::{
    io,
    path::{Path, PathBuf},
};

use tokio::{fs, io::AsyncReadExt as _};

use super::{Key, LONGEST, MailboxFault, TOGETHER};

pub(super) struct Maildir {
    path: PathBuf,
}

impl Maildir {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// The oldest mails that nobody has handled.
    pub(super) async fn unread(&self) -> Result<Vec<(Key, Vec<u8>)>, MailboxFault> {
        let mut names = Vec::new();
        for folder in ["new", "cur"] {
            let within = self.path.join(folder);
            let mut entries = fs::read_dir(&within).await.map_err(|error| wrong(&within, &error))?;
            while let Some(entry) = entries.next_entry().await.map_err(|error| wrong(&within, &error))? {
                let Ok(name) = entry.file_name().into_string() else { continue };
                // A folder, a pipe or the like is no mail, and reading it could last for ever.
                if !entry.file_type().await.is_ok_and(|kind| kind.is_file()) {
                    continue;
                }
                if !name.starts_with('.') && (folder == "new" || !is_seen(&name)) {
                    names.push((folder, name));
                }
            }
        }
        // A name begins with the second in which the mail came.
        names.sort_by(|(_, one), (_, other)| one.cmp(other));
        let (mut mails, mut fault) = (Vec::new(), None);
        for (folder, name) in names {
            if mails.len() == TOGETHER {
                break;
            }
            let path = self.path.join(folder).join(&name);
            match beginning(&path).await {
                Ok(mail) => mails.push((Key::File(format!("{folder}/{name}")), mail)),
                // Somebody moved or deleted it: it is found where it is, or not wanted.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                // The others are read all the same.
                Err(error) => fault = Some(wrong(&path, &error)),
            }
        }
        fault.filter(|_| mails.is_empty()).map_or(Ok(mails), Err)
    }

    /// Moves mails to `cur/`, seen.
    pub(super) async fn mark(&self, keys: &[Key]) -> Result<(), MailboxFault> {
        for key in keys {
            let Key::File(file) = key else { continue };
            let Some((folder, name)) = file.split_once('/') else { continue };
            let from = self.path.join(folder).join(name);
            match fs::rename(&from, self.path.join("cur").join(seen(name))).await {
                Ok(()) => {}
                // Another node was faster.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(wrong(&from, &error)),
            }
        }
        Ok(())
    }

    /// Whether it can be read and written.
    pub(super) async fn test(&self) -> Result<String, MailboxFault> {
        let unread = self.unread().await?.len();
        // What the move to `cur/` needs; nothing that was never delivered is left behind in `tmp/`.
        let (from, to) = (self.path.join("tmp").join(".loa-test"), self.path.join("cur").join(".loa-test"));
        let tried = async {
            fs::write(&from, b"").await?;
            fs::rename(&from, &to).await?;
            fs::remove_file(&to).await
        };
        tried.await.map_err(|error| wrong(&self.path, &error))?;
        let more = if unread == TOGETHER { " or more" } else { "" };
        Ok(format!("{unread}{more} unread bounces"))
    }
}

/// Whether a file's name in `cur/` says that the mail was seen.
fn is_seen(name: &str) -> bool {
    name.rsplit_once(":2,").is_some_and(|(_, flags)| flags.contains('S'))
}

/// The name of a mail that was seen; its other flags stay, in the order of the alphabet.
fn seen(name: &str) -> String {
    let (base, flags) = name.rsplit_once(":2,").unwrap_or((name, ""));
    let mut flags: Vec<char> = flags.chars().chain(['S']).collect();
    flags.sort_unstable();
    flags.dedup();
    format!("{base}:2,{}", flags.into_iter().collect::<String>())
}

async fn beginning(path: &Path) -> io::Result<Vec<u8>> {
    let mut mail = Vec::new();
    fs::File::open(path).await?.take(LONGEST as u64).read_to_end(&mut mail).await?;
    Ok(mail)
}

fn wrong(path: &Path, error: &io::Error) -> MailboxFault {
    MailboxFault::new(format!("{}: {error}", path.display()))
}
