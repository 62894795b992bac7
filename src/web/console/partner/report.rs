//! Counts of an order: typed area by area, or brought as a table. Cumulative: the form begins with what was reported last.

use axum::{
    extract::{self, FromRequestParts},
    http::request::Parts,
    response::{IntoResponse as _, Response},
};
use minijinja::{Value, context, value::Serde};

use super::{Asked, Had, files, page_of};
use crate::{
    outlet::Kind,
    phrase,
    relay::{
        Refusal, Step,
        report::{
            self,
            table::{self, Given},
        },
    },
    web::{
        Shared, State,
        console::{
            fault::Fault,
            form::{Mistakes, Upload},
            orders::{
                self,
                reported::{self, TOLD},
                typed::{Typed, columns},
            },
        },
    },
    words::Phrase,
};

/// An order on which they report: of a Cancel they do so on the order that it withdraws.
pub struct Reporting(Asked);

impl FromRequestParts<State> for Reporting {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Response> {
        let Had(asked) = Had::from_request_parts(parts, state).await?;
        if asked.order.step == Step::Cancel {
            return Err(orders::refused(Refusal::IsCancel).into_response());
        }
        Ok(Self(asked))
    }
}

pub async fn ask(extract::State(State(state)): extract::State<State>, Reporting(asked): Reporting) -> Result<Response, Fault> {
    again(&state, &asked, None, &Mistakes::default()).await
}

/// The page as it was before anything was typed.
async fn again(state: &Shared, asked: &Asked, evidence: Option<&files::Evidence>, wrong: &Mistakes) -> Result<Response, Fault> {
    page(state, asked, &reported::blank(state, &asked.order).await?, evidence, wrong).await
}

async fn page(
    state: &Shared,
    Asked { own, order }: &Asked,
    typed: &Typed,
    evidence: Option<&files::Evidence>,
    wrong: &Mistakes,
) -> Result<Response, Fault> {
    let (lang, takes) = (own.visitor.lang, reported::takes(state, order).await?);
    let values = context! {
        page => page_of(order), identifier => &order.identifier, title => &order.content.title,
        carrier => order.outlet_kind == Kind::Carrier, typed => Value::from(Serde(typed)),
        columns => Value::from(Serde(&columns(order.outlet_kind, lang))), brought => evidence.map(files::Evidence::value),
        may_correct => takes.correction.is_ok(), only_corrects => takes.only_corrections(),
        why_not => takes.none().map(|refusal| refusal.words().capital().text(lang).to_string()),
        mistakes => typed.listed(wrong).list(lang), errors => wrong.by_field(lang), accept => orders::ACCEPT,
    };
    Ok(state.view_as(wrong.status(), &own.visitor, "partner/report", values))
}

pub async fn take(
    extract::State(State(state)): extract::State<State>,
    Reporting(asked): Reporting,
    upload: Upload,
) -> Result<Response, Fault> {
    let typed = Typed::of(&upload.fields);
    let mut wrong = Mistakes::default();
    let evidence = files::evidence(&state, &asked, &upload).await?.unwrap_or_else(|why| {
        wrong.add("document", why);
        None
    });
    let report = typed.report(evidence.as_ref().map(|evidence| evidence.hash.clone())).map_err(|more| wrong.extend(more));
    let (Ok(report), true) = (report, wrong.is_empty()) else {
        return page(&state, &asked, &typed, evidence.as_ref(), &wrong).await;
    };
    match reported::take(&state, &asked.order, &report, &asked.own.by(&state)).await? {
        Ok(words) => asked.done(&words).await,
        Err(faults) => {
            let wrong: Mistakes = faults.iter().take(TOLD).map(|fault| typed.at(fault)).collect();
            page(&state, &asked, &typed, evidence.as_ref(), &wrong).await
        }
    }
}

/// A report as a table. With a mistake, nothing of it is taken.
pub async fn bring(
    extract::State(State(state)): extract::State<State>,
    Reporting(asked): Reporting,
    upload: Upload,
) -> Result<Response, Fault> {
    let told = |why: Vec<Phrase>| -> Mistakes { why.into_iter().take(TOLD).map(|why| ("table", why)).collect() };
    let mut wrong = Mistakes::default();
    let evidence = files::evidence(&state, &asked, &upload).await?.unwrap_or_else(|why| {
        wrong.add("table_document", why);
        None
    });
    let file = upload.files.iter().find(|file| file.field == "table" && file.size > 0);
    if file.is_none() {
        wrong.add("table", phrase!("chọn tệp báo cáo (.xlsx hoặc .csv)", "choose the report's file (.xlsx or .csv)"));
    }
    let (Some(file), true) = (file, wrong.is_empty()) else { return again(&state, &asked, evidence.as_ref(), &wrong).await };
    let sequence = report::next_sequence(&state.parts.db, asked.order.id).await?;
    let hash = evidence.as_ref().map(|evidence| evidence.hash.clone());
    let (path, order, now) = (file.spooled.path().to_path_buf(), asked.order.clone(), state.parts.clock.millis());
    // Reading a file is the work of a thread that may block.
    let read = tokio::task::spawn_blocking(move || {
        let given = Given { sequence: Some(sequence), as_of: Some(now), evidence: hash.as_deref(), ..Given::of(&order) };
        table::read(&path, &given)
    });
    let table = match read.await.map_err(anyhow::Error::from)? {
        Ok(table) => table,
        Err(unfit) => return again(&state, &asked, evidence.as_ref(), &told(unfit.words())).await,
    };
    match reported::take(&state, &asked.order, &table.report, &asked.own.by(&state)).await? {
        Ok(words) => asked.done(&words).await,
        Err(faults) => {
            let wrong = told(faults.iter().map(|fault| table.wrong(fault).words()).collect());
            again(&state, &asked, evidence.as_ref(), &wrong).await
        }
    }
}
