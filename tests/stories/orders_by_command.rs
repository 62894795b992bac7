//! Orders and outlets at a keyboard: lists of schools, an order on paper, its answer by telephone, its report out of a workbook's table.

use std::{
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;
use tempfile::TempDir;

const CAMPAIGN: &str = r#"title = "Cảnh báo: giả danh ngân hàng"
kind = "warning"
owner = "Sở Văn hóa, Thể thao và Du lịch"
basis = { number = "338/KH-UBND", date = 2025-12-12, authority = "UBND thành phố", document = "cong-van.pdf" }

[channels]
use = ["relay"]

[relay]
partners = ["viettel"]
sender = "So VHTTDL"
areas = ["01", "79"]
audience = "Mọi thuê bao"
sms = "So VHTTDL: Không đọc mã OTP cho bất kỳ ai. Nghi lừa đảo: gọi 156."
rounds = 2
valid_for = "1d"
payment = "free"
"#;

/// An office with one campaign; every command is a process of its own.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        std::fs::create_dir(dir.join("campaigns")).unwrap();
        std::fs::write(dir.join("loa.key"), "07".repeat(32)).unwrap();
        std::fs::write(dir.join("loa.toml"), "[database]\nurl = \"sqlite:loa.db\"\n[relay]\nsender = \"so.example.vn\"\n")
            .unwrap();
        std::fs::write(dir.join("campaigns/gia-danh.toml"), CAMPAIGN).unwrap();
        std::fs::write(dir.join("campaigns/cong-van.pdf"), "%PDF-1.4").unwrap();
        let desk = Self(folder);
        desk.loa(&["migrate"]);
        desk
    }

    fn dir(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.dir().join(name), text).unwrap();
    }

    /// The code, and what was printed.
    fn try_loa(&self, args: &[&str]) -> (i32, String, String) {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("loa"));
        command.current_dir(self.dir()).env("LOA_LANG", "vi").env("LOA_LOG", "warn").env("USER", "Lan").args(args);
        let Output { status, stdout, stderr } = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        (status.code().unwrap(), text(stdout), text(stderr))
    }

    /// What a command printed that went well.
    fn loa(&self, args: &[&str]) -> String {
        let (code, out, err) = self.try_loa(args);
        assert_eq!(code, 0, "loa {args:?}: {out}{err}");
        out
    }

    fn json(&self, args: &[&str]) -> Value {
        let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
        serde_json::from_str(&self.loa(&args)).unwrap()
    }

    /// An order to Viettel; its name.
    fn order(&self) -> String {
        self.loa(&["outlets", "add", "viettel", "--title", "Viettel", "--contact", "truc.ban@example.vn"]);
        self.loa(&["send", "gia-danh"]);
        let all = self.json(&["orders"]);
        assert_eq!(all.as_array().unwrap().len(), 1, "{all}");
        all[0]["identifier"].as_str().unwrap().to_string()
    }
}

#[test]
fn outlets_are_written_listed_and_taken_in_by_the_hundred() {
    let desk = Desk::new();
    desk.loa(&["outlets", "add", "viettel", "--title", "Viettel", "--contact", "truc.ban@example.vn", "--area", "Hà Nội"]);
    let list = desk.loa(&["outlets"]);
    assert!(list.contains("Viettel") && list.contains("Nhà mạng") && list.contains("t…@example.vn"), "{list}");
    assert!(!list.contains("truc.ban"), "a contact is masked: {list}");
    let (code, _, err) = desk.try_loa(&["outlets", "add", "viettel", "--title", "Khác"]);
    assert!(code == 2 && err.contains("đã có"), "{err}");
    let (code, _, err) = desk.try_loa(&["outlets", "show", "vietel"]);
    assert!(code == 2 && err.contains("viettel"), "the nearest name is offered: {err}");

    desk.loa(&["outlets", "change", "viettel", "--title", "Viettel Telecom"]);
    let one = desk.json(&["outlets", "show", "viettel"]);
    assert_eq!(
        (one["title"].as_str(), one["areas"][0].as_str()),
        (Some("Viettel Telecom"), Some("01")),
        "what was not named stays"
    );
    assert_eq!(one["contact"], "t…@example.vn");
    let (code, _, err) = desk.try_loa(&["outlets", "change", "viettel", "--url", "http://example.vn/"]);
    assert!(code == 2 && err.contains("https://"), "{err}");

    desk.write(
        "truong.csv",
        "Mã,Tên trường,Loại,Địa bàn,E-mail\nthcs-a,THCS A,school,00004,a@example.vn\nthcs-b,THCS B,school,99999,\n",
    );
    let (code, out, err) = desk.try_loa(&["outlets", "import", "truong.csv", "--dry-run"]);
    assert!(code == 2 && out.contains("Sẽ thêm 1") && err.contains("dòng 3"), "{out}{err}");
    assert_eq!(desk.json(&["outlets"]).as_array().unwrap().len(), 1, "nothing was written");
    let (code, out, _) = desk.try_loa(&["outlets", "import", "truong.csv"]);
    assert!(code == 2 && out.contains("Đã thêm 1"), "{out}");
    assert_eq!(desk.json(&["outlets", "list", "--kind", "school"])[0]["outlet"], "thcs-a");
    desk.loa(&["outlets", "disable", "thcs-a"]);
    assert_eq!(desk.json(&["outlets", "list", "--active"]).as_array().unwrap().len(), 1);
    desk.loa(&["outlets", "enable", "thcs-a"]);
    desk.loa(&["outlets", "remove", "thcs-a"]);
    assert_eq!(desk.json(&["outlets"]).as_array().unwrap().len(), 1);
    let record = desk.json(&["audit", "list"]).to_string();
    for action in ["outlet.add", "outlet.change", "outlet.disable", "outlet.enable", "outlet.remove"] {
        assert!(record.contains(action), "{action}: {record}");
    }
}

#[test]
fn an_order_goes_by_paper_and_comes_back_as_a_table() {
    let desk = Desk::new();
    let order = desk.order();
    let list = desk.loa(&["orders"]);
    assert!(list.contains(&order) && list.contains("Đã phê duyệt"), "{list}");

    desk.loa(&["orders", "export", &order, "--output", "yeu-cau.xml"]);
    desk.loa(&["cap", "check", "yeu-cau.xml"]);
    desk.loa(&["orders", "export", &order, "--output", "yeu-cau.docx"]);
    assert!(std::fs::read(desk.dir().join("yeu-cau.docx")).unwrap().starts_with(b"PK"));
    assert_eq!(desk.json(&["orders"])[0]["state"], "approved", "a file is not a handing over");
    desk.loa(&["orders", "hand", &order, "công văn số 12"]);
    let (code, _, err) = desk.try_loa(&["orders", "cancel", &order, "Sai nội dung"]);
    assert!(code == 2 && !err.is_empty(), "not before they acknowledged it: {err}");
    desk.loa(&["orders", "ack", &order, "--note", "bà Trúc gọi lại"]);
    let (code, _, err) = desk.try_loa(&["orders", "ack", "khong-co"]);
    assert!(code == 2 && err.contains("khong-co"), "{err}");

    // An Update names what changes, and somebody else approves it.
    let (code, _, err) = desk.try_loa(&["orders", "update", &order, "gia hạn", "--rounds", "0"]);
    assert!(code == 2 && err.contains("rounds"), "{err}");
    let update = desk.json(&["orders", "update", &order, "gia hạn", "--rounds", "3"]);
    assert_eq!((update["state"].as_str(), update["step"].as_str()), (Some("drafted"), Some("update")));
    let name = update["identifier"].as_str().unwrap();
    assert_eq!(desk.try_loa(&["orders", "approve", name]).0, 2, "not by its writer");
    desk.loa(&["orders", "approve", name, "--by", "Trưởng phòng"]);
    desk.loa(&["orders", "withdraw", name, "không cần nữa"]);

    // A table that does not add up is told of by line and column, and nothing is counted.
    let table = |delivered: i64| {
        format!("Mã địa bàn,Đợt,Mục tiêu,Đã gửi,Thành công,Thất bại\n01,1,1000,900,{delivered},20\n79,1,500,500,490,10\n")
    };
    desk.write("sai.csv", &table(990));
    let (code, _, err) = desk.try_loa(&["orders", "report", "sai.csv", "--order", &order]);
    assert!(code == 2 && err.contains("dòng 2") && err.contains("Không nhận báo cáo"), "{err}");
    desk.write("bao-cao.csv", &table(870));
    desk.write("bien-ban.pdf", "%PDF-1.4 biên bản");
    let taken = desk.json(&["orders", "report", "bao-cao.csv", "--order", &order, "--evidence", "bien-ban.pdf"]);
    assert_eq!((taken["sequence"].as_i64(), taken["order"]["state"].as_str()), (Some(1), Some("reported_partly")), "{taken}");
    let shown = desk.json(&["orders", "show", &order]);
    assert_eq!(shown["reports"][0]["report"]["evidence"].as_str().map(str::len), Some(64), "its hash is kept: {shown}");
    let all = desk.json(&["orders"]);
    assert_eq!(all[1]["figures"]["delivered"], 1_360, "behind the Update: {all}");

    // A program's report, final; the same again is the same.
    let json = format!(
        r#"{{"order": "{order}", "sequence": 2, "as_of": "{}", "final": true, "areas": [
            {{"code": "01", "round": 1, "targeted": 1000, "submitted": 1000, "delivered": 970, "failed": 30}},
            {{"code": "79", "round": 1, "targeted": 500, "submitted": 500, "delivered": 490, "failed": 10}}]}}"#,
        chrono::DateTime::from_timestamp_millis(shown["reports"][0]["report"]["as_of"].as_i64().unwrap()).unwrap().to_rfc3339(),
    );
    desk.write("cuoi.json", &json);
    assert_eq!(desk.json(&["orders", "report", "cuoi.json"])["repeated"], false);
    assert_eq!(desk.json(&["orders", "report", "cuoi.json"])["repeated"], true);
    let text = desk.loa(&["orders", "show", &order]);
    for words in ["Khong doc ma OTP", "SHA-256", "bà Trúc gọi lại", "công văn số 12", "Thành phố Hà Nội", "970"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    desk.loa(&["orders", "export", &order, "--output", "bao-cao-da-nhan.csv"]);
    let csv = std::fs::read_to_string(desk.dir().join("bao-cao-da-nhan.csv")).unwrap();
    assert!(csv.contains("970") && csv.contains("870"), "both reports are kept: {csv}");
    desk.loa(&["orders", "close", &order]);
    desk.loa(&["orders", "reopen", &order, "còn đính chính"]);
    let verified = desk.loa(&["verify"]);
    assert!(verified.contains("; 2 yêu cầu nhắn tin, 2 báo cáo") && verified.contains("không có sai lệch"), "{verified}");
}

#[test]
fn an_order_that_nobody_has_is_cancelled_at_once() {
    let desk = Desk::new();
    let order = desk.order();
    desk.loa(&["orders", "cancel", &order, "Không cần nữa"]);
    assert_eq!(desk.json(&["orders"])[0]["state"], "cancelled");
    let english = desk.loa(&["orders", "show", &order, "--lang", "en"]);
    assert!(english.contains("What happened") && english.contains("Withdrawn"), "{english}");
}
