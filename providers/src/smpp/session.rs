//! One bound connection: submissions and their answers, deliveries and ours, and whether the other side lives.
//!
//! Three loops share one [`Session`] until the first of them ends: one reads, one writes, one watches. A submission is in
//! doubt from the moment its first octet may have been written: what was still queued when the connection ended was
//! definitely not taken.
//!
//! Memory is bounded: submissions by the window, deliveries by [`UNANSWERED`] and [`HELD`]. Beyond the first, deliveries
//! wait here while the rest of the stream is still read and answered; beyond the second nothing is read any more, until
//! what was handed over is committed.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch},
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    deliver::{self, Delivered},
    pdu::{self, Frame, Unfit, command},
    settings::Settings,
    status,
};
use crate::network::Wire;

/// Deliveries of a connection that are handed over and not answered yet, at most.
pub(super) const UNANSWERED: usize = 1_024;
/// Deliveries beyond these that wait unread for a place; then the socket is not read any more.
pub(super) const HELD: usize = 256;
/// Octets read at a time.
const READ: usize = 16 * 1024;
/// PDUs of ours that wait to be written, beyond which requests of the carrier wait too.
const QUEUED: usize = 4_096;
/// No answer to an `enquire_link` for this long: the connection is dead.
const SILENCE: Duration = Duration::from_secs(10);
/// How long an unanswered submission is remembered after its sender gave up, and keeps its place in the window.
const LATE: Duration = Duration::from_mins(1);
/// For the end in order: for the last answers, and again for the answer to unbind.
pub(super) const FAREWELL: Duration = Duration::from_secs(5);
/// Sequence numbers end here (SMPP 3.4, section 3.2).
const LAST_SEQUENCE: u32 = 0x7FFF_FFFF;

/// Why a connection ended, or could not begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// A person must mend it.
    Setup(String),
    /// It may work later.
    Lost(String),
    /// We said good-bye.
    Closed,
}

/// What became of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// The carrier's word: its status, and the id where there is one.
    Said(u32, Option<String>),
    /// Written, and the connection ended.
    Lost,
    /// Never written.
    Unsent,
}

/// What a submission is part of, for an answer that comes late.
#[derive(Debug, Clone)]
pub(super) struct Late {
    /// The attempt.
    pub(super) reference: String,
    /// Keys of the parts before this one.
    pub(super) before: Vec<String>,
    /// Whether it is the last part: only then does its answer tell of the whole message.
    pub(super) last: bool,
}

/// What came over a connection, for the events.
pub(super) enum Came {
    /// A delivery, and how it is answered.
    Delivery(Delivered, Unanswered),
    /// A late yes: the attempt, keys of the parts before, the raw id of the last.
    Accepted(Late, Option<String>),
}

struct Pending<P> {
    answer: oneshot::Sender<Answer>,
    late: Late,
    written: bool,
    since: Instant,
    /// Its place in the window: free when this is dropped.
    _place: P,
}

struct Queued {
    octets: Bytes,
    submission: Option<u32>,
}

struct State<P> {
    sequence: u32,
    pending: HashMap<u32, Pending<P>>,
    queue: VecDeque<Queued>,
    /// What was queued is being written.
    writing: bool,
    heard: Instant,
    ended: bool,
}

/// A connection that is bound. `P` is a submission's place in the window.
pub(super) struct Session<P> {
    state: Mutex<State<P>>,
    /// There is something to write.
    wake: Notify,
    /// There is room to queue more.
    room: Notify,
    /// A submission or a delivery was answered.
    quieter: Notify,
    places: Arc<Semaphore>,
}

/// A delivery that is not answered yet. Dropped, it is answered with a temporary fault, so that the carrier repeats it.
pub(super) struct Unanswered {
    answer: Option<Box<dyn FnOnce(u32) + Send + Sync>>,
    _place: OwnedSemaphorePermit,
}

impl Unanswered {
    /// It is committed.
    pub(super) fn committed(mut self) {
        self.say(status::OK);
    }

    fn say(&mut self, status: u32) {
        if let Some(answer) = self.answer.take() {
            answer(status);
        }
    }
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        self.say(status::REPEAT);
    }
}

/// The next frame; none at the end of the stream.
pub(super) async fn read<R: AsyncRead + Unpin>(
    wire: &mut R,
    unread: &mut BytesMut,
) -> std::io::Result<Result<Option<Frame>, pdu::Unframed>> {
    loop {
        match Frame::take(unread) {
            Ok(Some(frame)) => return Ok(Ok(Some(frame))),
            Ok(None) => {}
            Err(unframed) => return Ok(Err(unframed)),
        }
        unread.reserve(READ);
        if wire.read_buf(unread).await? == 0 {
            return Ok(Ok(None));
        }
    }
}

impl<P: Send + Sync + 'static> Session<P> {
    /// Of a connection that was just bound, as sequence number 1.
    pub(super) fn new() -> Self {
        let state = State {
            sequence: 1,
            pending: HashMap::new(),
            queue: VecDeque::new(),
            writing: false,
            heard: Instant::now(),
            ended: false,
        };
        Self {
            state: Mutex::new(state),
            wake: Notify::new(),
            room: Notify::new(),
            quieter: Notify::new(),
            places: Arc::new(Semaphore::new(UNANSWERED)),
        }
    }

    /// Runs the connection to its end, which `closing` may bring about in order. `unread` came with the answer to the bind.
    pub(super) async fn run(
        self: &Arc<Self>,
        wire: Box<dyn Wire>,
        unread: BytesMut,
        settings: &Settings,
        came: &mpsc::UnboundedSender<Came>,
        closing: watch::Receiver<bool>,
    ) -> End {
        let (reader, writer) = tokio::io::split(wire);
        let end = tokio::select! {
            end = self.read_on(settings, reader, unread, came, closing.clone()) => end,
            end = self.write_on(writer) => end,
            end = self.watch(settings) => end,
            end = self.farewell(closing) => end,
        };
        self.end();
        end
    }

    fn state(&self) -> MutexGuard<'_, State<P>> {
        // Nothing panics while it holds the lock; were it so, what it guards would still be whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a submission. None: the connection has ended.
    pub(super) fn submit(
        &self,
        late: Late,
        place: P,
        encode: impl FnOnce(u32) -> Result<Bytes, Unfit>,
    ) -> Result<Option<oneshot::Receiver<Answer>>, Unfit> {
        let mut state = self.state();
        if state.ended {
            return Ok(None);
        }
        let sequence = state.next();
        let octets = encode(sequence)?;
        let (answer, answered) = oneshot::channel();
        state.pending.insert(sequence, Pending { answer, late, written: false, since: Instant::now(), _place: place });
        state.queue.push_back(Queued { octets, submission: Some(sequence) });
        drop(state);
        self.wake.notify_one();
        Ok(Some(answered))
    }

    fn say(&self, octets: Bytes) {
        let mut state = self.state();
        if !state.ended {
            state.queue.push_back(Queued { octets, submission: None });
        }
        drop(state);
        self.wake.notify_one();
    }

    async fn write_on(&self, mut writer: impl AsyncWrite + Unpin) -> End {
        let mut batch = BytesMut::new();
        loop {
            {
                let mut state = self.state();
                let State { queue, pending, writing, .. } = &mut *state;
                *writing = !queue.is_empty();
                for queued in queue.drain(..) {
                    if let Some(pending) = queued.submission.and_then(|sequence| pending.get_mut(&sequence)) {
                        pending.written = true;
                        pending.since = Instant::now();
                    }
                    batch.extend_from_slice(&queued.octets);
                }
            }
            self.room.notify_waiters();
            if batch.is_empty() {
                self.wake.notified().await;
                continue;
            }
            let written = async {
                writer.write_all(&batch).await?;
                writer.flush().await
            };
            if let Err(error) = written.await {
                return End::Lost(format!("the connection broke off: {error}"));
            }
            batch.clear();
        }
    }

    async fn read_on(
        self: &Arc<Self>,
        settings: &Settings,
        mut reader: impl AsyncRead + Unpin,
        mut unread: BytesMut,
        came: &mpsc::UnboundedSender<Came>,
        closing: watch::Receiver<bool>,
    ) -> End {
        let mut held: VecDeque<Frame> = VecDeque::new();
        loop {
            let frame = tokio::select! {
                biased;
                Ok(place) = Arc::clone(&self.places).acquire_owned(), if !held.is_empty() => {
                    if let Some(frame) = held.pop_front() {
                        self.deliver(settings, &frame, place, came);
                    }
                    continue;
                }
                frame = read(&mut reader, &mut unread), if held.len() < HELD => frame,
            };
            let frame = match frame {
                Ok(Ok(Some(frame))) => frame,
                Ok(Ok(None)) => return End::Lost("the carrier hung up".into()),
                Ok(Err(pdu::Unframed(length))) => {
                    self.say(pdu::generic_nack(status::BAD_LENGTH, 0));
                    return End::Lost(format!("the carrier sent a PDU of {length} octets"));
                }
                Err(error) => return End::Lost(format!("the connection broke off: {error}")),
            };
            self.state().heard = Instant::now();
            match frame.command {
                command::SUBMIT_SM_RESP | command::GENERIC_NACK => self.answered(&frame, came),
                command::DELIVER_SM | command::DATA_SM if *closing.borrow() => {
                    self.say(pdu::delivered(frame.command, status::REPEAT, frame.sequence));
                }
                command::DELIVER_SM | command::DATA_SM if held.is_empty() => match Arc::clone(&self.places).try_acquire_owned() {
                    Ok(place) => self.deliver(settings, &frame, place, came),
                    Err(_) => held.push_back(frame),
                },
                command::DELIVER_SM | command::DATA_SM => held.push_back(frame),
                command::ENQUIRE_LINK => self.say(pdu::enquire_link_resp(frame.sequence)),
                command::UNBIND => {
                    self.say(pdu::unbind_resp(frame.sequence));
                    // Written before the loops end, unless the carrier does not even take this any more.
                    let _ = timeout(FAREWELL, self.written()).await;
                    return End::Lost("the carrier unbound".into());
                }
                command::UNBIND_RESP if *closing.borrow() => return End::Closed,
                command::ALERT_NOTIFICATION | command::OUTBIND => {}
                request if request & command::RESPONSE == 0 => {
                    self.say(pdu::generic_nack(status::BAD_COMMAND, frame.sequence));
                }
                _ => {}
            }
            if self.state().queue.len() > QUEUED {
                self.written().await;
            }
        }
    }

    /// Until all that was queued is written.
    async fn written(&self) {
        loop {
            let room = self.room.notified();
            {
                let state = self.state();
                if state.queue.is_empty() && !state.writing {
                    return;
                }
            }
            room.await;
        }
    }

    fn answered(&self, frame: &Frame, came: &mpsc::UnboundedSender<Came>) {
        let pending = self.state().pending.remove(&frame.sequence);
        let Some(Pending { answer, late, .. }) = pending else { return };
        self.quieter.notify_waiters();
        // A nack takes nothing, whatever its status says.
        let refusal = if frame.status == status::OK { status::BAD_COMMAND } else { frame.status };
        let status = if frame.command == command::GENERIC_NACK { refusal } else { frame.status };
        let id = frame.message_id().filter(|_| frame.command == command::SUBMIT_SM_RESP);
        if let Err(Answer::Said(status::OK, id)) = answer.send(Answer::Said(status, id)) {
            tell_late(late, id, came);
        }
    }

    fn deliver(
        self: &Arc<Self>,
        settings: &Settings,
        frame: &Frame,
        place: OwnedSemaphorePermit,
        came: &mpsc::UnboundedSender<Came>,
    ) {
        let (session, command, sequence) = (Arc::clone(self), frame.command, frame.sequence);
        let answer = move |status| {
            session.say(pdu::delivered(command, status, sequence));
            session.quieter.notify_waiters();
        };
        match deliver::read(settings, frame.command, &frame.body) {
            Ok(delivered) => {
                let unanswered = Unanswered { answer: Some(Box::new(answer)), _place: place };
                // With nobody to hear of it, it is dropped, and so answered.
                let _ = came.send(Came::Delivery(delivered, unanswered));
            }
            Err(deliver_fault) => {
                let pdu::Short = deliver_fault;
                answer(status::BAD_LENGTH);
            }
        }
    }

    /// Asks after silence whether the other side lives, and forgets submissions that were never answered.
    async fn watch(&self, settings: &Settings) -> End {
        loop {
            let heard = self.state().heard;
            sleep_until(heard + settings.idle).await;
            self.forget(settings.timeout + LATE);
            let heard = self.state().heard;
            if heard.elapsed() < settings.idle {
                continue;
            }
            // While nothing is read, silence is ours.
            if self.places.available_permits() == 0 {
                sleep(SILENCE).await;
                self.state().heard = Instant::now();
                continue;
            }
            let request = {
                let mut state = self.state();
                let sequence = state.next();
                pdu::enquire_link(sequence)
            };
            self.say(request);
            sleep(SILENCE).await;
            if self.state().heard <= heard {
                return End::Lost(format!("no answer to enquire_link within {} s", SILENCE.as_secs()));
            }
        }
    }

    fn forget(&self, after: Duration) {
        let now = Instant::now();
        self.state().pending.retain(|_, pending| now - pending.since < after || !pending.answer.is_closed());
    }

    /// Once it is asked for: waits for the last answers of both sides, then unbinds.
    async fn farewell(&self, mut closing: watch::Receiver<bool>) -> End {
        if closing.wait_for(|closing| *closing).await.is_err() {
            return End::Closed;
        }
        let quiet = async {
            loop {
                let quieter = self.quieter.notified();
                tokio::pin!(quieter);
                quieter.as_mut().enable();
                if self.state().pending.is_empty() && self.places.available_permits() == UNANSWERED {
                    return;
                }
                quieter.await;
            }
        };
        let _ = timeout(FAREWELL, quiet).await;
        let request = {
            let mut state = self.state();
            let sequence = state.next();
            pdu::unbind(sequence)
        };
        self.say(request);
        sleep(FAREWELL).await;
        End::Closed
    }

    /// Tells every submission what became of it.
    fn end(&self) {
        let pending: Vec<Pending<P>> = {
            let mut state = self.state();
            state.ended = true;
            state.queue.clear();
            state.pending.drain().map(|(_, pending)| pending).collect()
        };
        for Pending { answer, written, .. } in pending {
            // One that was given up has nobody to tell.
            let _ = answer.send(if written { Answer::Lost } else { Answer::Unsent });
        }
    }
}

fn tell_late(late: Late, id: Option<String>, came: &mpsc::UnboundedSender<Came>) {
    if late.last {
        // A gateway that is gone has nobody to tell.
        let _ = came.send(Came::Accepted(late, id));
    }
}

impl<P> State<P> {
    /// The next number that no outstanding submission has.
    fn next(&mut self) -> u32 {
        loop {
            self.sequence = if self.sequence >= LAST_SEQUENCE { 1 } else { self.sequence + 1 };
            if !self.pending.contains_key(&self.sequence) {
                return self.sequence;
            }
        }
    }
}
