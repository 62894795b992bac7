//! `loa doctor`: looks at everything that keeps messages from going out, and says how to mend it. It makes and changes
//! nothing: what it opens, it leaves as it was.

mod bulletins;
mod console;
mod files;
mod network;
mod relay;
mod state;

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use serde_json::json;

use super::Globals;
use crate::{
    campaign::Library,
    config::Config,
    phrase,
    words::{Lang, Phrase},
};

/// Say what is wrong here and how to mend it; makes nothing
#[derive(clap::Args)]
pub struct Args {}

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    /// As it should be.
    Well,
    /// Worth knowing.
    Warning,
    /// Something does not work, or is not safe.
    Bad,
}

impl Level {
    const fn name(self) -> &'static str {
        match self {
            Self::Well => "ok",
            Self::Warning => "warning",
            Self::Bad => "bad",
        }
    }

    const fn sign(self) -> &'static str {
        match self {
            Self::Well => "✓",
            Self::Warning => "!",
            Self::Bad => "✗",
        }
    }
}

/// One thing that was looked at.
struct Finding {
    /// What was looked at: a word for programs.
    about: &'static str,
    level: Level,
    says: Phrase,
    /// How to mend it.
    help: Option<Phrase>,
}

/// All of them, in the order in which they were made.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn well(&mut self, about: &'static str, says: Phrase) {
        self.0.push(Finding { about, level: Level::Well, says, help: None });
    }

    fn warn(&mut self, about: &'static str, says: Phrase, help: Phrase) {
        self.0.push(Finding { about, level: Level::Warning, says, help: Some(help) });
    }

    fn bad(&mut self, about: &'static str, says: Phrase, help: Phrase) {
        self.0.push(Finding { about, level: Level::Bad, says, help: Some(help) });
    }

    fn count(&self, level: Level) -> usize {
        self.0.iter().filter(|finding| finding.level == level).count()
    }
}

pub async fn run(_args: Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    let mut findings = Findings::default();
    if let Some(config) = settings(globals, &mut findings) {
        files::key(&config, &mut findings);
        definitions(&config, globals, &mut findings).await;
        network::accounts(&config, globals, &mut findings);
        files::database(&config, &mut findings);
        state::look(&config, globals, &mut findings).await;
        console::address(&config, &mut findings);
        network::ports(&config, &mut findings).await;
    }
    let bad = findings.count(Level::Bad);
    if globals.json {
        Globals::print_json(&findings.json(globals.lang))?;
    } else {
        findings.print(globals.lang)?;
    }
    Ok(if bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The settings; without them nothing else can be looked at.
fn settings(globals: &Globals, findings: &mut Findings) -> Option<Config> {
    match globals.settings_with_secrets() {
        Ok(config) => {
            match &config.file {
                Some(file) => {
                    let file = file.display();
                    findings.well("settings", phrase!("cấu hình {file} đọc được", "the settings {file} can be read"));
                }
                None => findings.warn(
                    "settings",
                    phrase!("chưa có loa.toml ở thư mục này", "there is no loa.toml in this folder"),
                    phrase!("chạy `loa init`, hoặc chỉ ra tệp bằng --config", "run `loa init`, or name the file with --config"),
                ),
            }
            Some(config)
        }
        Err(problems) => {
            let (count, first) = (problems.len(), problems.0.first().map(ToString::to_string).unwrap_or_default());
            findings.bad(
                "settings",
                phrase!("cấu hình có {count} lỗi: {first}", "the settings have {count} problem(s): {first}"),
                phrase!("`loa check` chỉ ra từng chỗ", "`loa check` points at each"),
            );
            None
        }
    }
}

async fn definitions(config: &Config, globals: &Globals, findings: &mut Findings) {
    let folder = config.campaigns_dir.display();
    let (library, problems) = Library::read_with(&config.campaigns_dir, &globals.written(config).await);
    let count = library.campaigns.len();
    if !problems.is_empty() {
        let wrong = problems.len();
        findings.bad(
            "campaigns",
            phrase!(
                "{folder}: {wrong} lỗi, {count} chiến dịch dùng được",
                "{folder}: {wrong} problem(s), {count} campaigns are well"
            ),
            phrase!("`loa check` chỉ ra từng chỗ", "`loa check` points at each"),
        );
    } else if count == 0 {
        findings.warn(
            "campaigns",
            phrase!("{folder}: chưa có chiến dịch nào", "{folder}: there are no campaigns"),
            phrase!("viết một tệp .toml vào đó; `loa init` tạo các tệp mẫu", "write a .toml file there; `loa init` makes some"),
        );
    } else {
        findings.well("campaigns", phrase!("{count} chiến dịch đọc được", "{count} campaigns can be read"));
    }
    match Globals::holidays(config) {
        Err(problems) => {
            let first = problems.0.first().map(ToString::to_string).unwrap_or_default();
            findings.bad(
                "holidays",
                phrase!("lịch nghỉ lễ: {first}", "holidays: {first}"),
                phrase!("sửa tệp ghi ở [paths] holidays", "mend the file that [paths] holidays names"),
            );
        }
        Ok(holidays) => {
            let year = chrono::Datelike::year(&globals.clock.now());
            if !holidays.knows(year) {
                findings.warn(
                    "holidays",
                    phrase!("chưa có lịch nghỉ lễ năm {year}", "no holidays are known for {year}"),
                    phrase!("ghi lịch vào một tệp và đặt [paths] holidays", "write them into a file and set [paths] holidays"),
                );
            }
        }
    }
}

impl Findings {
    fn print(&self, lang: Lang) -> io::Result<()> {
        let mut out = io::stdout();
        for Finding { level, says, help, .. } in &self.0 {
            writeln!(out, "{} {}", level.sign(), says.text(lang))?;
            if let Some(help) = help {
                writeln!(out, "    → {}", help.text(lang))?;
            }
        }
        let (bad, warnings) = (self.count(Level::Bad), self.count(Level::Warning));
        let sum = match (bad, warnings) {
            (0, 0) => phrase!("Mọi thứ đều ổn.", "All is well."),
            _ => phrase!("{bad} việc phải sửa, {warnings} điều cần để ý.", "{bad} to mend, {warnings} worth knowing."),
        };
        writeln!(out, "\n{}", sum.text(lang))
    }

    fn json(&self, lang: Lang) -> serde_json::Value {
        let list: Vec<_> = self
            .0
            .iter()
            .map(|finding| {
                json!({
                    "about": finding.about, "level": finding.level.name(), "says": finding.says.text(lang),
                    "help": finding.help.as_ref().map(|help| help.text(lang)),
                })
            })
            .collect();
        json!({ "ok": self.count(Level::Bad) == 0, "findings": list })
    }
}
