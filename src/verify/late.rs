//! The late output beside the statement that gives its rows.

use super::compare::{Comparison, ComparisonRules, compare};
use super::request::VerifyRequest;
use super::{ours, theirs};
use crate::deliver::late_schema;
use crate::error::Result;
use crate::job::{self, JobSpec, Overrides};
use crate::plan::{LatePlan, Plan};
use crate::sql;

/// The late output beside the rows of its statement.
pub struct LateCheck {
    /// How they differ.
    pub comparison: Comparison,
    /// What is there, in words.
    pub against: String,
    /// What a reader should know of the SQL.
    pub notes: Vec<String>,
}

/// Compares the late output of `plan`, which is that of `spec` with `overrides`: the columns that the statement has. Rows
/// are compared as a multiset, as events have no key.
///
/// # Errors
/// What the SQL cannot express; of the job, the input, the other side.
pub fn verify(
    spec: &JobSpec,
    overrides: &Overrides,
    (plan, output): (&Plan, &LatePlan),
    request: &VerifyRequest,
) -> Result<Option<LateCheck>> {
    let Some(theirs) = theirs::late(plan, request)? else { return Ok(None) };
    let here = ours::late(job::plan_job(spec, overrides)?, request)?;
    let columns = late_schema(output);
    let known = |name: &String| columns.index_of(name).is_some();
    // What the request says of columns may be about the other outputs.
    let mut rules = request.rules(vec![]);
    rules.ignore.retain(known);
    rules.tolerance.retain(|(name, ..)| known(name));
    rules.ignore.extend(sql::left_out_of_late(plan, output));
    let rules = ComparisonRules { show: request.show, ..rules };
    let mut comparison = compare(&here.tables[0], &theirs.table, &rules)?;
    if request.hide_values {
        comparison.forget_values();
    }
    let notes = theirs.notes.into_iter().chain(comparison.notes.clone()).collect();
    Ok(Some(LateCheck { comparison, against: theirs.name, notes }))
}
