//! SMPP octets: frames in, PDUs out. The codec is rusmpp's; cutting the stream into frames is done here, so that one PDU that
//! cannot be understood spoils no other.

use bytes::{Buf as _, BufMut as _, BytesMut};
use rusmpp::{
    Command, CommandStatus, Pdu,
    decode::DecodeWithLength as _,
    encode::{Length as _, owned::Encode as _},
};

/// The header's length (v3.4, section 3.2).
pub(super) const HEADER: usize = 16;
/// The longest PDU read: `message_payload` may hold 64 KiB.
const LONGEST: usize = 70_000;
/// Where the sequence number stands.
const SEQUENCE: std::ops::Range<usize> = 12..16;

/// `generic_nack`.
pub(super) const GENERIC_NACK: u32 = 0x8000_0000;
/// The bit that tells a response from a request.
pub(super) const RESPONSE: u32 = 0x8000_0000;

/// One PDU, its body still undecoded.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) id: u32,
    pub(super) status: u32,
    pub(super) sequence: u32,
    /// Everything after the length.
    octets: BytesMut,
}

/// What stands at the front of the stream.
#[derive(Debug)]
pub(super) enum Next {
    Frame(Frame),
    /// Not whole yet.
    More,
    /// A length that no PDU has: the stream cannot be read on.
    Nonsense,
}

/// Takes the first PDU off the stream.
pub(super) fn next(input: &mut BytesMut) -> Next {
    let Some(length) = number(input, 0) else { return Next::More };
    let length = length as usize;
    if !(HEADER..=LONGEST).contains(&length) {
        return Next::Nonsense;
    }
    if input.len() < length {
        input.reserve(length - input.len());
        return Next::More;
    }
    let mut octets = input.split_to(length);
    let header = (number(&octets, 4), number(&octets, 8), number(&octets, 12));
    octets.advance(4);
    match header {
        (Some(id), Some(status), Some(sequence)) => Next::Frame(Frame { id, status, sequence, octets }),
        _ => Next::Nonsense,
    }
}

impl Frame {
    /// The body; none if it is not what the command asks for.
    pub(super) fn decode(mut self) -> Option<Pdu> {
        let length = self.octets.len();
        let (command, _) = Command::decode(&mut self.octets, length).ok()?;
        command.pdu().cloned()
    }
}

/// Writes a PDU.
pub(super) fn write(out: &mut BytesMut, status: CommandStatus, sequence: u32, pdu: impl Into<Pdu>) {
    let command = Command::new(status, sequence, pdu);
    let length = 4 + command.length();
    out.reserve(length);
    out.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    command.encode(out);
}

/// Writes a PDU that is nothing but its header.
pub(super) fn write_header(out: &mut BytesMut, id: u32, status: CommandStatus, sequence: u32) {
    out.put_u32(16);
    out.put_u32(id);
    out.put_u32(status.into());
    out.put_u32(sequence);
}

/// Gives a written PDU another sequence number.
pub(super) fn renumber(frame: &mut [u8], sequence: u32) {
    if let Some(at) = frame.get_mut(SEQUENCE) {
        at.copy_from_slice(&sequence.to_be_bytes());
    }
}

fn number(octets: &[u8], at: usize) -> Option<u32> {
    octets.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_cut_wherever_the_stream_breaks() {
        let mut sent = BytesMut::new();
        write(&mut sent, CommandStatus::EsmeRok, 7, Pdu::EnquireLink);
        write_header(&mut sent, 0x8000_0004, CommandStatus::EsmeRthrottled, 8);
        let mut input = BytesMut::new();
        let mut seen = Vec::new();
        for octet in sent {
            input.put_u8(octet);
            if let Next::Frame(frame) = next(&mut input) {
                seen.push((frame.id, frame.status, frame.sequence));
            }
        }
        assert_eq!(seen, [(0x15, 0, 7), (0x8000_0004, 0x58, 8)]);
        for length in [0_u32, 15, 1 << 20] {
            assert!(matches!(next(&mut BytesMut::from(&length.to_be_bytes()[..])), Next::Nonsense));
        }
    }
}
