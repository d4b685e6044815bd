//! Tables of servers as outputs, and the keys of lines.
//!
//! # Contract
//! An output whose path is a URL is the folder of its mirror, to the engine and to all that follows; that the folder is
//! published to a table is said by [`Plan::publications`](crate::plan::Plan::publications) alone. So the hash of a plan
//! does not know of it, and one folder may be published here today and there tomorrow.

use super::held::{OutputColumns, no_column};
use super::planner::Planner;
use super::rows;
use crate::error::Error;
use crate::job::spec::OutputSpec;
use crate::pg::{self, TableAddress};
use crate::plan::{OutputId, PlannedColumn, Publication};
use crate::rows::PartitionPart;
use crate::sink::{LineKey, OutputFormat, avro};
use crate::time::Zone;
use crate::window::Window;
use std::ops::Range;

impl Planner<'_> {
    /// Whether the keys that only some outputs have are where they belong; faults those that are not. Without a format,
    /// what depends on it is not looked at.
    pub(super) fn belongs(&self, spec: &OutputSpec, format: Option<OutputFormat>) -> bool {
        let mut right = true;
        if let (Some(mirror), Some(path)) = (&spec.mirror, &spec.path)
            && !pg::is_url(&path.value)
        {
            let error = Error::job("`mirror` is for an output that is the table of a server");
            self.fault(error.hint("path = \"postgres://user@host:5432/database/table\""), &mirror.span);
            right = false;
        }
        if let Some(zone) = &spec.table_timezone {
            let of_table = spec.path.as_ref().is_some_and(|path| pg::is_url(&path.value));
            let error = match Zone::named(&zone.value) {
                Some(_) if of_table => None,
                Some(_) => {
                    Some(Error::job("`table_timezone` is for an output that is the table of a server"))
                }
                None => Some(
                    Error::job(format!("unknown time zone `{}`", zone.value))
                        .hint("an IANA name, such as \"UTC\" or \"Europe/London\""),
                ),
            };
            if let Some(error) = error {
                self.fault(error, &zone.span);
                right = false;
            }
        }
        if let (Some(key), false) = (spec.key.first(), matches!(format, None | Some(OutputFormat::Keyed(_))))
        {
            let error = Error::job("`key` is for lines that kcat publishes");
            self.fault(
                error.hint("format = \"kcat\", or a path that ends in .kcat; groups have `by`"),
                &key.span,
            );
            right = false;
        }
        right
    }

    /// The address of the table that an output is published to, if its path is one. Faults an address that is none.
    pub(super) fn address(&self, spec: &OutputSpec) -> Option<Option<TableAddress>> {
        let Some(path) = spec.path.as_ref().filter(|path| pg::is_url(&path.value)) else { return Some(None) };
        TableAddress::parse(&path.value).map(Some).map_err(|error| self.fault(error, &path.span)).ok()
    }

    /// How an output is published to the table at `address`; `None` after a fault.
    pub(super) fn publication(
        &self,
        spec: &OutputSpec,
        address: &TableAddress,
        held: &OutputColumns,
    ) -> Option<Publication> {
        let path = spec.path.as_ref()?;
        let Some(groups) = &held.groups else {
            // An output whose `select` is wrong may have been one of groups.
            if held.kind.is_some() {
                let error = Error::job("events cannot be written to the table of a server");
                let hint = "a table is updated by its key, but events have no key: give `window` or `by`, or write a folder";
                self.fault(error.hint(hint), &path.span);
            }
            return None;
        };
        let mut right = true;
        let mut wrong = |error: Error, hint: &str, span: &Range<usize>| {
            self.fault(error.hint(hint), span);
            right = false;
        };
        // Windows that start together are told apart by their end; all others, and sessions of one key, by the start.
        let ends = matches!(groups.window, Some(Window::Cumulative { .. }));
        let is_key = |column: &Option<PlannedColumn>| match column {
            Some(PlannedColumn::WindowStart | PlannedColumn::Key(_) | PlannedColumn::Firing) => true,
            Some(PlannedColumn::WindowEnd) => ends,
            Some(PlannedColumn::Value(_) | PlannedColumn::Computed(_)) | None => false,
        };
        let key: Vec<usize> = (0..groups.columns.len()).filter(|&i| is_key(&groups.columns[i])).collect();
        if key.is_empty() && !held.open {
            let error = Error::job("an output with only one row cannot be written to the table of a server");
            wrong(error, "a table is updated by its key: give `window` or `by`", &path.span);
        }
        // Rows whose key is not whole would take the place of one another.
        let lacks_start = !matches!(groups.window, None | Some(Window::Global))
            && !groups.columns.iter().any(|column| matches!(column, Some(PlannedColumn::WindowStart)));
        let lacks_end =
            ends && !groups.columns.iter().any(|column| matches!(column, Some(PlannedColumn::WindowEnd)));
        let lacks_key = (0..spec.by.len())
            .any(|key| !groups.columns.iter().any(|c| matches!(c, Some(PlannedColumn::Key(k)) if *k == key)));
        if let (Some((name, _)), true) = (spec.columns.first(), lacks_start || lacks_end || lacks_key) {
            let error = Error::job("`columns` leaves out a part of the key by which the table is updated");
            wrong(error, "a table needs the start of the window and all columns of `by`", &name.span);
        }
        for name in &spec.partition_by {
            if PartitionPart::of_time(&name.value).is_none() && held.columns.index_of(&name.value).is_some() {
                let error =
                    Error::job(format!("the mirror of a table cannot be partitioned by `{}`", name.value));
                wrong(error, "only by year, month, date or hour", &name.span);
            }
        }
        if let Some(long) = held.columns.names().find(|name| name.len() > 63) {
            let error = Error::job(format!(
                "the column `{long}` has a name that is longer than PostgreSQL's 63 bytes"
            ));
            wrong(error, "give it another name in `select` or `derive`", &path.span);
        }
        if self.publications.iter().any(|other| other.address.url() == address.url()) {
            let error = Error::job(format!("two outputs are written to {}", address.url()));
            wrong(error, "give each a table", &path.span);
        }
        right.then(|| Publication {
            output: OutputId::new(self.outputs.len()),
            address: address.clone(),
            key,
            zone: spec.table_timezone.as_ref().map(|zone| zone.value.clone()),
        })
    }

    /// `format` with the key that lines of it have, where they have one.
    pub(super) fn line_key(
        &self,
        spec: &OutputSpec,
        format: OutputFormat,
        held: &OutputColumns,
        partition_by: &[PartitionPart],
    ) -> Option<OutputFormat> {
        if format == OutputFormat::Avro
            && let Some(name) = avro::wrong_name(&held.columns)
        {
            let error = Error::job(format!("Avro cannot have a column of the name `{name}`"));
            let hint = "a name has letters, digits and _, and is not also the name of a record: give it another one by `columns`";
            self.fault(error.hint(hint), &spec.span);
            return None;
        }
        let OutputFormat::Keyed(_) = format else { return Some(format) };
        // Groups have a key already, the columns of `by`.
        let names = if spec.key.is_empty() { &spec.by } else { &spec.key };
        let of_path = |column| partition_by.contains(&PartitionPart::Column(column));
        let columns = names.iter().map(|name| {
            let Some(column) = held.columns.index_of(&name.value) else {
                rows::fault(
                    &self.spec.document,
                    held.open,
                    no_column(&name.value, &held.columns),
                    &name.span,
                );
                return None;
            };
            if of_path(column) {
                let error =
                    Error::job(format!("`{}` is a partition column, so it is not in the lines", name.value));
                self.fault(error.hint("give another `key`, or leave it out of `partition_by`"), &name.span);
                return None;
            }
            // By its number in the file, where columns that name partitions are not.
            Some((0..column).filter(|&before| !of_path(before)).count())
        });
        let key: Vec<usize> = columns.collect::<Vec<_>>().into_iter().collect::<Option<_>>()?;
        let error = match LineKey::new(&key) {
            Some(key) if key.columns().next().is_some() => return Some(OutputFormat::Keyed(key)),
            Some(_) => {
                Error::job("lines for kcat need a key").hint("key = [\"…\"]: the columns before the tab")
            }
            None => Error::job(format!("a key has at most {} columns", LineKey::MOST)),
        };
        self.fault(error, spec.key.get(LineKey::MOST).map_or(&spec.span, |name| &name.span));
        None
    }
}
