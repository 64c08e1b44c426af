//! Transport protocol data unit: five bytes before the message on terminal links.

use core::fmt;

/// Id (60 for transactions), destination and source (two BCD bytes each). An answer swaps the
/// two.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tpdu([u8; 5]);

impl Tpdu {
    /// Bytes on the wire.
    pub const LEN: usize = 5;

    /// A transaction from nowhere to nowhere: what is sent where there is none to send.
    pub const UNADDRESSED: Self = Self([0x60, 0, 0, 0, 0]);

    /// A TPDU of these bytes, whatever they are: nothing of it is ours to judge.
    #[must_use]
    pub const fn new(bytes: [u8; 5]) -> Self {
        Self(bytes)
    }

    /// The wire bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 5] {
        &self.0
    }

    /// What it carries: 0x60 a transaction, 0x68 terminal management and the like.
    #[must_use]
    pub const fn id(self) -> u8 {
        let [id, ..] = self.0;
        id
    }

    /// The network it goes to, four packed digits (the NII).
    #[must_use]
    pub const fn destination(self) -> [u8; 2] {
        let [_, high, low, _, _] = self.0;
        [high, low]
    }

    /// Where it comes from, four packed digits.
    #[must_use]
    pub const fn source(self) -> [u8; 2] {
        let [_, _, _, high, low] = self.0;
        [high, low]
    }

    /// The TPDU of the answer: destination and source swapped.
    #[must_use]
    pub const fn swapped(self) -> Self {
        let [id, to_high, to_low, from_high, from_low] = self.0;
        Self([id, from_high, from_low, to_high, to_low])
    }
}

impl fmt::Debug for Tpdu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tpdu(")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))?;
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;

    use super::*;

    #[test]
    fn an_answer_goes_where_the_request_came_from() {
        let request = Tpdu::new(hex!("60 0003 0000"));
        assert_eq!(request.id(), 0x60);
        assert_eq!(request.destination(), hex!("0003"));
        assert_eq!(request.source(), hex!("0000"));
        assert_eq!(request.swapped(), Tpdu::new(hex!("60 0000 0003")));
        assert_eq!(request.swapped().swapped(), request);
    }
}
