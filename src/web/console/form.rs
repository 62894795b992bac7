//! What pages send back. A form counts only if its page was ours: it carries a token that is bound to the browser's cookie, and the
//! browser does not say that it comes from another site.

use std::{borrow::Cow, collections::BTreeMap, io::Write as _};

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, Multipart, Request},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
};
use minijinja::{Value, context};
use serde::de::DeserializeOwned;
use subtle::ConstantTimeEq as _;
use tempfile::NamedTempFile;

use super::{
    door::{self, Caller},
    fault::Fault,
};
use crate::{
    intake, phrase,
    web::{Shared, State},
    words::{Lang, Phrase},
};

/// The field of the token, which `parts.token(csrf)` puts into a form.
const TOKEN: &str = "csrf";
/// The same as a header, for scripts.
const TOKEN_HEADER: &str = "x-csrf-token";

/// The longest field beside a file, in bytes: a file is kept on the disk, a field in memory.
const LONGEST_WORDS: usize = 64 * 1024;

/// A url-encoded form, read into a type. Fields that may stand several times are read from [`Fields`].
pub struct Form<T>(pub T);

/// A url-encoded form, field by field, in the order in which they stood.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    /// A field's value without the blanks around it; empty where there is no such field.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.trim())
    }

    /// The same as it was typed: passwords, and texts whose line ends matter.
    pub fn raw(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// Whether there is such a field: a tick, a button.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| key == name)
    }

    /// All values of a field.
    pub fn all<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.trim())
    }

    /// No page sends a character that no database keeps.
    fn kept(self) -> Result<Self, Fault> {
        if self.0.iter().any(|(key, value)| key.contains('\0') || value.contains('\0')) {
            let words = phrase!("Nội dung gửi lên có ký tự U+0000.", "What was sent holds the character U+0000.");
            return Err(Fault::Invalid(words));
        }
        Ok(self)
    }

    /// Every field but the token.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter(|(key, _)| key != TOKEN).map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

/// A form with files (`multipart/form-data`). Its token is its first field, so that nothing of a stranger's is kept.
#[derive(Debug)]
pub struct Upload {
    /// What is not a file.
    pub fields: Fields,
    /// The files that were chosen.
    pub files: Vec<File>,
}

/// A file that was sent. It lies where only we read it, and is gone when this is dropped.
#[derive(Debug)]
pub struct File {
    /// The field's name.
    pub field: String,
    /// What it was called: to be shown, never to be opened.
    pub name: String,
    /// Its bytes.
    pub spooled: NamedTempFile,
    /// How many.
    pub size: u64,
}

impl Shared {
    /// Whether a form comes from a page of ours.
    fn is_ours(&self, caller: &Caller, headers: &HeaderMap, token: &str) -> bool {
        let secret = [door::SESSION, door::DOOR].into_iter().find_map(|name| caller.cookie(headers, name));
        secret.is_some_and(|secret| bool::from(door::csrf(&self.parts.seal, &secret).as_bytes().ct_eq(token.as_bytes())))
    }
}

fn header_token(headers: &HeaderMap) -> &str {
    headers.get(TOKEN_HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

impl FromRequest<State> for Fields {
    type Rejection = Response;

    async fn from_request(request: Request, state: &State) -> Result<Self, Response> {
        read(request, state).await.map(|(fields, _)| fields)
    }
}

impl<T: DeserializeOwned> FromRequest<State> for Form<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &State) -> Result<Self, Response> {
        let (_, request) = read(request, state).await?;
        match axum::Form::<T>::from_request(request, state).await {
            Ok(axum::Form(values)) => Ok(Self(values)),
            Err(error) => {
                tracing::debug!(%error, "a form was not as its page made it");
                Err(Fault::Invalid(phrase!(
                    "Biểu mẫu gửi lên thiếu hoặc sai mục. Vui lòng tải lại trang rồi làm lại.",
                    "The form lacks something or has what it should not. Please load the page again."
                ))
                .into_response())
            }
        }
    }
}

/// A form's fields, and the request with its body put back.
async fn read(request: Request, state: &State) -> Result<(Fields, Request), Response> {
    let (parts, body) = request.into_parts();
    let caller = Caller::of(&parts.extensions, &parts.headers, &state.0.parts.config);
    if !caller.is_own_form(&parts.headers) {
        return Err(Fault::Stale.into_response());
    }
    let headers = parts.headers.clone();
    let bytes = Bytes::from_request(Request::from_parts(parts.clone(), body), state).await.map_err(too_large)?;
    let bytes = without_nul(&bytes);
    let fields = Fields(form_urlencoded::parse(&bytes).into_owned().collect());
    let token = if fields.has(TOKEN) { fields.get(TOKEN) } else { header_token(&headers) };
    if !state.0.is_ours(&caller, &headers, token) {
        return Err(Fault::Stale.into_response());
    }
    Ok((fields.kept().map_err(Fault::into_response)?, Request::from_parts(parts, Body::from(bytes))))
}

/// The same without U+0000, which nobody types and no database takes.
fn without_nul(body: &[u8]) -> Bytes {
    let mut kept = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some((first, after)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(b"%00") {
            rest = after;
        } else {
            kept.extend((*first != 0).then_some(*first));
            rest = after;
        }
    }
    kept.into()
}

fn too_large(rejection: axum::extract::rejection::BytesRejection) -> Response {
    let response = rejection.into_response();
    if response.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return Fault::TooLarge(phrase!("Biểu mẫu gửi lên quá dài.", "The form is too long.")).into_response();
    }
    response
}

impl FromRequest<State> for Upload {
    type Rejection = Response;

    async fn from_request(request: Request, state: &State) -> Result<Self, Response> {
        let headers = request.headers().clone();
        let caller = Caller::of(request.extensions(), &headers, &state.0.parts.config);
        if !caller.is_own_form(&headers) {
            return Err(Fault::Stale.into_response());
        }
        let mut ours = state.0.is_ours(&caller, &headers, header_token(&headers));
        let mut parts = Multipart::from_request(request, state).await.map_err(axum::response::IntoResponse::into_response)?;
        let mut upload = Self { fields: Fields::default(), files: Vec::new() };
        while let Some(mut part) = parts.next_field().await.map_err(|error| broken(&error))? {
            let field = part.name().unwrap_or_default().to_string();
            let name = part.file_name().map(str::to_string);
            match name {
                None => {
                    let mut value = Vec::new();
                    while let Some(chunk) = part.chunk().await.map_err(|error| broken(&error))? {
                        if value.len() + chunk.len() > LONGEST_WORDS {
                            return Err(
                                Fault::TooLarge(phrase!("Biểu mẫu gửi lên quá dài.", "The form is too long.")).into_response()
                            );
                        }
                        value.extend_from_slice(&chunk);
                    }
                    let value = String::from_utf8_lossy(&value).replace('\0', "");
                    ours |= field == TOKEN && state.0.is_ours(&caller, &headers, &value);
                    upload.fields.0.push((field, value));
                }
                Some(_) if !ours => return Err(Fault::Stale.into_response()),
                // A field of files in which none was chosen.
                Some(name) if name.is_empty() => {}
                Some(name) => {
                    let folder = intake::folder(&state.0.parts.config);
                    let mut file = intake::spool(&folder).map_err(|error| Fault::Broken(error.into()).into_response())?;
                    let mut size = 0;
                    while let Some(chunk) = part.chunk().await.map_err(|error| broken(&error))? {
                        size += chunk.len() as u64;
                        file.write_all(&chunk).map_err(|error| Fault::Broken(error.into()).into_response())?;
                    }
                    upload.files.push(File { field, name, spooled: file, size });
                }
            }
        }
        if !ours {
            return Err(Fault::Stale.into_response());
        }
        upload.fields = upload.fields.kept().map_err(Fault::into_response)?;
        Ok(upload)
    }
}

fn broken(error: &axum::extract::multipart::MultipartError) -> Response {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return Fault::TooLarge(phrase!("Tệp gửi lên quá lớn.", "The file is too large.")).into_response();
    }
    tracing::debug!(%error, "an upload broke off");
    Fault::Invalid(phrase!("Tệp gửi lên bị ngắt giữa chừng. Vui lòng gửi lại.", "The upload broke off. Please send it again."))
        .into_response()
}

/// What is wrong with a form, field by field, in the order in which it was found.
#[derive(Debug, Clone, Default)]
pub struct Mistakes(Vec<(Cow<'static, str>, Phrase)>);

impl Mistakes {
    /// Something is wrong with this field alone.
    pub fn one(field: impl Into<Cow<'static, str>>, words: Phrase) -> Self {
        Self(vec![(field.into(), words)])
    }

    /// Something is wrong with this field.
    pub fn add(&mut self, field: impl Into<Cow<'static, str>>, words: Phrase) {
        self.0.push((field.into(), words));
    }

    /// Whether something is wrong with this field.
    pub fn has(&self, field: &str) -> bool {
        self.0.iter().any(|(wrong, _)| wrong == field)
    }

    /// Whether nothing is.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// 200 where nothing is wrong, else 422.
    pub const fn status(&self) -> StatusCode {
        if self.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY }
    }

    /// The same mistakes, told otherwise: `told` makes the words of a field's.
    pub fn told(&self, told: impl Fn(&str, &Phrase) -> Phrase) -> Self {
        Self(self.0.iter().map(|(field, words)| (field.clone(), told(field, words))).collect())
    }

    /// For `parts.summary`: `{ field, text }` each.
    pub fn list(&self, lang: Lang) -> Value {
        self.0.iter().map(|(field, words)| context! { field => &**field, text => words.capital().text(lang) }).collect()
    }

    /// For the fields' own `error`: a map from field to text.
    pub fn by_field(&self, lang: Lang) -> Value {
        // The first word on a field stands beside it.
        let first = self.0.iter().rev().map(|(field, words)| (field.to_string(), words.capital().text(lang).to_string()));
        Value::from(first.collect::<BTreeMap<_, _>>())
    }
}

impl<F: Into<Cow<'static, str>>> Extend<(F, Phrase)> for Mistakes {
    fn extend<T: IntoIterator<Item = (F, Phrase)>>(&mut self, more: T) {
        self.0.extend(more.into_iter().map(|(field, words)| (field.into(), words)));
    }
}

impl<F: Into<Cow<'static, str>>> FromIterator<(F, Phrase)> for Mistakes {
    fn from_iter<T: IntoIterator<Item = (F, Phrase)>>(all: T) -> Self {
        let mut mistakes = Self::default();
        mistakes.extend(all);
        mistakes
    }
}

impl IntoIterator for Mistakes {
    type Item = (Cow<'static, str>, Phrase);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_types_a_nul() {
        let read = |body: &[u8]| String::from_utf8(without_nul(body).to_vec()).unwrap();
        assert_eq!(read(b"a=b%00c&d=%2500\0&e=%0"), "a=bc&d=%2500&e=%0");
        assert_eq!(read("tên=Trần".as_bytes()), "tên=Trần");
    }
}
