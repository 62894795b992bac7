//! `/reconcile`: carriers' invoices held against what Loa gave them to send.
//!
//! What enters: an invoice's file with the names of its columns; what people say of its lines. What leaves: both sides of every
//! line, and their difference. Bills are of the whole office: whoever sees single departments only does not see them. What can
//! go wrong with a file is told by line, and nothing of it is taken.

use std::collections::BTreeMap;

use axum::{
    Router,
    extract::{self, DefaultBodyLimit, Path, Query},
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use minijinja::{Value, context};
use serde::Deserialize;
use serde_json::json;

use super::{
    Named,
    fault::Fault,
    form::{Fields, Upload},
    visitor::{Visitor, see_other},
    when::moment,
};
use crate::{
    audit, phrase,
    reconcile::{
        self, Invoice, Key, Line, ReconcileError, Verdict,
        invoice::{self, InvoiceError, Mapping},
    },
    transaction,
    user::Right,
    web::{State, download},
    words::{self, Lang},
};

pub(super) const TEMPLATES: &[Named] = &[
    ("reconcile/list", include_str!("../templates/console/reconcile/list.html")),
    ("reconcile/show", include_str!("../templates/console/reconcile/show.html")),
];

/// The largest invoice: a year by day and carrier takes less.
const LARGEST: usize = 8 << 20;
const SHOWN: i64 = 50;
/// Lines on a page.
const LINES: usize = 100;

pub(super) fn routes() -> Router<State> {
    Router::new()
        .route("/reconcile", get(list).post(import).layer(DefaultBodyLimit::max(LARGEST)))
        .route("/reconcile/{id}", get(show).post(say))
        .route("/reconcile/{id}/line", post(say_of_line))
        .route("/reconcile/{id}/export.csv", get(export))
}

/// Only who may read, and who sees the whole office.
fn reads(visitor: &Visitor) -> Result<(), Fault> {
    visitor.needs(Right::ReadReach)?;
    if visitor.user.departments.is_everything() { Ok(()) } else { Err(Fault::Forbidden) }
}

fn writes(visitor: &Visitor) -> Result<(), Fault> {
    reads(visitor)?;
    visitor.needs(Right::ClosePeriods)
}

async fn list(extract::State(state): extract::State<State>, visitor: Visitor) -> Result<Response, Fault> {
    reads(&visitor)?;
    page(&state, &visitor, StatusCode::OK, &Fields::default(), &[]).await
}

async fn page(
    state: &State,
    visitor: &Visitor,
    status: StatusCode,
    typed: &Fields,
    wrong: &[(String, String)],
) -> Result<Response, Fault> {
    let lang = visitor.lang;
    let invoices = reconcile::invoices(&state.0.parts.db, SHOWN).await?;
    let accounts: Vec<Value> =
        std::iter::once(context! { value => "", label => lang.pick("Theo cột trong tệp", "As a column of the file says") })
            .chain(
                state
                    .0
                    .parts
                    .accounts
                    .all()
                    .iter()
                    .map(|account| context! { value => &account.config.name, label => &account.config.name }),
            )
            .collect();
    let typed = |name: &str, otherwise: &str| if typed.has(name) { typed.get(name).to_string() } else { otherwise.to_string() };
    let error = |field: &str| wrong.iter().find(|(of, _)| of == field).map(|(_, text)| text.clone()).unwrap_or_default();
    let values = context! {
        invoices => invoices.iter().map(|invoice| invoice_value(invoice, lang)).collect::<Vec<_>>(),
        accounts, may_write => visitor.can(Right::ClosePeriods),
        errors => wrong.iter().map(|(field, text)| context! { field, text }).collect::<Vec<_>>(),
        file_error => error("file"), tolerance_error => error("tolerance"),
        typed => context! { account => typed("account", ""), tolerance => typed("tolerance", "0"), name => typed("name", ""),
            day => typed("day", ""), parts => typed("parts", ""), amount => typed("amount", ""), carrier => typed("carrier", ""),
            account_column => typed("account_column", "") },
    };
    Ok(state.0.view_as(status, visitor, "reconcile/list", values))
}

fn invoice_value(invoice: &Invoice, lang: Lang) -> Value {
    let day = |text: &str| text.parse().map_or_else(|_| text.to_string(), |day| words::date(day, lang));
    context! {
        id => invoice.id, name => &invoice.name, from => day(&invoice.from), through => day(&invoice.through),
        accounts => invoice.accounts.join(", "), by => &invoice.by, at => moment(invoice.imported_at, lang),
        verdict => invoice.verdict.name(), verdict_label => invoice.verdict.label().text(lang), comment => &invoice.comment,
        decided_by => &invoice.decided_by, tolerance => tolerance(invoice.tolerance, lang),
    }
}

fn tolerance(per_mille: i64, lang: Lang) -> String {
    format!("{}{}{} %", per_mille / 10, lang.pick(",", "."), per_mille % 10)
}

async fn import(extract::State(state): extract::State<State>, visitor: Visitor, upload: Upload) -> Result<Response, Fault> {
    writes(&visitor)?;
    let (lang, fields) = (visitor.lang, &upload.fields);
    let mut wrong: Vec<(String, String)> = Vec::new();
    let tolerance = reconcile::per_mille(if fields.get("tolerance").is_empty() { "0" } else { fields.get("tolerance") });
    if tolerance.is_none() {
        let told = phrase!(
            "Ghi phần trăm từ 0 đến 100, nhiều nhất một chữ số lẻ, ví dụ 0,5.",
            "Write a percentage from 0 to 100 with at most one decimal, such as 0.5."
        );
        wrong.push(("tolerance".into(), told.text(lang).to_string()));
    }
    let columns =
        [("day", "day"), ("parts", "parts"), ("amount", "amount"), ("carrier", "carrier"), ("account", "account_column")];
    let columns = columns.map(|(field, name)| (field.to_string(), fields.get(name).to_string()));
    let columns: BTreeMap<String, String> = columns.into_iter().filter(|(_, header)| !header.is_empty()).collect();
    let account = Some(fields.get("account").to_string()).filter(|account| !account.is_empty());
    let Some(file) = upload.files.first() else {
        let told = phrase!("Chọn tệp hóa đơn (.csv hoặc .xlsx).", "Choose the invoice's file (.csv or .xlsx).");
        wrong.insert(0, ("file".into(), told.text(lang).to_string()));
        return page(&state, &visitor, StatusCode::UNPROCESSABLE_ENTITY, fields, &wrong).await;
    };
    // Reading a file is the work of a thread that may block.
    let path = file.spooled.path().to_path_buf();
    let read = tokio::task::spawn_blocking(move || invoice::read(&path, &Mapping { columns, account })).await;
    let read = match read.map_err(anyhow::Error::from)? {
        Ok(read) => Some(read),
        Err(InvoiceError::Read(error)) => {
            wrong.push(("file".into(), error.phrase().capital().text(lang).to_string()));
            None
        }
        Err(InvoiceError::Lines(lines)) => {
            for (line, what) in lines {
                let told = phrase!("Dòng {line}: ", "Line {line}: ");
                wrong.push(("file".into(), format!("{}{}", told.text(lang), what.text(lang))));
            }
            None
        }
    };
    let (Some(read), Some(tolerance)) = (read, tolerance) else {
        return page(&state, &visitor, StatusCode::UNPROCESSABLE_ENTITY, fields, &wrong).await;
    };
    let name = Some(fields.get("name")).filter(|name| !name.is_empty()).unwrap_or(&file.name);
    let name: String = name.chars().take(120).collect();
    let now = state.0.parts.clock.millis();
    let new = reconcile::New { name: &name, read: &read, tolerance, by: &visitor.user.name, now };
    let done = transaction!(state.0.parts.db, |tx| {
        match reconcile::import(tx, &new).await {
            Ok(id) => {
                let after = json!({ "name": name, "lines": read.lines.len(), "hash": read.hash });
                audit::record(tx, &visitor.actor, "invoice.import", &format!("invoice {id}"), None, Some(&after), now).await?;
                Ok(Ok(id))
            }
            Err(ReconcileError::Db(error)) => Err(error),
            Err(refused) => Ok(Err(refused)),
        }
    })?;
    match done {
        Ok(id) => {
            visitor.flash(&phrase!("Đã nhập hóa đơn.", "The invoice was imported.")).await?;
            Ok(see_other(&format!("/reconcile/{id}")))
        }
        Err(refused) => {
            wrong.push(("file".into(), refused.words().capital().text(lang).to_string()));
            page(&state, &visitor, StatusCode::UNPROCESSABLE_ENTITY, fields, &wrong).await
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Which {
    /// `all`: also lines that agree.
    show: String,
    page: usize,
}

fn line_value(line: &Line, lang: Lang) -> Value {
    let n = |n: i64| words::number(n, lang);
    let difference = line.invoiced.less(line.counted);
    let day = line.key.day.parse().map_or_else(|_| line.key.day.clone(), |day| words::date(day, lang));
    context! {
        account => &line.key.account, carrier => &line.key.carrier, key_day => &line.key.day, day,
        carrier_name => if line.key.carrier.is_empty() { lang.pick("(tất cả)", "(all)") } else { words::carrier(&line.key.carrier, lang) },
        parts_invoiced => n(line.invoiced.parts), parts_counted => n(line.counted.parts), parts => signed(difference.parts, lang),
        cost_invoiced => n(line.invoiced.cost), cost_counted => n(line.counted.cost), cost => signed(difference.cost, lang),
        near => line.near, verdict => line.verdict.name(), verdict_label => line.verdict.label().text(lang), comment => &line.comment,
    }
}

fn signed(n: i64, lang: Lang) -> String {
    crate::report::paper::signed(n, lang)
}

async fn show(
    extract::State(state): extract::State<State>,
    visitor: Visitor,
    Path(id): Path<i64>,
    Query(which): Query<Which>,
) -> Result<Response, Fault> {
    reads(&visitor)?;
    shown(&state, &visitor, id, &which, StatusCode::OK, None).await
}

async fn shown(
    state: &State,
    visitor: &Visitor,
    id: i64,
    which: &Which,
    status: StatusCode,
    error: Option<String>,
) -> Result<Response, Fault> {
    let lang = visitor.lang;
    let reconciled = reconcile::reconciled(&state.0.parts.db, id).await?.ok_or(Fault::NotFound)?;
    let (invoiced, counted) = reconciled.total();
    let all = which.show == "all";
    let chosen: Vec<&Line> = reconciled.lines.iter().filter(|line| all || !line.near || line.verdict != Verdict::Open).collect();
    let pages = chosen.len().div_ceil(LINES);
    let at = which.page.min(pages.saturating_sub(1));
    let lines: Vec<Value> = chosen.iter().skip(at * LINES).take(LINES).map(|line| line_value(line, lang)).collect();
    let to = |page: usize| format!("/reconcile/{id}?show={}&page={page}", if all { "all" } else { "differing" });
    let n = |n: i64| words::number(n, lang);
    let difference = invoiced.less(counted);
    let values = context! {
        invoice => invoice_value(&reconciled.invoice, lang), lines, all,
        total => context! {
            parts_invoiced => n(invoiced.parts), parts_counted => n(counted.parts), parts => signed(difference.parts, lang),
            cost_invoiced => n(invoiced.cost), cost_counted => n(counted.cost), cost => signed(difference.cost, lang),
        },
        count => reconciled.lines.len(), differing => reconciled.differing().count(),
        previous => (at > 0).then(|| to(at - 1)), next => (at + 1 < pages).then(|| to(at + 1)),
        may_write => visitor.can(Right::ClosePeriods),
        verdicts => Verdict::ALL.into_iter().map(|verdict| context! { value => verdict.name(), label => verdict.label().text(lang) }).collect::<Vec<_>>(),
        error => &error, errors => error.iter().map(|text| context! { field => "comment", text }).collect::<Vec<_>>(),
    };
    Ok(state.0.view_as(status, visitor, "reconcile/show", values))
}

async fn say(
    extract::State(state): extract::State<State>,
    visitor: Visitor,
    Path(id): Path<i64>,
    fields: Fields,
) -> Result<Response, Fault> {
    spoken(&state, &visitor, id, &fields, None).await
}

async fn say_of_line(
    extract::State(state): extract::State<State>,
    visitor: Visitor,
    Path(id): Path<i64>,
    fields: Fields,
) -> Result<Response, Fault> {
    let key = Key {
        account: fields.get("account").to_string(),
        carrier: fields.get("carrier").to_string(),
        day: fields.get("day").to_string(),
    };
    spoken(&state, &visitor, id, &fields, Some(key)).await
}

/// Writes a verdict on an invoice, or on the line with this key.
async fn spoken(state: &State, visitor: &Visitor, id: i64, fields: &Fields, line: Option<Key>) -> Result<Response, Fault> {
    writes(visitor)?;
    let verdict = Verdict::named(fields.get("verdict"))
        .ok_or_else(|| Fault::Invalid(phrase!("Hãy chọn một kết luận.", "Choose a verdict.")))?;
    if let Some(key) = &line {
        // Only of lines that there are: a verdict on something else would stand there for good.
        let reconciled = reconcile::reconciled(&state.0.parts.db, id).await?.ok_or(Fault::NotFound)?;
        if reconciled.lines.iter().all(|line| line.key != *key) {
            return Err(Fault::NotFound);
        }
    }
    let now = state.0.parts.clock.millis();
    let word = reconcile::Word { verdict, comment: fields.get("comment"), by: &visitor.user.name, now };
    let done = transaction!(state.0.parts.db, |tx| {
        let said = match &line {
            Some(key) => reconcile::say_of_line(tx, id, key, word).await,
            None => reconcile::say(tx, id, word).await,
        };
        match said {
            Ok(()) => {
                let after = json!({ "verdict": verdict.name(), "comment": word.comment, "line": line });
                audit::record(tx, &visitor.actor, "invoice.verdict", &format!("invoice {id}"), None, Some(&after), now).await?;
                Ok(Ok(()))
            }
            Err(ReconcileError::Db(error)) => Err(error),
            Err(refused) => Ok(Err(refused)),
        }
    })?;
    match done {
        Ok(()) => {
            visitor.flash(&phrase!("Đã ghi kết luận.", "The verdict was recorded.")).await?;
            Ok(see_other(&format!("/reconcile/{id}")))
        }
        Err(ReconcileError::Missing) => Err(Fault::NotFound),
        Err(refused) => {
            let words = refused.words().capital().text(visitor.lang).to_string();
            shown(state, visitor, id, &Which::default(), StatusCode::UNPROCESSABLE_ENTITY, Some(words)).await
        }
    }
}

async fn export(extract::State(state): extract::State<State>, visitor: Visitor, Path(id): Path<i64>) -> Result<Response, Fault> {
    reads(&visitor)?;
    let reconciled = reconcile::reconciled(&state.0.parts.db, id).await?.ok_or(Fault::NotFound)?;
    let csv = reconcile::csv(&reconciled).map_err(|error| Fault::Broken(error.into()))?;
    Ok(download::file(download::CSV, &format!("doi-soat-{id}.csv"), csv))
}
