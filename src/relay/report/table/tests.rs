use rust_xlsxwriter::{ExcelDateTime, Format, Formula, Workbook, Worksheet};

use super::*;
use crate::{
    relay::{Step, order::sample, report::Kept},
    words::Lang,
};

const HALF_PAST_EIGHT: i64 = 1_795_311_000_000;

fn given() -> Given<'static> {
    Given { sequence: Some(1), as_of: Some(HALF_PAST_EIGHT), rounds: 1, ..Given::default() }
}

fn csv(text: &str, given: &Given<'_>) -> Result<Table, Vec<String>> {
    read_bytes(text.as_bytes(), given).map_err(|unfit| unfit.words().into_iter().map(|words| words.vi).collect())
}

fn sheet(fill: impl FnOnce(&mut Worksheet), given: &Given<'_>) -> Result<Table, Vec<String>> {
    let mut book = Workbook::new();
    fill(book.add_worksheet());
    let bytes = book.save_to_buffer().unwrap();
    read_bytes(&bytes, given).map_err(|unfit| unfit.words().into_iter().map(|words| words.vi).collect())
}

fn counted(area: &str, round: u16, [targeted, submitted]: [i64; 2]) -> Count {
    Count::of(area, round, targeted, submitted)
}

#[test]
fn a_table_of_a_program_is_read() {
    let text = "order,sequence,as_of,final,correction,code,round,targeted,submitted,delivered,failed,pending,parts,cost,starts_at,ends_at,area_by\r\n\
        loa-1,2,2026-11-22T08:30:00+07:00,true,miscounted,01,1,10,9,5,2,2,18,\"1,234,567\",2026-11-22T08:00:00+07:00,,cell\r\n\
        loa-1,2,2026-11-22T08:30:00+07:00,true,miscounted,79,2,4,4,,,,,,,,registration\r\n";
    let table = csv(text, &Given { order: Some("loa-1"), rounds: 2, ..Given::default() }).unwrap();
    let report = &table.report;
    assert_eq!(table.order.as_deref(), Some("loa-1"));
    assert_eq!((report.sequence, report.as_of, report.last), (2, HALF_PAST_EIGHT, true));
    assert_eq!(report.correction.as_deref(), Some("miscounted"));
    let first = Count {
        delivered: Some(5),
        failed: Some(2),
        pending: Some(2),
        parts: Some(18),
        cost: Some(1_234_567),
        starts_at: Some(HALF_PAST_EIGHT - 30 * 60_000),
        by_cell: true,
        ..counted("01", 1, [10, 9])
    };
    assert_eq!(report.counts, [first, counted("79", 2, [4, 4])]);
    assert!(table.ignored.is_empty());
}

#[test]
fn a_table_of_an_office_is_read() {
    let text = "\u{feff}BÁO CÁO KẾT QUẢ NHẮN TIN;;;;\n\
        Mã yêu cầu:;loa-1;;;\n\
        Báo cáo số;3;;;\n\
        Số liệu tính đến: 8h30 ngày 22/11/2026;;;;\n\
        Báo cáo cuối cùng;Có;;;\n\
        STT;Tỉnh/Thành phố;Số thuê bao mục tiêu;Đã gửi;Gửi thành công\n\
        1;TP. Hồ Chí Minh;1.234.567;1 200 000;—\n\
        2;Hà Nội;350.000;350.000;349.999\n\
        3;Lâm Đồng;;;\n\
        ;Tổng cộng;1.584.567;1.550.000;349.999\n\
        ;Người lập biểu;;;\n";
    let table = csv(text, &Given { rounds: 1, ..Given::default() }).unwrap();
    let report = &table.report;
    assert_eq!((table.order.as_deref(), report.sequence, report.as_of, report.last), (Some("loa-1"), 3, HALF_PAST_EIGHT, true));
    let second = Count { delivered: Some(349_999), ..counted("01", 1, [350_000, 350_000]) };
    assert_eq!(report.counts, [counted("79", 1, [1_234_567, 1_200_000]), second]);
    assert_eq!(table.ignored, ["STT"]);
}

#[test]
fn what_is_wrong_is_pointed_at() {
    let head = "Mã địa bàn,Vòng,Thuê bao mục tiêu,Đã gửi,Thành công,Bắt đầu,Địa bàn theo\n";
    let wrong = |rows: &str| csv(&format!("{head}{rows}"), &given()).unwrap_err();
    assert_eq!(
        wrong("01,1,10,9,\"12,5\",,\n"),
        ["dòng 2, cột E (Thành công): `12,5` có phần lẻ: đếm bằng số nguyên, ghi như 1234567"]
    );
    assert_eq!(
        wrong("01,1,\"1,234\",9,,,\n"),
        ["dòng 2, cột C (Thuê bao mục tiêu): `1,234` đọc được hai cách (số lẻ hoặc 1234): ghi 1234 không có dấu"]
    );
    assert_eq!(wrong("01,1,10,,,,\n"), ["dòng 2, cột D (Đã gửi): thiếu số: ghi 0 nếu không có"]);
    assert!(wrong("01,1,10,-,,,\n")[0].starts_with("dòng 2, cột D (Đã gửi): ghi 0"));
    assert!(wrong("01,x,10,9,,,\n")[0].starts_with("dòng 2, cột B (Vòng): `x`"));
    assert!(wrong("01,1,10,9,,11/22/2026,\n")[0].starts_with("dòng 2, cột F (Bắt đầu): `11/22/2026`"));
    assert!(wrong("01,1,10,9,,,anten\n")[0].starts_with("dòng 2, cột G (Địa bàn theo): `anten`"));
    assert!(wrong("99,1,10,9,,,\n")[0].starts_with("dòng 2, cột A (Mã địa bàn): không có địa bàn nào là `99`"));
    assert!(wrong(",1,10,9,,,\n")[0].starts_with("dòng 2, cột A (Mã địa bàn): thiếu địa bàn"));
    assert_eq!(
        wrong("01,1,10,9,,,\n1,1,5,5,,,\n"),
        ["dòng 3: Thành phố Hà Nội, vòng 1 đã có ở dòng 2"],
        "a zero that Excel dropped"
    );
    assert_eq!(wrong("01,1,x,y,,,\n79,1,z,1,,,\n").len(), 3, "all that is wrong at once");
    assert!(wrong("\"01,1,10,9,,,\n")[0].starts_with("dòng 2: dấu ngoặc kép"));

    let missing = csv("Mã địa bàn,Đã gửi\n01,1\n", &given()).unwrap_err();
    assert_eq!(missing, ["dòng 1: không thấy hàng tiêu đề: thiếu cột Thuê bao mục tiêu"]);
    assert!(csv("", &given()).unwrap_err()[0].contains("không có gì"));
    let twice = csv("code,targeted,submitted,sent\n01,1,1,1\n", &given()).unwrap_err();
    assert_eq!(twice, ["dòng 1, cột D (sent): hai cột cùng nghĩa"]);
    let thousands = csv("code,Thuê bao mục tiêu (nghìn),submitted\n01,1,1\n", &given()).unwrap_err();
    assert!(thousands[0].contains("không theo nghìn"), "{thousands:?}");
    let rounds = csv("code,targeted,submitted\n01,1,1\n", &Given { rounds: 2, ..given() }).unwrap_err();
    assert_eq!(rounds, ["dòng 1: yêu cầu có 2 vòng: thêm cột Vòng"]);
    let unknown = csv("code,targeted,submitted\n01,1,1\n", &Given::default()).unwrap_err();
    assert_eq!(unknown.len(), 2, "neither the sequence nor the moment: {unknown:?}");
    let other = csv("order,code,targeted,submitted\nloa-2,01,1,1\n", &Given { order: Some("loa-1"), ..given() }).unwrap_err();
    assert_eq!(other, ["dòng 2, cột A (order): bảng này là của yêu cầu `loa-2`, không phải `loa-1`"]);
    let two = csv("sequence,code,targeted,submitted\n1,01,1,1\n2,79,1,1\n", &given()).unwrap_err();
    assert!(two[0].starts_with("dòng 3, cột A (sequence): `2` khác với dòng 2"), "{two:?}");
    assert!(matches!(read_bytes(&vec![b'x'; usize::try_from(MAX_BYTES).unwrap() + 1], &given()), Err(Unfit::TooLarge)));
}

#[test]
fn places_are_those_of_the_order_and_of_today() {
    let place = |header: &str, row: &str, areas: &[&str]| {
        let areas: Vec<String> = areas.iter().map(ToString::to_string).collect();
        let given = Given { areas: &areas, ..given() };
        let table = csv(&format!("{header},targeted,submitted\n{row},1,1\n"), &given)?;
        Ok::<_, Vec<String>>(table.report.counts[0].area.clone())
    };
    assert_eq!(place("area", "\"Phường Ba Đình, Thành phố Hà Nội\"", &[]).as_deref(), Ok("00004"));
    assert_eq!(place("ward,province", "Ba Đình,Hà Nội", &[]).as_deref(), Ok("00004"));
    assert_eq!(place("province", "79", &[]).as_deref(), Ok("79"));
    assert_eq!(place("code,area", "01,Hà Nội", &[]).as_deref(), Ok("01"));
    assert_eq!(place("code,province", "00004,Hà Nội", &[]).as_deref(), Ok("00004"));
    let slipped = place("code,area", "01,TP. Hồ Chí Minh", &[]).unwrap_err();
    assert_eq!(slipped, ["dòng 2, cột B (area): `TP. Hồ Chí Minh` không phải địa bàn có mã 01 (Thành phố Hà Nội)"]);
    // A name of several places means the one that was ordered; where several or none were, its code is asked for.
    let several = place("area", "Xã Bình Minh", &[]).unwrap_err();
    assert!(several[0].contains("tên của nhiều nơi"), "{several:?}");
    let codes: Vec<&str> = several[0].split(": ").last().unwrap().split("; ").filter_map(|one| one.split(' ').next()).collect();
    assert_eq!(place("area", "Xã Bình Minh", &[codes[1]]).as_deref(), Ok(codes[1]));
    // A code of before July 2025 is told what became of it.
    let old = place("code", "27", &[]);
    assert!(old.as_ref().is_err_and(|wrong| wrong[0].contains("trước ngày 01/7/2025")), "{old:?}");
}

#[test]
fn a_workbook_is_read_with_what_its_cells_hold() {
    let date = Format::new().set_num_format("dd/mm/yyyy hh:mm");
    let head = |sheet: &mut Worksheet| {
        for (column, title) in (0_u16..).zip(["Mã địa bàn", "Thuê bao mục tiêu", "Đã gửi", "Bắt đầu"]) {
            sheet.write(2, column, title).unwrap();
        }
    };
    let table = sheet(
        |sheet| {
            sheet.write(0, 0, "Số liệu tính đến").unwrap();
            let at = ExcelDateTime::from_ymd(2026, 11, 22).unwrap().and_hms(8, 30, 0).unwrap();
            sheet.write_with_format(0, 1, &at, &date).unwrap();
            head(sheet);
            sheet.write(3, 0, 1).unwrap().write(3, 1, 1_234_567).unwrap();
            sheet.write(3, 2, Formula::new("=B4-67").set_result("1234500")).unwrap();
            sheet.write(3, 3, "22/11/2026 08:00").unwrap();
        },
        &Given { as_of: None, ..given() },
    )
    .unwrap();
    assert_eq!(table.report.as_of, HALF_PAST_EIGHT);
    let first = Count { starts_at: Some(HALF_PAST_EIGHT - 30 * 60_000), ..counted("01", 1, [1_234_567, 1_234_500]) };
    assert_eq!(table.report.counts, [first]);

    let fraction = sheet(
        |sheet| {
            head(sheet);
            sheet.write(3, 0, "01").unwrap().write(3, 1, 1.234).unwrap().write(3, 2, 1).unwrap();
        },
        &given(),
    )
    .unwrap_err();
    assert!(fraction[0].starts_with("dòng 4, cột B (Thuê bao mục tiêu): ô chứa số lẻ 1.234"), "{fraction:?}");
    let failed = sheet(
        |sheet| {
            head(sheet);
            sheet.write(3, 0, "01").unwrap().write(3, 1, 5).unwrap().write(3, 2, "#DIV/0!").unwrap();
        },
        &given(),
    );
    assert!(failed.is_err());
    assert!(read_bytes(b"PK\x03\x04 no workbook", &given()).is_err());
}

/// A workbook whose formula has no value: written by a program that computes none.
#[test]
fn a_formula_that_nobody_computed_is_no_blank() {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    for (column, title) in (0_u16..).zip(["code", "targeted", "submitted", "delivered"]) {
        sheet.write(0, column, title).unwrap();
    }
    sheet.write(1, 0, "01").unwrap().write(1, 1, 5).unwrap().write(1, 2, 5).unwrap();
    sheet.write(1, 3, Formula::new("=C2-1").set_result("77")).unwrap();
    let bytes = book.save_to_buffer().unwrap();
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    let mut out = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for at in 0..archive.len() {
        let mut piece = archive.by_index(at).unwrap();
        let mut text = String::new();
        std::io::Read::read_to_string(&mut piece, &mut text).unwrap();
        out.start_file(piece.name(), zip::write::SimpleFileOptions::default()).unwrap();
        out.write_all(text.replace("<v>77</v>", "").as_bytes()).unwrap();
    }
    let bytes = out.finish().unwrap().into_inner();
    let Err(Unfit::Wrong(wrong)) = read_bytes(&bytes, &given()) else { panic!("it was taken") };
    let words = wrong[0].words().vi;
    assert!(words.starts_with("dòng 2, cột D (delivered): ô là công thức chưa được tính"), "{words}");
}

#[test]
fn a_template_is_filled_in_and_read_back() {
    let mut order = sample(Step::Alert);
    order.content.areas = vec!["01".into(), "79".into()];
    order.content.rounds = 2;
    for lang in [Lang::Vi, Lang::En] {
        let blank = template(&order, None, 1, lang).unwrap();
        let Err(Unfit::Wrong(wrong)) = read_bytes(&blank, &Given::of(&order)) else { panic!("nothing is filled in yet") };
        assert_eq!(wrong.len(), 1, "only the moment is missing: {wrong:?}");
        let empty = read_bytes(&blank, &Given { as_of: Some(HALF_PAST_EIGHT), ..Given::of(&order) }).unwrap();
        assert_eq!((empty.report.sequence, empty.report.last, empty.report.counts.len()), (1, false, 0));

        // What was reported last stands in it.
        let newest = Report {
            sequence: 1,
            as_of: HALF_PAST_EIGHT,
            last: false,
            correction: None,
            evidence: None,
            counts: vec![
                Count {
                    delivered: Some(1_234_567),
                    cost: Some(999_999_999_999),
                    starts_at: Some(HALF_PAST_EIGHT),
                    by_cell: true,
                    ..counted("00004", 1, [2_000_000, 1_500_000])
                },
                counted("79", 1, [7, 0]),
            ],
        };
        let filled = template(&order, Some(&newest), 2, lang).unwrap();
        let given = Given { as_of: Some(HALF_PAST_EIGHT), ..Given::of(&order) };
        let table = read_bytes(&filled, &given).unwrap();
        assert_eq!(table.report, Report { sequence: 2, ..newest });
        assert_eq!(table.order.as_deref(), Some(order.identifier.as_str()));
        assert_eq!(lines_of(&filled), 4, "Ba Đình instead of its province, Hồ Chí Minh, and both in the second round");
    }
}

fn lines_of(book: &[u8]) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("book.xlsx");
    std::fs::write(&path, book).unwrap();
    let mut lines = 0;
    let list = List::inspect_form(&path).unwrap();
    list.each(&mut |row| {
        lines +=
            usize::from(row.cells.is_ok_and(|cells| cells[0].bytes().all(|byte| byte.is_ascii_digit()) && !cells[0].is_empty()));
        true
    })
    .unwrap();
    lines
}

#[test]
fn reports_are_exported_without_anything_that_runs_and_read_back() {
    let mut order = sample(Step::Alert);
    order.report = Some(7);
    let report = Report {
        sequence: 3,
        as_of: HALF_PAST_EIGHT,
        last: true,
        correction: Some("=HYPERLINK(\"https://example.vn\")".into()),
        evidence: None,
        counts: vec![counted("01", 1, [1_234_567, 1_000_000])],
    };
    let kept = Kept {
        id: 7,
        report: report.clone(),
        hash: String::new(),
        received_at: HALF_PAST_EIGHT,
        by: "+cmd|' /C calc'!A0".into(),
        via: "api".into(),
    };
    let bytes = export_csv(&order, std::slice::from_ref(&kept)).unwrap();
    let text = String::from_utf8(bytes.clone()).unwrap();
    assert!(text.contains("'=HYPERLINK") && text.contains(",'+cmd|"), "{text}");
    let line = text.lines().nth(1).unwrap();
    assert!(
        line.contains(",3,yes,2026-11-22T08:30:00.000+07:00,yes,")
            && line.ends_with(",01,Thành phố Hà Nội,1,1234567,1000000,,,,,,,,registration"),
        "{line}"
    );
    let table = read_bytes(&bytes, &Given::of(&order)).unwrap();
    assert_eq!((table.report.counts, table.report.sequence), (report.counts, 3));

    let book = export_xlsx(&order, &[kept], Lang::Vi).unwrap();
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(book)).unwrap();
    let mut sheet = String::new();
    std::io::Read::read_to_string(&mut archive.by_name("xl/worksheets/sheet1.xml").unwrap(), &mut sheet).unwrap();
    assert!(!sheet.contains("<f>") && sheet.contains("<v>1234567</v>"));
    let school = Kept { report: Report { counts: vec![], ..report_of_nothing() }, ..kept_of_nothing() };
    assert_eq!(
        String::from_utf8(export_csv(&order, &[school]).unwrap()).unwrap().lines().count(),
        2,
        "it is a report all the same"
    );
}

fn report_of_nothing() -> Report {
    Report { sequence: 1, as_of: 0, last: true, correction: None, evidence: None, counts: vec![] }
}

fn kept_of_nothing() -> Kept {
    Kept { id: 1, report: report_of_nothing(), hash: String::new(), received_at: 0, by: "Lan".into(), via: "console".into() }
}

#[test]
fn a_fault_of_the_judge_is_shown_where_it_stands() {
    let text = "Số liệu tính đến,22/11/2026 08:30\ncode,round,targeted,submitted\n01,1,5,9\n";
    let table = csv(text, &Given { as_of: None, ..given() }).unwrap();
    let fault = |area: Option<&str>, field| Fault {
        area: area.map(str::to_string),
        round: area.map(|_| 1),
        field,
        why: phrase!("sai", "wrong"),
    };
    let words = |fault: &Fault| table.wrong(fault).words().vi;
    assert_eq!(words(&fault(Some("01"), "targeted")), "dòng 3, cột C (targeted): sai");
    assert_eq!(words(&fault(Some("01"), "code")), "dòng 3, cột A (code): sai");
    assert_eq!(words(&fault(Some("79"), "areas")), fault(Some("79"), "areas").words().vi, "it stands nowhere");
    assert_eq!(words(&fault(None, "as_of")), "dòng 1: sai");
    assert_eq!(words(&fault(None, "evidence")), "sai");
    for (at, letters) in [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA")] {
        assert_eq!(Column { at, title: String::new() }.letters(), letters);
    }
}

/// One long text in every cell makes a small file, and a great deal of memory.
#[test]
fn a_workbook_that_unpacks_to_a_great_deal_of_text_is_refused() {
    let long = "x".repeat(32_000);
    let refused = sheet(
        |sheet| {
            for row in 0..1_500 {
                sheet.write(row, 0, &long).unwrap().write(row, 1, &long).unwrap();
            }
        },
        &given(),
    );
    assert_eq!(refused.unwrap_err(), ["bảng quá lớn: tối đa 8 MB"]);
}

/// Rows of which only the last column holds anything.
#[test]
fn a_workbook_of_empty_cells_is_refused() {
    let far = |rows: u32| {
        sheet(
            |sheet| {
                for row in 0..rows {
                    sheet.write(row, 999, "x").unwrap();
                }
            },
            &given(),
        )
        .unwrap_err()
    };
    assert_eq!(far(2_000), ["bảng quá lớn: tối đa 8 MB"]);
    assert!(far(10)[0].contains("không thấy hàng tiêu đề"));
}
