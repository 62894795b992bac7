//! The names by which an order says what CAP has no element for: in `parameter`s and `geocode`s. They are part of what carriers'
//! engineers build against (`docs/cap.md`), and never change their meaning. Nothing enters, and nothing can go wrong.

/// The brand name that texts are sent under.
pub const SENDER_NAME: &str = "loa:senderName";
/// The text of the SMS, to be sent as it is.
pub const SMS_TEXT: &str = "loa:smsText";
/// What carries it: `gsm` (GSM 03.38) or `ucs2`.
pub const SMS_ENCODING: &str = "loa:smsEncoding";
/// The parts that it takes in that encoding.
pub const SMS_PARTS: &str = "loa:smsParts";
/// The SHA-256 of the text in UTF-8 (NFC), in hexadecimal.
pub const SMS_SHA256: &str = "loa:smsSha256";
/// The text for the carrier's own application.
pub const APP_TEXT: &str = "loa:appText";
/// How often it is sent to everybody, from 1.
pub const ROUNDS: &str = "loa:rounds";
/// The hours of each day between which it may be sent, in Việt Nam's time: `08:00-20:00`.
pub const SEND_WINDOW: &str = "loa:sendWindow";
/// Texts a second at most.
pub const MAX_RATE: &str = "loa:maxRate";
/// For whom it is, in words.
pub const AUDIENCE: &str = "loa:audience";
/// The number, day and authority of the document that orders it.
pub const BASIS: &str = "loa:basis";
/// The contract that it is paid by, or `free`.
pub const TERMS: &str = "loa:terms";
/// Until when the final report is due, as CAP writes times.
pub const REPORT_BY: &str = "loa:reportBy";
/// The code of a province (`geocode`), of the General Statistics Office's list.
pub const PROVINCE: &str = "loa:province";
/// The code of a ward or commune (`geocode`), of the same list.
pub const WARD: &str = "loa:ward";

/// Every parameter of an order.
pub const PARAMETERS: [&str; 13] = [
    SENDER_NAME,
    SMS_TEXT,
    SMS_ENCODING,
    SMS_PARTS,
    SMS_SHA256,
    APP_TEXT,
    ROUNDS,
    SEND_WINDOW,
    MAX_RATE,
    AUDIENCE,
    BASIS,
    TERMS,
    REPORT_BY,
];

#[cfg(test)]
mod tests {
    use super::super::{read, rules};
    use super::*;

    #[test]
    fn the_order_that_carriers_are_shown_is_sound() {
        let page = include_str!("../../docs/cap.md");
        let (_, example) = page.split_once("```xml\n").unwrap();
        let (example, _) = example.split_once("```").unwrap();
        let alert = read("docs/cap.md", example.as_bytes()).unwrap();
        assert_eq!(rules("docs/cap.md", &alert).0, []);
        assert_eq!(alert.infos[0].parameter(SENDER_NAME), Some("SO VHTTDL"));
    }

    #[test]
    fn carriers_are_told_of_every_one() {
        let page = include_str!("../../docs/cap.md");
        for name in PARAMETERS.into_iter().chain([PROVINCE, WARD]) {
            assert!(page.contains(&format!("| `{name}` |")), "{name}");
        }
    }
}
