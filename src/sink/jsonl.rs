//! JSON Lines: one object a line, keys in column order.
//!
//! NULL is `null`; decimals are exact number text; dates and times are strings; JSON is what it is; a float that is no
//! number is `null`, because JSON has no word for it.

use super::encode::{Content, Encoded, Encoder};
use super::value::{self, Column, TimeText};
use crate::batch::{DataType, Schema};
use crate::error::Result;
use crate::time::Zone;
use arrow_array::{ArrayRef, RecordBatch};

/// Encodes pieces as lines of JSON.
#[derive(Debug)]
pub struct JsonLinesEncoder {
    zone: Zone,
    keys: Vec<Key>,
}

impl JsonLinesEncoder {
    /// An encoder of rows of `schema` that writes times in `zone`.
    pub fn new(schema: &Schema, zone: &Zone) -> JsonLinesEncoder {
        JsonLinesEncoder { zone: zone.clone(), keys: keys(schema) }
    }
}

impl Encoder for JsonLinesEncoder {
    fn encode(&self, batch: &RecordBatch) -> Result<Encoded> {
        let columns = batch.columns().iter().map(Column::of).collect::<Result<Vec<_>>>()?;
        let mut times = TimeText::new(&self.zone);
        let keys: usize = self.keys.iter().map(|key| key.before.len()).sum();
        let mut out = Vec::with_capacity(batch.num_rows() * (keys + columns.len() * 12 + 2));
        for row in 0..batch.num_rows() {
            push_object(&mut out, &self.keys, &columns, row, &mut times);
            out.push(b'\n');
        }
        Ok(Encoded { rows: batch.num_rows() as u64, content: Content::Text(out) })
    }
}

/// Each row of `columns`, named by `names`, as a JSON object.
///
/// # Errors
/// A column that is not of a type of results.
pub fn objects<'a>(
    names: impl IntoIterator<Item = &'a str>,
    columns: &[ArrayRef],
    rows: usize,
    zone: &Zone,
) -> Result<Vec<String>> {
    let keys = plain_keys(names);
    let columns = columns.iter().map(Column::of).collect::<Result<Vec<_>>>()?;
    let mut times = TimeText::new(zone);
    let object = |row| {
        let mut out = vec![];
        push_object(&mut out, &keys, &columns, row, &mut times);
        String::from_utf8(out).expect("JSON of texts")
    };
    Ok((0..rows).map(object).collect())
}

/// A key of the object that a row is.
#[derive(Debug)]
pub(crate) struct Key {
    /// What stands before the value: `{"a":`, `,"b":` and so on.
    pub before: Vec<u8>,
    /// Whether its texts are JSON.
    pub json: bool,
}

/// The keys of rows of `schema`, in order.
pub(crate) fn keys(schema: &Schema) -> Vec<Key> {
    let mut keys = plain_keys(schema.names());
    let types = schema.names().map(|name| schema.type_of(name));
    keys.iter_mut().zip(types).for_each(|(key, ty)| key.json = ty == Some(DataType::Json));
    keys
}

/// Keys of these names, of columns none of which is JSON.
fn plain_keys<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<Key> {
    let keys = names.into_iter().enumerate().map(|(i, name)| {
        let mut before = vec![if i == 0 { b'{' } else { b',' }];
        push_string(&mut before, name);
        before.push(b':');
        Key { before, json: false }
    });
    keys.collect()
}

pub(super) fn push_object(
    out: &mut Vec<u8>,
    keys: &[Key],
    columns: &[Column<'_>],
    row: usize,
    times: &mut TimeText,
) {
    if columns.is_empty() {
        out.push(b'{');
    }
    for (column, key) in columns.iter().zip(keys) {
        out.extend_from_slice(&key.before);
        match column {
            Column::Text(texts) if key.json => push_json(out, texts.get(row)),
            column => push_value(out, column, row, times),
        }
    }
    out.push(b'}');
}

/// Appends the value of one row as JSON.
pub(crate) fn push_value(out: &mut Vec<u8>, column: &Column<'_>, row: usize, times: &mut TimeText) {
    match column {
        _ if column.is_null(row) => out.extend_from_slice(b"null"),
        Column::Text(a) => push_string(out, a.get(row).unwrap_or_default()),
        Column::Bool(a) => value::push_bool(out, a.value(row)),
        Column::Int(a) => value::push_int(out, a.value(row)),
        Column::Float(a) if a.value(row).is_finite() => value::push_float(out, a.value(row)),
        Column::Float(_) => out.extend_from_slice(b"null"),
        Column::Decimal(a, scale) => value::push_decimal(out, a.value(row), *scale),
        Column::Date(a) => {
            out.push(b'"');
            value::push_date(out, i64::from(a.value(row)));
            out.push(b'"');
        }
        Column::Time(a) => {
            out.push(b'"');
            times.push(out, a.value(row));
            out.push(b'"');
        }
    }
}

/// Appends JSON as it stands, on one line: within it a line end is a blank like any other.
fn push_json(out: &mut Vec<u8>, text: Option<&str>) {
    let blank = |c| if matches!(c, b'\n' | b'\r') { b' ' } else { c };
    let text = text.filter(|text| !text.is_empty()).unwrap_or("null");
    out.extend(text.bytes().map(blank));
}

/// Appends a JSON string.
pub(crate) fn push_string(out: &mut Vec<u8>, text: &str) {
    if text.bytes().all(|b| b >= 0x20 && b != b'"' && b != b'\\') {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        serde_json::to_writer(out, text).expect("text, written to memory");
    }
}
