//! `/orders`: the orders, the latest first, by campaign, run, outlet and state, page by page; and what waits for somebody.

use axum::{
    extract::{self, Query},
    response::Response,
};
use minijinja::{Value, context};
use serde::Deserialize;

use super::page_of;
use crate::{
    outlet,
    relay::{Eyes, Order, State as Stands, Status, Step, order, waiting},
    user::Right,
    web::{
        Shared, State,
        console::{
            fault::Fault,
            outlets::is_wanted,
            visitor::{Visitor, see_other},
        },
    },
    words::Lang,
};

/// Orders on a page.
const PAGE: usize = 30;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    /// An order's identifier: to its page.
    find: String,
    campaign: String,
    run: String,
    /// An outlet's slug.
    outlet: String,
    state: String,
    overdue: String,
    /// Only orders with a lower number.
    before: Option<i64>,
}

impl Asked {
    fn fields(&self) -> [(&'static str, &str); 5] {
        [
            ("campaign", self.campaign.trim()),
            ("run", self.run.trim()),
            ("outlet", self.outlet.trim()),
            ("state", self.state.trim()),
            ("overdue", self.overdue.trim()),
        ]
    }

    fn is_filtered(&self) -> bool {
        self.fields().iter().any(|(_, value)| !value.is_empty())
    }

    /// The outlet that is meant: by its slug, or by a part of its name that no other's has. None: none is, or several are.
    async fn outlet(&self, state: &Shared, visitor: &Visitor) -> Result<Option<i64>, Fault> {
        let (db, scope) = (&state.parts.db, &visitor.user.departments);
        let named = self.outlet.trim();
        if let Some(outlet) = outlet::by_slug(db, &state.parts.seal, named).await? {
            return Ok(Some(outlet.id));
        }
        let words = providers::text::unaccented(named).to_lowercase();
        let all = outlet::without_contacts(db).await?.into_iter();
        let mut called = all.filter(|outlet| scope.sees(&outlet.owner) && is_wanted(outlet, None, &words));
        Ok(called.next().filter(|_| called.next().is_none()).map(|outlet| outlet.id))
    }

    /// What it narrows the list to; none: nothing fits.
    async fn filter(&self, state: &Shared, visitor: &Visitor) -> Result<Option<order::Filter>, Fault> {
        let given = |text: &str| Some(text.trim().to_string()).filter(|text| !text.is_empty());
        let run = match given(&self.run).map(|run| run.parse::<i64>()) {
            None => None,
            Some(Ok(run)) => Some(run),
            Some(Err(_)) => return Ok(None),
        };
        let outlet = match given(&self.outlet) {
            None => None,
            Some(_) => match self.outlet(state, visitor).await? {
                Some(outlet) => Some(outlet),
                None => return Ok(None),
            },
        };
        Ok(Some(order::Filter {
            campaign: given(&self.campaign),
            run,
            outlet,
            state: Stands::named(&self.state),
            overdue: !self.overdue.is_empty(),
            before: self.before,
        }))
    }

    /// The address of another page of the same list.
    fn address(&self, before: i64) -> String {
        let mut address = form_urlencoded::Serializer::new(String::new());
        address.extend_pairs(self.fields().into_iter().filter(|(_, value)| !value.is_empty()));
        address.append_pair("before", &before.to_string());
        format!("/orders?{}", address.finish())
    }
}

/// How a state looks: done, to be looked at, or neither.
pub(super) const fn tone(state: Stands) -> &'static str {
    match state {
        Stands::Reported => "good",
        Stands::Refused => "bad",
        Stands::Drafted | Stands::Approved => "amber",
        _ => "",
    }
}

/// An order as a line of a list.
pub(super) fn line(order: &Order, lang: Lang) -> Value {
    context! {
        page => page_of(order), identifier => &order.identifier, title => &order.content.title,
        outlet => &order.outlet_title, outlet_slug => &order.outlet_slug, kind => order.outlet_kind.label().text(lang),
        way => order.outlet_way.label().text(lang), campaign => &order.campaign, run => order.run,
        state => order.state.label().text(lang), tone => tone(order.state),
        step => (order.step != Step::Alert).then(|| order.step.label().text(lang).to_string()),
        status => (order.status != Status::Actual).then(|| order.status.label().text(lang).to_string()),
        overdue => order.is_overdue(), report_by => order.report_by, made_at => order.made_at, stopped => order.stopped,
    }
}

/// What waits, each with the way to it.
async fn waits(state: &Shared, visitor: &Visitor) -> Result<Vec<Value>, Fault> {
    let waits = waiting::counts(&state.parts.db, &visitor.user.departments).await?;
    let lang = visitor.lang;
    let orders = |of: Stands| waits.states.get(&of).copied().unwrap_or_default();
    let tiles = [
        (lang.pick("Chờ phê duyệt", "To be approved"), orders(Stands::Drafted), "/orders?state=drafted"),
        (lang.pick("Chờ giao", "To be handed over"), orders(Stands::Approved), "/orders?state=approved"),
        (lang.pick("Chờ tiếp nhận", "To be acknowledged"), orders(Stands::HandedOver), "/orders?state=handed_over"),
        (lang.pick("Từ chối", "Refused"), orders(Stands::Refused), "/orders?state=refused"),
        (lang.pick("Quá hạn báo cáo", "Overdue"), waits.overdue, "/orders?overdue=1"),
    ];
    Ok(tiles.into_iter().map(|(label, count, href)| context! { label, count, href }).collect())
}

pub(super) async fn show(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    visitor.needs(Right::ReadOrders)?;
    let (db, now, lang) = (&state.parts.db, state.parts.clock.millis(), visitor.lang);
    let eyes = Eyes::Office(&visitor.user.departments);
    let wanted = asked.find.trim();
    let lost = if wanted.is_empty() {
        false
    } else {
        match order::by_identifier(db, wanted, eyes, now).await? {
            Some(order) => return Ok(see_other(&page_of(&order))),
            None => true,
        }
    };
    let mut orders = match asked.filter(&state, &visitor).await? {
        Some(filter) => order::list(db, &filter, eyes, PAGE + 1, now).await?,
        None => Vec::new(),
    };
    let more = orders.len() > PAGE;
    orders.truncate(PAGE);
    let next = orders.last().filter(|_| more).map(|last| asked.address(last.id));
    let states: Vec<Value> = std::iter::once(context! { value => "", label => lang.pick("Tất cả", "All") })
        .chain(Stands::ALL.into_iter().map(|state| context! { value => state.name(), label => state.label().text(lang) }))
        .collect();
    let values = context! {
        orders => orders.iter().map(|order| line(order, lang)).collect::<Vec<_>>(),
        waits => waits(&state, &visitor).await?, states, lost, next,
        filtered => asked.is_filtered(), paged => asked.before.is_some(),
        find => wanted, campaign => asked.campaign.trim(), run => asked.run.trim(), outlet => asked.outlet.trim(),
        chosen => asked.state.trim(), overdue => !asked.overdue.is_empty(),
    };
    Ok(state.view(&visitor, "orders/list", values))
}
