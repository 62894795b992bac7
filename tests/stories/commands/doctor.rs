//! `loa doctor`: everything that waits for a person.

use std::{fs, net::TcpListener};

use insta::assert_snapshot;

use super::{SECRETS, begun, database, files, office};
use crate::folder::Ended;

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
                ('nhan-dien', 'b', 0, 0, '', '2026-11-02', 0, 'otp', '[]', 1, TRUE, NULL, 0, 0, 0, 0, 1),
                ('nhan-dien', 'c', 0, 0, '', '2026-11-02', 0, 'otp', '[]', 1, FALSE, NULL, 0, 0, 0, 0, 1);
         INSERT INTO receipt (account, handle, state, reason, detail, received_at, status) VALUES (1, 'x', 5, 0, '', 1, 0);
         INSERT INTO request (kind, state, received_at, answer_by, due_at) VALUES (1, 0, 1, 2, 3);
         INSERT INTO delivery (id, run, segments, owner, account, price, next_at, updated_at, route, message, state, reason,
            attempt, tries, doubts, parts)
         VALUES (1, 1, 0, 0, 1, 0, 1, 1, 17, 0, 2, 0, 1, 1, 1, 1), (2, 3, 0, 0, 0, 0, 1, 1, 50, 0, 0, 0, 1, 0, 0, 0)",
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
    // A doctor that never looked would leave it waiting.
    drop(std::net::TcpStream::connect(&address));
    silent.join().unwrap();
    assert_eq!(ended.code, 1);
    let hours = regex_free(&findings(&ended), &address);
    assert_snapshot!(hours, @r#"
    bad key-permissions: người khác trên máy này đọc được tệp khóa loa.key → chmod 600 loa.key
    bad campaigns: campaigns: 6 lỗi, 1 chiến dịch dùng được → `loa check` chỉ ra từng chỗ
    bad account-paused: tài khoản viettel: đã dừng từ 09:26 01/11/2026: wrong password → sửa nguyên nhân, thử bằng `loa accounts --test viettel`, rồi `loa accounts --resume viettel`
    warning run-paused: đợt 2 (nhan-dien) đang tạm dừng → gửi tiếp: `loa resume 2`; dừng hẳn: `loa abort 2`
    warning run-held: đợt 1 (nhan-dien) đang đứng: budget → xử lý nguyên nhân rồi chạy `loa resume 1`
    bad run-unserved: đợt 3 có tin đến Telegram mà chưa có tài khoản nào gửi được → thêm tài khoản cho kênh này vào loa.toml rồi khởi động lại, hoặc dừng hẳn đợt gửi
    bad requests: 1 yêu cầu của người dân về dữ liệu đã quá hạn, trong 1 yêu cầu đang chờ → xem và giải quyết: loa requests
    warning users: chưa ai đăng nhập được vào trang quản lý → loa user add ĐỊA_CHỈ_THƯ --name HỌ_TÊN
    warning notify: không ai nhận thư khi có việc chờ xử lý → ghi địa chỉ người trực vào [notify] email
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
