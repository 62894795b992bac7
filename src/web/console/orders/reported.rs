//! Reports as both consoles take them, the office's and that of those who pass texts on: the form before anything was typed, the workbook to
//! fill in, and what comes of a report.

use super::{refused, typed::Typed};
use crate::{
    audience::place::Places,
    phrase,
    relay::{
        By, Order,
        report::{self, Fault as Wrong, Rejected, Report, Takes, table},
    },
    web::{Shared, console::fault::Fault},
    words::{Lang, Phrase},
};

/// Mistakes that are told at once.
pub(in crate::web::console) const TOLD: usize = 40;

/// The form before anything was typed: cumulative, it begins with what was reported last.
pub(in crate::web::console) async fn blank(state: &Shared, order: &Order) -> Result<Typed, Fault> {
    let (db, now) = (&state.parts.db, state.parts.clock.millis());
    let kept = report::all(db, order.id).await?;
    let newest = kept.first().map(|kept| &kept.report);
    let mut typed = Typed::blank(order, newest, report::next_sequence(db, order.id).await?, now);
    typed.corrects = Takes::of(order, newest).only_corrections();
    typed.last = newest.is_some_and(|newest| newest.last);
    Ok(typed)
}

/// Which reports the order takes now.
pub(in crate::web::console) async fn takes(state: &Shared, order: &Order) -> Result<Takes, Fault> {
    let kept = report::all(&state.parts.db, order.id).await?;
    Ok(Takes::of(order, kept.first().map(|kept| &kept.report)))
}

/// The same form as a workbook.
pub(in crate::web::console) async fn workbook(state: &Shared, order: &Order, lang: Lang) -> Result<Vec<u8>, Fault> {
    let db = &state.parts.db;
    let kept = report::all(db, order.id).await?;
    let sequence = report::next_sequence(db, order.id).await?;
    let newest = kept.first().map(|kept| &kept.report);
    Ok(table::template(order, newest, sequence, lang).map_err(anyhow::Error::from)?)
}

/// Takes a report: what to say of it; or all that is wrong with it, and nothing of it is taken.
pub(in crate::web::console) async fn take(
    state: &Shared,
    order: &Order,
    report: &Report,
    by: &By<'_>,
) -> Result<Result<Phrase, Vec<Wrong>>, Fault> {
    let province = |code: &str| Places::built_in().province_of(code);
    let sequence = report.sequence;
    match report::take(&state.parts.db, order.id, report, province, by).await? {
        Ok(taken) if taken.repeated => {
            Ok(Ok(phrase!("Báo cáo này đã có từ trước, không có gì thay đổi.", "That report was there already.")))
        }
        Ok(_) if report.last => {
            Ok(Ok(phrase!("Đã nhận báo cáo cuối cùng (số {sequence}).", "The final report ({sequence}) is taken.")))
        }
        Ok(_) => Ok(Ok(phrase!("Đã nhận báo cáo số {sequence}.", "Report {sequence} is taken."))),
        Err(Rejected::Refused(refusal)) => Err(refused(refusal)),
        Err(Rejected::Faults(faults)) => Ok(Err(faults)),
    }
}
