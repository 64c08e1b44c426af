//! Which packets belong together, and who talks to whom.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use jiff::Timestamp;

use crate::capture::segment::{Direction, Segment};
use crate::capture::stream::{Patience, Stream};
use crate::capture::tcp::Tcp;
use crate::capture::{Limits, NoticeKind};

/// One TCP connection, as far as it was captured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversation {
    /// Who opened it.
    pub client: SocketAddr,
    /// Who was called.
    pub server: SocketAddr,
    /// Was it seen who called whom? Where not, the lower port is taken for the server's.
    pub opened: bool,
    /// What was sent, ordered by when the first byte of each was captured. Without losses there is
    /// one a direction.
    pub segments: Vec<Segment>,
    /// The first that ended it; None where it lasted longer than the capture.
    pub end: Option<End>,
}

impl Conversation {
    /// Sender and receiver of one direction.
    #[must_use]
    pub const fn ends(&self, direction: Direction) -> (SocketAddr, SocketAddr) {
        match direction {
            Direction::ToServer => (self.client, self.server),
            Direction::ToClient => (self.server, self.client),
        }
    }
}

/// How a conversation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// Which way the packet that ended it went.
    pub direction: Direction,
    /// How it did.
    pub how: How,
    /// When.
    pub time: Timestamp,
}

/// How an end ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// In order: FIN.
    Closed,
    /// RST.
    Reset,
}

/// Takes packets in the order of the file.
pub(super) struct Conversations<'a> {
    limits: Limits,
    bytes: usize,
    /// The latest conversation of each pair of ends, the smaller first.
    latest: BTreeMap<(SocketAddr, SocketAddr), usize>,
    all: Vec<Half<'a>>,
}

/// A conversation that is not read to its end.
struct Half<'a> {
    client: SocketAddr,
    server: SocketAddr,
    opened: bool,
    to_server: Stream<'a>,
    to_client: Stream<'a>,
    end: Option<End>,
}

impl<'a> Conversations<'a> {
    pub(super) const fn new(limits: &Limits) -> Self {
        Self {
            limits: *limits,
            bytes: 0,
            latest: BTreeMap::new(),
            all: Vec::new(),
        }
    }

    pub(super) fn take(&mut self, packet: &Tcp<'a>, now: Timestamp) -> Result<(), NoticeKind> {
        let bytes = self.bytes + packet.payload.len();
        if bytes > self.limits.bytes_max {
            return Err(NoticeKind::BytesFull);
        }
        let ends = (packet.from.min(packet.to), packet.from.max(packet.to));
        let known = self.latest.get(&ends).copied();
        let known = known.and_then(|index| self.all.get_mut(index));
        let patience = Patience {
            bytes: self.limits.waiting_bytes_max,
            pieces: self.limits.waiting_pieces_max,
        };
        let taken = known.is_some_and(|half| half.take(packet, now, patience));
        if !taken {
            if self.all.len() >= self.limits.conversations_max {
                return Err(NoticeKind::ConversationsFull);
            }
            let mut fresh = Half::new(packet);
            fresh.take(packet, now, patience);
            self.latest.insert(ends, self.all.len());
            self.all.push(fresh);
        }
        self.bytes = bytes;
        Ok(())
    }

    pub(super) fn finish(self) -> Vec<Conversation> {
        self.all.into_iter().map(Half::finish).collect()
    }
}

impl<'a> Half<'a> {
    fn new(packet: &Tcp<'a>) -> Self {
        let to_server = match (packet.syn, packet.acknowledged) {
            (true, None) => true,
            (true, Some(_)) => false,
            (false, _) => packet.to.port() <= packet.from.port(),
        };
        let (client, server) = if to_server {
            (packet.from, packet.to)
        } else {
            (packet.to, packet.from)
        };
        Self {
            client,
            server,
            opened: packet.syn,
            to_server: Stream::new(Direction::ToServer),
            to_client: Stream::new(Direction::ToClient),
            end: None,
        }
    }

    /// False where the packet opens another conversation between the same ends.
    fn take(&mut self, packet: &Tcp<'a>, now: Timestamp, patience: Patience) -> bool {
        let (direction, stream, other) = if packet.from == self.client {
            let to_server = &mut self.to_server;
            (Direction::ToServer, to_server, &mut self.to_client)
        } else {
            let to_client = &mut self.to_client;
            (Direction::ToClient, to_client, &mut self.to_server)
        };
        let mut first = packet.sequence;
        if packet.syn {
            // A SYN counts as one byte before the first.
            first = first.wrapping_add(1);
            let asks = packet.acknowledged.is_none();
            let late = asks && !stream.is_open() && other.is_open();
            if late || !stream.open(first) || (asks && self.end.is_some()) {
                return false;
            }
        }
        stream.push(first, packet.payload, now, patience);
        if let Some(sequence) = packet.acknowledged {
            other.acknowledge(sequence);
        }
        let how = match (packet.rst, packet.fin) {
            (true, _) => Some(How::Reset),
            (false, true) => Some(How::Closed),
            (false, false) => None,
        };
        let end = how.map(|how| End {
            direction,
            how,
            time: now,
        });
        self.end = self.end.or(end);
        true
    }

    fn finish(self) -> Conversation {
        Conversation {
            client: self.client,
            server: self.server,
            opened: self.opened,
            segments: merge(self.to_server.finish(), self.to_client.finish()),
            end: self.end,
        }
    }
}

/// Both directions by time; the order within each stays, whatever came when.
fn merge(to_server: Vec<Segment>, to_client: Vec<Segment>) -> Vec<Segment> {
    let begun = |segment: &Segment| segment.arrivals().first().map(|arrival| arrival.time);
    let mut merged = Vec::with_capacity(to_server.len() + to_client.len());
    let mut answers = to_client.into_iter().peekable();
    for segment in to_server {
        let until = begun(&segment);
        while let Some(answer) = answers.next_if(|answer| begun(answer) < until) {
            merged.push(answer);
        }
        merged.push(segment);
    }
    merged.extend(answers);
    merged
}
