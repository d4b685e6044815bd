//! A log whose columns are known: the source, a table, or the files of a lookup.

use crate::batch::{ColumnId, DataType, Field, Schema};
use crate::input::derived::DerivedFrom;
use crate::input::infer::{Inferred, InferredColumn};
use crate::input::wire_format::LogColumn;
use crate::input::written::WrittenColumns;
use crate::input::{OnBadRecord, ReadColumn, ReadPlan, ReadTime, SourceFile};
use crate::time::{TimeRule, TimeUnit, Zone};

/// A log whose columns are known.
pub(super) struct CheckedLog {
    pub(super) files: Vec<SourceFile>,
    /// What they were found by; nothing where they were given.
    pub(super) patterns: Vec<String>,
    /// What there is to tell of them.
    pub(super) notes: Vec<String>,
    pub(super) delimiter: u8,
    pub(super) names: Option<Vec<String>>,
    pub(super) written: WrittenColumns,
    pub(super) inferred: Inferred,
    /// The event time; `None` after a fault.
    pub(super) time: Option<ReadTime>,
    /// `None` after a fault.
    pub(super) on_bad_record: Option<OnBadRecord>,
    /// Columns whose type a fault leaves open.
    pub(super) faulty: Vec<String>,
    /// Whether what `derive` says is computed as records are read.
    pub(super) derives: bool,
    /// The columns that no file has, in the order in which they are computed: numbers of `inferred`.
    pub(super) derived: Vec<(usize, DerivedFrom)>,
    /// Those of them that no name finds.
    pub(super) hidden: Vec<String>,
    /// Whether a fault leaves open which columns there are.
    pub(super) open: bool,
}

impl CheckedLog {
    /// A log of which nothing is known.
    pub(super) fn unseen() -> CheckedLog {
        let inferred = Inferred::default();
        CheckedLog {
            files: vec![],
            patterns: vec![],
            notes: vec![],
            delimiter: b',',
            names: None,
            written: WrittenColumns::default(),
            inferred,
            time: None,
            on_bad_record: None,
            faulty: vec![],
            derives: false,
            derived: vec![],
            hidden: vec![],
            open: false,
        }
    }

    /// The columns of a batch of all columns.
    pub(super) fn schema(&self) -> Schema {
        let field = |c: &InferredColumn| {
            let instant = self.time.as_ref().is_some_and(|time| time.is_instant(c));
            match self.faulty.contains(&c.name) {
                _ if c.derived && self.hidden.contains(&c.name) => Field::own(&c.name, c.ty),
                true => Field::faulty(&c.name),
                false => {
                    let ty = if instant { DataType::Timestamp } else { c.ty };
                    Field { nested: c.nested, ..Field::new(&c.name, ty) }
                }
            }
        };
        Schema::new(self.inferred.columns.iter().map(field).collect())
    }

    /// The column that the log has of its own, if every record has it.
    pub(super) fn own(&self, column: LogColumn) -> Option<ColumnId> {
        self.inferred.wire_format.as_ref().filter(|found| found.framing.has(column))?;
        let place = self.inferred.columns.iter().position(|c| c.name == column.name());
        place.map(ColumnId::new)
    }

    /// When records arrived, as the log tells it; not where that is their event time.
    pub(super) fn own_arrival(&self) -> Option<ReadTime> {
        self.own(LogColumn::Timestamp)?;
        let column = LogColumn::Timestamp.name();
        let is_time = self.time.as_ref().is_some_and(|time| time.column == column);
        // Kafka's timestamps are milliseconds since 1970.
        let rule = TimeRule::Epoch(TimeUnit::Milli);
        (!is_time).then(|| ReadTime { column: column.to_string(), rule })
    }

    /// Column number `i` of the files, read as `ty`.
    pub(super) fn column(&self, i: usize, ty: DataType) -> ReadColumn {
        let column = &self.inferred.columns[i];
        ReadColumn { name: column.name.clone(), ty, inferred: !column.declared }
    }

    /// How the log is read, as far as it is known before the columns are; `None` after a fault.
    pub(super) fn read(&self, zone: &Zone, chunk_bytes: usize) -> Option<ReadPlan> {
        Some(ReadPlan {
            files: self.files.clone(),
            patterns: self.patterns.clone(),
            columns: vec![],
            derived: vec![],
            time: self.time.clone()?,
            arrival: None,
            max_ahead: None,
            arrival_optional: false,
            deletes: false,
            zone: zone.clone(),
            delimiter: self.delimiter,
            names: self.names.clone(),
            written: self.written.clone(),
            on_bad_record: self.on_bad_record?,
            positions: false,
            from: i64::MIN,
            to: i64::MAX,
            chunk_bytes,
        })
    }
}
