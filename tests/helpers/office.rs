//! An office as it stands after its set-up: settings, campaigns, made-up people, and `loa serve` on them. Its gateways are stand-ins
//! in this process.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Output, Stdio},
};

use loa::{
    config::SecretKey,
    db::Db,
    sandbox::{self, Behaviour, Sandbox, residents},
    seal::Seal,
};
use tempfile::TempDir;

use super::{Owned, free_port, key};

/// A folder with an office's files, and the process that serves it.
pub struct Office {
    folder: TempDir,
    /// Where its pages are.
    pub url: String,
    /// What its gateways took.
    pub stand_ins: Sandbox,
    serve: Option<Owned>,
}

/// The byte of which the office's key is made.
const KEY: u8 = 7;

impl Office {
    /// Files and stand-ins; nothing runs yet.
    pub async fn prepare(behaviour: Behaviour) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        let stand_ins = Sandbox::start(sandbox::Options { behaviour, ..sandbox::Options::default() }).await.unwrap();
        let (http, mail) = (stand_ins.http_addr().unwrap(), stand_ins.smtp_addr().unwrap());
        let port = free_port();
        let campaigns = dir.join("campaigns");
        std::fs::create_dir(&campaigns).unwrap();
        for file in std::fs::read_dir("campaigns").unwrap() {
            let file = file.unwrap();
            if file.path().is_file() {
                std::fs::copy(file.path(), campaigns.join(file.file_name())).unwrap();
            }
        }
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
rate = "200/s"
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
rate = "200/s"
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
