//! Words for people: Vietnamese first, English by the switch `--lang en`. What enters is a state's name or a sentence in
//! both languages; what leaves is the text in the reader's language.

use std::fmt;

use chrono::Weekday;

/// The reader's language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Lang {
    /// Vietnamese.
    #[default]
    Vi,
    /// English.
    En,
}

impl Lang {
    /// The language that the environment names: `LOA_LANG`, else `LC_ALL`, `LC_MESSAGES` or `LANG`; Vietnamese unless
    /// it says English.
    pub fn of_environment(get: impl Fn(&str) -> Option<String>) -> Self {
        let named =
            ["LOA_LANG", "LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(|name| get(name).filter(|v| !v.is_empty()));
        if named.is_some_and(|value| value.starts_with("en")) { Self::En } else { Self::Vi }
    }

    /// The one of two texts that is in this language.
    pub const fn pick<'a>(self, vi: &'a str, en: &'a str) -> &'a str {
        match self {
            Self::Vi => vi,
            Self::En => en,
        }
    }
}

/// A sentence in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Phrase {
    /// Vietnamese.
    pub vi: String,
    /// English: also what logs get.
    pub en: String,
}

impl Phrase {
    /// The text in this language.
    pub fn text(&self, lang: Lang) -> &str {
        lang.pick(&self.vi, &self.en)
    }

    /// This sentence and another after it.
    #[must_use]
    pub fn then(self, other: &Self) -> Self {
        let join = |first: &str, second: &str| {
            let mut rest = second.chars();
            let capital: String = rest.next().into_iter().flat_map(char::to_uppercase).collect();
            let stop = if first.is_empty() || first.ends_with(['.', '?', '!']) { "" } else { "." };
            format!("{first}{stop} {capital}{}", rest.as_str()).trim().to_string()
        };
        Self { vi: join(&self.vi, &other.vi), en: join(&self.en, &other.en) }
    }
}

impl From<String> for Phrase {
    /// The same words in both languages: for what another program said.
    fn from(words: String) -> Self {
        Self { vi: words.clone(), en: words }
    }
}

impl From<&str> for Phrase {
    fn from(words: &str) -> Self {
        words.to_string().into()
    }
}

impl fmt::Display for Phrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.en)
    }
}

/// A [`Phrase`] from two format strings over the same names, or the same positional values:
/// `phrase!("thiếu {key}", "{key} is missing")`.
#[macro_export]
macro_rules! phrase {
    ($vi:literal, $en:literal $(,)?) => {
        $crate::words::Phrase { vi: format!($vi), en: format!($en) }
    };
    ($vi:literal, $en:literal, $($value:expr),+ $(,)?) => {
        $crate::words::Phrase { vi: format!($vi, $($value),+), en: format!($en, $($value),+) }
    };
}

/// The label of a delivery's state (by its English name) on a channel where that matters.
pub fn delivery_state(state: &str, chat: bool, lang: Lang) -> &str {
    if lang == Lang::En {
        return state;
    }
    match state {
        "pending" => "Chờ gửi",
        "submitting" => "Đang gửi",
        "in_doubt" => "Chưa rõ kết quả (đang đối chiếu)",
        "unknown" => "Không xác định được kết quả",
        "accepted" => "Cổng gửi đã nhận",
        "enroute" => "Nhà mạng đang chuyển",
        "delivered" if chat => "Đã đến người nhận",
        "delivered" => "Đã đến máy",
        "seen" => "Đã xem",
        "undelivered" => "Không đến được",
        "rejected" => "Bị cổng gửi từ chối",
        "lapsed" => "Quá hạn, chưa gửi",
        "expired" => "Hết hạn ở nhà mạng",
        "skipped" => "Không gửi",
        "cancelled" => "Đã hủy trước khi gửi",
        other => other,
    }
}

/// The label of a run's state, by its English name.
pub fn run_state(state: &str, lang: Lang) -> &str {
    if lang == Lang::En {
        return state;
    }
    match state {
        "fanning" | "fanning_out" => "Đang lập danh sách",
        "active" | "running" | "sending" => "Đang gửi",
        "held" => "Đang giữ lại",
        "paused" => "Tạm dừng",
        "aborted" => "Đã dừng hẳn",
        "missed" => "Bỏ lỡ",
        "settled" | "done" => "Đã xong",
        other => other,
    }
}

/// A day of the week, as a calendar shortens it.
pub const fn weekday(day: Weekday, lang: Lang) -> &'static str {
    match (lang, day) {
        (Lang::Vi, Weekday::Mon) => "Thứ Hai",
        (Lang::Vi, Weekday::Tue) => "Thứ Ba",
        (Lang::Vi, Weekday::Wed) => "Thứ Tư",
        (Lang::Vi, Weekday::Thu) => "Thứ Năm",
        (Lang::Vi, Weekday::Fri) => "Thứ Sáu",
        (Lang::Vi, Weekday::Sat) => "Thứ Bảy",
        (Lang::Vi, Weekday::Sun) => "Chủ Nhật",
        (Lang::En, Weekday::Mon) => "Mon",
        (Lang::En, Weekday::Tue) => "Tue",
        (Lang::En, Weekday::Wed) => "Wed",
        (Lang::En, Weekday::Thu) => "Thu",
        (Lang::En, Weekday::Fri) => "Fri",
        (Lang::En, Weekday::Sat) => "Sat",
        (Lang::En, Weekday::Sun) => "Sun",
    }
}

/// The width of a text on a terminal: Vietnamese is written with composed letters, one column each.
pub fn width(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_names_the_language() {
        let of = |pairs: &[(&str, &str)]| {
            Lang::of_environment(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_string()))
        };
        assert_eq!(of(&[]), Lang::Vi);
        assert_eq!(of(&[("LANG", "C.UTF-8")]), Lang::Vi);
        assert_eq!(of(&[("LANG", "en_US.UTF-8")]), Lang::En);
        assert_eq!(of(&[("LOA_LANG", "vi"), ("LANG", "en_US.UTF-8")]), Lang::Vi);
    }
}
