//! Whether a workbook is as small as it looks: a file of a few kilobytes can hold gigabytes, and part of it is kept in memory.
//!
//! What enters is the path of an archive; nothing leaves but that it fits. Every piece is unpacked and counted, since what an archive
//! says of its own size is no promise, and none of it is kept.

use std::{
    fs::File,
    io::{BufReader, Read as _},
    path::Path,
};

use super::reader::ReadError;

/// What a workbook may hold.
pub(super) struct Bounds {
    /// Bytes of its sheets, which are read piece by piece.
    sheets: u64,
    /// Bytes of everything else: the texts of its cells are kept in memory.
    others: u64,
    /// Bytes of a sheet without the beginning of a new element: these are kept, too.
    element: usize,
}

/// Of a list of people: some million rows with twenty columns, and some million texts.
pub(super) const LIST: Bounds = Bounds { sheets: 4 << 30, others: 256 << 20, element: 1 << 20 };
/// Of a form that somebody filled in: some ten thousand rows.
pub(super) const FORM: Bounds = Bounds { sheets: 64 << 20, others: 16 << 20, element: 1 << 20 };

/// Looks through a workbook. Blocks: it unpacks all of it once.
pub(super) fn fits(path: &Path, bounds: &Bounds) -> Result<(), ReadError> {
    let broken = |error: zip::result::ZipError| ReadError::Sheet(error.to_string());
    let file = File::open(path).map_err(|error| ReadError::Io { path: path.to_path_buf(), error })?;
    let mut archive = zip::ZipArchive::new(BufReader::new(file)).map_err(broken)?;
    let (mut sheets, mut others) = (0, 0);
    let mut buffer = vec![0; 64 * 1024];
    for at in 0..archive.len() {
        let mut piece = archive.by_index(at).map_err(broken)?;
        let is_sheet = piece.name().to_ascii_lowercase().contains("worksheets/");
        let (size, most) = if is_sheet { (&mut sheets, bounds.sheets) } else { (&mut others, bounds.others) };
        let mut element = 0;
        loop {
            let read = piece.read(&mut buffer).map_err(|error| ReadError::Sheet(error.to_string()))?;
            if read == 0 {
                break;
            }
            *size += read as u64;
            let mut runs = buffer[..read].split(|byte| *byte == b'<');
            element += runs.next().map_or(0, <[u8]>::len);
            let mut longest = element;
            for run in runs {
                element = run.len();
                longest = longest.max(element);
            }
            if *size > most || is_sheet && longest > bounds.element {
                return Err(ReadError::TooLarge);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    const SMALL: Bounds = Bounds { sheets: 10_000, others: 1_000, element: 500 };

    fn look(pieces: &[(&str, &[u8])]) -> Result<(), ReadError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("book.xlsx");
        let mut archive = zip::ZipWriter::new(File::create(&path).unwrap());
        for (name, bytes) in pieces {
            archive.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            archive.write_all(bytes).unwrap();
        }
        archive.finish().unwrap();
        fits(&path, &SMALL)
    }

    #[test]
    fn a_small_file_that_holds_a_great_deal_is_refused() {
        let (sheet, texts) = ("xl/worksheets/sheet1.xml", "xl/sharedStrings.xml");
        let cells = b"<c><v>1</v></c>".repeat(600);
        assert!(look(&[(sheet, &cells), (texts, &[b'x'; 1_000])]).is_ok());
        assert!(matches!(look(&[(texts, &[b'x'; 1_001])]), Err(ReadError::TooLarge)));
        assert!(matches!(look(&[(texts, &[b'x'; 600]), ("xl/other", &[b'x'; 600])]), Err(ReadError::TooLarge)), "in all");
        assert!(matches!(look(&[(sheet, &cells), ("XL/Worksheets/2.xml", &cells)]), Err(ReadError::TooLarge)));
        // One element without end.
        assert!(matches!(look(&[(sheet, &[b"<v>".as_slice(), &[b'1'; 600]].concat())]), Err(ReadError::TooLarge)));
    }
}
