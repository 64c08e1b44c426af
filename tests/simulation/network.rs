//! Connections between the nodes: they delay, lose, repeat, reorder, break and fall silent.

use std::collections::BTreeMap;
use std::time::Duration;

/// Who is at the ends of a connection. The client connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Line {
    /// An acquirer, by its place, is the client of the switch.
    Acquirer(usize),
    /// The switch is the client of an issuer, by its place, on this link.
    Issuer(usize, u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum End {
    Client,
    Server,
}

impl End {
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }

    const fn place(self) -> usize {
        match self {
            Self::Client => 0,
            Self::Server => 1,
        }
    }
}

/// A node of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Node {
    Acquirer(usize),
    Switch,
    Issuer(usize),
}

impl Line {
    pub(crate) const fn node(self, end: End) -> Node {
        match (self, end) {
            (Self::Acquirer(place), End::Client) => Node::Acquirer(place),
            (Self::Acquirer(_), End::Server) | (Self::Issuer(..), End::Client) => Node::Switch,
            (Self::Issuer(place, _), End::Server) => Node::Issuer(place),
        }
    }
}

/// Names a connection; never used again.
pub(crate) type Socket = u64;

#[derive(Debug)]
struct Connection {
    line: Line,
    /// Which ends still have it.
    held: [bool; 2],
    /// Nothing gets through any more, and nobody is told.
    silent: bool,
    /// When the last message arrives, each way: a stream keeps its order.
    last: [Duration; 2],
}

/// All connections that some end has.
#[derive(Debug, Default)]
pub(crate) struct Network {
    connections: BTreeMap<Socket, Connection>,
    next: Socket,
    /// Lines on which nobody can connect, and until when.
    parted: BTreeMap<Line, Duration>,
}

impl Network {
    pub(crate) fn connect(&mut self, line: Line) -> Socket {
        let socket = self.next;
        self.next += 1;
        self.connections.insert(
            socket,
            Connection {
                line,
                held: [true; 2],
                silent: false,
                last: [Duration::ZERO; 2],
            },
        );
        socket
    }

    pub(crate) fn line(&self, socket: Socket) -> Option<Line> {
        Some(self.connections.get(&socket)?.line)
    }

    /// Does this end still have the connection?
    pub(crate) fn is_held(&self, socket: Socket, end: End) -> bool {
        let connection = self.connections.get(&socket);
        connection.is_some_and(|connection| connection.held[end.place()])
    }

    pub(crate) fn is_silent(&self, socket: Socket) -> bool {
        let connection = self.connections.get(&socket);
        connection.is_none_or(|connection| connection.silent)
    }

    /// When a message that takes so long arrives: not before the one sent before it, unless the
    /// other end takes them as they come.
    pub(crate) fn arrival(
        &mut self,
        socket: Socket,
        to: End,
        at: Duration,
        in_order: bool,
    ) -> Duration {
        let Some(connection) = self.connections.get_mut(&socket) else {
            return at;
        };
        let last = &mut connection.last[to.place()];
        let at = if in_order { at.max(*last) } else { at };
        *last = at.max(*last);
        at
    }

    /// An end lets go of it.
    pub(crate) fn release(&mut self, socket: Socket, end: End) {
        if let Some(connection) = self.connections.get_mut(&socket) {
            connection.held[end.place()] = false;
            if connection.held == [false; 2] {
                self.connections.remove(&socket);
            }
        }
    }

    /// The connections of which a node is an end.
    pub(crate) fn of(&self, node: Node) -> Vec<(Socket, End)> {
        let ends = [End::Client, End::Server];
        let each = self.connections.iter();
        each.flat_map(|(socket, connection)| ends.map(|end| (*socket, connection, end)))
            .filter(|(_, connection, end)| {
                connection.held[end.place()] && connection.line.node(*end) == node
            })
            .map(|(socket, _, end)| (socket, end))
            .collect()
    }

    /// The connections of a line that are whole.
    pub(crate) fn on(&self, line: Line) -> Vec<Socket> {
        let whole = self
            .connections
            .iter()
            .filter(|(_, connection)| connection.line == line && connection.held == [true; 2]);
        whole.map(|(socket, _)| *socket).collect()
    }

    pub(crate) fn silence(&mut self, socket: Socket) {
        if let Some(connection) = self.connections.get_mut(&socket) {
            connection.silent = true;
        }
    }

    /// Nobody connects on the line until then.
    pub(crate) fn part(&mut self, line: Line, until: Duration) {
        self.parted.insert(line, until);
    }

    pub(crate) fn is_parted(&self, line: Line, now: Duration) -> bool {
        self.parted.get(&line).is_some_and(|until| now < *until)
    }
}
