//! What the sheet says in sentences, by what the outlet is and by what is asked of it.

use super::{Sheet, VI, moment};
use crate::{
    official,
    outlet::Kind,
    relay::{Order, Status, Step},
    words,
};

/// What the outlet is asked to do.
const fn task(kind: Kind) -> &'static str {
    match kind {
        Kind::Carrier => "nhắn tin đến thuê bao",
        Kind::Agency => "phổ biến đến cán bộ, công chức, viên chức, người lao động và người dân",
        Kind::School => "phổ biến đến giáo viên, học sinh, sinh viên và phụ huynh",
        Kind::Radio => "phát thanh",
        Kind::Press => "đăng, phát",
    }
}

/// What the letter is about, after `V/v`.
pub(super) fn about(order: &Order) -> String {
    let what = match order.step {
        Step::Alert => match order.outlet_kind {
            Kind::Carrier => "phối hợp nhắn tin",
            Kind::Agency | Kind::School => "phối hợp phổ biến",
            Kind::Radio => "phối hợp phát thanh",
            Kind::Press => "phối hợp đăng, phát",
        },
        Step::Update => "điều chỉnh yêu cầu phối hợp",
        Step::Cancel => "thu hồi yêu cầu phối hợp",
    };
    format!("{what}: {}", order.content.title)
}

pub(super) const fn banner(status: Status) -> Option<&'static str> {
    match status {
        Status::Actual => None,
        Status::Exercise => Some("DIỄN TẬP – KHÔNG GỬI ĐẾN THUÊ BAO, KHÔNG PHỔ BIẾN RA NGOÀI"),
        Status::Test => Some("THỬ KẾT NỐI – KHÔNG GỬI ĐẾN THUÊ BAO, KHÔNG PHỔ BIẾN RA NGOÀI"),
    }
}

/// A day as files have it, as a letter has it.
fn day(text: &str) -> String {
    text.parse::<chrono::NaiveDate>().map_or_else(|_| text.to_string(), |day| words::date(day, VI))
}

pub(super) fn opening(sheet: &Sheet<'_>) -> Vec<String> {
    let order = sheet.order;
    let mut said = Vec::new();
    if let Some(basis) = &order.content.basis {
        let signer = basis.signer.as_ref().map(|signer| format!(" ({signer} ký)")).unwrap_or_default();
        let authority = if basis.authority.is_empty() { String::new() } else { format!(" của {}", basis.authority) };
        said.push(format!("Căn cứ văn bản số {} ngày {}{authority}{signer};", basis.number, day(&basis.date)));
    }
    let (office, outlet) = (official::office_name(sheet.office), &order.outlet_title);
    let earlier = sheet.earlier.map(|earlier| earlier.identifier.as_str()).unwrap_or_default();
    said.push(match order.step {
        Step::Alert => {
            format!("{office} đề nghị {outlet} {} theo nội dung sau:", task(order.outlet_kind))
        }
        Step::Update => {
            format!("{office} đề nghị {outlet} thực hiện theo nội dung sau, thay cho yêu cầu {earlier} đã gửi:")
        }
        Step::Cancel => {
            format!("{office} thu hồi yêu cầu {earlier} và đề nghị {outlet} dừng thực hiện ngay khi nhận được văn bản này.")
        }
    });
    if !order.note.is_empty() {
        said.push(format!("Lý do: {}", order.note));
    }
    said
}

pub(super) fn closing(sheet: &Sheet<'_>) -> Vec<String> {
    let order = sheet.order;
    let ask = sheet.contact.map(|contact| format!(" Đầu mối liên hệ: {contact}.")).unwrap_or_default();
    if order.step == Step::Cancel {
        return vec![format!(
            "Phần đã thực hiện trước khi nhận được văn bản này vẫn được báo cáo theo yêu cầu trước. Đề nghị xác nhận đã dừng.{ask}"
        )];
    }
    let report = order.report_by.map(|by| format!(" trước {}", moment(by))).unwrap_or_default();
    let how = match order.outlet_kind {
        Kind::Carrier => {
            "Số liệu tính theo thuê bao, theo từng địa bàn và từng vòng, lũy kế đến thời điểm báo cáo, \
             không gồm thông tin cá nhân của thuê bao"
        }
        Kind::Agency | Kind::School | Kind::Radio | Kind::Press => {
            "Kèm minh chứng: ảnh, đường dẫn, bản ghi hoặc biên bản, không gồm thông tin cá nhân của người nghe, người đọc"
        }
    };
    vec![
        "Mỗi yêu cầu chỉ thực hiện một lần theo mã yêu cầu nêu trên, dù văn bản đến nhiều lần.".to_string(),
        format!("Đề nghị xác nhận tiếp nhận và báo cáo kết quả{report} theo mẫu dưới đây. {how}.{ask}"),
    ]
}

pub(super) fn recipients(order: &Order) -> Vec<String> {
    let mut to = vec!["Như trên".to_string()];
    let authority = order.content.basis.as_ref().map(|basis| basis.authority.trim()).filter(|authority| !authority.is_empty());
    to.extend(authority.map(|authority| format!("{authority} (để báo cáo)")));
    to
}

/// The columns that the outlet fills in; the first two are the area and the round.
pub(super) const fn columns(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Carrier => &["Địa bàn", "Vòng", "Thuê bao mục tiêu", "Đã gửi", "Thành công", "Thất bại", "Đang chờ", "Tin quy đổi"],
        Kind::Agency | Kind::School => {
            &["Địa bàn", "Vòng", "Số người cần phổ biến", "Số người đã phổ biến", "Ngày thực hiện", "Minh chứng"]
        }
        Kind::Radio | Kind::Press => {
            &["Địa bàn", "Vòng", "Số lần dự kiến", "Số lần đã phát, đăng", "Ngày thực hiện", "Minh chứng"]
        }
    }
}

/// What is said below the table.
pub(super) fn of_table(kind: Kind, cut: bool) -> String {
    let counted = match kind {
        Kind::Carrier => {
            "Thành công + thất bại + đang chờ ≤ đã gửi ≤ thuê bao mục tiêu. Không đếm được thì để trống, không ghi 0."
        }
        Kind::Agency | Kind::School | Kind::Radio | Kind::Press => "Không đếm được thì để trống, không ghi 0.",
    };
    let more = if cut { " Các dòng khác: theo bảng tính kèm theo." } else { "" };
    format!("{counted}{more}")
}
