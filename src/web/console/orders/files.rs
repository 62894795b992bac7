//! What of an order leaves as a file: the sheet to sign, its document as programs get it, the reports, a table to fill in, and papers.
//! Looking at any of them changes nothing: an order counts as handed over when somebody says so.

use axum::{
    extract::{self, Path},
    response::Response,
};
use minijinja::{Value, context, value::Serde};

use super::{page_of, refused, reported, seen::Seen};
use crate::{
    cap,
    relay::{
        Eyes, Order, Refusal, State as Stands, issue, order, paper as papers,
        report::{self, table},
        sheet::{Letter, Sheet},
    },
    user::Right,
    web::{
        Shared, State,
        console::{fault::Fault, when},
        download,
    },
};

/// What the sheet of an order says. An order that is not approved goes nowhere, on paper neither.
pub(in crate::web::console) async fn letter(state: &Shared, order: &Order) -> Result<Letter, Fault> {
    if order.state == Stands::Drafted {
        return Err(refused(Refusal::NotApproved));
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
    Seen { visitor, order }: Seen,
) -> Result<Response, Fault> {
    let letter = letter(&state, &order).await?;
    let values = context! {
        page => page_of(&order), identifier => &order.identifier, letter => Value::from(Serde(&letter)),
        may_hand => order.state == Stands::Approved && visitor.can(Right::WriteOrders),
    };
    Ok(state.view(&visitor, "orders/sheet", values))
}

fn broken(error: impl std::error::Error + Send + Sync + 'static) -> Fault {
    Fault::Broken(error.into())
}

pub(super) async fn file(
    extract::State(State(state)): extract::State<State>,
    Seen { visitor, order }: Seen,
    Path((identifier, name)): Path<(String, String)>,
) -> Result<Response, Fault> {
    let (db, lang) = (&state.parts.db, visitor.lang);
    let (kind, name, bytes) = match name.as_str() {
        "phieu-yeu-cau.docx" => {
            let bytes = letter(&state, &order).await?.docx().map_err(broken)?;
            (download::DOCX, format!("phieu-yeu-cau-{identifier}.docx"), bytes)
        }
        "yeu-cau.xml" => {
            let issued = issue::issue(db, &order, &state.letterhead).await?;
            let bytes = issued.map_err(|why| Fault::Conflict(why.words().capital()))?;
            (cap::MEDIA_TYPE, format!("{identifier}.xml"), bytes)
        }
        "bao-cao.csv" => {
            let bytes = table::export_csv(&order, &report::all(db, order.id).await?).map_err(broken)?;
            (download::CSV, format!("bao-cao-{identifier}.csv"), bytes)
        }
        "bao-cao.xlsx" => {
            let bytes = table::export_xlsx(&order, &report::all(db, order.id).await?, lang).map_err(broken)?;
            (download::XLSX, format!("bao-cao-{identifier}.xlsx"), bytes)
        }
        "mau-bao-cao.xlsx" => {
            let bytes = reported::workbook(&state, &order, lang).await?;
            (download::XLSX, format!("mau-bao-cao-{identifier}.xlsx"), bytes)
        }
        _ => return Err(Fault::NotFound),
    };
    Ok(download::file(kind, &name, bytes))
}

/// A paper of an order: the document that authorises it, or evidence.
pub(super) async fn paper(
    extract::State(State(state)): extract::State<State>,
    seen: Seen,
    Path((_, hash)): Path<(String, String)>,
) -> Result<Response, Fault> {
    let db = &state.parts.db;
    let found = papers::of_order(db, &seen.order, &hash, seen.eyes()).await?.ok_or(Fault::NotFound)?;
    let bytes = papers::bytes(db, &hash).await?.ok_or(Fault::NotFound)?;
    Ok(download::file(&found.kind, &found.name, bytes))
}
