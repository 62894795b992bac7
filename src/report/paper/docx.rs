//! The Word document: A4, Times New Roman, margins of 20/20/30/15 mm (NĐ 30/2020/NĐ-CP, Appendix I, Section I).

use docx_rs::{
    AlignmentType, BreakType, Docx, Header, LineSpacing, LineSpacingType, PageMargin, PageNum, Paragraph, Run, RunFonts,
    SpecialIndentType, Table, TableAlignmentType, TableCell, TableCellMargins, TableLayoutType, TableRow, VAlignType, WidthType,
};

use super::{COLUMNS, Paper, PaperError, VI, signed, summary};
use crate::words;

const FONT: &str = "Times New Roman";
/// Twentieths of a point in a millimetre, of which 20 make up 1.13 cm.
const fn mm(millimetres: i32) -> i32 {
    millimetres * 1_440 * 10 / 254
}
/// The text's width: 210 mm less both margins.
const WIDTH: usize = 9_354;
/// Lines of a cut in the document; the workbook has all.
const MOST: usize = 140;

/// Of the columns of a cut: ten million people, a hundred million parts and ten thousand million đồng fit.
const COLUMN_WIDTHS: [usize; COLUMNS.len()] = [960, 960, 960, 960, 1_080, 1_080, 1_400];

/// Half points, as Word counts.
const BODY: usize = 28;
const TABLE: usize = 22;
/// Of the tables with many columns: a number never goes on in another line.
const DENSE: usize = 20;

fn run(text: &str, size: usize) -> Run {
    Run::new().add_text(text).size(size).fonts(fonts())
}

fn fonts() -> RunFonts {
    RunFonts::new().ascii(FONT).hi_ansi(FONT).cs(FONT).east_asia(FONT)
}

fn tight(run: Run, align: AlignmentType) -> Paragraph {
    Paragraph::new().add_run(run).align(align).line_spacing(LineSpacing::new().before(0).after(0))
}

fn centred(run: Run) -> Paragraph {
    tight(run, AlignmentType::Center)
}

/// A paragraph of the body: justified, its first line 1 cm in, 6 points after it.
fn sentence(text: &str) -> Paragraph {
    Paragraph::new()
        .add_run(run(text, BODY))
        .align(AlignmentType::Both)
        .indent(None, Some(SpecialIndentType::FirstLine(mm(10))), None, None)
        .line_spacing(LineSpacing::new().after(120).line_rule(LineSpacingType::Auto).line(276))
}

fn heading(text: &str) -> Paragraph {
    Paragraph::new()
        .add_run(run(text, BODY).bold())
        .indent(None, Some(SpecialIndentType::FirstLine(mm(10))), None, None)
        .keep_next(true)
        .line_spacing(LineSpacing::new().before(120).after(120))
}

/// The short line under a name: of underscores, which every reader of the format shows alike.
fn rule(letters: usize) -> Paragraph {
    let line = "_".repeat(letters);
    Paragraph::new()
        .add_run(run(&line, 16))
        .align(AlignmentType::Center)
        .line_spacing(LineSpacing::new().before(0).after(120).line_rule(LineSpacingType::Exact).line(140))
}

fn cell(width: usize, paragraphs: Vec<Paragraph>) -> TableCell {
    paragraphs.into_iter().fold(TableCell::new().width(width, WidthType::Dxa), TableCell::add_paragraph)
}

pub(super) fn write(paper: &Paper<'_>) -> Result<Vec<u8>, PaperError> {
    let margin = PageMargin::new().top(mm(20)).bottom(mm(20)).left(mm(30)).right(mm(15)).header(mm(10)).footer(mm(10)).gutter(0);
    // The number of a page stands in the middle of its upper margin, not on the first one.
    let numbered = Header::new().add_paragraph(Paragraph::new().add_page_num(PageNum::new()).align(AlignmentType::Center));
    let mut document = Docx::new()
        .page_size(11_906, 16_838)
        .page_margin(margin)
        .default_fonts(fonts())
        .default_size(BODY)
        .first_header(Header::new())
        .header(numbered)
        .add_table(head(paper))
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
    let mut bytes = std::io::Cursor::new(Vec::new());
    document.build().pack(&mut bytes).map_err(|error| PaperError::Docx(error.to_string()))?;
    Ok(bytes.into_inner())
}

/// Who writes, beside the country's name and motto.
fn head(paper: &Paper<'_>) -> Table {
    let (left, right) = (WIDTH * 42 / 100, WIDTH * 58 / 100);
    let mut office = Vec::new();
    if let Some(superior) = &paper.reporting.superior {
        office.push(centred(run(&superior.to_uppercase(), 24)));
    }
    office.push(centred(run(&paper.office_name().to_uppercase(), 24).bold()));
    office.push(rule(10));
    let country = vec![
        centred(run("CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", 24).bold()),
        centred(run("Độc lập - Tự do - Hạnh phúc", 26).bold()),
        rule(29),
    ];
    let below = TableRow::new(vec![
        cell(left, vec![centred(run(&paper.number(), 26))]),
        cell(right, vec![centred(run(&paper.place_and_day(), 26).italic())]),
    ]);
    bare(vec![TableRow::new(vec![cell(left, office), cell(right, country)]), below], vec![left, right])
}

/// A table that only sets text beside text.
fn bare(rows: Vec<TableRow>, grid: Vec<usize>) -> Table {
    Table::without_borders(rows)
        .set_grid(grid)
        .width(WIDTH, WidthType::Dxa)
        .layout(TableLayoutType::Fixed)
        .align(TableAlignmentType::Center)
}

fn ruled(rows: Vec<TableRow>, grid: Vec<usize>) -> Table {
    Table::new(rows)
        .set_grid(grid)
        .width(WIDTH, WidthType::Dxa)
        .layout(TableLayoutType::Fixed)
        .align(TableAlignmentType::Center)
        .margins(TableCellMargins::new().margin(15, 60, 15, 60))
}

/// The name of a column; a table's head never stands alone at the end of a page.
fn title(width: usize, text: &str, size: usize) -> TableCell {
    let words = tight(run(text, size).bold(), AlignmentType::Center).keep_next(true);
    cell(width, vec![words]).vertical_align(VAlignType::Center)
}

fn text(width: usize, text: &str, size: usize) -> TableCell {
    cell(width, vec![tight(run(text, size), AlignmentType::Left)]).vertical_align(VAlignType::Center)
}

fn figure(width: usize, text: &str, size: usize) -> TableCell {
    cell(width, vec![tight(run(text, size), AlignmentType::Right)]).vertical_align(VAlignType::Center)
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
    let left = |run: Run| tight(run, AlignmentType::Left);
    let mut to = vec![left(run("Nơi nhận:", 24).bold().italic())];
    to.extend(paper.reporting.recipients.iter().map(|one| left(run(&format!("- {one};"), 22))));
    to.push(left(run("- Lưu: VT.", 22)));
    let place = |title: &str, how: &str| {
        let name = run("", BODY)
            .add_break(BreakType::TextWrapping)
            .add_break(BreakType::TextWrapping)
            .add_break(BreakType::TextWrapping);
        vec![centred(run(title, 26).bold()), centred(run(how, 24).italic()), centred(name)]
    };
    let rows = vec![
        TableRow::new(vec![
            cell(third, place("Người lập biểu", "(Ký, ghi rõ họ tên)")),
            cell(third, place("Người kiểm tra", "(Ký, ghi rõ họ tên)")),
            cell(third, place("THỦ TRƯỞNG ĐƠN VỊ", "(Ký, ghi rõ họ tên, đóng dấu)")),
        ])
        .cant_split(),
        TableRow::new(vec![cell(third, to), cell(third, vec![Paragraph::new()]), cell(third, vec![Paragraph::new()])])
            .cant_split(),
    ];
    bare(rows, vec![third, third, third])
}
