//! Lists come in as offices have them; people are found, counted, exported and forgotten.

mod consent;
mod leaving;
mod lists;
mod segments;

use loa::{
    audience::{
        export::export,
        import::{ImportError, Order, Summary, import},
    },
    words::Lang,
};

use crate::helpers::Ground;

async fn import_text(ground: &Ground, name: &str, text: &str) -> Result<Summary, ImportError> {
    import_order(ground, name, text, false).await
}

async fn import_order(ground: &Ground, name: &str, text: &str, replace: bool) -> Result<Summary, ImportError> {
    let path = ground.folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    let order = Order { path, source: "danh-sach".into(), replace, lang: Lang::Vi };
    import(&ground.db, &ground.seal, &ground.clock, &order, |_| {}).await
}

async fn exported(ground: &Ground, reference: Option<&str>) -> String {
    let mut out = Vec::new();
    export(&ground.db, &ground.seal, reference, &mut out).await.unwrap();
    String::from_utf8(out).unwrap()
}

/// rows, added, updated, repeated, rejected, retired
fn figures(summary: &Summary) -> [u64; 6] {
    [summary.rows, summary.added, summary.updated, summary.repeated, summary.rejected, summary.retired]
}
