//! Samples: the heads of files, by format.

use super::evidence::Class;
use super::head::{Budget, heads};
use super::{LogSample, SampleLayout};
use crate::batch::DataType;
use crate::error::Result;
use crate::input::columnar::{FileColumns, FromName};
use crate::input::csv::names::{FirstRecord, names_of};
use crate::input::wire_format::{ConnectLogical, LogColumnSet, TypedPayload, UnwrappedLine, Unwrapper};
use crate::input::written::{ValueFormat, WrittenColumns};
use crate::input::{ITEM, SourceFile};
use crate::time::TimeUnit;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

fn name_of(file: &SourceFile) -> String {
    let name = file.path.file_name().unwrap_or(file.path.as_os_str());
    name.to_string_lossy().into_owned()
}

/// Looks at the head of a CSV file.
pub(super) fn csv(
    file: &SourceFile,
    layout: SampleLayout,
    budget: Budget,
    sample: &mut LogSample,
) -> Result<()> {
    let mut records = vec![];
    heads(&file.opened, &file.shape, budget, |text, whole| {
        records = csv_records(text, whole, layout.delimiter, budget.records + 1);
        records.len() > usize::from(layout.names.is_none())
    })?;
    let mut records = records.into_iter();
    let names: Vec<String> = match layout.names {
        Some(names) => names.to_vec(),
        None => match records.next() {
            Some((_, header)) => {
                let header = header.iter().map(|f| String::from_utf8_lossy(f).into_owned()).collect();
                let (names, notes) =
                    names_of(header, records.as_slice().first().map(|(_, record)| first_record(record)));
                sample.notes.extend(notes.into_iter().map(|note| format!("{}: {note}", file.path.display())));
                names
            }
            None => return Ok(()),
        },
    };
    let fits = |(_, record): &(u64, csv::ByteRecord)| record.len() == names.len();
    if let Some((line, other)) = records.as_slice().iter().find(|record| !fits(record))
        && !records.as_slice().iter().any(fits)
    {
        let line = *line;
        sample.misfit.get_or_insert_with(|| misfit(file, line, other.len(), names.len()));
    }
    let (file_name, mut room) = (name_of(file), vec![]);
    for name in &names {
        sample.found(name);
    }
    // A record with other fields than the header has is reported when it is read.
    for (line, record) in records.filter(fits).take(budget.records) {
        sample.records += 1;
        for (name, field) in names.iter().zip(&record) {
            let column = sample.column(name);
            match plain(layout.written.of(name), field, &mut room) {
                None => column.nulls = true,
                Some(text) => column.value(Class::of_text(text), text, (&file_name, line)),
            }
        }
    }
    Ok(())
}

fn first_record(record: &csv::ByteRecord) -> FirstRecord {
    let ends_empty = record.iter().next_back().is_some_and(<[u8]>::is_empty);
    FirstRecord { fields: record.len(), ends_empty }
}

/// What is wrong with files of which no record has the fields that its header has.
fn misfit(file: &SourceFile, line: u64, fields: usize, width: usize) -> String {
    let s = if fields == 1 { "" } else { "s" };
    format!("{}:{line}: {fields} field{s}, but {width} are expected", file.path.display())
}

/// The plain form of a text: as a number where it is one, else as a text; `None` where it is NULL.
fn plain<'a>(written: Option<&Arc<ValueFormat>>, text: &'a [u8], room: &'a mut Vec<u8>) -> Option<&'a [u8]> {
    let Some(written) = written else { return (!text.is_empty()).then_some(text) };
    written.likely(text, room).filter(|text| !text.is_empty())
}

/// Up to `most` whole records, each with the line that it begins in.
fn csv_records(text: &[u8], whole: bool, delimiter: u8, most: usize) -> Vec<(u64, csv::ByteRecord)> {
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(text);
    let mut records: Vec<csv::ByteRecord> =
        reader.byte_records().map_while(|r| r.ok()).take(most + 1).collect();
    // The last record of a head that was cut off may be half of one.
    if records.len() > most || !whole {
        records.pop();
    }
    let (mut line, mut counted) = (1, 0);
    let lines = records.into_iter().map(|record| {
        // A record is said to begin where the one before ended: empty lines may follow.
        let end = record.position().map_or(counted, |at| at.byte() as usize);
        let begin = end + text[end..].iter().take_while(|c| matches!(c, b'\n' | b'\r')).count();
        line += text[counted..begin].iter().filter(|c| **c == b'\n').count() as u64;
        counted = begin;
        (line, record)
    });
    lines.collect()
}

/// Looks at the head of a JSON Lines file.
pub(super) fn json_lines(
    file: &SourceFile,
    written: &WrittenColumns,
    budget: Budget,
    sample: &mut LogSample,
) -> Result<()> {
    // Of documents the lines are made by the reader.
    let of_file = file.shape.documents.is_none();
    let mut records: Vec<(u64, Value, Option<Arc<TypedPayload>>)> = vec![];
    let mut unwrapper = Unwrapper::new(LogColumnSet::all());
    let mut unwrapped = vec![];
    heads(&file.opened, &file.shape, budget, |text, whole| {
        let lines = text.split_inclusive(|&c| c == b'\n').filter(|l| whole || l.ends_with(b"\n"));
        let mut parse = |number: usize, line: &[u8]| {
            if file.framing.is_plain() {
                return Some((serde_json::from_slice(line).ok()?, None));
            }
            unwrapped.clear();
            let line = line.trim_ascii_end();
            match unwrapper.line(&file.framing, line, number as u64, &mut unwrapped) {
                Ok(UnwrappedLine::Record) => {
                    Some((serde_json::from_slice(&unwrapped).ok()?, unwrapper.typed().cloned()))
                }
                Ok(UnwrappedLine::Tombstone(_)) | Err(_) => None,
            }
        };
        let parsed = lines.enumerate().filter_map(|(number, line)| {
            let (record, typed) =
                parse(number, line).filter(|(record, _): &(Value, _)| record.is_object())?;
            Some((if of_file { number as u64 + 1 } else { 0 }, record, typed))
        });
        records = match &file.unnest {
            None => parsed.take(budget.records).collect(),
            Some(list) => {
                let items = parsed.flat_map(|(line, record, _)| {
                    items(record, list).into_iter().map(move |item| (line, item, None))
                });
                items.take(budget.records).collect()
            }
        };
        !records.is_empty()
    })?;
    let (file, room, present, schema_types) = (name_of(file), vec![], HashMap::new(), BTreeMap::new());
    let mut fields = SampleFields { file, line: 0, written, room, present, schema_types };
    for (line, record, typed) in &records {
        sample.records += 1;
        fields.line = *line;
        fields.look("", record, typed.as_deref(), sample);
    }
    fields.give(sample);
    for (name, present) in fields.present {
        let column = sample.found(&name);
        column.nulls |= present < records.len();
    }
    Ok(())
}

/// A record for each item of its list at the path `list`: the item in place of the list, and its number.
fn items(mut record: Value, list: &str) -> Vec<Value> {
    let Some(found) = at_path(&mut record, list).map(Value::take) else { return vec![] };
    let Value::Array(items) = found else { return vec![] };
    let one = |(number, item): (usize, Value)| {
        let mut row = record.clone();
        *at_path(&mut row, list)? = item;
        row.as_object_mut()?.insert(ITEM.to_string(), (number + 1).into());
        Some(row)
    };
    items.into_iter().enumerate().filter_map(one).collect()
}

/// The value of the key `path`, or else at the end of the path that its dots make.
fn at_path<'a>(record: &'a mut Value, path: &str) -> Option<&'a mut Value> {
    if record.get(path).is_some() {
        return record.get_mut(path);
    }
    path.split('.').try_fold(record, |value, key| value.get_mut(key))
}

/// The fields of the records of a file.
struct SampleFields<'a> {
    file: String,
    /// The line of the record; 0 where it has none.
    line: u64,
    written: &'a WrittenColumns,
    /// Room for the plain form of a value.
    room: Vec<u8>,
    /// In how many records each is.
    present: HashMap<String, usize>,
    /// By column and what its schema says, whose types schemas in the records tell: the type, and a value.
    schema_types: BTreeMap<(String, String), SchemaType>,
}

/// What the schemas in records tell of a column.
struct SchemaType {
    ty: DataType,
    unit: Option<TimeUnit>,
    example: Option<String>,
}

impl SampleFields<'_> {
    /// Looks at the fields of the object `record`, whose own path is `prefix`; `typed` is what its schema says of it.
    fn look(&mut self, prefix: &str, record: &Value, typed: Option<&TypedPayload>, sample: &mut LogSample) {
        for (key, value) in record.as_object().into_iter().flatten() {
            let name = format!("{prefix}{key}");
            if let Some(logical) = typed.and_then(|typed| typed.column(&name)) {
                sample.column(&name).nulls |= value.is_null();
                self.tell(&name, logical, value);
                *self.present.entry(name).or_default() += 1;
                continue;
            }
            if value.is_object() {
                sample.records_in.entry(name.clone()).or_insert_with(|| (self.file.clone(), true));
                self.look(&format!("{name}."), value, typed, sample);
                continue;
            }
            let column = sample.column(&name);
            let at = (self.file.as_str(), self.line);
            if let Some(kind) = kind_of(value) {
                column.json(kind, &self.file);
            }
            match value {
                Value::Null | Value::Object(_) => column.nulls = true,
                Value::Bool(b) => column.value(Class::Bool, b.to_string().as_bytes(), at),
                Value::Number(n) => {
                    let text = n.to_string();
                    column.value(Class::of_number(text.as_bytes()), text.as_bytes(), at);
                }
                Value::String(s) => match self.written.of(&name) {
                    None => column.value(Class::of_time(s.as_bytes()), s.as_bytes(), at),
                    // Said to be a number, or something else that a string is not.
                    Some(written) => match written.likely(s.as_bytes(), &mut self.room) {
                        None => column.nulls = true,
                        Some(text) if written.has_numbers() => {
                            column.value(Class::of_text(text), text, at);
                        }
                        Some(text) => column.value(Class::of_time(text), text, at),
                    },
                },
                Value::Array(_) => column.value(Class::List, value.to_string().as_bytes(), at),
            }
            *self.present.entry(name).or_default() += 1;
        }
    }
}

impl SampleFields<'_> {
    /// Notes a value of a logical type, as it is written out.
    fn tell(&mut self, name: &str, logical: ConnectLogical, value: &Value) {
        let example = match value {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        };
        let ty = logical.data_type(example.as_deref());
        let seen = self
            .schema_types
            .entry((name.to_string(), logical.words()))
            .or_insert_with(|| SchemaType { ty, unit: logical.unit(), example: None });
        // Of decimals with a scale of their own the longest counts.
        if let (Some(scale), Some(known)) = (ty.scale(), seen.ty.scale())
            && scale > known
        {
            seen.ty = ty;
        }
        if seen.example.is_none() {
            seen.example = example;
        }
    }

    /// Gives the columns the types that schemas tell.
    fn give(&self, sample: &mut LogSample) {
        for ((name, words), known) in &self.schema_types {
            let column = sample.column(name);
            column.unit = known.unit;
            column.given(Some(known.ty), words, known.example.clone(), &self.file);
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
pub(super) fn typed(file: &SourceFile, columns: FileColumns, sample: &mut LogSample) {
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
        evidence.nested |= column.nested;
        evidence.unread |= column.ty.is_none() && !column.nested;
        // A column without values goes with any type.
        if column.type_name != "null" {
            evidence.given(column.ty, &column.type_name, column.example, &file_name);
        }
    }
}
