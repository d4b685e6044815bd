//! Stages: steps that run on a batch where it is, cut where rows have to wait for all the others.
//!
//! # Contract
//! Whether a row comes again or is the first of its key is known when the keys of all rows are. Workers
//! note the keys as rows pass, and rows go on; they wait only before what has to know: a step that reads
//! a flag of `first`, a service that must not be asked for duplicates, a window. What is left open at the
//! end of the last stage is resolved when its rows are written.

use crate::batch::ColumnId;
use crate::plan::{OutputKind, Plan, Step, StepId, Try};
use std::collections::BTreeSet;
use std::ops::Range;

/// Some steps of a plan in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// The steps.
    pub steps: Range<StepId>,
    /// Those of them that depend on order.
    pub ordered: Vec<StepId>,
    /// The columns of the batch that rows keep while they wait at the end of the stage.
    pub live: Vec<ColumnId>,
}

/// The stages of the steps of `plan` from `first` on; the last has no rows waiting.
pub fn stages(plan: &Plan, first: StepId) -> Vec<Stage> {
    let mut stages = vec![];
    let (mut from, mut open) = (first, UnresolvedRows::default());
    let end = StepId::new(plan.pipeline.steps.len());
    for i in StepId::each(&(first..end)) {
        let step = &plan.pipeline.steps[i];
        let waits = open.flags.iter().any(|&flag| plan.pipeline.reads(step).contains(&flag))
            || open.dedup && asks(step);
        if waits {
            stages.push(stage(plan, from..i));
            (from, open) = (i, UnresolvedRows::default());
        }
        match step {
            Step::Dedup { .. } | Step::Latest { .. } => open.dedup = true,
            Step::First { .. } => drop(open.flags.insert(flag(plan, i))),
            _ => {}
        }
    }
    let by_flag = plan.deliveries.outputs.iter().any(|output| match &output.kind {
        OutputKind::Rows(columns) => {
            output.partition_columns().any(|column| open.flags.contains(&columns[column]))
        }
        OutputKind::Groups { .. } | OutputKind::Archive(_) => false,
    });
    // Groups fold rows for good, and a partition is chosen once: what is open must be settled before.
    if open.any() && (!plan.pipeline.groupings.is_empty() || by_flag) {
        stages.push(stage(plan, from..end));
        from = end;
    }
    stages.push(Stage { live: vec![], ..stage(plan, from..end) });
    stages
}

/// What is not known yet of the rows of a stage.
#[derive(Default)]
struct UnresolvedRows {
    dedup: bool,
    flags: BTreeSet<ColumnId>,
}

impl UnresolvedRows {
    fn any(&self) -> bool {
        self.dedup || !self.flags.is_empty()
    }
}

fn stage(plan: &Plan, steps: Range<StepId>) -> Stage {
    let is_ordered = |i: &StepId| plan.pipeline.steps[*i].keys().is_some();
    let ordered: Vec<StepId> = StepId::each(&steps).filter(is_ordered).collect();
    let mut live: BTreeSet<ColumnId> =
        plan.pipeline.steps[steps.end.place()..].iter().flat_map(|s| plan.pipeline.reads(s)).collect();
    for grouping in &plan.pipeline.groupings {
        live.extend(grouping.plan.keys.iter().map(|(column, _)| *column));
        live.extend(grouping.plan.aggregates.iter().flat_map(|(_, args)| args.iter().copied()));
    }
    for output in &plan.deliveries.outputs {
        if let OutputKind::Rows(columns) = &output.kind {
            live.extend(columns);
        }
    }
    live.extend(plan.deliveries.late.iter().flat_map(|late| late.columns.iter().map(|(column, _)| *column)));
    let flags: Vec<ColumnId> = flags(plan, &steps).collect();
    // Flags are filled in from the resolution when the rows go on.
    live.retain(|column| column.place() < plan.pipeline.width(steps.end) && !flags.contains(column));
    Stage { steps, ordered, live: live.into_iter().collect() }
}

/// The columns of the flags that steps of `steps` append, in order.
pub fn flags(plan: &Plan, steps: &Range<StepId>) -> impl Iterator<Item = ColumnId> {
    let firsts = StepId::each(steps).filter(|&i| matches!(plan.pipeline.steps[i], Step::First { .. }));
    firsts.map(|i| flag(plan, i))
}

/// The column that the step `first` appends.
fn flag(plan: &Plan, first: StepId) -> ColumnId {
    ColumnId::new(plan.pipeline.width(first))
}

/// Whether a step asks a service.
fn asks(step: &Step) -> bool {
    let service = |t: &Try| matches!(t, Try::Service(_));
    matches!(step, Step::Enrich(enrich) if enrich.tries.iter().any(service))
}
