//! What people write in lists of outlets: headers, kinds, ways and places, in Vietnamese or English.

use std::collections::BTreeMap;

use super::EnlistError;
use crate::{
    audience::{
        import::slug,
        place::{Found, Places},
    },
    outlet::{Kind, Way},
    phrase,
    words::{Lang, Phrase},
};

/// The columns, and what files call them, as [`slug`] makes it.
const COLUMNS: [(&str, &[&str]); 11] = [
    ("slug", &["slug", "ma", "ma_so", "ma_don_vi", "ma_truong", "ma_dinh_danh", "code", "id"]),
    (
        "title",
        &["title", "name", "ten", "ten_don_vi", "ten_truong", "don_vi", "truong", "ten_co_quan", "co_quan", "ten_nha_truong"],
    ),
    ("kind", &["kind", "type", "loai", "loai_don_vi", "loai_hinh"]),
    ("way", &["way", "cach_giao", "cach_nhan", "hinh_thuc_giao", "hinh_thuc_nhan"]),
    ("url", &["url", "dia_chi_nhan", "dia_chi_nhan_yeu_cau"]),
    (
        "contact",
        &["contact", "email", "e_mail", "mail", "thu_dien_tu", "dia_chi_email", "hop_thu", "email_dau_moi", "dau_moi", "lien_he"],
    ),
    ("areas", &["areas", "area", "dia_ban", "cac_dia_ban", "khu_vuc", "ma_dia_ban"]),
    ("ward", &["ward", "xa", "phuong", "xa_phuong", "phuong_xa", "phuong_xa_dac_khu", "ma_xa"]),
    ("province", &["province", "tinh", "tinh_thanh", "tinh_thanh_pho", "tinh_tp", "ma_tinh"]),
    ("owner", &["owner", "department", "don_vi_phu_trach", "don_vi_chu_tri", "phong_phu_trach"]),
    ("sender", &["sender", "cap_sender", "ten_cap", "ten_trong_cap"]),
];

/// What people call a column.
pub fn column(name: &str, lang: Lang) -> &str {
    match name {
        "slug" => lang.pick("Mã", "Slug"),
        "title" => lang.pick("Tên", "Name"),
        "kind" => lang.pick("Loại", "Kind"),
        "way" => lang.pick("Cách giao", "Way"),
        "url" => lang.pick("Địa chỉ nhận", "Address"),
        "contact" => lang.pick("Thư điện tử", "Contact"),
        "areas" => lang.pick("Địa bàn", "Areas"),
        "owner" => lang.pick("Đơn vị phụ trách", "Department"),
        "sender" => lang.pick("Tên trong CAP", "CAP sender"),
        other => other,
    }
}

/// A place that somebody wrote: its code, its name with its province where several share it, or both as forms show them
/// (`00004 – Phường Ba Đình, Thành phố Hà Nội`).
pub fn area(text: &str) -> Result<&'static str, Phrase> {
    let places = Places::built_in();
    let text = text.trim();
    let code = text.split_once(" – ").map(|(code, _)| code.trim()).filter(|code| code.bytes().all(|b| b.is_ascii_digit()));
    let offered = |codes: &[&str]| {
        let names: Vec<String> = codes.iter().filter_map(|code| Some(format!("{code} – {}", places.full_name(code)?))).collect();
        names.join("; ")
    };
    match places.find(code.unwrap_or(text)) {
        Found::One(code) => Ok(code),
        Found::Ambiguous(codes) => {
            let offered = offered(&codes);
            Err(phrase!(
                "“{text}” có thể là nhiều nơi: ghi rõ một trong {offered}",
                "“{text}” may be several places: write one of {offered}"
            ))
        }
        Found::Unknown(near) if near.is_empty() => Err(phrase!(
            "không có địa bàn “{text}”: ghi mã, hoặc tên kèm tỉnh",
            "there is no area “{text}”: write its code, or its name with its province"
        )),
        Found::Unknown(near) => {
            let offered = offered(&near);
            Err(phrase!("không có địa bàn “{text}”; gần giống: {offered}", "there is no area “{text}”; near it: {offered}"))
        }
    }
}

/// A kind as people write it.
pub(super) fn kind(text: &str) -> Option<Kind> {
    let word = slug(text);
    let is = |kind: &Kind| {
        let more: &[&str] = match kind {
            Kind::Carrier => &["nha_mang_vien_thong", "vien_thong"],
            Kind::Agency => &["co_quan", "don_vi", "ubnd", "so", "nganh"],
            Kind::School => &["truong", "nha_truong", "dai_hoc", "cao_dang"],
            Kind::Radio => &["dai", "truyen_thanh", "dai_phat_thanh", "loa_truyen_thanh"],
            Kind::Press => &["bao", "bao_dai", "truyen_hinh"],
        };
        let label = kind.label();
        word == kind.name() || word == slug(&label.vi) || more.contains(&word.as_str())
    };
    Kind::ALL.into_iter().find(is)
}

/// A way as people write it.
pub(super) fn way(text: &str) -> Option<Way> {
    let word = slug(text);
    let is = |way: &Way| {
        let more: &[&str] = match way {
            Way::Push => &["tu_dong", "gui_tu_dong"],
            Way::Pull => &["tu_lay", "tu_lay_ve", "api"],
            Way::Hand => &["van_ban", "trang_rieng", "ban_giay", "thu_cong"],
        };
        word == way.name() || word == slug(&way.label().vi) || more.contains(&word.as_str())
    };
    Way::ALL.into_iter().find(is)
}

/// A name for files out of a title: `Trường THCS Lê Lợi` is `truong-thcs-le-loi`.
pub(super) fn slug_of(title: &str) -> String {
    let mut slug = slug(title).replace('_', "-");
    slug.truncate(60);
    slug.trim_end_matches('-').to_string()
}

/// Which column holds what.
pub(super) struct Header(BTreeMap<&'static str, usize>);

impl Header {
    pub(super) fn read(cells: &[String]) -> Option<Result<Self, EnlistError>> {
        let mut found = BTreeMap::new();
        let mut twice = None;
        for (at, cell) in cells.iter().enumerate() {
            let word = slug(cell);
            let Some((field, _)) = COLUMNS.iter().find(|(_, words)| words.contains(&word.as_str())) else { continue };
            if found.insert(*field, at).is_some() {
                twice = Some(cell.clone());
            }
        }
        // A row of titles above the table has no name of an outlet and something beside it.
        if !found.contains_key("title") || cells.iter().filter(|cell| !cell.trim().is_empty()).count() < 2 {
            return None;
        }
        Some(twice.map_or(Ok(Self(found)), |name| Err(EnlistError::Twice(name))))
    }

    /// A cell, as it was before a spreadsheet's apostrophe; empty: there is none.
    pub(super) fn cell<'c>(&self, cells: &'c [String], field: &str) -> &'c str {
        let cell = self.0.get(field).and_then(|at| cells.get(*at)).map_or("", |cell| cell.trim());
        cell.strip_prefix('\'').unwrap_or(cell)
    }
}
