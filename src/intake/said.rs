//! What somebody says of an uploaded list, and what is wrong with that.
//!
//! What enters is the words of a form or a request ([`Said`]) and the list as it is kept; what leaves is its [`Settings`]. What can go
//! wrong is told field by field ([`Mistake`]), beside what was typed ([`Wrong`]), so that nobody types it again.

use super::{REJECTED, Settings, Upload};
use crate::{
    audience::{
        import::{Basis, Column, Look, Mapping},
        list::Owners,
    },
    phrase,
    user::User,
    words::Phrase,
};

/// The longest name of a list.
pub const LONGEST_NAME: usize = 60;
/// The longest legal basis, and the longest words on where it comes from.
const LONGEST_BASIS: usize = 100;
const LONGEST_SOURCE: usize = 300;
/// The basis of which somebody will ask where it comes from.
const CONSENT: &str = "consent";
/// A list's name where its file has none that could be one.
const NAMELESS: &str = "danh-sach";

/// What somebody says of a list.
#[derive(Debug, Clone, Default)]
pub struct Said<'a> {
    /// Which of the office's lists it is.
    pub source: &'a str,
    /// The department that the list will belong to; empty: nobody's.
    pub owner: &'a str,
    /// Who is of this list and not in the file is retired.
    pub replace: bool,
    /// On what basis its people are written to, where a row of it does not say; empty: not said.
    pub basis: &'a str,
    /// Where that comes from.
    pub basis_source: &'a str,
    /// The [key](Column::key) of what each column holds, from the left.
    pub columns: Vec<String>,
}

/// Something wrong with what was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The field, as forms and requests call it; a column by its place: `column-0`.
    pub field: &'static str,
    /// What is wrong, and what would be right.
    pub says: Phrase,
}

/// What was said, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// As it was said, as far as that can be kept.
    pub settings: Settings,
    /// At least one.
    pub mistakes: Vec<Mistake>,
}

/// A list's name as people wrote it; none: it is empty or endless.
pub(super) fn list_name(text: &str) -> Option<String> {
    let name = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let well = !name.is_empty() && name.chars().count() <= LONGEST_NAME && !name.chars().any(char::is_control);
    well.then_some(name)
}

/// A list's name where nobody gave one: its file's.
pub(super) fn own_name(title: &str) -> String {
    let name = title.rsplit(['/', '\\']).next().unwrap_or(title);
    let name = name.strip_suffix(REJECTED).unwrap_or(name);
    let name = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    list_name(name).unwrap_or_else(|| NAMELESS.to_string())
}

/// What the columns seem to hold, where that is some use: what stands on the page is what is checked.
pub(super) fn guessed(look: &Look) -> Option<Mapping> {
    let columns: Vec<String> = look.columns.iter().map(|column| column.key.clone()).collect();
    columns.iter().any(|key| is_address(key)).then_some(Mapping { line: look.line, columns })
}

fn is_address(key: &str) -> bool {
    matches!(Column::from_key(key), Some(Column::Field(field)) if field.is_address())
}

/// The department of whoever belongs to one alone; empty: nobody's.
pub(super) fn only_department(user: &User) -> &str {
    let mut names = user.departments.names();
    match (user.departments.is_everything(), names.next(), names.next()) {
        (false, Some(only), None) => only,
        _ => "",
    }
}

/// Why a list's name cannot be taken.
pub(super) fn bad_name() -> Phrase {
    phrase!("Ghi tên danh sách, từ 1 đến {LONGEST_NAME} ký tự", "Write the list's name, of 1 to {LONGEST_NAME} characters")
}

/// A list's name that somebody else has.
pub(super) fn another(source: &str) -> Phrase {
    phrase!(
        "Tên danh sách “{source}” không dùng được ở đây: chọn tên khác",
        "The list's name “{source}” cannot be used here: choose another"
    )
}

impl Said<'_> {
    /// What it makes of a list's settings; `sees`: whether whoever says it sees a list.
    pub(super) fn settings(
        self,
        upload: &Upload,
        owners: &Owners,
        sees: impl Fn(&str) -> bool,
    ) -> std::result::Result<Settings, Box<Wrong>> {
        let mut mistakes = Vec::new();
        let mut settings = upload.settings();
        let (source, owner) = (settings.source.clone(), settings.owner.clone());
        match list_name(self.source) {
            Some(name) if !sees(&name) => mistakes.push(Mistake { field: "source", says: another(&name) }),
            Some(name) => settings.source = name,
            None => mistakes.push(Mistake { field: "source", says: bad_name() }),
        }
        settings.owner = self.owner.to_string();
        // The name of another list that is there brings its department along, unless it is said which.
        if settings.source != source && settings.owner == owner {
            settings.owner = Some(owners.of(&settings.source)).filter(|owner| !owner.is_empty()).map_or(owner, str::to_string);
        }
        settings.replace = self.replace;
        let basis = Basis { basis: kept(self.basis, LONGEST_BASIS), source: kept(self.basis_source, LONGEST_SOURCE) };
        if basis.basis == CONSENT && basis.source.is_empty() {
            let says = phrase!(
                "Ghi nguồn của sự đồng ý: phiếu, hội nghị, trang đăng ký…",
                "Write where the consent comes from: a form, a meeting, a registration page…"
            );
            mistakes.push(Mistake { field: "basis_source", says });
        }
        settings.reading.basis = (!basis.basis.is_empty()).then_some(basis);
        if let Some(look) = upload.look() {
            let known =
                self.columns.len() == look.columns.len() && self.columns.iter().all(|key| Column::from_key(key).is_some());
            if known {
                settings.reading.mapping = Some(Mapping { line: look.line, columns: self.columns });
            }
            let chosen = settings.reading.mapping.as_ref().map(|mapping| mapping.columns.as_slice()).unwrap_or_default();
            if !known || !chosen.iter().any(|key| is_address(key)) {
                let says = phrase!(
                    "Chọn ít nhất một cột là số điện thoại, thư điện tử hoặc mã của một dịch vụ trò chuyện",
                    "Say of at least one column that it holds phone numbers, mail addresses or ids of a chat service"
                );
                mistakes.push(Mistake { field: "column-0", says });
            }
        }
        if mistakes.is_empty() { Ok(settings) } else { Err(Box::new(Wrong { settings, mistakes })) }
    }
}

/// Words as they are kept: none that nobody sees, and not endless.
fn kept(text: &str, longest: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(longest).collect::<String>().trim().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_named_as_its_file_unless_somebody_names_it() {
        assert_eq!(own_name("C:\\Người dùng\\Hội viên 2026.xlsx"), "Hội viên 2026");
        assert_eq!(own_name("dan-cu.csv.rejected.csv"), "dan-cu");
        assert_eq!(own_name(".csv"), NAMELESS);
        assert_eq!(list_name("  Hội   viên "), Some("Hội viên".to_string()));
        assert_eq!(list_name(&"ă".repeat(LONGEST_NAME)).map(|name| name.chars().count()), Some(LONGEST_NAME));
        assert_eq!(list_name(&"ă".repeat(LONGEST_NAME + 1)), None);
        assert_eq!(list_name("\u{7}"), None);
    }

    #[test]
    fn words_are_kept_without_what_nobody_sees() {
        assert_eq!(kept(" phiếu\u{0}\n số 3 ", 300), "phiếu số 3");
        assert_eq!(kept("ăn quả", 2), "ăn");
    }
}
