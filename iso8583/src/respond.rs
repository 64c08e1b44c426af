//! The answer to a request: what it repeats of it.

use crate::element::{ActionCode, PrivateData, ResponseCode};
use crate::message::Message;
use crate::mti::{Edition, Mti};
use crate::rules;

impl Message {
    /// The answer to this message with a response code: MTI of the answer, TPDU swapped, DE 39
    /// set, and what an answer of the message's edition repeats, exactly as received; never DE 14,
    /// 22, 25, 35, 36, 45, 52, 53 or 55. None where the message is none that is answered.
    ///
    /// In 1987 that is what [`Rules::iso87`] says, DE 48 in part. In 1993 and 2003 it is DE 7, 11
    /// and 12 and, where the message moves money, card, amount, terminal and merchant (the echo
    /// rule of `domain.md` §2.1; jPOS Common Message Format), and DE 39 is the action code of the
    /// same meaning: 51 is 116 in 1993 and 1016 in 2003, 00 in a 1430 is 400. One who has a closer
    /// action code sets DE 39 of the answer to it. A message that says 1993 or 2003 and has the
    /// DE 12 of 1987, six digits, is answered as in 1987.
    ///
    /// ```
    /// use iso8583::{Message, element::ResponseCode};
    ///
    /// let mut request = Message::new("1200".parse()?);
    /// request.set(11, b"000123").set(24, b"200");
    /// let answer = request.response(ResponseCode::INSUFFICIENT_FUNDS).expect("a request");
    /// assert_eq!((answer.text(11), answer.text(24)), (Some("000123"), None));
    /// assert_eq!(answer.text(39), Some("116"));
    /// # Ok::<(), iso8583::InvalidElement>(())
    /// ```
    ///
    /// [`Rules::iso87`]: crate::rules::Rules::iso87
    #[must_use]
    pub fn response(&self, code: ResponseCode) -> Option<Self> {
        let mut answer = Self::new(self.mti().response()?);
        answer.set_header(self.header().map(crate::frame::Tpdu::swapped));
        let table = self.table();
        let mut repeated = rules::repeated(table);
        repeated.insert(39);
        let action = ActionCode::of(code, table);
        // Ascending, so that each value goes behind the one before.
        for de in repeated.iter() {
            match (de, self.field(de)) {
                (39, _) => match &action {
                    Some(action) => answer.set(39, action.as_bytes()),
                    None => answer.set(39, code.as_bytes()),
                },
                (48, Some(private)) => answer.repeat_private(private),
                (_, Some(value)) => answer.set(de, value),
                (_, None) => &mut answer,
            };
        }
        Some(answer)
    }

    /// The message type, of 1987 where the elements are: a peer may say 1200 and speak the table of
    /// 1987, and is answered in that. DE 12 tells, which no message about money lacks: six digits
    /// are a time without a date.
    fn table(&self) -> Mti {
        let [_, class, function, origin] = *self.mti().as_bytes();
        match self.field(12) {
            Some([_, _, _, _, _, _]) => Mti::literal([b'0', class, function, origin]),
            Some(_) | None => self.mti(),
        }
    }

    /// Sets DE 48 to the tags of a request's that an answer repeats; another layout is left out,
    /// for it may hold what must not go back.
    fn repeat_private(&mut self, private: &[u8]) -> &mut Self {
        match PrivateData::echo_of(private) {
            Some(echo) => self.set(48, &echo),
            None => self,
        }
    }

    /// The answer to a message with something missing or wrong: 30, and DE 44 names the element
    /// in three digits where there is one to name; not in 2003, where DE 44 is of data sets.
    #[must_use]
    pub fn format_error(&self, de: Option<u8>) -> Option<Self> {
        let mut answer = self.response(ResponseCode::FORMAT_ERROR)?;
        if let Some(de) = de
            && self.table().edition() != Edition::Iso2003
        {
            answer.set(44, format!("{de:03}").as_bytes());
        }
        Some(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Tpdu;

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
    fn an_answer_to_a_reversal_says_again_which_original_and_which_approval_it_is_about() {
        let mut advice = Message::new(Mti::REVERSAL_ADVICE);
        for de in [2, 6, 10, 14, 22, 38, 39, 48, 51, 55, 90, 95, 100] {
            advice.set(de, b"00");
        }
        let answer = advice.response(ResponseCode::APPROVED).unwrap();
        let fields: Vec<u8> = answer.present().iter().collect();
        // A DE 48 of another layout stays out, for nobody knows what is in it.
        assert_eq!(fields, [2, 6, 10, 38, 39, 51, 90, 95, 100]);
    }

    #[test]
    fn an_answer_about_totals_or_of_the_network_repeats_who_asked_and_when() {
        for (mti, expected) in [
            ("0520", &[7, 11, 15, 32, 33, 39, 50, 99, 100][..]),
            ("0620", &[7, 11, 32, 33, 39, 100]),
            ("0800", &[7, 11, 32, 33, 39, 70]),
            ("0320", &[2, 3, 4, 7, 11, 32, 33, 37, 39, 100]),
        ] {
            let mut request = Message::new(mti.parse().unwrap());
            for de in [
                2, 3, 4, 7, 11, 15, 32, 33, 37, 48, 50, 60, 70, 74, 90, 99, 100,
            ] {
                request.set(de, b"00");
            }
            let answer = request.response(ResponseCode::APPROVED).unwrap();
            let fields: Vec<u8> = answer.present().iter().collect();
            assert_eq!(fields, expected, "{mti}");
        }
    }

    #[test]
    fn an_answer_is_not_answered() {
        let answer = Message::new("0210".parse().unwrap());
        assert!(answer.response(ResponseCode::APPROVED).is_none());
    }

    #[test]
    fn a_message_that_says_1993_in_elements_of_1987_is_answered_in_those() {
        let mut request = Message::new("1200".parse().unwrap());
        request.set(12, b"113015").set(13, b"0315");
        let answer = request.response(ResponseCode::INVALID_TRANSACTION).unwrap();
        assert_eq!(answer.mti().to_string(), "1210");
        assert_eq!(
            (answer.text(13), answer.text(39)),
            (Some("0315"), Some("12"))
        );
        request.set(12, b"260315113015");
        let answer = request.response(ResponseCode::INVALID_TRANSACTION).unwrap();
        assert_eq!((answer.text(13), answer.text(39)), (None, Some("902")));
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
