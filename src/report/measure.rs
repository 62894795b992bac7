//! Measures: the figures of a sheet that comparisons, closings and official reports list.

use super::{Fate, Sheet};
use crate::{phrase, relay, words::Phrase};

/// A figure of a sheet, as comparisons and official reports list them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// People who were to be reached.
    Addressed,
    /// People reached, confirmed.
    Confirmed,
    /// People reached, presumably.
    Presumed,
    /// People not reached.
    NotReached,
    /// Messages.
    Deliveries,
    /// Messages that arrived.
    Arrived,
    /// Parts billed.
    Parts,
    /// Đồng.
    Cost,
    /// Đồng for each person reached for certain, rounded up.
    CostEach,
    /// Subscribers, as carriers report them.
    RelaySubscribers,
    /// Sent by carriers.
    RelaySubmitted,
    /// Of these: arrived.
    RelayDelivered,
    /// Of these: did not arrive.
    RelayFailed,
    /// What carriers asked for, in đồng.
    RelayCost,
}

impl Measure {
    /// Every measure, in the order of reports.
    pub const ALL: [Self; 9] = [
        Self::Addressed,
        Self::Confirmed,
        Self::Presumed,
        Self::NotReached,
        Self::Deliveries,
        Self::Arrived,
        Self::Parts,
        Self::Cost,
        Self::CostEach,
    ];

    /// What carriers reported: never among the others, and never added to them.
    pub const RELAYED: [Self; 5] =
        [Self::RelaySubscribers, Self::RelaySubmitted, Self::RelayDelivered, Self::RelayFailed, Self::RelayCost];

    /// What a sheet says; none where there is nothing to divide by, or nobody counted it.
    pub fn of(self, sheet: &Sheet) -> Option<i64> {
        let relayed =
            |of: fn(&relay::count::Figures) -> Option<i64>| sheet.relayed.as_ref().and_then(|relayed| of(&relayed.total));
        let (people, deliveries) = (&sheet.total.people, &sheet.total.deliveries);
        Some(match self {
            Self::Addressed => people.addressed(),
            Self::Confirmed => people.of(Fate::Confirmed),
            Self::Presumed => people.of(Fate::Presumed),
            Self::NotReached => people.not_reached(),
            Self::Deliveries => deliveries.total(),
            Self::Arrived => deliveries.confirmed(),
            Self::Parts => deliveries.parts,
            Self::Cost => deliveries.cost,
            Self::CostEach => match people.of(Fate::Confirmed) {
                0 => return None,
                people => deliveries.cost / people + i64::from(deliveries.cost % people != 0),
            },
            Self::RelaySubscribers => return relayed(|of| (of.lines > 0).then_some(of.subscribers)),
            Self::RelaySubmitted => return relayed(|of| (of.lines > 0).then_some(of.submitted)),
            Self::RelayDelivered => return relayed(|of| of.delivered),
            Self::RelayFailed => return relayed(|of| of.failed),
            Self::RelayCost => return relayed(|of| of.cost),
        })
    }

    /// The whole that it is a share of: people of those who were to be reached.
    pub fn whole(self, sheet: &Sheet) -> Option<i64> {
        matches!(self, Self::Confirmed | Self::Presumed | Self::NotReached).then(|| sheet.total.people.addressed())
    }

    /// The name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Addressed => "people",
            Self::Confirmed => "people_confirmed",
            Self::Presumed => "people_presumed",
            Self::NotReached => "people_not_reached",
            Self::Deliveries => "deliveries",
            Self::Arrived => "deliveries_arrived",
            Self::Parts => "parts",
            Self::Cost => "cost",
            Self::CostEach => "cost_per_person_confirmed",
            Self::RelaySubscribers => "relay_subscribers",
            Self::RelaySubmitted => "relay_submitted",
            Self::RelayDelivered => "relay_delivered",
            Self::RelayFailed => "relay_failed",
            Self::RelayCost => "relay_cost",
        }
    }

    /// What people read.
    pub fn label(self) -> Phrase {
        match self {
            Self::Addressed => phrase!("Số người cần tiếp cận", "People addressed"),
            Self::Confirmed => phrase!("Số người được tiếp cận, có xác nhận", "People reached, confirmed"),
            Self::Presumed => phrase!("Số người được tiếp cận, chưa có xác nhận", "People reached, presumed"),
            Self::NotReached => phrase!("Số người chưa tiếp cận được", "People not reached"),
            Self::Deliveries => phrase!("Số lượt tin", "Deliveries"),
            Self::Arrived => phrase!("Số lượt tin đã đến", "Deliveries that arrived"),
            Self::Parts => phrase!("Số tin quy đổi", "Parts billed"),
            Self::Cost => phrase!("Chi phí (đồng)", "Cost (đồng)"),
            Self::CostEach => {
                phrase!("Chi phí cho một người tiếp cận có xác nhận (đồng)", "Cost per person confirmed (đồng)")
            }
            Self::RelaySubscribers => phrase!("Nhà mạng báo cáo: thuê bao", "Reported by carriers: subscribers"),
            Self::RelaySubmitted => phrase!("Nhà mạng báo cáo: đã gửi", "Reported by carriers: submitted"),
            Self::RelayDelivered => phrase!("Nhà mạng báo cáo: thành công", "Reported by carriers: delivered"),
            Self::RelayFailed => phrase!("Nhà mạng báo cáo: thất bại", "Reported by carriers: failed"),
            Self::RelayCost => phrase!("Nhà mạng báo cáo: chi phí (đồng)", "Reported by carriers: cost (đồng)"),
        }
    }
}
