//! Results beside those of others: of SQL that the embedded referee or PostgreSQL runs, of a file, of whatever
//! prints CSV; and why they differ.
//!
//! # Contract
//! * The side *here* is what a run of the job gives, computed afresh into a temporary folder: outputs that are in
//!   place are neither read nor changed, and no service is asked that has not been asked before.
//! * The side *there* shares neither reader nor aggregation with the engine, unless it is a file that a run wrote.
//! * What is said of a difference is true of it: an explanation is a change of the job after which both sides are
//!   the same, in every row and value that is compared, or a property of the difference that was checked.

mod allowed;
pub mod answered;
mod case;
pub mod compare;
mod explain;
mod late;
mod mapping;
pub(crate) mod on_engine;
mod ours;
#[cfg(test)]
mod planted;
// Parts of it serve the referee alone.
#[cfg_attr(not(feature = "referee"), allow(dead_code, unused_imports))]
pub mod raw;
#[cfg(feature = "referee")]
pub mod referee;
#[cfg(not(feature = "referee"))]
#[path = "no_referee.rs"]
pub mod referee;
mod request;
pub mod server;
mod theirs;
mod variation;
// Parts of it serve the referee alone.
#[cfg_attr(not(feature = "referee"), allow(dead_code, unused_imports))]
mod wide;

use crate::engine::RunOptions;
use crate::error::{Error, Result};
use crate::explain::{GroupOf, Traced};
use crate::job::{self, JobSpec, Overrides};
use crate::plan::{LatePlan, OutputId, OutputTo, Plan};
pub use allowed::MaxDifferent;
use case::{APPROXIMATE, OutputCheck, near};
pub use compare::{ColumnNames, ResultFormat};
use compare::{Comparison, ComparisonRules, ResultTable, compare};
pub use request::{Against, GivenResult, VerifyRequest};
pub(crate) use theirs::files;

/// What came of one output.
#[derive(Debug)]
pub struct Verified {
    /// Its path.
    pub output: String,
    /// What is here, in words.
    pub here: String,
    /// What is there, in words.
    pub against: String,
    /// How they differ.
    pub comparison: Comparison,
    /// What accounts for it, if anything known does.
    pub explanation: Option<String>,
    /// The events of the first groups that differ.
    pub traces: Vec<(GroupOf, Traced)>,
    /// What a reader should know of the SQL.
    pub notes: Vec<String>,
}

/// An output that could not be compared, and why.
#[derive(Debug)]
pub struct Skipped {
    /// Its path.
    pub output: String,
    /// Why.
    pub why: Error,
}

/// What became of all outputs.
#[derive(Debug, Default)]
pub struct VerifyVerdict {
    /// Those that were compared.
    pub verified: Vec<Verified>,
    /// Those that were not.
    pub skipped: Vec<Skipped>,
}

impl VerifyVerdict {
    /// Whether all that was compared is the same.
    pub fn same(&self) -> bool {
        self.verified.iter().all(|v| v.comparison.same())
    }

    /// Whether all that was compared is the same, or differs in no more rows than allowed.
    pub fn accepted(&self, allowed: &MaxDifferent) -> bool {
        self.verified.iter().all(|v| allowed.refuses(&v.comparison).is_none())
    }
}

/// Compares the results of a job with those of another; `plan` is that of `spec` with `overrides`.
///
/// # Errors
/// Of the job, the input, the other side; an unknown output, column or key. Where no output can be compared, why not.
pub fn verify(
    spec: &JobSpec,
    overrides: &Overrides,
    plan: Plan,
    request: &VerifyRequest,
) -> Result<VerifyVerdict> {
    let plan = if request.engine.is_some() { plan.with_absolute_paths() } else { plan };
    let (chosen, late) = chosen(&plan, request)?;
    let stdin = theirs::stdin(request)?;
    let mut verdict = VerifyVerdict::default();
    // Who is there is asked first: what is wrong with a query is then known before the run.
    let mut others = vec![];
    for &index in &chosen {
        let output = plan.deliveries.outputs[index].to.to_string();
        let again = || job::plan_job(spec, overrides);
        match theirs::table(&plan, index, request, stdin.as_ref(), &again) {
            Ok(theirs) => others.push((index, theirs)),
            // One output that cannot be compared must not hide the verdict on the others.
            Err(why) if chosen.len() + usize::from(late) > 1 => verdict.skipped.push(Skipped { output, why }),
            Err(why) => return Err(why),
        }
    }
    let wanted: Vec<OutputId> = others.iter().map(|(index, _)| *index).collect();
    let ours = match wanted.is_empty() {
        true => None,
        false => Some(ours::compute(job::plan_job(spec, overrides)?, &wanted, request)?),
    };
    let tables = ours.iter().flat_map(|ours| &ours.tables);
    for ((index, mut theirs), here) in others.into_iter().zip(tables) {
        let compared = |theirs: &theirs::Theirs| {
            let case = OutputCheck { spec, overrides, request, plan: &plan, index, theirs: &theirs.table };
            case.compare(here, request.show)
        };
        let mut comparison = compared(&theirs)?;
        // Which rows are there alone is shown in their order, so that one has to be the same each time.
        if comparison.only_there > 0 && theirs.is_in_parts() {
            theirs = theirs::in_order(&plan, index, request)?;
            comparison = compared(&theirs)?;
        }
        let case = OutputCheck { spec, overrides, request, plan: &plan, index, theirs: &theirs.table };
        let (mut explanation, mut traces) = (None, vec![]);
        // Each cause that is tried is one more run of the job, so it is only looked for where a row differs.
        if !comparison.same() {
            explanation = explain::explain(&case, &comparison, here)?;
            if request.trace && !request.hide_values {
                traces = case.trace(&comparison)?;
            }
        }
        // The explanation may need the first rows, so they are forgotten after it.
        if request.hide_values {
            comparison.forget_values();
        }
        let mut notes = theirs.notes;
        notes.extend(comparison.notes.clone());
        let approximate =
            near(&plan, &plan.deliveries.outputs[index]).into_iter().filter(|near| near.1 == APPROXIMATE);
        notes.extend(approximate.map(|(name, _)| {
            format!(
                "`{name}` is approximate here: differences up to {:.1} % count as the same",
                100.0 * APPROXIMATE
            )
        }));
        verdict.verified.push(Verified {
            output: plan.deliveries.outputs[index].to.to_string(),
            here: format!("highwater, by {}", spec.file()),
            against: theirs.name,
            comparison,
            explanation,
            traces,
            notes,
        });
    }
    if let Some(output) = plan.deliveries.late.as_ref().filter(|_| late) {
        add_late(
            &mut verdict,
            spec,
            late::verify(spec, overrides, (&plan, output), request, stdin.as_ref()),
            output,
        );
    }
    if verdict.verified.is_empty() {
        return match verdict.skipped.pop() {
            Some(skipped) => Err(skipped.why),
            None => Err(Error::job("the job has no output that can be verified")),
        };
    }
    Ok(verdict)
}

/// Compares rows of the output `id` of `plan`, as its columns say which rows belong together.
///
/// # Errors
/// A file that cannot be read.
pub(crate) fn alike(
    plan: &Plan,
    id: OutputId,
    [here, there]: [&ResultTable; 2],
    options: &RunOptions,
) -> Result<Comparison> {
    let output = &plan.deliveries.outputs[id];
    let rules = ComparisonRules {
        keys: case::naming(plan, output),
        show: 1,
        memory: options.memory,
        threads: options.threads,
        ..ComparisonRules::default()
    };
    compare(here, there, &rules)
}

/// Adds what came of the late output.
fn add_late(
    verdict: &mut VerifyVerdict,
    spec: &JobSpec,
    outcome: Result<Option<late::LateCheck>>,
    output: &LatePlan,
) {
    let path = output.path.display().to_string();
    match outcome {
        Ok(None) => {}
        Ok(Some(late::LateCheck { comparison, against, notes })) => verdict.verified.push(Verified {
            output: path,
            here: format!("highwater, by {}", spec.file()),
            against,
            comparison,
            explanation: None,
            traces: vec![],
            notes,
        }),
        Err(why) => verdict.skipped.push(Skipped { output: path, why }),
    }
}

/// Compares two results that are files.
///
/// # Errors
/// A file that cannot be read, an unknown column or key.
pub fn verify_files(here: &std::path::Path, request: &VerifyRequest) -> Result<Verified> {
    let Against::Result(there) = &request.against else {
        return Err(Error::job("two results are compared as files: --against FILE"));
    };
    let mut comparison =
        compare(&theirs::files(here)?, &theirs::given(there)?, &request.rules(request.keys.clone()))?;
    if request.hide_values {
        comparison.forget_values();
    }
    Ok(Verified {
        output: here.display().to_string(),
        here: here.display().to_string(),
        against: there.path.display().to_string(),
        notes: comparison.notes.clone(),
        comparison,
        explanation: None,
        traces: vec![],
    })
}

/// The outputs that are compared, and whether the late output is one of them: a result is laid beside it where it is named.
fn chosen(plan: &Plan, request: &VerifyRequest) -> Result<(Vec<OutputId>, bool)> {
    if request.against == Against::Printed || request.output.is_some() {
        let chosen = plan.chosen_or_late(request.output.as_deref())?;
        return Ok((chosen.outputs, chosen.late.is_some()));
    }
    let all = plan.chosen(None)?;
    // One result is there, so one output is here: the first that stays.
    let first = all.iter().find(|&&i| plan.deliveries.outputs[i].to != OutputTo::Terminal);
    Ok((vec![first.copied().unwrap_or(OutputId::new(0))], false))
}
