//! Lengths of time and numbers of bytes, as a job file and the command line write them.

use super::document::{At, Document};
use crate::error::{Error, Result};
use crate::time::{DAY, Duration};

/// The longest stretch of time that a job may name: 1,000 years, so that no sum of a few overflows.
pub const LONGEST: i64 = 365_250 * DAY;

/// The error for a length beyond [`LONGEST`].
pub fn too_long(text: &str) -> Error {
    Error::job(format!("`{text}` is too long")).hint("at most 1000 years are allowed")
}

/// Reads a length of time as [`parse_length`], and notes a fault.
pub fn length(document: &Document, text: &At<String>) -> Option<i64> {
    parse_length(&text.value).map_err(|error| document.fault(error, &text.span)).ok()
}

/// Reads a length of time, in microseconds: a day is 24 hours, and a month has none.
///
/// # Errors
/// A job error without a place: the text is no length, has none that is fixed, or is beyond 1000 years.
pub fn parse_length(text: &str) -> Result<i64> {
    Err(match Duration::parse(text).map(Duration::as_length) {
        Some(Some(length)) if length <= LONGEST => return Ok(length),
        Some(Some(_)) => too_long(text),
        Some(None) => {
            let error = Error::job(format!("`{text}` has no fixed length"));
            error.hint("the length of a month, quarter or year varies: give days, such as 30 days")
        }
        None => Error::job(format!("`{text}` is not a duration")).hint("such as 20s, 15m, 6h or 1 day"),
    })
}

/// Reads a number of bytes: `512MB`, `4GB`, `1GiB`.
pub fn parse_bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    let unit = match text[digits..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return None,
    };
    // Zero bytes are not a budget.
    number.checked_mul(unit).filter(|&n| n > 0)
}
