//! What the user gave: a file, standard input or the bytes themselves, in whatever notation the
//! tool before ours printed them.
//!
//! - `hex.rs`: hex digits, C arrays
//! - `dump.rs`: hexdump -C, xxd, Wireshark: offsets and an ASCII column
//!
//! [`recognise`] and [`as_format`] only look at bytes; [`Source`] is the one that reads.

mod dump;
mod hex;
mod source;

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use clap::ValueEnum;
use thiserror::Error;

use crate::capture::{self, CaptureError};
pub use source::{Source, SourceError};

/// How bytes are written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Hex digits, a C array, or a dump of hexdump -C, xxd or Wireshark.
    Hex,
    /// The bytes themselves.
    Binary,
    /// Base64, of either alphabet, padded or not.
    Base64,
    /// A capture: pcap or pcapng.
    Pcap,
}

/// Bytes, and what they were recognised as. `Debug` shows none of them.
#[derive(Clone, PartialEq, Eq)]
pub struct Input {
    /// How they were written down.
    pub format: Format,
    /// The bytes; of a capture, the file. **In clear.**
    pub bytes: Vec<u8>,
}

impl core::fmt::Debug for Input {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Input({:?}, {} bytes)", self.format, self.bytes.len())
    }
}

/// What is given is not what it should be. Lines and columns count from 1.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InputError {
    /// Nothing, or nothing but spaces and comments.
    #[error("the input is empty")]
    Empty,
    /// A character that belongs into no hex.
    #[error("hex input, {at}: expected a hex digit, found {found:?}")]
    NotHex {
        /// Where.
        at: Place,
        /// What stands there.
        found: char,
    },
    /// Half a byte.
    #[error("hex input, {at}: expected a second hex digit, found the end of a byte")]
    HalfByte {
        /// Where the lonely digit stands.
        at: Place,
    },
    /// A line of a dump does not go on where the one before ended.
    #[error("dump, line {line}: expected offset {expected:04x}, found {found:04x}: {hint}")]
    Offset {
        /// Which line.
        line: usize,
        /// What the bytes so far make it.
        expected: usize,
        /// What it says.
        found: usize,
        /// What to do.
        hint: &'static str,
    },
    /// A line of a dump without its offset.
    #[error("dump, line {line}: expected an offset of hex digits at its beginning")]
    NoOffset {
        /// Which line.
        line: usize,
    },
    /// A dump of which bytes are hidden.
    #[error("dump, {at}: the byte is masked: the original is needed")]
    Masked {
        /// Where.
        at: Place,
    },
    /// `hexdump` without `-C`.
    #[error("a dump of 16-bit words, whose bytes have changed places: use hexdump -C or xxd")]
    Words,
    /// A character that belongs into no base64.
    #[error("base64 input, {at}: expected a base64 character, found {found:?}")]
    NotBase64 {
        /// Where.
        at: Place,
        /// What stands there.
        found: char,
    },
    /// Base64 that does not end where a byte does.
    #[error("base64 input: {found} characters, which make no whole number of bytes")]
    Base64Length {
        /// Characters without spaces.
        found: usize,
    },
    /// Text that is to be hex, base64 or a dump.
    #[error("input of format {expected} is text: byte {offset} is not")]
    NotText {
        /// What it is to be.
        expected: &'static str,
        /// The first byte that is no UTF-8.
        offset: usize,
    },
    /// Text that is none of what we know.
    #[error("neither hex, base64 nor a capture: --input binary takes it as it is")]
    Unknown,
    /// What is to be a capture is none.
    #[error(transparent)]
    Capture(#[from] CaptureError),
}

/// A character of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which line, from 1.
    pub line: usize,
    /// Which character of it, from 1.
    pub column: usize,
}

impl core::fmt::Display for Place {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Finds out how bytes are written down. Captures tell themselves; what is no text is binary; text
/// is hex or a dump where most of it is hex digits, else base64. So an all-ASCII message that was
/// stored as it is reads as hex, and needs [`as_format`] with [`Format::Binary`].
///
/// # Errors
/// Where it is text, but none we know, or is faulty.
pub fn recognise(raw: &[u8]) -> Result<Input, InputError> {
    let format = if capture::check(raw) != Err(CaptureError::NotACapture) {
        Format::Pcap
    } else {
        match text(raw, "text") {
            Ok(text) if is_printable(text) => of_text(text)?,
            _ => Format::Binary,
        }
    };
    as_format(raw, format)
}

/// Reads bytes as the user says they are written down.
///
/// # Errors
/// Where they are not.
pub fn as_format(raw: &[u8], format: Format) -> Result<Input, InputError> {
    let bytes = match format {
        Format::Hex => {
            let text = text(raw, "hex")?;
            if dump::is_dump(text) {
                dump::parse(text)?
            } else {
                hex::parse(text)?
            }
        }
        Format::Base64 => base64(text(raw, "base64")?)?,
        Format::Binary => raw.to_vec(),
        Format::Pcap => {
            capture::check(raw)?;
            raw.to_vec()
        }
    };
    if bytes.is_empty() {
        return Err(InputError::Empty);
    }
    Ok(Input { format, bytes })
}

fn text<'a>(raw: &'a [u8], expected: &'static str) -> Result<&'a str, InputError> {
    let text = core::str::from_utf8(raw).map_err(|error| InputError::NotText {
        expected,
        offset: error.valid_up_to(),
    })?;
    // Some editors begin a text with a byte order mark.
    Ok(text.strip_prefix('\u{FEFF}').unwrap_or(text))
}

fn is_printable(text: &str) -> bool {
    text.chars()
        .all(|c| !c.is_control() || c.is_ascii_whitespace())
}

fn of_text(text: &str) -> Result<Format, InputError> {
    if text.trim().is_empty() {
        return Err(InputError::Empty);
    }
    if is_clearly_base64(text) {
        return Ok(Format::Base64);
    }
    if dump::is_dump(text) || hex::is_c_array(text) || hex::is_likely(text) {
        return Ok(Format::Hex);
    }
    let base64 = |c: char| c.is_ascii_alphanumeric() || "+/-_=".contains(c);
    if text.chars().all(|c| base64(c) || c.is_whitespace()) {
        return Ok(Format::Base64);
    }
    Err(InputError::Unknown)
}

/// Whole groups of four in letters of both cases, some of which are no hex digits. Most of them may
/// be: zeros are `A`.
fn is_clearly_base64(text: &str) -> bool {
    let packed: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    let digits = packed.trim_end_matches('=');
    packed.len().is_multiple_of(4)
        && digits
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+/-_".contains(c))
        && digits.contains(|c: char| c.is_ascii_uppercase())
        && digits.contains(|c: char| matches!(c, 'g'..='z'))
}

fn base64(text: &str) -> Result<Vec<u8>, InputError> {
    let packed: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let alphabet = if packed.contains(['-', '_']) {
        URL_SAFE
    } else {
        STANDARD
    };
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let engine = GeneralPurpose::new(&alphabet, config);
    engine.decode(&packed).map_err(|error| {
        let length = InputError::Base64Length {
            found: packed.len(),
        };
        let base64::DecodeError::InvalidByte(offset, _) = error else {
            return length;
        };
        // Up to the fault, every character is one byte.
        let mut characters = text.char_indices().filter(|(_, c)| !c.is_whitespace());
        characters.nth(offset).map_or(length, |(byte, found)| {
            let at = place(text, byte);
            InputError::NotBase64 { at, found }
        })
    })
}

/// Line and column of a byte of a text.
fn place(text: &str, byte: usize) -> Place {
    let before = text.get(..byte).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    let column = before.get(start..).unwrap_or_default().chars().count() + 1;
    Place { line, column }
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;
    use proptest::prelude::*;

    use super::*;

    /// The beginning of an echo: 0800, bitmap, six digits.
    const ECHO: [u8; 18] = hex!("30383030 8220000000000000 303331353032");

    fn ok(text: &str, format: Format) {
        let input = recognise(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(
            (input.format, &input.bytes[..]),
            (format, &ECHO[..]),
            "{text}"
        );
    }

    fn err(text: &str) -> String {
        match recognise(text.as_bytes()) {
            Ok(input) => panic!("{text} is {input:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn ok_hex_in_the_notations_people_paste() {
        ok("303830308220000000000000303331353032", Format::Hex);
        ok("30383030 8220000000000000\r\n3033 31353032\n", Format::Hex);
        ok(
            "30 38 30 30 82 20 00 00 00 00 00 00 30 33 31 35 30 32",
            Format::Hex,
        );
        ok("0x303830308220000000000000303331353032", Format::Hex);
        ok(
            "30:38:30:30:82:20:00:00:00:00:00:00:30:33:31:35:30:32",
            Format::Hex,
        );
        ok(
            "30-38-30-30-82-20-00-00-00-00-00-00-30-33-31-35-30-32",
            Format::Hex,
        );
        ok(
            "# echo\n30383030 // MTI\n8220000000000000\n303331353032",
            Format::Hex,
        );
        ok("\u{FEFF}303830308220000000000000303331353032", Format::Hex);
        // A line that an editor wrapped in the middle of a byte.
        ok("303830308220000000000000303\n331353032", Format::Hex);
    }

    #[test]
    fn ok_arrays_and_escapes_of_programs() {
        ok(
            "{ 0x30, 0x38, 0x30, 0x30, 0x82, 0x20, 0x0, 0, 0x00, 0x00, 0x00, 0x00,\n\
             0x30, 0x33, 0x31, 0x35, 0x30, 0x32 };",
            Format::Hex,
        );
        ok(
            r#""\x30\x38\x30\x30\x82\x20\x00\x00\x00\x00\x00\x00\x30\x33\x31\x35\x30\x32""#,
            Format::Hex,
        );
    }

    #[test]
    fn ok_dumps_of_hexdump_xxd_and_wireshark() {
        ok(
            "00000000  30 38 30 30 82 20 00 00  00 00 00 00 30 33 31 35  |0800. ......0315|\n\
             00000010  30 32                                             |02|\n\
             00000012\n",
            Format::Hex,
        );
        ok(
            "00000000: 3038 3030 8220 0000 0000 0000 3033 3135  0800. ......0315\n\
             00000010: 3032                                     02\n",
            Format::Hex,
        );
        ok(
            "0000  30 38 30 30 82 20 00 00 00 00 00 00 30 33 31 35   0800. ......0315\n\
             0010  30 32                                             02\n",
            Format::Hex,
        );
        ok(
            "0000   30 38 30 30 82 20 00 00  00 00 00 00 30 33 31 35   0800. .. ....0315\n\
             0010   30 32\n",
            Format::Hex,
        );
    }

    #[test]
    fn ok_a_repeated_line_of_hexdump_is_filled_in() {
        let dump = "00000000  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |........|\n\
                    *\n\
                    00000030  41 42                                             |AB|\n\
                    00000032\n";
        let input = recognise(dump.as_bytes()).unwrap();
        assert_eq!(input.bytes, [&[0; 48][..], b"AB"].concat());
    }

    #[test]
    fn ok_eight_bytes_of_a_last_line_do_not_run_into_the_text() {
        let dump = "0000  41 42 43 44 45 46 47 48                           AB CD";
        assert_eq!(recognise(dump.as_bytes()).unwrap().bytes, b"ABCDEFGH");
    }

    #[test]
    fn ok_base64_binary_and_captures() {
        ok("MDgwMIIgAAAAAAAAMDMxNTAy", Format::Base64);
        ok("MDgwMIIgAAAA\nAAAAMDMxNTAy\n", Format::Base64);
        // Mostly hex digits.
        let zeros = recognise(b"ACFgAAAAAAAAAE==").unwrap();
        assert_eq!(zeros.format, Format::Base64);
        assert_eq!(
            recognise(b"-_-_w").unwrap_err(),
            InputError::Base64Length { found: 5 }
        );
        assert_eq!(recognise(b"-_-_ww==").unwrap().bytes, hex!("FBFFBFC3"));
        assert_eq!(recognise(b"-_-_ww").unwrap().bytes, hex!("FBFFBFC3"));
        let input = recognise(&ECHO).unwrap();
        assert_eq!(
            (input.format, &input.bytes[..]),
            (Format::Binary, &ECHO[..])
        );
        let pcap = hex!("D4C3B2A1 0200 0400 00000000 00000000 00000400 01000000");
        assert_eq!(recognise(&pcap).unwrap().format, Format::Pcap);
    }

    #[test]
    fn err_hex_says_where_it_is_none() {
        insta::assert_snapshot!(
            err("30 38\n30 30\n82 20 00 00 00 00 g0"),
            @"hex input, line 3, column 19: expected a hex digit, found 'g'"
        );
        insta::assert_snapshot!(
            err("303830308"),
            @"hex input, line 1, column 9: expected a second hex digit, found the end of a byte"
        );
        insta::assert_snapshot!(err("\n \n"), @"the input is empty");
        insta::assert_snapshot!(
            err("# nothing but words\n"),
            @"neither hex, base64 nor a capture: --input binary takes it as it is"
        );
    }

    #[test]
    fn err_dumps_say_which_line() {
        insta::assert_snapshot!(
            err("0000  30 38 30 30\n0008  30 38\n"),
            @"dump, line 2: expected offset 0004, found 0008: a line is missing or not whole"
        );
        insta::assert_snapshot!(
            err("0000  30 38\n\n0000  30 38\n"),
            @"dump, line 3: expected offset 0002, found 0000: a second packet begins, give one"
        );
        insta::assert_snapshot!(
            err("0000  30 ** 30 30 |0*00|"),
            @"dump, line 1, column 10: the byte is masked: the original is needed"
        );
        insta::assert_snapshot!(
            err("0000000 3830 3030\n0000004\n"),
            @"a dump of 16-bit words, whose bytes have changed places: use hexdump -C or xxd"
        );
        insta::assert_snapshot!(
            err("0000  30 38\nand then 30\n"),
            @"dump, line 2: expected an offset of hex digits at its beginning"
        );
    }

    #[test]
    fn err_base64_says_where_it_is_none() {
        let error = as_format(b"MDgw\nMI*g", Format::Base64).unwrap_err();
        insta::assert_snapshot!(
            error,
            @"base64 input, line 2, column 3: expected a base64 character, found '*'"
        );
        let error = as_format(b"\x80", Format::Base64).unwrap_err();
        insta::assert_snapshot!(error, @"input of format base64 is text: byte 0 is not");
        insta::assert_snapshot!(
            as_format(b"0800", Format::Pcap).unwrap_err(),
            @"no pcap or pcapng file: the first four bytes are none of theirs"
        );
    }

    #[test]
    fn ok_binary_by_request_takes_text_as_it_is() {
        let input = as_format(b"0800\n", Format::Binary).unwrap();
        assert_eq!(input.bytes, b"0800\n");
        assert_eq!(format!("{input:?}"), "Input(Binary, 5 bytes)");
    }

    proptest! {
        #[test]
        fn bytes_written_as_hex_or_a_dump_are_read_back(
            bytes in prop::collection::vec(any::<u8>(), 1..100)
        ) {
            let plain: String = bytes.iter().map(|byte| format!("{byte:02X} ")).collect();
            prop_assert_eq!(&recognise(plain.as_bytes()).unwrap().bytes, &bytes);
            let (mut canonical, mut tshark) = (String::new(), String::new());
            for (line, row) in bytes.chunks(16).enumerate() {
                let text = |byte: &u8| match byte {
                    0x20..0x7F => char::from(*byte),
                    _ => '.',
                };
                let ascii: String = row.iter().map(text).collect();
                let hex = |row: &[u8]| {
                    row.iter().map(|byte| format!("{byte:02x} ")).collect::<String>()
                };
                let (left, right) = row.split_at(row.len().min(8));
                let halves = format!("{} {}", hex(left), hex(right));
                canonical += &format!("{:08x}  {halves:<49} |{ascii}|\n", line * 16);
                tshark += &format!("{:04x}  {:<48}  {ascii}\n", line * 16, hex(row));
            }
            for dump in [canonical, tshark] {
                prop_assert_eq!(&recognise(dump.as_bytes()).unwrap().bytes, &bytes, "{}", dump);
            }
        }

        #[test]
        fn whatever_is_given_never_panics(raw in prop::collection::vec(any::<u8>(), 0..80),
            text in "[0-9a-fx*|: \n,{}\\\\]{0,80}") {
            let _ = recognise(&raw);
            let _ = recognise(text.as_bytes());
            let _ = as_format(text.as_bytes(), Format::Hex);
            let _ = as_format(&raw, Format::Base64);
        }
    }
}
