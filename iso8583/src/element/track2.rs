//! DE 35: what the stripe or chip says of the card.

use core::fmt;

use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::{take, take_while_m_n};
use nom::character::complete::char;
use nom::combinator::{all_consuming, verify};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::element::{Pan, all_digits};
use crate::error::InvalidElement;

/// Track 2: card number, separator, expiry YYMM, service code, discretionary data; at most 37
/// characters, without sentinels (ISO 8583:1987 DE 35, ISO/IEC 7813). The separator may be `=` or
/// `D`. Never printed but for the masked card number.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Track2 {
    pan: Pan,
    expiry: [u8; 4],
    service_code: [u8; 3],
    discretionary: [u8; Self::MAX],
    discretionary_len: u8,
}

impl Track2 {
    const MAX: usize = 37;

    /// The whole track **in clear**, with `=` as its separator. Every caller is listed in the
    /// repository's `tidy` test.
    #[must_use]
    pub fn reveal(&self) -> Zeroizing<Vec<u8>> {
        // Room for all of it: a buffer that moved would leave a copy behind.
        let mut track = Zeroizing::new(Vec::with_capacity(Self::MAX));
        track.extend_from_slice(self.pan.reveal().as_bytes());
        track.push(b'=');
        track.extend_from_slice(&self.expiry);
        track.extend_from_slice(&self.service_code);
        let discretionary = self
            .discretionary
            .get(..usize::from(self.discretionary_len));
        track.extend_from_slice(discretionary.unwrap_or_default());
        track
    }

    /// The card number.
    #[must_use]
    pub const fn pan(&self) -> &Pan {
        &self.pan
    }

    /// Four digits YYMM. **In clear.**
    #[must_use]
    pub const fn expiry(&self) -> &[u8; 4] {
        &self.expiry
    }

    /// Three digits (ISO/IEC 7813 service code).
    #[must_use]
    pub const fn service_code(&self) -> &[u8; 3] {
        &self.service_code
    }
}

impl TryFrom<&[u8]> for Track2 {
    type Error = InvalidElement;

    fn try_from(track: &[u8]) -> Result<Self, InvalidElement> {
        let invalid =
            || InvalidElement::new("track 2", "card number, separator, YYMM and service code");
        if track.len() > Self::MAX {
            return Err(invalid());
        }
        let (_, (pan, _, expiry, service_code, discretionary)) = all_consuming(fields())
            .parse(track)
            .map_err(|_| invalid())?;
        let mut track = Self {
            pan: Pan::try_from(pan)?,
            expiry: expiry.try_into().map_err(|_| invalid())?,
            service_code: service_code.try_into().map_err(|_| invalid())?,
            discretionary: [0; Self::MAX],
            discretionary_len: u8::try_from(discretionary.len()).map_err(|_| invalid())?,
        };
        for (to, from) in track.discretionary.iter_mut().zip(discretionary) {
            *to = *from;
        }
        Ok(track)
    }
}

type Fields<'a> = (&'a [u8], char, &'a [u8], &'a [u8], &'a [u8]);

fn fields<'a>() -> impl Parser<&'a [u8], Output = Fields<'a>, Error = nom::error::Error<&'a [u8]>> {
    let digit = |byte: u8| byte.is_ascii_digit();
    (
        take_while_m_n(8, 19, digit),
        alt((char('='), char('D'))),
        verify(take(4_usize), all_digits),
        verify(take(3_usize), all_digits),
        take_while_m_n(0, 21, digit),
    )
}

impl fmt::Debug for Track2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Track2({}=****)", self.pan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_with_either_separator() {
        for (wire, clear) in [
            (
                &b"9999990100000005=30121010000000000000"[..],
                &b"9999990100000005=30121010000000000000"[..],
            ),
            (b"9999990100000005D3012101", b"9999990100000005=3012101"),
        ] {
            let track = Track2::try_from(wire).unwrap();
            assert_eq!(track.reveal().as_slice(), clear);
            assert_eq!(track.pan().reveal(), "9999990100000005");
            assert_eq!(track.expiry(), b"3012");
            assert_eq!(track.service_code(), b"101");
            assert_eq!(format!("{track:?}"), "Track2(999999******0005=****)");
        }
    }

    #[test]
    fn err_longer_than_37_characters() {
        let longest = b"9999990100000005=30121010000000000000";
        assert!(Track2::try_from(&longest[..]).is_ok());
        let longer = [&longest[..], b"0"].concat();
        assert!(Track2::try_from(longer.as_slice()).is_err());
    }

    #[test]
    fn err_without_separator_expiry_or_service_code() {
        for track in [
            &b""[..],
            b"9999990100000005",
            b"9999990100000005=",
            b"9999990100000005=3012",
            b"9999990100000005=301X101",
            b"9999990100000005=3012101?",
            b";9999990100000005=3012101",
        ] {
            assert!(
                Track2::try_from(track).is_err(),
                "{}",
                String::from_utf8_lossy(track)
            );
        }
    }
}
