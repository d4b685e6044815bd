//! What the source says of the order in which its events came: arrival, watermark, and where late
//! events go.

use super::arrivals::{log_partition, own_partition};
use super::faults::unknown_column;
use super::planner::Planner;
use crate::batch::{ColumnId, DataType, Field};
use crate::error::Error;
use crate::job::document::{At, Document};
use crate::job::lengths::length;
use crate::job::spec::{JobSpec, check_table, table_kind};
use crate::plan::{LatePlan, LogPartition, Mode, WatermarkRule};
use crate::sink::{LineKey, OutputFormat};
use crate::time::TimeRule;
use std::path::PathBuf;

/// The columns that the late output has of its own.
const LATE_COLUMNS: [&str; 6] = ["_file", "_line", "_event_time", "_watermark", "_missed", "_late_by"];

/// How far ahead of its arrival an event may be.
///
/// `has_arrival` says whether the log tells arrivals by itself.
pub(super) fn max_ahead(spec: &JobSpec, has_arrival: bool) -> Option<i64> {
    let text = spec.source.max_ahead.as_ref()?;
    let ahead = length(&spec.document, text);
    if spec.source.arrival.is_none() && !has_arrival {
        needs(&spec.document, ("max_ahead", "arrival"), "the column that says when each event arrived", text);
    }
    ahead
}

fn needs(document: &Document, (key, other): (&str, &str), what: &str, text: &At<String>) {
    let error = Error::job(format!("`{key}` needs `{other}`"));
    document.fault(error.hint(format!("add `{other}`, {what}")), &text.span);
}

impl Planner<'_> {
    /// The rest of the watermark, and the late output. Checked in any mode, so that a job does not
    /// break when its mode changes; without a streamed output, nothing of it is kept.
    pub(super) fn stream(&mut self) {
        let spec = self.spec;
        let own = own_partition(&self.log);
        // A column that the job names goes before what the log tells by itself.
        let partition = match &spec.source.partition {
            Some(name) => log_partition(&spec.document, (&self.log, &self.rows), name),
            None => own,
        };
        if (self.streamed() || self.steps_depend_on_arrival()) && spec.source.partition.is_none() {
            self.files_in_turn();
        }
        let idle = spec.source.idle.as_ref().and_then(|text| {
            if spec.source.partition.is_none() && own.is_none() {
                needs(&spec.document, ("idle", "partition"), "a column, or \"file\"", text);
            }
            if spec.source.arrival.is_none() && self.log.own_arrival().is_none() {
                let what = "the column that says when each event arrived";
                needs(&spec.document, ("idle", "arrival"), what, text);
            }
            length(&spec.document, text)
        });
        let has_arrival = spec.source.arrival.is_some() || self.log.own_arrival().is_some();
        self.source_has(partition, has_arrival || self.log.files.is_empty());
        let late = spec.late.as_ref().and_then(|path| self.late_path(path));
        self.streamed_steps();
        if !self.streamed() {
            // It decides nothing now, so the plan is the same whatever the job says of it.
            self.watermark = Default::default();
            return;
        }
        // Spark has one watermark for all partitions.
        let partition = partition.filter(|_| !matches!(self.watermark.rule, WatermarkRule::Spark(_)));
        self.rows.read(partition.map_or(vec![], LogPartition::columns));
        (self.watermark.partition, self.watermark.idle) = (partition, idle);
        // The partitions of a topic are assigned when a job starts; what a column tells, or a file, may begin later.
        let known = match &spec.source.partitions {
            Some(word) => word.value == "known",
            None => spec.source.partition.is_none(),
        };
        let waits = !matches!(self.watermark.rule, WatermarkRule::KafkaStreams);
        self.watermark.known = known && waits && partition.is_some();
        if self.steps_depend_on_arrival() {
            self.streamed_rule();
        }
        // Arrival order goes by position where arrivals are the same.
        self.positions = true;
        if self.groupings.iter().any(|g| g.plan.lateness.is_some())
            && let (Some((path, format)), Some(path_at)) = (late, &spec.late)
        {
            let columns = self.late_columns();
            let Some(format) = self.late_key(format, path_at, &columns) else { return };
            self.rows.read(columns.iter().map(|(column, _)| *column));
            let table = table_kind(spec.late_table.as_ref(), spec.late_catalog.as_ref());
            self.late = Some(LatePlan { path, table, format, columns });
        }
    }

    /// Whether the watermark decides anything.
    pub(super) fn streamed(&self) -> bool {
        self.mode_override == Some(Mode::Streamed)
            || self.groupings.iter().any(|g| g.plan.lateness.is_some())
            || self.steps_depend_on_arrival()
    }

    /// Faults a log of several partitions in files that follow one another, where nothing tells when records
    /// arrived: all of a partition would come after all of another.
    fn files_in_turn(&self) {
        let has_arrival = self.spec.source.arrival.is_some() || self.log.own_arrival().is_some();
        let mut names = self.log.files.iter().filter_map(|file| file.framing.connect());
        let first = names.next().map(|name| (&name.topic, name.partition));
        if !has_arrival && names.any(|name| Some((&name.topic, name.partition)) != first) {
            let error = Error::job("the files of Kafka Connect do not contain arrival times");
            let span = self.spec.source.log.path.first().map_or(0..0, |path| path.span.clone());
            self.fault(
                error
                    .hint("the partitions are read one after another, so later ones would be late: add `arrival`, such as the column that Connect's InsertField makes from a record's timestamp")
                    .hint("or count every event: mode = \"complete\""),
                &span,
            );
        }
    }

    /// The file of late events, and its format.
    pub(super) fn late_path(&self, path: &At<String>) -> Option<(PathBuf, OutputFormat)> {
        let file = PathBuf::from(&path.value);
        let is_file = OutputFormat::of_path(&file).is_some() && !path.value.ends_with('/');
        if self.spec.late_table.is_some() && is_file {
            let error = Error::job(format!("`{}` is not a folder, and a table is one", path.value));
            self.fault(error.hint("give a path without an extension, or leave out `table`"), &path.span);
            return None;
        }
        if let Err((error, span)) =
            check_table(self.spec.late_table.as_ref(), self.spec.late_catalog.as_ref())
        {
            self.fault(error, &span);
            return None;
        }
        let format = match OutputFormat::of_path(&file) {
            _ if self.spec.late_table.is_some() => OutputFormat::Parquet,
            Some(format @ (OutputFormat::JsonLines | OutputFormat::Parquet | OutputFormat::Keyed(_))) => {
                format
            }
            _ => {
                let error = Error::job(format!("late events cannot be written to `{}`", path.value));
                self.fault(error.hint("give a .jsonl, .parquet or .kcat file"), &path.span);
                return None;
            }
        };
        if let (Some(key), false) = (self.spec.late_key.first(), matches!(format, OutputFormat::Keyed(_))) {
            let error = Error::job("`key` is for lines that kcat publishes");
            self.fault(error.hint("give late events a path that ends in .kcat"), &key.span);
            return None;
        }
        Some((file, format))
    }

    /// `format` with the key that lines of late events have, where they have one.
    fn late_key(
        &self,
        format: OutputFormat,
        path: &At<String>,
        columns: &[(ColumnId, Field)],
    ) -> Option<OutputFormat> {
        let OutputFormat::Keyed(_) = format else { return Some(format) };
        let place = |name: &str| columns.iter().position(|(_, field)| field.name == name);
        let named: Vec<usize> = if self.spec.late_key.is_empty() {
            // Keys that steps make are not in the log, and a part of a key would put events of two keys together.
            let streamed = self.groupings.iter().filter(|g| g.plan.lateness.is_some());
            let keys = streamed.map(|g| g.keys.iter().map(|key| place(key)).collect::<Option<Vec<_>>>());
            keys.flatten().find(|key| !key.is_empty()).unwrap_or_default()
        } else {
            let known = || columns.iter().map(|(_, field)| field.name.as_str());
            let named = self.spec.late_key.iter().map(|name| {
                if place(&name.value).is_none() {
                    self.fault(unknown_column(&name.value, known()), &name.span);
                }
                place(&name.value)
            });
            named.collect::<Vec<_>>().into_iter().collect::<Option<_>>()?
        };
        match LineKey::new(&named) {
            Some(key) if !named.is_empty() => return Some(OutputFormat::Keyed(key)),
            Some(_) => {
                let error = Error::job("lines for kcat need a key");
                self.fault(error.hint("key = [\"…\"] in [late]: the columns before the tab"), &path.span);
            }
            None => {
                let error = Error::job(format!("a key has at most {} columns", LineKey::MOST));
                self.fault(
                    error,
                    self.spec.late_key.get(LineKey::MOST).map_or(&path.span, |name| &name.span),
                );
            }
        }
        None
    }

    /// The columns of the source as the late output has them, by their numbers in the planner's schema.
    fn late_columns(&self) -> Vec<(ColumnId, Field)> {
        let columns = self.log.columns_of_files().into_iter();
        let source = columns.map(|column| (column, self.rows.schema.fields[column].clone()));
        // A column of the source gives way to one of the late output with its name.
        source.filter(|(_, field)| !LATE_COLUMNS.contains(&field.name.as_str())).collect()
    }

    /// The type of the event time as it stands in the log, where the batch's column of it is the
    /// instant: that would not be read back by the unit or format that the job gives.
    pub(super) fn time_as_written(&self) -> Option<(usize, DataType)> {
        let time = self.log.time.as_ref()?;
        let index = self.log.inferred.columns.iter().position(|c| c.name == time.column && !c.derived)?;
        let ty = match time.rule {
            TimeRule::Iso | TimeRule::Untimed => return None,
            // Digits of a number in a text stay as they are.
            TimeRule::Epoch(_) if self.log.inferred.columns[index].ty == DataType::Float64 => {
                if self.typed_files() { DataType::Float64 } else { DataType::String }
            }
            TimeRule::Epoch(_) => DataType::Int64,
            TimeRule::Format(_) | TimeRule::AnyOf(_) => DataType::String,
        };
        // A Parquet or Avro column of timestamps is read as it is, whatever the rule.
        let instants = self.log.inferred.columns[index].ty == DataType::Timestamp && self.typed_files();
        (self.rows.schema.fields[index].ty == DataType::Timestamp && !instants).then_some((index, ty))
    }
}
