//! Measures: the figures of a sheet that comparisons, closings and official reports list.

use super::{Fate, Sheet};
use crate::{phrase, words::Phrase};

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

    /// What a sheet says; none where there is nothing to divide by.
    pub fn of(self, sheet: &Sheet) -> Option<i64> {
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
        }
    }
}
