//! `/orders/{identifier}/report`: a report that came on paper or as a table, typed or taken in with the paper it stands on. What it says is
//! judged like any other report; what is wrong stands beside its field, and what was typed stays.

use axum::{
    extract::{self, Path},
    http::StatusCode,
    response::Response,
};
use minijinja::{Value, context, value::Serde};

use super::{
    ACCEPT, Brought, answer, brought, by, page_of, refused, seen,
    typed::{Typed, Wrong, columns, moment},
};
use crate::{
    audience::place::Places,
    outlet::Kind,
    phrase,
    relay::{
        Happening, Order, State as Stands,
        report::{
            self, Rejected, Report,
            table::{self, Given, Table},
        },
    },
    user::Right,
    web::{
        Shared, State,
        console::{
            fault::Fault,
            form::{File, Upload},
            visitor::{Visitor, see_other},
        },
    },
};

/// Mistakes that are told at once.
const TOLD: usize = 40;
/// The form's field of a table.
const TABLE: &str = "table";

pub(super) async fn ask(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(identifier): Path<String>,
) -> Result<Response, Fault> {
    let order = seen(&state, &visitor, &identifier).await?;
    visitor.needs(Right::WriteOrders)?;
    let (db, now) = (&state.parts.db, state.parts.clock.millis());
    let kept = report::all(db, order.id).await?;
    let newest = kept.first().map(|kept| &kept.report);
    let mut typed = Typed::blank(&order, newest, report::next_sequence(db, order.id).await?, now);
    // After the final one only corrections are taken.
    typed.corrects = order.state == Stands::Reported;
    typed.last = newest.is_some_and(|newest| newest.last);
    Ok(page(&state, &visitor, &order, &typed, "", None, &Wrong::new()))
}

fn page(
    state: &Shared,
    visitor: &Visitor,
    order: &Order,
    typed: &Typed,
    check: &str,
    document: Option<&Brought>,
    wrong: &Wrong,
) -> Response {
    let lang = visitor.lang;
    let ((list, _), (_, by_field)) = (answer::errors(&typed.listed(wrong), lang), answer::errors(wrong, lang));
    let refusal = order.may(Happening::Report { last: true }).err();
    let corrects = order.may(Happening::Correct { last: true });
    let status = if wrong.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let values = context! {
        page => page_of(order), identifier => &order.identifier, outlet => &order.outlet_title,
        carrier => order.outlet_kind == Kind::Carrier, state => order.state.label().text(lang),
        typed => Value::from(Serde(typed)), columns => Value::from(Serde(&columns(order.outlet_kind, lang))), check,
        brought => document.map(|document| context! { hash => &document.hash, name => &document.name }), accept => ACCEPT,
        may_correct => corrects.is_ok(), only_corrects => refusal.is_some() && corrects.is_ok(),
        why_not => refusal.filter(|_| corrects.is_err()).map(|refusal| refusal.words().capital().text(lang).to_string()),
        errors => list, wrong => by_field,
    };
    state.view_as(status, visitor, "orders/report", values)
}

pub(super) async fn take(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(identifier): Path<String>,
    upload: Upload,
) -> Result<Response, Fault> {
    let order = seen(&state, &visitor, &identifier).await?;
    visitor.needs(Right::WriteOrders)?;
    let (typed, check) = (Typed::of(&upload.fields), upload.fields.get("check"));
    let mut wrong = Wrong::new();
    let document = brought(&state, &visitor, &upload, &mut wrong).await?;
    if document.is_none() && wrong.is_empty() {
        wrong.push(("document".into(), phrase!("đính kèm bản quét báo cáo", "attach the scanned report")));
    }
    wrong.extend(answer::unlike(&order, check));
    let evidence = document.as_ref().map(|document| document.hash.clone());
    let read = match upload.files.iter().find(|file| file.field == TABLE && file.size > 0) {
        Some(file) => of_table(file, &order, &typed, evidence).await?,
        None => typed.report(evidence).map(|report| (report, None)),
    };
    let read = read.map_err(|more| wrong.extend(more));
    let (Ok((report, table)), true) = (read, wrong.is_empty()) else {
        return Ok(page(&state, &visitor, &order, &typed, check, document.as_ref(), &wrong));
    };
    let (places, by) = (Places::built_in(), by(&state, &visitor));
    match report::take(&state.parts.db, order.id, &report, |code| places.province_of(code), &by).await? {
        Ok(taken) if taken.repeated => {
            visitor
                .flash(&phrase!("Báo cáo này đã có từ trước, không có gì thay đổi.", "That report was there already."))
                .await?;
            Ok(see_other(&page_of(&order)))
        }
        Ok(_) => {
            let sequence = report.sequence;
            visitor.flash(&phrase!("Đã nhận báo cáo số {sequence}.", "Report {sequence} is taken.")).await?;
            Ok(see_other(&page_of(&order)))
        }
        Err(Rejected::Refused(refusal)) => Err(refused(refusal)),
        Err(Rejected::Faults(faults)) => {
            let at = |fault: &report::Fault| match &table {
                Some(table) => (TABLE.to_string(), table.wrong(fault).words()),
                None => typed.at(fault),
            };
            let wrong: Wrong = faults.iter().take(TOLD).map(at).collect();
            Ok(page(&state, &visitor, &order, &typed, check, document.as_ref(), &wrong))
        }
    }
}

/// A report of which the counts come as a table; what the form says besides is said of it, unless the table says it.
async fn of_table(
    file: &File,
    order: &Order,
    typed: &Typed,
    evidence: Option<String>,
) -> Result<Result<(Report, Option<Table>), Wrong>, Fault> {
    let (path, order, typed) = (file.spooled.path().to_path_buf(), order.clone(), typed.clone());
    // Reading a file is the work of a thread that may block.
    let read = tokio::task::spawn_blocking(move || {
        let given = Given {
            sequence: typed.sequence.parse().ok(),
            as_of: moment(&typed.as_of),
            last: Some(typed.last),
            correction: typed.corrects.then_some(typed.reason.as_str()),
            evidence: evidence.as_deref(),
            ..Given::of(&order)
        };
        table::read(&path, &given)
    });
    Ok(match read.await.map_err(anyhow::Error::from)? {
        Ok(table) => Ok((table.report.clone(), Some(table))),
        Err(unfit) => Err(unfit.words().into_iter().take(TOLD).map(|why| (TABLE.to_string(), why)).collect()),
    })
}
