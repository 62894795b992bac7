//! From claim to verdict, stepped by hand under a clock that stands still: fairness, hours, budgets, quotas, circuits. The
//! gateways are scripted: what they were handed is what counts.

mod circuits;
mod held;
mod hours;
mod limits;
mod order;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use loa::{
    account::{Account, Accounts},
    audience::phone::Carrier,
    config::{self, Limits, Price, Rate},
    delivery::State,
    dispatch::{Lane, Lease, Recorder, Shared},
    run::Runner,
};
use providers::{
    Abilities, About, Accepted, Channel, Content, Handle, Outgoing, Poll, Provider, Receipt, ReceiptState, SendError,
    StatusError, text::Budget,
};

use crate::engines::world::{World, campaign};

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
            work: Arc::default(),
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
