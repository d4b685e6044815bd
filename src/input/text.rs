//! Text files as chunks of whole records: the serial part of reading.
//!
//! # Contract
//! * The chunks of a file, one behind the other, are its text, less a byte order mark and a CSV
//!   header, and with a line end at the end of the file if there is none.
//! * Every chunk starts where a record starts and ends where one ends, as the exact scanner
//!   ([`super::csv::record`]) has them. How records are divided among chunks decides nothing.
//! * What was read whole before a read fails is handed out before the error is.

use super::csv::index::{Quotes, check_quotes};
use super::csv::record::{LONGEST_QUOTED, Scanned, last_end, scan_record, unescape, unquoted};
use super::files::{Format, SourceFile};
use super::raw::{Meter, RawText};
use crate::error::{Error, Result};
use memchr::{memchr, memchr_iter, memrchr};
use std::path::Path;

/// A run of whole records of one text file.
#[derive(Debug)]
pub struct TextChunk {
    /// The ordinal of the file.
    pub file: u32,
    /// The byte of the uncompressed text (a BOM counted) at which `bytes` starts.
    pub offset: u64,
    /// How many lines the file has before it, where that tells something; else 0.
    pub first_line: u64,
    /// Whole records with their line ends; at the end of a file that lacks the last one, it is added.
    pub bytes: Vec<u8>,
    /// CSV: every quote is known to open, close or double where it may. True where there are no
    /// quotes. Nothing is known where false.
    pub clean: bool,
}

/// The longest record in bytes. It bounds the memory that a file without line ends can ask for.
const LONGEST_RECORD: usize = 64 << 20;

/// The text of one file on its way into chunks.
pub(super) struct TextFile {
    file: SourceFile,
    delimiter: u8,
    raw: RawText,
    /// Read, and not yet handed out; starts at a record.
    carry: Vec<u8>,
    /// The byte of the text at which `carry` starts.
    offset: u64,
    /// Lines before it, where the offsets of records are counted by lines.
    lines: u64,
    ended: bool,
    /// Why no more can be read.
    broken: Option<Error>,
}

impl TextFile {
    /// Opens `file` and skips a byte order mark.
    ///
    /// # Errors
    /// A file that cannot be opened, or that is UTF-16.
    pub(super) fn open(file: &SourceFile, delimiter: u8, meter: Meter) -> Result<TextFile> {
        let mut text = TextFile {
            file: file.clone(),
            delimiter,
            raw: RawText::open(file, meter)?,
            carry: Vec::new(),
            offset: 0,
            lines: 0,
            ended: false,
            broken: None,
        };
        let mut start = Vec::new();
        text.fill(&mut start, 3);
        match start[..] {
            [0xef, 0xbb, 0xbf, ..] => {
                start.drain(..3);
                text.offset = 3;
            }
            _ => check_encoding(&start, &file.path)?,
        }
        text.carry = start;
        Ok(text)
    }

    /// The byte of the text at which what was not yet handed out starts.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Reads until `buffer` holds `target` bytes, or to the end of the file, where a missing last
    /// line end is added. `buffer` holds all that was read and not yet handed out.
    fn fill(&mut self, buffer: &mut Vec<u8>, target: usize) {
        while buffer.len() < target && !self.ended && self.broken.is_none() {
            match self.raw.append(buffer, target - buffer.len()) {
                Ok(0) => {
                    self.ended = true;
                    if buffer.last().is_some_and(|&c| c != b'\n') {
                        buffer.push(b'\n');
                    }
                }
                Ok(_) => {}
                Err(error) => self.broken = Some(error),
            }
        }
    }

    /// The next chunk, of about `size` bytes, read into `buffer`, which is empty; and whether there
    /// is a quote in it. `None` at the end of the file.
    pub(super) fn next_chunk(
        &mut self,
        size: usize,
        mut buffer: Vec<u8>,
    ) -> Result<Option<(TextChunk, bool)>> {
        buffer.extend_from_slice(&self.carry);
        let mut target = size.clamp(1, LONGEST_RECORD);
        loop {
            self.fill(&mut buffer, target);
            let cut = self.cut(&buffer);
            if cut.end > 0 {
                self.carry.clear();
                self.carry.extend_from_slice(&buffer[cut.end..]);
                buffer.truncate(cut.end);
                let chunk = TextChunk {
                    file: self.file.ordinal,
                    offset: self.offset,
                    first_line: self.lines,
                    bytes: buffer,
                    clean: cut.clean,
                };
                self.offset += cut.end as u64;
                if self.file.framing.connect().is_some() {
                    self.lines += memchr_iter(b'\n', &chunk.bytes).count() as u64;
                }
                return Ok(Some((chunk, cut.quoted)));
            }
            if let Some(error) = &self.broken {
                return Err(error.clone());
            }
            if self.ended {
                return Ok(None);
            }
            if buffer.len() > LONGEST_RECORD {
                return Err(self.endless());
            }
            target = buffer.len() * 2;
        }
    }

    fn endless(&self) -> Error {
        let (path, offset) = (self.file.path.display(), self.offset);
        let megabytes = LONGEST_RECORD >> 20;
        Error::data(format!("{path}: the record at byte {offset} has no end within {megabytes} MiB"))
            .hint("is this a text file with one record a line?")
    }

    /// Where whole records end in `text`: at its end if that is the end of the file.
    fn cut(&self, text: &[u8]) -> Cut {
        let end_of_lines = || match self.ended {
            true => text.len(),
            false => memrchr(b'\n', text).map_or(0, |at| at + 1),
        };
        if self.file.format != Format::Csv || memchr(b'"', text).is_none() {
            return Cut { end: end_of_lines(), clean: true, quoted: false };
        }
        // In a longer text a quoted field could be too long, which the masks do not see.
        if text.len() <= LONGEST_QUOTED {
            let Quotes { clean, end } = check_quotes(text, self.delimiter);
            if clean && (!self.ended || end == text.len()) {
                return Cut { end, clean, quoted: true };
            }
        }
        let end = if self.ended { text.len() } else { last_end(text, self.delimiter) };
        Cut { end, clean: false, quoted: true }
    }

    /// Reads the first record as the names of the columns; `None` if there is none.
    ///
    /// # Errors
    /// A header that is malformed, not UTF-8, or without an end.
    pub(super) fn read_header(&mut self) -> Result<Option<Vec<String>>> {
        let mut text = std::mem::take(&mut self.carry);
        let (mut at, mut target, mut ends) = (0, 4096, Vec::new());
        let end = loop {
            self.fill(&mut text, target);
            match scan_record(&text, at, self.delimiter, self.ended, &mut ends) {
                Scanned::Blank { end } => at = end,
                Scanned::Record { end } if end - at > LONGEST_RECORD => {
                    return Err(self.old_mac_header(&text).unwrap_or_else(|| self.endless()));
                }
                Scanned::Record { end } => break end,
                Scanned::Malformed { quote, .. } => {
                    return Err(self.bad_header(&format!(
                        "the quote at byte {} is not closed, or closed before the end of the name",
                        self.offset + quote as u64
                    )));
                }
                Scanned::Incomplete if self.ended => return Ok(None),
                Scanned::Incomplete => {
                    if let Some(error) = &self.broken {
                        return Err(error.clone());
                    }
                    if text.len() > LONGEST_RECORD {
                        return Err(self.old_mac_header(&text).unwrap_or_else(|| self.endless()));
                    }
                    target = text.len() * 2;
                }
            }
        };
        // The only line end may be the one that was added.
        if self.ended
            && end == text.len()
            && memchr(b'\n', &text[..end - 1]).is_none()
            && let Some(error) = self.old_mac_header(&text[..end - 1])
        {
            return Err(error);
        }
        let names = self.names(&text, at, &ends)?;
        self.offset += end as u64;
        text.drain(..end);
        self.carry = text;
        Ok(Some(names))
    }

    /// The fields of the header that starts at `start` of `text`.
    fn names(&self, text: &[u8], mut start: usize, ends: &[u32]) -> Result<Vec<String>> {
        let mut names = Vec::with_capacity(ends.len());
        for (i, &end) in ends.iter().enumerate() {
            let field = &text[start..end as usize];
            let field = if i + 1 == ends.len() { field.strip_suffix(b"\r").unwrap_or(field) } else { field };
            let mut name = Vec::new();
            match unquoted(field) {
                (inner, true) => unescape(inner, &mut name),
                (inner, false) => name.extend_from_slice(inner),
            }
            names.push(String::from_utf8(name).map_err(|_| self.bad_header("it is not UTF-8"))?);
            start = end as usize + 1;
        }
        Ok(names)
    }

    fn bad_header(&self, what: &str) -> Error {
        Error::data(format!("{}: the header line cannot be read: {what}", self.file.path.display()))
            .hint("where the file has no header line, name its columns: columns = [\"…\", …]")
    }

    /// The error for a text without `\n` but with a `\r` that is not at its end.
    fn old_mac_header(&self, text: &[u8]) -> Option<Error> {
        let at = memchr(b'\r', text)?;
        (at + 1 < text.len()).then(|| {
            let path = self.file.path.display();
            Error::data(format!("{path}: no line ends in `\\n`, but there are `\\r`: old Mac line ends"))
                .hint(format!("convert it: tr '\\r' '\\n' < {path} > converted.csv"))
        })
    }

    /// Reads what is left of the file, and gives its size on disk and the hash of its bytes.
    pub(super) fn finish(self) -> Result<(u64, String)> {
        self.raw.finish()
    }
}

/// Refuses a text that begins with the byte order mark of UTF-16.
///
/// # Errors
/// A data error that says how to convert it.
pub(super) fn check_encoding(start: &[u8], path: &Path) -> Result<()> {
    match start {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
            let path = path.display();
            Err(Error::data(format!("{path} is UTF-16, and only UTF-8 is read"))
                .hint(format!("convert it: iconv -f UTF-16 -t UTF-8 {path} > converted.csv")))
        }
        _ => Ok(()),
    }
}

/// Where a text can be cut.
struct Cut {
    end: usize,
    clean: bool,
    quoted: bool,
}
