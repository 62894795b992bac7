//! The least that a client of a carrier does: bind, keep a window of submissions outstanding, answer every delivery. One task,
//! one buffer each way, everything that one read brought answered by one write; nothing is kept.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use bytes::{Buf as _, BufMut as _, BytesMut};
use rusmpp::{
    Command, CommandId, CommandStatus, Pdu,
    decode::DecodeWithLength as _,
    encode::{Length as _, owned::Encode as _},
    pdus::{BindTransceiver, DeliverSmResp, SubmitSm},
    types::{COctetString, OctetString},
    values::{DataCoding, InterfaceVersion, Npi, RegisteredDelivery, Ton},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{PASSWORD, SENDER, SYSTEM_ID, TEXT};

/// Octets read at once.
const READ: usize = 64 << 10;

/// Submits `n` messages, `window` at a time, and answers every receipt: from the first submission to the last receipt. Every
/// submission must be taken.
pub async fn run(carrier: SocketAddr, n: u64, window: u64) -> anyhow::Result<Duration> {
    let mut wire = TcpStream::connect(carrier).await?;
    wire.set_nodelay(true)?;
    let (mut input, mut output) = (BytesMut::with_capacity(READ), BytesMut::with_capacity(READ));
    let mut sequence = 1;
    put(&mut output, sequence, bind()?);
    wire.write_all(&output).await?;
    output.clear();
    let answer = loop {
        if let Some(command) = next(&mut input)? {
            break command;
        }
        ensure!(wire.read_buf(&mut input).await? > 0, "the carrier hung up during the bind");
    };
    ensure!(answer.status() == CommandStatus::EsmeRok, "the carrier refused the bind: {:?}", answer.status());

    let begun = Instant::now();
    let (mut submitted, mut taken, mut told) = (0, 0, 0);
    while taken < n || told < n {
        while submitted < n && submitted - taken < window {
            submitted += 1;
            sequence += 1;
            put(&mut output, sequence, submission(submitted)?);
        }
        if !output.is_empty() {
            wire.write_all(&output).await?;
            output.clear();
        }
        input.reserve(READ);
        ensure!(wire.read_buf(&mut input).await? > 0, "the carrier hung up after {taken} of {n} submissions");
        while let Some(command) = next(&mut input)? {
            match command.id() {
                CommandId::SubmitSmResp if command.status() == CommandStatus::EsmeRok => taken += 1,
                CommandId::DeliverSm => {
                    told += 1;
                    put(&mut output, command.sequence_number(), DeliverSmResp::default());
                }
                CommandId::EnquireLink => put(&mut output, command.sequence_number(), Pdu::EnquireLinkResp),
                other => bail!("the carrier said {other:?} with {:?}", command.status()),
            }
        }
    }
    let took = begun.elapsed();
    // The last answers; then it may hang up.
    put(&mut output, sequence + 1, Pdu::Unbind);
    wire.write_all(&output).await?;
    while wire.read_buf(&mut input).await? > 0 {}
    Ok(took)
}

fn bind() -> anyhow::Result<Pdu> {
    let any = (Ton::Unknown, Npi::Unknown);
    let (version, kind, range) = (InterfaceVersion::Smpp3_4, COctetString::empty(), COctetString::empty());
    Ok(BindTransceiver::new(text(SYSTEM_ID)?, text(PASSWORD)?, kind, version, any.0, any.1, range).into())
}

fn submission(number: u64) -> anyhow::Result<SubmitSm> {
    Ok(SubmitSm::builder()
        .source_addr_ton(Ton::Alphanumeric)
        .source_addr(text(SENDER)?)
        .dest_addr_ton(Ton::International)
        .dest_addr_npi(Npi::Isdn)
        .destination_addr(text(&super::phone(number))?)
        .registered_delivery(RegisteredDelivery::from(1))
        .data_coding(DataCoding::from(0))
        .short_message(OctetString::from_slice(TEXT.as_bytes()).ok().context("the text is too long")?)
        .build())
}

fn text<const MAX: usize>(text: &str) -> anyhow::Result<COctetString<1, MAX>> {
    COctetString::from_vec([text.as_bytes(), b"\0"].concat()).ok().with_context(|| format!("{text} does not fit its field"))
}

fn put(out: &mut BytesMut, sequence: u32, pdu: impl Into<Pdu>) {
    let command = Command::new(CommandStatus::EsmeRok, sequence, pdu);
    let length = 4 + command.length();
    out.reserve(length);
    out.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    command.encode(out);
}

/// The next whole PDU.
fn next(input: &mut BytesMut) -> anyhow::Result<Option<Command>> {
    let Some(length) = input.get(..4).and_then(|octets| octets.try_into().ok()).map(u32::from_be_bytes) else {
        return Ok(None);
    };
    let length = usize::try_from(length)?;
    ensure!((16..=READ).contains(&length), "a PDU of {length} octets");
    if input.len() < length {
        return Ok(None);
    }
    let mut octets = input.split_to(length);
    octets.advance(4);
    let (command, _) = Command::decode(&mut octets, length - 4).ok().context("a PDU that cannot be read")?;
    Ok(Some(command))
}
