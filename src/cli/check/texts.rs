//! What is wrong with a campaign's texts, at its place in the campaign's file.

use std::{collections::BTreeSet, ops::Range, path::Path, sync::Arc};

use crate::{
    campaign::{Message, Source},
    document::{Problem, Problems, Step, spot, within},
    message::{TemplateFault, Templates},
};

/// The texts of a campaign with the office's fields and, where they are known, the recipients' attributes; or the faults
/// of its texts, where they stand.
pub fn compile(
    source: &Source,
    file: &Path,
    office: &crate::config::Office,
    attributes: Option<&BTreeSet<String>>,
) -> Result<Templates, Problems> {
    let files = source.attachments.iter().map(|(name, bytes)| (name.clone(), bytes.clone().into())).collect();
    Templates::compile(&source.campaign, office, attributes, &files).map_err(|faults| problems(source, file, &faults))
}

/// Faults of a campaign's texts as problems, where they stand.
pub fn problems(source: &Source, file: &Path, faults: &[TemplateFault]) -> Problems {
    let text: Arc<str> = source.text.as_str().into();
    let mut problems: Vec<Problem> = Vec::new();
    for fault in faults {
        let problem = problem(&file.display().to_string(), &text, &source.campaign.messages, fault);
        // A text that another language borrows is told of once.
        if !problems.iter().any(|other| other.span == problem.span && other.message == problem.message) {
            problems.push(problem);
        }
    }
    problems.sort_by_key(|problem| problem.span.start);
    Problems(problems)
}

fn problem(file: &str, text: &Arc<str>, messages: &[Message], fault: &TemplateFault) -> Problem {
    let span = place(text, messages, fault);
    let mut problem = Problem::at(file, text, span, fault.text.clone());
    problem.field = format!("message.{}", fault.field);
    problem.help.clone_from(&fault.help);
    problem
}

/// The bytes to underline: a word or tag within the text, or else the whole of it, or else its message.
fn place(text: &str, messages: &[Message], fault: &TemplateFault) -> Range<usize> {
    let Some(index) = messages.iter().position(|message| message.id == fault.message) else { return 0..0 };
    let message = [Step::Key("message"), Step::Index(index)];
    let own = fault.lang.as_ref().and_then(|lang| messages[index].lang.keys().find(|code| code.eq_ignore_ascii_case(lang)));
    let field: Vec<Step<'_>> = fault.field.splitn(3, '.').map(Step::Key).collect();
    let own_language = own.map(|code| [Step::Key("lang"), Step::Key(code)]);
    // A part that a language lacks is the main one's; a chat text may stand alone.
    let languages = own_language.iter().map(|steps| &steps[..]).chain([&[][..]]);
    for language in languages {
        let path = [&message[..], language, &field].concat();
        let found = spot(text, &path).or_else(|| spot(text, &path[..path.len() - 1]).filter(|span| is_string(text, span)));
        if let Some(span) = found {
            return match fault.offset {
                Some(offset) if is_string(text, &span) => {
                    tag(text, within(text, &span, offset + skipped(text, &span, fault)), &span)
                }
                _ => span,
            };
        }
    }
    spot(text, &[&message[..], &[Step::Key("id")]].concat()).unwrap_or(0..0)
}

fn is_string(text: &str, span: &Range<usize>) -> bool {
    text[span.clone()].starts_with(['"', '\''])
}

/// A subject is looked at without the blanks before it.
fn skipped(text: &str, span: &Range<usize>, fault: &TemplateFault) -> usize {
    let inside = text[span.clone()].trim_start_matches(['"', '\'']);
    if fault.field == "email.subject" { inside.len() - inside.trim_start().len() } else { 0 }
}

/// From `start` to the end of the tag or word that begins there.
fn tag(text: &str, start: usize, within: &Range<usize>) -> Range<usize> {
    let rest = &text[start..within.end.max(start)];
    let line = rest.lines().next().unwrap_or_default();
    let length = if line.starts_with('{') {
        line.find('}').map_or(line.len(), |end| end + line[end..].chars().take_while(|c| *c == '}').count())
    } else {
        line.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.'))).unwrap_or(line.len())
    };
    start..start + length.max(line.chars().next().map_or(0, char::len_utf8))
}
