//! What a partner reads of an order: by tags, as a carrier's engineer would in an afternoon. What is no order is none.

/// An order as the stand-in needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Document {
    pub(super) identifier: String,
    /// Which one it updates or cancels.
    pub(super) earlier: Option<String>,
    pub(super) is_cancel: bool,
    pub(super) areas: Vec<String>,
    pub(super) rounds: u16,
    pub(super) parts: i64,
}

/// Reads a CAP document.
pub(super) fn read(text: &str) -> Option<Document> {
    let kind = element(text, "msgType")?;
    if !matches!(kind, "Alert" | "Update" | "Cancel") {
        return None;
    }
    let is_place = |name: &str| name.ends_with(":province") || name.ends_with(":ward");
    let parameter = |name: &str| pairs(text, "parameter").find(|(is, _)| is.ends_with(name)).map(|(_, value)| value);
    // `sender,identifier,sent`
    let earlier = element(text, "references").and_then(|triple| triple.split(',').nth(1)).map(str::to_string);
    Some(Document {
        identifier: element(text, "identifier")?.to_string(),
        earlier: earlier.filter(|_| kind != "Alert"),
        is_cancel: kind == "Cancel",
        areas: pairs(text, "geocode").filter(|(name, _)| is_place(name)).map(|(_, code)| code.to_string()).collect(),
        rounds: parameter(":rounds").and_then(|rounds| rounds.parse().ok()).unwrap_or(1),
        parts: parameter(":smsParts").and_then(|parts| parts.parse().ok()).unwrap_or(1),
    })
}

/// The text of the first element of this name.
fn element<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    Some(rest.split_once(&format!("</{name}>"))?.0.trim())
}

/// Names and values of all elements of this name.
fn pairs<'t>(text: &'t str, name: &str) -> impl Iterator<Item = (&'t str, &'t str)> {
    let open = format!("<{name}>");
    let from = text.find(&open).unwrap_or(text.len());
    let parts: Vec<&str> = text[from..].split(open.as_str()).skip(1).collect();
    parts.into_iter().filter_map(|part| Some((element(part, "valueName")?, element(part, "value")?)))
}

/// The orders that a feed leads to: by the addresses of their documents.
pub(super) fn orders_of_feed(feed: &str) -> Vec<String> {
    let links = feed.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let mut orders: Vec<String> =
        links.filter_map(|link| link.strip_suffix("/document")?.rsplit('/').next()).map(str::to_string).collect();
    orders.dedup();
    orders
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: &str = "<alert><identifier>loa-1-viettel-a</identifier><sender>so.example.vn</sender>\
        <sent>2026-11-22T08:30:00+07:00</sent><msgType>Update</msgType>\
        <references>so.example.vn,loa-1-viettel-b,2026-11-22T08:00:00+07:00</references><info>\
        <parameter><valueName>loa:rounds</valueName><value>2</value></parameter>\
        <parameter><valueName>loa:smsParts</valueName><value>3</value></parameter>\
        <area><areaDesc>Hà Nội</areaDesc><geocode><valueName>loa:province</valueName><value>01</value></geocode></area>\
        <area><areaDesc>Ba Đình</areaDesc><geocode><valueName>loa:ward</valueName><value>00004</value></geocode></area></info></alert>";

    #[test]
    fn an_order_is_read_by_its_tags() {
        let document = read(ORDER).unwrap();
        assert_eq!((document.identifier.as_str(), document.earlier.as_deref()), ("loa-1-viettel-a", Some("loa-1-viettel-b")));
        assert_eq!((document.areas, document.rounds, document.parts), (vec!["01".into(), "00004".into()], 2, 3));
        assert_eq!(read("<html/>"), None);
        assert_eq!(read(&ORDER.replace("Update", "Ack")), None);
    }

    #[test]
    fn a_feed_leads_to_orders() {
        let feed = r#"<link href="https://a/api/v1/orders/feed"/><link href="https://a/api/v1/orders/x.1/document" type="y"/>"#;
        assert_eq!(orders_of_feed(feed), ["x.1"]);
    }
}
