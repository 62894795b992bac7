//! What the standard's prose asks beyond its schema, and what Loa asks of its partners' documents.
//!
//! What enters is an alert; what leaves is what is wrong with it, by field, and what only deserves a look
//! ([`Problem::is_warning`](crate::document::Problem)). Nothing can go wrong.

use std::collections::BTreeSet;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

use super::{Alert, Area, Info, MsgType, Resource, ResponseType, Scope, Status};
use crate::{
    document::{Problem, Problems},
    phrase,
    words::Phrase,
};

/// Characters of a headline that every screen shows (CAP 1.2, `headline`).
const HEADLINE: usize = 160;

/// Everything that is to be said about an alert. `file` is what it is called in it.
pub fn rules(file: &str, alert: &Alert) -> Problems {
    let mut sheet = Sheet { file, found: Vec::new() };
    sheet.alert(alert);
    for (index, info) in alert.infos.iter().enumerate() {
        sheet.info(alert, info, index);
    }
    Problems(sheet.found)
}

struct Sheet<'f> {
    file: &'f str,
    found: Vec<Problem>,
}

impl Sheet<'_> {
    fn wrong(&mut self, field: impl Into<String>, message: Phrase, help: Phrase) {
        let field = field.into();
        let mut problem = Problem::of(self.file, message).help(help);
        problem.path.clone_from(&field);
        problem.field = field;
        self.found.push(problem);
    }

    fn doubtful(&mut self, field: impl Into<String>, message: Phrase, help: Phrase) {
        self.wrong(field, message, help);
        if let Some(last) = self.found.last_mut() {
            last.is_warning = true;
        }
    }

    /// What is there says something.
    fn filled(&mut self, field: &str, name: &str, text: Option<&str>) {
        if text.is_some_and(|text| text.trim().is_empty()) {
            self.wrong(
                format!("{field}{name}"),
                phrase!("`{name}` trống", "`{name}` is empty"),
                phrase!("điền nội dung, hoặc bỏ phần tử này", "say something, or leave it out"),
            );
        }
    }

    fn alert(&mut self, alert: &Alert) {
        let kind = alert.msg_type.word();
        if alert.references.is_empty() && alert.msg_type != MsgType::Alert {
            self.wrong(
                "references",
                phrase!("`{kind}` không nói về bản tin nào", "the `{kind}` is about no message"),
                phrase!(
                    "thêm `references` với `sender,identifier,sent` của bản tin đó",
                    "add `references` with that message's `sender,identifier,sent`"
                ),
            );
        }
        let mut known = BTreeSet::new();
        for reference in &alert.references {
            if *reference == alert.reference() || reference.sent > alert.sent {
                self.wrong(
                    "references",
                    phrase!(
                        "`{reference}` là chính bản tin này, hoặc gửi sau nó",
                        "`{reference}` is this message, or was sent after it"
                    ),
                    phrase!("nêu bản tin trước đó", "name an earlier message"),
                );
            }
            if !known.insert(reference) {
                self.wrong(
                    "references",
                    phrase!("`{reference}` lặp lại", "`{reference}` is repeated"),
                    phrase!("giữ một", "keep one"),
                );
            }
        }
        let blank = |text: Option<&str>| text.is_none_or(|text| text.trim().is_empty());
        if alert.scope == Scope::Restricted && blank(alert.restriction.as_deref()) {
            self.wrong(
                "restriction",
                phrase!("bản tin `Restricted` không nói ai được nhận", "a `Restricted` message does not say who may have it"),
                phrase!("thêm `restriction`", "add `restriction`"),
            );
        }
        if alert.scope != Scope::Restricted && alert.restriction.is_some() {
            self.doubtful(
                "restriction",
                phrase!("`restriction` chỉ dùng với `Restricted`", "`restriction` belongs to `Restricted` alone"),
                phrase!("bỏ đi, hoặc đổi `scope`", "leave it out, or change `scope`"),
            );
        }
        if alert.scope == Scope::Private && alert.addresses.iter().all(|address| address.trim().is_empty()) {
            self.wrong(
                "addresses",
                phrase!("bản tin `Private` không nói gửi cho ai", "a `Private` message does not say for whom it is"),
                phrase!("thêm `addresses`", "add `addresses`"),
            );
        }
        if alert.msg_type == MsgType::Error && blank(alert.note.as_deref()) {
            self.wrong(
                "note",
                phrase!("`Error` không nói vì sao từ chối", "the `Error` does not say why"),
                phrase!("thêm `note` với lý do", "add `note` with the reason"),
            );
        }
        match alert.status {
            Status::Exercise if blank(alert.note.as_deref()) => self.doubtful(
                "note",
                phrase!("`Exercise` không nêu tên cuộc diễn tập", "the `Exercise` does not name the exercise"),
                phrase!("ghi tên vào `note`", "name it in `note`"),
            ),
            Status::Draft => self.doubtful(
                "status",
                phrase!("bản tin `Draft` không được thực hiện", "a `Draft` is not acted upon"),
                phrase!("đổi thành `Actual`, `Exercise` hoặc `Test`", "make it `Actual`, `Exercise` or `Test`"),
            ),
            _ => {}
        }
        if alert.infos.is_empty() && matches!(alert.msg_type, MsgType::Alert | MsgType::Update) {
            self.wrong(
                "info",
                phrase!("`{kind}` không có nội dung", "the `{kind}` says nothing"),
                phrase!("thêm ít nhất một `info`", "add one `info` at least"),
            );
        }
        let mut languages = BTreeSet::new();
        for info in &alert.infos {
            if !languages.insert(info.language().to_ascii_lowercase()) {
                let language = info.language();
                self.wrong(
                    "info.language",
                    phrase!("có hai `info` bằng `{language}`", "there are two `info` in `{language}`"),
                    phrase!(
                        "mỗi ngôn ngữ một `info`, và ghi rõ `language` của từng cái",
                        "one `info` for each language, and each names its `language`"
                    ),
                );
            }
        }
        self.filled("", "source", alert.source.as_deref());
        self.filled("", "note", alert.note.as_deref());
    }

    fn info(&mut self, alert: &Alert, info: &Info, index: usize) {
        let at = format!("info.{index}.");
        self.filled(&at, "event", Some(&info.event));
        for (name, text) in [
            ("audience", &info.audience),
            ("senderName", &info.sender_name),
            ("headline", &info.headline),
            ("description", &info.description),
            ("instruction", &info.instruction),
            ("contact", &info.contact),
        ] {
            self.filled(&at, name, text.as_deref());
        }
        if let Some(expires) = info.expires {
            for (name, other) in [("sent", Some(alert.sent)), ("effective", info.effective), ("onset", info.onset)] {
                if other.is_some_and(|other| expires <= other) {
                    self.wrong(
                        format!("{at}expires"),
                        phrase!("`expires` không sau `{name}`", "`expires` is not after `{name}`"),
                        phrase!("đặt `expires` muộn hơn", "put `expires` later"),
                    );
                }
            }
        } else if matches!(alert.msg_type, MsgType::Alert | MsgType::Update) && alert.scope == Scope::Public {
            self.doubtful(
                format!("{at}expires"),
                phrase!("bản tin công khai không có hạn", "a public message never ends"),
                phrase!("thêm `expires`", "add `expires`"),
            );
        }
        if alert.scope == Scope::Public && info.response_types.contains(&ResponseType::Assess) {
            self.doubtful(
                format!("{at}responseType"),
                phrase!("`Assess` không dùng cho bản tin công khai", "`Assess` is not for public messages"),
                phrase!("chọn `Monitor` hoặc `Prepare`", "take `Monitor` or `Prepare`"),
            );
        }
        if info.headline.as_deref().is_some_and(|headline| headline.chars().count() > HEADLINE) {
            self.doubtful(
                format!("{at}headline"),
                phrase!("`headline` dài quá {HEADLINE} ký tự", "`headline` has more than {HEADLINE} characters"),
                phrase!("rút ngắn, chi tiết để trong `description`", "shorten it; details belong in `description`"),
            );
        }
        if info.web.as_deref().is_some_and(|web| !is_absolute(web)) {
            self.wrong(
                format!("{at}web"),
                phrase!("`web` không phải địa chỉ đầy đủ", "`web` is no full address"),
                phrase!("viết như `https://example.vn/canh-bao`", "write `https://example.vn/canh-bao`"),
            );
        }
        let pairs = [("eventCode", &info.event_codes), ("parameter", &info.parameters)];
        for (name, pair) in pairs.iter().flat_map(|(name, pairs)| pairs.iter().map(move |pair| (name, pair))) {
            self.filled(&format!("{at}{name}."), "valueName", Some(&pair.name));
        }
        for (index, resource) in info.resources.iter().enumerate() {
            self.resource(resource, &format!("{at}resource.{index}."));
        }
        for (index, area) in info.areas.iter().enumerate() {
            self.area(area, &format!("{at}area.{index}."));
        }
    }

    fn resource(&mut self, resource: &Resource, at: &str) {
        self.filled(at, "resourceDesc", Some(&resource.description));
        let media_type = |text: &str| {
            let token =
                |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "!#$&-^_.+".contains(c));
            text.split(';').next().unwrap_or_default().trim().split_once('/').is_some_and(|(kind, of)| token(kind) && token(of))
        };
        if !media_type(&resource.mime_type) {
            let given = &resource.mime_type;
            self.wrong(
                format!("{at}mimeType"),
                phrase!("`mimeType` sai: `{given}`", "`mimeType` is wrong: `{given}`"),
                phrase!("viết như `application/pdf`", "write `application/pdf`"),
            );
        }
        if resource.digest.as_deref().is_some_and(|digest| digest.len() != 40 || !digest.bytes().all(|b| b.is_ascii_hexdigit())) {
            self.wrong(
                format!("{at}digest"),
                phrase!("`digest` không phải SHA-1", "`digest` is no SHA-1"),
                phrase!("viết 40 chữ số thập lục phân", "write 40 hexadecimal digits"),
            );
        }
        let held = resource.deref_uri.as_deref().map(|text| BASE64.decode(text.split_ascii_whitespace().collect::<String>()));
        match (&held, resource.size) {
            (Some(Err(_)), _) => self.wrong(
                format!("{at}derefUri"),
                phrase!("`derefUri` không phải base64", "`derefUri` is no base64"),
                phrase!("mã hóa tệp bằng base64", "encode the file in base64"),
            ),
            (Some(Ok(bytes)), Some(size)) if u64::try_from(bytes.len()) != Ok(size) => {
                let length = bytes.len();
                self.wrong(
                    format!("{at}size"),
                    phrase!("`size` là {size}, tệp có {length} byte", "`size` is {size}, the file has {length} bytes"),
                    phrase!("ghi {length}", "write {length}"),
                );
            }
            (None, _) if !resource.uri.as_deref().is_some_and(is_absolute) => self.wrong(
                format!("{at}uri"),
                phrase!("không rõ tệp nằm ở đâu", "nothing says where the file is"),
                phrase!(
                    "thêm `uri` đầy đủ, hoặc `derefUri` với chính tệp đó",
                    "add a full `uri`, or `derefUri` with the file itself"
                ),
            ),
            _ => {}
        }
    }

    fn area(&mut self, area: &Area, at: &str) {
        self.filled(at, "areaDesc", Some(&area.description));
        for code in &area.geocodes {
            self.filled(&format!("{at}geocode."), "valueName", Some(&code.name));
            self.filled(&format!("{at}geocode."), "value", Some(&code.value));
        }
        let upside_down = area.ceiling.is_some_and(|ceiling| area.altitude.is_none_or(|altitude| ceiling < altitude));
        if upside_down {
            self.wrong(
                format!("{at}ceiling"),
                phrase!("`ceiling` không có `altitude` thấp hơn nó", "`ceiling` has no `altitude` below it"),
                phrase!("thêm `altitude`, hoặc bỏ `ceiling`", "add `altitude`, or leave out `ceiling`"),
            );
        }
    }
}

/// Whether an address stands by itself.
fn is_absolute(uri: &str) -> bool {
    uri.split_once(':').is_some_and(|(scheme, rest)| {
        !rest.is_empty() && scheme.len() > 1 && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    })
}

#[cfg(test)]
mod tests;
