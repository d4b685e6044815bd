//! A source that is a change log: the last record of each key counts, unless it deletes the key.

use super::planner::Planner;
use crate::error::{Error, Result};
use crate::input::wire_format::LogColumn;
use crate::plan::{OutputKind, Pipeline, Step};
use crate::time::TimeRange;
use std::ops::Range;

impl Planner<'_> {
    /// Adds the steps of `changelog`: the last record of each key stays, and of these those that are no deletes.
    pub(super) fn change_log(&mut self) {
        let spec = self.spec;
        let changes = &spec.source.changes;
        let Some(kind) = &changes.kind else {
            let keys = changes.key.iter().flatten().chain(&changes.deleted);
            for (n, key) in keys.enumerate() {
                if n == 0 {
                    let error = Error::job("`key` and `deleted` are of change logs alone");
                    self.fault(error.hint("add changelog = \"upsert\" to `[source]`"), &key.span);
                }
            }
            return;
        };
        let Some(key) = &changes.key else {
            let error =
                Error::job("a change log needs `key`: the columns whose values say which row a record is of");
            return self.fault(error.hint("key = [\"id\"], say"), &kind.span);
        };
        let Some(keys) = self.event_columns(key) else { return };
        // Records at one instant, or of no arrival, stand in the order of the log.
        self.positions = true;
        self.rows.steps.push(Step::Latest { keys, by_arrival: spec.source.arrival.is_some() });
        match (kind.value.as_str(), &changes.deleted) {
            ("debezium", Some(deleted)) => {
                let error = Error::job("a change event of Debezium says itself whether it is a delete");
                self.fault(error.hint("take `deleted` away"), &deleted.span);
            }
            ("debezium", None) => self.debezium_deletes(&kind.span),
            (_, Some(deleted)) => {
                let steps = self.rows.steps.len();
                self.rows.filter(deleted);
                // What is not true of a record does not delete it, NULL too.
                if let Some(Step::Filter(expr)) = self.rows.steps.get(steps) {
                    let kept = format!("({}) IS NOT TRUE", expr.sql());
                    match self.rows.compiled(&kept) {
                        Ok(expr) => self.rows.steps[steps] = Step::Filter(expr),
                        Err(error) => self.fault(error, &deleted.span),
                    }
                }
            }
            (_, None) => {}
        }
    }

    /// Leaves the keys out whose last change event is a delete.
    fn debezium_deletes(&mut self, span: &Range<usize>) {
        let Some(column) = self.log.own(LogColumn::Deleted) else {
            let error = Error::job("the records are not change events of Debezium that were recognised");
            let error = error.hint("changelog = \"upsert\" takes the last record of each key of any log");
            return self.fault(
                error.hint(
                    "only JSON is unwrapped: in Avro and Parquet `op`, `before` and `after` are columns",
                ),
                span,
            );
        };
        self.rows.read([column]);
        match self.rows.compiled(&format!("NOT {}", LogColumn::Deleted.name())) {
            Ok(expr) => self.rows.steps.push(Step::Filter(expr)),
            Err(error) => self.fault(error, span),
        }
    }

    /// Faults outputs that cannot be made of a change log.
    pub(super) fn change_log_outputs(&self) {
        let Some(kind) = &self.spec.source.changes.kind else { return };
        if self.streamed() {
            let error = Error::job(
                "a change log is not read in mode = \"streamed\": what a live job published is not what its last records say",
            );
            self.fault(error.hint("mode = \"complete\" counts the last record of each key"), &kind.span);
        }
        let archives = self.outputs.iter().filter(|output| matches!(output.kind, OutputKind::Archive(_)));
        for output in archives {
            let error = Error::job(format!(
                "{} is an archive, which is in the order of event time: it would lose the order of the change log",
                output.to
            ));
            self.fault(error.hint("keep the files of the log"), &kind.span);
        }
    }
}

/// Fails where a range of event times would leave out records that replace others.
///
/// # Errors
/// A job error.
pub(super) fn in_range(pipeline: &Pipeline) -> Result<()> {
    match pipeline.range == TimeRange::ALL {
        true => Ok(()),
        false => pipeline.no_change_log("`--from` and `--to` would leave out records that replace others"),
    }
}
