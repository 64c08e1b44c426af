//! Messages for people: every field by name, nothing secret in clear.

mod hide;
mod masked;

use core::fmt;

use zeroize::Zeroizing;

use crate::composite::{Composite, DEPTH, Item};
use crate::element::Pan;
use crate::encoding::hex;
use crate::message::Message;
use crate::mti::Mti;
use crate::spec::{Class, Dialect, Visibility, element};
pub use hide::hidden_digits;
use hide::{Hex, Text};

impl Message {
    /// A masked dump, a line a field.
    #[must_use]
    pub const fn describe(&self) -> Description<'_> {
        Description {
            message: self,
            dialect: None,
        }
    }

    /// A masked dump with the names and the visibility a dialect gives, a line a subfield.
    ///
    /// Subfields are shown as far as their own [`Visibility`] says, tags of BER-TLV that the
    /// dialect does not know where EMV says that they are harmless. Of anything shown, digits that
    /// could be a card number are masked.
    #[must_use]
    pub const fn describe_in<'a>(&'a self, dialect: &'a Dialect) -> Description<'a> {
        Description {
            message: self,
            dialect: Some(dialect),
        }
    }
}

/// The masked dump of a message: see [`Message::describe`] and [`Message::describe_in`].
#[derive(Clone, Copy)]
pub struct Description<'a> {
    message: &'a Message,
    dialect: Option<&'a Dialect>,
}

impl fmt::Display for Description<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.message.mti())?;
        if let Some(tpdu) = self.message.header() {
            write!(f, " {tpdu:?}")?;
        }
        for (de, value) in self.message.fields() {
            match self.dialect {
                Some(dialect) => write_field(f, dialect, de, value)?,
                None => {
                    let name =
                        element(self.message.mti(), de).map_or("unknown", |element| element.name);
                    write!(
                        f,
                        "\n  DE {de:<3} {name:<36} {}",
                        Masked::element(self.message.mti(), de, value)
                    )?;
                }
            }
        }
        Ok(())
    }
}

fn write_field(f: &mut fmt::Formatter<'_>, dialect: &Dialect, de: u8, value: &[u8]) -> fmt::Result {
    let Some(field) = dialect.field(de) else {
        return write!(f, "\n  DE {de:<3} {:<36} ****", "unknown");
    };
    if let Some(content) = field.content() {
        write!(f, "\n  DE {de:<3} {}", field.name())?;
        return write_subfields(f, content, value, "", 1);
    }
    let value = Masked {
        visibility: field.visibility(),
        hex: field.class() == Class::B,
        value,
    };
    write!(f, "\n  DE {de:<3} {:<36} {value}", field.name())
}

fn write_subfields(
    f: &mut fmt::Formatter<'_>,
    content: &Composite,
    value: &[u8],
    above: &str,
    depth: usize,
) -> fmt::Result {
    for item in content.items(value) {
        match item {
            Ok(item) => write_item(f, &item, value, above, depth)?,
            Err(fault) => {
                let path = fault
                    .key
                    .map_or_else(String::new, |key| format!("{above}{key}"));
                write!(
                    f,
                    "\n    {path:<10} {:<30} {}",
                    "cannot be read", fault.kind
                )?;
            }
        }
    }
    Ok(())
}

fn write_item(
    f: &mut fmt::Formatter<'_>,
    item: &Item<'_>,
    value: &[u8],
    above: &str,
    depth: usize,
) -> fmt::Result {
    let path = format!("{above}{}", item.key);
    let name = item.name();
    match item.inner() {
        Some(inner) if depth < DEPTH => {
            write!(f, "\n    {path:<10} {name}")?;
            let written = item.with(value, |clear| {
                write_subfields(f, inner, clear, &format!("{path}."), depth + 1)
            });
            written.unwrap_or_else(|kind| write!(f, ": {kind}"))
        }
        _ => write!(f, "\n    {path:<10} {name:<30} {}", item.masked(value)),
    }
}

impl Item<'_> {
    /// What of an item of `value` may be seen: text, of bytes hex digits, `****` for what is
    /// secret, `empty`. Of anything shown, digits that could be a card number are masked.
    #[must_use]
    pub fn masked(&self, value: &[u8]) -> String {
        if self.content.is_empty() {
            return "empty".to_owned();
        }
        if self.inner().is_some() {
            return "****".to_owned();
        }
        let visibility = self.visibility();
        let written = self.with(value, |value| {
            // No field says how its digits are unpacked.
            let packed = self.field.is_none() && visibility == Visibility::Partly;
            let digits = packed.then(|| digits(value));
            Masked {
                visibility,
                hex: self.is_bytes(),
                value: digits.as_ref().map_or(value, |digits| digits.as_slice()),
            }
            .to_string()
        });
        written.unwrap_or_else(|kind| format!("**** ({kind})"))
    }
}

/// The digits of a number of class cn: left-justified, filled with F.
fn digits(packed: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut digits = Zeroizing::new(Vec::with_capacity(packed.len() * 2));
    hex::encode(packed, &mut digits);
    let filled = digits.iter().rev().take_while(|digit| **digit == b'F');
    let len = digits.len() - filled.count();
    digits.truncate(len);
    digits
}

impl fmt::Debug for Description<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Message({}", self.mti())?;
        for (de, value) in self.fields() {
            write!(f, " {de}={}", Masked::element(self.mti(), de, value))?;
        }
        f.write_str(")")
    }
}

/// The value of a data element of the standard, as far as it may be seen.
pub(crate) fn masked(mti: Mti, de: u8, value: &[u8]) -> String {
    Masked::element(mti, de, value).to_string()
}

/// A value as far as it may be seen.
struct Masked<'a> {
    visibility: Visibility,
    /// Is it shown in hex digits?
    hex: bool,
    value: &'a [u8],
}

impl<'a> Masked<'a> {
    /// The value of a data element of the standard.
    /// The MTI says of which version of the standard it is.
    fn element(mti: Mti, de: u8, value: &'a [u8]) -> Self {
        let element = element(mti, de);
        Self {
            visibility: element.map_or(Visibility::Never, |element| element.visibility),
            hex: element.is_some_and(|element| element.class == Class::B),
            value,
        }
    }
}

impl fmt::Display for Masked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.visibility {
            Visibility::Shown if self.hex => write!(f, "{}", Hex(self.value)),
            Visibility::Shown => write!(f, "{}", Text(self.value)),
            Visibility::Partly => match Pan::try_from(self.value) {
                Ok(pan) => write!(f, "{pan}"),
                Err(_) => f.write_str("****"),
            },
            Visibility::Never => f.write_str("****"),
        }
    }
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;

    use super::*;

    /// DE 22 of 2003 is bytes that may be seen.
    #[test]
    fn a_card_number_in_bytes_that_may_be_seen_is_hidden() {
        let mut message = Message::new("2200".parse().unwrap());
        message.set(22, &hex!("9999990100000005 AAAAAAAAAAAAAAAA"));
        let shown = "999999******0005AAAAAAAAAAAAAAAA";
        let printed = format!("{message:?} {}", message.describe());
        assert_eq!(printed.matches(shown).count(), 2, "{printed}");
    }

    #[test]
    fn what_is_secret_in_the_version_of_the_message_is_hidden() {
        let shows = |mti: &str, de| {
            let mut message = Message::new(mti.parse().unwrap());
            message.set(de, b"410");
            format!("{message:?}").contains("410")
        };
        assert!(shows("0100", 49), "currency");
        assert!(shows("1100", 49), "currency");
        assert!(!shows("2100", 49), "verification data: CVV2, address");
        assert!(shows("0800", 72), "message number");
        assert!(!shows("1304", 72), "data record");
    }

    #[test]
    fn a_dump_names_fields_and_shows_no_secret() {
        let mut message = Message::new(Mti::FINANCIAL_REQUEST);
        message
            .set(2, b"9999990100000005")
            .set(4, b"000000015000")
            .set(14, b"3012")
            .set(35, b"9999990100000005=30121010000000000000")
            .set(43, b"TOYLAND\x1b[2J")
            .set(52, b"\xDE\xF2\x47\xF8\x2B\x55\xA3\x58");
        insta::assert_snapshot!(message.describe(), @r"
        0200
          DE 2   primary account number               999999******0005
          DE 4   amount, transaction                  000000015000
          DE 14  date, expiration                     ****
          DE 35  track 2 data                         ****
          DE 43  card acceptor name/location          TOYLAND\u{1b}[2J
          DE 52  PIN data                             ****
        ");
        assert!(!format!("{message:?}").contains("99999901"));
    }

    #[test]
    fn a_card_number_is_masked_in_whatever_field_it_stands() {
        let mut message = Message::new(Mti::FINANCIAL_REQUEST);
        message.set(43, b"9999 9901 0000 0005");
        let shown = message.describe().to_string();
        assert!(shown.ends_with(" 9999 99** **** 0005"), "{shown}");
        assert!(format!("{message:?}").contains("43=9999 99** **** 0005"));
    }

    #[test]
    fn a_dump_in_a_dialect_has_a_line_a_subfield() {
        let mut message = Message::new(Mti::FINANCIAL_REQUEST);
        message.set(2, b"9999990100000005").set(4, b"000000015000");
        message.set(
            55,
            &hex!("9F0206000000015000 5A089999990100000005 9F3400 DF0101AA 72 04 8602BBBB 9F10"),
        );
        insta::assert_snapshot!(message.describe_in(Dialect::iso87_bcd()), @r"
        0200
          DE 2   primary account number               999999******0005
          DE 4   amount, transaction                  000000015000
          DE 55  ICC data
            9F02       amount, authorised (numeric)   000000015000
            5A         application primary account number 999999******0005
            9F34       cardholder verification method results empty
            DF01       unknown                        ****
            72         issuer script template 2
            72.86      issuer script command          ****
            9F10       cannot be read                 expected 1 byte, found 0
        ");
    }
}
