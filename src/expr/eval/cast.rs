//! Casts.
//!
//! # Contract
//! * As PostgreSQL casts: a decimal rounds a half away from zero, a float to an int64 rounds it to the even one, and a
//!   float becomes a decimal by its first 15 digits. What has no place in the type is a fault, or NULL for TRY_CAST.
//! * A text is read whole, without the blanks around it. Times are those of the job's zone.

use super::number::rescaled;
use super::values::{Fault, Values, bools, decimals, ints, primitives, texts};
use super::{Context, shown};
use crate::batch::DataType;
use crate::expr::moment::Interval;
use crate::expr::tree::Casting;
use crate::expr::types::Type;
use crate::time::{DAY, TimeParser, TimeRule, parse_date};
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::types::{Date32Type, Decimal128Type, Float64Type, Int64Type, IntervalMonthDayNanoType};

/// `values`, which are of the type `from`, as values of the type `to`.
pub fn cast(values: &Values, from: Type, to: Type, casting: Casting, cx: &Context) -> Values {
    let mut out = match to {
        Type::Of(DataType::String | DataType::Json) => text(values, from, cx),
        Type::Of(DataType::Bool) => bool(values, from, cx),
        Type::Of(DataType::Int64) => int(values, from, cx),
        Type::Of(DataType::Float64) => float(values, from, cx),
        Type::Of(DataType::Decimal { .. }) => decimal(values, from, to, cx),
        Type::Of(DataType::Date) => date(values, from, cx),
        Type::Of(DataType::Timestamp) => timestamp(values, from, cx),
        Type::Clock => clock(values, cx),
        Type::Interval => interval(values, cx),
        Type::Null | Type::Unknown => values.clone(),
    };
    if casting == Casting::Tried {
        // What was wrong before the cast stays so.
        out.faults = values.faults.clone();
    }
    out
}

/// A text without the blanks around it, read by `read`.
fn read<T>(text: &str, to: Type, read: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>, Fault> {
    read(text.trim_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c']))
        .map(Some)
        .ok_or_else(|| Fault::new(format!("`{}` is not a valid {to}", crate::expr::words::shown(text))))
}

fn text(values: &Values, from: Type, cx: &Context) -> Values {
    let inputs = [values];
    match from {
        Type::Of(DataType::Bool) => {
            let of = values.bools();
            texts(cx, &inputs, |row, out| {
                let value = of.get(row);
                value.iter().for_each(|value| out.push_str(if *value { "true" } else { "false" }));
                Ok(value.is_some())
            })
        }
        Type::Of(DataType::Float64) => {
            let of = values.primitives::<Float64Type>();
            texts(cx, &inputs, |row, out| {
                let value = of.get(row);
                value.iter().for_each(|value| shown::float(out, *value));
                Ok(value.is_some())
            })
        }
        Type::Of(DataType::Date) => {
            let of = values.primitives::<Date32Type>();
            texts(cx, &inputs, |row, out| {
                let value = of.get(row);
                value.iter().for_each(|days| shown::date(out, i64::from(*days)));
                Ok(value.is_some())
            })
        }
        Type::Of(DataType::Timestamp) | Type::Clock => {
            let of = values.primitives::<TimestampMicrosecondType>();
            let mut zone = cx.zone.borrow_mut();
            texts(cx, &inputs, |row, out| {
                let value = of.get(row);
                if let Some(micros) = value {
                    // PostgreSQL shows an instant with its offset, and the time of a clock without one.
                    let offset = if from == Type::TIME { zone.offset(micros) } else { 0 };
                    shown::clock(out, micros + offset);
                    if from == Type::TIME {
                        shown::offset(out, offset);
                    }
                }
                Ok(value.is_some())
            })
        }
        Type::Of(DataType::Int64 | DataType::Decimal { .. }) => {
            let (of, scale) = (values.exact(), from.scale().unwrap_or(0));
            texts(cx, &inputs, |row, out| {
                let value = of.get(row);
                value.iter().for_each(|value| shown::decimal(out, *value, scale));
                Ok(value.is_some())
            })
        }
        _ => values.clone(),
    }
}

fn bool(values: &Values, from: Type, cx: &Context) -> Values {
    match from {
        Type::INT => {
            let of = values.primitives::<Int64Type>();
            bools(cx, &[values], |row| Ok(of.get(row).map(|value| value != 0)))
        }
        _ => {
            let of = values.texts();
            bools(cx, &[values], |row| match of.get(row) {
                None => Ok(None),
                Some(text) => read(text, Type::BOOL, truth),
            })
        }
    }
}

/// The words of PostgreSQL for true and false, and their beginnings.
fn truth(text: &str) -> Option<bool> {
    let text = text.to_ascii_lowercase();
    let begins = |word: &str, least: usize| text.len() >= least && word.starts_with(&text);
    if begins("true", 1) || begins("yes", 1) || text == "on" || text == "1" {
        return Some(true);
    }
    (begins("false", 1) || begins("no", 1) || begins("off", 2) || text == "0").then_some(false)
}

fn int(values: &Values, from: Type, cx: &Context) -> Values {
    let inputs = [values];
    let over = || Fault::overflow("an int64");
    match from {
        Type::Of(DataType::Bool) => {
            let of = values.bools();
            ints(cx, &inputs, |row| Ok(of.get(row).map(i64::from)))
        }
        Type::Of(DataType::Float64) => {
            let of = values.primitives::<Float64Type>();
            ints(cx, &inputs, |row| match of.get(row).map(f64::round_ties_even) {
                None => Ok(None),
                // 2^63 is the first float that is too large.
                Some(value) if (-(2f64.powi(63))..2f64.powi(63)).contains(&value) => Ok(Some(value as i64)),
                Some(_) => Err(over()),
            })
        }
        Type::Of(DataType::Decimal { scale, .. }) => {
            let of = values.primitives::<Decimal128Type>();
            ints(cx, &inputs, |row| {
                let Some(value) = of.get(row) else { return Ok(None) };
                let whole = rescaled(value, scale, 0).and_then(|value| i64::try_from(value).ok());
                whole.map(Some).ok_or_else(over)
            })
        }
        _ => {
            let of = values.texts();
            ints(cx, &inputs, |row| match of.get(row) {
                None => Ok(None),
                Some(text) => read(text, Type::INT, |text| text.parse().ok()),
            })
        }
    }
}

fn float(values: &Values, from: Type, cx: &Context) -> Values {
    let (inputs, ty) = ([values], arrow_schema::DataType::Float64);
    match from.scale() {
        Some(scale) => {
            let of = values.exact();
            primitives::<Float64Type>(cx, &inputs, &ty, |row| {
                Ok(of.get(row).map(|value| nearest(value, scale)))
            })
        }
        None => {
            let of = values.texts();
            primitives::<Float64Type>(cx, &inputs, &ty, |row| match of.get(row) {
                None => Ok(None),
                Some(text) => read(text, Type::FLOAT, |text| {
                    let value: f64 = text.parse().ok()?;
                    // `1e999` is parsed as infinity and is an overflow; the words for infinity and NaN do not
                    // hold digits.
                    (value.is_finite() || !text.contains(|c: char| c.is_ascii_digit())).then_some(value)
                }),
            })
        }
    }
}

/// The float that is nearest to a decimal.
fn nearest(value: i128, scale: u8) -> f64 {
    // Both are exact, so the quotient is rounded once.
    if value.unsigned_abs() < 1 << 53 && scale <= 22 {
        return value as f64 / 10f64.powi(scale.into());
    }
    let mut text = String::new();
    shown::decimal(&mut text, value, scale);
    text.parse().unwrap_or(f64::NAN)
}

fn decimal(values: &Values, from: Type, to: Type, cx: &Context) -> Values {
    let (inputs, arrow) = ([values], super::arrow(to));
    let Type::Of(DataType::Decimal { precision, scale }) = to else { return values.clone() };
    let limit = super::number::power(precision).unsigned_abs();
    let fits = |value: Option<i128>| match value {
        Some(value) if value.unsigned_abs() < limit => Ok(Some(value)),
        _ => Err(Fault::overflow(to)),
    };
    match from {
        Type::Of(DataType::Float64) => {
            let of = values.primitives::<Float64Type>();
            decimals(cx, &inputs, &arrow, |row| match of.get(row) {
                None => Ok(None),
                // One digit before the point and 14 after it are the 15 digits that PostgreSQL takes.
                Some(value) => fits(parsed(&format!("{value:.14e}"), scale)),
            })
        }
        Type::Of(DataType::String) => {
            let of = values.texts();
            decimals(cx, &inputs, &arrow, |row| match of.get(row) {
                None => Ok(None),
                Some(text) => fits(read(text, to, |text| parsed_or_large(text, scale))?.flatten()),
            })
        }
        _ => {
            let (of, from) = (values.exact(), from.scale().unwrap_or(0));
            decimals(cx, &inputs, &arrow, |row| match of.get(row) {
                None => Ok(None),
                Some(value) => fits(rescaled(value, from, scale)),
            })
        }
    }
}

/// `None` where the text is no number, `Some(None)` where it is too large a one.
fn parsed_or_large(text: &str, scale: u8) -> Option<Option<i128>> {
    let digits = text.trim_start_matches(['+', '-']);
    let (mantissa, exponent) = digits.split_once(['e', 'E']).unwrap_or((digits, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all_digits = |text: &str| text.bytes().all(|c| c.is_ascii_digit());
    let is_number = text.len() - digits.len() <= 1
        && whole.len() + fraction.len() > 0
        && all_digits(whole)
        && all_digits(fraction)
        && exponent.parse::<i32>().is_ok();
    is_number.then(|| parsed(text, scale))
}

/// A number in text in units of digit number `scale` after the point; what is behind that rounds, a half away from zero.
fn parsed(text: &str, scale: u8) -> Option<i128> {
    let negative = text.starts_with('-');
    let text = text.trim_start_matches(['+', '-']);
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // Where the last digit that stays is behind the first.
    let kept = i64::try_from(whole.len()).ok()? + exponent.parse::<i64>().ok()? + i64::from(scale);
    let mut value: i128 = 0;
    for at in 0..kept.max(0) {
        let digit = usize::try_from(at).ok().and_then(|at| digits.get(at)).map_or(0, |digit| digit - b'0');
        value = value.checked_mul(10)?.checked_add(digit.into())?;
        // Zeros stay zero: without this, `0e2000000000` would be counted through.
        if value == 0 && at >= digits.len() as i64 {
            break;
        }
    }
    // Where `kept` is negative, even the first digit is too small to round up: the value is zero.
    let next = usize::try_from(kept).ok().and_then(|at| digits.get(at));
    if next.is_some_and(|digit| *digit >= b'5') {
        value = value.checked_add(1)?;
    }
    Some(if negative { -value } else { value })
}

fn date(values: &Values, from: Type, cx: &Context) -> Values {
    let (inputs, ty) = ([values], arrow_schema::DataType::Date32);
    let day = |clock: i64| i32::try_from(clock.div_euclid(DAY)).map_err(|_| Fault::overflow("a date"));
    match from {
        Type::Of(DataType::Timestamp) | Type::Clock => {
            let of = values.primitives::<TimestampMicrosecondType>();
            let mut zone = cx.zone.borrow_mut();
            primitives::<Date32Type>(cx, &inputs, &ty, |row| {
                let clock = of.get(row).map(|at| if from == Type::Clock { at } else { zone.local(at) });
                clock.map(day).transpose()
            })
        }
        _ => {
            let of = values.texts();
            let mut parser = TimeParser::new(TimeRule::Iso, crate::time::Zone::utc());
            primitives::<Date32Type>(cx, &inputs, &ty, |row| match of.get(row) {
                None => Ok(None),
                Some(text) => read(text, Type::DATE, |text| {
                    parse_date(text.as_bytes()).or_else(|| {
                        // The day of a time, whatever its offset.
                        let head = text.get(..10).and_then(|head| parse_date(head.as_bytes()))?;
                        parser.text(text.as_bytes()).is_ok().then_some(head)
                    })
                }),
            })
        }
    }
}

fn timestamp(values: &Values, from: Type, cx: &Context) -> Values {
    let (inputs, ty) = ([values], super::arrow(Type::TIME));
    match from {
        Type::Of(DataType::Date) => {
            let of = values.primitives::<Date32Type>();
            let mut zone = cx.zone.borrow_mut();
            primitives::<TimestampMicrosecondType>(cx, &inputs, &ty, |row| match of.get(row) {
                None => Ok(None),
                Some(days) => super::moment::instant(i64::from(days) * DAY, &mut zone).map(Some),
            })
        }
        _ => {
            let of = values.texts();
            let mut parser = TimeParser::new(TimeRule::Iso, cx.zone.borrow().clone());
            primitives::<TimestampMicrosecondType>(cx, &inputs, &ty, |row| match of.get(row) {
                None => Ok(None),
                Some(text) => read(text, Type::TIME, |text| parser.text(text.as_bytes()).ok()),
            })
        }
    }
}

fn clock(values: &Values, cx: &Context) -> Values {
    let of = values.primitives::<Date32Type>();
    primitives::<TimestampMicrosecondType>(cx, &[values], &super::arrow(Type::Clock), |row| {
        Ok(of.get(row).map(|days| i64::from(days) * DAY))
    })
}

fn interval(values: &Values, cx: &Context) -> Values {
    let of = values.texts();
    primitives::<IntervalMonthDayNanoType>(cx, &[values], &super::arrow(Type::Interval), |row| {
        match of.get(row) {
            None => Ok(None),
            Some(text) => read(text, Type::Interval, |text| Interval::parse(text, None))
                .map(|i| i.map(super::moment::packed)),
        }
    })
}
