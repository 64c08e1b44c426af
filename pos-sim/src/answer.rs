//! Is an answer the answer to what was sent?

use iso8583::element::{Pan, ResponseCode};
use iso8583::frame::Tpdu;
use iso8583::{Message, Mti};
use thiserror::Error;

/// Elements that an answer repeats exactly as they were sent, where it repeats them.
const REPEATED: [u8; 13] = [2, 4, 7, 11, 12, 13, 32, 37, 41, 42, 49, 70, 90];

/// What an answer cannot do without: nothing else tells whose answer it is.
const MATCHED: [u8; 2] = [7, 11];

/// The response code of an answer that fits its request.
///
/// # Errors
/// What does not fit. Such an answer counts as none: nobody knows what it approves.
pub(crate) fn check(request: &Message, answer: &Message) -> Result<ResponseCode, Mismatch> {
    if request.mti().response() != Some(answer.mti()) {
        return Err(Mismatch::Type {
            sent: request.mti(),
            received: answer.mti(),
        });
    }
    let expected = request.header().map(Tpdu::swapped);
    if answer.header() != expected {
        return Err(Mismatch::Tpdu {
            expected: tpdu_text(expected),
            received: tpdu_text(answer.header()),
        });
    }
    for de in MATCHED {
        if !answer.has(de) {
            return Err(Mismatch::Missing { de });
        }
    }
    for de in REPEATED {
        compare(de, request.field(de), answer.field(de))?;
    }
    compare(3, first_two(request), first_two(answer))?;
    answer
        .field(39)
        .and_then(|code| ResponseCode::try_from(code).ok())
        .ok_or_else(|| Mismatch::NoResponseCode {
            received: answer.mti(),
        })
}

/// Account types (DE 3, positions 3 to 6) are the issuer's to fill in.
fn first_two(message: &Message) -> Option<&[u8]> {
    message.field(3).and_then(|code| code.get(..2))
}

fn compare(de: u8, sent: Option<&[u8]>, received: Option<&[u8]>) -> Result<(), Mismatch> {
    match (sent, received) {
        (Some(sent), Some(received)) if sent != received => Err(Mismatch::Element {
            de,
            sent: shown(de, sent),
            received: shown(de, received),
        }),
        _ => Ok(()),
    }
}

fn shown(de: u8, value: &[u8]) -> String {
    if de == 2 {
        return Pan::try_from(value).map_or_else(|_| "****".to_owned(), |pan| pan.to_string());
    }
    value.escape_ascii().to_string()
}

fn tpdu_text(tpdu: Option<Tpdu>) -> String {
    tpdu.map_or_else(
        || "none".to_owned(),
        |tpdu| {
            let hex = tpdu.as_bytes().iter().map(|byte| format!("{byte:02X}"));
            hex.collect()
        },
    )
}

/// What of an answer does not fit its request.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Mismatch {
    /// Another type than the request's answer has.
    #[error("a {received} came as the answer to a {sent}")]
    Type {
        /// The request's.
        sent: Mti,
        /// The answer's.
        received: Mti,
    },
    /// Not addressed to this terminal: an answer swaps destination and source.
    #[error("the answer's TPDU is {received}, and not {expected}, the request's swapped")]
    Tpdu {
        /// The request's, swapped.
        expected: String,
        /// The answer's.
        received: String,
    },
    /// It does not say which request it answers.
    #[error("the answer has no DE {de}")]
    Missing {
        /// Which element.
        de: u8,
    },
    /// A repeated element has another value.
    #[error("DE {de} of the answer is {received}, but {sent} was sent")]
    Element {
        /// Which.
        de: u8,
        /// Its value in the request, masked.
        sent: String,
        /// Its value in the answer, masked.
        received: String,
    },
    /// It says neither yes nor no.
    #[error("the {received} has no DE 39 of 2 letters or digits")]
    NoResponseCode {
        /// The answer's type.
        received: Mti,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (Message, Message) {
        let mut request = Message::new(Mti::FINANCIAL_REQUEST);
        request
            .set(2, b"9999990100000005")
            .set(3, b"000000")
            .set(4, b"000000015000")
            .set(7, b"0315023015")
            .set(11, b"000123")
            .set(41, b"TERM0001");
        request.set_header(Some(Tpdu::new([0x60, 0x00, 0x03, 0x00, 0x00])));
        let answer = request.response(ResponseCode::APPROVED).unwrap();
        (request, answer)
    }

    #[test]
    fn an_answer_that_fits_gives_its_code() {
        let (request, mut answer) = pair();
        assert_eq!(check(&request, &answer), Ok(ResponseCode::APPROVED));
        // Optional elements may be left out, account types filled in.
        answer.remove(2).set(3, b"006000").set(32, b"450001");
        assert_eq!(check(&request, &answer), Ok(ResponseCode::APPROVED));
    }

    #[test]
    fn what_differs_is_named_and_the_card_number_masked() {
        let (request, answer) = pair();
        type Break = fn(&mut Message);
        let broken: [(Break, &str); 7] = [
            (
                |answer| answer.set_mti("0110".parse().unwrap()),
                "a 0110 came as the answer to a 0200",
            ),
            (
                |answer| answer.set_header(Some(Tpdu::new([0x60, 0x00, 0x03, 0x00, 0x00]))),
                "the answer's TPDU is 6000030000, and not 6000000003, the request's swapped",
            ),
            (
                |answer| _ = answer.set(4, b"000000001000"),
                "DE 4 of the answer is 000000001000, but 000000015000 was sent",
            ),
            (
                |answer| _ = answer.set(2, b"4111111111111111"),
                "DE 2 of the answer is 411111******1111, but 999999******0005 was sent",
            ),
            (
                |answer| _ = answer.set(3, b"200000"),
                "DE 3 of the answer is 20, but 00 was sent",
            ),
            (|answer| _ = answer.remove(11), "the answer has no DE 11"),
            (
                |answer| _ = answer.remove(39),
                "the 0210 has no DE 39 of 2 letters or digits",
            ),
        ];
        for (break_it, words) in broken {
            let mut answer = answer.clone();
            break_it(&mut answer);
            assert_eq!(check(&request, &answer).unwrap_err().to_string(), words);
        }
    }
}
