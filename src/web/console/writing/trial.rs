//! A test of what is written: sent to a few people of the list before any approval, and counted in no figure.

use std::collections::BTreeSet;

use axum::{http::StatusCode, response::Response};

use super::{Said, Work, page::show};
use crate::{
    audience::{list, who},
    campaign::{Library, Source},
    phrase,
    run::{self, RunError},
    user::Right,
    web::{
        Shared,
        console::{
            fault::Fault,
            visitor::{Visitor, see_other},
        },
    },
    words::Phrase,
};

/// People that one test goes to.
const TEST_PEOPLE: usize = 5;

/// Sends what is written to a few people of the list: a run that counts in no figure and needs no approval.
pub(super) async fn send(
    state: &Shared,
    visitor: &Visitor,
    work: Work,
    mut said: Said,
    source: &Source,
    library: &Library,
) -> Result<Response, Fault> {
    visitor.needs(Right::Run)?;
    visitor.sees(&source.campaign.owner)?;
    if source.campaign.is_relay_alone() {
        let why = phrase!(
            "chiến dịch này chỉ gửi qua đơn vị phối hợp, không ai trong danh sách nhận được gì nên không gửi thử được; muốn thử với đơn vị phối hợp, đặt trạng thái yêu cầu là thử kết nối",
            "others alone pass this campaign on, and nobody of the list gets anything to test; to try it with them, set the order's status to test"
        );
        said.own.push(("to", why));
        return show(state, visitor, StatusCode::UNPROCESSABLE_ENTITY, work, said).await;
    }
    let db = &state.parts.db;
    let refs: Vec<String> = work
        .to
        .split([',', ';', ' ', '\n'])
        .map(str::trim)
        .filter(|one| !one.is_empty())
        .map(str::to_string)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    if refs.is_empty() {
        said.own.push(("to", phrase!("ghi mã người nhận của chính bạn trong danh sách", "give your own reference in the list")));
    } else if refs.len() > TEST_PEOPLE {
        said.own
            .push(("to", phrase!("gửi thử cho nhiều nhất {TEST_PEOPLE} người", "a test goes to {TEST_PEOPLE} people at most")));
    }
    // Whoever is on a list of another department is not there.
    let owners = list::owners(db).await?;
    for one in refs.iter().take(TEST_PEOPLE) {
        let found = who::reference(db, one).await?;
        if !found.is_some_and(|found| found.active && visitor.user.departments.sees(owners.of(&found.source))) {
            // An address does not belong on a page, nor in a log: it is not repeated.
            said.own.push((
                "to",
                phrase!("không có người nhận mang mã này trong danh sách", "the list has nobody with this reference"),
            ));
            break;
        }
    }
    if !said.own.is_empty() {
        return show(state, visitor, StatusCode::UNPROCESSABLE_ENTITY, work, said).await;
    }
    let (segments, by) = (&library.segments_text, Some((&visitor.actor, "campaign.test")));
    let asked = run::make::Asked { source, segments, recipients: &refs, once: None, by };
    let run = match run::make::asked(db, &asked, &state.parts.holidays, state.parts.clock.now()).await {
        Ok(run) => run,
        Err(RunError::Db(error)) => return Err(error.into()),
        Err(other) => return Err(Fault::Invalid(Phrase::from(other.to_string()))),
    };
    state.parts.active.refresh().await?;
    state.parts.work.notify_waiters();
    let words = phrase!("Đang gửi thử (đợt {run}) cho {0} người.", "A test (run {run}) is on its way to {0} people.", refs.len());
    visitor.flash(&words).await?;
    Ok(see_other(&format!("/runs/{run}")))
}
