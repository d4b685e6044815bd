//! The outputs of a job: what each holds, and where its rows go.
//!
//! # Contract
//! Every part of an output is looked at, whatever is wrong with another; see [`super::groups`].

use super::held::{OutputColumns, two_columns};
use super::planner::Planner;
use crate::batch::{ColumnId, Field, Origin, Schema};
use crate::error::Error;
use crate::expr::Selection;
use crate::job::destinations::goes_to;
use crate::job::document::At;
use crate::job::spec::{OutputSpec, check_table, is_true};
use crate::plan::{OutputKind, OutputPlan, OutputTo};
use crate::rows::PartitionPart;
use crate::sink::OutputFormat;
use crate::store::is_on_store;
use crate::window::Window;
use std::path::Path;

/// Names with their expressions, in the order written.
type NamedExpressions = [(At<String>, At<String>)];

impl Planner<'_> {
    pub(super) fn outputs(&mut self) {
        let spec = self.spec;
        for output in &spec.outputs {
            if let Some(plan) = self.output(output) {
                self.outputs.push(plan);
            }
        }
    }

    fn output(&mut self, spec: &OutputSpec) -> Option<OutputPlan> {
        let (destination, address) = (self.destination(spec), self.address(spec));
        let held = self.held(spec);
        let to = destination.as_ref().map(|(to, _)| to);
        let partition_by = self.partition_by(spec, to, &held);
        let format = destination.as_ref().and_then(|(_, format)| {
            self.line_key(spec, *format, &held, partition_by.as_deref().unwrap_or_default())
        });
        let publication = match &address {
            Some(Some(address)) => self.publication(spec, address, &held).map(Some),
            Some(None) => Some(None),
            None => None,
        };
        let state = self.state(spec, &held);
        let live = match &held.kind {
            Some(OutputKind::Groups { grouping, .. }) => self.groupings[*grouping].plan.lateness.is_some(),
            // After a fault it is not known, so nothing that follows from it is told.
            Some(_) => false,
            None => true,
        };
        let closed = self.emits_closed(spec, live);
        // Nothing is left out from here on.
        let (kind, (to, _), format, partition_by) = (held.kind?, destination?, format?, partition_by?);
        let (publication, closed) = (publication?, closed?);
        if !state {
            return None;
        }
        // The publication has the number of the output that comes next, so both are kept or neither is.
        self.publications.extend(publication);
        Some(OutputPlan {
            to,
            format,
            kind,
            columns: held.columns,
            partition_by,
            state: is_true(&spec.state),
            closed,
            mode: self.mode_of(spec),
        })
    }

    /// What an output holds.
    fn held(&mut self, spec: &OutputSpec) -> OutputColumns {
        let window = self.window(spec);
        let timing = self.timing(spec);
        if is_true(&spec.archive) {
            return self.archive(spec);
        }
        let selections: Vec<Option<Selection>> =
            spec.select.iter().map(|(_, sql)| self.parsed(sql)).collect();
        if is_grouped(spec, &selections) || spec.unread {
            return self.groups(spec, window, timing, &selections);
        }
        if spec.columns.is_empty() {
            return self.events(spec, timing.is_some(), (&spec.select, false), &selections);
        }
        // Events have no groups between `select` and what is written, so either key says all of it.
        let right = self.is_written_once(spec);
        let columns: Vec<Option<Selection>> =
            spec.columns.iter().map(|(_, sql)| self.parsed(sql).filter(|_| right)).collect();
        self.events(spec, timing.is_some(), (&spec.columns, true), &columns)
    }

    /// Whether an output of events has `columns` or `select`, and not both.
    pub(super) fn is_written_once(&self, spec: &OutputSpec) -> bool {
        let (Some((name, _)), false) = (spec.columns.first(), spec.select.is_empty()) else { return true };
        let error = Error::job("an output of events has `select` or `columns`, and not both");
        self.fault(
            error.hint("`columns` takes expressions too, in the order in which they are written"),
            &name.span,
        );
        false
    }

    pub(super) fn destination(&self, spec: &OutputSpec) -> Option<(OutputTo, OutputFormat)> {
        let path = spec.path.as_ref()?;
        let named = spec.format.as_ref().map(|name| {
            let format = OutputFormat::named(&name.value);
            if format.is_none() {
                let error = Error::job(format!("unknown output format `{}`", name.value))
                    .nearest(&name.value, ["parquet", "csv", "jsonl", "avro", "kcat"]);
                self.fault(error.hint("the formats are parquet, csv, jsonl, avro and kcat"), &name.span);
            }
            format
        });
        let to = goes_to(spec)?;
        if !self.can_be_table(spec, named) {
            return None;
        }
        if crate::pg::is_url(&path.value) {
            if let (Some(name), Some(Some(_))) =
                (&spec.format, named.filter(|f| *f != Some(OutputFormat::Parquet)))
            {
                let error = Error::job("the mirror of a table must be Parquet");
                self.fault(error.hint("leave out `format`"), &name.span);
                return None;
            }
            let right = self.belongs(spec, Some(OutputFormat::Parquet)) && named != Some(None);
            return right.then_some((to, OutputFormat::Parquet));
        }
        if to == OutputTo::Terminal {
            return (named != Some(None)).then_some((to, OutputFormat::Csv));
        }
        // Only the path of a file tells its format: a folder may have any name.
        let own = OutputFormat::of_path(Path::new(&path.value)).filter(|_| matches!(to, OutputTo::File(_)));
        // After a fault it is not known.
        let format = named.unwrap_or(Some(own.unwrap_or(OutputFormat::Parquet)));
        let right = [self.can_be_written(path, named.is_some()), self.belongs(spec, format)];
        format.filter(|_| right == [true; 2]).map(|format| (to, format))
    }

    /// Whether an output that is to be a table can be one.
    fn can_be_table(&self, spec: &OutputSpec, format: Option<Option<OutputFormat>>) -> bool {
        let Some(path) = &spec.path else { return true };
        if let Err((error, span)) = check_table(spec.table.as_ref(), spec.catalog.as_ref()) {
            self.fault(error, &span);
            return false;
        }
        let Some(table) = &spec.table else { return true };
        let is_file = !path.value.ends_with('/') && OutputFormat::of_path(Path::new(&path.value)).is_some();
        let not_a_folder = crate::pg::is_url(&path.value) || path.value == "-" || is_file;
        let error = match format {
            _ if not_a_folder => Error::job(format!("`{}` is not a folder, and a table is one", path.value))
                .hint("give a path without an extension, or leave out `table`"),
            Some(Some(format)) if format != OutputFormat::Parquet => {
                Error::job(format!("the files of a table are Parquet, not {}", format.name()))
                    .hint("leave out `format`")
            }
            _ => return true,
        };
        self.fault(error, &table.span);
        false
    }

    /// Whether a path is one of a file or folder, and tells its format where that is not named.
    fn can_be_written(&self, path: &At<String>, named: bool) -> bool {
        // Why nothing is written to a store, `places` says.
        if path.value.contains("://") && !is_on_store(Path::new(&path.value)) {
            let error = Error::job(format!("`{}` cannot be written yet", path.value));
            let hint = "a folder, a .parquet, .csv, .jsonl, .avro, .kcat or .html file, postgres://…/table, or \"-\"";
            self.fault(error.hint(hint), &path.span);
            return false;
        }
        let target = Path::new(&path.value);
        let is_unclear = !path.value.ends_with('/') && looks_like_file(target);
        if !named && is_unclear && OutputFormat::of_path(target).is_none() {
            let error = Error::job(format!("the extension of `{}` is not a known format", path.value));
            self.fault(
                error.hint(
                    "use .parquet, .csv, .jsonl, .avro, .kcat or .html; or a folder: end the path in /",
                ),
                &path.span,
            );
            return false;
        }
        true
    }

    /// Whether an output of events has nothing that is for groups.
    pub(super) fn has_no_groups(&self, spec: &OutputSpec) -> bool {
        let mut right = true;
        for (what, span) in [
            ("having", spec.having.as_ref().map(|h| &h.span)),
            ("top", spec.top.as_ref().map(|t| &t.by.span)),
        ] {
            let Some(span) = span else { continue };
            self.fault(
                Error::job(format!("`{what}` is for groups, but this output has neither a window nor keys"))
                    .hint("add `window` or `by`, or filter events with a [[step]]"),
                span,
            );
            right = false;
        }
        right
    }

    /// An output of the events themselves, with the columns of `select`, whose names are paths into records or not. Where a `select` cannot be read it may have been one of groups: then nothing
    /// is said of what is for those.
    fn events(
        &mut self,
        spec: &OutputSpec,
        timed: bool,
        (select, paths): (&NamedExpressions, bool),
        selections: &[Option<Selection>],
    ) -> OutputColumns {
        let mut right = selections.iter().all(Option::is_some);
        if right {
            right = self.has_no_groups(spec) && timed;
        }
        self.positions = true;
        let (mut fields, mut columns) = (vec![], vec![]);
        if select.is_empty() {
            columns = ColumnId::first(self.rows.schema.fields.len())
                .filter(|&i| self.rows.schema.fields[i].origin != Origin::Own)
                .collect();
            self.rows.read(columns.iter().copied());
            fields = columns.iter().map(|&i| self.rows.schema.fields[i].clone()).collect();
        }
        for (i, (name, sql)) in select.iter().enumerate() {
            if select[..i].iter().any(|(other, _)| other.value == name.value) {
                self.fault(two_columns(&name.value), &name.span);
                right = false;
            }
            match selections[i].as_ref().and_then(|_| self.rows.column_of(sql)) {
                Some(column) => {
                    let of = &self.rows.schema.fields[column];
                    // A column with another name is not a part of its record any more.
                    let nested =
                        if paths { name.value.contains('.') } else { of.nested && of.name == name.value };
                    fields.push(Field { nested, ..Field::new(&name.value, of.ty) });
                    columns.push(column);
                }
                None => {
                    fields.push(Field::faulty(&name.value));
                    right = false;
                }
            }
        }
        let kind = right.then_some(OutputKind::Rows(columns));
        OutputColumns { columns: Schema::new(fields), groups: None, kind, open: self.rows.open }
    }

    fn partition_by(
        &self,
        spec: &OutputSpec,
        to: Option<&OutputTo>,
        held: &OutputColumns,
    ) -> Option<Vec<PartitionPart>> {
        let timeless = held.groups.as_ref().is_some_and(|groups| groups.window == Some(Window::Global));
        let (archive, columns) = (is_true(&spec.archive), &held.columns);
        let mut parts = vec![];
        for name in &spec.partition_by {
            let time = PartitionPart::of_time(&name.value);
            let own = columns.index_of(&name.value);
            let error = match (time, own) {
                _ if to.is_some_and(|to| !matches!(to, OutputTo::Folder(_) | OutputTo::Table(..))) => {
                    Error::job("only a folder can have partitions").hint("give a path without an extension")
                }
                (Some(_), Some(_)) => Error::job(format!(
                    "the partition `{0}` would have the name of the output's column `{0}`",
                    name.value
                ))
                .hint(match archive {
                    true => {
                        "an archive keeps the source's names: choose other units of year, month, date and hour"
                    }
                    false => "give the column another name in `select`",
                }),
                (Some(_), None) if timeless => {
                    Error::job(format!("`{}` needs a window with a start", name.value))
                }
                (Some(part), None) => {
                    parts.push(part);
                    continue;
                }
                (None, _) if archive => {
                    Error::job(format!("an archive cannot be partitioned by `{}`", name.value))
                        .hint("only by the event time: year, month, date or hour")
                }
                (None, Some(column)) => {
                    parts.push(PartitionPart::Column(column));
                    continue;
                }
                (None, None) => {
                    let known = ["year", "month", "date", "hour"].into_iter().chain(columns.names());
                    Error::job(format!("cannot partition by `{}`", name.value)).nearest(&name.value, known)
                }
            };
            // A column that is missing may only follow from an earlier fault.
            if held.open && time.is_none() && own.is_none() {
                continue;
            }
            self.fault(error, &name.span);
        }
        // Each name that is wrong has left out a part.
        if parts.len() < spec.partition_by.len() {
            return None;
        }
        let own = parts.iter().filter(|p| matches!(p, PartitionPart::Column(_))).count();
        if own == columns.fields.len() && held.kind.is_some() {
            self.fault(
                Error::job("all columns are partition columns, so the files would have no columns"),
                &spec.span,
            );
            return None;
        }
        Some(parts)
    }
}

/// Whether an output groups events.
pub(super) fn is_grouped(spec: &OutputSpec, selections: &[Option<Selection>]) -> bool {
    spec.window.is_some()
        || !spec.by.is_empty()
        || selections.iter().flatten().any(|selection| !selection.calls.is_empty())
}

/// Whether the last part of a path looks like a file name: a short extension of letters.
fn looks_like_file(path: &Path) -> bool {
    path.extension()
        .and_then(|e| e.to_str())
        .is_some_and(|e| e.len() <= 5 && e.chars().all(|c| c.is_ascii_alphabetic()))
}
