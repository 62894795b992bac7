//! `loa audience`: lists come in, segments are counted, people are looked up, exported, erased, and taken at their word.

mod block;
mod consent;
mod show;

mod suppressed;

pub(super) use consent::{ahead, past};

use std::{
    io::{self, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::{
    Globals, Mistake, table,
    who::{self, unknown},
};
use crate::{
    audience::{
        count::{Count, count},
        erase::{Erased, erase_within},
        export::{export, export_to},
        import::{ImportError, Order, Summary, import},
        key,
        segment::compile,
    },
    campaign::Condition,
    config::Config,
    db::Db,
    document::suggestion,
    phrase,
    seal::Seal,
    transaction,
    words::{Lang, Phrase},
};

/// Import lists of people, count segments, export, erase
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Take in a list, CSV or XLSX with a header; bad rows go to FILE.rejected.csv
    Import {
        /// The list
        file: PathBuf,
        /// Which of the office's lists this is; without it, the file's name
        #[arg(long, value_name = "NAME")]
        source: Option<String>,
        /// Retire who is of this source and no longer in the file
        #[arg(long, requires = "source")]
        replace: bool,
    },
    /// Count the people of segments, and how many can be reached by which channel
    Count {
        /// Names in segments.toml; without any, everybody
        #[arg(value_name = "SEGMENT")]
        segments: Vec<String>,
    },
    /// Write everything known about the people as CSV
    #[command(group(clap::ArgGroup::new("where").required(true).args(["output", "stdout"])))]
    Export {
        /// Into this file, which only its owner may read
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
        /// To standard output: plain addresses
        #[arg(long)]
        stdout: bool,
        /// Only the person with this reference; with - a phone number or mail address is read from standard input
        #[arg(long = "ref", value_name = "REF")]
        reference: Option<String>,
    },
    /// Show everything known about somebody and every message sent to them; masked
    Show {
        /// The person's reference; with - a phone number or mail address is read from standard input
        #[arg(value_name = "REF")]
        reference: String,
        /// Nothing masked: plain addresses on the screen
        #[arg(long)]
        reveal: bool,
        /// The whole copy, plain, as JSON into this file, which only its owner may read
        #[arg(long, short, value_name = "FILE", conflicts_with = "reveal")]
        output: Option<PathBuf>,
    },
    /// Erase everything personal about somebody; counts stand
    Erase {
        /// The person's reference; with - a phone number or mail address is read from standard input
        #[arg(value_name = "REF")]
        reference: String,
        /// Who does it; without it, the name under which you are signed in on this machine
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
    },
    /// Write down that somebody agreed to messages over a channel, or withdrew
    Consent(consent::Agreement),
    /// Record that somebody refuses messages, or takes the refusal back
    OptOut(consent::OptOut),
    /// Take in a list of addresses never to be written to, such as the do-not-call register; or show those there are
    Block {
        /// CSV, XLSX or plain text with a phone number or mail address in each row; without it, the lists are shown
        file: Option<PathBuf>,
        /// The list's name: a later import of the same replaces it; without it, the file's name
        #[arg(long, value_name = "NAME", requires = "file")]
        source: Option<String>,
        /// What it binds: advertising alone, or every message
        #[arg(long, value_name = "WHAT", default_value = "advertising", value_parser = ["advertising", "all"], requires = "file")]
        binds: String,
        /// Take this list back: whom it names may be written to again
        #[arg(long, value_name = "NAME", conflicts_with = "file")]
        remove: Option<String>,
    },
    /// Show the addresses at which mail ended because it bounced or was reported as unwanted; or let it go to one again
    Suppressed {
        /// How many, the latest first
        #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        count: u32,
        /// Send to this person's address again; with - the addresses are read from standard input
        #[arg(long, value_name = "REF", conflicts_with = "count")]
        lift: Option<String>,
    },
    /// After a change of [server] key: seal every address with the new one
    Rekey,
}

/// What the commands need.
struct Ground<'a> {
    globals: &'a Globals,
    config: Config,
    db: Db,
    seal: Seal,
}

pub async fn run(args: Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    let config = globals.settings()?;
    let (db, seal) = opened(&config).await?;
    let ground = Ground { globals, config, db, seal };
    let done = match args.what {
        What::Import { file, source, replace } => ground.import(file, source, replace).await,
        What::Count { segments } => ground.count(&segments).await,
        What::Export { output, reference, .. } => ground.export(output, reference).await,
        What::Show { reference, reveal, output } => ground.show(&reference, reveal, output.as_deref()).await,
        What::Erase { reference, by } => ground.erase(&reference, by).await,
        What::Consent(agreement) => ground.consent(agreement).await,
        What::OptOut(refusal) => ground.opt_out(refusal).await,
        What::Block { file, source, binds, remove } => ground.block(file, source, &binds, remove).await,
        What::Suppressed { count, lift } => ground.suppressed(count, lift.as_deref()).await,
        What::Rekey => ground.rekey().await,
    };
    ground.db.close().await;
    done
}

/// The database, made and brought up to date where it must be, and what seals its addresses.
pub(super) async fn opened(config: &Config) -> anyhow::Result<(Db, Seal)> {
    let Some(current) = &config.server.key else {
        return Err(Mistake(phrase!("chưa có khóa: chạy `loa init`", "there is no key yet: run `loa init`")).into());
    };
    let db = Db::open(&config.database_url).await.context("database")?;
    db.migrate().await.context("database")?;
    match key::load(&db, current, &config.server.previous_keys).await {
        Err(error @ key::KeyError::Foreign) => Err(Mistake(Phrase::from(error.to_string())).into()),
        loaded => Ok((db, loaded?)),
    }
}

impl Ground<'_> {
    fn lang(&self) -> Lang {
        self.globals.lang
    }

    fn say(&self, words: &Phrase) -> io::Result<()> {
        writeln!(io::stdout(), "{}", words.text(self.lang()))
    }

    async fn import(&self, file: PathBuf, source: Option<String>, replace: bool) -> anyhow::Result<ExitCode> {
        let order = Order { source: source.unwrap_or_else(|| own_name(&file)), path: file, replace, lang: self.lang() };
        let bar = progress_bar()?;
        let lang = self.lang();
        let done = import(&self.db, &self.seal, &self.globals.clock, &order, |progress| {
            bar.set_length(progress.length);
            bar.set_position(progress.at);
            let (rows, rejected) = (progress.rows, progress.rejected);
            bar.set_message(phrase!("{rows} dòng, {rejected} lỗi", "{rows} rows, {rejected} refused").text(lang).to_string());
        })
        .await;
        bar.finish_and_clear();
        let summary = match done {
            Err(error) if error.is_of_the_file() => return Err(Mistake(error.phrase()).into()),
            Err(error @ ImportError::NothingUsable) => return Err(Mistake(error.phrase()).into()),
            done => done?,
        };
        let Summary { rows, added, updated, rejected, retired, .. } = &summary;
        let counts = json!({ "rows": rows, "added": added, "updated": updated, "rejected": rejected, "retired": retired });
        self.globals.note(&self.db, "audience.import", &order.source, &counts).await?;
        if self.globals.json {
            Globals::print_json(&as_json(&summary, self.lang()))?;
        } else {
            self.tell(&summary)?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// What an import did, for people.
    fn tell(&self, summary: &Summary) -> io::Result<()> {
        for rejection in &summary.first {
            for problem in &rejection.problems {
                let (line, column, reason) = (rejection.line, &problem.column, problem.reason.text(self.lang()));
                let whole = phrase!("cả dòng", "the whole row");
                let column = if column.is_empty() { whole.text(self.lang()) } else { column };
                let words = phrase!("dòng {line}, {column}: {reason}", "line {line}, {column}: {reason}");
                writeln!(io::stderr(), "{}", words.text(self.lang()))?;
            }
        }
        let Summary { rows, added, updated, repeated, rejected, retired, resumed, .. } = summary;
        if *resumed > 0 {
            self.say(&phrase!(
                "Tiếp tục lần nhập dở dang sau dòng dữ liệu thứ {resumed}.",
                "Went on after data row {resumed}, where it had stopped."
            ))?;
        }
        self.say(&phrase!(
            "{rows} dòng: {added} người mới, {updated} người cập nhật, {repeated} dòng lặp lại, {rejected} dòng lỗi; {retired} người ra khỏi danh sách.",
            "{rows} rows: {added} people added, {updated} updated, {repeated} rows repeated, {rejected} refused; {retired} people retired."
        ))?;
        if !summary.ignored.is_empty() {
            let columns = summary.ignored.join(", ");
            self.say(&phrase!("Không lưu các cột: {columns}.", "Columns that were not kept: {columns}."))?;
        }
        if let Some(file) = &summary.rejected_file {
            let file = file.display();
            self.say(&phrase!(
                "Các dòng lỗi ở {file}: sửa rồi nhập lại tệp đó.",
                "The refused rows are in {file}: mend them and import that file."
            ))?;
        }
        Ok(())
    }

    async fn count(&self, slugs: &[String]) -> anyhow::Result<ExitCode> {
        let library = self.globals.library(&self.config).await;
        let lookup = |slug: &str| library.segments.get(slug).map(|segment| &segment.condition);
        if let Some(slug) = slugs.iter().find(|slug| lookup(slug).is_none()) {
            let known = suggestion(slug, library.segments.iter().map(|segment| segment.slug.as_str()));
            let message = phrase!("không có nhóm `{slug}`", "there is no segment `{slug}`");
            return Err(Mistake(message.then(&known)).into());
        }
        let mut asked: Vec<(String, Condition)> =
            slugs.iter().map(|slug| (slug.clone(), Condition { segments: vec![slug.clone()], ..Condition::default() })).collect();
        if slugs.len() != 1 {
            let all = if slugs.is_empty() {
                self.lang().pick("mọi người", "everybody")
            } else {
                self.lang().pick("tất cả, mỗi người một lần", "together, each once")
            };
            asked.push((all.to_string(), Condition { segments: slugs.to_vec(), ..Condition::default() }));
        }
        let now = self.globals.clock.millis();
        let mut counted = Vec::new();
        for (name, condition) in asked {
            let compiled = compile(&condition, &lookup, self.db.engine(), 1, now)?;
            counted.push((name, count(&self.db, &compiled, now).await?));
        }
        if self.globals.json {
            let list = counted.iter().map(|(name, of)| {
                let Count { people, phone, email, chat, refused, blocked, no_advertising } = of;
                json!({
                    "segment": name, "people": people, "phone": phone, "email": email, "chat": chat, "refused": refused,
                    "blocked": blocked, "no_advertising": no_advertising,
                })
            });
            Globals::print_json(&list.collect())?;
        } else {
            let heading = match self.lang() {
                Lang::Vi => {
                    ["Nhóm", "Người", "Có điện thoại", "Có e-mail", "Có tài khoản chat", "Từ chối", "Bị chặn", "Chặn quảng cáo"]
                }
                Lang::En => {
                    ["Segment", "People", "With phone", "With e-mail", "With chat", "Refuse", "Blocked", "Blocked for ads"]
                }
            };
            // Columns without anybody are left out.
            let some = |people: i64| if people == 0 { String::new() } else { people.to_string() };
            let cells = |(name, of): (String, Count)| {
                let mut cells = vec![name];
                cells.extend([of.people, of.phone, of.email, of.chat].map(|people| people.to_string()));
                cells.extend([of.refused, of.blocked, of.no_advertising].map(some));
                cells
            };
            let rows: Vec<Vec<String>> = counted.into_iter().map(cells).collect();
            write!(io::stdout(), "{}", table::render(&heading, &rows))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn export(&self, output: Option<PathBuf>, reference: Option<String>) -> anyhow::Result<ExitCode> {
        let reference = match reference {
            Some(said) => Some(who::reference(&self.db, &self.seal, &said, self.lang()).await?),
            None => None,
        };
        let reference = reference.as_deref();
        let people = match &output {
            Some(path) => export_to(&self.db, &self.seal, reference, path).await?,
            None => export(&self.db, &self.seal, reference, io::stdout()).await?,
        };
        if let (Some(reference), 0) = (reference, people) {
            return Err(unknown(reference).into());
        }
        if let Some(path) = output {
            let path = path.display();
            self.say(&phrase!("{people} người, ghi vào {path}.", "{people} people, written to {path}."))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn erase(&self, reference: &str, by: Option<String>) -> anyhow::Result<ExitCode> {
        let by = self.globals.officer(by)?;
        let reference = &who::reference(&self.db, &self.seal, reference, self.lang()).await?;
        let id = crate::request::person(&self.db, reference).await?;
        // The reference may say who it was: the number says nothing once the person is erased.
        let subject = id.map(|id| id.to_string()).unwrap_or_default();
        let now = self.globals.clock.millis();
        let erased = transaction!(self.db, |tx| {
            let Some(erased) = erase_within(tx, reference, &by, now).await? else { return Ok(None) };
            let after = json!({ "requests_closed": erased.requests });
            self.globals.record(tx, Some(&by), "audience.erase", &subject, &after).await?;
            Ok(Some(erased))
        })?;
        let Some(Erased { requests, under_way }) = erased else { return Err(unknown(reference).into()) };
        self.say(&phrase!(
            "Đã xóa dữ liệu cá nhân của `{reference}`; số liệu tổng hợp giữ nguyên. Nhớ xóa người này cả trong danh sách gốc.",
            "Erased the personal data of `{reference}`; counts stand. Take this person out of the original list as well."
        ))?;
        if requests > 0 {
            self.say(&phrase!(
                "Đã đóng {requests} yêu cầu của người này; nhớ báo cho họ biết.",
                "Closed {requests} request(s) of this person; let them know."
            ))?;
        }
        if under_way {
            self.say(&phrase!(
                "Còn đợt gửi đang chạy có tên người này: không gửi thêm gì; dấu vết cuối cùng được xóa khi đợt gửi kết thúc.",
                "A run under way still counts this person: nothing more is sent, and the last traces go when it is over."
            ))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn rekey(&self) -> anyhow::Result<ExitCode> {
        let people = key::rekey(&self.db, &self.seal, |_| {}).await?;
        self.say(&phrase!(
            "Đã niêm phong lại địa chỉ của {people} người bằng khóa hiện tại; có thể bỏ previous_keys.",
            "Sealed the addresses of {people} people with the current key; previous_keys may go."
        ))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// A list's name where nobody gave it one: its file's.
fn own_name(file: &Path) -> String {
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    // A list's refused rows, mended, are of the same source.
    let name = name.strip_suffix(".rejected.csv").unwrap_or(&name);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem).to_string()
}

fn progress_bar() -> anyhow::Result<ProgressBar> {
    let bar = if io::stderr().is_terminal() { ProgressBar::new(0) } else { ProgressBar::hidden() };
    let style = ProgressStyle::with_template("{wide_bar} {percent} %  {msg}  {elapsed_precise} (+{eta_precise})");
    bar.set_style(style.context("progress bar")?);
    Ok(bar)
}

fn as_json(summary: &Summary, lang: Lang) -> serde_json::Value {
    let first = summary.first.iter().flat_map(|rejection| {
        let line = rejection.line;
        rejection
            .problems
            .iter()
            .map(move |problem| json!({ "line": line, "column": problem.column, "reason": problem.reason.text(lang) }))
    });
    json!({
        "import": summary.import,
        "rows": summary.rows,
        "added": summary.added,
        "updated": summary.updated,
        "repeated": summary.repeated,
        "rejected": summary.rejected,
        "retired": summary.retired,
        "resumed": summary.resumed,
        "rejected_file": summary.rejected_file,
        "ignored": summary.ignored,
        "first": first.collect::<Vec<_>>(),
    })
}
