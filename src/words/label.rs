//! What states, channels, kinds, carriers and reasons are called.

use super::Lang;

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
        (Lang::Vi, "relay") => "Yêu cầu qua đơn vị phối hợp",
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
