//! Types that few writers use: decimals of 256 bits, times of day.
//!
//! # Contract
//! * A decimal of more than 38 digits reaches a column as the text of all of them, or as a number if it has no more
//!   than 38; else its row is a bad record.
//! * A time of day is text, `HH:MM:SS`, with as many digits of its fraction as say something: `10:30:00.25`. What is
//!   not within a day is a bad record.

use super::converted::{FaultSink, with_point};
use crate::input::value::ValueError;
use arrow_array::builder::StringViewBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, ArrayRef};
use arrow_schema::TimeUnit;
use std::sync::Arc;

/// Decimals of 256 bits as texts.
pub(super) fn long_decimals(array: &ArrayRef, scale: i8) -> impl Iterator<Item = Option<String>> {
    array.as_primitive::<Decimal256Type>().iter().map(move |v| v.map(|v| with_point(v.to_string(), scale)))
}

/// Decimals of 256 bits as those of 128.
pub(super) fn narrow(array: &ArrayRef, scale: i8, sink: &mut FaultSink) -> ArrayRef {
    let ty = sink.column.ty;
    Arc::new(sink.map::<_, Decimal128Type>(array.as_primitive::<Decimal256Type>().iter(), |v| {
        let fits = v.to_i128();
        fits.ok_or_else(|| ValueError::does_not_fit(with_point(v.to_string(), scale).as_bytes(), ty))
    }))
}

/// Times of day as texts.
pub(super) fn times_of_day(array: &ArrayRef, unit: TimeUnit, sink: &mut FaultSink) -> ArrayRef {
    let values: Vec<Option<i64>> = match unit {
        TimeUnit::Second => {
            array.as_primitive::<Time32SecondType>().iter().map(|v| v.map(i64::from)).collect()
        }
        TimeUnit::Millisecond => {
            array.as_primitive::<Time32MillisecondType>().iter().map(|v| v.map(i64::from)).collect()
        }
        TimeUnit::Microsecond => array.as_primitive::<Time64MicrosecondType>().iter().collect(),
        TimeUnit::Nanosecond => array.as_primitive::<Time64NanosecondType>().iter().collect(),
    };
    let mut out = StringViewBuilder::with_capacity(array.len());
    for (row, value) in values.into_iter().enumerate() {
        let text = value.and_then(|value| time_of_day(value, unit));
        if let (Some(value), None) = (value, &text) {
            let reason = format!("column `{}`: `{value}` is not a time of day", sink.column.name);
            sink.push_reason(row, reason, value.to_string().as_bytes());
        }
        out.append_option(text);
    }
    Arc::new(out.finish())
}

/// So many units after midnight; none where that is not within the day.
pub(in crate::input) fn time_of_day(value: i64, unit: TimeUnit) -> Option<String> {
    let (per_second, digits) = match unit {
        TimeUnit::Second => (1, 0),
        TimeUnit::Millisecond => (1_000, 3),
        TimeUnit::Microsecond => (1_000_000, 6),
        TimeUnit::Nanosecond => (1_000_000_000, 9),
    };
    // Below zero the seconds are negative, so these fail with those past the day.
    let (seconds, part) = (value.div_euclid(per_second), value.rem_euclid(per_second));
    if !(0..86_400).contains(&seconds) {
        return None;
    }
    let text = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    let part = format!("{part:0digits$}");
    let part = part.trim_end_matches('0');
    Some(if part.is_empty() { text } else { format!("{text}.{part}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_day_show_the_digits_that_say_something() {
        let of = time_of_day;
        assert_eq!(of(0, TimeUnit::Second).as_deref(), Some("00:00:00"));
        assert_eq!(of(86_399_999, TimeUnit::Millisecond).as_deref(), Some("23:59:59.999"));
        assert_eq!(of(37_800_250_000, TimeUnit::Microsecond).as_deref(), Some("10:30:00.25"));
        assert_eq!(of(1, TimeUnit::Nanosecond).as_deref(), Some("00:00:00.000000001"));
        assert_eq!(of(-1, TimeUnit::Millisecond), None);
        assert_eq!(of(86_400, TimeUnit::Second), None);
    }

    #[test]
    fn the_point_stands_where_the_scale_says() {
        let of = |digits: &str, scale| with_point(digits.to_string(), scale);
        assert_eq!([of("-5", 2), of("1234", 2), of("0", 0), of("12", -2)], ["-0.05", "12.34", "0", "1200"]);
    }
}
