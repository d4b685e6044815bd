//! Columns whose values are not written in the plain way: each value is taken to its plain form first.
//!
//! # Contract
//! As of [`super::columns`], with what [`ValueFormat`] says of words for NULL and of spaces: where these do not count, a
//! field of spaces alone is an empty one.

use super::super::ReadColumn;
use super::super::value::{self, check_json, parse_bool, parse_date, parse_decimal, parse_float, parse_int};
use super::super::written::{Plain, ValueFormat};
use super::cells::{
    CsvStrings, DecodedColumn, MAX_INLINE, decode_native, long_view, parse_plain_int, unread_time, view,
};
use super::record::{unescape, unquoted};
use super::table::{CsvRecords, RecordFaults};
use crate::batch::{DataType, Native};
use crate::time::TimeParser;
use arrow_buffer::{BooleanBuffer, NullBuffer};
use std::fmt::Display;

/// The column `field` of `table`.
pub(super) fn decode(
    table: CsvRecords,
    field: usize,
    column: &ReadColumn,
    written: &ValueFormat,
    times: &mut TimeParser,
    faults: &mut RecordFaults,
) -> DecodedColumn {
    let read = SpelledColumn { table, field, column, written };
    match column.ty {
        DataType::String | DataType::Json => DecodedColumn::Strings(read.strings(faults)),
        _ => DecodedColumn::Array(decode_native!(column, times, |parse| read.values(faults, parse))),
    }
}

/// A column of a chunk.
struct SpelledColumn<'a> {
    table: CsvRecords<'a>,
    field: usize,
    column: &'a ReadColumn,
    written: &'a ValueFormat,
}

impl SpelledColumn<'_> {
    /// The values of a column that is not of strings, and where they are NULL; the default stands there.
    fn values<T: Native, E: Display>(
        &self,
        faults: &mut RecordFaults,
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
            value.unwrap_or(Ok(T::default())).unwrap_or_else(|reason| {
                faults.add_value(row, self.column, text, reason);
                T::default()
            })
        };
        let values = (0..self.table.rows).map(read).collect();
        (values, nulls(there))
    }

    /// Why a value cannot be read: as it stands there, where its plain form says nothing of it.
    fn unread(&self, text: &[u8], plain: &[u8], reason: &str) -> String {
        reason.replacen(&value::shown(plain), &value::shown(text), 1)
    }

    fn strings(&self, faults: &mut RecordFaults) -> CsvStrings {
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
            let unquoted = if doubled { &content } else { inner };
            let plain = match self.written.plain(unquoted, DataType::String, &mut room) {
                // Nothing between quotes is the empty text.
                Ok(Plain::Null) if quoted && unquoted.trim_ascii().is_empty() => &unquoted[..0],
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
            // The row leaves the batch if its JSON is bad, so the view may stand there.
            there.push(true);
            views.push(if doubled {
                let from = unescaped.len();
                // `content` is overwritten by the next row, so a long text moves into a buffer of the array.
                unescaped.extend_from_slice(plain);
                let view = if plain.len() > MAX_INLINE {
                    long_view(plain, 1, from)
                } else {
                    view(plain, 0, plain.len())
                };
                if plain.len() <= MAX_INLINE {
                    unescaped.truncate(from);
                }
                view
            } else {
                refers |= plain.len() > MAX_INLINE;
                // A part of the text: no more than its ends were cut off.
                let start =
                    if plain.is_empty() { 0 } else { plain.as_ptr() as usize - text.as_ptr() as usize };
                view(text, start, start + plain.len())
            });
        }
        CsvStrings::new(views, nulls(there), unescaped, refers)
    }
}

/// The NULLs of a column, if there are any.
fn nulls(there: Vec<bool>) -> Option<NullBuffer> {
    there.iter().any(|there| !there).then(|| NullBuffer::new(BooleanBuffer::from(there)))
}
