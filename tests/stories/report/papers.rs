//! Figures on paper: opened by readers that are none of ours, and compared period by period on the command line.

use std::io::Read as _;

use calamine::{Reader as _, Xlsx};
use loa::delivery::State;

use super::{Office, scene, sms, write};
use crate::helpers::grounds;

const SETTINGS: &str = r#"
[office]
name = "Sở Thông tin Mẫu"
[reporting]
month_starts = 1
week_starts = "monday"
superior = "Ủy ban nhân dân tỉnh Mẫu"
place = "Mẫu"
symbol = "STTM"
recipients = ["Như trên", "Phòng Tổng hợp"]
"#;

fn said(office: &Office<'_>, arguments: &[&str]) -> String {
    let ended = office.loa(arguments);
    assert_eq!(ended.code, 0, "{}{}", ended.out, ended.err);
    ended.out
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_written_as_word_and_excel_and_against_the_period_before() {
    for ground in grounds().await {
        scene(&ground).await;
        write(&ground, &[sms(1, 1, State::Delivered), sms(1, 2, State::Rejected), sms(3, 1, State::Delivered)]).await;
        ground.execute("UPDATE run SET date = '2026-09-10' WHERE id = 3").await;
        let office = Office::of(&ground).await;
        office.0.write("loa.toml", SETTINGS.as_bytes());

        let value = office.loa(&["--json", "report", "--period", "2026-10", "--compare", "previous"]).json();
        assert_eq!(value["period"]["from"], "2026-10-01");
        assert_eq!((&value["measures"]["people"], &value["measures"]["people_confirmed"]), (&2.into(), &1.into()));
        assert_eq!(value["compare"]["period"]["key"], "2026-09");
        assert_eq!(value["compare"]["measures"]["people"], 1);
        assert_eq!(value["closing"], serde_json::Value::Null);
        let text = said(&office, &["report", "--period", "2026-10", "--compare", "previous"]);
        // The heading of a narrow column goes on in its next line.
        assert!(["Tháng 9", "năm 2026", "So với kỳ trước"].iter().all(|words| text.contains(words)), "{text}");

        said(&office, &["report", "--period", "2026-10", "--compare", "previous", "--format", "xlsx", "--output", "b.xlsx"]);
        let mut book: Xlsx<_> = calamine::open_workbook(office.0.path().join("b.xlsx")).unwrap();
        let sheet = book.worksheet_range("Tổng hợp").unwrap();
        let cell = |row, column| sheet.get_value((row, column)).map(ToString::to_string).unwrap_or_default();
        assert_eq!([cell(6, 0), cell(6, 1), cell(6, 3), cell(6, 5)], ["Số người cần tiếp cận", "2", "1", "1"]);
        let campaigns = book.worksheet_range("Theo chiến dịch").unwrap();
        let value = |row, column| campaigns.get_value((row, column)).map(ToString::to_string).unwrap_or_default();
        assert_eq!([value(3, 0), value(3, 2), value(3, 3)], ["nhan-dien", "2", "1"]);

        said(&office, &["report", "--period", "2026-10", "--format", "docx", "--output", "b.docx"]);
        let file = std::fs::File::open(office.0.path().join("b.docx")).unwrap();
        let mut archive = zip::ZipArchive::new(file).unwrap();
        let mut xml = String::new();
        archive.by_name("word/document.xml").unwrap().read_to_string(&mut xml).unwrap();
        for words in [
            "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM",
            "Độc lập - Tự do - Hạnh phúc",
            "SỞ THÔNG TIN MẪU",
            "ỦY BAN NHÂN DÂN TỈNH MẪU",
            "/BC-STTM",
            "Mẫu, ngày",
            "tháng 10 năm 2026",
            "Nơi nhận:",
            "- Phòng Tổng hợp;",
            "Người lập biểu",
            "Người kiểm tra",
            "THỦ TRƯỞNG ĐƠN VỊ",
            "Times New Roman",
        ] {
            assert!(xml.contains(words), "{words} is not in the document");
        }
        // 20, 20, 30 and 15 mm in twentieths of a point.
        assert!(xml.contains(r#"w:top="1133""#) && xml.contains(r#"w:left="1700""#) && xml.contains(r#"w:right="850""#), "{xml}");
        let ended = office.loa(&["report", "--period", "2026-Q7"]);
        assert!(ended.err.contains("2026-Q4"), "{}", ended.err);
    }
}
