//! What is measured on: a fresh database with made-up people in it, and the application that sends to them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use sqlx::AssertSqlSafe;

use crate::{
    account::{self, Accounts, StandIns},
    active::Active,
    app::{self, App, Options, Part},
    audience::import::{Order, import},
    campaign::{Holidays, Library, Source},
    clock::Clock,
    config::Config,
    db::{Db, Engine, affected},
    delivery::State,
    on,
    run::{self, Runner, command},
    sandbox::residents,
    seal::Seal,
    tally,
    words::Lang,
};

/// How often it is asked whether everything is sent.
const LOOK: Duration = Duration::from_millis(10);
/// A step that makes no progress ends with an error instead of never.
const PATIENCE: Duration = Duration::from_mins(2);

const SEGMENTS: &str = "[moi-nguoi]\ntitle = \"Mọi người\"\n";

/// A campaign to everybody over one channel, at any hour.
fn campaign(channel: &str) -> String {
    format!(
        r#"title = "Đo hiệu năng"
kind = "awareness"
owner = "Sở Văn hóa, Thể thao và Du lịch"

[audience]
segments = ["moi-nguoi"]

[channels]
use = ["{channel}"]

[sending]
hours = "00:00-24:00"
valid_for = "24h"

[[message]]
id = "otp"
sms = "SO VHTTDL: {{{{ name }}}}, khong cung cap ma OTP cho bat ky ai. Bao tin nhan lua dao: 156 hoac 5656"

[message.email]
subject = "Không cung cấp mã OTP cho bất kỳ ai"
body = """
Kính gửi {{{{ name }}}},

Ngân hàng và cơ quan nhà nước **không bao giờ** hỏi mã OTP qua điện thoại. Nếu có người hỏi:

- Dừng cuộc gọi, không bấm vào đường dẫn.
- Gọi số in trên thẻ của ngân hàng.
- Báo tin nhắn lừa đảo tới 156 hoặc 5656.
"""
"#
    )
}

/// A folder of this measurement's own, which goes with it.
pub struct Folder(PathBuf);

impl Folder {
    /// A new folder beneath `dir`.
    pub fn new(dir: &Path) -> std::io::Result<Self> {
        let path = std::path::absolute(dir)?.join(format!("loa-bench-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is left for the person who looks into the folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Where databases are made.
#[derive(Debug, Clone)]
pub enum Store {
    /// A file of its own.
    Sqlite,
    /// A database of its own on this server.
    Postgres(String),
}

impl Store {
    /// The name in figures.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres(_) => "postgres",
        }
    }

    /// Where a database of this name is.
    fn url(&self, folder: &Path, name: &str) -> anyhow::Result<String> {
        Ok(match self {
            Self::Sqlite => format!("sqlite:{}", folder.join("loa.db").display()),
            Self::Postgres(server) => {
                let (base, _) = server.rsplit_once('/').context("the address of PostgreSQL names no database")?;
                format!("{base}/{name}")
            }
        })
    }

    /// Has the server do something with a database of its own; an embedded one comes and goes with its file.
    async fn administer(&self, text: String) -> anyhow::Result<()> {
        if let Self::Postgres(server) = self {
            let db = Db::open(server).await?;
            on!(db.write, |pool, _sql| sqlx::query(AssertSqlSafe(text)).execute(pool).await.map(affected))?;
            db.close().await;
        }
        Ok(())
    }
}

/// A database with people in it.
pub struct Ground {
    /// The database.
    pub db: Db,
    /// Its keys.
    pub seal: Seal,
    /// The clock.
    pub clock: Clock,
    /// People in the list.
    pub people: u64,
    /// How long their import took.
    pub imported_in: Duration,
    config: Config,
    library: Library,
    store: Store,
    name: String,
    _folder: Folder,
}

impl Ground {
    /// A fresh database beneath `folder`, with `people` made-up people, and these `[[account]]` sections.
    pub async fn new(
        folder: &Folder,
        step: &str,
        store: Store,
        people: u64,
        accounts: &str,
        clock: &Clock,
    ) -> anyhow::Result<Self> {
        let name = format!("loa_bench_{}_{step}", std::process::id());
        let path = folder.path().join(format!("{step}-{}", store.name()));
        let campaigns = path.join("campaigns");
        std::fs::create_dir_all(&campaigns)?;
        let folder = Folder(path.clone());
        std::fs::write(campaigns.join("segments.toml"), SEGMENTS)?;
        for channel in ["sms", "email"] {
            std::fs::write(campaigns.join(format!("{channel}.toml")), campaign(channel))?;
        }
        let (library, problems) = Library::read(&campaigns);
        anyhow::ensure!(problems.is_empty(), "the campaigns that are measured with are broken");

        let settings = path.join("loa.toml");
        std::fs::write(&settings, format!("[server]\nlisten = \"127.0.0.1:0\"\n{accounts}"))?;
        let env = BTreeMap::from([
            ("LOA_BENCH_SECRET".to_string(), "stand-in".to_string()),
            ("LOA_BENCH_RSA".to_string(), include_str!("../../../tests/peers/dkim-rsa.pem").to_string()),
            ("LOA_BENCH_ED25519".to_string(), include_str!("../../../tests/peers/dkim-ed25519.pem").to_string()),
            ("LOA_DATABASE__URL".to_string(), store.url(&path, &name)?),
        ]);
        let config = Config::read(Some(&settings), &env)?;
        store.administer(format!("CREATE DATABASE {name}")).await?;
        let app::Opened { db, seal } = app::open(&config).await?;

        let list = path.join("people.csv");
        residents::write_csv(BufWriter::new(std::fs::File::create(&list)?), people, 1, &[])?;
        let begun = Instant::now();
        let order = Order { path: list, source: "bench".into(), replace: false, lang: Lang::default() };
        let summary = import(&db, &seal, clock, &order, |_| {}).await?;
        let imported_in = begun.elapsed();
        anyhow::ensure!(summary.added == people, "{} of {people} people were imported", summary.added);
        Ok(Self { db, seal, clock: clock.clone(), people, imported_in, config, library, store, name, _folder: folder })
    }

    /// A run over a channel, fanned out and paused; how long its fan-out took.
    pub async fn fan_out(&self, channel: &str) -> anyhow::Result<(i64, Duration)> {
        let source = self.campaign(channel)?;
        let segments = &self.library.segments_text;
        let asked = run::make::Asked { source, segments, recipients: &[], once: None, by: None };
        let run = run::make::asked(&self.db, &asked, &Holidays::built_in(), self.clock.now()).await?;
        let active = Arc::new(Active::new(self.db.clone(), BTreeMap::new()));
        let runner = Runner {
            db: self.db.clone(),
            clock: self.clock.clone(),
            node: 0,
            active: Arc::clone(&active),
            lines: Arc::new(Vec::new),
        };
        let begun = Instant::now();
        loop {
            active.refresh().await?;
            if !runner.step().await? {
                break;
            }
        }
        let took = begun.elapsed();
        command::pause(&self.db, run).await?;
        Ok((run, took))
    }

    /// The campaign over a channel.
    pub fn campaign(&self, channel: &str) -> anyhow::Result<&Source> {
        self.library.campaigns.get(channel).context("no such campaign")
    }

    /// The text of `segments.toml`.
    pub fn segments(&self) -> &str {
        &self.library.segments_text
    }

    /// Makes the accounts of the settings known to the database; the number of the first.
    pub async fn know_accounts(&self) -> anyhow::Result<i64> {
        Accounts::build(&self.config, &account::gateways(None)?, &self.db, &self.seal, &self.clock).await?;
        let first = AssertSqlSafe("SELECT min(id) FROM account".to_string());
        Ok(on!(self.db.read, |pool, _sql| sqlx::query_scalar(first).fetch_one(pool).await)?)
    }

    /// Starts the application on this database.
    pub async fn start(&self, parts: &[Part], stand_ins: StandIns) -> anyhow::Result<App> {
        let options = Options { parts: parts.iter().copied().collect::<BTreeSet<_>>(), cadence: false, stand_ins };
        App::start(self.config.clone(), self.clock.clone(), Holidays::built_in(), options).await
    }

    /// Lets the application send a paused run: how many messages, in what time, until every outcome is recorded.
    pub async fn send(&self, app: &App, run: i64) -> anyhow::Result<(u64, Duration)> {
        self.send_until(app, run, State::Accepted).await
    }

    /// The same, until all of them are `in_the_end`.
    pub async fn send_until(&self, app: &App, run: i64, in_the_end: State) -> anyhow::Result<(u64, Duration)> {
        let is_open = |state| state != in_the_end && matches!(state, State::Pending | State::Submitting | State::Accepted);
        let waiting = self.count(run, is_open).await?;
        let begun = Instant::now();
        command::resume(&self.db, run).await?;
        app.wake().await?;
        self.until(|| async { Ok(self.count(run, is_open).await? == 0) }).await?;
        let took = begun.elapsed();
        let ended = self.count(run, |state| state == in_the_end).await?;
        anyhow::ensure!(ended == waiting, "{ended} of {waiting} messages are {in_the_end:?}");
        Ok((waiting, took))
    }

    /// Waits until something holds.
    pub async fn until<F: Future<Output = anyhow::Result<bool>>>(&self, mut holds: impl FnMut() -> F) -> anyhow::Result<()> {
        let waiting = async {
            while !holds().await? {
                tokio::time::sleep(LOOK).await;
            }
            Ok(())
        };
        tokio::time::timeout(PATIENCE, waiting).await.context("it took longer than two minutes")?
    }

    /// How many deliveries of a run are in such a state.
    pub async fn count(&self, run: i64, fits: impl Fn(State) -> bool) -> anyhow::Result<u64> {
        let tallies = tally::of_runs(&self.db, &[run]).await?;
        let n: i64 = tallies.iter().filter(|(key, _)| fits(State::from_number(key.state))).map(|(_, count)| count.n).sum();
        Ok(u64::try_from(n)?)
    }

    /// Runs a statement of the measurement's own.
    pub async fn execute(&self, text: &str) -> anyhow::Result<u64> {
        Ok(on!(self.db.write, |pool, _sql| sqlx::query(AssertSqlSafe(text.to_string())).execute(pool).await.map(affected))?)
    }

    /// Which engine it is on.
    pub const fn engine(&self) -> Engine {
        self.db.engine()
    }

    /// Checks that nothing was lost or doubled on the way, and removes the database.
    pub async fn close(self) -> anyhow::Result<()> {
        let differences = tally::differences(&self.db).await?;
        self.db.close().await;
        self.store.administer(format!("DROP DATABASE {} WITH (FORCE)", self.name)).await?;
        anyhow::ensure!(differences.is_empty(), "the tallies differ from the rows: {differences:?}");
        Ok(())
    }
}
