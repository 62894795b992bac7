//! `/reach/rows`: the deliveries behind a figure, page by page, without names. Whoever may see the list of recipients sees addresses,
//! masked as everywhere; whoever sees figures only sees none.

use std::collections::BTreeMap;

use axum::{
    extract::{self, Query},
    response::Response,
};
use minijinja::context;
use serde::Deserialize;

use super::{Asked, Wanted, heading};
use crate::{
    delivery,
    report::{Cut, Fate, row},
    user::Right,
    web::{
        State,
        console::{fault::Fault, visitor::Visitor},
    },
    words,
};

/// What is asked beside the selection.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Wish {
    period: String,
    from: String,
    through: String,
    campaign: String,
    area: String,
    by: String,
    /// A line's key.
    line: String,
    /// What became of them.
    fate: String,
    /// Where the page before ended.
    after: i64,
}

pub(super) async fn show(
    extract::State(state): extract::State<State>,
    visitor: Visitor,
    Query(wish): Query<Wish>,
) -> Result<Response, Fault> {
    let Wish { period, from, through, campaign, area, by, line, fate, after } = wish;
    let cut = Cut::named(&by).filter(|_| !line.is_empty());
    let wanted = Wanted::of(&state, &visitor, Asked { period, from, through, campaign, area, by }).await?;
    let lang = visitor.lang;
    let only = Fate::ALL.into_iter().find(|known| known.name() == fate);
    let now = state.0.parts.clock.millis();
    let page = row::page(&state.0.parts.db, &wanted.selection, cut.map(|cut| (cut, line.as_str())), only, after, now).await?;
    let (may_read, may_open) = (visitor.can(Right::ReadAudience), visitor.can(Right::ReadPerson));
    let addresses = if may_read {
        delivery::masked(&state.0.parts.db, &state.0.parts.seal, page.rows.iter().map(|row| row.id)).await?
    } else {
        BTreeMap::new()
    };
    let rows: Vec<_> = page
        .rows
        .iter()
        .map(|row| {
            let channel = providers::Channel::from_number(row.id & 15).map_or("", providers::Channel::name);
            context! {
                run => row.run, reference => &row.reference, address => addresses.get(&row.id),
                person => row.reference.as_ref().filter(|_| may_open).map(|_| delivery::recipient_of(row.id)),
                place => row.place(), channel, carrier => row.carrier.text(lang),
                state => words::delivery_state(row.state.name(), channel == "chat", lang),
                why => row.cause().map(|cause| cause.label().text(lang).to_string()),
                parts => row.parts, price => words::number(row.price, lang), at => words::moment(row.at, lang),
            }
        })
        .collect();
    let address = |fate: &str, after: i64| {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in [("line", line.as_str()), ("fate", fate)].into_iter().filter(|(_, value)| !value.is_empty()) {
            query.append_pair(name, value);
        }
        if after > 0 {
            query.append_pair("after", &after.to_string());
        }
        let (path, more) = (wanted.with("/reach/rows", |_| {}), query.finish());
        if more.is_empty() { path } else { format!("{path}{}{more}", if path.contains('?') { '&' } else { '?' }) }
    };
    let fates: Vec<_> = std::iter::once(("", lang.pick("Tất cả", "All").to_string()))
        .chain(Fate::ALL.into_iter().map(|fate| (fate.name(), fate.label().text(lang).to_string())))
        .map(|(name, label)| context! { href => address(name, 0), label, current => only.map_or("", Fate::name) == name })
        .collect();
    let values = context! {
        rows, fates, line => page.line.as_ref().map_or(line.as_str(), |name| name.text(lang)), may_read,
        next => page.next.map(|next| address(only.map_or("", Fate::name), next)),
        first => if after > 0 { Some(address(only.map_or("", Fate::name), 0)) } else { None },
        full => page.rows.len() == row::PAGE,
        back => wanted.with("/reach", |_| {}),
        ..heading(&wanted, lang)
    };
    Ok(state.0.view(&visitor, "reach/rows", values))
}
