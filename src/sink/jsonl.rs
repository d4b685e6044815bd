//! JSON Lines: one object a line, keys in column order.
//!
//! NULL is `null`; decimals are exact number text; dates and times are strings; a float that is no
//! number is `null`, because JSON has no word for it.

use super::encode::{Content, Encoded, Encoder};
use super::value::{self, Column, TimeText};
use crate::batch::Schema;
use crate::error::Result;
use crate::time::Zone;
use arrow_array::{ArrayRef, RecordBatch};

/// Encodes pieces as lines of JSON.
#[derive(Debug)]
pub struct JsonLinesEncoder {
    zone: Zone,
    /// What stands before each value: `{"a":`, `,"b":` and so on.
    before: Vec<Vec<u8>>,
}

impl JsonLinesEncoder {
    /// An encoder of rows of `schema` that writes times in `zone`.
    pub fn new(schema: &Schema, zone: &Zone) -> JsonLinesEncoder {
        JsonLinesEncoder { zone: zone.clone(), before: before(schema.names()) }
    }
}

impl Encoder for JsonLinesEncoder {
    fn encode(&self, batch: &RecordBatch) -> Result<Encoded> {
        let columns = batch.columns().iter().map(Column::of).collect::<Result<Vec<_>>>()?;
        let mut times = TimeText::new(&self.zone);
        let keys: usize = self.before.iter().map(Vec::len).sum();
        let mut out = Vec::with_capacity(batch.num_rows() * (keys + columns.len() * 12 + 2));
        for row in 0..batch.num_rows() {
            push_object(&mut out, &self.before, &columns, row, &mut times);
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
    let before = before(names);
    let columns = columns.iter().map(Column::of).collect::<Result<Vec<_>>>()?;
    let mut times = TimeText::new(zone);
    let object = |row| {
        let mut out = vec![];
        push_object(&mut out, &before, &columns, row, &mut times);
        String::from_utf8(out).expect("JSON of texts")
    };
    Ok((0..rows).map(object).collect())
}

/// What stands before each value: `{"a":`, `,"b":` and so on.
pub(crate) fn before<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<Vec<u8>> {
    let before = names.into_iter().enumerate().map(|(i, name)| {
        let mut out = vec![if i == 0 { b'{' } else { b',' }];
        push_string(&mut out, name);
        out.push(b':');
        out
    });
    before.collect()
}

pub(super) fn push_object(
    out: &mut Vec<u8>,
    before: &[Vec<u8>],
    columns: &[Column<'_>],
    row: usize,
    times: &mut TimeText,
) {
    if columns.is_empty() {
        out.push(b'{');
    }
    for (column, before) in columns.iter().zip(before) {
        out.extend_from_slice(before);
        push_value(out, column, row, times);
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
