use super::*;
use crate::campaign::{Campaign, Library, Sheet};

const ALONE: &str = r#"title = "Nhắn tin qua nhà mạng"
kind  = "awareness"
owner = "Sở"
basis = { number = "12/UBND-VX", date = 2026-10-01, authority = "UBND tỉnh", document = "cong-van.pdf" }

[channels]
use = ["relay"]

[relay]
partners = ["viettel", "mobifone"]
sender   = "Hai Duong"
areas    = ["01"]
audience = "Mọi thuê bao"
sms      = "Khong cung cap ma OTP cho bat ky ai."
payment  = "free"
"#;

fn parse(text: &str) -> Campaign {
    Campaign::parse("c.toml", "c", text).unwrap_or_else(|problems| panic!("{problems}\n{text}"))
}

/// The fields that are complained of, each with its line and column.
fn wrong(text: &str) -> Vec<(String, usize, usize)> {
    let problems = Campaign::parse("c.toml", "c", text).expect_err(text);
    problems.0.into_iter().map(|problem| (problem.field, problem.line, problem.column)).collect()
}

fn with(right: &str, other: &str) -> String {
    let text = ALONE.replacen(right, other, 1);
    assert_ne!(text, ALONE, "{right}");
    text
}

#[test]
fn nobody_of_the_list_gets_what_goes_by_relay_alone() {
    let campaign = parse(ALONE);
    assert!(campaign.is_relay_alone());
    assert!(campaign.audience.segments.is_empty() && campaign.channels.order.is_empty());
    let ids: Vec<&str> = campaign.messages.iter().map(|message| message.id.as_str()).collect();
    assert_eq!(ids, [relay::MESSAGE], "a run has a message to name");
    let order = campaign.channels.relay.unwrap();
    assert_eq!((order.rounds, order.hours, order.status), (1, Some((7 * 60, 21 * 60 + 30)), Status::Actual));
    assert_eq!((order.valid_for, order.report_within), (3 * DAY, 5 * DAY));
    assert_eq!((order.payment, order.sms_text), (Payment::Free, SmsText::Unaccented));
}

#[test]
fn an_empty_form_beside_it_is_no_mistake() {
    let text = format!("{ALONE}\n[[message]]\nid = \"tin-1\"\n").replace("[channels]", "[audience]\nsegments = []\n[channels]");
    assert_eq!(parse(&text), parse(ALONE));
    let fields = |text: &str| wrong(text).into_iter().map(|(field, ..)| field).collect::<Vec<_>>();
    assert_eq!(fields(&format!("{ALONE}\n[[message]]\nid = \"tin-1\"\nsms = \"Chao.\"\n")), ["message"]);
    assert_eq!(fields(&with("[channels]", "[audience]\nsegments = [\"can-bo\"]\n[channels]")), ["audience"]);
    assert_eq!(fields(&with("[channels]", "[audience]\ngoal = 0.5\n[channels]")), ["audience"]);
}

#[test]
fn it_goes_beside_other_channels() {
    let both = with("use = [\"relay\"]", "use = [\"sms\", \"relay\"]");
    assert_eq!(wrong(&both), [("audience".into(), 1, 1), ("message".into(), 1, 1)]);
    let both =
        both.replace("[channels]", "[audience]\nsegments = [\"a\"]\n[channels]") + "[[message]]\nid = \"a\"\nsms = \"Chao.\"\n";
    let campaign = parse(&both);
    assert!(!campaign.is_relay_alone() && campaign.channels.relay.is_some());
    assert_eq!(campaign.channels.order, [providers::Channel::Sms]);
}

#[test]
fn whoever_asks_shows_by_what_right() {
    for (right, other, field) in [
        (
            "basis = { number = \"12/UBND-VX\", date = 2026-10-01, authority = \"UBND tỉnh\", document = \"cong-van.pdf\" }\n",
            "",
            "basis",
        ),
        (", authority = \"UBND tỉnh\"", "", "basis.authority"),
        (", document = \"cong-van.pdf\"", "", "basis.document"),
        ("cong-van.pdf", "cong-van.docx", "basis.document"),
        ("cong-van.pdf", "../cong-van.pdf", "basis.document"),
    ] {
        let fields: Vec<String> = wrong(&with(right, other)).into_iter().map(|(field, ..)| field).collect();
        assert_eq!(fields, [field], "{other}");
    }
}

#[test]
fn every_mistake_stands_at_its_place() {
    for (right, other, places) in [
        ("owner =", "law = \"advertising\"\nowner =", vec![("law", 3, 7)]),
        (
            "use = [\"relay\"]",
            "use = [\"relay\", \"relay\"]",
            vec![("channels.use", 7, 17), ("audience", 1, 1), ("message", 1, 1)],
        ),
        ("[\"viettel\", \"mobifone\"]", "[\"viettel\", \"viettel\"]", vec![("relay.partners", 10, 24)]),
        ("partners = [\"viettel\", \"mobifone\"]\n", "", vec![("relay.partners", 9, 1)]),
        ("partners = [\"viettel\", \"mobifone\"]", "kinds = [\"schools\"]", vec![("relay.kinds", 10, 10)]),
        ("\"Hai Duong\"", "\"Hải Dương\"", vec![("relay.sender", 11, 12)]),
        ("\"Hai Duong\"", "\"So VHTTDL Ha Noi\"", vec![("relay.sender", 11, 12)]),
        ("\"Hai Duong\"", "\"5656\"", vec![("relay.sender", 11, 12)]),
        ("sender   = \"Hai Duong\"\n", "", vec![("relay.sender", 9, 1)]),
        ("[\"01\"]", "[1]", vec![("relay.areas", 12, 13)]),
        ("[\"01\"]", "[\"001\"]", vec![("relay.areas", 12, 13)]),
        ("\"Mọi thuê bao\"", "\"Chào {{ name }}\"", vec![("relay.audience", 13, 12)]),
        ("cho bat ky ai.", "cho {{ name }}.", vec![("relay.sms", 14, 12)]),
        ("cho bat ky ai.", "cho ai 😀", vec![("relay.sms", 14, 12)]),
        ("sms      = \"Khong cung cap ma OTP cho bat ky ai.\"\n", "", vec![("relay.sms", 9, 1)]),
        ("\"free\"", "\"gratis\"", vec![("relay.payment", 15, 12)]),
        ("\"free\"", "\"contract\"", vec![("relay.contract", 9, 1)]),
        ("\"free\"", "\"free\"\ncontract = \"1\"", vec![("relay.contract", 16, 12)]),
        ("\"free\"", "\"free\"\nrounds = 0", vec![("relay.rounds", 16, 10)]),
        ("\"free\"", "\"free\"\nhours = \"06:00-20:00\"", vec![("relay.hours", 16, 9)]),
        ("\"free\"", "\"free\"\nrate = \"10/d\"", vec![("relay.rate", 16, 8)]),
        ("\"free\"", "\"free\"\nrate = \"3000/h\"", vec![("relay.rate", 16, 8)]),
        ("\"free\"", "\"free\"\nstatus = \"real\"", vec![("relay.status", 16, 10)]),
        ("\"free\"", "\"free\"\nreport_by = \"3d\"", vec![("relay.report_by", 16, 1)]),
    ] {
        let mut found = wrong(&with(right, other));
        found.sort();
        let mut places: Vec<_> = places.into_iter().map(|(field, line, column)| (field.to_string(), line, column)).collect();
        places.sort();
        assert_eq!(found, places, "{other}");
    }
}

#[test]
fn the_table_and_the_channel_go_together() {
    let without = ALONE.split("[relay]").next().unwrap();
    assert_eq!(wrong(without), [("relay".into(), 1, 1)]);
    let fields: Vec<String> = wrong(&with("use = [\"relay\"]", "use = [\"sms\"]")).into_iter().map(|(field, ..)| field).collect();
    assert!(fields.contains(&"relay".to_string()), "{fields:?}");
    // Where the channels are wrong themselves, nothing is said of the table.
    let fields: Vec<String> = wrong(&with("use = [\"relay\"]", "use = 1")).into_iter().map(|(field, ..)| field).collect();
    assert!(!fields.iter().any(|field| field.starts_with("relay")), "{fields:?}");
}

#[test]
fn a_warning_may_be_relayed_at_any_hour() {
    let warning = with("\"awareness\"", "\"warning\"");
    let order = parse(&warning).channels.relay.unwrap();
    assert_eq!((order.hours, order.valid_for), (None, DAY));
    assert_eq!(wrong(&warning.replace("\"free\"", "\"free\"\nhours = \"07:00-20:00\"")), [("relay.hours".into(), 16, 9)]);
}

#[test]
fn its_hours_lie_within_the_campaigns() {
    let wide =
        with("[relay]", "[sending]\nhours = \"05:00-23:00\"\n[relay]").replace("\"free\"", "\"free\"\nhours = \"05:30-22:30\"");
    assert_eq!(parse(&wide).channels.relay.unwrap().hours, Some((330, 1350)));
}

#[test]
fn those_who_send_no_sms_need_no_sender() {
    let school = with("sms      = \"Khong cung cap ma OTP cho bat ky ai.\"", "material = \"Các em không đọc mã OTP cho ai.\"")
        .replace("partners = [\"viettel\", \"mobifone\"]", "kinds = [\"school\", \"radio\"]")
        .replace("sender   = \"Hai Duong\"\n", "");
    let order = parse(&school).channels.relay.unwrap();
    assert_eq!((order.kinds.len(), order.text(), order.converted()), (2, None, 0));
}

#[test]
fn the_scanned_document_is_frozen_with_the_campaign() {
    let library = Library::default();
    let sheet =
        |bytes: &[u8]| Sheet { text: ALONE.to_string(), attachments: [("cong-van.pdf".to_string(), bytes.to_vec())].into() };
    let (one, other) = (library.source("c", &sheet(b"%PDF-1")).unwrap(), library.source("c", &sheet(b"%PDF-2")).unwrap());
    assert_eq!(one.document(), Some(("cong-van.pdf", &b"%PDF-1"[..])));
    assert_ne!(one.hash, other.hash, "another scan is another definition");
    let missing = library.source("c", &Sheet { text: ALONE.to_string(), ..Sheet::default() }).unwrap_err();
    assert_eq!(missing.0.iter().map(|problem| problem.field.as_str()).collect::<Vec<_>>(), ["basis.document"]);
}
