//! What gateways and the way to them said: ours is put into the reader's language, a gateway's own words stay as they are.

use super::Lang;

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
