//! An invoice's file: CSV or XLSX comes in, parts and đồng by account, carrier and day leave, or everything that is wrong
//! with it, by line. A file with a mistake is not taken in part: a bill has one total.

use std::{collections::BTreeMap, path::Path};

use chrono::NaiveDate;

use super::{Amount, Key};
use crate::{
    audience::{
        import::{List, ReadError, slug},
        phone::Carrier,
    },
    phrase,
    words::Phrase,
};

/// Mistakes that are told at once.
const MOST: usize = 20;
/// Rows of titles above a header, at most.
const TITLES: usize = 12;

/// How a file's columns are called, where they are not called by a name that is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mapping {
    /// Field (`account`, `carrier`, `day`, `parts`, `amount`) → the file's header.
    pub columns: BTreeMap<String, String>,
    /// The account that all lines are of, where no column says.
    pub account: Option<String>,
}

/// What a file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoiced {
    /// SHA-256 of the file.
    pub hash: String,
    /// Lines of one account, carrier and day are added up.
    pub lines: BTreeMap<Key, Amount>,
}

/// Why a file was not taken.
#[derive(Debug, thiserror::Error)]
pub enum InvoiceError {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// What is wrong, by line.
    #[error("{} mistakes", .0.len())]
    Lines(Vec<(u64, Phrase)>),
}

/// The fields, and what their columns are called.
const FIELDS: [(&str, &[&str]); 5] = [
    ("day", &["day", "date", "ngay", "ngay_gui", "thoi_gian"]),
    ("parts", &["parts", "so_tin", "tin_quy_doi", "so_tin_quy_doi", "san_luong", "so_luong", "mt", "quantity"]),
    ("amount", &["amount", "cost", "thanh_tien", "so_tien", "tien", "tong_tien", "chi_phi", "dong"]),
    ("carrier", &["carrier", "nha_mang", "mang", "telco", "network"]),
    ("account", &["account", "tai_khoan", "tai_khoan_gui", "brandname"]),
];

/// Which column has what.
struct Columns {
    day: usize,
    parts: usize,
    amount: usize,
    carrier: Option<usize>,
    account: Option<usize>,
}

impl Columns {
    /// Reads a header; `Err`: the fields that it lacks.
    fn read(cells: &[String], mapping: &Mapping) -> Result<Self, Vec<&'static str>> {
        let names: Vec<String> = cells.iter().map(|cell| slug(cell).replace('-', "_")).collect();
        let find = |field: &str| {
            let known = FIELDS.iter().find(|(name, _)| *name == field).map_or(&[][..], |(_, known)| known);
            match mapping.columns.get(field) {
                Some(header) => names.iter().position(|name| *name == slug(header).replace('-', "_")),
                None => names.iter().position(|name| known.contains(&name.as_str())),
            }
        };
        let mut missing = Vec::new();
        let mut need = |field: &'static str| {
            find(field).unwrap_or_else(|| {
                missing.push(field);
                0
            })
        };
        let columns = Self {
            day: need("day"),
            parts: need("parts"),
            amount: need("amount"),
            carrier: find("carrier"),
            account: find("account"),
        };
        if columns.account.is_none() && mapping.account.is_none() {
            missing.push("account");
        }
        if missing.is_empty() { Ok(columns) } else { Err(missing) }
    }
}

/// Reads an invoice.
pub fn read(path: &Path, mapping: &Mapping) -> Result<Invoiced, InvoiceError> {
    let file = List::inspect(path)?;
    let mut wrong: Vec<(u64, Phrase)> = Vec::new();
    let mut columns: Option<Columns> = None;
    let (mut looked_at, mut nearest) = (0, None::<(u64, Vec<&'static str>)>);
    let mut lines: BTreeMap<Key, Amount> = BTreeMap::new();
    file.each(&mut |row| {
        let cells = match row.cells {
            Ok(cells) => cells,
            Err(problem) => {
                wrong.push((row.line, problem));
                return wrong.len() < MOST;
            }
        };
        if cells.iter().all(|cell| cell.trim().is_empty()) {
            return true;
        }
        let Some(known) = &columns else {
            looked_at += 1;
            match Columns::read(&cells, mapping) {
                Ok(read) => columns = Some(read),
                Err(missing) if nearest.as_ref().is_none_or(|(_, least)| missing.len() < least.len()) => {
                    nearest = Some((row.line, missing));
                }
                Err(_) => {}
            }
            return looked_at < TITLES;
        };
        match line(&cells, known, mapping) {
            Ok(Some((key, amount))) => *lines.entry(key).or_default() += amount,
            Ok(None) => {}
            Err(problem) => wrong.push((row.line, problem)),
        }
        wrong.len() < MOST
    })?;
    if columns.is_none() {
        let (line, missing) = nearest.unwrap_or((1, vec!["day", "parts", "amount", "account"]));
        let missing = missing.join(", ");
        let problem = phrase!(
            "không thấy cột cho: {missing}; ghi tên cột của tệp, ví dụ day=\"Ngày\"",
            "no column for: {missing}; say what the file calls it, such as day=\"Ngày\""
        );
        return Err(InvoiceError::Lines(vec![(line, problem)]));
    }
    if wrong.is_empty() && lines.is_empty() {
        wrong.push((1, phrase!("tệp không có dòng nào", "the file has no lines")));
    }
    if wrong.is_empty() { Ok(Invoiced { hash: file.hash, lines }) } else { Err(InvoiceError::Lines(wrong)) }
}

/// One line; none: a total, which has no day.
fn line(cells: &[String], columns: &Columns, mapping: &Mapping) -> Result<Option<(Key, Amount)>, Phrase> {
    let cell = |at: usize| cells.get(at).map_or("", |cell| cell.trim());
    let day = cell(columns.day);
    let is_total = day.is_empty() || slug(day).starts_with("tong") || slug(day).starts_with("cong") || slug(day) == "total";
    if is_total {
        return Ok(None);
    }
    let day = date(day)
        .ok_or_else(|| phrase!("`{day}` không phải ngày, ví dụ 01/10/2026", "`{day}` is not a day, such as 01/10/2026"))?;
    let count = |at: usize| {
        let text = cell(at);
        whole(text).ok_or_else(|| phrase!("`{text}` không phải số nguyên", "`{text}` is not a whole number"))
    };
    let amount = Amount { parts: count(columns.parts)?, cost: count(columns.amount)? };
    let carrier = match columns.carrier.map(cell).filter(|name| !name.is_empty()) {
        None => "",
        Some(name) => Carrier::from_name(name)
            .map(Carrier::name)
            .or(chat_service(name))
            .ok_or_else(|| phrase!("không biết nhà mạng `{name}`", "the carrier `{name}` is not known"))?,
    };
    let account = columns.account.map(cell).filter(|name| !name.is_empty()).or(mapping.account.as_deref());
    let account = account.ok_or_else(|| phrase!("thiếu tài khoản gửi", "the account is missing"))?;
    Ok(Some((Key { account: account.to_string(), carrier: carrier.to_string(), day: day.to_string() }, amount)))
}

fn chat_service(name: &str) -> Option<&'static str> {
    use crate::audience::address::ChatService;
    let name = slug(name);
    (1..=15).filter_map(ChatService::from_number).map(ChatService::name).find(|known| slug(known) == name)
}

/// A day as invoices write it: `01/10/2026`, `2026-10-01`, with or without a time.
fn date(text: &str) -> Option<NaiveDate> {
    let day = text.split([' ', 'T']).next()?;
    ["%Y-%m-%d", "%d/%m/%Y", "%d-%m-%Y", "%d.%m.%Y"].into_iter().find_map(|format| NaiveDate::parse_from_str(day, format).ok())
}

/// A whole number with or without thousands set apart: `1.234.567`, `1,234,567`, `1 234 567`, `1234567.00`.
fn whole(text: &str) -> Option<i64> {
    let text: String = text.trim().trim_end_matches(['đ', '₫']).chars().filter(|c| !c.is_whitespace()).collect();
    let (sign, digits) = text.strip_prefix('-').map_or((1, text.as_str()), |digits| (-1, digits));
    if !digits.bytes().any(|b| b.is_ascii_digit()) {
        return None;
    }
    if digits.bytes().all(|b| b.is_ascii_digit()) {
        return digits.parse::<i64>().ok().map(|n| sign * n);
    }
    for mark in ['.', ','] {
        let mut groups = digits.split(mark);
        let first = groups.next().unwrap_or_default();
        let rest: Vec<&str> = groups.collect();
        let apart = |group: &&str| group.len() == 3 && group.bytes().all(|b| b.is_ascii_digit());
        let leads = (1..=3).contains(&first.len()) && first.bytes().all(|b| b.is_ascii_digit());
        if leads && !rest.is_empty() && rest.iter().all(apart) {
            return format!("{first}{}", rest.concat()).parse::<i64>().ok().map(|n| sign * n);
        }
    }
    // What a spreadsheet writes for a whole number: nothing but zeros after the mark.
    let (before, after) = digits.split_once(['.', ','])?;
    let is_whole = !after.is_empty() && after.bytes().all(|b| b == b'0') && before.bytes().all(|b| b.is_ascii_digit());
    is_whole.then(|| before.parse::<i64>().ok().map(|n| sign * n)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_as_people_and_spreadsheets_write_them() {
        for (text, number) in [
            ("0", Some(0)),
            ("1234567", Some(1_234_567)),
            ("1.234.567", Some(1_234_567)),
            ("1,234,567", Some(1_234_567)),
            ("12 345", Some(12_345)),
            ("350.00", Some(350)),
            ("1.050", Some(1_050)),
            ("-1.050 đ", Some(-1_050)),
            ("1,5", None),
            ("1.23.456", None),
            ("", None),
            ("ba", None),
            ("-", None),
        ] {
            assert_eq!(whole(text), number, "{text}");
        }
    }

    fn of(text: &str, mapping: &Mapping) -> Result<BTreeMap<Key, Amount>, Vec<(u64, String)>> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hoa-don.csv");
        std::fs::write(&file, text).unwrap();
        match read(&file, mapping) {
            Ok(read) => Ok(read.lines),
            Err(InvoiceError::Lines(lines)) => Err(lines.into_iter().map(|(line, what)| (line, what.en)).collect()),
            Err(InvoiceError::Read(error)) => panic!("{error}"),
        }
    }

    fn key(account: &str, carrier: &str, day: &str) -> Key {
        Key { account: account.into(), carrier: carrier.into(), day: day.into() }
    }

    #[test]
    fn an_invoice_is_read_by_its_header_or_by_a_mapping() {
        let text = "BẢNG KÊ THÁNG 10;;;;\nTài khoản;Nhà mạng;Ngày;Số tin quy đổi;Thành tiền\nviettel;Viettel;01/10/2026;1.200;360.000\n\
                    viettel;Viettel;01/10/2026;10;3.000\nviettel;Mobi Fone;02/10/2026;5;1.750\nTổng cộng;;;1.215;364.750\n";
        let expected = BTreeMap::from([
            (key("viettel", "mobifone", "2026-10-02"), Amount { parts: 5, cost: 1_750 }),
            (key("viettel", "viettel", "2026-10-01"), Amount { parts: 1_210, cost: 363_000 }),
        ]);
        assert_eq!(of(text, &Mapping::default()), Ok(expected));
        let mapping = Mapping {
            columns: BTreeMap::from([
                ("day".into(), "Phát sinh".into()),
                ("parts".into(), "MT".into()),
                ("amount".into(), "VND".into()),
            ]),
            account: Some("goi".into()),
        };
        let lines = of("Phát sinh,MT,VND\n2026-10-01,3,900\n", &mapping).unwrap();
        assert_eq!(lines, BTreeMap::from([(key("goi", "", "2026-10-01"), Amount { parts: 3, cost: 900 })]));
    }

    #[test]
    fn what_is_wrong_is_told_by_line_and_nothing_is_taken() {
        let wrong = of(
            "account,carrier,day,parts,amount\na,viettel,31/11/2026,1,1\na,viettel,2026-10-01,x,1\na,Sfone,2026-10-01,1,1\n",
            &Mapping::default(),
        );
        let wrong = wrong.unwrap_err();
        assert_eq!(wrong.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 3, 4]);
        assert!(wrong[2].1.contains("Sfone"), "{wrong:?}");
        let wrong = of("a,b\n1,2\n", &Mapping::default()).unwrap_err();
        assert!(wrong[0].1.contains("day, parts, amount, account"), "{wrong:?}");
    }
}
