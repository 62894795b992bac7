//! `/accounts`: what messages leave by, how it stands, and what can be done about it; `/gateways`: what an account can be on.
//!
//! What enters is rows that all nodes write and the settings of this one; what leaves is the same on every node. A test goes over the
//! account's own adapter, within its rate, at most so often; a pause holds within seconds on all nodes. Both are recorded, the address of a test
//! masked.

mod act;
mod change;
mod gateways;

use axum::{
    Router, extract,
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use chrono_tz::Asia::Ho_Chi_Minh;
use minijinja::{Value, context, value::Serde};
use providers::smtp::DkimKey;
use serde::Serialize;
use serde_json::{Value as Json, json};

use super::{Named, fault::Fault, visitor::Visitor};
use crate::{
    account::{
        self, Account,
        latency::{self, Lately},
        standing::{self, Row, Standing},
        test::{self, Kind},
        trouble,
    },
    limit,
    user::Right,
    web::{Shared, State},
    words::{self, Lang},
};
use change::{change, grouped};

pub(super) const TEMPLATES: &[Named] = &[
    ("accounts/list", include_str!("../templates/console/accounts/list.html")),
    ("accounts/account", include_str!("../templates/console/accounts/account.html")),
    ("accounts/gateways", include_str!("../templates/console/accounts/gateways.html")),
];

/// Changes of an account that its page shows, those that belong together as one.
const CHANGES: usize = 50;
/// Changes that are looked at for that.
const LOOKED_AT: i64 = 500;

pub(super) fn routes() -> Router<State> {
    Router::new()
        .route("/accounts", get(list))
        .route("/accounts/{name}", get(show))
        .route("/accounts/{name}/test", post(act::try_connection))
        .route("/accounts/{name}/send", post(act::try_message))
        .route("/accounts/{name}/pause", post(act::pause))
        .route("/accounts/{name}/resume", post(act::resume))
        .route("/gateways", get(gateways::show))
}

fn shown<T: Serialize>(value: &T) -> Value {
    Value::from(Serde(value))
}

/// How an account stands, for pages.
fn line(state: &Shared, account: &Account, row: Option<&Row>, lately: Option<&Lately>, lang: Lang) -> Json {
    let config = &account.config;
    let today = limit::quota_day(state.parts.clock.now());
    let standing = Standing::of(row);
    let used = row.map_or(0, |row| row.used_on(&today));
    let usable = account.is_usable(state.parts.clock.ticks());
    let empty = Lately::default();
    let lately = lately.unwrap_or(&empty);
    json!({
        "name": config.name, "gateway": config.gateway, "channel": config.channel.name(),
        "priority": config.priority, "weight": config.weight, "carriers": config.carriers,
        "rate": standing::rate(config.rate), "window": config.window, "price": standing::price(&config.price, lang),
        "standing": standing.name(), "standing_label": standing.phrase().text(lang),
        "state": standing::state(row).text(lang),
        "circuit_open": !usable && row.is_none_or(|row| row.paused.is_none()),
        "daily": config.daily, "used": used,
        "used_percent": config.daily.map(|daily| used.unsigned_abs() * 100 / daily.max(1)),
        "last_minute": lately.last_minute, "minute_most": minute_most(account, row),
        "pace_percent": row.map_or(100, |row| row.pace / 10),
        "balance": row.and_then(|row| row.balance), "balance_at": row.and_then(|row| row.balance_at),
        "low_balance": config.low_balance,
        "receipts": account.has_receipts(), "receipts_lately": lately.receipts,
        "median_ms": lately.median, "most_ms": lately.most,
        "paused": row.is_some_and(|row| row.paused.is_some()),
    })
}

/// Messages that an account may send in a minute, at its present pace.
fn minute_most(account: &Account, row: Option<&Row>) -> i64 {
    let rate = account.config.rate;
    let seconds = i64::try_from(rate.per.as_secs().max(1)).unwrap_or(1);
    i64::from(rate.count) * 60 * row.map_or(1_000, |row| row.pace) / 1_000 / seconds
}

async fn list(extract::State(State(state)): extract::State<State>, visitor: Visitor) -> Result<Response, Fault> {
    visitor.needs(Right::ReadAccounts)?;
    let (db, lang) = (&state.parts.db, visitor.lang);
    let rows = standing::rows(db).await?;
    let lately = latency::lately(db, state.parts.clock.millis()).await?;
    let mut accounts: Vec<&Account> = state.parts.accounts.all().iter().map(|account| &**account).collect();
    accounts.sort_by_key(|account| (account.config.channel, account.config.priority, account.config.name.clone()));
    let lines: Vec<Json> = accounts
        .iter()
        .map(|account| line(&state, account, rows.get(&account.config.name), lately.get(&account.id), lang))
        .collect();
    let troubles = trouble::history(db, 0, LOOKED_AT).await?;
    let changes = grouped(&troubles);
    let changes: Vec<Json> =
        changes.iter().take(20).map(|one| change(one, state.parts.accounts.name(one.last.account), lang)).collect();
    let values = context! {
        tab => "accounts",
        accounts => shown(&lines),
        changes => shown(&changes),
        window => latency::WINDOW,
        test_file => state.parts.config.file.as_ref().map(|file| file.display().to_string()),
    };
    Ok(state.view(&visitor, "accounts/list", values))
}

fn find<'s>(state: &'s Shared, name: &str) -> Result<&'s Account, Fault> {
    state.parts.accounts.named(name).map(|account| &**account).ok_or(Fault::NotFound)
}

async fn show(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    extract::Path(name): extract::Path<String>,
) -> Result<Response, Fault> {
    visitor.needs(Right::ReadAccounts)?;
    let account = find(&state, &name)?;
    page(&state, &visitor, account, StatusCode::OK, &json!({}), &json!({})).await
}

async fn page(
    state: &Shared,
    visitor: &Visitor,
    account: &Account,
    status: StatusCode,
    errors: &Json,
    typed: &Json,
) -> Result<Response, Fault> {
    let (db, lang, now) = (&state.parts.db, visitor.lang, state.parts.clock.millis());
    let name = &account.config.name;
    let rows = standing::rows(db).await?;
    let lately = latency::lately(db, now).await?;
    let today = state.parts.clock.now().with_timezone(&Ho_Chi_Minh).date_naive();
    let templates: Vec<Json> = account
        .config
        .templates
        .iter()
        .map(|template| {
            let left = template.through.map(|last| (last - today).num_days());
            json!({
                "name": template.name, "from": template.from, "through": template.through, "carriers": template.carriers,
                "pattern": template.pattern.to_string(), "left": left, "begun": template.from.is_none_or(|from| from <= today),
            })
        })
        .collect();
    let mut dkim = Vec::new();
    for source in &account.config.dkim {
        match DkimKey::new(&source.domain, &source.selector, &source.key) {
            Ok(key) => {
                let (name, content) = key.record();
                dkim.push(json!({ "name": name, "content": content }));
            }
            Err(error) => dkim
                .push(json!({ "name": format!("{}._domainkey.{}", source.selector, source.domain), "error": error.to_string() })),
        }
    }
    let token = account::tokens::standing(db, name).await?;
    let troubles = trouble::history(db, account.id, LOOKED_AT).await?;
    let history = grouped(&troubles);
    let history: Vec<Json> = history.iter().take(CHANGES).map(|one| change(one, name, lang)).collect();
    let tests: Vec<Json> = test::latest(db, name)
        .await?
        .into_iter()
        .map(|one| {
            let told = words::tried(&one.said, lang);
            json!({
                "by": one.by_whom, "at": one.at, "message": one.kind == Kind::Message as i16, "ok": one.ok,
                "original": (told != one.said).then_some(&one.said), "said": told,
            })
        })
        .collect();
    let values = context! {
        tab => "accounts",
        account => shown(&line(state, account, rows.get(name), lately.get(&account.id), lang)),
        templates => shown(&templates),
        dkim => shown(&dkim),
        token => token.map(|token| context! { ends_at => token.ends_at, renewed_at => token.begins_at }),
        callback => account.callback.is_some(),
        history => shown(&history),
        tests => shown(&tests),
        window => latency::WINDOW,
        errors => shown(errors),
        typed => shown(typed),
        may_act => visitor.can(Right::ActOnAccounts),
        sample => sample(lang),
    };
    Ok(state.view_as(status, visitor, "accounts/account", values))
}

/// What a test says unless somebody writes something else.
fn sample(lang: Lang) -> &'static str {
    lang.pick("Tin thu cua he thong Loa. Xin bo qua tin nay.", "A test message of Loa. Please ignore it.")
}
