//! What people call requests, their states and their steps.

use crate::{phrase, words::Phrase};

/// What people call a kind of request, by its name.
pub fn kind_words(kind: &str) -> Phrase {
    match kind {
        "access" => phrase!("Xem dữ liệu", "Access"),
        "rectification" => phrase!("Sửa dữ liệu", "Rectification"),
        "withdrawal" => phrase!("Rút đồng ý", "Withdrawal"),
        "restriction" => phrase!("Hạn chế xử lý", "Restriction"),
        "objection" => phrase!("Phản đối nhận tin", "Objection"),
        _ => phrase!("Xóa dữ liệu", "Deletion"),
    }
}

/// What people call a request's state, by its name.
pub fn state_words(state: &str) -> Phrase {
    match state {
        "open" => phrase!("đang chờ", "waiting"),
        "done" => phrase!("đã xong", "done"),
        _ => phrase!("đã từ chối", "refused"),
    }
}

/// What people call a step of a request, by its name.
pub fn action_words(action: &str) -> Phrase {
    match action {
        "received" => phrase!("nhận", "received"),
        "answered" => phrase!("trả lời", "answered"),
        "done" => phrase!("xong", "done"),
        "refused" => phrase!("từ chối", "refused"),
        "lifted" => phrase!("cho gửi lại", "lifted"),
        _ => phrase!("đã xóa người này", "the person was erased"),
    }
}
