//! What the office does with an order by one button: approve, push again, hand over, withdraw, cancel, close, open again. Whether it fits is judged
//! where it is done.

use axum::{
    extract::{self, Path},
    response::Response,
};

use super::{by, page_of, refused, seen};
use crate::{
    phrase,
    relay::{follow, follow::Cancelled, hand, order},
    user::Right,
    web::{
        State,
        console::{
            fault::Fault,
            form::Fields,
            visitor::{Visitor, see_other},
        },
    },
};

pub(super) async fn approve(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(identifier): Path<String>,
    _: Fields,
) -> Result<Response, Fault> {
    let found = seen(&state, &visitor, &identifier).await?;
    visitor.needs(Right::Approve)?;
    order::approve(&state.parts.db, found.id, &by(&state, &visitor)).await?.map_err(refused)?;
    state.parts.work.notify_waiters();
    visitor.flash(&phrase!("Đã phê duyệt bản sửa đổi {identifier}.", "The Update {identifier} is approved.")).await?;
    Ok(see_other(&page_of(&found)))
}

pub(super) async fn push_again(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(identifier): Path<String>,
    _: Fields,
) -> Result<Response, Fault> {
    let found = seen(&state, &visitor, &identifier).await?;
    visitor.needs(Right::WriteOrders)?;
    hand::retry(&state.parts.db, found.id, &by(&state, &visitor)).await?.map_err(refused)?;
    visitor.flash(&phrase!("Yêu cầu sẽ được gửi lại ngay.", "The order is pushed again at once.")).await?;
    Ok(see_other(&page_of(&found)))
}

pub(super) async fn hand_over(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(identifier): Path<String>,
    fields: Fields,
) -> Result<Response, Fault> {
    let found = seen(&state, &visitor, &identifier).await?;
    visitor.needs(Right::WriteOrders)?;
    let how = fields.get("how");
    let how = if how.is_empty() { "phiếu yêu cầu" } else { how };
    hand::by_hand(&state.parts.db, found.id, how, &by(&state, &visitor)).await?.map_err(refused)?;
    let outlet = &found.outlet_title;
    visitor.flash(&phrase!("Đã ghi nhận giao yêu cầu cho {outlet}.", "The order counts as handed over to {outlet}.")).await?;
    Ok(see_other(&page_of(&found)))
}

pub(super) async fn withdraw(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(identifier): Path<String>,
    fields: Fields,
) -> Result<Response, Fault> {
    let found = seen(&state, &visitor, &identifier).await?;
    visitor.needs(Right::WriteOrders)?;
    order::withdraw(&state.parts.db, found.id, fields.get("why"), &by(&state, &visitor)).await?.map_err(refused)?;
    visitor.flash(&phrase!("Đã thu hồi: chưa đơn vị nào nhận yêu cầu này.", "Withdrawn: nobody has had this order.")).await?;
    Ok(see_other(&page_of(&found)))
}

pub(super) async fn cancel(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(identifier): Path<String>,
    fields: Fields,
) -> Result<Response, Fault> {
    let found = seen(&state, &visitor, &identifier).await?;
    visitor.needs(Right::WriteOrders)?;
    let cancelled =
        follow::cancel(&state.parts.db, found.id, fields.get("why"), &by(&state, &visitor)).await?.map_err(refused)?;
    match cancelled {
        Cancelled::AtOnce(order) => {
            let words = phrase!("Đã thu hồi: chưa đơn vị nào nhận yêu cầu này.", "Withdrawn: nobody has had this order.");
            visitor.flash(&words).await?;
            Ok(see_other(&page_of(&order)))
        }
        Cancelled::Asked(order) => {
            state.parts.work.notify_waiters();
            let words = phrase!(
                "Đã lập lệnh thu hồi. Yêu cầu trước còn hiệu lực đến khi đơn vị tiếp nhận lệnh này.",
                "The Cancel is made. The earlier order holds until the outlet acknowledges it."
            );
            visitor.flash(&words).await?;
            Ok(see_other(&page_of(&order)))
        }
    }
}

pub(super) async fn close(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(identifier): Path<String>,
    fields: Fields,
) -> Result<Response, Fault> {
    let found = seen(&state, &visitor, &identifier).await?;
    visitor.needs(Right::WriteOrders)?;
    order::close(&state.parts.db, found.id, fields.get("why"), &by(&state, &visitor)).await?.map_err(refused)?;
    visitor.flash(&phrase!("Đã đóng yêu cầu.", "The order is closed.")).await?;
    Ok(see_other(&page_of(&found)))
}

pub(super) async fn reopen(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(identifier): Path<String>,
    fields: Fields,
) -> Result<Response, Fault> {
    let found = seen(&state, &visitor, &identifier).await?;
    visitor.needs(Right::WriteOrders)?;
    order::reopen(&state.parts.db, found.id, fields.get("why"), &by(&state, &visitor)).await?.map_err(refused)?;
    visitor.flash(&phrase!("Đã mở lại: nhận báo cáo trở lại.", "It is open again, and reports are taken.")).await?;
    Ok(see_other(&page_of(&found)))
}
