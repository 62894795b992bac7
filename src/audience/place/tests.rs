use super::*;

fn found(text: &str) -> String {
    let places = Places::built_in();
    let names = |codes: &[&str]| codes.iter().map(|c| places.full_name(c).unwrap()).collect::<Vec<_>>().join(" | ");
    match places.find(text) {
        Found::One(code) => format!("{code} {}", names(&[code])),
        Found::Ambiguous(codes) if codes.len() > 4 => format!("? {} places", codes.len()),
        Found::Ambiguous(codes) => format!("? {}", names(&codes)),
        Found::Unknown(codes) => format!("nearest: {}", names(&codes)),
    }
}

#[test]
fn the_tables_are_whole() {
    let places = Places::built_in();
    assert_eq!(places.provinces().count(), 34);
    assert_eq!(places.current.len(), 34 + 3321);
    assert_eq!(places.wards_of("01").count(), 126);
    assert_eq!(places.earlier.len(), 63 + 696 + 10_035);
    let known = |code: &&str| places.current.contains_key(code);
    assert!(places.earlier.values().all(|became| !became.is_empty() && became.iter().all(known)));
    assert!(places.units.iter().all(|unit| !unit.became.is_empty()));
}

#[test]
fn every_current_place_is_found_by_its_code_and_by_its_name_with_its_province() {
    let places = Places::built_in();
    for (code, place) in &places.current {
        assert_eq!(places.find(code), Found::One(code));
        let full = places.full_name(code).unwrap();
        assert_eq!(places.find(&full), Found::One(code), "{full}");
        let without_accents: String = Name::read(&full).whole;
        assert!(!without_accents.is_empty());
        assert!(place.province.len() == 2);
    }
}

#[test]
fn every_earlier_ward_is_found_among_what_it_became() {
    let places = Places::built_in();
    let (mut province, mut district) = ("", "");
    for line in EARLIER.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        match fields[0].len() {
            2 => province = fields[1],
            3 => district = fields[1],
            _ => {
                let text = format!("{}, {district}, {province}", fields[1]);
                let codes = match places.find(&text) {
                    Found::One(code) => vec![code],
                    Found::Ambiguous(codes) => codes,
                    Found::Unknown(_) => vec![],
                };
                assert!(fields[2].split(',').all(|code| codes.contains(&code)), "{text}: {codes:?}");
            }
        }
    }
}

#[test]
fn places_are_found_however_they_are_written() {
    let texts = [
        "01",
        "1",
        "4",
        "79",
        "00097",
        "97",
        "00001",
        "318",
        "001",
        "02",
        "99999",
        "Hà Nội",
        "TP Hà Nội",
        "thanh pho ho chi minh",
        "TP.HCM",
        "Tỉnh Hà Giang",
        "Bà Rịa - Vũng Tàu",
        "Thừa Thiên Huế",
        "Phường Ba Đình, Hà Nội",
        "phuong ba dinh, ha noi",
        "Ba Đình, Thành phố Hà Nội, Việt Nam",
        "P. Ba Đình - Hà Nội",
        "Phường Ba Đình, Quận Ba Đình, Hà Nội",
        "12 Phố X, Phường Trúc Bạch, Quận Ba Đình, Hà Nội",
        "Phường Cống Vị, Quận Ba Đình, Hà Nội",
        "Quận Ba Đình, Hà Nội",
        "Phường 05, Quận 3, TP.HCM",
        "P5, Q3, TPHCM",
        "Xã Đồng Văn, Huyện Đồng Văn, Tỉnh Hà Giang",
        "Phường Hoà Cường, Đà Nẵng",
        "Huyện Côn Đảo, Bà Rịa - Vũng Tàu",
        "Xã Tân Lập",
        "Xã Xa Dung, Điện Biên",
        "Xa Dung, Điện Biên",
        "Xã Quan Sơn, Thanh Hóa",
        "Quan Sơn, Thanh Hóa",
        "Phường Đông Tiến, Thanh Hóa",
        "Phường Ba Đìn, Hà Nội",
        "Hà Nộii",
        "Sao Hỏa",
        "",
        ",",
    ];
    let lines: Vec<String> = texts.into_iter().map(|text| format!("{text} → {}", found(text)).trim_end().to_string()).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    01 → 01 Thành phố Hà Nội
    1 → 01 Thành phố Hà Nội
    4 → 04 Tỉnh Cao Bằng
    79 → 79 Thành phố Hồ Chí Minh
    00097 → 00097 Phường Hồng Hà, Thành phố Hà Nội
    97 → 00097 Phường Hồng Hà, Thành phố Hà Nội
    00001 → 00097 Phường Hồng Hà, Thành phố Hà Nội
    318 → 11948 Đặc khu Bạch Long Vĩ, Thành phố Hải Phòng
    001 → ? 8 places
    02 → 08 Tỉnh Tuyên Quang
    99999 → nearest:
    Hà Nội → 01 Thành phố Hà Nội
    TP Hà Nội → 01 Thành phố Hà Nội
    thanh pho ho chi minh → 79 Thành phố Hồ Chí Minh
    TP.HCM → 79 Thành phố Hồ Chí Minh
    Tỉnh Hà Giang → 08 Tỉnh Tuyên Quang
    Bà Rịa - Vũng Tàu → 79 Thành phố Hồ Chí Minh
    Thừa Thiên Huế → 46 Thành phố Huế
    Phường Ba Đình, Hà Nội → 00004 Phường Ba Đình, Thành phố Hà Nội
    phuong ba dinh, ha noi → 00004 Phường Ba Đình, Thành phố Hà Nội
    Ba Đình, Thành phố Hà Nội, Việt Nam → 00004 Phường Ba Đình, Thành phố Hà Nội
    P. Ba Đình - Hà Nội → 00004 Phường Ba Đình, Thành phố Hà Nội
    Phường Ba Đình, Quận Ba Đình, Hà Nội → 00004 Phường Ba Đình, Thành phố Hà Nội
    12 Phố X, Phường Trúc Bạch, Quận Ba Đình, Hà Nội → 00004 Phường Ba Đình, Thành phố Hà Nội
    Phường Cống Vị, Quận Ba Đình, Hà Nội → ? Phường Ngọc Hà, Thành phố Hà Nội | Phường Giảng Võ, Thành phố Hà Nội
    Quận Ba Đình, Hà Nội → ? 8 places
    Phường 05, Quận 3, TP.HCM → 27154 Phường Bàn Cờ, Thành phố Hồ Chí Minh
    P5, Q3, TPHCM → 27154 Phường Bàn Cờ, Thành phố Hồ Chí Minh
    Xã Đồng Văn, Huyện Đồng Văn, Tỉnh Hà Giang → 00721 Xã Đồng Văn, Tỉnh Tuyên Quang
    Phường Hoà Cường, Đà Nẵng → 20257 Phường Hòa Cường, Thành phố Đà Nẵng
    Huyện Côn Đảo, Bà Rịa - Vũng Tàu → 26732 Đặc khu Côn Đảo, Thành phố Hồ Chí Minh
    Xã Tân Lập → ? 26 places
    Xã Xa Dung, Điện Biên → 03208 Xã Xa Dung, Tỉnh Điện Biên
    Xa Dung, Điện Biên → 03208 Xã Xa Dung, Tỉnh Điện Biên
    Xã Quan Sơn, Thanh Hóa → 15016 Xã Quan Sơn, Tỉnh Thanh Hóa
    Quan Sơn, Thanh Hóa → 15016 Xã Quan Sơn, Tỉnh Thanh Hóa
    Phường Đông Tiến, Thanh Hóa → 15853 Phường Đông Tiến, Tỉnh Thanh Hóa
    Phường Ba Đìn, Hà Nội → nearest: Phường Ba Đình, Thành phố Hà Nội
    Hà Nộii → nearest: Thành phố Hà Nội
    Sao Hỏa → nearest:
     → nearest:
    , → nearest:
    ");
}
