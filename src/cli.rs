//! The command line: one file a command. What enters is arguments and the environment; what leaves is text (or JSON) on
//! standard output, diagnostics on standard error, and an exit code: 0 done, 1 could not be done, 2 a person's mistake.

mod abort;
mod accounts;
mod approve;
mod audience;
mod audit;
mod bench;
mod bulletins;
mod cap;
mod check;
mod completions;
mod demo;
mod doctor;
mod existing;
mod gateways;
mod help;
mod hidden;
mod init;
mod log;
mod migrate;
mod orders;
mod outlets;
mod outlook;
mod pause;
mod plan;
mod preview;
mod reconcile;
mod replies;
mod report;
mod requests;
mod resume;
mod runs;
mod sandbox;
mod send;
mod serve;
mod stop;
mod table;
mod user;
mod verify;
mod webhooks;
mod who;

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use chrono::NaiveDate;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use serde_json::Value;

use crate::{
    app::Refusal,
    audit::{Actor, Via},
    campaign::{Holidays, Library, Written},
    clock::Clock,
    config::Config,
    db::{Db, Tx},
    document::{Problem, Problems, Style, suggestion},
    edition, phrase, transaction,
    words::{Lang, Phrase},
};

/// A mistake of the person at the keyboard, such as a campaign that does not exist: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Mistake(pub Phrase);

/// Over the options that every command has, apart from its own.
const EVERYWHERE: &str = "Options of every command";

/// Exit code of a person's mistake.
const MISTAKE: u8 = 2;

/// Warns the public about online fraud by SMS, e-mail and chat, and counts whom it reached.
#[derive(Parser)]
#[command(name = "loa", version, propagate_version = true, disable_help_subcommand = true)]
struct CommandLine {
    /// Settings; without it `loa.toml` in this folder, if there is one
    #[arg(long, global = true, value_name = "FILE", env = "LOA_CONFIG", hide_env_values = true, help_heading = EVERYWHERE)]
    config: Option<PathBuf>,
    /// Database, instead of the one in the settings: `sqlite:FILE` or `postgres://USER@HOST/NAME`
    #[arg(long, global = true, value_name = "URL", help_heading = EVERYWHERE)]
    database: Option<String>,
    /// Print data as JSON
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    json: bool,
    /// Language of what is printed; without it `LOA_LANG` or `LANG` decides
    #[arg(long, global = true, value_name = "LANG", help_heading = EVERYWHERE)]
    lang: Option<Lang>,
    #[command(subcommand)]
    command: Command,
}

/// In the order in which somebody who sets up an office needs them.
#[derive(Subcommand)]
enum Command {
    Demo(demo::Args),
    Init(init::Args),
    Doctor(doctor::Args),
    Check(check::Args),
    Accounts(accounts::Args),
    Gateways(gateways::Args),
    Audience(audience::Args),
    Preview(preview::Args),
    Plan(plan::Args),
    Approve(approve::Args),
    Send(send::Args),
    Serve(serve::Args),
    Runs(runs::Args),
    User(user::Args),
    Audit(audit::Args),
    Replies(replies::Args),
    Requests(requests::Args),
    Pause(pause::Args),
    Resume(resume::Args),
    Abort(abort::Args),
    Stop(stop::Args),
    Report(report::Args),
    Reconcile(reconcile::Args),
    Verify(verify::Args),
    Webhooks(webhooks::Args),
    Outlets(outlets::Args),
    Orders(orders::Args),
    Bulletins(bulletins::Args),
    Cap(cap::Args),
    Migrate(migrate::Args),
    Bench(bench::Args),
    Sandbox(Box<sandbox::Args>),
    Completions(completions::Args),
}

/// What every command gets.
#[derive(Debug, Clone)]
pub struct Globals {
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--json`.
    pub json: bool,
    /// The reader's language.
    pub lang: Lang,
    /// The environment, with `--database` put in as the override that it is.
    pub env: BTreeMap<String, String>,
    /// The time.
    pub clock: Clock,
}

impl Globals {
    /// The settings.
    pub fn settings(&self) -> Result<Config, Problems> {
        Config::read_without_secrets(self.config.as_deref(), &self.env)
    }

    /// The settings with the accounts' secrets: for whoever sends, or checks whether one could.
    pub fn settings_with_secrets(&self) -> Result<Config, Problems> {
        Config::read(self.config.as_deref(), &self.env)
    }

    /// The holidays: the built-in table, or with the operator's years.
    pub fn holidays(config: &Config) -> Result<Holidays, Problems> {
        let Some(file) = &config.holidays_file else { return Ok(Holidays::built_in()) };
        Holidays::parse(&file.display().to_string(), &read_text(file)?)
    }

    /// The definitions that are well, of the folder and of the console; what is wrong with the others is printed, and they are
    /// left out.
    pub async fn library(&self, config: &Config) -> Library {
        let (library, problems) = Library::read_with(&config.campaigns_dir, &self.written(config).await);
        self.complain(&problems);
        library
    }

    /// What the console has in force; nothing where there is no database yet, and what cannot be read is told.
    pub async fn written(&self, config: &Config) -> Written {
        let read = async {
            let Some(db) = existing::database(config).await? else { return Ok(Written::default()) };
            let written = edition::written(&db).await;
            db.close().await;
            anyhow::Ok(written?)
        };
        read.await.unwrap_or_else(|error| {
            let text = phrase!(
                "không đọc được các chiến dịch viết trên trang quản lý: {error:#}",
                "the console's campaigns cannot be read: {error:#}"
            );
            // Nobody is left to tell if standard error is closed.
            let _ = writeln!(io::stderr(), "{}", text.text(self.lang));
            Written::default()
        })
    }

    /// Whoever is at the keyboard, for the record.
    pub fn actor(&self, by: Option<String>) -> Result<Actor, Mistake> {
        Ok(Actor { user: None, name: self.officer(by)?, from: None, via: Via::Command })
    }

    /// The database that the settings name, as it is: a missing one is not made, an older one is not changed.
    pub async fn database(&self, config: &Config) -> anyhow::Result<Db> {
        existing::database(config).await?.ok_or_else(|| {
            Mistake(phrase!(
                "chưa có cơ sở dữ liệu: chạy `loa migrate` để tạo",
                "there is no database yet: `loa migrate` makes it"
            ))
            .into()
        })
    }

    /// Who is at the keyboard: the name given by `--by`, else the one that is signed in on this machine.
    pub fn officer(&self, by: Option<String>) -> Result<String, Mistake> {
        let signed_in = || ["USER", "USERNAME"].iter().find_map(|name| self.env.get(*name).cloned());
        let by = by.or_else(signed_in).map(|name| name.trim().to_string()).filter(|name| !name.is_empty());
        by.ok_or_else(|| {
            Mistake(phrase!("chưa rõ ai làm việc này: thêm `--by TÊN`", "nobody knows who does this: add `--by NAME`"))
        })
    }

    /// Whoever is signed in on this machine, by name if it has one: a stop asks nobody who they are.
    pub fn whoever(&self) -> Actor {
        self.actor(None).unwrap_or_else(|_| Actor::command("loa"))
    }

    /// Writes into the record of who did what that it was done at this keyboard: by `by`, else by whoever is signed in on this
    /// machine; in the transaction that does it. The subject and what stands beside it hold nothing personal.
    pub async fn record(
        &self,
        tx: &mut Tx,
        by: Option<&str>,
        action: &str,
        subject: &str,
        after: &Value,
    ) -> crate::db::Result<()> {
        let by = by.map(str::to_string).or_else(|| self.officer(None).ok()).unwrap_or_default();
        let after = Some(after).filter(|after| !after.is_null());
        crate::audit::record(tx, &Actor::command(by), action, subject, None, after, self.clock.millis()).await
    }

    /// The same in a transaction of its own: of work that is committed piece by piece.
    pub async fn note(&self, db: &Db, action: &str, subject: &str, after: &Value) -> crate::db::Result<()> {
        transaction!(db, |tx| self.record(tx, None, action, subject, after).await)
    }

    /// Prints problems on standard error.
    pub fn complain(&self, problems: &Problems) {
        if !problems.is_empty() {
            // Nobody is left to tell if standard error is closed.
            let _ = write!(io::stderr(), "{}", problems.render(self.lang, style()));
        }
    }

    /// Prints a JSON value on standard output.
    pub fn print_json(value: &serde_json::Value) -> io::Result<()> {
        writeln!(io::stdout(), "{value:#}")
    }
}

/// A text file that a person named.
fn read_text(file: &Path) -> Result<String, Problems> {
    std::fs::read_to_string(file).map_err(|error| {
        Problem::of(&file.display().to_string(), phrase!("không đọc được", "cannot be read").because(&error)).into()
    })
}

/// A campaign that a person named and that is not among those that can be used.
fn no_such_campaign(slug: &str, config: &Config, library: &Library) -> Mistake {
    let file = config.campaigns_dir.join(format!("{slug}.toml"));
    if file.is_file() {
        let file = file.display();
        return Mistake(phrase!(
            "chiến dịch `{slug}` chưa dùng được: sửa lỗi trong {file} rồi chạy `loa check`",
            "the campaign `{slug}` cannot be used yet: mend {file}, then run `loa check`"
        ));
    }
    let nearest = suggestion(slug, library.campaigns.keys().map(String::as_str));
    Mistake(phrase!("không có chiến dịch `{slug}`", "there is no campaign `{slug}`").then(&nearest))
}

/// A day as people write it on a command line.
fn day(text: &str) -> Result<NaiveDate, String> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d")
        .or_else(|_| NaiveDate::parse_from_str(text, "%d/%m/%Y"))
        .map_err(|_| "2026-10-01, 01/10/2026".to_string())
}

fn style() -> Style {
    let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    if colours { Style::Terminal } else { Style::Plain }
}

/// Reads the command line and runs its command.
pub async fn main() -> ExitCode {
    let mut env: BTreeMap<String, String> =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect();
    let reader = help::reader(std::env::args(), &env);
    let matches = match help::translate(CommandLine::command(), reader).try_get_matches() {
        Ok(matches) => matches,
        Err(error) => match help::mistake(&error).filter(|_| reader == Lang::Vi) {
            Some(words) => {
                let _ = write!(io::stderr(), "{words}");
                return MISTAKE.into();
            }
            None => error.exit(),
        },
    };
    let line = CommandLine::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    env.extend(line.database.map(|url| ("LOA_DATABASE__URL".to_string(), url)));
    let lang = line.lang.unwrap_or_else(|| Lang::of_environment(|name| env.get(name).cloned()));
    let globals = Globals { config: line.config, json: line.json, lang, env, clock: Clock::system() };
    let done = match line.command {
        Command::Accounts(args) => accounts::run(args, &globals).await,
        Command::Audience(args) => audience::run(args, &globals).await,
        Command::Bench(args) => bench::run(args, &globals).await,
        Command::Cap(args) => cap::run(args, &globals),
        Command::Bulletins(args) => bulletins::run(args, &globals).await,
        Command::Check(args) => check::run(args, &globals).await,
        Command::Doctor(args) => doctor::run(args, &globals).await,
        Command::Gateways(args) => gateways::run(args, &globals).await,
        Command::Init(args) => init::run(args, &globals).await,
        Command::Plan(args) => plan::run(args, &globals).await,
        Command::Demo(args) => demo::run(args, &globals).await,
        Command::Preview(args) => preview::run(args, &globals).await,
        Command::Sandbox(args) => sandbox::run(*args).await,
        Command::Send(args) => send::run(args, &globals).await,
        Command::Serve(args) => serve::run(args, &globals).await,
        Command::Approve(args) => approve::run(args, &globals).await,
        Command::Replies(args) => replies::run(args, &globals).await,
        Command::Requests(args) => requests::run(args, &globals).await,
        Command::Runs(args) => runs::run(args, &globals).await,
        Command::Pause(args) => pause::run(args, &globals).await,
        Command::Resume(args) => resume::run(args, &globals).await,
        Command::Abort(args) => abort::run(args, &globals).await,
        Command::Stop(args) => stop::run(args, &globals).await,
        Command::Reconcile(args) => reconcile::run(args, &globals).await,
        Command::Report(args) => report::run(args, &globals).await,
        Command::Audit(args) => audit::run(args, &globals).await,
        Command::User(args) => user::run(args, &globals).await,
        Command::Webhooks(args) => webhooks::run(args, &globals).await,
        Command::Outlets(args) => outlets::run(args, &globals).await,
        Command::Orders(args) => orders::run(args, &globals).await,
        Command::Verify(args) => verify::run(args, &globals).await,
        Command::Migrate(args) => migrate::run(args, &globals).await,
        Command::Completions(args) => completions::run(args, &globals).await,
    };
    done.unwrap_or_else(|error| explain(&error, &globals))
}

/// Prints what went wrong, and says whose fault it is.
fn explain(error: &anyhow::Error, globals: &Globals) -> ExitCode {
    if let Some(problems) = error.downcast_ref::<Problems>() {
        globals.complain(problems);
        return MISTAKE.into();
    }
    if let Some(io) = error.downcast_ref::<io::Error>()
        && io.kind() == io::ErrorKind::BrokenPipe
    {
        return ExitCode::SUCCESS;
    }
    let prefix = globals.lang.pick("lỗi", "error");
    if let Some(Mistake(words)) = error.downcast_ref() {
        let _ = writeln!(io::stderr(), "{prefix}: {}", words.text(globals.lang));
        return MISTAKE.into();
    }
    if let Some(Refusal { words, mistake }) = error.downcast_ref() {
        let _ = writeln!(io::stderr(), "{prefix}: {}", words.text(globals.lang));
        return if *mistake { MISTAKE.into() } else { ExitCode::FAILURE };
    }
    let _ = writeln!(io::stderr(), "{prefix}: {error:#}");
    ExitCode::FAILURE
}
