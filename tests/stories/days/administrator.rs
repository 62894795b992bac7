//! An administrator's day: somebody is invited, sets a password, and is kept out again; an account is tried, paused and let go on; the
//! record says all of it.

use super::{ADMINISTRATOR, House, OFFICER, kind, section};
use crate::helpers::browser::{Browser, Role};

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_invites_and_locks_out_and_the_record_says_so() {
    let house = House::open(10, 200).await;
    let desk = house.desk(ADMINISTRATOR).await;
    section(&desk, "Người dùng").await;
    desk.follow("Thêm người dùng").await;
    desk.fill("Họ và tên", "Đỗ Thị Mới").await;
    desk.fill("Địa chỉ e-mail", "moi@example.vn").await;
    desk.choose("Cán bộ soạn tin").await;
    desk.choose("Mọi đơn vị").await;
    desk.press("Thêm và tạo đường dẫn mời").await;
    desk.sees("Đường dẫn cho Đỗ Thị Mới").await;
    let link = desk.evaluate("return document.querySelector('main code').textContent", serde_json::json!([])).await;
    let link = link.as_str().unwrap();
    let path = link.find("/invitation/").map(|at| &link[at..]).unwrap();

    let new = Browser::open().await;
    house.go(&new, path).await;
    new.sees("Chào").await;
    assert_eq!(new.axe().await, Vec::<String>::new());
    new.fill("Mật khẩu mới", "ngắn").await;
    new.fill("Nhập lại mật khẩu mới", "ngắn").await;
    new.press("Đặt mật khẩu").await;
    new.sees("Chưa đặt được mật khẩu").await;
    for field in ["Mật khẩu mới", "Nhập lại mật khẩu mới"] {
        new.fill(field, "con trâu đi trước cái cày").await;
    }
    new.press("Đặt mật khẩu").await;
    new.sees("Tổng quan").await;
    house.go(&new, "/users").await;
    assert_eq!(new.status().await, 403, "an officer manages no users");
    // The link is good once.
    let late = Browser::open().await;
    house.go(&late, path).await;
    assert!(!late.text().await.contains("Chào Đỗ Thị Mới"));

    section(&desk, "Người dùng").await;
    desk.follow("Đỗ Thị Mới").await;
    desk.press("Khóa").await;
    desk.sees("khóa").await;
    house.go(&new, "/").await;
    new.sees("Đăng nhập").await;

    section(&desk, "Nhật ký").await;
    desk.sees("moi@example.vn").await;
    desk.follow("Tải về .csv").await;
    let (name, bytes) = desk.downloaded().await;
    let record = String::from_utf8(bytes).unwrap();
    assert!(kind(&name) == "csv" && record.contains("user.add") && record.contains("moi@example.vn"), "{name}: {record}");
    house.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_tries_an_account_and_pauses_it_and_everybody_sees_why() {
    let house = House::open(10, 200).await;
    let desk = house.desk(ADMINISTRATOR).await;
    section(&desk, "Cổng và tài khoản gửi").await;
    assert_eq!(desk.axe().await, Vec::<String>::new());
    desk.follow("esms").await;
    desk.press("Thử kết nối").await;
    desk.sees("Các lần thử").await;
    desk.fill("Gửi tới", "không phải số").await;
    desk.press("Gửi thử").await;
    desk.sees("Cần sửa").await;
    desk.fill("Gửi tới", "0901234567").await;
    desk.press("Gửi thử").await;
    desk.sees("Cổng gửi đã nhận tin thử").await;
    assert!(!desk.text().await.contains("901234567"), "whose number it was stands nowhere");
    desk.fill("Lý do dừng", "đổi hợp đồng").await;
    desk.press("Dừng tài khoản này").await;
    desk.sees("Đã dừng tài khoản esms").await;
    assert_eq!(desk.axe().await, Vec::<String>::new());

    // An officer sees who paused it and why, and has no button to change it; the inbox tells of it by itself.
    let officer = house.desk(OFFICER).await;
    section(&officer, "Cổng và tài khoản gửi").await;
    officer.sees("Võ Văn Trị: đổi hợp đồng").await;
    officer.follow("esms").await;
    assert!(!officer.has(Role::Button, "Cho gửi tiếp").await);

    desk.press("Cho gửi tiếp").await;
    desk.sees("Tài khoản esms gửi tiếp").await;
    section(&desk, "Nhật ký").await;
    desk.sees("đổi hợp đồng").await;
    house.close();
}
