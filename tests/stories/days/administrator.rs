//! An administrator's day: somebody is invited, sets a password, and is kept out again; the record says all of it.

use super::{ADMINISTRATOR, House, kind, section};
use crate::helpers::browser::Browser;

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
    new.sees("Đỗ Thị Mới").await;
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
