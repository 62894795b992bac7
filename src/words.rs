//! Words for people: Vietnamese first, English by the switch `--lang en`. What enters is a state's name or a sentence in
//! both languages; what leaves is the text in the reader's language.

mod figure;
mod gateway;
mod label;
mod line;
mod time;

use std::{fmt, io};

pub use figure::{number, per_cent, seconds, share};
pub use gateway::{said, tried};
pub use label::{carrier, channel, delivery_state, outlet, reason, run_state};
pub use line::{one_line, width};
pub use time::{date, minute, moment, weekday};

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

    /// The one of two, texts for the most part, that is in this language.
    pub const fn pick<T: Copy>(self, vi: T, en: T) -> T {
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

    /// This sentence, a colon, and why a file, a disk or a port refused.
    #[must_use]
    pub fn because(self, error: &io::Error) -> Self {
        let why = io_error(error);
        Self { vi: format!("{}: {}", self.vi, why.vi), en: format!("{}: {}", self.en, why.en) }
    }

    /// The same at the start of a line.
    #[must_use]
    pub fn capital(&self) -> Self {
        let raise = |text: &str| {
            let mut letters = text.chars();
            letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
        };
        Self { vi: raise(&self.vi), en: raise(&self.en) }
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

/// Why a file, a disk or a port refused; not in the system's own words where there are plain ones.
fn io_error(error: &io::Error) -> Phrase {
    use io::ErrorKind::{AddrInUse, AddrNotAvailable, IsADirectory, NotFound, PermissionDenied, ReadOnlyFilesystem, StorageFull};
    match error.kind() {
        NotFound => phrase!("không có tệp hoặc thư mục này", "no such file or folder"),
        PermissionDenied => phrase!("không có quyền", "permission denied"),
        StorageFull => phrase!("ổ đĩa đã đầy", "the disk is full"),
        ReadOnlyFilesystem => phrase!("ổ đĩa chỉ cho đọc", "the disk is read-only"),
        IsADirectory => phrase!("đây là thư mục, không phải tệp", "it is a folder, not a file"),
        AddrInUse => phrase!("cổng này đang có chương trình khác dùng", "another program uses this port"),
        AddrNotAvailable => phrase!("máy này không có địa chỉ ấy", "this machine does not have that address"),
        _ => error.to_string().into(),
    }
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
