//! Files on their way out, piece by piece: nobody waits for a large one to be read, and none is held in memory.

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

/// Bytes that are read at once.
const PIECE: usize = 64 * 1024;

/// The refused rows of an uploaded list, which a browser keeps as a file.
pub(super) fn refused_rows(upload: i64, file: File) -> Response {
    let pieces = stream::try_unfold(file, |mut file| async move {
        let mut piece = vec![0; PIECE];
        let read = file.read(&mut piece).await?;
        piece.truncate(read);
        Ok::<_, io::Error>((read > 0).then_some((piece, file)))
    });
    let mut response = Body::from_stream(pieces).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    // A number between letters of ours.
    if let Ok(name) = HeaderValue::from_str(&format!("attachment; filename=\"dong-loi-{upload}.csv\"")) {
        headers.insert(CONTENT_DISPOSITION, name);
    }
    response
}
