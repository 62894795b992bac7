//! What an outlet answers: yes, no, that it is at it; one by one, or by a CAP document. An officer types in what an outlet said otherwise.

use axum::{
    body::Bytes,
    extract::{self, FromRequest, Request},
};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Named,
    sight::{Sight, ToAnswer},
    told::Told,
};
use crate::{
    cap::{self, signature::SignatureError},
    outlet, phrase,
    relay::{
        self, Order, answer,
        document::{Answer, Unfit},
        hand,
        heard::{self, Unheard},
    },
    web::{
        Shared, State,
        api::{
            caller::Caller,
            input::{Json, at_most, bytes, json, media_type},
            problem::{Kind, Problem},
        },
    },
};

pub(super) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(post)).routes(routes!(acknowledge)).routes(routes!(refuse)).routes(routes!(begin))
}

/// The longest note, in characters.
pub(super) const LONGEST: usize = 1000;

/// What an outlet says with its answer.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OrderNote)]
struct Note {
    /// In its words.
    #[serde(default)]
    #[schema(max_length = 1000)]
    note: String,
}

/// A body that may be left out.
struct Noted(String);

impl FromRequest<State> for Noted {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &State) -> Result<Self, Problem> {
        let is_json = media_type(request.headers()) == "application/json";
        let body = bytes(request, state).await?;
        if body.is_empty() {
            return Ok(Self(String::new()));
        }
        if !is_json {
            let words = phrase!("gửi nội dung dạng `application/json`", "send the body as `application/json`");
            return Err(Problem::header(Kind::MediaType, "Content-Type", words));
        }
        let Note { note } = json(&body)?;
        at_most("/note", &note, LONGEST)?;
        Ok(Self(note))
    }
}

/// Why something is refused, withdrawn or closed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OrderReason)]
pub(super) struct Why {
    /// In their words.
    #[schema(min_length = 1, max_length = 1000)]
    why: String,
}

impl Why {
    /// As it was written, where there is something and not too much of it.
    pub(super) fn words(self) -> Result<String, Problem> {
        at_most("/why", &self.why, LONGEST)?;
        if self.why.trim().is_empty() {
            return Err(relay::Refusal::NoReason.into());
        }
        Ok(self.why)
    }
}

#[utoipa::path(post, path = "/orders/{identifier}/acknowledge", tag = "orders", operation_id = "acknowledge_order",
    summary = "Tiếp nhận yêu cầu | Acknowledge an order",
    description = "The outlet will do it. Said again, it changes nothing. Updates and Cancels count from this on.",
    params(Named), request_body = Option<Note>,
    responses((status = 200, description = "As it stands now", body = Told)))]
async fn acknowledge(
    ToAnswer(at): ToAnswer,
    extract::State(State(state)): extract::State<State>,
    Noted(note): Noted,
) -> Result<axum::Json<Told>, Problem> {
    at.done(&state, answer::acknowledge(&state.parts.db, at.order.id, &note, &at.by(&state)).await).await
}

#[utoipa::path(post, path = "/orders/{identifier}/refuse", tag = "orders", operation_id = "refuse_order",
    summary = "Từ chối yêu cầu | Refuse an order", description = "The outlet will not do it, and says why.",
    params(Named), request_body = Why,
    responses((status = 200, description = "As it stands now", body = Told)))]
async fn refuse(
    ToAnswer(at): ToAnswer,
    extract::State(State(state)): extract::State<State>,
    Json(why): Json<Why>,
) -> Result<axum::Json<Told>, Problem> {
    at.done(&state, answer::refuse(&state.parts.db, at.order.id, &why.words()?, &at.by(&state)).await).await
}

#[utoipa::path(post, path = "/orders/{identifier}/begin", tag = "orders", operation_id = "begin_order",
    summary = "Bắt đầu thực hiện | Say that sending has begun", description = "From now on it can no longer be refused.",
    params(Named), request_body = Option<Note>,
    responses((status = 200, description = "As it stands now", body = Told)))]
async fn begin(
    ToAnswer(at): ToAnswer,
    extract::State(State(state)): extract::State<State>,
    Noted(note): Noted,
) -> Result<axum::Json<Told>, Problem> {
    at.done(&state, answer::begin(&state.parts.db, at.order.id, &note, &at.by(&state)).await).await
}

/// A CAP document as it came.
struct Document(Bytes);

impl FromRequest<State> for Document {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &State) -> Result<Self, Problem> {
        if media_type(request.headers()) != cap::MEDIA_TYPE {
            let words = phrase!("gửi nội dung dạng `application/cap+xml`", "send the body as `application/cap+xml`");
            return Err(Problem::header(Kind::MediaType, "Content-Type", words));
        }
        bytes(request, state).await.map(Self)
    }
}

impl From<Unheard> for Problem {
    fn from(why: Unheard) -> Self {
        match why {
            Unheard::Certificate(outlet, error) => {
                tracing::error!(outlet, %error, "an outlet's certificate cannot be read: its documents are refused");
                Self::conflict(phrase!(
                    "chứng thư đã lưu của đơn vị không đọc được: hãy báo cơ quan ra yêu cầu",
                    "the outlet's pinned certificate cannot be read: tell the office"
                ))
            }
            Unheard::Document(SignatureError::Document(problems)) => Self::definition("", &problems),
            Unheard::Document(error) => Self::new(Kind::Invalid, error.words()),
            Unheard::Unfit(unfit) => Self::new(Kind::Invalid, unfit.words()),
            Unheard::Another => Self::not_found(),
        }
    }
}

/// What an order's document called its sender when it went out, whatever the settings say now; none: none went out.
async fn sender_of(state: &Shared, order: &Order) -> Result<Option<String>, Problem> {
    let document = hand::document(&state.parts.db, order.id).await?;
    Ok(document.and_then(|bytes| cap::read("", &bytes).ok()).map(|alert| alert.sender))
}

#[utoipa::path(post, path = "/orders/answers", tag = "orders", operation_id = "answer_by_document",
    summary = "Trả lời bằng bản tin CAP | Answer by a CAP document",
    description = "An Ack or an Error that references one order of the outlet (`sender,identifier,sent`). Where the outlet has a certificate \
it must be signed by it, and only what the signature covers is read. For tokens of outlets.",
    request_body(content = String, content_type = "application/cap+xml"),
    responses((status = 200, description = "The order as it stands now", body = Told),
        (status = 404, description = "It references no order of the outlet"),
        (status = 422, description = "It is no CAP 1.2, not signed as it must be, or no Ack or Error of the outlet")))]
async fn post(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Document(body): Document,
) -> Result<axum::Json<Told>, Problem> {
    let sight = Sight::partner(&state, &caller).await?;
    let (db, by) = (&state.parts.db, sight.by(&state));
    let own = sight.outlet().unwrap_or_default();
    let outlet = outlet::find(db, &state.parts.seal, own).await?.ok_or_else(Problem::not_found)?;
    let alert = heard::said(&outlet, &body, by.now)?;
    let order = match alert.references.as_slice() {
        [one] => sight.order(&state, &one.identifier).await?,
        _ => return Err(Unheard::from(Unfit::References).into()),
    };
    let sender = sender_of(&state, &order).await?;
    let sender = sender.as_deref().unwrap_or(state.letterhead.issuer().sender);
    let said = heard::answer(&alert, &order, sender, &outlet.sender)?;
    let tried = match said {
        Answer::Acknowledged(note) => answer::acknowledge(db, order.id, &note, &by).await,
        Answer::Refused(why) => answer::refuse(db, order.id, &why, &by).await,
    };
    sight.done(&state, tried).await
}
