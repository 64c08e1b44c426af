//! DE 39 from 1993 on: what became of a request.

use core::fmt;

use crate::element::ResponseCode;
use crate::mti::{Class, Edition, Mti};

/// An action code: three digits in 1993, four in 2003 (ISO 8583:1993 and 2003 DE 39).
///
/// The codes are those of `domain.md` §3 (RC93: the public list of SAP's point of sale, taken from
/// the standard); their form in 2003 is that of the jPOS Common Message Format (`org.jpos.rc.CMF`).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct ActionCode {
    digits: [u8; 4],
    len: usize,
}

impl ActionCode {
    /// What a response code of 1987 is in answers to a message; None for messages of 1987.
    pub(crate) fn of(code: ResponseCode, request: Mti) -> Option<Self> {
        let action = match *code.as_bytes() {
            [b'0', b'0'] => accepted(request.class()),
            [b'2', b'5'] if request.class() == Class::FileAction => b"302",
            code => action(code),
        };
        match request.edition() {
            Edition::Iso1987 => None,
            Edition::Iso1993 => {
                let [class, tens, ones] = *action;
                Some(Self {
                    digits: [class, tens, ones, b' '],
                    len: 3,
                })
            }
            Edition::Iso2003 => Some(Self {
                digits: of_2003(*action),
                len: 4,
            }),
        }
    }

    /// The digits of DE 39.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.digits.get(..self.len).unwrap_or_default()
    }
}

impl fmt::Debug for ActionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ActionCode({})", self.as_bytes().escape_ascii())
    }
}

/// What stands for 00 in each class. Advices are answered with 000 as requests are: whether the
/// issuer takes the liability (900 or 901) is not said by 00.
const fn accepted(class: Class) -> &'static [u8; 3] {
    match class {
        Class::Authorization | Class::Financial | Class::Reserved => b"000",
        Class::FileAction => b"300",
        Class::Reversal => b"400",
        Class::Reconciliation => b"500",
        Class::Administrative => b"600",
        Class::FeeCollection => b"700",
        Class::NetworkManagement => b"800",
    }
}

/// The action code of the same name, or of the nearest meaning; codes of the peer's own decline.
const fn action(code: [u8; 2]) -> &'static [u8; 3] {
    match &code {
        b"01" => b"107",
        b"02" => b"108",
        b"03" => b"109",
        b"04" => b"200",
        b"07" => b"207",
        b"08" => b"001",
        b"09" => b"923",
        b"10" => b"002",
        b"11" => b"003",
        b"12" => b"902",
        b"13" | b"64" => b"110",
        b"14" => b"111",
        b"15" | b"31" | b"92" => b"908",
        b"16" => b"004",
        b"19" => b"903",
        b"23" => b"113",
        b"24" => b"301",
        b"25" => b"914",
        b"26" => b"303",
        b"27" => b"304",
        b"28" => b"305",
        b"29" => b"306",
        b"30" => b"904",
        b"33" => b"201",
        b"34" => b"202",
        b"35" => b"203",
        b"36" => b"204",
        b"37" => b"205",
        b"38" => b"206",
        b"39" | b"42" | b"44" | b"52" | b"53" => b"114",
        b"40" => b"115",
        b"41" => b"208",
        b"43" => b"209",
        b"51" => b"116",
        b"54" => b"101",
        b"55" => b"117",
        b"56" => b"118",
        b"57" => b"119",
        b"58" => b"120",
        b"59" => b"102",
        b"60" => b"103",
        b"61" => b"121",
        b"62" => b"104",
        b"63" => b"122",
        b"65" => b"123",
        b"66" => b"105",
        b"68" => b"911",
        b"70" => b"112",
        b"75" => b"106",
        b"90" => b"906",
        b"91" => b"907",
        b"93" => b"124",
        b"94" => b"913",
        b"95" => b"501",
        b"06" | b"20" | b"96" => b"909",
        _ => b"100",
    }
}

/// Errors are 91xx in the Common Message Format, acknowledgements 90xx, and a message that is wrong
/// 9100; of all other classes a zero comes behind the first digit.
const fn of_2003(action: [u8; 3]) -> [u8; 4] {
    match action {
        [b'9', b'0', b'4'] => *b"9100",
        [b'9', tens, ones] => [b'9', b'1', tens, ones],
        [class, tens, ones] => [class, b'0', tens, ones],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words;

    fn code(response: &[u8], mti: &str) -> String {
        let response = ResponseCode::try_from(response).unwrap();
        let action = ActionCode::of(response, mti.parse().unwrap());
        action.map_or_else(String::new, |it| {
            String::from_utf8(it.as_bytes().to_vec()).unwrap()
        })
    }

    #[test]
    fn a_response_code_is_an_action_code_of_the_edition_asked_in() {
        for (response, of_1993, of_2003) in [
            (&b"00"[..], "000", "0000"),
            (b"10", "002", "0002"),
            (b"14", "111", "1011"),
            (b"30", "904", "9100"),
            (b"41", "208", "2008"),
            (b"51", "116", "1016"),
            (b"54", "101", "1001"),
            (b"55", "117", "1017"),
            (b"61", "121", "1021"),
            (b"65", "123", "1023"),
            (b"75", "106", "1006"),
            (b"91", "907", "9107"),
            (b"94", "913", "9113"),
            (b"96", "909", "9109"),
            (b"Z3", "100", "1000"),
        ] {
            assert_eq!(code(response, "1200"), of_1993, "{response:?}");
            assert_eq!(code(response, "2200"), of_2003, "{response:?}");
            assert_eq!(code(response, "0200"), "");
        }
        for (mti, accepted) in [
            ("1120", "000"),
            ("1304", "300"),
            ("1420", "400"),
            ("1520", "500"),
            ("1604", "600"),
            ("1720", "700"),
            ("1804", "800"),
            ("2804", "8000"),
        ] {
            assert_eq!(code(b"00", mti), accepted, "{mti}");
        }
        assert_eq!(
            (code(b"25", "1304"), code(b"25", "1420")),
            ("302".into(), "914".into())
        );
    }

    /// Approvals stay approvals and nothing else becomes one; every code is one with a name.
    #[test]
    fn what_declines_never_becomes_an_approval() {
        for number in 0..100_u8 {
            let response = [b'0' + number / 10, b'0' + number % 10];
            let approves = ResponseCode::try_from(&response[..]).unwrap().approves();
            let of_1993 = code(&response, "1200");
            assert_eq!(of_1993.starts_with('0'), approves, "{number}");
            assert_eq!(code(&response, "2200").starts_with('0'), approves);
            let of_2003 = code(&response, "2200");
            assert_eq!(
                words::action_code(of_2003.as_bytes()),
                words::action_code(of_1993.as_bytes())
            );
            let family = words::action_code(format!("{}99", &of_1993[..1]).as_bytes());
            let named = words::action_code(of_1993.as_bytes());
            assert!(named.is_some() && (of_1993 == "000" || named != family));
        }
    }
}
