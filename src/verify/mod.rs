//! Results beside those of others: of SQL that the embedded referee or PostgreSQL runs, of a file, of whatever
//! prints CSV; and why they differ.
//!
//! # Contract
//! * The side *here* is what a run of the job gives, computed afresh into a temporary folder: outputs that are in
//!   place are neither read nor changed, and no service is asked that has not been asked before.
//! * The side *there* shares neither reader nor aggregation with the engine, unless it is a file that a run wrote.
//! * What is said of a difference is true of it: an explanation is a change of the job after which both sides are
//!   the same, in every row and value that is compared, or a property of the difference that was checked.

pub mod compare;
mod explain;
mod mapping;
mod ours;
#[cfg(test)]
mod planted;
pub mod raw;
pub mod referee;
pub mod server;
mod theirs;
mod variation;
mod wide;

use crate::aggregate::{Function, Pairwise};
use crate::batch::{DataType, Schema};
use crate::engine::{Progress, RunOptions};
use crate::error::{Error, Result};
use crate::explain::{GroupOf, Traced, trace};
use crate::job::{self, JobSpec, Overrides};
use crate::pg::Server;
use crate::plan::{OutputKind, OutputPlan, OutputTo, Plan, PlannedColumn};
use compare::{Comparison, Rules, Table, compare};
pub use compare::{Names, Written};
use std::path::PathBuf;

/// What the results of a job are compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Against {
    /// The SQL of the job itself, as `sql` prints it.
    Printed,
    /// A file with a query over the relations of [`crate::sql`].
    Query(PathBuf),
    /// A result: a file, or a folder of parts.
    Result(PathBuf),
    /// CSV with a header line, on stdin.
    Stdin,
}

/// What is asked of [`verify`].
pub struct Request<'a> {
    /// What is there.
    pub against: Against,
    /// The server that runs SQL, in place of the embedded referee.
    pub server: Option<Server>,
    /// The output that is compared, by its path; all of them where none is named.
    pub output: Option<String>,
    /// The columns that pair rows; window and keys of the output where none is named.
    pub keys: Vec<String>,
    /// Columns that are expressions over those of the output: the name there, and the SQL.
    pub map: Vec<(String, String)>,
    /// Columns that are not compared.
    pub ignore: Vec<String>,
    /// By column: the absolute and the relative difference that is none.
    pub tolerance: Vec<(String, f64, f64)>,
    /// How many differing rows are shown.
    pub show: usize,
    /// How the other side is written, if it is a file of text.
    pub there: Written,
    /// Whether the events of differing groups are listed.
    pub trace: bool,
    /// How the machine is used.
    pub options: &'a RunOptions,
    /// Hears how far it is.
    pub progress: &'a dyn Progress,
}

impl<'a> Request<'a> {
    /// Every output against the job's own SQL, by the embedded referee: all columns, to the last digit. No differing row
    /// is shown.
    pub fn printed(options: &'a RunOptions, progress: &'a dyn Progress) -> Request<'a> {
        Request {
            against: Against::Printed,
            server: None,
            output: None,
            keys: vec![],
            map: vec![],
            ignore: vec![],
            tolerance: vec![],
            show: 0,
            there: Written::default(),
            trace: false,
            options,
            progress,
        }
    }
}

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
pub struct Verdict {
    /// Those that were compared.
    pub verified: Vec<Verified>,
    /// Those that were not.
    pub skipped: Vec<Skipped>,
}

impl Verdict {
    /// Whether all that was compared is the same.
    pub fn same(&self) -> bool {
        self.verified.iter().all(|v| v.comparison.same())
    }
}

/// Groups whose events are listed, and events of each.
const TRACED_GROUPS: usize = 3;
const TRACED_EVENTS: usize = 20;

/// Compares the results of a job with those of another; `plan` is that of `spec` with `overrides`.
///
/// # Errors
/// Of the job, the input, the other side; an unknown output, column or key. Where no output can be compared, why not.
pub fn verify(spec: &JobSpec, overrides: &Overrides, plan: Plan, request: &Request) -> Result<Verdict> {
    let chosen = chosen(&plan, request)?;
    let stdin = theirs::stdin(request)?;
    let mut verdict = Verdict::default();
    // Who is there is asked first: what is wrong with a query is then known before the run.
    let mut others = vec![];
    for &index in &chosen {
        let output = plan.outputs[index].to.to_string();
        let again = || job::plan_job(spec, overrides);
        match theirs::table(&plan, index, request, stdin.as_ref(), &again) {
            Ok(theirs) => others.push((index, theirs)),
            Err(why) if chosen.len() > 1 => verdict.skipped.push(Skipped { output, why }),
            Err(why) => return Err(why),
        }
    }
    let wanted: Vec<usize> = others.iter().map(|(index, _)| *index).collect();
    if wanted.is_empty() {
        return match verdict.skipped.pop() {
            Some(skipped) => Err(skipped.why),
            None => Err(Error::job("the job has no output that can be verified")),
        };
    }
    let ours = ours::compute(job::plan_job(spec, overrides)?, &wanted, request)?;
    for ((index, theirs), here) in others.into_iter().zip(&ours.tables) {
        let case = Case { spec, overrides, request, plan: &plan, index, theirs: &theirs.table };
        let comparison = case.compare(here, request.show)?;
        let (mut explanation, mut traces) = (None, vec![]);
        if !comparison.same() {
            explanation = explain::explain(&case, &comparison, here)?;
            if request.trace {
                traces = case.trace(&comparison)?;
            }
        }
        let mut notes = theirs.notes;
        notes.extend(comparison.notes.clone());
        let approximate = near(&plan, &plan.outputs[index]).into_iter().filter(|near| near.1 == APPROXIMATE);
        notes.extend(approximate.map(|(name, _)| {
            format!(
                "`{name}` is approximate here: differences up to {:.1} % count as the same",
                100.0 * APPROXIMATE
            )
        }));
        verdict.verified.push(Verified {
            output: plan.outputs[index].to.to_string(),
            here: format!("highwater, by {}", spec.file()),
            against: theirs.name,
            comparison,
            explanation,
            traces,
            notes,
        });
    }
    Ok(verdict)
}

/// Compares two results that are files.
///
/// # Errors
/// A file that cannot be read, an unknown column or key.
pub fn verify_files(here: &std::path::Path, request: &Request) -> Result<Verified> {
    let Against::Result(there) = &request.against else {
        return Err(Error::job("two results are compared as files: --against FILE"));
    };
    let comparison =
        compare(&theirs::files(here)?, &theirs::files(there)?, &request.rules(request.keys.clone()))?;
    Ok(Verified {
        output: here.display().to_string(),
        here: here.display().to_string(),
        against: there.display().to_string(),
        notes: comparison.notes.clone(),
        comparison,
        explanation: None,
        traces: vec![],
    })
}

/// The outputs that are compared, by number.
fn chosen(plan: &Plan, request: &Request) -> Result<Vec<usize>> {
    let all = plan.chosen(request.output.as_deref())?;
    if request.output.is_some() || request.against == Against::Printed {
        return Ok(all);
    }
    // One result is there, so one output is here: the first that stays.
    let first = all.iter().find(|&&i| plan.outputs[i].to != OutputTo::Terminal);
    Ok(vec![first.copied().unwrap_or(0)])
}

impl Request<'_> {
    fn rules(&self, keys: Vec<String>) -> Rules {
        Rules {
            keys,
            ignore: self.ignore.clone(),
            tolerance: self.tolerance.clone(),
            there: self.there.clone(),
            show: self.show,
            memory: self.options.memory,
            threads: self.options.threads,
        }
    }
}

/// One output, and what is there.
struct Case<'a> {
    spec: &'a JobSpec,
    overrides: &'a Overrides,
    request: &'a Request<'a>,
    plan: &'a Plan,
    /// The output's number.
    index: usize,
    theirs: &'a Table,
}

impl Case<'_> {
    fn output(&self) -> &OutputPlan {
        &self.plan.outputs[self.index]
    }

    /// Compares `here` with what is there.
    fn compare(&self, here: &Table, show: usize) -> Result<Comparison> {
        self.compare_by(here, &Rules { show, ..self.rules()? })
    }

    fn compare_by(&self, here: &Table, rules: &Rules) -> Result<Comparison> {
        let request = self.request;
        if request.map.is_empty() {
            return compare(here, self.theirs, rules);
        }
        let mapped = mapping::mapped(here, &self.output().columns, &self.plan.zone, &request.map)?;
        compare(&mapped.table, self.theirs, rules)
    }

    /// What counts as the same.
    fn rules(&self) -> Result<Rules> {
        let request = self.request;
        let columns = &self.output().columns;
        let names = naming(self.output());
        let mut rules = request.rules(request.keys.clone());
        if rules.keys.is_empty() {
            let renamed = mapping::keys(columns, &self.plan.zone, &request.map, &names)?;
            rules.keys = names.into_iter().filter(|_| request.map.is_empty()).chain(renamed).collect();
        }
        for (name, share) in near(self.plan, self.output()) {
            if !rules.tolerance.iter().any(|(column, ..)| *column == name) {
                rules.tolerance.push((name, 0.0, share));
            }
        }
        if !request.map.is_empty() {
            // Whoever says what is compared need not say what is not.
            let there = self.columns_there()?;
            let is_there = |name: &str| there.iter().any(|(column, _)| column == name);
            rules.ignore.extend(columns.names().filter(|name| !is_there(name)).map(str::to_string));
            rules.keys.retain(|key| is_there(key) || request.keys.contains(key));
        }
        Ok(rules)
    }

    /// The columns of the other side.
    fn columns_there(&self) -> Result<Vec<(String, Option<crate::batch::DataType>)>> {
        let names: Vec<String> = self.output().columns.names().map(str::to_string).collect();
        compare::columns(self.theirs, &self.request.there, &names, self.request.options.threads)
    }

    /// The events of the first groups that differ.
    fn trace(&self, comparison: &Comparison) -> Result<Vec<(GroupOf, Traced)>> {
        let OutputKind::Groups { .. } = self.output().kind else { return Ok(vec![]) };
        let keys = naming(self.output());
        let groups = comparison.rows.iter().filter_map(|row| group_of(&row.key, &keys));
        let groups: Vec<GroupOf> = groups.take(TRACED_GROUPS).collect();
        if groups.is_empty() {
            return Ok(vec![]);
        }
        let plan = job::plan_job(self.spec, self.overrides)?;
        let traced = trace(plan, &groups, TRACED_EVENTS, self.request.options, self.request.progress)?;
        Ok(groups.into_iter().zip(traced).collect())
    }
}

/// Five standard errors of `approx_count_distinct`, of what is counted exactly.
const APPROXIMATE: f64 = 5.0 * 0.0115;

/// The last digits of what engines make of pairs of numbers: ours is rounded once, theirs in each step.
const LAST_DIGITS: f64 = 1e-9;

/// The columns of an output that nobody else computes as exactly, each with the share that they may be off.
fn near(plan: &Plan, output: &OutputPlan) -> Vec<(String, f64)> {
    let OutputKind::Groups { grouping, post } = &output.kind else { return vec![] };
    let share = |column: &PlannedColumn| {
        let PlannedColumn::Value(i) = column else { return None };
        let (aggregate, _) = &plan.groupings[*grouping].plan.aggregates[*i];
        let of_floats = aggregate.args.contains(&DataType::Float64);
        match aggregate.function {
            Function::ApproxCountDistinct => Some(APPROXIMATE),
            Function::Pairwise(Pairwise::Count) => None,
            Function::Pairwise(what) => {
                (of_floats || matches!(what, Pairwise::Corr | Pairwise::R2)).then_some(LAST_DIGITS)
            }
            _ => None,
        }
    };
    let columns = output.columns.fields.iter().zip(&post.columns);
    columns.filter_map(|(field, column)| Some((field.name.clone(), share(column)?))).collect()
}

/// The columns of an output that say which group a row is of; none of outputs of events.
fn naming(output: &OutputPlan) -> Vec<String> {
    let OutputKind::Groups { post, .. } = &output.kind else { return vec![] };
    let names = output.columns.fields.iter().zip(&post.columns);
    names.filter(|(_, column)| column.names_group()).map(|(field, _)| field.name.clone()).collect()
}

/// The group that a differing row is of, if its key says all that names one.
fn group_of(key: &[(String, Option<String>)], naming: &[String]) -> Option<GroupOf> {
    let value = |name: &str| key.iter().find(|(column, _)| column == name).map(|(_, value)| value.clone());
    let bound = |name: &str| instant(&value(name)??);
    let windowed = naming.iter().any(|name| name == "window_start");
    let window = if windowed { Some((bound("window_start")?, bound("window_end")?)) } else { None };
    let keys = naming.iter().filter(|name| *name != "window_start" && *name != "window_end");
    let keys: Option<Vec<_>> = keys.map(|name| Some((name.clone(), value(name)?))).collect();
    Some(GroupOf { window, keys: keys? })
}

/// An instant as results have it, microseconds UTC: with an offset or without, then UTC.
fn instant(text: &str) -> Option<i64> {
    let with_offset = chrono::DateTime::parse_from_rfc3339(text).map(|t| t.timestamp_micros());
    let without =
        |format| chrono::NaiveDateTime::parse_from_str(text, format).map(|t| t.and_utc().timestamp_micros());
    with_offset.or_else(|_| without("%Y-%m-%dT%H:%M:%S%.f")).or_else(|_| without("%Y-%m-%d %H:%M:%S%.f")).ok()
}

/// The columns of an output that are instants.
fn instants(schema: &Schema) -> impl Iterator<Item = &str> {
    schema.fields.iter().filter(|f| f.ty == crate::batch::DataType::Timestamp).map(|f| f.name.as_str())
}
