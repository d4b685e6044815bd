//! A plan that is run another way than the job says: fewer outputs, elsewhere, up to an instant, without a step.
//!
//! # Contract
//! * A variant is a plan like any other: what names another part of it by number names the same part as before.
//! * What a command does not want of the job's own run, such as commits in place, it takes away here and nowhere else.

use super::{Grouping, LatePlan, OutputKind, OutputPlan, OutputTo, Plan, Step, Try, WatermarkPlan};
use crate::error::Result;
use crate::expr::Expr;
use crate::group::{GroupPlan, Lateness};
use crate::lookup::OnFailure;
use crate::sink::{Format, Named};
use crate::time::{DAY, Duration};
use crate::window::{Offset, Window};
use std::path::{Path, PathBuf};

impl Plan {
    /// Of its outputs those of the numbers `wanted`, in the plan's order, and the groupings that they show.
    #[must_use]
    pub fn only(mut self, wanted: &[usize]) -> Plan {
        let mut number = 0..;
        self.outputs.retain(|_| number.next().is_some_and(|n| wanted.contains(&n)));
        self.groupings = shown(std::mem::take(&mut self.groupings), &mut self.outputs);
        self.publications.clear();
        self.pages.clear();
        self
    }

    /// With each output as a folder of one Parquet file, `folder`/*number*, that has all of its columns; late events as
    /// `folder`/late.parquet. Nothing else is written, and what lies beside the job's own outputs is left alone.
    #[must_use]
    pub fn in_folder(mut self, folder: &Path) -> Plan {
        for (n, output) in self.outputs.iter_mut().enumerate() {
            output.to = OutputTo::Folder(folder.join(n.to_string()));
            output.format = Format::Parquet;
            output.partition_by.clear();
            output.state = false;
        }
        if let Some(late) = &mut self.late {
            (late.path, late.format) = (folder.join("late.parquet"), Format::Parquet);
        }
        self.groupings.iter_mut().for_each(|grouping| grouping.plan.keep_states = false);
        self.tables.iter_mut().for_each(|table| table.rejects = None);
        self.publications.clear();
        self.pages.clear();
        (self.rejects, self.named) = (None, Named::default());
        self
    }

    /// Without the output of late events.
    #[must_use]
    pub fn without_late_output(self) -> Plan {
        Plan { late: None, ..self }
    }

    /// With every event counted, however late it came.
    #[must_use]
    pub fn counting_all(self) -> Plan {
        Plan { watermark: WatermarkPlan::default(), ..self.without_late_output() }
    }

    /// With event times in `range`, microseconds, without its end.
    #[must_use]
    pub fn within(mut self, range: (i64, i64)) -> Plan {
        self.range = range;
        (self.read.from, self.read.to) = range;
        self
    }

    /// Without these steps, which append no column.
    #[must_use]
    pub fn without_steps(mut self, without: &[usize]) -> Plan {
        let mut number = 0..;
        self.steps.retain(|_| number.next().is_some_and(|n| !without.contains(&n)));
        self
    }

    /// With one more filter, after all steps.
    ///
    /// # Errors
    /// The condition is not one over the columns of the plan.
    pub fn filtered(mut self, condition: &str) -> Result<Plan> {
        self.steps.push(Step::Filter(Expr::compile(condition, &self.rows, &self.zone)?));
        Ok(self)
    }

    /// With the events themselves, all of their columns, as its one output, which has a place nowhere.
    #[must_use]
    pub fn of_events(mut self) -> Plan {
        self.outputs = vec![OutputPlan {
            to: OutputTo::Terminal,
            format: Format::Parquet,
            kind: OutputKind::Rows((0..self.rows.fields.len()).collect()),
            columns: self.rows.clone(),
            partition_by: vec![],
            state: false,
        }];
        self.groupings.clear();
        self.read.positions = true;
        (self.late, self.rejects) = (None, None);
        self
    }

    /// Output number `index`, and the plan with nothing but its grouping.
    #[must_use]
    pub fn grouping_alone(mut self, index: usize) -> (Plan, OutputPlan) {
        let output = self.outputs.remove(index);
        self.outputs.clear();
        self.groupings = match output.grouping() {
            Some(grouping) => vec![self.groupings.remove(grouping)],
            None => vec![],
        };
        self.rejects = None;
        (self, output)
    }

    /// With late events kept, to be looked at and not written.
    #[must_use]
    pub fn keeping_late(mut self) -> Plan {
        self.read.positions = true;
        self.late = Some(LatePlan { path: PathBuf::new(), format: Format::JsonLines, columns: vec![] });
        self
    }

    /// With every event late in its groupings, so that of each is kept how far the watermark had come: all that came
    /// after an event has passed its threshold.
    #[must_use]
    pub fn all_late(mut self) -> Plan {
        for Grouping { plan, .. } in &mut self.groupings {
            plan.window = Window::Tumbling { size: Duration::Length(DAY), offset: Offset::default() };
            plan.lateness = Some(Lateness { allowed: i64::MIN / 4, delays: vec![0] });
            (plan.firings, plan.keep_states) = (false, false);
        }
        self
    }

    /// With another window of output number `index`, if it has one.
    #[must_use]
    pub fn with_window(mut self, index: usize, window: Window) -> Plan {
        if let Some(grouping) = self.outputs[index].grouping() {
            self.groupings[grouping].plan.window = window;
        }
        self
    }

    /// Of an audit: its groupings with windows that end, of each all `delays`, and the outputs that show them, which are
    /// not written.
    #[must_use]
    pub fn audited(mut self, delays: &[i64]) -> (Plan, Vec<OutputPlan>) {
        let mut outputs = std::mem::take(&mut self.outputs);
        outputs.retain(|o| o.grouping().is_some_and(|g| self.groupings[g].plan.lateness.is_some()));
        self.groupings = shown(std::mem::take(&mut self.groupings), &mut outputs);
        for Grouping { plan, .. } in &mut self.groupings {
            plan.audited = true;
            (plan.firings, plan.whole_windows, plan.keep_states) = (false, false, false);
            plan.lateness.iter_mut().for_each(|lateness| lateness.delays = delays.to_vec());
        }
        (self.without_late_output(), outputs)
    }

    /// Of events up to `at`, microseconds, of which the state is kept and nothing is written; `holds` says of which tables
    /// rows are held.
    #[must_use]
    pub fn of_state(self, at: i64, holds: impl Fn(&Plan, usize) -> bool) -> Plan {
        let mut plan = self.within((i64::MIN, at.saturating_add(1))).without_late_output();
        plan.outputs.retain(|output| output.grouping().is_some());
        for output in &mut plan.outputs {
            if let OutputKind::Groups { post, .. } = &mut output.kind {
                (post.having, post.top) = (None, None);
            }
        }
        for Grouping { plan: GroupPlan { whole_windows, keep_states, .. }, .. } in &mut plan.groupings {
            (*whole_windows, *keep_states) = (false, false);
        }
        plan.rejects = None;
        for number in 0..plan.tables.len() {
            plan.tables[number].rejects = None;
            plan.tables[number].index.keep_keys = holds(&plan, number);
        }
        plan.without_needless_services()
    }

    /// Without the services of which nothing later depends.
    fn without_needless_services(mut self) -> Plan {
        let mut asked = false;
        for step in 0..self.steps.len() {
            let own = self.width(step)..self.width(step + 1);
            let later = &self.steps[step + 1..];
            let read = later.iter().any(|later| self.reads(later).iter().any(|column| own.contains(column)))
                || self.groupings.iter().any(|grouping| {
                    let arguments = grouping.plan.aggregates.iter().flat_map(|(_, columns)| columns);
                    let keys = grouping.plan.keys.iter().map(|(column, _)| column);
                    keys.chain(arguments).any(|column| own.contains(column))
                });
            // What is rejected goes no further.
            let counts = !self.groupings.is_empty() || later.iter().any(|later| later.keys().is_some());
            let services = &self.services;
            if let Step::Enrich(enrich) = &mut self.steps[step] {
                let is_needed =
                    |service: usize| read || counts && services[service].on_failure == OnFailure::Reject;
                enrich.tries.retain(|t| !matches!(t, Try::Service(service) if !is_needed(*service)));
                asked |= enrich.tries.iter().any(|t| matches!(t, Try::Service(_)));
            }
        }
        if !asked {
            self.services.clear();
            self.answers = None;
        }
        self
    }
}

/// The groupings that `outputs` show, which name them by their new numbers then.
fn shown(groupings: Vec<Grouping>, outputs: &mut [OutputPlan]) -> Vec<Grouping> {
    let kept: Vec<usize> =
        (0..groupings.len()).filter(|&g| outputs.iter().any(|output| output.grouping() == Some(g))).collect();
    for output in outputs {
        if let OutputKind::Groups { grouping, .. } = &mut output.kind {
            *grouping = kept.iter().position(|g| g == grouping).expect("a grouping that is kept");
        }
    }
    groupings
        .into_iter()
        .enumerate()
        .filter(|(g, _)| kept.contains(g))
        .map(|(_, grouping)| grouping)
        .collect()
}
