//! One connection of the load generator: frames from a template, answers checked byte for byte.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use benches::{Key, Template};
use iso8583::{Dialect, Message};

/// A connection and what it waits for.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    dialect: &'static Dialect,
    number: u64,
    request: Template,
    /// Learnt from the first right answer; others are compared with it.
    answer: Option<Template>,
    next: u64,
    /// By the request's number, modulo the room: the request and when it was to start.
    waiting: Vec<Option<(u64, Instant)>>,
    in_flight: usize,
    inbox: Vec<u8>,
    outbox: Vec<u8>,
}

/// An answer, or what came in its place.
#[derive(Debug)]
pub(crate) enum Arrival {
    /// Approved and ours; when its request was to start.
    Right(Instant),
    /// Anything else, and why.
    Wrong(String),
}

/// Requests that may wait for answers on one connection.
const WAITING_MAX: usize = 8_192;
const LENGTH_BYTES: usize = 2;
const ASK_TIME: Duration = Duration::from_secs(5);

impl Connection {
    pub(crate) fn open(
        address: SocketAddr,
        dialect: &'static Dialect,
        number: u64,
    ) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| address.to_string())?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            dialect,
            number,
            request: Template::new(&benches::purchase()?, dialect)?,
            answer: None,
            next: 1,
            waiting: vec![None; WAITING_MAX],
            in_flight: 0,
            inbox: Vec::new(),
            outbox: Vec::new(),
        })
    }

    /// One request and its answer, waited for; then the connection no longer waits for anything.
    pub(crate) fn ask(&mut self, key: Key) -> anyhow::Result<()> {
        self.stream.set_read_timeout(Some(ASK_TIME))?;
        self.stream.write_all(self.request.with(key))?;
        let mut length = [0; LENGTH_BYTES];
        self.stream.read_exact(&mut length)?;
        let mut frame = length.to_vec();
        frame.resize(LENGTH_BYTES + usize::from(u16::from_be_bytes(length)), 0);
        let body = frame.get_mut(LENGTH_BYTES..).unwrap_or_default();
        self.stream.read_exact(body)?;
        let answer = self.decode(&frame)?;
        check(&answer, key)
    }

    /// From here on nothing blocks.
    pub(crate) fn start(&self) -> io::Result<()> {
        self.stream.set_nonblocking(true)
    }

    /// Requests not answered.
    pub(crate) const fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Queues the next request. False where as many wait as may.
    pub(crate) fn send(&mut self, start: Instant) -> bool {
        let number = self.next;
        let Some(slot @ None) = place(&mut self.waiting, number) else {
            return false;
        };
        *slot = Some((number, start));
        self.next += 1;
        self.in_flight += 1;
        let frame = self.request.with(Key::new(self.number, number));
        self.outbox.extend_from_slice(frame);
        true
    }

    /// Gives the system all it takes. True where all is gone.
    pub(crate) fn write(&mut self) -> io::Result<bool> {
        let mut written = 0;
        let done = loop {
            match self.outbox.get(written..) {
                None | Some([]) => break true,
                Some(rest) => match self.stream.write(rest) {
                    Ok(taken) => written += taken,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break false,
                    Err(error) => return Err(error),
                },
            }
        };
        self.outbox.drain(..written);
        Ok(done)
    }

    /// Reads once and tells of every answer that is complete.
    pub(crate) fn read(
        &mut self,
        scratch: &mut [u8],
        mut tell: impl FnMut(Arrival),
    ) -> io::Result<()> {
        let read = match self.stream.read(scratch) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut inbox = core::mem::take(&mut self.inbox);
        inbox.extend_from_slice(scratch.get(..read).unwrap_or_default());
        let mut rest = &inbox[..];
        while let Some((frame, after)) = cut(rest) {
            tell(self.handle_answer(frame));
            rest = after;
        }
        let taken = inbox.len() - rest.len();
        inbox.drain(..taken);
        self.inbox = inbox;
        Ok(())
    }

    fn handle_answer(&mut self, frame: &[u8]) -> Arrival {
        let known = self.answer.as_mut().and_then(|template| {
            let key = template.key_in(frame)?;
            (template.with(key) == frame).then_some(key)
        });
        let arrived = match known {
            Some(key) => Ok(key),
            // The first, or one of another form (a new business day): looked at as a message.
            None => self.learn(frame),
        };
        match arrived.and_then(|key| self.settle(key)) {
            Ok(start) => Arrival::Right(start),
            Err(error) => Arrival::Wrong(format!("{error:#}")),
        }
    }

    fn learn(&mut self, frame: &[u8]) -> anyhow::Result<Key> {
        let answer = self.decode(frame)?;
        let number = answer.text(37).context("an answer without DE 37")?;
        let key = Key::new(self.number, number.parse::<u64>()?);
        check(&answer, key)?;
        self.answer = Some(Template::new(&answer, self.dialect)?);
        Ok(key)
    }

    /// The request of a key is answered.
    fn settle(&mut self, key: Key) -> anyhow::Result<Instant> {
        ensure!(
            key.connection() == self.number,
            "an answer of another connection"
        );
        let slot = place(&mut self.waiting, key.request()).context("no room")?;
        let (_, start) = slot
            .take_if(|(number, _)| *number == key.request())
            .context("an answer to nothing that was asked")?;
        self.in_flight -= 1;
        Ok(start)
    }

    fn decode(&self, frame: &[u8]) -> anyhow::Result<Message> {
        let body = frame.get(LENGTH_BYTES..).unwrap_or_default();
        Ok(self.dialect.decode(body)?)
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// An approval of exactly this request.
fn check(answer: &Message, key: Key) -> anyhow::Result<()> {
    let (rrn, stan) = (key.rrn(), key.stan());
    for (de, expected) in [(39, &b"00"[..]), (37, &rrn), (11, &stan), (38, &stan)] {
        let found = answer.field(de).unwrap_or_default();
        ensure!(
            found == expected,
            "DE {de} of an answer is {}, not {}",
            found.escape_ascii(),
            expected.escape_ascii()
        );
    }
    Ok(())
}

fn place(
    waiting: &mut [Option<(u64, Instant)>],
    number: u64,
) -> Option<&mut Option<(u64, Instant)>> {
    let room = u64::try_from(waiting.len()).unwrap_or(u64::MAX);
    waiting.get_mut(usize::try_from(number % room).ok()?)
}

/// The first frame with its length, and the rest; None where it is not all there.
fn cut(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = u16::from_be_bytes(*bytes.first_chunk()?);
    bytes.split_at_checked(LENGTH_BYTES + usize::from(length))
}
