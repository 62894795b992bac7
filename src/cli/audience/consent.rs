//! `loa audience consent` and `loa audience opt-out`: people at their word, by an officer.

use std::process::ExitCode;

use chrono::NaiveDate;
use providers::Channel;
use serde_json::json;

use super::Ground;
use crate::{
    cli::{
        Globals, Mistake, day,
        who::{self, read_address, unknown},
    },
    consent::{
        self, Said, Scope,
        agreement::{self, Word, has_agreed},
    },
    phrase,
    request::{deadline, person},
    transaction, words,
};

/// The `source` of what an officer records.
const OFFICER: &str = "officer";

#[derive(clap::Args)]
pub(super) struct Agreement {
    /// The person's reference; with - a phone number or mail address is read from standard input
    #[arg(value_name = "REF")]
    reference: String,
    /// Which channel; may be repeated; without it, every channel
    #[arg(long, value_name = "CHANNEL", value_parser = ["sms", "email", "chat"])]
    channel: Vec<String>,
    /// The legal basis: consent, or another one
    #[arg(long, value_name = "BASIS", default_value = "consent")]
    basis: String,
    /// Where it is: a form, a counter, a registration page
    #[arg(long, value_name = "TEXT", required_unless_present = "withdrawn")]
    source: Option<String>,
    /// What the person agreed to
    #[arg(long, value_name = "TEXT", default_value = "")]
    wording: String,
    /// On which day; without it, now
    #[arg(long, value_name = "DATE", value_parser = day)]
    at: Option<NaiveDate>,
    /// The person withdraws
    #[arg(long, conflicts_with = "basis")]
    withdrawn: bool,
    /// Who writes it down; without it, the name under which you are signed in on this machine
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

#[derive(clap::Args)]
pub(super) struct OptOut {
    /// A phone number or a mail address; with - it is read from standard input
    address: String,
    /// What is refused
    #[arg(long, value_name = "SCOPE", default_value = "awareness", value_parser = ["awareness", "all"])]
    scope: String,
    /// Only until the end of this day; messages come again by themselves
    #[arg(long, value_name = "DATE", value_parser = day)]
    until: Option<NaiveDate>,
    /// The refusal is taken back
    #[arg(long, conflicts_with_all = ["scope", "until"])]
    take_back: bool,
    /// The person's words, or how they said it
    #[arg(long, value_name = "TEXT", default_value = "")]
    wording: String,
}

/// The end of a day that somebody gave for something to come: it must lie ahead.
pub(in crate::cli) fn ahead(until: Option<NaiveDate>, now: i64) -> Result<Option<i64>, Mistake> {
    let end = until.map(deadline::end_of);
    if end.is_some_and(|end| end <= now) {
        return Err(Mistake(phrase!("ngày kết thúc đã qua", "the last day is over already")));
    }
    Ok(end)
}

/// The beginning of a day that somebody gave for something past; now for today. It must not lie ahead.
pub(in crate::cli) fn past(at: Option<NaiveDate>, now: i64) -> Result<i64, Mistake> {
    let today = deadline::last_day(now + 1);
    match at {
        Some(at) if at > today => Err(Mistake(phrase!("ngày này chưa đến", "that day is still to come"))),
        // The last moment of the day before is the first of this one.
        Some(at) if at < today => Ok(at.pred_opt().map_or(now, deadline::end_of)),
        _ => Ok(now),
    }
}

impl Ground<'_> {
    pub(super) async fn consent(&self, asked: Agreement) -> anyhow::Result<ExitCode> {
        let (now, by) = (self.globals.clock.millis(), self.globals.officer(asked.by)?);
        let at = past(asked.at, now)?;
        let reference = &who::reference(&self.db, &self.seal, &asked.reference, self.lang()).await?;
        let Some(id) = person(&self.db, reference).await? else { return Err(unknown(reference).into()) };
        let is_meant = |channel: &Channel| asked.channel.is_empty() || asked.channel.iter().any(|name| name == channel.name());
        let channels: Vec<Channel> = Channel::ALL.into_iter().filter(is_meant).collect();
        let word = Word {
            given: !asked.withdrawn,
            basis: if asked.withdrawn { "" } else { &asked.basis },
            source: asked.source.as_deref().unwrap_or(OFFICER),
            wording: &asked.wording,
            at,
            by: &by,
        };
        let after = json!({ "channels": channels.iter().map(|channel| channel.name()).collect::<Vec<_>>(), "basis": word.basis });
        let action = if word.given { "consent.record" } else { "consent.withdraw" };
        transaction!(self.db, |tx| {
            for channel in &channels {
                agreement::record(tx, id, *channel, word, now).await?;
            }
            self.globals.record(tx, Some(&by), action, &id.to_string(), &after).await
        })?;
        if self.globals.json {
            let names: Vec<_> = channels.iter().map(|channel| channel.name()).collect();
            Globals::print_json(&json!({ "ref": reference, "channels": names, "given": word.given, "basis": word.basis }))?;
            return Ok(ExitCode::SUCCESS);
        }
        let lang = self.lang();
        let names = channels.iter().map(|channel| words::channel(channel.name(), lang)).collect::<Vec<_>>().join(", ");
        self.say(&if asked.withdrawn {
            phrase!("`{reference}`: rút lại sự đồng ý ({names}).", "`{reference}`: withdrew ({names}).")
        } else {
            let basis = word.basis;
            phrase!("`{reference}`: căn cứ {basis} ({names}).", "`{reference}`: on the basis {basis} ({names}).")
        })?;
        if word.given && !has_agreed(word.basis) {
            self.say(&phrase!(
                "Căn cứ này không phải là đồng ý: không gửi quảng cáo được.",
                "This basis is no agreement: no advertising may be sent on it."
            ))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    pub(super) async fn opt_out(&self, asked: OptOut) -> anyhow::Result<ExitCode> {
        let now = self.globals.clock.millis();
        let (channel, plain, hash) = read_address(&self.seal, &who::said(&asked.address, self.lang())?)?;
        let until = ahead(asked.until, now)?;
        let scope = if asked.take_back { None } else { Scope::from_name(&asked.scope) };
        let said = Said { source: OFFICER, wording: &asked.wording, at: now };
        let masked = providers::mask(&plain);
        let action = if scope.is_some() { "consent.opt-out" } else { "consent.opt-in" };
        let after = json!({ "channel": channel.name(), "scope": scope.map(|_| &asked.scope), "until": until });
        transaction!(self.db, |tx| {
            match (scope, until) {
                (Some(scope), Some(until)) => consent::pause(tx, channel, hash, scope, until, said).await?,
                (Some(scope), None) => consent::refuse(tx, channel, hash, scope, said).await?,
                (None, _) => consent::take_back(tx, channel, hash, said).await?,
            };
            self.globals.record(tx, None, action, &masked, &after).await
        })?;
        let mut words = match scope {
            Some(Scope::Awareness) => phrase!(
                "{masked}: từ chối tin tuyên truyền, vẫn nhận cảnh báo khẩn.",
                "{masked}: refuses awareness messages; warnings still come."
            ),
            Some(Scope::All) => phrase!("{masked}: từ chối mọi tin.", "{masked}: refuses everything."),
            None => phrase!("{masked}: nhận tin trở lại.", "{masked}: takes messages again."),
        };
        if let Some(day) = asked.until {
            let (vi, en) = (words::date(day, words::Lang::Vi), words::date(day, words::Lang::En));
            words = words.then(&phrase!("Đến hết ngày {vi}.", "Through {en}."));
        }
        self.say(&words)?;
        Ok(ExitCode::SUCCESS)
    }
}
