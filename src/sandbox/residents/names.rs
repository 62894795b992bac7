//! The lists that made-up people are drawn from, with weights.

use rand::{Rng as _, rngs::StdRng};

/// Family names, by roughly how common they are.
pub(super) const FAMILY: &[(u32, &str)] = &[
    (380, "Nguyễn"),
    (120, "Trần"),
    (95, "Lê"),
    (70, "Phạm"),
    (50, "Hoàng"),
    (45, "Phan"),
    (39, "Vũ"),
    (30, "Huỳnh"),
    (25, "Võ"),
    (21, "Đặng"),
    (20, "Bùi"),
    (14, "Đỗ"),
    (13, "Hồ"),
    (13, "Ngô"),
    (10, "Dương"),
    (5, "Lý"),
    (5, "Đinh"),
    (5, "Trịnh"),
    (4, "Nông"),
    (4, "Lò"),
    (3, "Giàng"),
    (3, "Thạch"),
    (3, "Quách"),
    (3, "Mai"),
    (2, "Tạ"),
    (2, "Châu"),
];

type Names = (&'static [(u32, &'static str)], &'static [&'static str]);

/// Middle and given names of women.
pub(super) const WOMEN: Names = (
    &[
        (50, "Thị"),
        (10, "Thị Thu"),
        (8, "Ngọc"),
        (7, "Thị Thanh"),
        (6, "Thùy"),
        (6, "Phương"),
        (5, "Thị Kim"),
        (4, "Bảo"),
        (4, "Khánh"),
    ],
    &[
        "Hoa",
        "Lan",
        "Hương",
        "Mai",
        "Thảo",
        "Trang",
        "Linh",
        "Hằng",
        "Ngọc",
        "Yến",
        "Nhung",
        "Hạnh",
        "Thủy",
        "Dung",
        "Hiền",
        "Oanh",
        "Vân",
        "Loan",
        "Phượng",
        "Quyên",
        "Nga",
        "Tuyết",
        "Vy",
        "Châu",
        "Diễm",
        "Huệ",
        "Xuân",
        "Thắm",
        "Ánh",
        "Như",
    ],
);

/// Middle and given names of men.
pub(super) const MEN: Names = (
    &[
        (45, "Văn"),
        (10, "Đức"),
        (9, "Minh"),
        (8, "Quang"),
        (7, "Hữu"),
        (6, "Công"),
        (5, "Xuân"),
        (5, "Anh"),
        (3, "Gia"),
        (2, "Bá"),
    ],
    &[
        "Hùng", "Dũng", "Nam", "Tuấn", "Long", "Sơn", "Hải", "Cường", "Minh", "Đức", "Thắng", "Quân", "Phúc", "Tâm", "Khoa",
        "Bình", "Hiếu", "Toàn", "Lâm", "Thành", "Phong", "Trung", "Vinh", "Kiên", "Duy", "Đạt", "Nghĩa", "Lợi", "Khánh", "Thịnh",
    ],
);

/// Mobile prefixes without the zero, by carrier, by roughly each carrier's share of subscribers: those whose
/// numbers are assigned throughout, which 052, 055, 089 and 099 are not.
pub(super) const PREFIXES: &[(u32, &[&str])] = &[
    (54, &["32", "33", "34", "35", "36", "37", "38", "39", "86", "96", "97", "98"]),
    (22, &["81", "82", "83", "84", "85", "88", "91", "94"]),
    (18, &["70", "76", "77", "78", "79", "90", "93"]),
    (4, &["56", "58", "92"]),
    (1, &["59"]),
    (1, &["87"]),
];

/// Occupations, as values of the attribute `nghe`.
pub(super) const OCCUPATIONS: &[(u32, &str)] = &[
    (24, "nong-dan"),
    (22, "cong-nhan"),
    (14, "buon-ban"),
    (10, "nhan-vien"),
    (7, "giao-vien"),
    (4, "y-te"),
    (5, "lai-xe"),
    (4, "noi-tro"),
    (10, ""),
];

/// One of the list, by weight.
pub(super) fn weighted<'a, T>(rng: &mut StdRng, list: &'a [(u32, T)]) -> &'a T {
    let mut left = rng.random_range(0..list.iter().map(|(weight, _)| weight).sum());
    for (weight, value) in list {
        if left < *weight {
            return value;
        }
        left -= weight;
    }
    // The draw is below the sum, so the loop has returned.
    &list[list.len() - 1].1
}
