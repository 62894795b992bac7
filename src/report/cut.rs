//! Cuts: the lines that a report is split into, and the statements that read tallies by them. Lines are numbered; what a
//! number means is looked up afterwards (`name.rs`), so that counting (`pass.rs`) goes by integers alone.

use crate::{db::Sql, phrase, words::Phrase};

/// What a report is split by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cut {
    /// Campaigns.
    Campaign,
    /// SMS, mail, chat.
    Channel,
    /// Provinces; wards where the report is of one province.
    Area,
    /// The campaign's segments, as they were when the run was made.
    Segment,
    /// Groups, as they are today.
    Group,
    /// Carriers of SMS, and the other channels beside them.
    Carrier,
    /// The accounts that sent.
    Account,
    /// Messages of the rotation.
    Message,
    /// Why deliveries, and people, stand where they stand.
    Reason,
}

impl Cut {
    /// Every cut, in the order of pages.
    pub const ALL: [Self; 9] = [
        Self::Campaign,
        Self::Channel,
        Self::Area,
        Self::Segment,
        Self::Group,
        Self::Carrier,
        Self::Account,
        Self::Message,
        Self::Reason,
    ];

    /// The name in addresses, files and the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Campaign => "campaign",
            Self::Channel => "channel",
            Self::Area => "area",
            Self::Segment => "segment",
            Self::Group => "group",
            Self::Carrier => "carrier",
            Self::Account => "account",
            Self::Message => "message",
            Self::Reason => "reason",
        }
    }

    /// The cut of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cut| cut.name() == name)
    }

    /// What stands over its lines, and over their names; `wards`: places are told apart by ward.
    pub fn title(self, wards: bool) -> (Phrase, Phrase) {
        match self {
            Self::Campaign => (phrase!("Theo chiến dịch", "By campaign"), phrase!("Chiến dịch", "Campaign")),
            Self::Channel => (phrase!("Theo kênh", "By channel"), phrase!("Kênh", "Channel")),
            Self::Area if wards => (phrase!("Theo xã, phường", "By ward"), phrase!("Xã, phường", "Ward")),
            Self::Area => (phrase!("Theo tỉnh, thành phố", "By province"), phrase!("Tỉnh, thành phố", "Province")),
            Self::Segment => (phrase!("Theo nhóm đối tượng", "By segment"), phrase!("Nhóm đối tượng", "Segment")),
            Self::Group => (phrase!("Theo nhóm trong danh sách hiện nay", "By group, as of today"), phrase!("Nhóm", "Group")),
            Self::Carrier => (phrase!("Theo nhà mạng", "By carrier"), phrase!("Nhà mạng", "Carrier")),
            Self::Account => (phrase!("Theo tài khoản gửi", "By account"), phrase!("Tài khoản", "Account")),
            Self::Message => (phrase!("Theo tin", "By message"), phrase!("Tin", "Message")),
            Self::Reason => (phrase!("Theo lý do", "By reason"), phrase!("Lý do", "Reason")),
        }
    }

    /// Whether everybody is in one line only, so that the lines' people add up to the total.
    pub const fn parts_people(self) -> bool {
        matches!(self, Self::Area | Self::Reason)
    }

    /// Whether every delivery is in one line only.
    pub const fn parts_deliveries(self) -> bool {
        !matches!(self, Self::Segment | Self::Group)
    }

    /// The statement that reads deliveries from the tallies, which change with the rows; none where these do not count by
    /// this. They count all places together.
    pub(super) const fn tallied(self) -> Option<&'static Sql> {
        match self {
            Self::Channel => Some(&TALLIES_BY_CHANNEL),
            Self::Account => Some(&TALLIES_BY_ACCOUNT),
            _ => None,
        }
    }
}

/// The place that such a number stands for; none: not known.
pub(super) fn place_of(number: i64) -> Option<String> {
    match number {
        100_000.. => Some(format!("{:05}", number - 100_000)),
        1_000.. => Some(format!("{:02}", number - 1_000)),
        _ => None,
    }
}

/// The number that a place's code is counted under: a ward's five digits, a province's two, else 0.
pub(super) fn place_number(code: &str) -> i64 {
    let number = || code.parse::<u32>().map_or(0, i64::from);
    match code.len() {
        5 => 100_000 + number(),
        2 => 1_000 + number(),
        _ => 0,
    }
}

macro_rules! tallies_by {
    ($key:expr) => {
        Sql::new(concat!(
            "SELECT CAST(",
            $key,
            " AS BIGINT), t.state, CAST(sum(t.n) AS BIGINT), CAST(sum(t.parts) AS BIGINT), CAST(sum(t.price) AS BIGINT)
             FROM :rows($1; run BIGINT) AS x JOIN tally t ON t.run = x.run
             GROUP BY CAST(",
            $key,
            " AS BIGINT), t.state HAVING sum(t.n) <> 0"
        ))
    };
}

static TALLIES_BY_CHANNEL: Sql = tallies_by!("t.channel");
static TALLIES_BY_ACCOUNT: Sql = tallies_by!("t.account");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_come_back() {
        for code in ["01", "00004", "32248"] {
            assert_eq!(place_of(place_number(code)).as_deref(), Some(code));
        }
        assert_eq!(place_number(""), 0);
        assert_eq!(place_of(0), None);
        assert_eq!(place_of(1_001).as_deref(), Some("01"));
        assert_eq!(place_of(100_004).as_deref(), Some("00004"));
        assert_eq!(place_of(132_248).as_deref(), Some("32248"));
    }
}
