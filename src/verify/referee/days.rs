//! The local days of a time zone: what calendar windows need, and a dialect without calendars and wall clocks lacks.

use super::clock::Clock;
use crate::batch::DataType;
use crate::plan::Plan;
use crate::time::{CalendarUnit, Duration, FirstAndLast};
use crate::window::Window;
use arrow_array::{ArrayRef, Date32Array, Int64Array};
use std::sync::Arc;

/// Two columns: name, type, values.
pub type Days = [(&'static str, DataType, ArrayRef); 2];

const DAY: i64 = 86_400_000_000;

/// The days around event times, and the instant (microseconds) at which each begins, `offset` microseconds later on
/// the wall clock.
pub fn days(clock: &Clock, FirstAndLast { first, last }: FirstAndLast, around: i64, offset: i64) -> Days {
    // `div_euclid` rounds down, so days before 1970 are right too.
    let from = first.div_euclid(DAY) - around;
    let to = last.div_euclid(DAY) + around;
    let begins = |day: i64| Some((i32::try_from(day).ok()?, clock.local(day * DAY + offset)?));
    let (days, begins): (Vec<i32>, Vec<i64>) = (from..=to).filter_map(begins).unzip();
    [
        ("day", DataType::Date, Arc::new(Date32Array::from(days))),
        ("begins", DataType::Int64, Arc::new(Int64Array::from(begins))),
    ]
}

/// How many days before and after an event a statement may ask for: two of the largest windows and more than a year.
pub fn around(plan: &Plan) -> i64 {
    let days = |size: &Duration| match size {
        Duration::Length(length) => length / DAY + 1,
        Duration::Calendar { count, unit } => {
            // The longest of each unit: a day too many does not matter, and a day too few loses windows.
            let one = match unit {
                CalendarUnit::Day => 1,
                CalendarUnit::Week => 7,
                CalendarUnit::Month => 31,
                CalendarUnit::Quarter => 92,
                CalendarUnit::Year => 366,
            };
            i64::from(*count) * one
        }
    };
    let of = |window: &Window| match window {
        Window::Global | Window::Session { .. } => 0,
        Window::Tumbling { size, offset } => days(size) + offset.micros.abs() / DAY,
        Window::Hopping { size, slide, offset } => days(size).max(days(slide)) + offset.micros.abs() / DAY,
        Window::Cumulative { size, offset, .. } => days(size) + offset.micros.abs() / DAY,
    };
    2 * plan.pipeline.groupings.iter().map(|grouping| of(&grouping.plan.window)).max().unwrap_or(0) + 400
}
