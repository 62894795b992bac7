//! `/runs/{id}`: how a run goes, live where the browser can; what it waits for, what failed and why, what is in doubt.

use std::{convert::Infallible, sync::Arc};

use axum::{
    extract::{self, Path},
    response::{
        IntoResponse as _, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::stream;
use minijinja::{Value, context, value::Serde};
use serde::Serialize;
use tokio::sync::watch;

use super::seen;
use crate::{
    active::{RunRow, RunState},
    delivery::Relation,
    relay::waiting::{self, Of},
    report::{Cut, Line, Selection, kept},
    run::{again, failure, pulse, wait, warning},
    tally,
    user::{Right, session},
    web::{
        Shared, State,
        console::{fault::Fault, orders, visitor::Visitor},
        live::{self, Live, Look},
    },
    words::{self, Lang},
};

/// Minutes of pace on a page.
const MINUTES: usize = 60;
/// Minutes that are read for them: a day of them.
pub(super) const DAY: i64 = 24 * 60;
/// The width of a minute in the picture, its gap included, and of the whole picture.
const STEP: i64 = 12;
const WIDTH: i64 = 720;

/// Looks at a run between two at whether its watcher still may.
const ASKED: u32 = 3;

/// What the moving part of the page shows.
fn progress(look: &Look, visitor: &Visitor) -> Value {
    let lang = visitor.lang;
    let accounts = visitor.can(Right::ReadAccounts);
    let line = |wait: &wait::Wait| {
        let page = wait.account().filter(|_| accounts).map(|name| format!("/accounts/{name}"));
        context! { text => wait.phrase(look.at).text(lang).to_string(), page => page }
    };
    context! {
        lang => lang.pick("vi", "en"),
        run => Value::from(Serde(&look.card)),
        waits => look.waits.iter().map(line).collect::<Vec<_>>(),
        stands => look.waits.first().is_some_and(wait::Wait::stands_still),
        stuck => look.waits.iter().any(wait::Wait::wants_somebody),
        per_second => look.per_second,
        outlook => look.outlook.as_ref().map(|told| told.text(lang).to_string()),
        at => look.at,
        over => look.over,
    }
}

/// Deliveries of one account.
#[derive(Serialize)]
struct OfAccount {
    name: String,
    channel: &'static str,
    sent: i64,
    reached: i64,
    failed: i64,
    doubtful: i64,
    parts: i64,
    price: i64,
}

async fn of_accounts(shared: &Shared, run: i64) -> crate::db::Result<Vec<OfAccount>> {
    use crate::delivery::State as Delivery;
    let mut rows: Vec<(i64, OfAccount)> = Vec::new();
    for (key, count) in tally::of_runs(&shared.parts.db, &[run]).await? {
        if key.account == 0 {
            continue;
        }
        let at = if let Some(at) = rows.iter().position(|(id, _)| *id == key.account) {
            at
        } else {
            let channel = providers::Channel::from_number(i64::from(key.channel)).map_or("", providers::Channel::name);
            let name = shared.parts.accounts.name(key.account).to_string();
            rows.push((
                key.account,
                OfAccount { name, channel, sent: 0, reached: 0, failed: 0, doubtful: 0, parts: 0, price: 0 },
            ));
            rows.len() - 1
        };
        let row = &mut rows[at].1;
        let state = Delivery::from_number(key.state);
        row.sent += count.n;
        row.parts += count.parts;
        row.price += count.price;
        if state.is_confirmed() {
            row.reached += count.n;
        } else if state.has_failed() {
            row.failed += count.n;
        } else if state == Delivery::InDoubt {
            row.doubtful += count.n;
        }
    }
    rows.sort_by(|(_, one), (_, two)| one.name.cmp(&two.name));
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

/// Deliveries by carrier: no tally has them; they are of the run's kept figures, which are counted in the background. None: they
/// were not counted yet, or are of a test, which is none of the figures.
async fn of_carriers(shared: &Shared, run: i64, lang: Lang) -> crate::db::Result<Option<Value>> {
    let selection = Selection { run: Some(run), ..Selection::default() };
    let (kept, _) = kept::look(&shared.parts.db, &selection, shared.parts.clock.millis()).await?;
    let line = |line: &Line| {
        let of = &line.figures.deliveries;
        context! {
            name => line.name.text(lang), sent => of.total(), reached => of.confirmed(), failed => of.failed(),
            parts => of.parts, price => of.cost,
        }
    };
    Ok(kept.map(|kept| {
        let lines: Vec<Value> = kept.sheet.lines(Cut::Carrier).iter().map(line).collect();
        context! { lines, at => kept.sheet.at, fresh => kept.fresh }
    }))
}

#[derive(Serialize)]
struct Failed {
    reason: String,
    count: i64,
    /// What can be done about it.
    advice: Option<String>,
    examples: Vec<Example>,
}

#[derive(Serialize)]
struct Example {
    recipient: i64,
    address: String,
    state: &'static str,
    account: String,
    words: String,
    at: i64,
}

async fn failures(shared: &Shared, run: i64, lang: Lang) -> crate::db::Result<(Vec<Failed>, bool)> {
    let found = failure::of(&shared.parts.db, &shared.parts.seal, run).await?;
    let label = |why: crate::delivery::Why| match why.name() {
        "" => words::reason("none", lang).to_string(),
        name => words::reason(name, lang).to_string(),
    };
    let example = |one: failure::Example| Example {
        recipient: one.recipient,
        address: one.address,
        state: one.state.name(),
        account: shared.parts.accounts.name(one.account).to_string(),
        words: one.words,
        at: one.at,
    };
    let failed = found.reasons.into_iter().map(|reason| Failed {
        reason: label(reason.why),
        count: reason.count,
        advice: failure::advice(reason.why).map(|words| words.text(lang).to_string()),
        examples: reason.examples.into_iter().map(example).collect(),
    });
    Ok((failed.collect(), found.more))
}

/// A minute of pace, and its place in the picture.
#[derive(Serialize)]
struct Minute {
    at: i64,
    sent: i64,
    x: i64,
    height: i64,
}

/// The pace, minute by minute: at most an hour of it, the latest. None: nothing was sent yet.
pub(super) fn pace(beats: &[pulse::Beat]) -> Option<Value> {
    let mut pace = pulse::pace(beats);
    if i64::try_from(beats.len()).is_ok_and(|n| n >= DAY) {
        // What came before is not known: the first minute would have it all.
        pace.retain(|(minute, _)| beats.first().is_none_or(|first| *minute > first.minute));
    }
    let pace = &pace[pace.len().saturating_sub(MINUTES)..];
    let (first, last) = (pace.first()?.0, pace.last()?.0);
    let most = pace.iter().map(|(_, sent)| *sent).max().unwrap_or(0).max(1);
    let of = |(minute, sent): &(i64, i64)| Minute {
        at: minute * 60_000,
        sent: *sent,
        x: (minute - first) * STEP,
        height: (sent * 100 / most).max(i64::from(*sent > 0)),
    };
    let minutes: Vec<Minute> = pace.iter().map(of).collect();
    Some(context! {
        minutes => Value::from(Serde(&minutes)), most => most, width => WIDTH.max(i64::try_from(pace.len()).unwrap_or(WIDTH) * STEP),
        from => first * 60_000, to => last * 60_000,
    })
}

/// What a run was made from and what was made of it.
#[derive(Serialize)]
struct Family {
    parent: Option<i64>,
    relation: &'static str,
    children: Vec<i64>,
    /// Corrections that wait for approval: their slugs.
    corrections: Vec<String>,
    follow_until: Option<i64>,
}

async fn family(shared: &Shared, row: &RunRow) -> crate::db::Result<Family> {
    let db = &shared.parts.db;
    let waiting = warning::correcting(db, row.id).await?.into_iter().filter(|warning| warning.run.is_none());
    Ok(Family {
        parent: row.parent,
        relation: Relation::from_number(row.kin).map_or("", Relation::name),
        children: again::children(db, row.id).await?,
        corrections: waiting.map(|warning| warning.slug).collect(),
        follow_until: row.follow_until,
    })
}

pub(super) async fn show(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(id): Path<i64>,
) -> Result<Response, Fault> {
    let (row, head) = seen(&state, &visitor, id).await?;
    let db = &state.parts.db;
    let Some(look) = live::once(&state, row.clone()).await? else { return Err(Fault::NotFound) };
    let (failed, more) = failures(&state, id, visitor.lang).await?;
    let doubts = wait::doubts_settle(db, id).await?;
    let resends = state.parts.active.get(id).map(|run| run.resends());
    let beats = pulse::latest(db, id, DAY).await?;
    let over = row.settled_at.is_some();
    let doubtful = look.card.sum(|state| state == crate::delivery::State::InDoubt);
    let relayed = orders::told(&state, &visitor, Of::Run(id)).await?;
    let orders_wait = waiting::unsent(db, id).await? > 0;
    let asks_still = orders_wait && row.state() == RunState::Settled;
    let orders_held = asks_still && row.paused;
    Ok(state.view(
        &visitor,
        "console/runs/page",
        context! {
            owner => head.owner,
            family => Value::from(Serde(&family(&state, &row).await?)),
            stopped_by => row.stopped_by, stopped_at => row.stopped_at,
            expires_at => row.expires_at,
            message => row.message,
            accounts => Value::from(Serde(&of_accounts(&state, id).await?)),
            carriers => of_carriers(&state, id, visitor.lang).await?,
            failed => Value::from(Serde(&failed)), failed_more => more,
            doubtful => doubtful, doubts => doubts, resends => resends,
            pace => pace(&beats),
            may_run => visitor.can(Right::Run), may_write => visitor.can(Right::WriteCampaigns), may_read_person => visitor.can(Right::ReadPerson),
            can_pause => (!over && row.state < 2 || asks_still) && !row.paused,
            can_resume => !over && row.state < 2 && (row.paused || row.held.is_some()) || orders_held,
            orders_held,
            can_abort => !over && row.state < 2 || orders_wait,
            can_follow_on => over && row.state != 4,
            // Nobody of the list gets anything: others pass it on.
            relay_alone => relayed.is_some() && over && look.card.run.deliveries == 0, relayed,
            ..progress(&look, &visitor)
        },
    ))
}

/// `/runs/{id}/live`: the moving part of the page, as often as it changes, until the run has settled.
pub(super) async fn live(
    extract::State(state): extract::State<State>,
    visitor: Visitor,
    Path(id): Path<i64>,
) -> Result<Response, Fault> {
    let (_, head) = seen(&state.0, &visitor, id).await?;
    let looks = Live::watch(&state, id);
    let watcher = Watcher { state, visitor, owner: head.owner, looks, unasked: 0, last: String::new(), over: false };
    let events = stream::unfold(watcher, |mut watcher| async move {
        let event = watcher.next().await?;
        Some((Ok::<_, Infallible>(event), watcher))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response())
}

/// Somebody who watches a run.
struct Watcher {
    state: State,
    visitor: Visitor,
    /// The run's department.
    owner: String,
    looks: watch::Receiver<Option<Arc<Look>>>,
    /// Looks since it was last asked whether they still may.
    unasked: u32,
    /// What they were told last.
    last: String,
    over: bool,
}

impl Watcher {
    /// One event a change: `progress` with the page's moving part; `over` with it, once and last, when nothing more comes. None: that was
    /// the last, the process ends, or they may watch no longer.
    async fn next(&mut self) -> Option<Event> {
        while !self.over && self.looks.changed().await.is_ok() {
            let Some(look) = self.looks.borrow_and_update().clone() else { continue };
            self.unasked += 1;
            if self.unasked >= ASKED {
                self.unasked = 0;
                if !self.may_still().await {
                    return None;
                }
            }
            let html = match self.state.0.pages.render("console/runs/progress", progress(&look, &self.visitor)) {
                // An event has lines; what a gateway said may have other ends of them.
                Ok(html) => html.replace('\r', " "),
                Err(error) => {
                    tracing::error!("the progress of a run could not be rendered: {error:#}");
                    return None;
                }
            };
            if html == self.last && !look.over {
                continue;
            }
            let event = Event::default().event(if look.over { "over" } else { "progress" }).data(&html);
            (self.last, self.over) = (html, look.over);
            return Some(event);
        }
        None
    }

    /// Whether they are still signed in and see the run: this goes on long after their request was answered.
    async fn may_still(&self) -> bool {
        let parts = &self.state.0.parts;
        match session::holds(&parts.db, self.visitor.session, parts.clock.millis()).await {
            Ok(user) => user.is_some_and(|user| user.can(Right::ReadCampaigns) && user.departments.sees(&self.owner)),
            Err(error) => {
                tracing::warn!(%error, "could not ask whether somebody may still watch a run");
                true
            }
        }
    }
}
