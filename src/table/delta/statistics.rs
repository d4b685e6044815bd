//! What the columns of a file have, as the log tells it: readers skip files by it.
//!
//! # Contract
//! * A bound holds for each reader, whatever it knows of the format: the greatest time is rounded up to a millisecond, because
//!   some readers cut it there, and the least one down.
//! * A float has a least value alone. NaN is in no bound, and some readers order it behind all numbers.
//! * What JSON cannot write has no bound.

use crate::batch::DataType;
use crate::table::shape::{PartStatistics, TableFile, TableShape};
use crate::table::value::TableValue;
use chrono::{DateTime, Datelike, NaiveDate, SecondsFormat, TimeDelta};
use serde_json::{Map, Number, Value, json};
use std::collections::BTreeMap;

/// How many characters of a text a bound has, as Spark cuts it.
const BOUND: usize = 32;

/// The statistics of a file as JSON, whose columns have the numbers `ids`.
pub fn of(file: &TableFile, shape: &TableShape, ids: &BTreeMap<String, i32>) -> String {
    let (mut least, mut most, mut nulls) = (Map::new(), Map::new(), Map::new());
    for column in &shape.columns {
        let id = ids.get(&column.name);
        let Some(known) = file.statistics.iter().find(|known| Some(&known.id) == id) else { continue };
        let PartStatistics { lower, upper, nulls: count, .. } = known;
        let name = || column.name.clone();
        if let Some(count) = count {
            nulls.insert(name(), json!(count));
        }
        let scale = match column.ty {
            DataType::Decimal { scale, .. } => scale,
            _ => 0,
        };
        let lower = lower.clone().map(|value| value.lower(BOUND));
        if let Some(value) = lower.and_then(|value| bound(&value, scale, BoundEnd::Least)) {
            least.insert(name(), value);
        }
        let upper = upper.clone().and_then(|value| value.upper(BOUND));
        if let Some(value) = upper.and_then(|value| bound(&value, scale, BoundEnd::Most)) {
            most.insert(name(), value);
        }
    }
    json!({ "numRecords": file.rows, "minValues": least, "maxValues": most, "nullCount": nulls }).to_string()
}

/// Which bound is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BoundEnd {
    /// One that no value is below.
    Least,
    /// One that no value is above.
    Most,
}

/// A bound as JSON; `scale` is that of a decimal.
fn bound(value: &TableValue, scale: u8, end: BoundEnd) -> Option<Value> {
    Some(match value {
        // Readers have no bounds of these.
        TableValue::Bool(_) => return None,
        TableValue::Int(number) => json!(number),
        TableValue::Long(number) => json!(number),
        TableValue::Double(number) if end == BoundEnd::Least => Value::Number(Number::from_f64(*number)?),
        TableValue::Double(_) => return None,
        TableValue::Decimal(digits, _) => Value::Number(decimal(*digits, scale.into())?),
        TableValue::Date(days) => {
            let date = NaiveDate::default().checked_add_signed(TimeDelta::try_days((*days).into())?)?;
            // Behind year 9999 a date has a sign, which readers do not take.
            (0..=9999).contains(&date.year()).then(|| json!(date.to_string()))?
        }
        TableValue::Time(micros) => {
            let up = end == BoundEnd::Most && micros.rem_euclid(1000) != 0;
            let time = DateTime::from_timestamp_millis(micros.div_euclid(1000) + i64::from(up))?;
            let is_plain = (0..=9999).contains(&time.year());
            is_plain.then(|| json!(time.to_rfc3339_opts(SecondsFormat::Millis, true)))?
        }
        TableValue::Text(text) => json!(text),
    })
}

/// A decimal as a number of JSON, exactly.
fn decimal(digits: i128, scale: usize) -> Option<Number> {
    let sign = if digits < 0 { "-" } else { "" };
    let text = format!("{:0>width$}", digits.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = text.split_at(text.len() - scale);
    let point = if scale > 0 { "." } else { "" };
    format!("{sign}{whole}{point}{fraction}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_hold_what_they_bound() {
        let of =
            |value: TableValue, end| bound(&value, 2, end).map_or("none".into(), |value| value.to_string());
        assert_eq!(of(TableValue::Time(1_500), BoundEnd::Least), "\"1970-01-01T00:00:00.001Z\"");
        assert_eq!(of(TableValue::Time(1_500), BoundEnd::Most), "\"1970-01-01T00:00:00.002Z\"");
        assert_eq!(of(TableValue::Time(-1), BoundEnd::Least), "\"1969-12-31T23:59:59.999Z\"");
        assert_eq!(of(TableValue::Time(-1), BoundEnd::Most), "\"1970-01-01T00:00:00.000Z\"");
        assert_eq!(of(TableValue::Decimal(-5, 9), BoundEnd::Most), "-0.05");
        let wide = 12_345_678_901_234_567_890_123_456_789_012_345_678;
        assert_eq!(
            of(TableValue::Decimal(wide, 38), BoundEnd::Most),
            "123456789012345678901234567890123456.78"
        );
        assert_eq!(of(TableValue::Date(-1), BoundEnd::Most), "\"1969-12-31\"");
        assert_eq!(of(TableValue::Long(i64::MIN), BoundEnd::Least), "-9223372036854775808");
        assert_eq!(of(TableValue::Double(0.1), BoundEnd::Least), "0.1");
        for (value, end) in [
            (TableValue::Double(0.1), BoundEnd::Most),
            (TableValue::Double(f64::NEG_INFINITY), BoundEnd::Least),
            (TableValue::Bool(true), BoundEnd::Most),
            (TableValue::Date(i32::MAX), BoundEnd::Most),
            (TableValue::Time(i64::MAX), BoundEnd::Most),
        ] {
            assert_eq!(of(value, end), "none");
        }
    }
}
