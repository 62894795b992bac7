//! A report as a table: .csv or .xlsx comes in, a [`Report`] leaves, or everything that is wrong with it by line and column.
//!
//! The header is looked for among the first lines, in Vietnamese or English. What is about the report as a whole (which order, which
//! sequence, as of when, whether it is the last one) stands in lines above the header, as in a [`template`], or in columns of their own
//! with the same value in every row, or is given by whoever hands the file in ([`Given`]). Areas are written by code or by name, numbers
//! and times as people type them. A table with a mistake is not taken in part.

mod export;
mod header;
mod moment;
mod number;
mod template;

pub use export::{export_csv, export_xlsx};
pub use template::template;

use std::{collections::BTreeMap, io::Write as _, path::Path};

use self::{
    header::{Field, is_vietnamese, multiple},
    moment::Day,
    number::{Marks, fractional},
};
use super::{Count, Fault, Report, judge::LINES};
use crate::{
    audience::{
        import::{List, Odd, ReadError, slug},
        place::{Found, Places},
    },
    phrase,
    relay::Order,
    words::Phrase,
};

/// Bytes of the largest table.
pub const MAX_BYTES: u64 = 8 << 20;
/// Mistakes that are told at once.
const MOST: usize = 50;
/// Lines above a header, at most.
const TITLES: usize = 40;
/// Lines that are looked at: counts, and what stands around them.
const MOST_LINES: usize = LINES + 1_000;

/// What is known of a report besides its table. The table must not contradict the order; of the rest it has the last word.
#[derive(Debug, Clone, Copy, Default)]
pub struct Given<'a> {
    /// The identifier of the order that it is of.
    pub order: Option<&'a str>,
    /// The order's areas: a name that fits several places means the one among them. Empty: the whole country.
    pub areas: &'a [String],
    /// The order's rounds; 0: not known.
    pub rounds: u16,
    /// Its sequence.
    pub sequence: Option<i64>,
    /// The moment that it counts up to, unix milliseconds.
    pub as_of: Option<i64>,
    /// Whether it is the last one.
    pub last: Option<bool>,
    /// Why it corrects what was reported.
    pub correction: Option<&'a str>,
    /// Evidence among the papers.
    pub evidence: Option<&'a str>,
}

impl<'a> Given<'a> {
    /// What an order says.
    pub fn of(order: &'a Order) -> Self {
        Self { order: Some(&order.identifier), areas: &order.content.areas, rounds: order.content.rounds, ..Self::default() }
    }
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// From 0.
    pub at: usize,
    /// Its header.
    pub title: String,
}

impl Column {
    /// Its letters in a spreadsheet.
    pub fn letters(&self) -> String {
        let (mut letters, mut at) = (Vec::new(), self.at + 1);
        while at > 0 {
            letters.push(char::from(b'A' + u8::try_from((at - 1) % 26).unwrap_or(0)));
            at = (at - 1) / 26;
        }
        letters.iter().rev().collect()
    }
}

/// One thing that is wrong with a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The line, from 1, where it is about one.
    pub line: Option<u64>,
    /// The column, where it is about one.
    pub column: Option<Column>,
    /// What is wrong, and what would be right.
    pub why: Phrase,
}

impl Wrong {
    fn whole(why: Phrase) -> Self {
        Self { line: None, column: None, why }
    }

    /// Where and why.
    pub fn words(&self) -> Phrase {
        let Phrase { vi, en } = &self.why;
        match (self.line, &self.column) {
            (Some(line), Some(column)) => {
                let (letters, title) = (column.letters(), &column.title);
                phrase!("dòng {line}, cột {letters} ({title}): {vi}", "line {line}, column {letters} ({title}): {en}")
            }
            (Some(line), None) => phrase!("dòng {line}: {vi}", "line {line}: {en}"),
            (None, Some(column)) => {
                let (letters, title) = (column.letters(), &column.title);
                phrase!("cột {letters} ({title}): {vi}", "column {letters} ({title}): {en}")
            }
            (None, None) => self.why.clone(),
        }
    }
}

/// Why a table is no report.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It is larger than [`MAX_BYTES`].
    #[error("the table is too large")]
    TooLarge,
    /// What is wrong with it.
    #[error("{} mistakes", .0.len())]
    Wrong(Vec<Wrong>),
}

impl Unfit {
    /// What is wrong, a sentence each.
    pub fn words(&self) -> Vec<Phrase> {
        match self {
            Self::Read(error) => vec![error.phrase()],
            Self::TooLarge => {
                let most = MAX_BYTES >> 20;
                vec![phrase!("bảng quá lớn: tối đa {most} MB", "the table is too large: at most {most} MB")]
            }
            Self::Wrong(wrong) => wrong.iter().map(Wrong::words).collect(),
        }
    }
}

/// A table that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The identifier of the order that it says it is of, or that was given.
    pub order: Option<String>,
    /// What it says.
    pub report: Report,
    /// Headers of columns that mean nothing here, and were not read.
    pub ignored: Vec<String>,
    /// On which line each area and round stands.
    lines: BTreeMap<(String, u16), u64>,
    columns: BTreeMap<Field, Column>,
    /// On which line what is about the whole stands.
    heads: BTreeMap<Field, u64>,
}

impl Table {
    /// Where in the table a fault is that [`super::take`] found.
    pub fn wrong(&self, fault: &Fault) -> Wrong {
        let field = Field::named(fault.field);
        let line = match (&fault.area, fault.round) {
            (Some(area), Some(round)) => self.lines.get(&(area.clone(), round)).copied(),
            _ => field.and_then(|field| self.heads.get(&field)).copied(),
        };
        let place = || self.columns.iter().find(|(field, _)| field.is_place()).map(|(_, column)| column.clone());
        let column = match field {
            Some(Field::Code) => place(),
            Some(field) => self.columns.get(&field).cloned(),
            None => None,
        };
        // An area that is missing stands on no line: its name does instead.
        let why = if line.is_some() { fault.why.clone() } else { fault.words() };
        Wrong { line, column: column.filter(|_| line.is_some()), why }
    }
}

/// Reads a table from a file. Blocks.
pub fn read(path: &Path, given: &Given<'_>) -> Result<Table, Unfit> {
    let io_error = |error| ReadError::Io { path: path.to_path_buf(), error };
    if std::fs::metadata(path).map_err(io_error)?.len() > MAX_BYTES {
        return Err(Unfit::TooLarge);
    }
    let file = List::inspect_form(path)?;
    let odd = file.odd()?;
    let mut rows = Vec::new();
    let mut wrong = Vec::new();
    file.each(&mut |row| {
        match row.cells {
            Ok(cells) => rows.push((row.line, cells)),
            Err(why) => wrong.push(Wrong { line: Some(row.line), column: None, why }),
        }
        wrong.len() < MOST && rows.len() < MOST_LINES
    })?;
    if rows.len() >= MOST_LINES {
        wrong.push(Wrong::whole(phrase!("quá nhiều dòng: tối đa {LINES}", "too many lines: at most {LINES}")));
    }
    if !wrong.is_empty() {
        return Err(Unfit::Wrong(wrong));
    }
    Sheet { rows: &rows, odd: &odd, given }.read().map_err(Unfit::Wrong)
}

/// Reads a table from memory. Blocks: it is written to a file that only this process sees, since workbooks are read from such.
pub fn read_bytes(bytes: &[u8], given: &Given<'_>) -> Result<Table, Unfit> {
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Unfit::TooLarge);
    }
    let spooled = || {
        let mut file = tempfile::NamedTempFile::new()?;
        file.write_all(bytes)?;
        file.flush()?;
        Ok(file)
    };
    let file = spooled().map_err(|error: std::io::Error| ReadError::Io { path: std::env::temp_dir(), error })?;
    read(file.path(), given)
}

/// The cells of a table.
struct Sheet<'a> {
    rows: &'a [(u64, Vec<String>)],
    odd: &'a BTreeMap<(u64, usize), Odd>,
    given: &'a Given<'a>,
}

/// A header that was found.
struct Header {
    /// Its place among the rows.
    at: usize,
    line: u64,
    columns: BTreeMap<Field, Column>,
    ignored: Vec<String>,
}

/// What stands in a cell.
#[derive(Clone, Copy)]
struct Cell<'a> {
    line: u64,
    column: &'a Column,
    text: &'a str,
    odd: Option<Odd>,
}

impl Cell<'_> {
    fn wrong(&self, why: Phrase) -> Wrong {
        Wrong { line: Some(self.line), column: Some(self.column.clone()), why }
    }

    fn computed(&self) -> Result<(), Wrong> {
        if self.odd == Some(Odd::Uncomputed) {
            let why = phrase!(
                "ô là công thức chưa được tính: mở tệp bằng Excel, lưu lại rồi gửi",
                "the cell is a formula that was never computed: open the file in Excel and save it"
            );
            return Err(self.wrong(why));
        }
        Ok(())
    }

    /// The number, none where the cell is empty.
    fn number(&self, marks: Marks, money: bool) -> Result<Option<i64>, Wrong> {
        self.computed()?;
        // What an export of Loa writes for what is not known.
        if self.text.is_empty() || self.text == "—" {
            return Ok(None);
        }
        if self.odd == Some(Odd::Fraction) {
            return Err(self.wrong(fractional(self.text)));
        }
        if ["-", "–"].contains(&self.text) {
            let why = phrase!("ghi 0 nếu không có, để trống nếu không đếm", "write 0 for none, nothing for what is not counted");
            return Err(self.wrong(why));
        }
        marks.read(if money { amount(self.text) } else { self.text }).map(Some).map_err(|why| self.wrong(why))
    }
}

impl Cell<'_> {
    fn is_filled(&self) -> bool {
        !self.text.is_empty() || self.odd.is_some()
    }

    fn moment(&self, day: Day) -> Result<i64, Wrong> {
        self.computed()?;
        moment::read(self.text, day).map_err(|why| self.wrong(why))
    }

    /// `2`, or `Đợt 2`.
    fn round(&self) -> Result<i64, Wrong> {
        self.computed()?;
        let text = self.text;
        let digits = text.trim_start_matches(|c: char| c.is_alphabetic() || c.is_whitespace());
        digits
            .parse::<u16>()
            .ok()
            .filter(|round| *round > 0)
            .map(i64::from)
            .ok_or_else(|| self.wrong(phrase!("`{text}` không phải số của đợt: ghi 1, 2…", "`{text}` is no round: write 1, 2…")))
    }

    fn yes(&self) -> Result<bool, Wrong> {
        self.computed()?;
        let text = self.text;
        match slug(text).as_str() {
            "co" | "x" | "yes" | "y" | "true" | "1" | "phai" | "cuoi_cung" | "final" => Ok(true),
            "khong" | "no" | "n" | "false" | "0" | "chua" => Ok(false),
            _ => Err(self.wrong(phrase!("`{text}` không rõ: ghi Có hoặc Không", "`{text}` is neither yes nor no"))),
        }
    }

    /// Whether an area is whoever was there, not whoever is registered there.
    fn by_cell(&self) -> Result<bool, Wrong> {
        self.computed()?;
        let text = self.text;
        match slug(text).as_str() {
            "registration" | "dang_ky" | "theo_dang_ky" | "noi_dang_ky" => Ok(false),
            "cell" | "tram" | "tram_phat_song" | "vi_tri" | "theo_tram" | "theo_vi_tri" | "vung_phu_song" => Ok(true),
            _ => Err(self.wrong(phrase!(
                "`{text}` không rõ: ghi `đăng ký` (nơi đăng ký thuê bao) hoặc `trạm` (nơi có mặt)",
                "`{text}` is unknown: write `registration` or `cell`"
            ))),
        }
    }
}

/// Without the currency.
fn amount(text: &str) -> &str {
    let text = text.trim();
    let ends = ["đồng", "Đồng", "VNĐ", "VND", "vnđ", "vnd", "đ", "Đ", "₫"];
    ends.iter().find_map(|end| text.strip_suffix(*end)).unwrap_or(text).trim_end()
}

impl Sheet<'_> {
    fn read(&self) -> Result<Table, Vec<Wrong>> {
        let header = self.header()?;
        let mut wrong = Vec::new();
        let mut heads = self.heads(&header);
        let body = &self.rows[header.at + 1..];
        let marks = self.marks(&header, body);
        let (mut counts, mut lines) = (Vec::new(), BTreeMap::new());
        for (line, cells) in body {
            match self.line(*line, cells, &header, marks) {
                Ok(None) => {}
                Ok(Some(count)) => {
                    let key = (count.area.clone(), count.round);
                    if let Some(before) = lines.insert(key, *line) {
                        let (area, round) = (name(&count.area), count.round);
                        let why = phrase!(
                            "{area}, đợt {round} đã có ở dòng {before}",
                            "{area}, round {round} is on line {before} already"
                        );
                        wrong.push(Wrong { line: Some(*line), column: None, why });
                    }
                    counts.push(count);
                    for field in header.columns.keys().filter(|field| field.is_head()) {
                        self.same(*field, *line, cells, &header, &mut heads, &mut wrong);
                    }
                }
                Err(more) => wrong.extend(more),
            }
            if wrong.len() >= MOST {
                return Err(wrong);
            }
        }
        let whole = self.whole(&heads, &mut wrong);
        let heads = heads.into_iter().map(|(field, cell)| (field, cell.line)).collect();
        match whole {
            Some((order, report)) if wrong.is_empty() => {
                let report = Report { counts, ..report };
                Ok(Table { order, report, ignored: header.ignored, lines, columns: header.columns, heads })
            }
            _ => Err(wrong),
        }
    }

    fn odd(&self, line: u64, column: usize) -> Option<Odd> {
        self.odd.get(&(line, column)).copied()
    }

    fn cell<'b>(&self, line: u64, cells: &'b [String], column: &'b Column) -> Cell<'b> {
        let text = cells.get(column.at).map_or("", |text| text.trim());
        Cell { line, column, text, odd: self.odd(line, column.at) }
    }

    /// Finds the header: the first line with a place, what was targeted, and what was sent.
    fn header(&self) -> Result<Header, Vec<Wrong>> {
        let needed = [(Field::Targeted, "Thuê bao mục tiêu"), (Field::Submitted, "Đã gửi")];
        let mut nearest: Option<(u64, Vec<&'static str>)> = None;
        for (at, (line, cells)) in self.rows.iter().enumerate().take(TITLES) {
            let mut columns = BTreeMap::new();
            let (mut ignored, mut twice) = (Vec::new(), None);
            for (at, title) in cells.iter().map(|title| title.trim()).enumerate().filter(|(_, title)| !title.is_empty()) {
                let column = Column { at, title: title.split_whitespace().collect::<Vec<_>>().join(" ") };
                match Field::read(title) {
                    None => ignored.push(column.title),
                    Some(field) if columns.contains_key(&field) => twice = twice.or(Some(column)),
                    Some(field) => drop(columns.insert(field, column)),
                }
            }
            let mut missing = Vec::new();
            if !columns.keys().any(|field| field.is_place()) {
                missing.push("Mã địa bàn");
            }
            missing.extend(needed.into_iter().filter(|(field, _)| !columns.contains_key(field)).map(|(_, title)| title));
            if !missing.is_empty() {
                if nearest.as_ref().is_none_or(|(_, least)| missing.len() < least.len()) {
                    nearest = Some((*line, missing));
                }
                continue;
            }
            let mut wrong = Vec::new();
            let mut told = |column: Column, why| wrong.push(Wrong { line: Some(*line), column: Some(column), why });
            if let Some(column) = twice {
                told(column, phrase!("hai cột cùng nghĩa", "two columns mean the same"));
            }
            for (field, column) in &columns {
                if field.is_count() && multiple(&column.title) {
                    told(
                        column.clone(),
                        phrase!(
                            "số liệu phải theo đơn vị thuê bao, tin và đồng, không theo nghìn hay triệu",
                            "counts are in subscribers, messages and đồng, not in thousands or millions"
                        ),
                    );
                }
            }
            let header = Header { at, line: *line, columns, ignored };
            if self.given.rounds > 1 && !header.columns.contains_key(&Field::Round) {
                let rounds = self.given.rounds;
                let why = phrase!("yêu cầu có {rounds} đợt: thêm cột Đợt", "the order has {rounds} rounds: add a column Round");
                wrong.push(Wrong { line: Some(header.line), column: None, why });
            }
            return if wrong.is_empty() { Ok(header) } else { Err(wrong) };
        }
        let Some((line, missing)) = nearest else {
            return Err(vec![Wrong::whole(phrase!("bảng không có gì", "the table is empty"))]);
        };
        let line = Some(line).filter(|_| missing.len() <= needed.len());
        let english = missing.iter().map(|title| Field::read(title).map_or(*title, Field::name)).collect::<Vec<_>>().join(", ");
        let missing = missing.join(", ");
        let why = phrase!("không thấy hàng tiêu đề: thiếu cột {missing}", "no header was found: it lacks {english}");
        Err(vec![Wrong { line, column: None, why }])
    }

    /// What stands above the header: a label, and its value beside it or after a colon.
    fn heads(&self, header: &Header) -> BTreeMap<Field, Head> {
        let mut heads = BTreeMap::new();
        for (line, cells) in &self.rows[..header.at] {
            for (at, label) in cells.iter().enumerate() {
                let (label, after) = label.split_once(':').map_or((label.as_str(), ""), |(label, after)| (label, after.trim()));
                let Some(field) = Field::read(label).filter(|field| field.is_head()) else { continue };
                let beside = || (at + 1..cells.len()).find(|at| !cells[*at].trim().is_empty());
                let (at, text) = match after {
                    "" => beside().map_or((at + 1, ""), |at| (at, cells[at].trim())),
                    after => (at, after),
                };
                let column = Column { at, title: label.trim().to_string() };
                heads.entry(field).or_insert(Head { line: *line, odd: self.odd(*line, at), column, text: text.to_string() });
            }
        }
        heads
    }

    /// How the numbers of the table are written.
    fn marks(&self, header: &Header, body: &[(u64, Vec<String>)]) -> Marks {
        let columns: Vec<(Field, &str)> = header.columns.iter().map(|(field, column)| (*field, column.title.as_str())).collect();
        let mut marks = Marks::new(is_vietnamese(&columns));
        let counted: Vec<&Column> =
            header.columns.iter().filter(|(field, _)| field.is_count()).map(|(_, column)| column).collect();
        for (line, cells) in body {
            for column in &counted {
                let cell = self.cell(*line, cells, column);
                if cell.odd.is_none() {
                    marks.learn(amount(cell.text));
                }
            }
        }
        marks
    }

    /// What is about the whole, where it has a column: the same in every row.
    fn same(
        &self,
        field: Field,
        line: u64,
        cells: &[String],
        header: &Header,
        heads: &mut BTreeMap<Field, Head>,
        wrong: &mut Vec<Wrong>,
    ) {
        let Some(column) = header.columns.get(&field) else { return };
        let cell = self.cell(line, cells, column);
        match heads.get(&field) {
            Some(head) if head.text != cell.text => {
                let (text, before) = (cell.text, head.line);
                let why = phrase!(
                    "`{text}` khác với dòng {before}: mỗi bảng là một báo cáo",
                    "`{text}` is not what line {before} says: a table is one report"
                );
                wrong.push(cell.wrong(why));
            }
            Some(_) => {}
            None => {
                let text = cell.text.to_string();
                heads.insert(field, Head { line, odd: cell.odd, column: column.clone(), text });
            }
        }
    }

    /// What is about the report as a whole.
    fn whole(&self, heads: &BTreeMap<Field, Head>, wrong: &mut Vec<Wrong>) -> Option<(Option<String>, Report)> {
        let before = wrong.len();
        let head = |field: Field| heads.get(&field).filter(|head| !head.text.is_empty() || head.odd.is_some());
        let mut keep = |read: Result<i64, Wrong>| read.map_err(|problem| wrong.push(problem)).ok();
        let sequence = match head(Field::Sequence) {
            Some(head) => keep(head.cell().number(Marks::new(true), false).map(Option::unwrap_or_default)),
            None => self.given.sequence,
        };
        let as_of = match head(Field::AsOf) {
            Some(head) => keep(head.cell().moment(Day::None)),
            None => self.given.as_of,
        };
        let last = match head(Field::Last) {
            Some(head) => keep(head.cell().yes().map(i64::from)).map(|yes| yes == 1),
            None => Some(self.given.last.unwrap_or(false)),
        };
        let correction =
            head(Field::Correction).map(|head| head.text.clone()).or_else(|| self.given.correction.map(str::to_string));
        let order = head(Field::Order);
        if let (Some(head), Some(given)) = (order, self.given.order)
            && head.text != given
        {
            let named = &head.text;
            let why = phrase!(
                "bảng này là của yêu cầu `{named}`, không phải `{given}`",
                "this table is of the order `{named}`, not of `{given}`"
            );
            wrong.push(head.cell().wrong(why));
        }
        if sequence.is_none() && head(Field::Sequence).is_none() {
            let why = phrase!(
                "chưa rõ báo cáo số mấy: thêm dòng `Báo cáo số` phía trên bảng",
                "its sequence is missing: add a line `sequence` above the table, or a column"
            );
            wrong.push(Wrong::whole(why));
        }
        if as_of.is_none() && head(Field::AsOf).is_none() {
            let why = phrase!(
                "chưa rõ số liệu tính đến lúc nào: thêm dòng `Số liệu tính đến` phía trên bảng, ví dụ 22/11/2026 08:30",
                "it does not say up to when it counts: add a line `as_of` above the table, or a column, such as 2026-11-22T08:30:00+07:00"
            );
            wrong.push(Wrong::whole(why));
        }
        if wrong.len() > before {
            return None;
        }
        let order = order.map(|head| head.text.clone()).or_else(|| self.given.order.map(str::to_string));
        let evidence = self.given.evidence.map(str::to_string);
        Some((order, Report { sequence: sequence?, as_of: as_of?, last: last?, correction, evidence, counts: Vec::new() }))
    }

    /// One line below the header; none where it counts nothing: a row that is not filled in, a sum, a signature.
    fn line(&self, line: u64, cells: &[String], header: &Header, marks: Marks) -> Result<Option<Count>, Vec<Wrong>> {
        let column = |field: Field| header.columns.get(&field);
        let cell = |field: Field| column(field).map(|column| self.cell(line, cells, column));
        let mut counted = header.columns.keys().filter(|field| field.is_count()).filter_map(|field| cell(*field));
        if counted.all(|cell| cell.text.is_empty() && cell.odd.is_none()) || is_sum(cells) {
            return Ok(None);
        }
        let mut wrong = Vec::new();
        let mut number = |field: Field| match cell(field).map(|cell| cell.number(marks, field == Field::Cost)) {
            Some(Err(problem)) => {
                wrong.push(problem);
                None
            }
            Some(Ok(number)) => number,
            None => None,
        };
        let [targeted, submitted, delivered, failed, pending, parts, cost] =
            [Field::Targeted, Field::Submitted, Field::Delivered, Field::Failed, Field::Pending, Field::Parts, Field::Cost]
                .map(&mut number);
        for (field, count) in [(Field::Targeted, targeted), (Field::Submitted, submitted)] {
            if let (None, Some(cell)) = (count, cell(field))
                && (cell.text.is_empty() && cell.odd.is_none() || cell.text == "—")
            {
                wrong.push(cell.wrong(phrase!("thiếu số: ghi 0 nếu không có", "the number is missing: write 0 for none")));
            }
        }
        let mut keep = |read: Result<i64, Wrong>| read.map_err(|problem| wrong.push(problem)).ok();
        let starts_at = cell(Field::StartsAt).filter(Cell::is_filled).and_then(|cell| keep(cell.moment(Day::Begins)));
        let ends_at = cell(Field::EndsAt).filter(Cell::is_filled).and_then(|cell| keep(cell.moment(Day::Ends)));
        let round = cell(Field::Round).filter(Cell::is_filled).map_or(Some(1), |cell| keep(cell.round()));
        let by_cell = cell(Field::AreaBy).filter(Cell::is_filled).map_or(Some(0), |cell| keep(cell.by_cell().map(i64::from)));
        let area = match self.area(line, cells, header) {
            Ok(area) => Some(area),
            Err(problem) => {
                wrong.push(problem);
                None
            }
        };
        let round = round.and_then(|round| u16::try_from(round).ok());
        match (area, round, targeted, submitted, by_cell) {
            (Some(area), Some(round), Some(targeted), Some(submitted), Some(by_cell)) if wrong.is_empty() => {
                let area = area.to_string();
                let by_cell = by_cell == 1;
                Ok(Some(Count {
                    area,
                    round,
                    targeted,
                    submitted,
                    delivered,
                    failed,
                    pending,
                    parts,
                    cost,
                    starts_at,
                    ends_at,
                    by_cell,
                }))
            }
            _ => Err(wrong),
        }
    }

    /// The code of a line's area.
    fn area(&self, line: u64, cells: &[String], header: &Header) -> Result<&'static str, Wrong> {
        let cell = |field: Field| header.columns.get(&field).map(|column| self.cell(line, cells, column)).filter(Cell::is_filled);
        let (code, province, ward) = (cell(Field::Code), cell(Field::Province), cell(Field::Ward));
        let by_name = match (cell(Field::Area), ward, province) {
            (Some(area), _, _) => Some((area, area.text.to_string())),
            (None, Some(ward), Some(province)) if !is_code(ward.text) => {
                Some((ward, format!("{}, {}", ward.text, province.text)))
            }
            (None, Some(ward), _) => Some((ward, ward.text.to_string())),
            (None, None, Some(province)) => Some((province, province.text.to_string())),
            (None, None, None) => None,
        };
        let Some((cell, text)) = code.map(|code| (code, code.text.to_string())).or_else(|| by_name.clone()) else {
            let column = header.columns.iter().find(|(field, _)| field.is_place()).map(|(_, column)| column.clone());
            let why = phrase!("thiếu địa bàn: ghi mã hoặc tên tỉnh, xã", "the area is missing: write its code or name");
            return Err(Wrong { line: Some(line), column, why });
        };
        cell.computed()?;
        let found = self.place(&text).map_err(|why| cell.wrong(why))?;
        // A name beside a code that means another place: one of them slipped by a row.
        if code.is_some()
            && let Some((beside, text)) = by_name
            && let Found::One(other) = Places::built_in().find(&text)
            && other != found
            && Places::built_in().province_of(found) != Some(other)
        {
            let (code, named) = (cell.text, name(found));
            let why = phrase!(
                "`{text}` không phải địa bàn có mã {code} ({named})",
                "`{text}` is not the area of the code {code} ({named})"
            );
            return Err(beside.wrong(why));
        }
        Ok(found)
    }

    /// The place that a text means, among those of the order where it fits several.
    fn place(&self, text: &str) -> Result<&'static str, Phrase> {
        let places = Places::built_in();
        let among = |codes: &[&'static str]| {
            let offered: Vec<String> = codes.iter().map(|code| format!("{code} {}", name(code))).collect();
            offered.join("; ")
        };
        match places.find(text) {
            // Today's code, or one that lost its zeros; codes of before July 2025 mean other places now.
            Found::One(code) if !is_code(text) || text.trim_start_matches('0') == code.trim_start_matches('0') => Ok(code),
            Found::One(code) => {
                let now = among(&[code]);
                Err(phrase!(
                    "`{text}` là mã trước ngày 01/7/2025: nay là {now}",
                    "`{text}` is a code of before July 2025: today it is {now}"
                ))
            }
            Found::Ambiguous(codes) => {
                let ordered = |code: &&&'static str| {
                    self.given.areas.iter().any(|area| area == **code || places.province_of(code) == Some(area.as_str()))
                };
                let fitting: Vec<&&'static str> = codes.iter().filter(ordered).collect();
                if let [one] = fitting.as_slice() {
                    return Ok(**one);
                }
                let codes = among(&codes);
                Err(phrase!(
                    "`{text}` là tên của nhiều nơi, hãy ghi mã: {codes}",
                    "`{text}` fits several places, write the code: {codes}"
                ))
            }
            Found::Unknown(codes) if codes.is_empty() => {
                Err(phrase!("không có địa bàn nào là `{text}`", "no area is called `{text}`"))
            }
            Found::Unknown(codes) => {
                let codes = among(&codes);
                Err(phrase!(
                    "không có địa bàn nào là `{text}`; gần giống: {codes}",
                    "no area is called `{text}`; much like it: {codes}"
                ))
            }
        }
    }
}

/// What a line of the head block says.
struct Head {
    line: u64,
    column: Column,
    text: String,
    odd: Option<Odd>,
}

impl Head {
    fn cell(&self) -> Cell<'_> {
        Cell { line: self.line, column: &self.column, text: &self.text, odd: self.odd }
    }
}

fn is_code(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn name(code: &str) -> String {
    Places::built_in().full_name(code).unwrap_or_else(|| code.to_string())
}

/// Whether a line is the sum of others.
fn is_sum(cells: &[String]) -> bool {
    const SUMS: [&str; 7] = ["tong", "tong_cong", "tong_so", "cong", "cong_tong", "total", "sum"];
    let texts = cells.iter().filter(|cell| cell.chars().any(char::is_alphabetic));
    texts.map(|cell| slug(cell)).next().is_some_and(|first| SUMS.contains(&first.as_str()))
}

#[cfg(test)]
mod tests;
