//! The files of an order. Out: its CAP document, its sheet, the workbook to fill in, the document that orders it, and evidence that was
//! brought. In: evidence.

use axum::{
    extract::{self, Path},
    response::Response,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use minijinja::{Value, context};

use super::{Asked, Had};
use crate::{
    cap, phrase,
    relay::{issue, paper},
    web::{
        Shared, State,
        console::{
            fault::Fault,
            form::Upload,
            orders::{self, reported},
        },
        download,
    },
    words::Phrase,
};

/// Papers that one person brings in a day at most.
const A_DAY: i64 = 200;
const DAY: i64 = 24 * 3_600_000;

pub async fn file(
    extract::State(State(state)): extract::State<State>,
    Had(Asked { own, order }): Had,
    Path((identifier, name)): Path<(String, String)>,
) -> Result<Response, Fault> {
    let (kind, name, bytes) = match name.as_str() {
        "order.xml" => {
            let issued = issue::issue(&state.parts.db, &order, &state.letterhead).await?;
            let bytes = issued.map_err(|unissued| Fault::Conflict(unissued.words().capital()))?;
            (cap::MEDIA_TYPE, format!("{identifier}.xml"), bytes)
        }
        "sheet.docx" => {
            let bytes = orders::letter(&state, &order).await?.docx().map_err(anyhow::Error::from)?;
            (download::DOCX, format!("{identifier}.docx"), bytes)
        }
        "report.xlsx" => {
            let bytes = reported::workbook(&state, &order, own.visitor.lang).await?;
            (download::XLSX, format!("bao-cao-{identifier}.xlsx"), bytes)
        }
        _ => return Err(Fault::NotFound),
    };
    Ok(download::file(kind, &name, bytes))
}

/// A paper that belongs to this order, and no other. Its name is the office's, or whoever's brought it: it leaves under its hash.
pub async fn paper(
    extract::State(State(state)): extract::State<State>,
    Had(Asked { own, order }): Had,
    Path((_, hash)): Path<(String, String)>,
) -> Result<Response, Fault> {
    let db = &state.parts.db;
    let about = paper::of_order(db, &order, &hash, own.eyes()).await?.ok_or(Fault::NotFound)?;
    let bytes = paper::bytes(db, &hash).await?.ok_or(Fault::NotFound)?;
    let ending = about.name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default();
    let ending: String = ending.chars().filter(char::is_ascii_alphanumeric).take(5).collect();
    let short: String = hash.chars().take(12).collect();
    Ok(download::file(&about.kind, &format!("{short}.{ending}"), bytes))
}

/// Evidence that came with a form.
pub(super) struct Evidence {
    pub hash: String,
    name: String,
    /// What the form carries when it is shown again.
    carried: String,
}

impl Evidence {
    pub fn value(&self) -> Value {
        context! { name => &self.name, carried => &self.carried }
    }
}

/// Keeps the evidence that a form of an order brings: what was chosen, or what came when the form was sent before and had mistakes. That is
/// sealed to whoever brought it and to the order, so that nobody names another's paper.
pub(super) async fn evidence(
    state: &Shared,
    Asked { own, order }: &Asked,
    upload: &Upload,
) -> Result<Result<Option<Evidence>, Phrase>, Fault> {
    let (db, seal) = (&state.parts.db, &state.parts.seal);
    let mark = format!("evidence {} {} ", own.visitor.user.id, order.id);
    let Some(file) = upload.files.iter().find(|file| file.field == "document" && file.size > 0) else {
        let carried = upload.fields.get("brought");
        let opened = URL_SAFE_NO_PAD.decode(carried).ok().and_then(|sealed| seal.open_token(&sealed).ok());
        let before = opened.as_deref().and_then(|text| text.strip_prefix(&mark));
        let kept = match before {
            Some(hash) => paper::one(db, hash).await?,
            None => None,
        };
        return Ok(Ok(kept.map(|kept| Evidence { hash: kept.hash, name: kept.name, carried: carried.to_string() })));
    };
    if let Err(why) = orders::fits(file) {
        return Ok(Err(why));
    }
    let bytes = tokio::fs::read(file.spooled.path()).await.map_err(anyhow::Error::from)?;
    let by = own.by(state);
    if paper::kept_by(db, &own.visitor.actor.name, by.now - DAY).await? >= A_DAY {
        return Err(Fault::TooMany(phrase!("Nhiều nhất {A_DAY} tài liệu một ngày.", "At most {A_DAY} papers a day.")));
    }
    let kept = paper::attach(db, order.id, &file.name, paper::kind_of(&file.name), &bytes, &by).await?;
    let hash = kept.map_err(orders::refused)?;
    let carried = URL_SAFE_NO_PAD.encode(seal.seal_token(&format!("{mark}{hash}")));
    Ok(Ok(Some(Evidence { hash, name: file.name.clone(), carried })))
}
