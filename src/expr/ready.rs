//! What is made once of the constants of a call, before rows are computed.

use super::json::Path;
use super::pattern::Likeness;
use crate::time::{TimeFormat, Zone};
use regex::Regex;
use std::collections::HashSet;
use std::sync::Arc;

/// What is made once of the constants of a call.
#[derive(Debug, Clone)]
pub enum Ready {
    /// Nothing has to be.
    Nothing,
    /// A pattern of LIKE.
    Like(Arc<Likeness>),
    /// A regular expression.
    Regex(Regex),
    /// A format of strftime.
    Format(Arc<TimeFormat>),
    /// A place in JSON.
    Path(Arc<Path>),
    /// A zone.
    Zone(Zone),
    /// The int64s of a list without NULL.
    Ints(Arc<HashSet<i64>>),
    /// The texts of a list without NULL.
    Texts(Arc<HashSet<String>>),
}
