//! Which events count, and how the watermark follows them.

use crate::batch::ColumnId;

/// Which events count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// All of them, however late they came.
    #[default]
    Complete,
    /// Those that a live job would have counted; the others are late.
    Streamed,
}

/// The watermark: the greatest event time so far, in arrival order, less the out-of-orderness.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WatermarkPlan {
    /// How far event times are taken to be out of order, microseconds.
    pub out_of_orderness: i64,
    /// What splits the log; the watermark is then the least of those of the partitions.
    pub partition: Option<LogPartition>,
    /// After how many microseconds without an event, by arrival time, a partition no longer counts.
    pub idle: Option<i64>,
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
