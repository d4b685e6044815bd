//! The late output beside the statement that gives its rows, or beside a result.

use super::compare::{Comparison, ComparisonRules, compare};
use super::request::{Against, VerifyRequest};
use super::{ours, theirs};
use crate::deliver::late_schema;
use crate::error::Result;
use crate::job::{self, JobSpec, Overrides};
use crate::plan::{LatePlan, Plan};
use crate::sql;
use tempfile::NamedTempFile;

/// The late output beside the rows of its statement.
pub struct LateCheck {
    /// How they differ.
    pub comparison: Comparison,
    /// What is there, in words.
    pub against: String,
    /// What a reader should know of the SQL.
    pub notes: Vec<String>,
}

/// Compares the late output of `plan`, which is that of `spec` with `overrides`: with a statement the columns that it has,
/// with a result all columns. Rows are compared as a multiset, as events have no key, unless the request names one.
///
/// # Errors
/// What the SQL cannot express; of the job, the input, the other side.
pub fn verify(
    spec: &JobSpec,
    overrides: &Overrides,
    (plan, output): (&Plan, &LatePlan),
    request: &VerifyRequest,
    stdin: Option<&NamedTempFile>,
) -> Result<Option<LateCheck>> {
    let Some(theirs) = theirs::late(plan, request, stdin)? else { return Ok(None) };
    let here = ours::late(job::plan_job(spec, overrides)?, request)?;
    let columns = late_schema(output);
    let known = |name: &String| columns.index_of(name).is_some();
    // What the request says of columns may be about the other outputs.
    let is_printed = request.against == Against::Printed;
    let mut rules = request.rules(if is_printed { vec![] } else { request.keys.clone() });
    if is_printed {
        rules.ignore.retain(known);
        rules.tolerance.retain(|(name, ..)| known(name));
        rules.ignore.extend(sql::left_out_of_late(plan, output));
    }
    let rules = ComparisonRules { show: request.show, ..rules };
    let mut comparison = compare(&here.tables[0], &theirs.table, &rules)?;
    if request.hide_values {
        comparison.forget_values();
    }
    let notes = theirs.notes.into_iter().chain(comparison.notes.clone()).collect();
    Ok(Some(LateCheck { comparison, against: theirs.name, notes }))
}
