//! A program for `spark-submit` that computes the outputs of a job, and puts them in place.
//!
//! # Contract
//! * It runs the statements that [`super::script`] prints, and writes folders of Parquet with the partitions of the job. What
//!   it cannot write as a run does is refused by name.
//! * It replaces nothing that it did not write: no output of a run, and no file of another program.

use super::account::account_of_all;
use super::{Dialect, script_with_times};
use crate::batch::DataType;
use crate::error::{Error, Result};
use crate::plan::{OutputId, OutputKind, OutputPlan, OutputTo, Plan};
use crate::rows::PartitionPart;
use crate::sink::OutputFormat;
use serde_json::{Value, json};

/// The program, without the job.
const PROGRAM: &str = include_str!("program.py");

/// A Python program that computes the outputs `wanted` of `plan` by Spark; and what a reader should know.
///
/// # Errors
/// A job error that names what the dialect or the program cannot do.
pub fn spark_program(plan: &Plan, wanted: &[OutputId]) -> Result<(String, Vec<String>)> {
    let dialect = Dialect::Spark;
    let (mut setup, mut outputs, mut notes, mut errors) = (vec![], vec![], vec![], vec![]);
    for &id in wanted {
        let output = &plan.deliveries.outputs[id];
        let script = match refused(plan, output) {
            Some(error) => Err(error),
            None => script_with_times(plan, id, dialect),
        };
        let script = match script {
            Ok(script) => script,
            Err(error) => {
                notes.push(format!("{} is left out: {}", output.to, error.message()));
                errors.push(error);
                continue;
            }
        };
        for statement in script.setup {
            if !setup.contains(&statement) {
                setup.push(statement);
            }
        }
        for note in script.notes {
            if !notes.contains(&note) {
                notes.push(note);
            }
        }
        outputs.push(of_output(plan, output, script.query));
    }
    if outputs.is_empty() {
        return Err(Error::all(errors).unwrap_or_else(|| Error::job("the job has no output")));
    }
    let counts = account_of_all(plan, dialect)?;
    let job = json!({
        "name": plan.name,
        "hash": plan.hash,
        "timezone": plan.zone.name(),
        "setup": setup,
        "outputs": outputs,
        "account": { "query": counts.script.query, "left_out": counts.left_out() },
    });
    // JSON in a text of Python: what JSON escapes, Python reads as it is after `json.loads`.
    let job = Value::String(serde_json::to_string_pretty(&job).unwrap_or_default()).to_string();
    let name: String = plan.name.chars().filter(|c| !c.is_control() && !"\"\\".contains(*c)).collect();
    Ok((PROGRAM.replace("@NAME@", &name).replacen("@JOB@", &job, 1), notes))
}

/// What the program cannot write as a run does.
fn refused(plan: &Plan, output: &OutputPlan) -> Option<Error> {
    let to = &output.to;
    if matches!(to, OutputTo::Table(..)) {
        return Some(
            Error::job(format!("{to} is a table, and the program writes no snapshot of it"))
                .hint("take `table` away, or run the job"),
        );
    }
    if !matches!(to, OutputTo::Folder(_)) || output.format != OutputFormat::Parquet {
        return Some(
            Error::job(format!("{to} is not a folder of Parquet, and the program writes nothing else"))
                .hint("give the output a path without an extension"),
        );
    }
    let OutputKind::Groups { grouping, .. } = &output.kind else { return None };
    let streamed = plan.pipeline.groupings[*grouping].plan.lateness.is_some();
    streamed.then(|| {
        Error::job(format!("{to} is streamed: the program has every event and not those that came in time"))
            .hint("use --mode complete")
    })
}

fn of_output(plan: &Plan, output: &OutputPlan, query: String) -> Value {
    let hidden = super::times_behind(plan, output);
    let (mut parts, mut times, mut texts) = (vec![], vec![], vec![]);
    for part in &output.partition_by {
        let (name, pattern) = match part {
            PartitionPart::Year => ("year", "yyyy"),
            PartitionPart::Month => ("month", "MM"),
            PartitionPart::Date => ("date", "yyyy-MM-dd"),
            PartitionPart::Hour => ("hour", "HH"),
            PartitionPart::Column(column) => {
                let field = &output.columns.fields[*column];
                if field.ty == DataType::String {
                    texts.push(&field.name);
                }
                parts.push(field.name.as_str());
                continue;
            }
            // Never a folder.
            PartitionPart::Stretch(_) => continue,
        };
        parts.push(name);
        times.push((name, pattern));
    }
    json!({
        "path": output.to,
        "query": query,
        "time": hidden.first(),
        "hidden": hidden,
        "partition_by": parts,
        "times": times,
        "texts": texts,
    })
}
