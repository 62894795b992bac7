//! A text as the parts that are submitted: octets, `data_coding` and what joins them on the phone.

use super::{
    charset,
    settings::{Long, Settings},
};
use crate::{
    Sms,
    text::{self, Encoding},
};

/// What goes into one submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// `short_message`, or `message_payload`; with its user data header, where it has one.
    pub(super) octets: Vec<u8>,
    /// `data_coding`.
    pub(super) data_coding: u8,
    /// What joins it to the others.
    pub(super) join: Join,
}

/// How a part is joined to the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Join {
    /// It is the only one.
    None,
    /// By the header that its octets begin with.
    Header,
    /// By TLVs.
    Sar { reference: u16, total: u8, number: u8 },
    /// It is the whole text, for the carrier to split.
    Payload,
}

/// Why a text cannot be submitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unsendable {
    #[error("the text has a character that the account's charset lacks, and unicode = false")]
    Charset,
    #[error("the text takes more than 255 parts")]
    TooLong,
}

/// The parts of a text, in order. `reference` tells this message's parts from those of others.
pub(super) fn parts(settings: &Settings, sms: &Sms, reference: u16) -> Result<Vec<Part>, Unsendable> {
    let plain = if sms.encoding == Encoding::Gsm { charset::octets(settings.charset, &sms.text) } else { None };
    let encoding = if plain.is_some() { Encoding::Gsm } else { Encoding::Ucs2 };
    if encoding == Encoding::Ucs2 && !settings.unicode {
        return Err(Unsendable::Charset);
    }
    let data_coding = if encoding == Encoding::Gsm { settings.data_coding } else { settings.data_coding_unicode };
    let octets = |text: &str| match encoding {
        // Each part has only characters of the whole, which fits.
        Encoding::Gsm => charset::octets(settings.charset, text).unwrap_or_default(),
        Encoding::Ucs2 => charset::ucs2(text),
    };
    let wide = usize::from(settings.long == Long::Udh && settings.wide_reference);
    let pieces = text::split(&sms.text, encoding, encoding.joined() - wide);
    let part = |octets, join| Part { octets, data_coding, join };
    if let [whole] = pieces[..] {
        return Ok(vec![part(octets(whole), Join::None)]);
    }
    if settings.long == Long::Payload {
        return Ok(vec![part(octets(&sms.text), Join::Payload)]);
    }
    let total = u8::try_from(pieces.len()).map_err(|_| Unsendable::TooLong)?;
    let numbered = (1..=total).zip(pieces).map(|(number, piece)| match settings.long {
        Long::Sar => part(octets(piece), Join::Sar { reference, total, number }),
        Long::Udh | Long::Payload => {
            let mut headed = header(reference, settings.wide_reference, total, number);
            headed.extend(octets(piece));
            part(headed, Join::Header)
        }
    });
    Ok(numbered.collect())
}

/// The user data header of concatenation (3GPP TS 23.040, sections 9.2.3.24.1 and 9.2.3.24.8).
fn header(reference: u16, wide: bool, total: u8, number: u8) -> Vec<u8> {
    let [high, low] = reference.to_be_bytes();
    if wide { vec![0x06, 0x08, 0x04, high, low, total, number] } else { vec![0x05, 0x00, 0x03, low, total, number] }
}
