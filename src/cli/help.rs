//! The help in the reader's language. What enters is the command line as its types describe it, in English; what leaves is
//! the same with Vietnamese words, and what is wrong with a line that cannot be understood. A test finds what has none.

mod words;

use std::collections::BTreeMap;

use clap::{
    Arg, ArgAction, Command,
    builder::PossibleValue,
    error::{ContextKind, ContextValue, ErrorKind},
};

use self::words::words;
use crate::words::Lang;

/// The reader's language, before the command line is parsed: `--lang`, else the environment.
pub fn reader(mut args: impl Iterator<Item = String>, env: &BTreeMap<String, String>) -> Lang {
    let mut said = None;
    while let Some(arg) = args.next() {
        match arg.strip_prefix("--lang") {
            Some("") => said = args.next(),
            Some(value) => said = value.strip_prefix('=').map(str::to_string),
            None => {}
        }
    }
    match said.as_deref() {
        Some("en") => Lang::En,
        Some("vi") => Lang::Vi,
        _ => Lang::of_environment(|name| env.get(name).cloned()),
    }
}

/// The command with its help in that language.
pub fn translate(command: Command, lang: Lang) -> Command {
    match lang {
        Lang::En => command,
        Lang::Vi => vietnamese(command, ""),
    }
}

fn vietnamese(command: Command, path: &str) -> Command {
    let path = path.to_string();
    let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_string()).collect();
    let mut command = command
        .help_template("{about-with-newline}\nCách dùng: {usage}\n\n{all-args}")
        .subcommand_help_heading("Lệnh")
        .subcommand_value_name("LỆNH")
        .disable_help_flag(true)
        .disable_version_flag(true)
        .mut_args(|arg| {
            let heading = match (arg.is_positional(), arg.is_global_set()) {
                (true, _) => "Tham số",
                (false, true) => "Tùy chọn chung",
                (false, false) => "Tùy chọn",
            };
            let of = format!("{path} {}", arg.get_id());
            let help = words(&of).map(|words| format!("{words}{}", choices(&arg, &of)));
            let arg = arg.help_heading(heading);
            match help {
                // What it would say by itself of choices and defaults is English.
                Some(help) if arg.get_action().takes_values() => {
                    arg.help(help).hide_possible_values(true).hide_default_value(true)
                }
                Some(help) => arg.help(help),
                None => arg,
            }
        })
        .arg(flag("help", 'h', "In hướng dẫn này", ArgAction::Help));
    if path.is_empty() {
        command = command.arg(flag("version", 'V', "In phiên bản", ArgAction::Version));
    }
    if let Some(words) = words(&path) {
        command = command.about(words);
    }
    for name in names {
        let sub = format!("{path}/{name}");
        command = command.mut_subcommand(name, |command| vietnamese(command, &sub));
    }
    command
}

/// What an argument may be, and what it is where nobody says it: what stands behind its words.
fn choices(arg: &Arg, of: &str) -> String {
    if !arg.get_action().takes_values() {
        return String::new();
    }
    let values = arg.get_possible_values();
    let shown: Vec<&str> = values.iter().filter(|value| !value.is_hide_set()).map(PossibleValue::get_name).collect();
    let explained: String =
        shown.iter().filter_map(|name| Some(format!("\n- {name}: {}", words(&format!("{of} {name}"))?))).collect();
    // The languages are named in the argument's own words.
    let listed = !shown.is_empty() && explained.is_empty() && arg.get_id() != "lang";
    let choices = if listed { format!(" [chọn trong: {}]", shown.join(", ")) } else { String::new() };
    let usual: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    let told = !usual.is_empty() && !arg.is_hide_default_value_set();
    let usual = if told { format!(" [mặc định: {}]", usual.join(", ")) } else { String::new() };
    choices + &usual + &explained
}

fn flag(name: &'static str, short: char, help: &'static str, action: ArgAction) -> Arg {
    Arg::new(name).short(short).long(name).help(help).help_heading("Tùy chọn").action(action)
}

/// What is wrong with a command line, in Vietnamese; none where it is not a person's mistake, or one without words of its own.
pub fn mistake(error: &clap::Error) -> Option<String> {
    let said = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(", "),
        Some(ContextValue::StyledStr(text)) => text.to_string(),
        _ => String::new(),
    };
    let (arg, value) = (said(ContextKind::InvalidArg), said(ContextKind::InvalidValue));
    let what = match error.kind() {
        ErrorKind::InvalidValue if value.is_empty() => format!("thiếu giá trị của `{arg}`"),
        ErrorKind::InvalidValue => format!("`{arg}` không nhận giá trị `{value}`"),
        ErrorKind::ValueValidation => {
            let why = std::error::Error::source(error).map(|why| format!(": {why}")).unwrap_or_default();
            format!("`{arg}` không nhận giá trị `{value}`{why}")
        }
        ErrorKind::UnknownArgument => format!("không có tùy chọn hay tham số `{arg}`"),
        ErrorKind::InvalidSubcommand => format!("không có lệnh `{}`", said(ContextKind::InvalidSubcommand)),
        ErrorKind::MissingRequiredArgument => format!("còn thiếu: {arg}"),
        ErrorKind::ArgumentConflict => match said(ContextKind::PriorArg) {
            other if other.is_empty() || other == arg => format!("`{arg}` chỉ được ghi một lần"),
            other => format!("`{arg}` không đi cùng {other}"),
        },
        _ => return None,
    };
    let choices = said(ContextKind::ValidValue);
    let choices = if choices.is_empty() { choices } else { format!("\n  chọn trong: {choices}") };
    // The nearest comes last.
    let nearest = |kind| match error.get(kind) {
        Some(ContextValue::Strings(texts)) => texts.last().cloned().unwrap_or_default(),
        _ => said(kind),
    };
    let near = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue].map(nearest).concat();
    let near = if near.is_empty() { near } else { format!("\n  có phải là `{near}`?") };
    let usage = said(ContextKind::Usage).replacen("Usage:", "Cách dùng:", 1);
    let usage = if usage.is_empty() { usage } else { format!("\n\n{usage}") };
    Some(format!("lỗi: {what}{choices}{near}{usage}\n\nXem thêm: --help\n"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn missing(command: &Command, path: &str) -> Vec<String> {
        let mut keys: Vec<String> = vec![path.to_string()];
        keys.extend(command.get_arguments().map(|arg| format!("{path} {}", arg.get_id())));
        for arg in command.get_arguments() {
            // What is explained in English is in Vietnamese, too.
            let explained = arg.get_possible_values().into_iter().filter(|value| value.get_help().is_some());
            keys.extend(
                explained.filter(|_| arg.get_id() != "lang").map(|value| format!("{path} {} {}", arg.get_id(), value.get_name())),
            );
        }
        let mut gone: Vec<String> = keys.into_iter().filter(|key| words(key).is_none()).collect();
        for sub in command.get_subcommands() {
            gone.extend(missing(sub, &format!("{path}/{}", sub.get_name())));
        }
        gone
    }

    #[test]
    fn every_command_and_argument_has_vietnamese_words() {
        assert_eq!(missing(&super::super::CommandLine::command(), ""), Vec::<String>::new());
        vietnamese(super::super::CommandLine::command(), "").debug_assert();
    }

    #[test]
    fn choices_and_defaults_are_told_in_vietnamese() {
        fn english(mut command: Command) -> Vec<String> {
            let help = command.render_long_help().to_string();
            let mut found: Vec<String> = command.get_subcommands().cloned().flat_map(english).collect();
            if ["ossible values", "[default", "true, false"].iter().any(|words| help.contains(words)) {
                found.push(help);
            }
            found
        }
        let command = translate(super::super::CommandLine::command(), Lang::Vi);
        assert_eq!(english(command.clone()), Vec::<String>::new());
        let mut report = command.find_subcommand("report").unwrap().clone();
        let help = report.render_help().to_string();
        assert!(help.contains("[mặc định: table]") && help.contains("- previous: kỳ liền trước"), "{help}");
    }

    #[test]
    fn a_line_that_cannot_be_understood_is_told_of_in_vietnamese() {
        let told = |line: &str| {
            let command = translate(super::super::CommandLine::command(), Lang::Vi);
            mistake(&command.try_get_matches_from(line.split(' ')).unwrap_err()).unwrap()
        };
        for (line, words) in [
            ("loa requests add foo cb-1", &["`<KIND>` không nhận giá trị `foo`", "chọn trong: access, rectification"][..]),
            ("loa requests add objection cb-1 --until 32/1/2027", &["`32/1/2027`", "01/10/2026"]),
            ("loa requests add objection", &["còn thiếu: <REF|ADDRESS>", "Cách dùng: loa requests add"]),
            ("loa accounts --dns", &["thiếu giá trị của `--dns <NAME>`"]),
            ("loa accounts --dns a --test b", &["không đi cùng --test <NAME>"]),
            ("loa accounts --calback a", &["không có tùy chọn hay tham số `--calback`", "có phải là `--callback`?"]),
            ("loa audiense", &["không có lệnh `audiense`", "có phải là `audience`?"]),
        ] {
            let told = told(line);
            for words in words {
                assert!(told.contains(words), "{line}: {told}");
            }
        }
        let asked = translate(super::super::CommandLine::command(), Lang::Vi).try_get_matches_from(["loa", "--help"]);
        assert_eq!(mistake(&asked.unwrap_err()), None);
    }

    #[test]
    fn the_language_is_known_before_the_line_is_parsed() {
        let of = |line: &str| reader(line.split(' ').map(str::to_string), &BTreeMap::new());
        assert_eq!(of("loa --help"), Lang::Vi);
        assert_eq!(of("loa --lang en --help"), Lang::En);
        assert_eq!(of("loa --lang=en report"), Lang::En);
    }
}
