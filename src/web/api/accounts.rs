//! Accounts: how they stand.

use axum::extract;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    answer::{List, moment},
    caller::Caller,
    problem::Problem,
};
use crate::{
    account::trouble,
    user::Right,
    web::{State, accounts, reader::Reader},
};

pub(super) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(list))
}

/// An account that messages go by.
#[derive(Debug, Serialize, ToSchema)]
struct Account {
    /// The name in loa.toml.
    name: String,
    /// The kind of API.
    gateway: String,
    /// `sms`, `email` or `chat`.
    channel: &'static str,
    /// Lower first.
    priority: u32,
    /// How it stands.
    condition: accounts::Condition,
    /// Why a person must mend it: the gateway's words.
    why: Option<String>,
    /// What ails it.
    troubles: Vec<Trouble>,
}

/// What ails an account.
#[derive(Debug, Serialize, ToSchema)]
struct Trouble {
    /// What, such as `stopped`, `failing`, `quota`, `funds` or `slow`.
    cause: &'static str,
    /// Since when.
    since: DateTime<Utc>,
    /// The same for people.
    text: String,
}

#[utoipa::path(get, path = "/accounts", tag = "accounts", operation_id = "list_accounts",
    summary = "Tài khoản gửi tin | The accounts, and how they stand",
    responses((status = 200, description = "All of them, by channel and priority", body = List<Account>)))]
async fn list(
    caller: Caller,
    Reader(lang): Reader,
    extract::State(State(state)): extract::State<State>,
) -> Result<List<Account>, Problem> {
    caller.needs(Right::ReadAccounts)?;
    let troubles = trouble::present(&state.parts.db).await?;
    let views = accounts::all(&state.parts.accounts, state.parts.clock.ticks(), &troubles, lang);
    let items = views.into_iter().map(|view| {
        let account = state.parts.accounts.all().iter().find(|account| account.config.name == view.name);
        let ailing = troubles.iter().filter(|trouble| account.is_some_and(|account| account.id == trouble.account));
        let troubles = ailing.zip(view.troubles).map(|(trouble, text)| Trouble {
            cause: trouble.cause().name(),
            since: moment(trouble.began_at),
            text,
        });
        Account {
            troubles: troubles.collect(),
            name: view.name,
            gateway: view.gateway,
            channel: view.channel,
            priority: view.priority,
            condition: view.condition,
            why: view.why,
        }
    });
    Ok(List::whole(items.collect()))
}
