//! An acquirer's connection: blocking, one message after the other or many at once.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use bytes::BytesMut;
use iso8583::frame::{FrameError, Framer, LengthHeader};
use iso8583::{Dialect, Message};

/// A connection to the switch.
#[derive(Debug)]
pub struct Acquirer {
    stream: TcpStream,
    dialect: &'static Dialect,
    framer: Framer,
    received: BytesMut,
}

impl Acquirer {
    /// On the VAN link: iso87-ascii, two bytes of length.
    #[must_use]
    pub fn van(address: &str) -> Self {
        Self::connect(address, Dialect::iso87_ascii(), false)
    }

    /// On the POS link: iso87-bcd, two bytes of length and TPDU.
    #[must_use]
    pub fn pos(address: &str) -> Self {
        Self::connect(address, Dialect::iso87_bcd(), true)
    }

    fn connect(address: &str, dialect: &'static Dialect, tpdu: bool) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let framer = Framer::new(LengthHeader::Binary2, tpdu, 8_192);
        Self {
            stream,
            dialect,
            framer,
            received: BytesMut::new(),
        }
    }

    /// Sends messages, in one write.
    pub fn send(&mut self, messages: &[Message]) {
        assert!(self.try_send(messages), "the connection is gone");
    }

    /// Sends messages; false where the connection is gone.
    pub fn try_send(&mut self, messages: &[Message]) -> bool {
        let mut bytes = BytesMut::new();
        for message in messages {
            self.framer
                .encode::<FrameError>(message.header(), &mut bytes, |out| {
                    self.dialect.encode(message, out).unwrap();
                    Ok(())
                })
                .unwrap();
        }
        self.send_bytes(&bytes)
    }

    /// Sends bytes; false where the connection is gone.
    pub fn send_bytes(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// The next message; None where the connection ends, or nothing comes for 20 s.
    pub fn receive(&mut self) -> Option<Message> {
        loop {
            if let Some(frame) = self.framer.decode(&mut self.received).unwrap() {
                let mut message = self.dialect.decode(&frame.body).unwrap();
                message.set_header(frame.tpdu);
                return Some(message);
            }
            let mut buffer = [0; 16 * 1024];
            match self.stream.read(&mut buffer) {
                Ok(0) => return None,
                Ok(read) => self.received.extend(buffer.iter().take(read)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        }
    }

    /// Asks and waits for the answer.
    pub fn ask(&mut self, message: &Message) -> Message {
        self.send(std::slice::from_ref(message));
        self.receive()
            .unwrap_or_else(|| panic!("no answer to {message:?}"))
    }

    /// Asks, and gives back DE 39 alone.
    pub fn code(&mut self, message: &Message) -> String {
        self.ask(message).text(39).unwrap().to_owned()
    }

    /// Does the other end close the connection (within 20 s), saying nothing more?
    pub fn is_closed_by_peer(&mut self) -> bool {
        let mut byte = [0; 1];
        match self.stream.read(&mut byte) {
            Ok(read) => read == 0,
            Err(error) => error.kind() == ErrorKind::ConnectionReset,
        }
    }
}
