//! Official reports: figures put on paper as an office signs them, in Vietnamese, whatever language the reader has.
//!
//! What enters: a [`Sheet`] and what it is compared with. What leaves: a .docx in the shape of a report by NĐ 30/2020/NĐ-CP,
//! Appendix I, with places for three signatures, or an .xlsx with every cut on a sheet of its own. What can go wrong is only
//! the writing of the file, which happens in memory.

mod csv;
mod docx;
mod xlsx;

pub use self::csv::csv;

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::{
    Cut, Fate, Figures, Measure, Sheet, Target,
    closing::{Adjusted, Closing},
    relayed::{self, Relayed},
};
use crate::{
    audience::place::Places,
    config::Reporting,
    official::{self, moment},
    period::Period,
    words::{self, Lang},
};

const VI: Lang = Lang::Vi;

/// What goes on paper.
#[derive(Debug, Clone, Copy)]
pub struct Paper<'a> {
    /// `[office]`: `name` and `short`.
    pub office: &'a BTreeMap<String, String>,
    /// `[reporting]`.
    pub reporting: &'a Reporting,
    /// The period, where the figures are of one.
    pub period: Option<&'a Period>,
    /// The figures.
    pub sheet: &'a Sheet,
    /// The period before, and its figures.
    pub before: Option<(&'a Period, &'a Sheet)>,
    /// Goals.
    pub targets: &'a [Target],
    /// Whose campaigns; empty: the whole office's.
    pub department: &'a str,
    /// The closing that the figures are of.
    pub closing: Option<&'a Closing>,
    /// What changed after it: each measure as it was closed and as it is now.
    pub adjusted: &'a [Adjusted],
    /// The day on the paper.
    pub today: NaiveDate,
}

/// A line of the summary: what is measured, now, its share, before, and the difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Which.
    pub measure: Measure,
    /// Now; none where there is nothing to divide by.
    pub now: Option<i64>,
    /// In per cent of the people addressed.
    pub share: Option<String>,
    /// In the period before.
    pub before: Option<i64>,
    /// Its share then.
    pub share_before: Option<String>,
    /// Now less before.
    pub change: Option<i64>,
}

/// The summary of a sheet against the one before it.
pub fn summary(sheet: &Sheet, before: Option<&Sheet>, lang: Lang) -> Vec<Row> {
    let share = |measure: Measure, sheet: &Sheet| Some(words::share(measure.of(sheet)?, measure.whole(sheet)?, lang));
    let row = |measure: Measure| {
        let (now, then) = (measure.of(sheet), before.and_then(|before| measure.of(before)));
        Row {
            measure,
            now,
            share: share(measure, sheet),
            before: then,
            share_before: before.and_then(|before| share(measure, before)),
            change: now.zip(then).map(|(now, then)| now - then),
        }
    };
    Measure::ALL.into_iter().map(row).collect()
}

/// A number with its sign, as a difference is written.
pub fn signed(n: i64, lang: Lang) -> String {
    let number = words::number(n.abs(), lang);
    match n {
        0 => number,
        1.. => format!("+{number}"),
        _ => format!("−{number}"),
    }
}

impl<'a> Paper<'a> {
    /// The report as a Word document.
    pub fn docx(&self) -> Result<Vec<u8>, PaperError> {
        docx::write(self)
    }

    /// The figures as an Excel workbook.
    pub fn xlsx(&self) -> Result<Vec<u8>, PaperError> {
        xlsx::write(self)
    }

    /// Who reports; where `[office]` does not say it, dots stand in to be filled by hand.
    pub fn office_name(&self) -> &'a str {
        official::office_name(self.office)
    }

    /// `Số: …/BC-STTTT`; the number is written in when it is signed.
    pub fn number(&self) -> String {
        let room = official::room();
        official::symbol(self.reporting, self.office)
            .map_or_else(|| format!("Số:{room}/BC"), |symbol| format!("Số:{room}/BC-{symbol}"))
    }

    /// `Hà Nội, ngày 05 tháng 10 năm 2026`.
    pub fn place_and_day(&self) -> String {
        official::place_and_day(self.reporting, self.today)
    }

    /// What the report is about.
    pub fn subject(&self) -> String {
        let campaign = self.sheet.subject.as_ref().filter(|_| self.sheet.selection.campaign.is_some());
        let what = campaign.map_or_else(
            || "Kết quả tuyên truyền, cảnh báo lừa đảo trực tuyến".to_string(),
            |campaign| format!("Kết quả chiến dịch “{}”", campaign.title),
        );
        let place = self.sheet.selection.area.as_deref().and_then(|code| Places::built_in().full_name(code));
        let place = place.map(|place| format!(" tại {place}")).unwrap_or_default();
        format!("{what}{place}{}", self.period.map(|period| format!(" {}", lower(&period.title().vi))).unwrap_or_default())
    }

    /// The days that the figures are of.
    fn days(&self) -> String {
        let selection = &self.sheet.selection;
        let day = |day: Option<NaiveDate>| day.map(|day| words::date(day, VI));
        match (day(selection.from), day(selection.through)) {
            (Some(from), Some(through)) => format!("từ ngày {from} đến hết ngày {through}"),
            (Some(from), None) => format!("từ ngày {from}"),
            (None, Some(through)) => format!("đến hết ngày {through}"),
            (None, None) => "toàn bộ thời gian".to_string(),
        }
    }

    /// Where the figures come from, and as of when.
    pub fn source(&self) -> String {
        let at = moment(self.sheet.at);
        match self.closing {
            Some(closing) => {
                format!(
                    "hệ thống Loa; đã chốt lúc {} bởi {} (mã kiểm tra {})",
                    moment(closing.closed_at),
                    closing.by,
                    &closing.hash[..16.min(closing.hash.len())]
                )
            }
            None => format!("hệ thống Loa, đếm lúc {at}; chưa chốt"),
        }
    }

    /// The answer in sentences: what a manager is asked first.
    pub fn sentences(&self) -> Vec<String> {
        let people = &self.sheet.total.people;
        let (all, confirmed, presumed) = (people.addressed(), people.of(Fate::Confirmed), people.of(Fate::Presumed));
        let n = |n: i64| words::number(n, VI);
        let share = |part: i64| words::share(part, all, VI);
        let mut said = Vec::new();
        if !self.department.is_empty() {
            said.push(format!(
                "Phạm vi số liệu: các chiến dịch của {} và các chiến dịch dùng chung của cơ quan.",
                self.department
            ));
        }
        said.push(format!(
            "Trong kỳ ({}), hệ thống đã thực hiện {} đợt gửi tới {} người trong danh sách (mỗi người tính một lần).",
            self.days(),
            n(self.sheet.runs.total - self.sheet.runs.missed),
            n(all)
        ));
        said.push(format!(
            "Số người được tiếp cận có xác nhận: {} ({}). Số người được cho là đã tiếp cận nhưng chưa có xác nhận: {} ({}). Hai số này không cộng với nhau. Số người chưa tiếp cận được: {} ({}).",
            n(confirmed), share(confirmed), n(presumed), share(presumed), n(people.not_reached()), share(people.not_reached())
        ));
        let cost = self.sheet.total.deliveries.cost;
        let each = Measure::CostEach
            .of(self.sheet)
            .map_or_else(String::new, |each| format!(", bình quân {} đồng cho một người tiếp cận có xác nhận", n(each)));
        said.push(format!("Tổng chi phí: {} đồng{each}.", n(cost)));
        said.extend(self.relayed().into_iter().flat_map(Relayed::sentences).map(|sentence| sentence.vi));
        if let Some((period, before)) = self.before
            && before.total.people.addressed() > 0
        {
            let then = before.total.people.of(Fate::Confirmed);
            said.push(format!(
                "So với {}: số người tiếp cận có xác nhận {} (kỳ trước {}, {}).",
                lower(&period.title().vi),
                signed(confirmed - then, VI),
                n(then),
                words::share(then, before.total.people.addressed(), VI)
            ));
        } else if let Some((period, _)) = self.before {
            said.push(format!("{}: không có đợt gửi nào để so sánh.", period.title().vi));
        }
        if !self.adjusted.is_empty() {
            let change = |(measure, closed, now): &Adjusted| {
                format!(
                    "{}: {} (đã chốt {}, hiện nay {})",
                    lower(&measure.label().vi),
                    signed(now.unwrap_or(0) - closed.unwrap_or(0), VI),
                    relayed::shown(*closed, VI),
                    relayed::shown(*now, VI)
                )
            };
            let changes: Vec<String> = self.adjusted.iter().map(change).collect();
            said.push(format!("Điều chỉnh sau chốt, không tính vào các số trên: {}.", changes.join("; ")));
        }
        for target in self.targets {
            let (population, goal) = (target.population(), &target.goal);
            let reached = target.people.of(Fate::Confirmed);
            let verdict = if target.is_met() { "đạt" } else { "chưa đạt" };
            said.push(format!(
                "Mục tiêu “{}”: {} dân số. Kết quả có xác nhận: {} trên {} người ({}), {verdict}; chưa có xác nhận: {}.",
                goal.title,
                words::per_cent(goal.value, VI),
                n(reached),
                n(population),
                words::share(reached, population, VI),
                words::share(target.people.of(Fate::Presumed), population, VI)
            ));
        }
        said
    }

    /// What outlets reported, where there is anything to tell.
    fn relayed(&self) -> Option<&'a Relayed> {
        self.sheet.relayed.as_ref().filter(|relayed| !relayed.is_empty())
    }

    /// The cuts that go on paper: those with lines.
    fn cuts(&self) -> impl Iterator<Item = (Cut, &'a [super::Line])> {
        self.sheet.cuts.iter().filter(|(_, lines)| !lines.is_empty()).map(|(cut, lines)| (*cut, lines.as_slice()))
    }
}

/// Why a paper could not be written.
#[derive(Debug, thiserror::Error)]
pub enum PaperError {
    /// The Word document.
    #[error(transparent)]
    Docx(#[from] official::Unwritten),
    /// The Excel workbook.
    #[error("the Excel workbook cannot be written: {0}")]
    Xlsx(#[from] rust_xlsxwriter::XlsxError),
}

/// What a column says of a line.
type Of = fn(&Figures) -> i64;

/// The columns of a cut, and what each is of a line.
const COLUMNS: [(&str, Of); 7] = [
    ("Số người", |figures| figures.people.addressed()),
    ("Có xác nhận", |figures| figures.people.of(Fate::Confirmed)),
    ("Chưa có xác nhận", |figures| figures.people.of(Fate::Presumed)),
    ("Chưa tiếp cận", |figures| figures.people.not_reached()),
    ("Lượt tin", |figures| figures.deliveries.total()),
    ("Tin quy đổi", |figures| figures.deliveries.parts),
    ("Chi phí (đồng)", |figures| figures.deliveries.cost),
];

/// A title within a sentence.
fn lower(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}
