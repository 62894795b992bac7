//! Files on their way out: as the browser keeps them, never shown as a page of ours. Large ones go piece by piece: nobody waits for such
//! a file to be read, and none is held in memory.

use std::io;

use axum::{
    body::Body,
    http::{
        HeaderValue,
        header::{CONTENT_DISPOSITION, CONTENT_TYPE},
    },
    response::{IntoResponse as _, Response},
};
use futures::stream;
use tokio::{fs::File, io::AsyncReadExt as _};

/// A Word document.
pub(super) const DOCX: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
/// A workbook.
pub(super) const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
/// A table as text.
pub(super) const CSV: &str = "text/csv; charset=utf-8";

/// Bytes that are read at once.
const PIECE: usize = 64 * 1024;

/// A file of this media type that is kept under this name, whatever is in it and whoever named it.
pub(super) fn file(kind: &str, name: &str, body: impl Into<Body>) -> Response {
    let mut response = body.into().into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_str(kind).unwrap_or(HeaderValue::from_static("application/octet-stream")));
    let disposition = HeaderValue::from_str(&attachment(name)).unwrap_or(HeaderValue::from_static("attachment"));
    headers.insert(CONTENT_DISPOSITION, disposition);
    response
}

/// RFC 6266: a name of plain letters, and where that is not all of it, the whole name for programs that know how.
fn attachment(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_. ".contains(c) { c } else { '_' };
    let ascii: String = name.chars().map(plain).collect();
    if ascii == name {
        return format!("attachment; filename=\"{ascii}\"");
    }
    let whole: String = name
        .bytes()
        .map(|b| if b.is_ascii_alphanumeric() || b"-_.".contains(&b) { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect();
    format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{whole}")
}

/// The refused rows of an uploaded list.
pub(super) fn refused_rows(upload: i64, rows: File) -> Response {
    let pieces = stream::try_unfold(rows, |mut rows| async move {
        let mut piece = vec![0; PIECE];
        let read = rows.read(&mut piece).await?;
        piece.truncate(read);
        Ok::<_, io::Error>((read > 0).then_some((piece, rows)))
    });
    file(CSV, &format!("dong-loi-{upload}.csv"), Body::from_stream(pieces))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_name_breaks_out_of_nothing() {
        assert_eq!(attachment("bao-cao-17.csv"), "attachment; filename=\"bao-cao-17.csv\"");
        assert_eq!(
            attachment("Công văn \"1\"\r\n.pdf"),
            "attachment; filename=\"C_ng v_n _1___.pdf\"; filename*=UTF-8''C%C3%B4ng%20v%C4%83n%20%221%22%0D%0A.pdf"
        );
    }
}
