//! Orders as they stand, and by whom they are seen. They are read one by one here, and as lists in [`filter`]; [`change`] is the one write
//! that every change goes through, [`mod@event`] what happened, [`decide`] what their office does with them.

mod change;
mod decide;
mod event;
mod filter;
mod row;

use serde::Serialize;
use utoipa::ToSchema;

use super::{Content, Eyes, Happening, Refusal, State, Status};
use crate::{
    audit::Actor,
    db::{Db, Result, Sql, Tx, affected},
    on,
    outlet::{Kind, Way},
    phrase, within,
    words::Phrase,
};

pub(super) use change::{happen, lock, record};
pub(super) use decide::withdraw_within;
pub use decide::{approve, approve_for, close, power, reopen, withdraw, withdraw_run};
pub use event::{Event, events};
pub(super) use event::{event, said};
pub use filter::{Filter, list};
pub(super) use row::{Row, orders};

/// What an order is among those of its run and outlet. The numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = OrderStep)]
#[repr(i16)]
pub enum Step {
    /// The order itself.
    Alert = 0,
    /// Takes the place of the earlier one.
    Update = 1,
    /// Withdraws the earlier one.
    Cancel = 2,
}

impl Step {
    const ALL: [Self; 3] = [Self::Alert, Self::Update, Self::Cancel];

    pub(super) fn from_number(number: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|step| *step as i16 == number)
    }

    /// The name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Update => "update",
            Self::Cancel => "cancel",
        }
    }

    /// What people read.
    pub fn label(self) -> Phrase {
        match self {
            Self::Alert => phrase!("Yêu cầu", "Order"),
            Self::Update => phrase!("Sửa đổi", "Update"),
            Self::Cancel => phrase!("Thu hồi", "Cancel"),
        }
    }
}

/// One order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Its number.
    pub id: i64,
    /// The run that made it.
    pub run: i64,
    /// Whether it may not go out, because that run is paused or aborted. A Cancel goes all the same.
    pub stopped: bool,
    /// The outlet's number.
    pub outlet: i64,
    /// The outlet's name in files.
    pub outlet_slug: String,
    /// The outlet's name for people.
    pub outlet_title: String,
    /// What the outlet is.
    pub outlet_kind: Kind,
    /// How orders get there.
    pub outlet_way: Way,
    /// What the outlet calls itself in CAP documents.
    pub outlet_sender: String,
    /// 0 the order itself, then one more for each that follows.
    pub serial: i16,
    /// The campaign's slug.
    pub campaign: String,
    /// The campaign's department.
    pub owner: String,
    /// What it is.
    pub step: Step,
    /// Which one it updates or cancels.
    pub earlier: Option<i64>,
    /// What it is to be taken for.
    pub status: Status,
    /// In CAP; the same at every try.
    pub identifier: String,
    /// Where it stands.
    pub state: State,
    /// One more at each change.
    pub version: i64,
    /// What it says.
    pub content: Content,
    /// SHA-256 of the content as it is stored.
    pub hash: String,
    /// Why it is cancelled, or which exercise it is of.
    pub note: String,
    /// Whether its signed document is frozen.
    pub has_document: bool,
    /// Who made it.
    pub made_by: String,
    /// Who of the console's users made it.
    pub made_user: Option<i64>,
    /// When it was made, unix milliseconds.
    pub made_at: i64,
    /// When it was approved, to the second: CAP's `sent`.
    pub sent_at: Option<i64>,
    /// Until when it holds.
    pub expires_at: i64,
    /// When its final report is due.
    pub report_by: Option<i64>,
    /// When the outlet got it.
    pub handed_at: Option<i64>,
    /// When the outlet said yes or no, or began.
    pub answered_at: Option<i64>,
    /// Since when its report is overdue.
    pub overdue_since: Option<i64>,
    /// When the outlet was last reminded.
    pub chased_at: Option<i64>,
    /// When it was closed, withdrawn or replaced.
    pub closed_at: Option<i64>,
    /// The report that counts.
    pub report: Option<i64>,
    /// Whether a push may have reached the outlet, and nobody knows.
    pub in_doubt: bool,
}

impl Eyes<'_> {
    /// Whether an order is there for them. An outlet sees nothing of what was never to reach it.
    pub fn see(&self, order: &Order, now: i64) -> bool {
        match self {
            Self::All => true,
            Self::Office(scope) => scope.sees(&order.owner),
            Self::Outlet(outlet) => {
                let goes_out = order.state == State::Approved && !order.stopped && order.expires_at > now;
                order.outlet == *outlet
                    && (order.handed_at.is_some() || order.in_doubt && order.state == State::Approved || goes_out)
            }
        }
    }
}

impl Order {
    /// Whether this user of the console wrote it.
    pub fn is_written_by(&self, who: &Actor) -> bool {
        who.user.is_some() && who.user == self.made_user
    }

    /// Whether its final report is late.
    pub const fn is_overdue(&self) -> bool {
        self.overdue_since.is_some()
    }

    /// What would become of it in `state`: as [`State::on`] says, and by what the order is. A Cancel is answered and nothing else;
    /// what took an earlier one's place is no longer refused.
    pub(super) fn would(&self, state: State, happening: Happening) -> std::result::Result<State, Refusal> {
        use Happening::{Begin, Cancel, Correct, Refuse, Report, Supersede};
        match (self.step, happening) {
            (Step::Cancel, Begin | Report { .. } | Correct { .. } | Cancel | Supersede) => Err(Refusal::IsCancel),
            (Step::Update | Step::Cancel, Refuse) if state == State::Acknowledged => Err(Refusal::Acknowledged),
            _ => state.on(happening),
        }
    }

    /// Whether an Update or a Cancel of it may follow, as far as the order itself tells; another may be on its way. CAP lets an Alert hold until
    /// it expires, however many were reached: what people may still see or look up is updated and withdrawn after the final report, too.
    /// Of text messages that are all out nothing is left.
    pub fn may_be_followed(&self) -> std::result::Result<(), Refusal> {
        if self.step == Step::Cancel {
            return Err(Refusal::IsCancel);
        }
        self.state.may_be_followed()?;
        if self.state == State::Reported && !self.content.stays() { Err(Refusal::Done) } else { Ok(()) }
    }

    /// What would become of it now, or why it cannot be: for pages, which offer what is possible. Whoever answers or reports has had it.
    pub fn may(&self, happening: Happening) -> std::result::Result<State, Refusal> {
        use Happening::{Acknowledge, Begin, Correct, Refuse, Report};
        let says = matches!(happening, Acknowledge | Refuse | Begin | Report { .. } | Correct { .. });
        let stands = if says && self.state == State::Approved { State::HandedOver } else { self.state };
        self.would(stands, happening)
    }
}

static ONE: Sql = Sql::new(orders!("WHERE o.id = $1"));
static BY_IDENTIFIER: Sql = Sql::new(orders!("WHERE o.identifier = $1"));

/// One order; none: there is none for those eyes.
pub async fn one(db: &Db, id: i64, eyes: Eyes<'_>, now: i64) -> Result<Option<Order>> {
    let row: Option<Row> = on!(db.read, |pool, sql| sqlx::query_as(sql(&ONE)).bind(id).fetch_optional(pool).await)?;
    Ok(row.map(Row::order).transpose()?.filter(|order| eyes.see(order, now)))
}

/// The order that CAP documents call so; none: there is none for those eyes.
pub async fn by_identifier(db: &Db, identifier: &str, eyes: Eyes<'_>, now: i64) -> Result<Option<Order>> {
    // No database takes it, and addresses may have it.
    if identifier.contains('\0') {
        return Ok(None);
    }
    let row: Option<Row> =
        on!(db.read, |pool, sql| sqlx::query_as(sql(&BY_IDENTIFIER)).bind(identifier).fetch_optional(pool).await)?;
    Ok(row.map(Row::order).transpose()?.filter(|order| eyes.see(order, now)))
}

static RENAMED: Sql = Sql::new(r"UPDATE relay_order SET owner = $2 WHERE owner = $1");

/// Hands a department's orders over to the name that it has now.
pub async fn renamed(tx: &mut Tx, was: &str, is: &str) -> Result<()> {
    within!(tx, |c, sql| sqlx::query(sql(&RENAMED)).bind(was).bind(is).execute(c).await.map(affected)).map(drop)
}

static EVERY_DUE: Sql = Sql::new(r"SELECT count(*) FROM relay_order WHERE overdue_since IS NOT NULL");

/// How many orders' reports are late, of everybody.
pub async fn overdue(db: &Db) -> Result<i64> {
    on!(db.read, |pool, sql| sqlx::query_scalar(sql(&EVERY_DUE)).fetch_one(pool).await)
}

/// An order for tests.
#[cfg(test)]
pub(super) fn sample(step: Step) -> Order {
    Order {
        id: 1,
        run: 17,
        stopped: false,
        outlet: 2,
        outlet_slug: "viettel".into(),
        outlet_title: "Viettel".into(),
        outlet_kind: Kind::Carrier,
        outlet_way: Way::Push,
        outlet_sender: "viettel.example.vn".into(),
        serial: 0,
        campaign: "chien-dich".into(),
        owner: String::new(),
        step,
        earlier: None,
        status: Status::Actual,
        identifier: "loa-17-viettel-6adf0040".into(),
        state: State::Approved,
        version: 0,
        content: Content { expires_at: 1_793_100_000_000, report_by: Some(1_793_200_000_000), ..super::content::sample() },
        hash: String::new(),
        note: if step == Step::Cancel { "Sai nội dung".into() } else { String::new() },
        has_document: false,
        made_by: "Lan".into(),
        made_user: None,
        made_at: 1_793_000_000_000,
        sent_at: Some(1_793_000_000_000),
        expires_at: 1_793_100_000_000,
        report_by: None,
        handed_at: None,
        answered_at: None,
        overdue_since: None,
        chased_at: None,
        closed_at: None,
        report: None,
        in_doubt: false,
    }
}
