//! Webhooks: where other programs are told what happened, what they were told, and once more.

use axum::{extract, http::StatusCode, response::Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    answer::{List, created, moment},
    caller::Caller,
    input::{Id, Json, Number, Numbers, Paging, Query},
    problem::Problem,
};
use crate::{
    audit, phrase, transaction,
    user::Right,
    web::{Shared, State},
    webhook::{self, Type, Unfit, Wanted},
};

pub(super) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list, add))
        .routes(routes!(read, change, remove))
        .routes(routes!(rotate))
        .routes(routes!(enable))
        .routes(routes!(test))
        .routes(routes!(deliveries))
        .routes(routes!(again))
}

/// An endpoint that is told what happened.
#[derive(Debug, Serialize, ToSchema)]
struct Webhook {
    /// Its number.
    #[schema(minimum = 1)]
    id: i64,
    /// What people call it.
    title: String,
    /// Where it listens.
    #[schema(format = "uri")]
    url: String,
    /// What it is told.
    events: Vec<Type>,
    /// It may be on a loopback or private address.
    allow_private: bool,
    /// When it was added.
    created_at: DateTime<Utc>,
    /// Who added it.
    created_by: String,
    /// Until when the secret before the present one signs as well.
    former_secret_until: Option<DateTime<Utc>>,
    /// Since when it takes nothing.
    failing_since: Option<DateTime<Utc>>,
    /// Since when it is told nothing: it took nothing for three days, or answered 410.
    disabled_at: Option<DateTime<Utc>>,
    /// Why.
    disabled_why: Option<String>,
}

/// An endpoint to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewWebhook {
    /// What people call it.
    #[schema(min_length = 1, max_length = 80, example = "Bảng theo dõi của Sở")]
    title: String,
    /// Where it listens: `https`, unless it is inside and that is allowed.
    #[schema(format = "uri", example = "https://example.com/loa")]
    url: String,
    /// What it is to be told.
    #[schema(min_items = 1, example = json!(["run.started", "run.settled"]))]
    events: Vec<Type>,
    /// It may be on a loopback or private address.
    #[serde(default)]
    allow_private: bool,
}

impl NewWebhook {
    fn wanted(self) -> Result<Wanted, Problem> {
        let Self { title, url, events, allow_private } = self;
        let wanted = Wanted { title, url, events, allow_private };
        wanted.check().map_err(|unfit| match unfit {
            Unfit::Title => Problem::field("/title", phrase!("từ 1 đến 80 chữ", "1 to 80 letters")),
            Unfit::Events => {
                Problem::field("/events", phrase!("nêu ít nhất một loại sự kiện", "name at least one type of event"))
            }
            Unfit::Url(why) => Problem::field(
                "/url",
                match why {
                    providers::webhook::BadAddress::Private => phrase!(
                        "địa chỉ này nằm trong mạng nội bộ: thêm `allow_private` nếu đúng là ý muốn",
                        "this address is a loopback or private one: say `allow_private` if that is meant"
                    ),
                    providers::webhook::BadAddress::Plain => {
                        phrase!("ngoài mạng nội bộ chỉ nhận `https://`", "only `https://` outside the own network")
                    }
                    providers::webhook::BadAddress::Unreadable => {
                        phrase!(
                            "viết `https://MÁY/ĐƯỜNG-DẪN`, không kèm tên đăng nhập",
                            "write `https://HOST/PATH`, without a user name"
                        )
                    }
                },
            ),
        })?;
        Ok(wanted)
    }
}

/// An endpoint and its secret, which is shown this once.
#[derive(Debug, Serialize, ToSchema)]
struct NewSecret {
    /// The endpoint's number.
    #[schema(minimum = 1)]
    id: i64,
    /// What signs its messages (Standard Webhooks). Keep it: it is not shown again.
    #[schema(pattern = "^whsec_[A-Za-z0-9+/=]+$")]
    secret: String,
}

/// Something that an endpoint was told, or is to be.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookDelivery)]
struct Delivery {
    /// Its number.
    #[schema(minimum = 1)]
    id: i64,
    /// The `webhook-id` that it goes under, at every try.
    message_id: String,
    /// The event's type; `webhook.test` where it was tried out.
    r#type: String,
    /// `waiting`, `taken` or `given_up`.
    state: DeliveryState,
    /// How often it was tried.
    #[schema(minimum = 0)]
    tries: i16,
    /// When it is tried next.
    next_try_at: Option<DateTime<Utc>>,
    /// The last answer's status; null: there was no answer.
    status: Option<i16>,
    /// Why it was not taken.
    detail: String,
    /// When it was to be told.
    created_at: DateTime<Utc>,
    /// When it was taken or given up.
    ended_at: Option<DateTime<Utc>>,
}

/// How far a message is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum DeliveryState {
    Waiting,
    Taken,
    GivenUp,
}

/// The number of a delivery.
#[derive(Debug, Serialize, ToSchema)]
struct Made {
    /// The new delivery.
    #[schema(minimum = 1)]
    delivery: i64,
}

impl From<webhook::Webhook> for Webhook {
    fn from(webhook: webhook::Webhook) -> Self {
        Self {
            id: webhook.id,
            title: webhook.title,
            url: webhook.url,
            events: webhook.events,
            allow_private: webhook.allow_private,
            created_at: moment(webhook.created_at),
            created_by: webhook.created_by,
            former_secret_until: webhook.former_until.map(moment),
            failing_since: webhook.failing_since.map(moment),
            disabled_at: webhook.disabled_at.map(moment),
            disabled_why: webhook.disabled_why,
        }
    }
}

#[utoipa::path(get, path = "/webhooks", tag = "webhooks", operation_id = "list_webhooks",
    summary = "Danh sách webhook | The endpoints",
    responses((status = 200, description = "All of them, the oldest first", body = List<Webhook>)))]
async fn list(caller: Caller, extract::State(State(state)): extract::State<State>) -> Result<List<Webhook>, Problem> {
    caller.needs(Right::ManageUsers)?;
    Ok(List::whole(webhook::list(&state.parts.db).await?.into_iter().map(Webhook::from).collect()))
}

#[utoipa::path(post, path = "/webhooks", tag = "webhooks", operation_id = "add_webhook",
    summary = "Thêm webhook | Add an endpoint",
    description = "The answer holds the secret that signs its messages. It is not shown again.",
    request_body = NewWebhook,
    responses((status = 201, description = "It is told what happens from now on", body = NewSecret),
              (status = 409, description = "There are fifty already")))]
async fn add(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Json(new): Json<NewWebhook>,
) -> Result<Response, Problem> {
    caller.needs(Right::ManageUsers)?;
    let wanted = new.wanted()?;
    let secret = webhook::fresh_secret();
    let now = state.parts.clock.millis();
    let id = transaction!(state.parts.db, |tx| {
        let id = webhook::add(tx, &state.parts.seal, &wanted, &secret, &caller.actor.name, now).await?;
        if let Some(id) = id {
            audit::record(tx, &caller.actor, "webhook.add", &id.to_string(), None, Some(&wanted.told()), now).await?;
        }
        Ok(id)
    })?;
    let most = webhook::MOST;
    let id = id.ok_or_else(|| Problem::conflict(phrase!("nhiều nhất {most} webhook", "at most {most} webhooks")))?;
    Ok(created(&format!("/api/v1/webhooks/{id}"), &NewSecret { id, secret: secret.expose() }))
}

#[utoipa::path(get, path = "/webhooks/{id}", tag = "webhooks", operation_id = "read_webhook",
    summary = "Một webhook | One endpoint", params(Id),
    responses((status = 200, description = "As it stands", body = Webhook)))]
async fn read(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Number(id): Number,
) -> Result<axum::Json<Webhook>, Problem> {
    caller.needs(Right::ManageUsers)?;
    let found = webhook::list(&state.parts.db).await?.into_iter().find(|webhook| webhook.id == id);
    Ok(axum::Json(found.ok_or_else(Problem::not_found)?.into()))
}

#[utoipa::path(put, path = "/webhooks/{id}", tag = "webhooks", operation_id = "change_webhook",
    summary = "Sửa webhook | Change an endpoint", params(Id), request_body = NewWebhook,
    responses((status = 200, description = "As it stands now", body = Webhook)))]
async fn change(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Number(id): Number,
    Json(new): Json<NewWebhook>,
) -> Result<axum::Json<Webhook>, Problem> {
    caller.needs(Right::ManageUsers)?;
    let wanted = new.wanted()?;
    let now = state.parts.clock.millis();
    let changed = transaction!(state.parts.db, |tx| {
        let Some(before) = webhook::get(tx, id).await? else { return Ok(None) };
        webhook::change(tx, id, &wanted).await?;
        let (before, after) = (before.wanted().told(), wanted.told());
        audit::record(tx, &caller.actor, "webhook.change", &id.to_string(), Some(&before), Some(&after), now).await?;
        webhook::get(tx, id).await
    })?;
    Ok(axum::Json(changed.ok_or_else(Problem::not_found)?.into()))
}

#[utoipa::path(delete, path = "/webhooks/{id}", tag = "webhooks", operation_id = "remove_webhook",
    summary = "Gỡ webhook | Remove an endpoint", params(Id),
    responses((status = 204, description = "It is told nothing any more, and forgotten")))]
async fn remove(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Number(id): Number,
) -> Result<StatusCode, Problem> {
    caller.needs(Right::ManageUsers)?;
    let now = state.parts.clock.millis();
    let removed = transaction!(state.parts.db, |tx| {
        let Some(before) = webhook::get(tx, id).await? else { return Ok(false) };
        webhook::remove(tx, id).await?;
        audit::record(tx, &caller.actor, "webhook.remove", &id.to_string(), Some(&before.wanted().told()), None, now).await?;
        Ok(true)
    })?;
    if removed { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::not_found()) }
}

#[utoipa::path(post, path = "/webhooks/{id}/secret", tag = "webhooks", operation_id = "rotate_webhook_secret",
    summary = "Đổi khóa ký | A new secret",
    description = "For a day messages carry two signatures, by the new secret and by the one before it.", params(Id),
    responses((status = 201, description = "The new secret", body = NewSecret)))]
async fn rotate(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Number(id): Number,
) -> Result<Response, Problem> {
    caller.needs(Right::ManageUsers)?;
    let secret = webhook::fresh_secret();
    let now = state.parts.clock.millis();
    let done = transaction!(state.parts.db, |tx| {
        let done = webhook::rotate(tx, &state.parts.seal, id, &secret, now).await?;
        if done {
            audit::record(tx, &caller.actor, "webhook.rotate", &id.to_string(), None, None, now).await?;
        }
        Ok(done)
    })?;
    if !done {
        return Err(Problem::not_found());
    }
    Ok(created(&format!("/api/v1/webhooks/{id}"), &NewSecret { id, secret: secret.expose() }))
}

#[utoipa::path(post, path = "/webhooks/{id}/enable", tag = "webhooks", operation_id = "enable_webhook",
    summary = "Dùng lại webhook đã tắt | Let a disabled endpoint be told again", params(Id),
    responses((status = 200, description = "It is told what happens from now on", body = Webhook)))]
async fn enable(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Number(id): Number,
) -> Result<axum::Json<Webhook>, Problem> {
    caller.needs(Right::ManageUsers)?;
    let now = state.parts.clock.millis();
    let enabled = transaction!(state.parts.db, |tx| {
        let Some(before) = webhook::get(tx, id).await? else { return Ok(None) };
        if before.disabled_at.is_some() {
            webhook::enable(tx, id).await?;
            audit::record(tx, &caller.actor, "webhook.enable", &id.to_string(), None, None, now).await?;
        }
        webhook::get(tx, id).await
    })?;
    Ok(axum::Json(enabled.ok_or_else(Problem::not_found)?.into()))
}

#[utoipa::path(post, path = "/webhooks/{id}/test", tag = "webhooks", operation_id = "test_webhook",
    summary = "Gửi thử | Try an endpoint out",
    description = "Tells it alone a `webhook.test`. What became of it is among its deliveries.", params(Id),
    responses((status = 202, description = "It is told within a second or two", body = Made),
              (status = 409, description = "It is disabled")))]
async fn test(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Number(id): Number,
) -> Result<(StatusCode, axum::Json<Made>), Problem> {
    tell(&state, &caller, id, None).await
}

/// Has an endpoint told that it is tried out, or once more what it was told.
async fn tell(
    state: &Shared,
    caller: &Caller,
    id: i64,
    delivery: Option<i64>,
) -> Result<(StatusCode, axum::Json<Made>), Problem> {
    caller.needs(Right::ManageUsers)?;
    let now = state.parts.clock.millis();
    let made = transaction!(state.parts.db, |tx| {
        let Some(found) = webhook::get(tx, id).await? else { return Ok(Err(Problem::not_found())) };
        if found.disabled_at.is_some() {
            let words = phrase!("webhook này đang tắt: bật lại trước", "this endpoint is disabled: enable it first");
            return Ok(Err(Problem::conflict(words)));
        }
        let made = match delivery {
            None => Some(webhook::test(tx, id, now).await?),
            Some(delivery) => webhook::again(tx, id, delivery, now).await?,
        };
        Ok(made.ok_or_else(Problem::not_found))
    })??;
    Ok((StatusCode::ACCEPTED, axum::Json(Made { delivery: made })))
}

#[utoipa::path(get, path = "/webhooks/{id}/deliveries", tag = "webhooks", operation_id = "list_webhook_deliveries",
    summary = "Những gì đã báo | What it was told",
    description = "The latest first, of the last thirty days.", params(Id, Paging),
    responses((status = 200, description = "A page of them", body = List<Delivery>)))]
async fn deliveries(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Number(id): Number,
    Query(paging): Query<Paging>,
) -> Result<List<Delivery>, Problem> {
    caller.needs(Right::ManageUsers)?;
    let (before, limit) = paging.window()?;
    if !webhook::list(&state.parts.db).await?.iter().any(|webhook| webhook.id == id) {
        return Err(Problem::not_found());
    }
    let rows = webhook::deliveries(&state.parts.db, id, before, limit).await?;
    let items = rows.into_iter().map(|row| Delivery {
        id: row.id,
        message_id: row.message_id(&state.parts.seal),
        state: match row.state() {
            "waiting" => DeliveryState::Waiting,
            "taken" => DeliveryState::Taken,
            _ => DeliveryState::GivenUp,
        },
        tries: row.tries,
        next_try_at: row.next_at.map(moment),
        status: row.status,
        created_at: moment(row.created_at),
        ended_at: row.answered_at.map(moment),
        r#type: row.r#type,
        detail: row.detail,
    });
    Ok(List::page(items.collect(), limit, &format!("/api/v1/webhooks/{id}/deliveries"), |delivery| delivery.id))
}

/// An endpoint's number and a delivery's.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "describes parameters")]
struct Ids {
    /// The endpoint's number.
    #[param(minimum = 1)]
    id: i64,
    /// The delivery's number.
    #[param(minimum = 1)]
    delivery: i64,
}

#[utoipa::path(post, path = "/webhooks/{id}/deliveries/{delivery}/again", tag = "webhooks", operation_id = "repeat_webhook_delivery",
    summary = "Báo lại | Tell it once more",
    description = "The same message under the same `webhook-id`, so that whoever took it knows it again.", params(Ids),
    responses((status = 202, description = "It is told within a second or two", body = Made),
              (status = 409, description = "It is disabled")))]
async fn again(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Numbers(id, delivery): Numbers,
) -> Result<(StatusCode, axum::Json<Made>), Problem> {
    tell(&state, &caller, id, Some(delivery)).await
}
