//! An office as it stands after its set-up: settings, campaigns, made-up people, and `loa serve` on them. Its gateways are stand-ins
//! in this process.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use loa::{
    config::SecretKey,
    db::Db,
    on,
    sandbox::{self, Behaviour, Sandbox, residents},
    seal::Seal,
};
use sqlx::AssertSqlSafe;
use tempfile::TempDir;

use super::{Owned, browser::Browser, free_port, key};

/// A folder with an office's files, and the process that serves it.
pub struct Office {
    folder: TempDir,
    /// Where its pages are.
    pub url: String,
    /// What its gateways took.
    pub stand_ins: Sandbox,
    serve: Option<Owned>,
}

/// A campaign that may be sent at any hour: stories do not look at the clock.
const AT_ANY_HOUR: &str = r#"title = "Không đưa mã OTP cho ai"
kind = "awareness"
owner = "Sở Văn hóa, Thể thao và Du lịch"

[audience]
segments = ["nguoi-cao-tuoi", "can-bo"]
goal = 0.8

[channels]
use = ["sms", "email"]

[sending]
hours = "00:00-24:00"
valid_for = "24h"

[[message]]
id = "otp"
sms = "So VHTTDL: Khong doc ma OTP cho bat ky ai. Bao tin lua dao: 156 hoac 5656."

[message.email]
subject = "Mã OTP: không đọc cho bất kỳ ai"
body = "Kính gửi {{ name | default('Ông/Bà') }},\n\nNgân hàng không bao giờ hỏi **mã OTP**."
"#;

/// The byte of which the office's key is made.
const KEY: u8 = 7;

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap().path();
        let copied = to.join(file.file_name().unwrap());
        if file.is_dir() { copy(&file, &copied) } else { std::fs::copy(&file, copied).map(|_| ()).unwrap() }
    }
}

impl Office {
    /// Files and stand-ins; nothing runs yet. Accounts are fast.
    pub async fn prepare(behaviour: Behaviour) -> Self {
        Self::prepare_at(behaviour, 200).await
    }

    /// The same with accounts that send so many messages a second.
    pub async fn prepare_at(behaviour: Behaviour, rate: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        let stand_ins = Sandbox::start(sandbox::Options { behaviour, ..sandbox::Options::default() }).await.unwrap();
        let (http, mail) = (stand_ins.http_addr().unwrap(), stand_ins.smtp_addr().unwrap());
        let port = free_port();
        let campaigns = dir.join("campaigns");
        copy(Path::new("campaigns"), &campaigns);
        std::fs::write(campaigns.join("ma-otp.toml"), AT_ANY_HOUR).unwrap();
        std::fs::write(dir.join("loa.key"), format!("{KEY:02x}").repeat(32)).unwrap();
        std::fs::write(
            dir.join("loa.toml"),
            format!(
                r#"
[server]
listen = "127.0.0.1:{port}"
[database]
url = "sqlite:loa.db"
[office]
name = "Sở Văn hóa, Thể thao và Du lịch"
short = "So VHTTDL"
hotline = "156"
[[account]]
name = "esms"
gateway = "esms"
channel = "sms"
url = "http://{http}"
allow_private = true
rate = "{rate}/s"
window = 20
price = 300
api_key = {{ env = "STAND_IN" }}
secret_key = {{ env = "STAND_IN" }}
sender = "SO VHTTDL"
[[account]]
name = "mail"
gateway = "smtp"
channel = "email"
host = "{}"
port = {}
tls = "none"
allow_private = true
rate = "{rate}/s"
window = 10
from = "Sở <so@example.vn>"
"#,
                mail.ip(),
                mail.port(),
            ),
        )
        .unwrap();
        Self { folder, url: format!("http://127.0.0.1:{port}"), stand_ins, serve: None }
    }

    /// Its folder.
    pub fn dir(&self) -> &Path {
        self.folder.path()
    }

    /// A command of its own.
    pub fn command(&self) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("loa"));
        command.current_dir(self.dir()).env("STAND_IN", "not-a-secret").env("LOA_LANG", "vi").env("LOA_LOG", "warn");
        command
    }

    /// Runs `loa` to its end, which must be a good one, and gives what it printed.
    pub fn loa(&self, args: &[&str]) -> String {
        let Output { status, stdout, stderr } = self.command().args(args).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        assert!(status.success(), "loa {args:?}: {out}{err}");
        out.into_owned()
    }

    /// Takes in so many made-up people.
    pub fn import(&self, people: u64) {
        let list = std::fs::File::create(self.dir().join("residents.csv")).unwrap();
        residents::write_csv(list, people, 3, &[]).unwrap();
        self.loa(&["audience", "import", "residents.csv", "--source", "residents"]);
    }

    /// What somebody of these stories signs in with.
    pub fn password(email: &str) -> String {
        format!("{}: trâu ơi ta bảo", email.split('@').next().unwrap())
    }

    /// Adds who passes texts on in Hà Nội.
    pub fn outlet(&self, slug: &str, title: &str, kind: &str) {
        let contact = format!("{slug}@example.vn");
        let fields = ["--title", title, "--kind", kind, "--way", "hand", "--area", "01", "--contact", &contact, "--by", "story"];
        self.loa(&[&["outlets", "add", slug], &fields[..]].concat());
    }

    /// Adds somebody who may sign in; their password.
    pub fn user(&self, email: &str, name: &str, roles: &[&str]) -> String {
        let roles: Vec<&str> = roles.iter().flat_map(|role| ["--role", role]).collect();
        self.add_user(email, name, &roles)
    }

    /// Adds somebody who acts for an outlet, and for nobody else.
    pub fn partner(&self, email: &str, name: &str, outlet: &str) -> String {
        self.add_user(email, name, &["--role", "partner", "--outlet", outlet])
    }

    fn add_user(&self, email: &str, name: &str, more: &[&str]) -> String {
        let password = Self::password(email);
        let mut command = self.command();
        command.args(["user", "add", email, "--name", name, "--password", "--by", "story"]).args(more);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        writeln!(child.stdin.take().unwrap(), "{password}").unwrap();
        let done = child.wait_with_output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        password
    }

    /// Signs somebody in by the page.
    pub async fn sign_in(&self, browser: &Browser, email: &str, password: &str) {
        browser.go(&format!("{}/sign-in", self.url)).await;
        browser.fill("Địa chỉ e-mail", email).await;
        browser.fill("Mật khẩu", password).await;
        browser.press("Đăng nhập").await;
        browser.sees("Đăng xuất").await;
    }

    /// A number that a query of its database gives.
    pub async fn number(&self, query: &str) -> i64 {
        let (db, query) = (self.db().await, query.to_string());
        let number = on!(db.read, |pool, _sql| sqlx::query_scalar(AssertSqlSafe(query)).fetch_one(pool).await).unwrap();
        db.close().await;
        number
    }

    /// Asks again until the query gives 1: for what `loa serve` does by itself.
    pub async fn until(&self, what: &str, query: &str) {
        let begun = Instant::now();
        while self.number(query).await != 1 {
            assert!(begun.elapsed() < Duration::from_secs(90), "not yet: {what}\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Starts `loa serve`, and returns once it listens.
    pub fn serve(&mut self) {
        let log = std::fs::File::create(self.dir().join("serve.log")).unwrap();
        let mut child = self.command().arg("serve").stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        self.serve = Some(Owned(child));
        assert!(line.starts_with("http://"), "{line}{}", self.log());
    }

    /// What `loa serve` had to say.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir().join("serve.log")).unwrap_or_default()
    }

    /// A look into its database from outside.
    pub async fn db(&self) -> Db {
        Db::find(&format!("sqlite:{}", self.dir().join("loa.db").display())).await.unwrap().unwrap()
    }

    /// Its keys.
    pub async fn seal(&self) -> Seal {
        let key: SecretKey = key(KEY);
        loa::audience::key::load(&self.db().await, &key, &[]).await.unwrap()
    }
}
