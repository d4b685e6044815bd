//! Samples: the heads of files, by format.

use super::evidence::Class;
use super::{CsvLayout, Sample};
use crate::error::{Error, Result};
use crate::input::carried::{Line, Unwrapper, Wanted};
use crate::input::columnar::{FileColumns, FromName};
use crate::input::shape::{self, Compression, Shape};
use crate::input::text::check_encoding;
use crate::input::{Opened, SourceFile};
use serde_json::Value;
use std::collections::HashMap;
use std::io::{ErrorKind, Read};

/// How much of each file is looked at.
#[derive(Debug, Clone, Copy)]
pub(in crate::input) struct Budget {
    records: usize,
    bytes: usize,
}

impl Budget {
    /// The budget of each of `files` files.
    pub fn of(files: usize) -> Budget {
        let bytes = if files <= 64 { 64 << 10 } else { 16 << 10 };
        Budget { records: (6_100 / files.max(1)).clamp(6, 200), bytes }
    }
}

/// The most that is read of a file whose first record does not end sooner.
const LONGEST_HEAD: usize = 4 << 20;

/// The first `bytes` bytes of a file's text, and whether that is all of it. A byte order mark of UTF-8 is left out.
///
/// # Errors
/// Data: what is compressed is damaged from its start on; it is UTF-16. Machine: the file cannot be read.
pub fn start(file: &Opened, shape: &Shape, bytes: usize) -> Result<(Vec<u8>, bool)> {
    let failed = |e| Error::io("read", file.path(), e);
    let from = file.read()?;
    let mut reader = shape::text(Box::new(from), shape).map_err(failed)?;
    let mut out = vec![0; bytes];
    let mut filled = 0;
    while filled < bytes {
        match reader.read(&mut out[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            // What comes after the damage is not looked at; the run will report it.
            Err(_) if filled > 0 => {
                out.truncate(filled);
                return Ok((without_bom(out), false));
            }
            Err(e) if shape.compression == Compression::None => {
                return Err(shape::failed(file.path(), "", e));
            }
            Err(e) => {
                let what = format!("cannot decompress {}: damaged or cut short", file.path().display());
                return Err(Error::data(what).caused_by(e));
            }
        }
    }
    let whole = filled < bytes;
    out.truncate(filled);
    check_encoding(&out, file.path())?;
    Ok((without_bom(out), whole))
}

fn without_bom(mut text: Vec<u8>) -> Vec<u8> {
    if text.starts_with(b"\xef\xbb\xbf") {
        text.drain(..3);
    }
    text
}

/// Calls `look` with longer and longer heads until it finds a whole record.
pub(in crate::input) fn heads(
    file: &Opened,
    shape: &Shape,
    budget: Budget,
    mut look: impl FnMut(&[u8], bool) -> bool,
) -> Result<()> {
    let mut bytes = budget.bytes;
    loop {
        let (text, whole) = start(file, shape, bytes)?;
        if look(&text, whole) || whole || text.len() + 3 < bytes || bytes >= LONGEST_HEAD {
            return Ok(());
        }
        bytes *= 8;
    }
}

fn name_of(file: &SourceFile) -> String {
    let name = file.path.file_name().unwrap_or(file.path.as_os_str());
    name.to_string_lossy().into_owned()
}

/// Looks at the head of a CSV file.
pub(super) fn csv(file: &SourceFile, layout: CsvLayout, budget: Budget, sample: &mut Sample) -> Result<()> {
    let mut records = vec![];
    heads(&file.opened, &file.shape, budget, |text, whole| {
        records = csv_records(text, whole, layout.delimiter, budget.records + 1);
        records.len() > usize::from(layout.names.is_none())
    })?;
    let mut records = records.into_iter();
    let names: Vec<String> = match layout.names {
        Some(names) => names.to_vec(),
        None => match records.next() {
            Some(header) => header.iter().map(|f| String::from_utf8_lossy(f).into_owned()).collect(),
            None => return Ok(()),
        },
    };
    let file_name = name_of(file);
    for name in &names {
        sample.found(name);
    }
    // A record with other fields than the header has is reported when it is read.
    for record in records.filter(|r| r.len() == names.len()).take(budget.records) {
        sample.records += 1;
        for (name, field) in names.iter().zip(&record) {
            let column = sample.column(name);
            match field {
                [] => column.nulls = true,
                text => column.value(Class::of_text(text), text, &file_name),
            }
        }
    }
    Ok(())
}

/// Up to `most` whole records.
fn csv_records(text: &[u8], whole: bool, delimiter: u8, most: usize) -> Vec<csv::ByteRecord> {
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(text);
    let mut records: Vec<csv::ByteRecord> =
        reader.byte_records().map_while(|r| r.ok()).take(most + 1).collect();
    // The last record of a head that was cut off may be half of one.
    if records.len() > most || !whole {
        records.pop();
    }
    records
}

/// Looks at the head of a JSON Lines file.
pub(super) fn json_lines(file: &SourceFile, budget: Budget, sample: &mut Sample) -> Result<()> {
    let mut records: Vec<Value> = vec![];
    let mut unwrapper = Unwrapper::new(Wanted::all());
    let mut unwrapped = vec![];
    heads(&file.opened, &file.shape, budget, |text, whole| {
        let lines = text.split_inclusive(|&c| c == b'\n').filter(|l| whole || l.ends_with(b"\n"));
        let parsed = |(number, line): (usize, &[u8])| {
            if file.framing.is_plain() {
                return serde_json::from_slice(line).ok();
            }
            unwrapped.clear();
            let line = line.trim_ascii_end();
            match unwrapper.line(&file.framing, line, number as u64, &mut unwrapped) {
                Ok(Line::Record) => serde_json::from_slice(&unwrapped).ok(),
                Ok(Line::Tombstone(_)) | Err(_) => None,
            }
        };
        records =
            lines.enumerate().filter_map(parsed).filter(Value::is_object).take(budget.records).collect();
        !records.is_empty()
    })?;
    let mut fields = Fields { file: name_of(file), present: HashMap::new() };
    for record in &records {
        sample.records += 1;
        fields.look("", record, sample);
    }
    for (name, present) in fields.present {
        let column = sample.found(&name);
        column.nulls |= present < records.len();
    }
    Ok(())
}

/// The fields of the records of a file.
struct Fields {
    file: String,
    /// In how many records each is.
    present: HashMap<String, usize>,
}

impl Fields {
    /// Looks at the fields of the object `record`, whose own path is `prefix`.
    fn look(&mut self, prefix: &str, record: &Value, sample: &mut Sample) {
        for (key, value) in record.as_object().into_iter().flatten() {
            let name = format!("{prefix}{key}");
            if value.is_object() {
                sample.records_in.entry(name.clone()).or_insert_with(|| (self.file.clone(), true));
                self.look(&format!("{name}."), value, sample);
                continue;
            }
            let column = sample.column(&name);
            if let Some(kind) = kind_of(value) {
                column.json(kind, &self.file);
            }
            match value {
                Value::Null | Value::Object(_) => column.nulls = true,
                Value::Bool(b) => column.value(Class::Bool, b.to_string().as_bytes(), &self.file),
                Value::Number(n) => {
                    let text = n.to_string();
                    column.value(Class::of_number(text.as_bytes()), text.as_bytes(), &self.file);
                }
                Value::String(s) => column.value(Class::of_time(s.as_bytes()), s.as_bytes(), &self.file),
                Value::Array(_) => column.value(Class::List, value.to_string().as_bytes(), &self.file),
            }
            *self.present.entry(name).or_default() += 1;
        }
    }
}

/// What JSON calls a plain value or list.
fn kind_of(value: &Value) -> Option<&'static str> {
    match value {
        Value::Null | Value::Object(_) => None,
        Value::Bool(_) => Some("a boolean"),
        Value::Number(_) => Some("a number"),
        Value::String(_) => Some("a string"),
        Value::Array(_) => Some("a list"),
    }
}

/// Takes what a Parquet or Avro file says of its columns.
pub(super) fn typed(file: &SourceFile, columns: FileColumns, sample: &mut Sample) {
    let file_name = name_of(file);
    for name in columns.records {
        sample.records_in.entry(name).or_insert_with(|| (file_name.clone(), false));
    }
    let named = FromName::columns(file);
    let own = columns.columns.iter().filter(|c| named.iter().all(|n| n.name != c.name));
    for column in own.chain(&named).cloned() {
        let evidence = sample.found(&column.name);
        evidence.nulls |= column.nulls;
        evidence.default |= column.default;
        // A column without values goes with any type.
        if column.type_name != "null" {
            evidence.given(column.ty, &column.type_name, column.example, &file_name);
        }
    }
}
