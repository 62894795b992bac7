//! `loa check`: reads files as they would be used, and points at everything that is wrong with them.

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use serde_json::json;

use super::{Globals, MISTAKE, read_text};
use crate::{
    campaign::{Holidays, Library},
    config::Config,
    document::{Problem, Problems},
    phrase,
    words::Phrase,
};

/// Check campaigns, segments, goals, holidays and settings; points at line and column
#[derive(clap::Args)]
pub struct Args {
    /// Files or folders; without any, the settings and all that they name
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
}

/// What a path is taken for.
enum Subject {
    Settings,
    Holidays,
    /// A folder of definitions.
    Definitions,
    /// One file of such a folder.
    Definition,
}

/// What was found at one path.
struct Finding {
    path: PathBuf,
    what: Phrase,
    problems: Problems,
}

#[expect(clippy::unused_async, reason = "every command has this signature")]
pub async fn run(args: Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    let findings = if args.paths.is_empty() {
        everything(globals)
    } else {
        args.paths.iter().map(|path| subject(path, globals).check(path, globals)).collect()
    };
    let broken = findings.iter().map(|finding| finding.problems.len()).sum::<usize>();
    if globals.json {
        Globals::print_json(&as_json(&findings, globals))?;
    } else {
        for finding in &findings {
            globals.complain(&finding.problems);
        }
        let mut out = io::stdout();
        for finding in findings.iter().filter(|finding| finding.problems.is_empty()) {
            writeln!(out, "✓ {}: {}", finding.path.display(), finding.what.text(globals.lang))?;
        }
        if broken > 0 {
            let summary = phrase!("{broken} lỗi", "{broken} problem(s)");
            writeln!(io::stderr(), "\n✗ {}", summary.text(globals.lang))?;
        }
    }
    Ok(if broken == 0 { ExitCode::SUCCESS } else { MISTAKE.into() })
}

/// The settings, and whatever they name. Broken settings name nothing: the definitions are then looked for in their
/// usual place.
fn everything(globals: &Globals) -> Vec<Finding> {
    let file = globals.config.clone().unwrap_or_else(|| PathBuf::from("loa.toml"));
    let usual = file.parent().unwrap_or(Path::new("")).join("campaigns");
    let settings = globals.settings();
    let mut findings = Vec::new();
    let (campaigns, holidays) = match &settings {
        Ok(config) => (config.campaigns_dir.clone(), config.holidays_file.clone()),
        Err(_) => (usual, None),
    };
    if globals.config.is_some() || file.exists() || settings.is_err() {
        findings.push(Finding::settings(&file, settings));
    }
    findings.extend(holidays.map(|path| Subject::Holidays.check(&path, globals)));
    findings.push(Subject::Definitions.check(&campaigns, globals));
    findings
}

/// What a path that a person named is: by its place and name.
fn subject(path: &Path, globals: &Globals) -> Subject {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if path.is_dir() {
        Subject::Definitions
    } else if name == "loa.toml" || globals.config.as_deref() == Some(path) {
        Subject::Settings
    } else if name.starts_with("holidays") {
        Subject::Holidays
    } else {
        Subject::Definition
    }
}

impl Subject {
    fn check(&self, path: &Path, globals: &Globals) -> Finding {
        match self {
            Self::Settings => Finding::settings(path, Config::read(Some(path), &globals.env)),
            Self::Holidays => {
                let read = read_text(path).and_then(|text| Holidays::parse(&path.display().to_string(), &text));
                Finding::of(path, phrase!("ngày nghỉ lễ", "holidays"), read.err())
            }
            Self::Definitions => {
                let (library, problems) = Library::read(path);
                let (campaigns, segments) = (library.campaigns.len(), library.segments.len());
                let what =
                    phrase!("{campaigns} chiến dịch, {segments} nhóm người nhận", "{campaigns} campaigns, {segments} segments");
                Finding::of(path, what, Some(problems))
            }
            Self::Definition => definition(path),
        }
    }
}

/// Checks one file among its neighbours, and reports its own problems only; but what keeps a campaign from being read,
/// its segments' are told as well.
fn definition(path: &Path) -> Finding {
    if let Err(problems) = read_text(path) {
        return Finding::of(path, Phrase::default(), Some(problems));
    }
    if path.extension().is_none_or(|extension| extension != "toml") {
        let problem = Problem::of(&path.display().to_string(), phrase!("đây không phải tệp .toml", "this is not a .toml file"));
        return Finding::of(path, Phrase::default(), Some(problem.into()));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (library, problems) = Library::read(folder);
    let of = |name: &std::ffi::OsStr| {
        let file = folder.join(name).display().to_string();
        Problems(problems.0.iter().filter(|problem| problem.file == file).cloned().collect())
    };
    let own = of(path.file_name().unwrap_or_default());
    let slug = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    match library.campaigns.get(slug) {
        Some(source) => Finding::of(path, Phrase::from(source.campaign.title.as_str()), Some(own)),
        None if !own.is_empty() || matches!(slug, "segments" | "goals") => {
            Finding::of(path, phrase!("hợp lệ", "well"), Some(own))
        }
        None => Finding::of(path, Phrase::default(), Some(of("segments.toml".as_ref()))),
    }
}

impl Finding {
    fn of(path: &Path, what: Phrase, problems: Option<Problems>) -> Self {
        Self { path: path.to_path_buf(), what, problems: problems.unwrap_or_default() }
    }

    fn settings(path: &Path, settings: Result<Config, Problems>) -> Self {
        let accounts = settings.as_ref().map_or(0, |config| config.accounts.len());
        let what = phrase!("cấu hình, {accounts} tài khoản gửi tin", "settings, {accounts} accounts");
        Self::of(path, what, settings.err())
    }
}

fn as_json(findings: &[Finding], globals: &Globals) -> serde_json::Value {
    let problems: Vec<serde_json::Value> = findings
        .iter()
        .filter_map(|finding| match finding.problems.json(globals.lang) {
            serde_json::Value::Array(list) => Some(list),
            _ => None,
        })
        .flatten()
        .collect();
    let checked: Vec<String> = findings.iter().map(|finding| finding.path.display().to_string()).collect();
    json!({ "ok": problems.is_empty(), "checked": checked, "problems": problems })
}
