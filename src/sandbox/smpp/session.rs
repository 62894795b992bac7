//! One connection: requests in, answers out, in the order in which they came unless a latency lies between.

use std::{io, sync::Arc, time::Duration};

use bytes::BytesMut;
use rusmpp::{
    CommandId, CommandStatus, Pdu,
    pdus::{BindReceiverResp, BindTransceiverResp, BindTransmitterResp, SubmitSm, SubmitSmResp},
    types::COctetString,
    values::InterfaceVersion,
};
use tokio::{
    io::AsyncReadExt as _,
    net::{TcpStream, tcp::OwnedReadHalf},
    sync::watch,
    time::timeout,
};

use super::{
    Carrier, REPLIES,
    assembly::{Key, Part, Put},
    line::Line,
    post::Delivery,
    receipt::{self, About},
    text::{self, Place, Segment},
    wire::{self, Frame, Next},
};
use crate::sandbox::{
    Gateway,
    behaviour::{Fate, Outcome, Refusal},
    exchange::{Rules, Submission},
    parts,
    taken::{Taken, one},
};

/// Octets read at once.
const READ: usize = 64 << 10;
/// How long a connection that was closed on purpose is still read, so that what was written before reaches the peer.
const LINGER: Duration = Duration::from_millis(500);
/// The name that the carrier gives itself.
const NAME: &str = "sandbox";

/// What a client may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Transmitter,
    Receiver,
    Transceiver,
}

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// What was answered is written; then it is closed.
    Close,
    /// At once, with whatever is on its way.
    BreakOff,
}

/// What one read brought about, carried out together.
#[derive(Default)]
struct Batch {
    taken: Vec<Taken>,
    early: Vec<Delivery>,
    answers: BytesMut,
    late: Vec<(Duration, Delivery)>,
    /// Answers that take their time.
    slow: Vec<(Duration, BytesMut)>,
    /// The client's answers to what the carrier sent.
    answered: Vec<(u32, bool)>,
    end: Option<End>,
}

pub(super) struct Session {
    carrier: Arc<Carrier>,
    stopping: watch::Receiver<bool>,
    closing: watch::Receiver<bool>,
    line: Arc<Line>,
    bound: Option<(Arc<str>, Role)>,
    /// Who the client said last that it is.
    sender: String,
}

impl Session {
    pub(super) fn new(carrier: Arc<Carrier>, stopping: watch::Receiver<bool>, closing: watch::Receiver<bool>) -> Self {
        Self { carrier, stopping, closing, line: Arc::default(), bound: None, sender: String::new() }
    }

    pub(super) async fn run(mut self, stream: TcpStream) {
        // Without it, answers merely come later.
        let _ = stream.set_nodelay(true);
        let (mut reader, writer) = stream.into_split();
        let line = Arc::clone(&self.line);
        let writing = tokio::spawn(async move { line.run(writer).await });
        // The peer's going away ends the session, whatever the error is called.
        let end = self.converse(&mut reader).await.unwrap_or(End::BreakOff);
        if let Some((client, _)) = self.bound.take() {
            self.carrier.post.unbind(&client, &self.line);
        }
        if end == End::BreakOff {
            let _ = reader.as_ref().set_zero_linger();
            self.line.break_off();
        } else {
            self.line.end();
            let mut rest = vec![0; READ];
            let _ = timeout(LINGER, async { while reader.read(&mut rest).await.is_ok_and(|count| count > 0) {} }).await;
            self.line.break_off();
        }
        let _ = writing.await;
    }

    async fn converse(&mut self, reader: &mut OwnedReadHalf) -> io::Result<End> {
        let mut input = BytesMut::with_capacity(READ);
        let (mut asked, mut closing) = (false, self.closing.clone());
        loop {
            self.line.room().await;
            input.reserve(READ);
            let idle = self.carrier.exchange.rules().behaviour.smpp.idle;
            let read = tokio::select! {
                biased;
                read = timeout(idle, reader.read_buf(&mut input)) => read,
                // An error means that the sandbox is gone.
                _ = closing.wait_for(|closing| *closing) => {
                    self.request(CommandId::Unbind);
                    return Ok(End::Close);
                }
            };
            match read {
                Ok(count) => {
                    if count? == 0 {
                        return Ok(End::Close);
                    }
                    asked = false;
                }
                Err(_) if asked => return Ok(End::Close),
                Err(_) => {
                    asked = true;
                    self.request(CommandId::EnquireLink);
                    continue;
                }
            }
            if let Some(end) = self.digest(&mut input) {
                return Ok(end);
            }
        }
    }

    /// Sends a request of the carrier's own that is nothing but a header.
    fn request(&self, id: CommandId) {
        let mut out = BytesMut::new();
        wire::write_header(&mut out, id.into(), CommandStatus::EsmeRok, self.line.sequence());
        self.line.write(&out);
    }

    /// Answers every whole PDU that is here.
    fn digest(&mut self, input: &mut BytesMut) -> Option<End> {
        let rules = self.carrier.exchange.rules();
        let mut batch = Batch::default();
        while batch.end.is_none() {
            match wire::next(input) {
                Next::Frame(frame) => self.handle(frame, &rules, &mut batch),
                Next::More => break,
                Next::Nonsense => {
                    wire::write_header(&mut batch.answers, wire::GENERIC_NACK, CommandStatus::EsmeRinvcmdlen, 0);
                    batch.end = Some(End::Close);
                }
            }
        }
        self.carry_out(batch, &rules)
    }

    /// The record first, then what comes early, then the answers, then the rest.
    fn carry_out(&self, mut batch: Batch, rules: &Rules) -> Option<End> {
        let breaks_off = batch.end == Some(End::BreakOff);
        if breaks_off {
            for taken in &mut batch.taken {
                taken.answered = false;
            }
        }
        if let Some((client, _)) = &self.bound {
            self.carrier.post.answered(client, &self.line, &batch.answered, rules.behaviour.retry);
        }
        if let Some((client, _)) = self.bound.as_ref().filter(|_| batch.end.is_some()) {
            // Receipts of what came last go elsewhere.
            self.carrier.post.unbind(client, &self.line);
        }
        let tally = self.carrier.exchange.tally(Gateway::Smpp);
        for taken in &batch.taken {
            one(&tally.taken);
            if !taken.answered {
                one(&tally.unanswered);
            }
        }
        if self.carrier.exchange.record().put(batch.taken).is_err() {
            // What is not put down is not answered.
            return Some(End::BreakOff);
        }
        if let Some((client, _)) = self.bound.as_ref().filter(|_| !batch.early.is_empty()) {
            self.carrier.post.send(client, batch.early.drain(..).map(|delivery| (Duration::ZERO, delivery)));
        }
        if !breaks_off {
            self.line.write(&batch.answers);
        }
        for (latency, answer) in batch.slow {
            let line = Arc::clone(&self.line);
            tokio::spawn(async move {
                tokio::time::sleep(latency).await;
                line.write(&answer);
            });
        }
        if let Some((client, _)) = self.bound.as_ref().filter(|_| !batch.late.is_empty()) {
            self.carrier.post.send(client, batch.late);
        }
        batch.end
    }

    fn handle(&mut self, frame: Frame, rules: &Rules, batch: &mut Batch) {
        let (id, status, sequence) = (frame.id, frame.status, frame.sequence);
        if id & wire::RESPONSE != 0 {
            batch.answered.push((sequence, status == 0));
            return;
        }
        let bare = |batch: &mut Batch, status| {
            wire::write_header(&mut batch.answers, id | wire::RESPONSE, status, sequence);
        };
        match CommandId::from(id) {
            CommandId::EnquireLink => bare(batch, CommandStatus::EsmeRok),
            CommandId::Unbind => {
                bare(batch, CommandStatus::EsmeRok);
                batch.end = Some(End::Close);
            }
            CommandId::BindTransmitter | CommandId::BindReceiver | CommandId::BindTransceiver => {
                self.bind(frame, batch);
            }
            CommandId::SubmitSm => match self.bound {
                Some((_, Role::Transmitter | Role::Transceiver)) if *self.stopping.borrow() => {
                    bare(batch, CommandStatus::EsmeRsyserr);
                }
                Some((_, Role::Transmitter | Role::Transceiver)) => match frame.decode() {
                    Some(Pdu::SubmitSm(submit)) => self.submit(&submit, sequence, rules, batch),
                    _ => bare(batch, CommandStatus::EsmeRinvcmdlen),
                },
                _ => bare(batch, CommandStatus::EsmeRinvbndsts),
            },
            CommandId::SubmitMulti | CommandId::DataSm | CommandId::QuerySm | CommandId::CancelSm | CommandId::ReplaceSm => {
                bare(batch, CommandStatus::EsmeRinvcmdid);
            }
            _ => wire::write_header(&mut batch.answers, wire::GENERIC_NACK, CommandStatus::EsmeRinvcmdid, sequence),
        }
    }

    fn bind(&mut self, frame: Frame, batch: &mut Batch) {
        let (id, sequence) = (frame.id, frame.sequence);
        let refuse = |batch: &mut Batch, status| {
            wire::write_header(&mut batch.answers, id | wire::RESPONSE, status, sequence);
        };
        if self.bound.is_some() {
            return refuse(batch, CommandStatus::EsmeRalybnd);
        }
        let (role, user, password) = match frame.decode() {
            Some(Pdu::BindTransmitter(bind)) => (Role::Transmitter, bind.system_id, bind.password),
            Some(Pdu::BindReceiver(bind)) => (Role::Receiver, bind.system_id, bind.password),
            Some(Pdu::BindTransceiver(bind)) => (Role::Transceiver, bind.system_id, bind.password),
            _ => return refuse(batch, CommandStatus::EsmeRinvcmdlen),
        };
        let (user, password) = (user.as_str(), password.as_str());
        let exchange = &self.carrier.exchange;
        let known = exchange.credentials(Gateway::Smpp).map_or(!user.is_empty(), |expected| expected.user == user);
        if !known {
            return refuse(batch, CommandStatus::EsmeRinvsysid);
        }
        if !exchange.admits(Gateway::Smpp, user, password) {
            return refuse(batch, CommandStatus::EsmeRinvpaswd);
        }
        let name: COctetString<1, 16> = receipt::c_string(NAME);
        let version = Some(InterfaceVersion::Smpp3_4);
        let answer: Pdu = match role {
            Role::Transmitter => BindTransmitterResp::new(name, version).into(),
            Role::Receiver => BindReceiverResp::new(name, version).into(),
            Role::Transceiver => BindTransceiverResp::new(name, version).into(),
        };
        // Before anything that was kept for this client.
        let mut out = BytesMut::new();
        wire::write(&mut out, CommandStatus::EsmeRok, sequence, answer);
        self.line.write(&batch.answers.split());
        self.line.write(&out);
        let client: Arc<str> = user.into();
        if role != Role::Transmitter {
            self.carrier.post.bind(&client, Arc::clone(&self.line));
        }
        self.bound = Some((client, role));
    }

    fn submit(&mut self, submit: &SubmitSm, sequence: u32, rules: &Rules, batch: &mut Batch) {
        let habits = &rules.behaviour.smpp;
        let Some((client, _)) = self.bound.as_ref().map(|(client, role)| (Arc::clone(client), *role)) else { return };
        let refuse = |batch: &mut Batch, latency, status| {
            let mut out = BytesMut::new();
            if habits.bare_errors {
                wire::write_header(&mut out, CommandId::SubmitSmResp.into(), status, sequence);
            } else {
                wire::write(&mut out, status, sequence, SubmitSmResp::new(COctetString::empty(), Vec::new()));
            }
            batch.answer(latency, &out);
        };
        let (from, to) = (submit.source_addr.as_str(), submit.destination_addr.as_str());
        if to.is_empty() {
            return refuse(batch, Duration::ZERO, CommandStatus::EsmeRinvdstadr);
        }
        let Some(Segment { text, place }) = text::read(submit) else {
            return refuse(batch, Duration::ZERO, CommandStatus::EsmeRinvesmclass);
        };
        if self.sender != from {
            from.clone_into(&mut self.sender);
            self.carrier.post.sends_from(&client, from);
        }
        let exchange = &self.carrier.exchange;
        let key = match place {
            // All parts share one fate.
            Some(place) => exchange.key(Gateway::Smpp, to, &format!("{} parts", place.total)),
            None => exchange.key(Gateway::Smpp, to, &text),
        };
        let (latency, fate) = exchange.judge(rules, Gateway::Smpp, to, key);
        let breaks_off = self.carrier.breaks_off(habits.disconnect_every);
        let (answered, plan) = match fate {
            Fate::Refuse(refusal) => {
                refuse(batch, latency, status(refusal, share(key) < habits.queue_full));
                batch.end = breaks_off.then_some(End::BreakOff).or(batch.end);
                return;
            }
            Fate::Lose => {
                batch.end = Some(End::Close);
                return;
            }
            Fate::Take { answered, plan } => (answered, plan),
        };
        batch.end = match (breaks_off, answered) {
            (true, _) => Some(End::BreakOff),
            (false, false) => Some(End::Close),
            (false, true) => batch.end,
        };
        let (id, reported) = habits.ids.of(exchange.number());
        let wanted = wants_receipt(submit.registered_delivery.into(), plan.outcome);
        let outcome = if wanted { plan.outcome } else { Outcome::Silent };
        let part = Part { text: text.clone(), id: id.clone(), outcome, answered };
        if let Some((whole, parts)) = self.assemble(&client, submit, place, part) {
            let message =
                Submission { gateway: Gateway::Smpp, to, reference: None, text: &whole.text, mail: None, parts, once: false };
            batch.taken.push(exchange.taken(&message, whole.id, whole.outcome, whole.answered));
        }
        if answered {
            let mut out = BytesMut::with_capacity(64);
            wire::write(&mut out, CommandStatus::EsmeRok, sequence, SubmitSmResp::new(receipt::c_string(&id), Vec::new()));
            batch.answer(latency, &out);
        }
        let about = || About {
            id: &reported,
            from,
            to,
            arrived: outcome == Outcome::Delivered,
            at: exchange.now(),
            text: &text,
            ucs2: habits.ucs2_receipts && u8::from(submit.data_coding) == text::UCS2,
        };
        if wanted {
            for _ in 0..plan.copies {
                let receipt = receipt::receipt(&about(), habits.receipts);
                if plan.early { batch.early.push(receipt) } else { batch.late.push((latency + plan.delay, receipt)) }
            }
        }
        if plan.reply && plan.outcome != Outcome::Undelivered && place.is_none_or(|place| place.number == 1) {
            // The phone answers, once a message and after its receipt.
            let words = REPLIES[usize::try_from(key % REPLIES.len() as u64).unwrap_or(0)];
            let said = receipt::said(to, from, words, 0).into_iter();
            batch.late.extend(said.map(|delivery| (latency + plan.delay, delivery)));
        }
    }

    /// The whole message, and its parts, once the last one is here.
    fn assemble(&self, client: &Arc<str>, submit: &SubmitSm, place: Option<Place>, part: Part) -> Option<(Part, u16)> {
        let Some(place) = place else {
            let ucs2 = u8::from(submit.data_coding) == text::UCS2;
            let parts = if ucs2 { parts::ucs2_parts(&part.text) } else { parts::parts(&part.text) };
            return Some((part, parts));
        };
        let key = Key {
            client: client.to_string(),
            from: submit.source_addr.as_str().to_owned(),
            to: submit.destination_addr.as_str().to_owned(),
            reference: place.reference,
            total: place.total,
        };
        match self.carrier.assembly.put(&key, place, part) {
            Put::Waiting => None,
            Put::Repeated => {
                one(&self.carrier.exchange.tally(Gateway::Smpp).repeats);
                None
            }
            Put::Whole(whole) => Some((whole, place.total.into())),
        }
    }
}

impl Batch {
    fn answer(&mut self, latency: Duration, octets: &[u8]) {
        if latency.is_zero() {
            self.answers.extend_from_slice(octets);
        } else {
            self.slow.push((latency, octets.into()));
        }
    }
}

/// Whether `registered_delivery` asks for a receipt of this outcome (v3.4, section 5.2.17).
const fn wants_receipt(registered: u8, outcome: Outcome) -> bool {
    match outcome {
        Outcome::Silent => false,
        Outcome::Delivered => matches!(registered & 3, 1 | 3),
        Outcome::Undelivered => matches!(registered & 3, 1 | 2),
    }
}

/// How a refusal is said (v3.4, section 5.1.3).
const fn status(refusal: Refusal, queue_full: bool) -> CommandStatus {
    match refusal {
        Refusal::NoSuchAddress => CommandStatus::EsmeRinvdstadr,
        Refusal::Later if queue_full => CommandStatus::EsmeRmsgqful,
        Refusal::Later => CommandStatus::EsmeRxTAppn,
        Refusal::Blocked => CommandStatus::EsmeRxRAppn,
        Refusal::Content => CommandStatus::EsmeRxPAppn,
        // One of the codes left to the carriers: no account is out of money by the specification.
        Refusal::Funds => CommandStatus::Other(0x0400),
        Refusal::Throttled(_) => CommandStatus::EsmeRthrottled,
    }
}

/// A number from 0 to 1 that hangs on the key alone.
#[expect(clippy::cast_precision_loss, reason = "20 bits fit")]
fn share(key: u64) -> f64 {
    (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 44) as f64 / (1_u64 << 20) as f64
}
