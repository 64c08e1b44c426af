//! Bytes for people: rows with offsets and text, a fault marked under its bytes, secrets masked.
//!
//! ```text
//! 0020  30 30 31 32 33 34 ** **                          |001234**|
//!             ^^^^^ DE 4 at byte 34: expected 12 digits
//! ```
//!
//! Colours are always written; [`anstream`] takes them out where the output is no terminal.

use core::ops::Range;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

/// A dump of some bytes, to be written with [`Hexdump::write`].
#[derive(Clone)]
pub struct Hexdump<'a> {
    bytes: &'a [u8],
    masked: &'a [Range<usize>],
    mark: Option<(Range<usize>, &'a str)>,
    rows_around: usize,
}

impl<'a> Hexdump<'a> {
    /// All of the bytes, except that those of `masked` show as `**`. Ranges may overlap, stand in
    /// any order and reach beyond the end.
    #[must_use]
    pub const fn new(bytes: &'a [u8], masked: &'a [Range<usize>]) -> Self {
        Self {
            bytes,
            masked,
            mark: None,
            rows_around: usize::MAX,
        }
    }

    /// Marks a range with carets, with a note behind them. An empty range, as of what is missing
    /// at the end, gets one caret.
    #[must_use]
    pub const fn mark(mut self, range: Range<usize>, note: &'a str) -> Self {
        self.mark = Some((range, note));
        self
    }

    /// Shows so many rows of 16 bytes before and behind those marked, and leaves out the others.
    #[must_use]
    pub const fn around(mut self, rows: usize) -> Self {
        self.rows_around = rows;
        self
    }

    /// Writes the rows, each with its line end.
    ///
    /// # Errors
    /// Those of the output.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let rows = self.rows();
        if rows.start > 0 {
            writeln!(out, "{DIM}…{DIM:#}")?;
        }
        for row in rows.clone() {
            self.write_row(row, out)?;
            self.write_mark(row, out)?;
        }
        if rows.end < self.last_row() + 1 {
            writeln!(out, "{DIM}…{DIM:#}")?;
        }
        Ok(())
    }

    /// The rows to show.
    fn rows(&self) -> Range<usize> {
        let all = 0..self.last_row() + 1;
        match self.marked() {
            Some((marked, _)) => {
                let first = (marked.start / ROW).saturating_sub(self.rows_around);
                let last = ((marked.end - 1) / ROW).saturating_add(self.rows_around);
                first..all.end.min(last.saturating_add(1))
            }
            None => all,
        }
    }

    /// The row of the last byte, or of the mark behind it.
    fn last_row(&self) -> usize {
        let marked = self.marked().map_or(1, |(range, _)| range.end);
        (self.bytes.len().max(marked) - 1) / ROW
    }

    /// The mark, at least one byte long and no further than one behind the end.
    fn marked(&self) -> Option<(Range<usize>, &'a str)> {
        let (range, note) = self.mark.as_ref()?;
        let start = range.start.min(self.bytes.len());
        let end = range.end.min(self.bytes.len()).max(start + 1);
        Some((start..end, note))
    }

    fn write_row(&self, row: usize, out: &mut impl Write) -> io::Result<()> {
        let start = row * ROW;
        let end = self.bytes.len().min(start + ROW);
        let row = self.bytes.get(start..end).unwrap_or_default();
        write!(
            out,
            "{DIM}{start:0width$x}{DIM:#}",
            width = self.offset_width()
        )?;
        if row.is_empty() {
            return writeln!(out);
        }
        out.write_all(b" ")?;
        for (at, byte) in (start..).zip(row) {
            let style = if self.is_marked(at) { FAULT } else { PLAIN };
            if self.is_masked(at) {
                write!(out, " {DIM}**{DIM:#}")?;
            } else {
                write!(out, " {style}{byte:02x}{style:#}")?;
            }
        }
        let text: String = (start..)
            .zip(row)
            .map(|(at, byte)| match byte {
                _ if self.is_masked(at) => '*',
                0x20..0x7F => char::from(*byte),
                _ => '.',
            })
            .collect();
        let padding = (ROW - row.len()) * 3;
        writeln!(out, "{:padding$}  {DIM}|{DIM:#}{text}{DIM}|{DIM:#}", "")
    }

    fn write_mark(&self, row: usize, out: &mut impl Write) -> io::Result<()> {
        let Some((marked, note)) = self.marked() else {
            return Ok(());
        };
        let (start, end) = (row * ROW, (row + 1) * ROW);
        let here = marked.start.max(start)..marked.end.min(end);
        if here.is_empty() {
            return Ok(());
        }
        let indent = self.offset_width() + 2 + (here.start - start) * 3;
        let carets = "^".repeat(here.len() * 3 - 1);
        write!(out, "{:indent$}{FAULT}{carets}", "")?;
        // The note stands where the mark ends.
        if marked.end <= end && !note.is_empty() {
            write!(out, " {note}")?;
        }
        writeln!(out, "{FAULT:#}")
    }

    fn is_masked(&self, at: usize) -> bool {
        self.masked.iter().any(|range| range.contains(&at))
    }

    fn is_marked(&self, at: usize) -> bool {
        self.marked().is_some_and(|(range, _)| range.contains(&at))
    }

    const fn offset_width(&self) -> usize {
        if self.bytes.len() > 0xFFFF { 8 } else { 4 }
    }
}

impl core::fmt::Debug for Hexdump<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Hexdump({} bytes)", self.bytes.len())
    }
}

/// Bytes in a row.
pub const ROW: usize = 16;

const PLAIN: Style = Style::new();
const DIM: Style = Style::new().dimmed();
const FAULT: Style = AnsiColor::Red.on_default().bold();

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::input::recognise;

    fn plain(dump: &Hexdump<'_>) -> String {
        let mut out = Vec::new();
        dump.write(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        anstream::adapter::strip_str(&text).to_string()
    }

    #[test]
    fn rows_have_offset_bytes_and_text() {
        let bytes = b"0800\x82 \x00\x00\xFF\x7F~A 0123456";
        insta::assert_snapshot!(plain(&Hexdump::new(bytes, &[])), @r"
        0000  30 38 30 30 82 20 00 00 ff 7f 7e 41 20 30 31 32  |0800. ....~A 012|
        0010  33 34 35 36                                      |3456|
        ");
    }

    #[test]
    fn a_fault_is_marked_under_its_bytes_and_other_rows_are_left_out() {
        let bytes: Vec<u8> = (0..=0x7F).collect();
        let note = "DE 4 at byte 34: expected 12 digits";
        let dump = Hexdump::new(&bytes, &[]).mark(34..36, note).around(1);
        insta::assert_snapshot!(plain(&dump), @r##"
        …
        0010  10 11 12 13 14 15 16 17 18 19 1a 1b 1c 1d 1e 1f  |................|
        0020  20 21 22 23 24 25 26 27 28 29 2a 2b 2c 2d 2e 2f  | !"#$%&'()*+,-./|
                    ^^^^^ DE 4 at byte 34: expected 12 digits
        0030  30 31 32 33 34 35 36 37 38 39 3a 3b 3c 3d 3e 3f  |0123456789:;<=>?|
        …
        "##);
    }

    #[test]
    fn a_mark_over_two_rows_has_its_note_where_it_ends() {
        let dump = Hexdump::new(&[b'0'; 20], &[])
            .mark(14..18, "here")
            .around(0);
        insta::assert_snapshot!(plain(&dump), @r"
        0000  30 30 30 30 30 30 30 30 30 30 30 30 30 30 30 30  |0000000000000000|
                                                        ^^^^^
        0010  30 30 30 30                                      |0000|
              ^^^^^ here
        ");
    }

    #[test]
    fn what_is_missing_at_the_end_is_marked_behind_it() {
        insta::assert_snapshot!(plain(&Hexdump::new(b"08", &[]).mark(2..2, "two bytes")), @r"
        0000  30 38                                            |08|
                    ^^ two bytes
        ");
        insta::assert_snapshot!(plain(&Hexdump::new(&[b'0'; 16], &[]).mark(16..20, "more")), @r"
        0000  30 30 30 30 30 30 30 30 30 30 30 30 30 30 30 30  |0000000000000000|
        0010
              ^^ more
        ");
        insta::assert_snapshot!(plain(&Hexdump::new(b"", &[]).mark(7..9, "nothing")), @r"
        0000
              ^^ nothing
        ");
    }

    #[test]
    fn masked_bytes_show_neither_as_hex_nor_as_text() {
        let dump = Hexdump::new(b"16999999010000000500", &[8..14, 2..9, 18..99]);
        insta::assert_snapshot!(plain(&dump), @r"
        0000  31 36 ** ** ** ** ** ** ** ** ** ** ** ** 30 30  |16************00|
        0010  30 35 ** **                                      |05**|
        ");
    }

    #[test]
    fn colours_are_written_for_terminals() {
        let mut out = Vec::new();
        Hexdump::new(b"0", &[])
            .mark(0..1, "x")
            .write(&mut out)
            .unwrap();
        assert!(
            String::from_utf8(out)
                .unwrap()
                .contains("\u{1b}[1m\u{1b}[31m^^ x\u{1b}[0m")
        );
    }

    #[test]
    fn offsets_of_long_input_keep_in_line() {
        let dump = plain(&Hexdump::new(&vec![0; 0x1_0000 + 1], &[]));
        assert!(dump.starts_with("00000000  00"));
        assert!(dump.ends_with("00010000  00                                               |.|\n"));
    }

    proptest! {
        #[test]
        fn a_dump_without_masks_can_be_given_back(
            bytes in prop::collection::vec(any::<u8>(), 1..100)
        ) {
            let dump = plain(&Hexdump::new(&bytes, &[]));
            prop_assert_eq!(&recognise(dump.as_bytes()).unwrap().bytes, &bytes, "{}", dump);
        }

        #[test]
        fn any_range_can_be_marked(
            bytes in prop::collection::vec(any::<u8>(), 0..70),
            range in any::<(u8, u8)>(),
            rows in prop::sample::select(vec![0, 1, usize::MAX]),
        ) {
            let range = usize::from(range.0)..usize::from(range.1);
            let dump = plain(&Hexdump::new(&bytes, &[]).mark(range, "the note").around(rows));
            prop_assert_eq!(dump.matches("^ the note\n").count(), 1, "{}", dump);
        }
    }
}
