//! An approver's day, on a phone on which no script runs: a campaign written by form comes, is returned with a comment, comes again,
//! and is approved.

use super::{APPROVER, House, OFFICER, approve, section};
use crate::helpers::browser::Role;

#[tokio::test(flavor = "multi_thread")]
async fn an_approver_returns_a_campaign_and_approves_it_when_it_is_better() {
    let house = House::open(60, 200).await;
    let desk = house.desk(OFFICER).await;
    let phone = house.phone(APPROVER).await;

    house.go(&desk, "/campaigns/new").await;
    desk.fill("Tên gọi", "Nhắc mật khẩu mạnh").await;
    desk.fill("Đơn vị chủ trì", "Sở Văn hóa, Thể thao và Du lịch").await;
    desk.choose("Người cao tuổi").await;
    desk.pick("Ưu tiên 1", "SMS").await;
    if !desk.has(Role::Field, "Mã tin").await {
        desk.press("Thêm tin").await;
    }
    desk.fill("Mã tin", "mat-khau").await;
    if !desk.has(Role::Field, "Lời SMS").await {
        desk.unfold("SMS").await;
    }
    desk.fill("Lời SMS", "So VHTTDL: Hay dung mat khau dai. Hoi 156.").await;
    desk.press("Lưu").await;
    desk.sees("Gửi phê duyệt").await;
    desk.fill("Nhắn người phê duyệt", "Cho tuần này").await;
    desk.press("Gửi phê duyệt").await;
    desk.sees("Chờ phê duyệt").await;

    section(&phone, "Phê duyệt").await;
    phone.follow("Nhắc mật khẩu mạnh").await;
    phone.sees("Cho tuần này").await;
    assert_eq!(phone.sticks_out().await, Vec::<String>::new());
    // axe-core is a script itself.
    phone.scripts(true).await;
    assert_eq!(phone.axe().await, Vec::<String>::new());
    phone.scripts(false).await;
    phone.press("Trả lại để sửa").await;
    phone.sees("Ý kiến").await;
    phone.fill("Ý kiến (bắt buộc khi trả lại)", "Nêu rõ dài là mấy ký tự").await;
    phone.press("Trả lại để sửa").await;
    phone.sees("Trả lại").await;

    desk.sees_in_time("Nêu rõ dài là mấy ký tự").await;
    desk.follow("Sửa").await;
    if !desk.has(Role::Field, "Lời SMS").await {
        desk.unfold("SMS").await;
    }
    desk.fill("Lời SMS", "So VHTTDL: Hay dung mat khau tu 12 ky tu. Hoi 156.").await;
    desk.press("Lưu").await;
    desk.sees("Gửi phê duyệt").await;
    desk.press("Gửi phê duyệt").await;
    desk.sees("Chờ phê duyệt").await;

    approve(&house, &phone, "Nhắc mật khẩu mạnh", "Tốt").await;
    desk.sees_in_time("Đang áp dụng").await;
    house.close();
}
