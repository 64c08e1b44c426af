//! A connection and its session: read, feed, drain, write, sleep.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};
use iso8583::frame::{FrameError, Tpdu};
use iso8583::session::{
    CloseReason, Lateness, Mismatch, NetworkFunction, Now, Output, Refused, Session, State,
};
use iso8583::{DecodeError, EncodeError, Message, Undecodable};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::time::Sleep;

use crate::config::LinkSettings;

/// What a link tells its program.
#[derive(Debug)]
pub enum Event<T> {
    /// The peer asks or tells something.
    Request(Message),
    /// The peer's network message asks what only the program can do; it is answered already. The
    /// message may hold a key.
    Network {
        /// What.
        function: NetworkFunction,
        /// The whole of it.
        request: Message,
    },
    /// The answer to a request of ours.
    Answered {
        /// What was given along with the request.
        token: T,
        /// The answer.
        answer: Message,
    },
    /// No answer in time.
    TimedOut {
        /// What was given along with the request.
        token: T,
    },
    /// An answer after its time: to be recorded, never delivered.
    Late {
        /// The answer.
        answer: Message,
        /// How late, and what it was known by.
        lateness: Box<Lateness>,
    },
    /// An answer to nothing that was asked on this link.
    Unmatched {
        /// The answer.
        answer: Message,
        /// What it was looked for by, and what it comes nearest to.
        mismatch: Box<Mismatch>,
    },
    /// Bytes that were no message. Answered with 30 already, where enough could be read.
    Malformed {
        /// What is wrong, and where.
        error: DecodeError,
    },
    /// The link's state changed.
    State(State),
}

/// Why a link is no more.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Closed {
    /// The peer closed the connection.
    #[error("closed by the peer")]
    ByPeer,
    /// The connection broke.
    #[error("connection lost: {0}")]
    Lost(#[source] io::Error),
    /// The byte stream is out of step.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A frame was begun and not finished.
    #[error("frame not complete after {after:?}, {held} bytes received")]
    FrameTimeout {
        /// The time allowed.
        after: Duration,
        /// Bytes of the unfinished frame.
        held: usize,
    },
    /// The peer does not take what is sent to it.
    #[error("peer does not read: {unsent} bytes wait for it")]
    NotReading {
        /// Bytes that waited.
        unsent: usize,
    },
    /// Too many undecodable messages in a row.
    #[error("{count} undecodable messages in a row, the last: {last}")]
    Malformed {
        /// How many.
        count: u32,
        /// What was wrong with the last.
        last: DecodeError,
    },
    /// A network message of our own cannot be written in the link's dialect.
    #[error("our own network message cannot be written: {0}")]
    Unsayable(#[source] RequestRefused),
    /// The session's own wish.
    #[error(transparent)]
    Session(CloseReason),
}

impl Closed {
    /// The reason as a metric label.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::ByPeer => "by_peer",
            Self::Lost(_) => "lost",
            Self::Frame(_) => "bad_frame",
            Self::FrameTimeout { .. } => "frame_timeout",
            Self::NotReading { .. } => "not_reading",
            Self::Malformed { .. } => "malformed",
            Self::Unsayable(_) => "unsayable",
            Self::Session(_) => "session",
        }
    }
}

/// Why a request was not sent: nothing of it reached the wire.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RequestRefused {
    /// The session does not take it.
    #[error(transparent)]
    Session(#[from] Refused),
    /// It cannot be written in the link's dialect.
    #[error(transparent)]
    Unencodable(#[from] EncodeError),
    /// It is longer than the link's frames may be.
    #[error(transparent)]
    TooLong(#[from] FrameError),
}

/// One connection with its session. Owned by one task, which calls [`Link::next`] for what
/// arrives, and [`Link::answer`] and [`Link::request`] for what is to leave; those only queue,
/// and one system call writes the whole queue when `next` is called again.
#[derive(Debug)]
pub struct Link<T> {
    stream: TcpStream,
    settings: LinkSettings,
    session: Session<T>,
    inbox: BytesMut,
    /// How much to read at a time: grows for a busy link, so that an idle one stays small.
    read_bytes: usize,
    outbox: BytesMut,
    /// Bytes handed to the system so far.
    written: u64,
    /// Since when an unfinished frame is waited for.
    frame_deadline: Option<Instant>,
    /// Until when the peer has to take some of the outbox.
    write_deadline: Option<Instant>,
    /// Undecodable messages since the last good one.
    malformed: u32,
    malformed_events: Vec<DecodeError>,
    closing: Option<Closed>,
    alarm: Alarm,
}

const READ_BYTES_MIN: usize = 2 << 10;
const READ_BYTES_MAX: usize = 64 << 10;

impl<T> Link<T> {
    /// The link of a connection just made. Signs on where it is so configured.
    #[must_use]
    pub fn new(stream: TcpStream, settings: LinkSettings) -> Self {
        let session = Session::new(settings.session.clone(), crate::now());
        Self {
            stream,
            settings,
            session,
            inbox: BytesMut::new(),
            read_bytes: READ_BYTES_MIN,
            outbox: BytesMut::new(),
            written: 0,
            frame_deadline: None,
            write_deadline: None,
            malformed: 0,
            malformed_events: Vec::new(),
            closing: None,
            alarm: Alarm::default(),
        }
    }

    /// May requests be sent?
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.session.is_up()
    }

    /// Requests of ours that wait for answers.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.session.in_flight()
    }

    /// Bytes queued for the peer and not yet taken by the system.
    #[must_use]
    pub fn unsent(&self) -> usize {
        self.outbox.len()
    }

    /// How many bytes were handed to the system since the link was made: what was queued when
    /// [`Link::queued`] said as much has been handed over.
    #[must_use]
    pub const fn written(&self) -> u64 {
        self.written
    }

    /// How many bytes were queued since the link was made.
    #[must_use]
    pub fn queued(&self) -> u64 {
        self.written
            .wrapping_add(u64::try_from(self.outbox.len()).unwrap_or(0))
    }

    /// Queues an answer.
    ///
    /// # Errors
    /// Where it cannot be written in the link's dialect; nothing is queued then.
    pub fn answer(&mut self, answer: &Message) -> Result<(), RequestRefused> {
        self.queue(answer)
    }

    /// Queues a request; its answer comes with the token as [`Event::Answered`], or
    /// [`Event::TimedOut`] does.
    ///
    /// # Errors
    /// Why it will not be sent, with the token.
    pub fn request(
        &mut self,
        now: Now,
        message: &Message,
        token: T,
    ) -> Result<(), (RequestRefused, T)> {
        // A peer that pauses gets no more requests; its link is not closed for that.
        if self.outbox.len() >= self.settings.unsent_bytes_max {
            return Err((Refused::Full.into(), token));
        }
        let admitted = match self.session.admit(message) {
            Ok(admitted) => admitted,
            Err(refused) => return Err((refused.into(), token)),
        };
        match self.queue(message) {
            Ok(()) => {
                self.session.sent(now, admitted, token);
                Ok(())
            }
            Err(refused) => Err((refused, token)),
        }
    }

    /// Tells the peer that we leave; the link closes once that is answered.
    pub fn sign_off(&mut self) {
        self.session.sign_off(crate::now());
    }

    /// Writes what is queued, waits, and appends what happened to `events`: at least one event,
    /// all that the socket held. Cancel-safe: everything is kept in the link.
    ///
    /// # Errors
    /// Why the link is no more; the caller drops it and learns from [`Link::into_unanswered`]
    /// what was left.
    pub async fn next(&mut self, events: &mut Vec<Event<T>>) -> Result<(), Closed> {
        poll_fn(|context| self.poll_next(context, events)).await
    }

    /// [`Link::next`] for a task that waits for several links: ready with events, or with the
    /// link's end; else the task is woken when this link has something for it.
    ///
    /// # Errors
    /// As [`Link::next`].
    pub fn poll_next(
        &mut self,
        context: &mut Context<'_>,
        events: &mut Vec<Event<T>>,
    ) -> Poll<Result<(), Closed>> {
        let already = events.len();
        loop {
            self.drain(events);
            self.write()?;
            if events.len() > already {
                return Poll::Ready(Ok(()));
            }
            if let Some(reason) = self.closing.take() {
                return Poll::Ready(Err(reason));
            }
            ready!(self.poll_wait(context, events))?;
        }
    }

    /// What was sent and never answered.
    pub fn into_unanswered(self) -> impl Iterator<Item = T> {
        self.session.into_unanswered()
    }

    /// Ready once there is something to read, room to write, or a time that has come.
    fn poll_wait(
        &mut self,
        context: &mut Context<'_>,
        events: &mut Vec<Event<T>>,
    ) -> Poll<Result<(), Closed>> {
        if let Poll::Ready(ready) = self.stream.poll_read_ready(context) {
            ready.map_err(Closed::Lost)?;
            self.read(events);
            return Poll::Ready(Ok(()));
        }
        if !self.outbox.is_empty()
            && let Poll::Ready(ready) = self.stream.poll_write_ready(context)
        {
            return Poll::Ready(ready.map_err(Closed::Lost));
        }
        let deadline = self.deadline();
        ready!(self.alarm.poll_at(context, deadline));
        Poll::Ready(self.handle_timeout())
    }

    /// Reads all that the socket holds, up to a bound that keeps one link from starving others.
    fn read(&mut self, events: &mut Vec<Event<T>>) {
        let mut budget = READ_BYTES_MAX;
        loop {
            self.inbox.reserve(self.read_bytes);
            let room = self.inbox.capacity() - self.inbox.len();
            match self.stream.try_read_buf(&mut self.inbox) {
                Ok(0) => {
                    self.handle_bytes(events);
                    self.closing.get_or_insert(Closed::ByPeer);
                    return;
                }
                Ok(read) if read == room => {
                    self.read_bytes = (self.read_bytes * 2).min(READ_BYTES_MAX);
                    budget = budget.saturating_sub(read);
                    if budget == 0 {
                        break;
                    }
                }
                Ok(_) => break,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => {
                    // What came before the loss still counts.
                    self.handle_bytes(events);
                    self.closing.get_or_insert(Closed::Lost(error));
                    return;
                }
            }
        }
        self.handle_bytes(events);
    }

    fn handle_bytes(&mut self, events: &mut Vec<Event<T>>) {
        let now = crate::now();
        // Frames are read where they lie.
        let mut inbox = core::mem::take(&mut self.inbox);
        let (mut at, mut whole_frames) = (0, false);
        loop {
            match self.settings.framer.find(&inbox, &mut at) {
                Ok(Some(frame)) => {
                    whole_frames = true;
                    let body = inbox.get(frame.body.clone()).unwrap_or_default();
                    self.handle_frame(now, frame.tpdu(), body, events);
                }
                Ok(None) => break,
                Err(error) => {
                    // Out of step from here on; the frames before it were whole.
                    self.closing.get_or_insert(Closed::Frame(error));
                    at = inbox.len();
                    break;
                }
            }
        }
        // Tracks and PIN blocks do not stay behind in the buffer.
        inbox.get_mut(..at).unwrap_or_default().fill(0);
        inbox.advance(at);
        self.inbox = inbox;
        if self.inbox.is_empty() {
            self.frame_deadline = None;
        } else if whole_frames || self.frame_deadline.is_none() {
            self.frame_deadline = Some(now.instant + self.settings.frame_timeout);
        }
    }

    fn handle_frame(
        &mut self,
        now: Now,
        tpdu: Option<Tpdu>,
        body: &[u8],
        events: &mut Vec<Event<T>>,
    ) {
        match self.settings.dialect.decode(body) {
            Ok(mut message) => {
                self.malformed = 0;
                message.set_header(tpdu);
                if let Some(output) = self.session.receive(now, message) {
                    self.turn(output, events);
                }
            }
            Err(undecodable) => self.handle_undecodable(tpdu, *undecodable),
        }
    }

    fn handle_undecodable(&mut self, tpdu: Option<Tpdu>, undecodable: Undecodable) {
        let Undecodable { error, partial } = undecodable;
        self.malformed += 1;
        // An answer needs what it is matched by: DE 7 and 11 at the least (domain §2.5).
        if let Some(mut partial) = partial.filter(|partial| partial.has(7) && partial.has(11)) {
            partial.set_header(tpdu);
            if let Some(answer) = partial.format_error(error.path.data_element()) {
                // What could be decoded can be encoded.
                let _ = self.queue(&answer);
            }
        }
        if self.malformed >= self.settings.malformed_max {
            let closed = Closed::Malformed {
                count: self.malformed,
                last: error.clone(),
            };
            self.closing.get_or_insert(closed);
        }
        self.malformed_events.push(error);
    }

    fn handle_timeout(&mut self) -> Result<(), Closed> {
        let now = crate::now();
        let passed = |deadline: Option<Instant>| deadline.is_some_and(|at| at <= now.instant);
        if passed(self.frame_deadline) {
            let (after, held) = (self.settings.frame_timeout, self.inbox.len());
            return Err(Closed::FrameTimeout { after, held });
        }
        if passed(self.write_deadline) {
            return Err(Closed::NotReading {
                unsent: self.outbox.len(),
            });
        }
        self.session.handle_timeout(now);
        Ok(())
    }

    fn deadline(&self) -> Option<Instant> {
        [
            self.session.poll_timeout(),
            self.frame_deadline,
            self.write_deadline,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Turns what the session says into events and bytes.
    fn drain(&mut self, events: &mut Vec<Event<T>>) {
        while let Some(output) = self.session.poll_output() {
            self.turn(output, events);
        }
        events.extend(
            self.malformed_events
                .drain(..)
                .map(|error| Event::Malformed { error }),
        );
    }

    fn turn(&mut self, output: Output<T>, events: &mut Vec<Event<T>>) {
        events.push(match output {
            Output::Send(message) => {
                if let Err(error) = self.queue(&message) {
                    self.closing.get_or_insert(Closed::Unsayable(error));
                }
                return;
            }
            Output::Close(reason) => {
                self.closing.get_or_insert(Closed::Session(reason));
                return;
            }
            Output::Request(message) => Event::Request(message),
            Output::Network { function, request } => Event::Network { function, request },
            Output::Answered { token, answer } => Event::Answered { token, answer },
            Output::TimedOut { token } => Event::TimedOut { token },
            Output::Late { answer, lateness } => Event::Late { answer, lateness },
            Output::Unmatched { answer, mismatch } => Event::Unmatched { answer, mismatch },
            Output::State(state) => Event::State(state),
        });
    }

    fn queue(&mut self, message: &Message) -> Result<(), RequestRefused> {
        let dialect = self.settings.dialect;
        self.settings
            .framer
            .encode(message.header(), &mut self.outbox, |out| {
                dialect
                    .encode(message, out)
                    .map_err(RequestRefused::Unencodable)
            })
    }

    /// Gives the system all it takes.
    fn write(&mut self) -> Result<(), Closed> {
        while !self.outbox.is_empty() {
            match self.stream.try_write(&self.outbox) {
                Ok(written) => {
                    if let Some(sent) = self.outbox.get_mut(..written) {
                        sent.fill(0);
                    }
                    self.outbox.advance(written);
                    self.written = self
                        .written
                        .wrapping_add(u64::try_from(written).unwrap_or(0));
                    self.write_deadline = None;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(Closed::Lost(error)),
            }
        }
        if self.outbox.is_empty() {
            // Gives the room back after a burst.
            if self.outbox.capacity() > READ_BYTES_MAX * 2 {
                self.outbox = BytesMut::new();
            }
            return Ok(());
        }
        let one_more = self.settings.framer.max();
        if self.outbox.len() > self.settings.unsent_bytes_max + one_more {
            return Err(Closed::NotReading {
                unsent: self.outbox.len(),
            });
        }
        if self.write_deadline.is_none() {
            self.write_deadline = Some(crate::now().instant + self.settings.write_timeout);
        }
        Ok(())
    }
}

/// One timer, armed anew only for an earlier time: it may wake too early, which costs less than
/// arming it for every message.
#[derive(Debug, Default)]
struct Alarm {
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Alarm {
    fn poll_at(&mut self, context: &mut Context<'_>, deadline: Option<Instant>) -> Poll<()> {
        let Some(deadline) = deadline else {
            return Poll::Pending;
        };
        let deadline = tokio::time::Instant::from_std(deadline);
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if sleep.is_elapsed() || deadline < sleep.deadline() {
            sleep.as_mut().reset(deadline);
        }
        sleep.as_mut().poll(context)
    }
}
