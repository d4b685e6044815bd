//! What errors say of an expression.

use crate::error::Error;
use std::borrow::Cow;

/// The error of the expression `sql`.
pub(super) fn wrong(sql: &str, cause: impl std::fmt::Display) -> Error {
    Error::job(format!("wrong expression `{}`", shown(sql))).caused_by(first_line(&cause.to_string()))
}

/// The first line of a cause, and not too much of it: it may hold the expression.
fn first_line(text: &str) -> String {
    shown(text.lines().next().unwrap_or("")).into_owned()
}

/// An expression, or the beginning of a long one.
pub(super) fn shown(sql: &str) -> Cow<'_, str> {
    // The cut is counted in characters: a cut after so many bytes could split one.
    match sql.char_indices().nth(MOST_SHOWN) {
        Some((end, _)) => Cow::Owned(format!("{}…", &sql[..end])),
        None => Cow::Borrowed(sql),
    }
}

/// The most characters of an expression that are shown.
const MOST_SHOWN: usize = 200;
