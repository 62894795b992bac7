//! Carriers take only registered wordings: what would be refused is told before anything is sent.

use insta::assert_snapshot;
use loa::{audience::place::Places, message::Person};

use crate::folder::Folder;

const SECRETS: [(&str, &str); 1] = [("SECRET", "x")];

const SETTINGS: &str = r#"
[server]
key = { file = "loa.key" }

[[account]]
name       = "esms"
gateway    = "esms"
channel    = "sms"
rate       = "20/s"
price      = 300
carriers   = ["viettel", "mobifone"]
sender     = "SoVHTTDL"
api_key    = { env = "SECRET" }
secret_key = { env = "SECRET" }
parts      = { gsm = [122, 268, 421] }

[[account.template]]
name     = "canh-bao"
pattern  = "SO VHTTDL CANH BAO: {1:80}. Bao tin: 156."
through  = 2099-12-31
carriers = ["viettel"]

[[account.template]]
name     = "canh-bao"
pattern  = "SO VHTTDL thong bao: {1:60}. Goi 156."
carriers = ["mobifone"]

[[account]]
name     = "speedsms"
gateway  = "speedsms"
channel  = "sms"
rate     = "20/s"
price    = 330
carriers = ["vinaphone"]
sender   = "SoVHTTDL"
token    = { env = "SECRET" }
"#;

const CAMPAIGN: &str = r#"title = "Cảnh báo"
kind  = "warning"
owner = "Sở Văn hóa, Thể thao và Du lịch"
period = { from = 2090-01-01 }

[audience]
segments = ["moi-nguoi"]

[channels]
use = ["sms"]

[[message]]
id  = "otp"
sms = "SO VHTTDL CANH BAO: khong doc ma OTP cho bat ky ai. Bao tin: 113."
"#;

const PEOPLE: &str = "ref,name,phone\nan,Nguyễn Văn An,0961234567\nbinh,Trần Thị Bình,0901234567\n";

fn office(campaign: &str) -> Folder {
    let folder = Folder::new()
        .with("loa.toml", SETTINGS)
        .with("campaigns/segments.toml", "[moi-nguoi]\ntitle = \"Mọi người\"\n")
        .with("campaigns/canh-bao.toml", campaign)
        .with("dan.csv", PEOPLE);
    folder.write("loa.key", "01".repeat(32).as_bytes());
    folder
}

#[test]
fn a_text_that_no_wording_covers_is_named_with_the_nearest() {
    let ended = office(CAMPAIGN).loa_with(&["check", "--lang", "en"], &SECRETS);
    assert_eq!(ended.code, 2, "{}", ended.err);
    assert_snapshot!(ended.err, @r#"
      × account `esms` (viettel) would not take this text on 01/01/2090: the text matches no registered
      │ template; the nearest is canh-bao, which from character 63 on has “56.”
        ╭─[campaigns/canh-bao.toml:14:7]
     13 │ id  = "otp"
     14 │ sms = "SO VHTTDL CANH BAO: khong doc ma OTP cho bat ky ai. Bao tin: 113."
        ·       ───────────────────────────────────────────────────────────────────
        ╰────
      help: the text has “13.” there: change it, or register a new wording and list it in [[account.template]]

      × account `esms` (mobifone) would not take this text on 01/01/2090: the text matches no registered
      │ template; the nearest is canh-bao, which from character 11 on has “thong bao: {1:60}. Goi 156.”
        ╭─[campaigns/canh-bao.toml:14:7]
     13 │ id  = "otp"
     14 │ sms = "SO VHTTDL CANH BAO: khong doc ma OTP cho bat ky ai. Bao tin: 113."
        ·       ───────────────────────────────────────────────────────────────────
        ╰────
      help: the text has “CANH BAO: khong doc ma OTP cho” there: change it, or register a new wording and list
            it in [[account.template]]

    ✗ 2 problem(s)
    "#);
}

#[test]
fn a_wording_with_its_slots_filled_is_each_accounts_own() {
    let own = r#"sms = { template = "canh-bao", values = { 1 = "không đọc mã OTP cho {{ name }}" } }"#;
    let text = CAMPAIGN.replace("\"warning\"", "\"awareness\"");
    let text = text.replace(r#"sms = "SO VHTTDL CANH BAO: khong doc ma OTP cho bat ky ai. Bao tin: 113.""#, own);
    let folder = office(&text);
    assert_eq!(folder.loa_with(&["audience", "import", "dan.csv"], &SECRETS).code, 0);
    let json = folder.loa_with(&["preview", "canh-bao", "--json"], &SECRETS).json();
    let forms = json["messages"][0]["texts"][0]["sms"].as_array().unwrap();
    assert_eq!(forms[0]["text"], "SO VHTTDL CANH BAO: khong doc ma OTP cho Nguyen Thi Thanh Huong. Bao tin: 156.");
    // An account that has no such wording sends nothing of the kind.
    assert_eq!(forms[2]["accounts"], serde_json::json!(["speedsms"]));
    assert!(forms[2]["error"].as_str().unwrap().contains("`canh-bao`"), "{}", forms[2]);
    // MobiFone's slot is too short for a long name: that is told as well.
    let refused = json["messages"][0]["refused"].as_array().unwrap();
    assert_eq!((&refused[0]["account"], &refused[0]["carriers"]), (&"esms".into(), &serde_json::json!(["mobifone"])));
    assert!(refused[0]["error"].as_str().unwrap().contains("{1}"), "{}", refused[0]);
    assert_eq!((&refused[1]["account"], &refused[1]["carriers"]), (&"speedsms".into(), &serde_json::json!([])));
    assert!(refused.iter().all(|refused| refused["reason"] == "template"));
    assert_snapshot!(folder.loa_with(&["preview", "canh-bao", "--lang", "en"], &SECRETS).out.split("⚠").next().unwrap(), @"
    Cảnh báo

    [otp]
      sms (vi)
      ▸ esms (viettel) · GSM · 1 part · 78 characters
        │ SO VHTTDL CANH BAO: khong doc ma OTP cho Nguyen Thi Thanh Huong. Bao tin: 156.
      ▸ esms (mobifone) · GSM · 1 part · 74 characters
        │ SO VHTTDL thong bao: khong doc ma OTP cho Nguyen Thi Thanh Huong. Goi 156.
      ▸ speedsms
        ✗ the account has no registered template canh-bao that holds for this carrier today
      SMS estimate: 2 numbers
        account  numbers  parts  đồng
        esms           2      1   600
    ");
}

#[test]
fn what_a_table_of_parts_or_a_wording_may_not_be() {
    for (right, wrong, told) in [
        ("[122, 268, 421]", "[122, 122]", "entry 2 must be 132 to 275"),
        ("[122, 268, 421]", "[]", "a table has 1 to 10 entries"),
        ("{1:80}", "{1:0}", "is no slot"),
        ("through  = 2099-12-31", "from = 2026-01-02\nthrough = 2026-01-01", "`through` is before `from`"),
        ("carriers = [\"mobifone\"]", "", "the template `canh-bao` stands above"),
        ("carriers = [\"viettel\"]\n", "kind = \"otp\"\n", "cannot be \"otp\""),
        ("gateway    = \"esms\"\nchannel    = \"sms\"", "gateway = \"smtp\"", "SMS accounts only"),
    ] {
        let settings = SETTINGS.replacen(right, wrong, 1);
        assert_ne!(settings, SETTINGS, "{right}");
        let folder = office(CAMPAIGN).with("loa.toml", &settings);
        let ended = folder.loa_with(&["check", "loa.toml", "--lang", "en"], &SECRETS);
        assert_eq!(ended.code, 2);
        assert!(ended.err.contains(told), "{told}: {}", ended.err);
    }
}

#[test]
fn a_character_without_a_plain_form_is_named_with_its_place() {
    let folder = office(&CAMPAIGN.replace("khong doc", "đừng ⚠ đọc"));
    let json = folder.loa_with(&["check", "campaigns/canh-bao.toml", "--json", "--lang", "en"], &SECRETS).json();
    let problem = &json["problems"][0];
    assert_eq!((&problem["line"], &problem["column"]), (&14.into(), &33.into()), "{problem}");
    assert!(problem["message"].as_str().unwrap().starts_with("\"⚠\" (U+26A0) has no form without accents"), "{problem}");
    let unicode = CAMPAIGN.replace(
        "sms = \"SO VHTTDL CANH BAO: khong doc ma OTP cho bat ky ai. Bao tin: 113.\"",
        "sms = { text = \"⚠ 你好\", sms_text = \"unicode\" }",
    );
    let folder = office(&unicode).with("loa.toml", SETTINGS.split("[[account.template]]").next().unwrap());
    let ended = folder.loa_with(&["check", "campaigns/canh-bao.toml"], &SECRETS);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
}

#[test]
fn what_an_account_bills_decides_what_is_too_long() {
    let long = "a".repeat(421 + 7);
    let settings = SETTINGS.split("[[account.template]]").next().unwrap();
    let folder = office(&CAMPAIGN.replace("SO VHTTDL CANH BAO: khong doc ma OTP cho bat ky ai. Bao tin: 113.", &long))
        .with("loa.toml", settings);
    let ended = folder.loa_with(&["check", "--json", "--lang", "en"], &SECRETS);
    assert_eq!(ended.code, 2);
    let told = "account `esms` would not take this text: the text takes 4 parts where 3 are allowed; characters to take out: 7";
    assert_eq!(ended.json()["problems"][0]["message"], told);
}

#[test]
fn an_account_that_lists_none_sends_the_campaigns_own_wording() {
    let body = r#"sms = { template = "canh-bao", wording = "SO: {1}.", values = { 1 = "không đọc mã" } }"#;
    let campaign = CAMPAIGN.replace(r#"sms = "SO VHTTDL CANH BAO: khong doc ma OTP cho bat ky ai. Bao tin: 113.""#, body);
    let json = office(&campaign).loa_with(&["preview", "canh-bao", "--json"], &SECRETS).json();
    let forms = json["messages"][0]["texts"][0]["sms"].as_array().unwrap();
    assert_eq!(forms[0]["text"], "SO VHTTDL CANH BAO: khong doc ma. Bao tin: 156.");
    assert_eq!((&forms[2]["accounts"][0], &forms[2]["text"]), (&"speedsms".into(), &"SO: khong doc ma.".into()));
    let lacking = office(&campaign.replace("values = { 1", "values = { 2"));
    let ended = lacking.loa_with(&["check", "campaigns/canh-bao.toml", "--lang", "en"], &SECRETS);
    assert!(ended.err.contains("`values` lacks the slot {1} of `wording`"), "{}", ended.err);
}

#[test]
fn the_shipped_campaigns_fit_the_wordings_that_the_demo_registers() {
    let folder = Folder::new();
    assert_eq!(folder.loa(&["init"]).code, 0);
    let account = SETTINGS.split("[[account]]").nth(1).unwrap().split("[[account.template]]").next().unwrap();
    let mut settings = format!("[server]\nkey = {{ file = \"loa.key\" }}\n[office]\nshort = \"So VHTTDL\"\n[[account]]{account}");
    settings = settings.replace("parts ", "#parts ");
    for (name, label) in [("thong-tin", ""), ("canh-bao", " CANH BAO"), ("canh-bao-en", " WARNING")] {
        let template = format!("[[account.template]]\nname = \"{name}\"\npattern = \"So VHTTDL{label}: {{1}}\"\n");
        settings.push_str(&template);
    }
    let folder = folder.with("loa.toml", &settings);
    let json = folder.loa_with(&["check", "--json"], &SECRETS).json();
    assert_eq!(json["problems"].as_array().unwrap().len(), 0, "{json}");
    // Without the warnings' wording they are told, each in its place.
    let folder = folder.with("loa.toml", &settings.replace("CANH BAO", "KHAN"));
    let json = folder.loa_with(&["check", "campaigns/canh-bao-ung-dung-gia.toml", "--json"], &SECRETS).json();
    assert_eq!(json["problems"].as_array().unwrap().len(), 0, "the wording goes as the account has it: {json}");
    let folder = folder.with("loa.toml", &settings.replace("name = \"canh-bao\"", "name = \"khan\""));
    let json = folder.loa_with(&["check", "campaigns/canh-bao-ung-dung-gia.toml", "--json"], &SECRETS).json();
    assert_eq!(json["problems"].as_array().unwrap().len(), 2, "{json}");
}

#[test]
fn a_run_is_made_with_a_word_on_what_will_not_be_sent() {
    let folder = office(&CAMPAIGN.replace("period = { from = 2090-01-01 }\n", ""));
    assert_eq!(folder.loa_with(&["audience", "import", "dan.csv"], &SECRETS).code, 0);
    let ended = folder.loa_with(&["send", "canh-bao", "--lang", "en"], &SECRETS);
    assert_eq!((ended.code, ended.out.as_str()), (0, "Made run 1.\n"));
    let told: Vec<&str> = ended.err.lines().collect();
    assert_eq!(told.len(), 2, "{}", ended.err);
    assert!(told[0].starts_with("⚠ otp (vi): account `esms` (viettel) would not take this text on "), "{}", told[0]);
}

#[test]
fn a_channel_that_no_account_serves_is_told_of_and_no_mistake() {
    let folder = office(
        &CAMPAIGN
            .replace("period = { from = 2090-01-01 }\n", "")
            .replace("[\"sms\"]", "[\"sms\", \"chat\"]")
            .replace("sms = \"", "chat = { text = \"Chào\" }\nsms = \"")
            .replace("113", "156")
            .replace("CANH BAO: khong doc", "thong bao: khong doc"),
    );
    let ended = folder.loa_with(&["check", "campaigns/canh-bao.toml", "--lang", "en", "--json"], &SECRETS);
    let found = ended.json();
    let [warning] = &found["warnings"].as_array().unwrap()[..] else { panic!("{}", ended.out) };
    assert!(warning["message"].as_str().unwrap().contains("no account sends it"), "{warning}");
    assert_eq!((&warning["line"], &warning["field"]), (&9.into(), &"channels.use".into()), "{warning}");
    assert_eq!(folder.loa_with(&["audience", "import", "dan.csv"], &SECRETS).code, 0);
    let ended = folder.loa_with(&["send", "canh-bao", "--dry-run"], &SECRETS);
    assert!(ended.code == 0 && ended.err.contains("chưa có tài khoản nào gửi được"), "{}", ended.err);
}

#[test]
fn no_place_is_longer_than_that_of_the_person_with_long_fields() {
    let places = Places::built_in();
    let codes = places.provinces().flat_map(|province| places.wards_of(province).chain([province]));
    let longest = codes.filter_map(|code| places.full_name(code)).max_by_key(|name| name.chars().count()).unwrap();
    let long = Person::longest().area_name.unwrap();
    assert!(longest.chars().count() <= long.chars().count(), "{longest}");
}
