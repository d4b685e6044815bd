//! Finds the records of documents, byte by byte, and writes each as a line.
//!
//! # Contract
//! * Blocks may be of any size: what comes out does not depend on where they are cut.
//! * Of a record only blanks between its tokens are dropped: digits, escapes, the order of keys and keys that come twice
//!   stay as they are written. Two words that blanks hold apart stay apart. Whether a record is JSON is for its reader to say.
//! * What is around the records is read by the grammar of JSON. Where it is broken, or ends too soon, nothing behind it
//!   can be told, and that is an error.

use super::Pointer;
use crate::input::jsonl::unescape;
use serde::de::IgnoredAny;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// The deepest nesting around records and in them. Their reader takes fewer levels, and says so of a record.
const DEEPEST: usize = 10_000;
/// The longest number or word around records, in bytes.
const LONGEST_WORD: usize = 4096;
/// The longest key that a pointer may have, as it is written.
const LONGEST_KEY: usize = 64 << 10;

/// The byte order mark that some programs put before UTF-8.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// Where a text stops being what it should be, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::input) struct Stopped {
    pub line: u64,
    pub byte: u64,
    pub what: String,
}

/// Where a record begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::input) struct Mark {
    /// In the lines that are made.
    pub out: u64,
    /// The line of the file, from 1.
    pub line: u64,
}

/// Marks on their way from the scanner to who counts lines.
pub(in crate::input) type RecordMarks = Arc<Mutex<VecDeque<Mark>>>;

/// What may come next around records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    Value,
    FirstItem,
    FirstKey,
    Key,
    Colon,
    After,
}

/// A list or object around records that is open.
struct ScannerFrame {
    list: bool,
    /// How many keys of the pointer lead here; none where it leads elsewhere.
    matched: Option<usize>,
    /// Of a list, the number of its next item.
    next: usize,
    /// Whether its items are records.
    records: bool,
    /// Where it begins.
    line: u64,
}

/// A string around records.
struct OpenString {
    key: bool,
    escaped: bool,
    /// Of a key that the pointer may have, what is between the quotes.
    raw: Option<Vec<u8>>,
}

/// A record that has begun.
struct OpenRecord {
    /// The brackets that close what is open.
    closing: Vec<u8>,
    text: bool,
    escaped: bool,
    /// Whether blanks were passed since `last`.
    gap: bool,
    last: u8,
    line: u64,
}

/// Where the records of a text are.
pub(super) struct Scanner {
    pointer: Option<Pointer>,
    frames: Vec<ScannerFrame>,
    at: Expected,
    /// How many keys of the pointer lead to the value of the key that was read last.
    key: Option<usize>,
    /// Whether this document has had its list.
    found: bool,
    text: Option<OpenString>,
    word: Vec<u8>,
    record: Option<OpenRecord>,
    line: u64,
    /// Bytes before the block.
    before: u64,
    /// Bytes that were written before the block.
    written: u64,
    pub(super) marks: Option<RecordMarks>,
}

type ScannerResult<T> = Result<T, String>;

impl Scanner {
    /// Every document is a record or a list of records; with a pointer, has the list of its records there.
    pub(super) fn new(pointer: Option<Pointer>) -> Scanner {
        Scanner {
            pointer,
            frames: vec![],
            at: Expected::Value,
            key: None,
            found: false,
            text: None,
            word: vec![],
            record: None,
            line: 1,
            before: 0,
            written: 0,
            marks: None,
        }
    }

    /// Takes the next block, and appends the lines of its records to `out`.
    ///
    /// # Errors
    /// Where it stops being JSON. What was appended before is right.
    pub(super) fn take(&mut self, block: &[u8], out: &mut Vec<u8>) -> Result<(), Stopped> {
        let start = out.len();
        let mut at = 0;
        while at < block.len() {
            let done = match () {
                () if self.record.is_some() => self.in_record(block, at, out),
                () if self.text.is_some() => self.in_text(block, at),
                () => self.around(block, at, out, start),
            };
            match done {
                Ok(next) => at = next,
                Err(what) => {
                    return Err(Stopped { line: self.line, byte: self.before + at as u64, what });
                }
            }
        }
        self.before += block.len() as u64;
        self.written += (out.len() - start) as u64;
        Ok(())
    }

    /// Takes the end of the text.
    ///
    /// # Errors
    /// It ends inside of a document.
    pub(super) fn end(&mut self, out: &mut Vec<u8>) -> Result<(), Stopped> {
        let outcome = self.at_end(out);
        outcome.map_err(|what| Stopped { line: self.line, byte: self.before, what })
    }

    fn at_end(&mut self, out: &mut Vec<u8>) -> ScannerResult<()> {
        if let Some(record) = &self.record {
            if !record.closing.is_empty() || record.text {
                let line = record.line;
                return Err(format!(
                    "the text ends inside the record that begins on line {line}: it is cut short"
                ));
            }
            self.end_record(out);
        }
        self.end_word()?;
        if let Some(frame) = self.frames.last() {
            let (what, bracket) = if frame.list { ("list", ']') } else { ("object", '}') };
            let line = frame.line;
            return Err(format!(
                "the text ends, and the {what} that begins on line {line} has no `{bracket}`: it is cut short"
            ));
        }
        match self.text {
            Some(_) => Err("the text ends inside a string: it is cut short".into()),
            None => Ok(()),
        }
    }

    /// Reads a byte around records; gives where to go on.
    fn around(&mut self, block: &[u8], at: usize, out: &mut [u8], start: usize) -> ScannerResult<usize> {
        let c = block[at];
        // The mark may be cut by the end of a block, so it is passed byte by byte.
        if self.before + at as u64 <= 2 && BOM.get(self.before as usize + at) == Some(&c) {
            return Ok(at + 1);
        }
        if is_word(c) {
            if self.word.is_empty() {
                let (matched, record) = self.begins(c)?;
                if record {
                    self.begin_record(out, start);
                    return Ok(at);
                }
                self.not_a_list(matched, "a value")?;
            }
            // A word around records is kept until it ends, so its length has a bound.
            if self.word.len() == LONGEST_WORD {
                return Err(format!("a number or word of more than {LONGEST_WORD} bytes"));
            }
            self.word.push(c);
            return Ok(at + 1);
        }
        self.end_word()?;
        match c {
            b'\n' => self.line += 1,
            b' ' | b'\t' | b'\r' => {}
            b'"' if matches!(self.at, Expected::FirstKey | Expected::Key) => self.begin_key(),
            b'{' | b'[' | b'"' => {
                let (matched, record) = self.begins(c)?;
                if record {
                    self.begin_record(out, start);
                    return Ok(at);
                }
                self.open(c, matched)?;
            }
            b':' if self.at == Expected::Colon => self.at = Expected::Value,
            b',' if self.at == Expected::After => {
                self.at =
                    if self.frames.last().is_some_and(|f| f.list) { Expected::Value } else { Expected::Key }
            }
            b']' | b'}' => self.close(c)?,
            _ => return Err(self.unexpected(c)),
        }
        Ok(at + 1)
    }

    /// A value begins: how many keys of the pointer lead to it, and whether it is a record.
    fn begins(&mut self, c: u8) -> ScannerResult<(Option<usize>, bool)> {
        if !matches!(self.at, Expected::Value | Expected::FirstItem) {
            return Err(self.unexpected(c));
        }
        let Some(frame) = self.frames.last_mut() else {
            // Without a pointer a list at the top holds records, and all else is one.
            return Ok((Some(0), self.pointer.is_none() && c != b'['));
        };
        if frame.records {
            return Ok((None, true));
        }
        if !frame.list {
            return Ok((self.key.take(), false));
        }
        let number = frame.next;
        frame.next += 1;
        let pointer = self.pointer.as_ref();
        let matched = frame.matched.filter(|n| pointer.is_some_and(|p| p.is_item(*n, number)));
        Ok((matched.map(|n| n + 1), false))
    }

    /// A list, object or string around records begins.
    fn open(&mut self, c: u8, matched: Option<usize>) -> ScannerResult<()> {
        if c != b'[' {
            self.not_a_list(matched, if c == b'{' { "an object" } else { "a text" })?;
        }
        if c == b'"' {
            self.text = Some(OpenString { key: false, escaped: false, raw: None });
            return Ok(());
        }
        if self.frames.len() == DEEPEST {
            return Err(format!("it is nested deeper than {DEEPEST} levels"));
        }
        let list = c == b'[';
        let records = list && self.is_there(matched);
        if records {
            if self.found {
                return Err(format!("{} occurs twice in one document", self.place()));
            }
            self.found = true;
        }
        self.frames.push(ScannerFrame { list, matched, next: 0, records, line: self.line });
        self.at = if list { Expected::FirstItem } else { Expected::FirstKey };
        Ok(())
    }

    /// Whether the pointer ends here.
    fn is_there(&self, matched: Option<usize>) -> bool {
        matched.is_some_and(|n| self.pointer.as_ref().map_or(0, Pointer::len) == n)
    }

    fn place(&self) -> String {
        format!("`{}`", self.pointer.as_ref().map_or("", Pointer::text))
    }

    /// Fails where the pointer leads to what is `what`.
    fn not_a_list(&self, matched: Option<usize>, what: &str) -> ScannerResult<()> {
        match self.pointer.is_some() && self.is_there(matched) {
            true => Err(format!("`records` leads to {}, which is {what} and not a list", self.place())),
            false => Ok(()),
        }
    }

    fn close(&mut self, c: u8) -> ScannerResult<()> {
        let list = c == b']';
        let first = if list { Expected::FirstItem } else { Expected::FirstKey };
        let fits = self.at == Expected::After || self.at == first;
        match self.frames.last() {
            Some(frame) if frame.list == list && fits => {}
            _ => return Err(self.unexpected(c)),
        }
        self.frames.pop();
        self.after_value()
    }

    /// A value around records has ended.
    fn after_value(&mut self) -> ScannerResult<()> {
        self.at = Expected::After;
        if self.frames.is_empty() {
            self.at = Expected::Value;
            if self.pointer.is_some() && !self.found {
                return Err(format!("the document that ends here has no list at {}", self.place()));
            }
            // The next document of the file has a list of its own.
            self.found = false;
        }
        Ok(())
    }

    fn begin_key(&mut self) {
        // Only keys that may be on the way of the pointer are kept: all others may be of any length.
        let wanted = match (&self.pointer, self.frames.last()) {
            (Some(pointer), Some(frame)) => frame.matched.is_some_and(|n| n < pointer.len()),
            _ => false,
        };
        self.text = Some(OpenString { key: true, escaped: false, raw: wanted.then(Vec::new) });
    }

    /// Reads on in a string around records.
    fn in_text(&mut self, block: &[u8], at: usize) -> ScannerResult<usize> {
        let Some(text) = &mut self.text else { return Ok(at) };
        let plain = if text.escaped { 0 } else { plain(&block[at..]) };
        let mut end = at + plain;
        let mut last = block.get(end).copied();
        match last {
            Some(b'\n') if plain == 0 => return Err("a line ends inside of a string".into()),
            // The fault is told of its own byte.
            Some(b'\n') | None => last = None,
            Some(_) => end += 1,
        }
        if let Some(raw) = &mut text.raw {
            raw.extend_from_slice(&block[at..end]);
            // Such a key cannot be one of the pointer's, so its text is let go.
            if raw.len() > LONGEST_KEY {
                text.raw = None;
            }
        }
        match last {
            Some(_) if text.escaped => text.escaped = false,
            Some(b'\\') => text.escaped = true,
            Some(b'"') => self.end_text()?,
            _ => {}
        }
        Ok(end)
    }

    fn end_text(&mut self) -> ScannerResult<()> {
        let Some(OpenString { key, raw, .. }) = self.text.take() else { return Ok(()) };
        if !key {
            return self.after_value();
        }
        self.at = Expected::Colon;
        self.key = None;
        let matched = self.frames.last().and_then(|frame| frame.matched);
        if let (Some(raw), Some(n), Some(pointer)) = (raw, matched, &self.pointer) {
            let mut name = vec![];
            unescape(raw.strip_suffix(b"\"").unwrap_or(&raw), &mut name);
            self.key = pointer.is_key(n, &name).then_some(n + 1);
        }
        Ok(())
    }

    /// A number, `true`, `false` or `null` around records may have ended.
    fn end_word(&mut self) -> ScannerResult<()> {
        if self.word.is_empty() {
            return Ok(());
        }
        let word = std::mem::take(&mut self.word);
        if serde_json::from_slice::<IgnoredAny>(&word).is_err() {
            return Err(format!("`{}` is not JSON", String::from_utf8_lossy(&word)));
        }
        self.after_value()
    }

    fn begin_record(&mut self, out: &[u8], start: usize) {
        if let Some(marks) = &self.marks {
            let out = self.written + (out.len() - start) as u64;
            marks.lock().unwrap_or_else(PoisonError::into_inner).push_back(Mark { out, line: self.line });
        }
        // The comma stands for what is in front: a blank is never needed before the first byte.
        let (text, escaped, gap, last) = (false, false, false, b',');
        self.record = Some(OpenRecord { closing: vec![], text, escaped, gap, last, line: self.line });
    }

    fn end_record(&mut self, out: &mut Vec<u8>) {
        self.record = None;
        out.push(b'\n');
        self.at = if self.frames.is_empty() { Expected::Value } else { Expected::After };
    }

    /// Reads on in a record.
    fn in_record(&mut self, block: &[u8], at: usize, out: &mut Vec<u8>) -> ScannerResult<usize> {
        let Some(record) = &mut self.record else { return Ok(at) };
        if record.text {
            return self.in_record_text(block, at, out);
        }
        let c = block[at];
        match c {
            b' ' | b'\t' | b'\r' | b'\n' => {
                record.gap = true;
                // A word that is a record by itself ends here.
                let ends = record.closing.is_empty();
                self.line += u64::from(c == b'\n');
                if ends {
                    self.end_record(out);
                }
                return Ok(at + 1);
            }
            // A word that is a record by itself ends at the bracket or comma around it, which is read again
            // there.
            b',' | b']' | b'}' if record.closing.is_empty() => {
                self.end_record(out);
                return Ok(at);
            }
            b'{' | b'[' => {
                if record.closing.len() == DEEPEST {
                    return Err(format!("a record is nested deeper than {DEEPEST} levels"));
                }
                record.closing.push(if c == b'{' { b'}' } else { b']' });
            }
            b'}' | b']' => match record.closing.pop() {
                Some(wanted) if wanted == c => {}
                Some(wanted) => {
                    return Err(format!("`{}` where `{}` is expected", c as char, wanted as char));
                }
                None => {}
            },
            b'"' => record.text = true,
            _ if record.gap && is_word(c) && is_word(record.last) => out.push(b' '),
            _ => {}
        }
        out.push(c);
        (record.gap, record.last) = (false, c);
        if matches!(c, b'}' | b']') && record.closing.is_empty() {
            self.end_record(out);
        }
        Ok(at + 1)
    }

    /// Reads on in a string of a record.
    fn in_record_text(&mut self, block: &[u8], at: usize, out: &mut Vec<u8>) -> ScannerResult<usize> {
        let Some(record) = &mut self.record else { return Ok(at) };
        let plain = if record.escaped { 0 } else { plain(&block[at..]) };
        let end = at + plain;
        out.extend_from_slice(&block[at..end]);
        let Some(&c) = block.get(end) else { return Ok(end) };
        if c == b'\n' {
            // The fault is told of its own byte.
            return if plain > 0 { Ok(end) } else { Err("a line ends inside of a string".into()) };
        }
        out.push(c);
        match c {
            _ if record.escaped => record.escaped = false,
            b'\\' => record.escaped = true,
            b'"' => {
                (record.text, record.last) = (false, c);
                if record.closing.is_empty() {
                    self.end_record(out);
                }
            }
            _ => {}
        }
        Ok(end + 1)
    }

    /// What is wrong with a byte that may not stand here.
    fn unexpected(&self, c: u8) -> String {
        let shown =
            if c.is_ascii_graphic() { format!("`{}`", c as char) } else { format!("the byte {c:#04x}") };
        let list = self.frames.last().is_some_and(|frame| frame.list);
        let expected = match self.at {
            Expected::Value if self.frames.is_empty() => "an object or a list",
            Expected::Value => "a value",
            Expected::FirstItem => "a value or `]`",
            Expected::FirstKey => "a key or `}`",
            Expected::Key => "a key",
            Expected::Colon => "`:`",
            Expected::After if list => "`,` or `]`",
            Expected::After => "`,` or `}`",
        };
        format!("{shown} where {expected} is expected: it is not JSON from here on")
    }
}

/// Whether a byte outside of strings is one of a number or word, and not of a bracket, mark or blank.
fn is_word(c: u8) -> bool {
    !matches!(c, b'{' | b'}' | b'[' | b']' | b',' | b':' | b'"' | b' ' | b'\t' | b'\r' | b'\n')
}

/// How many bytes stand before the first quote, backslash or line end.
fn plain(text: &[u8]) -> usize {
    memchr::memchr3(b'"', b'\\', b'\n', text).unwrap_or(text.len())
}
