//! Values to which a schema of Kafka Connect gives a meaning that JSON lacks: decimals, days, instants, times of day.
//!
//! # Contract
//! * A value is written as JSON that says what it is: a decimal as a number of all its digits, a day as `YYYY-MM-DD`, an
//!   instant as `YYYY-MM-DDTHH:MM:SS[.f]Z`, a time of day as `HH:MM:SS[.f]`. Nothing is rounded.
//! * A number that lies outside of the years 1 to 9999 stands as it does: whoever reads it as a date is told so.
//! * A value of another kind than its schema says has a fault.

use crate::batch::DataType;
use crate::input::jsonl::{JsonKind, unescape};
use crate::input::value::shown;
use crate::time::{TimeUnit, civil_from_days};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use num_bigint::{BigInt, Sign};
use std::io::Write;

/// The most digits after the point, and the most zeros before it, that a schema may ask for.
const FURTHEST: i32 = 1000;

/// The greatest precision of a decimal column.
const DIGITS: u8 = 38;

/// What values of a field stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::input) enum ConnectLogical {
    /// Base64 of an integer in two's complement, big-endian, divided by 10 to the power `scale`.
    Decimal {
        scale: i32,
        /// How many digits the column has in the database, where the schema says.
        precision: Option<u8>,
    },
    /// A record of a scale and such an integer.
    VariableDecimal,
    /// Days since 1970-01-01.
    Date,
    /// A number of these since 1970, UTC.
    Instant(TimeUnit),
    /// A number of these since midnight.
    TimeOfDay(TimeUnit),
}

impl ConnectLogical {
    /// What the schema of a field names, if it is one of these.
    ///
    /// # Errors
    /// A decimal without a scale that can be used.
    pub fn of(schema: &serde_json::Value) -> Result<Option<ConnectLogical>, String> {
        let Some(name) = schema.get("name").and_then(serde_json::Value::as_str) else { return Ok(None) };
        let parameter = |name: &str| match schema.get("parameters")?.get(name)? {
            serde_json::Value::String(digits) => digits.parse::<i32>().ok(),
            number => i32::try_from(number.as_i64()?).ok(),
        };
        Ok(Some(match name {
            "org.apache.kafka.connect.data.Decimal" => {
                let scale = parameter("scale").filter(|scale| scale.abs() <= FURTHEST);
                let scale = scale.ok_or("the schema has a decimal without a valid `scale`")?;
                let precision = parameter("connect.decimal.precision").and_then(|p| u8::try_from(p).ok());
                ConnectLogical::Decimal { scale, precision }
            }
            "io.debezium.data.VariableScaleDecimal" => ConnectLogical::VariableDecimal,
            "org.apache.kafka.connect.data.Date" | "io.debezium.time.Date" => ConnectLogical::Date,
            "org.apache.kafka.connect.data.Timestamp" | "io.debezium.time.Timestamp" => {
                ConnectLogical::Instant(TimeUnit::Milli)
            }
            "io.debezium.time.MicroTimestamp" => ConnectLogical::Instant(TimeUnit::Micro),
            "io.debezium.time.NanoTimestamp" => ConnectLogical::Instant(TimeUnit::Nano),
            "org.apache.kafka.connect.data.Time" | "io.debezium.time.Time" => {
                ConnectLogical::TimeOfDay(TimeUnit::Milli)
            }
            "io.debezium.time.MicroTime" => ConnectLogical::TimeOfDay(TimeUnit::Micro),
            "io.debezium.time.NanoTime" => ConnectLogical::TimeOfDay(TimeUnit::Nano),
            _ => return Ok(None),
        }))
    }

    /// The type of a column of such values, of which `example` is one as it is written.
    pub fn data_type(self, example: Option<&str>) -> DataType {
        let decimal = |precision: Option<u8>, scale: i32| {
            let scale = u8::try_from(scale).unwrap_or(0).min(DIGITS);
            let precision = precision.unwrap_or(DIGITS).clamp(1, DIGITS);
            // A negative scale has zeros before the point, which the precision does not count.
            DataType::Decimal { precision: if scale > precision { DIGITS } else { precision }, scale }
        };
        match self {
            ConnectLogical::Decimal { scale, .. } if scale < 0 => decimal(None, 0),
            ConnectLogical::Decimal { scale, precision } => decimal(precision, scale),
            ConnectLogical::VariableDecimal => {
                let digits = example.and_then(|number| number.split_once('.')).map_or(0, |(_, f)| f.len());
                decimal(None, digits as i32)
            }
            ConnectLogical::Date => DataType::Date,
            ConnectLogical::Instant(_) => DataType::Timestamp,
            ConnectLogical::TimeOfDay(_) => DataType::String,
        }
    }

    /// The unit of its numbers, where they are times of the calendar.
    pub fn unit(self) -> Option<TimeUnit> {
        match self {
            ConnectLogical::Date => Some(TimeUnit::Day),
            ConnectLogical::Instant(unit) => Some(unit),
            _ => None,
        }
    }

    /// What it is, in words: `days`, `a decimal of scale 2`.
    pub fn words(self) -> String {
        match self {
            ConnectLogical::Decimal { scale, .. } => format!("a decimal of scale {scale}"),
            ConnectLogical::VariableDecimal => "a decimal with its own scale".to_string(),
            ConnectLogical::Date => "days since 1970".to_string(),
            ConnectLogical::Instant(unit) => format!("{} since 1970", unit.words()),
            ConnectLogical::TimeOfDay(unit) => format!("{} since midnight", unit.words()),
        }
    }

    /// Appends the value `text` of `kind` (of a string what is between the quotes), which is not null, as JSON.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn write(self, kind: JsonKind, text: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
        let unlike = || format!("`{}` is not {}, although its schema says so", shown(text), self.words());
        if let ConnectLogical::Decimal { scale, .. } = self {
            return match kind {
                JsonKind::Text | JsonKind::Escaped => decimal(kind, text, scale, out).ok_or_else(unlike),
                // `decimal.format=NUMERIC` of the JsonConverter.
                JsonKind::Number => {
                    out.extend_from_slice(text);
                    Ok(())
                }
                _ => Err(unlike()),
            };
        }
        if self == ConnectLogical::VariableDecimal {
            return variable(text, out).ok_or_else(unlike);
        }
        let number = std::str::from_utf8(text).ok().filter(|_| kind == JsonKind::Number);
        let number = number.and_then(|digits| digits.parse::<i64>().ok()).ok_or_else(unlike)?;
        let before = out.len();
        out.push(b'"');
        // Nanoseconds of the years 1 to 9999 do not fit an `i64`, so these are reckoned in 128 bits.
        let written = match self {
            ConnectLogical::Date => date(number, out),
            ConnectLogical::Instant(unit) => instant(i128::from(number) * nanos(unit), out),
            _ => time_of_day(i128::from(number) * self.of_time(), out),
        };
        match written {
            Some(()) => out.push(b'"'),
            None => {
                out.truncate(before);
                out.extend_from_slice(text);
            }
        }
        Ok(())
    }

    /// Nanoseconds to a unit of a time of day.
    fn of_time(self) -> i128 {
        if let ConnectLogical::TimeOfDay(unit) = self { nanos(unit) } else { 1 }
    }
}

const SECOND: i128 = 1_000_000_000;

fn nanos(unit: TimeUnit) -> i128 {
    match unit {
        TimeUnit::Day | TimeUnit::Excel => 86_400 * SECOND,
        TimeUnit::Second => SECOND,
        TimeUnit::Milli => 1_000_000,
        TimeUnit::Micro => 1_000,
        TimeUnit::Nano => 1,
    }
}

/// The digits of the integer that `text` is the base64 of, with a point before the last `scale`.
fn decimal(kind: JsonKind, text: &[u8], scale: i32, out: &mut Vec<u8>) -> Option<()> {
    let mut room = vec![];
    let text = if kind == JsonKind::Escaped {
        unescape(text, &mut room);
        &room
    } else {
        text
    };
    let bytes = STANDARD.decode(text).ok().filter(|bytes| !bytes.is_empty())?;
    let value = BigInt::from_signed_bytes_be(&bytes);
    if value.sign() == Sign::Minus {
        out.push(b'-');
    }
    let digits = value.magnitude().to_string();
    let Ok(scale) = usize::try_from(scale) else {
        out.extend_from_slice(digits.as_bytes());
        // Zero stays `0`, however many zeros the scale asks for.
        if value.sign() != Sign::NoSign {
            out.resize(out.len() + scale.unsigned_abs() as usize, b'0');
        }
        return Some(());
    };
    if scale == 0 {
        out.extend_from_slice(digits.as_bytes());
        return Some(());
    }
    // At least one digit stands before the point.
    let digits = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    write!(out, "{whole}.{fraction}").ok()
}

/// The decimal of `{"scale": …, "value": …}`.
fn variable(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let record: serde_json::Value = serde_json::from_slice(text).ok()?;
    let scale = record.get("scale")?.as_i64().and_then(|scale| i32::try_from(scale).ok())?;
    let value = record.get("value")?.as_str()?;
    // The scale comes from the log: a wrong one could ask for gigabytes of zeros.
    if scale.abs() > FURTHEST {
        return None;
    }
    decimal(JsonKind::Text, value.as_bytes(), scale, out)
}

/// `YYYY-MM-DD`; none outside of the years 1 to 9999.
fn date(days: i64, out: &mut Vec<u8>) -> Option<()> {
    if !(-800_000..3_000_000).contains(&days) {
        return None;
    }
    let (year, month, day) = civil_from_days(days);
    let written = write!(out, "{year:04}-{month:02}-{day:02}").ok();
    written.filter(|()| (1..=9999).contains(&year))
}

/// The instant so many nanoseconds after 1970; none outside of the years 1 to 9999.
fn instant(nanos: i128, out: &mut Vec<u8>) -> Option<()> {
    let day = 86_400 * SECOND;
    date(i64::try_from(nanos.div_euclid(day)).ok()?, out)?;
    out.push(b'T');
    time_of_day(nanos.rem_euclid(day), out)?;
    out.push(b'Z');
    Some(())
}

/// `HH:MM:SS`, and a fraction without zeros at its end. MySQL has times before midnight, and past a day.
fn time_of_day(nanos: i128, out: &mut Vec<u8>) -> Option<()> {
    let (sign, all) = (if nanos < 0 { "-" } else { "" }, nanos.unsigned_abs());
    let second = SECOND as u128;
    let (seconds, fraction) = (all / second, all % second);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    write!(out, "{sign}{hour:02}:{minute:02}:{second:02}").ok()?;
    if fraction > 0 {
        let digits = format!("{fraction:09}");
        write!(out, ".{}", digits.trim_end_matches('0')).ok()?;
    }
    Some(())
}
