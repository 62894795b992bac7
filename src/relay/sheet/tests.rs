use std::{collections::BTreeMap, io::Read as _};

use super::*;
use crate::relay::{Basis, order::sample};

const DAY: NaiveDate = NaiveDate::from_ymd_opt(2026, 11, 5).unwrap();

fn office() -> BTreeMap<String, String> {
    [("name", "Sở Văn hóa, Thể thao và Du lịch"), ("short", "SVHTTDL")].map(|(key, value)| (key.into(), value.into())).into()
}

fn letter_of(order: &Order, earlier: Option<&Order>) -> Letter {
    let (office, reporting) = (office(), Reporting { place: Some("Hải Dương".into()), ..Reporting::default() });
    Sheet { order, earlier, office: &office, reporting: &reporting, contact: Some("024 1234 567"), today: DAY }.letter()
}

fn with_basis() -> Order {
    let mut order = sample(Step::Alert);
    order.content.basis = Some(Basis {
        number: "338/KH-UBND".into(),
        date: "2026-11-01".into(),
        authority: "UBND tỉnh".into(),
        signer: None,
        document: None,
    });
    order.report_by = order.content.report_by;
    order
}

fn fact<'a>(letter: &'a Letter, name: &str) -> Option<&'a str> {
    letter.facts.iter().find(|(known, _)| known == name).map(|(_, text)| text.as_str())
}

/// The words of a Word document.
fn words(docx: &[u8]) -> String {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(docx)).unwrap();
    let mut xml = String::new();
    archive.by_name("word/document.xml").unwrap().read_to_string(&mut xml).unwrap();
    xml
}

#[test]
fn a_carriers_sheet_says_all_that_is_ordered() {
    let order = with_basis();
    let letter = letter_of(&order, None);
    assert_eq!(letter.to, "Viettel");
    assert!(letter.number.ends_with("/SVHTTDL"), "{}", letter.number);
    assert_eq!(letter.place_and_day, "Hải Dương, ngày 05 tháng 11 năm 2026");
    assert_eq!(letter.opening[0], "Căn cứ văn bản số 338/KH-UBND ngày 01/11/2026 của UBND tỉnh;");
    assert!(letter.opening[1].contains("đề nghị Viettel nhắn tin đến thuê bao"), "{:?}", letter.opening);
    assert_eq!(fact(&letter, "Mã yêu cầu"), Some("loa-17-viettel-6adf0040"));
    assert_eq!(fact(&letter, "Địa bàn"), Some("Thành phố Hà Nội; Thành phố Hồ Chí Minh"));
    assert_eq!(fact(&letter, "Khung giờ thực hiện"), Some("08:00–20:00 hằng ngày"));
    assert_eq!(fact(&letter, "Kinh phí"), Some("Miễn phí"));
    assert!(fact(&letter, "Hạn báo cáo kết quả").is_some_and(|by| by.contains(" ngày ")), "{:?}", letter.facts);
    assert_eq!(letter.texts.len(), 1);
    assert_eq!(letter.texts[0].text, "Khong cung cap ma OTP.");
    let digest = order.content.sms.as_ref().unwrap().sha256.as_str();
    assert!(letter.texts[0].note.as_ref().is_some_and(|note| note.contains(digest) && note.contains("Số phần tin: 1")));
    // Two areas, two rounds each.
    let table = letter.table.unwrap();
    assert_eq!((table.lines.len(), table.columns.len()), (4, 8));
    assert_eq!(letter.banner, None);
}

#[test]
fn others_get_the_material_and_confirm_with_evidence() {
    let mut order = with_basis();
    (order.outlet_kind, order.outlet_title) = (Kind::School, "Trường THCS Mẫu".into());
    order.content.material = Some("Dòng một\nDòng hai".into());
    let letter = letter_of(&order, None);
    assert_eq!(letter.texts.iter().map(|one| one.text.as_str()).collect::<Vec<_>>(), ["Dòng một\nDòng hai"]);
    assert_eq!((fact(&letter, "Tên định danh (brandname)"), fact(&letter, "Tốc độ tối đa")), (None, None));
    assert!(letter.opening[1].contains("phổ biến"), "{:?}", letter.opening);
    assert!(letter.table.unwrap().columns.iter().any(|column| column == "Minh chứng"));
    // Where nothing was written for them they pass on what carriers send.
    order.content.material = None;
    assert_eq!(letter_of(&order, None).texts[0].text, "Khong cung cap ma OTP.");
}

#[test]
fn a_cancel_asks_for_nothing_but_to_stop() {
    let earlier = sample(Step::Alert);
    let letter = letter_of(&sample(Step::Cancel), Some(&earlier));
    assert_eq!((letter.texts.len(), letter.table.is_none()), (0, true));
    assert!(letter.opening.iter().any(|said| said.contains("thu hồi yêu cầu loa-17-viettel-6adf0040")), "{:?}", letter.opening);
    assert!(letter.opening.iter().any(|said| said == "Lý do: Sai nội dung"), "{:?}", letter.opening);
}

#[test]
fn an_exercise_is_seen_to_be_one() {
    let order = Order { status: Status::Exercise, ..sample(Step::Alert) };
    assert!(letter_of(&order, None).banner.is_some_and(|banner| banner.starts_with("DIỄN TẬP")));
}

#[test]
fn many_areas_stand_in_an_appendix() {
    let mut order = sample(Step::Alert);
    order.content.areas = Places::built_in().provinces().map(str::to_string).collect();
    let letter = letter_of(&order, None);
    assert_eq!(letter.appendix.len(), order.content.areas.len());
    assert!(fact(&letter, "Địa bàn").is_some_and(|areas| areas.ends_with("theo Phụ lục kèm theo")));
    let table = letter.table.as_ref().unwrap();
    assert!(table.lines.len() == LINES && table.note.contains("bảng tính kèm theo"));
    assert!(words(&letter.docx().unwrap()).contains("PHỤ LỤC"));
    order.content.areas.clear();
    let country = letter_of(&order, None);
    assert_eq!(fact(&country, "Địa bàn"), Some("Cả nước"));
    assert_eq!(country.table.unwrap().lines.len(), BLANK);
}

#[test]
fn the_document_has_what_the_letter_says() {
    let mut order = with_basis();
    order.outlet_title = "Viettel <&\u{b}>".into();
    let letter = letter_of(&order, None);
    let xml = words(&letter.docx().unwrap());
    for said in [
        "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM",
        "338/KH-UBND",
        "Khong cung cap ma OTP.",
        letter.check.as_str(),
        "Viettel &lt;&amp;&gt;",
    ] {
        assert!(xml.contains(said), "{said}");
    }
    assert!(!xml.contains('\u{b}'));
}

#[test]
fn a_check_value_is_of_one_content_and_forgives_how_it_is_typed() {
    let order = sample(Step::Alert);
    let value = check(&order);
    assert_eq!((value.len(), value.as_bytes()[4]), (9, b'-'));
    assert!(is_check(&order, &value) && is_check(&order, &value.to_lowercase().replace('-', " ").replace('0', "o")));
    assert!(!is_check(&order, "") && !is_check(&order, &value[..8]));
    let changed = Order { hash: "other".into(), ..order.clone() };
    assert!(!is_check(&changed, &value));
    assert!(!is_check(&Order { identifier: "loa-18-viettel-6adf0040".into(), ..order }, &value));
}
