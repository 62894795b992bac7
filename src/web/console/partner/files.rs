//! The files of an order. Out: its CAP document, its sheet, the workbook to fill in, the document that orders it, and evidence that was
//! brought. In: evidence.

use axum::{
    extract::{self, Path},
    http::{
        HeaderValue,
        header::{CONTENT_DISPOSITION, CONTENT_TYPE},
    },
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use minijinja::{Value, context};

use super::Own;
use crate::{
    cap, phrase,
    relay::{
        Order, issue, order, paper,
        report::{self, table},
        sheet::Sheet,
    },
    web::{
        Shared, State,
        console::{fault::Fault, form::Upload, orders, when::day_of},
    },
    words::Phrase,
};

const DOCX: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// Papers that one person brings in a day at most.
const A_DAY: i64 = 200;
const DAY: i64 = 24 * 3_600_000;

/// A file that a browser keeps. Its name is made of letters, digits, points and hyphens.
fn attachment(kind: &str, name: &str, bytes: Vec<u8>) -> Response {
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_str(kind).unwrap_or(HeaderValue::from_static("application/octet-stream")));
    if let Ok(name) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(CONTENT_DISPOSITION, name);
    }
    response
}

pub async fn file(
    extract::State(State(state)): extract::State<State>,
    own: Own,
    Path((identifier, name)): Path<(String, String)>,
) -> Result<Response, Fault> {
    let order = own.had(&state, &identifier).await?;
    match name.as_str() {
        "order.xml" => {
            let issued = issue::issue(&state.parts.db, &order, &state.letterhead).await?;
            let document = issued.map_err(|unissued| Fault::Conflict(unissued.words().capital()))?;
            Ok(attachment(cap::MEDIA_TYPE, &format!("{identifier}.xml"), document))
        }
        "sheet.docx" => on_paper(&state, &own, &order).await,
        "report.xlsx" => to_fill_in(&state, &own, &order).await,
        _ => Err(Fault::NotFound),
    }
}

/// The order sheet.
async fn on_paper(state: &Shared, own: &Own, order: &Order) -> Result<Response, Fault> {
    let now = state.parts.clock.millis();
    let earlier = match order.earlier {
        Some(id) => order::one(&state.parts.db, id, own.by(state).eyes, now).await?,
        None => None,
    };
    let config = &state.parts.config;
    let sheet = Sheet {
        order,
        earlier: earlier.as_ref(),
        office: &config.office.fields,
        reporting: &config.reporting,
        contact: config.relay.contact.as_deref(),
        today: day_of(now),
    };
    let written = sheet.letter().docx().map_err(anyhow::Error::from)?;
    Ok(attachment(DOCX, &format!("{}.docx", order.identifier), written))
}

/// The workbook for the next report.
async fn to_fill_in(state: &Shared, own: &Own, order: &Order) -> Result<Response, Fault> {
    let db = &state.parts.db;
    let kept = report::all(db, order.id).await?;
    let sequence = report::next_sequence(db, order.id).await?;
    let newest = kept.first().map(|kept| &kept.report);
    let book = table::template(order, newest, sequence, own.visitor.lang).map_err(anyhow::Error::from)?;
    Ok(attachment(XLSX, &format!("bao-cao-{}.xlsx", order.identifier), book))
}

/// A paper that this order or one of its reports names, and no other.
pub async fn paper(
    extract::State(State(state)): extract::State<State>,
    own: Own,
    Path((identifier, hash)): Path<(String, String)>,
) -> Result<Response, Fault> {
    let order = own.had(&state, &identifier).await?;
    let db = &state.parts.db;
    let orders_it = order.content.basis.as_ref().and_then(|basis| basis.document.as_deref()) == Some(hash.as_str());
    let is_evidence = || async {
        let kept = report::all(db, order.id).await?;
        Ok::<_, Fault>(kept.iter().any(|kept| kept.report.evidence.as_deref() == Some(hash.as_str())))
    };
    if !orders_it && !is_evidence().await? {
        return Err(Fault::NotFound);
    }
    let (Some(about), Some(bytes)) = (paper::one(db, &hash).await?, paper::bytes(db, &hash).await?) else {
        return Err(Fault::NotFound);
    };
    let ending = about.name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default();
    let ending: String = ending.chars().filter(char::is_ascii_alphanumeric).take(5).collect();
    let short: String = hash.chars().take(12).collect();
    Ok(attachment(&about.kind, &format!("{short}.{ending}"), bytes))
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
    own: &Own,
    order: &Order,
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
