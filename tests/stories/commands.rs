//! An officer sets Loa up and looks around: what there is, what is wrong, what people will get and what it will cost.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    net::{SocketAddr, TcpListener},
    process::{Command, Stdio},
};

use insta::assert_snapshot;
use loa::{
    audience::key,
    db::Db,
    on,
    sandbox::{Options, Sandbox},
};
use sqlx::AssertSqlSafe;

use crate::{
    folder::{Ended, Folder},
    helpers,
};

/// What the example accounts of a first loa.toml read from the environment.
const SECRETS: [(&str, &str); 6] = [
    ("ESMS_API_KEY", "a"),
    ("ESMS_SECRET_KEY", "b"),
    ("SPEEDSMS_TOKEN", "c"),
    ("KANNEL_PASSWORD", "d"),
    ("SMTP_PASSWORD", "e"),
    ("TELEGRAM_TOKEN", "f"),
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

#[test]
fn a_first_set_up_is_well_and_never_written_over() {
    let folder = Folder::new();
    let ended = folder.loa(&["init"]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    assert_snapshot!(ended.out, @"");
    let key = fs::read(folder.path().join("loa.key")).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(folder.path().join("loa.key")).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let checked = folder.loa(&["check"]);
    assert_eq!((checked.code, checked.err.as_str()), (0, ""));

    let again = folder.loa(&["init"]);
    assert_eq!(again.code, 2);
    assert_snapshot!(again.err, @"");
    fs::remove_file(folder.path().join("loa.toml")).unwrap();
    let kept = folder.loa(&["init", "--json"]).json();
    assert_eq!(kept, serde_json::json!({ "made": ["loa.toml"], "kept": ["loa.key", "campaigns"] }));
    assert_eq!(fs::read(folder.path().join("loa.key")).unwrap(), key, "a key is never replaced");
}

#[test]
fn the_example_accounts_work_once_they_are_switched_on() {
    let folder = begun();
    let text = fs::read_to_string(folder.path().join("loa.toml")).unwrap();
    let switched_on = |line: &str| match line.strip_prefix('#') {
        // A hash and a blank begin a comment; these two name files that an office may have.
        Some(rest) if !rest.starts_with([' ', '-']) && !rest.starts_with("ca_file") && !rest.starts_with("holidays") => {
            rest.to_string()
        }
        _ => line.to_string(),
    };
    let text: Vec<String> = text.lines().map(switched_on).collect();
    folder.write("loa.toml", text.join("\n").as_bytes());
    folder.write("gateways/README", b"");
    let checked = folder.loa_with(&["check"], &SECRETS);
    assert_eq!((checked.code, checked.err.as_str()), (0, ""));
    assert_snapshot!(folder.loa_with(&["accounts"], &SECRETS).out, @"");
}

#[test]
fn the_definitions_and_gateways_that_ship_are_well() {
    let root = env!("CARGO_MANIFEST_DIR");
    for folder in ["campaigns", "providers/gateways"] {
        let ended = Folder::new().loa(&["check", &format!("{root}/{folder}")]);
        assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{folder}");
    }
}

#[test]
fn a_gateway_tells_what_it_wants_to_know() {
    let folder = Folder::new();
    assert_snapshot!(folder.loa(&["gateways", "esms"]).out, @"");
    assert_snapshot!(folder.loa(&["gateways", "smtp", "--lang", "en"]).out, @"");
    let wrong = folder.loa(&["gateways", "esmss"]);
    assert_eq!((wrong.code, wrong.err.as_str()), (2, "lỗi: không có cổng `esmss`. Có phải ý là `esms`?\n"));
    let all = folder.loa(&["gateways", "--json"]).json();
    let names: Vec<_> = all.as_array().unwrap().iter().map(|gateway| gateway["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["esms", "kannel", "smtp", "speedsms", "telegram", "vietguys", "vnpt"]);
}

/// What the doctor found, but for what is well or depends on the machine.
fn findings(ended: &Ended) -> String {
    let found = ended.json();
    let list =
        found["findings"].as_array().unwrap().iter().filter(|finding| finding["level"] != "ok" && finding["about"] != "disk");
    let line = |finding: &serde_json::Value| {
        let text = |key: &str| finding[key].as_str().unwrap_or_default().to_string();
        format!("{} {}: {} → {}\n", text("level"), text("about"), text("says"), text("help"))
    };
    list.map(line).collect()
}

#[test]
fn the_doctor_finds_a_new_set_up_well_and_leaves_it_as_it_was() {
    let folder = begun();
    let before = files(&folder);
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let ended = folder.loa_with(&["doctor", "--json"], &[("LOA_SERVER__LISTEN", &free)]);
    assert_eq!(ended.code, 0, "{}", ended.out);
    assert_snapshot!(findings(&ended), @"");
    assert_eq!(files(&folder), before);
}

#[tokio::test]
async fn the_doctor_names_everything_that_waits_for_a_person() {
    let folder = office();
    database(
        &folder,
        "INSERT INTO account (name, channel, receipts, tat, day, used, paused, paused_at)
         VALUES ('viettel', 1, TRUE, 0, '', 0, 'wrong password', 1793500000000);
         INSERT INTO run (campaign, occurrence, origin, kind, definition, date, turn, message, recipients, state, paused, held,
            due_at, expires_at, fan_cursor, fan_top, created_at)
         VALUES ('nhan-dien', 'a', 0, 0, '', '2026-11-02', 0, 'otp', '[]', 1, FALSE, 'budget', 0, 0, 0, 0, 1),
                ('nhan-dien', 'b', 0, 0, '', '2026-11-02', 0, 'otp', '[]', 1, TRUE, NULL, 0, 0, 0, 0, 1);
         INSERT INTO receipt (account, handle, state, reason, detail, received_at, status) VALUES (1, 'x', 5, 0, '', 1, 0);
         INSERT INTO delivery (id, run, segments, owner, account, price, next_at, updated_at, route, message, state, reason,
            attempt, tries, doubts, parts) VALUES (1, 1, 0, 0, 1, 0, 1, 1, 17, 0, 2, 0, 1, 1, 1, 1)",
    )
    .await;
    folder.write("campaigns/hong.toml", b"title = 1");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(folder.path().join("loa.key"), fs::Permissions::from_mode(0o644)).unwrap();
    }
    let before = files(&folder);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let silent = std::thread::spawn(move || drop(taken.accept()));
    let variables = [("LOA_SERVER__LISTEN", address.as_str()), SECRETS[0], SECRETS[1]];
    let ended = folder.loa_with(&["doctor", "--json"], &variables);
    silent.join().unwrap();
    assert_eq!(ended.code, 1);
    let hours = regex_free(&findings(&ended), &address);
    assert_snapshot!(hours, @"");
    assert_eq!(files(&folder), before);

    folder.write("loa.key", "02".repeat(32).as_bytes());
    let ended = folder.loa_with(&["doctor", "--json", "--lang", "en"], &variables);
    assert!(findings(&ended).contains("bad key-fits: the key is not this database's"), "{}", ended.out);
}

/// Without what differs from one time to the next.
fn regex_free(findings: &str, address: &str) -> String {
    let words = findings.replace(address, "ĐỊA_CHỈ");
    let line = |line: &str| match line.split_once("lâu nhất ") {
        Some((before, after)) => format!("{before}lâu nhất N{}\n", after.trim_start_matches(|c: char| c.is_ascii_digit())),
        None => format!("{line}\n"),
    };
    words.lines().map(line).collect()
}

#[tokio::test]
async fn accounts_show_their_quota_and_a_paused_one_goes_on() {
    let folder = office();
    assert_snapshot!(folder.loa_with(&["accounts"], &SECRETS).out, @"");
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
    assert_snapshot!(shown.out, @"");
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
    assert_snapshot!(speedsms.out, @"");
    let mail = test("thu");
    assert_eq!((mail.code, mail.err.as_str()), (0, ""));
    assert!(mail.out.starts_with("✓ thu: "), "{}", mail.out);
    let down = test("tat");
    assert_eq!(down.code, 1);
    assert!(down.err.starts_with("✗ tat: "), "{}", down.err);
    assert!(sandbox.taken().is_empty(), "a test sends nothing");
}

const PEOPLE: &str = "\
ref,name,phone,email,lang,nghe
an,Nguyễn Văn An,0961234567,,,giao-vien
binh,Trần Thị Bình,0901234567,binh@example.vn,en,
cuc,Lê Thị Cúc,0961234567,,,
dung,Phạm Dũng,0911234567,,,
em,Võ Thị Em,0971234567,,,
";

fn listed() -> Folder {
    let folder = office().with("dan.csv", PEOPLE);
    folder.write("loa.key", "01".repeat(32).as_bytes());
    assert_eq!(folder.loa_with(&["audience", "import", "dan.csv"], &SECRETS).code, 0);
    assert_eq!(folder.loa_with(&["audience", "opt-out", "0971234567"], &SECRETS).code, 0);
    folder
}

#[test]
fn a_preview_shows_texts_parts_and_price() {
    let folder = listed();
    let ended = folder.loa_with(&["preview", "nhan-dien", "--html", "thu.html"], &SECRETS);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    assert_snapshot!(ended.out, @"");
    assert!(fs::read_to_string(folder.path().join("thu.html")).unwrap().contains("Không đọc mã OTP"));
    // An and Cúc share a number, Em refuses, Bình has mail, nobody serves Dũng's carrier.
    let json = folder.loa_with(&["preview", "nhan-dien", "--json"], &SECRETS).json();
    let estimate = serde_json::json!({
        "parts": 2, "numbers": 2, "price": 600, "unserved": 1, "most": { "numbers": 3, "price": 1300 }
    });
    assert_eq!(json["messages"][0]["estimate"], estimate);
}

#[test]
fn a_preview_for_one_person_hides_the_address() {
    let folder = listed();
    let ended = folder.loa_with(&["preview", "nhan-dien", "--recipient", "binh"], &SECRETS);
    assert_eq!(ended.code, 0);
    assert_snapshot!(ended.out, @"");
    let nobody = folder.loa_with(&["preview", "nhan-dien", "--recipient", "khong-co"], &SECRETS);
    assert_eq!((nobody.code, nobody.err.as_str()), (2, "lỗi: không có ai mang mã `khong-co`\n"));
    folder.write("campaigns/nhan-dien.toml", CAMPAIGN.replace("OTP cho", "OTP, {{ nghe }}, cho").as_bytes());
    let lacking = folder.loa_with(&["preview", "nhan-dien", "--recipient", "cuc"], &SECRETS);
    assert_eq!(lacking.code, 1);
    assert!(lacking.out.contains("✗ người này không có `nghe`"), "{}", lacking.out);
}

#[test]
fn a_preview_names_what_does_not_exist() {
    let folder = office();
    let campaign = folder.loa_with(&["preview", "nhan-dienn"], &SECRETS);
    assert_eq!((campaign.code, campaign.err.as_str()), (2, "lỗi: không có chiến dịch `nhan-dienn`. Có phải ý là `nhan-dien`?\n"));
    let message = folder.loa_with(&["preview", "nhan-dien", "--message", "opt"], &SECRETS);
    assert_eq!((message.code, message.err.as_str()), (2, "lỗi: không có tin `opt`. Có phải ý là `otp`?\n"));
}

#[test]
fn a_check_looks_into_texts_areas_gateways_and_accounts() {
    let folder = Folder::new()
        .with("loa.toml", &SETTINGS.replace("[office]", "[paths]\ngateways = \"cong\"\n\n[office]").replace("sender ", "sendr "))
        .with(
            "cong/rieng.toml",
            "title = \"Riêng\"\nchannel = \"sms\"\nurl = \"https://sms.example.vn\"\n[send]\npath = \"/\"\nqurey = {}\n",
        )
        .with("campaigns/segments.toml", "[moi-nguoi]\ntitle = \"Mọi người\"\nany = [{ areas = [\"01\", \"99\"] }]\n")
        .with(
            "campaigns/nhan-dien.toml",
            &CAMPAIGN
                .replace("{{ office.short }}", "{{ office.shrt }}")
                .replace("Mã OTP, {{ name }}", "Mã OTP, {{ name | hoa }}")
                .replace("\"Không đọc mã OTP cho bất kỳ ai.\"", "\"\"\"\nKhông đọc \\\n  mã {% for x in name %}\"\"\""),
        );
    let ended = folder.loa_with(&["check"], &SECRETS);
    assert_eq!(ended.code, 2);
    assert_snapshot!(ended.err, @"");
    fs::remove_file(folder.path().join("cong/rieng.toml")).unwrap();
    let ended = folder.loa_with(&["check", "loa.toml"], &SECRETS);
    assert_eq!(ended.code, 2);
    assert_snapshot!(ended.err, @"");
}

#[test]
fn a_field_that_no_recipient_has_is_a_mistake() {
    let folder = listed();
    folder.write("campaigns/nhan-dien.toml", CAMPAIGN.replace("OTP cho", "OTP, {{ nghe }}, cho").as_bytes());
    assert_eq!(folder.loa_with(&["check", "campaigns"], &SECRETS).code, 0);
    folder.write("campaigns/nhan-dien.toml", CAMPAIGN.replace("OTP cho", "OTP, {{ nghee }}, cho").as_bytes());
    let ended = folder.loa_with(&["check", "campaigns"], &SECRETS);
    assert_eq!(ended.code, 2);
    assert_snapshot!(ended.err, @"");
}

#[cfg(unix)]
#[test]
fn the_sandbox_serves_until_it_is_ended() {
    let mut sandbox = Command::new(assert_cmd::cargo::cargo_bin!("loa"))
        .args(["sandbox", "--smtp", "127.0.0.1:0", "--http", "127.0.0.1:0"])
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
