//! One connection of the load generator: frames from a template, answers checked byte for byte.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use benches::{Key, Template};
use iso8583::{Dialect, Message, Mti};

/// A connection and what it waits for.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    dialect: &'static Dialect,
    number: u64,
    request: Template,
    /// Learnt from the first approval; others are compared with it.
    approval: Option<Template>,
    /// The same of refusals.
    refusal: Option<Template>,
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
    /// Ours, and refused because somebody is overloaded (91, 96); when its request was to start.
    Refused(Instant),
    /// Anything else, and why.
    Wrong(String),
}

/// The two kinds of answers that are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Approval,
    Refusal,
}

pub(crate) const LENGTH_BYTES: usize = 2;
const ASK_TIME: Duration = Duration::from_secs(5);

impl Connection {
    /// A connection of this number, on which so many requests may wait for answers.
    pub(crate) fn open(
        address: SocketAddr,
        dialect: &'static Dialect,
        number: u64,
        request: &Template,
        waiting_max: usize,
    ) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| address.to_string())?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ASK_TIME))?;
        Ok(Self {
            stream,
            dialect,
            number,
            request: request.clone(),
            approval: None,
            refusal: None,
            next: 1,
            waiting: vec![None; waiting_max],
            in_flight: 0,
            inbox: Vec::new(),
            outbox: Vec::new(),
        })
    }

    /// Sends a request whose answer [`Connection::asked`] waits for.
    pub(crate) fn ask(&mut self) -> anyhow::Result<()> {
        let frame = self.request.with(Key::new(self.number, 0));
        Ok(self.stream.write_all(frame)?)
    }

    /// Waits for the approval of what was asked.
    pub(crate) fn asked(&mut self) -> anyhow::Result<()> {
        let answer = self.receive()?;
        match check(&answer, Key::new(self.number, 0))? {
            Kind::Approval => Ok(()),
            Kind::Refusal => anyhow::bail!("refused: {answer:?}"),
        }
    }

    /// Signs on, and waits for the answer.
    pub(crate) fn sign_on(&mut self) -> anyhow::Result<()> {
        let mut message = Message::new(Mti::NETWORK_REQUEST);
        message
            .set(7, b"1125120000")
            .set(11, &Key::new(self.number, 0).stan())
            .set(70, b"001");
        self.stream
            .write_all(&benches::frame(&message, self.dialect)?)?;
        let answer = self.receive()?;
        ensure!(answer.text(39) == Some("00"), "sign-on: {answer:?}");
        Ok(())
    }

    fn receive(&mut self) -> anyhow::Result<Message> {
        let mut length = [0; LENGTH_BYTES];
        self.stream.read_exact(&mut length)?;
        let mut body = vec![0; usize::from(u16::from_be_bytes(length))];
        self.stream.read_exact(&mut body)?;
        Ok(self.dialect.decode(&body)?)
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
        let kinds = [
            (Kind::Approval, &mut self.approval),
            (Kind::Refusal, &mut self.refusal),
        ];
        let known = kinds.into_iter().find_map(|(kind, template)| {
            let template = template.as_mut()?;
            let key = template.key_in(frame)?;
            (template.with(key) == frame).then_some((kind, key))
        });
        let arrived = match known {
            Some(arrived) => Ok(arrived),
            // The first, or one of another form (a new business day): looked at as a message.
            None => self.learn(frame),
        };
        let settled = arrived.and_then(|(kind, key)| Ok((kind, self.settle(key)?)));
        match settled {
            Ok((Kind::Approval, start)) => Arrival::Right(start),
            Ok((Kind::Refusal, start)) => Arrival::Refused(start),
            Err(error) => Arrival::Wrong(format!("{error:#}")),
        }
    }

    fn learn(&mut self, frame: &[u8]) -> anyhow::Result<(Kind, Key)> {
        let body = frame.get(LENGTH_BYTES..).unwrap_or_default();
        let answer = self.dialect.decode(body)?;
        let number = answer.text(37).context("an answer without DE 37")?;
        let key = Key::of(number.parse()?);
        let kind = check(&answer, key)?;
        let template = Some(Template::new(&answer, self.dialect)?);
        match kind {
            Kind::Approval => self.approval = template,
            Kind::Refusal => self.refusal = template,
        }
        Ok((kind, key))
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
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// An answer to exactly this request, and of which kind.
fn check(answer: &Message, key: Key) -> anyhow::Result<Kind> {
    let (rrn, stan) = (key.rrn(), key.stan());
    let refused = matches!(answer.text(39), Some("91" | "96"));
    let (kind, approval): (_, &[(u8, &[u8])]) = if refused {
        (Kind::Refusal, &[])
    } else {
        (Kind::Approval, &[(39, b"00"), (38, &stan)])
    };
    let repeated = [(37, &rrn[..]), (11, &stan)];
    for (de, expected) in repeated.iter().chain(approval) {
        let found = answer.field(*de).unwrap_or_default();
        ensure!(
            found == *expected,
            "DE {de} of an answer is {}, not {}",
            found.escape_ascii(),
            expected.escape_ascii()
        );
    }
    Ok(kind)
}

fn place(
    waiting: &mut [Option<(u64, Instant)>],
    number: u64,
) -> Option<&mut Option<(u64, Instant)>> {
    let room = u64::try_from(waiting.len()).unwrap_or(u64::MAX);
    waiting.get_mut(usize::try_from(number % room).ok()?)
}

/// The first frame with its length, and the rest; None where it is not all there.
pub(crate) fn cut(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = u16::from_be_bytes(*bytes.first_chunk()?);
    bytes.split_at_checked(LENGTH_BYTES + usize::from(length))
}
