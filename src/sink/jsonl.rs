//! JSON Lines: one object a line, keys in column order; what the files have in records is in records.
//!
//! NULL is `null`; decimals are exact number text; dates and times are strings; JSON is what it is; a float that is no
//! number is `null`, because JSON has no word for it.

use super::encode::{Encoded, EncodedContent, Encoder};
use super::value::{self, TimeText};
use crate::batch::{ColumnView, DataType, Field, Origin, Schema};
use crate::error::Result;
use crate::time::Zone;
use arrow_array::{ArrayRef, RecordBatch};

/// Encodes pieces as lines of JSON.
#[derive(Debug)]
pub struct JsonLinesEncoder {
    zone: Zone,
    keys: RowObject,
}

impl JsonLinesEncoder {
    /// An encoder of rows of `schema` that writes times in `zone`.
    pub fn new(schema: &Schema, zone: &Zone) -> JsonLinesEncoder {
        JsonLinesEncoder { zone: zone.clone(), keys: RowObject::of(schema) }
    }
}

impl Encoder for JsonLinesEncoder {
    fn encode(&self, batch: &RecordBatch) -> Result<Encoded> {
        let columns = batch.columns().iter().map(ColumnView::of).collect::<Result<Vec<_>>>()?;
        let mut times = TimeText::new(&self.zone);
        let keys = self.keys.bytes();
        let mut out = Vec::with_capacity(batch.num_rows() * (keys + columns.len() * 12 + 2));
        for row in 0..batch.num_rows() {
            push_object(&mut out, &self.keys, &columns, row, &mut times);
            out.push(b'\n');
        }
        Ok(Encoded { rows: batch.num_rows() as u64, content: EncodedContent::Text(out) })
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
    let keys = RowObject::flat(names);
    let columns = columns.iter().map(ColumnView::of).collect::<Result<Vec<_>>>()?;
    let mut times = TimeText::new(zone);
    let object = |row| {
        let mut out = vec![];
        push_object(&mut out, &keys, &columns, row, &mut times);
        String::from_utf8(out).expect("JSON of texts")
    };
    Ok((0..rows).map(object).collect())
}

/// How a row lies in its object.
#[derive(Debug)]
pub(crate) struct RowObject {
    /// The values, in the order in which they are written.
    pub places: Vec<ValueAddress>,
    /// What stands after the last value.
    pub end: Vec<u8>,
}

/// The place of a value.
#[derive(Debug)]
pub(crate) struct ValueAddress {
    /// The column.
    pub column: usize,
    /// What stands before the value: `{"a":`, `,"b":{"c":` and so on.
    pub before: Vec<u8>,
    /// Whether its texts are JSON.
    pub json: bool,
}

impl RowObject {
    /// The keys of rows of `schema`: in order, but that what is of one record is together.
    pub(crate) fn of(schema: &Schema) -> RowObject {
        let fields: Vec<&Field> = schema.fields.iter().filter(|field| field.origin == Origin::Job).collect();
        let paths = fields.iter().map(|field| match field.nested {
            true => field.name.split('.').collect(),
            false => vec![field.name.as_str()],
        });
        let mut keys = RowObject::at(paths.collect());
        keys.places.iter_mut().for_each(|place| place.json = fields[place.column].ty == DataType::Json);
        keys
    }

    /// Keys of these names, of columns none of which is JSON or of a record.
    fn flat<'a>(names: impl IntoIterator<Item = &'a str>) -> RowObject {
        RowObject::at(names.into_iter().map(|name| vec![name]).collect())
    }

    fn at(mut paths: Vec<Vec<&str>>) -> RowObject {
        // A name that is one of a value and of a record too is no path: two values of a key are one for most readers.
        let values: Vec<String> = paths.iter().map(|path| path.join(".")).collect();
        for path in &mut paths {
            let above = |end: usize| path[..end].join(".");
            if (1..path.len()).any(|end| values.contains(&above(end))) {
                *path = vec![];
            }
        }
        let whole: Vec<Vec<&str>> = paths
            .iter()
            .zip(&values)
            .map(|(path, name)| match path[..] {
                [] => vec![name.as_str()],
                _ => path.clone(),
            })
            .collect();
        let mut keys = RowObject { places: vec![], end: vec![] };
        let all: Vec<(usize, &[&str])> = whole.iter().map(Vec::as_slice).enumerate().collect();
        keys.object(&all);
        keys
    }

    /// The object of these columns and their paths in it; what closes it is in `end` until the next value.
    fn object(&mut self, columns: &[(usize, &[&str])]) {
        self.end.push(b'{');
        let mut keys: Vec<&str> = columns.iter().map(|(_, path)| path[0]).collect();
        // Columns of one record may stand apart in the schema, but a key must occur only once in an object.
        let mut seen = std::collections::HashSet::new();
        keys.retain(|key| seen.insert(*key));
        for (i, key) in keys.into_iter().enumerate() {
            if i > 0 {
                self.end.push(b',');
            }
            push_string(&mut self.end, key);
            self.end.push(b':');
            let below = columns.iter().filter(|(_, path)| path[0] == key);
            match below.clone().find(|(_, path)| path.len() == 1) {
                Some(&(column, _)) => {
                    let before = std::mem::take(&mut self.end);
                    self.places.push(ValueAddress { column, before, json: false });
                }
                None => self.object(&below.map(|(column, path)| (*column, &path[1..])).collect::<Vec<_>>()),
            }
        }
        self.end.push(b'}');
    }

    fn bytes(&self) -> usize {
        self.places.iter().map(|place| place.before.len()).sum::<usize>() + self.end.len()
    }
}

pub(super) fn push_object(
    out: &mut Vec<u8>,
    keys: &RowObject,
    columns: &[ColumnView<'_>],
    row: usize,
    times: &mut TimeText,
) {
    for place in &keys.places {
        out.extend_from_slice(&place.before);
        match &columns[place.column] {
            ColumnView::Text(texts) if place.json => push_json(out, texts.get(row)),
            column => push_value(out, column, row, times),
        }
    }
    out.extend_from_slice(&keys.end);
}

/// Appends the value of one row as JSON.
pub(crate) fn push_value(out: &mut Vec<u8>, column: &ColumnView<'_>, row: usize, times: &mut TimeText) {
    match column {
        _ if column.is_null(row) => out.extend_from_slice(b"null"),
        ColumnView::Text(a) => push_string(out, a.get(row).unwrap_or_default()),
        ColumnView::Bool(a) => value::push_bool(out, a.value(row)),
        ColumnView::Int(a) => value::push_int(out, a.value(row)),
        ColumnView::Float(a) if a.value(row).is_finite() => value::push_float(out, a.value(row)),
        ColumnView::Float(_) => out.extend_from_slice(b"null"),
        ColumnView::Decimal(a, scale) => value::push_decimal(out, a.value(row), *scale),
        ColumnView::Date(a) => {
            out.push(b'"');
            value::push_date(out, i64::from(a.value(row)));
            out.push(b'"');
        }
        ColumnView::Time(a) => {
            out.push(b'"');
            times.push(out, a.value(row));
            out.push(b'"');
        }
    }
}

/// Appends JSON as it stands, on one line: within it a line end is a blank like any other.
fn push_json(out: &mut Vec<u8>, text: Option<&str>) {
    let blank = |c| if matches!(c, b'\n' | b'\r') { b' ' } else { c };
    // The empty text is not JSON.
    let text = text.filter(|text| !text.is_empty()).unwrap_or("null");
    out.extend(text.bytes().map(blank));
}

/// Appends a JSON string.
pub(crate) fn push_string(out: &mut Vec<u8>, text: &str) {
    // Most texts do not need an escape, and these are copied whole.
    if text.bytes().all(|b| b >= 0x20 && b != b'"' && b != b'\\') {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        serde_json::to_writer(out, text).expect("text, written to memory");
    }
}
