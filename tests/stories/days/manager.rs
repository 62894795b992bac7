//! A manager's day: whom the campaigns reached, whom not and why, files for the report, and a period that is closed.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;

use super::{House, MANAGER, kind, section};

/// How many pages a PDF has.
fn pages(printed: &str) -> usize {
    let file = STANDARD.decode(printed).unwrap();
    let text = String::from_utf8_lossy(&file);
    text.matches("/Type /Page").count() - text.matches("/Type /Pages").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manager_reads_exports_and_closes() {
    let house = House::open(200, 200).await;
    house.office.loa(&["approve", "ma-otp", "--by", "Lê Văn Duyệt"]);
    house.office.loa(&["send", "ma-otp"]);
    house
        .office
        .until(
            "everything is sent",
            "SELECT (SELECT count(*) FROM delivery) > 0 AND (SELECT count(*) FROM delivery WHERE state IN (0, 1, 2)) = 0",
        )
        .await;
    house.office.until("receipts came", "SELECT count(*) = 0 FROM delivery WHERE state = 3 AND price > 0").await;
    let confirmed = house.office.number("SELECT count(DISTINCT id >> 4) FROM delivery WHERE state IN (5, 6)").await;
    let desk = house.desk(MANAGER).await;
    section(&desk, "Kết quả tiếp cận").await;
    desk.sees_in_time("Đếm lúc").await;
    desk.sees("Có xác nhận").await;
    // The last receipts may have come after these figures were counted: they are counted again within seconds.
    desk.sees_in_time(&confirmed.to_string()).await;
    desk.sees("Ai chưa được tiếp cận, vì sao").await;

    desk.follow("Excel (.xlsx)").await;
    let (name, bytes) = desk.downloaded().await;
    assert!(kind(&name) == "xlsx" && bytes.starts_with(b"PK"), "{name}");
    desk.follow("Word (.docx)").await;
    let (name, bytes) = desk.downloaded().await;
    assert!(kind(&name) == "docx" && bytes.starts_with(b"PK"), "{name}");
    desk.follow("CSV").await;
    let (name, bytes) = desk.downloaded().await;
    assert!(kind(&name) == "csv" && String::from_utf8_lossy(&bytes).contains(&confirmed.to_string()), "{name}");

    // One page to sign, on one page.
    desk.follow("Trang trả lời để ký").await;
    desk.sees("CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM").await;
    desk.sees("Người lập biểu").await;
    let printed = desk.tools("Page.printToPDF", json!({ "preferCSSPageSize": true })).await;
    assert_eq!(pages(printed["data"].as_str().unwrap_or_default()), 1);

    // The period before this one is over: it can be closed.
    section(&desk, "Kỳ báo cáo").await;
    desk.follow_in_row("Chưa chốt").await;
    desk.sees_in_time("Số liệu sẽ chốt").await;
    desk.press("Chốt số liệu kỳ này").await;
    desk.sees("Mã kiểm tra").await;
    desk.sees("Phạm Thị Xem").await;
    house.close();
}
