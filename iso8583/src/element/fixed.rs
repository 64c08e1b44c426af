//! Elements of a fixed number of characters that are compared, carried and echoed, not reckoned
//! with: DE 18, 25, 37, 38, 41 to 43 and 70.

use crate::element::all_digits;
use crate::spec::Class;

/// Types of so many characters that pass a check; nothing of them is secret.
macro_rules! fixed {
    ($(
        $(#[$doc:meta])*
        $name:ident: $length:literal $valid:ident, $element:literal, $words:literal;
    )*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
            pub struct $name([u8; $length]);

            impl $name {
                /// The characters as they stand in the element.
                #[must_use]
                pub const fn as_bytes(&self) -> &[u8; $length] {
                    &self.0
                }
            }

            impl TryFrom<&[u8]> for $name {
                type Error = $crate::InvalidElement;

                fn try_from(value: &[u8]) -> Result<Self, $crate::InvalidElement> {
                    match <[u8; $length]>::try_from(value) {
                        Ok(value) if $valid(&value) => Ok(Self(value)),
                        Ok(_) | Err(_) => Err($crate::InvalidElement::new($element, $words)),
                    }
                }
            }

            impl core::str::FromStr for $name {
                type Err = $crate::InvalidElement;

                fn from_str(text: &str) -> Result<Self, $crate::InvalidElement> {
                    Self::try_from(text.as_bytes())
                }
            }

            impl core::fmt::Display for $name {
                fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                    write!(f, "{}", self.0.escape_ascii())
                }
            }

            impl core::fmt::Debug for $name {
                fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                    write!(f, concat!(stringify!($name), "({})"), self)
                }
            }
        )*
    };
}

pub(super) use fixed;

fixed! {
    /// What the merchant sells: four digits of ISO 18245 (ISO 8583:1987 DE 18, merchant type).
    MerchantType: 4 all_digits, "merchant type", "4 digits";
    /// Who is there at the point of service: two digits (ISO 8583:1987 DE 25).
    PosCondition: 2 all_digits, "POS condition code", "2 digits";
    /// Retrieval reference number: twelve letters or digits that a transaction keeps for life
    /// (ISO 8583:1987 DE 37).
    Rrn: 12 letters_or_digits, "RRN", "12 letters or digits";
    /// The issuer's word for its approval: six letters or digits (ISO 8583:1987 DE 38,
    /// authorization identification response).
    ApprovalCode: 6 letters_or_digits, "approval code", "6 letters or digits";
    /// The terminal at its merchant: eight characters, filled with blanks on the right
    /// (ISO 8583:1987 DE 41).
    TerminalId: 8 printable, "terminal id", "8 characters";
    /// The merchant: fifteen characters, filled with blanks on the right (ISO 8583:1987 DE 42,
    /// card acceptor identification code).
    MerchantId: 15 printable, "merchant id", "15 characters";
    /// Name, city and country of the merchant: forty characters (ISO 8583:1987 DE 43).
    MerchantLocation: 40 printable, "merchant name and location", "40 characters";
    /// What a network management message is about: three digits (ISO 8583:1987 DE 70).
    NetworkCode: 3 all_digits, "network management code", "3 digits";
}

impl PosCondition {
    /// 00: card and customer are there.
    pub const NORMAL: Self = Self(*b"00");
    /// 59: electronic commerce.
    pub const ECOMMERCE: Self = Self(*b"59");
}

impl NetworkCode {
    /// 001: sign-on.
    pub const SIGN_ON: Self = Self(*b"001");
    /// 002: sign-off.
    pub const SIGN_OFF: Self = Self(*b"002");
    /// 301: echo test.
    pub const ECHO: Self = Self(*b"301");
}

fn letters_or_digits(value: &[u8]) -> bool {
    Class::An.first_foreign(value).is_none()
}

fn printable(value: &[u8]) -> bool {
    Class::Ans.first_foreign(value).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::InvalidElement;

    #[test]
    fn ok_as_long_as_the_element_and_of_its_class() {
        let merchant: MerchantId = "MERCHANT0000001".parse().unwrap();
        assert_eq!(merchant.as_bytes(), b"MERCHANT0000001");
        assert_eq!(format!("{merchant:?}"), "MerchantId(MERCHANT0000001)");
        assert_eq!(
            "A12345".parse::<ApprovalCode>().unwrap().to_string(),
            "A12345"
        );
        assert_eq!("301".parse(), Ok(NetworkCode::ECHO));
    }

    #[test]
    fn err_another_length_or_class() {
        let error = |element: Result<(), InvalidElement>| element.unwrap_err().to_string();
        for text in ["594", "59455", "594A", "５９"] {
            let parsed = text.parse::<MerchantType>().map(drop);
            assert_eq!(error(parsed), "merchant type is not 4 digits");
        }
        let rrn = "60741100012-".parse::<Rrn>().map(drop);
        assert_eq!(error(rrn), "RRN is not 12 letters or digits");
        let terminal = "TERM\x1b[2J".parse::<TerminalId>().map(drop);
        assert_eq!(error(terminal), "terminal id is not 8 characters");
    }

    #[test]
    fn national_text_is_printed_as_bytes_never_as_controls() {
        let terminal = TerminalId::try_from(&b"\xbc\xad\xbf\xef    "[..]).unwrap();
        assert_eq!(terminal.to_string(), r"\xbc\xad\xbf\xef    ");
    }
}
