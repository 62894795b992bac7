//! `loa accounts`: quotas, pauses, and a test that sends nothing; and the stand-ins to test against.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    net::SocketAddr,
    process::{Command, Stdio},
};

use insta::assert_snapshot;
use loa::sandbox::{Options, Sandbox};

use super::{SECRETS, database, office};
use crate::folder::Folder;

#[tokio::test]
async fn accounts_show_their_quota_and_a_paused_one_goes_on() {
    let folder = office();
    assert_snapshot!(folder.loa_with(&["accounts"], &SECRETS).out, @r#"
                                                      Giá
    Tài khoản  Kênh  Cổng  Tốc độ  Cùng lúc  Hôm nay  (đồng/phần)     Ưu tiên  Nhà mạng       Tình trạng
    viettel    sms   esms  20/s    10        0/1000   viettel 300,    1        viettel,       hoạt động
                                                      khác 350                 mobifone
    "#);
    assert!(!folder.path().join("loa.db").exists(), "looking makes nothing");
    let no_address = folder.loa_with(&["accounts", "--callback", "viettel"], &SECRETS);
    assert_eq!(no_address.code, 2);
    database(
        &folder,
        "INSERT INTO account (name, channel, receipts, tat, day, used, paused, paused_at)
         VALUES ('viettel', 1, TRUE, 0, '2020-01-01', 7, 'wrong password', 1793500000000)",
    )
    .await;
    let shown = folder.loa_with(&["accounts"], &SECRETS);
    assert_snapshot!(shown.out, @r#"
                                                      Giá
    Tài khoản  Kênh  Cổng  Tốc độ  Cùng lúc  Hôm nay  (đồng/phần)     Ưu tiên  Nhà mạng       Tình trạng
    viettel    sms   esms  20/s    10        0/1000   viettel 300,    1        viettel,       đã dừng
                                                      khác 350                 mobifone
    viettel: đã dừng từ 09:26 01/11/2026: wrong password
    "#);
    let resumed = folder.loa_with(&["accounts", "--resume", "viettel"], &SECRETS);
    assert_eq!((resumed.code, resumed.out.as_str()), (0, "viettel: gửi tiếp (đã dừng vì: wrong password).\n"));
    let again = folder.loa_with(&["accounts", "--resume", "viettel"], &SECRETS);
    assert_eq!((again.code, again.out.as_str()), (0, "viettel: không bị dừng.\n"));
    let list = folder.loa_with(&["accounts", "--json"], &SECRETS);
    assert_eq!(list.json()[0]["paused"], serde_json::Value::Null);
    assert_eq!(list.json()[0]["used_today"], 0, "another day's use is no use of today's");

    let callback = folder.loa_with(&["accounts", "--callback", "viettel"], &SECRETS);
    assert!(callback.out.starts_with("https://canhbao.example.vn/receipts/viettel/"), "{}", callback.out);
    let secret = callback.out.trim_end().rsplit('/').next().unwrap();
    assert_eq!(secret.len(), 32);
    assert!(!shown.out.contains(secret) && !list.out.contains(secret), "a secret is shown only where it is asked for");
    let unknown = folder.loa_with(&["accounts", "--test", "vietel"], &SECRETS);
    assert_eq!((unknown.code, unknown.err.as_str()), (2, "lỗi: không có tài khoản `vietel`. Có phải ý là `viettel`?\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_tested_without_sending_anything() {
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    let (http, smtp): (SocketAddr, SocketAddr) = (sandbox.http_addr().unwrap(), sandbox.smtp_addr().unwrap());
    let folder = Folder::new().with(
        "loa.toml",
        &format!(
            r#"
[[account]]
name = "speedsms"
gateway = "speedsms"
channel = "sms"
rate = "10/s"
url = "http://{http}"
allow_private = true
sender = "SoVHTTDL"
token = {{ env = "SPEEDSMS_TOKEN" }}

[[account]]
name = "thu"
gateway = "smtp"
rate = "10/s"
host = "127.0.0.1"
port = {}
tls = "none"
allow_private = true
from = "Sở Văn hóa <canhbao@example.vn>"

[[account]]
name = "tat"
gateway = "smtp"
rate = "10/s"
host = "127.0.0.1"
port = 1
tls = "none"
allow_private = true
from = "Sở Văn hóa <canhbao@example.vn>"
"#,
            smtp.port()
        ),
    );
    let test = |name: &str| folder.loa_with(&["accounts", "--test", name], &SECRETS);
    let speedsms = test("speedsms");
    assert_eq!((speedsms.code, speedsms.err.as_str()), (0, ""));
    assert_snapshot!(speedsms.out, @r#"✓ speedsms: SpeedSMS: signed in, balance 10000000 VND"#);
    let mail = test("thu");
    assert_eq!((mail.code, mail.err.as_str()), (0, ""));
    assert!(mail.out.starts_with("✓ thu: "), "{}", mail.out);
    let down = test("tat");
    assert_eq!(down.code, 1);
    assert!(down.err.starts_with("✗ tat: "), "{}", down.err);
    assert!(sandbox.taken().is_empty(), "a test sends nothing");
}

#[cfg(unix)]
#[test]
fn the_sandbox_serves_until_it_is_ended() {
    let mut sandbox = Command::new(assert_cmd::cargo::cargo_bin!("loa"))
        .args(["sandbox", "--smtp", "127.0.0.1:0", "--http", "127.0.0.1:0", "--smpp", "127.0.0.1:0"])
        .env_clear()
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(sandbox.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert!(line.starts_with("SMTP 127.0.0.1:"), "{line}");
    assert!(Command::new("kill").arg(sandbox.id().to_string()).status().unwrap().success());
    let mut counts = String::new();
    out.read_to_string(&mut counts).unwrap();
    assert!(sandbox.wait().unwrap().success());
    assert!(serde_json::from_str::<serde_json::Value>(&counts).unwrap().is_object(), "{counts}");
}
