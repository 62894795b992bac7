//! The public's warnings as an Atom feed, and an outlet's orders. What enters is alerts and where their documents lie; what leaves is
//! the feed, what it is cached by, and when it changes without anybody's doing, because a warning ends. The same warnings at the same
//! time always make the same bytes. Nothing can go wrong.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::super::{Alert, MEDIA_TYPE as CAP, MsgType, Scope, Status, Time, write::escape, xml::is_char};

/// What a feed says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Its address, which is its id too: it never changes.
    pub address: String,
    /// Its title.
    pub title: String,
    /// Who publishes it.
    pub author: String,
    /// The language of its entries, as BCP 47 names it.
    pub language: String,
    /// When there was nothing to say yet.
    pub since: Time,
}

/// A warning that may stand in a feed.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// The address of its document, which is its id too: it never changes.
    pub address: &'a str,
    /// The warning.
    pub alert: &'a Alert,
}

/// A feed as it is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The document.
    pub document: String,
    /// A strong `ETag` (RFC 9110, section 8.8.3), with its quotes.
    pub etag: String,
    /// When it last changed (unix milliseconds).
    pub updated: i64,
    /// When a warning in it ends (unix milliseconds); none: not before another is added.
    pub until: Option<i64>,
}

impl Published {
    /// The feed of what one reader alone may have: all of it, the latest first, as whoever calls has chosen it.
    pub fn to_one(about: &About, entries: &[Entry<'_>]) -> Self {
        let mut shown: Vec<&Entry> = entries.iter().collect();
        shown.sort_by(|a, b| (b.alert.sent, b.address).cmp(&(a.alert.sent, a.address)));
        let updated = shown.first().map_or(about.since, |latest| latest.alert.sent);
        let until = shown.iter().filter_map(|entry| entry.alert.expires()).min().map(millis);
        served(document(about, &shown, updated), updated, until)
    }
}

/// The feed at `now` (unix milliseconds): public and actual warnings, the latest first, without those that have ended and those that
/// a later one took the place of. A cancellation stands as long as what it withdraws would have.
pub fn publish(about: &About, entries: &[Entry<'_>], now: i64) -> Published {
    let public: Vec<&Entry> = entries.iter().filter(|entry| is_public(entry.alert)).collect();
    let mut shown: Vec<&Entry> = public.iter().copied().filter(|entry| !is_over(entry, &public, now)).collect();
    shown.sort_by(|a, b| (b.alert.sent, a.address).cmp(&(a.alert.sent, b.address)));
    shown.dedup_by_key(|entry| entry.address);
    // It changed when the latest was sent, or when the last one ended.
    let ended = public.iter().filter_map(|entry| end(entry, &public)).filter(|end| millis(*end) <= now);
    let updated = public.iter().map(|entry| entry.alert.sent).chain(ended).max().unwrap_or(about.since);
    let until = shown.iter().filter_map(|entry| end(entry, &public)).min().map(millis);
    served(document(about, &shown, updated), updated, until)
}

fn served(document: String, updated: Time, until: Option<i64>) -> Published {
    let hash: String = Sha256::digest(&document).iter().take(16).fold(String::new(), |mut out, byte| {
        // Writing into a String cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    });
    Published { document, etag: format!("\"{hash}\""), updated: millis(updated), until }
}

fn is_public(alert: &Alert) -> bool {
    let says = matches!(alert.msg_type, MsgType::Alert | MsgType::Update | MsgType::Cancel);
    alert.scope == Scope::Public && alert.status == Status::Actual && says
}

fn is_over(entry: &Entry, all: &[&Entry], now: i64) -> bool {
    let own = entry.alert.reference();
    let replaced = |other: &&&Entry| {
        matches!(other.alert.msg_type, MsgType::Update | MsgType::Cancel)
            && other.alert.sender == own.sender
            && other.alert.references.contains(&own)
    };
    all.iter().any(|other| replaced(&other)) || end(entry, all).is_some_and(|end| millis(end) <= now)
}

/// When it ends: a cancellation with the last of those that it withdraws.
fn end(entry: &Entry, all: &[&Entry]) -> Option<Time> {
    if entry.alert.msg_type != MsgType::Cancel {
        return if entry.alert.infos.is_empty() { None } else { entry.alert.expires() };
    }
    let withdrawn = all.iter().filter(|other| entry.alert.references.contains(&other.alert.reference()));
    let ends: Option<Vec<Time>> = withdrawn.map(|other| other.alert.expires()).collect();
    ends?.into_iter().max()
}

fn millis(time: Time) -> i64 {
    time.at().timestamp_millis()
}

fn document(about: &About, shown: &[&Entry<'_>], updated: Time) -> String {
    let mut out =
        String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\" xml:lang=\"");
    value(&mut out, &about.language);
    out.push_str("\">\n");
    element(&mut out, "  ", "id", &about.address);
    element(&mut out, "  ", "title", &about.title);
    element(&mut out, "  ", "updated", &rfc3339(updated));
    out.push_str("  <author>\n");
    element(&mut out, "    ", "name", &about.author);
    out.push_str("  </author>\n");
    link(&mut out, "  ", "self", super::MEDIA_TYPE, &about.address);
    for entry in shown {
        let info = entry.alert.info(about.language.split('-').next().unwrap_or_default());
        let said = |text: fn(&super::super::Info) -> Option<&str>| info.and_then(text).unwrap_or_default();
        let event = info.map_or(entry.alert.msg_type.word(), |info| info.event.as_str());
        let headline = info.and_then(|info| info.headline.as_deref()).unwrap_or(event);
        out.push_str("  <entry>\n");
        element(&mut out, "    ", "id", entry.address);
        element(&mut out, "    ", "title", headline);
        element(&mut out, "    ", "updated", &rfc3339(entry.alert.sent));
        link(&mut out, "    ", "alternate", CAP, entry.address);
        for category in info.iter().flat_map(|info| &info.categories) {
            out.push_str("    <category term=\"");
            value(&mut out, category.word());
            out.push_str("\"/>\n");
        }
        element(&mut out, "    ", "summary", said(|info| info.description.as_deref()));
        out.push_str("  </entry>\n");
    }
    out.push_str("</feed>\n");
    out
}

/// RFC 4287 wants RFC 3339, where `-00:00` says that the place is not known.
fn rfc3339(time: Time) -> String {
    time.at().to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

fn element(out: &mut String, indent: &str, name: &str, text: &str) {
    // Writing into a String cannot fail.
    let _ = write!(out, "{indent}<{name}>");
    escape(out, &text.chars().filter(|c| is_char(*c)).collect::<String>());
    let _ = writeln!(out, "</{name}>");
}

fn link(out: &mut String, indent: &str, relation: &str, media_type: &str, address: &str) {
    let _ = write!(out, "{indent}<link rel=\"{relation}\" type=\"{media_type}\" href=\"");
    value(out, address);
    out.push_str("\"/>\n");
}

fn value(out: &mut String, text: &str) {
    let mut escaped = String::new();
    escape(&mut escaped, &text.chars().filter(|c| is_char(*c)).collect::<String>());
    out.push_str(&escaped.replace('"', "&quot;").replace('\n', "&#10;").replace('\t', "&#9;"));
}

#[cfg(test)]
mod tests {
    use super::super::super::sample;
    use super::super::items;
    use super::*;

    fn about() -> About {
        About {
            address: "https://example.vn/feeds/warnings".to_string(),
            title: "Cảnh báo & khuyến cáo".to_string(),
            author: "Sở Văn hóa, Thể thao và Du lịch".to_string(),
            language: "vi-VN".to_string(),
            since: at("2026-01-01T00:00:00+07:00"),
        }
    }

    fn at(text: &str) -> Time {
        Time::parse(text).unwrap()
    }

    fn warning(number: u32, sent: &str, expires: Option<&str>) -> Alert {
        let mut alert = sample::order();
        alert.scope = Scope::Public;
        alert.restriction = None;
        alert.identifier = format!("loa-{number}");
        alert.sent = at(sent);
        alert.infos[0].expires = expires.map(at);
        alert
    }

    /// The ids of what is shown at a time.
    fn shown(alerts: &[Alert], now: &str) -> (Vec<String>, Published) {
        let addresses: Vec<String> = alerts.iter().map(|alert| format!("https://example.vn/cap/{}", alert.identifier)).collect();
        let entries: Vec<Entry> = alerts.iter().zip(&addresses).map(|(alert, address)| Entry { address, alert }).collect();
        let published = publish(&about(), &entries, millis(at(now)));
        let ids = items(published.document.as_bytes()).unwrap().into_iter().map(|item| item.id).collect();
        (ids, published)
    }

    #[test]
    fn warnings_stand_until_they_end() {
        let alerts = [
            warning(1, "2026-11-20T08:00:00+07:00", Some("2026-11-22T08:00:00+07:00")),
            warning(2, "2026-11-21T08:00:00+07:00", Some("2026-11-25T08:00:00+07:00")),
            warning(3, "2026-11-19T08:00:00+07:00", None),
        ];
        let (ids, early) = shown(&alerts, "2026-11-22T07:59:59+07:00");
        assert_eq!(ids, ["https://example.vn/cap/loa-2", "https://example.vn/cap/loa-1", "https://example.vn/cap/loa-3"]);
        assert_eq!(early.until, Some(millis(at("2026-11-22T08:00:00+07:00"))));
        assert!(early.document.contains("<updated>2026-11-21T08:00:00+07:00</updated>"));
        let (ids, late) = shown(&alerts, "2026-11-22T08:00:00+07:00");
        assert_eq!(ids, ["https://example.vn/cap/loa-2", "https://example.vn/cap/loa-3"]);
        assert_ne!(late.etag, early.etag);
        assert!(late.document.contains("<updated>2026-11-22T08:00:00+07:00</updated>"), "it changed when one ended");
        assert_eq!(shown(&alerts, "2026-11-23T00:00:00+07:00").1, late, "and is the same until the next one does");
        let (_, empty) = shown(&[], "2026-11-22T08:00:00+07:00");
        assert!(empty.until.is_none() && empty.document.contains("<updated>2026-01-01T00:00:00+07:00</updated>"));
    }

    #[test]
    fn what_takes_the_place_of_another_is_shown_instead() {
        let first = warning(1, "2026-11-20T08:00:00+07:00", Some("2026-11-25T08:00:00+07:00"));
        let mut update = warning(2, "2026-11-21T08:00:00+07:00", Some("2026-11-26T08:00:00+07:00"));
        update.msg_type = MsgType::Update;
        update.references = vec![first.reference()];
        let mut cancel = warning(3, "2026-11-22T08:00:00+07:00", None);
        cancel.msg_type = MsgType::Cancel;
        cancel.references = vec![update.reference()];
        cancel.infos.clear();
        let of = |alerts: &[&Alert], now: &str| {
            let alerts: Vec<Alert> = alerts.iter().copied().cloned().collect();
            shown(&alerts, now).0.iter().filter_map(|id| id.rsplit('-').next().map(str::to_string)).collect::<Vec<_>>()
        };
        assert_eq!(of(&[&first, &update], "2026-11-22T00:00:00+07:00"), ["2"]);
        assert_eq!(of(&[&first, &update, &cancel], "2026-11-23T00:00:00+07:00"), ["3"]);
        assert_eq!(of(&[&first, &update, &cancel], "2026-11-26T08:00:00+07:00"), [""; 0], "nor what it withdrew");
        let mut strange = cancel.clone();
        strange.sender = "example.com".to_string();
        assert_eq!(of(&[&update, &strange], "2026-11-22T00:00:00+07:00"), ["3", "2"], "nobody cancels another's");
    }

    #[test]
    fn only_the_public_s_own_is_shown() {
        let good = warning(1, "2026-11-20T08:00:00+07:00", None);
        let spoilt: [fn(&mut Alert); 4] = [
            |alert| alert.scope = Scope::Restricted,
            |alert| alert.status = Status::Test,
            |alert| alert.msg_type = MsgType::Ack,
            |alert| alert.status = Status::Draft,
        ];
        for spoil in spoilt {
            let mut alert = good.clone();
            spoil(&mut alert);
            assert_eq!(shown(&[alert], "2026-11-22T00:00:00+07:00").0, [""; 0]);
        }
    }

    #[test]
    fn one_reader_s_feed_has_what_is_for_nobody_else() {
        let mut order = warning(1, "2026-11-20T08:00:00+07:00", Some("2026-11-25T08:00:00+07:00"));
        order.scope = Scope::Restricted;
        let later = Alert { sent: at("2026-11-21T08:00:00+07:00"), ..order.clone() };
        let entries = [("https://example.vn/1", &order), ("https://example.vn/2", &later)];
        let entries = entries.map(|(address, alert)| Entry { address, alert });
        let feed = Published::to_one(&about(), &entries);
        let ids: Vec<String> = items(feed.document.as_bytes()).unwrap().into_iter().map(|item| item.id).collect();
        assert_eq!(ids, ["https://example.vn/2", "https://example.vn/1"]);
        assert_eq!(feed.until, Some(millis(at("2026-11-25T08:00:00+07:00"))));
        assert!(feed.document.contains("<updated>2026-11-21T08:00:00+07:00</updated>"));
        assert_eq!(Published::to_one(&about(), &entries).etag, feed.etag);
        assert_ne!(Published::to_one(&about(), &entries[..1]).etag, feed.etag);
    }

    #[test]
    fn it_is_read_as_it_was_meant() {
        let alert = warning(1, "2026-11-20T08:00:00+07:00", None);
        let published = publish(&about(), &[Entry { address: "https://example.vn/cap?a=1&b=\"2\"", alert: &alert }], 0);
        let item = items(published.document.as_bytes()).unwrap().remove(0);
        assert_eq!(item.id, "https://example.vn/cap?a=1&b=\"2\"");
        assert_eq!(item.document.as_deref(), Some("https://example.vn/cap?a=1&b=\"2\""));
        assert_eq!(item.title, "Không cung cấp mã OTP cho bất kỳ ai");
        assert_eq!(item.summary, alert.infos[0].description.clone().unwrap());
        assert_eq!(item.at, Some(millis(alert.sent)));
    }
}
