//! What a carrier delivers: receipts, and messages from people, out of `deliver_sm` and `data_sm`.
//!
//! What enters is a body; what leaves is a [`Delivered`]. What can go wrong: it ends before its mandatory fields do. A
//! receipt is one by its `esm_class` alone (SMPP 3.4, section 5.2.12); its TLVs are preferred, and its text is read as
//! Appendix B has it, leniently, up to `text:` — a user's text can imitate fields.

use chrono::{DateTime, FixedOffset, NaiveDateTime, TimeZone as _, Utc};

use super::{
    charset,
    pdu::{self, Body, Short, command},
    settings::Settings,
};
use crate::{Reason, ReceiptState};

/// Tags of the TLVs that matter here (section 5.3.2).
mod tag {
    pub(super) const RECEIPTED_MESSAGE_ID: u16 = 0x001E;
    pub(super) const SAR_MSG_REF_NUM: u16 = 0x020C;
    pub(super) const SAR_TOTAL_SEGMENTS: u16 = 0x020E;
    pub(super) const SAR_SEGMENT_SEQNUM: u16 = 0x020F;
    pub(super) const NETWORK_ERROR_CODE: u16 = 0x0423;
    pub(super) const MESSAGE_PAYLOAD: u16 = 0x0424;
    pub(super) const MESSAGE_STATE: u16 = 0x0427;
}

/// What came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Delivered {
    /// What became of a submission.
    Receipt(Report),
    /// A message from a person, or a part of one.
    Message(Piece),
}

/// A receipt as the carrier wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Report {
    /// The raw id; none where the carrier gives none.
    pub(super) id: Option<String>,
    pub(super) state: ReceiptState,
    pub(super) reason: Option<Reason>,
    /// State and error as they were written, and the raw id.
    pub(super) detail: String,
    pub(super) at: Option<DateTime<Utc>>,
}

/// A message from a person, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    /// E.164 where it is a number.
    pub(super) from: String,
    pub(super) to: String,
    pub(super) text: String,
    pub(super) place: Option<Place>,
}

/// Which part of which message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) reference: u16,
    pub(super) total: u8,
    pub(super) number: u8,
}

/// Reads what was delivered by `from`, `deliver_sm` or `data_sm`.
pub(super) fn read(settings: &Settings, from: u32, body: &[u8]) -> Result<Delivered, Short> {
    let mut body = Body(body);
    body.string()?; // service_type
    let source_ton = body.octet()?;
    body.octet()?; // source_addr_npi
    let source = body.string()?;
    body.octets(2)?; // dest_addr_ton, dest_addr_npi
    let destination = body.string()?;
    let esm_class = body.octet()?;
    let (data_coding, short_message) = if from == command::DATA_SM {
        body.octet()?; // registered_delivery
        (body.octet()?, &[][..])
    } else {
        body.octets(2)?; // protocol_id, priority_flag
        body.string()?; // schedule_delivery_time
        body.string()?; // validity_period
        body.octets(2)?; // registered_delivery, replace_if_present_flag
        let data_coding = body.octet()?;
        body.octet()?; // sm_default_msg_id
        let length = usize::from(body.octet()?);
        (data_coding, body.octets(length)?)
    };
    let tlvs = body.tlvs();
    let tlv = |wanted| tlvs.iter().find(|(tag, _)| *tag == wanted).map(|(_, value)| *value);
    let octets = tlv(tag::MESSAGE_PAYLOAD).filter(|_| short_message.is_empty()).unwrap_or(short_message);
    let (header, octets) = if esm_class & 0x40 == 0 { (None, octets) } else { headed(octets) };
    let text = charset::read(settings.charset, data_coding, octets);
    if esm_class & 0x3C == 0x04 {
        let tlvs = Tlvs {
            id: tlv(tag::RECEIPTED_MESSAGE_ID),
            state: tlv(tag::MESSAGE_STATE).and_then(|value| value.first().copied()),
            error: tlv(tag::NETWORK_ERROR_CODE),
        };
        return Ok(Delivered::Receipt(report(settings.receipt_zone, &tlvs, &text)));
    }
    let number = |tag| tlv(tag).and_then(|value| value.last().copied());
    let sar = || {
        let reference = tlv(tag::SAR_MSG_REF_NUM).and_then(|value| <[u8; 2]>::try_from(value).ok()).map(u16::from_be_bytes)?;
        Some(Place { reference, total: number(tag::SAR_TOTAL_SEGMENTS)?, number: number(tag::SAR_SEGMENT_SEQNUM)? })
    };
    let place = header.or_else(sar).filter(|place| place.total > 1 && (1..=place.total).contains(&place.number));
    Ok(Delivered::Message(Piece { from: e164(source_ton, &source), to: destination, text, place }))
}

/// The concatenation in a user data header, and what follows the header.
fn headed(octets: &[u8]) -> (Option<Place>, &[u8]) {
    let Some((length, rest)) = octets.split_first() else { return (None, octets) };
    let Some((mut header, text)) = rest.split_at_checked(usize::from(*length)) else { return (None, octets) };
    let mut place = None;
    while let [element, length, after @ ..] = header {
        let Some((value, next)) = after.split_at_checked(usize::from(*length)) else { break };
        match (element, value) {
            (0x00, [reference, total, number]) => {
                place = Some(Place { reference: u16::from(*reference), total: *total, number: *number });
            }
            (0x08, [high, low, total, number]) => {
                place = Some(Place { reference: u16::from_be_bytes([*high, *low]), total: *total, number: *number });
            }
            _ => {}
        }
        header = next;
    }
    (place, text)
}

/// A Vietnamese or international number in E.164; a short code or a name as it is.
fn e164(ton: u8, source: &str) -> String {
    let digits = source.trim_start_matches('+');
    let number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let national = digits.strip_prefix('0').filter(|rest| !rest.starts_with('0') && (9..=10).contains(&rest.len()));
    match (digits.strip_prefix("00"), national) {
        _ if !number => source.to_owned(),
        _ if source.starts_with('+') => format!("+{digits}"),
        (Some(rest), _) if rest.len() >= 8 => format!("+{rest}"),
        // Some call a number international and write it as at home.
        (_, Some(rest)) => format!("+84{rest}"),
        _ if ton == 1 && digits.len() >= 8 => format!("+{digits}"),
        _ if digits.starts_with("84") && (11..=12).contains(&digits.len()) => format!("+{digits}"),
        _ => source.to_owned(),
    }
}

/// What a receipt says in TLVs.
struct Tlvs<'a> {
    id: Option<&'a [u8]>,
    state: Option<u8>,
    error: Option<&'a [u8]>,
}

fn report(zone: FixedOffset, tlvs: &Tlvs<'_>, text: &str) -> Report {
    let fields = Fields::read(text);
    let tlv_id = tlvs.id.and_then(|id| Body(id).string().ok()).filter(|id| !id.is_empty());
    // One that is too long to be an id is none, here as in responses.
    let id = tlv_id.or_else(|| fields.id.map(str::to_owned)).filter(|id| id.len() <= pdu::LONGEST_ID);
    let stat = fields.stat.unwrap_or_default().to_ascii_uppercase();
    let numbered = tlvs.state.and_then(state_numbered);
    let (state, word) = match numbered {
        Some((state, word)) => (state, word.to_owned()),
        None => (state_named(&stat).unwrap_or(ReceiptState::Enroute), stat),
    };
    let error = fields.err.map(str::to_owned).or_else(|| match tlvs.error {
        Some([_, high, low]) => Some(u16::from_be_bytes([*high, *low]).to_string()),
        _ => None,
    });
    let failed = matches!(state, ReceiptState::Rejected | ReceiptState::Expired | ReceiptState::Undelivered);
    let reason = failed.then(|| reason(state, error.as_deref(), &word));
    let mut detail = if word.is_empty() { "no state".to_owned() } else { plain(&word, 16) };
    if let Some(error) = error.filter(|error| !error.is_empty() && !error.trim_matches('0').is_empty()) {
        detail.push_str(" err ");
        detail.push_str(&plain(&error, 16));
    }
    if let Some(id) = &id {
        detail.push_str(" id ");
        detail.push_str(&plain(id, 65));
    }
    Report { id, state, reason, detail, at: fields.done.and_then(|date| moment(zone, date)) }
}

/// A carrier's own word, cut to what can be a state, a code or an id: no text of a person gets through.
fn plain(word: &str, most: usize) -> String {
    word.chars().filter(char::is_ascii_graphic).take(most).collect()
}

/// `message_state` (section 5.2.28).
const fn state_numbered(number: u8) -> Option<(ReceiptState, &'static str)> {
    Some(match number {
        1 => (ReceiptState::Enroute, "ENROUTE"),
        2 => (ReceiptState::Delivered, "DELIVRD"),
        3 => (ReceiptState::Expired, "EXPIRED"),
        4 => (ReceiptState::Undelivered, "DELETED"),
        5 => (ReceiptState::Undelivered, "UNDELIV"),
        6 => (ReceiptState::Accepted, "ACCEPTD"),
        7 => (ReceiptState::Enroute, "UNKNOWN"),
        8 => (ReceiptState::Rejected, "REJECTD"),
        _ => return None,
    })
}

/// `stat:` (Appendix B), and what is seen beside it: ACKED, BUFFRED, words written out.
fn state_named(word: &str) -> Option<ReceiptState> {
    let begins = |prefix: &str| word.starts_with(prefix);
    Some(match word {
        _ if begins("DELIV") => ReceiptState::Delivered,
        _ if begins("EXPIR") => ReceiptState::Expired,
        _ if begins("DELETE") || begins("UNDELIV") || begins("FAIL") => ReceiptState::Undelivered,
        // Taken over by the next carrier; nothing is known of the phone.
        _ if begins("ACCEP") || begins("ACKED") => ReceiptState::Accepted,
        _ if begins("REJEC") => ReceiptState::Rejected,
        // UNKNOWN is no end: silence ends it.
        _ if begins("ENROUTE") || begins("BUFF") || begins("UNKNOWN") => ReceiptState::Enroute,
        _ => return None,
    })
}

/// GSM network errors that carriers commonly pass on in `err:` (3GPP TS 29.002 causes, as decimal numbers).
fn reason(state: ReceiptState, error: Option<&str>, word: &str) -> Reason {
    if state == ReceiptState::Expired {
        return Reason::Expired;
    }
    match error.and_then(|error| error.trim_start_matches('0').parse::<u16>().ok()) {
        // unknown subscriber; unidentified subscriber; illegal subscriber; illegal equipment
        Some(1 | 5 | 9 | 12) => Reason::NoSuchAddress,
        // call barred; teleservice not provisioned
        Some(11 | 13) => Reason::Blocked,
        // absent subscriber; absent subscriber for SM
        Some(6 | 27) => Reason::Unreachable,
        // SM delivery failure: memory capacity exceeded
        Some(32) => Reason::Full,
        _ if word.starts_with("REJEC") => Reason::Blocked,
        _ => Reason::Other,
    }
}

/// The fields of a receipt's text.
#[derive(Debug, Default)]
struct Fields<'a> {
    id: Option<&'a str>,
    stat: Option<&'a str>,
    err: Option<&'a str>,
    done: Option<&'a str>,
}

/// Names as carriers write them, lower case; the longer of two that begin alike first.
const NAMES: [(&str, Name); 10] = [
    ("id:", Name::Id),
    ("sub:", Name::Other),
    ("dlvrd:", Name::Other),
    ("submit date:", Name::Other),
    ("submitdate:", Name::Other),
    ("done date:", Name::Done),
    ("donedate:", Name::Done),
    ("stat:", Name::Stat),
    ("err:", Name::Err),
    ("text:", Name::Text),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    Id,
    Done,
    Stat,
    Err,
    Text,
    Other,
}

impl<'a> Fields<'a> {
    fn read(text: &'a str) -> Self {
        let mut fields = Self::default();
        // Case is all that is folded, and of ASCII only: places stay the same.
        let folded = text.to_ascii_lowercase();
        let mut found: Vec<(usize, usize, Name)> = Vec::new();
        let mut at = 0;
        while at < folded.len() {
            let begins = at == 0 || !folded.as_bytes()[at - 1].is_ascii_alphanumeric();
            let name = NAMES.iter().find(|(name, _)| begins && folded[at..].starts_with(name));
            match name {
                Some((_, Name::Text)) => {
                    found.push((at, at, Name::Text));
                    break;
                }
                Some((name, field)) => {
                    found.push((at, at + name.len(), *field));
                    at += name.len();
                }
                None => at += folded[at..].chars().next().map_or(1, char::len_utf8),
            }
        }
        let ends = found.iter().skip(1).map(|(begin, ..)| *begin).chain([text.len()]);
        for ((_, begin, name), end) in found.iter().zip(ends) {
            // A field is one word: what follows it is nobody's.
            let Some(value) = text[*begin..end.max(*begin)].split_whitespace().next() else { continue };
            let field = match name {
                Name::Id => &mut fields.id,
                Name::Done => &mut fields.done,
                Name::Stat => &mut fields.stat,
                Name::Err => &mut fields.err,
                Name::Text | Name::Other => continue,
            };
            field.get_or_insert(value);
        }
        fields
    }
}

/// A date of 10, 12 or 14 digits: `YYMMDDhhmm`, with seconds, with a century.
fn moment(zone: FixedOffset, date: &str) -> Option<DateTime<Utc>> {
    if !date.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let parse = |whole: &str| NaiveDateTime::parse_from_str(whole, "%Y%m%d%H%M%S").ok();
    let local = match date.len() {
        10 => parse(&format!("20{date}00")),
        // Some write the century and leave out the seconds: month 26 tells.
        12 => parse(&format!("20{date}")).or_else(|| parse(&format!("{date}00"))),
        14 => parse(date),
        _ => None,
    }?;
    zone.from_local_datetime(&local).single().map(|moment| moment.to_utc())
}
