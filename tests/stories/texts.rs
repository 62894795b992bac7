//! What a text message takes, counted by two implementations that others wrote, over thousands of texts.
//!
//! They are split-sms and Twilio's sms-segments-calculator, both of npm (`tests/peers/texts`).

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use providers::text::{Encoding, Measured, measure};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};

use crate::helpers::peer;

const VIETNAMESE: &str = "aàáảãạăằắẳẵặâầấẩẫậbcdđeèéẻẽẹêềếểễệghiìíỉĩịklmnoòóỏõọôồốổỗộơờớởỡợpqrstuùúủũụưừứửữựvxyỳýỷỹỵ ,.AĐÊÔƠƯ";
const PLAIN: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,:;!?@£$¥èéùìòÇ\nØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ\"#¤%&'()*+-/<=>¡ÄÖÑÜ§¿äöñüà";
const EXTENDED: &str = "^{}\\[~]|€\u{c}";
/// Some that join what stands beside them: they take a unit like any other.
const EMOJI: &str = "😀⚠🙏🇻📱\u{200d}\u{301}\u{323}";

/// Texts of every kind, many of them about as long as one part, two or three.
fn texts() -> Vec<String> {
    let mut random = StdRng::seed_from_u64(20_261_121);
    let alphabets: [(Vec<char>, &[usize]); 4] = [
        (PLAIN.chars().collect(), &[1, 80, 153, 160, 306, 459]),
        (PLAIN.chars().chain(EXTENDED.chars()).chain(EXTENDED.chars()).collect(), &[1, 80, 140, 153, 160, 306, 459]),
        (VIETNAMESE.chars().collect(), &[1, 40, 67, 70, 134, 201]),
        (VIETNAMESE.chars().chain(EMOJI.chars()).chain(EMOJI.chars()).collect(), &[1, 40, 60, 67, 70, 134, 201]),
    ];
    let mut texts = Vec::new();
    for (letters, lengths) in &alphabets {
        for length in lengths.iter().flat_map(|length| length.saturating_sub(2).max(1)..=length + 2) {
            for _ in 0..60 {
                texts.push((0..length).filter_map(|_| letters.choose(&mut random)).collect());
            }
        }
        for _ in 0..500 {
            let length = random.random_range(1..600);
            texts.push((0..length).filter_map(|_| letters.choose(&mut random)).collect());
        }
    }
    // A pair at every place around the end of a part.
    for at in 145..165 {
        texts.extend(EXTENDED.chars().map(|pair| format!("{}{pair}{}", "a".repeat(at), "b".repeat(306 - 2 - at))));
    }
    for at in 60..75 {
        texts.push(format!("{}😀{}", "ạ".repeat(at), "ệ".repeat(134 - 2 - at)));
    }
    texts
}

/// What the others say of each text: alphabet and parts, of split-sms and of sms-segments-calculator.
fn others(texts: &[String]) -> Vec<[(String, u16); 2]> {
    let mut node = Command::new(peer("LOA_TEST_NODE"))
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/texts.js"))
        .env("NODE_PATH", peer("LOA_TEST_NODE_MODULES"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = node.stdin.take().unwrap();
    let lines: String = texts.iter().map(|text| serde_json::to_string(text).unwrap() + "\n").collect();
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()).unwrap());
    let output = node.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// sms-segments-calculator keeps what readers see as one character in one part: a letter and the accent after it, a family
/// of emoji. 3GPP TS 23.040 asks it of no sender, phones put the parts together before they show them, and no carrier bills
/// for it: such a text may take one part more there.
fn keeps_clusters(name: &str, text: &str, own: u16, theirs: u16) -> bool {
    let joined = text.contains(['\u{200d}', '\u{301}', '\u{323}', '🇻']);
    name == "sms-segments-calculator" && joined && theirs == own + 1
}

#[test]
fn others_count_the_same_alphabet_and_parts() {
    let texts = texts();
    assert!(texts.len() > 6_000, "{}", texts.len());
    let said = others(&texts);
    assert_eq!(said.len(), texts.len());
    let mut wrong = Vec::new();
    for (text, said) in texts.iter().zip(&said) {
        let Measured { encoding, parts, .. } = measure(text);
        let own = (if encoding == Encoding::Gsm { "gsm".to_owned() } else { "ucs2".to_owned() }, parts);
        for (name, theirs) in ["split-sms", "sms-segments-calculator"].iter().zip(said) {
            if own != *theirs && !keeps_clusters(name, text, own.1, theirs.1) {
                wrong.push(format!("{name}: {theirs:?} for {own:?}: {text:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} differ: {}", wrong.len(), wrong.iter().take(20).cloned().collect::<Vec<_>>().join("\n"));
}
