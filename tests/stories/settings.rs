//! loa.toml: refused whole when anything is wrong, and no secret is ever printed.

use insta::assert_snapshot;

use crate::folder::Folder;

fn office(settings: &str) -> Folder {
    Folder::new().with("campaigns/segments.toml", "").with("loa.toml", settings)
}

const ACCOUNT: &str = r#"
[[account]]
name     = "viettel-hn"
gateway  = "smtp"
rate     = "100/s"
host     = "smtp.example.vn"
password = { env = "VIETTEL_PASSWORD" }
from     = "Sở Văn hóa <canhbao@example.vn>"
"#;

#[test]
fn a_secret_in_the_file_is_refused_and_not_shown() {
    let folder = office(&ACCOUNT.replace("{ env = \"VIETTEL_PASSWORD\" }", "\"hunter2\""));
    let ended = folder.loa(&["check", "loa.toml"]);
    assert_eq!(ended.code, 2);
    assert_snapshot!(ended.err, @r#"
      × `account.password` là bí mật, không được viết thẳng trong tệp
       ╭─[loa.toml:7:12]
     6 │ host     = "smtp.example.vn"
     7 │ password = "*******"
       ·            ─────────
     8 │ from     = "Sở Văn hóa <canhbao@example.vn>"
       ╰────
      help: viết password = { env = "PASSWORD" } hoặc { file = "/run/secrets/password" }

    ✗ 1 lỗi
    "#);
}

#[test]
fn a_broken_file_shows_no_secret_either() {
    let ended = office("[database]\nurl = \"postgres://loa:hunter2@db/loa\"\n[[account]\npassword = \"hunter3\n").loa(&["check"]);
    assert_eq!(ended.code, 2);
    assert!(!ended.err.contains("hunter"), "{}", ended.err);
    assert!(ended.err.contains("loa.toml:3:"), "{}", ended.err);
}

#[test]
fn who_only_looks_needs_no_secrets() {
    let folder = office(ACCOUNT);
    assert_eq!(folder.loa(&["check", "loa.toml"]).code, 2, "a check says what sending would lack");
    assert_eq!(folder.loa(&["migrate"]).code, 0);
    for look in ["plan", "runs", "report", "verify"] {
        let ended = folder.loa(&[look]);
        assert_eq!(ended.code, 0, "{look}: {}", ended.err);
    }
}

#[test]
fn secrets_come_from_variables_files_and_overrides() {
    let folder = office(ACCOUNT);
    let missing = folder.loa(&["check", "loa.toml", "--lang", "en"]);
    assert!(missing.err.contains("the environment variable VIETTEL_PASSWORD is not set"), "{}", missing.err);
    assert_eq!(folder.loa_with(&["check", "loa.toml"], &[("VIETTEL_PASSWORD", "x")]).code, 0);
    assert_eq!(folder.loa_with(&["check", "loa.toml"], &[("LOA_ACCOUNT__VIETTEL_HN__PASSWORD", "x")]).code, 0);
    let folder = office(&ACCOUNT.replace("{ env = \"VIETTEL_PASSWORD\" }", "{ file = \"secrets/viettel\" }"));
    assert_eq!(folder.loa(&["check", "loa.toml"]).code, 2);
    assert_eq!(folder.with("secrets/viettel", "x\n").loa(&["check", "loa.toml"]).code, 0);
}

#[test]
fn every_section_names_its_field_and_the_legal_range() {
    let folder = office(
        r#"[server]
key = { file = "khong-co.key" }
listen = "8080"
public_url = "loa.example.vn"
trusted_proxies = ["proxy"]
[database]
url = "mysql://localhost/loa"
[limits]
cap = { messages = 0, per = "7 days" }
spacing = "20"
[notify]
email = ["truc-ban"]
[network]
ca_file = "khong-co.pem"
[servers]
[[account]]
name = "Viettel"
gateway = "smpp"
channel = "email"
rate = "fast"
window = 0
price = { vietel = 300, default = -1 }
carriers = ["zalo"]
receipts = "maybe"
[[account]]
name = "esms"
gateway = "esms"
rate = "0/s"
url = "https://loa:abc@sms.example.vn/send"
api_key = "abc"
"#,
    );
    let ended = folder.loa(&["check", "loa.toml", "--json", "--lang", "en"]);
    assert_eq!(ended.code, 2);
    let told: Vec<String> = ended.json()["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| {
            let help = p["help"].as_str().unwrap_or_default();
            format!("{}:{} {} → {help}", p["line"], p["column"], p["message"].as_str().unwrap())
        })
        .collect();
    assert_snapshot!(told.join("\n"), @r#"
    3:10 "8080" is not an IP address with a port → for example: "127.0.0.1:8080"
    4:14 "loa.example.vn" is not a web address → begin with https:// (or http://)
    5:20 "proxy" is not an IP address → for example: "10.0.0.5"
    7:7 this is not a database address → write "sqlite:loa.db" or "postgres://user@host/name"
    9:20 `limits.cap.messages` = 0 is out of range → from 1 to 1000
    9:29 "7 days" is not a duration → write a number and s, m, h or d: 30s, 90m, 6h, 30d
    10:11 "20" is not a duration → write a number and s, m, h or d: 30s, 90m, 6h, 30d
    12:10 this is not an e-mail address → for example: "duty@office.example.vn"
    14:11 there is no file khong-co.pem → give the path of a PEM file
    15:2 unknown key `servers` → did you mean `server`?
    17:8 `Viettel` is not a valid name → use a-z, 0-9 and hyphens, at most 60 characters
    19:11 this gateway carries the channel `sms` only → set channel = "sms"
    20:8 "fast" is not a rate → write a number a second, minute or hour, from 1 to 100000: "100/s", "60/m", "3000/h"
    21:10 `account.window` = 0 is out of range → from 1 to 10000
    22:11 there is no carrier `vietel` → did you mean `viettel`?
    22:35 `account.price.default` = -1 is out of range → from 0 to 1000000
    24:12 `account.receipts` cannot be "maybe" → choose among: `yes`, `none`
    25:1 `account.channel` is missing → 
    28:8 "0/s" is not a rate → write a number a second, minute or hour, from 1 to 100000: "100/s", "60/m", "3000/h"
    29:7 `account.url` is a secret and may not stand in the file → write url = { env = "URL" } or { file = "/run/secrets/url" }
    30:11 `account.api_key` is a secret and may not stand in the file → write api_key = { env = "API_KEY" } or { file = "/run/secrets/api_key" }
    "#);
}

#[test]
fn overrides_are_checked_like_the_file() {
    let folder = office(ACCOUNT);
    let overrides = [
        ("VIETTEL_PASSWORD", "x"),
        ("LOA_SERVER__LISTEN", "nowhere"),
        ("LOA_SERVER__LISTN", "127.0.0.1:1"),
        ("LOA_ACCOUNT__VIETTEL_HN__WINDOW", "many"),
        ("LOA_ACCOUNT__VIETEL_HN__WINDOW", "5"),
        ("LOA_LANG", "en"),
    ];
    let ended = folder.loa_with(&["check", "loa.toml"], &overrides);
    assert_eq!(ended.code, 2);
    assert_snapshot!(ended.err, @r#"
      × LOA_ACCOUNT__VIETEL_HN__WINDOW: no account goes with the variable LOA_ACCOUNT__VIETEL_HN__WINDOW
      help: did you mean `viettel-hn`?

      × LOA_SERVER__LISTEN: "nowhere" is not an IP address with a port
      help: for example: "127.0.0.1:8080"

      × LOA_SERVER__LISTN: unknown key `server.listn`
      help: did you mean `listen`?

      × LOA_ACCOUNT__VIETTEL_HN__WINDOW: `account.window` must be a whole number, not text
      help: for example: 1

    ✗ 4 problem(s)
    "#);
}

#[test]
fn a_key_of_the_wrong_length_is_refused() {
    let folder = office("[server]\nkey = { env = \"KEY\" }\n");
    assert_eq!(folder.loa_with(&["check", "loa.toml"], &[("KEY", &"0f".repeat(32))]).code, 0);
    let ended = folder.loa_with(&["check", "loa.toml", "--lang", "en"], &[("KEY", "0f0f")]);
    assert_eq!(ended.code, 2);
    assert!(ended.err.contains("`server.key` is not a key of 32 bytes") && !ended.err.contains("0f0f"), "{}", ended.err);
}

#[test]
fn shells_get_their_completions() {
    for shell in ["bash", "zsh", "fish"] {
        let ended = Folder::new().loa(&["completions", shell]);
        assert!(ended.code == 0 && ended.out.contains("completions"), "{shell}");
    }
}

#[test]
fn what_joins_offices_is_checked_where_it_stands() {
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/cap");
    let folder = office(&format!(
        r#"[relay]
sender = "Sở VHTTDL"
signing = {{ certificate = "{fixtures}/stranger.pem", key = {{ file = "{fixtures}/signer.key.pem" }} }}
private = ["Viettel"]
retries = 3
[upstream]
url = "https://10.0.0.5"
token = "abc"
[[bulletins]]
name = "trung-uong"
url = "http://canhbao.example.vn/atom"
every = "5s"
[[bulletins]]
name = "trung-uong"
url = "https://canhbao.example.vn/rss"
certificate = "{fixtures}/ec.pem"
"#
    ));
    let ended = folder.loa(&["check", "loa.toml", "--json", "--lang", "en"]);
    assert_eq!(ended.code, 2);
    let json = ended.json();
    let told: Vec<String> = json["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| format!("{} {}", p["line"], p["message"].as_str().unwrap()))
        .collect();
    assert_snapshot!(told.join("\n"), @r#"
    2 "Sở VHTTDL" cannot be a sender in CAP
    3 this is not the key of the certificate above
    4 `Viettel` is not a valid name
    5 unknown key `relay.retries`
    6 `upstream.segment` is missing
    7 this address is a loopback or private one
    8 `upstream.token` is a secret and may not stand in the file
    11 outside the own network it must be https
    12 `bulletins.every` = 5s is out of range
    14 the source `trung-uong` stands above already
    16 the certificate's key is not RSA
    "#);
    let good = format!(
        "[relay]\nsender = \"so.example.vn\"\nsigning = {{ certificate = \"{fixtures}/signer.pem\", key = {{ file = \"{fixtures}/signer.key.pem\" }} }}\n\
         [upstream]\nurl = \"https://loa.example.vn\"\ntoken = {{ env = \"UPSTREAM_TOKEN\" }}\nsegment = \"thue-bao\"\n"
    );
    let folder = office(&good);
    assert_eq!(folder.loa(&["check", "loa.toml"]).code, 2, "a token is missing");
    assert_eq!(folder.loa_with(&["check", "loa.toml"], &[("UPSTREAM_TOKEN", "x")]).code, 0);
    assert_eq!(folder.loa(&["migrate"]).code, 0, "who only looks needs no secrets");
}
