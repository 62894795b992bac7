//! One thing that is wrong, where, and what would be right; and all of a file's together.

use std::{fmt, ops::Range, sync::Arc};

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, Severity, SourceCode};
use serde_json::json;

use crate::words::{Lang, Phrase};

/// One thing that is wrong with a file or an environment variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file's name as it was given, or the variable's.
    pub file: String,
    /// From 1; 0 where there is no line to point at.
    pub line: usize,
    /// In characters, from 1; 0 where there is no line to point at.
    pub column: usize,
    /// The place, in bytes of the text.
    pub span: Range<usize>,
    /// The key, such as `cadence.every`; empty where it is about the whole file.
    pub field: String,
    /// The same with the places in lists, from 0: `message.2.sms`.
    pub path: String,
    /// What is wrong.
    pub message: Phrase,
    /// What would be right.
    pub help: Option<Phrase>,
    /// What stands beside the underlined place.
    pub label: Option<Phrase>,
    /// Whether it works all the same, and only deserves a look.
    pub is_warning: bool,
    text: Option<Arc<str>>,
}

impl Problem {
    /// A problem at a place of a text.
    pub fn at(file: &str, text: &Arc<str>, span: Range<usize>, message: Phrase) -> Self {
        let mut start = span.start.min(text.len());
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        let before = &text[..start];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |rest| rest.chars().count()) + 1;
        // A table's span may run over lines: the first one says where.
        let end = text[start..].find('\n').map_or(text.len(), |length| start + length).min(span.end.max(start));
        Self { line, column, span: start..end, text: Some(Arc::clone(text)), ..Self::of(file, message) }
    }

    /// A problem with a file as a whole, or with an environment variable.
    pub fn of(file: &str, message: Phrase) -> Self {
        Self {
            file: file.to_string(),
            line: 0,
            column: 0,
            span: 0..0,
            field: String::new(),
            path: String::new(),
            message,
            help: None,
            label: None,
            is_warning: false,
            text: None,
        }
    }

    /// The same with what would be right.
    #[must_use]
    pub fn help(self, help: Phrase) -> Self {
        Self { help: Some(help), ..self }
    }
}

/// How problems are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// With colours, for a terminal.
    Terminal,
    /// Without, for files, pipes and tests.
    Plain,
}

/// Everything that is wrong, in the order of the text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// Whether all is well.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes over another file's.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// For a person: the line, the place underlined, and what would be right.
    pub fn render(&self, lang: Lang, style: Style) -> String {
        let theme = match style {
            Style::Terminal => GraphicalTheme::unicode(),
            Style::Plain => GraphicalTheme::unicode_nocolor(),
        };
        let handler = GraphicalReportHandler::new_themed(theme).with_links(false).with_width(110).with_context_lines(1);
        let mut out = String::new();
        for problem in &self.0 {
            // Writing into a String cannot fail; a span outside the text would print the message alone.
            let written = handler.render_report(&mut out, &Shown::new(problem, lang));
            if written.is_err() {
                out.push_str(&problem.to_string());
            }
            out.push('\n');
        }
        out.lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim_matches('\n').to_string() + "\n"
    }

    /// For programs: a list of objects with file, line, column, field, message, help.
    pub fn json(&self, lang: Lang) -> serde_json::Value {
        self.0
            .iter()
            .map(|p| {
                json!({
                    "file": p.file, "line": p.line, "column": p.column, "field": p.field,
                    "message": p.message.text(lang), "help": p.help.as_ref().map(|h| h.text(lang)),
                })
            })
            .collect()
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {}", self.message)?;
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// A problem as miette draws it, in one language.
#[derive(Debug)]
struct Shown<'p> {
    problem: &'p Problem,
    lang: Lang,
    source: Option<NamedSource<String>>,
    headline: String,
}

impl<'p> Shown<'p> {
    fn new(problem: &'p Problem, lang: Lang) -> Self {
        let source = problem.text.as_ref().map(|text| NamedSource::new(&problem.file, text.to_string()));
        let message = problem.message.text(lang);
        let headline = if source.is_some() { message.to_string() } else { format!("{}: {message}", problem.file) };
        Self { problem, lang, source, headline }
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.headline)
    }
}

impl std::error::Error for Shown<'_> {}

impl Diagnostic for Shown<'_> {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.problem.help.as_ref().map(|help| Box::new(help.text(self.lang)) as Box<dyn fmt::Display>)
    }

    fn severity(&self) -> Option<Severity> {
        self.problem.is_warning.then_some(Severity::Warning)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.source.as_ref()?;
        let label = self.problem.label.as_ref().map(|label| label.text(self.lang).to_string());
        Some(Box::new(std::iter::once(LabeledSpan::new(label, self.problem.span.start, self.problem.span.len()))))
    }
}
