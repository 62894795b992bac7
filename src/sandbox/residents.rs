//! Made-up residents, as many as wanted and the same for the same seed: whom `loa demo` writes to and the tests import.
//!
//! Nobody here exists: names are drawn from lists, mail addresses lie in domains reserved by RFC 2606, and numbers in the mobile
//! ranges are dealt out by arithmetic. **Send to them through the stand-ins only**: a number may belong to somebody.
//!
//! Numbers and chat ids are unique up to 9,990,000 residents, households apart, and never end in 000xx: none of
//! [`super::behaviour::MAGIC`].

use std::io::Write;

use rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};
use unicode_normalization::UnicodeNormalization as _;

mod damage;
mod names;

pub use self::damage::{KINDS, write_damaged_csv};
use self::names::{FAMILY, MEN, OCCUPATIONS, PREFIXES, WOMEN, weighted};

/// The year against which ages are reckoned.
const THIS_YEAR: i32 = 2026;
/// Mail domains that belong to nobody (RFC 2606).
const DOMAINS: [&str; 5] = ["example.com", "example.org", "example.net", "thu.example", "hopthu.example"];
/// Numbers with one prefix that are dealt out: those ending in 00000–00099 are left out.
const SERIALS: u64 = 100 * (100_000 - 100);
/// Prime, and no divisor of [`SERIALS`]: stepping by it visits every serial once.
const STRIDE: u64 = 7_368_787;

/// Where residents live: a ward, commune or special zone of Quyết định 19/2025/QĐ-TTg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Area {
    /// Five digits.
    pub code: String,
    /// Whether it counts as countryside.
    pub rural: bool,
}

/// Forty wards and communes of nine provinces, for those who have no list of their own.
pub fn built_in_areas() -> Vec<Area> {
    const TOWNS: &str = "00004 00008 00025 00070 00082 00091 00097 00166 03006 10525 10546 11383 11455 19789 19819 20242 20410 24133 \
                         24778 24781 26740 26824 31135 31186";
    const COUNTRY: &str = "00376 00454 10441 00721 03160 11914 26732 27553 27664 31078 31258 31261 31299 20122";
    let areas = |codes: &'static str, rural| codes.split_whitespace().map(move |code| Area { code: code.to_owned(), rural });
    areas(TOWNS, false).chain(areas(COUNTRY, true)).collect()
}

/// One made-up person. Empty text: not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resident {
    /// The list owner's id, such as `CD-00000042`.
    pub reference: String,
    /// Full name, family name first.
    pub name: String,
    /// As offices write it: `0…` mostly, `+84…` at times.
    pub phone: String,
    /// Mail address.
    pub email: String,
    /// Telegram's chat id.
    pub telegram_id: String,
    /// Ward code.
    pub area: String,
    /// Separated by `;`.
    pub groups: String,
    /// `vi`, `en` or empty.
    pub lang: String,
    /// dd/mm/yyyy, ISO, or a year.
    pub born: String,
    /// Occupation: an attribute.
    pub occupation: String,
}

/// The columns of [`Resident`], in order.
pub const HEADER: [&str; 10] = ["ref", "name", "phone", "email", "telegram_id", "area", "groups", "lang", "born", "nghe"];

impl Resident {
    /// The fields under [`HEADER`].
    pub fn fields(&self) -> [&str; 10] {
        [
            &self.reference,
            &self.name,
            &self.phone,
            &self.email,
            &self.telegram_id,
            &self.area,
            &self.groups,
            &self.lang,
            &self.born,
            &self.occupation,
        ]
    }
}

/// Deals out `n` residents over the areas (the built-in ones if there are none).
pub fn residents(n: u64, seed: u64, areas: &[Area]) -> impl Iterator<Item = Resident> {
    let areas = if areas.is_empty() { built_in_areas() } else { areas.to_vec() };
    let mut rng = StdRng::seed_from_u64(seed);
    let offset = rng.random_range(0..SERIALS);
    let mut last_phone = String::new();
    (0..n).map(move |index| {
        let resident = make(&mut rng, index, offset, &areas, &last_phone);
        last_phone.clone_from(&resident.phone);
        resident
    })
}

/// Writes `n` residents with a header; memory does not grow with `n`.
pub fn write_csv(out: impl Write, n: u64, seed: u64, areas: &[Area]) -> csv::Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(HEADER)?;
    for resident in residents(n, seed, areas) {
        csv.write_record(resident.fields())?;
    }
    csv.flush()?;
    Ok(())
}

fn make(rng: &mut StdRng, index: u64, offset: u64, areas: &[Area], last_phone: &str) -> Resident {
    let step = ((index % SERIALS) * STRIDE + offset) % SERIALS;
    let serial = format!("{:02}{:05}", step / 99_900, 100 + step % 99_900);
    let age = age(rng);
    // The list is never empty.
    let (area, rural) = areas.choose(rng).map_or((String::new(), false), |area| (area.code.clone(), area.rural));
    let name = name(rng);
    let (has_phone, has_email, has_chat) = channels(rng, age);
    let shares_phone = !last_phone.is_empty() && rng.random_bool(0.04);
    let prefix = weighted(rng, PREFIXES).choose(rng).copied().unwrap_or("98");
    let phone = match (has_phone, shares_phone) {
        (false, _) => String::new(),
        (true, true) => last_phone.to_owned(),
        (true, false) if rng.random_bool(0.1) => format!("+84{prefix}{serial}"),
        (true, false) => format!("0{prefix}{serial}"),
    };
    let domain = DOMAINS[rng.random_range(0..DOMAINS.len())];
    Resident {
        reference: format!("CD-{:08}", index + 1),
        phone,
        email: if has_email { format!("{}.{}@{domain}", slug(&name), index + 1) } else { String::new() },
        telegram_id: if has_chat { format!("600{serial}") } else { String::new() },
        area,
        groups: groups(rng, age, rural),
        lang: (*weighted(rng, &[(985, "vi"), (8, "en"), (7, "")])).to_owned(),
        born: born(rng, age),
        occupation: if (18..65).contains(&age) { (*weighted(rng, OCCUPATIONS)).to_owned() } else { String::new() },
        name,
    }
}

/// By and large Vietnam's pyramid, from the age at which people get a phone.
fn age(rng: &mut StdRng) -> i32 {
    let (from, through) =
        *weighted(rng, &[(12, (11, 17)), (11, (18, 24)), (36, (25, 44)), (26, (45, 59)), (12, (60, 74)), (3, (75, 95))]);
    rng.random_range(from..=through)
}

/// Phone, mail, chat: the old have fewer, many have one only, everybody has one.
fn channels(rng: &mut StdRng, age: i32) -> (bool, bool, bool) {
    let (phone, email, chat) = match age {
        ..18 => (0.75, 0.40, 0.45),
        18..60 => (0.96, 0.55, 0.35),
        _ => (0.90, 0.12, 0.10),
    };
    let (phone, email, chat) = (rng.random_bool(phone), rng.random_bool(email), rng.random_bool(chat));
    (phone || !(email || chat), email, chat)
}

fn groups(rng: &mut StdRng, age: i32, rural: bool) -> String {
    let mut groups = Vec::new();
    match age {
        ..18 => groups.push("hoc-sinh"),
        18..23 if rng.random_bool(0.55) => groups.push("sinh-vien"),
        23..60 => match rng.random_range(0..100) {
            0..7 => groups.push("can-bo"),
            7..14 => groups.push("doanh-nghiep"),
            14..34 => groups.push("cong-nhan"),
            _ => {}
        },
        60.. => groups.push("nguoi-cao-tuoi"),
        _ => {}
    }
    if rural {
        groups.push("nong-thon");
    }
    groups.join(";")
}

fn born(rng: &mut StdRng, age: i32) -> String {
    let (year, month, day) = (THIS_YEAR - age, rng.random_range(1..=12), rng.random_range(1..=28));
    match rng.random_range(0..10) {
        0 => format!("{year}-{month:02}-{day:02}"),
        1 if age >= 60 => year.to_string(),
        2 => String::new(),
        _ => format!("{day:02}/{month:02}/{year}"),
    }
}

fn name(rng: &mut StdRng) -> String {
    let family = weighted(rng, FAMILY);
    let (middles, givens) = if rng.random_bool(0.5) { WOMEN } else { MEN };
    let middle = weighted(rng, middles);
    let given = givens[rng.random_range(0..givens.len())];
    format!("{family} {middle} {given}")
}

fn slug(name: &str) -> String {
    name.nfd().flat_map(char::to_lowercase).map(|c| if c == 'đ' { 'd' } else { c }).filter(char::is_ascii_alphabetic).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;
    use crate::sandbox::behaviour::magic;

    #[test]
    fn the_same_seed_gives_the_same_file() {
        let file = |seed| {
            let mut out = Vec::new();
            write_csv(&mut out, 300, seed, &[]).unwrap();
            out
        };
        assert_eq!(file(1), file(1));
        assert_ne!(file(1), file(2));
    }

    #[test]
    fn everybody_has_an_address_that_forces_nothing() {
        let mut phones = HashMap::<String, u32>::new();
        let mut chats = HashSet::new();
        let mut emails = HashSet::new();
        for resident in residents(50_000, 3, &[]) {
            let addresses = [&resident.phone, &resident.email, &resident.telegram_id];
            assert!(addresses.iter().any(|address| !address.is_empty()), "{resident:?}");
            assert!(addresses.iter().all(|address| magic(address).is_none()), "{resident:?}");
            assert!(resident.email.is_empty() || DOMAINS.iter().any(|domain| resident.email.ends_with(domain)));
            assert!(resident.email.is_empty() || emails.insert(resident.email.clone()));
            assert!(resident.telegram_id.is_empty() || chats.insert(resident.telegram_id.clone()));
            if !resident.phone.is_empty() {
                let national = resident.phone.strip_prefix("+84").or(resident.phone.strip_prefix('0')).unwrap().to_owned();
                assert_eq!(national.len(), 9);
                *phones.entry(national).or_default() += 1;
            }
        }
        let households = phones.values().filter(|count| **count > 1).count();
        assert!((1_000..3_000).contains(&households), "{households}");
    }

    #[test]
    fn every_number_is_a_valid_mobile_number() {
        for resident in residents(3_000, 5, &[]).filter(|resident| !resident.phone.is_empty()) {
            let number = phonenumber::parse(Some(phonenumber::country::VN), &resident.phone).unwrap();
            assert!(phonenumber::is_valid(&number), "{}", resident.phone);
        }
    }

    #[test]
    fn a_slug_is_plain_ascii() {
        assert_eq!(slug("Đặng Thị Hằng"), "dangthihang");
    }
}
