//! Dumps: lines of an offset, bytes in hex, and the same bytes as text.

use crate::input::{InputError, Place};

/// A line of `hexdump`, `xxd` or Wireshark has so many bytes, where nobody asked for others.
const ROW: usize = 16;

/// Does the text begin with the offset nought, as dumps do?
pub(super) fn is_dump(text: &str) -> bool {
    let first = text.lines().find(|line| !line.trim().is_empty());
    first
        .and_then(offset)
        .is_some_and(|(offset, _)| offset == 0)
}

pub(super) fn parse(text: &str) -> Result<Vec<u8>, InputError> {
    let mut bytes: Vec<u8> = Vec::with_capacity(text.len() / 4);
    let mut repeats = false;
    for (line, content) in (1..).zip(text.lines()) {
        match content.trim() {
            "" => continue,
            "*" => {
                repeats = true;
                continue;
            }
            _ => {}
        }
        let (found, rest) = offset(content).ok_or(InputError::NoOffset { line })?;
        if repeats {
            repeat(&mut bytes, found, text.len());
            repeats = false;
        }
        let expected = bytes.len();
        if found != expected {
            let hint = if found == 0 {
                "a second packet begins, give one"
            } else {
                "a line is missing or not whole"
            };
            return Err(InputError::Offset {
                line,
                expected,
                found,
                hint,
            });
        }
        row(rest, line, content, &mut bytes)?;
    }
    Ok(bytes)
}

/// `hexdump` prints `*` for lines like the one before, up to the next offset. What a dump of so
/// few characters may grow to has a limit; beyond it, the offset will be found wrong.
fn repeat(bytes: &mut Vec<u8>, until: usize, characters: usize) {
    let Some(last) = bytes.len().checked_sub(ROW).and_then(|at| bytes.get(at..)) else {
        return;
    };
    let last = last.to_vec();
    if until <= characters.saturating_mul(ROW).max(REPEATED_MAX) {
        while bytes.len() < until {
            bytes.extend_from_slice(&last);
        }
    }
}

/// The offset at the beginning of a line, and what follows it.
fn offset(line: &str) -> Option<(usize, &str)> {
    let line = line.trim_start();
    let digits = line
        .find(|c: char| !c.is_ascii_hexdigit())
        .unwrap_or(line.len());
    let (offset, rest) = line.split_at_checked(digits)?;
    let ends = rest.is_empty()
        || [":", "  ", "\t", " \t"]
            .iter()
            .any(|end| rest.starts_with(end));
    if digits < 4 || !ends {
        return None;
    }
    Some((usize::from_str_radix(offset, 16).ok()?, rest))
}

/// The bytes of a line, up to its text. `rest` is the end of `content` behind the offset.
fn row(rest: &str, line: usize, content: &str, bytes: &mut Vec<u8>) -> Result<(), InputError> {
    let hex = rest.strip_prefix(':').unwrap_or(rest);
    let of_xxd = hex.len() < rest.len();
    let mut left = hex;
    let mut found = 0;
    while found < ROW {
        let token = left.trim_start();
        let gap = left.len() - token.len();
        // Behind eight bytes some leave a second space; more begin the text.
        let wide = gap > 1 && !(gap == 2 && found == ROW / 2 && !of_xxd);
        if token.is_empty() || token.starts_with('|') || (found > 0 && wide) {
            break;
        }
        let end = token.find(char::is_whitespace).unwrap_or(token.len());
        let (group, after) = token.split_at_checked(end).unwrap_or((token, ""));
        let start = content.len() - token.len();
        found += pairs(group, line, content.get(..start).unwrap_or_default(), bytes)?;
        left = after;
    }
    Ok(())
}

/// The bytes of a group of hex digits, and how many; `before` it stands what of its line.
fn pairs(group: &str, line: usize, before: &str, bytes: &mut Vec<u8>) -> Result<usize, InputError> {
    let before = before.chars().count();
    let mut high = None;
    let mut found = 0;
    let mut at = Place { line, column: 1 };
    for (column, c) in (before + 1..).zip(group.chars()) {
        at = Place { line, column };
        let digit = match c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()) {
            Some(digit) => digit,
            None if c == '*' => return Err(InputError::Masked { at }),
            None => return Err(InputError::NotHex { at, found: c }),
        };
        high = match high {
            None => Some(digit),
            Some(high) => {
                bytes.push(high << 4 | digit);
                found += 1;
                None
            }
        };
    }
    match high {
        Some(_) => Err(InputError::HalfByte { at }),
        None => Ok(found),
    }
}

/// Repeated lines of a dump are filled in up to here, however short the dump.
const REPEATED_MAX: usize = 1 << 20;
