//! Mail that arrives, through the front door: the binary, a stand-in mail server that keeps what it got, and two readers that are
//! not ours (Python's `email` and dkimpy). And a refusal as a mail program sends it.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader, Write as _},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use loa::sandbox::{Options, Sandbox, Taken};
use serde_json::{Value, json};

use crate::{
    folder::Folder,
    helpers::{Owned, free_port, peer},
};

const CAMPAIGN: &str = r#"
title = "Cảnh báo"
kind = "warning"
owner = "Sở"
[cadence]
every = "once"
on = 2030-01-01
at = "08:30"
[audience]
segments = ["moi-nguoi"]
[channels]
use = ["email"]
[[message]]
id = "otp"
[message.email]
subject = "Cảnh báo: không đọc mã OTP cho bất kỳ ai, kể cả người tự xưng là công an"
preheader = "Tắt máy ngay & báo 156"
body = """
Kính gửi {{ name | default("Ông/Bà") }},

**Không đọc mã OTP.** Xem [hướng dẫn](https://khonggianmang.vn/otp) hoặc gọi [156](tel:156):

- Tắt máy.
- Báo công an.

![Sơ đồ các bước](so-do.png)

Còn nữa tại https://khonggianmang.vn/mot-duong-dan-rat-dai/khong-co-cho-ngat-dong/va-con-dai-hon-nua/cho-den-het-dong.html
"""
attach = ["so-do.png", "cẩm nang.pdf"]
"#;

/// The smallest PNG: one grey point.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0:~\x9bU\0\0\0\nIDATx\x9cc`\0\0\0\x02\0\x01H\xaf\xa4q\0\0\0\0IEND\xaeB`\x82";

async fn office() -> (Folder, Sandbox) {
    let sandbox = Sandbox::start(Options { http: None, smpp: None, remember: true, ..Options::default() }).await.unwrap();
    let server = format!("host = \"127.0.0.1\"\nport = {}\ntls = \"none\"", sandbox.smtp_addr().unwrap().port());
    let list = "ref,name,email\n1,\"Trần Thị Bé, \"\"Tư\"\"\",be@example.vn\n2,Đào Văn Ân,ân@Thư.example.vn\n";
    (signing(&server, list), sandbox)
}

/// An office whose mails are signed twice, with pictures and papers; `server` is what its account says of the mail server.
pub(super) fn signing(server: &str, list: &str) -> Folder {
    let folder = Folder::new()
        .with("loa.key", &"2a".repeat(32))
        .with("campaigns/segments.toml", "[moi-nguoi]\ntitle = \"Mọi người\"\n")
        .with("campaigns/canh-bao.toml", CAMPAIGN)
        .with("rsa.pem", include_str!("../peers/dkim-rsa.pem"))
        .with("ed25519.pem", include_str!("../peers/dkim-ed25519.pem"))
        .with("list.csv", list)
        .with(
            "loa.toml",
            &format!(
                r#"
[server]
listen = "127.0.0.1:{listen}"
public_url = "https://canhbao.example.vn"
[office]
name = "Sở Văn hóa & Thể thao"
hotline = "156"
[[account]]
name = "thu"
gateway = "smtp"
{server}
allow_private = true
rate = "100/s"
from = "Sở Văn hóa <canhbao@phường.example.vn>"
bounce = "tra+{{ref}}@phường.example.vn"
unsubscribe = "huy@example.vn"
[account.domains]
"example.vn" = {{ rate = "50/s", connections = 2 }}
[[account.dkim]]
domain = "phường.example.vn"
selector = "r2026"
key = {{ file = "rsa.pem" }}
[[account.dkim]]
domain = "phường.example.vn"
selector = "e2026"
key = {{ file = "ed25519.pem" }}
"#,
                listen = free_port()
            ),
        );
    folder.write("campaigns/so-do.png", PNG);
    folder.write("campaigns/cẩm nang.pdf", b"%PDF-1.4 made up");
    folder
}

/// The server, and its address.
pub(super) fn serve(folder: &Folder) -> (Owned, String) {
    let serve = Command::new(assert_cmd::cargo::cargo_bin!("loa"))
        .arg("serve")
        .current_dir(folder.path())
        .env_clear()
        .stdout(Stdio::piped())
        .stderr(fs::File::create(folder.path().join("serve.log")).unwrap())
        .spawn();
    let mut serve = Owned(serve.unwrap());
    let mut base = String::new();
    BufReader::new(serve.0.stdout.take().unwrap()).read_line(&mut base).unwrap();
    (serve, base.trim().trim_end_matches('/').to_owned())
}

/// What the readers say of a mail.
pub(super) fn read(folder: &Folder, mail: &[u8]) -> Value {
    let mut reader = Command::new(peer("LOA_TEST_PYTHON"))
        .args([peer("LOA_TEST_MAIL_READER").as_str(), "records.json"])
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    reader.stdin.take().unwrap().write_all(mail).unwrap();
    let done = reader.wait_with_output().unwrap();
    assert!(done.status.success());
    serde_json::from_slice(&done.stdout).unwrap()
}

/// Both signatures hold, also of a mail that was passed on, not of a forged one, and cover what matters.
pub(super) fn is_signed(mail: &Value) {
    let signatures: Vec<(&str, &Value, &Value, &Value)> = mail["signatures"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| (s["algorithm"].as_str().unwrap(), &s["holds"], &s["holds_when_relayed"], &s["holds_when_forged"]))
        .collect();
    let (yes, none) = (json!(true), json!([]));
    assert_eq!(signatures, [("rsa-sha256", &yes, &yes, &none), ("ed25519-sha256", &yes, &yes, &none)], "{mail}");
    let signed = mail["signatures"][0]["signed"].as_array().unwrap();
    for name in ["from", "to", "subject", "date", "message-id", "list-unsubscribe", "list-unsubscribe-post", "content-type"] {
        assert!(signed.contains(&json!(name)), "{name}: {signed:?}");
    }
}

/// The first address of a List-Unsubscribe, at this server instead of the proxy before it.
pub(super) fn one_click(base: &str, header: &str) -> String {
    let link = header.split(['<', '>']).nth(1).unwrap();
    format!("{base}{}", link.strip_prefix("https://canhbao.example.vn").unwrap())
}

fn mail_to<'t>(taken: &'t [Taken], to: &str) -> &'t [u8] {
    let one = taken.iter().find(|one| one.to == to).unwrap_or_else(|| panic!("{to} in {taken:?}"));
    one.mail.as_deref().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_is_signed_whole_and_refused_with_one_click() {
    let (folder, sandbox) = office().await;
    let checked = folder.loa(&["check", "--lang", "en"]);
    assert_eq!(checked.code, 0, "{}{}", checked.out, checked.err);
    let tested = folder.loa(&["accounts", "--test", "thu"]);
    let signs =
        "DKIM signs for xn--phng-rib8295b.example.vn (r2026, rsa-sha256), xn--phng-rib8295b.example.vn (e2026, ed25519-sha256)";
    assert!(tested.out.contains(signs), "{}{}", tested.out, tested.err);
    folder.write("records.json", folder.loa(&["accounts", "--dns", "thu", "--json"]).out.as_bytes());
    let imported = folder.loa(&["audience", "import", "list.csv", "--json"]).json();
    assert_eq!(imported["rejected"], json!(0), "{imported}");

    let (serve, base) = serve(&folder);
    let sent = folder.loa(&["send", "canh-bao", "--lang", "en"]);
    assert_eq!(sent.code, 0, "{}{}", sent.out, sent.err);
    let begun = Instant::now();
    while sandbox.taken().len() < 2 {
        assert!(begun.elapsed() < Duration::from_mins(1), "{:?}", sandbox.taken());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let taken = sandbox.taken();
    let usual = read(&folder, mail_to(&taken, "be@example.vn"));
    let utf8 = read(&folder, mail_to(&taken, "ân@xn--th-e0a.example.vn"));

    for mail in [&usual, &utf8] {
        is_signed(mail);
        assert!(mail["longest_line"].as_i64().unwrap() <= 998);
    }
    assert_eq!((&usual["is_ascii"], &utf8["is_ascii"]), (&json!(true), &json!(false)));
    assert_eq!(usual["to"], json!([["Trần Thị Bé, \"Tư\"", "be@example.vn"]]));
    assert_eq!(utf8["to"], json!([["Đào Văn Ân", "ân@xn--th-e0a.example.vn"]]));
    let parts = usual["parts"].as_array().unwrap();
    let types: Vec<&str> = parts.iter().map(|part| part["type"].as_str().unwrap()).collect();
    let expected = [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
        "application/pdf",
    ];
    assert_eq!(types, expected);
    assert!(parts.iter().all(|part| part["defects"] == json!([])), "{parts:?}");
    assert_eq!((&parts[5]["disposition"], &parts[6]["disposition"]), (&json!("inline"), &json!("attachment")));
    assert_eq!((&parts[6]["name"], &parts[5]["length"]), (&json!("cẩm nang.pdf"), &json!(PNG.len())));
    let id = parts[5]["id"].as_str().unwrap().trim_matches(['<', '>']);
    let html = usual["texts"]["text/html"].as_str().unwrap();
    assert!(html.contains(&format!("src=\"cid:{id}\"")) && html.contains("Tắt máy ngay &amp; báo 156"), "{html}");
    let text = usual["texts"]["text/plain"].as_str().unwrap().replace("\r\n", "\n");
    assert!(text.contains("Xem hướng dẫn [1] hoặc gọi 156:\n\n* Tắt máy.\n* Báo công an.\n\n[Sơ đồ các bước]"), "{text}");
    assert!(text.contains("\n[1] https://khonggianmang.vn/otp\n"), "{text}");
    let long = "khong-co-cho-ngat-dong/va-con-dai-hon-nua/cho-den-het-dong.html";
    assert!(text.contains(&format!("https://khonggianmang.vn/mot-duong-dan-rat-dai/{long}")), "an address stays whole: {text}");

    let headers: BTreeMap<&str, &str> =
        usual["headers"].as_object().unwrap().iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect();
    assert_eq!(headers["List-Unsubscribe-Post"], "List-Unsubscribe=One-Click");
    assert_eq!((headers.get("Precedence"), headers["Importance"]), (None, "high"));
    let reference = headers["Message-ID"].trim_matches('<').split('@').next().unwrap();
    let written = format!("<mailto:huy@example.vn?subject=unsubscribe%20{reference}>");
    assert!(headers["List-Unsubscribe"].ends_with(&written), "{headers:?}");

    // As RFC 8058 has it: a POST without cookies or anything else, to the https address of the header.
    let here = one_click(&base, headers["List-Unsubscribe"]);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.post(&here).form(&[("List-Unsubscribe", "One-Click")]).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.status());
    let counted = folder.loa(&["audience", "count", "moi-nguoi", "--json"]).json();
    assert_eq!((&counted[0]["people"], &counted[0]["refused"]), (&json!(2), &json!(1)), "{counted}");
    drop(serve);
    fs::remove_file(folder.path().join("rsa.pem")).unwrap();
    let broken = folder.loa(&["check", "--lang", "en"]);
    assert!(broken.code == 2 && broken.err.contains("rsa.pem"), "{}", broken.err);
}

#[test]
fn check_says_what_keeps_a_mail_from_arriving() {
    let folder = Folder::new()
        .with("campaigns/segments.toml", "[moi-nguoi]\ntitle = \"Mọi người\"\n")
        .with("campaigns/canh-bao.toml", &CAMPAIGN.replace("(so-do.png)", "(https://example.com/a.png)"))
        .with("dkim.pem", include_str!("../../providers/src/smtp/dkim/tests/rsa-1024.pem"))
        .with(
            "loa.toml",
            r#"
[[account]]
name = "thu"
gateway = "smtp"
host = "mail.example.vn"
rate = "100/s"
from = "canhbao@example.vn"
[account.domains]
"gmail.com" = { rte = "10/s" }
[[account.dkim]]
domain = "example.vn"
selector = "a"
key = { file = "dkim.pem" }
"#,
        );
    folder.write("campaigns/so-do.png", PNG);
    folder.write("campaigns/cẩm nang.pdf", &vec![b'x'; 4 << 20]);
    let checked = folder.loa(&["check", "--lang", "en"]);
    assert_eq!(checked.code, 2);
    for expected in [
        "2048 to 4096 bits are (RFC 8301)",
        "openssl genpkey",
        "did you mean `rate`?",
        "the picture \"https://example.com/a.png\" is not in this mail's `attach`",
    ] {
        assert!(checked.err.contains(expected), "{expected} in {}", checked.err);
    }

    folder.write(
        "loa.toml",
        b"[[account]]\nname = \"thu\"\ngateway = \"smtp\"\nhost = \"mail.example.vn\"\nrate = \"9/s\"\nfrom = \"a@example.vn\"\n",
    );
    let long = CAMPAIGN.replace("- Báo công an.", &"Một đoạn rất dài. ".repeat(5_000));
    folder.write("campaigns/canh-bao.toml", long.replace("[\"so-do.png\",", "[\"so-do.png\", \"hai.pdf\",").as_bytes());
    folder.write("campaigns/hai.pdf", &vec![b'x'; 4 << 20]);
    let checked = folder.loa(&["check", "--lang", "en"]);
    for expected in [
        "from 102 KB on Gmail cuts off its end",
        "the mail's 3 files are 12 MB when sent, 10 MB at most",
        "are not signed (DKIM)",
    ] {
        assert!(checked.err.contains(expected), "{expected} in {}", checked.err);
    }
    folder.write("campaigns/canh-bao.toml", CAMPAIGN.as_bytes());
    let warned = folder.loa(&["check", "--json", "--lang", "en"]);
    let json = warned.json();
    assert_eq!((warned.code, &json["ok"], &json["problems"]), (0, &json!(true), &json!([])), "{json}");
    assert!(json["warnings"][0]["message"].as_str().unwrap().contains("not signed"), "{json}");
}
