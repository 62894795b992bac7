//! Reports as programs read and write them: what an outlet counted, area by area and round by round.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    relay::report::{Count, Kept},
    web::api::answer::moment,
};

/// Whose an area's subscribers are.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum AreaBy {
    /// Whoever is registered there.
    #[default]
    Registration,
    /// Whoever was there.
    Cell,
}

/// What was counted in one area and round, in subscribers. What the outlet does not count is left out.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OrderCount)]
pub(super) struct Line {
    /// The code of a province or ward.
    #[schema(example = "01")]
    code: String,
    /// Which sending of the text, from 1.
    #[serde(default = "first")]
    #[schema(minimum = 0, maximum = 65535, default = 1)]
    round: u16,
    /// Whom it is for.
    targeted: i64,
    /// To whom it was sent.
    submitted: i64,
    /// Whom it reached.
    delivered: Option<i64>,
    /// Whom it did not reach.
    failed: Option<i64>,
    /// Of whom it is not known yet.
    pending: Option<i64>,
    /// Converted messages.
    parts: Option<i64>,
    /// Đồng.
    cost: Option<i64>,
    /// When sending began there.
    starts_at: Option<DateTime<Utc>>,
    /// When it ended.
    ends_at: Option<DateTime<Utc>>,
    /// Whether whoever is registered in the area is meant, or whoever was there.
    #[serde(default)]
    #[schema(inline)]
    area_by: AreaBy,
}

const fn first() -> u16 {
    1
}

impl From<Count> for Line {
    fn from(count: Count) -> Self {
        Self {
            code: count.area,
            round: count.round,
            targeted: count.targeted,
            submitted: count.submitted,
            delivered: count.delivered,
            failed: count.failed,
            pending: count.pending,
            parts: count.parts,
            cost: count.cost,
            starts_at: count.starts_at.map(moment),
            ends_at: count.ends_at.map(moment),
            area_by: if count.by_cell { AreaBy::Cell } else { AreaBy::Registration },
        }
    }
}

/// Why a report corrects the one before it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OrderCorrection)]
pub(super) struct Correction {
    /// In the outlet's words.
    #[schema(min_length = 1, max_length = 2000)]
    reason: String,
}

/// What an outlet counted until a moment. Reports are cumulative: each has every area and round of the one before it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OrderReport)]
#[expect(dead_code, reason = "describes what `relay::report` reads")]
pub(super) struct Sent {
    /// The order's identifier, as in the address.
    #[schema(example = "loa-17-viettel-6adf0240")]
    order: String,
    /// Higher than that of every report before it.
    #[schema(example = 1)]
    sequence: i64,
    /// The moment that it counts up to.
    as_of: DateTime<Utc>,
    /// No more will follow.
    r#final: bool,
    /// Of a correction, which alone may lower a count.
    correction: Option<Correction>,
    /// SHA-256 of a paper that was uploaded for the order: an officer who types a report in names one.
    evidence: Option<String>,
    /// The counts, each area and round once.
    areas: Vec<Line>,
}

/// A report that was kept.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = KeptOrderReport)]
pub(super) struct AReport {
    /// Higher than that of every report before it.
    sequence: i64,
    /// The moment that it counts up to.
    as_of: DateTime<Utc>,
    /// No more will follow.
    r#final: bool,
    /// Why it corrects what was reported before.
    correction: Option<Correction>,
    /// SHA-256 of its evidence, which is at `/orders/{identifier}/papers/{hash}`.
    evidence: Option<String>,
    /// SHA-256 of what it says, as it was understood.
    hash: String,
    /// When it came.
    received_at: DateTime<Utc>,
    /// From whom; outlets are not told who of the office typed it in.
    by: Option<String>,
    /// By which door: `console`, `api` or `command`.
    via: String,
    /// Whether it counts: the one of the highest sequence alone does.
    counts: bool,
    /// The counts.
    areas: Vec<Line>,
}

impl AReport {
    /// `counts`: it is the one that does; `to_office`: whoever is told is of the office.
    pub(super) fn of(kept: Kept, counts: bool, to_office: bool) -> Self {
        let Kept { report, .. } = kept;
        Self {
            sequence: report.sequence,
            as_of: moment(report.as_of),
            r#final: report.last,
            correction: report.correction.map(|reason| Correction { reason }),
            evidence: report.evidence,
            hash: kept.hash,
            received_at: moment(kept.received_at),
            by: Some(kept.by).filter(|_| to_office),
            via: kept.via,
            counts,
            areas: report.counts.into_iter().map(Line::from).collect(),
        }
    }
}
