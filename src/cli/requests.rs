//! `loa requests`: what people ask about their data, and by when the law wants it answered and done.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use chrono::NaiveDate;
use serde_json::{Value, json};

use super::{
    Globals, Mistake,
    audience::{ahead, opened, past},
    day, table,
    who::{self, read_address, unknown},
};
use crate::{
    config::Config,
    db::Db,
    phrase,
    request::{
        self, FOR_EVER, Kind, New, Refused, Request, State, Step, Subject, deadline,
        label::{action_words, kind_words, state_words},
    },
    seal::Seal,
    transaction,
    words::{self, Lang, Phrase},
};

/// The queue of people's requests about their data, with the law's due dates; overdue ones first
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    /// Closed ones as well
    #[arg(long)]
    all: bool,
    /// How many
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    count: u16,
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(clap::Subcommand)]
enum What {
    /// Take a request in: withdrawals, restrictions and objections take effect at once
    Add {
        /// What is asked
        #[arg(value_parser = ["access", "rectification", "withdrawal", "restriction", "objection", "deletion"])]
        kind: String,
        /// The person's reference, phone number or mail address; with - it is read from standard input
        #[arg(value_name = "REF|ADDRESS")]
        who: String,
        /// A restriction or objection until the end of this day; without it, for good
        #[arg(long, value_name = "DATE", value_parser = day)]
        until: Option<NaiveDate>,
        /// On which day it came in; without it, now
        #[arg(long, value_name = "DATE", value_parser = day)]
        received: Option<NaiveDate>,
        /// What the person said: kept sealed
        #[arg(long, value_name = "TEXT", default_value = "")]
        note: String,
        /// Who takes it in; without it, the name under which you are signed in on this machine
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
    },
    /// Show a request and every step
    Show {
        /// Its number
        number: i64,
        /// What was written as well
        #[arg(long)]
        reveal: bool,
    },
    /// Write down that the person was answered
    Answer(StepArgs),
    /// Write down that it is done, or refused with a reason
    Close {
        #[command(flatten)]
        step: StepArgs,
        /// It is not done, and the person knows why
        #[arg(long, requires = "note")]
        refused: bool,
    },
    /// End a restriction or objection early, at the person's wish
    Lift(StepArgs),
}

#[derive(clap::Args)]
struct StepArgs {
    /// Its number
    number: i64,
    /// What was said or done: kept sealed
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
    /// Who does it; without it, the name under which you are signed in on this machine
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

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
        None => ground.list(args.all, args.count).await,
        Some(What::Add { kind, who, until, received, note, by }) => {
            // The parser lets nothing else through.
            let kind = Kind::from_name(&kind).unwrap_or(Kind::Access);
            ground.add(kind, &who, (until, received), &note, by).await
        }
        Some(What::Show { number, reveal }) => ground.show(number, reveal).await,
        Some(What::Answer(args)) => ground.step(Step::Answer, args).await,
        Some(What::Close { step, refused }) => ground.step(if refused { Step::Refuse } else { Step::Close }, step).await,
        Some(What::Lift(args)) => ground.step(Step::Lift, args).await,
    };
    ground.db.close().await;
    done
}

impl Ground<'_> {
    fn say(&self, words: &Phrase) -> io::Result<()> {
        writeln!(io::stdout(), "{}", words.text(self.globals.lang))
    }

    async fn list(&self, all: bool, count: u16) -> anyhow::Result<ExitCode> {
        let (now, lang) = (self.globals.clock.millis(), self.globals.lang);
        let requests = request::list(&self.db, &self.seal, all, &[], i64::from(count)).await?;
        if self.globals.json {
            Globals::print_json(&requests.iter().map(|request| as_json(request, now, false)).collect())?;
            return Ok(ExitCode::SUCCESS);
        }
        if requests.is_empty() {
            self.say(&phrase!("Không có yêu cầu nào đang chờ.", "No request is waiting."))?;
            return Ok(ExitCode::SUCCESS);
        }
        let rows: Vec<Vec<String>> = requests.iter().map(|request| cells(request, now, lang)).collect();
        write!(io::stdout(), "{}", table::render(&heading(lang), &rows))?;
        let request::Queue { overdue, .. } = request::queue(&self.db, now).await?;
        if overdue > 0 {
            self.say(&phrase!("{overdue} yêu cầu quá hạn.", "{overdue} overdue."))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn add(
        &self,
        kind: Kind,
        who: &str,
        (until, received): (Option<NaiveDate>, Option<NaiveDate>),
        note: &str,
        by: Option<String>,
    ) -> anyhow::Result<ExitCode> {
        let (now, by) = (self.globals.clock.millis(), self.globals.officer(by)?);
        if until.is_some() && !kind.silences() {
            return Err(Mistake(phrase!(
                "--until chỉ dùng với restriction và objection",
                "--until belongs to a restriction or an objection"
            ))
            .into());
        }
        let (subject, shown) = self.subject(&who::said(who, self.globals.lang)?).await?;
        let holidays = Globals::holidays(&self.config)?;
        let new = New { kind, subject, until: ahead(until, now)?, received_at: past(received, now)?, by: &by, note };
        let after = json!({ "kind": kind.name() });
        let number = transaction!(self.db, |tx| {
            let number = request::take_in_within(tx, &self.seal, &holidays, &new, now).await?;
            self.globals.record(tx, Some(&by), "request.add", &number.to_string(), &after).await?;
            Ok(number)
        })?;
        let Some(request) = request::one(&self.db, &self.seal, number).await? else { return Ok(ExitCode::FAILURE) };
        if self.globals.json {
            Globals::print_json(&as_json(&request, now, false))?;
            return Ok(ExitCode::SUCCESS);
        }
        let what = kind_words(kind.name());
        let (vi, en) = (what.vi.to_lowercase(), what.en.to_lowercase());
        let (answer, done) = (deadline::last_day(request.answer_by), deadline::last_day(request.due_at));
        let days = |lang| (words::date(answer, lang), words::date(done, lang));
        let ((answer_vi, done_vi), (answer_en, done_en)) = (days(Lang::Vi), days(Lang::En));
        self.say(&phrase!(
            "Yêu cầu số {number}: {vi}, {shown}. Trả lời chậm nhất {answer_vi}, xong chậm nhất {done_vi}.",
            "Request {number}: {en}, {shown}. Answer by {answer_en}, done by {done_en}."
        ))?;
        self.say(&effect(kind, &request, until))?;
        Ok(ExitCode::SUCCESS)
    }

    /// Who asks, and how to show them.
    async fn subject(&self, who: &str) -> anyhow::Result<(Subject, String)> {
        if let Some(person) = request::person(&self.db, who).await? {
            return Ok((Subject::Person(person), format!("`{who}`")));
        }
        match read_address(&self.seal, who) {
            Ok((channel, plain, hash)) => Ok((request::subject(&self.db, channel, hash).await?, providers::mask(&plain))),
            // A reference that nobody has, rather than an address with something wrong in it.
            Err(_) if !who.contains('@') && !who.bytes().all(|byte| byte.is_ascii_digit() || b"+ .-".contains(&byte)) => {
                Err(unknown(who).into())
            }
            Err(mistake) => Err(mistake.into()),
        }
    }

    async fn show(&self, number: i64, reveal: bool) -> anyhow::Result<ExitCode> {
        let (now, lang) = (self.globals.clock.millis(), self.globals.lang);
        let Some(request) = request::one(&self.db, &self.seal, number).await? else {
            return Err(mistake(&Refused::Unknown(number)).into());
        };
        if self.globals.json {
            Globals::print_json(&as_json(&request, now, reveal))?;
            return Ok(ExitCode::SUCCESS);
        }
        write!(io::stdout(), "{}", table::render(&heading(lang), &[cells(&request, now, lang)]))?;
        let said = |note: &Option<String>| match note {
            Some(note) if reveal => note.clone(),
            Some(_) => "•••".to_string(),
            None => String::new(),
        };
        if let Some(note) = Some(said(&request.note)).filter(|note| !note.is_empty()) {
            self.say(&phrase!("Người ấy nói: {note}", "The person said: {note}"))?;
        }
        let steps: Vec<Vec<String>> = request
            .history
            .iter()
            .map(|step| {
                let at = deadline::last_day(step.at + 1);
                let action = action_words(step.action.name()).text(lang).to_string();
                vec![words::date(at, lang), action, step.by.clone(), said(&step.note)]
            })
            .collect();
        let heading = lang.pick(["Ngày", "Việc", "Người làm", "Ghi chú"], ["Day", "Step", "By", "Note"]);
        write!(io::stdout(), "\n{}", table::render(&heading, &steps))?;
        Ok(ExitCode::SUCCESS)
    }

    async fn step(&self, step: Step, args: StepArgs) -> anyhow::Result<ExitCode> {
        let StepArgs { number, note, by } = args;
        let (now, by) = (self.globals.clock.millis(), self.globals.officer(by)?);
        let (action, refused) = match step {
            Step::Answer => ("request.answer", false),
            Step::Close => ("request.close", false),
            Step::Refuse => ("request.close", true),
            Step::Lift => ("request.lift", false),
        };
        let after = json!({ "refused": refused });
        let done = transaction!(self.db, |tx| {
            let done = request::step_within(tx, &self.seal, number, step, &by, &note, now).await?;
            if done.is_ok() {
                self.globals.record(tx, Some(&by), action, &number.to_string(), &after).await?;
            }
            Ok(done)
        })?;
        match done {
            Ok(()) => {}
            Err(Refused::Db(error)) => return Err(error.into()),
            Err(refused) => return Err(mistake(&refused).into()),
        }
        let Some(request) = request::one(&self.db, &self.seal, number).await? else { return Ok(ExitCode::FAILURE) };
        if self.globals.json {
            Globals::print_json(&as_json(&request, now, false))?;
            return Ok(ExitCode::SUCCESS);
        }
        self.say(&match step {
            Step::Answer => phrase!("Yêu cầu số {number}: đã trả lời.", "Request {number}: answered."),
            Step::Close => phrase!("Yêu cầu số {number}: đã xong.", "Request {number}: done."),
            Step::Refuse => phrase!("Yêu cầu số {number}: đã từ chối.", "Request {number}: refused."),
            Step::Lift => phrase!("Yêu cầu số {number}: từ nay lại gửi tin.", "Request {number}: messages come again."),
        })?;
        Ok(ExitCode::SUCCESS)
    }
}

/// What a request has done already, or what a person has to do about it.
fn effect(kind: Kind, request: &Request, until: Option<NaiveDate>) -> Phrase {
    let listed = request.reference.is_some();
    let who = request.reference.as_deref().unwrap_or_default();
    match kind {
        Kind::Restriction | Kind::Objection => silence(until),
        Kind::Withdrawal if listed => phrase!(
            "Đã rút đồng ý trên mọi kênh, ngừng tin tuyên truyền; cảnh báo khẩn vẫn gửi.",
            "Consent is withdrawn on every channel, and advice stops; urgent warnings still come."
        ),
        Kind::Withdrawal => phrase!(
            "Địa chỉ này không còn nhận tin tuyên truyền; cảnh báo khẩn vẫn gửi.",
            "This address gets no more advice; urgent warnings still come."
        ),
        _ if !listed => phrase!(
            "Không có một người duy nhất nào trong danh sách mang địa chỉ này.",
            "No one person of the list has this address."
        ),
        Kind::Access => phrase!(
            "Bản sao để giao: loa audience show {who} --output TỆP",
            "The copy to hand over: loa audience show {who} --output FILE"
        ),
        Kind::Rectification => phrase!("Sửa ở danh sách gốc rồi nhập lại.", "Mend the original list and import it again."),
        Kind::Deletion => phrase!(
            "Xóa: loa audience erase {who} (việc xóa tự đóng yêu cầu này)",
            "To erase: loa audience erase {who} (which closes this request)"
        ),
    }
}

fn silence(until: Option<NaiveDate>) -> Phrase {
    match until.map(|day| (words::date(day, Lang::Vi), words::date(day, Lang::En))) {
        None => phrase!("Từ nay không gửi gì.", "Nothing is sent from now on."),
        Some((vi, en)) => phrase!(
            "Không gửi gì đến hết {vi}, rồi tự gửi lại.",
            "Nothing is sent through {en}; then messages come again by themselves."
        ),
    }
}

fn mistake(refused: &Refused) -> Mistake {
    Mistake(match refused {
        Refused::Unknown(number) => phrase!("không có yêu cầu số {number}", "there is no request {number}"),
        Refused::Closed(number) => phrase!("yêu cầu số {number} đã đóng", "request {number} is closed already"),
        Refused::NotErased(number) => phrase!(
            "yêu cầu số {number} là yêu cầu xóa: chạy `loa audience erase MÃ`, việc ấy tự đóng yêu cầu; hoặc --refused kèm lý do",
            "request {number} asks for deletion: `loa audience erase REF` closes it; or --refused with a reason"
        ),
        Refused::Silent(number) => {
            phrase!("yêu cầu số {number} không (còn) chặn gửi gì", "request {number} silences nothing (any more)")
        }
        Refused::Db(error) => Phrase::from(error.to_string()),
    })
}

fn heading(lang: Lang) -> [&'static str; 8] {
    lang.pick(
        ["Số", "Yêu cầu", "Của ai", "Nhận ngày", "Tình trạng", "Trả lời chậm nhất", "Xong chậm nhất", "Hiệu lực đến hết"],
        ["No.", "Request", "Of whom", "Received", "State", "Answer by", "Done by", "In force through"],
    )
}

fn cells(request: &Request, now: i64, lang: Lang) -> Vec<String> {
    let date = |end: i64| words::date(deadline::last_day(end), lang);
    let open = request.state == State::Open;
    let state = match request.state {
        State::Open if request.is_overdue(now) => phrase!("QUÁ HẠN", "OVERDUE"),
        State::Open if request.answered_at.is_some() => phrase!("đã trả lời", "answered"),
        _ => state_words(request.state.name()),
    };
    let until = request.until.filter(|until| *until < FOR_EVER).map(date);
    let until = until.or_else(|| request.until.map(|_| "–".to_string()));
    vec![
        request.id.to_string(),
        kind_words(request.kind.name()).text(lang).to_string(),
        of_whom(request, lang),
        words::date(deadline::last_day(request.received_at + 1), lang),
        state.text(lang).to_string(),
        if open && request.answered_at.is_none() { date(request.answer_by) } else { String::new() },
        if open { date(request.due_at) } else { String::new() },
        until.unwrap_or_default(),
    ]
}

/// A reference, or that an address alone is known.
fn of_whom(request: &Request, lang: Lang) -> String {
    match (&request.reference, request.channel) {
        (Some(reference), _) => reference.clone(),
        (None, Some(channel)) => {
            let channel = words::channel(channel.name(), lang);
            phrase!("(một địa chỉ: {channel})", "(an address: {channel})").text(lang).to_string()
        }
        (None, None) => String::new(),
    }
}

fn as_json(request: &Request, now: i64, reveal: bool) -> Value {
    let note = |note: &Option<String>| note.as_ref().filter(|_| reveal).cloned();
    let history: Vec<Value> = request
        .history
        .iter()
        .map(|step| json!({ "action": step.action.name(), "at": step.at, "by": step.by, "note": note(&step.note) }))
        .collect();
    json!({
        "number": request.id,
        "kind": request.kind.name(),
        "ref": request.reference,
        "channel": request.channel,
        "state": request.state.name(),
        "overdue": request.is_overdue(now),
        "received_at": request.received_at,
        "answer_by": request.answer_by,
        "due_at": request.due_at,
        "answered_at": request.answered_at,
        "closed_at": request.closed_at,
        "until": request.until.filter(|until| *until < FOR_EVER),
        "note": note(&request.note),
        "history": history,
    })
}
