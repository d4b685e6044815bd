//! Steps of `mode = "streamed"`: whether a job has them, and how the rows of its tables arrive.

use super::arrivals::TableArrivals;
use super::planner::Planner;
use crate::error::Error;
use crate::job::spec::{OutputSpec, WindowKind, is_true};
use crate::lookup::OnFailure;
use crate::plan::{LogPartition, Mode, Step, Try, WatermarkRule};

impl Planner<'_> {
    /// The mode of steps, before they are planned. Where outputs want both, `streamed`, which permits more.
    pub(super) fn step_mode(&mut self) {
        let outputs = &self.spec.outputs;
        let streamed = outputs.iter().any(|output| self.mode_of(output) == Some(Mode::Streamed));
        self.step_mode = if streamed { Mode::Streamed } else { Mode::Complete };
    }

    /// The mode of the rows of an output; an archive has the records as they came.
    pub(super) fn mode_of(&self, output: &OutputSpec) -> Option<Mode> {
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
            self.refusing_service();
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

    /// Faults services that reject events where outputs are of both modes: each mode would ask for other events.
    fn refusing_service(&self) {
        let complete = self.spec.outputs.iter().find(|output| self.mode_of(output) == Some(Mode::Complete));
        let rejects = self.services.iter().any(|service| service.on_failure == OnFailure::Reject);
        let Some(output) = complete.filter(|_| rejects) else { return };
        let error = Error::job(
            "a service with `on_failure = \"reject\"` rejects other events for outputs in `complete` mode than for streamed ones",
        );
        let error = error.hint("take on_failure = \"null\"; or write two jobs, one for each mode");
        let span = output.path.as_ref().map_or(output.span.clone(), |path| path.span.clone());
        self.fault(error, &span);
    }
}
