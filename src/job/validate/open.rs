//! Columns of which no value was seen: a file of a header alone, or a column that is empty in the sample.
//!
//! # Contract
//! Such a column is a string, as long as nothing in the job takes it for something else. Where something does, it is the
//! first of the types below with which the job is right: with no value there is nothing that such a type could read wrong,
//! and a value that comes later and does not follow it is a bad record.

use crate::batch::DataType;
use crate::error::{Error, Reason, Result};
use crate::job::spec::JobSpec;
use crate::plan::Plan;
use std::collections::BTreeMap;

/// The types that columns without a value are taken for, by name.
pub(super) type Assumed = BTreeMap<String, DataType>;

/// What a column is taken for after a string, in this order.
const TYPES: [DataType; 5] =
    [DataType::Float64, DataType::Timestamp, DataType::Date, DataType::Bool, DataType::Int64];

/// Plans the job by `plan`, with other types for columns without a value where it is wrong with strings.
///
/// # Errors
/// What is wrong whichever types they have.
pub(super) fn first_right(spec: &JobSpec, plan: impl Fn(&Assumed) -> Result<Plan>) -> Result<Plan> {
    // What was noted before planning, such as faults of form, stays through all tries.
    let before = spec.document.count();
    let first = match plan(&Assumed::new()) {
        Ok(plan) => return Ok(plan),
        Err(error) => error,
    };
    let mut tried: BTreeMap<String, usize> = BTreeMap::new();
    let mut open = open_columns(&first);
    // Each round takes a column to its next type, so the rounds come to an end.
    while !open.is_empty() {
        for name in open {
            tried.entry(name).and_modify(|n| *n += 1).or_insert(0);
        }
        let types = tried.iter().map(|(name, n)| Some((name.clone(), *TYPES.get(*n)?)));
        // A column for which all types were tried ends the search.
        let Some(assumed) = types.collect::<Option<Assumed>>() else { break };
        spec.document.forget_after(before);
        match plan(&assumed) {
            Ok(plan) => return Ok(plan),
            Err(error) => open = open_columns(&error),
        }
    }
    // Told as it is without any guess.
    spec.document.forget_after(before);
    plan(&Assumed::new())
}

/// The columns without a value that faults speak of.
fn open_columns(error: &Error) -> Vec<String> {
    let of = |error: &&Error| match error.reason() {
        Some(Reason::OpenColumns(names)) => names.clone(),
        _ => vec![],
    };
    let mut names: Vec<String> = error.faults().iter().flat_map(of).collect();
    names.sort();
    names.dedup();
    names
}
