//! How mistakes are shown: all of a file at once, each at its place.

use insta::assert_snapshot;

use super::office;

#[test]
fn what_is_well_is_said_to_be() {
    let ended = office().loa(&["check"]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    assert_snapshot!(ended.out, @r#"✓ campaigns: 1 chiến dịch, 2 nhóm người nhận"#);
    let ended = office().loa(&["check", "campaigns/nhan-dien.toml", "--lang", "en"]);
    assert_snapshot!(ended.out, @r#"✓ campaigns/nhan-dien.toml: Nhận diện lừa đảo trực tuyến"#);
}

#[test]
fn a_file_full_of_mistakes_is_told_all_of_them() {
    let folder = office().with(
        "campaigns/nhan-dien.toml",
        r#"title = "Nhận diện lừa đảo trực tuyến"
kind = "awarness"
owner = 12

[cadence]
every = "weekly"
at = "8h30"
holyday = "skip"

[audience]
segments = ["can-boo"]

[channels]
use = ["sms", "zalo"]

[[message]]
id = "Mã OTP"
sms = ""
"#,
    );
    let ended = folder.loa(&["check"]);
    assert_eq!(ended.code, 2);
    assert_snapshot!(ended.err, @r#"
      × `kind` không thể là "awarness"
       ╭─[campaigns/nhan-dien.toml:2:8]
     1 │ title = "Nhận diện lừa đảo trực tuyến"
     2 │ kind = "awarness"
       ·        ──────────
     3 │ owner = 12
       ╰────
      help: có phải ý là `awareness`?

      × `owner` phải là một chuỗi, không phải một số nguyên
       ╭─[campaigns/nhan-dien.toml:3:9]
     2 │ kind = "awarness"
     3 │ owner = 12
       ·         ──
     4 │
       ╰────
      help: ví dụ: "…"

      × `cadence.every` không thể là "weekly"
       ╭─[campaigns/nhan-dien.toml:6:9]
     5 │ [cadence]
     6 │ every = "weekly"
       ·         ────────
     7 │ at = "8h30"
       ╰────
      help: có phải ý là `week`?

      × `cadence.at` không phải giờ trong ngày
       ╭─[campaigns/nhan-dien.toml:7:6]
     6 │ every = "weekly"
     7 │ at = "8h30"
       ·      ──────
     8 │ holyday = "skip"
       ╰────
      help: viết giờ:phút, từ "00:00" đến "23:59"

      × không có khóa `cadence.holyday`
       ╭─[campaigns/nhan-dien.toml:8:1]
     7 │ at = "8h30"
     8 │ holyday = "skip"
       · ───────
     9 │
       ╰────
      help: có phải ý là `holidays`?

      × segments.toml không có nhóm `can-boo`
        ╭─[campaigns/nhan-dien.toml:11:13]
     10 │ [audience]
     11 │ segments = ["can-boo"]
        ·             ─────────
     12 │
        ╰────
      help: có phải ý là `can-bo`?

      × `channels.use` không thể là "zalo"
        ╭─[campaigns/nhan-dien.toml:14:15]
     13 │ [channels]
     14 │ use = ["sms", "zalo"]
        ·               ──────
     15 │
        ╰────
      help: chọn trong: `sms`, `email`, `chat`, `relay`

      × `Mã OTP` không phải mã hợp lệ
        ╭─[campaigns/nhan-dien.toml:17:6]
     16 │ [[message]]
     17 │ id = "Mã OTP"
        ·      ────────
     18 │ sms = ""
        ╰────
      help: chỉ dùng chữ thường không dấu, số và dấu gạch nối, nhiều nhất 60 ký tự

      × `message.sms` để trống
        ╭─[campaigns/nhan-dien.toml:18:7]
     17 │ id = "Mã OTP"
     18 │ sms = ""
        ·       ──
        ╰────
      help: viết nội dung vào, hoặc bỏ khóa này đi

    ✗ 9 lỗi
    "#);
    assert_eq!(ended.out, "");
}

#[test]
fn a_syntax_error_is_shown_where_it_is() {
    let folder = office().with("campaigns/nhan-dien.toml", "title = \"Nhận diện\nkind = \"awareness\"\n");
    let ended = folder.loa(&["check", "campaigns/nhan-dien.toml", "--lang", "en"]);
    assert_eq!(ended.code, 2);
    assert_snapshot!(ended.err, @r#"
      × TOML syntax: invalid basic string, expected `"`
       ╭─[campaigns/nhan-dien.toml:1:23]
     1 │ title = "Nhận diện
       ·                   ▲
     2 │ kind = "awareness"
       ╰────

    ✗ 1 problem(s)
    "#);
}

#[test]
fn a_path_that_does_not_exist_is_a_mistake() {
    let ended = office().loa(&["check", "campaigns/khong-co.toml", "--lang", "en"]);
    assert_eq!(ended.code, 2);
    assert!(ended.err.contains("campaigns/khong-co.toml: cannot be read"), "{}", ended.err);
}

#[test]
fn one_file_is_checked_among_its_neighbours() {
    let folder = office().with("campaigns/hong.toml", "title = 1").with("campaigns/ghi-chu.txt", "");
    assert_eq!(folder.loa(&["check", "campaigns/nhan-dien.toml"]).code, 0, "a broken neighbour is none of its business");
    assert_eq!(folder.loa(&["check", "campaigns/segments.toml"]).code, 0);
    assert_eq!(folder.loa(&["check", "campaigns/ghi-chu.txt"]).code, 2);
    let ended = folder.with("campaigns/segments.toml", "[can-bo]\n").loa(&["check", "campaigns/nhan-dien.toml"]);
    assert!(ended.code == 2 && ended.err.contains("segments.toml"), "{}", ended.err);
}
