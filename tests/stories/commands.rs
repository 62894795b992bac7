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
const SECRETS: [(&str, &str); 10] = [
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
    assert_snapshot!(ended.out, @r#"
    ✓ loa.key: khóa niêm phong dữ liệu cá nhân, chỉ chủ tệp đọc được
    ✓ campaigns: 4 chiến dịch mẫu, nhóm người nhận, mục tiêu
    ✓ loa.toml: cấu hình, có chú thích từng khóa

    Việc tiếp theo:
      1. cất một bản sao khóa ở nơi khác: không có nó thì không đọc được cơ sở dữ liệu
      2. điền [office], bật tài khoản gửi tin trong cấu hình; `loa gateways` liệt kê các cổng
      3. loa check                          kiểm tra cấu hình và chiến dịch
      4. loa audience import DANH_SACH.csv  nhập danh sách người nhận
      5. loa preview nhan-dien-lua-dao      xem trước lời nhắn và chi phí
      6. loa doctor, rồi loa serve
    "#);
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
    assert_snapshot!(again.err, @r#"lỗi: loa.toml đã có: `loa init` không ghi đè. Xem `loa doctor` để biết còn thiếu gì"#);
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
    assert_snapshot!(folder.loa_with(&["accounts"], &SECRETS).out, @r#"
                                                            Giá
    Tài khoản  Kênh   Cổng      Tốc độ  Cùng lúc  Hôm nay   (đồng/phần)  Ưu tiên  Nhà mạng    Tình trạng
    esms       sms    esms      20/s    20        0/100000  viettel      1                    hoạt động
                                                            350, khác
                                                            400
    viettel    sms    smpp      50/s    10        0         300          1        viettel     hoạt động
    kannel     sms    kannel    50/s    10        0         300          1        viettel,    hoạt động
                                                                                  vinaphone,
                                                                                  mobifone
    speedsms   sms    speedsms  10/s    10        0         420          2                    hoạt động
    smtp       email  smtp      10/s    5         0         0            1                    hoạt động
    zalo       chat   zalo      3000/m  10        0         zalo 100,    1                    hoạt động
                                                            zalo-phone
                                                            300, khác 0
    telegram   chat   telegram  25/s    10        0         0            1                    hoạt động
    "#);
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
    assert_snapshot!(folder.loa(&["gateways", "esms"]).out, @r#"
    esms: eSMS (chăm sóc khách hàng), kênh sms
      có báo phát; bỏ qua tin lặp lại trong 1 ngày; tự hỏi kết quả cách 10 phút, từ 15 phút đến 3 ngày
      sau khi gửi
      Khóa                                       Ý nghĩa
      api_key     bắt buộc, bí mật               API key from the eSMS console
      secret_key  bắt buộc, bí mật               secret key from the eSMS console
      sender      bắt buộc                       registered sender name, at most 11 characters
      sandbox     mặc định 0                     1: eSMS checks the request and sends nothing
      url         mặc định https://rest.esms.vn  địa chỉ của cổng
    "#);
    assert_snapshot!(folder.loa(&["gateways", "smtp", "--lang", "en"]).out, @r#"
    smtp: SMTP, channel email
      sends no receipts
      Key                                                     Meaning
      host        required                                    the mail server's name
      port        default 587; tls = implicit: 465, none: 25  TCP port
      tls         default starttls                            none, starttls or implicit
      username                                                whom to sign in as; none: without
      password    secret                                      the password to sign in with
      from        required                                    the sender with a display name: Office
                                                              <warn@example.vn>
      reply_to                                                where answers go, if not to from
      bounce                                                  where bounces go, if not to from
      hello_name                                              this machine's name in EHLO
      timeout     default 60s                                 time for one mail, from 1s to 600s
    "#);
    let wrong = folder.loa(&["gateways", "esmss"]);
    assert_eq!((wrong.code, wrong.err.as_str()), (2, "lỗi: không có cổng `esmss`. Có phải ý là `esms`?\n"));
    let all = folder.loa(&["gateways", "--json"]).json();
    let names: Vec<_> = all.as_array().unwrap().iter().map(|gateway| gateway["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "esms",
            "esms-bulk",
            "fpt",
            "kannel",
            "smpp",
            "smtp",
            "speedsms",
            "stringee",
            "telegram",
            "vietguys",
            "viettel",
            "vnpt",
            "zalo"
        ]
    );
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
    assert_snapshot!(findings(&ended), @r#"
    warning accounts: chưa có tài khoản gửi tin nào → thêm [[account]]; `loa gateways` liệt kê các cổng
    warning database: chưa có cơ sở dữ liệu → `loa audience import DANH_SACH.csv` hoặc `loa serve` sẽ tạo
    "#);
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
    assert_snapshot!(hours, @r#"
    bad key-permissions: người khác trên máy này đọc được tệp khóa loa.key → chmod 600 loa.key
    bad campaigns: campaigns: 6 lỗi, 1 chiến dịch dùng được → `loa check` chỉ ra từng chỗ
    bad account-paused: tài khoản viettel: đã dừng từ 09:26 01/11/2026: wrong password → sửa nguyên nhân, thử bằng `loa accounts --test viettel`, rồi `loa accounts --resume viettel`
    warning run-paused: đợt 2 (nhan-dien) đang tạm dừng → gửi tiếp: `loa resume 2`; dừng hẳn: `loa abort 2`
    warning run-held: đợt 1 (nhan-dien) đang đứng: budget → xử lý nguyên nhân rồi chạy `loa resume 1`
    warning doubts: 1 lượt tin chưa rõ kết quả, lâu nhất N giờ → chạy `loa serve`: nó đối chiếu và kết luận
    warning receipts: 1 báo phát chưa khớp với tin nào, lâu nhất N giờ → kiểm tra `loa serve` đang chạy, và địa chỉ báo phát thuộc đúng tài khoản (loa accounts --callback TÊN)
    bad port: chương trình khác đang chiếm ĐỊA_CHỈ, hoặc loa không trả lời → dừng chương trình đó, hoặc đổi `listen` trong [server]
    "#);
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
    assert_snapshot!(ended.out, @r#"
    Nhận diện lừa đảo

    [otp]
      email (vi)
        │ Mã OTP, Nguyễn Thị Thanh Hương
        │
        │ Không đọc mã OTP cho bất kỳ ai.
        │
        │ --
        │ Sở Văn hóa, Thể thao và Du lịch
        │ Thư này không yêu cầu cung cấp mật khẩu, mã OTP hay chuyển tiền.
        │ Từ chối nhận tin: https://canhbao.example.vn/u/0123456789abcdefghijkl
      sms (vi)
        không dấu · GSM · 1 phần · 85 ký tự
        │ So VHTTDL: Khong doc ma OTP cho bat ky ai, ke ca nguoi xung la cong an hay ngan hang.
      ▸ có dấu · UCS-2 · 2 phần · 85 ký tự
        │ So VHTTDL: Không đọc mã OTP cho bất kỳ ai, kể cả người xưng là công an hay ngân hàng.
      sms (en)
      ▸ GSM · 1 phần · 27 ký tự
        │ Never tell anyone your OTP.
      Ước tính SMS: 2 số
        tài khoản  số  ▸ có dấu: phần  đồng  không dấu: phần  đồng
        viettel     1               2   600                1   300
        Nhiều nhất 3 số = 1.300 đồng nếu các kênh trước không đến được ai.
        1 số chưa có tài khoản nào phục vụ.

    Nếu gửi bây giờ: chưa biết khi nào xong: Thư điện tử không có tài khoản nào gửi được.
    "#);
    assert!(fs::read_to_string(folder.path().join("thu.html")).unwrap().contains("Không đọc mã OTP"));
    // An and Cúc share a number, Em refuses, Bình has mail, nobody serves Dũng's carrier.
    let json = folder.loa_with(&["preview", "nhan-dien", "--json"], &SECRETS).json();
    let estimate = serde_json::json!({
        "parts": 2, "numbers": 2, "price": 600, "unserved": 1, "refused": 0, "most": { "numbers": 3, "price": 1300 },
        "accounts": [{
            "account": "viettel", "numbers": 1,
            "chosen": { "sms_text": "unicode", "parts": 2, "price": 600, "refused": 0 },
            "other": { "sms_text": "unaccented", "parts": 1, "price": 300, "refused": 0 },
        }],
    });
    assert_eq!(json["messages"][0]["estimate"], estimate);
}

#[test]
fn a_preview_for_one_person_hides_the_address() {
    let folder = listed();
    let ended = folder.loa_with(&["preview", "nhan-dien", "--recipient", "binh"], &SECRETS);
    assert_eq!(ended.code, 0);
    assert_snapshot!(ended.out, @r#"
    Nhận diện lừa đảo

    [otp]
      email (vi) → b***@example.vn
        │ Mã OTP, Trần Thị Bình
        │
        │ Không đọc mã OTP cho bất kỳ ai.
        │
        │ --
        │ Sở Văn hóa, Thể thao và Du lịch
        │ Thư này không yêu cầu cung cấp mật khẩu, mã OTP hay chuyển tiền.
        │ Từ chối nhận tin: https://canhbao.example.vn/u/0123456789abcdefghijkl
      sms (en) → +8490*****67
      ▸ GSM · 1 phần · 27 ký tự
        │ Never tell anyone your OTP.
    "#);
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
    assert_snapshot!(ended.err, @r#"
      × thư mục này có mô tả cổng gửi bị lỗi
       ╭─[loa.toml:7:12]
     6 │ [paths]
     7 │ gateways = "cong"
       ·            ──────
     8 │
       ╰────
      help: `loa check` với thư mục này chỉ ra từng chỗ

      × nothing in [send] says to whom: no template uses `to`
       ╭─[cong/rieng.toml:4:1]
     3 │ url = "https://sms.example.vn"
     4 │ [send]
       · ──────
     5 │ path = "/"
       ╰────

      × no [[send.answer]] says when a message is accepted
       ╭─[cong/rieng.toml:4:1]
     3 │ url = "https://sms.example.vn"
     4 │ [send]
       · ──────
     5 │ path = "/"
       ╰────
      help: then = "accepted"

      × unknown key `qurey` in [send]
       ╭─[cong/rieng.toml:6:1]
     5 │ path = "/"
     6 │ qurey = {}
       · ─────
       ╰────
      help: did you mean `query`?

      × không có địa bàn nào mang mã "99"
       ╭─[campaigns/segments.toml:3:25]
     2 │ title = "Mọi người"
     3 │ any = [{ areas = ["01", "99"] }]
       ·                         ────
       ╰────
      help: mã tỉnh (2 chữ số) hoặc xã, phường (5 chữ số) theo QĐ 19/2025/QĐ-TTg, sau sáp nhập 01/7/2025

      × [office] trong loa.toml không có shrt
        ╭─[campaigns/nhan-dien.toml:16:18]
     15 │ id  = "otp"
     16 │ sms = "{{ office.shrt }}: Không đọc mã OTP cho bất kỳ ai, kể cả người xưng là công an hay ngân hàng."
        ·                  ────
     17 │
        ╰────
      help: có phải ý là office.short?

      × không có bộ lọc này (unknown filter: filter hoa is unknown)
        ╭─[campaigns/nhan-dien.toml:19:31]
     18 │ [message.email]
     19 │ subject = "Mã OTP, {{ name | hoa }}"
        ·                              ───
     20 │ body    = """
        ╰────

      × sai cú pháp (syntax error: unexpected end of input, expected end of block)
        ╭─[campaigns/nhan-dien.toml:22:24]
     21 │ Không đọc \
     22 │   mã {% for x in name %}"""
        ·                       ─
     23 │
        ╰────
      help: chỗ điền viết {{ name }}, lựa chọn viết {% if name %}…{% endif %}

    ✗ 8 lỗi
    "#);
    fs::remove_file(folder.path().join("cong/rieng.toml")).unwrap();
    let ended = folder.loa_with(&["check", "loa.toml"], &SECRETS);
    assert_eq!(ended.code, 2);
    assert_snapshot!(ended.err, @r#"
      × account `viettel`: the gateway esms has no setting `sendr`; did you mean `sender`?
        ╭─[loa.toml:13:12]
     12 │ [[account]]
     13 │ name     = "viettel"
        ·            ─────────
     14 │ gateway  = "esms"
        ╰────
      help: `loa gateways esms` giải thích các khóa của cổng này

    ✗ 1 lỗi
    "#);
}

#[test]
fn a_field_that_no_recipient_has_is_a_mistake() {
    let folder = listed();
    folder.write("campaigns/nhan-dien.toml", CAMPAIGN.replace("OTP cho", "OTP, {{ nghe }}, cho").as_bytes());
    assert_eq!(folder.loa_with(&["check", "campaigns"], &SECRETS).code, 0);
    folder.write("campaigns/nhan-dien.toml", CAMPAIGN.replace("OTP cho", "OTP, {{ nghee }}, cho").as_bytes());
    let ended = folder.loa_with(&["check", "campaigns"], &SECRETS);
    assert_eq!(ended.code, 2);
    assert_snapshot!(ended.err, @r#"
      × không người nhận nào có trường nghee
        ╭─[campaigns/nhan-dien.toml:16:54]
     15 │ id  = "otp"
     16 │ sms = "{{ office.short }}: Không đọc mã OTP, {{ nghee }}, cho bất kỳ ai, kể cả người xưng là công an hay ngân hàng."
        ·                                                 ─────
     17 │
        ╰────
      help: có phải ý là nghe?

      × không người nhận nào có trường nghee
        ╭─[campaigns/nhan-dien.toml:20:38]
     19 │ subject = "Mã OTP, {{ name }}"
     20 │ body    = "Không đọc mã OTP, {{ nghee }}, cho bất kỳ ai."
        ·                                 ─────
     21 │
        ╰────
      help: có phải ý là nghe?

    ✗ 2 lỗi
    "#);
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
