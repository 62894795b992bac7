//! Which message a run carries.

use chrono::NaiveDate;

use super::{Campaign, Message, Period};

impl Period {
    /// The phase that a day lies in: the last one that began by then. None before the first.
    pub fn phase_on(&self, date: NaiveDate) -> Option<&str> {
        self.phases.iter().rev().find(|(_, first)| *first <= date).map(|(name, _)| name.as_str())
    }
}

impl Message {
    /// Whether it may be sent in this phase: it names none, or this one.
    fn fits(&self, phase: Option<&str>) -> bool {
        self.phase.is_none() || self.phase.as_deref() == phase
    }
}

impl Campaign {
    /// The message of the run that is the `nth` scheduled occurrence (from 0) and takes place on `date`: in rotation over
    /// those that fit the phase and are for everybody. None if there is none for that day.
    pub fn message_for(&self, date: NaiveDate, nth: u64) -> Option<usize> {
        let phase = self.period.phase_on(date);
        turn(self.messages.iter().enumerate().filter(|(_, m)| m.segments.is_empty() && m.fits(phase)).map(|(i, _)| i), nth)
    }

    /// What people of particular segments get in that run instead: the message's index and the segments, in the file's
    /// order. Several messages for the same segments take turns. A person in two entries gets the first.
    pub fn messages_for_segments(&self, date: NaiveDate, nth: u64) -> Vec<(usize, &[String])> {
        let phase = self.period.phase_on(date);
        let fitting: Vec<(usize, &[String])> = self
            .messages
            .iter()
            .enumerate()
            .filter(|(_, m)| !m.segments.is_empty() && m.fits(phase))
            .map(|(index, m)| (index, m.segments.as_slice()))
            .collect();
        let mut chosen: Vec<(usize, &[String])> = Vec::new();
        for (_, segments) in &fitting {
            if chosen.iter().any(|(_, known)| known == segments) {
                continue;
            }
            let same = fitting.iter().filter(|(_, other)| other == segments).map(|(index, _)| *index);
            chosen.extend(turn(same, nth).map(|index| (index, *segments)));
        }
        chosen
    }
}

fn turn(candidates: impl Iterator<Item = usize>, nth: u64) -> Option<usize> {
    let candidates: Vec<usize> = candidates.collect();
    let count = u64::try_from(candidates.len()).ok().filter(|count| *count > 0)?;
    candidates.get(usize::try_from(nth % count).ok()?).copied()
}
