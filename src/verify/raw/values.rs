//! Values of texts, by std and `chrono`; decimals digit by digit.
//!
//! Polars' own casts are no help here: they round a decimal that has more digits than its type, and tell a value that
//! they cannot read from NULL by nothing.

use crate::batch::DataType;
use std::fmt::Display;

/// Why a text is no value of a type.
pub fn not_a(text: &str, ty: impl Display) -> String {
    // A bad value may be as long as a file; its beginning is enough in a message.
    let shown: String = text.chars().take(60).collect();
    format!("`{shown}` is not a valid {ty}")
}

/// An integer; where its type was guessed from a sample, one without leading zeros.
pub fn integer(text: &str, guessed: bool) -> Result<i64, String> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    // The sample had plain numbers only. A code such as `007` would lose its zeros, so its record is bad.
    if guessed && digits.len() > 1 && digits.starts_with('0') {
        return Err(not_a(text, DataType::Int64));
    }
    text.parse().map_err(|_| not_a(text, DataType::Int64))
}

/// The nearest float. A number past all floats is none.
pub fn float(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| not_a(text, DataType::Float64))?;
    // Rust reads `1e999` as infinity, but only the word may mean it.
    let past = value.is_infinite() && text.contains(|c: char| c.is_ascii_digit());
    if past { Err(not_a(text, DataType::Float64)) } else { Ok(value) }
}

/// `true` or `false`, in any case.
pub fn boolean(text: &str) -> Result<bool, String> {
    text.to_ascii_lowercase().parse().map_err(|_| not_a(text, DataType::Bool))
}

/// The number times 10^`scale`: digits with an optional sign, point and exponent. Exactly, or not at all.
pub fn decimal(text: &str, precision: u8, scale: u8) -> Result<i128, String> {
    exactly(text, precision, scale).ok_or_else(|| not_a(text, DataType::Decimal { precision, scale }))
}

fn exactly(text: &str, precision: u8, scale: u8) -> Option<i128> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (unsigned, 0),
    };
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut digits = format!("{whole}{part}");
    if digits.is_empty() || !digits.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    digits = digits.trim_start_matches('0').to_string();
    if digits.is_empty() {
        return Some(0);
    }
    // The point lies so many digits from the right; zeros come or go until that is the scale.
    let mut zeros = exponent.checked_sub(i64::try_from(part.len()).ok()?)?.checked_add(i64::from(scale))?;
    // Digits below the scale must be zeros, as rounding would not be exact.
    while zeros < 0 {
        digits = digits.strip_suffix('0')?.to_string();
        zeros += 1;
    }
    let most = usize::from(precision);
    // Checked before `repeat`: an exponent of a billion must not make a text of that length.
    let zeros = usize::try_from(zeros).ok().filter(|zeros| digits.len() + zeros <= most)?;
    let value: i128 = format!("{digits}{}", "0".repeat(zeros)).parse().ok()?;
    Some(if text.starts_with('-') { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::value;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(3000) })]

        /// The job's own readers are others; both say the same.
        #[test]
        fn values_agree_with_those_of_a_job(
            text in "[-+]?[0-9]{0,5}(\\.[0-9]{0,4})?(e[-+]?[0-9]{1,2})?|[-+ .0-9aefinrsutNI:-]{0,8}|[0-9]{4}-[0-9]{2}-[0-9]{2}",
            precision in 1u8..=38,
            scale in 0u8..=6,
        ) {
            let scale = scale.min(precision);
            let bytes = text.as_bytes();
            prop_assert_eq!(decimal(&text, precision, scale).ok(), value::parse_decimal(bytes, precision, scale).ok());
            prop_assert_eq!(integer(&text, false).ok(), value::parse_int(bytes).ok());
            prop_assert_eq!(float(&text).ok().map(f64::to_bits), value::parse_float(bytes).ok().map(f64::to_bits));
            prop_assert_eq!(boolean(&text).ok(), value::parse_bool(bytes).ok());
        }
    }
}
