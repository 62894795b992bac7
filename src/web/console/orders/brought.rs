//! A paper that comes with a form: a scan, a photo, a recording, kept as it is.

use super::seen::Seen;
use crate::{
    phrase,
    relay::paper,
    transaction,
    web::{
        Shared,
        console::{
            fault::Fault,
            form::{File, Mistakes, Upload},
        },
    },
    words::Phrase,
};

/// Files that are papers.
const PAPERS: [&str; 10] = ["pdf", "png", "jpg", "jpeg", "tif", "tiff", "docx", "xlsx", "mp3", "mp4"];
/// The same for a browser's field.
pub(in crate::web::console) const ACCEPT: &str = ".pdf,.png,.jpg,.jpeg,.tif,.tiff,.docx,.xlsx,.mp3,.mp4";

/// The largest form with a paper in it, in bytes.
pub(in crate::web::console) const LARGEST: usize = paper::MAX_BYTES + 512 * 1024;

/// A paper of a form: the one that was brought with it, or that was brought when the form was sent before and had mistakes.
pub(super) struct Brought {
    pub hash: String,
    pub name: String,
}

impl Brought {
    /// Keeps the paper that a form brings. None: it brings none, or one that cannot be a paper, which is said among what is wrong.
    pub async fn with(state: &Shared, seen: &Seen, upload: &Upload, wrong: &mut Mistakes) -> Result<Option<Self>, Fault> {
        let db = &state.parts.db;
        let Some(file) = upload.files.iter().find(|file| file.field == "document") else {
            let before = upload.fields.get("brought");
            let kept = if before.is_empty() { None } else { paper::one(db, before).await? };
            // Nobody attaches, and then reads, what another brought.
            let kept = kept.filter(|paper| paper.by_whom == seen.visitor.actor.name);
            return Ok(kept.map(|paper| Self { hash: paper.hash, name: paper.name }));
        };
        if let Err(why) = fits(file) {
            wrong.add("document", why);
            return Ok(None);
        }
        let bytes = tokio::fs::read(file.spooled.path()).await.map_err(anyhow::Error::from)?;
        let by = seen.by(state);
        let hash = transaction!(db, |tx| paper::keep(tx, &file.name, paper::kind_of(&file.name), &bytes, &by).await)?;
        Ok(Some(Self { hash, name: file.name.clone() }))
    }
}

/// Nothing if a file can be a paper, by its name and its size.
pub(in crate::web::console) fn fits(file: &File) -> Result<(), Phrase> {
    let ending = file.name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default();
    if !PAPERS.contains(&ending.as_str()) {
        let known = PAPERS.join(", ");
        return Err(phrase!("không nhận loại tệp này, hãy dùng {known}", "files of this kind are not taken: use {known}"));
    }
    if file.size == 0 {
        return Err(phrase!("tệp này rỗng", "the file is empty"));
    }
    if file.size > paper::MAX_BYTES as u64 {
        let most = paper::MAX_BYTES >> 20;
        return Err(phrase!("tệp quá lớn: tối đa {most} MB", "the file is too large: at most {most} MB"));
    }
    Ok(())
}
