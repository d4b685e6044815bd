//! From JSON answers to the values of columns.
//!
//! | type | taken from |
//! | --- | --- |
//! | string | a string; of anything else its JSON text |
//! | bool | true, false |
//! | int64 | a number without a fraction; `2.0` is 2, as in JSON Lines |
//! | float64 | a number |
//! | decimal | the text of a number, exactly |
//! | date | a string `2024-02-29` |
//! | timestamp | a string as ISO 8601 has it, without an offset in UTC |
//!
//! Null, and a pointer that leads to nothing, are NULL. Anything else does not fit.

use crate::batch::{DataType, NativeBuilder};
use crate::input::value::{self, ValueError};
use crate::time::{TimeParser, TimeRule, Zone};
use arrow_array::ArrayRef;
use arrow_array::builder::StringViewBuilder;
use arrow_buffer::NullBufferBuilder;
use serde_json::Value;
use std::sync::Arc;

/// Takes the columns of a service from its answers.
#[derive(Debug)]
pub(super) struct AnswerReader {
    /// Per column, the pointer and the type.
    columns: Vec<(String, DataType)>,
    times: TimeParser,
}

/// The values of one answer in few bytes: [`VALUES`], and per column [`NULL`] or [`SOME`] and the value;
/// or [`UNFIT`] and the reason. Texts have their length before them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PackedAnswer(Vec<u8>);

const UNFIT: u8 = 0;
const VALUES: u8 = 1;
const NULL: u8 = 0;
const SOME: u8 = 1;

impl PackedAnswer {
    /// Whether a value does not fit.
    pub fn is_unfit(&self) -> bool {
        self.0[0] == UNFIT
    }
}

impl AnswerReader {
    pub fn new(pointers: &[String], types: &[DataType]) -> AnswerReader {
        let columns = pointers.iter().cloned().zip(types.iter().copied()).collect();
        AnswerReader { columns, times: TimeParser::new(TimeRule::Iso, Zone::utc()) }
    }

    /// The values of an answer.
    pub fn read(&self, answer: &Value) -> PackedAnswer {
        let mut out = vec![VALUES];
        for (pointer, ty) in &self.columns {
            match answer.pointer(pointer) {
                None | Some(Value::Null) => out.push(NULL),
                Some(value) => {
                    out.push(SOME);
                    if let Err(why) = self.push(&mut out, value, *ty) {
                        // The values before this one are in the row already.
                        out.clear();
                        out.push(UNFIT);
                        push_text(&mut out, &format!("{pointer}: {why}"));
                        break;
                    }
                }
            }
        }
        PackedAnswer(out)
    }

    fn push(&self, out: &mut Vec<u8>, value: &Value, ty: DataType) -> Result<(), ValueError> {
        let not_a = || ValueError::not_a(value.to_string().as_bytes(), ty);
        match (ty, value) {
            (DataType::String, Value::String(text)) => push_text(out, text),
            (DataType::String | DataType::Json, other) => push_text(out, &other.to_string()),
            (DataType::Bool, Value::Bool(v)) => out.push(u8::from(*v)),
            (DataType::Int64, Value::Number(n)) => {
                // With `arbitrary_precision` of serde_json this is the text of the answer, so every digit is
                // read.
                let text = n.to_string();
                let number = value::parse_int(text.as_bytes()).or_else(|error| {
                    let whole = value::parse_decimal(text.as_bytes(), 38, 0).ok();
                    whole.and_then(|v| i64::try_from(v).ok()).ok_or(error)
                })?;
                out.extend_from_slice(&number.to_le_bytes());
            }
            (DataType::Float64, Value::Number(n)) => {
                out.extend_from_slice(&value::parse_float(n.to_string().as_bytes())?.to_le_bytes());
            }
            (DataType::Decimal { precision, scale }, Value::Number(n)) => {
                let number = value::parse_decimal(n.to_string().as_bytes(), precision, scale)?;
                out.extend_from_slice(&number.to_le_bytes());
            }
            (DataType::Date, Value::String(text)) => {
                out.extend_from_slice(&value::parse_date(text.as_bytes())?.to_le_bytes());
            }
            (DataType::Timestamp, Value::String(text)) => {
                let instant = self.times.clone().text(text.as_bytes()).map_err(|_| not_a())?;
                out.extend_from_slice(&instant.to_le_bytes());
            }
            _ => return Err(not_a()),
        }
        Ok(())
    }

    /// Columns without rows yet, with room for `rows`.
    pub fn columns(&self, rows: usize) -> AnswerColumns {
        AnswerColumns(self.columns.iter().map(|(_, ty)| AnswerColumn::new(*ty, rows)).collect())
    }
}

fn push_text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&(text.len() as u32).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// The values of a service's answers, by the number of their URL.
#[derive(Debug, Default)]
pub(super) struct Store {
    /// Where the row of a URL starts, plus 1; 0 where there is none.
    starts: Vec<u64>,
    rows: Vec<u8>,
}

/// The values of one answer.
#[derive(Debug, Clone, Copy)]
pub(super) enum AnswerCells<'a> {
    /// To be pushed onto [`AnswerColumns`].
    Values(&'a [u8]),
    /// Why they cannot be taken.
    Unfit(&'a str),
}

impl Store {
    /// Whether there are values of a URL's answer.
    pub fn has(&self, url: u32) -> bool {
        self.starts.get(url as usize).is_some_and(|&start| start > 0)
    }

    /// Keeps the values of an answer; whether they are new.
    pub fn insert(&mut self, url: u32, row: &PackedAnswer) -> bool {
        // Two threads may read the same answer back, and it counts once.
        if self.has(url) {
            return false;
        }
        let url = url as usize;
        if self.starts.len() <= url {
            self.starts.resize(url + 1, 0);
        }
        self.starts[url] = self.rows.len() as u64 + 1;
        self.rows.extend_from_slice(&row.0);
        true
    }

    /// The values of a URL's answer.
    pub fn get(&self, url: u32) -> Option<AnswerCells<'_>> {
        let start = *self.starts.get(url as usize)?;
        let (kind, mut rest) = self.rows[start.checked_sub(1)? as usize..].split_first()?;
        Some(if *kind == VALUES { AnswerCells::Values(rest) } else { AnswerCells::Unfit(text(&mut rest)) })
    }
}

/// Takes `N` bytes off the front.
fn take<const N: usize>(bytes: &mut &[u8]) -> [u8; N] {
    let (head, rest) = bytes.split_first_chunk().expect("a row is whole");
    *bytes = rest;
    *head
}

/// Takes a text off the front.
fn text<'a>(bytes: &mut &'a [u8]) -> &'a str {
    let length = u32::from_le_bytes(take(bytes)) as usize;
    let (head, rest) = bytes.split_at(length);
    *bytes = rest;
    std::str::from_utf8(head).expect("texts come from strings")
}

/// Columns that are being filled row by row.
#[derive(Debug)]
pub(super) struct AnswerColumns(Vec<AnswerColumn>);

#[derive(Debug)]
enum AnswerColumn {
    Text(StringViewBuilder),
    Native(NativeBuilder, NullBufferBuilder),
}

impl AnswerColumn {
    fn new(ty: DataType, rows: usize) -> AnswerColumn {
        match NativeBuilder::new(ty, rows) {
            None => AnswerColumn::Text(StringViewBuilder::with_capacity(rows)),
            Some(values) => AnswerColumn::Native(values, NullBufferBuilder::new(rows)),
        }
    }

    fn push_null(&mut self) {
        match self {
            AnswerColumn::Text(texts) => texts.append_null(),
            AnswerColumn::Native(values, nulls) => {
                values.push_default();
                nulls.append_null();
            }
        }
    }

    /// Appends the value that `values` begins with, and goes past it.
    fn push(&mut self, values: &mut &[u8]) {
        let (column, nulls) = match self {
            AnswerColumn::Text(texts) => return texts.append_value(text(values)),
            AnswerColumn::Native(column, nulls) => (column, nulls),
        };
        match column {
            NativeBuilder::Bool(b) => b.append(take(values) != [0]),
            NativeBuilder::Int(v) | NativeBuilder::Time(v) => v.push(i64::from_le_bytes(take(values))),
            NativeBuilder::Float(v) => v.push(f64::from_le_bytes(take(values))),
            NativeBuilder::Decimal(v, ..) => v.push(i128::from_le_bytes(take(values))),
            NativeBuilder::Date(v) => v.push(i32::from_le_bytes(take(values))),
        }
        nulls.append_non_null();
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            AnswerColumn::Text(texts) => Arc::new(texts.finish()),
            AnswerColumn::Native(values, nulls) => values.finish(nulls.finish()),
        }
    }
}

impl AnswerColumns {
    /// Appends the values of an answer.
    pub fn push(&mut self, mut values: &[u8]) {
        for column in &mut self.0 {
            let [null] = take(&mut values);
            if null == NULL {
                column.push_null();
            } else {
                column.push(&mut values);
            }
        }
    }

    /// Appends a row of NULLs.
    pub fn push_nulls(&mut self) {
        self.0.iter_mut().for_each(AnswerColumn::push_null);
    }

    /// The arrays of all rows.
    pub fn finish(mut self) -> Vec<ArrayRef> {
        self.0.iter_mut().map(AnswerColumn::finish).collect()
    }
}
