//! Hex digits without offsets: in a row, in pairs, as a C array, as escapes.

use crate::input::{InputError, Place};

/// Do tokens like `0x30` or `\x30` stand in the text?
pub(super) fn is_c_array(text: &str) -> bool {
    let text = text.trim_start_matches(|c: char| c.is_whitespace() || "{[(\"".contains(c));
    text.starts_with("0x") || text.starts_with("0X") || text.starts_with("\\x")
}

/// Is the text hex, if perhaps with a fault? Of base64, a third of the characters happens to be hex
/// digits.
pub(super) fn is_likely(text: &str) -> bool {
    let characters = text.lines().flat_map(|line| without_comment(line).chars());
    let (all, digits) = characters
        .filter(|c| !c.is_whitespace() && !SEPARATORS.contains(*c))
        .fold((0_usize, 0_usize), |(all, digits), c| {
            (all + 1, digits + usize::from(c.is_ascii_hexdigit()))
        });
    all > 0 && digits * 4 >= all * 3
}

/// A line up to `#` or `//`, which begins a word.
fn without_comment(line: &str) -> &str {
    let begins_word = |at: usize| {
        let before = line.get(..at).unwrap_or_default();
        before.is_empty() || before.ends_with(char::is_whitespace)
    };
    let comment = ["#", "//"]
        .into_iter()
        .flat_map(|mark| line.match_indices(mark))
        .map(|(at, _)| at)
        .filter(|at| begins_word(*at))
        .min();
    line.get(..comment.unwrap_or(line.len())).unwrap_or(line)
}

/// Reads hex digits. Spaces and the separators of tools stand anywhere between bytes; spaces also
/// within one, as where a line was wrapped. `#` and `//` begin a comment.
pub(super) fn parse(text: &str) -> Result<Vec<u8>, InputError> {
    if text.starts_with("0000000 ") {
        return Err(InputError::Words);
    }
    let mut reader = Reader {
        bytes: Vec::with_capacity(text.len() / 2),
        half: None,
        array: is_c_array(text),
    };
    for (line, content) in (1..).zip(text.lines()) {
        reader.line(line, without_comment(content))?;
    }
    reader.end_of_byte()?;
    Ok(reader.bytes)
}

struct Reader {
    bytes: Vec<u8>,
    /// The first digit of a byte, and where it stands.
    half: Option<(u8, Place)>,
    /// In an array, `0x8` and `0` are bytes too.
    array: bool,
}

impl Reader {
    fn line(&mut self, line: usize, content: &str) -> Result<(), InputError> {
        let mut characters = (1..).zip(content.chars()).peekable();
        while let Some((column, c)) = characters.next() {
            let at = Place { line, column };
            let prefix = matches!(c, '0' | '\\')
                && characters
                    .next_if(|(_, next)| matches!(next, 'x' | 'X'))
                    .is_some();
            if prefix {
                self.end_of_byte()?;
                continue;
            }
            match c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()) {
                Some(digit) => self.digit(digit, at),
                None if c.is_whitespace() => {}
                None if SEPARATORS.contains(c) => self.end_of_byte()?,
                None => return Err(InputError::NotHex { at, found: c }),
            }
        }
        Ok(())
    }

    fn digit(&mut self, digit: u8, at: Place) {
        self.half = match self.half {
            Some((high, _)) => {
                self.bytes.push(high << 4 | digit);
                None
            }
            None => Some((digit, at)),
        };
    }

    fn end_of_byte(&mut self) -> Result<(), InputError> {
        match self.half.take() {
            Some((digit, _)) if self.array => self.bytes.push(digit),
            Some((_, at)) => return Err(InputError::HalfByte { at }),
            None => {}
        }
        Ok(())
    }
}

const SEPARATORS: &str = ",;:-{}[]()\"'";
