//! The items of somebody else's feed: Atom (RFC 4287), RSS 2.0 and 1.0, or a CAP document by itself. What enters is bytes; what
//! leaves is the items in the feed's order, their markup reduced to text. What can go wrong is that it is none of these.

use chrono::{DateTime, FixedOffset, NaiveDateTime, TimeZone as _};
use html2text::render::TrivialDecorator;
use sha2::{Digest as _, Sha256};

use super::{
    super::{MEDIA_TYPE as CAP, read as read_alert},
    Feed, FeedError, Item, MAX_ITEMS,
    tree::{self, Element},
};

/// Characters of a summary's markup that are looked at.
const MARKUP: usize = 50_000;
/// Tags that are understood: readers of HTML take the square of nested ones.
const TAGS: usize = 400;
/// Characters of a summary that are kept.
const SUMMARY: usize = 20_000;

/// The items of a feed; of a CAP document the one that it is.
pub fn items(document: &[u8]) -> Result<Vec<Item>, FeedError> {
    read(document).map(|feed| feed.items)
}

/// A feed with what it calls itself.
pub fn read(document: &[u8]) -> Result<Feed, FeedError> {
    let text = tree::decode(document)?;
    let root = tree::parse(&text)?;
    let (all, kind): (Vec<&Element>, _) = match root.name.as_str() {
        "alert" => return alert(document),
        "feed" => (root.children.iter().filter(|one| one.name == "entry").collect(), "text"),
        "rss" | "RDF" => {
            let channel = root.child("channel");
            let inside = channel.into_iter().flat_map(|channel| &channel.children);
            // RSS 1.0 has them beside the channel.
            (inside.chain(&root.children).filter(|one| one.name == "item").collect(), "html")
        }
        other => return Err(FeedError::Unknown(other.chars().take(40).collect())),
    };
    let title = root.child("channel").unwrap_or(&root).child("title").map(|title| words(title, &text, kind));
    Ok(Feed {
        title: title.unwrap_or_default(),
        items: all.into_iter().take(MAX_ITEMS).map(|one| item(one, &text, kind)).collect(),
    })
}

/// A CAP document by itself, which is read strictly.
fn alert(document: &[u8]) -> Result<Feed, FeedError> {
    let alert = read_alert("", document).map_err(FeedError::Cap)?;
    let info = alert.info("vi");
    let title = info.map_or(alert.msg_type.word(), |info| info.headline.as_deref().unwrap_or(&info.event));
    let sender = info.and_then(|info| info.sender_name.as_deref()).unwrap_or(&alert.sender).trim().to_string();
    let item = Item {
        id: alert.reference().to_string(),
        title: title.trim().to_string(),
        link: info.and_then(|info| info.web.clone()),
        document: None,
        at: Some(alert.sent.at().timestamp_millis()),
        summary: info.and_then(|info| info.description.as_deref()).unwrap_or_default().trim().to_string(),
        cap: Some(Box::new(alert)),
        alert: Some(document.to_vec()),
        fault: None,
        raw: String::from_utf8_lossy(document).into_owned(),
    };
    Ok(Feed { title: sender, items: vec![item] })
}

/// `kind` is what texts are that do not say it: plain ones in Atom, markup in RSS.
fn item(one: &Element, text: &str, kind: &str) -> Item {
    let title = one.child("title").map(|title| words(title, text, kind)).unwrap_or_default();
    let summary = ["summary", "description", "encoded", "content", "fullitem", "body"]
        .iter()
        .filter_map(|name| one.child(name))
        // A summary, or else a content, that is an alert says it in another way.
        .filter(|said| said.find("alert").is_none())
        .map(|said| words(said, text, kind))
        .find(|said| !said.is_empty())
        .unwrap_or_default();
    let at = ["updated", "pubDate", "published", "date", "sent"]
        .iter()
        .filter_map(|name| one.child(name))
        .find_map(|date| moment(&date.text));
    let (link, document) = links(one);
    let link = link.or_else(|| permanent(one));
    let alert = one.find("alert").map(|alert| text.as_bytes()[alert.start..alert.end].to_vec());
    let (cap, fault) = match alert.as_deref().map(|alert| read_alert("", alert)) {
        Some(Ok(alert)) => (Some(Box::new(alert)), None),
        Some(Err(problems)) => (None, Some(problems)),
        None => (None, None),
    };
    let named = ["id", "guid", "identifier"].iter().filter_map(|name| one.child(name)).map(|id| id.text.trim().to_string());
    let about = one.attribute("about").map(str::to_string);
    let id = named.chain(about).chain(link.clone()).chain(document.clone()).find(|id| !id.is_empty()).unwrap_or_else(|| {
        // Whatever is said again, word for word and at the same time, is the same.
        let said = Sha256::digest(format!("{title}\n{summary}\n{at:?}"));
        said.iter().take(16).fold(String::from("sha256:"), |id, byte| format!("{id}{byte:02x}"))
    });
    let raw = text.get(one.start..one.end).unwrap_or_default().to_string();
    Item { id, title, link, document, at, summary, cap, alert, fault, raw }
}

/// The page and the CAP document that an item leads to.
fn links(one: &Element) -> (Option<String>, Option<String>) {
    let (mut page, mut document) = (None, None);
    for link in one.children.iter().filter(|child| matches!(child.name.as_str(), "link" | "enclosure")) {
        let kind = link.attribute("type").unwrap_or_default();
        let relation = link.attribute("rel").unwrap_or("alternate");
        let address = link.attribute("href").or_else(|| link.attribute("url")).unwrap_or(&link.text).trim();
        // Nothing but the web is followed or shown.
        if !(address.starts_with("https://") || address.starts_with("http://")) {
            continue;
        }
        if kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(CAP) {
            document.get_or_insert_with(|| address.to_string());
        } else if relation == "alternate" && link.name == "link" {
            page.get_or_insert_with(|| address.to_string());
        }
    }
    (page, document)
}

/// The page that names an item of RSS, which has no other link: unless it says that its name is none.
fn permanent(one: &Element) -> Option<String> {
    let guid = one.child("guid").filter(|guid| guid.attribute("isPermaLink") != Some("false"))?;
    let address = guid.text.trim();
    (address.starts_with("https://") || address.starts_with("http://")).then(|| address.to_string())
}

/// What an element says, without its markup.
fn words(element: &Element, text: &str, kind: &str) -> String {
    let plain = |said: &str| said.lines().map(str::trim).collect::<Vec<_>>().join("\n").trim().to_string();
    let kind = element.attribute("type").unwrap_or(kind);
    let markup = if element.children.is_empty() { element.text.as_str() } else { &text[element.inner.clone()] };
    let said = if kind == "text" || !markup.contains(['<', '&']) {
        plain(markup)
    } else {
        let end = markup.char_indices().nth(MARKUP).map_or(markup.len(), |(at, _)| at);
        let page = html2text::config::with_decorator(TrivialDecorator::new()).allow_width_overflow();
        let markup = &markup[..end];
        if markup.matches('<').count() > TAGS {
            plain(&without_tags(markup))
        } else {
            // A page wider than any line: people's programs break lines themselves.
            plain(&page.string_from_read(markup.as_bytes(), MARKUP).unwrap_or_else(|_| without_tags(markup)))
        }
    };
    said.chars().take(SUMMARY).collect()
}

/// What stands between tags.
fn without_tags(markup: &str) -> String {
    let outside = |part: &str| part.split_once('>').map_or(String::new(), |(_, text)| text.to_string());
    let mut parts = markup.split('<');
    let first = parts.next().unwrap_or_default().to_string();
    std::iter::once(first).chain(parts.map(outside)).filter(|text| !text.trim().is_empty()).collect::<Vec<_>>().join(" ")
}

/// A date as feeds write them: RFC 3339, RFC 822 with any zone, or what people's programs made of them. Where no zone is named it is
/// Việt Nam's.
fn moment(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(at.timestamp_millis());
    }
    // A wrong day of the week spoils nothing.
    let without_day = text.split_once(", ").map_or(text, |(_, rest)| rest);
    let zoned = match without_day.rsplit_once("GMT+") {
        Some((rest, hours)) => format!("{rest}+{:0>2}00", hours.trim().trim_end_matches(":00").trim_start_matches('0')),
        None => without_day.to_string(),
    };
    if let Ok(at) = DateTime::parse_from_rfc2822(&zoned) {
        return Some(at.timestamp_millis());
    }
    let zone = FixedOffset::east_opt(7 * 3_600)?;
    [
        "%Y-%m-%dT%H:%M:%S",
        "%Y-%m-%d %H:%M:%S",
        "%Y-%m-%d %H:%M",
        "%d/%m/%Y %H:%M:%S",
        "%d/%m/%Y %H:%M",
        "%d %b %Y %H:%M:%S",
        "%m/%d/%Y %I:%M:%S %p",
    ]
    .iter()
    .find_map(|shape| NaiveDateTime::parse_from_str(without_day, shape).ok())
    .and_then(|local| zone.from_local_datetime(&local).single())
    .map(|at| at.timestamp_millis())
}

#[cfg(test)]
mod tests {
    use super::super::super::{sample, write};
    use super::super::MAX_BYTES;
    use super::*;

    fn one(document: &str) -> Item {
        let mut all = items(document.as_bytes()).unwrap();
        assert_eq!(all.len(), 1);
        all.remove(0)
    }

    #[test]
    fn rss_is_read_as_the_press_writes_it() {
        let item = one(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><?xml-stylesheet href='x'?><rss version=\"2.0\"><channel><title>Tin</title>\
             <item><title><![CDATA[Cảnh báo &amp; khuyến cáo]]></title><description><![CDATA[<a href=\"https://example.vn/a\"><img src=x></a>\
             </br>Không <b>cung cấp</b> OTP&nbsp;cho ai.<script>alert(1)</script>]]></description><pubDate>Mon, 22 Nov 2026 08:30:00 \
             GMT+7</pubDate><link>https://example.vn/a?b=1&c=2</link><guid isPermaLink=\"false\">tin-1</guid></item></channel></rss>",
        );
        assert_eq!((item.id.as_str(), item.title.as_str()), ("tin-1", "Cảnh báo & khuyến cáo"));
        assert_eq!(item.link.as_deref(), Some("https://example.vn/a?b=1&c=2"));
        assert_eq!(item.summary, "Không cung cấp OTP\u{a0}cho ai.");
        assert_eq!(item.at, Some(1_795_311_000_000));
    }

    #[test]
    fn atom_is_read_with_its_links_and_markup() {
        let item = one(
            "<feed xmlns='http://www.w3.org/2005/Atom'><entry><id>urn:x:1</id><title type='html'>A &amp;lt;b&amp;gt; &lt;i>c&lt;/i></title>\
             <link rel='alternate' href='https://example.vn/1'/><link type='application/cap+xml' href='https://example.vn/1.cap'/>\
             <link rel='self' href='javascript:alert(1)'/><updated>2026-11-22T01:30:00Z</updated>\
             <summary type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'><p>Một</p><p>Hai</p></div></summary></entry></feed>",
        );
        assert_eq!(item.title, "A <b> c");
        assert_eq!(item.link.as_deref(), Some("https://example.vn/1"));
        assert_eq!(item.document.as_deref(), Some("https://example.vn/1.cap"));
        assert_eq!(item.summary.split_whitespace().collect::<Vec<_>>(), ["Một", "Hai"]);
        assert_eq!(item.at, Some(1_795_311_000_000));
    }

    #[test]
    fn an_alert_in_an_item_or_by_itself_is_read() {
        let document = write(&sample::order()).unwrap();
        let alone = one(&document);
        assert_eq!(alone.cap.as_deref(), Some(&sample::order()));
        assert_eq!(alone.id, "so-vhttdl.example.vn,loa-order-17-viettel,2026-11-22T08:30:00+07:00");
        let body = document.split_once("?>").unwrap().1;
        let within =
            one(&format!("<feed><entry><id>1</id><title>x</title><content type='text/xml'>{body}</content></entry></feed>"));
        assert_eq!(within.cap.as_deref(), Some(&sample::order()));
        assert_eq!(within.summary, "");
        assert!(matches!(items(document.replace("Actual", "x").as_bytes()), Err(FeedError::Cap(_))));
    }

    #[test]
    fn extensions_take_no_names_away_and_a_name_may_be_the_page() {
        let item = one(
            "<rss xmlns:media='http://search.yahoo.com/mrss/'><channel><item><media:title>Ảnh</media:title><media:description>x</media:description>\
             <title>Tin</title><description>Chữ</description><guid>https://example.vn/1</guid></item></channel></rss>",
        );
        assert_eq!((item.title.as_str(), item.summary.as_str()), ("Tin", "Chữ"));
        assert_eq!(item.link.as_deref(), Some("https://example.vn/1"));
        let other = one(
            "<rss><channel><item><title>a</title><guid isPermaLink='false'>https://example.vn/1</guid></item></channel></rss>",
        );
        assert_eq!(other.link, None);
        let prefixed = one("<a:feed xmlns:a='http://www.w3.org/2005/Atom'><a:entry><a:title>Tin</a:title></a:entry></a:feed>");
        assert_eq!(prefixed.title, "Tin");
    }

    #[test]
    fn what_is_missing_or_messy_spoils_nothing() {
        let item = one("<rss><channel><item><title>Tin & tức &hellip;</title><pubDate>hôm qua</pubDate></item></channel></rss>");
        assert_eq!((item.title.as_str(), item.at), ("Tin & tức …", None));
        assert!(item.id.starts_with("sha256:") && item.id.len() == 39);
        assert_eq!(one("<rss><channel><item><title>Tin & tức &hellip;</title></item></channel></rss>").id, item.id);
        assert_eq!(
            items(b"<rss><channel><item><title>a<br></title></item><item><title>b</item></channel></rss>").unwrap().len(),
            2
        );
        assert_eq!(
            one("<rdf:RDF><channel/><item rdf:about='https://example.vn/1'><title>a</title></item></rdf:RDF>").id,
            "https://example.vn/1"
        );
        let windows: Vec<u8> = [
            b"<?xml version='1.0' encoding='windows-1252'?><rss><channel><item><title>caf".as_slice(),
            &[0xe9],
            b"</title></item></channel></rss>",
        ]
        .concat();
        assert_eq!(items(&windows).unwrap()[0].title, "café");
    }

    #[test]
    fn dates_are_read_as_they_come() {
        for text in [
            "2026-11-22T08:30:00+07:00",
            "Sun, 22 Nov 2026 08:30:00 +0700",
            "Fri, 22 Nov 2026 01:30:00 GMT",
            "22 Nov 2026 08:30:00 GMT+07:00",
            "2026-11-22 08:30:00",
            "22/11/2026 08:30",
            "11/22/2026 8:30:00 AM",
        ] {
            assert_eq!(moment(text), Some(1_795_311_000_000), "{text}");
        }
        assert_eq!(moment("hôm nay"), None);
    }

    #[test]
    fn what_is_no_feed_or_an_attack_is_refused() {
        let refused = |document: &str| items(document.as_bytes()).unwrap_err();
        assert_eq!(refused("<!DOCTYPE rss [<!ENTITY a 'b'>]><rss/>"), FeedError::Doctype);
        assert_eq!(refused("<html><body/></html>"), FeedError::Unknown("html".to_string()));
        assert_eq!(refused("không phải XML"), FeedError::Unknown("không phải XML".to_string()));
        assert_eq!(refused(&"<a>".repeat(10_000)), FeedError::TooMany);
        assert_eq!(refused(&" ".repeat(MAX_BYTES + 1)), FeedError::TooLarge(MAX_BYTES + 1));
        let many = format!("<feed>{}</feed>", "<entry><title>x</title></entry>".repeat(1_000));
        assert_eq!(items(many.as_bytes()).unwrap().len(), MAX_ITEMS);
        // The reader of HTML would take half a minute for it.
        let deep = format!(
            "<rss><channel><item><description><![CDATA[{}x]]></description></item></channel></rss>",
            "<div>".repeat(9_000)
        );
        assert_eq!(one(&deep).summary, "x");
    }
}
