//! Patterns of warnings: texts with blanks, from which a warning is written in a minute.
//!
//! What enters: the patterns that Loa ships, and an office's own in `campaigns/patterns/*.toml`. What leaves: [`Pattern`]s, and the
//! texts with their blanks filled. A blank stands as `[[name]]` in a text; what is filled in is words, never a placeholder.

use std::{collections::BTreeMap, path::Path};

use serde::Deserialize;

use crate::{phrase, words::Phrase};

/// A warning with blanks.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pattern {
    /// Its file's name without `.toml`.
    #[serde(skip)]
    pub slug: String,
    /// What people choose it by.
    pub title: String,
    /// The trick in a sentence.
    pub about: String,
    /// What is to be filled in, in order.
    #[serde(default, rename = "blank")]
    pub blanks: Vec<Blank>,
    /// The texts.
    pub text: Texts,
}

/// Something to be filled in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blank {
    /// As it stands in the texts between `[[` and `]]`.
    pub name: String,
    /// As a person reads it.
    pub label: String,
    /// What helps to fill it in.
    #[serde(default)]
    pub hint: String,
    /// What stands there at first.
    #[serde(default)]
    pub default: String,
    /// Characters at most.
    #[serde(default = "longest")]
    pub max: usize,
}

const fn longest() -> usize {
    60
}

/// A warning's texts, one a channel; an empty one: nothing goes that way.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub struct Texts {
    /// The campaign's title.
    #[serde(default)]
    pub title: String,
    /// The text message.
    #[serde(default)]
    pub sms: String,
    /// The chat message.
    #[serde(default)]
    pub chat: String,
    /// The mail's subject.
    #[serde(default)]
    pub subject: String,
    /// The mail, in Markdown.
    #[serde(default)]
    pub body: String,
}

impl Texts {
    /// Every text with its name in forms.
    pub fn all(&self) -> [(&'static str, &str); 5] {
        [("title", &self.title), ("sms", &self.sms), ("chat", &self.chat), ("subject", &self.subject), ("body", &self.body)]
    }

    fn each(&self, change: impl Fn(&str) -> String) -> Self {
        Self {
            title: change(&self.title),
            sms: change(&self.sms),
            chat: change(&self.chat),
            subject: change(&self.subject),
            body: change(&self.body),
        }
    }

    /// The texts with these values in their blanks.
    #[must_use]
    pub fn filled(&self, values: &BTreeMap<String, String>) -> Self {
        self.each(|text| {
            values.iter().fold(text.to_string(), |text, (name, value)| text.replace(&format!("[[{name}]]"), value.trim()))
        })
    }

    /// The blanks that still stand in a text, the first of each text: where, and which.
    pub fn open(&self) -> Vec<(&'static str, String)> {
        let blank = |text: &str| {
            let (_, rest) = text.split_once("[[")?;
            rest.split_once("]]").map(|(name, _)| name.to_string())
        };
        self.all().into_iter().filter_map(|(field, text)| blank(text).map(|name| (field, name))).collect()
    }
}

impl Blank {
    /// What is wrong with a value for it; none: nothing.
    pub fn mistake(&self, value: &str) -> Option<Phrase> {
        let (label, max) = (&self.label, self.max);
        let value = value.trim();
        if value.is_empty() {
            return Some(phrase!("hãy điền “{label}”", "fill in “{label}”"));
        }
        if value.chars().count() > max {
            return Some(phrase!("“{label}” dài quá {max} ký tự", "“{label}” has more than {max} characters"));
        }
        if value.contains(['{', '}', '[', ']']) || value.contains(char::is_control) {
            return Some(phrase!(
                "“{label}” không được có dấu ngoặc nhọn, ngoặc vuông hay xuống dòng",
                "“{label}” may have no braces, brackets or line breaks"
            ));
        }
        None
    }
}

macro_rules! shipped {
    ($($slug:literal),+ $(,)?) => {
        [$(($slug, include_str!(concat!("../../campaigns/patterns/", $slug, ".toml")))),+]
    };
}

const SHIPPED: [(&str, &str); 10] = shipped![
    "gia-cong-an",
    "ung-dung-vneid-gia",
    "gia-ngan-hang",
    "gia-dien-luc",
    "gia-thue",
    "deepfake-goi-video",
    "viec-nhe-luong-cao",
    "phi-giao-hang",
    "phat-nguoi",
    "dau-tu-sieu-loi-nhuan",
];

impl Pattern {
    /// A pattern from its file's text, or why it is none.
    pub fn parse(slug: &str, text: &str) -> Result<Self, String> {
        let pattern: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        let known = |name: &str| pattern.blanks.iter().any(|blank| blank.name == name);
        let unknown = pattern.text.open().into_iter().find(|(_, name)| !known(name));
        match unknown {
            Some((field, name)) => Err(format!("[[{name}]] in `{field}` is no [[blank]] of the pattern")),
            None => Ok(Self { slug: slug.to_string(), ..pattern }),
        }
    }

    /// The patterns that Loa ships and those of a definitions' folder, which go before shipped ones of the same name; and, with their
    /// names, the files that are none.
    pub fn all(definitions: &Path) -> (Vec<Self>, Vec<(String, String)>) {
        let mut texts: BTreeMap<String, String> =
            SHIPPED.iter().map(|(slug, text)| ((*slug).to_string(), (*text).to_string())).collect();
        let mut order: Vec<String> = SHIPPED.iter().map(|(slug, _)| (*slug).to_string()).collect();
        // No folder of the office's own is nothing missing.
        for entry in std::fs::read_dir(definitions.join("patterns")).into_iter().flatten().flatten() {
            let path = entry.path();
            let Some(slug) =
                path.file_stem().and_then(|stem| stem.to_str()).filter(|_| path.extension().is_some_and(|e| e == "toml"))
            else {
                continue;
            };
            if let Ok(text) = std::fs::read_to_string(&path)
                && texts.insert(slug.to_string(), text).is_none()
            {
                order.push(slug.to_string());
            }
        }
        let (mut patterns, mut broken) = (Vec::new(), Vec::new());
        for slug in order {
            match Self::parse(&slug, &texts[&slug]) {
                Ok(pattern) => patterns.push(pattern),
                Err(why) => broken.push((slug, why)),
            }
        }
        (patterns, broken)
    }

    /// What stands in the blanks at first.
    pub fn defaults(&self) -> BTreeMap<String, String> {
        self.blanks.iter().map(|blank| (blank.name.clone(), blank.default.clone())).collect()
    }
}

/// What a warning is besides its texts.
#[derive(Debug, Clone, Default)]
pub struct Frame<'a> {
    /// The department that answers for it.
    pub owner: &'a str,
    /// To whom.
    pub segments: &'a [String],
    /// `sms`, `chat`, `email`, in order.
    pub channels: &'a [&'static str],
    /// The document that it goes back to, if there is one: its number and date.
    pub basis: Option<(&'a str, chrono::NaiveDate)>,
    /// A correction is valid for longer: it follows late receipts.
    pub correction: bool,
}

/// The campaign's file, as an officer would write it.
pub fn campaign(frame: &Frame<'_>, texts: &Texts) -> String {
    use toml::{Table, Value};
    let text = |text: &str| Value::String(text.trim().to_string());
    let list = |items: Vec<Value>| Value::Array(items);
    let mut file = Table::new();
    file.insert("title".into(), text(&texts.title));
    file.insert("kind".into(), text("warning"));
    file.insert("owner".into(), text(frame.owner));
    if let Some((number, date)) = frame.basis {
        let date = toml::value::Datetime {
            date: date.to_string().parse::<toml::value::Datetime>().ok().and_then(|at| at.date),
            time: None,
            offset: None,
        };
        file.insert(
            "basis".into(),
            Value::Table(Table::from_iter([("number".into(), text(number)), ("date".into(), Value::Datetime(date))])),
        );
    }
    let segments = list(frame.segments.iter().map(|slug| text(slug)).collect());
    file.insert("audience".into(), Value::Table(Table::from_iter([("segments".into(), segments)])));
    let channels = list(frame.channels.iter().map(|name| text(name)).collect());
    file.insert("channels".into(), Value::Table(Table::from_iter([("use".into(), channels), ("policy".into(), text("all"))])));
    let valid = if frame.correction { "72h" } else { "12h" };
    let sending = Table::from_iter([("valid_for".to_string(), text(valid)), ("doubt".to_string(), text("resend"))]);
    file.insert("sending".into(), Value::Table(sending));
    let mut message = Table::from_iter([("id".to_string(), text(if frame.correction { "dinh-chinh" } else { "canh-bao" }))]);
    for channel in frame.channels {
        match *channel {
            "sms" => drop(message.insert("sms".into(), text(&texts.sms))),
            "chat" => drop(message.insert("chat".into(), Value::Table(Table::from_iter([("text".into(), text(&texts.chat))])))),
            _ => {
                let mail = Table::from_iter([("subject".into(), text(&texts.subject)), ("body".into(), text(&texts.body))]);
                message.insert("email".into(), Value::Table(mail));
            }
        }
    }
    file.insert("message".into(), list(vec![Value::Table(message)]));
    toml::to_string_pretty(&file).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::{Campaign, Kind};

    #[test]
    fn what_is_shipped_can_be_sent_as_it_stands() {
        let (patterns, broken) = Pattern::all(Path::new("/nowhere"));
        assert_eq!(broken, []);
        assert_eq!(patterns.len(), SHIPPED.len());
        for pattern in patterns {
            for blank in &pattern.blanks {
                assert_eq!(blank.mistake(&blank.default), None, "{}: {}", pattern.slug, blank.name);
                // It stands in chat messages and mails, too, which are read with accents; a name may have none.
                let reads = !blank.default.is_ascii() || blank.default.starts_with(char::is_uppercase);
                assert!(reads, "{}: {} has no accents: {}", pattern.slug, blank.name, blank.default);
                let stands = pattern.text.all().iter().any(|(_, text)| text.contains(&format!("[[{}]]", blank.name)));
                assert!(stands, "{}: nothing asks for {}", pattern.slug, blank.name);
            }
            let texts = pattern.text.filled(&pattern.defaults());
            assert_eq!(texts.open(), [], "{}", pattern.slug);
            let segments = ["toan-dan".to_string()];
            let frame =
                Frame { owner: "Sở Mẫu", segments: &segments, channels: &["sms", "chat", "email"], ..Frame::default() };
            let file = campaign(&frame, &texts);
            let campaign =
                Campaign::parse(&pattern.slug, &pattern.slug, &file).unwrap_or_else(|problems| panic!("{problems}\n{file}"));
            assert_eq!((campaign.kind, campaign.title.as_str()), (Kind::Warning, texts.title.as_str()));
            assert!(pattern.text.sms.is_ascii(), "{}: a text message is written without accents", pattern.slug);
            assert!(providers::text::unaccented(&texts.sms).is_ascii(), "{}: no accent is left on the wire", pattern.slug);
            assert!(texts.sms.chars().count() <= 306, "{}: at most two parts: {}", pattern.slug, texts.sms.chars().count());
        }
    }

    #[test]
    fn blanks_take_words_alone() {
        let blank = Blank { name: "noi".into(), label: "Nơi".into(), hint: String::new(), default: String::new(), max: 5 };
        assert_eq!(blank.mistake("Huế"), None);
        for wrong in ["", "  ", "quá dài rồi", "{{ x", "[[a", "a\nb"] {
            assert!(blank.mistake(wrong).is_some(), "{wrong:?}");
        }
        let texts = Texts { sms: "o [[noi]], [[noi]] [[khac]]".into(), ..Texts::default() };
        let filled = texts.filled(&BTreeMap::from([("noi".to_string(), " Hue ".to_string())]));
        assert_eq!(filled.sms, "o Hue, Hue [[khac]]");
        assert_eq!(filled.open(), [("sms", "khac".to_string())]);
        assert!(Pattern::parse("x", "title = \"a\"\nabout = \"b\"\n[text]\nsms = \"[[noi]]\"").unwrap_err().contains("noi"));
    }
}
