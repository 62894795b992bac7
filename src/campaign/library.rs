//! The folder `campaigns/`, and what was written in the console beside it: every definition, checked against the others. A
//! broken file never takes the good ones down: on a later look it keeps its last good version, and says so. A file wins over
//! what the console has of the same name; the library says which ones it hides.

mod written;

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

pub use written::{Sheet, Written};

use super::{Campaign, Goals, Segments, read::Around};
use crate::{
    document::{Problem, Problems, Value},
    phrase,
    seal::hex,
    words::Phrase,
};

/// The largest file that may go with a mail, in bytes: many mail servers refuse ten megabytes, and base64 adds a third.
pub const ATTACHMENT_LIMIT: u64 = 5 * 1024 * 1024;

/// A campaign with all that it depends on.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// What the file says.
    pub campaign: Campaign,
    /// The file's text.
    pub text: String,
    /// SHA-256 in hexadecimal over the campaign's text, the segments that it names (and those that these name) and the
    /// attachments: what an approval is for.
    pub hash: String,
    /// Files to attach, by the name that the campaign gives them.
    pub attachments: BTreeMap<String, Vec<u8>>,
}

/// Every definition in a folder, with what was written in the console.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Library {
    /// By slug.
    pub campaigns: BTreeMap<String, Source>,
    /// `segments.toml`, then the console's; none without either.
    pub segments: Segments,
    /// `goals.toml`; none without the file.
    pub goals: Goals,
    /// The text of `segments.toml` with the console's segments after it: what is frozen with every campaign.
    pub segments_text: String,
    /// Campaigns of the console that are in force.
    pub edited: BTreeSet<String>,
    /// Campaigns of the console that a file of the same name hides.
    pub hidden: BTreeSet<String>,
    /// Segments of the console that are in force.
    pub edited_segments: BTreeSet<String>,
    /// Segments of the console that `segments.toml` hides.
    pub hidden_segments: BTreeSet<String>,
}

impl Library {
    /// Reads a folder. What is broken is left out and reported.
    pub fn read(dir: &Path) -> (Self, Problems) {
        Self::read_with(dir, &Written::default())
    }

    /// Reads a folder, and what was written in the console.
    pub fn read_with(dir: &Path, written: &Written) -> (Self, Problems) {
        let mut library = Self::default();
        let problems = library.reread(dir, written);
        (library, problems)
    }

    /// Reads the folder again, and takes in what was written in the console. A file that is now broken keeps its last good
    /// version, and its first problem says so; a campaign whose file is gone is gone.
    pub fn reread(&mut self, dir: &Path, written: &Written) -> Problems {
        let mut problems = Problems::default();
        let files = match campaign_files(dir) {
            Ok(files) => files,
            Err(error) => return unreadable(dir, &error).into(),
        };
        let slugs: BTreeSet<String> = files.keys().chain(written.campaigns.keys()).cloned().collect();
        let segments_known = self.reread_segments(&dir.join("segments.toml"), &slugs, written, &mut problems);
        match read_file(&dir.join("goals.toml"), Goals::parse) {
            Ok((goals, _)) => self.goals = goals,
            Err(found) => problems.extend(kept(found, !self.goals.0.is_empty())),
        }
        let in_force = |slug: &&String| !files.contains_key(*slug);
        self.edited = written.campaigns.keys().filter(in_force).cloned().collect();
        self.hidden = written.campaigns.keys().filter(|slug| !in_force(slug)).cloned().collect();
        self.campaigns.retain(|slug, _| slugs.contains(slug));
        let mut read = |slug: &String, source: Result<Source, Problems>| match source {
            // Without segments nobody knows whom it is for: those problems come first.
            Ok(source) if segments_known => drop(self.campaigns.insert(slug.clone(), source)),
            Ok(_) => {}
            Err(found) => problems.extend(kept(found, self.campaigns.contains_key(slug))),
        };
        let known = Known { segments: segments_known.then_some(&self.segments), text: &self.segments_text };
        for (slug, file) in &files {
            read(slug, known.of_file(slug, file));
        }
        for (slug, sheet) in written.campaigns.iter().filter(|(slug, _)| in_force(slug)) {
            read(slug, known.of_sheet(slug, sheet));
        }
        problems
    }

    /// What a text would be as a campaign of this library, or everything that is wrong with it.
    pub fn source(&self, slug: &str, sheet: &Sheet) -> Result<Source, Problems> {
        Known { segments: Some(&self.segments), text: &self.segments_text }.of_sheet(slug, sheet)
    }

    /// The segments with one of the console's put in, or everything that is wrong with it.
    pub fn with_segment(&self, slug: &str, table: &str) -> Result<Segments, Problems> {
        let campaigns = self.campaigns.keys().chain(&self.edited).cloned().collect();
        written::with(slug, table, &self.segments_text, &campaigns)
    }

    /// The segments that a campaign names, and those that these name: what its hash covers.
    pub fn segments_of(&self, campaign: &Campaign) -> BTreeSet<String> {
        written::named(campaign, &self.segments)
    }

    /// Campaigns and segments that name a segment.
    pub fn users_of(&self, segment: &str) -> Vec<String> {
        let campaigns = self.campaigns.values().filter(|source| {
            let audience = &source.campaign.audience;
            let messages = source.campaign.messages.iter().flat_map(|message| &message.segments);
            audience.segments.iter().chain(&audience.exclude).chain(messages).any(|slug| slug == segment)
        });
        let segments = self.segments.iter().filter(|one| one.condition.references().contains(&segment));
        campaigns.map(|source| source.campaign.slug.clone()).chain(segments.map(|one| format!("[{}]", one.slug))).collect()
    }

    /// Whether a campaign is defined by a file, and so read-only in the console.
    pub fn is_provisioned(&self, slug: &str) -> bool {
        self.hidden.contains(slug) || (self.campaigns.contains_key(slug) && !self.edited.contains(slug))
    }

    /// Whether there are segments to check campaigns against: new ones, or the last good ones.
    fn reread_segments(&mut self, file: &Path, campaigns: &BTreeSet<String>, written: &Written, problems: &mut Problems) -> bool {
        let joined = read_text(file)
            .and_then(|text| written::join(&name(file), text.as_deref().unwrap_or_default(), &written.segments, Some(campaigns)));
        match joined {
            Ok(joined) => {
                self.segments = joined.segments;
                self.segments_text = joined.text;
                self.edited_segments = joined.taken;
                self.hidden_segments = joined.hidden;
                problems.extend(joined.left_out);
                true
            }
            Err(found) => {
                let known = !self.segments.is_empty();
                problems.extend(kept(found, known));
                known
            }
        }
    }
}

/// What a campaign is read against.
struct Known<'a> {
    /// None: nobody knows which segments there are.
    segments: Option<&'a Segments>,
    /// Their text.
    text: &'a str,
}

impl Known<'_> {
    fn of_file(&self, slug: &str, file: &Path) -> Result<Source, Problems> {
        let text = read_text(file)?.unwrap_or_default();
        let dir = file.parent().unwrap_or(Path::new("."));
        self.source(&name(file), slug, text, |attachment| load(&dir.join(attachment)))
    }

    fn of_sheet(&self, slug: &str, sheet: &Sheet) -> Result<Source, Problems> {
        self.source(&format!("{slug}.toml"), slug, sheet.text.clone(), |attachment| {
            sheet.attachments.get(attachment).cloned().ok_or_else(|| {
                (
                    phrase!("chưa tải lên tệp đính kèm `{attachment}`", "the attachment `{attachment}` was not uploaded"),
                    phrase!("tải tệp lên ở phần Tệp đính kèm của chiến dịch", "upload it among the campaign's attachments"),
                )
            })
        })
    }

    fn source(
        &self,
        file: &str,
        slug: &str,
        text: String,
        load: impl Fn(&str) -> Result<Vec<u8>, (Phrase, Phrase)>,
    ) -> Result<Source, Problems> {
        let attachments = RefCell::new(BTreeMap::new());
        let attach = |attachment: &str, value: &Value<'_>| {
            match load(attachment) {
                Ok(bytes) => attachments.borrow_mut().insert(attachment.to_string(), bytes),
                Err((message, help)) => return value.refuse(message, help),
            };
            Some(())
        };
        let around = Around { segments: self.segments, attach: Some(&attach) };
        let campaign = Campaign::parse_within(file, slug, &text, around)?;
        let attachments = attachments.into_inner();
        let named = self.segments.map(|segments| written::named_text(&campaign, segments, self.text)).unwrap_or_default();
        let hash = hash(&text, &named, &attachments);
        Ok(Source { campaign, text, hash, attachments })
    }
}

/// SHA-256 over lengths and contents, so that nothing can move from one part into the next unseen.
fn hash(text: &str, segments: &str, attachments: &BTreeMap<String, Vec<u8>>) -> String {
    let mut hash = Sha256::new();
    let files = attachments.iter().flat_map(|(name, bytes)| [name.as_bytes(), bytes]);
    for part in [text.as_bytes(), segments.as_bytes()].into_iter().chain(files) {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    hex(&hash.finalize())
}

/// The campaigns' files by slug: every `*.toml` that is not one of the shared ones.
fn campaign_files(dir: &Path) -> io::Result<BTreeMap<String, PathBuf>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let Some(stem) = path.file_stem().and_then(|stem| stem.to_str()) else { continue };
        let hidden = stem.starts_with('.');
        if !hidden && path.extension().is_some_and(|e| e == "toml") && !matches!(stem, "segments" | "goals") {
            files.insert(stem.to_string(), path);
        }
    }
    Ok(files)
}

/// A shared file and its text; one that does not exist reads as empty.
fn read_file<T>(file: &Path, parse: impl FnOnce(&str, &str) -> Result<T, Problems>) -> Result<(T, String), Problems> {
    let text = read_text(file)?.unwrap_or_default();
    parse(&name(file), &text).map(|value| (value, text))
}

/// A text file; `None` if there is none.
fn read_text(file: &Path) -> Result<Option<String>, Problems> {
    match fs::read(file) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Ok(Some(text.strip_prefix('\u{feff}').map(str::to_string).unwrap_or(text))),
            Err(_) => Err(Problem::of(&name(file), phrase!("tệp không phải UTF-8", "the file is not UTF-8"))
                .help(phrase!("lưu lại với bảng mã UTF-8", "save it again as UTF-8"))
                .into()),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(file, &error).into()),
    }
}

fn load(file: &Path) -> Result<Vec<u8>, (Phrase, Phrase)> {
    let shown = name(file);
    let there =
        fs::metadata(file).and_then(|meta| if meta.is_file() { Ok(meta.len()) } else { Err(io::ErrorKind::NotFound.into()) });
    match there {
        Err(_) => Err((
            phrase!("không có tệp đính kèm `{shown}`", "there is no attachment `{shown}`"),
            phrase!("đặt tệp cạnh tệp chiến dịch", "put the file beside the campaign's"),
        )),
        Ok(size) if size > ATTACHMENT_LIMIT => {
            let (size, most) = (size / 1024 / 1024, ATTACHMENT_LIMIT / 1024 / 1024);
            Err((
                phrase!("tệp đính kèm `{shown}` quá lớn ({size} MiB)", "the attachment `{shown}` is too large ({size} MiB)"),
                phrase!("nhiều nhất {most} MiB", "at most {most} MiB"),
            ))
        }
        Ok(_) => fs::read(file).map_err(|error| {
            (phrase!("không đọc được `{shown}`", "`{shown}` cannot be read").because(&error), Phrase::default())
        }),
    }
}

fn unreadable(file: &Path, error: &io::Error) -> Problem {
    let problem = Problem::of(&name(file), phrase!("không đọc được", "cannot be read").because(error));
    if error.kind() == io::ErrorKind::NotFound {
        return problem.help(phrase!(
            "`loa init` tạo các chiến dịch mẫu; hoặc sửa [paths] campaigns trong loa.toml",
            "`loa init` makes the shipped campaigns; or set [paths] campaigns in loa.toml"
        ));
    }
    problem
}

fn kept(mut problems: Problems, kept: bool) -> Problems {
    if let (true, Some(first)) = (kept, problems.0.first_mut()) {
        let note = phrase!("Phiên bản tốt gần nhất vẫn được dùng.", "Its last good version stays in force.");
        first.help = Some(first.help.take().map_or(note.clone(), |help| help.then(&note)));
    }
    problems
}

fn name(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests;
