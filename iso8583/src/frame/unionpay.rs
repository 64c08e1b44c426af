//! UnionPay's terminal header: a TPDU and six bytes of packed decimal.

use core::fmt;

use crate::frame::length::is_packed;
use crate::frame::{FrameError, Tpdu};

/// TPDU, application class n2, software version n2, terminal status n1, handling asked for n1,
/// and the terminal software's sub-version n6, two digits a byte: `6000030000 603100311004`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct UnionPay([u8; 11]);

impl UnionPay {
    /// Bytes on the wire, the TPDU's five among them.
    pub const LEN: usize = 11;

    /// To network 0003 from nowhere, of a payment application in its usual state.
    pub const UNADDRESSED: Self = Self([
        0x60, 0x00, 0x03, 0x00, 0x00, 0x60, 0x31, 0x00, 0x31, 0x10, 0x04,
    ]);

    /// Of these twelve digits, packed.
    ///
    /// # Errors
    /// [`FrameError::Unexpected`] at the first byte that is not two decimal digits.
    pub fn new(tpdu: Tpdu, digits: [u8; 6]) -> Result<Self, FrameError> {
        let [id, to_high, to_low, from_high, from_low] = *tpdu.as_bytes();
        let [class, version, status, sub_high, sub_mid, sub_low] = digits;
        let bytes = [
            id, to_high, to_low, from_high, from_low, class, version, status, sub_high, sub_mid,
            sub_low,
        ];
        Self::decode(bytes, 0)
    }

    pub(super) fn decode(bytes: [u8; Self::LEN], at: usize) -> Result<Self, FrameError> {
        let mut digits = bytes.iter().enumerate().skip(Tpdu::LEN);
        match digits.find(|(_, byte)| !is_packed(**byte)) {
            None => Ok(Self(bytes)),
            Some((place, found)) => Err(FrameError::Unexpected {
                at: at + place,
                expected: "two packed decimal digits of the UnionPay header",
                found: *found,
            }),
        }
    }

    /// The wire bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// Where it goes and comes from.
    #[must_use]
    pub const fn tpdu(&self) -> Tpdu {
        let [id, to_high, to_low, from_high, from_low, ..] = self.0;
        Tpdu::new([id, to_high, to_low, from_high, from_low])
    }

    pub(super) const fn with_tpdu(self, tpdu: Tpdu) -> Self {
        let [id, to_high, to_low, from_high, from_low] = *tpdu.as_bytes();
        let [
            _,
            _,
            _,
            _,
            _,
            class,
            version,
            status,
            sub_high,
            sub_mid,
            sub_low,
        ] = self.0;
        Self([
            id, to_high, to_low, from_high, from_low, class, version, status, sub_high, sub_mid,
            sub_low,
        ])
    }

    /// The class of the application: 60 is payment by card.
    #[must_use]
    pub const fn application(&self) -> u8 {
        let [_, _, _, _, _, class, ..] = self.0;
        two_digits(class)
    }

    /// The version of the terminal's message format, 0 to 99.
    #[must_use]
    pub const fn version(&self) -> u8 {
        let [_, _, _, _, _, _, version, ..] = self.0;
        two_digits(version)
    }

    /// The terminal's state, 0 to 9.
    #[must_use]
    pub const fn terminal_status(&self) -> u8 {
        let [_, _, _, _, _, _, _, status, ..] = self.0;
        status >> 4
    }

    /// What the host asks the terminal to do next, 0 to 9: 0 is nothing.
    #[must_use]
    pub const fn handling(&self) -> u8 {
        let [_, _, _, _, _, _, _, status, ..] = self.0;
        status & 0x0F
    }

    /// The sub-version of the terminal's software, 0 to 999999.
    #[must_use]
    pub fn sub_version(&self) -> u32 {
        let [.., high, mid, low] = self.0;
        [high, mid, low]
            .into_iter()
            .fold(0, |sum, byte| sum * 100 + u32::from(two_digits(byte)))
    }

    /// The header of the answer: the TPDU turned round, the rest repeated.
    #[must_use]
    pub const fn answer(self) -> Self {
        self.with_tpdu(self.tpdu().swapped())
    }
}

impl fmt::Debug for UnionPay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UnionPay(")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))?;
        f.write_str(")")
    }
}

const fn two_digits(byte: u8) -> u8 {
    (byte >> 4) * 10 + (byte & 0x0F)
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;

    use super::*;

    #[test]
    fn the_usual_header_says_what_it_says() {
        let header = UnionPay::new(Tpdu::new(hex!("6000030000")), hex!("603100311004")).unwrap();
        assert_eq!(header, UnionPay::UNADDRESSED);
        assert_eq!(header.tpdu(), Tpdu::new(hex!("6000030000")));
        assert_eq!((header.application(), header.version()), (60, 31));
        assert_eq!((header.terminal_status(), header.handling()), (0, 0));
        assert_eq!(header.sub_version(), 311_004);
        assert_eq!(format!("{header:?}"), "UnionPay(6000030000603100311004)");
    }

    #[test]
    fn an_answer_turns_the_tpdu_round_and_repeats_the_rest() {
        let answer = UnionPay::UNADDRESSED.answer();
        assert_eq!(answer.as_bytes(), &hex!("6000000003 603100311004"));
    }

    #[test]
    fn err_a_header_that_is_not_packed_decimal() {
        let tpdu = Tpdu::UNADDRESSED;
        assert_eq!(
            UnionPay::new(tpdu, hex!("60310031A004")),
            Err(FrameError::Unexpected {
                at: 9,
                expected: "two packed decimal digits of the UnionPay header",
                found: 0xA0,
            })
        );
    }
}
