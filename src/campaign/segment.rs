//! `campaigns/segments.toml`: named conditions on recipients, in the file's order. References to unknown segments and
//! circles are refused.

#![expect(
    clippy::unnecessary_wraps,
    reason = "a reader returns an option whether or not it can fail: that is what sections call"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Condition, Reached, Segment, message::is_language};
use crate::{
    document::{Problems, Section, Value, decode, is_slug, suggestion},
    phrase,
};

/// All segments, in the file's order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Segments(Vec<Segment>);

/// What the names in a segments file are checked against.
struct Known<'a> {
    segments: BTreeSet<String>,
    campaigns: Option<&'a BTreeSet<String>>,
}

impl Segments {
    /// Reads the file. Whether campaigns named by `reached` exist is for [`Library::read`](super::Library::read) to say.
    pub fn parse(file: &str, text: &str) -> Result<Self, Problems> {
        Self::parse_within(file, text, None)
    }

    pub(super) fn parse_within(file: &str, text: &str, campaigns: Option<&BTreeSet<String>>) -> Result<Self, Problems> {
        decode(file, text, |root| {
            let tables = root.rest();
            let known = Known { segments: tables.iter().map(|(slug, _)| (*slug).to_string()).collect(), campaigns };
            let mut segments = Vec::new();
            for (slug, value) in tables {
                if !is_slug(slug) {
                    root.refuse_key::<()>(
                        slug,
                        phrase!("`{slug}` không phải mã nhóm hợp lệ", "`{slug}` is not a valid segment name"),
                        phrase!("chỉ dùng chữ thường không dấu, số và dấu gạch nối", "use a-z, 0-9 and hyphens"),
                    );
                }
                segments.extend(value.section(|s| segment(slug, s, &known)));
            }
            let segments = Self(segments);
            for segment in &segments.0 {
                // A circle is reported once, at the first of its segments.
                let earlier = |slug: &String| segments.iter().take_while(|s| s.slug != segment.slug).any(|s| s.slug == *slug);
                if let Some(circle) = segments.circle(&segment.slug).filter(|circle| !circle.iter().any(earlier)) {
                    let (slug, circle) = (&segment.slug, circle.join(" → "));
                    root.refuse_key::<()>(
                        &segment.slug,
                        phrase!("nhóm `{slug}` dựa vào chính nó: {circle}", "the segment `{slug}` refers to itself: {circle}"),
                        phrase!("bỏ một mối nối trong vòng này", "take one link out of this circle"),
                    );
                }
            }
            Some(segments)
        })
    }

    /// The segment with this name.
    pub fn get(&self, slug: &str) -> Option<&Segment> {
        self.0.iter().find(|segment| segment.slug == slug)
    }

    /// In the file's order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Segment> + ExactSizeIterator + Clone {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The way from a segment back to itself, if there is one.
    fn circle(&self, start: &str) -> Option<Vec<String>> {
        let mut seen = BTreeSet::new();
        let mut open = vec![vec![start.to_string()]];
        while let Some(way) = open.pop() {
            let here = way.last().and_then(|slug| self.get(slug));
            for next in here.map(|s| s.condition.references()).unwrap_or_default() {
                let further = [way.as_slice(), &[next.to_string()]].concat();
                if next == start {
                    return Some(further);
                }
                if seen.insert(next.to_string()) {
                    open.push(further);
                }
            }
        }
        None
    }
}

impl Condition {
    /// The segments that this condition names, at any depth.
    pub fn references(&self) -> Vec<&str> {
        let inner = self.any.iter().chain(self.not.as_deref());
        self.segments.iter().map(String::as_str).chain(inner.flat_map(Self::references)).collect()
    }
}

fn segment(slug: &str, section: &mut Section<'_>, known: &Known<'_>) -> Option<Segment> {
    let title = section.required("title", |v| v.line());
    let condition = condition(section, known);
    Some(Segment { slug: slug.to_string(), title: title?, condition: condition? })
}

fn condition(section: &mut Section<'_>, known: &Known<'_>) -> Option<Condition> {
    Some(Condition {
        groups: section.optional("groups", |v| v.some(|g| g.line())).unwrap_or_default(),
        areas: section.optional("areas", |v| v.some(|a| area(&a))).unwrap_or_default(),
        born_before: section.optional("born_before", |v| v.date()),
        born_after: section.optional("born_after", |v| v.date()),
        lang: section.optional("lang", |v| v.one_or_more(|l| language(&l))).unwrap_or_default(),
        attributes: section.optional("attributes", |v| v.section(attributes)).unwrap_or_default(),
        reached: section.optional("reached", |v| v.section(|s| reached(s, known))),
        any: section.optional("any", |v| v.some(|one| one.section(|s| condition(s, known)))).unwrap_or_default(),
        not: section.optional("not", |v| v.section(|s| condition(s, known))).map(Box::new),
        segments: section.optional("segments", |v| v.some(|s| reference(&s, known))).unwrap_or_default(),
    })
}

/// An area's code: its shape, not whether there is such a place.
pub(super) fn area(value: &Value<'_>) -> Option<String> {
    let help = phrase!(
        "mã để trong ngoặc kép: \"01\" là tỉnh, thành phố; \"00004\" là xã, phường",
        "codes are quoted: \"01\" for a province, \"00004\" for a ward"
    );
    let field = value.field();
    if value.is_integer() {
        return value.refuse(phrase!("`{field}` có mã không đặt trong ngoặc kép", "`{field}` has a code without quotes"), help);
    }
    let code = value.text()?;
    if matches!(code.len(), 2 | 5) && code.bytes().all(|b| b.is_ascii_digit()) {
        return Some(code);
    }
    value.refuse(phrase!("\"{code}\" không phải mã địa bàn", "\"{code}\" is not an area code"), help)
}

fn language(value: &Value<'_>) -> Option<String> {
    let code = value.text()?;
    if is_language(&code) {
        return Some(code);
    }
    value.refuse(
        phrase!("\"{code}\" không phải mã ngôn ngữ", "\"{code}\" is not a language code"),
        phrase!("viết như \"vi\" hoặc \"en\"", "write it like \"vi\" or \"en\""),
    )
}

fn attributes(section: &mut Section<'_>) -> Option<BTreeMap<String, Vec<String>>> {
    Some(section.rest().into_iter().filter_map(|(key, v)| Some((key.to_string(), v.one_or_more(|one| one.line())?))).collect())
}

fn reached(section: &mut Section<'_>, known: &Known<'_>) -> Option<Reached> {
    let campaign = section.required("campaign", |v| {
        let slug = v.slug()?;
        match known.campaigns {
            Some(campaigns) if !campaigns.contains(&slug) => v.refuse(
                phrase!("không có chiến dịch `{slug}`", "there is no campaign `{slug}`"),
                suggestion(&slug, campaigns.iter().map(String::as_str)),
            ),
            _ => Some(slug),
        }
    });
    let within = section.required("within", |v| v.duration(Duration::from_hours(1)..=Duration::from_hours(24 * 3650)));
    Some(Reached { campaign: campaign?, within: within? })
}

fn reference(value: &Value<'_>, known: &Known<'_>) -> Option<String> {
    let slug = value.text()?;
    if known.segments.contains(&slug) {
        return Some(slug);
    }
    value.refuse(
        phrase!("không có nhóm `{slug}`", "there is no segment `{slug}`"),
        suggestion(&slug, known.segments.iter().map(String::as_str)),
    )
}
