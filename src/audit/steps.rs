//! The audit of streamed steps: what they give beside what they would give with every event and row in its place.
//!
//! # Contract
//! Both sides are the events after all steps, in replay order; an event is known by its position. Nothing is written.

use super::report::{ColumnDifference, StepsAudit};
use crate::batch::{ColumnView, Origin, Position, plain_strings};
use crate::deliver::events::{EventContext, SettledRows};
use crate::engine::{ArrivalNeed, Pass, PassResult, Progress, RunOptions, tables};
use crate::error::Result;
use crate::plan::Plan;
use crate::process::pool;
use crate::rows::{OrderedRows, gather_partitions};
use arrow_array::ArrayRef;
use std::cmp::Ordering;

/// Rows that are compared at once.
const CUT: usize = 1 << 14;

/// Compares the events after the steps of `streamed` with those after the same steps in `complete` mode.
///
/// # Errors
/// Bad data, or a machine that fails.
pub fn audit_steps(
    streamed: Plan,
    complete: Plan,
    options: &RunOptions,
    progress: &dyn Progress,
) -> Result<StepsAudit> {
    let (streamed, complete) = (streamed.of_events(), complete.with_complete_steps().of_events());
    let rows_have = &streamed.pipeline.rows.fields;
    // Columns of the files are the same on both sides, and arguments of aggregates are not the user's.
    let wanted: Vec<usize> = (streamed.pipeline.read.columns.len()..rows_have.len())
        .filter(|&column| rows_have[column].origin == Origin::Job)
        .collect();
    let fields = wanted.iter().map(|&column| &rows_have[column]);
    let differ = |name: &str| ColumnDifference { column: name.to_string(), events: 0 };
    let mut audit = StepsAudit {
        events: 0,
        only_streamed: 0,
        only_complete: 0,
        otherwise: 0,
        columns: fields.map(|field| differ(&field.name)).collect(),
    };
    pool(options.threads)?.install(|| {
        let read =
            |plan: &Plan| tables::read_with_source(&Pass { plan, options, progress }, ArrivalNeed::Nothing);
        let (mut live, mut all) = (read(&streamed)?, read(&complete)?);
        let (live_rows, all_rows) = (rows(&streamed, &mut live)?, rows(&complete, &mut all)?);
        let mut live = StepsSide::new(&streamed, &live, live_rows.as_ref(), &wanted);
        let mut all = StepsSide::new(&complete, &all, all_rows.as_ref(), &wanted);
        loop {
            match (live.head(), all.head()) {
                (None, None) => break,
                (Some(one), Some(other)) if one == other => {
                    audit.compare(&live.columns, live.row, &all.columns, all.row)?;
                    live.next();
                    all.next();
                }
                (Some(one), other) if other.is_none_or(|other| one < other) => {
                    audit.only_streamed += 1;
                    live.next();
                }
                _ => {
                    audit.only_complete += 1;
                    all.next();
                }
            }
        }
        Ok(audit)
    })
}

/// The rows of the one output of events; none where there are none.
fn rows(plan: &Plan, read: &mut PassResult) -> Result<Option<OrderedRows>> {
    let stores = read.rows.pop().unwrap_or_default();
    let context = EventContext::Resolution(read.resolution.as_ref());
    let settled = SettledRows::new(&plan.deliveries.outputs[0], context);
    // Without partitions of the output all rows lie in one.
    gather_partitions(stores).first().map(|partition| settled.order(partition)).transpose()
}

impl StepsAudit {
    fn compare(&mut self, live: &[ArrayRef], row: usize, all: &[ArrayRef], other: usize) -> Result<()> {
        self.events += 1;
        let mut differs = false;
        for ((column, live), all) in self.columns.iter_mut().zip(live).zip(all) {
            // NULL is equal to NULL here, as nothing was found on both sides.
            if ColumnView::of(live)?.compare(row, &ColumnView::of(all)?, other) != Ordering::Equal {
                column.events += 1;
                differs = true;
            }
        }
        self.otherwise += u64::from(differs);
        Ok(())
    }
}

/// The events of one side, some at a time.
struct StepsSide<'a> {
    settled: SettledRows<'a>,
    ordered: Option<&'a OrderedRows>,
    /// The columns that are compared.
    wanted: &'a [usize],
    from: usize,
    keys: Vec<(i64, Position)>,
    columns: Vec<ArrayRef>,
    row: usize,
}

impl<'a> StepsSide<'a> {
    fn new(
        plan: &Plan,
        read: &'a PassResult,
        ordered: Option<&'a OrderedRows>,
        wanted: &'a [usize],
    ) -> StepsSide<'a> {
        let context = EventContext::Resolution(read.resolution.as_ref());
        let settled = SettledRows::new(&plan.deliveries.outputs[0], context);
        let mut side = StepsSide { settled, ordered, wanted, from: 0, keys: vec![], columns: vec![], row: 0 };
        side.fill();
        side
    }

    /// The time and the position of the next event.
    fn head(&self) -> Option<(i64, Position)> {
        self.keys.get(self.row).copied()
    }

    fn next(&mut self) {
        self.row += 1;
        if self.row == self.keys.len() {
            self.from += self.keys.len();
            self.fill();
        }
    }

    fn fill(&mut self) {
        let Some(ordered) = self.ordered else { return };
        let to = ordered.len().min(self.from + CUT);
        let keys = ordered.times(self.from, to).into_iter().zip(ordered.positions(self.from, to));
        self.keys = keys.collect();
        let columns = self.settled.columns(ordered, self.from, to);
        self.columns = self.wanted.iter().map(|&column| plain_strings(&columns[column])).collect();
        self.row = 0;
    }
}
