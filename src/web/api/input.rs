//! What a request brings: read strictly, so that a mistyped field or parameter is told and never silently passed over.

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Path, Request},
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE, request::Parts},
};
use serde::de::DeserializeOwned;

use super::problem::{Kind, Problem};
use crate::{phrase, web::State};

/// A JSON body.
pub struct Json<T>(pub T);

/// The parameters of the address.
pub struct Query<T>(pub T);

/// A number in the path: what is none of ours is not there.
pub struct Number(pub i64);

/// Two numbers in the path.
pub struct Numbers(pub i64, pub i64);

/// A number in the path, and a name after it.
pub struct NumberAndName(pub i64, pub String);

/// A name in the path.
pub struct Name(pub String);

/// The second of two names in the path.
pub struct SecondName(pub String);

/// The whole body as it is.
pub async fn bytes(request: Request, state: &State) -> Result<Bytes, Problem> {
    Bytes::from_request(request, state).await.map_err(|rejection| {
        use axum::response::IntoResponse as _;
        if rejection.into_response().status() == StatusCode::PAYLOAD_TOO_LARGE {
            too_large()
        } else {
            Problem::new(Kind::BadRequest, phrase!("nội dung bị ngắt giữa chừng", "the body broke off"))
        }
    })
}

/// 413.
pub fn too_large() -> Problem {
    Problem::new(Kind::TooLarge, phrase!("nội dung gửi lên lớn hơn mức cho phép", "the body is larger than what is taken"))
}

/// The media type of a body, in lower case and without parameters.
pub fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Reads JSON; the problem points at the field.
pub fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    // Texts that no engine takes, and that nobody means.
    if body.windows(6).any(|six| six == b"\\u0000") {
        return Err(Problem::new(Kind::Invalid, phrase!("văn bản không được chứa ký tự U+0000", "texts cannot hold U+0000")));
    }
    let mut reader = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let pointer: String = error.path().iter().map(segment).collect();
        let inner = error.inner();
        if inner.is_data() {
            return Problem::field(&pointer, inner.to_string().into());
        }
        Problem::new(
            Kind::BadRequest,
            phrase!("nội dung không phải JSON hợp lệ: {inner}", "the body is not well-formed JSON: {inner}"),
        )
    })?;
    reader.end().map_err(|_| {
        Problem::new(Kind::BadRequest, phrase!("sau JSON còn nội dung thừa", "something follows the JSON in the body"))
    })?;
    Ok(value)
}

fn segment(segment: &serde_path_to_error::Segment) -> String {
    use serde_path_to_error::Segment;
    match segment {
        Segment::Seq { index } => format!("/{index}"),
        Segment::Map { key } | Segment::Enum { variant: key } => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
        Segment::Unknown => String::new(),
    }
}

impl<T: DeserializeOwned> FromRequest<State> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &State) -> Result<Self, Problem> {
        if media_type(request.headers()) != "application/json" {
            let words = phrase!("gửi nội dung dạng `application/json`", "send the body as `application/json`");
            return Err(Problem::header(Kind::MediaType, "Content-Type", words));
        }
        json(&bytes(request, state).await?).map(Self)
    }
}

impl<T: DeserializeOwned> FromRequestParts<State> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &State) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        let reader = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
        serde_path_to_error::deserialize(reader).map(Self).map_err(|error| {
            let (inner, path) = (error.inner().to_string(), error.path().to_string());
            // An unknown or a repeated parameter has no path: serde names it between backticks.
            let named = inner.split('`').nth(1).filter(|_| path == ".").unwrap_or(&path).to_string();
            Problem::parameter(&named, inner.into())
        })
    }
}

impl FromRequestParts<State> for Number {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Problem> {
        let Path(number) = Path::<i64>::from_request_parts(parts, state).await.map_err(|_| Problem::not_found())?;
        Ok(Self(number))
    }
}

impl FromRequestParts<State> for Numbers {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Problem> {
        let Path((one, two)) = Path::<(i64, i64)>::from_request_parts(parts, state).await.map_err(|_| Problem::not_found())?;
        Ok(Self(one, two))
    }
}

impl FromRequestParts<State> for NumberAndName {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Problem> {
        let Path((number, name)) =
            Path::<(i64, String)>::from_request_parts(parts, state).await.map_err(|_| Problem::not_found())?;
        Ok(Self(number, name))
    }
}

impl FromRequestParts<State> for Name {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Problem> {
        let Path(name) = Path::<String>::from_request_parts(parts, state).await.map_err(|_| Problem::not_found())?;
        if name.contains('\0') {
            return Err(Problem::not_found());
        }
        Ok(Self(name))
    }
}

impl FromRequestParts<State> for SecondName {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Problem> {
        let path = Path::<(String, String)>::from_request_parts(parts, state).await;
        let Path((_, name)) = path.map_err(|_| Problem::not_found())?;
        if name.contains('\0') {
            return Err(Problem::not_found());
        }
        Ok(Self(name))
    }
}

/// Nothing if a text of the body, which stands at `pointer`, has no more characters than that.
pub fn at_most(pointer: &str, text: &str, most: usize) -> Result<(), Problem> {
    if text.chars().count() <= most {
        return Ok(());
    }
    Err(Problem::field(pointer, phrase!("nhiều nhất {most} ký tự", "at most {most} characters")))
}

/// What [`Number`] reads, for the description.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "describes a parameter")]
pub struct Id {
    /// Its number.
    #[param(minimum = 1)]
    id: i64,
}

/// What [`Name`] reads of a campaign or a segment, for the description.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "describes a parameter")]
pub struct Slug {
    /// Its name in addresses and files.
    slug: String,
}

/// How much of a list, and from where.
#[derive(Debug, Clone, Copy, serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Paging {
    /// Only what has a lower number: the `next` of the answer before leads there.
    #[param(minimum = 1)]
    pub before: Option<i64>,
    /// At most so many.
    #[param(minimum = 1, maximum = 200, default = 50)]
    pub limit: Option<i64>,
}

/// The most that one answer lists.
pub const PAGE: i64 = 200;

/// So many, where it is allowed.
pub fn limit(limit: Option<i64>) -> Result<i64, Problem> {
    match limit.unwrap_or(50) {
        limit @ 1..=PAGE => Ok(limit),
        _ => Err(Problem::parameter("limit", phrase!("từ 1 đến {PAGE}", "from 1 to {PAGE}"))),
    }
}

impl Paging {
    /// The number to begin below, and how many.
    pub fn window(self) -> Result<(i64, i64), Problem> {
        let before = self.before.unwrap_or(i64::MAX);
        if before < 1 {
            return Err(Problem::parameter("before", phrase!("là một số từ 1", "a number from 1")));
        }
        Ok((before, limit(self.limit)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::api::problem::At;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct Sample {
        title: String,
        list: Option<Vec<i64>>,
    }

    fn wrong(body: &str) -> (Kind, Option<At>) {
        let problem = json::<Sample>(body.as_bytes()).unwrap_err();
        (problem.kind, problem.errors.into_iter().next().map(|wrong| wrong.at))
    }

    #[test]
    fn a_mistake_in_a_body_is_pointed_at() {
        let at = |pointer: &str| Some(At::Body(pointer.to_string()));
        assert_eq!(wrong(r#"{"title": 7}"#), (Kind::Invalid, at("/title")));
        assert_eq!(wrong(r#"{"title": "a", "list": [1, "x"]}"#), (Kind::Invalid, at("/list/1")));
        assert_eq!(wrong(r#"{"title": "a", "other": 1}"#), (Kind::Invalid, at("/other")));
        assert_eq!(wrong(r#"{"list": []}"#), (Kind::Invalid, at("")));
        assert_eq!(wrong("{"), (Kind::BadRequest, None));
        assert_eq!(wrong(r#"{"title": "a"} {}"#), (Kind::BadRequest, None));
        assert_eq!(wrong(r#"{"title": "a\u0000"}"#), (Kind::Invalid, None));
    }
}
