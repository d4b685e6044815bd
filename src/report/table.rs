//! The rows that a page carries, as columns of JSON.
//!
//! # Contract
//! Values are exact: decimals, and integers beyond 2^53, are texts with all their digits; instants are whole
//! numbers of the column's `unit` (microseconds) since 1970 UTC; floats that are no numbers are texts. NULL is null.
//! Texts longer than [`LONGEST`] characters are cut, and end in `…`.

use super::rows::RowSlice;
use crate::batch::{ColumnView, DataType, Schema};
use crate::error::Result;
use crate::sink::value::{decimal_text, push_date, push_float};
use crate::time::SECOND;
use serde_json::{Value, json};
use std::collections::HashMap;

/// Characters of a text that a page carries.
const LONGEST: usize = 1000;

/// The first rows of an output, as far as they have room.
pub(super) struct SampleRows {
    cells: Vec<SampleCells>,
    /// Rows that are carried.
    pub rows: usize,
    most: usize,
    bytes: usize,
    room: usize,
}

enum SampleCells {
    Plain(Vec<Value>),
    Text(Vec<Option<String>>),
    Time(Vec<Option<i64>>),
}

impl SampleRows {
    /// Takes at most `most` rows, and about `room` bytes of them.
    pub fn new(schema: &Schema, most: usize, room: usize) -> SampleRows {
        let cells = schema.fields.iter().map(|field| match field.ty {
            DataType::String | DataType::Json => SampleCells::Text(vec![]),
            DataType::Timestamp => SampleCells::Time(vec![]),
            _ => SampleCells::Plain(vec![]),
        });
        SampleRows { cells: cells.collect(), rows: 0, most, bytes: 0, room }
    }

    /// Takes rows of `piece`, as many as there is room for.
    ///
    /// # Errors
    /// None in practice: a column of a type that outputs have not.
    pub fn take(&mut self, piece: &RowSlice) -> Result<()> {
        if self.is_full() {
            return Ok(());
        }
        let columns = piece.columns.iter().map(ColumnView::of).collect::<Result<Vec<_>>>()?;
        for row in 0..piece.rows {
            if self.is_full() {
                break;
            }
            for (cells, column) in self.cells.iter_mut().zip(&columns) {
                self.bytes += cells.push(column, row);
            }
            self.rows += 1;
        }
        Ok(())
    }

    /// Whether there is no room for another row.
    pub fn is_full(&self) -> bool {
        self.rows == self.most || self.bytes >= self.room
    }

    /// The columns, with what `more` says of each.
    pub fn json(self, schema: &Schema, more: impl Fn(usize) -> &'static str) -> Vec<Value> {
        let columns = schema.fields.iter().zip(self.cells).enumerate();
        let json = columns.map(|(i, (field, cells))| {
            let mut value = json!({ "name": field.name, "type": field.ty.to_string(), "role": more(i) });
            match cells {
                SampleCells::Plain(values) => value["values"] = Value::Array(values),
                SampleCells::Text(values) => texts(values, &mut value),
                SampleCells::Time(values) => times(values, &mut value),
            }
            value
        });
        json.collect()
    }
}

impl SampleCells {
    /// Appends a value; gives about how many bytes it takes.
    fn push(&mut self, column: &ColumnView, row: usize) -> usize {
        match self {
            SampleCells::Text(values) => {
                let text = if let ColumnView::Text(texts) = column { texts.get(row).map(cut) } else { None };
                // Two quotes and a comma are a part of the JSON too.
                let bytes = text.as_ref().map_or(4, |text| text.len() + 3);
                values.push(text);
                bytes
            }
            SampleCells::Time(values) => {
                values.push(match column {
                    ColumnView::Time(a) if !column.is_null(row) => Some(a.value(row)),
                    _ => None,
                });
                14
            }
            SampleCells::Plain(values) => {
                values.push(if column.is_null(row) { Value::Null } else { plain(column, row) });
                12
            }
        }
    }
}

/// A value that is neither a text nor an instant.
fn plain(column: &ColumnView, row: usize) -> Value {
    match column {
        ColumnView::Bool(a) => json!(a.value(row)),
        ColumnView::Int(a) => integer(a.value(row)),
        ColumnView::Float(a) if a.value(row).is_finite() => json!(a.value(row)),
        ColumnView::Float(a) => {
            let mut out = vec![];
            push_float(&mut out, a.value(row));
            json!(String::from_utf8_lossy(&out))
        }
        ColumnView::Decimal(a, scale) => json!(decimal_text(a.value(row), *scale)),
        ColumnView::Date(a) => {
            let mut out = vec![];
            push_date(&mut out, i64::from(a.value(row)));
            json!(String::from_utf8_lossy(&out))
        }
        ColumnView::Text(_) | ColumnView::Time(_) => Value::Null,
    }
}

/// A number where a browser has it exactly, else its digits.
pub(super) fn integer(value: i64) -> Value {
    if value.unsigned_abs() < 1 << 53 { json!(value) } else { json!(value.to_string()) }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_string(),
    }
}

/// Texts that come again and again stand in a list of their own.
fn texts(values: Vec<Option<String>>, out: &mut Value) {
    let mut codes: HashMap<&str, usize> = HashMap::new();
    let mut list: Vec<&str> = vec![];
    for text in values.iter().flatten() {
        codes.entry(text).or_insert_with(|| {
            list.push(text);
            list.len() - 1
        });
    }
    // A list of its own pays where texts come twice or more on average.
    if list.len() * 2 > values.len() {
        out["values"] = json!(values);
        return;
    }
    let of = |text: &Option<String>| text.as_deref().map(|text| codes[text]);
    out["values"] = json!(values.iter().map(of).collect::<Vec<_>>());
    out["texts"] = json!(list);
}

fn times(values: Vec<Option<i64>>, out: &mut Value) {
    let all = |unit: i64| values.iter().flatten().all(|time| time % unit == 0);
    // Where all are whole seconds or milliseconds, shorter numbers make a smaller page.
    let unit = [SECOND, 1000].into_iter().find(|unit| all(*unit)).unwrap_or(1);
    out["unit"] = json!(unit);
    out["values"] = json!(values.iter().map(|time| time.map(|time| time / unit)).collect::<Vec<_>>());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Field;
    use arrow_array::{
        ArrayRef, Decimal128Array, Float64Array, Int64Array, StringViewArray, TimestampMicrosecondArray,
    };
    use std::sync::Arc;

    #[test]
    fn values_are_exact() {
        let schema = Schema::new(vec![
            Field::new("n", DataType::Int64),
            Field::new("d", DataType::Decimal { precision: 38, scale: 2 }),
            Field::new("f", DataType::Float64),
            Field::new("t", DataType::Timestamp),
            Field::new("s", DataType::String),
        ]);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(vec![Some(i64::MAX), Some(-7), None])),
            Arc::new(
                Decimal128Array::from(vec![Some(i128::MAX / 10), Some(-5), None])
                    .with_precision_and_scale(38, 2)
                    .unwrap(),
            ),
            Arc::new(Float64Array::from(vec![Some(f64::NAN), Some(0.1), None])),
            Arc::new(
                TimestampMicrosecondArray::from(vec![Some(1_500_000), Some(-1_000), None])
                    .with_timezone("UTC"),
            ),
            Arc::new(StringViewArray::from(vec![Some("a"), Some("a"), None])),
        ];
        let mut sample = SampleRows::new(&schema, 10, 1 << 20);
        sample.take(&RowSlice { columns, rows: 3 }).unwrap();
        let json = sample.json(&schema, |_| "");
        let values: Vec<String> = json.iter().map(|column| column["values"].to_string()).collect();
        assert_eq!(
            values,
            [
                "[\"9223372036854775807\",-7,null]",
                "[\"170141183460469231731687303715884105.72\",\"-0.05\",null]",
                "[\"NaN\",0.1,null]",
                "[1500,-1,null]",
                "[0,0,null]",
            ]
        );
        assert_eq!((&json[3]["unit"], &json[4]["texts"]), (&json!(1000), &json!(["a"])));
    }

    #[test]
    fn it_takes_no_more_than_there_is_room_for() {
        let schema = Schema::new(vec![Field::new("s", DataType::String)]);
        let rows = |n: usize, text: &str| {
            let column: ArrayRef = Arc::new(StringViewArray::from(vec![Some(text); n]));
            RowSlice { columns: vec![column], rows: n }
        };
        let mut few = SampleRows::new(&schema, 3, 1 << 20);
        (0..4).for_each(|_| few.take(&rows(2, "x")).unwrap());
        assert_eq!(few.rows, 3);
        let mut small = SampleRows::new(&schema, 1000, 2000);
        small.take(&rows(1000, &"é".repeat(5000))).unwrap();
        assert_eq!(small.rows, 1);
        let text = small.json(&schema, |_| "")[0]["values"][0].as_str().unwrap().to_string();
        assert!(text.chars().count() == LONGEST + 1 && text.ends_with('…'));
    }
}
