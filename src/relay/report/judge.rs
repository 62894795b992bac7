//! Whether a report adds up, and fits the one before it: a pure function.
//!
//! In each area and round `delivered + failed + pending ≤ submitted ≤ targeted`. Reports are cumulative: each has every area and round
//! of the one before it, and no count but `pending` falls, unless it is a correction that says why. No subscriber is counted in two
//! areas: a province and one of its wards exclude each other.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{Count, Report};
use crate::{outlet::Kind, phrase, relay::Content, words::Phrase};

/// No count is larger: twelve digits are more than all messages of a year.
pub const MOST: i64 = 999_999_999_999;
/// No sequence is higher: JSON's numbers are exact up to it (RFC 8259, section 6).
const HIGHEST: i64 = 9_007_199_254_740_991;
/// Clocks that differ by so much are no matter (milliseconds).
const SKEW: i64 = 10 * 60_000;
/// Areas and rounds of one report at most.
pub(super) const LINES: usize = 20_000;

/// What a report is judged by.
#[derive(Debug, Clone, Copy)]
pub struct Ground<'a> {
    /// What was ordered.
    pub content: &'a Content,
    /// What the outlet is.
    pub kind: Kind,
    /// When the order was sent.
    pub since: i64,
    /// The report that counts until now.
    pub newest: Option<&'a Report>,
    /// Now, unix milliseconds.
    pub now: i64,
}

/// One reason why a report is not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The area, where it is about one.
    pub area: Option<String>,
    /// The round, where it is about one.
    pub round: Option<u16>,
    /// The field's name in the API.
    pub field: &'static str,
    /// What is wrong, and what would be right.
    #[serde(skip)]
    pub why: Phrase,
}

impl Fault {
    fn of(field: &'static str, why: Phrase) -> Self {
        Self { area: None, round: None, field, why }
    }

    fn at(count: &Count, field: &'static str, why: Phrase) -> Self {
        Self { area: Some(count.area.clone()), round: Some(count.round), field, why }
    }

    pub(super) fn no_evidence() -> Self {
        Self::of(
            "evidence",
            phrase!("chưa có tài liệu mang mã này: hãy tải lên trước", "there is no such paper: upload it first"),
        )
    }

    /// Where and why.
    pub fn words(&self) -> Phrase {
        let why = &self.why;
        match (&self.area, self.round) {
            (Some(area), Some(round)) => {
                let (vi, en) = (&why.vi, &why.en);
                phrase!("địa bàn {area}, vòng {round}: {vi}", "area {area}, round {round}: {en}")
            }
            _ => why.clone(),
        }
    }
}

/// Every reason why a report is not taken; none: it is. `province_of` says in which province a code lies, itself for a province.
pub fn judge(ground: &Ground<'_>, report: &Report, province_of: impl Fn(&str) -> Option<&'static str>) -> Vec<Fault> {
    let mut faults = whole(ground, report);
    // Of more lines than there can be, nobody reads each one's mistakes.
    if report.counts.len() > LINES {
        return faults;
    }
    let mut seen = BTreeSet::new();
    for count in &report.counts {
        if !seen.insert((count.area.as_str(), count.round)) {
            faults.push(Fault::at(count, "areas", phrase!("xuất hiện hai lần", "it is there twice")));
        }
        if !ground.content.covers(&count.area, &province_of) {
            let why = phrase!("không thuộc địa bàn của yêu cầu", "the order does not cover this area");
            faults.push(Fault::at(count, "code", why));
        }
        faults.extend(sums(ground.kind, count));
    }
    faults.extend(twice(report, &province_of));
    if ground.content.rounds > 0 {
        let beyond = report.counts.iter().filter(|count| count.round == 0 || count.round > ground.content.rounds);
        faults.extend(beyond.map(|count| {
            let rounds = ground.content.rounds;
            Fault::at(count, "round", phrase!("yêu cầu có {rounds} vòng, từ 1", "the order has {rounds} rounds, from 1"))
        }));
    }
    if let Some(newest) = ground.newest {
        faults.extend(after(newest, report));
    }
    faults
}

/// What is about no area.
fn whole(ground: &Ground<'_>, report: &Report) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut wrong = |field, why| faults.push(Fault::of(field, why));
    if report.sequence < 1 {
        wrong("sequence", phrase!("số thứ tự bắt đầu từ 1", "sequences begin with 1"));
    }
    if report.sequence > HIGHEST {
        wrong("sequence", phrase!("số thứ tự lớn nhất là {HIGHEST}", "no sequence is higher than {HIGHEST}"));
    }
    if report.as_of > ground.now + SKEW {
        wrong("as_of", phrase!("thời điểm số liệu nằm trong tương lai", "it counts up to a moment in the future"));
    }
    if report.as_of < ground.since {
        wrong("as_of", phrase!("thời điểm số liệu có trước khi gửi yêu cầu", "it counts up to a moment before the order"));
    }
    if report.correction.as_ref().is_some_and(|reason| reason.trim().is_empty()) {
        wrong("correction", phrase!("đính chính phải nêu lý do", "a correction says why"));
    }
    if report.counts.len() > LINES {
        wrong("areas", phrase!("quá nhiều dòng: tối đa {LINES}", "too many lines: at most {LINES}"));
    }
    // A school that passed a text on may have nothing to count; a carrier always has.
    if report.counts.is_empty() && (ground.kind == Kind::Carrier || !report.last) {
        wrong("areas", phrase!("báo cáo không có số liệu nào", "the report counts nothing"));
    }
    faults
}

/// Whether one line adds up, in the words of whoever counts: subscribers are not all that is counted.
fn sums(kind: Kind, count: &Count) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (field, number) in numbers(count) {
        if number.is_some_and(|number| !(0..=MOST).contains(&number)) {
            faults.push(Fault::at(count, field, phrase!("phải từ 0 đến {MOST}", "it must be from 0 to {MOST}")));
        }
    }
    if !faults.is_empty() {
        return faults;
    }
    let known = count.delivered.unwrap_or(0) + count.failed.unwrap_or(0) + count.pending.unwrap_or(0);
    let (submitted, targeted) = (count.submitted, count.targeted);
    if known > submitted {
        let why = phrase!(
            "thành công + thất bại + đang chờ = {known}, nhiều hơn đã gửi ({submitted})",
            "delivered + failed + pending = {known}, more than submitted ({submitted})"
        );
        faults.push(Fault::at(count, "submitted", why));
    }
    if submitted > targeted {
        let why = if kind == Kind::Carrier {
            phrase!(
                "đã gửi {submitted}, nhiều hơn số thuê bao mục tiêu ({targeted})",
                "submitted {submitted}, more than targeted ({targeted})"
            )
        } else {
            phrase!(
                "đã thực hiện {submitted}, nhiều hơn số cần thực hiện ({targeted})",
                "done for {submitted}, more than the {targeted} that it was for"
            )
        };
        faults.push(Fault::at(count, "targeted", why));
    }
    if count.starts_at.zip(count.ends_at).is_some_and(|(starts, ends)| ends < starts) {
        faults.push(Fault::at(count, "ends_at", phrase!("kết thúc trước khi bắt đầu", "it ends before it starts")));
    }
    faults
}

/// Every count of a line, by its name in the API.
const fn numbers(count: &Count) -> [(&'static str, Option<i64>); 7] {
    [
        ("targeted", Some(count.targeted)),
        ("submitted", Some(count.submitted)),
        ("delivered", count.delivered),
        ("failed", count.failed),
        ("pending", count.pending),
        ("parts", count.parts),
        ("cost", count.cost),
    ]
}

/// Wards whose whole province is counted beside them in the same round.
fn twice(report: &Report, province_of: impl Fn(&str) -> Option<&'static str>) -> Vec<Fault> {
    let listed: BTreeSet<(&str, u16)> = report.counts.iter().map(|count| (count.area.as_str(), count.round)).collect();
    let within = |count: &&Count| {
        province_of(&count.area).is_some_and(|province| province != count.area && listed.contains(&(province, count.round)))
    };
    let why = phrase!("đã tính trong tỉnh, thành phố của nó", "its province counts it already");
    report.counts.iter().filter(within).map(|count| Fault::at(count, "code", why.clone())).collect()
}

/// Whether a report may come after another.
fn after(newest: &Report, report: &Report) -> Vec<Fault> {
    let mut faults = Vec::new();
    let last = newest.sequence;
    if report.sequence <= last {
        let why = phrase!(
            "số thứ tự phải lớn hơn báo cáo gần nhất ({last})",
            "the sequence must be higher than that of the newest report ({last})"
        );
        faults.push(Fault::of("sequence", why));
    }
    if report.correction.is_some() {
        return faults;
    }
    if report.as_of < newest.as_of {
        let why = phrase!(
            "thời điểm số liệu có trước báo cáo gần nhất: nếu là đính chính hãy nêu lý do",
            "it counts up to a moment before the newest report: if it corrects that one, say why in `correction`"
        );
        faults.push(Fault::of("as_of", why));
    }
    let now: BTreeMap<(&str, u16), &Count> =
        report.counts.iter().map(|count| ((count.area.as_str(), count.round), count)).collect();
    for was in &newest.counts {
        let Some(is) = now.get(&(was.area.as_str(), was.round)) else {
            let why = phrase!(
                "đã có trong báo cáo trước mà nay thiếu: số liệu là lũy kế, nếu là đính chính hãy nêu lý do",
                "it was reported before and is missing: reports are cumulative; if it corrects, say why in `correction`"
            );
            faults.push(Fault::at(was, "areas", why));
            continue;
        };
        for ((field, before), (_, after)) in numbers(was).into_iter().zip(numbers(is)) {
            let Some(before) = before.filter(|_| field != "pending") else { continue };
            if after.is_none_or(|after| after < before) {
                let after = after.map_or_else(|| "—".to_string(), |after| after.to_string());
                let why = phrase!(
                    "giảm từ {before} xuống {after}: nếu là đính chính hãy nêu lý do",
                    "it falls from {before} to {after}: if it corrects, say why in `correction`"
                );
                faults.push(Fault::at(is, field, why));
            }
        }
    }
    faults
}

#[cfg(test)]
mod tests;
