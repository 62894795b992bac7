//! What a run sends, as it was when the run was made: nothing that is changed afterwards changes it.

use chrono::NaiveDate;
use providers::Channel;

use super::RunRow;
use crate::{
    audience::segment::{Bind, Compiled, SegmentError, compile, compile_audience},
    campaign::{Campaign, Condition, Kind, Law, Policy, Segments},
    db::Engine,
    delivery::{Plan, fan_out::Audience},
    message::Templates,
};

/// An immutable copy of what a run sends, compiled.
#[derive(Debug)]
pub struct Frozen {
    /// SHA-256 of the copy.
    pub hash: String,
    /// The campaign.
    pub campaign: Campaign,
    /// The segments as they were.
    pub segments: Segments,
    /// The texts, compiled.
    pub templates: Templates,
}

impl Frozen {
    fn condition(&self, slug: &str) -> Option<&Condition> {
        self.segments.get(slug).map(|segment| &segment.condition)
    }

    /// How a run of this definition sends.
    /// `phones`: an account for chat reaches people by their phone number.
    pub fn plan(&self, run: i64, phones: bool) -> Plan {
        let channels = &self.campaign.channels;
        let templated = |i: &usize| self.campaign.messages[*i].body.chat.as_ref().is_some_and(|chat| chat.template.is_some());
        Plan {
            run,
            order: channels.order.clone(),
            first: channels.policy == Policy::First,
            warning: self.campaign.kind == Kind::Warning,
            advertising: self.campaign.law == Law::Advertising,
            silent_after: channels.fall_back_after.map(|d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX / 4)),
            texts: (0..self.campaign.messages.len())
                .map(|i| [Channel::Sms, Channel::Email, Channel::Chat].map(|channel| self.templates.has(i, channel)))
                .collect(),
            phones: (0..self.campaign.messages.len())
                .filter(|i| phones && templated(i))
                .filter_map(|i| i16::try_from(i).ok())
                .collect(),
        }
    }

    /// The audience of a run, compiled for an engine.
    pub fn audience(&self, row: &RunRow, engine: Engine, now: i64) -> Result<Audience, SegmentError> {
        let lookup = |slug: &str| self.condition(slug);
        let date = row.date.parse::<NaiveDate>().unwrap_or_default();
        let turn = u64::try_from(row.turn).unwrap_or(0);
        let mut next = Audience::FIRST_BIND;
        let mut placed = |compiled: Compiled| {
            next += compiled.binds.len();
            (compiled, next)
        };
        // Placeholders are numbered in the order in which the statement's values are bound.
        let kin = row.kin();
        let members = if let Some(kin) = &kin {
            Compiled { text: kin.members(), binds: Vec::new() }
        } else if row.is_test() {
            let text = format!("r.ref IN (SELECT ref FROM :rows(${}; ref TEXT) AS wanted)", Audience::FIRST_BIND);
            Compiled { text: engine.spell(&text), binds: vec![Bind::Text(row.recipients.clone())] }
        } else {
            compile_audience(&self.campaign.audience, &lookup, engine, Audience::FIRST_BIND, now)?
        };
        let (members, mut at) = placed(members);
        let mut segments = Vec::new();
        for slug in self.campaign.audience.segments.iter().take(62) {
            let condition = self.condition(slug).ok_or_else(|| SegmentError::Unknown(slug.clone()))?;
            let (compiled, after) = placed(compile(condition, &lookup, engine, at, now)?);
            at = after;
            segments.push(compiled);
        }
        let mut special = Vec::new();
        for (message, slugs) in self.campaign.messages_for_segments(date, turn) {
            let any = Condition { segments: slugs.to_vec(), ..Condition::default() };
            let (compiled, after) = placed(compile(&any, &lookup, engine, at, now)?);
            at = after;
            special.push((compiled, message));
        }
        let message = self.campaign.messages.iter().position(|m| m.id == row.message).unwrap_or(0);
        Ok(Audience { members, segments, message, special, kin })
    }
}
