//! A database of one's own with people, accounts and runs in it, and the steps that a process takes with them.

use std::{collections::BTreeMap, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use super::postgres;
use chrono::{TimeZone as _, Utc};
use futures::FutureExt as _;
use loa::{
    active::Active,
    campaign::{Campaign, Holidays, Segments, Source},
    clock::{Clock, ManualClock},
    config::{Bounces, Office, OptOut, Rate, SecretKey},
    db::{Db, Engine, affected},
    delivery::{
        self, Plan, State, Why,
        claim::{self, Claim, Claimed, Prepared, Request},
        close,
        record::{self, Judged, Outcome, Recorded},
    },
    epoch, on,
    receipt::{self, Incoming, Matcher},
    reply::Ear,
    run::{Runner, command, make},
    seal::{Kind, Seal},
    tally, transaction,
};
use providers::{About, Channel, Receipt, ReceiptState};

pub const SMS: i16 = Channel::Sms as i16;
pub const EMAIL: i16 = Channel::Email as i16;
pub const CHAT: i16 = Channel::Chat as i16;
pub const HOUR: i64 = 3_600_000;

/// The segment that the campaigns here are for.
pub const EVERYBODY: &str = "[moi-nguoi]\ntitle = \"Mọi người\"\n";

/// The one carrier group that people here have, unless a test says otherwise.
const CARRIER: i16 = 1;

pub struct World {
    pub db: Db,
    pub clock: Clock,
    pub hands: ManualClock,
    pub seal: Seal,
    pub active: Arc<Active>,
    /// This process.
    pub epoch: i64,
    /// Account 1 of the database: SMS.
    pub account: i64,
    /// Where PostgreSQL keeps it, to be removed afterwards; none: a folder that removes itself.
    name: Option<String>,
    _folder: tempfile::TempDir,
}

/// A person to be put into the list. Addresses are told apart by their hashes alone.
#[derive(Clone, Copy, Default)]
pub struct Person {
    pub phone: Option<i64>,
    pub email: Option<i64>,
    pub chat: Option<i64>,
    pub group: Option<&'static str>,
}

pub const fn phone(hash: i64) -> Person {
    Person { phone: Some(hash), email: None, chat: None, group: None }
}

/// Hashes from here on are of addresses at another domain.
pub const ELSEWHERE: i64 = 10_000;

fn mail_of(hash: i64) -> String {
    format!("p{hash}@{}", if hash < ELSEWHERE { "example.com" } else { "elsewhere.example" })
}

impl Person {
    pub const fn email(self, hash: i64) -> Self {
        Self { email: Some(hash), ..self }
    }
    pub const fn chat(self, hash: i64) -> Self {
        Self { chat: Some(hash), ..self }
    }
    pub const fn of(self, group: &'static str) -> Self {
        Self { group: Some(group), ..self }
    }
}

/// What stands on a delivery's row.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Row {
    pub id: i64,
    pub run: i64,
    pub address: Option<i64>,
    pub segments: i64,
    pub owner: i64,
    pub account: i64,
    pub price: i64,
    pub next_at: Option<i64>,
    pub message: i16,
    pub state: i16,
    pub reason: i16,
    pub attempt: i16,
    pub tries: i16,
    pub doubts: i16,
    pub parts: i16,
}

impl Row {
    pub fn state(&self) -> State {
        State::from_number(self.state)
    }
    pub fn why(&self) -> Why {
        Why::from_number(self.reason)
    }
    pub fn recipient(&self) -> i64 {
        delivery::recipient_of(self.id)
    }
    pub fn channel(&self) -> i16 {
        delivery::channel_of(self.id)
    }
}

/// The campaign of most scenarios; `channels` and `sending` are further lines of these tables.
pub fn campaign(kind: &str, channels: &str, sending: &str) -> String {
    format!(
        r#"title = "Nhận diện lừa đảo"
kind = "{kind}"
owner = "Sở Thông tin"

[audience]
segments = ["moi-nguoi"]

[channels]
{channels}

[sending]
{sending}

[[message]]
id = "otp"
sms = "Khong cung cap ma OTP."
chat = {{ text = "Không cung cấp mã OTP." }}

[message.email]
subject = "Mã OTP"
body = "Không cung cấp mã OTP."
"#
    )
}

/// Every channel, one after the other.
pub fn one_after_the_other() -> String {
    campaign(
        "awareness",
        "use = [\"chat\", \"sms\", \"email\"]\npolicy = \"first\"\nfall_back_after = \"2h\"",
        "valid_for = \"24h\"",
    )
}

/// By SMS alone.
pub fn by_sms() -> String {
    campaign("awareness", "use = [\"sms\"]", "valid_for = \"24h\"")
}

pub fn source(slug: &str, text: &str, segments: &str) -> Source {
    let campaign = Campaign::parse(slug, slug, text).unwrap_or_else(|problems| panic!("{problems}"));
    Segments::parse("segments.toml", segments).unwrap_or_else(|problems| panic!("{problems}"));
    let hash = format!("{slug}/{:x}", text.bytes().chain(segments.bytes()).fold(7u64, |h, b| h.wrapping_mul(31) ^ u64::from(b)));
    Source { campaign, text: text.to_string(), hash, attachments: BTreeMap::new() }
}

/// Takes refusals at 5656.
pub fn office() -> Office {
    Office { opt_out: OptOut { number: Some("5656".into()), ..OptOut::default() }, ..Office::default() }
}

impl World {
    pub async fn open(engine: Engine) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (db, name) = match engine {
            Engine::Sqlite => {
                let db = Db::open(&format!("sqlite:{}", folder.path().join("loa.db").display())).await.unwrap();
                db.migrate().await.unwrap();
                (db, None)
            }
            Engine::Postgres => {
                let (db, name) = postgres::fresh().await;
                (db, Some(name))
            }
        };
        let (clock, hands) = Clock::manual(Utc.with_ymd_and_hms(2026, 11, 2, 3, 0, 0).unwrap());
        let seal = Seal::new(&SecretKey(Arc::new(secrecy::SecretBox::new(Box::new([7; 32])))), &[]);
        let active = Arc::new(Active::new(db.clone(), office()));
        let epoch = epoch::register(&db, "here", clock.millis()).await.unwrap();
        let mut world = Self { db, clock, hands, seal, active, epoch, account: 0, name, _folder: folder };
        world.account = world.account_for("sms", Channel::Sms).await;
        world
    }

    pub fn now(&self) -> i64 {
        self.clock.millis()
    }

    /// Time passes, and the process goes on living.
    pub async fn advance(&self, millis: i64) {
        self.hands.advance(Duration::from_millis(millis.unsigned_abs()));
        let until = self.now() + i64::try_from(epoch::LEASE.as_millis()).unwrap();
        self.sql(&format!("UPDATE epoch SET lease_until = {until} WHERE id = {}", self.epoch)).await;
    }

    pub async fn account_for(&self, name: &str, channel: Channel) -> i64 {
        on!(self.db.write, |pool, _sql| sqlx::query_scalar(
            "INSERT INTO account (name, channel, receipts, tat, day, used) VALUES ($1, $2, true, 0, '', 0)
             ON CONFLICT (name) DO UPDATE SET channel = excluded.channel RETURNING id"
        )
        .bind(name)
        .bind(channel as i16)
        .fetch_one(pool)
        .await)
        .unwrap()
    }

    /// Puts people into the list; their numbers.
    pub async fn people(&self, people: &[Person]) -> Vec<i64> {
        let mut ids = Vec::new();
        for person in people {
            let id: i64 = on!(self.db.write, |pool, _sql| {
                sqlx::query_scalar(
                "INSERT INTO recipient (ref, source, import, state, carrier, attributes, phone, phone_hash, email, email_hash,
                                        chat, chat_hash, chat_service, updated_at)
                 SELECT 'p' || (coalesce(max(id), 0) + 1), 'list', 1, 0, $1, '{}', $2, $3, $4, $5, $6, $7, $8, 0 FROM recipient
                 RETURNING id"
            )
            .bind(CARRIER)
            .bind(person.phone.map(|h| self.seal.seal(Kind::Phone, &format!("+84{}", 900_000_000 + h))))
            .bind(person.phone)
            .bind(person.email.map(|h| self.seal.seal(Kind::Email, &mail_of(h))))
            .bind(person.email)
            .bind(person.chat.map(|h| self.seal.seal(Kind::Chat, &h.to_string())))
            .bind(person.chat)
            .bind(i16::from(person.chat.is_some()))
            .fetch_one(pool)
            .await
            })
            .unwrap();
            if let Some(group) = person.group {
                self.sql(&format!("INSERT INTO membership (recipient, grp) VALUES ({id}, '{group}')")).await;
            }
            ids.push(id);
        }
        ids
    }

    /// `n` people with phones of their own.
    pub async fn crowd(&self, n: i64) -> Vec<i64> {
        let people: Vec<Person> = (1..=n).map(|i| phone(1_000_000 + i)).collect();
        self.people(&people).await
    }

    /// Runs a statement of the test's own.
    pub async fn sql(&self, text: &str) -> u64 {
        on!(self.db.write, |pool, _sql| sqlx::query(sqlx::AssertSqlSafe(text.to_string())).execute(pool).await.map(affected))
            .unwrap()
    }

    pub async fn number(&self, text: &str) -> i64 {
        on!(self.db.read, |pool, _sql| sqlx::query_scalar(sqlx::AssertSqlSafe(text.to_string())).fetch_one(pool).await).unwrap()
    }

    /// Runs a statement that a test needs to set its scene.
    pub async fn execute(&self, text: &str) {
        on!(self.db.write, |pool, _sql| sqlx::query(sqlx::AssertSqlSafe(text.to_string())).execute(pool).await.map(|_| ()))
            .unwrap();
    }

    /// Makes a run now.
    pub async fn run(&self, text: &str) -> i64 {
        self.run_with(text, EVERYBODY, &[]).await
    }

    pub async fn run_with(&self, text: &str, segments: &str, recipients: &[String]) -> i64 {
        let source = source("chien-dich", text, segments);
        let run = make::now(&self.db, &source, segments, recipients, &Holidays::built_in(), self.clock.now()).await.unwrap();
        self.active.refresh().await.unwrap();
        run
    }

    /// A run whose people all have their deliveries.
    pub async fn fanned_out(&self, text: &str) -> i64 {
        let run = self.run(text).await;
        self.step().await;
        run
    }

    pub fn runner(&self) -> Runner {
        Runner {
            db: self.db.clone(),
            clock: self.clock.clone(),
            node: self.epoch,
            active: Arc::clone(&self.active),
            lines: Arc::new(Vec::new),
        }
    }

    /// Does everything that is to be done now for the runs.
    pub async fn step(&self) {
        self.step_with(&self.runner()).await;
    }

    pub async fn step_with(&self, runner: &Runner) {
        for _ in 0..1000 {
            self.active.refresh().await.unwrap();
            if !runner.step().await.unwrap() {
                self.active.refresh().await.unwrap();
                return;
            }
        }
        panic!("the runs are never done");
    }

    pub fn plan(&self, run: i64) -> Arc<Plan> {
        Arc::clone(&self.active.get(run).unwrap().plan)
    }

    pub async fn rows(&self, run: i64) -> Vec<Row> {
        on!(self.db.read, |pool, _sql| sqlx::query_as(
            "SELECT id, run, address, segments, owner, account, price, next_at, message, state, reason, attempt, tries, doubts, parts
             FROM delivery WHERE run = $1 ORDER BY id"
        )
        .bind(run)
        .fetch_all(pool)
        .await)
        .unwrap()
    }

    pub async fn row(&self, run: i64, recipient: i64, channel: i16) -> Row {
        let rows = self.rows(run).await;
        rows.into_iter().find(|r| r.recipient() == recipient && r.channel() == channel).expect("the delivery exists")
    }

    /// Each delivery of the run: person, channel, state.
    pub async fn states(&self, run: i64) -> Vec<(i64, i16, State)> {
        self.rows(run).await.iter().map(|r| (r.recipient(), r.channel(), r.state())).collect()
    }

    /// A claim that asks for all that there is of a channel.
    pub fn request<'a>(&self, plan: &'a Plan, channel: i16) -> Request<'a> {
        let group = match channel {
            EMAIL => 0,
            _ => CARRIER,
        };
        Request {
            plan,
            epoch: self.epoch,
            account: self.account,
            rate: Rate { count: 100_000, per: Duration::from_secs(1) },
            daily: None,
            day: "2026-11-02",
            route: channel << 4 | group,
            pinned_only: false,
            limit: 1000,
            slot: providers::Slot::Send,
            batch: 1,
            slots: 0,
            now: self.now(),
            cap: None,
            spacing: None,
            counts_as_contact: true,
            budget: None,
        }
    }

    pub async fn claim_as(&self, request: &Request<'_>) -> Claim<()> {
        self.claim_long(request, 1).await
    }

    /// The same where every message takes so many parts.
    pub async fn claim_long(&self, request: &Request<'_>, parts: i16) -> Claim<()> {
        transaction!(self.db, |tx| claim::claim(tx, request, |_| Prepared::Send { parts, price: 300, payload: () }).await)
            .unwrap()
    }

    /// Claims everything that is due on a channel of a run.
    pub async fn claim(&self, run: i64, channel: i16) -> Vec<Claimed<()>> {
        let plan = self.plan(run);
        self.claim_as(&self.request(&plan, channel)).await.claimed
    }

    /// Claims and records the same outcome for all.
    pub async fn send(&self, run: i64, channel: i16, outcome: &Outcome) -> usize {
        let claimed = self.claim(run, channel).await;
        self.record(claimed.iter().map(|c| judged(c, outcome.clone())).collect()).await.written
    }

    pub async fn record(&self, judged: Vec<Judged>) -> Recorded {
        self.record_by(self.epoch, judged).await
    }

    pub async fn record_by(&self, epoch: i64, judged: Vec<Judged>) -> Recorded {
        let (plans, now) = (self.active.plans(), self.now());
        transaction!(self.db, |tx| record::record(tx, epoch, &plans, &judged, now).await).unwrap()
    }

    pub fn matcher(&self) -> Matcher {
        Matcher {
            db: self.db.clone(),
            clock: self.clock.clone(),
            node: self.epoch,
            active: Arc::clone(&self.active),
            seal: self.seal.clone(),
            bounces: Bounces::default(),
        }
    }

    /// Hears the built-in words.
    pub fn ear(&self) -> Ear {
        Ear::new(self.seal.clone(), &OptOut::default())
    }

    /// Stores receipts as a callback would.
    pub async fn append(&self, receipts: Vec<Receipt>) {
        let (inbox, mut appender) = receipt::inbox(self.matcher(), self.ear());
        let incoming = receipts.into_iter().map(|receipt| Incoming::receipt(self.account, receipt)).collect();
        let (stored, _) = tokio::join!(inbox.append(incoming), appender.step());
        stored.unwrap();
    }

    /// Stores an answer that came after its attempt fell in doubt.
    pub async fn append_late(&self, delivery: i64, attempt: i16, ids: &[&str]) {
        let (inbox, mut appender) = receipt::inbox(self.matcher(), self.ear());
        let reference = delivery::Reference { delivery, attempt }.encode(&self.seal);
        let late = Incoming::accepted(self.account, reference, ids.iter().map(ToString::to_string).collect());
        let (stored, _) = tokio::join!(inbox.append(vec![late]), appender.step());
        stored.unwrap();
    }

    /// Stores receipts and joins them.
    pub async fn hear(&self, receipts: Vec<Receipt>) -> receipt::Matched {
        self.append(receipts).await;
        self.matcher().step(0).await.unwrap()
    }

    pub fn of_attempt(&self, delivery: i64, attempt: i16, state: ReceiptState) -> Receipt {
        said(About::Reference(delivery::Reference { delivery, attempt }.encode(&self.seal)), state)
    }

    /// Settles every doubt that is due in the same way.
    pub async fn settle(&self, how: close::Settle) -> usize {
        let (plans, now) = (self.active.plans(), self.now());
        transaction!(self.db, |tx| {
            let due = close::doubts(tx, now, 1000).await?;
            let settled: Vec<_> = due.into_iter().map(|doubt| (doubt, how)).collect();
            close::settle(tx, self.epoch, &plans, &settled, now).await?;
            Ok(settled.len())
        })
        .unwrap()
    }

    pub async fn abort(&self, run: i64) {
        command::abort(&self.db, run).await.unwrap();
        self.active.refresh().await.unwrap();
    }

    /// Every tally agrees with its rows, and every row with itself.
    pub async fn check(&self) {
        assert_eq!(tally::differences(&self.db).await.unwrap(), []);
        let runs: Vec<i64> =
            on!(self.db.read, |pool, _sql| sqlx::query_scalar("SELECT id FROM run ORDER BY id").fetch_all(pool).await).unwrap();
        for run in runs {
            for row in self.rows(run).await {
                assert!(is_legal(&row), "{row:?}");
            }
        }
        let strays = "SELECT count(*) FROM attempt a LEFT JOIN delivery d ON d.id = a.delivery
                      WHERE d.id IS NULL OR a.attempt > d.attempt";
        assert_eq!(self.number(strays).await, 0, "attempts that never were");
        let hidden = "SELECT count(*) FROM attempt a JOIN delivery d ON d.id = a.delivery
                      WHERE a.state = 2 AND a.attempt < d.attempt AND d.state IN (9, 11, 12, 13)";
        assert_eq!(self.number(hidden).await, 0, "what was in doubt ends as not sent");
    }

    pub async fn close(self) {
        self.db.close().await;
        if let Some(name) = &self.name {
            postgres::drop(name).await;
        }
    }
}

/// What holds for a row in each state.
fn is_legal(row: &Row) -> bool {
    let owned = row.owner != 0 && row.account != 0 && row.attempt > 0;
    let sane = row.parts >= 0 && row.price >= 0 && row.doubts >= 0 && row.attempt >= 1 && row.tries >= 0;
    sane && match row.state() {
        State::Pending => row.owner == 0 && row.next_at.is_some() && (row.account == 0 || row.doubts > 0),
        State::Submitting => owned,
        State::InDoubt => row.owner == 0 && row.account != 0 && row.next_at.is_some() && row.doubts > 0,
        State::Accepted | State::Enroute => row.owner == 0,
        State::Skipped => row.owner == 0 && row.next_at.is_none() && row.reason != 0,
        State::Lapsed | State::Cancelled => row.owner == 0 && row.next_at.is_none() && row.account == 0,
        _ => row.owner == 0 && row.next_at.is_none(),
    }
}

pub fn judged(claimed: &Claimed<()>, outcome: Outcome) -> Judged {
    Judged::of(claimed, outcome)
}

pub fn accepted() -> Outcome {
    Outcome::Accepted { ids: Vec::new(), silent_at: None }
}

pub fn rejected() -> Outcome {
    Outcome::Ended {
        state: State::Rejected,
        why: Why::Gateway(providers::Reason::NoSuchAddress),
        detail: "no such number".into(),
    }
}

/// In doubt, and to be settled at once.
pub fn in_doubt() -> Outcome {
    Outcome::InDoubt { ids: Vec::new(), settle_at: 0, detail: "timed out".into() }
}

pub fn later(next_at: i64) -> Outcome {
    Outcome::Later { why: Why::Gateway(providers::Reason::Unreachable), detail: "busy".into(), next_at }
}

pub fn said(about: About, state: ReceiptState) -> Receipt {
    Receipt { about, state, reason: None, detail: String::new(), at: None }
}

/// Plays a scenario in a world of its own, then checks what it leaves.
pub fn play(engine: Engine, scenario: impl AsyncFnOnce(&World)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let world = World::open(engine).await;
        let played = AssertUnwindSafe(async {
            scenario(&world).await;
            world.check().await;
        });
        let outcome = played.catch_unwind().await;
        world.close().await;
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
    });
}
