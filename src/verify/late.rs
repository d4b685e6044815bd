//! The late output beside the statement that gives its rows.

use super::compare::{ComparisonRules, compare};
use super::{Verified, VerifyRequest, ours, theirs};
use crate::deliver::late_schema;
use crate::error::Result;
use crate::job::{self, JobSpec, Overrides};
use crate::plan::{LatePlan, Plan};
use crate::sql;

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
) -> Result<Option<Verified>> {
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
    Ok(Some(Verified {
        output: output.path.display().to_string(),
        here: format!("highwater, by {}", spec.file()),
        against: theirs.name,
        notes: theirs.notes.into_iter().chain(comparison.notes.clone()).collect(),
        comparison,
        explanation: None,
        traces: vec![],
    }))
}
