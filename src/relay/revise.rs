//! An Update's content: the earlier one's, with what is to change. What enters is what an officer or a program wrote, which names only
//! what changes; what leaves is the whole. What can go wrong: a field does not fit, and then its name and what would be right.

use providers::text::Encoding;

use super::{Content, Sms, content::apart};
use crate::{
    audience::place::Places,
    campaign::{
        SmsText,
        relay::{Text, why},
    },
    phrase,
    words::Phrase,
};

/// Rounds of an order at most.
pub const MOST_ROUNDS: u16 = 50;
/// The longest line, and the longest text, in characters.
const LINE: usize = 200;
const TEXT: usize = 5_000;

/// What is to change; what is none stays as it is. An empty text takes away what it stands for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// What it is about.
    pub title: Option<String>,
    /// The text message as it is written.
    pub sms: Option<String>,
    /// Whether its accents are taken off.
    pub unaccented: bool,
    /// What carriers show in their own application.
    pub app: Option<String>,
    /// What the others read out, print or publish.
    pub material: Option<String>,
    /// How often everybody gets it.
    pub rounds: Option<u16>,
    /// Hours of each day between which it may be sent.
    pub window: Option<(String, String)>,
    /// Texts a second at most.
    pub max_rate: Option<u32>,
    /// Codes of areas: at least one.
    pub areas: Option<Vec<String>>,
    /// For whom it is, in words.
    pub audience: Option<String>,
    /// Until when it holds, unix milliseconds.
    pub expires_at: Option<i64>,
    /// When its final report is due.
    pub report_by: Option<i64>,
}

/// A field that does not fit, by its name in [`Changes`], and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// The field.
    pub field: &'static str,
    /// What would be right.
    pub why: Phrase,
}

fn no<T>(field: &'static str, why: Phrase) -> Result<T, Misfit> {
    Err(Misfit { field, why })
}

/// Minutes after midnight of `08:30`; `24:00` is the last.
fn minutes(clock: &str) -> Option<u16> {
    let (hours, minutes) = clock.split_once(':')?;
    let plain = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    let (hours, minutes): (u16, u16) =
        if plain(hours) && plain(minutes) { (hours.parse().ok()?, minutes.parse().ok()?) } else { return None };
    let of_day = hours * 60 + minutes;
    (minutes < 60 && of_day <= 24 * 60).then_some(of_day)
}

/// A text that may be taken away.
fn text(field: &'static str, written: &str, most: usize) -> Result<Option<String>, Misfit> {
    let text = written.trim();
    if text.chars().count() > most {
        return no(field, phrase!("nhiều nhất {most} ký tự", "at most {most} characters"));
    }
    if text.contains(|c: char| c.is_control() && c != '\n' && c != '\r' && c != '\t') {
        return no(field, phrase!("không được chứa ký tự điều khiển", "no control characters may stand in it"));
    }
    Ok(Some(text.to_string()).filter(|text| !text.is_empty()))
}

impl Changes {
    /// Whether nothing is to change.
    pub fn is_nothing(&self) -> bool {
        *self == Self { unaccented: self.unaccented, ..Self::default() }
    }

    /// The content with these changes, at `now` (unix milliseconds); `is_place` says whether a code is one.
    pub fn of(&self, earlier: &Content, now: i64, is_place: impl Fn(&str) -> bool) -> Result<Content, Misfit> {
        let mut content = earlier.clone();
        if let Some(title) = &self.title {
            content.title = match text("title", title, LINE)? {
                Some(title) if !title.contains(['\n', '\r']) => title,
                _ => return no("title", phrase!("viết một dòng", "write one line")),
            };
        }
        if let Some(written) = &self.sms {
            content.sms = self.sms(written, earlier)?;
        }
        if let Some(app) = &self.app {
            content.app = text("app", app, TEXT)?;
        }
        if let Some(material) = &self.material {
            content.material = text("material", material, TEXT)?;
        }
        if content.sms.is_none() && content.app.is_none() && content.material.is_none() {
            return no("sms", phrase!("phải còn ít nhất một nội dung để gửi", "at least one text must be left to pass on"));
        }
        if let Some(rounds) = self.rounds {
            if !(1..=MOST_ROUNDS).contains(&rounds) {
                return no("rounds", phrase!("từ 1 đến {MOST_ROUNDS}", "from 1 to {MOST_ROUNDS}"));
            }
            content.rounds = rounds;
        }
        if let Some((from, until)) = &self.window {
            let hours = minutes(from).zip(minutes(until));
            if hours.is_none_or(|(from, until)| from >= until) {
                let why = phrase!("viết như 08:00 và 20:00, giờ sau lớn hơn", "write 08:00 and 20:00, the later one last");
                return no("window", why);
            }
            content.window = Some((from.clone(), until.clone()));
        }
        if let Some(rate) = self.max_rate {
            if rate == 0 {
                return no("max_rate", phrase!("lớn hơn 0", "more than 0"));
            }
            content.max_rate = Some(rate);
        }
        if let Some(areas) = &self.areas {
            content.areas = places(areas, is_place)?;
        }
        if let Some(audience) = &self.audience {
            content.audience = text("audience", audience, LINE)?;
        }
        content.expires_at = self.expires_at.unwrap_or(content.expires_at);
        if content.expires_at <= now {
            return no("expires_at", phrase!("phải sau thời điểm hiện tại", "it must be later than now"));
        }
        content.report_by = self.report_by.or(content.report_by);
        if content.report_by.is_some_and(|due| due < content.expires_at) {
            return no(
                "report_by",
                phrase!("hạn báo cáo không được trước khi hết hiệu lực", "the report cannot be due before the order expires"),
            );
        }
        if content == *earlier {
            return no("", phrase!("không có gì thay đổi so với yêu cầu trước", "nothing differs from the earlier order"));
        }
        Ok(content)
    }

    fn sms(&self, written: &str, earlier: &Content) -> Result<Option<Sms>, Misfit> {
        if written.trim().is_empty() {
            return Ok(None);
        }
        if earlier.sender_name.is_none() {
            let why = phrase!("yêu cầu trước không có tên người gửi SMS", "the earlier order names no sender of texts");
            return no("sms", why);
        }
        let how = if self.unaccented { SmsText::Unaccented } else { SmsText::Unicode };
        match Text::of(written, how) {
            Ok(Text { text, encoding, parts, sha256, .. }) => {
                let encoding = match encoding {
                    Encoding::Gsm => "gsm",
                    Encoding::Ucs2 => "ucs2",
                };
                Ok(Some(Sms { text, encoding: encoding.to_string(), parts, sha256 }))
            }
            Err(error) => no("sms", why(&error)),
        }
    }
}

fn places(areas: &[String], is_place: impl Fn(&str) -> bool) -> Result<Vec<String>, Misfit> {
    let mut codes: Vec<String> = areas.iter().map(|code| code.trim().to_string()).collect();
    codes.sort();
    codes.dedup();
    if codes.is_empty() {
        return no("areas", phrase!("nêu ít nhất một địa bàn", "name at least one area"));
    }
    if let Some(code) = codes.iter().find(|code| !is_place(code)) {
        let code: String = code.chars().take(20).collect();
        return no("areas", phrase!("không có địa bàn mang mã {code}", "there is no area with the code {code}"));
    }
    Ok(apart(codes, |code| Places::built_in().province_of(code)))
}

#[cfg(test)]
mod tests {
    use super::super::content::sample;
    use super::*;

    fn of(changes: &Changes) -> Result<Content, &'static str> {
        let earlier = Content { expires_at: 1_000, report_by: Some(2_000), ..sample() };
        changes.of(&earlier, 500, |code| code.len() == 2).map_err(|misfit| misfit.field)
    }

    #[test]
    fn what_is_not_named_stays() {
        let changed = of(&Changes { rounds: Some(3), ..Changes::default() }).unwrap();
        assert_eq!(changed, Content { rounds: 3, expires_at: 1_000, report_by: Some(2_000), ..sample() });
        let changed = of(&Changes { sms: Some("Không đọc mã OTP".into()), unaccented: true, ..Changes::default() }).unwrap();
        let sms = changed.sms.unwrap();
        assert_eq!((sms.text.as_str(), sms.encoding.as_str(), sms.parts), ("Khong doc ma OTP", "gsm", 1));
        assert_eq!(sms, Sms::new(sms.text.clone(), "gsm", 1));
        let accented = of(&Changes { sms: Some("Không đọc mã OTP".into()), ..Changes::default() }).unwrap();
        assert_eq!(accented.sms.unwrap().encoding, "ucs2");
        let overlapping = Changes { areas: Some(vec!["79".into(), "00004".into(), "01".into()]), ..Changes::default() };
        let earlier = Content { areas: vec!["79".into()], expires_at: 1_000, report_by: Some(2_000), ..sample() };
        assert_eq!(
            overlapping.of(&earlier, 500, |_| true).unwrap().areas,
            ["01", "79"],
            "a ward beside its province says nothing"
        );
        let app = of(&Changes { app: Some(" Cảnh báo ".into()), sms: Some(String::new()), ..Changes::default() }).unwrap();
        assert_eq!((app.app.as_deref(), app.sms), (Some("Cảnh báo"), None));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let none = Changes::default();
        assert!(none.is_nothing() && Changes { unaccented: true, ..none.clone() }.is_nothing());
        let wrong = [
            ("", none.clone()),
            ("title", Changes { title: Some(" ".into()), ..none.clone() }),
            ("title", Changes { title: Some("a\nb".into()), ..none.clone() }),
            ("title", Changes { title: Some("a".repeat(201)), ..none.clone() }),
            ("sms", Changes { sms: Some(" ".into()), ..none.clone() }),
            ("sms", Changes { sms: Some("a".repeat(5_000)), ..none.clone() }),
            ("app", Changes { app: Some("a\u{0}".into()), ..none.clone() }),
            ("rounds", Changes { rounds: Some(0), ..none.clone() }),
            ("rounds", Changes { rounds: Some(51), ..none.clone() }),
            ("window", Changes { window: Some(("20:00".into(), "08:00".into())), ..none.clone() }),
            ("window", Changes { window: Some(("8:00".into(), "20:00".into())), ..none.clone() }),
            ("window", Changes { window: Some(("08:00".into(), "24:01".into())), ..none.clone() }),
            ("max_rate", Changes { max_rate: Some(0), ..none.clone() }),
            ("areas", Changes { areas: Some(vec![]), ..none.clone() }),
            ("areas", Changes { areas: Some(vec!["01".into(), "x".into()]), ..none.clone() }),
            ("expires_at", Changes { expires_at: Some(500), ..none.clone() }),
            ("report_by", Changes { report_by: Some(999), ..none.clone() }),
        ];
        for (field, changes) in wrong {
            assert_eq!(of(&changes), Err(field), "{changes:?}");
        }
    }
}
