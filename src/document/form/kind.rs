//! What a field can hold, as text and as a TOML value.

use chrono::NaiveDate;
use toml_edit::{Array, Item, TableLike, Value};

/// What a field can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One line of text.
    Line,
    /// Text, possibly of several lines.
    Text,
    /// A day.
    Date,
    /// A whole number; thousands may be set apart.
    Whole,
    /// A number from 0 to 1; `85 %` is one.
    Share,
    /// Some of several names, in no particular order.
    Names,
    /// Several texts, in their order.
    Order,
    /// A table of texts.
    Texts,
    /// A table of days.
    Days,
    /// A table of lists: a text each, its elements apart by semicolons.
    Lists,
}

impl Kind {
    /// Whether a name goes with each text.
    pub const fn has_pairs(self) -> bool {
        matches!(self, Self::Texts | Self::Days | Self::Lists)
    }

    /// What a value of a document is in a field of this kind; none: no such field shows it.
    pub(super) fn shown(self, item: &Item) -> Option<Vec<String>> {
        match self {
            Self::Line => one_line(item).map(|text| vec![text]),
            Self::Text => item.as_str().map(|text| vec![text.replace("\r\n", "\n")]),
            Self::Date => Some(vec![day(item)?]),
            Self::Whole => match item.as_integer() {
                Some(number) => Some(vec![number.to_string()]),
                None => one_line(item).map(|text| vec![text]),
            },
            Self::Share => {
                let number = item.as_float().map(|number| number.to_string());
                number
                    .or_else(|| item.as_integer().map(|number| number.to_string()))
                    .or_else(|| one_line(item))
                    .map(|text| vec![text])
            }
            Self::Names | Self::Order => match item.as_array() {
                Some(list) => list.iter().map(|one| one.as_str().filter(|text| is_line(text)).map(str::to_string)).collect(),
                None if self == Self::Names => one_line(item).map(|text| vec![text]),
                None => None,
            },
            Self::Texts | Self::Days | Self::Lists => {
                let mut pairs = Vec::new();
                for (key, one) in item.as_table_like()?.iter() {
                    let text = match self {
                        Self::Days => day(one)?,
                        Self::Lists => listed(one)?,
                        _ => one.as_str()?.replace("\r\n", "\n"),
                    };
                    if key.trim() != key || key.is_empty() {
                        return None;
                    }
                    pairs.extend([key.to_string(), text]);
                }
                Some(pairs)
            }
        }
    }

    /// What was typed, without what has no meaning here.
    pub(super) fn tidied(self, typed: Vec<String>) -> Vec<String> {
        let kept = |text: &String| !text.trim().is_empty();
        match self {
            Self::Text => typed.into_iter().take(1).filter(|text| kept(text)).collect(),
            Self::Line | Self::Date | Self::Whole | Self::Share => {
                typed.into_iter().take(1).map(|text| text.trim().to_string()).filter(|text| !text.is_empty()).collect()
            }
            Self::Names | Self::Order => {
                let mut found: Vec<String> = Vec::new();
                for text in typed.iter().flat_map(|text| text.lines()).map(str::trim).filter(|text| !text.is_empty()) {
                    if self == Self::Order || !found.iter().any(|other| other == text) {
                        found.push(text.to_string());
                    }
                }
                found
            }
            Self::Texts | Self::Days | Self::Lists => typed,
        }
    }

    /// Whether both mean the same in a field of this kind.
    pub(super) fn is_same(self, one: &[String], other: &[String]) -> bool {
        let sorted = |texts: &[String]| {
            let mut texts = texts.to_vec();
            texts.sort();
            texts
        };
        let trimmed = |texts: &[String]| texts.iter().map(|text| text.trim().to_string()).collect::<Vec<_>>();
        match self {
            Self::Names => sorted(&trimmed(one)) == sorted(&trimmed(other)),
            Self::Text | Self::Texts | Self::Lists | Self::Days => one == other,
            _ => trimmed(one) == trimmed(other),
        }
    }

    /// A single text as the value that it spells.
    pub(super) fn value(self, text: &str) -> Value {
        let spelled = match self {
            Self::Date | Self::Days => date(text).and_then(|day| day.format("%Y-%m-%d").to_string().parse().ok()),
            Self::Whole => whole(text),
            Self::Share => share(text),
            Self::Lists => Some(Value::Array(elements(text).collect())),
            _ => None,
        };
        spelled.unwrap_or_else(|| Value::from(text))
    }

    /// Puts what was typed into a table: what stands there already and still does keeps its spelling and its comments.
    pub(super) fn put(self, table: &mut dyn TableLike, key: &str, typed: &[String]) {
        if typed.is_empty() {
            table.remove(key);
            return;
        }
        match self {
            Self::Names | Self::Order => match table.get_mut(key).and_then(Item::as_array_mut) {
                Some(list) if self == Self::Names => {
                    list.retain(|one| one.as_str().is_some_and(|text| typed.iter().any(|name| name == text)));
                    for name in typed {
                        if !list.iter().any(|one| one.as_str() == Some(name)) {
                            list.push(name.as_str());
                        }
                    }
                }
                _ => replace(table, key, Value::Array(typed.iter().map(String::as_str).collect())),
            },
            Self::Texts | Self::Days | Self::Lists => {
                if table.get(key).is_none_or(|item| !item.is_table_like()) {
                    table.insert(key, Item::Value(Value::InlineTable(toml_edit::InlineTable::new())));
                }
                let Some(inner) = table.get_mut(key).and_then(Item::as_table_like_mut) else { return };
                let names: Vec<String> = inner.iter().map(|(name, _)| name.to_string()).collect();
                for name in names.iter().filter(|name| !typed.chunks(2).any(|pair| pair[0] == **name)) {
                    inner.remove(name);
                }
                let one = if self == Self::Lists { Self::Lists } else { self };
                for pair in typed.chunks(2) {
                    let present = inner.get(&pair[0]).and_then(|item| match self {
                        Self::Days => day(item),
                        Self::Lists => listed(item),
                        _ => item.as_str().map(|text| text.replace("\r\n", "\n")),
                    });
                    if present.as_deref() != Some(pair[1].as_str()) {
                        replace(inner, &pair[0], one.value(&pair[1]));
                    }
                }
            }
            _ => replace(table, key, self.value(&typed[0])),
        }
    }
}

/// Puts a value where another stood, within the same blanks and comments.
pub(super) fn replace(table: &mut dyn TableLike, key: &str, value: Value) {
    match table.get_mut(key) {
        Some(Item::Value(old)) => {
            let decor = old.decor().clone();
            *old = value;
            *old.decor_mut() = decor;
        }
        _ => drop(table.insert(key, Item::Value(value))),
    }
}

fn is_line(text: &str) -> bool {
    !text.contains(['\n', '\r'])
}

/// Text of one line, or a time of day.
fn one_line(item: &Item) -> Option<String> {
    match item.as_datetime() {
        Some(moment) if moment.date.is_none() => {
            let time = moment.to_string();
            Some(time.strip_suffix(":00").filter(|short| short.len() == 5).map_or(time.clone(), str::to_string))
        }
        _ => item.as_str().filter(|text| is_line(text)).map(str::to_string),
    }
}

fn day(item: &Item) -> Option<String> {
    match item.as_datetime() {
        Some(moment) if moment.time.is_none() => Some(moment.to_string()),
        _ => one_line(item),
    }
}

fn listed(item: &Item) -> Option<String> {
    let plain = |text: &str| is_line(text) && !text.contains(';') && text.trim() == text && !text.is_empty();
    match item.as_array() {
        Some(list) => {
            let texts: Option<Vec<&str>> = list.iter().map(|one| one.as_str().filter(|text| plain(text))).collect();
            Some(texts?.join("; "))
        }
        None => item.as_str().filter(|text| plain(text)).map(str::to_string),
    }
}

fn elements(text: &str) -> impl Iterator<Item = &str> {
    text.split(';').map(str::trim).filter(|text| !text.is_empty())
}

/// A day as a browser sends it, or as people write it here.
pub(super) fn date(text: &str) -> Option<NaiveDate> {
    let text = text.trim();
    ["%Y-%m-%d", "%d/%m/%Y"].iter().find_map(|format| NaiveDate::parse_from_str(text, format).ok())
}

/// Whole numbers, whose thousands may be set apart: `90.000.000`, `90 000 000`.
fn whole(text: &str) -> Option<Value> {
    let groups: Vec<&str> = text.split(['.', ',', ' ', '_', '\u{a0}', '\u{202f}']).collect();
    let digits = |text: &&str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let apart = groups[1..].iter().all(|group| group.len() == 3)
        && groups[0].len() <= 3
        && groups[0].trim_start_matches('0') == groups[0];
    if !groups.iter().all(digits) || (groups.len() > 1 && !apart) {
        return None;
    }
    let number: i64 = groups.concat().parse().ok()?;
    if number < 10_000 {
        return Some(Value::from(number));
    }
    let digits = number.to_string();
    let mut spelled = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            spelled.push('_');
        }
        spelled.push(digit);
    }
    spelled.parse().ok()
}

/// A number such as `0.85`, `0,85`, `85%`.
fn share(text: &str) -> Option<Value> {
    let text = text.trim().replace(',', ".");
    let plain =
        |text: &str| text.starts_with(|c: char| c.is_ascii_digit()) && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let (text, hundredths) = match text.strip_suffix('%') {
        Some(text) => (text.trim_end(), true),
        None => (text.as_str(), false),
    };
    let number: f64 = text.parse().ok().filter(|_| plain(text))?;
    // Hundredths of what was typed, not of what binary makes of it: 0.57, never 0.5700000000000001.
    let number = if hundredths { format!("{:.6}", number / 100.0).parse().ok()? } else { number };
    Some(Value::from(number))
}

/// A list of texts as an array; a single text where there is one.
pub(super) fn one_or_list(texts: &[String]) -> Value {
    match texts {
        [one] => Value::from(one.as_str()),
        all => Value::Array(all.iter().map(String::as_str).collect::<Array>()),
    }
}
