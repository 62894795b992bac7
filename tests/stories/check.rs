//! An officer checks what they wrote: everything that is wrong comes at once, with its place and what would be right.

mod campaigns;
mod report;
mod segments_and_goals;

use crate::folder::Folder;

pub const SEGMENTS: &str = r#"
[can-bo]
title  = "Cán bộ, công chức"
groups = ["can-bo"]

[nguoi-cao-tuoi]
title       = "Người cao tuổi"
born_before = 1966-01-01
"#;

pub const GOOD: &str = r#"title = "Nhận diện lừa đảo trực tuyến"
kind  = "awareness"
owner = "Sở Văn hóa, Thể thao và Du lịch"
basis = { number = "1607/BTTTT-CATTT", date = 2024-04-26 }

[period]
from    = 2026-10-01
through = 2026-12-31
phases  = { dau = 2026-10-01, cuoi = 2026-12-01 }

[cadence]
every    = "week"
on       = ["mon", "thu"]
at       = "08:30"
holidays = "next-workday"
late     = "6h"

[audience]
segments = ["can-bo", "nguoi-cao-tuoi"]
goal     = 0.85

[channels]
use             = ["sms", "email"]
policy          = "first"
fall_back_after = "2h"

[sending]
hours  = "07:00-21:30"
budget = 90_000_000

[[message]]
id  = "otp"
sms = "Khong cung cap ma OTP cho bat ky ai."

[message.email]
subject = "Mã OTP"
body    = "Không cung cấp mã OTP cho bất kỳ ai."
attach  = ["cam-nang.pdf"]

[[message]]
id    = "ong-ba"
phase = "cuoi"
for   = ["nguoi-cao-tuoi"]
sms   = "Ong ba hay hoi con chau."
"#;

pub fn office() -> Folder {
    Folder::new()
        .with("campaigns/segments.toml", SEGMENTS)
        .with("campaigns/nhan-dien.toml", GOOD)
        .with("campaigns/cam-nang.pdf", "%PDF-1.7 made up")
}
