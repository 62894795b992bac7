//! A table as its lines came: the header is found, what stands around it, and each line is read as a count.

use std::collections::BTreeMap;

use super::{
    Column, Count, Given, MOST, Report, Table, Wrong,
    cell::{Cell, amount},
    header::{Field, is_vietnamese, multiple},
    moment::Day,
    number::Marks,
    place::name,
};
use crate::{
    audience::import::{Odd, slug},
    phrase,
};

/// Lines above a header, at most.
const TITLES: usize = 40;

/// The cells of a table.
pub(super) struct Sheet<'a> {
    rows: &'a [(u64, Vec<String>)],
    odd: &'a BTreeMap<(u64, usize), Odd>,
    pub(super) given: &'a Given<'a>,
}

/// A header that was found.
pub(super) struct Header {
    /// Its place among the rows.
    at: usize,
    line: u64,
    pub(super) columns: BTreeMap<Field, Column>,
    ignored: Vec<String>,
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

impl<'a> Sheet<'a> {
    pub(super) const fn new(rows: &'a [(u64, Vec<String>)], odd: &'a BTreeMap<(u64, usize), Odd>, given: &'a Given<'a>) -> Self {
        Self { rows, odd, given }
    }

    pub(super) fn read(&self) -> Result<Table, Vec<Wrong>> {
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
                            "{area}, vòng {round} đã có ở dòng {before}",
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

    pub(super) fn cell<'b>(&self, line: u64, cells: &'b [String], column: &'b Column) -> Cell<'b> {
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
                let why = phrase!("yêu cầu có {rounds} vòng: thêm cột Vòng", "the order has {rounds} rounds: add a column Round");
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
}

/// Whether a line is the sum of others.
fn is_sum(cells: &[String]) -> bool {
    const SUMS: [&str; 7] = ["tong", "tong_cong", "tong_so", "cong", "cong_tong", "total", "sum"];
    let texts = cells.iter().filter(|cell| cell.chars().any(char::is_alphabetic));
    texts.map(|cell| slug(cell)).next().is_some_and(|first| SUMS.contains(&first.as_str()))
}
