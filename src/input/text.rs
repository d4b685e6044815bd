//! Text files as chunks of whole records: the serial part of reading.
//!
//! # Contract
//! * The chunks of a file, one behind the other, are its text, less a byte order mark and a CSV
//!   header, and with a line end at the end of the file if there is none.
//! * Every chunk starts where a record starts and ends where one ends, as the exact scanner
//!   ([`super::csv::record`]) has them. How records are divided among chunks decides nothing.
//! * What was read whole before a read fails is handed out before the error is.

use super::LONGEST_RECORD;
use super::blocks::TextBlocks;
use super::chunk::TextChunk;
use super::csv::names::{FirstRecord, names_of};
use super::csv::record::{Scanned, scan_record, unescape, unquoted};
use super::cut::{Cutter, LARGE};
use super::meter::Meter;
use super::raw::RawText;
use super::source_file::SourceFile;
use crate::error::{Error, Result};
use memchr::{memchr, memchr_iter};
use std::path::Path;

/// The text of one file on its way into chunks.
pub(super) struct TextFile {
    cutter: Cutter,
    raw: RawText,
    /// Read, and from `taken` on not yet handed out; starts at a record.
    carry: Vec<u8>,
    taken: usize,
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
            cutter: Cutter { file: file.clone(), delimiter },
            raw: RawText::open(file, meter)?,
            carry: Vec::new(),
            taken: 0,
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

    /// Whether all of the file is in the buffer that was filled last.
    fn at_end(&self) -> bool {
        self.ended && self.taken == self.carry.len()
    }

    /// Fills `buffer` until it holds `target` bytes, or to the end of the file, where a missing last
    /// line end is added. `buffer` holds what was taken and not yet handed out.
    fn fill(&mut self, buffer: &mut Vec<u8>, target: usize) {
        let carried = &self.carry[self.taken..];
        let taken = target.saturating_sub(buffer.len()).min(carried.len());
        buffer.extend_from_slice(&carried[..taken]);
        self.taken += taken;
        while buffer.len() < target && !self.ended && self.broken.is_none() {
            match self.raw.append(buffer, target - buffer.len()) {
                Ok(0) => {
                    self.ended = true;
                    // The decoders rely on a line end behind each record.
                    if buffer.last().is_some_and(|&c| c != b'\n') {
                        buffer.push(b'\n');
                    }
                }
                Ok(_) => {}
                // Kept and not returned: whole records that were read before it are handed out first.
                Err(error) => self.broken = Some(error),
            }
        }
    }

    /// Keeps the end of a buffer, which is not handed out, for the next chunk.
    fn give_back(&mut self, rest: &[u8]) {
        if self.taken < self.carry.len() {
            // More was carried than the buffer took, so this is a part of it.
            self.taken -= rest.len();
            return;
        }
        if self.carry.capacity() > LARGE {
            self.carry = Vec::new();
        }
        self.carry.clear();
        self.carry.extend_from_slice(rest);
        self.taken = 0;
    }

    /// The next chunk, of about `size` bytes, read into `buffer`, which is empty; and whether there
    /// is a quote in it. `None` at the end of the file.
    pub(super) fn next_chunk(
        &mut self,
        size: usize,
        mut buffer: Vec<u8>,
    ) -> Result<Option<(TextChunk, bool)>> {
        let size = size.clamp(1, LONGEST_RECORD);
        let mut target = size;
        loop {
            self.fill(&mut buffer, target);
            let quoted = self.cutter.quoted(&buffer);
            let cut = self.cutter.cut(&buffer, size, quoted, self.at_end());
            if cut.end > 0 {
                self.give_back(&buffer[cut.end..]);
                buffer.truncate(cut.end);
                if buffer.capacity() > LARGE {
                    buffer.shrink_to_fit();
                }
                let chunk = TextChunk {
                    file: self.cutter.file.ordinal,
                    offset: self.offset,
                    first_line: self.lines,
                    bytes: buffer.into(),
                    clean: cut.clean,
                };
                self.offset += cut.end as u64;
                // Only Kafka Connect's files number their records by lines, and counting costs a pass over
                // the text.
                if self.cutter.file.framing.connect().is_some() {
                    self.lines += memchr_iter(b'\n', &chunk.bytes).count() as u64;
                }
                return Ok(Some((chunk, quoted)));
            }
            if self.taken == self.carry.len() {
                if let Some(error) = &self.broken {
                    return Err(error.clone());
                }
                if self.ended {
                    return Ok(None);
                }
            }
            if buffer.len() >= LONGEST_RECORD {
                return Err(self.cutter.endless(self.offset));
            }
            // Doubled, so that a long record is scanned a few times and not once for each chunk size that it
            // has.
            target = (buffer.len() * 2).min(LONGEST_RECORD);
        }
    }

    /// The file as blocks, if they can be read by several threads and it has more than one of `size` bytes; else the file again.
    pub(super) fn into_blocks(self, size: usize) -> std::result::Result<TextBlocks, Box<TextFile>> {
        // Only Kafka Connect's files number their records by lines, which are counted one chunk after the other.
        let in_turn = self.cutter.file.framing.connect().is_some() || self.ended || self.broken.is_some();
        if in_turn {
            return Err(Box::new(self));
        }
        let size = size.clamp(1, LONGEST_RECORD);
        match self.raw.into_disk(size) {
            Ok(disk) => {
                let carry = self.carry[self.taken..].to_vec();
                Ok(TextBlocks::new(self.cutter, disk, size, carry, self.offset))
            }
            Err(raw) => Err(Box::new(TextFile { raw: *raw, ..self })),
        }
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
            match scan_record(&text, at, self.cutter.delimiter, self.ended, &mut ends) {
                Scanned::Blank { end } => at = end,
                Scanned::Record { end } if end - at > LONGEST_RECORD => {
                    return Err(self
                        .old_mac_header(&text)
                        .unwrap_or_else(|| self.cutter.endless(self.offset)));
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
                    if text.len() >= LONGEST_RECORD {
                        return Err(self
                            .old_mac_header(&text)
                            .unwrap_or_else(|| self.cutter.endless(self.offset)));
                    }
                    target = (text.len() * 2).min(LONGEST_RECORD);
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
        let first = self.first_record(&mut text);
        self.carry = text;
        Ok(Some(names_of(names, first).0))
    }

    /// How the first record of `text` ends, which is filled for that; none where there is none that can be read.
    fn first_record(&mut self, text: &mut Vec<u8>) -> Option<FirstRecord> {
        // What was carried is all in `text`.
        self.carry.clear();
        self.taken = 0;
        let (mut at, mut target, mut ends) = (0, 4096, Vec::new());
        loop {
            self.fill(text, target);
            match scan_record(text, at, self.cutter.delimiter, self.ended, &mut ends) {
                Scanned::Blank { end } => at = end,
                Scanned::Record { end } => {
                    let last = ends.len().checked_sub(2).map_or(at, |i| ends[i] as usize + 1);
                    let ends_empty = matches!(text[last..end], [b'\n'] | [b'\r', b'\n']);
                    return Some(FirstRecord { fields: ends.len(), ends_empty });
                }
                Scanned::Malformed { .. } => return None,
                Scanned::Incomplete if self.ended || self.broken.is_some() => return None,
                Scanned::Incomplete if text.len() >= LONGEST_RECORD => return None,
                Scanned::Incomplete => target = (text.len().max(2048) * 2).min(LONGEST_RECORD),
            }
        }
    }

    /// The fields of the header that starts at `start` of `text`.
    fn names(&self, text: &[u8], mut start: usize, ends: &[u32]) -> Result<Vec<String>> {
        let mut names = Vec::with_capacity(ends.len());
        for (i, &end) in ends.iter().enumerate() {
            let field = &text[start..end as usize];
            // The scanner leaves the `\r` of a `\r\n` in the last field.
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
        Error::data(format!("{}: the header line cannot be read: {what}", self.cutter.file.path.display()))
            .hint("if the file has no header line, name its columns: columns = [\"…\", …]")
    }

    /// The error for a text without `\n` but with a `\r` that is not at its end.
    fn old_mac_header(&self, text: &[u8]) -> Option<Error> {
        let at = memchr(b'\r', text)?;
        (at + 1 < text.len()).then(|| {
            let path = self.cutter.file.path.display();
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
            Err(Error::data(format!("{path} is UTF-16, but only UTF-8 can be read"))
                .hint(format!("convert it: iconv -f UTF-16 -t UTF-8 {path} > converted.csv")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::csv::record::LONGEST_QUOTED;
    use super::super::testing::TestFolder;
    use super::*;

    /// The sizes and the capacities of the chunks of `text`, which they are one behind the other.
    fn chunks(text: &str, size: usize) -> Vec<(usize, usize)> {
        let folder = TestFolder::with("a.csv", text);
        let file = folder.plan("t", &[]).files.remove(0);
        let mut file = TextFile::open(&file, b',', Meter::idle()).unwrap();
        let (mut all, mut sizes) = (vec![], vec![]);
        while let Some((chunk, _)) = file.next_chunk(size, vec![]).unwrap() {
            assert_eq!(chunk.offset, all.len() as u64);
            all.extend_from_slice(&chunk.bytes);
            let length = chunk.bytes.len();
            sizes.push((length, chunk.bytes.into_vec().capacity()));
        }
        assert!(all == text.as_bytes());
        sizes
    }

    #[test]
    fn a_quote_that_is_not_closed_makes_no_large_chunk() {
        // Further than a quoted field may go, and not as far.
        for lines in [LONGEST_QUOTED / 8 + (4 << 20) / 8, (6 << 20) / 8] {
            let text = format!("1,\"2\n{}", "3,45678\n".repeat(lines));
            let sizes = chunks(&text, 1 << 20);
            assert!(sizes.iter().all(|(size, capacity)| *size < 2 << 20 && *capacity <= LARGE), "{sizes:?}");
            assert!(sizes.len() <= 2 + text.len() / (1 << 20), "{sizes:?}");
        }
    }

    #[test]
    fn the_longest_record_is_the_same_for_all_sizes_of_chunks() {
        let longest = format!("1,{}\n2,3\n", "x".repeat(LONGEST_RECORD - 3));
        let too_long = format!("1,{}\n2,3\n", "x".repeat(LONGEST_RECORD - 2));
        for size in [1 << 20, 3 << 20, LONGEST_RECORD] {
            assert_eq!(chunks(&longest, size)[0].0, LONGEST_RECORD);
            let folder = TestFolder::with("a.csv", &too_long);
            let file = folder.plan("t", &[]).files.remove(0);
            let mut file = TextFile::open(&file, b',', Meter::idle()).unwrap();
            assert!(file.next_chunk(size, vec![]).unwrap_err().to_string().contains("is longer than 64 MiB"));
        }
    }
}
