//! Columns whose values are not written in the plain way: each value is taken to its plain form first.
//!
//! # Contract
//! As of [`super::columns`], with what [`Written`] says of words for NULL and of spaces: where these do not count, a
//! field of spaces alone is an empty one.

use super::super::ReadColumn;
use super::super::value::{self, check_json, parse_bool, parse_date, parse_decimal, parse_float, parse_int};
use super::super::written::{Plain, Written};
use super::cells::{Decoded, Strings, long_view, parse_plain_int, timestamps, unread_time, view};
use super::record::{unescape, unquoted};
use super::table::{Faults, Table};
use crate::batch::DataType;
use crate::time::TimeParser;
use arrow_array::{ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use std::fmt::Display;
use std::sync::Arc;

/// The column `field` of `table`.
pub(super) fn decode(
    table: Table,
    field: usize,
    column: &ReadColumn,
    written: &Written,
    times: &mut TimeParser,
    faults: &mut Faults,
) -> Decoded {
    let read = Reading { table, field, column, written };
    let array: ArrayRef = match column.ty {
        DataType::String | DataType::Json => return Decoded::Strings(read.strings(faults)),
        DataType::Bool => {
            let (values, nulls) = read.values(faults, false, parse_bool);
            Arc::new(BooleanArray::new(BooleanBuffer::from(values), nulls))
        }
        DataType::Int64 => {
            let parse = |text: &[u8]| match column.inferred {
                true => parse_plain_int(text),
                false => parse_int(text).map_err(|e| e.to_string()),
            };
            let (values, nulls) = read.values(faults, 0, parse);
            Arc::new(Int64Array::new(values.into(), nulls))
        }
        DataType::Float64 => {
            let (values, nulls) = read.values(faults, 0.0, parse_float);
            Arc::new(Float64Array::new(values.into(), nulls))
        }
        DataType::Decimal { precision, scale } => {
            let (values, nulls) = read.values(faults, 0, |text| parse_decimal(text, precision, scale));
            Arc::new(Decimal128Array::new(values.into(), nulls).with_data_type(column.ty.arrow()))
        }
        DataType::Date => {
            let (values, nulls) = read.values(faults, 0, parse_date);
            Arc::new(Date32Array::new(values.into(), nulls))
        }
        DataType::Timestamp => {
            let parse = |text: &[u8]| times.text(text).map_err(|e| unread_time(text, &e));
            let (values, nulls) = read.values(faults, 0, parse);
            Arc::new(timestamps(values, nulls))
        }
    };
    Decoded::Array(array)
}

/// A column of a chunk.
struct Reading<'a> {
    table: Table<'a>,
    field: usize,
    column: &'a ReadColumn,
    written: &'a Written,
}

impl Reading<'_> {
    /// The values of a column that is not of strings, and where they are NULL; `null` stands there.
    fn values<T: Copy, E: Display>(
        &self,
        faults: &mut Faults,
        null: T,
        mut parse: impl FnMut(&[u8]) -> Result<T, E>,
    ) -> (Vec<T>, Option<NullBuffer>) {
        let mut room = vec![];
        let mut there = Vec::with_capacity(self.table.rows);
        let read = |row| {
            let text = self.table.value(row, self.field);
            let value = match self.written.plain(text, self.column.ty, &mut room) {
                _ if text.is_empty() => None,
                Ok(Plain::Null) => None,
                Ok(Plain::Text(plain)) => {
                    Some(parse(plain).map_err(|e| self.unread(text, plain, &e.to_string())))
                }
                Err(error) => Some(Err(error.to_string())),
            };
            there.push(value.is_some());
            value.unwrap_or(Ok(null)).unwrap_or_else(|reason| {
                faults.add_value(row, self.column, text, reason);
                null
            })
        };
        let values = (0..self.table.rows).map(read).collect();
        (values, nulls(there))
    }

    /// Why a value cannot be read: as it stands there, where its plain form says nothing of it.
    fn unread(&self, text: &[u8], plain: &[u8], reason: &str) -> String {
        reason.replacen(&value::shown(plain), &value::shown(text), 1)
    }

    fn strings(&self, faults: &mut Faults) -> Strings {
        let text = self.table.text;
        let (mut views, mut there) =
            (Vec::with_capacity(self.table.rows), Vec::with_capacity(self.table.rows));
        let (mut unescaped, mut refers) = (vec![], false);
        let (mut content, mut room) = (vec![], vec![]);
        for row in 0..self.table.rows {
            let field = self.table.field(row, self.field);
            let (inner, quoted) = unquoted(field);
            let doubled = quoted && memchr::memchr(b'"', inner).is_some();
            if doubled {
                content.clear();
                unescape(inner, &mut content);
            }
            let said = if doubled { &content } else { inner };
            let plain = match self.written.plain(said, DataType::String, &mut room) {
                // Nothing between quotes is the empty text.
                Ok(Plain::Null) if quoted && said.trim_ascii().is_empty() => &said[..0],
                Ok(Plain::Text(plain)) if quoted || !plain.is_empty() => plain,
                _ => {
                    there.push(false);
                    views.push(0);
                    continue;
                }
            };
            if self.column.ty == DataType::Json
                && !plain.is_empty()
                && let Err(error) = check_json(plain)
            {
                faults.add_value(row, self.column, inner, error.to_string());
            }
            there.push(true);
            views.push(if doubled {
                let from = unescaped.len();
                unescaped.extend_from_slice(plain);
                let view =
                    if plain.len() > 12 { long_view(plain, 1, from) } else { view(plain, 0, plain.len()) };
                if plain.len() <= 12 {
                    unescaped.truncate(from);
                }
                view
            } else {
                refers |= plain.len() > 12;
                // A part of the text: no more than its ends were cut off.
                let start =
                    if plain.is_empty() { 0 } else { plain.as_ptr() as usize - text.as_ptr() as usize };
                view(text, start, start + plain.len())
            });
        }
        Strings::new(views, nulls(there), unescaped, refers)
    }
}

/// The NULLs of a column, if there are any.
fn nulls(there: Vec<bool>) -> Option<NullBuffer> {
    there.iter().any(|there| !there).then(|| NullBuffer::new(BooleanBuffer::from(there)))
}
