//! Runs: the list, and one run while it goes and afterwards; what people do to it; the big stop.
//!
//! What enters: requests of people who may read campaigns, and to change anything those who may run or stop. What leaves: pages from
//! rows of runs, tallies and noted minutes, never from deliveries one by one; changes, each recorded. What can go wrong: the run is
//! over, or another department's.

mod after;
mod again;
mod change;
mod list;
mod page;
mod stop;

pub(in crate::web::console) use change::take_effect;
pub(in crate::web::console) use stop::under_way;

use axum::{
    Router,
    routing::{get, post},
};

use super::{Named, fault::Fault, visitor::Visitor};
use crate::{
    active::RunRow,
    phrase,
    run::{RunError, command},
    user::Right,
    web::{Shared, State, overview::Head},
    words::{self, Lang},
};

pub(super) const TEMPLATES: &[Named] = &[
    ("console/runs/list", include_str!("../templates/console/runs/list.html")),
    ("console/runs/page", include_str!("../templates/console/runs/page.html")),
    ("console/runs/progress", include_str!("../templates/console/runs/progress.html")),
    ("console/runs/pace", include_str!("../templates/console/runs/pace.html")),
    ("console/runs/counts", include_str!("../templates/console/runs/counts.html")),
    ("console/runs/abort", include_str!("../templates/console/runs/abort.html")),
    ("console/runs/retry", include_str!("../templates/console/runs/retry.html")),
    ("console/runs/after", include_str!("../templates/console/runs/after.html")),
    ("console/runs/stop", include_str!("../templates/console/runs/stop.html")),
];

pub(super) const SCRIPTS: &[Named] = &[("run.js", include_str!("../templates/console/runs/run.js"))];

pub(super) fn routes() -> Router<State> {
    Router::new()
        .route("/runs", get(list::show))
        .route("/runs/{id}", get(page::show))
        .route("/runs/{id}/live", get(page::live))
        .route("/runs/{id}/after", get(after::show))
        .route("/runs/{id}/pause", post(change::pause))
        .route("/runs/{id}/resume", post(change::resume))
        .route("/runs/{id}/abort", get(change::ask_abort).post(change::abort))
        .route("/runs/{id}/retry", get(again::ask).post(again::make))
        .route("/stop", get(stop::ask).post(stop::stop))
        .route("/stop/resume", post(stop::resume))
}

impl From<RunError> for Fault {
    fn from(error: RunError) -> Self {
        match error {
            RunError::NoSuchRun(_) => Self::NotFound,
            RunError::Over { run, state, .. } => {
                let (vi, en) = (words::run_state(state, Lang::Vi).to_lowercase(), words::run_state(state, Lang::En));
                Self::Conflict(phrase!(
                    "Đợt gửi {run} {vi}: không thay đổi được nữa.",
                    "Run {run} is {en}: it cannot be changed any more."
                ))
            }
            RunError::NotOver(run) => Self::Conflict(phrase!(
                "Đợt gửi {run} chưa kết thúc. Chờ gửi xong, hoặc dừng hẳn rồi làm lại.",
                "Run {run} is not over yet. Wait until it has settled, or abort it first."
            )),
            RunError::Nobody(run) => Self::Invalid(phrase!(
                "Đợt gửi {run} không còn ai để gửi lại theo lựa chọn này.",
                "Run {run} has nobody to whom it could be sent again in this way."
            )),
            RunError::NoMessage(slug) => Self::Invalid(phrase!(
                "Chiến dịch {slug} không có lời nhắn nào cho hôm nay.",
                "Campaign {slug} has no message for today."
            )),
            RunError::NotApproved(slug) => {
                Self::Conflict(phrase!("Chiến dịch {slug} chưa được phê duyệt.", "Campaign {slug} is not approved."))
            }
            RunError::Corrects(slug, run) => Self::Conflict(phrase!(
                "{slug} là đính chính của đợt {run}: được phê duyệt là tự gửi, chỉ đến người của đợt ấy.",
                "{slug} corrects run {run}: once approved it goes out by itself, to that run's people alone."
            )),
            RunError::Db(error) => Self::Db(error),
        }
    }
}

/// A run that this visitor sees, with what its definition says of itself. Another department's is none.
pub(super) async fn seen(shared: &Shared, visitor: &Visitor, id: i64) -> Result<(RunRow, Head), Fault> {
    visitor.needs(Right::ReadCampaigns)?;
    let db = &shared.parts.db;
    let row = command::get(db, id).await?;
    let heads = shared.titles.of(db, std::slice::from_ref(&row)).await?;
    let unknown = || Head { title: row.campaign.clone(), owner: String::new() };
    let head = heads.get(&row.definition).cloned().unwrap_or_else(unknown);
    visitor.sees(&head.owner)?;
    Ok((row, head))
}
