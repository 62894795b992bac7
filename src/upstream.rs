//! The partner's own Loa: it takes the orders of a department's Loa (`[upstream]`), carries them out as campaigns over its own people, and
//! reports what it counted.
//!
//! What enters: the department's feed of orders ([`mod@poll`]), each a CAP document whose signature and digest are checked ([`read`]). What
//! leaves: one draft campaign an order ([`draft`]), which waits for somebody's approval; an acknowledgement; the order's rounds once it is
//! approved ([`round`]); and cumulative reports of what the rows say ([`count`], [`tell`]), until late receipts can change nothing any
//! more. A Cancel or an Update ends what it names: its draft is archived, its runs are aborted ([`order::end`]).
//!
//! Everything is a row before it is done and may be done again: an order is taken in once, a draft has one text, a round is one run, a
//! report is frozen before its first byte leaves. Several nodes share the work by claiming it. What can go wrong: nobody answers, which is
//! tried again; an order that cannot be carried out, or a report that is refused, which a person is told of ([`Taken::trouble`]).

pub mod count;
pub mod draft;
pub mod order;
mod poll;
pub mod read;
pub mod round;
pub mod tell;
pub mod wire;

use std::sync::Arc;

use providers::exchange::Exchange;

use crate::{
    approval,
    audit::Actor,
    campaign::relay::Status,
    cap::Certificate,
    clock::Clock,
    config::{self, Config},
    db::{Db, DbError, Result},
    definition,
    edition::{self, Saved, Shelf, SubmitError, segments},
    phrase,
    relay::{Step, hand},
    transaction,
    words::{self, Lang, Phrase},
};
use order::{State, Taken};
use tell::Made;
use wire::{Trouble, Wire};

pub use poll::{Poll, poll};

/// How long a claimed order or look is left to whoever claimed it (milliseconds): longer than any step may take.
const LEASE: i64 = 5 * 60_000;
/// Orders of one step.
const MOST: i64 = 20;
/// How often a waiting draft or a round is looked at (milliseconds).
const LOOK: i64 = 5_000;
/// How long after a report that was refused the next one is made at least (milliseconds).
const REFUSED: i64 = 60_000;
/// How long what a person must mend is left to them before it is tried again (milliseconds).
const MEND: i64 = 5 * 60_000;

/// Takes orders from a department's Loa and carries them out.
pub struct Upstream {
    db: Db,
    clock: Clock,
    shelf: Arc<Shelf>,
    settings: config::Upstream,
    owner: String,
    certificate: Option<Certificate>,
    wire: Wire,
    actor: Actor,
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Done {
    /// Orders that were taken in.
    pub taken: usize,
    /// Orders at which something was done.
    pub moved: usize,
    /// Runs that were begun or ended: whoever sends should look.
    pub runs: usize,
}

/// Failures in a row after which somebody is told.
const PATIENCE: i64 = 3;

/// What a person must see to: which order it is about (none: the department's Loa), the campaign's name where there is one, and what is
/// wrong.
pub async fn troubles(db: &Db, upstream: &config::Upstream) -> Result<Vec<(Option<String>, String, Phrase)>> {
    let mut troubles = Vec::new();
    // What could not be read of a department that answers is said at once.
    if let Some(poll) = poll(db, &upstream.url).await?.filter(|poll| !poll.last.is_empty())
        && (poll.failures == 0 || poll.failures >= PATIENCE)
    {
        let (vi, en) = (words::said(poll.last.clone(), Lang::Vi), words::said(poll.last, Lang::En));
        let says = if poll.failures == 0 {
            phrase!("không nhận được yêu cầu: {vi}", "an order cannot be taken in: {en}")
        } else {
            phrase!("Loa của nơi yêu cầu không trả lời: {vi}", "the department's Loa does not answer: {en}")
        };
        troubles.push((None, String::new(), says));
    }
    let orders = order::troubled(db).await?;
    troubles.extend(orders.into_iter().filter_map(|order| Some((Some(order.identifier), order.campaign, order.trouble?))));
    Ok(troubles)
}

fn millis(span: std::time::Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX / 4)
}

/// The longest wait that the department's Loa may ask for (milliseconds).
const LONGEST_ASKED: i64 = 6 * 3_600_000;

/// How long the department's Loa asks to be left alone (milliseconds).
fn asked(trouble: &Trouble) -> i64 {
    if let Trouble::Later(_, Some(after)) = trouble { millis(*after).min(LONGEST_ASKED) } else { 0 }
}

impl Upstream {
    /// As the settings say; none: they name no department to take orders from.
    pub fn new(config: &Config, db: &Db, clock: &Clock, shelf: &Arc<Shelf>, exchange: Exchange) -> Option<Self> {
        let settings = config.upstream.clone()?;
        // It was read with the settings: what is none now was changed under them.
        let certificate = settings.certificate.as_ref().and_then(|pem| Certificate::from_pem(pem.as_bytes()).ok());
        let owner = if settings.department.is_empty() { config.relay_name().to_string() } else { settings.department.clone() };
        Some(Self {
            db: db.clone(),
            clock: clock.clone(),
            shelf: Arc::clone(shelf),
            wire: Wire::new(exchange, clock, &settings),
            owner: if owner.is_empty() { "Loa".to_string() } else { owner },
            certificate,
            settings,
            actor: Actor::command("upstream"),
        })
    }

    /// A bounded piece of everything that is to be done.
    pub async fn step(&self) -> Result<Done> {
        let mut done = Done { taken: self.look().await?, ..Done::default() };
        let mut failed = None;
        let now = self.clock.millis();
        for order in order::claim(&self.db, MOST, now, now + LEASE).await? {
            let before = order.clone();
            // One that fails keeps no other waiting; it is looked at again when its claim is over.
            match self.advance(order, &mut done).await {
                Ok(after) => {
                    done.moved += usize::from(after.state != before.state || after.answered_at != before.answered_at);
                    order::keep(&self.db, &after).await?;
                }
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(done), Err)
    }

    /// Does what is next with an order; what it is after it.
    async fn advance(&self, mut order: Taken, done: &mut Done) -> Result<Taken> {
        let now = self.clock.millis();
        if order.state == State::New {
            self.begin(&mut order, done).await?;
            if order.state == State::New {
                return Ok(order);
            }
        }
        if order.answered_at.is_none() && !self.acknowledge(&mut order).await? {
            return Ok(order);
        }
        if order.step == Step::Cancel {
            return Ok(Taken { state: State::Done, ..order });
        }
        order.next_at = now + LOOK;
        if order.state < State::Ended && order.expires_at <= now {
            order::lapse(&self.db, &order, &self.actor, now).await?;
            (order.state, order.ended_at) = (State::Ended, Some(now));
        }
        let rounds = round::of(&self.db, &order).await?;
        let mut next_round = None;
        if order.state < State::Ended {
            next_round = round::next_at(&order, &rounds, now);
            if next_round.is_some_and(|at| at <= now) && self.send(&mut order, rounds.len() + 1).await? {
                done.runs += 1;
                order.state = State::Sending;
                order.trouble = None;
                return Ok(order);
            }
            if rounds.is_empty() {
                return Ok(order);
            }
            order.state = State::Sending;
        }
        if order.state == State::Ended && !order.campaign.is_empty() {
            // It may have been ended while its draft was being written.
            transaction!(self.db, |tx| edition::archive(tx, &order.campaign, &self.actor, now).await)?;
        }
        self.tell(&mut order, &rounds, next_round).await?;
        Ok(order)
    }

    /// Makes the draft of a new order; ends what a Cancel or an Update names.
    async fn begin(&self, order: &mut Taken, done: &mut Done) -> Result<()> {
        let now = self.clock.millis();
        if let Some(earlier) = &order.earlier {
            done.runs += order::end(&self.db, earlier, &self.actor, now).await?.unwrap_or(0);
        }
        if order.step == Step::Cancel {
            order.state = State::Ended;
            return Ok(());
        }
        // What replaces or withdraws it came first: its own document could not be had then.
        if order::is_followed(&self.db, &order.identifier).await? {
            order::end(&self.db, &order.identifier, &self.actor, now).await?;
            (order.state, order.ended_at) = (State::Ended, Some(now));
            return Ok(());
        }
        // Everybody does as if, and nobody sends: what is tried is the way of the order and of its report.
        if order.content.status != Status::Actual {
            order.state = State::Ended;
            return Ok(());
        }
        match self.draft(order).await? {
            Ok(slug) => {
                order.campaign = slug;
                order.state = State::Waiting;
                order.trouble = None;
            }
            Err(why) => {
                order.trouble = Some(why);
                order.next_at = now + MEND;
                if order.expires_at <= now {
                    order.state = State::Ended;
                }
            }
        }
        Ok(())
    }

    /// Writes the draft and asks for its approval, once. Its name, or what a person must mend first.
    async fn draft(&self, order: &Taken) -> Result<std::result::Result<String, Phrase>> {
        let (db, now) = (&self.db, order.taken_at);
        let slug = draft::slug(&order.identifier);
        let names = (self.owner.as_str(), self.settings.segment.as_str());
        let draft = match draft::write(&slug, &order.content, self.settings.channel, names, order.taken_at) {
            Ok(draft) => draft,
            Err(why) => return Ok(Err(why)),
        };
        let library = self.shelf.library(db).await?;
        if let Err(why) = edition::check_slug(&library, &slug) {
            return Ok(Err(why));
        }
        let segment = &self.settings.segment;
        if library.segments.get(segment).is_none() {
            return Ok(Err(phrase!(
                "[upstream] segment: không có nhóm `{segment}`",
                "[upstream] segment: there is no segment `{segment}`"
            )));
        }
        let wanted = segments::Draft { slug: &slug, text: Some(&draft.segment), owner: &self.owner, base: 0 };
        // Whoever writes it, it says the same: what is there already was written by an earlier try.
        if let segments::Saved::Conflict(theirs) = segments::save(db, wanted, &self.actor, now).await?
            && theirs.text.as_deref() != Some(&draft.segment)
        {
            return Ok(Err(phrase!("đã có nhóm `{slug}` khác", "there is another segment `{slug}`")));
        }
        let wanted = edition::Draft { slug: &slug, text: &draft.campaign, base: 0, comment: &order.identifier };
        let version = match edition::save_draft(db, wanted, &self.actor, now).await? {
            Saved::Done(version) | Saved::Unchanged(version) => version,
            // Somebody has gone on writing at what an earlier try left: theirs stands.
            Saved::Conflict(theirs) => {
                if theirs.version == 1 && theirs.text != draft.campaign {
                    return Ok(Err(phrase!("đã có chiến dịch `{slug}` khác", "there is another campaign `{slug}`")));
                }
                theirs.version
            }
        };
        // An earlier try asked for approval, and somebody gave it.
        if approval::last_released(db, &slug).await?.is_some() {
            return Ok(Ok(slug));
        }
        let library = self.shelf.library(db).await?;
        let note = phrase!("Yêu cầu {0}", "Order {0}", order.identifier).vi;
        match edition::submit(db, &library, true, (&slug, version), &note, &self.actor, self.clock.millis()).await {
            Ok(_) | Err(SubmitError::Waiting | SubmitError::Archived) => Ok(Ok(slug)),
            Err(SubmitError::Db(error)) => Err(error),
            Err(SubmitError::Broken(problems)) => {
                Ok(Err(phrase!("bản nháp {slug} chưa dùng được: {problems}", "the draft {slug} cannot be used yet: {problems}")))
            }
            Err(other) => Ok(Err(phrase!("bản nháp {slug}: {other}", "the draft {slug}: {other}"))),
        }
    }

    /// Tells the department that the order will be done. Whether it knows.
    async fn acknowledge(&self, order: &mut Taken) -> Result<bool> {
        let now = self.clock.millis();
        match self.wire.acknowledge(&order.identifier).await {
            Ok(()) => {
                (order.answered_at, order.tries) = (Some(now), 0);
                Ok(true)
            }
            // It is closed or withdrawn there: whoever asks for a report is not told more by asking again.
            Err(Trouble::Refused(why)) => {
                (order.answered_at, order.tries) = (Some(now), 0);
                order.trouble =
                    Some(phrase!("nơi yêu cầu không nhận lời tiếp nhận: {why}", "the acknowledgement was refused: {why}"));
                Ok(true)
            }
            Err(trouble) => {
                self.later(order, &trouble);
                Ok(false)
            }
        }
    }

    /// Nobody answered: later, and then later still.
    fn later(&self, order: &mut Taken, trouble: &Trouble) {
        order.tries += 1;
        order.next_at = self.clock.millis() + hand::wait(order.tries).max(asked(trouble));
        tracing::warn!(order = order.identifier, %trouble, tries = order.tries, "the department could not be told");
    }

    /// Begins the round of this number if somebody approved the draft as it was ordered. Whether it was begun.
    async fn send(&self, order: &mut Taken, number: usize) -> Result<bool> {
        let Some(hash) = approval::last_released(&self.db, &order.campaign).await? else { return Ok(false) };
        let kept = match definition::kept(&self.db, &hash).await {
            Ok(kept) => kept,
            Err(DbError::Refused(why)) => {
                order.trouble =
                    Some(phrase!("bản đã phê duyệt không đọc được: {why}", "the approved version cannot be read: {why}"));
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        if !draft::is_as_ordered(&kept.source.campaign, &order.content, self.settings.channel) {
            order.trouble = Some(phrase!(
                "bản đã phê duyệt khác lời nhắn của yêu cầu: Loa không gửi",
                "what was approved differs from the ordered text: it is not sent"
            ));
            return Ok(false);
        }
        Ok(round::begin(&self.db, order, number, &kept, &self.actor, self.clock.millis()).await?.is_some())
    }

    /// Counts and reports, if it is time to; ends the order when nothing more can change.
    async fn tell(&self, order: &mut Taken, rounds: &[round::Round], next_round: Option<i64>) -> Result<()> {
        let (db, now) = (&self.db, self.clock.millis());
        let mut reports = tell::all(db, order.id).await?;
        if let Some(open) = reports.iter().find(|made| made.is_open()).cloned() {
            return self.hand_over(order, &open).await;
        }
        let over = order.state == State::Ended && rounds.is_empty() || tell::is_over(rounds, next_round);
        let done_at = tell::done_at(&reports, rounds).unwrap_or_else(|| tell::given_up_at(order));
        if !tell::owes(order, rounds) || done_at <= now {
            if over {
                order.state = State::Done;
            }
            return Ok(());
        }
        if !tell::is_due(&reports, over, now) {
            return Ok(());
        }
        let counts = if rounds.is_empty() {
            count::nothing(&order.content.areas)
        } else {
            count::count(db, &order.content.areas, rounds).await?
        };
        // No round is begun late for that.
        let again = now + tell::pause(&reports, rounds, now);
        order.next_at = next_round.filter(|at| *at > now).map_or(again, |at| again.min(at));
        let Some(report) = tell::next(order, &reports, rounds, counts, over, now) else { return Ok(()) };
        if tell::make(db, order, &report, now).await? {
            reports = tell::all(db, order.id).await?;
            if let Some(made) = reports.first().filter(|made| made.is_open()).cloned() {
                return self.hand_over(order, &made).await;
            }
        }
        Ok(())
    }

    async fn hand_over(&self, order: &mut Taken, made: &Made) -> Result<()> {
        let now = self.clock.millis();
        match self.wire.report(&order.identifier, &made.body).await {
            Ok(()) => {
                tell::settle(&self.db, order.id, made.sequence, None, now).await?;
                (order.tries, order.trouble) = (0, None);
                tracing::info!(order = order.identifier, sequence = made.sequence, "the department took the report");
            }
            Err(Trouble::Refused(why)) => {
                tell::settle(&self.db, order.id, made.sequence, Some(&why), now).await?;
                order.tries += 1;
                order.next_at = now + hand::wait(order.tries).max(REFUSED);
                tracing::error!(order = order.identifier, sequence = made.sequence, why, "the department refused the report");
                order.trouble = Some(phrase!("nơi yêu cầu từ chối báo cáo: {why}", "the report was refused: {why}"));
            }
            Err(trouble) => self.later(order, &trouble),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_department_is_left_alone_as_it_asks_within_bounds() {
        let later = |after| Trouble::Later("HTTP 503".into(), after);
        assert_eq!(asked(&later(Some(Duration::from_mins(5)))), 300_000);
        assert_eq!(asked(&later(Some(Duration::from_secs(u64::MAX)))), LONGEST_ASKED);
        assert_eq!((asked(&later(None)), asked(&Trouble::Refused("no".into()))), (0, 0));
    }
}
