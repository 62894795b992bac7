//! Accounts: how they stand, and what can be done about it.

use axum::extract;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    answer::{List, moment},
    caller::Caller,
    input::{Json, Name},
    problem::{Kind, Problem},
};
use crate::{
    account::{
        self, standing,
        test::{self, Tested},
        trouble,
    },
    audit, phrase, transaction,
    user::Right,
    web::{Shared, State, accounts, reader::Reader},
    words::Lang,
};

pub(super) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(pause)).routes(routes!(resume)).routes(routes!(try_out))
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
    Ok(List::whole(all(&state, lang).await?))
}

async fn all(state: &Shared, lang: Lang) -> Result<Vec<Account>, Problem> {
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
    Ok(items.collect())
}

/// Why an account is paused.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Why {
    /// For whoever finds it paused.
    #[schema(min_length = 1, max_length = 300)]
    why: String,
}

/// How a test went.
#[derive(Debug, Serialize, ToSchema)]
struct TestOutcome {
    /// Whether the gateway let the account in.
    ok: bool,
    /// The gateway's words.
    said: String,
}

/// An account's name.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "describes a parameter")]
struct Named {
    /// The name in loa.toml.
    name: String,
}

fn find<'s>(state: &'s Shared, name: &str) -> Result<&'s account::Account, Problem> {
    state.parts.accounts.named(name).map(|account| &**account).ok_or_else(Problem::not_found)
}

/// Pauses an account, or lets it go on; where that is a change, it is recorded.
async fn set(state: &Shared, caller: &Caller, name: &str, why: Option<&str>, lang: Lang) -> Result<axum::Json<Account>, Problem> {
    caller.needs(Right::ActOnAccounts)?;
    let account = find(state, name)?;
    let (db, now) = (&state.parts.db, state.parts.clock.millis());
    let before = standing::rows(db).await?.remove(name).and_then(|row| row.paused);
    if before.is_some() != why.is_some() {
        let (action, told) = match why {
            Some(why) => ("account.pause", json!({ "why": why })),
            None => ("account.resume", json!({ "was": before })),
        };
        transaction!(db, |tx| {
            account::pause_within(tx, account.id, why, now).await?;
            audit::record(tx, &caller.actor, action, name, None, Some(&told), now).await
        })?;
        // This node at once; the others within seconds.
        state.parts.accounts.refresh(db, state.parts.clock.now()).await?;
        state.parts.work.notify_waiters();
    }
    let found = all(state, lang).await?.into_iter().find(|account| account.name == name);
    Ok(axum::Json(found.ok_or_else(Problem::not_found)?))
}

#[utoipa::path(post, path = "/accounts/{name}/pause", tag = "accounts", operation_id = "pause_account",
    summary = "Dừng một tài khoản gửi | Pause an account", description = "Others take its messages, where there are any. Nothing happens where it is paused.",
    params(Named), request_body = Why,
    responses((status = 200, description = "As it stands now", body = Account)))]
async fn pause(
    caller: Caller,
    Reader(lang): Reader,
    extract::State(State(state)): extract::State<State>,
    Name(name): Name,
    Json(Why { why }): Json<Why>,
) -> Result<axum::Json<Account>, Problem> {
    let why: String = why.chars().filter(|c| !c.is_control()).collect();
    if !(1..=300).contains(&why.trim().chars().count()) {
        return Err(Problem::field("/why", phrase!("ghi lý do, nhiều nhất 300 ký tự", "write why, in at most 300 characters")));
    }
    let (who, why) = (&caller.actor.name, why.trim());
    set(&state, &caller, &name, Some(&format!("{who}: {why}")), lang).await
}

#[utoipa::path(post, path = "/accounts/{name}/resume", tag = "accounts", operation_id = "resume_account",
    summary = "Cho một tài khoản gửi tiếp | Let an account go on", params(Named),
    responses((status = 200, description = "As it stands now", body = Account)))]
async fn resume(
    caller: Caller,
    Reader(lang): Reader,
    extract::State(State(state)): extract::State<State>,
    Name(name): Name,
) -> Result<axum::Json<Account>, Problem> {
    set(&state, &caller, &name, None, lang).await
}

#[utoipa::path(post, path = "/accounts/{name}/test", tag = "accounts", operation_id = "test_account",
    summary = "Thử kết nối | Try whether an account can sign in", description = "No message is sent. A few times an hour at most.",
    params(Named), responses((status = 200, description = "How it went", body = TestOutcome)))]
async fn try_out(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Name(name): Name,
) -> Result<axum::Json<TestOutcome>, Problem> {
    caller.needs(Right::ActOnAccounts)?;
    let account = find(&state, &name)?;
    let (db, now) = (&state.parts.db, state.parts.clock.millis());
    if !test::may(db, &name, now).await? {
        let words = phrase!(
            "tài khoản này đã được thử quá nhiều lần trong một giờ: hãy thử lại sau",
            "this account was tested too often within an hour: try again later"
        );
        return Err(Problem { retry_after: Some(600), ..Problem::new(Kind::TooMany, words) });
    }
    let (ok, said) = match account.provider.test().await {
        Ok(said) => (true, said),
        Err(error) => (false, error.to_string()),
    };
    let by_whom = caller.actor.name.clone();
    let tested = Tested { by_whom, at: now, kind: test::Kind::Connection as i16, ok, said };
    transaction!(db, |tx| {
        test::keep(tx, &name, &tested).await?;
        audit::record(tx, &caller.actor, "account.test", &name, None, Some(&json!({ "ok": ok })), now).await
    })?;
    Ok(axum::Json(TestOutcome { ok, said: tested.said }))
}
