//! Mistakes in what stands beside campaigns: segments, goals, holidays.

use insta::assert_snapshot;

use super::office;

#[test]
fn segments_may_not_refer_to_themselves_or_to_nothing() {
    let folder = office().with(
        "campaigns/segments.toml",
        r#"
[can-bo]
title = "Cán bộ"
any   = [{ segments = ["giao-vien"] }, { lang = "tiếng Anh" }]

[giao-vien]
title    = "Giáo viên"
areas    = ["01", 12345, "Hà Nội"]
segments = ["can-bo", "giao-vin"]
reached  = { campaign = "nhan-dien-2", within = "30d" }

[nguoi-cao-tuoi]
born_before = "1966-02-30"
"#,
    );
    let ended = folder.loa(&["check", "--lang", "en"]);
    assert_eq!(ended.code, 2);
    assert_snapshot!(ended.err, @r#"
      × the segment `can-bo` refers to itself: can-bo → giao-vien → can-bo
       ╭─[campaigns/segments.toml:2:2]
     1 │
     2 │ [can-bo]
       ·  ──────
     3 │ title = "Cán bộ"
       ╰────
      help: take one link out of this circle

      × "tiếng Anh" is not a language code
       ╭─[campaigns/segments.toml:4:49]
     3 │ title = "Cán bộ"
     4 │ any   = [{ segments = ["giao-vien"] }, { lang = "tiếng Anh" }]
       ·                                                 ───────────
     5 │
       ╰────
      help: write it like "vi" or "en"

      × `giao-vien.areas` has a code without quotes
       ╭─[campaigns/segments.toml:8:19]
     7 │ title    = "Giáo viên"
     8 │ areas    = ["01", 12345, "Hà Nội"]
       ·                   ─────
     9 │ segments = ["can-bo", "giao-vin"]
       ╰────
      help: codes are quoted: "01" for a province, "00004" for a ward

      × "Hà Nội" is not an area code
       ╭─[campaigns/segments.toml:8:26]
     7 │ title    = "Giáo viên"
     8 │ areas    = ["01", 12345, "Hà Nội"]
       ·                          ────────
     9 │ segments = ["can-bo", "giao-vin"]
       ╰────
      help: codes are quoted: "01" for a province, "00004" for a ward

      × there is no segment `giao-vin`
        ╭─[campaigns/segments.toml:9:23]
      8 │ areas    = ["01", 12345, "Hà Nội"]
      9 │ segments = ["can-bo", "giao-vin"]
        ·                       ──────────
     10 │ reached  = { campaign = "nhan-dien-2", within = "30d" }
        ╰────
      help: did you mean `giao-vien`?

      × there is no campaign `nhan-dien-2`
        ╭─[campaigns/segments.toml:10:25]
      9 │ segments = ["can-bo", "giao-vin"]
     10 │ reached  = { campaign = "nhan-dien-2", within = "30d" }
        ·                         ─────────────
     11 │
        ╰────
      help: did you mean `nhan-dien`?

      × `nguoi-cao-tuoi.title` is missing
        ╭─[campaigns/segments.toml:12:1]
     11 │
     12 │ [nguoi-cao-tuoi]
        · ────────────────
     13 │ born_before = "1966-02-30"
        ╰────

      × `nguoi-cao-tuoi.born_before` is not a date that exists
        ╭─[campaigns/segments.toml:13:15]
     12 │ [nguoi-cao-tuoi]
     13 │ born_before = "1966-02-30"
        ·               ────────────
        ╰────
      help: write year-month-day: 2026-10-01

    ✗ 8 problem(s)
    "#);
}

#[test]
fn goals_and_holidays_are_checked_too() {
    let folder = office()
        .with("campaigns/goals.toml", "[[goal]]\ntitle = \"85 % người dân\"\nfrom = 2026-01-01\nthrough = 2025-12-31\nvalue = 85\npopulation = { 1 = 8_500_000 }\n")
        .with("holidays.toml", "[days]\n2027-02-30 = \"Tết\"\n")
        .with("loa.toml", "[paths]\nholidays = \"holidays.toml\"\n");
    let ended = folder.loa(&["check", "--json", "--lang", "en"]);
    assert_eq!(ended.code, 2);
    let places: Vec<String> = ended.json()["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| format!("{}:{}:{} {}", p["file"].as_str().unwrap(), p["line"], p["column"], p["message"].as_str().unwrap()))
        .collect();
    assert_snapshot!(places.join("\n"), @r#"
    holidays.toml:2:1 `2027-02-30` is not a date
    campaigns/goals.toml:1:1 `goal.source` is missing
    campaigns/goals.toml:4:11 the last day, 2025-12-31, is before the first, 2026-01-01
    campaigns/goals.toml:5:9 `goal.value` = 85 is out of range
    campaigns/goals.toml:6:16 `1` is not an area code
    "#);
}
