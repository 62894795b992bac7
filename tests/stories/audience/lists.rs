//! Lists come in as offices have them.

use std::{
    fmt::Write as _,
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
};

use loa::{
    audience::import::{ImportError, Order, import},
    words::Lang,
};

use super::{exported, figures, import_order, import_text};
use crate::helpers::grounds;

const BAD: &str = "\
ref,ho_ten,so_dien_thoai,email,zalo_id,dia_ban,nhom,ngon_ngu,ngay_sinh,nha_mang,ngay_dong_y
g1,Người Tốt,0901234567,,,\"Phường Ba Đình, Hà Nội\",can-bo,vi,31/12/1990,,
b1,A,8.49E+10,,,,,,,,
b2,A,0901234567/0912345678,,,,,,,,
b3,A,09012345,,,,,,,,
b4,A,0541234567,,,,,,,,
b5,A,02438123456,,,,,,,,
b6,A,không có,,,,,,,,
b7,A,,an.example.vn,,,,,,,
b8,A,,an nguyen@example.vn,,,,,,,
b9,A,,an@example,,,,,,,
b10,A,,,4.31866E+18,,,,,,
b11,A,,,@nguyenan,,,,,,
b12,A,,,,,,,,,
b13,A,0901234567,,,Xã Tân Lập,,,,,
b14,A,0901234567,,,\"Phường Ba Đìn, Hà Nội\",,,,,
b15,A,0901234567,,,Sao Hỏa,,,,,
b16,A,0901234567,,,,,,31/02/1990,,
b17,A,0901234567,,,,,,01/01/2030,,
b18,A,0901234567,,,,,,,sfone,
b19,A,0901234567,,,,,tiếng Việt,,,
b20,12345,0901234567,,,,,,,,
b21,#N/A,0901234567,,,,,,,,
b22,A,0901234567,,,,,,,,hôm qua
b23,A,0901234567,,,Phường Ba Đình, Hà Nội,x,,,,,
b24,\"A,0901234567,,,,,,,,
g2,Người Khác,901234568,,,01,,,1950,,
";

#[tokio::test]
async fn bad_rows_of_every_kind_never_stop_the_good_ones() {
    for ground in grounds().await {
        let summary = import_text(&ground, "list.csv", BAD).await.unwrap();
        assert_eq!(figures(&summary), [26, 2, 0, 0, 24, 0]);
        assert_eq!(summary.first.len(), 20);
        let file = summary.rejected_file.unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        #[cfg(unix)]
        assert_eq!(std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&file).unwrap()) & 0o777, 0o600);
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.trim_start_matches('\u{feff}').as_bytes());
        let why = |record: csv::StringRecord| {
            let from_end = |n: usize| record.get(record.len() - n).unwrap_or_default().to_string();
            format!("{}: {}: {}", from_end(3), from_end(2), from_end(1))
        };
        let reasons: Vec<String> = reader.records().map(|record| why(record.unwrap())).collect();
        insta::allow_duplicates! {
        insta::assert_snapshot!(reasons.join("\n"), @r"
        3: so_dien_thoai: Excel đã ghi số thành dạng khoa học (ví dụ 8,49E+10) và làm mất chữ số: đặt cột ở dạng Văn bản rồi nhập lại số
        4: so_dien_thoai: có nhiều số trong một ô: chỉ để một số, mỗi người một dòng
        5: so_dien_thoai: số điện thoại thừa hoặc thiếu chữ số
        6: so_dien_thoai: đầu số không tồn tại
        7: so_dien_thoai: không phải số di động (số cố định không nhận được tin nhắn)
        8: so_dien_thoai: có ký tự không phải chữ số
        9: email: địa chỉ e-mail phải có đúng một dấu @
        10: email: địa chỉ e-mail có ký tự không hợp lệ (dấu cách, dấu phẩy)
        11: email: tên miền sau dấu @ không hợp lệ
        12: zalo_id: Excel đã ghi mã thành dạng khoa học và làm mất chữ số: đặt cột ở dạng Văn bản rồi nhập lại mã
        13: zalo_id: mã người dùng chỉ gồm chữ số
        14: : không có địa chỉ nào: cần ít nhất số điện thoại, e-mail hoặc mã của một dịch vụ trò chuyện (zalo_id, telegram_id, viber_id…)
        15: dia_ban: địa bàn này ứng với nhiều nơi, hãy ghi mã: 19462 Xã Tân Lập, Tỉnh Quảng Trị; 23134 Xã Tân Lập, Tỉnh Lâm Đồng; 25489 Xã Tân Lập, Tỉnh Tây Ninh; 09832 Xã Hoài Đức, Thành phố Hà Nội; 09817 Xã Ô Diên, Thành phố Hà Nội; và 21 nơi khác
        16: dia_ban: không tìm thấy địa bàn; gần nhất: 00004 Phường Ba Đình, Thành phố Hà Nội
        17: dia_ban: không tìm thấy địa bàn: ghi mã, hoặc “Phường/Xã, Tỉnh/Thành phố”
        18: ngay_sinh: ngày sinh ghi dạng ngày/tháng/năm (31/12/1990), 1990-12-31 hoặc chỉ năm
        19: ngay_sinh: ngày sinh ở tương lai
        20: nha_mang: không rõ nhà mạng: viettel, mobifone, vinaphone, vietnamobile, gmobile, wintel hoặc itel
        21: ngon_ngu: ngôn ngữ ghi bằng mã, ví dụ vi, en
        22: ho_ten: tên không có chữ cái
        23: ho_ten: ô này là lỗi công thức của Excel
        24: ngay_dong_y: ngày ghi dạng 31/12/2025 hoặc 2025-12-31
        25: ngon_ngu; dia_ban: ngôn ngữ ghi bằng mã, ví dụ vi, en; địa bàn này ứng với nhiều nơi, hãy ghi mã: 00004 Phường Ba Đình, Thành phố Hà Nội; 14797 Phường Hạc Thành, Tỉnh Thanh Hóa; 14812 Phường Bỉm Sơn, Tỉnh Thanh Hóa
        26: : dấu ngoặc kép không khớp: mở mà không đóng, hoặc đóng giữa ô
        ");
        }
        let order = Order { path: ground.folder.path().join("list.csv"), source: "en".into(), replace: false, lang: Lang::En };
        let again = import(&ground.db, &ground.seal, &ground.clock, &order, |_| {}).await.unwrap();
        let text = std::fs::read_to_string(again.rejected_file.unwrap()).unwrap();
        assert!(text.lines().next().unwrap().ends_with(",_line,_column,_reason"), "{text}");
        assert!(text.contains("something in it is no digit") && text.contains("quotes do not match"), "{text}");
        assert!(!text.contains("ký tự"), "{text}");
        assert_eq!(ground.number("SELECT count(*) FROM recipient").await, 2);
        assert!(exported(&ground, Some("g2")).await.contains("g2,Người Khác,+84901234568,,,,,,,01,,,1950-07-01,mobifone,"));

        // The file of rejections, once mended, is itself a list.
        let mended = "_dong,_cot,ref,so_dien_thoai\n2,so_dien_thoai,b1,0901111111\n";
        assert_eq!(figures(&import_text(&ground, "mended.csv", mended).await.unwrap()), [1, 1, 0, 0, 0, 0]);
    }
}

#[tokio::test]
async fn a_formula_in_a_list_runs_nowhere() {
    for ground in grounds().await {
        let list = "ref,name,phone,=x\n-a,\"=HYPERLINK(\"\"http://x\"\")\",0901111111,@b\nb,+cmd|' /C calc'!A0,nonsense,\n";
        assert_eq!(figures(&import_text(&ground, "1.csv", list).await.unwrap()), [2, 1, 0, 0, 1, 0]);
        let refused = std::fs::read_to_string(ground.folder.path().join("1.csv.rejected.csv")).unwrap();
        assert!(refused.contains(",'+cmd|"), "{refused}");
        let export = exported(&ground, None).await;
        assert!(
            export.contains("\n'-a,\"'=HYPERLINK") && export.contains(",+84901111111,") && export.contains(",'@b"),
            "{export}"
        );
        assert_eq!(figures(&import_text(&ground, "2.csv", &export).await.unwrap()), [1, 0, 1, 0, 0, 0], "it comes back");
        assert_eq!(ground.number("SELECT count(*) FROM recipient WHERE ref = '-a' AND name LIKE '=%'").await, 1);
    }
}

#[tokio::test]
async fn a_second_import_updates_and_a_replacing_one_retires() {
    for ground in grounds().await {
        let first = "ref,name,phone,groups,nghe\na,An,0901111111,x;y,giáo viên\nb,Bình,0902222222,x,\nc,Cúc,0903333333,,\n";
        assert_eq!(figures(&import_text(&ground, "1.csv", first).await.unwrap()), [3, 3, 0, 0, 0, 0]);
        assert_eq!(figures(&import_text(&ground, "1.csv", first).await.unwrap()), [3, 0, 3, 0, 0, 0]);
        assert_eq!(ground.number("SELECT count(*) FROM membership").await, 3);

        // Columns that are missing leave what was known alone; empty cells take it away; the later of two rows holds.
        let second = "ref,phone,groups\na,0904444444,\na,0905555555,z\nb,,\n";
        let summary = import_text(&ground, "2.csv", second).await.unwrap();
        assert_eq!(figures(&summary), [3, 0, 1, 1, 1, 0]);
        let export = exported(&ground, Some("a")).await;
        assert!(
            export.contains("a,An,+84905555555,") && export.contains(",z,") && export.trim_end().ends_with("giáo viên"),
            "{export}"
        );

        // Who is refused is still in the list; who is not in it is retired; who comes back is active again.
        let third = "ref,phone\na,0905555555\nb,nonsense\n";
        assert_eq!(figures(&import_order(&ground, "3.csv", third, true).await.unwrap()), [2, 0, 1, 0, 1, 1]);
        assert_eq!(ground.number("SELECT count(*) FROM recipient WHERE state = 1 AND ref = 'c'").await, 1);
        let fourth = "ref,phone\nc,0903333333\n";
        assert_eq!(figures(&import_text(&ground, "4.csv", fourth).await.unwrap()), [1, 0, 1, 0, 0, 0]);
        assert_eq!(ground.number("SELECT count(*) FROM recipient WHERE state = 0").await, 3);

        let nobody = "ref,phone\na,nonsense\n";
        let error = import_order(&ground, "5.csv", nobody, true).await.unwrap_err();
        assert!(matches!(error, ImportError::NothingUsable), "{error}");
        assert_eq!(ground.number("SELECT count(*) FROM recipient WHERE state = 0").await, 3);

        // A person's number has 32 bits: a list that comes again every night must not use them up.
        import_text(&ground, "new.csv", "ref,name,phone\nnew,New,0906666666\n").await.unwrap();
        assert_eq!(ground.number("SELECT max(id) FROM recipient").await, 4);
    }
}

#[tokio::test]
async fn who_has_no_reference_is_known_by_an_address() {
    for ground in grounds().await {
        let list = "Họ tên;Điện thoại;E-mail\nAn;0901234567;\nBình;01681234567;\nCúc;;cuc@Example.vn\n";
        assert_eq!(figures(&import_text(&ground, "1.csv", list).await.unwrap()), [3, 3, 0, 0, 0, 0]);
        let later = "Họ tên;Điện thoại;E-mail\nAn;+84 901 234 567;an@example.vn\nBình;381234567;\nCúc;;cuc@example.vn\n";
        assert_eq!(figures(&import_text(&ground, "2.csv", later).await.unwrap()), [3, 0, 3, 0, 0, 0]);
        let refs = ground.number("SELECT count(*) FROM recipient WHERE ref LIKE '~%' AND ref NOT LIKE '%901234567%'").await;
        assert_eq!(refs, 3);
    }
}

#[tokio::test]
async fn a_list_that_is_none_changes_nothing() {
    for ground in grounds().await {
        for (text, words) in [("", "trống"), ("ho_ten,tuoi\nAn,70\n", "so_dien_thoai"), ("sdt,dien_thoai\n1,2\n", "cùng chỉ")]
        {
            let error = import_text(&ground, "bad.csv", text).await.unwrap_err();
            assert!(error.is_of_the_file() && error.phrase().vi.contains(words), "{error}");
        }
        let missing = Order { path: PathBuf::from("/nonexistent/list.csv"), source: "x".into(), replace: false, lang: Lang::Vi };
        let error = import(&ground.db, &ground.seal, &ground.clock, &missing, |_| {}).await.unwrap_err();
        assert!(error.is_of_the_file(), "{error}");
        assert_eq!(ground.number("SELECT count(*) FROM import").await, 0);
    }
}

#[tokio::test]
async fn a_spreadsheet_is_read_as_it_was_meant() {
    for ground in grounds().await {
        let path = ground.folder.path().join("list.xlsx");
        std::fs::copy("tests/fixtures/nguoi-cao-tuoi.xlsx", &path).unwrap();
        let order = Order { path, source: "nguoi-cao-tuoi".into(), replace: false, lang: Lang::Vi };
        let summary = import(&ground.db, &ground.seal, &ground.clock, &order, |_| {}).await.unwrap();
        assert_eq!(figures(&summary), [4, 2, 0, 0, 2, 0]);
        assert_eq!(summary.ignored, ["STT"]);
        let lines: Vec<u64> = summary.first.iter().map(|rejection| rejection.line).collect();
        assert_eq!(lines, [6, 7]);
        let export = exported(&ground, None).await;
        assert!(
            export
                .contains("Đỗ Thị An,+84901234567,,4318657068771012646,,,,,00004,nguoi-cao-tuoi;to-dan-pho,,1955-12-31,mobifone"),
            "{export}"
        );
        assert!(export.contains("Lê Văn Bình,+84912345678,,,,,,,00721,nguoi-cao-tuoi,,1950-07-01,vinaphone"), "{export}");
    }
}

#[tokio::test]
async fn an_import_that_broke_off_goes_on_where_it_stopped() {
    for ground in grounds().await {
        let mut text = String::from("ref,phone\n");
        for n in 0..3000 {
            // Every hundredth row is bad, and the last thousand name people again.
            let number = if n % 100 == 0 { "bad".to_string() } else { format!("090{n:07}") };
            writeln!(text, "r{},{number}", n % 2000).unwrap();
        }
        let path = ground.folder.path().join("long.csv");
        std::fs::write(&path, &text).unwrap();
        let order = Order { path, source: "danh-sach".into(), replace: true, lang: Lang::Vi };
        let seen = AtomicU64::new(0);
        let stop = tokio::sync::Notify::new();
        let running = import(&ground.db, &ground.seal, &ground.clock, &order, |progress| {
            if seen.fetch_max(progress.rows, Ordering::SeqCst) > 0 {
                stop.notify_one();
            }
        });
        tokio::select! {
            biased;
            () = stop.notified() => {}
            done = running => panic!("ended before it was stopped: {done:?}"),
        }
        let done = ground.number("SELECT done_rows FROM import").await;
        assert!((1..3000).contains(&done), "{done}");

        let summary = import(&ground.db, &ground.seal, &ground.clock, &order, |_| {}).await.unwrap();
        assert_eq!(i64::try_from(summary.resumed).unwrap(), done);
        assert_eq!(figures(&summary), [3000, 1980, 0, 990, 30, 0]);
        assert_eq!(ground.number("SELECT count(*) FROM recipient WHERE state = 0").await, 1980);
        let rejected = std::fs::read_to_string(summary.rejected_file.unwrap()).unwrap();
        assert_eq!(rejected.lines().count(), 31);

        // It is finished now: the same file again is another import.
        let again = import(&ground.db, &ground.seal, &ground.clock, &order, |_| {}).await.unwrap();
        assert_eq!((again.resumed, figures(&again)), (0, [3000, 0, 1980, 990, 30, 0]));
    }
}
