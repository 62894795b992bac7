//! The campaigns of most scenarios, and the runs that are made of them.

use std::{collections::BTreeMap, sync::Arc};

use loa::{
    campaign::{Campaign, Holidays, Segments, Source},
    config::{Office, OptOut},
    delivery::Plan,
    run::{Runner, command, make},
};

use super::World;

/// The segment that the campaigns here are for.
pub const EVERYBODY: &str = "[moi-nguoi]\ntitle = \"Mọi người\"\n";

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
    /// Makes a run now.
    pub async fn run(&self, text: &str) -> i64 {
        self.run_with(text, EVERYBODY, &[]).await
    }

    pub async fn run_with(&self, text: &str, segments: &str, recipients: &[String]) -> i64 {
        let source = source("chien-dich", text, segments);
        let asked = make::Asked { source: &source, segments, recipients, once: None, by: None };
        let run = make::asked(&self.db, &asked, &Holidays::built_in(), self.clock.now()).await.unwrap();
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

    pub async fn abort(&self, run: i64) {
        command::abort(&self.db, run).await.unwrap();
        self.active.refresh().await.unwrap();
    }
}
