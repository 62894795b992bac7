//! The report as a Word document, made of what official papers are made of ([`official`]).

use docx_rs::{Docx, LineSpacing, Paragraph, Table, TableRow};

use super::{COLUMNS, Paper, PaperError, VI, signed, summary};
use crate::{
    official::{
        self, BODY, Letterhead, TABLE, WIDTH, bare, cell, centred, figure, heading, rule, ruled, run, sentence, text, title,
    },
    relay::count::{Cut, Figures},
    report::relayed::{self, Relayed},
    words,
};

/// Lines of a cut in the document; the workbook has all.
const MOST: usize = 140;

/// Of the columns of a cut: ten million people, a hundred million parts and ten thousand million đồng fit.
const COLUMN_WIDTHS: [usize; COLUMNS.len()] = [960, 960, 960, 960, 1_080, 1_080, 1_400];

/// What the document has of what outlets reported; the workbook has all.
const RELAYED: [&str; 6] =
    ["relay_subscribers", "relay_submitted", "relay_delivered", "relay_failed", "relay_pending", "relay_cost"];
/// Of each of these.
const RELAYED_WIDTH: usize = 1_120;
/// Outlets without a report that the document names.
const SILENT: usize = 60;

/// Of the tables with many columns, in half points: a number never goes on in another line.
const DENSE: usize = 20;

pub(super) fn write(paper: &Paper<'_>) -> Result<Vec<u8>, PaperError> {
    let head = Letterhead {
        superior: paper.reporting.superior.as_deref(),
        office: paper.office_name(),
        number: &paper.number(),
        about: None,
        place_and_day: &paper.place_and_day(),
    };
    let mut document = official::page()
        .add_table(official::head(&head))
        .add_paragraph(centred(run("BÁO CÁO", BODY).bold()).line_spacing(LineSpacing::new().before(240).after(0)))
        .add_paragraph(centred(run(&paper.subject(), BODY).bold()))
        .add_paragraph(rule(16));
    for text in paper.sentences() {
        document = document.add_paragraph(sentence(&text));
    }
    document = document.add_paragraph(heading("1. Kết quả chung")).add_table(totals(paper)).add_paragraph(Paragraph::new());
    for (at, (cut, lines)) in paper.cuts().enumerate() {
        let (title, name) = cut.title(paper.sheet.selection.area.is_some());
        document = document.add_paragraph(heading(&format!("{}. {}", at + 2, title.vi))).add_table(table(&name.vi, lines));
        let mut notes = Vec::new();
        if let Some(more) = lines.len().checked_sub(MOST).filter(|more| *more > 0) {
            notes.push(format!("Còn {more} dòng khác: xem bảng tính kèm theo."));
        }
        if !cut.parts_people() {
            notes.push("Một người có thể thuộc nhiều dòng nên số người của các dòng không cộng thành tổng.".to_string());
        }
        let note = notes.join(" ");
        document = document.add_paragraph(Paragraph::new().add_run(run(&note, TABLE).italic()));
    }
    if let Some(reported) = paper.relayed() {
        document = relayed(document, paper.cuts().count() + 2, reported);
    }
    document = document.add_paragraph(sentence(&format!(
        "Nguồn số liệu: {}. Có xác nhận: có báo nhận là tin đã đến hoặc đã xem. Chưa có xác nhận: cổng gửi đã nhận nhưng không báo lại, \
         hoặc thư điện tử không bị trả lại trong 72 giờ. Tin gửi thử không tính.",
        paper.source()
    )));
    document = document.add_table(signatures(paper));
    Ok(official::pack(document)?)
}

/// The measures, now and before.
fn totals(paper: &Paper<'_>) -> Table {
    let before = paper.before.map_or_else(|| "Kỳ trước".to_string(), |(period, _)| period.title().vi);
    let grid = [500, 2_994, 1_620, 1_000, 1_620, 1_620];
    let head = ["TT", "Chỉ tiêu", "Kỳ này", "Tỷ lệ", before.as_str(), "Chênh lệch"];
    let mut rows =
        vec![TableRow::new(head.iter().zip(grid).map(|(name, width)| title(width, name, TABLE)).collect()).cant_split()];
    let number = |n: Option<i64>| n.map_or_else(|| "–".to_string(), |n| words::number(n, VI));
    for (at, row) in summary(paper.sheet, paper.before.map(|(_, sheet)| sheet), VI).into_iter().enumerate() {
        let cells = vec![
            figure(grid[0], &(at + 1).to_string(), TABLE),
            text(grid[1], &row.measure.label().vi, TABLE),
            figure(grid[2], &number(row.now), TABLE),
            figure(grid[3], row.share.as_deref().unwrap_or_default(), TABLE),
            figure(grid[4], &number(row.before), TABLE),
            figure(grid[5], &row.change.map_or_else(|| "–".to_string(), |n| signed(n, VI)), TABLE),
        ];
        rows.push(TableRow::new(cells).cant_split());
    }
    ruled(rows, grid.to_vec())
}

/// The lines of a cut.
fn table(name: &str, lines: &[super::super::Line]) -> Table {
    let columns = || COLUMNS.iter().zip(COLUMN_WIDTHS);
    let first = WIDTH - COLUMN_WIDTHS.iter().sum::<usize>();
    let head = std::iter::once(title(first, name, DENSE)).chain(columns().map(|((name, _), width)| title(width, name, DENSE)));
    let mut rows = vec![TableRow::new(head.collect()).cant_split()];
    for line in lines.iter().take(MOST) {
        let figures = columns().map(|((_, of), width)| figure(width, &words::number(of(&line.figures), VI), DENSE));
        let cells = std::iter::once(text(first, &line.name.vi, DENSE)).chain(figures);
        rows.push(TableRow::new(cells.collect()).cant_split());
    }
    ruled(rows, std::iter::once(first).chain(COLUMN_WIDTHS).collect())
}

/// What outlets reported: in tables of its own, whose columns are none of the others'.
fn relayed(mut document: Docx, number: usize, reported: &Relayed) -> Docx {
    let name = relayed::label().vi;
    document = document.add_paragraph(heading(&format!("{number}. {name}")));
    let columns: Vec<relayed::Column> = relayed::columns().into_iter().filter(|(_, name, _)| RELAYED.contains(name)).collect();
    let first = WIDTH - RELAYED_WIDTH * columns.len();
    let grid: Vec<usize> = std::iter::once(first).chain(columns.iter().map(|_| RELAYED_WIDTH)).collect();
    let row = |name: &str, figures: &Figures| {
        let figures = columns.iter().map(|(_, _, of)| figure(RELAYED_WIDTH, &relayed::shown(of(figures), VI), DENSE));
        TableRow::new(std::iter::once(text(first, name, DENSE)).chain(figures).collect()).cant_split()
    };
    let others = (!reported.others.is_empty()).then_some((Cut::Kind, reported.others.as_slice()));
    for ((cut, lines), part) in reported.splits().chain(others).zip(1..) {
        let (name, column) = relayed::title(cut);
        let name = if cut == Cut::Kind { relayed::others() } else { name };
        let names = relayed::names(cut).into_iter().zip(relayed::columns()).filter(|(_, (_, name, _))| RELAYED.contains(name));
        let head = names.map(|(name, _)| title(RELAYED_WIDTH, &name.vi, DENSE));
        let head = TableRow::new(std::iter::once(title(first, &column.vi, DENSE)).chain(head).collect()).cant_split();
        let total = (cut == Cut::Outlet).then(|| row("Tổng", &reported.total));
        let rows = lines.iter().take(MOST).map(|line| row(&line.name, &line.figures)).chain(total);
        document = document
            .add_paragraph(heading(&format!("{number}.{part}. {}", name.vi)))
            .add_table(ruled(std::iter::once(head).chain(rows).collect(), grid.clone()));
        let more = lines.len().saturating_sub(MOST);
        let note = if more > 0 { format!("Còn {more} dòng khác: xem bảng tính kèm theo.") } else { String::new() };
        document = document.add_paragraph(Paragraph::new().add_run(run(&note, TABLE).italic()));
    }
    if reported.total.orders == 0 && reported.orders > 0 {
        document = document.add_paragraph(sentence("Chưa nhà mạng nào báo cáo số liệu."));
    }
    if !reported.kinds.is_empty() {
        document = document.add_paragraph(heading("Đơn vị được yêu cầu và đã báo cáo xong, đã xác nhận triển khai"));
        document = document.add_table(kinds(reported)).add_paragraph(Paragraph::new());
    }
    let silent = reported.silent.len();
    if silent > 0 {
        let all = words::number(i64::try_from(silent).unwrap_or(0) + reported.more_silent, VI);
        document = document.add_paragraph(heading(&format!("Chưa có báo cáo ({all} yêu cầu)")));
        for one in reported.silent.iter().take(SILENT) {
            let late = if one.overdue { ", quá hạn báo cáo" } else { "" };
            let state = one.state.label().vi;
            document = document.add_paragraph(sentence(&format!("- {} ({}): {}{late};", one.outlet, one.campaign, state)));
        }
        if silent > SILENT || reported.more_silent > 0 {
            document = document.add_paragraph(sentence("- và các đơn vị khác: xem bảng tính kèm theo và trang Yêu cầu."));
        }
    }
    document.add_paragraph(sentence(
        "Số liệu của mục này do đơn vị phối hợp đếm và báo cáo, tính bằng thuê bao: một người có thể có nhiều thuê bao. Dấu “—” là chưa rõ, \
         không phải bằng 0; tổng của một cột chỉ gồm các đơn vị có đếm. Diễn tập và thử kỹ thuật không tính.",
    ))
}

/// How far outlets are, by their kinds.
fn kinds(reported: &Relayed) -> Table {
    let grid = [3_354, 1_500, 1_500, 1_000, 1_000, 1_000];
    let names = ["Loại đơn vị", "Được yêu cầu", "Đã xong", "Tỷ lệ", "Từ chối", "Quá hạn"];
    let head = TableRow::new(names.iter().zip(grid).map(|(name, width)| title(width, name, DENSE)).collect()).cant_split();
    let rows = reported.kinds.iter().map(|far| {
        let numbers = [
            words::number(far.asked, VI),
            words::number(far.done, VI),
            words::share(far.done, far.asked, VI),
            words::number(far.refused, VI),
            words::number(far.overdue, VI),
        ];
        let cells = numbers.iter().zip(&grid[1..]).map(|(n, width)| figure(*width, n, DENSE));
        TableRow::new(std::iter::once(text(grid[0], &far.kind.label().vi, DENSE)).chain(cells).collect()).cant_split()
    });
    ruled(std::iter::once(head).chain(rows).collect(), grid.to_vec())
}

/// Who gets it, and who signs.
fn signatures(paper: &Paper<'_>) -> Table {
    let third = WIDTH / 3;
    let to = official::recipients(paper.reporting.recipients.iter().map(String::as_str));
    let rows = vec![
        TableRow::new(vec![
            cell(third, official::signature("Người lập biểu", "(Ký, ghi rõ họ tên)")),
            cell(third, official::signature("Người kiểm tra", "(Ký, ghi rõ họ tên)")),
            cell(third, official::signature("THỦ TRƯỞNG ĐƠN VỊ", "(Ký, ghi rõ họ tên, đóng dấu)")),
        ])
        .cant_split(),
        TableRow::new(vec![cell(third, to), cell(third, vec![Paragraph::new()]), cell(third, vec![Paragraph::new()])])
            .cant_split(),
    ];
    bare(rows, vec![third, third, third])
}
