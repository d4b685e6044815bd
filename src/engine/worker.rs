//! One worker: takes chunks, runs the steps, folds.

use super::{Read, RunOptions};
use crate::batch::{Batch, DataType};
use crate::error::{Error, Result};
use crate::group::{GroupPlan, GroupTable, SpillSpace};
use crate::input::{Scan, ScanReport};
use crate::job::{OutputKind, Plan, Step};
use crate::rows::{PartitionPart, Partitioner, RowSpace, RowStore};
use crate::sink::{Account, Watermarks};
use arrow_array::BooleanArray;
use arrow_array::cast::AsArray;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Counts of one worker, or of all.
#[derive(Debug, Clone, Copy)]
pub struct Tally {
    read: u64,
    rejected: u64,
    filtered: u64,
    counted: u64,
    min: i64,
    max: i64,
}

impl Tally {
    fn new() -> Tally {
        Tally { read: 0, rejected: 0, filtered: 0, counted: 0, min: i64::MAX, max: i64::MIN }
    }

    fn add(&mut self, other: &Tally) {
        self.read += other.read;
        self.rejected += other.rejected;
        self.filtered += other.filtered;
        self.counted += other.counted;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    pub fn account(&self) -> Account {
        Account {
            read: self.read,
            rejected: self.rejected,
            filtered: self.filtered,
            counted: self.counted,
            ..Account::default()
        }
    }

    pub fn watermarks(&self) -> Option<Watermarks> {
        (self.counted > 0).then_some(Watermarks { min_event_time: self.min, max_event_time: self.max })
    }
}

/// What all workers share.
pub struct Shared<'a> {
    plan: &'a Plan,
    options: &'a RunOptions,
    groups: Vec<(Arc<GroupPlan>, SpillSpace)>,
    spilled: AtomicBool,
    /// Set when a worker failed, so that the others stop.
    failed: AtomicBool,
}

/// What one worker has at its end.
pub struct Worker {
    tally: Tally,
    tables: Vec<GroupTable>,
    stores: Vec<RowStore>,
}

impl<'a> Shared<'a> {
    pub fn new(plan: &'a Plan, options: &'a RunOptions) -> Shared<'a> {
        let space = || SpillSpace::new(options.spill_folder.clone(), options.memory);
        let groups = plan.groupings.iter().map(|g| (Arc::new(g.plan.clone()), space())).collect();
        Shared { plan, options, groups, spilled: AtomicBool::new(false), failed: AtomicBool::new(false) }
    }

    /// Works until the scan has nothing more.
    pub fn work(&self, scan: &Scan) -> Result<Worker> {
        let result = self.try_work(scan);
        if result.is_err() {
            self.failed.store(true, Ordering::Release);
        }
        result
    }

    fn try_work(&self, scan: &Scan) -> Result<Worker> {
        let mut input = scan.worker()?;
        let mut worker = Worker {
            tally: Tally::new(),
            tables: self.groups.iter().map(|(plan, _)| GroupTable::new(plan.clone())).collect(),
            stores: self.stores(),
        };
        while !self.failed.load(Ordering::Acquire) {
            let Some(decoded) = input.next()? else { break };
            let tally = &mut worker.tally;
            tally.read += decoded.read;
            tally.rejected += decoded.rejected;
            let rows = decoded.batch.rows;
            let batch = self.steps(decoded.batch)?;
            tally.filtered += (rows - batch.rows) as u64;
            tally.counted += batch.rows as u64;
            for &time in &batch.time {
                tally.min = tally.min.min(time);
                tally.max = tally.max.max(time);
            }
            worker.tables.iter_mut().try_for_each(|table| table.update(&batch))?;
            worker.stores.iter_mut().try_for_each(|store| store.push(&batch))?;
            self.keep_budget(&mut worker)?;
        }
        Ok(worker)
    }

    fn stores(&self) -> Vec<RowStore> {
        let mut stores = vec![];
        for output in &self.plan.outputs {
            let OutputKind::Rows(columns) = &output.kind else { continue };
            let mut names: Vec<(String, DataType)> = vec![];
            let mut partition_columns = vec![];
            for part in &output.partition_by {
                if let PartitionPart::Column(c) = part {
                    let field = &output.columns.fields[*c];
                    names.push((field.name.clone(), field.ty));
                    partition_columns.push(columns[*c]);
                }
            }
            let written = output.written();
            let types = written.iter().map(|&c| output.columns.fields[c].ty).collect();
            stores.push(RowStore::new(
                written.iter().map(|&c| columns[c]).collect(),
                types,
                Partitioner::new(&output.partition_by, &names, &self.plan.zone),
                partition_columns,
                RowSpace(self.options.spill_folder.clone()),
            ));
        }
        stores
    }

    /// The time range and the steps, in order.
    fn steps(&self, mut batch: Batch) -> Result<Batch> {
        let (from, to) = (self.plan.read.from, self.plan.read.to);
        if (from, to) != (i64::MIN, i64::MAX) && batch.time.iter().any(|t| !(from..to).contains(t)) {
            let keep: BooleanArray = batch.time.iter().map(|t| Some((from..to).contains(t))).collect();
            batch = batch.filter(&keep);
        }
        for step in &self.plan.steps {
            if batch.rows == 0 {
                break;
            }
            let expr = match step {
                Step::Filter(expr) | Step::Derive(_, expr) => expr,
            };
            let column = |name: &str| {
                let index = self.plan.rows.index_of(name).expect("the plan checked the names");
                &batch.columns[index]
            };
            let value = expr.evaluate(batch.rows, column)?;
            match step {
                Step::Filter(_) => batch = batch.filter(value.as_boolean()),
                Step::Derive(..) => batch.columns.push(value),
            }
        }
        // Steps that an empty batch skipped would have added columns.
        if batch.rows == 0 {
            batch.columns =
                self.plan.rows.fields.iter().map(|f| arrow_array::new_empty_array(&f.ty.arrow())).collect();
        }
        Ok(batch)
    }

    /// Spills what is largest when this worker's share of the budget is used up.
    fn keep_budget(&self, worker: &mut Worker) -> Result<()> {
        let share = (self.options.memory / self.options.threads as u64) as usize;
        let groups: usize = worker.tables.iter_mut().map(GroupTable::bytes).sum();
        let rows: usize = worker.stores.iter().map(RowStore::bytes).sum();
        if groups + rows <= share {
            return Ok(());
        }
        self.spilled.store(true, Ordering::Relaxed);
        if rows > share / 2 {
            worker.stores.iter_mut().try_for_each(RowStore::spill)?;
        }
        if groups > share / 2 {
            for (table, (_, space)) in worker.tables.iter_mut().zip(&self.groups) {
                space.spill(table)?;
            }
        }
        Ok(())
    }

    /// Brings together what the workers have.
    pub fn collect(self, report: ScanReport, workers: Vec<Worker>) -> Result<Read> {
        let mut tally = Tally::new();
        let mut groups: Vec<(Vec<GroupTable>, SpillSpace)> =
            self.groups.into_iter().map(|(_, space)| (vec![], space)).collect();
        let outputs = workers.first().map_or(0, |w| w.stores.len());
        let mut rows: Vec<Vec<RowStore>> = (0..outputs).map(|_| vec![]).collect();
        for worker in workers {
            tally.add(&worker.tally);
            worker.tables.into_iter().zip(&mut groups).for_each(|(table, g)| g.0.push(table));
            worker.stores.into_iter().zip(&mut rows).for_each(|(store, r)| r.push(store));
        }
        if tally.read != report.inputs.iter().map(|i| i.records).sum::<u64>() {
            return Err(Error::machine("the workers and the scan counted different numbers of records")
                .hint("this is a bug in highwater; please report it"));
        }
        Ok(Read { report, tally, groups, rows, spilled: self.spilled.into_inner() })
    }
}
