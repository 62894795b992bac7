//! The language of whoever reads: `?lang=` by a link on the page, else the browser's, else Vietnamese.

use std::convert::Infallible;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header::ACCEPT_LANGUAGE, request::Parts},
};

use crate::words::Lang;

/// Whoever reads the page.
pub(super) struct Reader(pub Lang);

impl<S: Sync> FromRequestParts<S> for Reader {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(chosen(parts.uri.query().unwrap_or_default()).unwrap_or_else(|| preferred(&parts.headers))))
    }
}

fn named(tag: &str) -> Option<Lang> {
    match tag.split('-').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "vi" => Some(Lang::Vi),
        "en" => Some(Lang::En),
        _ => None,
    }
}

fn chosen(query: &str) -> Option<Lang> {
    form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == "lang").find_map(|(_, value)| named(&value))
}

/// The better liked of the two languages (RFC 9110, section 12.5.4).
fn preferred(headers: &HeaderMap) -> Lang {
    let wishes = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut best = (Lang::Vi, 0.0);
    for wish in wishes.split(',') {
        let (tag, weight) = wish.split_once(";q=").unwrap_or((wish, "1"));
        let weight = weight.trim().parse::<f32>().unwrap_or(0.0);
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
        assert_eq!(of("vi;q=0.3, en;q=0.7"), Lang::En);
        assert_eq!(of("fr,de;q=0.5"), Lang::Vi);
        assert_eq!(of("en;q=0"), Lang::Vi);
        assert_eq!(preferred(&HeaderMap::new()), Lang::Vi);
    }

    #[test]
    fn a_link_decides() {
        assert_eq!(chosen("a=b&lang=en"), Some(Lang::En));
        assert_eq!(chosen("lang=xx"), None);
        assert_eq!(chosen(""), None);
    }
}
