//! A plan that is run another way than the job says: fewer outputs, elsewhere, up to an instant, without a step.
//!
//! # Contract
//! * A variant is a plan like any other: what names another part of it by number names the same part as before.
//! * What a command does not want of the job's own run, such as commits in place, it takes away here and nowhere else.

use super::{
    Grouping, GroupingId, LatePlan, Mode, OutputId, OutputKind, OutputPlan, OutputTo, Plan, Step, StepId,
    TableId, Try, WatermarkPlan,
};
use crate::batch::{ColumnId, Schema};
use crate::error::Result;
use crate::expr::Expr;
use crate::group::{GroupPlan, Lateness, SessionRule};
use crate::lookup::OnFailure;
use crate::rows::PartitionPart;
use crate::sink::{NamedPaths, OutputFormat};
use crate::time::{DAY, Duration, HOUR, TimeRange};
use crate::window::{Offset, Window};
use std::path::{Path, PathBuf};

impl Plan {
    /// Of its outputs those of the numbers `wanted`, in the plan's order, and the groupings that they show.
    #[must_use]
    pub fn only(mut self, wanted: &[OutputId]) -> Plan {
        let mut number = 0..;
        self.deliveries.outputs.retain(|_| number.next().is_some_and(|n| wanted.contains(&OutputId::new(n))));
        self.pipeline.groupings =
            shown(std::mem::take(&mut self.pipeline.groupings), &mut self.deliveries.outputs);
        self.deliveries.publications.clear();
        self.deliveries.pages.clear();
        let has = |mode| self.deliveries.outputs.iter().any(|output| output.mode == Some(mode));
        if has(Mode::Complete) && !has(Mode::Streamed) { self.with_complete_steps() } else { self }
    }

    /// With steps that see the events of the output `id`; all outputs stay.
    #[must_use]
    pub fn with_steps_of(self, id: OutputId) -> Plan {
        match self.deliveries.outputs[id].mode {
            Some(Mode::Complete) => self.with_complete_steps(),
            _ => self,
        }
    }

    /// Where outputs of both modes need steps of both: the plan for those that are `complete`. All outputs stay, and
    /// what is written beside them is left to the other pass.
    pub fn for_complete_outputs(&self) -> Option<Plan> {
        self.needs_both_modes().then(|| {
            let mut plan = self.clone().with_complete_steps().without_late_output();
            plan.pipeline.tables.iter_mut().for_each(|table| table.rejects = None);
            plan.deliveries.rejects = None;
            plan
        })
    }

    /// With each output as a folder of one Parquet file, `folder`/*number*, that has all of its columns; late events as
    /// `folder`/late.parquet. Nothing else is written, and what lies beside the job's own outputs is left alone.
    #[must_use]
    pub fn in_folder(mut self, folder: &Path) -> Plan {
        for (n, output) in self.deliveries.outputs.iter_mut().enumerate() {
            output.to = OutputTo::Folder(folder.join(n.to_string()));
            // Parquet keeps every value as it is, and without partitions the files have all columns.
            output.format = OutputFormat::Parquet;
            output.partition_by.clear();
            output.state = false;
        }
        if let Some(late) = &mut self.deliveries.late {
            (late.path, late.format) = (folder.join("late.parquet"), OutputFormat::Parquet);
            late.table = None;
        }
        // States serve backfills, and these folders are only read.
        self.pipeline.groupings.iter_mut().for_each(|grouping| grouping.plan.keep_states = false);
        self.pipeline.tables.iter_mut().for_each(|table| table.rejects = None);
        self.deliveries.publications.clear();
        self.deliveries.pages.clear();
        // Without named places a commit cannot touch what belongs to the job.
        (self.deliveries.rejects, self.deliveries.named) = (None, NamedPaths::default());
        self
    }

    /// With the output `id` as its only output, as one sequence of rows: without folders, so that it has all of its
    /// columns. Nothing else is written, and what lies beside the job's own outputs is left alone.
    #[must_use]
    pub fn as_stream(self, id: OutputId) -> Plan {
        let mut plan = self.only(&[id]);
        for output in &mut plan.deliveries.outputs {
            output.state = false;
            let parts = std::mem::take(&mut output.partition_by);
            // Groups come in order from the merge. Events are sorted partition by partition in memory, so a job that
            // cuts them into folders keeps them cut, in stretches that follow one another as time does.
            if output.grouping().is_none() && !parts.is_empty() {
                let length = if parts.contains(&PartitionPart::Hour) { HOUR } else { DAY };
                output.partition_by = vec![PartitionPart::Stretch(length)];
            }
        }
        plan.pipeline.groupings.iter_mut().for_each(|grouping| grouping.plan.keep_states = false);
        plan.pipeline.tables.iter_mut().for_each(|table| table.rejects = None);
        (plan.deliveries.rejects, plan.deliveries.named) = (None, NamedPaths::default());
        plan.without_late_output()
    }

    /// With the files of these paths alone as its source.
    #[must_use]
    pub fn reading_only(mut self, paths: &[PathBuf]) -> Plan {
        let files = &mut self.pipeline.read.files;
        files.retain(|file| paths.contains(&file.path));
        (0..).zip(files).for_each(|(ordinal, file)| file.ordinal = ordinal);
        self
    }

    /// For an engine in another process: its statements name files by absolute paths.
    #[must_use]
    pub fn with_absolute_paths(mut self) -> Plan {
        self.pipeline.absolute_paths = true;
        self
    }

    /// Without the output of late events.
    #[must_use]
    pub fn without_late_output(mut self) -> Plan {
        self.deliveries.late = None;
        self
    }

    /// With every event counted, however late it came.
    #[must_use]
    pub fn counting_all(mut self) -> Plan {
        self.pipeline.watermark = WatermarkPlan::default();
        self.without_late_output()
    }

    /// With steps that see every event and row, in replay order.
    #[must_use]
    pub fn with_complete_steps(mut self) -> Plan {
        self.pipeline.step_mode = Mode::Complete;
        for step in &mut self.pipeline.steps {
            if let Step::Enrich(enrich) = step
                && let Some(late) = enrich.late.take()
            {
                // No event is behind a watermark that steps do not see.
                enrich.tries.remove(late);
            }
        }
        self
    }

    /// With event times in `range`.
    #[must_use]
    pub fn within(mut self, range: TimeRange) -> Plan {
        self.pipeline.range = range;
        (self.pipeline.read.from, self.pipeline.read.to) = (range.start, range.end);
        self
    }

    /// Without these steps, which append no column.
    #[must_use]
    pub fn without_steps(mut self, without: &[StepId]) -> Plan {
        let mut number = 0..;
        self.pipeline.steps.retain(|_| number.next().is_some_and(|n| !without.contains(&StepId::new(n))));
        self
    }

    /// With the events that come to `step`, of which nothing is kept but where each stands in the order in which the step
    /// sees events.
    #[must_use]
    pub fn coming_to(mut self, step: StepId) -> Plan {
        self.pipeline.rows.fields.truncate(self.pipeline.width(step));
        self.pipeline.steps.truncate(step.place());
        self.pipeline.keep_places = true;
        let mut plan = self.of_events();
        for output in &mut plan.deliveries.outputs {
            (output.kind, output.columns) = (OutputKind::Rows(vec![]), Schema::new(vec![]));
        }
        plan
    }

    /// With one more filter, after all steps.
    ///
    /// # Errors
    /// The condition is not one over the columns of the plan.
    pub fn filtered(mut self, condition: &str) -> Result<Plan> {
        self.pipeline.steps.push(Step::Filter(Expr::compile(condition, &self.pipeline.rows, &self.zone)?));
        Ok(self)
    }

    /// With the events themselves, all of their columns, as its one output, which has a place nowhere.
    #[must_use]
    pub fn of_events(mut self) -> Plan {
        self.deliveries.outputs = vec![OutputPlan {
            to: OutputTo::Terminal,
            format: OutputFormat::Parquet,
            kind: OutputKind::Rows(ColumnId::first(self.pipeline.rows.fields.len()).collect()),
            columns: self.pipeline.rows.clone(),
            partition_by: vec![],
            state: false,
            closed: false,
            mode: Some(self.pipeline.step_mode),
        }];
        // The events are asked for, so groups would be folded for nothing.
        self.pipeline.groupings.clear();
        // Callers show the file and the line of an event, which are found by its position.
        self.pipeline.read.positions = true;
        (self.deliveries.late, self.deliveries.rejects) = (None, None);
        self
    }

    /// The output `id`, and the plan with nothing but its grouping.
    #[must_use]
    pub fn grouping_alone(mut self, id: OutputId) -> (Plan, OutputPlan) {
        let output = self.deliveries.outputs.remove(id.place());
        self.deliveries.outputs.clear();
        self.pipeline.groupings = match output.grouping() {
            Some(grouping) => vec![self.pipeline.groupings.remove(grouping.place())],
            None => vec![],
        };
        self.deliveries.rejects = None;
        (self, output)
    }

    /// With late events kept, to be looked at and not written.
    #[must_use]
    pub fn keeping_late(mut self) -> Plan {
        self.pipeline.read.positions = true;
        self.deliveries.late = Some(LatePlan {
            path: PathBuf::new(),
            table: None,
            format: OutputFormat::JsonLines,
            columns: vec![],
        });
        self
    }

    /// With every event late in its groupings, so that of each is kept how far the watermark had come: all that came
    /// after an event has passed its threshold.
    #[must_use]
    pub fn all_late(mut self) -> Plan {
        for Grouping { plan, .. } in &mut self.pipeline.groupings {
            // A session is judged by a replay, and any other window at once.
            plan.window = Window::Tumbling { size: Duration::Length(DAY), offset: Offset::default() };
            // A quarter of the range leaves room for event times and delays, so a sum cannot overflow.
            plan.lateness =
                Some(Lateness { allowed: i64::MIN / 4, delays: vec![0], sessions: SessionRule::default() });
            (plan.firings, plan.keep_states) = (false, false);
        }
        self
    }

    /// With another window of the output `id`, if it has one.
    #[must_use]
    pub fn with_window(mut self, id: OutputId, window: Window) -> Plan {
        if let Some(grouping) = self.deliveries.outputs[id].grouping() {
            self.pipeline.groupings[grouping].plan.window = window;
        }
        self
    }

    /// Of an audit: its groupings with windows that end, of each all `delays`, and the outputs that show them, which are
    /// not written.
    #[must_use]
    pub fn audited(self, delays: &[i64]) -> (Plan, Vec<OutputPlan>) {
        let (mut plan, outputs) = self.windows_that_end();
        for Grouping { plan, .. } in &mut plan.pipeline.groupings {
            plan.audited = true;
            plan.lateness.iter_mut().for_each(|lateness| lateness.delays = delays.to_vec());
        }
        (plan, outputs)
    }

    /// Its groupings with windows that end, the last state of each window, and the outputs that show them, which are not
    /// written.
    #[must_use]
    pub fn windows_that_end(mut self) -> (Plan, Vec<OutputPlan>) {
        let mut outputs = std::mem::take(&mut self.deliveries.outputs);
        outputs.retain(|o| o.grouping().is_some_and(|g| self.pipeline.groupings[g].plan.lateness.is_some()));
        self.pipeline.groupings = shown(std::mem::take(&mut self.pipeline.groupings), &mut outputs);
        for Grouping { plan, .. } in &mut self.pipeline.groupings {
            // An audit compares rows before `top`, so a block need not hold whole windows.
            (plan.firings, plan.whole_windows, plan.keep_states) = (false, false, false);
        }
        (self.without_late_output(), outputs)
    }

    /// With another delay of the watermark.
    #[must_use]
    pub fn with_delay(mut self, delay: i64) -> Plan {
        self.pipeline.watermark.out_of_orderness = delay;
        for Grouping { plan, .. } in &mut self.pipeline.groupings {
            plan.lateness.iter_mut().for_each(|lateness| lateness.delays = vec![delay]);
        }
        self
    }

    /// With no event late in its groupings.
    #[must_use]
    pub fn without_lateness(mut self) -> Plan {
        self.pipeline.groupings.iter_mut().for_each(|grouping| grouping.plan.lateness = None);
        self
    }

    /// Of events up to `at`, microseconds, of which the state is kept and nothing is written; `holds` says of which tables
    /// rows are held. Where steps are streamed, of what arrived up to then.
    #[must_use]
    pub fn of_state(mut self, at: i64, holds: impl Fn(&Plan, TableId) -> bool) -> Plan {
        let mut plan = if self.pipeline.steps_are_streamed() {
            self.pipeline.until = Some(at);
            // A live job holds a window once, whatever it has published of it.
            self.pipeline.groupings.iter_mut().for_each(|grouping| grouping.plan.firings = false);
            self
        } else {
            self.within(TimeRange::new(i64::MIN, at.saturating_add(1)))
        };
        plan = plan.without_late_output();
        // Only streamed steps have a state that a live job holds, where both modes are there.
        let mode = plan.pipeline.steps_are_streamed().then_some(Mode::Streamed);
        plan.deliveries
            .outputs
            .retain(|output| output.grouping().is_some() && (mode.is_none() || output.mode == mode));
        plan.pipeline.groupings =
            shown(std::mem::take(&mut plan.pipeline.groupings), &mut plan.deliveries.outputs);
        for output in &mut plan.deliveries.outputs {
            if let OutputKind::Groups { post, .. } = &mut output.kind {
                // A live job holds a window before `having` and `top` look at it.
                (post.having, post.top) = (None, None);
            }
        }
        for Grouping { plan: GroupPlan { whole_windows, keep_states, .. }, .. } in
            &mut plan.pipeline.groupings
        {
            (*whole_windows, *keep_states) = (false, false);
        }
        plan.deliveries.rejects = None;
        for table in plan.pipeline.table_ids() {
            plan.pipeline.tables[table].rejects = None;
            plan.pipeline.tables[table].index.keep_keys = holds(&plan, table);
        }
        plan.without_needless_services()
    }

    /// Without the services of which nothing later depends.
    fn without_needless_services(mut self) -> Plan {
        let mut uses_service = false;
        for step in self.pipeline.step_ids() {
            let own = self.pipeline.width(step)..self.pipeline.width(step.next());
            let later = &self.pipeline.steps[step.place() + 1..];
            let read = later
                .iter()
                .any(|later| self.pipeline.reads(later).iter().any(|column| own.contains(&column.place())))
                || self.pipeline.groupings.iter().any(|grouping| {
                    let arguments = grouping.plan.aggregates.iter().flat_map(|(_, columns)| columns);
                    let keys = grouping.plan.keys.iter().map(|(column, _)| column);
                    keys.chain(arguments).any(|column| own.contains(&column.place()))
                });
            // What is rejected goes no further.
            let counts =
                !self.pipeline.groupings.is_empty() || later.iter().any(|later| later.keys().is_some());
            let services = &self.pipeline.services;
            if let Step::Enrich(enrich) = &mut self.pipeline.steps[step] {
                let is_needed =
                    |service: usize| read || counts && services[service].on_failure == OnFailure::Reject;
                enrich.tries.retain(|t| !matches!(t, Try::Service(service) if !is_needed(*service)));
                uses_service |= enrich.tries.iter().any(|t| matches!(t, Try::Service(_)));
            }
        }
        if !uses_service {
            self.pipeline.services.clear();
            // Where nothing is asked, the recorded answers stay as they are.
            self.pipeline.answers = None;
        }
        self
    }
}

/// The groupings that `outputs` show, which name them by their new numbers then.
fn shown(groupings: Vec<Grouping>, outputs: &mut [OutputPlan]) -> Vec<Grouping> {
    let all = (0..groupings.len()).map(GroupingId::new);
    let kept: Vec<GroupingId> =
        all.filter(|&g| outputs.iter().any(|output| output.grouping() == Some(g))).collect();
    for output in outputs {
        if let OutputKind::Groups { grouping, .. } = &mut output.kind {
            let place = kept.iter().position(|g| g == grouping).expect("a grouping that is kept");
            *grouping = GroupingId::new(place);
        }
    }
    groupings
        .into_iter()
        .enumerate()
        .filter(|(g, _)| kept.contains(&GroupingId::new(*g)))
        .map(|(_, grouping)| grouping)
        .collect()
}
