//! Many outlets at once, out of a file: every school of a province in one list.
//!
//! What enters is a CSV or XLSX with a header in Vietnamese or English. What leaves is what each row would do ([`Listed`]), before anything
//! is written, and then what was done ([`Done`]). A bad row never stops the good ones: each says its line, its column and what would be right.
//! The same list twice changes nothing. What can go wrong is a file that is no list ([`EnlistError`]), and the database.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use serde::{Deserialize, Serialize};

use crate::{
    audience::{
        import::{List, ReadError, slug},
        place::{Found, Places},
    },
    audit::Actor,
    db::{Db, Result},
    outlet::{self, Kind, Outlet, Refused, Way, Written},
    phrase,
    seal::Seal,
    transaction,
    words::{Lang, Phrase},
};

/// Rows of one file at most.
pub const MOST: usize = 5_000;
/// A header stands below at most so many rows of titles.
const TITLES: usize = 12;
/// Rows of a transaction: nobody who sends waits for long.
const BATCH: usize = 200;

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

/// What a file is read against.
#[derive(Debug)]
pub struct Ground {
    /// The outlets that there are.
    known: BTreeMap<String, Outlet>,
    /// Their contacts' mailboxes.
    mailboxes: BTreeMap<i64, String>,
    /// The kind of rows that do not say.
    pub kind: Option<Kind>,
    /// The department of new outlets whose rows do not say; empty: all departments'.
    pub owner: String,
}

impl Ground {
    /// As things stand.
    pub async fn of(db: &Db, seal: &Seal, kind: Option<Kind>, owner: &str) -> Result<Self> {
        let known = outlet::list(db, seal).await?.into_iter().map(|outlet| (outlet.slug.clone(), outlet)).collect();
        Ok(Self { known, mailboxes: outlet::contacts(db, seal).await?, kind, owner: owner.to_string() })
    }
}

/// What a row does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// Adds an outlet.
    Add,
    /// Changes one that was last changed at this time; the names of the fields.
    Change(i64, Vec<String>),
    /// Nothing: the outlet is so already.
    Same,
}

/// A row that can be taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The line on which it begins.
    pub line: u64,
    /// What it does.
    pub what: What,
    /// What it says, checked.
    pub written: Written,
}

/// A row that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The line on which it begins.
    pub line: u64,
    /// The field that it is about; none: the row.
    pub column: Option<&'static str>,
    /// What is wrong, and what would be right.
    pub why: Phrase,
}

/// What a file would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listed {
    /// Rows that can be taken, in the file's order.
    pub rows: Vec<Row>,
    /// Rows that cannot.
    pub wrong: Vec<Wrong>,
}

impl Listed {
    /// How many outlets it adds, changes and leaves as they are.
    pub fn counts(&self) -> (usize, usize, usize) {
        let of = |is: fn(&What) -> bool| self.rows.iter().filter(|row| is(&row.what)).count();
        (of(|what| *what == What::Add), of(|what| matches!(what, What::Change(..))), of(|what| *what == What::Same))
    }
}

/// Why a file is no list of outlets.
#[derive(Debug)]
pub enum EnlistError {
    /// It cannot be read.
    Read(ReadError),
    /// None of its first rows is a header.
    Header,
    /// A column is there twice.
    Twice(String),
    /// It has more rows than are taken at once.
    TooMany,
    /// It has a header and nothing else.
    Empty,
}

impl From<ReadError> for EnlistError {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

impl EnlistError {
    /// For a person, with what would be right.
    pub fn words(&self) -> Phrase {
        match self {
            Self::Read(error) => error.phrase(),
            Self::Header => phrase!(
                "không thấy cột tên đơn vị: hãy đặt một dòng tiêu đề có cột “Tên đơn vị” (title)",
                "no column has the outlets' names: write a header with a column “title”"
            ),
            Self::Twice(name) => phrase!("hai cột cùng là “{name}”", "two columns are “{name}”"),
            Self::TooMany => phrase!("tệp có hơn {MOST} dòng: hãy chia thành nhiều tệp", "more than {MOST} rows: split the file"),
            Self::Empty => phrase!("tệp không có dòng nào", "the file has no rows"),
        }
    }
}

/// A place that somebody wrote: its code, its name with its province where several share it, or both as forms show them
/// (`00004 – Phường Ba Đình, Thành phố Hà Nội`).
pub fn area(text: &str) -> std::result::Result<&'static str, Phrase> {
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
fn kind(text: &str) -> Option<Kind> {
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
fn way(text: &str) -> Option<Way> {
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
pub fn slug_of(title: &str) -> String {
    let mut slug = slug(title).replace('_', "-");
    slug.truncate(60);
    slug.trim_end_matches('-').to_string()
}

/// Which column holds what.
struct Header(BTreeMap<&'static str, usize>);

impl Header {
    fn read(cells: &[String]) -> Option<std::result::Result<Self, EnlistError>> {
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
    fn cell<'c>(&self, cells: &'c [String], field: &str) -> &'c str {
        let cell = self.0.get(field).and_then(|at| cells.get(*at)).map_or("", |cell| cell.trim());
        cell.strip_prefix('\'').unwrap_or(cell)
    }
}

/// Reads a file, and says what each of its rows would do. `sees` says whether whoever brings it may write what belongs to a department.
pub fn read(path: &Path, ground: &Ground, sees: impl Fn(&str) -> bool) -> std::result::Result<Listed, EnlistError> {
    let file = List::inspect(path)?;
    let mut header: Option<Header> = None;
    let mut failed = None;
    let mut looked_at = 0;
    let mut listed = Listed::default();
    let mut slugs: BTreeSet<String> = BTreeSet::new();
    file.each(&mut |row| {
        let cells = match row.cells {
            Ok(cells) => cells,
            Err(why) => {
                listed.wrong.push(Wrong { line: row.line, column: None, why });
                return true;
            }
        };
        let Some(known) = &header else {
            looked_at += 1;
            match Header::read(&cells) {
                Some(Ok(read)) => header = Some(read),
                Some(Err(error)) => failed = Some(error),
                None => {}
            }
            return failed.is_none() && (header.is_some() || looked_at < TITLES);
        };
        if cells.iter().all(|cell| cell.trim().is_empty()) {
            return true;
        }
        if listed.rows.len() + listed.wrong.len() >= MOST {
            failed = Some(EnlistError::TooMany);
            return false;
        }
        match judged(row.line, &cells, known, ground, &sees) {
            Ok(one) if !slugs.insert(one.written.slug.clone()) => {
                let slug = &one.written.slug;
                let why = phrase!(
                    "mã “{slug}” đã có ở dòng trên: thêm cột mã, hoặc ghi mã khác",
                    "“{slug}” is on a line above already: add a column of names (slug), or write another"
                );
                listed.wrong.push(Wrong { line: row.line, column: Some("slug"), why });
            }
            Ok(one) => listed.rows.push(one),
            Err(wrong) => listed.wrong.extend(wrong),
        }
        true
    })?;
    if let Some(error) = failed {
        return Err(error);
    }
    if header.is_none() {
        return Err(EnlistError::Header);
    }
    if listed.rows.is_empty() && listed.wrong.is_empty() {
        return Err(EnlistError::Empty);
    }
    Ok(listed)
}

/// One row: what it does, or everything that is wrong with it.
fn judged(
    line: u64,
    cells: &[String],
    header: &Header,
    ground: &Ground,
    sees: &impl Fn(&str) -> bool,
) -> std::result::Result<Row, Vec<Wrong>> {
    let cell = |field: &str| header.cell(cells, field);
    let some = |field: &str| Some(cell(field)).filter(|text| !text.is_empty()).map(str::to_string);
    let mut wrong = Vec::new();
    let mut no = |column: &'static str, why: Phrase| wrong.push(Wrong { line, column: Some(column), why });
    let slug = some("slug").map_or_else(|| slug_of(cell("title")), |written| slug_of(&written));
    let known = ground.known.get(&slug);
    let owner = some("owner").unwrap_or_else(|| known.map_or_else(|| ground.owner.clone(), |outlet| outlet.owner.clone()));
    if !sees(&owner) || known.is_some_and(|outlet| !sees(&outlet.owner)) {
        no("owner", phrase!("thuộc đơn vị phụ trách khác", "it belongs to another department"));
    }
    let kind = match some("kind") {
        Some(text) => kind(&text).or_else(|| {
            let all = Kind::ALL.map(|kind| kind.label().vi).join(", ");
            no(
                "kind",
                phrase!("không có loại “{text}”: {all}", "there is no kind “{text}”: carrier, agency, school, radio, press"),
            );
            None
        }),
        None => known.map(|outlet| outlet.kind).or(ground.kind).or_else(|| {
            no("kind", phrase!("thiếu loại đơn vị", "the kind is missing"));
            None
        }),
    };
    let way = match some("way") {
        Some(text) => way(&text).or_else(|| {
            no("way", phrase!("không có cách giao “{text}”: push, pull, hand", "there is no way “{text}”: push, pull, hand"));
            None
        }),
        None => Some(known.map_or(Way::Hand, |outlet| outlet.way)),
    };
    let mut areas = Vec::new();
    for text in places(&cell) {
        match area(&text) {
            Ok(code) => areas.push(code.to_string()),
            Err(why) => no("areas", why),
        }
    }
    if areas.is_empty() {
        areas = known.map(|outlet| outlet.areas.clone()).unwrap_or_default();
    }
    let (Some(kind), Some(way), true) = (kind, way, wrong.is_empty()) else { return Err(wrong) };
    let written = Written {
        title: some("title").or_else(|| known.map(|outlet| outlet.title.clone())).unwrap_or_default(),
        kind,
        way,
        url: some("url").or_else(|| known.and_then(|outlet| outlet.url.clone())),
        certificate: known.and_then(|outlet| outlet.certificate.clone()),
        contact: some("contact"),
        areas,
        owner,
        sender: some("sender").or_else(|| known.map(|outlet| outlet.sender.clone())).unwrap_or_default(),
        slug,
    };
    let written = written.checked(|code| Places::built_in().name(code).is_some()).map_err(|refused| {
        let column = if let Refused::Field(column, _) = &refused { Some(*column) } else { None };
        vec![Wrong { line, column, why: refused.words() }]
    })?;
    let what = known.map_or(What::Add, |outlet| {
        let changed = changed(outlet, ground.mailboxes.get(&outlet.id).map(String::as_str), &written);
        if changed.is_empty() { What::Same } else { What::Change(outlet.changed_at, changed) }
    });
    Ok(Row { line, what, written })
}

/// The places that a row names: a list in one cell, or a ward and its province in two.
fn places<'c>(cell: &impl Fn(&str) -> &'c str) -> Vec<String> {
    let listed: Vec<String> =
        cell("areas").split([';', '\n']).map(str::trim).filter(|text| !text.is_empty()).map(str::to_string).collect();
    if !listed.is_empty() {
        return listed;
    }
    let parts: Vec<&str> = [cell("ward"), cell("province")].into_iter().filter(|text| !text.is_empty()).collect();
    // A ward's code says all.
    match parts.as_slice() {
        [] => Vec::new(),
        [ward, ..] if ward.bytes().all(|byte| byte.is_ascii_digit()) => vec![(*ward).to_string()],
        parts => vec![parts.join(", ")],
    }
}

/// The names of the fields in which what is written differs from what there is.
fn changed(outlet: &Outlet, mailbox: Option<&str>, written: &Written) -> Vec<String> {
    let differs = [
        ("title", outlet.title != written.title),
        ("kind", outlet.kind != written.kind),
        ("way", outlet.way != written.way),
        ("url", outlet.url != written.url),
        ("contact", written.contact.is_some() && written.contact.as_deref() != mailbox),
        ("areas", outlet.areas != written.areas),
        ("owner", outlet.owner != written.owner),
        ("sender", outlet.sender != written.sender),
    ];
    differs.into_iter().filter(|(_, differs)| *differs).map(|(field, _)| field.to_string()).collect()
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Done {
    /// Outlets that were added.
    pub added: usize,
    /// Outlets that were changed.
    pub changed: usize,
    /// Outlets that were so already.
    pub same: usize,
    /// Rows that were not taken after all: somebody was faster.
    pub left: Vec<Wrong>,
}

/// Takes rows as [`read`] gave them. What somebody else added, changed or removed in between is left as it is.
pub async fn take(db: &Db, seal: &Seal, rows: &[Row], actor: &Actor, now: i64) -> Result<Done> {
    let mut done = Done::default();
    for batch in rows.chunks(BATCH) {
        let part = transaction!(db, |tx| {
            let slugs: Vec<String> = batch.iter().map(|row| row.written.slug.clone()).collect();
            let there = outlet::within_by_slug(tx, &slugs, &[]).await?;
            let mut part = Done::default();
            for row in batch {
                let is = there.iter().find(|outlet| outlet.slug == row.written.slug).map(|outlet| outlet.changed_at);
                let refused = match (&row.what, is) {
                    (What::Same, _) => {
                        part.same += 1;
                        None
                    }
                    (What::Add, None) => match outlet::add(tx, seal, &row.written, actor, now).await? {
                        Ok(_) => {
                            part.added += 1;
                            None
                        }
                        Err(refused) => Some(refused.words()),
                    },
                    (What::Change(was, _), Some(is)) if *was == is => {
                        match outlet::change(tx, seal, &row.written, actor, now).await? {
                            Ok(()) => {
                                part.changed += 1;
                                None
                            }
                            Err(refused) => Some(refused.words()),
                        }
                    }
                    (What::Add, Some(_)) => Some(Refused::Taken.words()),
                    (What::Change(..), None) => Some(Refused::NoSuchOutlet.words()),
                    (What::Change(..), Some(_)) => {
                        Some(phrase!("vừa có người khác sửa đơn vị này", "somebody else has just changed this outlet"))
                    }
                };
                part.left.extend(refused.map(|why| Wrong { line: row.line, column: Some("slug"), why }));
            }
            Ok(part)
        })?;
        done.added += part.added;
        done.changed += part.changed;
        done.same += part.same;
        done.left.extend(part.left);
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ground(known: &[Outlet]) -> Ground {
        Ground {
            known: known.iter().map(|outlet| (outlet.slug.clone(), outlet.clone())).collect(),
            mailboxes: known.iter().map(|outlet| (outlet.id, "vp@example.vn".to_string())).collect(),
            kind: None,
            owner: "Sở Giáo dục".into(),
        }
    }

    fn school() -> Outlet {
        Outlet {
            id: 7,
            slug: "thcs-le-loi".into(),
            title: "Trường THCS Lê Lợi".into(),
            kind: Kind::School,
            way: Way::Hand,
            url: None,
            certificate: None,
            contact: Some("v…@example.vn".into()),
            areas: vec!["01".into()],
            owner: "Sở Giáo dục".into(),
            sender: "thcs-le-loi".into(),
            active: true,
            created_at: 1,
            changed_at: 5,
        }
    }

    fn of(text: &str, ground: &Ground) -> std::result::Result<Listed, EnlistError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("truong.csv");
        std::fs::write(&path, text).unwrap();
        read(&path, ground, |owner| owner != "Sở khác")
    }

    #[test]
    fn a_list_says_what_each_of_its_rows_would_do() {
        let text = "DANH SÁCH TRƯỜNG;;;;\nMã trường;Tên trường;Loại;Địa bàn;Email\n\
                    thcs-le-loi;Trường THCS Lê Lợi;Trường học;Hà Nội;vp@example.vn\n\
                    THPT-CVA;Trường THPT Chu Văn An;trường;Thành phố Hà Nội;\n\
                    ;Trường Tiểu học Kim Đồng;school;01;\n";
        let listed = of(text, &ground(&[school()])).unwrap();
        assert_eq!(listed.wrong, []);
        let rows: Vec<_> = listed.rows.iter().map(|row| (row.line, row.written.slug.as_str(), &row.what)).collect();
        assert_eq!(
            rows,
            [(3, "thcs-le-loi", &What::Same), (4, "thpt-cva", &What::Add), (5, "truong-tieu-hoc-kim-dong", &What::Add),]
        );
        let new = &listed.rows[1].written;
        assert_eq!((new.owner.as_str(), new.way, &new.areas[..]), ("Sở Giáo dục", Way::Hand, &["01".to_string()][..]));
        assert_eq!(listed.counts(), (2, 0, 1));
    }

    #[test]
    fn blank_cells_leave_what_there_is() {
        let listed = of("ma,ten,email,dia_ban\nthcs-le-loi,Trường Lê Lợi,khac@example.vn,\n", &ground(&[school()])).unwrap();
        assert_eq!(listed.rows[0].what, What::Change(5, vec!["title".into(), "contact".into()]));
        assert_eq!(listed.rows[0].written.areas, ["01"]);
    }

    #[test]
    fn bad_rows_say_why_and_stop_nobody() {
        let text = "ten,loai,dia_ban,email,owner\nA,truong,Nơi không có,,\nB,khac,,,\nC,truong,,khong-phai-thu,\nD,truong,,,Sở khác\n\
                    E,truong,,,\nE,truong,,,\n,truong,,,\n";
        let listed = of(text, &ground(&[])).unwrap();
        let wrong: Vec<_> = listed.wrong.iter().map(|wrong| (wrong.line, wrong.column)).collect();
        assert_eq!(
            wrong,
            [
                (2, Some("areas")),
                (3, Some("kind")),
                (4, Some("contact")),
                (5, Some("owner")),
                (7, Some("slug")),
                (8, Some("slug")),
            ]
        );
        assert_eq!(listed.rows.iter().map(|row| row.line).collect::<Vec<_>>(), [6]);
    }

    #[test]
    fn a_file_that_is_no_list_says_so() {
        assert!(matches!(of("a,b\n1,2\n", &ground(&[])), Err(EnlistError::Header)));
        assert!(matches!(of("ten,ten_truong\nA,B\n", &ground(&[])), Err(EnlistError::Twice(_))));
        assert!(matches!(of("ten,loai\n", &ground(&[])), Err(EnlistError::Empty)));
    }

    #[test]
    fn a_place_is_its_code_its_name_or_both() {
        assert_eq!(area("01 – Thành phố Hà Nội"), Ok("01"));
        assert_eq!(area(" Hà Nội "), Ok("01"));
        assert!(area("Nơi không có").is_err());
    }
}
