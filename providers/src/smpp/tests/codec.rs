//! Octets: every part against what it must be, and whatever a stream may hold.

use bytes::BytesMut;
use proptest::prelude::*;

use super::*;
use crate::smpp::{
    deliver::{self, Delivered},
    parts::Join,
    pdu::{Frame, command},
};

fn parts_of(toml: &str, text: &str) -> Vec<Part> {
    let settings = settings(toml, 10);
    let Content::Sms(sms) = outgoing(text).content else { panic!() };
    parts::parts(&settings, &sms, 0xABCD).unwrap()
}

#[test]
fn a_header_joins_the_parts_of_a_long_text() {
    let text = "x".repeat(161);
    let parts = parts_of("", &text);
    assert_eq!(parts.len(), 2);
    assert_eq!(parts[0].octets[..6], [0x05, 0x00, 0x03, 0xCD, 0x02, 0x01]);
    assert_eq!(parts[0].octets[6..], [b'x'; 153]);
    assert_eq!(parts[1].octets[..], [0x05, 0x00, 0x03, 0xCD, 0x02, 0x02, b'x', b'x', b'x', b'x', b'x', b'x', b'x', b'x']);
    assert_eq!((parts[0].join, parts[0].data_coding), (Join::Header, 0));

    let wide = parts_of("reference = 16", &text);
    assert_eq!(wide[0].octets[..7], [0x06, 0x08, 0x04, 0xAB, 0xCD, 0x02, 0x01]);
    assert_eq!((wide[0].octets.len(), wide[1].octets.len()), (7 + 152, 7 + 9));

    let unicode = parts_of("", &"ế".repeat(71));
    assert_eq!(unicode[0].octets.len(), 6 + 134);
    assert_eq!(unicode[0].octets[6..8], [0x1E, 0xBF]);
    assert_eq!((unicode[1].octets.len(), unicode[1].data_coding), (6 + 8, 8));
}

#[test]
fn the_wire_holds_what_was_split() {
    let submitted = |toml: &str| {
        let settings = settings(toml, 10);
        let envelope = Envelope::new(&settings, "84900000001", "").unwrap();
        let parts = parts_of(toml, &"x".repeat(161));
        parts.iter().map(|part| pdu::submit(&envelope, part, 7).unwrap()).collect::<Vec<_>>()
    };
    // Header, service_type, source, destination; esm_class, protocol_id, priority_flag, two empty times, registered_delivery,
    // replace_if_present_flag, data_coding, sm_default_msg_id, sm_length.
    let begin = |esm_class: u8, length: u8| {
        let mut octets = vec![0x00, 0x05, 0x00];
        octets.extend(b"SoVHTT\0\x01\x0184900000001\0");
        octets.extend([esm_class, 0, 0, 0, 0, 1, 0, 0, 0, length]);
        octets
    };
    let whole = |body: Vec<u8>| {
        let mut octets = u32::try_from(16 + body.len()).unwrap().to_be_bytes().to_vec();
        octets.extend([0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 7]);
        octets.extend(body);
        octets
    };
    let udh = submitted("");
    let expected = [begin(0x40, 14), vec![0x05, 0x00, 0x03, 0xCD, 0x02, 0x02], vec![b'x'; 8]].concat();
    assert_eq!(udh[1], whole(expected));

    let sar = submitted("long = \"sar\"");
    let tlvs = vec![0x02, 0x0C, 0, 2, 0xAB, 0xCD, 0x02, 0x0E, 0, 1, 2, 0x02, 0x0F, 0, 1, 2];
    assert_eq!(sar[1], whole([begin(0, 8), vec![b'x'; 8], tlvs].concat()));

    let payload = submitted("long = \"payload\"");
    assert_eq!(payload.len(), 1);
    assert_eq!(payload[0], whole([begin(0, 0), vec![0x04, 0x24, 0, 161], vec![b'x'; 161]].concat()));
}

#[test]
fn no_receipt_is_asked_for_where_the_account_has_none() {
    let mut settings = settings("", 10);
    settings.receipts = false;
    let envelope = Envelope::new(&settings, "84900000001", "").unwrap();
    let submit = pdu::submit(&envelope, &parts_of("", "a")[0], 1).unwrap();
    assert_eq!(submit[submit.len() - 6], 0);
}

#[test]
fn a_character_that_the_charset_lacks_makes_the_text_unicode_or_refuses_it() {
    assert_eq!(parts_of("", "€")[0].octets, [0x1B, 0x65]);
    assert_eq!(
        (parts_of("charset = \"latin1\"", "€")[0].octets.clone(), 8),
        (vec![0x20, 0xAC], parts_of("charset = \"latin1\"", "€")[0].data_coding)
    );
    assert_eq!(
        parts_of("charset = \"latin1\"\ndata_coding = 3", "é")[0],
        Part { octets: vec![0xE9], data_coding: 3, join: Join::None }
    );
    assert_eq!(parts_of("charset = \"ascii\"", "é")[0].octets, [0x00, 0xE9]);
    let Content::Sms(sms) = outgoing("é").content else { panic!() };
    let refused = parts::parts(&settings("charset = \"ascii\"\nunicode = false", 10), &sms, 1).unwrap_err();
    assert_eq!(refused.to_string(), "the text has a character that the account's charset lacks, and unicode = false");
}

/// What a phone would show, read back from the octets of the submissions by the codec's own types.
fn shown(settings: &Settings, parts: &[Part]) -> String {
    let envelope = Envelope::new(settings, "84900000001", "").unwrap();
    let mut texts = BTreeMap::new();
    for (at, part) in parts.iter().enumerate() {
        // A submission and a delivery have the same mandatory fields.
        let octets = pdu::submit(&envelope, part, 1).unwrap();
        let read = deliver::read(settings, command::DELIVER_SM, &octets[16..]).unwrap();
        let Delivered::Message(piece) = read else { panic!() };
        assert_eq!(piece.place.is_some(), parts.len() > 1);
        if let Some(place) = piece.place {
            assert_eq!((usize::from(place.total), usize::from(place.number)), (parts.len(), at + 1));
        }
        texts.insert(at, piece.text);
    }
    texts.into_values().collect()
}

#[test]
fn a_frame_without_end_is_no_frame() {
    let mut stream = BytesMut::from(&[0xFF, 0xFF, 0xFF, 0xFF, 0][..]);
    assert!(Frame::take(&mut stream).is_err());
    let mut stream = BytesMut::from(&[0, 0, 0, 15][..]);
    assert!(Frame::take(&mut stream).is_err());
}

#[test]
fn dates_have_ten_twelve_or_fourteen_digits() {
    let at = |date: &str| {
        let text = format!("id:1 sub:001 dlvrd:001 submit date:2601010000 done date:{date} stat:DELIVRD err:000 text:");
        let mut body = vec![0, 1, 1];
        body.extend(b"8490\0\0\08099\0\x04\0\0\0\0\0\0\0\0");
        body.push(u8::try_from(text.len()).unwrap());
        body.extend(text.as_bytes());
        match deliver::read(&settings("", 10), command::DELIVER_SM, &body).unwrap() {
            Delivered::Receipt(report) => report.at.map(|at| at.format("%F %T").to_string()),
            Delivered::Message(_) => panic!(),
        }
    };
    assert_eq!(at("2611211905").as_deref(), Some("2026-11-21 12:05:00"));
    assert_eq!(at("261121190507").as_deref(), Some("2026-11-21 12:05:07"));
    assert_eq!(at("20261121190507").as_deref(), Some("2026-11-21 12:05:07"));
    assert_eq!(at("202611211905").as_deref(), Some("2026-11-21 12:05:00"));
    assert_eq!(at("soon"), None);
}

proptest! {
    #[test]
    fn what_is_sent_is_what_is_shown(
        text in "[a-zA-Z0-9 ạếơưđĐéà€\\[\\]{}~^|ΔΩ\\n😀]{1,400}",
        long in prop::sample::select(vec!["udh", "sar", "payload"]),
        reference in prop::sample::select(vec![8, 16]),
        charset in prop::sample::select(vec![("gsm", 0), ("latin1", 3), ("ascii", 1)]),
    ) {
        let settings = settings(
            &format!("long = \"{long}\"\nreference = {reference}\ncharset = \"{}\"\ndata_coding = {}", charset.0, charset.1),
            10,
        );
        let Content::Sms(sms) = outgoing(&text).content else { panic!() };
        let parts = parts::parts(&settings, &sms, 7).unwrap();
        prop_assert!(parts.iter().all(|part| part.join == Join::Payload || part.octets.len() <= 254));
        prop_assert_eq!(shown(&settings, &parts), text);
    }

    #[test]
    fn no_stream_makes_the_reader_panic(octets in prop::collection::vec(any::<u8>(), 0..600), length in 16_u32..200) {
        let mut stream = BytesMut::from(&length.to_be_bytes()[..]);
        stream.extend_from_slice(&octets);
        while let Ok(Some(frame)) = Frame::take(&mut stream) {
            let _ = frame.message_id();
        }
    }

    #[test]
    fn no_delivery_makes_the_reader_panic(esm_class: u8, data_coding: u8, octets in prop::collection::vec(any::<u8>(), 0..255), rest in prop::collection::vec(any::<u8>(), 0..60)) {
        let settings = settings("", 10);
        let mut body = vec![0, 1, 1];
        body.extend(b"8490\0\0\08099\0");
        body.extend([esm_class, 0, 0, 0, 0, 0, 0, data_coding, 0, u8::try_from(octets.len()).unwrap()]);
        body.extend(&octets);
        body.extend(&rest);
        deliver::read(&settings, command::DELIVER_SM, &body).unwrap();
        let _ = deliver::read(&settings, command::DATA_SM, &body);
        let _ = deliver::read(&settings, command::DELIVER_SM, &octets);
    }

    #[test]
    fn no_text_makes_the_receipt_reader_panic(text in "(id:|stat:|done date:|text:|err:|[a-zđ😀 :0-9]){0,60}") {
        let settings = settings("", 10);
        let mut body = vec![0, 1, 1];
        body.extend(b"8490\0\0\08099\0\x04\0\0\0\0\0\0\x08\0");
        body.push(0);
        let octets = charset::ucs2(&text);
        body.extend([0x04, 0x24]);
        body.extend(u16::try_from(octets.len()).unwrap().to_be_bytes());
        body.extend(octets);
        deliver::read(&settings, command::DELIVER_SM, &body).unwrap();
    }
}
