//! Words for people: Vietnamese first, English by the switch `--lang en`. What enters is a state's name or a sentence in
//! both languages; what leaves is the text in the reader's language.

use std::{fmt, io};

use chrono::Weekday;

use crate::clock::local;

/// The reader's language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Lang {
    /// Vietnamese.
    #[default]
    Vi,
    /// English.
    En,
}

impl Lang {
    /// The language that the environment names: `LOA_LANG`, else `LC_ALL`, `LC_MESSAGES` or `LANG`; Vietnamese unless
    /// it says English.
    pub fn of_environment(get: impl Fn(&str) -> Option<String>) -> Self {
        let named =
            ["LOA_LANG", "LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(|name| get(name).filter(|v| !v.is_empty()));
        if named.is_some_and(|value| value.starts_with("en")) { Self::En } else { Self::Vi }
    }

    /// The one of two, texts for the most part, that is in this language.
    pub const fn pick<T: Copy>(self, vi: T, en: T) -> T {
        match self {
            Self::Vi => vi,
            Self::En => en,
        }
    }
}

/// A sentence in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Phrase {
    /// Vietnamese.
    pub vi: String,
    /// English: also what logs get.
    pub en: String,
}

impl Phrase {
    /// The text in this language.
    pub fn text(&self, lang: Lang) -> &str {
        lang.pick(&self.vi, &self.en)
    }

    /// This sentence, a colon, and why a file, a disk or a port refused.
    #[must_use]
    pub fn because(self, error: &io::Error) -> Self {
        let why = io_error(error);
        Self { vi: format!("{}: {}", self.vi, why.vi), en: format!("{}: {}", self.en, why.en) }
    }

    /// The same at the start of a line.
    #[must_use]
    pub fn capital(&self) -> Self {
        let raise = |text: &str| {
            let mut letters = text.chars();
            letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
        };
        Self { vi: raise(&self.vi), en: raise(&self.en) }
    }

    /// This sentence and another after it.
    #[must_use]
    pub fn then(self, other: &Self) -> Self {
        let join = |first: &str, second: &str| {
            let mut rest = second.chars();
            let capital: String = rest.next().into_iter().flat_map(char::to_uppercase).collect();
            let stop = if first.is_empty() || first.ends_with(['.', '?', '!']) { "" } else { "." };
            format!("{first}{stop} {capital}{}", rest.as_str()).trim().to_string()
        };
        Self { vi: join(&self.vi, &other.vi), en: join(&self.en, &other.en) }
    }
}

impl From<String> for Phrase {
    /// The same words in both languages: for what another program said.
    fn from(words: String) -> Self {
        Self { vi: words.clone(), en: words }
    }
}

impl From<&str> for Phrase {
    fn from(words: &str) -> Self {
        words.to_string().into()
    }
}

impl fmt::Display for Phrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.en)
    }
}

/// A [`Phrase`] from two format strings over the same names, or the same positional values:
/// `phrase!("thiếu {key}", "{key} is missing")`.
#[macro_export]
macro_rules! phrase {
    ($vi:literal, $en:literal $(,)?) => {
        $crate::words::Phrase { vi: format!($vi), en: format!($en) }
    };
    ($vi:literal, $en:literal, $($value:expr),+ $(,)?) => {
        $crate::words::Phrase { vi: format!($vi, $($value),+), en: format!($en, $($value),+) }
    };
}

/// Why a file, a disk or a port refused; not in the system's own words where there are plain ones.
fn io_error(error: &io::Error) -> Phrase {
    use io::ErrorKind::{AddrInUse, AddrNotAvailable, IsADirectory, NotFound, PermissionDenied, ReadOnlyFilesystem, StorageFull};
    match error.kind() {
        NotFound => phrase!("không có tệp hoặc thư mục này", "no such file or folder"),
        PermissionDenied => phrase!("không có quyền", "permission denied"),
        StorageFull => phrase!("ổ đĩa đã đầy", "the disk is full"),
        ReadOnlyFilesystem => phrase!("ổ đĩa chỉ cho đọc", "the disk is read-only"),
        IsADirectory => phrase!("đây là thư mục, không phải tệp", "it is a folder, not a file"),
        AddrInUse => phrase!("cổng này đang có chương trình khác dùng", "another program uses this port"),
        AddrNotAvailable => phrase!("máy này không có địa chỉ ấy", "this machine does not have that address"),
        _ => error.to_string().into(),
    }
}

/// The label of a delivery's state (by its English name) on a channel where that matters.
pub fn delivery_state(state: &str, chat: bool, lang: Lang) -> &str {
    if lang == Lang::En {
        return match state {
            "in_doubt" => "in doubt",
            "enroute" => "en route",
            other => other,
        };
    }
    match state {
        "pending" => "Chờ gửi",
        "submitting" => "Đang gửi",
        "in_doubt" => "Chưa rõ kết quả (đang đối chiếu)",
        "unknown" => "Không xác định được kết quả",
        "accepted" => "Cổng gửi đã nhận",
        "enroute" => "Nhà mạng đang chuyển",
        "delivered" if chat => "Đã đến người nhận",
        "delivered" => "Đã đến máy",
        "seen" => "Đã xem",
        "undelivered" => "Không đến được",
        "rejected" => "Bị cổng gửi từ chối",
        "lapsed" => "Quá hạn, chưa gửi",
        "expired" => "Hết hạn ở nhà mạng",
        "skipped" => "Không gửi",
        "cancelled" => "Đã hủy trước khi gửi",
        other => other,
    }
}

/// The label of a run's state, by its English name.
pub fn run_state(state: &str, lang: Lang) -> &str {
    match (lang, state) {
        (Lang::En, "fanning_out") => "listing",
        (Lang::Vi, "fanning_out") => "Đang lập danh sách",
        (Lang::Vi, "sending") => "Đang gửi",
        (Lang::Vi, "held") => "Đang giữ lại",
        (Lang::Vi, "paused") => "Tạm dừng",
        (Lang::Vi, "aborted") => "Đã dừng hẳn",
        (Lang::Vi, "missed") => "Bỏ lỡ",
        (Lang::Vi, "settled") => "Đã xong",
        (_, other) => other,
    }
}

/// The label of a channel, by its English name.
pub fn channel(channel: &str, lang: Lang) -> &str {
    match (lang, channel) {
        (Lang::Vi, "sms") => "Tin nhắn SMS",
        (Lang::Vi, "email") => "Thư điện tử",
        (Lang::Vi, "chat") => "Tin nhắn chat",
        (Lang::Vi, "relay") => "Yêu cầu nhắn tin qua nhà mạng",
        (Lang::Vi, "relay-sms") => "SMS qua nhà mạng",
        (Lang::Vi, "relay-app") => "Tin trong ứng dụng của nhà mạng",
        (Lang::Vi, "relay-material") => "Nội dung để đọc, đăng lại",
        (Lang::En, "sms") => "SMS",
        (Lang::En, "email") => "E-mail",
        (Lang::En, "chat") => "Chat",
        (Lang::En, "relay") => "Relay order",
        (Lang::En, "relay-sms") => "SMS by carriers",
        (Lang::En, "relay-app") => "In the carriers' apps",
        (Lang::En, "relay-material") => "To be read out or published",
        (_, other) => other,
    }
}

/// The label of a kind of those who pass texts on, by its name in files.
pub fn outlet(kind: &str, lang: Lang) -> &str {
    match (lang, kind) {
        (Lang::Vi, "carrier") => "nhà mạng",
        (Lang::Vi, "agency") => "cơ quan, đơn vị",
        (Lang::Vi, "school") => "trường học",
        (Lang::Vi, "radio") => "đài truyền thanh cơ sở",
        (Lang::Vi, "press") => "báo chí",
        (_, other) => other,
    }
}

/// The name of a carrier or of a chat service as it writes itself, by its name in files.
pub fn carrier(name: &str, lang: Lang) -> &str {
    match name {
        "viettel" => "Viettel",
        "mobifone" => "MobiFone",
        "vinaphone" => "VinaPhone",
        "vietnamobile" => "Vietnamobile",
        "gmobile" => "Gmobile",
        "wintel" => "Wintel",
        "itel" => "Itel",
        "zalo" => "Zalo",
        "telegram" => "Telegram",
        "viber" => "Viber",
        "mattermost" => "Mattermost",
        "rocketchat" => "Rocket.Chat",
        "unknown" => lang.pick("(chưa rõ nhà mạng)", "(carrier not known)"),
        other => other,
    }
}

/// The label of a reason why a message was not sent or did not arrive, by its English name.
pub fn reason(reason: &str, lang: Lang) -> &str {
    match (lang, reason) {
        (Lang::Vi, "no-such-address") => "Số hoặc địa chỉ không tồn tại",
        (Lang::Vi, "unreachable") => "Tắt máy hoặc ngoài vùng phủ sóng",
        (Lang::Vi, "blocked") => "Bị chặn (nhà mạng, bộ lọc thư rác hoặc người nhận)",
        (Lang::Vi, "full") => "Hộp thư hoặc bộ nhớ đã đầy",
        (Lang::Vi, "template") => "Mẫu tin chưa đăng ký",
        (Lang::Vi, "content") => "Nội dung bị từ chối",
        (Lang::Vi, "quota") => "Hết hạn mức gửi",
        (Lang::Vi, "funds") => "Tài khoản hết tiền",
        (Lang::Vi, "expired") => "Hết hạn ở nhà mạng",
        (Lang::Vi, "other") => "Lý do khác",
        (Lang::Vi, "opted-out") => "Từ chối nhận tin",
        (Lang::Vi, "same-address") => "Dùng chung số",
        (Lang::Vi, "no-address") => "Không có địa chỉ nhận tin",
        (Lang::Vi, "moved") => "Chuyển sang kênh khác cho kịp giờ",
        (Lang::Vi, "reached") => "Đã nhận qua kênh khác",
        (Lang::Vi, "no-text") => "Không có nội dung cho kênh này",
        (Lang::Vi, "address-changed") => "Địa chỉ đã đổi",
        (Lang::Vi, "do-not-call") => "Trong danh sách không được gửi",
        (Lang::Vi, "too-soon") => "Chờ: người này vừa nhận tin khác (giãn cách, số tin mỗi người)",
        (Lang::Vi, "suppressed") => "Địa chỉ hỏng: thư đã bị trả lại hoặc bị báo là thư rác",
        (Lang::Vi, "complaint") => "Người nhận báo là thư rác",
        (Lang::Vi, "no-consent") => "Chưa đồng ý nhận quảng cáo",
        (Lang::Vi, "lapsed") => "Quá hạn, chưa gửi",
        (Lang::Vi, "cancelled") => "Đã hủy trước khi gửi",
        (Lang::Vi, "none") => "(không có lý do)",
        (Lang::En, "no-such-address") => "no such number or address",
        (Lang::En, "unreachable") => "switched off or out of reach",
        (Lang::En, "blocked") => "blocked by carrier, filter or person",
        (Lang::En, "full") => "mailbox or memory full",
        (Lang::En, "template") => "template not registered",
        (Lang::En, "content") => "content refused",
        (Lang::En, "quota") => "quota used up",
        (Lang::En, "funds") => "no funds",
        (Lang::En, "expired") => "expired at the carrier",
        (Lang::En, "other") => "other",
        (Lang::En, "opted-out") => "opted out",
        (Lang::En, "same-address") => "same address",
        (Lang::En, "no-address") => "no address",
        (Lang::En, "moved") => "moved to another channel in time",
        (Lang::En, "reached") => "reached on another channel",
        (Lang::En, "no-text") => "no text for this channel",
        (Lang::En, "address-changed") => "address changed",
        (Lang::En, "do-not-call") => "on a do-not-call list",
        (Lang::En, "too-soon") => "waits: got other messages lately (spacing, cap)",
        (Lang::En, "suppressed") => "address ended: mail bounced or was reported as unwanted",
        (Lang::En, "complaint") => "reported as unwanted",
        (Lang::En, "no-consent") => "did not agree to advertising",
        (Lang::En, "lapsed") => "lapsed unsent",
        (Lang::En, "cancelled") => "cancelled before it was sent",
        (Lang::En, "none") => "(no reason)",
        (_, other) => other,
    }
}

/// A number with its thousands set apart: 1.234.567 in Vietnamese, 1,234,567 in English.
pub fn number(n: i64, lang: Lang) -> String {
    let digits = n.unsigned_abs().to_string();
    let mut out = String::from(if n < 0 { "-" } else { "" });
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push_str(lang.pick(".", ","));
        }
        out.push(digit);
    }
    out
}

/// `part` of `whole` in per cent with one decimal, rounded down: 84,9 % of a goal is not yet 85 %. A dash of nothing.
pub fn share(part: i64, whole: i64, lang: Lang) -> String {
    if whole <= 0 {
        return "–".to_string();
    }
    let tenths = i128::from(part) * 1_000 / i128::from(whole);
    format!("{}{}{} %", tenths / 10, lang.pick(",", "."), tenths % 10)
}

/// A share in per cent, with a decimal where it has one: 0.85 is 85 %, 0.125 is 12,5 %.
pub fn per_cent(share: f64, lang: Lang) -> String {
    format!("{} %", (share * 1_000.0).round() / 10.0).replace('.', lang.pick(",", "."))
}

/// Text on one line, without what no screen shows: what strangers wrote must neither draw on a terminal nor begin a line.
pub fn one_line(text: &str) -> String {
    text.split(|c: char| c.is_control() || c.is_whitespace()).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// A span in seconds with one decimal: 10,5 in Vietnamese, 10.5 in English.
pub fn seconds(span: std::time::Duration, lang: Lang) -> String {
    format!("{:.1}", span.as_secs_f64()).replace('.', lang.pick(",", "."))
}

/// What is said of a connection that failed, in English as logs have it, and in Vietnamese; longer ones before their parts.
const OF_CONNECTIONS: [(&str, &str); 8] = [
    ("the exchange broke off", "kết nối bị ngắt giữa chừng"),
    ("connection closed before message completed", "cổng gửi đóng kết nối khi chưa trả lời xong"),
    ("the connection ended before the answer", "kết nối đóng trước khi có trả lời"),
    ("the connection ended before", "kết nối đã đóng từ trước"),
    ("no answer in time", "không trả lời kịp"),
    ("the carrier hung up", "nhà mạng đóng kết nối"),
    ("Connection refused", "máy kia từ chối kết nối"),
    ("Connection reset by peer", "máy kia cắt kết nối"),
];

/// What a gateway or the way to it said. A gateway's own words stay as they are; ours are in the reader's language.
pub fn said(text: String, lang: Lang) -> String {
    match lang {
        Lang::Vi => OF_CONNECTIONS.iter().fold(text, |text, (en, vi)| text.replace(en, vi)),
        Lang::En => text,
    }
}

/// What a trial of an account came to, in English as its adapter says it, and in Vietnamese; longer ones before their parts.
const OF_TRIALS: [(&str, &str); 26] = [
    (
        "; this gateway has no way to check the credentials without sending",
        "; cổng này không có cách kiểm tra tài khoản mà không gửi tin",
    ),
    (": reachable", ": kết nối được"),
    (": signed in, balance ", ": đăng nhập được, số dư "),
    (" VND", " đồng"),
    (" of the day's ", " trong số "),
    (" template messages left", " tin theo mẫu của hôm nay còn lại"),
    (": signed in", ": đăng nhập được"),
    (" answers; ", " có trả lời; "),
    ("not encrypted", "không mã hóa"),
    ("encrypted", "có mã hóa"),
    ("without signing in", "không cần đăng nhập"),
    ("signed in", "đăng nhập được"),
    ("mails are not signed (DKIM)", "thư không được ký (DKIM)"),
    ("DKIM signs for ", "ký DKIM cho "),
    (", but not for the sender's domain ", ", nhưng không ký cho tên miền người gửi "),
    (" or more unread bounces", " thư trả lại chưa đọc trở lên"),
    (" unread bounces", " thư trả lại chưa đọc"),
    ("bound and unbound as a transceiver", "mở và đóng được kết nối hai chiều"),
    ("bound and unbound as a transmitter and as a receiver", "mở và đóng được kết nối gửi và kết nối nhận"),
    (" is bound: ", " đang nối: "),
    (" connections; ", " kết nối; "),
    ("misconfigured: ", "cấu hình chưa đúng: "),
    ("later: ", "chưa được, thử lại sau: "),
    ("in doubt: ", "chưa rõ kết quả: "),
    ("no connection: ", "không kết nối được: "),
    ("no answer within ", "không trả lời trong "),
];

/// What a trial of an account came to. What Loa says itself is in the reader's language; a gateway's own words stay as they are.
pub fn tried(text: &str, lang: Lang) -> String {
    match lang {
        Lang::Vi => said(OF_TRIALS.iter().fold(text.to_string(), |text, (en, vi)| text.replace(en, vi)), lang),
        Lang::En => text.to_string(),
    }
}

/// A day, as people of that language write it.
pub fn date(day: chrono::NaiveDate, lang: Lang) -> String {
    day.format(lang.pick("%d/%m/%Y", "%Y-%m-%d")).to_string()
}

/// A moment (unix milliseconds) in Viet Nam, to the minute: `14:06 22/11/2026`.
pub fn moment(millis: i64, lang: Lang) -> String {
    let at = local(millis);
    let (time, day) = (at.format("%H:%M"), date(at.date_naive(), lang));
    match lang {
        Lang::Vi => format!("{time} {day}"),
        Lang::En => format!("{day} {time}"),
    }
}

/// The same, alike in every language.
pub fn minute(millis: i64) -> String {
    moment(millis, Lang::Vi)
}

/// A day of the week, as a calendar shortens it.
pub const fn weekday(day: Weekday, lang: Lang) -> &'static str {
    match (lang, day) {
        (Lang::Vi, Weekday::Mon) => "Thứ Hai",
        (Lang::Vi, Weekday::Tue) => "Thứ Ba",
        (Lang::Vi, Weekday::Wed) => "Thứ Tư",
        (Lang::Vi, Weekday::Thu) => "Thứ Năm",
        (Lang::Vi, Weekday::Fri) => "Thứ Sáu",
        (Lang::Vi, Weekday::Sat) => "Thứ Bảy",
        (Lang::Vi, Weekday::Sun) => "Chủ Nhật",
        (Lang::En, Weekday::Mon) => "Mon",
        (Lang::En, Weekday::Tue) => "Tue",
        (Lang::En, Weekday::Wed) => "Wed",
        (Lang::En, Weekday::Thu) => "Thu",
        (Lang::En, Weekday::Fri) => "Fri",
        (Lang::En, Weekday::Sat) => "Sat",
        (Lang::En, Weekday::Sun) => "Sun",
    }
}

/// The width of a text on a terminal: Vietnamese is written with composed letters, one column each.
pub fn width(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_names_the_language() {
        let of = |pairs: &[(&str, &str)]| {
            Lang::of_environment(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_string()))
        };
        assert_eq!(of(&[]), Lang::Vi);
        assert_eq!(of(&[("LANG", "C.UTF-8")]), Lang::Vi);
        assert_eq!(of(&[("LANG", "en_US.UTF-8")]), Lang::En);
        assert_eq!(of(&[("LOA_LANG", "vi"), ("LANG", "en_US.UTF-8")]), Lang::Vi);
    }

    #[test]
    fn numbers_are_set_apart_by_thousands() {
        let vi = [0, 7, 999, 1_000, 1_234_567, -1_234_567].map(|n| number(n, Lang::Vi));
        assert_eq!(vi, ["0", "7", "999", "1.000", "1.234.567", "-1.234.567"]);
        assert_eq!(number(1_234_567, Lang::En), "1,234,567");
    }

    #[test]
    fn spans_have_the_decimal_mark_of_their_language() {
        let span = std::time::Duration::from_millis(10_540);
        assert_eq!([seconds(span, Lang::Vi), seconds(span, Lang::En)], ["10,5", "10.5"]);
    }

    #[test]
    fn what_a_connection_said_is_told_in_the_readers_language() {
        let broken = "the exchange broke off: no answer in time".to_string();
        assert_eq!(said(broken.clone(), Lang::Vi), "kết nối bị ngắt giữa chừng: không trả lời kịp");
        assert_eq!(said(broken.clone(), Lang::En), broken);
        assert_eq!(said("Invalid Sender".into(), Lang::Vi), "Invalid Sender");
        let tested = "127.0.0.1:2525 answers; not encrypted, without signing in; mails are not signed (DKIM)";
        assert_eq!(
            tried(tested, Lang::Vi),
            "127.0.0.1:2525 có trả lời; không mã hóa, không cần đăng nhập; thư không được ký (DKIM)"
        );
        assert_eq!(tried(tested, Lang::En), tested);
        assert_eq!(tried("eSMS: signed in, balance 1000000 VND", Lang::Vi), "eSMS: đăng nhập được, số dư 1000000 đồng");
        assert_eq!(
            tried("in doubt: the exchange broke off: no answer in time", Lang::Vi),
            "chưa rõ kết quả: kết nối bị ngắt giữa chừng: không trả lời kịp"
        );
    }

    #[test]
    fn a_share_is_never_rounded_up_to_a_goal() {
        assert_eq!(share(8_499, 10_000, Lang::Vi), "84,9 %");
        assert_eq!(share(1, 1, Lang::En), "100.0 %");
        assert_eq!(share(0, 0, Lang::Vi), "–");
    }
}
