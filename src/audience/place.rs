//! Places: what an office wrote about where somebody lives comes in, a code of QĐ 19/2025/QĐ-TTg leaves.
//!
//! Lists name places in every way: by today's codes (with the zeros that Excel dropped), by today's names, by names and
//! codes from before 1 July 2025, without accents, with the tone on either vowel (Hòa, Hoà). Names repeat (245 ward
//! names do), so what fits several places is never guessed: [`Found::Ambiguous`] lists them. The tables are built in
//! (src/data/places.md says where they come from) and indexed once.

mod name;

use std::{
    collections::{BTreeMap, HashMap},
    sync::OnceLock,
};

use name::Name;

static CURRENT: &str = include_str!("../data/places.tsv");
static EARLIER: &str = include_str!("../data/places-before-2025-07.tsv");

/// What provinces are called besides their names, as keys; the code of what each is now, and its code of before.
static NICKNAMES: [(&str, &str, &str); 10] = [
    ("hn", "01", "01"),
    ("hcm", "79", "79"),
    ("hcmc", "79", "79"),
    ("tphcm", "79", "79"),
    ("saigon", "79", "79"),
    ("brvt", "79", "77"),
    ("thuathienhue", "46", "46"),
    ("tthue", "46", "46"),
    ("daclac", "66", "66"),
    ("dacnong", "68", "67"),
];

/// How alike two keys must be (Jaro-Winkler) for the one to be offered for the other.
const ALIKE: f64 = 0.88;
/// How many places are offered at most.
const OFFERED: usize = 3;

/// What a text about a place came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// That place, by its current code: two digits for a province, five for a ward.
    One(&'static str),
    /// It fits several: which one must be said. The likeliest first.
    Ambiguous(Vec<&'static str>),
    /// It fits none; what comes nearest by spelling, if anything does.
    Unknown(Vec<&'static str>),
}

/// All places, current and earlier.
#[derive(Debug)]
pub struct Places {
    current: BTreeMap<&'static str, Place>,
    /// Codes from before July 2025 and what they became; some of them mean another place today.
    earlier: HashMap<&'static str, Vec<&'static str>>,
    units: Vec<Unit>,
    by_key: HashMap<String, Vec<usize>>,
}

#[derive(Debug)]
struct Place {
    name: &'static str,
    /// The province it lies in; a province's own code for itself.
    province: &'static str,
    wards: Vec<&'static str>,
}

/// Something that has a name, or had one.
#[derive(Debug, Clone)]
struct Unit {
    name: Name,
    level: Level,
    /// Of a unit of today: today's province. Of an earlier one: the earlier province.
    province: &'static str,
    /// Of an earlier ward.
    district: &'static str,
    /// What it is now, the likeliest first.
    became: Vec<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Province,
    Ward,
    EarlierProvince,
    EarlierDistrict,
    EarlierWard,
}

impl Places {
    /// The built-in tables.
    pub fn built_in() -> &'static Self {
        static PLACES: OnceLock<Places> = OnceLock::new();
        PLACES.get_or_init(|| Self::read(CURRENT, EARLIER))
    }

    /// A current place's name, such as `Phường Ba Đình`.
    pub fn name(&self, code: &str) -> Option<&'static str> {
        self.current.get(code).map(|place| place.name)
    }

    /// A current place's name with its province, such as `Phường Ba Đình, Thành phố Hà Nội`.
    pub fn full_name(&self, code: &str) -> Option<String> {
        let place = self.current.get(code)?;
        if place.province == code {
            return Some(place.name.to_string());
        }
        Some(format!("{}, {}", place.name, self.name(place.province)?))
    }

    /// The province that a current code lies in (itself, for a province).
    pub fn province_of(&self, code: &str) -> Option<&'static str> {
        self.current.get(code).map(|place| place.province)
    }

    /// The wards of a current province, by code; none for anything else.
    pub fn wards_of(&self, code: &str) -> impl Iterator<Item = &'static str> {
        self.current.get(code).into_iter().flat_map(|place| place.wards.iter().copied())
    }

    /// The current provinces' codes, ascending.
    pub fn provinces(&self) -> impl Iterator<Item = &'static str> {
        self.current.iter().filter(|(code, place)| **code == place.province).map(|(code, _)| *code)
    }

    /// Finds the place that a text means.
    ///
    /// A number is a code; a current one goes before an earlier one. In a name with its province, separated by commas,
    /// the current reading goes first, unless a district is named or the province is no more: then the earlier one
    /// does. A ward's name alone is taken only where all places of that name, of today and before, are one.
    pub fn find(&self, text: &str) -> Found {
        let text = text.trim();
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return self.find_code(text);
        }
        let found = self.find_parts(&split(text, ","));
        if matches!(found, Found::Unknown(_)) && !text.contains(',') && text.contains(" - ") {
            let dashed = self.find_parts(&split(text, " - "));
            if !matches!(dashed, Found::Unknown(_)) {
                return dashed;
            }
        }
        found
    }

    /// A code as it stands; else with the zeros that Excel dropped, the fewest first. Three digits may be a district's
    /// code as well as a ward's without its zeros: then both are candidates.
    fn find_code(&self, digits: &str) -> Found {
        if let Some((code, _)) = self.current.get_key_value(digits) {
            return Found::One(code);
        }
        let mut codes = Vec::new();
        for width in [2, 5].into_iter().filter(|width| *width > digits.len()) {
            let padded = format!("{digits:0>width$}");
            if codes.is_empty() {
                codes.extend(self.current.get_key_value(padded.as_str()).map(|(code, _)| *code));
            }
            if codes.is_empty() {
                codes.extend(self.earlier.get(padded.as_str()).into_iter().flatten());
            }
        }
        if let Some(became) = self.earlier.get(digits) {
            // A district's code with its own zero in front was not damaged by Excel; nor was a province's or a ward's.
            if digits.len() != 3 || digits.starts_with('0') {
                codes.clear();
            }
            codes.extend(became);
        }
        one_of(codes).unwrap_or(Found::Unknown(Vec::new()))
    }

    fn find_parts(&self, parts: &[Name]) -> Found {
        let [before @ .., last] = parts else { return Found::Unknown(Vec::new()) };
        let provinces = self.named(last, |unit| matches!(unit.level, Level::Province | Level::EarlierProvince));
        let Some(province) = provinces.first() else { return self.find_without_province(before, last) };
        let code = province.became[0];
        let Some((ward, before)) = before.split_last() else { return Found::One(code) };

        let in_use = province.level == Level::Province;
        let earlier: Vec<&str> = provinces.iter().filter(|p| p.level == Level::EarlierProvince).map(|p| p.province).collect();
        let of_today = |ward: &Name| self.named(ward, |unit| unit.level == Level::Ward && unit.province == code);
        let of_before =
            |level: Level, name: &Name| self.named(name, |unit| unit.level == level && earlier.contains(&unit.province));

        let mut found = Vec::new();
        if let Some(smaller) = before.last() {
            let districts: Vec<&str> = of_before(Level::EarlierDistrict, ward).iter().map(|unit| unit.district).collect();
            if !districts.is_empty() {
                found = self.named(smaller, |unit| unit.level == Level::EarlierWard && districts.contains(&unit.district));
                if found.is_empty() {
                    // A ward of today with the district of before still written after it.
                    found = of_today(smaller);
                }
            }
        }
        if found.is_empty() && in_use {
            found = of_today(ward);
        }
        if found.is_empty() {
            found = of_before(Level::EarlierWard, ward);
        }
        if found.is_empty() {
            found = of_today(ward);
        }
        if found.is_empty() {
            found = of_before(Level::EarlierDistrict, ward);
        }
        one_of(became(&found)).unwrap_or_else(|| {
            let wards = self.units.iter().filter(|unit| unit.level == Level::Ward && unit.province == code);
            Found::Unknown(nearest(wards, ward))
        })
    }

    /// `last` is no province: a ward alone, or a ward with its district.
    fn find_without_province(&self, before: &[Name], last: &Name) -> Found {
        let found = match before.last() {
            None => self.named(last, |_| true),
            Some(ward) => {
                let districts = self.named(last, |unit| unit.level == Level::EarlierDistrict);
                let codes: Vec<&str> = districts.iter().map(|unit| unit.district).collect();
                self.named(ward, |unit| unit.level == Level::EarlierWard && codes.contains(&unit.district))
            }
        };
        one_of(became(&found)).unwrap_or_else(|| {
            let provinces = self.units.iter().filter(|unit| unit.level == Level::Province);
            Found::Unknown(nearest(provinces, last))
        })
    }

    /// The units that a written name may mean, among some. Accents decide where they agree with any.
    fn named(&self, written: &Name, among: impl Fn(&Unit) -> bool) -> Vec<&Unit> {
        let whole = Name::of_key(None, &written.whole);
        for name in [written, &whole] {
            let units = self.by_key.get(&name.key).into_iter().flatten().map(|at| &self.units[*at]);
            let units: Vec<&Unit> = units.filter(|unit| among(unit) && unit.name.may_be(name)).collect();
            let exact: Vec<&Unit> = units.iter().copied().filter(|unit| unit.name.same_accents(name)).collect();
            if !units.is_empty() {
                return if exact.is_empty() { units } else { exact };
            }
        }
        Vec::new()
    }

    fn read(current: &'static str, earlier: &'static str) -> Self {
        let mut places = Self { current: BTreeMap::new(), earlier: HashMap::new(), units: Vec::new(), by_key: HashMap::new() };
        let mut province = "";
        for (code, name) in current.lines().filter_map(|line| line.split_once('\t')) {
            let level = if code.len() == 2 { Level::Province } else { Level::Ward };
            if level == Level::Province {
                province = code;
            } else if let Some(place) = places.current.get_mut(province) {
                place.wards.push(code);
            }
            places.current.insert(code, Place { name, province, wards: Vec::new() });
            places.add(Unit { name: Name::read(name), level, province, district: "", became: vec![code] });
        }
        let (mut province, mut district) = ("", "");
        // The units of the district at hand: one by its name, others by names it had before.
        let mut of_district = 0..0;
        for line in earlier.lines() {
            let mut fields = line.split('\t');
            let (code, name) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
            let became: Vec<&'static str> =
                fields.next().unwrap_or_default().split(',').filter(|code| !code.is_empty()).collect();
            let level = match code.len() {
                2 => Level::EarlierProvince,
                3 => Level::EarlierDistrict,
                _ => Level::EarlierWard,
            };
            match level {
                Level::EarlierProvince => province = code,
                Level::EarlierDistrict => district = code,
                _ => {
                    let all = places.earlier.entry(district).or_default();
                    for code in &became {
                        if !all.contains(code) {
                            all.push(code);
                            places.units[of_district.clone()].iter_mut().for_each(|unit| unit.became.push(code));
                        }
                    }
                }
            }
            let first = places.units.len();
            let name = Name::read(name);
            let aliases = fields.next().unwrap_or_default().split(' ').filter(|alias| !alias.is_empty());
            let names: Vec<Name> = aliases.map(|alias| Name::of_key(name.kind, alias)).chain([name.clone()]).collect();
            for name in names {
                places.add(Unit { name, level, province, district, became: became.clone() });
            }
            if level == Level::EarlierDistrict {
                of_district = first..places.units.len();
            }
            places.earlier.insert(code, became);
        }
        for (key, code, earlier) in NICKNAMES {
            let name = Name::of_key(None, key);
            let before =
                Unit { name: name.clone(), level: Level::EarlierProvince, province: earlier, district: "", became: vec![code] };
            if code == earlier {
                places.add(Unit { level: Level::Province, name, ..before.clone() });
            }
            places.add(before);
        }
        places
    }

    fn add(&mut self, unit: Unit) {
        self.by_key.entry(unit.name.key.clone()).or_default().push(self.units.len());
        self.units.push(unit);
    }
}

fn split(text: &str, by: &str) -> Vec<Name> {
    let mut parts: Vec<Name> = text.split(by).map(Name::read).filter(|name| !name.key.is_empty()).collect();
    if parts.len() > 1 && parts.last().is_some_and(|last| last.key == "vietnam") {
        parts.pop();
    }
    parts
}

fn became(units: &[&Unit]) -> Vec<&'static str> {
    units.iter().flat_map(|unit| unit.became.iter().copied()).collect()
}

/// One code, or several different ones; none: nothing.
fn one_of(codes: Vec<&'static str>) -> Option<Found> {
    let mut different: Vec<&'static str> = Vec::new();
    for code in codes {
        if !different.contains(&code) {
            different.push(code);
        }
    }
    match different.as_slice() {
        [] => None,
        [one] => Some(Found::One(one)),
        _ => Some(Found::Ambiguous(different)),
    }
}

/// The units whose keys are most like a name's.
fn nearest<'a>(units: impl Iterator<Item = &'a Unit>, name: &Name) -> Vec<&'static str> {
    let mut scored: Vec<(f64, &'static str)> = units
        .filter_map(|unit| Some((strsim::jaro_winkler(&unit.name.key, &name.key), *unit.became.first()?)))
        .filter(|(score, _)| *score >= ALIKE)
        .collect();
    scored.sort_by(|one, other| other.0.total_cmp(&one.0));
    scored.dedup_by_key(|(_, code)| *code);
    scored.into_iter().take(OFFERED).map(|(_, code)| code).collect()
}

#[cfg(test)]
mod tests;
