//! CSV by the `csv` crate.
//!
//! The crate does not tell `""` from nothing, and takes `"a"b` for `ab`. Both are seen in the bytes of a record,
//! whose place the crate gives.

use super::part::{File, RawColumn, RawFile, without_bom};
use crate::error::{Error, Result};
use crate::sql::source::unique_names;
use arrow_array::ArrayRef;
use arrow_array::builder::StringViewBuilder;
use csv::{ByteRecord, Position, ReaderBuilder, Terminator};
use std::borrow::Cow;
use std::io::Cursor;
use std::sync::Arc;

/// The rows of a file.
pub(super) fn read(file: &File, text: &[u8], wanted: &[RawColumn]) -> Result<RawFile> {
    let text = without_bom(text);
    match header(file, text)? {
        Some(header) => rows(file, &text[header.bytes..], &header.names, wanted),
        // Without a header there are no columns and no records.
        None => Ok(RawFile { columns: vec![None; wanted.len()], numbers: vec![], records: 0 }),
    }
}

/// The names of the columns of a file.
pub(super) struct CsvHeader {
    pub(super) names: Vec<String>,
    /// How many bytes of the text come before the records.
    pub(super) bytes: usize,
}

/// The header of a file whose text is or begins with `text`; none where there is no record at all.
pub(super) fn header(file: &File, text: &[u8]) -> Result<Option<CsvHeader>> {
    let mut records = CsvRecordIter::of(file, text);
    let header = match &file.plan.names {
        Some(names) => CsvHeader { names: names.clone(), bytes: 0 },
        None => match records.next()? {
            None => return Ok(None),
            Some(Err(what)) => {
                return Err(Error::data(format!("{}: the header line is {what}", file.path.display())));
            }
            Some(Ok(())) => {
                let names = records.names();
                let bytes = records.reader.position().byte() as usize;
                // The first record helps to name the columns.
                let first = matches!(records.next()?, Some(Ok(()))).then(|| {
                    let fields = records.record.len();
                    (
                        fields,
                        records.value(fields.saturating_sub(1)).is_none()
                            && records.quoted.last() != Some(&true),
                    )
                });
                CsvHeader { names: unique_names(names, first), bytes }
            }
        },
    };
    file.check_times(|name| header.names.iter().any(|known| known == name))?;
    Ok(Some(header))
}

/// How many bytes at the start of `text` are whole records, and how many records these are; `last` says that nothing
/// follows it.
pub(super) fn whole_records(file: &File, text: &[u8], last: bool) -> Result<(usize, u64)> {
    if memchr::memchr(b'"', text).is_none() {
        let bytes = if last { text.len() } else { memchr::memrchr(b'\n', text).map_or(0, |at| at + 1) };
        let lines = text[..bytes].split(|&c| c == b'\n');
        return Ok((bytes, lines.filter(|line| !matches!(*line, b"" | b"\r")).count() as u64));
    }
    let mut records = CsvRecordIter::of(file, text);
    let (mut bytes, mut number) = (0, 0);
    while records.next()?.is_some() {
        // What reaches the end of the text may go on behind it.
        if records.reached >= text.len() && !last {
            return Ok((bytes, number));
        }
        (bytes, number) = (records.reader.position().byte() as usize, number + 1);
    }
    Ok((text.len(), number))
}

/// The rows of a text of whole records, without a header.
pub(super) fn rows(file: &File, text: &[u8], names: &[String], wanted: &[RawColumn]) -> Result<RawFile> {
    let mut records = CsvRecordIter::of(file, text);
    let fields: Vec<Option<usize>> =
        wanted.iter().map(|column| names.iter().position(|name| *name == column.name)).collect();
    let mut columns: Vec<StringViewBuilder> = fields.iter().map(|_| StringViewBuilder::new()).collect();
    let (mut numbers, mut number) = (vec![], 0);
    while let Some(record) = records.next()? {
        let fault = record.err().or_else(|| {
            let found = records.record.len();
            (found != names.len()).then(|| format!("of {found} fields, but {} are expected", names.len()))
        });
        let row = number;
        number += 1;
        if let Some(what) = fault {
            file.bad(row, &format!("it is {what}"))?;
            continue;
        }
        for (i, field) in fields.iter().enumerate() {
            if let Some(field) = *field {
                let value = records.value(field);
                let value = value.filter(|value| wanted[i].text || !value.is_empty());
                columns[i].append_option(
                    value.and_then(|value| plain(&wanted[i], value, records.is_quoted(field))),
                );
            }
        }
        numbers.push(row);
    }
    let columns = columns.iter_mut().zip(&fields);
    let columns = columns.map(|(column, field)| field.map(|_| Arc::new(column.finish()) as ArrayRef));
    Ok(RawFile { columns: columns.collect(), numbers, records: number })
}

/// The plain form of a field; nothing between quotes is the empty text.
fn plain<'a>(wanted: &RawColumn, value: &'a str, quoted: bool) -> Option<Cow<'a, str>> {
    let spaces = quoted && wanted.text && value.chars().all(|c| c.is_ascii_whitespace());
    match wanted.plain(value) {
        None if spaces => Some("".into()),
        Some(plain) if plain.is_empty() && !quoted => None,
        plain => plain,
    }
}

/// The records of a text, one at a time.
struct CsvRecordIter<'a> {
    path: &'a std::path::Path,
    text: &'a [u8],
    delimiter: u8,
    reader: csv::Reader<Cursor<&'a [u8]>>,
    record: ByteRecord,
    /// Of the fields of the record, whether each stands in quotes; none where there is no quote in it.
    quoted: Vec<bool>,
    /// Whether a `\r` of the line end is on the last field.
    carriage: bool,
    /// Whether some byte of the text is none of a text.
    suspect: bool,
    /// Where the record ends, for the crate: of one whose quote is not closed that may be far behind its line.
    reached: usize,
}

impl<'a> CsvRecordIter<'a> {
    fn of(file: &File<'a>, text: &'a [u8]) -> CsvRecordIter<'a> {
        let mut builder = ReaderBuilder::new();
        // Lines end in `\n` or `\r\n`; a `\r` alone is data.
        builder.delimiter(file.plan.delimiter).has_headers(false).flexible(true);
        builder.terminator(Terminator::Any(b'\n'));
        CsvRecordIter {
            path: file.path,
            text,
            delimiter: file.plan.delimiter,
            reader: builder.from_reader(Cursor::new(text)),
            record: ByteRecord::new(),
            quoted: vec![],
            carriage: false,
            // The whole text is checked once, so that clean files skip the check of each record.
            suspect: memchr::memchr(0, text).is_some() || std::str::from_utf8(text).is_err(),
            reached: 0,
        }
    }

    /// Goes to the next record; none at the end. What is none is said in words: it is the line that it starts on.
    fn next(&mut self) -> Result<Option<std::result::Result<(), String>>> {
        loop {
            let start = self.reader.position().byte() as usize;
            let more = self.reader.read_byte_record(&mut self.record);
            if !more.map_err(|e| self.failed(e))? {
                return Ok(None);
            }
            let end = self.reader.position().byte() as usize;
            self.reached = end;
            // Empty lines before the record are passed over by the crate.
            let blank = self.text[start..end].iter().take_while(|&&c| c == b'\n').count();
            let start = start + blank;
            let raw = &self.text[start..end];
            if matches!(raw, b"" | b"\r" | b"\r\n") {
                continue;
            }
            self.carriage = raw.ends_with(b"\r\n") || !raw.ends_with(b"\n") && raw.ends_with(b"\r");
            self.quoted.clear();
            if memchr::memchr(b'"', raw).is_some() && !quotes(raw, self.delimiter, &mut self.quoted) {
                // After a quote that is not closed, go on with the next line: one bad record must not swallow
                // the rest.
                let line = memchr::memchr(b'\n', &self.text[start..]);
                let next = line.map_or(self.text.len(), |length| start + length + 1);
                let mut place = Position::new();
                place.set_byte(next as u64);
                self.reader.seek(place).map_err(|e| self.failed(e))?;
                return Ok(Some(Err("not closed by its last quote".to_string())));
            }
            if self.suspect && (memchr::memchr(0, raw).is_some() || std::str::from_utf8(raw).is_err()) {
                return Ok(Some(Err("no text: it has a NUL byte, or is not UTF-8".to_string())));
            }
            return Ok(Some(Ok(())));
        }
    }

    /// Whether the field stands in quotes.
    fn is_quoted(&self, field: usize) -> bool {
        self.quoted.get(field).copied().unwrap_or(false)
    }

    fn failed(&self, cause: csv::Error) -> Error {
        Error::data(format!("{} cannot be read as CSV", self.path.display())).caused_by(cause)
    }

    /// The field, of a record that is one; NULL where it is empty and has no quotes.
    fn value(&self, field: usize) -> Option<&str> {
        let mut value = &self.record[field];
        if self.carriage && field + 1 == self.record.len() {
            value = value.strip_suffix(b"\r").unwrap_or(value);
        }
        if value.is_empty() && !self.is_quoted(field) {
            return None;
        }
        // Known to be UTF-8, since the record is.
        Some(std::str::from_utf8(value).unwrap_or(""))
    }

    /// The record as names of columns.
    fn names(&self) -> Vec<String> {
        (0..self.record.len()).map(|i| self.value(i).unwrap_or("").to_string()).collect()
    }
}

/// Which fields of the record `raw` stand in quotes; false where a quote that opens one does not close it.
fn quotes(raw: &[u8], delimiter: u8, quoted: &mut Vec<bool>) -> bool {
    let mut rest = raw;
    loop {
        let opens = rest.first() == Some(&b'"');
        if opens {
            rest = &rest[1..];
            loop {
                let Some(quote) = memchr::memchr(b'"', rest) else { return false };
                rest = &rest[quote + 1..];
                match rest.first() {
                    Some(b'"') => rest = &rest[1..],
                    _ => break,
                }
            }
            let closed = matches!(rest, [] | b"\n" | b"\r" | b"\r\n") || rest[0] == delimiter;
            if !closed {
                return false;
            }
        }
        quoted.push(opens);
        match memchr::memchr(delimiter, rest) {
            Some(at) => rest = &rest[at + 1..],
            None => return true,
        }
    }
}
