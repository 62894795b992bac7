//! One part of a place as people write it: its kind (phường, huyện, tỉnh…) and its name, comparable with and without
//! accents.

use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

/// A kind of administrative unit, current or earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Tỉnh.
    Province,
    /// Thành phố, of a province's rank or a district's.
    City,
    /// Quận.
    UrbanDistrict,
    /// Huyện.
    RuralDistrict,
    /// Thị xã.
    DistrictTown,
    /// Thị trấn.
    Township,
    /// Phường.
    Ward,
    /// Xã.
    Commune,
    /// Đặc khu.
    SpecialZone,
}

/// The words for a kind, accented and (after the bar) as abbreviated or unaccented.
static WORDS: [(Kind, &[&str], &[&str]); 9] = [
    (Kind::City, &["thành phố", "thành phô"], &["thanh pho", "tp"]),
    (Kind::DistrictTown, &["thị xã"], &["thi xa", "tx"]),
    (Kind::Township, &["thị trấn"], &["thi tran", "tt"]),
    (Kind::SpecialZone, &["đặc khu"], &["dac khu"]),
    (Kind::Province, &["tỉnh"], &["tinh", "t"]),
    (Kind::UrbanDistrict, &["quận"], &["quan", "q"]),
    (Kind::RuralDistrict, &["huyện"], &["huyen", "h"]),
    (Kind::Ward, &["phường"], &["phuong", "p"]),
    (Kind::Commune, &["xã"], &["xa", "x"]),
];

/// A name taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The kind that stood before it.
    pub kind: Option<Kind>,
    /// Lower case, no accents, no spaces.
    pub key: String,
    /// The same with accents, each word's tone after it; none where only a key is known.
    accented: Option<String>,
    /// The key with the kind's word still in it.
    pub whole: String,
}

impl Name {
    /// Takes a part apart: `TP. Hà Nội` is the city `hanoi`.
    pub fn read(text: &str) -> Self {
        let lower: String = text.nfc().collect::<String>().to_lowercase();
        let words: Vec<String> = lower.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).flat_map(loosen).collect();
        let plain: Vec<String> = words.iter().map(|word| unaccented(word)).collect();
        let bare = words == plain;
        let whole = key(&plain);
        for (kind, full, short) in &WORDS {
            // A word without accents stands for a kind only where nothing has accents: Quan Sơn is no quận.
            let abbreviations = short.iter().filter(|word| bare || word.len() <= 2);
            for word in full.iter().chain(abbreviations) {
                let length = word.split(' ').count();
                if words.len() > length && word.split(' ').eq(words[..length].iter().map(String::as_str)) {
                    return Self {
                        kind: Some(*kind),
                        key: key(&plain[length..]),
                        accented: (!bare).then(|| accented(&words[length..])),
                        whole,
                    };
                }
            }
        }
        Self { kind: None, key: whole.clone(), accented: (!bare).then(|| accented(&words)), whole }
    }

    /// A name of which only the key is known.
    pub fn of_key(kind: Option<Kind>, key: &str) -> Self {
        Self { kind, key: key.to_string(), accented: None, whole: key.to_string() }
    }

    /// Whether a name that somebody wrote may mean this one: the same key, no contradicting kind.
    pub fn may_be(&self, written: &Self) -> bool {
        let same_kind = match (self.kind, written.kind) {
            (Some(own), Some(other)) => own == other || own.is_of_province() && other.is_of_province(),
            _ => true,
        };
        same_kind && self.key == written.key
    }

    /// Whether the accents agree too, where both have some.
    pub fn same_accents(&self, written: &Self) -> bool {
        match (&self.accented, &written.accented) {
            (Some(own), Some(other)) => own == other,
            _ => true,
        }
    }
}

impl Kind {
    /// Provinces became cities and lists lag behind, so these two never contradict.
    const fn is_of_province(self) -> bool {
        matches!(self, Self::Province | Self::City)
    }
}

/// `p5` and `q12` are two words.
fn loosen(word: &str) -> Vec<String> {
    match word.split_at_checked(1) {
        Some((letter @ ("p" | "q"), number)) if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) => {
            vec![letter.to_string(), number.to_string()]
        }
        _ => vec![word.to_string()],
    }
}

/// Words without accents as one key; Phường 05 is Phường 5.
fn key(words: &[String]) -> String {
    words
        .iter()
        .map(|word| {
            let number = word.trim_start_matches('0');
            if !number.is_empty() && word.bytes().all(|b| b.is_ascii_digit()) { number } else { word.as_str() }
        })
        .collect()
}

fn unaccented(word: &str) -> String {
    word.nfd().filter(|c| !is_combining_mark(*c)).map(|c| if c == 'đ' { 'd' } else { c }).collect()
}

/// Words with the tone moved behind each: where it stands within a word (Hòa, Hoà) is a matter of taste.
fn accented(words: &[String]) -> String {
    const TONES: [char; 5] = ['\u{300}', '\u{301}', '\u{303}', '\u{309}', '\u{323}'];
    let mut out = String::new();
    for word in words {
        let (tones, letters): (Vec<char>, Vec<char>) = word.nfd().partition(|c| TONES.contains(c));
        out.extend(letters);
        out.extend(tones);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_taken_off_however_it_is_written() {
        for (text, kind, key) in [
            ("Thành phố Hồ Chí Minh", Some(Kind::City), "hochiminh"),
            ("TP. Hồ Chí Minh", Some(Kind::City), "hochiminh"),
            ("tp ho chi minh", Some(Kind::City), "hochiminh"),
            ("P.05", Some(Kind::Ward), "5"),
            ("Q1", Some(Kind::UrbanDistrict), "1"),
            ("Huyện Quan Sơn", Some(Kind::RuralDistrict), "quanson"),
            ("Quan Sơn", None, "quanson"),
            ("Xã Ea H'Leo", Some(Kind::Commune), "eahleo"),
            ("Bà Rịa - Vũng Tàu", None, "bariavungtau"),
        ] {
            let name = Name::read(text);
            assert_eq!((name.kind, name.key.as_str()), (kind, key), "{text}");
        }
    }

    #[test]
    fn accents_decide_where_both_have_some_wherever_the_tone_stands() {
        let same = |one: &str, other: &str| Name::read(one).same_accents(&Name::read(other));
        assert!(same("Xã Tân Hòa", "Xã Tân Hoà"));
        assert!(same("Xã Tân Hòa", "xa tan hoa"));
        assert!(!same("Xã Tân Hòa", "Xã Tân Hoa"));
    }
}
