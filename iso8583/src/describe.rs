//! Messages for people: every field by name, nothing secret in clear.

use core::fmt;

use crate::element::Pan;
use crate::message::Message;
use crate::mti::Mti;
use crate::spec::{Visibility, element};

impl Message {
    /// A masked dump, a line a field.
    #[must_use]
    pub const fn describe(&self) -> Description<'_> {
        Description(self)
    }
}

/// The masked dump of a message: see [`Message::describe`].
#[derive(Clone, Copy)]
pub struct Description<'a>(&'a Message);

impl fmt::Display for Description<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mti = self.0.mti();
        write!(f, "{mti}")?;
        if let Some(tpdu) = self.0.header() {
            write!(f, " {tpdu:?}")?;
        }
        for (de, value) in self.0.fields() {
            let name = element(mti, de).map_or("unknown", |element| element.name);
            write!(f, "\n  DE {de:<3} {name:<36} {}", Masked { mti, de, value })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Description<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mti = self.mti();
        write!(f, "Message({mti}")?;
        for (de, value) in self.fields() {
            write!(f, " {de}={}", Masked { mti, de, value })?;
        }
        f.write_str(")")
    }
}

/// A value as far as it may be seen.
struct Masked<'a> {
    /// Says which version of the standard the element is of.
    mti: Mti,
    de: u8,
    value: &'a [u8],
}

impl fmt::Display for Masked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match element(self.mti, self.de).map(|element| element.visibility) {
            Some(Visibility::Shown) => self
                .value
                .iter()
                .try_for_each(|byte| write!(f, "{}", char::from(*byte).escape_default())),
            Some(Visibility::Partly) => match Pan::try_from(self.value) {
                Ok(pan) => write!(f, "{pan}"),
                Err(_) => f.write_str("****"),
            },
            Some(Visibility::Never) | None => f.write_str("****"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
