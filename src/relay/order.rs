//! Orders as they stand: read, listed, approved, withdrawn and closed; their events; and the one write that every change goes through.

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{By, Content, Eyes, Happening, Refusal, State, Status, Tried};
use crate::{
    audit,
    db::{Db, DbError, Result, Sql, Tx, affected},
    on,
    outlet::{Kind, Way},
    phrase, transaction, within,
    words::Phrase,
};

/// Orders that one page of a list holds at most.
pub const PAGE: i64 = 200;

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
    /// Whether nothing of that run may go out: it is paused or aborted.
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

#[derive(sqlx::FromRow)]
pub(super) struct Row {
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
    pub(super) fn order(self) -> Result<Order> {
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

/// An order with its outlet and how its run stands: aborted is 3 of `RunState`.
macro_rules! orders {
    ($rest:expr) => {
        concat!(
            "SELECT o.id, o.run, coalesce(r.paused OR r.state = 3, false) AS stopped, o.outlet, t.slug, t.title, t.kind, t.way, t.sender,
                    o.serial, o.campaign, o.owner, o.step, o.earlier, o.status, o.identifier, o.state, o.version, o.content, o.hash,
                    o.note, o.document IS NOT NULL AS has_document, o.made_by, o.made_user, o.made_at, o.sent_at, o.expires_at,
                    o.report_by, o.handed_at, o.answered_at, o.overdue_since, o.chased_at, o.closed_at, o.report,
                    coalesce(p.doubt, false) AS in_doubt
             FROM relay_order o JOIN outlet t ON t.id = o.outlet LEFT JOIN run r ON r.id = o.run
             LEFT JOIN relay_push p ON p.relay_order = o.id ",
            $rest
        )
    };
}
pub(super) use orders;

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
// The row alone: what else [`ONE`] reads of it is looked at by a statement of its own, once the row is held. In one statement PostgreSQL would
// show a push as it was before whoever held the row claimed it.
static LOCK: Sql = Sql::new(r"SELECT o.id FROM relay_order o WHERE o.id = $1 :lock(o)");

/// One order; none: there is none for those eyes.
pub async fn one(db: &Db, id: i64, eyes: Eyes<'_>, now: i64) -> Result<Option<Order>> {
    let row: Option<Row> = on!(db.read, |pool, sql| sqlx::query_as(sql(&ONE)).bind(id).fetch_optional(pool).await)?;
    Ok(row.map(Row::order).transpose()?.filter(|order| eyes.see(order, now)))
}

/// The order that CAP documents call so; none: there is none for those eyes.
pub async fn by_identifier(db: &Db, identifier: &str, eyes: Eyes<'_>, now: i64) -> Result<Option<Order>> {
    let row: Option<Row> =
        on!(db.read, |pool, sql| sqlx::query_as(sql(&BY_IDENTIFIER)).bind(identifier).fetch_optional(pool).await)?;
    Ok(row.map(Row::order).transpose()?.filter(|order| eyes.see(order, now)))
}

/// Which orders a list shows. What is none restricts nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this campaign.
    pub campaign: Option<String>,
    /// Of this run.
    pub run: Option<i64>,
    /// Of this outlet.
    pub outlet: Option<i64>,
    /// In this state.
    pub state: Option<State>,
    /// Whose report is late.
    pub overdue: bool,
    /// Those before this number.
    pub before: Option<i64>,
}

/// A page of a list; what `$first` says first is found by an index of its own.
macro_rules! sifted {
    ($first:expr) => {
        orders!(concat!(
            "WHERE ",
            $first,
            " o.id < coalesce($1, 9223372036854775807) AND o.campaign = coalesce($2, o.campaign) AND o.run = coalesce($3, o.run)
              AND o.outlet = coalesce($4, o.outlet) AND o.state = coalesce($5, o.state) AND (NOT $6 OR o.overdue_since IS NOT NULL)
              ORDER BY o.id DESC LIMIT $7"
        ))
    };
}

static LIST: Sql = Sql::new(sifted!(""));
static LIST_OF_RUN: Sql = Sql::new(sifted!("o.run = $3 AND"));
static LIST_OF_OUTLET: Sql = Sql::new(sifted!("o.outlet = $4 AND"));
static LIST_OF_CAMPAIGN: Sql = Sql::new(sifted!("o.campaign = $2 AND"));
static LIST_LATE: Sql = Sql::new(sifted!("o.id IN (SELECT l.id FROM relay_order l WHERE l.overdue_since IS NOT NULL) AND"));
static LIST_IN_STATE: Sql = Sql::new(sifted!("o.state = $5 AND"));

impl Filter {
    /// The statement of the page whose index leaves the fewest to look at; `outlet`: whose alone.
    fn statement(&self, outlet: Option<i64>) -> &'static Sql {
        match (self.run, outlet, &self.campaign, self.overdue, self.state) {
            (Some(_), ..) => &LIST_OF_RUN,
            (_, Some(_), ..) => &LIST_OF_OUTLET,
            (_, _, Some(_), ..) => &LIST_OF_CAMPAIGN,
            (.., true, _) => &LIST_LATE,
            (.., Some(_)) => &LIST_IN_STATE,
            _ => &LIST,
        }
    }
}

/// The orders of a list that those eyes see, the latest first; at most `most` of them. What they do not see is passed over.
pub async fn list(db: &Db, filter: &Filter, eyes: Eyes<'_>, most: usize, now: i64) -> Result<Vec<Order>> {
    let mut found = Vec::new();
    let mut before = filter.before;
    let outlet = match eyes {
        // Another's are not even looked at.
        Eyes::Outlet(own) if filter.outlet.is_some_and(|wanted| wanted != own) => return Ok(found),
        Eyes::Outlet(own) => Some(own),
        _ => filter.outlet,
    };
    let page = filter.statement(outlet);
    loop {
        let rows: Vec<Row> = on!(db.read, |pool, sql| sqlx::query_as(sql(page))
            .bind(before)
            .bind(&filter.campaign)
            .bind(filter.run)
            .bind(outlet)
            .bind(filter.state.map(|state| state as i16))
            .bind(filter.overdue)
            .bind(PAGE)
            .fetch_all(pool)
            .await)?;
        let whole = rows.len() < usize::try_from(PAGE).unwrap_or(usize::MAX);
        for row in rows {
            let order = row.order()?;
            before = Some(order.id);
            if eyes.see(&order, now) {
                found.push(order);
                if found.len() >= most {
                    return Ok(found);
                }
            }
        }
        if whole {
            return Ok(found);
        }
    }
}

/// What happened to an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct Event {
    /// When, unix milliseconds.
    pub at: i64,
    /// What: `make`, `approve`, `hand_over`, `acknowledge` …
    pub happening: String,
    /// The number of the [`State`] after it.
    pub state: i16,
    /// Who.
    pub by_whom: String,
    /// By which door.
    pub via: String,
    /// What they said.
    pub detail: String,
}

impl Event {
    /// What people read of it.
    pub fn label(&self) -> Phrase {
        match self.happening.as_str() {
            "make" => phrase!("Lập yêu cầu", "Made"),
            "update" => phrase!("Soạn bản sửa đổi", "Update written"),
            "cancel" => phrase!("Lập lệnh thu hồi", "Cancel made"),
            "approve" => phrase!("Phê duyệt", "Approved"),
            "withdraw" => phrase!("Thu hồi khi chưa giao", "Withdrawn before anybody had it"),
            "lapse" => phrase!("Hết hiệu lực khi chưa giao", "Expired before anybody had it"),
            "hand_over" => phrase!("Giao cho đơn vị", "Handed over"),
            "paper" => phrase!("Nộp tài liệu", "A paper was brought"),
            "push_failed" => phrase!("Chưa gửi được, sẽ gửi lại", "Not pushed, tried again later"),
            "push_in_doubt" => phrase!("Chưa rõ đã tới hay chưa, sẽ gửi lại", "Nobody knows whether it got there, tried again"),
            "push_rejected" => phrase!("Máy chủ của đơn vị không nhận", "The outlet's server refused it"),
            "push_again" => phrase!("Gửi lại ngay", "To be pushed again at once"),
            "answer_unfit" => phrase!("Trả lời kèm theo không dùng được", "The answer that came with it does not hold"),
            "acknowledge" => phrase!("Đơn vị tiếp nhận", "Acknowledged"),
            "refuse" => phrase!("Đơn vị từ chối", "Refused"),
            "begin" => phrase!("Đơn vị bắt đầu thực hiện", "Sending began"),
            "report" => phrase!("Báo cáo", "Reported"),
            "correct" => phrase!("Báo cáo đính chính", "Corrected"),
            "report_rejected" => phrase!("Báo cáo không hợp lệ, bị trả lại", "A report was rejected"),
            "cancelled" => phrase!("Lệnh thu hồi có hiệu lực", "Cancelled"),
            "superseded" => phrase!("Bản sửa đổi thay thế", "An Update took its place"),
            "overdue" => phrase!("Quá hạn báo cáo", "Its report is overdue"),
            "chased" => phrase!("Đã nhắc đơn vị", "The outlet was reminded"),
            "chase_failed" => phrase!("Không nhắc được đơn vị qua thư", "The outlet could not be reminded by mail"),
            "close" => phrase!("Đóng", "Closed"),
            "reopen" => phrase!("Mở lại", "Opened again"),
            other => other.into(),
        }
    }
}

static EVENTS: Sql =
    Sql::new(r"SELECT at, happening, state, by_whom, via, detail FROM relay_event WHERE relay_order = $1 ORDER BY id");

/// Everything that happened to an order, in its order.
pub async fn events(db: &Db, order: i64) -> Result<Vec<Event>> {
    on!(db.read, |pool, sql| sqlx::query_as(sql(&EVENTS)).bind(order).fetch_all(pool).await)
}

/// Locks an order for a change.
pub(super) async fn lock(tx: &mut Tx, id: i64, by: &By<'_>) -> Tried<Order> {
    let held: Option<i64> = within!(tx, |c, sql| sqlx::query_scalar(sql(&LOCK)).bind(id).fetch_optional(c).await)?;
    if held.is_none() {
        return Ok(Err(Refusal::NoSuchOrder));
    }
    let row: Option<Row> = within!(tx, |c, sql| sqlx::query_as(sql(&ONE)).bind(id).fetch_optional(c).await)?;
    let order = row.map(Row::order).transpose()?.filter(|order| by.eyes.see(order, by.now));
    Ok(order.ok_or(Refusal::NoSuchOrder))
}

impl Happening {
    /// The word in events, and in the record of who did what.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Withdraw => "withdraw",
            Self::Lapse => "lapse",
            Self::HandOver => "hand_over",
            Self::Acknowledge => "acknowledge",
            Self::Refuse => "refuse",
            Self::Begin => "begin",
            Self::Report { .. } => "report",
            Self::Correct { .. } => "correct",
            Self::Cancel => "cancelled",
            Self::Supersede => "superseded",
            Self::Close => "close",
            Self::Reopen { .. } => "reopen",
        }
    }
}

static EVENT: Sql = Sql::new(
    r"INSERT INTO relay_event (relay_order, at, happening, state, by_whom, via, detail) VALUES ($1, $2, $3, $4, $5, $6, $7)",
);

/// The longest detail of an event that is kept, in characters.
const DETAIL: usize = 2_000;

/// What strangers wrote, as both engines take it.
pub(super) fn said(text: &str) -> String {
    let kept = |c: char| if c.is_control() && c != '\n' { ' ' } else { c };
    text.trim().chars().map(kept).take(DETAIL).collect()
}

pub(super) async fn event(tx: &mut Tx, order: i64, happening: &str, state: State, by: &By<'_>, detail: &str) -> Result<()> {
    within!(tx, |c, sql| sqlx::query(sql(&EVENT))
        .bind(order)
        .bind(by.now)
        .bind(happening)
        .bind(state as i16)
        .bind(said(&by.actor.name))
        .bind(by.actor.via.name())
        .bind(said(detail))
        .execute(c)
        .await
        .map(affected))
    .map(drop)
}

static MOVE: Sql = Sql::new(
    r"UPDATE relay_order SET state = $4, version = version + 1, sent_at = $5, handed_at = $6, answered_at = $7, overdue_since = $8,
                             closed_at = $9, report = $10
      WHERE id = $1 AND state = $2 AND version = $3",
);

// What is handed over or withdrawn is pushed no more.
static PUSHED: Sql = Sql::new(r"DELETE FROM relay_push WHERE relay_order = $1");

/// Lets something happen to an order that is locked: the row, conditional on state and version, and its event. Whether it moved: what
/// happens again changes nothing and is no event.
pub(super) async fn happen(tx: &mut Tx, order: &mut Order, happening: Happening, by: &By<'_>, detail: &str) -> Tried<bool> {
    let to = match order.would(order.state, happening) {
        Ok(to) => to,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let counts = matches!(happening, Happening::Report { .. } | Happening::Correct { .. });
    if to == order.state && !counts {
        return Ok(Ok(false));
    }
    let now = by.now;
    let mut next = Order { state: to, version: order.version + 1, ..order.clone() };
    match happening {
        // CAP writes times to the second.
        Happening::Approve => next.sent_at = next.sent_at.or(Some(now - now.rem_euclid(1_000))),
        Happening::HandOver => next.handed_at = next.handed_at.or(Some(now)),
        Happening::Acknowledge | Happening::Refuse => next.answered_at = Some(now),
        Happening::Begin | Happening::Report { .. } => next.answered_at = next.answered_at.or(Some(now)),
        _ => {}
    }
    next.closed_at = match to {
        State::Closed | State::Cancelled | State::Superseded => next.closed_at.or(Some(now)),
        _ => None,
    };
    if !to.owes_report() {
        next.overdue_since = None;
    }
    let moved = within!(tx, |c, sql| sqlx::query(sql(&MOVE))
        .bind(order.id)
        .bind(order.state as i16)
        .bind(order.version)
        .bind(next.state as i16)
        .bind(next.sent_at)
        .bind(next.handed_at)
        .bind(next.answered_at)
        .bind(next.overdue_since)
        .bind(next.closed_at)
        .bind(next.report)
        .execute(c)
        .await
        .map(affected))?;
    if moved == 0 {
        return Ok(Err(Refusal::Moved));
    }
    if order.state.is_unsent() && !next.state.is_unsent() {
        within!(tx, |c, sql| sqlx::query(sql(&PUSHED)).bind(order.id).execute(c).await.map(affected))?;
        next.in_doubt = false;
    }
    *order = next;
    event(tx, order.id, happening.word(), to, by, detail).await?;
    Ok(Ok(true))
}

/// Records a change of an order.
pub(super) async fn record(tx: &mut Tx, order: &Order, what: &str, was: State, more: Value, by: &By<'_>) -> Result<()> {
    let before = json!({ "state": was.name() });
    let mut after = json!({ "order": order.id, "outlet": order.outlet_slug, "state": order.state.name() });
    if let (Some(after), Value::Object(more)) = (after.as_object_mut(), more) {
        after.extend(more);
    }
    let action = format!("order.{what}");
    audit::record(tx, by.actor, &action, &order.identifier, Some(&before), Some(&after), by.now).await
}

/// Lets a drafted order go out; not whoever wrote it.
pub async fn approve(db: &Db, id: i64, by: &By<'_>) -> Tried<Order> {
    transaction!(db, |tx| {
        let mut order = match lock(tx, id, by).await? {
            Ok(order) => order,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if order.expires_at <= by.now {
            return Ok(Err(Refusal::Expired));
        }
        if by.actor.user.is_some() && by.actor.user == order.made_user {
            return Ok(Err(Refusal::OwnWriting));
        }
        // What it updates may have ended since it was written.
        if let (Some(earlier), State::Drafted) = (order.earlier, order.state) {
            let seen = By { eyes: Eyes::All, ..*by };
            let follows = lock(tx, earlier, &seen).await?.and_then(|earlier| earlier.state.may_be_followed());
            if let Err(refusal) = follows {
                return Ok(Err(refusal));
            }
        }
        match happen(tx, &mut order, Happening::Approve, by, "").await? {
            Ok(_) => {
                record(tx, &order, "approve", State::Drafted, json!({ "hash": order.hash }), by).await?;
                Ok(Ok(order))
            }
            Err(refusal) => Ok(Err(refusal)),
        }
    })
}

/// Takes an order back that nobody has; at once. What may have reached the outlet is not taken back so.
pub async fn withdraw(db: &Db, id: i64, why: &str, by: &By<'_>) -> Tried<Order> {
    if why.trim().is_empty() {
        return Ok(Err(Refusal::NoReason));
    }
    transaction!(db, |tx| {
        let mut order = match lock(tx, id, by).await? {
            Ok(order) => order,
            Err(refusal) => return Ok(Err(refusal)),
        };
        withdraw_within(tx, &mut order, why, by).await
    })
}

/// The same within a transaction, of an order that is locked.
pub(super) async fn withdraw_within(tx: &mut Tx, order: &mut Order, why: &str, by: &By<'_>) -> Tried<Order> {
    if order.in_doubt && order.state == State::Approved {
        return Ok(Err(Refusal::InDoubt));
    }
    let was = order.state;
    match happen(tx, order, Happening::Withdraw, by, why).await? {
        Ok(_) => {
            record(tx, order, "withdraw", was, json!({ "why": said(why) }), by).await?;
            Ok(Ok(order.clone()))
        }
        Err(refusal) => Ok(Err(refusal)),
    }
}

static LOCK_UNSENT: Sql =
    Sql::new(r"SELECT o.id FROM relay_order o WHERE o.run = $1 AND o.state IN (0, 1) ORDER BY o.id :lock(o)");
static UNSENT: Sql = Sql::new(orders!("WHERE o.run = $1 AND o.state IN (0, 1) ORDER BY o.id"));

/// Takes back what nobody has of a run that is aborted, in the same transaction. How many that were; one whose push may have reached
/// its outlet stays, and needs a Cancel once that is known.
pub async fn withdraw_run(tx: &mut Tx, run: i64, why: &str, by: &By<'_>) -> Result<usize> {
    let held: Vec<i64> = within!(tx, |c, sql| sqlx::query_scalar(sql(&LOCK_UNSENT)).bind(run).fetch_all(c).await)?;
    if held.is_empty() {
        return Ok(0);
    }
    let rows: Vec<Row> = within!(tx, |c, sql| sqlx::query_as(sql(&UNSENT)).bind(run).fetch_all(c).await)?;
    let mut withdrawn = 0;
    for row in rows {
        let mut order = row.order()?;
        withdrawn += usize::from(withdraw_within(tx, &mut order, why, by).await?.is_ok());
    }
    Ok(withdrawn)
}

/// Expects nothing more of an order. Without its final report a reason is needed.
pub async fn close(db: &Db, id: i64, why: &str, by: &By<'_>) -> Tried<Order> {
    transaction!(db, |tx| {
        let mut order = match lock(tx, id, by).await? {
            Ok(order) => order,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let was = order.state;
        if why.trim().is_empty() && !matches!(was, State::Reported | State::Closed) && was.on(Happening::Close).is_ok() {
            return Ok(Err(Refusal::NoReason));
        }
        match happen(tx, &mut order, Happening::Close, by, why).await? {
            Ok(_) => {
                record(tx, &order, "close", was, json!({ "why": said(why) }), by).await?;
                Ok(Ok(order))
            }
            Err(refusal) => Ok(Err(refusal)),
        }
    })
}

// 8 is closed, and whatever happens to what is closed leaves it so.
static STOOD: Sql = Sql::new(r"SELECT state FROM relay_event WHERE relay_order = $1 AND state <> 8 ORDER BY id DESC LIMIT 1");

/// Takes a closing back: the order stands again where it stood.
pub async fn reopen(db: &Db, id: i64, why: &str, by: &By<'_>) -> Tried<Order> {
    if why.trim().is_empty() {
        return Ok(Err(Refusal::NoReason));
    }
    transaction!(db, |tx| {
        let mut order = match lock(tx, id, by).await? {
            Ok(order) => order,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let stood: Option<i16> = within!(tx, |c, sql| sqlx::query_scalar(sql(&STOOD)).bind(id).fetch_optional(c).await)?;
        let was = order.state;
        let to = stood.and_then(State::from_number).unwrap_or(State::HandedOver);
        match happen(tx, &mut order, Happening::Reopen { to }, by, why).await? {
            Ok(_) => {
                record(tx, &order, "reopen", was, json!({ "why": said(why) }), by).await?;
                Ok(Ok(order))
            }
            Err(refusal) => Ok(Err(refusal)),
        }
    })
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
