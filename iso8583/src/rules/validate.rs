//! A message judged by its dialect: values and presence together.

use crate::error::{EncodeError, EncodeErrorKind, Path};
use crate::message::Message;
use crate::rules::{Fault, FaultKind};
use crate::spec::Dialect;

impl Dialect {
    /// Everything that is wrong with a message before it is sent: each value the dialect cannot
    /// write, and what its rules say of the elements that are there or missing. By ascending data
    /// element, the message type first; none where nothing is wrong.
    ///
    /// ```
    /// use iso8583::{Dialect, Message, Mti};
    ///
    /// let mut echo = Message::new(Mti::NETWORK_REQUEST);
    /// echo.set(7, b"0315023000").set(70, b"3O1");
    /// let faults = Dialect::iso87_bcd().validate(&echo);
    /// let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
    /// assert_eq!(
    ///     faults,
    ///     ["DE 11: mandatory in 0800, missing", "DE 70: character 2 is not of class n"],
    /// );
    /// ```
    #[must_use]
    pub fn validate(&self, message: &Message) -> Vec<Fault> {
        let mut faults = self.unwritable(message);
        if let Some(rules) = self.rules() {
            faults.extend(rules.check(message));
        }
        // Stable: of one element, what is wrong with its value stands first.
        faults.sort_by_key(|fault| fault.path.data_element());
        faults
    }

    /// What the encoder says of a message, and of what is left of it without the element it
    /// stopped at, until it stops at none.
    fn unwritable(&self, message: &Message) -> Vec<Fault> {
        let mut rest = message.clone();
        let mut faults = Vec::new();
        while let Err(EncodeError { de, kind }) = self.encode_into(&rest, &mut []) {
            if matches!(kind, EncodeErrorKind::NoRoom { .. }) {
                break;
            }
            let as_a_whole = matches!(kind, EncodeErrorKind::TooLong { .. });
            faults.push(Fault {
                path: Path::Field(de),
                kind: FaultKind::Unwritable(kind),
            });
            // Every element was written: what is left of the message tells nothing more.
            if as_a_whole {
                break;
            }
            rest.remove(de);
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use crate::Mti;
    use crate::rules::{FieldRule, MtiRule, Rules};
    use crate::spec::{Class, Counting, Encoding, Field, Length, Prefix};

    use super::*;

    fn told(dialect: &Dialect, message: &Message) -> Vec<String> {
        let faults = dialect.validate(message);
        faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_value_that_cannot_be_written_is_told_with_what_the_rules_say() {
        let mut message = Message::new(Mti::NETWORK_REQUEST);
        message
            .set(7, b"031502300")
            .set(65, b"1")
            .set(70, b"3O1")
            .set(11, b"000001")
            .set(130, b"x");
        let dialect = Dialect::iso87_ascii().to_builder();
        let rules = [("-", 70), ("M", 11), ("M", 12)];
        let rules = rules.map(|(code, de)| FieldRule::parse(de, code, None).unwrap());
        let rules = vec![MtiRule::new("0800", rules.to_vec()).unwrap()];
        let dialect = dialect.rules(Rules::new("mine", rules).unwrap());
        assert_eq!(
            told(&dialect.build().unwrap(), &message),
            [
                "DE 7: expected 10 characters, found 9",
                "DE 12: mandatory in 0800, missing",
                "DE 65: the dialect has no such data element",
                "DE 70: character 2 is not of class n",
                "DE 70: not allowed in 0800, present",
                "DE 130: the dialect has no such data element",
            ]
        );
    }

    #[test]
    fn a_message_type_without_rules_is_told_before_its_elements() {
        let mut message = Message::new(Mti::literal(*b"1804"));
        message.set(3, b"1");
        assert_eq!(
            told(Dialect::iso87_bcd(), &message),
            [
                "MTI: there are no rules for 1804",
                "DE 3: expected 6 characters, found 1",
            ]
        );
        let of_1993 = ["DE 3: expected 6 characters, found 1"];
        assert_eq!(told(Dialect::iso93_ascii(), &message), of_1993);
    }

    #[test]
    fn a_message_that_is_too_long_as_a_whole_is_told_once() {
        let length = Length::up_to(40_000, Prefix::ascii(5, Counting::Bytes));
        let mut builder = Dialect::builder("long");
        let mut message = Message::new(Mti::NETWORK_REQUEST);
        for de in 2..6 {
            let field = Field::new("text", Class::Ans, Encoding::Ascii, length).unwrap();
            builder = builder.field(de, field);
            message.set(de, &[b'a'; 30_000]);
        }
        // 4 of MTI, 8 of bitmap, four values behind 5 digits of length.
        assert_eq!(
            told(&builder.build().unwrap(), &message),
            ["DE 5: the message takes 120032 bytes, more than 65535"]
        );
    }

    #[test]
    fn the_dialects_come_with_the_rules_of_their_edition_but_of_1993() {
        for dialect in Dialect::built_in() {
            let (name, rules) = (dialect.name(), dialect.rules().map(Rules::name));
            let expected = match name {
                "iso2003-ascii" | "iso2003-bcd" => Some("iso2003"),
                name => (!name.starts_with("iso93")).then_some("iso87"),
            };
            assert_eq!(rules, expected, "{name}");
            let without = dialect.to_builder().without_rules().build().unwrap();
            assert_eq!(without.rules(), None);
        }
    }
}
