//! One value, whichever side it comes from: as it is compared, ordered and read from text.

use super::meaning::Meaning;
use crate::batch::canonical;
use crate::time::{civil_from_days, parse_date};
use std::cmp::Ordering;
use xxhash_rust::xxh3::xxh3_128_with_seed;

/// Nanoseconds in a second: instants are numbers of nanoseconds.
pub(super) const SECOND: i128 = 1_000_000_000;
const DAY: i128 = 86_400 * SECOND;

/// A value as a column's [`Meaning`] has it. Two values of a column are the same if they are equal here.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    /// A number in units of the meaning's last digit; an instant in nanoseconds since 1970.
    Scaled(i128),
    /// A number that has more digits than that.
    Wide(Wide),
    /// −0 is 0 here, and there is one NaN.
    Float(f64),
    Text(String),
    /// A text that should be of another type and is not.
    Unread(String),
}

/// An exact number: `digits` (neither the first nor the last is 0) times ten to the `exponent`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wide {
    negative: bool,
    digits: String,
    exponent: i64,
    /// About how many units of the meaning's last digit, for the order.
    units: f64,
}

/// What is hashed of a value: equal values have equal digests, and others hardly ever.
pub(super) type Digest = (u64, u64);

/// Which of the things that are no plain number a digest is of. The upper halves of numbers that have at most 38
/// digits never begin with the bits 10.
pub(super) const NULL: Digest = (0, 1 << 63);
const FLOAT: u64 = (1 << 63) | 3;

impl Value {
    /// A float.
    pub fn float(value: f64) -> Value {
        Value::Float(canonical(value))
    }

    pub fn digest(&self) -> Digest {
        match self {
            Value::Null => NULL,
            Value::Bool(value) => (u64::from(*value), 0),
            Value::Scaled(value) => scaled_digest(*value),
            Value::Float(value) => float_digest(*value),
            Value::Text(text) => text_digest(text.as_bytes()),
            // Seeds keep kinds apart: texts have 0, texts that cannot be read 1, long numbers 2 and more.
            Value::Unread(text) => long_digest(text.as_bytes(), 1),
            Value::Wide(Wide { negative, digits, exponent, .. }) => {
                long_digest(digits.as_bytes(), 2 + ((*exponent as u64) << 8) + (u64::from(*negative) << 7))
            }
        }
    }

    /// Which of the kinds comes first.
    fn rank(&self) -> u8 {
        match self {
            Value::Null => 0,
            Value::Bool(_) => 1,
            Value::Scaled(_) | Value::Wide(_) | Value::Float(_) => 2,
            Value::Text(_) => 3,
            Value::Unread(_) => 4,
        }
    }

    /// About how great a number is, and which of the kinds of numbers it is.
    fn size(&self) -> (f64, u8) {
        match self {
            Value::Scaled(value) => (*value as f64, 0),
            Value::Wide(wide) => (wide.units, 1),
            Value::Float(value) => (*value, 2),
            _ => (0.0, 0),
        }
    }
}

impl Eq for Value {}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Value) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// NULL first, then by size; what cannot be read is last.
impl Ord for Value {
    fn cmp(&self, other: &Value) -> Ordering {
        match (self, other) {
            (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
            (Value::Scaled(a), Value::Scaled(b)) => a.cmp(b),
            (Value::Text(a), Value::Text(b)) | (Value::Unread(a), Value::Unread(b)) => a.cmp(b),
            _ if self.rank() == 2 && other.rank() == 2 => {
                let ((a, kind_a), (b, kind_b)) = (self.size(), other.size());
                // Two large numbers may be the same float; kind and digits then decide, so that the order is
                // total.
                a.total_cmp(&b).then(kind_a.cmp(&kind_b)).then_with(|| match (self, other) {
                    (Value::Wide(a), Value::Wide(b)) => {
                        (a.negative, a.exponent, &a.digits).cmp(&(b.negative, b.exponent, &b.digits))
                    }
                    _ => Ordering::Equal,
                })
            }
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

#[inline]
pub(super) fn float_digest(value: f64) -> Digest {
    (canonical(value).to_bits(), FLOAT)
}

#[inline]
pub(super) fn scaled_digest(value: i128) -> Digest {
    (value as u64, (value >> 64) as u64)
}

/// The digest of a short text is what Arrow's views have in them.
#[inline]
pub(super) fn text_digest(text: &[u8]) -> Digest {
    if text.len() > 12 {
        return long_digest(text, 0);
    }
    let mut view = [0u8; 16];
    // The layout of an Arrow view: the length, little-endian, then the text.
    view[..4].copy_from_slice(&(text.len() as u32).to_le_bytes());
    view[4..4 + text.len()].copy_from_slice(text);
    view_digest(u128::from_le_bytes(view))
}

/// The digest of a text of at most 12 bytes from its view.
#[inline]
pub(super) fn view_digest(view: u128) -> Digest {
    (view as u64, (view >> 64) as u64)
}

#[inline]
pub(super) fn long_digest(bytes: &[u8], seed: u64) -> Digest {
    let hash = xxh3_128_with_seed(bytes, seed);
    (hash as u64, (hash >> 64) as u64)
}

/// Ten to the `n`, if 128 bits hold it.
pub(super) fn ten_to(n: u32) -> Option<i128> {
    10i128.checked_pow(n)
}

/// The number `mantissa` × 10^`exponent` in units of 10^−`scale`.
pub(super) fn number(mantissa: i128, exponent: i64, scale: u8) -> Value {
    // Zero has any exponent, so it must not depend on how it is written.
    if mantissa == 0 {
        return Value::Scaled(0);
    }
    let shift = exponent + i64::from(scale);
    let power = u32::try_from(shift.unsigned_abs()).ok().and_then(ten_to);
    let scaled = match power {
        Some(power) if shift >= 0 => mantissa.checked_mul(power).filter(|value| believable(*value)),
        // Digits past the scale are not cut: such a number stays wide, and so it differs.
        Some(power) => Some(mantissa / power).filter(|value| value * power == mantissa),
        None => None,
    };
    match scaled {
        Some(value) => Value::Scaled(value),
        None => wide(mantissa < 0, mantissa.unsigned_abs().to_string(), exponent, scale),
    }
}

/// Whether a number is small enough for its digest to be told from those of other things.
fn believable(value: i128) -> bool {
    value.unsigned_abs() < 10u128.pow(38)
}

fn wide(negative: bool, digits: String, exponent: i64, scale: u8) -> Value {
    let kept = digits.trim_end_matches('0');
    let exponent = exponent + (digits.len() - kept.len()) as i64;
    let sign = if negative { "-" } else { "" };
    let units = format!("{sign}{kept}e{}", exponent + i64::from(scale)).parse().unwrap_or(0.0);
    Value::Wide(Wide { negative, digits: kept.to_string(), exponent, units })
}

impl Wide {
    /// Its units of the meaning's last digit, the rest cut off; none where 128 bits do not hold them.
    pub fn cut(&self, scale: u8) -> Option<i128> {
        let shift = self.exponent + i64::from(scale);
        let kept = match shift {
            // A number with 40 zeros more does not fit 128 bits, and the parse fails as it should.
            0.. => format!("{}{}", self.digits, "0".repeat(usize::try_from(shift.min(40)).ok()?)),
            _ => {
                let keep = (self.digits.len() as i64 + shift).max(0) as usize;
                // The zero in front makes a number of an empty text, where all digits lie behind the point.
                format!("0{}", &self.digits[..keep])
            }
        };
        let units: i128 = kept.parse().ok().filter(|units| believable(*units))?;
        Some(if self.negative { -units } else { units })
    }
}

/// The float that is nearest to `mantissa` × 10^−`scale`.
pub(super) fn nearest_float(mantissa: i128, scale: u8) -> f64 {
    // Both are floats without rounding, so one division rounds once.
    if mantissa.unsigned_abs() <= 1 << 53 && scale <= 22 {
        return mantissa as f64 / 10f64.powi(i32::from(scale));
    }
    format!("{mantissa}e-{scale}").parse().unwrap_or(f64::NAN)
}

/// Reads a text as a value of `meaning`. The empty text is NULL, but where texts are meant.
pub(super) fn read(text: &str, meaning: Meaning) -> Value {
    let value = match meaning {
        Meaning::Text | Meaning::Nothing => return Value::Text(text.to_string()),
        _ if text.is_empty() => return Value::Null,
        Meaning::Bool => truth(text).map(Value::Bool),
        Meaning::Number(scale) => exact(text, scale),
        Meaning::Float => text.parse().ok().map(Value::float),
        Meaning::Instant => instant(text).map(Value::Scaled),
    };
    value.unwrap_or_else(|| Value::Unread(text.to_string()))
}

fn truth(text: &str) -> Option<bool> {
    let is = |words: [&str; 3]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    match () {
        () if is(["true", "t", "1"]) => Some(true),
        () if is(["false", "f", "0"]) => Some(false),
        () => None,
    }
}

/// A number as text has it: sign, digits, point, exponent; `NaN`, `inf`.
fn exact(text: &str, scale: u8) -> Option<Value> {
    let Some(DecimalText { negative, whole, fraction, exponent }) = digits(text) else {
        let unsigned = text.trim_start_matches(['-', '+']);
        let named = ["nan", "inf", "infinity"].iter().any(|name| unsigned.eq_ignore_ascii_case(name));
        return if named { text.parse().ok().map(Value::float) } else { None };
    };
    let exponent = exponent - fraction.len() as i64;
    let mut mantissa = Some(0i128);
    for digit in whole.bytes().chain(fraction.bytes()) {
        let next = |m: i128| m.checked_mul(10)?.checked_add(i128::from(digit - b'0'));
        mantissa = mantissa.and_then(next);
    }
    Some(match mantissa {
        // The mantissa is not above `i128::MAX`, so its negative exists.
        Some(mantissa) => number(if negative { -mantissa } else { mantissa }, exponent, scale),
        None => {
            let all = format!("{whole}{fraction}");
            let kept = all.trim_matches('0');
            // Zeros at its end may be all that was too much.
            let end = (all.trim_start_matches('0').len() - kept.len()) as i64;
            match kept.parse::<i128>() {
                Ok(m) => number(if negative { -m } else { m }, exponent + end, scale),
                Err(_) => wide(negative, kept.to_string(), exponent + end, scale),
            }
        }
    })
}

struct DecimalText<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
    exponent: i64,
}

fn digits(text: &str) -> Option<DecimalText<'_>> {
    let negative = text.starts_with('-');
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (number, exponent) = match unsigned.find(['e', 'E']) {
        // More than nine digits of exponent are no number that anyone means.
        Some(at) if unsigned.len() - at < 12 => (&unsigned[..at], unsigned[at + 1..].parse().ok()?),
        Some(_) => return None,
        None => (unsigned, 0),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let plain = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    (plain(whole) && plain(fraction) && whole.len() + fraction.len() > 0).then_some(DecimalText {
        negative,
        whole,
        fraction,
        exponent,
    })
}

/// The digits after the point of a text that is surely a number: `007` and `+1` may be names. None if it is not.
pub(super) fn surely_number(text: &str) -> Option<u8> {
    if text.starts_with('+') {
        return None;
    }
    let Some(DecimalText { whole, fraction, exponent, .. }) = digits(text) else {
        // `NaN` and `inf` are numbers without digits.
        return exact(text, 0).map(|_| 0);
    };
    let name = whole.len() > 1 && whole.starts_with('0') || whole.is_empty();
    // More than 18 decimals are compared as wide numbers, so the scale need not grow further.
    (!name).then(|| (fraction.len() as i64 - exponent).clamp(0, 18) as u8)
}

/// The instant of `YYYY-MM-DD`, then optionally `T` or a blank and `HH:MM[:SS[.fraction]]`, then optionally `Z`, `UTC` or
/// `±HH[[:]MM]`, in nanoseconds since 1970; UTC where nothing is said. A fraction has up to nine digits that count.
pub(super) fn instant(text: &str) -> Option<i128> {
    instant_in(text, |local| local)
}

/// As [`instant`]; a time of day without an offset is the local time that `of_local` makes an instant of.
pub(super) fn instant_in(text: &str, of_local: impl Fn(i128) -> i128) -> Option<i128> {
    let text = text.as_bytes();
    let days = i128::from(parse_date(text.get(..10)?)?);
    let Some((b'T' | b't' | b' ', time)) = text[10..].split_first() else {
        return (text.len() == 10).then_some(days * DAY);
    };
    let two = |at: usize| {
        let pair = time.get(at..at + 2)?;
        pair.iter()
            .all(u8::is_ascii_digit)
            .then(|| i128::from(pair[0] - b'0') * 10 + i128::from(pair[1] - b'0'))
    };
    let (hour, minute) = (two(0)?, two(3)?);
    if time[2] != b':' || hour > 23 || minute > 59 {
        return None;
    }
    let mut nanos = (hour * 60 + minute) * 60 * SECOND;
    let mut rest = &time[5..];
    if rest.first() == Some(&b':') {
        // Second 60 is a leap second: it is taken as the first instant of the next minute.
        let second = two(6).filter(|second| *second <= 60)?;
        nanos += second * SECOND;
        rest = &time[8..];
        if let [b'.' | b',', digits @ ..] = rest {
            let count = digits.iter().take_while(|c| c.is_ascii_digit()).count();
            if count == 0 || digits[..count].iter().skip(9).any(|c| *c != b'0') {
                return None;
            }
            // Missing digits are zeros: `.5` is 500 milliseconds.
            let fraction = digits[..count].iter().chain(b"000000000").take(9);
            nanos += fraction.fold(0, |sum, digit| sum * 10 + i128::from(digit - b'0'));
            rest = &digits[count..];
        }
    }
    let local = days * DAY + nanos;
    Some(if rest.is_empty() { of_local(local) } else { local - offset(rest)? * SECOND })
}

/// Seconds east of UTC.
fn offset(text: &[u8]) -> Option<i128> {
    let text = text.strip_prefix(b" ").unwrap_or(text);
    let (sign, digits) = match text {
        [] | b"Z" | b"z" | b"UTC" => return Some(0),
        [b'+', digits @ ..] => (1, digits),
        [b'-', digits @ ..] => (-1, digits),
        _ => return None,
    };
    let digits: Vec<i128> = match digits {
        [a, b] => vec![*a, *b, b'0', b'0'],
        [a, b, b':', c, d] | [a, b, c, d] => vec![*a, *b, *c, *d],
        _ => return None,
    }
    .into_iter()
    .map(|c| c.is_ascii_digit().then(|| i128::from(c - b'0')))
    .collect::<Option<_>>()?;
    Some(sign * ((digits[0] * 10 + digits[1]) * 3600 + (digits[2] * 10 + digits[3]) * 60))
}

/// RFC 3339 in UTC, with a fraction where it is not zero.
pub(super) fn instant_text(nanos: i128) -> String {
    let (days, of_day) = (nanos.div_euclid(DAY), nanos.rem_euclid(DAY));
    let (year, month, day) = civil_from_days(i64::try_from(days).unwrap_or(0));
    let (seconds, fraction) = (of_day / SECOND, of_day % SECOND);
    // RFC 3339 has years of four digits; ISO 8601 gives others a sign.
    let year = if (0..=9999).contains(&year) { format!("{year:04}") } else { format!("{year:+05}") };
    let time = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    let fraction = match fraction {
        0 => String::new(),
        _ => format!(".{}", format!("{fraction:09}").trim_end_matches('0')),
    };
    format!("{year}-{month:02}-{day:02}T{time}{fraction}Z")
}
