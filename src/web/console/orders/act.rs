//! What the office does with an order by one button: approve, push again, hand over, withdraw, cancel, close, open again. Whether it fits is judged
//! where it is done.

use axum::{extract, response::Response};

use super::{
    page_of, refused,
    seen::{Seen, Writer},
};
use crate::{
    phrase,
    relay::{follow, follow::Cancelled, hand, order},
    web::{
        State,
        console::{fault::Fault, form::Fields, visitor::see_other},
    },
    words::Phrase,
};

/// What is said of an order that never got anywhere.
fn withdrawn() -> Phrase {
    phrase!("Đã thu hồi: chưa đơn vị nào nhận yêu cầu này.", "Withdrawn: nobody has had this order.")
}

pub(super) async fn approve(
    extract::State(State(state)): extract::State<State>,
    seen: Seen,
    _: Fields,
) -> Result<Response, Fault> {
    let (db, by) = (&state.parts.db, seen.by(&state));
    let power = order::power(db, &seen.visitor.user, &seen.order, by.now).await?.ok_or(Fault::Forbidden)?;
    order::approve_for(db, seen.order.id, &by, power.stands_in()).await?.map_err(refused)?;
    let identifier = &seen.order.identifier;
    seen.done(&phrase!("Đã phê duyệt bản sửa đổi {identifier}.", "The Update {identifier} is approved.")).await
}

pub(super) async fn push_again(
    extract::State(State(state)): extract::State<State>,
    Writer(seen): Writer,
    _: Fields,
) -> Result<Response, Fault> {
    hand::retry(&state.parts.db, seen.order.id, &seen.by(&state)).await?.map_err(refused)?;
    seen.done(&phrase!("Yêu cầu sẽ được gửi lại ngay.", "The order is pushed again at once.")).await
}

pub(super) async fn hand_over(
    extract::State(State(state)): extract::State<State>,
    Writer(seen): Writer,
    fields: Fields,
) -> Result<Response, Fault> {
    let how = fields.get("how");
    let how = if how.is_empty() { "phiếu yêu cầu" } else { how };
    hand::by_hand(&state.parts.db, seen.order.id, how, &seen.by(&state)).await?.map_err(refused)?;
    let outlet = &seen.order.outlet_title;
    seen.done(&phrase!("Đã ghi nhận giao yêu cầu cho {outlet}.", "The order counts as handed over to {outlet}.")).await
}

pub(super) async fn withdraw(
    extract::State(State(state)): extract::State<State>,
    Writer(seen): Writer,
    fields: Fields,
) -> Result<Response, Fault> {
    order::withdraw(&state.parts.db, seen.order.id, fields.get("why"), &seen.by(&state)).await?.map_err(refused)?;
    seen.done(&withdrawn()).await
}

pub(super) async fn cancel(
    extract::State(State(state)): extract::State<State>,
    Writer(seen): Writer,
    fields: Fields,
) -> Result<Response, Fault> {
    let cancelled = follow::cancel(&state.parts.db, seen.order.id, fields.get("why"), &seen.by(&state)).await?;
    let (order, words) = match cancelled.map_err(refused)? {
        Cancelled::AtOnce(order) => (order, withdrawn()),
        Cancelled::Asked(order) => (
            order,
            phrase!(
                "Đã lập lệnh thu hồi. Yêu cầu trước còn hiệu lực đến khi đơn vị tiếp nhận lệnh này.",
                "The Cancel is made. The earlier order holds until the outlet acknowledges it."
            ),
        ),
    };
    seen.visitor.flash(&words).await?;
    Ok(see_other(&page_of(&order)))
}

pub(super) async fn close(
    extract::State(State(state)): extract::State<State>,
    Writer(seen): Writer,
    fields: Fields,
) -> Result<Response, Fault> {
    order::close(&state.parts.db, seen.order.id, fields.get("why"), &seen.by(&state)).await?.map_err(refused)?;
    seen.done(&phrase!("Đã đóng yêu cầu.", "The order is closed.")).await
}

pub(super) async fn reopen(
    extract::State(State(state)): extract::State<State>,
    Writer(seen): Writer,
    fields: Fields,
) -> Result<Response, Fault> {
    order::reopen(&state.parts.db, seen.order.id, fields.get("why"), &seen.by(&state)).await?.map_err(refused)?;
    seen.done(&phrase!("Đã mở lại: nhận báo cáo trở lại.", "It is open again, and reports are taken.")).await
}
