//! The reports of an order as a table: every line of every report, the one that counts first. Nothing in it runs in a spreadsheet.

use rust_xlsxwriter::{Format, FormatAlign, FormatBorder, Workbook, XlsxError};

use super::{
    header::Field,
    place::name,
    template::{COLUMNS, area_by, count_of, write_number},
};
use crate::{
    audience::formula::guarded,
    clock::rfc3339,
    phrase,
    relay::{
        Order,
        report::{Count, Kept},
    },
    words::{Lang, Phrase, moment},
};

/// What is known of a report beside its counts: the name in the API and what people read.
const ABOUT: [(&str, &str, &str); 10] = [
    ("order", "Mã yêu cầu", "Order"),
    ("outlet", "Đơn vị", "Outlet"),
    ("sequence", "Báo cáo số", "Sequence"),
    ("counts", "Đang dùng", "Counts"),
    ("as_of", "Số liệu tính đến", "As of"),
    ("final", "Báo cáo cuối cùng", "Final"),
    ("correction", "Lý do đính chính", "Reason of the correction"),
    ("received_at", "Nhận lúc", "Received at"),
    ("by", "Người gửi", "By"),
    ("evidence", "Mã tài liệu kèm theo", "Evidence"),
];

/// The cells of [`ABOUT`], with words for yes and no and a way to write moments.
fn about(order: &Order, kept: &Kept, yes: impl Fn(bool) -> &'static str, time: impl Fn(i64) -> String) -> [String; 10] {
    let report = &kept.report;
    [
        order.identifier.clone(),
        order.outlet_slug.clone(),
        report.sequence.to_string(),
        yes(order.report == Some(kept.id)).to_string(),
        time(report.as_of),
        yes(report.last).to_string(),
        report.correction.clone().unwrap_or_default(),
        time(kept.received_at),
        kept.by.clone(),
        report.evidence.clone().unwrap_or_default(),
    ]
}

/// As comma-separated values (RFC 4180), in UTF-8 with the byte order mark that Excel needs. Names of columns are those of the API; what
/// is not known is empty.
pub fn export_csv(order: &Order, reports: &[Kept]) -> Result<Vec<u8>, csv::Error> {
    let mut out = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer("\u{feff}".as_bytes().to_vec());
    out.write_record(ABOUT.iter().map(|(name, _, _)| *name).chain(COLUMNS.map(Field::name)))?;
    for kept in reports {
        let about = about(order, kept, |yes| if yes { "yes" } else { "no" }, rfc3339);
        // A school that passed a text on may have counted nothing: its report is a line all the same.
        let lines = kept.report.counts.iter().map(Some).chain(kept.report.counts.is_empty().then_some(None));
        for count in lines {
            let cells = COLUMNS.map(|field| count.map_or_else(String::new, |count| plain(count, field)));
            out.write_record(about.iter().chain(&cells).map(|cell| guarded(cell).into_owned()))?;
        }
    }
    out.into_inner().map_err(|error| error.into_error().into())
}

fn plain(count: &Count, field: Field) -> String {
    match field {
        Field::Code => count.area.clone(),
        Field::Area => name(&count.area),
        Field::Round => count.round.to_string(),
        Field::StartsAt => count.starts_at.map(rfc3339).unwrap_or_default(),
        Field::EndsAt => count.ends_at.map(rfc3339).unwrap_or_default(),
        Field::AreaBy => area_by(count, Lang::En).to_string(),
        field => count_of(count, field).map(|n| n.to_string()).unwrap_or_default(),
    }
}

/// As a workbook for people: numbers are numbers, what is not known is a dash.
pub fn export_xlsx(order: &Order, reports: &[Kept], lang: Lang) -> Result<Vec<u8>, XlsxError> {
    let font = Format::new().set_font_name("Times New Roman").set_font_size(12);
    let boxed = font.clone().set_border(FormatBorder::Thin);
    let head = boxed.clone().set_bold().set_align(FormatAlign::Center).set_align(FormatAlign::VerticalCenter).set_text_wrap();
    let (text, number) = (boxed.clone().set_num_format("@"), boxed.set_num_format("#,##0"));
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    sheet.set_name(lang.pick("Báo cáo", "Reports"))?;
    let title: Phrase = {
        let (outlet, about) = (&order.outlet_title, &order.content.title);
        phrase!("Số liệu do {outlet} báo cáo: {about}", "Counts reported by {outlet}: {about}")
    };
    sheet.write_string_with_format(0, 0, title.text(lang), &font.clone().set_font_size(14).set_bold())?;
    let note = lang.pick(
        "Số thuê bao do đơn vị báo cáo, không cộng với số người nhận theo danh sách. Mỗi báo cáo là số lũy kế: không cộng các báo cáo với nhau.",
        "Subscribers as reported by the outlet, not to be added to people on lists. Reports are cumulative: do not add them up.",
    );
    sheet.write_string_with_format(1, 0, note, &font)?;
    let titles = ABOUT.iter().map(|(_, vi, en)| lang.pick(*vi, *en).to_string());
    let titles = titles.chain(COLUMNS.map(|field| field.title().text(lang).to_string()));
    for (column, title) in (0_u16..).zip(titles) {
        sheet.write_string_with_format(3, column, title, &head)?;
    }
    let mut row = 3;
    for kept in reports {
        let about =
            about(order, kept, |yes| if yes { lang.pick("Có", "Yes") } else { lang.pick("Không", "No") }, |at| moment(at, lang));
        let lines = kept.report.counts.iter().map(Some).chain(kept.report.counts.is_empty().then_some(None));
        for count in lines {
            row += 1;
            for (column, cell) in (0_u16..).zip(&about) {
                sheet.write_string_with_format(row, column, cell, &text)?;
            }
            for (column, field) in (10_u16..).zip(COLUMNS) {
                let Some(count) = count else {
                    sheet.write_blank(row, column, &text)?;
                    continue;
                };
                match count_of(count, field) {
                    Some(n) => write_number(sheet, row, column, n, &number)?,
                    None => {
                        sheet.write_string_with_format(row, column, shown(count, field, lang), &text)?;
                    }
                }
            }
        }
    }
    sheet.set_column_range_width(0, 22, 16)?.set_column_width(11, 36)?.set_freeze_panes(4, 3)?;
    sheet.set_paper_size(9).set_landscape().set_print_fit_to_pages(1, 0);
    book.save_to_buffer()
}

fn shown(count: &Count, field: Field, lang: Lang) -> String {
    let time = |at: Option<i64>| at.map_or_else(|| "—".to_string(), |at| moment(at, lang));
    match field {
        Field::Code => count.area.clone(),
        Field::Area => name(&count.area),
        Field::Round => count.round.to_string(),
        Field::StartsAt => time(count.starts_at),
        Field::EndsAt => time(count.ends_at),
        Field::AreaBy => area_by(count, lang).to_string(),
        _ => "—".to_string(),
    }
}
