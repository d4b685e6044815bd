//! Pieces of JSON text that several readers write.

use crate::time::civil_from_days;
use std::fmt::Write;

/// Appends a string.
pub(super) fn string(text: &str, out: &mut String) {
    // A string takes what is written to it.
    let _ = write!(out, "{}", serde_json::Value::from(text));
}

/// Appends a text that needs no escapes, in quotes.
pub(super) fn quoted(text: &str, out: &mut String) {
    out.push('"');
    out.push_str(text);
    out.push('"');
}

/// Appends a float by the fewest digits that give it back.
///
/// # Errors
/// JSON does not have it.
pub(super) fn float(value: f64, out: &mut String) -> Result<(), String> {
    if !value.is_finite() {
        return Err(format!("`{value}` is a number that JSON does not have"));
    }
    out.push_str(&value.to_string());
    Ok(())
}

/// `YYYY-MM-DD` of so many days since 1970.
///
/// # Errors
/// It lies outside of the years 1 to 9999.
pub(super) fn date(days: i64) -> Result<String, String> {
    let outside = || format!("`{days}` days since 1970 are outside of the years 1 to 9999");
    // The number may be any of a damaged file: the bound also keeps the arithmetic from overflowing.
    if !(-800_000..3_000_000).contains(&days) {
        return Err(outside());
    }
    let (year, month, day) = civil_from_days(days);
    if (1..=9999).contains(&year) { Ok(format!("{year:04}-{month:02}-{day:02}")) } else { Err(outside()) }
}
