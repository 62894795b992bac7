//! Why there is no page: what a handler returns instead of one. It becomes a page in the reader's language, with the way back to all
//! others where somebody has signed in.

use axum::{
    extract::{self, FromRequestParts as _, Request},
    http::{
        StatusCode,
        header::{ALLOW, CONTENT_TYPE, SET_COOKIE},
        request::Parts,
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use minijinja::context;

use super::visitor::Visitor;
use crate::{
    db::DbError,
    phrase,
    web::{
        State,
        reader::{self, Reader},
    },
    words::{Lang, Phrase},
};

/// Why a request of a signed-in person is not done. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// 404: there is no such thing, or it is another department's: which of the two is not told.
    #[error("not found")]
    NotFound,
    /// 403: this person has no right to it.
    #[error("forbidden")]
    Forbidden,
    /// 403: the form is not of a page that we gave to this browser, or that page is older than its session.
    #[error("stale form")]
    Stale,
    /// 422: what was asked cannot be; the words say why and what would be right. Forms show mistakes beside their fields instead.
    #[error("{0}")]
    Invalid(Phrase),
    /// 409: somebody else changed it in between, or its state does not allow it any more.
    #[error("{0}")]
    Conflict(Phrase),
    /// 413: more was sent than is taken.
    #[error("{0}")]
    TooLarge(Phrase),
    /// 429: too often.
    #[error("{0}")]
    TooMany(Phrase),
    /// 503: the database did not do it.
    #[error(transparent)]
    Db(#[from] DbError),
    /// 500: something else failed, which the log tells.
    #[error("{0:#}")]
    Broken(#[from] anyhow::Error),
}

/// What a fault says to its reader.
#[derive(Debug, Clone)]
struct Told {
    title: Phrase,
    text: Phrase,
}

impl Fault {
    /// Its HTTP status.
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Forbidden | Self::Stale => StatusCode::FORBIDDEN,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Db(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Broken(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn told(self) -> Told {
        let (title, text) = match self {
            Self::NotFound => (
                phrase!("Không có trang này", "There is no such page"),
                phrase!("Có thể địa chỉ sai, hoặc nội dung đã được gỡ.", "The address may be wrong, or what it showed is gone."),
            ),
            Self::Forbidden => (
                phrase!("Bạn không có quyền làm việc này", "You may not do this"),
                phrase!("Nếu cần, xin hỏi người quản trị hệ thống.", "Ask an administrator if you need to."),
            ),
            Self::Stale => (
                phrase!("Trang này đã cũ", "This page is out of date"),
                phrase!(
                    "Chưa có gì được thay đổi. Vui lòng quay lại, tải lại trang rồi làm lại.",
                    "Nothing was changed. Please go back, load the page again and repeat it."
                ),
            ),
            Self::Invalid(text) => (phrase!("Chưa thực hiện được", "That cannot be done"), text),
            Self::Conflict(text) => (phrase!("Lúc này không thực hiện được", "That cannot be done now"), text),
            Self::TooLarge(text) => (phrase!("Dữ liệu gửi lên quá lớn", "That is too large"), text),
            Self::TooMany(text) => (phrase!("Quá nhiều lần", "Too often"), text),
            Self::Db(_) => (
                phrase!("Hệ thống đang bận", "The system is busy"),
                phrase!(
                    "Chưa có gì được thay đổi. Vui lòng thử lại sau ít phút.",
                    "Nothing was changed. Please try again in a few minutes."
                ),
            ),
            Self::Broken(_) => (
                phrase!("Hệ thống gặp lỗi", "Something went wrong"),
                phrase!(
                    "Lỗi đã được ghi vào nhật ký của máy chủ. Vui lòng thử lại; nếu vẫn lỗi, xin báo người quản trị.",
                    "The server's log has the error. Please try again; if it stays, tell an administrator."
                ),
            ),
        };
        Told { title, text }
    }
}

impl IntoResponse for Fault {
    /// A bare answer that [`explain`] makes a page of.
    fn into_response(self) -> Response {
        match &self {
            Self::Db(error) => tracing::error!(%error, "a page could not be shown"),
            Self::Broken(error) => tracing::error!("a page could not be shown: {error:#}"),
            _ => {}
        }
        let status = self.status();
        let mut response = status.into_response();
        response.extensions_mut().insert(self.told());
        response
    }
}

/// What to say where a handler could not even be asked: an address, or what stands after its `?`, is not as our pages make it.
fn unread(response: &Response) -> Option<Told> {
    let text = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"));
    let bare = match response.status() {
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY | StatusCode::UNSUPPORTED_MEDIA_TYPE => text,
        StatusCode::METHOD_NOT_ALLOWED => true,
        _ => false,
    };
    bare.then(|| Told {
        title: phrase!("Không mở được trang này", "This page cannot be shown"),
        text: phrase!(
            "Địa chỉ trang không đúng như hệ thống tạo ra. Hãy đi lại từ trang tổng quan.",
            "The address is not one that our pages make. Please begin at the overview."
        ),
    })
}

/// Any address that there is no page for.
pub(in crate::web) async fn nowhere(
    extract::State(state): extract::State<State>,
    Reader(lang): Reader,
    request: Request,
) -> Response {
    let (mut asked, _) = request.into_parts();
    page(&state, &mut asked, lang, StatusCode::NOT_FOUND, &Fault::NotFound.told()).await
}

/// The page of a fault: among all others for whoever has signed in, else by itself.
async fn page(state: &State, asked: &mut Parts, lang: Lang, status: StatusCode, told: &Told) -> Response {
    // Where the database does not answer, nobody is known.
    let visitor =
        if status == StatusCode::SERVICE_UNAVAILABLE { None } else { Visitor::from_request_parts(asked, state).await.ok() };
    let Some(visitor) = visitor else { return state.0.pages.notice(status, lang, &told.title, &told.text) };
    let (title, text) = (told.title.text(visitor.lang), told.text.text(visitor.lang));
    state.0.view_as(status, &visitor, "console/fault", context! { title, text })
}

/// Makes a page of a fault, in the language of whoever asked; and keeps the language that a link chose.
pub(in crate::web) async fn explain(
    extract::State(state): extract::State<State>,
    Reader(lang): Reader,
    request: Request,
    next: Next,
) -> Response {
    let chosen = reader::chosen(request.uri().query().unwrap_or_default());
    let (parts, body) = request.into_parts();
    let mut asked = parts.clone();
    // A text with U+0000 in it: neither a name of ours nor anything that a database takes.
    let mut response = if parts.uri.to_string().contains("%00") {
        Fault::NotFound.into_response()
    } else {
        next.run(Request::from_parts(parts, body)).await
    };
    let told = response.extensions_mut().remove::<Told>().or_else(|| unread(&response));
    if let Some(told) = told {
        let allowed = response.headers_mut().remove(ALLOW);
        response = page(&state, &mut asked, lang, response.status(), &told).await;
        if let Some(allowed) = allowed {
            response.headers_mut().insert(ALLOW, allowed);
        }
    }
    if let Some(lang) = chosen {
        response.headers_mut().append(SET_COOKIE, reader::keep(lang));
    }
    response
}
