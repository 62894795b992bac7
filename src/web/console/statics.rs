//! The console's style sheet and scripts, each under an address that has its content's hash in it: a browser keeps it for good and
//! never has an old one.

use std::{collections::HashMap, sync::LazyLock};

use axum::{
    Router,
    extract::Path,
    http::{
        HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::{IntoResponse as _, Response},
    routing::get,
};
use sha2::{Digest as _, Sha256};

use super::SCRIPTS;
use crate::{
    seal::hex,
    web::{State, page},
};

/// A year: the longest that RFC 9111's readers agree on.
const FOR_GOOD: HeaderValue = HeaderValue::from_static("private, max-age=31536000, immutable");

struct File {
    kind: &'static str,
    text: String,
}

/// What there is, by the address's last part; and that part by the file's own name.
struct Files {
    by_address: HashMap<String, File>,
    addresses: HashMap<&'static str, String>,
}

static FILES: LazyLock<Files> = LazyLock::new(|| {
    let mut files = Files { by_address: HashMap::new(), addresses: HashMap::new() };
    files.add(
        "console.css",
        "text/css; charset=utf-8",
        page::sheet() + include_str!("../templates/console/console.css") + include_str!("../templates/console/reach/reach.css"),
    );
    for (name, text) in SCRIPTS.iter().copied().flatten() {
        files.add(name, "text/javascript; charset=utf-8", (*text).to_string());
    }
    files
});

impl Files {
    fn add(&mut self, name: &'static str, kind: &'static str, text: String) {
        let hash = hex(&Sha256::digest(&text)[..8]);
        let (stem, end) = name.rsplit_once('.').unwrap_or((name, ""));
        let address = format!("{stem}-{hash}.{end}");
        self.by_address.insert(address.clone(), File { kind, text });
        self.addresses.insert(name, address);
    }
}

/// Where a file is, by its own name: `asset("console.css")` in a template. A name that there is not is a mistake in a template.
pub(in crate::web) fn address(name: &str) -> Option<String> {
    FILES.addresses.get(name).map(|address| format!("/static/{address}"))
}

pub(super) fn routes() -> Router<State> {
    Router::new().route("/static/{file}", get(file))
}

async fn file(Path(name): Path<String>) -> Response {
    let Some(file) = FILES.by_address.get(&name) else { return StatusCode::NOT_FOUND.into_response() };
    ([(CONTENT_TYPE, HeaderValue::from_static(file.kind)), (CACHE_CONTROL, FOR_GOOD)], file.text.as_str()).into_response()
}
