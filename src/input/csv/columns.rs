//! One column of a table of fields as an Arrow array: a tight loop for each type.
//!
//! # Contract
//! An empty field without quotes is NULL. `""` is the empty string in a column of strings, and NULL
//! in any other. A row whose value cannot be read is a fault of that row; the array then holds
//! anything there, and the row is to be dropped.

use super::super::infer::other_time_hint;
use super::super::times::TimeRole;
use super::super::value::{parse_bool, parse_date, parse_decimal, parse_float, parse_int};
use super::super::written::ValueFormat;
use super::super::{ReadColumn, around};
use super::cells::{
    CsvStrings, DecodedColumn, MAX_INLINE, decode_native, long_view, parse_plain_int, short_view,
    unread_time, view,
};
use super::numbers::{PlainNumbers, plain_numbers};
use super::record::{unescape, unquoted};
use super::spelled;
use super::table::{CsvRecords, RecordFaults};
use crate::batch::{DataType, Native};
use crate::time::{TimeError, TimeParser, TimeRule};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use std::fmt::Display;

/// The column `field` of `table`, `written` where that is not the plain way. `times` reads timestamps that are neither event time nor arrival.
pub(super) fn decode(
    table: CsvRecords,
    field: usize,
    column: &ReadColumn,
    written: Option<&ValueFormat>,
    times: &mut TimeParser,
    faults: &mut RecordFaults,
) -> DecodedColumn {
    if let Some(written) = written {
        return spelled::decode(table, field, column, written, times, faults);
    }
    match column.ty {
        DataType::String => DecodedColumn::Strings(strings(table, field)),
        // Each text is looked at, as where values are written in a way of their own.
        DataType::Json => spelled::decode(table, field, column, &ValueFormat::default(), times, faults),
        DataType::Int64 => {
            let read = |text: &[u8]| match column.inferred {
                true => parse_plain_int(text),
                false => parse_int(text).map_err(|e| e.to_string()),
            };
            let plain = PlainNumbers::integers(!column.inferred);
            let (values, nulls) = numbers(table, field, column, plain, faults, |value| value, read);
            DecodedColumn::Array(Native::array(column.ty, values, nulls))
        }
        DataType::Decimal { precision, scale }
            if let Some(plain) = PlainNumbers::decimals(precision, scale) =>
        {
            let read = |text: &[u8]| parse_decimal(text, precision, scale);
            let (values, nulls) = numbers(table, field, column, plain, faults, i128::from, read);
            DecodedColumn::Array(Native::array(column.ty, values, nulls))
        }
        _ => DecodedColumn::Array(decode_native!(column, times, |parse| values(
            table, field, column, faults, parse
        ))),
    }
}

/// The event times or arrivals of `table`.
pub(super) fn times(
    table: CsvRecords,
    field: usize,
    column: &str,
    role: TimeRole,
    written: Option<&ValueFormat>,
    parser: &mut TimeParser,
    faults: &mut RecordFaults,
) -> Vec<i64> {
    let bare = |text| written.map_or(text, |written| written.bare(text).unwrap_or_default());
    let mut times = vec![0; table.rows];
    let TimeRule::Epoch(_) = parser.rule() else {
        let usual = written.is_none() && matches!(parser.rule(), TimeRule::Iso);
        for (row, time) in times.iter_mut().enumerate() {
            if usual && let Some(instant) = parser.plain_instant(table.field(row, field)) {
                *time = instant;
                continue;
            }
            let text = bare(table.value(row, field));
            match parser.text(text) {
                Ok(instant) => *time = instant,
                Err(error) => no_time(row, text, (&error, parser.rule()), column, role, faults),
            }
        }
        return times;
    };
    let mut others = vec![];
    if written.is_none() {
        plain_numbers(table, field, PlainNumbers::integers(true), &mut times, &mut others);
    }
    // Where another text stands there is a zero, which is a time as well.
    if written.is_some() || !parser.integers(&mut times) {
        others = (0..table.rows as u32).collect();
    }
    for row in others.into_iter().map(|row| row as usize) {
        let text = bare(table.value(row, field));
        // What is no integer may be a decimal.
        let instant = match parse_int(text) {
            Ok(integer) => parser.integer(integer),
            Err(_) => parser.text(text),
        };
        match instant {
            Ok(instant) => times[row] = instant,
            Err(error) => no_time(row, text, (&error, parser.rule()), column, role, faults),
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
    role: TimeRole,
    faults: &mut RecordFaults,
) {
    let reason = match text {
        [] => format!("the {} is missing", role.word()),
        _ => unread_time(text, error),
    };
    let hint = match text {
        [] => None,
        // Most often such a text is a line behind the records, such as `Total`.
        _ => around::end_hint(text).or_else(|| other_time_hint(text, rule)),
    };
    faults.add(row, column, reason, hint);
}

/// The values of a column that is not of strings, and where they are NULL; the default stands there.
#[inline(always)]
fn values<T: Native, E: Display>(
    table: CsvRecords,
    field: usize,
    column: &ReadColumn,
    faults: &mut RecordFaults,
    mut parse: impl FnMut(&[u8]) -> Result<T, E>,
) -> (Vec<T>, Option<NullBuffer>) {
    let mut missing = 0;
    let read = |row| value(table, (row, field), column, faults, &mut missing, &mut parse);
    let values = (0..table.rows).map(read).collect();
    (values, nulls_where(missing, table, |row| table.value(row, field).is_empty()))
}

/// The same of numbers, of which most are written as `plain` says: `of` makes a value of one, and `parse` reads the others.
fn numbers<T: Native, E: Display>(
    table: CsvRecords,
    field: usize,
    column: &ReadColumn,
    plain: PlainNumbers,
    faults: &mut RecordFaults,
    of: impl Fn(i64) -> T,
    mut parse: impl FnMut(&[u8]) -> Result<T, E>,
) -> (Vec<T>, Option<NullBuffer>) {
    let (mut numbers, mut others) = (vec![0; table.rows], vec![]);
    plain_numbers(table, field, plain, &mut numbers, &mut others);
    let mut values: Vec<T> = numbers.into_iter().map(of).collect();
    let mut missing = 0;
    for row in others.into_iter().map(|row| row as usize) {
        values[row] = value(table, (row, field), column, faults, &mut missing, &mut parse);
    }
    (values, nulls_where(missing, table, |row| table.value(row, field).is_empty()))
}

/// One value; the default where it is missing, which is counted, and where it cannot be read.
#[inline(always)]
fn value<T: Native, E: Display>(
    table: CsvRecords,
    (row, field): (usize, usize),
    column: &ReadColumn,
    faults: &mut RecordFaults,
    missing: &mut usize,
    parse: &mut impl FnMut(&[u8]) -> Result<T, E>,
) -> T {
    let text = table.value(row, field);
    if text.is_empty() {
        *missing += 1;
        return T::default();
    }
    parse(text).unwrap_or_else(|e| {
        faults.add_value(row, column, text, e.to_string());
        T::default()
    })
}

/// The NULLs of a column, if there are any.
fn nulls_where(missing: usize, table: CsvRecords, is_null: impl Fn(usize) -> bool) -> Option<NullBuffer> {
    // A column without NULLs does not get a mask: kernels take a faster way then.
    (missing > 0).then(|| NullBuffer::new(BooleanBuffer::collect_bool(table.rows, |row| !is_null(row))))
}

fn strings(table: CsvRecords, field: usize) -> CsvStrings {
    let (mut missing, mut refers) = (0usize, false);
    let mut unescaped = Vec::new();
    let read = |row| {
        let (start, end) = table.place(row, field);
        if start == end {
            missing += 1;
            // All zeros is the view of an empty text, which is valid under a NULL.
            return 0;
        }
        if table.text[start] == b'"' {
            let (inner, _) = unquoted(&table.text[start..end]);
            // A short view holds its bytes itself: only longer ones keep the chunk's text in memory.
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
    CsvStrings::new(views, nulls, unescaped, refers)
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
        // The view holds the bytes itself, so the copy is not needed.
        unescaped.truncate(from);
        return view;
    }
    long_view(content, 1, from)
}
