//! The order sheet: an order on paper, as an office signs it and sends it, in Vietnamese whatever language the reader has.
//!
//! What enters: an [`Order`] and the office that gives it ([`Sheet`]). What leaves: what the paper says ([`Letter`]), which a page shows to
//! be printed and [`Letter::docx`] writes as an official letter by NĐ 30/2020/NĐ-CP; its last part is what the outlet fills in, signs and
//! sends back. What can go wrong is only the writing of the file.
//!
//! A paper that comes back is known by the order's identifier and by a check value ([`check`]) of what was ordered: whoever types it in
//! types both, and a paper of another order, or of what an Update replaced, is noticed.

mod docx;
mod sentences;

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{Order, Status, Step};
use crate::{
    audience::place::Places,
    config::Reporting,
    official::{self, moment},
    outlet::Kind,
    words::{Lang, number},
};

const VI: Lang = Lang::Vi;

/// Areas that stand among what was ordered; more of them stand in an appendix.
const FEW: usize = 12;
/// Lines of the table to be filled in; whoever counts more uses the workbook.
const LINES: usize = 40;
/// Lines where every place of the country may be written.
const BLANK: usize = 6;

/// What a sheet is made from.
#[derive(Debug, Clone, Copy)]
pub struct Sheet<'a> {
    /// The order.
    pub order: &'a Order,
    /// The one that it updates or cancels.
    pub earlier: Option<&'a Order>,
    /// `[office]`: `name` and `short`.
    pub office: &'a BTreeMap<String, String>,
    /// `[reporting]`: the place, the symbol, who stands above.
    pub reporting: &'a Reporting,
    /// Whom to ask, such as a telephone number.
    pub contact: Option<&'a str>,
    /// The day on the paper.
    pub today: NaiveDate,
}

/// What the paper says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Letter {
    /// The body above the office.
    pub superior: Option<String>,
    /// The office.
    pub office: String,
    /// `Số: …/STTTT`; the number is written in when it is signed.
    pub number: String,
    /// `V/v …`.
    pub about: String,
    /// `Hà Nội, ngày 05 tháng 10 năm 2026`.
    pub place_and_day: String,
    /// The outlet.
    pub to: String,
    /// An exercise or a test, so that nobody sends it.
    pub banner: Option<String>,
    /// What is asked.
    pub opening: Vec<String>,
    /// What was ordered: names and what they are.
    pub facts: Vec<(String, String)>,
    /// The texts, each in a box.
    pub texts: Vec<Passage>,
    /// What else is asked.
    pub closing: Vec<String>,
    /// *Nơi nhận*.
    pub recipients: Vec<String>,
    /// What the outlet fills in; none: nothing is counted, as of a Cancel.
    pub table: Option<Table>,
    /// Places, where they are too many to stand above.
    pub appendix: Vec<String>,
    /// The order's identifier.
    pub identifier: String,
    /// Its check value.
    pub check: String,
}

/// A text that is passed on as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Passage {
    /// What it is.
    pub title: String,
    /// Word by word.
    pub text: String,
    /// Encoding, parts and digest, of an SMS.
    pub note: Option<String>,
}

/// The table that the outlet fills in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Table {
    /// The columns' names: area and round, then what is counted.
    pub columns: Vec<String>,
    /// Areas with their rounds; both empty where the outlet writes them.
    pub lines: Vec<(String, String)>,
    /// What is said below it.
    pub note: String,
}

/// The check value of an order: of its identifier and of what it says, eight letters and digits of which none is taken for another.
pub fn check(order: &Order) -> String {
    const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let digest = Sha256::digest(format!("{}\n{}", order.identifier, order.hash));
    let bits = digest.iter().take(5).fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
    let letter = |at: u32| char::from(LETTERS[usize::try_from((bits >> (35 - 5 * at)) & 31).unwrap_or(0)]);
    (0..4).map(letter).chain(['-']).chain((4..8).map(letter)).collect()
}

/// Whether what somebody typed is the check value of an order: capitals, hyphens and blanks do not matter, nor O for 0, I and L for 1.
pub fn is_check(order: &Order, typed: &str) -> bool {
    let plain = |text: &str| -> String {
        let letters = text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase());
        letters
            .map(|c| match c {
                'O' => '0',
                'I' | 'L' => '1',
                c => c,
            })
            .collect()
    };
    plain(typed) == plain(&check(order))
}

/// The name of a place; a code that is none stays as it is.
fn place(code: &str) -> String {
    Places::built_in().full_name(code).unwrap_or_else(|| code.to_string())
}

impl Sheet<'_> {
    /// What the paper says.
    pub fn letter(&self) -> Letter {
        let symbol = official::symbol(self.reporting, self.office);
        let room = official::room();
        Letter {
            superior: self.reporting.superior.clone(),
            office: official::office_name(self.office).to_string(),
            number: symbol.map_or_else(|| format!("Số:{room}/……"), |symbol| format!("Số:{room}/{symbol}")),
            about: format!("V/v {}", sentences::about(self.order)),
            place_and_day: official::place_and_day(self.reporting, self.today),
            to: self.order.outlet_title.clone(),
            banner: sentences::banner(self.order.status).map(str::to_string),
            opening: sentences::opening(self),
            facts: self.facts(),
            texts: if self.order.step == Step::Cancel { Vec::new() } else { self.texts() },
            closing: sentences::closing(self),
            recipients: sentences::recipients(self.order),
            table: self.table(),
            appendix: self.appendix(),
            identifier: self.order.identifier.clone(),
            check: check(self.order),
        }
    }

    fn facts(&self) -> Vec<(String, String)> {
        let (order, content) = (self.order, &self.order.content);
        let mut facts = vec![("Mã yêu cầu", order.identifier.clone())];
        if let Some(earlier) = self.earlier {
            let what = if order.step == Step::Cancel { "Thu hồi yêu cầu" } else { "Thay cho yêu cầu" };
            facts.push((what, earlier.identifier.clone()));
        }
        facts.push(("Nội dung", content.title.clone()));
        facts.push(("Tính chất", if content.warning { "Cảnh báo khẩn" } else { "Tuyên truyền" }.to_string()));
        if order.status != Status::Actual {
            facts.push(("Hình thức", order.status.label().vi));
        }
        if order.step == Step::Cancel {
            return named(facts);
        }
        let is_sms = content.sms.is_some() && order.outlet_kind == Kind::Carrier;
        if let Some(sender) = content.sender_name.as_ref().filter(|_| is_sms) {
            facts.push(("Tên định danh (brandname)", sender.clone()));
        }
        facts.push(("Địa bàn", self.areas()));
        if let Some(audience) = &content.audience {
            facts.push(("Đối tượng", audience.clone()));
        }
        let rounds = match content.rounds {
            0 | 1 => content.rounds.to_string(),
            rounds => format!("{rounds}: mỗi người nhận tin một lần trong mỗi vòng"),
        };
        facts.push(("Số vòng", rounds));
        if let Some((from, until)) = &content.window {
            facts.push(("Khung giờ thực hiện", format!("{from}–{until} hằng ngày")));
        }
        if let Some(rate) = content.max_rate.filter(|_| is_sms) {
            facts.push(("Tốc độ tối đa", format!("{} tin/giây", number(i64::from(rate), VI))));
        }
        facts.push(("Thực hiện đến hết", moment(order.expires_at)));
        if let Some(by) = order.report_by {
            facts.push(("Hạn báo cáo kết quả", moment(by)));
        }
        let payment = content.contract.as_ref();
        facts.push(("Kinh phí", payment.map_or_else(|| "Miễn phí".to_string(), |number| format!("Theo hợp đồng số {number}"))));
        named(facts)
    }

    fn areas(&self) -> String {
        let areas = &self.order.content.areas;
        match areas.len() {
            0 => "Cả nước".to_string(),
            1..=FEW => areas.iter().map(|code| place(code)).collect::<Vec<_>>().join("; "),
            many => format!("{} địa bàn theo Phụ lục kèm theo", number(i64::try_from(many).unwrap_or(i64::MAX), VI)),
        }
    }

    fn appendix(&self) -> Vec<String> {
        let areas = &self.order.content.areas;
        if areas.len() <= FEW || self.order.step == Step::Cancel {
            return Vec::new();
        }
        areas.iter().map(|code| format!("{} (mã {code})", place(code))).collect()
    }

    fn texts(&self) -> Vec<Passage> {
        let content = &self.order.content;
        let is_carrier = self.order.outlet_kind == Kind::Carrier;
        let mut texts = Vec::new();
        if let Some(sms) = content.sms.as_ref().filter(|_| is_carrier) {
            let alphabet = if sms.encoding == "gsm" { "GSM 03.38, không dấu" } else { "UCS-2, có dấu" };
            texts.push(Passage {
                title: "Nội dung tin nhắn SMS (gửi nguyên văn)".to_string(),
                text: sms.text.clone(),
                note: Some(format!("Bảng mã: {alphabet}. Số phần tin: {}. SHA-256 (UTF-8): {}", sms.parts, sms.sha256)),
            });
        }
        if let Some(app) = content.app.as_ref().filter(|_| is_carrier) {
            let title = "Nội dung hiển thị trong ứng dụng của nhà mạng".to_string();
            texts.push(Passage { title, text: app.clone(), note: None });
        }
        // Whoever has no subscribers passes on what there is: the material, or else what others send.
        let material = content.material.as_ref().filter(|_| !is_carrier || texts.is_empty());
        let instead = || content.app.as_ref().or_else(|| content.sms.as_ref().map(|sms| &sms.text)).filter(|_| !is_carrier);
        if let Some(material) = material.or_else(instead) {
            let title = "Nội dung phổ biến".to_string();
            texts.push(Passage { title, text: material.clone(), note: None });
        }
        texts
    }

    fn table(&self) -> Option<Table> {
        let (order, content) = (self.order, &self.order.content);
        if order.step == Step::Cancel {
            return None;
        }
        let rounds = content.rounds.max(1);
        let all = content.areas.len().saturating_mul(usize::from(rounds));
        let written = content.areas.iter().flat_map(|code| (1..=rounds).map(move |round| (place(code), round.to_string())));
        let mut lines: Vec<(String, String)> = written.take(LINES).collect();
        if lines.is_empty() {
            lines = vec![(String::new(), String::new()); BLANK];
        }
        let columns = sentences::columns(order.outlet_kind).iter().map(ToString::to_string).collect();
        Some(Table { columns, lines, note: sentences::of_table(order.outlet_kind, all > LINES) })
    }
}

fn named(facts: Vec<(&str, String)>) -> Vec<(String, String)> {
    facts.into_iter().map(|(name, text)| (name.to_string(), text)).collect()
}

#[cfg(test)]
mod tests;
