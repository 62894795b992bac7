//! A partner's day: a carrier's clerk at a desk takes an order, answers and reports; a school's on a phone without script confirms with a
//! photo. Every page of theirs is looked at in both themes, on a phone and on a desk.

use loa::sandbox::Behaviour;

use super::House;
use crate::helpers::{
    browser::{Browser, Role, Theme, WIDTHS},
    office::Office,
};

const CARRIER: &str = "truc-viettel@example.vn";
const SCHOOL: &str = "van-thu@example.vn";

/// One text for carriers, another for schools.
const ASKS: &str = r#"title = "Không đưa mã OTP cho ai, qua nhà mạng và nhà trường"
kind = "awareness"
owner = "Sở Văn hóa, Thể thao và Du lịch"
basis = { number = "12/UBND-VX", date = 2026-10-01, authority = "UBND thành phố", document = "van-ban-dien-tap.pdf" }

[channels]
use = ["relay"]

[relay]
partners = ["viettel"]
kinds    = ["school"]
sender   = "SO VHTTDL"
areas    = ["01"]
audience = "Mọi thuê bao, học sinh và phụ huynh trên địa bàn"
sms      = "So VHTTDL: Khong doc ma OTP cho bat ky ai. Bao tin lua dao: 156 hoac 5656."
material = "Nhắc học sinh và phụ huynh trong giờ chào cờ: không đọc mã OTP cho bất kỳ ai."
rounds   = 1
payment  = "free"
"#;

/// An office whose run has asked a carrier and a school.
pub(super) async fn asked() -> House {
    let mut office = Office::prepare(Behaviour::default()).await;
    std::fs::write(office.dir().join("campaigns/qua-don-vi.toml"), ASKS).unwrap();
    office.outlet("viettel", "Viettel Hà Nội", "carrier");
    office.outlet("truong-mau", "Trường THCS Mẫu", "school");
    office.user(super::OFFICER, "Trần Thị Soạn", &["officer"]);
    office.partner(CARRIER, "Nguyễn Văn Trực", "viettel");
    office.partner(SCHOOL, "Lê Thị Văn Thư", "truong-mau");
    office.serve();
    office.loa(&["approve", "qua-don-vi", "--by", "Lê Văn Duyệt"]);
    office.loa(&["send", "qua-don-vi"]);
    office.until("both are asked", "SELECT count(*) = 2 FROM relay_order WHERE state = 1").await;
    House { office }
}

/// Looks at the page that is open, in every way.
pub(super) async fn look_at(browser: &Browser, name: &str) {
    let mut wrong = Vec::new();
    for width in WIDTHS {
        for theme in Theme::ALL {
            browser.look(width, theme).await;
            browser.shoot(&format!("partner-{name}-{}-{width}", theme.name())).await;
            wrong.extend(browser.axe().await.into_iter().map(|one| format!("{} {width}: {one}", theme.name())));
        }
    }
    browser.look(320, Theme::Light).await;
    wrong.extend(browser.sticks_out().await);
    browser.look(WIDTHS[1], Theme::Light).await;
    wrong.extend(browser.tab_walk().await);
    assert!(wrong.is_empty(), "{name}:\n{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_carriers_clerk_takes_an_order_and_reports_at_a_desk() {
    let house = asked().await;
    let desk = house.desk(CARRIER).await;
    assert_eq!(desk.path().await, "/partner/orders", "that is where their day begins");
    desk.sees("Mới, chờ trả lời").await;
    assert!(!desk.has(Role::Link, "Chiến dịch").await && !desk.has(Role::Link, "Hộp việc").await);
    look_at(&desk, "list").await;
    desk.follow("Không đưa mã OTP").await;
    desk.sees("Nhận và xem nội dung").await;
    look_at(&desk, "before").await;
    desk.press("Nhận và xem nội dung").await;
    desk.sees("gửi đúng nguyên văn").await;
    desk.sees("SHA-256").await;
    look_at(&desk, "opened").await;
    desk.follow("Văn bản CAP").await;
    let (name, document) = desk.downloaded().await;
    assert!(super::kind(&name) == "xml" && String::from_utf8_lossy(&document).contains("loa:smsSha256"), "{name}");
    desk.follow("Phiếu yêu cầu").await;
    let (name, sheet) = desk.downloaded().await;
    assert!(super::kind(&name) == "docx" && sheet.starts_with(b"PK"), "{name}");
    desk.press("Tiếp nhận").await;
    desk.sees("Đã tiếp nhận yêu cầu").await;
    desk.press("Bắt đầu thực hiện").await;
    desk.sees("đơn vị đang thực hiện").await;
    desk.follow("Báo cáo số liệu").await;
    desk.sees("Số liệu là lũy kế").await;
    look_at(&desk, "report").await;
    desk.fill("Thành phố Hà Nội, vòng 1: Thuê bao mục tiêu", "1.000").await;
    desk.fill("Thành phố Hà Nội, vòng 1: Đã gửi", "1.100").await;
    desk.press("Gửi báo cáo").await;
    desk.sees("Chưa nhận được báo cáo").await;
    look_at(&desk, "mistakes").await;
    desk.fill("Thành phố Hà Nội, vòng 1: Đã gửi", "950").await;
    desk.fill("Thành phố Hà Nội, vòng 1: Thành công", "900").await;
    desk.choose("Đây là báo cáo cuối cùng").await;
    desk.press("Gửi báo cáo").await;
    desk.sees("Đã nhận báo cáo cuối cùng").await;
    look_at(&desk, "reported").await;
    assert_eq!(house.office.number("SELECT sum(delivered) FROM relay_count").await, 900);
    house.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schools_clerk_confirms_on_a_phone_without_script() {
    let house = asked().await;
    let photo = house.office.dir().join("chao-co.jpg");
    std::fs::write(&photo, b"\xff\xd8\xff made up").unwrap();
    let phone = house.phone(SCHOOL).await;
    phone.follow("Không đưa mã OTP").await;
    phone.press("Nhận và xem nội dung").await;
    phone.sees("Nội dung phổ biến").await;
    phone.sees("Xác nhận đã triển khai").await;
    phone.fill("Minh chứng", &photo.display().to_string()).await;
    phone.fill("Số người cần phổ biến", "620").await;
    phone.fill("Số người đã phổ biến", "604").await;
    phone.fill("Hình thức đã làm", "Chào cờ thứ Hai, nhóm Zalo phụ huynh").await;
    phone.press("Xác nhận đã triển khai").await;
    phone.sees("Cảm ơn đơn vị").await;
    phone.sees("604").await;
    phone.sees("Tải về").await;
    assert_eq!(house.office.number("SELECT count(*) FROM relay_order WHERE state = 7").await, 1);
    phone.scripts(true).await;
    house.go(&phone, "/partner/orders").await;
    phone.sees("Đã xong").await;
    look_at(&phone, "done").await;
    house.close();
}
