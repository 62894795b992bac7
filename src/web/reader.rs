//! The language of whoever reads: `?lang=` by a link on the page, else the one that was chosen before (a cookie of the console's),
//! else the browser's, else Vietnamese.

use std::convert::Infallible;

use axum::{
    extract::FromRequestParts,
    http::{
        HeaderMap, HeaderValue,
        header::{ACCEPT_LANGUAGE, COOKIE},
        request::Parts,
    },
};

use crate::words::Lang;

/// Whoever reads the page.
pub(super) struct Reader(pub Lang);

impl<S: Sync> FromRequestParts<S> for Reader {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let chosen = chosen(parts.uri.query().unwrap_or_default());
        Ok(Self(chosen.or_else(|| kept(&parts.headers)).unwrap_or_else(|| preferred(&parts.headers))))
    }
}

fn named(tag: &str) -> Option<Lang> {
    match tag.split('-').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "vi" => Some(Lang::Vi),
        "en" => Some(Lang::En),
        _ => None,
    }
}

/// The cookie's name.
const COOKIE_NAME: &str = "lang";

/// What keeps a choice in the browser for a year. It tells nothing of anybody, so any page of ours may read it.
pub(super) fn keep(lang: Lang) -> HeaderValue {
    HeaderValue::from_static(lang.pick(
        "lang=vi; Path=/; Max-Age=31536000; SameSite=Lax; HttpOnly",
        "lang=en; Path=/; Max-Age=31536000; SameSite=Lax; HttpOnly",
    ))
}

fn kept(headers: &HeaderMap) -> Option<Lang> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|line| line.split(';'));
    cookies
        .filter_map(|cookie| cookie.trim().split_once('='))
        .filter(|(name, _)| *name == COOKIE_NAME)
        .find_map(|(_, v)| named(v))
}

pub(super) fn chosen(query: &str) -> Option<Lang> {
    form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == "lang").find_map(|(_, value)| named(&value))
}

/// The better liked of the two languages (RFC 9110, section 12.5.4).
fn preferred(headers: &HeaderMap) -> Lang {
    let wishes = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut best = (Lang::Vi, 0.0);
    for wish in wishes.split(',') {
        let (tag, weight) = wish.split_once(';').unwrap_or((wish, "q=1"));
        let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok()).unwrap_or(0.0);
        if let Some(lang) = named(tag.trim()).filter(|_| weight > best.1) {
            best = (lang, weight);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_better_liked_of_the_two_languages() {
        let of = |wishes: &'static str| preferred(&HeaderMap::from_iter([(ACCEPT_LANGUAGE, wishes.parse().unwrap())]));
        assert_eq!(of("vi-VN,vi;q=0.9,en;q=0.8"), Lang::Vi);
        assert_eq!(of("en-GB,en;q=0.9"), Lang::En);
        assert_eq!(of("vi;q=0.3, en; q=0.7"), Lang::En);
        assert_eq!(of("fr,de;q=0.5"), Lang::Vi);
        assert_eq!(of("en;q=0"), Lang::Vi);
        assert_eq!(preferred(&HeaderMap::new()), Lang::Vi);
    }

    #[test]
    fn what_was_chosen_before_goes_before_what_the_browser_likes() {
        let of = |cookies: &'static str| kept(&HeaderMap::from_iter([(COOKIE, cookies.parse().unwrap())]));
        assert_eq!(of("a=b; lang=en"), Some(Lang::En));
        assert_eq!(of("language=en; lang=xx"), None);
        assert!(keep(Lang::En).to_str().unwrap().starts_with("lang=en;"));
    }

    #[test]
    fn a_link_decides() {
        assert_eq!(chosen("a=b&lang=en"), Some(Lang::En));
        assert_eq!(chosen("lang=xx"), None);
        assert_eq!(chosen(""), None);
    }
}
