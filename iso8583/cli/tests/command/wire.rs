//! A capture in the making: one conversation on Ethernet, a packet a millisecond.

use etherparse::PacketBuilder;

/// See the module. The client's first byte is number 1,000, the server's 5,000.
pub(crate) struct Wire {
    packets: Vec<Vec<u8>>,
}

const CLIENT: ([u8; 4], u16) = ([10, 0, 0, 1], 40_000);
const SERVER: ([u8; 4], u16) = ([10, 0, 0, 2], 8583);

impl Default for Wire {
    /// Behind a handshake.
    fn default() -> Self {
        let (mut syn, mut answer) = (Vec::new(), Vec::new());
        ethernet(CLIENT, SERVER)
            .tcp(CLIENT.1, SERVER.1, 999, 1024)
            .syn()
            .write(&mut syn, b"")
            .expect("a packet");
        ethernet(SERVER, CLIENT)
            .tcp(SERVER.1, CLIENT.1, 4_999, 1024)
            .syn()
            .ack(1_000)
            .write(&mut answer, b"")
            .expect("a packet");
        Self {
            packets: vec![syn, answer],
        }
    }
}

impl Wire {
    /// A message behind its length in two bytes.
    pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
        let length = u16::try_from(message.len()).expect("a short message");
        [&length.to_be_bytes()[..], message].concat()
    }

    pub(crate) fn client(self, sequence: u32, payload: &[u8]) -> Self {
        self.packet(CLIENT, SERVER, sequence, payload)
    }

    pub(crate) fn server(self, sequence: u32, payload: &[u8]) -> Self {
        self.packet(SERVER, CLIENT, sequence, payload)
    }

    /// The pcap file: 15 March 2026, 02:30.
    pub(crate) fn file(&self) -> Vec<u8> {
        let mut file = Vec::from(hex_literal::hex!(
            "D4C3B2A1 0200 0400 00000000 00000000 00000400 01000000"
        ));
        for (number, packet) in (1_u32..).zip(&self.packets) {
            let length = u32::try_from(packet.len()).expect("a short packet");
            for word in [0x69B6_19A8, number * 1_000, length, length] {
                file.extend(word.to_le_bytes());
            }
            file.extend(packet);
        }
        file
    }

    fn packet(
        mut self,
        from: ([u8; 4], u16),
        to: ([u8; 4], u16),
        sequence: u32,
        payload: &[u8],
    ) -> Self {
        let mut packet = Vec::new();
        ethernet(from, to)
            .tcp(from.1, to.1, sequence, 1024)
            .write(&mut packet, payload)
            .expect("a packet");
        self.packets.push(packet);
        self
    }
}

fn ethernet(
    from: ([u8; 4], u16),
    to: ([u8; 4], u16),
) -> etherparse::PacketBuilderStep<etherparse::IpHeaders> {
    PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4(from.0, to.0, 64)
}
