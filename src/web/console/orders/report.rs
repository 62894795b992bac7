//! `/orders/{identifier}/report`: a report that came on paper or as a table, typed or taken in with the paper it stands on. What it says is
//! judged like any other report; what is wrong stands beside its field, and what was typed stays.

use axum::{extract, response::Response};
use minijinja::{Value, context, value::Serde};

use super::{
    ACCEPT, answer,
    brought::Brought,
    page_of,
    reported::{self, TOLD},
    seen::{Seen, Writer},
    typed::{Typed, columns, moment},
};
use crate::{
    outlet::Kind,
    phrase,
    relay::{
        Order,
        report::{
            Fault as Wrong, Report,
            table::{self, Given, Table},
        },
    },
    web::{
        Shared, State,
        console::{
            fault::Fault,
            form::{File, Mistakes, Upload},
        },
    },
};

/// The form's field of a table.
const TABLE: &str = "table";

pub(super) async fn ask(extract::State(State(state)): extract::State<State>, Writer(seen): Writer) -> Result<Response, Fault> {
    let typed = reported::blank(&state, &seen.order).await?;
    page(&state, &seen, &typed, "", None, &Mistakes::default()).await
}

async fn page(
    state: &Shared,
    seen: &Seen,
    typed: &Typed,
    check: &str,
    document: Option<&Brought>,
    wrong: &Mistakes,
) -> Result<Response, Fault> {
    let (order, lang) = (&seen.order, seen.visitor.lang);
    let takes = reported::takes(state, order).await?;
    let values = context! {
        page => page_of(order), identifier => &order.identifier, outlet => &order.outlet_title,
        carrier => order.outlet_kind == Kind::Carrier, state => order.state.label().text(lang),
        typed => Value::from(Serde(typed)), columns => Value::from(Serde(&columns(order.outlet_kind, lang))), check,
        brought => document.map(|document| context! { hash => &document.hash, name => &document.name }), accept => ACCEPT,
        may_correct => takes.correction.is_ok(), only_corrects => takes.only_corrections(),
        why_not => takes.none().map(|refusal| refusal.words().capital().text(lang).to_string()),
        mistakes => typed.listed(wrong).list(lang), errors => wrong.by_field(lang),
    };
    Ok(state.view_as(wrong.status(), &seen.visitor, "orders/report", values))
}

pub(super) async fn take(
    extract::State(State(state)): extract::State<State>,
    Writer(seen): Writer,
    upload: Upload,
) -> Result<Response, Fault> {
    let (typed, check) = (Typed::of(&upload.fields), upload.fields.get("check"));
    let mut wrong = Mistakes::default();
    let document = Brought::with(&state, &seen, &upload, &mut wrong).await?;
    if document.is_none() && wrong.is_empty() {
        wrong.add("document", phrase!("đính kèm bản quét báo cáo", "attach the scanned report"));
    }
    wrong.extend(answer::unlike(&seen.order, check));
    let evidence = document.as_ref().map(|document| document.hash.clone());
    let read = match upload.files.iter().find(|file| file.field == TABLE && file.size > 0) {
        Some(file) => of_table(file, &seen.order, &typed, evidence).await?,
        None => typed.report(evidence).map(|report| (report, None)),
    };
    let read = read.map_err(|more| wrong.extend(more));
    let (Ok((report, table)), true) = (read, wrong.is_empty()) else {
        return page(&state, &seen, &typed, check, document.as_ref(), &wrong).await;
    };
    match reported::take(&state, &seen.order, &report, &seen.by(&state)).await? {
        Ok(words) => seen.done(&words).await,
        Err(faults) => {
            let at = |fault: &Wrong| match &table {
                Some(table) => (TABLE.to_string(), table.wrong(fault).words()),
                None => typed.at(fault),
            };
            let wrong: Mistakes = faults.iter().take(TOLD).map(at).collect();
            page(&state, &seen, &typed, check, document.as_ref(), &wrong).await
        }
    }
}

/// A report of which the counts come as a table; what the form says besides is said of it, unless the table says it.
async fn of_table(
    file: &File,
    order: &Order,
    typed: &Typed,
    evidence: Option<String>,
) -> Result<Result<(Report, Option<Table>), Mistakes>, Fault> {
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
        Err(unfit) => Err(unfit.words().into_iter().take(TOLD).map(|why| (TABLE, why)).collect()),
    })
}
