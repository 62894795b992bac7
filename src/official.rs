//! Official papers of an office as Word documents: A4, Times New Roman, margins of 20/20/30/15 mm, the office beside the country's name
//! and motto (NĐ 30/2020/NĐ-CP, Appendix I, Section I).
//!
//! What enters: who writes ([`Letterhead`]) and paragraphs and tables made of what is here. What leaves: a .docx ([`pack`]). What can go
//! wrong is only the writing of the file, which happens in memory. Whoever uses it decides what a paper says.

use std::collections::BTreeMap;

use chrono::{Datelike as _, NaiveDate};
use docx_rs::{
    AlignmentType, BreakType, Docx, Header, LineSpacing, LineSpacingType, PageMargin, PageNum, Paragraph, Run, RunFonts,
    SpecialIndentType, Table, TableAlignmentType, TableCell, TableCellMargins, TableLayoutType, TableRow, VAlignType, WidthType,
};

use crate::{
    clock::local,
    config::Reporting,
    words::{self, Lang},
};

const FONT: &str = "Times New Roman";
/// Twentieths of a point in a millimetre, of which 20 make up 1.13 cm.
const fn mm(millimetres: i32) -> i32 {
    millimetres * 1_440 * 10 / 254
}
/// The text's width: 210 mm less both margins.
pub const WIDTH: usize = 9_354;

/// The size of the text in half points, as Word counts.
pub const BODY: usize = 28;
/// The size of what stands in tables.
pub const TABLE: usize = 22;

/// Why a paper could not be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the Word document cannot be written: {0}")]
pub struct Unwritten(String);

/// Who writes, and when.
#[derive(Debug, Clone, Copy)]
pub struct Letterhead<'a> {
    /// The body above the office.
    pub superior: Option<&'a str>,
    /// The office.
    pub office: &'a str,
    /// `Số: …/BC-STTTT`.
    pub number: &'a str,
    /// `V/v …`, of a letter: it has no title of its own.
    pub about: Option<&'a str>,
    /// `Hà Nội, ngày 05 tháng 10 năm 2026`.
    pub place_and_day: &'a str,
}

/// A moment (unix milliseconds) within a sentence: `17:00 ngày 22/11/2026`.
pub fn moment(millis: i64) -> String {
    let at = local(millis);
    format!("{} ngày {}", at.format("%H:%M"), words::date(at.date_naive(), Lang::Vi))
}

/// Who writes; where `[office]` does not say it, dots stand in to be filled by hand.
pub fn office_name(office: &BTreeMap<String, String>) -> &str {
    office.get("name").map_or("(Tên cơ quan, đơn vị)", String::as_str)
}

/// The office's symbol in numbers of papers. Its short name is the one of its texts: its spaces are none of a symbol's.
pub fn symbol(reporting: &Reporting, office: &BTreeMap<String, String>) -> Option<String> {
    let short = || office.get("short").map(|short| short.split_whitespace().collect::<String>());
    reporting.symbol.clone().or_else(short)
}

/// Room for a number that is written in when a paper is signed; neither a line's end nor a browser takes it away.
pub fn room() -> String {
    "\u{a0}".repeat(8)
}

/// `Hà Nội, ngày 05 tháng 10 năm 2026`: below 10 with a zero, and so months below 3, as Appendix I wants it.
pub fn place_and_day(reporting: &Reporting, today: NaiveDate) -> String {
    let (day, month, year) = (today.day(), today.month(), today.year());
    let place = reporting.place.as_deref().unwrap_or("……………");
    let month = if month < 3 { format!("{month:02}") } else { month.to_string() };
    format!("{place}, ngày {day:02} tháng {month} năm {year}")
}

/// Text in a size. What no page shows is left out: no document may hold it.
pub fn run(text: &str, size: usize) -> Run {
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    Run::new().add_text(text).size(size).fonts(fonts())
}

/// The same, in as many lines as it has.
pub fn lines(text: &str, size: usize) -> Run {
    let whole = text.lines().enumerate().fold(Run::new(), |whole, (at, line)| {
        let whole = if at > 0 { whole.add_break(BreakType::TextWrapping) } else { whole };
        whole.add_text(line.chars().filter(|c| !c.is_control()).collect::<String>())
    });
    whole.size(size).fonts(fonts())
}

fn fonts() -> RunFonts {
    RunFonts::new().ascii(FONT).hi_ansi(FONT).cs(FONT).east_asia(FONT)
}

/// A paragraph without space around it.
pub fn tight(run: Run, align: AlignmentType) -> Paragraph {
    Paragraph::new().add_run(run).align(align).line_spacing(LineSpacing::new().before(0).after(0))
}

/// The same in the middle.
pub fn centred(run: Run) -> Paragraph {
    tight(run, AlignmentType::Center)
}

/// The same on the left.
pub fn left(run: Run) -> Paragraph {
    tight(run, AlignmentType::Left)
}

/// A paragraph of the body: justified, its first line 1 cm in, 6 points after it.
pub fn sentence(text: &str) -> Paragraph {
    Paragraph::new()
        .add_run(run(text, BODY))
        .align(AlignmentType::Both)
        .indent(None, Some(SpecialIndentType::FirstLine(mm(10))), None, None)
        .line_spacing(LineSpacing::new().after(120).line_rule(LineSpacingType::Auto).line(276))
}

/// A heading, which never stands alone at the end of a page.
pub fn heading(text: &str) -> Paragraph {
    Paragraph::new()
        .add_run(run(text, BODY).bold())
        .indent(None, Some(SpecialIndentType::FirstLine(mm(10))), None, None)
        .keep_next(true)
        .line_spacing(LineSpacing::new().before(120).after(120))
}

/// The short line under a name: of underscores, which every reader of the format shows alike.
pub fn rule(letters: usize) -> Paragraph {
    let line = "_".repeat(letters);
    Paragraph::new()
        .add_run(run(&line, 16))
        .align(AlignmentType::Center)
        .line_spacing(LineSpacing::new().before(0).after(120).line_rule(LineSpacingType::Exact).line(140))
}

/// A cell of these paragraphs.
pub fn cell(width: usize, paragraphs: Vec<Paragraph>) -> TableCell {
    paragraphs.into_iter().fold(TableCell::new().width(width, WidthType::Dxa), TableCell::add_paragraph)
}

/// The page that papers are written on.
pub fn page() -> Docx {
    let margin = PageMargin::new().top(mm(20)).bottom(mm(20)).left(mm(30)).right(mm(15)).header(mm(10)).footer(mm(10)).gutter(0);
    // The number of a page stands in the middle of its upper margin, not on the first one.
    let numbered = Header::new().add_paragraph(Paragraph::new().add_page_num(PageNum::new()).align(AlignmentType::Center));
    Docx::new()
        .page_size(11_906, 16_838)
        .page_margin(margin)
        .default_fonts(fonts())
        .default_size(BODY)
        .first_header(Header::new())
        .header(numbered)
}

/// Who writes, beside the country's name and motto.
pub fn head(of: &Letterhead<'_>) -> Table {
    let (left, right) = (WIDTH * 42 / 100, WIDTH * 58 / 100);
    let mut office = Vec::new();
    if let Some(superior) = of.superior {
        office.push(centred(run(&superior.to_uppercase(), 24)));
    }
    office.push(centred(run(&of.office.to_uppercase(), 24).bold()));
    office.push(rule(10));
    let country = vec![
        centred(run("CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", 24).bold()),
        centred(run("Độc lập - Tự do - Hạnh phúc", 26).bold()),
        rule(29),
    ];
    let mut number = vec![centred(run(of.number, 26))];
    number.extend(of.about.map(|about| centred(run(about, 24))));
    let below = TableRow::new(vec![cell(left, number), cell(right, vec![centred(run(of.place_and_day, 26).italic())])]);
    bare(vec![TableRow::new(vec![cell(left, office), cell(right, country)]), below], vec![left, right])
}

/// A table that only sets text beside text.
pub fn bare(rows: Vec<TableRow>, grid: Vec<usize>) -> Table {
    Table::without_borders(rows)
        .set_grid(grid)
        .width(WIDTH, WidthType::Dxa)
        .layout(TableLayoutType::Fixed)
        .align(TableAlignmentType::Center)
}

/// A table with lines.
pub fn ruled(rows: Vec<TableRow>, grid: Vec<usize>) -> Table {
    Table::new(rows)
        .set_grid(grid)
        .width(WIDTH, WidthType::Dxa)
        .layout(TableLayoutType::Fixed)
        .align(TableAlignmentType::Center)
        .margins(TableCellMargins::new().margin(15, 60, 15, 60))
}

/// The name of a column; a table's head never stands alone at the end of a page.
pub fn title(width: usize, text: &str, size: usize) -> TableCell {
    let words = tight(run(text, size).bold(), AlignmentType::Center).keep_next(true);
    cell(width, vec![words]).vertical_align(VAlignType::Center)
}

/// Words in a table.
pub fn text(width: usize, text: &str, size: usize) -> TableCell {
    cell(width, vec![left(run(text, size))]).vertical_align(VAlignType::Center)
}

/// A number in a table.
pub fn figure(width: usize, text: &str, size: usize) -> TableCell {
    cell(width, vec![tight(run(text, size), AlignmentType::Right)]).vertical_align(VAlignType::Center)
}

/// Where somebody signs, with room for it.
pub fn signature(title: &str, how: &str) -> Vec<Paragraph> {
    let name =
        run("", BODY).add_break(BreakType::TextWrapping).add_break(BreakType::TextWrapping).add_break(BreakType::TextWrapping);
    vec![centred(run(title, 26).bold()), centred(run(how, 24).italic()), centred(name)]
}

/// *Nơi nhận*, a line each, and the file copy.
pub fn recipients<'a>(lines: impl IntoIterator<Item = &'a str>) -> Vec<Paragraph> {
    let mut to = vec![left(run("Nơi nhận:", 24).bold().italic())];
    to.extend(lines.into_iter().map(|one| left(run(&format!("- {one};"), 22))));
    to.push(left(run("- Lưu: VT.", 22)));
    to
}

/// The finished file.
pub fn pack(document: Docx) -> Result<Vec<u8>, Unwritten> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    document.build().pack(&mut bytes).map_err(|error| Unwritten(error.to_string()))?;
    Ok(bytes.into_inner())
}
