//! The Excel workbook: the summary first, then a sheet for every cut. Numbers are numbers, so that they can be added up.

use rust_xlsxwriter::{Format, FormatAlign, FormatBorder, Workbook, Worksheet};

use super::{COLUMNS, Paper, PaperError, VI, summary};
use crate::{
    relay::count::Cut,
    report::relayed::{self, Relayed},
};

struct Looks {
    title: Format,
    head: Format,
    text: Format,
    number: Format,
    share: Format,
    plain: Format,
}

pub(super) fn write(paper: &Paper<'_>) -> Result<Vec<u8>, PaperError> {
    let font = Format::new().set_font_name("Times New Roman").set_font_size(12);
    let boxed = font.clone().set_border(FormatBorder::Thin);
    let looks = Looks {
        title: font.clone().set_font_size(14).set_bold(),
        head: boxed.clone().set_bold().set_align(FormatAlign::Center).set_align(FormatAlign::VerticalCenter).set_text_wrap(),
        text: boxed.clone().set_text_wrap(),
        number: boxed.clone().set_num_format("#,##0"),
        share: boxed.set_num_format("0.0%"),
        plain: font,
    };
    let mut book = Workbook::new();
    totals(book.add_worksheet(), paper, &looks)?;
    for (cut, lines) in paper.cuts() {
        let (title, name) = cut.title(paper.sheet.selection.area.is_some());
        let sheet = book.add_worksheet();
        // A tab's name has 31 letters at most and none of []:*?/\.
        sheet.set_name(title.vi.replace([',', '/'], "").chars().take(31).collect::<String>().trim_end())?;
        begin(sheet, &format!("{} ({})", title.vi, paper.days()), &looks)?;
        sheet.write_with_format(2, 0, "Mã", &looks.head)?.write_with_format(2, 1, &name.vi, &looks.head)?;
        sheet.set_column_width(0, 16)?.set_column_width(1, 40)?.set_column_range_width(2, 8, 15)?;
        for (column, (name, _)) in (2_u16..).zip(COLUMNS) {
            sheet.write_with_format(2, column, name, &looks.head)?;
        }
        let mut last = 2;
        for (row, line) in (3_u32..).zip(lines) {
            sheet.write_with_format(row, 0, &line.key, &looks.text)?.write_with_format(row, 1, &line.name.vi, &looks.text)?;
            for (column, (_, of)) in (2_u16..).zip(COLUMNS) {
                number(sheet, row, column, of(&line.figures), &looks.number)?;
            }
            last = row;
        }
        if !cut.parts_people() {
            let note = "Một người có thể thuộc nhiều dòng: số người của các dòng không cộng thành tổng.";
            sheet.write_with_format(last + 2, 0, note, &looks.plain)?;
        }
        sheet.set_freeze_panes(3, 2)?.set_repeat_rows(2, 2)?;
    }
    if let Some(reported) = paper.relayed() {
        relayed(book.add_worksheet(), paper, reported, &looks)?;
    }
    Ok(book.save_to_buffer()?)
}

/// What outlets reported, on a sheet of its own: no sum of another sheet has it.
fn relayed(sheet: &mut Worksheet, paper: &Paper<'_>, reported: &Relayed, looks: &Looks) -> Result<(), PaperError> {
    sheet.set_name("Nhà mạng báo cáo")?;
    begin(sheet, &format!("{} ({})", relayed::label().vi, paper.days()), looks)?;
    let note =
        "“—” là chưa rõ, không phải bằng 0; tổng của một cột chỉ gồm các đơn vị có đếm. Diễn tập và thử kỹ thuật không tính.";
    sheet.write_with_format(1, 0, note, &looks.plain)?;
    let columns = relayed::columns();
    let mut row = 3;
    let total = vec![relayed::Line { key: String::new(), name: "Tổng".into(), figures: reported.total }];
    let carriers = std::iter::once((Cut::All, total.as_slice())).chain(reported.splits());
    let others = Some(reported.others.as_slice()).filter(|lines| !lines.is_empty()).map(|lines| (Cut::Kind, lines));
    for (cut, lines) in carriers.chain(others) {
        let (title, name) = relayed::title(cut);
        let title = if cut == Cut::Kind { relayed::others() } else { title };
        sheet.write_with_format(row, 0, &title.vi, &looks.title)?;
        let counts = relayed::names(cut);
        let names = ["Mã", &name.vi, "Yêu cầu có báo cáo"].into_iter().chain(counts.iter().map(|name| name.vi.as_str()));
        for (column, name) in (0_u16..).zip(names) {
            sheet.write_with_format(row + 1, column, name, &looks.head)?;
        }
        row += 2;
        for line in lines {
            sheet.write_with_format(row, 0, &line.key, &looks.text)?.write_with_format(row, 1, &line.name, &looks.text)?;
            number(sheet, row, 2, line.figures.orders, &looks.number)?;
            for (column, (_, _, of)) in (3_u16..).zip(&columns) {
                match of(&line.figures) {
                    Some(n) => number(sheet, row, column, n, &looks.number)?,
                    None => drop(sheet.write_with_format(row, column, "—", &looks.text)?),
                }
            }
            row += 1;
        }
        row += 1;
    }
    for (column, name) in (0_u16..).zip(["", "Loại đơn vị", "Được yêu cầu", "Đã xong", "Tỷ lệ", "Từ chối", "Quá hạn"]).skip(1)
    {
        sheet.write_with_format(row, column, name, &looks.head)?;
    }
    for far in &reported.kinds {
        row += 1;
        sheet.write_with_format(row, 1, &far.kind.label().vi, &looks.text)?;
        for (column, n) in [(2, far.asked), (3, far.done), (5, far.refused), (6, far.overdue)] {
            number(sheet, row, column, n, &looks.number)?;
        }
        share(sheet, row, 4, far.done, far.asked.max(1), &looks.share)?;
    }
    row += 2;
    if !reported.silent.is_empty() {
        sheet.write_with_format(row, 0, "Chưa có báo cáo", &looks.title)?;
        for (column, name) in (1_u16..).zip(["Đơn vị phối hợp", "Loại", "Chiến dịch", "Tình trạng", "Hạn"]) {
            sheet.write_with_format(row + 1, column, name, &looks.head)?;
        }
        row += 1;
        for one in &reported.silent {
            row += 1;
            let (kind, state) = (one.kind.label().vi, one.state.label().vi);
            let late = if one.overdue { "Quá hạn báo cáo" } else { "" };
            for (column, cell) in (1_u16..).zip([one.outlet.as_str(), &kind, &one.campaign, &state, late]) {
                sheet.write_with_format(row, column, cell, &looks.text)?;
            }
        }
        if reported.more_silent > 0 {
            let more = format!("và {} yêu cầu khác", reported.more_silent);
            sheet.write_with_format(row + 1, 1, more, &looks.plain)?;
        }
    }
    sheet.set_column_width(0, 14)?.set_column_width(1, 40)?.set_column_range_width(2, 10, 16)?;
    Ok(())
}

/// A4, the title on top.
fn begin(sheet: &mut Worksheet, title: &str, looks: &Looks) -> Result<(), PaperError> {
    sheet.set_paper_size(9).set_landscape().set_print_fit_to_pages(1, 0);
    sheet.set_margins(1.2, 0.6, 0.8, 0.8, 0.4, 0.4);
    sheet.write_with_format(0, 0, title, &looks.title)?;
    Ok(())
}

/// Excel's numbers are floats, exact up to 2^53: a hundred years of every message of the country.
#[expect(clippy::cast_precision_loss, reason = "counts and đồng stay far below 2^53")]
fn number(sheet: &mut Worksheet, row: u32, column: u16, n: i64, look: &Format) -> Result<(), PaperError> {
    sheet.write_number_with_format(row, column, n as f64, look)?;
    Ok(())
}

/// Per cent with one decimal, rounded down as everywhere: 84,9 % of a goal is not yet 85 %.
#[expect(clippy::cast_precision_loss, reason = "at most 1,000")]
fn share(sheet: &mut Worksheet, row: u32, column: u16, part: i64, whole: i64, look: &Format) -> Result<(), PaperError> {
    let per_mille = i64::try_from(i128::from(part) * 1_000 / i128::from(whole)).unwrap_or(0);
    sheet.write_number_with_format(row, column, per_mille as f64 / 1_000.0, look)?;
    Ok(())
}

fn totals(sheet: &mut Worksheet, paper: &Paper<'_>, looks: &Looks) -> Result<(), PaperError> {
    sheet.set_name("Tổng hợp")?;
    begin(sheet, &paper.subject(), looks)?;
    let facts = [
        format!("Đơn vị: {}", paper.office_name()),
        format!("Kỳ báo cáo: {}", paper.days()),
        format!("Nguồn số liệu: {}", paper.source()),
    ];
    for (row, fact) in (1_u32..).zip(&facts) {
        sheet.write_with_format(row, 0, fact, &looks.plain)?;
    }
    let before = paper.before.map_or_else(|| "Kỳ trước".to_string(), |(period, _)| period.title().vi);
    for (column, name) in (0_u16..).zip(["Chỉ tiêu", "Kỳ này", "Tỷ lệ", &before, "Tỷ lệ kỳ trước", "Chênh lệch"])
    {
        sheet.write_with_format(5, column, name, &looks.head)?;
    }
    sheet.set_column_width(0, 52)?.set_column_range_width(1, 5, 17)?;
    let mut last = 5;
    for (row, line) in (6_u32..).zip(summary(paper.sheet, paper.before.map(|(_, sheet)| sheet), VI)) {
        sheet.write_with_format(row, 0, &line.measure.label().vi, &looks.text)?;
        for (column, n) in [(1, line.now), (3, line.before), (5, line.change)] {
            match n {
                Some(n) => number(sheet, row, column, n, &looks.number)?,
                None => drop(sheet.write_with_format(row, column, "–", &looks.text)?),
            }
        }
        for (column, of) in [(2, Some(paper.sheet)), (4, paper.before.map(|(_, sheet)| sheet))] {
            match of.and_then(|sheet| Some((line.measure.of(sheet)?, line.measure.whole(sheet)?))) {
                Some((part, whole)) if whole > 0 => share(sheet, row, column, part, whole, &looks.share)?,
                _ => drop(sheet.write_with_format(row, column, "", &looks.text)?),
            }
        }
        last = row;
    }
    for (row, said) in (last + 2..).zip(paper.sentences()) {
        sheet.write_with_format(row, 0, said, &looks.plain)?;
    }
    let row = last + 4 + u32::try_from(paper.sentences().len()).unwrap_or(0);
    for (column, who) in [(0, "Người lập biểu"), (2, "Người kiểm tra"), (4, "Thủ trưởng đơn vị")] {
        sheet.write_with_format(row, column, who, &looks.title)?;
    }
    Ok(())
}
