//! The state of planning: what each part of it adds to the plan.
//!
//! # Contract
//! The parts (steps, outputs, watermark, places, …) are methods of [`Planner`] in files of their own. They import this
//! file, and it imports none of them; [`plan_job`](super::plan_job) says in which order they run.

use super::log::CheckedLog;
use super::rows::RowSource;
use super::table::{Ask, JobTable};
use crate::batch::ColumnId;
use crate::error::Error;
use crate::input::wire_format::LogColumn;
use crate::job::spec::{JobSpec, StepSpec};
use crate::lookup::ServicePlan;
use crate::plan::{Grouping, LatePlan, Mode, OffsetColumns, OutputPlan, Publication, Step, WatermarkPlan};
use crate::time::Zone;

/// The state of planning: the schema grows with each step.
pub(super) struct Planner<'a> {
    pub(super) spec: &'a JobSpec,
    pub(super) zone: Zone,
    /// The source, and its rows with what steps add to them.
    pub(super) log: CheckedLog,
    pub(super) rows: RowSource<'a>,
    pub(super) tables: Vec<JobTable<'a>>,
    /// What steps ask of tables.
    pub(super) asks: Vec<Ask>,
    pub(super) services: Vec<ServicePlan>,
    pub(super) groupings: Vec<Grouping>,
    pub(super) outputs: Vec<OutputPlan>,
    pub(super) publications: Vec<Publication>,
    pub(super) positions: bool,
    /// The mode of outputs that give none.
    pub(super) mode: Mode,
    /// The mode of all outputs, if the command line gives one.
    pub(super) mode_override: Option<Mode>,
    /// What steps see: what had arrived, or everything.
    pub(super) step_mode: Mode,
    pub(super) watermark: WatermarkPlan,
    pub(super) late: Option<LatePlan>,
    /// Numbers of the schema.
    pub(super) offsets: Option<OffsetColumns>,
    pub(super) log_steps: usize,
}

impl<'a> Planner<'a> {
    pub(super) fn new(
        spec: &'a JobSpec,
        zone: &Zone,
        log: CheckedLog,
        tables: Vec<JobTable<'a>>,
    ) -> Planner<'a> {
        Planner {
            spec,
            zone: zone.clone(),
            // `rows` looks at `log`, which moves in the next line.
            rows: RowSource::new(&spec.document, zone, &log),
            log,
            tables,
            asks: vec![],
            services: vec![],
            groupings: vec![],
            outputs: vec![],
            publications: vec![],
            positions: false,
            mode: Mode::default(),
            mode_override: None,
            step_mode: Mode::default(),
            watermark: WatermarkPlan::default(),
            late: None,
            offsets: None,
            log_steps: 0,
        }
    }

    pub(super) fn fault(&self, error: Error, span: &std::ops::Range<usize>) {
        self.spec.document.fault(error, span);
    }

    pub(super) fn steps(&mut self) {
        let spec = self.spec;
        // Before all steps of the job: a record that was read twice must not pass through any of them.
        self.offsets();
        // A record that another one replaces is not seen by the steps.
        self.change_log();
        self.log_steps = self.rows.steps.len();
        for step in &spec.steps {
            match step {
                StepSpec::Filter(sql) => self.rows.filter(sql),
                StepSpec::Derive(columns) => self.rows.derive_all(columns),
                StepSpec::Dedup { keys, within } => self.dedup(keys, within.as_ref()),
                StepSpec::First { keys, within, name } => self.first(keys, within.as_ref(), name),
                StepSpec::Enrich(enrich) => self.enrich(enrich),
                StepSpec::Lookup { lookup, otherwise } => self.lookup(lookup, otherwise),
                // The step may have made columns of any name.
                StepSpec::Unreadable => self.rows.open = true,
            }
        }
    }

    /// Drops what was read already, where the log tells the offsets of its records.
    fn offsets(&mut self) {
        let of = |column| self.log.own(column);
        let (Some(partition), Some(offset)) = (of(LogColumn::Partition), of(LogColumn::Offset)) else {
            return;
        };
        let topic = of(LogColumn::Topic);
        let keys: Vec<ColumnId> = topic.into_iter().chain([partition, offset]).collect();
        // The job may not name these columns, and the step needs them all the same.
        self.rows.read(keys.iter().copied());
        // `dedup` keeps the first in replay order, which is by event time and then by position.
        self.positions = true;
        self.rows.steps.push(Step::Dedup { keys, within: None });
        self.offsets = Some(OffsetColumns { topic, partition, offset });
    }

    /// Whether a file of the source is Parquet or Avro, which have types of their own.
    pub(super) fn typed_files(&self) -> bool {
        self.log.files.iter().any(|file| !file.format.is_text())
    }
}
