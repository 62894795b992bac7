//! Roles, and the rights that they give. A person may have several roles; rights add up.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{phrase, words::Phrase};

/// What somebody is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Writes campaigns, keeps the list, runs and stops.
    Officer,
    /// Approves what another wrote.
    Approver,
    /// Reads figures, closes periods.
    Manager,
    /// A carrier or outlet: its own relay orders.
    Partner,
    /// Users, accounts, the audit.
    Administrator,
}

/// One thing that somebody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// See campaigns, their runs and the calendar.
    ReadCampaigns,
    /// Write them, and ask for approval.
    WriteCampaigns,
    /// Approve what another wrote.
    Approve,
    /// Start, pause, resume, abort, retry.
    Run,
    /// The big stop.
    Stop,
    /// The list, masked.
    ReadAudience,
    /// Import, segments, opt-outs.
    WriteAudience,
    /// One person's page.
    ReadPerson,
    /// Figures.
    ReadReach,
    /// Close a period's figures.
    ClosePeriods,
    /// How gateways and accounts stand.
    ReadAccounts,
    /// Test sends, pausing an account.
    ActOnAccounts,
    /// Users, their roles and departments.
    ManageUsers,
    /// Who did what.
    ReadAudit,
    /// Relay orders, what outlets answered and counted, and the outlets.
    ReadOrders,
    /// Hand orders over, follow them up, type in what came on paper.
    WriteOrders,
    /// Take, refuse and report on the orders of one's own outlet, and on no other's.
    AnswerOrders,
    /// Outlets: who passes texts on, where orders go and who answers for it.
    ManageOutlets,
}

impl Role {
    /// All of them, in the order in which pages list them.
    pub const ALL: [Self; 5] = [Self::Officer, Self::Approver, Self::Manager, Self::Partner, Self::Administrator];

    /// Its name in commands, files and the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Officer => "officer",
            Self::Approver => "approver",
            Self::Manager => "manager",
            Self::Partner => "partner",
            Self::Administrator => "administrator",
        }
    }

    /// The role of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    /// What people call it.
    pub fn label(self) -> Phrase {
        match self {
            Self::Officer => phrase!("Cán bộ soạn tin", "Officer"),
            Self::Approver => phrase!("Người phê duyệt", "Approver"),
            Self::Manager => phrase!("Lãnh đạo", "Manager"),
            Self::Partner => phrase!("Đơn vị phối hợp", "Partner"),
            Self::Administrator => phrase!("Quản trị hệ thống", "Administrator"),
        }
    }

    /// What it is for.
    pub fn about(self) -> Phrase {
        match self {
            Self::Officer => phrase!(
                "Soạn chiến dịch, quản lý danh sách người nhận, cho gửi và dừng gửi",
                "Writes campaigns, keeps the list of recipients, sends and stops"
            ),
            Self::Approver => {
                phrase!(
                    "Phê duyệt nội dung do người khác soạn, cho gửi và dừng gửi",
                    "Approves what another wrote, sends and stops"
                )
            }
            Self::Manager => phrase!("Xem số liệu, chốt số liệu theo kỳ", "Reads figures, closes periods"),
            Self::Partner => {
                phrase!("Xem và báo cáo các yêu cầu gửi cho đơn vị mình", "Sees and reports on its own relay orders")
            }
            Self::Administrator => {
                phrase!("Quản lý người dùng, tài khoản gửi và nhật ký", "Manages users, sending accounts and the audit")
            }
        }
    }

    /// What it may do.
    pub const fn rights(self) -> Rights {
        use Right::{
            ActOnAccounts, AnswerOrders, Approve, ClosePeriods, ManageOutlets, ManageUsers, ReadAccounts, ReadAudience,
            ReadAudit, ReadCampaigns, ReadOrders, ReadPerson, ReadReach, Run, Stop, WriteAudience, WriteCampaigns, WriteOrders,
        };
        match self {
            Self::Officer => Rights::of(&[
                ReadCampaigns,
                WriteCampaigns,
                Run,
                Stop,
                ReadAudience,
                WriteAudience,
                ReadPerson,
                ReadReach,
                ReadAccounts,
                ReadOrders,
                WriteOrders,
                ManageOutlets,
            ]),
            Self::Approver => Rights::of(&[ReadCampaigns, Approve, Run, Stop, ReadReach, ReadAccounts, ReadOrders]),
            Self::Manager => Rights::of(&[ReadCampaigns, ReadReach, ClosePeriods, ReadAccounts, ReadOrders]),
            Self::Partner => Rights::of(&[AnswerOrders]),
            Self::Administrator => Rights::of(&[
                ManageUsers,
                ReadAudit,
                ReadAccounts,
                ActOnAccounts,
                ReadCampaigns,
                ReadReach,
                ReadOrders,
                ManageOutlets,
            ]),
        }
    }
}

impl Right {
    /// All of them, in the order of their bits: a new one is added at the end.
    pub const ALL: [Self; 18] = [
        Self::ReadCampaigns,
        Self::WriteCampaigns,
        Self::Approve,
        Self::Run,
        Self::Stop,
        Self::ReadAudience,
        Self::WriteAudience,
        Self::ReadPerson,
        Self::ReadReach,
        Self::ClosePeriods,
        Self::ReadAccounts,
        Self::ActOnAccounts,
        Self::ManageUsers,
        Self::ReadAudit,
        Self::ReadOrders,
        Self::WriteOrders,
        Self::AnswerOrders,
        Self::ManageOutlets,
    ];

    /// Its name in the API and in an API token's scopes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReadCampaigns => "read_campaigns",
            Self::WriteCampaigns => "write_campaigns",
            Self::Approve => "approve",
            Self::Run => "run",
            Self::Stop => "stop",
            Self::ReadAudience => "read_audience",
            Self::WriteAudience => "write_audience",
            Self::ReadPerson => "read_person",
            Self::ReadReach => "read_reach",
            Self::ClosePeriods => "close_periods",
            Self::ReadAccounts => "read_accounts",
            Self::ActOnAccounts => "act_on_accounts",
            Self::ManageUsers => "manage_users",
            Self::ReadAudit => "read_audit",
            Self::ReadOrders => "read_orders",
            Self::WriteOrders => "write_orders",
            Self::AnswerOrders => "answer_orders",
            Self::ManageOutlets => "manage_outlets",
        }
    }

    /// The right of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|right| right.name() == name)
    }

    /// What people call it.
    pub fn label(self) -> Phrase {
        match self {
            Self::ReadCampaigns => phrase!("Xem chiến dịch và đợt gửi", "See campaigns and runs"),
            Self::WriteCampaigns => phrase!("Soạn chiến dịch", "Write campaigns"),
            Self::Approve => phrase!("Phê duyệt", "Approve"),
            Self::Run => phrase!("Cho gửi, tạm dừng, gửi tiếp, dừng hẳn", "Start, pause, resume, abort runs"),
            Self::Stop => phrase!("Dừng khẩn cấp tất cả", "Stop everything"),
            Self::ReadAudience => phrase!("Xem danh sách người nhận (che số)", "See the list of recipients (masked)"),
            Self::WriteAudience => phrase!("Nhập và sửa danh sách người nhận", "Import and change the list of recipients"),
            Self::ReadPerson => phrase!("Xem thông tin của một người", "See one person's page"),
            Self::ReadReach => phrase!("Xem số liệu tiếp cận", "Read figures"),
            Self::ClosePeriods => phrase!("Chốt số liệu", "Close periods"),
            Self::ReadAccounts => phrase!("Xem tài khoản gửi", "See sending accounts"),
            Self::ActOnAccounts => phrase!("Gửi thử, tạm dừng tài khoản gửi", "Test and pause sending accounts"),
            Self::ManageUsers => phrase!("Quản lý người dùng", "Manage users"),
            Self::ReadAudit => phrase!("Xem nhật ký hoạt động", "Read the audit"),
            Self::ReadOrders => phrase!("Xem yêu cầu phối hợp", "See relay orders"),
            Self::WriteOrders => {
                phrase!("Giao, thu hồi yêu cầu; nhập báo cáo bản giấy", "Hand over and follow up orders, type in reports")
            }
            Self::AnswerOrders => phrase!("Tiếp nhận, báo cáo yêu cầu của đơn vị mình", "Answer and report on one's own orders"),
            Self::ManageOutlets => phrase!("Quản lý đơn vị phối hợp", "Manage outlets"),
        }
    }

    const fn bit(self) -> i64 {
        1 << self as i64
    }
}

/// A set of rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rights(i64);

impl Rights {
    /// None at all.
    pub const NONE: Self = Self(0);

    const fn of(rights: &[Right]) -> Self {
        let (mut bits, mut at) = (0, 0);
        while at < rights.len() {
            bits |= rights[at].bit();
            at += 1;
        }
        Self(bits)
    }

    /// Whether this one is among them.
    pub const fn has(self, right: Right) -> bool {
        self.0 & right.bit() != 0
    }

    /// Those that are in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = Right> {
        Right::ALL.into_iter().filter(move |right| self.has(*right))
    }

    /// As they are stored.
    pub const fn bits(self) -> i64 {
        self.0
    }

    /// As they were stored.
    pub const fn from_bits(bits: i64) -> Self {
        Self(bits)
    }
}

impl FromIterator<Right> for Rights {
    fn from_iter<I: IntoIterator<Item = Right>>(rights: I) -> Self {
        Self(rights.into_iter().fold(0, |bits, right| bits | right.bit()))
    }
}

/// A set of roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Roles(i64);

impl Roles {
    /// Whether this one is among them.
    pub const fn has(self, role: Role) -> bool {
        self.0 & (1 << role as i64) != 0
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL.into_iter().filter(move |role| self.has(*role))
    }

    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// What they allow together.
    pub fn rights(self) -> Rights {
        self.iter().fold(Rights::NONE, |all, role| Rights(all.0 | role.rights().0))
    }

    /// Their names.
    pub fn names(self) -> Vec<&'static str> {
        self.iter().map(Role::name).collect()
    }

    /// As they are stored.
    pub const fn bits(self) -> i64 {
        self.0
    }

    /// As they were stored.
    pub const fn from_bits(bits: i64) -> Self {
        Self(bits)
    }
}

impl FromIterator<Role> for Roles {
    fn from_iter<I: IntoIterator<Item = Role>>(roles: I) -> Self {
        Self(roles.into_iter().fold(0, |bits, role| bits | (1 << role as i64)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_approves_does_not_write_and_an_administrator_does_neither() {
        for role in Role::ALL {
            let rights = role.rights();
            assert!(!(rights.has(Right::Approve) && rights.has(Right::WriteCampaigns)), "{role:?}");
        }
        let administrator = Role::Administrator.rights();
        assert!(!administrator.has(Right::Approve) && !administrator.has(Right::ReadPerson));
        let partner = Role::Partner.rights();
        assert!(Right::ALL.into_iter().all(|right| partner.has(right) == (right == Right::AnswerOrders)));
    }

    #[test]
    fn rights_add_up_and_survive_storage() {
        let roles: Roles = [Role::Officer, Role::Approver].into_iter().collect();
        assert_eq!(Roles::from_bits(roles.bits()).names(), ["officer", "approver"]);
        assert!(roles.rights().has(Right::Approve) && roles.rights().has(Right::WriteCampaigns));
        let rights: Rights = Right::ALL.into_iter().collect();
        assert_eq!(rights.iter().count(), Right::ALL.len());
        for role in Role::ALL {
            assert_eq!(serde_json::to_value(role).unwrap(), role.name());
        }
        for right in Right::ALL {
            assert_eq!(Right::named(right.name()), Some(right));
            assert_eq!(serde_json::to_value(right).unwrap(), right.name());
            assert_eq!(Rights::from_bits(Rights::of(&[right]).bits()).iter().collect::<Vec<_>>(), [right]);
        }
    }
}
