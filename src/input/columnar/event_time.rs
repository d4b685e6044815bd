//! The event times and arrivals of columns that have types.

use super::converted::normal;
use super::{CellFault, CellFaults, FileType};
use crate::error::{Error, Result};
use crate::input::ReadTime;
use crate::input::infer::other_time_hint;
use crate::input::times::TimeRole;
use crate::time::{DAY, EARLIEST, LATEST, SECOND, TimeError, TimeParser, TimeRule};
use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType};
use arrow_schema::{DataType as ArrowType, TimeUnit};
use std::fmt::Display;
use std::path::Path;

/// The event times or arrivals of some rows; 0 in those that have a fault.
pub(in crate::input) struct EventTimes {
    pub time: Vec<i64>,
    pub faults: CellFaults,
}

/// A column of times, as messages name it.
#[derive(Clone, Copy)]
pub(in crate::input) struct TimeColumnName<'a> {
    pub name: &'a str,
    pub role: TimeRole,
}

/// Fails where the column's type cannot be a time under the rule of `read`.
pub(in crate::input) fn check(found: &FileType, read: &ReadTime, role: TimeRole, path: &Path) -> Result<()> {
    let fits = match &found.ty {
        ArrowType::Timestamp(_, _) | ArrowType::Date32 | ArrowType::Date64 => true,
        ArrowType::Utf8View | ArrowType::Null => true,
        // An integer is never ISO-8601, but 20240229 may follow a format.
        ty if ty.is_integer() => read.rule != TimeRule::Iso,
        ArrowType::Decimal256(_, _) => false,
        ty if ty.is_floating() || ty.is_decimal() => matches!(read.rule, TimeRule::Epoch(_)),
        _ => false,
    };
    if fits {
        return Ok(());
    }
    let (name, word) = (&read.column, role.word());
    let error = Error::data(format!(
        "the {word} column `{name}` of {} is {}, which is not a time",
        path.display(),
        found.name
    ));
    Err(match found.ty.is_numeric() {
        true => {
            error.hint("give the unit of its numbers: time_unit = \"s\", \"ms\", \"us\", \"ns\" or \"d\"")
        }
        false => error,
    })
}

/// Whether the order of the column's values is the order of the times that they are.
pub(in crate::input) fn prunable(of: &FileType, rule: &TimeRule) -> bool {
    match &of.ty {
        ArrowType::Timestamp(_, _) | ArrowType::Date32 => true,
        ty if ty.is_signed_integer() => matches!(rule, TimeRule::Epoch(_)),
        _ => false,
    }
}

/// The times of `array`, by what its type says, or else by the rule of `parser`.
pub(in crate::input) fn times(
    array: &ArrayRef,
    of: TimeColumnName,
    parser: &mut TimeParser,
    path: &Path,
) -> Result<EventTimes> {
    let array = normal(array, path)?;
    let mut out = EventTimes { time: Vec::with_capacity(array.len()), faults: CellFaults::default() };
    match array.data_type() {
        ArrowType::Int64 if matches!(parser.rule(), TimeRule::Epoch(_)) => {
            let integers = array.as_primitive::<Int64Type>();
            out.time.extend_from_slice(integers.values());
            if integers.null_count() == 0 && parser.integers(&mut out.time) {
                return Ok(out);
            }
            out.time.clear();
            each::<Int64Type>(&array, of, parser, &mut out, |p, v| p.integer(v));
        }
        // An integer such as 20240229 under a format.
        ArrowType::Int64 => {
            each::<Int64Type>(&array, of, parser, &mut out, |p, v| p.text(v.to_string().as_bytes()));
        }
        ArrowType::UInt64 => {
            each::<UInt64Type>(&array, of, parser, &mut out, |p, v| p.text(v.to_string().as_bytes()));
        }
        ArrowType::Float64 => {
            // The shortest digits that give the same float are those that somebody wrote.
            each::<Float64Type>(&array, of, parser, &mut out, |p, v| p.text(v.to_string().as_bytes()));
        }
        ArrowType::Decimal128(precision, scale) => {
            let text = |v: i128| Decimal128Type::format_decimal(v, *precision, *scale);
            each::<Decimal128Type>(&array, of, parser, &mut out, |p, v| p.text(text(v).as_bytes()));
        }
        ArrowType::Date32 => each::<Date32Type>(&array, of, parser, &mut out, |p, v| {
            local(p, i64::from(v).saturating_mul(DAY))
        }),
        ArrowType::Timestamp(unit, zone) => {
            timestamps(&array, *unit, zone.is_some(), of, parser, &mut out);
        }
        ArrowType::Utf8View => {
            for (row, text) in array.as_string_view().iter().enumerate() {
                match text {
                    None => out.missing(row, of),
                    Some(text) => {
                        let outcome = parser.text(text.as_bytes());
                        out.push(row, outcome, of, parser, text);
                    }
                }
            }
        }
        // Texts of which one is no UTF-8.
        ArrowType::BinaryView => {
            for (row, bytes) in array.as_binary_view().iter().enumerate() {
                match bytes {
                    None => out.missing(row, of),
                    Some(bytes) => {
                        let outcome = parser.text(bytes);
                        out.push(row, outcome, of, parser, String::from_utf8_lossy(bytes));
                    }
                }
            }
        }
        // All of it is NULL: other types do not come this far.
        _ => (0..array.len()).for_each(|row| out.missing(row, of)),
    }
    Ok(out)
}

fn timestamps(
    array: &ArrayRef,
    unit: TimeUnit,
    zoned: bool,
    of: TimeColumnName,
    parser: &mut TimeParser,
    out: &mut EventTimes,
) {
    let read = |parser: &mut TimeParser, value: i64| {
        let micros = micros(unit, value).ok_or(TimeError::OutOfRange)?;
        match zoned {
            true if (EARLIEST..LATEST).contains(&micros) => Ok(micros),
            true => Err(TimeError::OutOfRange),
            false => local(parser, micros),
        }
    };
    match unit {
        TimeUnit::Second => each::<TimestampSecondType>(array, of, parser, out, read),
        TimeUnit::Millisecond => each::<TimestampMillisecondType>(array, of, parser, out, read),
        TimeUnit::Microsecond => each::<TimestampMicrosecondType>(array, of, parser, out, read),
        TimeUnit::Nanosecond => each::<TimestampNanosecondType>(array, of, parser, out, read),
    }
}

/// The instant of a local time, which may lie anywhere.
fn local(parser: &mut TimeParser, local: i64) -> std::result::Result<i64, TimeError> {
    let near = EARLIEST - DAY..LATEST + DAY;
    if near.contains(&local) { parser.local(local) } else { Err(TimeError::OutOfRange) }
}

/// Microseconds of a number of `unit`s; digits below are cut.
pub(super) fn micros(unit: TimeUnit, value: i64) -> Option<i64> {
    match unit {
        TimeUnit::Second => value.checked_mul(SECOND),
        TimeUnit::Millisecond => value.checked_mul(1000),
        TimeUnit::Microsecond => Some(value),
        TimeUnit::Nanosecond => Some(value.div_euclid(1000)),
    }
}

fn each<T: ArrowPrimitiveType>(
    array: &ArrayRef,
    of: TimeColumnName,
    parser: &mut TimeParser,
    out: &mut EventTimes,
    read: impl Fn(&mut TimeParser, T::Native) -> std::result::Result<i64, TimeError>,
) where
    T::Native: Display,
{
    let array = array.as_primitive::<T>();
    let nulls = array.nulls().filter(|n| n.null_count() > 0);
    for (row, &value) in array.values().iter().enumerate() {
        if nulls.is_some_and(|n| n.is_null(row)) {
            out.missing(row, of);
            continue;
        }
        match read(parser, value) {
            Ok(instant) => out.time.push(instant),
            outcome => out.push(row, outcome, of, parser, value),
        }
    }
}

impl EventTimes {
    #[cold]
    fn missing(&mut self, row: usize, TimeColumnName { name, role }: TimeColumnName) {
        self.time.push(0);
        self.fault(row, name, format!("`{name}`, {role}, is NULL"), None);
    }

    fn push(
        &mut self,
        row: usize,
        outcome: std::result::Result<i64, TimeError>,
        of: TimeColumnName,
        parser: &TimeParser,
        value: impl Display,
    ) {
        match outcome {
            Ok(instant) => self.time.push(instant),
            Err(error) => {
                self.time.push(0);
                let text = value.to_string();
                let shown = crate::input::value::shown(text.as_bytes());
                self.fault(
                    row,
                    of.name,
                    format!("`{shown}` is {error}"),
                    other_time_hint(text.as_bytes(), parser.rule()),
                );
            }
        }
    }

    fn fault(&mut self, row: usize, column: &str, reason: String, hint: Option<String>) {
        self.faults.push(CellFault { row, column: column.to_string(), reason, hint, aside: false });
    }
}
