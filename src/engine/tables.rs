//! The tables that steps look into, read before the source.

use super::steps::local;
use super::times::{Stage, Work, spent};
use super::{Run, machine, rejects_at, write_rejects};
use crate::asof::{AsOfRows, AsOfTable};
use crate::clock::Stopwatch;
use crate::error::Result;
use crate::input::{InputReport, Scan};
use crate::job::TablePlan;
use crate::rows::RowSpace;
use crate::sink::RejectsWriter;
use crate::time::TimeRule;
use std::path::PathBuf;
use std::sync::Arc;

/// The tables of a plan, in its order, and what was read for them.
#[derive(Default)]
pub struct Tables {
    pub tables: Vec<AsOfTable>,
    /// The name of a table with each of its files, in the order in which they were read.
    pub inputs: Vec<(String, InputReport)>,
    /// Where rejects of tables go, and how many there are.
    pub rejects: Vec<(RejectsWriter, Option<(PathBuf, u64)>)>,
    pub spilled: bool,
}

/// Reads all tables of the run's plan.
///
/// # Errors
/// Bad data, or a machine that fails.
pub fn read(run: &Run) -> Result<Tables> {
    let mut read = Tables::default();
    // Half of the memory is the tables'; what they leave is for rows and groups.
    let memory = run.options.memory as usize / 2 / run.plan.tables.len().max(1);
    for plan in &run.plan.tables {
        let writer = plan.rejects.as_deref().map(RejectsWriter::create).transpose()?;
        let scan = Scan::new(Arc::new(plan.read.clone()))?;
        let workers = run.watch(&scan, || rayon::broadcast(|_| rows(run, plan, &scan, memory)));
        scan.check()?;
        let workers = workers.into_iter().collect::<Result<Vec<_>>>()?;
        let report = scan.finish()?;
        let mut watch = Stopwatch::of_process();
        let table = AsOfTable::build(&plan.index, workers, memory)?;
        let rows = report.inputs.iter().map(|input| input.records).sum();
        run.progress.worked(Stage::Tables, Work { rows, bytes: 0, lap: watch.lap() });
        if table.is_spilled() {
            read.spilled = true;
            machine::give_back();
        }
        read.tables.push(table);
        let rejected = rejects_at(plan.rejects.as_deref(), &report.rejects);
        if let Some(writer) = write_rejects(report.rejects, writer)? {
            read.rejects.push((writer, rejected));
        }
        read.inputs.extend(report.inputs.into_iter().map(|input| (plan.name.clone(), input)));
    }
    Ok(read)
}

/// The rows of a table that one worker reads.
fn rows(run: &Run, plan: &TablePlan, scan: &Scan, memory: usize) -> Result<AsOfRows> {
    let mut rows = AsOfRows::new(&plan.index, RowSpace(run.options.spill_folder.clone()));
    let mut input = scan.worker()?;
    loop {
        let mut watch = Stopwatch::of_thread();
        let next = input.next();
        spent(run.progress, input.spent(), &next, watch.lap());
        let Some(decoded) = next? else { break };
        let mut batch = local(&plan.steps, decoded.batch)?;
        if plan.read.time.rule == TimeRule::Untimed {
            // What holds at any time holds from the beginning of it.
            batch.time.fill(i64::MIN);
        }
        if batch.rows > 0 {
            rows.push(&batch)?;
        }
        if rows.bytes() > memory / run.options.threads {
            rows.spill()?;
        }
    }
    Ok(rows)
}
