//! An officer's day: a second factor, an urgent warning from a pattern to its last receipt, the big stop, and a correction.

use loa::{
    clock::Clock,
    user::second_factor::{Key, step_of},
};

use super::{APPROVER, House, OFFICER, approve, section};
use crate::helpers::{
    browser::{Browser, Role},
    office::Office,
};

#[tokio::test(flavor = "multi_thread")]
async fn an_officer_signs_in_with_a_code_of_the_phone() {
    let house = House::open(10, 200).await;
    let desk = house.desk(OFFICER).await;
    desk.follow("Trần Thị Soạn").await;
    desk.follow("Bật xác thực hai lớp").await;
    let key = desk.evaluate("return document.querySelector('main code').textContent", serde_json::json!([])).await;
    let key = Key::read(key.as_str().unwrap()).unwrap();
    let step = || step_of(Clock::system().millis());
    desk.fill("Mã 6 số đang hiện trên ứng dụng", "000000").await;
    desk.press("Bật xác thực hai lớp").await;
    desk.sees("Chưa thực hiện được").await;
    desk.fill("Mã 6 số đang hiện trên ứng dụng", &key.code(step())).await;
    desk.press("Bật xác thực hai lớp").await;
    desk.sees("Mã khôi phục của bạn").await;
    desk.follow("Tôi đã cất các mã này").await;
    desk.press("Đăng xuất").await;

    let again = Browser::open().await;
    house.go(&again, "/runs").await;
    again.fill("Địa chỉ e-mail", OFFICER).await;
    again.fill("Mật khẩu", &Office::password(OFFICER)).await;
    again.press("Đăng nhập").await;
    again.sees("Mã xác thực").await;
    assert_eq!(again.axe().await, Vec::<String>::new());
    assert_eq!(again.tab_walk().await, Vec::<String>::new());
    // A code counts once: the one that set the factor up is gone.
    again.fill("Mã 6 số trên ứng dụng xác thực", &key.code(step() + 1)).await;
    again.press("Tiếp tục").await;
    again.sees("Đăng xuất").await;
    assert_eq!(again.path().await, "/runs", "where they wanted to go");
    house.close();
}

/// Those who got the first run's text, or may have got it.
const GOT: &str = "SELECT count(*) FROM delivery WHERE run = 1 AND state IN (2, 3, 4, 5, 6, 10)";

/// How many messages the stand-ins took.
fn taken(house: &House) -> usize {
    house.office.stand_ins.taken().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_officer_warns_stops_goes_on_and_corrects() {
    let house = House::open(400, 25).await;
    let desk = house.desk(OFFICER).await;
    let phone = house.phone(APPROVER).await;

    // Three steps and one approval.
    section(&desk, "Cảnh báo khẩn").await;
    desk.choose("Sàn đầu tư, tiền ảo lãi cao").await;
    desk.press("Tiếp tục").await;
    desk.fill("Sàn hoặc hình thức đầu tư", "").await;
    desk.press("Xem trước và ước tính").await;
    desk.sees("Cần sửa trước khi tiếp tục").await;
    desk.fill("Sàn hoặc hình thức đầu tư", "san vang ao").await;
    desk.press("Xem trước và ước tính").await;
    desk.sees("Ước tính nếu gửi bây giờ").await;
    desk.sees("san vang ao").await;
    desk.fill("Nhắn người duyệt", "Ba vụ trong sáng nay").await;
    desk.press("Gửi duyệt; duyệt xong gửi ngay").await;
    desk.sees("Chờ phê duyệt").await;
    approve(&house, &phone, "Cảnh báo: sàn đầu tư lãi cao lừa đảo", "").await;
    desk.sees_in_time("chuyện gì đã xảy ra").await;

    // Live, without loading the page again.
    desk.follow("đợt 1").await;
    house.office.until("some of it is sent", "SELECT count(*) > 20 FROM delivery WHERE state > 1").await;
    let before = desk.text().await;
    desk.changes(&before).await;

    // The big stop: whatever was on its way when the page says so is all that still comes.
    desk.follow("Dừng gửi").await;
    desk.press("DỪNG TẤT CẢ").await;
    desk.sees("Đang tạm dừng").await;
    house.office.until("nothing is on its way", "SELECT count(*) = 0 FROM delivery WHERE state = 1").await;
    let stopped = taken(&house);
    let waiting = house.office.number("SELECT count(*) FROM delivery WHERE state = 0").await;
    assert!(waiting > 0, "it was stopped in the middle");
    house.go(&desk, "/runs").await;
    desk.sees("Tạm dừng").await;
    assert_eq!((taken(&house), house.office.number("SELECT count(*) FROM delivery WHERE state = 0").await), (stopped, waiting));

    house.go(&desk, "/stop").await;
    desk.choose("Đợt 1").await;
    desk.press("Cho các đợt đã chọn gửi tiếp").await;
    house.office.until("all of it is sent", "SELECT count(*) = 0 FROM delivery WHERE state IN (0, 1, 2)").await;
    house.office.until("the run is over", "SELECT state = 2 FROM run WHERE id = 1").await;

    // Exactly those who got it, or may have got it, are told that it was wrong.
    let got = house.office.number(GOT).await;
    house.go(&desk, "/runs/1").await;
    desk.follow("Đính chính…").await;
    if !desk.has(Role::Field, "Tin nhắn SMS").await {
        desk.unfold("Lời nhắn").await;
    }
    desk.fill("Tin nhắn SMS", "So VHTTDL DINH CHINH: tin truoc ve san vang co noi dung chua dung, xin bo qua. Hoi 156.").await;
    if desk.has(Role::Field, "Nội dung thư (Markdown)").await {
        desk.fill("Nội dung thư (Markdown)", "Thư trước về sàn vàng có nội dung chưa đúng, xin bỏ qua. Hỏi 156.").await;
    }
    desk.press("Xem trước và ước tính").await;
    desk.sees("Ước tính nếu gửi bây giờ").await;
    desk.press("Gửi duyệt; duyệt xong gửi ngay").await;
    approve(&house, &phone, "Đính chính: Cảnh báo: sàn đầu tư lãi cao lừa đảo", "").await;
    house.office.until("the correction is made", "SELECT count(*) = 2 FROM run").await;
    house
        .office
        .until(
            "the correction is sent",
            "SELECT count(*) > 0 AND sum(CASE WHEN state IN (0, 1, 2) THEN 1 ELSE 0 END) = 0 FROM delivery WHERE run = 2",
        )
        .await;
    assert_eq!(house.office.number("SELECT count(*) FROM delivery WHERE run = 2").await, got);
    house.close();
}
