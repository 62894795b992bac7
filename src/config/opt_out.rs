//! `[opt_out]`: where people refuse by text, the words they do it with, and what they are told.

#![expect(
    clippy::unnecessary_wraps,
    reason = "a reader returns an option whether or not it can fail: that is what sections call"
)]

use std::time::Duration;

use providers::text::unaccented;

use super::OptOut;
use crate::{
    document::{Section, Value},
    phrase,
};

/// Words of a refusal where loa.toml names none. (NĐ 91/2020/NĐ-CP leaves the words to the sender; these are what carriers'
/// subscribers are used to.)
const WORDS: [&str; 4] = ["TC", "TU CHOI", "TU CHOI NHAN TIN", "STOP"];
/// Words that take a refusal back.
const RESUME: [&str; 3] = ["HUY TC", "HUY TU CHOI", "START"];
/// Letters of a word, or of several: a text that is longer says more than a refusal.
const LONGEST: usize = 30;
/// Placeholders of a confirmation.
const PLACEHOLDERS: [&str; 3] = ["{office}", "{time}", "{resume}"];
/// Letters of a confirmation's wording: two parts with its placeholders filled in.
const LONGEST_CONFIRMATION: usize = 240;
const DAY: Duration = Duration::from_hours(24);

impl Default for OptOut {
    fn default() -> Self {
        Self {
            number: None,
            keyword: WORDS[0].to_string(),
            words: WORDS.map(str::to_string).to_vec(),
            resume: RESUME.map(str::to_string).to_vec(),
            everything: false,
            refused: None,
            refused_en: None,
            resumed: None,
            resumed_en: None,
            keep: 90 * DAY,
        }
    }
}

impl OptOut {
    /// Where and how to refuse, for a text in Vietnamese or English; none: no number is set.
    pub fn instruction(&self, english: bool) -> Option<String> {
        let (keyword, number) = (&self.keyword, self.number.as_ref()?);
        Some(if english {
            format!("Text {keyword} to {number} to opt out")
        } else {
            format!("Soạn {keyword} gửi {number} để từ chối")
        })
    }
}

/// A word without accents, blanks and case: what two spellings of it share.
fn bare(word: &str) -> String {
    unaccented(word).chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect()
}

pub(super) fn opt_out(section: &mut Section<'_>) -> Option<OptOut> {
    let default = OptOut::default();
    let number = section.optional("number", |v| number(&v));
    let keyword = section.optional("keyword", |v| keyword(&v));
    let words = section.optional("words", |v| v.some(|one| word(&one)));
    let mut words = words.unwrap_or(default.words);
    let keyword = keyword.unwrap_or_else(|| words.first().cloned().unwrap_or(default.keyword));
    if !words.iter().any(|word| bare(word) == bare(&keyword)) {
        words.push(keyword.clone());
    }
    let resume = section.optional("resume", |v| {
        v.some(|one| {
            let word = word(&one)?;
            if words.iter().any(|refusing| bare(refusing) == bare(&word)) {
                return one.refuse(
                    phrase!("\"{word}\" vừa là từ chối vừa là nhận lại", "\"{word}\" both refuses and takes back"),
                    phrase!("bỏ nó khỏi `words` hoặc `resume`", "take it out of `words` or of `resume`"),
                );
            }
            Some(word)
        })
    });
    let everything =
        section.optional("scope", |v| v.choice(&[("awareness", false), ("all", true)])).unwrap_or(default.everything);
    let keep = section.optional("keep", |v| v.duration(DAY..=366 * DAY)).unwrap_or(default.keep);
    let [refused, refused_en, resumed, resumed_en] = section
        .optional("confirm", |v| {
            v.section(|s| {
                Some(["refused", "refused_en", "resumed", "resumed_en"].map(|key| s.optional(key, |v| confirmation(&v))))
            })
        })
        .unwrap_or_default();
    let resume = resume.unwrap_or(default.resume);
    Some(OptOut { number, keyword, words, resume, everything, refused, refused_en, resumed, resumed_en, keep })
}

/// A short code or a phone number, as people dial it.
fn number(value: &Value<'_>) -> Option<String> {
    let text = value.line()?;
    let digits = text.strip_prefix('+').unwrap_or(&text);
    if (3..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) {
        return Some(text);
    }
    value.refuse(
        phrase!("\"{text}\" không phải một số để nhắn tin tới", "\"{text}\" is not a number to text to"),
        phrase!(
            "viết số viết tắt hoặc số điện thoại, chỉ gồm chữ số: number = \"5656\"",
            "write a short code or a phone number, digits only: number = \"5656\""
        ),
    )
}

/// One word that any phone can type.
fn keyword(value: &Value<'_>) -> Option<String> {
    let text = value.line()?;
    if text.len() <= 15 && text.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Some(text);
    }
    value.refuse(
        phrase!("\"{text}\" không phải một từ khóa", "\"{text}\" is not a keyword"),
        phrase!(
            "một từ không dấu, chữ và số, nhiều nhất 15 ký tự: keyword = \"TC\"",
            "one word of letters and digits without accents, at most 15: keyword = \"TC\""
        ),
    )
}

fn word(value: &Value<'_>) -> Option<String> {
    let text = value.line()?;
    if (2..=LONGEST).contains(&bare(&text).len()) {
        return Some(text);
    }
    value.refuse(
        phrase!("\"{text}\" không dùng làm từ từ chối được", "\"{text}\" cannot be a word of a refusal"),
        phrase!(
            "viết một hay vài từ, 2 đến {LONGEST} chữ cái hoặc chữ số",
            "write a word or a few, 2 to {LONGEST} letters or digits"
        ),
    )
}

fn confirmation(value: &Value<'_>) -> Option<String> {
    let text = value.line()?;
    let plain = PLACEHOLDERS.iter().fold(text.clone(), |text, known| text.replace(known, ""));
    let known = PLACEHOLDERS.join(", ");
    if plain.contains(['{', '}']) {
        return value.refuse(
            phrase!("câu trả lời có chỗ điền không có thật", "the confirmation has a placeholder that there is not"),
            phrase!("dùng được: {known}", "there are: {known}"),
        );
    }
    if text.chars().count() > LONGEST_CONFIRMATION {
        return value.refuse(
            phrase!("câu trả lời quá dài", "the confirmation is too long"),
            phrase!("nhiều nhất {LONGEST_CONFIRMATION} ký tự", "at most {LONGEST_CONFIRMATION} characters"),
        );
    }
    Some(text)
}
