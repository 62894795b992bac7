//! Mistakes in campaigns, one by one.

use std::fmt::Write as _;

use insta::assert_snapshot;

use super::{GOOD, office};

/// Each of these turns the good campaign into one with a mistake.
const MISTAKES: [(&str, &str); 41] = [
    ("title = \"Nhận diện lừa đảo trực tuyến\"\n", ""),
    ("kind  = \"awareness\"", "kind = true"),
    ("kind  = \"awareness\"", "kind = \"warning\""),
    ("date = 2024-04-26", "date = \"26/4/2024\""),
    ("date = 2024-04-26", "dated = 2024-04-26"),
    ("through = 2026-12-31", "through = 2026-09-30"),
    ("cuoi = 2026-12-01", "cuoi = 2027-12-01"),
    ("cuoi = 2026-12-01", "cuoi = 2026-10-01"),
    ("every    = \"week\"", "every = \"day\""),
    ("every    = \"week\"", "every = \"month\""),
    ("every    = \"week\"\non       = [\"mon\", \"thu\"]", "every = \"month\"\non = 32"),
    ("every    = \"week\"\non       = [\"mon\", \"thu\"]", "every = \"quarter\"\non = { month = 4, day = \"first\" }"),
    ("every    = \"week\"\non       = [\"mon\", \"thu\"]", "every = \"once\"\non = 2027-01-01"),
    ("[\"mon\", \"thu\"]", "[\"mon\", \"thur\"]"),
    ("[\"mon\", \"thu\"]", "[]"),
    ("at       = \"08:30\"", "at = \"25:00\""),
    ("at       = \"08:30\"", "cron = \"30 8 * * 1\""),
    ("every    = \"week\"\non       = [\"mon\", \"thu\"]\nat       = \"08:30\"", "cron = \"30 8 31 2 *\""),
    ("every    = \"week\"\non       = [\"mon\", \"thu\"]\nat       = \"08:30\"", "cron = \"8:30\""),
    ("late     = \"6h\"", "late = \"6 hours\""),
    ("late     = \"6h\"", "late = \"60d\""),
    ("late     = \"6h\"", "timezone = \"Asia/Hanoi\""),
    ("goal     = 0.85", "goal = 85"),
    ("goal     = 0.85", "exclude = [\"nguoi-gia\"]"),
    ("[\"can-bo\", \"nguoi-cao-tuoi\"]\n", "[]\n"),
    ("goal     = 0.85", "exclude = [\"can-bo\"]"),
    ("[\"sms\", \"email\"]", "[\"sms\", \"sms\"]"),
    ("[\"sms\", \"email\"]", "[\"sms\", \"chat\"]"),
    ("policy          = \"first\"", "policy = \"all\""),
    ("\"07:00-21:30\"", "\"21:30-07:00\""),
    ("owner =", "law = \"advertising\"\nowner ="),
    ("budget = 90_000_000", "budget = -1"),
    ("budget = 90_000_000", "sms_text = \"ascii\""),
    ("id    = \"ong-ba\"", "id = \"otp\""),
    ("phase = \"cuoi\"", "phase = \"cuối\""),
    ("for   = [\"nguoi-cao-tuoi\"]", "for = [\"nguoi-cao-tuoi-2\"]"),
    ("sms   = \"Ong ba hay hoi con chau.\"", "chat = {}"),
    ("\"cam-nang.pdf\"", "\"cam-nang-2.pdf\""),
    ("\"cam-nang.pdf\"", "\"../cam-nang.pdf\""),
    ("subject = \"Mã OTP\"\n", ""),
    ("id  = \"otp\"", "id  = \"otp\"\nphase = \"cuoi\""),
];

#[test]
fn every_mistake_is_named_with_what_would_be_right() {
    let folder = office();
    for (number, (right, wrong)) in MISTAKES.iter().enumerate() {
        let text = GOOD.replacen(right, wrong, 1);
        assert_ne!(text, GOOD, "{right}");
        // Advertising has hours of its own.
        let text = if wrong.contains("advertising") { text.replace("07:00-21:30", "06:00-23:00") } else { text };
        folder.write(&format!("campaigns/m{number:02}.toml"), text.as_bytes());
    }
    let ended = folder.loa(&["check", "campaigns", "--json", "--lang", "en"]);
    assert_eq!(ended.code, 2);
    let mut told = String::new();
    for problem in ended.json()["problems"].as_array().unwrap() {
        let text = |key: &str| problem[key].as_str().unwrap_or_default().to_string();
        let file = text("file").replace("campaigns/", "").replace(".toml", "");
        writeln!(told, "{file}:{}:{} {} → {}", problem["line"], problem["column"], text("message"), text("help")).unwrap();
    }
    for (number, mistake) in MISTAKES.iter().enumerate() {
        assert!(told.contains(&format!("m{number:02}:")), "{mistake:?} went unnoticed");
    }
    assert_snapshot!(told, @r#"
    m00:1:1 `title` is missing → 
    m01:2:8 `kind` must be text, not true or false → for example: "awareness"
    m02:28:10 a warning goes out at any hour: it takes no `hours` → leave this line out
    m03:4:47 `basis.date` is not a date that exists → write year-month-day: 2026-10-01
    m04:4:9 `basis.date` is missing → 
    m04:4:40 unknown key `basis.dated` → did you mean `date`?
    m05:8:11 the last day, 2026-09-30, is before the first, 2026-10-01 → set `through` to 2026-10-01 or later
    m06:9:38 the phase `cuoi` begins outside the period → choose a day from `from` to `through`
    m07:9:38 the phases `cuoi` and `dau` begin on the same day → each phase needs a first day of its own
    m08:13:12 `every = "day"` takes no `on` → leave `on` out, or use every = "week"
    m09:13:12 `cadence.on` must be a whole number, not a list → for example: 1
    m10:13:6 `cadence.on` = 32 is out of range → from 1 to 31
    m11:13:16 `cadence.on.month` = 4 is out of range → from 1 to 3
    m11:13:25 `cadence.on.day` cannot be "first" → choose among: `last`
    m12:11:1 this cadence has no day within the period → change [period] or [cadence]
    m13:13:20 `cadence.on` cannot be "thur" → did you mean `thu`?
    m14:13:12 `on` names no day → for example: on = ["mon", "thu"]
    m15:14:6 `cadence.at` is not a time of day → write hour:minute, from "00:00" to "23:59"
    m16:14:8 `cron` and `every` exclude each other → keep one of them
    m17:12:8 no day ever fits this cron line → for example: "0 30 8 * * Mon" (seconds first)
    m18:12:8 a cron line has 5 fields (minute hour day month weekday) or 6 (seconds first), not 1 → for example: "0 30 8 * * Mon" (seconds first)
    m19:16:8 "6 hours" is not a duration → write a number and s, m, h or d: 30s, 90m, 6h, 30d
    m20:16:8 `cadence.late` = 60d is out of range → from 0s to 7d
    m21:16:12 there is no time zone "Asia/Hanoi" → write a name such as "Asia/Ho_Chi_Minh"
    m22:20:8 `audience.goal` = 85 is out of range → from 0 to 1
    m23:20:12 there is no segment `nguoi-gia` in segments.toml → choose among: `can-bo`, `nguoi-cao-tuoi`
    m24:19:12 `audience.segments` is an empty list → write at least one element, or leave the key out
    m25:20:12 the segment `can-bo` is both addressed and excluded → take it out of `segments` or of `exclude`
    m26:23:27 the channel `sms` is named twice → name each channel once
    m27:31:1 no message has a text for the channel `chat` → add `chat` to a [[message]], or take it out of channels.use
    m28:25:19 `channels.fall_back_after` means something only with policy = "first" → leave this line out, or set policy = "first"
    m29:28:10 "21:30-07:00" is not a span of hours within a day → for example "07:00-21:30", until "24:00" at the latest
    m30:29:10 advertising may be sent from 07:00 to 22:00 only (NĐ 91/2020/NĐ-CP) → stay within "07:00-22:00"
    m30:34:7 advertising begins with the label [QC] / [AD] (NĐ 91/2020/NĐ-CP) → write: "[QC] …"
    m30:34:7 advertising ends with how to refuse it (NĐ 91/2020/NĐ-CP) → write at its end: {{ opt_out }}
    m30:37:11 advertising begins with the label [QC] / [AD] (NĐ 91/2020/NĐ-CP) → write: "[QC] …"
    m30:45:9 advertising begins with the label [QC] / [AD] (NĐ 91/2020/NĐ-CP) → write: "[QC] …"
    m30:45:9 advertising ends with how to refuse it (NĐ 91/2020/NĐ-CP) → write at its end: {{ opt_out }}
    m31:29:10 `sending.budget` = -1 is out of range → from 1 to 1000000000000
    m32:29:12 `sending.sms_text` cannot be "ascii" → choose among: `unaccented`, `unicode`
    m33:41:6 the id `otp` is taken by a message above → give each message an id of its own
    m34:42:9 [period] names no phase `cuối` → did you mean `cuoi`?
    m35:43:8 there is no segment `nguoi-cao-tuoi-2` in segments.toml → did you mean `nguoi-cao-tuoi`?
    m36:44:8 `chat` needs `text` or `template` → for example: chat = { text = "…" }
    m37:38:12 there is no attachment `campaigns/cam-nang-2.pdf` → put the file beside the campaign's
    m38:38:12 the attachment `../cam-nang.pdf` must lie in the campaigns' folder → write a relative path without `..`
    m39:35:1 `message.email.subject` is missing → 
    m40:31:1 in the phase `dau` (from 2026-10-01) some of the audience would get no message → add a [[message]] without `phase` and `for`, or narrow [period]
    "#);
}

#[test]
fn an_attachment_too_large_is_refused() {
    let folder = office();
    folder.write("campaigns/cam-nang.pdf", &vec![0; 6 * 1024 * 1024]);
    let ended = folder.loa(&["check", "--lang", "en"]);
    assert_eq!(ended.code, 2);
    assert_snapshot!(ended.err, @r#"
      × the attachment `campaigns/cam-nang.pdf` is too large (6 MiB)
        ╭─[campaigns/nhan-dien.toml:38:12]
     37 │ body    = "Không cung cấp mã OTP cho bất kỳ ai."
     38 │ attach  = ["cam-nang.pdf"]
        ·            ──────────────
     39 │
        ╰────
      help: at most 5 MiB

    ✗ 1 problem(s)
    "#);
}
