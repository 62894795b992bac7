//! Relay orders, as the office sees them: the list, one order with all that happened to it, and what people do with it. What came on paper
//! is typed in here, with the paper.
//!
//! What enters: requests of people who may read orders, and to change anything those who may write them; an Update is approved by another
//! who may approve. What leaves: pages; what changes is the relay's to judge ([`crate::relay`]), and recorded there. What can go wrong: it does
//! not fit the order's state, and the page says why ([`refused`]); another department's order is none.

mod act;
mod answer;
mod can;
mod compared;
mod files;
mod list;
mod report;
mod run;
mod show;
pub(in crate::web::console) mod typed;
mod update;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    routing::{get, post},
};

pub(in crate::web::console) use run::{foreseen, told};

use super::{
    Named,
    fault::Fault,
    form::{File, Upload},
    visitor::Visitor,
};
use crate::{
    phrase,
    relay::{By, Eyes, Order, Refusal, order, paper},
    transaction,
    user::Right,
    web::{Shared, State},
    words::Phrase,
};
use typed::Wrong;

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

/// The largest form with a paper in it.
const LARGEST: usize = paper::MAX_BYTES + 512 * 1024;

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

/// An order that this visitor sees.
async fn seen(state: &Shared, visitor: &Visitor, identifier: &str) -> Result<Order, Fault> {
    visitor.needs(Right::ReadOrders)?;
    let eyes = Eyes::Office(&visitor.user.departments);
    let found = order::by_identifier(&state.parts.db, identifier, eyes, state.parts.clock.millis()).await?;
    found.ok_or(Fault::NotFound)
}

/// Who does something with an order.
fn by<'a>(state: &Shared, visitor: &'a Visitor) -> By<'a> {
    By { actor: &visitor.actor, eyes: Eyes::Office(&visitor.user.departments), now: state.parts.clock.millis() }
}

/// Why something was not done with an order, as a page says it.
pub(in crate::web::console) fn refused(refusal: Refusal) -> Fault {
    match refusal {
        Refusal::NoSuchOrder => Fault::NotFound,
        Refusal::NoReason | Refusal::OwnWriting => Fault::Invalid(refusal.words().capital()),
        _ => Fault::Conflict(refusal.words().capital()),
    }
}

/// The page of an order.
fn page_of(order: &Order) -> String {
    format!("/orders/{}", order.identifier)
}

/// Files that are papers.
const PAPERS: [&str; 10] = ["pdf", "png", "jpg", "jpeg", "tif", "tiff", "docx", "xlsx", "mp3", "mp4"];
/// The same for a browser's field.
pub(in crate::web::console) const ACCEPT: &str = ".pdf,.png,.jpg,.jpeg,.tif,.tiff,.docx,.xlsx,.mp3,.mp4";

/// A paper of a form: the one that was brought with it, or that was brought when the form was sent before and had mistakes.
struct Brought {
    hash: String,
    name: String,
}

/// Keeps the paper that a form brings. None: it brings none, or one that cannot be a paper, which is said among what is wrong.
async fn brought(state: &Shared, visitor: &Visitor, upload: &Upload, wrong: &mut Wrong) -> Result<Option<Brought>, Fault> {
    let db = &state.parts.db;
    let Some(file) = upload.files.iter().find(|file| file.field == "document") else {
        let before = upload.fields.get("brought");
        let kept = if before.is_empty() { None } else { paper::one(db, before).await? };
        // Nobody attaches, and then reads, what another brought.
        let kept = kept.filter(|paper| paper.by_whom == visitor.actor.name);
        return Ok(kept.map(|paper| Brought { hash: paper.hash, name: paper.name }));
    };
    if let Err(why) = fits(file) {
        wrong.push(("document".into(), why));
        return Ok(None);
    }
    let bytes = tokio::fs::read(file.spooled.path()).await.map_err(|error| Fault::Broken(error.into()))?;
    let by = by(state, visitor);
    let hash = transaction!(db, |tx| paper::keep(tx, &file.name, paper::kind_of(&file.name), &bytes, &by).await)?;
    Ok(Some(Brought { hash, name: file.name.clone() }))
}

pub(in crate::web::console) fn fits(file: &File) -> Result<(), Phrase> {
    let ending = file.name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default();
    if !PAPERS.contains(&ending.as_str()) {
        let known = PAPERS.join(", ");
        return Err(phrase!("loại tệp này không nhận: dùng {known}", "no such file is taken: use {known}"));
    }
    if file.size == 0 {
        return Err(phrase!("tệp này rỗng", "the file is empty"));
    }
    if file.size > paper::MAX_BYTES as u64 {
        let most = paper::MAX_BYTES >> 20;
        return Err(phrase!("tệp quá lớn: tối đa {most} MB", "the file is too large: at most {most} MB"));
    }
    Ok(())
}
