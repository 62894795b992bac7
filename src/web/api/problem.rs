//! Why a request was not done: problem details (RFC 9457), in the caller's language.

use axum::{
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{CONNECTION, CONTENT_LANGUAGE, CONTENT_TYPE, RETRY_AFTER, VARY, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    db::DbError,
    document, phrase,
    run::RunError,
    web::console::fault::Fault,
    words::{Lang, Phrase},
};

/// Its media type.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// The kinds of problems. Each has a type of its own, which programs may go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 400: the request cannot be read.
    BadRequest,
    /// 401: no token, or none that holds.
    Unauthenticated,
    /// 403: a token without this right.
    Forbidden,
    /// 404: there is no such thing, or it is another department's.
    NotFound,
    /// 405: not by this method.
    Method,
    /// 406: not in this format.
    NotAcceptable,
    /// 408: it took too long.
    Timeout,
    /// 409: its state does not allow it.
    Conflict,
    /// 409: a request with this key is being worked on.
    KeyInUse,
    /// 412: somebody changed it in between.
    Changed,
    /// 413: more than is taken.
    TooLarge,
    /// 415: not in this format.
    MediaType,
    /// 422: it can be read, and cannot be.
    Invalid,
    /// 422: this key stood for another request.
    KeyReused,
    /// 428: say which version is meant.
    PreconditionRequired,
    /// 429: too often.
    TooMany,
    /// 500: a mistake of ours.
    Broken,
    /// 503: the database does not answer.
    Unavailable,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 18] = [
        Self::BadRequest,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::NotFound,
        Self::Method,
        Self::NotAcceptable,
        Self::Timeout,
        Self::Conflict,
        Self::KeyInUse,
        Self::Changed,
        Self::TooLarge,
        Self::MediaType,
        Self::Invalid,
        Self::KeyReused,
        Self::PreconditionRequired,
        Self::TooMany,
        Self::Broken,
        Self::Unavailable,
    ];

    /// HTTP's.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            Self::Timeout => StatusCode::REQUEST_TIMEOUT,
            Self::Conflict | Self::KeyInUse => StatusCode::CONFLICT,
            Self::Changed => StatusCode::PRECONDITION_FAILED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Invalid | Self::KeyReused => StatusCode::UNPROCESSABLE_ENTITY,
            Self::PreconditionRequired => StatusCode::PRECONDITION_REQUIRED,
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::Broken => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The last part of its type: an anchor on the page `/api`.
    pub const fn slug(self) -> &'static str {
        match self {
            Self::BadRequest => "bad-request",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not-found",
            Self::Method => "method-not-allowed",
            Self::NotAcceptable => "not-acceptable",
            Self::Timeout => "timeout",
            Self::Conflict => "conflict",
            Self::KeyInUse => "idempotency-key-in-use",
            Self::Changed => "changed",
            Self::TooLarge => "too-large",
            Self::MediaType => "unsupported-media-type",
            Self::Invalid => "invalid",
            Self::KeyReused => "idempotency-key-reused",
            Self::PreconditionRequired => "precondition-required",
            Self::TooMany => "too-many-requests",
            Self::Broken => "broken",
            Self::Unavailable => "unavailable",
        }
    }

    /// What it is, always the same.
    pub fn title(self) -> Phrase {
        match self {
            Self::BadRequest => phrase!("Không đọc được yêu cầu", "The request cannot be read"),
            Self::Unauthenticated => phrase!("Chưa xác thực", "Not authenticated"),
            Self::Forbidden => phrase!("Không có quyền", "No right to it"),
            Self::NotFound => phrase!("Không tìm thấy", "Not found"),
            Self::Method => phrase!("Không dùng được phương thức này", "Not by this method"),
            Self::NotAcceptable => phrase!("Không có định dạng được yêu cầu", "Not in this format"),
            Self::Timeout => phrase!("Yêu cầu quá lâu", "The request took too long"),
            Self::Conflict => phrase!("Trạng thái hiện tại không cho phép", "Its present state does not allow it"),
            Self::KeyInUse => {
                phrase!("Yêu cầu mang khóa này đang được xử lý", "A request with this key is being worked on")
            }
            Self::Changed => phrase!("Đã có người sửa trước", "Somebody changed it in between"),
            Self::TooLarge => phrase!("Dữ liệu quá lớn", "Too large"),
            Self::MediaType => phrase!("Không nhận định dạng này", "This format is not taken"),
            Self::Invalid => phrase!("Nội dung chưa hợp lệ", "The content is not valid"),
            Self::KeyReused => phrase!("Khóa này đã dùng cho yêu cầu khác", "This key stood for another request"),
            Self::PreconditionRequired => phrase!("Cần nêu phiên bản đang sửa", "Say which version is meant"),
            Self::TooMany => phrase!("Quá nhiều yêu cầu", "Too many requests"),
            Self::Broken => phrase!("Lỗi của hệ thống", "A mistake of ours"),
            Self::Unavailable => phrase!("Hệ thống đang bận", "The system is busy"),
        }
    }
}

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// Where.
    pub at: At,
    /// What, and what would be right.
    pub detail: Phrase,
    /// In a definition's text: line and column, from 1.
    pub spot: Option<(usize, usize)>,
}

/// Where something is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum At {
    /// In the body: a JSON pointer; empty: all of it.
    Body(String),
    /// In the address: a parameter.
    Parameter(String),
    /// In a header.
    Header(&'static str),
}

/// A problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Which.
    pub kind: Kind,
    /// What happened here.
    pub detail: Phrase,
    /// Each thing that is wrong.
    pub errors: Vec<Wrong>,
    /// Seconds to wait.
    pub retry_after: Option<u64>,
}

/// Problem details (RFC 9457). `type` tells programs which problem it is; `detail` and `errors` tell people.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct Details {
    /// Which problem: one of those listed on the page `/api`.
    #[serde(rename = "type")]
    #[schema(example = "/api#invalid", format = "uri-reference")]
    pub of: String,
    /// What it is, always the same for a type.
    #[schema(example = "The content is not valid")]
    pub title: String,
    /// The status, as in the head.
    #[schema(minimum = 400, maximum = 599, example = 422)]
    pub status: u16,
    /// What happened here.
    pub detail: String,
    /// Each thing that is wrong, where there are several or a place can be named.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub errors: Vec<Error>,
}

/// One thing that is wrong.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProblemError)]
pub struct Error {
    /// What, and what would be right.
    pub detail: String,
    /// Where in the body, as a JSON pointer (RFC 6901).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "/title")]
    pub pointer: Option<String>,
    /// Which parameter of the address.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub parameter: Option<String>,
    /// Which header.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub header: Option<String>,
    /// In a definition's text: the line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub line: Option<usize>,
    /// The column, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub column: Option<usize>,
}

impl Problem {
    /// Of a kind.
    pub fn new(kind: Kind, detail: Phrase) -> Self {
        Self { kind, detail, errors: Vec::new(), retry_after: None }
    }

    /// 404, which does not tell whether it is another department's.
    pub fn not_found() -> Self {
        Self::new(
            Kind::NotFound,
            phrase!("không có mục này, hoặc không thuộc đơn vị của bạn", "there is no such thing, or it is another department's"),
        )
    }

    /// 409 with these words.
    pub fn conflict(detail: Phrase) -> Self {
        Self::new(Kind::Conflict, detail)
    }

    /// 422 about one field of the body.
    pub fn field(pointer: &str, detail: Phrase) -> Self {
        Self {
            errors: vec![Wrong { at: At::Body(pointer.to_string()), detail: detail.clone(), spot: None }],
            ..Self::new(Kind::Invalid, detail)
        }
    }

    /// 400 about one parameter of the address.
    pub fn parameter(name: &str, detail: Phrase) -> Self {
        Self {
            errors: vec![Wrong { at: At::Parameter(name.to_string()), detail: detail.clone(), spot: None }],
            ..Self::new(Kind::BadRequest, detail)
        }
    }

    /// 422 about one parameter of the address: as it should be by its description, and still nothing that can be had (it does not go with
    /// another one, say).
    pub fn at_odds(name: &str, detail: Phrase) -> Self {
        Self { kind: Kind::Invalid, ..Self::parameter(name, detail) }
    }

    /// About a header.
    pub fn header(kind: Kind, name: &'static str, detail: Phrase) -> Self {
        Self { errors: vec![Wrong { at: At::Header(name), detail: detail.clone(), spot: None }], ..Self::new(kind, detail) }
    }

    /// 422: what is wrong with a definition's text, which stands at `pointer`.
    pub fn definition(pointer: &str, problems: &document::Problems) -> Self {
        let errors = problems.0.iter().map(|problem| Wrong {
            at: At::Body(pointer.to_string()),
            detail: problem.help.as_ref().map_or_else(|| problem.message.clone(), |help| problem.message.clone().then(help)),
            spot: (problem.line > 0).then_some((problem.line, problem.column)),
        });
        let count = problems.0.len();
        Self {
            errors: errors.collect(),
            ..Self::new(Kind::Invalid, phrase!("nội dung có {count} lỗi", "the text has {count} mistakes"))
        }
    }

    /// As it is written.
    pub fn details(&self, lang: Lang) -> Details {
        let errors = self.errors.iter().map(|wrong| {
            let mut error = Error {
                detail: wrong.detail.text(lang).to_string(),
                pointer: None,
                parameter: None,
                header: None,
                line: wrong.spot.map(|(line, _)| line),
                column: wrong.spot.map(|(_, column)| column),
            };
            match &wrong.at {
                At::Body(pointer) => error.pointer = Some(pointer.clone()),
                At::Parameter(name) => error.parameter = Some(name.clone()),
                At::Header(name) => error.header = Some((*name).to_string()),
            }
            error
        });
        Details {
            of: format!("/api#{}", self.kind.slug()),
            title: self.kind.title().text(lang).to_string(),
            status: self.kind.status().as_u16(),
            detail: self.detail.text(lang).to_string(),
            errors: errors.collect(),
        }
    }

    /// The answer in this language; `more` are headers that the answer had already.
    pub fn answer(&self, lang: Lang, mut more: HeaderMap) -> Response {
        let body = serde_json::to_vec(&self.details(lang)).unwrap_or_default();
        more.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        more.insert(CONTENT_LANGUAGE, HeaderValue::from_static(lang.pick("vi", "en")));
        more.insert(VARY, HeaderValue::from_static("accept, accept-language"));
        if self.kind == Kind::Unauthenticated {
            more.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"loa\""));
        }
        if self.kind == Kind::TooLarge {
            // The rest of the body is not read: nothing can follow it on this connection.
            more.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if let Some(seconds) = self.retry_after {
            more.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        more.remove(HeaderName::from_static("content-length"));
        (self.kind.status(), more, body).into_response()
    }
}

/// The frame around all handlers puts it into words: it knows the caller's language.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.kind.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<DbError> for Problem {
    fn from(error: DbError) -> Self {
        tracing::error!(%error, "a request of the API failed");
        let detail = phrase!("chưa có gì được thay đổi: hãy thử lại sau", "nothing was changed: try again later");
        Self { retry_after: Some(5), ..Self::new(Kind::Unavailable, detail) }
    }
}

impl From<anyhow::Error> for Problem {
    fn from(error: anyhow::Error) -> Self {
        match error.downcast::<DbError>() {
            Ok(error) => error.into(),
            Err(error) => {
                tracing::error!("a request of the API failed: {error:#}");
                Self::new(Kind::Broken, phrase!("chi tiết nằm trong nhật ký của máy chủ", "the server's log tells more"))
            }
        }
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::NotFound => Self::not_found(),
            Fault::Forbidden => {
                Self::new(Kind::Forbidden, phrase!("tài khoản này không có quyền ấy", "this user has no right to it"))
            }
            Fault::Invalid(words) => Self::new(Kind::Invalid, words),
            Fault::Conflict(words) => Self::conflict(words),
            Fault::Stale => Self::new(Kind::Conflict, Kind::Changed.title()),
            Fault::TooLarge(words) => Self::new(Kind::TooLarge, words),
            Fault::TooMany(words) => Self::new(Kind::TooMany, words),
            Fault::Db(error) => error.into(),
            Fault::Broken(error) => error.into(),
        }
    }
}

impl From<RunError> for Problem {
    fn from(error: RunError) -> Self {
        match error {
            RunError::NoSuchRun(_) => Self::not_found(),
            RunError::Db(error) => error.into(),
            other => Self::conflict(other.to_string().into()),
        }
    }
}
