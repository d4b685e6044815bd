//! How the records of a log may be divided so that a statement over each part gives the rows of its own, and all parts
//! together those of the whole.
//!
//! # Contract
//! Events that the statement looks at together come into one part: those of one group, and those of one key of each step
//! that depends on order. Nothing is taken from the engine for it. If a part were cut wrongly, its groups would come out in
//! pieces, which is a difference that the comparison shows, and never two results that seem the same.

use super::clock::Clock;
use super::typed::Typed;
use crate::batch::{ColumnId, DataType};
use crate::error::{Error, Result};
use crate::plan::{Mode, OutputId, OutputKind, Plan};
use crate::sql::TIME;
use crate::time::{CalendarUnit, Duration};
use crate::window::{Offset, Window};
use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Decimal128Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef};
use chrono::{DateTime, Datelike, NaiveDate, TimeZone};
use std::hash::{DefaultHasher, Hasher};

/// How records are divided.
#[derive(Debug, PartialEq, Eq)]
pub enum Cut {
    /// Anywhere: the statement looks at one record at a time.
    Anywhere,
    /// Records with the same values of these columns, in the same window, stay together.
    Groups {
        /// Columns of the source, by name.
        columns: Vec<String>,
        /// The window, where no step looks at the events of several.
        window: Option<WindowNumber>,
    },
}

/// Numbers the windows that an instant may be in, of those that do not overlap.
#[derive(Debug, PartialEq, Eq)]
pub enum WindowNumber {
    /// Of one length, this many microseconds after its multiples.
    Length { size: i64, offset: i64 },
    /// One unit of the calendar.
    Calendar(CalendarUnit),
}

/// How the records of an output may be divided, or why they cannot.
///
/// # Errors
/// The words that say why the statement needs all records at once.
pub fn of(plan: &Plan, output: OutputId) -> std::result::Result<Cut, &'static str> {
    let output = &plan.deliveries.outputs[output];
    let complete = plan.for_complete_outputs().filter(|_| output.mode == Some(Mode::Complete));
    let pipeline = &complete.as_ref().unwrap_or(plan).pipeline;
    if pipeline.steps_are_streamed() {
        return Err("its steps follow the order of arrival");
    }
    let mut together: Option<Vec<ColumnId>> = None;
    let mut and = |keys: &[ColumnId]| match &mut together {
        Some(columns) => columns.retain(|column| keys.contains(column)),
        None => together = Some(keys.to_vec()),
    };
    let keyed = pipeline.steps.iter().filter_map(|step| step.keys());
    let any_keyed = keyed.map(&mut and).count() > 0;
    let mut window = None;
    match &output.kind {
        OutputKind::Rows(_) => {}
        OutputKind::Archive(_) => return Err("it is an archive"),
        OutputKind::Groups { grouping, post } => {
            let grouping = &pipeline.groupings[*grouping].plan;
            if grouping.lateness.is_some() {
                return Err("its watermark follows the order of arrival");
            }
            let keys: Vec<ColumnId> = grouping.keys.iter().map(|(column, _)| *column).collect();
            // `top` looks at all groups of a window.
            and(if post.top.is_some() { &[] } else { &keys });
            window = number(&grouping.window).filter(|_| !any_keyed);
        }
    }
    let Some(together) = together else { return Ok(Cut::Anywhere) };
    let read = &pipeline.read.columns;
    let of_source = |column: ColumnId| {
        let of_read = read.get(column.place())?;
        let first = read.iter().position(|known| known.name == of_read.name) == Some(column.place());
        // Floats that are equal may differ in their bits.
        (first && of_read.ty != DataType::Float64).then(|| of_read.name.clone())
    };
    let columns: Vec<String> = together.into_iter().filter_map(of_source).collect();
    match columns.is_empty() && window.is_none() {
        true => {
            Err("no column of the source and no tumbling window shows which of its events belong together")
        }
        false => Ok(Cut::Groups { columns, window }),
    }
}

fn number(window: &Window) -> Option<WindowNumber> {
    match window {
        Window::Tumbling { size: Duration::Length(size), offset } => {
            Some(WindowNumber::Length { size: *size, offset: offset.micros })
        }
        Window::Tumbling { size: Duration::Calendar { count: 1, unit }, offset }
            if *offset == Offset::default() =>
        {
            Some(WindowNumber::Calendar(*unit))
        }
        _ => None,
    }
}

impl Cut {
    /// The number of the part of each row, of so many parts.
    ///
    /// # Errors
    /// A machine error: a column that is not there.
    pub fn parts(&self, rows: &Typed, parts: usize, clock: &Clock) -> Result<Vec<u32>> {
        let mut states = vec![START; rows.rows];
        if let Cut::Groups { columns, window } = self {
            let column = |name: &str| {
                let found = rows.columns.iter().find(|(field, _)| field.name == name);
                found
                    .map(|(_, array)| array)
                    .ok_or_else(|| Error::machine(format!("there is no column `{name}`")))
            };
            for name in columns {
                add(&mut states, column(name)?)?;
            }
            if let Some(window) = window {
                let times = column(TIME)?.as_primitive::<TimestampMicrosecondType>();
                let mut numbers = WindowNumbers { window, clock, known: None };
                for (state, time) in states.iter_mut().zip(times.values()) {
                    *state = mixed(*state, numbers.of(*time) as u64);
                }
            }
        }
        let part = |state: u64| ((u128::from(state) * parts as u128) >> 64) as u32;
        Ok(states.into_iter().map(part).collect())
    }
}

const START: u64 = 0x9e37_79b9_7f4a_7c15;
const FACTOR: u64 = 0xa076_1d64_78bd_642f;

/// A hash and one value more.
fn mixed(state: u64, value: u64) -> u64 {
    let product = u128::from(state.rotate_left(29) ^ value ^ START) * u128::from(FACTOR);
    (product as u64) ^ (product >> 64) as u64
}

/// Adds the values of a column to the hashes of its rows.
fn add(states: &mut [u64], array: &ArrayRef) -> Result<()> {
    use arrow_schema::DataType as ArrowType;
    let mut each = |hash: &dyn Fn(usize, u64) -> u64| {
        for (row, state) in states.iter_mut().enumerate() {
            *state = if array.is_null(row) { mixed(*state, FACTOR) } else { hash(row, *state) };
        }
    };
    match array.data_type() {
        ArrowType::Int64 => {
            let values = array.as_primitive::<Int64Type>().values();
            each(&|row, state| mixed(state, values[row] as u64));
        }
        ArrowType::Timestamp(..) => {
            let values = array.as_primitive::<TimestampMicrosecondType>().values();
            each(&|row, state| mixed(state, values[row] as u64));
        }
        ArrowType::Date32 => {
            let values = array.as_primitive::<Date32Type>().values();
            each(&|row, state| mixed(state, values[row] as u64));
        }
        ArrowType::Decimal128(..) => {
            let values = array.as_primitive::<Decimal128Type>().values();
            each(&|row, state| mixed(mixed(state, values[row] as u64), (values[row] >> 64) as u64));
        }
        ArrowType::Boolean => {
            let values = array.as_boolean();
            each(&|row, state| mixed(state, u64::from(values.value(row))));
        }
        ArrowType::Utf8View => {
            let values = array.as_string_view();
            each(&|row, state| match values.views()[row] {
                // A view holds a text of at most 12 bytes itself.
                view if view as u32 <= 12 => mixed(mixed(state, view as u64), (view >> 64) as u64),
                _ => {
                    let mut hasher = DefaultHasher::new();
                    hasher.write(values.value(row).as_bytes());
                    mixed(state, hasher.finish())
                }
            });
        }
        other => return Err(Error::machine(format!("a column of {other} does not divide records"))),
    }
    Ok(())
}

/// The numbers of windows, with the last one known: the events of a log mostly follow one another.
struct WindowNumbers<'a> {
    window: &'a WindowNumber,
    clock: &'a Clock,
    /// The start and the end of a day, and the number of the window that it is in.
    known: Option<(i64, i64, i64)>,
}

const DAY: i64 = 86_400_000_000;

impl WindowNumbers<'_> {
    fn of(&mut self, time: i64) -> i64 {
        let unit = match self.window {
            WindowNumber::Length { size, offset } => {
                return time.saturating_sub(*offset).div_euclid((*size).max(1));
            }
            WindowNumber::Calendar(unit) => *unit,
        };
        match self.known {
            Some((start, end, number)) if (start..end).contains(&time) => number,
            _ => {
                let day = self.day(time).unwrap_or((time, time, 0));
                let number = of_unit(day.2, unit);
                self.known = Some((day.0, day.1, number));
                number
            }
        }
    }

    /// The local day of an instant, its start and its end.
    fn day(&self, time: i64) -> Option<(i64, i64, i64)> {
        let utc = DateTime::from_timestamp_micros(time)?.naive_utc();
        let local = self.clock.zone().from_utc_datetime(&utc).naive_local();
        let mut day = local.and_utc().timestamp_micros().div_euclid(DAY);
        let begins = |day: i64| self.clock.local(day.checked_mul(DAY)?);
        // Where clocks go back over midnight, an instant may show the day before its own.
        while begins(day + 1)? <= time {
            day += 1;
        }
        while begins(day)? > time {
            day -= 1;
        }
        Some((begins(day)?, begins(day + 1)?, day))
    }
}

/// The number of the unit that a day since 1970 is in.
fn of_unit(day: i64, unit: CalendarUnit) -> i64 {
    let date = i32::try_from(day).ok().and_then(NaiveDate::from_epoch_days).unwrap_or_default();
    let (year, month) = (i64::from(date.year()), i64::from(date.month0()));
    match unit {
        CalendarUnit::Day => day,
        // 1970 began on a Thursday.
        CalendarUnit::Week => (day + 3).div_euclid(7),
        CalendarUnit::Month => year * 12 + month,
        CalendarUnit::Quarter => year * 4 + month / 3,
        CalendarUnit::Year => year,
    }
}
