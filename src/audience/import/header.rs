//! The header of a list: words in Vietnamese or English come in, what each column holds leaves.
//!
//! Offices write titles above their tables, accents or none, spaces or underscores. What can go wrong is a list without
//! any address, or with two columns for one thing: both are said before anything is changed.

use std::fmt;

use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

use crate::{
    audience::address::ChatService,
    phrase,
    words::{self, Lang, Phrase},
};

/// What a column holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Column {
    /// One of the known fields.
    Field(Field),
    /// Anything else: an attribute by this name, usable in messages and segments.
    Attribute(String),
    /// Nothing that is kept: a row's number, an identity document, a column of an earlier rejection, no header.
    Ignored,
}

/// A known field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// The list's own id of a person.
    Ref,
    /// Full name.
    Name,
    /// Phone number.
    Phone,
    /// Mail address.
    Email,
    /// An address on a chat service.
    Chat(ChatService),
    /// A place in one cell.
    Area,
    /// The ward of a place in several cells.
    Ward,
    /// Its district, before July 2025.
    District,
    /// Its province.
    Province,
    /// The groups that a person is in.
    Groups,
    /// The language of messages.
    Lang,
    /// Day of birth.
    Born,
    /// Carrier of the phone.
    Carrier,
    /// Why the person may be written to.
    ConsentBasis,
    /// Where that comes from.
    ConsentSource,
    /// Since when.
    ConsentAt,
    /// What the person agreed to.
    ConsentWording,
}

/// The words for each field, as [`slug`] makes them.
static WORDS: [(Field, &[&str]); 21] = [
    (Field::Ref, &["ref", "ma", "ma_so", "ma_nguoi_nhan", "ma_doi_tuong", "ma_ho_so", "ma_can_bo", "id"]),
    (Field::Name, &["name", "full_name", "fullname", "ten", "ho_ten", "ho_va_ten", "ho_ten_day_du", "ten_day_du"]),
    (
        Field::Phone,
        &[
            "phone",
            "phone_number",
            "mobile",
            "tel",
            "so_dien_thoai",
            "dien_thoai",
            "so_dt",
            "sdt",
            "dtdd",
            "dt",
            "di_dong",
            "so_di_dong",
            "dien_thoai_di_dong",
            "so_dien_thoai_di_dong",
        ],
    ),
    (
        Field::Email,
        &["email", "e_mail", "mail", "email_address", "thu_dien_tu", "hop_thu", "dia_chi_email", "dia_chi_thu_dien_tu"],
    ),
    (Field::Chat(ChatService::Zalo), &["zalo_id", "zalo", "id_zalo", "ma_zalo", "zalo_user_id"]),
    (Field::Chat(ChatService::Telegram), &["telegram_id", "telegram", "id_telegram", "ma_telegram", "chat_id"]),
    (Field::Chat(ChatService::Viber), &["viber_id", "viber", "id_viber", "ma_viber"]),
    (Field::Chat(ChatService::Mattermost), &["mattermost_id", "mattermost", "kenh_mattermost"]),
    (Field::Chat(ChatService::RocketChat), &["rocketchat_id", "rocketchat", "rocket_chat", "kenh_rocketchat"]),
    (Field::Area, &["area", "dia_ban", "khu_vuc", "noi_o", "noi_cu_tru", "ma_dia_ban", "don_vi_hanh_chinh"]),
    (
        Field::Ward,
        &[
            "ward",
            "xa",
            "phuong",
            "xa_phuong",
            "phuong_xa",
            "ma_xa",
            "xa_phuong_thi_tran",
            "phuong_xa_thi_tran",
            "phuong_xa_dac_khu",
        ],
    ),
    (Field::District, &["district", "huyen", "quan", "quan_huyen", "huyen_quan", "quan_huyen_thi_xa"]),
    (Field::Province, &["province", "tinh", "tinh_thanh", "tinh_thanh_pho", "tinh_tp", "ma_tinh"]),
    (Field::Groups, &["groups", "group", "nhom", "cac_nhom", "nhom_doi_tuong", "doi_tuong"]),
    (Field::Lang, &["lang", "language", "ngon_ngu"]),
    (Field::Born, &["born", "birthday", "birth_date", "dob", "ngay_sinh", "nam_sinh", "sinh_ngay", "ngay_thang_nam_sinh"]),
    (Field::Carrier, &["carrier", "nha_mang", "mang"]),
    (Field::ConsentBasis, &["consent_basis", "can_cu_dong_y", "co_so_dong_y"]),
    (Field::ConsentSource, &["consent_source", "nguon_dong_y"]),
    (Field::ConsentAt, &["consent_at", "ngay_dong_y", "thoi_diem_dong_y"]),
    (Field::ConsentWording, &["consent_wording", "noi_dung_dong_y"]),
];

/// Columns that must not be kept: numbers of rows are no stable ids, and identity documents, bank accounts and the like
/// have no business in a list of whom to warn (Luật Bảo vệ dữ liệu cá nhân 91/2025/QH15: no more than needed).
static NOT_KEPT: [&str; 15] = [
    "stt",
    "tt",
    "so_tt",
    "so_thu_tu",
    "cccd",
    "so_cccd",
    "cmnd",
    "so_cmnd",
    "cmnd_cccd",
    "can_cuoc",
    "so_can_cuoc",
    "so_dinh_danh",
    "so_dinh_danh_ca_nhan",
    "so_tai_khoan",
    "so_ho_chieu",
];

/// The key of a column that is not kept, and what stands before an attribute's name in its key.
const IGNORED: &str = "-";
const ATTRIBUTE: &str = "=";

impl Field {
    /// Every field, in the order in which people look for them.
    pub fn all() -> impl Iterator<Item = Self> {
        WORDS.iter().map(|(field, _)| *field)
    }

    /// Its name in lists: the first of its words.
    pub fn name(self) -> &'static str {
        WORDS.iter().find(|(field, _)| *field == self).and_then(|(_, words)| words.first()).copied().unwrap_or_default()
    }

    /// Whether it holds addresses.
    pub const fn is_address(self) -> bool {
        matches!(self, Self::Phone | Self::Email | Self::Chat(_))
    }

    /// What people call it.
    pub fn phrase(self) -> Phrase {
        match self {
            Self::Ref => phrase!("Mã người nhận", "Reference"),
            Self::Name => phrase!("Họ và tên", "Name"),
            Self::Phone => phrase!("Số điện thoại", "Phone number"),
            Self::Email => phrase!("Thư điện tử", "E-mail"),
            Self::Chat(service) => {
                let service = words::carrier(service.name(), Lang::Vi);
                phrase!("Mã {service}", "{service} id")
            }
            Self::Area => phrase!("Địa bàn (một ô)", "Area (one cell)"),
            Self::Ward => phrase!("Xã, phường", "Ward"),
            Self::District => phrase!("Huyện, quận (trước 7/2025)", "District (before July 2025)"),
            Self::Province => phrase!("Tỉnh, thành phố", "Province"),
            Self::Groups => phrase!("Nhóm", "Groups"),
            Self::Lang => phrase!("Ngôn ngữ", "Language"),
            Self::Born => phrase!("Ngày sinh", "Day of birth"),
            Self::Carrier => phrase!("Nhà mạng", "Carrier"),
            Self::ConsentBasis => phrase!("Căn cứ gửi tin", "Legal basis"),
            Self::ConsentSource => phrase!("Nguồn đồng ý", "Source of the consent"),
            Self::ConsentAt => phrase!("Ngày đồng ý", "Day of the consent"),
            Self::ConsentWording => phrase!("Nội dung đồng ý", "Wording of the consent"),
        }
    }
}

impl Column {
    /// What stands for it in forms: a field's name, `=name` for an attribute, `-` for what is not kept.
    pub fn key(&self) -> String {
        match self {
            Self::Field(field) => field.name().to_string(),
            Self::Attribute(name) => format!("{ATTRIBUTE}{name}"),
            Self::Ignored => IGNORED.to_string(),
        }
    }

    /// What a key stands for; none: it is no key.
    pub fn from_key(key: &str) -> Option<Self> {
        if key == IGNORED {
            return Some(Self::Ignored);
        }
        if let Some(name) = key.strip_prefix(ATTRIBUTE) {
            return (!name.is_empty() && slug(name) == name).then(|| Self::Attribute(name.to_string()));
        }
        Field::all().find(|field| field.name() == key).map(Self::Field)
    }
}

/// Why a list's header is no use; the words are for the officer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderError {
    /// No column holds addresses.
    NoAddress(String),
    /// Two columns for one thing.
    Twice(String, String),
    /// There is no row at all.
    Empty,
    /// A person said what each column holds, and the list has other columns.
    Mapping,
    /// A column that must not be kept was to be.
    NotKept(String),
}

impl HeaderError {
    /// What to tell the officer.
    pub fn phrase(&self) -> Phrase {
        match self {
            Self::NoAddress(columns) => phrase!(
                "không thấy cột địa chỉ nào: cần ít nhất một cột so_dien_thoai (phone), email, zalo_id, telegram_id, viber_id, mattermost_id hoặc rocketchat_id; các cột đọc được: {columns}",
                "no column of addresses: one of phone, email, zalo_id, telegram_id, viber_id, mattermost_id or rocketchat_id is needed; the columns found: {columns}"
            ),
            Self::Twice(one, other) => phrase!(
                "cột “{one}” và cột “{other}” cùng chỉ một nội dung: bỏ bớt một cột",
                "the columns “{one}” and “{other}” mean the same: take one out"
            ),
            Self::Empty => phrase!("danh sách trống", "the list is empty"),
            Self::Mapping => phrase!(
                "các cột của tệp không còn như lúc xem trước: tải tệp lên lại",
                "the file's columns are not those of the preview: upload it again"
            ),
            Self::NotKept(name) => phrase!(
                "không được lưu cột “{name}”: số thứ tự không phải mã ổn định, còn số giấy tờ tùy thân không cần cho việc gửi tin",
                "the column “{name}” must not be kept: a row's number is no stable id, and identity documents are not needed to send messages"
            ),
        }
    }
}

impl std::error::Error for HeaderError {}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.phrase().fmt(f)
    }
}

/// A header that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// What each column holds, from the left.
    pub columns: Vec<Column>,
    /// The columns' names as the list writes them.
    pub names: Vec<String>,
}

impl Header {
    /// Whether this row has any column of addresses: what stands above it is a title.
    pub fn is_one(cells: &[String]) -> bool {
        cells.iter().any(|cell| field_of(&slug(cell)).is_some_and(Field::is_address))
    }

    /// Understands a header.
    pub fn read(cells: &[String]) -> Result<Self, HeaderError> {
        let (names, columns) = Self::guess(cells);
        Self::checked(names, columns)
    }

    /// The columns' names, and what each holds by its name.
    pub fn guess(cells: &[String]) -> (Vec<String>, Vec<Column>) {
        let names: Vec<String> = cells.iter().map(|cell| cell.nfc().collect::<String>().trim().to_string()).collect();
        let columns = names.iter().map(|name| column(name)).collect();
        (names, columns)
    }

    /// A header whose columns hold what a person says.
    pub fn mapped(cells: &[String], columns: &[Column]) -> Result<Self, HeaderError> {
        let (names, _) = Self::guess(cells);
        if names.len() != columns.len() {
            return Err(HeaderError::Mapping);
        }
        let forbidden =
            |(name, column): &(&String, &Column)| **column != Column::Ignored && NOT_KEPT.contains(&slug(name).as_str());
        if let Some((name, _)) = names.iter().zip(columns).find(forbidden) {
            return Err(HeaderError::NotKept(name.clone()));
        }
        Self::checked(names, columns.to_vec())
    }

    fn checked(names: Vec<String>, columns: Vec<Column>) -> Result<Self, HeaderError> {
        for (at, column) in columns.iter().enumerate().filter(|(_, column)| **column != Column::Ignored) {
            if let Some(other) = columns[..at].iter().position(|other| other == column) {
                return Err(HeaderError::Twice(names[other].clone(), names[at].clone()));
            }
        }
        if !columns.iter().any(|column| matches!(column, Column::Field(field) if field.is_address())) {
            return Err(HeaderError::NoAddress(names.join(", ")));
        }
        Ok(Self { columns, names })
    }

    /// Where a field's column is.
    pub fn position(&self, field: Field) -> Option<usize> {
        self.columns.iter().position(|column| *column == Column::Field(field))
    }

    /// The field's column as the list names it.
    pub fn name_of(&self, field: Field) -> String {
        self.position(field).map(|at| self.names[at].clone()).unwrap_or_default()
    }

    /// Columns that hold something and are not kept.
    pub fn ignored(&self) -> Vec<String> {
        let named = self.columns.iter().zip(&self.names);
        named
            .filter(|(column, name)| **column == Column::Ignored && !name.is_empty() && !name.starts_with('_'))
            .map(|(_, name)| name.clone())
            .collect()
    }
}

fn column(name: &str) -> Column {
    let slug = slug(name);
    if slug.is_empty() || name.starts_with('_') || NOT_KEPT.contains(&slug.as_str()) {
        return Column::Ignored;
    }
    field_of(&slug).map_or(Column::Attribute(slug), Column::Field)
}

fn field_of(slug: &str) -> Option<Field> {
    WORDS.iter().find(|(_, words)| words.contains(&slug)).map(|(field, _)| *field)
}

/// What a name seems to say that is none of the words and has one in it: `Họ và tên hội viên`, `Email (nếu có)`. Good enough to be
/// shown to whoever decides.
pub(super) fn seems(name: &str) -> Option<Field> {
    let slug = format!("_{}_", slug(name));
    let guessed = WORDS.iter().filter(|(field, _)| matches!(field, Field::Phone | Field::Email | Field::Name));
    let words = guessed.flat_map(|(field, words)| words.iter().map(move |word| (*field, *word)));
    // Short words stand in too many others.
    let within = words.filter(|(_, word)| word.len() > 4 && slug.contains(&format!("_{word}_")));
    within.max_by_key(|(_, word)| word.len()).map(|(field, _)| field)
}

/// A header's word without accents, in lower case, with `_` between words: what a template can name.
pub fn slug(name: &str) -> String {
    let plain = name.nfd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase);
    let plain: String = plain.map(|c| if c == 'đ' { 'd' } else { c }).collect();
    let words = plain.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(names: &[&str]) -> Result<Header, HeaderError> {
        Header::read(&names.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn headers_are_understood_as_offices_write_them() {
        let header =
            header(&["STT", "Họ và tên", "Số điện thoại", "Xã/Phường", "Tỉnh", "Nghề nghiệp", "Số CCCD", "_ly_do"]).unwrap();
        assert_eq!(
            header.columns,
            [
                Column::Ignored,
                Column::Field(Field::Name),
                Column::Field(Field::Phone),
                Column::Field(Field::Ward),
                Column::Field(Field::Province),
                Column::Attribute("nghe_nghiep".into()),
                Column::Ignored,
                Column::Ignored,
            ]
        );
        assert_eq!(header.ignored(), ["STT", "Số CCCD"]);
        assert_eq!(header.name_of(Field::Phone), "Số điện thoại");
    }

    #[test]
    fn a_useless_header_says_why() {
        assert_eq!(header(&["ho_ten", "tuoi"]), Err(HeaderError::NoAddress("ho_ten, tuoi".into())));
        assert_eq!(header(&["sdt", "Điện thoại"]), Err(HeaderError::Twice("sdt".into(), "Điện thoại".into())));
    }

    #[test]
    fn a_person_says_what_columns_hold() {
        let names = ["Liên hệ", "Tên gọi", "Số CCCD"].map(String::from);
        let as_said = |keys: [&str; 3]| Header::mapped(&names, &keys.map(|key| Column::from_key(key).unwrap()));
        let header = as_said(["phone", "name", "-"]).unwrap();
        assert_eq!(header.name_of(Field::Phone), "Liên hệ");
        assert_eq!(as_said(["phone", "phone", "-"]), Err(HeaderError::Twice("Liên hệ".into(), "Tên gọi".into())));
        assert_eq!(as_said(["=lien_he", "name", "-"]), Err(HeaderError::NoAddress("Liên hệ, Tên gọi, Số CCCD".into())));
        assert_eq!(as_said(["phone", "name", "ref"]), Err(HeaderError::NotKept("Số CCCD".into())));
        assert_eq!(Header::mapped(&names, &[Column::Ignored]), Err(HeaderError::Mapping));
    }

    #[test]
    fn a_column_is_known_by_its_key() {
        let (_, guessed) = Header::guess(&["Họ tên", "Nghề nghiệp", "STT", "zalo"].map(String::from));
        let keys: Vec<String> = guessed.iter().map(Column::key).collect();
        assert_eq!(keys, ["name", "=nghe_nghiep", "-", "zalo_id"]);
        assert!(keys.iter().zip(guessed).all(|(key, column)| Column::from_key(key) == Some(column)));
        assert_eq!(["", "=", "=Nghề", "gì"].map(Column::from_key), [None, None, None, None]);
    }

    #[test]
    fn a_word_within_a_name_is_a_guess() {
        let names = ["Họ và tên hội viên", "Email (nếu có)", "Số điện thoại liên hệ", "Phương tiện", "Tên lớp"];
        assert_eq!(names.map(seems), [Some(Field::Name), Some(Field::Email), Some(Field::Phone), None, None]);
    }

    #[test]
    fn no_word_stands_for_two_fields() {
        let mut words: Vec<&str> = WORDS.iter().flat_map(|(_, words)| *words).copied().chain(NOT_KEPT).collect();
        let count = words.len();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), count);
        assert!(words.into_iter().all(|word| slug(word) == word));
    }
}
