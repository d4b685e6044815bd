//! How the lines of CSV files end, and whether one is broken within quotes: an engine that splits a file has to know.
//!
//! # Contract
//! * Quotes count as jobs read them: one that starts a field opens it, and the next that is not doubled closes it. In
//!   any other field they are data. A `\r` that no `\n` follows is data.
//! * Files are looked at up to [`FAR`] bytes in all, each for the same length. If a line within quotes is broken there,
//!   all of them are looked at to their ends: how lines end must then be known.

use super::csv_place::CsvPlace;
use super::decompressed;
use crate::error::{Error, Result};
use crate::input::SourceFile;
use std::io::Read;

/// So many bytes of all files are looked at, after decompression.
const FAR: u64 = 256 << 20;

/// So many bytes of a file are looked at in any case.
const NEAR: u64 = 64 << 10;

/// What lines end in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineEnd {
    /// `\n`.
    Newline,
    /// `\r\n`.
    ReturnNewline,
    /// Some in one, some in the other.
    Both,
}

/// What is known of the lines of some files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CsvLines {
    pub end: LineEnd,
    /// Whether a line break stands within quotes.
    pub broken: bool,
    /// Whether the files were looked at to their ends.
    pub whole: bool,
    /// Whether the names in the header line are those of the layout, letter by letter.
    pub plain_header: bool,
}

impl CsvLines {
    /// What is known of both.
    pub(super) fn and(self, other: CsvLines) -> CsvLines {
        CsvLines {
            end: if self.end == other.end { self.end } else { LineEnd::Both },
            broken: self.broken || other.broken,
            whole: self.whole && other.whole,
            plain_header: self.plain_header && other.plain_header,
        }
    }
}

/// The lines of each of `files`, which are of CSV, in their order; and what each has for a header line.
///
/// # Errors
/// A machine error: a file cannot be read.
pub(super) fn survey(files: &[&SourceFile], delimiter: u8) -> Result<Vec<LineLook>> {
    let each = (FAR / files.len().max(1) as u64).max(NEAR);
    let mut found = files.iter().map(|file| look(file, delimiter, each)).collect::<Result<Vec<_>>>()?;
    if found.iter().any(|lines| lines.broken) {
        for (file, lines) in files.iter().zip(&mut found).filter(|(_, lines)| !lines.whole) {
            *lines = look(file, delimiter, u64::MAX)?;
        }
    }
    Ok(found)
}

fn look(file: &SourceFile, delimiter: u8, most: u64) -> Result<LineLook> {
    let mut look = LineLook::new(delimiter);
    let mut bytes = decompressed::text(file)?.take(most);
    let mut buffer = vec![0; 1 << 18];
    let failed = |e| Error::io("read", &file.path, e);
    loop {
        let n = bytes.read(&mut buffer).map_err(failed)?;
        if n == 0 {
            break;
        }
        look.see(&buffer[..n]);
    }
    // One more byte tells whether the end was reached.
    let mut rest = bytes.into_inner();
    look.whole = rest.read(&mut buffer[..1]).map_err(failed)? == 0;
    Ok(look)
}

/// A scan of the lines of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LineLook {
    delimiter: u8,
    place: CsvPlace,
    returned: bool,
    newlines: bool,
    return_newlines: bool,
    broken: bool,
    whole: bool,
}

impl LineLook {
    fn new(delimiter: u8) -> LineLook {
        LineLook {
            delimiter,
            place: CsvPlace::Begin,
            returned: false,
            newlines: false,
            return_newlines: false,
            broken: false,
            whole: false,
        }
    }

    fn see(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            let ends = byte == b'\n' && !self.place.is_quoted();
            self.broken |= byte == b'\n' && self.place.is_quoted();
            self.return_newlines |= ends && self.returned;
            self.newlines |= ends && !self.returned;
            self.returned = byte == b'\r';
            self.place = self.place.after(byte, self.delimiter);
        }
    }

    /// What lines end in.
    pub(super) fn end(&self) -> LineEnd {
        match (self.newlines, self.return_newlines) {
            (true, true) => LineEnd::Both,
            (false, true) => LineEnd::ReturnNewline,
            _ => LineEnd::Newline,
        }
    }

    /// What is known of the lines, of a file whose header line is plain.
    pub(super) fn lines(&self, plain_header: bool) -> CsvLines {
        CsvLines { end: self.end(), broken: self.broken, whole: self.whole, plain_header }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seen(text: &[u8]) -> (LineEnd, bool) {
        let mut look = LineLook::new(b',');
        look.see(text);
        (look.end(), look.broken)
    }

    #[test]
    fn quotes_open_at_the_start_of_a_field_alone() {
        assert_eq!(seen(b"a,b\n1,\"x\"\n"), (LineEnd::Newline, false));
        assert_eq!(seen(b"a,b\r\n1,\"x\r\ny\"\r\n"), (LineEnd::ReturnNewline, true));
        assert_eq!(seen(b"a\"b,c\n5\" x,\"\"\"\"\n"), (LineEnd::Newline, false));
        assert_eq!(seen(b"a,\"b\"\"\n\"\n"), (LineEnd::Newline, true));
        assert_eq!(seen(b"a\r\nb\n"), (LineEnd::Both, false));
        assert_eq!(seen(b"a\rb\n"), (LineEnd::Newline, false));
    }

    proptest! {
        /// Against a parser that shares nothing with it: the number of records tells whether a line was broken.
        #[test]
        fn a_broken_line_is_a_line_that_is_no_record(rows in prop::collection::vec(prop::collection::vec("[a\", \n]{0,6}", 2), 1..8)) {
            let mut writer = csv::WriterBuilder::new().from_writer(vec![]);
            rows.iter().for_each(|row| writer.write_record(row).unwrap());
            let text = writer.into_inner().unwrap();
            let lines = text.iter().filter(|byte| **byte == b'\n').count();
            prop_assert_eq!(seen(&text).1, lines != rows.len());
            // Wherever the bytes are cut.
            let mut look = LineLook::new(b',');
            text.iter().for_each(|byte| look.see(&[*byte]));
            prop_assert_eq!(look.broken, lines != rows.len());
        }
    }
}
