//! Where one can go: the sections beside every page, each for those who may read it.

use super::view::Entry;
use crate::{user::Right, words::Lang};

/// A section: its address, what it is called in Vietnamese and English, and the right that opens it.
struct Section(&'static str, &'static str, &'static str, Option<Right>);

const SECTIONS: [Section; 19] = [
    Section("/", "Tổng quan", "Overview", None),
    Section("/warnings/new", "Cảnh báo khẩn", "Urgent warning", Some(Right::WriteCampaigns)),
    Section("/bulletins", "Bản tin cảnh báo", "Bulletins", Some(Right::ReadCampaigns)),
    Section("/campaigns", "Chiến dịch", "Campaigns", Some(Right::ReadCampaigns)),
    Section("/approvals", "Phê duyệt", "Approvals", Some(Right::ReadCampaigns)),
    Section("/runs", "Đợt gửi", "Runs", Some(Right::ReadCampaigns)),
    Section("/calendar", "Lịch gửi", "Calendar", Some(Right::ReadCampaigns)),
    Section("/audience", "Người nhận", "Audience", Some(Right::ReadAudience)),
    Section("/segments", "Đối tượng", "Segments", Some(Right::ReadAudience)),
    Section("/reach", "Kết quả tiếp cận", "Reach", Some(Right::ReadReach)),
    Section("/periods", "Kỳ báo cáo", "Periods", Some(Right::ReadReach)),
    Section("/reconcile", "Đối soát", "Reconciliation", Some(Right::ReadReach)),
    Section("/partner/orders", "Yêu cầu của đơn vị", "Our orders", Some(Right::AnswerOrders)),
    Section("/orders", "Yêu cầu phối hợp", "Orders", Some(Right::ReadOrders)),
    Section("/outlets", "Đơn vị phối hợp", "Outlets", Some(Right::ReadOrders)),
    Section("/accounts", "Cổng và tài khoản gửi", "Gateways and accounts", Some(Right::ReadAccounts)),
    Section("/users", "Người dùng", "Users", Some(Right::ManageUsers)),
    Section("/departments", "Đơn vị", "Departments", Some(Right::ManageUsers)),
    Section("/audit", "Nhật ký", "Audit", Some(Right::ReadAudit)),
];

/// Whether somebody with these rights acts for an outlet, and nothing of the office is theirs.
pub fn is_partner_alone(may: impl Fn(Right) -> bool) -> bool {
    Right::ALL.into_iter().all(|right| may(right) == (right == Right::AnswerOrders))
}

/// The sections that somebody with these rights may open; the one that `path` lies in is where they are.
pub fn entries(may: impl Fn(Right) -> bool, path: &str, lang: Lang) -> Vec<Entry> {
    let lies_in = |href: &str| href == path || (href != "/" && path.strip_prefix(href).is_some_and(|rest| rest.starts_with('/')));
    // Who answers orders alone has an overview of those.
    let alone = is_partner_alone(&may);
    let open = SECTIONS.iter().filter(|Section(_, _, _, right)| right.map_or(!alone, &may));
    open.map(|Section(href, vi, en, _)| Entry { href, label: lang.pick(vi, en), current: lies_in(href) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_follow_rights_and_show_where_one_is() {
        let of = |path| entries(|right| right == Right::ReadCampaigns, path, Lang::En);
        let labels: Vec<_> = of("/runs/12").into_iter().map(|entry| (entry.label, entry.current)).collect();
        assert_eq!(
            labels,
            [
                ("Overview", false),
                ("Bulletins", false),
                ("Campaigns", false),
                ("Approvals", false),
                ("Runs", true),
                ("Calendar", false)
            ]
        );
        assert!(of("/").iter().all(|entry| entry.current == (entry.href == "/")));
        assert!(of("/runsome").iter().all(|entry| !entry.current));
        let partner = entries(|right| right == Right::AnswerOrders, "/partner/orders/loa-1", Lang::En);
        assert_eq!(partner.into_iter().map(|entry| (entry.href, entry.current)).collect::<Vec<_>>(), [("/partner/orders", true)]);
    }
}
