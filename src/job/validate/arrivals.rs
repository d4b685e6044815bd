//! How the records of a log arrive: when, in which partitions, and with what watermark.

use super::faults::unknown_column;
use super::log::CheckedLog;
use super::rows::RowSource;
use crate::batch::{ColumnId, DataType};
use crate::error::Error;
use crate::input::ReadTime;
use crate::input::infer::{Inferred, InferredColumn};
use crate::input::wire_format::LogColumn;
use crate::job::document::{At, Document};
use crate::job::lengths::length;
use crate::job::spec::TableArrivalSpec;
use crate::plan::{LogPartition, WatermarkPlan};
use crate::time::{DAY, TimeParser, TimeRule, TimeUnit, Zone};

/// How the time at which a record arrived is read, if the job names a column for it.
///
/// Its values have no unit or format of their own in the job file. Integers have the unit of the event
/// time where that puts them within a year of it, or else the likely one; text is ISO-8601, or of the
/// event time's format.
pub(super) fn arrival(
    (document, column): (&Document, &At<String>),
    inferred: &Inferred,
    zone: &Zone,
    time: Option<&ReadTime>,
) -> Option<ReadTime> {
    let read = |rule| Some(ReadTime { column: column.value.clone(), rule });
    if inferred.columns.is_empty() {
        // Files without columns are empty, so how they are read does not matter.
        return read(TimeRule::Iso);
    }
    let Some(found) = inferred.column(&column.value) else {
        document.fault(unknown_column(&column.value, inferred.names()), &column.span);
        return None;
    };
    if let Some(time) = time.filter(|time| time.column == column.value) {
        // The arrival is the event time itself, so it is read in the same way.
        return Some(time.clone());
    }
    if matches!(found.ty, DataType::Timestamp | DataType::Date) && (!found.declared || found.derived) {
        return read(TimeRule::Iso);
    }
    let rules = arrival_rules(inferred, found, zone, time);
    let reads = |rule: &TimeRule| {
        let mut parser = TimeParser::new(rule.clone(), zone.clone());
        // One value that can be read is enough: the others are bad records.
        found.examples.is_empty() || found.examples.iter().any(|text| parser.text(text.as_bytes()).is_ok())
    };
    if let Some(rule) = rules.into_iter().find(reads) {
        return read(rule);
    }
    let error = match found.example.as_deref() {
        Some(example) => Error::job(format!(
            "`{}` contains `{example}`, which is not a time that can be read",
            column.value
        )),
        None => Error::job(format!("`{}` is {}, but its unit is not known", column.value, found.ty)),
    };
    let hint = "arrival times are ISO-8601, integers since 1970, or written like the event time";
    document.fault(error.hint(hint), &column.span);
    None
}

/// The rules that an arrival column may have, the best first.
fn arrival_rules(
    inferred: &Inferred,
    found: &InferredColumn,
    zone: &Zone,
    time: Option<&ReadTime>,
) -> Vec<TimeRule> {
    let own = time.map(|time| time.rule.clone()).filter(|rule| *rule != TimeRule::Iso);
    let likely = found.examples.iter().find_map(|e| TimeUnit::likely(e.parse().ok()?)).map(TimeRule::Epoch);
    // An integer is never a time in ISO-8601.
    let mut rules = if found.ty == DataType::Int64 { vec![] } else { vec![TimeRule::Iso] };
    let sample = |column: Option<&InferredColumn>, rule: &TimeRule| {
        let text = column?.example.as_ref()?;
        TimeParser::new(rule.clone(), zone.clone()).text(text.as_bytes()).ok()
    };
    // A wrong unit puts an arrival decades away. Both instants are believed, so the difference cannot
    // overflow.
    let near = own.as_ref().is_some_and(|rule| {
        let event = time.and_then(|time| sample(inferred.column(&time.column), rule));
        matches!((event, sample(Some(found), rule)), (Some(e), Some(a)) if (a - e).abs() <= 366 * DAY)
    });
    match near {
        true => rules.extend(own.into_iter().chain(likely)),
        false => rules.extend(likely.into_iter().chain(own)),
    }
    rules
}

/// The partitions that a log tells by itself.
pub(super) fn own_partition(log: &CheckedLog) -> Option<LogPartition> {
    let partition = log.own(LogColumn::Partition)?;
    Some(match log.own(LogColumn::Topic) {
        Some(topic) => LogPartition::Topics { topic, partition },
        None => LogPartition::Column(partition),
    })
}

/// The partitions that a job names.
pub(super) fn log_partition(
    document: &Document,
    (log, rows): (&CheckedLog, &RowSource),
    name: &At<String>,
) -> Option<LogPartition> {
    let source = &rows.schema.fields[..rows.source_columns];
    match source.iter().position(|field| field.name == name.value) {
        Some(column) => Some(LogPartition::Column(ColumnId::new(column))),
        // A column with the name `file` goes before the word.
        None if name.value == "file" => Some(LogPartition::File),
        None if log.inferred.columns.is_empty() => None,
        None => {
            let error = unknown_column(&name.value, log.inferred.names());
            document.fault(error.hint("or \"file\", if each file is a partition of the log"), &name.span);
            None
        }
    }
}

/// How the rows of a table arrive. Columns are numbers of its rows' schema.
#[derive(Default)]
pub(super) struct TableArrivals {
    pub watermark: WatermarkPlan,
    pub arrival: Option<ReadTime>,
    /// Whether a row without an arrival has its time instead.
    pub optional: bool,
}

impl TableArrivals {
    /// How the rows of a table arrive, as `spec` says it.
    pub(super) fn new(
        (document, zone): (&Document, &Zone),
        spec: &TableArrivalSpec,
        log: &CheckedLog,
        rows: &RowSource,
    ) -> TableArrivals {
        let partition = match &spec.partition {
            Some(name) => log_partition(document, (log, rows), name),
            None => own_partition(log),
        };
        let idle = spec.idle.as_ref().and_then(|text| length(document, text));
        let delay = spec.out_of_orderness.as_ref().and_then(|text| length(document, text));
        let named = spec.arrival.as_ref();
        let named =
            named.and_then(|column| arrival((document, column), &log.inferred, zone, log.time.as_ref()));
        let own = log.own_arrival().filter(|_| spec.arrival.is_none());
        TableArrivals {
            watermark: WatermarkPlan {
                out_of_orderness: delay.unwrap_or(0),
                partition,
                idle,
                ..WatermarkPlan::default()
            },
            optional: own.is_some(),
            arrival: named.or(own),
        }
    }

    /// The watermark with other numbers of columns.
    pub(super) fn renumbered(&self, id: impl Fn(ColumnId) -> ColumnId) -> WatermarkPlan {
        let partition = self.watermark.partition.map(|partition| match partition {
            LogPartition::File => LogPartition::File,
            LogPartition::Column(column) => LogPartition::Column(id(column)),
            LogPartition::Topics { topic, partition } => {
                LogPartition::Topics { topic: id(topic), partition: id(partition) }
            }
        });
        WatermarkPlan { partition, ..self.watermark.clone() }
    }
}
