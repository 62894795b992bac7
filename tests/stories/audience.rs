//! Lists come in as offices have them; people are found, counted, exported and forgotten.

use std::fmt::Write as _;
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use chrono::NaiveDate;
use loa::{
    audience::{
        count::{Count, count},
        erase::erase,
        export::{export, export_to},
        import::{ImportError, Order, Summary, import},
        key,
        segment::{SegmentError, compile},
    },
    campaign::{Condition, Reached},
    consent::{self, Said, Scope, agreement},
    seal::{Kind, Seal},
    words::Lang,
};
use providers::Channel;

use crate::helpers::{self, Ground, grounds};

async fn import_text(ground: &Ground, name: &str, text: &str) -> Result<Summary, ImportError> {
    import_order(ground, name, text, false).await
}

async fn import_order(ground: &Ground, name: &str, text: &str, replace: bool) -> Result<Summary, ImportError> {
    let path = ground.folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    let order = Order { path, source: "danh-sach".into(), replace, lang: Lang::Vi };
    import(&ground.db, &ground.seal, &ground.clock, &order, |_| {}).await
}

async fn exported(ground: &Ground, reference: Option<&str>) -> String {
    let mut out = Vec::new();
    export(&ground.db, &ground.seal, reference, &mut out).await.unwrap();
    String::from_utf8(out).unwrap()
}

/// rows, added, updated, repeated, rejected, retired
fn figures(summary: &Summary) -> [u64; 6] {
    [summary.rows, summary.added, summary.updated, summary.repeated, summary.rejected, summary.retired]
}

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

fn condition(change: impl FnOnce(&mut Condition)) -> Condition {
    let mut condition = Condition::default();
    change(&mut condition);
    condition
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn segments_mean_the_same_people_on_both_engines() {
    let day = |y, m, d| NaiveDate::from_ymd_opt(y, m, d).unwrap();
    for ground in grounds().await {
        let list = "\
ref,phone,email,area,groups,born,lang,nghe
a,0901111111,,00004,can-bo;to-truong,1950,vi,giáo viên
b,0902222222,b@example.vn,01,can-bo,2000-01-01,en,y tá
c,,c@example.vn,91,hoc-sinh,,,
d,0904444444,,26740,,1960-05-05,,O'Brien
";
        import_text(&ground, "list.csv", list).await.unwrap();
        // Runs of the campaign: 1 lately, 2 long ago, 3 a test, 4 of another one. Account 1 sends receipts, account 2 none.
        let now = ground.clock.millis();
        let old = now - 40 * 86_400_000;
        let mut scene = String::from(
            "INSERT INTO account (name, channel, receipts, tat, day, used) VALUES ('one', 1, TRUE, 0, '', 0), ('two', 1, FALSE, 0, '', 0);",
        );
        let person = |reference: &str| format!("(SELECT id FROM recipient WHERE ref = '{reference}')");
        for (run, campaign, origin, at) in [
            (1, "otp", 0, now),
            (2, "otp", 0, old),
            (3, "otp", 2, now),
            (4, "khac", 0, now),
            (5, "thu", 0, now),
            (6, "tre", 0, now - 11 * 86_400_000),
        ] {
            write!(scene, "INSERT INTO run (id, campaign, occurrence, origin, kind, definition, date, turn, message, recipients, state, paused, due_at, \
                 expires_at, fan_cursor, fan_top, created_at) \
                 VALUES ({run}, '{campaign}', '{run}', {origin}, 0, '', '', 0, '', '[]', 2, FALSE, {at}, {at}, 0, 0, {at});").unwrap();
        }
        for (run, reference, account, state, at) in [
            (1, "a", 1, 5, now),
            (1, "b", 1, 3, now),
            (1, "c", 2, 4, now),
            (2, "d", 1, 6, old),
            (3, "d", 1, 5, now),
            (4, "b", 1, 5, now),
            (6, "a", 1, 5, now - 9 * 86_400_000),
        ] {
            write!(scene, "INSERT INTO delivery (id, run, segments, owner, account, price, updated_at, route, message, state, reason, attempt, tries, doubts, parts) \
                 SELECT (CAST({run} AS BIGINT) << 36) + ({} << 4) + 1, {run}, 0, 0, {account}, 0, {at}, 16, 0, {state}, 0, 1, 1, 0, 1;",
                person(reference)).unwrap();
        }
        // Mails of run 5, on an account that sends receipts: b's is 72 hours old to the millisecond, c's one millisecond less.
        for (reference, age) in [("b", 72 * 3_600_000), ("c", 72 * 3_600_000 - 1)] {
            let (at, id) = (now - age, person(reference));
            write!(scene, "INSERT INTO delivery (id, run, segments, owner, account, price, updated_at, route, message, state, reason, attempt, tries, doubts, parts) \
                 SELECT (CAST(5 AS BIGINT) << 36) + ({id} << 4) + 2, 5, 0, 0, 1, 0, {at}, 32, 0, 3, 0, 1, 1, 0, 1;").unwrap();
        }
        ground.execute(&scene).await;

        let segments = BTreeMap::from([
            ("can-bo", condition(|c| c.groups = strings(&["can-bo"]))),
            ("tuoi-cao", condition(|c| c.born_before = Some(day(1961, 1, 1)))),
            ("vong", condition(|c| c.segments = strings(&["vong"]))),
        ]);
        let lookup = |slug: &str| segments.get(slug);
        let reached = |days: u64| Some(Reached { campaign: "otp".into(), within: Duration::from_secs(days * 86_400) });
        let mailed = |days: u64| Some(Reached { campaign: "thu".into(), within: Duration::from_secs(days * 86_400) });
        let late = |days: u64| Some(Reached { campaign: "tre".into(), within: Duration::from_secs(days * 86_400) });
        let not = |change: fn(&mut Condition)| condition(|c| c.not = Some(Box::new(condition(change))));
        for (what, condition, people) in [
            ("everybody", Condition::default(), "abcd"),
            ("groups", condition(|c| c.groups = strings(&["to-truong", "hoc-sinh"])), "ac"),
            ("a province and its wards", condition(|c| c.areas = strings(&["01"])), "ab"),
            ("a ward", condition(|c| c.areas = strings(&["00004", "26740"])), "ad"),
            ("born before", condition(|c| c.born_before = NaiveDate::from_ymd_opt(1960, 5, 5)), "a"),
            (
                "not born before: whoever's year is unknown too",
                not(|c| c.born_before = NaiveDate::from_ymd_opt(1961, 1, 1)),
                "bc",
            ),
            ("born after", condition(|c| c.born_after = NaiveDate::from_ymd_opt(1960, 5, 4)), "bd"),
            ("lang, Vietnamese where none is named", condition(|c| c.lang = strings(&["vi"])), "acd"),
            (
                "attributes",
                condition(|c| c.attributes = BTreeMap::from([("nghe".into(), strings(&["giáo viên", "O'Brien"]))])),
                "ad",
            ),
            ("an attribute that nobody has", condition(|c| c.attributes = BTreeMap::from([("x".into(), strings(&["y"]))])), ""),
            ("not an attribute", not(|c| c.attributes = BTreeMap::from([("nghe".into(), strings(&["y tá"]))])), "acd"),
            ("reached: delivered, or accepted where no receipts come", condition(|c| c.reached = reached(30)), "ac"),
            ("reached: a mail that did not bounce for 72 hours", condition(|c| c.reached = mailed(30)), "b"),
            ("a mail's moment is its acceptance", condition(|c| c.reached = mailed(3)), "b"),
            ("a mail of less than 72 hours is not presumed yet", condition(|c| c.reached = mailed(2)), ""),
            ("a receipt that came after the run's end", condition(|c| c.reached = late(10)), "a"),
            ("reached longer ago, tests aside", condition(|c| c.reached = reached(60)), "acd"),
            (
                "any",
                condition(|c| c.any = vec![condition(|c| c.areas = strings(&["91"])), condition(|c| c.lang = strings(&["en"]))]),
                "bc",
            ),
            ("segments", condition(|c| c.segments = strings(&["can-bo", "tuoi-cao"])), "abd"),
            (
                "all that must hold",
                condition(|c| {
                    c.segments = strings(&["can-bo"]);
                    c.areas = strings(&["01"]);
                    c.not = Some(Box::new(condition(|c| c.lang = strings(&["en"]))));
                }),
                "a",
            ),
        ] {
            let compiled = compile(&condition, &lookup, ground.db.engine(), 1, now).unwrap();
            let mut found = String::new();
            for reference in ["a", "b", "c", "d"] {
                let mut one = compiled.clone();
                one.text = format!("{} AND r.ref = '{reference}'", one.text);
                if count(&ground.db, &one, 0).await.unwrap().people == 1 {
                    found.push_str(reference);
                }
            }
            assert_eq!(found, people, "{what} on {:?}", ground.db.engine());
        }
        let all = compile(&Condition::default(), &lookup, ground.db.engine(), 1, now).unwrap();
        assert_eq!(
            count(&ground.db, &all, 0).await.unwrap(),
            Count { people: 4, phone: 3, email: 2, chat: 0, ..Count::default() }
        );
        // Whoever refuses, or stands on a list, is counted apart.
        let phone = ground.number("SELECT min(phone_hash) FROM recipient WHERE phone_hash IS NOT NULL").await;
        consent::record(&ground.db, Channel::Sms, phone, Scope::Awareness, Said { source: "link", wording: "", at: 1 })
            .await
            .unwrap();
        let counted = count(&ground.db, &all, 0).await.unwrap();
        assert_eq!((counted.phone, counted.refused, counted.blocked, counted.no_advertising), (3, 1, 0, 0));
        let compile = |slug: &str| compile(&condition(|c| c.segments = strings(&[slug])), &lookup, ground.db.engine(), 1, now);
        assert_eq!(compile("khong-co"), Err(SegmentError::Unknown("khong-co".into())));
        assert_eq!(compile("vong"), Err(SegmentError::Circular("vong".into())));
    }
}

#[tokio::test]
async fn an_export_is_a_list_and_an_erased_person_is_in_none() {
    for ground in grounds().await {
        let list = "ref,name,phone,email,area,groups,born,nghe\na,An,0901111111,an@example.vn,00004,x;y,1950,\"thợ \"\"bạc\"\"\"\nb,Bình,0902222222,,01,x,,\n";
        import_text(&ground, "list.csv", list).await.unwrap();
        let phone = ground.seal.hash(Kind::Phone, "+84901111111");
        let said = Said { source: "officer", wording: "gọi điện", at: ground.clock.millis() };
        consent::record(&ground.db, Channel::Sms, phone, Scope::All, said).await.unwrap();

        let path = ground.folder.path().join("export.csv");
        assert_eq!(export_to(&ground.db, &ground.seal, None, &path).await.unwrap(), 2);
        #[cfg(unix)]
        assert_eq!(std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&path).unwrap()) & 0o777, 0o600);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("sms:all") && text.contains("Phường Ba Đình, Thành phố Hà Nội"), "{text}");
        let order = Order { path, source: "danh-sach".into(), replace: true, lang: Lang::Vi };
        let summary = import(&ground.db, &ground.seal, &ground.clock, &order, |_| {}).await.unwrap();
        assert_eq!(figures(&summary), [2, 0, 2, 0, 0, 0]);
        assert_eq!(format!("\u{feff}{}", exported(&ground, None).await), text);

        let now = ground.clock.millis();
        assert!(erase(&ground.db, "a", "Lan", now).await.unwrap().is_some());
        assert!(erase(&ground.db, "a", "Lan", now).await.unwrap().is_none());
        assert!(!exported(&ground, None).await.contains("An"));
        assert_eq!(ground.number("SELECT count(*) FROM recipient").await, 2);
        let left = "SELECT count(*) FROM recipient WHERE state = 2 AND name IS NULL AND phone IS NULL AND phone_hash IS NULL \
                    AND email IS NULL AND born IS NULL AND attributes = '{}' AND ref LIKE 'erased-%'";
        assert_eq!(ground.number(left).await, 1);
        assert_eq!(ground.number("SELECT count(*) FROM membership").await, 1);
        assert_eq!(consent::refused(&ground.db, Channel::Sms, &[phone], now).await.unwrap().get(&phone), Some(&Scope::All));
    }
}

#[tokio::test]
async fn what_a_list_says_of_consent_is_remembered_where_it_changes() {
    for ground in grounds().await {
        let head = "ref,name,phone,consent_basis,consent_source,consent_at,consent_wording\n";
        let agreed = "a,An,0901111111,đồng ý,phiếu,01/10/2026,Tôi đồng ý nhận tin\nb,Bình,0902222222,,,,\n";
        let import = async |name: &str, text: String| import_text(&ground, name, &text).await.unwrap();
        import("1.csv", format!("{head}{agreed}")).await;
        // The same list again, and one without these columns, say nothing new.
        import("2.csv", format!("{head}{agreed}")).await;
        import("3.csv", "ref,name,phone\na,An,0901111111\n".to_string()).await;
        import("4.csv", "ref,phone,consent_basis,consent_source,consent_at\na,0901111111,đồng ý,phiếu,01/10/2026\n".into()).await;
        assert_eq!(ground.number("SELECT count(*) FROM consent").await, 1);
        import("5.csv", format!("{head}a,An,0901111111,nhiệm vụ công,,,\n")).await;
        import("6.csv", format!("{head}a,An,0901111111,,,,\nb,Bình,0902222222,consent,web,,\n")).await;
        let history = agreement::history(&ground.db, 1).await.unwrap();
        let said: Vec<_> = history.iter().map(|one| (one.given, one.basis.as_str(), one.wording.as_str())).collect();
        assert_eq!(said, [(true, "đồng ý", "Tôi đồng ý nhận tin"), (true, "nhiệm vụ công", ""), (false, "", ""),]);
        assert!(history.iter().all(|one| one.channel == 0 && one.by_whom == "danh-sach"), "{history:?}");
        assert_eq!(agreement::history(&ground.db, 2).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_refusal_stands_until_it_is_taken_back_and_all_of_it_is_remembered() {
    for ground in grounds().await {
        let db = &ground.db;
        let said = |at| Said { source: "link", wording: "Từ chối nhận tin", at };
        let first = consent::record(db, Channel::Sms, 7, Scope::All, said(1)).await.unwrap();
        // Refusing less afterwards does not make it less.
        consent::record(db, Channel::Sms, 7, Scope::Awareness, said(2)).await.unwrap();
        consent::record(db, Channel::Email, 7, Scope::Awareness, said(3)).await.unwrap();
        let refused = async |channel| consent::refused(db, channel, &[7, 8], 0).await.unwrap().get(&7).copied();
        assert_eq!((refused(Channel::Sms).await, refused(Channel::Email).await), (Some(Scope::All), Some(Scope::Awareness)));
        assert!(!Scope::Awareness.covers(loa::campaign::Kind::Warning) && Scope::All.covers(loa::campaign::Kind::Warning));

        let back = loa::transaction!(db, |tx| consent::take_back(tx, Channel::Sms, 7, said(4)).await).unwrap();
        assert_eq!((refused(Channel::Sms).await, refused(Channel::Chat).await), (None, None));
        let history = consent::history(db, Channel::Sms, 7).await.unwrap();
        let told: Vec<_> = history.iter().map(|event| (event.refused, event.at)).collect();
        assert_eq!(told, [(Some(Scope::All), 1), (Some(Scope::Awareness), 2), (None, 4)]);

        // Whoever polls learns how things stand now, of old events too: nothing that was committed late is missed.
        let changes = consent::since(db, back).await.unwrap();
        assert!(changes.iter().any(|change| change.id == first));
        let last = |channel| changes.iter().rev().find(|change| change.channel == channel).unwrap().standing.refuses(0);
        assert_eq!((last(Channel::Sms), last(Channel::Email)), (None, Some(Scope::Awareness)));
    }
}

#[tokio::test]
async fn a_rotation_seals_anew_and_changes_no_hash() {
    for ground in grounds().await {
        let db = &ground.db;
        let mut list = String::from("ref,phone,email,zalo_id\n");
        for n in 0..1200 {
            writeln!(list, "r{n},090{n:07},p{n}@example.vn,{}", 1_000_000 + n).unwrap();
        }
        import_text(&ground, "list.csv", &list).await.unwrap();
        let before = exported(&ground, None).await;
        let hash = ground.seal.hash(Kind::Phone, "+84900000001");

        assert!(matches!(key::load(db, &helpers::key(2), &[]).await, Err(key::KeyError::Foreign)));
        let seal = key::load(db, &helpers::key(2), &[helpers::key(1)]).await.unwrap();
        assert_eq!(seal.hash(Kind::Phone, "+84900000001"), hash);
        assert_eq!(key::rekey(db, &seal, |_| {}).await.unwrap(), 1200);
        assert_eq!(key::rekey(db, &seal, |_| {}).await.unwrap(), 0);

        let seal: Seal = key::load(db, &helpers::key(2), &[]).await.unwrap();
        assert_eq!(seal.hash(Kind::Phone, "+84900000001"), hash);
        let mut after = Vec::new();
        export(db, &seal, None, &mut after).await.unwrap();
        assert_eq!(String::from_utf8(after).unwrap(), before);
        assert!(matches!(key::load(db, &helpers::key(1), &[]).await, Err(key::KeyError::Foreign)));
    }
}
