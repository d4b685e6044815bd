//! What the command line says beside the job file.

use crate::batch::DataType;
use crate::error::{Error, Result};
use crate::plan::Mode;
use crate::time::{TimeParser, TimeRange, TimeRule, Zone};
use std::path::PathBuf;

/// Bytes of text to a chunk: so few that what is made of it lies beside it in the second-level cache.
const CHUNK: usize = 256 << 10;

/// What the command line says beside the job file.
#[derive(Debug, Clone)]
pub struct Overrides {
    /// The first event time wanted.
    pub from: Option<String>,
    /// The first event time not wanted.
    pub to: Option<String>,
    /// Bytes of text to a chunk.
    pub chunk_bytes: usize,
    /// The mode of every output that has one, whatever the job file says.
    pub mode: Option<Mode>,
    /// The files of the source, in place of those that its `path` stands for.
    pub source: Option<SourceFiles>,
}

/// The files of a source, said one by one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SourceFiles {
    /// Their paths, in any order: they are read in natural order, each once, and keep their spelling.
    pub files: Vec<PathBuf>,
    /// Columns that files have had which are not among these, in their order: of these types, as if
    /// inferred, where the job does not declare another.
    pub types: Vec<(String, DataType)>,
    /// The order of columns: those named here first, and others after them. A file that comes later may have them
    /// in another order.
    pub order: Vec<String>,
}

impl Default for Overrides {
    fn default() -> Overrides {
        Overrides { from: None, to: None, chunk_bytes: CHUNK, mode: None, source: None }
    }
}

/// The range of event times that is wanted, in microseconds: the first, and the first after it.
///
/// # Errors
/// A job error: a bound is not a time, or nothing lies between them.
pub fn range(overrides: &Overrides, zone: &Zone) -> Result<TimeRange> {
    let bound = |flag: &str, text: &Option<String>, default: i64| {
        text.as_ref().map_or(Ok(default), |text| parse_time(flag, text, zone))
    };
    let from = bound("--from", &overrides.from, i64::MIN)?;
    let to = bound("--to", &overrides.to, i64::MAX)?;
    if from >= to {
        return Err(Error::job("--from is not before --to, so no event is between them"));
    }
    Ok(TimeRange::new(from, to))
}

/// The instant that the command line gives for `flag`: in `zone`, or with an offset.
///
/// # Errors
/// A job error where it is no time.
pub fn parse_time(flag: &str, text: &str, zone: &Zone) -> Result<i64> {
    let instant = TimeParser::new(TimeRule::Iso, zone.clone()).text(text.as_bytes());
    instant.map_err(|_| {
        Error::job(format!("{flag} `{text}` is not a time that can be read"))
            .hint("such as 2024-02-29, 2024-02-29T13:00 or 2024-02-29T13:00:00Z")
    })
}
