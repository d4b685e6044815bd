//! Values as text, in PostgreSQL's words.

use crate::time::{DAY, HOUR, MINUTE, SECOND, civil_from_days};
use std::fmt::Write;

/// A decimal of `scale` digits after the point.
pub fn decimal(out: &mut String, value: i128, scale: u8) {
    let digits = value.unsigned_abs().to_string();
    // The sign is written apart: the whole part of -0.05 is 0, which would lose it.
    if value < 0 {
        out.push('-');
    }
    let scale = usize::from(scale);
    let digits = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    out.push_str(whole);
    if scale > 0 {
        out.push('.');
        out.push_str(fraction);
    }
}

/// A float: the fewest digits that are it, with an exponent where it is large or small.
pub fn float(out: &mut String, value: f64) {
    if value.is_nan() {
        out.push_str("NaN");
        return;
    }
    if value.is_infinite() {
        out.push_str(if value > 0.0 { "Infinity" } else { "-Infinity" });
        return;
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    // PostgreSQL writes floats of these exponents without one.
    if (-4..15).contains(&exponent) {
        let _ = write!(out, "{value}");
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        let _ = write!(out, "{digits}e{sign}{:02}", exponent.abs());
    }
}

/// `2024-02-29`, of days since 1970.
pub fn date(out: &mut String, days: i64) {
    let (year, month, day) = civil_from_days(days);
    let _ = write!(out, "{year:04}-{month:02}-{day:02}");
}

/// `2024-02-29 13:05:00.5`, of what a clock shows.
pub fn clock(out: &mut String, clock: i64) {
    date(out, clock.div_euclid(DAY));
    let time = clock.rem_euclid(DAY);
    let (hour, minute, second) = (time / HOUR, time % HOUR / MINUTE, time % MINUTE / SECOND);
    let _ = write!(out, " {hour:02}:{minute:02}:{second:02}");
    let fraction = time % SECOND;
    if fraction != 0 {
        let digits = format!("{fraction:06}");
        let _ = write!(out, ".{}", digits.trim_end_matches('0'));
    }
}

/// `+07`, `-03:30`, of an offset in microseconds.
pub fn offset(out: &mut String, offset: i64) {
    let size = offset.abs();
    let (hour, minute, second) = (size / HOUR, size % HOUR / MINUTE, size % MINUTE / SECOND);
    let _ = write!(out, "{}{hour:02}", if offset < 0 { '-' } else { '+' });
    // Before standard time, zones had the mean time of a place, with minutes and seconds.
    if minute != 0 || second != 0 {
        let _ = write!(out, ":{minute:02}");
    }
    if second != 0 {
        let _ = write!(out, ":{second:02}");
    }
}
