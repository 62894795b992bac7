//! The figures that a page shows: those that were closed, else those that are kept; of the visitor's departments.

use chrono::NaiveDate;

use super::{Fault, Wanted};
use crate::{
    period::Period,
    report::{
        Selection, Sheet, Target,
        closing::{self, Adjusted, Closing, adjustments},
        kept, target,
    },
    web::{State, console::visitor::Visitor},
};

/// Figures with where they come from.
pub(in crate::web::console) struct Shown {
    pub sheet: Sheet,
    /// Nothing changed since they were counted.
    pub fresh: bool,
    /// Their period was closed with this; they are those of it, unless it is of more than was asked for.
    pub closing: Option<Closing>,
    /// What it says of the one campaign that was asked for: what comparisons go by.
    pub part: Option<Sheet>,
    /// What changed after it.
    pub adjusted: Vec<Adjusted>,
}

impl Shown {
    /// The closing that the figures are those of.
    pub fn closed(&self) -> Option<&Closing> {
        self.closing.as_ref().filter(|_| self.part.is_none())
    }

    /// What another period is compared with: closed figures, where there are any.
    pub fn compared(&self) -> &Sheet {
        self.part.as_ref().unwrap_or(&self.sheet)
    }
}

/// The local day.
pub(in crate::web::console) fn today(state: &State) -> NaiveDate {
    state.0.parts.clock.now().with_timezone(&chrono_tz::Asia::Ho_Chi_Minh).date_naive()
}

/// Whose closings a visitor sees and signs: the whole office's, or those of their departments.
pub(in crate::web::console) fn department(visitor: &Visitor) -> String {
    visitor.user.departments.whose()
}

/// The figures of a selection; none: they are being counted, and somebody who looks again finds them.
pub(in crate::web::console) async fn look(
    state: &State,
    visitor: &Visitor,
    period: Option<&Period>,
    selection: &Selection,
) -> Result<Option<Shown>, Fault> {
    let (db, now) = (&state.0.parts.db, state.0.parts.clock.millis());
    let (kept, unwritten) = kept::look(db, selection, now).await?;
    if unwritten {
        // Whoever reads does not wait for the writer.
        let (db, selection) = (db.clone(), selection.clone());
        tokio::spawn(async move {
            if let Err(error) = kept::want(&db, &selection, now).await {
                tracing::warn!(%error, "could not ask for figures");
            }
        });
    }
    let closing = match period {
        Some(period) if selection.area.is_none() => closing::latest(db, &period.key(), &department(visitor)).await?,
        _ => None,
    };
    let closing =
        closing.filter(|closing| period.is_none_or(|period| (closing.from, closing.through) == (period.from, period.through)));
    let Some(slug) = &selection.campaign else {
        return Ok(match (closing, kept) {
            (Some(closing), kept) => {
                let adjusted = kept.map(|kept| adjustments(&closing.sheet, &kept.sheet)).unwrap_or_default();
                Some(Shown { sheet: closing.sheet.clone(), fresh: true, closing: Some(closing), part: None, adjusted })
            }
            (None, kept) => kept.map(open),
        });
    };
    // A closing has one line of a campaign, and not all that its page shows: the page is of now, and says what changed.
    let part = closing.and_then(|closing| Some((closing.sheet.of_campaign(slug)?, closing)));
    Ok(kept.map(|kept| match part {
        Some((part, closing)) => {
            let adjusted = adjustments(&part, &kept.sheet);
            Shown { sheet: kept.sheet, fresh: kept.fresh, closing: Some(closing), part: Some(part), adjusted }
        }
        None => open(kept),
    }))
}

/// Figures of what was not closed.
fn open(kept: kept::Kept) -> Shown {
    Shown { sheet: kept.sheet, fresh: kept.fresh, closing: None, part: None, adjusted: Vec::new() }
}

/// The goals that belong on the page, as far as they are counted.
pub(super) async fn targets(state: &State, visitor: &Visitor, wanted: &Wanted, shown: &Shown) -> Result<Vec<Target>, Fault> {
    let now = state.0.parts.clock.millis();
    let goals = state.0.parts.library.read().map(|library| library.goals.0.clone()).unwrap_or_default();
    let mut targets = Vec::new();
    for goal in target::belonging(&wanted.selection, &goals, now) {
        let within = Target::selection(goal, &wanted.selection);
        if within == wanted.selection {
            targets.push(shown.sheet.target(goal));
        } else if let Some(counted) = look(state, visitor, None, &within).await? {
            targets.push(counted.sheet.target(goal));
        }
    }
    Ok(targets)
}
