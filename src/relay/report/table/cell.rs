//! A cell of a table: what stands in it, read as what its column wants, or what is wrong with it and where.

use super::{
    Column, Wrong,
    moment::{self, Day},
    number::{Marks, fractional},
};
use crate::{
    audience::import::{Odd, slug},
    phrase,
    words::Phrase,
};

/// What stands in a cell.
#[derive(Clone, Copy)]
pub(super) struct Cell<'a> {
    pub(super) line: u64,
    pub(super) column: &'a Column,
    pub(super) text: &'a str,
    pub(super) odd: Option<Odd>,
}

impl Cell<'_> {
    pub(super) fn wrong(&self, why: Phrase) -> Wrong {
        Wrong { line: Some(self.line), column: Some(self.column.clone()), why }
    }

    pub(super) fn computed(&self) -> Result<(), Wrong> {
        if self.odd == Some(Odd::Uncomputed) {
            let why = phrase!(
                "ô là công thức chưa được tính: mở tệp bằng Excel, lưu lại rồi gửi",
                "the cell is a formula that was never computed: open the file in Excel and save it"
            );
            return Err(self.wrong(why));
        }
        Ok(())
    }

    /// The number, none where the cell is empty.
    pub(super) fn number(&self, marks: Marks, money: bool) -> Result<Option<i64>, Wrong> {
        self.computed()?;
        // What an export of Loa writes for what is not known.
        if self.text.is_empty() || self.text == "—" {
            return Ok(None);
        }
        if self.odd == Some(Odd::Fraction) {
            return Err(self.wrong(fractional(self.text)));
        }
        if ["-", "–"].contains(&self.text) {
            let why = phrase!("ghi 0 nếu không có, để trống nếu không đếm", "write 0 for none, nothing for what is not counted");
            return Err(self.wrong(why));
        }
        marks.read(if money { amount(self.text) } else { self.text }).map(Some).map_err(|why| self.wrong(why))
    }
}

impl Cell<'_> {
    pub(super) fn is_filled(&self) -> bool {
        !self.text.is_empty() || self.odd.is_some()
    }

    pub(super) fn moment(&self, day: Day) -> Result<i64, Wrong> {
        self.computed()?;
        moment::read(self.text, day).map_err(|why| self.wrong(why))
    }

    /// `2`, or `Vòng 2`.
    pub(super) fn round(&self) -> Result<i64, Wrong> {
        self.computed()?;
        let text = self.text;
        let digits = text.trim_start_matches(|c: char| c.is_alphabetic() || c.is_whitespace());
        digits
            .parse::<u16>()
            .ok()
            .filter(|round| *round > 0)
            .map(i64::from)
            .ok_or_else(|| self.wrong(phrase!("`{text}` không phải số của vòng: ghi 1, 2…", "`{text}` is no round: write 1, 2…")))
    }

    pub(super) fn yes(&self) -> Result<bool, Wrong> {
        self.computed()?;
        let text = self.text;
        match slug(text).as_str() {
            "co" | "x" | "yes" | "y" | "true" | "1" | "phai" | "cuoi_cung" | "final" => Ok(true),
            "khong" | "no" | "n" | "false" | "0" | "chua" => Ok(false),
            _ => Err(self.wrong(phrase!("`{text}` không rõ: ghi Có hoặc Không", "`{text}` is neither yes nor no"))),
        }
    }

    /// Whether an area is whoever was there, not whoever is registered there.
    pub(super) fn by_cell(&self) -> Result<bool, Wrong> {
        self.computed()?;
        let text = self.text;
        match slug(text).as_str() {
            "registration" | "dang_ky" | "theo_dang_ky" | "noi_dang_ky" => Ok(false),
            "cell" | "tram" | "tram_phat_song" | "vi_tri" | "theo_tram" | "theo_vi_tri" | "vung_phu_song" => Ok(true),
            _ => Err(self.wrong(phrase!(
                "`{text}` không rõ: ghi `đăng ký` (nơi đăng ký thuê bao) hoặc `trạm` (nơi có mặt)",
                "`{text}` is unknown: write `registration` or `cell`"
            ))),
        }
    }
}

/// Without the currency.
pub(super) fn amount(text: &str) -> &str {
    let text = text.trim();
    let ends = ["đồng", "Đồng", "VNĐ", "VND", "vnđ", "vnd", "đ", "Đ", "₫"];
    ends.iter().find_map(|end| text.strip_suffix(*end)).unwrap_or(text).trim_end()
}
