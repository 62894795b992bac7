//! What somebody can do with an order now, and what they cannot, with the reason. It is judged again where it is done.

use minijinja::{Value, context};
use serde::Serialize;

use crate::{
    approval::{Delegation, Power},
    relay::{Happening, Order, Refusal, State as Stands, report::Takes},
    user::Right,
    web::console::visitor::Visitor,
    words::Lang,
};

/// What the visitor can do now.
#[derive(Serialize, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a button of its own")]
pub(super) struct Can {
    approve: bool,
    hand_over: bool,
    withdraw: bool,
    answer: bool,
    report: bool,
    correct: bool,
    update: bool,
    cancel: bool,
    close: bool,
    /// Closing needs a reason: no final report came.
    close_needs_why: bool,
    reopen: bool,
    /// What cannot be done, and why.
    #[serde(skip)]
    refusals: Vec<(&'static str, &'static str, Refusal)>,
}

impl Can {
    /// `power`: by which right the visitor approves it; `takes`: which reports it takes.
    pub fn of(order: &Order, visitor: &Visitor, power: Option<&Power>, takes: &Takes, followed: bool, now: i64) -> Self {
        let mut can = Self::default();
        let mut refusals = Vec::new();
        if let (Stands::Drafted, Some(power)) = (order.state, power) {
            let refusal = if order.expires_at <= now {
                Some(Refusal::Expired)
            } else if order.is_written_by(&visitor.actor) {
                Some(Refusal::OwnWriting)
            } else {
                let wrote = |stands_in: &Delegation| order.made_user == Some(stands_in.approver);
                power.stands_in().is_some_and(wrote).then_some(Refusal::WritingOfTheApprover)
            };
            can.approve = refusal.is_none();
            refusals.extend(refusal.map(|refusal| ("Phê duyệt", "Approve", refusal)));
        }
        if visitor.can(Right::WriteOrders) {
            let mut may = |vi, en, happening: Happening| match order.may(happening) {
                Ok(after) => after != order.state,
                Err(refusal) => {
                    refusals.push((vi, en, refusal));
                    false
                }
            };
            can.hand_over = order.state == Stands::Approved && may("Ghi nhận đã giao", "It was handed over", Happening::HandOver);
            let answers = [Happening::Acknowledge, Happening::Refuse, Happening::Begin];
            can.answer = answers.into_iter().any(|answer| order.may(answer).is_ok_and(|after| after != order.state))
                || may("Ghi câu trả lời", "Type in an answer", Happening::Acknowledge);
            (can.report, can.correct) = (takes.more.is_ok(), takes.correction.is_ok());
            refusals.extend(takes.none().map(|refusal| ("Nhập báo cáo", "Type in a report", *refusal)));
            can.withdraw = order.state.is_unsent() && !order.in_doubt;
            if order.state.is_unsent() && order.in_doubt {
                refusals.push(("Thu hồi", "Withdraw", Refusal::InDoubt));
            } else if !order.state.is_unsent() {
                let follow = follows(order, followed, now);
                (can.update, can.cancel) = (follow.is_ok(), follow.is_ok());
                refusals.extend(follow.err().map(|refusal| ("Sửa đổi, thu hồi", "Update, cancel", refusal)));
            }
            let close = order.may(Happening::Close);
            can.close = !order.state.is_unsent() && close.is_ok_and(|after| after != order.state);
            can.close_needs_why = order.state != Stands::Reported;
            can.reopen = order.may(Happening::Reopen { to: Stands::HandedOver }).is_ok();
        }
        if order.state == Stands::Approved && can.hand_over {
            let refusal =
                if order.stopped { Some(Refusal::Stopped) } else { (order.expires_at <= now).then_some(Refusal::Expired) };
            can.hand_over = refusal.is_none();
            refusals.extend(refusal.map(|refusal| ("Ghi nhận đã giao", "It was handed over", refusal)));
        }
        Self { refusals, ..can }
    }

    /// What cannot be done, and why.
    pub fn why_not(&self, lang: Lang) -> Vec<Value> {
        let told = |(vi, en, refusal): &(&'static str, &'static str, Refusal)| {
            context! { what => lang.pick(*vi, *en), why => refusal.words().text(lang) }
        };
        self.refusals.iter().map(told).collect()
    }
}

/// Whether an Update or a Cancel of it can be written.
pub(super) fn follows(order: &Order, followed: bool, now: i64) -> Result<(), Refusal> {
    order.may_be_followed()?;
    if order.expires_at <= now {
        return Err(Refusal::Expired);
    }
    if followed { Err(Refusal::Followed) } else { Ok(()) }
}
