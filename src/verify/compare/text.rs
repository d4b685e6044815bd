//! CSV and JSON Lines of others: values without types.
//!
//! # Contract
//! * CSV: a header line, unless it is said that there is none; between fields what is said, or `,`, or a tab where the
//!   name ends in `.tsv`, or what alone makes several fields of the header line; a field may stand in quotes, and in
//!   them a quote is doubled. An empty field without quotes is NULL, `""` is the empty text. Empty lines are no records.
//! * JSON Lines: an object to a line. What an object has not is NULL; numbers are the digits that stand there; arrays and
//!   objects are their JSON as it stands there, but for objects of which the other side has the fields as columns, by
//!   their paths: `user.id`. Empty lines are no records.

use super::super::raw::shape::content;
use super::column::Cells;
use super::written::{ColumnNames, ResultFormat, is_null_word};
use crate::error::{Error, Result};
use crate::input::fields::{FieldKind, csv_field, undouble};
use crate::input::{Compression, InputFormat, SourceFile};
use arrow_array::builder::StringViewBuilder;
use rayon::prelude::*;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{BufRead, BufReader, Cursor, Read};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// Records are handed to workers in pieces of about so many bytes.
const CHUNK: usize = 1 << 20;

/// A text file, and the names of its columns.
#[derive(Debug)]
pub(super) struct ResultText {
    file: SourceFile,
    /// Between the fields of CSV; none of JSON Lines.
    comma: Option<u8>,
    /// In the order of the file; of JSON Lines as they first come.
    pub names: Vec<String>,
    /// Whether its first line has them.
    header: bool,
    written: Arc<ResultFormat>,
    /// By column, the words for NULL that it has, with the first line of each.
    words: Mutex<BTreeMap<(String, String), u64>>,
    /// What was found by itself, in words.
    pub notes: Vec<String>,
}

/// Some whole records.
pub(super) struct ResultChunk {
    /// The number of the first of them in its file, from 0.
    pub first: u64,
    /// The line that it begins on, from 1.
    line: u64,
    bytes: Vec<u8>,
}

impl ResultText {
    /// Opens a file and finds the names of its columns, for which JSON Lines are read to their end.
    ///
    /// # Errors
    /// A machine error: it cannot be read. A data error: no header, or records that are none.
    pub fn open(file: SourceFile, written: &Arc<ResultFormat>, others: &[String]) -> Result<ResultText> {
        let tabs = file.path.to_string_lossy().to_ascii_lowercase().contains(".tsv");
        let usual = written.delimiter.unwrap_or(if tabs { b'\t' } else { b',' });
        let comma = (file.format == InputFormat::Csv).then_some(usual);
        let (words, written) = (Mutex::default(), written.clone());
        let mut text = ResultText { file, comma, names: vec![], header: true, written, words, notes: vec![] };
        match comma {
            Some(_) => {
                let mut first = vec![];
                TextRecords::open(&text)?.record(&mut first)?;
                let comma = text.delimiter(&first, usual)?;
                text.comma = Some(comma);
                text.header = text.written.names == ColumnNames::Header;
                text.names = match &text.written.names {
                    ColumnNames::Header => fields(&first, comma).map(Option::unwrap_or_default).collect(),
                    ColumnNames::Same => others.to_vec(),
                    ColumnNames::Are(names) => names.clone(),
                };
                let count = fields(&first, comma).count();
                if !text.header && count != text.names.len() && !first.is_empty() {
                    let message = format!("{count} fields, but the columns are {}", text.names.join(", "));
                    return Err(text
                        .wrong(1, &message)
                        .hint("name them all, in their order: --columns a,b,c"));
                }
                if text.names.is_empty() || text.names.iter().any(String::is_empty) {
                    return Err(text.wrong(1, "expected a header with a name for each column"));
                }
            }
            None => text.names = text.names_of_objects(others)?,
        }
        Ok(text)
    }

    /// The byte between the fields of the line `first`: the usual one, unless another alone makes several of it.
    fn delimiter(&mut self, first: &[u8], usual: u8) -> Result<u8> {
        if self.written.delimiter.is_some() || fields(first, usual).count() > 1 {
            return Ok(usual);
        }
        let others = [b',', b';', b'\t', b'|'];
        let others: Vec<u8> = others.into_iter().filter(|c| fields(first, *c).count() > 1).collect();
        let shown = |c: &u8| if *c == b'\t' { "\\t".to_string() } else { char::from(*c).to_string() };
        match others.as_slice() {
            [] => Ok(usual),
            [one] => {
                let path = self.file.path.display();
                self.notes.push(format!("{path}: fields are separated by `{}`", shown(one)));
                Ok(*one)
            }
            several => {
                let several: Vec<String> = several.iter().map(|c| format!("`{}`", shown(c))).collect();
                let message = format!("its fields may be separated by {}", several.join(" or "));
                Err(self.wrong(1, &message).hint("name the right one, as in --delimiter ';'"))
            }
        }
    }

    /// By column, the words for NULL that were met, with the first line of each.
    pub fn null_words(&self) -> BTreeMap<(String, String), u64> {
        self.words.lock().unwrap_or_else(|e| e.into_inner()).clone()
    }

    /// Notes the words for NULL of some records.
    fn note_words(&self, names: &[&str], mut seen: Vec<(usize, String, u64)>) {
        // Of each column and word the first: of a chunk there are many.
        seen.sort();
        seen.dedup_by(|later, first| (later.0, &later.1) == (first.0, &first.1));
        if seen.is_empty() {
            return;
        }
        let mut words = self.words.lock().unwrap_or_else(|e| e.into_inner());
        for (column, word, line) in seen {
            let first = words.entry((names[column].to_string(), word)).or_insert(line);
            *first = line.min(*first);
        }
    }

    /// Where it is.
    pub fn path(&self) -> &PathBuf {
        &self.file.path
    }

    fn names_of_objects(&self, others: &[String]) -> Result<Vec<String>> {
        let found: Mutex<HashMap<String, (u64, usize)>> = Mutex::default();
        let others = Others::of(others);
        self.chunks()?.par_bridge().try_for_each(|chunk| {
            let chunk = chunk?;
            let mut seen: HashMap<String, (u64, usize)> = HashMap::new();
            let mut path = String::new();
            for (i, object) in self.objects(&chunk).enumerate() {
                let mut at = 0;
                object?.names(&mut path, &others, &mut |name| {
                    if !seen.contains_key(name) {
                        seen.insert(name.to_string(), (chunk.first + i as u64, at));
                    }
                    at += 1;
                });
            }
            let mut found = found.lock().unwrap_or_else(|e| e.into_inner());
            for (name, place) in seen {
                let first = found.entry(name).or_insert(place);
                *first = place.min(*first);
            }
            Ok(())
        })?;
        let mut names: Vec<_> = found.into_inner().unwrap_or_else(|e| e.into_inner()).into_iter().collect();
        // Chunks are read in any order, so the first place of each name gives the order of the file.
        names.sort_by_key(|(_, place)| *place);
        Ok(names.into_iter().map(|(name, _)| name).collect())
    }

    /// The records of the file, piece by piece.
    pub fn chunks(&self) -> Result<TextRecords<'_>> {
        let mut records = TextRecords::open(self)?;
        if self.comma.is_some() && self.header {
            records.record(&mut vec![])?;
        }
        Ok(records)
    }

    /// The columns `names` of some records, and how many records there are. What the file has not is NULL.
    pub fn columns(&self, chunk: &ResultChunk, names: &[&str]) -> Result<(Vec<Cells>, usize)> {
        let mut builders: Vec<StringViewBuilder> = names.iter().map(|_| StringViewBuilder::new()).collect();
        let (mut rows, mut seen) = (0, vec![]);
        let declared = |text: &str| self.written.nulls.iter().any(|word| word == text);
        match self.comma {
            Some(comma) => {
                let wanted: Vec<Option<usize>> =
                    self.names.iter().map(|name| names.iter().position(|other| name == other)).collect();
                let mut rest = &chunk.bytes[..];
                let mut line = chunk.line;
                while !rest.is_empty() {
                    let (record, after, lines) = split_record(rest);
                    rest = after;
                    let at = line;
                    line += lines;
                    if record.is_empty() {
                        continue;
                    }
                    let text = std::str::from_utf8(record).map_err(|_| self.wrong(at, "it is not UTF-8"))?;
                    let mut count = 0;
                    for field in fields(text.as_bytes(), comma) {
                        if let Some(Some(i)) = wanted.get(count) {
                            let field = field.filter(|field| !declared(field));
                            builders[*i].append_option(field.as_deref());
                            seen.extend(field.filter(|text| is_null_word(text)).map(|word| (*i, word, at)));
                        }
                        count += 1;
                    }
                    // RFC 4180 gives each record the same fields. A short one would move values into other
                    // columns.
                    if count != self.names.len() {
                        let message =
                            format!("{count} fields, but the header has {} names", self.names.len());
                        return Err(self.wrong(at, &message));
                    }
                    rows += 1;
                }
                // Names that are asked for and are no column of this file.
                for builder in &mut builders {
                    for _ in builder.values_written()..rows {
                        builder.append_null();
                    }
                }
            }
            None => {
                for (number, object) in (chunk.first + 1..).zip(self.objects(chunk)) {
                    let object = object?;
                    for (i, (builder, name)) in builders.iter_mut().zip(names).enumerate() {
                        let text = object.at(name).and_then(text_of).filter(|text| !declared(text));
                        builder.append_option(text.as_deref());
                        seen.extend(text.filter(|text| is_null_word(text)).map(|word| (i, word, number)));
                    }
                    rows += 1;
                }
            }
        }
        self.note_words(names, seen);
        let cells = |mut builder: StringViewBuilder| Cells::Untyped(builder.finish(), self.written.clone());
        Ok((builders.into_iter().map(cells).collect(), rows))
    }

    fn objects<'a>(&'a self, chunk: &'a ResultChunk) -> impl Iterator<Item = Result<JsonObject<'a>>> + 'a {
        let lines = chunk.bytes.split(|b| *b == b'\n').zip(chunk.line..);
        // Lines have their numbers before blank ones go, so that an error names the line of the file.
        let lines = lines.filter(|(line, _)| !line.trim_ascii().is_empty());
        lines.map(|(line, number)| {
            serde_json::from_slice(line)
                .map_err(|e| self.wrong(number, "expected a JSON object on each line").caused_by(e))
        })
    }

    fn wrong(&self, line: u64, what: &str) -> Error {
        Error::data(format!("{}, line {line}: {what}", self.file.path.display()))
    }
}

trait BuilderLength {
    /// How many rows have been given to a builder.
    fn values_written(&self) -> usize;
}

impl BuilderLength for StringViewBuilder {
    fn values_written(&self) -> usize {
        arrow_array::builder::ArrayBuilder::len(self)
    }
}

/// The keys of an object and what stands there.
struct JsonObject<'a> {
    /// In the order of the text.
    entries: Vec<(Cow<'a, str>, &'a RawValue)>,
    /// The places of the entries by their keys, and of equal keys in the order of the text.
    by_key: Vec<u32>,
}

impl<'a> JsonObject<'a> {
    fn new(entries: Vec<(Cow<'a, str>, &'a RawValue)>) -> JsonObject<'a> {
        let mut by_key: Vec<u32> = (0..entries.len() as u32).collect();
        // The sort is stable, so the last of several equal keys stays the last.
        by_key.sort_by(|&a, &b| entries[a as usize].0.cmp(&entries[b as usize].0));
        JsonObject { entries, by_key }
    }

    /// The value of a key. Where the key comes twice, the last value counts.
    fn own(&self, key: &str) -> Option<&'a RawValue> {
        let entry = |place: u32| &self.entries[place as usize];
        let end = self.by_key.partition_point(|&place| *entry(place).0 <= *key);
        let (known, value) = entry(*self.by_key[..end].last()?);
        (known == key).then_some(*value)
    }

    /// The value of a key, or at the end of the path that its dots make.
    fn at(&self, name: &str) -> Option<&'a RawValue> {
        self.own(name).or_else(|| {
            let mut dots = name.match_indices('.');
            dots.find_map(|(dot, _)| JsonObject::of(self.own(&name[..dot])?)?.at(&name[dot + 1..]))
        })
    }

    /// The object that stands there, if it is one.
    fn of(value: &'a RawValue) -> Option<JsonObject<'a>> {
        // A raw value starts with its first token, as serde_json leaves out the space before it.
        value.get().starts_with('{').then(|| serde_json::from_str(value.get()).ok())?
    }

    /// Gives the names of its columns, below `path`, which is as before afterwards.
    fn names(&self, path: &mut String, others: &Others, give: &mut dyn FnMut(&str)) {
        let above = path.len();
        for (key, value) in &self.entries {
            path.push_str(key);
            match JsonObject::of(value).filter(|_| others.is_record(path)) {
                Some(object) => {
                    path.push('.');
                    object.names(path, others, give);
                }
                // A record that is NULL.
                None if value.get() == "null" && others.is_record(path) => {}
                None => give(path),
            }
            path.truncate(above);
        }
    }
}

/// The columns of the other side.
struct Others<'a> {
    names: HashSet<&'a str>,
    /// The records that they are in: `a` and `a.b` of `a.b.c`.
    records: HashSet<&'a str>,
}

impl<'a> Others<'a> {
    fn of(names: &'a [String]) -> Others<'a> {
        let records = |name: &'a String| name.match_indices('.').map(move |(dot, _)| &name[..dot]);
        Others {
            names: names.iter().map(String::as_str).collect(),
            records: names.iter().flat_map(records).collect(),
        }
    }

    /// Whether the other side has the fields of a record as columns, and not the record itself.
    fn is_record(&self, name: &str) -> bool {
        self.records.contains(name) && !self.names.contains(name)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for JsonObject<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<JsonObject<'a>, D::Error> {
        from.deserialize_map(Entries)
    }
}

struct Entries;

impl<'de> Visitor<'de> for Entries {
    type Value = JsonObject<'de>;

    fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<JsonObject<'de>, A::Error> {
        let mut entries = vec![];
        while let Some((key, value)) = map.next_entry::<Cow<'de, str>, &'de RawValue>()? {
            entries.push((key, value));
        }
        Ok(JsonObject::new(entries))
    }
}

fn text_of(value: &RawValue) -> Option<String> {
    match value.get() {
        "null" => None,
        text if text.starts_with('"') => serde_json::from_str(text).ok(),
        text => Some(text.to_string()),
    }
}

/// Reads a file record by record.
pub(super) struct TextRecords<'a> {
    text: &'a ResultText,
    from: Box<dyn BufRead + Send>,
    records: u64,
    line: u64,
    failed: bool,
}

impl<'a> TextRecords<'a> {
    fn open(text: &'a ResultText) -> Result<TextRecords<'a>> {
        let failed = |e| Error::io("read", &text.file.path, e);
        let file = text.file.opened.read()?;
        let decoded: Box<dyn Read + Send> = match text.file.shape.compression {
            _ if !text.file.shape.is_text() => Box::new(Cursor::new(content(&text.file)?)),
            // A file may be several streams in a row, as `cat` makes them. A single decoder stops after the
            // first.
            Compression::Bzip2 => Box::new(bzip2::read::MultiBzDecoder::new(file)),
            Compression::Xz => Box::new(lzma_rust2::XzReader::new(file, true)),
            Compression::None => Box::new(file),
            Compression::Gzip => Box::new(flate2::read::MultiGzDecoder::new(file)),
            _ => Box::new(zstd::stream::read::Decoder::new(file).map_err(failed)?),
        };
        let mut from = Box::new(BufReader::with_capacity(256 << 10, decoded));
        // The mark of UTF-8 that some writers begin with.
        if from.fill_buf().map_err(failed)?.starts_with("\u{feff}".as_bytes()) {
            from.consume(3);
        }
        Ok(TextRecords { text, from, records: 0, line: 1, failed: false })
    }

    /// Appends the next record with its line end; nothing at the end of the file.
    fn record(&mut self, out: &mut Vec<u8>) -> Result<usize> {
        let start = out.len();
        let at = self.line;
        loop {
            let read =
                self.from.read_until(b'\n', out).map_err(|e| Error::io("read", &self.text.file.path, e))?;
            self.line += u64::from(read > 0);
            // A doubled quote counts twice, so an odd number of quotes means that a field is still open.
            let open = self.text.comma.is_some() && quotes(&out[start..]) % 2 == 1;
            match (open, read) {
                (true, 0) => return Err(self.text.wrong(at, "a quote begins here and does not end")),
                (true, _) => {}
                (false, _) => return Ok(out.len() - start),
            }
        }
    }
}

fn quotes(bytes: &[u8]) -> usize {
    memchr::memchr_iter(b'"', bytes).count()
}

impl Iterator for TextRecords<'_> {
    type Item = Result<ResultChunk>;

    fn next(&mut self) -> Option<Result<ResultChunk>> {
        // After an error the place in the file is not known, and the parallel bridge goes on asking.
        if self.failed {
            return None;
        }
        let mut chunk = ResultChunk { first: self.records, line: self.line, bytes: vec![] };
        while chunk.bytes.len() < CHUNK {
            let start = chunk.bytes.len();
            match self.record(&mut chunk.bytes) {
                Ok(0) => break,
                Ok(_) => self.records += u64::from(!chunk.bytes[start..].trim_ascii().is_empty()),
                Err(error) => {
                    self.failed = true;
                    return Some(Err(error));
                }
            }
        }
        (!chunk.bytes.is_empty()).then_some(Ok(chunk))
    }
}

/// The first record without its line end, what is after it, and how many lines it has.
fn split_record(bytes: &[u8]) -> (&[u8], &[u8], u64) {
    let (mut end, mut open, mut lines) = (0, false, 0);
    loop {
        let Some(length) = memchr::memchr(b'\n', &bytes[end..]) else {
            let record = bytes.strip_suffix(b"\r").unwrap_or(bytes);
            return (record, &[], lines + 1);
        };
        lines += 1;
        open ^= quotes(&bytes[end..end + length]) % 2 == 1;
        end += length + 1;
        if !open {
            let record = &bytes[..end - 1];
            return (record.strip_suffix(b"\r").unwrap_or(record), &bytes[end..], lines);
        }
    }
}

/// The fields of a record (a line end after it is none of it); none for an empty field without quotes.
fn fields(record: &[u8], comma: u8) -> impl Iterator<Item = Option<String>> {
    let record = record.strip_suffix(b"\n").unwrap_or(record);
    let record = record.strip_suffix(b"\r").unwrap_or(record);
    let mut rest = (!record.is_empty()).then_some(record);
    std::iter::from_fn(move || {
        let bytes = rest?;
        let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (field, length) = match csv_field(bytes, 0, [comma; 2]) {
            Some(field) if !field.is_quoted() => {
                ((field.kind != FieldKind::Null).then(|| lossy(&bytes[..field.end])), field.end)
            }
            quoted => {
                // A quote that is not closed goes to the end of the record.
                let (end, after) = quoted.map_or((bytes.len(), bytes.len()), |f| (f.end, f.after()));
                let mut text = vec![];
                undouble(&bytes[1..end], &mut text);
                // What stands behind the closing quote is part of the text, as most readers have it.
                let length = after + memchr::memchr(comma, &bytes[after..]).unwrap_or(bytes.len() - after);
                text.extend_from_slice(&bytes[after..length]);
                (Some(lossy(&text)), length)
            }
        };
        rest = bytes.get(length + 1..);
        Some(field)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(record: &str) -> Vec<Option<String>> {
        fields(record.as_bytes(), b',').collect()
    }

    #[test]
    fn fields_are_split_at_commas_outside_of_quotes() {
        let some = |text: &str| Some(text.to_string());
        assert_eq!(split("a,b\r\n"), [some("a"), some("b")]);
        assert_eq!(split("a,,"), [some("a"), None, None]);
        assert_eq!(split(",\"\""), [None, some("")]);
        assert_eq!(split("\"a,\"\"b\"\"\n\",c"), [some("a,\"b\"\n"), some("c")]);
        assert_eq!(split("\"open"), [some("open")]);
        assert_eq!(split("5 inch,\"x\"y"), [some("5 inch"), some("xy")]);
        assert_eq!(split(""), []);
    }

    #[test]
    fn records_end_outside_of_quotes() {
        let text = b"a,\"x\ny\"\r\n\nb\n";
        let (record, rest, lines) = split_record(text);
        assert_eq!((record, lines), (&b"a,\"x\ny\""[..], 2));
        let (record, rest, lines) = split_record(rest);
        assert_eq!((record, lines), (&b""[..], 1));
        assert_eq!(split_record(rest), (&b"b"[..], &b""[..], 1));
    }
}
