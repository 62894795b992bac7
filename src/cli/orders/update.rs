//! An Update of an order: only what changes is written. It is drafted, and goes out once somebody else approves it.

use super::{Desk, Globals, Mistake, refused, report::moment, show};
use crate::{
    audience::place::Places,
    phrase,
    relay::{enlist, follow, revise::Changes},
};

/// What is to change; what is left out stays. An empty text takes away what it stands for.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Its number, or its name in CAP
    order: String,
    /// Why it changes: the outlet reads it
    why: String,
    /// What it is about
    #[arg(long, value_name = "TITLE")]
    title: Option<String>,
    /// The text message
    #[arg(long, value_name = "TEXT")]
    sms: Option<String>,
    /// Take the text message's accents off
    #[arg(long, requires = "sms")]
    unaccented: bool,
    /// What carriers show in their own application
    #[arg(long, value_name = "TEXT")]
    app: Option<String>,
    /// What the others read out, hang up or publish
    #[arg(long, value_name = "TEXT")]
    material: Option<String>,
    /// How often everybody gets it
    #[arg(long, value_name = "N")]
    rounds: Option<u16>,
    /// Hours of each day between which it may be sent: 08:00-20:00
    #[arg(long, value_name = "HOURS", value_parser = hours)]
    hours: Option<(String, String)>,
    /// Texts a second at most
    #[arg(long, value_name = "N")]
    rate: Option<u32>,
    /// An area by code or name; again for more
    #[arg(long = "area", value_name = "AREA")]
    areas: Vec<String>,
    /// For whom it is, in words
    #[arg(long, value_name = "TEXT")]
    audience: Option<String>,
    /// Until when it holds: 2026-11-30T17:00:00+07:00, or the end of a day
    #[arg(long, value_name = "TIME", value_parser = moment)]
    expires: Option<i64>,
    /// When its final report is due
    #[arg(long, value_name = "TIME", value_parser = moment)]
    report_by: Option<i64>,
}

fn hours(text: &str) -> Result<(String, String), String> {
    let span = text.split_once('-').map(|(from, until)| (from.trim().to_string(), until.trim().to_string()));
    span.ok_or_else(|| "08:00-20:00".to_string())
}

impl Desk<'_> {
    pub(super) async fn update(&self, args: Args) -> anyhow::Result<()> {
        let (order, actor) = (self.find(&args.order).await?, self.actor()?);
        let named: Result<Vec<String>, Mistake> =
            args.areas.iter().map(|area| enlist::area(area).map(str::to_string).map_err(Mistake)).collect();
        let changes = Changes {
            title: args.title,
            sms: args.sms,
            unaccented: args.unaccented,
            app: args.app,
            material: args.material,
            rounds: args.rounds,
            window: args.hours,
            max_rate: args.rate,
            areas: Some(named?).filter(|areas| !areas.is_empty()),
            audience: args.audience,
            expires_at: args.expires,
            report_by: args.report_by,
        };
        if changes.is_nothing() {
            return Err(Mistake(phrase!(
                "chưa nêu thay đổi gì: ví dụ --sms \"…\" hoặc --expires 30/11/2026",
                "nothing is to change: write --sms \"…\" or --expires 2026-11-30, for example"
            ))
            .into());
        }
        let is_place = |code: &str| Places::built_in().province_of(code).is_some();
        let content = changes.of(&order.content, self.now(), is_place).map_err(|misfit| {
            let (field, vi, en) = (misfit.field, misfit.why.vi, misfit.why.en);
            Mistake(phrase!("{field}: {vi}", "{field}: {en}"))
        })?;
        let updated = follow::update(self.db, order.id, &content, &args.why, &self.acting(&actor)).await?.map_err(refused)?;
        if self.globals.json {
            return Ok(Globals::print_json(&show::as_json(&updated))?);
        }
        let identifier = &updated.identifier;
        self.say(&phrase!(
            "Đã soạn bản sửa đổi {identifier}; người khác phê duyệt: loa orders approve {identifier} --by TÊN",
            "Wrote the Update {identifier}; somebody else approves it: loa orders approve {identifier} --by NAME"
        ))?;
        Ok(())
    }
}
