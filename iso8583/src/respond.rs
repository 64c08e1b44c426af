//! The answer to a request: what it repeats of it.

use crate::element::{PrivateData, ResponseCode};
use crate::message::Message;
use crate::mti::Class;

/// Repeated in answers about money: domain rule "echo exactly as received". DE 48 is repeated in
/// part, DE 90 and 95 in reversals and advices.
const MONEY: [u8; 14] = [2, 3, 4, 7, 11, 12, 13, 15, 32, 33, 37, 41, 42, 49];
const MONEY_ABOUT_AN_ORIGINAL: [u8; 2] = [90, 95];
/// Repeated in answers of the network: 0810, 0510, 0530 and their like.
const NETWORK: [u8; 9] = [7, 11, 15, 32, 33, 50, 70, 99, 100];

impl Message {
    /// The answer to this message with a response code: MTI of the answer, TPDU swapped, DE 39
    /// set, and the elements that an answer repeats exactly as received, never DE 14, 22, 25, 35,
    /// 36, 45, 52, 53 or 55. None where the message is none that is answered.
    #[must_use]
    pub fn response(&self, code: ResponseCode) -> Option<Self> {
        let mut answer = Self::new(self.mti().response()?);
        answer.set_header(self.header().map(crate::frame::Tpdu::swapped));
        let about_money = matches!(
            self.mti().class(),
            Class::Authorization | Class::Financial | Class::Reversal
        );
        let echoed = if about_money {
            &MONEY[..]
        } else {
            &NETWORK[..]
        };
        for de in echoed {
            answer.copy(*de, self);
        }
        if about_money {
            if self.mti().is_advice() || self.mti().class() == Class::Reversal {
                for de in MONEY_ABOUT_AN_ORIGINAL {
                    answer.copy(de, self);
                }
            }
            if let Some(echo) = self
                .field(48)
                .and_then(|value| PrivateData::parse(value).ok()?.echo())
            {
                answer.set(48, &echo);
            }
        }
        answer.set(39, code.as_bytes());
        Some(answer)
    }

    /// The answer to a message with something missing or wrong: 30, and DE 44 names the element
    /// in three digits where there is one to name.
    #[must_use]
    pub fn format_error(&self, de: Option<u8>) -> Option<Self> {
        let mut answer = self.response(ResponseCode::FORMAT_ERROR)?;
        if let Some(de) = de {
            answer.set(44, format!("{de:03}").as_bytes());
        }
        Some(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Tpdu;
    use crate::mti::Mti;

    #[test]
    fn an_answer_repeats_what_it_must_and_no_secret() {
        let mut request = Message::new(Mti::FINANCIAL_REQUEST);
        for (de, value) in [
            (2, &b"9999990100000005"[..]),
            (3, b"000000"),
            (4, b"000000015000"),
            (7, b"0315023015"),
            (11, b"000123"),
            (14, b"3012"),
            (22, b"021"),
            (25, b"00"),
            (32, b"450001"),
            (35, b"9999990100000005=3012101"),
            (48, b"01001A05003123"),
            (52, b"\x00\x01\x02\x03\x04\x05\x06\x07"),
            (90, b"020000012303150230150000045000100000000000"),
        ] {
            request.set(de, value);
        }
        request.set_header(Some(Tpdu::new([0x60, 0, 3, 0, 0])));
        let answer = request.response(ResponseCode::APPROVED).unwrap();
        let fields: Vec<u8> = answer.present().iter().collect();
        assert_eq!(fields, [2, 3, 4, 7, 11, 32, 39, 48]);
        assert_eq!(
            (answer.mti().to_string().as_str(), answer.text(48)),
            ("0210", Some("01001A"))
        );
        assert_eq!(answer.header(), Some(Tpdu::new([0x60, 0, 0, 0, 3])));
    }

    #[test]
    fn an_answer_is_not_answered() {
        let answer = Message::new("0210".parse().unwrap());
        assert!(answer.response(ResponseCode::APPROVED).is_none());
    }

    #[test]
    fn a_format_error_names_the_element() {
        let request = Message::new(Mti::FINANCIAL_REQUEST);
        let answer = request.format_error(Some(52)).unwrap();
        assert_eq!(
            (answer.text(39), answer.text(44)),
            (Some("30"), Some("052"))
        );
    }
}
