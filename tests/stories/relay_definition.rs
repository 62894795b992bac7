//! An officer writes a campaign that carriers are to send: what is wrong comes with its place, what is well is shown as it will be.

use std::fmt::Write as _;

use crate::folder::Folder;

const SCAN: &str = "%PDF-1.7 made up";

const GOOD: &str = r#"title = "Phòng, chống lừa đảo qua nhà mạng"
kind  = "awareness"
owner = "Sở Văn hóa, Thể thao và Du lịch"
basis = { number = "12/UBND-VX", date = 2026-10-01, authority = "UBND tỉnh", document = "cong-van.pdf" }

[channels]
use = ["relay"]

[relay]
partners = ["viettel", "mobifone"]
kinds    = ["school"]
sender   = "Hai Duong"
areas    = ["01", "79"]
audience = "Mọi thuê bao đang hoạt động"
sms      = "Không đọc mã OTP cho bất kỳ ai."
app      = "Không đọc mã OTP cho bất kỳ ai, kể cả người xưng là công an."
rounds   = 2
payment  = "contract"
contract = "15/2026/HĐ-VT"
"#;

fn office() -> Folder {
    Folder::new()
        .with("campaigns/segments.toml", "[moi-nguoi]\ntitle = \"Mọi người\"\n")
        .with("campaigns/cong-van.pdf", SCAN)
        .with("campaigns/qua-nha-mang.toml", GOOD)
}

/// Each turns the good campaign into one with a mistake: what is complained of, where, and a word of what would be right.
const MISTAKES: [(&str, &str, &str, &str); 17] = [
    (", authority = \"UBND tỉnh\"", "", "basis.authority", "4:9"),
    (", document = \"cong-van.pdf\"", "", "basis.document", "4:9"),
    ("\"cong-van.pdf\"", "\"cong-van-2.pdf\"", "basis.document", "4:89"),
    ("\"cong-van.pdf\"", "\"cong-van.txt\"", "basis.document", "4:89"),
    ("owner =", "law = \"advertising\"\nowner =", "law", "3:7"),
    ("[relay]\n", "[relays]\n", "relay", "1:1"),
    ("[\"viettel\", \"mobifone\"]", "[\"viettel\", \"Mobi Fone\"]", "relay.partners", "10:24"),
    ("[\"school\"]", "[\"shool\"]", "relay.kinds", "11:13"),
    ("\"Hai Duong\"", "\"Sở VHTTDL\"", "relay.sender", "12:12"),
    ("[\"01\", \"79\"]", "[\"01\", \"99\"]", "relay.areas", "13:19"),
    ("[\"01\", \"79\"]", "[\"01\", \"00004\"]", "relay.areas", "13:19"),
    ("cho bất kỳ ai.\"\napp", "{{ name }}.\"\napp", "relay.sms", "15:12"),
    ("cho bất kỳ ai.\"\napp", "😀\"\napp", "relay.sms", "15:12"),
    ("rounds   = 2", "hours = \"06:00-20:00\"", "relay.hours", "17:9"),
    ("rounds   = 2", "round = 2", "relay.round", "17:1"),
    ("rounds   = 2", "status = \"thật\"", "relay.status", "17:10"),
    ("contract = \"15/2026/HĐ-VT\"\n", "", "relay.contract", "9:1"),
];

#[test]
fn every_mistake_is_named_at_its_place() {
    let folder = office();
    for (number, (right, wrong, ..)) in MISTAKES.iter().enumerate() {
        let text = GOOD.replacen(right, wrong, 1);
        assert_ne!(text, GOOD, "{right}");
        folder.write(&format!("campaigns/m{number:02}.toml"), text.as_bytes());
    }
    let ended = folder.loa(&["check", "campaigns", "--json", "--lang", "en"]);
    assert_eq!(ended.code, 2, "{}", ended.err);
    let mut told = String::new();
    for problem in ended.json()["problems"].as_array().unwrap() {
        let text = |key: &str| problem[key].as_str().unwrap_or_default();
        let file = text("file").replace("campaigns/", "").replace(".toml", "");
        writeln!(told, "{file} {} {}:{} {}", text("field"), problem["line"], problem["column"], text("message")).unwrap();
    }
    for (number, (_, wrong, field, place)) in MISTAKES.iter().enumerate() {
        assert!(told.contains(&format!("m{number:02} {field} {place} ")), "{wrong}: {field} {place} is not in\n{told}");
    }
    assert!(!told.contains("qua-nha-mang"), "{told}");
}

#[test]
fn a_campaign_for_carriers_alone_needs_no_list_and_no_message() {
    let folder = office();
    let ended = folder.loa(&["check"]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    assert!(ended.out.contains("1 chiến dịch"), "{}", ended.out);
    folder.write(
        "campaigns/qua-nha-mang.toml",
        GOOD.replace("[channels]", "[audience]\nsegments = [\"moi-nguoi\"]\n\n[channels]").as_bytes(),
    );
    let ended = folder.loa(&["check"]);
    assert!(ended.code == 2 && ended.err.contains("không gửi cho ai trong danh sách"), "{}", ended.err);
}

#[test]
fn it_may_go_beside_the_offices_own_channels() {
    let both = GOOD
        .replace("use = [\"relay\"]", "use = [\"sms\", \"relay\"]")
        .replace("[channels]", "[audience]\nsegments = [\"moi-nguoi\"]\n\n[channels]")
        + "\n[[message]]\nid = \"otp\"\nsms = \"Khong doc ma OTP.\"\n";
    let folder = office().with("campaigns/qua-nha-mang.toml", &both);
    let ended = folder.loa(&["check"]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    let ended = folder.loa(&["preview", "qua-nha-mang"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    for words in ["[otp]", "Khong doc ma OTP.", "[relay] viettel, mobifone, school", "Hai Duong"] {
        assert!(ended.out.contains(words), "{words}: {}", ended.out);
    }
}

#[test]
fn a_warning_may_be_relayed_and_advertising_may_not() {
    let folder = office();
    folder.write("campaigns/qua-nha-mang.toml", GOOD.replace("\"awareness\"", "\"warning\"").as_bytes());
    assert_eq!(folder.loa(&["check"]).code, 0);
    folder.write("campaigns/qua-nha-mang.toml", GOOD.replace("owner =", "law = \"advertising\"\nowner =").as_bytes());
    let ended = folder.loa(&["check"]);
    assert!(ended.code == 2 && ended.err.contains("quảng cáo không đi qua kênh `relay`"), "{}", ended.err);
}

#[test]
fn a_preview_shows_what_carriers_will_count() {
    let folder = office();
    let ended = folder.loa(&["preview", "qua-nha-mang"]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    for words in [
        "[relay] viettel, mobifone, school · Thực hiện thật",
        "▸ SMS (Hai Duong) · không dấu · GSM · 1 phần · 31 ký tự",
        "│ Khong doc ma OTP cho bat ky ai.",
        "SMS · có dấu · UCS-2 · 1 phần · 31 ký tự",
        "Tin trong ứng dụng của nhà mạng",
        "Địa bàn Thành phố Hà Nội; Thành phố Hồ Chí Minh",
        "Số người nhận do đơn vị phối hợp báo cáo",
    ] {
        assert!(ended.out.contains(words), "{words}: {}", ended.out);
    }
    let json = folder.loa(&["preview", "qua-nha-mang", "--json"]).json();
    assert_eq!(json["messages"], serde_json::json!([]));
    // `printf 'Khong doc ma OTP cho bat ky ai.' | sha256sum`
    let sms = serde_json::json!({
        "sms_text": "unaccented", "text": "Khong doc ma OTP cho bat ky ai.", "encoding": "GSM", "parts": 1, "units": 31,
        "sha256": "d8acf203c1b0e00fabcb8e1abd21da59be0edb43e7f717f2614c3f76cf921e52",
    });
    assert_eq!(json["relay"]["sms"], sms);
    assert_eq!(json["relay"]["status"], "actual");
}

#[test]
fn the_shipped_example_is_an_exercise() {
    let folder = Folder::new();
    assert_eq!(folder.loa(&["init"]).code, 0);
    let ended = folder.loa(&["check", "campaigns/nhan-tin-qua-nha-mang.toml"]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    let json = folder.loa(&["preview", "nhan-tin-qua-nha-mang", "--json"]).json();
    assert_eq!((&json["relay"]["status"], &json["relay"]["sms"]["parts"]), (&"exercise".into(), &1.into()), "{json}");
}

#[test]
fn nobody_of_the_list_can_get_a_test_of_it() {
    let folder = Folder::new();
    assert_eq!(folder.loa(&["init"]).code, 0);
    assert_eq!(folder.loa(&["migrate"]).code, 0);
    let ended = folder.loa(&["send", "nhan-tin-qua-nha-mang", "--to", "an"]);
    assert!(ended.code == 2 && ended.err.contains("relay.status"), "{}", ended.err);
}
