//! A workbook to fill in: an order's areas and rounds, with what was reported last, since reports are cumulative. It is read back by
//! [`super::read`].
//!
//! Codes are text and locked, so that no zero is lost; times are text too, since a spreadsheet set to another country would swap day and
//! month. Below the ordered areas there is room for wards of them.

use std::collections::BTreeMap;

use rust_xlsxwriter::{
    DataValidation, DataValidationRule, Format, FormatAlign, FormatBorder, ProtectionOptions, Workbook, Worksheet, XlsxError,
};

use super::{header::Field, place::name};
use crate::{
    audience::place::Places,
    relay::{
        Order,
        report::{Count, Report},
    },
    words::{Lang, moment},
};

/// Empty lines for areas of one's own.
const ROOM: u32 = 200;
/// The line of the header, from 0.
const HEADER: u32 = 9;

/// The columns, as they stand.
pub(super) const COLUMNS: [Field; 13] = [
    Field::Code,
    Field::Area,
    Field::Round,
    Field::Targeted,
    Field::Submitted,
    Field::Delivered,
    Field::Failed,
    Field::Pending,
    Field::Parts,
    Field::Cost,
    Field::StartsAt,
    Field::EndsAt,
    Field::AreaBy,
];

struct Looks {
    title: Format,
    plain: Format,
    label: Format,
    head: Format,
    /// Text that may not be changed.
    fixed: Format,
    /// Text that is filled in.
    text: Format,
    number: Format,
}

impl Looks {
    fn new() -> Self {
        let font = Format::new().set_font_name("Times New Roman").set_font_size(12);
        let boxed = font.clone().set_border(FormatBorder::Thin);
        let head = boxed.clone().set_bold().set_align(FormatAlign::Center).set_align(FormatAlign::VerticalCenter);
        Self {
            title: font.clone().set_font_size(14).set_bold(),
            plain: font.clone().set_text_wrap().set_align(FormatAlign::Top),
            label: boxed.clone().set_bold(),
            head: head.set_text_wrap().set_background_color("#DDE7F0"),
            fixed: boxed.clone().set_num_format("@"),
            text: boxed.clone().set_num_format("@").set_unlocked(),
            number: boxed.set_num_format("#,##0").set_unlocked(),
        }
    }
}

/// A workbook for the next report of an order, whose sequence that is.
pub fn template(order: &Order, newest: Option<&Report>, sequence: i64, lang: Lang) -> Result<Vec<u8>, XlsxError> {
    let looks = Looks::new();
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    sheet.set_name(lang.pick("Báo cáo", "Report"))?;
    head(sheet, order, sequence, lang, &looks)?;
    for (column, field) in (0_u16..).zip(COLUMNS) {
        sheet.write_string_with_format(HEADER, column, field.title().text(lang), &looks.head)?;
    }
    let lines = lines(order, newest);
    let mut row = HEADER;
    for ((area, round), was) in &lines {
        row += 1;
        sheet.write_string_with_format(row, 0, area.as_str(), &looks.fixed)?;
        sheet.write_string_with_format(row, 1, name(area), &looks.fixed)?;
        sheet.write_number_with_format(row, 2, f64::from(*round), &looks.fixed)?;
        counts(sheet, row, *was, lang, &looks)?;
    }
    let last = row + ROOM;
    while row < last {
        row += 1;
        for (column, field) in (0_u16..).zip(COLUMNS) {
            sheet.write_blank(row, column, if field.is_count() { &looks.number } else { &looks.text })?;
        }
    }
    rules(sheet, last, lang)?;
    sheet.set_column_width(0, 20)?.set_column_width(1, 40)?.set_column_width(2, 8)?.set_column_range_width(3, 9, 14)?;
    sheet.set_column_range_width(10, 11, 18)?.set_column_width(12, 14)?;
    sheet.set_freeze_panes(HEADER + 1, 2)?;
    sheet.set_paper_size(9).set_landscape().set_print_fit_to_pages(1, 0);
    sheet.protect_with_options(&ProtectionOptions {
        format_cells: true,
        format_columns: true,
        format_rows: true,
        insert_rows: true,
        ..ProtectionOptions::default()
    });
    guide(book.add_worksheet(), order, lang, &looks)?;
    book.save_to_buffer()
}

/// What is about the report as a whole.
fn head(sheet: &mut Worksheet, order: &Order, sequence: i64, lang: Lang, looks: &Looks) -> Result<(), XlsxError> {
    let title = lang.pick("BÁO CÁO KẾT QUẢ THỰC HIỆN YÊU CẦU", "REPORT ON AN ORDER");
    sheet.write_string_with_format(0, 0, title, &looks.title)?;
    let fields = [
        (Field::Order, order.identifier.clone(), &looks.fixed),
        (Field::Sequence, sequence.to_string(), &looks.text),
        (Field::AsOf, String::new(), &looks.text),
        (Field::Last, lang.pick("Không", "No").to_string(), &looks.text),
        (Field::Correction, String::new(), &looks.text),
    ];
    for (row, (field, value, look)) in (1_u32..).zip(fields) {
        sheet.write_string_with_format(row, 0, field.title().text(lang), &looks.label)?;
        if value.is_empty() {
            sheet.write_blank(row, 1, look)?;
        } else {
            sheet.write_string_with_format(row, 1, value, look)?;
        }
    }
    let about = [(lang.pick("Đơn vị", "Outlet"), &order.outlet_title), (lang.pick("Về việc", "About"), &order.content.title)];
    for (row, (label, value)) in (6_u32..).zip(about) {
        sheet.write_string_with_format(row, 0, label, &looks.label)?;
        sheet.write_string_with_format(row, 1, value, &looks.fixed)?;
    }
    Ok(())
}

/// What is asked for: each area and round of the order, and what was reported of it, or of wards in it.
fn lines<'a>(order: &'a Order, newest: Option<&'a Report>) -> BTreeMap<(String, u16), Option<&'a Count>> {
    let places = Places::built_in();
    let reported = newest.map_or(&[][..], |newest| &newest.counts);
    let mut lines: BTreeMap<(String, u16), Option<&Count>> =
        reported.iter().map(|count| ((count.area.clone(), count.round), Some(count))).collect();
    let ordered: Vec<String> = if order.content.areas.is_empty() {
        places.provinces().map(str::to_string).collect()
    } else {
        order.content.areas.clone()
    };
    for round in 1..=order.content.rounds.max(1) {
        for area in &ordered {
            // Wards of it, or the province that it lies in, are counted instead.
            let overlaps = |count: &&Count| {
                let of = |code: &str| places.province_of(code);
                count.round == round && (of(&count.area) == Some(area.as_str()) || of(area) == Some(count.area.as_str()))
            };
            if !reported.iter().any(|count| overlaps(&count)) {
                lines.entry((area.clone(), round)).or_insert(None);
            }
        }
    }
    lines
}

/// Counts as they were reported, or room for them.
fn counts(sheet: &mut Worksheet, row: u32, was: Option<&Count>, lang: Lang, looks: &Looks) -> Result<(), XlsxError> {
    for (column, field) in (0_u16..).zip(COLUMNS).skip(3) {
        let number = was.and_then(|count| count_of(count, field));
        let time = |at: Option<i64>| at.map(|at| moment(at, lang));
        let text = match field {
            Field::StartsAt => was.and_then(|count| time(count.starts_at)),
            Field::EndsAt => was.and_then(|count| time(count.ends_at)),
            Field::AreaBy => was.map(|count| area_by(count, lang).to_string()),
            _ => None,
        };
        let look = if field.is_count() { &looks.number } else { &looks.text };
        match (number, text) {
            (Some(number), _) => {
                write_number(sheet, row, column, number, look)?;
            }
            (None, Some(text)) => {
                sheet.write_string_with_format(row, column, text, look)?;
            }
            (None, None) => {
                sheet.write_blank(row, column, look)?;
            }
        }
    }
    Ok(())
}

/// Excel's numbers are floats, exact up to 2^53; counts have twelve digits at most.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
pub(super) fn write_number(sheet: &mut Worksheet, row: u32, column: u16, n: i64, look: &Format) -> Result<(), XlsxError> {
    sheet.write_number_with_format(row, column, n as f64, look).map(|_| ())
}

/// A count of a line, where the field is one.
pub(super) fn count_of(count: &Count, field: Field) -> Option<i64> {
    match field {
        Field::Targeted => Some(count.targeted),
        Field::Submitted => Some(count.submitted),
        Field::Delivered => count.delivered,
        Field::Failed => count.failed,
        Field::Pending => count.pending,
        Field::Parts => count.parts,
        Field::Cost => count.cost,
        _ => None,
    }
}

/// What the area of a line means.
pub(super) fn area_by(count: &Count, lang: Lang) -> &'static str {
    if count.by_cell { lang.pick("trạm", "cell") } else { lang.pick("đăng ký", "registration") }
}

/// What a spreadsheet refuses as it is typed.
fn rules(sheet: &mut Worksheet, last: u32, lang: Lang) -> Result<(), XlsxError> {
    let whole = DataValidation::new()
        .allow_whole_number(DataValidationRule::GreaterThanOrEqualTo(0))
        .set_error_title(lang.pick("Không phải số nguyên", "No whole number"))?
        .set_error_message(lang.pick(
            "Ghi số thuê bao bằng số nguyên từ 0, không có dấu: 1234567. Để trống nếu không đếm.",
            "Write a whole number from 0 without marks: 1234567. Leave it empty if you do not count it.",
        ))?;
    // Đồng may go beyond what the rule's numbers reach: none bounds them from above.
    sheet.add_data_validation(HEADER + 1, 3, last, 9, &whole)?;
    let area_by = DataValidation::new().allow_list_strings(&lang.pick(["đăng ký", "trạm"], ["registration", "cell"]))?;
    sheet.add_data_validation(HEADER + 1, 12, last, 12, &area_by)?;
    let yes = DataValidation::new().allow_list_strings(&lang.pick(["Có", "Không"], ["Yes", "No"]))?;
    sheet.add_data_validation(4, 1, 4, 1, &yes)?;
    let time = lang.pick("Ghi như 22/11/2026 08:30 (giờ Việt Nam)", "Such as 2026-11-22 08:30 (Viet Nam's time)");
    let time = DataValidation::new().set_input_message(time)?;
    sheet.add_data_validation(3, 1, 3, 1, &time)?.add_data_validation(HEADER + 1, 10, last, 11, &time)?;
    Ok(())
}

/// How it is filled in.
fn guide(sheet: &mut Worksheet, order: &Order, lang: Lang, looks: &Looks) -> Result<(), XlsxError> {
    sheet.set_name(lang.pick("Hướng dẫn", "How to fill it in"))?;
    sheet.write_string_with_format(0, 0, lang.pick("Cách ghi báo cáo", "How to fill in the report"), &looks.title)?;
    let rounds = order.content.rounds;
    let vi = [
        "Số liệu tính bằng thuê bao (không phải số người, không phải lượt tin), lũy kế từ khi bắt đầu đến thời điểm “Số liệu tính đến”.".to_string(),
        "Trong mỗi dòng: Thành công + Thất bại + Đang chờ ≤ Đã gửi ≤ Thuê bao mục tiêu.".to_string(),
        "Thuê bao mục tiêu và Đã gửi là bắt buộc. Các cột khác: ghi 0 nếu không có, để trống nếu đơn vị không đếm.".to_string(),
        "Báo cáo sau nhắc lại mọi địa bàn và vòng đã báo cáo; chỉ cột Đang chờ được giảm. Muốn giảm số khác thì ghi Lý do đính chính.".to_string(),
        "Không tính một thuê bao hai lần: trong một vòng, hoặc ghi cả tỉnh, hoặc ghi từng xã, phường của tỉnh đó.".to_string(),
        format!("Yêu cầu này có {rounds} vòng. Dòng chưa có số liệu thì để trống."),
        "Địa bàn theo: “đăng ký” là nơi thuê bao đăng ký, “trạm” là nơi thuê bao có mặt khi gửi.".to_string(),
        "Báo cáo cuối cùng: ghi Có khi sẽ không còn số liệu mới.".to_string(),
    ];
    let en = [
        "Counts are in subscribers (not people, not messages), cumulative up to the moment in “As of”.".to_string(),
        "In each line: Delivered + Failed + Pending ≤ Submitted ≤ Targeted.".to_string(),
        "Targeted and Submitted are required. The others: 0 for none, nothing for what you do not count.".to_string(),
        "A later report repeats every area and round; only Pending may fall. To lower another count, write the Reason of the correction."
            .to_string(),
        "Count no subscriber twice: in one round, either the whole province or its wards one by one.".to_string(),
        format!("This order has {rounds} rounds. Leave a line empty that has no counts yet."),
        "Area by: “registration” is where a subscriber is registered, “cell” where it was when the text was sent.".to_string(),
        "Final: Yes when no new counts will follow.".to_string(),
    ];
    let said = if lang == Lang::Vi { vi } else { en };
    for (row, sentence) in (2_u32..).zip(said) {
        sheet.write_string_with_format(row, 0, sentence, &looks.plain)?;
    }
    sheet.set_column_width(0, 110)?;
    Ok(())
}
