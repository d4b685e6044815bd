//! Archives, and outputs that keep their state: what late events are merged into.

use super::Planner;
use crate::aggregate::Function;
use crate::batch::Schema;
use crate::error::Error;
use crate::job::document::At;
use crate::job::plan::{OutputKind, OutputPlan, archive_fields};
use crate::job::spec::{OutputSpec, is_true};
use crate::rows::PartitionPart;
use crate::window::Window;

impl Planner<'_> {
    /// An output of the records as they are read: all columns of the source, then where each is from.
    pub(super) fn archive(&mut self, spec: &OutputSpec) -> Option<(Schema, OutputKind)> {
        let flag = spec.archive.as_ref()?;
        let own = archive_fields();
        let mut right = self.is_file(spec, flag, "an archive");
        for field in &own {
            if self.rows.schema.fields[..self.rows.source_columns].iter().any(|f| f.name == field.name) {
                let error =
                    Error::job(format!("the source has a column `{}`, and so has an archive", field.name));
                self.fault(error.hint("give the column another name in the files"), &flag.span);
                right = false;
            }
        }
        if !right {
            return None;
        }
        self.positions = true;
        let columns: Vec<usize> = (0..self.rows.source_columns).collect();
        self.rows.read(columns.iter().copied());
        let mut fields = self.rows.schema.fields[..self.rows.source_columns].to_vec();
        fields.extend(own);
        Some((Schema::new(fields), OutputKind::Archive(columns)))
    }

    /// Whether `output` can keep its state; faults what is in the way.
    pub(super) fn state(&self, spec: &OutputSpec, output: &OutputPlan) -> bool {
        let Some(flag) = &spec.state else { return true };
        let OutputKind::Groups { grouping, post } = &output.kind else {
            let error = Error::job("`state` is for groups, and this output has no window and no keys");
            self.fault(error.hint("events are kept by an [[output]] with archive = true"), &flag.span);
            return false;
        };
        let plan = &self.groupings[*grouping].plan;
        let mut right = self.is_file(spec, flag, "an output with `state`");
        let mut wrong = |error: Error, hint: &str| {
            self.fault(error.hint(hint), &flag.span);
            right = false;
        };
        if matches!(plan.window, Window::Session { .. }) {
            wrong(
                Error::job("`state` is not for sessions"),
                "late events join and stretch them, so they are computed again from their events",
            );
        }
        if is_true(&spec.firings) {
            wrong(
                Error::job("`state` does not go with `firings`"),
                "a late event has no firing of its own: write a second output without `firings`",
            );
        }
        for (aggregate, _) in &plan.aggregates {
            let Some(name) = without_state(aggregate.function) else { continue };
            wrong(
                Error::job(format!("`state` cannot be kept of `{name}`")),
                "it is kept of count, sum, avg, min, max, variances, bool_and and bool_or; leave out `state`, \
                 and late events are counted from the archive or the source",
            );
        }
        for (name, part) in spec.partition_by.iter().zip(&output.partition_by) {
            let PartitionPart::Column(column) = part else { continue };
            if !post.columns[*column].names_group() {
                let error =
                    Error::job(format!("an output with `state` cannot be partitioned by `{}`", name.value));
                self.fault(
                    error.hint("only by year, month, date, hour and keys, which stay as they are"),
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

/// The name of an aggregate whose parts are not kept: they grow with the events, or hang on their order.
fn without_state(function: Function) -> Option<&'static str> {
    match function {
        Function::CountRows
        | Function::Count
        | Function::Sum
        | Function::Avg
        | Function::Min
        | Function::Max
        | Function::Spread { .. }
        | Function::BoolAnd
        | Function::BoolOr => None,
        Function::CountDistinct => Some("count(distinct)"),
        Function::ApproxCountDistinct => Some("approx_count_distinct"),
        Function::First => Some("first"),
        Function::Last => Some("last"),
        Function::ArgMin => Some("arg_min"),
        Function::ArgMax => Some("arg_max"),
        Function::Quantile(0.5) => Some("median"),
        Function::Quantile(_) => Some("quantile"),
    }
}
