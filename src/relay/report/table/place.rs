//! Where a line counts: a code of today, or a name that means one place.

use super::{
    Wrong,
    cell::Cell,
    header::Field,
    sheet::{Header, Sheet},
};
use crate::{
    audience::place::{Found, Places},
    phrase,
    words::Phrase,
};

impl Sheet<'_> {
    /// The code of a line's area.
    pub(super) fn area(&self, line: u64, cells: &[String], header: &Header) -> Result<&'static str, Wrong> {
        let cell = |field: Field| header.columns.get(&field).map(|column| self.cell(line, cells, column)).filter(Cell::is_filled);
        let (code, province, ward) = (cell(Field::Code), cell(Field::Province), cell(Field::Ward));
        let by_name = match (cell(Field::Area), ward, province) {
            (Some(area), _, _) => Some((area, area.text.to_string())),
            (None, Some(ward), Some(province)) if !is_code(ward.text) => {
                Some((ward, format!("{}, {}", ward.text, province.text)))
            }
            (None, Some(ward), _) => Some((ward, ward.text.to_string())),
            (None, None, Some(province)) => Some((province, province.text.to_string())),
            (None, None, None) => None,
        };
        let Some((cell, text)) = code.map(|code| (code, code.text.to_string())).or_else(|| by_name.clone()) else {
            let column = header.columns.iter().find(|(field, _)| field.is_place()).map(|(_, column)| column.clone());
            let why = phrase!("thiếu địa bàn: ghi mã hoặc tên tỉnh, xã", "the area is missing: write its code or name");
            return Err(Wrong { line: Some(line), column, why });
        };
        cell.computed()?;
        let found = self.place(&text).map_err(|why| cell.wrong(why))?;
        // A name beside a code that means another place: one of them slipped by a row.
        if code.is_some()
            && let Some((beside, text)) = by_name
            && let Found::One(other) = Places::built_in().find(&text)
            && other != found
            && Places::built_in().province_of(found) != Some(other)
        {
            let (code, named) = (cell.text, name(found));
            let why = phrase!(
                "`{text}` không phải địa bàn có mã {code} ({named})",
                "`{text}` is not the area of the code {code} ({named})"
            );
            return Err(beside.wrong(why));
        }
        Ok(found)
    }

    /// The place that a text means, among those of the order where it fits several.
    fn place(&self, text: &str) -> Result<&'static str, Phrase> {
        let places = Places::built_in();
        let among = |codes: &[&'static str]| {
            let offered: Vec<String> = codes.iter().map(|code| format!("{code} {}", name(code))).collect();
            offered.join("; ")
        };
        match places.find(text) {
            // Today's code, or one that lost its zeros; codes of before July 2025 mean other places now.
            Found::One(code) if !is_code(text) || text.trim_start_matches('0') == code.trim_start_matches('0') => Ok(code),
            Found::One(code) => {
                let now = among(&[code]);
                Err(phrase!(
                    "`{text}` là mã trước ngày 01/7/2025: nay là {now}",
                    "`{text}` is a code of before July 2025: today it is {now}"
                ))
            }
            Found::Ambiguous(codes) => {
                let ordered = |code: &&&'static str| {
                    self.given.areas.iter().any(|area| area == **code || places.province_of(code) == Some(area.as_str()))
                };
                let fitting: Vec<&&'static str> = codes.iter().filter(ordered).collect();
                if let [one] = fitting.as_slice() {
                    return Ok(**one);
                }
                let codes = among(&codes);
                Err(phrase!(
                    "`{text}` là tên của nhiều nơi, hãy ghi mã: {codes}",
                    "`{text}` fits several places, write the code: {codes}"
                ))
            }
            Found::Unknown(codes) if codes.is_empty() => {
                Err(phrase!("không có địa bàn nào là `{text}`", "no area is called `{text}`"))
            }
            Found::Unknown(codes) => {
                let codes = among(&codes);
                Err(phrase!(
                    "không có địa bàn nào là `{text}`; gần giống: {codes}",
                    "no area is called `{text}`; much like it: {codes}"
                ))
            }
        }
    }
}

fn is_code(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

pub(super) fn name(code: &str) -> String {
    Places::built_in().full_name(code).unwrap_or_else(|| code.to_string())
}
