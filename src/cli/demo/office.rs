//! The demo's office: its files, its settings, and gateways that behave as real ones do.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    io,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::Context as _;

use super::{super::init::DEFINITIONS, Args, authority::Authority};
use crate::{
    config::Config,
    sandbox::{self, Behaviour, Sandbox, residents},
};

/// What signs orders and public warnings, and the certificate that outlets would pin.
pub(super) const SIGNING_KEY: &str = "ky-cap.key";
pub(super) const CERTIFICATE: &str = "ky-cap.pem";

/// Fresh files: campaigns, a list of made-up people. Only what a demo writes is replaced.
pub(super) fn prepare(args: &Args) -> anyhow::Result<()> {
    let dir = &args.dir;
    std::fs::create_dir_all(dir.join("campaigns"))?;
    let made = ["loa.db", "loa.db-wal", "loa.db-shm", "loa.key", "loa.toml", "residents.csv", "taken.jsonl"];
    for name in made.into_iter().chain([SIGNING_KEY, CERTIFICATE]) {
        match std::fs::remove_file(dir.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    for (name, text) in DEFINITIONS {
        std::fs::write(dir.join("campaigns").join(name), as_meant(name, text).as_bytes())?;
    }
    let list = io::BufWriter::new(std::fs::File::create(dir.join("residents.csv"))?);
    residents::write_csv(list, args.recipients, args.seed, &[])?;
    Ok(())
}

/// The shipped orders are exercises, which no figures count: here the outlets are stand-ins, and they may be meant.
fn as_meant(name: &str, text: &'static str) -> Cow<'static, str> {
    match name {
        "nhan-tin-qua-nha-mang.toml" | "pho-bien-qua-truong-hoc.toml" => text
            .replace("\"exercise\"     #", "\"actual\"       #")
            .replace("Diễn tập: nhắn tin", "Nhắn tin")
            .replace("Diễn tập: phổ biến", "Phổ biến")
            .into(),
        _ => text.into(),
    }
}

/// A key to sign orders and warnings with, and its certificate. False: nothing here makes one, and they go unsigned.
fn make_signer(dir: &Path) -> bool {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "365", "-subj", "/CN=so-vhttdl.example", "-keyout"])
        .arg(dir.join(SIGNING_KEY))
        .arg("-out")
        .arg(dir.join(CERTIFICATE))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    made.is_ok_and(|status| status.success())
}

/// Gateways that behave as real ones do: some refuse, some stay silent, some receipts come twice or early.
pub(super) async fn stand_ins(args: &Args) -> anyhow::Result<Sandbox> {
    let behaviour = Behaviour {
        latency: Duration::from_millis(2)..=Duration::from_millis(20),
        fail: 0.01,
        cut: 0.001,
        silent: 0.02,
        undelivered: 0.03,
        duplicate: 0.05,
        early: 0.01,
        delay: Duration::from_millis(50)..=Duration::from_millis(800),
        ..Behaviour::default()
    };
    Sandbox::start(sandbox::Options {
        behaviour,
        log: Some(args.dir.join("taken.jsonl")),
        seed: args.seed,
        ..sandbox::Options::default()
    })
    .await
}

/// The demo's loa.toml: written to its folder, so that every other command works there, too.
pub(super) fn config(args: &Args, stand_ins: &Sandbox, authority: &Authority) -> anyhow::Result<Config> {
    let http = stand_ins.http_addr().context("the stand-ins have no HTTP port")?;
    let mail = stand_ins.smtp_addr().context("the stand-ins have no SMTP port")?;
    let carrier = stand_ins.smpp_addr().context("the stand-ins have no SMPP port")?;
    let (rate, window) = (args.rate, 64);
    let text = format!(
        r#"# Made by `loa demo`: everything here talks to stand-in gateways on this machine.
[server]
listen = "127.0.0.1:0"

[database]
url = "sqlite:loa.db"

[office]
name = "Sở Văn hóa, Thể thao và Du lịch"
short = "So VHTTDL"
hotline = "156"

[reporting]
place = "Hà Nội"
symbol = "SVHTTDL"
recipients = ["Như trên"]

{relay}
{bulletins}
[[account]]
name = "esms"
gateway = "esms"
channel = "sms"
url = "http://{http}"
allow_private = true
rate = "{rate}/s"
window = {window}
price = {{ viettel = 300, default = 350 }}
carriers = ["viettel"]
api_key = {{ file = "stand-in.secret" }}
secret_key = {{ file = "stand-in.secret" }}
sender = "SO VHTTDL"

# Wordings as they are registered with carriers: what matches none is not sent by this account.
[[account.template]]
name = "thong-tin"
pattern = "So VHTTDL: {{1}}"

[[account.template]]
name = "canh-bao"
pattern = "So VHTTDL CANH BAO: {{1}}"

[[account.template]]
name = "canh-bao-en"
pattern = "So VHTTDL WARNING: {{1}}"

# Warnings from the shipped patterns.
[[account.template]]
name = "canh-bao-khan"
pattern = "CANH BAO: {{1}}"

[[account]]
name = "mobifone"
gateway = "smpp"
channel = "sms"
host = "{smpp_host}"
port = {smpp_port}
allow_private = true
rate = "{rate}/s"
window = 16
binds = 2
price = 320
carriers = ["mobifone"]
system_id = "demo"
password = {{ file = "stand-in.secret" }}
sender = "SO VHTTDL"

[[account]]
name = "speedsms"
gateway = "speedsms"
channel = "sms"
url = "http://{http}"
allow_private = true
rate = "{rate}/s"
window = {window}
price = 330
carriers = ["vinaphone", "vietnamobile", "gmobile", "wintel", "itel"]
token = {{ file = "stand-in.secret" }}
sender = "SO VHTTDL"

[[account]]
name = "kannel"
gateway = "kannel"
channel = "sms"
url = "http://{http}"
allow_private = true
rate = "{rate}/s"
window = {window}
price = 400
priority = 2
username = "demo"
password = {{ file = "stand-in.secret" }}
sender = "SO VHTTDL"

[[account]]
name = "telegram"
gateway = "telegram"
channel = "chat"
url = "http://{http}"
allow_private = true
rate = "{rate}/s"
window = {window}
token = {{ file = "stand-in.secret" }}

[[account]]
name = "mail"
gateway = "smtp"
channel = "email"
host = "{smtp_host}"
port = {smtp_port}
tls = "none"
allow_private = true
rate = "{rate}/s"
window = 16
from = "Sở VHTTDL <canh-bao@so-vhttdl.example>"
"#,
        relay = super::partners::settings(make_signer(&args.dir)),
        bulletins = authority.settings(),
        smtp_host = mail.ip(),
        smtp_port = mail.port(),
        smpp_host = carrier.ip(),
        smpp_port = carrier.port(),
    );
    // The stand-ins take any secret.
    std::fs::write(args.dir.join("stand-in.secret"), "stand-in")?;
    let file = args.dir.join("loa.toml");
    std::fs::write(&file, text)?;
    Ok(Config::read(Some(&file), &BTreeMap::new())?)
}
