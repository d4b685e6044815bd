//! Which events count, and how the watermark follows them.

use crate::batch::ColumnId;
use crate::time::MILLISECOND;
use std::fmt;

/// Which events count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// All of them, however late they came.
    #[default]
    Complete,
    /// Those that a live job would have counted; the others are late.
    Streamed,
}

/// Whose rule the watermark follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WatermarkRule {
    /// Flink's DataStream API: a window ends when the watermark reaches its end.
    #[default]
    Flink,
    /// Flink SQL: one millisecond ahead of the DataStream API.
    FlinkSql,
    /// Spark Structured Streaming: the watermark moves between micro-batches, and an event is late by that of the
    /// batch before.
    Spark(MicroBatch),
    /// Kafka Streams: each partition has a stream time of its own.
    KafkaStreams,
}

/// What a micro-batch of Spark holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MicroBatch {
    /// So many records.
    Records(i64),
    /// What arrived in so many microseconds, counted from 1970.
    Arrival(i64),
}

impl WatermarkRule {
    /// The name in the job file.
    pub fn name(self) -> &'static str {
        match self {
            WatermarkRule::Flink => "flink",
            WatermarkRule::FlinkSql => "flink-sql",
            WatermarkRule::Spark(_) => "spark",
            WatermarkRule::KafkaStreams => "kafka-streams",
        }
    }

    /// By how many microseconds the watermark is ahead of that of Flink's DataStream API.
    pub fn ahead(self) -> i64 {
        // Flink SQL does not take off the millisecond that the DataStream API does.
        if self == WatermarkRule::FlinkSql { MILLISECOND } else { 0 }
    }
}

/// The watermark: the greatest event time so far, in arrival order, less the out-of-orderness.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct WatermarkPlan {
    /// Whose rule it follows.
    pub rule: WatermarkRule,
    /// How often it moves, by arrival time, microseconds counted from 1970; `None` is after every record.
    pub every: Option<i64>,
    /// How far event times are taken to be out of order, microseconds.
    pub out_of_orderness: i64,
    /// What splits the log; the watermark is then the least of those of the partitions.
    pub partition: Option<LogPartition>,
    /// Whether a partition holds the watermark from the start of the log, and not from its first event.
    pub known: bool,
    /// After how many microseconds without an event, by arrival time, a partition no longer counts.
    pub idle: Option<i64>,
}

// Manifests of version 0.1.0 know their job by this text, so what that version did not have is told where it is used.
impl fmt::Debug for WatermarkPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("WatermarkPlan");
        text.field("out_of_orderness", &self.out_of_orderness);
        text.field("partition", &self.partition).field("idle", &self.idle);
        if self.rule != WatermarkRule::default() || self.every.is_some() || self.known {
            text.field("rule", &self.rule).field("every", &self.every).field("known", &self.known);
        }
        text.finish()
    }
}

/// What splits a log into partitions, each with a watermark of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogPartition {
    /// Each file is one.
    File,
    /// The values of this column of the batch.
    Column(ColumnId),
    /// The topics and partitions of Kafka, in these columns of the batch.
    Topics {
        /// The topic.
        topic: ColumnId,
        /// The number of the partition.
        partition: ColumnId,
    },
}

impl LogPartition {
    /// The columns of the batch whose values tell partitions apart.
    pub fn columns(self) -> Vec<ColumnId> {
        // The position of a row tells its file, so a column is not needed.
        match self {
            LogPartition::File => vec![],
            LogPartition::Column(column) => vec![column],
            LogPartition::Topics { topic, partition } => vec![topic, partition],
        }
    }
}
