//! One column of a table of fields as an Arrow array: a tight loop for each type.
//!
//! # Contract
//! An empty field without quotes is NULL. `""` is the empty string in a column of strings, and NULL
//! in any other. A row whose value cannot be read is a fault of that row; the array then holds
//! anything there, and the row is to be dropped.

use super::super::ReadColumn;
use super::super::around;
use super::super::infer::other_time_hint;
use super::super::times::Role;
use super::super::value::{parse_bool, parse_date, parse_decimal, parse_float, parse_int};
use super::super::written::Written;
use super::record::{unescape, unquoted};
use super::spelled;
use super::table::{Faults, Table};
use crate::batch::{DataType, Native};
use crate::time::{TimeError, TimeParser, TimeRule};
use arrow_array::{ArrayRef, StringViewArray};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, ScalarBuffer};
use std::fmt::Display;
use std::sync::Arc;

/// A column that is decoded.
pub(super) enum Decoded {
    /// Done.
    Array(ArrayRef),
    /// Strings that lie in the text of the chunk.
    Strings(Strings),
}

/// Views of strings, for a [`StringViewArray`].
pub(super) struct Strings {
    views: Vec<u128>,
    nulls: Option<NullBuffer>,
    /// Strings that had doubled quotes; buffer 1 of the array.
    unescaped: Vec<u8>,
    /// Whether views refer to the text of the chunk, which is buffer 0.
    refers: bool,
}

impl Strings {
    /// Views of the text of the chunk, buffer 0, and of `unescaped`, buffer 1; `refers` where any is of the first.
    pub(super) fn new(
        views: Vec<u128>,
        nulls: Option<NullBuffer>,
        unescaped: Vec<u8>,
        refers: bool,
    ) -> Strings {
        Strings { views, nulls, unescaped, refers }
    }

    /// Whether the array keeps the text of the chunk.
    pub(super) fn needs_text(&self) -> bool {
        self.refers || !self.unescaped.is_empty()
    }

    /// The array; `text` is the text of the chunk, and may be missing if it is not needed.
    pub(super) fn into_array(self, text: Option<&Buffer>) -> ArrayRef {
        let mut buffers = Vec::new();
        if self.needs_text() {
            buffers.extend(text.cloned());
        }
        if !self.unescaped.is_empty() {
            buffers.push(Buffer::from_vec(self.unescaped));
        }
        // SAFETY: each view was made by `view` or `long_view` from a field of the text, which is
        // valid UTF-8 and is cut at ASCII bytes only, or from bytes of `unescaped` of that kind; the
        // buffers are the ones that the views name.
        Arc::new(unsafe {
            StringViewArray::new_unchecked(ScalarBuffer::from(self.views), buffers.into(), self.nulls)
        })
    }
}

/// The array of a column that is not of texts: `$values`, with `$parse` as what reads a value of its type. A macro, so
/// that each type of each caller gets a loop of its own, with what reads a value inlined.
macro_rules! decode_native {
    ($column:expr, $times:expr, |$parse:ident| $values:expr) => {{
        let (column, times) = ($column, $times);
        macro_rules! array {
            ($read:expr) => {{
                let $parse = $read;
                let (values, nulls) = $values;
                Native::array(column.ty, values, nulls)
            }};
        }
        match column.ty {
            DataType::Bool => array!(parse_bool),
            DataType::Int64 if column.inferred => array!(parse_plain_int),
            DataType::Int64 => array!(parse_int),
            DataType::Float64 => array!(parse_float),
            DataType::Decimal { precision, scale } => {
                array!(|text: &[u8]| parse_decimal(text, precision, scale))
            }
            DataType::Date => array!(parse_date),
            DataType::Timestamp => array!(|text: &[u8]| times.text(text).map_err(|e| unread_time(text, &e))),
            DataType::String | DataType::Json => unreachable!("texts are read apart"),
        }
    }};
}
pub(super) use decode_native;

/// The column `field` of `table`, `written` where that is not the plain way. `times` reads timestamps that are neither event time nor arrival.
pub(super) fn decode(
    table: Table,
    field: usize,
    column: &ReadColumn,
    written: Option<&Written>,
    times: &mut TimeParser,
    faults: &mut Faults,
) -> Decoded {
    if let Some(written) = written {
        return spelled::decode(table, field, column, written, times, faults);
    }
    match column.ty {
        DataType::String => Decoded::Strings(strings(table, field)),
        // Each text is looked at, as where values are written in a way of their own.
        DataType::Json => spelled::decode(table, field, column, &Written::default(), times, faults),
        _ => {
            Decoded::Array(decode_native!(column, times, |parse| values(table, field, column, faults, parse)))
        }
    }
}

/// The event times or arrivals of `table`.
pub(super) fn times(
    table: Table,
    field: usize,
    column: &str,
    role: Role,
    written: Option<&Written>,
    parser: &mut TimeParser,
    faults: &mut Faults,
) -> Vec<i64> {
    let bare = |text| written.map_or(text, |written| written.bare(text).unwrap_or_default());
    // Plain loops: closures that two callers share are not inlined, at 4 % of a run.
    let mut times = vec![0; table.rows];
    if let TimeRule::Epoch(_) = parser.rule() {
        for (row, time) in times.iter_mut().enumerate() {
            let text = bare(table.value(row, field));
            // What is no integer may be a decimal.
            let instant = match parse_int(text) {
                Ok(value) => parser.integer(value),
                Err(_) => parser.text(text),
            };
            match instant {
                Ok(instant) => *time = instant,
                Err(error) => no_time(row, text, (&error, parser.rule()), column, role, faults),
            }
        }
    } else {
        for (row, time) in times.iter_mut().enumerate() {
            let text = bare(table.value(row, field));
            match parser.text(text) {
                Ok(instant) => *time = instant,
                Err(error) => no_time(row, text, (&error, parser.rule()), column, role, faults),
            }
        }
    }
    times
}

#[cold]
fn no_time(
    row: usize,
    text: &[u8],
    (error, rule): (&TimeError, &TimeRule),
    column: &str,
    role: Role,
    faults: &mut Faults,
) {
    let reason = match text {
        [] => format!("the {} is missing", role.word()),
        _ => unread_time(text, error),
    };
    let hint = match text {
        [] => None,
        _ => around::end_hint(text).or_else(|| other_time_hint(text, rule)),
    };
    faults.add(row, column, reason, hint);
}

#[cold]
pub(super) fn unread_time(text: &[u8], error: &TimeError) -> String {
    format!("`{}` is {error}", super::super::value::shown(text))
}

/// An integer without leading zeros, which say that it is no number but a code.
#[inline(always)]
pub(super) fn parse_plain_int(text: &[u8]) -> Result<i64, String> {
    let digits = match text {
        [b'-' | b'+', digits @ ..] => digits,
        _ => text,
    };
    if matches!(digits, [b'0', b'0'..=b'9', ..]) {
        return Err(leading_zeros(text));
    }
    parse_int(text).map_err(|e| e.to_string())
}

#[cold]
fn leading_zeros(text: &[u8]) -> String {
    format!("`{}` has leading zeros, which an int64 would lose", super::super::value::shown(text))
}

/// The values of a column that is not of strings, and where they are NULL; the default stands there.
#[inline(always)]
fn values<T: Native, E: Display>(
    table: Table,
    field: usize,
    column: &ReadColumn,
    faults: &mut Faults,
    mut parse: impl FnMut(&[u8]) -> Result<T, E>,
) -> (Vec<T>, Option<NullBuffer>) {
    let mut missing = 0usize;
    let read = |row| {
        let text = table.value(row, field);
        if text.is_empty() {
            missing += 1;
            return T::default();
        }
        parse(text).unwrap_or_else(|e| {
            faults.add_value(row, column, text, e.to_string());
            T::default()
        })
    };
    let values = (0..table.rows).map(read).collect();
    (values, nulls_where(missing, table, |row| table.value(row, field).is_empty()))
}

/// The NULLs of a column, if there are any.
fn nulls_where(missing: usize, table: Table, is_null: impl Fn(usize) -> bool) -> Option<NullBuffer> {
    (missing > 0).then(|| NullBuffer::new(BooleanBuffer::collect_bool(table.rows, |row| !is_null(row))))
}

const MAX_INLINE: usize = 12;

fn strings(table: Table, field: usize) -> Strings {
    let (mut missing, mut refers) = (0usize, false);
    let mut unescaped = Vec::new();
    let read = |row| {
        let (start, end) = table.place(row, field);
        if start == end {
            missing += 1;
            return 0;
        }
        if table.text[start] == b'"' {
            let (inner, _) = unquoted(&table.text[start..end]);
            refers |= inner.len() > MAX_INLINE;
            return quoted_view(table.text, start + 1, inner, &mut unescaped);
        }
        refers |= end - start > MAX_INLINE;
        view(table.text, start, end)
    };
    let views = (0..table.rows).map(read).collect();
    let nulls = nulls_where(missing, table, |row| {
        let (start, end) = table.place(row, field);
        start == end
    });
    Strings::new(views, nulls, unescaped, refers)
}

/// The view of a quoted string; where quotes are doubled in it, of its copy in `unescaped`.
#[inline(never)]
fn quoted_view(text: &[u8], start: usize, inner: &[u8], unescaped: &mut Vec<u8>) -> u128 {
    if memchr::memchr(b'"', inner).is_none() {
        return view(text, start, start + inner.len());
    }
    let from = unescaped.len();
    unescape(inner, unescaped);
    let content = &unescaped[from..];
    if content.len() <= MAX_INLINE {
        let view = short_view(content);
        unescaped.truncate(from);
        return view;
    }
    long_view(content, 1, from)
}

/// The view of `text[start..end]`, in buffer 0.
#[inline(always)]
pub(super) fn view(text: &[u8], start: usize, end: usize) -> u128 {
    let length = end - start;
    if length > MAX_INLINE {
        return long_view(&text[start..end], 0, start);
    }
    // Most often 16 bytes can be loaded, and cut to those that count.
    match text[start..].first_chunk::<16>() {
        Some(bytes) => (u128::from_le_bytes(*bytes) & INLINE[length]) << 32 | length as u128,
        None => short_view(&text[start..end]),
    }
}

/// The low `i` bytes.
const INLINE: [u128; MAX_INLINE + 1] = {
    let mut masks = [0; MAX_INLINE + 1];
    let mut i = 1;
    while i <= MAX_INLINE {
        masks[i] = u128::MAX >> (128 - 8 * i);
        i += 1;
    }
    masks
};

#[inline(never)]
fn short_view(content: &[u8]) -> u128 {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&(content.len() as u32).to_le_bytes());
    bytes[4..4 + content.len()].copy_from_slice(content);
    u128::from_le_bytes(bytes)
}

/// Length, the first four bytes, buffer and offset, from the lowest byte up.
#[inline(always)]
pub(super) fn long_view(content: &[u8], buffer: u32, offset: usize) -> u128 {
    let prefix = u32::from_le_bytes([content[0], content[1], content[2], content[3]]);
    content.len() as u128 | u128::from(prefix) << 32 | u128::from(buffer) << 64 | (offset as u128) << 96
}
