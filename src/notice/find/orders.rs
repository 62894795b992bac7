//! What relay orders want, on both sides: of the office that asks, and of a partner's Loa that carries them out.

use super::{Found, Ground, Kind, of};
use crate::{
    db::Result,
    phrase,
    relay::attention::{Cause, Matter},
    words::{self, Lang, Phrase},
};

/// Relay orders that want something.
pub(super) fn order(matter: Matter) -> Found {
    let Matter { cause, key, owner, orders, outlet, slug, title, identifier, urgent, said, doubts } = matter;
    let (run, n) = (key, orders);
    let (more_vi, more_en) = if n > 1 {
        (format!("{n} đơn vị, trong đó có {outlet},"), format!("{n} outlets, {outlet} among them,"))
    } else {
        (outlet.clone(), outlet.clone())
    };
    let many = format!("/orders?run={run}");
    let (name, kind, says, page) = match cause {
        Cause::Overdue => {
            let says = phrase!(
                "Đợt {run} ({title}): {more_vi} quá hạn báo cáo",
                "Run {run} ({title}): the reports of {more_en} are overdue"
            );
            ("overdue", Kind::OrderOverdue, says, format!("{many}&overdue=1"))
        }
        Cause::Refused => {
            let says = phrase!("Đợt {run} ({title}): {more_vi} từ chối thực hiện", "Run {run} ({title}): {more_en} refused");
            ("refused", Kind::OrderRefused, says, format!("{many}&state=refused"))
        }
        Cause::ToHand => {
            let says = phrase!(
                "Đợt {run} ({title}): {more_vi} chưa được giao yêu cầu, cần gửi văn bản",
                "Run {run} ({title}): {more_en} must be handed the order on paper"
            );
            ("to-hand", Kind::OrderToHand, says, format!("{many}&state=approved"))
        }
        Cause::Unpushed => {
            let why = |lang| if said.is_empty() { String::new() } else { format!(" ({})", words::said(said.clone(), lang)) };
            let (vi, en) = (why(Lang::Vi), why(Lang::En));
            let says = if doubts > 0 {
                phrase!(
                    "{outlet}: máy chủ chưa nhận {n} yêu cầu{vi}; {doubts} yêu cầu có thể đã tới nơi: hãy hỏi đơn vị",
                    "{outlet}: its server has not taken {n} orders{en}; {doubts} may have arrived all the same: ask the outlet"
                )
            } else {
                phrase!("{outlet}: máy chủ chưa nhận {n} yêu cầu{vi}", "{outlet}: its server has not taken {n} orders{en}")
            };
            ("unpushed", Kind::OrderUnpushed, says, format!("/orders?outlet={slug}&state=approved"))
        }
        Cause::Unfetched => {
            let says = phrase!(
                "{outlet}: chưa lấy {n} yêu cầu đã sẵn sàng hơn một giờ",
                "{outlet}: has not fetched {n} orders that have been ready for more than an hour"
            );
            ("unfetched", Kind::OrderUnpushed, says, format!("/orders?outlet={slug}&state=approved"))
        }
        Cause::Drafted => {
            let says = phrase!(
                "Bản sửa đổi yêu cầu “{title}” gửi {outlet} chờ phê duyệt",
                "The Update of the order “{title}” to {outlet} waits to be approved"
            );
            ("drafted", Kind::OrderApproval, says, format!("/orders/{identifier}"))
        }
    };
    Found { owner: owner.clone(), urgent, ..of(format!("order/{key}/{name}/{owner}"), kind, says, &page) }
}

/// What keeps a department's orders from being carried out.
pub(super) async fn upstream(ground: &Ground) -> Result<Vec<Found>> {
    let Some(settings) = &ground.config.upstream else { return Ok(Vec::new()) };
    let troubles = crate::upstream::troubles(&ground.db, settings).await?;
    let told = |(order, campaign, says): (Option<String>, String, Phrase)| {
        let page = if campaign.is_empty() { "/campaigns".to_string() } else { format!("/campaigns/{campaign}") };
        let (vi, en) = (says.vi, says.en);
        let (key, says) = match order {
            Some(order) => (format!("upstream/{order}"), phrase!("Yêu cầu {order}: {vi}", "Order {order}: {en}")),
            None => ("upstream".to_string(), phrase!("[upstream]: {vi}", "[upstream]: {en}")),
        };
        Found { owner: settings.department.clone(), ..of(key, Kind::UpstreamTrouble, says, &page) }
    };
    Ok(troubles.into_iter().map(told).collect())
}
