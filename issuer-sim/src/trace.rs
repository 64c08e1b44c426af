//! The values by which an acquirer names a transaction, and the keys made of them.
//!
//! The duplicate key of `domain.md` §2.5 is `(DE 32, DE 41, DE 42, MTI class, DE 11, DE 12, DE 13,
//! DE 37)`, with DE 7 only where DE 12 and 13 are both absent: values that the acquirer chooses,
//! never the connection and never the repeat digit. In memory a key is the first sixteen bytes of
//! a SHA-256 over them: fixed size, and too long for two transactions to meet.

use sha2::{Digest, Sha256};

/// The institution that sent a transaction (ISO 8583:1987 DE 32), leading zeros not significant.
///
/// Zero stands for a message without DE 32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Acquirer(pub u64);

/// The institution that sent a message on, a switch's own (ISO 8583:1987 DE 33), leading zeros not
/// significant.
///
/// Zero stands for a message without DE 33: it came from its acquirer itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Forwarder(pub u64);

/// Up to `N` bytes of text kept in place, without the blanks that fill a fixed field
/// (ISO 8583:1987 DE 37, 41, 42).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text<const N: usize> {
    length: u8,
    bytes: [u8; N],
}

impl<const N: usize> Text<N> {
    /// The text without trailing blanks; `None` where it is longer than `N` bytes.
    #[must_use]
    pub fn new(text: &[u8]) -> Option<Self> {
        let text = text.trim_ascii_end();
        let mut bytes = [0; N];
        bytes.get_mut(..text.len())?.copy_from_slice(text);
        Some(Self {
            length: u8::try_from(text.len()).ok()?,
            bytes,
        })
    }

    /// The bytes of the text.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes
            .get(..usize::from(self.length))
            .unwrap_or_default()
    }

    /// The text for people: what is not ASCII is replaced.
    #[must_use]
    pub fn to_display(&self) -> String {
        self.as_bytes()
            .iter()
            .map(|&byte| match byte {
                b' '..=b'~' => char::from(byte),
                _ => '?',
            })
            .collect()
    }
}

impl<const N: usize> Default for Text<N> {
    fn default() -> Self {
        Self {
            length: 0,
            bytes: [0; N],
        }
    }
}

impl<const N: usize> std::fmt::Debug for Text<N> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:?}", self.to_display())
    }
}

/// The class digit of an MTI that moves or undoes money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// `01xx`: authorization, which holds.
    Authorization,
    /// `02xx`: financial, which posts.
    Financial,
    /// `04xx`: reversal.
    Reversal,
}

impl Class {
    /// The digit of the MTI.
    #[must_use]
    pub const fn digit(self) -> u8 {
        match self {
            Self::Authorization => b'1',
            Self::Financial => b'2',
            Self::Reversal => b'4',
        }
    }

    /// The class of a digit of the MTI, if it is one of ours.
    #[must_use]
    pub const fn from_digit(digit: u8) -> Option<Self> {
        match digit {
            b'1' => Some(Self::Authorization),
            b'2' => Some(Self::Financial),
            b'4' => Some(Self::Reversal),
            _ => None,
        }
    }
}

/// How an acquirer names one transaction. Digits are kept as numbers: the fields are of fixed
/// length, so nothing is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    /// DE 32.
    pub acquirer: Acquirer,
    /// DE 41.
    pub terminal: Text<8>,
    /// DE 42.
    pub merchant: Text<15>,
    /// Second digit of the MTI.
    pub class: Class,
    /// DE 11.
    pub stan: u32,
    /// DE 12.
    pub local_time: Option<u32>,
    /// DE 13.
    pub local_date: Option<u32>,
    /// DE 7.
    pub transmitted: Option<u32>,
    /// DE 37.
    pub rrn: Text<12>,
}

impl Trace {
    /// The duplicate key of this transaction.
    #[must_use]
    pub fn key(&self) -> Key {
        let transmitted = match (self.local_time, self.local_date) {
            (None, None) => self.transmitted,
            _ => None,
        };
        Hasher::new("duplicate key")
            .number(self.acquirer.0)
            .text(self.terminal.as_bytes())
            .text(self.merchant.as_bytes())
            .text(&[self.class.digit()])
            .number(self.stan.into())
            .maybe(self.local_time)
            .maybe(self.local_date)
            .maybe(transmitted)
            .text(self.rrn.as_bytes())
            .finish()
    }

    /// The second way to name it: `(DE 32, DE 41, DE 42, class, DE 11, DE 7)`, which a reversal
    /// whose own DE 12, 13 or 37 differ still rebuilds from its DE 90. `None` without DE 7.
    #[must_use]
    pub fn second_key(&self) -> Option<Key> {
        self.transmitted.map(|transmitted| {
            Hasher::new("second key")
                .number(self.acquirer.0)
                .text(self.terminal.as_bytes())
                .text(self.merchant.as_bytes())
                .text(&[self.class.digit()])
                .number(self.stan.into())
                .maybe(Some(transmitted))
                .finish()
        })
    }
}

/// A key of sixteen bytes: the name of a transaction, or of a charge at the office.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub [u8; 16]);

impl Key {
    /// The key of a charge, from the idempotency key its sender chose.
    #[must_use]
    pub fn of_charge(idempotency_key: &str) -> Self {
        Hasher::new("charge")
            .text(idempotency_key.as_bytes())
            .finish()
    }
}

/// SHA-256 over values of which each is told apart from its neighbours by its length.
#[derive(Debug)]
pub(crate) struct Hasher(Sha256);

impl Hasher {
    /// `purpose` keeps the keys of different uses apart.
    pub(crate) fn new(purpose: &str) -> Self {
        Self(Sha256::new()).text(purpose.as_bytes())
    }

    pub(crate) fn text(mut self, text: &[u8]) -> Self {
        self.0.update([u8::try_from(text.len()).unwrap_or(u8::MAX)]);
        self.0.update(text);
        self
    }

    pub(crate) fn number(mut self, number: u64) -> Self {
        self.0.update(number.to_le_bytes());
        self
    }

    pub(crate) fn maybe(self, number: Option<u32>) -> Self {
        match number {
            Some(number) => self.text(&number.to_le_bytes()),
            None => self.text(&[]),
        }
    }

    pub(crate) fn finish(self) -> Key {
        let digest = self.0.finalize();
        let mut key = [0; 16];
        for (to, from) in key.iter_mut().zip(digest.iter()) {
            *to = *from;
        }
        Key(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace() -> Trace {
        Trace {
            acquirer: Acquirer(123_456),
            terminal: Text::new(b"TERM0001").unwrap(),
            merchant: Text::new(b"MALL0001       ").unwrap(),
            class: Class::Financial,
            stan: 123,
            local_time: Some(113_000),
            local_date: Some(315),
            transmitted: Some(315_023_000),
            rrn: Text::new(b"607411000123").unwrap(),
        }
    }

    #[test]
    fn every_part_of_the_duplicate_key_tells_transactions_apart() {
        let others: [fn(&mut Trace); 8] = [
            |t| t.acquirer = Acquirer(1),
            |t| t.terminal = Text::new(b"TERM0002").unwrap(),
            |t| t.merchant = Text::new(b"MALL0002").unwrap(),
            |t| t.class = Class::Authorization,
            |t| t.stan = 124,
            |t| t.local_time = Some(113_001),
            |t| t.local_date = None,
            |t| t.rrn = Text::new(b"607411000124").unwrap(),
        ];
        for change in others {
            let mut other = trace();
            change(&mut other);
            assert_ne!(other.key(), trace().key(), "{other:?}");
        }
    }

    #[test]
    fn de_7_is_part_of_the_key_only_where_12_and_13_are_both_absent() {
        let moved = Trace {
            transmitted: Some(315_023_001),
            ..trace()
        };
        assert_eq!(moved.key(), trace().key());
        let bare = Trace {
            local_time: None,
            local_date: None,
            ..trace()
        };
        let bare_moved = Trace {
            transmitted: moved.transmitted,
            ..bare
        };
        assert_ne!(bare.key(), bare_moved.key());
    }

    #[test]
    fn the_second_key_needs_de_7_and_ignores_12_13_and_37() {
        let other = Trace {
            local_time: None,
            rrn: Text::default(),
            ..trace()
        };
        assert_eq!(other.second_key(), trace().second_key());
        let without = Trace {
            transmitted: None,
            ..trace()
        };
        assert_eq!(without.second_key(), None);
        assert_ne!(trace().second_key(), Some(trace().key()));
    }

    #[test]
    fn blanks_that_fill_a_fixed_field_do_not_count() {
        assert_eq!(Text::<15>::new(b"MALL    "), Text::<15>::new(b"MALL"));
        assert_eq!(Text::<8>::new(b"123456789"), None);
    }
}
