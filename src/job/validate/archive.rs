//! Archives, and outputs that keep their state: what late events are merged into.

use super::held::OutputColumns;
use super::planner::Planner;
use crate::batch::{Field, Schema};
use crate::error::Error;
use crate::job::document::At;
use crate::job::spec::{OutputSpec, is_true};
use crate::plan::{OutputKind, archive_fields};
use crate::rows::PartitionPart;
use crate::window::Window;

impl Planner<'_> {
    /// An output of the records as they are read: all columns of the source, then where each is from.
    pub(super) fn archive(&mut self, spec: &OutputSpec) -> OutputColumns {
        let own = archive_fields();
        let mut right = true;
        let columns = self.log.columns_of_files();
        let mut fields: Vec<Field> =
            columns.iter().map(|&column| self.rows.schema.fields[column].clone()).collect();
        if let Some(flag) = &spec.archive {
            right = self.is_file(spec, flag, "an archive");
            for field in own.iter().filter(|own| fields.iter().any(|f| f.name == own.name)) {
                let error = Error::job(format!(
                    "the source has a column `{}`, but an archive adds one with this name",
                    field.name
                ));
                self.fault(error.hint("give the column another name in the files"), &flag.span);
                right = false;
            }
        }
        // An archive is in replay order, and says where each record is from.
        self.positions = true;
        self.rows.read(columns.iter().copied());
        fields.extend(own);
        OutputColumns {
            columns: Schema::new(fields),
            groups: None,
            kind: right.then_some(OutputKind::Archive(columns)),
            open: false,
        }
    }

    /// Whether an output can keep its state, where it is to; faults what is in the way.
    pub(super) fn state(&self, spec: &OutputSpec, held: &OutputColumns) -> bool {
        let Some(flag) = spec.state.as_ref().filter(|flag| flag.value) else { return true };
        let Some(groups) = &held.groups else {
            // An output whose `select` is wrong may have been one of groups.
            if held.kind.is_some() {
                let error =
                    Error::job("`state` is for groups, but this output has neither a window nor keys");
                self.fault(error.hint("to keep events, add an [[output]] with archive = true"), &flag.span);
            }
            return false;
        };
        let mut right = self.is_file(spec, flag, "an output with `state`");
        let mut wrong = |error: Error, hint: &str| {
            self.fault(error.hint(hint), &flag.span);
            right = false;
        };
        if matches!(groups.window, Some(Window::Session { .. })) {
            wrong(
                Error::job("`state` is not for sessions"),
                "late events join and extend sessions, so sessions are recomputed from their events",
            );
        }
        if is_true(&spec.firings) {
            wrong(
                Error::job("`state` does not go with `firings`"),
                "a late event does not fire by itself: write a second output without `firings`",
            );
        }
        for (aggregate, _) in groups.aggregates.iter().flatten() {
            let Some(name) = aggregate.function.without_state() else { continue };
            wrong(
                Error::job(format!("`state` cannot be kept for `{name}`")),
                "it is kept for count, sum, avg, min, max, variances, covariances, bool_… and bit_…; without `state`, late events are counted from the archive or the source",
            );
        }
        for name in &spec.partition_by {
            let column =
                held.columns.index_of(&name.value).and_then(|column| groups.columns[column].as_ref());
            if PartitionPart::of_time(&name.value).is_none() && column.is_some_and(|c| !c.names_group()) {
                let error =
                    Error::job(format!("an output with `state` cannot be partitioned by `{}`", name.value));
                self.fault(
                    error.hint("only by year, month, date, hour and keys, which do not change"),
                    &name.span,
                );
                right = false;
            }
        }
        right
    }

    /// Whether an output is written to a file or folder, as `what` has to be.
    fn is_file(&self, spec: &OutputSpec, flag: &At<bool>, what: &str) -> bool {
        let terminal = spec.path.as_ref().is_some_and(|path| path.value == "-");
        if terminal {
            let error = Error::job(format!("{what} cannot be on the terminal"));
            self.fault(error.hint("give a folder, or a .parquet, .csv or .jsonl file"), &flag.span);
        }
        !terminal
    }
}
