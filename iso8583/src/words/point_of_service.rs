//! What DE 22 and DE 25 say of the place where the card was used.

use crate::element::all_digits;

/// DE 22 of 1987, three digits: how the number came in, and whether a PIN can be entered. None
/// where they are not three digits.
#[must_use]
pub fn pos_entry_mode(mode: &[u8]) -> Option<String> {
    let &[tens, ones, pin] = mode else {
        return None;
    };
    let entry = entry_mode(&[tens, ones])?;
    let pin = match pin {
        b'0' => "PIN capability unknown",
        b'1' => "can take a PIN",
        b'2' => "cannot take a PIN",
        b'8' => "PIN pad out of order",
        b'9' => "PIN verified by the terminal",
        _ if pin.is_ascii_digit() => "PIN capability of the peer's own",
        _ => return None,
    };
    Some(format!("{entry}, {pin}"))
}

/// The first two digits of DE 22 of 1987, also EMV tag 9F39. None where they are not two digits.
#[must_use]
pub fn entry_mode(digits: &[u8]) -> Option<&'static str> {
    if digits.len() != 2 || !all_digits(digits) {
        return None;
    }
    Some(match digits {
        b"00" => "entry unknown",
        b"01" => "keyed or given online",
        b"02" => "magnetic stripe",
        b"03" => "bar code",
        b"04" => "optical character reader",
        b"05" => "chip",
        b"06" => "key entry",
        b"07" => "contactless chip",
        b"10" => "credential on file",
        b"79" => "keyed after the chip failed",
        b"80" => "magnetic stripe after the chip failed",
        b"81" => "e-commerce",
        b"90" => "magnetic stripe, full unaltered track",
        b"91" => "contactless magnetic stripe",
        b"95" => "chip, card verification unreliable",
        _ => "entry mode of the peer's own",
    })
}

/// DE 25 of 1987, two digits. None for codes nobody knows.
#[must_use]
pub fn pos_condition(code: &[u8]) -> Option<&'static str> {
    Some(match code {
        b"00" => "normal presentment",
        b"01" => "customer not present",
        b"02" => "unattended terminal, card can be retained",
        b"03" => "merchant suspicious",
        b"04" => "electronic cash register interface",
        b"05" => "customer present, card not present",
        b"06" => "pre-authorized request",
        b"07" => "telephone device required",
        b"08" => "mail or telephone order",
        b"09" => "POS security alert",
        b"10" => "customer identity verified",
        b"11" => "suspected fraud",
        b"12" => "security reasons",
        b"13" => "representment",
        b"14" => "public utility terminal",
        b"15" => "customer's terminal",
        b"16" => "administrative terminal",
        b"17" => "returned item",
        b"21" => "manual reversal",
        b"27" => "unattended terminal, card cannot be retained",
        b"51" => "account verification without authorization",
        b"59" => "e-commerce",
        b"71" => "card present, stripe unreadable",
        _ => return None,
    })
}

/// DE 22 of 1993, twelve positions; a position whose code nobody knows is named `other`. None
/// where it has another length or holds other than letters and digits.
#[must_use]
pub fn pos_data_code(code: &[u8]) -> Option<String> {
    if code.len() != POSITIONS.len() || !code.iter().all(u8::is_ascii_alphanumeric) {
        return None;
    }
    let said: Vec<String> = POSITIONS
        .iter()
        .zip(code)
        .map(|((name, meanings), found)| {
            let meaning = meanings.iter().find(|(value, _)| value == found);
            format!("{name}: {}", meaning.map_or("other", |(_, words)| *words))
        })
        .collect();
    Some(said.join("; "))
}

type Meanings = &'static [(u8, &'static str)];

/// How a card can be read, and how it was (positions 1 and 7).
const INPUT: Meanings = &[
    (b'0', "unknown"),
    (b'1', "manual, no terminal"),
    (b'2', "magnetic stripe"),
    (b'3', "bar code"),
    (b'4', "optical character reader"),
    (b'5', "chip"),
    (b'6', "key entry"),
];

/// ISO 8583:1993 DE 22, a line a position.
static POSITIONS: [(&str, Meanings); 12] = [
    ("card input capability", INPUT),
    (
        "cardholder authentication capability",
        &[
            (b'0', "none"),
            (b'1', "PIN"),
            (b'2', "electronic signature analysis"),
            (b'3', "biometrics"),
            (b'4', "biographic"),
            (b'5', "inoperative"),
        ],
    ),
    (
        "card capture capability",
        &[(b'0', "none"), (b'1', "can capture")],
    ),
    (
        "operating environment",
        &[
            (b'0', "no terminal"),
            (b'1', "on merchant premises, attended"),
            (b'2', "on merchant premises, unattended"),
            (b'3', "off merchant premises, attended"),
            (b'4', "off merchant premises, unattended"),
            (b'5', "on cardholder premises, unattended"),
        ],
    ),
    (
        "cardholder",
        &[
            (b'0', "present"),
            (b'1', "not present, unspecified"),
            (b'2', "not present, mail order"),
            (b'3', "not present, telephone order"),
            (b'4', "not present, standing authorization"),
        ],
    ),
    ("card", &[(b'0', "not present"), (b'1', "present")]),
    ("card input", INPUT),
    (
        "cardholder authentication",
        &[
            (b'0', "none"),
            (b'1', "PIN"),
            (b'2', "electronic signature analysis"),
            (b'3', "biometrics"),
            (b'4', "biographic"),
            (b'5', "manual signature verification"),
            (b'6', "other manual verification"),
        ],
    ),
    (
        "authenticated by",
        &[
            (b'0', "nobody"),
            (b'1', "card"),
            (b'2', "terminal"),
            (b'3', "authorizing agent"),
            (b'4', "merchant"),
            (b'5', "other"),
        ],
    ),
    (
        "card output capability",
        &[
            (b'0', "unknown"),
            (b'1', "none"),
            (b'2', "magnetic stripe"),
            (b'3', "chip"),
        ],
    ),
    (
        "terminal output capability",
        &[
            (b'0', "unknown"),
            (b'1', "none"),
            (b'2', "printing"),
            (b'3', "display"),
            (b'4', "printing and display"),
        ],
    ),
    (
        "PIN capture capability",
        &[
            (b'0', "none"),
            (b'1', "unknown"),
            (b'4', "4 digits"),
            (b'5', "5 digits"),
            (b'6', "6 digits"),
            (b'7', "7 digits"),
            (b'8', "8 digits"),
            (b'9', "9 digits"),
            (b'A', "10 digits"),
            (b'B', "11 digits"),
            (b'C', "12 digits"),
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entry_modes_in_words() {
        for (mode, says) in [
            (
                &b"012"[..],
                Some("keyed or given online, cannot take a PIN"),
            ),
            (b"051", Some("chip, can take a PIN")),
            (
                b"908",
                Some("magnetic stripe, full unaltered track, PIN pad out of order"),
            ),
            (
                b"663",
                Some("entry mode of the peer's own, PIN capability of the peer's own"),
            ),
            (b"05", None),
            (b"05X", None),
            (b"X51", None),
        ] {
            assert_eq!(pos_entry_mode(mode).as_deref(), says, "{mode:?}");
        }
    }

    #[test]
    fn a_position_of_the_pos_data_code_is_told_by_its_name() {
        let says = pos_data_code(b"51010151314C").unwrap();
        insta::assert_snapshot!(says.replace("; ", "\n"), @r"
        card input capability: chip
        cardholder authentication capability: PIN
        card capture capability: none
        operating environment: on merchant premises, attended
        cardholder: present
        card: present
        card input: chip
        cardholder authentication: PIN
        authenticated by: authorizing agent
        card output capability: none
        terminal output capability: printing and display
        PIN capture capability: 12 digits
        ");
        assert_eq!(pos_data_code(b"51010151314"), None);
        assert_eq!(pos_data_code(b"51010151314 "), None);
    }

    #[test]
    fn conditions_in_words() {
        assert_eq!(pos_condition(b"59"), Some("e-commerce"));
        assert_eq!(pos_condition(b"99"), None);
        assert_eq!(pos_condition(b"1500"), None);
    }
}
