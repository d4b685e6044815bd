//! How the records of a log are wrapped, and the columns that the wrapping gives.

use super::connect::ConnectName;
use super::console::ConsoleFields;

/// What frames the records of a log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum WireFormat {
    /// Nothing: a file holds values.
    #[default]
    Plain,
    /// A file of Kafka Connect, whose name tells topic, partition and first offset.
    Connect(ConnectName),
    /// Lines of `kcat -J`.
    Kcat,
    /// Lines of `kafka-console-consumer` with these properties.
    Console(ConsoleFields),
}

impl WireFormat {
    /// Whether nothing frames the records.
    pub fn is_plain(&self) -> bool {
        *self == WireFormat::Plain
    }
}

/// What is around the value of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Envelope {
    /// Nothing.
    #[default]
    None,
    /// Kafka Connect's `{"schema": …, "payload": …}`.
    Schema,
    /// A change event of Debezium, with or without its schema.
    Debezium,
}

/// How the records of a file are wrapped.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Framing {
    /// What frames them.
    pub wire_format: WireFormat,
    /// What is around their values.
    pub envelope: Envelope,
}

/// A column that a log has of its own, beside the fields of its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogColumn {
    /// The topic.
    Topic,
    /// The number of the partition.
    Partition,
    /// The offset in the partition.
    Offset,
    /// The record's time in milliseconds since 1970; of a change event when Debezium took it in.
    Timestamp,
    /// The key as text.
    Key,
    /// The value where it is no JSON object, as text.
    Value,
    /// What a change event did: `c`, `u`, `d` or `r`.
    Op,
    /// Whether a change event deletes its row.
    Deleted,
    /// When the database made the change, in milliseconds since 1970.
    SourceTime,
}

impl LogColumn {
    /// All of them.
    pub const ALL: [LogColumn; 9] = [
        LogColumn::Topic,
        LogColumn::Partition,
        LogColumn::Offset,
        LogColumn::Timestamp,
        LogColumn::Key,
        LogColumn::Value,
        LogColumn::Op,
        LogColumn::Deleted,
        LogColumn::SourceTime,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            LogColumn::Topic => "_topic",
            LogColumn::Partition => "_partition",
            LogColumn::Offset => "_offset",
            LogColumn::Timestamp => "_timestamp",
            LogColumn::Key => "_key",
            LogColumn::Value => "_value",
            LogColumn::Op => "_op",
            LogColumn::Deleted => "_deleted",
            LogColumn::SourceTime => "_source_ts",
        }
    }

    /// Whether its values are milliseconds since 1970.
    pub fn is_time(self) -> bool {
        matches!(self, LogColumn::Timestamp | LogColumn::SourceTime)
    }

    /// The column of this name.
    pub fn named(name: &str) -> Option<LogColumn> {
        LogColumn::ALL.into_iter().find(|column| column.name() == name)
    }
}

impl Framing {
    /// Whether a file holds its records as they are.
    pub fn is_plain(&self) -> bool {
        self.wire_format == WireFormat::Plain && self.envelope == Envelope::None
    }

    /// The name of Kafka Connect's file, if it is one.
    pub fn connect(&self) -> Option<&ConnectName> {
        if let WireFormat::Connect(name) = &self.wire_format { Some(name) } else { None }
    }

    /// Whether every record has this column, if only as NULL.
    pub fn has(&self, column: LogColumn) -> bool {
        let fields = if let WireFormat::Console(fields) = &self.wire_format { Some(fields) } else { None };
        let (kcat, connect) = (self.wire_format == WireFormat::Kcat, self.connect().is_some());
        let changes = self.envelope == Envelope::Debezium;
        match column {
            LogColumn::Topic => kcat || connect,
            LogColumn::Partition => kcat || connect || fields.is_some_and(|f| f.partition),
            LogColumn::Offset => kcat || connect || fields.is_some_and(|f| f.offset),
            LogColumn::Timestamp => kcat || changes || fields.is_some_and(|f| f.timestamp),
            LogColumn::Key => kcat || fields.is_some_and(|f| f.key),
            LogColumn::Value => !self.is_plain(),
            LogColumn::Op | LogColumn::Deleted | LogColumn::SourceTime => changes,
        }
    }
}

/// Where a record stands in Kafka.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPlace {
    /// The topic, where the log tells it.
    pub topic: Option<String>,
    /// The partition.
    pub partition: i64,
    /// The offset.
    pub offset: i64,
}
