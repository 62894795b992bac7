//! An order's row, with its outlet and how its run stands: one list of columns for every statement that reads orders.

use super::{Order, Step};
use crate::{
    db::{DbError, Result},
    outlet::{Kind, Way},
    relay::{Content, State, Status},
};

#[derive(sqlx::FromRow)]
pub(in crate::relay) struct Row {
    id: i64,
    run: i64,
    stopped: bool,
    outlet: i64,
    slug: String,
    title: String,
    kind: i16,
    way: i16,
    sender: String,
    serial: i16,
    campaign: String,
    owner: String,
    step: i16,
    earlier: Option<i64>,
    status: i16,
    identifier: String,
    state: i16,
    version: i64,
    content: String,
    hash: String,
    note: String,
    has_document: bool,
    made_by: String,
    made_user: Option<i64>,
    made_at: i64,
    sent_at: Option<i64>,
    expires_at: i64,
    report_by: Option<i64>,
    handed_at: Option<i64>,
    answered_at: Option<i64>,
    overdue_since: Option<i64>,
    chased_at: Option<i64>,
    closed_at: Option<i64>,
    report: Option<i64>,
    in_doubt: bool,
}

impl Row {
    pub(in crate::relay) fn order(self) -> Result<Order> {
        let unreadable = || DbError::Refused(format!("order {} cannot be read by this version", self.id));
        Ok(Order {
            outlet_kind: Kind::from_number(self.kind).ok_or_else(unreadable)?,
            outlet_way: Way::from_number(self.way).ok_or_else(unreadable)?,
            step: Step::from_number(self.step).ok_or_else(unreadable)?,
            status: Status::from_number(self.status).ok_or_else(unreadable)?,
            state: State::from_number(self.state).ok_or_else(unreadable)?,
            content: Content::parse(&self.content)?,
            id: self.id,
            run: self.run,
            stopped: self.stopped,
            outlet: self.outlet,
            outlet_slug: self.slug,
            outlet_title: self.title,
            outlet_sender: self.sender,
            serial: self.serial,
            campaign: self.campaign,
            owner: self.owner,
            earlier: self.earlier,
            identifier: self.identifier,
            version: self.version,
            hash: self.hash,
            note: self.note,
            has_document: self.has_document,
            made_by: self.made_by,
            made_user: self.made_user,
            made_at: self.made_at,
            sent_at: self.sent_at,
            expires_at: self.expires_at,
            report_by: self.report_by,
            handed_at: self.handed_at,
            answered_at: self.answered_at,
            overdue_since: self.overdue_since,
            chased_at: self.chased_at,
            closed_at: self.closed_at,
            report: self.report,
            in_doubt: self.in_doubt,
        })
    }
}

/// An order with its outlet and how its run stands: aborted is 3 of `RunState`. What withdraws (step 2) goes though its run was stopped,
/// and above all then.
macro_rules! orders {
    ($rest:expr) => {
        concat!(
            "SELECT o.id, o.run, o.step <> 2 AND coalesce(r.paused OR r.state = 3, false) AS stopped, o.outlet, t.slug, t.title, t.kind, t.way,
                    t.sender, o.serial, o.campaign, o.owner, o.step, o.earlier, o.status, o.identifier, o.state, o.version, o.content, o.hash,
                    o.note, o.document IS NOT NULL AS has_document, o.made_by, o.made_user, o.made_at, o.sent_at, o.expires_at,
                    o.report_by, o.handed_at, o.answered_at, o.overdue_since, o.chased_at, o.closed_at, o.report,
                    coalesce(p.doubt, false) AS in_doubt
             FROM relay_order o JOIN outlet t ON t.id = o.outlet LEFT JOIN run r ON r.id = o.run
             LEFT JOIN relay_push p ON p.relay_order = o.id ",
            $rest
        )
    };
}
pub(in crate::relay) use orders;
