//! An officer follows an order up on paper: the sheet goes out, the answer and the counts come back and are typed in with their scans.

use super::{
    kind,
    partner::{asked, look_at},
    section,
};

#[tokio::test(flavor = "multi_thread")]
async fn an_order_goes_out_on_paper_and_its_counts_are_typed_in() {
    let house = asked().await;
    let scan = house.office.dir().join("cong-van-den.pdf");
    std::fs::write(&scan, b"%PDF-1.7 made up").unwrap();
    let scan = scan.to_str().unwrap();
    let desk = house.desk(super::OFFICER).await;
    section(&desk, "Yêu cầu phối hợp").await;
    desk.sees("Chờ giao: 2").await;
    house.go(&desk, "/orders?outlet=viettel").await;
    desk.follow("Không đưa mã OTP").await;
    desk.follow("Phiếu yêu cầu để ký").await;
    desk.sees("Kính gửi: Viettel Hà Nội").await;
    look_at(&desk, "office-sheet").await;
    desk.follow("Tải tệp Word để ký").await;
    let (name, sheet) = desk.downloaded().await;
    assert!(kind(&name) == "docx" && sheet.starts_with(b"PK"), "{name}");
    desk.press("Đã gửi phiếu").await;
    desk.sees("Đã ghi nhận giao yêu cầu").await;
    desk.follow("Ghi câu trả lời").await;
    desk.choose("Tiếp nhận").await;
    desk.fill("Bản quét văn bản trả lời", scan).await;
    desk.press("Ghi câu trả lời").await;
    desk.sees("Đã ghi câu trả lời").await;

    desk.follow("Nhập báo cáo").await;
    desk.fill("Bản quét báo cáo", scan).await;
    desk.fill("Thành phố Hà Nội, vòng 1: Thuê bao mục tiêu", "1.000").await;
    desk.fill("Thành phố Hà Nội, vòng 1: Đã gửi", "1.100").await;
    desk.press("Nhận báo cáo").await;
    desk.sees("Chưa nhận được báo cáo").await;
    look_at(&desk, "office-mistakes").await;
    desk.fill("Thành phố Hà Nội, vòng 1: Đã gửi", "950").await;
    desk.fill("Thành phố Hà Nội, vòng 1: Thành công", "900").await;
    desk.press("Nhận báo cáo").await;
    desk.sees("Đã nhận báo cáo số 1").await;
    desk.sees("cong-van-den.pdf").await;
    look_at(&desk, "office-reported").await;
    assert_eq!(house.office.number("SELECT sum(delivered) FROM relay_count").await, 900);
    // Its run is no dead end: it says where the text went.
    house.go(&desk, "/runs/1").await;
    desk.sees("không gửi cho ai trong danh sách").await;
    desk.sees("Số thuê bao do nhà mạng báo cáo").await;
    look_at(&desk, "office-run").await;
    // Of the school nothing came.
    house.go(&desk, "/runs/1/orders").await;
    desk.sees("Trường THCS Mẫu").await;
    house.close();
}
