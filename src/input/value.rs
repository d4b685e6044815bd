//! Values as they stand in text: integers, floats, exact decimals, booleans, dates.
//!
//! # Contract
//! A value is read exactly or not at all: nothing is rounded, wrapped or cut. Spaces around a value
//! are part of it, so ` 1` is not a number.

use crate::batch::{DataType, NativeBuilder};
use crate::time::TimeParser;
use std::fmt;

/// Why a text is not a value of a type. Prints the reason, with the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueError(Box<ValueFault>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct ValueFault {
    text: String,
    what: ValueProblem,
    ty: DataType,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ValueProblem {
    NotOne,
    DoesNotFit,
}

impl ValueError {
    /// `text` is not written as values of `ty` are.
    #[cold]
    #[inline(never)]
    pub fn not_a(text: &[u8], ty: DataType) -> ValueError {
        ValueError(Box::new(ValueFault { text: shown(text), what: ValueProblem::NotOne, ty }))
    }

    /// What was read, or its beginning.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// `text` is a number, but `ty` cannot hold it exactly.
    #[cold]
    #[inline(never)]
    pub fn does_not_fit(text: &[u8], ty: DataType) -> ValueError {
        ValueError(Box::new(ValueFault { text: shown(text), what: ValueProblem::DoesNotFit, ty }))
    }
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ValueFault { text, what, ty } = &*self.0;
        match what {
            ValueProblem::NotOne if *ty == DataType::Json => write!(f, "`{text}` is not JSON"),
            ValueProblem::NotOne => {
                let article = if *ty == DataType::Int64 { "an" } else { "a" };
                write!(f, "`{text}` is not {article} {ty}")
            }
            ValueProblem::DoesNotFit => write!(f, "`{text}` does not fit {ty}"),
        }
    }
}

/// The type of exact numbers that holds the number `text` and its like; `None` of another text.
pub fn number_type(text: &str) -> Option<DataType> {
    let size = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = size.split_once('.').unwrap_or((size, ""));
    let digits = |part: &str| part.bytes().all(|c| c.is_ascii_digit());
    // `007` is an identifier: as a number it would lose its zeros.
    let leading_zeros = whole.len() > 1 && whole.starts_with('0');
    if whole.is_empty() || leading_zeros || !digits(whole) || !digits(fraction) {
        return None;
    }
    if fraction.is_empty() && text.parse::<i64>().is_ok() {
        return Some(DataType::Int64);
    }
    // An unsigned integer of 64 bits has up to 20 digits.
    let least = if fraction.is_empty() { 20 } else { 18 };
    let precision = (whole.len() + fraction.len()).max(least);
    (precision <= 38).then_some(DataType::Decimal { precision: precision as u8, scale: fraction.len() as u8 })
}

/// The key of a job file that declares the column `name` a string.
pub fn as_string(name: &str) -> String {
    declared(name, DataType::String)
}

/// The key of a job file that declares the type of the column `name`.
pub fn declared(name: &str, ty: DataType) -> String {
    format!("types = {{ {} = \"{ty}\" }}", key(name))
}

/// A name as a key of a job file.
pub fn key(name: &str) -> String {
    let bare = name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_' || c == b'-');
    if bare && !name.is_empty() { name.to_string() } else { basic(name) }
}

/// A text on one line, in double quotes: as TOML has it.
pub fn basic(value: &str) -> String {
    let mut out = String::from("\"");
    for c in value.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            // TOML does not allow control characters in such a text.
            c if c.is_control() => {
                let _ = std::fmt::Write::write_fmt(&mut out, format_args!("\\u{:04X}", c as u32));
            }
            c => out.push(c),
        }
    }
    out + "\""
}

/// A text as reasons quote it: the first 60 characters, control characters escaped.
pub fn shown(text: &[u8]) -> String {
    const LONGEST: usize = 60;
    // A character has four bytes at most, so these bytes hold the first 60 of them.
    let lossy = String::from_utf8_lossy(&text[..text.len().min(4 * LONGEST)]);
    let mut out = String::new();
    for (i, c) in lossy.chars().enumerate() {
        if i == LONGEST {
            out.push('…');
            break;
        }
        if c.is_control() { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}

/// An integer: an optional sign and decimal digits.
#[inline]
pub fn parse_int(text: &[u8]) -> Result<i64, ValueError> {
    let (negative, digits) = sign(text);
    if let Some(value) = digits_to_u64(digits) {
        // At most 16 digits come here, so neither the cast nor the sign can overflow.
        return Ok(if negative { -(value as i64) } else { value as i64 });
    }
    parse_long_int(text, negative, digits)
}

/// What [`parse_int`] says of `text[start..end]`; quicker, as what stands in front of the digits is loaded with them, so that
/// their number does not decide how.
///
/// # Errors
/// As [`parse_int`].
#[inline(always)]
pub fn parse_int_at(text: &[u8], start: usize, end: usize) -> Result<i64, ValueError> {
    let field = &text[start..end];
    let (negative, digits) = sign(field);
    let eight = |end: usize| Some(u64::from_le_bytes(*text[..end].last_chunk()?));
    let value = match digits.len() {
        n @ 1..=8 => eight(end).and_then(|word| eight_digits(only_last(word, n))),
        n @ 9..=16 => {
            let high = eight(end - 8).and_then(|word| eight_digits(only_last(word, n - 8)));
            high.zip(eight(end).and_then(eight_digits)).map(|(high, low)| high * 100_000_000 + low)
        }
        _ => None,
    };
    match value {
        // At most 16 digits come here, so neither the cast nor the sign can overflow.
        Some(value) => Ok(if negative { -(value as i64) } else { value as i64 }),
        None => parse_int(field),
    }
}

/// More than 16 digits, or no integer at all.
#[cold]
fn parse_long_int(text: &[u8], negative: bool, digits: &[u8]) -> Result<i64, ValueError> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(ValueError::not_a(text, DataType::Int64));
    }
    let mut value = 0i64;
    for &c in digits {
        // Below zero, where i64 reaches one further.
        value = value
            .checked_mul(10)
            .and_then(|v| v.checked_sub(i64::from(c - b'0')))
            .ok_or_else(|| ValueError::does_not_fit(text, DataType::Int64))?;
    }
    if negative {
        return Ok(value);
    }
    value.checked_neg().ok_or_else(|| ValueError::does_not_fit(text, DataType::Int64))
}

/// A float: the nearest `f64` to a decimal number with optional exponent; also `NaN`, `inf`.
#[inline]
pub fn parse_float(text: &[u8]) -> Result<f64, ValueError> {
    let value = std::str::from_utf8(text).ok().and_then(|t| t.parse::<f64>().ok());
    match value {
        // The standard parser rounds `1e400` to infinity: a value that does not fit is an error here.
        Some(v) if v.is_infinite() && text.iter().any(u8::is_ascii_digit) => {
            Err(ValueError::does_not_fit(text, DataType::Float64))
        }
        Some(v) => Ok(v),
        None => Err(ValueError::not_a(text, DataType::Float64)),
    }
}

/// `true` or `false` in any case.
#[inline]
pub fn parse_bool(text: &[u8]) -> Result<bool, ValueError> {
    if text.eq_ignore_ascii_case(b"true") {
        Ok(true)
    } else if text.eq_ignore_ascii_case(b"false") {
        Ok(false)
    } else {
        Err(ValueError::not_a(text, DataType::Bool))
    }
}

/// A day `YYYY-MM-DD`, as days since 1970-01-01.
#[inline]
pub fn parse_date(text: &[u8]) -> Result<i32, ValueError> {
    crate::time::parse_date(text).ok_or_else(|| ValueError::not_a(text, DataType::Date))
}

/// Whether a text is one value of JSON.
///
/// # Errors
/// It is not.
#[inline(never)]
pub fn check_json(text: &[u8]) -> Result<(), ValueError> {
    let found = serde_json::from_slice::<serde::de::IgnoredAny>(text);
    found.map(drop).map_err(|_| ValueError::not_a(text, DataType::Json))
}

/// A decimal number, times 10^`scale`, exactly: digits with an optional sign, point and exponent.
///
/// More than `scale` digits after the point, or more than `precision` digits in all, are an error
/// unless they are zeros. `precision` is 1 to 38 and `scale` at most `precision`.
#[inline]
pub fn parse_decimal(text: &[u8], precision: u8, scale: u8) -> Result<i128, ValueError> {
    let (negative, digits) = sign(text);
    let places = usize::from(scale);
    // Most often all places of the type are written: `12.30` as decimal(18,2).
    if precision <= 18 && places <= 16 && digits.len() > places + 1 && scale > 0 {
        let point = digits.len() - 1 - places;
        if digits[point] == b'.'
            && let Some(whole) = digits_to_u64(&digits[..point])
            && let Some(part) = digits_to_u64(&digits[point + 1..])
            && point <= usize::from(precision - scale)
        {
            // With a precision of 18 or less the value has at most 18 digits, which an `i64` holds.
            let value = (whole * POWERS[places] + part) as i64;
            return Ok(i128::from(if negative { -value } else { value }));
        }
    }
    parse_any_decimal(text, precision, scale)
}

#[inline(never)]
fn parse_any_decimal(text: &[u8], precision: u8, scale: u8) -> Result<i128, ValueError> {
    let ty = DataType::Decimal { precision, scale };
    let number = NumberParts::split(text).ok_or_else(|| ValueError::not_a(text, ty))?;
    let value = number.scaled(i64::from(scale)).ok_or_else(|| ValueError::does_not_fit(text, ty))?;
    // 10^38 fits into 128 bits, and that is the largest precision.
    if value.unsigned_abs() >= 10u128.pow(u32::from(precision)) {
        return Err(ValueError::does_not_fit(text, ty));
    }
    Ok(value)
}

/// A number in its parts; its value is `whole.part × 10^exponent`.
struct NumberParts<'a> {
    negative: bool,
    whole: &'a [u8],
    part: &'a [u8],
    exponent: i64,
}

impl<'a> NumberParts<'a> {
    fn split(text: &'a [u8]) -> Option<NumberParts<'a>> {
        let (negative, rest) = sign(text);
        let (mantissa, exponent) = match rest.iter().position(|c| matches!(c, b'e' | b'E')) {
            None => (rest, 0),
            Some(e) => (&rest[..e], parse_int(&rest[e + 1..]).ok()?),
        };
        let (whole, part) = match mantissa.iter().position(|&c| c == b'.') {
            None => (mantissa, &mantissa[..0]),
            Some(point) => (&mantissa[..point], &mantissa[point + 1..]),
        };
        let digits = |t: &[u8]| t.iter().all(u8::is_ascii_digit);
        let right = digits(whole) && digits(part) && !(whole.is_empty() && part.is_empty());
        right.then_some(NumberParts { negative, whole, part, exponent })
    }

    /// The number times 10^`scale`, if that is an integer of 128 bits.
    fn scaled(&self, scale: i64) -> Option<i128> {
        let mut value = 0i128;
        // Zeros to append; where negative, zeros that the digits must end in.
        let mut shift =
            self.exponent.checked_add(scale)?.checked_sub(i64::try_from(self.part.len()).ok()?)?;
        let mut zeros = 0i64;
        for &c in self.whole.iter().chain(self.part) {
            // Zeros wait until another digit shows that they count.
            if c == b'0' {
                zeros += 1;
                continue;
            }
            value = times_ten(value, zeros + 1)?.checked_add(i128::from(c - b'0'))?;
            zeros = 0;
        }
        // Zero is zero with any exponent, also with one that is out of range below.
        if value == 0 {
            return Some(0);
        }
        shift = shift.checked_add(zeros)?;
        // A negative shift means digits behind the last place of the type: they would have to be rounded.
        let value = if shift < 0 { None } else { times_ten(value, shift) }?;
        Some(if self.negative { -value } else { value })
    }
}

/// `value` × 10^`power`.
fn times_ten(value: i128, power: i64) -> Option<i128> {
    // Zero stays zero also where the power of ten overflows.
    if value == 0 {
        return Some(0);
    }
    value.checked_mul(10i128.checked_pow(u32::try_from(power).ok()?)?)
}

#[inline]
fn sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    }
}

const POWERS: [u64; 17] = {
    let mut powers = [1u64; 17];
    let mut i = 1;
    while i < 17 {
        powers[i] = powers[i - 1] * 10;
        i += 1;
    }
    powers
};

/// The value of 1 to 16 digits; `None` for anything else.
#[inline(always)]
fn digits_to_u64(digits: &[u8]) -> Option<u64> {
    match digits.len() {
        1..=8 => eight_digits(load(digits)),
        9..=16 => {
            let (high, low) = digits.split_at(digits.len() - 8);
            Some(eight_digits(load(high))? * 100_000_000 + eight_digits(load(low))?)
        }
        _ => None,
    }
}

const ZEROS: u64 = 0x3030_3030_3030_3030;

/// 1 to 8 digits as the bytes of an integer, first digit lowest, behind as many `0` as make it 8.
#[inline(always)]
fn load(text: &[u8]) -> u64 {
    let n = text.len();
    let four =
        |at: usize| u64::from(u32::from_le_bytes([text[at], text[at + 1], text[at + 2], text[at + 3]]));
    let raw = if n >= 4 {
        // Two loads that overlap in equal bytes.
        four(0) | four(n - 4) << (8 * (n - 4))
    } else {
        u64::from(text[0]) | u64::from(text[n / 2]) << (8 * (n / 2)) | u64::from(text[n - 1]) << (8 * (n - 1))
    };
    only_last(raw << (8 * (8 - n)), n)
}

/// Of each `n` up to 8 a mask of the last `n` bytes, and `0` in place of the others.
static LAST: [(u64, u64); 16] = {
    let mut last = [(u64::MAX, 0); 16];
    let mut n = 0;
    while n < 8 {
        let others = u64::MAX >> (8 * n);
        last[n] = (!others, ZEROS & others);
        n += 1;
    }
    last
};

/// The last `n` of eight characters, of which the last is the highest byte, with `0` in place of those before; `n` is 1 to 8.
#[inline(always)]
fn only_last(word: u64, n: usize) -> u64 {
    // From a table: a shift by a number of bytes would be computed in the low byte of a register, and wait for what was in it.
    let (counts, zeros) = LAST[n & 15];
    word & counts | zeros
}

/// The value of eight digits, eight at a time (SWAR).
#[inline(always)]
fn eight_digits(bytes: u64) -> Option<u64> {
    let digits = bytes ^ ZEROS;
    // A digit's high nibble is now 0 and its low one at most 9.
    if (digits | digits.wrapping_add(0x0606_0606_0606_0606)) & 0xf0f0_f0f0_f0f0_f0f0 != 0 {
        return None;
    }
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100).wrapping_add(pairs >> 16) & 0x0000_ffff_0000_ffff;
    Some(fours.wrapping_mul(10_000).wrapping_add(fours >> 32) & 0xffff_ffff)
}

/// A number with commas between thousands.
pub fn grouped(n: u64) -> String {
    grouped_digits(&n.to_string())
}

/// Digits with commas between thousands.
pub fn grouped_digits(digits: &str) -> String {
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// Appends the value of a text to a column that is not of texts. After an error the column is as before.
#[inline(always)]
pub fn push(values: &mut NativeBuilder, text: &[u8], times: &mut TimeParser) -> Result<(), ValueError> {
    match values {
        NativeBuilder::Bool(bits) => parse_bool(text).map(|v| bits.append(v)),
        NativeBuilder::Int(ints) => parse_int(text).map(|v| ints.push(v)),
        NativeBuilder::Float(floats) => parse_float(text).map(|v| floats.push(v)),
        NativeBuilder::Decimal(units, precision, scale) => {
            parse_decimal(text, *precision, *scale).map(|v| units.push(v))
        }
        NativeBuilder::Date(days) => parse_date(text).map(|v| days.push(v)),
        NativeBuilder::Time(instants) => {
            let instant = times.text(text).map_err(|_| ValueError::not_a(text, DataType::Timestamp));
            instant.map(|v| instants.push(v))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::ReadColumn;
    use crate::input::infer::inferred_hint;

    #[test]
    fn a_hint_declares_a_type_that_holds_the_value_and_can_be_added_up() {
        let column = |ty| ReadColumn { inferred: true, name: "n".into(), ty };
        for (text, ty, wanted) in [
            ("18446744073709551615", DataType::Int64, "decimal(20,0)"),
            ("-170141183460469231731687303715884105728", DataType::Int64, "string"),
            ("1.25", DataType::Int64, "decimal(18,2)"),
            ("-0.5", DataType::Int64, "decimal(18,1)"),
            ("007", DataType::Int64, "string"),
            ("", DataType::Int64, "string"),
            ("1.25", DataType::Date, "string"),
        ] {
            let hint = inferred_hint(&column(ty), text.as_bytes()).unwrap();
            assert!(hint.ends_with(&format!("types = {{ n = \"{wanted}\" }}")), "{text}: {hint}");
        }
        for (text, keys) in [
            ("NA", "null = [\"NA\"]"),
            ("1,000", "thousands = \",\""),
            ("1.000,5", "decimal = \",\", thousands = \".\""),
            (" 5", "trim = true"),
        ] {
            let hint = inferred_hint(&column(DataType::Int64), text.as_bytes()).unwrap();
            assert!(hint.ends_with(&format!("written = {{ n = {{ {keys} }} }}")), "{hint}");
        }
        let declared = ReadColumn { inferred: false, ..column(DataType::Int64) };
        assert_eq!(inferred_hint(&declared, b"1.5"), None);
    }
    use proptest::prelude::*;

    #[test]
    fn reasons_name_the_text_and_the_type() {
        assert_eq!(parse_int(b"12a").unwrap_err().to_string(), "`12a` is not an int64");
        let long = parse_int(b"99999999999999999999").unwrap_err();
        assert_eq!(long.to_string(), "`99999999999999999999` does not fit int64");
        assert_eq!(
            parse_decimal(b"1.234", 18, 2).unwrap_err().to_string(),
            "`1.234` does not fit decimal(18,2)"
        );
        assert_eq!(parse_bool(b"1").unwrap_err().to_string(), "`1` is not a bool");
        assert_eq!(parse_date(b"2023-02-29").unwrap_err().to_string(), "`2023-02-29` is not a date");
        assert_eq!(parse_float(b"1e999").unwrap_err().to_string(), "`1e999` does not fit float64");
    }

    #[test]
    fn integers_reach_their_limits() {
        for v in [i64::MIN, i64::MAX, 0, -1, 1] {
            assert_eq!(parse_int(v.to_string().as_bytes()), Ok(v));
        }
        assert_eq!(parse_int(b"+0000000000000000000000007"), Ok(7));
        for bad in ["", "-", "+", "--1", "1 ", " 1", "1.0", "9223372036854775808", "-9223372036854775809"] {
            assert!(parse_int(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn decimals_are_exact() {
        for (text, want) in [
            ("0", 0),
            ("1", 100),
            ("-1.5", -150),
            ("12.30", 1230),
            ("1.230000", 123),
            (".5", 50),
            ("5.", 500),
            ("1e2", 10_000),
            ("1.5E-1", 15),
            ("120e-3", 12),
            ("0e99999999999", 0),
            ("+7.00", 700),
            ("-0.01", -1),
            ("9999999999999999.99", 999_999_999_999_999_999),
            ("00000000000000000000001", 100),
        ] {
            assert_eq!(parse_decimal(text.as_bytes(), 18, 2), Ok(want), "{text}");
        }
        for bad in
            ["", ".", "-", "e1", "1e", "1.2.3", "1,5", "1.001", "10000000000000000", "1e16", "1e-3", "abc"]
        {
            assert!(parse_decimal(bad.as_bytes(), 18, 2).is_err(), "{bad}");
        }
        let most = "9".repeat(38);
        assert_eq!(parse_decimal(most.as_bytes(), 38, 0), Ok(10i128.pow(38) - 1));
        assert!(parse_decimal(b"100000000000000000000000000000000000000", 38, 0).is_err());
    }

    proptest! {
        #[test]
        fn integers_agree_with_std(text in "[-+]?[0-9]{0,21}|[-+0-9a:/ ]{0,12}", before in "[0-9:]{0,17}") {
            prop_assert_eq!(parse_int(text.as_bytes()).ok(), text.parse::<i64>().ok());
            let line = format!("{before}{text}9");
            let placed = parse_int_at(line.as_bytes(), before.len(), before.len() + text.len());
            prop_assert_eq!(placed.ok(), text.parse::<i64>().ok());
        }

        #[test]
        fn fast_and_any_decimals_agree(text in "[-+]?[0-9]{0,18}(\\.[0-9]{0,9})?", p in 1u8..=38, s in 0u8..=18) {
            let s = s.min(p);
            prop_assert_eq!(parse_decimal(text.as_bytes(), p, s), parse_any_decimal(text.as_bytes(), p, s));
        }
    }
}
