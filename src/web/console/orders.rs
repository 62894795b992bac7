//! Relay orders, as the office sees them: the list, one order with all that happened to it, and what people do with it. What came on paper
//! is typed in here, with the paper.
//!
//! What enters: requests of people who may read orders, and to change anything those who may write them; an Update is approved by another
//! who may approve. What leaves: pages; what changes is the relay's to judge ([`crate::relay`]), and recorded there. What can go wrong: it does
//! not fit the order's state, and the page says why ([`refused`]); another department's order is none.

mod act;
mod answer;
mod brought;
mod can;
mod compared;
mod files;
mod list;
mod report;
pub(in crate::web::console) mod reported;
mod run;
mod seen;
mod show;
pub(in crate::web::console) mod typed;
mod update;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    routing::{get, post},
};

pub(in crate::web::console) use brought::{ACCEPT, LARGEST, fits};
pub(in crate::web::console) use files::letter;
pub(in crate::web::console) use run::{foreseen, told};

use super::{Named, fault::Fault};
use crate::{
    relay::{Order, Refusal},
    web::State,
};

pub(super) const TEMPLATES: &[Named] = &[
    ("orders/list", include_str!("../templates/console/orders/list.html")),
    ("orders/show", include_str!("../templates/console/orders/show.html")),
    ("orders/parts", include_str!("../templates/console/orders/parts.html")),
    ("orders/answer", include_str!("../templates/console/orders/answer.html")),
    ("orders/report", include_str!("../templates/console/orders/report.html")),
    ("orders/update", include_str!("../templates/console/orders/update.html")),
    ("orders/sheet", include_str!("../templates/console/orders/sheet.html")),
    ("orders/run", include_str!("../templates/console/orders/run.html")),
];

pub(super) fn routes() -> Router<State> {
    Router::new()
        .route("/orders", get(list::show))
        .route("/orders/{identifier}", get(show::show))
        .route("/orders/{identifier}/approve", post(act::approve))
        .route("/orders/{identifier}/push-again", post(act::push_again))
        .route("/orders/{identifier}/hand-over", post(act::hand_over))
        .route("/orders/{identifier}/withdraw", post(act::withdraw))
        .route("/orders/{identifier}/cancel", post(act::cancel))
        .route("/orders/{identifier}/close", post(act::close))
        .route("/orders/{identifier}/reopen", post(act::reopen))
        .route("/orders/{identifier}/update", get(update::ask).post(update::write))
        .route("/orders/{identifier}/sheet", get(files::sheet))
        .route("/orders/{identifier}/files/{name}", get(files::file))
        .route("/orders/{identifier}/papers/{hash}", get(files::paper))
        .route("/runs/{id}/orders", get(run::show))
}

/// Papers come up: that may take longer than a page.
pub(super) fn slow_routes() -> Router<State> {
    Router::new()
        .route("/orders/{identifier}/answer", get(answer::ask).post(answer::take))
        .route("/orders/{identifier}/report", get(report::ask).post(report::take))
        .layer(DefaultBodyLimit::max(LARGEST))
}

/// Why something was not done with an order, as a page says it.
pub(in crate::web::console) fn refused(refusal: Refusal) -> Fault {
    match refusal {
        Refusal::NoSuchOrder => Fault::NotFound,
        Refusal::NoReason | Refusal::OwnWriting | Refusal::WritingOfTheApprover => Fault::Invalid(refusal.words().capital()),
        _ => Fault::Conflict(refusal.words().capital()),
    }
}

/// The page of an order.
fn page_of(order: &Order) -> String {
    format!("/orders/{}", order.identifier)
}
