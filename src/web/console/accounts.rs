//! `/accounts`: what messages leave by, how it stands, and what can be done about it; `/gateways`: what an account can be on.
//!
//! What enters is rows that all nodes write and the settings of this one; what leaves is the same on every node. A test goes over the
//! account's own adapter, within its rate, at most so often; a pause holds within seconds on all nodes. Both are recorded, the address of a test
//! masked.

use axum::{
    Router, extract,
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use chrono_tz::Asia::Ho_Chi_Minh;
use minijinja::{Value, context, value::Serde};
use providers::{Channel, smtp::DkimKey};
use serde::Serialize;
use serde_json::{Value as Json, json};

use super::{
    Named,
    fault::Fault,
    form::Fields,
    visitor::{Visitor, see_other},
};
use crate::{
    account::{
        self, Account, SMPP, SMTP, ZALO,
        latency::{self, Lately},
        standing::{self, Row, Standing},
        test::{self, Kind, NotTried, Tested},
        trouble::{self, Trouble},
    },
    audit, limit, phrase, transaction,
    user::Right,
    web::{Shared, State},
    words::{self, Lang, Phrase},
};

pub(super) const TEMPLATES: &[Named] = &[
    ("accounts/list", include_str!("../templates/console/accounts/list.html")),
    ("accounts/account", include_str!("../templates/console/accounts/account.html")),
    ("accounts/gateways", include_str!("../templates/console/accounts/gateways.html")),
];

/// Changes of an account that its page shows, those that belong together as one.
const CHANGES: usize = 50;
/// Changes that are looked at for that.
const LOOKED_AT: i64 = 500;
/// A trouble that comes back so soon is the same one (milliseconds).
const SOON: i64 = 10 * 60_000;

pub(super) fn routes() -> Router<State> {
    Router::new()
        .route("/accounts", get(list))
        .route("/accounts/{name}", get(show))
        .route("/accounts/{name}/test", post(try_connection))
        .route("/accounts/{name}/send", post(try_message))
        .route("/accounts/{name}/pause", post(pause))
        .route("/accounts/{name}/resume", post(resume))
        .route("/gateways", get(gateways))
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

/// A trouble, as often as it came back.
#[derive(Debug, Clone, Copy)]
struct Change<'t> {
    last: &'t Trouble,
    /// When it came first.
    from: i64,
    times: usize,
}

/// Troubles, the latest first: an account that fails and works by turns has one that came back, not a hundred.
fn grouped(troubles: &[Trouble]) -> Vec<Change<'_>> {
    let mut changes: Vec<Change<'_>> = Vec::new();
    for one in troubles {
        let alike = |change: &&mut Change<'_>| {
            let last = change.last;
            (last.account, last.cause, &last.takers) == (one.account, one.cause, &one.takers)
                && one.ended_at.is_some_and(|ended| change.from - ended <= SOON)
        };
        match changes.iter_mut().find(alike) {
            Some(change) => {
                change.from = change.from.min(one.began_at);
                change.times += 1;
            }
            None => changes.push(Change { last: one, from: one.began_at, times: 1 }),
        }
    }
    changes
}

/// A change of an account for a page.
fn change(one: &Change<'_>, account: &str, lang: Lang) -> Json {
    let last = one.last;
    json!({
        "account": account, "what": last.cause().phrase().text(lang), "cause": last.cause().name(), "from": one.from,
        "until": last.ended_at, "takers": last.takers, "why": last.why, "how": last.how, "moves": last.cause().moves(), "times": one.times,
    })
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

async fn try_connection(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    extract::Path(name): extract::Path<String>,
    _: Fields,
) -> Result<Response, Fault> {
    visitor.needs(Right::ActOnAccounts)?;
    let account = find(&state, &name)?;
    let now = state.parts.clock.millis();
    often(&state, &name, now).await?;
    let tested = account.provider.test().await;
    let (ok, said) = match tested {
        Ok(said) => (true, said),
        Err(error) => (false, error.to_string()),
    };
    let tested = Tested { by_whom: visitor.user.name.clone(), at: now, kind: Kind::Connection as i16, ok, said };
    keep(&state, &visitor, &name, &tested, None).await?;
    Ok(see_other(&format!("/accounts/{name}")))
}

async fn often(state: &Shared, name: &str, now: i64) -> Result<(), Fault> {
    if test::may(&state.parts.db, name, now).await? {
        return Ok(());
    }
    Err(Fault::TooMany(phrase!(
        "Tài khoản này đã được thử quá nhiều lần trong một giờ. Hãy thử lại sau.",
        "This account was tested too often within an hour. Try again later."
    )))
}

async fn keep(state: &Shared, visitor: &Visitor, name: &str, tested: &Tested, to: Option<&str>) -> Result<(), Fault> {
    let action = if tested.kind == Kind::Message as i16 { "account.test_send" } else { "account.test" };
    let told = json!({ "ok": tested.ok, "to": to });
    transaction!(state.parts.db, |tx| {
        test::keep(tx, name, tested).await?;
        audit::record(tx, &visitor.actor, action, name, None, Some(&told), tested.at).await
    })?;
    let said = words::tried(&tested.said, visitor.lang);
    let words = match (tested.ok, tested.kind == Kind::Message as i16) {
        (true, true) => phrase!("Cổng gửi đã nhận tin thử. {said}", "The gateway took the test message. {said}"),
        (true, false) => phrase!("Kết nối tốt: {said}", "The connection works: {said}"),
        (false, true) => phrase!("Tin thử không gửi được: {said}", "The test message was not sent: {said}"),
        (false, false) => phrase!("Không kết nối được: {said}", "The connection failed: {said}"),
    };
    if tested.ok { visitor.flash(&words).await } else { visitor.warn(&words).await }
}

async fn try_message(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    extract::Path(name): extract::Path<String>,
    fields: Fields,
) -> Result<Response, Fault> {
    visitor.needs(Right::ActOnAccounts)?;
    let account = find(&state, &name)?;
    let (now, lang) = (state.parts.clock.millis(), visitor.lang);
    let (to, text) = (fields.get("to"), fields.get("text"));
    let typed = json!({ "to": to, "text": text });
    let again = async |field: &str, words: Phrase| {
        let errors = json!({ field: words.text(lang) });
        page(&state, &visitor, account, StatusCode::UNPROCESSABLE_ENTITY, &errors, &typed).await
    };
    let plain = match test::address(account, to) {
        Ok(plain) => plain,
        Err(words) => return again("to", words).await,
    };
    often(&state, &name, now).await?;
    let parts = &state.parts;
    // The moment tells one test from another.
    let sent = test::send(&parts.db, &parts.seal, &parts.clock, account, &plain, text, now).await;
    let (ok, said) = match sent {
        Ok(Ok(ids)) => (true, ids),
        Ok(Err(why)) => (false, why),
        Err(NotTried::Text(words)) => return again("text", words).await,
        Err(NotTried::Address(words)) => return again("to", words).await,
        Err(NotTried::Now(words)) => return Err(Fault::Conflict(words)),
        Err(NotTried::Db(error)) => return Err(error.into()),
    };
    let tested = Tested { by_whom: visitor.user.name.clone(), at: now, kind: Kind::Message as i16, ok, said };
    keep(&state, &visitor, &name, &tested, Some(&providers::mask(&plain))).await?;
    Ok(see_other(&format!("/accounts/{name}")))
}

async fn pause(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    extract::Path(name): extract::Path<String>,
    fields: Fields,
) -> Result<Response, Fault> {
    visitor.needs(Right::ActOnAccounts)?;
    let account = find(&state, &name)?;
    let why: String = fields.get("why").chars().filter(|c| !c.is_control()).take(300).collect();
    if why.is_empty() {
        let words = phrase!("Ghi lý do dừng", "Write why");
        let errors = json!({ "why": words.text(visitor.lang) });
        return page(&state, &visitor, account, StatusCode::UNPROCESSABLE_ENTITY, &errors, &json!({})).await;
    }
    let who = &visitor.user.name;
    set(&state, &visitor, account, Some(&format!("{who}: {why}"))).await?;
    visitor.flash(&phrase!("Đã dừng tài khoản {name}.", "The account {name} is paused.")).await?;
    Ok(see_other(&format!("/accounts/{name}")))
}

async fn resume(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    extract::Path(name): extract::Path<String>,
    _: Fields,
) -> Result<Response, Fault> {
    visitor.needs(Right::ActOnAccounts)?;
    let account = find(&state, &name)?;
    set(&state, &visitor, account, None).await?;
    visitor.flash(&phrase!("Tài khoản {name} gửi tiếp.", "The account {name} goes on.")).await?;
    Ok(see_other(&format!("/accounts/{name}")))
}

/// Pauses an account, or lets it go on; where that is a change, it is recorded.
async fn set(state: &Shared, visitor: &Visitor, account: &Account, why: Option<&str>) -> Result<(), Fault> {
    let now = state.parts.clock.millis();
    let changed = transaction!(state.parts.db, |tx| {
        let before = account::paused_within(tx, account.id).await?;
        if before.is_some() == why.is_some() {
            return Ok(false);
        }
        let (action, told) =
            if why.is_some() { ("account.pause", json!({ "why": why })) } else { ("account.resume", json!({ "was": before })) };
        account::pause_within(tx, account.id, why, now).await?;
        audit::record(tx, &visitor.actor, action, &account.config.name, None, Some(&told), now).await?;
        Ok(true)
    })?;
    if !changed {
        return Err(Fault::Conflict(if why.is_some() {
            phrase!("Tài khoản này đã dừng từ trước.", "This account is paused already.")
        } else {
            phrase!("Tài khoản này đang gửi, không bị dừng.", "This account is not paused.")
        }));
    }
    // This node at once; the others within seconds.
    state.parts.accounts.refresh(&state.parts.db, state.parts.clock.now()).await?;
    state.parts.work.notify_waiters();
    Ok(())
}

async fn gateways(extract::State(State(state)): extract::State<State>, visitor: Visitor) -> Result<Response, Fault> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn trouble(account: i64, cause: i16, began_at: i64, ended_at: Option<i64>) -> Trouble {
        Trouble {
            account,
            cause,
            began_at,
            ended_at,
            why: "no answer in time".into(),
            takers: "kannel".into(),
            how: String::new(),
        }
    }

    #[test]
    fn a_trouble_that_comes_back_soon_is_one_change() {
        let latest_first = [
            trouble(1, 2, 60_000, None),
            trouble(2, 2, 50_000, Some(55_000)),
            trouble(1, 2, 40_000, Some(50_000)),
            trouble(1, 6, 30_000, Some(35_000)),
            trouble(1, 2, 10_000, Some(20_000)),
            trouble(1, 2, 10_000 - SOON - 20_000, Some(10_000 - SOON - 10_000)),
        ];
        let changes: Vec<_> = grouped(&latest_first)
            .iter()
            .map(|one| (one.last.account, one.last.cause, one.from, one.last.ended_at, one.times))
            .collect();
        let again = (1, 2, 10_000 - SOON - 20_000, Some(10_000 - SOON - 10_000), 1);
        assert_eq!(changes, [(1, 2, 10_000, None, 3), (2, 2, 50_000, Some(55_000), 1), (1, 6, 30_000, Some(35_000), 1), again]);
    }
}
