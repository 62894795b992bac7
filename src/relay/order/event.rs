//! What happened to an order, in its order: events are added and never changed.

use serde::Serialize;

use crate::{
    db::{Db, Result, Sql, Tx, affected},
    on, phrase,
    relay::{By, Happening, State},
    within,
    words::Phrase,
};

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
            "scan" => phrase!("Lưu bản quét", "A scan was kept"),
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
pub(in crate::relay) fn said(text: &str) -> String {
    let kept = |c: char| if c.is_control() && c != '\n' { ' ' } else { c };
    text.trim().chars().map(kept).take(DETAIL).collect()
}

pub(in crate::relay) async fn event(
    tx: &mut Tx,
    order: i64,
    happening: &str,
    state: State,
    by: &By<'_>,
    detail: &str,
) -> Result<()> {
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
