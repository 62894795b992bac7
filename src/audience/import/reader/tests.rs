use super::*;
use proptest::prelude::*;

fn rows(bytes: &[u8]) -> Result<Vec<Row>, ReadError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list.csv");
    std::fs::write(&path, bytes).unwrap();
    let mut rows = Vec::new();
    List::inspect(&path)?.each(&mut |row| {
        rows.push(row);
        true
    })?;
    Ok(rows)
}

fn cells(bytes: &[u8]) -> Vec<(u64, Vec<String>)> {
    rows(bytes).unwrap().into_iter().map(|row| (row.line, row.cells.unwrap())).collect()
}

#[test]
fn encodings_and_separators_are_recognised() {
    let expected = vec![(1, vec!["Họ tên".to_string(), "SĐT".to_string()]), (3, vec!["Đỗ An".to_string(), "0901".to_string()])];
    for separator in [",", ";", "\t"] {
        let text = format!("Họ tên{separator}SĐT\r\n\r\nĐỗ An{separator}0901\n");
        let utf16 =
            |to: fn(u16) -> [u8; 2]| -> Vec<u8> { std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(to).collect() };
        assert_eq!(cells(text.as_bytes()), expected);
        assert_eq!(cells(format!("\u{feff}{text}").as_bytes()), expected);
        assert_eq!(cells(&utf16(u16::to_le_bytes)), expected);
        assert_eq!(cells(&utf16(u16::to_be_bytes)), expected);
    }
}

#[test]
fn other_encodings_and_old_excel_are_refused_with_advice() {
    let error = rows(b"ten,sdt\nNguy\xd4n,0901\n").unwrap_err();
    assert!(matches!(error, ReadError::Encoding { line: 2 }) && error.to_string().contains(".xlsx"), "{error}");
    assert!(matches!(rows(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1").unwrap_err(), ReadError::OldExcel));
}

#[test]
fn a_quote_that_never_closes_costs_its_own_line() {
    let rows = rows(b"a,b\n1,\"two\nlines\"\n2,\"open\n3,\"shut\"\n4,x \"y\" z\n").unwrap();
    let seen: Vec<(u64, Option<Vec<String>>)> = rows.into_iter().map(|row| (row.line, row.cells.ok())).collect();
    let cells = |cells: &[&str]| Some(cells.iter().map(ToString::to_string).collect::<Vec<_>>());
    assert_eq!(seen[1], (2, cells(&["1", "two\nlines"])));
    assert_eq!(seen[2], (4, None));
    assert_eq!(seen[3], (5, cells(&["3", "shut"])));
    assert_eq!(seen[4], (6, cells(&["4", "x \"y\" z"])));
}

#[test]
fn a_row_without_end_costs_itself() {
    let mut bytes = b"a,b\n".to_vec();
    bytes.extend(std::iter::repeat_n(b'x', 3 * LONGEST_ROW));
    bytes.extend(b"\n1,2\n");
    let rows = rows(&bytes).unwrap();
    assert_eq!((rows.len(), rows[1].cells.clone(), rows[2].line), (3, Err(phrase!("dòng quá dài", "the row is too long")), 3));
}

#[test]
fn a_row_of_a_sheet_without_end_costs_itself() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list.xlsx");
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    sheet.write(0, 0, "a").unwrap();
    let long = "x".repeat(30_000);
    for column in 0..3 {
        sheet.write(1, column, long.as_str()).unwrap();
    }
    sheet.write(2, 1, long.as_str()).unwrap();
    book.save(&path).unwrap();
    let mut rows = Vec::new();
    List::inspect(&path)
        .unwrap()
        .each(&mut |row| {
            rows.push(row);
            true
        })
        .unwrap();
    let lengths: Vec<Option<usize>> =
        rows.iter().map(|row| row.cells.as_ref().ok().map(|cells| cells.iter().map(String::len).sum())).collect();
    assert_eq!(lengths, [Some(1), None, Some(30_000)]);
    assert_eq!(rows[1].cells, Err(too_long()));
}

proptest! {
    #[test]
    fn what_a_csv_writer_wrote_is_read_back(table in proptest::collection::vec(proptest::collection::vec("[a-zà-ỹ\",;\n ]{1,8}", 3), 1..6)) {
        let mut writer = csv::WriterBuilder::new().quote_style(csv::QuoteStyle::Always).from_writer(Vec::new());
        writer.write_record(["a", "b", "c"]).unwrap();
        for row in &table {
            writer.write_record(row).unwrap();
        }
        let back = cells(&writer.into_inner().unwrap());
        let back: Vec<Vec<String>> = back.into_iter().skip(1).map(|(_, cells)| cells).collect();
        let full: Vec<Vec<String>> = table.into_iter().filter(|row| row.iter().any(|cell| !cell.trim().is_empty())).collect();
        prop_assert_eq!(back, full);
    }
}
