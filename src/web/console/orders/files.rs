//! What of an order leaves as a file: the sheet to sign, its document as programs get it, the reports, a table to fill in, and papers.
//! Looking at any of them changes nothing: an order counts as handed over when somebody says so.

use axum::{
    extract::{self, Path},
    http::header::{CONTENT_DISPOSITION, CONTENT_TYPE},
    response::{IntoResponse as _, Response},
};
use minijinja::{Value, context, value::Serde};

use super::{page_of, seen};
use crate::{
    relay::{
        Eyes, Order, Refusal, State as Stands,
        issue::{self, Letterhead},
        order, paper as papers,
        report::{self, table},
        sheet::{Letter, Sheet},
    },
    user::Right,
    web::{
        Shared, State,
        console::{fault::Fault, visitor::Visitor, when},
    },
};

const DOCX: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// What the sheet of an order says. An order that is not approved goes nowhere, on paper neither.
async fn letter(state: &Shared, order: &Order) -> Result<Letter, Fault> {
    if order.state == Stands::Drafted {
        return Err(super::refused(Refusal::NotApproved));
    }
    let (db, config, now) = (&state.parts.db, &state.parts.config, state.parts.clock.millis());
    let earlier = match order.earlier {
        Some(id) => order::one(db, id, Eyes::All, now).await?,
        None => None,
    };
    let sheet = Sheet {
        order,
        earlier: earlier.as_ref(),
        office: &config.office.fields,
        reporting: &config.reporting,
        contact: config.relay.contact.as_deref(),
        today: when::day_of(now),
    };
    Ok(sheet.letter())
}

/// The sheet as a page, to be looked at and printed.
pub(super) async fn sheet(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(identifier): Path<String>,
) -> Result<Response, Fault> {
    let order = seen(&state, &visitor, &identifier).await?;
    let letter = letter(&state, &order).await?;
    let values = context! {
        page => page_of(&order), identifier => &order.identifier, letter => Value::from(Serde(&letter)),
        may_hand => order.state == Stands::Approved && visitor.can(Right::WriteOrders),
    };
    Ok(state.view(&visitor, "orders/sheet", values))
}

/// A file that the browser keeps, whatever it is.
fn kept(kind: &str, name: &str, bytes: Vec<u8>) -> Response {
    ([(CONTENT_TYPE, kind.to_string()), (CONTENT_DISPOSITION, attachment(name))], bytes).into_response()
}

/// RFC 6266: a name of plain letters for old programs, and the whole name.
fn attachment(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_. ".contains(c) { c } else { '_' };
    let ascii: String = name.chars().map(plain).collect();
    let whole: String = name
        .bytes()
        .map(|b| if b.is_ascii_alphanumeric() || b"-_.".contains(&b) { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect();
    format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{whole}")
}

fn broken(error: impl std::error::Error + Send + Sync + 'static) -> Fault {
    Fault::Broken(error.into())
}

pub(super) async fn file(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path((identifier, name)): Path<(String, String)>,
) -> Result<Response, Fault> {
    let order = seen(&state, &visitor, &identifier).await?;
    let (db, lang) = (&state.parts.db, visitor.lang);
    match name.as_str() {
        "phieu-yeu-cau.docx" => {
            let bytes = letter(&state, &order).await?.docx().map_err(broken)?;
            Ok(kept(DOCX, &format!("phieu-yeu-cau-{identifier}.docx"), bytes))
        }
        "yeu-cau.xml" => {
            let letterhead = Letterhead::of(&state.parts.config);
            let bytes = issue::issue(db, &order, &letterhead).await?.map_err(|why| Fault::Conflict(why.words().capital()))?;
            Ok(kept("application/cap+xml", &format!("{identifier}.xml"), bytes))
        }
        "bao-cao.csv" => {
            let bytes = table::export_csv(&order, &report::all(db, order.id).await?).map_err(broken)?;
            Ok(kept("text/csv; charset=utf-8", &format!("bao-cao-{identifier}.csv"), bytes))
        }
        "bao-cao.xlsx" => {
            let bytes = table::export_xlsx(&order, &report::all(db, order.id).await?, lang).map_err(broken)?;
            Ok(kept(XLSX, &format!("bao-cao-{identifier}.xlsx"), bytes))
        }
        "mau-bao-cao.xlsx" => {
            let reports = report::all(db, order.id).await?;
            let newest = reports.first().map(|kept| &kept.report);
            let sequence = report::next_sequence(db, order.id).await?;
            let bytes = table::template(&order, newest, sequence, lang).map_err(broken)?;
            Ok(kept(XLSX, &format!("mau-bao-cao-{identifier}.xlsx"), bytes))
        }
        _ => Err(Fault::NotFound),
    }
}

/// A paper of an order: the document that authorises it, or evidence. Never shown within a page of ours.
pub(super) async fn paper(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path((identifier, hash)): Path<(String, String)>,
) -> Result<Response, Fault> {
    let order = seen(&state, &visitor, &identifier).await?;
    let db = &state.parts.db;
    let found = papers::of_order(db, &order, &hash, Eyes::Office(&visitor.user.departments)).await?.ok_or(Fault::NotFound)?;
    let bytes = papers::bytes(db, &hash).await?.ok_or(Fault::NotFound)?;
    Ok(kept(&found.kind, &found.name, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_name_breaks_out_of_nothing() {
        assert_eq!(
            attachment("Công văn \"1\"\r\n.pdf"),
            "attachment; filename=\"C_ng v_n _1___.pdf\"; filename*=UTF-8''C%C3%B4ng%20v%C4%83n%20%221%22%0D%0A.pdf"
        );
    }
}
