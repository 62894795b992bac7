//! Counts of an order: typed area by area, or brought as a table. Cumulative: the form begins with what was reported last.

use axum::{
    extract::{self, Path},
    http::StatusCode,
    response::Response,
};
use minijinja::{Value, context, value::Serde};

use super::{Own, errors, files, page_of};
use crate::{
    audience::place::Places,
    outlet::Kind,
    phrase,
    relay::{
        Happening, Order, State as Stands, Step,
        report::{
            self, Rejected, Report,
            table::{self, Given},
        },
    },
    web::{
        Shared, State,
        console::{
            fault::Fault,
            form::Upload,
            orders::{
                self,
                typed::{Typed, Wrong, columns},
            },
            visitor::see_other,
        },
    },
    words::Phrase,
};

/// Mistakes that are told at once.
const TOLD: usize = 40;

/// An order on which they report.
async fn reported_on(state: &Shared, own: &Own, identifier: &str) -> Result<Order, Fault> {
    let order = own.had(state, identifier).await?;
    if order.step == Step::Cancel { Err(orders::refused(crate::relay::Refusal::IsCancel)) } else { Ok(order) }
}

/// The form before anything was typed.
async fn blank(state: &Shared, order: &Order) -> Result<Typed, Fault> {
    let db = &state.parts.db;
    let kept = report::all(db, order.id).await?;
    let newest = kept.first().map(|kept| &kept.report);
    let mut typed = Typed::blank(order, newest, report::next_sequence(db, order.id).await?, state.parts.clock.millis());
    // After the final one only corrections are taken.
    typed.corrects = order.state == Stands::Reported;
    typed.last = newest.is_some_and(|newest| newest.last);
    Ok(typed)
}

pub async fn ask(
    extract::State(State(state)): extract::State<State>,
    own: Own,
    Path(identifier): Path<String>,
) -> Result<Response, Fault> {
    let order = reported_on(&state, &own, &identifier).await?;
    let typed = blank(&state, &order).await?;
    Ok(page(&state, &own, &order, &typed, None, &Wrong::new()))
}

fn page(state: &Shared, own: &Own, order: &Order, typed: &Typed, evidence: Option<&files::Evidence>, wrong: &Wrong) -> Response {
    let lang = own.visitor.lang;
    let ((list, _), (_, by_field)) = (errors(&typed.listed(wrong), lang), errors(wrong, lang));
    let refusal = order.may(Happening::Report { last: true }).err();
    let corrects = order.may(Happening::Correct { last: true }).is_ok();
    let status = if wrong.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let values = context! {
        page => page_of(order), identifier => &order.identifier, title => &order.content.title,
        carrier => order.outlet_kind == Kind::Carrier, typed => Value::from(Serde(typed)),
        columns => Value::from(Serde(&columns(order.outlet_kind, lang))), brought => evidence.map(files::Evidence::value),
        may_correct => corrects, only_corrects => refusal.is_some() && corrects,
        why_not => refusal.filter(|_| !corrects).map(|refusal| refusal.words().capital().text(lang).to_string()),
        errors => list, wrong => by_field, accept => orders::ACCEPT,
    };
    state.view_as(status, &own.visitor, "partner/report", values)
}

/// What became of a report.
enum Judged {
    Taken(Response),
    Faults(Vec<report::Fault>),
}

async fn judged(state: &Shared, own: &Own, order: &Order, report: &Report) -> Result<Judged, Fault> {
    let province = |code: &str| Places::built_in().province_of(code);
    match report::take(&state.parts.db, order.id, report, province, &own.by(state)).await? {
        Ok(taken) => {
            let sequence = report.sequence;
            let words = if taken.repeated {
                phrase!("Báo cáo này đã có từ trước, không có gì thay đổi.", "That report was there already.")
            } else if report.last {
                phrase!("Đã nhận báo cáo cuối cùng (số {sequence}).", "The final report ({sequence}) is taken.")
            } else {
                phrase!("Đã nhận báo cáo số {sequence}.", "Report {sequence} is taken.")
            };
            own.visitor.flash(&words).await?;
            Ok(Judged::Taken(see_other(&page_of(order))))
        }
        Err(Rejected::Refused(refusal)) => Err(orders::refused(refusal)),
        Err(Rejected::Faults(faults)) => Ok(Judged::Faults(faults)),
    }
}

pub async fn take(
    extract::State(State(state)): extract::State<State>,
    own: Own,
    Path(identifier): Path<String>,
    upload: Upload,
) -> Result<Response, Fault> {
    let order = reported_on(&state, &own, &identifier).await?;
    let typed = Typed::of(&upload.fields);
    let mut wrong = Wrong::new();
    let evidence = files::evidence(&state, &own, &order, &upload).await?.unwrap_or_else(|why| {
        wrong.push(("document".into(), why));
        None
    });
    let report = typed.report(evidence.as_ref().map(|evidence| evidence.hash.clone())).map_err(|more| wrong.extend(more));
    let (Ok(report), true) = (report, wrong.is_empty()) else {
        return Ok(page(&state, &own, &order, &typed, evidence.as_ref(), &wrong));
    };
    match judged(&state, &own, &order, &report).await? {
        Judged::Taken(response) => Ok(response),
        Judged::Faults(faults) => {
            let wrong: Wrong = faults.iter().take(TOLD).map(|fault| typed.at(fault)).collect();
            Ok(page(&state, &own, &order, &typed, evidence.as_ref(), &wrong))
        }
    }
}

/// A report as a table. With a mistake, nothing of it is taken.
pub async fn bring(
    extract::State(State(state)): extract::State<State>,
    own: Own,
    Path(identifier): Path<String>,
    upload: Upload,
) -> Result<Response, Fault> {
    let order = reported_on(&state, &own, &identifier).await?;
    let again = |why: Vec<Phrase>| -> Wrong { why.into_iter().take(TOLD).map(|why| ("table".to_string(), why)).collect() };
    let mut wrong = Wrong::new();
    let evidence = files::evidence(&state, &own, &order, &upload).await?.unwrap_or_else(|why| {
        wrong.push(("table_document".into(), why));
        None
    });
    let file = upload.files.iter().find(|file| file.field == "table" && file.size > 0);
    if file.is_none() {
        wrong.push(("table".into(), phrase!("chọn tệp báo cáo (.xlsx hoặc .csv)", "choose the report's file (.xlsx or .csv)")));
    }
    let (Some(file), true) = (file, wrong.is_empty()) else {
        return Ok(page(&state, &own, &order, &blank(&state, &order).await?, evidence.as_ref(), &wrong));
    };
    let sequence = report::next_sequence(&state.parts.db, order.id).await?;
    let hash = evidence.as_ref().map(|evidence| evidence.hash.clone());
    let (path, known, now) = (file.spooled.path().to_path_buf(), order.clone(), state.parts.clock.millis());
    // Reading a file is the work of a thread that may block.
    let read = tokio::task::spawn_blocking(move || {
        let given = Given { sequence: Some(sequence), as_of: Some(now), evidence: hash.as_deref(), ..Given::of(&known) };
        table::read(&path, &given)
    });
    let table = match read.await.map_err(anyhow::Error::from)? {
        Ok(table) => table,
        Err(unfit) => {
            let wrong = again(unfit.words());
            return Ok(page(&state, &own, &order, &blank(&state, &order).await?, evidence.as_ref(), &wrong));
        }
    };
    match judged(&state, &own, &order, &table.report).await? {
        Judged::Taken(response) => Ok(response),
        Judged::Faults(faults) => {
            let wrong = again(faults.iter().map(|fault| table.wrong(fault).words()).collect());
            Ok(page(&state, &own, &order, &blank(&state, &order).await?, evidence.as_ref(), &wrong))
        }
    }
}
