//! The report as a Word document, made of what official papers are made of ([`official`]).

use docx_rs::{LineSpacing, Paragraph, Table, TableRow};

use super::{COLUMNS, Paper, PaperError, VI, signed, summary};
use crate::{
    official::{
        self, BODY, Letterhead, TABLE, WIDTH, bare, cell, centred, figure, heading, rule, ruled, run, sentence, text, title,
    },
    words,
};

/// Lines of a cut in the document; the workbook has all.
const MOST: usize = 140;

/// Of the columns of a cut: ten million people, a hundred million parts and ten thousand million đồng fit.
const COLUMN_WIDTHS: [usize; COLUMNS.len()] = [960, 960, 960, 960, 1_080, 1_080, 1_400];

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
