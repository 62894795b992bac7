//! From claim to verdict, stepped by hand under a clock that stands still: fairness, hours, budgets, quotas, circuits. The
//! gateways are scripted: what they were handed is what counts.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use chrono::{TimeZone as _, Utc};
use loa::{
    account::{Account, Accounts},
    audience::phone::Carrier,
    config::{self, Limits, Price, Rate},
    consent::{self, Said, Scope},
    delivery::{State, Why},
    dispatch::{Lane, Lease, Recorder, Shared},
    epoch,
    run::Runner,
};
use providers::{
    Abilities, About, Accepted, Channel, Content, Handle, Outgoing, Poll, Provider, Reason, Receipt, ReceiptState, SendError,
    StatusError,
    text::{Budget, Encoding, Pattern},
};

use crate::engines::world::{EMAIL, HOUR, Person, SMS, World, campaign, phone};

pub type Answer = Result<Accepted, SendError>;
pub type Script = Box<dyn FnMut(&Outgoing) -> Answer + Send>;

/// A gateway that answers as its script says.
pub struct Scripted {
    script: Mutex<Script>,
    /// Address and text of all that it was handed, in order.
    pub handed: Mutex<Vec<(String, String)>>,
    /// Taken away, no answer comes until it is given back.
    answering: tokio::sync::Semaphore,
    /// How it is asked what became of messages; none: it is not.
    poll: Option<Poll>,
    /// What it then says of all that it is asked about; none: it does not answer.
    pub said: Mutex<Option<ReceiptState>>,
    /// References that it was asked about, in order.
    pub asked: Mutex<Vec<String>>,
    /// What it says is left of the account's money.
    pub balance: Mutex<Option<i64>>,
}

impl Scripted {
    pub fn new() -> Arc<Self> {
        Self::polled(None)
    }

    /// One that is asked what became of messages.
    pub fn polled(poll: Option<Poll>) -> Arc<Self> {
        Arc::new(Self {
            script: Mutex::new(Box::new(|_| Ok(Accepted::default()))),
            handed: Mutex::default(),
            answering: tokio::sync::Semaphore::new(1),
            poll,
            said: Mutex::default(),
            asked: Mutex::default(),
            balance: Mutex::default(),
        })
    }

    pub fn answers(&self, script: impl FnMut(&Outgoing) -> Answer + Send + 'static) {
        *self.script.lock().unwrap() = Box::new(script);
    }

    /// Until this is dropped, no answer comes.
    pub async fn hold(&self) -> tokio::sync::SemaphorePermit<'_> {
        self.answering.acquire().await.unwrap()
    }

    pub fn texts(&self) -> Vec<String> {
        self.handed.lock().unwrap().iter().map(|(_, text)| text.clone()).collect()
    }

    pub fn count(&self) -> usize {
        self.handed.lock().unwrap().len()
    }
}

#[async_trait::async_trait]
impl Provider for Scripted {
    async fn send(&self, batch: &[Outgoing]) -> Vec<Answer> {
        {
            let mut handed = self.handed.lock().unwrap();
            for outgoing in batch {
                let text = match &outgoing.content {
                    Content::Sms(sms) => sms.text.clone(),
                    Content::Email(mail) => mail.subject.clone(),
                    Content::Chat(chat) => chat.text.clone().unwrap_or_default(),
                };
                handed.push((outgoing.to.expose().to_string(), text));
            }
        }
        let _open = self.answering.acquire().await.unwrap();
        batch.iter().map(|outgoing| (self.script.lock().unwrap())(outgoing)).collect()
    }

    fn can(&self) -> Abilities {
        Abilities { receipts: true, status: self.poll.is_some(), poll: self.poll, ..Abilities::LEAST }
    }

    async fn status(&self, sent: &[Handle]) -> Result<Vec<Receipt>, StatusError> {
        self.asked.lock().unwrap().extend(sent.iter().map(|handle| handle.reference.clone()));
        let Some(state) = *self.said.lock().unwrap() else { return Err(StatusError::Failed("away".into())) };
        let of = |handle: &Handle| Receipt {
            about: About::Reference(handle.reference.clone()),
            state,
            reason: None,
            detail: String::new(),
            at: None,
        };
        Ok(sent.iter().map(of).collect())
    }

    async fn balance(&self) -> Option<Result<i64, SendError>> {
        self.balance.lock().unwrap().map(Ok)
    }

    async fn test(&self) -> Result<String, SendError> {
        Ok(String::new())
    }
}

pub fn configured(name: &str, channel: Channel) -> config::Account {
    config::Account {
        name: name.into(),
        gateway: "scripted".into(),
        channel,
        rate: Rate { count: 50_000, per: Duration::from_secs(1) },
        window: 20,
        daily: None,
        price: Price { default: 300, by_carrier: BTreeMap::new() },
        carriers: Vec::new(),
        priority: 1,
        weight: 1,
        low_balance: None,
        receipts: true,
        allow_private: false,
        parts: Budget::default(),
        templates: Vec::new(),
        dkim: Vec::new(),
        domains: BTreeMap::new(),
        settings: BTreeMap::new(),
        secrets: BTreeMap::new(),
    }
}

/// A process with its lanes, none of which moves unless it is stepped.
pub struct Process<'w> {
    world: &'w World,
    pub shared: Arc<Shared>,
    lanes: Vec<Lane>,
    recorder: Recorder,
    pub(super) runner: Runner,
}

impl<'w> Process<'w> {
    pub async fn new(world: &'w World, limits: Limits, accounts: Vec<(config::Account, &Arc<Scripted>)>) -> Self {
        let mut all = Vec::new();
        for (config, gateway) in accounts {
            // The world's own first account is of this name.
            let id = if config.name == "sms" { world.account } else { world.account_for(&config.name, config.channel).await };
            let groups =
                config.carriers.iter().filter_map(|name| Carrier::from_name(name)).map(|carrier| carrier as i16).collect();
            all.push(Account::new(id, config, Arc::clone(gateway) as Arc<dyn Provider>, groups, None));
        }
        let accounts = Arc::new(Accounts::of(all));
        let shared = Arc::new(Shared {
            db: world.db.clone(),
            clock: world.clock.clone(),
            seal: world.seal.clone(),
            active: Arc::clone(&world.active),
            accounts: Arc::clone(&accounts),
            limits,
            public_url: None,
            lease: Lease::new("here".into(), world.epoch, world.now()),
            work: tokio::sync::Notify::new(),
            jitter: Box::new(|| 0.5),
        });
        let (recorder, verdicts) = Recorder::new(Arc::clone(&shared));
        let lanes = accounts.all().iter().map(|a| Lane::new(Arc::clone(&shared), Arc::clone(a), verdicts.clone())).collect();
        let clock = world.clock.clone();
        let runner = Runner { lines: Arc::new(move || accounts.lines(clock.ticks())), ..world.runner() };
        Self { world, shared, lanes, recorder, runner }
    }

    pub async fn with_sms(world: &'w World, gateway: &Arc<Scripted>) -> Self {
        Self::new(world, Limits::default(), vec![(configured("sms", Channel::Sms), gateway)]).await
    }

    /// Each lane's next step, and what came of it. True: something moved.
    pub async fn step(&mut self) -> bool {
        self.world.active.refresh().await.unwrap();
        let mut moved = false;
        for lane in &mut self.lanes {
            let step = lane.step().await.unwrap();
            moved |= step.sent + step.claimed > 0;
        }
        moved
    }

    /// What is with the gateways is answered and written.
    pub async fn land(&mut self) {
        for lane in &mut self.lanes {
            while lane.landing().await {}
        }
        while self.recorder.waiting() > 0 {
            self.recorder.step().await;
        }
    }

    /// Does everything that is to be done at this moment of the clock.
    pub async fn settle(&mut self) {
        let mut quiet = 0;
        for _ in 0..10_000 {
            self.world.step_with(&self.runner).await;
            let moved = self.step().await;
            self.land().await;
            let waiting = self.world.number("SELECT count(*) FROM delivery WHERE state = 1").await;
            quiet = if moved || waiting > 0 { 0 } else { quiet + 1 };
            // A last look at what the end of the sends left to do for the run.
            if quiet == 2 {
                return;
            }
        }
        panic!("there is always something more to do");
    }

    /// Steps so many times, whatever is left to do.
    pub async fn settle_for(&mut self, steps: usize) {
        for _ in 0..steps {
            self.world.step_with(&self.runner).await;
            self.step().await;
            self.land().await;
        }
    }

    /// Puts back what was claimed and not sent.
    pub async fn drain(&mut self) {
        for lane in &mut self.lanes {
            lane.drain().await;
        }
        while self.recorder.waiting() > 0 {
            self.recorder.step().await;
        }
    }

    /// Time passes; the lease is renewed as it does.
    pub async fn advance(&self, millis: i64) {
        self.world.advance(millis).await;
        self.shared.renew_lease().await.unwrap();
    }
}

/// A campaign of one text message.
pub fn saying(text: &str, kind: &str, sending: &str) -> String {
    campaign(kind, "use = [\"sms\"]", sending).replace("Khong cung cap ma OTP.", text)
}

pub async fn count(world: &World, run: i64, state: State) -> usize {
    world.rows(run).await.iter().filter(|row| row.state() == state).count()
}

async fn everybody_is_sent_to_once(world: &World) {
    world.crowd(150).await;
    let gateway = Scripted::new();
    let mut process = Process::with_sms(world, &gateway).await;
    let run = world.run(&saying("Mot.", "awareness", "")).await;
    process.settle().await;
    let handed: BTreeSet<String> = gateway.handed.lock().unwrap().iter().map(|(to, _)| to.clone()).collect();
    assert_eq!((gateway.count(), handed.len()), (150, 150));
    assert_eq!(count(world, run, State::Accepted).await, 150);
}

/// What the claim path sends goes as the account has it registered, or not at all.
async fn a_text_that_no_wording_covers_is_rejected_before_it_is_sent(world: &World) {
    world.crowd(3).await;
    let gateway = Scripted::new();
    let template = |pattern: &str| config::Template {
        name: "canh-bao".into(),
        pattern: Pattern::parse(pattern).unwrap(),
        from: None,
        through: None,
        carriers: Vec::new(),
        purpose: config::Purpose::Care,
    };
    let parts = Budget::default().with(Encoding::Gsm, vec![20, 40]).unwrap();
    let account = config::Account { templates: vec![template("SO: {1:12}. Goi 156.")], parts, ..configured("sms", Channel::Sms) };
    let mut process = Process::new(world, Limits::default(), vec![(account, &gateway)]).await;
    let refused = world.run(&saying("SO: mot. Goi 113.", "awareness", "")).await;
    process.settle().await;
    assert_eq!((gateway.count(), count(world, refused, State::Rejected).await), (0, 3));
    assert!(world.rows(refused).await.iter().all(|row| row.reason == Reason::Template as i16));
    let text =
        saying("SO.", "awareness", "").replace("\"SO.\"", r#"{ template = "canh-bao", values = { 1 = "{{ 'không đọc' }}" } }"#);
    let sent = world.run(&text).await;
    process.settle().await;
    assert_eq!(gateway.texts(), ["SO: khong doc. Goi 156."; 3]);
    // 23 characters are two parts as this account is billed.
    let cost = format!("SELECT CAST(coalesce(sum(price), 0) AS BIGINT) FROM delivery WHERE run = {sent} AND parts = 2");
    assert_eq!((count(world, sent, State::Accepted).await, world.number(&cost).await), (3, 3 * 2 * 300));
}

async fn a_small_run_finishes_while_a_huge_one_goes_on(world: &World) {
    let people: Vec<Person> = (0..1_000).map(|i| Person { group: (i < 30).then_some("it"), ..phone(2_000_000 + i) }).collect();
    world.people(&people).await;
    let gateway = Scripted::new();
    let mut process = Process::with_sms(world, &gateway).await;
    world.fanned_out(&saying("Lon.", "awareness", "")).await;
    for _ in 0..5 {
        process.step().await;
        process.land().await;
    }
    let few = "[moi-nguoi]\ntitle = \"Ít\"\ngroups = [\"it\"]\n";
    world.run_with(&saying("Nho.", "awareness", ""), few, &[]).await;
    process.settle().await;
    let texts = gateway.texts();
    let first = texts.iter().position(|t| t == "Nho.").unwrap();
    let last = texts.iter().rposition(|t| t == "Nho.").unwrap();
    assert_eq!((texts.len(), texts.iter().filter(|t| *t == "Nho.").count()), (1_030, 30));
    assert!(last - first < 150, "from {first} to {last} of {}", texts.len());
    assert!(last < 500, "the huge one was far from done");
}

async fn a_warning_overtakes_within_one_claim(world: &World) {
    world.crowd(300).await;
    let gateway = Scripted::new();
    let mut process = Process::with_sms(world, &gateway).await;
    world.fanned_out(&saying("Deu dan.", "awareness", "")).await;
    for _ in 0..3 {
        process.step().await;
        process.land().await;
    }
    let before = gateway.count();
    world.fanned_out(&saying("Canh bao!", "warning", "")).await;
    process.settle().await;
    let texts = gateway.texts();
    let first = texts.iter().position(|t| t == "Canh bao!").unwrap();
    let last = texts.iter().rposition(|t| t == "Canh bao!").unwrap();
    // Twice the window of 20 was claimed already at most.
    assert!(first - before <= 40, "{} were sent after the warning was there", first - before);
    assert_eq!(last - first, 299, "nothing comes in between");
}

async fn awareness_waits_for_the_morning_and_a_warning_does_not(world: &World) {
    world.hands.set(Utc.with_ymd_and_hms(2026, 11, 2, 15, 0, 0).unwrap());
    world.advance(0).await;
    world.crowd(5).await;
    let gateway = Scripted::new();
    let mut process = Process::with_sms(world, &gateway).await;
    process.advance(0).await;
    world.run(&saying("Sang.", "awareness", "hours = \"07:00-21:30\"")).await;
    process.settle().await;
    assert_eq!(gateway.count(), 0, "it is ten in the evening in Hà Nội");
    world.run(&saying("Ngay.", "warning", "")).await;
    process.settle().await;
    assert_eq!(gateway.texts(), ["Ngay."; 5]);
    process.advance(9 * HOUR - 1).await;
    process.settle().await;
    assert_eq!(gateway.count(), 5, "a millisecond before seven");
    process.advance(1).await;
    process.settle().await;
    assert_eq!(gateway.texts()[5..], ["Sang."; 5]);
}

async fn what_is_unsent_when_its_time_is_over_lapses(world: &World) {
    world.crowd(60).await;
    let gateway = Scripted::new();
    let mut process = Process::with_sms(world, &gateway).await;
    let run = world.fanned_out(&saying("Mot.", "awareness", "valid_for = \"1h\"")).await;
    process.step().await;
    process.land().await;
    process.advance(HOUR).await;
    process.settle().await;
    let (sent, lapsed) = (count(world, run, State::Accepted).await, count(world, run, State::Lapsed).await);
    assert_eq!((sent, sent + lapsed), (gateway.count(), 60));
    assert!(lapsed > 0 && sent > 0, "{sent} sent, {lapsed} lapsed");
    assert_eq!(world.number("SELECT count(*) FROM run WHERE state = 2").await, 1, "the run has settled");
}

async fn what_cannot_be_finished_by_then_goes_to_the_next_channel(world: &World) {
    let people: Vec<Person> = (0..100).map(|i| phone(3_000_000 + i).email(4_000_000 + i)).collect();
    world.people(&people).await;
    let (texts, mails) = (Scripted::new(), Scripted::new());
    let slow = config::Account { rate: Rate { count: 10, per: Duration::from_hours(1) }, ..configured("sms", Channel::Sms) };
    let accounts = vec![(slow, &texts), (configured("mail", Channel::Email), &mails)];
    let process = Process::new(world, Limits::default(), accounts).await;
    let channels = "use = [\"sms\", \"email\"]\npolicy = \"first\"\nfinish_by = \"3h\"";
    let run = world.run(&campaign("awareness", channels, "valid_for = \"24h\"")).await;
    world.step_with(&process.runner).await;
    world.step_with(&process.runner).await;
    let rows = world.rows(run).await;
    let of = |channel, state| rows.iter().filter(|r| r.channel() == channel && r.state() == state).count();
    assert_eq!((of(SMS, State::Pending), of(SMS, State::Skipped), of(EMAIL, State::Pending)), (30, 70, 70));
    assert!(rows.iter().filter(|r| r.state() == State::Skipped).all(|r| r.why() == Why::Moved));
}

async fn a_quota_that_is_used_up_counts_for_finish_by(world: &World) {
    let people: Vec<Person> = (0..50).map(|i| phone(3_000_000 + i).email(4_000_000 + i)).collect();
    world.people(&people).await;
    let (texts, mails) = (Scripted::new(), Scripted::new());
    let small = config::Account { daily: Some(40), ..configured("sms", Channel::Sms) };
    let accounts = vec![(small, &texts), (configured("mail", Channel::Email), &mails)];
    let process = Process::new(world, Limits::default(), accounts).await;
    world.sql("UPDATE account SET day = '2026-11-02', used = 25 WHERE name = 'sms'").await;
    process.shared.accounts.refresh(&world.db, world.clock.now()).await.unwrap();
    let channels = "use = [\"sms\", \"email\"]\npolicy = \"first\"\nfinish_by = \"3h\"";
    let run = world.run(&campaign("awareness", channels, "valid_for = \"24h\"")).await;
    world.step_with(&process.runner).await;
    world.step_with(&process.runner).await;
    let rows = world.rows(run).await;
    let left = rows.iter().filter(|r| r.channel() == SMS && r.state() == State::Pending).count();
    assert_eq!(left, 15, "what the day still has");
}

async fn a_budget_holds_the_run_and_says_so(world: &World) {
    world.crowd(50).await;
    let gateway = Scripted::new();
    let mut process = Process::with_sms(world, &gateway).await;
    let run = world.run(&saying("Mot.", "awareness", "budget = 3_100")).await;
    process.settle().await;
    assert_eq!(gateway.count(), 10, "300 đồng each");
    assert_eq!(world.number("SELECT count(*) FROM run WHERE held = 'budget'").await, 1);
    assert_eq!(count(world, run, State::Pending).await, 40);
    world.sql("UPDATE run SET budget = 100_000, held = NULL".replace('_', "").as_str()).await;
    process.advance(2_000).await;
    process.settle().await;
    assert_eq!(gateway.count(), 50, "raised, it goes on");
}

async fn a_used_up_quota_fails_over_until_the_next_day(world: &World) {
    world.crowd(100).await;
    let (first, second) = (Scripted::new(), Scripted::new());
    let small = config::Account { daily: Some(30), ..configured("sms", Channel::Sms) };
    let other = config::Account { priority: 2, ..configured("other", Channel::Sms) };
    let mut process = Process::new(world, Limits::default(), vec![(small, &first), (other, &second)]).await;
    world.run(&saying("Mot.", "warning", "")).await;
    process.settle().await;
    for _ in 0..3 {
        process.advance(1_000).await;
        process.settle().await;
    }
    assert_eq!((first.count(), second.count()), (30, 70));
    process.advance(24 * HOUR).await;
    world.run(&saying("Hai.", "warning", "")).await;
    process.settle().await;
    for _ in 0..3 {
        process.advance(1_000).await;
        process.settle().await;
    }
    assert_eq!((first.count(), second.count()), (60, 140), "another day");
}

async fn what_was_put_back_uses_up_no_quota(world: &World) {
    world.crowd(10).await;
    let gateway = Scripted::new();
    let account = config::Account { daily: Some(10), ..configured("sms", Channel::Sms) };
    let mut process = Process::new(world, Limits::default(), vec![(account, &gateway)]).await;
    gateway.answers(|_| {
        Err(SendError::Retry { after: None, scope: providers::Scope::Account, reason: Reason::Other, detail: "busy".into() })
    });
    let run = world.run(&saying("Mot.", "warning", "")).await;
    process.settle().await;
    assert_eq!(count(world, run, State::Pending).await, 10);
    gateway.answers(|_| Ok(Accepted::default()));
    for _ in 0..5 {
        process.advance(60_000).await;
        process.settle().await;
    }
    assert_eq!(count(world, run, State::Accepted).await, 10, "the day's ten");
}

async fn an_account_that_fails_is_left_until_a_probe_succeeds(world: &World) {
    world.crowd(200).await;
    let (first, second) = (Scripted::new(), Scripted::new());
    let other = config::Account { priority: 2, ..configured("other", Channel::Sms) };
    let accounts = vec![(configured("sms", Channel::Sms), &first), (other, &second)];
    let mut process = Process::new(world, Limits::default(), accounts).await;
    first.answers(|_| {
        Err(SendError::Retry { after: None, scope: providers::Scope::Account, reason: Reason::Other, detail: "down".into() })
    });
    let run = world.run(&saying("Mot.", "warning", "")).await;
    process.settle().await;
    process.advance(1_000).await;
    process.settle().await;
    let tried = first.count();
    assert!((5..=20).contains(&tried), "one window at most: {tried}");
    assert_eq!((second.count(), count(world, run, State::Accepted).await), (200, 200), "the other one took over");

    world.run(&saying("Hai.", "warning", "")).await;
    process.advance(1_500).await;
    process.settle().await;
    assert_eq!(first.count(), tried + 1, "one probe, which fails");
    first.answers(|_| Ok(Accepted::default()));
    process.advance(10_000).await;
    world.run(&saying("Ba.", "warning", "")).await;
    process.settle().await;
    process.advance(1_000).await;
    process.settle().await;
    assert!(first.texts().iter().filter(|t| *t == "Ba.").count() > 1, "the probe succeeded: it has its messages again");
    let rows = world.number("SELECT count(*) FROM delivery WHERE state = 3").await;
    assert_eq!(rows, 600);
}

async fn a_misconfigured_account_waits_for_a_person(world: &World) {
    world.crowd(40).await;
    let gateway = Scripted::new();
    let mut process = Process::with_sms(world, &gateway).await;
    gateway.answers(|_| Err(SendError::Misconfigured { detail: "wrong password".into() }));
    let run = world.run(&saying("Mot.", "warning", "")).await;
    process.settle().await;
    let tried = gateway.count();
    assert!(tried <= 20, "one window at most: {tried}");
    assert_eq!(world.number("SELECT count(*) FROM account WHERE paused = 'wrong password' AND name = 'sms'").await, 1);
    process.advance(HOUR).await;
    process.settle().await;
    assert_eq!(gateway.count(), tried, "time does not mend it");

    gateway.answers(|_| Ok(Accepted::default()));
    loa::account::pause(&world.db, world.account, None, world.now()).await.unwrap();
    process.shared.accounts.refresh(&world.db, world.clock.now()).await.unwrap();
    process.settle().await;
    assert_eq!(count(world, run, State::Accepted).await, 40, "no try was used up, nobody was lost");
}

async fn who_refuses_after_the_claim_is_not_sent_to(world: &World) {
    world.crowd(60).await;
    let gateway = Scripted::new();
    let account = config::Account { window: 10, ..configured("sms", Channel::Sms) };
    let mut process = Process::new(world, Limits::default(), vec![(account, &gateway)]).await;
    let run = world.fanned_out(&saying("Mot.", "awareness", "")).await;
    let answering = gateway.answering.acquire().await.unwrap();
    process.step().await;
    let claimed: Vec<_> = world.rows(run).await.into_iter().filter(|r| r.state() == State::Submitting).collect();
    tokio::task::yield_now().await;
    let flying: BTreeSet<String> = gateway.handed.lock().unwrap().iter().map(|(to, _)| to.clone()).collect();
    let address = |hash: i64| format!("+84{}", 900_000_000 + hash);
    let waiting = claimed.iter().filter_map(|r| r.address).find(|hash| !flying.contains(&address(*hash)));
    let waiting = waiting.expect("more is claimed than flies");
    // The first word of refusal that this database ever heard.
    let said = Said { source: "link", wording: "", at: world.now() };
    consent::record(&world.db, Channel::Sms, waiting, Scope::Awareness, said).await.unwrap();
    drop(answering);
    process.settle().await;
    let handed: BTreeSet<String> = gateway.handed.lock().unwrap().iter().map(|(to, _)| to.clone()).collect();
    assert!(!handed.contains(&address(waiting)));
    assert_eq!(handed.len(), 59);
    let skipped: Vec<_> = world.rows(run).await.into_iter().filter(|r| r.state() == State::Skipped).collect();
    assert_eq!(skipped.iter().map(|r| (r.address, r.why())).collect::<Vec<_>>(), [(Some(waiting), Why::OptedOut)]);
}

async fn a_pause_stops_what_was_claimed_before_the_run_went_on(world: &World) {
    world.crowd(60).await;
    let gateway = Scripted::new();
    let account = config::Account { window: 10, ..configured("sms", Channel::Sms) };
    let mut process = Process::new(world, Limits::default(), vec![(account, &gateway)]).await;
    let run = world.fanned_out(&saying("Mot.", "awareness", "")).await;
    let answering = gateway.answering.acquire().await.unwrap();
    process.step().await;
    tokio::task::yield_now().await;
    let flying = gateway.count();
    // The run's row changes twice: what was claimed holds a copy of two versions ago.
    for cursor in [1, 2] {
        world.sql(&format!("UPDATE run SET fan_cursor = {cursor}")).await;
        world.active.refresh().await.unwrap();
    }
    loa::run::command::pause(&world.db, run).await.unwrap();
    drop(answering);
    process.settle().await;
    assert_eq!(gateway.count(), flying, "nothing after the pause");
    assert_eq!(count(world, run, State::Pending).await, 60 - flying);
}

async fn caps_defer_and_then_lapse(world: &World) {
    world.crowd(200).await;
    let gateway = Scripted::new();
    let limits = Limits { cap: Some((1, Duration::from_hours(48))), spacing: None };
    // Slow, so that a claim sees few at once: what is only deferred must not use up its turns.
    let slow = config::Account { rate: Rate { count: 50, per: Duration::from_secs(1) }, ..configured("sms", Channel::Sms) };
    let mut process = Process::new(world, limits, vec![(slow, &gateway)]).await;
    world.sql(&format!("INSERT INTO contact (recipient, run, at) SELECT id, 99, {} FROM recipient", world.now() - HOUR)).await;
    let run = world.fanned_out(&saying("Mot.", "awareness", "valid_for = \"72h\"")).await;
    let step = process.lanes[0].step().await.unwrap();
    assert_eq!(step.sent, 0);
    for _ in 0..20 {
        process.step().await;
    }
    let deferred = format!("SELECT count(*) FROM delivery WHERE state = 0 AND next_at = {}", world.now() + 47 * HOUR);
    assert_eq!(world.number(&deferred).await, 200);
    process.advance(47 * HOUR).await;
    world.sql("DELETE FROM delivery WHERE id NOT IN (SELECT id FROM delivery ORDER BY id LIMIT 5)").await;
    world.sql("UPDATE tally SET n = 5").await;
    process.settle().await;
    assert_eq!((gateway.count(), count(world, run, State::Accepted).await), (5, 5));

    let short = world.run(&saying("Hai.", "awareness", "valid_for = \"24h\"")).await;
    process.settle().await;
    process.advance(24 * HOUR).await;
    process.settle().await;
    let lapsed = count(world, short, State::Lapsed).await;
    assert_eq!((lapsed, gateway.count()), (5, 200), "195 had not heard from us lately; five lapse");
}

async fn a_process_whose_lease_ran_out_goes_on_under_a_new_epoch(world: &World) {
    world.crowd(60).await;
    let gateway = Scripted::new();
    let account = config::Account { window: 10, ..configured("sms", Channel::Sms) };
    let mut process = Process::new(world, Limits::default(), vec![(account, &gateway)]).await;
    let run = world.fanned_out(&saying("Mot.", "awareness", "")).await;
    let answering = gateway.answering.acquire().await.unwrap();
    process.step().await;
    tokio::task::yield_now().await;
    let flying = gateway.count();
    let claimed = count(world, run, State::Submitting).await;
    assert!(flying > 0 && claimed > flying);

    // It stood still for too long: another process takes what it owned as in doubt.
    world.sql(&format!("UPDATE epoch SET lease_until = {} WHERE id = {}", world.now(), world.epoch)).await;
    process.shared.renew_lease().await.unwrap();
    assert_ne!(process.shared.epoch(), world.epoch);
    let other = epoch::register(&world.db, "other", world.now()).await.unwrap();
    assert_eq!(epoch::sweep(&world.db, other, world.now() + 60_000, world.now()).await.unwrap(), claimed);
    process.step().await;
    assert_eq!(gateway.count(), flying, "what the old epoch had claimed is not sent any more");

    drop(answering);
    process.settle().await;
    assert_eq!((gateway.count(), count(world, run, State::Accepted).await), (60, 60), "everybody once");
    assert_eq!(world.number("SELECT count(*) FROM delivery WHERE doubts > 0").await, 0, "late answers settled every doubt");
}

on_both_engines!(
    everybody_is_sent_to_once,
    a_text_that_no_wording_covers_is_rejected_before_it_is_sent,
    a_small_run_finishes_while_a_huge_one_goes_on,
    a_warning_overtakes_within_one_claim,
    awareness_waits_for_the_morning_and_a_warning_does_not,
    what_is_unsent_when_its_time_is_over_lapses,
    what_cannot_be_finished_by_then_goes_to_the_next_channel,
    a_quota_that_is_used_up_counts_for_finish_by,
    a_budget_holds_the_run_and_says_so,
    a_used_up_quota_fails_over_until_the_next_day,
    what_was_put_back_uses_up_no_quota,
    an_account_that_fails_is_left_until_a_probe_succeeds,
    a_misconfigured_account_waits_for_a_person,
    who_refuses_after_the_claim_is_not_sent_to,
    a_pause_stops_what_was_claimed_before_the_run_went_on,
    caps_defer_and_then_lapse,
    a_process_whose_lease_ran_out_goes_on_under_a_new_epoch,
);
