//! A party at the other end of a socket: frames out, frames in.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use iso8583::frame::{Frame, FrameError, Framer, Framing, Header};

use crate::cli::Failure;
use crate::frames;

/// A connection, of which every failure names who was called.
#[derive(Debug)]
pub struct Peer {
    address: String,
    stream: TcpStream,
    framer: Framer,
    received: BytesMut,
}

impl Peer {
    /// Calls `host:port`, every address of the host in turn.
    ///
    /// # Errors
    /// Where no address answers in time.
    pub fn connect(address: &str, framing: Framing, timeout: Duration) -> Result<Self, Failure> {
        let failure = |error| network(address, error);
        let mut last = io::Error::new(io::ErrorKind::NotFound, "no such host");
        for socket in address.to_socket_addrs().map_err(failure)? {
            match TcpStream::connect_timeout(&socket, timeout) {
                Ok(stream) => {
                    stream.set_nodelay(true).map_err(failure)?;
                    // A host that reads no more is not waited for.
                    stream.set_write_timeout(Some(timeout)).map_err(failure)?;
                    return Ok(Self {
                        address: address.to_owned(),
                        stream,
                        framer: frames::framer(framing),
                        received: BytesMut::new(),
                    });
                }
                Err(error) => last = error,
            }
        }
        Err(failure(last))
    }

    /// The same connection, for another thread to receive from.
    ///
    /// # Errors
    /// Where the system has no room for it.
    pub fn receiver(&self) -> Result<Self, Failure> {
        Ok(Self {
            address: self.address.clone(),
            stream: self
                .stream
                .try_clone()
                .map_err(|error| self.failure(error))?,
            framer: self.framer,
            received: BytesMut::new(),
        })
    }

    /// Sends a message in a frame, with the usual header of the framing unless one is given.
    ///
    /// # Errors
    /// Where it fits in no frame or the connection fails.
    pub fn send(&mut self, message: &[u8], header: Option<&Header>) -> Result<(), Failure> {
        let mut wire = BytesMut::new();
        let body = |wire: &mut BytesMut| {
            wire.extend_from_slice(message);
            Ok::<(), FrameError>(())
        };
        let kind = self.framer.framing().header();
        let framed = match header.filter(|header| kind == Some(header.kind())) {
            Some(header) => self.framer.encode_with(header, &mut wire, body),
            None => self.framer.encode(None, &mut wire, body),
        };
        framed.map_err(|error| Failure::Usage(error.to_string()))?;
        let sent = self.stream.write_all(&wire);
        sent.map_err(|error| self.failure(error))
    }

    /// The next frame; None where there is none until then.
    ///
    /// # Errors
    /// Where the connection fails or ends, or the stream is out of step.
    pub fn receive(&mut self, until: Option<Instant>) -> Result<Option<Frame>, Failure> {
        loop {
            let frame = self.framer.decode(&mut self.received).map_err(|error| {
                let problem = format!("the answer: {error}");
                self.failure(io::Error::new(io::ErrorKind::InvalidData, problem))
            })?;
            if frame.is_some() {
                return Ok(frame);
            }
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Ok(None);
            }
            let mut chunk = [0; 4096];
            let read = self.stream.set_read_timeout(left);
            match read.and_then(|()| self.stream.read(&mut chunk)) {
                Ok(0) => {
                    let closed = "closed the connection";
                    let error = io::Error::new(io::ErrorKind::UnexpectedEof, closed);
                    return Err(self.failure(error));
                }
                Ok(count) => {
                    let bytes = chunk.get(..count).unwrap_or_default();
                    self.received.extend_from_slice(bytes);
                }
                Err(error) if is_late(error.kind()) => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failure(error)),
            }
        }
    }

    /// Ends the connection, also for who receives from it.
    pub fn close(&self) {
        // Where it has ended already, all is done.
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// What a failure of the network is to the user.
    #[must_use]
    pub fn failure(&self, error: io::Error) -> Failure {
        network(&self.address, error)
    }
}

/// Systems differ in what they call it.
const fn is_late(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn network(address: &str, error: io::Error) -> Failure {
    Failure::Network {
        peer: address.to_owned(),
        error,
    }
}

/// Reads `host:port`, which is looked up only when it is called.
///
/// # Errors
/// Where the host or the port is missing, or the port is none.
pub fn parse_address(text: &str) -> Result<String, String> {
    let parts = text
        .rsplit_once(':')
        .filter(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0));
    let expected = || "expected both, as in 127.0.0.1:8583".to_owned();
    parts.map(|_| text.to_owned()).ok_or_else(expected)
}

/// Reads a time as people write it: `5s`, `500ms`.
///
/// # Errors
/// Where it is none, or not above zero.
pub fn parse_time(text: &str) -> Result<Duration, String> {
    let time = text.parse::<jiff::SignedDuration>().ok();
    time.and_then(|time| Duration::try_from(time).ok())
        .filter(|time| !time.is_zero())
        .ok_or_else(|| "expected a time such as 5s or 500ms".to_owned())
}

/// A time in milliseconds with one decimal, for people.
#[must_use]
pub fn millis(time: Duration) -> String {
    let tenths = time.as_micros() / 100;
    format!("{}.{} ms", tenths / 10, tenths % 10)
}

/// A time in whole microseconds, for programs.
#[must_use]
pub fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
