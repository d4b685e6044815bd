//! Steps of `mode = "streamed"`: whether a job has them, and how the rows of its tables arrive.

use super::arrivals::TableArrivals;
use super::planner::Planner;
use crate::asof::Direction;
use crate::error::Error;
use crate::job::spec::{OutputSpec, WindowKind, is_true};
use crate::plan::{LogPartition, Mode, Step, Try, WatermarkRule};

impl Planner<'_> {
    /// The mode of steps, before they are planned. Where outputs want both, `streamed`, which permits more.
    pub(super) fn step_mode(&mut self) {
        let outputs = &self.spec.outputs;
        let streamed = outputs.iter().any(|output| self.mode_of(output) == Some(Mode::Streamed));
        self.step_mode = if streamed { Mode::Streamed } else { Mode::Complete };
    }

    /// The mode of the rows of an output; an archive has the records as they came.
    fn mode_of(&self, output: &OutputSpec) -> Option<Mode> {
        if is_true(&output.archive) {
            return None;
        }
        let ends = output.window.as_ref().is_some_and(|window| !matches!(window.kind, WindowKind::Global));
        let own = output.mode.as_ref().filter(|_| ends).map(|word| match word.value.as_str() {
            "complete" => Mode::Complete,
            _ => Mode::Streamed,
        });
        // The command line goes before the output, and the output before the job.
        Some(self.mode_override.or(own).unwrap_or(self.mode))
    }

    /// Whether arrival decides what steps see.
    pub(super) fn steps_depend_on_arrival(&self) -> bool {
        // What the log asks for does not go by arrival: the step that drops repeated offsets drops equal records.
        let own = self.log_steps;
        let depends = |step: &Step| match step {
            Step::Dedup { .. } | Step::First { .. } => true,
            Step::Enrich(enrich) => enrich.tries.iter().any(|attempt| self.is_timed(attempt)),
            Step::Filter(_) | Step::Derive(..) | Step::Latest { .. } => false,
        };
        self.step_mode == Mode::Streamed && self.rows.steps.iter().skip(own).any(depends)
    }

    fn is_timed(&self, attempt: &Try) -> bool {
        match attempt {
            Try::AsOf { table, .. } => self.tables[self.asks[table.place()].table].timed(),
            Try::Service(_) | Try::Constant(_) => false,
        }
    }

    /// How the rows of tables arrive; checked in any mode, and kept where it decides something.
    pub(super) fn streamed_steps(&mut self) {
        let streamed = self.steps_depend_on_arrival();
        if streamed {
            self.one_mode();
            self.order_behind_waits();
            // Keys are put in order by arrival and then by position.
            self.positions = true;
        } else {
            self.step_mode = Mode::Complete;
        }
        let (document, zone) = (&self.spec.document, &self.zone);
        for table in &mut self.tables {
            let Some(spec) = table.spec.filter(|_| table.timed()) else { continue };
            let arrivals = TableArrivals::new((document, zone), &spec.arrivals, &table.log, &table.rows);
            if streamed {
                let partition = arrivals.watermark.partition.map_or(vec![], LogPartition::columns);
                table.rows.read(partition);
                table.arrivals = arrivals;
            }
        }
    }

    /// Faults watermarks of the source by which steps do not go.
    pub(super) fn streamed_rule(&self) {
        let source = &self.spec.source;
        let own = self.watermark.rule != WatermarkRule::Flink || self.watermark.every.is_some();
        if let Some(rule) = source.watermark.as_ref().filter(|_| own) {
            let error = Error::job(
                "streamed steps go by a watermark after every record, as Flink's DataStream API has it",
            );
            let error = error.hint("take `watermark` away; or count every event: mode = \"complete\"");
            self.fault(error, &rule.span);
        }
    }

    /// Faults outputs of both modes: their steps would see different events.
    fn one_mode(&self) {
        let complete = self.spec.outputs.iter().find(|output| self.mode_of(output) == Some(Mode::Complete));
        let Some(output) = complete else { return };
        let error = Error::job(
            "outputs of both modes need one meaning of the steps: in `streamed` mode a step sees what had arrived, and in `complete` mode everything",
        );
        let error = error
            .hint("give all outputs one mode: mode = \"streamed\" for the whole job, or --mode complete")
            .hint("or write two jobs, one for each mode");
        let span = output.path.as_ref().map_or(output.span.clone(), |path| path.span.clone());
        self.fault(error, &span);
    }

    /// Faults what depends on the order of arrival behind a step that lets events wait.
    fn order_behind_waits(&self) {
        let waits = self.rows.steps.iter().any(|step| match step {
            Step::Enrich(enrich) => enrich.tries.iter().any(|attempt| match attempt {
                Try::AsOf { reach, .. } => reach.direction != Direction::Backward && self.is_timed(attempt),
                Try::Service(_) | Try::Constant(_) => false,
            }),
            _ => false,
        });
        if !waits {
            return;
        }
        for output in &self.spec.outputs {
            let session = output.window.as_ref().filter(|w| matches!(w.kind, WindowKind::Session { .. }));
            let what = match (session, &output.firings) {
                (Some(_), _) => "a session",
                (None, Some(firings)) if firings.value => "`firings`",
                _ => continue,
            };
            let error = Error::job(format!(
                "{what} behind a step that waits (`match = \"forward\"` or `\"nearest\"`) is not supported in `streamed` mode"
            ));
            let hint = "count it with `mode = \"complete\"`, or look backward only";
            self.fault(error.hint(hint), &output.span);
        }
    }
}
