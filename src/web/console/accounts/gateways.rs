//! `/gateways`: what an account can be on, which accounts are on it, and what its settings mean.

use axum::{extract, response::Response};
use minijinja::context;
use providers::Channel;
use serde_json::{Value as Json, json};

use super::shown;
use crate::{
    account::{SMPP, SMTP, ZALO},
    user::Right,
    web::{
        State,
        console::{fault::Fault, visitor::Visitor},
    },
};

pub(super) async fn show(extract::State(State(state)): extract::State<State>, visitor: Visitor) -> Result<Response, Fault> {
    visitor.needs(Right::ReadAccounts)?;
    let using = |name: &str| -> Vec<&str> {
        let accounts = state.parts.config.accounts.iter();
        accounts.filter(|account| account.gateway == name).map(|account| account.name.as_str()).collect()
    };
    let native = [
        (SMPP, "SMPP 3.4", Channel::Sms, true),
        (SMTP, "SMTP", Channel::Email, false),
        (ZALO, "Zalo Official Account", Channel::Chat, true),
    ];
    let mut lines: Vec<Json> = native
        .iter()
        .map(|(name, title, channel, receipts)| {
            json!({ "name": name, "title": title, "channel": channel.name(), "receipts": receipts, "accounts": using(name), "settings": [] })
        })
        .collect();
    lines.extend(state.parts.gateways.iter().map(|(name, description)| {
        let settings: Vec<Json> = description
            .settings
            .iter()
            .map(|one| json!({ "name": one.name, "secret": one.secret, "required": one.required, "about": one.about }))
            .collect();
        json!({
            "name": name, "title": description.title, "channel": description.channel.name(),
            "receipts": description.abilities.receipts, "accounts": using(name), "settings": settings,
        })
    }));
    lines.sort_by(|one, other| one["name"].as_str().cmp(&other["name"].as_str()));
    Ok(state.view(&visitor, "accounts/gateways", context! { tab => "gateways", gateways => shown(&lines) }))
}
