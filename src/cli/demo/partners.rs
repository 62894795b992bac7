//! The demo's outlets: three carriers, played by a stand-in that answers and reports as real ones do, and schools that take theirs on
//! paper or on their own page. Names and contacts are made up.

use std::{collections::BTreeSet, time::Duration};

use anyhow::Context as _;
use tokio::task::JoinHandle;

use super::{
    super::sandbox::speak,
    office::{CERTIFICATE, SIGNING_KEY},
};
use crate::{
    app::App,
    audit::Actor,
    clock::Clock,
    outlet::{self, Kind, Way, Written},
    relay::partner,
    sandbox::partner::{Habit, Member, Options, Partner},
    transaction,
    user::{self, New, Right, Role, api_token},
};

/// Carriers: their names, and what they do otherwise than they should.
pub(super) const CARRIERS: [(&str, &str, &[Habit]); 3] = [
    ("viettel", "Viettel Telecom", &[]),
    ("vinaphone", "VinaPhone", &[Habit::Twice, Habit::Falls]),
    ("mobifone", "MobiFone", &[Habit::Wrong]),
];

/// Schools: their names and wards.
pub(super) const SCHOOLS: [(&str, &str, &str); 3] = [
    ("thcs-ngoc-ha", "Trường THCS Ngọc Hà (mẫu)", "00004"),
    ("thpt-cua-nam", "Trường THPT Cửa Nam (mẫu)", "00082"),
    ("tieu-hoc-hong-ha", "Trường Tiểu học Hồng Hà (mẫu)", "00025"),
];

/// Reports of each order, and how long it is from one thing that a carrier says to the next: a visitor sees them come.
const STEPS: u32 = 5;
const EVERY: Duration = Duration::from_secs(3);
/// How long the carriers' tokens are good (milliseconds).
const DAY: i64 = 24 * 3_600_000;

/// The carriers' stand-in, not talking yet.
pub(super) async fn start(clock: &Clock, seed: u64) -> anyhow::Result<Partner> {
    Partner::start(Options { steps: STEPS, seed, ..Options::new(clock.clone()) }).await
}

/// What the demo's settings say of them: `[relay]`. `signed`: there is a key to sign with.
pub(super) fn settings(signed: bool) -> String {
    let names: Vec<String> = CARRIERS.iter().map(|(slug, ..)| format!("{slug:?}")).collect();
    let signing = format!("signing = {{ certificate = {CERTIFICATE:?}, key = {{ file = {SIGNING_KEY:?} }} }}\n");
    format!(
        "[relay]\nsender = \"so-vhttdl.example\"\ncontact = \"156\"\nprivate = [{}]\npublish = true\n{}",
        names.join(", "),
        if signed { signing.as_str() } else { "" }
    )
}

/// Adds the outlets.
pub(super) async fn outlets(app: &App, stand_in: &Partner) -> anyhow::Result<()> {
    let address = stand_in.address().context("the carriers' stand-in has no port")?;
    let carriers = CARRIERS.iter().map(|(slug, title, _)| {
        let url = (*slug != "mobifone").then(|| format!("http://{address}/{slug}"));
        let way = if url.is_some() { Way::Push } else { Way::Pull };
        written(slug, title, Kind::Carrier, way, url, Vec::new())
    });
    let schools =
        SCHOOLS.iter().map(|(slug, title, ward)| written(slug, title, Kind::School, Way::Hand, None, vec![(*ward).to_string()]));
    let (actor, now) = (Actor::command("loa demo"), app.clock.millis());
    for outlet in carriers.chain(schools) {
        let added = transaction!(app.db, |tx| outlet::add(tx, &app.seal, &outlet, &actor, now).await)?;
        added.map_err(|refused| anyhow::anyhow!("{}: {refused}", outlet.slug))?;
    }
    Ok(())
}

fn written(slug: &str, title: &str, kind: Kind, way: Way, url: Option<String>, areas: Vec<String>) -> Written {
    Written {
        slug: slug.to_string(),
        title: title.to_string(),
        kind,
        way,
        url,
        certificate: None,
        contact: Some(format!("truc.ban@{slug}.example")),
        areas,
        owner: String::new(),
        sender: format!("{slug}.example"),
    }
}

/// Lets the stand-in play the carriers, each by a user of its own with a token, and talk until the task is ended.
pub(super) async fn talk(app: &App, stand_in: Partner, url: &str) -> anyhow::Result<Talk> {
    let (actor, now) = (Actor::command("loa demo"), app.clock.millis());
    for (slug, title, habits) in CARRIERS {
        let new = New {
            email: format!("chuong-trinh@{slug}.example"),
            name: format!("Chương trình của {title}"),
            roles: [Role::Partner].into_iter().collect(),
            every_department: true,
            departments: Vec::new(),
        };
        let id = partner::add(&app.db, &new, Some(slug), &actor, now).await?;
        let id = id.map_err(|unfit| anyhow::anyhow!("{}", unfit.words().en))?;
        let user = user::find(&app.db, id).await?.context("a user who was just added is gone")?;
        let lends = api_token::New {
            name: "Chương trình chạy thử",
            rights: [Right::AnswerOrders].into_iter().collect(),
            ends_at: now + DAY,
        };
        let token = api_token::make(&app.db, &app.seal, &user, &lends, &actor, now).await?.0;
        let habits: BTreeSet<Habit> = habits.iter().copied().collect();
        stand_in.plays(Member { outlet: slug.to_string(), token, pulls: slug == "mobifone", habits });
    }
    stand_in.works_for(url);
    Ok(Talk(tokio::spawn(async move { speak(&stand_in, EVERY).await })))
}

/// The carriers, talking. Dropped, they fall silent.
pub(super) struct Talk(JoinHandle<()>);

impl Drop for Talk {
    fn drop(&mut self) {
        self.0.abort();
    }
}
