//! Lists as offices really have them: rows that an import must refuse, twenty kinds, each once in turn, with what is wrong.
//!
//! A row with a bad address has no other one, so that it is refused whether an importer judges rows or fields.

use std::io::Write;

use super::{Area, HEADER, Resident, residents};

/// The kinds of damage, in the order in which they are dealt out: kind, and the column at fault (none: the whole row).
pub const KINDS: [(&str, &str); 20] = [
    ("no-address", ""),
    ("phone-short", "phone"),
    ("phone-long", "phone"),
    ("phone-letters", "phone"),
    ("phone-scientific", "phone"),
    ("phone-unassigned", "phone"),
    ("phone-zeros", "phone"),
    ("email-no-at", "email"),
    ("email-two-ats", "email"),
    ("email-space", "email"),
    ("email-empty-label", "email"),
    ("email-no-local-part", "email"),
    ("chat-malformed", "telegram_id"),
    ("area-unknown-code", "area"),
    ("area-unknown-name", "area"),
    ("born-impossible", "born"),
    ("born-in-the-future", "born"),
    ("born-not-a-date", "born"),
    ("columns-missing", ""),
    ("columns-too-many", ""),
];

/// Writes `n` residents, of whom the share `damaged` is bad, and to `expected` one row `line,kind,column` a bad one (lines count
/// from 1, the header being the first). Gives the number of bad rows: exactly `n × damaged`, rounded down, spread evenly.
pub fn write_damaged_csv(
    out: impl Write,
    expected: impl Write,
    n: u64,
    seed: u64,
    areas: &[Area],
    damaged: f64,
) -> csv::Result<u64> {
    let mut csv = csv::WriterBuilder::new().flexible(true).from_writer(out);
    let mut wrong = csv::Writer::from_writer(expected);
    csv.write_record(HEADER)?;
    wrong.write_record(["line", "kind", "column"])?;
    let (mut bad, mut line) = (0, 1_u64);
    let mut due = 0.0;
    for resident in residents(n, seed, areas) {
        line += 1;
        due += damaged.clamp(0.0, 1.0);
        // Sums of shares such as 0.01 end a little below the whole number.
        if due + 1e-6 < 1.0 {
            csv.write_record(resident.fields())?;
            continue;
        }
        due -= 1.0;
        let (kind, column) = KINDS[bad % KINDS.len()];
        bad += 1;
        csv.write_record(spoil(kind, resident))?;
        wrong.write_record([line.to_string().as_str(), kind, column])?;
    }
    csv.flush()?;
    wrong.flush()?;
    Ok(bad as u64)
}

fn spoil(kind: &str, mut resident: Resident) -> Vec<String> {
    let nine = &resident.reference[resident.reference.len() - 7..];
    let only = |resident: &Resident, phone: String, email: String, telegram_id: String| Resident {
        phone,
        email,
        telegram_id,
        ..resident.clone()
    };
    let phone = |text: String| only(&resident, text, String::new(), String::new());
    let email = |text: String| only(&resident, String::new(), text, String::new());
    resident = match kind {
        "no-address" => phone(String::new()),
        "phone-short" => phone(format!("09{}", &nine[1..])),
        "phone-long" => phone(format!("09012{nine}")),
        "phone-letters" => phone(format!("09o{nine}")),
        "phone-scientific" => phone("8.49E+10".into()),
        "phone-unassigned" => phone(format!("060{nine}")),
        "phone-zeros" => phone("0000000000".into()),
        "email-no-at" => email("nguyenvanan.example.com".into()),
        "email-two-ats" => email("an@@example.com".into()),
        "email-space" => email("nguyen van an@example.com".into()),
        "email-empty-label" => email("an@example..com".into()),
        "email-no-local-part" => email("@example.com".into()),
        "chat-malformed" => only(&resident, String::new(), String::new(), "khong co".into()),
        "area-unknown-code" => Resident { area: "99999".into(), ..resident },
        "area-unknown-name" => Resident { area: "Xã Không Có Thật, Tỉnh Tưởng Tượng".into(), ..resident },
        "born-impossible" => Resident { born: "31/02/1980".into(), ..resident },
        "born-in-the-future" => Resident { born: "01/01/2999".into(), ..resident },
        "born-not-a-date" => Resident { born: "năm Thìn".into(), ..resident },
        _ => resident,
    };
    let mut fields: Vec<String> = resident.fields().map(str::to_owned).into();
    match kind {
        "columns-missing" => fields.truncate(4),
        "columns-too-many" => fields.extend(["thừa".to_owned(), "thừa".to_owned()]),
        _ => {}
    }
    fields
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_share_is_exact_and_every_bad_row_is_named() {
        let (mut out, mut expected) = (Vec::new(), Vec::new());
        assert_eq!(write_damaged_csv(&mut out, &mut expected, 20_000, 9, &[], 0.01).unwrap(), 200);
        let mut good = Vec::new();
        super::super::write_csv(&mut good, 20_000, 9, &[]).unwrap();
        let (out, good) = (String::from_utf8(out).unwrap(), String::from_utf8(good).unwrap());
        let differing: Vec<u64> =
            (1_u64..).zip(out.lines().zip(good.lines())).filter(|(_, (a, b))| a != b).map(|(line, _)| line).collect();
        let mut expected = csv::Reader::from_reader(&expected[..]);
        let named: Vec<(u64, String, String)> = expected.deserialize().map(Result::unwrap).collect();
        assert_eq!(differing, named.iter().map(|(line, ..)| *line).collect::<Vec<_>>());
        assert_eq!(named.iter().map(|(_, kind, _)| kind.as_str()).collect::<HashSet<_>>().len(), 20);
    }

    #[test]
    fn bad_numbers_are_bad() {
        for (kind, _) in KINDS.iter().filter(|(kind, _)| kind.starts_with("phone-")) {
            let resident = residents(1, 1, &[]).next().unwrap();
            let fields = spoil(kind, resident);
            let valid = phonenumber::parse(Some(phonenumber::country::VN), &fields[2]).is_ok_and(|n| phonenumber::is_valid(&n));
            assert!(!valid, "{kind}: {}", fields[2]);
        }
    }
}
