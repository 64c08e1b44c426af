//! How the card comes into the terminal: swiped or keyed.

use core::fmt;

use iso8583::InvalidElement;
use iso8583::Message;
use iso8583::element::{Pan, PosEntryMode, Track2};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::pinpad::PinPad;

/// A card as the terminal got hold of it. Never printed but for the masked number; wiped on drop.
#[derive(Clone)]
pub enum Card {
    /// Its stripe was read.
    Swiped {
        /// The card number on the stripe.
        pan: Pan,
        /// The stripe without sentinels: what DE 35 carries.
        track2: Zeroizing<String>,
    },
    /// Its number and expiry were typed.
    Keyed {
        /// The card number.
        pan: Pan,
        /// YYMM: what DE 14 carries.
        expiry: Zeroizing<String>,
    },
}

impl Card {
    /// A swiped card: track 2 as the reader gives it, with or without its sentinels.
    ///
    /// # Errors
    /// Where the text is no track 2.
    pub fn swiped(track2: &str) -> Result<Self, InvalidElement> {
        let track2 = track2.trim().trim_start_matches(';');
        let track2 = track2.split_once('?').map_or(track2, |(track2, _)| track2);
        let pan = Track2::try_from(track2.as_bytes())?.pan().clone();
        Ok(Self::Swiped {
            pan,
            track2: Zeroizing::new(track2.replace('D', "=")),
        })
    }

    /// A card whose number and expiry (YYMM) were typed.
    ///
    /// # Errors
    /// Where the number is not 8 to 19 digits, or the expiry no year and month.
    pub fn keyed(pan: &str, expiry: &str) -> Result<Self, InvalidElement> {
        let month = expiry.get(2..).and_then(|month| month.parse::<u8>().ok());
        let digits = expiry.len() == 4 && expiry.bytes().all(|digit| digit.is_ascii_digit());
        if !digits || !month.is_some_and(|month| (1..=12).contains(&month)) {
            return Err(InvalidElement::new("expiry", "4 digits, year and month"));
        }
        Ok(Self::Keyed {
            pan: pan.parse()?,
            expiry: Zeroizing::new(expiry.to_owned()),
        })
    }

    /// The card number.
    #[must_use]
    pub const fn pan(&self) -> &Pan {
        match self {
            Self::Swiped { pan, .. } | Self::Keyed { pan, .. } => pan,
        }
    }

    /// By which of the ways it came in.
    #[must_use]
    pub const fn entry(&self) -> Entry {
        match self {
            Self::Swiped { .. } => Entry::Swiped,
            Self::Keyed { .. } => Entry::Keyed,
        }
    }

    /// Sets what a request says of the card: DE 35 of a swiped one, DE 2 and 14 of a keyed one,
    /// and DE 22.
    pub(crate) fn write(&self, pin_pad: PinPad, request: &mut Message) {
        match self {
            Self::Swiped { track2, .. } => request.set(35, track2.as_bytes()),
            Self::Keyed { pan, expiry } => request
                .set(2, pan.reveal().as_bytes())
                .set(14, expiry.as_bytes()),
        };
        request.set(22, self.mode(pin_pad).as_bytes());
    }

    /// DE 22.
    pub(crate) const fn mode(&self, pin_pad: PinPad) -> PosEntryMode {
        match (self, pin_pad) {
            (Self::Swiped { .. }, _) => PosEntryMode::STRIPE_WITH_PIN,
            (Self::Keyed { .. }, PinPad::Used) => PosEntryMode::KEYED_WITH_PIN,
            (Self::Keyed { .. }, PinPad::Unused) => PosEntryMode::KEYED_WITHOUT_PIN,
        }
    }
}

impl fmt::Debug for Card {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Card({} {})", self.entry(), self.pan())
    }
}

/// A way for a card into the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Entry {
    /// Stripe read.
    Swiped,
    /// Number typed.
    Keyed,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Swiped => "swiped",
            Self::Keyed => "keyed",
        })
    }
}

#[cfg(test)]
mod tests {
    use iso8583::Mti;

    use super::*;

    #[test]
    fn ok_a_track_with_or_without_sentinels() {
        for track in [
            "9999990100000005=30121010000000000000",
            ";9999990100000005=30121010000000000000?1",
            "9999990100000005D30121010000000000000\n",
        ] {
            let card = Card::swiped(track).unwrap();
            let mut request = Message::new(Mti::FINANCIAL_REQUEST);
            card.write(PinPad::Used, &mut request);
            assert_eq!(
                request.text(35),
                Some("9999990100000005=30121010000000000000")
            );
            assert_eq!((request.text(22), request.text(2)), (Some("021"), None));
        }
    }

    #[test]
    fn a_keyed_card_says_whether_the_pin_pad_was_used() {
        let card = Card::keyed("9999990100000005", "3012").unwrap();
        for (pin_pad, mode) in [(PinPad::Used, "011"), (PinPad::Unused, "012")] {
            let mut request = Message::new(Mti::FINANCIAL_REQUEST);
            card.write(pin_pad, &mut request);
            assert_eq!(request.text(2), Some("9999990100000005"));
            assert_eq!(
                (request.text(14), request.text(22)),
                (Some("3012"), Some(mode))
            );
        }
    }

    #[test]
    fn err_an_expiry_that_is_no_year_and_month() {
        for expiry in ["", "301", "3013", "3000", "30-1", "30121", "+1+2"] {
            let error = Card::keyed("9999990100000005", expiry).unwrap_err();
            assert_eq!(error.to_string(), "expiry is not 4 digits, year and month");
        }
    }

    #[test]
    fn a_card_is_printed_masked() {
        let card = Card::swiped("9999990100000005=30121010000000000000").unwrap();
        assert_eq!(format!("{card:?}"), "Card(swiped 999999******0005)");
    }
}
