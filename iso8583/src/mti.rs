//! Message type indicator: version, class, function, origin (ISO 8583:1987).

use core::fmt;

use crate::error::InvalidElement;

/// Four digits that say what a message is (ISO 8583:1987, message type identifier).
///
/// ```
/// use iso8583::Mti;
///
/// let repeat: Mti = "0421".parse()?;
/// assert!(repeat.is_repeat());
/// assert_eq!(repeat.response(), Some("0430".parse()?));
/// # Ok::<(), iso8583::InvalidElement>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mti([u8; 4]);

impl Mti {
    /// 0100, authorization request.
    pub const AUTHORIZATION_REQUEST: Self = Self(*b"0100");
    /// 0200, financial request.
    pub const FINANCIAL_REQUEST: Self = Self(*b"0200");
    /// 0220, financial advice.
    pub const FINANCIAL_ADVICE: Self = Self(*b"0220");
    /// 0400, reversal request.
    pub const REVERSAL_REQUEST: Self = Self(*b"0400");
    /// 0420, reversal advice.
    pub const REVERSAL_ADVICE: Self = Self(*b"0420");
    /// 0800, network management request.
    pub const NETWORK_REQUEST: Self = Self(*b"0800");

    /// A message type for a constant.
    ///
    /// # Panics
    /// Where it is not four digits: when the program is compiled, if it is in a `const`.
    #[must_use]
    pub const fn literal(digits: [u8; 4]) -> Self {
        assert!(
            matches!(digits, [b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b'0'..=b'9']),
            "an MTI is four digits"
        );
        Self(digits)
    }

    /// None where they are no digits.
    pub(crate) fn of(digits: [u8; 4]) -> Option<Self> {
        digits
            .iter()
            .all(u8::is_ascii_digit)
            .then_some(Self(digits))
    }

    /// The digits as they stand in an ASCII message.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 4] {
        &self.0
    }

    /// Position 2: what family of messages this belongs to.
    #[must_use]
    pub const fn class(self) -> Class {
        match self.0[1] {
            b'1' => Class::Authorization,
            b'2' => Class::Financial,
            b'3' => Class::FileAction,
            b'4' => Class::Reversal,
            b'5' => Class::Reconciliation,
            b'6' => Class::Administrative,
            b'7' => Class::FeeCollection,
            b'8' => Class::NetworkManagement,
            _ => Class::Reserved,
        }
    }

    /// Position 2 as its wire digit: part of the duplicate key.
    #[must_use]
    pub const fn class_digit(self) -> u8 {
        self.0[1]
    }

    /// Position 3 is even: something is asked or told, and this is not the answer to it.
    #[must_use]
    pub const fn is_request(self) -> bool {
        matches!(self.0[2], b'0' | b'2' | b'4')
    }

    /// Position 3 is 2: tells of a thing already done, and may not be refused for business reasons.
    #[must_use]
    pub const fn is_advice(self) -> bool {
        self.0[2] == b'2'
    }

    /// Position 3 is 1, 3 or 5: answers something.
    #[must_use]
    pub const fn is_response(self) -> bool {
        matches!(self.0[2], b'1' | b'3' | b'5')
    }

    /// Position 4 is 1, 3 or 5: sent before, perhaps.
    #[must_use]
    pub const fn is_repeat(self) -> bool {
        matches!(self.0[3], b'1' | b'3' | b'5')
    }

    /// The answer's MTI: 0200 → 0210, 0421 → 0430. None where no answer is due (answers,
    /// notifications and what 1987 reserves).
    #[must_use]
    pub const fn response(self) -> Option<Self> {
        let [version, class, function, origin] = self.0;
        let function = match function {
            b'0' => b'1',
            b'2' => b'3',
            _ => return None,
        };
        let origin = match origin {
            b'1' => b'0',
            b'3' => b'2',
            b'5' => b'4',
            other => other,
        };
        Some(Self([version, class, function, origin]))
    }

    /// The same message sent again: 0420 → 0421. A repeat stays what it is.
    #[must_use]
    pub const fn repeat(self) -> Self {
        let [version, class, function, origin] = self.0;
        let origin = match origin {
            b'0' => b'1',
            b'2' => b'3',
            b'4' => b'5',
            other => other,
        };
        Self([version, class, function, origin])
    }
}

impl TryFrom<&[u8]> for Mti {
    type Error = InvalidElement;

    fn try_from(digits: &[u8]) -> Result<Self, InvalidElement> {
        let digits = digits.as_array().and_then(|digits| Self::of(*digits));
        digits.ok_or_else(|| InvalidElement::new("MTI", "4 digits"))
    }
}

impl core::str::FromStr for Mti {
    type Err = InvalidElement;

    fn from_str(text: &str) -> Result<Self, InvalidElement> {
        Self::try_from(text.as_bytes())
    }
}

impl fmt::Display for Mti {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|digit| write!(f, "{}", char::from(*digit)))
    }
}

impl fmt::Debug for Mti {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mti({self})")
    }
}

/// The family of a message: position 2 of the MTI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// x1xx: may this be spent? Holds, inquiries.
    Authorization,
    /// x2xx: move the money now.
    Financial,
    /// x3xx: change a file of the other side.
    FileAction,
    /// x4xx: undo.
    Reversal,
    /// x5xx: compare totals.
    Reconciliation,
    /// x6xx: text, rejects.
    Administrative,
    /// x7xx: fees.
    FeeCollection,
    /// x8xx: sign-on, echo, keys.
    NetworkManagement,
    /// x0xx and x9xx.
    Reserved,
}

/// Which edition of the standard a message follows; elements mean other things in each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edition {
    /// Also for national and private versions, which are built on it.
    Iso1987,
    Iso1993,
    Iso2003,
}

impl Mti {
    /// The edition that the version digit says.
    pub(crate) const fn edition(self) -> Edition {
        match self.0 {
            [b'1', ..] => Edition::Iso1993,
            [b'2', ..] => Edition::Iso2003,
            _ => Edition::Iso1987,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_to_a_repeat_is_the_answer_to_its_first() {
        for (request, response) in [
            ("0100", Some("0110")),
            ("0101", Some("0110")),
            ("0200", Some("0210")),
            ("0220", Some("0230")),
            ("0400", Some("0410")),
            ("0421", Some("0430")),
            ("0422", Some("0432")),
            ("0423", Some("0432")),
            ("0800", Some("0810")),
            ("0210", None),
            ("0240", None),
        ] {
            let request: Mti = request.parse().unwrap();
            let response = response.map(|mti| mti.parse().unwrap());
            assert_eq!(request.response(), response, "{request}");
        }
    }

    #[test]
    fn a_repeat_of_a_repeat_is_itself() {
        let advice: Mti = "0420".parse().unwrap();
        assert_eq!(advice.repeat().to_string(), "0421");
        assert_eq!(advice.repeat().repeat().to_string(), "0421");
    }

    #[test]
    fn err_not_four_digits() {
        for text in ["", "020", "02000", "02A0", "０２００"] {
            let error = text.parse::<Mti>().unwrap_err();
            assert_eq!(error.to_string(), "MTI is not 4 digits");
        }
    }
}
