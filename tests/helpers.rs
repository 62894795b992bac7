//! What stories share.

pub mod browser;
pub mod console;
pub mod fill;
pub mod home;
pub mod judges;
pub mod office;
pub mod orders;
pub mod routes;
pub mod signers;

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use chrono::{TimeZone as _, Utc};
use loa::{clock::Clock, config::SecretKey, db::Db, on, seal::Seal};
use sqlx::AssertSqlSafe;
use tempfile::TempDir;

/// A fresh, migrated database of one engine, a seal for it, and a clock that stands still.
pub struct Ground {
    pub db: Db,
    /// Where the database is: what `--database` takes.
    pub url: String,
    pub seal: Seal,
    pub clock: Clock,
    pub folder: TempDir,
}

/// A child that does not outlive its test.
pub struct Owned(pub Child);

impl Owned {
    /// Ends it in order.
    pub fn end(mut self) {
        assert!(Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status().unwrap().success());
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A port on which nobody listened just now.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Every file below a folder whose name has this extension, in order.
pub fn files_below(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.append(&mut files_below(&path, extension));
        } else if path.extension().is_some_and(|is| is == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// A key of 32 equal bytes.
pub fn key(byte: u8) -> SecretKey {
    SecretKey(Arc::new(secrecy::SecretBox::new(Box::new([byte; 32]))))
}

/// One ground an engine.
pub async fn grounds() -> Vec<Ground> {
    let mut grounds = vec![ground(None).await];
    let server = std::env::var("LOA_TEST_POSTGRES").expect("there is no PostgreSQL to test with: run through make test");
    grounds.push(ground(Some(&server)).await);
    grounds
}

async fn ground(server: Option<&str>) -> Ground {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let folder = tempfile::tempdir().unwrap();
    let url = match server {
        None => format!("sqlite:{}", folder.path().join("loa.db").display()),
        Some(server) => {
            let name = format!("loa_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
            let db = Db::open(server).await.unwrap();
            let make = format!("CREATE DATABASE {name}");
            on!(db.write, |pool, _sql| sqlx::query(AssertSqlSafe(make)).execute(pool).await.map(|_| ())).unwrap();
            db.close().await;
            let mut parts = server.splitn(4, '/');
            let (scheme, host) = (parts.next().unwrap(), parts.nth(1).unwrap());
            format!("{scheme}//{host}/{name}")
        }
    };
    let db = Db::open(&url).await.unwrap();
    db.migrate().await.unwrap();
    let (clock, _) = Clock::manual(Utc.with_ymd_and_hms(2026, 11, 2, 1, 0, 0).unwrap());
    let seal = loa::audience::key::load(&db, &key(1), &[]).await.unwrap();
    Ground { db, url, seal, clock, folder }
}

impl Ground {
    /// A number that a query gives.
    pub async fn number(&self, query: &str) -> i64 {
        let query = query.to_string();
        on!(self.db.read, |pool, _sql| sqlx::query_scalar::<_, i64>(AssertSqlSafe(query)).fetch_one(pool).await).unwrap()
    }

    /// Runs statements that a story needs to set its scene.
    pub async fn execute(&self, statements: &str) {
        for statement in statements.split(';').filter(|statement| !statement.trim().is_empty()) {
            let statement = statement.to_string();
            on!(self.db.write, |pool, _sql| sqlx::query(AssertSqlSafe(statement)).execute(pool).await.map(|_| ())).unwrap();
        }
    }
}

/// What `tests/setup` says of a peer.
pub fn peer(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run through `make test`"))
}
