//! A console page: a template within the frame that all of them share.

use axum::{
    http::{
        HeaderValue, StatusCode,
        header::{CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY},
    },
    response::{Html, IntoResponse as _, Response},
};
use minijinja::{Value, context, value::Serde};
use serde::Serialize;

use super::{Named, nav, visitor::Visitor};
use crate::{user::Right, web::page::Pages, words::Lang};

pub(super) const TEMPLATES: &[Named] = &[
    ("console/frame", include_str!("../templates/console/frame.html")),
    ("console/parts", include_str!("../templates/console/parts.html")),
    ("console/fault", include_str!("../templates/console/fault.html")),
];

pub(super) const SCRIPTS: &[Named] = &[("console.js", include_str!("../templates/console/console.js"))];

/// Styles and scripts from files of ours alone; pictures from us or within the page; frames only of our own previews.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; frame-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);

/// What the frame shows beside the page's own.
#[derive(Debug, Clone, Serialize)]
pub struct Frame {
    /// `vi` or `en`.
    pub lang: &'static str,
    /// `auto`, `light` or `dark`.
    pub theme: String,
    /// The signed-in person's name; none on pages before signing in.
    pub name: Option<String>,
    /// What every form sends back; empty before signing in.
    pub csrf: String,
    /// What the step before has to say, once.
    pub flash: Option<Flash>,
    /// Where one can go.
    pub nav: Vec<Entry>,
    /// Whether the big stop stands in the header.
    pub may_stop: bool,
    /// Whether there is an inbox: notices are the office's.
    pub inbox: bool,
    /// Notices that were not read.
    pub unread: usize,
}

/// What a page says of the step before.
#[derive(Debug, Clone, Serialize, serde::Deserialize)]
pub struct Flash {
    /// Done, or to be looked at.
    pub good: bool,
    /// In the reader's language.
    pub text: String,
}

/// A place to go.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// Its address.
    pub href: &'static str,
    /// What it is called, in the reader's language.
    pub label: &'static str,
    /// Whether one is there.
    pub current: bool,
}

impl Pages {
    /// A page of the console. `values` are the template's own.
    pub fn console(&self, status: StatusCode, name: &str, frame: &Frame, values: Value) -> Response {
        let all = context! { lang => frame.lang, frame => Value::from(Serde(frame)), csrf => &frame.csrf, ..values };
        match self.render(name, all) {
            Ok(html) => {
                let mut response = (status, Html(html)).into_response();
                let headers = response.headers_mut();
                headers.insert(CONTENT_SECURITY_POLICY, POLICY);
                headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static(frame.lang));
                response
            }
            Err(error) => {
                tracing::error!(name, "a page could not be rendered: {error:#}");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}

impl Frame {
    /// The frame of a signed-in person's page.
    pub fn of(visitor: &Visitor) -> Self {
        Self {
            lang: visitor.lang.pick("vi", "en"),
            theme: visitor.user.theme.name().to_string(),
            name: Some(visitor.user.name.clone()),
            csrf: visitor.csrf.clone(),
            flash: visitor.flash.clone(),
            nav: nav::entries(|right| visitor.can(right), &visitor.path, visitor.lang),
            may_stop: visitor.can(Right::Stop),
            inbox: !nav::is_partner_alone(|right| visitor.can(right)),
            unread: visitor.unread,
        }
    }

    /// The frame of a page before signing in.
    pub fn stranger(lang: Lang) -> Self {
        Self {
            lang: lang.pick("vi", "en"),
            theme: "auto".to_string(),
            name: None,
            csrf: String::new(),
            flash: None,
            nav: Vec::new(),
            may_stop: false,
            inbox: false,
            unread: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn shown(template: &'static str, lang: Lang) -> String {
        let mut pages = Pages::new(&BTreeMap::from([("name".to_string(), "Sở <Thông tin>".to_string())]));
        pages.add("test", template);
        let mut frame = Frame::stranger(lang);
        frame.csrf = "tok&en".to_string();
        frame.name = Some("Lê Thị Mẫu".to_string());
        frame.nav = vec![Entry { href: "/runs", label: "Đợt gửi", current: true }];
        let all = context! { lang => frame.lang, frame => Value::from(Serde(&frame)), csrf => &frame.csrf };
        pages.render("test", all).unwrap()
    }

    #[test]
    fn a_page_stands_in_the_frame_in_its_readers_language() {
        let page = r#"{% extends "console/frame" %}{% import "console/parts" as parts %}
            {% block title %}{{ say("Thử", "Try") }}{% endblock %}{% block main %}{{ parts.field("a", say("Tên", "Name"), value="<b>", error="x") }}{% endblock %}"#;
        let text = shown(page, Lang::En);
        assert!(text.contains("<title>Try · Sở &lt;Thông tin&gt;</title>"), "{text}");
        assert!(text.contains(r#"<input type="hidden" name="csrf" value="tok&amp;en">"#), "{text}");
        assert!(text.contains(r#"aria-describedby="a-error" aria-invalid="true""#), "{text}");
        assert!(text.contains(r#"value="&lt;b&gt;""#), "{text}");
        assert!(text.contains(r#"<html lang="en">"#) && text.contains("Sign out"), "{text}");
        assert!(shown(page, Lang::Vi).contains("Đăng xuất"));
    }
}
