//! How outcomes have times, paths, and names with values in JSON: functions for `serialize_with`.

use super::value::TimeText;
use serde::Serializer;
use std::path::{Path, PathBuf};

/// An instant in microseconds, as RFC 3339 in UTC.
pub fn utc<S: Serializer>(instant: &i64, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&TimeText::utc().text(*instant))
}

/// The same of an instant that may be unknown.
pub fn utc_or_null<S: Serializer>(instant: &Option<i64>, to: S) -> Result<S::Ok, S::Error> {
    match instant {
        Some(instant) => utc(instant, to),
        None => to.serialize_none(),
    }
}

/// Names and values in their order, as an object; NULL is null.
pub fn object<S: Serializer>(pairs: &[(String, Option<String>)], to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(pairs.iter().map(|(name, value)| (name, value)))
}

/// A path. Bytes that are not UTF-8 are replaced, as on the terminal.
pub fn path<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&path.display())
}

/// The same of a path that may not be.
pub fn path_or_null<S: Serializer>(path: &Option<PathBuf>, to: S) -> Result<S::Ok, S::Error> {
    match path {
        Some(path) => to.collect_str(&path.display()),
        None => to.serialize_none(),
    }
}

/// Zero is left out: for `skip_serializing_if`.
pub fn is_zero(n: &usize) -> bool {
    *n == 0
}
