//! Databases of PostgreSQL, each copied from one that is migrated already.

use std::sync::atomic::{AtomicU32, Ordering};

use loa::db::Db;
use sqlx::{Connection as _, Executor as _, PgConnection};
use tokio::sync::OnceCell;

/// Held while the migrated database is looked for or made: other test programs may do so at this moment.
const LOCK: &str = "SELECT pg_advisory_lock(7316421)";

static TEMPLATE: OnceCell<String> = OnceCell::const_new();
static NEXT: AtomicU32 = AtomicU32::new(0);

fn server() -> String {
    std::env::var("LOA_TEST_POSTGRES").expect("there is no PostgreSQL to test with: run through make test")
}

fn address(name: &str) -> String {
    let server = server();
    let (base, _) = server.rsplit_once('/').unwrap();
    format!("{base}/{name}")
}

async fn run(text: String) {
    let mut admin = PgConnection::connect(&server()).await.unwrap();
    admin.execute(sqlx::AssertSqlSafe(text)).await.unwrap();
    admin.close().await.unwrap();
}

/// The migrated database's name. It outlives this program: the next one finds it, as long as the migrations stay.
async fn template() -> String {
    let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/postgres")).unwrap();
    let mut files: Vec<_> = folder.map(|file| file.unwrap().path()).collect();
    files.sort();
    let texts = files.iter().flat_map(|file| std::fs::read(file).unwrap());
    let hash = texts.fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
    let name = format!("loa_migrated_{hash:x}");
    let mut admin = PgConnection::connect(&server()).await.unwrap();
    admin.execute(LOCK).await.unwrap();
    let known: i64 = sqlx::query_scalar("SELECT count(*) FROM pg_database WHERE datname = $1")
        .bind(&name)
        .fetch_one(&mut admin)
        .await
        .unwrap();
    if known == 0 {
        let raw = format!("{name}_raw");
        admin.execute(sqlx::AssertSqlSafe(format!("DROP DATABASE IF EXISTS {raw} WITH (FORCE)"))).await.unwrap();
        admin.execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {raw}"))).await.unwrap();
        let db = Db::open(&address(&raw)).await.unwrap();
        db.migrate().await.unwrap();
        db.close().await;
        admin.execute(sqlx::AssertSqlSafe(format!("ALTER DATABASE {raw} RENAME TO {name}"))).await.unwrap();
    }
    admin.close().await.unwrap();
    name
}

pub async fn fresh() -> (Db, String) {
    let template = TEMPLATE.get_or_init(template).await;
    let name = format!("loa_test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    run(format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
    (Db::open(&address(&name)).await.unwrap(), name)
}

/// A database without any table.
pub async fn empty() -> (Db, String) {
    let name = format!("loa_test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    run(format!("CREATE DATABASE {name}")).await;
    (Db::open(&address(&name)).await.unwrap(), name)
}

pub async fn drop(name: &str) {
    run(format!("DROP DATABASE {name} WITH (FORCE)")).await;
}
