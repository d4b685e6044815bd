//! In the place of the embedded referee, in a build without the feature `referee`.

use super::answered::{RefereeAnswer, RefereeLimits};
use crate::error::{Error, Result};
use crate::plan::{OutputId, Plan};
use arrow_array::RecordBatch;

/// Refuses: this build has no embedded referee.
///
/// # Errors
/// Always.
pub fn run(_: &Plan, _: &str) -> Result<RecordBatch> {
    Err(missing())
}

/// As [`run`].
///
/// # Errors
/// Always.
pub fn run_own(_: &Plan, _: &str) -> Result<RecordBatch> {
    Err(missing())
}

/// As [`run`].
///
/// # Errors
/// Always.
pub fn run_output(_: &Plan, _: Option<OutputId>, _: &str, _: RefereeLimits) -> Result<RefereeAnswer> {
    Err(missing())
}

/// Nothing: there is no statement that takes memory.
pub fn past_memory(_: &Plan, _: u64, _: &str) -> Option<String> {
    None
}

fn missing() -> Error {
    Error::job("this build of highwater has no embedded referee (Polars), so it cannot run SQL by itself")
        .hint("build it with `--features referee`, or install a package: all packages have it")
        .hint("or compare with PostgreSQL (`--postgres URL`) or with a file of results (`--against FILE`)")
}
