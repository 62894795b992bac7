//! What the office does with its orders: approves what an officer wrote, withdraws, cancels, updates, closes, and hands over by hand.

use axum::{extract, response::Response};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Named,
    answers::{LONGEST, Why},
    sight::{Sight, ToWrite},
    told::Told,
};
use crate::{
    audience::place::Places,
    phrase,
    relay::{
        follow::{self, Cancelled},
        hand, order,
        revise::{Changes, Misfit},
    },
    user::Right,
    web::{
        State,
        api::{
            answer::created,
            caller::Caller,
            input::{Json, Name, at_most},
            problem::Problem,
        },
    },
};

pub(super) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(approve))
        .routes(routes!(withdraw))
        .routes(routes!(update))
        .routes(routes!(cancel))
        .routes(routes!(push))
        .routes(routes!(hand_over))
        .routes(routes!(close))
        .routes(routes!(reopen))
}

/// What is approved.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OrderApproval)]
struct Approval {
    /// The content that was looked at: its `hash`.
    hash: String,
}

#[utoipa::path(post, path = "/orders/{identifier}/approve", tag = "orders", operation_id = "approve_order",
    summary = "Phê duyệt sửa đổi | Approve an Update",
    description = "By another than whoever wrote it. It goes out from now on. Whoever is the delegate of an approver who is away approves in their \
place, by a token that lends all of its user's rights.",
    params(Named), request_body = Approval,
    responses((status = 200, description = "As it stands now", body = Told),
        (status = 409, description = "It is approved, or says something else than what was looked at")))]
async fn approve(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Name(identifier): Name,
    Json(Approval { hash }): Json<Approval>,
) -> Result<axum::Json<Told>, Problem> {
    // Delegates have the right of whom they stand in for, to what they see themselves.
    let right = if caller.user.can(Right::Approve) { Right::Approve } else { Right::ReadOrders };
    let sight = Sight::office(&caller, right)?;
    let order = sight.order(&state, &identifier).await?;
    let (db, by) = (&state.parts.db, sight.by(&state));
    let power = caller.decides_by(order::power(db, &caller.user, &order, by.now).await?)?;
    if order.hash != hash {
        let words = phrase!(
            "nội dung không còn như bản đã xem: hãy đọc lại rồi phê duyệt",
            "it no longer says what was looked at: read it again, then approve it"
        );
        return Err(Problem::conflict(words));
    }
    sight.done(&state, order::approve_for(db, order.id, &by, power.stands_in()).await).await
}

#[utoipa::path(post, path = "/orders/{identifier}/withdraw", tag = "orders", operation_id = "withdraw_order",
    summary = "Rút yêu cầu chưa giao | Withdraw an order that nobody has", params(Named), request_body = Why,
    responses((status = 200, description = "It never goes out", body = Told), (status = 409, description = "The outlet has it, or may have")))]
async fn withdraw(
    ToWrite(at): ToWrite,
    extract::State(State(state)): extract::State<State>,
    Json(why): Json<Why>,
) -> Result<axum::Json<Told>, Problem> {
    at.done(&state, order::withdraw(&state.parts.db, at.order.id, &why.words()?, &at.by(&state)).await).await
}

#[utoipa::path(post, path = "/orders/{identifier}/cancel", tag = "orders", operation_id = "cancel_order",
    summary = "Thu hồi yêu cầu | Cancel an order",
    description = "What nobody has is withdrawn at once. Else a Cancel goes to the outlet, which must have acknowledged the order.",
    params(Named), request_body = Why,
    responses((status = 200, description = "The order, withdrawn, or the Cancel that goes out (`step` says which)", body = Told),
        (status = 409, description = "The outlet has not acknowledged it, or another is on its way")))]
async fn cancel(
    ToWrite(at): ToWrite,
    extract::State(State(state)): extract::State<State>,
    Json(why): Json<Why>,
) -> Result<axum::Json<Told>, Problem> {
    let tried = follow::cancel(&state.parts.db, at.order.id, &why.words()?, &at.by(&state)).await;
    let order = tried.map(|tried| {
        tried.map(|cancelled| match cancelled {
            Cancelled::AtOnce(order) | Cancelled::Asked(order) => order,
        })
    });
    at.done(&state, order).await
}

/// Hours of a day.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewOrderHours)]
struct Hours {
    /// The first minute.
    #[schema(example = "08:00", pattern = "^[0-2][0-9]:[0-5][0-9]$")]
    from: String,
    /// The end.
    #[schema(example = "20:00", pattern = "^[0-2][0-9]:[0-5][0-9]$")]
    until: String,
}

/// What is to change in an order. What is left out stays; an empty text takes away what it stands for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OrderUpdate)]
struct Update {
    /// Why, for the outlet.
    #[schema(min_length = 1, max_length = 1000)]
    note: String,
    /// What it is about, in a line.
    #[schema(max_length = 200)]
    title: Option<String>,
    /// The text message as it is written.
    sms: Option<String>,
    /// Whether the accents of `sms` are taken off.
    #[serde(default)]
    unaccented: bool,
    /// What carriers show in their own application.
    #[schema(max_length = 5000)]
    app: Option<String>,
    /// What the others read out, print or publish.
    #[schema(max_length = 5000)]
    material: Option<String>,
    /// How often everybody gets it.
    #[schema(minimum = 1, maximum = 50)]
    rounds: Option<u16>,
    /// Hours of each day between which it may be sent.
    window: Option<Hours>,
    /// Texts a second at most.
    #[schema(minimum = 1)]
    max_rate: Option<u32>,
    /// Codes of provinces and wards.
    areas: Option<Vec<String>>,
    /// For whom it is, in words.
    #[schema(max_length = 200)]
    audience: Option<String>,
    /// Until when it holds.
    expires_at: Option<DateTime<Utc>>,
    /// When its final report is due.
    report_by: Option<DateTime<Utc>>,
}

impl Update {
    /// Why, and what changes.
    fn apart(self) -> (String, Changes) {
        let changes = Changes {
            title: self.title,
            sms: self.sms,
            unaccented: self.unaccented,
            app: self.app,
            material: self.material,
            rounds: self.rounds,
            window: self.window.map(|hours| (hours.from, hours.until)),
            max_rate: self.max_rate,
            areas: self.areas,
            audience: self.audience,
            expires_at: self.expires_at.map(|at| at.timestamp_millis()),
            report_by: self.report_by.map(|at| at.timestamp_millis()),
        };
        (self.note, changes)
    }
}

impl From<Misfit> for Problem {
    fn from(misfit: Misfit) -> Self {
        let pointer = if misfit.field.is_empty() { String::new() } else { format!("/{}", misfit.field) };
        Self::field(&pointer, misfit.why)
    }
}

#[utoipa::path(post, path = "/orders/{identifier}/updates", tag = "orders", operation_id = "update_order",
    summary = "Soạn sửa đổi | Write an Update of an order",
    description = "Of an order that the outlet has acknowledged. It waits for another's approval; once the outlet acknowledges it, it takes the \
earlier one's place.", params(Named), request_body = Update,
    responses((status = 201, description = "The Update, drafted", body = Told),
        (status = 409, description = "The outlet has not acknowledged it, or another is on its way")))]
async fn update(
    ToWrite(at): ToWrite,
    extract::State(State(state)): extract::State<State>,
    Json(update): Json<Update>,
) -> Result<Response, Problem> {
    at_most("/note", &update.note, LONGEST)?;
    if update.note.trim().is_empty() {
        return Err(Problem::field("/note", phrase!("ghi lý do sửa đổi", "say why it changes")));
    }
    let by = at.by(&state);
    let (note, changes) = update.apart();
    let content = changes.of(&at.order.content, by.now, |code| Places::built_in().province_of(code).is_some())?;
    let made = follow::update(&state.parts.db, at.order.id, &content, &note, &by).await??;
    let path = format!("/api/v1/orders/{}", made.identifier);
    Ok(created(&path, &at.sight().tell(&state, made).await?))
}

#[utoipa::path(post, path = "/orders/{identifier}/push", tag = "orders", operation_id = "push_order_again",
    summary = "Gửi lại ngay | Push an order again at once",
    description = "Somebody mended what kept the outlet's server from taking it, and does not wait for the next try. Where one is under way, or due, it \
changes nothing.", params(Named),
    responses((status = 200, description = "As it stands now: it is tried within seconds", body = Told),
        (status = 409, description = "It does not wait to be pushed: it is not approved, the outlet has it or takes orders otherwise, its run is \
paused or aborted, or it expired")))]
async fn push(ToWrite(at): ToWrite, extract::State(State(state)): extract::State<State>) -> Result<axum::Json<Told>, Problem> {
    at.done(&state, hand::retry(&state.parts.db, at.order.id, &at.by(&state)).await).await
}

/// How an order was handed over.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OrderHandedOver)]
struct How {
    /// In the officer's words.
    #[schema(min_length = 1, max_length = 1000, example = "Giao bản giấy, bà Trúc ký nhận")]
    how: String,
}

#[utoipa::path(post, path = "/orders/{identifier}/hand-over", tag = "orders", operation_id = "hand_order_over",
    summary = "Ghi nhận đã giao tận tay | Record that an order was handed over", description = "On paper, by mail, in person.",
    params(Named), request_body = How,
    responses((status = 200, description = "As it stands now", body = Told)))]
async fn hand_over(
    ToWrite(at): ToWrite,
    extract::State(State(state)): extract::State<State>,
    Json(How { how }): Json<How>,
) -> Result<axum::Json<Told>, Problem> {
    at_most("/how", &how, LONGEST)?;
    if how.trim().is_empty() {
        return Err(Problem::field("/how", phrase!("ghi cách giao", "say how")));
    }
    at.done(&state, hand::by_hand(&state.parts.db, at.order.id, &how, &at.by(&state)).await).await
}

/// Why an order is closed.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OrderClosing)]
struct Closing {
    /// Needed where its final report is missing.
    #[serde(default)]
    #[schema(max_length = 1000)]
    why: String,
}

#[utoipa::path(post, path = "/orders/{identifier}/close", tag = "orders", operation_id = "close_order",
    summary = "Đóng yêu cầu | Close an order", description = "Nothing more is expected of it, and no report is taken.",
    params(Named), request_body = Closing,
    responses((status = 200, description = "As it stands now", body = Told)))]
async fn close(
    ToWrite(at): ToWrite,
    extract::State(State(state)): extract::State<State>,
    Json(Closing { why }): Json<Closing>,
) -> Result<axum::Json<Told>, Problem> {
    at_most("/why", &why, LONGEST)?;
    at.done(&state, order::close(&state.parts.db, at.order.id, &why, &at.by(&state)).await).await
}

#[utoipa::path(post, path = "/orders/{identifier}/reopen", tag = "orders", operation_id = "reopen_order",
    summary = "Mở lại yêu cầu đã đóng | Take reports of a closed order again", params(Named), request_body = Why,
    responses((status = 200, description = "As it stands now", body = Told)))]
async fn reopen(
    ToWrite(at): ToWrite,
    extract::State(State(state)): extract::State<State>,
    Json(why): Json<Why>,
) -> Result<axum::Json<Told>, Problem> {
    at.done(&state, order::reopen(&state.parts.db, at.order.id, &why.words()?, &at.by(&state)).await).await
}
