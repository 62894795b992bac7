//! An officer sets Loa up and looks around: what there is, what is wrong, what people will get and what it will cost.

mod accounts;
mod check;
mod doctor;
mod init;
mod preview;

use std::fs;

use loa::{audience::key, db::Db, on};
use sqlx::AssertSqlSafe;

use crate::{folder::Folder, helpers};

/// What the example accounts of a first loa.toml read from the environment.
const SECRETS: [(&str, &str); 12] = [
    ("ESMS_API_KEY", "a"),
    ("ESMS_SECRET_KEY", "b"),
    ("SPEEDSMS_TOKEN", "c"),
    ("KANNEL_PASSWORD", "d"),
    ("SMTP_PASSWORD", "e"),
    ("TELEGRAM_TOKEN", "f"),
    ("VIETTEL_SMPP_PASSWORD", "g"),
    ("ZALO_SECRET", "h"),
    ("ZALO_OA_SECRET", "i"),
    ("ZALO_REFRESH_TOKEN", "j"),
    ("LOA_OIDC_SECRET", "k"),
    ("UPSTREAM_TOKEN", "x"),
];

fn begun() -> Folder {
    let folder = Folder::new();
    assert_eq!(folder.loa(&["init"]).code, 0);
    folder
}

/// Every file below a folder, by name.
fn files(folder: &Folder) -> Vec<String> {
    let mut open = vec![folder.path().to_path_buf()];
    let mut found = Vec::new();
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            found.push(path.strip_prefix(folder.path()).unwrap().display().to_string());
            if path.is_dir() {
                open.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Makes the folder's database with the key of byte 1, and runs statements in it.
async fn database(folder: &Folder, statements: &str) {
    let db = Db::open(&format!("sqlite:{}", folder.path().join("loa.db").display())).await.unwrap();
    db.migrate().await.unwrap();
    key::load(&db, &helpers::key(1), &[]).await.unwrap();
    for statement in statements.split(';').filter(|statement| !statement.trim().is_empty()) {
        let statement = statement.to_string();
        on!(db.write, |pool, _sql| sqlx::query(AssertSqlSafe(statement)).execute(pool).await.map(|_| ())).unwrap();
    }
    db.close().await;
    folder.write("loa.key", "01".repeat(32).as_bytes());
}

const SETTINGS: &str = r#"
[server]
key = { file = "loa.key" }
public_url = "https://canhbao.example.vn"

[office]
short = "So VHTTDL"

[[account]]
name     = "viettel"
gateway  = "esms"
channel  = "sms"
rate     = "20/s"
daily    = 1000
price    = { viettel = 300, default = 350 }
carriers = ["viettel", "mobifone"]
sender   = "SoVHTTDL"
api_key    = { env = "ESMS_API_KEY" }
secret_key = { env = "ESMS_SECRET_KEY" }
"#;

const CAMPAIGN: &str = r#"title = "Nhận diện lừa đảo"
kind  = "awareness"
owner = "Sở Văn hóa, Thể thao và Du lịch"

[audience]
segments = ["moi-nguoi"]

[channels]
use = ["email", "sms"]

[sending]
sms_text = "unicode"

[[message]]
id  = "otp"
sms = "{{ office.short }}: Không đọc mã OTP cho bất kỳ ai, kể cả người xưng là công an hay ngân hàng."

[message.email]
subject = "Mã OTP, {{ name }}"
body    = "Không đọc mã OTP cho bất kỳ ai."

[message.lang.en]
sms = "Never tell anyone your OTP."
"#;

fn office() -> Folder {
    Folder::new()
        .with("loa.toml", SETTINGS)
        .with("campaigns/segments.toml", "[moi-nguoi]\ntitle = \"Mọi người\"\n")
        .with("campaigns/nhan-dien.toml", CAMPAIGN)
}
