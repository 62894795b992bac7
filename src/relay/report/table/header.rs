//! What the columns and the lines above them are called, in Vietnamese and English.

use std::{collections::BTreeMap, sync::OnceLock};

use crate::{audience::import::slug, phrase, words::Phrase};

/// What a column holds, or a line of the head block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Field {
    Order,
    Sequence,
    AsOf,
    Last,
    Correction,
    Code,
    Area,
    Province,
    Ward,
    Round,
    Targeted,
    Submitted,
    Delivered,
    Failed,
    Pending,
    Parts,
    Cost,
    StartsAt,
    EndsAt,
    AreaBy,
}

use Field::{
    Area, AreaBy, AsOf, Code, Correction, Cost, Delivered, EndsAt, Failed, Last, Order, Parts, Pending, Province, Round,
    Sequence, StartsAt, Submitted, Targeted, Ward,
};

/// A field, its name in the API, its titles, and the other names that it goes by, as slugs.
type Row = (Field, &'static str, &'static str, &'static str, &'static [&'static str]);

/// Bytes of the longest text that may be a header.
const LONGEST: usize = 200;

static WORDS: [Row; 20] = [
    (Order, "order", "Mã yêu cầu", "Order", &["yeu_cau", "order_id", "identifier"]),
    (
        Sequence,
        "sequence",
        "Báo cáo số",
        "Sequence",
        &["so_thu_tu_bao_cao", "lan_bao_cao", "so_bao_cao", "bao_cao_lan", "bao_cao_lan_thu", "seq", "report_no"],
    ),
    (
        AsOf,
        "as_of",
        "Số liệu tính đến",
        "As of",
        &["so_lieu_den", "tinh_den", "thoi_diem_so_lieu", "so_lieu_tinh_den_luc", "so_lieu_den_luc", "thoi_diem_bao_cao"],
    ),
    (Last, "final", "Báo cáo cuối cùng", "Final", &["bao_cao_cuoi", "cuoi_cung", "last", "final_report"]),
    (Correction, "correction", "Lý do đính chính", "Reason of the correction", &["dinh_chinh", "reason", "correction_reason"]),
    (Code, "code", "Mã địa bàn", "Code", &["ma", "ma_dvhc", "ma_don_vi_hanh_chinh", "ma_tinh", "area_code"]),
    (Area, "area", "Địa bàn", "Area", &["ten_dia_ban", "khu_vuc", "area_name", "place", "name"]),
    (
        Province,
        "province",
        "Tỉnh, thành phố",
        "Province",
        &["tinh", "tinh_thanh", "tinh_tp", "tinh_thanh_pho_truc_thuoc_tw", "thanh_pho", "ten_tinh"],
    ),
    (Ward, "ward", "Xã, phường", "Ward", &["xa", "phuong", "phuong_xa", "xa_phuong_dac_khu", "ten_xa", "commune"]),
    (Round, "round", "Vòng", "Round", &["vong_gui", "dot", "dot_gui", "lan_gui", "dot_nhan_tin"]),
    (
        Targeted,
        "targeted",
        "Thuê bao mục tiêu",
        "Targeted",
        &["so_thue_bao_muc_tieu", "muc_tieu", "tong_thue_bao", "so_thue_bao", "thue_bao", "target", "subscribers"],
    ),
    (
        Submitted,
        "submitted",
        "Đã gửi",
        "Submitted",
        &["so_da_gui", "so_thue_bao_da_gui", "thue_bao_da_gui", "gui_di", "sent", "so_luong_gui"],
    ),
    (
        Delivered,
        "delivered",
        "Thành công",
        "Delivered",
        &["gui_thanh_cong", "so_thanh_cong", "thue_bao_nhan_thanh_cong", "da_nhan", "nhan_thanh_cong"],
    ),
    (
        Failed,
        "failed",
        "Thất bại",
        "Failed",
        &["that_bai", "khong_thanh_cong", "gui_that_bai", "gui_loi", "loi", "so_that_bai", "gui_khong_thanh_cong"],
    ),
    (Pending, "pending", "Đang chờ", "Pending", &["cho_ket_qua", "dang_cho_ket_qua", "chua_ro", "chua_co_ket_qua"]),
    (Parts, "parts", "Tin quy đổi", "Converted messages", &["so_tin_quy_doi", "so_tin", "segments"]),
    (Cost, "cost", "Chi phí (đồng)", "Cost (đồng)", &["chi_phi", "thanh_tien", "so_tien", "amount"]),
    (
        StartsAt,
        "starts_at",
        "Bắt đầu",
        "Starts at",
        &["thoi_gian_bat_dau", "bat_dau_gui", "bat_dau_luc", "start", "started_at", "starts"],
    ),
    (
        EndsAt,
        "ends_at",
        "Kết thúc",
        "Ends at",
        &["thoi_gian_ket_thuc", "ket_thuc_gui", "ket_thuc_luc", "end", "ended_at", "ends"],
    ),
    (AreaBy, "area_by", "Địa bàn theo", "Area by", &["cach_tinh_dia_ban", "tinh_theo", "theo"]),
];

impl Field {
    /// Its name in the API.
    pub(super) fn name(self) -> &'static str {
        self.row().1
    }

    /// What a template calls it.
    pub(super) fn title(self) -> Phrase {
        let (_, _, vi, en, _) = self.row();
        phrase!("{vi}", "{en}")
    }

    fn row(self) -> &'static Row {
        WORDS.iter().find(|row| row.0 == self).unwrap_or(&WORDS[0])
    }

    /// The field of this name in the API.
    pub(super) fn named(name: &str) -> Option<Self> {
        WORDS.iter().find(|row| row.1 == name).map(|row| row.0)
    }

    /// The field that a header means. What stands in brackets is no part of the name.
    pub(super) fn read(header: &str) -> Option<Self> {
        static KNOWN: OnceLock<BTreeMap<String, Field>> = OnceLock::new();
        let known = KNOWN.get_or_init(|| {
            let names = |row: &'static Row| {
                [row.1, row.2, row.3].into_iter().chain(row.4.iter().copied()).map(|name| (slug(name), row.0))
            };
            WORDS.iter().flat_map(names).collect()
        });
        if header.len() > LONGEST {
            return None;
        }
        let bare = header.split(['(', '[']).next().unwrap_or_default();
        known.get(&slug(header)).or_else(|| known.get(&slug(bare))).copied()
    }

    /// Whether a column of it counts something.
    pub(super) fn is_count(self) -> bool {
        matches!(self, Targeted | Submitted | Delivered | Failed | Pending | Parts | Cost)
    }

    /// Whether it says where.
    pub(super) fn is_place(self) -> bool {
        matches!(self, Code | Area | Province | Ward)
    }

    /// Whether it is about the report, not about one line.
    pub(super) fn is_head(self) -> bool {
        matches!(self, Order | Sequence | AsOf | Last | Correction)
    }
}

/// A multiple that a header counts in, such as `(nghìn đồng)`: such numbers are not taken.
pub(super) fn multiple(header: &str) -> bool {
    slug(header)
        .split('_')
        .any(|word| ["nghin", "ngan", "trieu", "ty", "thousand", "thousands", "million", "millions"].contains(&word))
}

/// Whether the language of a header is Vietnamese: its names are, for the most part, not those of the API.
pub(super) fn is_vietnamese(columns: &[(Field, &str)]) -> bool {
    let english = columns.iter().filter(|(field, header)| {
        let (_, name, _, title, _) = field.row();
        let slug = slug(header);
        slug == *name || slug == self::slug(title) || slug.starts_with("start") || slug.starts_with("end") || slug == "sent"
    });
    english.count() * 2 <= columns.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_known_by_their_titles_and_names_and_mean_one_thing_each() {
        for (field, name, vi, en, others) in WORDS {
            for header in [name, vi, en].into_iter().chain(others.iter().copied()) {
                assert_eq!(Field::read(header), Some(field), "{header}");
                assert_eq!(Field::read(&header.to_uppercase()), Some(field), "{header}");
            }
            assert_eq!(Field::named(name), Some(field));
        }
        for (header, field) in [
            ("Thuê bao mục tiêu (*)", Some(Targeted)),
            ("CHI PHÍ (VNĐ)", Some(Cost)),
            ("Tỉnh/Thành phố", Some(Province)),
            ("Xã/Phường/Đặc khu", Some(Ward)),
            ("STT", None),
            ("Ghi chú", None),
            ("", None),
        ] {
            assert_eq!(Field::read(header), field, "{header}");
        }
        assert!(multiple("Chi phí (nghìn đồng)") && multiple("Thuê bao (triệu)") && !multiple("Chi phí (đồng)"));
    }

    #[test]
    fn the_language_of_a_header_is_seen() {
        let of = |headers: &[&'static str]| {
            let columns: Vec<(Field, &str)> = headers.iter().filter_map(|header| Some((Field::read(header)?, *header))).collect();
            is_vietnamese(&columns)
        };
        assert!(of(&["Mã địa bàn", "Thuê bao mục tiêu", "Đã gửi"]));
        assert!(!of(&["code", "round", "targeted", "submitted"]));
        assert!(!of(&["Code", "Starts at", "Targeted", "Sent"]));
    }
}
