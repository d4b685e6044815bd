//! The tables that steps look into, read before the source.

use super::record_times::{LogOrder, RecordTimes};
use super::rejected::{rejects_at, write_rejects};
use super::steps::{Sources, local};
use super::streams::{ArrivingTable, LogClock};
use super::times::{SpentWork, TimedStage, spent};
use super::{ArrivalNeed, Pass, PassResult, machine};
use crate::asof::{ArrivedTable, AsOfRows, AsOfTable};
use crate::batch::{Batch, ColumnId};
use crate::clock::{Lap, Stopwatch};
use crate::error::Result;
use crate::input::{BadRecord, InputReport, Scan};
use crate::lookup::Services;
use crate::plan::{PerId, TableId, TablePlan};
use crate::rows::RowSpace;
use crate::sink::RejectsWriter;
use crate::time::TimeRule;
use arrow_array::cast::AsArray;
use arrow_array::{Array, BooleanArray};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// The tables of a plan, in its order, and what was read for them.
#[derive(Default)]
pub struct Tables {
    pub tables: PerId<TableId, AsOfTable>,
    /// Those whose rows count from their arrival on; in `tables` they are empty.
    pub arriving: PerId<TableId, Option<ArrivingTable>>,
    /// The name of a table with each of its files, in the order in which they were read.
    pub inputs: Vec<(String, InputReport)>,
    /// Where rejects of tables go, and how many there are.
    pub rejects: Vec<(RejectsWriter, Option<(PathBuf, u64)>)>,
    pub spilled: bool,
}

impl Tables {
    /// Takes out the tables that steps look into, and opens their services.
    ///
    /// # Errors
    /// As of [`Pass::sources`].
    pub fn sources(&mut self, pass: &Pass) -> Result<Sources> {
        pass.sources(std::mem::take(&mut self.tables), std::mem::take(&mut self.arriving))
    }

    /// As [`Tables::sources`], with services that are open already.
    pub fn sources_with(&mut self, services: Option<Services>) -> Sources {
        let (tables, arriving) = (std::mem::take(&mut self.tables), std::mem::take(&mut self.arriving));
        Sources { tables, arriving, services }
    }
}

/// Reads all tables of the run's plan.
///
/// # Errors
/// Bad data, or a machine that fails.
pub fn read(pass: &Pass) -> Result<Tables> {
    let mut read = Tables::default();
    // Half of the memory is the tables'; what they leave is for rows and groups.
    let memory = pass.options.memory as usize / 2 / pass.plan.pipeline.tables.len().max(1);
    for (id, plan) in pass.plan.pipeline.table_ids().zip(&pass.plan.pipeline.tables) {
        let arrives = pass.plan.pipeline.steps_are_streamed() && plan.is_timed();
        let writer = plan.rejects.as_deref().map(RejectsWriter::create).transpose()?;
        let scan = Scan::new(Arc::new(plan.read.clone()))?;
        let workers = pass.watch(&scan, || rayon::broadcast(|_| rows(pass, (plan, arrives), &scan, memory)));
        // The scan reports the first fault by position, which does not depend on the threads.
        scan.check()?;
        let workers = workers.into_iter().collect::<Result<Vec<_>>>()?;
        let report = scan.finish()?;
        let mut watch = Stopwatch::of_process();
        let (mut workers, times): (Vec<AsOfRows>, Vec<RecordTimes>) = workers.into_iter().unzip();
        read.arriving.push(match arrives {
            true => Some(arriving(
                pass.plan.pipeline.log_of(id),
                plan,
                (std::mem::take(&mut workers), times),
                memory,
            )?),
            false => None,
        });
        let table = AsOfTable::build(&plan.index, workers, memory)?;
        let rows = report.inputs.iter().map(|input| input.records).sum();
        pass.progress.worked(TimedStage::Tables, SpentWork { rows, bytes: 0, lap: watch.lap() });
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

/// The changes of rows of a table: `op` is the column that says what each is.
///
/// # Errors
/// A delete that does not tell which row it ends, or a truncate, which ends all of them, unless such records are kept aside.
fn changes(plan: &TablePlan, scan: &Scan, op: ColumnId, batch: Batch) -> Result<Batch> {
    let ops = batch.columns[op].as_string_view();
    let mut keep = Vec::with_capacity(batch.rows);
    for row in 0..batch.rows {
        let op = if ops.is_valid(row) { ops.value(row) } else { "" };
        let missing_key =
            plan.index.keys.iter().find(|(key, _)| op == "d" && batch.columns[*key].is_null(row));
        let reason = match (op, missing_key) {
            ("t", _) => {
                "it is a truncate, which ends all rows of the table; that is not supported".to_string()
            }
            (_, Some((key, _))) => format!(
                "it is a delete without `{}`, the key of the row that it ends",
                plan.rows.fields[*key].name
            ),
            _ => {
                // A message has no row.
                keep.push(op != "m");
                continue;
            }
        };
        keep.push(false);
        let hint = match missing_key {
            Some(_) => "log the old row: ALTER TABLE … REPLICA IDENTITY FULL in PostgreSQL",
            None => "read the log from after it",
        };
        let hint =
            format!("{hint}; or leave such changes out: filter = \"_op <> '{op}'\" in [table.{}]", plan.name);
        let position = batch.positions[row];
        scan.refuse(BadRecord {
            position,
            column: None,
            reason,
            hint: Some(hint),
            raw: vec![],
            aside: false,
        })?;
    }
    Ok(if keep.contains(&false) { batch.filter(&BooleanArray::from(keep)) } else { batch })
}

/// The rows of a table that one worker reads.
fn rows(
    pass: &Pass,
    (plan, arrives): (&TablePlan, bool),
    scan: &Scan,
    memory: usize,
) -> Result<(AsOfRows, RecordTimes)> {
    let space = || RowSpace(pass.options.spill_folder.clone());
    let mut rows = match arrives {
        true => AsOfRows::of_arrivals(&plan.index, space()),
        false => AsOfRows::new(&plan.index, space()),
    };
    let mut times = RecordTimes::new(&plan.watermark, &plan.rows, space());
    let mut input = scan.worker()?;
    loop {
        let began = Instant::now();
        let next = input.next();
        spent(pass.progress, input.spent(), &next, Lap::on_the_wall(began));
        let Some(decoded) = next? else { break };
        if arrives {
            // Records that the filter leaves out move the watermark too.
            times.note(&decoded.batch, memory / pass.options.threads)?;
        }
        let mut batch = local(&plan.steps, decoded.batch)?;
        if let Some(op) = plan.index.op {
            batch = changes(plan, scan, op, batch)?;
        }
        if plan.read.time.rule == TimeRule::Untimed {
            // What holds at any time holds from the beginning of it.
            batch.time.fill(i64::MIN);
        }
        if batch.rows > 0 {
            rows.push(&batch)?;
        }
        // All workers fill at once, so each of them may hold its share alone.
        if rows.bytes() > memory / pass.options.threads {
            rows.spill()?;
        }
    }
    Ok((rows, times))
}

/// The table of rows that count from their arrival on.
fn arriving(
    log: u16,
    plan: &TablePlan,
    (rows, times): (Vec<AsOfRows>, Vec<RecordTimes>),
    memory: usize,
) -> Result<ArrivingTable> {
    let has_arrivals = plan.read.arrival.is_some();
    let order = LogOrder { watermark: &plan.watermark, rows: &plan.rows, has_arrivals };
    let clock = LogClock::of_table(log, &order, times)?;
    let at = |position: u64| clock.at(position);
    let at: Option<&(dyn Fn(u64) -> i64 + Sync)> = if has_arrivals { None } else { Some(&at) };
    let table = ArrivedTable::build(&plan.index, log, rows, at, memory)?;
    Ok(ArrivingTable { table, clock })
}

/// Reads the tables, and then the source for all results.
///
/// # Errors
/// Bad data, or a machine that fails.
pub fn read_with_source(pass: &Pass, need: ArrivalNeed) -> Result<PassResult> {
    let sources = read(pass)?.sources(pass)?;
    pass.read(need, &sources)
}
