//! `loa check`: reads files as they would be used, and points at everything that is wrong with them.

mod gateways;
mod registered;
mod relay;
mod segments;
pub(super) mod texts;

use std::{
    collections::BTreeSet,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use serde_json::json;
use tokio::sync::OnceCell;

use self::registered::Registers;
use super::{Globals, MISTAKE, existing::database, read_text};
use crate::{
    audience::column,
    campaign::{Holidays, Library, Source, Written},
    config::{Config, Office},
    document::{Problem, Problems, Step, spot},
    message::review,
    outlet::{self, Outlet},
    phrase,
    words::Phrase,
};

/// Check campaigns, segments, goals, holidays, gateways and settings; points at line and column
#[derive(clap::Args)]
pub struct Args {
    /// Files or folders; without any, the settings and all that they name
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Also ask the gateways that know registered templates (Zalo), and compare their parameters with what the campaigns fill in
    #[arg(long)]
    online: bool,
}

/// What a path is taken for.
enum Subject {
    Settings,
    Holidays,
    /// A folder of definitions.
    Definitions,
    /// One file of such a folder.
    Definition,
    /// A folder of gateways' descriptions.
    Gateways,
    /// One of them.
    Gateway,
}

/// What the files are checked against.
struct Ground<'g> {
    globals: &'g Globals,
    settings: Result<Config, Problems>,
    /// `[office]`, even where the rest of the settings is broken.
    office: Office,
    /// What recipients have; none where nobody knows. Read only if a text asks for it.
    attributes: OnceCell<Option<BTreeSet<String>>>,
    /// Who passes texts on; none where nobody knows. Read only if a campaign asks for it.
    outlets: OnceCell<Option<Vec<Outlet>>>,
    /// Who is asked about registered templates; none: nobody is to be.
    registers: Option<Registers>,
}

/// What was found at one path.
struct Finding {
    path: PathBuf,
    what: Phrase,
    problems: Problems,
    /// What works, but deserves a look.
    warnings: Problems,
}

pub async fn run(args: Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    let settings = globals.settings_with_secrets();
    let registers = match settings.as_ref() {
        Ok(config) if args.online => Some(Registers::of(config, globals).await?),
        _ => None,
    };
    let ground = Ground {
        globals,
        settings,
        registers,
        office: Config::office_of(globals.config.as_deref(), &globals.env),
        attributes: OnceCell::new(),
        outlets: OnceCell::new(),
    };
    let mut findings = Vec::new();
    if args.paths.is_empty() {
        ground.everything(&mut findings).await;
    }
    for path in &args.paths {
        findings.push(ground.check(&ground.subject(path), path).await);
    }
    let broken = findings.iter().map(|finding| finding.problems.len()).sum::<usize>();
    if globals.json {
        Globals::print_json(&as_json(&findings, globals))?;
    } else {
        let told = |finding: &Finding| finding.problems.0.iter().chain(&finding.warnings.0).cloned().collect::<Vec<_>>();
        globals.complain(&Problems(findings.iter().flat_map(told).collect()));
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

impl Ground<'_> {
    /// The settings, and whatever they name. Broken settings name nothing: the definitions are then looked for in their
    /// usual place.
    async fn everything(&self, findings: &mut Vec<Finding>) {
        let file = self.globals.config.clone().unwrap_or_else(|| PathBuf::from("loa.toml"));
        let usual = file.parent().unwrap_or(Path::new("")).join("campaigns");
        if self.globals.config.is_some() || file.exists() || self.settings.is_err() {
            findings.push(self.finding_of_settings(&file, self.settings.clone()));
        }
        let (campaigns, holidays, gateways) = match &self.settings {
            Ok(config) => (&config.campaigns_dir, config.holidays_file.as_ref(), config.gateways_dir.as_ref()),
            Err(_) => (&usual, None, None),
        };
        if let Some(path) = holidays {
            findings.push(self.check(&Subject::Holidays, path).await);
        }
        if let Some(path) = gateways {
            findings.push(self.check(&Subject::Gateways, path).await);
        }
        findings.push(self.check(&Subject::Definitions, campaigns).await);
    }

    /// What a path that a person named is: by its place and name.
    fn subject(&self, path: &Path) -> Subject {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let configured = self.settings.as_ref().ok().and_then(|config| config.gateways_dir.as_deref());
        let of_gateways = |folder: &Path| folder.ends_with("gateways") || configured == Some(folder);
        if path.is_dir() {
            if of_gateways(path) { Subject::Gateways } else { Subject::Definitions }
        } else if name == "loa.toml" || self.globals.config.as_deref() == Some(path) {
            Subject::Settings
        } else if path.parent().is_some_and(of_gateways) {
            Subject::Gateway
        } else if name.starts_with("holidays") {
            Subject::Holidays
        } else {
            Subject::Definition
        }
    }

    async fn check(&self, subject: &Subject, path: &Path) -> Finding {
        match subject {
            Subject::Settings => self.finding_of_settings(path, Config::read(Some(path), &self.globals.env)),
            Subject::Holidays => {
                let read = read_text(path).and_then(|text| Holidays::parse(&path.display().to_string(), &text));
                Finding::of(path, phrase!("ngày nghỉ lễ", "holidays"), read.err())
            }
            Subject::Gateway => match gateways::description(path) {
                Ok(title) => Finding::of(path, Phrase::from(title), None),
                Err(problems) => Finding::of(path, Phrase::default(), Some(problems)),
            },
            Subject::Gateways => {
                let (count, problems) = gateways::descriptions(path);
                Finding::of(path, phrase!("{count} cổng gửi tin", "{count} gateways"), Some(problems))
            }
            Subject::Definitions => {
                let (library, mut problems) = Library::read_with(path, &self.written(path).await);
                problems.extend(self.deeper(&library, path).await);
                let (campaigns, segments) = (library.campaigns.len(), library.segments.len());
                let what =
                    phrase!("{campaigns} chiến dịch, {segments} nhóm người nhận", "{campaigns} campaigns, {segments} segments");
                let mut warnings = Problems::default();
                for (slug, source) in &library.campaigns {
                    warnings.extend(self.unserved(source, &path.join(format!("{slug}.toml"))).await);
                }
                Finding { warnings, ..Finding::of(path, what, Some(problems)) }
            }
            Subject::Definition => self.definition(path).await,
        }
    }

    /// What the console has beside the configured folder; nothing beside any other.
    async fn written(&self, folder: &Path) -> Written {
        match &self.settings {
            Ok(config) if config.campaigns_dir == folder => self.globals.written(config).await,
            _ => Written::default(),
        }
    }

    fn finding_of_settings(&self, path: &Path, settings: Result<Config, Problems>) -> Finding {
        let accounts = settings.as_ref().map_or(0, |config| config.accounts.len());
        let what = phrase!("cấu hình, {accounts} tài khoản gửi tin", "settings, {accounts} accounts");
        let (problems, warnings) = match settings {
            Ok(config) => (gateways::accounts(&config, &self.globals.clock), gateways::unsigned(&config)),
            Err(problems) => (problems, Problems::default()),
        };
        Finding { warnings, ..Finding::of(path, what, Some(problems)) }
    }

    /// What shows only when definitions that can be read are looked at with all that they name.
    async fn deeper(&self, library: &Library, folder: &Path) -> Problems {
        let mut problems = segments::unknown_areas(library, folder);
        for (slug, source) in &library.campaigns {
            let file = folder.join(format!("{slug}.toml"));
            let wrong = self.texts(source, &file).await;
            problems.extend(if wrong.is_empty() { self.refusals(source, &file) } else { wrong });
            problems.extend(relay::areas(source, &file));
            if let Some(registers) = &self.registers {
                problems.extend(texts::problems(source, &file, &registers.faults(&source.campaign).await));
            }
        }
        problems
    }

    async fn texts(&self, source: &Source, file: &Path) -> Problems {
        let check = |attributes: Option<&BTreeSet<String>>| texts::compile(source, file, &self.office, attributes).err();
        if check(Some(&BTreeSet::new())).is_none() {
            return Problems::default();
        }
        // It may be wrong only in that it asks for what this list of recipients has.
        let known = self.attributes.get_or_init(|| self.attributes()).await;
        check(known.as_ref()).unwrap_or_default()
    }

    /// What accounts would not take of texts that are well otherwise; nothing where the settings are broken.
    fn refusals(&self, source: &Source, file: &Path) -> Problems {
        let Ok(config) = &self.settings else { return Problems::default() };
        let (Ok(holidays), Ok(templates)) = (Globals::holidays(config), texts::compile(source, file, &self.office, None)) else {
            return Problems::default();
        };
        let days = review::days(&source.campaign, &holidays, self.globals.clock.now());
        let refusals = review::refusals(&templates, &source.campaign, &config.accounts, &days);
        let faults: Vec<_> = refusals.iter().map(|refusal| refusal.fault(&source.campaign)).collect();
        texts::problems(source, file, &faults)
    }

    /// Whom a campaign would not reach: by channels that no account serves, and outlets that are none.
    async fn unserved(&self, source: &Source, file: &Path) -> Problems {
        let mut warnings = self.without_account(source, file);
        if source.campaign.channels.relay.is_some() {
            let known = self.outlets.get_or_init(|| self.outlets()).await;
            warnings.extend(known.as_ref().map(|known| relay::outlets(source, file, known)).unwrap_or_default());
        }
        warnings
    }

    /// Channels of a campaign that no account serves: it is sent all the same, where there are others. Before there is any account, that
    /// is no news.
    fn without_account(&self, source: &Source, file: &Path) -> Problems {
        let Some(config) = self.settings.as_ref().ok().filter(|config| !config.accounts.is_empty()) else {
            return Problems::default();
        };
        let text: Arc<str> = source.text.as_str().into();
        let span = spot(&text, &[Step::Key("channels"), Step::Key("use")]).unwrap_or(0..0);
        let warning = |channel| {
            let mut warning = Problem::at(&file.display().to_string(), &text, span.clone(), review::without_account(channel));
            warning.field = "channels.use".to_string();
            warning.is_warning = true;
            warning
        };
        Problems(review::unserved(&source.campaign, &config.accounts).into_iter().map(warning).collect())
    }

    /// The outlets; none without a database that can be read, or without any.
    async fn outlets(&self) -> Option<Vec<Outlet>> {
        let config = self.settings.as_ref().ok()?;
        let db = database(config).await.ok()??;
        let known = outlet::without_contacts(&db).await.ok();
        db.close().await;
        known.filter(|known| !known.is_empty())
    }

    /// The attributes of the recipients; none without a database that can be read, or without anybody in it.
    async fn attributes(&self) -> Option<BTreeSet<String>> {
        let config = self.settings.as_ref().ok()?;
        let db = database(config).await.ok()??;
        let known = column::known(&db).await.ok().flatten();
        db.close().await;
        known
    }

    /// Checks one file among its neighbours, and reports its own problems only; but what keeps a campaign from being read,
    /// its segments' are told as well.
    async fn definition(&self, path: &Path) -> Finding {
        if let Err(problems) = read_text(path) {
            return Finding::of(path, Phrase::default(), Some(problems));
        }
        if path.extension().is_none_or(|extension| extension != "toml") {
            let problem =
                Problem::of(&path.display().to_string(), phrase!("đây không phải tệp .toml", "this is not a .toml file"));
            return Finding::of(path, Phrase::default(), Some(problem.into()));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let (library, mut problems) = Library::read_with(folder, &self.written(folder).await);
        problems.extend(self.deeper(&library, folder).await);
        let of = |name: &std::ffi::OsStr| {
            let file = folder.join(name).display().to_string();
            Problems(problems.0.iter().filter(|problem| problem.file == file).cloned().collect())
        };
        let own = of(path.file_name().unwrap_or_default());
        let slug = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        match library.campaigns.get(slug) {
            Some(source) => Finding {
                warnings: self.unserved(source, path).await,
                ..Finding::of(path, Phrase::from(source.campaign.title.as_str()), Some(own))
            },
            None if !own.is_empty() || matches!(slug, "segments" | "goals") => {
                Finding::of(path, phrase!("hợp lệ", "well"), Some(own))
            }
            None => Finding::of(path, Phrase::default(), Some(of("segments.toml".as_ref()))),
        }
    }
}

impl Finding {
    fn of(path: &Path, what: Phrase, problems: Option<Problems>) -> Self {
        let (problems, warnings) = (problems.unwrap_or_default(), Problems::default());
        Self { path: path.to_path_buf(), what, problems, warnings }
    }
}

fn as_json(findings: &[Finding], globals: &Globals) -> serde_json::Value {
    let all = |pick: fn(&Finding) -> &Problems| -> serde_json::Value {
        Problems(findings.iter().flat_map(|finding| pick(finding).0.iter().cloned()).collect()).json(globals.lang)
    };
    let (problems, warnings) = (all(|finding| &finding.problems), all(|finding| &finding.warnings));
    let checked: Vec<String> = findings.iter().map(|finding| finding.path.display().to_string()).collect();
    let ok = findings.iter().all(|finding| finding.problems.is_empty());
    json!({ "ok": ok, "checked": checked, "problems": problems, "warnings": warnings })
}
