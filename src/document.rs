//! A TOML document read into types, with every problem at its place.
//!
//! What enters is a file's name and text (and, for settings, overrides from the environment); what leaves is the caller's
//! type, or [`Problems`]: all that is wrong with the file at once, each with line, column, the place underlined and what
//! would be right. A decoder asks a [`Section`] for its keys; a key that nobody asked for is a problem that names the
//! nearest known one.
//!
//! ```
//! let day = loa::document::decode("x.toml", "every = \"week\"", |file| file.required("every", |value| value.text()));
//! assert_eq!(day.unwrap(), "week");
//! ```

pub mod form;
mod problem;
mod quantity;
mod section;
mod spot;
mod tree;
mod value;

use std::cell::RefCell;
use std::ops::Range;

pub use problem::{Problem, Problems, Style};
pub use quantity::{DURATION_HELP, describe_duration, duration, rate};
pub use section::Section;
pub use spot::{Step, spot, within};
pub use value::{Value, is_slug};

use crate::{phrase, words::Phrase};
use tree::{Place, Table};

/// A parsed document, before its meaning is read.
pub struct Document {
    sheet: Sheet,
    root: Table,
}

/// What every part of a document shares: its name, its text as it may be shown, and the problems found so far.
pub(crate) struct Sheet {
    file: String,
    shown: std::sync::Arc<str>,
    found: RefCell<Vec<Problem>>,
}

/// As many problems of one document as somebody reads: a text that is no such document at all has thousands.
const MOST_PROBLEMS: usize = 100;

impl Sheet {
    /// Whether nobody wants to know more.
    fn is_full(&self) -> bool {
        self.found.borrow().len() >= MOST_PROBLEMS
    }

    fn report(&self, place: &Place, (field, path): (&str, &str), message: Phrase, help: Phrase) {
        if self.is_full() {
            return;
        }
        let mut problem = match place {
            Place::File(span) => Problem::at(&self.file, &self.shown, span.clone(), message),
            Place::Variable(name) => Problem::of(name, message),
        };
        problem.field = field.to_string();
        problem.path = path.to_string();
        problem.help = Some(help).filter(|help| !help.en.is_empty());
        self.found.borrow_mut().push(problem);
    }
}

/// Reads `text` with `read`. `read` returns `None` only after it (or what it called) reported a problem.
pub fn decode<T>(file: &str, text: &str, read: impl FnOnce(&mut Section<'_>) -> Option<T>) -> Result<T, Problems> {
    Document::parse(file, text, text)?.decode(read)
}

impl Document {
    /// Parses the syntax. `shown` is the text that diagnostics quote: `text`, or a copy of equal length with secrets
    /// masked.
    pub fn parse(file: &str, text: &str, shown: &str) -> Result<Self, Problems> {
        let shown: std::sync::Arc<str> = shown.into();
        let (root, errors) = toml::de::DeTable::parse_recoverable(text);
        if errors.is_empty() {
            let at = Place::File(first_line(text));
            let sheet = Sheet { file: file.to_string(), shown, found: RefCell::default() };
            return Ok(Self { sheet, root: tree::table(root.get_ref(), at) });
        }
        let mut problems: Vec<Problem> = errors
            .iter()
            .take(MOST_PROBLEMS)
            .map(|error| {
                let message = error.message().lines().collect::<Vec<_>>().join("; ");
                let message = phrase!("cú pháp TOML: {message}", "TOML syntax: {message}");
                Problem::at(file, &shown, error.span().unwrap_or(0..0), message)
            })
            .collect();
        problems.dedup_by_key(|problem| problem.line);
        Err(Problems(problems))
    }

    /// Puts `raw`, the value of the environment variable `variable`, in place of what stands at `path`.
    pub fn overrule(&mut self, path: &[String], raw: &str, variable: &str) {
        self.root.overrule(path, raw, variable);
    }

    /// In the array of tables `array`, puts `raw` in place of what stands at `path` within the table whose `name` fits;
    /// false if there is none.
    pub fn overrule_named(
        &mut self,
        array: &str,
        fits: impl Fn(&str) -> bool,
        path: &[String],
        raw: &str,
        variable: &str,
    ) -> bool {
        let Some(table) = self.root.named(array, fits) else { return false };
        table.overrule(path, raw, variable);
        true
    }

    /// The `name`s in the array of tables `array`.
    pub fn names(&self, array: &str) -> Vec<&str> {
        self.root.names(array)
    }

    /// Reports a problem with an environment variable.
    pub fn refuse_variable(&self, variable: &str, message: Phrase, help: Phrase) {
        self.sheet.report(&Place::Variable(variable.to_string()), ("", ""), message, help);
    }

    /// Reads the meaning.
    pub fn decode<T>(self, read: impl FnOnce(&mut Section<'_>) -> Option<T>) -> Result<T, Problems> {
        let mut section = Section::new(&self.root, &self.sheet, String::new(), String::new());
        let read = read(&mut section);
        section.finish();
        let Sheet { file, found, .. } = self.sheet;
        let mut found = found.into_inner();
        match read {
            Some(value) if found.is_empty() => Ok(value),
            _ => {
                found.sort_by_key(|problem| problem.span.start);
                if found.len() >= MOST_PROBLEMS {
                    let more =
                        phrase!("có thể còn nhiều lỗi khác: sửa những lỗi trên trước", "there may be more: mend these first");
                    found.push(Problem::of(&file, more));
                }
                Err(Problems(found))
            }
        }
    }
}

fn first_line(text: &str) -> Range<usize> {
    0..text.find('\n').unwrap_or(text.len()).min(text.len())
}

/// The candidate that `word` most probably stands for.
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let word = word.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.chars().count().min(word.chars().count()) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `Did you mean …?`, or all that there is to choose from.
pub fn suggestion<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str> + Clone) -> Phrase {
    if let Some(near) = nearest(word, candidates.clone()) {
        return phrase!("có phải ý là `{near}`?", "did you mean `{near}`?");
    }
    let all: Vec<String> = candidates.into_iter().map(|c| format!("`{c}`")).collect();
    if all.is_empty() {
        return Phrase::default();
    }
    let all = all.join(", ");
    phrase!("chọn trong: {all}", "choose among: {all}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_near() {
        assert_eq!(nearest("wek", ["day", "week", "month"]), Some("week"));
        assert_eq!(nearest("holyday", ["holidays", "late"]), Some("holidays"));
        assert_eq!(nearest("xyz", ["holidays", "late"]), None);
    }

    #[test]
    fn all_problems_come_at_once_and_in_order() {
        let problems = decode("x.toml", "a = 1\nb = true\nextra = 2\n", |file| {
            let b = file.required("b", |v| v.text());
            let a = file.required("a", |v| v.text());
            let c = file.required("c", |v| v.text());
            Some((a?, b?, c?))
        })
        .unwrap_err();
        let places: Vec<_> = problems.0.iter().map(|p| (p.line, p.column, p.field.as_str())).collect();
        assert_eq!(places, [(1, 1, "c"), (1, 5, "a"), (2, 5, "b"), (3, 1, "extra")]);
    }

    #[test]
    fn what_is_wrong_all_over_is_told_as_far_as_somebody_reads() {
        let text: String = (0..5_000).fold(String::new(), |text, n| text + &format!("khoa-{n} = {n}\n"));
        let problems = decode("x.toml", &text, |_| Some(())).unwrap_err();
        assert_eq!(problems.len(), MOST_PROBLEMS + 1);
        assert!(problems.0[MOST_PROBLEMS].message.vi.contains("còn nhiều lỗi khác"), "{:?}", problems.0.last());
        assert!(decode("x.toml", &"a = [\n".repeat(500), |_| Some(())).unwrap_err().len() <= MOST_PROBLEMS);
    }

    #[test]
    fn a_path_tells_the_elements_of_a_list_apart() {
        let problems = decode("x.toml", "a = [{ b = \"x\" }, { b = 1, c = 2 }, 3]\n", |file| {
            file.required("a", |v| v.list(|one| one.section(|s| s.required("b", |v| v.text()))))
        })
        .unwrap_err();
        let places: Vec<_> = problems.0.iter().map(|p| (p.field.as_str(), p.path.as_str())).collect();
        assert_eq!(places, [("a.b", "a.1.b"), ("a.c", "a.1.c"), ("a", "a.2")]);
    }
}
