//! What a page of figures is asked for, and what that means for this visitor: which runs, which period, which campaigns they may
//! choose from.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::today;
use crate::{
    audience::place::Places,
    period::{Calendar, Period, Span},
    phrase,
    report::{self, Cut, Selection},
    user::Right,
    web::{
        State,
        console::{fault::Fault, visitor::Visitor},
    },
};

/// What a page is asked for.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct Asked {
    /// A period's key; empty: this quarter, unless days are given.
    pub period: String,
    /// Days instead of a period.
    pub from: String,
    pub through: String,
    pub campaign: String,
    /// A place's code.
    pub area: String,
    pub by: String,
}

/// What it means.
pub(super) struct Wanted {
    pub asked: Asked,
    pub calendar: Calendar,
    pub period: Option<Period>,
    /// The local day.
    pub today: NaiveDate,
    pub selection: Selection,
    /// Campaigns that the visitor may choose from: slug and title.
    pub campaigns: Vec<(String, String)>,
    pub by: Cut,
    /// People who live in a place, where a goal says so.
    pub populations: BTreeMap<String, i64>,
}

impl Wanted {
    /// Reads what was asked; what cannot be is told, and nothing is guessed.
    pub(super) async fn of(state: &State, visitor: &Visitor, asked: Asked) -> Result<Self, Fault> {
        visitor.needs(Right::ReadReach)?;
        let calendar = Calendar::of(&state.0.parts.config.reporting);
        let day = |text: &str| match text {
            "" => Ok(None),
            text => text.parse::<NaiveDate>().map(Some).map_err(|_| {
                Fault::Invalid(phrase!(
                    "`{text}` không phải ngày, ví dụ 2026-10-01.",
                    "`{text}` is not a day, such as 2026-10-01."
                ))
            }),
        };
        let (from, through) = (day(&asked.from)?, day(&asked.through)?);
        if let (Some(from), Some(through)) = (from, through)
            && through < from
        {
            return Err(Fault::Invalid(phrase!("Ngày cuối đứng trước ngày đầu.", "The last day is before the first.")));
        }
        let key = asked.period.trim();
        let period = if !key.is_empty() {
            Some(calendar.parse(key).ok_or_else(|| {
                Fault::Invalid(phrase!(
                    "Không có kỳ `{key}`: viết 2026, 2026-H1, 2026-Q4, 2026-10 hoặc 2026-W47.",
                    "There is no period `{key}`: write 2026, 2026-H1, 2026-Q4, 2026-10 or 2026-W47."
                ))
            })?)
        } else if from.is_none() && through.is_none() {
            calendar.containing(Span::Quarter, today(state))
        } else {
            None
        };
        let area = Some(asked.area.clone()).filter(|area| !area.is_empty());
        if area.as_deref().is_some_and(|area| Places::built_in().name(area).is_none()) {
            return Err(Fault::NotFound);
        }
        let (campaigns, only) = report::seen_by(&state.0.parts.db, &visitor.user.departments).await?;
        let campaign = Some(asked.campaign.clone()).filter(|slug| !slug.is_empty());
        if campaign.as_ref().is_some_and(|slug| campaigns.iter().all(|(known, _)| known != slug)) {
            // Another department's, or none: which of the two is not told.
            return Err(Fault::NotFound);
        }
        let (from, through) = period.map_or((from, through), |period| (Some(period.from), Some(period.through)));
        // A campaign that is seen needs no list of all that are.
        let only = only.filter(|_| campaign.is_none());
        let by = Cut::named(&asked.by).unwrap_or(if campaign.is_some() { Cut::Area } else { Cut::Campaign });
        let selection = Selection { campaign, from, through, area, only, run: None };
        let goals = state.0.parts.library.read().map(|library| library.goals.0.clone()).unwrap_or_default();
        let populations = goals.into_iter().flat_map(|goal| goal.population).collect();
        Ok(Self { asked, calendar, period, today: today(state), selection, campaigns, by, populations })
    }

    /// The same for another period.
    pub(super) fn in_period(&self, period: &Period) -> Selection {
        Selection { from: Some(period.from), through: Some(period.through), ..self.selection.clone() }
    }

    pub(super) fn previous(&self) -> Option<Period> {
        self.period.and_then(|period| self.calendar.previous(&period))
    }

    /// This page's address with one thing changed.
    pub(super) fn with(&self, path: &str, change: impl FnOnce(&mut Asked)) -> String {
        let mut asked = self.asked.clone();
        if let Some(period) = &self.period {
            asked.period = period.key();
        }
        change(&mut asked);
        address(path, &asked)
    }
}

/// A path with what is asked of it.
fn address(path: &str, asked: &Asked) -> String {
    let fields = [
        ("period", &asked.period),
        ("from", &asked.from),
        ("through", &asked.through),
        ("campaign", &asked.campaign),
        ("area", &asked.area),
        ("by", &asked.by),
    ];
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in fields.into_iter().filter(|(_, value)| !value.is_empty()) {
        query.append_pair(name, value);
    }
    let query = query.finish();
    if query.is_empty() { path.to_string() } else { format!("{path}?{query}") }
}
